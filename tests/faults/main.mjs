// Runs rows of the fault table, each in a process of its own, one after the other: `main.mjs [--quick] [--table] [ROW...]`. One
// line a row says passed, failed or not run; figures follow it. --table: at the end the table of docs/reliability.md as well.
// Ends with 1 if a row failed, with 77 if none could be run.
import { spawn, spawnSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';

import { rows } from './rows.mjs';

const args = process.argv.slice(2);
const [quick, table] = ['--quick', '--table'].map((option) => args.includes(option));
const asked = args.filter((arg) => !['--quick', '--table'].includes(arg)).map((arg) => arg.toLowerCase());
const unknown = asked.filter((name) => !rows.some(({ id }) => id.toLowerCase() === name));
if (unknown.length > 0) {
  console.error(`no row ${unknown.join(', ')}; there are ${rows.map(({ id }) => id).join(' ')}`);
  process.exit(2);
}
const chosen = rows.filter(({ id }) => asked.length === 0 || asked.includes(id.toLowerCase()));
const noNetwork = spawnSync('unshare', ['--net', 'true']).status !== 0;

// { outcome, lines } of one row; its lines are printed as they come.
async function run({ id, title, own_network }) {
  const lines = [];
  const say = (line) => {
    console.log(line);
    lines.push(line);
  };
  if (own_network && noNetwork) {
    say(`${id} not run in 0 s: ${title}`);
    say(`figure: ${id} not run: needs root, for a network namespace`);
    return { outcome: 'not run', lines };
  }
  const command = [process.execPath, join(import.meta.dirname, 'row.mjs'), id, quick ? 'quick' : 'full'];
  if (own_network) command.unshift('unshare', '--net', '--');
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  const read = createInterface({ input: child.stdout }).on('line', say);
  const ended = new Promise((resolve) => read.on('close', resolve));
  const code = await new Promise((resolve) => child.on('close', resolve));
  await ended;
  return { outcome: { 0: 'passed', 77: 'not run' }[code] ?? 'failed', lines };
}

const short = (figure) => figure.replace(/ \(this process was up to ([\d.]+ ms) late itself\)/, ' (this process up to $1)').replace(/ of (\d+) ms allowed, (\d+) later than that \+ 100 ms/, ' of $1 ms, $2 late');
function tableRow(row, { outcome, lines }) {
  const after = (start) => lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
  const names = [...new Set(after(`${row.id} failed: `).map((line) => `\`${line.split(':')[0]}\``))];
  const held = { passed: 'yes', failed: `**no**: ${names.join(', ')}`, 'not run': 'not run' }[outcome];
  return `| ${[row.id, row.title, row.must, `\`${basename(row.module, '.mjs')}\``, held, after(`figure: ${row.id} `).map(short).join('; ')].join(' | ')} |`;
}

if (!quick) {
  console.log(`figure: ${new Date().toISOString().slice(0, 16)}Z, ${cpus().length} processors (${cpus()[0].model}), load average ${loadavg()[0].toFixed(1)} before the first row`);
}
const outcomes = { passed: [], failed: [], 'not run': [] };
const written = ['| | fault | must hold | test | held? | figures |', '|---|---|---|---|---|---|'];
for (const row of chosen) {
  const ran = await run(row);
  outcomes[ran.outcome].push(row.id);
  written.push(tableRow(row, ran));
}
if (chosen.length > 1) {
  for (const [outcome, ids] of Object.entries(outcomes)) console.log(`${ids.length} ${outcome}${ids.length ? `: ${ids.join(' ')}` : ''}`);
}
if (table) console.log(`\n${written.join('\n')}`);
process.exit(outcomes.failed.length > 0 ? 1 : outcomes.passed.length > 0 ? 0 : 77);
