// health_check of a primary and of the standby that streams from it: one that follows, one that does not replay, one that has
// lost its primary, one that is gone while its slot keeps WAL. On the oldest and the newest PostgreSQL: of slots more is known from 17 on.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { pinnedServer, startCluster } from './cluster.mjs';
import { healthOf, textsOf, untilSaid } from './health_support.mjs';
import { makeStandby } from './standby_support.mjs';
import { callTool, psql, startServer, textOf, until } from './support.mjs';

const kMiB = 1048576;
const thresholds = {
  replication_warning_s: 1, replication_critical_s: 3, slot_warning_bytes: kMiB, slot_critical_bytes: 32 * kMiB, slot_inactive_warning_s: 1, unused_index_days: 0,
};

for (const major of process.env.HOWDAH_PG_MAJOR ? [Number(process.env.HOWDAH_PG_MAJOR)] : [13, 18]) {
  describe(`PostgreSQL ${major}`, { skip: pinnedServer(major).skip }, () => {
    let primary;
    let standby;
    let server;
    const on_primary = (sql) => psql(sql, primary.dsn);
    const on_standby = (sql) => psql(sql, standby.dsn);
    const checked = async (name, database) => (await healthOf(server.url, { checks: [name], database })).by[name];
    // What both say of the replication, once it is that.
    const untilBoth = (status) => until(`both say ${status}`, async () => {
      const said = [await checked('replication', 'main'), await checked('replication', 'copy')];
      return said.every((check) => check.status === status) && said;
    });

    before(async () => {
      primary = startCluster('--major', `${major}`, '--tcp', '--set', 'wal_level=logical');
      on_primary("create table written as select 1 as i; select pg_create_physical_replication_slot('copied', true)");
      // It tells how far it is once a second, also while it does nothing.
      standby = await makeStandby(primary, 'copy', { primary_slot_name: 'copied', hot_standby_feedback: 'on', wal_receiver_status_interval: '1s' });
      server = await startServer({ databases: `  main: { dsn: "${primary.dsn}" }\n  copy: { dsn: "${standby.dsn}" }`, plugins: ['pool', 'guard', 'query', { health: { thresholds } }] });
      await until('it streams', () => on_primary("select state from pg_stat_replication where application_name = 'copy'") === 'streaming');
    });
    after(async () => {
      if (server) assert.deepEqual(await server.stop(), { code: 0, signal: null });
      standby?.remove();
      primary?.remove();
    });

    test('a standby that follows is well, seen from both sides, and so is its slot', async () => {
      on_primary('insert into written values (2)');
      await until('it has arrived', () => on_standby('select count(*) from written') === '2');
      const [of_primary, of_standby] = await untilBoth('ok');
      assert.match(of_primary.summary, /^1 standby follows, at most \d.* behind$/);
      assert.equal(of_primary.figures.standbys, 1);
      assert.match(of_standby.summary, /^this standby follows, at most \d.* behind$/);
      assert.equal(of_standby.figures.standbys, 0);
      const slots = await checked('slots', 'main');
      assert.deepEqual([slots.status, slots.figures.slots], ['ok', 1], textsOf(slots));
      assert.equal((await checked('slots', 'copy')).summary, 'there is no replication slot');
    });

    test('a standby is a database that only reads: every check is answered there and none finds anything', async () => {
      const { server: seen, checks } = await healthOf(server.url, { database: 'copy' });
      assert.equal(seen.standby, true);
      assert.equal(checks.length, 24);
      assert.deepEqual(checks.filter(({ status }) => status !== 'ok').map(({ name, status, reason, findings }) => [name, status, reason ?? findings]), []);
      assert.match(checks.find(({ name }) => name === 'reachability').summary, /\(standby\) answers in/);
      const rows = await callTool(server.url, 'query', { sql: 'select count(*) from written', database: 'copy' });
      assert.ok(!rows.isError, textOf(rows));
    });

    test('a standby that does not replay is told by both, first as a warning, with what to look at', async () => {
      on_standby('select pg_wal_replay_pause()');
      on_primary('insert into written values (3)');
      await untilSaid(server.url, 'replication', /^this standby is [1-9].* behind \(.*\), state streaming -> look for long queries and locks here/, { database: 'copy' });
      await untilSaid(server.url, 'replication', /^standby copy 127\.0\.0\.1\S* is [1-9].* behind \(.*\), state streaming -> look at the standby's log/);
      const said = await untilBoth('critical');
      assert.ok(said[0].figures.worst_lag_s >= 3 && said[1].figures.worst_lag_s >= 3);
      assert.equal(said[0].summary, 'replication lags');
      on_standby('select pg_wal_replay_resume()');
      await untilBoth('ok');
    });

    test('a standby that has lost its primary says so, though it has replayed all it has', async () => {
      primary.down();
      try {
        const lost = await untilSaid(server.url, 'replication', /^this standby receives nothing from its primary; the last transaction it has replayed is \d.* old -> see whether the primary runs/, { database: 'copy' });
        assert.ok(['warning', 'critical'].includes(lost.status));
      } finally {
        primary.up();
      }
      await untilBoth('ok');
    });

    test('a slot that the standby copies from its primary is not told there as one that nobody uses', { skip: major < 17 && 'from 17 on' }, async () => {
      on_primary("select pg_create_logical_replication_slot('held', 'pgoutput', false, false, true)");
      try {
        await until('it is copied', () => {
          on_primary("select pg_log_standby_snapshot(), pg_replication_slot_advance('held', pg_current_wal_flush_lsn())");
          on_standby('select pg_sync_replication_slots()');
          return on_standby("select synced and not temporary from pg_replication_slots where slot_name = 'held'") === 't';
        });
        const held = await checked('slots', 'copy');
        assert.deepEqual([held.status, held.figures.slots], ['ok', 1], textsOf(held));
        await untilSaid(server.url, 'slots', /^logical slot held is used by nobody .*pg_drop_replication_slot\('held'\)$/);
      } finally {
        on_primary("select pg_drop_replication_slot('held')");
      }
    });

    test('the slot of a standby that is gone is named with the WAL it keeps and the SQL that drops it', async () => {
      standby.down();
      await untilSaid(server.url, 'slots', /^physical slot copied is used by nobody.* and keeps .* of WAL/);
      assert.equal((await checked('replication', 'main')).summary, 'no standby is connected');
      on_primary("create table bulk as select repeat('x', 1000) from generate_series(1, 2000)");
      const keeps = await untilSaid(server.url, 'slots', /^physical slot copied is used by nobody.* and keeps \d.* MiB of WAL/);
      assert.equal(keeps.status, 'warning');
      assert.ok(keeps.figures.kept_bytes_max < 32 * kMiB, JSON.stringify(keeps.figures));
      for (let i = 0; i < 3; i++) on_primary('insert into written values (4); select pg_switch_wal()');
      const full = await checked('slots', 'main');
      assert.deepEqual([full.status, full.findings.length, full.findings[0].object], ['critical', 1, 'copied']);
      // Since when: from 17 on.
      assert.equal(/ is used by nobody for \d.* s and keeps /.test(full.findings[0].text), major >= 17, full.findings[0].text);
      const [, drop] = full.findings[0].suggestion.match(/^if its consumer does not come back: (select .*)$/);
      on_primary(drop);
      assert.equal((await checked('slots', 'main')).summary, 'there is no replication slot');
    });
  });
}
