// The guard's picture of a database: what the role may be, and how soon a change is seen.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { callTool, psql, run, startServer, textOf, until } from './support.mjs';

let cluster;
before(() => {
  cluster = startCluster('--database', 'catalog');
  psql(`create role reader login; create role passer login bypassrls; create role writer login;
    create schema shop authorization writer; grant usage on schema shop to reader, passer;
    create table shop.orders(id int); insert into shop.orders values (1); alter table shop.orders owner to writer;
    create function shop.poke() returns int language plpgsql as 'begin perform pg_advisory_lock(1); return 1; end';
    alter function shop.poke() owner to writer;
    create view shop.v as select id from shop.orders; alter view shop.v owner to writer;
    grant select on all tables in schema shop to reader, passer;
    do $$ begin  -- what stands for twenty of them does not fit into the least limits that a pool can have
      for i in 1..40 loop execute format('create table public.%I(a int)', repeat('long_', 11) || i); end loop;
    end $$`, cluster.dsn);
});
after(() => cluster.remove());
const as = (role) => cluster.dsn.replace('//postgres@', `//${role}@`);
const plugins = ['pool', 'guard', 'query', 'schema'];
const refusal = async (server, sql, database) => {
  const result = await callTool(server.url, 'query', { sql, ...(database ? { database } : {}) });
  return result.isError ? textOf(result) : undefined;
};

describe('a role that no rule of the server holds', () => {
  for (const role of ['postgres', 'passer']) {
    test(`${role} is refused on a restricted database, and the other database is served`, async () => {
      const databases = `  main: { dsn: "${as(role)}" }\n  other: { dsn: "${as('reader')}" }`;
      const server = await startServer({ plugins, privileged: false, databases });
      assert.match(await refusal(server, 'select 1'), /refused: database main is restricted, but its role (postgres|passer) is a superuser or passes row security[\s\S]*rule: role-privileged[\s\S]*howdah doctor/);
      assert.equal(await refusal(server, 'select id from shop.orders', 'other'), undefined);
      const doctor = run(['doctor', '-c', server.file]);
      assert.notEqual(doctor.code, 0);
      assert.match(doctor.out, new RegExp(`fail +main: role +role ${role} could pass the transaction: (superuser|bypassrls)`));
      assert.match(doctor.out, /ok +other: catalog/);
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
    });
  }

  test('is refused too where the catalog cannot be read', async () => {
    const cramped = [{ pool: { bytes_max: 1024 } }, { guard: { unresolved_allowed: true } }, 'query'];
    const server = await startServer({ plugins: cramped, privileged: false, databases: `  main: { dsn: "${as('postgres')}" }` });
    assert.match(await refusal(server, 'select 1'), /its role postgres is a superuser[^]*rule: role-privileged/);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test('is served where the operator lists the database', async () => {
    const server = await startServer({ plugins: ['pool', { guard: { privileged_roles_allowed: ['main'] } }, 'query'], privileged: false, databases: `  main: { dsn: "${as('postgres')}" }` });
    assert.equal(await refusal(server, 'select 1'), undefined);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test('the SQL that doctor prints makes a role that can only read', async () => {
    const server = await startServer({ plugins, privileged: false, databases: `  main: { dsn: "${as('postgres')}" }` });
    const { out } = run(['doctor', '-c', server.file]);
    const sql = out.slice(out.indexOf('create role howdah_reader'), out.indexOf('from public;', out.indexOf('revoke execute')) + 'from public;'.length);
    const takesIn = (input) => execFileSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', cluster.dsn], { input });
    takesIn(sql);
    assert.equal(psql("select has_database_privilege('writer', current_database(), 'TEMP')", cluster.dsn), 't', 'it took a right from others');
    await server.stop();
    const reading = await startServer({ plugins, privileged: false, databases: `  main: { dsn: "${as('howdah_reader')}" }` });
    assert.equal(await refusal(reading, 'select id from shop.orders'), undefined);
    const doctor = () => run(['doctor', '-c', reading.file]).out;
    assert.match(doctor(), /warn +main: role +role howdah_reader has rights a reader does not need: temporary tables/);
    takesIn(sql.split('\n').filter((line) => line.includes('revoke')).join('\n').replaceAll('-- ', ''));
    assert.match(doctor(), /ok +main: role +role howdah_reader can only read/);
    await reading.stop();
  });
});

describe('a role that can become another', () => {
  const roleOf = async (dsn) => {
    const server = await startServer({ plugins, privileged: false, databases: `  main: { dsn: "${dsn}" }` });
    const refused = await refusal(server, 'select 1');
    const { out } = run(['doctor', '-c', server.file]);
    await server.stop();
    return { refused, told: out.split('\n').find((line) => line.includes('main: role')) };
  };

  test('is told with those of its roles that no rule of the server holds, or that make roles', async () => {
    psql(`create role chief superuser; create role clerk createrole; create role plain;
      create role member login; grant chief, clerk, passer, plain to member`, cluster.dsn);
    const { refused, told } = await roleOf(as('member'));
    assert.equal(refused, undefined);
    assert.match(told, /warn +main: role +role member could pass the transaction: member of chief, clerk, passer(;|$)/);
  });

  for (const [how, dsn, setup] of [
    ['in its dsn', () => `${as('postgres')}&options=-c%20role%3Dreader`, ''],
    ['by ALTER ROLE', () => as('disguised'), 'create role disguised login superuser; alter role disguised set role = reader'],
  ]) {
    test(`is judged by the superuser that logged in, also where that takes a smaller role ${how}`, async () => {
      if (setup) psql(setup, cluster.dsn);
      const { refused, told } = await roleOf(dsn());
      assert.match(refused ?? '', /its role reader \(logged in as (postgres|disguised)\) is a superuser[^]*rule: role-privileged/);
      assert.match(told, /fail +main: role +role reader \(logged in as (postgres|disguised)\) could pass the transaction: superuser/);
    });
  }
});

describe('a catalog', () => {
  const serverWith = (pool, guard = {}) => startServer({ plugins: [{ pool }, { guard }, 'query'], privileged: false, databases: `  main: { dsn: "${as('reader')}" }` });
  const evil = 'select id from shop.poked';
  before(() => psql('create view shop.poked as select shop.poke() as id; grant select on shop.poked to reader', cluster.dsn));

  test('larger than the limits of the pool is read in pages', async () => {
    const server = await serverWith({ bytes_max: 32768, cell_bytes_max: 8192, rows_max: 2 });
    assert.equal(await refusal(server, 'select id from shop.orders'), undefined);
    assert.match(await refusal(server, evil), /rule: relation-not-allowed/);
    const doctor = run(['doctor', '-c', server.file]);
    assert.match(doctor.out, /ok +main: catalog +read in \d+ ms: \d+ objects/);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test('read in pages has all that was there all the time, whatever is dropped between two of them', () => {
    const header = readFileSync(new URL('../../plugins/guard/catalog_statements.hpp', import.meta.url), 'utf8');
    const statements = [...header.matchAll(/Statement (k\w+)\{R"sql\(([^]*?)\)sql"\}/g)].filter(([, name]) => name !== 'kProbe');
    assert.equal(statements.length, 10);
    for (const [, name, sql] of statements) {
      psql(`drop schema if exists passing, kept cascade; create schema passing; create schema kept;
        create domain passing.d as text check (lower(value) = value);
        create function passing.f(a int default length('x')) returns int language sql as 'select 1';
        create table passing.t(a passing.d, b int default length('x'), f int);
        create view passing.v as select lower(a::text) from passing.t;
        create function passing.text(passing.t) returns text language sql as 'select null';
        create cast (passing.t as text) with function passing.text(passing.t);
        do $$ begin
          for i in 1..9 loop
            execute format('create domain kept.d%1$s as text check (lower(value) = value)', i);
            execute format('create function kept.f%1$s(a int default length(''x'')) returns int language sql as ''select 1''', i);
            execute format('create table kept.t%1$s(a kept.d%1$s, b int default length(''x''))', i);
            execute format('create view kept.v%1$s as select lower(a::text) from kept.t%1$s', i);
            execute format('create function kept.text(kept.t%1$s) returns text language sql as ''select null''', i);
            execute format('create cast (kept.t%1$s as text) with function kept.text(kept.t%1$s)', i);
            execute format('create operator kept.%1$s (function = int4pl, leftarg = int, rightarg = int)', repeat('@', i));
          end loop;
        end $$`, cluster.dsn);
      const page = (key, objects) => psql(`prepare page as ${sql}; execute page('${key}', ${objects})`, cluster.dsn).split('\n').filter(Boolean)
        .map((row) => ({ objects: JSON.parse(row.slice(0, row.lastIndexOf('|'))).map((object) => JSON.stringify(object)), key: row.slice(row.lastIndexOf('|') + 1) }));
      const read = [];
      for (let [first] = page('{}', 5); first; [first] = page(first.key, name === 'kOwnFunctions' ? 500 : 20)) {
        if (read.length === 0) psql('drop schema passing cascade', cluster.dsn);
        read.push(...first.objects);
      }
      assert.deepEqual(page('{}', 500).flatMap((row) => row.objects).filter((object) => !read.includes(object)), [], name);
    }
    psql('drop schema kept cascade', cluster.dsn);
  });

  test('one that cannot be read for a lasting reason closes what is not PostgreSQL’s own', async () => {
    const server = await serverWith({ bytes_max: 1024 });
    for (const sql of ['select id from shop.orders', evil, 'select lower(pg_catalog.version())', 'select 1 + 1', "select 'a'::shop.t", 'select v.a from (select 1 as a) v', 'table pg_class'])
      assert.match(await refusal(server, sql) ?? 'let through', /rule: catalog-unread[^]*pg_catalog[^]*unresolved_allowed/, sql);
    for (const sql of ['select 1', 'show server_version', 'select pg_catalog.now()', 'select nspname from pg_catalog.pg_namespace limit 1'])
      assert.equal(await refusal(server, sql), undefined, sql);
    assert.match(server.log(), /its catalog could not be read: (a row|not one row)/);
    const doctor = run(['doctor', '-c', server.file]);
    assert.match(doctor.out, /fail +main: catalog +cannot be read, so whatever is not PostgreSQL's own is refused/);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test('one that cannot be read lets names be judged as written where the operator says so', async () => {
    const server = await serverWith({ bytes_max: 1024 }, { unresolved_allowed: true });
    assert.equal(await refusal(server, 'select id from shop.orders where 1 + 1 = 2'), undefined);
    assert.match(await refusal(server, 'select shop.poke()'), /rule: function-not-allowed/);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  for (const guard of [{}, { unresolved_allowed: true }])
    test(`one that cannot be read for a moment is waited for, and nothing is judged without it (${JSON.stringify(guard)})`, async () => {
      const holder = spawn('psql', ['-Xq', '-d', cluster.dsn], { stdio: ['pipe', 'ignore', 'inherit'] });
      holder.stdin.write('begin; lock table pg_catalog.pg_policy in access exclusive mode;\n');
      await until('the lock is held', async () => psql("select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = 'pg_policy'::regclass", cluster.dsn) === '1', 10000);
      const server = await serverWith({ lock_timeout_ms: 200 }, guard);
      for (const sql of ['select id from shop.orders', evil])
        assert.match(await refusal(server, sql) ?? 'let through', /55P03|in time|timeout/i, sql);
      const ended = new Promise((resolve) => holder.on('exit', resolve));
      holder.stdin.end('rollback;\n');
      await ended;
      assert.equal(await refusal(server, 'select id from shop.orders'), undefined);
      assert.match(await refusal(server, evil), /rule: relation-not-allowed/);
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
    });
});

describe('a change of the catalog', () => {
  let server;
  before(async () => { server = await startServer({ plugins, privileged: false, databases: `  main: { dsn: "${as('reader')}" }\n  own: { dsn: "${as('writer')}", access: read_write }` }); });
  after(async () => { assert.deepEqual(await server.stop(), { code: 0, signal: null }); });

  test('by another client is seen within five seconds', async () => {
    assert.equal(await refusal(server, 'select id from shop.v'), undefined);
    psql('create or replace view shop.v as select shop.poke() as id', cluster.dsn);
    const began = Date.now();
    await until('the view is refused', async () => /relation-not-allowed/.test(await refusal(server, 'select id from shop.v') ?? ''), 10000);
    const took = Date.now() - began;
    assert.ok(took <= 6000, `${took} ms`);
    psql('create or replace view shop.v as select id from shop.orders', cluster.dsn);
    await until('the view is served again', async () => (await refusal(server, 'select id from shop.v')) === undefined, 10000);
  });

  for (const right of ['bypassrls', 'superuser'])
    test(`that makes the role one with ${right} is seen within five seconds`, async () => {
      assert.equal(await refusal(server, 'select id from shop.orders'), undefined);
      psql(`alter role reader ${right}`, cluster.dsn);
      const began = Date.now();
      await until('the role is refused', async () => /role-privileged/.test(await refusal(server, 'select id from shop.orders') ?? ''), 10000);
      const took = Date.now() - began;
      assert.ok(took <= 6000, `${took} ms`);
      psql(`alter role reader no${right}`, cluster.dsn);
      await until('the role is served again', async () => (await refusal(server, 'select id from shop.orders')) === undefined, 10000);
    });

  test('that makes a new name is seen at once', async () => {
    psql('create view shop.fresh as select shop.poke() as id; grant select on shop.fresh to reader', cluster.dsn);
    assert.match(await refusal(server, 'select id from shop.fresh'), /relation-not-allowed/);
    assert.match(await refusal(server, 'select id from shop.fresh'), /shop\.fresh: it uses shop\.poke/);
  });

  test('through Howdah is seen by the next statement', async () => {
    assert.equal(await refusal(server, 'select id from shop.v', 'own'), undefined);
    const done = await callTool(server.url, 'execute', { sql: 'create or replace view shop.v as select shop.poke() as id', database: 'own' });
    assert.ok(!done.isError, textOf(done));
    assert.match(await refusal(server, 'select id from shop.v', 'own'), /relation-not-allowed/);
  });

  test('leaves no lock behind, whoever asked', () => {
    assert.equal(psql("select count(*) from pg_locks where locktype = 'advisory'", cluster.dsn), '0');
  });
});

test('what does not exist is told by PostgreSQL, with its SQLSTATE', async () => {
  const server = await startServer({ plugins, privileged: false, databases: `  main: { dsn: "${as('reader')}" }` });
  assert.match(await refusal(server, 'select * from shop.nothing'), /42P01/);
  assert.match(await refusal(server, 'select nothing from shop.orders'), /42703/);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});
