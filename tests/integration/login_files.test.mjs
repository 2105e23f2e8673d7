// Passwords, services and certificates from files: where libpq looks for them, when they change under a server that runs,
// and what is encrypted.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { makeAuthority } from './certificates.mjs';
import { startCluster } from './cluster.mjs';
import { callTool, config, inFolder, modern, psql, psqlBeside, run, runBeside, startServer, textOf, until } from './support.mjs';

const place = inFolder();
const passfile = join(place.folder, 'pgpass');
const servicefile = join(place.folder, 'services.conf');
const secret = join(place.folder, 'dsn.secret');
let cluster;
let server;
let host;
let port;

const password = (role, word) => writeFileSync(passfile, `${host}:${port}:*:${role}:${word}\n`, { mode: 0o600 });
const setPassword = (role, word) => psql(`alter role ${role} password '${word}'`, cluster.dsn);
const endAll = (role) => psql(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '${role}'`, cluster.dsn);

const use = (dsn = `postgresql://reader@${host}:${port}/postgres`) => `  main: { dsn: "${dsn}" }`;

before(async () => {
  cluster = startCluster('--tls', '--auth', 'scram');
  [host, port] = cluster.environment.HOWDAH_TEST_TCP.split(':');
  psql("create role reader login password 'First11'", cluster.dsn);
  process.env.PGPASSFILE = passfile;
  process.env.PGSERVICEFILE = servicefile;
  password('reader', 'First11');
  writeFileSync(servicefile, `[shop]\nhost=${host}\nport=${port}\nuser=reader\ndbname=postgres\n`);
  server = await startServer({ databases: use() });
});
after(async () => {
  assert.equal((await server.stop()).code, 0);
  assert.doesNotMatch(server.log(), /First11|Second22/);
  cluster.remove();
  place.remove();
});

function reloadWith(dsn) {
  server.write({ databases: use(dsn) });
  const done = run(['reload', '-c', server.file]);
  assert.equal(done.code, 0, done.err);
}
const one = () => callTool(server.url, 'query', { sql: 'select 6 * 7' });
async function works() {
  const result = await one();
  assert.ok(!result.isError, textOf(result));
}

test('a password file is read with each connection: a new password in it needs neither restart nor reload', async () => {
  await works();
  setPassword('reader', 'Second22');
  endAll('reader');
  const failed = psql("select count(*) from pg_stat_activity where usename = 'reader'", cluster.dsn);
  assert.equal(failed, '0');
  const refused = await one();
  assert.match(textOf(refused), /refuses this user or password \(28P01\)/);
  assert.doesNotMatch(JSON.stringify(refused), /First11|Second22/);
  password('reader', 'Second22');
  await until('the new password is found', async () => !(await one()).isError, 5000);
});

test('a password file that others can read is not used, and said so', async () => {
  endAll('reader');
  chmodSync(passfile, 0o644);
  try {
    await until('it is refused', async () => /may be read by others, so it is not used: chmod 600 it/.test(textOf(await one())));
    const file = join(place.folder, 'howdah.yaml');
    writeFileSync(file, config({ databases: use(), folder: place.folder }));
    const doctor = run(['doctor', '-c', file]);
    assert.equal(doctor.code, 4);
    assert.match(doctor.out, /password file .*pgpass may be read by others/);
  } finally {
    chmodSync(passfile, 0o600);
  }
  await until('it works again', async () => !(await one()).isError, 5000);
});

test('a service file says where the database is; a service that is not in it is named', async () => {
  reloadWith('service=shop');
  await works();
  reloadWith('service=nowhere');
  const result = await one();
  assert.match(textOf(result), /database main \(service nowhere\) is named by a service that cannot be found/);
  reloadWith(undefined);
  await works();
});

test('a new password in a secret file is taken by a reload, and open connections work on until then', async () => {
  const write = (word) => writeFileSync(secret, `postgresql://reader:${word}@${host}:${port}/postgres\n`, { mode: 0o600 });
  write('Second22');
  reloadWith(`\${file:${secret}}`);
  await works();
  setPassword('reader', 'Third33');
  await works();
  endAll('reader');
  const refused = await one();
  assert.match(textOf(refused), /howdah reload takes a new secret file/);
  write('Third33');
  assert.equal(run(['reload', '-c', server.file]).code, 0);
  await works();
  password('reader', 'Third33');
});

const encrypted = async () => {
  const result = await callTool(server.url, 'query', { sql: 'select ssl from pg_stat_ssl where pid = pg_backend_pid()' });
  assert.ok(!result.isError, textOf(result));
  return result.structuredContent.rows[0][0];
};

test('each sslmode does with a private authority what it says', async () => {
  const data = dirname(cluster.environment.HOWDAH_TEST_CA);
  const authority = makeAuthority(place.folder, 'the database team');
  const foreign = makeAuthority(place.folder, 'somebody else');
  const issued = authority.issue('db.internal', place.folder, { names: 'DNS:db.internal' });
  const { uid, gid } = statSync(join(data, 'server.key'));
  for (const [from, to] of [[issued.key, 'server.key'], [issued.certificate, 'server.crt']]) {
    execFileSync('cp', [from, join(data, to)]);
    chownSync(join(data, to), uid, gid);
    chmodSync(join(data, to), 0o600);
  }
  psql('select pg_reload_conf()', cluster.dsn);
  const at = (name, parameters) => `postgresql://reader@${name}:${port}/postgres?hostaddr=${host}&passfile=${passfile}&${parameters}`;
  writeFileSync(passfile, `*:${port}:*:reader:Third33\n`, { mode: 0o600 });
  for (const [name, parameters, tls] of [
    ['db.internal', `sslmode=verify-full&sslrootcert=${authority.ca}`, true],
    ['other.name', `sslmode=verify-ca&sslrootcert=${authority.ca}`, true],
    ['other.name', 'sslmode=require', true],
    ['other.name', 'sslmode=prefer', true],
    ['other.name', 'sslmode=disable', false],
  ]) {
    reloadWith(at(name, parameters));
    assert.equal(await encrypted(), tls, parameters);
  }
  for (const [name, parameters] of [
    ['other.name', `sslmode=verify-full&sslrootcert=${authority.ca}`],
    ['db.internal', `sslmode=verify-full&sslrootcert=${foreign.ca}`],
    ['db.internal', `sslmode=verify-ca&sslrootcert=${foreign.ca}`],
  ]) {
    reloadWith(at(name, parameters));
    assert.match(textOf(await one()), /cannot be reached over TLS as its dsn asks/, parameters);
  }
});

// What a connection begins with: the code of an SSLRequest or a CancelRequest, or a protocol version.
const kTls = 80877103;
const kCancel = 80877102;

test('the cancel of an encrypted connection is encrypted', async () => {
  const begun = [];
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), host);
    client.once('data', (bytes) => begun.push(bytes.readInt32BE(4)));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => { client.destroy(); upstream.destroy(); });
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  try {
    const mark = `encrypted cancel ${process.pid}`;
    const running = async () => Number(await psqlBeside(`select count(*) from pg_stat_activity where state = 'active' and query like '%${mark}%' and usename = 'reader'`, cluster.dsn));
    for (const [mode, cancels] of [['require', []], ['disable', [kCancel]]]) {
      reloadWith(`postgresql://reader@127.0.0.1:${proxy.address().port}/postgres?sslmode=${mode}`);
      writeFileSync(passfile, '*:*:*:reader:Third33\n', { mode: 0o600 });
      await until('it works', async () => !(await one()).isError);
      begun.length = 0;
      const controller = new AbortController();
      const sql = `select count(*) /* ${mark} */ from generate_series(1, 100000) a, generate_series(1, 100000) b`;
      const call = modern(server.url, 'tools/call', { name: 'query', arguments: { sql } }, controller.signal);
      await until('it runs', async () => await running() === 1);
      const connections = begun.length;
      controller.abort();
      await assert.rejects(call);
      await until('it has ended', async () => await running() === 0);
      // Not by the end of its connection, which the server would notice a little later.
      const { running: { reports } } = JSON.parse((await runBeside(['doctor', '--json', '-c', server.file])).out);
      const { cancels: sent, cancels_lost } = reports.pool.databases[0].connections;
      assert.ok(sent > 0, JSON.stringify(reports.pool));
      assert.equal(cancels_lost, 0);
      assert.ok(begun.length > connections, 'the cancel came on a connection of its own');
      assert.deepEqual([...new Set(begun.filter((code) => code === kCancel))], cancels, mode);
      if (mode === 'require') assert.ok(begun.every((code) => code === kTls));
    }
  } finally {
    proxy.close();
  }
});
