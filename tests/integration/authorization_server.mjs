// A real authorization server (npm oidc-provider) on loopback, whose private keys the test has, so that it can also sign
// what no server would.
import { createServer } from 'node:http';

import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

export const redirect_uri = 'http://127.0.0.1:9/callback';  // nobody listens: the test plays the browser

async function keyPair(alg, kid) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...await exportJWK(privateKey), kid, alg, use: 'sig' }, public: { ...await exportJWK(publicKey), kid, alg, use: 'sig' } };
}

const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

export async function startAuthorizationServer() {
  const key = await keyPair('RS256', 'as-1');
  const server = createServer();
  const issuer = `http://127.0.0.1:${await listening(server)}`;
  const robot = (client_id, scope) => ({ client_id, client_secret: `${client_id}-secret`, scope, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] });
  const provider = new Provider(issuer, {
    jwks: { keys: [key.jwk] },
    scopes: ['openid', 'offline_access', 'howdah:read', 'howdah:write'],
    clients: [
      robot('reader', 'howdah:read'),
      robot('writer', 'howdah:read howdah:write'),
      { client_id: 'person', token_endpoint_auth_method: 'none', application_type: 'native', redirect_uris: [redirect_uri], grant_types: ['authorization_code'], response_types: ['code'] },
    ],
    cookies: { keys: ['test'] },
    pkce: { required: () => true },
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'howdah:read howdah:write', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  server.on('request', provider.callback());
  return { issuer, key, stop: () => { server.closeAllConnections(); server.close(); } };
}

// A key set of its own, which the test changes while others read it.
export async function startKeyServer(...keys) {
  const served = { keys: keys.map((key) => key.public), requests: 0 };
  const server = createServer((_, answer) => {
    served.requests += 1;
    answer.setHeader('Content-Type', 'application/json');
    answer.end(JSON.stringify({ keys: served.keys }));
  });
  const url = `http://127.0.0.1:${await listening(server)}/keys`;
  return { url, served, stop: () => { server.closeAllConnections(); server.close(); } };
}

export { keyPair };

// An access token; `claims` and `header` replace what a good one has, undefined takes it away.
export function signed(key, { issuer, audience, claims = {}, header = {} }) {
  const now = Math.floor(Date.now() / 1000);
  const body = { iss: issuer, aud: audience, sub: 'ada', iat: now, exp: now + 600, scope: 'howdah:read', ...claims };
  return new SignJWT(JSON.parse(JSON.stringify(body)))
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header })
    .sign(key.privateKey);
}

// Plays the browser of somebody who logs in and agrees to everything: from the authorization URL to the code.
export async function logIn(start) {
  const jar = new Map();
  const visit = async (url, form) => {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { Cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      jar.set(name, value);
    }
    return answer;
  };
  let answer = await visit(start);
  for (let step = 0; step < 20; step += 1) {
    const location = answer.headers.get('location');
    if (location?.startsWith(redirect_uri)) return new URL(location).searchParams;
    if (location) {
      answer = await visit(new URL(location, start));
      continue;
    }
    const page = await answer.text();
    const action = page.match(/action="([^"]+)"/);
    const prompt = page.match(/name="prompt" value="([^"]+)"/);
    if (!action || !prompt) throw new Error(`not a login page: ${answer.status} ${page.slice(0, 300)}`);
    answer = await visit(new URL(action[1], start), prompt[1] === 'login' ? { prompt: 'login', login: 'ada', password: 'x' } : { prompt: prompt[1] });
  }
  throw new Error('the login did not end');
}
