// A few thousand generated statements: what the guard lets through changes nothing (tests/attacks/fuzz.mjs).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { fuzz } from '../attacks/fuzz.mjs';
import { readSuite } from './suite.mjs';

const kAnswered = 0.1;  // of the statements sent at least so many run, or little is shown

test('whatever passes of generated statements leaves the canaries as they were', async () => {
  const suite = readSuite(join(import.meta.dirname, '../attacks/own.json'));
  const figures = await fuzz({ count: 4000, seed: 20261130, time_ms: 20000, suite });
  assert.equal(figures.culprit, undefined, `${figures.culprit}\n${figures.change}`);
  assert.ok(figures.answered >= kAnswered * figures.sent && figures.refused > 0, JSON.stringify(figures));
  console.log(`figure: guard fuzz: ${figures.sent} statements, ${figures.refused} refused, ${figures.failed} failed in PostgreSQL, ${figures.answered} answered, canaries unchanged`);
});
