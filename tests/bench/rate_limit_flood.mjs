// What a flooding principal does to the p99 of others: one calls at a steady pace, alone, beside a flood that nobody limits,
// and beside the same flood with limits. Each in turn, several times, so that a busy neighbour hurts all alike.
//
//   HOWDAH_PROGRAM=build/release/howdah tests/support/with_cluster -- \
//     tests/integration/node_modules/.bin/node tests/bench/rate_limit_flood.mjs
import { Agent, request } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { inFolder, meta, startServer } from '../integration/support.mjs';

const kRounds = 5;
const kCalls = 400;        // of the one who is measured, in each round
const kEvery_ms = 5;       // between two of them
const kFlooders = 32;      // connections that ask again as soon as they have an answer
const kLimits = { tiers: { default: { principal: { calls: { second: 500 }, concurrency: 4 } } } };

const place = inFolder();
const tokens = { steady: 's'.repeat(30), flood: 'f'.repeat(30) };
writeFileSync(join(place.folder, 'tokens'), `${tokens.steady} name=steady\n${tokens.flood} name=flood\n`, { mode: 0o600 });
const start = (limited) => startServer({ http: '', plugins: ['pool', 'guard', 'query', { auth: { token_file: join(place.folder, 'tokens') } }, ...(limited ? [{ rate_limit: kLimits }] : [])] });

let id = 0;
const call = (agent, url, token) => new Promise((resolve, reject) => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method: 'tools/call', params: { name: 'query', arguments: { sql: 'select count(*) from generate_series(1, 2000)' }, _meta: meta() } });
  const sent = request(url, { method: 'POST', agent, headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', Authorization: `Bearer ${token}`, 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'query', 'Content-Length': Buffer.byteLength(body) } }, (answer) => {
    let text = '';
    answer.on('data', (bytes) => { text += bytes; });
    answer.on('end', () => resolve(JSON.parse(text).result));
  });
  sent.on('error', reject);
  sent.end(body);
});

async function flood(url, count) {
  const agent = new Agent({ keepAlive: true, maxSockets: count });
  const state = { over: false, passed: 0, refused: 0 };
  const all = Array.from({ length: count }, async () => {
    while (!state.over) {
      const result = await call(agent, url, tokens.flood);
      if (result.isError) {
        state.refused++;
        // As a client that reads what it is told; one that does not costs what any refused request costs.
        await pause(1);
      } else {
        state.passed++;
      }
    }
  });
  return { state, async end() { state.over = true; await Promise.all(all); agent.destroy(); } };
}

async function measured(url) {
  const agent = new Agent({ keepAlive: true });
  const took = [];
  for (let i = 0; i < kCalls; i++) {
    const begun = performance.now();
    const result = await call(agent, url, tokens.steady);
    if (result.isError) throw new Error(result.content[0].text);
    took.push(performance.now() - begun);
    await pause(kEvery_ms);
  }
  agent.destroy();
  return took;
}

const at = (times, share) => [...times].sort((a, b) => a - b)[Math.floor(times.length * share)];
const cases = { 'alone, limited server': [true, 0], 'beside a flood, no limits': [false, kFlooders], 'beside a flood, limits': [true, kFlooders] };
const results = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
for (let round = 0; round < kRounds; round++) {
  for (const [name, [limited, flooders]] of Object.entries(cases)) {
    const server = await start(limited);
    const flooding = await flood(server.url, flooders);
    const took = await measured(server.url);
    await flooding.end();
    results[name].push({ p50: at(took, 0.5), p99: at(took, 0.99), ...flooding.state });
    await server.stop();
  }
}
for (const [name, rounds] of Object.entries(results)) {
  const middle = (key) => at(rounds.map((round) => round[key]), 0.5).toFixed(2);
  console.log(`rate_limit: ${name}: median p50 ${middle('p50')} ms, p99 ${middle('p99')} ms; the flood passed ${rounds.map(({ passed }) => passed)} and was refused ${rounds.map(({ refused }) => refused)} times`);
}
place.remove();
