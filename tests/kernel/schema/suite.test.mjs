// JSON Schema 2020-12 judged from outside: by the upstream test suite, and by ajv on schemas and values made up here.
// Prints the counts of each file. A schema may be refused only by one of the rules below; what is accepted must be right.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

import { lacking } from '../../support/lacking.mjs';
import { choicesFrom } from '../../support/random.mjs';

const require = createRequire(new URL('../../integration/package.json', import.meta.url));
const { Ajv2020 } = require('ajv/dist/2020.js');

const judge = process.env.HOWDAH_SCHEMA_JUDGE;
if (!judge) throw new Error('HOWDAH_SCHEMA_JUDGE must name the program schema_judge; ctest does it');
// Debian's copy, or a newer checkout of the suite.
const suite = process.env.HOWDAH_SCHEMA_SUITE ?? '/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance';
const draft = join(suite, 'tests/draft2020-12');

// Why this server refuses a schema that the standard allows. docs/plugin-guide.md tells authors.
const kRules = [
  ['remote', /nothing is fetched/],
  ['dialect', /only https:\/\/json-schema\.org\/draft\/2020-12\/schema is understood/],
  ['older draft', /is of an older draft/],
  ['number', /^Problem while parsing a number$/],  // an integer beyond 64 bits, in the instance
  ['pattern', /pattern at byte \d+: .* (not supported|is missing)|pattern needs more than/],
];

function verdicts(lines) {
  const done = spawnSync(judge, { input: lines.map((line) => `${line}\n`).join(''), encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.split('\n').filter(Boolean).map((answer) => JSON.parse(answer));
}

const line = (schema, instances) => `{"schema":${JSON.stringify(schema)},"instances":${JSON.stringify(instances)}}`;

function judgeFile(name) {
  const groups = JSON.parse(readFileSync(join(draft, name), 'utf8'));
  const answers = verdicts(groups.map((group) => line(group.schema, group.tests.map(({ data }) => data))));
  const count = { right: 0, all: 0, refused: new Map(), wrong: [] };
  groups.forEach((group, index) => {
    const { valid, refused, unreadable } = answers[index];
    if (!valid) {
      const why = refused ?? unreadable;
      const rule = kRules.find(([, form]) => form.test(why))?.[0];
      if (!rule) count.wrong.push(`${name}: "${group.description}" is refused: ${why}`);
      count.refused.set(rule, (count.refused.get(rule) ?? 0) + group.tests.length);
      return;
    }
    group.tests.forEach((one, number) => {
      count.all++;
      if (valid[number] === one.valid) count.right++;
      else count.wrong.push(`${name}: "${group.description}", "${one.description}": must be ${one.valid ? 'valid' : 'invalid'}`);
    });
  });
  const refused = [...count.refused].map(([rule, tests]) => `${tests} (${rule})`).join(', ');
  console.log(`${name.padEnd(42)} ${`${count.right}/${count.all}`.padStart(9)}${refused ? `  refused ${refused}` : ''}`);
  return count;
}

function judgeFolder(title, names) {
  const counts = names.map(judgeFile);
  const sum = (of) => counts.reduce((total, count) => total + of(count), 0);
  const refused = sum((count) => [...count.refused.values()].reduce((a, b) => a + b, 0));
  console.log(`figure: ${title}: ${sum((count) => count.right)}/${sum((count) => count.all)} right, ${refused} in schemas refused by rule`);
  assert.deepEqual(counts.flatMap((count) => count.wrong), []);
  return sum((count) => count.right);
}

const skip = existsSync(draft) ? false : lacking(`${draft} is missing: install libtest-json-schema-acceptance-perl, or set HOWDAH_SCHEMA_SUITE`);
const filesIn = (folder) => readdirSync(join(draft, folder)).filter((name) => name.endsWith('.json')).map((name) => join(folder, name)).sort();

test('the required files of the upstream suite', { skip }, () => {
  assert.ok(judgeFolder('JSON Schema 2020-12, required', filesIn('')) > 1000);
});

// Not in it: optional/format*, because format is an annotation here, as the dialect has it.
test('the optional files of the upstream suite', { skip }, () => {
  judgeFolder('JSON Schema 2020-12, optional', filesIn('optional').filter((name) => !name.includes('format')));
});

function makeSchema(random, depth) {
  if (depth === 0 || random.chance(0.1)) return random.pick([true, {}, false, { type: 'integer' }, { type: 'string' }, { $ref: '#/$defs/a' }]);
  const inside = () => makeSchema(random, depth - 1);
  const several = (n = 1 + random.below(2)) => Array.from({ length: n }, inside);
  const keys = ['a', 'b', 'c'];
  const object = (make) => Object.fromEntries(keys.filter(() => random.chance(0.5)).map((key) => [key, make()]));
  const keywords = {
    type: () => random.chance(0.5) ? random.pick(['object', 'array', 'string', 'number', 'integer', 'null', 'boolean']) : ['object', 'array'],
    enum: () => [1, 'a', null, { a: 1 }, [1]], const: () => random.pick([1, 'ab', { a: 1 }]),
    minimum: () => random.below(3), maximum: () => random.below(3), exclusiveMinimum: () => 0, multipleOf: () => 2,
    minLength: () => random.below(3), maxLength: () => random.below(3), pattern: () => random.pick(['^a', 'b$', '[a-c]+']),
    minItems: () => random.below(3), maxItems: () => random.below(3), uniqueItems: () => random.chance(0.5),
    items: inside, prefixItems: several, contains: inside, minContains: () => random.below(3), unevaluatedItems: inside,
    properties: () => object(inside), required: () => keys.filter(() => random.chance(0.3)),
    additionalProperties: inside, patternProperties: () => ({ '^a': inside() }), propertyNames: () => ({ pattern: '^[ab]' }),
    minProperties: () => random.below(3), maxProperties: () => random.below(3), unevaluatedProperties: inside,
    dependentRequired: () => ({ a: ['b'] }), dependentSchemas: () => object(inside),
    allOf: several, anyOf: several, oneOf: several, not: inside, if: inside, then: inside, else: inside, $ref: () => '#/$defs/a',
  };
  const schema = {};
  for (let i = 0, n = 1 + random.below(3); i < n; i++) {
    const keyword = random.pick(Object.keys(keywords));
    schema[keyword] = keywords[keyword]();
  }
  return schema;
}

function makeValue(random, depth) {
  const inside = () => makeValue(random, depth - 1);
  const kinds = [() => random.below(5) - 1, () => random.below(6) / 2, () => random.pick(['', 'a', 'ab', 'abc', 'é']), () => null, () => random.chance(0.5)];
  if (depth > 0) {
    kinds.push(() => Array.from({ length: random.below(4) }, inside), () => Array.from({ length: random.below(4) }, inside));
    kinds.push(...Array(3).fill(() => Object.fromEntries(['a', 'b', 'c'].filter(() => random.chance(0.5)).map((key) => [key, inside()]))));
  }
  return random.pick(kinds)();
}

// Where ajv 8.20 is wrong and the upstream suite decides: beside prefixItems, contains accepts []; for unevaluatedItems,
// what contains has looked at does not count.
const ajvIsWrong = (text) => text.includes('"contains"') && /"(prefixItems|unevaluatedItems)"/.test(text);

test('schemas and values made up at random: the same verdicts as ajv', () => {
  const random = choicesFrom(20261127);
  const ajv = new Ajv2020({ strict: false, logger: false, inlineRefs: false });
  const cases = [];
  while (cases.length < 4000) {
    // What `a` is does not refer again, so nothing goes round in circles.
    const schema = { ...Object(makeSchema(random, 3)), $defs: { a: { type: ['integer', 'object'], properties: { a: { minimum: 1 } } } } };
    if (!ajvIsWrong(JSON.stringify(schema))) cases.push({ schema, values: Array.from({ length: 10 }, () => makeValue(random, 3)) });
  }
  const answers = verdicts(cases.map(({ schema, values }) => line(schema, values)));
  let compared = 0, valid = 0;
  cases.forEach(({ schema, values }, index) => {
    assert.equal(answers[index].refused, undefined, JSON.stringify(schema));
    const fits = ajv.compile(schema);
    values.forEach((value, number) => {
      const theirs = fits(value);
      compared++;
      valid += theirs;
      assert.equal(answers[index].valid[number], theirs, `${JSON.stringify(schema)} with ${JSON.stringify(value)}`);
    });
  });
  console.log(`figure: JSON Schema against ajv: ${compared} verdicts compared, ${valid} valid, 0 different`);
  assert.ok(valid > compared / 10 && valid < compared * 9 / 10);
});

test('a schema never makes the server look elsewhere', async () => {
  let met = 0;
  const elsewhere = createServer((_, answer) => {
    met++;
    answer.end('true');
  });
  await new Promise((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  const there = `http://127.0.0.1:${elsewhere.address().port}/s.json`;
  const answers = verdicts([{ $ref: there }, { $dynamicRef: there }, { $id: there, $ref: 'other.json' }, { $schema: there },
    { $id: there, items: { $ref: there } }].map((schema) => line(schema, [1])));
  assert.equal(await fetch(there).then((answer) => answer.text()), 'true');
  elsewhere.close();
  assert.equal(met, 1);  // by this test only
  answers.slice(0, 3).forEach(({ refused }) => assert.match(refused, /nothing is fetched/));
  assert.match(answers[3].refused, /is understood/);
  assert.deepEqual(answers[4].valid, [true]);  // its own name
});
