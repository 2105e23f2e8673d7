// A statement that the guard let through, played where nothing but READ ONLY and the role stand behind the guard: in a session
// of psql as the least role, as `begin read only; STATEMENT; commit`, which nobody resets. What Howdah's ROLLBACK and its reset
// clear away stays here and is seen: settings of the session and of the transaction, locks (advisory ones, or of rows),
// prepared statements, cursors, channels, temporary objects, the switches of the fixtures' extensions; and a transaction id,
// which whatever writes takes (a large object, a notification), also where it fails afterwards. What READ ONLY alone stopped is
// told as well: the guard had to. Not seen, because nothing shows them: setseed()'s seed, pg_logical_emit_message()'s message.
import { psqlSession } from '../integration/suite.mjs';

// Nothing else may take transaction ids while such a session watches them.
export const kQuietCluster = ['--set', 'autovacuum = off'];

const kSessionOptions = '-c statement_timeout=500 -c jit=off';
const kReadOnlyTransaction = '25006';
const kRan = '00000';
const kNothing = 'select 1';
const kPlayed = '--played--';

// A setting that only a session knows stands in no catalog, so it is asked for by the names that a statement spells. The view
// pg_sequences reads a sequence under a RowExclusiveLock, which harms nobody; whoever would write under it READ ONLY stops.
const kPrepared = `prepare bare_state(text[]) as select json_build_object(
  'settings', (select json_object_agg(name, setting) from pg_catalog.pg_settings where source = 'session'),
  'named', (select json_object_agg(name, current_setting(name, true)) from unnest($1) name where current_setting(name, true) is not null),
  'roles', array[current_user, session_user, current_setting('role')],
  'locks', (select json_agg(json_build_array(locktype, mode, classid, objid)) from pg_catalog.pg_locks
            where pid = pg_backend_pid() and locktype <> 'virtualxid' and (locktype <> 'relation' or mode not in ('AccessShareLock', 'RowExclusiveLock'))),
  'prepared', (select json_agg(name) from pg_catalog.pg_prepared_statements),
  'cursors', (select json_agg(name) from pg_catalog.pg_cursors),
  'channels', (select json_agg(channel) from pg_listening_channels() channel),
  'temporary_schema', pg_my_temp_schema(),
  'isn_weak', public.isn_weak(), 'dblink', public.dblink_get_connections(),
  'next_xid', pg_snapshot_xmax(pg_current_snapshot()))`;

const settingsSpelled = (sql) => [...new Set([...sql.matchAll(/'([a-z_]\w*(?:\.[a-z_]\w*)+)'/gi)].map(([, name]) => name))];

// Gives three lines: the SQLSTATE, the state inside of the transaction (- where it has failed), and the one behind it.
function scriptOf(sql) {
  const state = `execute bare_state('{${settingsSpelled(sql).join(',')}}');`;
  return ['begin read only;', '\\o /dev/null', sql, ';', '\\set code :SQLSTATE', '\\set failed :ERROR', '\\o', '\\echo :code',
    '\\if :failed', '\\echo -', '\\else', state, '\\endif', 'commit;', state, `\\echo ${kPlayed}`].join('\n');
}

function changeOf(before, after) {
  const [was, is] = [JSON.parse(before), JSON.parse(after)];
  const told = (value) => JSON.stringify(value);
  return Object.keys(is).filter((key) => told(is[key]) !== told(was[key])).map((key) => `${key}: ${told(was[key])} -> ${told(is[key])}`).join(', ');
}

function changeBy([code, inside, behind], [, inside_before, behind_before]) {
  if (behind === undefined) return 'the session ended, or its state cannot be read any more';
  if (code === kReadOnlyTransaction) return 'READ ONLY alone stopped it';
  return (inside === '-' ? '' : changeOf(inside_before, inside)) || changeOf(behind_before, behind);
}

// play(statements) gives { ran, finding }: how many PostgreSQL ran to their end, and { culprit, change } of the first one that
// left something; such a session is of no further use.
export async function openBareSession(dsn) {
  const session = psqlSession(dsn, { errors: 'ignore', options: kSessionOptions });
  await session.ask([kPrepared]);
  return {
    async play(statements) {
      const printed = (await session.script([kNothing, ...statements].map(scriptOf).join('\n'))).join('\n');
      const [before, ...played] = printed.split(kPlayed).map((part) => part.trim().split('\n'));
      let ran = 0;
      for (const [index, culprit] of statements.entries()) {
        const change = changeBy(played[index] ?? [], before);
        if (change) return { ran, finding: { culprit, change } };
        if (played[index][0] === kRan) ran += 1;
      }
      return { ran };
    },
    close: () => session.end(),
  };
}
