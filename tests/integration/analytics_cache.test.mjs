// get_query_analytics beside a cache that answers and tenants who are scoped: what a hit counts for, whose numbers are whose, who sees them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { statsOf } from './cache_support.mjs';
import { startCluster } from './cluster.mjs';
import { bearer, callAs, databases, load, plugins, rowsAs, setup } from './multi_tenant_support.mjs';
import { inFolder, startServer, textOf, until } from './support.mjs';

const place = inFolder();
const tools = ['query', 'get_query_analytics'];
const kRead = 'select note from notes order by id';
let cluster;
let server;
before(async () => {
  cluster = startCluster();
  load(setup, cluster.dsn);
  server = await startServer({ http: '', privileged: false, databases: databases(cluster), extra: 'tools: { profile: all }', place,
    plugins: [...plugins(place.folder, { model: 'shared', role: 'app', tools }), { cache: { ttl_ms: 3_600_000 } }, 'analytics'] });
  await until('the databases are known', async () => {
    for (const database of ['main', 'notes', 'hidden']) await rowsAs(server.url, 'ops', 'select 1', { database });
    return Object.values((await statsOf(server.url, bearer('ops'))).databases).every((state) => state === 'ready');
  });
  await until('reads are remembered', async () => {
    await ask('t7', kRead);
    return (await statsOf(server.url, bearer('ops'))).hits > 0;
  });
});
after(async () => {
  if (server) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  cluster?.remove();
});

async function analyticsAs(who, args) {
  const result = await callAs(server.url, who, 'get_query_analytics', args);
  assert.ok(!result.isError, textOf(result));
  return result.structuredContent;
}
const ask = async (who, sql, times = 1) => {
  for (let i = 0; i < times; i++) assert.ok((await rowsAs(server.url, who, sql)).length > 0);
};
test('hits are counted under the pattern, with their rows and their latency, and took the database no time', async () => {
  const slow = (least) => `select count(*) as slow from notes a, notes b, notes c, notes d, notes e where e.id < 5 and a.id + b.id > ${least}`;
  const figures = async () => (await analyticsAs('ops', { sections: ['top'], limit: 100, tenant: 't0' })).top.find(({ pattern }) => /as slow/.test(pattern));
  await ask('t0', slow(3));
  await ask('t0', slow(4));
  const missed = await figures();
  assert.deepEqual([missed.calls, missed.rows, missed.cached_percent], [2, 2, undefined]);
  assert.ok(missed.database_ms > 0 && missed.database_ms <= missed.total_ms);
  const { hits } = await statsOf(server.url, bearer('ops'));
  await ask('t0', slow(3), 3);
  await ask('t0', slow(4));
  const both = await figures();
  assert.equal((await statsOf(server.url, bearer('ops'))).hits - hits, 4);
  assert.deepEqual([both.calls, both.rows, both.bytes, both.cached_percent], [6, 6, 3 * missed.bytes, 66.7]);
  assert.equal(both.database_ms, missed.database_ms);
  assert.ok(both.total_ms > missed.total_ms && both.max_ms >= missed.max_ms);
  assert.ok(both.p50_ms < missed.database_ms / 2, `most are hits: ${JSON.stringify(both)}`);
  const { structuredContent: none, content } = await callAs(server.url, 'ops', 'get_query_analytics', { export: 'ndjson', tenant: 't0' });
  const lines = content[0].text.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(none.export.rows, lines.length);
  const line = lines.find(({ pattern }) => /as slow/.test(pattern));
  assert.deepEqual([line.calls, line.cached, line.latency_us.reduce((sum, [, count]) => sum + count, 0)], [6, 4, 6]);
});

test('by tenant each has its own calls, rows and hits: what one has read is no hit of another', async () => {
  const asked = { t3: 2, t4: 4, t5: 5 };
  for (const [tenant, times] of Object.entries(asked)) await ask(tenant, kRead, times);
  const { tenants } = await analyticsAs('ops', { sections: ['tenants'], limit: 100, tool: 'query' });
  for (const [tenant, times] of Object.entries(asked)) {
    const { calls, rows, cached_percent: share } = tenants.find(({ name }) => name === tenant);
    assert.deepEqual([calls, rows, share], [times, 20 * times, Math.round(1000 * (times - 1) / times) / 10], tenant);
    const { totals, top } = await analyticsAs('ops', { sections: ['top'], limit: 100, tenant, tool: 'query' });
    assert.deepEqual([totals.calls, totals.cached_percent, top.length], [times, share, 1]);
  }
});

test('a tenant sees its own numbers and texts, and may name no other', async () => {
  await ask('t3', 'select note as told_by_t3 from notes', 2);
  await ask('t4', 'select note as told_by_t4 from notes', 3);
  for (const [tenant, calls, other] of [['t3', 4, 't4'], ['t4', 7, 't3']]) {
    const sections = ['top', 'slow', 'tenants', 'principals', 'clients'];
    const own = await analyticsAs(tenant, { sections, limit: 100 });
    assert.deepEqual(own, await analyticsAs('ops', { sections, limit: 100, tenant }));
    assert.equal(own.totals.calls, calls);
    assert.deepEqual(own.tenants.map(({ name }) => name), [tenant]);
    const csv = textOf(await callAs(server.url, tenant, 'get_query_analytics', { export: 'csv' }));
    for (const said of [JSON.stringify(own), csv]) {
      assert.ok(said.includes(`told_by_${tenant}`), said);
      assert.ok(!said.includes(`told_by_${other}`) && !said.includes(`"${other}"`), said);
    }
    for (const foreign of [other, '', '(others)']) {
      const refused = await callAs(server.url, tenant, 'get_query_analytics', { tenant: foreign });
      assert.ok(refused.isError, foreign);
      assert.match(textOf(refused), new RegExp(`a principal of tenant ${tenant} sees that tenant only; leave out tenant`));
    }
  }
});
