// `howdah demo --check`: a private PostgreSQL is made, filled, served, called and gone again.
import assert from 'node:assert/strict';
import { chmodSync, readdirSync } from 'node:fs';
import { after, test } from 'node:test';

import { inFolder, run } from './support.mjs';

const place = inFolder();
after(() => place.remove());

test('demo --check shows the sample business, a refused write and what clients paste, and leaves nothing behind', () => {
  chmodSync(place.folder, 0o711);  // as root, PostgreSQL runs as another user
  const env = { HOME: place.folder, TMPDIR: place.folder, XDG_STATE_HOME: `${place.folder}/state`, XDG_RUNTIME_DIR: `${place.folder}/run` };
  const done = run(['demo', '--check', '--port', '0'], { env, cwd: place.folder, timeout: 120000 });
  assert.equal(done.code, 0, done.err + done.out);
  assert.match(done.out, /shop\.orders/);
  assert.match(done.out, /\|\s*revenue\s*\|/);
  assert.match(done.out, /data-modification/);
  assert.match(done.out, /"mcpServers"/);
  const [, url] = done.out.match(/serving (http:\/\/127\.0\.0\.1:\d+\/mcp)/);
  assert.notEqual(new URL(url).port, '0');
  assert.deepEqual(readdirSync(place.folder).filter((name) => name.startsWith('howdah-embedded-')), []);
});
