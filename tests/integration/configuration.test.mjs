// What a configuration says is what is served: `config check` and `serve` refuse alike, and nobody is served unguarded
// who has not asked for it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { callTool, config, dsn, inFolder, modern, program, run, startServer } from './support.mjs';

const place = inFolder();
const file = join(place.folder, 'howdah.yaml');
const write = (text) => writeFileSync(file, text);
before(() => write(config({ folder: place.folder })));
after(() => place.remove());

test('config check refuses what serve refuses, with the same words', () => {
  const cases = [
    [{ plugins: ['pool', 'guard', { query: { run: 'process' } }] }, /plugin "query" would run in a process of its own, which this version does not do yet/],
    [{ plugins: ['pool', { guard: { run: 'process' } }, 'query'] }, /plugin "guard" would run in a process of its own/],
    [{ extra: 'tools: { include: [qery] }' }, /howdah\.yaml:\d+:\d+: tools\.include\.0: no plugin has a tool "qery", did you mean "query"/],
    [{ extra: 'tools: { exclude: [qery] }' }, /tools\.exclude\.0: no plugin has a tool "qery"/],
    [{ extra: 'services: { howdah.sql/1: guard }' }, /services\.howdah\.sql\/1: plugin "guard" is not configured or does not offer it; it is offered by pool/],
    [{ databases: '  main: { source: embedded }' }, /databases\.main\.source: plugin "embedded" is not listed under plugins:/],
    [{ databases: '  main: { source: guard }' }, /databases\.main\.source: plugin "guard" does not offer howdah\.source\/1/],
  ];
  for (const [options, expected] of cases) {
    write(config({ folder: place.folder, ...options }));
    for (const command of ['check', 'serve']) {
      const done = run(command === 'serve' ? ['serve', '-c', file] : ['config', 'check', '-c', file], { input: '', timeout: 20000 });
      assert.equal(done.code, 3, `${command}: ${done.err}`);
      assert.match(done.err, expected);
      assert.equal(done.out, '');
    }
  }
  write(config({ folder: place.folder }));
});

test('tools.profile and include say what is listed, exclude also what is callable', async () => {
  const fixture = { fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } };
  const kExtra = 'test_wrong_output';  // of the profile extra
  const all = JSON.parse(readFileSync(join(fixture.fixture.library, 'plugin.json'), 'utf8')).tools.map(({ name }) => name);
  const core = all.filter((name) => name !== kExtra);
  const ours = ['execute', 'query', 'query_more'];
  for (const [tools, listed, gone] of [
    [{}, [...ours, ...core], []],
    [{ include: [kExtra] }, [...ours, ...all], []],
    [{ profile: 'extra' }, [kExtra], []],
    [{ profile: 'extra', include: ['query'] }, ['query', kExtra], []],
    [{ profile: 'all' }, [...ours, ...all], []],
    [{ profile: 'all', include: ['query'], exclude: ['query', kExtra] }, ['execute', 'query_more', ...core], ['query', kExtra]],
  ]) {
    const server = await startServer({ plugins: ['pool', 'guard', 'query', fixture], extra: `tools: ${JSON.stringify(tools)}` });
    const said = JSON.stringify(tools);
    const { json } = await modern(server.url, 'tools/list');
    assert.deepEqual(json.result.tools.map(({ name }) => name), listed.toSorted(), said);
    for (const [name, args] of [['query', { sql: 'select 1' }], [kExtra, {}]]) {
      const call = callTool(server.url, name, args);
      if (gone.includes(name)) await assert.rejects(call, { message: new RegExp(`^unknown tool "${name}"`) }, said);
      else assert.ok((await call).content.length > 0, said);
    }
    await server.stop();
  }
});

const unguarded = /queries to database "main" are refused: no plugin of stage guard with mode: enforce judges them/;
test('without a guard that enforces, queries of clients are refused; schema tools, whose text is their own, work on', () => {
  for (const plugins of [['pool', 'query', 'schema'], ['pool', { guard: { mode: 'audit' } }, 'query', 'schema']]) {
    write(config({ folder: place.folder, plugins }));
    for (const database of ['main', 'notes']) {  // restricted, read_write
      const done = run(['call', '-c', file, 'query', "sql=select pg_read_file('/etc/hostname')", `database=${database}`]);
      assert.equal(done.code, 5, done.out);
      assert.match(done.out, new RegExp(unguarded.source.replace('main', database)));
      assert.match(done.out, new RegExp(`databases\\.${database}\\.allow_unguarded: true`));
    }
    assert.equal(run(['call', '-c', file, 'list_tables']).code, 0);
    const checked = run(['config', 'check', '-c', file]);
    assert.equal(checked.code, 0);
    assert.match(checked.err, /warning: .*howdah\.yaml:\d+:\d+: databases\.main: queries of clients will be refused: no plugin of stage guard/);
    const doctor = run(['doctor', '-c', file]);
    assert.equal(doctor.code, 3);
    assert.match(doctor.out, /refused: every query of a client: no plugin of stage guard with mode: enforce judges them\n.*-> list one under plugins:, or write databases\.main\.allow_unguarded: true/);
  }
  const allowed = `  main: { dsn: "${dsn}", allow_unguarded: true }`;
  write(config({ folder: place.folder, plugins: ['pool', 'query'], databases: allowed }));
  assert.equal(run(['call', '-c', file, 'query', 'sql=select 1']).code, 0);
  assert.match(run(['config', 'check', '-c', file]).err, /warning: .*databases\.main: queries of clients pass unjudged/);
  const doctor = run(['doctor', '-c', file]);
  assert.equal(doctor.code, 0, doctor.out);
  assert.match(doctor.out, /warning: queries of clients pass unjudged: allow_unguarded is true/);
  write(config({ folder: place.folder }));
});
