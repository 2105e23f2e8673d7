// F18: a crowd opens sessions as fast as it can; and cut answers hand out handles to go on, none of which is kept.
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import { withinBound } from '../integration/memory.mjs';
import { initialize } from '../integration/support.mjs';
import { Bench } from './bench.mjs';
import { call, outcomeOf, saidBy } from './calls.mjs';
import { ms, percentile } from './load.mjs';
import { held } from './processes.mjs';

const kSessionsMax = 1000;
const kSession_kib = 16;
const kHandle_bytes = 64;
const kAtOnce = 32;
const kPerSecond = 1000;

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ shared: true });
  await bench.withServer({ http: `{ listen: "127.0.0.1:0", auth: none, sessions_max: ${kSessionsMax} }` });
  const load = bench.load({ callers: full ? 16 : 8, timeout_ms: 3000 });
  await pause(full ? 10000 : 500);
  await load.seen(100);
  await sessions(report, bench, load, full ? 10000 : 2000);
  await load.stop();
  report.judgeWrites(await bench.ledgerOf(load));
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench);
  await handles(report, bench, full ? 50000 : 1500);
});

async function sessions(report, bench, load, count) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: kAtOnce });
  const before = held(bench.server.child.pid).rss_kib;
  const began = load.now();
  const tally = { opened: 0, refused: 0, other: 0 };
  let hinted = 0;
  let example;
  await together(count, async () => {
    const { status, headers, text } = await open(bench.server.url, agent);
    if (status === 200) tally.opened++;
    else if (status === 503 || status === 429) tally.refused++;
    else [tally.other, example] = [tally.other + 1, `${status}: ${text}`];
    if ((status === 503 || status === 429) && headers['retry-after']) hinted++;
  }, kPerSecond);
  const ended = load.now();
  agent.destroy();
  const grown = held(bench.server.child.pid).rss_kib - before;
  const p99 = (from, to) => percentile(load.calls.filter(({ at, ms: took }) => at >= from && at + took < to).map((each) => each.ms), 0.99);
  const [alone, beside] = [p99(0, began), p99(began, ended)];
  report.figure(`${count} sessions in ${ms(ended - began)}: ${tally.opened} opened (at most ${kSessionsMax} are kept), ${tally.refused} refused, ${hinted} of them with Retry-After; memory grew by ${grown} KiB; `
    + `others' p99 ${ms(alone)} before, ${ms(beside)} meanwhile`);
  report.holds('sessions.told', tally.other === 0, `${tally.other} were told something else: ${example}`);
  report.holds('sessions.bound', tally.refused > 0 || count <= kSessionsMax, 'none was refused');
  report.holds('sessions.hint', hinted === tally.refused, `${tally.refused - hinted} refusals came without Retry-After`);
  report.holds('sessions.memory', withinBound(grown, kSessionsMax * kSession_kib), `memory grew by ${grown} KiB`);
  report.holdsInTime('sessions.others', beside <= 2 * alone, `others' p99 rose from ${ms(alone)} to ${ms(beside)}`);
}

// A handle is sealed state in the client's hands, so a million of them cost the server nothing; shown with fewer.
async function handles(report, bench, count) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: kAtOnce });
  const cut = () => call(bench.server.url, 'query', { sql: 'select generate_series(1, 3)', max_rows: 1 }, { agent });
  await together(500, cut);
  const before = held(bench.server.child.pid).rss_kib;
  const known = new Set();
  let wrong;
  await together(count, async () => {
    const answer = await cut();
    if (outcomeOf(answer) === 'done') known.add(answer.result.structuredContent.next);
    else wrong = saidBy(answer);
  });
  const grown = held(bench.server.child.pid).rss_kib - before;
  const [first] = known;
  const more = await call(bench.server.url, 'query_more', { next: first }, { agent });
  agent.destroy();
  report.figure(`${known.size} handles given out: memory grew by ${grown} KiB, ${Math.round(grown * 1024 / count)} bytes each; the first is good after the last`);
  report.holds('handles.given', known.size === count, `${count - known.size} of ${count} calls gave none: ${wrong}`);
  report.holds('handles.memory', withinBound(grown * 1024, Math.max(count * kHandle_bytes, 4 << 20)), `memory grew by ${grown} KiB`);
  report.holds('handles.good', outcomeOf(more) === 'done' && more.result.structuredContent.rows[0][0] === 2, `the first handle: ${saidBy(more)}`);
}

// `count` times, some at once, at most so many a second.
async function together(count, work, each_s = Infinity) {
  const began = performance.now();
  let begun = 0;
  await Promise.all(Array.from({ length: kAtOnce }, async () => {
    while (begun < count) {
      const due = began + begun++ * 1000 / each_s;
      if (due > performance.now()) await pause(due - performance.now());
      await work();
    }
  }));
}

function open(url, agent) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize('2025-11-25') });
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', agent, headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'Content-Length': body.length } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    request.on('error', reject).end(body);
  });
}
