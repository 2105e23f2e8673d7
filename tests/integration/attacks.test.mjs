// The public attack suite through the wire, with both of its roles: an attack is refused and leaves the canaries as they
// were, a resource hog is bounded, a legitimate read gives the rows psql gives.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { assertBounded, residentBytes } from './memory.mjs';
import { modern, psql, shared, startServer, textOf, until } from './support.mjs';

const { file, skip } = shared('attacks-public.json');
const suite = skip ? { cases: [] } : JSON.parse(readFileSync(file, 'utf8'));
const kRssGrowthMax = 64 * 1024 * 1024;
const kTimeout_ms = 500;  // of a statement, so that hogs end soon; the suite allows max_ms
const kQuickMax_ms = 1000;

// One psql for the whole file: canaries are read before and after every case.
function superuser(dsn) {
  const child = spawn('psql', ['-XAtq', '-d', dsn], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  let collected = [];
  let resolve;
  lines.on('line', (line) => {
    if (line !== '--end--') return void collected.push(line);
    resolve(collected);
    collected = [];
  });
  return {
    ask: (statements) => new Promise((done) => {
      resolve = done;
      child.stdin.write(`${statements.map((sql) => `${sql}\n;`).join('\n')}\n\\echo --end--\n`);
    }),
    end: () => child.stdin.end(),
  };
}

let cluster;
let admin;
const servers = {};
before(async () => {
  if (skip) return;
  cluster = startCluster('--database', 'fx');
  execFileSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', cluster.dsn], { input: suite.fixtures.map((sql) => `${sql}\n;`).join('\n'), stdio: ['pipe', 'ignore', 'inherit'] });
  if (psql("select 1 from pg_available_extensions where name = 'dblink'", cluster.dsn)) psql('create extension dblink', cluster.dsn);
  admin = superuser(cluster.dsn);
  const plugins = [{ pool: { statement_timeout_ms: kTimeout_ms } }, 'guard', { query: { timeout_ms: kTimeout_ms } }, 'schema'];
  for (const profile of ['app', 'least']) {
    const dsn = cluster.dsn.replace('//postgres@', `//fx_${profile}:fx@`);
    servers[profile] = await startServer({ plugins, databases: `  main: { dsn: "${dsn}" }` });
  }
});
after(async () => {
  if (skip) return;
  admin.end();
  for (const server of Object.values(servers)) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  const log = readFileSync(join(cluster.environment.PGHOST, 'log'), 'utf8');
  cluster.remove();
  assert.doesNotMatch(log, /PANIC|terminated by signal|crash of another server process/);
});

const canary = async () => JSON.stringify([await admin.ask(suite.canary.sql), suite.canary.files_absent_on_database_host.map((path) => existsSync(path))]);

// What came of one statement: refused (with text) or a result, and how long it took.
async function sent(server, { sql, params }) {
  const started = Date.now();
  const { json } = await modern(server.url, 'tools/call', { name: 'query', arguments: params ? { sql, params } : { sql } });
  const took_ms = Date.now() - started;
  if (json.error) return { refused: true, text: json.error.message, took_ms };
  return { refused: Boolean(json.result.isError), text: textOf(json.result), result: json.result, took_ms };
}
async function stillServes(server) {
  const { refused, text, took_ms } = await sent(server, { sql: 'SELECT 1' });
  assert.ok(!refused, text);
  assert.ok(took_ms <= kQuickMax_ms, `SELECT 1 took ${took_ms} ms`);
}
async function harmless(server, attack) {
  const before = await canary();
  assert.match(before, /alive/);
  const outcome = await sent(server, attack);
  assert.ok(outcome.took_ms <= attack.max_ms, `${attack.id}: ${outcome.took_ms} ms`);
  assert.equal(await canary(), before, `${attack.id} changed something: ${attack.sql}`);
  await stillServes(server);
  return outcome;
}

// psql's text of a value, from ours.
function asText(value, type) {
  if (value === null) return '';
  if (Array.isArray(value)) return `{${value.map((part) => (part === null ? 'NULL' : /^[\w.+-]+$/.test(part) ? part : `"${String(part).replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (type === 'timestamptz') return value.replace('T', ' ').replace(/([+-]\d\d):00$/, '$1');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
const literal = (value) => (Array.isArray(value) ? `array[${value.map(literal).join(',')}]` : typeof value === 'number' ? value : `'${value}'`);
function rowsOfPsql({ sql, params }) {
  const bare = sql.replace(/;\s*$/, '');
  const statement = params ? `prepare asked as ${bare}; execute asked(${params.map(literal).join(', ')})` : `${bare}\n`;
  const least = cluster.dsn.replace('//postgres@', '//fx_least:fx@');
  const out = execFileSync('psql', ['-XAtq', '-F', '\x1f', '-R', '\x1e', '-d', least, '-c', statement], { encoding: 'utf8' });
  return out.replace(/\n$/, '').split('\x1e').map((row) => row.split('\x1f'));
}

for (const profile of ['app', 'least']) {
  describe(`the public attack suite as ${profile}`, () => {
    const all = (expected) => suite.cases.filter((entry) => (entry[`tier_${profile}`] ?? entry.tier) && entry.expected === expected);

    for (const attack of all('blocked')) {
      test(`${attack.id} (${attack.why}) is refused`, async () => {
        const { refused, text } = await harmless(servers[profile], attack);
        assert.ok(refused, `${attack.sql} -> ${text}`);
      });
    }

    for (const hog of all('bounded')) {
      test(`${hog.id} (${hog.why}) is bounded in time and memory`, async () => {
        const server = servers[profile];
        const before = residentBytes(server);
        const { refused, result, text } = await harmless(server, hog);
        assert.ok(refused || result.structuredContent.truncated, text.slice(0, 300));
        const grown = residentBytes(server) - before;
        assertBounded(grown, kRssGrowthMax, 'the statement');
        await until('no backend runs it any more',
          async () => (await admin.ask([`select count(*) from pg_stat_activity where state = 'active' and usename = 'fx_${profile}'`]))[0] === '0', kQuickMax_ms);
      });
    }

    for (const read of all('allowed')) {
      test(`${read.id} (${read.why}) gives what psql gives`, async () => {
        const { refused, text, result } = await harmless(servers[profile], read);
        assert.ok(!refused, `${read.sql} -> ${text}`);
        const { columns, rows, truncated } = result.structuredContent;
        assert.equal(truncated, false);
        if (read.compare === 'shape') return assert.ok(columns.length > 0 && rows.length > 0);
        assert.deepEqual(rows.map((row) => row.map((value, index) => asText(value, columns[index].type))), rowsOfPsql(read));
      });
    }
  });
}

test('the suite has attacks, hogs and reads', { skip }, () => {
  for (const expected of ['blocked', 'bounded', 'allowed']) assert.ok(suite.cases.some((entry) => entry.expected === expected), expected);
  for (const entry of suite.cases) assert.equal(typeof entry.sql, 'string', `${entry.id} is of a form this test does not send`);
});
