// Writing with care: tried out and rolled back, held to a number of rows, confirmed by a person.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, beforeEach, describe, test } from 'node:test';

import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { clients, connectedToOwn } from './sdk_clients.mjs';
import { callTool, dsn, modern, psql, startServer, textOf, until } from './support.mjs';

const kTable = `careful_${process.pid}`;
const databases = `  main: { dsn: "${dsn}", access: read_write }`;
const withQuery = (section) => ({ plugins: ['pool', 'guard', { query: section }], databases });
const fill = () => psql(`truncate ${kTable}, ${kTable}_log restart identity cascade; insert into ${kTable}(n) select i from generate_series(1, 20) i`);
const count = () => psql(`select count(*) from ${kTable}`);
before(() => psql(`drop table if exists ${kTable}, ${kTable}_log cascade;
  create table ${kTable} (id int generated always as identity primary key, n int, parent int);
  alter table ${kTable} add foreign key (parent) references ${kTable} on delete cascade;
  create table ${kTable}_log (n int)`));
beforeEach(fill);
after(() => psql(`drop table ${kTable}, ${kTable}_log cascade`));

describe('a dry run', () => {
  let server;
  before(async () => { server = await startServer(withQuery({})); });
  after(async () => { assert.equal((await server.stop()).code, 0); });
  const dry = (sql, more = {}) => callTool(server.url, 'execute', { sql, dry_run: true, ...more });

  test('tells rows, locks and plan, shows what RETURNING gives, and changes nothing', async () => {
    const result = await dry(`delete from ${kTable} where n > $1 returning n`, { params: [15], max_rows: 2 });
    assert.ok(!result.isError, textOf(result));
    const told = result.structuredContent;
    assert.equal(told.command, 'DELETE 5');
    assert.equal(told.affected_rows, 5);
    assert.equal(told.changed_rows, 5);
    assert.equal(told.dry_run, true);
    assert.equal(told.row_count, 2);
    assert.equal(told.truncated.reason, 'rows');
    assert.ok(told.locks.some(({ relation, mode }) => relation === `public.${kTable}` && mode === 'RowExclusiveLock'), JSON.stringify(told.locks));
    assert.match(told.plan, /Delete on/);
    assert.match(told.note, /rolled back[^]*sequences/);
    assert.equal(count(), '20');
    const csv = textOf(await dry(`delete from ${kTable} where n > 18`, { format: 'csv' }));
    assert.match(csv, /DELETE 2[^]*plan: Delete on[^]*note: dry run/);
  });
  test('counts what WITH, triggers and foreign keys change besides', async () => {
    psql(`update ${kTable} set parent = 1 where n > 1`);
    const cascade = (await dry(`delete from ${kTable} where id = 1`)).structuredContent;
    assert.deepEqual([cascade.affected_rows, cascade.changed_rows], [1, 20]);
    const inside = (await dry(`with gone as (delete from ${kTable} where n > 10 returning n) insert into ${kTable}_log select n from gone where n > 19`)).structuredContent;
    assert.deepEqual([inside.affected_rows, inside.changed_rows], [1, 11]);
    assert.equal(count(), '20');
  });
  test('says what a rollback does not undo, and that is so', async () => {
    const last = psql(`select max(id) from ${kTable}`);
    await dry(`insert into ${kTable}(n) values (1)`);
    psql(`insert into ${kTable}(n) values (1)`);
    assert.equal(psql(`select max(id) - ${last} from ${kTable}`), '2');
  });
  test('DDL: its locks, no plan, nothing left', async () => {
    const told = (await dry(`create index on ${kTable} (n)`)).structuredContent;
    assert.ok(told.locks.some(({ mode }) => mode === 'ShareLock'), JSON.stringify(told.locks));
    assert.equal(told.plan, undefined);
    assert.equal(told.affected_rows, undefined);
    assert.equal(psql(`select count(*) from pg_indexes where tablename = '${kTable}'`), '1');
  });
  test('what cannot run in a transaction is refused with that reason', async () => {
    const result = await dry(`create index concurrently on ${kTable} (n)`);
    assert.ok(result.isError);
    assert.match(textOf(result), /cannot run inside a transaction block[^]*dry run[^]*psql/);
    for (const sql of ['vacuum', 'create database x']) assert.ok((await dry(sql)).isError, sql);
  });
  test('an error is told as that of the statement, at its place', async () => {
    const result = await dry(`update ${kTable} set m = 1`);
    assert.match(textOf(result), /42703/);
    assert.match(textOf(result), /\n +\^/);
  });
  test('the next statement on the connection is not in its transaction', async () => {
    await dry(`delete from ${kTable}`);
    assert.ok(!(await callTool(server.url, 'execute', { sql: `delete from ${kTable} where n = 1` })).isError);
    assert.equal(count(), '19');
  });
});

describe('a ceiling', () => {
  let server;
  before(async () => { server = await startServer(withQuery({ rows_affected_max: 10 })); });
  after(async () => { assert.equal((await server.stop()).code, 0); });
  const execute = (sql, more = {}) => callTool(server.url, 'execute', { sql, ...more });
  const refused = (result, changed, allowed) => {
    assert.ok(result.isError, textOf(result));
    assert.match(textOf(result), new RegExp(`changed ${changed} rows[^]* ${allowed} are allowed: it was rolled back, nothing was changed`));
  };

  test('ten rows may change, eleven are rolled back', async () => {
    assert.ok(!(await execute(`update ${kTable} set n = -n where n <= 10`)).isError);
    refused(await execute(`update ${kTable} set n = 0 where n > 10 or n = -1`), 11, 10);
    assert.equal(psql(`select count(*) from ${kTable} where n = 0`), '0');
    refused(await execute(`delete from ${kTable} returning *`), 20, 10);
    refused(await execute(`insert into ${kTable}(n) select i from generate_series(1, 300000) i returning repeat('x', 1000)`, { max_rows: 5 }), 300000, 10);
    assert.equal(count(), '20');
  });
  test('a call may lower it and not raise it', async () => {
    refused(await execute(`delete from ${kTable} where n <= 3`, { rows_affected_max: 2 }), 3, 2);
    refused(await execute(`delete from ${kTable} where n <= 1`, { rows_affected_max: 0 }), 1, 0);
    refused(await execute(`delete from ${kTable}`, { rows_affected_max: 100 }), 20, 10);
    assert.ok(!(await execute(`delete from ${kTable} where n <= 3`, { rows_affected_max: 3 })).isError);
    assert.equal(count(), '17');
  });
  test('what WITH and foreign keys change counts', async () => {
    refused(await execute(`with gone as (delete from ${kTable} returning n) insert into ${kTable}_log select n from gone limit 1`), 21, 10);
    psql(`update ${kTable} set parent = 1 where n > 1`);
    refused(await execute(`delete from ${kTable} where id = 1`), 20, 10);
    assert.equal(count(), '20');
  });
  test('what other calls on the connection changed does not', async () => {
    for (let i = 0; i < 5; i++) assert.ok(!(await execute(`update ${kTable} set n = n where n <= 10`)).isError);
  });
  test('a dry run tells that it would be refused', async () => {
    assert.match(textOf(await execute(`delete from ${kTable}`, { dry_run: true })), /execute would refuse it: at most 10 rows/);
  });
});

for (const entry of clients) {
  describe(`confirmation: ${entry.name}`, () => {
    let own;
    const asked = [];
    const forms = [];
    let answer;
    before(async () => {
      own = await connectedToOwn(entry, withQuery({ confirm: 5 }), { capabilities: { elicitation: { form: {} } } });
      own.client.setRequestHandler(own.client.listen ? 'elicitation/create' : ElicitRequestSchema, async ({ params }) => {
        asked.push(params.message);
        forms.push(params.requestedSchema);
        return answer(params);
      });
    });
    after(() => own.close());
    beforeEach(() => { asked.length = 0; });
    const yes = () => ({ action: 'accept', content: { run: true } });
    const execute = (sql, more = {}) => own.client.callTool({ name: 'execute', arguments: { sql, ...more } });

    test('five rows are written unasked, six when confirmed, with the figures in the question', async () => {
      answer = yes;
      assert.ok(!(await execute(`delete from ${kTable} where n <= 5`)).isError);
      assert.deepEqual(asked, []);
      const result = await execute(`delete from ${kTable} where n <= 11`);
      assert.ok(!result.isError, textOf(result));
      assert.equal(count(), '9');
      assert.equal(asked.length, 1);
      const [{ properties: { run, ...more } }] = forms;  // nothing that a person could take for a question after a secret
      assert.deepEqual([run.type, more], ['boolean', {}]);
      assert.match(asked[0], new RegExp(`changed 6 rows.*RowExclusiveLock[^]*delete from ${kTable} where n <= 11`));
    });
    test('declined, cancelled or not ticked: nothing is changed', async () => {
      for (const no of [{ action: 'decline' }, { action: 'cancel' }, { action: 'accept', content: { run: false } }]) {
        answer = () => no;
        const result = await execute(`delete from ${kTable}`);
        assert.ok(result.isError);
        assert.match(textOf(result), /not confirmed; nothing was changed/);
      }
      assert.equal(count(), '20');
    });
    test('more rows than were shown are not changed', async () => {
      // The data changes while the person thinks. In the stateless era the new figures are asked for; the second answer holds.
      let first = true;
      answer = () => {
        if (first) psql(`insert into ${kTable}(n) select 1 from generate_series(1, 3)`);
        first = false;
        return yes();
      };
      const result = await execute(`delete from ${kTable}`);
      if (entry.revision === '2026-07-28') {
        assert.ok(!result.isError, textOf(result));
        assert.deepEqual(asked.map((message) => message.match(/changed (\d+) rows/)[1]), ['20', '23']);
      } else {
        assert.ok(result.isError);
        assert.match(textOf(result), /changed 23 rows[^]*20 are allowed: it was rolled back/);
        assert.equal(count(), '23');
      }
    });
    test('DDL is always asked for, a dry run never', async () => {
      answer = yes;
      assert.ok(!(await execute(`delete from ${kTable}`, { dry_run: true })).isError);
      assert.deepEqual(asked, []);
      assert.ok(!(await execute(`comment on table ${kTable} is 'x'`)).isError);
      assert.equal(asked.length, 1);
    });
  });
}

test('a client that cannot be asked is refused, and told why', async () => {
  for (const confirm of ['always', 5]) {
    const server = await startServer(withQuery({ confirm }));
    try {
      fill();
      const { json } = await modern(server.url, 'tools/call', { name: 'execute', arguments: { sql: `delete from ${kTable}` } });
      assert.equal(json.error?.code, -32021, JSON.stringify(json));
      assert.equal(count(), '20');
      const some = await modern(server.url, 'tools/call', { name: 'execute', arguments: { sql: `delete from ${kTable} where n = 1` } });
      if (confirm === 5) assert.ok(!some.json.result.isError);
      else assert.equal(some.json.error?.code, -32021);
      assert.equal(count(), confirm === 5 ? '19' : '20');
    } finally {
      await server.stop();
    }
  }
});

test('the configuration takes never, always or a number', async () => {
  const wrong = await startServer(withQuery({ confirm: 'sometimes' }));
  await wrong.logs(/query: does not run: [^\n]*confirm/);
  await assert.rejects(callTool(wrong.url, 'execute', { sql: `delete from ${kTable}` }), /unknown tool/);
  await wrong.stop();
  const server = await startServer(withQuery({ confirm: 'never' }));
  assert.ok(!(await callTool(server.url, 'execute', { sql: `delete from ${kTable}` })).isError);
  assert.equal((await server.stop()).code, 0);
});

describe('a lock somebody else holds', () => {
  const kHeld = `held_${process.pid}`;  // not emptied before each test
  let server;
  let holder;
  before(async () => {
    psql(`create table ${kHeld} (n int)`);
    server = await startServer({ plugins: [{ pool: { lock_timeout_ms: 1000 } }, 'guard', 'query'], databases });
    holder = spawn('psql', ['-Xq', '-d', dsn], { stdio: ['pipe', 'ignore', 'inherit'] });
    holder.stdin.write(`begin; lock table ${kHeld} in access share mode;\n`);
    await until('the lock is held', () => psql(`select count(*) from pg_locks where granted and relation = '${kHeld}'::regclass`) === '1');
  });
  after(async () => {
    holder.stdin.end();
    await new Promise((resolve) => holder.on('exit', resolve));
    psql(`drop table ${kHeld}`);
    assert.equal((await server.stop()).code, 0);
  });

  for (const dry_run of [false, true]) {
    test(`is not waited for beyond lock_timeout_ms${dry_run ? ' by a dry run either' : ''}, and the error says whose it is to find and what to do`, async () => {
      const begun = Date.now();
      const waits = callTool(server.url, 'execute', { sql: `alter table ${kHeld} add column late int`, dry_run });
      await until('it waits', () => psql(`select count(*) from pg_locks where not granted and relation = '${kHeld}'::regclass`) === '1');
      const read = callTool(server.url, 'query', { sql: `select count(*) from ${kHeld}` });  // in line behind it
      const result = await waits;
      assert.ok(result.isError);
      assert.match(textOf(result), /another transaction holds a lock this needs: pg_locks joined with pg_stat_activity[^]*pool\.lock_timeout_ms[^]*SQLSTATE: 55P03/);
      assert.ok(!(await read).isError, textOf(await read));
      assert.ok(Date.now() - begun < 10000, `${Date.now() - begun} ms`);
    });
  }
});
