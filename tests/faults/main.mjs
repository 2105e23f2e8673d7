// Runs rows of the fault table, each in a process of its own, one after the other: `main.mjs [--quick] [ROW...]`. One line a
// row says passed, failed or not run; figures follow it. Ends with 1 if a row failed, with 77 if none could be run.
import { spawn, spawnSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { rows } from './rows.mjs';

const args = process.argv.slice(2);
const set = args.includes('--quick') ? 'quick' : 'full';
const asked = args.filter((arg) => arg !== '--quick').map((arg) => arg.toLowerCase());
const unknown = asked.filter((name) => !rows.some(({ id }) => id.toLowerCase() === name));
if (unknown.length > 0) {
  console.error(`no row ${unknown.join(', ')}; there are ${rows.map(({ id }) => id).join(' ')}`);
  process.exit(2);
}
const chosen = rows.filter(({ id }) => asked.length === 0 || asked.includes(id.toLowerCase()));

function run({ id, own_network }) {
  const command = [process.execPath, join(import.meta.dirname, 'row.mjs'), id, set];
  if (own_network) command.unshift('unshare', '--net', '--');
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout }).on('line', (line) => console.log(line));
  return new Promise((resolve) => child.on('close', (code) => lines.close() ?? resolve(code)));
}

if (set === 'full') {
  console.log(`figure: ${new Date().toISOString().slice(0, 16)}Z, ${cpus().length} processors (${cpus()[0].model}), load average ${loadavg()[0].toFixed(1)} before the first row`);
}
const outcomes = { passed: [], failed: [], 'not run': [] };
for (const row of chosen) {
  if (row.own_network && spawnSync('unshare', ['--net', 'true']).status !== 0) {
    console.log(`${row.id} not run: ${row.title}: needs root, for a network namespace`);
    outcomes['not run'].push(row.id);
    continue;
  }
  const code = await run(row);
  outcomes[code === 0 ? 'passed' : code === 77 ? 'not run' : 'failed'].push(row.id);
}
if (chosen.length > 1) {
  for (const [outcome, ids] of Object.entries(outcomes)) console.log(`${ids.length} ${outcome}${ids.length ? `: ${ids.join(' ')}` : ''}`);
}
process.exit(outcomes.failed.length > 0 ? 1 : outcomes.passed.length > 0 ? 0 : 77);
