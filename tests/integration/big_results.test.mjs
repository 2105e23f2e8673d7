// Results that are too big for one answer: caps that say so, cursors over one snapshot, files as resources, readers that do
// not read; and what a million rows cost in memory.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { assertBounded, residentBytes, withinBound } from './memory.mjs';
import { clients, connectedToOwn } from './sdk_clients.mjs';
import { callTool, dsn, inFolder, meta, modern, psql, run, startServer, textOf, until } from './support.mjs';

const kTable = `big_${process.pid}`;
const kUnknown = /unknown or expired handle[^]*run the query again/;
const mib = (bytes) => (bytes / 1048576).toFixed(1);
before(() => psql(`drop table if exists ${kTable}; create table ${kTable} as select i, 'row ' || i as name from generate_series(1, 3000) i`));
after(() => psql(`drop table ${kTable}`));
const named = (name) => `  main: { dsn: "${dsn}&application_name=${name}" }`;
const backends = (name, more = '') => Number(psql(`select count(*) from pg_stat_activity where application_name = '${name}' ${more}`));

describe('caps: the answer is whole on one side of each, and says how to go on on the other', () => {
  let server;
  before(async () => {
    server = await startServer({ plugins: [{ pool: { rows_max: 500, bytes_max: 100000, cell_bytes_max: 10000, statement_timeout_ms: 2000 } }, 'guard',
      { query: { rows_max: 100, rows_limit: 400 } }] });
  });
  after(async () => { assert.equal((await server.stop()).code, 0); });
  const query = (sql, more = {}) => callTool(server.url, 'query', { sql, ...more });
  const rows = (count) => `select i from generate_series(1, ${count}) i`;

  for (const [what, more, most, note] of [
    ['the default', {}, 100, /raise max_rows \(up to 400\), or pass next to query_more/],
    ['max_rows', { max_rows: 7 }, 7, /only the first 7 rows[^]*raise max_rows/],
    ['rows_limit', { max_rows: 1000000 }, 400, /only the first 400 rows, there are more: narrow with where, aggregate, or pass next/],
  ]) {
    test(`rows, ${what}`, async () => {
      const whole = (await query(rows(most), more)).structuredContent;
      assert.deepEqual([whole.row_count, whole.truncated, whole.next, whole.note], [most, false, undefined, undefined]);
      const cut = (await query(rows(most + 1), more)).structuredContent;
      assert.deepEqual([cut.row_count, cut.truncated], [most, { reason: 'rows' }]);
      assert.match(cut.note, note);
      assert.equal((await callTool(server.url, 'query_more', { next: cut.next })).structuredContent.row_count, 1);
    });
  }
  // What other servers' caps missed (dbhub#400, dbhub#387, pgEdge#260).
  for (const [what, sql] of [
    ['after a comment', "-- first\n/* second */ select i from generate_series(1, 500) i -- limit 3"],
    ['with a CTE', 'with a as (select i from generate_series(1, 500) i limit 400) select * from a'],
    ['in parentheses', '(select i from generate_series(1, 500) i)'],
    ['with a limit inside', 'select * from (select i from generate_series(1, 500) i limit 300) x'],
    ['with a limit of its own', 'select i from generate_series(1, 500) i limit 200'],
    ['with the word in its data', "select 'limit 1' as limit from generate_series(1, 500)"],
    ['of UNION ALL', 'select i from generate_series(1, 90) i union all select i from generate_series(1, 90) i'],
    ['of VALUES', `values ${Array.from({ length: 120 }, (_, i) => `(${i})`)}`],
    ['of a recursion', 'with recursive a(i) as (select 1 union all select i + 1 from a where i < 500) select * from a'],
    ['with a semicolon', 'select i from generate_series(1, 500) i;'],
  ]) {
    test(`rows of a statement ${what}`, async () => {
      const result = await query(sql);
      assert.ok(!result.isError, textOf(result));
      assert.deepEqual([result.structuredContent.row_count, result.structuredContent.truncated], [100, { reason: 'rows' }]);
    });
  }
  test('bytes', async () => {
    // A value costs its bytes and 4.
    const sized = (bytes) => `select repeat('x', case when i = 10 then ${bytes} else 9996 end) from generate_series(1, 10) i`;
    assert.equal((await query(sized(9996))).structuredContent.truncated, false);
    const cut = (await query(sized(9997))).structuredContent;
    assert.deepEqual([cut.row_count, cut.truncated], [9, { reason: 'bytes' }]);
    assert.match(cut.note, /cut off after 9 rows at the byte limit: select fewer or shorter columns, or pass next/);
    assert.equal((await callTool(server.url, 'query_more', { next: cut.next })).structuredContent.row_count, 1);
  });
  test('one value', async () => {
    assert.equal((await query("select repeat('x', 10000)")).structuredContent.truncated, false);
    const cut = (await query("select repeat('x', 10001)")).structuredContent;
    assert.deepEqual([cut.row_count, cut.truncated, cut.next], [0, { reason: 'cell' }, undefined]);
    assert.match(cut.note, /^cut off after 0 rows: the next one has a value larger than cell_bytes_max of the pool: shorten it/);
    const later = (await query("select repeat('x', case when i = 3 then 10001 else 1 end) from generate_series(1, 3) i")).structuredContent;
    assert.deepEqual([later.row_count, later.truncated], [2, { reason: 'cell' }]);
  });
  test('time', async () => {
    const slow = 'select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b';
    const own = await query(slow, { timeout_ms: 200 });
    assert.ok(own.isError);
    // PostgreSQL ends it, or the server where the statement has come there late.
    assert.match(textOf(own), /(limit of 200 ms|at the deadline of the request)[^]*ask for more with timeout_ms/);
    const operators = await query(slow);
    assert.match(textOf(operators), /limit of 2000 ms[^]*pool\.statement_timeout_ms/);
    assert.ok(!(await query('select 1', { timeout_ms: 200 })).isError);
  });
});

describe('a stable cursor', () => {
  const name = `stable_${process.pid}`;
  let server;
  before(async () => { server = await startServer({ databases: named(name), plugins: [{ pool: { connections_max: 4, stable_idle_ms: 3000 } }, 'guard', 'query'] }); });
  after(async () => { assert.equal((await server.stop()).code, 0); });
  const open = (more = {}) => callTool(server.url, 'query', { sql: `select i from ${kTable} order by i`, stable: true, max_rows: 1000, ...more });
  const more = (next, args = {}) => callTool(server.url, 'query_more', { next, ...args });
  const pinned = () => backends(name, "and state = 'idle in transaction'");

  test('goes on in its snapshot, to the end, and gives its connection back', async () => {
    const first = (await open()).structuredContent;
    assert.match(first.note, /query_more, which goes on in the same snapshot/);
    assert.equal(pinned(), 1);
    psql(`delete from ${kTable} where i > 1000; insert into ${kTable} select i from generate_series(-10, 0) i`);
    const second = (await more(first.next)).structuredContent;
    const third = (await more(second.next, { max_rows: 5000 })).structuredContent;
    const all = [first, second, third].flatMap((page) => page.rows.map(([i]) => i));
    assert.deepEqual(all, Array.from({ length: 3000 }, (_, i) => i + 1));
    assert.deepEqual([third.truncated, third.next], [false, undefined]);
    await until('no transaction is left', () => pinned() === 0);
    psql(`delete from ${kTable} where i <= 0; insert into ${kTable} select i, 'row ' || i from generate_series(1001, 3000) i`);
  });
  test('takes parameters, streams a page that is large, and can end exactly at one', async () => {
    const result = await open({ sql: "select i, repeat('x', 1000) from generate_series($1::int, $2::int) i", params: [1, 2000] });
    assert.equal(JSON.parse(textOf(result)).rows.length, 1000);
    const last = JSON.parse(textOf(await more(result.structuredContent.next)));
    assert.deepEqual([last.rows.length, last.rows[999][0], last.truncated], [1000, 2000, false]);
  });
  test('a handle serves once; one that was used, altered or invented is told the same', async () => {
    const first = (await open()).structuredContent.next;
    const second = (await more(first)).structuredContent.next;
    const texts = new Set();
    for (const next of [first, `${second.slice(0, -2)}AA`, 'x'.repeat(200)]) {
      const result = await more(next);
      assert.ok(result.isError);
      texts.add(textOf(result));
    }
    assert.equal(texts.size, 1);
    assert.match([...texts][0], kUnknown);
    assert.equal((await more(second, { max_rows: 5000 })).structuredContent.truncated, false);
  });
  test('two at a time, a third is refused and says what to do; one that nobody asks for ends', async () => {
    const both = [await open(), await open()];
    const third = await open();
    assert.ok(third.isError);
    assert.match(textOf(third), /all 2 stable cursors of database main are in use[^]*without stable/);
    assert.ok(!(await callTool(server.url, 'query', { sql: 'select 1' })).isError);
    await until('both have ended', () => pinned() === 0);
    for (const { structuredContent } of both) assert.match(textOf(await more(structuredContent.next)), kUnknown);
    const fourth = await open({ max_rows: 5000 });
    assert.ok(!fourth.isError, textOf(fourth));
  });
  test('ended by the server: told as any other that is over', async () => {
    const { next } = (await open()).structuredContent;
    psql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name}' and state = 'idle in transaction'`);
    await until('it has gone', () => pinned() === 0);
    assert.match(textOf(await more(next)), kUnknown);
    const again = await open({ max_rows: 5000 });
    assert.ok(!again.isError, textOf(again));
  });
  test('the guard judges it, and what is no SELECT is refused', async () => {
    assert.match(textOf(await open({ sql: `delete from ${kTable}` })), /data-modification/);
    assert.match(textOf(await open({ sql: 'show all' })), /only a SELECT, VALUES or TABLE can be stable/);
    assert.match(textOf(await open({ sql: `select ii from ${kTable}` })), /line 1: select ii[^]*\^[^]*42703/);
    assert.equal(pinned(), 0);
  });
  test('a reload that makes a new pool ends it', async () => {
    const { next } = (await open()).structuredContent;
    server.write({ plugins: [{ pool: { connections_max: 5, stable_idle_ms: 3000 } }, 'guard', 'query'] });
    assert.equal(run(['reload', '-c', server.file]).code, 0);
    assert.match(textOf(await more(next)), kUnknown);
    await until('it has gone', () => pinned() === 0);
  });
});

test('a handle, a cursor and a link of somebody else are told as any other that does not open', async () => {
  const place = inFolder();
  const file = join(place.folder, 'tokens');
  const [ada, ben] = ['a'.repeat(30), 'b'.repeat(30)];
  writeFileSync(file, `${ada} name=ada scopes=howdah:read\n${ben} name=ben scopes=howdah:read\n`, { mode: 0o600 });
  const server = await startServer({ http: '', plugins: ['pool', 'guard', 'query', { auth: { token_file: file } }] });
  const as = (token) => async (method, params) => (await modern(server.url, method, params, undefined,
    { Authorization: `Bearer ${token}`, 'Mcp-Name': params.name ?? params.uri })).json;
  try {
    const sql = `select i from ${kTable} order by i`;
    for (const stable of [false, true]) {
      const { next } = (await as(ada)('tools/call', { name: 'query', arguments: { sql, max_rows: 10, stable } })).result.structuredContent;
      const more = (token) => as(token)('tools/call', { name: 'query_more', arguments: { next } });
      assert.match(textOf((await more(ben)).result), kUnknown);
      assert.ok(!(await more(ada)).result.isError);
    }
    const { uri } = (await as(ada)('tools/call', { name: 'query', arguments: { sql, as: 'resource' } })).result.structuredContent;
    assert.match((await as(ben)('resources/read', { uri })).error.message, /unknown or expired handle/);
    assert.equal(JSON.parse((await as(ada)('resources/read', { uri })).result.contents[0].text).rows.length, 3000);
  } finally {
    await server.stop();
    place.remove();
  }
});

const kRows = 5000;
const kFile = `select i, 'name, ' || i as name, null::int as nothing, i as i from generate_series(1, ${kRows}) i`;
for (const entry of clients) {
  describe(`resources: ${entry.name}`, () => {
    let own;
    before(async () => { own = await connectedToOwn(entry, { plugins: [{ pool: { rows_max: 20000 } }, 'guard', 'query'] }); });
    after(() => own.close());
    const link = async (sql, more = {}) => {
      const result = await own.client.callTool({ name: 'query', arguments: { sql, as: 'resource', ...more } });
      assert.ok(!result.isError, textOf(result));
      const block = result.content.find((one) => one.type === 'resource_link');
      assert.equal(block.uri, result.structuredContent.uri);
      return { ...block, told: result.structuredContent };
    };
    const read = async (uri) => (await own.client.readResource({ uri })).contents[0];

    test('the link tells what is in it, and each format is the whole result', async () => {
      const { told, uri, mimeType } = await link(kFile, { format: 'csv' });
      assert.deepEqual([told.row_count, told.truncated.reason, mimeType], [5, 'rows', 'text/csv']);
      assert.match(told.note, /read the resource for the rows/);
      const csv = await read(uri);
      assert.deepEqual([csv.uri, csv.mimeType], [uri, 'text/csv']);
      const lines = csv.text.split('\r\n');
      assert.deepEqual([lines.length, lines[0], lines[1], lines[kRows]], [kRows + 2, 'i,name,nothing,i', '1,"name, 1",,1', `${kRows},"name, ${kRows}",,${kRows}`]);
      assert.deepEqual(csv._meta['howdah/result'], { row_count: kRows, truncated: false });

      const json = JSON.parse((await read((await link(kFile)).uri)).text);
      assert.deepEqual([json.rows.length, json.rows[kRows - 1], json.row_count, json.truncated], [kRows, [kRows, `name, ${kRows}`, null, kRows], kRows, false]);
      const ndjson = (await read((await link(kFile, { format: 'ndjson' })).uri)).text.trimEnd().split('\n').map((line) => JSON.parse(line));
      assert.deepEqual([ndjson.length, ndjson[kRows - 1]], [kRows, { i: kRows, name: `name, ${kRows}`, nothing: null, 'i#2': kRows }]);
    });
    test('fewer rows when asked, and a limit that acts is told', async () => {
      const csv = await read((await link(kFile, { format: 'csv', max_rows: 10 })).uri);
      assert.equal(csv.text.split('\r\n').length, 12);
      assert.equal(csv._meta['howdah/result'].truncated, true);
      assert.match(csv._meta['howdah/result'].note, /only the first 10 rows/);
    });
    test('an error on the way ends the text, and stands in its _meta', async () => {
      const { uri } = await link("select 1 / (15000 - i), repeat('x', 100) from generate_series(1, 20000) i", { format: 'csv' });
      const csv = await read(uri);
      assert.match(csv.text, /error: this is not the whole resource: division by zero\n$/);
      assert.equal(csv._meta['howdah/error'].sqlstate, '22012');
    });
    test('an altered or invented link is no resource; what fails at once is not linked', async () => {
      const { uri } = await link('select 1');
      for (const other of [uri.slice(0, 60) + (uri[60] === 'A' ? 'B' : 'A') + uri.slice(61), 'howdah-result:///abc/rows.csv', uri.replace('.json', '.csv')]) {
        await assert.rejects(own.client.readResource({ uri: other }), /unknown or expired handle/);
      }
      const wrong = await own.client.callTool({ name: 'query', arguments: { sql: 'select nope', as: 'resource' } });
      assert.ok(wrong.isError);
      assert.ok(!wrong.content.some((one) => one.type === 'resource_link'));
    });
  });
}

// One request whose answer is thrown away as it comes: its bytes.
const drain = (url, method, params) => new Promise((resolve, reject) => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta({ 'howdah/timeoutMs': 100000 }) } });
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method,
    'Mcp-Name': params.name ?? params.uri };
  const request = http.request(url, { method: 'POST', headers, agent: false }, (answer) => {
    let bytes = 0;
    let end = '';
    answer.on('data', (part) => {
      bytes += part.length;
      end = (end + part.toString('latin1')).slice(-600);
    }).on('end', () => resolve({ bytes, end })).on('error', reject);
  });
  request.on('error', reject);
  request.end(body);
});

test('1,000,000 rows as text and as a resource: peak and what is kept are bounded', async () => {
  const status = (server, key) => Number(readFileSync(`/proc/${server.child.pid}/status`, 'utf8').match(new RegExp(`${key}:\\s+(\\d+) kB`))[1]) * 1024;
  const sql = "select i, 'name of row ' || i as name, i * 1.5 as amount from generate_series(1, 1000000) i";
  const server = await startServer({ plugins: [{ pool: { rows_max: 1000000, bytes_max: 1 << 30, statement_timeout_ms: 100000 } }, 'guard',
    { query: { rows_limit: 1000000, timeout_ms: 100000 } }] });
  try {
    const begun = Date.now();
    const text = await drain(server.url, 'tools/call', { name: 'query', arguments: { sql, max_rows: 1000000 } });
    const took = Date.now() - begun;
    assert.match(text.end, /\\"row_count\\":1000000,\\"truncated\\":false/);
    const { structuredContent } = await callTool(server.url, 'query', { sql, as: 'resource', format: 'csv' });
    const file = await drain(server.url, 'resources/read', { uri: structuredContent.uri });
    assert.match(file.end, /"row_count":1000000,"truncated":false/);
    const peak = status(server, 'VmHWM');
    await pause(2000);  // what is measured: kept this long after
    const kept = residentBytes(server);
    console.log(`figure: 1,000,000 rows over HTTP as text (${mib(text.bytes)} MiB in ${took} ms) and as a csv resource (${mib(file.bytes)} MiB): peak ${mib(peak)} MiB, ${mib(kept)} MiB kept after 2 s`);
    assertBounded(peak, 40e6, 'the peak');
    assertBounded(kept, 32e6, 'what is kept');
  } finally {
    assert.equal((await server.stop()).code, 0);
  }
});

// proc_pid_net(5): whether the server's end of that connection still exists, with a process or without.
const isHeld = (local, remote) => {
  const port = (number) => `:${number.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8').split('\n').some((line) => {
    const [, own, peer] = line.trim().split(/\s+/);
    return own?.endsWith(port(local)) && peer?.endsWith(port(remote));
  });
};

test('a reader of one byte a second is cut off, its statement ends, and it costs bounded memory', async () => {
  const name = `slow_${process.pid}`;
  const server = await startServer({ databases: named(name), plugins: [{ pool: { rows_max: 200000, bytes_max: 1 << 30 } }, 'guard', { query: { rows_limit: 200000 } }] });
  const socket = createConnection(Number(new URL(server.url).port), '127.0.0.1');
  let trickle;
  const connected = new Promise((resolve) => socket.once('connect', resolve));
  try {
    await callTool(server.url, 'query', { sql: 'select 1' });
    const before = residentBytes(server);
    await connected;
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { _meta: meta(),
      name: 'query', arguments: { sql: "select repeat('x', 1000) from generate_series(1, 105000)", max_rows: 200000 } } });
    const { host, pathname } = new URL(server.url);
    socket.on('readable', () => {});  // paused: only what read() takes
    socket.write(`POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n`
      + `MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: query\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    trickle = setInterval(() => socket.read(1), 1000);
    await until('the statement runs', () => backends(name, "and state = 'active'") === 1);
    const begun = Date.now();
    let most = 0;
    await until('its statement has ended', () => {
      most = Math.max(most, residentBytes(server) - before);
      return backends(name, "and state <> 'idle'") === 0;
    }, 30000);
    const after = Date.now() - begun;
    await until('the system keeps nothing for it either', () => !isHeld(Number(new URL(server.url).port), socket.localPort));
    assert.ok((await callTool(server.url, 'query', { sql: 'select 1' })).structuredContent);
    console.log(`figure: a reader of 1 byte/s of a 100 MiB answer: its statement ended after ${(after / 1000).toFixed(1)} s, ${mib(most)} MiB of memory meanwhile`);
    assert.ok(withinBound(after, 13000), `${after} ms`);
    assertBounded(most, 4 << 20, 'the reader');
  } finally {
    clearInterval(trickle);
    socket.destroy();
    assert.equal((await server.stop()).code, 0);
  }
});
