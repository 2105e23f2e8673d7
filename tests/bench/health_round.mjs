// What one round of all checks takes, on a demo database as `howdah demo` makes it.
//
//   HOWDAH_PROGRAM=build/release/howdah tests/support/with_cluster --database sample --load plugins/embedded/sample.sql -- \
//     tests/integration/node_modules/.bin/node tests/bench/health_round.mjs
import { healthOf } from '../integration/health_support.mjs';
import { dsn, startServer } from '../integration/support.mjs';

const kRounds = 40;
const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

for (const parallel of [1, 3]) {
  const server = await startServer({ databases: `  main: { dsn: "${dsn}" }`, plugins: ['pool', 'guard', 'query', { health: { parallel, interval_s: 86400 } }] });
  const first = await healthOf(server.url);
  const took = [];
  const checks = new Map();
  for (let i = 0; i < kRounds; i++) {
    const answer = await healthOf(server.url);
    took.push(answer.took_ms);
    for (const { name, took_ms: ms } of answer.checks) checks.set(name, [...(checks.get(name) ?? []), ms]);
  }
  took.sort((a, b) => a - b);
  const skipped = first.checks.filter(({ status }) => status === 'skipped').map(({ name }) => name);
  console.log(`health: one round of ${first.checks.length} checks, ${parallel} at once: first ${first.took_ms} ms, median ${at(took, 0.5)} ms, p95 ${at(took, 0.95)} ms, most ${took.at(-1)} ms${skipped.length ? `; skipped: ${skipped}` : ''}`);
  const slowest = [...checks].map(([name, all]) => [name, at(all.sort((a, b) => a - b), 0.5)]).sort((a, b) => b[1] - a[1]).slice(0, 6);
  console.log(`health: slowest checks (median): ${slowest.map(([name, ms]) => `${name} ${ms} ms`).join(', ')}`);
  await server.stop();
}
