// health_check on PostgreSQL 13 to 18: every check is answered, finds what was provoked, and stays useful for a role without rights.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { majors, pinnedServer, startClusterBeside } from './cluster.mjs';
import { failIndex, healthOf, provoked, textsOf, tight, untilSaid } from './health_support.mjs';
import { psql, startServer } from './support.mjs';

const asked = process.env.HOWDAH_PG_MAJOR ? [Number(process.env.HOWDAH_PG_MAJOR)] : majors;
const begin = (major) => {
  const started = !major || pinnedServer(major).skip ? undefined : startClusterBeside('--major', `${major}`, '--database', 'ward', '--load', provoked);
  started?.catch(() => {});
  return started;
};
let next = begin(asked[0]);

for (const major of asked) {
  describe(`PostgreSQL ${major}`, { skip: pinnedServer(major).skip }, () => {
    let cluster;
    let server;
    before(async () => {
      cluster = await next;
      next = begin(asked[asked.indexOf(major) + 1]);
      failIndex(cluster.dsn);
      const as = (role) => cluster.dsn.replace('postgres@', `${role}@`);
      server = await startServer({
        databases: `  main: { dsn: "${cluster.dsn}" }\n  monitor: { dsn: "${as('health_monitor')}" }\n  reader: { dsn: "${as('health_reader')}" }`,
        plugins: ['pool', 'guard', 'query', { health: { check_timeout_ms: 10000, thresholds: tight } }],
      });
    });
    after(async () => {
      if (server) assert.deepEqual(await server.stop(), { code: 0, signal: null });
      cluster?.remove();
    });

    for (const database of ['main', 'monitor']) {
      test(`as ${database} every check is answered`, async () => {
        const answer = await healthOf(server.url, { database });
        assert.equal(Math.floor(Number(answer.server.version.split(/[.a-z]/)[0])), major);
        assert.equal(answer.checks.length, 24);
        // Unused indexes need statistics of some age, unless it is not known since when they are.
        assert.deepEqual(answer.checks.filter(({ status }) => status === 'skipped').map(({ name, reason }) => [name, reason]), []);
      });
    }

    test('what was provoked is found, with what to run against it', async () => {
      const said = async (name, ...patterns) => {
        for (const pattern of patterns) await untilSaid(server.url, name, pattern);
      };
      await said('sequences', /ward\.beds_id_seq has used 93 % of its values \(integer column id of ward\.beds\) -> alter table ward\.beds alter column id type bigint/,
        /ward\.downward has used 95 % of its values -> alter sequence ward\.downward/);
      await said('invalid_indexes', /ward\.beds_n_unique on ward\.beds is invalid.* -> reindex index concurrently ward\.beds_n_unique/);
      await said('duplicate_indexes', /ward\.beds_n_again on ward\.beds is the same as ward\.beds_n .* -> drop index concurrently ward\.beds_n_again/,
        /ward\.beds_n on ward\.beds is the beginning of ward\.beds_n_note/, /ward\.beds_id_again on ward\.beds is the same as ward\.beds_pkey/);
      await said('slots', /physical slot left_behind is used by nobody.* -> .*pg_drop_replication_slot\('left_behind'\)/);
      await said('vacuum', /ward\.beds has [12]\d,\d{3} dead rows \(\d+ % of all\), never vacuumed, autovacuum is off for it -> vacuum \(analyze, verbose\) ward\.beds/,
        /ward\.never_looked_at has 2,000 rows and was never analysed.* -> analyze ward\.never_looked_at/);
      await said('table_bloat', /ward\.beds takes .* more than its rows need -> vacuum full ward\.beds/);
      await said('index_bloat', /ward\.beds_pkey takes .* -> reindex index concurrently ward\.beds_pkey/);
      await said('disk', /the database takes .* of the 8\.6 MiB it may/);
      psql('select count(*) from ward.beds', cluster.dsn);
      await said('unused_indexes', /ward\.beds_n_note on ward\.beds was never used.* -> .*drop index concurrently ward\.beds_n_note/);
      const names = textsOf((await healthOf(server.url, { checks: ['sequences'] })).by.sequences);
      assert.doesNotMatch(names, /ward\.fresh/);
    });

    test('checkpoints that come before their time are counted where this version keeps them', async () => {
      for (let i = 0; i < 12; i++) psql('checkpoint', cluster.dsn);
      await untilSaid(server.url, 'checkpoints', /of the checkpoints came because max_wal_size \(.*\) was full/);
    });

    test('a role without pg_monitor gets an answer, and is told what it does not see', async () => {
      const { by, server: seen, checks } = await healthOf(server.url, { database: 'reader' });
      assert.deepEqual([seen.role, seen.sees_other_roles], ['health_reader', false]);
      assert.equal(checks.length, 24);
      assert.deepEqual(checks.filter(({ status }) => status === 'skipped').map(({ name, reason }) => [name, reason]), []);
      assert.match(textsOf(by.permissions), /cannot read 2 of 2 tables: ward\.beds, ward\.never_looked_at -> if it should: grant usage/);
      assert.match(textsOf(by.permissions), /no member of pg_monitor.* -> grant pg_monitor to health_reader/);
      assert.match(by.sequences.reason, /3 sequences cannot be read by this role: grant select/);
      assert.match(by.transactions.reason, /pg_monitor/);
      assert.match(by.connections.reason, /of other roles show no state to this role: grant pg_monitor/);
      assert.match(textsOf(by.invalid_indexes), /ward\.beds_n_unique/);
      assert.match(textsOf(by.duplicate_indexes), /ward\.beds_n_again/);
      assert.match(textsOf(by.slots), /left_behind/);
      assert.match(textsOf(by.vacuum), /ward\.beds/);
      assert.ok(by.wraparound.figures.used_percent >= 0);
    });
  });
}
