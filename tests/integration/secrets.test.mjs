// Row M23 of docs/security.md: secrets are planted wherever one can stand, everything that can be asked is asked at
// log level debug, and no output has any of them, nor any file the servers write.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';

import { keyPair, signed, startKeyServer } from './authorization_server.mjs';
import { startCluster } from './cluster.mjs';
import { connect, startGrpc } from './grpc_client.mjs';
import { startRedis } from './redis_server.mjs';
import { config, dsn, initialize, inFolder, meta, openSocket, post, psql, run, runBeside, startStdio, textOf, until, upgrade } from './support.mjs';

// Every secret is a word of its own, so that no encoding hides it.
const planted = new Map();
const secret = (where) => {
  const word = `Sx${randomBytes(12).toString('hex')}`;
  planted.set(where, [word]);
  return word;
};
// What comes out, by where it came from. `own`: secrets that whoever reads this output has said or asked for himself.
const said = [];
const hear = (from, text, own = []) => said.push({ from, text: typeof text === 'string' ? text : JSON.stringify(text), own });

const place = inFolder();
const file = (name, text) => {
  writeFileSync(join(place.folder, name), text, { mode: 0o600 });
  return join(place.folder, name);
};
// The folder of a server, which is there when the server has ended: its state lies in it.
const keptFolder = (name) => {
  mkdirSync(join(place.folder, name));
  return { folder: join(place.folder, name), remove: () => {} };
};
// What a server has written, file by file. None is left out: the one file with a secret, the token that auth makes where no
// configuration names any, is not made here, and a library's image is what its name says, so nobody wrote into it.
function hearFiles(when, server) {
  const state = join(place.folder, server, 'state');
  const names = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => relative(state, join(entry.parentPath, entry.name)));
  for (const name of names) {
    try {
      const bytes = readFileSync(join(state, name));
      if (name.startsWith('images/')) assert.equal(name, `images/${createHash('sha256').update(bytes).digest('hex')}.so`);
      else hear(`${server}, ${name} ${when}`, bytes.toString('latin1'));
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;  // replaced by another one in between
    }
  }
  return names;
}
// Every plugin that keeps something has kept it.
const kFiles = ['analytics/history.ndjson', 'cache/answers.db', 'health/history.json', 'multi_tenant/audit/acme/audit.jsonl', 'rate_limit/used.json'];

let cluster;
let keys;
let redis;
let server;
let shared;  // what the pipe's server has in common with the other one
let bearers;
const kIssuer = 'https://login.example';
const kConfiguration = 3;
before(async () => {
  cluster = startCluster('--tls', '--auth', 'scram');
  planted.set('password that works', [cluster.environment.PGPASSWORD]);
  process.env.HOWDAH_TEST_SECRET = `postgresql://app:${secret('dsn from the environment')}@127.0.0.1:1/shop`;
  const pgpass = file('pgpass', `*:*:*:*:${secret('.pgpass')}\n`);
  const from_file = file('dsn', `postgresql://app:${secret('dsn from a file')}@127.0.0.1:1/shop\n`);
  const multi = secret('second of several hosts');
  const databases = {
    main: dsn,
    notes: dsn,
    works: cluster.tcp(),
    refused: cluster.tcp('', secret('wrong password')),
    uri: `postgresql://app:${secret('userinfo')}@127.0.0.1:1/shop`,
    words: `host=127.0.0.1 port=1 user=app password=${secret('key=value')}`,
    parameter: `postgresql://127.0.0.1:1/shop?user=app&password=${secret('query parameter')}`,
    key: `postgresql://app@127.0.0.1:1/shop?sslmode=require&sslpassword=${secret('sslpassword')}`,
    hosts: `postgresql://app:${multi}@127.0.0.1:1,127.0.0.1:2/shop`,
    pgpass: `${cluster.tcp().replace(/:[^:@]*@/, '@')}?passfile=${pgpass}`,
    environment: '${env:HOWDAH_TEST_SECRET}',
    file: `\${file:${from_file}}`,
  };
  const key = await keyPair('ES256', 'k1');
  keys = await startKeyServer(key);
  bearers = { good: secret('token of the file'), tenant: secret('token of a tenant'), bad: secret('token nobody knows') };
  const tokens = file('tokens', `${bearers.good} name=writer scopes=howdah:write\n${bearers.tenant} name=guest tenant=acme scopes=howdah:write\n`);
  const of_redis = secret('password of redis');
  redis = await startRedis('--requirepass', of_redis);
  const audit = randomBytes(32).toString('hex');
  planted.set('key of the audit log', [audit]);
  shared = {
    plugins: [{ redis: { socket: redis.socket, password: of_redis } }, { rate_limit: { shared: {}, tiers: { default: { principal: { calls: { second: 1000000 } } } } } },
      { multi_tenant: { model: 'shared', operators: ['token:writer', 'oauth:ada', 'local'], audit: { key_file: file('audit', `k1 ${audit}\n`) } } }, { analytics: { save_interval_s: 1 } }, 'health', 'optimizer', { cache: { l3: { enabled: true } } }],
    databases: Object.entries(databases).map(([name, text]) => `  ${name}: { dsn: ${JSON.stringify(text)}${name === 'notes' ? ', access: read_write' : ''} }`).join('\n'),
    extra: `tools: { profile: all }\nseal_keys: [${secret('seal key').repeat(2)}, "\${file:${file('seal', secret('seal key of a file').repeat(2))}}"]\n`,
  };
  server = await startGrpc({
    place: keptFolder('served'), http: '', databases: shared.databases, extra: `${shared.extra}log: { level: debug }\n`,
    more: [...shared.plugins, { auth: { token_file: tokens, oauth: { issuer: kIssuer, jwks_url: `${keys.url}?api_key=${secret('key in the query of jwks_url')}`, allow_http: true } } }],
  });
  assert.deepEqual(JSON.parse(run(['plugin', 'list', '--json', '-c', server.file]).out).plugins.filter(({ state }) => state !== 'running'), []);
  const claims = (name, more) => signed(key, { issuer: kIssuer, audience: server.url, claims: { sub: 'ada', scope: 'howdah:write', jti: name, ...more } });
  bearers.jwt = await claims('good');
  bearers.expired = await claims('late', { exp: 1 });
  bearers.altered = `${bearers.jwt.slice(0, -20)}${'A'.repeat(20)}`;
  // What of a token must not be seen: its signature, and the claims that are worth as much.
  for (const name of ['jwt', 'expired', 'altered']) planted.set(`access token, ${name}`, bearers[name].split('.').slice(1));
  planted.set('private key of a certificate', ['PRIVATE KEY']);
});
after(async () => {
  await server.stop();
  keys.stop();
  redis.remove();
  cluster.remove();
  place.remove();
});

// What the tools of all plugins are asked of a database beside a query.
const kReads = { list_tables: {}, health_check: {}, get_query_analytics: {}, get_quota: {}, cache_stats: {}, explain_query: { sql: 'select 1' }, suggest_indexes: { sql: 'select 1' },
  optimize_query: { sql: 'select 1' }, tenant_check: {}, tenant_list: {}, tenant_audit: { tenant: 'acme' } };
const kOfAll = ['get_query_analytics', 'get_quota', 'cache_stats', 'tenant_audit'];  // not of one database

// One client's answer to everything, whoever carries it.
const kDatabases = ['main', 'works', 'refused', 'uri', 'words', 'parameter', 'key', 'hosts', 'pgpass', 'environment', 'file', 'nowhere'];
const headersOf = (method, name) => ({ 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, ...(name && { 'Mcp-Name': name }) });
const body = (method, params) => ({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta() } });

test('over HTTP: credentials good and bad, sessions, every database, statements that fail', async () => {
  const ask = async (from, name, args, authorization, own) => {
    const answer = await post(server.url, body('tools/call', { name, arguments: args }), { ...headersOf('tools/call', name), ...authorization });
    hear(from, { headers: [...answer.headers], json: answer.json }, own);
    return answer.json;
  };
  const good = { Authorization: `Bearer ${bearers.good}` };
  const basic = secret('Basic credentials');
  planted.get('Basic credentials').push(Buffer.from(`app:${basic}`).toString('base64'));
  const credentials = [{}, { Authorization: `Bearer ${bearers.bad}` }, { Authorization: `Bearer ${bearers.expired}` }, { Authorization: `Bearer ${bearers.altered}` },
    { Authorization: `Bearer ${bearers.good} ${bearers.bad}` }, { Authorization: `Basic ${Buffer.from(`app:${basic}`).toString('base64')}` },
    { Cookie: `session=${secret('cookie')}` }, { 'X-Api-Key': secret('foreign header') }];
  for (const credential of credentials) await ask('refused over HTTP', 'query', { sql: 'select 1' }, credential);
  const query = secret('token in the query string');
  hear('refused query string', (await post(`${server.url}?access_token=${query}`, body('tools/list', {}), headersOf('tools/list'))).json);
  hear('a path that is none', await (await fetch(new URL(`/${secret('path')}`, server.url), { headers: good })).text());

  const opened = await post(server.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize('2025-11-25') }, good);
  planted.set('session id', [opened.headers.get('mcp-session-id')]);
  await post(server.url, { jsonrpc: '2.0', id: 2, method: 'ping' }, { ...good, 'Mcp-Session-Id': planted.get('session id')[0] });
  hear('a session of somebody else', (await post(server.url, { jsonrpc: '2.0', id: 2, method: 'ping' },
    { Authorization: `Bearer ${bearers.jwt}`, 'Mcp-Session-Id': planted.get('session id')[0] })).json);

  for (const database of kDatabases) {
    const { result } = await ask(`query of ${database}`, 'query', { sql: 'select 1', database }, good);
    assert.equal(result.isError ?? false, !['main', 'works'].includes(database), `${database}: ${textOf(result)}`);
  }
  // Values a client has sent are nobody else's: not the log's either.
  const [value, bound, row, role] = ['literal in SQL', 'bound parameter', 'row of a table', 'password of a new role'].map((where) => [where, secret(where)]);
  const [of_tenant, bound_of_tenant] = ['literal of a tenant', 'bound parameter of a tenant'].map((where) => [where, secret(where)]);
  const tenant = { Authorization: `Bearer ${bearers.tenant}` };
  const audited = await ask('a tenant', 'query', { sql: `select '${of_tenant[1]}' as literal, $1::text as bound`, params: [bound_of_tenant[1]] }, tenant, [of_tenant[0], bound_of_tenant[0]]);
  assert.deepEqual(audited.result.structuredContent?.rows, [[of_tenant[1], bound_of_tenant[1]]], textOf(audited.result));
  await ask('a literal', 'query', { sql: `select '${value[1]}'::int` }, good, [value[0]]);
  await ask('a bound value', 'query', { sql: 'select $1::text::int', params: [bound[1]] }, good, [bound[0]]);
  psql(`create table secrets_kept (word text unique); insert into secrets_kept values ('${row[1]}')`);
  await ask('a row', 'query', { sql: 'select word from public.secrets_kept' }, good, [row[0]]);
  await ask('a key twice', 'execute', { sql: `insert into public.secrets_kept values ('${row[1]}')`, database: 'notes' }, good, [row[0]]);
  await ask('a row in an error of others', 'execute', { sql: 'insert into public.secrets_kept select word from public.secrets_kept', database: 'notes' }, good, [row[0]]);
  await ask('create role', 'execute', { sql: `create role secrets_role password '${role[1]}'`, database: 'notes' }, good, [role[0]]);
  const cut = await ask('a cut answer', 'query', { sql: 'select generate_series(1, 10)', max_rows: 2 }, good, ['handle to go on']);
  planted.set('handle to go on', [cut.result.structuredContent.next]);
  await ask('query_more', 'query_more', { next: planted.get('handle to go on')[0] }, good, ['handle to go on']);
  psql('drop table secrets_kept');
  assert.deepEqual((await ask('a good access token', 'query', { sql: 'select 1' }, { Authorization: `Bearer ${bearers.jwt}` })).result.structuredContent.rows, [[1]]);
});

test('over a pipe and HTTP: what the tools of every plugin say of every database', async () => {
  const log = join(place.folder, 'log');
  const pipe = startStdio({ place: keptFolder('piped'), databases: shared.databases, plugins: ['pool', 'guard', 'query', 'schema', ...shared.plugins], extra: `${shared.extra}log: { level: debug, file: ${log} }\n` });
  const over = {
    'a pipe': (params) => pipe.request(JSON.stringify(params), 'tools/call', { ...params, _meta: meta() }),
    HTTP: async (params) => (await post(server.url, body('tools/call', params), { ...headersOf('tools/call', params.name), Authorization: `Bearer ${bearers.good}` })).json,
  };
  hear('a broken line', await new Promise((resolve) => {
    pipe.child.stdin.write(`{"broken": "${secret('broken line')}"\n`);
    pipe.next(({ error }) => error).then(resolve);
  }));
  for (const [wire, ask] of Object.entries(over)) {
    const { result } = await ask({ name: 'query', arguments: { sql: 'select 6 * 7' } });
    assert.deepEqual(result.structuredContent.rows, [[42]]);
    for (const database of kDatabases) {
      for (const [name, args] of Object.entries({ query: { sql: 'select 1' }, ...kReads })) {
        const answer = await ask({ name, arguments: kOfAll.includes(name) ? args : { ...args, database } });
        assert.doesNotMatch(JSON.stringify(answer), /unknown tool|unknown argument/, name);
        hear(`${name} of ${database} over ${wire}`, answer);
      }
    }
  }
  hearFiles('while it runs', 'piped');
  assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
  hearFiles('after the end', 'piped');
  hear('the log of a pipe at level debug', readFileSync(log, 'utf8'));
  assert.match(readFileSync(log, 'utf8'), /breaker open/);
});

test('over WebSocket and gRPC: the same credentials', async () => {
  for (const name of ['bad', 'expired', 'altered']) {
    hear(`upgrade with ${name}`, await upgrade(server.url, { Authorization: `Bearer ${bearers[name]}` }));
    hear(`stream with ${name}`, await connect(server.grpc, { token: bearers[name] }).ended);
  }
  hear('upgrade with a subprotocol', await upgrade(server.url, { 'Sec-WebSocket-Protocol': `bearer, ${secret('token as a subprotocol')}` }));
  const socket = await openSocket(server.url, { protocols: 'mcp', headers: { Authorization: `Bearer ${bearers.jwt}` } });
  const stream = connect(server.grpc, { token: bearers.good });
  for (const [from, channel] of [['WebSocket', socket], ['gRPC', stream]]) {
    for (const database of kDatabases) {
      hear(`${from}, ${database}`, await channel.request(database, 'tools/call', { name: 'query', arguments: { sql: 'select 1', database }, _meta: meta() }));
    }
  }
  socket.socket.send(`{"broken": "${secret('broken message')}"`);
  hear('a broken message', await socket.next(({ id, error }) => id === undefined && error), []);
  socket.socket.close();
  hear('the end', await stream.finish());
});

test('the pages everybody may read, and the commands', async () => {
  for (const path of ['/healthz', '/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp', '/', '/metrics']) {
    const page = await fetch(new URL(path, server.url));
    hear(path, { headers: [...page.headers], text: await page.text() });
  }
  for (const args of [['doctor'], ['doctor', '--json'], ['config', 'print'], ['config', 'check'], ['plugin', 'list'], ['plugin', 'order'], ['reload']]) {
    const done = await runBeside([...args, '-c', server.file]);  // the key server is ours
    assert.ok(done.out.length + done.err.length > 0, args.join(' '));
    hear(`howdah ${args.join(' ')}`, done);
  }
  for (const database of kDatabases) hear(`howdah call, ${database}`, await runBeside(['call', '-c', server.file, 'query', 'sql=select 1', `database=${database}`]));
  const env = { HOWDAH_TOKEN: bearers.bad };
  hear('howdah call --url', run(['call', 'query', '--url', server.url, 'sql=select 1'], { env }));
});

test('configurations that are refused do not show what they are refused for', () => {
  const own = inFolder();
  const path = join(own.folder, 'howdah.yaml');
  const wrong = secret('reference of the wrong type');
  const refused = [
    { plugins: [{ pool: { connections_max: '${env:HOWDAH_TEST_WRONG}' } }, 'guard', 'query'] },
    { extra: `seal_keys: [${secret('seal key that is too short').slice(0, 14)}]\n` },
    { extra: `seal_keys: { key: ${secret('seal key in the wrong place')} }\n` },
    { databases: `  main: { dsn: "postgresql://app:${secret('dsn with a mistake')}@127.0.0.1:port/x" }` },
    { databases: `  main: { dsn: "host=127.0.0.1 passwort=${secret('dsn with an unknown word')}" }` },
    { databases: `  main: { dsm: "postgresql://app:${secret('key misspelt')}@127.0.0.1/x" }` },
    { databases: `  main: { dsn: "postgresql://app:${secret('line that is no YAML')}@127.0.0.1/x }` },
    { http: '', plugins: ['pool', 'guard', 'query', { auth: { oauth: { issuer: `https://app:${secret('userinfo of the issuer')}@login.example` } } }] },
    { http: '', plugins: ['pool', 'guard', 'query', { auth: { oauth: { issuer: kIssuer, jwks_url: `http://app:${secret('userinfo of the keys')}@login.example/keys` } } }] },
    { http: '', plugins: ['pool', 'guard', 'query', { auth: { oauth: { issuer: kIssuer, jwks_url: `http://127.0.0.1:1/keys?key=${secret('key of an address that is down')}`, allow_http: true } } }] },
    { http: '', plugins: ['pool', 'guard', 'query', { auth: { oauth: { issuer: kIssuer, password: secret('unknown key of a section') } } }] },
    { http: '', plugins: ['pool', 'guard', 'query', { auth: { token_file: file('tokens_wrong', `${secret('token on a wrong line')} name=a b=c\n`) } }] },
    { http: '', plugins: ['pool', 'guard', 'query', { auth: { token_file: file('tokens_twice', `${secret('token of a name')} name=a\n${secret('token of the same name')} name=a\n`) } }] },
    { serves: true, plugins: ['pool', 'guard', 'query', { redis: { password: secret('password of redis beside a wrong key'), passwort: true } }] },
    { serves: true, plugins: ['pool', 'guard', 'query', { redis: { port: 'none', password: secret('password of redis beside a wrong port') } }] },
    { serves: true, plugins: ['pool', 'guard', 'query', { redis: { socket: redis.socket, password: secret('password redis does not know') } }] },
    { serves: true, plugins: ['pool', 'guard', 'query', { multi_tenant: { model: 'shared', audit: { key_file: file('audit_wrong', `k1 ${secret('key of the audit log that is too short')}\n`) } } }] },
  ];
  planted.set('seal key that is too short', [planted.get('seal key that is too short')[0].slice(0, 14)]);
  for (const options of refused) {
    writeFileSync(path, config({ ...options, folder: own.folder }));
    const told = (...args) => {
      const done = run([...args, '-c', path], { env: { HOWDAH_TEST_WRONG: wrong }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 30000 });
      hear(`${args.join(' ')} of ${JSON.stringify(options)}`, `${done.out}${done.err}`);
      return done.code;
    };
    told('config', 'print');
    told('config', 'check');
    const code = told('doctor');
    assert.notEqual(code, 0, JSON.stringify(options));
    if (code === kConfiguration && !options.serves) assert.equal(told('serve'), kConfiguration, JSON.stringify(options));  // others would serve, without that plugin or while the database is down
  }
  own.remove();
});

// Large, so that the size of the file shows that it is there.
test('an answer that is remembered goes to the disk, and whoever reads the disk does not read it', async () => {
  const sql = `select repeat('${secret('a remembered answer')}', 2000) as word`;
  const ask = async () => (await post(server.url, body('tools/call', { name: 'query', arguments: { sql } }), { ...headersOf('tools/call', 'query'), Authorization: `Bearer ${bearers.good}` })).json.result;
  await until('the answer is remembered', async () => (await ask()).structuredContent.source === 'memory');
});

test('nothing of what was planted came out anywhere', async () => {
  hearFiles('while it runs', 'served');
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  const written = hearFiles('after the end', 'served');
  for (const name of kFiles) assert.ok(written.includes(`plugins/${name}`), `${name} is not among ${written.join(', ')}`);
  assert.ok(statSync(join(place.folder, 'served/state/plugins/cache/answers.db')).size > 50000);
  hear('the log at level debug', server.log());
  hear('stdout', server.out());
  assert.match(server.log(), / debug /);
  // A refused token is told apart by the first digits of its digest.
  for (const [name, why] of [['bad', 'the token is no signed JWT'], ['expired', 'the token has expired'], ['altered', 'the token is not signed with a key of its issuer']]) {
    assert.match(server.log(), new RegExp(`debug .*token #${createHash('sha256').update(bearers[name]).digest('hex').slice(0, 8)} is refused: ${why}`), name);
  }
  const found = [];
  for (const [where, words] of planted) {
    for (const { from, text, own } of said) {
      if (own.includes(where)) continue;
      for (const word of words) if (text.includes(word)) found.push(`${where}: in ${from}: ${text.slice(Math.max(0, text.indexOf(word) - 100), text.indexOf(word) + 10)}`);
    }
  }
  assert.deepEqual(found, []);
  assert.ok(planted.size >= 20 && said.length >= 100, `${planted.size} in ${said.length}`);
  console.log(`figure: secrets: ${planted.size} planted, 0 found in ${said.length} outputs`);
});
