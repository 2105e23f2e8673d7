// Who asks, and what that opens, over every transport of the network: rows M4, M12, M14, M20, M22, M24, M26 to M28 and
// docs/security.md. Two people of one authorization server, ada who reads and bob who writes.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { keyPair, signed, startKeyServer } from './authorization_server.mjs';
import { askedAndLeft, kWires, Refused, startEveryWire } from './every_wire.mjs';
import { inFolder, modern, program, psql, textOf, until } from './support.mjs';

const kIssuer = 'https://login.example';
const fixture = { fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } };
const takesTasks = { 'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } } };
const canAnswer = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } };

let keys;
let key;
let server;
let tokens;
const token = (claims, header, by = key) => signed(by, { issuer: kIssuer, audience: server.url, claims, header });
before(async () => {
  key = await keyPair('RS256', 'k1');
  keys = await startKeyServer(key);
  server = await startEveryWire({ http: '', more: [fixture, { auth: { oauth: { issuer: kIssuer, jwks_url: keys.url, allow_http: true, keys_retry_s: 3600 } } }] });
  tokens = { ada: await token({ sub: 'ada' }), bob: await token({ sub: 'bob', scope: 'howdah:write' }) };
});
after(async () => {
  if (server.child.exitCode === null) await server.stop();  // the last test did
  keys.stop();
});

// Whether these credentials are let in, told apart from everything that may go wrong.
const admitted = (wire, credential) => wire.open(server, credential).then(async (client) => {
  await client.close();
  return true;
}, (error) => {
  assert.ok(error instanceof Refused, error.stack);
  assert.ok(wire.refusedWith.includes(error.code), `${error.code} ${error.message}`);
  return false;
});

const call = (client, name, args = {}, extra = {}, more = {}) => client.ask('tools/call', { name, arguments: args, ...more }, extra);

for (const wire of kWires) {
  describe(wire.name, () => {
    const people = {};
    before(async () => {
      for (const [name, credential] of Object.entries(tokens)) people[name] = await wire.open(server, credential);
    });
    after(() => Promise.all(Object.values(people).map((client) => client.close())));

    // M4, M27
    test('of many tokens only those that are meant for this server and in force are let in', async () => {
      const other = await keyPair('RS256', 'k1');
      const now = Math.floor(Date.now() / 1000);
      const [head, body, signature] = tokens.ada.split('.');
      const encoded = (json) => Buffer.from(JSON.stringify(json)).toString('base64url');
      const bad = {
        none: undefined,
        'a word': 'x',
        'another audience': await token({ aud: `${server.url}/x` }),
        'the audience of gRPC': await token({ aud: `http://${server.grpc}/mcp` }),
        'no audience': await token({ aud: undefined }),
        'another issuer': await token({ iss: `${kIssuer}/` }),
        expired: await token({ exp: now - 60 }),
        'no expiry': await token({ exp: undefined }),
        'not in force': await token({ nbf: now + 60 }),
        'no subject': await token({ sub: undefined }),
        'an id token': await token({ nonce: 'n' }),
        'a foreign key under our kid': await token({}, {}, other),
        'an unknown kid': await token({}, { kid: 'nobody' }, other),
        'a kid that is a path': await token({}, { kid: '../../etc/passwd' }, other),
        'a jku': await token({}, { jku: 'https://evil.example/keys' }),
        'alg none': `${encoded({ alg: 'none' })}.${body}.`,
        'another body': `${head}.${encoded({ ...JSON.parse(Buffer.from(body, 'base64url')), sub: 'eve' })}.${signature}`,
        'half a token': tokens.ada.slice(0, -40),
        'two tokens': `${tokens.ada}, ${tokens.bob}`,
        'of 64 kB': 'x'.repeat(64 << 10),
      };
      const let_in = [];
      for (const [name, credential] of Object.entries(bad)) if (await admitted(wire, credential)) let_in.push(name);
      assert.deepEqual(let_in, []);
      console.log(`figure: access tokens over ${wire.name}: ${Object.keys(bad).length} of ${Object.keys(bad).length} bad ones refused`);
      assert.ok(await admitted(wire, tokens.ada));
      assert.ok(await admitted(wire, await token({ aud: ['x', server.url] })));
    });

    // M26
    test('who has no token is told where to get one', async () => {
      const at = new URL('/.well-known/oauth-protected-resource/mcp', server.url).href;
      const { message } = await wire.open(server).then(() => assert.fail('let in'), (error) => error);
      assert.ok(message.includes(at), message);
      assert.deepEqual((await (await fetch(at)).json()).authorization_servers, [kIssuer]);
    });

    // M28
    test('a call beyond the scopes is refused with all it needs; write holds read, admin holds write', async () => {
      const write = { sql: 'update shop.suppliers set name = name where false', database: 'notes' };
      const { error } = await call(people.ada, 'execute', write);
      assert.deepEqual([error.code, error.data.required_scopes], [-32600, ['howdah:write']]);
      assert.equal((await call(people.bob, 'execute', write)).result.isError ?? false, false);
      assert.deepEqual((await call(people.bob, 'query', { sql: 'select 1' })).result.structuredContent.rows, [[1]]);
      const admin = await wire.open(server, await token({ sub: 'eve', scope: 'howdah:admin' }));
      assert.equal((await call(admin, 'execute', write)).result.isError ?? false, false);
      await admin.close();
      const nobody = await wire.open(server, await token({ sub: 'nil', scope: 'openid' }));
      assert.deepEqual((await call(nobody, 'query', { sql: 'select 1' })).error.data.required_scopes, ['howdah:read']);
      // What a client says of itself is no credential (M11).
      const boast = { 'io.modelcontextprotocol/clientInfo': { name: 'howdah', version: '1', scopes: ['howdah:admin'], tier: 'gold' }, scope: 'howdah:admin', principal: 'oauth:bob' };
      assert.ok((await call(nobody, 'query', { sql: 'select 1' }, boast)).error);
      await nobody.close();
    });

    // M24
    test('the lists are the same for both, to the byte and in the same order, and marked private', async () => {
      for (const [method, list] of [['tools/list', 'tools'], ['prompts/list', 'prompts'], ['resources/list', 'resources'], ['resources/templates/list', 'resourceTemplates']]) {
        const [ada, bob] = await Promise.all([people.ada.ask(method), people.bob.ask(method)]);
        assert.equal(JSON.stringify(ada.result), JSON.stringify(bob.result), method);
        assert.ok(ada.result[list].length > 0, method);
        assert.equal(ada.result.cacheScope, 'private', method);
        assert.ok(ada.result.ttlMs >= 0, method);
      }
    });

    // M22
    test('suggestions are made for whoever asks', async () => {
      const ref = { type: 'ref/prompt', name: 'test_prompt_with_embedded_resource' };
      for (const [name, client] of Object.entries(people)) {
        const { result } = await client.ask('completion/complete', { ref, argument: { name: 'resourceUri', value: 'oauth:' } });
        assert.deepEqual(result.completion.values, [`test://of/oauth:${name}`]);
      }
    });

    // M12, M33
    test("a task of somebody else's is an unknown one, for whatever is asked of it", async () => {
      const { result } = await call(people.ada, 'slow_compute', { seconds: 60, label: 'mine' }, takesTasks);
      const unknown = result.taskId.replace(/./g, (digit) => (15 - parseInt(digit, 16)).toString(16));
      for (const [method, more] of [['tasks/get', {}], ['tasks/update', { inputResponses: {} }], ['tasks/cancel', {}]]) {
        const [stolen, none] = await Promise.all([result.taskId, unknown].map((taskId) => people.bob.ask(method, { taskId, ...more }, takesTasks)));
        assert.equal(stolen.error.code, -32602, method);
        assert.equal(JSON.stringify(stolen.error).replaceAll(result.taskId, 'ID'), JSON.stringify(none.error).replaceAll(unknown, 'ID'), method);
      }
      assert.equal((await people.ada.ask('tasks/get', { taskId: result.taskId }, takesTasks)).result.status, 'working');
      assert.ok((await people.ada.ask('tasks/cancel', { taskId: result.taskId }, takesTasks)).result);
    });

    // M33
    test("2025-11-25: a task of somebody else's is an unknown one, and stands in nobody else's list", async () => {
      const [ada, bob] = await Promise.all(Object.values(tokens).map((credential) => wire.open(server, credential)));
      for (const client of [ada, bob]) assert.deepEqual((await client.hello()).result.capabilities.tasks, { list: {}, cancel: {}, requests: { tools: { call: {} } } });
      const start = async (client, label) => (await client.inSession('tools/call', { name: 'slow_compute', arguments: { seconds: 60, label }, task: { ttl: 60000 } })).result.task.taskId;
      const [mine, theirs] = await Promise.all([start(ada, 'ada'), start(bob, 'bob')]);
      const unknown = mine.replace(/./g, (digit) => (15 - parseInt(digit, 16)).toString(16));
      for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
        const [stolen, none] = await Promise.all([mine, unknown].map((taskId) => bob.inSession(method, { taskId })));
        assert.deepEqual([stolen.error?.code, none.error?.code], [-32602, -32602], method);
        assert.equal(JSON.stringify(stolen.error).replaceAll(mine, 'ID'), JSON.stringify(none.error).replaceAll(unknown, 'ID'), method);
      }
      const listed = async (client) => (await client.inSession('tasks/list')).result.tasks.filter(({ status }) => status === 'working').map(({ taskId }) => taskId);
      assert.deepEqual([await listed(ada), await listed(bob)], [[mine], [theirs]]);
      for (const [client, taskId] of [[ada, mine], [bob, theirs]]) {
        assert.equal((await client.inSession('tasks/cancel', { taskId })).result.status, 'cancelled');
        await client.close();
      }
    });

    test('a task goes on when the connection that asked for it is gone, and its owner has the result over another', async () => {
      const { result } = await askedAndLeft(wire, server, tokens.ada, 'tools/call', { name: 'slow_compute', arguments: { seconds: 1, label: 'alone' } }, takesTasks);
      assert.equal(result.resultType, 'task');
      const [ada, bob] = await Promise.all(Object.values(tokens).map((credential) => wire.open(server, credential)));
      const get = (client) => client.ask('tasks/get', { taskId: result.taskId }, takesTasks);
      assert.equal((await get(bob)).error.code, -32602);
      const done = await until('it has ended', async () => {
        const { result: task } = await get(ada);
        return task.status !== 'working' && task;
      });
      assert.deepEqual([done.status, textOf(done.result)], ['completed', 'computed alone in 1 s']);
      // Over another wire as well.
      const elsewhere = kWires[(kWires.indexOf(wire) + 1) % kWires.length];
      const other = await elsewhere.open(server, tokens.ada);
      assert.equal(textOf((await get(other)).result.result), 'computed alone in 1 s');
      await Promise.all([ada, bob, other].map((client) => client.close()));
    });

    // M12
    test("a handle to go on opens nothing for somebody else, and is told to be as unknown as a made-up one", async () => {
      const sealed = await call(people.ada, 'query', { sql: 'select generate_series(1, 10)', max_rows: 2 });
      const { next } = sealed.result.structuredContent;
      const told = async (handle) => textOf((await call(people.bob, 'query_more', { next: handle })).result);
      assert.match(await told(next), /unknown or expired handle/);
      assert.equal(await told(next), await told(`${next.slice(0, -4)}AAAA`));
      assert.deepEqual((await call(people.ada, 'query_more', { next })).result.structuredContent.rows[0], [3]);
    });

    // M14
    test("a requestState of somebody else's, an altered one and one for another tool are refused alike", async () => {
      const tool = 'test_input_required_result_multi_round';
      const { requestState } = (await call(people.ada, tool, {}, canAnswer)).result;
      const told = async (client, state, name = tool) => (await call(client, name, {}, canAnswer, { requestState: state })).error;
      const foreign = await told(people.bob, requestState);
      assert.equal(foreign.code, -32602);
      assert.deepEqual(await told(people.bob, `${requestState.slice(0, -4)}AAAA`), foreign);
      assert.equal((await told(people.ada, requestState, 'test_input_required_result_elicitation')).code, -32602);
      assert.equal((await call(people.ada, tool, {}, canAnswer, { requestState })).result.resultType, 'input_required');
    });

    // M11
    test('calls of both, alternating, never meet', async () => {
      const mine = {};
      for (const [name, client] of Object.entries(people)) mine[name] = (await call(client, 'slow_compute', { seconds: 60, label: name }, takesTasks)).result.taskId;
      let mixed_up = 0;
      await Promise.all(Array.from({ length: 500 }, async (_, at) => {
        const [asks, owns] = [at & 1 ? 'ada' : 'bob', at & 2 ? 'ada' : 'bob'];
        const { result } = await people[asks].ask('tasks/get', { taskId: mine[owns] }, takesTasks);
        if ((result !== undefined) !== (asks === owns)) mixed_up += 1;
      }));
      assert.equal(mixed_up, 0);
      for (const [name, client] of Object.entries(people)) await client.ask('tasks/cancel', { taskId: mine[name] }, takesTasks);
    });
  });
}

// M20: with a limit of two, so that it is reached. Over HTTP the status says it too.
describe('in flight', () => {
  let own;
  const people = {};
  before(async () => {
    const place = inFolder();
    const file = join(place.folder, 'tokens');
    const tokens = { ada: 'a'.repeat(30), bob: 'b'.repeat(30) };
    writeFileSync(file, Object.entries(tokens).map(([name, secret]) => `${secret} name=${name} scopes=howdah:read\n`).join(''), { mode: 0o600 });
    own = await startEveryWire({ http: '', place, more: [{ auth: { token_file: file } }], extra: 'limits: { requests_per_principal_max: 2 }' });
    for (const wire of kWires) for (const [name, secret] of Object.entries(tokens)) (people[wire.name] ??= {})[name] = await wire.open(own, secret);
  });
  after(async () => {
    for (const { ada, bob } of Object.values(people)) await Promise.all([ada.close(), bob.close()]);
    assert.deepEqual(await own.stop(), { code: 0, signal: null });
  });

  for (const wire of kWires) {
    test(`${wire.name}: one principal has so many requests in flight over all its connections, another none fewer for it`, async () => {
      const ask = () => Promise.all([people[wire.name].ada, people[wire.name].bob].map((client) => call(client, 'query', { sql: 'select 1' })));
      const lock = `hold_${wire.name}`;
      const sleeping = () => Number(psql(`select count(*) from pg_stat_activity where state = 'active' and query like '%${lock}%' and pid <> pg_backend_pid()`));
      // One of the two comes over another wire: what counts is who asks.
      const other = kWires[(kWires.indexOf(wire) + 1) % kWires.length];
      const held = [wire, other].map(({ name }) => call(people[name].ada, 'query', { sql: `select pg_sleep(60), '${lock}'` }));
      await until('both are in flight', () => sleeping() === 2);
      const [refused, served] = await ask();
      assert.equal(refused.error?.code, -32603, JSON.stringify(refused));
      assert.match(refused.error.message, /requests_per_principal_max/);
      assert.deepEqual(served.result.structuredContent.rows, [[1]]);
      if (wire.name === 'HTTP') {
        const { status, headers } = await modern(own.url, 'tools/call', { name: 'query', arguments: { sql: 'select 1' } }, undefined, { Authorization: `Bearer ${'a'.repeat(30)}` });
        assert.deepEqual([status, headers.get('retry-after')], [429, '1']);
      }
      psql(`select pg_cancel_backend(pid) from pg_stat_activity where state = 'active' and query like '%${lock}%' and pid <> pg_backend_pid()`);
      await Promise.all(held);
      for (const answer of await ask()) assert.deepEqual(answer.result?.structuredContent.rows, [[1]], JSON.stringify(answer));
    });
  }
});

test('no token of all these stands in the log', async () => {
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  for (const credential of Object.values(tokens)) assert.ok(!server.log().includes(credential.slice(-40)));
});
