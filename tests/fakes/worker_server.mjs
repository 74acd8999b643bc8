// Runs a Cloudflare Worker in Cloudflare's own runtime, over TLS and over plain HTTP.
// node worker_server.mjs NODE_MODULES FOLDER CERTIFICATE KEY HTTPS_PORT HTTP_PORT
import { createRequire } from "node:module";

const [modules, folder, httpsCertPath, httpsKeyPath, httpsPort, httpPort] = process.argv.slice(2);
const { Miniflare, Log, LogLevel } = createRequire(`${modules}/`)("miniflare");
const worker = {
  modules: true,
  scriptPath: `${folder}/worker.js`,
  modulesRoot: folder,
  compatibilityDate: "2025-09-01",
  host: "127.0.0.1",
  cf: false,
  log: new Log(LogLevel.WARN),
};
const plain = new Miniflare({ ...worker, port: Number(httpPort) });
await plain.ready;
const secure = new Miniflare({ ...worker, port: Number(httpsPort), httpsCertPath, httpsKeyPath });
await secure.ready;
process.on("SIGTERM", async () => {
  await Promise.all([plain.dispose(), secure.dispose()]);
  process.exit(0);
});
