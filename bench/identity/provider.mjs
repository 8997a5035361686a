// oidc-provider as an authority for programs: `node provider.mjs FOLDER SETTINGS`.
//
// FOLDER has oidc-provider installed; SETTINGS is a file of JSON: {port, resource, clients: [[id, secret], ...]}.
// Everything is in memory, over plain HTTP; a token is a JWT signed with an RSA key of 2048 bits, as ours.
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , folder, settings] = process.argv;
const installed = createRequire(`${folder}/package.json`);
const { default: Provider } = await import(pathToFileURL(installed.resolve("oidc-provider")));
const { port, resource, clients } = JSON.parse(readFileSync(settings, "utf8"));

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256" }] },
  clients: clients.map(([client_id, client_secret]) => ({
    client_id,
    client_secret,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: "client_secret_post",
  })),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      getResourceServerInfo: () => ({
        scope: "all",
        audience: resource,
        accessTokenTTL: 3600,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
provider.listen(port, "127.0.0.1");
