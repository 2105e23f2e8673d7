// Three servers behind nginx that remember answers together: a write that was answered through nginx is seen by the very next
// read through nginx, whichever of them answers, also while one is killed and comes back, and while their cache is configured anew.
// HOWDAH_CACHE_OPERATIONS=50000 is the long run, HOWDAH_CACHE_SEED repeats the choices of one.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { randomFrom } from '../support/random.mjs';
import { asText, cachedDatabase, databasesOf, statsOf, untilReady } from './cache_support.mjs';
import { startNginx } from './nginx.mjs';
import { startRedis } from './redis_server.mjs';
import { freePort, inFolder, modern, psql, psqlBeside, runBeside, startServer, textOf, until } from './support.mjs';

const kOperations = Number(process.env.HOWDAH_CACHE_OPERATIONS ?? 2000);  // of each test under load, at least
const kSeed = Number(process.env.HOWDAH_CACHE_SEED ?? Math.floor(Math.random() * 2 ** 31));
const kLease_ms = 2000;
const kInstances = 3;
const kLanes = 4;
const kRows = 4;

const place = inFolder();
const kKeyFile = join(place.folder, 'key');
writeFileSync(kKeyFile, randomBytes(32), { mode: 0o600 });

let database, redis, nginx;
const servers = [];
const pluginsOf = (cache = {}, shared = {}) => [{ pool: { connections_max: 8 } }, { redis: { socket: redis.socket, operation_timeout_ms: 500 } }, 'guard', 'query',
  { cache: { ttl_ms: 3_600_000, unsettled_ms: 5000, ...cache, shared: { enabled: true, lease_ms: kLease_ms, ...shared } } }];
// On a port of its own, where nginx finds it again.
const start = async (port) => {
  const server = await startServer({ databases: databasesOf(database.dsn), extra: 'tools: { profile: all }', plugins: pluginsOf(),
    http: `{ listen: "127.0.0.1:${port}", auth: none }` });
  return Object.assign(server, { port });
};
const joined = async (server) => {
  await untilReady(server.url);
  await until('it has joined the others', async () => (await statsOf(server.url)).shared.state === 'member');
};
before(async () => {
  database = cachedDatabase();
  psql(Array.from({ length: kLanes }, (_, lane) => `create table c.lane_${lane} (id int primary key, n int not null);
    insert into c.lane_${lane} select i, 0 from generate_series(1, ${kRows}) i;`).join('\n'), database.dsn);
  redis = await startRedis();
  for (let i = 0; i < kInstances; i++) servers.push(await start(await freePort()));
  await Promise.all(servers.map(joined));
  nginx = await startNginx(servers);
});
after(async () => {
  nginx?.remove();
  for (const server of servers) assert.equal((await server.stop()).code, 0);
  redis?.remove();
  place.remove();
  database?.drop();
});

// Through nginx: what was answered, and by whom. Undefined: nobody has answered, as of an instance that was killed.
async function ask(name, args) {
  const answer = await modern(nginx.url, 'tools/call', { name, arguments: args }).catch(() => undefined);
  if (!answer || [502, 504].includes(answer.status)) return undefined;
  assert.equal(answer.status, 200, JSON.stringify(answer.json));
  return { result: answer.json.result, by: Number(answer.headers.get('x-upstream').split(',').at(-1).split(':').at(-1)) };
}

// Everything that is seen of a load: failures that the README tells of are counted, any other one ends the test.
const noted = () => ({ reads: 0, writes: 0, refused: 0, cut: 0, slow: 0, slowest_ms: 0, hits: new Map() });
const hitsOf = (seen) => servers.map(({ port }) => seen.hits.get(port) ?? 0);

async function read(sql, seen) {
  const answer = await ask('query', { sql });
  if (!answer) return void seen.cut++;
  assert.ok(!answer.result.isError, textOf(answer.result));
  seen.reads++;
  const { source } = answer.result.structuredContent;
  if (source) seen.hits.set(answer.by, (seen.hits.get(answer.by) ?? 0) + 1);
  return { shown: asText(answer.result.structuredContent), by: answer.by };
}
// Refused is not written: it is tried again, as the answer says. False: nobody has answered.
const write = (sql, seen) => until(`${sql} is written`, async () => {
  const begun = performance.now();
  const answer = await ask('execute', { sql, database: 'writable' });
  if (!answer) return { answered: false };
  const took_ms = performance.now() - begun;
  seen.slowest_ms = Math.max(seen.slowest_ms, took_ms);
  if (took_ms > kLease_ms / 2) seen.slow++;
  if (!answer.result.isError) return ++seen.writes, { answered: true, by: answer.by };
  assert.match(textOf(answer.result), /other instances cannot be told of this write: the shared store answers too slowly/);
  seen.refused++;
  return undefined;
});

test('the very next read through nginx sees a write through nginx, whichever instance answers', async () => {
  const seen = noted();
  const sql = 'select name from c.item where id = 1';
  const writers = new Set();
  for (let round = 0; round < 30; round++) {
    // Each has it, and says so from memory the second time.
    for (let i = 0; i < 2 * kInstances; i++) await read(sql, seen);
    writers.add((await write(`update c.item set name = 'round ${round}' where id = 1`, seen)).by);
    const readers = new Set();
    for (let i = 0; i < kInstances; i++) {
      const { shown, by } = await read(sql, seen);
      assert.equal(shown, `round ${round}`, `read ${i} after the write of round ${round}`);
      readers.add(by);
    }
    assert.equal(readers.size, kInstances, 'nginx goes round');
    await read(sql, seen);  // one more, so that the next write lands at another one
  }
  assert.equal(writers.size, kInstances, 'each has written');
  const hits = hitsOf(seen);
  console.log(`figure: ${seen.writes} writes and ${seen.reads} reads through nginx, hits of each instance ${hits.join(', ')}, 0 old`);
  assert.ok(hits.every((count) => count > 0), hits.join());
});

// Its own table, one operation after the other, through nginx; so it knows what it must see. Of a write that nobody has answered the
// table tells, once no backend is at it any more.
async function lane(id, seen, random, goesOn) {
  const any = (n) => Math.floor(random() * n);
  const table = `c.lane_${id}`;
  const rows = new Map(psql(`select id, n from ${table}`, database.dsn).split('\n').map((line) => line.split('|').map(Number)));
  while (goesOn()) {
    const row = 1 + any(kRows);
    if (random() < 0.15) {
      const n = any(1000);
      if ((await write(`update ${table} set n = ${n} where id = ${row}`, seen)).answered) {
        rows.set(row, n);
        continue;
      }
      await until('no backend writes what was cut off', async () => (await psqlBeside(`select count(*) from pg_stat_activity where state = 'active' and query like '%lane_${id} set%' and pid <> pg_backend_pid()`, database.dsn)) === '0');
      rows.set(row, Number(await psqlBeside(`select n from ${table} where id = ${row}`, database.dsn)));
      // Nobody was answered, so it may be seen or not until the others know that it was begun.
      await until('what was cut off is known to all', async () => {
        const shown = [];
        for (let i = 0; i < kInstances; i++) shown.push((await read(`select n from ${table} where id = ${row}`, seen))?.shown);
        return shown.every((value) => Number(value) === rows.get(row));
      });
      seen.cut++;
      continue;
    }
    const whole = random() < 0.5;
    const sql = whole ? `select id, n from ${table} order by id` : `select n from ${table} where id = ${row}`;
    const answer = await read(sql, seen);
    const expected = whole ? [...rows].sort(([a], [b]) => a - b).map((pair) => pair.join('|')).join('\n') : String(rows.get(row));
    if (answer) assert.equal(answer.shown, expected, `lane ${id}, after ${seen.reads} reads of seed ${kSeed}: ${sql} of ${answer.by}`);
  }
}
// Lanes that go on until what happens meanwhile is over and enough was done.
async function underLoad(seen, meanwhile) {
  let over = false;
  const goesOn = () => !over || seen.reads + seen.writes < kOperations;
  const lanes = Promise.all(Array.from({ length: kLanes }, (_, id) => lane(id, seen, randomFrom(kSeed + id), goesOn)));
  const done = meanwhile().finally(() => { over = true; });
  await Promise.all([lanes, done]);
}
const operationsGoOn = (seen, count) => {
  const goal = seen.reads + count;
  return until(`${count} more reads`, () => seen.reads >= goal, 600_000);
};

test('one that is killed under load, and comes back, makes no answer old', { timeout: 3_600_000 }, async () => {
  const seen = noted();
  let early;
  await underLoad(seen, async () => {
    await operationsGoOn(seen, kOperations / 4);
    early = hitsOf(seen);
    const victim = servers.at(-1);
    victim.child.kill('SIGKILL');
    await victim.exited;
    await operationsGoOn(seen, kOperations / 4);
    seen.hits.delete(victim.port);
    servers[kInstances - 1] = await start(victim.port);
    await joined(servers.at(-1));
    await operationsGoOn(seen, kOperations / 4);
    await until('it answers from memory again', () => seen.hits.get(victim.port) > 0);
  });
  const late = hitsOf(seen);
  console.log(`figure: ${seen.reads} reads and ${seen.writes} writes through nginx, one of ${kInstances} killed and started again, seed ${kSeed}: hits of each before ${early.join(', ')}, in all ${late.join(', ')} (the last one since it came back), ${seen.cut} calls cut off, ${seen.refused} writes refused, ${seen.slow} that waited for a lease, the slowest ${seen.slowest_ms.toFixed(0)} ms (lease_ms ${kLease_ms}), 0 old`);
  assert.ok([...early, ...late].every((count) => count > 0), `${early} ${late}`);
  assert.ok(seen.cut <= 4 * kLanes, `${seen.cut} calls were cut off`);
});

async function reloaded(server, plugins) {
  server.write({ plugins });
  const { code, err } = await runBeside(['reload', '-c', server.file]);
  return { code, err };
}

test('a cache that is configured anew under load, one instance after the other and all at once, gives out nothing old and loses no call', { timeout: 3_600_000 }, async () => {
  const seen = noted();
  const answers = { enabled: true, key_file: kKeyFile, read_ms: 500 };
  const steps = [
    pluginsOf({ l2: { entries_max: 64 } }),
    pluginsOf({ l3: { enabled: true, read_ms: 500 } }, { answers }),
    pluginsOf({ ttl_ms: 600_000 }),
  ];
  let reloads = 0, memberless = 0;
  await underLoad(seen, async () => {
    for (const [number, plugins] of steps.entries()) {
      const reload = async (server) => {
        const { code, err } = await reloaded(server, plugins);
        assert.equal(code, 0, err);
        reloads++;
        if ((await statsOf(server.url)).shared.state !== 'member') memberless++;
      };
      if (number === 1) await Promise.all(servers.map(reload));
      else for (const server of servers) await reload(server);
      await Promise.all(servers.map(joined));
      seen.hits.clear();
      await until('each answers from memory again', () => hitsOf(seen).every((count) => count > 0));
    }
    // What cannot be is refused, and all stays as it was.
    const { code } = await reloaded(servers[0], pluginsOf({}, { answers: { ...answers, key_file: join(place.folder, 'no such key') } }));
    assert.notEqual(code, 0);
    assert.equal((await statsOf(servers[0].url)).shared.state, 'member');
  });
  console.log(`figure: ${seen.reads} reads and ${seen.writes} writes through nginx beside ${reloads} reloads, seed ${kSeed}: ${seen.refused} writes refused, ${seen.slow} that waited for a lease, the slowest ${seen.slowest_ms.toFixed(0)} ms (lease_ms ${kLease_ms}), 0 calls lost, 0 old`);
  assert.ok(memberless > 0, 'none of the reloads was of the cache');
  assert.equal(seen.cut, 0, 'calls that nobody has answered');
});
