// F6: the path to the database takes 200 ms more; and, where the kernel can lose packets, 5 % of them.
import { setTimeout as pause } from 'node:timers/promises';

import { Bench } from './bench.mjs';
import { url } from './cluster.mjs';
import { joinNetwork, kThere } from './network.mjs';

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ shared: true });
  await bench.withServer();
  bench.proxy.latency_ms = 100;  // each way
  await underLoad(report, bench, full, 'latency +200 ms');
});

export const runLoss = (report, { full }) => Bench.open(async (bench) => {
  const network = await joinNetwork();
  bench.finally(() => network.stop());
  const reason = network.disturb('delay 200ms loss 5%');
  if (reason) return report.notRun('packet loss 5 %', `this kernel has no netem (tc: ${reason})`);
  await bench.withDatabase({ options: ['--listen', kThere], inside: network.inside, proxied: false });
  bench.proxy = await bench.newProxy({ host: kThere, port: bench.cluster.port });
  await bench.withServer({ databases: bench.databases(url(bench.proxy.port, { name: bench.name })) });
  await underLoad(report, bench, full, 'latency +200 ms, loss 5 %');
});

async function underLoad(report, bench, full, what) {
  const load = bench.load({ callers: full ? 64 : 16, timeout_ms: 5000, every_ms: full ? 1000 : 100 });
  const seconds = full ? 30 : 3;
  await pause(seconds * 1000);
  await load.stop();
  const failed = load.calls.filter(({ outcome }) => outcome !== 'done');
  report.figure(`${what} for ${seconds} s: ${load.calls.length} calls, ${failed.length} of them failed`);
  report.holds('calls', failed.length === 0, `${failed.length} of ${load.calls.length} calls failed: ${failed[0]?.text}`);
  report.judgeWrites(await bench.ledgerOf(load));
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench);
  await bench.server.stop();  // its log is whole then
  report.holds('breaker', !/statements are refused until/.test(bench.server.log()), 'the breaker opened');
}
