// `./dev attacks FILE`: prints every miss and how many attacks were blocked and reads allowed, in each role profile.
//   run.mjs PROGRAM FILE       exit 1 when a case did not end as the file expects; those of tier stretch are told apart
const [program, file] = process.argv.slice(2);
if (!file) throw new Error('usage: run.mjs PROGRAM FILE');
process.env.HOWDAH_PROGRAM = program;
process.env.HOWDAH_TEST_DSN ??= 'postgresql://postgres@/unused?host=/nowhere';  // the suite has a cluster of its own
const { readSuite, runSuite, tierOf } = await import('../integration/suite.mjs');

const suite = readSuite(file);
const { profiles, refusals } = await runSuite(suite, (profile, entry, { held, why }) => {
  if (!held) console.log(`${tierOf(entry, profile) === 'stretch' ? 'stretch: ' : ''}miss (${profile}) ${entry.id} ${entry.expected}: ${why}\n    ${entry.why}: ${entry.sql ?? JSON.stringify(entry).slice(0, 200)}`);
});
const total = { blocked: [0, 0], allowed: [0, 0] };
for (const [profile, counts] of Object.entries(profiles)) {
  const told = ({ blocked, allowed }) => `blocked ${blocked.join('/')} allowed ${allowed.join('/')}`;
  console.log(`${profile}: ${told(counts)}`);
  if (counts.stretch.blocked[1] + counts.stretch.allowed[1] > 0) console.log(`${profile}, stretch: ${told(counts.stretch)}`);
  for (const { entry, why } of counts.not_applicable) console.log(`not applicable (${profile}) ${entry.id}: ${why}`);
  for (const kind of ['blocked', 'allowed']) [0, 1].forEach((part) => { total[kind][part] += counts[kind][part]; });
}
console.log(`${suite.name ?? file}: blocked ${total.blocked.join('/')} allowed ${total.allowed.join('/')}`);
console.log(`refusals over HTTP: median ${refusals.median_ms.toFixed(2)} ms, p99 ${refusals.p99_ms.toFixed(2)} ms (${refusals.count} calls)`);
process.exit(Object.values(profiles).some(({ misses }) => misses.length > 0) ? 1 : 0);
