// What suggest_indexes finds for the two workloads of tests/integration, against a greedy search that tries everything, and
// how long each takes.
//
//   HOWDAH_PROGRAM=build/release/howdah tests/support/with_cluster -- tests/integration/node_modules/.bin/node tests/bench/optimizer_advice.mjs
import { greedyBaseline, joins, joinsNotVacuumed, loaded, tpch } from '../integration/optimizer_workloads.mjs';
import { callTool, startServer, textOf } from '../integration/support.mjs';

const percent = (part, whole) => `${(100 * part / whole).toFixed(1)} %`;

for (const workload of [tpch, joins, joinsNotVacuumed]) {
  const cluster = loaded(workload);
  const server = await startServer({ databases: `  main: { dsn: "${cluster.dsn}" }`, plugins: ['pool', 'guard', 'query', { optimizer: {} }] });
  const queries = workload.queries.map((sql) => ({ sql }));
  for (const time_budget_ms of [28000, 5000, 2000]) {
    const result = await callTool(server.url, 'suggest_indexes', { queries, time_budget_ms });
    if (result.isError) throw new Error(textOf(result));
    const advice = result.structuredContent;
    console.log(`optimizer, ${workload.name}, ${time_budget_ms} ms: cost to ${percent(advice.cost_after, advice.cost_before)} with ${advice.steps.flatMap(({ indexes }) => indexes).length} indexes; ${advice.candidates} candidates, ${advice.plans} plans, ${Math.round(advice.took_ms)} ms${advice.complete ? '' : ', not complete'}`);
  }
  const began = performance.now();
  const baseline = greedyBaseline(cluster.dsn, workload);
  console.log(`optimizer, ${workload.name}, greedy over every B-tree of one or two columns: cost to ${percent(baseline.cost_after, baseline.cost_before)} with ${baseline.steps.length} indexes; ${Math.round(performance.now() - began)} ms`);
  await server.stop();
  cluster.remove();
}
