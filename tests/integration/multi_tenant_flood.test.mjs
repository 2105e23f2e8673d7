// T15: a tenant that floods under many names beside another tenant's calls; and, as a control, the same flood from as many
// tenants, who each have a share of their own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { load, rowsAs, setup, startTenants } from './multi_tenant_support.mjs';
import { inFolder, until } from './support.mjs';

const kMany = 50;
const kCallers = 8;  // of the tenant that is flooded: some of its calls wait at any time
const kTurns = 40;
const many = Array.from({ length: kMany }, (_, i) => i);
const ofOne = many.map((i) => `one${i}`);
const ofMany = many.map((i) => `many${i}`);
const place = inFolder();
let cluster;
let server;

before(async () => {
  cluster = startCluster();
  load(setup, cluster.dsn);
  server = await startTenants(cluster, place.folder, { model: 'shared', role: 'app' }, { connections_max: 4 },
    [...ofOne.map((name) => [name, 'tenant=t0']), ...ofMany.map((name) => [name, `tenant=${name}`])]);
});
after(async () => {
  if (server) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  cluster?.remove();
  place.remove();
});

// What single calls of t1 take, one after the other, as far as ten seconds go.
async function timesOfCalls() {
  const took = [];
  for (const end = Date.now() + 10000; took.length < 200 && Date.now() < end;) {
    const began = performance.now();
    await rowsAs(server.url, 't1', 'select 1');
    took.push(performance.now() - began);
  }
  return took.sort((a, b) => a - b);
}
const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

// Beside a flood of these callers: what t1's calls take, and its share of the turns while both have calls that wait. When a
// turn began the database says.
async function beside(names) {
  let stop = false;
  const began = { flood: [], t1: [] };
  const turns = async (who, whose) => {
    while (!stop) began[whose].push(Number((await rowsAs(server.url, who, 'select extract(epoch from clock_timestamp()), pg_sleep(0.04)'))[0][0]));
  };
  const callers = names.map((who) => turns(who, 'flood'));
  await until('the whole flood has come', () => began.flood.length >= kMany, 60000);
  const took = await timesOfCalls();
  for (let i = 0; i < kCallers; i++) callers.push(turns('t1', 't1'));
  await until('t1 has had its turns', () => began.t1.length >= kCallers + kTurns, 120000);
  stop = true;
  await Promise.all(callers);
  const [first, ...own] = began.t1.sort((a, b) => a - b).slice(kCallers - 1, kCallers + kTurns);
  const others = began.flood.filter((one) => one > first && one < own.at(-1)).length;
  return { took, share: own.length / (own.length + others) };
}

test('T15 fifty principals of a tenant have together the share of one tenant beside another', { timeout: 600_000 }, async () => {
  await timesOfCalls();  // the first ones make connections and prepare
  const alone = await timesOfCalls();
  const one = await beside(ofOne);
  const control = await beside(ofMany);
  const times = (took) => `median ${at(took, 0.5).toFixed(1)}, p99 ${at(took, 0.99).toFixed(1)} ms of ${took.length} calls`;
  const told = ({ took, share }) => `${times(took)} (p99 ${(at(took, 0.99) / at(alone, 0.99)).toFixed(1)} times that alone), ${(100 * share).toFixed(1)} % of the turns while both wait`;
  console.log(`figure: T15, 4 connections, turns of 40 ms: alone ${times(alone)}; beside 50 principals of one tenant ${told(one)}; beside 50 tenants ${told(control)}`);
  // Half, less a tenth of all and what the edges of the count take; of 51 tenants it has a 51st.
  assert.ok(one.share >= 0.4, `${one.share} of the turns beside one other tenant`);
  assert.ok(control.share < one.share / 2, `${control.share} of the turns beside 50 others: not what the flood took`);
  assert.ok(at(one.took, 0.5) < at(control.took, 0.5) / 2, `${at(one.took, 0.5)} ms beside one tenant, ${at(control.took, 0.5)} ms beside 50`);
});
