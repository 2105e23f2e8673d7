// A database that is not there yet, goes away and comes back: every call gets an answer that says so, and calls work
// again by themselves.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { Proxy } from '../faults/proxy.mjs';
import { startCluster } from './cluster.mjs';
import { callTool, config, inFolder, modern, psql, run, startServer, textOf, until } from './support.mjs';

const place = inFolder();
const file = join(place.folder, 'howdah.yaml');
let cluster;
let databases;
before(() => {
  cluster = startCluster();
  databases = `  main: { dsn: "${cluster.dsn}&application_name=outage" }\n  notes: { dsn: "${cluster.dsn}", access: read_write }`;
  psql('create table written (i int)', cluster.dsn);
});
beforeEach(() => cluster.up());
after(() => {
  cluster.remove();
  place.remove();
});

const kNobody = /no server listens there/;
const kLimit_ms = 10000;  // for an answer to a call while the database is gone; hanging is what this file looks for
async function answered(call) {
  const started = Date.now();
  const result = await call;
  assert.ok(Date.now() - started < kLimit_ms, `answered after ${Date.now() - started} ms`);
  return result;
}
const one = (server) => answered(callTool(server.url, 'query', { sql: 'select 1' }));
const worksAgain = (server) => until('a call that works', async () => !(await one(server)).isError);
const running = (mark) => Number(psql(`select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()
  and query like '%${mark}%'`, cluster.dsn));

test('a database that is down when the server starts: calls say so, and work once it is up', async () => {
  cluster.down();
  writeFileSync(file, config({ databases, folder: place.folder }));
  const doctor = run(['doctor', '-c', file]);
  assert.equal(doctor.code, 4);
  assert.match(doctor.out, kNobody);
  const server = await startServer({ databases });
  try {
    for (let round = 0; round < 12; round++) {  // beyond the five failures after which it counts as down
      const result = await one(server);
      assert.ok(result.isError);
      assert.match(textOf(result), kNobody);
      if (round === 0) assert.match(textOf(result), /start the server, or correct host and port/);
      assert.ok(result._meta['howdah/error'].retry_after_ms > 0, JSON.stringify(result._meta));
    }
    assert.match(textOf(await answered(callTool(server.url, 'list_tables'))), kNobody);
    cluster.up();
    await worksAgain(server);
    assert.equal(run(['doctor', '-c', file]).code, 0);
  } finally {
    assert.equal((await server.stop()).code, 0);
  }
});

test('one of several databases is down when the server starts: the others are served', async () => {
  const server = await startServer({ databases: `  gone: { dsn: "postgresql://nobody@127.0.0.1:1/nowhere" }\n${databases}` });
  try {
    for (let round = 0; round < 8; round++) {  // beyond what the circuit breaker of the other takes
      assert.ok(!(await answered(callTool(server.url, 'query', { sql: 'select 1', database: 'main' }))).isError);
      assert.match(textOf(await answered(callTool(server.url, 'query', { sql: 'select 1', database: 'gone' }))), /database gone .*no server listens there/);
    }
  } finally {
    assert.equal((await server.stop()).code, 0);
  }
});

for (const mode of ['fast', 'immediate']) {
  test(`a database that ends while it works (${mode}): reads, writes and streams in flight are answered, later calls work`, async () => {
    const server = await startServer({ databases });
    try {
      assert.ok(!(await one(server)).isError);
      const slow = 'from generate_series(1, 100000) a, generate_series(1, 100000) b';
      const calls = [
        callTool(server.url, 'query', { sql: `select count(*) /* outage ${mode} */ ${slow}` }),
        callTool(server.url, 'query', { sql: `select a, pg_catalog.count(*) /* outage ${mode} */ ${slow} group by a` }),
        callTool(server.url, 'execute', { sql: `insert into written select 1 /* outage ${mode} */ ${slow}`, database: 'notes' }),
      ];
      await until('three statements that run', () => running(`outage ${mode}`) === 3);
      cluster.down(mode);
      for (const result of await answered(Promise.all(calls))) {
        assert.ok(result.isError, textOf(result));
        assert.match(textOf(result), /database (main|notes) .*(was lost|no server listens there|shutting down|cannot be reached)/);
      }
      assert.match(textOf(await calls[2]), /nothing was changed/);
      const refused = await one(server);
      assert.ok(refused.isError);
      assert.match(textOf(refused), /no server listens there|shutting down|starting up/);

      cluster.up();
      await worksAgain(server);
      assert.equal(psql('select count(*) from written', cluster.dsn), '0');
      const written = await callTool(server.url, 'execute', { sql: 'insert into written values (1) returning i', database: 'notes' });
      assert.ok(!written.isError, textOf(written));
      psql('truncate written', cluster.dsn);
    } finally {
      assert.equal((await server.stop()).code, 0);
    }
  });
}

test('a restart between two calls is not noticed: idle connections that died are replaced', async () => {
  const server = await startServer({ databases });
  try {
    await Promise.all(Array.from({ length: 8 }, () => one(server)));
    cluster.down();
    cluster.up();
    for (let round = 0; round < 8; round++) {
      const result = await one(server);
      assert.ok(!result.isError, textOf(result));
    }
  } finally {
    assert.equal((await server.stop()).code, 0);
  }
});

test('connections ended by an administrator under load: every call is answered, the server goes on', async () => {
  const server = await startServer({ databases });
  let ended = 0;
  let calls = 0;
  try {
    const load = Array.from({ length: 8 }, async () => {
      const failed = [];
      while (ended < 50) {
        const { json } = await answered(modern(server.url, 'tools/call', { name: 'query', arguments: { sql: 'select 1' } }));
        if (json.result.isError) failed.push(textOf(json.result));
        calls++;
      }
      return failed;
    });
    while (ended < 50) {
      // Ten calls earn one retry, so that retries cannot make an outage worse: this leaves two for each of the eight, as
      // the connection that is tried next may be ended as well.
      const earned = calls + 200;
      await until('the load goes on', () => calls >= earned);
      ended += Number(psql("select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'outage'", cluster.dsn));
    }
    assert.deepEqual((await Promise.all(load)).flat(), [], 'reads are tried again on another connection');
  } finally {
    assert.equal((await server.stop()).code, 0);
  }
});

test('a server that takes connections and says nothing: a call ends in the time it asked for, not in that of a connect', async () => {
  const proxy = await Proxy.start({ path: `${cluster.environment.PGHOST}/.s.PGSQL.${cluster.environment.PGPORT}` });
  const through = `postgresql://postgres@127.0.0.1:${proxy.port}/${cluster.environment.PGDATABASE}?sslmode=disable`;
  const server = await startServer({ plugins: [{ pool: { connect_timeout_ms: 2000, connections_min: 0 } }, 'guard', 'query'], databases: `  main: { dsn: "${through}" }` });
  try {
    assert.ok(!(await one(server)).isError);
    proxy.silent = true;
    proxy.cut();  // so the next call has to connect
    const started = Date.now();
    const result = await callTool(server.url, 'query', { sql: 'select 1', timeout_ms: 300 });
    const took = Date.now() - started;
    assert.ok(result.isError, textOf(result));
    assert.ok(took >= 300 && took < 1500, `${took} ms: ${textOf(result)}`);
  } finally {
    assert.equal((await server.stop()).code, 0);
    await proxy.stop();
  }
});
