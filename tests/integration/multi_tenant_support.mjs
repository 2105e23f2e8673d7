// A PostgreSQL with eight tenants in all models, PgBouncer in transaction mode before it, and callers that are one tenant each.
//
// Every row, and every name that is one tenant's, carries the tenant's mark, so that a foreign byte in an answer is seen
// wherever it stands.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { atExit, freePort, inFolder, modern, psql, startServer, until } from './support.mjs';

export const tenants = Array.from({ length: 8 }, (_, i) => `t${i}`);
export const markOf = (tenant) => `mark-${tenant}-${tenant}`;
const marks = new RegExp('mark-(t\\d)-', 'g');

// Which tenants' marks stand in a text, this one's left out.
export const foreignIn = (text, tenant) => [...text.matchAll(marks)].map(([, whose]) => whose).filter((whose) => whose !== tenant);

const perTenant = (sql) => tenants.map(sql).join('\n');

// Shared tables with row security, a schema for each tenant, and roles: `login` is what Howdah logs in with.
export const setup = `
create role login login noinherit;
create role app nologin noinherit;
grant app to login;
create table public.notes (tenant_id text not null, id int, note text, primary key (tenant_id, id));
insert into public.notes select 't' || t, i, 'mark-t' || t || '-t' || t || ' note ' || i from generate_series(0, 7) t, generate_series(1, 20) i;
alter table public.notes enable row level security;
alter table public.notes force row level security;
create policy own on public.notes using (tenant_id = current_setting('app.tenant_id', true)) with check (tenant_id = current_setting('app.tenant_id', true));
create table public.tags (tenant_id text not null, note_id int, tag text);
insert into public.tags select 't' || t, i, 'mark-t' || t || '-t' || t || ' tag' from generate_series(0, 7) t, generate_series(1, 20) i;
alter table public.tags enable row level security;
alter table public.tags force row level security;
create policy own on public.tags using (tenant_id = current_setting('request.jwt.claims', true)::json ->> 'tenant');
create view public.own_notes with (security_invoker = true) as select * from public.notes;
grant select, insert, update, delete on public.notes to app;
grant select on public.tags, public.own_notes to app;
${perTenant((t) => `create role tenant_${t} nologin noinherit;
grant tenant_${t} to login;
create schema tenant_${t};
grant usage on schema tenant_${t} to tenant_${t};
create table tenant_${t}.orders (id int primary key, note text);
insert into tenant_${t}.orders select i, '${markOf(t)} order ' || i from generate_series(1, 20) i;
create table tenant_${t}."mark-${t}-secret" (id int);
create view tenant_${t}.own_orders as select * from tenant_${t}.orders;
create materialized view tenant_${t}.kept_orders as select * from tenant_${t}.orders;
grant select, insert, update, delete on all tables in schema tenant_${t} to tenant_${t};`)}
analyze;
`;

// Tenants that are none, or whose names would be: T3.
export const hostile = [
  ['capital', 'tenant=T1'], ['quote', "tenant=t1'"], ['double', 'tenant=t1"x'], ['percent', 'tenant=t%'], ['dots', 'tenant=../t1'],
  ['long', `tenant=${'t'.repeat(64)}`], ['cyrillic', 'tenant=\u0442\u0031'], ['fullwidth', 'tenant=\uff541'], ['semicolon', 'tenant=t1;x'], ['longest', `tenant=${'t'.repeat(57)}`],
];

const tokenOf = (name) => `${name}-token-of-the-test`.padEnd(40, '-');
export const bearer = (name) => ({ Authorization: `Bearer ${tokenOf(name)}` });

// A token for each tenant, for an operator, for somebody without a tenant, and what `more` says.
export function tokenFile(folder, more = []) {
  const file = join(folder, 'tokens');
  const lines = [
    ...tenants.map((t) => `${tokenOf(t)} name=${t} tenant=${t} scopes=howdah:write`),
    `${tokenOf('ops')} name=ops`, `${tokenOf('nobody')} name=nobody`, ...more.map(([name, fields]) => `${tokenOf(name)} name=${name} ${fields}`),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}

// Two of the databases are the tenants', `hidden` is not.
export const databases = (cluster) => `  main: { dsn: "${asLogin(cluster)}" }\n  notes: { dsn: "${asLogin(cluster)}", access: read_write }\n  hidden: { dsn: "${asLogin(cluster)}" }`;
export const plugins = (folder, section, pool = {}, callers = []) => [
  { pool: { connections_max: 2, connections_min: 1, queue_max: 1000, lease_timeout_ms: 60000, ...pool } }, { auth: { token_file: tokenFile(folder, [...hostile, ...callers]) } },
  { multi_tenant: { operators: ['token:ops'], databases: { main: 'main', notes: 'notes' }, ...section } },
  { guard: { functions_allowed: ['pg_sleep'] } }, 'query', 'schema', 'health',
];
export const startTenants = (cluster, folder, section, pool, callers) =>
  startServer({ http: '', privileged: false, databases: databases(cluster), plugins: plugins(folder, section, pool, callers) });

// The result of a tool call of this caller; a refusal of the request throws.
export async function callAs(url, who, tool, args = {}, signal) {
  const { json } = await modern(url, 'tools/call', { name: tool, arguments: args }, signal, bearer(who));
  assert.ok(json?.result, JSON.stringify(json));
  return json.result;
}
export const saidTo = async (url, who, sql, more = {}) => JSON.stringify(await callAs(url, who, 'query', { sql, ...more }));
export async function rowsAs(url, who, sql, more = {}) {
  const result = await callAs(url, who, 'query', { sql, ...more });
  assert.ok(!result.isError, JSON.stringify(result));
  return result.structuredContent.rows;
}
export async function refusedAs(url, who, sql, more = {}) {
  const result = await callAs(url, who, more.tool ?? 'query', { sql, ...more, tool: undefined });
  assert.ok(result.isError, `${sql}: ${JSON.stringify(result)}`);
  return JSON.stringify(result);
}

// `count` calls, `wide` of them at a time, of these tenants in turn; gives how many answers held what is another's.
export async function interleaved(url, count, wide, ask, whose = tenants) {
  let next = 0;
  let foreign = 0;
  let bytes = 0;
  await Promise.all(Array.from({ length: wide }, async () => {
    for (let i = next++; i < count; i = next++) {
      const tenant = whose[i % whose.length];
      const said = await ask(tenant, i);
      bytes += said.length;
      assert.ok(said.includes(`mark-${tenant}-`), `nothing of its own for ${tenant}: ${said.slice(0, 300)}`);
      foreign += foreignIn(said, tenant).length;
    }
  }));
  return { foreign, bytes };
}

// Debian's PgBouncer, transactions of everybody on two sessions.
export async function startPgBouncer(cluster, user) {
  const place = inFolder();
  const port = await freePort();
  const file = join(place.folder, 'pgbouncer.ini');
  writeFileSync(file, `[databases]
postgres = host=${cluster.environment.PGHOST} port=${cluster.environment.PGPORT} dbname=${cluster.environment.PGDATABASE} user=${user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
query_wait_timeout = 60
`);
  chmodSync(place.folder, 0o755);
  // It refuses to run as root.
  const root = process.getuid() === 0;
  const bouncer = spawn(root ? 'setpriv' : '/usr/sbin/pgbouncer',
    [...(root ? ['--reuid=postgres', '--regid=postgres', '--init-groups', '--', '/usr/sbin/pgbouncer'] : []), file], { stdio: 'ignore' });
  const end = atExit(() => bouncer.kill('SIGKILL'));
  const dsn = `postgresql://${user}@127.0.0.1:${port}/postgres`;
  await until('PgBouncer answers', () => {
    try {
      return execFileSync('psql', ['-XAtq', '-d', dsn, '-c', 'select 1'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() === '1';
    } catch {
      return false;
    }
  });
  return { dsn, stop: () => { end(); place.remove(); } };
}

// As psql does, from a file's text.
export const load = (sql, dsn) => execFileSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', dsn, '-f', '-'],
  { input: sql, stdio: ['pipe', 'ignore', 'inherit'] });
export const asLogin = (cluster) => cluster.dsn.replace('//postgres@', '//login@');
export { psql };
