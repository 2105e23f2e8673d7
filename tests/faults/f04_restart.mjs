// F4: fast restarts under writes; and COMMITs that are lost on their way, before they reach the database or after.
import { Bench } from './bench.mjs';
import { call, outcomeOf, saidBy } from './calls.mjs';
import { Load, ms, percentile, settle } from './load.mjs';

const kResolved = 0.999;

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase();
  await bench.withServer();
  await restarts(report, bench, full);
  await lostCommits(report, bench, full ? 1000 : 20);
});

async function restarts(report, bench, full) {
  const load = bench.load({ callers: full ? 64 : 16, timeout_ms: 2000, writes: 0.8 });
  const back = [];
  for (let round = 0; round < (full ? 20 : 2); round++) {
    await load.seen(200);
    await bench.cluster.down('fast');
    const ready = (await bench.cluster.ready(() => bench.cluster.up())) - load.began;
    back.push(await load.firstDone(ready));
  }
  await load.seen(200);
  await load.stop();
  report.figure(`${back.length} fast restarts; first success after "ready to accept": longest ${ms(Math.max(...back))}, median ${ms(percentile(back, 0.5))}`);
  report.holdsInTime('recovery', Math.max(...back) <= 1000, `the first success came up to ${ms(Math.max(...back))} after the database was back`);
  report.judgeWrites(await bench.ledgerOf(load));
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench);
}

// One write after the other loses its COMMIT; what it is told is compared with the table.
async function lostCommits(report, bench, count) {
  await bench.session.ask(`truncate ${bench.table}`);
  const load = new Load({ url: bench.server.url, table: bench.table, callers: 1 });
  const tally = { before: { done: 0, failed: 0, unknown: 0, broken: 0 }, after: { done: 0, failed: 0, unknown: 0, broken: 0 } };
  let example;
  for (let number = 0; number < count; number++) {
    const when = number % 2 ? 'after' : 'before';
    const lost = new Promise((done) => bench.proxy.commits_to_lose.push({ when, done }));
    const key = `~w${when === 'after' ? 1 : 0}.${number}~`;
    const answer = await call(bench.server.url, 'execute', { sql: `insert into ${bench.table} (key) values ($1)`, params: [key], database: 'notes' });
    await lost;
    const outcome = outcomeOf(answer);
    if (outcome !== 'done') example ??= saidBy(answer);
    tally[when][outcome]++;
    load.calls.push({ kind: 'write', key, at: 0, ms: answer.ms, outcome });
  }
  const { before, after } = tally;
  const resolved = count - before.unknown - after.unknown - before.broken - after.broken;
  const ledger = await settle(load.calls, bench.session, bench.table);
  report.figure(`${count} COMMITs lost: before the database had them ${JSON.stringify(before)}, after ${JSON.stringify(after)}; ${resolved} outcomes resolved (${(100 * resolved / count).toFixed(1)} %)`);
  report.judgeWrites(ledger, false);
  report.holds('commit.told', before.done === 0 && after.failed === 0, `an outcome was told wrong: ${JSON.stringify(tally)}`);
  report.holds('commit.resolved', resolved / count >= kResolved, `${resolved} of ${count} lost COMMITs were resolved, wanted ${100 * kResolved} %; told: ${example}`);
}
