// Both attack suites through the wire, in their role profiles: an attack is refused and leaves the canaries as they were, a
// resource hog is bounded, a legitimate read gives the rows psql gives. The public suite lies outside of the tree.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { casesOf, openSuite, profilesOf, readSuite } from './suite.mjs';
import { shared } from './support.mjs';

const outside = shared('attacks-public.json');
const suites = [
  { name: 'public', file: outside.file, skip: outside.skip },
  { name: 'own', file: join(import.meta.dirname, '../attacks/own.json'), skip: false },
];

for (const { name, file, skip } of suites) {
  const suite = skip ? { cases: [] } : readSuite(file);
  describe(`the ${name} suite`, { skip }, () => {
    let opened;
    before(async () => { opened = await openSuite(suite); });
    after(async () => { await opened.close(); });
    const held = { blocked: 0, bounded: 0, allowed: 0 };
    for (const profile of profilesOf(suite)) {
      for (const entry of casesOf(suite, profile)) {
        test(`${profile}: ${entry.id} (${entry.why}) is ${entry.expected}`, async () => {
          const result = await opened.try_(profile, entry);
          assert.ok(result.held, `${result.why}\n${entry.sql}`);
          held[entry.expected] += 1;
        });
      }
    }
    test('has attacks, hogs and reads', () => {
      for (const expected of ['blocked', 'bounded', 'allowed']) assert.ok(suite.cases.some((entry) => entry.expected === expected), expected);
      console.log(`figure: attacks (${name}): ${held.blocked} blocked, ${held.bounded} bounded, ${held.allowed} reads as psql gives them`);
    });
  });
}
