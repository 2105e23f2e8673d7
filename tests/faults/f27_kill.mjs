// F27: the server is killed (SIGKILL) under load and started again where it was.
import { setTimeout as pause } from 'node:timers/promises';

import { inFolder } from '../integration/support.mjs';
import { Bench } from './bench.mjs';
import { call, outcomeOf, saidBy } from './calls.mjs';
import { ms, percentile, together } from './load.mjs';

const kStart_ms = 500;

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ shared: true });
  const place = inFolder();
  bench.finally(() => place.remove());
  const [loads, starts, left] = [[], [], []];
  for (let round = 0; round < (full ? 20 : 3); round++) {
    const began = performance.now();
    const server = await bench.withServer({ place });
    const first = await call(server.url, 'query', { sql: 'select 1' });
    starts.push(performance.now() - began);
    report.holds('start', outcomeOf(first) === 'done', `the first call after a start: ${saidBy(first)}`);
    const load = bench.load({ callers: full ? 64 : 16, first: round * 1000, timeout_ms: 3000 });
    await load.seen(200);
    server.child.kill('SIGKILL');
    await server.exited;
    const killed = performance.now();
    await load.stop();
    loads.push(load);
    while (await bench.session.number(`select count(*) from pg_stat_activity where application_name = '${bench.name}'`) > 0 && performance.now() < killed + 20000) await pause(10);
    left.push(performance.now() - killed);
  }
  const ledger = await bench.ledgerOf(...loads);
  report.figure(`${starts.length} kills under load: from start to the first answer ${ms(percentile(starts, 0.5))} (median), ${ms(Math.max(...starts))} (longest); its backends gone after ${ms(Math.max(...left))} at the latest`);
  report.judgeWrites(ledger);
  report.judgeDeadlines(together(loads));
  report.judgeWireTries(bench.proxy);
  report.holdsInTime('start.time', Math.max(...starts) <= kStart_ms, `a start took ${ms(Math.max(...starts))} to the first answer`);
  report.holdsInTime('backends', Math.max(...left) <= 1000, `backends were there ${ms(Math.max(...left))} after the kill`);
  report.notRun('audit log readable up to the last acknowledged call', 'the lines of the guard are best effort: a SIGKILL loses what stands in the queue of the log; the log of multi_tenant is killed under load in multi_tenant_audit (T17)');
});
