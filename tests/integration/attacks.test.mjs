// Both attack suites through the wire, in their role profiles: an attack is refused and leaves the canaries as they were, a
// resource hog is bounded, a legitimate read gives the rows psql gives. The public suite lies outside of the tree.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { casesOf, countsOf, openSuite, outcomeOf, profilesOf, readSuite, tierOf } from './suite.mjs';
import { shared } from './support.mjs';

// Refused before the guard: by the protocol, which takes no such text (its arguments name the limit); or by PostgreSQL itself.
const kRefusedBehind = new Set(['own-a172', 'own-a173', 'own-a176']);

const outside = shared('attacks-public.json');
const suites = [
  { name: 'public', file: outside.file, skip: outside.skip },
  { name: 'own', file: join(import.meta.dirname, '../attacks/own.json'), skip: false },
];

// What the guard refuses names its rule, the place and what to do.
function tells(entry, { text, error }) {
  if (kRefusedBehind.has(entry.id)) return void assert.ok(!error.rule, `${entry.id} is refused by the guard now: take it off the list\n${text}`);
  assert.ok(error.rule && error.position > 0 && error.hint, `${entry.id}: ${JSON.stringify(error)}`);
  assert.match(text, /\nline \d+: [^]*\nrule: [^]*\nhint: /);
}

for (const { name, file, skip } of suites) {
  const suite = skip ? { cases: [] } : readSuite(file);
  describe(`the ${name} suite`, { skip }, () => {
    let opened;
    before(async () => { opened = await openSuite(suite); });
    after(async () => { await opened.close(); });
    const held = { blocked: 0, bounded: 0, allowed: 0 };
    const told = { blocked: 0, bounded: 0 };
    for (const profile of profilesOf(suite)) {
      for (const entry of casesOf(suite, profile)) {
        const todo = tierOf(entry, profile) === 'stretch';
        test(`${profile}: ${entry.id} (${entry.why}) is ${entry.expected}`, { todo }, async (t) => {
          const result = await opened.try_(profile, entry);
          assert.ok(result.held, `${result.why}\n${entry.sql}`);
          if (result.not_applicable) t.diagnostic(`not applicable: ${result.not_applicable}`);
          // A hog is bounded by the guard, which says so, or by PostgreSQL's limits.
          if (!result.not_applicable && (entry.expected === 'blocked' || result.outcome.error?.rule)) {
            tells(entry, result.outcome);
            if (result.outcome.error.rule) told[entry.expected] += 1;
          }
          held[entry.expected] += 1;
        });
      }
    }
    test('has attacks, hogs and reads', () => {
      for (const expected of ['blocked', 'bounded', 'allowed']) assert.ok(suite.cases.some((entry) => entry.expected === expected), expected);
      // As docs/security.md has it.
      const [attacks, reads, profiles] = [held.blocked + held.bounded, held.allowed, profilesOf(suite).length];
      const line = `| ${name}${name === 'public' ? ' (`HOWDAH_SHARED`)' : ''} | ${attacks} of ${attacks} (${attacks / profiles} in each profile) | ${reads} of ${reads} |`;
      assert.ok(readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8').includes(`\n${line}`), `docs/security.md does not say ${line}`);
      assert.ok(told.blocked > 0 && told.bounded > 0, JSON.stringify(told));
      console.log(`figure: attacks (${name}): ${held.blocked} blocked, ${held.bounded} bounded, ${held.allowed} reads as psql gives them; ${told.blocked} and ${told.bounded} say rule, place and remedy`);
    });
  });
}

describe('the counts of a suite', () => {
  const refused = { refused: true, text: 'refused', took_ms: 5 };
  const let_through = { refused: false, text: 'rows', took_ms: 9 };
  const missing = { refused: true, missing: true, text: 'no tool for shell', took_ms: 0 };

  test('an attack in steps is held where any step is refused, a read where none is', () => {
    assert.deepEqual(outcomeOf('blocked', [let_through, refused, let_through]), { ...refused, took_ms: 9 });
    assert.equal(outcomeOf('blocked', [let_through, let_through]).refused, false);
    assert.equal(outcomeOf('allowed', [refused, let_through]).refused, true);
    assert.equal(outcomeOf('bounded', [refused, let_through]).refused, false);
    assert.equal(outcomeOf('blocked', [missing, refused]).text, 'refused');
  });

  test('stretch counts apart, and what cannot be tried counts as blocked and is listed', () => {
    const entry = (expected, more = {}) => ({ id: expected, expected, ...more });
    const { app, least } = countsOf(['app', 'least'], [
      { profile: 'app', entry: entry('blocked', { tier: 'must' }), result: { held: true } },
      { profile: 'app', entry: entry('bounded'), result: { held: false, why: 'ended whole' } },
      { profile: 'app', entry: entry('blocked', { tier: 'stretch' }), result: { held: false, why: 'was let through' } },
      { profile: 'app', entry: entry('allowed'), result: { held: true } },
      { profile: 'least', entry: entry('blocked', { tier: 'must', tier_least: 'stretch' }), result: { held: true } },
      { profile: 'least', entry: entry('blocked'), result: { held: true, not_applicable: 'no tool for shell' } },
      { profile: 'least', entry: entry('allowed'), result: { held: true, not_applicable: 'no extension' } },
    ]);
    assert.deepEqual([app.blocked, app.allowed, app.stretch.blocked, app.misses.map(({ why }) => why)], [[1, 2], [1, 1], [0, 1], ['ended whole']]);
    assert.deepEqual([least.blocked, least.allowed, least.stretch.blocked, least.not_applicable.length], [[1, 1], [0, 0], [1, 1], 2]);
  });
});
