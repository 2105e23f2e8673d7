// The leak battery's T6 to T8 from outside: eight tenants ask the same texts of a server that remembers answers, in memory and
// on disk, while some write, over a restart, and while all wait for one row; nothing of one is in what another is told.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { session, statsOf } from './cache_support.mjs';
import { startCluster } from './cluster.mjs';
import { bearer, callAs, databases, foreignIn, interleaved, load, markOf, plugins, psql, setup, tenants } from './multi_tenant_support.mjs';
import { inFolder, startServer, textOf, until } from './support.mjs';

const kCalls = Number(process.env.HOWDAH_TENANT_CALLS ?? 10000);
const kCache = { ttl_ms: 3_600_000, coalesce_ms: 5000, l3: { enabled: true, read_ms: 1000 } };
const kModels = {
  shared: { section: { model: 'shared', role: 'app' }, write: "update notes set note = note || '.' where id = 1 returning note",
    reads: ['select note from notes order by id', 'select note from own_notes union all select tag from tags order by 1', 'table notes',
      'select (select string_agg(tag, \',\') from tags) || note from public.notes', 'select max(note), count(*) from notes'] },
  // The guard looks names up in the path of the login, so of tables found by the tenant's own path nothing is remembered.
  schema: { forgets: true, section: { model: 'schema' }, write: "update orders set note = note || '.' where id = 1 returning note",
    reads: ['select note from orders order by id', 'select note from own_orders order by id', 'select note from kept_orders',
      'with a as (select * from orders) select x.note from a x join orders y using (id)', 'select string_agg(note, \',\') from orders'] },
};
const ops = bearer('ops');
let cluster;
before(() => {
  cluster = startCluster();
  load(setup, cluster.dsn);
});
after(() => cluster?.remove());

// It remembers from when its databases have told who they are.
async function start(folder, model) {
  const server = await startServer({ http: '', privileged: false, databases: databases(cluster), extra: 'tools: { profile: all }',
    plugins: [...plugins(folder, kModels[model].section), { cache: kCache }], place: { folder, remove: () => {} } });
  await until('the databases are known', async () => {
    for (const database of ['main', 'notes', 'hidden']) await callAs(server.url, 'ops', 'query', { sql: 'select 1', database });
    const { databases: known, levels } = await statsOf(server.url, ops);
    return Object.values(known).every((state) => state === 'ready') && levels.l3.state === 'ready';
  });
  return server;
}

async function readAs(url, tenant, sql) {
  const result = await callAs(url, tenant, 'query', { sql });
  assert.ok(!result.isError, `${tenant}, ${sql}: ${textOf(result)}`);
  return result.structuredContent;
}

for (const [model, { reads, write, forgets }] of Object.entries(kModels)) {
  describe(`model ${model}`, () => {
    const place = inFolder();
    let server;
    before(async () => { server = await start(place.folder, model); });
    after(async () => {
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
      place.remove();
    });

    test(`T6 ${kCalls} interleaved calls, of which some write, hold no foreign byte${forgets ? '' : ', and most are answered from memory'}`, { timeout: 3_600_000 }, async () => {
      const earlier = await statsOf(server.url, ops);
      const asked = (tenant, i) => (Math.floor(i / 8) % 100 === 99
        ? callAs(server.url, tenant, 'execute', { sql: write, database: 'notes' })
        : callAs(server.url, tenant, 'query', { sql: reads[Math.floor(i / 8) % reads.length] }));
      const { foreign, bytes } = await interleaved(server.url, kCalls, 16, async (tenant, i) => JSON.stringify(await asked(tenant, i)));
      assert.equal(foreign, 0);
      const later = await statsOf(server.url, ops);
      const [hits, misses] = [later.hits - earlier.hits, later.misses - earlier.misses];
      assert.ok(forgets ? hits === 0 : hits > kCalls / 2, `${hits} hits of ${kCalls} calls`);
      console.log(`figure: model ${model} with the cache, 8 tenants: ${foreign} foreign bytes in ${kCalls} calls (${bytes} bytes of answers), ${hits} hits and ${misses} misses`);
    });

    test('T6 what one tenant writes is seen by that tenant at once, and by no other', async () => {
      for (const tenant of tenants) await readAs(server.url, tenant, reads[0]);
      const written = await callAs(server.url, 't3', 'execute', { sql: write.replace("'.'", "' written by t3'"), database: 'notes' });
      assert.ok(!written.isError, textOf(written));
      for (const tenant of tenants) {
        const { rows } = await readAs(server.url, tenant, reads[0]);
        assert.equal(JSON.stringify(rows).includes('written by t3'), tenant === 't3', tenant);
      }
    });

    test('T6 after a restart answers on disk are given to whom they belong, also those that there is nothing', async () => {
      const none = reads[0].replace('order by', 'where id = 4711 order by');
      for (const tenant of tenants) for (const sql of [...reads, none]) await readAs(server.url, tenant, sql);
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
      server = await start(place.folder, model);
      for (const tenant of tenants) {
        const sources = [];
        for (const sql of reads) {
          const { rows, source } = await readAs(server.url, tenant, sql);
          sources.push(source);
          const said = JSON.stringify(rows);
          assert.ok(said.includes(`mark-${tenant}-`), said.slice(0, 200));
          assert.deepEqual(foreignIn(said, tenant), []);
        }
        assert.equal(sources.includes('disk'), !forgets, `${tenant}: ${sources}`);
        const nothing = await readAs(server.url, tenant, none);
        assert.deepEqual([nothing.rows, nothing.source], [[], forgets ? undefined : 'disk']);
      }
    });

    test('T7 files show neither a tenant nor a text, and nobody else may read them', () => {
      const folder = join(place.folder, 'state/plugins/cache');
      const files = readdirSync(folder);
      assert.ok(files.includes('answers.db'), String(files));
      for (const name of files) {
        assert.equal(statSync(join(folder, name)).mode & 0o077, 0, name);
        const bytes = readFileSync(join(folder, name));
        for (const told of ['mark-t', 'tenant_t', 'from notes', 'from orders', 'token:t', 'string_agg']) assert.ok(!bytes.includes(told) && !name.includes(told), `${told} in ${name}`);
      }
    });

    test('T8 of tenants that wait for the same text at the same time each gets its own answer', async () => {
      const table = model === 'shared' ? 'public.notes' : tenants.map((t) => `tenant_${t}.orders`).join(', ');
      const { hits_shared: earlier } = await statsOf(server.url, ops);
      const sql = `${reads[0]} limit 7`;
      const beside = session(cluster.dsn);
      try {
        await beside.ask(`begin; lock table ${table} in access exclusive mode`);
        const said = Promise.all(tenants.flatMap((tenant) => Array.from({ length: 4 }, async () => [tenant, (await readAs(server.url, tenant, sql)).rows])));
        said.catch(() => {});  // is told below, once the lock is gone
        await until('they wait', () => Number(psql("select count(*) from pg_stat_activity where wait_event_type = 'Lock'", cluster.dsn)) >= 2);
        await beside.ask('commit');
        for (const [tenant, rows] of await said) {
          assert.equal(rows.length, 7);
          assert.ok(rows.every(([note]) => note.startsWith(markOf(tenant))), JSON.stringify(rows));
        }
      } finally {
        beside.end();
      }
      const { hits_shared: later } = await statsOf(server.url, ops);
      assert.equal(later > earlier, !forgets, `${later - earlier} answers were waited for together`);
    });
  });
}
