// MCP over gRPC, with a client generated at run time from the published .proto.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { connect, grpc, pluginsWith, startGrpc, status } from './grpc_client.mjs';
import { inFolder, initialize, meta, psql, run, until } from './support.mjs';

const call = (sql, extra = {}) => ({ name: 'query', arguments: { sql }, ...extra });
const rowsOf = (answer) => answer.result.structuredContent.rows;
// Statements of ours that run, by a mark of their own in the text.
const running = (mark) => Number(psql(`select count(*) from pg_stat_activity where state = 'active' and query like '%${mark}%' and pid <> pg_backend_pid()`));

async function served(options, use) {
  const server = await startGrpc(options);
  try {
    await use(server);
  } finally {
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  }
  return server.log();
}

test('one stream serves both eras and ends OK once the client has said and heard all', () => served({}, async (server) => {
  const client = connect(server.grpc);
  const opened = await client.request(1, 'initialize', initialize('2025-11-25'));
  assert.equal(opened.result.protocolVersion, '2025-11-25');
  client.send({ method: 'notifications/initialized' });
  const { result: { tools } } = await client.request('list', 'tools/list');
  assert.ok(tools.some(({ name }) => name === 'query'));
  assert.deepEqual(rowsOf(await client.request(2, 'tools/call', call('select 42 as n'))), [[42]]);

  const found = await client.request(3, 'server/discover', { _meta: meta() });
  assert.equal(found.result.resultType, 'complete');
  assert.deepEqual(rowsOf(await client.request(4, 'tools/call', call('select 43 as n', { _meta: meta() }))), [[43]]);
  // What is still being asked when the client has said its last word is answered.
  const last = client.request(5, 'tools/call', call('select pg_sleep(0.2), 44 as n'));
  assert.deepEqual(await client.finish(), { code: status.OK, details: '' });
  assert.equal(rowsOf(await last)[0][1], 44);
}));

test('each stream is a session of its own', () => served({}, async (server) => {
  const one = connect(server.grpc);
  const other = connect(server.grpc);
  await one.request(1, 'initialize', initialize('2024-11-05'));
  const refused = await other.request(1, 'tools/list');
  assert.match(refused.error.message, /initialize first/);
  assert.ok((await one.request(2, 'tools/list')).result);
  await Promise.all([one.finish(), other.finish()]);
}));

test('a cancelled request and a stream the client drops reach the database', () => served({}, async (server) => {
  const client = connect(server.grpc);
  await client.request(1, 'initialize', initialize('2025-11-25'));
  client.send({ id: 2, method: 'tools/call', params: call("select pg_sleep(60), 'grpc_legacy'") });
  client.send({ id: 3, method: 'tools/call', params: call("select pg_sleep(60), 'grpc_modern'", { _meta: meta() }) });
  await until('both run', () => running('grpc_legacy') + running('grpc_modern') === 2);
  client.send({ method: 'notifications/cancelled', params: { requestId: 2 } });
  client.send({ method: 'notifications/cancelled', params: { requestId: 3 } });
  await until('both are cancelled', () => running('grpc_legacy') + running('grpc_modern') === 0);

  client.send({ id: 4, method: 'tools/call', params: call("select pg_sleep(60), 'grpc_dropped'") });
  await until('it runs', () => running('grpc_dropped') === 1);
  client.close();
  assert.equal((await client.ended).code, status.CANCELLED);
  await until('it is cancelled', () => running('grpc_dropped') === 0);
}));

test('subscriptions/listen hears of a reload, which an open stream survives', () => served({}, async (server) => {
  const client = connect(server.grpc);
  client.send({ id: 'feed', method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: meta() } });
  await client.next(({ method }) => method === 'notifications/subscriptions/acknowledged');
  server.write({ plugins: pluginsWith().filter((plugin) => plugin !== 'schema') });
  const reloaded = run(['reload', '-c', server.file]);
  assert.equal(reloaded.code, 0, reloaded.err);
  await client.next(({ method }) => method === 'notifications/tools/list_changed');
  const { result: { tools } } = await client.request('after', 'tools/list', { _meta: meta() });
  assert.ok(!tools.some(({ name }) => name === 'list_tables'));
  client.close();
}));

test('a reload that changes the section answers what was asked, then ends the stream and serves new ones on the same port', () => {
  const port = 20000 + (process.pid % 20000);
  const plugins = (streams) => pluginsWith({ listen: `127.0.0.1:${port}`, streams_max: streams });
  return served({ plugins: plugins(50) }, async (server) => {
    assert.equal(server.grpc, `127.0.0.1:${port}`);
    const client = connect(server.grpc);
    const answer = client.request(1, 'tools/call', call("select pg_sleep(1), 'grpc_reload'", { _meta: meta() }));
    await until('it runs', () => running('grpc_reload') === 1);
    server.write({ plugins: plugins(60) });
    const reloaded = run(['reload', '-c', server.file]);
    assert.match(reloaded.out, /~ grpc/);
    assert.equal(rowsOf(await answer)[0][1], 'grpc_reload');
    const end = await client.ended;
    assert.equal(end.code, status.UNAVAILABLE);
    assert.match(end.details, /connect again/);
    const next = connect(server.grpc);
    assert.deepEqual(rowsOf(await next.request(1, 'tools/call', call('select 1', { _meta: meta() }))), [[1]]);
    assert.equal((await next.finish()).code, status.OK);
  });
});

test('10,000 interleaved ids on one stream, both eras: each is answered once with its own value', () => served({}, async (server) => {
  const kTotal = 10000;
  const client = connect(server.grpc);
  await client.request('open', 'initialize', initialize('2025-11-25'));
  const answers = new Map();
  const all = new Promise((resolve) => client.each((message) => {
    const key = JSON.stringify(message.id);
    answers.set(key, [...(answers.get(key) ?? []), message]);
    if (answers.size === kTotal) resolve();
  }));
  const idOf = (index) => (index % 2 === 0 ? index : String(index - 1));
  for (let index = 0; index < kTotal; index++) {
    const modern = index % 3 === 0 ? { _meta: meta() } : {};
    const request = index % 5 !== 0 ? { method: 'tools/list', params: modern }
      : { method: 'tools/call', params: { name: 'query', arguments: { sql: 'select $1::int', params: [3 * index + 1] }, ...modern } };
    if (!client.send({ id: idOf(index), ...request })) await new Promise((resolve) => client.call.once('drain', resolve));
  }
  await all;
  assert.equal((await client.finish()).code, status.OK);
  for (let index = 0; index < kTotal; index++) {
    const [answer, ...more] = answers.get(JSON.stringify(idOf(index)));
    assert.equal(more.length, 0, `id ${idOf(index)} was answered twice`);
    if (index % 5 === 0) assert.deepEqual(rowsOf(answer), [[3 * index + 1]]);
    else assert.equal(answer.result.tools.length, 5);
  }
  console.log(`figure: interleaved ids over a gRPC stream: ${answers.size} of ${kTotal} answered once, each with its own value`);
}));

test('what is no message is answered as everywhere', () => served({}, async (server) => {
  const client = connect(server.grpc);
  const errors = [];
  for (const bytes of ['{"jsonrpc":', '', '[]', '{"jsonrpc":"2.0","id":null,"method":"ping"}', Buffer.from('"\xff"', 'latin1')]) {
    const seen = client.messages.length;
    client.raw(bytes);
    await until('an answer', () => client.messages.length > seen);
    errors.push(client.messages.at(-1).error.code);
  }
  assert.deepEqual(errors, [-32700, -32700, -32600, -32600, -32700]);
  assert.ok((await client.request(1, 'server/discover', { _meta: meta() })).result);
  await client.finish();
}));

test('a message at the limit is served, one byte more ends the stream with the limit', () => served({ section: { message_bytes_max: 4096 } }, async (server) => {
  const padded = (size) => {  // of the protobuf message: one tag byte and two of length stand before the JSON
    const message = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'server/discover', params: { _meta: meta() } });
    return message + ' '.repeat(size - 3 - message.length);
  };
  const fits = connect(server.grpc);
  fits.raw(padded(4096));
  assert.ok((await fits.next(({ id }) => id === 1)).result);
  await fits.finish();
  const large = connect(server.grpc);
  large.raw(padded(4097));
  const end = await large.ended;
  assert.equal(end.code, status.RESOURCE_EXHAUSTED);
  assert.match(end.details, /4097 vs\. 4096/);
}));

test('the limit of all transports holds besides, both ways', () => served({ extra: 'limits: { message_bytes_max: 65536 }\n' }, async (server) => {
  const large = connect(server.grpc);
  large.raw(`"${'x'.repeat(65536)}"`);
  assert.deepEqual(await large.ended, { code: status.RESOURCE_EXHAUSTED, details: 'a message is limited to 65536 bytes (limits.message_bytes_max), this one has 65538' });
  const client = connect(server.grpc);
  const answer = await client.request('long', 'tools/call', call("select repeat('x', 100000)", { _meta: meta() }));
  assert.equal(answer.error.code, -32603);
  assert.match(answer.error.message, /longer than the 65536 bytes/);
  assert.deepEqual(rowsOf(await client.request(2, 'tools/call', call('select 1', { _meta: meta() }))), [[1]]);
  await client.finish();
}));

test('headers within 8 KiB are read, more end the call', () => served({}, async (server) => {
  const fits = connect(server.grpc, { metadata: { 'x-padding': 'x'.repeat(6000) } });
  assert.ok((await fits.request(1, 'server/discover', { _meta: meta() })).result);
  await fits.finish();
  const flood = connect(server.grpc, { metadata: Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`x-${index}`, 'x'.repeat(100)])) });
  assert.equal((await flood.ended).code, status.RESOURCE_EXHAUSTED);
  assert.ok((await connectedAfter(server)).result);
}));

async function connectedAfter(server) {
  const client = connect(server.grpc);
  const answer = await client.request(1, 'server/discover', { _meta: meta() });
  await client.finish();
  return answer;
}

test('another name of the server, an Origin and compression are refused at the door', () => served({}, async (server) => {
  for (const authority of ['evil.example', 'localhost.evil.example:8643', '127.0.0.1.nip.io', '0.0.0.0', '192.0.2.1:8643', '127.0.0.1@evil', '']) {
    const end = await connect(server.grpc, { channel: { 'grpc.default_authority': authority || ' ' } }).ended;
    assert.notEqual(end.code, status.OK);
    if (end.code === status.PERMISSION_DENIED) assert.match(end.details, /connect to 127\.0\.0\.1/);
  }
  for (const authority of ['localhost', 'LOCALHOST:1', '127.0.0.1:9', '127.1.2.3', '[::1]:8643']) {
    const client = connect(server.grpc, { channel: { 'grpc.default_authority': authority } });
    assert.ok((await client.request(1, 'server/discover', { _meta: meta() })).result, authority);
    await client.finish();
  }
  const page = await connect(server.grpc, { metadata: { origin: 'http://localhost:3000' } }).ended;
  assert.equal(page.code, status.PERMISSION_DENIED);
  const packed = connect(server.grpc, { channel: { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip } });
  packed.raw(' '.repeat(4 << 20));
  assert.equal((await packed.ended).code, status.UNIMPLEMENTED);
}));

test('without a valid token a call ends UNAUTHENTICATED and says what to do; scopes hold as over HTTP', async () => {
  const place = inFolder();
  const file = join(place.folder, 'tokens');
  const [reader, nobody, late] = ['r', 'n', 'l'].map((letter) => letter.repeat(30));
  writeFileSync(file, `${reader} name=reader scopes=howdah:read\n${nobody} name=nobody scopes=other\n${late} name=late expires=2020-01-01T00:00:00Z\n`, { mode: 0o600 });
  const log = await served({ http: '', more: [{ auth: { token_file: file } }] }, async (server) => {
    assert.deepEqual(await connect(server.grpc).ended, { code: status.UNAUTHENTICATED, details: 'a token is needed: Authorization: Bearer TOKEN' });
    assert.deepEqual(await connect(server.grpc, { token: 'x'.repeat(30) }).ended, { code: status.UNAUTHENTICATED, details: 'the token is not known here' });
    assert.deepEqual(await connect(server.grpc, { token: late }).ended, { code: status.UNAUTHENTICATED, details: 'the token has expired' });
    assert.equal((await connect(server.grpc, { metadata: { authorization: 'Basic dTpw' } }).ended).code, status.UNAUTHENTICATED);
    const client = connect(server.grpc, { token: reader });
    assert.deepEqual(rowsOf(await client.request(1, 'tools/call', call('select 1', { _meta: meta() }))), [[1]]);
    assert.equal((await client.finish()).code, status.OK);
    const other = connect(server.grpc, { token: nobody });
    assert.match(JSON.stringify(await other.request(1, 'tools/call', call('select 1', { _meta: meta() }))), /howdah:read/);
    await other.finish();
  });
  assert.ok(!log.includes(reader), 'no token stands in the log');
  place.remove();
});

test('as many streams as configured are served, one more is told so', () => served({ section: { streams_max: 3 } }, async (server) => {
  const open = Array.from({ length: 3 }, () => connect(server.grpc));
  for (const client of open) await client.request(1, 'server/discover', { _meta: meta() });
  const end = await connect(server.grpc).ended;
  assert.equal(end.code, status.RESOURCE_EXHAUSTED);
  assert.match(end.details, /3 streams are open/);
  for (const client of open) await client.finish();
}));

test('a client that reads nothing is cut off, and others are served meanwhile', () => served({ section: { stall_timeout_ms: 500 } }, async (server) => {
  const slow = connect(server.grpc);
  slow.call.pause();
  for (let id = 0; id < 60; id++) slow.send({ id, method: 'tools/call', params: call("select repeat('x', 200000)", { _meta: meta() }) });
  const other = connect(server.grpc);
  assert.deepEqual(rowsOf(await other.request(1, 'tools/call', call('select 1', { _meta: meta() }))), [[1]]);
  await other.finish();
  await server.logs(/cut off .*nothing of what was sent was read for 500 ms/);
  await until('its statements have ended', () => psql("select count(*) from pg_stat_activity where state = 'active' and query like '%200000%' and pid <> pg_backend_pid()") === '0');
  slow.close();
}));

test('SIGTERM lets what was asked end, tells idle streams and exits with 0', async () => {
  const server = await startGrpc();
  const busy = connect(server.grpc);
  const idle = connect(server.grpc);
  await idle.request(1, 'server/discover', { _meta: meta() });
  const answer = busy.request(1, 'tools/call', call("select pg_sleep(1), 'grpc_drain'", { _meta: meta() }));
  await until('it runs', () => running('grpc_drain') === 1);
  const stopped = server.stop();
  assert.deepEqual(await idle.ended, { code: status.UNAVAILABLE, details: 'the server is shutting down' });
  assert.equal(rowsOf(await answer)[0][1], 'grpc_drain');
  assert.equal((await busy.ended).code, status.UNAVAILABLE);
  assert.deepEqual(await stopped, { code: 0, signal: null });
});

test('what does not end in time is cancelled and told so, and the exit code is 1', async () => {
  const server = await startGrpc({ extra: 'limits: { drain_timeout_ms: 300 }\n' });
  const client = connect(server.grpc);
  const answer = client.request(1, 'tools/call', call("select pg_sleep(60), 'grpc_late'", { _meta: meta() }));
  await until('it runs', () => running('grpc_late') === 1);
  const stopped = server.stop();
  const { result } = await answer;
  assert.equal(result.isError, true);
  assert.match(result.content[0].text, /shutting down/);
  assert.equal((await client.ended).code, status.UNAVAILABLE);
  assert.deepEqual(await stopped, { code: 1, signal: null });
});
