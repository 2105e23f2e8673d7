// What a write costs PostgreSQL and the server in CPU, without and with a ceiling on changed rows.
//
//   HOWDAH_PROGRAM=build/release/howdah tests/support/with_cluster --database sample --load plugins/embedded/sample.sql -- \
//     tests/integration/node_modules/.bin/node tests/bench/write_cost.mjs
import { readFileSync } from 'node:fs';

import { callTool, dsn, psql, startServer, textOf } from '../integration/support.mjs';

const kCallers = 3;
const kWrites = 2000;  // of each
const kTick_us = 10000;

const ticksOf = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
};
psql('create table write_cost (i int)');
for (const section of [{}, { rows_affected_max: 1000 }]) {
  const server = await startServer({ databases: `  main: { dsn: "${dsn}&application_name=write_cost", access: read_write }`,
    plugins: [{ pool: { connections_max: 4, connections_min: 4 } }, 'guard', { query: section }] });
  const write = async (count) => {
    for (let i = 0; i < count; i++) {
      const result = await callTool(server.url, 'execute', { sql: 'insert into write_cost values (1)' });
      if (result.isError) throw new Error(textOf(result));
    }
  };
  const all = (count) => Promise.all(Array.from({ length: kCallers }, () => write(count)));
  await all(100);
  const backends = psql("select pid from pg_stat_activity where application_name = 'write_cost'").split('\n');
  const spent = () => [backends.reduce((sum, pid) => sum + ticksOf(pid), 0), ticksOf(server.child.pid)];
  const before = spent();
  await all(kWrites);
  const [postgres, howdah] = spent().map((ticks, i) => Math.round(((ticks - before[i]) * kTick_us) / (kCallers * kWrites)));
  console.log(`query: ${JSON.stringify(section)}: ${postgres} us of PostgreSQL's CPU a write, ${howdah} us of the server's`);
  await server.stop();
}
psql('drop table write_cost');
