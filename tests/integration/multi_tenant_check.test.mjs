// tenant_check on PostgreSQL 13 to 18: each way past row security is made, found, and mended by the SQL that comes with it;
// tenant_create sets a tenant up that then works.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { majors, pinnedServer, startClusterBeside } from './cluster.mjs';
import { asLogin, callAs, load, psql, refusedAs, rowsAs, tokenFile } from './multi_tenant_support.mjs';
import { inFolder, run, startServer } from './support.mjs';

const asked = process.env.HOWDAH_PG_MAJOR ? [Number(process.env.HOWDAH_PG_MAJOR)] : majors;
const place = inFolder();
after(() => place.remove());

const invoker = (major) => (major >= 15 ? 'with (security_invoker = true) ' : '');
const shop = (major) => `
create role login login noinherit; create role owner; create role app nologin noinherit; grant app to login${major >= 16 ? ' with inherit false' : ''};
create schema shop authorization owner; grant usage on schema shop to app; set role owner;
create table shop.sound (tenant_id text, n int);
alter table shop.sound enable row level security; alter table shop.sound force row level security;
create policy own on shop.sound using (tenant_id = current_setting('app.tenant_id', true));
create table shop.missing (tenant_id text, n int);
create table shop.unforced (tenant_id text, n int); alter table shop.unforced enable row level security;
create policy own on shop.unforced using (tenant_id = current_setting('app.tenant_id', true));
create table shop.open (tenant_id text); alter table shop.open enable row level security; alter table shop.open force row level security;
create policy everybody on shop.open using (true);
create table shop.by_session (tenant_id text); alter table shop.by_session enable row level security; alter table shop.by_session force row level security;
create policy own on shop.by_session using (tenant_id = session_user);
create table shop.countries (code text);
create view shop.over_unforced as select * from shop.unforced;
create view shop.through as select * from shop.over_unforced;
create view shop.careful ${invoker(major)}as select * from shop.sound;
create materialized view shop.stored as select * from shop.sound;
create function shop.definer() returns bigint language sql security definer as 'select count(*) from shop.unforced';
grant select on all tables in schema shop to app; grant truncate on shop.sound to app; reset role;
insert into shop.missing select 't' || t, t from generate_series(0, 1) t; insert into shop.unforced select * from shop.missing;`;

for (const major of asked) {
  describe(`PostgreSQL ${major}`, { skip: pinnedServer(major).skip }, () => {
    let cluster;
    const servers = [];
    const starting = async (section, dsn = asLogin(cluster)) => {
      const server = await startServer({ http: '', privileged: false, databases: `  main: { dsn: "${dsn}" }`,
        plugins: ['pool', { auth: { token_file: tokenFile(place.folder) } }, { multi_tenant: { operators: ['token:ops', 'local'], ...section } }, 'guard', 'query'] });
      servers.push(server);
      return server;
    };
    const found = async (server, args = { max: 1000 }) => {
      const result = await callAs(server.url, 'ops', 'tenant_check', args);
      assert.ok(!result.isError, JSON.stringify(result));
      return result.structuredContent;
    };
    before(async () => {
      cluster = await startClusterBeside('--major', `${major}`);
      load(shop(major), cluster.dsn);
    });
    after(async () => {
      for (const server of servers) assert.deepEqual(await server.stop(), { code: 0, signal: null });
      cluster?.remove();
    });

    test('model shared: every way is found, and what mends it mends it', async () => {
      const server = await starting({ model: 'shared', role: 'app' });
      const { findings, critical, not_checked: unseen } = await found(server);
      assert.equal(unseen, undefined);
      const of = (object) => findings.filter((finding) => finding.object === object).map(({ rule, severity }) => `${rule} ${severity}`);
      assert.deepEqual(of('shop.missing'), ['rls-missing critical']);
      assert.deepEqual(of('shop.unforced'), ['rls-not-forced warning']);
      assert.deepEqual(of('shop.open'), ['policy-open critical']);
      assert.deepEqual(of('shop.by_session'), ['policy-session-user critical']);
      assert.deepEqual(of('shop.countries'), ['shared-table notice']);
      assert.deepEqual(of('shop.sound'), ['truncate critical']);
      assert.deepEqual(of('shop.stored'), ['stored-view critical']);
      assert.deepEqual(of('shop.over_unforced'), ['view-as-owner critical']);
      assert.equal(of('shop.through').length, 1);
      assert.deepEqual(of('shop.careful'), major >= 15 ? [] : ['view-as-owner notice']);
      assert.deepEqual(of('shop.definer()'), ['security-definer warning']);
      assert.ok(critical >= 6);
      // A way that is real: the view shows what the table would not.
      assert.deepEqual(await rowsAs(server.url, 't0', 'select count(*) from shop.unforced'), [[1]]);
      assert.deepEqual(await rowsAs(server.url, 't0', 'select count(*) from shop.over_unforced'), [[2]]);

      for (const { sql } of findings) if (sql) psql(sql, cluster.dsn);
      const after_ = await found(server);
      assert.deepEqual(after_.findings.filter(({ severity }) => severity !== 'notice').map(({ rule, object }) => [rule, object]), []);
      if (major >= 15) assert.deepEqual(await rowsAs(server.url, 't0', 'select count(*) from shop.over_unforced'), [[1]]);
      assert.deepEqual(await rowsAs(server.url, 't0', 'select count(*) from shop.missing'), [[1]]);
    });

    test('a login role that is a superuser, and an owner that asks', async () => {
      const server = await starting({ model: 'shared' }, cluster.dsn);
      const { findings } = await found(server);
      assert.ok(findings.some(({ rule, severity }) => rule === 'login-bypasses' && severity === 'critical'), JSON.stringify(findings));
      psql('alter role owner login; alter table shop.sound no force row level security', cluster.dsn);
      const owner = await starting({ model: 'shared' }, cluster.dsn.replace('//postgres@', '//owner@'));
      assert.ok((await found(owner)).findings.some(({ rule, object }) => rule === 'owner-bypass' && object === 'shop.sound'));
      psql('alter table shop.sound force row level security', cluster.dsn);
    });

    test('tenant_create makes tenants of model schema that work, and no two reach each other', async () => {
      const server = await starting({ model: 'schema' });
      for (const tenant of ['t0', 't1']) {
        assert.match(await refusedAs(server.url, tenant, 'select 1'), /tenant-not-set-up/);
        const { structuredContent: { sql } } = await callAs(server.url, 'ops', 'tenant_create', { tenant });
        load(`${sql}; create table tenant_${tenant}.things (n int); insert into tenant_${tenant}.things values (${tenant.slice(1)})`, cluster.dsn);
        assert.deepEqual(await rowsAs(server.url, tenant, 'select n from things'), [[Number(tenant.slice(1))]]);
      }
      assert.match(await refusedAs(server.url, 't0', 'select n from tenant_t1.things'), /does not exist, or is not this tenant's/);
      const { findings } = await found(server);
      assert.deepEqual(findings.filter(({ rule, object }) => rule === 'schema-of-another' || object?.startsWith('tenant_')).map(({ rule, object }) => [rule, object]), []);
      const { structuredContent: listed } = await callAs(server.url, 'ops', 'tenant_list', {});
      assert.deepEqual(listed.tenants.map(({ tenant, role }) => [tenant, role]), [['t0', 'tenant_t0'], ['t1', 'tenant_t1']]);

      psql('grant usage on schema tenant_t1 to tenant_t0; grant tenant_t1 to tenant_t0', cluster.dsn);
      const crossed = (await found(server)).findings;
      const rules = crossed.filter(({ severity }) => severity === 'critical').map(({ rule }) => rule);
      assert.ok(rules.includes('schema-of-another') && rules.includes('role-of-another'), JSON.stringify(crossed));
      for (const { rule, sql } of crossed) if (['schema-of-another', 'role-of-another'].includes(rule)) psql(sql, cluster.dsn);
      assert.ok(!(await found(server)).findings.some(({ rule }) => ['schema-of-another', 'role-of-another'].includes(rule)));
    });

    test('doctor says the same, and what to run', () => {
      const { out } = run(['doctor', '-c', servers[0].file]);
      assert.match(out, /multi_tenant: ok/);
      psql('create table shop.forgotten (tenant_id text); grant select on shop.forgotten to app', cluster.dsn);
      const said = run(['doctor', '-c', servers[0].file]).out;
      assert.match(said, /multi_tenant: fail[^]*main: rls-missing +shop\.forgotten: [^]*-> alter table shop\.forgotten enable row level security/);
      psql('drop table shop.forgotten', cluster.dsn);
    });
  });
}
