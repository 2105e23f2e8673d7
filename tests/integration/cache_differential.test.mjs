// Random reads and writes through the server, each read compared with what PostgreSQL says at that moment: not one may differ.
// Lanes work at once, each on tables of its own, so that each knows what it must see; each principal sees other rows of them, by row
// security, so that an answer given to the wrong one is a wrong answer; between the rounds the server is stopped,
// killed, or killed with its file damaged. HOWDAH_CACHE_OPERATIONS=100000 is the long run, HOWDAH_CACHE_SEED repeats one.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { randomFrom } from '../support/random.mjs';
import { asText, call, read, session, startCached, statsOf, untilReady } from './cache_support.mjs';
import { inFolder, madeDatabase, psql, textOf, until } from './support.mjs';

const kOperations = Number(process.env.HOWDAH_CACHE_OPERATIONS ?? 5000);
const kSeed = Number(process.env.HOWDAH_CACHE_SEED ?? Math.floor(Math.random() * 2 ** 31));
const kLanes = 4;
const kRounds = 5;
// Tenants do not see the rows whose number ends, modulo 4, in theirs; the operator, who may change definitions, sees all.
const kRole = `cache_lanes_${process.pid}`;
const kTenants = [0, 1, 2].map((n) => ({ name: `n${n}`, line: `tenant=t${n}`, sees: `set role ${kRole}; set app.tenant_id = 't${n}'` }));
const kOperator = { name: 'ops', line: '', sees: 'reset role' };
const kPrincipals = [...kTenants, kOperator].map((who, i) => {
  const token = 'abcd'[i].repeat(30);
  return { ...who, token, headers: { Authorization: `Bearer ${token}` } };
});
const kOps = kPrincipals.at(-1).headers;

const schemaOf = (lane) => `
create schema l${lane};
set search_path = l${lane};
create table owner (id int primary key, n int not null);
create table pet (id int primary key, owner int not null references owner on delete cascade, n int not null);
create table noted (id int generated always as identity primary key, owner int not null, n int not null);
create function note() returns trigger language plpgsql as $$begin insert into l${lane}.noted(owner, n) values (new.id, new.n); return new; end$$;
create table account (id int primary key, n int not null);
create trigger noted after update on account for each row execute function note();
create table event (id int not null, part int not null, n int not null, primary key (id, part)) partition by list (part);
create table event_0 partition of event for values in (0);
create table event_1 partition of event for values in (1);
create view busy with (security_invoker = true) as select o.id, o.n, count(p.id) as pets from owner o left join pet p on p.owner = o.id group by o.id, o.n;
insert into owner select i, i from generate_series(1, 10) i;
insert into pet select i, i % 10 + 1, i from generate_series(1, 30) i;
insert into account select i, i from generate_series(1, 4) i;
insert into event select i, i % 2, i from generate_series(1, 10) i;
${['owner', 'pet', 'event', 'event_0', 'event_1'].map((table) => `alter table ${table} enable row level security;
create policy mine on ${table} using (id % 4 <> case current_setting('app.tenant_id', true) when 't0' then 0 when 't1' then 1 else 2 end);`).join('\n')}
grant usage on schema l${lane} to ${kRole};
grant select, insert, update, delete on all tables in schema l${lane} to ${kRole};`;

const readsOf = (lane, any) => [
  [`select id, n from l${lane}.owner order by id`],
  [`select id, n from l${lane}.owner where id = ${any(3) + 1}`],
  [`select id, owner, n from l${lane}.pet where owner = $1 order by id`, [any(3) + 1]],
  [`select count(*), sum(n) from l${lane}.pet`],
  [`select count(*), coalesce(sum(n), 0) from l${lane}.noted`],
  [`select id, n, pets from l${lane}.busy order by id`],
  [`select id, part, n from l${lane}.event order by id, part`],
  [`select id, n from l${lane}.event_${any(2)} order by id`],
  [`select o.id, p.id from l${lane}.owner o join l${lane}.pet p on p.owner = o.id where o.n > $1 order by 1, 2`, [any(3) + 1]],
  [`select 10 / (n - ${any(3) + 1}) from l${lane}.owner where id = ${any(3) + 1}`],
  [`select * from l${lane}.owner order by id limit ${1 + any(2)}`],
];
const writesOf = (lane, any) => [
  [`update l${lane}.owner set n = n + 1 where id = ${any(12)}`],
  [`update l${lane}.pet set n = $1 where owner = $2`, [any(100), any(12)]],
  [`insert into l${lane}.pet values (${any(1000)}, ${any(12)}, ${any(9)})`],  // may fail: no such owner, or there is one
  [`delete from l${lane}.owner where id = ${any(12)}`],
  [`insert into l${lane}.owner values ($1, $2) on conflict (id) do update set n = excluded.n`, [any(12), any(50)]],
  [`update l${lane}.event set n = n + 1, part = 1 - part where id = ${any(12)}`],
  [`update l${lane}.event_${any(2)} set n = n + 1`],
  [`with gone as (delete from l${lane}.pet where n = ${any(9)} returning id) insert into l${lane}.noted(owner, n) select id, 0 from gone`],
];
// What they reach is not known, so the whole database moves, for every lane: rare, or nothing would ever be a hit.
const broadWritesOf = (lane, any) => [
  [`update l${lane}.account set n = n + 1 where id = ${any(5)}`],
  [`alter table l${lane}.owner alter column n set default ${any(9)}`],
  [`truncate l${lane}.noted`],
];
const inlined = (sql, params = []) => params.reduce((text, value, at) => text.replaceAll(`$${at + 1}`, String(value)), sql);

let database;
const place = inFolder();
before(() => {
  const script = join(place.folder, 'lanes.sql');
  writeFileSync(script, [`create role ${kRole} nologin;`, ...Array.from({ length: kLanes }, (_, lane) => schemaOf(lane))].join('\n'));
  database = madeDatabase(script);
  writeFileSync(join(place.folder, 'tokens'), kPrincipals.map(({ token, name, line }) => `${token} name=${name} scopes=howdah:write ${line}\n`).join(''), { mode: 0o600 });
});
after(() => {
  database.drop();
  psql(`drop role ${kRole}`);
  place.remove();
});

const start = async () => {
  const server = await startCached(database.dsn, {}, {
    place: { folder: place.folder, remove: () => {} }, http: '', headers: true,
    plugins: [{ pool: { connections_max: 16 } }, { auth: { token_file: join(place.folder, 'tokens') } },
      { multi_tenant: { model: 'shared', role: kRole, databases: { main: 'main', writable: 'writable' }, operators: ['token:ops'] } }, 'guard', 'query',
      // Long enough that nothing is ever forgotten by its age alone; small enough that answers go to disk and come back.
      { cache: { ttl_ms: 3_600_000, unsettled_ms: 1000, l1: { entries_max: 20 }, l2: { entries_max: 64 }, l3: { enabled: true, read_ms: 1000 } } }],
  });
  await untilReady(server.url, kOps);
  return server;
};

const errorOf = (text) => text.match(/division by zero/)?.[0];

// One lane: one operation after the other, each read with what PostgreSQL says in its place.
async function lane(server, id, operations, seed, seen) {
  const random = randomFrom(seed);
  const any = (n) => Math.floor(random() * n);
  const beside = session(database.dsn);
  const recent = [];  // questions that are asked again, as clients do: else hardly any would be a hit
  const compare = async ({ sql, params, who, name }, i) => {
    const result = await call(server.url, 'query', { sql, ...(params && { params }), database: name }, who.headers);
    const expected = await beside.ask(`${who.sees}; ${inlined(sql, params)}`);
    seen.reads++;
    if (result.isError) assert.deepEqual([errorOf(textOf(result)), expected], ['division by zero', ''], textOf(result));
    else assert.equal(asText(result.structuredContent), expected, `lane ${id}, operation ${i} of seed ${seed}, ${who.name}: ${sql} ${params ?? ''}`);
  };
  try {
    for (let i = 0; i < operations; i++) {
      let who = kPrincipals[any(kPrincipals.length)];
      const name = random() < 0.5 ? 'main' : 'writable';
      const writes = random() < 0.1;
      const broad = writes && random() < 0.03;
      if (broad) who = kPrincipals.at(-1);  // tenants change no definitions
      const all = (!writes ? readsOf : broad ? broadWritesOf : writesOf)(id, any);
      const [sql, params] = all[any(all.length)];
      if (writes) {
        await call(server.url, 'execute', { sql, database: 'writable', ...(params && { params }) }, who.headers);
        seen.writes++;
        continue;
      }
      const again = recent.length > 0 && random() < 0.7;
      const question = again ? recent[any(recent.length)] : { sql, params, who, name };
      if (!again) recent.splice(recent.length < 6 ? recent.length : any(6), 1, question);
      await compare(question, i);
    }
  } finally {
    beside.end();
  }
}

const backends = () => psql("select count(*) from pg_stat_activity where datname = current_database() and application_name <> 'psql'", database.dsn);

// How a round ends. Killed, its writes may go on in the database for a moment: they are over before the next round begins.
const kEnds = [
  ['stopped', async (server) => { assert.equal((await server.stop()).code, 0); }],
  ['killed', async (server) => { server.child.kill('SIGKILL'); await server.exited; }],
  ['killed with a damaged file', async (server) => {
    server.child.kill('SIGKILL');
    await server.exited;
    const answers = join(place.folder, 'state/plugins/cache/answers.db');
    if (!existsSync(answers)) return;
    const bytes = readFileSync(answers);
    for (let at = 100; at < bytes.length; at += 211) bytes[at] ^= 0x11;
    writeFileSync(answers, bytes);
  }],
];

test('each principal sees other rows', async () => {
  const server = await start();
  const rows = await Promise.all(kPrincipals.map(({ headers }) => read(server.url, 'select id, n from l0.owner order by id', { headers })));
  assert.equal(new Set(rows).size, kPrincipals.length, JSON.stringify(rows));
  assert.equal((await server.stop()).code, 0);
});

test(`${kOperations} random operations of ${kLanes} lanes and ${kPrincipals.length} principals: no read differs from PostgreSQL`, { timeout: 3_600_000 }, async () => {
  const seen = { reads: 0, writes: 0, hits: 0, from_disk: 0 };
  for (let round = 0; round < kRounds; round++) {
    const server = await start();
    const share = Math.ceil(kOperations / kRounds / kLanes);
    await Promise.all(Array.from({ length: kLanes }, (_, id) => lane(server, id, share, kSeed + 100 * round + id, seen)));
    const stats = await statsOf(server.url, kOps);
    seen.hits += stats.hits;
    seen.from_disk += stats.levels.l3.hits;
    const [how, end] = kEnds[round % kEnds.length];
    // The last writes of a kill: sent, and nobody hears what becomes of them.
    const cut = how === 'stopped' ? [] : Array.from({ length: kLanes }, (_, id) =>
      call(server.url, 'execute', { sql: `update l${id}.owner set n = n + 1`, database: 'writable' }, kOps).catch(() => {}));
    await end(server);
    await Promise.all(cut);
    await until('no backend of the server is left', () => backends() === '0');
  }
  console.log(`figure: ${seen.reads} reads, ${seen.writes} writes, seed ${kSeed}: ${seen.hits} hits (${(100 * seen.hits / seen.reads).toFixed(1)} %), ${seen.from_disk} of them from disk, 0 wrong`);
  assert.ok(seen.hits > seen.reads / 10, JSON.stringify(seen));
});
