// Runs a Next.js application over TLS, as its hosting would.
// node next_server.cjs NODE_MODULES FOLDER CERTIFICATE KEY HTTPS_PORT
const fs = require("node:fs");
const https = require("node:https");
const { createRequire } = require("node:module");

const [modules, dir, cert, key, port] = process.argv.slice(2);
const next = createRequire(`${modules}/`)("next");

fs.mkdirSync(`${dir}/pages`);
fs.writeFileSync(`${dir}/pages/index.js`, "export default function Page() { return null; }\n");
fs.symlinkSync(modules, `${dir}/node_modules`);
const application = next({ dev: true, dir, hostname: "127.0.0.1", port: Number(port), webpack: true });
application.prepare().then(() => {
  const handle = application.getRequestHandler();
  https
    .createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (asked, answer) =>
      handle(asked, answer),
    )
    .listen(Number(port), "127.0.0.1");
});
