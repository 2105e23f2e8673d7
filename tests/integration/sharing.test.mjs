// One database, several principals: nobody keeps the others from it, neither by asking much nor by reading slowly, and who
// holds a connection for long is named.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { callTool, dsn, inFolder, meta, modern, psql, run, startServer, textOf, until } from './support.mjs';

const place = inFolder();
const tokens = Object.fromEntries(['flood', 'quiet', 'late'].map((name) => [name, `${name}-token-of-the-test`.padEnd(32, '-')]));
const bearer = (name) => ({ Authorization: `Bearer ${tokens[name]}` });
let server;

before(async () => {
  const file = join(place.folder, 'tokens');
  writeFileSync(file, Object.entries(tokens).map(([name, token]) => `${token} name=${name}\n`).join(''), { mode: 0o600 });
  server = await startServer({
    http: '',
    databases: `  main: { dsn: "${dsn}&application_name=sharing" }`,
    plugins: [
      { pool: { connections_max: 4, queue_max: 8, leak_alarm_ms: 1000, bytes_max: 200000000 } },
      { guard: { functions_allowed: ['pg_sleep'] } }, 'query', { auth: { token_file: file } },
    ],
  });
});
after(async () => {
  await server.stop();
  place.remove();
});

const ask = async (who, sql, more = {}) => {
  const { json } = await modern(server.url, 'tools/call', { name: 'query', arguments: { sql, ...more } }, undefined, bearer(who));
  assert.ok(json?.result, JSON.stringify(json));
  return json.result;
};

test('a principal that floods the database is turned away; another is answered every time', async () => {
  let stop = false;
  let refused = 0;
  const flood = Array.from({ length: 24 }, async () => {
    while (!stop) {
      const result = await ask('flood', 'select pg_sleep(0.1)');
      if (!result.isError) continue;
      assert.match(textOf(result), /are busy|became free within/);
      refused++;
    }
  });
  await until('the line is full', () => refused > 0);
  const took = [];
  for (let round = 0; round < 30; round++) {
    const begun = Date.now();
    const result = await ask('quiet', 'select 6 * 7');
    assert.ok(!result.isError, JSON.stringify(result));
    took.push(Date.now() - begun);
  }
  stop = true;
  await Promise.all(flood);
  took.sort((a, b) => a - b);
  console.log(`figure: beside a flood of 24 (4 connections, statements of 100 ms) another principal waits ${took[15]} ms in the median, ${took.at(-1)} ms at most; ${refused} of the flood were refused`);
});

test('clients that do not read their answers leave a connection to others, and are named', async () => {
  const readers = Array.from({ length: 6 }, (_, number) => {
    const request = http.request(server.url, { method: 'POST', agent: false, headers: {
      ...bearer('flood'), 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'query',
    } });
    request.on('error', () => {});  // it is torn down at the end, with or without an answer
    request.on('response', () => {});  // whose body is never read
    request.end(JSON.stringify({ jsonrpc: '2.0', id: number, method: 'tools/call',
      params: { name: 'query', arguments: { sql: "select repeat('x', 15000) from generate_series(1, 10000)", max_rows: 10000 }, _meta: meta() } }));
    return request;
  });
  try {
    await server.logs(/a connection has been held for 1000 ms by tool query of plugin query for \S*flood/);
    for (const who of ['quiet', 'late']) {  // late comes for the first time
      const result = await ask(who, 'select 6 * 7');
      assert.ok(!result.isError, JSON.stringify(result));
    }
    const { out } = run(['doctor', '-c', server.file]);
    assert.match(out, /the server that runs:[^]*main: held connection +tool query of plugin query for \S*flood holds a connection/);
    assert.match(out, /the server that runs:[^]*main: pool +\d of 4 open, \d idle, \d waiting, breaker closed/);
  } finally {
    for (const reader of readers) reader.destroy();
  }
});

describe('an advisory lock of the session outlives the ROLLBACK, and is not there for the next one on that connection', () => {
  const pool = { pool: { connections_max: 1, connections_min: 1 } };
  for (const [how, plugins, more] of [
    ['without a guard', [pool, 'query'], ', allow_unguarded: true'],
    ['with a guard that only watches', [pool, { guard: { mode: 'audit' } }, 'query'], ', allow_unguarded: true'],
    ['where the operator has allowed the function', [pool, { guard: { functions_allowed: ['pg_advisory_lock'] } }, 'query'], ''],
  ]) {
    test(how, async () => {
      const lone = await startServer({ plugins, databases: `  main: { dsn: "${dsn}&application_name=lone"${more} }` });
      const answer = async (sql) => {
        const result = await callTool(lone.url, 'query', { sql });
        assert.ok(!result.isError, textOf(result));
      };
      await answer('select pg_advisory_lock(4713)');
      await answer('select 1');
      assert.equal(psql("select count(*) from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory' and application_name = 'lone'"), '0');
      assert.deepEqual(await lone.stop(), { code: 0, signal: null });
    });
  }
});
