// F7: the connection is reset in the middle of a result, at many places of it; and rows are missing in a result that is
// otherwise sound, as no network leaves them out: whoever counts them may not take it for complete.
import { Bench } from './bench.mjs';
import { call, saidBy } from './calls.mjs';
import { Load } from './load.mjs';

const kTime_ms = 5000;  // that each call asks for
const kSizes = { small: 300, streamed: 8000 };  // rows; beyond 256 KiB an answer is streamed

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ shared: true });
  await bench.withServer();
  for (const [size, rows] of Object.entries(kSizes)) await resets(report, bench, size, rows, full ? 200 : 20);
  await holes(report, bench, kSizes.streamed, full ? 100 : 10);
});

async function resets(report, bench, size, rows, points) {
  const sql = `select i, md5(i::text) as hash from generate_series(1, ${rows}) i`;
  const load = Load.byHand({ timeout_ms: kTime_ms });
  const ask = async () => load.note('read', await call(bench.server.url, 'query', { sql, max_rows: rows, timeout_ms: kTime_ms }));
  const whole = await ask();
  const text = saidBy(whole);
  for (let warm = 0; warm < 2; warm++) {  // the statement is prepared by then: each answer has the same length
    bench.proxy.reset_after = Number.MAX_SAFE_INTEGER;
    await ask();
  }
  const length = Number.MAX_SAFE_INTEGER - bench.proxy.reset_after;
  const tally = { whole: 0, error: 0, broken: 0, partial: 0 };
  let differs = '';  // where the first partial answer leaves the whole one
  let reset = 0;
  for (let point = 0; point < points; point++) {
    bench.proxy.reset_after = Math.floor(length * (point + 0.5) / points);
    const answer = await ask();
    if (bench.proxy.reset_after === null) reset++;
    bench.proxy.reset_after = null;
    if (answer.broken) tally.broken++;
    else if (answer.result.isError) tally.error++;
    else if (saidBy(answer) === text) tally.whole++;
    else {
      tally.partial++;
      differs ||= difference(saidBy(answer), text, point);
    }
  }
  report.figure(`${size}, ${rows} rows: reset at ${reset} of ${points} points of ${length} bytes: ${tally.whole} whole after another try, ${tally.error} told as an error, ${tally.broken} broken off, `
    + `${tally.partial} partial and taken as complete`);
  report.holds(`reset.${size}`, reset >= points * 0.9, `only ${reset} of ${points} answers were reset, so little was tested`);
  await load.stop();
  report.judgeDeadlines(load);
  report.holds(`partial.${size}`, tally.partial === 0 && tally.broken === 0, `${JSON.stringify(tally)} ${differs}`);
}

async function holes(report, bench, rows, points) {
  const kHoleMax = 10;  // rows
  const kRow = 1 + 4 + 2 + 4 + 4 + 4 + 32;  // a DataRow of a number of four digits and a hash
  const sql = `select i, md5(i::text) as hash from generate_series(1000, ${999 + rows}) i`;
  const ask = () => call(bench.server.url, 'query', { sql, max_rows: rows, timeout_ms: kTime_ms });
  const text = saidBy(await ask());
  const tally = { told: 0, whole: 0, partial: 0 };
  for (let point = 0; point < points; point++) {
    bench.proxy.hole = { after: Math.floor((rows - kHoleMax) * kRow * (point + 0.5) / points), bytes: kRow * (1 + point % kHoleMax) };
    const answer = await ask();
    report.holds('hole.made', bench.proxy.hole === null, 'no row was left out, so nothing was tested');
    bench.proxy.hole = null;
    if (answer.broken || answer.result.isError) tally.told++;
    else if (saidBy(answer) === text) tally.whole++;
    else tally.partial++;
  }
  report.figure(`rows left out of an answer in ${points} places: ${tally.told} told as an error, ${tally.whole} whole after another try, ${tally.partial} partial and taken as complete`);
  report.holds('hole.told', tally.partial === 0, JSON.stringify(tally));
}

function difference(said, text, point) {
  let at = 0;
  while (at < said.length && said[at] === text[at]) at++;
  return `point ${point}, ${said.length} of ${text.length} characters, alike up to ${at}: ${said.slice(Math.max(0, at - 60), at + 120)} ... ${said.slice(-200)}`;
}
