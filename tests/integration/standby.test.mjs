// A primary and a standby behind one connection string: writes go where they can be made, reads where they were asked
// to, before and after the roles change.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { makeStandby } from './standby_support.mjs';
import { callTool, psql, startServer, textOf, until } from './support.mjs';

let primary;
let standby;
let server;

before(async () => {
  primary = startCluster('--tcp');
  psql('create table written (i int primary key)', primary.dsn);
  standby = await makeStandby(primary, 'standby');
  await until('the standby has the table', () => {
    try {
      return psql("select to_regclass('written')", standby.dsn) === 'written';
    } catch {
      return false;
    }
  });
  const first = primary.environment.HOWDAH_TEST_TCP;
  // The standby first: who took the first host that answers would be there.
  const hosts = `127.0.0.1:${standby.port},${first}`;
  server = await startServer({ databases: `  main: { dsn: "postgresql://postgres@${hosts}/postgres?target_session_attrs=prefer-standby" }
  notes: { dsn: "postgresql://postgres@${hosts}/postgres", access: read_write }
  wrong: { dsn: "postgresql://postgres@127.0.0.1:${standby.port}/postgres", access: read_write }` });
});
after(async () => {
  assert.equal((await server.stop()).code, 0);
  standby.remove();
  primary.remove();
});

const portOf = async (database) => {
  const result = await callTool(server.url, 'query', { sql: 'show port', database });
  return result.isError ? textOf(result) : Number(result.structuredContent.rows[0][0]);
};
const write = (i, database = 'notes') => callTool(server.url, 'execute', { sql: `insert into written values (${i})`, database });

test('reads go to the standby that is preferred, writes to the primary', async () => {
  assert.equal(await portOf('main'), standby.port);
  assert.equal(await portOf('notes'), Number(primary.environment.PGPORT));
  assert.ok(!(await write(1)).isError);
  await until('it has arrived', async () => (await callTool(server.url, 'query', { sql: 'select i from written' })).structuredContent.row_count === 1);
});

test('a write to a standby says what it is and what to do', async () => {
  const result = await write(2, 'wrong');
  assert.ok(result.isError);
  assert.match(textOf(result), /the server is a standby; name all hosts in the dsn, with target_session_attrs=read-write/);
  assert.equal(psql('select count(*) from written', primary.dsn), '1');
});

test('the primary goes and the standby is promoted: writes resume within a second, none that was acknowledged is lost', async () => {
  let next = 10;
  let stop = false;
  const acknowledged = [];
  const load = Array.from({ length: 4 }, async () => {
    while (!stop) {
      const mine = next++;
      const result = await write(mine);
      if (!result.isError) acknowledged.push([mine, Date.now()]);
    }
  });
  await until('writes work', () => acknowledged.length > 50);
  // What is acknowledged while the standby is still behind would be lost whoever wrote it: so the writers rest.
  stop = true;
  await Promise.all(load);
  const before_switch = acknowledged.length;
  await until('the standby has all', () => Number(psql('select count(*) from written', standby.dsn)) === before_switch + 1);
  stop = false;
  primary.down('immediate');
  const after_switch = Array.from({ length: 4 }, async () => {
    while (!stop) {
      const mine = next++;
      const result = await write(mine);
      if (!result.isError) acknowledged.push([mine, Date.now()]);
    }
  });
  assert.equal(acknowledged.length, before_switch);
  await standby.promote();
  const accepts = Date.now();
  await until('writes work again', () => acknowledged.length > before_switch + 20);
  stop = true;
  await Promise.all(after_switch);
  const resumed = acknowledged[before_switch][1] - accepts;
  console.log(`figure: writes work again ${resumed} ms after pg_ctl promote has come back`);
  assert.ok(resumed <= 1000, `${resumed} ms`);
  const there = new Set(psql('select i from written', standby.dsn).split('\n').map(Number));
  for (const [i] of acknowledged) assert.ok(there.has(i), `${i} was acknowledged`);
});

test('the old primary comes back as a standby: no write goes there', async () => {
  writeFileSync(join(primary.environment.HOWDAH_TEST_DATA, 'standby.signal'), '');
  primary.up();
  const end = 100000;
  for (let i = end; i < end + 20; i++) assert.ok(!(await write(i)).isError);
  assert.equal(psql(`select count(*) from written where i >= ${end}`, standby.dsn), '20');
  assert.equal(await portOf('notes'), standby.port);
});
