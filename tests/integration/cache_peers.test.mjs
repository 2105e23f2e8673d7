// Three instances of the server, one PostgreSQL, one Redis: a write through any of them is seen by the next read through any
// other, whatever that has remembered or a third has left in Redis, also when one is killed and when Redis is away. HOWDAH_CACHE_OPERATIONS=100000 is
// the long run, HOWDAH_CACHE_SEED repeats one.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { randomFrom } from '../support/random.mjs';
import { cachedDatabase, call, databasesOf, read, statsOf, untilReady } from './cache_support.mjs';
import { startRedis } from './redis_server.mjs';
import { inFolder, psql, startServer, textOf, until } from './support.mjs';

const kOperations = Number(process.env.HOWDAH_CACHE_OPERATIONS ?? 3000);
const kSeed = Number(process.env.HOWDAH_CACHE_SEED ?? Math.floor(Math.random() * 2 ** 31));
const kLease_ms = 3000;  // a busy machine makes Redis slow, and a write is refused when it takes a quarter of this
const kLanes = 4;
const kInstances = 3;

// By token: another tenant's questions are not those of this one.
const kTokens = ['a', 'b'].map((letter) => letter.repeat(30));
const [kOwn, kForeign] = kTokens.map((token) => ({ Authorization: `Bearer ${token}` }));
const place = inFolder();
const kKeyFile = join(place.folder, 'key');
const kTokenFile = join(place.folder, 'tokens');
writeFileSync(kKeyFile, randomBytes(32), { mode: 0o600 });
writeFileSync(kTokenFile, kTokens.map((token, i) => `${token} name=n${i} scopes=howdah:write tenant=t${i}\n`).join(''), { mode: 0o600 });

let database, redis;
const servers = [];
const start = async (limits = {}, { tokens = false, name = 'test' } = {}) => {
  const server = await startServer({
    databases: databasesOf(database.dsn), extra: `tools: { profile: all }\nlimits: ${JSON.stringify(limits)}`, ...(tokens && { http: '' }),
    plugins: [...(tokens ? [{ auth: { token_file: kTokenFile } }] : []), { pool: { connections_max: 8 } },
      { redis: { socket: redis.socket, operation_timeout_ms: 500 } }, 'guard', 'query',
      { cache: { ttl_ms: 3_600_000, unsettled_ms: 1000, shared: { enabled: true, name, lease_ms: kLease_ms,
        answers: { enabled: true, key_file: kKeyFile, read_ms: 500 } } } }],
  });
  const headers = tokens ? kOwn : undefined;
  await untilReady(server.url, headers);
  await joined(server, headers);
  return server;
};
// Refused is not written: it is tried again, as the answer says.
const write = (url, sql) => until(`${sql} is written`, async () => {
  const result = await call(url, 'execute', { sql, database: 'writable' });
  if (!result.isError) return result;
  assert.match(textOf(result), /other instances cannot be told of this write: the shared store answers too slowly/);
  return undefined;
});
const sharedOf = async (server, headers) => (await statsOf(server.url, headers)).shared;
const joined = (server, headers) => until('it has joined the others', async () => (await sharedOf(server, headers)).state === 'member');
const answersOf = async (server, headers) => (await statsOf(server.url, headers)).levels.shared;
const asked = async ({ url }, sql, headers) => {
  const result = await call(url, 'query', { sql }, headers);
  assert.ok(!result.isError, textOf(result));
  return result.structuredContent;
};
// Read through the one, and in Redis.
const left = async (server, sql, headers) => {
  const { stored } = await answersOf(server, headers);
  const { source } = await asked(server, sql, headers);
  assert.equal(source, undefined, 'read in the database');
  await until('it is in Redis', async () => (await answersOf(server, headers)).stored > stored);
};
// One of its threads has to run before the others stand still.
const suspended = (server) => {
  server.child.kill('SIGSTOP');
  return until('it stands still', () => readFileSync(`/proc/${server.child.pid}/stat`, 'utf8').includes(') T '));
};
// What the one reads is given out by the other as soon as both can tell how old it is.
let questions = 0;
const sharing = (from, to, headers) => until('answers of the one are given out by the other', async () => {
  const sql = `select count(*) from c.pet where id > ${++questions}`;
  await left(from, sql, headers);
  return (await asked(to, sql, headers)).source === 'shared';
});
before(async () => {
  database = cachedDatabase();
  psql(Array.from({ length: kLanes }, (_, lane) => `create table c.lane_${lane} (id int primary key, n int not null);
    insert into c.lane_${lane} select i, 0 from generate_series(1, 5) i;`).join('\n'), database.dsn);
  redis = await startRedis();
  for (let i = 0; i < kInstances; i++) servers.push(await start());
});
after(async () => {
  for (const server of servers) assert.equal((await server.stop()).code, 0);
  redis?.remove();
  place.remove();
  database?.drop();
});

test('a write through one instance is seen by the next read through the others, which had another answer', async () => {
  const sql = "select name from c.item where id = 1";
  for (let round = 0; round < 60; round++) {
    for (const server of servers) await read(server.url, sql);
    const [writer, ...others] = [...servers.slice(round % kInstances), ...servers.slice(0, round % kInstances)];
    await write(writer.url, `update c.item set name = 'round ${round}' where id = 1`);
    for (const server of others) assert.equal(await read(server.url, sql), `round ${round}`);
  }
  const { writes, instances } = await sharedOf(servers[0]);
  assert.equal(instances, kInstances);
  assert.ok(writes.acknowledged > writes.waited_out, JSON.stringify(writes));
});

test('what a write reaches by a trigger, a foreign key or a partition is old elsewhere, too', async () => {
  const [one, two] = servers;
  const cases = [
    ['select count(*) from c.pet where owner = 5', 'delete from c.owner where id = 5'],
    ['select count(*) from c.ledger', 'update c.account set cents = cents + 1 where id = 1'],
    ['select sum(n) from c.event', 'update c.event_1 set n = n + 1'],
    ['select id, pets from c.busy order by id', "insert into c.pet values (900, 6, 'new')"],
  ];
  for (const [sql, statement] of cases) {
    const old = await read(two.url, sql);
    assert.equal(await read(two.url, sql), old);
    await write(one.url, statement);
    assert.equal(await read(two.url, sql), psql(sql, database.dsn), statement);
    assert.notEqual(await read(two.url, sql), old, statement);
  }
});

test('a definition made through one instance is known to the others at once', async () => {
  const [one, two] = servers;
  const sql = 'select * from c.shown order by 1';
  await write(one.url, 'create view c.shown as select id from c.item where id = 1');
  await until('the guard of the other has seen it', async () => !(await call(two.url, 'query', { sql })).isError);
  assert.equal(await read(two.url, sql), '1');
  await write(one.url, 'create or replace view c.shown as select id from c.owner where id = 2');
  assert.equal(await read(two.url, sql), '2');
  await write(one.url, 'delete from c.owner where id = 2');
  assert.equal(await read(two.url, sql), '');
});

test('cache_invalidate through one instance holds for all', async () => {
  const [one, two] = servers;
  const sql = 'select name from c.item where id = 7';
  await until('the other remembers it', async () => (await call(two.url, 'query', { sql })).structuredContent.source === 'memory');
  psql("update c.item set name = 'past the server' where id = 7", database.dsn);
  assert.notEqual(await read(two.url, sql), 'past the server');
  const result = await call(one.url, 'cache_invalidate', { relation: 'c.item', database: 'main' });
  assert.ok(!result.isError, textOf(result));
  assert.equal(await read(two.url, sql), 'past the server');
});

test('what one instance has read another answers without the database, while nobody has written it', async () => {
  const [one, two] = servers;
  await sharing(one, two);
  const sql = 'select id, name from c.item where id = 9';
  for (const writer of [one, two]) {
    await left(one, sql);
    // Nobody can know of this one; so it is seen that the database was not asked.
    const before = psql('select name from c.item where id = 9', database.dsn);
    psql("update c.item set name = name || ' past the server' where id = 9", database.dsn);
    const { source, age_ms, rows } = await asked(two, sql);
    assert.deepEqual([source, rows], ['shared', [[9, before]]]);
    assert.ok(age_ms > 0 && age_ms < 60_000, String(age_ms));
    assert.equal((await asked(two, sql)).source, 'memory');
    await left(one, `${sql} limit 1`);
    await write(writer.url, "update c.item set name = name || '.' where id = 9");
    const expected = psql('select id, name from c.item where id = 9', database.dsn);
    for (const text of [`${sql} limit 1`, sql]) assert.equal(await read(two.url, text), expected, text);
    await until('the one has another to leave', async () => (await asked(one, sql)).source !== undefined);
    await write(one.url, "update c.item set name = name || '.' where id = 9");
  }
  const { hits, bytes_read, damaged, failed } = await answersOf(two);
  assert.ok(hits >= 3 && bytes_read > 0, JSON.stringify({ hits, bytes_read }));
  assert.deepEqual([damaged, failed], [0, 0]);
});

test('cache_invalidate reaches what lies in Redis', async () => {
  const [one, two] = servers;
  const sql = 'select name from c.item where id = 8';
  await left(one, sql);
  psql("update c.item set name = 'past the server' where id = 8", database.dsn);
  const result = await call(two.url, 'cache_invalidate', { relation: 'c.item', database: 'main' });
  assert.ok(!result.isError, textOf(result));
  for (const { url } of servers) assert.equal(await read(url, sql), 'past the server');
});

test('Redis holds no row, question or name in the clear, and an answer is of one principal alone', async () => {
  const [one, two] = [await start({}, { tokens: true, name: 'tenants' }), await start({}, { tokens: true, name: 'tenants' })];
  try {
    await sharing(one, two, kOwn);
    psql("update c.item set name = 'a row of the one tenant' where id = 6", database.dsn);
    const sql = 'select name from c.item where id = 6';
    await left(one, sql, kOwn);
    psql("update c.item set name = 'later' where id = 6", database.dsn);
    assert.deepEqual((await asked(two, sql, kForeign)).rows, [['later']]);
    assert.deepEqual((await asked(one, sql, kForeign)).rows, [['later']]);
    const own = await asked(two, sql, kOwn);
    assert.deepEqual([own.source, own.rows], ['shared', [['a row of the one tenant']]]);
    const keys = redis.ask('--scan', '--pattern', '*/answer/*').split('\n');
    assert.ok(keys.length > 10, String(keys.length));
    for (const key of keys) {
      const held = `${key} ${redis.ask('get', key)}`;
      for (const plain of ['one tenant', 'c.item', 'select', 'SELECT', 'token', 'name']) assert.ok(!held.includes(plain), `${plain} in ${key}`);
      const life_ms = Number(redis.ask('pttl', key));
      assert.ok(life_ms !== -1 && life_ms <= 3_600_000, `${key} lives ${life_ms} ms`);
    }
  } finally {
    await one.stop();
    await two.stop();
  }
});

test('a shared answer beside a read of the database', async () => {
  const [one, two] = servers;
  const medianOf = async (texts, source) => {
    const took = [];
    for (const sql of texts) {
      const begun = performance.now();
      const result = await asked(two, sql);
      took.push(performance.now() - begun);
      assert.equal(result.source, source, sql);
    }
    return took.sort((a, b) => a - b)[took.length >> 1];
  };
  const kCalls = 100;
  const some = (from) => Array.from({ length: kCalls }, (_, i) => `select o.id, count(p.id) from c.owner o left join c.pet p on p.owner = o.id where o.id <> ${from + i} group by o.id order by 1`);
  await sharing(one, two);
  for (const sql of some(1000)) await left(one, sql);
  const shared = await medianOf(some(1000), 'shared');
  const database_ms = await medianOf(some(2000), undefined);
  const memory = await medianOf(some(1000), 'memory');
  console.log(`figure: over HTTP, median of ${kCalls}: from another instance ${shared.toFixed(2)} ms, from the database ${database_ms.toFixed(2)} ms (with a look into Redis), from memory ${memory.toFixed(2)} ms; ${(shared / database_ms).toFixed(2)} of a read of the database`);
});

test('without a kv that others see the plugin does not run, nothing is remembered, and the log says what to do', async () => {
  const server = await startServer({
    databases: databasesOf(database.dsn), plugins: ['pool', 'guard', 'query', { cache: { shared: { enabled: true } } }],
  });
  await server.logs(/cache\.shared\.enabled needs a howdah\.kv\/1 that other instances see.*add the plugin redis/);
  const sql = 'select name from c.item where id = 3';
  for (let i = 0; i < 3; i++) assert.notEqual((await call(server.url, 'query', { sql })).structuredContent.source, 'memory');
  assert.equal((await server.stop()).code, 0);
});

// One lane: its own table, one operation after the other, each through some instance; so it knows what it must see. A
// statement that is cut off by a kill may have been committed or not: then the table says.
async function lane(id, operations, random, seen, alive) {
  const any = (n) => Math.floor(random() * n);
  const rows = new Map(psql(`select id, n from c.lane_${id}`, database.dsn).split('\n').map((line) => line.split('|').map(Number)));
  const some = () => {
    const up = alive();
    return up[any(up.length)];
  };
  for (let i = 0; i < operations; i++) {
    const row = 1 + any(5);
    const server = some();
    if (random() < 0.2) {
      const n = any(1000);
      try {
        await write(server.url, `update c.lane_${id} set n = ${n} where id = ${row}`);
        rows.set(row, n);
      } catch (error) {
        if (!seen.killed.has(server)) throw error;
        await server.exited;
        await until('no backend of the killed server writes', () => psql(`select count(*) from pg_stat_activity where state = 'active' and query like '%lane_${id} set%' and pid <> pg_backend_pid()`, database.dsn) === '0');
        rows.set(row, Number(psql(`select n from c.lane_${id} where id = ${row}`, database.dsn)));
        // Nobody was answered, so it may be seen or not until the others know that it was begun.
        await until('what was cut off is known to all', async () => {
          const shown = await Promise.all(alive().map(({ url }) => read(url, `select n from c.lane_${id} where id = ${row}`)));
          return shown.every((value) => Number(value) === rows.get(row));
        });
        seen.cut++;
        continue;
      }
      seen.writes++;
      continue;
    }
    const whole = random() < 0.5;
    const sql = whole ? `select id, n from c.lane_${id} order by id` : `select n from c.lane_${id} where id = ${row}`;
    let shown;
    try {
      shown = await read(server.url, sql);
    } catch (error) {
      if (!seen.killed.has(server)) throw error;
      continue;
    }
    const expected = whole ? [...rows].sort(([a], [b]) => a - b).map((pair) => pair.join('|')).join('\n') : String(rows.get(row));
    assert.equal(shown, expected, `lane ${id}, operation ${i} of seed ${kSeed}: ${sql}`);
    seen.reads++;
  }
}

test(`${kOperations} random operations of ${kLanes} lanes over ${kInstances} instances, one of them killed: no answer is old`, { timeout: 3_600_000 }, async () => {
  const seen = { reads: 0, writes: 0, cut: 0, killed: new Set() };
  const sharedHits = async () => (await Promise.all(servers.map(async (server) => (await answersOf(server)).hits))).reduce((sum, hits) => sum + hits, 0);
  const hitsOf = async () => (await Promise.all(servers.map(async ({ url }) => (await statsOf(url)).hits))).reduce((sum, hits) => sum + hits, 0);
  let hits = -(await hitsOf());
  let shared = -(await sharedHits());
  for (let round = 0; round < 2; round++) {
    const share = Math.ceil(kOperations / 2 / kLanes);
    const doomed = servers[2];
    const alive = () => servers.filter((server) => !seen.killed.has(server));
    let under = Array.from({ length: kLanes }, (_, id) => lane(id, share, randomFrom(kSeed + 100 * round + id), seen, alive));
    if (round === 1) {
      await until('a part is done', () => seen.reads > kOperations / 2);
      hits += (await statsOf(doomed.url)).hits;
      shared += (await answersOf(doomed)).hits;
      seen.killed.add(doomed);
      doomed.child.kill('SIGKILL');
    }
    await Promise.all(under);
  }
  servers.splice(2, 1);
  hits += await hitsOf();
  shared += await sharedHits();
  servers.push(await start());
  const { writes } = await sharedOf(servers[0]);
  console.log(`figure: ${seen.reads} reads, ${seen.writes} writes over ${kInstances} instances, seed ${kSeed}: ${hits} hits (${(100 * hits / seen.reads).toFixed(1)} %), ${shared} of them from what another instance had read, ${seen.cut} cut off by a kill, 0 old; of the first instance's writes ${writes.acknowledged} acknowledged, ${writes.waited_out} waited out`);
  assert.ok(hits > seen.reads / 10, `${hits} hits of ${seen.reads} reads`);
  assert.ok(shared > seen.reads / 100, `${shared} shared of ${seen.reads} reads`);
});

test('while Redis is away nothing old is given out and nothing is written; when it is back, emptied, all goes on', async () => {
  const sql = 'select n from c.lane_0 where id = 1';
  for (const { url } of servers) await read(url, sql);
  await redis.down();
  const refused = await call(servers[0].url, 'execute', { sql: 'update c.lane_0 set n = 5000 where id = 1', database: 'writable' });
  assert.ok(refused.isError);
  assert.match(textOf(refused), /other instances cannot be told of this write/);
  for (const server of servers) await until('its lease has run out', async () => (await sharedOf(server)).state !== 'member');
  // Nobody can know of this one, and it is seen all the same.
  psql('update c.lane_0 set n = 5001 where id = 1', database.dsn);
  for (const { url } of servers) assert.equal(await read(url, sql), '5001');
  await redis.up();
  for (const server of servers) await joined(server);
  for (const server of servers) {
    await write(server.url, 'update c.lane_0 set n = n + 1 where id = 1');
    const expected = psql(sql, database.dsn);
    for (const { url } of servers) assert.equal(await read(url, sql), expected);
  }
});

test('an instance that is suspended gives out nothing old when it wakes', async () => {
  const sql = 'select n from c.lane_1 where id = 1';
  const [one, two] = servers;
  await read(two.url, sql);
  await suspended(two);
  const begun = performance.now();
  await write(one.url, 'update c.lane_1 set n = 6000 where id = 1');
  assert.ok(performance.now() - begun >= kLease_ms / 2, 'the write waited for its lease');
  const woken = read(two.url, sql);
  two.child.kill('SIGCONT');
  assert.equal(await woken, '6000');
  await joined(two);
});

test('a write whose call ends before a silent instance could hear of it says that it was executed', async () => {
  const [, two] = servers;
  const one = await start({ request_timeout_ms: kLease_ms / 2 });
  await suspended(two);
  try {
    const sql = 'update c.lane_2 set n = 7000 where id = 1';
    const answer = await until('it is told of in time', async () => {
      const result = await call(one.url, 'execute', { sql, database: 'writable' });
      return /cannot be told of this write/.test(textOf(result)) ? undefined : result;
    });
    assert.equal(answer.isError, true, textOf(answer));
    assert.match(textOf(answer), /the statement was executed, and other instances may still answer with what was before/);
    assert.match(textOf(answer), /do not send it again/);
    assert.equal(psql('select n from c.lane_2 where id = 1', database.dsn), '7000');
    assert.equal(await read(one.url, 'select n from c.lane_2 where id = 1'), '7000');
    assert.ok((await sharedOf(one)).writes.cut_short >= 1);
  } finally {
    two.child.kill('SIGCONT');
    await one.stop();
  }
  await joined(two);
  assert.equal(await read(two.url, 'select n from c.lane_2 where id = 1'), '7000');
});
