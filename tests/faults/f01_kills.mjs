// F1: backends are killed under load, one every 100 ms, then all at once.
import { setTimeout as pause } from 'node:timers/promises';

import { Bench } from './bench.mjs';

const kEvery_ms = 100;

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ shared: true });
  await bench.withServer();
  const load = bench.load({ callers: full ? 64 : 16, timeout_ms: full ? 3000 : 20000 });  // a busy machine must not end a read
  await load.seen(200);
  const kill = async (limit) => bench.session.number(`select count(pg_terminate_backend(pid)) from
    (select pid from pg_stat_activity where application_name = '${bench.name}' order by random() limit ${limit}) chosen`);
  let killed = 0;
  for (const wanted = full ? 1000 : 20; killed < wanted;) {
    killed += await kill('1');
    await pause(kEvery_ms);
  }
  let rounds = 0;
  for (; rounds < (full ? 10 : 1); rounds++) {
    killed += await kill('all');
    if (full) await pause(2000);
  }
  await load.seen(200);
  await load.stop();
  const failed = load.calls.filter(({ kind, outcome }) => kind === 'read' && outcome !== 'done');
  report.figure(`${killed} backends killed, ${rounds} times all at once; ${failed.length} of ${load.calls.filter(({ kind }) => kind === 'read').length} reads failed`);
  report.holds('reads', failed.length === 0, `${failed.length} reads failed: ${failed[0]?.text}`);
  report.judgeWrites(await bench.ledgerOf(load));
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench);
});
