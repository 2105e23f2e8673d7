// What only raw messages show: sessions, batches, headers, errors.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { initialize, meta, modern, openSession, post, program, startServer, textOf } from './support.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => { assert.equal((await server.stop()).code, 0); });

for (const revision of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
  test(`${revision}: session, ping, call, end`, async () => {
    const headers = await openSession(server.url, revision);
    assert.deepEqual((await post(server.url, { jsonrpc: '2.0', id: 2, method: 'ping' }, headers)).json.result, {});
    const { json } = await post(server.url, { jsonrpc: '2.0', id: 3, method: 'tools/call',
      params: { name: 'query', arguments: { sql: 'select 1 as one' } } }, headers);
    assert.deepEqual(JSON.parse(textOf(json.result)).rows, [[1]]);
    assert.equal('structuredContent' in json.result, revision >= '2025-06-18');
    const batch = await post(server.url, [{ jsonrpc: '2.0', id: 4, method: 'ping' }, { jsonrpc: '2.0', id: 5, method: 'ping' }], headers);
    if (revision === '2025-03-26') assert.deepEqual(batch.json.map((answer) => answer.id).sort(), [4, 5]);
    else assert.equal(batch.json.error.code, -32600);
    const ended = await fetch(server.url, { method: 'DELETE', headers });
    assert.ok(ended.ok);
    assert.equal((await post(server.url, { jsonrpc: '2.0', id: 6, method: 'ping' }, headers)).status, 404);
  });
}

test('what a list says of its entries is the same in every revision, but for tasks', async () => {
  const own = await startServer({ plugins: ['pool', 'guard', 'query', { fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } }] });
  const lists = { 'tools/list': 'tools', 'prompts/list': 'prompts', 'resources/list': 'resources', 'resources/templates/list': 'resourceTemplates' };
  const expected = {};
  for (const [method, member] of Object.entries(lists)) expected[method] = (await modern(own.url, method)).json.result[member];
  const said = (key) => Object.values(expected).flat().filter((entry) => entry[key] !== undefined).length;
  for (const key of ['title', 'icons', 'annotations', 'outputSchema']) assert.ok(said(key) > 0, key);
  assert.equal(said('execution'), 0);
  for (const revision of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
    const headers = await openSession(own.url, revision);
    let tasks = 0;
    for (const [method, member] of Object.entries(lists)) {
      const { json } = await post(own.url, { jsonrpc: '2.0', id: 2, method }, headers);
      assert.deepEqual(json.result[member].map(({ execution, ...entry }) => {
        tasks += execution !== undefined;
        return entry;
      }), expected[method], `${revision} ${method}`);
    }
    assert.equal(tasks > 0, revision === '2025-11-25', revision);
  }
  assert.equal((await own.stop()).code, 0);
});

test('2026-07-28: discover, headers, errors', async () => {
  const found = await modern(server.url, 'server/discover');
  assert.ok(found.json.result.supportedVersions.includes('2026-07-28'));
  assert.equal(found.json.result.resultType, 'complete');
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta() } };
  const mismatch = await post(server.url, body, { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call' });
  assert.equal(mismatch.status, 400);
  assert.equal(mismatch.json.error.code, -32020);
  const unknown = await modern(server.url, 'no/such/method');
  assert.equal(unknown.status, 404);
  assert.equal(unknown.json.error.code, -32601);
  const tool = await modern(server.url, 'tools/call', { name: 'qery', arguments: {} });
  assert.equal(tool.json.error.code, -32602);
  assert.match(tool.json.error.message, /did you mean "query"/);
});

// fetch() writes Host itself.
const statusFor = (method, path, headers) => new Promise((resolve, reject) => {
  const to = new URL(path, server.url);
  const sent = request(to, { method, headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...headers } }, (answer) => {
    answer.resume().on('end', () => resolve(answer.statusCode));
  });
  sent.on('error', reject).end(method === 'POST' ? JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize('2025-11-25') }) : undefined);
});

test('foreign origins and hosts are refused, whatever the path', async () => {
  const { host, port, pathname } = new URL(server.url);
  for (const [method, path] of [['POST', pathname], ['GET', '/healthz']]) {
    for (const Host of [host, `localhost:${port}`]) assert.equal(await statusFor(method, path, { Host }), 200);
    for (const Host of [`evil.example:${port}`, `${host}.evil.example`]) assert.equal(await statusFor(method, path, { Host }), 403);
    assert.equal(await statusFor(method, path, { Origin: 'https://evil.example' }), 403);
    assert.equal(await statusFor(method, path, { Origin: `http://${host}` }), 200);
  }
});
