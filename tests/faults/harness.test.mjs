// The harness itself: what would make a row fail is seen, and the proxy breaks what it says it breaks.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { test } from 'node:test';

import { Frontend } from './frontend.mjs';
import { Load, settle, together } from './load.mjs';
import { Proxy } from './proxy.mjs';
import { Report } from './report.mjs';

const write = (key, outcome) => ({ kind: 'write', key, outcome });

test('the ledger finds writes that were lost, applied twice, told wrong, unknown or made by nobody', async () => {
  const calls = [write('kept', 'done'), write('lost', 'done'), write('twice', 'done'), write('told wrong', 'failed'), write('failed', 'failed'),
    write('unknown, there', 'unknown'), write('unknown', 'unknown'), { kind: 'read', key: 'r', outcome: 'done' }];
  const table = ['kept|1', 'twice|2', 'told wrong|1', 'unknown, there|1', 'nobody|1'].join('\n');
  const ledger = await settle(calls, { ask: async () => table }, 'any');
  assert.deepEqual(ledger, { writes: 7, acknowledged: 3, lost: 1, twice: 1, failed: 2, failed_and_there: 1, unknown: 2, unknown_and_there: 1, broken: 0, broken_and_there: 0, unasked: 1 });
  const report = new Report('none', false);
  report.judgeWrites(ledger);
  assert.equal(report.failed.length, 4);
  assert.equal(report.outcome, 'failed');
});

test('a known gap is forgiven by the quick set and not by the full one, and times are judged by the full one only', () => {
  const [quick, full] = [false, true].map((set) => {
    const report = new Report('F', set, { 'F.known': 'is being mended' });
    report.figure('something was measured');
    report.holds('known', false, 'broken');
    report.holdsInTime('time', false, 'late');
    return report;
  });
  assert.deepEqual([quick.outcome, quick.failed, quick.gaps.length], ['passed', [], 1]);
  assert.deepEqual([full.outcome, full.failed.length], ['failed', 2]);
  quick.holds('new', false, 'broken');
  assert.equal(quick.outcome, 'failed');
  assert.equal(new Report('F', true).outcome, 'not run');
});

test('tries are told by the pool where no proxy reads what passes, and more than 1.1 a call fail', () => {
  const judged = (retries, calls) => {
    const report = new Report('none', false);
    report.judgePoolTries(retries, calls);
    return report;
  };
  assert.deepEqual(judged([4, 6], 100).failed, []);
  assert.match(judged([4, 7], 100).failed[0], /^tries: 1\.110 tries a call/);
  assert.equal(judged([0], 0).outcome, 'failed');
});

test('calls of several loads are judged together, and those made by hand are noted', async () => {
  const loads = [Load.byHand({ timeout_ms: 50 }), Load.byHand({ timeout_ms: 50 })];
  loads[0].note('read', { ms: 20, result: { content: [], structuredContent: {} } });
  loads[1].note('read', { ms: 151, result: { isError: true, content: [{ text: 'timeout' }] } });
  await Promise.all(loads.map((load) => load.stop()));
  const report = new Report('none', true);
  report.judgeDeadlines(together(loads));
  assert.match(report.failed[0], /^deadline: 1 of 2 calls ended later .* was told "timeout"/);
});

test('calls and COMMITs are found in what a client says to PostgreSQL, however it is cut', () => {
  const message = (type, body) => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeUInt32BE(body.length + 4, 1);
    return Buffer.concat([head, Buffer.from(body)]);
  };
  const start = Buffer.concat([Buffer.from([0, 0, 0, 9, 0, 3, 0, 0]), Buffer.from([0])]);
  const said = Buffer.concat([start, message('P', 's1\0insert\0\0\0'), message('B', '\0s1\0~w1.2~'), message('P', 's2\0commit\0\0\0'), message('B', '\0s2\0'), message('B', '\0s1\0~w1.3~')]);
  for (const size of [1, 7, said.length]) {
    const frontend = new Frontend();
    const seen = { marks: [], commits: 0 };
    for (let at = 0; at < said.length; at += size) {
      const { marks, commits } = frontend.read(said.subarray(at, at + size));
      seen.marks.push(...marks);
      seen.commits += commits;
    }
    assert.deepEqual(seen, { marks: ['~w1.2~', '~w1.3~'], commits: 1 });
  }
});

// An echo behind the proxy; work() gets a client's socket.
async function through(work) {
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const proxy = await Proxy.start({ host: '127.0.0.1', port: echo.address().port });
  const socket = createConnection(proxy.port, '127.0.0.1').setEncoding('utf8');
  await once(socket, 'connect');
  try {
    await work(proxy, socket);
  } finally {
    socket.destroy();
    await proxy.stop();
    echo.close();
  }
}
const heard = async (socket) => (await once(socket, 'data'))[0];

test('the proxy passes on, delays in order, holds and lets go', () => through(async (proxy, socket) => {
  socket.write('one');
  assert.equal(await heard(socket), 'one');
  proxy.latency_ms = 60;
  const began = performance.now();
  socket.write('two');
  assert.equal(await heard(socket), 'two');
  assert.ok(performance.now() - began >= 119, 'each way takes its time');
  proxy.heal();
  proxy.hold();
  socket.write('three');
  let early = false;
  const third = heard(socket).then((text) => {
    early = proxy.held;
    return text;
  });
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  proxy.heal();
  assert.equal(await third, 'three');
  assert.ok(!early, 'nothing passes what is held');
}));

// What comes behind the cut in the same turn would make a hole, and a stream that goes on behind it a valid one of fewer rows.
test('the proxy passes nothing on behind what it resets after, however much has come', async () => {
  const kSaid = 1 << 22, kPassed = 1000;
  const upstream = createServer((socket) => socket.on('error', () => {}).end(Buffer.alloc(kSaid))).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const proxy = await Proxy.start({ host: '127.0.0.1', port: upstream.address().port });
  try {
    proxy.reset_after = kPassed;
    const socket = createConnection(proxy.port, '127.0.0.1');
    let heard = 0;
    socket.on('data', (bytes) => { heard += bytes.length; });
    const [error] = await once(socket, 'error');
    assert.equal(error.code, 'ECONNRESET');
    assert.ok(heard <= kPassed, `${heard} bytes were passed on`);
  } finally {
    await proxy.stop();
    upstream.close();
  }
});

test('the proxy trickles', () => through(async (proxy, socket) => {
  proxy.trickled = { bytes: 1, every_ms: 1 };
  socket.write('abc');
  const parts = [];
  while (parts.join('').length < 3) parts.push(await heard(socket));
  assert.equal(parts.join(''), 'abc');
  assert.ok(parts.length > 1, `in ${parts.length} parts`);
}));

test('the proxy resets after so many bytes, and at once', () => through(async (proxy, socket) => {
  proxy.reset_after = 2;
  let said = '';
  socket.on('data', (text) => { said += text; });
  socket.write('abcdef');
  const [error] = await once(socket, 'error');
  assert.equal(error.code, 'ECONNRESET');
  assert.ok('ab'.startsWith(said));
  const other = createConnection(proxy.port, '127.0.0.1');
  other.write('x');
  await once(other, 'data');
  proxy.reset();
  assert.equal((await once(other, 'error'))[0].code, 'ECONNRESET');
}));

test('a silent proxy takes connections and says nothing; one that cuts ends them', () => through(async (proxy, socket) => {
  proxy.silent = true;
  const other = createConnection(proxy.port, '127.0.0.1');
  await once(other, 'connect');
  let said = false;
  other.on('data', () => { said = true; }).write('anybody there?');
  socket.write('one');
  assert.equal(await heard(socket), 'one');
  assert.ok(!said);
  const ended = [other, socket].map((each) => once(each, 'close'));
  proxy.cut();
  await Promise.all(ended);
}));
