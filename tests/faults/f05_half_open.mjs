// F5: half-open TCP. The link to the database drops everything both ways, without a word to either side, and heals.
import { setTimeout as pause } from 'node:timers/promises';

import { Bench } from './bench.mjs';
import { url } from './cluster.mjs';
import { ms, smallest } from './load.mjs';
import { joinNetwork, kThere } from './network.mjs';
import { connectionsTo } from './processes.mjs';

const kDead_ms = 6000;

export const run = (report, { full }) => Bench.open(async (bench) => {
  const network = await joinNetwork();
  bench.finally(() => network.stop());
  await bench.withDatabase({ options: ['--listen', kThere], inside: network.inside, proxied: false });
  bench.finally(() => network.up());
  await bench.withServer({ databases: bench.databases(url(bench.cluster.port, { name: bench.name, host: kThere })) });
  const load = bench.load({ callers: full ? 64 : 16, timeout_ms: 2000 });
  await load.seen(200);
  const cut = load.now();
  const open = connectionsTo(bench.server.child.pid, bench.cluster.port);
  network.down();
  let closed = null;
  // The quick set: until the dead connections are closed, and as long again as that may take on a busy machine.
  for (const end = cut + (full ? 30000 : 20000); load.now() < end && (full || closed === null); await pause(50)) {
    if (closed === null && connectionsTo(bench.server.child.pid, bench.cluster.port) === 0) closed = load.now();
  }
  const healed = load.now();
  network.up();
  const back = await load.firstDone(healed);
  await load.seen(200);
  await load.stop();
  const refused = smallest(load.calls.filter(({ at_once }) => at_once).map(({ at, ms: took }) => at + took));
  report.figure(`link down for ${ms(healed - cut)}: ${open} dead connections, the last closed ${closed === null ? 'not at all' : `after ${ms(closed - cut)}`}; refused at once from `
    + `${Number.isFinite(refused) ? ms(refused - cut) : 'never'} on; first success ${ms(back)} after it healed`);
  report.holds('open', open > 0, 'no connection was open when the link went down, so nothing was tested');
  report.holds('dead', closed !== null, `dead connections were still open ${ms(healed - cut)} after the link went down`);
  report.holdsInTime('closed', closed !== null && closed - cut <= kDead_ms, `dead connections were open ${closed === null ? 'to the end' : `for ${ms(closed - cut)}`}, wanted ${kDead_ms} ms`);
  report.holdsInTime('recovery', back <= 1000, `the first success came ${ms(back)} after the link healed`);
  report.judgeWrites(await bench.ledgerOf(load));
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench, load);
});
