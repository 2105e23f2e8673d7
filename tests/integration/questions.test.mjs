// Questions to the client on the way of a call: the same plugin code asks a legacy client by requests of its own and one
// of 2026-07-28 by ending the call as input_required.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { clients, connectedToOwn } from './sdk_clients.mjs';
import { config, eventsOf, inFolder, initialize, meta, post, program, psql, run, startServer, startStdio, textOf, until } from './support.mjs';

const options = { plugins: [{ fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } }] };
const capabilities = { elicitation: { form: {} }, sampling: {}, roots: {} };
const kSchemas = { 'elicitation/create': ElicitRequestSchema, 'sampling/createMessage': CreateMessageRequestSchema, 'roots/list': ListRootsRequestSchema };

function answering(client, answers) {
  for (const [method, answer] of Object.entries(answers)) {
    client.setRequestHandler(client.listen ? method : kSchemas[method], ({ params }) => answer(params));
  }
}

for (const entry of clients) {
  describe(entry.name, () => {
    let client;
    let own;
    const asked = [];
    before(async () => {
      own = await connectedToOwn(entry, options, { capabilities });
      client = own.client;
      answering(client, {
        'elicitation/create': (params) => {
          asked.push(params.message);
          const [field] = Object.keys(params.requestedSchema.properties);
          return { action: 'accept', content: { [field]: { ok: true, color: 'blue' }[field] ?? 'Ada' } };
        },
        'sampling/createMessage': () => ({ role: 'assistant', model: 'test', content: { type: 'text', text: 'Paris' } }),
        'roots/list': () => ({ roots: [{ uri: 'file:///project' }] }),
      });
    });
    after(() => own.close());

    const call = async (name) => {
      const result = await client.callTool({ name, arguments: {} });
      assert.ok(!result.isError, textOf(result));
      return textOf(result);
    };
    test('the user, the model and the roots are asked', async () => {
      assert.equal(await call('test_input_required_result_elicitation'), 'Hello, Ada!');
      assert.equal(await call('test_input_required_result_sampling'), 'Paris');
      assert.match(await call('test_input_required_result_list_roots'), /file:\/\/\/project/);
    });
    test('several questions at once, and one after the other', async () => {
      assert.equal(await call('test_input_required_result_multiple_inputs'), 'Paris Ada');
      asked.length = 0;
      assert.equal(await call('test_input_required_result_multi_round'), 'Ada likes blue');
      assert.deepEqual(asked, ['Step 1: What is your name?', 'Step 2: What is your favorite color?']);
    });
    test('a prompt asks too', async () => {
      const { messages } = await client.getPrompt({ name: 'test_input_required_result_prompt' });
      assert.equal(messages[0].content.text, 'Use this context: Ada');
    });
    test('a resource asks too', async () => {
      const { contents } = await client.readResource({ uri: 'test://who-reads' });
      assert.deepEqual([contents[0].text, asked.at(-1)], ['For Ada', 'Who reads this?']);
    });
  });
}

// Whether the client is told that it lacks a capability, in either era, or what the tool said.
const outcomeOf = (client, name, args = {}) => client.callTool({ name, arguments: args }).then(
  (result) => `${result.isError ? 'refused: ' : ''}${textOf(result)}`, (error) => `refused: ${error.message}`);

for (const entry of clients) {
  test(`${entry.name}: a page is for clients that show pages, a form for those that show forms`, async () => {
    const asked = [];
    const ofClient = async (elicitation) => {
      const own = await connectedToOwn(entry, options, { capabilities: { elicitation } });
      answering(own.client, { 'elicitation/create': (params) => {
        asked.push(params);
        return params.mode === 'url' ? { action: 'accept' } : { action: 'accept', content: { name: 'Ada' } };
      } });
      const said = [await outcomeOf(own.client, 'test_elicitation_url'), await outcomeOf(own.client, 'test_input_required_result_elicitation')];
      await own.close();
      return said;
    };
    const [page, form] = await ofClient({ url: {} });
    assert.equal(page, 'The user said accept, as a client that shows pages');
    assert.match(form, /^refused: .*has not declared that capability: \{"elicitation":\{"form"/);
    const { mode, url, message, requestedSchema } = asked.pop();
    assert.deepEqual([mode, url, message, requestedSchema], ['url', 'https://login.example/start?id=1', 'Please sign in', undefined]);
    const forms = await ofClient({ form: {} });
    assert.match(forms[0], /^refused: .*has not declared that capability: \{"elicitation":\{"url"/);
    assert.equal(forms[1], 'Hello, Ada!');
    assert.equal(asked.length, 1);
    assert.deepEqual(await ofClient({ form: {}, url: {} }), ['The user said accept, as a client that shows pages', 'Hello, Ada!']);
  });
}

test('what a question to the model holds besides must have been declared: tools, and context since 2025-11-25', async () => {
  const kOpen = { none: true, tools: false, toolChoice: false, thisServer: false, allServers: false };
  for (const [revision, sampling, expected] of [
    ['2025-06-18', {}, { ...kOpen, thisServer: true, allServers: true }],
    ['2025-11-25', {}, kOpen],
    ['2025-11-25', { tools: {} }, { ...kOpen, tools: true, toolChoice: true }],
    ['2025-11-25', { context: {} }, { ...kOpen, thisServer: true, allServers: true }],
    ['2026-07-28', {}, kOpen],
    ['2026-07-28', { tools: {}, context: {} }, { none: true, tools: true, toolChoice: true, thisServer: true, allServers: true }],
  ]) {
    const pipe = startStdio(options);
    const modern = revision === '2026-07-28';
    const _meta = meta({ 'io.modelcontextprotocol/clientCapabilities': { sampling } });
    if (!modern) await pipe.request(0, 'initialize', { ...initialize(revision), capabilities: { sampling } });
    const asked = {};
    for (const what of Object.keys(kOpen)) {
      pipe.send({ id: what, method: 'tools/call', params: { name: 'test_sampling_with', arguments: { with: what }, ...(modern && { _meta }) } });
      const said = await pipe.next(({ id, method }) => method === 'sampling/createMessage' || id === what);
      asked[what] = said.method !== undefined || said.result?.resultType === 'input_required';
      if (modern && !asked[what]) {
        const [code, lacks] = [said.error.code, what === 'thisServer' || what === 'allServers' ? 'context' : 'tools'];
        assert.deepEqual([code, said.error.data], [-32021, { requiredCapabilities: { sampling: { [lacks]: {} } } }]);
      }
      if (said.method) {
        pipe.send({ id: said.id, result: { role: 'assistant', model: 'test', content: { type: 'text', text: 'Paris' } } });
        await pipe.next(({ id }) => id === what);
      }
      pipe.messages.length = 0;
    }
    assert.deepEqual(asked, expected, `${revision} ${JSON.stringify(sampling)}`);
    await pipe.stop();
  }
});

describe('2026-07-28: the state in between', () => {
  let server;
  const tool = 'test_input_required_result_multi_round';
  const can = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } };
  const call = async (params, name = tool, extra = can) => (await post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {}, _meta: meta(extra), ...params } },
    { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': name })).json;
  const named = { step1: { action: 'accept', content: { name: 'Ada' } } };
  before(async () => { server = await startServer({ plugins: ['pool', 'guard', ...options.plugins] }); });
  after(() => server.stop());

  test('a question that was answered is not asked again', async () => {
    const first = (await call({})).result;
    assert.equal(first.resultType, 'input_required');
    assert.deepEqual(Object.keys(first.inputRequests), ['step1']);
    const second = (await call({ requestState: first.requestState, inputResponses: named })).result;
    assert.deepEqual(Object.keys(second.inputRequests), ['step2']);
    const last = (await call({ requestState: second.requestState, inputResponses: { step2: { action: 'accept', content: { color: 'blue' } }, more: {} } })).result;
    assert.equal(last.resultType, 'complete');
    assert.equal(textOf(last), 'Ada likes blue');
  });
  test('an answer that is missing is asked for again', async () => {
    const first = (await call({})).result;
    const again = (await call({ requestState: first.requestState, inputResponses: { other: {} } })).result;
    assert.deepEqual(Object.keys(again.inputRequests), ['step1']);
  });
  test('a state that was altered, or brought to another tool, is refused', async () => {
    const { requestState } = (await call({})).result;
    const altered = `${requestState.slice(0, -1)}${requestState.endsWith('A') ? 'B' : 'A'}`;
    for (const state of [altered, '', 'x'.repeat(5000)]) {
      const { error } = await call({ requestState: state, inputResponses: named });
      assert.equal(error.code, -32602);
    }
    const { error } = await call({ requestState, inputResponses: named }, 'test_input_required_result_elicitation');
    assert.match(error.message, /belongs to another request/);
    assert.equal((await call({ requestState: 7 })).error.code, -32602);
    assert.equal((await call({ inputResponses: [] })).error.code, -32602);
  });
  test('what the client brings and nobody asked for is not kept', async () => {
    const junk = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, { text: 'x'.repeat(1000) }]));
    const second = (await call({ inputResponses: { ...named, ...junk } })).result;
    assert.deepEqual(Object.keys(second.inputRequests), ['step2']);
    assert.ok(second.requestState.length < 1000);
  });
  test('a handler that goes on after its question does nothing more', async () => {
    const sql = `create table if not exists went_on_${process.pid} (i int)`;
    const { result } = await call({ arguments: { sql } }, 'test_goes_on_regardless');
    assert.equal(result.resultType, 'input_required');
    assert.equal(psql(`select to_regclass('went_on_${process.pid}') is null`), 't');
  });
  test('a form that asks for a password is not sent', async () => {
    const { result } = await call({}, 'test_elicitation_password');
    assert.ok(result.isError);
    assert.match(textOf(result), /must not ask for "pass_word"/);
  });
  test('a question after a write is refused', async () => {
    const { result } = await call({ arguments: { sql: `create table asked_late_${process.pid} (i int)` } }, 'test_asks_too_late');
    assert.ok(result.isError);
    assert.match(textOf(result), /ask before you act/);
  });
  test('a client that cannot answer is told which capability is missing', async () => {
    const { error } = await call({}, tool, {});
    assert.equal(error.code, -32021);
    assert.deepEqual(error.data, { requiredCapabilities: { elicitation: { form: {} } } });
    assert.match(textOf((await call({}, 'test_input_required_result_capabilities', {})).result), /can be asked nothing/);
  });
});

describe('2026-07-28: two instances', () => {
  const ask = async (server, params) => (await post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'test_input_required_result_multi_round', arguments: {},
    _meta: meta({ 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } }), ...params } },
  { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'test_input_required_result_multi_round' })).json;
  const answered = (key, content) => ({ inputResponses: { [key]: { action: 'accept', content } } });

  test('with one key, each goes on where the other has asked', async () => {
    const extra = `seal_keys: ['${'s'.repeat(32)}']`;
    const [first, second] = [await startServer({ ...options, extra }), await startServer({ ...options, extra })];
    const one = (await ask(first, {})).result;
    const two = (await ask(second, { requestState: one.requestState, ...answered('step1', { name: 'Ada' }) })).result;
    const three = (await ask(first, { requestState: two.requestState, ...answered('step2', { color: 'blue' }) })).result;
    assert.equal(textOf(three), 'Ada likes blue');
    await Promise.all([first.stop(), second.stop()]);
  });
  test('with keys of their own, a state opens only where it was made', async () => {
    const [first, second] = [await startServer(options), await startServer(options)];
    const one = (await ask(first, {})).result;
    assert.match((await ask(second, { requestState: one.requestState, ...answered('step1', { name: 'Ada' }) })).error.message, /not of this server/);
    await Promise.all([first.stop(), second.stop()]);
  });
});

for (const revision of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
  test(`${revision}: each kind of question is a request on the way of the call, and its answer goes on with it`, async () => {
    const pipe = startStdio(options);
    const opened = await pipe.request(1, 'initialize', { ...initialize(revision), capabilities });
    assert.equal(opened.result.protocolVersion, revision);
    pipe.send({ method: 'notifications/initialized' });
    const answers = {
      'elicitation/create': { action: 'accept', content: { name: 'Ada' } },
      'sampling/createMessage': { role: 'assistant', model: 'test', content: { type: 'text', text: 'Paris' } },
      'roots/list': { roots: [{ uri: 'file:///project' }] },
    };
    const asks = async (id, method, params, asked) => {
      pipe.messages.length = 0;
      pipe.send({ id, method, params });
      const question = await pipe.next((message) => message.id === id || message.method === asked);
      assert.equal(question.method, asked, JSON.stringify(question));
      pipe.send({ id: question.id, result: answers[asked] });
      return JSON.stringify((await pipe.next((message) => message.id === id)).result);
    };
    const tool = (name) => ({ name: `test_input_required_result_${name}`, arguments: {} });
    assert.match(await asks(2, 'tools/call', tool('elicitation'), 'elicitation/create'), /Hello, Ada!/);
    assert.match(await asks(3, 'tools/call', tool('sampling'), 'sampling/createMessage'), /Paris/);
    assert.match(await asks(4, 'tools/call', tool('list_roots'), 'roots/list'), /file:\/\/\/project/);
    assert.match(await asks(5, 'prompts/get', { name: 'test_input_required_result_prompt' }, 'elicitation/create'), /Use this context/);
    assert.match(await asks(6, 'resources/read', { uri: 'test://who-reads' }, 'elicitation/create'), /For Ada/);
    await pipe.stop();
  });

  test(`${revision}: over HTTP a question comes on the stream of its call, and its answer is a POST of its own`, async () => {
    const server = await startServer(options);
    const opened = await post(server.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: { ...initialize(revision), capabilities } });
    const headers = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id'), 'MCP-Protocol-Version': revision };
    const call = await fetch(server.url, { method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'test_input_required_result_elicitation', arguments: {} } }) });
    assert.match(call.headers.get('content-type'), /^text\/event-stream/);
    const said = [];
    for await (const { data } of eventsOf(call)) {
      if (!data) continue;
      said.push(JSON.parse(data));
      if (said.at(-1).method !== 'elicitation/create') continue;
      const answer = await post(server.url, { jsonrpc: '2.0', id: said.at(-1).id, result: { action: 'accept', content: { name: 'Ada' } } }, headers);
      assert.equal(answer.status, 202);
    }
    assert.deepEqual(said.map(({ method, result }) => method ?? textOf(result)), ['elicitation/create', 'Hello, Ada!']);
    await server.stop();
  });
}

describe('a legacy client', () => {
  const start = async (more = {}) => {
    const pipe = startStdio({ ...options, ...more });
    await pipe.request(1, 'initialize', { ...initialize('2025-11-25'), capabilities });
    pipe.send({ method: 'notifications/initialized' });
    return pipe;
  };
  const ask = (pipe, id) => {
    pipe.send({ id, method: 'tools/call', params: { name: 'test_input_required_result_elicitation', arguments: {} } });
    return pipe.next((message) => message.method === 'elicitation/create');
  };

  test('that answers with an error fails the call, and only that', async () => {
    const pipe = await start();
    const question = await ask(pipe, 2);
    pipe.send({ id: question.id, error: { code: -1, message: 'the user is away' } });
    const { result } = await pipe.next((message) => message.id === 2);
    assert.ok(result.isError);
    assert.match(textOf(result), /the user is away/);
    // Nothing of an answer is taken on trust.
    for (const [id, error] of [[10, { code: 'x', message: 5 }], [11, 'away'], [12, null]]) {
      pipe.messages.length = 0;
      const next = await ask(pipe, id);
      pipe.send({ id: next.id, error });
      assert.match(textOf((await pipe.next((message) => message.id === id)).result), /gave no reason/);
    }
    pipe.send({ id: 'howdah-999', result: {} });  // an answer to nothing
    assert.deepEqual((await pipe.request(3, 'ping')).result, {});
    await pipe.stop();
  });
  test('that takes the call back is not waited for', async () => {
    const pipe = await start();
    const question = await ask(pipe, 2);
    pipe.send({ method: 'notifications/cancelled', params: { requestId: 2 } });
    await pipe.next((message) => message.method === 'notifications/cancelled' && message.params.requestId === question.id);
    pipe.send({ id: question.id, result: { action: 'accept', content: { name: 'late' } } });
    assert.deepEqual((await pipe.request(3, 'ping')).result, {});
    assert.ok(!pipe.messages.some((message) => message.id === 2));
    await pipe.stop();
  });
  test('is waited for as long as limits.answer_timeout_ms says, and the question is then taken back', async () => {
    const pipe = await start({ extra: 'limits: { answer_timeout_ms: 300, request_timeout_ms: 200 }\n' });
    const question = await ask(pipe, 2);
    await pipe.next((message) => message.method === 'notifications/cancelled' && message.params.requestId === question.id);
    const { result } = await pipe.next((message) => message.id === 2);
    assert.ok(result.isError);
    assert.match(textOf(result), /limits\.answer_timeout_ms/);
    await pipe.stop();
    // The time of a person is not that of the request: an answer later than that is in time.
    const patient = await start({ extra: 'limits: { request_timeout_ms: 200 }\n' });
    const asked_at = Date.now();
    const asked = await ask(patient, 2);
    await until('the time of the request is over', () => Date.now() > asked_at + 250);
    patient.send({ id: asked.id, result: { action: 'accept', content: { name: 'Ada' } } });
    assert.equal(textOf((await patient.next((message) => message.id === 2)).result), 'Hello, Ada!');
    await patient.stop();
    for (const [limit, code] of [[99, 3], [100, 0], [3600000, 0], [3600001, 3]]) {
      const place = inFolder();
      const file = join(place.folder, 'howdah.yaml');
      writeFileSync(file, config({ ...options, http: false, folder: place.folder, extra: `limits: { answer_timeout_ms: ${limit} }\n` }));
      assert.equal(run(['config', 'check', '-c', file]).code, code, `${limit}`);
      place.remove();
    }
  });
  test('is asked while as many requests are in flight as it may have', async () => {
    const pipe = await start();
    const questions = new Map();
    pipe.each((message) => {
      if (message.method === 'elicitation/create') questions.set(message.id, message);
      pipe.messages.push(message);
    });
    for (let id = 100; id < 164; ++id) pipe.send({ id, method: 'tools/call', params: { name: 'test_input_required_result_elicitation', arguments: {} } });
    await pipe.next(() => questions.size === 64);
    for (const id of questions.keys()) pipe.send({ id, result: { action: 'accept', content: { name: 'Ada' } } });
    for (let id = 100; id < 164; ++id) assert.equal(textOf((await pipe.next((message) => message.id === id)).result), 'Hello, Ada!');
    await pipe.stop();
  });
  test('without the capability is not asked', async () => {
    const pipe = startStdio(options);
    await pipe.request(1, 'initialize', initialize('2025-11-25'));
    pipe.send({ method: 'notifications/initialized' });
    const { result } = await pipe.request(2, 'tools/call', { name: 'test_input_required_result_elicitation', arguments: {} });
    assert.ok(result.isError);
    assert.match(textOf(result), /has not declared that capability/);
    await pipe.stop();
  });
});
