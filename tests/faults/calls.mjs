// Tool calls that never throw: what came of each, and how long it took.
import http from 'node:http';

import { meta } from '../integration/support.mjs';

const kHangs_ms = 60000;  // then a call counts as never answered
const kUnknown = /not known|outcome .*unknown|unknown outcome/i;
const kRefusedAtOnce = /are refused until/;

// { ms, result } of a call that was answered, { ms, broken } of one that was not.
export function call(url, name, args, { agent, signal, path } = {}) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta: meta() } });
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'Content-Length': Buffer.byteLength(body),
    'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': name };
  const began = performance.now();
  return new Promise((resolve) => {
    const done = (what) => resolve({ ms: performance.now() - began, ...what });
    const request = http.request(url, { method: 'POST', headers, agent, signal, timeout: kHangs_ms, ...(path ? { socketPath: path } : {}) }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', (error) => done({ broken: error.message }));
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString();
        try {
          const said = JSON.parse(text);
          done(said.result ? { result: said.result } : { broken: `${answer.statusCode}: ${said.error?.message ?? text.slice(0, 200)}`, status: answer.statusCode });
        } catch {
          done({ broken: `${answer.statusCode}: not JSON: ${text.slice(-200)}`, status: answer.statusCode });
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${kHangs_ms} ms`)));
    request.on('error', (error) => done({ broken: error.message }));
    request.end(body);
  });
}

export const saidBy = ({ result, broken }) => broken ?? result.content.map((block) => block.text ?? '').join('');
export const isRefusedAtOnce = (answer) => Boolean(answer.result?.isError) && kRefusedAtOnce.test(saidBy(answer));

// done, failed (and therefore without effect), unknown (the server says so), broken (no answer).
export function outcomeOf(answer) {
  if (answer.broken) return 'broken';
  if (!answer.result.isError) return 'done';
  return kUnknown.test(saidBy(answer)) ? 'unknown' : 'failed';
}
