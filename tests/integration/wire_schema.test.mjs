// What the real tools, the conformance fixture and the real server say on the wire, judged by a foreign validator: every
// message against the MCP schema of its revision, every structured answer against the output schema its tool declares.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { Ajv2020 } from 'ajv/dist/2020.js';

import { initialize, meta, program, psql, run, until } from './support.mjs';
import { judgeOf, kRevisions, kWires, skip } from './wire_schema_support.mjs';

const kCalls = [
  ['query', { sql: 'select 1 as one, $1::text as t', params: ['x'] }],
  ['query', { sql: 'select * from generate_series(1, 50) i', max_rows: 10 }],
  ['query', { sql: "select repeat('x', 300000) as large" }],
  ['query', { sql: 'select * from shop.customers', format: 'markdown', max_rows: 3 }],
  ['query', { sql: 'select null as nothing, array[1, null] as list, now() as at, 1.5::numeric as n where false' }],
  ['query', { sql: 'explain select * from shop.orders' }],
  ['query', { sql: 'select nope' }],
  ['query', { sql: 'delete from shop.orders' }],
  ['query', { sql: 'select 1', database: 'none' }],
  ['query', { sql: 7 }],
  ['list_tables', { detail: 'names' }],
  ['list_tables', { detail: 'summary', schema: 'shop' }],
  ['list_tables', { detail: 'full', limit: 3 }],
  ['list_tables', { search: 'no such table anywhere' }],
  ['describe_table', { table: 'shop.orders' }],
  ['describe_table', { table: 'shop.none' }],
  ['execute', { sql: `create table integration_wire_${process.pid} (i int)`, database: 'notes' }],
  ['execute', { sql: `insert into integration_wire_${process.pid} values (1), (2) returning i`, database: 'notes' }],
  ['execute', { sql: `drop table integration_wire_${process.pid}`, database: 'notes' }],
  ['execute', { sql: 'create table nope (i int)', database: 'main' }],
];

// What the fixture is asked: method, params, the type of the result, and since which revision there is such a thing.
const kFixture = { fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } };
const kWatched = 'test://watched-resource';
const tool = (name, since, args = {}) => ['tools/call', { name, arguments: args }, 'CallToolResult', since];
const completion = (ref, argument, context) => ['completion/complete', { ref, argument, ...(context && { context }) }, 'CompleteResult'];
const kAsked = [
  ['prompts/list', {}, 'ListPromptsResult'],
  ['prompts/get', { name: 'test_simple_prompt' }, 'GetPromptResult'],
  ['prompts/get', { name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } }, 'GetPromptResult'],
  ['prompts/get', { name: 'test_prompt_with_embedded_resource', arguments: { resourceUri: 'test://of/me' } }, 'GetPromptResult'],
  ['prompts/get', { name: 'test_prompt_with_image' }, 'GetPromptResult'],
  ['prompts/get', { name: 'test_input_required_result_prompt' }, 'GetPromptResult', '2025-06-18'],
  ['resources/list', {}, 'ListResourcesResult'],
  ['resources/templates/list', {}, 'ListResourceTemplatesResult'],
  ['resources/read', { uri: 'test://static-text' }, 'ReadResourceResult'],
  ['resources/read', { uri: 'test://static-binary' }, 'ReadResourceResult'],
  ['resources/read', { uri: 'test://template/7/data' }, 'ReadResourceResult'],
  ['resources/read', { uri: 'test://who-reads' }, 'ReadResourceResult', '2025-06-18'],
  completion({ type: 'ref/prompt', name: 'test_prompt_with_arguments' }, { name: 'arg1', value: 'pa' }),
  completion({ type: 'ref/prompt', name: 'test_prompt_with_arguments' }, { name: 'arg2', value: '' }, { arguments: { arg1: 'paris' } }),
  completion({ type: 'ref/resource', uri: 'test://template/{id}/data' }, { name: 'id', value: '7' }),
  tool('test_image_content'), tool('test_audio_content'), tool('test_embedded_resource'), tool('test_multiple_content_types'), tool('test_error_handling'),
  tool('test_tool_with_logging'), tool('test_tool_with_progress'),
  tool('test_input_required_result_sampling'), tool('test_input_required_result_list_roots'),
  tool('test_input_required_result_elicitation', '2025-06-18'), tool('test_input_required_result_multiple_inputs', '2025-06-18'),
  tool('test_input_required_result_multi_round', '2025-06-18'), tool('test_elicitation', '2025-06-18', { message: 'Who?' }),
  tool('test_elicitation_url', '2025-11-25'), tool('test_elicitation_sep1034_defaults', '2025-06-18'), tool('test_elicitation_sep1330_enums', '2025-11-25'),
  tool('test_sampling_with', '2025-11-25', { with: 'tools' }), tool('test_sampling_with', '2025-11-25', { with: 'toolChoice' }),
];
const kRefused = [['prompts/get', { name: 'nope' }], ['resources/read', { uri: 'test://nope' }], completion({ type: 'ref/prompt', name: 'nope' }, { name: 'a', value: '' })];
// What the client can, and its answers to what it is asked.
const kCan = { elicitation: { form: {}, url: {} }, sampling: { tools: {}, context: {} }, roots: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } };
const kAnswers = {
  'elicitation/create': ['ElicitRequest', { action: 'accept', content: { name: 'Ada', color: 'blue', context: 'tea', confirm: true } }],
  'sampling/createMessage': ['CreateMessageRequest', { role: 'assistant', model: 'test', content: { type: 'text', text: 'Paris' } }],
  'roots/list': ['ListRootsRequest', { roots: [{ uri: 'file:///project' }] }],
};

// A client of one revision that judges what it is told. ask() answers the questions on the way; `questions` are their methods.
async function opened(wire, revision, options) {
  const judge = judgeOf(revision);
  const modern = revision === '2026-07-28';
  const pipe = await kWires[wire](revision, options);
  const questions = new Set();
  const answerTo = (question) => {
    const [type, answer] = kAnswers[question.method];
    judge(type, question);
    questions.add(question.method);
    return answer;
  };
  const params = (more = {}) => ({ ...more, ...(modern && { _meta: meta({ 'io.modelcontextprotocol/clientCapabilities': kCan, 'io.modelcontextprotocol/logLevel': 'debug', ...more._meta }) }) });
  const answered = new Set();
  let last = 0;
  async function said(method, more) {
    const id = `ask ${++last}`;
    await pipe.send({ id, method, params: params({ ...more, _meta: { progressToken: id, ...more._meta } }) });
    while (true) {
      const message = await pipe.next((one) => one.id !== undefined && (one.method ? !answered.has(one.id) : one.id === id));
      if (!message.method) return message;
      answered.add(message.id);
      await pipe.send({ id: message.id, result: answerTo(message) });
    }
  }
  async function ask(method, more, type) {
    let { result, error } = await said(method, more);
    assert.equal(error, undefined, `${method} ${JSON.stringify(more)}: ${error?.message}`);
    while (result.resultType === 'input_required') {
      judge('InputRequiredResult', result);
      const inputResponses = Object.fromEntries(Object.entries(result.inputRequests).map(([key, question]) => [key, answerTo(question)]));
      ({ result } = await said(method, { ...more, inputResponses, requestState: result.requestState }));
    }
    judge(type, result);
    return result;
  }
  if (modern) await ask('server/discover', {}, 'DiscoverResult');
  else {
    judge('InitializeResult', (await pipe.request('hello', 'initialize', { ...initialize(revision), capabilities: kCan })).result);
    await pipe.send({ method: 'notifications/initialized' });
  }
  return { judge, modern, pipe, params, questions, said, ask };
}

// A task of 2026-07-28 is an extension: MCP's schema knows its result as Result alone.
async function judgeTasksOfExtension({ judge, ask }) {
  const { taskId } = await ask('tools/call', { name: 'confirm_delete', arguments: { filename: 'a.txt' } }, 'Result');
  const reached = (status) => until(`the task is ${status}`, async () => {
    const task = await ask('tasks/get', { taskId }, 'Result');
    return task.status === status && task;
  });
  judge('InputRequests', (await reached('input_required')).inputRequests);
  await ask('tasks/update', { taskId, inputResponses: { confirm: kAnswers['elicitation/create'][1] } }, 'Result');
  judge('CallToolResult', { resultType: 'complete', ...(await reached('completed')).result });
  const slow = await ask('tools/call', { name: 'slow_compute', arguments: { seconds: 600, label: 'x' } }, 'Result');
  await ask('tasks/cancel', { taskId: slow.taskId }, 'Result');
}
async function judgeTasks({ ask }, wire) {
  const task = { ttl: 60000 };
  const { task: { taskId } } = await ask('tools/call', { name: 'confirm_delete', arguments: { filename: 'a.txt' }, task }, 'CreateTaskResult');
  await ask('tasks/get', { taskId }, 'GetTaskResult');
  await ask('tasks/result', { taskId }, 'CallToolResult');
  await ask('tasks/get', { taskId }, 'GetTaskResult');
  const slow = await ask('tools/call', { name: 'slow_compute', arguments: { seconds: 600, label: 'x' }, task }, 'CreateTaskResult');
  await ask('tasks/cancel', { taskId: slow.task.taskId }, 'CancelTaskResult');
  if (wire === 'stdio') await ask('tasks/list', {}, 'ListTasksResult');  // over HTTP only where clients authenticate
}

for (const [wire, revision] of Object.keys(kWires).flatMap((name) => kRevisions.map((each) => [name, each]))) {
  test(`${wire}, ${revision}: every message fits the schema of MCP, every structured answer that of its tool`, { skip }, async () => {
    const judge = judgeOf(revision);
    const modern = revision === '2026-07-28';
    const pipe = await kWires[wire](revision);
    const params = (more = {}) => ({ ...more, ...(modern ? { _meta: meta(more._meta) } : {}) });
    const notify = () => pipe.messages.filter((message) => message.method);
    try {
      if (modern) {
        judge('DiscoverResult', (await pipe.request(0, 'server/discover', params())).result);
        pipe.send({ id: 'news', method: 'subscriptions/listen', params: params({ notifications: { toolsListChanged: true } }) });
        await pipe.next((message) => message.method === 'notifications/subscriptions/acknowledged');
      } else {
        judge('InitializeResult', (await pipe.request(0, 'initialize', initialize(revision))).result);
        pipe.send({ method: 'notifications/initialized' });
        judge('EmptyResult', (await pipe.request('p', 'ping')).result);
      }
      const { result: list } = await pipe.request(1, 'tools/list', params());
      judge('ListToolsResult', list);
      const output = new Map(list.tools.map((tool) => [tool.name, tool.outputSchema && new Ajv2020({ strict: true, allowUnionTypes: true }).compile(tool.outputSchema)]));
      for (const tool of list.tools) new Ajv2020({ strict: true, allowUnionTypes: true }).compile(tool.inputSchema);

      let structured = 0;
      for (const [index, [name, args]] of kCalls.entries()) {
        const answer = await pipe.request(100 + index, 'tools/call', params({ name, arguments: args, _meta: { progressToken: index } }));
        if (answer.error) continue;  // judged below, as a message
        judge('CallToolResult', answer.result);
        const { structuredContent } = answer.result;
        if (structuredContent === undefined) continue;
        structured++;
        const fits = output.get(name);
        assert.ok(fits(structuredContent), `${name} ${JSON.stringify(args)}: ${JSON.stringify(fits.errors)}`);
      }
      assert.equal(structured > 8, revision >= '2025-06-18');
      assert.equal((await pipe.request('u', 'tools/call', params({ name: 'nope' }))).error.code, -32602);
      assert.equal((await pipe.request('m', 'no/such', params())).error.code, -32601);

      pipe.write({ plugins: ['pool', 'guard', 'query'] });
      assert.equal(run(['reload', '-c', pipe.file]).code, 0);
      await pipe.next((message) => message.method === 'notifications/tools/list_changed');
    } finally {
      assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
      psql(`drop table if exists integration_wire_${process.pid}`);
    }
    for (const message of pipe.messages) judge('JSONRPCMessage', message);
    for (const message of notify()) judge('ServerNotification', message);
    assert.ok(notify().length > 0);
  });
}

for (const [wire, revision] of Object.keys(kWires).flatMap((name) => kRevisions.map((each) => [name, each]))) {
  test(`${wire}, ${revision}: prompts, resources, completions, questions, tasks and what is told unasked fit the schema of MCP`, { skip }, async () => {
    const client = await opened(wire, revision, { plugins: ['pool', 'guard', kFixture] });
    const { judge, modern, pipe, params, questions, said, ask } = client;
    try {
      if (modern) {
        pipe.send({ id: 'news', method: 'subscriptions/listen', params: params({ notifications: { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true, resourceSubscriptions: [kWatched] } }) });
        await pipe.next(({ method }) => method === 'notifications/subscriptions/acknowledged');
      } else {
        await ask('logging/setLevel', { level: 'debug' }, 'EmptyResult');
        await ask('resources/subscribe', { uri: kWatched }, 'EmptyResult');
      }
      for (const [method, more, type, since = ''] of kAsked) if (revision >= since) await ask(method, more, type);
      assert.deepEqual([...questions].sort(), Object.keys(kAnswers).filter((method) => revision >= '2025-06-18' || method !== 'elicitation/create').sort());
      for (const [method, more] of kRefused) assert.ok((await said(method, more)).error, `${method} ${JSON.stringify(more)}`);
      if (modern) await judgeTasksOfExtension(client);
      else if (revision === '2025-11-25') await judgeTasks(client, wire);

      await ask('tools/call', { name: 'test_update_resource', arguments: { uri: kWatched } }, 'CallToolResult');
      await pipe.next(({ method }) => method === 'notifications/resources/updated');
      if (!modern) await ask('resources/unsubscribe', { uri: kWatched }, 'EmptyResult');
      pipe.write({ plugins: ['pool', 'guard'], extra: 'limits: { reload_timeout_ms: 0 }\n' });
      assert.equal(run(['reload', '-c', pipe.file]).code, 0);
      for (const list of ['tools', 'prompts', 'resources']) await pipe.next(({ method }) => method === `notifications/${list}/list_changed`);
    } finally {
      assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
    }
    for (const message of pipe.messages) judge('JSONRPCMessage', message);
    const told = pipe.messages.filter(({ id, method }) => method && id === undefined);
    for (const message of told) judge('ServerNotification', message);
    for (const method of ['notifications/progress', 'notifications/message']) assert.ok(told.some((message) => message.method === method), method);
    if (modern) judge('SubscriptionsListenResult', pipe.messages.find(({ id, method }) => id === 'news' && !method).result);
    else for (const question of pipe.messages.filter(({ id, method }) => method && id !== undefined)) judge('ServerRequest', question);
  });
}
