// health_check while things go wrong: locks, transactions, spills, a check that hangs, a database that is gone; what /readyz, the log
// and doctor say of it; reloads under load.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { healthOf, provoked, session, textsOf, tight, untilSaid } from './health_support.mjs';
import { callTool, modern, psql, run, runBeside, startServer, textOf, until } from './support.mjs';

let cluster;
let server;
const plugins = (section = {}) => [{ pool: { connections_max: 12, leak_alarm_ms: 100 } }, 'guard', 'query', 'schema', { health: { thresholds: tight, ...section } }];
const databases = (dsn = cluster.dsn) => `  main: { dsn: "${dsn}&application_name=watched" }`;
before(async () => {
  cluster = startCluster('--tls', '--database', 'ward', '--load', provoked, '--set', 'max_prepared_transactions=5');
  server = await startServer({ databases: databases(), plugins: plugins() });
});
after(async () => {
  if (server) {
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.equal(server.log().match(/database main does not answer: /g)?.length, 1, 'it was down once');
    assert.doesNotMatch(server.log(), /its tasks did not end in time|still serves requests/);
    assert.doesNotMatch(server.log(), /logged'/);  // no row, no name of anybody's
  }
  cluster?.remove();
});
const there = (sql) => psql(sql, cluster.dsn);
const get = async (path, url = server.url) => {
  const answer = await fetch(url.replace('/mcp', path));
  return [answer.status, await answer.text()];
};
const reload = (section, list) => {
  server.write({ databases: databases(), plugins: list ?? plugins(section) });
  return runBeside(['reload', '-c', server.file]);
};

test('who blocks whom is told from the root, and that it is over', async () => {
  const holder = session(cluster.dsn);
  const first = session(cluster.dsn);
  const second = session(cluster.dsn);
  const pid = await holder.done('begin; lock table ward.beds in access exclusive mode; select pg_backend_pid()');
  first.send('begin; select count(*) from ward.beds');
  second.send('begin; lock table ward.beds in share mode');
  await until('two wait', () => there("select count(*) from pg_locks where not granted") === '2');
  const { by } = await healthOf(server.url, { checks: ['locks'] });
  assert.equal(by.locks.figures.waiting, 2);
  assert.ok(['warning', 'critical'].includes(by.locks.status));
  assert.equal(by.locks.findings.length, 1, textsOf(by.locks));
  assert.match(textsOf(by.locks), new RegExp(`pid ${pid} of postgres \\(psql\\), idle in transaction, transaction open for .*, blocks 2 sessions, the longest for .* on ward\\.beds: .* -> select pg_catalog\\.pg_terminate_backend\\(${pid}\\)`));
  await untilSaid(server.url, 'transactions', new RegExp(`pid ${pid} of postgres \\(psql\\) is idle in transaction.* -> select pg_catalog\\.pg_terminate_backend\\(${pid}\\)`));
  there(`select pg_terminate_backend(${pid})`);
  await Promise.all([holder.end(), first.end(), second.end()]);
  await until('nobody waits', async () => (await healthOf(server.url, { checks: ['locks'] })).by.locks.status === 'ok');
});

test('a prepared transaction that is left behind is told with what ends it', async () => {
  there("begin; insert into ward.never_looked_at values (1); prepare transaction 'it''s left'");
  await untilSaid(server.url, 'transactions', /transaction 'it''s left' of postgres is prepared for .* -> rollback prepared 'it''s left'/);
  there("rollback prepared 'it''s left'");
  assert.doesNotMatch(textsOf((await healthOf(server.url, { checks: ['transactions'] })).by.transactions), /prepared/);
});

test('connections, cache and disk are judged by the thresholds of the configuration', async () => {
  await untilSaid(server.url, 'connections', /\d+ of \d+ connections of the server are taken/);
  const { by } = await healthOf(server.url, { checks: ['cache', 'disk', 'memory', 'wraparound', 'permissions'] });
  // Filling the database read some blocks from its files: the first round has seen that, those after it what came since.
  assert.deepEqual([by.cache.changes[0].from, by.cache.changes[0].to], ['ok', 'notice']);
  assert.ok(by.cache.figures.blocks > 0);
  assert.equal(by.disk.figures.database_bytes, Number(there('select pg_database_size(current_database())')));
  assert.equal(by.memory.figures.shared_bytes, Number(there("select pg_size_bytes(current_setting('shared_buffers'))")));
  assert.ok(by.wraparound.figures.used_percent < 1);
  assert.deepEqual([by.wraparound.status, by.permissions.status], ['ok', 'ok']);
});

test('room on the disk and memory of the machine, which SQL does not tell, are judged where they are told', async () => {
  const judged = async (known) => {
    const done = await reload({ thresholds: { ...tight, disk_bytes: 0, ...known } });
    assert.equal(done.code, 0, done.err);
    return (await healthOf(server.url, { checks: ['disk', 'memory'] })).by;
  };
  const unknown = await judged({});
  assert.deepEqual([unknown.disk.status, unknown.memory.status], ['ok', 'ok']);
  assert.equal(unknown.disk.reason, 'the room on the disk cannot be asked by SQL: set health.thresholds.disk_bytes to have it judged');
  assert.equal(unknown.memory.reason, 'the memory of the machine cannot be asked by SQL: set health.thresholds.memory_bytes to have it judged');
  assert.ok(!('used_percent' in unknown.disk.figures));
  const [bytes, most] = [unknown.disk.figures.database_bytes, unknown.memory.figures.most_bytes];
  const enough = await judged({ disk_bytes: 2 * bytes, memory_bytes: 2 * most });
  assert.deepEqual([enough.disk.status, enough.disk.reason, enough.memory.status, enough.memory.reason], ['ok', undefined, 'ok', undefined]);
  assert.ok(Math.abs(enough.disk.figures.used_percent - 50) < 1);
  const short = await judged({ disk_bytes: bytes, memory_bytes: most });
  assert.deepEqual([short.disk.status, short.memory.status], ['critical', 'warning']);
  assert.match(textsOf(short.disk), /^the database takes .*, 10\d % of the .* it may -> see what is large/);
  assert.match(textsOf(short.memory), /^the settings allow .*, 100 % of the server's .* -> alter system set work_mem/);
  assert.equal((await reload()).code, 0);
});

test('a connection somebody holds, the plugins that run, and what is known of the network', async () => {
  const call = callTool(server.url, 'query', { sql: 'select count(*) from generate_series(1, 200000) a, generate_series(1, 200000) b', timeout_ms: 8000 });
  await untilSaid(server.url, 'pool', /query.* holds a connection for/);
  await call;
  const { by } = await healthOf(server.url, { checks: ['plugins', 'network', 'pool'] });
  assert.deepEqual([by.plugins.status, by.plugins.figures.running], ['ok', 5]);
  assert.equal(by.pool.figures.max, 12);
  assert.deepEqual([by.network.figures.hosts, by.network.figures.tls], [0, false]);
});

test('over TCP with TLS the name is looked up and the end of the certificate is known', async () => {
  const named = cluster.tcp('?sslmode=require').replace('127.0.0.1', 'localhost');
  const other = await startServer({ databases: `  main: { dsn: "${named}" }\n  lost: { dsn: "postgresql://postgres@no-such-host.invalid/x" }`, plugins: plugins({ thresholds: { certificate_warning_days: 3650, dns_warning_ms: 60000 } }) });
  try {
    const { by } = await healthOf(other.url, { checks: ['network'] });
    assert.deepEqual([by.network.figures.hosts, by.network.figures.tls], [1, true]);
    assert.ok(by.network.figures.server_certificate_days > 0);
    assert.match(textsOf(by.network), /the certificate of the database server expires in .* -> put a new server\.crt/);
    assert.match(by.network.summary, /1 name is found, the connection is encrypted \(TLSv1\.[23]\)/);
    const lost = await healthOf(other.url, { database: 'lost' });
    assert.deepEqual([lost.status, lost.by.reachability.status], ['critical', 'critical']);
    assert.match(textsOf(lost.by.network), /the name no-such-host\.invalid is not found/);
    assert.equal(lost.by.locks.reason, 'the database cannot be reached');
    await until('ready, though lost is not', async () => (await get('/readyz', other.url))[0] === 200);
    await until('it says so in a word', async () => (await get('/healthz', other.url))[1] === 'degraded');
  } finally {
    await other.stop();
  }
});

test('an extension with an update is told with the command', async () => {
  const [name, version] = there(`select v.name || '|' || v.version from pg_available_extension_versions v join pg_available_extensions a using (name)
    where v.version <> a.default_version and not v.installed and v.name in ('pg_stat_statements', 'pageinspect', 'pg_buffercache') order by 1 limit 1`).split('|');
  assert.ok(version, 'this PostgreSQL has no extension of two versions');
  there(`create extension ${name} version '${version}'`);
  await untilSaid(server.url, 'extensions', new RegExp(`extension ${name} is ${version}, the server has .* -> alter extension ${name} update`));
  there(`alter extension ${name} update`);
  assert.equal((await healthOf(server.url, { checks: ['extensions'] })).by.extensions.status, 'ok');
});

test('a check that hangs ends at its deadline and holds up no other', async () => {
  const done = await reload({ check_timeout_ms: 2000 });
  assert.equal(done.code, 0, done.err);
  const holder = session(cluster.dsn);
  await holder.done('begin; lock table pg_catalog.pg_sequence in access exclusive mode');
  const { by, took_ms: took, checks } = await healthOf(server.url);
  assert.deepEqual([by.sequences.status, by.sequences.reason], ['skipped', 'timed out after 2000 ms']);
  assert.deepEqual(checks.filter(({ status }) => status === 'skipped').map(({ name }) => name), ['sequences']);
  assert.ok(took >= 1900, `${took} ms: it was not waited for`);
  await holder.end();
  await until('it is answered again', async () => (await healthOf(server.url, { checks: ['sequences'] })).by.sequences.status !== 'skipped');
  await until('its statement ended in the server', () => there("select count(*) from pg_stat_activity where application_name = 'watched' and state = 'active'") === '0');
});

test('rounds of the schedule log a change once, and remember it', async () => {
  assert.equal((await reload({ interval_s: 1, jitter_percent: 0 })).code, 0);
  const lines = (pattern) => server.log().split('\n').filter((line) => pattern.test(line)).length;
  const appeared = /database main: transactions is warning/;
  const gone = /database main: transactions is ok \(was warning\)/;
  const [before_, after_] = [lines(appeared), lines(gone)];
  there("begin; insert into ward.never_looked_at values (1); prepare transaction 'logged'");
  await until('the change is logged', () => lines(appeared) === before_ + 1);
  // Each round writes down when it counted.
  const counted = () => JSON.parse(readFileSync(join(server.folder, 'state/plugins/health/history.json'), 'utf8')).databases.main.checks.disk.counted_s;
  for (let rounds = 0; rounds < 3; rounds++) {
    const at = counted();
    await until('the next round', () => counted() > at);
  }
  there("rollback prepared 'logged'");
  await until('its end is logged', () => lines(gone) === after_ + 1);
  assert.equal(lines(appeared), before_ + 1);
  const { by } = await healthOf(server.url, { checks: ['transactions'] });
  assert.deepEqual(by.transactions.changes.slice(-2).map(({ from, to }) => [from, to]), [['ok', 'warning'], ['warning', 'ok']]);
});

test('a sequence that fills up is warned of before it is near its end', async () => {
  const kMax = 1000000;
  let at = 300000;
  there(`create sequence ward.fills maxvalue ${kMax}; select setval('ward.fills', ${at})`);
  await until('it is foretold', async () => {
    at += 500;
    there(`select setval('ward.fills', ${at})`);
    return /at the present rate the values of sequence ward\.fills meet their limit in/.test(textsOf((await healthOf(server.url, { checks: ['sequences'] })).by.sequences));
  }, 60000);
  const { by } = await healthOf(server.url, { checks: ['sequences'] });
  assert.ok(at < kMax * 0.75, 'by then the threshold would have said so');
  assert.ok(by.sequences.figures.hours_to_limit['sequence.ward.fills'] < 1);
  there('drop sequence ward.fills');
});

test('spills to disk are told when they happen', async () => {
  const seen = () => server.log().split('\n').filter((line) => /database main: memory is warning/.test(line)).length;
  const before_ = seen();
  await until('a spill is noticed', () => {
    there("set work_mem = '64kB'; select count(*) from (select n from ward.beds order by note, n offset 0) x");
    return seen() > before_;
  });
});

test('readyz follows the required database, healthz lives on, and neither tells why', async () => {
  assert.equal((await reload({ probe_interval_ms: 100 })).code, 0);
  await until('ready', async () => (await get('/readyz'))[0] === 200);
  assert.deepEqual(await get('/readyz'), [200, 'ready']);
  cluster.down('immediate');
  await until('no longer ready', async () => (await get('/readyz'))[0] === 503);
  assert.deepEqual(await get('/readyz'), [503, 'not ready']);
  assert.deepEqual(await get('/healthz'), [200, 'degraded']);
  const { status, by } = await healthOf(server.url);
  assert.deepEqual([status, by.reachability.status, by.plugins.status], ['critical', 'critical', 'ok']);
  cluster.up();
  await until('ready again', async () => (await get('/readyz'))[0] === 200);
  await server.logs(/database main does not answer: /);
  assert.equal((await fetch(server.url.replace('/mcp', '/readyz'), { method: 'POST' })).status, 405);
});

test('a reload keeps what was learned, and is never unready for it', async () => {
  const since = (await healthOf(server.url, { checks: ['duplicate_indexes'] })).by.duplicate_indexes.since;
  assert.ok(since);
  const codes = new Set();
  let over = false;
  const watching = (async () => { while (!over) codes.add((await get('/readyz'))[0]); })();
  for (const findings_max of [3, 4, 5]) assert.equal((await reload({ findings_max, probe_interval_ms: 100 })).code, 0);
  over = true;
  await watching;
  assert.deepEqual([...codes], [200]);
  assert.equal((await healthOf(server.url, { checks: ['duplicate_indexes'] })).by.duplicate_indexes.since, since);
});

test('enabled, disabled and reconfigured under load: every call is answered by one or the other', async () => {
  let over = false;
  const counts = { healthy: 0, absent: 0, rows: 0 };
  const caller = async () => {
    while (!over) {
      const { json } = await modern(server.url, 'tools/call', { name: 'health_check', arguments: { checks: ['locks', 'slots', 'disk'] } });
      if (json.error) {
        assert.match(json.error.message, /unknown tool "health_check"/);
        counts.absent += 1;
      } else {
        assert.ok(!json.result.isError, textOf(json.result));
        counts.healthy += 1;
      }
      assert.deepEqual((await callTool(server.url, 'query', { sql: 'select 1' })).structuredContent.rows, [[1]]);
      counts.rows += 1;
    }
  };
  const callers = [caller(), caller(), caller(), caller()];
  const without = plugins().slice(0, -1);
  for (let i = 0; i < 4; i++) {
    const [healthy, absent] = [counts.healthy, counts.absent];
    assert.equal((await reload({}, without)).code, 0);
    await until('it is gone', () => counts.absent > absent);
    const done = await reload({ parallel: i + 1, findings_max: 5 + i });
    assert.equal(done.code, 0, done.err);
    await until('it is back', () => counts.healthy > healthy);
  }
  over = true;
  await Promise.all(callers);
});

test('a section that is wrong is refused by its key, and the one before serves on', async () => {
  for (const [section, pattern] of [
    [{ thresholds: { lock_warning_s: 500 } }, /health\.thresholds\.lock_warning_s is 500, more than lock_critical_s with 120/],
    [{ thresholds: { lock_warnings: 5 } }, /lock_warnings/],
    [{ ready_databases: ['mian'] }, /health\.ready_databases: there is no database mian/],
    [{ checks_off: ['reachability'] }, /checks_off/],
    [{ interval_s: 0 }, /interval_s/],
  ]) {
    const done = await reload(section);
    assert.notEqual(done.code, 0);
    assert.match(done.err + done.out, pattern);
  }
  assert.equal((await reload({ checks_off: ['table_bloat', 'index_bloat'] })).code, 0);
  const { checks } = await healthOf(server.url);
  assert.equal(checks.length, 22);
  assert.equal((await healthOf(server.url, { checks: ['table_bloat'] })).by.table_bloat.status, 'warning');
});

test('arguments: unknown checks and databases are the caller’s mistake; summary names what is ok', async () => {
  const { json } = await modern(server.url, 'tools/call', { name: 'health_check', arguments: { checks: ['lock'] } });
  assert.match(JSON.stringify(json), /lock/);
  assert.ok(json.error || json.result.isError);
  const unknown = await callTool(server.url, 'health_check', { database: 'nope' });
  assert.ok(unknown.isError);
  assert.match(textOf(unknown), /no database "nope"; configured: main/);
  const brief = await healthOf(server.url, { detail: 'summary' });
  assert.ok(brief.ok.includes('locks'));
  assert.ok(brief.checks.every((check) => check.status !== 'ok' || check.reason));
  assert.ok(!('figures' in brief.checks[0]));
});

test('doctor tells of each check that is not well, with what to do, and never a statement', async () => {
  const { code, out } = run(['doctor', '-c', server.file]);
  assert.equal(code, 4, out);  // disk is critical at these thresholds
  assert.match(out, /\nhealth: fail\n/);
  assert.match(out, /warn +main: duplicate_indexes +.*\n +-> drop index concurrently ward\./);
  assert.match(out, /ok +main: checks +\d+ of 22 ok in [\d.]+ ms/);
  assert.match(out, /the server that runs:[^]*health: fail/);
});

test('tools/list of profile core does not have it, all and health do', async () => {
  const listed = async () => (await modern(server.url, 'tools/list')).json.result.tools.map(({ name }) => name);
  assert.ok(!(await listed()).includes('health_check'));
  for (const profile of ['all', 'health']) {
    server.write({ databases: databases(), plugins: plugins(), extra: `tools: { profile: ${profile} }\n` });
    const done = await runBeside(['reload', '-c', server.file]);
    assert.equal(done.code, 0, done.err);
    assert.ok((await listed()).includes('health_check'));
  }
});
