// An issuer with a private authority: its metadata and keys are fetched over HTTPS, from it alone.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { keyPair, signed } from './authorization_server.mjs';
import { makeAuthority } from './certificates.mjs';
import { inFolder, modern, startServer } from './support.mjs';

const place = inFolder();
let authority;
let key;
let issuer;  // an HTTPS server for "localhost" alone
let port;
const asked = [];
before(async () => {
  authority = makeAuthority(place.folder);
  key = await keyPair('ES256', 'one');
  const files = authority.issue('issuer', place.folder, { names: 'DNS:localhost', as: 'issuer' });
  issuer = https.createServer({ key: readFileSync(files.key), cert: readFileSync(files.certificate) }, (request, answer) => {
    asked.push(request.url);
    const at = `https://${request.headers.host}`;
    answer.setHeader('Content-Type', 'application/json');
    answer.end(JSON.stringify(request.url === '/keys' ? { keys: [key.public] } : { issuer: at, jwks_uri: `${at}/keys` }));
  }).listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  port = issuer.address().port;
});
after(() => {
  issuer.closeAllConnections();
  issuer.close();
  place.remove();
});

// What a call with a good token of that issuer gets from a server with this section.
async function callWith(host, oauth, use) {
  const own = { issuer: `https://${host}:${port}`, allow_private: true, keys_retry_s: 3600, ...oauth };
  const server = await startServer({ http: '', plugins: ['pool', 'guard', 'query', { auth: { oauth: own } }] });
  const token = await signed(key, { issuer: own.issuer, audience: server.url });
  const answer = await modern(server.url, 'tools/call', { name: 'query', arguments: { sql: 'select 6 * 7' } }, undefined, { Authorization: `Bearer ${token}` });
  await use(answer, server);
  await server.stop();
}

test('metadata and keys come over HTTPS from an issuer whose authority oauth.ca_file names', async () => {
  asked.length = 0;
  await callWith('localhost', { ca_file: authority.ca }, (answer, server) => {
    assert.equal(answer.status, 200, server.log());
    assert.deepEqual(answer.json.result.structuredContent.rows, [[42]]);
  });
  assert.deepEqual(asked, ['/.well-known/oauth-authorization-server', '/keys']);
  await callWith('localhost', { ca_file: authority.ca, jwks_url: `https://localhost:${port}/keys` }, ({ status }) => assert.equal(status, 200));
});

const refusals = {
  'an authority that only the system could vouch for': ['localhost', () => ({}),
    /unable to get local issuer certificate; the authority of a certificate that the system does not know is named in oauth\.ca_file/],
  'another private authority': ['localhost', () => ({ ca_file: makeAuthority(place.folder, 'other').ca }),
    /(unable to get local issuer certificate|certificate signature failure|self.signed).*; the only authorities trusted are those in \S+other\.crt \(oauth\.ca_file\)/],
  'a name the certificate does not have': ['127.0.0.1', () => ({ ca_file: authority.ca }),
    /no alternative certificate subject name matches target host name '127\.0\.0\.1'/],
  'a file of authorities that is not there': ['localhost', () => ({ ca_file: join(place.folder, 'none.pem') }), /; oauth\.ca_file is \S+none\.pem/],
  'a file of authorities that is none': ['localhost', () => {
    writeFileSync(join(place.folder, 'text.pem'), 'no certificate\n');
    return { ca_file: join(place.folder, 'text.pem') };
  }, /; oauth\.ca_file is \S+text\.pem/],
};
for (const [name, [host, oauth, why]] of Object.entries(refusals)) {
  test(`refused with what to do, and nothing is asked: ${name}`, async () => {
    asked.length = 0;
    await callWith(host, oauth(), async (answer, server) => {
      assert.equal(answer.status, 503);
      assert.match((await server.logs(/.*no keys from.*/))[0], why);
    });
    assert.deepEqual(asked, []);
  });
}
