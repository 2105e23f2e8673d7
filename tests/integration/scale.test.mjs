// Many open streams and a reader that is slow: what they cost stays bounded, and nobody else notices.
import assert from 'node:assert/strict';
import http from 'node:http';
import { createConnection } from 'node:net';
import { test } from 'node:test';

import { assertBounded, residentBytes } from './memory.mjs';
import { callTool, meta, openSocket, run, startServer, until } from './support.mjs';

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
