// A password that is wrong, TLS that is missing or cannot be trusted: what a caller and `howdah doctor` are told, and
// that a corrected connection string is all it takes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { callTool, config, inFolder, psql, run, startServer, textOf } from './support.mjs';

const kUnreachable = 4;
const place = inFolder();
let cluster;
let server;
const untold = [];  // what may not stand in the server's log
before(async () => {
  cluster = startCluster('--tls', '--auth', 'scram');
  server = await startServer();
});
after(async () => {
  assert.equal((await server.stop()).code, 0);
  for (const secret of untold) assert.ok(!server.log().includes(secret));
  cluster.remove();
  place.remove();
});

// Certificates of an authority that signed nothing of the cluster's.
function foreignAuthority() {
  const file = join(place.folder, 'foreign.crt');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=nobody',
    '-keyout', join(place.folder, 'foreign.key'), '-out', file], { stdio: 'ignore' });
  return file;
}

const databases = (dsn) => ({ databases: `  main: { dsn: "${dsn}" }` });
function reloadWith(dsn) {
  server.write(databases(dsn));
  const done = run(['reload', '-c', server.file]);
  assert.equal(done.code, 0, done.err);
}

// The server that runs and doctor both refuse the connection string, each in its way; neither shows the password.
async function refused(dsn, expected, remedy, secret) {
  reloadWith(dsn);
  const result = await callTool(server.url, 'query', { sql: 'select 1' });
  const text = textOf(result);
  assert.ok(result.isError, text);
  assert.match(text, expected);
  assert.match(text, remedy);
  const file = join(place.folder, 'howdah.yaml');
  writeFileSync(file, config({ ...databases(dsn), folder: place.folder }));
  const doctor = run(['doctor', '-c', file]);
  assert.equal(doctor.code, kUnreachable, doctor.out);
  assert.match(doctor.out, expected);
  assert.match(doctor.out, remedy);
  const called = run(['call', '-c', file, 'query', 'sql=select 1']);
  assert.match(called.out, expected);
  for (const shown of [text, JSON.stringify(result), doctor.out, doctor.err, called.out, called.err]) assert.ok(!shown.includes(secret));
  untold.push(secret);
}

async function works(dsn) {
  reloadWith(dsn);
  const result = await callTool(server.url, 'query', { sql: 'select 6 * 7' });
  assert.ok(!result.isError, textOf(result));
  assert.deepEqual(result.structuredContent.rows, [[42]]);
}

test('a wrong password is named as such, with what to check; the right one works after a reload', async () => {
  const wrong = 'Wr0ngSecret77';
  await refused(cluster.tcp('', wrong), /refuses this user or password \(28P01\)/, /check user and password of its dsn/, wrong);
  await refused(cluster.dsn.replace(cluster.environment.PGPASSWORD, wrong), /refuses this user or password \(28P01\)/, /check user and password/, wrong);
  await refused(cluster.tcp().replace(/:[^:@]*@/, '@'), /refuses this user or password/, /check user and password/, cluster.environment.PGPASSWORD);
  await works(cluster.tcp());
});

test('every call says what to check, also when the database has come to count as down', async () => {
  reloadWith(cluster.tcp('', 'Wr0ngSecret77'));
  for (let call = 1; call <= 8; call++) {  // five failures open the circuit breaker
    const text = textOf(await callTool(server.url, 'query', { sql: 'select 1' }));
    assert.match(text, /refuses this user or password \(28P01\)/, `call ${call}`);
    assert.match(text, /check user and password of its dsn/, `call ${call}`);
  }
});

test('an unknown user and an unknown database are told apart', async () => {
  const secret = cluster.environment.PGPASSWORD;
  await refused(cluster.tcp().replace('postgres:', 'nobody_here:'), /refuses this user or password \(28P01\)/, /check user and password/, secret);
  await refused(cluster.tcp().replace(/\/postgres$/, '/no_such_database'), /does not exist on that server \(3D000\)/, /check the dbname of its dsn/, secret);
});

test('verify-full refuses a certificate of another authority and a host it was not made for, and takes the right one', async () => {
  const secret = cluster.environment.PGPASSWORD;
  const tls = /cannot be reached over TLS as its dsn asks/;
  const remedy = /check sslmode and sslrootcert of its dsn/;
  const trusted = cluster.environment.HOWDAH_TEST_CA;
  await refused(cluster.tcp(`?sslmode=verify-full&sslrootcert=${foreignAuthority()}`), tls, remedy, secret);
  await refused(cluster.tcp(`?sslmode=verify-full&sslrootcert=${place.folder}/missing.crt`), tls, remedy, secret);
  // hostaddr leads to the cluster, host is the name the certificate must carry.
  const foreign_host = cluster.tcp(`?sslmode=verify-full&sslrootcert=${trusted}&hostaddr=127.0.0.1`).replace('@127.0.0.1', '@db.example');
  await refused(foreign_host, tls, remedy, secret);
  await works(cluster.tcp(`?sslmode=verify-full&sslrootcert=${trusted}`));
  const { rows } = (await callTool(server.url, 'query', { sql: 'select ssl from pg_stat_ssl where pid = pg_backend_pid()' })).structuredContent;
  assert.deepEqual(rows, [[true]]);
});

test('sslmode=require is not served by a server without TLS', async () => {
  psql('alter system set ssl = off', cluster.dsn);
  cluster.down();
  cluster.up();
  await refused(cluster.tcp('?sslmode=require'), /cannot be reached over TLS as its dsn asks/, /check sslmode/, cluster.environment.PGPASSWORD);
  await works(cluster.tcp('?sslmode=disable'));
});
