// An OpenID Connect issuer (oidc-provider) whose access tokens have the shape of Keycloak's: realm roles and a tenant
// claim. It prints its address, and publishes a further key, with which it signs from then on, after POST /rotate.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [tenant, role] = process.argv.slice(2);
const keys = [];
let serve;

function addKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = `key-${keys.length + 1}`;
  // The provider signs with the first that fits.
  keys.unshift({ ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' });
}

function start(issuer) {
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [{
      client_id: 'console',
      client_secret: 'console-secret',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    }],
    extraTokenClaims: () => ({ tenant_id: tenant, realm_access: { roles: [role] }, typ: 'Bearer' }),
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
  serve = provider.callback();
}

const server = createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/rotate') {
    addKey();
    start(issuer);
    response.end();
  } else {
    serve(request, response);
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
addKey();
start(issuer);
console.log(`listening on ${issuer}`);
