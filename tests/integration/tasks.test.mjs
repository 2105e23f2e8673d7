// Tasks: calls that go on when the connection that started them is gone. The extension of 2026-07-28, where the server
// decides, and the form of 2025-11-25, where the client asks.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';

import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { clients, connectedToOwn } from './sdk_clients.mjs';
import { atExit, config, eventsOf, initialize, inFolder, meta, openSession, post, program, run, startServer, startStdio, textOf, until } from './support.mjs';

const fixture = { fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } };
const options = { plugins: [fixture] };
const takesTasks = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } } };

describe('2026-07-28', () => {
  let server;
  let id = 1;
  const ask = async (method, params, extra = takesTasks) => (await post(server.url, { jsonrpc: '2.0', id: id++, method, params: { ...params, _meta: meta(extra) } },
    { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, 'Mcp-Name': params.name ?? params.taskId })).json;
  const call = (name, args = {}, extra = takesTasks) => ask('tools/call', { name, arguments: args }, extra);
  const get = async (taskId) => (await ask('tasks/get', { taskId })).result;
  const reached = (taskId, status) => until(`task is ${status}`, async () => {
    const task = await get(taskId);
    return task.status === status && task;
  });
  before(async () => { server = await startServer({ ...options, plugins: ['pool', 'guard', fixture] }); });
  after(() => server.stop());

  test('the result is there when the request that asked for it has long ended', async () => {
    const { result } = await call('slow_compute', { seconds: 1, label: 'alone' });
    assert.equal(result.resultType, 'task');
    assert.match(result.taskId, /^[0-9a-f]{48}$/);
    assert.equal(result.status, 'working');
    const done = await reached(result.taskId, 'completed');
    assert.equal(textOf(done.result), 'computed alone in 1 s');
    assert.ok(Date.parse(done.lastUpdatedAt) >= Date.parse(done.createdAt));
    assert.deepEqual(await get(result.taskId), done);  // it stays
  });
  test('progress is what the task says of itself', async () => {
    const { result } = await call('slow_compute', { seconds: 30, label: 'x' });
    assert.match((await until('a status message', async () => (await get(result.taskId)).statusMessage)), /of 30/);
    assert.deepEqual(Object.keys((await ask('tasks/cancel', { taskId: result.taskId })).result).sort(), ['_meta', 'resultType']);
    assert.equal((await get(result.taskId)).status, 'cancelled');
  });
  test('a question on the way waits for its owner', async () => {
    const { result } = await call('confirm_delete', { filename: 'a.txt' });
    const asking = await reached(result.taskId, 'input_required');
    assert.equal(asking.inputRequests.confirm.params.message, 'Delete a.txt?');
    await ask('tasks/update', { taskId: result.taskId, inputResponses: { other: {}, confirm: 7 } });
    assert.equal((await get(result.taskId)).status, 'input_required');
    await ask('tasks/update', { taskId: result.taskId, inputResponses: { confirm: { action: 'accept', content: { confirm: true } } } });
    assert.equal(textOf((await reached(result.taskId, 'completed')).result), 'deleted a.txt');
    assert.equal((await ask('tasks/update', { taskId: result.taskId })).error.code, -32602);
  });
  test('whoever listens is told of each change', async () => {
    const { result } = await call('confirm_delete', { filename: 'b.txt' });
    await reached(result.taskId, 'input_required');
    const ended = new AbortController();
    const answer = await fetch(server.url, {
      method: 'POST', signal: ended.signal,
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'subscriptions/listen' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'l', method: 'subscriptions/listen', params: { notifications: { taskIds: [result.taskId, 'unknown'] }, _meta: meta(takesTasks) } }),
    });
    const seen = [];
    const reading = (async () => {
      for await (const { data } of eventsOf(answer)) {
        if (!data) continue;
        seen.push(JSON.parse(data));
        if (seen.length === 1) {
          await ask('tasks/update', { taskId: result.taskId, inputResponses: { confirm: { action: 'accept', content: {} } } });
        }
        if (seen.at(-1).params.status === 'completed') return ended.abort();
      }
    })();
    await reading.catch((error) => { if (error.name !== 'AbortError') throw error; });
    assert.deepEqual(seen[0].params.notifications, { taskIds: [result.taskId] });
    assert.ok(seen.slice(1).every((message) => message.method === 'notifications/tasks' && message.params.taskId === result.taskId));
    assert.equal(textOf(seen.at(-1).params.result), 'kept b.txt');
  });
  test('a client that takes no tasks waits for the result, or is told what it lacks', async () => {
    const { result } = await call('slow_compute', { seconds: 0, label: 'sync' }, {});
    assert.equal(result.resultType, 'complete');
    assert.equal(textOf(result), 'computed sync in 0 s');
    for (const { error } of [await call('failing_job', {}, {}), await ask('tasks/get', { taskId: 'x' }, {})]) {
      assert.equal(error.code, -32021);
      assert.deepEqual(error.data, { requiredCapabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } });
    }
  });
  test('an id that is none of ours is unknown', async () => {
    for (const taskId of ['', 'x', '0'.repeat(48)]) assert.equal((await ask('tasks/get', { taskId })).error.code, -32602);
  });
  test('a reload that keeps the plugin lets its task go on', async () => {
    const { result } = await call('confirm_delete', { filename: 'c.txt' });
    await reached(result.taskId, 'input_required');
    server.write({ plugins: [fixture], extra: 'limits: { reload_timeout_ms: 0 }' });
    server.child.kill('SIGHUP');
    await server.logs(/are cancelled/);  // the old generation has had its time
    await ask('tasks/update', { taskId: result.taskId, inputResponses: { confirm: { action: 'accept', content: { confirm: true } } } });
    assert.equal(textOf((await reached(result.taskId, 'completed')).result), 'deleted c.txt');
  });
});

test('a reload that replaces the plugin ends its task as cancelled, once the old one has had its time', async () => {
  const place = inFolder();
  const { library: built } = fixture.fixture;
  const library = join(place.folder, 'fixture');
  cpSync(built, library, { recursive: true });
  appendFileSync(join(library, 'fixture.so'), '\n');  // another build of it
  const server = await startServer({ ...options, extra: 'limits: { reload_timeout_ms: 500 }' });
  const ask = async (method, params) => (await post(server.url, { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta(takesTasks) } },
    { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, 'Mcp-Name': params.name ?? params.taskId })).json;
  const start = async () => (await ask('tools/call', { name: 'slow_compute', arguments: { seconds: 600, label: 'x' } })).result.taskId;
  const taskId = await start();
  server.write({ plugins: [{ fixture: { library } }], extra: 'limits: { reload_timeout_ms: 500 }' });
  assert.equal(run(['reload', '-c', server.file]).code, 0);
  const other = await start();  // of the new one
  const ended = await until('it has ended', async () => {
    const { result } = await ask('tasks/get', { taskId });
    return result.status !== 'working' && result;
  });
  assert.deepEqual([ended.status, ended.statusMessage, ended.result], ['cancelled', 'cancelled: a reload has replaced its plugin, call again', undefined]);
  assert.equal((await ask('tasks/get', { taskId: other })).result.status, 'working');
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  place.remove();
});

test('a task that was asked for over a pipe goes on when the pipe is closed, where the server does', async () => {
  const place = inFolder();
  const file = join(place.folder, 'howdah.yaml');
  writeFileSync(file, config({ ...options, folder: place.folder }));
  const child = spawn(program, ['serve', '-c', file], { stdio: ['pipe', 'pipe', 'pipe'] });
  const forget = atExit(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  let log = '';
  child.stderr.on('data', (bytes) => { log += bytes; });
  const url = await until('it listens', () => log.match(/listening on (http:\S+),/)?.[1]);
  const lines = createInterface({ input: child.stdout });
  const answered = once(lines, 'line');
  child.stdin.end(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow_compute', arguments: { seconds: 2, label: 'alone' }, _meta: meta(takesTasks) } })}\n`);
  const { result } = JSON.parse((await answered)[0]);
  assert.equal(result.resultType, 'task');
  const done = await until('it has ended', async () => {
    const { json } = await post(url, { jsonrpc: '2.0', id: 1, method: 'tasks/get', params: { taskId: result.taskId, _meta: meta(takesTasks) } },
      { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tasks/get', 'Mcp-Name': result.taskId });
    return json.result.status !== 'working' && json.result;
  });
  assert.deepEqual([done.status, textOf(done.result)], ['completed', 'computed alone in 2 s']);
  child.kill('SIGTERM');
  assert.equal((await exited)[0], 0, log);
  forget();
  place.remove();
});

describe('the bound of one principal', () => {
  test('lets as many tasks in as it says, and then says what to do', async () => {
    const server = await startServer({ ...options, extra: 'limits: { tasks_per_principal_max: 3 }' });
    const start = async () => (await post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow_compute', arguments: { seconds: 0, label: 'x' }, _meta: meta(takesTasks) } },
      { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'slow_compute' })).json;
    for (let i = 0; i < 3; ++i) assert.equal((await start()).result.resultType, 'task');
    assert.match((await start()).error.message, /you have 3 tasks already/);
    await server.stop();
  });
});

describe('a server that ends', () => {
  test('does not wait for its tasks', async () => {
    const server = await startServer(options);
    const { json } = await post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow_compute', arguments: { seconds: 600, label: 'x' }, _meta: meta(takesTasks) } },
      { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'slow_compute' });
    assert.equal(json.result.resultType, 'task');
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });
});

for (const entry of clients.filter(({ name }) => name.startsWith('legacy SDK'))) {
  describe(`2025-11-25: ${entry.name}`, () => {
    let client;
    let own;
    before(async () => {
      const capabilities = { elicitation: { form: {} }, tasks: {} };
      own = await connectedToOwn(entry, options, { capabilities });
      client = own.client;
      client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
        assert.match(params._meta['io.modelcontextprotocol/related-task'].taskId, /^[0-9a-f]{48}$/);
        return { action: 'accept', content: { confirm: true, name: 'Ada' } };
      });
      await client.listTools();  // says which tools run as tasks
    });
    after(() => own.close());

    const streamed = async (name, args) => {
      const messages = [];
      for await (const message of client.experimental.tasks.callToolStream({ name, arguments: args }, CallToolResultSchema, { task: { ttl: 60000 } })) messages.push(message);
      return messages;
    };
    test('the tools say whether they run as tasks', async () => {
      const { tools } = await client.listTools();
      const support = Object.fromEntries(tools.map((tool) => [tool.name, tool.execution?.taskSupport]));
      assert.equal(support.slow_compute, 'optional');
      assert.equal(support.failing_job, 'required');
      assert.equal(support.greet, undefined);
    });
    test('a call as a task, and its result', async () => {
      const messages = await streamed('slow_compute', { seconds: 1, label: 'legacy' });
      assert.equal(messages[0].type, 'taskCreated');
      assert.equal(messages[0].task.ttl, 60000);
      const { result } = messages.at(-1);
      assert.equal(textOf(result), 'computed legacy in 1 s');
      assert.equal(result._meta['io.modelcontextprotocol/related-task'].taskId, messages[0].task.taskId);
      // Only where that cannot show what others do.
      assert.deepEqual(client.getServerCapabilities().tasks.list, entry.stdio ? {} : undefined);
      const listed = client.experimental.tasks.listTasks();
      if (!entry.stdio) return assert.rejects(listed, /tasks\/list/);
      assert.ok((await listed).tasks.some((task) => task.taskId === messages[0].task.taskId && task.status === 'completed'));
    });
    test('a question on the way', async () => {
      assert.equal(textOf((await streamed('confirm_delete', { filename: 'a.txt' })).at(-1).result), 'deleted a.txt');
      assert.match(textOf((await streamed('multi_input', {})).at(-1).result), /"second"/);
    });
    test('a cancelled task stays cancelled', async () => {
      const stream = client.experimental.tasks.callToolStream({ name: 'slow_compute', arguments: { seconds: 600, label: 'x' } }, CallToolResultSchema, { task: { ttl: 60000 } });
      const { task } = (await stream.next()).value;
      assert.equal((await client.experimental.tasks.cancelTask(task.taskId)).status, 'cancelled');
      await assert.rejects(client.experimental.tasks.cancelTask(task.taskId), /has ended: cancelled/);
      await assert.rejects(client.experimental.tasks.getTaskResult(task.taskId, CallToolResultSchema), /cancelled/);
      await stream.return();
    });
    test('a failure of the tool is a result, a fault of the plugin an error', async () => {
      const failed = await streamed('failing_job', {});
      assert.match(textOf(failed.at(-1).result ?? { content: [] }), /always does/);
      const fault = await streamed('protocol_error_job', {});
      assert.equal(fault.at(-1).type, 'error');
      await assert.rejects(client.experimental.tasks.getTaskResult(fault[0].task.taskId, CallToolResultSchema), /a fault of the plugin/);
    });
    test('where tool and client disagree about it', async () => {
      await assert.rejects(client.callTool({ name: 'failing_job', arguments: {} }), /task/);
      await assert.rejects(client.request({ method: 'tools/call', params: { name: 'greet', arguments: { name: 'x' }, task: {} } }, CallToolResultSchema), /does not run as a task/);
    });
  });
}

describe('older revisions', () => {
  test('know no tasks: the call takes its time', async () => {
    const server = await startServer(options);
    const headers = await openSession(server.url, '2025-06-18');
    const { json } = await post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow_compute', arguments: { seconds: 0, label: 'old' }, task: { ttl: 1 } } }, headers);
    assert.equal(textOf(json.result), 'computed old in 0 s');
    assert.equal((await post(server.url, { jsonrpc: '2.0', id: 2, method: 'tasks/list' }, headers)).json.error.code, -32601);
    await server.stop();
  });
  test('a task is another thing than a session', async () => {
    const pipe = startStdio(options);
    await pipe.request(1, 'initialize', initialize('2025-11-25'));
    const { result } = await pipe.request(2, 'tools/call', { name: 'slow_compute', arguments: { seconds: 0, label: 'p' }, task: {} });
    const done = await pipe.request(3, 'tasks/result', { taskId: result.task.taskId });
    assert.equal(textOf(done.result), 'computed p in 0 s');
    await pipe.stop();
  });
});
