// get_query_analytics: what real clients asked a real PostgreSQL, by pattern and by name; floods, tenants' files, restarts, a damaged
// file, reloads under load.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { callTool, initialize, inFolder, modern, openSession, post, run, runBeside, startServer, textOf, until } from './support.mjs';

const plugins = (section = {}) => ['pool', 'guard', 'query', 'schema', { analytics: section }];
const kFile = 'state/plugins/analytics/history.ndjson';
let server;
before(async () => { server = await startServer({ plugins: plugins() }); });
after(async () => {
  if (!server) return;
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.doesNotMatch(server.log(), /its tasks did not end in time|still serves requests|failed in/);
});

const query = (sql, url = server.url, more = {}) => callTool(url, 'query', { sql, ...more });
const reload = async (list, at = server) => {
  at.write({ plugins: list });
  return runBeside(['reload', '-c', at.file]);
};
async function analytics(args = {}, url = server.url) {
  const result = await callTool(url, 'get_query_analytics', args);
  assert.ok(!result.isError, textOf(result));
  assert.deepEqual(JSON.parse(textOf(result)), result.structuredContent);
  return result.structuredContent;
}
const named = (section, pattern) => section.find((entry) => pattern.test(entry.pattern));
const callsOf = async (pattern, args = {}, url = server.url) =>
  named((await analytics({ sections: ['top'], limit: 100, ...args }, url)).top, pattern)?.calls ?? 0;

test('statements that differ in constants are one pattern, and no constant is told or written', async () => {
  for (const id of [471101, 471102, 471103]) {
    const { structuredContent } = await query(`select ${id} as /* of ada@example.com */ n, 'Ada Lovelace' from generate_series(1, 5) -- her`);
    assert.equal(structuredContent.row_count, 5);
  }
  const { top } = await analytics({ sections: ['top'], limit: 100 });
  const entry = named(top, /^select \$1 as n, \$2 from generate_series\(\$3, \$4\)$/);
  assert.ok(entry, JSON.stringify(top));
  assert.deepEqual([entry.calls, entry.rows], [3, 15]);
  assert.ok(entry.bytes > 0 && entry.p50_ms > 0 && entry.p50_ms <= entry.p95_ms && entry.p95_ms <= entry.max_ms);
  assert.ok(entry.database_ms > 0 && entry.database_ms <= entry.total_ms);
  // By a write of its own time, and at the latest at the end.
  assert.equal((await reload(plugins({ save_interval_s: 1 }))).code, 0);
  await query('select 1');
  const file = join(server.folder, kFile);
  await until('it is written', () => existsSync(file) && readFileSync(file, 'utf8').includes('generate_series'));
  assert.doesNotMatch(readFileSync(file, 'utf8') + JSON.stringify(top), /47110|Ada|ada@|Lovelace/);
});

test('refusals are counted under their rule, errors by their state, timeouts as such', async () => {
  const refused = await query("delete from shop.orders where id = 'secret_of_mine'");
  assert.ok(refused.isError);
  assert.ok((await query('selec secret_of_mine')).isError);
  assert.ok((await query('select 1 / (n - n) from generate_series(1, 3) n')).isError);
  assert.ok((await query('select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b', server.url, { timeout_ms: 200 })).isError);
  const answer = await analytics({ sections: ['failing'], limit: 100 });
  assert.doesNotMatch(JSON.stringify(answer), /secret_of_mine|shop\.orders/);
  const refusals = answer.failing.filter(({ kind }) => kind === 'refused');
  assert.ok(refusals.length >= 2, JSON.stringify(answer.failing));
  assert.ok(refusals.every(({ pattern }) => /^[\w./ -]+$/.test(pattern)));
  assert.equal(named(answer.failing, /select \$1 \/ \(n - n\)/).last_sqlstate, '22012');
  const slow = named(answer.failing, /select count\(\*\) from generate_series\(\$1, \$2\) a/);
  assert.equal(slow.timeouts ?? slow.failed, 1);
  assert.ok(slow.max_ms >= 190, JSON.stringify(slow));
  assert.ok(named((await analytics({ sections: ['slow'] })).slow, /generate_series\(\$1, \$2\) a/));
});

test('tools, clients and databases are told apart; a client is what it calls itself, cut and in number bounded', async () => {
  const raw = await openSession(server.url, '2025-11-25');
  await post(server.url, { jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'list_tables', arguments: {} } }, raw);
  await query("select 'notes'", server.url, { database: 'notes' });
  const { tools, clients, databases } = await analytics({ sections: ['tools', 'clients', 'databases'], limit: 100 });
  const names = (section) => section.map(({ name }) => name);
  assert.ok(names(tools).includes('query') && names(tools).includes('list_tables'), names(tools).join());
  assert.ok(names(clients).includes('integration') && names(clients).includes('raw'), names(clients).join());
  assert.ok(names(databases).includes('main') && names(databases).includes('notes'));
  const own = await analytics({ sections: ['tools'], client: 'raw' });
  assert.ok(own.totals.calls > 0);
  assert.deepEqual(names(own.tools).filter((name) => name !== 'list_tables'), []);

  const liars = Array.from({ length: 150 }, (_, i) => `${i} ${'liar\n'.repeat(100)}`);
  for (const name of liars) {
    const opening = initialize('2025-11-25');
    opening.clientInfo.name = name;
    const opened = await post(server.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: opening });
    const headers = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id'), 'MCP-Protocol-Version': '2025-11-25' };
    await post(server.url, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
    const { json } = await post(server.url, { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'query', arguments: { sql: 'select liar + 7 from generate_series(1, 1) liar' } } }, headers);
    assert.ok(!json.result.isError, JSON.stringify(json));
    await fetch(server.url, { method: 'DELETE', headers });
  }
  const flooded = await analytics({ sections: ['clients'], limit: 100 });
  assert.ok(flooded.clients.length <= 66, `${flooded.clients.length} clients`);
  assert.ok(flooded.clients.every(({ name }) => Buffer.byteLength(name) <= 64 && !/[\x00-\x1f]/.test(name)));
  assert.ok(names(flooded.clients).includes('integration') && names(flooded.clients).includes('(others)'));
  assert.equal(await callsOf(/^select liar \+ /), 150);
});

test('a flood of new patterns takes no more cells than allowed, and every call is counted', async () => {
  const other = await startServer({ plugins: plugins({ cells_per_hour_max: 16, save_interval_s: 0 }) });
  try {
    for (let i = 0; i < 20; i++) await query('select count(*) as kept from generate_series(1, 200000)', other.url);
    const texts = Array.from({ length: 300 }, (_, i) => `select column_${i} from generate_series(1, 1) column_${i}`);
    for (let i = 0; i < texts.length; i += 10) await Promise.all(texts.slice(i, i + 10).map((sql) => query(sql, other.url)));
    let answer;
    await until('all are counted', async () => {
      answer = await analytics({ sections: ['top'], limit: 100, tool: 'query' }, other.url);
      const others = await analytics({ sections: ['top'], tool: '(others)' }, other.url);
      return answer.totals.calls + others.totals.calls >= 320;
    });
    assert.ok(answer.top.length <= 16, `${answer.top.length} patterns`);
    assert.equal(named(answer.top, /as kept/).calls, 20);
    assert.ok(answer.top.some(({ kind }) => kind === 'others'));
    assert.equal(existsSync(join(other.folder, kFile)), false);
  } finally {
    await other.stop();
  }
});

test('streamed results are counted with the bytes that passed', async () => {
  const result = await query("select repeat('x', 1000) as streamed from generate_series(1, 2000)", server.url, { max_rows: 2000 });
  assert.ok(!result.isError);
  const entry = named((await analytics({ sections: ['top'], limit: 100, order: 'bytes' })).top, /as streamed/);
  assert.deepEqual([entry.calls, entry.rows], [1, 2000]);
  assert.ok(entry.bytes >= 2000 * 1000 && entry.bytes < 2000 * 1100, `${entry.bytes} bytes`);
});

test('the export has every cell, as ndjson and csv, page by page', async () => {
  const whole = await callTool(server.url, 'get_query_analytics', { export: 'ndjson', client: 'integration', max_rows: 10000 });
  const lines = textOf(whole).trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(whole.structuredContent.export.rows, lines.length);
  assert.ok(lines.length > 3);
  for (const line of lines) {
    assert.equal(line.latency_us.reduce((sum, [, count]) => sum + count, 0), line.calls);
    assert.equal(line.principal, '');
  }
  const page = await callTool(server.url, 'get_query_analytics', { export: 'ndjson', client: 'integration', max_rows: 2 });
  assert.deepEqual(page.structuredContent.export, { format: 'ndjson', rows: 2, next_skip: 2 });
  const next = await callTool(server.url, 'get_query_analytics', { export: 'ndjson', client: 'integration', max_rows: 1, skip: 2 });
  assert.equal(JSON.parse(textOf(next)).fingerprint, lines[2].fingerprint);
  const csv = textOf(await callTool(server.url, 'get_query_analytics', { export: 'csv' }));
  assert.match(csv, /^hour,fingerprint,kind,pattern,plugin,tool,client,/);
  assert.match(csv, /\r\n"[^"]+Z","[0-9a-f]{16}","statement","select /);
});

test('what was counted survives a restart, and what was before is compared with now', async () => {
  const place = inFolder();
  const options = { place, plugins: plugins() };
  const first = await startServer(options);
  for (let i = 0; i < 4; i++) await query(`select ${i} as survives`, first.url);
  first.child.kill('SIGTERM');
  await first.exited;
  const file = join(place.folder, kFile);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  assert.ok(lines.some((line) => line.includes('as survives')));
  // As if it had been three hours ago.
  const earlier = lines.map((line) => JSON.parse(line)).map((line) => (line.hour ? { hour: line.hour - 3 } : line));
  writeFileSync(file, `${earlier.map((line) => JSON.stringify(line)).join('\n')}\n`);
  const second = await startServer(options);
  for (let i = 0; i < 40; i++) await query(`select ${i} as survives`, second.url);
  assert.equal(await callsOf(/as survives/, {}, second.url), 44);
  const { growing, hours, window } = await analytics({ sections: ['growing', 'hours'], limit: 100, hours: 4 }, second.url);
  assert.equal(window.hours, 4);
  assert.equal(hours.length, 2);
  const grown = named(growing, /as survives/);
  assert.equal(grown.earlier.calls_per_hour, 2);
  assert.ok(grown.later.calls_per_hour >= 20, JSON.stringify(grown));
  assert.equal(await callsOf(/as survives/, { hours: 1 }, second.url), 40);

  // Killed: what the last write had is there, and nothing else happens.
  assert.equal((await reload(plugins({ save_interval_s: 1 }), second)).code, 0);
  await query('select saved_in_time from generate_series(1, 1) saved_in_time', second.url);
  await until('it is written', () => readFileSync(file, 'utf8').includes('saved_in_time'));
  second.child.kill('SIGKILL');
  await second.exited;
  const third = await startServer(options);
  assert.equal(await callsOf(/as survives/, {}, third.url), 44);
  third.child.kill('SIGTERM');
  await third.exited;

  // Damaged: told, kept beside, begun anew.
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, -20));
  const fourth = await startServer(options);
  await fourth.logs(/history\.ndjson is damaged at line \d+: .*; it is kept as .*history\.ndjson\.damaged/);
  assert.ok(existsSync(`${file}.damaged`));
  assert.equal(await callsOf(/as survives/, {}, fourth.url), 0);
  const { code, out } = run(['doctor', '-c', fourth.file]);
  assert.ok([0, 3, 4].includes(code), out);
  assert.match(out, /\nanalytics: (ok|warn)\n/);
  await fourth.stop();
});

test('another process that counts beside the server adds to the same file', async () => {
  assert.equal((await reload(plugins({ save_interval_s: 1 }))).code, 0);
  const done = await runBeside(['call', '-c', server.file, 'query', 'sql=select from_outside from generate_series(1, 1) from_outside']);
  assert.equal(done.code, 0, done.err);
  await until('the server knows it', async () => (await callsOf(/select from_outside/)) === 1);
});

test('enabled, disabled and reconfigured under load: no call fails, and none that was counted is lost', async () => {
  let over = false;
  let asked = 0;
  const counts = { told: 0, absent: 0 };
  const caller = async () => {
    while (!over) {
      const result = await query('select 6 * 7 as under_load');
      assert.ok(!result.isError, textOf(result));
      assert.deepEqual(result.structuredContent.rows, [[42]]);
      asked += 1;
      const { json } = await modern(server.url, 'tools/call', { name: 'get_query_analytics', arguments: { sections: ['top'] } });
      if (json.error) {
        assert.match(json.error.message, /unknown tool "get_query_analytics"/);
        counts.absent += 1;
      } else {
        assert.ok(!json.result.isError, textOf(json.result));
        counts.told += 1;
      }
    }
  };
  const callers = [caller(), caller(), caller(), caller()];
  for (const section of [{ retention_hours: 24 }, { clients_max: 32 }, { texts_max: 16 }]) {
    const told = counts.told;
    assert.equal((await reload(plugins(section))).code, 0);
    await until('calls go on', () => counts.told > told);
  }
  // Only reconfigured so far: the sum is exact once the replaced instances have written what they had.
  over = true;
  await Promise.all(callers);
  await until('every call is counted', async () => (await callsOf(/as under_load/)) === asked);
  over = false;
  const more = [caller(), caller()];
  for (let i = 0; i < 3; i++) {
    const [told, absent] = [counts.told, counts.absent];
    assert.equal((await reload(['pool', 'guard', 'query', 'schema'])).code, 0);
    await until('it is gone', () => counts.absent > absent);
    assert.equal((await reload(plugins())).code, 0);
    await until('it is back', () => counts.told > told);
  }
  over = true;
  await Promise.all(more);
  assert.ok((await callsOf(/as under_load/)) <= asked);
});

test('a section or an argument that is wrong is refused by its key', async () => {
  for (const [section, pattern] of [
    [{ cells_per_hour_max: 15 }, /cells_per_hour_max/],
    [{ retention_hours: 0 }, /retention_hours/],
    [{ retention_hour: 5 }, /retention_hours/],
    [{ memory_bytes_max: 1 }, /memory_bytes_max/],
  ]) {
    const done = await reload(plugins(section));
    assert.notEqual(done.code, 0);
    assert.match(done.err + done.out, pattern);
  }
  assert.equal((await reload(plugins())).code, 0);
  for (const args of [{ sections: ['tops'] }, { hours: 0 }, { export: 'xml' }, { limit: 101 }]) {
    const { json } = await modern(server.url, 'tools/call', { name: 'get_query_analytics', arguments: args });
    assert.ok(json.error || json.result.isError, JSON.stringify(args));
  }
});

test('tools/list of profile core does not have it, all and analytics do; it is marked as reading only', async () => {
  const listed = async () => (await modern(server.url, 'tools/list')).json.result.tools.find(({ name }) => name === 'get_query_analytics');
  assert.equal(await listed(), undefined);
  for (const profile of ['all', 'analytics']) {
    server.write({ plugins: plugins(), extra: `tools: { profile: ${profile} }\n` });
    const done = await runBeside(['reload', '-c', server.file]);
    assert.equal(done.code, 0, done.err);
    const tool = await listed();
    assert.equal(tool.annotations.readOnlyHint, true);
    assert.ok(tool.outputSchema.properties.top);
  }
});
