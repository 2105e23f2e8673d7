// Reloads while clients work: no call is lost, changes take effect, what is replaced is gone in the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { callTool, dsn, initialize, modern, openSession, post, psql, run, runBeside, startServer, startStdio, textOf, until } from './support.mjs';

const kReloads = 20;
const named = (name) => ({ databases: `  main: { dsn: "${dsn}&application_name=${name}" }\n  notes: { dsn: "${dsn}&application_name=${name}", access: read_write }` });
const toolsOf = async (server) => (await modern(server.url, 'tools/list')).json.result.tools.map((tool) => tool.name);
// Not run(): that would hold up this process, and with it the load.
async function reloaded(server, plugins) {
  server.write({ plugins });
  const done = await runBeside(['reload', '-c', server.file]);
  assert.equal(done.code, 0, done.err);
  return Number(done.out.match(/generation (\d+)/)[1]);
}

// What each reload changes, and what must be seen of it at once.
const kSteps = [
  { plugins: ['pool', 'guard', { query: { rows_max: 7 } }, 'schema'], rows: 7, tools: 5 },
  { plugins: ['pool', 'guard', { query: { rows_max: 9 } }], rows: 9, tools: 3 },
  { plugins: [{ pool: { connections_max: 8 } }, 'guard', { query: { rows_max: 9 } }], rows: 9, tools: 3 },
  { plugins: [{ pool: { connections_max: 8 } }, { guard: { nesting_max: 400 } }, { query: { run: 'worker', rows_max: 11 } }, 'schema'], rows: 11, tools: 5 },
  { plugins: ['pool', 'guard', 'query', 'schema'], rows: 100, tools: 5 },
];

test('20 reloads under load lose no call: plugins reconfigured, disabled, enabled, moved to a worker', async () => {
  const name = `reload_${process.pid}`;
  const server = await startServer(named(name));
  let stop = false;
  const seen = { calls: 0, answers: 0 };
  const worker = async (call) => {
    while (!stop) {
      seen.calls++;
      const result = await call();
      assert.ok(!result.isError, textOf(result));
      seen.answers++;
    }
  };
  const headers = await openSession(server.url, '2025-11-25');
  let id = 1000;
  const legacy = async (args) => {
    const mine = ++id;
    const { json } = await post(server.url, { jsonrpc: '2.0', id: mine, method: 'tools/call', params: { name: 'query', arguments: args } }, headers);
    assert.equal(json.id, mine);
    return json.result;
  };
  const load = [
    ...Array.from({ length: 4 }, (_, number) => worker(async () => {
      const result = await callTool(server.url, 'query', { sql: 'select $1::int', params: [number] });
      if (!result.isError) assert.deepEqual(result.structuredContent.rows, [[number]]);
      return result;
    })),
    worker(() => legacy({ sql: 'select 1' })),
    // Some are under way whenever the generations change.
    worker(() => callTool(server.url, 'query', { sql: 'select sum(i) from generate_series(1, 400000) i' })),
    worker(() => legacy({ sql: "select repeat('x', 1000) from generate_series(1, 5000) i", max_rows: 5000 })),
  ];
  let first;
  try {
    for (let round = 0; round < kReloads; round++) {
      const step = kSteps[round % kSteps.length];
      const generation = await reloaded(server, step.plugins);
      first ??= generation;
      assert.equal(generation, first + round, 'one generation for each reload');
      const rows = await callTool(server.url, 'query', { sql: 'select * from generate_series(1, 100)' });
      assert.equal(rows.structuredContent.row_count, step.rows);
      assert.equal((await toolsOf(server)).length, step.tools);
    }
    stop = true;
    await Promise.all(load);
    assert.ok(seen.calls > kReloads);
    assert.equal(seen.answers, seen.calls);
    // The pools of old generations have closed their connections: what is left fits into the last one.
    await until('old connections are closed', () => Number(psql(`select count(*) from pg_stat_activity where application_name = '${name}'`)) <= 2 * 20);
    await until('old plugins are stopped', () => (server.log().match(/info pool: stopped/g) ?? []).length === kReloads / kSteps.length * 2);
  } finally {
    stop = true;
    await Promise.allSettled(load);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  }
  assert.doesNotMatch(server.log(), /still serves requests/);
  await until('no connection is left', () => psql(`select count(*) from pg_stat_activity where application_name = '${name}'`) === '0');
});

test('a pool and its successor together stay within the connections the role may have', async () => {
  const role = `reload_limited_${process.pid}`;
  psql(`create role ${role} login connection limit 4`);
  const limited = { databases: `  main: { dsn: "${dsn.replace('postgres@', `${role}@`)}" }` };
  const server = await startServer({ ...limited, plugins: [{ pool: { connections_max: 4, connections_min: 4 } }, 'guard', 'query'] });
  let stop = false;
  const failed = [];
  let answered = 0;
  const load = Array.from({ length: 8 }, async (_, number) => {
    while (!stop) {
      const sql = number < 2 ? 'select sum(i) from generate_series(1, 200000) i' : 'select 1';
      const result = await callTool(server.url, 'query', { sql });
      answered++;
      if (result.isError) failed.push(textOf(result));
    }
  });
  try {
    for (let round = 0; round < 10; round++) {
      server.write({ ...limited, plugins: [{ pool: { connections_max: 4, connections_min: 4, queue_max: 50 + round } }, 'guard', 'query'] });
      const done = await runBeside(['reload', '-c', server.file]);
      assert.equal(done.code, 0, done.err);
      const goal = answered + 50;
      await until('the new pool answers', () => answered > goal);
    }
    stop = true;
    await Promise.all(load);
    assert.deepEqual(failed, []);
  } finally {
    stop = true;
    await Promise.allSettled(load);
    assert.equal((await server.stop()).code, 0);
    psql(`drop role ${role}`);
  }
  assert.doesNotMatch(server.log(), /53300|cannot be reached/);
});

test('a call that began before a reload ends with what it began with', async () => {
  const pipe = startStdio();
  await pipe.request(0, 'initialize', initialize('2025-11-25'));
  pipe.send({ id: 'long', method: 'tools/call', params: { name: 'query', arguments: { sql: 'select i, md5(i::text) from generate_series(1, 60000) i', max_rows: 60000 } } });
  const mark = `before the reload ${process.pid}`;
  pipe.send({ id: 'slow', method: 'tools/call', params: { name: 'query',
    arguments: { sql: `select count(*) /* ${mark} */ from generate_series(1, 3000) a, generate_series(1, 10000) b` } } });
  await until('it runs', () => psql(`select count(*) from pg_stat_activity where query like '%${mark}%' and pid <> pg_backend_pid()`) !== '0');
  pipe.write({ plugins: [{ pool: { connections_max: 3 } }, 'guard', { query: { rows_max: 5 } }] });
  assert.equal(run(['reload', '-c', pipe.file]).code, 0);
  const [slow, long] = await Promise.all(['slow', 'long'].map((id) => pipe.next((message) => message.id === id)));
  assert.deepEqual(JSON.parse(textOf(slow.result)).rows, [[30000000]]);
  assert.ok(!long.result.isError, textOf(long.result).slice(0, 500));
  assert.equal(JSON.parse(textOf(long.result)).row_count, 10000);  // the pool's rows_max
  const { result } = await pipe.request('after', 'tools/call', { name: 'query', arguments: { sql: 'select * from generate_series(1, 100)' } });
  assert.equal(result.structuredContent.row_count, 5);
  assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
});

test('SIGHUP reloads as the command does', async () => {
  const server = await startServer();
  try {
    server.write({ plugins: ['pool', 'guard', 'query'] });
    server.child.kill('SIGHUP');
    await until('the tools are three', async () => (await toolsOf(server)).length === 3);
    await server.logs(/info reload: generation \d+:\s+- schema/);
  } finally {
    assert.equal((await server.stop()).code, 0);
  }
});

test('a reload that cannot work changes nothing', async () => {
  const server = await startServer();
  try {
    const before = run(['plugin', 'list', '-c', server.file]).out;
    server.write({ plugins: ['pool', 'guard', { query: { rows_max: 0 } }] });
    const done = run(['reload', '-c', server.file]);
    assert.notEqual(done.code, 0);
    assert.match(done.err, /rows_max/);
    assert.equal(run(['plugin', 'list', '-c', server.file]).out, before);
    assert.ok(!(await callTool(server.url, 'query', { sql: 'select 1' })).isError);
  } finally {
    assert.equal((await server.stop()).code, 0);
  }
});

test('a reload that drops the guard closes the database and says so; one that brings it back opens it', async () => {
  const server = await startServer();
  try {
    const refused = /queries to database "main" are refused: no plugin of stage guard with mode: enforce judges them/;
    server.write({ plugins: ['pool', 'query', 'schema'] });
    const dropped = run(['reload', '-c', server.file]);
    assert.equal(dropped.code, 0, dropped.err);
    assert.match(dropped.out, /- guard/);
    assert.match(dropped.out, refused);
    assert.match(run(['plugin', 'list', '-c', server.file]).out, refused);
    await server.logs(refused);
    const result = await callTool(server.url, 'query', { sql: "select pg_read_file('/etc/hostname')" });
    assert.ok(result.isError);
    assert.match(textOf(result), refused);
    server.write({});
    assert.match(run(['reload', '-c', server.file]).out, /queries to database "main" are let in again/);
    assert.ok(!(await callTool(server.url, 'query', { sql: 'select 1' })).isError);
  } finally {
    assert.equal((await server.stop()).code, 0);
  }
});
