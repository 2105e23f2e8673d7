// What users of other servers complained of, item by item of docs/peers-complaints.md, where no other test shows it already.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { callTool, config, dsn, inFolder, modern, openSession, post, psql, run, startServer, textOf, until } from './support.mjs';

const as = (role) => dsn.replace('postgres@', `${role}@`);
const mark = `complaints_${process.pid}`;
const databases = `  main: { dsn: "${as('howdah_reader')}&application_name=${mark}" }
  notes: { dsn: "${dsn}", access: read_write }
  gone: { dsn: "postgresql://postgres@127.0.0.1:1/nothing" }`;
let server;
before(async () => { server = await startServer({ databases }); });
after(async () => {
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  psql(`drop schema if exists ${mark} cascade`);
});
const query = (sql, more = {}) => callTool(server.url, 'query', { sql, ...more });
const rows = async (sql, more) => {
  const result = await query(sql, more);
  assert.ok(!result.isError, `${sql}: ${textOf(result)}`);
  return result.structuredContent.rows;
};
const refused = async (sql, reason, more = {}) => {
  const result = await query(sql, more);
  assert.ok(result.isError, `${sql} was not refused`);
  assert.match(textOf(result), reason, sql);
};

test('1: a function is judged wherever it stands', async () => {
  const read = "pg_read_file('/etc/passwd')";
  for (const sql of [`select ${read}`, `select * from ${read}`, `select * from ${read} as f (line)`, `select * from shop.orders o, lateral ${read}`,
    `select * from rows from (${read})`, `select 1 where exists (select ${read})`, `select 1 order by ${read}`, `select 1 group by ${read}`, `select 1 limit length(${read})`,
    `values (${read})`, `with t as (select ${read}) select * from t`, `select count(*) filter (where ${read} is null)`, `select case when ${read} > '' then 1 end`,
    `select array[${read}]`, `select row(${read})`, `select string_agg('a', ${read})`, `select * from generate_series(1, length(${read}))`, `select sum(1) over (partition by ${read})`,
    `select pg_catalog . pg_read_file ('/etc/passwd')`, `select "pg_read_file"('/etc/passwd')`, `explain select ${read}`]) {
    await refused(sql, /pg_read_file/);
  }
});

test('2: no text ends the read-only transaction, with a comment before it or not', async () => {
  const before = psql('select count(*) from shop.orders');
  for (const text of ['commit; begin read write; delete from shop.orders', '/* x */ commit; begin; delete from shop.orders', '-- x\ncommit', 'rollback', 'end', 'abort',
    'begin read write', 'start transaction read write', 'set transaction read write', 'set session characteristics as transaction read write', 'savepoint a',
    "select 1; commit; delete from shop.orders", "select set_config('transaction_read_only', 'off', false)", 'reset all', 'discard all']) {
    await refused(text, /several-statements|transaction-control|session-state|function-unsafe/);
  }
  assert.equal(psql('select count(*) from shop.orders'), before);
});

test('3: no argument but sql is SQL', async () => {
  for (const hostile of ["' or true --", "%' union select 1 --", "orders'; drop table shop.orders; --", '$1', '\\']) {
    assert.equal((await callTool(server.url, 'list_tables', { pattern: hostile })).structuredContent.total, 0);
    assert.equal((await callTool(server.url, 'list_tables', { schema: hostile })).structuredContent.total, 0);
    const described = await callTool(server.url, 'describe_table', { table: hostile });
    assert.ok(described.isError);
    assert.match(textOf(described), /not_found|invalid_argument/);
    assert.deepEqual(await rows('select $1::text', { params: [hostile] }), [[hostile]]);
  }
});

test('4: what a database may be used for is the configuration, not the session', async () => {
  const write = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'execute', arguments: { sql: 'delete from shop.orders', database: 'main' } } };
  const headers = await openSession(server.url, '2025-06-18');
  for (const url of [server.url, `${server.url}?read_only=false`, `${server.url}?access=read_write`]) {
    for (let i = 0; i < 2; i++) {
      const { json } = await post(url, write, headers);
      assert.ok(json.error || json.result.isError, JSON.stringify(json));
    }
    assert.ok((await callTool(url, 'execute', write.params.arguments)).isError);
  }
});

test('5: a mistyped word refuses the start and never means read and write; without a word only reading is allowed', () => {
  const place = inFolder();
  try {
    const file = join(place.folder, 'howdah.yaml');
    const check = (entry) => {
      writeFileSync(file, config({ databases: `  main: ${entry}`, folder: place.folder }));
      return run(['config', 'check', '-c', file]);
    };
    for (const [entry, told] of [[`{ dsn: "${dsn}", acess: restricted }`, /access/], [`{ dsn: "${dsn}", access: restrict }`, /restricted/],
      [`{ dsn: "${dsn}", access: "" }`, /restricted/], [`{ dsn: "${dsn}", read_only: true }`, /read_only/]]) {
      const { code, err, out } = check(entry);
      assert.notEqual(code, 0, entry);
      assert.match(err + out, told, entry);
    }
    assert.equal(check(`{ dsn: "${dsn}" }`).code, 0);
    const { err, out, code } = run(['call', '-c', file, 'execute', 'sql=create table public.complaint (i int)']);
    assert.notEqual(code, 0);
    assert.match(err + out, /no tool "execute"/);
  } finally {
    place.remove();
  }
});

test('6: plain reads are not refused', async () => {
  for (const sql of ['select 1;', 'select 1 ; ', 'select 1 union select 2', 'select 1 union all select 2;', '(select 1) intersect (select 1)', 'table shop.categories',
    'values (1), (2)', "with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) select sum(n) from t",
    'select id, rank() over (partition by customer_id order by id) from shop.orders limit 3', 'explain analyze select count(*) from shop.orders',
    'explain (analyze, buffers, format json) select 1', 'show server_version', "select percentile_cont(0.5) within group (order by id) from shop.orders",
    'select grouping(customer_id) from shop.orders group by cube (customer_id) limit 1', "select date_trunc('month', now()), to_char(now(), 'YYYY'), generate_series(1, 2)",
    "select * from shop.orders where id in (select max(id) from shop.orders) and 'delete; drop' <> ''", "select 'it''s; -- no comment' as \"select\"",
    "select regexp_replace('abc', 'b', 'x'), jsonb_path_query('{\"a\": 1}', '$.a')", 'select * from information_schema.tables limit 1', 'select count(*) from pg_stat_activity']) {
    const result = await query(sql);
    assert.ok(!result.isError, `${sql}: ${textOf(result)}`);
  }
});

test('9: sessions share the connections, and an error of SQL costs none', async () => {
  const backends = () => psql(`select pid from pg_stat_activity where application_name = '${mark}' order by backend_start`).split('\n');
  const sessions = await Promise.all(Array.from({ length: 40 }, () => openSession(server.url, '2025-06-18')));
  const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'query', arguments: { sql: 'select 1' } } };
  for (const headers of sessions) assert.ok(!(await post(server.url, call, headers)).json.result.isError);
  const before = backends();
  assert.ok(before.length <= 4, before.join());
  for (let i = 0; i < 50; i++) await refused(`select ${i} / 0`, /22012/);
  await refused('select nope', /42703/);
  assert.deepEqual(await rows('select 1'), [[1]]);
  // An answer is out before its connection is back in the pool, so the next call may open one more, within the pool's limit; what an error must not do is close one.
  const after = backends();
  assert.ok(after.length <= 4, after.join());
  assert.deepEqual(before.filter(pid => !after.includes(pid)), [], 'the connections of before are still there');
});

test('10: one database that is down leaves the others and the server alone', async () => {
  const start = Date.now();
  const result = await query('select 1', { database: 'gone' });
  assert.ok(result.isError);
  assert.match(textOf(result), /gone|connect/);
  assert.ok(Date.now() - start < 10000, 'it was told soon');
  assert.deepEqual(await rows('select 2'), [[2]]);
  assert.deepEqual(await rows('select 3', { database: 'notes' }), [[3]]);
});

test('14: the row limit holds for every form of a read', async () => {
  const series = 'select i from generate_series(1, 50) i';
  for (const sql of [series, `/* a comment */ ${series}`, `-- a comment\n${series}`, `with t as (${series}) select * from t`, `(${series})`, `((${series}))`, `(${series}) order by 1`,
    `select * from (select * from generate_series(1, 50) i limit 40) t`, `${series} limit 40`, `${series} limit all`, `${series} fetch first 40 rows only`, `${series} offset 1`,
    `${series} union all ${series}`, `(${series} limit 30) union all (${series} limit 30)`, `select 'no limit' as limit, i from generate_series(1, 50) i`, `select i as "limit 5" from generate_series(1, 50) i`,
    `values ${Array.from({ length: 50 }, (_, i) => `(${i})`).join(',')}`, 'table shop.orders', `${series};`, 'show all', `select unnest(array(${series}))`]) {
    const { structuredContent, isError, content } = await query(sql, { max_rows: 10 });
    assert.ok(!isError, `${sql}: ${JSON.stringify(content)}`);
    assert.equal(structuredContent.rows.length, 10, sql);
    assert.deepEqual(structuredContent.truncated, { reason: 'rows' }, sql);
  }
});

test('15: what is not asked for is bounded, and said', async () => {
  const { structuredContent, content } = await query('select i, md5(i::text) from generate_series(1, 3000000) i');
  assert.equal(structuredContent.row_count, 1000);
  assert.deepEqual(structuredContent.truncated, { reason: 'rows' });
  assert.match(structuredContent.note, /only the first 1000 rows, there are more/);
  assert.match(textOf({ content }), /only the first 1000 rows, there are more/);
});

test('17: no value is shifted, rounded, cut, renamed or lost on the way', async () => {
  assert.deepEqual(await rows(`select '2026-02-03 04:05:06.123456'::timestamp, 9007199254740993, '0b1c9a46-0000-4000-8000-0123456789ab'::uuid, 1.10::numeric,
    'NaN'::float8, '-Infinity'::float8, 1 as x, 2 as x, true`), [['2026-02-03T04:05:06.123456', '9007199254740993', '0b1c9a46-0000-4000-8000-0123456789ab', '1.10', 'NaN', '-Infinity', 1, 2, true]]);
  const { columns } = (await query('select 1 as x, 2 as x, true, false')).structuredContent;
  assert.deepEqual(columns.map(({ name }) => name), ['x', 'x', '?column?', '?column?']);
});

test('18: several statements are refused as a whole, so no result can get lost', async () => {
  await refused('select 1; select 2', /several-statements/);
  const result = await callTool(server.url, 'execute', { sql: `create schema ${mark}; create table ${mark}.t (i int)`, database: 'notes' });
  assert.ok(result.isError);
  assert.match(textOf(result), /several-statements/);
  assert.equal(psql(`select count(*) from pg_namespace where nspname = '${mark}'`), '0');
});

test('20: what was made a moment ago is listed, described and read; what was dropped is gone', async () => {
  const listed = async () => (await callTool(server.url, 'list_tables', { schema: mark, detail: 'names', database: 'notes' })).structuredContent.tables;
  assert.deepEqual(await listed(), []);
  psql(`create schema ${mark}; create table ${mark}.fresh (i int)`);
  assert.deepEqual(await listed(), [`${mark}.fresh`]);
  psql(`alter table ${mark}.fresh add column j text`);
  const described = await callTool(server.url, 'describe_table', { table: `${mark}.fresh`, database: 'notes' });
  assert.deepEqual(described.structuredContent.columns.map(({ name }) => name), ['i', 'j']);
  assert.deepEqual(await rows(`select * from ${mark}.fresh`, { database: 'notes' }), []);
  psql(`drop table ${mark}.fresh`);
  assert.deepEqual(await listed(), []);
  await refused(`select * from ${mark}.fresh`, /42P01/, { database: 'notes' });
});

test('21: several databases in one server are told apart, also when many ask at once', async () => {
  const whose = { main: 'howdah_reader', notes: 'postgres' };
  await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    const database = i % 2 ? 'main' : 'notes';
    assert.deepEqual(await rows('select current_user::text, $1::int', { database, params: [i] }), [[whose[database], i]]);
  }));
  await refused('select 1', /no database.*did you mean "notes"|did you mean "notes"/, { database: 'note' });
});

test('25: every tool that is listed works', async () => {
  psql(`create schema if not exists ${mark}`);
  const { next } = (await query('select * from generate_series(1, 3)', { max_rows: 1 })).structuredContent;
  const calls = {
    describe_table: { table: 'shop.orders' }, list_tables: {}, query: { sql: 'select 1' }, query_more: { next },
    execute: { sql: `create table ${mark}.made (i int)`, database: 'notes' },
  };
  const { tools } = (await modern(server.url, 'tools/list')).json.result;
  for (const { name } of tools) {
    assert.ok(calls[name], `this test has no call of the tool ${name}`);
    const result = await callTool(server.url, name, calls[name]);
    assert.ok(!result.isError, `${name}: ${textOf(result)}`);
  }
  await until('the table is there', () => psql(`select to_regclass('${mark}.made') is not null`) === 't');
});
