// An OpenID Connect issuer (oidc-provider) whose access tokens have the shape of Keycloak's: realm roles and a tenant
// claim. It prints its address. A service gets its token by its secret, with the role of the command line; a person signs
// in, without a form to fill in: the address to sign in at says who, or it is Ada. After POST /publish it publishes a further key, with
// which it signs after POST /rotate; where there is none, that publishes one and signs with it at once. After POST
// /gateway/HOST:PORT it lets people back to the gateway there; after one to /gateway/HOST:PORT/TENANT they have a part in that tenant too.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [tenant, role] = process.argv.slice(2);
const people = { ada: ['crm_admin', 'tenant_admin'], uma: ['crm_user', 'offline_access'], vic: ['crm_viewer'], ned: ['guest'] };
const keys = [];
let isPublished = false;
let provider;
let gateway = 'http://127.0.0.1';
let other;

function makeKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${keys.length + 1}`, use: 'sig', alg: 'RS256' };
}

function claims(person) {
  const roles = person ? people[person] : [role];
  const named = person && { preferred_username: person, name: `${person} Example`, email: `${person}@example.com` };
  return { tenant_id: person && other ? [tenant, other] : tenant, realm_access: { roles }, typ: 'Bearer', ...named };
}

function start() {
  provider = new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: ['a key for cookies'] },
    clients: [{
      client_id: 'console',
      client_secret: 'console-secret',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    }, {
      client_id: 'app',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/signed-in'],
    }, {
      client_id: 'pages',
      client_secret: 'pages secret: of a gateway',
      redirect_uris: [`${gateway}/console/sign-in/back`],
    }],
    // ID tokens of the same shape.
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...claims(id), typ: 'ID' }) }),
    claims: { openid: ['sub', 'typ', 'tenant_id', 'realm_access'], profile: ['name', 'preferred_username'], email: ['email'] },
    conformIdTokenClaims: false,
    extraTokenClaims: (_, token) => claims(token.accountId),
    interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
    // What people are asked to allow, allowed.
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid profile email');
      grant.addResourceScope('urn:crm', 'crm');
      await grant.save();
      return grant;
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:crm',
        getResourceServerInfo: () => ({ scope: 'crm', audience: 'crm-api', accessTokenFormat: 'jwt' }),
        useGrantedResource: () => true,
      },
    },
  });
}

async function signIn(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  await provider.interactionFinished(request, response, { login: { accountId: params.login_hint ?? 'ada' } });
}

const server = createServer(async (request, response) => {
  if (request.method === 'POST' && request.url === '/publish') {
    // The provider signs with the first that fits.
    keys.push(makeKey());
    isPublished = true;
    start();
    response.end();
  } else if (request.method === 'POST' && request.url === '/rotate') {
    keys.unshift(isPublished ? keys.pop() : makeKey());
    isPublished = false;
    start();
    response.end();
  } else if (request.method === 'POST' && request.url.startsWith('/gateway/')) {
    const [host, also] = request.url.split('/').slice(2);
    gateway = `http://${host}`;
    other = also;
    start();
    response.end();
  } else if (request.url.startsWith('/sign-in/')) {
    await signIn(request, response);
  } else {
    provider.callback()(request, response);
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
keys.push(makeKey());
start();
console.log(`listening on ${issuer}`);
