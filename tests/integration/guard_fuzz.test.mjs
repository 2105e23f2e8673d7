// A few thousand generated statements: what the guard lets through changes nothing, through the server or without it
// (tests/attacks/fuzz.mjs); and statements that do change something, past the guard, to see that they would be told.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { openBareSession } from '../attacks/bare_session.mjs';
import { fuzz, openFuzzed } from '../attacks/fuzz.mjs';
import { readSuite } from './suite.mjs';

const kCount = 4000;
const kAnswered = 0.1;  // of the statements sent at least so many run, or little is shown

let opened;
before(async () => { opened = await openFuzzed(readSuite(join(import.meta.dirname, '../attacks/own.json'))); });
after(() => opened.close());

test('whatever passes of generated statements leaves the canaries as they were', async () => {
  const { culprit, change, sent, refused, failed, answered, played, ran } = await fuzz({ count: kCount, seed: 20261130, time_ms: 100000, opened });
  assert.equal(culprit, undefined, `${culprit}\n${change}`);
  assert.ok(answered >= kAnswered * sent && refused > 0, `${answered} of ${sent} answered, ${refused} refused`);
  assert.ok(played === failed + answered && ran >= kAnswered * sent, `${ran} of ${played} ran without the server`);
  console.log(`figure: guard fuzz: ${sent} statements, ${refused} refused, ${failed} failed in PostgreSQL, ${answered} answered, canaries unchanged; without the server ${played} played, ${ran} ran, nothing left`);
  if (process.env.HOWDAH_SANITIZE) return;  // such a build is not through with them in time
  assert.equal(sent, kCount);
  // As docs/security.md has it.
  const line = `| generated | ${sent.toLocaleString('en')} statements, ${played.toLocaleString('en')} let through, canaries unchanged; played without the server, nothing left |`;
  assert.ok(readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8').includes(`\n${line}`), `docs/security.md does not say ${line}`);
});

// What each leaves, as it is told.
const kPlanted = [
  ["select set_config('application_name', 'owned', false)", /^settings: .*"application_name":"owned"/],
  ["select set_config('work_mem', '64kB', true)", /^settings: .*"work_mem":"64"/],
  ["select set_config('app.tenant', 'x', false)", /^named: null -> {"app.tenant":"x"}/],
  ['set role fx_least', /^roles: /],
  ['select set_limit(0.9)', /^settings: .*"pg_trgm.similarity_threshold":"0.9"/],
  ['select isn_weak(true)', /^isn_weak: false -> true/],
  ['select pg_advisory_lock(7)', /^locks: .*"advisory"/],
  ['select pg_try_advisory_xact_lock(7)', /^locks: .*"advisory"/],
  ['select * from lib.v_poke', /^locks: .*"advisory"/],
  ["select lib.poke('x'), 1 / 0", /^locks: .*"advisory"/],
  ['select lo_create(0)', /^locks: .*"transactionid"|READ ONLY alone/],  // READ ONLY stops it since PostgreSQL 16
  ['select txid_current()', /^locks: .*"transactionid"/],
  ["select pg_notify('x', 'y')", /^next_xid: /],
  ['listen x', /^channels: null -> \["x"\]/],
  ['prepare planted as select 1', /^prepared: .*"planted"/],
  ['declare planted cursor with hold for select 1', /^cursors: null -> \["planted"\]/],
  ["select nextval('lib.card_no')", /^READ ONLY alone/],
  ['select id from lib.books for update', /^READ ONLY alone/],
  ['create temp table planted(a int)', /^READ ONLY alone/],
  ['select pg_terminate_backend(pg_backend_pid())', /^the session ended/],
];

test('what is planted past the guard is told with what it left', async () => {
  for (const [sql, told] of kPlanted) {
    const bare = await openBareSession(opened.dsnOf('least'));
    const { ran, finding } = await bare.play(['select title from lib.books', sql, 'select 2']);
    bare.close();
    assert.equal(ran, 1, sql);
    assert.equal(finding?.culprit, sql);
    assert.match(finding.change, told, sql);
  }
});
