// An OpenID provider for the tests: oidc-provider with keys made at the start.
// node provider.mjs PATH-OF-OIDC-PROVIDER PORT KEY-ID… where a key id ends in its algorithm.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [path, port, ...ids] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${path}/lib/index.js`));

const algorithmOf = (id) => id.split("-").at(-1);
const key = (id) => {
  const alg = algorithmOf(id);
  const { privateKey } =
    alg === "ES256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: id, use: "sig", alg };
};

// What the token of each client says besides; "mail" with an algorithm is as it should be.
const directory = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const claims = { oid: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", tid: directory, roles: ["Mail.Send"] };
const person = "bbbbbbbb-0000-4000-8000-000000000000";
const clients = {
  mail: { seconds: 3600, claims },
  reader: { seconds: 3600, claims: { ...claims, roles: ["Mail.Read"] } },
  stranger: { seconds: 3600, claims: { ...claims, oid: "99999999-0000-4000-8000-000000000000" } },
  elsewhere: { seconds: 3600, claims: { ...claims, tid: "00000000-0000-4000-8000-000000000000" } },
  person: { seconds: 3600, claims: { oid: person, tid: directory, scp: "Mail.Send User.Read" } },
  hasty: { seconds: 1, claims },
  brief: { seconds: 40, claims },
};

const server = createServer();
await new Promise((resolve) => server.listen(Number(port), "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  jwks: { keys: ids.map(key) },
  clients: Object.keys(clients).map((client_id) => ({
    client_id,
    client_secret: "secret",
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: "client_secret_post",
    id_token_signed_response_alg: algorithmOf(ids[0]),
  })),
  extraTokenClaims: (_ctx, token) => clients[token.clientId].claims,
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      // The resource is the audience, and names the algorithm as well: https://smtp.test/RS256.
      getResourceServerInfo: (_ctx, resource, client) => ({
        audience: new URL(resource).origin,
        scope: "",
        accessTokenFormat: "jwt",
        accessTokenTTL: clients[client.clientId].seconds,
        jwt: { sign: { alg: new URL(resource).pathname.slice(1) } },
      }),
    },
  },
});
server.on("request", provider.callback());
console.log(`ready ${issuer}`);
// It ends with the test that holds the other end, however that ends.
process.stdin.on("end", () => process.exit()).resume();
