// The older Node SDK as a server uses it: node6_client.cjs WRITE_KEY HOST, ids on stdout.
// Names under .test are mapped to loopback here, since no resolver on the machine knows them.
const dns = require("node:dns");
const lookup = dns.lookup;
dns.lookup = (host, ...rest) => lookup(host.endsWith(".test") ? "127.0.0.1" : host, ...rest);

const Analytics = require("analytics-node");
const [writeKey, host] = process.argv.slice(2);
const analytics = new Analytics(writeKey, { host, flushAt: 20 });
const userId = "u1";
const ids = [];
const id = () => ids[ids.push(`node6-${process.pid}-${ids.length}`) - 1];
analytics.identify({ messageId: id(), userId, traits: { plan: "demo" } });
analytics.track({ messageId: id(), userId, event: "Order Completed", properties: { total: 42 } });
analytics.page({ messageId: id(), userId, name: "Home" });
analytics.screen({ messageId: id(), userId, name: "Start" });
analytics.group({ messageId: id(), userId, groupId: "g1" });
analytics.alias({ messageId: id(), userId, previousId: "u0" });
analytics.flush((error) => {
  if (error) throw error;
  // The first message went out at once, by itself.
  setTimeout(() => console.log(JSON.stringify(ids)), 500);
});
