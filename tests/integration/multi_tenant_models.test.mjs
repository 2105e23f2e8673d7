// The four models, tiers, and the plugin enabled, disabled, reloaded and reconfigured under load.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { asLogin, callAs, databases, foreignIn, hostile, interleaved, load, markOf, plugins, psql, refusedAs, rowsAs, saidTo, setup, startTenants, tenants, tokenFile } from './multi_tenant_support.mjs';
import { inFolder, runBeside, startServer, until } from './support.mjs';

const kCalls = Number(process.env.HOWDAH_TENANT_CALLS ?? 10000);
const place = inFolder();
let cluster;

before(() => {
  cluster = startCluster();
  load(setup, cluster.dsn);
});
after(() => {
  cluster?.remove();
  place.remove();
});

test('a tier has a database, and so a pool, of its own', async () => {
  const gold = [...hostile, ['golden', 'tenant=t1 tier=gold scopes=howdah:write']];
  tokenFile(place.folder, gold);
  const server = await startServer({ http: '', privileged: false,
    databases: `  main: { dsn: "${asLogin(cluster)}&application_name=everybody" }\n  gold: { dsn: "${asLogin(cluster)}&application_name=gold" }`,
    plugins: ['pool', { auth: { token_file: `${place.folder}/tokens` } }, { multi_tenant: { model: 'shared', role: 'app', tiers: { gold: { databases: { main: 'gold' } } } } }, 'guard', 'query'] });
  try {
    const pool = (who) => rowsAs(server.url, who, "select current_setting('application_name'), current_setting('app.tenant_id')");
    assert.deepEqual(await pool('golden'), [['gold', 't1']]);
    assert.deepEqual(await pool('t1'), [['everybody', 't1']]);
    assert.match(await refusedAs(server.url, 't1', 'select 1', { database: 'gold' }), /no database/);
  } finally {
    await server.stop();
    tokenFile(place.folder, hostile);
  }
});

test('model role and model database: each sees its own, interleaved as well', { timeout: 3_600_000 }, async () => {
  load(`create table public.by_role (owner name, note text); insert into public.by_role select 'tenant_t' || t, 'mark-t' || t || '-t' || t from generate_series(0, 7) t;
    alter table public.by_role enable row level security; alter table public.by_role force row level security;
    create policy own on public.by_role using (owner = current_user); grant select on public.by_role to ${tenants.map((t) => `tenant_${t}`).join(', ')};`, cluster.dsn);
  const role = await startTenants(cluster, place.folder, { model: 'role' });
  try {
    for (const tenant of tenants) assert.deepEqual(await rowsAs(role.url, tenant, 'select note from by_role'), [[markOf(tenant)]]);
    const { foreign, bytes } = await interleaved(role.url, kCalls, 16, (tenant) => saidTo(role.url, tenant, 'select note from by_role'));
    assert.equal(foreign, 0);
    console.log(`figure: model role, 8 tenants on 2 connections: ${foreign} foreign bytes in ${kCalls} calls (${bytes} bytes of answers)`);
  } finally {
    await role.stop();
  }
  for (const t of ['t0', 't1']) {
    psql(`create database own_${t}`, cluster.dsn);
    load(`create table public.notes (note text); insert into public.notes values ('${markOf(t)}'); grant select on public.notes to login;`, cluster.dsn.replace(/\/[^/?]*\?/, `/own_${t}?`));
  }
  const own = (t) => asLogin(cluster).replace(/\/[^/?]*\?/, `/own_${t}?`);
  const database = await startServer({ http: '', privileged: false, databases: `  main: { dsn: "${asLogin(cluster)}" }\n  t0: { dsn: "${own('t0')}" }\n  t1: { dsn: "${own('t1')}" }`,
    plugins: ['pool', { auth: { token_file: `${place.folder}/tokens` } }, { multi_tenant: { model: 'database' } }, 'guard', 'query'] });
  try {
    for (const t of ['t0', 't1']) assert.deepEqual(await rowsAs(database.url, t, 'select note from notes'), [[markOf(t)]]);
    const { foreign, bytes } = await interleaved(database.url, kCalls, 16, (tenant) => saidTo(database.url, tenant, 'select note from notes'), ['t0', 't1']);
    assert.equal(foreign, 0);
    console.log(`figure: model database, 2 tenants: ${foreign} foreign bytes in ${kCalls} calls (${bytes} bytes of answers)`);
    assert.match(await refusedAs(database.url, 't0', 'select 1', { database: 't1' }), /no database/);
    assert.match(await refusedAs(database.url, 't2', 'select 1'), /t2/, 'a tenant without a database');
  } finally {
    await database.stop();
  }
});

test('a tenant called like what all use is refused: words of PostgreSQL, the default database, the role of the dsn', async () => {
  const sneaks = [['public', 'tenant=public'], ['postgres', 'tenant=postgres'], ['default', 'tenant=main'], ['boss', 'tenant=gin']];
  const token_file = tokenFile(place.folder, sneaks);
  const starting = (section) => startServer({ http: '', privileged: false, databases: `  main: { dsn: "${asLogin(cluster)}" }`,
    plugins: ['pool', { auth: { token_file } }, { multi_tenant: section }, 'guard', 'query'] });
  // "lo" and "gin" make "login", which may take every tenant's role.
  const role = await starting({ model: 'role', role: 'lo{tenant}', tenants: { t0: { role: 'tenant_t0' } } });
  const database = await starting({ model: 'database' });
  try {
    for (const who of ['public', 'postgres']) for (const server of [role, database]) assert.match(await refusedAs(server.url, who, 'select 1'), /tenant-reserved/);
    assert.match(await refusedAs(role.url, 'boss', 'select current_user'), /tenant-reserved/);
    assert.deepEqual(await rowsAs(role.url, 't0', 'select current_user'), [['tenant_t0']]);
    assert.match(await refusedAs(database.url, 'default', 'select 1'), /tenant-reserved/);
  } finally {
    await role.stop();
    await database.stop();
    tokenFile(place.folder, hostile);
  }
});

const reloadOf = (server) => async (config) => {
  server.write({ databases: databases(cluster), ...config });
  const done = await runBeside(['reload', '-c', server.file]);
  assert.equal(done.code, 0, done.err);
  return done.out;
};

test('in audit it scopes nothing, so queries and tools are refused, and reload, config check and doctor say so', async () => {
  const list = (more) => ({ plugins: plugins(place.folder, { model: 'shared', role: 'app', ...more }) });
  const server = await startTenants(cluster, place.folder, { model: 'shared', role: 'app' });
  const reload = reloadOf(server);
  try {
    assert.match(await reload(list({ mode: 'audit' })), /queries are refused: plugin "multi_tenant" scopes nothing in mode: audit/);
    for (const who of ['t1', 'ops', 'nobody']) {
      assert.match(await refusedAs(server.url, who, 'select 1'), /calls are refused: plugin \\?"multi_tenant\\?" scopes nothing/);
      assert.match(JSON.stringify(await callAs(server.url, who, 'list_tables')), /calls are refused/);
    }
    const checked = await runBeside(['config', 'check', '-c', server.file]);
    assert.match(checked.out + checked.err, /it scopes nothing in mode: audit, so queries and calls will be refused/);
    const doctor = await runBeside(['doctor', '-c', server.file]);
    assert.equal(doctor.code, 4, doctor.out + doctor.err);
    assert.match(doctor.out, /refused: every query: plugin "multi_tenant" scopes nothing/);
    assert.match(await reload(list({ mode: 'audit', on_failure: 'ignore' })), /queries are let in again/);
    assert.match(await refusedAs(server.url, 't1', 'select count(*) from notes'), /permission denied/);
    await reload(list({}));
    assert.deepEqual(await rowsAs(server.url, 't1', 'select count(*) from notes'), [[20]]);
  } finally {
    await server.stop();
  }
});

test('reconfigured, disabled and enabled under load nothing leaks, and a plugin that cannot start refuses the reload', async () => {
  const list = (section, without = '') => ({ plugins: plugins(place.folder, section).filter((plugin) => !plugin[without]) });
  const server = await startTenants(cluster, place.folder, { model: 'shared', role: 'app' });
  const reload = reloadOf(server);
  try {
    let stop = false;
    let unscoped = false;  // for as long as it may be
    let calls = 0;
    const load_ = tenants.map(async (tenant) => {
      while (!stop) {
        const may_lack = unscoped;
        const said = await saidTo(server.url, tenant, 'select note from notes order by id');
        // Without the plugin the role of the dsn asks, to which nothing was granted.
        assert.ok(said.includes(markOf(tenant)) || ((may_lack || unscoped) && said.includes('permission denied')), said);
        assert.deepEqual(foreignIn(said, tenant), []);
        calls++;
      }
    });
    for (const section of [{ claims: true }, { claims: true, catalogs: 'allow' }, {}]) await reload(list({ model: 'shared', role: 'app', ...section }));
    unscoped = true;
    await reload(list({}, 'multi_tenant'));
    assert.match(await refusedAs(server.url, 't1', 'select count(*) from notes'), /permission denied/);
    await reload(list({ model: 'shared', role: 'app' }));
    unscoped = false;
    assert.deepEqual(await rowsAs(server.url, 't1', 'select count(*) from notes'), [[20]]);
    const before_it_ends = calls;
    await until('the tenants go on', () => calls > before_it_ends + 2 * tenants.length);
    stop = true;
    await Promise.all(load_);
    assert.ok(calls > 0);
    server.write({ databases: databases(cluster), ...list({ model: 'shared', role: 'app', databases: { main: 'gone' } }) });
    const refused = await runBeside(['reload', '-c', server.file]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.err, /multi_tenant\.databases: there is no database gone/);
    assert.deepEqual(await rowsAs(server.url, 't1', 'select count(*) from notes'), [[20]]);
  } finally {
    await server.stop();
  }
});
