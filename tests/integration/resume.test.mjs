// Event streams of legacy sessions that are taken up again: after a broken connection, and where the server ends the connection
// itself (polling).
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';

import { clients, connected } from './sdk_clients.mjs';
import { eventsOf, openSession, post, program, startServer, textOf } from './support.mjs';

const plugins = [{ fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } }];
const events = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' };

const call = (server, headers, name, args, id, signal) => fetch(server.url, {
  method: 'POST', signal, headers: { ...events, ...headers },
  body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, _meta: { progressToken: `p${id}` } } }),
});
const back = (server, headers, id) => fetch(server.url, { headers: { Accept: 'text/event-stream', ...headers, 'Last-Event-ID': id } });

describe('a stream that broke', () => {
  test('is gone on with where its client stopped', async () => {
    const server = await startServer({ plugins });
    const headers = await openSession(server.url, '2025-11-25');
    const broken = new AbortController();
    const answer = await call(server, headers, 'slow_compute', { seconds: 2, label: 'resumed' }, 7, broken.signal);
    assert.equal(answer.headers.get('x-accel-buffering'), 'no');
    const seen = [];
    for await (const event of eventsOf(answer)) {
      seen.push(event);
      if (seen.length === 2) break;
    }
    broken.abort();
    assert.equal(seen[0].data, '');  // primes the client
    assert.equal(JSON.parse(seen[1].data).method, 'notifications/progress');
    const rest = [];
    for await (const event of eventsOf(await back(server, headers, seen[1].id))) rest.push(event);
    assert.equal(JSON.parse(rest.at(0).data).params.progress, 1);
    assert.equal(textOf(JSON.parse(rest.at(-1).data).result), 'computed resumed in 2 s');
    const ids = [...seen, ...rest].map((event) => event.id);
    assert.equal(new Set(ids).size, ids.length);
    // Once more: what was said can be heard again for a while.
    const again = [];
    for await (const event of eventsOf(await back(server, headers, seen[0].id))) again.push(event);
    assert.deepEqual(again.map((event) => event.id), ids.slice(1));
    await server.stop();
  });
  test('is not opened for another session, nor by an id nobody gave', async () => {
    const server = await startServer({ plugins });
    const headers = await openSession(server.url, '2025-11-25');
    const other = await openSession(server.url, '2025-11-25');
    const answer = await call(server, headers, 'slow_compute', { seconds: 1, label: 'x' }, 1);
    const { value } = await eventsOf(answer).next();
    assert.equal((await back(server, other, value.id)).status, 400);
    assert.equal((await back(server, headers, 'nonsense')).status, 400);
    await server.stop();
  });
  test('an answer that is no stream has no event in it, however long it is', async () => {
    const server = await startServer({ plugins });
    const name = 'x'.repeat(300000);
    for (const revision of ['2025-11-25', '2025-06-18']) {
      const answer = await call(server, await openSession(server.url, revision), 'greet', { name }, 1);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.ok(textOf((await answer.json()).result).includes(name));
    }
    await server.stop();
  });
  for (const revision of ['2025-03-26', '2025-06-18']) {
    test(`${revision}: no empty event, but ids to come back with`, async () => {
      const server = await startServer({ plugins, http: ', auth: none, stream_hold_ms: 300' });
      const headers = await openSession(server.url, revision);
      const broken = new AbortController();
      const { value } = await eventsOf(await call(server, headers, 'slow_compute', { seconds: 2, label: 'old' }, 1, broken.signal)).next();
      broken.abort();
      assert.equal(JSON.parse(value.data).method, 'notifications/progress');
      const rest = [];
      for await (const event of eventsOf(await back(server, headers, value.id))) rest.push(event);
      assert.ok(rest.every((event) => event.data && event.id !== value.id));
      assert.equal(textOf(JSON.parse(rest.at(-1).data).result), 'computed old in 2 s');
      await server.stop();
    });
  }
  test('2024-11-05: neither empty events nor ids', async () => {
    const server = await startServer({ plugins });
    const headers = await openSession(server.url, '2024-11-05');
    const seen = [];
    for await (const event of eventsOf(await call(server, headers, 'slow_compute', { seconds: 1, label: 'oldest' }, 1))) seen.push(event);
    assert.ok(seen.length > 1 && seen.every((event) => event.data && !event.id));
    await server.stop();
  });
});

describe('a stream that is not held', () => {
  for (const entry of clients.filter(({ name }) => name === 'legacy SDK over HTTP')) {
    test(`${entry.name} comes back for its answer`, async () => {
      const server = await startServer({ plugins, http: ', auth: none, stream_hold_ms: 300' });
      const methods = [];
      const watched = (url, init) => {
        methods.push(init?.method);
        return fetch(url, init);
      };
      const client = await connected(entry, { url: server.url, fetch: watched });
      const result = await client.callTool({ name: 'test_reconnection', arguments: {} });
      assert.equal(textOf(result), 'Here again');
      assert.ok(methods.filter((method) => method === 'GET').length >= 2, 'it listens, and it came back');
      await client.close();
      await server.stop();
    });
  }
});

describe('messages of no call', () => {
  test('wait for a client whose stream broke', async () => {
    const server = await startServer({ plugins });
    const headers = await openSession(server.url, '2025-11-25');
    const open = new AbortController();
    const stream = await fetch(server.url, { headers: { Accept: 'text/event-stream', ...headers }, signal: open.signal });
    const { value } = await eventsOf(stream).next();
    open.abort();
    const subscribe = (method, id) => post(server.url, { jsonrpc: '2.0', id, method, params: { uri: 'test://watched-resource' } }, headers);
    await subscribe('resources/subscribe', 1);
    await post(server.url, { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'test_update_resource', arguments: { uri: 'test://watched-resource' } } }, headers);
    const ended = new AbortController();
    const resumed = await fetch(server.url, { headers: { Accept: 'text/event-stream', ...headers, 'Last-Event-ID': value.id }, signal: ended.signal });
    const missed = (await eventsOf(resumed).next()).value;
    assert.equal(JSON.parse(missed.data).method, 'notifications/resources/updated');
    ended.abort();
    await server.stop();
  });
});
