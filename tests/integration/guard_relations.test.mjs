// What an answer depends on and what a write reaches, by the catalogs of PostgreSQL 13 to 18.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { majors, pinnedServer, startCluster } from './cluster.mjs';
import { callTool, program, psql, startServer, textOf, until } from './support.mjs';

const teller = { factsteller: { library: join(dirname(program), 'tests/test_plugins/factsteller') } };
const kSchema = `
  create table books (id int primary key, title text, author int, added timestamptz default now());
  create table authors (id int primary key, name text);
  create view shelf as select b.title, a.name from books b join authors a on a.id = b.author;
  create view shelf_of_shelf as select lower(title) as title, added::date as day from shelf, lateral (select now() at time zone 'UTC' as added where false) n;
  create view recent as select * from books where added > current_date - 7;
  create view by_text as select * from books where added > (title || '')::timestamptz;
  create view named as select relname from pg_class;
  create materialized view counted as select count(*) from books;
  create table tenants (id int, name text); alter table tenants enable row level security;
  create policy own on tenants for select using (name = current_setting('app.tenant', true) and id in (select author from books));
  create table members (id int primary key);
  create table loans (id int primary key, member int references members on delete cascade);
  create table fines (loan int references loans on update cascade on delete set null);
  create table kept (member int references members);
  create table events (at date, what text) partition by range (at);
  create table events_1 partition of events for values from ('2026-01-01') to ('2026-02-01');
  create table log (line text);
  create function note() returns trigger language plpgsql as 'begin insert into log values (tg_op); return null; end';
  create table logged (i int); create trigger t after insert on logged for each row execute function note();
  create table branch (i int) partition by list (i); create table branch_1 partition of branch for values in (1);
  create trigger t after insert on branch_1 for each row execute function note();
  create table ruled (i int); create rule r as on insert to ruled do also insert into log values ('r');
  create function noted() returns int language plpgsql as 'begin insert into log values (''d''); return 1; end';
  create table defaulted (i int default noted());
  create table checked (i int check (noted() > 0));
  create table parent (i int); create table child () inherits (parent);
  create sequence ids; create table numbered (i int default nextval('ids'), u text default md5(random()::text));
  create view books_to_write as select id, title from books;
  create view sampled as select title from books tablesample system (50) repeatable (1);
  create view listed as select title from books where title in ('a', 'b');
  create view of_texts as select (array[title])::timestamptz[] as at from books;
  create function told(bigint, int) returns bigint language plpgsql stable as 'begin return $1 + extract(epoch from now())::bigint; end';
  create aggregate telling(int) (sfunc = told, stype = bigint, initcond = '0');
  create function added(bigint, int) returns bigint language sql immutable as 'select $1 + $2';
  create aggregate adding(int) (sfunc = added, stype = bigint, initcond = '0');
  create function noting_step(bigint, int) returns bigint language plpgsql as 'begin insert into log values (''a''); return $1; end';
  create aggregate noting(int) (sfunc = noting_step, stype = bigint, initcond = '0');
  create view noting_view as select noting(id) from books;
  create view noted_view as select noted() as n;
  create domain lately as date check (value <= current_date);
  create type span as (first lately, last lately);
  create table dated (d lately); create table dated_lists (d lately[]); create table spans (s span);
  create function of_lately(lately) returns int language sql immutable as 'select 1';
  create domain state as varchar(9) check (value in ('new', 'old')); create table states (s state);
  create domain noted_number as int default noted(); create table noted_numbers (n noted_number, i int);
  create table guarded (i int); create policy w on guarded for insert with check (i in (select n from noted_view));
  create function since(int default noted()) returns int language sql immutable as 'select $1';
  create table large (i int, o oid default lo_create(0));
  create schema acme; create table acme.authors (id int);
  create table tasks (i int); create view acme.tasks as select now() as i;
  create table posts (i int); create table acme.posts (i int); create trigger t after insert on acme.posts for each row execute function note();
  create function doubled(int) returns int language sql immutable as 'select 2 * $1'; create function acme.doubled(int) returns int language sql stable as 'select 2 * $1';`;

test('another plugin gets the pattern of a text, also of a long one, which a thread of the guard reads', async () => {
  const server = await startServer({ plugins: ['pool', 'guard', 'query', teller] });
  const patternOf = async (sql) => textOf(await callTool(server.url, 'pattern_of', { sql }));
  assert.equal(await patternOf("select 'Ada', 7"), 'select $1, $2');
  assert.equal(await patternOf(`select '${'x'.repeat(8000)}', 7`), 'select $1, $2');
  assert.match(await patternOf(`select '${'x'.repeat(8000)}', from`), /does not parse/);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

for (const major of majors) {
  const { skip } = pinnedServer(major);
  describe(`PostgreSQL ${major}`, { skip }, () => {
    let cluster;
    let server;
    before(async () => {
      cluster = startCluster('--major', `${major}`, '--database', 'library');
      psql(`${kSchema} create role reader login; grant select on all tables in schema public to reader; grant select on all sequences in schema public to reader; grant usage on schema acme to reader; grant select on all tables in schema acme to reader`, cluster.dsn);
      const reader = cluster.dsn.replace('postgres@', 'reader@');
      const guard = { guard: { functions_allowed: ['told', 'added', 'doubled', 'acme.doubled', 'of_lately'] } };
      server = await startServer({ plugins: ['pool', guard, 'query', teller], databases: `  main: { dsn: "${reader}" }\n  writing: { dsn: "${cluster.dsn}", access: read_write }` });
    });
    after(async () => {
      if (server) assert.deepEqual(await server.stop(), { code: 0, signal: null });
      cluster?.remove();
    });
    const names = (oids) => (oids.length === 0 ? [] : psql(`select oid::regclass::text collate "C" from pg_class where oid in (${oids}) order by 1`, cluster.dsn).split('\n'));
    const told = async () => JSON.parse(textOf(await callTool(server.url, 'last_facts', {})));
    const run = async (tool, sql, database) => {
      const result = await callTool(server.url, tool, { sql, database });
      assert.ok(!result.isError, `${sql}: ${textOf(result)}`);
      return told();
    };
    const read = (sql) => run('query', sql, 'main');
    // A write does not wait for the catalog; a read before it has.
    const write = async (sql) => {
      await run('query', 'select 1', 'writing');
      const facts = await run('execute', sql, 'writing');
      assert.notEqual(facts.schema_version, '0', sql);
      return facts;
    };

    test('a read tells the tables behind it', async () => {
      const cases = {
        'select title from books where id = 1': ['books'],
        'select * from shelf': ['authors', 'books'],
        'select * from listed': ['books'],
        'select adding(id), public.doubled(1) from books': ['books'],
        'select * from authors': ['acme.authors', 'authors'],
        'select * from acme.authors': ['acme.authors'],
        'select * from public.tasks': ['tasks'],
        'select * from states': ['states'],
        'select * from noted_numbers': ['noted_numbers'],
        'select * from guarded': ['guarded'],
        'select * from tenants': ['books', 'tenants'],
        'select * from counted': ['counted'],
        'select * from events_1': ['events'],
        'select count(*) from events': ['events'],
        'select * from child': names([psql("select least('parent'::regclass::oid, 'child'::regclass::oid)", cluster.dsn)]),
        "select date_trunc('day', added)::date, count(*) from books group by 1": ['books'],
        'select 1': [],
      };
      for (const [sql, tables] of Object.entries(cases)) {
        const facts = await read(sql);
        assert.ok(facts.cacheable && !facts.reach_known, sql);
        assert.deepEqual(names(facts.relations), tables, sql);
      }
    });

    test('a read that follows the clock, a catalog or a text is not to be kept', async () => {
      for (const sql of ['select * from recent', 'select * from shelf_of_shelf', 'select * from named', 'select now()', 'select count(*) from pg_class', "select 'today'::date", 'select last_value from ids', 'select * from books tablesample system (50)', 'select * from books tablesample bernoulli (50) repeatable (1)', 'select * from sampled', 'select * from of_texts', 'select telling(id) from books', 'select doubled(1)', 'select * from tasks', 'select * from dated', 'select * from dated_lists', 'select * from spans', "select '2020-01-01'::lately", "select '{2020-01-01}'::lately[]", "select of_lately('2020-01-01')"])
        assert.ok(!(await read(sql)).cacheable, sql);
      const byText = await callTool(server.url, 'query', { sql: 'select * from by_text' });
      assert.ok(!byText.isError && !(await told()).cacheable);
    });

    test('a write tells what it can change', async () => {
      const cases = {
        "insert into authors select 2, 'Ada' where false": ['acme.authors', 'authors'],
        "insert into public.authors select 2, 'Ada' where false": ['authors'],
        'insert into public.posts select 2 where false': ['posts'],
        'insert into states select null where false': ['states'],
        'insert into members select 2 where false': ['fines', 'loans', 'members'],
        'delete from loans': ['fines', 'loans'],
        'delete from kept': ['kept'],
        "insert into events select '2026-01-05', 'x' where false": ['events'],
        "update events_1 set what = 'y'": ['events'],
        'insert into numbered default values': ['numbered'],
        "update books_to_write set title = 'x' where id = 0": ['books'],
      };
      for (const [sql, tables] of Object.entries(cases)) {
        const facts = await write(sql);
        assert.ok(facts.reach_known && !facts.cacheable, sql);
        assert.deepEqual(names(facts.relations), tables, sql);
      }
    });

    test('a write that runs code of its own may change anything', async () => {
      for (const sql of ['insert into dated values (current_date)', 'insert into dated_lists select null where false', 'insert into spans select null where false', 'insert into noted_numbers (i) values (1)', 'insert into guarded select 1 where false', 'insert into kept select noting(id) from books having false', 'insert into kept select noting from noting_view where false', 'insert into kept select n from noted_view where false', 'insert into kept select since() where false', 'insert into large (i) select 1 where false', 'insert into posts select 1 where false', 'insert into logged values (1)', 'insert into branch values (1)', 'update branch_1 set i = 1 where false', 'insert into ruled values (1)', 'insert into defaulted default values', 'insert into checked values (1)', 'select noted()', 'truncate log'])
        assert.ok(!(await write(sql)).reach_known, sql);
    });

    test('writes that give random values do not make the catalog be read again', async () => {
      await run('query', 'select 1', 'writing');
      for (let i = 0; i < 3; ++i) {
        const facts = await run('execute', 'update numbered set u = md5(random()::text)', 'writing');
        assert.ok(facts.reach_known && facts.schema_version !== '0', `write ${i}`);
      }
    });

    test('another definition, another version; the same after a restart', async () => {
      const before = (await read('select * from shelf')).schema_version;
      assert.notEqual(before, '0');
      assert.equal((await read('select * from books')).schema_version, before);
      psql('create trigger t after insert on kept for each row execute function note()', cluster.dsn);
      await until('a new version', async () => (await read('select * from shelf')).schema_version !== before);
      await until('the trigger is seen', async () => !(await write('insert into kept select 1 where false')).reach_known);
      const after = (await read('select * from shelf')).schema_version;
      const again = await startServer({ plugins: ['pool', 'guard', 'query', teller], databases: `  main: { dsn: "${cluster.dsn.replace('postgres@', 'reader@')}" }` });
      assert.ok(!(await callTool(again.url, 'query', { sql: 'select * from shelf' })).isError);
      assert.equal(JSON.parse(textOf(await callTool(again.url, 'last_facts', {}))).schema_version, after);
      assert.deepEqual(await again.stop(), { code: 0, signal: null });
    });

    test('a type that writes makes the reach of its tables unknown, a domain of such a check that of all', async () => {
      const isKnown = async (sql) => (await write(sql)).reach_known;
      psql(`create type noisy; create function noisy_in(cstring) returns noisy language internal volatile strict as 'int4in'; create function noisy_out(noisy) returns cstring language internal immutable strict as 'int4out';
        create type noisy (input = noisy_in, output = noisy_out, like = int4); create table noise (n noisy)`, cluster.dsn);
      await until('the type is seen', async () => (await run('query', 'select count(*) from noise', 'writing')).schema_version !== '0' && !(await isKnown('insert into noise select null where false')));
      assert.ok(await isKnown('insert into public.posts select 1 where false'));
      psql('create domain checked_number as int check (noted() > value)', cluster.dsn);
      await until('the domain is seen', async () => !(await isKnown('insert into public.posts select 1 where false')));
    });
  });
}
