// Commands reach the server of the configuration they are given, and no other.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { atExit, config, inFolder, program, run, until } from './support.mjs';

const place = inFolder();
after(() => place.remove());
process.env.XDG_RUNTIME_DIR = place.folder;

// A configuration file of that name; without `socket` the server chooses one.
function written(name, { socket, plugins } = {}) {
  mkdirSync(join(place.folder, name), { recursive: true });
  const file = join(place.folder, name, 'howdah.yaml');
  const control = socket ? `control: { socket: ${socket} }\n` : '';
  writeFileSync(file, config({ http: false, folder: join(place.folder, name), plugins }).replace(/^control:.*\n/m, control));
  return file;
}

async function serving(file, ready = () => run(['plugin', 'list', '-c', file]).code === 0) {
  const child = spawn(program, ['serve', '-c', file], { stdio: ['pipe', 'pipe', 'pipe'] });
  const forget = atExit(() => child.kill('SIGKILL'));
  let log = '';
  child.stderr.on('data', (bytes) => { log += bytes; });
  await until('it serves', () => ready(log)).catch((late) => assert.fail(`${late.message}; it said:\n${log}`));
  return {
    log: () => log,
    async stop() {
      child.stdin.end();
      assert.deepEqual(await once(child, 'exit'), [0, null]);
      forget();
    },
  };
}
const generation = (file) => Number(run(['plugin', 'list', '-c', file]).out.match(/generation (\d+)/)[1]);

test('without control.socket a command reaches the server of its own file', async () => {
  const [one, two] = [written('one'), written('two', { plugins: ['pool', 'guard', 'query'] })];
  const servers = [await serving(one), await serving(two)];
  assert.doesNotMatch(run(['plugin', 'list', '-c', two]).out, /schema/);
  assert.equal(run(['reload', '-c', two]).code, 0);
  assert.equal(generation(two), 2);
  assert.equal(generation(one), 1);
  const link = join(place.folder, 'link.yaml');
  symlinkSync(two, link);
  assert.equal(generation(link), 2);
  const other = run(['reload', '-c', written('other')]);
  assert.equal(other.code, 4);
  assert.match(other.err, /no server listens on .*start one with: howdah serve -c \S+other\/howdah\.yaml/s);
  for (const server of servers) await server.stop();
});

test('a server on a shared control.socket refuses commands for another file', async () => {
  const socket = join(place.folder, 'shared', 'control.sock');
  const [mine, other] = [written('mine', { socket }), written('theirs', { socket })];
  const server = await serving(mine);
  for (const command of [['reload'], ['plugin', 'list'], ['plugin', 'order']]) {
    const done = run([...command, '-c', other]);
    assert.equal(done.code, 1, done.out);
    assert.match(done.err, /runs with \S+mine\/howdah\.yaml, not with \S+theirs\/howdah\.yaml\n.*control\.socket of its own/);
  }
  assert.equal(generation(mine), 1);
  await server.stop();
});

test('the second server of a file says that commands reach the first, and how to get a socket of its own', async () => {
  const file = written('twice');
  const first = await serving(file);
  const second = await serving(file, (log) => /no control socket: another howdah \(process \d+\).*control\.socket of its own/.test(log));
  await second.stop();
  await first.stop();
});
