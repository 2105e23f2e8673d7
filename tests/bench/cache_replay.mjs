// Hits of a Zipf replay over the demo database, with and without writes in between, and what a call takes with and without
// the cache. 1,000 different calls, the n-th asked for 1/n as often as the first.
//
//   HOWDAH_PROGRAM=build/release/howdah tests/support/with_cluster --database sample --load plugins/embedded/sample.sql -- \
//     tests/integration/node_modules/.bin/node tests/bench/cache_replay.mjs
import { startCached, statsOf } from '../integration/cache_support.mjs';
import { callTool, dsn, textOf } from '../integration/support.mjs';

const kCalls = Number(process.env.HOWDAH_CACHE_CALLS ?? 30000);
const kDifferent = 1000;
const kConnections = 16;
const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

const kTexts = [
  (n) => ['select id, name, list_price, stock from shop.products where id = $1', [n + 1]],
  (n) => ['select id, full_name, country, tier from shop.customers where id = $1', [n + 1]],
  (n) => ['select line_no, product_id, quantity, line_amount from shop.order_items where order_id = $1 order by line_no', [n + 1]],
  (n) => ['select rating, count(*) from shop.reviews where product_id = $1 group by rating order by rating', [n + 1]],
  (n) => [`select status, count(*) from shop.orders where customer_id between ${n * 10} and ${n * 10 + 500} group by status order by status`],
];
// The ranks in an order that has nothing to do with the texts'.
const calls = Array.from({ length: kDifferent }, (_, i) => kTexts[i % kTexts.length](i * 7 % kDifferent));
const sums = [];
calls.reduce((sum, _, i) => (sums[i] = sum + 1 / (i + 1)), 0);
let seed = 7;
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const pick = () => {
  const wanted = random() * sums.at(-1);
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return calls[low];
};

async function replay(label, server, writes_every) {
  const took = [];
  let done = 0;
  const before = await statsOf(server.url).catch(() => undefined);
  const begun = performance.now();
  await Promise.all(Array.from({ length: kConnections }, async () => {
    while (done < kCalls) {
      done++;
      if (writes_every && done % writes_every === 0) {
        const wrote = await callTool(server.url, 'execute', { database: 'writable', sql: 'update shop.reviews set rating = rating where id = 1' });
        if (wrote.isError) throw new Error(textOf(wrote));
      }
      const [sql, params] = pick();
      const at_ms = performance.now();
      const result = await callTool(server.url, 'query', { sql, ...(params && { params }) });
      took.push(performance.now() - at_ms);
      if (result.isError) throw new Error(`${sql}: ${textOf(result)}`);
    }
  }));
  const seconds = (performance.now() - begun) / 1000;
  took.sort((a, b) => a - b);
  const after = await statsOf(server.url).catch(() => undefined);
  const hits = after && after.hits + after.misses > before.hits + before.misses ? `, ${(100 * (after.hits - before.hits) / (after.hits - before.hits + after.misses - before.misses)).toFixed(1)} % hits` : '';
  console.log(`cache: ${label}: ${Math.round(took.length / seconds)} calls/s of ${kConnections} node clients, median ${at(took, 0.5).toFixed(2)} ms, p99 ${at(took, 0.99).toFixed(2)} ms${hits}`);
}

for (const [label, cache, writes_every] of [['without', undefined], ['cold', {}], ['a write every 500 calls', {}, 500]]) {
  const server = await startCached(dsn, cache ?? { databases_off: ['main', 'writable'] }, { headers: !cache });
  await replay(label, server, writes_every);
  await server.stop();
}
