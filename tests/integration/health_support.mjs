// What the tests of health_check share: sessions that stay open, thresholds at which everything is worth a word, answers by name.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { atExit, callTool, psql, textOf, until } from './support.mjs';

export const provoked = join(import.meta.dirname, 'health_provoked.sql');

// Small enough for a throw-away database; the sides of each threshold are tests/plugins/health's.
export const tight = {
  dead_rows_min: 1000, bloat_min_bytes: 8192, bloat_warning_percent: 20, unused_index_min_bytes: 8192, unused_index_days: 0, unused_index_scans_min: 1,
  transaction_warning_s: 1, idle_transaction_warning_s: 1, prepared_warning_s: 1, lock_warning_s: 0, connections_warning_percent: 1,
  cache_blocks_min: 1, cache_warning_percent: 100, temp_warning_bytes_per_hour: 1048576, disk_bytes: 9000000,
};

// A psql whose transaction stays open. done() waits until what was sent so far has been carried out.
export function session(dsn) {
  const child = spawn('psql', ['-XAtq', '-d', dsn], { stdio: ['pipe', 'pipe', 'ignore'] });
  const forget = atExit(() => child.kill('SIGKILL'));
  let out = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  let marks = 0;
  return {
    send: (sql) => child.stdin.write(`${sql};\n`),
    async done(sql) {
      const mark = `--done ${++marks}--`;
      child.stdin.write(`${sql};\n\\echo ${mark}\n`);
      await until(sql, () => out.includes(mark));
      return out.slice(0, out.lastIndexOf(mark)).trim().split('\n').at(-1);
    },
    async end() {
      child.stdin.end('\n\\q\n');
      child.kill('SIGTERM');
      forget();
      await new Promise((resolve) => (child.exitCode === null && child.signalCode === null ? child.on('exit', resolve) : resolve()));
    },
  };
}

// The answer of health_check with its checks by name.
export async function healthOf(url, args = {}) {
  const result = await callTool(url, 'health_check', { detail: 'full', ...args });
  assert.ok(!result.isError, textOf(result));
  const answer = result.structuredContent;
  assert.deepEqual(JSON.parse(textOf(result)), answer);
  return { ...answer, by: Object.fromEntries(answer.checks.map((check) => [check.name, check])) };
}

export const textsOf = (check) => (check.findings ?? []).map(({ text, suggestion }) => `${text} -> ${suggestion}`).join('\n');

// Asks until one check says it: statistics of PostgreSQL come a moment late.
export async function untilSaid(url, name, pattern, args = {}) {
  let last;
  await until(`${name} says ${pattern}`, async () => {
    last = (await healthOf(url, { checks: [name], ...args })).by[name];
    return pattern.test(textsOf(last)) || pattern.test(last.summary ?? '');
  }).catch((late) => assert.fail(`${late.message}; it says ${JSON.stringify(last)}`));
  return last;
}

// Fails for a reason: two rows are the same. What it leaves behind is an index nobody can use.
export function failIndex(dsn) {
  assert.throws(() => psql('create unique index concurrently beds_n_unique on ward.beds (n)', dsn), /could not create unique index/);
}
