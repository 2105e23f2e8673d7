// F12: a client goes away during a long query: its backend is idle again soon, and its connection free for others.
import { setTimeout as pause } from 'node:timers/promises';

import { meta, openSession, openSocket, post, startStdio } from '../integration/support.mjs';
import { Bench } from './bench.mjs';
import { call, outcomeOf } from './calls.mjs';
import { Load, ms, percentile } from './load.mjs';

const kIdle_ms = 1000;
const kNext_ms = 3000;  // that the call after it asks for
const kLegacy = '2025-11-25';
const kPlugins = [{ pool: { connections_max: 1 } }, 'guard', 'query'];

let marks = 0;
const slow = () => {
  const mark = `gone ${process.pid} ${++marks}`;
  return { mark, params: { name: 'query', arguments: { sql: `select count(*) /* ${mark} */ from generate_series(1, 100000) a, generate_series(1, 100000) b` } } };
};

// Each begins a call with `params` and gives what makes its client leave.
const kClients = {
  async 'stateless HTTP'(bench, params) {
    const gone = new AbortController();
    const answer = call(bench.server.url, params.name, params.arguments, { signal: gone.signal });
    return { leave: () => gone.abort(), ended: answer };
  },
  async 'legacy HTTP, by notification'(bench, params) {
    const headers = await openSession(bench.server.url, kLegacy);
    const answer = post(bench.server.url, { jsonrpc: '2.0', id: 7, method: 'tools/call', params }, headers);
    return { leave: () => post(bench.server.url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }, headers), ended: answer };
  },
  async WebSocket(bench, params) {
    const socket = await openSocket(bench.server.url);
    socket.send({ id: 7, method: 'tools/call', params: { ...params, _meta: meta() } });
    return { leave: () => socket.socket.close(), ended: socket.closed };
  },
};

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ shared: true });
  await bench.withServer({ plugins: kPlugins });
  const rounds = full ? 20 : 3;
  const nexts = Load.byHand({ timeout_ms: kNext_ms });
  for (const [name, begin] of Object.entries(kClients)) {
    const took = [];
    for (let round = 0; round < rounds; round++) {
      const { mark, params } = slow();
      const client = await begin(bench, params);
      await runs(bench, mark);
      const left = performance.now();
      await client.leave();
      took.push(await idleAfter(bench, mark, left));
      await client.ended;
      // The only connection: where it is not free again, this waits in vain.
      const next = nexts.note('read', await call(bench.server.url, 'query', { sql: 'select 1', timeout_ms: kNext_ms }));
      report.holds(`${name}.free`, outcomeOf(next) === 'done', 'the connection did not come free');
    }
    judge(report, name, took);
  }
  await nexts.stop();
  report.judgeDeadlines(nexts);
  await report.judgeTries(bench, nexts);
  judge(report, 'stdio', await overStdio(report, bench, rounds));
});

// The end of stdin ends the server as well.
async function overStdio(report, bench, rounds) {
  const took = [];
  for (let round = 0; round < rounds; round++) {
    const pipe = startStdio({ databases: bench.databases(), plugins: kPlugins });
    const { mark, params } = slow();
    pipe.send({ id: 7, method: 'tools/call', params: { ...params, _meta: meta() } });
    await runs(bench, mark);
    const left = performance.now();
    const stopped = pipe.stop();
    took.push(await idleAfter(bench, mark, left));
    const ended = await stopped;
    report.holds('stdio.exit', ended.code === 0 || ended.code === 1, `ended with ${JSON.stringify(ended)}`);
  }
  return took;
}

async function runs(bench, mark) {
  for (const end = performance.now() + 20000; await bench.busy(mark) === 0; await pause(10)) {
    if (performance.now() > end) throw new Error(`"${mark}" does not run`);
  }
}
async function idleAfter(bench, mark, left) {
  while (await bench.busy(mark) > 0) {
    if (performance.now() > left + 20000) return Infinity;
    await pause(10);
  }
  return performance.now() - left;
}

function judge(report, name, took) {
  const longest = Math.max(...took);
  report.figure(`${name}: ${took.length} clients left, backend idle after ${ms(percentile(took, 0.5))} (median), ${ms(longest)} (longest)`);
  report.holds(`${name}.ends`, Number.isFinite(longest), 'a statement ran on after its client had left');
  report.holdsInTime(`${name}.idle`, longest <= kIdle_ms, `a backend was idle only after ${ms(longest)}, wanted ${kIdle_ms} ms`);
}
