// Runs one row of the fault table in this process: `row.mjs F3 quick|full`. Ends with 0 (passed), 1 (failed) or 77 (could
// not be run here).
import { rows } from './rows.mjs';
import { Report } from './report.mjs';

const [id, set = 'quick'] = process.argv.slice(2);
const row = rows.find((each) => each.id === id);
if (!row || !['quick', 'full'].includes(set)) {
  console.error(`usage: row.mjs ${rows.map((each) => each.id).join('|')} quick|full`);
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));  // what was started ends with it
const report = new Report(id, set === 'full');
const began = performance.now();
try {
  const module = await import(row.module);
  await module[row.run ?? 'run'](report, { full: set === 'full' });
} catch (error) {
  report.failed.push(`the test itself: ${error.stack}`);
}
const outcome = report.outcome;
console.log(`${id} ${outcome} in ${Math.round((performance.now() - began) / 1000)} s: ${row.title}`);
for (const figure of report.figures) console.log(`figure: ${id} ${figure}`);
for (const gap of report.gaps) console.log(`figure: ${id} does not hold yet: ${gap}`);
for (const part of report.not_run) console.log(`figure: ${id} not run: ${part}`);
for (const broken of report.failed) console.log(`${id} failed: ${broken}`);
process.exit({ passed: 0, failed: 1, 'not run': 77 }[outcome]);
