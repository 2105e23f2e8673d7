// What list_tables and describe_table take on the 5,000 tables of tests/integration/large_schema.sql, and how many tokens their
// answers have. The goal: 300 ms, 10,000 tokens of o200k_base. The first call of each follows what was asked before it.
//
//   HOWDAH_PROGRAM=build/release/howdah tests/support/with_cluster --database sample --load plugins/embedded/sample.sql \
//     --load tests/support/roles.sql -- tests/integration/node_modules/.bin/node tests/bench/list_tables.mjs
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { callTool, madeDatabase, startServer, textOf } from '../integration/support.mjs';

const kCalls = 15;
const kGoal_ms = 300;
const kGoalTokens = 10000;
const tests = createRequire(join(import.meta.dirname, '../integration/package.json'));
const { Tiktoken } = tests('js-tiktoken/lite');
const tokens = new Tiktoken(tests('js-tiktoken/ranks/o200k_base'));

const database = madeDatabase(join(import.meta.dirname, '../integration/large_schema.sql'));
const server = await startServer({ databases: `  main: { dsn: "${database.dsn.replace('postgres@', 'howdah_reader@')}" }` });
const { tables: [table] } = (await callTool(server.url, 'list_tables', { pattern: '0040', detail: 'names', limit: 1 })).structuredContent;
for (const [name, args] of [['list_tables', {}], ['list_tables', { detail: 'names', limit: 1000 }], ['list_tables', { detail: 'full', limit: 1000 }],
  ['list_tables', { pattern: 'euros', limit: 1000 }], ['describe_table', { table }]]) {
  const took = [];
  let answer;
  for (let i = 0; i < kCalls; i++) {
    const began = performance.now();
    answer = await callTool(server.url, name, args);
    took.push(performance.now() - began);
    if (answer.isError) throw new Error(textOf(answer));
  }
  const counted = tokens.encode(textOf(answer)).length;
  const [first] = took;
  took.sort((a, b) => a - b);
  const median = took[kCalls >> 1];
  const met = median <= kGoal_ms && counted <= kGoalTokens;
  console.log(`schema, 5,000 tables, ${name} ${JSON.stringify(args)}: ${counted} tokens, first ${first.toFixed(0)} ms, median ${median.toFixed(0)} ms, best ${took[0].toFixed(0)} ms of ${kCalls}; the goal is ${met ? 'met' : 'not met'}`);
}
await server.stop();
database.drop();
