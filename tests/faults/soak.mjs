// The mixed load for MINUTES with random faults among it: `soak.mjs MINUTES [SEED]`. Reports memory, descriptors and threads
// of the server at the start, at the end and by the hour, and how many calls outside of full outages were served. Ends with
// 1 when descriptors or threads have grown, when a write was lost, or, from an hour on, when memory grows.
import { setTimeout as pause } from 'node:timers/promises';

import { until } from '../integration/support.mjs';
import { Bench } from './bench.mjs';
import { call } from './calls.mjs';
import { ms, percentile } from './load.mjs';
import { held } from './processes.mjs';
import { Report } from './report.mjs';

const kCallers = 32;
const kSettle_ms = 3000;  // for what ends in the background
const kAfterOutage_ms = 1000;
const kSlope_mib = 1;  // an hour
const kJudgedFrom_min = 60;  // a shorter run has no slope worth the name
const kAvailable = 0.999;

const minutes = Number(process.argv[2]);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
if (!(minutes > 0)) {
  console.error('usage: soak.mjs MINUTES [SEED]');
  process.exit(2);
}
let state = seed;
const random = () => {  // Park and Miller: the same faults for the same seed
  state = (state * 48271 + 11) % 2147483647;
  return state / 2147483647;
};

// Each disturbs and mends; what takes the database away whole says so by `outage`.
const kFaults = {
  'one backend killed': { do: (bench) => kill(bench, '1') },
  'all backends killed': { do: (bench) => kill(bench, 'all') },
  'connections reset': { do: async (bench) => bench.proxy.reset() },
  'latency +200 ms': { do: (bench) => during(bench, { latency_ms: 100 }, 2000) },
  'a result cut': { do: async (bench) => { bench.proxy.reset_after = Math.floor(random() * 20000); } },
  'a client leaves': { do: (bench) => leave(bench) },
  reload: { do: async (bench) => bench.server.child.kill('SIGHUP') },
  'path silent for 3 s': { outage: true, do: (bench) => during(bench, { held: true }, 3000) },
  'PostgreSQL stands still for 3 s': { outage: true, do: (bench) => standStill(bench) },
  'fast restart': { outage: true, do: (bench) => restart(bench, 'fast', 0) },
  'crash, down for 2 s': { outage: true, do: (bench) => restart(bench, 'immediate', 2000) },
};
const kill = (bench, limit) => bench.session.ask(`select count(pg_terminate_backend(pid)) from
  (select pid from pg_stat_activity where application_name = '${bench.name}' order by random() limit ${limit}) chosen`);
async function during(bench, faults, time_ms) {
  Object.assign(bench.proxy, faults);
  await pause(time_ms);
  bench.proxy.heal();
}
async function leave(bench) {
  const gone = new AbortController();
  const asked = call(bench.server.url, 'query', { sql: 'select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b' }, { signal: gone.signal });
  await pause(300);
  gone.abort();
  await asked;
}
async function standStill(bench) {
  bench.cluster.signal('SIGSTOP');
  await pause(3000);
  bench.cluster.signal('SIGCONT');
}
async function restart(bench, mode, down_ms) {
  await bench.cluster.down(mode);
  await pause(down_ms);
  await bench.cluster.up();
}

// What is held with no call under way and a pool that has served one for each database, as a reload that changes it has
// replaced it: with the first connection of a new pool the last sockets of the old one are let go of. Connections are not
// counted.
let pools = 0;
async function quiet(bench) {
  const connections = (condition) => bench.session.number(`select count(*) from pg_stat_activity where application_name = '${bench.name}' and ${condition}`);
  await pause(kSettle_ms);
  bench.server.write({ plugins: [{ pool: { lease_timeout_ms: 2000 + ++pools } }, 'guard', 'query', 'schema'] });
  const replaced = await bench.session.ask('select clock_timestamp()');
  bench.server.child.kill('SIGHUP');
  await until('the old pool has closed its connections', async () => await connections(`backend_start < '${replaced}'`) === 0);
  for (const database of ['main', 'notes']) await call(bench.server.url, 'query', { sql: 'select 1', database });
  await pause(kSettle_ms);
  const open = await connections('true');
  const now = held(bench.server.child.pid);
  return { ...now, descriptors: now.descriptors - open };
}

// Of the least squares line, an hour.
function slope(samples) {
  const n = samples.length;
  const mean = (of) => samples.reduce((sum, each) => sum + of(each), 0) / n;
  const [at, value] = [mean((each) => each.at), mean((each) => each.value)];
  const over = samples.reduce((sum, each) => sum + (each.at - at) * (each.value - value), 0);
  const under = samples.reduce((sum, each) => sum + (each.at - at) ** 2, 0);
  return under === 0 ? 0 : over / under * 3_600_000;
}

async function disturbed(bench, load, until_ms, done, outages, samples) {
  const names = Object.keys(kFaults);
  let next = load.now() + 2000;
  while (load.now() < until_ms) {
    samples.push({ at: load.now(), ...held(bench.server.child.pid) });
    if (load.now() >= next) {
      const name = names[Math.floor(random() * names.length)];
      const fault = kFaults[name];
      const from = load.now();
      await fault.do(bench);
      if (fault.outage) outages.push({ from, to: load.now() + kAfterOutage_ms });
      done[name] = (done[name] ?? 0) + 1;
      next = load.now() + 2000 + random() * 4000;
    }
    await pause(500);
  }
}

const report = new Report('soak', true);
await Bench.open(async (bench) => {
  await bench.withDatabase();
  await bench.withServer();
  const warm = bench.load({ callers: kCallers, timeout_ms: 3000 });
  for (const name of Object.keys(kFaults)) {
    await kFaults[name].do(bench);  // each code path once, before anything is measured
    await pause(1000);
  }
  await warm.stop();
  const before = await quiet(bench);

  const load = bench.load({ callers: kCallers, first: 1000, timeout_ms: 3000 });
  const [done, outages, samples] = [{}, [], []];
  await disturbed(bench, load, minutes * 60000, done, outages, samples);
  await pause(kAfterOutage_ms);
  await load.stop();
  const after = await quiet(bench);

  const outside = load.calls.filter(({ at, ms: took }) => !outages.some(({ from, to }) => at < to && at + took > from));
  const served = outside.filter(({ outcome }) => outcome === 'done').length / outside.length;
  const late = samples.slice(Math.floor(samples.length / 4));  // caches have filled by then
  const by_hour = { MiB: slope(late.map(({ at, rss_kib }) => ({ at, value: rss_kib / 1024 }))) };
  for (const what of ['descriptors', 'threads']) by_hour[what] = slope(late.map((each) => ({ at: each.at, value: each[what] })));
  const took = load.calls.map((each) => each.ms);
  report.figure(`${minutes} minutes, seed ${seed}: ${load.calls.length} calls of ${kCallers} callers, p50 ${ms(percentile(took, 0.5))}, p99 ${ms(percentile(took, 0.99))}; `
    + `${Object.entries(done).map(([name, count]) => `${name} ${count}x`).join(', ')}`);
  for (const [what, unit] of [['rss_kib', 'KiB resident'], ['descriptors', 'descriptors'], ['threads', 'threads']]) {
    report.figure(`${unit}: ${before[what]} before, ${after[what]} after, at rest${what === 'descriptors' ? ', besides connections to PostgreSQL' : ''}`);
  }
  report.figure(`slope under load, an hour: ${by_hour.MiB.toFixed(2)} MiB, ${by_hour.descriptors.toFixed(1)} descriptors, ${by_hour.threads.toFixed(1)} threads`);
  report.figure(`${(100 * served).toFixed(3)} % of ${outside.length} calls outside of ${outages.length} full outages were served`);
  report.holds('descriptors', after.descriptors <= before.descriptors, `${before.descriptors} became ${after.descriptors}`);
  report.holds('threads', after.threads <= before.threads, `${before.threads} became ${after.threads}`);
  report.holds('available', served >= kAvailable, `${(100 * served).toFixed(3)} % were served, wanted ${100 * kAvailable} %`);
  if (minutes >= kJudgedFrom_min) report.holds('memory', by_hour.MiB < kSlope_mib, `memory grows by ${by_hour.MiB.toFixed(2)} MiB an hour`);
  report.judgeWrites(await bench.ledgerOf(warm, load));
  report.judgeAnswers(load);
}).catch((error) => report.failed.push(`the test itself: ${error.stack}`));

console.log(`soak ${report.outcome}`);
for (const figure of report.figures) console.log(`figure: soak ${figure}`);
for (const broken of report.failed) console.log(`soak failed: ${broken}`);
process.exit(report.failed.length > 0 ? 1 : 0);
