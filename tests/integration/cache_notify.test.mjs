// Writes past the server, told by triggers: each read shows what held at most bound_ms before it, whatever happens to
// the connection that listens or to the triggers. The statements are those of plugins/cache/README.md.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { cachedDatabase, read, session, startCached, statsOf } from './cache_support.mjs';
import { psql, until } from './support.mjs';

const kBound_ms = 1000;
const kLong_ms = 3_600_000;
const kRounds = Number(process.env.HOWDAH_CACHE_ROUNDS ?? 400);

const readme = readFileSync(join(import.meta.dirname, '../../plugins/cache/README.md'), 'utf8');
const kMade = readme.match(/```sql\n(create schema howdah_cache;[^]*?)```/)[1];
const telling = (table) => `create trigger howdah_cache_tell after insert or update or delete or truncate on ${table}
  for each statement execute function howdah_cache.tell();
alter table ${table} enable always trigger howdah_cache_tell;`;
const kTables = ['item', 'owner', 'pet', 'event', 'event_1', 'event_2'].map((name) => `c.${name}`);

let database;
let server;
before(async () => {
  database = cachedDatabase();
  psql(kMade + kTables.map(telling).join('\n'), database.dsn);
  // Without notices an answer would live for an hour.
  server = await startCached(database.dsn, { ttl_ms: 1, notify: { databases: ['main'], bound_ms: kBound_ms, ttl_ms: kLong_ms } });
  await listening();
});
after(async () => {
  assert.equal((await server.stop()).code, 0);
  database.drop();
});

const notifyOf = async () => (await statsOf(server.url)).notify.databases.main;
const listening = () => until('main is listened to', async () => (await notifyOf()).state === 'listening');
const isKept = async (sql) => {
  await read(server.url, sql);
  const earlier = (await statsOf(server.url)).hits;
  await read(server.url, sql);
  return (await statsOf(server.url)).hits > earlier;
};
// How long it takes until a read shows it.
async function shownAfter(sql, expected) {
  const begun = performance.now();
  await until(`${sql} gives ${expected}`, async () => (await read(server.url, sql)) === expected);
  return performance.now() - begun;
}

test('cache_stats and doctor say which tables tell of their writes', async () => {
  const { covered, tables, state } = await notifyOf();
  assert.equal(state, 'listening');
  assert.deepEqual([...covered].sort(), ['c.event', 'c.item', 'c.owner', 'c.pet']);
  assert.equal(tables, 4);
});

test('answers of these tables are kept for longer than ttl_ms, others are not', async () => {
  assert.ok(await isKept('select count(*) from c.item'));
  assert.ok(await isKept('select count(*) from c.event'));
  assert.ok(await isKept('select id, pets from c.busy order by id'));
  assert.ok(!(await isKept('select count(*) from c.account')));
  assert.ok(!(await isKept('select count(*) from c.item, c.account')));
});

test('a write of every kind past the server is shown within the bound, also into partitions and by foreign keys', async () => {
  const writes = [
    ["insert into c.item values (1001, 1, 'told')", 'select count(*) from c.item where id = 1001', '1'],
    ["update c.item set name = 'told again' where id = 1001", 'select name from c.item where id = 1001', 'told again'],
    ['delete from c.item where id = 1001', 'select count(*) from c.item where id = 1001', '0'],
    ['update c.event_1 set n = 77 where id = 2', 'select n from c.event where id = 2', '77'],
    ['update c.event set n = 78 where id = 2', 'select n from c.event_1 where id = 2', '78'],
    ['truncate c.event_2', 'select count(*) from c.event where day = 2', '0'],
    ["delete from c.owner where id = 3", 'select count(*) from c.pet where owner = 3', '0'],
    [`copy c.item from program $$printf '1002\\t1\\tcopied\\n'$$`, 'select name from c.item where id = 1002', 'copied'],
  ];
  for (const [write, sql, expected] of writes) {
    assert.notEqual(await read(server.url, sql), expected, sql);
    psql(write, database.dsn);
    assert.ok((await shownAfter(sql, expected)) < kBound_ms, write);
  }
});

test('a write that replication applies is told, too', async () => {
  const sql = 'select n from c.item where id = 1';
  await read(server.url, sql);
  psql("set session_replication_role = replica; update c.item set n = 4711 where id = 1", database.dsn);
  assert.ok((await shownAfter(sql, '4711')) < kBound_ms);
});

test('a table whose trigger is switched off and on again is taken for changed', async () => {
  const sql = 'select n from c.item where id = 2';
  await read(server.url, sql);
  psql('alter table c.item disable trigger all; update c.item set n = 4712 where id = 2; alter table c.item enable trigger all', database.dsn);
  assert.ok((await shownAfter(sql, '4712')) < kBound_ms);
  await until('it is not covered', async () => !(await notifyOf()).covered.includes('c.item'));
  assert.ok(!(await isKept('select count(*) from c.item')));
  psql('alter table c.item enable always trigger howdah_cache_tell', database.dsn);
  await until('it is covered again', async () => (await notifyOf()).covered.includes('c.item'));
  assert.ok(await isKept('select count(*) from c.item'));
});

test('a tree with a partition that does not tell is not covered', async () => {
  psql('create table c.event_3 partition of c.event for values in (3)', database.dsn);
  await until('it is not covered', async () => !(await notifyOf()).covered.includes('c.event'));
  psql(telling('c.event_3'), database.dsn);
  await until('it is covered again', async () => (await notifyOf()).covered.includes('c.event'));
});

test(`${kRounds} reads beside a writer, the listening connection ended again and again: none is older than the bound`, { timeout: 600_000 }, async () => {
  psql("create table c.clock (n int not null); insert into c.clock values (0)", database.dsn);
  psql(telling('c.clock'), database.dsn);
  await until('it is covered', async () => (await notifyOf()).covered.includes('c.clock'));
  const beside = session(database.dsn);
  const committed = [0];  // when it was known that n is there
  let done = false;
  const writer = (async () => {
    for (let n = 1; !done; n++) {
      await beside.ask(`update c.clock set n = ${n}`);
      committed[n] = performance.now();
      await pause(20);  // or hardly any read would be a hit
    }
  })();
  const lostBefore = (await notifyOf()).lost;
  let oldest = 0, hits = 0, seenLast = 0;
  const hitsBefore = (await statsOf(server.url)).hits;
  for (let i = 0; i < kRounds; i++) {
    if (i % 50 === 25) {
      const pids = "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_notify($1, $2)%' and pid <> pg_backend_pid()";
      psql(pids, database.dsn);
    }
    const asked = performance.now();
    const n = Number(await read(server.url, 'select n from c.clock'));
    // The first write after the one that was shown had been committed so long before the question.
    if (committed[n + 1] !== undefined) oldest = Math.max(oldest, asked - committed[n + 1]);
    assert.ok(oldest <= kBound_ms, `read ${i} gave ${n}, which was over for ${oldest} ms`);
    assert.ok(n >= seenLast || asked - committed[seenLast] <= kBound_ms, 'time goes backward');
    seenLast = Math.max(seenLast, n);
  }
  done = true;
  await writer;
  beside.end();
  await listening();
  hits = (await statsOf(server.url)).hits - hitsBefore;
  const { lost, told } = await notifyOf();
  console.log(`figure: ${kRounds} reads beside ${committed.length} writes past the server, bound ${kBound_ms} ms: ${hits} hits, the oldest answer over for ${oldest.toFixed(1)} ms, ${told} notices, connection lost ${lost - lostBefore} times`);
  assert.ok(lost > lostBefore);
  assert.ok(hits > 0);
});
