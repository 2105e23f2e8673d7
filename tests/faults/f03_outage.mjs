// F3: the database crashes (immediate stop) and is started again some time later, again and again.
import { setTimeout as pause } from 'node:timers/promises';

import { Bench } from './bench.mjs';
import { largest, ms, percentile, smallest } from './load.mjs';

const kRefusal_ms = 5;
const kBack_ms = 1000;
const kPauses = { full: [20000, ...Array(19).fill(2000)], quick: [1500, 500] };

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase();
  await bench.withServer();
  const load = bench.load({ callers: full ? 64 : 16, timeout_ms: 2000, every_ms: full ? 200 : 50 });  // refusals are to take the server's time, not this process's
  const back = [];
  const outages = [];
  for (const down of full ? kPauses.full : kPauses.quick) {
    await load.seen(100);
    const gone = load.now();
    await bench.cluster.down('immediate');
    await load.seen(1, ({ at_once }) => at_once);
    await pause(down);
    const ready = (await bench.cluster.ready(() => bench.cluster.up())) - load.began;
    back.push(await load.firstDone(ready));
    outages.push({ gone, ready });
  }
  await load.seen(100);
  await load.stop();
  const during = outages.map(({ gone, ready }) => load.calls.filter(({ at, ms: took }) => at > gone && at + took < ready));
  const refused = during.flatMap((calls) => calls.filter(({ at_once }) => at_once));
  // A call that was there before the breaker opened has waited for it: for its first try, or between two.
  const met_open = during.flatMap((calls) => {
    const open = smallest(calls.filter(({ at_once }) => at_once).map(({ at, ms: took }) => at + took));
    return calls.filter(({ at, at_once }) => at_once && at > open).map((each) => each.ms);
  });
  const [p50, p99] = [0.5, 0.99].map((share) => percentile(met_open, share));
  const count = during.flat().length;
  report.figure(`${back.length} crashes; ${count} calls while it was down, ${refused.length} of them refused by the open breaker, `
    + `${met_open.length} of them begun when it was open: p50 ${ms(p50)}, p99 ${ms(p99)}, the others after at most ${ms(largest(refused.map((each) => each.ms)))}; `
    + `first success after "ready to accept": longest ${ms(Math.max(...back))}, median ${ms(percentile(back, 0.5))}`);
  report.holds('refused', refused.length > count / 2, `only ${refused.length} of ${count} calls were refused at once`);
  report.holdsInTime('refusals', p99 <= kRefusal_ms, `p99 of the open breaker's refusals is ${ms(p99)}, wanted ${kRefusal_ms} ms`);
  report.holdsInTime('recovery', Math.max(...back) <= kBack_ms, `the first success came up to ${ms(Math.max(...back))} after the database was back`);
  report.judgeWrites(await bench.ledgerOf(load));
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench);
});
