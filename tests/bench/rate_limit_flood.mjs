// What a flooding principal does to the p99 of others: one calls at a steady pace, alone, beside a flood that nobody limits,
// beside the same flood with limits, and beside that flood of another server, which tells what the machine makes of it. Each in
// turn, several times, so that a busy neighbour hurts all alike.
//
//   HOWDAH_PROGRAM=build/release/howdah tests/support/with_cluster -- \
//     tests/integration/node_modules/.bin/node tests/bench/rate_limit_flood.mjs
import { spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { atExit, inFolder, meta, startServer } from '../integration/support.mjs';

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
const bodyOf = (number) => JSON.stringify({ jsonrpc: '2.0', id: number, method: 'tools/call', params: { name: 'query', arguments: { sql: 'select count(*) from generate_series(1, 2000)' }, _meta: meta() } });
const headersOf = (token) => ({ 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', Authorization: `Bearer ${token}`, 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'query' });
const call = (agent, url, token) => new Promise((resolve, reject) => {
  const body = bodyOf(++id);
  const sent = request(url, { method: 'POST', agent, headers: { ...headersOf(token), 'Content-Length': Buffer.byteLength(body) } }, (answer) => {
    let text = '';
    answer.on('data', (bytes) => { text += bytes; });
    answer.on('end', () => resolve(JSON.parse(text).result));
  });
  sent.on('error', reject);
  sent.end(body);
});

// Its client is another machine's: it gets what processor time the server, the database and the one who is measured leave.
const script = join(place.folder, 'flood.lua');
writeFileSync(script, `
wrk.method = "POST"
for name, value in pairs({ ${Object.entries(headersOf(tokens.flood)).map(([name, value]) => `["${name}"] = "${value}"`).join(', ')} }) do wrk.headers[name] = value end
wrk.body = [[${bodyOf(1)}]]
local threads = {}
function setup(thread) table.insert(threads, thread) end
passed, refused, strange = 0, 0, 0
function response(status, headers, body)
  if body:find('"isError":true', 1, true) then refused = refused + 1
  elseif body:find('"isError":false', 1, true) then passed = passed + 1
  else strange = strange + 1 end
end
function done() for _, thread in ipairs(threads) do io.write("passed ", thread:get("passed"), " refused ", thread:get("refused"), " strange ", thread:get("strange"), "\\n") end end
`);
async function flood(url, count) {
  if (count === 0) return { end: async () => ({ passed: 0, refused: 0 }) };
  const last = 'echo 19 > /proc/self/autogroup 2>/dev/null; exec nice -n 19 wrk "$@"';
  const wrk = spawn('setsid', ['sh', '-c', last, 'wrk', '-t1', `-c${count}`, '-d600s', '-s', script, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  wrk.stdout.on('data', (bytes) => { said += bytes; });
  const ended = new Promise((resolve) => wrk.on('close', resolve));
  const end = atExit(() => wrk.kill('SIGINT'));
  await pause(300);
  return { async end() {
    end();
    await ended;
    const [, passed, refused, strange] = said.match(/passed (\d+) refused (\d+) strange (\d+)/) ?? [];
    if (strange !== '0') throw new Error(`wrk said: ${said}`);
    return { passed: Number(passed), refused: Number(refused) };
  } };
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
// Whether the server that is asked has limits, and which is flooded.
const kControl = 'beside a flood of another server';
const cases = { alone: [true], [kControl]: [true, 'other'], 'beside a flood, no limits': [false, 'same'], 'beside a flood, limits': [true, 'same'] };
const results = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
for (let round = 0; round < kRounds; round++) {
  for (const [name, [limited, flooded]] of Object.entries(cases)) {
    const [server, other] = [await start(limited), await start(true)];
    const flooding = await flood(flooded === 'other' ? other.url : server.url, flooded ? kFlooders : 0);
    const took = await measured(server.url);
    results[name].push({ p50: at(took, 0.5), p99: at(took, 0.99), ...await flooding.end() });
    await Promise.all([server.stop(), other.stop()]);
  }
}
const middle = (list) => at(list, 0.5).toFixed(2);
for (const [name, rounds] of Object.entries(results)) {
  const of = (key) => rounds.map((round) => round[key]);
  const ratio = (key, to) => middle(rounds.map((round, i) => round[key] / results[to][i][key]));
  const ratios = (key) => `${ratio(key, 'alone')} of alone, ${ratio(key, kControl)} of the control`;
  console.log(`rate_limit: ${name}: median p50 ${middle(of('p50'))} ms (${ratios('p50')}), p99 ${middle(of('p99'))} ms (${ratios('p99')}); the flood passed ${of('passed')} and was refused ${of('refused')} times`);
}
place.remove();
