// What only raw messages show: batches, headers, cancellation, list_changed, many ids, reload under load.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { once } from 'node:events';

import { callTool, config, inFolder, meta, modern, post, program, run, startServer, textOf } from './support.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => { assert.equal((await server.stop()).code, 0); });

const initialize = (revision) => ({ jsonrpc: '2.0', id: 1, method: 'initialize',
  params: { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'raw', version: '1' } } });

async function openSession(url, revision) {
  const opened = await post(url, initialize(revision));
  assert.equal(opened.json.result.protocolVersion, revision);
  const headers = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id'), 'MCP-Protocol-Version': revision };
  await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
  return headers;
}

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

test('foreign origins and hosts are refused', async () => {
  assert.equal((await post(server.url, initialize('2025-11-25'), { Origin: 'https://evil.example' })).status, 403);
});

test('a cancelled call frees its backend', async () => {
  const gone = new AbortController();
  const slow = 'select count(*) /* cancel me */ from generate_series(1, 100000) a, generate_series(1, 100000) b';
  const call = modern(server.url, 'tools/call', { name: 'query', arguments: { sql: slow } }, gone.signal).catch((error) => error);
  const running = async () => Number((await callTool(server.url, 'query',
    { sql: "select count(*) from pg_stat_activity where state = 'active' and query like '%cancel me%' and pid <> pg_backend_pid()" }))
    .structuredContent.rows[0][0]);
  while (await running() === 0);
  gone.abort();
  await call;
  while (await running() !== 0);  // the statement would run for an hour; ctest's limit ends this loop
});

test('10,000 interleaved ids on stdio are each answered once', async () => {
  const place = inFolder();
  const file = join(place.folder, 'howdah.yaml');
  writeFileSync(file, config({ http: false, folder: place.folder }));
  const child = spawn(program, ['serve', '-c', file], { stdio: ['pipe', 'pipe', 'ignore'] });
  const answers = new Map();
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const message = JSON.parse(line);  // a stray byte on the wire fails here
    answers.set(message.id, (answers.get(message.id) ?? 0) + 1);
  });
  const total = 10000;
  for (let id = 1; id <= total; id++) {
    const params = id % 10 === 0 ? { name: 'query', arguments: { sql: 'select 1' }, _meta: meta() } : { _meta: meta() };
    const request = { jsonrpc: '2.0', id, method: id % 10 === 0 ? 'tools/call' : 'server/discover', params };
    if (!child.stdin.write(`${JSON.stringify(request)}\n`)) await once(child.stdin, 'drain');
  }
  while (answers.size < total) await once(lines, 'line');
  child.stdin.end();
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  assert.ok([...answers.values()].every((count) => count === 1));
  place.remove();
});

test('reload under load loses nothing, and clients hear that the tools changed', async () => {
  const headers = await openSession(server.url, '2025-11-25');
  const stream = await fetch(server.url, { headers: { ...headers, Accept: 'text/event-stream' } });
  assert.equal(stream.status, 200);
  const reader = stream.body.getReader();
  let stop = false;
  let calls = 0;
  const load = Array.from({ length: 8 }, async () => {
    while (!stop) {
      const result = await callTool(server.url, 'query', { sql: 'select 1' });
      assert.ok(!result.isError, textOf(result));
      calls++;
    }
  });
  for (let round = 0; round < 10; round++) {
    server.write({ plugins: round % 2 === 0 ? ['pool', 'guard', 'query'] : ['pool', 'guard', 'query', 'schema'] });
    const done = run(['reload', '-c', server.file]);
    assert.equal(done.code, 0, done.err);
    assert.match(done.out, /generation \d+/);
  }
  stop = true;
  await Promise.all(load);
  assert.ok(calls > 0);
  let heard = '';
  while (!heard.includes('notifications/tools/list_changed')) heard += new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
  const names = (await modern(server.url, 'tools/list')).json.result.tools.map((tool) => tool.name);
  assert.deepEqual(names, ['describe_table', 'execute', 'list_tables', 'query']);
});

test('a reload that cannot work changes nothing', async () => {
  server.write({ plugins: ['pool', 'guard', 'query', 'no_such_plugin'] });
  const done = run(['reload', '-c', server.file]);
  assert.notEqual(done.code, 0);
  assert.match(done.err, /no_such_plugin/);
  assert.ok(!(await callTool(server.url, 'query', { sql: 'select 1' })).isError);
  server.write({});
});
