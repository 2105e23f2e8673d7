// HTTP/2 as no client speaks it, against the gRPC plugin: the process lives, its memory stays within 16 MiB of what it was,
// and who asks properly is served afterwards. Frames are written by hand (RFC 9113, section 4.1; RFC 7541, section 6).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { connect, startGrpc, status } from './grpc_client.mjs';
import { assertBounded, residentBytes, withinBound } from './memory.mjs';
import { meta, until } from './support.mjs';

const kGrowthMax = 16 << 20;
const DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, WINDOW_UPDATE = 8, CONTINUATION = 9;
const END_STREAM = 1, END_HEADERS = 4;

function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

// An integer with a prefix of so many bits.
function integer(value, bits, first = 0) {
  const limit = (1 << bits) - 1;
  if (value < limit) return Buffer.from([first | value]);
  const bytes = [first | limit];
  for (value -= limit; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
  return Buffer.from(bytes);
}
const text = (value) => Buffer.concat([integer(Buffer.byteLength(value, 'latin1'), 7), Buffer.from(value, 'latin1')]);
const field = (name, value) => Buffer.concat([Buffer.from([0]), text(name), text(value)]);  // literal, not indexed
const requestFields = (more = {}) => ({ ':method': 'POST', ':scheme': 'http', ':path': '/howdah.mcp.v1.Mcp/Connect', ':authority': '127.0.0.1',
  'content-type': 'application/grpc', te: 'trailers', ...more });
const block = (fields) => Buffer.concat(Object.entries(fields).map(([name, value]) => field(name, value)));

// A connection that has sent its preface. read() collects what came back; send() waits while the server does not read.
async function open(address) {
  const [host, port] = address.split(':');
  const socket = net.connect(Number(port), host);
  socket.on('error', () => {});
  let came = Buffer.alloc(0);
  socket.on('data', (bytes) => { came = came.length < 1 << 20 ? Buffer.concat([came, bytes]) : came; });
  await once(socket, 'connect');
  const closed = new Promise((resolve) => socket.on('close', resolve));
  let gone = false;
  closed.then(() => { gone = true; });
  const send = async (...parts) => {
    for (const part of parts) {
      if (gone) return false;
      if (!socket.write(part)) await Promise.race([once(socket, 'drain').catch(() => {}), closed]);
    }
    return !gone;
  };
  await send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0));
  const frames = () => {
    const found = [];
    for (let at = 0; at + 9 <= came.length; at += 9 + came.readUIntBE(at, 3)) found.push({ type: came[at + 3], payload: came.subarray(at + 9, at + 9 + came.readUIntBE(at, 3)) });
    return found;
  };
  return { socket, send, frames, closed, gone: () => gone, end: () => { socket.destroy(); return closed; } };
}

let server;
before(async () => {
  server = await startGrpc();
  await warm();
});
after(async () => assert.deepEqual(await server.stop(), { code: 0, signal: null }));

// Served again soon: what an attack left behind is cleaned up, not kept.
const served = () => until('a client is served', () => ask().then(() => true, () => false));
async function ask() {
  const client = connect(server.grpc);
  const { result } = await client.request(1, 'tools/call', { name: 'query', arguments: { sql: 'select 42' }, _meta: meta() });
  assert.deepEqual(result.structuredContent.rows, [[42]]);
  assert.equal((await client.finish()).code, status.OK);
}

// Memory that the first load of any kind takes is no growth by an attack.
async function warm() {
  for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 10 }, ask));
}

// The attack may end a connection; the process, its memory and other clients may not be touched.
async function withstood(attack) {
  const before = residentBytes(server);
  await attack();
  await served();
  const grown = await until('memory comes back', async () => {
    const now = residentBytes(server) - before;
    return withinBound(now, kGrowthMax) ? now + 1 : false;
  }, 10000).catch(() => residentBytes(server) - before);
  console.log(`  RSS ${grown >= 0 ? '+' : ''}${(grown / 1048576).toFixed(1)} MiB`);
  assertBounded(grown, kGrowthMax + 1, 'the attack');
  assert.equal(server.child.exitCode, null);
}

test('rapid reset: calls opened and reset at once, on 100 connections one after the other, four at a time', () => withstood(async () => {
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let connection = 0; connection < 25; connection++) await resetMany();
  }));
  await server.logs(/cut off \S+: more than 100 calls were (opened|reset) within a second/);
  async function resetMany() {
    const wire = await open(server.grpc);
    const headers = block(requestFields());
    for (let stream = 1; stream < 20000; stream += 2) {
      if (!await wire.send(frame(HEADERS, END_HEADERS, stream, headers), frame(RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 8])))) break;
    }
    await wire.closed;
  }
}));

test('as many connections as fit are held open and silent: they are let go, and who asks is served', () => withstood(async () => {
  const silent = [];
  for (let count = 0; count < 150; count++) {
    const socket = net.connect(Number(server.grpc.split(':')[1]), '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    silent.push(new Promise((resolve) => socket.on('close', resolve)));
  }
  await served();
  await Promise.all(silent);
}));

test('rapid reset with a message in each call', () => withstood(async () => {
  const wire = await open(server.grpc);
  const headers = block(requestFields());
  const json = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'query', arguments: { sql: 'select 1' }, _meta: meta() } });
  const message = Buffer.concat([Buffer.from([0x0a]), integer(json.length, 8).length === 1 ? Buffer.from([json.length]) : Buffer.from([(json.length & 127) | 128, json.length >> 7]), Buffer.from(json)]);
  const data = Buffer.concat([Buffer.from([0, 0, 0, message.length >> 8, message.length & 255]), message]);
  for (let stream = 1; stream < 10000; stream += 2) {
    if (!await wire.send(frame(HEADERS, END_HEADERS, stream, headers), frame(DATA, 0, stream, data), frame(RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 8])))) break;
  }
  await wire.end();
}));

test('calls the server itself must reset (CVE-2025-8671), as fast as they go, on 5 connections for each way to break one', () => withstood(async () => {
  const headers = block(requestFields());
  const breaking = (stream) => [frame(WINDOW_UPDATE, 0, stream, Buffer.alloc(4)), frame(WINDOW_UPDATE, 0, stream, Buffer.from([0x7f, 255, 255, 255])), frame(DATA, 0, stream, Buffer.from([1, 0, 0, 0, 0])),
    frame(DATA, 8, stream, Buffer.from([255])), frame(HEADERS, END_HEADERS, stream, headers)];
  for (let way = 0; way < breaking(1).length; way++) {
    for (let connection = 0; connection < 5; connection++) {
      const wire = await open(server.grpc);
      for (let stream = 1; stream < 20000; stream += 2) {
        if (!await wire.send(frame(HEADERS, END_HEADERS, stream, headers), breaking(stream)[way])) break;
      }
      await wire.end();
    }
  }
  await server.logs(/cut off \S+: more than 100 calls were opened within a second/);
}));

test('continuation flood: a header block of 64 MiB that never ends', () => withstood(async () => {
  const wire = await open(server.grpc);
  await wire.send(frame(HEADERS, 0, 1, block(requestFields())));
  const more = frame(CONTINUATION, 0, 1, field('x-more', 'x'.repeat(16000)));
  for (let count = 0; count < 4096; count++) if (!await wire.send(more)) break;
  await wire.end();
}));

test('continuation flood: a million empty frames', () => withstood(async () => {
  const wire = await open(server.grpc);
  await wire.send(frame(HEADERS, 0, 1, block(requestFields())));
  const more = Buffer.concat(Array.from({ length: 1000 }, () => frame(CONTINUATION, 0, 1)));
  for (let count = 0; count < 1000; count++) if (!await wire.send(more)) break;
  await wire.end();
}));

test('a literal and an integer that never end (CVE-2023-33953)', () => withstood(async () => {
  for (const start of [Buffer.concat([Buffer.from([0]), integer(1 << 26, 7)]), Buffer.from([0x7f])]) {
    const wire = await open(server.grpc);
    await wire.send(frame(HEADERS, 0, 1, start));
    const more = frame(CONTINUATION, 0, 1, Buffer.alloc(16000, start.length === 1 ? 0x80 : 'x'));
    for (let count = 0; count < 2000; count++) if (!await wire.send(more)) break;
    await wire.closed;
  }
  await server.logs(/cut off 127\.0\.0\.1:\d+: a header block has at most 16384 bytes/);
}));

test('HPACK bomb: one long entry of the table named 60,000 times, in many calls', () => withstood(async () => {
  const wire = await open(server.grpc);
  const entry = Buffer.concat([Buffer.from([0x40]), text('x-bomb'), text('x'.repeat(4000))]);  // into the table
  for (let stream = 1; stream < 41; stream += 2) {
    const named = Buffer.alloc(16000, 0x80 | 62);
    if (!await wire.send(frame(HEADERS, 0, stream, Buffer.concat([block(requestFields()), entry])),
      frame(CONTINUATION, 0, stream, named), frame(CONTINUATION, 0, stream, named), frame(CONTINUATION, END_HEADERS, stream, named))) break;
  }
  await wire.end();
  // And within the bound of a header block: 44 MB in 15 KB, again and again.
  const small = await open(server.grpc);
  for (let stream = 1; stream < 201; stream += 2) {
    if (!await small.send(frame(HEADERS, 0, stream, Buffer.concat([block(requestFields()), entry])),
      frame(CONTINUATION, END_HEADERS, stream, Buffer.alloc(11000, 0x80 | 62)))) break;
  }
  await small.end();
}));

test('floods of pings, settings and window updates: 200,000 frames each', () => withstood(async () => {
  for (const one of [frame(PING, 0, 0, Buffer.alloc(8)), frame(SETTINGS, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0])), frame(WINDOW_UPDATE, 0, 0, Buffer.from([0, 0, 0, 1]))]) {
    const wire = await open(server.grpc);
    const many = Buffer.concat(Array.from({ length: 1000 }, () => one));
    for (let count = 0; count < 200; count++) if (!await wire.send(many)) break;
    if (one[3] !== WINDOW_UPDATE) await wire.closed;
    await wire.end();
  }
}));

test('the header cases of 2023: each alone and with the limit of 8 KiB passed behind it', () => withstood(async () => {
  const cases = [{ te: 'x' }, { ':scheme': 'x' }, { 'grpclb_client_stats': 'x' }, { 'x-bin': '=====' }, { 'x-bin': '\x00\xff' }, { 'grpc-timeout': '9'.repeat(40) + 'S' },
    { 'grpc-encoding': 'x' }, { 'content-type': '' }, { ':path': '' }, { ':method': 'x' }, { ':status': '200' }, { '': 'x' }, { 'X-Upper': 'x' }, { connection: 'close' },
    { authorization: 'x\r\ny' }, { 'user-agent': 'x'.repeat(7000) }, { 'grpc-tags-bin': 'AAAA' }, { 'grpc-trace-bin': '!' }, { host: 'evil' }, { ':authority': '' }];
  for (const more of cases) {
    for (const long of [{}, { 'x-long': 'x'.repeat(9000) }]) {
      const wire = await open(server.grpc);
      await wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block({ ...requestFields(), ...more, ...long })));
      await wire.send(frame(PING, 0, 0, Buffer.alloc(8)));
      await until('the ping or the end', () => wire.gone() || wire.frames().some(({ type }) => type === PING || type === 7));
      await wire.end();
    }
  }
}));

test('two authorizations, and a second name beside a good one, are refused', async () => {
  const wire = await open(server.grpc);
  await wire.send(frame(HEADERS, END_HEADERS, 1, Buffer.concat([block(requestFields({ authorization: 'Bearer a' })), field('authorization', 'Bearer b')])));
  const answer = await until('an answer', () => wire.frames().filter(({ type }) => type === HEADERS).map(({ payload }) => payload.toString('latin1')).join(''));
  assert.match(answer, /16/);
  await wire.end();
});

test('broken frames: lengths, streams and types that fit nothing', () => withstood(async () => {
  const broken = [frame(DATA, 0, 0, Buffer.from('x')), frame(DATA, 0, 99, Buffer.from('x')), frame(HEADERS, END_HEADERS, 0, block(requestFields())),
    frame(HEADERS, END_HEADERS, 2, block(requestFields())), frame(RST_STREAM, 0, 0, Buffer.alloc(4)), frame(RST_STREAM, 0, 1, Buffer.alloc(3)),
    frame(SETTINGS, 0, 0, Buffer.alloc(5)), frame(PING, 0, 0, Buffer.alloc(7)), frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(4)), frame(200, 255, 7, Buffer.alloc(100)),
    frame(CONTINUATION, END_HEADERS, 1), Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1]), frame(HEADERS, END_HEADERS | 8, 1, Buffer.from([255])), Buffer.from('GET / HTTP/1.1\r\n\r\n')];
  for (const bytes of broken) {
    const wire = await open(server.grpc);
    // Whether it is answered, ignored or the end of the connection: 17 MiB more complete any frame that was begun.
    await wire.send(bytes, frame(PING, 0, 0, Buffer.alloc(8)));
    await wire.end();
  }
}));
