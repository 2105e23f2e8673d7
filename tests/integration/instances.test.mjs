// Three servers behind nginx, with one Redis and one PostgreSQL: to a client they are one. Limits are counted together, a
// legacy session lives on all of them, and when one dies nothing hangs and nothing is done twice.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { startNginx } from './nginx.mjs';
import { startRedis } from './redis_server.mjs';
import { clients, connected } from './sdk_clients.mjs';
import { callTool, dsn, eventsOf, initialize, meta, post, program, psql, run, startServer, textOf, until } from './support.mjs';

const kAccept = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' };
const kRevision = '2025-11-25';
const kDead_ms = 2000;  // within which a call of a dead instance ends for a client that comes back
const kCalls = 60;
const kTable = `instances_${process.pid}`;
const fixture = { fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } };
const seal_keys = `seal_keys: ['${'instances '.repeat(4)}']`;

let redis;
const start = (more = {}) => startServer({
  plugins: ['pool', 'guard', 'query', fixture, { redis: { socket: redis.socket, operation_timeout_ms: 500, ...more.redis } }, ...(more.plugins ?? [])],
  databases: `  main: { dsn: "${dsn}", access: read_write }`,
  extra: seal_keys,
  http: more.http ?? true,
});
const three = (more) => Promise.all([1, 2, 3].map(() => start(more)));
before(async () => { redis = await startRedis(); });
after(() => redis?.remove());

const all = async (answer) => {
  const events = [];
  for await (const event of eventsOf(answer)) events.push(event);
  return events;
};
const said = (event) => event.data && JSON.parse(event.data);
// The first event that fits, of a stream that is read on elsewhere.
async function first(events, fits) {
  for (;;) {
    const { value, done } = await events.next();
    assert.ok(!done, 'the stream ended before');
    if (fits(value)) return value;
  }
}

const opened = async (url, capabilities = {}) => {
  const answer = await post(url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: { ...initialize(kRevision), capabilities } });
  assert.equal(answer.status, 200, JSON.stringify(answer.json));
  return { 'Mcp-Session-Id': answer.headers.get('mcp-session-id'), 'MCP-Protocol-Version': kRevision };
};
const rpc = (server, headers, method, params = {}, id = 1) => post(server.url, { jsonrpc: '2.0', id, method, params }, headers);
const call = (server, headers, name, args, id, signal) => fetch(server.url, {
  method: 'POST', signal, headers: { ...kAccept, ...headers },
  body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, _meta: { progressToken: `p${id}` } } }),
});
const listen = (server, headers, last, signal) => fetch(server.url, {
  signal, headers: { Accept: 'text/event-stream', ...headers, ...(last && { 'Last-Event-ID': last }) },
});
const pinged = async (server, headers) => (await rpc(server, headers, 'ping')).status;

test('the example of config/ is one that starts', () => {
  const env = { DATABASE_URL: dsn, REDIS_PASSWORD: 'x', HOWDAH_SEAL_KEY: 'y'.repeat(32) };
  const { code, out, err } = run(['config', 'check', '-c', join(import.meta.dirname, '../../config/instances.yaml')], { env });
  assert.equal(code, 0, out + err);
});

describe('limits', () => {
  test('are counted together, exactly', async () => {
    const limit = { rate_limit: { shared: {}, tiers: { default: { principal: { calls: { day: kCalls } } } } } };
    const servers = await three({ plugins: [limit], redis: { key_prefix: 'limits:', operation_timeout_ms: 5000 } });
    const nginx = await startNginx(servers);
    const ask = () => callTool(nginx.url, 'query', { sql: 'select 1' });
    const passed = (results) => results.filter(({ isError }) => !isError).length;
    const results = await Promise.all(Array.from({ length: 2 * kCalls }, ask));
    // What an instance holds of its lease is had there.
    for (let i = 0; i < kCalls; i++) results.push(await ask());
    assert.equal(passed(results), kCalls);
    nginx.remove();
    for (const server of servers) await server.stop();
  });
});

describe('three instances', () => {
  let one;
  let two;
  let third;
  let nginx;
  before(async () => {
    [one, two, third] = await three();
    nginx = await startNginx([one, two, third]);
  });
  after(async () => {
    nginx.remove();
    for (const server of [one, two, third]) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  for (const entry of clients.filter(({ name }) => /HTTP/.test(name))) {
    test(`${entry.name}: hops between them and notices nothing`, async () => {
      const seen = new Set();
      const watched = async (url, init) => {
        const answer = await fetch(url, init);
        seen.add(answer.headers.get('x-upstream'));
        return answer;
      };
      const client = await connected(entry, { url: nginx.url, fetch: watched }, { capabilities: { elicitation: { form: {} } } });
      client.setRequestHandler(client.listen ? 'elicitation/create' : ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada', ok: true, color: 'blue' } }));
      for (let i = 0; i < 6; i++) {
        const { structuredContent } = await client.callTool({ name: 'query', arguments: { sql: 'select 6 * 7' } });
        assert.deepEqual(structuredContent.rows, [[42]]);
        // The answer to the question is the next request, so it lands at another instance.
        const asked = await client.callTool({ name: 'test_input_required_result_multi_round', arguments: {} });
        assert.equal(textOf(asked), 'Ada likes blue');
      }
      assert.equal(seen.size, 3, [...seen].join());
      await client.close();
    });
  }

  test('a session is of whoever opened it, everywhere, until it is ended anywhere', async () => {
    const headers = await opened(one.url);
    for (const server of [one, two, third]) assert.equal(await pinged(server, headers), 200);
    assert.equal(await pinged(two, { ...headers, 'Mcp-Session-Id': 'f'.repeat(48) }), 404);
    assert.equal(await pinged(two, { ...headers, 'Mcp-Session-Id': '../nonsense' }), 404);
    assert.equal((await fetch(third.url, { method: 'DELETE', headers })).status, 204);
    assert.equal((await fetch(two.url, { method: 'DELETE', headers })).status, 404);
    for (const server of [one, two, third]) await until('it is over', async () => (await pinged(server, headers)) === 404);
  });

  test('what a client has set is set at all of them', async () => {
    const headers = await opened(one.url);
    assert.equal(await pinged(two, headers), 200);
    assert.equal((await rpc(one, headers, 'logging/setLevel', { level: 'error' })).status, 200);
    await until('the second is as quiet', async () => {
      const events = await all(await call(two, headers, 'test_tool_with_logging', {}, 9));
      return !events.some((event) => said(event)?.method === 'notifications/message');
    });
    assert.ok((await all(await call(third, await opened(one.url), 'test_tool_with_logging', {}, 9))).some((event) => said(event)?.method === 'notifications/message'));
  });

  test('an answer to a question reaches the call that asked, wherever it lands', async () => {
    const headers = await opened(one.url, { elicitation: {}, sampling: {} });
    const events = eventsOf(await call(one, headers, 'test_input_required_result_elicitation', {}, 5));
    const question = said(await first(events, (event) => said(event)?.method === 'elicitation/create'));
    const answer = { jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: { name: 'Ada' } } };
    // Nobody else's session can answer it.
    const stranger = await opened(two.url, { elicitation: {} });
    await post(two.url, { ...answer, result: { action: 'decline' } }, stranger);
    assert.equal((await post(two.url, answer, headers)).status, 202);
    assert.equal(textOf(said(await first(events, (event) => said(event)?.id === 5)).result), 'Hello, Ada!');
    // One that is too long for a message of the instances.
    const sampled = eventsOf(await call(one, headers, 'test_input_required_result_sampling', {}, 6));
    const ask = said(await first(sampled, (event) => said(event)?.method === 'sampling/createMessage'));
    const text = 'long '.repeat(20_000);
    assert.equal((await post(third.url, { jsonrpc: '2.0', id: ask.id, result: { role: 'assistant', model: 'test', content: { type: 'text', text } } }, headers)).status, 202);
    assert.equal(textOf(said(await first(sampled, (event) => said(event)?.id === 6)).result), text);
  });

  test('a call is cancelled from anywhere', async () => {
    const headers = await opened(one.url);
    const events = eventsOf(await call(one, headers, 'slow_compute', { seconds: 60, label: 'x' }, 7));
    await first(events, (event) => said(event)?.method === 'notifications/progress');
    assert.equal((await post(two.url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }, headers)).status, 202);
    for (;;) {
      const { value, done } = await events.next();
      if (done) break;
      assert.notEqual(said(value)?.id, 7, 'a cancelled call is not answered');
    }
  });

  test('a stream that broke is gone on with at another one, and said again by a third', async () => {
    const headers = await opened(one.url);
    const broken = new AbortController();
    const answer = await call(one, headers, 'slow_compute', { seconds: 3, label: 'resumed' }, 'seven', broken.signal);
    const seen = [];
    for await (const event of eventsOf(answer)) {
      seen.push(event);
      if (seen.length === 2) break;
    }
    broken.abort();
    const rest = await all(await listen(two, headers, seen[1].id));
    assert.equal(said(rest.at(-1)).id, 'seven');
    assert.equal(textOf(said(rest.at(-1)).result), 'computed resumed in 3 s');
    const ids = [...seen, ...rest].map((event) => event.id);
    assert.equal(new Set(ids).size, ids.length);
    for (const server of [third, one]) {
      const again = await all(await listen(server, headers, seen[0].id));
      assert.deepEqual(again.map(({ id, data }) => [id, data]), [...seen.slice(1), ...rest].map(({ id, data }) => [id, data]));
    }
    // Not for another session, nor by an id nobody gave.
    const stranger = await opened(two.url);
    const foreign = await all(await listen(two, stranger, seen[0].id));
    assert.equal(said(foreign.at(-1)).error.code, -32603);
    assert.equal((await listen(two, headers, 'nonsense')).status, 400);
  });

  test('an open stream hears what is said at the others', async () => {
    const uri = 'test://watched-resource';
    const headers = await opened(one.url);
    const ended = new AbortController();
    const events = eventsOf(await listen(two, headers, undefined, ended.signal));
    await first(events, (event) => event.data === '');
    assert.equal((await rpc(third, headers, 'resources/subscribe', { uri })).status, 200);
    // From a client that is none of this session's, at the first.
    let heard = false;
    first(events, (event) => said(event)?.method === 'notifications/resources/updated').then(() => { heard = true; });
    await until('the second says what the third was asked to watch', async () => {
      await callTool(one.url, 'test_update_resource', { uri });
      return heard;
    });
    ended.abort();
  });

  test('a stream of no call that broke at one instance is taken up at another', async () => {
    const uri = 'test://watched-resource';
    const headers = await opened(one.url);
    assert.equal((await rpc(one, headers, 'resources/subscribe', { uri })).status, 200);
    const broken = new AbortController();
    const events = eventsOf(await listen(one, headers, undefined, broken.signal));
    const { id } = await first(events, (event) => event.data === '');
    broken.abort();
    await callTool(two.url, 'test_update_resource', { uri });
    const ended = new AbortController();
    const resumed = eventsOf(await listen(third, headers, id, ended.signal));
    assert.equal(said(await first(resumed, (event) => event.data)).method, 'notifications/resources/updated');
    // And what comes from now on is heard there.
    await callTool(two.url, 'test_update_resource', { uri });
    assert.equal(said(await first(resumed, (event) => event.data)).params.uri, uri);
    ended.abort();
  });

  test('2026-07-28: what one has asked, another one is answered', async () => {
    const tool = 'test_input_required_result_multi_round';
    const can = meta({ 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } });
    const ask = async (server, params) => (await post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: {}, _meta: can, ...params } },
      { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': tool })).json.result;
    const name = await ask(one);
    assert.equal(name.resultType, 'input_required');
    const color = await ask(two, { requestState: name.requestState, inputResponses: { step1: { action: 'accept', content: { name: 'Ada' } } } });
    const done = await ask(third, { requestState: color.requestState, inputResponses: { step2: { action: 'accept', content: { color: 'blue' } } } });
    assert.equal(textOf(done), 'Ada likes blue');
  });

  test('who can write to Redis can make no session and read none', async () => {
    const headers = await opened(one.url);
    await opened(two.url);
    const keys = redis.ask('--raw', 'keys', 'howdah:session/*').split('\n').filter((key) => !key.slice('howdah:session/'.length).includes('/'));
    // Everybody's record in place of somebody else's.
    assert.ok(keys.length > 1);
    assert.ok(!keys.join().includes(headers['Mcp-Session-Id']));
    const values = redis.ask('--raw', 'mget', ...keys).split('\n');
    for (const value of values) assert.doesNotMatch(value, /local|2025-11-25/);
    const other = await opened(one.url);
    values.push(values.shift());
    redis.ask('mset', ...keys.flatMap((key, i) => [key, values[i]]));
    assert.equal(await pinged(third, headers), 404);
    // What an instance would say to cancel a call, but for the seal, reaches them all and does nothing.
    const events = eventsOf(await call(one, other, 'slow_compute', { seconds: 2, label: 'x' }, 7));
    await first(events, (event) => said(event)?.method === 'notifications/progress');
    const forged = { k: 'cancel', from: '0123456789abcdef', s: other['Mcp-Session-Id'], id: '7' };
    assert.equal(redis.ask('publish', 'howdah:0:instances', JSON.stringify(forged)), '3');
    assert.equal(textOf(said(await first(events, (event) => said(event)?.id === 7)).result), 'computed x in 2 s');
  });
});

describe('while Redis is away', () => {
  test('what an instance holds is served on, all else is refused at once, and both come back', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    const headers = await opened(one.url);
    const unknown = await opened(one.url);
    assert.equal(await pinged(two, headers), 200);
    await redis.down();
    const began = Date.now();
    assert.equal(await pinged(two, headers), 200);
    const refused = await post(two.url, { jsonrpc: '2.0', id: 1, method: 'ping' }, unknown);
    assert.equal(refused.status, 503);
    assert.match(refused.json.error.message, /cannot be looked up at the moment, try again later: redis at/);
    assert.equal((await post(two.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize(kRevision) })).status, 503);
    assert.equal((await fetch(two.url, { method: 'DELETE', headers })).status, 503);
    assert.equal((await rpc(two, headers, 'logging/setLevel', { level: 'error' })).status, 503);
    assert.equal((await rpc(two, headers, 'resources/subscribe', { uri: 'test://watched-resource' })).status, 503);
    const cancelled = await post(two.url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }, headers);
    assert.equal(cancelled.status, 503);
    assert.match(cancelled.json.error.message, /store in which instances share sessions cannot be used/);
    assert.ok(Date.now() - began < 10_000, 'nothing hangs');
    await redis.up();
    await until('sessions begin again', async () => (await post(two.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize(kRevision) })).status === 200);
    // Redis has forgotten everything, so the old ones end, and their clients begin anew.
    await until('it is over', async () => (await pinged(two, headers)) === 404);
    for (const server of [one, two]) assert.equal((await server.stop()).code, 0);
  });
});

describe('an instance that is killed under load', () => {
  before(() => psql(`drop table if exists ${kTable}; create table ${kTable} (n int)`));
  after(() => psql(`drop table ${kTable}`));

  test('ends its calls with a clear error within 2 s, and nothing is done twice', async () => {
    const servers = await three();
    const [victim, two, third] = servers;
    const nginx = await startNginx(servers);
    const headers = await opened(victim.url, { elicitation: {} });
    // Load: each call writes a number of its own, and is sent once.
    let next = 0;
    let stopping = false;
    const done = new Set();
    const lost = new Set();
    const worker = async () => {
      while (!stopping) {
        const n = ++next;
        const result = await callTool(nginx.url, 'execute', { sql: `insert into ${kTable} values (${n})` }).catch(() => undefined);
        (result && !result.isError ? done : lost).add(n);
      }
    };
    const load = Array.from({ length: 4 }, worker);
    await until('the load is on', () => done.size > 30);

    // A call that has said something, one that waits for an answer, and a stream of no call.
    const slow = eventsOf(await call(victim, headers, 'slow_compute', { seconds: 60, label: 'x' }, 'slow'));
    const { id: slowId } = await first(slow, (event) => said(event)?.method === 'notifications/progress');
    const asking = eventsOf(await call(victim, headers, 'test_input_required_result_elicitation', {}, 11));
    const asked = await first(asking, (event) => said(event)?.method === 'elicitation/create');
    const stream = eventsOf(await listen(victim, headers));
    const { id: streamId } = await first(stream, (event) => event.data === '');
    const began = Date.now();
    victim.child.kill('SIGKILL');
    await victim.exited;
    for (const events of [slow, asking, stream]) await assert.rejects(async () => { for await (const event of { [Symbol.asyncIterator]: () => events }) void event; });

    const ended = await Promise.all([listen(two, headers, slowId).then(all), listen(third, headers, asked.id).then(all)]);
    const took = Date.now() - began;
    for (const [events, id] of [[ended[0], 'slow'], [ended[1], 11]]) {
      const { id: its, error } = said(events.at(-1));
      assert.equal(its, id);
      assert.equal(error.code, -32603);
      assert.match(error.message, /instance that ran this call is gone; whether the call took effect is not known/);
    }
    console.log(`figure: calls of an instance that was killed ended, for a client that came back, ${took} ms after the kill (at most ${kDead_ms})`);
    assert.ok(took < kDead_ms, `${took} ms`);
    // Its answer has nobody who waits for it; asked again, the same is said.
    const answer = await post(two.url, { jsonrpc: '2.0', id: said(asked).id, result: { action: 'accept', content: { name: 'Ada' } } }, headers);
    assert.equal(answer.status, 410);
    assert.match(answer.json.error.message, /instance that asked is gone/);
    assert.deepEqual((await all(await listen(third, headers, slowId))).map(({ id, data }) => [id, data]), ended[0].map(({ id, data }) => [id, data]));
    // The session goes on, and so does its stream: what may have been said in between is said to be so.
    for (const server of [two, third]) assert.equal(await pinged(server, headers), 200);
    const gone = new AbortController();
    const resumed = eventsOf(await listen(two, headers, streamId, gone.signal));
    assert.match(said(await first(resumed, (event) => event.data)).method, /list_changed$/);
    gone.abort();

    const before_ms = done.size;
    await until('the load goes on', () => done.size > before_ms + 30);
    stopping = true;
    await Promise.all(load);
    const rows = psql(`select n || ' ' || count(*) from ${kTable} group by n`).split('\n').map((line) => line.split(' ').map(Number));
    assert.deepEqual(rows.filter(([, count]) => count !== 1), [], 'no call was done twice');
    const written = new Set(rows.map(([n]) => n));
    assert.deepEqual([...done].filter((n) => !written.has(n)), [], 'what was answered is done');
    assert.ok(lost.size <= 16, `${lost.size} calls were lost with it, of ${next}`);
    nginx.remove();
    for (const server of [two, third]) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });
});
