// ./dev itself, first of all where packages are missing and the user may not install them: it says so, does nothing and
// ends with 3. A copy runs with a PATH that holds only what is put there, so nothing on the machine can be changed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const source = join(import.meta.dirname, '../..');
const place = mkdtempSync(join(tmpdir(), 'howdah-dev-'));
after(() => rmSync(place, { recursive: true, force: true }));
chmodSync(place, 0o755);
cpSync(join(source, 'dev'), join(place, 'dev'));
cpSync(join(source, 'dev.d'), join(place, 'dev.d'), { recursive: true });

// Every program that could change something only writes down how it was called.
const bin = join(place, 'bin');
const calls = join(place, 'calls');
const fake = (name, body) => writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
const noted = (name, more = '') => fake(name, `echo "${name} $*" >>${calls}\n${more}`);
mkdirSync(bin);
for (const name of ['bash', 'dirname', 'env', 'grep', 'id', 'sort', 'true', 'xargs']) {
  symlinkSync(['/usr/bin', '/bin'].map((folder) => join(folder, name)).find(existsSync), join(bin, name));
}
for (const name of ['apt-get', 'clang-format-19', 'cmake', 'git', 'ip', 'openssl', 'pkg-config', 'python3', 'redis-server', 'shellcheck', 'xz']) noted(name);
fake('dpkg-query', 'for package; do :; done\ncase " $MISSING " in *" $package "*) exit 1 ;; esac\nprintf "ii "');

// Root becomes nobody; everybody else is without root already.
const idOf = (which) => Number(spawnSync('id', [which, 'nobody'], { encoding: 'utf8' }).stdout);
const nobody = process.getuid() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
const asked = spawnSync('/usr/bin/id', ['-u'], { ...nobody, encoding: 'utf8' });
const skip = asked.status === 0 && Number(asked.stdout) > 0 ? false : 'this process cannot become user nobody';

// `sudo`: the body of one that is there; `commands`: what is on PATH besides.
function dev(args, missing, { sudo, commands = ['npm'] } = {}) {
  writeFileSync(calls, '');
  chmodSync(calls, 0o666);
  for (const name of ['sudo', 'npm']) rmSync(join(bin, name), { force: true });
  for (const name of commands) noted(name);
  if (sudo) noted('sudo', sudo);
  const run = (program, words) => spawnSync(program, words,
    { ...nobody, encoding: 'utf8', input: '', env: { PATH: bin, HOME: place, MISSING: missing.join(' ') } });
  const done = run(join(place, 'dev'), args);
  return {
    code: done.status, out: done.stdout, err: done.stderr, called: readFileSync(calls, 'utf8'),
    // What the line would do if it was run.
    pasted() {
      writeFileSync(calls, '');
      assert.equal(run('/bin/sh', ['-c', done.stdout]).status, 0);
      return readFileSync(calls, 'utf8');
    },
  };
}
const line = (...packages) => `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}\n`;

for (const [command, missing, commands] of [
  ['build', ['mold', 'doctest-dev']], ['test', ['g++', 'npm'], []], ['bench', ['wrk']], ['lint', ['shellcheck']], ['format', ['clang-format-19']],
]) {
  test(`./dev ${command} without root and sudo prints the one line that installs ${missing.join(' and ')}, and ends with 3`, { skip }, () => {
    const done = dev([command], missing, { commands });
    assert.equal(done.code, 3, done.err);
    assert.equal(done.out, line(...missing));
    assert.match(done.err, /needs root/);
    assert.equal(done.called, '');
    assert.equal(done.pasted(), `apt-get update\napt-get install -y --no-install-recommends ${missing.join(' ')}\n`);
  });
}

for (const command of ['demo', 'test', 'bench']) {
  test(`the line of ./dev ${command} keeps Debian from starting a server of its own with postgresql-15`, { skip }, () => {
    const done = dev([command], ['postgresql-15']);
    assert.equal(done.code, 3, done.err);
    const [forbids, ...installs] = done.out.split(/(?=apt-get update)/);
    assert.match(forbids, /^mkdir -p (\S+) && echo "create_main_cluster = false" >\1\/\S+\.conf && $/);
    assert.equal(installs.join(''), line('postgresql-15'));
    assert.equal(done.called, '');
  });
}

test('a sudo that lets this user do nothing is as good as none', { skip }, () => {
  const done = dev(['build'], ['mold'], { sudo: 'exit 1' });
  assert.equal(done.code, 3, done.err);
  assert.equal(done.out, line('mold'));
  assert.equal(done.called, 'sudo -n true\n');
});

test('with a sudo that works the same packages are installed, and ./dev goes on', { skip }, () => {
  const done = dev(['format'], ['clang-format-19'], { sudo: 'shift; exec "$@"' });
  assert.equal(done.code, 0, done.err);
  assert.equal(done.out, '');
  assert.match(done.called, /^apt-get .* install -y --no-install-recommends clang-format-19$/m);
  assert.match(done.called, /^git ls-files /m);
});

test('where nothing is missing ./dev asks for nothing', { skip }, () => {
  const done = dev(['format'], []);
  assert.equal(done.code, 0, done.err);
  assert.equal(done.out, '');
  assert.doesNotMatch(done.called, /apt-get|sudo/);
  assert.match(done.called, /^git ls-files /);
});

test('./dev lint has nothing to say where no C++ file differs', { skip }, () => {
  mkdirSync(join(place, 'tests/layering'), { recursive: true });
  symlinkSync(join(bin, 'true'), join(place, 'tests/layering/check'));
  const done = dev(['lint'], []);
  assert.equal(done.code, 0, done.err);
  assert.match(done.err, /==> clean$/m);
  assert.match(done.called, /^shellcheck /m);
});
