// T14: the leak battery's reads, hostile statements and upsets again, through Debian's PgBouncer in transaction mode, where
// sessions change hands with every transaction.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { callAs, foreignIn, hostile, interleaved, load, refusedAs, rowsAs, saidTo, setup, startPgBouncer, tenants, tokenFile } from './multi_tenant_support.mjs';
import { inFolder, psql, startServer, until } from './support.mjs';

const kCalls = Number(process.env.HOWDAH_TENANT_CALLS ?? 10000);
const place = inFolder();
let cluster;
let pooler;
const servers = {};

before(async () => {
  cluster = startCluster();
  load(setup, cluster.dsn);
  pooler = await startPgBouncer(cluster, 'login');
  for (const [model, section] of [['shared', { role: 'app' }], ['schema', {}]]) {
    servers[model] = await startServer({ http: '', privileged: false,
      databases: `  main: { dsn: "${pooler.dsn}" }\n  notes: { dsn: "${pooler.dsn}", access: read_write }`,
      plugins: [{ pool: { connections_max: 8, queue_max: 1000, lease_timeout_ms: 60000 } }, { auth: { token_file: tokenFile(place.folder, hostile) } },
        { multi_tenant: { model, databases: { main: 'main', notes: 'notes' }, ...section } }, { guard: { functions_allowed: ['pg_sleep'] } }, 'query', 'schema'] });
  }
});
after(async () => {
  for (const server of Object.values(servers)) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  pooler?.stop();
  cluster?.remove();
  place.remove();
});

for (const [model, reads] of [
  ['shared', ['select note from notes order by id', 'select n.note, t.tag from notes n join tags t on t.note_id = n.id', 'select note from own_notes']],
  ['schema', ['select note from orders', 'select note from own_orders', 'select note from kept_orders']],
]) {
  test(`T14 model ${model}: ${kCalls} interleaved calls through PgBouncer hold no foreign byte`, { timeout: 3_600_000 }, async () => {
    const began = Date.now();
    const { foreign, bytes } = await interleaved(servers[model].url, kCalls, 16, (tenant, i) => saidTo(servers[model].url, tenant, reads[Math.floor(i / 8) % reads.length]));
    assert.equal(foreign, 0);
    await servers[model].logs(/database main is behind a pooler/);
    console.log(`figure: model ${model} through PgBouncer (2 sessions): ${foreign} foreign bytes in ${kCalls} calls (${bytes} bytes of answers), ${Math.round((kCalls * 1000) / (Date.now() - began))} calls/s`);
  });
}

test('T14 a policy that changes between two calls holds for the next one', async () => {
  const seen = () => Promise.all(tenants.map((tenant) => rowsAs(servers.shared.url, tenant, 'select count(*) from notes')));
  for (let i = 0; i < 3; i++) assert.deepEqual(await seen(), tenants.map(() => [[20]]));
  psql("alter policy own on public.notes using (tenant_id = current_setting('app.tenant_id', true) and id <= 5)", cluster.dsn);
  try {
    assert.deepEqual(await seen(), tenants.map(() => [[5]]));
  } finally {
    psql("alter policy own on public.notes using (tenant_id = current_setting('app.tenant_id', true))", cluster.dsn);
  }
  assert.deepEqual(await seen(), tenants.map(() => [[20]]));
});

test('T14 errors, timeouts, cancels and writes leave nothing on the sessions for the next tenant', async () => {
  const { url } = servers.shared;
  for (let round = 0; round < 20; round++) {
    const tenant = tenants[round % tenants.length];
    const other = tenants[(round + 1) % tenants.length];
    await refusedAs(url, tenant, 'select 1 / (id - id) from notes');
    await refusedAs(url, tenant, 'select note, pg_sleep(30) from notes', { timeout_ms: 100 });
    const controller = new AbortController();
    const cancelled = callAs(url, tenant, 'query', { sql: 'select note, pg_sleep(30) /* upset */ from notes' }, controller.signal);
    await until('it runs', () => psql("select count(*) from pg_stat_activity where query like '%/* upset */%' and state = 'active' and pid <> pg_backend_pid()", cluster.dsn) === '1');
    controller.abort();
    await assert.rejects(cancelled);
    await refusedAs(url, tenant, "insert into notes values ($1, 1, 'x')", { tool: 'execute', database: 'notes', params: [tenant] });
    const [row] = await rowsAs(url, other, "select current_user, current_setting('app.tenant_id'), count(*), min(tenant_id), max(tenant_id) from notes");
    assert.deepEqual(row, ['app', other, 20, other, other]);
  }
  // A tenant that is none, or whose name could be read as something else.
  for (const [name] of hostile.slice(0, -1)) assert.match(await refusedAs(url, name, 'select note from notes'), /tenant-malformed/);
  assert.match(await refusedAs(url, 'nobody', 'select note from notes'), /tenant-missing/);
  // What a client of the pooler beside Howdah finds.
  assert.equal(psql("select count(*) from notes where note !~ ('^mark-' || tenant_id)", cluster.dsn), '0');
});

test('T14 hostile statements are refused here as well', async () => {
  for (const sql of ['set role none', "select set_config('role', 'none', true)", 'reset all', "set app.tenant_id = 't1'", 'discard all'])
    assert.deepEqual(foreignIn(await refusedAs(servers.schema.url, 't0', sql), 't0'), []);
  assert.deepEqual(foreignIn(JSON.stringify(await callAs(servers.schema.url, 't0', 'list_tables', {})), 't0'), []);
});
