// What a tenant's scope and its audit record cost a call: the same read on four servers in turn, without the plugin, with it, with its
// audit log, and with one that is written out to the disk.
//
//   HOWDAH_PROGRAM=build/release/howdah tests/support/with_cluster -- \
//     tests/integration/node_modules/.bin/node tests/bench/multi_tenant_cost.mjs
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startCluster } from '../integration/cluster.mjs';
import { asLogin, load, rowsAs, setup, tokenFile } from '../integration/multi_tenant_support.mjs';
import { inFolder, startServer } from '../integration/support.mjs';

const kRounds = Number(process.argv[2] ?? 1000);
const place = inFolder();
const cluster = startCluster();
load(`${setup}; grant select on public.notes to login;`, cluster.dsn);
const keys = join(place.folder, 'keys');
writeFileSync(keys, `k1 ${'1'.repeat(64)}\n`, { mode: 0o600 });
const tenancy = { model: 'shared', role: 'app' };
const servers = {};
for (const [name, section] of [['without', undefined], ['scoped', tenancy], ['audited', { ...tenancy, audit: { key_file: keys } }], ['synced', { ...tenancy, audit: { key_file: keys, sync: true } }]]) {
  servers[name] = await startServer({ http: '', privileged: false, databases: `  main: { dsn: "${asLogin(cluster)}" }`,
    plugins: ['pool', { auth: { token_file: tokenFile(place.folder) } }, ...(section ? [{ multi_tenant: section }] : []), 'guard', 'query'] });
}
const took = Object.fromEntries(Object.keys(servers).map((name) => [name, []]));
for (let round = 0; round < kRounds + 50; round++) {
  for (const [name, { url }] of Object.entries(servers)) {
    const began = process.hrtime.bigint();
    await rowsAs(url, 't1', 'select id from public.notes where id = 3');
    if (round >= 50) took[name].push(Number(process.hrtime.bigint() - began) / 1e6);
  }
}
for (const [name, list] of Object.entries(took)) {
  list.sort((a, b) => a - b);
  const at = (share) => list[Math.floor(list.length * share)].toFixed(2);
  console.log(`multi_tenant: ${name}: median ${at(0.5)} ms, p90 ${at(0.9)} ms, ${list.length} calls`);
}
for (const server of Object.values(servers)) await server.stop();
cluster.remove();
place.remove();
