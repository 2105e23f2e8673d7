// A web page in a real browser: one whose origin the operator named calls a tool by fetch and by WebSocket, one of any
// other origin by neither. The pages come from two small servers of this test; the browser checks what a browser checks.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { createInterface } from 'node:readline';

import { lacking } from '../support/lacking.mjs';
import { atExit, inFolder, meta, openSocket, startServer } from './support.mjs';

const chromium = spawnSync('chromium', ['--version']).status === 0 && 'chromium';
const skip = chromium ? false : lacking('chromium is not installed');

// An empty page on a port, and so an origin, of its own.
async function page() {
  const server = http.createServer((request, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>page</title>'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

// Runs a function in a fresh page of that address and gives what its promise ends with.
async function browser(folder) {
  // Its own sandbox needs what containers and root do not give; the pages are ours.
  const child = spawn(chromium, ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
    '--remote-debugging-port=0', `--user-data-dir=${folder}`], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: folder } });
  const forget = atExit(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      const found = line.match(/^DevTools listening on (ws:\S+)/);
      if (found) resolve(found[1]);
    });
    exited.then(() => reject(new Error('chromium ended')));
  });
  const socket = await openSocket(url, []);
  let last = 0;
  const command = async (method, params, sessionId) => {
    const id = ++last;
    socket.socket.send(JSON.stringify({ id, method, params, sessionId }));  // nearly JSON-RPC: "jsonrpc" is refused
    const { result, error } = await socket.next((message) => message.id === id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  return {
    async run(address, work, ...args) {
      const { targetId } = await command('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await command('Target.attachToTarget', { targetId, flatten: true });
      await command('Page.enable', {}, sessionId);
      await command('Page.navigate', { url: address }, sessionId);
      await socket.next(({ method, params, sessionId: of }) => of === sessionId && method === 'Page.frameNavigated' && params.frame.url.startsWith(address));
      const expression = `(${work})(...${JSON.stringify(args)})`;
      const { result, exceptionDetails } = await command('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId);
      await command('Target.closeTarget', { targetId });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    },
    async close() {
      child.kill('SIGKILL');
      await exited;
      forget();
    },
  };
}

// In the page ---------------------------------------------------------------------------------------------------------

async function byFetch(url, message) {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': message.method, 'Mcp-Name': message.params.name };
  try {
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(message) });
    return { origin: location.origin, status: answer.status, answer: await answer.json() };
  } catch (error) {
    return { origin: location.origin, error: error.name };
  }
}

function bySocket(url, message) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, 'mcp');
    socket.onopen = () => socket.send(JSON.stringify(message));
    socket.onmessage = ({ data }) => {
      resolve({ origin: location.origin, protocol: socket.protocol, answer: JSON.parse(data) });
      socket.close();
    };
    socket.onclose = ({ code }) => resolve({ origin: location.origin, closed: code });
  });
}

// ---------------------------------------------------------------------------------------------------------------------

let allowed;
let foreign;
let server;
let chrome;
let place;
before(async () => {
  if (skip) return;
  [allowed, foreign] = await Promise.all([page(), page()]);
  server = await startServer({ http: `, auth: none, origins: ["${allowed.url}"]` });
  place = inFolder();
  chrome = await browser(place.folder);
});
after(async () => {
  if (skip) return;
  await chrome.close();
  place.remove();
  allowed.close();
  foreign.close();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'query', arguments: { sql: 'select 6 * 7 as answer' }, _meta: meta() } };
const ways = [['fetch', byFetch, () => server.url], ['WebSocket', bySocket, () => server.url.replace('http', 'ws')]];

for (const [name, way, url] of ways) {
  test(`a page of an allowed origin calls a tool by ${name}`, { skip }, async () => {
    const { origin, answer, ...more } = await chrome.run(allowed.url, way, url(), call);
    assert.equal(origin, allowed.url);
    assert.deepEqual(answer.result?.structuredContent?.rows, [[42]], JSON.stringify({ answer, more }));
    assert.deepEqual(more, name === 'fetch' ? { status: 200 } : { protocol: 'mcp' });
  });

  test(`a page of another origin is refused by ${name}`, { skip }, async () => {
    const told = await chrome.run(foreign.url, way, url(), call);
    assert.deepEqual(told, name === 'fetch' ? { origin: foreign.url, error: 'TypeError' } : { origin: foreign.url, closed: 1006 });
  });
}
