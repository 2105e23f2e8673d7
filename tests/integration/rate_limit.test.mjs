// Limits through real clients: who is counted, that parallel calls get exactly the limit, rows and bytes, restarts and reloads.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { callTool, inFolder, initialize, meta, modern, openSession, post, runBeside, startServer, startStdio, textOf, until } from './support.mjs';

const tokens = { ada: 'a'.repeat(30), bob: 'b'.repeat(30), carol: 'c'.repeat(30), gold: 'g'.repeat(30) };
const place = inFolder();
const tokenFile = join(place.folder, 'tokens');
writeFileSync(tokenFile, [
  `${tokens.ada} name=ada tenant=acme`, `${tokens.bob} name=bob tenant=acme`, `${tokens.carol} name=carol tenant=other`, `${tokens.gold} name=gold tier=gold`,
].join('\n'), { mode: 0o600 });

const bearer = (token) => ({ Authorization: `Bearer ${token}` });
const plugins = (section) => ['pool', 'guard', 'query', 'schema', { auth: { token_file: tokenFile } }, { rate_limit: section }];
const start = (section, more = {}) => startServer({ http: '', plugins: plugins(section), ...more });
const query = async (server, who, sql = 'select 1', args = {}) =>
  (await modern(server.url, 'tools/call', { name: 'query', arguments: { sql, ...args } }, undefined, bearer(tokens[who]))).json.result;
const quotaOf = async (server, who) =>
  (await modern(server.url, 'tools/call', { name: 'get_quota', arguments: {} }, undefined, bearer(tokens[who]))).json.result.structuredContent;
const limitOf = (quota, scope, of, per) => quota.limits.find((limit) => limit.scope === scope && limit.of === of && (!per || limit.per === per));
const refusalOf = (result) => {
  assert.equal(result.isError, true, textOf(result));
  return textOf(result);
};

test('parallel calls of a principal get exactly the limit, and a refusal says what, how much and when', async () => {
  const server = await start({ tiers: { default: { principal: { calls: { day: 40 } } }, gold: { principal: { calls: { day: 60 } } } } });
  try {
    const results = await Promise.all(Array.from({ length: 60 }, () => query(server, 'ada')));
    assert.equal(results.filter(({ isError }) => !isError).length, 40);
    const refusal = refusalOf(results.find(({ isError }) => isError));
    assert.match(refusal, /principal token:ada may use 40 calls per day and has used 40; retry in \d+ ms/);
    assert.match(refusal, /rule: rate_limit\.principal\.calls\.day/);
    assert.match(refusal, /retry in: \d+ ms/);
    const detail = JSON.parse(refusal.match(/detail: (.*)/)[1]);
    assert.deepEqual([detail.exceeded, detail.per, detail.limit, detail.used], ['calls', 'day', 40, 40]);
    assert.match(detail.resets_at, /T00:00:00Z$/);
    const golden = await Promise.all(Array.from({ length: 70 }, () => query(server, 'gold')));
    assert.equal(golden.filter(({ isError }) => !isError).length, 60);
    assert.ok(!(await query(server, 'carol')).isError, 'others are not touched');
    const quota = await quotaOf(server, 'ada');
    assert.deepEqual([quota.principal, quota.tier, quota.tenant], ['token:ada', 'default', 'acme']);
    assert.deepEqual([limitOf(quota, 'principal', 'calls').used, limitOf(quota, 'principal', 'calls').left], [40, 0]);
  } finally {
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  }
});

test('limits that are to be shared and cannot be refuse queries, and say what to do', async () => {
  const server = await start({ shared: {}, tiers: { default: { principal: { calls: { day: 40 } } } } });
  try {
    assert.match(refusalOf(await query(server, 'ada')), /rate_limit\.shared needs a howdah\.kv\/1 that other instances see.*add the plugin redis/);
  } finally {
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  }
});

test('nothing a client says of itself gives it more: names, headers, sessions, wires, ids, arguments', async () => {
  const server = await start({ tiers: { default: { principal: { calls: { day: 3 } }, clients: { '*': { calls: { day: 100 } } } } } });
  try {
    for (let i = 0; i < 3; i++) assert.ok(!(await query(server, 'ada')).isError);
    const said = (headers, name = 'another') => post(server.url, { jsonrpc: '2.0', id: 77, method: 'tools/call', params: { name: 'query', arguments: { sql: 'select 77' },
      _meta: { ...meta(), 'io.modelcontextprotocol/clientInfo': { name, version: '9' } } } },
    { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'query', ...bearer(tokens.ada), ...headers });
    for (const headers of [{ 'X-Forwarded-For': '10.0.0.1' }, { 'User-Agent': 'other' }, { 'X-Tenant': 'other' }, { Forwarded: 'for=10.0.0.1' }]) {
      refusalOf((await said(headers)).json.result);
      refusalOf((await said(headers, '*')).json.result);
    }
    const session = await openSession(server.url, '2025-11-25', bearer(tokens.ada));
    const legacy = await post(server.url, { jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'query', arguments: { sql: 'select 1' } } }, session);
    refusalOf(legacy.json.result);
    assert.match(refusalOf((await modern(server.url, 'tools/call', { name: 'list_tables', arguments: {} }, undefined, bearer(tokens.ada))).json.result), /3 calls per day/);
    assert.ok(!(await query(server, 'bob')).isError);
  } finally {
    await server.stop();
  }
});

test('a tenant’s principals share its limit, a tool has its own, and whoever has no tenant is in none', async () => {
  const server = await start({ tiers: { default: { tenant: { calls: { day: 4 } }, tools: { list_tables: { calls: { day: 1 } } } } } });
  try {
    const tables = async (who) => (await modern(server.url, 'tools/call', { name: 'list_tables', arguments: {} }, undefined, bearer(tokens[who]))).json.result;
    assert.ok(!(await tables('ada')).isError);
    assert.match(refusalOf(await tables('ada')), /principal token:ada with tool list_tables may use 1 calls per day/);
    assert.ok(!(await query(server, 'ada')).isError, 'the refused call took nothing of the tenant');
    for (const who of ['bob', 'ada']) assert.ok(!(await query(server, who)).isError);
    assert.match(refusalOf(await query(server, 'bob')), /tenant acme may use 4 calls per day/);
    assert.ok(!(await query(server, 'carol')).isError);
    for (let i = 0; i < 6; i++) assert.ok(!(await query(server, 'gold')).isError);
  } finally {
    await server.stop();
  }
});

test('calls at once: one more than the limit is refused while they run, and its slot is there again however they end', async () => {
  const server = await start({ tiers: { default: { principal: { concurrency: 2 } } } });
  try {
    const slow = 'select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b';
    const aborts = [new AbortController(), new AbortController()];
    const running = aborts.map(({ signal }) => modern(server.url, 'tools/call', { name: 'query', arguments: { sql: slow, timeout_ms: 30000 } }, signal, bearer(tokens.ada)).catch((gone) => gone));
    await until('two run', async () => limitOf(await quotaOf(server, 'ada'), 'principal', 'concurrency').used === 2);
    assert.match(refusalOf(await query(server, 'ada')), /principal token:ada has 2 calls at once, the limit is 2/);
    assert.ok(!(await query(server, 'bob')).isError);
    for (const abort of aborts) abort.abort();
    await Promise.all(running);
    await until('both are over', async () => limitOf(await quotaOf(server, 'ada'), 'principal', 'concurrency').used === 0);
    // Refused by the guard, failed in the database, out of time: each gives its slot back once.
    await query(server, 'ada', 'drop table x');
    await query(server, 'ada', 'select 1/0');
    await query(server, 'ada', slow, { timeout_ms: 100 });
    assert.equal(limitOf(await quotaOf(server, 'ada'), 'principal', 'concurrency').used, 0);
    assert.ok(!(await query(server, 'ada')).isError);
  } finally {
    await server.stop();
  }
});

test('rows and bytes: what a query may give is reserved, what it gave is counted, and the last rows can be had', async () => {
  const server = await start({ tiers: { default: { principal: { rows: { day: 100 }, bytes: { day: 1000000 } } } } });
  try {
    const rows = (count) => query(server, 'ada', `select i from generate_series(1, ${count}) i`, { max_rows: 100 });
    assert.equal((await rows(30)).structuredContent.row_count, 30);
    let quota = await quotaOf(server, 'ada');
    assert.equal(limitOf(quota, 'principal', 'rows').used, 30);
    assert.ok(limitOf(quota, 'principal', 'bytes').used >= 30 * 5);
    await query(server, 'ada', 'select 1/0');
    await query(server, 'ada', 'drop table x');
    assert.equal(limitOf(await quotaOf(server, 'ada'), 'principal', 'rows').used, 30, 'what failed gave nothing');
    const cut = (await rows(90)).structuredContent;
    assert.deepEqual([cut.row_count, cut.truncated], [70, { reason: 'rows' }]);
    assert.match(refusalOf(await rows(1)), /may use 100 rows per day and has used 100/);
  } finally {
    await server.stop();
  }
});

test('streamed rows are counted as they go out, parallel queries never take more than there is', async () => {
  const server = await start({ tiers: { default: { principal: { rows: { day: 9000 } } } } });
  try {
    const sql = "select i, repeat('x', 200) from generate_series(1, 4000) i";
    const results = await Promise.all(Array.from({ length: 5 }, () => query(server, 'ada', sql, { max_rows: 4000 })));
    const given = results.filter(({ isError }) => !isError).map((result) => result.structuredContent?.row_count ?? 0);
    const total = given.reduce((sum, count) => sum + count, 0);
    assert.ok(total > 0 && total <= 9000, `${given}`);
    assert.equal(limitOf(await quotaOf(server, 'ada'), 'principal', 'rows').used, total);
  } finally {
    await server.stop();
  }
});

test('planner cost: what the planner holds to be too much is not run, and the guard still speaks for itself', async () => {
  const server = await start({ tiers: { default: { principal: { cost: { day: 100000 } } } } });
  try {
    assert.ok(!(await query(server, 'ada', 'select 1')).isError);
    const cheap = limitOf(await quotaOf(server, 'ada'), 'principal', 'cost').used;
    assert.ok(cheap >= 1 && cheap < 10, `${cheap}`);
    const dear = 'select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b';
    assert.match(refusalOf(await query(server, 'ada', dear)), /may use 100000 of planner cost per day and has used \d+, this would take \d+; it can never pass/);
    assert.equal(limitOf(await quotaOf(server, 'ada'), 'principal', 'cost').used, cheap);
    assert.match(refusalOf(await query(server, 'ada', `explain analyze ${dear}`)), /rate_limit\.cost\.unknown/);
    assert.ok(!(await query(server, 'ada', `explain ${dear}`)).isError);
    assert.ok(!(await query(server, 'ada', 'show work_mem')).isError);
    assert.ok(!(await query(server, 'ada', 'select $1::int + $2::int -- and a comment', { params: [1, 2] })).isError);
    assert.doesNotMatch(refusalOf(await query(server, 'ada', "select pg_read_file('/etc/passwd')")), /rate_limit/);
    assert.doesNotMatch(refusalOf(await query(server, 'ada', 'select 1; select 2')), /rate_limit/);
    const caret = refusalOf(await query(server, 'ada', 'select no_such_column'));
    assert.match(caret, /no_such_column/);
    assert.match(caret, /42703/);
  } finally {
    await server.stop();
  }
});

test('quotas survive a restart', async () => {
  const section = { tiers: { default: { principal: { calls: { day: 5 } } } }, save_interval_ms: 100 };
  const kept = inFolder();
  const first = await start(section, { place: { folder: kept.folder, remove: () => {} } });
  for (let i = 0; i < 3; i++) assert.ok(!(await query(first, 'ada')).isError);
  assert.deepEqual(await first.stop(), { code: 0, signal: null });
  const second = await start(section, { place: { folder: kept.folder, remove: () => {} } });
  assert.equal(limitOf(await quotaOf(second, 'ada'), 'principal', 'calls').used, 3);
  assert.ok(!(await query(second, 'ada')).isError);
  // Killed: what was written last counts.
  const file = join(kept.folder, 'state/plugins/rate_limit/used.json');
  await until('it is written', () => JSON.parse(readFileSync(file, 'utf8')).used.some((line) => line[2] === 'token:ada' && line[7] === 4));
  second.child.kill('SIGKILL');
  await second.exited;
  const third = await start(section, { place: { folder: kept.folder, remove: () => {} } });
  try {
    assert.ok(!(await query(third, 'ada')).isError);
    assert.match(refusalOf(await query(third, 'ada')), /5 calls per day/);
  } finally {
    await third.stop();
    kept.remove();
  }
});

test('enabled, disabled, reloaded and reconfigured under load: no call is lost, no quota begins anew', async () => {
  const tier = (day, concurrency) => ({ tiers: { default: { principal: { calls: { day }, concurrency } } } });
  const server = await start(tier(1000000, 64));
  const reload = async (list) => {
    server.write({ plugins: list });
    const done = await runBeside(['reload', '-c', server.file]);
    assert.equal(done.code, 0, done.err);
  };
  let over = false;
  let counted = 0;
  const caller = async () => {
    while (!over) {
      const result = await query(server, 'ada');
      assert.ok(!result.isError, textOf(result));
      counted++;
    }
  };
  const callers = Array.from({ length: 6 }, caller);
  try {
    const used = async () => limitOf(await quotaOf(server, 'ada'), 'principal', 'calls').used;
    let before = 0;
    for (let round = 0; round < 4; round++) {
      await reload(plugins(tier(900000 + round, 32 + round)));
      const now = await used();
      assert.ok(now >= before, `${now} after ${before}`);
      before = now;
    }
    await reload(plugins({}).slice(0, -1));
    const answered = counted;
    await until('it goes on without', () => counted > answered);
    await reload(plugins(tier(1000000, 64)));
    assert.ok((await used()) >= before);
    over = true;
    await Promise.all(callers);
    await until('nothing is open', async () => limitOf(await quotaOf(server, 'ada'), 'principal', 'concurrency').used === 0);
    await reload(plugins(tier(1, 64)));
    assert.match(refusalOf(await query(server, 'ada')), /1 calls per day/);
  } finally {
    over = true;
    await Promise.allSettled(callers);
    await server.stop();
  }
  assert.doesNotMatch(server.log(), /still serves requests|its tasks did not end in time/);
});

test('a section that is wrong is refused by its key, and the one before serves on', async () => {
  const server = await start({});
  try {
    for (const [section, pattern] of [
      [{ default_tier: 'silver' }, /rate_limit\.default_tier: there is no tier silver/],
      [{ tiers: { default: { principal: { calls: { second: 5, burst: 2 } } } } }, /principal\.calls\.burst must be between 5 and 18000, got 2/],
      [{ tiers: { default: { principal: { call: {} } } } }, /call/],
      [{ tiers: { default: { principal: { calls: { second: 0 } } } } }, /second/],
      [{ keys_max: 5 }, /keys_max/],
    ]) {
      server.write({ plugins: plugins(section) });
      const done = await runBeside(['reload', '-c', server.file]);
      assert.notEqual(done.code, 0);
      assert.match(done.err + done.out, pattern);
    }
    assert.ok(!(await query(server, 'ada')).isError);
  } finally {
    await server.stop();
  }
});

test('stdio and auth: none are one principal of the default tier; audit refuses nobody and says what it would have', async () => {
  const section = { tiers: { default: { principal: { calls: { day: 2 } } } } };
  const list = ['pool', 'guard', 'query', { rate_limit: section }];
  const pipe = startStdio({ plugins: list });
  await pipe.request(1, 'initialize', initialize('2025-11-25'));
  pipe.send({ method: 'notifications/initialized' });
  const answers = [];
  for (let id = 2; id <= 4; id++) answers.push(await pipe.request(id, 'tools/call', { name: 'query', arguments: { sql: 'select 1' } }));
  assert.deepEqual(answers.map(({ result }) => result.isError ?? false), [false, false, true]);
  assert.match(textOf(answers[2].result), /principal local may use 2 calls per day/);
  await pipe.stop();
  const server = await startServer({ plugins: ['pool', 'guard', 'query', { rate_limit: { mode: 'audit', ...section } }] });
  try {
    for (let i = 0; i < 4; i++) assert.ok(!(await callTool(server.url, 'query', { sql: 'select 1' })).isError);
    await server.logs(/rate_limit: audit: would have denied: principal local/);
  } finally {
    await server.stop();
  }
});

after(() => place.remove());
