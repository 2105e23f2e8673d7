// F13: clients take 1 byte a second of a 100 MiB result: memory stays bounded, others are served, they are cut off.
import { createConnection } from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

import { withinBound } from '../integration/memory.mjs';
import { meta } from '../integration/support.mjs';
import { Bench } from './bench.mjs';
import { ms, percentile } from './load.mjs';
import { held } from './processes.mjs';

const kReaders = 4;
const kEach_kib = 4096;
const kRows = 100000;
const kCut_s = 25;  // two looks, 10 s apart, and some for the machine

export const run = (report, { full }) => Bench.open(async (bench) => {
  await bench.withDatabase({ shared: true });
  await bench.withServer({ plugins: [{ pool: { bytes_max: 268435456, rows_max: kRows } }, 'guard', { query: { rows_limit: kRows } }] });
  const load = bench.load({ callers: full ? 16 : 8, timeout_ms: 3000 });
  await pause(full ? 10000 : 1000);
  await load.seen(100);
  const began = load.now();
  const before = held(bench.server.child.pid).rss_kib;
  const readers = Array.from({ length: kReaders }, () => slowReader(bench.server.url));
  bench.finally(() => readers.forEach(({ socket }) => socket.destroy()));
  let most = 0;
  for (const end = load.now() + (full ? kCut_s : 3) * 1000; load.now() < end && readers.some(({ cut_ms }) => cut_ms() === null); await pause(100)) {
    most = Math.max(most, held(bench.server.child.pid).rss_kib - before);
  }
  const ended = load.now();
  const cut = readers.map(({ cut_ms }) => cut_ms()).filter((at) => at !== null);
  readers.forEach(({ socket }) => socket.destroy());
  await load.seen(20);
  await load.stop();
  const p99 = (from, to) => percentile(load.calls.filter(({ at, ms: took }) => at >= from && at + took < to).map((each) => each.ms), 0.99);
  report.figure(`${kReaders} readers of 1 byte/s for ${ms(ended - began)}: ${Math.round(most / kReaders)} KiB each at most; others' p99 ${ms(p99(0, began))} before, ${ms(p99(began, ended))} beside them; `
    + `${cut.length} cut off${cut.length ? ` after ${ms(Math.min(...cut))}..${ms(Math.max(...cut))}` : ''}`);
  report.holds('began', readers.every(({ taken }) => taken() > 0), 'a reader was told nothing');
  report.holds('memory', withinBound(most, kReaders * kEach_kib), `${Math.round(most / kReaders)} KiB for each reader, allowed are ${kEach_kib}`);
  report.holdsInTime('cut', cut.length === kReaders, `only ${cut.length} of ${kReaders} readers were cut off within ${kCut_s} s`);
  report.judgeWrites(await bench.ledgerOf(load));
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench);
});

function slowReader(url) {
  const { hostname, port, pathname, host } = new URL(url);
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call',
    params: { name: 'query', arguments: { sql: `select repeat('x', 1048) from generate_series(1, ${kRows})`, max_rows: kRows, format: 'csv' }, _meta: meta() } });
  // A small window, so that the server and not the system holds what is not read.
  const socket = createConnection({ host: hostname, port: Number(port), onread: { buffer: Buffer.alloc(1), callback: (count) => { taken += count; return false; } } });
  let [taken, cut_ms] = [0, null];
  const began = performance.now();
  socket.on('error', () => {}).on('close', () => {
    cut_ms = performance.now() - began;
    clearInterval(timer);
  });
  // What has arrived can be read after a reset as well: a write is what shows that the server has gone.
  const timer = setInterval(() => {
    socket.resume();
    if (taken > 0) socket.write('\n');
  }, 1000);
  once(socket, 'connect').then(() => socket.write([`POST ${pathname} HTTP/1.1`, `Host: ${host}`, 'Content-Type: application/json', 'Accept: application/json, text/event-stream',
    'MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/call', 'Mcp-Name: query', `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n')));
  return { socket, taken: () => taken, cut_ms: () => cut_ms };
}
