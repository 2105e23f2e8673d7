// F19: SIGTERM under load, again and again: what is in flight is answered, exit 0; what cannot end in time is cancelled in
// PostgreSQL too. A second SIGTERM, and the end of stdin, end it soon.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { meta, startStdio, until } from '../integration/support.mjs';
import { Bench } from './bench.mjs';
import { call, saidBy } from './calls.mjs';
import { ms, percentile, together } from './load.mjs';

const kDrain_ms = 10000;
const kSoon_ms = 1000;
const kPostgresLog = join(process.env.HOWDAH_TEST_DATA, '../log');

export async function run(report, { full }) {
  await Bench.open((bench) => underLoad(report, bench, full));
  await Bench.open((bench) => tooLong(report, bench, full ? 20 : 3));
  await Bench.open((bench) => second(report, bench));
  await Bench.open((bench) => inputEnds(report, bench, full ? 20 : 2));
}

async function underLoad(report, bench, full) {
  await bench.withDatabase({ shared: true });
  const [loads, took, codes, streams] = [[], [], [], []];
  for (let round = 0; round < (full ? 20 : 2); round++) {
    const server = await bench.withServer();
    const stream = await listen(server.url);
    const load = bench.load({ callers: full ? 64 : 16, first: round * 1000, timeout_ms: 3000 });
    await load.seen(200);
    const began = performance.now();
    server.child.kill('SIGTERM');
    const ended = await server.exited;
    took.push(performance.now() - began);
    codes.push(ended.code ?? ended.signal);
    streams.push(await stream.over());
    await load.stop();
    loads.push(load);
  }
  const ledger = await bench.ledgerOf(...loads);
  report.figure(`${took.length} SIGTERMs under load: ended after ${ms(percentile(took, 0.5))} (median), ${ms(Math.max(...took))} (longest), exit codes ${[...new Set(codes)]}; ${ledger.broken} writes met a closed door`);
  report.judgeWrites(ledger);
  report.judgeDeadlines(together(loads));
  report.judgeWireTries(bench.proxy);
  report.holds('exit', codes.every((code) => code === 0), `exit codes ${codes}`);
  report.holds('answered', ledger.broken_and_there === 0, `${ledger.broken_and_there} writes were applied and not answered`);
  report.holds('streams', streams.every(Boolean), `${streams.filter((well) => !well).length} listen streams broke off`);
  report.holdsInTime('drain', Math.max(...took) <= kDrain_ms, `the longest took ${ms(Math.max(...took))}`);
}

// Open until the server closes it; over() tells whether it was closed as a stream is.
async function listen(url) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'subscriptions/listen' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 'sub', method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: meta() } }),
  });
  const rest = answer.text().then(() => true, () => false);
  return { over: () => rest };
}

let marks = 0;
const long = () => {
  const mark = `at the end ${process.pid} ${++marks}`;
  return { mark, sql: `select count(*) /* ${mark} */ from generate_series(1, (select 100000)) a, generate_series(1, (select 100000)) b` };
};
const wasCancelled = (mark) => new RegExp(`canceling statement due to user request\\n[^\\n]*STATEMENT:[^\\n]*${mark} `).test(readFileSync(kPostgresLog, 'utf8'));

async function tooLong(report, bench, rounds) {
  await bench.withDatabase({ shared: true });
  const [after, codes] = [[], []];
  let cancelled = 0;
  for (let round = 0; round < rounds; round++) {
    const server = await bench.withServer({ extra: 'limits: { drain_timeout_ms: 200 }\n' });
    const { mark, sql } = long();
    const asked = call(server.url, 'query', { sql });
    await until('the statement runs', async () => await bench.busy(mark) === 1);
    server.child.kill('SIGTERM');
    const answer = await asked;
    const { code } = await server.exited;
    const ended = performance.now();
    while (await bench.busy(mark) > 0 && performance.now() < ended + 20000) await pause(5);
    after.push(performance.now() - ended);
    cancelled += await until('PostgreSQL says why', () => wasCancelled(mark), 2000).catch(() => false) ? 1 : 0;
    codes.push(code);
    report.holds('cancel.told', /the server is shutting down/.test(saidBy(answer)), `the call was told: ${saidBy(answer)}`);
  }
  report.figure(`${rounds} SIGTERMs with a statement longer than the drain limit: ${cancelled} cancelled in PostgreSQL, none ran ${ms(Math.max(...after))} after the exit, exit codes ${[...new Set(codes)]}`);
  report.holds('cancel.exit', codes.every((code) => code === 1), `exit codes ${codes}`);
  report.holds('cancel.sent', cancelled === rounds, `${rounds - cancelled} of ${rounds} statements were not ended by a cancel`);
  report.holdsInTime('cancel.ended', Math.max(...after) <= kSoon_ms, `a statement ran ${ms(Math.max(...after))} after the exit`);
}

async function second(report, bench) {
  await bench.withDatabase({ shared: true });
  const server = await bench.withServer({ extra: 'limits: { drain_timeout_ms: 600000 }\n' });
  const { mark, sql } = long();
  const asked = call(server.url, 'query', { sql });
  await until('the statement runs', async () => await bench.busy(mark) === 1);
  server.child.kill('SIGTERM');
  await server.logs(/ serve: stopping$/m);
  const began = performance.now();
  server.child.kill('SIGTERM');
  const { code } = await server.exited;
  const took = performance.now() - began;
  await asked;
  await until('its backend has noticed', async () => await bench.busy(mark) === 0);
  report.figure(`a second SIGTERM: exit ${code} after ${ms(took)}`);
  report.holds('second.exit', code === 1, `ended with ${code}`);
  report.holdsInTime('second.time', took <= kSoon_ms, `took ${ms(took)}`);
}

// With quick calls in flight, and with one that would not end.
async function inputEnds(report, bench, rounds) {
  await bench.withDatabase({ shared: true });
  const took = [];
  for (let round = 0; round < rounds; round++) {
    const pipe = startStdio({ databases: bench.databases() });
    const ask = (id, sql) => pipe.send({ id, method: 'tools/call', params: { name: 'query', arguments: { sql }, _meta: meta() } });
    const { mark, sql } = long();
    ask('long', sql);
    await until('the statement runs', async () => await bench.busy(mark) === 1);
    for (let id = 0; id < 16; id++) ask(id, `select ${id}`);
    await pipe.next(({ id }) => id === 0);
    const began = performance.now();
    await pipe.stop();
    took.push(performance.now() - began);
    const answered = new Set(pipe.messages.map(({ id }) => id));
    report.holds('stdin.answered', Array.from({ length: 16 }, (_, id) => id).every((id) => answered.has(id)), `answered were ${[...answered]}`);
    await until('the statement has ended', async () => await bench.busy(mark) === 0);
  }
  report.figure(`${rounds} ends of stdin with a statement that would not end: exit after ${ms(Math.max(...took))} at the latest`);
  report.holdsInTime('stdin.time', Math.max(...took) <= kSoon_ms, `took ${ms(Math.max(...took))}`);
}
