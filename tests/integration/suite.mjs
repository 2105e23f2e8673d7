// A file of attacks, resource hogs and legitimate reads (format pg-mcp-restricted-suite/1), run through a real server
// against a PostgreSQL of its own, in the role profiles the file names. `./dev attacks` and the integration tests use it.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { startCluster } from './cluster.mjs';
import { residentBytes, withinBound } from './memory.mjs';
import { meta, modern, post, psql, startServer, textOf, until } from './support.mjs';

const kRssGrowthMax = 64 * 1024 * 1024;
const kTimeout_ms = 500;  // of a statement, so that hogs end soon; the suites allow max_ms
const kQuickMax_ms = 1000;
const kTools = { query: 'query', execute: 'execute', list_tables: 'list_tables', describe_table: 'describe_table' };

export const readSuite = (file) => JSON.parse(readFileSync(file, 'utf8'));

// must, stretch (reported apart) or none, in a profile.
export const tierOf = (entry, profile) => entry[`tier_${profile}`] ?? entry.tier ?? 'must';
export const casesOf = (suite, profile) => suite.cases.filter((entry) => tierOf(entry, profile) !== 'none');

export const profilesOf = (suite) => Object.keys(suite.harness?.profiles ?? { app: '', least: '' });
const roleOf = (suite, profile) => (suite.harness?.profiles?.[profile] ?? '').match(/\bfx_\w+/)?.[0] ?? `fx_${profile}`;

// One psql that is asked again and again: script() runs lines of psql, ask() statements, and gives what they print; where
// psql has ended, what it printed until then.
export function psqlSession(dsn, { errors = 'inherit', options = '' } = {}) {
  const child = spawn('psql', ['-XAtq', '-d', dsn], { stdio: ['pipe', 'pipe', errors], env: { ...process.env, PGOPTIONS: options } });
  let collected = [];
  let resolve = () => {};
  const answer = () => {
    resolve(collected);
    collected = [];
  };
  let ended = false;
  child.stdin.on('error', (error) => assert.equal(error.code, 'EPIPE'));
  createInterface({ input: child.stdout }).on('line', (line) => (line === '--end--' ? answer() : collected.push(line))).on('close', () => {
    ended = true;
    answer();
  });
  const script = (text) => new Promise((done) => {
    if (ended) return void done([]);
    resolve = done;
    child.stdin.write(`${text}\n\\echo --end--\n`);
  });
  return { script, ask: (statements) => script(statements.map((sql) => `${sql}\n;`).join('\n')), end: () => child.stdin.end() };
}

// The statement of a case, however the file writes it.
export function textsOf(entry) {
  if (entry.gen) {
    const { prefix = '', open = '', n = 0, mid = '', close = '', suffix = '' } = entry.gen;
    return { sql: prefix + open.repeat(n) + mid + close.repeat(n) + suffix };
  }
  const params = entry.gen_params ? Array.from({ length: entry.gen_params }, (_, index) => index) : entry.params;
  return { sql: entry.sql, params, json_sql: entry.json_sql, raw_hex: entry.raw_bytes_sql_hex };
}

// The body of a tools/call in which the sql string stands as these bytes.
function rawCall(name, bytes) {
  const mark = '\u0001sql\u0001';
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: { sql: mark }, _meta: meta() } });
  const [before, after] = body.split(JSON.stringify(mark));
  return Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);
}

async function sent(server, entry) {
  const name = kTools[entry.tool_role ?? 'query'];
  if (!name) return { refused: true, missing: true, text: `no tool for ${entry.tool_role}`, took_ms: 0 };
  const { sql, params, json_sql, raw_hex } = textsOf(entry);
  const args = entry.arguments ?? (params ? { sql, params } : { sql });
  const started = performance.now();
  let json;
  if (json_sql !== undefined || raw_hex !== undefined) {
    const bytes = json_sql !== undefined ? Buffer.from(json_sql)
      : Buffer.concat([Buffer.from('"'), Buffer.from(raw_hex, 'hex'), Buffer.from('"')]);
    const answer = await fetch(server.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': name },
      body: rawCall(name, bytes),
    });
    json = await answer.json();
  } else {
    ({ json } = await modern(server.url, 'tools/call', { name, arguments: args }));
  }
  const took_ms = performance.now() - started;
  if (json.error) return { refused: true, text: json.error.message, error: json.error.data ?? {}, took_ms };
  const { result } = json;
  return { refused: Boolean(result.isError), text: textOf(result), error: result._meta?.['howdah/error'] ?? {}, result, took_ms };
}

// psql's text of a value, from ours.
function asText(value, type) {
  if (value === null) return '';
  if (Array.isArray(value)) return `{${value.map((part) => (part === null ? 'NULL' : /^[\w.+-]+$/.test(part) ? part : `"${String(part).replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (type === 'timestamptz') return value.replace('T', ' ').replace(/([+-]\d\d):00$/, '$1');
  if (type === 'timestamp') return value.replace('T', ' ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
// Blanks inside JSON are the writer's.
const bare = (text) => (/^[[{]/.test(text) ? text.replace(/ ?([:,]) ?/g, '$1') : text);
const literal = (value) => (Array.isArray(value) ? `array[${value.map(literal).join(',')}]` : typeof value === 'number' ? value : value === null ? 'null' : `'${String(value).replaceAll("'", "''")}'`);
function rowsOfPsql(dsn, { sql, params }) {
  const alone = sql.replace(/;\s*$/, '');
  const statement = params ? `prepare asked as ${alone}; execute asked(${params.map(literal).join(', ')})` : `${alone}\n`;
  const out = execFileSync('psql', ['-XAtq', '-F', '\x1f', '-R', '\x1e', '-d', dsn, '-c', statement], { encoding: 'utf8' });
  return out.replace(/\n$/, '').split('\x1e').map((row) => row.split('\x1f'));
}

// The most memory a backend of the role has held; 0 where it cannot be seen (another machine, another user's process).
const peakBytes = (pid) => {
  try {
    return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+) kB/)[1]) * 1024;
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return 0;  // it has ended
    throw error;
  }
};

// What a case in steps comes to: an attack is refused where any of its steps is, the probe behind them may be harmless; a
// read succeeds where all of them do.
export function outcomeOf(expected, outcomes) {
  const refused = outcomes.findLast((one) => one.refused && !one.missing) ?? outcomes.findLast((one) => one.refused);
  const told = (expected === 'bounded' ? undefined : refused) ?? outcomes.at(-1);
  return { ...told, took_ms: Math.max(...outcomes.map((one) => one.took_ms)) };
}

// Of results { profile, entry, result } the counts by profile: [held, all] of attacks and hogs and of reads, those of tier
// stretch apart. What cannot be tried here counts as blocked, and is listed; a read is not counted then.
export function countsOf(profiles, results) {
  const none = () => ({ blocked: [0, 0], allowed: [0, 0] });
  const counts = Object.fromEntries(profiles.map((profile) => [profile, { ...none(), stretch: none(), misses: [], not_applicable: [] }]));
  for (const { profile, entry, result } of results) {
    const of = counts[profile];
    const stretch = tierOf(entry, profile) === 'stretch';
    if (result.not_applicable) of.not_applicable.push({ entry, why: result.not_applicable });
    if (result.not_applicable && entry.expected === 'allowed') continue;
    const count = (stretch ? of.stretch : of)[entry.expected === 'allowed' ? 'allowed' : 'blocked'];
    count[1] += 1;
    if (result.held) count[0] += 1;
    else if (!stretch) of.misses.push({ entry, why: result.why });
  }
  return counts;
}

// Starts the cluster, loads the fixtures and starts a server for each profile. try_(profile, entry) gives
// { held, verdict, took_ms, why }: what was expected and whether it held. close() ends all of it.
export async function openSuite(suite, { guard = suite.guard, cluster_options = [] } = {}) {
  const cluster = startCluster('--database', 'fx', ...cluster_options);
  const load = (sql) => execFileSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', cluster.dsn], { input: sql, stdio: ['pipe', 'ignore', 'inherit'] });
  load(suite.fixtures.map((sql) => `${sql}\n;`).join('\n'));
  const missing = new Set();
  for (const extension of new Set(suite.cases.flatMap((entry) => entry.needs ?? []))) {
    if (psql(`select 1 from pg_available_extensions where name = '${extension}'`, cluster.dsn)) psql(`create extension if not exists "${extension}"`, cluster.dsn);
    else missing.add(extension);
  }
  const admin = psqlSession(cluster.dsn);
  const dsnOf = (profile) => cluster.dsn.replace('//postgres@', `//${roleOf(suite, profile)}:fx@`);
  const servers = {};
  const plugins = [{ pool: { statement_timeout_ms: kTimeout_ms } }, guard ? { guard } : 'guard', { query: { timeout_ms: kTimeout_ms } }, 'schema'];
  for (const profile of profilesOf(suite))
    servers[profile] = await startServer({ plugins, privileged: false, databases: `  main: { dsn: "${dsnOf(profile)}" }` });

  const absent = suite.canary.files_absent_on_database_host ?? [];
  const canary = async () => JSON.stringify([await admin.ask(suite.canary.sql), absent.map((path) => existsSync(path))]);
  const backends = async (profile) => admin.ask([`select pid from pg_stat_activity where usename = '${roleOf(suite, profile)}'`]);
  const busy = async (profile) => (await admin.ask([`select count(*) from pg_stat_activity where state = 'active' and usename = '${roleOf(suite, profile)}'`]))[0] !== '0';

  async function judged(profile, entry, outcome, before) {
    const server = servers[profile];
    if (entry.expected === 'blocked') return outcome.refused ? undefined : `was let through: ${outcome.text.slice(0, 200)}`;
    if (entry.expected === 'bounded') {
      if (!outcome.refused && !outcome.result.structuredContent?.truncated) return `ended whole: ${outcome.text.slice(0, 200)}`;
      const grown = residentBytes(server) - before.resident;
      if (!withinBound(grown, kRssGrowthMax)) return `the server grew by ${grown} bytes`;
      await until('no backend runs it any more', async () => !(await busy(profile)), kQuickMax_ms);
      const peak = Math.max(0, ...before.pids.map((pid) => peakBytes(pid) - before.peaks[pid]));
      if (entry.backend_mb_max && peak > entry.backend_mb_max * 1024 * 1024) return `a backend grew by ${(peak / 1024 / 1024).toFixed(0)} MB`;
      return undefined;
    }
    if (outcome.refused) return `was refused: ${outcome.text.slice(0, 400)}`;
    const { columns, rows, truncated } = outcome.result.structuredContent;
    if (truncated) return 'was cut';
    if (entry.compare === 'shape') return columns.length > 0 && rows.length > 0 ? undefined : 'gave nothing';
    const ours = rows.map((row) => row.map((value, index) => bare(asText(value, columns[index].type))));
    const theirs = rowsOfPsql(dsnOf('least' in servers ? 'least' : profile), textsOf(entry)).map((row) => row.map(bare));
    const same = JSON.stringify(ours) === JSON.stringify(theirs) || (ours.length === 0 && JSON.stringify(theirs) === '[[""]]');
    return same ? undefined : `gave ${JSON.stringify(ours).slice(0, 300)}, psql ${JSON.stringify(theirs).slice(0, 300)}`;
  }

  async function try_(profile, entry) {
    const server = servers[profile];
    const before = { canary: await canary(), resident: residentBytes(server), pids: [], peaks: {} };
    if (entry.expected === 'bounded') {
      before.pids = await backends(profile);
      for (const pid of before.pids) before.peaks[pid] = peakBytes(pid);
    }
    const absent_needs = (entry.needs ?? []).filter((extension) => missing.has(extension));
    if (absent_needs.length > 0) return { held: true, not_applicable: `${absent_needs.join(', ')} cannot be installed here` };
    const outcomes = [];
    for (const step of [...(entry.steps ?? [entry]), ...(entry.probe ? [entry.probe] : [])]) outcomes.push(await sent(server, step));
    const outcome = outcomeOf(entry.expected, outcomes);
    const not_applicable = outcomes.every((one) => one.missing) ? outcome.text : undefined;
    const result = (why) => ({ held: why === undefined, why, outcome, not_applicable, took_ms: outcome.took_ms });
    const max_ms = entry.max_ms ?? 2000;
    if (outcome.took_ms > max_ms) return result(`took ${outcome.took_ms.toFixed(0)} ms of ${max_ms}`);
    let why;
    try {
      why = await judged(profile, entry, outcome, before);
    } catch (error) {
      why = error.message;
    }
    const after = await canary();
    if (after !== before.canary) return result(`changed something: ${before.canary} -> ${after}`);
    if (why !== undefined) return result(why);
    const next = await sent(server, { sql: 'SELECT 1' });
    if (next.refused) return result(`SELECT 1 afterwards: ${next.text}`);
    if (next.took_ms > kQuickMax_ms) return result(`SELECT 1 afterwards took ${next.took_ms.toFixed(0)} ms`);
    if (server.child.exitCode !== null) return result('the server ended');
    return result(undefined);
  }

  return {
    cluster, servers, admin, dsnOf, canary, try_,
    async close() {
      admin.end();
      const ends = [];
      for (const server of Object.values(servers)) ends.push(await server.stop());
      const log = readFileSync(join(cluster.environment.PGHOST, 'log'), 'utf8');
      cluster.remove();
      for (const end of ends) assert.deepEqual(end, { code: 0, signal: null });
      assert.doesNotMatch(log, /PANIC|terminated by signal|crash of another server process/);
    },
  };
}

// Runs everything and counts; `tell(profile, entry, result)` hears of each case.
export async function runSuite(suite, tell = () => {}) {
  const opened = await openSuite(suite);
  const results = [];
  const refusal_ms = [];
  try {
    for (const profile of profilesOf(suite)) {
      for (const entry of casesOf(suite, profile)) {
        const result = await opened.try_(profile, entry);
        tell(profile, entry, result);
        results.push({ profile, entry, result });
        if (entry.expected === 'blocked' && result.outcome?.refused) refusal_ms.push(result.took_ms);
      }
    }
  } finally {
    await opened.close();
  }
  const profiles = countsOf(profilesOf(suite), results);
  refusal_ms.sort((a, b) => a - b);
  const at = (share) => refusal_ms[Math.min(refusal_ms.length - 1, Math.floor(refusal_ms.length * share))] ?? 0;
  return { profiles, refusals: { count: refusal_ms.length, median_ms: at(0.5), p99_ms: at(0.99) } };
}
