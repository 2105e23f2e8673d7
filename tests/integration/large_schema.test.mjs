// list_tables and describe_table on 5,000 tables: complete, searchable, small enough for a model. How long they take is told;
// it is held against its goal by tests/bench/list_tables.mjs.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Tiktoken } from 'js-tiktoken/lite';
import o200k from 'js-tiktoken/ranks/o200k_base';

import { clients, connected } from './sdk_clients.mjs';
import { madeDatabase, psql, startServer, textOf } from './support.mjs';

const kTokensMax = 10000;
const kTables = 5000;
const kMedianMax_ms = 3000;  // ten times the goal: other tests keep the machine busy
const tokens = new Tiktoken(o200k);
const entry = clients.find(({ name }) => name === 'client 2.4, 2026-07-28, over HTTP');

let database;
let server;
let client;
before(async () => {
  database = madeDatabase(join(import.meta.dirname, 'large_schema.sql'));
  server = await startServer({ databases: `  main: { dsn: "${database.dsn.replace('postgres@', 'howdah_reader@')}" }` });
  client = await connected(entry, { url: server.url });
}, { timeout: 540000 });
after(async () => {
  await client?.close();
  if (server) assert.equal((await server.stop()).code, 0);
  database?.drop();
}, { timeout: 60000 });

const there = (sql) => psql(sql, database.dsn);
// What the answer says, how many tokens its text has, how long it took: the first, the median and the best of `times`.
async function ask(name, args = {}, times = 1) {
  const took = [];
  let result;
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    result = await client.callTool({ name, arguments: args });
    took.push(performance.now() - start);
    assert.ok(!result.isError, textOf(result));
  }
  assert.deepEqual(JSON.parse(textOf(result)), result.structuredContent);
  return { said: result.structuredContent, tokens: tokens.encode(textOf(result)).length, first: took[0], median: took.toSorted((a, b) => a - b)[times >> 1], best: Math.min(...took) };
}
// A sanitizer's build is measured and not judged.
const assertQuick = ({ median }, what) => assert.ok(process.env.HOWDAH_SANITIZE || median <= kMedianMax_ms, `${what} took ${median.toFixed(0)} ms in the median, ${kMedianMax_ms} are allowed`);
const figure = (what, { tokens: counted, first, median, best }) => console.log(`figure: ${what}, ${kTables} tables: ${counted} tokens of o200k_base; ${first.toFixed(0)} ms at first, ${median.toFixed(0)} in the median, ${best.toFixed(0)} at best`);

test('list_tables by default: the first hundred, at most 10,000 tokens, and how to go on', async () => {
  const answer = await ask('list_tables', {}, 5);  // the first of them is the first the server is asked
  figure('list_tables by default', answer);
  assertQuick(answer, 'list_tables by default');
  assert.ok(answer.tokens <= kTokensMax, `${answer.tokens} tokens`);
  assert.equal(answer.said.total, kTables);
  assert.equal(answer.said.tables.length, 100);
  assert.deepEqual(answer.said.truncated, { reason: 'rows' });
  assert.match(answer.said.note, /100 of 5000 tables are shown: narrow with schema or pattern, ask for detail names, or go on with offset 100/);
});

test('no detail, limit or offset gives more than 10,000 tokens', async () => {
  for (const args of [{ detail: 'names', limit: 1000 }, { limit: 1000 }, { detail: 'full' }, { detail: 'full', limit: 1000, offset: 2000 }, { pattern: 'euros', limit: 1000 }]) {
    const answer = await ask('list_tables', args, 5);
    figure(`list_tables ${JSON.stringify(args)}`, answer);
    assertQuick(answer, `list_tables ${JSON.stringify(args)}`);
    assert.ok(answer.tokens <= kTokensMax, `${JSON.stringify(args)}: ${answer.tokens} tokens`);
    assert.ok(answer.said.tables.length > 20);
  }
});

test('page by page every table is listed once, in order, as the catalog has it', async () => {
  const names = [];
  for (let offset = 0; offset < kTables;) {
    const { said } = await ask('list_tables', { detail: 'names', limit: 1000, offset });
    assert.equal(said.total, kTables);
    names.push(...said.tables);
    offset = names.length;
    assert.equal(said.truncated === false, offset === kTables);
  }
  assert.equal(names.join('\n'), there(`select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = relnamespace
    where nspname like 'area\\_%' and relkind in ('r', 'p', 'v', 'm', 'f') and not relispartition order by nspname, relname`));
});

test('every kind is told with comment, rows and size; partitions are folded into their table', async () => {
  const found = async (name) => {
    const { said } = await ask('list_tables', { pattern: name, limit: 1 });
    return said.tables[0];
  };
  const table = await found('history_0000');
  assert.equal(table.kind, 'table');
  assert.match(table.comment, /^Holds each history of the customer department since 2019/);
  assert.ok(table.bytes > 0 && table.row_estimate === 0);
  const parted = await found('4300');
  assert.deepEqual([parted.kind, parted.partition_count, parted.comment, parted.row_estimate], ['partitioned table', 8, 'Measured daily.', 0]);
  assert.ok(parted.bytes > 0);
  assert.equal((await found('4400')).kind, 'view');
  assert.equal((await found('4700')).kind, 'materialized view');
  assert.equal((await found('4850')).kind, 'foreign table');
});

test('a search looks at names, columns and comments, names first', async () => {
  const byName = await ask('list_tables', { pattern: 'permit_audit', detail: 'names', limit: 1000 }, 3);
  figure('list_tables, search of a name', byName);
  assert.ok(byName.said.total > 0 && byName.said.tables.every((name) => name.includes('permit_audit')));
  const byColumn = await ask('list_tables', { pattern: 'attribute_35', detail: 'names', limit: 1000 }, 3);
  figure('list_tables, search of a column', byColumn);
  assert.equal(byColumn.said.total, Number(there("select count(*) from pg_attribute where attname = 'attribute_35'")));
  const byComment = await ask('list_tables', { pattern: 'nightly load 42.', limit: 10 });
  assert.equal(byComment.said.total, 1);
  assert.match(byComment.said.tables[0].comment, /nightly load 42\./);
  assert.equal((await ask('list_tables', { pattern: 'including VAT' })).said.total, 2150, 'comments on columns');
  const one = await ask('list_tables', { schema: 'area_order', pattern: 'invoice', detail: 'full' });
  assert.ok(one.said.tables.every(({ name }) => name.startsWith('area_order.')));
});

test('describe_table finds one of them and tells columns and keys both ways', async () => {
  const [name] = (await ask('list_tables', { pattern: '0040', detail: 'names' })).said.tables;
  const answer = await ask('describe_table', { table: name }, 5);
  figure('describe_table', answer);
  assert.equal(answer.said.columns.length, 5 + 40 % 36);
  assert.deepEqual(answer.said.primary_key, ['id']);
  assert.match(answer.said.foreign_keys[0].definition, /^FOREIGN KEY \(parent_id\) REFERENCES area_customer\./);
  assert.equal(answer.said.columns.find((column) => column.name === 'amount').comment, 'euros including VAT');
  const referenced = await ask('describe_table', { table: answer.said.foreign_keys[0].definition.match(/REFERENCES (\S+)\(/)[1] }, 3);
  assert.ok(referenced.said.referenced_by.length >= 19);
  const mistyped = await client.callTool({ name: 'describe_table', arguments: { table: name.replace('_0040', '_0O40') } });
  assert.ok(mistyped.isError);
  assert.match(textOf(mistyped), new RegExp(`did you mean .*${name}`));
});
