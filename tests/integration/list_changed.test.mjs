// After a reload that changes the tools every client hears of it: the official ones, in both eras, over both transports.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';

import { PromptListChangedNotificationSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

import { clients, connected, watchedFetch } from './sdk_clients.mjs';
import { config, inFolder, initialize, meta, program, run, startServer, startStdio, until } from './support.mjs';

const kChanged = 'notifications/tools/list_changed';
const kWith = ['describe_table', 'execute', 'list_tables', 'query', 'query_more'];
const kWithout = ['execute', 'query', 'query_more'];
const plugins = (schema) => ['pool', 'guard', 'query', ...(schema ? ['schema'] : [])];

// Connected, and listening where that takes a stream of its own.
async function listening(entry, there, options) {
  const client = await connected(entry, there, options);
  if (!entry.duplex && entry.revision !== '2026-07-28') await there.listening;
  return client;
}

// Where a client connects to: its own server on stdio, or one that runs. The control socket reaches both.
async function startedFor(entry) {
  if (!entry.stdio) {
    const server = await startServer();
    const { fetch, streamOpen } = watchedFetch();
    return { url: server.url, file: server.file, write: server.write, fetch, listening: streamOpen, stop: () => server.stop() };
  }
  const place = inFolder();
  const file = join(place.folder, 'howdah.yaml');
  const write = (changed) => writeFileSync(file, config({ ...changed, http: false, folder: place.folder }));
  write({});
  return { file, write, stop: async () => place.remove() };
}
const fixture = { fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } };

async function reload(there, schema, ...more) {
  there.write({ plugins: [...plugins(schema), ...more] });
  let done;
  // On stdio the first answers may come before the control socket, which is opened last, listens.
  await until('the server hears commands', () => {
    done = run(['reload', '-c', there.file]);
    return !done.err.includes('no server listens');
  });
  assert.equal(done.code, 0, done.err);
}
// The two SDKs name a notification differently; only 2.4 can listen().
const onChanged = (client, heard) => client.setNotificationHandler(client.listen ? kChanged : ToolListChangedNotificationSchema, heard);

for (const entry of clients) {
  describe(entry.name, () => {
    test('hears that tools went and came, and lists the new ones', async () => {
      const there = await startedFor(entry);
      const client = await listening(entry, there);
      try {
        let heard;
        const told = () => new Promise((resolve) => { heard = resolve; });
        onChanged(client, () => heard());
        if (entry.revision === '2026-07-28') await client.listen({ toolsListChanged: true });
        assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name), kWith);
        for (const schema of [false, true]) {
          const news = told();
          await reload(there, schema);
          await news;
          assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name), schema ? kWith : kWithout);
        }
      } finally {
        await client.close();
        await there.stop();
      }
    });

    test('hears that prompts came and went, and lists them', async () => {
      const there = await startedFor(entry);
      const client = await listening(entry, there);
      try {
        let heard;
        client.setNotificationHandler(client.listen ? 'notifications/prompts/list_changed' : PromptListChangedNotificationSchema, () => heard());
        if (entry.revision === '2026-07-28') await client.listen({ promptsListChanged: true });
        for (const more of [[fixture], []]) {
          const news = new Promise((resolve) => { heard = resolve; });
          await reload(there, true, ...more);
          await news;
          const { prompts } = await client.listPrompts(undefined, { cacheMode: 'refresh' });
          assert.equal(prompts.some(({ name }) => name === 'test_simple_prompt'), more.length > 0);
        }
      } finally {
        await client.close();
        await there.stop();
      }
    });

    test('with the option listChanged gets the new list by itself', async () => {
      const there = await startedFor(entry);
      let heard;
      const news = new Promise((resolve) => { heard = resolve; });
      const client = await listening(entry, there, { listChanged: { tools: { onChanged: (error, tools) => heard({ error, tools }) } } });
      try {
        await reload(there, false);
        const { error, tools } = await news;
        assert.equal(error ?? null, null);
        assert.deepEqual(tools.map((tool) => tool.name), kWithout);
      } finally {
        await client.close();
        await there.stop();
      }
    });
  });
}

test('client 2.4, 2026-07-28: a subscription says what it honours, ends when closed, and ends in peace with the server', async () => {
  const entry = clients.find(({ stdio, revision }) => !stdio && revision === '2026-07-28');
  const there = await startedFor(entry);
  const client = await connected(entry, there);
  try {
    const first = await client.listen({ toolsListChanged: true });
    assert.deepEqual(first.honoredFilter, { toolsListChanged: true });
    await first.close();
    assert.equal(await first.closed, 'local');
    const second = await client.listen({ toolsListChanged: true, promptsListChanged: true });
    assert.deepEqual(second.honoredFilter, { toolsListChanged: true, promptsListChanged: true });
    assert.equal((await there.stop()).code, 0);
    assert.equal(await second.closed, 'graceful');
  } finally {
    await client.close();
  }
});

test('raw stdio: legacy clients hear it unasked, once for each change; a subscription hears it with its id; a reload that changes nothing is silent', async () => {
  const server = startStdio();
  const changes = () => server.messages.filter((message) => message.method === kChanged);
  server.send({ id: 'listen-1', method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: meta() } });
  await server.next((message) => message.method === 'notifications/subscriptions/acknowledged');
  await server.request(1, 'initialize', initialize('2025-11-25'));
  server.send({ method: 'notifications/initialized' });
  await reload(server, false);
  await server.next((message) => message.method === kChanged && message.params?._meta);
  await server.next((message) => message.method === kChanged && !message.params?._meta);
  await reload(server, false);  // the same again
  await server.request(2, 'ping');
  const subscription = 'io.modelcontextprotocol/subscriptionId';
  assert.deepEqual(changes().map((message) => message.params?._meta?.[subscription]).sort(), ['listen-1', undefined]);
  server.send({ method: 'notifications/cancelled', params: { requestId: 'listen-1' } });
  await server.request(3, 'ping');
  await reload(server, true);
  await server.request(4, 'ping');
  assert.equal(changes().filter((message) => message.params?._meta).length, 1, 'a subscription that was taken back is told nothing');
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

test('raw stdio: an open subscription does not hold up the end of the server', async () => {
  const server = startStdio();
  server.send({ id: 's', method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: meta() } });
  await server.next((message) => message.method === 'notifications/subscriptions/acknowledged');
  const closed = Date.now();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.ok(Date.now() - closed < 1000, `ended ${Date.now() - closed} ms after its input; a subscription never ends by itself`);
});
