// F9: others use up max_connections (53300), then leave.
import { setTimeout as pause } from 'node:timers/promises';

import { Bench } from './bench.mjs';
import { ms } from './load.mjs';
import { poolReport } from './control.mjs';
import { Session } from './session.mjs';

const kMax = 8;
const kPool = 3;  // for each of two databases: they fit once the others have left
const kPerSecond = 5;
const kQueue = 8;

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ options: ['--set', `max_connections=${kMax}`] });
  await bench.session.number('select 1');
  await bench.withServer({ plugins: [{ pool: { queue_max: kQueue, connections_max: kPool } }, 'guard', 'query'] });
  const hogs = [];
  bench.finally(() => hogs.forEach((hog) => hog.close()));
  const taken = () => bench.session.number('select count(*) from pg_stat_activity where backend_type = \'client backend\'');
  while (await taken() < kMax) {
    const hog = new Session(bench.control);
    await hog.ask('select 1');
    hogs.push(hog);
  }
  const load = bench.load({ callers: full ? 64 : 16, timeout_ms: 2000, every_ms: 20 });
  await load.seen(1, ({ at_once }) => at_once);
  const before = { accepted: bench.proxy.accepted, at: performance.now() };
  let waiting = 0;
  const seconds = full ? 20 : 4;
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await pause(100)) {
    waiting = Math.max(waiting, ...(await poolReport(bench.server)).databases.map(({ connections }) => connections.waiting));
  }
  const rate = (bench.proxy.accepted - before.accepted) / ((performance.now() - before.at) / 1000);
  const told = load.calls.filter(({ text }) => /53300/.test(text)).length;
  for (const hog of hogs.splice(0)) hog.close();
  const left = load.now();
  const back = await load.firstDone(left);
  await load.seen(20, ({ kind, outcome }) => kind === 'write' && outcome === 'done');
  await load.stop();
  report.figure(`max_connections used up for ${seconds} s: ${rate.toFixed(1)} connections tried a second (two databases), at most ${waiting} calls waited (bound ${kQueue}); ${told} of ${load.calls.length} `
    + `answers name 53300; first success ${ms(back)} after there was room`);
  report.holds('loop', rate <= 4 * kPerSecond, `${rate.toFixed(1)} connections tried a second: a hot loop`);
  report.holdsInTime('rate', rate <= 2 * kPerSecond, `${rate.toFixed(1)} connections tried a second for two databases, wanted ${kPerSecond} each`);
  report.holds('queue', waiting <= kQueue, `${waiting} calls waited, the bound is ${kQueue}`);
  report.holds('told', told > 0, 'no answer named 53300');
  report.holdsInTime('recovery', back <= 1000, `the first success came ${ms(back)} after there was room`);
  report.judgeWrites(await bench.ledgerOf(load));
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench);
});
