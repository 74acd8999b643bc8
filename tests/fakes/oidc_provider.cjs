// A real OpenID Provider (npm oidc-provider) on loopback, whose one page signs in whoever is asked for.
// usage: node oidc_provider.cjs PORT REDIRECT_URI
const [port, redirect] = process.argv.slice(2);
(async () => {
  const { Provider } = await import("oidc-provider");
  const people = {
    ann: { email: "Ann@Shop.test", email_verified: true },
    bob: { email: "bob@shop.test", email_verified: false },
  };
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
      {
        client_id: "firstparty",
        client_secret: "a secret: with %signs",
        redirect_uris: [redirect],
        response_types: ["code"],
        grant_types: ["authorization_code"],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    conformIdTokenClaims: false, // claims are in the ID token, as most providers do
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, ...people[id] }),
    }),
    loadExistingGrant: async (context) => {
      const grant = new context.oidc.provider.Grant({
        clientId: context.oidc.client.clientId,
        accountId: context.oidc.session.accountId,
      });
      grant.addOIDCScope("openid email");
      await grant.save();
      return grant;
    },
  });
  provider.use(async (context, next) => {
    if (!context.path.startsWith("/interaction/")) return next();
    // The test says who signs in by a cookie of its own.
    const who = context.cookies.get("who");
    await provider.interactionFinished(context.req, context.res, { login: { accountId: who } });
    context.respond = false;
  });
  provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
})();
