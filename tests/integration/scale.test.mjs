// Many open streams and a reader that is slow: what they cost stays bounded, and nobody else notices.
import assert from 'node:assert/strict';
import http from 'node:http';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { assertBounded, residentBytes } from './memory.mjs';
import { callTool, meta, openSocket, program, run, startServer, until } from './support.mjs';

const kStreams = 1000;
const kib = (bytes) => Math.round(bytes / 1024);

// An open subscription; heard() gives what came so far.
function listen(url, agent, id) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: meta() } });
    const request = http.request(url, { agent, method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'subscriptions/listen' } }, (answer) => {
      let text = '';
      const stream = { heard: () => text, close: () => request.destroy(), status: answer.statusCode };
      answer.setEncoding('utf8').on('data', (part) => {
        text += part;
        if (text.includes('acknowledged')) resolve(stream);
      }).on('end', () => resolve(stream)).on('error', () => {});
    });
    request.on('error', reject);
    request.end(body);
  });
}

test('1,000 subscriptions are open at once, each hears a change with its id, and one more is refused', async () => {
  const server = await startServer({ extra: 'limits: { connections_max: 1100 }' });
  const agent = new http.Agent({ keepAlive: false, maxSockets: Infinity });
  const streams = [];
  try {
    await callTool(server.url, 'query', { sql: 'select 1' });
    const before = residentBytes(server);
    for (let at = 0; at < kStreams; at += 50) {
      streams.push(...await Promise.all(Array.from({ length: 50 }, (_, i) => listen(server.url, agent, at + i))));
    }
    const each = (residentBytes(server) - before) / kStreams;
    console.log(`figure: ${kStreams} open subscriptions over HTTP: ${kib(each)} KiB of memory each`);
    assertBounded(each, 64 * 1024, 'a stream');

    const more = await listen(server.url, agent, 'more');
    assert.equal(more.status, 503);
    assert.match(more.heard(), /no more than 1000 subscriptions/);
    assert.equal((await callTool(server.url, 'query', { sql: 'select 2 as two' })).structuredContent.rows[0][0], 2);

    server.write({ plugins: ['pool', 'guard', 'query'], extra: 'limits: { connections_max: 1100 }' });
    assert.equal(run(['reload', '-c', server.file]).code, 0);
    await until('every stream hears the change', () => streams.every((stream) => stream.heard().includes('tools/list_changed')));
    streams.forEach((stream, id) => {
      const news = stream.heard().split('\n').filter((line) => line.includes('tools/list_changed')).map((line) => JSON.parse(line.slice('data: '.length)));
      assert.deepEqual(news.map(({ params }) => params._meta['io.modelcontextprotocol/subscriptionId']), [id]);
    });
  } finally {
    streams.forEach((stream) => stream.close());
    agent.destroy();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  }
});

test('1,000 subscriptions on one WebSocket are open at once, each hears a change with its id, and one more is refused', async () => {
  const server = await startServer();
  const socket = await openSocket(server.url);
  const listenAs = (id) => socket.send({ id, method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: meta() } });
  try {
    await callTool(server.url, 'query', { sql: 'select 1' });
    const before = residentBytes(server);
    for (let id = 0; id < kStreams; id++) listenAs(id);
    await until('all are acknowledged', () => socket.messages.filter(({ method }) => method === 'notifications/subscriptions/acknowledged').length === kStreams);
    const each = (residentBytes(server) - before) / kStreams;
    console.log(`figure: ${kStreams} open subscriptions on one WebSocket: ${kib(each)} KiB of memory each`);
    assertBounded(each, 64 * 1024, 'a stream');

    listenAs('more');
    assert.match((await socket.next(({ id }) => id === 'more')).error.message, /no more than 1000 /);
    const { result } = await socket.request('call', 'tools/call', { name: 'query', arguments: { sql: 'select 2 as two' }, _meta: meta() });
    assert.deepEqual(result.structuredContent.rows, [[2]]);

    server.write({ plugins: ['pool', 'guard', 'query'] });
    assert.equal(run(['reload', '-c', server.file]).code, 0);
    const heard = () => socket.messages.filter(({ method }) => method === 'notifications/tools/list_changed').map(({ params }) => params._meta['io.modelcontextprotocol/subscriptionId']);
    await until('every stream hears the change', () => heard().length === kStreams);
    assert.deepEqual(heard().sort((a, b) => a - b), Array.from({ length: kStreams }, (_, id) => id));
  } finally {
    socket.socket.close();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  }
});

test('10 readers that take nothing of large answers cost bounded memory, and others are served', async () => {
  const server = await startServer();
  const sockets = [];
  try {
    await callTool(server.url, 'query', { sql: 'select 1' });
    const before = residentBytes(server);
    const { hostname, port, pathname } = new URL(server.url);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { _meta: meta(),
      name: 'query', arguments: { sql: "select repeat('x', 100000) from generate_series(1, 1000)", max_rows: 1000 } } });
    const head = `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n`
      + `MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: query\r\nContent-Length: ${body.length}\r\n\r\n`;
    for (let i = 0; i < 10; i++) {
      const socket = createConnection(Number(port), hostname);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.pause();
      socket.write(head + body);
      sockets.push(socket);
    }
    let most = 0;
    for (let i = 0; i < 100; i++) {
      assert.equal((await callTool(server.url, 'query', { sql: 'select 1 as one' })).structuredContent.rows[0][0], 1);
      most = Math.max(most, residentBytes(server) - before);
    }
    console.log(`figure: 10 readers that take nothing of 8 MiB answers: ${kib(most / 10)} KiB of memory each`);
    assertBounded(most / 10, 4 << 20, 'a reader');
  } finally {
    sockets.forEach((socket) => socket.destroy());
    assert.equal((await server.stop()).signal, null);
  }
});

// A subscription of a client that reads nothing any more once it has been acknowledged.
async function deafListener(url, wire, uris) {
  const { hostname, port, pathname, host } = new URL(url);
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'deaf', method: 'subscriptions/listen', params: { notifications: { resourceSubscriptions: uris }, _meta: meta() } });
  const socket = createConnection(Number(port), hostname);
  socket.on('error', () => {});  // it may be cut off, which is told by its end
  let heard = '';
  socket.setEncoding('latin1').on('data', (bytes) => { heard += bytes; });
  const post = ['POST', 'Content-Type: application/json', 'Accept: application/json, text/event-stream', 'MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: subscriptions/listen', `Content-Length: ${body.length}`];
  const get = ['GET', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  const [method, ...fields] = wire === 'HTTP' ? post : get;
  socket.write(`${[`${method} ${pathname} HTTP/1.1`, `Host: ${host}`, ...fields].join('\r\n')}\r\n\r\n`);
  if (wire === 'HTTP') socket.write(body);
  else {
    await until('the upgrade is agreed to', () => /^HTTP\/1\.1 101 /.test(heard));
    const head = Buffer.alloc(14);  // a text message of 64-bit length, masked with zeros
    head.writeUInt16BE(0x81ff);
    head.writeBigUInt64BE(BigInt(body.length), 2);
    socket.write(Buffer.concat([head, Buffer.from(body)]));
  }
  await until('it is acknowledged, each of them', () => heard.includes('notifications/subscriptions/acknowledged') && uris.every((uri) => heard.includes(`"${uri}"`)));
  socket.pause();
  const acknowledged = heard.length;
  return { socket, heard: () => heard.slice(acknowledged) };
}

for (const wire of ['HTTP', 'WebSocket']) {
  test(`${wire}: a subscriber that reads nothing while 10,000 changes are told costs bounded memory, and another one hears of them`, async () => {
    const kChanges = 10000;
    const uris = Array.from({ length: 100 }, (_, i) => `test://template/${String(i).padStart(4000, '0')}/data`);  // 40 MB, were each change kept
    const server = await startServer({ plugins: [{ fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } }] });
    let deaf;
    try {
      const [changing, other] = [await openSocket(server.url), await openSocket(server.url)];
      const change = (i) => changing.request(i, 'tools/call', { name: 'test_update_resource', arguments: { uri: uris[i % uris.length] }, _meta: meta() });
      assert.ok(!(await change('first')).error);
      other.send({ id: 'hears', method: 'subscriptions/listen', params: { notifications: { resourceSubscriptions: [uris[99]] }, _meta: meta() } });
      await other.next(({ method }) => method === 'notifications/subscriptions/acknowledged');
      deaf = await deafListener(server.url, wire, uris);
      const before = residentBytes(server);
      let most = 0;
      for (let at = 0; at < kChanges; at += 100) {
        changing.messages.length = 0;
        const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => change(at + i)));
        assert.ok(answers.every(({ result }) => result && !result.isError), JSON.stringify(answers[0]));
        most = Math.max(most, residentBytes(server) - before);
      }
      assert.ok(other.messages.some(({ method, params }) => method === 'notifications/resources/updated' && params.uri === uris[99]));
      // What the server kept for it is told once it reads again, unless it was cut off by then.
      deaf.socket.resume();
      await until('it hears of every resource or is cut off', () => deaf.socket.closed || uris.every((uri) => deaf.heard().includes(`"${uri}"`)));
      const heard = deaf.heard().split('notifications/resources/updated').length - 1;
      console.log(`figure: ${wire}: a subscriber that reads nothing of ${kChanges} changes of 4 KB: ${kib(most)} KiB of memory, ${heard} of them told later${deaf.socket.closed ? ', then cut off' : ''}`);
      assertBounded(most, 8 << 20, 'a subscriber that reads nothing');
      for (const { socket } of [changing, other]) socket.close();
    } finally {
      deaf?.socket.destroy();
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
    }
  });
}
