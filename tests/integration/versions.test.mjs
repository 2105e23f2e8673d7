// PostgreSQL 13 to 18: pool, guard, query and schema tools through the official client, on a server of each major version.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { majors, pinnedServer, startClusterBeside } from './cluster.mjs';
import { clients, connected } from './sdk_clients.mjs';
import { psql, run, startServer, textOf, until } from './support.mjs';

const here = (name) => join(import.meta.dirname, name);
const entry = clients.find(({ name }) => name === 'client 2.4, 2026-07-28, over HTTP');
const expected = JSON.parse(readFileSync(here('versions_expected.json'), 'utf8'));

// HOWDAH_PG_MAJOR asks one of them alone.
const asked = process.env.HOWDAH_PG_MAJOR ? [Number(process.env.HOWDAH_PG_MAJOR)] : majors;
// Two clusters at a time: the next one starts while the present one is asked.
const begin = (major) => {
  const started = !major || pinnedServer(major).skip ? undefined : startClusterBeside('--major', `${major}`, '--database', 'fleet', '--load', here('versions.sql'));
  started?.catch(() => {});  // the test that waits for it tells
  return started;
};
let next = begin(asked[0]);

// The reviewed names of catalog_names.sh: volatile, and yet no more than a read.
const reviewed = new Set([...readFileSync(here('../../plugins/guard/catalog_names.sh'), 'utf8').matchAll(/^(?:volatile|newer)_reviewed="([^"]*)"/gm)]
  .flatMap(([, names]) => names.split(/\s+/)));

for (const major of asked) {
  const { skip } = pinnedServer(major);
  describe(`PostgreSQL ${major}`, { skip }, () => {
    let cluster;
    let server;
    let client;
    before(async () => {
      cluster = await next;
      next = begin(asked[asked.indexOf(major) + 1]);
      const as = (role) => cluster.dsn.replace('postgres@', `${role}@`);
      server = await startServer({ databases: `  main: { dsn: "${as('vessel_reader')}" }\n  notes: { dsn: "${as('vessel_writer')}", access: read_write }` });
      client = await connected(entry, { url: server.url });
    });
    after(async () => {
      await client?.close();
      if (server) assert.deepEqual(await server.stop(), { code: 0, signal: null });
      cluster?.remove();
    });
    const there = (sql) => psql(sql, cluster.dsn);
    const call = (name, args, options) => client.callTool({ name, arguments: args }, options);
    const ask = async (name, args) => {
      const result = await call(name, args);
      assert.ok(!result.isError, `${JSON.stringify(args)}: ${textOf(result)}`);
      return result.structuredContent;
    };
    const rows = async (sql, ...params) => (await ask('query', { sql, params })).rows;
    const refused = async (name, args, reason) => {
      const result = await call(name, args);
      assert.ok(result.isError, `${JSON.stringify(args)} was not refused`);
      assert.match(textOf(result), reason, JSON.stringify(args));
    };

    test('the server is the one that is meant, and doctor tells its version and that the role can only read', async () => {
      assert.equal(Math.floor((await rows("select current_setting('server_version_num')::int"))[0][0] / 10000), major);
      const { code, out } = run(['doctor', '-c', server.file]);
      assert.equal(code, 0, out);
      assert.match(out, new RegExp(`main: connection.*PostgreSQL ${major}\\.`));
      // Once in each look: doctor's own, and the running server's. Everybody could create in public before 15.
      const told = `warn main: role role vessel_reader has rights a reader does not need: temporary tables${major < 15 ? ', creates in public' : ''}`;
      assert.deepEqual(out.match(/^.*main: role .*$/gm)?.map((line) => line.trim().replaceAll(/ +/g, ' ')), [told, told]);
    });

    test('values, parameters and arrays are bound and come back', async () => {
      assert.deepEqual(await rows("select $1::int, $2::text, $3::fleet.mood, 1.10::numeric, array[1,null], '{\"a\":[1]}'::jsonb, 9007199254740993",
        7, "Ber'gen", 'rough'), [[7, "Ber'gen", 'rough', '1.10', [1, null], { a: [1] }, '9007199254740993']]);
      assert.deepEqual(await rows('select id from fleet.ships where id = any ($1) order by id', [3, 1, 99999]), [[1], [3]]);
      assert.deepEqual(await rows('select count(*) from fleet.ships where moods = $1', ['calm']), [[50]]);  // not the hidden one
    });

    test('every type of the server is known by its name', async () => {
      const types = there(`select typname from pg_type where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm') and typarray <> 0 order by 1`).split('\n');
      assert.ok(types.length > 60, `${types.length} types`);
      const { columns } = await ask('query', { sql: `select ${types.flatMap((type) => [`null::pg_catalog."${type}"`, `null::pg_catalog."${type}"[]`]).join(', ')}` });
      assert.deepEqual(columns.map((column) => column.type), types.flatMap((type) => [type, `${type}[]`]));
    });

    test('what only later servers know is read there and a plain error before', async () => {
      const newer = async (since, sql, answer, before) => {
        if (major >= since) assert.deepEqual(await rows(sql), [[answer]], sql);
        else await refused('query', { sql }, before);
      };
      await newer(14, "select '{[1,3),[7,9)}'::int4multirange", '{[1,3),[7,9)}', /42704/);
      await newer(14, 'show client_connection_check_interval', '1s', /42704/);
      await newer(15, "select count(*) from regexp_matches('abc', 'b') where regexp_like('abc', 'b')", 1, /42883/);
      await newer(16, 'select any_value(7)', 7, /42883/);
      await newer(17, "select to_bin(5)", '101', /42883/);
      await newer(18, 'select array_sort(array[2, 1])', [1, 2], /42883/);
    });

    test('syntax the grammar of PostgreSQL 15 does not know is refused with that reason', async () => {
      for (const sql of ['select 1_000', 'select 0xff', "select '{}' is json", "select * from json_table('[1]', '$[*]' columns (a int path '$'))",
        "select json_value(jsonb '1', '$' returning int)", 'select json_array(1, 2 null on null)']) {
        await refused('query', { sql }, /guard|syntax/);
        await refused('query', { sql }, /syntax newer than PostgreSQL 15 is not understood/);
      }
      await refused('execute', { sql: 'alter table newer.visits alter constraint visits_fee_check enforced', database: 'notes' }, /syntax newer than PostgreSQL 15|not understood/);
    });

    test('every volatile function of the server is refused, or stands on the reviewed list', async () => {
      // No catalog shows what a function does; STABLE and IMMUTABLE ones change nothing (PostgreSQL manual, "Function Volatility").
      const all = there(`select p.oid::regprocedure || '|' || p.proname || '|' || coalesce((select string_agg('null::' || format_type(t, null), ', ' order by o)
        from unnest(p.proargtypes) with ordinality as a (t, o)), '') from pg_proc p
        where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and p.provolatile = 'v' and p.prorettype not in ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype)
          and not p.proargtypes::oid[] && array['internal'::regtype, 'cstring'::regtype, '"any"'::regtype, 'anyelement'::regtype]::oid[] order by 1`)
        .split('\n').map((line) => line.split('|'));
      assert.ok(all.length > 150, `${all.length} functions`);
      const allowed = [];
      for (const [signature, name, args] of all) {
        const result = await call('query', { sql: `select pg_catalog.${name}(${args})`, timeout_ms: 2000 });
        const ruled = result.isError && /function-(unsafe|not-allowed)/.test(textOf(result));
        // timezone(text, timetz) became STABLE with 15, unchanged.
        if (!ruled && !reviewed.has(name) && !(major < 15 && name === 'timezone')) allowed.push(`${signature}: ${textOf(result)}`);
      }
      assert.deepEqual(allowed, []);
      if (major >= 18) await refused('query', { sql: "select pg_restore_relation_stats('schemaname', 'fleet', 'relname', 'ships')" }, /function-(unsafe|not-allowed)/);
    });

    test('a write commits, says what it did, and a failed one leaves nothing', async () => {
      const inserted = await ask('execute', { sql: 'insert into fleet.ships (id, name) values (200, $1), (201, $2) returning id, area', params: ['a', 'bb'], database: 'notes' });
      assert.deepEqual([inserted.rows, inserted.affected_rows], [[[200, 2], [201, 4]], 2]);
      assert.equal((await ask('execute', { sql: "update fleet.ships set name = 'c' where id = 201", database: 'notes' })).affected_rows, 1);
      await refused('execute', { sql: 'insert into fleet.ships (id, name) values (202, $1), (200, $1)', params: ['twice'], database: 'notes' }, /23505/);
      assert.equal(there('select string_agg(id || name, $$,$$ order by id) from fleet.ships where id >= 200'), '200a,201c');
      const merge = { sql: "merge into fleet.ships t using (values (200), (203)) v (id) on t.id = v.id when matched then delete when not matched then insert (id, name) values (v.id, 'merged')", database: 'notes' };
      if (major >= 15) assert.equal((await ask('execute', merge)).affected_rows, 2);
      else await refused('execute', merge, /42601/);
      assert.equal((await ask('execute', { sql: 'delete from fleet.ships where id >= 200', database: 'notes' })).affected_rows, 2);
      await refused('query', { sql: 'delete from fleet.ships' }, /data-modification/);
      await refused('execute', { sql: 'delete from fleet.ships', database: 'main' }, /restricted|read/);
    });

    test('errors have SQLSTATE and a caret', async () => {
      const result = await call('query', { sql: 'select nam\nfrom fleet.ships' });
      assert.ok(result.isError);
      assert.match(textOf(result), /column "nam" does not exist\nline 1: select nam\n +\^\n[^]*SQLSTATE: 42703/);
      await refused('query', { sql: 'select 1 / 0' }, /22012/);
      await refused('query', { sql: 'select * from fleet.old_notes' }, /42501/);
    });

    test('a prepared statement survives a change of its table', async () => {
      const sql = 'select * from fleet.base_notes where id > $1';
      for (let i = 2; i < 6; i++) assert.deepEqual(await rows(sql, i), []);
      there('alter table fleet.base_notes add column more int');
      try {
        const { columns } = await ask('query', { sql, params: [0] });
        assert.deepEqual(columns.map((column) => column.name), ['id', 'text', 'more']);
      } finally {
        there('alter table fleet.base_notes drop column more');
      }
    });

    test('a cut answer goes on with its handle', async () => {
      const sql = 'select id from fleet.ships where id < 99 order by id';
      const first = await ask('query', { sql, max_rows: 30 });
      assert.deepEqual([first.row_count, first.truncated], [30, { reason: 'rows' }]);
      const rest = await ask('query_more', { next: first.next });
      assert.deepEqual([...first.rows, ...rest.rows].flat(), Array.from({ length: 50 }, (_, i) => i + 1));
      assert.equal(rest.truncated, false);
    });

    test('a statement taken back or out of time ends in the server', async () => {
      const mark = `versions ${process.pid}`;
      const sql = `select count(*) /* ${mark} */ from generate_series(1, 100000) a, generate_series(1, 100000) b`;
      const running = () => Number(there(`select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${mark}%'`));
      const stop = new AbortController();
      const gone = assert.rejects(call('query', { sql }, { signal: stop.signal }));
      await until('the statement runs', () => running() === 1);
      stop.abort();
      await gone;
      await until('the cancelled statement ends', () => running() === 0);
      await refused('query', { sql, timeout_ms: 200 }, /timeout|time/);
      await until('the late statement ends', () => running() === 0);
      assert.deepEqual(await rows('select 42'), [[42]]);
    });

    test('list_tables and describe_table tell the same as on every other version', async () => {
      const described = async (table) => {
        const said = await ask('describe_table', { table });
        assert.ok(said.bytes === undefined || said.bytes > 0, table);
        delete said.bytes;  // pages differ
        // Before 16 a view of one table names it before each column.
        said.view_definition &&= said.view_definition.replace(/\b(?:s|ships)\./g, '');
        return said;
      };
      const listed = async (schema) => (await ask('list_tables', { schema, detail: 'full' })).tables.map(({ bytes, ...table }) => table);
      assert.deepEqual(await listed('fleet'), expected.fleet.list_tables);
      for (const [table, want] of Object.entries(expected.fleet.describe_table)) assert.deepEqual(await described(table), want, table);
      for (const [since, tables] of Object.entries(expected.newer)) {
        if (major < Number(since)) continue;
        for (const [table, want] of Object.entries(tables)) assert.deepEqual(await described(table), want, table);
      }
      const names = (await ask('list_tables', { schema: 'newer', detail: 'names' })).tables;
      assert.deepEqual(names, Object.entries(expected.newer).flatMap(([since, tables]) => (major >= Number(since) ? Object.keys(tables) : [])).sort());
    });
  });
}
