// `./dev attacks FILE`: prints every miss and how many attacks were blocked and reads allowed, in each role profile.
//   run.mjs PROGRAM FILE       exit 1 when a case did not end as the file expects
const [program, file] = process.argv.slice(2);
if (!file) throw new Error('usage: run.mjs PROGRAM FILE');
process.env.HOWDAH_PROGRAM = program;
process.env.HOWDAH_TEST_DSN ??= 'postgresql://postgres@/unused?host=/nowhere';  // the suite has a cluster of its own
const { readSuite, runSuite } = await import('../integration/suite.mjs');

const suite = readSuite(file);
const { profiles, refusals } = await runSuite(suite, (profile, entry, { held, why }) => {
  if (!held) console.log(`miss (${profile}) ${entry.id} ${entry.expected}: ${why}\n    ${entry.why}: ${entry.sql ?? JSON.stringify(entry).slice(0, 200)}`);
});
const total = { blocked: [0, 0], allowed: [0, 0] };
for (const [profile, counts] of Object.entries(profiles)) {
  console.log(`${profile}: blocked ${counts.blocked.join('/')} allowed ${counts.allowed.join('/')}`);
  for (const kind of ['blocked', 'allowed']) [0, 1].forEach((part) => { total[kind][part] += counts[kind][part]; });
}
console.log(`${suite.name ?? file}: blocked ${total.blocked.join('/')} allowed ${total.allowed.join('/')}`);
console.log(`refusals over HTTP: median ${refusals.median_ms.toFixed(2)} ms, p99 ${refusals.p99_ms.toFixed(2)} ms (${refusals.count} calls)`);
process.exit(Object.values(profiles).some(({ misses }) => misses.length > 0) ? 1 : 0);
