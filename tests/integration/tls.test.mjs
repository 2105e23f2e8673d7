// TLS: certificates that change under traffic and by reload, the official clients and `howdah call` over it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';

import { makeAuthority } from './certificates.mjs';
import { connected, fortyTwo, overHttp } from './sdk_clients.mjs';
import { callTool, fortyTwoFrom, inFolder, run, runBeside, startServer, until } from './support.mjs';

const place = inFolder();
let authority;

before(() => {
  authority = makeAuthority(place.folder);
  tls.setDefaultCACertificates([readFileSync(authority.ca, 'utf8')]);  // for fetch and so for the official clients
});
after(() => place.remove());

const withTls = '{ listen: ["127.0.0.1:0", "unix:FOLDER/mcp.sock"], auth: none, tls: { certificate: server.crt, key: server.key } }';
async function startTls() {
  const own = inFolder();
  authority.issue('first', own.folder);
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
  authority.issue('second', server.folder);
  const reloaded = await runBeside(['reload', '-c', server.file]);
  assert.equal(reloaded.code, 0, reloaded.err);
  assert.equal(await servedBy(server.url), 'second');
  await server.logs(/another certificate serves: \/CN=second, until /);

  const key = readFileSync(join(server.folder, 'server.key'));
  writeFileSync(join(server.folder, 'server.key'), readFileSync(authority.key));  // another's
  const refused = await runBeside(['reload', '-c', server.file]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /is not that of the certificate .*the certificate and the configuration from before serve on/);
  await server.logs(/is not that of the certificate .*serves on/);
  assert.equal(await servedBy(server.url), 'second');
  writeFileSync(join(server.folder, 'server.key'), key);

  authority.issue('third', server.folder);
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
    [['https://localhost:99999/mcp'], /port of .* must be a number of 1 to 65535/],
    [['http://'], /names no host/],
    [['http://local host/mcp'], /is no URL: /],
    [['http://[::1'], /is no URL: /],
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

