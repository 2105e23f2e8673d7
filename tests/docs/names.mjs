// Every test that the tables of these pages name is there: a promise whose test was renamed or removed is found here. A name
// ends with "..." where the rest was left out, and "x: ..." (N) says how many begin so; a file before it, as in `auth`: "...", says which integration test has it.
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = process.argv[2];
const files = (under, ends) => readdirSync(join(root, under), { recursive: true })
  .filter((path) => ends.some((end) => path.endsWith(end)) && !path.includes('node_modules')).map((path) => join(root, under, path));

// Names by file of tests/integration; all others, those of C++ among them, under "".
const names = new Map([['', []]]);
for (const file of files('tests', ['.cpp'])) {
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/TEST_CASE\(\s*"((?:[^"\\]|\\.)*)"/g)) names.get('').push(name);
}
for (const file of files('tests', ['.test.mjs'])) {
  const key = file.includes('/integration/') ? basename(file, '.test.mjs') : '';
  const found = [...readFileSync(file, 'utf8').matchAll(/(?:test|describe)\(\s*(['"`])((?:(?!\1)[^\\]|\\.)*)\1/g)].map(([, , name]) => name.replaceAll("\\'", "'"));
  names.set(key, [...(names.get(key) ?? []), ...found]);
}
const transcripts = new Set(files('tests/conformance/transcripts', ['.mcp']).map((file) => basename(file)));
const fuzzed = new Set(readdirSync(join(root, 'tests/fuzz/corpus')));

// The parts of a name that was shortened stand in this order in the whole one; what a template fills in counts as left out.
const fits = (asked, name) => {
  const parts = asked.split('...').map((part) => part.trim());
  let at = 0;
  return parts.every((part, index) => {
    const found = name.indexOf(part, at);
    at = found + part.length;
    return found >= 0 && (index > 0 || found === 0 || name[0] === '$') && (index < parts.length - 1 || part === '' || at === name.length);
  });
};

// Page and how many names it has at least.
const pages = [['docs/security.md', 100], ['docs/peers-complaints.md', 40]];
const missing = [];
let checked = 0;
function check(page) {
  const miss = (what) => missing.push(`${page} names a test that is not there: ${what}`);
  for (const line of readFileSync(join(root, page), 'utf8').split('\n').filter((each) => each.startsWith('|'))) {
    let file = '';
    for (const [, named, quoted, told] of line.matchAll(/`([^`]*)`|"([^"]*)"(?: \((\d+)\))?/g)) {
      if (named !== undefined) {
        file = names.has(named) ? named : file;
        if (named.endsWith('.mcp')) {
          checked += 1;
          const pattern = new RegExp(`^${named.replace('.', '\\.').replace('*', '.*')}$`);
          if (![...transcripts].some((each) => pattern.test(each))) miss(named);
        }
        continue;
      }
      checked += 1;
      // In the file named last, or in one that needs no name.
      const found = [...(file && names.get(file) || []), ...names.get('')].filter((name) => fits(quoted, name)).length;
      if (found === 0) miss(`${file}: "${quoted}"`);
      // "tls: ..." (16) says how many tests have that beginning.
      else if (told && /^[^:]+: \.\.\.$/.test(quoted) && found !== Number(told)) miss(`"${quoted}" (${told}), there are ${found}`);
    }
    for (const [, target] of line.matchAll(/fuzz `([a-z_]*)`/g)) {
      checked += 1;
      if (!fuzzed.has(target)) miss(`fuzz ${target}`);
    }
  }
}
for (const [page, least] of pages) {
  const before = checked;
  check(page);
  if (checked - before < least) missing.push(`${page} has ${checked - before} names of tests, ${least} are expected at least`);
}

// The table of faults: a line for each row, with what is broken, what must hold and its file as they stand there.
const { rows } = await import(pathToFileURL(join(root, 'tests/faults/rows.mjs')));
const lines = readFileSync(join(root, 'docs/reliability.md'), 'utf8').split('\n');
for (const { id, title, must, module } of rows) {
  const wanted = `| ${[id, title, must, `\`${basename(module, '.mjs')}\``].join(' | ')} |`;
  checked += 1;
  if (!lines.some((line) => line.startsWith(wanted))) missing.push(`docs/reliability.md has no line that begins with ${wanted}`);
}

// Every fuzz target is told of.
const fuzzing = readFileSync(join(root, 'docs/security.md'), 'utf8').split('\n## ').find((part) => part.startsWith('Fuzzing\n'));
for (const target of readdirSync(join(root, 'tests/fuzz')).filter((name) => name.endsWith('.cpp') && name !== 'replay.cpp')) {
  checked += 1;
  if (!fuzzing.includes(`\`${basename(target, '.cpp')}\``)) missing.push(`docs/security.md tells nothing of fuzz target ${target}`);
}

for (const name of missing) console.error(name);
console.log(`${checked} names checked`);
process.exitCode = missing.length > 0 ? 1 : 0;
