// The type contract over the wire: what the official TypeScript client parses, read back by docs/types.md, is PostgreSQL's text.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { copyLine, randomValues, typesSql } from './random_values.mjs';
import { clients, connected } from './sdk_clients.mjs';
import { dsn, meta, post, psql, startServer, textOf } from './support.mjs';
import { assertSame } from './type_contract.mjs';

const kRows = 10000;
const kPage = 50;  // rows of at most 256 KiB, or structuredContent leaves them out
const kSeed = Number(process.env.HOWDAH_VALUES_SEED ?? 20260203);
const kZone = 'America/St_Johns';  // half an hour off, and with seconds before 1935
const entry = clients.find(({ name }) => name === 'client 2.4, 2026-07-28, over HTTP');

const name = `howdah_values_${process.pid}`;
const here = dsn.replace(/\/[^/?]*\?/, `/${name}?`);
const { columns } = randomValues(kSeed);
let server;
let client;
before(async () => {
  psql(`create database ${name}`);
  psql(`alter database ${name} set timezone = '${kZone}'`);
  psql(`${typesSql} create table t (id int primary key, ${columns.map((column) => `${column.name} ${column.type}`).join(', ')})`, here);
  const lines = Array.from({ length: kRows }, (_, id) => copyLine([String(id), ...columns.map(({ make }) => make())]));
  execFileSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', here, '-c', 'copy t from stdin'], { input: lines.join(''), stdio: ['pipe', 'ignore', 'inherit'] });
  server = await startServer({ databases: `  main: { dsn: "${here}" }`,
    plugins: [{ pool: { rows_max: 200000, bytes_max: 268435456 } }, 'guard', { query: { rows_max: 100000 } }] });
  client = await connected(entry, { url: server.url });
});
after(async () => {
  await client?.close();
  if (server) assert.equal((await server.stop()).code, 0);
  psql(`drop database if exists ${name} with (force)`);
});

// psql's text of every value: rows of texts and nulls.
const kNull = '\u0002NULL\u0002';
function texts(sql) {
  const out = execFileSync('psql', ['-XAtqz0', '-P', `null=${kNull}`, '-v', 'ON_ERROR_STOP=1', '-d', here, '-c', sql], { encoding: 'utf8', maxBuffer: 1 << 30 });
  return out === '' ? [] : out.replace(/\0$/, '').split('\0');
}
function psqlRows(sql, width) {
  const flat = texts(sql).map((text) => (text === kNull ? null : text));
  return Array.from({ length: flat.length / width }, (_, i) => flat.slice(i * width, (i + 1) * width));
}
const call = async (sql, more = {}) => {
  const result = await client.callTool({ name: 'query', arguments: { sql, ...more } });
  assert.ok(!result.isError, `${sql}: ${textOf(result)}`);
  return result;
};
const compare = (answer, want, what) => {
  assert.equal(answer.rows.length, want.length, what);
  answer.rows.forEach((row, i) => {
    assert.equal(row.length, answer.columns.length, what);
    row.forEach((value, j) => assertSame(value, answer.columns[j], want[i][j], `${what}, row ${i}, column ${j} ${columns[j - 1]?.type}: ${JSON.stringify(value)} for ${want[i][j]}`));
  });
};

test(`${kRows} random rows over ${columns.length} columns come back as psql shows them: text, structuredContent, streamed`, async () => {
  console.log(`figure: differential test of values: ${kRows} rows of ${columns.length} columns, seed ${kSeed}, time zone ${kZone}`);
  const want = psqlRows('select * from t order by id', columns.length + 1);
  assert.equal(want.length, kRows);

  const streamed = await call('select * from t order by id', { max_rows: kRows });
  assert.equal(streamed.structuredContent.rows, undefined);
  const document = JSON.parse(textOf(streamed));
  assert.equal(document.truncated, false);
  compare(document, want, 'streamed');

  let spliced = 0;
  for (let from = 0; from < kRows; from += kPage) {
    const page = await call(`select * from t where id between ${from} and ${from + kPage - 1} order by id`);
    assert.ok(page.structuredContent.rows, 'a page stands in structuredContent, too');
    assert.deepEqual(JSON.parse(textOf(page)), page.structuredContent);
    compare(page.structuredContent, want.slice(from, from + kPage), `rows from ${from}`);
    spliced += page.structuredContent.columns.filter(({ encoding }) => encoding.startsWith('json')).length;
  }
  assert.ok(spliced >= 2 * (kRows / kPage), `${spliced} columns were spliced: the test looks at json, too`);
});

// [expression, value, type (none: not built in), encoding]
const kContract = [
  ["'-32768'::int2", -32768, 'int2', 'number'], ["'2147483647'::int4", 2147483647, 'int4', 'number'], ["'4294967295'::oid", 4294967295, 'oid', 'number'],
  ["'9007199254740991'::int8", 9007199254740991, 'int8', 'number'], ["'9007199254740992'::int8", '9007199254740992', 'int8', 'number'],
  ["'18446744073709551615'::xid8", '18446744073709551615', 'xid8', 'number'], ["'0.1'::float4", 0.1, 'float4', 'number'], ["'1e-45'::float4", 1e-45, 'float4', 'number'],
  ["'5e-324'::float8", 5e-324, 'float8', 'number'], ["'-0'::float8", -0, 'float8', 'number'], ["'NaN'::float8", 'NaN', 'float8', 'number'], ["'-Infinity'::float4", '-Infinity', 'float4', 'number'],
  ["'1.10'::numeric", '1.10', 'numeric', 'string'], ["'NaN'::numeric", 'NaN', 'numeric', 'string'], ["'-Infinity'::numeric", '-Infinity', 'numeric', 'string'], ["'1e50'::numeric", `1${'0'.repeat(50)}`, 'numeric', 'string'],
  ["'t'::bool", true, 'bool', 'boolean'], ["''::text", '', 'text', 'string'], ["E'a\\tb\\n\"'::text", 'a\tb\n"', 'text', 'string'], ["'ab'::char(4)", 'ab  ', 'bpchar', 'string'], ["'x'::\"char\"", 'x', 'char', 'string'],
  ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'uuid', 'string'], ["'<a>&lt;</a>'::xml", '<a>&lt;</a>', 'xml', 'string'],
  ["'infinity'::date", 'infinity', 'date', 'string'], ["'0044-03-15 BC'::date", '0044-03-15 BC', 'date', 'string'], ["'5874897-12-31'::date", '5874897-12-31', 'date', 'string'],
  ["'-infinity'::timestamp", '-infinity', 'timestamp', 'string'], ["'0044-03-15 12:00 BC'::timestamp", '0044-03-15T12:00:00 BC', 'timestamp', 'string'],
  ["'2024-02-29 12:34:56.000001'::timestamp", '2024-02-29T12:34:56.000001', 'timestamp', 'string'],
  ["'2024-07-01 12:00+00'::timestamptz", '2024-07-01T09:30:00-02:30', 'timestamptz', 'string'], ["'1850-01-01 12:00+00'::timestamptz", '1850-01-01T08:29:08-03:30:52', 'timestamptz', 'string'],
  ["'infinity'::timestamptz", 'infinity', 'timestamptz', 'string'], ["'0044-03-15 12:00+00 BC'::timestamptz", '0044-03-15T08:29:08-03:30:52 BC', 'timestamptz', 'string'],
  ["'24:00'::time", '24:00:00', 'time', 'string'], ["'12:00-15:59:59'::timetz", '12:00:00-15:59:59', 'timetz', 'string'], ["'1 year -2 mons 3 days -04:05:06.7'::interval", '10 mons 3 days -04:05:06.7', 'interval', 'string'],
  ["'\\x00ff'::bytea", 'AP8=', 'bytea', 'base64'], ["''::bytea", '', 'bytea', 'base64'], ["'-1234.5'::money", '-$1,234.50', 'money', 'string'],
  ["B'101'::bit(3)", '101', 'bit', 'string'], ["''::varbit", '', 'varbit', 'string'], ["'10.0.0.1/8'::inet", '10.0.0.1/8', 'inet', 'string'], ["'2001:db8::/32'::cidr", '2001:db8::/32', 'cidr', 'string'], ["'08002b010203'::macaddr", '08:00:2b:01:02:03', 'macaddr', 'string'],
  ["'(1.5,-2)'::point", '(1.5,-2)', 'point', 'string'], ["'1,2,3,4'::box", '(3,4),(1,2)', 'box', 'string'], ["'<(0,0),1>'::circle", '<(0,0),1>', 'circle', 'string'], ["'[(0,0),(1,1)]'::path", '[(0,0),(1,1)]', 'path', 'string'],
  ["'b:2 a:1A'::tsvector", "'a':1A 'b':2", 'tsvector', 'string'], ["'a & !b'::tsquery", "'a' & !'b'", 'tsquery', 'string'], ["'16/B374D848'::pg_lsn", '16/B374D848', 'pg_lsn', 'string'], ["'$.a[*]'::jsonpath", '$."a"[*]', 'jsonpath', 'string'],
  ["'pg_class'::regclass", 'pg_class', 'regclass', 'string'], ["'[1,5)'::int4range", '[1,5)', 'int4range', 'text'], ["'empty'::numrange", 'empty', 'numrange', 'text'], ["'{[1,3),[7,9)}'::int4multirange", '{[1,3),[7,9)}', 'int4multirange', 'text'],
  ["'{\"a\": [1, 2.50, null]}'::jsonb", { a: [1, 2.5, null] }, 'jsonb', 'json'], ["'{\"a\": 9007199254740993}'::jsonb", '{"a": 9007199254740993}', 'jsonb', 'text'], ["'1e400'::json", '1e400', 'json', 'text'],
  ["'null'::jsonb", 'null', 'jsonb', 'text'], ["'{\"a\":1,\"a\":2}'::json", '{"a":1,"a":2}', 'json', 'text'], [`'${'['.repeat(33)}${']'.repeat(33)}'::json`, `${'['.repeat(33)}${']'.repeat(33)}`, 'json', 'text'],
  ["'with blank'::mood", 'with blank', undefined, 'text'], ["'12.5'::percentage", '12.50', 'numeric', 'string'], ["'x'::label", 'x', 'text', 'string'], ["row(1, 'a\"b', '{2}')::pair", '(1,"a""b",{2})', undefined, 'text'],
  ["'[a,b)'::textrange", '[a,b)', undefined, 'text'], ["row(1, null, 'x')", '(1,,x)', 'record', 'text'], ["null::int4", null, 'int4', 'number'],
  ["'{{1,2},{3,NULL}}'::int4[]", [[1, 2], [3, null]], 'int4[]', 'number[]'], ["'[0:1]={7,8}'::int4[]", { lower_bounds: [0], values: [7, 8] }, 'int4[]', 'number[]'], ["'[-1:0][2:2]={{1},{2}}'::int8[]", { lower_bounds: [-1, 2], values: [[1], [2]] }, 'int8[]', 'number[]'],
  ["'{}'::text[]", [], 'text[]', 'string[]'], ["array['NULL', null, '', 'a,b', '{', '\\', '\"']", ['NULL', null, '', 'a,b', '{', '\\', '"'], 'text[]', 'string[]'], ["array['\\x00'::bytea, null]", ['AA==', null], 'bytea[]', 'base64[]'],
  ["array['(1,2),(3,4)'::box, null]", ['(3,4),(1,2)', null], 'box[]', 'string[]'], ["array['infinity'::timestamptz]", ['infinity'], 'timestamptz[]', 'string[]'], ["array['{\"a\": 1}'::jsonb, null]", [{ a: 1 }, null], 'jsonb[]', 'json[]'],
  ["array['calm', null]::mood[]", '{calm,NULL}', undefined, 'text'], ["array['[1,2)'::int4range]", ['[1,2)'], 'int4range[]', 'text[]'], ["array[1.10, 'NaN'::numeric]", ['1.10', 'NaN'], 'numeric[]', 'string[]'],
];

test('each type has the value, type and encoding of docs/types.md, and its text back', async () => {
  const sql = `select ${kContract.map(([expression]) => expression).join(', ')}`;
  const { columns: header, rows: [row] } = (await call(sql)).structuredContent;
  const [want] = psqlRows(sql, kContract.length);
  kContract.forEach(([expression, value, type, encoding], i) => {
    assert.deepEqual([row[i], header[i].type, header[i].encoding], [value, type, encoding], expression);
    assertSame(row[i], header[i], want[i], expression);
  });
});

test('text encoding can be handed back as a parameter of that type', async () => {
  for (const [expression, value, , encoding] of kContract.filter(([, each]) => typeof each === 'string')) {
    const type = expression.match(/::("char"|[a-z0-9]+)(\(\d+\))?(\[\])?$/)?.[0];
    if (!type || encoding === 'base64') continue;
    const { rows: [[again]] } = (await call(`select $1${type}`, { params: [value] })).structuredContent;
    assert.deepEqual(again, value, expression);
  }
});

// Written by hand, as no JavaScript client can: its own numbers are doubles.
test('an integer of 64 bits goes in its digits, one beyond is refused; a numeric goes whole as a string', async () => {
  const sent = async (number) => {
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":{"sql":"select $1::numeric","params":[${number}]},"_meta":${JSON.stringify(meta())}}}`;
    const { json } = await post(server.url, body, { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'query' });
    return json.error?.code ?? json.result.structuredContent.rows[0][0];
  };
  for (const exact of ['9007199254740993', '9223372036854775807', '-9223372036854775808', '18446744073709551615']) assert.equal(await sent(exact), exact);
  for (const beyond of ['18446744073709551616', '-9223372036854775809', '1e400']) assert.equal(await sent(beyond), -32700, beyond);
  for (const whole of ['1.10', '0.1234567890123456789', '123456789012345678901234567890.000', 'NaN', '-Infinity']) assert.equal(await sent(`"${whole}"`), whole);
});

test('zero columns, zero rows, equal names: the shape is kept', async () => {
  const shape = async (sql) => {
    const { columns: header, rows, row_count } = (await call(sql)).structuredContent;
    return [header.map((column) => column.name), rows, row_count];
  };
  assert.deepEqual(await shape('select from generate_series(1, 3)'), [[], [[], [], []], 3]);
  assert.deepEqual(await shape('select'), [[], [[]], 1]);
  assert.deepEqual(await shape('select 1 as a, null::text as b where false'), [['a', 'b'], [], 0]);
  assert.deepEqual(await shape('select 1 as a, 2 as a, 3 as "A", 4, 5'), [['a', 'a', 'A', '?column?', '?column?'], [[1, 2, 3, 4, 5]], 1]);
  assert.deepEqual(await shape('select 1 as " ", 2 as "ä€🐘", 3 as "quo""te"'), [[' ', 'ä€🐘', 'quo"te'], [[1, 2, 3]], 1]);
});

test('a database in LATIN1 answers in UTF-8; bytes that are none, in SQL_ASCII, become U+FFFD, each one, and nothing else', async () => {
  const other = (encoding) => `${name}_${encoding.toLowerCase()}`;
  const at = (encoding) => here.replace(name, other(encoding));
  for (const encoding of ['LATIN1', 'SQL_ASCII']) psql(`create database ${other(encoding)} encoding '${encoding}' template template0 locale 'C'`);
  const odd = await startServer({ databases: `  main: { dsn: "${at('LATIN1')}" }\n  raw: { dsn: "${at('SQL_ASCII')}" }` });
  try {
    const bytes = (encoding, hex) => execFileSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', at(encoding)], { env: { ...process.env, PGCLIENTENCODING: encoding },
      input: Buffer.concat([Buffer.from("create table t (name text); insert into t values ('"), Buffer.from(hex, 'hex'), Buffer.from("');")]) });
    bytes('LATIN1', 'e4f6fcdf');
    bytes('SQL_ASCII', '61ffc3a4e282');
    const read = async (database, sql, params) => {
      const connection = await connected(entry, { url: odd.url });
      try {
        const result = await connection.callTool({ name: 'query', arguments: { sql, params, database } });
        return result.isError ? textOf(result) : result.structuredContent.rows;
      } finally {
        await connection.close();
      }
    };
    assert.deepEqual(await read('main', 'select name, name = $1 from t', ['äöüß']), [['äöüß', true]]);
    assert.match(await read('main', 'select $1::text', ['🐘']), /22P05/);
    assert.deepEqual(await read('raw', "select name, encode(name::bytea, 'hex') from t"), [['a\ufffdä\ufffd\ufffd', '61ffc3a4e282']]);
  } finally {
    await odd.stop();
    for (const encoding of ['LATIN1', 'SQL_ASCII']) psql(`drop database ${other(encoding)} with (force)`);
  }
});
