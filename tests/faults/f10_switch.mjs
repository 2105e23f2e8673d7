// F10: the primary becomes the standby and the standby the primary, over and over; the server knows both and asks for the one
// that takes writes (target_session_attrs).
import { createServer } from 'node:net';
import { once } from 'node:events';

import { Bench } from './bench.mjs';
import { ms, percentile, settle } from './load.mjs';
import { makePair } from './pair.mjs';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ proxied: false });
  const pair = await makePair(bench.cluster, await freePort(), (end) => bench.finally(end));
  const dsn = `postgresql://postgres@127.0.0.1:${pair.primary.port},127.0.0.1:${pair.standby.port}/postgres?application_name=${bench.name}&sslmode=disable&target_session_attrs=read-write`;
  await bench.withServer({ databases: bench.databases(dsn) });
  const load = bench.load({ callers: full ? 64 : 16, timeout_ms: 2000, writes: 0.6 });
  const back = [];
  for (let round = 0; round < (full ? 20 : 1); round++) {
    await load.seen(100);
    bench.session.close();
    await pair.switch(async (promoted) => {
      back.push(await load.firstDone(promoted - load.began, /write/));
    });
  }
  await load.seen(100);
  await load.stop();
  const { primary } = pair;
  const refused = load.calls.filter(({ kind, text }) => kind === 'write' && /25006|read-only/.test(text)).length;
  report.figure(`${back.length} switches: first write done ${ms(percentile(back, 0.5))} (median), ${ms(Math.max(...back))} (longest) after the new primary takes writes; ${refused} writes reached a standby and were refused`);
  report.holdsInTime('recovery', Math.max(...back) <= 1000, `writes went on up to ${ms(Math.max(...back))} after the new primary took them`);
  report.judgeWrites(await settle(load.calls, primary.session, bench.table));
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench, load);
});
