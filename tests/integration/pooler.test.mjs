// A real PgBouncer in transaction mode before the database: found out by itself, and nothing is left on the sessions
// others get.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { callTool, config, freePort, inFolder, modern, psql, run, startServer, textOf, until } from './support.mjs';

const place = inFolder();
let cluster;
let bouncer;
let pooled;
let server;

// As another client of the pooler; psql() of support.mjs has options at the start, which it refuses.
const through = (sql) => execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', pooled, '-c', sql],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trimEnd();

before(async () => {
  cluster = startCluster();
  psql('create table written (i int primary key)', cluster.dsn);
  const port = await freePort();
  const file = join(place.folder, 'pgbouncer.ini');
  writeFileSync(file, `[databases]
postgres = host=${cluster.environment.PGHOST} port=${cluster.environment.PGPORT} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
server_login_retry = 0.1
query_wait_timeout = 1
`);
  chmodSync(place.folder, 0o755);
  // It refuses to run as root.
  const root = process.getuid() === 0;
  bouncer = spawn(root ? 'setpriv' : '/usr/sbin/pgbouncer',
    [...(root ? ['--reuid=postgres', '--regid=postgres', '--init-groups', '--', '/usr/sbin/pgbouncer'] : []), file], { stdio: 'ignore' });
  process.on('exit', () => bouncer.kill('SIGKILL'));
  pooled = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  await until('PgBouncer answers', () => {
    try {
      return through('select 1') === '1';
    } catch {
      return false;
    }
  });
  server = await startServer({ databases: `  main: { dsn: "${pooled}" }\n  notes: { dsn: "${pooled}", access: read_write }` });
});
after(async () => {
  assert.equal((await server.stop()).code, 0);
  bouncer.kill('SIGTERM');
  cluster.remove();
  place.remove();
});

const rowsOf = async (sql, more = {}) => {
  const result = await callTool(server.url, 'query', { sql, ...more });
  assert.ok(!result.isError, textOf(result));
  return result.structuredContent.rows;
};
const running = (mark) => Number(psql(`select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()
  and query like '%${mark}%'`, cluster.dsn));

test('a transaction pooler on any port is found out by what it answers', async () => {
  assert.deepEqual(await rowsOf('select 6 * 7'), [[42]]);
  await server.logs(/database main is behind a pooler/);
  const file = join(place.folder, 'howdah.yaml');
  writeFileSync(file, config({ databases: `  main: { dsn: "${pooled}" }\n  direct: { dsn: "${cluster.dsn}" }`, folder: place.folder }));
  const { reports } = JSON.parse(run(['doctor', '--json', '-c', file]).out);
  assert.deepEqual(reports.pool.databases.map(({ name, pooler }) => [name, pooler]), [['direct', 'none'], ['main', 'transaction']]);
});

test('reads, parameters, arrays and errors work, more at once than it has connections, and leave nothing behind', async () => {
  const load = Array.from({ length: 12 }, async (_, mine) => {
    for (let round = 0; round < 20; round++) {
      assert.deepEqual(await rowsOf('select $1::int + 1, current_setting(\'DateStyle\')', { params: [mine] }), [[mine + 1, 'ISO, MDY']]);
      if (round % 5 === 0) assert.deepEqual(await rowsOf('select 3 = any ($1::int[])', { params: [[1, 3]] }), [[true]]);
      const failed = await callTool(server.url, 'query', { sql: 'select 1 / 0' });
      assert.match(textOf(failed), /division by zero/);
    }
  });
  await Promise.all(load);
  // What another client of the pooler finds on the sessions.
  for (let round = 0; round < 4; round++) {
    assert.equal(through('select current_setting(\'statement_timeout\') || current_setting(\'idle_in_transaction_session_timeout\')'), '00');
    assert.equal(through('select count(*) from pg_prepared_statements'), '0');
  }
});

test('writes are committed one by one, and a failed one changes nothing', async () => {
  const write = (sql) => callTool(server.url, 'execute', { sql, database: 'notes' });
  await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const result = await write(`insert into written values (${i})`);
    assert.ok(!result.isError, textOf(result));
  }));
  assert.match(textOf(await write('insert into written values (100), (1)')), /duplicate key/);
  assert.equal(psql('select count(*) from written', cluster.dsn), '20');
});

test('a cancel goes through it and ends the statement in the server', async () => {
  const controller = new AbortController();
  const sql = 'select count(*) /* through the pooler */ from generate_series(1, 100000) a, generate_series(1, 100000) b';
  const call = modern(server.url, 'tools/call', { name: 'query', arguments: { sql } }, controller.signal);
  await until('it runs', () => running('through the pooler') === 1);
  controller.abort();
  await assert.rejects(call);
  await until('it has ended', () => running('through the pooler') === 0);
  const { running: { reports } } = JSON.parse(run(['doctor', '--json', '-c', server.file]).out);
  assert.ok(reports.pool.databases.find(({ name }) => name === 'main').connections.cancels > 0);
  assert.deepEqual(await rowsOf('select 1'), [[1]]);
});

test('settings at the start: left out where the pooler is known, else refused with the remedy', async () => {
  const options = 'options=-c%20statement_timeout%3D5000';
  const check = (parameters) => {
    const file = join(place.folder, 'options.yaml');
    writeFileSync(file, config({ databases: `  main: { dsn: "${pooled}?${parameters}" }`, folder: place.folder }));
    return run(['doctor', '-c', file]);
  };
  const known = check(`${options}&pgbouncer=true`);
  assert.equal(known.code, 0, known.out);
  assert.match(known.out, /left out, not for libpq or a pooler: pgbouncer, options/);
  const unknown = check(options);
  assert.equal(unknown.code, 4);
  assert.match(unknown.out, /behind a pooler that refuses a setting of its dsn/);
  assert.match(unknown.out, /ignore_startup_parameters/);
});

test('a pooler without a server behind it: calls are told so, and work once the server is back', async () => {
  cluster.down('immediate');
  const result = await callTool(server.url, 'query', { sql: 'select 1' });
  assert.ok(result.isError);
  assert.match(textOf(result), /database main .*(lost|cannot be reached|did not answer)/);
  cluster.up();
  await until('a call that works', async () => !(await callTool(server.url, 'query', { sql: 'select 1' })).isError);
});
