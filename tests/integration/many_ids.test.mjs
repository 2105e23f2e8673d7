// 10,000 requests with ids of their own, interleaved: each is answered once, with its own value. Over a pipe, one
// WebSocket and 64 HTTP connections, in both eras at the same time.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';

import { bodyOf, initialize, meta, openSession, openSocket, startServer, startStdio } from './support.mjs';

const kTotal = 10000;
const query = (value) => ({ name: 'query', arguments: { sql: 'select $1::int as value', params: [value] } });
// The value differs from the id, so that no echo of the id can pass for the answer.
const valueOf = (index) => 3 * index + 1;
// Both kinds of id, and values with which 1 and "1" would meet.
const idOf = (index) => (index % 2 === 0 ? index : String(index - 1));

// Sends them all without waiting for answers; `ready` waits until the channel takes more.
async function all(channel, ready) {
  const answers = new Map();
  let done;
  const whole = new Promise((resolve) => { done = resolve; });
  await channel.request('open', 'initialize', initialize('2025-11-25'));
  channel.each((message) => {
    const key = JSON.stringify(message.id);
    answers.set(key, [...(answers.get(key) ?? []), message]);
    if (answers.size === kTotal) done();
  });
  for (let index = 0; index < kTotal; index++) {
    const modern = index % 3 === 0 ? { _meta: meta() } : {};
    const request = index % 5 !== 0 ? { method: 'tools/list', params: modern } : { method: 'tools/call', params: { ...query(valueOf(index)), ...modern } };
    await ready(channel.send({ id: idOf(index), ...request }));
  }
  await whole;
  return answers;
}
const told = (where, count) => console.log(`figure: interleaved ids over ${where}: ${count} of ${kTotal} answered once, each with its own value`);
function check(where, answers) {
  for (let index = 0; index < kTotal; index++) {
    const [answer, ...more] = answers.get(JSON.stringify(idOf(index)));
    assert.equal(more.length, 0, `id ${idOf(index)} was answered twice`);
    if (index % 5 === 0) assert.deepEqual(answer.result.structuredContent.rows, [[valueOf(index)]]);
    else assert.equal(answer.result.tools.length, 5);
  }
  told(where, answers.size);
}

test('10,000 interleaved ids on stdio, both eras on one pipe: each is answered once with its own value', async () => {
  const pipe = startStdio();
  const answers = await all(pipe, (taken) => taken || once(pipe.child.stdin, 'drain'));
  assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
  check('a pipe', answers);
});

test('10,000 interleaved ids on one WebSocket, both eras: each is answered once with its own value', async () => {
  const server = await startServer();
  const socket = await openSocket(server.url);
  const answers = await all(socket, () => {});
  socket.socket.close();
  assert.equal((await socket.closed).clean, true);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  check('a WebSocket', answers);
});

// One request on a connection of the agent.
function send(agent, url, headers, message) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent, method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => resolve({ status: answer.statusCode, text })).on('error', reject);
    });
    request.on('error', reject);
    request.end(JSON.stringify(message));
  });
}

test('10,000 interleaved ids over HTTP on 64 kept connections, two sessions and 2026-07-28: every answer has its id and value', async () => {
  const server = await startServer();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  const sockets = new Set();
  agent.on('free', (socket) => sockets.add(socket));
  try {
    const sessions = [await openSession(server.url, '2025-11-25'), await openSession(server.url, '2024-11-05')];
    const modern = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'query' };
    let next = 0;
    const wrong = [];
    const client = async () => {
      while (next < kTotal) {
        const index = next++;
        const era = index % 3;
        const params = era === 2 ? { ...query(valueOf(index)), _meta: meta() } : query(valueOf(index));
        const { status, text } = await send(agent, server.url, era === 2 ? modern : sessions[era],
          { jsonrpc: '2.0', id: idOf(index), method: 'tools/call', params });
        const answer = status === 200 ? bodyOf(text) : {};
        const value = answer.result ? JSON.parse(answer.result.content[0].text).rows?.[0]?.[0] : undefined;
        if (answer.id !== idOf(index) || value !== valueOf(index)) wrong.push({ index, status, text });
      }
    };
    await Promise.all(Array.from({ length: 64 }, client));
    assert.deepEqual(wrong, []);
    told(`${sockets.size} HTTP connections`, next);
    assert.ok(sockets.size <= 64, `${sockets.size} connections`);
  } finally {
    agent.destroy();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  }
});
