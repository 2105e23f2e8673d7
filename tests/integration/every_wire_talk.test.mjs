// What is said and when it ends, over every transport: rows M14, M15, M17 to M21 and M25 of docs/security.md. A pipe is asked
// here too, where it has no test of its own.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { kPipe, kWires, startEveryWire } from './every_wire.mjs';
import { pluginsWith } from './grpc_client.mjs';
import { meta, program, psql, run, textOf, until } from './support.mjs';

const fixture = { fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } };
const can = (capabilities) => ({ 'io.modelcontextprotocol/clientCapabilities': capabilities });
const running = (mark) => Number(psql(`select count(*) from pg_stat_activity where state = 'active' and query like '%${mark}%' and pid <> pg_backend_pid()`));

let server;
before(async () => { server = await startEveryWire({ more: [fixture] }); });
after(async () => assert.deepEqual(await server.stop(), { code: 0, signal: null }));

const call = (client, name, args = {}, extra = {}) => client.ask('tools/call', { name, arguments: args }, extra);

for (const wire of [...kWires, kPipe]) {
  describe(wire.name, () => {
    let client;
    before(async () => { client = await wire.open(server); });
    after(() => client.close());

    // M15
    test('2026-07-28: a client is asked for what it can answer, and told what it lacks', async () => {
      const { error } = await call(client, 'test_missing_capability');
      assert.deepEqual([error.code, error.data], [-32021, { requiredCapabilities: { sampling: {} } }]);
      const { result } = await call(client, 'test_missing_capability', {}, can({ sampling: {} }));
      assert.equal(result.resultType, 'input_required');
      assert.deepEqual(Object.values(result.inputRequests).map(({ method }) => method), ['sampling/createMessage']);
      assert.equal((await call(client, 'test_missing_capability', {}, can({ elicitation: {}, roots: {} }))).error.code, -32021);
    });

    // M15
    test('2026-07-28: a page is for clients that show pages, tools and context are for models that take them', async () => {
      const { result } = await call(client, 'test_elicitation_url', {}, can({ elicitation: { url: {} } }));
      assert.deepEqual(Object.values(result.inputRequests).map(({ method, params }) => [method, params.mode, params.url]), [['elicitation/create', 'url', 'https://login.example/start?id=1']]);
      const lacking = await call(client, 'test_elicitation_url', {}, can({ elicitation: { form: {} } }));
      assert.deepEqual([lacking.error?.code, lacking.error?.data], [-32021, { requiredCapabilities: { elicitation: { url: {} } } }]);
      for (const [what, lacks] of [['tools', 'tools'], ['toolChoice', 'tools'], ['thisServer', 'context'], ['allServers', 'context']]) {
        const { error } = await call(client, 'test_sampling_with', { with: what }, can({ sampling: {} }));
        assert.deepEqual([error?.code, error?.data], [-32021, { requiredCapabilities: { sampling: { [lacks]: {} } } }], what);
        assert.equal((await call(client, 'test_sampling_with', { with: what }, can({ sampling: { [lacks]: {} } }))).result?.resultType, 'input_required', what);
      }
    });

    // M16
    test('a form that asks for a password is not sent', async () => {
      const { result } = await call(client, 'test_elicitation_password', {}, can({ elicitation: { form: {} } }));
      assert.equal(result.isError, true);
      assert.match(textOf(result), /must not ask for "pass_word"/);
    });

    // M14
    test('a requestState that was altered, cut or brought to another tool is refused', async () => {
      const tool = 'test_input_required_result_multi_round';
      const asks = (requestState, name = tool) => client.ask('tools/call', { name, arguments: {}, ...(requestState !== undefined && { requestState }) }, can({ elicitation: {} }));
      const { requestState } = (await asks()).result;
      assert.equal((await asks(requestState)).result.resultType, 'input_required');
      const altered = `${requestState.slice(0, 40)}${requestState[40] === 'A' ? 'B' : 'A'}${requestState.slice(41)}`;
      for (const state of [altered, requestState.slice(0, -1), '', 'x'.repeat(5000)]) assert.equal((await asks(state)).error?.code, -32602, state.slice(0, 50));
      assert.equal((await asks(requestState, 'test_input_required_result_elicitation')).error?.code, -32602);
    });

    // M20, M25
    test('an argument that does not fit is refused by name, one that breaks the schema of its tool too', async () => {
      const { result } = await call(client, 'query', { sql: 7 });
      assert.equal(result.isError, true);
      assert.match(textOf(result), /sql/);
      const tool = 'json_schema_2020_12_tool';
      const broken = await call(client, tool, { contactMethod: 'phone', email: 'ada@example.com' });  // if and then: a phone is needed
      assert.equal(broken.result.isError, true);
      assert.match(textOf(broken.result), /phone/);
      assert.equal(textOf((await call(client, tool, { contactMethod: 'phone', phone: '1' })).result), 'valid');
    });

    // M21
    test('a URI that tries to get out leads to no file', async () => {
      for (const uri of ['file:///etc/passwd', 'test://static-text/../../etc/passwd', 'test://template/../../../../etc/passwd/data', 'test://static-text%00', 'test://template/..%2f..%2fetc%2fpasswd/data']) {
        const answer = await client.ask('resources/read', { uri });
        // The last is a value of the template's one variable, which is text and nothing else.
        if (answer.error) assert.equal(answer.error.code, -32602, uri);
        else assert.match(uri, /%2f/);
        assert.doesNotMatch(JSON.stringify(answer), /root:/, uri);
      }
    });

    // M19
    test('a request ends in its time, in PostgreSQL too, also one that tells of its progress', async () => {
      const { result } = await call(client, 'query', { sql: "select pg_sleep(60), 'in_its_time'" }, { 'howdah/timeoutMs': 300 });
      assert.equal(result.isError, true);
      assert.equal(result._meta['howdah/error'].code, 'timeout', textOf(result));
      await until('its statement has ended', () => running('in_its_time') === 0);
      const slow = await call(client, 'slow_compute', { seconds: 60, label: 'x' }, { 'howdah/timeoutMs': 300, progressToken: 'p' });
      assert.equal(slow.result._meta['howdah/error'].code, 'timeout', textOf(slow.result));
    });
  });
}

const takesTasks = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } } };
const acknowledged = ({ method }) => method === 'notifications/subscriptions/acknowledged';
const listen = ({ channel }, id, notifications = { toolsListChanged: true }, extra = {}) =>
  channel.send({ id, method: 'subscriptions/listen', params: { notifications, _meta: meta(extra) } });
const takenBack = ({ channel }, id) => channel.send({ method: 'notifications/cancelled', params: { requestId: id, _meta: meta() } });

for (const wire of [...kWires, kPipe].filter(({ duplex }) => duplex)) {
  describe(`${wire.name}, what only waits`, () => {
    // M20
    test('65 subscriptions on one connection take none of its 64 places', async () => {
      const client = await wire.open(server);
      const { channel } = client;
      for (let i = 0; i < 65; ++i) listen(client, `subscription ${i}`);
      await until('all are acknowledged', () => channel.messages.filter(acknowledged).length === 65);
      assert.deepEqual((await call(client, 'query', { sql: 'select 65' })).result.structuredContent.rows, [[65]]);
      await client.hello();
      assert.deepEqual((await client.inSession('ping')).result, {});
      for (let i = 0; i < 65; ++i) takenBack(client, `subscription ${i}`);
      await client.close();
      assert.ok(!channel.messages.some(({ id, error }) => error && String(id).startsWith('subscription')));
    });

    test('waiting results of tasks take no place either; subscriptions and they are as many as limits.subscriptions_max, not one more', async () => {
      const own = await startEveryWire({ more: [fixture], extra: 'limits: { requests_per_connection_max: 1, subscriptions_max: 3 }' });
      const client = await wire.open(own);
      const { channel } = client;
      await client.hello();
      const { taskId } = (await client.inSession('tools/call', { name: 'slow_compute', arguments: { seconds: 600, label: 'x' }, task: {} })).result.task;
      const result = (id) => channel.send({ id, method: 'tasks/result', params: { taskId } });
      listen(client, 'subscription');
      result('first');
      result('second');
      assert.deepEqual((await client.inSession('ping')).result, {});  // in its turn, so the three wait by now
      result('one too many');
      const { error } = await channel.next(({ id }) => id === 'one too many');
      assert.equal(error.code, -32603);
      assert.match(error.message, /no more than 3 requests of one connection .*limits\.subscriptions_max/);
      assert.deepEqual((await client.inSession('ping')).result, {});
      takenBack(client, 'first');
      let tries = 0;
      const last = await until('its place is free', async () => {
        const id = `try ${++tries}`;
        result(id);
        await client.inSession('ping');
        return !channel.messages.some((message) => message.id === id) && id;
      });
      assert.equal((await client.inSession('tasks/cancel', { taskId })).result.status, 'cancelled');
      for (const id of ['second', last]) assert.match((await channel.next((message) => message.id === id)).error.message, /cancelled by its client/);
      // What has ended waits for nothing.
      assert.match((await client.inSession('tasks/result', { taskId })).error.message, /cancelled by its client/);
      takenBack(client, 'subscription');
      await client.close();
      assert.deepEqual(await own.stop(), { code: 0, signal: null });
    });

    test('whoever listens is told of each change of a task, and what came of it', async () => {
      const client = await wire.open(server);
      const { taskId } = (await call(client, 'confirm_delete', { filename: 'a.txt' }, takesTasks)).result;
      const task = async () => (await client.ask('tasks/get', { taskId }, takesTasks)).result;
      await until('it asks', async () => (await task()).status === 'input_required');
      listen(client, 'task', { taskIds: [taskId, '0'.repeat(48)] }, takesTasks);
      assert.deepEqual((await client.channel.next(acknowledged)).params.notifications, { taskIds: [taskId] });
      await client.ask('tasks/update', { taskId, inputResponses: { confirm: { action: 'accept', content: { confirm: true } } } }, takesTasks);
      const { params } = await client.channel.next((message) => message.method === 'notifications/tasks' && message.params.status === 'completed');
      assert.deepEqual([params.taskId, textOf(params.result), params._meta['io.modelcontextprotocol/subscriptionId']], [taskId, 'deleted a.txt', 'task']);
      takenBack(client, 'task');
      await client.close();
    });

    test('a server that stops takes each subscription back, says why, and ends it with a result', async () => {
      const own = wire === kPipe ? server : await startEveryWire();
      const client = await wire.open(own);
      listen(client, 'subscription');
      await client.channel.next(acknowledged);
      const stopped = wire === kPipe ? client.close() : own.stop();  // the server of a pipe ends with its input
      await client.channel.next(({ id }) => id === 'subscription');
      assert.deepEqual(await stopped, { code: 0, signal: null });
      assert.deepEqual(client.channel.messages.filter((message) => !acknowledged(message) && message.id !== 'ask 1'), [
        { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'subscription', reason: 'the server is shutting down' } },
        { jsonrpc: '2.0', id: 'subscription', result: { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': 'subscription' } } },
      ]);
    });

    // M33
    test('2025-11-25: tasks are listed to whoever started the server, and to nobody where clients are not told apart', async () => {
      const client = await wire.open(server);
      const { tasks } = (await client.hello()).result.capabilities;
      const listed = await client.inSession('tasks/list');
      if (wire === kPipe) {
        assert.deepEqual([tasks.list, listed.result.tasks], [{}, []]);
      } else {
        assert.deepEqual([tasks, listed.error.code], [{ cancel: {}, requests: { tools: { call: {} } } }, -32601]);
        assert.match(listed.error.message, /not told apart \(auth: none\)/);
      }
      await client.close();
    });
  });
}

for (const wire of kWires.filter(({ duplex }) => duplex)) {
  describe(`${wire.name}, both ways`, () => {
    // M15
    test('legacy: a question comes to a client that said it can answer, on its own channel, and to no other', async () => {
      const [able, unable, other] = await Promise.all([wire.open(server), wire.open(server), wire.open(server)]);
      await Promise.all([able.hello({ elicitation: { form: {} } }), unable.hello(), other.hello({ elicitation: { form: {} } })]);
      const ask = (asking) => asking.channel.request('call', 'tools/call', { name: 'test_elicitation', arguments: { message: 'Your name?' } });
      const refused = await ask(unable);
      assert.ok(refused.error ?? refused.result.isError);
      const answer = ask(able);
      const question = await able.channel.next(({ method }) => method === 'elicitation/create');
      assert.equal(question.params.message, 'Your name?');
      // One that was not asked cannot answer.
      other.channel.send({ id: question.id, result: { action: 'accept', content: { username: 'eve', email: 'eve@evil.example' } } });
      await other.channel.request('after', 'ping');
      able.channel.send({ id: question.id, result: { action: 'accept', content: { username: 'ada', email: 'ada@example.com' } } });
      const told = textOf((await answer).result);
      assert.match(told, /ada/);
      assert.doesNotMatch(told, /eve/);
      for (const quiet of [unable, other]) assert.deepEqual(quiet.channel.messages.filter(({ method }) => method), []);
      await Promise.all([able, unable, other].map((client) => client.close()));
    });

    // M17
    for (const era of ['legacy', '2026-07-28']) {
      test(`${era}: a request that is taken back ends in PostgreSQL, and nothing more is said of it`, async () => {
        const client = await wire.open(server);
        const more = era === 'legacy' ? {} : { _meta: meta() };
        if (era === 'legacy') await client.hello();
        const mark = `taken back ${process.pid} ${wire.name} ${era}`;
        const query = (sql) => ({ name: 'query', arguments: { sql }, ...more });
        client.channel.send({ id: 'slow', method: 'tools/call', params: query(`select pg_sleep(60), '${mark}'`) });
        await until('it runs', () => running(mark) === 1);
        client.channel.send({ method: 'notifications/cancelled', params: { requestId: 'slow', ...more } });
        await until('it has ended', () => running(mark) === 0);
        assert.deepEqual((await client.channel.request('next', 'tools/call', query('select 1'))).result.structuredContent.rows, [[1]]);
        await client.close();
        assert.ok(!client.channel.messages.some(({ id }) => id === 'slow'));
      });
    }

    // M18
    test('subscriptions: acknowledged first, then only what each asked for, with its id', async () => {
      const client = await wire.open(server);
      const { channel } = client;
      const watched = 'test://watched-resource';
      const listen = (id, notifications) => channel.send({ id, method: 'subscriptions/listen', params: { notifications, _meta: meta() } });
      listen('tools', { toolsListChanged: true });
      listen('one resource', { resourceSubscriptions: [watched] });
      const acknowledged = ({ method }) => method === 'notifications/subscriptions/acknowledged';
      await until('both are acknowledged', () => channel.messages.filter(acknowledged).length === 2);
      for (const uri of ['test://static-text', watched]) await call(client, 'test_update_resource', { uri });
      await channel.next(({ method }) => method === 'notifications/resources/updated');
      server.write({ plugins: pluginsWith({}, fixture).filter((plugin) => plugin !== 'schema') });
      assert.equal(run(['reload', '-c', server.file]).code, 0);
      await channel.next(({ method }) => method === 'notifications/tools/list_changed');
      await client.ask('server/discover');  // what was on its way before is here
      const heard = (id) => channel.messages.filter(({ method, params }) => method && params._meta['io.modelcontextprotocol/subscriptionId'] === id)
        .map(({ method, params }) => [method, params.uri].filter(Boolean).join(' '));
      assert.deepEqual(heard('tools'), ['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed']);
      assert.deepEqual(heard('one resource'), ['notifications/subscriptions/acknowledged', `notifications/resources/updated ${watched}`]);
      assert.equal(channel.messages.filter(({ method }) => method).length, 4);
      client.channel.send({ method: 'notifications/cancelled', params: { requestId: 'tools', _meta: meta() } });
      client.channel.send({ method: 'notifications/cancelled', params: { requestId: 'one resource', _meta: meta() } });
      await client.close();
      server.write({});
      assert.equal(run(['reload', '-c', server.file]).code, 0);
    });
  });
}
