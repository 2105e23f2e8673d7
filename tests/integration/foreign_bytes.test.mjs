// M31: whatever plugins and their children print, the wire holds messages and nothing else.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { inFolder, initialize, startStdio } from './support.mjs';

const kLines = 1_000_000;
const kNoisyEvery = 1000;
const source = join(import.meta.dirname, '../..');
const place = inFolder();
after(() => place.remove());

// hello_c, made to print on every way to the terminal each time it is called.
function noisyPlugin() {
  const folder = join(place.folder, 'noisy');
  mkdirSync(folder, { recursive: true });
  const example = join(source, 'sdk/examples/hello_c');
  const manifest = JSON.parse(readFileSync(join(example, 'plugin.json'), 'utf8'));
  Object.assign(manifest, { id: 'noisy' });
  writeFileSync(join(folder, 'plugin.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'noise.c'), `
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static __attribute__((constructor)) void at_load(void) { puts("NOISE from a constructor"); fflush(stdout); }
static void noise(void) {
    printf("NOISE from printf\\n");
    fflush(stdout);
    if (write(1, "NOISE to fd 1\\n", 14) < 0 || system("echo NOISE from a child") < 0) abort();
}
#include "hello_c.c"
`);
  const text = readFileSync(join(example, 'hello_c.c'), 'utf8');
  const body = text.replace(/(static howdah_status greet\([^)]*\) \{)/, '$1 noise();');
  assert.notEqual(body, text, 'greet() of hello_c was not found');
  writeFileSync(join(folder, 'hello_c.c'), body);
  execFileSync(process.env.CC || 'cc', ['-std=gnu11', '-shared', '-fPIC', '-fvisibility=hidden', '-I', join(source, 'sdk/include'),
    '-DHOWDAH_PLUGIN_ID="noisy"', `-DHOWDAH_PLUGIN_VERSION="${manifest.version}"`, `-DHOWDAH_ABI_NEEDS=${manifest.abi.needs}`,
    '-o', join(folder, 'noisy.so'), join(folder, 'noise.c')]);
  return { folder, tool: manifest.tools[0].name };
}

test(`a plugin that prints: no foreign byte in ${kLines} lines`, async () => {
  const { folder, tool } = noisyPlugin();
  const pipe = startStdio({ plugins: [{ noisy: { library: folder, run: 'worker' } }] });
  await pipe.request('open', 'initialize', initialize('2025-11-25'));
  // Lines are judged as they are, not as what a parser makes of them.
  let lines = 0;
  let foreign = 0;
  let done;
  const all = new Promise((resolve) => { done = resolve; });
  pipe.each((message) => {
    if (message.jsonrpc !== '2.0' || JSON.stringify(message).includes('NOISE')) foreign++;
    if (++lines === kLines) done();
  });
  for (let id = 0; id < kLines; id++) {
    const request = id % kNoisyEvery === 0 ? { id, method: 'tools/call', params: { name: tool, arguments: { name: 'Ada' } } } : { id, method: 'ping' };
    if (!pipe.send(request)) await once(pipe.child.stdin, 'drain');
  }
  await all;
  assert.equal(foreign, 0);
  assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
  console.log(`figure: stdio with a plugin that prints: ${foreign} foreign bytes in ${lines} lines`);
}, { timeout: 600_000 });
