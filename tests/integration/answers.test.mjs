// What comes back: values, formats, limits, errors, from the sample database.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { callTool, modern, post, psql, startServer, textOf } from './support.mjs';

let server;
before(async () => {
  server = await startServer({ plugins: [{ pool: { rows_max: 200000, bytes_max: 268435456 } }, 'guard', 'query', 'schema'] });
});
after(async () => { assert.equal((await server.stop()).code, 0); });
const query = (sql, more = {}) => callTool(server.url, 'query', { sql, ...more });

test('values keep what PostgreSQL said', async () => {
  const result = await query(`select 9007199254740993::int8 as big, 1.10::numeric as n, 'NaN'::float8 as nan, null as nothing,
    '2026-02-03 04:05:06+00'::timestamptz as at, array[1,null,3] as list, '{"a":1}'::jsonb as j, '\\xdeadbeef'::bytea as b, 1 as x, 2 as x`);
  assert.ok(!result.isError, textOf(result));
  const [row] = result.structuredContent.rows;
  assert.deepEqual(row.slice(0, 4), ['9007199254740993', '1.10', 'NaN', null]);
  assert.match(row[4], /^2026-02-03T\d\d:05:06[+-]\d\d:\d\d$/);
  assert.deepEqual(row.slice(5), [[1, null, 3], { a: 1 }, '3q2+7w==', 1, 2]);
  assert.deepEqual(result.structuredContent.columns.slice(-2).map((column) => column.name), ['x', 'x']);
});

test('csv and markdown', async () => {
  assert.equal(textOf(await query("select 1 as a, 'x,y' as b", { format: 'csv' })).replaceAll('\r', '').trim(), 'a,b\n1,"x,y"');
  assert.match(textOf(await query('select 1 as a', { format: 'markdown' })), /\| *a *\|/);
});

test('a cut answer says so and how to go on', async () => {
  const result = await query('select * from generate_series(1, 50) i', { max_rows: 10 });
  assert.equal(result.structuredContent.row_count, 10);
  assert.equal(result.structuredContent.truncated.reason, 'rows');
  assert.match(textOf(result), /truncated/);
});

test('query_more shows what follows a cut answer, to its end, and to nobody else', async () => {
  const sql = 'select i, $1 || i from generate_series(1, 2500) i order by i';
  const pages = [await callTool(server.url, 'query', { sql, params: ['row '], max_rows: 1000 })];
  while (pages.at(-1).structuredContent.next) pages.push(await callTool(server.url, 'query_more', { next: pages.at(-1).structuredContent.next }));
  assert.deepEqual(pages.map((page) => page.structuredContent.row_count), [1000, 1000, 500]);
  assert.deepEqual(pages.flatMap((page) => page.structuredContent.rows), Array.from({ length: 2500 }, (_, i) => [i + 1, `row ${i + 1}`]));
  const [first, , last] = pages.map((page) => page.structuredContent);
  assert.equal(last.truncated, false);
  // Sealed: the statement cannot be read out of it, nor changed.
  const { next } = first;
  assert.ok(!Buffer.from(next, 'base64url').includes('generate_series'));
  const altered = await callTool(server.url, 'query_more', { next: `${next.slice(0, 40)}${next[40] === 'A' ? 'B' : 'A'}${next.slice(41)}` });
  assert.ok(altered.isError);
  assert.match(textOf(altered), /unknown or expired handle[^]*run the query again/);
  const show = await callTool(server.url, 'query', { sql: 'show all', max_rows: 5 });
  assert.match(textOf(await callTool(server.url, 'query_more', { next: show.structuredContent.next })), /only a SELECT, VALUES or TABLE/);
});

test('100,000 rows stand once, in the text', async () => {
  const result = await query('select i, md5(i::text) as h from generate_series(1, 100000) i', { max_rows: 100000 });
  assert.equal(JSON.parse(textOf(result)).rows.length, 100000);
  assert.equal(result.structuredContent.row_count, 100000);
  assert.equal(result.structuredContent.rows, undefined);
});

// A row costs its values and 4 bytes for each: 262,144 bytes stand whole, one more is streamed.
for (const [shape, sql] of [
  ['one row', (more) => `select repeat('x', ${262144 - 4 + more}) as cell`],
  ['1024 rows', (more) => `select repeat('x', 252 + case when i = 1024 then ${more} else 0 end) as cell from generate_series(1, 1024) i`],
]) {
  test(`256 KiB in ${shape} stand in the text and in structuredContent, one byte more in the text alone`, async () => {
    const whole = await query(sql(0), { max_rows: 2000 });
    assert.ok(!whole.isError, textOf(whole));
    const text = JSON.parse(textOf(whole));
    assert.equal(text.rows.reduce((bytes, [cell]) => bytes + cell.length + 4, 0), 262144);
    assert.deepEqual(whole.structuredContent, text);

    const streamed = await query(sql(1), { max_rows: 2000 });
    assert.ok(!streamed.isError, textOf(streamed));
    const document = JSON.parse(textOf(streamed));
    assert.equal(document.rows.reduce((bytes, [cell]) => bytes + cell.length + 4, 0), 262145);
    assert.equal(document.truncated, false);
    const { rows, note, ...summary } = streamed.structuredContent;
    assert.equal(rows, undefined);
    assert.match(note, /256 KiB/);
    assert.deepEqual(summary, { columns: document.columns, row_count: document.row_count, truncated: false });
  });
}

test('an SQL error has SQLSTATE, a caret and a hint', async () => {
  const result = await query('select nam from shop.customers');
  assert.ok(result.isError);
  assert.match(textOf(result), /42703/);
  assert.match(textOf(result), /\^/);
});

test('bad input gets a clear answer and the server stays up', async () => {
  assert.equal((await post(server.url, '{"jsonrpc":')).json.error.code, -32700);
  const wrong = await modern(server.url, 'tools/call', { name: 'query', arguments: { sql: 7 } });
  assert.match(JSON.stringify(wrong.json), /sql/);
  assert.match(textOf(await query('select 1', { database: 'mian' })), /did you mean "main"/);
  assert.ok(!(await query('select 1')).isError);
});

test('nothing that writes passes as a read', async () => {
  for (const sql of ['delete from shop.orders', 'select 1; select 2', 'with d as (delete from shop.orders returning 1) select * from d',
    'select * into x from shop.orders', "copy shop.orders to '/tmp/x'", 'begin', 'set role postgres', "select set_config('a.b','c',false)",
    "select pg_sleep(1)", "select lo_import('/etc/passwd')", "select query_to_xml('delete from shop.orders', true, true, '')",
    'select * from shop.orders for update', 'do $$ begin end $$', 'explain analyze delete from shop.orders']) {
    const result = await query(sql);
    assert.ok(result.isError, sql);
  }
  assert.equal(textOf(await query('select count(*) from shop.orders', { format: 'csv' })).split(/\r?\n/)[1], psql('select count(*) from shop.orders'));
});
