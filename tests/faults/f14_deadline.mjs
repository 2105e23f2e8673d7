// F14: statements that run beyond their time: the client's answer and the statement's end in PostgreSQL agree.
import { setTimeout as pause } from 'node:timers/promises';

import { Bench } from './bench.mjs';
import { call, saidBy } from './calls.mjs';
import { ms, percentile } from './load.mjs';

const kTime_ms = 500;
const kAgree_ms = 100;

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ shared: true });
  await bench.withServer({ extra: 'limits: { request_timeout_ms: 1500 }\n' });
  const count = full ? 50 : 3;
  const long = (mark) => `select count(*) /* ${mark} */ from generate_series(1, 100000) a, generate_series(1, 100000) b`;
  const table = bench.table;
  const third = Math.ceil(count / 3);
  await over(report, bench, { what: 'a read with timeout_ms', limit: kTime_ms, count, ask: (mark) => ['query', { sql: long(mark), timeout_ms: kTime_ms }] });
  await over(report, bench, { what: 'a write with timeout_ms', limit: kTime_ms, count, ask: (mark) => ['execute', { sql: `insert into ${table} ${long(mark).replace('count(*)', 'count(*)::text')}`, database: 'notes', timeout_ms: kTime_ms }] });
  await over(report, bench, { what: 'a read beyond limits.request_timeout_ms', limit: 1500, count: third, ask: (mark) => ['query', { sql: long(mark) }] });
  // What trickles is cut afterwards, which is one of the reasons to try again, and is not judged.
  await report.judgeTries(bench, { calls: { length: 2 * count + third } });
  await trickles(report, bench, third);
});

async function over(report, bench, { what, limit, count, ask }) {
  const took = [];
  const apart = [];
  let other;
  for (let number = 0; number < count; number++) {
    const mark = `beyond ${process.pid} ${what.length} ${number}`;
    const asked = call(bench.server.url, ...ask(mark));
    let seen = false;
    let ended = null;
    const watching = (async () => {
      for (const end = performance.now() + 20000; ended === null && performance.now() < end; await pause(5)) {
        const busy = await bench.busy(mark) > 0;
        seen ||= busy;
        if (seen && !busy) ended = performance.now();
      }
    })();
    const answer = await asked;
    const answered = performance.now();
    await watching;
    took.push(answer.ms);
    apart.push(Math.abs((ended ?? Infinity) - answered));
    if (!answer.result?.isError || answer.result._meta['howdah/error'].code !== 'timeout') other ??= saidBy(answer);
  }
  const [longest, gap] = [Math.max(...took), Math.max(...apart)];
  report.figure(`${what}, ${count} times: answered after ${ms(percentile(took, 0.5))} (median), ${ms(longest)} (longest) of ${limit} ms; statement and answer ended within ${ms(gap)} of each other`);
  report.holds('told', other === undefined, `${what}: told otherwise than as a timeout: ${other}`);
  report.holds('ends', Number.isFinite(gap), `${what}: a statement ran on`);
  report.holdsInTime('deadline', longest <= limit + kAgree_ms, `${what}: answered after ${ms(longest)}, allowed are ${limit} ms + ${kAgree_ms} ms`);
  report.holdsInTime('agree', gap <= kAgree_ms, `${what}: statement and answer ended ${ms(gap)} apart`);
}

// The server has answered in time, but its bytes trickle.
async function trickles(report, bench, count) {
  await call(bench.server.url, 'query', { sql: 'select 1' });
  const took = [];
  for (let number = 0; number < count; number++) {
    bench.proxy.trickled = { bytes: 64, every_ms: 50 };
    const answer = await call(bench.server.url, 'query', { sql: 'select i, md5(i::text) from generate_series(1, 1000) i', timeout_ms: kTime_ms });
    took.push(answer.ms);
    report.holds('trickled.told', answer.result?.isError, `a result of which no end comes: ${saidBy(answer).slice(0, 100)}`);
    bench.proxy.heal();
    bench.proxy.cut();  // what is still on its way is of no use to anybody
  }
  report.figure(`a result that trickles, ${count} times: answered within ${ms(Math.max(...took))} of ${kTime_ms} ms`);
  report.holdsInTime('trickled.deadline', Math.max(...took) <= kTime_ms + kAgree_ms, `answered after ${ms(Math.max(...took))}`);
}
