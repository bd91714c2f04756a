// An authorization server for the live tests, by people who have never seen
// this module. It asks for private_key_jwt and for DPoP nonces, and lets anyone
// register, with an access token that each update replaces.
//
//   node provider.js FOLDER [TOKEN]    FOLDER holds node_modules (npm ci); with a
//                                      TOKEN nobody registers without it
//
// The first line of stdin is a JSON array of clients; the first line of stdout
// is the issuer, once it answers. It ends with its stdin.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const library = pathToFileURL(resolve(process.argv[2], 'node_modules/oidc-provider/lib/index.js'));
const { default: Provider } = await import(library);

const signatures = ['RS', 'PS', 'ES'].flatMap((f) => [256, 384, 512].map((n) => f + n)).concat('EdDSA');
const account = (id) => ({ accountId: id, claims: () => ({ sub: id }) });
const page = (ctx, form) => { ctx.body = `<!DOCTYPE html>${form}`; };

// The person who is asked always agrees.
async function grantAll(ctx) {
  const grant = new ctx.oidc.provider.Grant({
    clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
  });
  grant.addOIDCScope('openid offline_access');
  await grant.save();
  return grant;
}

const configuration = (clients) => ({
  clients,
  clientAuthMethods: ['private_key_jwt'],
  enabledJWA: { clientAuthSigningAlgValues: signatures, dPoPSigningAlgValues: signatures },
  scopes: ['openid', 'offline_access', 'patients'],
  cookies: { keys: [randomBytes(32).toString('hex')] },
  findAccount: (_, id) => account(id),
  loadExistingGrant: grantAll,
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    registration: { enabled: true, initialAccessToken: process.argv[3] ?? false },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
    deviceFlow: {
      enabled: true,
      userCodeInputSource: page,
      userCodeConfirmSource: page,
      successSource: (ctx) => page(ctx, 'connected'),
    },
  },
});

const lines = createInterface({ input: process.stdin });
lines.once('line', (clients) => {
  const server = createServer();
  server.listen(0, '127.0.0.1', () => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    const provider = new Provider(issuer, configuration(JSON.parse(clients)));
    const handle = provider.callback();
    server.on('request', (req, res) => {
      if (!req.url.startsWith('/interaction/')) return handle(req, res);
      return provider.interactionFinished(req, res, { login: { accountId: 'kari' }, consent: {} });
    });
    console.log(issuer);
  });
});
lines.once('close', () => process.exit());
