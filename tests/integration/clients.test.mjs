// What the official clients see of the sample database, in every era and over every transport.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { clients, connected } from './sdk_clients.mjs';
import { config, inFolder, psql, startServer, textOf } from './support.mjs';

const place = inFolder();
const file = join(place.folder, 'howdah.yaml');
writeFileSync(file, config({ http: false, folder: place.folder }));
const written = `public.integration_${process.pid}`;
let server;
before(async () => { server = await startServer(); });
after(async () => {
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  place.remove();
  psql(`drop table if exists ${written}`);
});

const lists = new Map();
// The clients put keys in an order of their own.
const canonical = (value) => JSON.stringify(value, (_, part) => (part && typeof part === 'object' && !Array.isArray(part)
  ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part));
for (const entry of clients) {
  describe(entry.name, () => {
    let client;
    before(async () => { client = await connected(entry, { url: server.url, file }); });
    after(() => client.close());

    test('names the server and the revision', () => {
      assert.equal(client.getServerVersion().name, 'howdah');
      if (client.getNegotiatedProtocolVersion) assert.equal(client.getNegotiatedProtocolVersion(), entry.revision);
    });
    test('lists the tools in order', async () => {
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map((tool) => tool.name), ['describe_table', 'execute', 'list_tables', 'query', 'query_more']);
      lists.set(entry.name, canonical(tools));
    });
    test('reads with parameters; structured content fits the output schema', async () => {
      const result = await client.callTool({ name: 'query', arguments: { sql: 'select $1::int as n, $2::text as t', params: [7, 'x'] } });
      assert.ok(!result.isError, textOf(result));
      assert.deepEqual(result.structuredContent.rows, [[7, 'x']]);
      assert.deepEqual(JSON.parse(textOf(result)).rows, [[7, 'x']]);
    });
    test('lists and describes tables', async () => {
      const listed = await client.callTool({ name: 'list_tables', arguments: { schema: 'shop', detail: 'names' } });
      assert.match(textOf(listed), /shop\.orders|"orders"/);
      const described = await client.callTool({ name: 'describe_table', arguments: { table: 'shop.orders' } });
      assert.deepEqual(described.structuredContent.primary_key, ['id']);
    });
    test('writes where the operator allows it, and only there', async () => {
      const refused = await client.callTool({ name: 'execute', arguments: { sql: 'create table nope (i int)', database: 'main' } });
      assert.ok(refused.isError);
      const result = await client.callTool({ name: 'execute', arguments: { sql: `create table if not exists ${written} (i int)`, database: 'notes' } });
      assert.ok(!result.isError, textOf(result));
      const inserted = await client.callTool({ name: 'execute', arguments: { sql: `insert into ${written} values (1), (2)`, database: 'notes' } });
      assert.match(textOf(inserted), /2/);
    });
    test('a refused statement says rule, position and what to do', async () => {
      const result = await client.callTool({ name: 'query', arguments: { sql: 'select pg_read_file(\'/etc/passwd\')' } });
      assert.ok(result.isError);
      assert.match(textOf(result), /pg_read_file/);
    });
  });
}

test('every client was told the same tools', () => {
  assert.equal(lists.size, clients.length);
  const [first] = lists.values();
  for (const [name, list] of lists) assert.equal(list, first, name);
});
