// The real Node SDK as a server uses it: node_client.cjs WRITE_KEY HOST, ids on stdout.
// Names under .test are mapped to loopback here, since no resolver on the machine knows them.
const dns = require("node:dns");
const lookup = dns.lookup;
dns.lookup = (host, ...rest) => lookup(host.endsWith(".test") ? "127.0.0.1" : host, ...rest);

const { Analytics } = require("@segment/analytics-node");
const [writeKey, host] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, maxRetries: 3 });
const userId = "u1";
const ids = [];
analytics.on("http_request", () => {});
const remember = (error, context) => {
  if (error) throw error;
  ids.push(context.event.messageId);
};
analytics.identify({ userId, traits: { plan: "demo" } }, remember);
analytics.track({ userId, event: "Order Completed", properties: { total: 42 } }, remember);
analytics.page({ userId, name: "Home" }, remember);
analytics.screen({ userId, name: "Start" }, remember);
analytics.group({ userId, groupId: "g1", traits: { name: "Shop" } }, remember);
analytics.alias({ userId, previousId: "u0" }, remember);
analytics.closeAndFlush().then(() => console.log(JSON.stringify(ids)));
