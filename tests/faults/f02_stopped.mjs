// F2: the postmaster and every backend stand still (SIGSTOP), then go on.
import { setTimeout as pause } from 'node:timers/promises';

import { Bench } from './bench.mjs';
import { ms, percentile, smallest } from './load.mjs';

const kBreaker_ms = 2000;
const kNormal_ms = 1000;

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase();
  await bench.withServer();
  const load = bench.load({ callers: full ? 64 : 16, timeout_ms: 1000 });
  await load.seen(200);
  const stopped = load.now();
  bench.cluster.signal('SIGSTOP');
  await pause(full ? 10000 : 2500);
  const went_on = load.now();
  bench.cluster.signal('SIGCONT');
  const back = await load.firstDone(went_on);
  await pause(kNormal_ms);
  await load.seen(200);
  await load.stop();
  const done = (from, to) => load.calls.filter(({ at, outcome }) => outcome === 'done' && at >= from && at < to);
  const [before, after] = [done(0, stopped), done(went_on + kNormal_ms, Infinity)].map((calls) => percentile(calls.map((each) => each.ms), 0.99));
  const failed = load.calls.filter(({ at, outcome }) => at > went_on + kNormal_ms && outcome !== 'done');
  const refused = smallest(load.calls.filter(({ at_once }) => at_once).map(({ at, ms: took }) => at + took)) - stopped;
  const open = refused < went_on - stopped ? ms(refused) : 'never';
  report.figure(`stood still for ${ms(went_on - stopped)}; refused at once from ${open} on; first success ${ms(back)} `
    + `after it went on; p99 before ${ms(before)}, from 1 s after it went on ${ms(after)}`);
  report.holdsInTime('breaker', refused <= kBreaker_ms, `calls were refused at once from ${open} on, wanted ${kBreaker_ms} ms`);
  report.holdsInTime('recovery', back <= 1000, `the first success came ${ms(back)} after it went on`);
  report.holdsInTime('normal', failed.length === 0, `${failed.length} calls begun more than ${kNormal_ms} ms after it went on failed: ${failed[0]?.text}`);
  report.judgeWrites(await bench.ledgerOf(load));
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench);
});
