// Runs the official conformance suite against a server whose only plugin is the fixture, and ends with the counts.
//   run.mjs PROGRAM       exit 1 when a scenario that applies fails
// There is no list of expected failures: what contradicts the specification would be shown with the text that says so.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const [program] = process.argv.slice(2);
if (!program) throw new Error('usage: run.mjs PROGRAM');
const suite = join(dirname(createRequire(join(import.meta.dirname, '../integration/package.json')).resolve('@modelcontextprotocol/conformance/package.json')), 'dist/index.js');

// What a run must show. `required` are the scenarios a revision demands, frozen with it; `atLeast` is how many passed when
// the suite was pinned. One that made no check has passed nothing: it is told with the suite's own reason. In the pinned
// suite that is tasks-status-notifications, whatever the server; tests/integration/tasks.test.mjs asks what it would.
const runs = [
  { what: 'required by 2026-07-28', args: ['--requirements', '2026-07-28'], required: 37 },
  { what: 'required by 2025-11-25', args: ['--requirements', '2025-11-25'], required: 30 },
  { what: '2025-06-18', args: ['--suite', 'all', '--spec-version', '2025-06-18'], atLeast: 27 },
  { what: 'everything there is', args: ['--suite', 'all'], atLeast: 64, tasksAtLeast: 9 },
];

const folder = mkdtempSync(join(tmpdir(), 'howdah-conformance-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

async function started() {
  const file = join(folder, 'howdah.yaml');
  const library = join(dirname(program), 'tests/test_plugins/fixture');
  writeFileSync(file, `howdah: 1
transports: { http: { listen: "127.0.0.1:0", auth: none, stream_hold_ms: 500 } }
plugins: [ { fixture: { library: ${JSON.stringify(library)} } } ]
databases: { main: { dsn: "host=/nowhere" } }
control: { socket: ${folder}/control.sock }
state_dir: ${folder}/state
`);
  const child = spawn(program, ['serve', '-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  process.on('exit', () => child.kill('SIGKILL'));
  let log = '';
  const url = await new Promise((resolve, reject) => {
    child.on('exit', () => reject(new Error(`the server ended: ${log}`)));
    createInterface({ input: child.stderr }).on('line', (line) => {
      log += `${line}\n`;
      const found = line.match(/listening on (http:\S+),/);
      if (found) resolve(found[1]);
    });
  });
  return { url, stop: () => child.kill('SIGTERM') };
}

// What the suite says of these scenarios.
async function said(url, args) {
  const child = spawn(process.execPath, [suite, 'server', '--url', url, ...args], { stdio: ['ignore', 'pipe', 'inherit'], cwd: folder });
  let out = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  await new Promise((resolve) => child.on('close', resolve));
  return out.replace(/\x1b\[[0-9;]*m/g, '');
}

// One run of the suite: its scenarios as { name, passed, failed, scored }.
async function scenariosOf(url, args) {
  const text = await said(url, args);
  const summary = text.slice(text.indexOf('=== SUMMARY ==='));
  const unscored = new Set([...summary.matchAll(/^\s+[✓✗] (\S+) \(/gm)].map(([, name]) => name));
  const scenarios = [...summary.matchAll(/^[✓✗] (\S+): (\d+) passed, (\d+) failed/gm)]
    .map(([, name, passed, failed]) => ({ name, passed: Number(passed), failed: Number(failed), scored: !unscored.has(name) }));
  if (scenarios.length === 0) throw new Error(`the suite has no summary:\n${text.slice(-2000)}`);
  const failures = text.split('\n').filter((line) => /FAILURE/.test(line));
  return { scenarios, failures };
}

// Why a scenario made no check, in the suite's words.
async function reasonOf(url, name) {
  const text = await said(url, ['--scenario', name, '--verbose']);
  const checks = JSON.parse(text.slice(text.indexOf('[\n'), text.lastIndexOf('\n]') + 2));
  return checks.filter(({ status }) => status === 'SKIPPED').map(({ errorMessage }) => errorMessage).join(' ') || 'no reason is given';
}

const hasPassed = ({ passed, failed }) => passed > 0 && failed === 0;

const server = await started();
const lines = [];
const skipped = new Set();
let good = true;
for (const run of runs) {
  const { scenarios, failures } = await scenariosOf(server.url, run.args);
  const failed = scenarios.filter((scenario) => scenario.failed > 0);
  const checks = scenarios.reduce((sum, scenario) => sum + scenario.passed, 0);
  const scored = scenarios.filter((scenario) => scenario.scored);
  const of = run.required ? scored : scenarios;
  const passed = of.filter(hasPassed).length;
  const idle = of.filter((scenario) => scenario.passed + scenario.failed === 0).map(({ name }) => name);
  lines.push(`figure: conformance, ${run.what}: ${passed} of ${run.required ?? of.length} scenarios`
    + `${run.required ? `, ${scenarios.length - scored.length} more not scored` : ''}, ${checks} checks passed, ${failed.length} scenarios failed`);
  idle.forEach((name) => skipped.add(name));
  failed.forEach(({ name }) => lines.push(`  failed: ${name}`));
  failures.forEach((line) => lines.push(`    ${line.trim()}`));
  if (failed.length > 0 || (run.required ? passed !== run.required : passed < run.atLeast)) good = false;
  if (run.what === 'everything there is') {
    const tasks = scenarios.filter(({ name }) => name.startsWith('tasks-'));
    lines.push(`figure: conformance, tasks: ${tasks.filter(hasPassed).length} of ${tasks.length} scenarios`);
    if (tasks.length !== 10 || tasks.filter(hasPassed).length < run.tasksAtLeast) good = false;
  }
}
for (const name of skipped) lines.push(`figure: conformance, ${name} makes no check of any server. ${await reasonOf(server.url, name)}`);
server.stop();
console.log(lines.join('\n'));
process.exit(good ? 0 : 1);
