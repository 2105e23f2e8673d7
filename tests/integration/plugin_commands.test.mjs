// Commands that plugins bring: `howdah tenant ...` of multi_tenant, from nothing to a tenant that works.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';

import { config, dsn, inFolder, madeDatabase, program, psql, run } from './support.mjs';

const place = inFolder();
const empty = join(place.folder, 'empty.sql');
writeFileSync(empty, 'create table public.everybody (n int);');
const database = madeDatabase(empty);
after(() => {
  database.drop();
  place.remove();
});
const written = (name, plugins, extra = '') => {
  const file = join(place.folder, name);
  writeFileSync(file, config({ folder: place.folder, databases: `  main: { dsn: "${database.dsn}" }`, plugins, extra }));
  return file;
};
const file = written('howdah.yaml', ['pool', { multi_tenant: { model: 'schema', operators: ['local'] } }, 'guard', 'query']);
const tenant = (...words) => run(['tenant', ...words, '-c', file]);

test('a tenant is listed once the SQL that create printed has been run', () => {
  const before = tenant('list');
  assert.equal(before.code, 0, before.err);
  assert.deepEqual(JSON.parse(before.out), []);
  const created = tenant('create', 'tenant=commanded');
  assert.equal(created.code, 0, created.err);
  assert.match(created.out, /^create role /im);
  psql(created.out, database.dsn);
  try {
    assert.deepEqual(JSON.parse(tenant('list').out).map((one) => one.tenant), ['commanded']);
  } finally {
    psql('drop owned by tenant_commanded; drop schema if exists tenant_commanded cascade; drop role tenant_commanded', database.dsn);
  }
});

test('check prints its findings, --json the whole result', () => {
  assert.match(tenant('check').out, /"findings"/);
  assert.equal(typeof JSON.parse(tenant('check', '--json').out).structuredContent.critical, 'number');
});

test('what is wrong is said as for the program\'s own commands', () => {
  const cases = [
    [['tenant'], 2, /a command is missing after howdah tenant\n.*commands: list, create, check, audit/],
    [['tenant', 'crate', '-c', file], 2, /no command "crate" after howdah tenant, did you mean "create"\?/],
    [['tennant', 'list', '-c', file], 2, /no command "tennant", did you mean "tenant"\?/],
    [['tenant', 'create', '-c', file, 'tenant=Capital'], 5, /^$/],
    [['tenant', 'list', '-c', written('without.yaml', ['pool', 'guard', 'query'])], 2, /no command "tenant"/],
    [['tenant', 'list', '-c', '/nope.yaml'], 3, /cannot read \/nope\.yaml[^]*name the file that is meant with -c[^]*tenant is no command of the program itself/],
    [['tenant', 'list', '-c/nope.yaml'], 3, /cannot read \/nope\.yaml/],
    [['tenant', '--help', '-c', '/nope.yaml'], 3, /cannot read \/nope\.yaml/],
    [['--help', '-c', '/nope.yaml'], 0, /cannot read \/nope\.yaml[^]*plugins' commands, which may be more, are not known/],
  ];
  for (const [args, code, expected] of cases) {
    const done = run(args, { env: { HOWDAH_CONFIG: file } });
    assert.equal(done.code, code, `${args.join(' ')}: ${done.out}${done.err}`);
    assert.match(done.err, expected);
  }
  // As from any tool: the answer says it.
  const lacking = tenant('create');
  assert.equal(lacking.code, 5);
  assert.match(lacking.out, /"tenant" is missing/);
});

test('--help names them, with the tools\' titles', () => {
  assert.match(run(['--help', '-c', file]).out, /^ +tenant +tenants: /m);
  assert.match(run(['tenant', '--help', '-c', file]).out, /list +List the tenants/);
});

test('a tool that the operator excludes is not called', () => {
  const done = run(['tenant', 'list', '-c', written('excluded.yaml', ['pool', { multi_tenant: { model: 'schema', operators: ['local'] } }, 'guard', 'query'], 'tools: { exclude: [tenant_list] }')]);
  assert.equal(done.code, 2, done.out);
  assert.match(done.err, /no tool "tenant_list"/);
});

test('a plugin cannot take a command of the program, and two cannot bring the same', () => {
  const installed = join(dirname(program), 'plugins', 'multi_tenant');
  const copy = (name, command) => {
    const folder = join(place.folder, name);
    mkdirSync(folder);
    cpSync(join(installed, 'multi_tenant.so'), join(folder, `${name}.so`));
    const manifest = JSON.parse(readFileSync(join(installed, 'plugin.json'), 'utf8'));
    writeFileSync(join(folder, 'plugin.json'), JSON.stringify({ ...manifest, id: name, commands: [{ ...manifest.commands[0], name: command }] }));
    chmodSync(folder, 0o700);
    return folder;
  };
  const shadowing = written('shadowing.yaml', ['pool', { other: { library: copy('other', 'config'), model: 'schema' } }, 'guard', 'query']);
  const help = run(['--help', '-c', shadowing]);
  assert.equal(help.code, 0, help.err);
  assert.match(help.out, /^ +config +the configuration/m);
  assert.match(run(['config', 'list', '-c', shadowing]).err, /no command "list" after howdah config/);
  const twice = written('twice.yaml', ['pool', { multi_tenant: { model: 'schema' } }, { second: { library: copy('second', 'tenant'), model: 'schema' } }, 'guard', 'query']);
  assert.match(run(['tenant', 'list', '-c', twice]).err, /plugins "multi_tenant" and "second" both bring the command "tenant"/);
  assert.match(run(['config', 'check', '-c', twice]).err, /both bring the command "tenant"/);
});
