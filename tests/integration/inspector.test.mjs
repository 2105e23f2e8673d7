// The MCP Inspector's command line, over HTTP and stdio, in both eras.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { config, inFolder, program, startServer } from './support.mjs';

const place = inFolder();
const file = join(place.folder, 'howdah.yaml');
writeFileSync(file, config({ http: false, folder: place.folder }));
let server;
before(async () => { server = await startServer(); });
after(async () => {
  assert.equal((await server.stop()).code, 0);
  place.remove();
});

const inspector = join(import.meta.dirname, 'node_modules/.bin/mcp-inspector');
const inspect = (where, ...options) => spawnSync(process.execPath, [inspector, '--cli', ...where, ...options],
  { encoding: 'utf8', env: { ...process.env, HOME: place.folder } });

for (const target of ['http', 'stdio']) {
  for (const era of ['legacy', 'modern']) {
    test(`the Inspector lists tools and calls one over ${target}, ${era} era`, () => {
      const where = target === 'http' ? [server.url] : [program, 'serve', '-c', file];
      const options = ['--protocol-era', era, '--format', 'json'];
      const listed = inspect(where, ...options, '--method', 'tools/list');
      assert.equal(listed.status, 0, listed.stderr);
      for (const tool of ['describe_table', 'execute', 'list_tables', 'query', 'query_more']) assert.match(listed.stdout, new RegExp(`"${tool}"`));
      const called = inspect(where, ...options, '--method', 'tools/call', '--tool-name', 'query', '--tool-arg', 'sql=select 41 + 1 as answer');
      assert.equal(called.status, 0, called.stderr);
      assert.match(called.stdout, /\[\[42\]\]|"rows":\s*\[\s*\[\s*42\s*\]\s*\]/);
    });
  }
}

test('the Inspector finds no schema that other clients could not read', () => {
  const strict = inspect([server.url], '--method', 'tools/list', '--strict');
  assert.equal(strict.status, 0, strict.stderr);
});
