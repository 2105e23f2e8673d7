// SIGTERM: nothing new is taken, what runs may end within limits.drain_timeout_ms, what is later is cancelled and told so.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { dsn, inFolder, initialize, meta, modern, openSession, post, psql, startServer, startStdio, textOf, until } from './support.mjs';

const kLegacy = '2025-11-25';
const query = (sql) => ({ name: 'query', arguments: { sql } });
const place = inFolder();
const table = `public.held_${process.pid}`;
before(() => psql(`create table ${table} as select 42 as answer`));
after(() => {
  psql(`drop table ${table}`);
  place.remove();
});

// A server, and call(sql): the whole JSON-RPC answer of one tools/call.
const limits = (drain_ms) => `limits: { drain_timeout_ms: ${drain_ms} }\n`;
const stops = / serve: stopping$/m;
async function overHttp(era, drain_ms) {
  const server = await startServer({ extra: limits(drain_ms) });
  const headers = era === 'legacy' ? await openSession(server.url, kLegacy) : null;
  return {
    ...server,
    stopping: () => server.logs(stops),
    async call(sql) {
      const message = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: query(sql) };
      return (await (headers ? post(server.url, message, headers) : modern(server.url, 'tools/call', query(sql)))).json;
    },
    refusesNew: () => until('no connection is taken', () => fetch(server.url, { method: 'POST', body: '{}' }).then(() => false, ({ cause }) => cause.code === 'ECONNREFUSED')),
  };
}
let servers = 0;
async function overStdio(era, drain_ms) {
  const log = join(place.folder, `log-${++servers}`);
  const pipe = startStdio({ extra: `${limits(drain_ms)}log: { file: ${log} }` });
  if (era === 'legacy') await pipe.request(0, 'initialize', initialize(kLegacy));
  return {
    ...pipe,
    stopping: () => until('it says that it stops', () => stops.test(readFileSync(log, 'utf8'))),
    call: (sql) => pipe.request(7, 'tools/call', { ...query(sql), ...(era === 'modern' ? { _meta: meta() } : {}) }),
  };
}

// How many backends run or wait in a statement with this mark.
const active = (mark) => Number(psql(`select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${mark}%'`));

// PostgreSQL's log has an error and its statement on lines that follow each other.
const serverLog = join(process.env.HOWDAH_TEST_DATA, '../log');
const wasCancelled = (mark) => new RegExp(`canceling statement due to user request\\n[^\\n]*STATEMENT:[^\\n]*${mark} `).test(readFileSync(serverLog, 'utf8'));

// Keeps the table to itself until release(), or until the test has ended: who reads it meanwhile waits.
async function holdTable(t) {
  const holder = spawn('psql', ['-XAtq', '-d', dsn], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => holder.stdin.destroy());
  holder.stdin.write(`begin; lock table ${table}; select 'held';\n`);
  await once(holder.stdout, 'data');
  return { release: () => holder.stdin.end('commit;\n') };
}

let marks = 0;
for (const [transport, start] of [['HTTP', overHttp], ['stdio', overStdio]]) {
  for (const era of ['legacy', 'modern']) {
    describe(`${transport}, ${era}`, () => {
      test('a call that runs longer than the drain limit is told so, its statement is cancelled in PostgreSQL, the process ends with 1', async (t) => {
        const server = await start(era, 200);
        const mark = `too long ${process.pid} ${++marks}`;
        t.after(() => psql(`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and query like '%${mark}%'`));
        // Not known to be long when it is planned: while it is compiled (jit) no cancel is heard, and a lost client is told first.
        const call = server.call(`select count(*) /* ${mark} */ from generate_series(1, (select 100000)) a, generate_series(1, (select 100000)) b`);
        await until('the statement runs', () => active(mark) === 1);
        server.child.kill('SIGTERM');
        const { result } = await call;
        assert.ok(result.isError, textOf(result));
        assert.match(textOf(result), /the server is shutting down/);
        assert.equal(result._meta['howdah/error'].code, 'cancelled');
        assert.deepEqual(await server.exited, { code: 1, signal: null });
        // By a cancel, that is, and not because PostgreSQL has noticed that nobody listens.
        await until('PostgreSQL says that it was cancelled', () => wasCancelled(mark));
        await until('the statement has ended', () => active(mark) === 0);
      });

      test('a call that ends within the drain limit is answered as ever, then the process ends with 0', async (t) => {
        const server = await start(era, 600000);
        const mark = `in time ${process.pid} ${++marks}`;
        const held = await holdTable(t);
        let answered = false;
        const call = server.call(`select answer /* ${mark} */ from ${table}`).finally(() => { answered = true; });
        await until('the statement waits', () => active(mark) === 1);
        server.child.kill('SIGTERM');
        await server.stopping();
        await server.refusesNew?.();
        assert.equal(active(mark), 1);
        assert.ok(!answered);
        held.release();
        const { result } = await call;
        assert.ok(!result.isError, textOf(result));
        assert.deepEqual(JSON.parse(textOf(result)).rows, [[42]]);
        assert.deepEqual(await server.exited, { code: 0, signal: null });
      });
    });
  }

  test(`${transport}: a second SIGTERM waits for nobody, and the process ends with 1`, async (t) => {
    const server = await start('modern', 600000);
    const mark = `left behind ${process.pid} ${++marks}`;
    const held = await holdTable(t);
    let answered = false;
    server.call(`select answer /* ${mark} */ from ${table}`).then(() => { answered = true; }, () => {});
    await until('the statement waits', () => active(mark) === 1);
    server.child.kill('SIGTERM');
    await server.stopping();
    server.child.kill('SIGTERM');
    assert.deepEqual(await server.exited, { code: 1, signal: null });
    assert.ok(!answered);
    held.release();
    await until('its backend has noticed', () => active(mark) === 0);
  });
}
