// Who is let in over HTTP: the token of the state folder, a token file, access tokens of a real authorization server.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { ClientCredentialsProvider as LegacyCredentials } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { StreamableHTTPClientTransport as LegacyHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { keyPair, logIn, redirect_uri, signed, startAuthorizationServer, startKeyServer } from './authorization_server.mjs';
import { config, inFolder, modern, openSession, post, run, runBeside, startServer, textOf, until } from './support.mjs';

const plugins = ['pool', 'guard', 'query', 'schema'];
const bearer = (token) => ({ Authorization: `Bearer ${token}` });
const call = (url, name, args, headers) => modern(url, 'tools/call', { name, arguments: args }, undefined, headers);
const select = (url, headers) => call(url, 'query', { sql: 'select 1 as one' }, headers);
const insert = (url, headers) => call(url, 'execute', { sql: 'update shop.suppliers set name = name where false', database: 'notes' }, headers);
const challengeOf = (answer) => answer.headers.get('www-authenticate');

let as;
let server;  // takes tokens of `as`
const untold = [];  // what may not stand in its log
before(async () => {
  as = await startAuthorizationServer();
  server = await startServer({ http: '', plugins: [...plugins, { auth: { oauth: { issuer: as.issuer, allow_http: true, keys_retry_s: 1 } } }] });
});
after(async () => {
  await server.stop();
  for (const token of untold) assert.ok(!server.log().includes(token.slice(0, 40)));
  as.stop();
});

test('without a word about auth a token is made, shown to its owner alone, and needed', async () => {
  const own = await startServer({ http: '' });
  const file = join(own.folder, 'state', 'plugins', 'auth', 'token');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const token = readFileSync(file, 'utf8').trim();
  await own.logs(new RegExp(file));

  const without = await select(own.url);
  assert.equal(without.status, 401);
  assert.equal(challengeOf(without), 'Bearer realm="howdah", scope="howdah:read"');
  const good = await select(own.url, bearer(token));
  assert.equal(good.status, 200);
  assert.equal(good.json.result.structuredContent.row_count, 1);
  assert.equal((await insert(own.url, bearer(token))).json.result.isError ?? false, false);

  assert.equal((await select(own.url, bearer(`${token}x`))).status, 401);
  assert.match(challengeOf(await select(own.url, bearer('wrong'))), /error="invalid_token"/);
  assert.equal((await select(`${own.url}?access_token=${token}`)).status, 401);
  for (const header of ['Bearer', `Bearer ${token} x`]) {
    const malformed = await select(own.url, { Authorization: header });
    assert.equal(malformed.status, 400, header);
    assert.match(challengeOf(malformed), /error="invalid_request"/);
  }
  assert.equal((await select(own.url, { Authorization: `Basic ${btoa('a:b')}` })).status, 401);
  assert.equal((await fetch(new URL('/.well-known/oauth-protected-resource', own.url))).status, 404);

  const refused = await runBeside(['call', 'query', 'sql=select 1', '--url', own.url]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.err, /HOWDAH_TOKEN/);
  process.env.HOWDAH_TOKEN = token;
  const done = await runBeside(['call', 'query', 'sql=select 1 as one', '--url', own.url]);
  delete process.env.HOWDAH_TOKEN;
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /one/);
  await own.stop();
  assert.ok(!own.log().includes(token.slice(7)));
});

test('a token taken out of the file lets nobody in any more, without a restart', async () => {
  const place = inFolder();
  const file = join(place.folder, 'tokens');
  const [a, b] = ['a'.repeat(30), 'b'.repeat(30)];
  writeFileSync(file, `${a} name=a scopes=howdah:read\n${b} name=b scopes=howdah:read expires=2020-01-01T00:00:00Z\n`, { mode: 0o600 });
  const own = await startServer({ http: '', plugins: [...plugins, { auth: { token_file: file } }] });
  assert.equal((await select(own.url, bearer(a))).status, 200);
  const late = await select(own.url, bearer(b));
  assert.equal(late.status, 401);
  assert.match(challengeOf(late), /expired/);
  writeFileSync(file, `${b} name=b scopes=howdah:read\n`);
  await until('the file is read again', async () => (await select(own.url, bearer(b))).status === 200);
  assert.equal((await select(own.url, bearer(a))).status, 401);
  await own.stop();
  place.remove();
});

test('where to get a token is told to everybody, in root and path form', async () => {
  const answer = await select(server.url);
  assert.equal(answer.status, 401);
  const at = new URL('/.well-known/oauth-protected-resource/mcp', server.url).href;
  assert.equal(challengeOf(answer), `Bearer scope="howdah:read", resource_metadata="${at}"`);
  for (const url of [at, new URL('/.well-known/oauth-protected-resource', server.url)]) {
    const metadata = await fetch(url, { headers: { Origin: 'https://login.example' } });
    assert.equal(metadata.status, 200);
    assert.equal(metadata.headers.get('access-control-allow-origin'), '*');
    assert.deepEqual(await metadata.json(), {
      resource: server.url, authorization_servers: [as.issuer], scopes_supported: ['howdah:read', 'howdah:write'],
      bearer_methods_supported: ['header'], resource_name: 'Howdah',
    });
  }
});

for (const [name, make] of [
  ['client 2.4', (id) => [new Client({ name: 'a', version: '1' }),
    new StreamableHTTPClientTransport(new URL(server.url), { authProvider: new ClientCredentialsProvider({ ...id, expectedIssuer: as.issuer }) })]],
  ['legacy SDK', (id) => [new LegacyClient({ name: 'a', version: '1' }),
    new LegacyHttp(new URL(server.url), { authProvider: new LegacyCredentials({ ...id, scope: 'howdah:read' }) })]],
]) {
  test(`${name} finds the authorization server, gets a token and calls a tool`, async () => {
    const [client, transport] = make({ clientId: 'reader', clientSecret: 'reader-secret' });
    await client.connect(transport);
    const result = await client.callTool({ name: 'query', arguments: { sql: 'select 1 as one' } });
    assert.match(textOf(result), /one/);
    await client.close();
  });
}

test('a person logs in (authorization code with PKCE), reads, is asked for more, agrees, and writes', async () => {
  let tokens;
  let verifier;
  let asked;
  const provider = {
    redirectUrl: redirect_uri,
    clientMetadata: { client_name: 'test', redirect_uris: [redirect_uri], token_endpoint_auth_method: 'none' },
    clientInformation: () => ({ client_id: 'person', issuer: as.issuer }),
    tokens: () => tokens,
    saveTokens: (saved) => { tokens = saved; },
    codeVerifier: () => verifier,
    saveCodeVerifier: (saved) => { verifier = saved; },
    redirectToAuthorization: (url) => { asked = url; },
  };
  const transport = () => new StreamableHTTPClientTransport(new URL(server.url), { authProvider: provider });
  const finish = async (first) => {
    const answer = await logIn(asked);
    assert.ok(answer.get('code'), String(answer));
    await first.finishAuth(answer);
  };
  const first = transport();
  await assert.rejects(new Client({ name: 'a', version: '1' }).connect(first), UnauthorizedError);
  assert.equal(asked.searchParams.get('scope'), 'howdah:read');
  assert.equal(asked.searchParams.get('resource'), server.url);
  await finish(first);
  assert.equal(tokens.scope, 'howdah:read');

  const second = transport();
  const client = new Client({ name: 'a', version: '1' });
  await client.connect(second);
  assert.match(textOf(await client.callTool({ name: 'query', arguments: { sql: 'select 1 as one' } })), /one/);
  const write = () => client.callTool({ name: 'execute', arguments: { sql: 'update shop.suppliers set name = name where false', database: 'notes' } });
  await assert.rejects(write, UnauthorizedError);
  assert.deepEqual(asked.searchParams.get('scope').split(' ').sort(), ['howdah:read', 'howdah:write']);
  await finish(second);
  assert.equal((await write()).isError ?? false, false);
  await client.close();
});

test('a call beyond the scopes is one 403 that names all it needs; with them it goes through', async () => {
  const own = await startServer({
    http: '', plugins: [...plugins, { auth: { oauth: { issuer: as.issuer, allow_http: true } } }],
    extra: 'tools: { scopes: { describe_table: ["acme:x", "acme:y"] } }\n',
  });
  const token = (scope) => signed(as.key, { issuer: as.issuer, audience: own.url, claims: { scope } }).then(bearer);
  const read = await token('howdah:read');
  assert.equal((await select(own.url, read)).status, 200);
  const refused = await insert(own.url, read);
  assert.equal(refused.status, 403);
  assert.match(challengeOf(refused), /^Bearer error="insufficient_scope", scope="howdah:write", resource_metadata="http/);
  assert.equal(refused.json.error.code, -32600);
  assert.deepEqual(refused.json.error.data.required_scopes, ['howdah:write']);
  for (const scope of ['howdah:write', 'howdah:admin', 'openid howdah:write']) {
    assert.equal((await insert(own.url, await token(scope))).json.result.isError ?? false, false, scope);
    assert.equal((await select(own.url, await token(scope))).status, 200, scope);
  }
  const none = await select(own.url, await token('openid'));
  assert.equal(none.status, 403);
  assert.match(challengeOf(none), /scope="howdah:read"/);
  assert.equal((await modern(own.url, 'tools/list', {}, undefined, await token('openid'))).status, 200);
  assert.equal((await modern(own.url, 'resources/read', { uri: 'x:y' }, undefined, { ...await token('openid'), 'Mcp-Name': 'x:y' })).status, 403);

  const describe = async (scope) => call(own.url, 'describe_table', { table: 'nowhere' }, await token(scope));
  for (const scope of ['howdah:admin', 'acme:x', 'acme:y howdah:read']) {
    const partly = await describe(scope);
    assert.equal(partly.status, 403, scope);
    assert.match(challengeOf(partly), /scope="acme:x acme:y"/);
  }
  assert.equal((await describe('acme:y acme:x')).status, 200);
  await own.stop();
});

test('of many tokens only those that are meant for this server and in force are let in', async () => {
  const other = await keyPair('RS256', 'as-1');
  const place = { issuer: as.issuer, audience: server.url };
  const now = Math.floor(Date.now() / 1000);
  const make = (claims, header, key = as.key) => signed(key, { ...place, claims, header });
  const good = await make();
  assert.equal((await select(server.url, bearer(good))).status, 200);
  assert.equal((await select(server.url, bearer(await make({ aud: ['x', server.url] })))).status, 200);
  const [head, body, signature] = good.split('.');
  const encoded = (json) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const bad = {
    'another audience': await make({ aud: `${server.url}/x` }),
    'no audience': await make({ aud: undefined }),
    'another issuer': await make({ iss: `${as.issuer}/` }),
    'no issuer': await make({ iss: undefined }),
    'expired': await make({ exp: now - 60 }),
    'no expiry': await make({ exp: undefined }),
    'not in force': await make({ nbf: now + 60 }),
    'no subject': await make({ sub: undefined }),
    'an id token': await make({ nonce: 'n' }),
    'a foreign key under our kid': await make({}, {}, other),
    'an unknown kid': await make({}, { kid: 'nobody' }, other),
    'alg none': `${encoded({ alg: 'none' })}.${body}.`,
    'another body': `${head}.${encoded({ ...JSON.parse(Buffer.from(body, 'base64url')), sub: 'eve' })}.${signature}`,
    'half a token': good.slice(0, -40),
    'a token of 7 kB': `${good}${'A'.repeat(7000 - good.length)}`,
  };
  for (const [name, token] of Object.entries(bad)) {
    const answer = await select(server.url, bearer(token));
    assert.equal(answer.status, 401, name);
    assert.match(challengeOf(answer), /^Bearer error="invalid_token", scope="howdah:read", resource_metadata="/, name);
    assert.ok(!challengeOf(answer).includes(token.slice(0, 30)), name);
  }
  assert.equal((await select(server.url, bearer('x'.repeat(64 * 1024)))).status, 431);
  untold.push(good, ...Object.values(bad));
  console.log(`figure: access tokens of an issuer: ${Object.keys(bad).length} bad ones refused`);
});

test('rotated keys are found by their first token; a flood of invented ids asks the issuer once', async () => {
  const [old_key, new_key] = [await keyPair('ES256', 'old'), await keyPair('EdDSA', 'new')];
  const keys = await startKeyServer(old_key);
  const own = await startServer({
    http: '', plugins: [...plugins, { auth: { oauth: { issuer: 'https://login.example', jwks_url: keys.url, allow_http: true, keys_retry_s: 3600 } } }],
  });
  const token = (key, header) => signed(key, { issuer: 'https://login.example', audience: own.url, header }).then(bearer);
  assert.equal((await select(own.url, await token(old_key))).status, 200);
  assert.equal(keys.served.requests, 1);
  const answers = await Promise.all(Array.from({ length: 50 }, async (_, i) => select(own.url, await token(new_key, { kid: `invented-${i}` }))));
  assert.ok(answers.every((answer) => answer.status === 401));
  assert.equal(keys.served.requests, 1);
  await own.stop();

  const quick = await startServer({
    http: '', plugins: [...plugins, { auth: { oauth: { issuer: 'https://login.example', jwks_url: keys.url, allow_http: true, keys_retry_s: 1 } } }],
  });
  const quick_token = (key) => signed(key, { issuer: 'https://login.example', audience: quick.url }).then(bearer);
  const old_token = await quick_token(old_key);
  assert.equal((await select(quick.url, old_token)).status, 200);
  keys.served.keys = [new_key.public];
  const new_token = await quick_token(new_key);
  await until('the new key is found', async () => (await select(quick.url, new_token)).status === 200);
  assert.equal((await select(quick.url, old_token)).status, 401);
  await quick.stop();
  keys.stop();
});

test('a session of somebody else is as unknown as one that never was, and two tokens on one connection never mix', async () => {
  const people = await Promise.all(['ada', 'bob'].map(async (sub) => {
    const headers = bearer(await signed(as.key, { issuer: as.issuer, audience: server.url, claims: { sub } }));
    return { headers, session: await openSession(server.url, '2025-11-25', headers) };
  }));
  const [ada, bob] = people;
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  assert.equal((await post(server.url, ping, ada.session)).status, 200);
  const stolen = await post(server.url, ping, { ...ada.session, ...bob.headers });
  const unknown = await post(server.url, ping, { ...ada.session, ...bob.headers, 'Mcp-Session-Id': 'never-was' });
  assert.equal(stolen.status, 404);
  assert.deepEqual(stolen.json, unknown.json);
  assert.equal((await fetch(server.url, { method: 'DELETE', headers: { ...ada.session, ...bob.headers } })).status, 404);
  assert.equal((await post(server.url, ping, { 'Mcp-Session-Id': ada.session['Mcp-Session-Id'] })).status, 401);

  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set();
  const body = JSON.stringify(ping);
  const send = (headers) => new Promise((resolve, reject) => {
    const sent = request(server.url, {
      method: 'POST', agent,
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'Content-Length': body.length, ...headers },
    }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode));
    });
    sent.on('socket', (socket) => sockets.add(socket));
    sent.on('error', reject);
    sent.end(body);
  });
  let mixed_up = 0;
  for (let i = 0; i < 5000; i += 1) {
    if (await send(ada.session) !== 200) mixed_up += 1;
    if (await send(i % 50 === 7 ? { ...ada.session, ...bob.headers } : bob.session) !== (i % 50 === 7 ? 404 : 200)) mixed_up += 1;
  }
  assert.equal(mixed_up, 0);
  assert.equal(sockets.size, 1);
  agent.destroy();
});

test('howdah doctor says how clients get in, and what to do when the issuer cannot be reached', () => {
  const place = inFolder();
  const file = join(place.folder, 'howdah.yaml');
  const doctor = (auth) => {
    writeFileSync(file, config({ folder: place.folder, http: '', plugins: [...plugins, ...(auth ? [{ auth }] : [])] }));
    return run(['doctor', '-c', file]);
  };
  const plain = doctor();
  assert.equal(plain.code, 0, plain.out + plain.err);
  assert.match(plain.out, /auth: ok\n  ok    token file +\S+\/state\/plugins\/auth\/token, 1 tokens/);
  const down = doctor({ oauth: { issuer: 'http://127.0.0.1:1', allow_http: true } });
  assert.equal(down.code, 4, down.out + down.err);
  assert.match(down.out, /fail  oauth issuer +http:\/\/127\.0\.0\.1:1, 0 keys, asked \d+ s ago: /);
  assert.match(down.out, /-> check auth\.oauth\.issuer/);
  mkdirSync(join(place.folder, 'dir'));
  const wrong = doctor({ token_file: join(place.folder, 'dir') });
  assert.equal(wrong.code, 3, wrong.out + wrong.err);
  assert.match(wrong.out + wrong.err, /no regular file/);
  place.remove();
});

test('a metadata address of a private network is not fetched unless that is allowed', async () => {
  const own = await startServer({ http: '', plugins: [...plugins, { auth: { oauth: { issuer: 'https://localhost:1', keys_retry_s: 3600 } } }] });
  const token = await signed(as.key, { issuer: 'https://localhost:1', audience: own.url });
  const answer = await select(own.url, bearer(token));
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.headers.get('retry-after')) > 3000);
  await own.logs(/which is no address of the open Internet/);
  await own.stop();
});
