// T13 and T15: what the time of an answer tells of other tenants, and what it costs to stand beside one that floods.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { callAs, load, rowsAs, setup, startTenants } from './multi_tenant_support.mjs';
import { inFolder } from './support.mjs';

const kCalls = Number(process.env.HOWDAH_TENANT_CALLS ?? 10000);
const place = inFolder();
let cluster;
let schema;
let shared;

before(async () => {
  cluster = startCluster();
  load(setup, cluster.dsn);
  [shared, schema] = await Promise.all([startTenants(cluster, place.folder, { model: 'shared', role: 'app' }), startTenants(cluster, place.folder, { model: 'schema' })]);
});
after(async () => {
  for (const server of [shared, schema]) if (server) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  cluster?.remove();
  place.remove();
});

test('T13 how long an answer takes does not tell whether another tenant has a name: against an A/A control of the same run', { timeout: 3_600_000 }, async () => {
  // What else the machine does differs from run to run, what a name gives away does not.
  for (let run = 1; !(await takesTheSame()); run++) assert.ok(run < 3, 'three times the difference was more than 5 % and than twice that of the control');
});

async function takesTheSame() {
  const rounds = Math.max(200, Math.round(kCalls / 5));
  const texts = { there: 'select * from tenant_t1.orders', absent: 'select * from tenant_z1.orders', control: 'select * from tenant_z2.orders' };
  const took = { there: [], absent: [], control: [] };
  const names = Object.keys(texts);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 3; i++) {
      const name = names[(round + i) % 3];  // none is always first
      const began = process.hrtime.bigint();
      await callAs(schema.url, 't0', 'query', { sql: texts[name] });
      took[name].push(Number(process.hrtime.bigint() - began) / 1e6);
    }
  }
  const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
  const [there, absent, control] = names.map((name) => median(took[name]));
  const percent = (a, b) => Math.round((Math.abs(a - b) / b) * 1000) / 10;
  console.log(`figure: T13, ${rounds} rounds: median ${there.toFixed(2)} ms for another tenant's table, ${absent.toFixed(2)} for none (${percent(there, absent)} %); A/A control ${control.toFixed(2)} (${percent(control, absent)} %)`);
  return percent(there, absent) < Math.max(5, 2 * percent(control, absent));
}

test('T15 a tenant that floods leaves the others their share', async () => {
  let stop = false;
  const flood = Array.from({ length: 24 }, async () => { while (!stop) await callAs(shared.url, 't0', 'query', { sql: 'select pg_sleep(0.02)' }); });
  const took = [];
  for (let round = 0; round < 20; round++) {
    const began = Date.now();
    await rowsAs(shared.url, 't1', 'select 1');
    took.push(Date.now() - began);
  }
  stop = true;
  await Promise.all(flood);
  took.sort((a, b) => a - b);
  console.log(`figure: T15, beside 24 callers of another tenant on 2 connections: median ${took[10]} ms, most ${took.at(-1)} ms`);
  // Alone it waits for one statement of 20 ms to end, not for the 24 that were there before.
  assert.ok(took[10] < 24 * 20, `${took[10]} ms: as if it had waited behind the whole flood`);
});
