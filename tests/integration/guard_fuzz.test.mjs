// A few thousand generated statements: what the guard lets through changes nothing (tests/attacks/fuzz.mjs).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { fuzz } from '../attacks/fuzz.mjs';
import { readSuite } from './suite.mjs';

const kCount = 4000;
const kAnswered = 0.1;  // of the statements sent at least so many run, or little is shown

test('whatever passes of generated statements leaves the canaries as they were', async () => {
  const suite = readSuite(join(import.meta.dirname, '../attacks/own.json'));
  const { culprit, change, sent, refused, failed, answered } = await fuzz({ count: kCount, seed: 20261130, time_ms: 100000, suite });
  assert.equal(culprit, undefined, `${culprit}\n${change}`);
  assert.ok(answered >= kAnswered * sent && refused > 0, `${answered} of ${sent} answered, ${refused} refused`);
  console.log(`figure: guard fuzz: ${sent} statements, ${refused} refused, ${failed} failed in PostgreSQL, ${answered} answered, canaries unchanged`);
  if (process.env.HOWDAH_SANITIZE) return;  // such a build is not through with them in time
  assert.equal(sent, kCount);
  // As docs/security.md has it.
  const line = `| generated | ${sent.toLocaleString('en')} statements, ${(failed + answered).toLocaleString('en')} let through, canaries unchanged |`;
  assert.ok(readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8').includes(`\n${line}`), `docs/security.md does not say ${line}`);
});
