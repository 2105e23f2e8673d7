// Prompts, resources, completions, contents of every kind, log messages: a plugin that uses only the SDK
// (tests/conformance/fixture), asked by the official clients in both eras over both transports.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { LoggingMessageNotificationSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

import { clients, connectedToOwn, watchedFetch } from './sdk_clients.mjs';
import { meta, modern, post, program, startServer, textOf } from './support.mjs';

const options = { plugins: [{ fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } }] };
// Whether our own plugins are checked too (offerings.cpp).
const asserts = /CMAKE_BUILD_TYPE:\w+=Debug/.test(readFileSync(join(dirname(program), 'CMakeCache.txt'), 'utf8'));
const kPng = Buffer.from([0x89, 0x50, 0x4e, 0x47]);
const isPng = (base64) => Buffer.from(base64, 'base64').subarray(0, 4).equals(kPng);

for (const entry of clients) {
  describe(entry.name, () => {
    let client;
    let own;
    const { fetch, streamOpen } = watchedFetch();
    before(async () => {
      own = await connectedToOwn(entry, options, undefined, fetch);
      client = own.client;
    });
    after(() => own.close());

    test('lists prompts and gets them', async () => {
      const { prompts } = await client.listPrompts();
      assert.deepEqual(prompts.map((prompt) => prompt.name), ['test_input_required_result_prompt', 'test_prompt_with_arguments', 'test_prompt_with_embedded_resource',
        'test_prompt_with_image', 'test_simple_prompt']);
      const simple = await client.getPrompt({ name: 'test_simple_prompt' });
      assert.deepEqual(simple.messages, [{ role: 'user', content: { type: 'text', text: 'This is a simple prompt for testing.' } }]);
      assert.equal(simple.description, 'A prompt without arguments');
      const filled = await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'h"ello', arg2: 'wörld' } });
      assert.equal(filled.messages[0].content.text, "Prompt with arguments: arg1='h\"ello', arg2='wörld'");
      const embedded = await client.getPrompt({ name: 'test_prompt_with_embedded_resource', arguments: { resourceUri: 'test://x' } });
      assert.equal(embedded.messages[0].content.resource.uri, 'test://x');
      assert.ok(isPng((await client.getPrompt({ name: 'test_prompt_with_image' })).messages[0].content.data));
    });
    test('gets titles, icons and annotations of tools, prompts, resources and templates', async () => {
      const find = (list, key, wanted) => list.find((one) => one[key] === wanted);
      const picked = ({ title, icons, annotations, size }) => ({ title, icons, annotations, size });
      const { tools } = await client.listTools();
      assert.deepEqual(picked(find(tools, 'name', 'greet')), {
        title: 'Greeting', icons: [{ src: 'https://icons.example/hello.svg', mimeType: 'image/svg+xml', sizes: ['any'], theme: 'dark' }],
        annotations: { title: 'Hello', readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false }, size: undefined,
      });
      const { prompts } = await client.listPrompts();
      assert.deepEqual(picked(find(prompts, 'name', 'test_simple_prompt')),
        { title: 'Simple', icons: [{ src: 'data:image/png;base64,iVBORw0KGgo=', sizes: ['48x48', '96x96'] }], annotations: undefined, size: undefined });
      assert.deepEqual(picked(find((await client.listResources()).resources, 'uri', 'test://static-binary')), {
        title: 'Pixel', icons: [{ src: 'https://icons.example/pixel.png' }], size: 69,
        annotations: { audience: ['user', 'assistant'], priority: 0.5, lastModified: '2026-01-02T03:04:05Z' },
      });
      const { resourceTemplates } = await client.listResourceTemplates();
      assert.deepEqual(picked(resourceTemplates[0]),
        { title: 'Data', icons: [{ src: 'https://icons.example/data.png', theme: 'light' }], annotations: { audience: ['assistant'] }, size: undefined });
    });
    test('is never given structured content that does not fit what the tool promised', { skip: !asserts && 'only community plugins are held to it in this build' }, async () => {
      const result = await client.callTool({ name: 'test_wrong_output', arguments: {} });
      assert.equal(result.isError, true);
      assert.match(textOf(result), /structured content of tool "test_wrong_output" does not fit its outputSchema: \/n: /);
      assert.equal(result.structuredContent, undefined);
    });
    test('is told what is wrong with a request for a prompt', async () => {
      await assert.rejects(client.getPrompt({ name: 'test_simple_promt' }), /did you mean "?test_simple_prompt/);
      await assert.rejects(client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'x' } }), /needs the argument "arg2"/);
      await assert.rejects(client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'x', arg2: 'y', arg3: 'z' } }),
        /unknown argument "arg3"/);
    });
    test('lists resources and templates, and reads text, bytes and what a template stands for', async () => {
      assert.deepEqual((await client.listResources()).resources.map((resource) => resource.uri), ['test://static-binary', 'test://static-text', 'test://watched-resource', 'test://who-reads']);
      assert.deepEqual((await client.listResourceTemplates()).resourceTemplates.map((one) => one.uriTemplate), ['test://template/{id}/data']);
      const text = await client.readResource({ uri: 'test://static-text' });
      assert.deepEqual(text.contents, [{ uri: 'test://static-text', mimeType: 'text/plain', text: 'This is the content of the static text resource.' }]);
      const [binary] = (await client.readResource({ uri: 'test://static-binary' })).contents;
      assert.ok(isPng(binary.blob) && binary.mimeType === 'image/png');
      const [data] = (await client.readResource({ uri: 'test://template/a%20b/data' })).contents;
      assert.equal(JSON.parse(data.text).id, 'a b');
      // Client 2.4 makes one error of both eras' codes.
      await assert.rejects(client.readResource({ uri: 'test://template/1/2/data' }),
        (error) => error.code === (client.listen ? -32602 : -32002) && error.data.uri === 'test://template/1/2/data');
    });
    test('hears of the resource it subscribed to, and of no other', async () => {
      const heard = [];
      let told;
      const news = new Promise((resolve) => { told = resolve; });
      client.setNotificationHandler(client.listen ? 'notifications/resources/updated' : ResourceUpdatedNotificationSchema, ({ params }) => {
        heard.push(params.uri);
        told();
      });
      const uri = 'test://watched-resource';
      const update = (which) => client.callTool({ name: 'test_update_resource', arguments: { uri: which } });
      if (entry.revision === '2026-07-28') {
        const listening = await client.listen({ resourceSubscriptions: [uri, 'test://nothing'] });
        assert.deepEqual(listening.honoredFilter, { resourceSubscriptions: [uri] });
      } else {
        if (!entry.duplex) await streamOpen;
        await client.subscribeResource({ uri });
        await assert.rejects(client.subscribeResource({ uri: 'test://nothing' }), /there is no such resource/);
      }
      await update('test://static-text');
      await update(uri);
      await news;
      assert.deepEqual(heard, [uri]);
      if (entry.revision === '2026-07-28') return;
      await client.unsubscribeResource({ uri });
      await update(uri);
      await client.listPrompts();
      assert.deepEqual(heard, [uri]);
    });
    test('completes arguments', async () => {
      const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
      const { completion } = await client.complete({ ref, argument: { name: 'arg1', value: 'par' } });
      assert.deepEqual(completion, { values: ['paris', 'park', 'party'], total: 3, hasMore: false });
      const template = { type: 'ref/resource', uri: 'test://template/{id}/data' };
      assert.deepEqual((await client.complete({ ref: template, argument: { name: 'id', value: '' } })).completion.values, []);
      await assert.rejects(client.complete({ ref, argument: { name: 'arg9', value: '' } }), /has no argument "arg9"/);
    });
    test('completes an argument from what is known of others', async () => {
      const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
      const known = async (context) => (await client.complete({ ref, argument: { name: 'arg2', value: '' }, ...context })).completion.values;
      assert.deepEqual(await known({ context: { arguments: { arg1: 'paris', other: 'x' } } }), ['paris']);
      assert.deepEqual(await known({ context: { arguments: {} } }), []);
      assert.deepEqual(await known({ context: {} }), []);
      assert.deepEqual(await known(), []);
    });
    test('gets contents of every kind from tools', async () => {
      const kinds = async (name) => (await client.callTool({ name, arguments: {} })).content.map((block) => block.type);
      assert.deepEqual(await kinds('test_image_content'), ['image']);
      assert.deepEqual(await kinds('test_audio_content'), ['audio']);
      assert.deepEqual(await kinds('test_embedded_resource'), ['resource']);
      assert.deepEqual(await kinds('test_multiple_content_types'), ['text', 'image', 'resource']);
      const failed = await client.callTool({ name: 'test_error_handling', arguments: {} });
      assert.ok(failed.isError && textOf(failed).includes('intentionally'));
    });
    test('hears progress in three steps', async () => {
      const steps = [];
      await client.callTool(...(client.listen
        ? [{ name: 'test_tool_with_progress', arguments: {} }, { onprogress: (step) => steps.push(step.progress) }]
        : [{ name: 'test_tool_with_progress', arguments: {} }, undefined, { onprogress: (step) => steps.push(step.progress) }]));
      assert.deepEqual(steps, [0, 50, 100]);
    });
    test('hears log messages from the level it asked for', { skip: entry.revision === '2026-07-28' && 'asked per request there, see below' }, async () => {
      const heard = [];
      client.setNotificationHandler(client.listen ? 'notifications/message' : LoggingMessageNotificationSchema, ({ params }) => heard.push(params.data));
      await client.callTool({ name: 'test_tool_with_logging', arguments: {} });
      assert.deepEqual(heard, ['Tool execution started', 'Tool processing data', 'Tool execution completed']);
      await client.setLoggingLevel('warning');
      await client.callTool({ name: 'test_tool_with_logging', arguments: {} });
      assert.equal(heard.length, 3);
    });
  });
}

test('titles of the arguments of a prompt are sent, though the official clients leave them out', async () => {
  const server = await startServer(options);
  const { prompts } = (await modern(server.url, 'prompts/list')).json.result;
  assert.deepEqual(prompts.find(({ name }) => name === 'test_prompt_with_arguments').arguments, [
    { name: 'arg1', title: 'One', description: 'The first', required: true }, { name: 'arg2', description: 'The second', required: true }]);
  await server.stop();
});

test('2026-07-28: log messages come on the stream of the request that asked, and on no other', async () => {
  const server = await startServer(options);
  const call = (extra) => post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'test_tool_with_logging', arguments: {}, _meta: meta(extra) } },
    { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'test_tool_with_logging' });
  try {
    const silent = await call({});
    assert.equal(silent.json.result.isError, false);
    const { json: stream } = await call({ 'io.modelcontextprotocol/logLevel': 'debug' });
    const messages = stream.split('\n').filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)));
    assert.deepEqual(messages.map((message) => message.params?.data ?? 'result'),
      ['Tool execution started', 'Tool processing data', 'Tool execution completed', 'result']);
  } finally {
    await server.stop();
  }
});
