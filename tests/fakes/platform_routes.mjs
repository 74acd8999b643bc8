// Where Vercel's and Netlify's own parsers lead each path; prints {errors, targets} as JSON.
// node platform_routes.mjs NODE_MODULES vercel|netlify FILE PATH...
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, platform, file, ...paths] = process.argv.slice(2);
const require = createRequire(`${modules}/`);

function readVercel() {
  const { getTransformedRoutes } = require("@vercel/routing-utils");
  const { routes, error } = getTransformedRoutes(JSON.parse(readFileSync(file, "utf8")));
  const rules = (routes ?? []).filter((route) => route.src);
  const lead = (path) => {
    for (const { src, dest } of rules) {
      const found = new RegExp(src).exec(path);
      if (found) return dest.replace(/\$(\d)/g, (_, number) => found[number] ?? "");
    }
    return null;
  };
  return { errors: error ? error.errors : [], lead };
}

async function readNetlify() {
  const parser = pathToFileURL(require.resolve("@netlify/redirect-parser"));
  const { parseAllRedirects } = await import(parser.href);
  const { redirects, errors } = await parseAllRedirects({ netlifyConfigPath: file });
  // The matcher has other names for two of the parser's fields.
  const rules = redirects.map(({ from, query, ...rest }) => ({
    ...rest,
    origin: from,
    params: query,
  }));
  const matcher = await require("netlify-redirector").parseJSON(JSON.stringify(rules), {});
  const lead = (path) => {
    const [getHeader, getCookie] = [() => "", () => ""];
    const url = { scheme: "https", host: "evs.shop.com", path, query: "a=1" };
    const found = matcher.match({ ...url, getHeader, getCookie });
    // Another status would send the browser there, and a rule without force gives way to files.
    return found && found.status === 200 && found.force ? found.to : null;
  };
  return { errors: errors.map((error) => error.message), lead };
}

const { errors, lead } = await (platform === "vercel" ? readVercel() : readNetlify());
const targets = Object.fromEntries(paths.map((path) => [path, lead(path)]));
console.log(JSON.stringify({ errors, targets }));
