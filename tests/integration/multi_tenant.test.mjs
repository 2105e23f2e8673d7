// The leak battery: eight tenants on two connections, and nothing of one in what another is told. T-numbers are those of the
// project's list of leaks (docs/security.md names the tests of each). T6 to T8 are in multi_tenant_cache, T9 is asked here and of
// rate_limit, T13 and T15 are in multi_tenant_timing, T15 with many principals in multi_tenant_flood, T14 in
// multi_tenant_pooler, T16 and T17 in multi_tenant_audit; T18 (natural language) is not there yet.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { bearer, callAs, foreignIn, hostile, interleaved, load, markOf, psql, refusedAs, rowsAs, saidTo, setup, startTenants, tenants } from './multi_tenant_support.mjs';
import { inFolder, modern, openSession, post, textOf, until } from './support.mjs';

const kCalls = Number(process.env.HOWDAH_TENANT_CALLS ?? 10000);
const place = inFolder();
let cluster;
let shared;
let schema;
const starting = (section, pool) => startTenants(cluster, place.folder, section, pool);

before(async () => {
  cluster = startCluster();
  load(setup, cluster.dsn);
  [shared, schema] = await Promise.all([starting({ model: 'shared', role: 'app' }), starting({ model: 'schema' })]);
});
after(async () => {
  for (const server of [shared, schema]) {
    if (!server) continue;
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.doesNotMatch(server.log(), /mark-(t\d)-\1/, 'no row of anybody stands in the log');
  }
  cluster?.remove();
  place.remove();
});

const readsOf = {
  shared: ['select note from notes order by id', 'with a as (select * from notes) select a.note, t.tag from a join tags t on t.note_id = a.id order by 1',
    'select note from own_notes union all select tag from tags order by 1', 'select max(note), count(*) from notes', 'table notes',
    'select (select string_agg(tag, \',\') from tags) || note from public.notes'],
  schema: ['select note from orders order by id', 'select note from own_orders order by id', 'select note from kept_orders',
    'with a as (select * from orders) select x.note from a x join orders y using (id)', 'select string_agg(note, \',\') from orders'],
};

describe('T1 reads, joins, views, CTEs of alternating tenants, and T2 the same texts on the same connections', () => {
  for (const [model, server] of [['shared', () => shared], ['schema', () => schema]]) {
    test(`model ${model}: ${kCalls} interleaved calls hold no foreign byte`, { timeout: 3_600_000 }, async () => {
      const began = Date.now();
      const { foreign, bytes } = await interleaved(server().url, kCalls, 16, (tenant, i) => saidTo(server().url, tenant, readsOf[model][Math.floor(i / 8) % readsOf[model].length]));
      assert.equal(foreign, 0);
      console.log(`figure: model ${model}, 8 tenants on 2 connections: ${foreign} foreign bytes in ${kCalls} calls (${bytes} bytes of answers), ${Math.round((kCalls * 1000) / (Date.now() - began))} calls/s`);
    });
  }

  test('every tenant sees all of its own, and only that', async () => {
    for (const tenant of tenants) {
      assert.deepEqual(await rowsAs(shared.url, tenant, 'select count(*), min(tenant_id), max(tenant_id) from notes'), [[20, tenant, tenant]]);
      assert.deepEqual(await rowsAs(shared.url, tenant, 'select count(*) from tags'), [[20]]);
      assert.deepEqual(await rowsAs(schema.url, tenant, 'select count(*) from orders'), [[20]]);
    }
  });

  test('plans and statistics of shared tables are not shown; of a schema of its own a plan may be', async () => {
    assert.match(await refusedAs(shared.url, 't0', 'explain select * from notes'), /tenant-explain/);
    assert.match(await refusedAs(shared.url, 't0', 'explain (analyze) select * from notes'), /tenant-explain/);
    assert.match(JSON.stringify(await rowsAs(schema.url, 't0', 'explain select * from orders')), /Scan/);
    for (const sql of ['select most_common_vals from pg_stats', 'select n_live_tup from pg_stat_user_tables', 'select reltuples from pg_catalog.pg_class'])
      assert.match(await refusedAs(schema.url, 't0', sql), /tenant-catalog/);
  });

  test('T2 a policy that changes between two calls holds for the next one', async () => {
    const seen = () => rowsAs(shared.url, 't2', 'select count(*) from notes');
    for (let i = 0; i < 5; i++) assert.deepEqual(await seen(), [[20]]);
    psql("alter policy own on public.notes using (tenant_id = current_setting('app.tenant_id', true) and id <= 5)", cluster.dsn);
    try {
      for (const tenant of tenants) assert.deepEqual(await rowsAs(shared.url, tenant, 'select count(*) from notes'), [[5]]);
    } finally {
      psql("alter policy own on public.notes using (tenant_id = current_setting('app.tenant_id', true))", cluster.dsn);
    }
    assert.deepEqual(await seen(), [[20]]);
  });
});

describe('T3 a tenant that is absent, empty or hostile', () => {
  test('is refused, and its text is not repeated', async () => {
    for (const [name, fields] of [...hostile.slice(0, -1), ['nobody', 'tenant=']]) {
      for (const server of [shared, schema]) {
        const said = await refusedAs(server.url, name, 'select note from notes');
        assert.match(said, name === 'nobody' ? /tenant-missing/ : /tenant-malformed/);
        const value = fields.slice('tenant='.length);
        if (value.length > 4) assert.ok(!said.includes(value), said);
        assert.deepEqual(foreignIn(said, ''), []);
      }
    }
  });
  test('whose name would be cut, or whose role is not there, is told that it is not set up', async () => {
    assert.match(await refusedAs(schema.url, 'longest', 'select 1'), /longer than the 63 bytes/);
    psql('alter role tenant_t7 rename to somebody', cluster.dsn);
    try {
      const said = await refusedAs(schema.url, 't7', 'select note from orders');
      assert.match(said, /tenant-not-set-up/);
      assert.ok(!said.includes('tenant_t7'), said);
    } finally {
      psql('alter role somebody rename to tenant_t7', cluster.dsn);
    }
    assert.deepEqual(await rowsAs(schema.url, 't7', 'select count(*) from orders'), [[20]]);
  });
  test('a setting that is absent or empty yields no row: the policies say so without the plugin too', () => {
    const as = (sets) => psql(`set role app; ${sets}; select count(*) from notes`, cluster.dsn).split('\n').at(-1);
    assert.deepEqual([as('select 1'), as("set app.tenant_id = ''"), as("set app.tenant_id = 'T1'"), as(`set app.tenant_id = '${'t'.repeat(100)}'`)], ['0', '0', '0', '0']);
  });
});

test('T4 no spelling of a setting, a role or a session is let through, and none changes what comes next', async () => {
  const spellings = [
    'set role tenant_t1', 'SET LOCAL ROLE tenant_t1', 'set session role tenant_t1', 'set role none', 'reset role', 'RESET ALL', 'discard all', "set role 'tenant_t1'",
    'set session authorization login', 'set local session authorization default', 'reset session authorization', "set app.tenant_id = 't1'", "set local app.tenant_id to 't1'",
    "set session app.tenant_id = 't1'", 'reset app.tenant_id', "set search_path = tenant_t1", "set local search_path to tenant_t1, public", "set schema 'tenant_t1'",
    "select set_config('app.tenant_id', 't1', false)", "select set_config('role', 'tenant_t1', true)", "select pg_catalog.set_config('role', 'none', true)",
    'select "set_config"(\'app.tenant_id\', \'t1\', true)', 'select U&"set\\005fconfig"(\'role\', \'none\', true)', "with a as (select set_config('role', 'none', true)) select * from a",
    "select (select set_config('app.tenant_id', 't1', true)), note from notes", "select note from notes where set_config('app.tenant_id', 't1', true) = 't1'",
    "select 1; set role none", "do $$ begin perform set_config('role', 'none', true); end $$", "/* x */ set /* y */ role none", "begin; reset role; commit",
    "prepare p as select set_config('role', 'none', true)", "explain analyze select set_config('role', 'none', true)", "select * from set_config('app.tenant_id', 't1', true)",
    "select query_to_xml('reset role', true, false, '')", "values (set_config('role', 'none', true))", "select lateral_.* from lateral set_config('role','none',true) lateral_",
  ];
  for (const server of [shared, schema]) {
    for (const sql of spellings) {
      const said = await refusedAs(server.url, 't0', sql);
      assert.deepEqual(foreignIn(said, 't0'), [], sql);
    }
  }
  assert.deepEqual(await rowsAs(shared.url, 't0', 'select distinct tenant_id from notes'), [['t0']]);
  for (const sql of [...spellings.slice(0, 18), "insert into notes select 't0', 100, set_config('role', 'none', true)", "update notes set note = set_config('app.tenant_id', 't1', true)"])
    await refusedAs(shared.url, 't0', sql, { tool: 'execute', database: 'notes' });
});

test('T4 a tenant makes no definition, which could give its role up', async () => {
  psql('grant create on schema public to app', cluster.dsn);
  try {
    for (const sql of ["create function public.f() returns text language sql as 'select 1::text'", 'create table public.mine (i int)', 'create view public.v as select 1', 'truncate notes', 'alter table notes disable row level security'])
      assert.match(await refusedAs(shared.url, 't0', sql, { tool: 'execute', database: 'notes' }), /tenant-no-ddl|not-allowed|schema-change|refused/);
  } finally {
    psql('revoke create on schema public from app', cluster.dsn);
  }
});

test('writes reach the rows of the tenant alone, whatever they name', async () => {
  const write = (who, sql) => callAs(shared.url, who, 'execute', { sql, database: 'notes' });
  assert.match(JSON.stringify(await write('t1', `update notes set note = '${markOf('t1')} changed' where id = 1`)), /"affected_rows":1/);
  assert.match(JSON.stringify(await write('t1', "update notes set note = 'x' where tenant_id = 't2'")), /"affected_rows":0/);
  assert.match(JSON.stringify(await write('t1', "delete from notes where tenant_id <> 't1'")), /"affected_rows":0/);
  for (const sql of ["insert into notes values ('t2', 500, 'x')", "update notes set tenant_id = 't2' where id = 2"])
    assert.match(JSON.stringify(await write('t1', sql)), /violates row-level security policy/);
  assert.equal(psql("select count(*) from notes where note !~ ('^mark-' || tenant_id)", cluster.dsn), '0');
  assert.match(await refusedAs(schema.url, 't1', 'update tenant_t2.orders set note = null', { tool: 'execute', database: 'notes' }), /does not exist, or is not this tenant's/);
});

test('T5 after an error, a timeout, a cancel and a disconnect the next tenant on that connection finds nothing', async () => {
  load(`create table public.once (tenant_id text, id int, unique (tenant_id, id) deferrable initially deferred); grant select, insert on public.once to app;`, cluster.dsn);
  const one = await starting({ model: 'shared', role: 'app', explain: 'allow' }, { connections_max: 1, connections_min: 1 });
  try {
    const clean = async (tenant) => {
      const [row] = await rowsAs(one.url, tenant, `select current_user, current_setting('app.tenant_id'), current_setting('request.jwt.claims')::json ->> 'tenant',
        current_setting('search_path'), (select count(*) from notes), (select count(distinct tenant_id) from notes)`);
      assert.deepEqual(row, ['app', tenant, tenant, '"$user", public', 20, 1]);
      assert.equal(psql("select (select count(*) from pg_locks where locktype = 'advisory') + (select count(*) from pg_class where relpersistence = 't')", cluster.dsn), '0', 'locks and temporary tables');
    };
    const upsets = {
      'an error': () => refusedAs(one.url, 't0', 'select 1 / (id - id) from notes'),
      'a timeout': () => refusedAs(one.url, 't0', 'select note, pg_sleep(30) from notes', { timeout_ms: 200 }),
      'a cancel': async () => {
        const controller = new AbortController();
        const call = callAs(one.url, 't0', 'query', { sql: "select note, pg_sleep(30) /* upset */ from notes" }, controller.signal);
        await until('it runs', () => psql("select count(*) from pg_stat_activity where query like '%/* upset */%' and state = 'active' and pid <> pg_backend_pid()", cluster.dsn) === '1');
        controller.abort();
        await assert.rejects(call);
      },
      'a row limit': () => rowsAs(one.url, 't0', 'select note from notes, generate_series(1, 5000)', { max_rows: 10 }),
      'a failed write': () => refusedAs(one.url, 't0', "insert into notes values ('t0', 1, 'x')", { tool: 'execute', database: 'notes' }),
      'a failed COMMIT': async () => assert.match(await refusedAs(one.url, 't0', "insert into once values ('t0', 1), ('t0', 1)", { tool: 'execute', database: 'notes' }), /23505/),
      'the backend killed': async () => {
        const call = callAs(one.url, 't0', 'query', { sql: "select note, pg_sleep(3) /* doomed */ from notes limit 1" });
        await until('it runs', () => psql("select count(*) from pg_stat_activity where query like '%/* doomed */%' and state = 'active' and pid <> pg_backend_pid()", cluster.dsn) === '1');
        psql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%/* doomed */%' and pid <> pg_backend_pid()", cluster.dsn);
        await call;
      },
    };
    for (const [what, upset] of Object.entries(upsets)) {
      for (const tenant of ['t1', 't2']) {
        await upset();
        await clean(tenant).catch((error) => { throw new Error(`after ${what}: ${error.message}`); });
      }
    }
    for (const sql of ['select * from pg_prepared_statements', 'select * from pg_cursors'])
      assert.match(await refusedAs(one.url, 't1', sql), /tenant-catalog/);
  } finally {
    assert.deepEqual(await one.stop(), { code: 0, signal: null });
  }
});

test('T9 who asks is told by the token alone: no argument, header, client name or session changes it', async () => {
  const sql = "select current_setting('app.tenant_id'), current_user";
  const expected = [['t3', 'app']];
  const said = async (headers, params = {}) => {
    const { json } = await modern(shared.url, 'tools/call', { name: 'query', arguments: { sql, ...params } }, undefined, { ...bearer('t3'), ...headers });
    return json.result.structuredContent.rows;
  };
  for (const headers of [{ 'X-Tenant': 't4' }, { 'X-Tenant-Id': 't4', 'X-Forwarded-User': 't4' }, { 'X-Role': 'postgres' }, { 'User-Agent': 't4' }])
    assert.deepEqual(await said(headers), expected);
  const { json } = await modern(shared.url, 'tools/call', { name: 'query', arguments: { sql, tenant: 't4' } }, undefined, bearer('t3'));
  assert.match(JSON.stringify(json), /tenant/, 'an argument the tool has not is refused by its name');
  assert.equal(json.result?.structuredContent, undefined);
  const session = await openSession(shared.url, '2025-11-25', bearer('t3'));
  const legacy = async (headers) => (await post(shared.url, { jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'query', arguments: { sql } } }, headers));
  assert.deepEqual((await legacy(session)).json.result.structuredContent.rows, expected);
  const stolen = await legacy({ ...session, ...bearer('t4') });
  assert.notEqual(stolen.status, 200, 'another tenant does not go on with this session');
});

test('T10 handles and links of another tenant are as good as unknown', async () => {
  const cut = await callAs(shared.url, 't1', 'query', { sql: 'select note from notes order by id', max_rows: 5 });
  const { next } = cut.structuredContent;
  assert.ok(next);
  const own = await callAs(shared.url, 't1', 'query_more', { next, max_rows: 5 });
  assert.equal(own.structuredContent.row_count, 5);
  const other = await callAs(shared.url, 't2', 'query_more', { next, max_rows: 5 });
  const unknown = await callAs(shared.url, 't2', 'query_more', { next: next.slice(0, -6) + 'AAAAAA', max_rows: 5 });
  assert.deepEqual([other.isError, textOf(other)], [true, textOf(unknown)]);
  const link = await callAs(shared.url, 't1', 'query', { sql: 'select note from notes', as: 'resource' });
  const read = async (who) => (await modern(shared.url, 'resources/read', { uri: link.structuredContent.uri }, undefined, { ...bearer(who), 'Mcp-Name': link.structuredContent.uri })).json;
  assert.ok(JSON.stringify(await read('t1')).includes(markOf('t1')));
  const foreign = await read('t2');
  assert.ok(foreign.error, JSON.stringify(foreign));
  assert.deepEqual(foreignIn(JSON.stringify(foreign), 't2'), []);
});

test('T10, T11 what is another tenant\'s is told in the words for what is not there', async () => {
  const words = async (sql) => (await refusedAs(schema.url, 't0', sql)).replaceAll(/t1|t9|secret|absent/g, 'X');
  assert.equal(await words('select * from tenant_t1.orders'), await words('select * from tenant_t9.orders'));
  assert.equal(await words('select * from tenant_t1.secret'), await words('select * from tenant_t1.absent'));
  const database = async (name) => (await refusedAs(schema.url, 't0', 'select 1', { database: name })).replaceAll(name, 'X');
  assert.equal(await database('hidden'), await database('hidde'));
  assert.ok(!(await database('hidde')).includes('hidden'), 'no "did you mean"');
  for (const sql of ['select nspname from pg_namespace', 'select rolname from pg_catalog.pg_roles', "select to_regclass('tenant_t1.orders')", "select has_schema_privilege('tenant_t1', 'usage')", 'select datname from pg_database'])
    assert.match(await refusedAs(schema.url, 't0', sql), /tenant-catalog/);
  for (const sql of ['select schema_name from information_schema.schemata', 'select table_name from information_schema.tables', 'select * from information_schema.enabled_roles'])
    assert.doesNotMatch(JSON.stringify(await rowsAs(schema.url, 't0', sql, { max_rows: 1000 })), /t[1-7]\b|mark-t[1-7]/);
});

test('T11 no function and no type turns a number or a name into what is another tenant\'s', async () => {
  const oid = psql("select 'tenant_t1.orders'::regclass::oid", cluster.dsn);
  const role = psql("select 'tenant_t1'::regrole::oid", cluster.dsn);
  const schemaOid = psql("select 'tenant_t1'::regnamespace::oid", cluster.dsn);
  const type = psql("select 'tenant_t1.orders'::regtype::oid", cluster.dsn);
  for (const server of [shared, schema]) {
    for (const sql of [`select ${role}::oid::regrole::text`, `select g::oid::regclass from generate_series(${oid}, ${oid}) g`, `select ${schemaOid}::regnamespace`,
      `select cast(${type} as regtype)`, `select coalesce(${type}, pg_typeof(1))`, `select array[${type}, pg_typeof(1)]`, `select coalesce(${oid}, get_current_ts_config())`, `select format_type(${type}, null)`, `select pg_get_userbyid(${role})`, `select pg_describe_object(1259, ${oid}, 0)`,
      `select identity from pg_identify_object(1259, ${oid}, 0)`, `select acldefault('r', ${role})::text`, `select array_agg(x) from unnest(acldefault('r', ${role})) x`,
      `select obj_description(${oid}, 'pg_class')`, `select pg_get_viewdef(${oid})`, `select has_table_privilege(${oid}, 'select')`, `select pg_has_role(${role}, 'usage')`,
      `select aggfnoid from json_populate_record(null::pg_aggregate, '{"aggfnoid": ${oid}}')`, `select x from json_to_record('{"x": ${oid}}') as t(x regclass)`,
      `select u&"\\0072egclass" '${oid}'`, `select ${oid}::U&"\\0072egclass"`, `select '{${oid}}'::_regclass`, "select '=r/tenant_t1'::aclitem", "select 'tenant_t1'::regrole",
      `select pg_partition_root(${oid})`, `select ts_debug('simple', 'a')`, `select "format_type"(${type}, -1)`, `select pg_catalog . pg_get_userbyid(${role})`]) {
      const said = await refusedAs(server.url, 't0', sql);
      // Some of them the guard lets nobody call.
      assert.match(said, /tenant-catalog|function-/, sql);
      assert.deepEqual(foreignIn(said, 't0'), [], sql);
    }
    for (const sql of ["select 'regclass', 'pg_class'", 'select pg_column_size(1), pg_size_pretty(1024::bigint)', "select to_tsvector('simple', 'a b')"])
      assert.equal((await rowsAs(server.url, 't0', sql)).length, 1, sql);
  }
  // What is refused in a read is refused in a write.
  assert.match(await refusedAs(shared.url, 't0', `insert into notes values ('t0', 900, ${role}::oid::regrole::text)`, { tool: 'execute', database: 'notes' }), /tenant-catalog/);
});

test('T11 lists, descriptions and completions hold nothing of another tenant', async () => {
  for (const tenant of ['t0', 't5']) {
    const listed = JSON.stringify(await callAs(schema.url, tenant, 'list_tables', {}));
    assert.ok(listed.includes(`mark-${tenant}-secret`), listed);
    assert.deepEqual(foreignIn(listed, tenant), []);
    assert.doesNotMatch(listed, new RegExp(`tenant_t(?!${tenant.slice(1)})`));
    assert.ok(!(await callAs(schema.url, tenant, 'describe_table', { table: 'orders' })).isError);
    for (const name of ['tenant_t3.orders', 'mark-t3-secret', 'tenant_t3.nope']) {
      const described = await callAs(schema.url, tenant, 'describe_table', { table: name });
      assert.ok(described.isError, name);
      assert.deepEqual(foreignIn(JSON.stringify(described).replaceAll('mark-t3-secret', ''), tenant), []);
    }
    const asked = async (method) => JSON.stringify((await modern(schema.url, method, {}, undefined, bearer(tenant))).json);
    for (const method of ['tools/list', 'resources/list', 'prompts/list']) assert.deepEqual(foreignIn(await asked(method), tenant), []);
  }
  const answers = await Promise.all(['t1', 't2'].map(async (who) => JSON.stringify((await modern(schema.url, 'tools/list', {}, undefined, bearer(who))).json.result)));
  assert.equal(answers[0], answers[1]);
});

test('T12 other tenants\' statements, and the server\'s log of them, are out of reach', async () => {
  const busy = callAs(shared.url, 't1', 'query', { sql: `select pg_sleep(4) /* busy */, '${markOf('t1')}'` });
  await until('it runs', () => psql("select count(*) from pg_stat_activity where query like '%/* busy */%' and state = 'active' and pid <> pg_backend_pid()", cluster.dsn) === '1');
  assert.match(await refusedAs(shared.url, 't0', 'select query from pg_stat_activity'), /tenant-catalog/);
  // And by the role alone, where the operator lets tenants read the catalogs.
  const open = await starting({ model: 'shared', role: 'app', catalogs: 'allow' });
  try {
    assert.deepEqual(foreignIn(await saidTo(open.url, 't0', 'select query from pg_stat_activity'), 't0'), []);
  } finally {
    await open.stop();
  }
  await busy;
  // health_check names what is worth a word in the whole database, in anybody's schema.
  for (const tool of ['tenant_check', 'tenant_list', 'health_check']) assert.match(JSON.stringify(await callAs(shared.url, 't0', tool, {})), /tenant-tool/);
  assert.ok(!(await callAs(shared.url, 'ops', 'health_check', {})).isError);
});
