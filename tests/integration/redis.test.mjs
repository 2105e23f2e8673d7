// Several instances that count together through one Redis: exact over all of them, through outages and reloads.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startRedis } from './redis_server.mjs';
import { callTool, runBeside, startServer, textOf, until } from './support.mjs';

let redis;
before(async () => { redis = await startRedis('--requirepass', 'quite-secret'); });
after(() => redis?.remove());

process.env.HOWDAH_TEST_REDIS = 'quite-secret';
const kv = (more = {}) => ({ redis: { socket: redis.socket, password: '${env:HOWDAH_TEST_REDIS}', operation_timeout_ms: 5000, ...more } });
const limits = (principal, shared = {}) => ({ rate_limit: { shared: { ...shared }, tiers: { default: { principal } } } });
const start = (principal, prefix, shared) => startServer({ plugins: ['pool', 'guard', 'query', kv({ key_prefix: prefix }), limits(principal, shared)] });
const query = (server, sql = 'select 1', args = {}) => callTool(server.url, 'query', { sql, ...args });
const passed = (results) => results.filter(({ isError }) => !isError).length;
const used = async (server, of) => (await callTool(server.url, 'get_quota')).structuredContent.limits.find((limit) => limit.of === of);

test('parallel calls over three instances get exactly the limit together', async () => {
  const servers = await Promise.all([1, 2, 3].map(() => start({ calls: { day: 100 } }, 'exact:')));
  try {
    const results = await Promise.all(Array.from({ length: 180 }, (_, i) => query(servers[i % 3])));
    const first = passed(results);
    assert.ok(first <= 100, `${first} calls passed`);
    // What an instance holds of its lease is had there.
    const rest = [];
    for (const server of servers) for (let i = 0; i < 30; i++) rest.push(await query(server));
    assert.equal(first + passed(rest), 100);
    for (const server of servers) assert.deepEqual([(await used(server, 'calls')).used, (await used(server, 'calls')).left], [100, 0]);
    assert.match(textOf(rest.find(({ isError }) => isError)), /may use 100 calls per day/);
  } finally {
    for (const server of servers) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  }
});

test('rows are reserved and settled over instances, and a restart forgets nothing', async () => {
  let [one, two] = await Promise.all([1, 2].map(() => start({ rows: { day: 100 } }, 'rows:', { lease_percent: 0 })));
  try {
    const rows = (server, count) => query(server, `select i from generate_series(1, ${count}) i`, { max_rows: 100 });
    assert.equal((await rows(one, 30)).structuredContent.row_count, 30);
    assert.equal((await rows(two, 30)).structuredContent.row_count, 30);
    assert.equal((await used(one, 'rows')).used, 60);
    await two.stop();
    two = await start({ rows: { day: 100 } }, 'rows:', { lease_percent: 0 });
    assert.equal((await rows(two, 90)).structuredContent.row_count, 40);
    assert.match(textOf(await rows(one, 1)), /may use 100 rows per day/);
  } finally {
    await one.stop();
    await two.stop();
  }
});

test('while Redis is away closed refuses and open counts alone; both share again when it is back', async () => {
  const closed = await start({ calls: { day: 1000 } }, 'away:');
  const open = await start({ calls: { day: 1000 } }, 'away:', { when_unavailable: 'open', lease_percent: 0 });
  try {
    let asked = 0;
    const ask = async () => {
      assert.ok(!(await query(open)).isError);
      asked++;
    };
    await ask();
    await redis.down();
    const refusal = await until('closed refuses', async () => {
      const result = await query(closed);
      return result.isError && textOf(result);
    });
    assert.match(refusal, /rule: rate_limit\.shared/);
    assert.doesNotMatch(refusal, /quite-secret/);
    await ask();
    assert.equal((await used(open, 'calls')).used, asked, 'it knows of its own calls only');
    await redis.up();
    await until('closed lets in again', async () => !(await query(closed)).isError);
    // The other one has taken a lease of 50 calls: whoever counts by itself has never heard of it.
    const shared = await until('open counts together again', async () => {
      const { used: all } = await used(open, 'calls');
      return all >= 50 && all;
    });
    await ask();
    await until('its calls count there', async () => (await used(open, 'calls')).used > shared);
  } finally {
    await closed.stop();
    await open.stop();
  }
  assert.doesNotMatch(closed.log() + open.log(), /quite-secret/);
});

test('reloaded under load, with and without Redis: every call is answered', async () => {
  const server = await start({ calls: { second: 100000, burst: 1000000 } }, 'reload:');
  const reload = async (list) => {
    server.write({ plugins: list });
    const done = await runBeside(['reload', '-c', server.file]);
    assert.equal(done.code, 0, done.err);
  };
  let over = false;
  let answered = 0;
  const caller = async () => {
    while (!over) {
      const result = await query(server);
      assert.ok(!result.isError, textOf(result));
      answered++;
    }
  };
  const callers = Array.from({ length: 4 }, caller);
  try {
    const rates = { calls: { second: 100000, burst: 1000000 } };
    for (const list of [
      ['pool', 'guard', 'query', kv({ connections_max: 1 }), limits(rates)],
      ['pool', 'guard', 'query', { rate_limit: { tiers: { default: { principal: rates } } } }],  // alone
      ['pool', 'guard', 'query', kv({ connections_max: 8 }), limits(rates, { lease_percent: 1 })],
    ]) {
      await reload(list);
      const before_ = answered;
      await until('calls go on', () => answered > before_ + 20);
    }
    over = true;
    await Promise.all(callers);
  } finally {
    over = true;
    await Promise.allSettled(callers);
    await server.stop();
  }
});

test('doctor says whether Redis answers, and what to look at when it does not', async () => {
  const server = await start({ calls: { day: 10 } }, 'doctor:');
  try {
    const doctor = async () => (await runBeside(['doctor', '-c', server.file])).out;
    assert.match(await doctor(), new RegExp(`redis +unix:${redis.socket} answers in`));
    await redis.down();
    const told = await doctor();
    assert.match(told, new RegExp(`fail +redis +redis at unix:${redis.socket} (cannot|could not) be reached`));
    assert.match(told, /look whether the server runs, and at redis\.host, redis\.port and redis\.password/);
    assert.doesNotMatch(told, /quite-secret/);
  } finally {
    await redis.up();
    await server.stop();
  }
});
