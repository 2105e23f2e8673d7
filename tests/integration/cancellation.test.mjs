// A call that is taken back: its statement ends in PostgreSQL, it gets no answer where the protocol wants none, and the
// connection, the session and the pipe go on.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as after_ms } from 'node:timers/promises';

import { clients, connected } from './sdk_clients.mjs';
import { callTool, config, inFolder, initialize, meta, modern, openSession, post, psql, startServer, startStdio, textOf, until } from './support.mjs';

const place = inFolder();
const file = join(place.folder, 'howdah.yaml');
writeFileSync(file, config({ http: false, folder: place.folder }));
let server;
before(async () => { server = await startServer(); });
const kEnd = 4000;  // ms; the aim is a second, to which psql and a shared machine add theirs
const took = [];  // ms, from the word that takes a call back to the statement's end in PostgreSQL
after(async () => {
  assert.equal((await server.stop()).code, 0);
  place.remove();
  took.sort((a, b) => a - b);
  console.log(`figure: ${took.length} statements taken back: ended in PostgreSQL after ${took[took.length >> 1]} ms in the median, ${took.at(-1)} ms at most (the aim is 1000 ms)`);
});

// A statement that would run for an hour, told apart from all others by its mark.
let marks = 0;
function slowStatement() {
  const mark = `taken back ${process.pid} ${++marks}`;
  const running = () => Number(psql(`select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()
    and query like '%${mark}%'`));
  return {
    sql: `select count(*) /* ${mark} */ from generate_series(1, 100000) a, generate_series(1, 100000) b`,
    runs: () => until('the statement runs', () => running() === 1),
    async ends() {
      const since = Date.now();
      await until('the statement ends', () => running() === 0, kEnd);
      took.push(Date.now() - since);
    },
  };
}
const query = (sql) => ({ name: 'query', arguments: { sql } });

for (const era of ['legacy', 'modern']) {
  test(`stdio, ${era}: notifications/cancelled ends the statement, and nothing more is said of the request`, async () => {
    const pipe = startStdio();
    const more = era === 'modern' ? { _meta: meta() } : {};
    if (era === 'legacy') await pipe.request(0, 'initialize', initialize('2025-11-25'));
    const slow = slowStatement();
    pipe.send({ id: 'slow', method: 'tools/call', params: { ...query(slow.sql), ...more } });
    await slow.runs();
    pipe.send({ method: 'notifications/cancelled', params: { requestId: 'none of mine', reason: 'a mistake' } });
    const other = await pipe.request('other', 'tools/call', { ...query('select 1'), ...more });
    assert.ok(!other.result.isError);
    pipe.send({ method: 'notifications/cancelled', params: { requestId: 'slow', reason: 'changed my mind' } });
    await slow.ends();
    // The id is free again, and the pipe is in order.
    const again = await pipe.request('slow', 'tools/call', { ...query('select 42 as answer'), ...more });
    assert.deepEqual(JSON.parse(textOf(again.result)).rows, [[42]]);
    assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
    assert.equal(pipe.messages.filter((message) => message.id === 'slow').length, 1, 'only the second request was answered');
  });
}

test('stdio: at the limit of requests in flight calls can be taken back, running or waiting', async () => {
  const pipe = startStdio({ extra: 'limits: { requests_per_connection_max: 2 }' });
  await pipe.request('open', 'initialize', initialize('2025-11-25'));
  const [first, second, waiting] = [slowStatement(), slowStatement(), slowStatement()];
  pipe.send({ id: 1, method: 'tools/call', params: query(first.sql) });
  pipe.send({ id: 2, method: 'tools/call', params: query(second.sql) });
  await first.runs();
  await second.runs();
  const cancel = (id) => pipe.send({ method: 'notifications/cancelled', params: { requestId: id } });
  pipe.send({ id: 3, method: 'tools/call', params: query(waiting.sql) });
  const pong = pipe.request(4, 'ping');
  cancel(3);
  cancel(1);
  await first.ends();
  await pong;  // the slot that came free was not taken by the third call
  assert.ok(!(await pipe.request(5, 'tools/call', query('select 1'))).result.isError);
  await second.runs();
  cancel(2);
  await second.ends();
  assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
  assert.deepEqual(pipe.messages.map((message) => message.id), ['open', 4, 5]);
});

// A cancel that reaches PostgreSQL before the statement has begun is dropped there, so one is not enough.
test('stdio: 40 calls taken back in their first milliseconds leave no statement behind', async () => {
  const pipe = startStdio();
  await pipe.request('open', 'initialize', initialize('2025-11-25'));
  const mark = `at once ${process.pid}`;
  const left = () => Number(psql(`select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${mark}%'`));
  try {
    for (let id = 0; id < 40; id++) {
      pipe.send({ id, method: 'tools/call', params: query(`select count(*) /* ${mark} ${id} */ from generate_series(1, 100000) a, generate_series(1, 100000) b`) });
      await after_ms(id % 8);
      pipe.send({ method: 'notifications/cancelled', params: { requestId: id } });
      await pipe.request(`then ${id}`, 'ping');
    }
    await until('no statement runs any more', () => left() === 0, 8000);
  } finally {
    assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
    psql(`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and query like '%${mark}%'`);
  }
});

for (const revision of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
  test(`HTTP, ${revision}: notifications/cancelled of the session ends the statement; the POST ends without an answer to it`, async () => {
    const headers = await openSession(server.url, revision);
    const stranger = await openSession(server.url, revision);
    const slow = slowStatement();
    const call = post(server.url, { jsonrpc: '2.0', id: 7, method: 'tools/call', params: query(slow.sql) }, headers);
    await slow.runs();
    const cancel = (of) => post(server.url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }, of);
    assert.equal((await cancel(stranger)).status, 202);  // its id 7 is another one
    assert.equal((await post(server.url, { jsonrpc: '2.0', id: 8, method: 'ping' }, headers)).json.id, 8);
    await slow.runs();
    assert.equal((await cancel(headers)).status, 202);
    await slow.ends();
    const { status, json } = await call;
    assert.ok(status < 300, String(status));
    assert.equal(json, '');
    const again = await post(server.url, { jsonrpc: '2.0', id: 7, method: 'tools/call', params: query('select 42 as answer') }, headers);
    assert.deepEqual(JSON.parse(textOf(again.json.result)).rows, [[42]]);
  });
}

test('HTTP, 2026-07-28: closing the stream ends the statement; a notification does not', async () => {
  const slow = slowStatement();
  const gone = new AbortController();
  const call = modern(server.url, 'tools/call', query(slow.sql), gone.signal).catch((error) => error);
  await slow.runs();
  const body = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, _meta: meta() } };
  await post(server.url, body, { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'notifications/cancelled' });
  await slow.runs();
  gone.abort();
  assert.equal((await call).name, 'AbortError');
  await slow.ends();
});

test('HTTP, legacy: a connection that breaks does not end the call; the end of the session does', async () => {
  const headers = await openSession(server.url, '2025-11-25');
  const slow = slowStatement();
  const gone = new AbortController();
  const call = post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: query(slow.sql) }, headers, gone.signal).catch((error) => error);
  await slow.runs();
  gone.abort();
  await call;
  assert.ok(!(await callTool(server.url, 'query', { sql: 'select 1' })).isError);
  await slow.runs();
  assert.equal((await fetch(server.url, { method: 'DELETE', headers })).status, 204);
  await slow.ends();
});

test('a call that asks for less time ends with its statement, and says so', async () => {
  const slow = slowStatement();
  const result = await callTool(server.url, 'query', { sql: slow.sql, timeout_ms: 200 });
  assert.ok(result.isError);
  assert.match(textOf(result), /200 ms/);
  await slow.ends();
});

for (const entry of clients) {
  describe(entry.name, () => {
    test('an aborted call ends its statement, and the client goes on', async () => {
      const client = await connected(entry, { url: server.url, file });
      try {
        const slow = slowStatement();
        const abort = new AbortController();
        const args = [query(slow.sql), ...(client.listen ? [] : [undefined]), { signal: abort.signal }];
        const call = client.callTool(...args).then(() => null, (error) => error);
        await slow.runs();
        abort.abort('no longer wanted');
        assert.match(String(await call), /no longer wanted|abort/i);
        await slow.ends();
        assert.ok(!(await client.callTool(query('select 1'))).isError);
      } finally {
        await client.close();
      }
    });
  });
}
