// What every integration test needs: a configured server on a free port, raw requests, a way to run the program.
// The database comes from the environment (tests/support/with_cluster), the program from HOWDAH_PROGRAM.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const program = process.env.HOWDAH_PROGRAM;
export const dsn = process.env.HOWDAH_TEST_DSN;
if (!program || !dsn) throw new Error('HOWDAH_PROGRAM and HOWDAH_TEST_DSN must be set; ctest does it');

// Text of a configuration: every test says what differs.
export const config = ({ http = true, plugins = ['pool', 'guard', 'query', 'schema'], databases, extra = '', folder } = {}) => `howdah: 1
transports:
  stdio: {}
${http ? '  http: { listen: "127.0.0.1:0", auth: none }' : ''}
databases:
${databases ?? `  main: { dsn: "${dsn}" }
  notes: { dsn: "${dsn}", access: read_write }`}
plugins: ${JSON.stringify(plugins)}
control: { socket: ${folder}/control.sock }
state_dir: ${folder}/state
${extra}`;

export const inFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-it-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
};

// Starts `howdah serve` over HTTP and waits until it says where it listens.
export async function startServer(options = {}) {
  const place = inFolder();
  const file = join(place.folder, 'howdah.yaml');
  const write = (changed) => writeFileSync(file, config({ ...options, ...changed, folder: place.folder }));
  write({});
  const child = spawn(program, ['serve', '-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  let out = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  const exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  const url = await new Promise((resolve, reject) => {
    exited.then(() => reject(new Error(`the server ended: ${log}`)));
    createInterface({ input: child.stderr }).on('line', (line) => {
      log += `${line}\n`;
      const found = line.match(/listening on (http:\S+),/);
      if (found) resolve(found[1]);
    });
  });
  return {
    url, file, write, child, exited, folder: place.folder,
    log: () => log,
    out: () => out,
    async stop() {
      child.kill('SIGTERM');
      const ended = await exited;
      place.remove();
      return ended;
    },
  };
}

// Runs the program to its end.
export const run = (args, options = {}) => {
  const done = spawnSync(program, args, { encoding: 'utf8', ...options, env: { ...process.env, ...options.env } });
  return { code: done.status, out: done.stdout, err: done.stderr };
};

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
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text };
}

let nextId = 1;
// A request of revision 2026-07-28, with the headers it wants.
export function modern(url, method, params = {}, signal) {
  const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method };
  if (params.name) headers['Mcp-Name'] = params.name;
  return post(url, { jsonrpc: '2.0', id: nextId++, method, params: { ...params, _meta: meta() } }, headers, signal);
}

// Calls a tool and gives its result; a JSON-RPC error throws.
export async function callTool(url, name, args = {}) {
  const { json } = await modern(url, 'tools/call', { name, arguments: args });
  if (json.error) throw new Error(json.error.message);
  return json.result;
}

export const textOf = (result) => result.content.map((block) => block.text ?? '').join('');
