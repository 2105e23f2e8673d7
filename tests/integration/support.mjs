// What every integration test needs: a configured server on a free port or on pipes, raw requests, a way to run the program.
// The database comes from the environment (tests/support/with_cluster), the program from HOWDAH_PROGRAM.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

export const program = process.env.HOWDAH_PROGRAM;
export const dsn = process.env.HOWDAH_TEST_DSN;
// The same database as a role that only reads (tests/support/roles.sql).
export const reader = dsn?.replace('//postgres@', '//howdah_reader@');
if (!program || !dsn) throw new Error('HOWDAH_PROGRAM and HOWDAH_TEST_DSN must be set; ctest does it');

// Text of a configuration: every test says what differs. `http` is true, the text of further keys in place of auth: none, or
// the whole section in braces, in which FOLDER is the test's own.
const section = (http, folder) => {
  if (http === true) return '{ listen: "127.0.0.1:0", auth: none }';
  return http.startsWith('{') ? http.replaceAll('FOLDER', folder) : `{ listen: "127.0.0.1:0"${http} }`;
};
// The cluster's only role is a superuser unless a test says otherwise, which a restricted database takes by permission alone.
const permitted = (plugin) => (plugin === 'guard' || plugin.guard ? { guard: { privileged_roles_allowed: ['*'], ...plugin.guard } } : plugin);
export const config = ({ http = true, plugins = ['pool', 'guard', 'query', 'schema'], databases, extra = '', folder, privileged = true } = {}) => `howdah: 1
transports:
  stdio: {}
${http !== false ? `  http: ${section(http, folder)}` : ''}
databases:
${databases ?? `  main: { dsn: "${dsn}" }
  notes: { dsn: "${dsn}", access: read_write }`}
plugins: ${JSON.stringify(privileged ? plugins.map(permitted) : plugins)}
control: { socket: ${folder}/control.sock }
state_dir: ${folder}/state
${extra}`;

// What a test that failed left behind is gone when its file ends.
const leftovers = new Set();
process.on('exit', () => leftovers.forEach((end) => end()));
export function atExit(end) {
  leftovers.add(end);
  return () => {
    leftovers.delete(end);
    end();
  };
}

export const inFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-it-'));
  return { folder, remove: atExit(() => rmSync(folder, { recursive: true, force: true })) };
};

// A server with these pipes; `exited` tells how it ended.
function spawned(file, stdio) {
  const child = spawn(program, ['serve', '-c', file], { stdio });
  const kill = () => child.kill('SIGKILL');
  leftovers.add(kill);
  const exited = new Promise((resolve) => child.on('exit', (code, signal) => {
    leftovers.delete(kill);
    resolve({ code, signal });
  }));
  return { child, exited };
}

// Starts `howdah serve` over HTTP and waits until it says where it listens.
export async function startServer(options = {}) {
  const place = options.place ?? inFolder();
  const file = join(place.folder, 'howdah.yaml');
  const write = (changed) => writeFileSync(file, config({ ...options, ...changed, folder: place.folder }));
  write({});
  const { child, exited } = spawned(file, ['ignore', 'pipe', 'pipe']);
  let log = '';
  let out = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  const lines = createInterface({ input: child.stderr });
  const read = once(lines, 'close');
  const url = await new Promise((resolve, reject) => {
    exited.then(() => reject(new Error(`the server ended: ${log}`)));
    lines.on('line', (line) => {
      log += `${line}\n`;
      const found = line.match(/listening on ((?:https?|unix):\S+),/);
      if (found) resolve(found[1]);
    });
  });
  return {
    url, file, write, child, exited, folder: place.folder,
    // A line of the log may come after the answer it tells of: the server writes it from a thread of its own. So what has to
    // be there is waited for, and what may never be there is looked for after stop(), which has read all of it.
    logs: (pattern) => until(`the log holds ${pattern}`, () => log.match(pattern)),
    log: () => log,
    out: () => out,
    async stop() {
      child.kill('SIGTERM');
      const ended = await exited;
      await read;
      place.remove();
      return ended;
    },
  };
}

// The events of an answer, one after the other.
export async function* eventsOf(answer) {
  let text = '';
  for await (const bytes of answer.body.pipeThrough(new TextDecoderStream())) {
    text += bytes;
    const whole = text.split('\n\n');
    text = whole.pop();
    for (const event of whole) {
      const fields = event.split('\n').filter((line) => line && !line.startsWith(':')).map((line) => line.split(/: ?(.*)/s));
      if (fields.length > 0) yield Object.fromEntries(fields);
    }
  }
}

// Of this machine, for a program that cannot choose one itself; free a moment ago.
export const freePort = () => new Promise((resolve, reject) => {
  const probe = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});

// Starts `howdah serve` on pipes. Every line of its stdout must be a message; next() gives the first that fits.
export function startStdio(options = {}) {
  const place = options.place ?? inFolder();
  const file = join(place.folder, 'howdah.yaml');
  const write = (changed) => writeFileSync(file, config({ ...options, ...changed, http: false, folder: place.folder }));
  write({});
  const { child, exited } = spawned(file, ['pipe', 'pipe', 'ignore']);
  const messages = [];
  let each = (message) => messages.push(message);
  let waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line);
    each(message);
    waiting = waiting.filter(({ fits, resolve }) => !fits(message) || resolve(message));
  });
  const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const next = (fits) => new Promise((resolve) => {
    const there = messages.find(fits);
    if (there) resolve(there);
    else waiting.push({ fits, resolve });
  });
  return {
    file, write, child, exited, messages, send, next,
    each: (use) => { each = use; },  // from now on, instead of keeping them
    request(id, method, params = {}) {
      send({ id, method, params });
      return next((message) => message.id === id);
    },
    async stop() {
      child.stdin.end();
      const ended = await exited;
      place.remove();
      return ended;
    },
  };
}

// A WebSocket to a server that runs, used as startStdio's pipe is; closed tells how it ended.
export async function openSocket(url, protocols = 'mcp') {
  const socket = new WebSocket(url.replace('http', 'ws'), protocols);
  const messages = [];
  let each = (message) => messages.push(message);
  let waiting = [];
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    each(message);
    waiting = waiting.filter(({ fits, resolve }) => !fits(message) || resolve(message));
  };
  const closed = new Promise((resolve) => { socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, clean: wasClean }); });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = ({ message }) => reject(new Error(message ?? 'no upgrade'));
  });
  const send = (message) => socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
  const next = (fits) => new Promise((resolve) => {
    const there = messages.find(fits);
    if (there) resolve(there);
    else waiting.push({ fits, resolve });
  });
  return {
    socket, closed, messages, send, next,
    each: (use) => { each = use; },
    request(id, method, params = {}) {
      send({ id, method, params });
      return next((message) => message.id === id);
    },
  };
}

// The status of an upgrade with these headers: 101 or a refusal.
export const upgrade = (url, headers = {}) => new Promise((resolve, reject) => {
  const request = http.request(url, { headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers } });
  request.on('upgrade', (answer, socket) => {
    socket.destroy();
    resolve({ status: answer.statusCode, headers: answer.headers });
  });
  request.on('response', (answer) => {
    answer.resume();
    resolve({ status: answer.statusCode, headers: answer.headers });
  });
  request.on('error', reject);
  request.end();
});

export const initialize = (revision) => ({ protocolVersion: revision, capabilities: {}, clientInfo: { name: 'raw', version: '1' } });

// Opens a legacy session over HTTP and gives the headers of its later requests.
export async function openSession(url, revision, more = {}) {
  const opened = await post(url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize(revision) }, more);
  assert.equal(opened.json.result.protocolVersion, revision);
  const headers = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id'), 'MCP-Protocol-Version': revision, ...more };
  await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
  return headers;
}

// Asks until the answer is truthy and gives it; what never comes true fails. Most questions start a psql, so they are not
// asked back to back.
export async function until(what, ask, limit_ms = 20000) {
  const end = Date.now() + limit_ms;
  while (true) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `${what}: not within ${limit_ms} ms`);
    await pause(25);
  }
}

const psqlCall = (sql, database) => ['psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', database, '-c', sql],
  { encoding: 'utf8', env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' } }];
export const psql = (sql, database = dsn) => execFileSync(...psqlCall(sql, database)).trimEnd();
// The same, while this process goes on: one that has a proxy, say.
export const psqlBeside = (sql, database = dsn) => new Promise((resolve, reject) => {
  execFile(...psqlCall(sql, database), (error, out) => (error ? reject(error) : resolve(out.trimEnd())));
});

// A database of its own on the run's server, filled from a file; nobody else's has its name.
export function madeDatabase(file) {
  const name = `howdah_it_${process.pid}_${Date.now()}`;
  psql(`create database ${name}`);
  const there = dsn.replace(/\/[^/?]*\?/, `/${name}?`);
  execFileSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', there, '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  return { dsn: there, drop: () => psql(`drop database ${name} with (force)`) };
}

// What lies outside the tree: { skip } of a test that needs it, and where it is.
export function shared(name) {
  const file = process.env.HOWDAH_SHARED && join(process.env.HOWDAH_SHARED, name);
  return { file, skip: file && existsSync(file) ? false : `HOWDAH_SHARED names no folder with ${name}` };
}

// Runs the program to its end.
export const run = (args, options = {}) => {
  const done = spawnSync(program, args, { encoding: 'utf8', ...options, env: { ...process.env, ...options.env } });
  return { code: done.status, out: done.stdout, err: done.stderr };
};

// The same, while this process goes on.
export const runBeside = (args) => new Promise((resolve) => {
  execFile(program, args, (error, out, err) => resolve({ code: error ? error.code : 0, out, err }));
});

export const meta = (extra = {}) => ({
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'integration', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
  ...extra,
});

// One POST; the body is text or an object.
export async function post(url, body, headers = {}, signal) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal,
  });
  return { status: answer.status, headers: answer.headers, json: bodyOf(await answer.text()) };
}

// What a body says: JSON as its value, other text as it is. An answer of a 2025-11-25 session that took its time came
// as a stream: an empty event with an id, then the answer.
export function bodyOf(said) {
  const text = said.startsWith('id: ') ? said.trimEnd().split('\n').at(-1).replace(/^data: ?/, '') : said;
  return text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text;
}

let nextId = 1;
// A request of revision 2026-07-28, with the headers it wants.
export function modern(url, method, params = {}, signal, more = {}) {
  const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, ...more };
  if (params.name) headers['Mcp-Name'] = params.name;
  return post(url, { jsonrpc: '2.0', id: nextId++, method, params: { ...params, _meta: meta() } }, headers, signal);
}

// Asks for 6 * 7 over HTTP, with these headers.
export async function fortyTwoFrom(url, headers) {
  const { status, json } = await modern(url, 'tools/call', { name: 'query', arguments: { sql: 'select 6 * 7' } }, undefined, headers);
  assert.equal(status, 200, JSON.stringify(json));
  assert.deepEqual(json.result.structuredContent.rows, [[42]]);
}

// Calls a tool and gives its result; a JSON-RPC error throws.
export async function callTool(url, name, args = {}) {
  const { json } = await modern(url, 'tools/call', { name, arguments: args });
  if (json.error) throw new Error(json.error.message);
  return json.result;
}

export const textOf = (result) => result.content.map((block) => block.text ?? '').join('');
