// An OpenID Connect provider that is not ours (npm's oidc-provider), for tests to sign in with.
//
//   node provider.mjs CERTIFICATE KEY
//
// Speaks HTTPS on a free port of localhost. Wishes come as lines of JSON on standard input and are answered with one
// line each, the first, unasked, with the issuer. It ends with its standard input.
//
// Its signing keys are wishes too: Node 20 stands still for ever where it collects garbage while it exports a key that
// it has generated itself.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const [certificate, key] = process.argv.slice(2).map((path) => readFileSync(path));
const state = { clients: [], accounts: {}, keys: [], claimsInToken: false, amr: ["pwd"], acr: "basic" };
const cookieKeys = [randomBytes(32).toString("hex")];
let issuer = "";
let serve;

// What is registered is fixed in a provider: another wish makes another one, on the same sessions and codes.
function build() {
  const provider = new Provider(issuer, {
    clients: state.clients,
    jwks: { keys: state.keys },
    cookies: { keys: cookieKeys },
    scopes: ["openid", "profile", "email", "groups"],
    claims: {
      openid: ["sub", "amr", "acr", "auth_time"],
      profile: ["name", "preferred_username"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    conformIdTokenClaims: !state.claimsInToken,
    enabledJWA: { idTokenSigningAlgValues: ["RS256", "PS256", "ES256", "EdDSA"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
    ttl: { Session: 3600, Grant: 3600, Interaction: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ ...state.accounts[id], sub: id }) }),
    // Nobody is asked for consent: whoever is signed in has given it.
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope("openid profile email groups");
      await grant.save();
      return grant;
    },
  });
  const own = provider.callback();
  return (request, response) => {
    if (request.url.startsWith("/interaction/")) {
      interact(provider, request, response).catch((error) => {
        response.statusCode = 500;
        response.end(String(error));
      });
    } else {
      own(request, response);
    }
  };
}

async function interact(provider, request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.method !== "POST") {
    const hint = String(details.params.login_hint ?? "").replace(/[^\w@.-]/g, "");
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!doctype html><html lang="en"><head><title>Sign in elsewhere</title>
<link rel="icon" href="data:,"></head><body><main><h1>Sign in elsewhere</h1><form method="post">
<label>Login <input name="login" value="${hint}" autofocus></label>
<button name="answer" value="yes">Sign in</button><button name="answer" value="no">Refuse</button>
</form></main></body></html>`);
    return;
  }
  let body = "";
  for await (const piece of request) body += piece;
  const form = new URLSearchParams(body);
  const login = form.get("login");
  const result =
    form.get("answer") === "no" || !(login in state.accounts)
      ? { error: "access_denied", error_description: "no" }
      : { login: { accountId: login, amr: state.amr, acr: state.acr } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const server = createServer({ cert: certificate, key }, (request, response) => serve(request, response));
server.listen(0, "127.0.0.1", () => {
  issuer = `https://localhost:${server.address().port}`;
  serve = build();
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});

createInterface({ input: process.stdin })
  .on("line", (line) => {
    Object.assign(state, JSON.parse(line));
    serve = build();
    process.stdout.write(`${JSON.stringify({ kids: state.keys.map((each) => each.kid) })}\n`);
  })
  .on("close", () => process.exit(0));
