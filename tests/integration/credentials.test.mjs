// A credential that ends while something stands on it: a WebSocket, event streams of both eras, a gRPC stream. It may expire, be
// taken out of the token file, be known no more after a reload, or lose its key.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { keyPair, signed, startKeyServer } from './authorization_server.mjs';
import { connect, pluginsWith, startGrpc, status } from './grpc_client.mjs';
import { inFolder, initialize, meta, modern, openSession, post, program, psql, run, startServer, until } from './support.mjs';

const bearer = (token) => ({ Authorization: `Bearer ${token}` });

// A WebSocket that shows a token, as no browser can; Node's own takes headers.
async function openSocketWith(url, token) {
  const socket = new WebSocket(url.replace('http', 'ws'), { protocols: ['mcp'], headers: bearer(token) });
  const closed = new Promise((resolve) => { socket.onclose = ({ code, reason }) => resolve({ code, reason }); });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error('no upgrade'));
  });
  const send = (message) => socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
  const ping = () => new Promise((resolve) => {
    socket.onmessage = ({ data }) => resolve(JSON.parse(data).id);
    send({ id: 'there?', method: 'ping' });
  });
  return { socket, closed, send, ping, over: () => closed };
}

// An event stream; over() gives all of it once it has ended, as it must by itself.
async function openEvents(url, init) {
  const answer = await fetch(url, init);
  assert.equal(answer.status, 200);
  const reader = answer.body.getReader();
  let said = new TextDecoder().decode((await reader.read()).value);
  return {
    async over() {
      for (let part = await reader.read(); !part.done; part = await reader.read()) said += new TextDecoder().decode(part.value);
      return said;
    },
  };
}

const listen = (url, token) => openEvents(url, {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': 'subscriptions/listen', ...bearer(token),
  },
  body: JSON.stringify({ jsonrpc: '2.0', id: 'sub', method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: meta() } }),
});

const legacyStream = async (url, token) => {
  const session = await openSession(url, '2025-11-25', bearer(token));
  return openEvents(url, { headers: { Accept: 'text/event-stream', ...session } });
};

// Everything that stays open, on that token.
async function standOn(server, token) {
  const grpc = server.grpc && connect(server.grpc, { token });
  if (grpc) await grpc.request(1, 'initialize', initialize('2025-11-25'));
  return { socket: await openSocketWith(server.url, token), listening: await listen(server.url, token), legacy: await legacyStream(server.url, token), grpc };
}

async function allEnd(open, why) {
  const { code, reason } = await open.socket.over();
  assert.equal(code, 3000);
  assert.match(reason, why);
  assert.match(await open.listening.over(), /"id":"sub","result":\{"resultType":"complete"/);
  await open.legacy.over();
  if (!open.grpc) return;
  const end = await open.grpc.ended;
  assert.equal(end.code, status.UNAUTHENTICATED);
  assert.match(end.details, why);
}

test('a token taken out of its file ends what stands on it, over every transport, and nothing else', async () => {
  const place = inFolder();
  const file = join(place.folder, 'tokens');
  const [gone, stays] = ['a'.repeat(30), 'b'.repeat(30)];
  const lines = { gone: `${gone} name=gone\n`, stays: `${stays} name=stays\n` };
  writeFileSync(file, lines.gone + lines.stays, { mode: 0o600 });
  const server = await startGrpc({ http: ', verify_every_s: 1', more: [{ auth: { token_file: file } }] });
  const [ends, goes_on] = [await standOn(server, gone), await standOn(server, stays)];

  // In flight then: cancelled on a WebSocket, in PostgreSQL too; a POST that began with the token is answered.
  const mark = `its token ends ${process.pid}`;
  const running = () => psql(`select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${mark}%'`);
  const sql = (seconds) => `select /* ${mark} */ pg_sleep(${seconds})`;
  ends.socket.send({ id: 1, method: 'tools/call', params: { name: 'query', arguments: { sql: sql(50) }, _meta: meta() } });
  const posted = modern(server.url, 'tools/call', { name: 'query', arguments: { sql: sql(3) } }, undefined, bearer(gone));
  await until('both statements run', () => running() === '2');
  writeFileSync(file, lines.stays);
  await allEnd(ends, /not known here/);
  await until('the statement of the WebSocket ends', () => running() !== '2');
  assert.equal((await posted).json.result.structuredContent.row_count, 1);
  assert.equal((await modern(server.url, 'tools/list', {}, undefined, bearer(gone))).status, 401);
  await server.logs(/websocket: a stream ends, its credential is no longer good: the token is not known here/);

  assert.equal(await goes_on.socket.ping(), 'there?');
  assert.deepEqual((await goes_on.grpc.request(2, 'ping')).result, {});
  goes_on.socket.socket.close();
  goes_on.grpc.close();
  assert.equal((await server.stop()).code, 0);
  assert.ok(!server.log().includes(gone));
  await Promise.all([goes_on.listening.over(), goes_on.legacy.over()]);
  place.remove();
});

test('who waits for the result of a task hears that the token has ended; the task goes on for whoever comes back', async () => {
  const place = inFolder();
  const file = join(place.folder, 'tokens');
  const [gone, fresh] = ['a'.repeat(30), 'b'.repeat(30)];
  writeFileSync(file, `${gone} name=ada\n`, { mode: 0o600 });
  const fixture = { fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } };
  const server = await startServer({ http: ', verify_every_s: 1', plugins: [fixture, { auth: { token_file: file } }] });
  const session = await openSession(server.url, '2025-11-25', bearer(gone));
  const ask = (method, params, headers = session) => post(server.url, { jsonrpc: '2.0', id: method, method, params }, headers);
  const { json } = await ask('tools/call', { name: 'slow_compute', arguments: { seconds: 600, label: 'x' }, task: { ttl: 600000 } });
  const { taskId } = json.result.task;
  const waiting = ask('tasks/result', { taskId });
  await until('it waits', async () => (await ask('tasks/get', { taskId })).json.result.status === 'working');
  writeFileSync(file, `${fresh} name=ada\n`);  // the same principal with another token
  assert.match((await waiting).json.error.message, /credential of this request is no longer good; ask again/);
  assert.equal((await ask('tasks/get', { taskId }, { ...session, ...bearer(fresh) })).json.result.status, 'working');
  await server.stop();
  place.remove();
});

test('a token ends what stands on it when its time is over: of the file and of an issuer', async () => {
  const place = inFolder();
  const file = join(place.folder, 'tokens');
  const short = 'c'.repeat(30);
  const key = await keyPair('ES256', 'one');
  const keys = await startKeyServer(key);
  const other = `${'f'.repeat(30)} name=other\n`;  // a file without a token lets nobody in, so it is refused
  writeFileSync(file, other, { mode: 0o600 });
  const issuer = 'https://login.example';
  const server = await startGrpc({
    http: ', verify_every_s: 1', more: [{ auth: { token_file: file, oauth: { issuer, jwks_url: keys.url, allow_http: true, clock_skew_s: 0 } } }],
  });
  const soon = Math.ceil(Date.now() / 1000) + 3;
  writeFileSync(file, `${other}${short} name=short expires=${new Date(soon * 1000).toISOString().replace('.000', '')}\n`);
  const issued = await signed(key, { issuer, audience: server.url, claims: { exp: soon } });
  await until('the file is read again', async () => (await modern(server.url, 'tools/list', {}, undefined, bearer(short))).status === 200);
  const open = await Promise.all([standOn(server, short), standOn(server, issued)]);
  assert.ok(Date.now() < soon * 1000, 'all is open before the end');
  for (const each of open) await allEnd(each, /expired/);
  assert.ok(Date.now() >= soon * 1000, 'and not ended before');
  await server.stop();
  keys.stop();
  place.remove();
});

test('a key that its issuer has taken back ends what stands on it, once the keys are known to be others', async () => {
  const [old_key, new_key] = [await keyPair('ES256', 'old'), await keyPair('ES256', 'new')];
  const keys = await startKeyServer(old_key);
  const issuer = 'https://login.example';
  const server = await startServer({
    http: ', verify_every_s: 1',
    plugins: ['pool', 'guard', 'query', 'schema', { auth: { oauth: { issuer, jwks_url: keys.url, allow_http: true, keys_retry_s: 1 } } }],
  });
  const token = (key) => signed(key, { issuer, audience: server.url });
  const open = await standOn(server, await token(old_key));
  keys.served.keys = [new_key.public];
  const fresh = await token(new_key);
  await until('the new key is found', async () => (await modern(server.url, 'tools/list', {}, undefined, bearer(fresh))).status === 200);
  await allEnd(open, /not signed with a key of its issuer/);
  await server.stop();
  keys.stop();
});

test('a reload looks at once: streams of a configuration that knows the token no more end, whatever verify_every_s says', async () => {
  const place = inFolder();
  const [before, after] = ['before', 'after'].map((name) => join(place.folder, name));
  const [token, other] = ['d'.repeat(30), 'e'.repeat(30)];
  writeFileSync(before, `${token} name=d\n`, { mode: 0o600 });
  writeFileSync(after, `${other} name=e\n`, { mode: 0o600 });
  const options = (file) => ({ http: ', verify_every_s: 3600', plugins: pluginsWith({}, { auth: { token_file: file } }) });
  const server = await startServer(options(before));
  const open = await standOn(server, token);
  server.write(options(after));
  const reloaded = run(['reload', '-c', server.file]);
  assert.equal(reloaded.code, 0, reloaded.err);
  await allEnd(open, /not known here/);
  await server.stop();
  place.remove();
});
