// T16 and T17: one record for each call, chained and sealed for its tenant, there after kill -9; whoever changes one is found out.
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { asLogin, callAs, load, markOf, refusedAs, rowsAs, setup, tenants, tokenFile } from './multi_tenant_support.mjs';
import { inFolder, run, runBeside, startServer, until } from './support.mjs';

const keys = inFolder();
const keyFile = join(keys.folder, 'keys');
const writeKeys = (...lines) => {
  writeFileSync(keyFile, `${lines.join('\n')}\n`);
  chmodSync(keyFile, 0o600);
};
const kFirst = `k1 ${'1a'.repeat(32)}`;
const kSecond = `k2 ${'2b'.repeat(32)}`;
let cluster;
let place;
let server;

const plugins = (audit = {}) => ['pool', { auth: { token_file: tokenFile(keys.folder) } },
  { multi_tenant: { model: 'shared', role: 'app', operators: ['token:ops'], audit: { key_file: keyFile, ...audit } } }, 'guard', 'query'];
const options = (audit) => ({ http: '', privileged: false, databases: `  main: { dsn: "${asLogin(cluster)}" }`, plugins: plugins(audit) });
const folderOf = (tenant, of = server) => join(of.folder, 'state/plugins/multi_tenant/audit', tenant);
const logOf = (tenant) => readFileSync(join(folderOf(tenant), 'audit.jsonl'), 'utf8');
const verified = async (tenant, args = {}, of = server) => {
  const result = await callAs(of.url, 'ops', 'tenant_audit', { tenant, ...args });
  assert.ok(!result.isError, JSON.stringify(result));
  return result.structuredContent;
};

before(async () => {
  writeKeys(kFirst);
  cluster = startCluster();
  load(setup, cluster.dsn);
  place = inFolder();
  server = await startServer({ ...options(), place });
});
after(async () => {
  if (server) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  cluster?.remove();
  keys.remove();
});

test('T17 one record for each call of a tenant, refused and failed ones too, and none of an operator', async () => {
  await rowsAs(server.url, 't0', 'select note from notes where id = $1', { params: [7] });
  await refusedAs(server.url, 't0', 'drop table notes');
  await refusedAs(server.url, 't0', 'select nope from notes');
  await refusedAs(server.url, 't0', 'select 1', { database: 'other' });
  await rowsAs(server.url, 'ops', 'select 1');
  const said = await verified('t0', { last: 10 });
  assert.deepEqual([said.sound, said.first, said.last], [true, 1, 4]);
  assert.deepEqual(said.newest.map(({ outcome, rule, sqlstate, code }) => [outcome, rule ?? sqlstate ?? code]),
    [['ok', undefined], ['error', 'schema-change'], ['error', '42703'], ['error', 'not_found']]);
  const [first] = said.newest;
  assert.deepEqual([first.subject, first.kind, first.name, first.statements.length], ['token:t0', 'tool', 'query', 1]);
  assert.deepEqual([first.statements[0].sql, first.statements[0].values, first.statements[0].database], ['select note from notes where id = $1', 1, 'main']);
  assert.ok(!existsSync(folderOf('ops')));
});

test('T16 what lies on the disk shows no statement and no row, and only its owner may read it', async () => {
  await rowsAs(server.url, 't1', `select note, '${markOf('t1')} in a text' from notes`);
  assert.doesNotMatch(logOf('t1'), /select|mark-|notes/);
  for (const name of readdirSync(folderOf('t1'))) assert.equal(statSync(join(folderOf('t1'), name)).mode & 0o777, 0o600, name);
  for (const folder of [folderOf('t1'), join(folderOf('t1'), '..')]) assert.equal(statSync(folder).mode & 0o777, 0o700);
});

test('T17 a record that is changed, removed, put in or another tenant\'s is found and named', async () => {
  for (let i = 0; i < 5; i++) await rowsAs(server.url, 't2', `select ${i}`);
  await rowsAs(server.url, 't3', 'select 3');
  const sound = logOf('t2');
  const lines = sound.trimEnd().split('\n');
  assert.equal(lines.length, 5);
  const said = async (changed) => {
    writeFileSync(join(folderOf('t2'), 'audit.jsonl'), `${changed.join('\n')}\n`);
    const { sound: whole, broken_record: record } = await verified('t2');
    return whole ? 'sound' : record;
  };
  assert.equal(await said(lines), 'sound');
  for (let i = 0; i < 5; i++) assert.equal(await said(lines.toSpliced(i, 1)), i + 1, `without line ${i + 1}`);
  assert.equal(await said(lines.slice(0, 3)), 4);
  assert.equal(await said(lines.with(2, lines[2].replace('"at":"2', '"at":"1'))), 3);
  assert.equal(await said(lines.with(2, lines[2].replace(/"body":"./, (start) => `"body":"${start.endsWith('x') ? 'y' : 'x'}`))), 3);
  assert.equal(await said(lines.toSpliced(2, 0, lines[1])), 3);
  assert.equal(await said(lines.with(0, logOf('t3').trimEnd())), 1);
  // While it is broken the tenant is not served: what follows could not be trusted.
  await said(lines.slice(0, 3));
  for (let i = 0; i < 2; i++) assert.match(await refusedAs(server.url, 't2', 'select 1'), /audit-broken/, 'the first call as well');
  assert.ok(!(await callAs(server.url, 't3', 'query', { sql: 'select 1' })).isError, 'others are');
  writeFileSync(join(folderOf('t2'), 'audit.jsonl'), sound);
  assert.deepEqual(await rowsAs(server.url, 't2', 'select 2'), [[2]]);
  const after_ = await verified('t2', { last: 2 });
  assert.equal(after_.sound, true);
  assert.equal(after_.newest[0].lost_before, 2, 'the gap is told');
});

test('T17 a log that is gone, emptied or put back from an older copy is missed, also by the first call after a reload', async () => {
  for (let i = 0; i < 3; i++) await rowsAs(server.url, 't3', `select ${i}`);
  const file = join(folderOf('t3'), 'audit.jsonl');
  const head = join(folderOf('t3'), 'head');
  const [whole, wholeHead] = [readFileSync(file), readFileSync(head)];
  const missed = async (what) => {
    const said = await verified('t3');
    assert.equal(said.sound, false);
    assert.match(said.problem, what);
    assert.match(await refusedAs(server.url, 't3', 'select 1'), /audit-broken/);
  };
  rmSync(file);
  await missed(/no log where one was/);
  // Another instance, which knows nothing of the calls before it.
  server.write(options({ statement_bytes_max: 2047 }));
  assert.equal((await runBeside(['reload', '-c', server.file])).code, 0);
  await missed(/no log where one was/);
  writeFileSync(file, '', { mode: 0o600 });
  await missed(/no log where one was/);
  writeFileSync(file, whole);
  await rowsAs(server.url, 't3', 'select 4');
  writeFileSync(file, whole);
  writeFileSync(head, wholeHead);
  await missed(/an older log was put back/);
  assert.equal((await verified('t0')).sound, true, 'others are as they were');
  const folder = folderOf('t3');
  renameSync(folder, `${folder}.evidence`);
  await missed(/no log where one was/);
  // Both moved away, as the refusal says: a new log.
  renameSync(`${folder}.mark`, `${folder}.evidence.mark`);
  await rowsAs(server.url, 't3', 'select 5');
  assert.deepEqual((({ sound, first }) => [sound, first])(await verified('t3')), [true, 1]);
  server.write(options());
  assert.equal((await runBeside(['reload', '-c', server.file])).code, 0);
});

test('T10 a tenant reads its own log; another\'s is as if it were not there', async () => {
  const own = await callAs(server.url, 't0', 'tenant_audit', { last: 1 });
  assert.equal(own.structuredContent.tenant, 't0');
  const words = async (tenant) => JSON.stringify(await callAs(server.url, 't0', 'tenant_audit', { tenant })).replaceAll(tenant, 'X');
  assert.equal(await words('t1'), await words('t9'));
});

test('T17 every call that was answered before kill -9 is in the log, and the chain goes on', async () => {
  const answered = Object.fromEntries(tenants.map((tenant) => [tenant, 0]));
  const had = {};
  for (const tenant of tenants) had[tenant] = existsSync(folderOf(tenant)) ? (await verified(tenant)).last : 0;
  let stop = false;
  const callers = tenants.flatMap((tenant) => [0, 1].map(async () => {
    while (!stop) {
      try {
        await rowsAs(server.url, tenant, 'select count(*) from notes');
        answered[tenant]++;
      } catch {
        return;  // the server is gone
      }
    }
  }));
  await until('all are at work', () => tenants.every((tenant) => answered[tenant] > 5));
  server.child.kill('SIGKILL');
  await server.exited;
  stop = true;
  await Promise.all(callers);
  server = await startServer({ ...options(), place });
  for (const tenant of tenants) {
    await rowsAs(server.url, tenant, 'select 1');
    const { sound, last, problem } = await verified(tenant);
    assert.equal(sound, true, problem);
    assert.ok(last >= had[tenant] + answered[tenant] + 1, `${tenant}: ${last} records for ${had[tenant]} + ${answered[tenant]} + 1 calls`);
  }
  const total = Object.values(answered).reduce((a, b) => a + b);
  console.log(`figure: T17, kill -9 under load: ${total} calls answered, none without its record`);
});

test('T16 keys rotate without a pause; a record whose key is taken out is not read any more', async () => {
  let stop = false;
  let calls = 0;
  const load_ = ['t4', 't5'].map(async (tenant) => { while (!stop) { await rowsAs(server.url, tenant, 'select 1'); calls++; } });
  writeKeys(kSecond, kFirst);
  server.write({ ...options({ statement_bytes_max: 0 }) });
  const done = await runBeside(['reload', '-c', server.file]);
  assert.equal(done.code, 0, done.err);
  const seen = calls;
  await until('calls go on', () => calls > seen + 10);
  stop = true;
  await Promise.all(load_);
  const { sound, newest } = await verified('t4', { last: 1 });
  assert.equal(sound, true);
  assert.equal(newest[0].statements[0].sql, undefined);
  assert.match(logOf('t4').trimEnd().split('\n').at(-1), /"key":"k2"/);
  writeKeys(kSecond);
  server.write(options({}));
  assert.equal((await runBeside(['reload', '-c', server.file])).code, 0);
  const gone = await verified('t4');
  assert.deepEqual([gone.sound, gone.broken_record], [false, 1]);
  assert.match(gone.problem, /its key k1 is not in the key file/);
  writeKeys(kSecond, kFirst);
  server.write(options({ statement_bytes_max: 1 }));
  assert.equal((await runBeside(['reload', '-c', server.file])).code, 0);
  assert.equal((await verified('t4')).sound, true);
});

test('T16 without its salt a tenant\'s log can be opened by nobody', async () => {
  await rowsAs(server.url, 't6', 'select 6');
  rmSync(join(folderOf('t6'), 'salt'));
  const result = await callAs(server.url, 'ops', 'tenant_audit', { tenant: 't6', last: 5 });
  assert.ok(result.isError);
  assert.match(JSON.stringify(result), /its salt is gone/);
});

test('a full log refuses the tenant\'s calls until it is moved away, and the chain goes on behind it', async () => {
  const other = await startServer(options({ bytes_max: 1048576 }));
  try {
    await rowsAs(other.url, 't7', 'select 7');
    const file = join(folderOf('t7', other), 'audit.jsonl');
    // Filled up by real calls with long statements, so that the chain is whole.
    const long = `select 1 /* ${'x'.repeat(2000)} */`;
    let refused;
    for (let i = 0; i < 800 && !refused; i++) {
      const result = await callAs(other.url, 't7', 'query', { sql: long });
      if (result.isError) refused = JSON.stringify(result);
    }
    assert.match(refused, /audit-full/);
    const { last } = await verified('t7', {}, other);
    renameSync(file, `${file}.2026`);
    await rowsAs(other.url, 't7', 'select 7');
    const said = await verified('t7', {}, other);
    assert.deepEqual([said.sound, said.first], [true, last + 1]);
    assert.match(said.note, /moved away/);
  } finally {
    await other.stop();
  }
});

test('a key file that is missing or open to others stops the start with what to do', () => {
  const file = join(keys.folder, 'howdah.yaml');
  const started = (path) => {
    writeFileSync(file, `howdah: 1\ndatabases: { main: { dsn: "${asLogin(cluster)}" } }\nstate_dir: ${keys.folder}/state\nplugins: ${JSON.stringify([
      'pool', { multi_tenant: { model: 'shared', audit: { key_file: path } } }, 'guard', 'query'])}\n`);
    return run(['doctor', '-c', file]);
  };
  const missing = started(join(keys.folder, 'none'));
  assert.match(missing.out + missing.err, /there is no key file .*openssl rand -hex 32/s);
  const open = join(keys.folder, 'open');
  appendFileSync(open, `${kFirst}\n`);
  chmodSync(open, 0o644);
  assert.match(((said) => said.out + said.err)(started(open)), /open to others than its owner: chmod 600/);
});
