// F8: a database that takes connections and never answers their start-up; another one is fine.
import { Bench } from './bench.mjs';
import { call, outcomeOf, saidBy } from './calls.mjs';
import { ms } from './load.mjs';

const kConnect_ms = 2000;  // the pool's connect_timeout_ms

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ shared: true });
  const silent = await bench.newProxy(bench.upstream);
  silent.silent = true;
  await bench.withServer({ databases: `  main: { dsn: "${bench.dsn()}" }\n  silent: { dsn: "${bench.dsn('', silent.port)}" }` });
  const ask = (database) => call(bench.server.url, 'query', { sql: 'select 1', database });
  const calls = [];
  for (let round = 0; round < (full ? 10 : 1); round++) {
    const order = [];
    const noted = (name, asked) => asked.then((answer) => {
      order.push(name);
      return answer;
    });
    const stuck = Array.from({ length: full ? 64 : 32 }, () => noted('silent', ask('silent')));
    const fine = Array.from({ length: 8 }, () => noted('main', ask('main')));
    const [their, ours] = [await Promise.all(stuck), await Promise.all(fine)];
    calls.push(...their, ...ours);
    const took = their.map((answer) => answer.ms);
    const failed = ours.filter((answer) => outcomeOf(answer) !== 'done');
    const overtaken = order.lastIndexOf('main') > order.indexOf('silent');
    if (round === 0) {
      report.figure(`${stuck.length} calls to the silent database ended within ${ms(Math.min(...took))}..${ms(Math.max(...took))}; ${fine.length} to the other, none of whose `
        + `connections was open, within ${ms(Math.max(...ours.map((answer) => answer.ms)))}; ${silent.accepted} connections tried`);
      report.holds('told', their.every((answer) => outcomeOf(answer) === 'failed'), `a call to the silent database was answered: ${saidBy(their.find((answer) => outcomeOf(answer) !== 'failed') ?? their[0])}`);
      // By order, not by time: who connects to a database that answers need not wait for one that does not.
      report.holds('others', !overtaken, 'calls to the other database waited for those to the silent one');
    }
    report.holds('others.work', failed.length === 0, `${failed.length} calls to the other database failed: ${failed.length ? saidBy(failed[0]) : ''}`);
    report.holdsInTime('deadline', Math.max(...took) <= kConnect_ms + 100, `a call to the silent database took ${ms(Math.max(...took))}, wanted ${kConnect_ms} ms + 100 ms`);
  }
  await report.judgeTries(bench, { calls });
  silent.silent = false;
});
