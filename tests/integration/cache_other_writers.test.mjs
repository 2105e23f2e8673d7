// Random reads through the server beside random writes through it and past it: no answer is a state of the tables that was over
// for longer than the bound that the README states, and none is older than a write through the server that was answered.
// A lane has tables of its own and one write under way at a time, so its states follow one another; each is noted with when it
// began, and what each question would be answered in it. HOWDAH_CACHE_OPERATIONS=100000 is the long run, HOWDAH_CACHE_SEED repeats the choices of one.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { randomFrom } from '../support/random.mjs';
import { asText, call, session, startCached, statsOf } from './cache_support.mjs';
import { inFolder, madeDatabase, psqlBeside, textOf, until } from './support.mjs';

const kReads = Number(process.env.HOWDAH_CACHE_OPERATIONS ?? 3000);  // of each mode
const kSeed = Number(process.env.HOWDAH_CACHE_SEED ?? Math.floor(Math.random() * 2 ** 31));
const kLanes = 3;
const kReaders = 2;  // of each lane: at times both ask the same at once
const kTtl_ms = 400;
const kBound_ms = 600;  // of tables that tell of their writes
const kLong_ms = 3_600_000;

const readme = readFileSync(join(import.meta.dirname, '../../plugins/cache/README.md'), 'utf8');
const kTell = readme.match(/```sql\n(create schema howdah_cache;[^]*?)```/)[1];
const telling = (table) => `create trigger howdah_cache_tell after insert or update or delete or truncate on ${table}
  for each statement execute function howdah_cache.tell();
alter table ${table} enable always trigger howdah_cache_tell;`;
// All but one, `mute`.
const tellingOf = (lane) => ['owner', 'pet', 'event', 'event_0', 'event_1'].map((table) => telling(`l${lane}.${table}`)).join('\n');

const schemaOf = (lane) => `
create schema l${lane};
set search_path = l${lane};
create table owner (id int primary key, n int not null);
create table pet (id int primary key, owner int not null references owner on delete cascade, n int not null);
create table event (id int not null, part int not null, n int not null, primary key (id, part)) partition by list (part);
create table event_0 partition of event for values in (0);
create table event_1 partition of event for values in (1);
create table mute (id int primary key, n int not null);
create view busy as select o.id, o.n, count(p.id) as pets from owner o left join pet p on p.owner = o.id group by o.id, o.n;
insert into owner select i, 0 from generate_series(1, 6) i;
insert into pet select -i, i % 6 + 1, 0 from generate_series(1, 12) i;
insert into event select i, i % 2, 0 from generate_series(1, 6) i;
insert into mute select i, 0 from generate_series(1, 3) i;`;

// What is asked, with the tables it stands on; `same` is what PostgreSQL is asked where the question may fail.
const questionsOf = (lane) => [
  { sql: `select id, n from l${lane}.owner order by id`, on: ['owner'] },
  { sql: `select n from l${lane}.owner where id = $1`, params: [1], on: ['owner'] },
  { sql: `select n from l${lane}.owner where id = $1`, params: [2], on: ['owner'] },
  { sql: `select count(*), max(n) from l${lane}.pet`, on: ['pet'] },
  { sql: `select o.id, p.id, p.n from l${lane}.owner o join l${lane}.pet p on p.owner = o.id order by 1, 2`, on: ['owner', 'pet'] },
  { sql: `select id, n, pets from l${lane}.busy order by id`, on: ['owner', 'pet'] },
  { sql: `select id, part, n from l${lane}.event order by id, part`, on: ['event'] },
  { sql: `select max(n) from l${lane}.event_0`, on: ['event'] },
  { sql: `select id, n from l${lane}.mute order by id`, on: ['mute'] },
  { sql: `select o.id, o.n, m.n from l${lane}.owner o, l${lane}.mute m where m.id = 1 order by 1`, on: ['owner', 'mute'] },
  { sql: `select 10 / (n % 2) from l${lane}.mute where id = 1`, on: ['mute'],
    same: `select case n % 2 when 0 then 'division by zero' else '10' end from l${lane}.mute where id = 1` },
];
const inlined = ({ sql, params = [], same }) => same ?? params.reduce((text, value, at) => text.replaceAll(`$${at + 1}`, String(value)), sql);

// What is written carries the number of the state it makes, so that hardly two states answer alike.
const writesOf = (lane, v, any) => [
  [`update l${lane}.owner set n = ${v} where id = ${1 + any(6)}`, ['owner']],
  [`insert into l${lane}.owner values (${1 + any(6)}, ${v}) on conflict (id) do update set n = excluded.n`, ['owner']],
  [`delete from l${lane}.owner where id = ${1 + any(6)}`, ['owner', 'pet']],
  [`insert into l${lane}.pet select ${v}, min(id), ${v} from l${lane}.owner having min(id) is not null`, ['pet']],
  [`update l${lane}.pet set n = ${v} where id % 3 = ${any(3)}`, ['pet']],
  [`update l${lane}.event set n = ${v}, part = 1 - part where id = ${1 + any(6)}`, ['event']],
  [`update l${lane}.event_${any(2)} set n = ${v}`, ['event']],
  [`update l${lane}.mute set n = ${v} where id = ${1 + any(2)}`, ['mute']],
];
// What only others do: several tables at once, some of it taken back, as replication does it, all rows.
const foreignWritesOf = (lane, v, any) => [
  ...writesOf(lane, v, any).map(([sql]) => sql),
  `update l${lane}.owner set n = ${v}; update l${lane}.mute set n = ${v}; update l${lane}.event set n = ${v} where part = 0`,
  `savepoint s; delete from l${lane}.owner; update l${lane}.mute set n = -1; rollback to s; update l${lane}.owner set n = ${v} where id = ${1 + any(6)}`,
  `set local session_replication_role = replica; update l${lane}.owner set n = ${v} where id % 2 = ${any(2)}`,
  `truncate l${lane}.pet; insert into l${lane}.pet select -10 * ${v} - id, id, ${v} from l${lane}.owner`,
];

let database;
const place = inFolder();
before(() => {
  const script = join(place.folder, 'lanes.sql');
  writeFileSync(script, [kTell, ...Array.from({ length: kLanes }, (_, lane) => schemaOf(lane))].join('\n'));
  database = madeDatabase(script);
});
after(() => {
  database.drop();
  place.remove();
});

// The states of a lane's tables. State i was over at some time between `sent_ms` and `acknowledged_ms` of state i + 1, by the clock of
// this machine, which PostgreSQL and this process read; so what a busy process notes late makes no answer seem younger.
class Lane {
  // `share`: one of so many writes goes through the server.
  constructor(id, server, seed, share) {
    Object.assign(this, { id, server, share, any: (n) => Math.floor(this.random() * n), random: randomFrom(seed) });
    this.questions = questionsOf(id);
    this.beside = session(database.dsn);
    this.states = [];
    this.floors = {};  // of each table: the state that the last write through the server made, once it was answered
    this.reads = [];
    this.through = this.past = 0;
  }

  // What each question is answered now: in the transaction of a write, or while nobody writes.
  get asksAll() {
    return this.questions.map((question) => `${inlined(question)};\n\\echo --next--\n`).join('');
  }

  async begin() {
    this.states.push({ sent_ms: 0, acknowledged_ms: 0, answers: this.answersIn(await this.beside.ask(this.asksAll)) });
  }

  answersIn(text) {
    const answers = text.split('--next--').map((answer) => answer.trim());
    assert.equal(answers.length, this.questions.length + 1, text);
    return answers;
  }

  async writePast(v) {
    const clock = 'select floor(extract(epoch from clock_timestamp()) * 1000)';
    const all = foreignWritesOf(this.id, v, this.any);
    const text = await this.beside.ask(`begin; ${all[this.any(all.length)]};\n${this.asksAll}${clock}; commit; ${clock}`);
    const answers = this.answersIn(text);
    const [sent_ms, acknowledged_ms] = answers.at(-1).split('\n').map(Number);
    assert.ok(sent_ms > 0 && acknowledged_ms >= sent_ms, text);
    this.states.push({ sent_ms, acknowledged_ms, answers });
    this.past++;
  }

  async writeThrough(v) {
    const all = writesOf(this.id, v, this.any);
    const [sql, tables] = all[this.any(all.length)];
    const sent_ms = Date.now();
    const result = await call(this.server.url, 'execute', { sql, database: 'writable' });
    assert.ok(!result.isError, textOf(result));
    this.states.push({ sent_ms, acknowledged_ms: Date.now() });
    for (const table of tables) this.floors[table] = v;
    this.states[v].answers = this.answersIn(await this.beside.ask(this.asksAll));
    this.through++;
  }

  async read() {
    // A few are asked more often than the others, and which ones changes.
    const few = Math.floor(this.reads.length / 100);
    const at = this.random() < 0.7 ? (few + this.any(3)) % this.questions.length : this.any(this.questions.length);
    const { sql, params, on } = this.questions[at];
    const floor = Math.max(0, ...on.map((table) => this.floors[table] ?? 0));
    const asked_ms = Date.now();
    const result = await call(this.server.url, 'query', { sql, ...(params && { params }), database: this.any(2) ? 'main' : 'writable' });
    const answer = result.isError ? textOf(result).match(/division by zero/)?.[0] ?? textOf(result) : asText(result.structuredContent);
    this.reads.push({ at, floor, asked_ms, answer });
  }

  // A write each time that so many reads were made since the one before.
  async run(reads) {
    let left = reads;
    let wake = () => {};
    const reader = async () => {
      while (left-- > 0) {
        await this.read();
        wake();
      }
    };
    const writer = async () => {
      while (left > 0) {
        const next = this.reads.length + 1 + this.any(30);
        while (left > 0 && this.reads.length < next) await new Promise((resolve) => { wake = resolve; });
        const v = this.states.length;
        await (this.any(this.share) === 0 ? this.writeThrough(v) : this.writePast(v));
      }
    };
    await Promise.all([writer(), ...Array.from({ length: kReaders }, reader)]);
    this.beside.end();
  }

  // How long each answer was over when it was asked for, by the state that suits it best: nobody can tell which was read.
  *ages(bounds) {
    for (const { at, floor, asked_ms, answer } of this.reads) {
      let best;
      for (let i = this.states.length - 1; i >= floor && !best; i--) {
        if (this.states[i].answers[at] !== answer) continue;
        const next = this.states[i + 1] ?? { sent_ms: Infinity, acknowledged_ms: Infinity };
        best = { over_ms: Math.max(0, asked_ms - next.acknowledged_ms), sent_ago_ms: Math.max(0, asked_ms - next.sent_ms) };
      }
      const { sql, on } = this.questions[at];
      assert.ok(best, `seed ${kSeed}: ${sql} gave what was in no state since ${floor}, the last one that was written through the server: ${answer}`);
      yield { ...best, sql, bound_ms: Math.max(...on.map((table) => bounds[table] ?? bounds.others)) };
    }
  }
}

// Gives the greatest age by bound.
async function run(server, share, bounds, meanwhile = async () => {}) {
  const lanes = Array.from({ length: kLanes }, (_, id) => new Lane(id, server, kSeed + id, share));
  for (const lane of lanes) await lane.begin();
  const hitsBefore = (await statsOf(server.url)).hits;
  const all = Promise.all(lanes.map((lane) => lane.run(Math.ceil(kReads / kLanes))));
  const made = () => lanes.reduce((sum, { reads }) => sum + reads.length, 0);
  await Promise.all([all, meanwhile(made)]);
  const { hits, levels } = await statsOf(server.url);
  const sum = (of) => lanes.reduce((total, lane) => total + of(lane), 0);
  const seen = { reads: made(), hits: hits - hitsBefore, from_disk: levels.l3?.hits ?? 0, past: sum(({ past }) => past), through: sum(({ through }) => through), oldest: {} };
  for (const lane of lanes)
    for (const { over_ms, sent_ago_ms, bound_ms, sql } of lane.ages(bounds)) {
      assert.ok(over_ms <= bound_ms, `seed ${kSeed}: ${sql} gave what was over for ${over_ms} ms, bound ${bound_ms} ms`);
      const oldest = (seen.oldest[bound_ms] ??= { over_ms: 0, sent_ago_ms: 0 });
      if (over_ms >= oldest.over_ms) seen.oldest[bound_ms] = { over_ms, sent_ago_ms: Math.max(sent_ago_ms, over_ms === oldest.over_ms ? oldest.sent_ago_ms : 0) };
    }
  return seen;
}
const oldestOf = ({ over_ms, sent_ago_ms }, bound_ms) => `over for ${over_ms} ms (${sent_ago_ms} ms since that COMMIT was sent) of ${bound_ms} ms`;
const countsOf = ({ reads, hits, past, through }) => `${reads} reads beside ${through} writes through the server and ${past} past it, seed ${kSeed}: ${hits} hits (${(100 * hits / reads).toFixed(1)} %), 0 wrong`;

test('without notices no answer is over for longer than ttl_ms', { timeout: 3_600_000 }, async () => {
  // So small that some come from disk.
  const server = await startCached(database.dsn, { ttl_ms: kTtl_ms, l1: { entries_max: 4 }, l2: { entries_max: 16 }, l3: { enabled: true, read_ms: 1000 } });
  const seen = await run(server, 4, { others: kTtl_ms });
  assert.equal((await server.stop()).code, 0);
  const oldest = seen.oldest[kTtl_ms];
  console.log(`figure: ttl_ms ${kTtl_ms}: ${countsOf(seen)}, ${seen.from_disk} from disk, the oldest answer ${oldestOf(oldest, kTtl_ms)}`);
  assert.ok(seen.hits > seen.reads / 10, JSON.stringify(seen));
  assert.ok(oldest.over_ms > kTtl_ms / 4, `what is given out is old at times, or this would find nothing: ${JSON.stringify(seen)}`);
});

test('with notices none is over for longer than notify.bound_ms, though the listening connections are ended again and again', { timeout: 3_600_000 }, async () => {
  const names = ['main', 'writable'];
  await psqlBeside(Array.from({ length: kLanes }, (_, lane) => tellingOf(lane)).join('\n'), database.dsn);
  const server = await startCached(database.dsn, { ttl_ms: kTtl_ms, notify: { databases: names, bound_ms: kBound_ms, ttl_ms: kLong_ms } });
  const notifyOf = async () => Object.values((await statsOf(server.url)).notify.databases);
  await until('the tables are heard of', async () => (await notifyOf()).every(({ state, tables }) => state === 'listening' && tables === 3 * kLanes));
  // Where a table has a trigger the reach of a write through the server is not known, so it makes all answers old, and that hides
  // what the notices do: they are rare.
  const seen = await run(server, 20, { mute: kTtl_ms, others: kBound_ms }, async (made) => {
    for (const part of [0.25, 0.5, 0.75]) {
      await until('so many reads are made', () => made() > part * kReads, 3_600_000);
      await psqlBeside("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like '%pg_notify($1, $2)%' and pid <> pg_backend_pid()", database.dsn);
    }
  });
  const lost = (await notifyOf()).reduce((sum, one) => sum + one.lost, 0);
  const told = (await notifyOf()).reduce((sum, one) => sum + one.told, 0);
  assert.equal((await server.stop()).code, 0);
  console.log(`figure: notify.bound_ms ${kBound_ms}: ${countsOf(seen)}, ${told} notices, connections lost ${lost} times, the oldest answer ${oldestOf(seen.oldest[kBound_ms], kBound_ms)}; of a table that does not tell ${oldestOf(seen.oldest[kTtl_ms], kTtl_ms)}`);
  assert.ok(seen.hits > seen.reads / 10, JSON.stringify(seen));
  assert.ok(lost > 0 && told > 0, JSON.stringify({ lost, told }));
});
