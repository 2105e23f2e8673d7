// Where clients connect: Unix sockets, sockets passed by systemd, a proxy in front, the binds that are refused, and what is chosen when the configuration leaves it open.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import tls from 'node:tls';

import { makeAuthority } from './certificates.mjs';
import { connected, fortyTwo, overHttp } from './sdk_clients.mjs';
import { atExit, config, freePort, reader, fortyTwoFrom, inFolder, meta, modern, openSocket, program, run, startServer, until, upgrade } from './support.mjs';

const kConfiguration = 3;
const place = inFolder();
const at = (name) => join(place.folder, name);
let authority;
const writeCertificate = (name, folder) => authority.issue(name, folder);

before(() => {
  authority = makeAuthority(place.folder);
  tls.setDefaultCACertificates([readFileSync(authority.ca, 'utf8')]);  // for fetch and so for the official clients
});
after(() => place.remove());

// What the plugin auth has made where nobody said a word about auth.
const tokenIn = (state) => ({ Authorization: `Bearer ${readFileSync(join(state, 'plugins', 'auth', 'token'), 'utf8').trim()}` });
// fetch over a Unix socket, as far as the official clients use it.
const fetchOver = (socketPath) => (input, { method = 'GET', headers = {}, body, signal } = {}) => new Promise((resolve, reject) => {
  const url = new URL(input);
  const request = http.request({ socketPath, path: url.pathname, method, signal, headers: { ...Object.fromEntries(new Headers(headers)), host: 'localhost' } });
  request.on('error', reject);
  request.on('response', (answer) => {
    const empty = [204, 202].includes(answer.statusCode);
    const stream = new ReadableStream({
      start(controller) {
        answer.on('data', (bytes) => controller.enqueue(new Uint8Array(bytes)));
        answer.on('end', () => controller.close());
        answer.on('error', (error) => controller.error(error));
      },
    });
    if (empty) answer.resume();
    resolve(new Response(empty ? null : stream, { status: answer.statusCode, headers: answer.headers }));
  });
  request.end(body);
});

test('the official clients speak over a Unix socket, which is its owner\'s and goes with the server', async (t) => {
  const server = await startServer({ http: '{ listen: "unix:FOLDER/mcp.sock", auth: none }' });
  const socket = join(server.folder, 'mcp.sock');
  assert.equal(server.url, `unix:${socket}:/mcp`);
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  for (const entry of overHttp.filter(({ duplex }) => !duplex)) {  // Node's WebSocket connects to no Unix socket
    await t.test(entry.name, async () => {
      const client = await connected(entry, { url: 'http://localhost/mcp', fetch: fetchOver(socket) });
      await fortyTwo(client);
      await client.close();
    });
  }
  // A second server of the same address is told who has it; the first goes on.
  const other = inFolder();
  const file = join(other.folder, 'howdah.yaml');
  writeFileSync(file, config({ http: `{ listen: "unix:${socket}", auth: none }`, folder: other.folder }));
  const second = run(['serve', '-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  assert.equal(second.code, kConfiguration);
  assert.match(second.err, new RegExp(`another howdah \\(process ${server.child.pid}\\) is serving on`));
  assert.ok(existsSync(socket));
  other.remove();

  server.child.kill('SIGKILL');  // leaves its socket behind
  await server.exited;
  assert.ok(existsSync(socket));
  const next = await startServer({ http: `{ listen: "unix:${socket}", auth: none }` });
  const client = await connected(overHttp[0], { url: 'http://localhost/mcp', fetch: fetchOver(socket) });
  await fortyTwo(client);
  await client.close();
  assert.equal((await next.stop()).code, 0);
  assert.ok(!existsSync(socket));
  await server.stop();
});

test('over a Unix socket the user at its other end is known without a token, with the scopes that peer gives, and nobody over TCP', async () => {
  const plugins = (peer) => ['pool', 'guard', 'query', { auth: { peer } }];
  const peer = { scopes: ['howdah:read'], tenant: 'acme', tier: 'gold' };
  const server = await startServer({ http: '{ listen: ["unix:FOLDER/mcp.sock", "127.0.0.1:0"] }', plugins: plugins(peer) });
  const over = fetchOver(join(server.folder, 'mcp.sock'));
  const call = async (name, args, extra = {}) => {
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': name };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta: meta(extra) } });
    const answer = await over('http://localhost/mcp', { method: 'POST', headers, body });
    return { status: answer.status, challenge: answer.headers.get('www-authenticate'), json: await answer.json() };
  };
  const write = { sql: 'update shop.suppliers set name = name where false', database: 'notes' };
  const read = await call('query', { sql: 'select 6 * 7' });
  assert.deepEqual([read.status, read.json.result?.structuredContent.rows], [200, [[42]]], JSON.stringify(read));
  const boast = { 'io.modelcontextprotocol/clientInfo': { name: 'x', version: '1', scopes: ['howdah:admin'], uid: 0 } };
  for (const extra of [{}, boast]) {
    const { status, challenge, json } = await call('execute', write, extra);
    assert.deepEqual([status, json.error?.data?.required_scopes], [403, ['howdah:write']], JSON.stringify(json));
    assert.match(challenge, /error="insufficient_scope"/);
  }
  const tcp = (await server.logs(/listening on (http:\S+),/))[1];
  assert.equal((await modern(tcp, 'tools/call', { name: 'query', arguments: { sql: 'select 1' } })).status, 401);

  const reload = (changed) => {
    server.write({ plugins: plugins(changed) });
    const done = run(['reload', '-c', server.file]);
    assert.equal(done.code, 0, done.err);
  };
  reload({ ...peer, scopes: ['howdah:write'] });
  assert.equal((await call('execute', write)).status, 200);
  reload({ ...peer, uids: [process.getuid() + 1] });  // somebody else
  assert.equal((await call('query', { sql: 'select 1' })).status, 401);
  assert.equal((await server.stop()).code, 0);
});

test('an address other machines reach is served with TLS and a token', async () => {
  const own = inFolder();
  writeCertificate('far', own.folder);
  const server = await startServer({ http: '{ listen: "0.0.0.0:0", tls: { certificate: server.crt, key: server.key }, hosts: [db.test] }', place: own });
  const url = server.url.replace('0.0.0.0', 'localhost');
  assert.equal((await modern(url, 'tools/list')).status, 401);
  await fortyTwoFrom(url, tokenIn(join(own.folder, 'state')));
  const metadata = await fetch(url.replace('/mcp', '/.well-known/oauth-protected-resource'));
  assert.equal(metadata.status, 404);  // a token file has no authorization server
  assert.equal((await server.stop()).code, 0);
});

test('an address other machines reach is refused without auth and TLS, by config check and by the start', () => {
  const own = inFolder();
  const file = join(own.folder, 'howdah.yaml');
  const refusals = [
    ['{ listen: "0.0.0.0:0", auth: none }', /howdah\.yaml:4:\d+: transports\.http\.listen: other machines reach 0\.0\.0\.0:0, .*not auth: none, and tls: \{/],
    ['{ listen: ["127.0.0.1:0", "[::]:0"], auth: none, tls: { certificate: c, key: k } }', /listen\.1: other machines reach \[::\]:0, .*it needs a plugin as auth/],
    ['{ listen: "127.0.0.1:0", auth: none, behind_proxy: true }', /behind_proxy: needs hosts: \[NAME\] or public_url beside it/],
    ['{ listen: "127.0.0.1:0", auth: none, tls: { certificate: no.crt, key: no.key } }', /tls\.certificate: .*no\.crt is not there/],
    ['{ listen: systemd, auth: none }', /started with no sockets/, 'serve'],
  ];
  for (const [section, expected, only] of refusals) {
    writeFileSync(file, config({ http: section, folder: own.folder }));
    for (const command of only ? [[only]] : [['config', 'check'], ['serve']]) {
      const done = run([...command, '-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
      assert.equal(done.code, kConfiguration, `${command} ${section}: ${done.err}`);
      assert.match(done.err, expected);
    }
  }
  own.remove();
});

test('behind a proxy that does TLS, clients use its name; another name is refused', async () => {
  const server = await startServer({ http: '{ listen: "127.0.0.1:0", auth: none, behind_proxy: true, hosts: [db.test] }' });
  writeCertificate('proxy', place.folder);
  const { port } = new URL(server.url);
  const proxy = https.createServer({ key: readFileSync(at('server.key')), cert: readFileSync(at('server.crt')) }, (request, answer) => {
    const onward = http.request({ port, path: request.url, method: request.method, headers: request.headers }, (from) => {
      answer.writeHead(from.statusCode, from.headers);
      from.pipe(answer);
    });
    request.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const ask = (host) => new Promise((resolve, reject) => {
    const request = https.request({ port: proxy.address().port, servername: 'db.test', path: '/mcp', method: 'POST', agent: false,
      headers: { host, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' } }, async (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    request.on('error', reject);
    request.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta() } }));
  });
  assert.equal(await ask('db.test'), 200);
  assert.equal(await ask('db.test:443'), 200);
  assert.equal(await ask('evil.test'), 403);
  proxy.close();
  assert.equal((await server.stop()).code, 0);
});

// Starts a command as systemd would: with listening sockets from descriptor 3 on. Gives what it says on stderr, line by line.
async function activated(args, environment, use) {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  const child = spawn('sh', ['-c', 'export LISTEN_PID=$$; exec "$@"', 'sh', program, ...args],
    { stdio: ['ignore', 'pipe', 'pipe', listener._handle.fd], env: { ...process.env, LISTEN_FDS: '1', ...environment } });
  const forget = atExit(() => child.kill('SIGKILL'));
  listener.close();  // from here on only the child accepts
  const exited = once(child, 'exit');
  const lines = [];
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
  await use({ port, lines, child });
  child.kill('SIGTERM');
  const [code] = await exited;
  forget();
  return code;
}

const environmentOnly = (folder) => ({ DATABASE_URL: reader, XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder, XDG_RUNTIME_DIR: folder, HOWDAH_CONFIG: '' });

test('sockets passed by systemd are served, named in the configuration or found by auto', async () => {
  const own = inFolder();
  const file = join(own.folder, 'howdah.yaml');
  const use = (headers) => async ({ port, lines, child }) => {
    await until('it listens', () => child.exitCode !== null || lines.some((line) => line.includes(`listening on http://127.0.0.1:${port}/mcp`)));
    await fortyTwoFrom(`http://127.0.0.1:${port}/mcp`, headers());
  };
  writeFileSync(file, config({ http: '{ listen: systemd, auth: none }', folder: own.folder }));
  assert.equal(await activated(['serve', '-c', file], {}, use(() => ({}))), 0);
  assert.equal(await activated(['serve'], environmentOnly(own.folder), use(() => tokenIn(join(own.folder, 'howdah')))), 0);
  own.remove();
});

test('with no configuration the way the process was started decides, and doctor says how', async () => {
  const own = inFolder();
  const env = environmentOnly(own.folder);
  const told = (options) => {
    const doctor = run(['doctor'], { cwd: own.folder, ...options, env: { ...env, ...options.env } });
    assert.equal(doctor.code, 0, doctor.out + doctor.err);
    return doctor.out.match(/^transports: (.*)$/m)[1];
  };
  assert.match(told({ input: '' }), /^auto: started like this command, stdio, because stdin is a (pipe|socket)$/);  // Node's pipes are sockets
  assert.match(told({ stdio: ['ignore', 'pipe', 'pipe'] }), /HTTP and WebSocket on 127\.0\.0\.1:8642, because stdin is \/dev\/null/);
  assert.match(told({ input: '', env: { HTTP_PORT: '9000', WS_PORT: '9001' } }),
    /HTTP and WebSocket on 127\.0\.0\.1:9000 and 127\.0\.0\.1:9001, because HTTP_PORT is 9000 and WS_PORT is 9001/);
  const wrong = run(['doctor'], { cwd: own.folder, env: { ...env, HTTP_PORT: '99999' } });
  assert.equal(wrong.code, kConfiguration);
  assert.match(wrong.err, /HTTP_PORT must be a port of 0 to 65535, got "99999"/);
  const file = join(own.folder, 'named.yaml');
  writeFileSync(file, config({ folder: own.folder }));
  const named = run(['doctor', '-c', file], { input: '', env: { HTTP_PORT: '9000' } });
  assert.match(named.out, /^transports: as the configuration names them: stdio, HTTP on 127\.0\.0\.1:0$/m);
  own.remove();
});

test('at a terminal doctor names HTTP, and the server tells where to point a client', async () => {
  const own = inFolder();
  const env = { ...process.env, ...environmentOnly(own.folder) };
  const typed = ['-qec', `${program} doctor`, '/dev/null'];
  assert.match(execFileSync('script', typed, { cwd: own.folder, env, encoding: 'utf8' }), /HTTP and WebSocket on 127\.0\.0\.1:8642, because stdin is a terminal/);
  const terminal = spawn('script', ['-qec', `exec ${program} serve`, '/dev/null'], { cwd: own.folder, env: { ...env, HTTP_PORT: '0' } });
  const forget = atExit(() => terminal.kill('SIGKILL'));
  const exited = once(terminal, 'exit');
  let shown = '';
  terminal.stdout.on('data', (bytes) => { shown += bytes; });
  const url = await until('it says where', () => shown.match(/howdah: point an MCP client at (http:\S+);/)?.[1]);
  await fortyTwoFrom(url, tokenIn(join(own.folder, 'howdah')));
  terminal.stdin.write('\x03');
  assert.equal((await exited)[0], 0, shown);
  forget();
  own.remove();
});

test('HTTP_PORT makes a server on loopback without a word of configuration', async () => {
  const own = inFolder();
  const child = spawn(program, ['serve'], { cwd: own.folder, stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environmentOnly(own.folder), HTTP_PORT: '0', WS_PORT: '0' } });
  const forget = atExit(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const lines = [];
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
  const line = await until('it listens', () => lines.find((text) => /listening on/.test(text)));
  assert.ok(lines.some((text) => text.includes('transports: auto: HTTP and WebSocket on 127.0.0.1:0, because HTTP_PORT is 0 and WS_PORT is 0')));
  const url = line.match(/listening on (\S+),/)[1];
  assert.equal((await fetch(url.replace('/mcp', '/healthz'))).status, 200);
  child.kill('SIGTERM');
  assert.equal((await exited)[0], 0);
  forget();
  own.remove();
});

test('a WebSocket opens on the port of WS_PORT, with the token of this machine and not without', async () => {
  const own = inFolder();
  const port = await freePort();
  const child = spawn(program, ['serve'], { cwd: own.folder, stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environmentOnly(own.folder), HTTP_PORT: '0', WS_PORT: String(port) } });
  const forget = atExit(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  let log = '';
  child.stderr.on('data', (bytes) => { log += bytes; });
  const url = `http://127.0.0.1:${port}/mcp`;
  await until('it listens there', () => log.includes(`listening on ${url},`));
  assert.match(log, new RegExp(`transports: auto: HTTP and WebSocket on 127\\.0\\.0\\.1:0 and 127\\.0\\.0\\.1:${port}, because HTTP_PORT is 0 and WS_PORT is ${port}`));
  const headers = tokenIn(join(own.folder, 'howdah'));
  const socket = await openSocket(url, { protocols: 'mcp', headers });
  const { result } = await socket.request(1, 'tools/call', { name: 'query', arguments: { sql: 'select 6 * 7' }, _meta: meta() });
  assert.deepEqual(result.structuredContent.rows, [[42]]);
  assert.equal((await upgrade(url)).status, 401);
  await fortyTwoFrom(url, headers);
  child.kill('SIGTERM');
  assert.equal((await socket.closed).code, 1001);
  assert.equal((await exited)[0], 0);
  forget();
  own.remove();
});
