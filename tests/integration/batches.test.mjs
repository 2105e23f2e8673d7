// A batch of 2025-03-26 is its members: each is a request with hooks of its own and an answer of its own.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { initialize, openSession, post, program, startServer, startStdio, textOf } from './support.mjs';

const kRevision = '2025-03-26';
const options = { plugins: [{ hookchains: { library: join(dirname(program), 'tests/test_plugins/hookchains') } }, 'pool', 'guard', 'query', 'schema'] };
const call = (id, name, args) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } });
const query = (id, sql) => call(id, 'query', { sql });
const rowsOf = (answer) => JSON.parse(textOf(answer.result)).rows;

// What one client needs: ask(body) sends a batch or one message and gives what came back for it.
async function overHttp() {
  const server = await startServer(options);
  const headers = await openSession(server.url, kRevision);
  return {
    async ask(body) {
      const { status, json } = await post(server.url, body, headers);
      assert.equal(status, json.error ? 400 : 200);
      return json;
    },
    stop: () => server.stop(),
  };
}
async function overStdio() {
  const pipe = startStdio(options);
  await pipe.request('open', 'initialize', initialize(kRevision));
  return {
    ask(body) {
      const before = pipe.messages.length;
      pipe.child.stdin.write(`${JSON.stringify(body)}\n`);
      return pipe.next((message) => pipe.messages.indexOf(message) >= before);
    },
    stop: () => pipe.stop(),
  };
}

for (const [transport, connect] of [['HTTP', overHttp], ['stdio', overStdio]]) {
  describe(transport, () => {
    let client;
    before(async () => { client = await connect(); });
    after(async () => assert.deepEqual(await client.stop(), { code: 0, signal: null }));

    // [[statement, its hooks in order], ...], one for each request, in the order in which they began.
    async function chains() {
      const seen = JSON.parse(textOf((await client.ask(call('chains', 'hook_chains', {}))).result));
      const byRequest = new Map();
      for (const { request, hook, sql } of seen) {
        if (sql?.includes('pg_catalog.')) continue;  // what the guard asks of the catalog, in its own time
        if (!byRequest.has(request)) byRequest.set(request, [sql, []]);
        assert.equal(byRequest.get(request)[0], sql, 'the hooks of a request see its statement');
        byRequest.get(request)[1].push(hook);
      }
      return [...byRequest.values()];
    }
    const whole = ['beforeCall', 'beforeQuery', 'afterQuery', 'afterCall'];

    test('each member passes the hooks for itself, also when two ask the same', async () => {
      const statements = ['select 1', 'select 2', 'select 2', 'select 4'];
      const answers = await client.ask(statements.map((sql, index) => query(index, sql)));
      assert.deepEqual(answers.map((answer) => answer.id), [0, 1, 2, 3]);
      assert.deepEqual(answers.map(rowsOf), [[[1]], [[2]], [[2]], [[4]]]);
      assert.deepEqual(await chains(), statements.map((sql) => [sql, whole]));
    });

    test('a member that is denied, fails or is no call changes nothing for the others', async () => {
      const answers = await client.ask([
        query('first', "select 'first'"),
        query('call', "select 'deny the call'"),
        query('query', "select 'deny the query'"),
        query('wrong', 'select nam from shop.customers'),
        query('guarded', 'delete from shop.orders'),
        call('unknown', 'qery', {}),
        { jsonrpc: '2.0', id: 'ping', method: 'ping' },
        { jsonrpc: '2.0', method: 'notifications/unheard_of' },
        query('last', "select 'last'"),
      ]);
      assert.deepEqual(answers.map((answer) => answer.id), ['first', 'call', 'query', 'wrong', 'guarded', 'unknown', 'ping', 'last']);
      const by = Object.fromEntries(answers.map((answer) => [answer.id, answer]));
      for (const id of ['first', 'last']) assert.deepEqual(rowsOf(by[id]), [[id]]);
      for (const [id, reason] of [['call', /deny the call/], ['query', /deny the query/], ['wrong', /42703/], ['guarded', /data-modification/]]) {
        assert.ok(by[id].result.isError, id);
        assert.match(textOf(by[id].result), reason);
      }
      assert.equal(by.unknown.error.code, -32602);
      assert.deepEqual(by.ping.result, {});
      assert.deepEqual(await chains(), [
        ["select 'first'", whole],
        ["select 'deny the call'", ['beforeCall']],
        ["select 'deny the query'", ['beforeCall', 'beforeQuery', 'afterCall, failed']],
        ['select nam from shop.customers', ['beforeCall', 'beforeQuery', 'onError', 'afterCall, failed']],
        ['delete from shop.orders', ['beforeCall', 'beforeQuery', 'onError', 'afterCall, failed']],
        ["select 'last'", whole],
      ]);
    });

    test('50 members are served, 51 are refused as a whole and none of them is run', async () => {
      const members = (count) => Array.from({ length: count }, (_, index) => query(index, `select ${index}`));
      const answers = await client.ask(members(50));
      assert.deepEqual(answers.map(rowsOf), members(50).map((_, index) => [[index]]));
      assert.deepEqual(await chains(), members(50).map((_, index) => [`select ${index}`, whole]));
      const { error } = await client.ask(members(51));
      assert.deepEqual(error, { code: -32600, message: 'a batch has at most 50 messages' });
      assert.deepEqual(await chains(), []);
    });
  });
}
