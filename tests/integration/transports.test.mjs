// Where clients connect: TLS with certificates that change, Unix sockets, sockets passed by systemd, a proxy in front, the
// binds that are refused, and what is chosen when the configuration leaves it open.
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
import { clients, connected } from './sdk_clients.mjs';
import { atExit, callTool, config, dsn, inFolder, meta, modern, program, run, runBeside, startServer, until } from './support.mjs';

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

const withTls = '{ listen: ["127.0.0.1:0", "unix:FOLDER/mcp.sock"], auth: none, tls: { certificate: server.crt, key: server.key } }';
async function startTls() {
  const own = inFolder();
  writeCertificate('first', own.folder);
  return startServer({ http: withTls, place: own });
}

// The name in the certificate a new connection sees.
function servedBy(url) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = tls.connect({ host: hostname, port, servername: 'localhost', ALPNProtocols: ['http/1.1'] }, () => {
      const name = socket.getPeerCertificate().subject.CN;
      assert.equal(socket.alpnProtocol, 'http/1.1');
      socket.end();
      resolve(name);
    });
    socket.on('error', reject);
  });
}

// What the plugin auth has made where nobody said a word about auth.
const tokenIn = (state) => ({ Authorization: `Bearer ${readFileSync(join(state, 'plugins', 'auth', 'token'), 'utf8').trim()}` });
async function fortyTwoFrom(url, headers) {
  const { status, json } = await modern(url, 'tools/call', { name: 'query', arguments: { sql: 'select 6 * 7' } }, undefined, headers);
  assert.equal(status, 200, JSON.stringify(json));
  assert.deepEqual(json.result.structuredContent.rows, [[42]]);
}

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

const overHttp = clients.filter((entry) => !entry.stdio);
const fortyTwo = async (client) => {
  const result = await client.callTool({ name: 'query', arguments: { sql: 'select 6 * 7' } });
  assert.ok(!result.isError, JSON.stringify(result));
  assert.match(JSON.stringify(result.content), /42/);
};

test('the official clients speak TLS with a server whose authority they know, and no others', async (t) => {
  const server = await startTls();
  assert.match(server.url, /^https:/);
  const url = server.url.replace('127.0.0.1', 'localhost');
  for (const entry of overHttp) {
    await t.test(entry.name, async () => {
      const client = await connected(entry, { url });
      await fortyTwo(client);
      await client.close();
    });
  }
  await assert.rejects(fetch(url.replace('localhost', '127.0.0.2')), /fetch failed/);  // a name the certificate does not have
  const plain = await fetch(server.url.replace('https:', 'http:'));
  assert.equal(plain.status, 400);
  assert.match(await plain.text(), /https:\/\//);
  assert.equal((await server.stop()).code, 0);
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

test('a certificate changes under traffic: by reload, by itself, and not at all when it is bad', async () => {
  const server = await startTls();
  assert.equal(await servedBy(server.url), 'first');
  let calls = 0;
  let failed;
  let going = true;
  const traffic = Array.from({ length: 4 }, async () => {
    while (going && !failed) {
      await callTool(server.url.replace('127.0.0.1', 'localhost'), 'query', { sql: 'select 1' }).catch((error) => { failed ??= error; });
      calls += 1;
    }
  });
  writeCertificate('second', server.folder);
  const reloaded = await runBeside(['reload', '-c', server.file]);
  assert.equal(reloaded.code, 0, reloaded.err);
  assert.equal(await servedBy(server.url), 'second');
  assert.match(server.log(), /another certificate serves: \/CN=second, until /);

  const key = readFileSync(join(server.folder, 'server.key'));
  writeFileSync(join(server.folder, 'server.key'), readFileSync(authority.key));  // another's
  const refused = await runBeside(['reload', '-c', server.file]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /is not that of the certificate .*the certificate and the configuration from before serve on/);
  assert.match(server.log(), /is not that of the certificate .*serves on/);
  assert.equal(await servedBy(server.url), 'second');
  writeFileSync(join(server.folder, 'server.key'), key);

  writeCertificate('third', server.folder);
  await until('the new files are seen', async () => (await servedBy(server.url)) === 'third');
  going = false;
  await Promise.all(traffic);
  assert.equal(failed, undefined);
  assert.ok(calls > 0);
  assert.equal((await server.stop()).code, 0);
});

test('a reload takes other paths of certificate and key, whole or not at all, and names what waits for a restart', async () => {
  const server = await startTls();
  const again = () => runBeside(['reload', '-c', server.file]);
  authority.issue('moved', server.folder, { as: 'moved' });
  const moved = withTls.replace('server.crt', 'moved.crt').replace('server.key', 'moved.key');
  server.write({ http: moved.replace('moved.key', 'server.key') });
  const mixed = await again();
  assert.equal(mixed.code, 1);
  assert.match(mixed.err, /is not that of the certificate .*the certificate and the configuration from before serve on/);
  server.write({ http: moved, plugins: ['pool', 'guard', 'query', { schema: { no_such_key: 1 } }] });
  assert.equal((await again()).code, 1);
  assert.equal(await servedBy(server.url), 'first', 'what else is wrong keeps the certificate too');

  server.write({ http: moved });
  const taken = await again();
  assert.equal(taken.code, 0, taken.err);
  assert.equal(await servedBy(server.url), 'moved');
  assert.doesNotMatch(taken.out, /restart/);
  authority.issue('watched', server.folder, { as: 'moved' });
  await until('the new paths are looked at', async () => (await servedBy(server.url)) === 'watched');

  // A name stays in the list for as long as the server runs with what it was started with.
  server.write({ http: moved.replace('auth: none', 'auth: none, path: /other, hosts: [db.test]'), extra: 'limits: { request_timeout_ms: 5000, reload_timeout_ms: 20000 }\nshards: 3\n' });
  for (let i = 0; i < 2; i += 1)
    assert.match((await again()).out, /changed and not in force before a restart: transports\.http\.hosts, transports\.http\.path, limits\.request_timeout_ms, shards\n$/);
  server.write({ http: '{ listen: ["127.0.0.1:0", "unix:FOLDER/mcp.sock"], auth: none }' });
  assert.match((await again()).out, /not in force before a restart: transports\.http\.tls\n$/);
  assert.equal((await again()).code, 0, 'the files from before are read again');
  assert.equal(await servedBy(server.url), 'watched');
  assert.equal((await server.stop()).code, 0);
});

test('handshakes that fail are counted, and disturb nobody', async () => {
  const server = await startTls();
  const { hostname, port } = new URL(server.url);
  const counted = () => JSON.parse(run(['plugin', 'list', '--json', '-c', server.file]).out).tls.failed_handshakes;
  const url = server.url.replace('127.0.0.1', 'localhost');
  const open = tls.connect({ host: hostname, port, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
  await once(open, 'secureConnect');
  const before = counted();
  const failures = 40;
  const ended = Array.from({ length: failures }, (_, i) => new Promise((resolve) => {
    if (i % 2) return tls.connect({ host: hostname, port, maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' }).on('error', resolve);
    const socket = net.connect(port, hostname, () => socket.write(i % 4 ? 'no TLS at all' : '')).on('error', () => {}).on('close', resolve);
    if (i % 4 === 0) socket.end();
    return socket.resume();
  }));
  for (let i = 0; i < 10; i += 1) await fortyTwoFrom(url, {});
  await Promise.all(ended);
  await until('all are counted', () => counted() === before + failures);
  open.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.match(String((await once(open, 'data'))[0]), /200 OK/);
  open.end();
  assert.match(run(['plugin', 'list', '-c', server.file]).out, /^tls: \/CN=first, until .*; \d+ handshakes failed$/m);
  assert.equal((await server.stop()).code, 0);
});

test('howdah call reaches a server over TLS and over its Unix socket, and says what is wrong where it does not', async () => {
  const server = await startTls();
  const url = server.url.replace('127.0.0.1', 'localhost');
  const socket = join(server.folder, 'mcp.sock');
  const call = (...args) => run(['call', 'query', 'sql=select 6 * 7 as answer', '--url', ...args]);
  for (const args of [[url, '--ca', authority.ca], [server.url, '--ca', authority.ca], [`unix:${socket}`], [`unix:${socket}:/mcp`]]) {
    const done = call(...args);
    assert.equal(done.code, 0, done.err);
    assert.match(done.out, /\[\[42\]\]/);
  }
  const known = run(['call', 'query', 'sql=select 6 * 7', '--url', url], { env: { SSL_CERT_FILE: authority.ca } });
  assert.equal(known.code, 0, known.err);
  const wrong_name = inFolder();
  const elsewhere = authority.issue('elsewhere', wrong_name.folder, { names: 'DNS:elsewhere.test' });
  const other = https.createServer({ key: readFileSync(elsewhere.key), cert: readFileSync(elsewhere.certificate) }).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const beside = (...args) => runBeside(['call', 'query', 'sql=select 1', '--url', ...args]);
  const refusals = [
    [[url], /certificate of localhost:\d+ is not trusted: unable to get local issuer certificate\n.*--ca FILE names the authority/],
    [[url, '--ca', makeAuthority(server.folder, 'foreign').ca], /is not trusted: .*\n.*only the authorities in \S+foreign\.crt \(--ca\) vouch for it/],
    [[url, '--ca', join(server.folder, 'none.pem')], /--ca \S+none\.pem is no readable PEM file/],
    [[`https://localhost:${other.address().port}/mcp`, '--ca', authority.ca], /is not trusted: hostname mismatch\n.*a name or address that stands in the certificate/i],
    [[`https://127.0.0.1:${other.address().port}/mcp`, '--ca', authority.ca], /is not trusted: IP address mismatch/i],
    [[url.replace('https', 'http')], /begin the URL with https:\/\//],
    [[url.replace('https', 'http'), '--ca', authority.ca], /--ca is for a server reached by https:/],
    [[`unix:${join(server.folder, 'none.sock')}`], /no server answers at unix:\S+none\.sock: No such file/],
    [['unix:relative.sock'], /a Unix socket is written unix:\/path\/of\.sock/],
    [[`unix:/${'x'.repeat(120)}`], /the path of a Unix socket has at most 107 bytes/],
    [['ftp://localhost'], /reached by http:\/\/, https:\/\/ or unix:/],
    [['https://me:secret@localhost/mcp'], /must not hold a user or a password/],
    [['https://localhost:x/mcp'], /port of .* must be a number/],
  ];
  for (const [args, why] of refusals) {
    const refused = await beside(...args);
    assert.notEqual(refused.code, 0, args.join(' '));
    assert.match(refused.err, why);
  }
  const plain = await startServer();
  assert.match((await beside(plain.url.replace('http:', 'https:'))).err, /no TLS connection to 127\.0\.0\.1:\d+: .*\n.*without tls .* reached by http:/);
  assert.equal(run(['call', 'query', 'sql=select 1', '--ca', authority.ca]).code === 0, false, '--ca without --url');
  await plain.stop();
  other.close();
  wrong_name.remove();
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

const environmentOnly = (folder) => ({ DATABASE_URL: dsn, XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder, XDG_RUNTIME_DIR: folder, HOWDAH_CONFIG: '' });

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
