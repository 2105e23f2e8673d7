// The commands: what they print, how they end.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { config, dsn, inFolder, program, run, startServer } from './support.mjs';

const place = inFolder();
const file = join(place.folder, 'howdah.yaml');
const write = (text) => writeFileSync(file, text);
before(() => write(config({ folder: place.folder })));
after(() => place.remove());

test('--version and --help', () => {
  assert.match(run(['--version']).out, /^howdah \d+\.\d+\.\d+/);
  assert.match(run(['--help']).out, /doctor/);
});

test('what the published example shows as a comment is valid as well, but for files that it names', () => {
  const example = readFileSync(join(import.meta.dirname, '../../config/howdah.yaml'), 'utf8');
  const [choices, rest] = example.split('\ntools:');
  writeFileSync(file, `${choices.replace(/^  # (?=- | {2}|http:)/gm, '  ').replace(/^ *tls: .*\n/m, '')}\ntools:${rest}`);
  const checked = run(['config', 'check', '-c', file], { env: { DATABASE_URL: 'postgresql://h/d', REDIS_PASSWORD: 'p' } });
  write(config({ folder: place.folder }));
  assert.equal(checked.code, 0, checked.err);
  const count = example.match(/^  (?:# )?- [a-z]/gm).length;
  assert.ok(count > 10);
  assert.match(checked.out, new RegExp(`valid, ${count} plugins, 1 databases`));
});

test('a word that is no command, a missing one and an unknown option are named with what there is', () => {
  const cases = [
    [['frobnicate'], /no command "frobnicate"\n.*commands: serve, demo, call, doctor, config, plugin, reload; howdah --help/],
    [['realod'], /no command "realod", did you mean "reload"\?/],
    [['config', 'chek'], /no command "chek" after howdah config, did you mean "check"\?\n.*commands: check, print/],
    [['plugin'], /a command is missing after howdah plugin\n.*commands: list, order/],
    [[], /a command is missing after howdah\n.*commands: serve/],
    [['--frob'], /no option "--frob"/],
    [['doctor', '--frob'], /--frob/],
    [['call'], /tool is required/],
    [['serve', '--log-level', 'loud'], /loud/],
  ];
  for (const [args, expected] of cases) {
    const done = run(args, { input: '' });
    assert.equal(done.code, 2, args.join(' '));
    assert.match(done.err, expected);
    assert.match(done.err, /^howdah: /);
    assert.doesNotMatch(done.err, /RequiredError|ERROR/);
    assert.equal(done.out, '');
  }
  assert.match(run(['config', '--help']).out, /check/);
});

test('a configuration that is not there says what to do, an unknown key of a plugin names those there are', () => {
  for (const args of [['config', 'check', '-c', '/nope.yaml'], ['reload', '-c', '/nope.yaml']]) {
    const done = run(args);
    assert.equal(done.code, 3);
    assert.match(done.err, /cannot read \/nope\.yaml: No such file or directory\n.*name the file that is meant with -c/);
  }
  assert.match(run(['config', 'check'], { env: { HOWDAH_CONFIG: '/nope.yaml' } }).err, /name the file that is meant with HOWDAH_CONFIG/);
  write(config({ folder: place.folder, plugins: ['pool', { guard: { foo: 1 } }, { query: { rows_mx: 1 } }] }));
  assert.match(run(['config', 'check', '-c', file]).err, /plugins\.1\.guard\.foo: is not a known key; known: audit, cache, extensions_allowed, functions_allowed, /);
  write(config({ folder: place.folder, plugins: ['pool', 'guard', { query: { rows_mx: 1 } }] }));
  assert.match(run(['config', 'check', '-c', file]).err, /plugins\.2\.query\.rows_mx: is not a known key, did you mean "rows_max"\?/);
  write(config({ folder: place.folder }));
});

test('call runs one tool without a client', () => {
  const done = run(['call', '-c', file, 'query', 'sql=select 6 * 7 as answer', 'max_rows=1']);
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /42/);
  assert.equal(run(['call', '-c', file, 'query', 'sql=delete from shop.orders']).code, 5);
  const unknown = run(['call', '-c', file, 'qery', 'sql=select 1']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /did you mean "query"/);
});

test('call --url asks a server that runs and starts none', async () => {
  const server = await startServer({ databases: `  main: { dsn: "${dsn}&application_name=asked_${process.pid}" }` });
  try {
    const sql = 'sql=select current_setting(\'application_name\') as name';
    const done = run(['call', 'query', '--url', server.url, sql], { cwd: place.folder });
    assert.equal(done.code, 0, done.err);
    assert.match(done.out, new RegExp(`asked_${process.pid}`));
    const whole = JSON.parse(run(['call', '--json', 'query', '--url', server.url, 'sql=select 42 as answer']).out);
    assert.deepEqual(whole.structuredContent.rows, [[42]]);
    assert.equal(run(['call', 'query', '--url', server.url, 'sql=delete from shop.orders']).code, 5);
    const unknown = run(['call', 'qery', '--url', server.url, 'sql=select 1']);
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /did you mean "query"/);
  } finally {
    assert.equal((await server.stop()).code, 0);
  }
  const gone = run(['call', 'query', '--url', server.url, 'sql=select 1']);
  assert.equal(gone.code, 4);
  assert.match(gone.err, /127\.0\.0\.1/);
});

test('doctor names versions and rights, and masks secrets', () => {
  const secret = dsn.replace('postgres@', 'postgres:hunter2@');
  write(config({ folder: place.folder, databases: `  main: { dsn: "${secret}" }` }));
  const text = run(['doctor', '-c', file]);
  assert.match(text.out, /PostgreSQL \d+/);
  // Where it is, what its role may, what would be refused: as --json has it.
  assert.match(text.out, /main +restricted, from \S+howdah\.yaml:\d+:\d+\n +host: \S+, port: \d+, dbname: \w+, user: postgres, password: given, not shown, .*role: postgres/);
  assert.match(text.out, /rights and state: .*superuser/);
  assert.match(text.out, /refused: what does not pass guard \(stage guard\)\n +refused: what writes: access is restricted/);
  assert.doesNotMatch(text.out + text.err, /hunter2/);
  const json = JSON.parse(run(['doctor', '-c', file, '--json']).out);
  assert.ok(json.reports.pool);
  assert.doesNotMatch(run(['config', 'print', '-c', file]).out, /hunter2/);
  write(config({ folder: place.folder }));
});

test('no password comes out, however the connection string is written', () => {
  const strings = [
    'postgresql://app:hunter2@127.0.0.1:1/shop',
    'postgresql://app:pa/hunter2@127.0.0.1:1/shop',
    'postgresql://app:12/hunter2@127.0.0.1:1/shop',
    'postgresql://app:pa?hunter2@127.0.0.1:1/shop',
    'postgresql://app:12?sslmode=hunter2/y@127.0.0.1:1/shop',
    'postgresql://app:top@hunter2@127.0.0.1:1/shop',
    'postgresql://app:hunter2@127.0.0.1:1,app:hunter2@127.0.0.1:2/shop',
    'postgresql://127.0.0.1:1/shop?user=app&pass%77ord=hunter2',
    'postgresql://127.0.0.1:1/shop?user=app&password=a&hunter2=b',
    'postgresql://app%3Ahunter2@127.0.0.1:1/shop',
    'host=127.0.0.1 port=1 password=top hunter2 dbname=shop',
    'host=127.0.0.1 port=1 password=top hunter2=x dbname=shop',
    'dbname=postgresql://app:hunter2@127.0.0.1:1/shop',
  ];
  for (const written of strings) {
    write(config({ folder: place.folder, databases: `  main: { dsn: ${JSON.stringify(written)} }` }));
    const called = run(['call', '-c', file, 'query', 'sql=select 1']);
    assert.equal(called.code, 5, called.err);
    const told = [called, run(['doctor', '-c', file, '--json']), run(['doctor', '-c', file]), run(['config', 'print', '-c', file])];
    for (const { out, err } of told) assert.doesNotMatch(out + err, /hunter2/, written);
    assert.match(told[3].out, /\*\*\*/);
  }
  write(config({ folder: place.folder }));
});

test('a database that is down: the server starts, says why, and doctor ends with its own code', () => {
  write(config({ folder: place.folder, databases: '  main: { dsn: "postgresql://nobody@127.0.0.1:1/none" }' }));
  const done = run(['call', '-c', file, 'query', 'sql=select 1']);
  assert.equal(done.code, 5);
  assert.match(done.out, /127\.0\.0\.1:1|refused|reach/i);
  assert.equal(run(['doctor', '-c', file]).code, 4);
  write(config({ folder: place.folder }));
});

test('hostile configurations are refused with file, line and column', () => {
  const bad = join(place.folder, 'bad.yaml');
  const cases = [
    ['howdah: 1\nplugns: []\n', /bad\.yaml:2:1.*plugns.*plugins/s],
    ['howdah: 1\nhowdah: 1\n', /bad\.yaml:2:1/],
    ['howdah: 1\ntransports:\n  http: { listen: "0.0.0.0:8642", auth: none }\n', /other machines reach 0\.0\.0\.0:8642/],
    ['howdah: 1\ntransports:\n  http: { public_url: "http://mcp.example.com/mcp" }\n', /public_url: must begin with https/],
    ['howdah: 1\ndatabases:\n  main: { dsn: "${env:NO_SUCH_VARIABLE_HERE}" }\n', /NO_SUCH_VARIABLE_HERE/],
  ];
  for (const [text, expected] of cases) {
    writeFileSync(bad, text);
    const done = run(['config', 'check', '-c', bad]);
    assert.equal(done.code, 3, text);
    assert.match(done.err, expected);
  }
  assert.equal(run(['config', 'check', '-c', file]).code, 0);
});

test('serve does not start on what it cannot do: one line says why, the exit code is 3, stdout stays silent', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address();
  const shared = join(place.folder, 'shared');  // like /tmp
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  try {
    const cases = [
      [(text) => text.replace('howdah: 1', 'howdah: 2'), /bad\.yaml:1:/],
      [(text) => text.replace('auth: none', 'auth: nobody'), /bad\.yaml:\d+:\d+: transports\.http\.auth: plugin "nobody" is not listed.*add that plugin to plugins:/s],
      [(text) => text.replace('127.0.0.1:0', `127.0.0.1:${port}`), /cannot bind 127\.0\.0\.1 port \d+: Address already in use.*choose another/s],
      [(text) => text.replace('control.sock', 'x'.repeat(120)), /control\.socket/],
      [(text) => text.replace(/socket: \S+/, `socket: ${shared}/control.sock`), /can be written to by others\n.*folder of the server's own.*\/howdah-\d+\/control\.sock/],
      [(text) => text.replace(/state_dir: .*/, `state_dir: ${file}`), /state_dir \S+howdah\.yaml cannot be used: .*Not a directory\n.*set state_dir:/],
    ];
    const bad = join(place.folder, 'bad.yaml');
    for (const [change, expected] of cases) {
      writeFileSync(bad, change(config({ folder: place.folder })));
      const done = run(['serve', '-c', bad], { input: '', timeout: 20000 });
      assert.equal(done.code, 3, done.err);
      assert.match(done.err, expected);
      assert.equal(done.out, '');
    }
    const missing = run(['serve', '-c', join(place.folder, 'none.yaml')], { input: '' });
    assert.equal(missing.code, 3);
    assert.match(missing.err, /cannot read .*none\.yaml: No such file/);
  } finally {
    taken.close();
  }
});

test('a missing guard closes the database', () => {
  write(config({ folder: place.folder, plugins: ['pool', 'gaurd', 'query'] }));
  const done = run(['call', '-c', file, 'query', 'sql=select 1']);
  assert.equal(done.code, 5);
  assert.match(done.out, /gaurd/);
  write(config({ folder: place.folder }));
});

test('serve ends with its input or with SIGTERM, and writes nothing but messages to stdout', async () => {
  write(config({ folder: place.folder, http: false }));
  for (const end of ['stdin', 'SIGTERM']) {
    const child = spawn(program, ['serve', '-c', file], { stdio: ['pipe', 'pipe', 'ignore'] });
    let out = '';
    child.stdout.on('data', (bytes) => { out += bytes; });
    child.stdin.write('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
      + '"clientInfo":{"name":"raw","version":"1"}}}\n');
    await once(child.stdout, 'data');
    end === 'stdin' ? child.stdin.end() : child.kill(end);
    assert.deepEqual(await once(child, 'exit'), [0, null], end);
    const lines = out.trimEnd().split('\n');
    assert.equal(lines.length, 1);
    assert.equal(JSON.parse(lines[0]).id, 1);
  }
  write(config({ folder: place.folder }));
});

test('plugin list and order ask the running server', async () => {
  const server = await startServer();
  try {
    assert.match(run(['plugin', 'list', '-c', server.file]).out, /guard\s+\S+\s+running/);
    assert.match(run(['plugin', 'order', '-c', server.file]).out, /guard\s+guard/);
    assert.equal(server.out(), '');
  } finally {
    assert.equal((await server.stop()).code, 0);
  }
  assert.equal(run(['plugin', 'list', '-c', file]).code, 4);
});
