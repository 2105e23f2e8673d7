// The official TypeScript clients, 2.4 and legacy 1.32, over stdio and HTTP, in both eras, and the Inspector.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as LegacyStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as LegacyHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { config, inFolder, program, startServer, textOf } from './support.mjs';

const place = inFolder();
const file = join(place.folder, 'howdah.yaml');
writeFileSync(file, config({ http: false, folder: place.folder }));
const command = { command: program, args: ['serve', '-c', file], stderr: 'ignore' };
const info = { name: 'integration', version: '1' };
let server;
before(async () => { server = await startServer(); });
after(async () => { assert.deepEqual(await server.stop(), { code: 0, signal: null }); place.remove(); });

const clients = {
  'legacy SDK over stdio': [() => new LegacyClient(info), () => new LegacyStdio(command), '2025-11-25'],
  'legacy SDK over HTTP': [() => new LegacyClient(info), () => new LegacyHttp(new URL(server.url)), '2025-11-25'],
  'client 2.4, legacy era, over stdio': [() => new ModernClient(info), () => new ModernStdio(command), '2025-11-25'],
  'client 2.4, legacy era, over HTTP': [() => new ModernClient(info), () => new ModernHttp(new URL(server.url)), '2025-11-25'],
  'client 2.4, 2026-07-28, over stdio': [
    () => new ModernClient(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } }), () => new ModernStdio(command), '2026-07-28'],
  'client 2.4, 2026-07-28, over HTTP': [
    () => new ModernClient(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } }), () => new ModernHttp(new URL(server.url)), '2026-07-28'],
};

const lists = new Map();
// The clients put keys in an order of their own.
const canonical = (value) => JSON.stringify(value, (_, part) => (part && typeof part === 'object' && !Array.isArray(part)
  ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part));
for (const [name, [make, transport, revision]] of Object.entries(clients)) {
  describe(name, () => {
    let client;
    before(async () => { client = make(); await client.connect(transport()); });
    after(() => client.close());

    test('names the server and the revision', () => {
      assert.equal(client.getServerVersion().name, 'howdah');
      if (client.getNegotiatedProtocolVersion) assert.equal(client.getNegotiatedProtocolVersion(), revision);
    });
    test('lists the four tools in order', async () => {
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map((tool) => tool.name), ['describe_table', 'execute', 'list_tables', 'query']);
      lists.set(name, canonical(tools));
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
      const result = await client.callTool({ name: 'execute', arguments: { sql: 'create table if not exists public.it (i int)', database: 'notes' } });
      assert.ok(!result.isError, textOf(result));
      const inserted = await client.callTool({ name: 'execute', arguments: { sql: 'insert into public.it values (1), (2)', database: 'notes' } });
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
  assert.equal(lists.size, Object.keys(clients).length);
  const [first] = lists.values();
  for (const [name, list] of lists) assert.equal(list, first, name);
});

for (const target of ['http', 'stdio']) {
  test(`the Inspector calls a tool over ${target}`, () => {
    const inspector = join(import.meta.dirname, 'node_modules/.bin/mcp-inspector');
    const where = target === 'http' ? [server.url] : [program, 'serve', '-c', file];
    const done = spawnSync(process.execPath, [inspector, '--cli', ...where, '--method', 'tools/call', '--tool-name', 'query',
      '--tool-arg', 'sql=select 41 + 1 as answer'], { encoding: 'utf8', env: { ...process.env, HOME: place.folder } });
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /42/);
  });
}
