// The cache through real clients and a real PostgreSQL: what is remembered, for whom, and until when.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { cachedDatabase, call, databasesOf, read, session, startCached, statsOf, untilReady, write } from './cache_support.mjs';
import { callTool, inFolder, modern, psql, run, runBeside, textOf, until } from './support.mjs';

const kLong_ms = 3_600_000;
const kAll = 'select id, n, name from c.item order by id';
let database;
let server;
before(async () => {
  database = cachedDatabase();
  server = await startCached(database.dsn, { ttl_ms: kLong_ms, coalesce_ms: 5000 });
});
after(async () => {
  assert.equal((await server.stop()).code, 0);
  database.drop();
});

const kHeld = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

// How often it was a hit, of so many calls.
async function hitsOf(sql, { url = server.url, times = 3, ...how } = {}) {
  const earlier = (await statsOf(url, how.headers)).hits;
  for (let i = 0; i < times; i++) await read(url, sql, how);
  return (await statsOf(url, how.headers)).hits - earlier;
}

test('what was read once is answered without the database, with the same rows', async () => {
  const first = await callTool(server.url, 'query', { sql: kAll });
  const earlier = await statsOf(server.url);
  const second = await callTool(server.url, 'query', { sql: kAll });
  const { source, age_ms, ...rows } = second.structuredContent;
  assert.deepEqual(rows, first.structuredContent);
  assert.equal(source, 'memory');
  assert.ok(age_ms >= 0 && age_ms < kLong_ms, String(age_ms));
  const later = await statsOf(server.url);
  assert.deepEqual([later.hits - earlier.hits, later.misses - earlier.misses], [1, 0]);
});

test('parameters, limits and the name of the database are part of the question', async () => {
  const byId = 'select name from c.item where id = $1';
  assert.equal(await read(server.url, byId, { params: [1] }), 'item 1');
  assert.equal(await read(server.url, byId, { params: [2] }), 'item 2');
  assert.equal(await read(server.url, byId, { params: [1] }), 'item 1');
  const two = await callTool(server.url, 'query', { sql: kAll, max_rows: 2 });
  assert.equal(two.structuredContent.row_count, 2);
  assert.equal((await callTool(server.url, 'query', { sql: kAll, max_rows: 3 })).structuredContent.row_count, 3);
  assert.equal((await callTool(server.url, 'query', { sql: kAll, max_rows: 2 })).structuredContent.row_count, 2);
  assert.equal(await hitsOf(`${kAll} limit 1`, { database: 'writable', times: 2 }), 1);
  assert.equal(await hitsOf(`${kAll} limit 1`, { database: 'main', times: 2 }), 1);
});

test('a write is seen by the next read, also one under the other name of the database', async () => {
  await read(server.url, kAll);
  await write(server.url, "update c.item set name = 'changed' where id = 1");
  assert.match(await read(server.url, kAll), /^1\|1\|changed/);
  assert.equal(await hitsOf(kAll), 3);
});

for (const [by, sql, look] of [
  ['a foreign key', 'delete from c.owner where id = 3', 'select count(*) from c.pet'],
  ['a trigger', 'update c.account set cents = cents + 1 where id = 1', 'select count(*) from c.ledger'],
  ['a rule', 'insert into c.source values (1, 1)', 'select count(*) from c.copy'],
  ['a view below', 'insert into c.pet values (1000, 4, $$new$$)', 'select pets from c.busy where id = 4'],
  ['a partition', 'update c.event_1 set n = n + 1', 'select sum(n) from c.event'],
  ['the root of partitions', 'update c.event set n = n + 1', 'select sum(n) from c.event_2'],
  ['a child', 'update c.child set n = n + 1', 'select sum(n) from c.parent'],
  ['WITH', 'with gone as (delete from c.item where id = 40 returning id) insert into c.copy select id, 0 from gone', 'select count(*) from c.item'],
  ['DDL', 'alter table c.item add column more int default 5', 'select * from c.item where id = 6'],
]) {
  test(`what a write changes by ${by} is seen by the next read`, async () => {
    const earlier = await read(server.url, look);
    assert.equal(await read(server.url, look), earlier);
    await write(server.url, sql);
    const later = await read(server.url, look);
    assert.notEqual(later, earlier);
    assert.equal(later, psql(look, database.dsn));
  });
}

test('a write of another table leaves answers where they are', async () => {
  const pets = 'select id, name from c.pet order by id';
  await read(server.url, pets);
  // Right behind DDL, and before the guard has its catalog at hand, a write is taken for one of the whole database.
  await until('a write counts for its tables alone', async () => {
    await read(server.url, 'select 1', { database: 'writable' });
    await read(server.url, pets);
    await write(server.url, 'update c.item set n = n + 1 where id = 2');
    return await hitsOf(pets, { times: 1 }) === 1;
  });
  assert.equal(await hitsOf(pets), 3);
});

test('a write that fails leaves things as they are; one that is tried out changes nothing', async () => {
  await read(server.url, kAll);
  const failed = await callTool(server.url, 'execute', { sql: "insert into c.item values (1, 1, 'twice')", database: 'writable' });
  assert.ok(failed.isError);
  const dry = await callTool(server.url, 'execute', { sql: "update c.item set name = 'dry'", database: 'writable', dry_run: true });
  assert.ok(!dry.isError, textOf(dry));
  assert.equal(await read(server.url, kAll), psql(kAll, database.dsn));
  assert.ok(await hitsOf(kAll) >= 2);
});

test('what depends on the moment, the session or the catalog is never remembered', async () => {
  for (const sql of ['select now()', 'select random()', 'select clock_timestamp()', 'select current_date', 'select current_user',
    'select count(*) from pg_stat_activity', 'select count(*) from pg_class', "select current_setting('work_mem')",
    "select id from c.dated where at < now()", "select id, age(at) from c.dated"]) {
    assert.equal(await hitsOf(sql), 0, sql);
  }
  assert.equal(await hitsOf('select id from c.dated where at < $1', { params: ['now'] }), 0);
  assert.equal(await hitsOf('select id from c.dated where at < $1', { params: ['2030-01-01 00:00:00+00'] }), 2);
});

test('an error that would come again is told without the database, until a row changes', async () => {
  const sql = 'select 1 / (n - n) from c.item where id = 5';
  const ask = async () => textOf(await callTool(server.url, 'query', { sql }));
  assert.match(await ask(), /division by zero/);
  const earlier = (await statsOf(server.url)).hits_errors;
  assert.match(await ask(), /division by zero/);
  assert.equal((await statsOf(server.url)).hits_errors, earlier + 1);
});

test('an answer larger than an entry may be is given, and not remembered', async () => {
  const sql = "select repeat('x', 300000) as long from c.item where id = 5";
  const earlier = await statsOf(server.url);
  for (let i = 0; i < 2; i++) assert.ok(!(await callTool(server.url, 'query', { sql, format: 'csv' })).isError);
  const later = await statsOf(server.url);
  assert.equal(later.hits, earlier.hits);
  assert.equal(later.not_kept.too_large, earlier.not_kept.too_large + 2);
});

// PostgreSQL holds the first of them by a lock, so that the others come while it is under way.
test('equal reads at once cost PostgreSQL one statement', async () => {
  const beside = session(database.dsn);
  await beside.ask('begin; lock table c.dated in access exclusive mode');
  const earlier = await statsOf(server.url);
  const answers = Array.from({ length: 5 }, () => read(server.url, 'select count(*) from c.dated'));
  await until('four wait for the fifth', async () => (await statsOf(server.url)).waiting === 4);
  assert.equal(psql(kHeld, database.dsn), '1');
  await beside.ask('commit');
  beside.end();
  assert.deepEqual(await Promise.all(answers), Array(5).fill('1'));
  const later = await statsOf(server.url);
  assert.equal(later.misses - earlier.misses, 1);
  assert.equal(later.hits_shared - earlier.hits_shared, 4);
});

// It waits for a table it only reads, before it looks at the one it writes.
test('a write that waits while a trigger is made for its table reaches what the trigger writes', async () => {
  const look = 'select count(*) from c.ledger';
  const beside = session(database.dsn);
  await beside.ask('begin; lock table c.dated in access exclusive mode');
  const waits = write(server.url, 'with seen as (select count(*) from c.dated) update c.item set n = n + 1 where id = 1');
  await until('it waits', () => psql(kHeld, database.dsn) === '1');
  await write(server.url, 'create trigger late after update on c.item for each row execute function c.note_item()');
  await until('what the trigger will change is remembered', async () => await hitsOf(look, { times: 2 }) === 2);
  await beside.ask('commit');
  beside.end();
  await waits;
  assert.equal(await read(server.url, look), psql(look, database.dsn));
  await write(server.url, 'drop trigger late on c.item');
});

test('a view that was redefined under one name of the database is read by its new tables under the other', async () => {
  const look = 'select name from c.turned';
  await write(server.url, 'create view c.turned as select name from c.owner where id = 1');
  assert.equal(await read(server.url, look), 'owner 1');
  await write(server.url, 'create or replace view c.turned as select name from c.item where id = 1');
  const wholes = async () => (await statsOf(server.url)).writes.of_whole_databases;
  let turn = 0;
  await until('a write counts for its tables alone', async () => {
    await read(server.url, 'select 1', { database: 'writable' });
    await read(server.url, look);
    const earlier = await wholes();
    await write(server.url, `update c.item set name = 'turn ${++turn}' where id = 1`);
    assert.equal(await read(server.url, look), `turn ${turn}`);
    return await wholes() === earlier;
  });
  await write(server.url, 'drop view c.turned');
});

test('a write past the server is seen when cache_invalidate says so', async () => {
  const pets = 'select id, name from c.pet where id = 7';
  await read(server.url, pets);
  psql("update c.pet set name = 'renamed' where id = 7", database.dsn);
  assert.equal(await read(server.url, pets), '7|pet 7');
  const told = await callTool(server.url, 'cache_invalidate', { relation: 'c.pet' });
  assert.deepEqual(told.structuredContent, { database: 'main', invalidated: 'relation', relation: 'c.pet' });
  assert.equal(await read(server.url, pets), '7|renamed');
  // Of a partition it is the root that answers stand on.
  const events = 'select sum(n) from c.event';
  await read(server.url, events);
  psql('update c.event_2 set n = n + 100', database.dsn);
  await callTool(server.url, 'cache_invalidate', { relation: 'c.event_2' });
  assert.equal(await read(server.url, events), psql(events, database.dsn));
  assert.match(textOf(await callTool(server.url, 'cache_invalidate', { relation: 'c.nothing' })), /no relation "c.nothing"/);
});

test('a write past the server is seen within ttl_ms without a word', async () => {
  const kTtl_ms = 1500;
  const own = await startCached(database.dsn, { ttl_ms: kTtl_ms });
  try {
    for (let round = 0; round < 5; round++) {
      const sql = 'select n from c.item where id = 9';
      const old = await read(own.url, sql);
      psql('update c.item set n = n + 1 where id = 9', database.dsn);
      const written = performance.now();
      // An answer that is still the old one was asked for within the bound.
      for (let seen = old, asked = written; seen === old; seen = await read(own.url, sql)) {
        assert.ok(asked - written <= kTtl_ms, `stale ${asked - written} ms after the write`);
        asked = performance.now();
        await pause(20);
      }
    }
  } finally {
    await own.stop();
  }
});

test('each principal has answers of his own, and a tenant does not declare those of others out of date', async () => {
  const place = inFolder();
  const file = join(place.folder, 'tokens');
  const [a, b] = ['a'.repeat(30), 'b'.repeat(30)];
  writeFileSync(file, `${a} name=a scopes=howdah:read\n${b} name=b scopes=howdah:write tenant=acme\n`, { mode: 0o600 });
  const [as_a, as_b] = [a, b].map((token) => ({ Authorization: `Bearer ${token}` }));
  const own = await startCached(database.dsn, { ttl_ms: kLong_ms }, { http: '', headers: true,
    plugins: ['pool', 'guard', 'query', { cache: { ttl_ms: kLong_ms } }, { auth: { token_file: file } }] });
  try {
    await untilReady(own.url, as_a);
    const sql = 'select name from c.owner order by id';
    assert.equal(await hitsOf(sql, { url: own.url, headers: as_a }), 2);
    assert.equal(await hitsOf(sql, { url: own.url, headers: as_b }), 2);
    const refused = await call(own.url, 'cache_invalidate', {}, as_b);
    assert.match(textOf(refused), /a tenant cannot/);
  } finally {
    await own.stop();
    place.remove();
  }
});

test('enabled, disabled, reconfigured and reloaded while clients read and write: no call is lost, no answer is old', async () => {
  const own = await startCached(database.dsn, { ttl_ms: kLong_ms });
  const others = ['pool', 'guard', 'query', 'schema'];
  let stop = false;
  let calls = 0;
  // Each client has a row of its own, so it knows what it must read.
  const client = async (id) => {
    for (let n = 1; !stop; n++) {
      await write(own.url, 'update c.item set n = $1 where id = $2', [n, id]);
      for (let i = 0; i < 3; i++) {
        assert.equal(await read(own.url, `select n from c.item where id = ${id}`), String(n));
        calls++;
      }
    }
  };
  const clients = [11, 12, 13].map(client);
  const steps = [others, [...others, { cache: { ttl_ms: kLong_ms } }], [...others, { cache: { l1: { entries_max: 0 } } }],
    [{ pool: { connections_max: 6 } }, 'guard', 'query', 'schema', 'cache'], [...others, { cache: { l3: { enabled: true } } }]];
  try {
    for (let round = 0; round < 2; round++) {
      for (const plugins of steps) {
        own.write({ plugins });
        const done = await runBeside(['reload', '-c', own.file]);
        assert.equal(done.code, 0, done.err);
        const at = calls;
        await until('clients go on', () => calls > at + 6);
      }
    }
  } finally {
    stop = true;
    await Promise.all(clients);
    assert.equal((await own.stop()).code, 0);
  }
});

// --- on disk

const disk = (more = {}) => ({ ttl_ms: kLong_ms, l3: { enabled: true, read_ms: 1000, ...more } });
const answersFile = (folder) => join(folder, 'state/plugins/cache/answers.db');

// Stops it and starts it again in the same folder, with what is done in between.
async function restarted(own, cache, between = () => {}) {
  own.child.kill('SIGTERM');
  assert.equal((await own.exited).code, 0);
  between();
  return startCached(database.dsn, cache, { place: { folder: own.folder, remove: () => {} } });
}

test('answers on disk are there after a restart, those of written tables are not, and nothing readable lies there', async () => {
  const place = inFolder();
  let own = await startCached(database.dsn, disk(), { place: { folder: place.folder, remove: () => {} } });
  const stays = "select name from c.owner where name like 'owner 1%' order by id";
  const goes = 'select id, n from c.parent order by id';
  const kept = await read(own.url, stays);
  await read(own.url, goes);
  await write(own.url, 'update c.parent set n = n + 1 where id = 2');
  own = await restarted(own, disk());
  assert.equal(await read(own.url, stays), kept);
  assert.equal((await statsOf(own.url)).levels.l3.hits, 1);
  assert.equal(await read(own.url, goes), psql(goes, database.dsn));
  assert.equal((await statsOf(own.url)).levels.l3.hits, 1);
  await own.stop();
  const bytes = readFileSync(answersFile(place.folder));
  assert.ok(bytes.length > 4096);
  assert.equal(bytes.includes('owner 1'), false);
  assert.equal(bytes.includes('c.owner'), false);
  for (const name of ['answers.db', 'key', 'epochs']) assert.equal(statSync(join(answersFile(place.folder), '..', name)).mode & 0o777, 0o600, name);
  place.remove();
});

test('a file that was damaged, cut, or is none is told and set aside, and answers are right', async () => {
  const place = inFolder();
  let own = await startCached(database.dsn, disk(), { place: { folder: place.folder, remove: () => {} } });
  const file = answersFile(place.folder);
  const texts = Array.from({ length: 20 }, (_, i) => `select id, name from c.pet where id > ${i} order by id`);
  for (const damage of [
    () => writeFileSync(file, 'no database at all, but long enough to be read as the head of one, which has a hundred bytes'),
    () => { const bytes = readFileSync(file); writeFileSync(file, bytes.subarray(0, bytes.length / 2)); },
    () => { const bytes = readFileSync(file); for (let at = 5000; at < bytes.length; at += 97) bytes[at] ^= 0x5a; writeFileSync(file, bytes); },
  ]) {
    for (const sql of texts) await read(own.url, sql);
    own = await restarted(own, disk(), damage);
    for (const sql of texts) assert.equal(await read(own.url, sql), psql(sql, database.dsn));
    const { levels } = await statsOf(own.url);
    assert.equal(levels.l3.hits, 0);
    assert.ok(levels.l3.set_aside + levels.l3.damaged > 0, JSON.stringify(levels.l3));
    await own.logs(/was damaged and begins anew|is damaged or not ours/);
  }
  await own.stop();
  place.remove();
});

test('with another key nothing of what lies on disk is given out or kept', async () => {
  const place = inFolder();
  let own = await startCached(database.dsn, disk(), { place: { folder: place.folder, remove: () => {} } });
  const sql = 'select id, name from c.pet where id > 50 order by id';
  await read(own.url, sql);
  own = await restarted(own, disk());
  assert.ok((await statsOf(own.url)).levels.l3.entries > 0);
  own = await restarted(own, disk(), () => writeFileSync(join(answersFile(place.folder), '../key'), 'k'.repeat(32)));
  assert.equal((await statsOf(own.url)).levels.l3.entries, 0);
  assert.equal(await read(own.url, sql), psql(sql, database.dsn));
  assert.equal((await statsOf(own.url)).levels.l3.hits, 0);
  await own.stop();
  place.remove();
});

test('another database under the same name is not answered from the file of the old one', async () => {
  const place = inFolder();
  const other = cachedDatabase();
  psql("update c.item set name = 'of the other' where id = 5", other.dsn);
  const sql = 'select name from c.item where id = 5';
  let own = await startCached(database.dsn, disk(), { place: { folder: place.folder, remove: () => {} } });
  assert.equal(await read(own.url, sql), psql(sql, database.dsn));
  own = await restarted(own, disk());  // so that it lies on disk
  assert.equal(await read(own.url, sql), psql(sql, database.dsn));
  own.write({ databases: databasesOf(other.dsn) });
  const done = await runBeside(['reload', '-c', own.file]);
  assert.equal(done.code, 0, done.err);
  await untilReady(own.url);
  assert.equal(await read(own.url, sql), 'of the other');
  assert.equal(await read(own.url, sql), 'of the other');
  await own.stop();
  other.drop();
  place.remove();
});

test('the tools stand in their profile, the report in doctor, a mistake in the configuration with its place', async () => {
  const { json } = await modern(server.url, 'tools/list');
  const names = json.result.tools.map(({ name }) => name);
  assert.ok(names.includes('cache_stats') && names.includes('cache_invalidate'));
  const doctor = run(['doctor', '-c', server.file]);
  assert.match(doctor.out, /cache: ok/);
  server.write({ plugins: ['pool', 'guard', 'query', { cache: { ttl_ms: 0 } }] });
  const wrong = run(['config', 'check', '-c', server.file]);
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.err + wrong.out, /ttl_ms/);
});
