// What the real tools and the real server say on the wire, judged by a foreign validator: every message against the MCP
// schema of its revision, every structured answer against the output schema its tool declares.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

import { eventsOf, initialize, meta, psql, run, shared, startServer, startStdio, until } from './support.mjs';

const { file: folder, skip } = shared('mcp/schema');
const kRevisions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'];
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

function judgeOf(revision) {
  const path = join(folder, revision, 'schema.json');
  assert.ok(existsSync(path), path);
  const schema = JSON.parse(readFileSync(path, 'utf8'));
  const options = { strict: false, allErrors: true };
  const ajv = schema.$schema.includes('2020') ? new Ajv2020(options) : new Ajv(options);
  formats.default ? formats.default(ajv) : formats(ajv);
  ajv.addSchema(schema, 'mcp');
  const where = schema.$defs ? '$defs' : 'definitions';
  return (type, value) => {
    const validate = ajv.getSchema(`mcp#/${where}/${type}`);
    assert.ok(validate(value), `${revision} ${type}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value).slice(0, 600)}`);
  };
}

// A server over HTTP, used as startStdio's pipe is: what comes by POST, by event streams and by the stream of a session is kept.
async function startHttp(revision) {
  const server = await startServer();
  const messages = [];
  const next = (fits) => until('the message comes', () => messages.find(fits));
  let session = {};
  async function read(answer) {
    if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) {
      const text = await answer.text();
      if (text) messages.push(JSON.parse(text));
      return;
    }
    for await (const { data } of eventsOf(answer)) if (data) messages.push(JSON.parse(data));
  }
  const streams = [];
  async function send({ id, method, params }) {
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': revision, 'Mcp-Method': method, ...session };
    if (params?.name) headers['Mcp-Name'] = params.name;
    const answer = await fetch(server.url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id, method, params }) });
    streams.push(read(answer));
    if (method === 'initialize') {
      session = { 'Mcp-Session-Id': answer.headers.get('mcp-session-id') };
      streams.push(read(await fetch(server.url, { headers: { Accept: 'text/event-stream', 'MCP-Protocol-Version': revision, ...session } })));
    }
  }
  return {
    file: server.file, write: server.write, messages, next, send,
    async request(id, method, params) {
      await send({ id, method, params });
      return next((message) => message.id === id);
    },
    async stop() {
      const ended = await server.stop();
      await Promise.all(streams);
      return ended;
    },
  };
}
const kWires = { stdio: () => startStdio(), HTTP: startHttp };

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
