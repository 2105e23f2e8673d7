// A search for indexes is long: it ends in its time, tells how far it is, can be taken back, and goes on as a task when the
// connection that asked for it is gone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';

import { session } from './health_support.mjs';
import { asking, asReader, ddls, kByCustomer, kPlugins, rules, startShop } from './optimizer_support.mjs';
import { clients, connected } from './sdk_clients.mjs';
import { initialize, meta, modern, post, psql, startServer, startStdio, until } from './support.mjs';

let cluster;
let server;
const databases = () => `  main: { dsn: "${asReader(cluster.dsn)}" }`;
before(async () => {
  cluster = startShop();
  server = await startServer({ databases: databases(), plugins: kPlugins(), privileged: false });
});
after(async () => {
  if (server) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  cluster?.remove();
});

const there = (sql) => psql(sql, cluster.dsn);
const ask = asking(() => server.url);
const waiting = () => Number(there("select count(*) from pg_stat_activity where usename = 'shop_reader' and wait_event_type = 'Lock'"));
const alike = (length) => Array.from({ length }, (_, n) => ({ sql: `select o.id from shop.orders o join shop.customers c on c.id = o.customer_id where c.name = 'customer ${n}' and o.status = 'open' and o.total > ${n}` }));
const many = alike(60);

test('a search that has no time says that it is not complete', async () => {
  const advice = await ask('suggest_indexes', { time_budget_ms: 100, queries: many });
  assert.equal(advice.complete, false);
  assert.match(advice.hint, /time_budget_ms/);
  const { candidates_out_of_time = 0, statements_out_of_time = 0, only_combinations = false } = advice.not_judged;
  assert.notEqual(candidates_out_of_time + statements_out_of_time > 0, only_combinations, JSON.stringify(advice.not_judged));
  assert.ok(advice.cost_after <= advice.cost_before);
});

test('a client that goes away ends the search, and its place is free again', async () => {
  const holder = session(cluster.dsn);
  const tried = () => Number(there("select coalesce(sum(calls), 0) from pg_stat_statements where query ~ 'hypopg_create_index'"));
  try {
    for (let i = 0; i < 3; i++) {
      const gone = new AbortController();
      const before = tried();
      const call = modern(server.url, 'tools/call', { name: 'suggest_indexes', arguments: { queries: many, time_budget_ms: 60000, timeout_ms: 60000 } }, gone.signal);
      await until('the search has begun', () => tried() > before);
      await holder.done('begin; lock table shop.customers in access exclusive mode');
      await until('the search waits for the table', () => waiting() === 1);
      gone.abort();
      await assert.rejects(call);
      // The table stays held: a search that went on would wait for it longer than that.
      await until('the search has ended', () => waiting() === 0, 10000);
      await holder.done('rollback');
    }
  } finally {
    await holder.end();
  }
  await until('a session can be had', async () => (await ask('suggest_indexes', { sql: kByCustomer, params: [7] })).judged_by === 'hypopg');
});

for (const era of ['legacy', 'modern']) {
  test(`progress goes to whom asked for it, and a call taken back ends soon: stdio, ${era}`, async () => {
    const pipe = startStdio({ databases: databases(), plugins: kPlugins(), privileged: false });
    const holder = session(cluster.dsn);
    const params = (name, args, more) => ({ name, arguments: args, _meta: { ...(era === 'modern' && meta()), ...more } });
    const progressOf = (token) => pipe.messages.filter((message) => message.method === 'notifications/progress' && message.params.progressToken === token).map((message) => message.params);
    try {
      if (era === 'legacy') await pipe.request(0, 'initialize', initialize('2025-11-25'));
      for (const [name, args] of [['suggest_indexes', { queries: many }], ['optimize_query', { ...many[0], rewrites: false }]]) {
        assert.ok(!(await pipe.request(`${name} unasked`, 'tools/call', params(name, args))).result.isError);
        assert.equal(pipe.messages.filter((message) => message.method === 'notifications/progress').length, 0);
        assert.ok(!(await pipe.request(name, 'tools/call', params(name, args, { progressToken: name }))).result.isError);
        const told = progressOf(name);
        assert.ok(told.length > 0);
        told.forEach(({ progress, total, message }, at) => {
          assert.ok(total === 100 && progress <= 100 && progress > (told[at - 1]?.progress ?? -1), JSON.stringify(told));
          assert.match(message, /^judging \d+ candidates by hypopg$/);
        });
        pipe.messages.length = 0;

        await holder.done('begin; lock table shop.customers in access exclusive mode');
        pipe.send({ id: 'taken back', method: 'tools/call', params: params(name, args, { progressToken: 'p' }) });
        await until('it waits for the table', () => waiting() === 1);
        pipe.send({ method: 'notifications/cancelled', params: { requestId: 'taken back' } });
        await until('it has ended', () => waiting() === 0, 4000);  // the table stays held
        assert.ok(!(await pipe.request('then', 'tools/call', params('query', { sql: 'select 1' }))).result.isError);
        await holder.done('rollback');
        assert.deepEqual(pipe.messages.map(({ id }) => id), ['then']);
        pipe.messages.length = 0;
      }
    } finally {
      await holder.end();
      assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
    }
  });
}

for (const entry of clients.filter(({ name }) => /SDK over HTTP|2026-07-28, over HTTP/.test(name))) {
  test(`a search that has begun to tell of its progress can be taken back: ${entry.name}`, async () => {
    const client = await connected(entry, { url: server.url });
    const holder = session(cluster.dsn);
    try {
      const taken = new AbortController();
      const told = [];
      const options = { signal: taken.signal, onprogress: (progress) => { if (told.push(progress) === 1) holder.send('begin; lock table shop.customers in access exclusive mode'); } };
      const asked = { name: 'suggest_indexes', arguments: { queries: alike(200), time_budget_ms: 60000 } };
      const call = client.callTool(asked, ...(client.listen ? [] : [undefined]), options).then(() => null, (error) => error);
      await until('the search waits for the table', () => waiting() === 1);
      assert.ok(told.length > 0);
      taken.abort('no longer wanted');
      assert.match(String(await call), /no longer wanted|abort/i);
      await until('the search has ended', () => waiting() === 0, 4000);  // the table stays held
      await holder.done('rollback');
      assert.ok(!(await client.callTool({ name: 'query', arguments: { sql: 'select 1' } })).isError);
    } finally {
      await client.close();
      await holder.end();
    }
  });
}

const takesTasks = { 'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } } };
test('a search goes on as a task when the connection that asked for it is gone, for clients of both eras', async () => {
  const own = await startServer({ databases: databases(), plugins: kPlugins(), privileged: false, extra: 'tools: { profile: optimizer }' });
  const legacy = () => connected(clients.find(({ name }) => name === 'legacy SDK over HTTP'), { url: own.url });
  const asked = { queries: [{ sql: kByCustomer, params: [7] }] };
  const modernAsk = async (method, params) => (await post(own.url, { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta(takesTasks) } },
    { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, 'Mcp-Name': params.name ?? params.taskId })).json.result;
  const holder = session(cluster.dsn);
  const leaves = async (tool, args) => {
    const client = await legacy();
    const { tools } = await client.listTools();
    assert.deepEqual(tools.filter(({ execution }) => execution?.taskSupport === 'optional').map(({ name }) => name).sort(), ['optimize_query', 'suggest_indexes']);
    const stream = client.experimental.tasks.callToolStream({ name: tool, arguments: args }, CallToolResultSchema, { task: { ttl: 60000 } });
    const { task } = (await stream.next()).value;
    await client.close();
    await stream.return();
    return task.taskId;
  };
  try {
    // Nothing can be planned meanwhile, so each still works when its client has gone.
    await holder.done('begin; lock table shop.orders in access exclusive mode');
    const ids = [await leaves('suggest_indexes', asked), await leaves('optimize_query', { sql: "select * from shop.orders where placed::date = '2021-03-04'", rewrites: false })];
    const modernTask = await modernAsk('tools/call', { name: 'suggest_indexes', arguments: asked });
    assert.equal(modernTask.resultType, 'task');
    await until('all three wait for the table', () => waiting() === 3);
    await holder.done('rollback');
    const client = await legacy();
    const [advice, findings] = await Promise.all(ids.map((taskId) => client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema)));
    assert.match(ddls(advice.structuredContent)[0], /^create index concurrently on shop\.orders \(customer_id\)/);
    assert.ok(rules(findings.structuredContent).includes('unusable_index'));
    await client.close();
    const done = await until('the third has ended', async () => {
      const task = await modernAsk('tasks/get', { taskId: modernTask.taskId });
      return task.status !== 'working' && task;
    });
    assert.deepEqual([done.status, ddls(done.result.structuredContent)], ['completed', ddls(advice.structuredContent)]);
  } finally {
    await holder.end();
    assert.deepEqual(await own.stop(), { code: 0, signal: null });
  }
});
