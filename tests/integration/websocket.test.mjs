// WebSocket as a client meets it: the door, both eras on one connection, the end of a connection on either side. What the
// official clients do over it stands with the other transports (sdk_clients.mjs).
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { inFolder, initialize, meta, openSocket, psql, startServer, textOf, until, upgrade } from './support.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => assert.deepEqual(await server.stop(), { code: 0, signal: null }));

const query = (sql) => ({ name: 'query', arguments: { sql } });
const rowsOf = (answer) => JSON.parse(textOf(answer.result)).rows;

test('the door is that of a POST: Host and Origin decide before the upgrade', async () => {
  const { host, port } = new URL(server.url);
  const opened = await upgrade(server.url, { 'Sec-WebSocket-Protocol': 'mcp' });
  assert.equal(opened.status, 101);
  assert.equal(opened.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  assert.equal(opened.headers['sec-websocket-protocol'], 'mcp');
  assert.equal((await upgrade(server.url, { Origin: `http://localhost:${port}` })).status, 101);
  assert.equal((await upgrade(server.url, { Origin: 'http://evil.example' })).status, 403);
  assert.equal((await upgrade(server.url, { Origin: `http://localhost:${port}.evil.example` })).status, 403);
  assert.equal((await upgrade(server.url, { Host: 'evil.example' })).status, 403);
  assert.equal((await upgrade(server.url, { 'Sec-WebSocket-Version': '8' })).status, 426);
  assert.equal((await upgrade(`http://${host}/elsewhere`)).status, 404);
});

test('websocket: false closes this door and leaves POST open', async () => {
  const other = await startServer({ http: ', auth: none, websocket: false' });
  assert.equal((await upgrade(other.url)).status, 403);
  assert.equal((await fetch(other.url.replace('/mcp', '/healthz'))).status, 200);
  assert.deepEqual(await other.stop(), { code: 0, signal: null });
});

test('a token is needed before the upgrade, and its scopes bound what the connection may do', async () => {
  const place = inFolder();
  const file = join(place.folder, 'tokens');
  const token = 'r'.repeat(30);
  writeFileSync(file, `${token} name=reader scopes=howdah:read\n`, { mode: 0o600 });
  const other = await startServer({ http: '', plugins: ['pool', 'guard', 'query', 'schema', { auth: { token_file: file } }] });
  const refused = await upgrade(other.url);
  assert.equal(refused.status, 401);
  assert.match(refused.headers['www-authenticate'], /^Bearer /);
  assert.equal((await upgrade(other.url, { Authorization: 'Bearer wrong' })).status, 401);
  // The headers are an extension of Node; a page in a browser has no such way.
  const socket = await openSocket(other.url, { protocols: 'mcp', headers: { Authorization: `Bearer ${token}` } });
  assert.deepEqual(rowsOf(await socket.request(1, 'tools/call', { ...query('select 1'), _meta: meta() })), [[1]]);
  const write = { name: 'execute', arguments: { sql: 'update shop.suppliers set name = name where false', database: 'notes' } };
  const { error } = await socket.request(2, 'tools/call', { ...write, _meta: meta() });
  assert.deepEqual(error.data.required_scopes, ['howdah:write']);
  socket.socket.close();
  assert.deepEqual(await other.stop(), { code: 0, signal: null });
  place.remove();
});

test('both eras share one connection; a session is that of its connection', async () => {
  const socket = await openSocket(server.url);
  const stateless = await socket.request('m', 'tools/call', { ...query('select 1'), _meta: meta() });
  assert.deepEqual(rowsOf(stateless), [[1]]);
  assert.equal((await socket.request('early', 'tools/list')).error.code, -32600);
  const opened = await socket.request('i', 'initialize', initialize('2025-11-25'));
  assert.equal(opened.result.protocolVersion, '2025-11-25');
  socket.send({ method: 'notifications/initialized' });
  assert.deepEqual(rowsOf(await socket.request('l', 'tools/call', query('select 2'))), [[2]]);
  assert.match((await socket.request('again', 'initialize', initialize('2025-11-25'))).error.message, /twice/);
  const stranger = await openSocket(server.url);
  assert.equal((await stranger.request('early', 'tools/list')).error.code, -32600);
  stranger.socket.close();
  socket.socket.close(1000, 'done');
  const { code, clean } = await socket.closed;
  assert.deepEqual({ code, clean }, { code: 1000, clean: true });
});

for (const era of ['legacy', 'modern']) {
  test(`${era}: a connection that closes ends its statements in PostgreSQL, and no other's`, async () => {
    const mark = `socket gone ${process.pid} ${era}`;
    const running = () => Number(psql(`select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${mark}%'`));
    const slow = query(`select count(*) /* ${mark} */ from generate_series(1, 100000) a, generate_series(1, 100000) b`);
    const more = era === 'modern' ? { _meta: meta() } : {};
    const sockets = await Promise.all([openSocket(server.url), openSocket(server.url)]);
    for (const socket of sockets) {
      if (era === 'legacy') await socket.request('i', 'initialize', initialize('2025-11-25'));
      socket.send({ id: 'slow', method: 'tools/call', params: { ...slow, ...more } });
    }
    await until('both statements run', () => running() === 2);
    sockets[0].socket.close();
    await until('one statement ends', () => running() === 1);
    assert.deepEqual(rowsOf(await sockets[1].request('other', 'tools/call', { ...query('select 3'), ...more })), [[3]]);
    assert.equal(running(), 1);
    sockets[1].send({ method: 'notifications/cancelled', params: { requestId: 'slow' } });
    await until('the other ends', () => running() === 0);
    sockets[1].socket.close();
    await sockets[1].closed;
    assert.ok(!sockets[1].messages.some((message) => message.id === 'slow'), 'what was taken back is not answered');
  });
}

test('a binary message, one of more than 4 MiB and one that is no JSON: two end the connection, one is answered', async () => {
  const binary = await openSocket(server.url);
  binary.socket.send(new Uint8Array([123, 125]));
  assert.equal((await binary.closed).code, 1003);
  const large = await openSocket(server.url);
  large.socket.send('x'.repeat(4 * 1024 * 1024 + 1));
  assert.equal((await large.closed).code, 1009);
  const wrong = await openSocket(server.url);
  wrong.socket.send('{');
  assert.equal((await wrong.next(({ error }) => error)).error.code, -32700);
  wrong.socket.close();
});

test('a server that stops answers what is in flight, ends a subscription and closes with 1001', async () => {
  const other = await startServer();
  const idle = await openSocket(other.url);
  const socket = await openSocket(other.url);
  socket.send({ id: 'sub', method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: meta() } });
  await socket.next(({ method }) => method === 'notifications/subscriptions/acknowledged');
  const stopped = other.stop();
  assert.equal((await socket.next(({ id }) => id === 'sub')).result.resultType, 'complete');
  assert.equal((await socket.closed).code, 1001);
  assert.equal((await idle.closed).code, 1001);
  assert.deepEqual(await stopped, { code: 0, signal: null });
});
