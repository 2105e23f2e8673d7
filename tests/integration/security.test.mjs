// Rows of docs/security.md that want the whole server: what a client may not send, over HTTP and over a pipe.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createConnection } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startBundled } from './bundled.mjs';
import { callTool, initialize, meta, modern, openSession, post, program, psql, startServer, startStdio, textOf, until } from './support.mjs';

const fixture = { fixture: { library: join(dirname(program), 'tests/test_plugins/fixture') } };
const kVersion = 'io.modelcontextprotocol/protocolVersion';

describe('over HTTP', () => {
  let server;
  before(async () => { server = await startServer({ plugins: ['pool', 'guard', 'query', 'schema', fixture] }); });
  after(async () => { assert.deepEqual(await server.stop(), { code: 0, signal: null }); });

  // M3
  test('only this machine reaches it', async () => {
    const port = Number(new URL(server.url).port);
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const listening = readFileSync('/proc/net/tcp', 'utf8').split('\n').map((line) => line.trim().split(/\s+/)).filter((field) => field[3] === '0A');
    assert.deepEqual(listening.filter((field) => field[1].endsWith(`:${hex}`)).map((field) => field[1]), [`0100007F:${hex}`]);
    const outside = Object.values(networkInterfaces()).flat().find(({ family, internal }) => family === 'IPv4' && !internal);
    if (!outside) return;
    const refused = await new Promise((resolve) => createConnection(port, outside.address).on('error', (error) => resolve(error.code)).on('connect', () => resolve('connected')));
    assert.notEqual(refused, 'connected');
  });

  // M5
  test('one endpoint takes one request or notification by POST, as JSON', async () => {
    const { url } = server;
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta() } };
    const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/list' };
    assert.equal((await post(url, [list, list], headers)).status, 400);
    const response = await post(url, { jsonrpc: '2.0', id: 1, result: {} }, { 'MCP-Protocol-Version': '2026-07-28' });
    assert.deepEqual([response.status, response.json.error.message], [400, 'a client sends no responses']);
    assert.equal((await post(url, list, { ...headers, 'Content-Type': 'text/plain' })).status, 415);
    assert.equal((await post(url, list, { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' })).status, 415);
    const unknown = await modern(url, 'no/such');
    assert.equal(unknown.status, 404);
    assert.equal(unknown.json.error.code, -32601);
    assert.equal((await post(url, { jsonrpc: '2.0', method: 'notifications/anything', params: { _meta: meta() } },
      { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'notifications/anything' })).status, 202);
    for (const method of ['GET', 'DELETE', 'PUT', 'PATCH', 'HEAD']) {
      assert.equal((await fetch(url, { method, headers: { Accept: 'text/event-stream' } })).status, 405, method);
    }
  });

  // M6
  test('the revision in the header and in _meta: every combination has its answer', async () => {
    const values = { known: '2026-07-28', legacy: '2025-11-25', unknown: '1900-01-01', absent: undefined };
    const ask = (header, inMeta) => {
      const _meta = meta();
      if (inMeta === undefined) delete _meta[kVersion];
      else _meta[kVersion] = inMeta;
      return post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } },
        { 'Mcp-Method': 'tools/list', ...(header && { 'MCP-Protocol-Version': header }) });
    };
    const expected = {
      known: { known: [200], legacy: [400, -32020], unknown: [400, -32020], absent: [400, -32602] },
      legacy: { known: [400, -32020], legacy: [400, -32022], unknown: [400, -32020], absent: [400, -32600] },  // no session
      unknown: { known: [400, -32020], legacy: [400, -32020], unknown: [400, -32022], absent: [400, -32022] },
      absent: { known: [400, -32020], legacy: [400, -32020], unknown: [400, -32020], absent: [400, -32600] },
    };
    for (const [header, row] of Object.entries(expected)) {
      for (const [inMeta, [status, code]] of Object.entries(row)) {
        const answer = await ask(values[header], values[inMeta]);
        assert.deepEqual([answer.status, answer.json.error?.code], [status, code], `header ${header}, _meta ${inMeta}: ${JSON.stringify(answer.json)}`);
      }
    }
    const session = await openSession(server.url, '2025-11-25');
    for (const bad of ['1900-01-01', '']) {
      const answer = await post(server.url, { jsonrpc: '2.0', id: 2, method: 'tools/list' }, { ...session, 'MCP-Protocol-Version': bad });
      assert.equal(answer.status, 400, `legacy with "${bad}"`);
    }
  });

  // M7. What fetch() will not send (CR, LF, two headers, folded lines) is in tests/kernel/transport.
  test('Mcp-Method and Mcp-Name must be there and say what the body says', async () => {
    const call = (name, changed) => {
      const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': name, ...changed };
      for (const key of Object.keys(headers)) if (headers[key] === undefined) delete headers[key];
      return post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: { sql: 'select 1' }, _meta: meta() } }, headers);
    };
    const base64 = (text) => `=?base64?${Buffer.from(text).toString('base64')}?=`;
    for (const right of ['query', base64('query'), ' query ']) assert.equal((await call('query', { 'Mcp-Name': right })).status, 200, right);
    for (const wrong of [undefined, '', 'Query', 'QUERY', 'query2', 'que ry', base64('Query'), base64('query '), '=?base64?cXVlcnk?=', '=?base64?cXVlcn k=?=', '=?base64?cXVlcnl=?=',
      '=?BASE64?cXVlcnk=?=', '=?base64?cXVlcnk=', 'base64?cXVlcnk=?=', '=?base64??=', '=?base64?=', `"query"`, 'quer\u00ff']) {
      const { status, json } = await call('query', { 'Mcp-Name': wrong });
      assert.deepEqual([status, json.error?.code], [400, -32020], `Mcp-Name ${wrong}`);
    }
    for (const wrong of [undefined, '', 'Tools/Call', 'tools/list', 'tools/call ,x', base64('tools/call')]) {
      const { status, json } = await call('query', { 'Mcp-Method': wrong });
      assert.deepEqual([status, json.error?.code], [400, -32020], `Mcp-Method ${wrong}`);
    }
  });

  // M7. One tool repeats a text, an integer and a flag that lies deeper; the arguments are text, so that 42.0 stays what it is.
  test('Mcp-Param headers say what the arguments say, each once', async () => {
    const differs = /differs from the argument/;
    const [twice, missing, spare, broken] = [/is given twice/, /is missing; tools\/list says which/, /has no counterpart in the arguments/, /outside printable ASCII or is not valid Base64/];
    const base64 = (text) => `=?base64?${Buffer.from(text).toString('base64')}?=`;
    const rows = [
      [{ Region: 'eu' }, '{"region":"eu"}', 'eu -1'],
      [{ REGION: ' eu ' }, '{"region":"eu"}', 'eu -1'],
      [{ Region: base64('Zürich') }, '{"region":"Zürich"}', 'Zürich -1'],
      [{ Region: 'eu', Other: 'x' }, '{"region":"eu"}', 'eu -1'],  // the tool repeats no such argument
      [{ Region: 'us' }, '{"region":"eu"}', differs],
      [{ Region: 'EU' }, '{"region":"eu"}', differs],
      [{ Region: 'eu' }, '{"region":" eu"}', differs],
      [{ Region: '' }, '{"region":"eu"}', differs],
      [{ Region: ['eu', 'eu'] }, '{"region":"eu"}', twice],
      [{ Region: 'eu', region: 'us' }, '{"region":"eu"}', twice],
      [{}, '{"region":"eu"}', missing],
      [{ Region: 'eu' }, '{}', spare],
      [{ Region: 'eu' }, '{"region":null}', spare],
      [{ Region: '=?base64?ZXU?=' }, '{"region":"eu"}', broken],
      [{ Region: '=?base64?ZX-_?=' }, '{"region":"eu"}', broken],
      [{ Region: 'z\u00fcrich' }, '{"region":"zürich"}', broken],
      // A text that looks like an encoded one is none, so a client encodes it.
      [{ Region: '=?base64?ZXU=?=' }, '{"region":"=?base64?ZXU=?="}', differs],
      [{ Region: base64('=?base64?ZXU=?=') }, '{"region":"=?base64?ZXU=?="}', '=?base64?ZXU=?= -1'],
      [{ Region: '=?BASE64?ZXU=?=' }, '{"region":"eu"}', differs],
      ...[['42', '42'], ['42', '42.0'], ['42.0', '42'], [base64('42'), '42'], ['-7', '-7']].map(([header, value]) => [{ Region: 'eu', Shard: header }, `{"region":"eu","shard":${value}}`, `eu ${Math.trunc(value)}`]),
      ...['43', '42.5', '42x', '0x2a', '+42', 'forty-two', ''].map((header) => [{ Region: 'eu', Shard: header }, '{"region":"eu","shard":42}', differs]),
      // Beyond 2^53 several integers are one double.
      ...[['9007199254740993', 'eu 9007199254740993'], ['9007199254740992', differs], ['-9007199254740993', differs]].map(([header, outcome]) => [{ Region: 'eu', Shard: header }, '{"region":"eu","shard":9007199254740993}', outcome]),
      [{ Region: 'eu' }, '{"region":"eu","shard":0}', missing],
      [{ Region: 'eu', Shard: '0' }, '{"region":"eu"}', spare],
      ...['true', 'false'].map((flag) => [{ Region: 'eu', 'Dry-Run': flag }, `{"region":"eu","options":{"dry":${flag}}}`, 'eu -1']),
      ...['false', 'True', '1', ''].map((header) => [{ Region: 'eu', 'Dry-Run': header }, '{"region":"eu","options":{"dry":true}}', differs]),
      [{ Region: 'eu' }, '{"region":"eu","options":{"dry":false}}', missing],
      ...['', ',"options":{}', ',"options":null', ',"dry":true'].map((rest) => [{ Region: 'eu', 'Dry-Run': 'true' }, `{"region":"eu"${rest}}`, spare]),
    ];
    const call = (params, args) => new Promise((resolve, reject) => {
      const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'test_mirrored_headers' };
      const lines = Object.entries(params).flatMap(([name, values]) => [values].flat().flatMap((value) => [`Mcp-Param-${name}`, value]));
      const asked = request(server.url, { method: 'POST', headers: [...Object.entries({ Host: new URL(server.url).host, ...headers }).flat(), ...lines] }, async (answer) => {
        resolve({ status: answer.statusCode, json: JSON.parse((await answer.toArray()).join('')) });
      });
      asked.on('error', reject);
      asked.end(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_mirrored_headers","arguments":${args},"_meta":${JSON.stringify(meta())}}}`);
    });
    for (const [params, args, expected] of rows) {
      const { status, json } = await call(params, args);
      const where = `${JSON.stringify(params)} with ${args}: ${JSON.stringify(json)}`;
      if (typeof expected === 'string') assert.deepEqual([status, textOf(json.result ?? { content: [] })], [200, expected], where);
      else {
        assert.deepEqual([status, json.error?.code], [400, -32020], where);
        assert.match(json.error.message, expected, where);
      }
    }
    console.log(`figure: Mcp-Param headers: ${rows.length} pairs of headers and arguments`);
  });

  // M9
  test('each part of _meta is missed, and of the wrong type refused', async () => {
    const ask = (change) => {
      const _meta = meta();
      change(_meta);
      return post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } }, { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/list' });
    };
    const capabilities = 'io.modelcontextprotocol/clientCapabilities';
    for (const change of [(m) => { delete m[kVersion]; }, (m) => { m[kVersion] = 20260728; }, (m) => { m[kVersion] = null; }, (m) => { delete m[capabilities]; },
      (m) => { m[capabilities] = []; }, (m) => { m[capabilities] = 'all'; }, (m) => { m['io.modelcontextprotocol/clientInfo'] = 'x'; },
      (m) => { m['io.modelcontextprotocol/clientInfo'] = {}; }, (m) => { m['io.modelcontextprotocol/logLevel'] = 'info'; Object.keys(m).forEach((key) => delete m[key]); }]) {
      const { status, json } = await ask(change);
      assert.deepEqual([status, json.error?.code], [400, -32602], change.toString());
    }
  });

  // M14. Another principal, and the end of its time: tests/kernel/base/sealer_test.cpp.
  test('a requestState with any byte changed, cut, blown up or brought elsewhere is refused', async () => {
    const tool = 'test_input_required_result_multi_round';
    const can = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } };
    const call = async (state, args = {}, name = tool) => (await post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call',
      params: { name, arguments: args, _meta: meta(can), ...(state !== undefined && { requestState: state }) } },
    { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': name })).json;
    const { requestState } = (await call()).result;
    assert.equal((await call(requestState)).result.resultType, 'input_required');  // itself it is fine
    let refused = 0;
    const refuse = async (state, args, name) => {
      const { error } = await call(state, args, name);
      assert.equal(error?.code, -32602, `${String(state).slice(0, 80)}`);
      refused++;
    };
    const bytes = Buffer.from(requestState, 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 0x80]) {
        const flipped = Buffer.from(bytes);
        flipped[at] ^= bit;
        await refuse(flipped.toString('base64url'));
      }
    }
    for (let end = 0; end < requestState.length; end++) await refuse(requestState.slice(0, end));
    await refuse(`${requestState}A`);
    await refuse(`${requestState}=`);
    await refuse(requestState + requestState);
    await refuse('A'.repeat(1 << 20));
    await refuse(requestState, { other: 1 });
    await refuse(requestState, {}, 'test_input_required_result_elicitation');
    console.log(`figure: requestState: ${refused} of ${refused} altered ones refused`);
  });

  // M21
  test('30 spellings of a way out lead to no file', async () => {
    const etc = ['/etc/passwd', '../etc/passwd', '../../../../etc/passwd', '..%2f..%2fetc%2fpasswd', '%2e%2e/%2e%2e/etc/passwd', '..%252f..%252fetc/passwd', '....//....//etc/passwd',
      '..;/..;/etc/passwd', '..\\..\\etc\\passwd', '..%5c..%5cetc%5cpasswd', '%c0%ae%c0%ae/etc/passwd', '..%c0%af..%c0%afetc/passwd', '/etc/passwd%00', '/etc/passwd%00.txt',
      'a/../../etc/passwd', './../etc/passwd', '%2Fetc%2Fpasswd', '..%u2215etc%u2215passwd', '\u2025/etc/passwd', '/proc/self/environ'];
    const uris = [...etc.map((path) => `test://template/${path}/data`), ...['file:///etc/passwd', 'file://localhost/etc/passwd', 'file:/etc/passwd', 'FILE:///etc/passwd', '/etc/passwd',
      'test://static-text/../../etc/passwd', 'test://static-text%00', 'test:///etc/passwd', 'test://static-text#/../x', 'http://127.0.0.1/etc/passwd', '']];
    assert.ok(uris.length >= 30);
    for (const uri of uris) {
      const { json } = await modern(server.url, 'resources/read', { uri, name: undefined });
      const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'resources/read', 'Mcp-Name': `=?base64?${Buffer.from(uri).toString('base64')}?=` };
      const answer = (await post(server.url, { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri, _meta: meta() } }, headers)).json;
      assert.ok(json.error || json.result);
      // Refused, or a value of the template's one variable, which is text and nothing else.
      if (answer.error) assert.equal(answer.error.code, -32602, uri);
      else assert.match(uri, /^test:\/\/template\/[^/?#]+\/data$/);
      assert.ok(!/root:|PATH=/.test(JSON.stringify(answer)), uri);
    }
  });

  // M32
  test('an id in flight serves no second request of its session, and any of another one', async () => {
    const [session, other] = await Promise.all([openSession(server.url, '2025-11-25'), openSession(server.url, '2025-11-25')]);
    const mark = `twice ${process.pid}`;
    const running = () => psql(`select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${mark}%'`) === '1';
    const sql = `select count(*) /* ${mark} */ from generate_series(1, 100000) a, generate_series(1, 100000) b`;
    const first = post(server.url, { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'query', arguments: { sql } } }, session);
    await until('the first one runs', running);
    const again = (id, headers) => post(server.url, { jsonrpc: '2.0', id, method: 'ping' }, headers);
    const { status, json } = await again(7, session);
    assert.deepEqual([status, json], [400, { jsonrpc: '2.0', id: 7, error: { code: -32600, message: 'the id 7 is in flight already' } }]);
    for (const [id, headers] of [['7', session], [8, session], [7, other]]) assert.deepEqual((await again(id, headers)).json, { jsonrpc: '2.0', id, result: {} });
    assert.ok(running(), 'the first one goes on');
    await post(server.url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }, session);
    await first;
    assert.deepEqual((await again(7, session)).json.result, {});
  });

  // Section 5, "UTF-8": what PostgreSQL could not take as text reaches no database.
  test('a NUL in SQL, in a parameter or in a name is refused by name', async () => {
    for (const [tool, args] of [['query', { sql: 'select 1\u0000' }], ['query', { sql: 'select $1::text', params: ['a\u0000b'] }],
      ['describe_table', { table: 'shop.orders\u0000' }], ['list_tables', { search: 'a\u0000' }], ['query', { sql: 'select 1', database: 'main\u0000' }]]) {
      const result = await callTool(server.url, tool, args).catch((error) => ({ isError: true, content: [{ type: 'text', text: error.message }] }));
      assert.ok(result.isError, `${tool} ${JSON.stringify(args)}: ${textOf(result)}`);
    }
    const raw = (text) => post(server.url, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":{"sql":${text}},"_meta":${JSON.stringify(meta())}}}`,
      { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'query' });
    for (const lone of ['"select \'\\ud800\'"', '"\\udc00"', '"select 1","sql":"select 2"', '1e400']) {
      const { status, json } = await raw(lone);
      assert.deepEqual([status, [-32700, -32600].includes(json.error.code)], [400, true], lone);
    }
  });
});

describe('every tool of every bundled plugin', () => {
  let server;
  before(async () => { server = await startBundled({ more: [fixture], extra: 'tools: { profile: all }' }); });
  after(async () => { assert.deepEqual(await server.stop(), { code: 0, signal: null }); });

  // M8
  test('no argument that may hold SQL or a secret is mirrored into a header', async () => {
    const { json } = await modern(server.url, 'tools/list', {}, undefined, server.headers);
    const mirrored = [];
    const look = (value, path) => {
      if (typeof value !== 'object' || value === null) return;
      if (value['x-mcp-header'] !== undefined) mirrored.push(path);
      for (const [key, inside] of Object.entries(value)) look(inside, `${path}/${key}`);
    };
    for (const tool of json.result.tools) look(tool.inputSchema, tool.name);
    assert.deepEqual(mirrored.filter((path) => path.startsWith('test_mirrored_headers/')).length, 3, 'those of the fixture are found');
    assert.deepEqual(mirrored.filter((path) => /sql|password|token|key|secret|dsn|statement|params/i.test(path.split('/').slice(1).join('/').replace(/properties\//g, ''))), []);
  });

  // M20
  test('arguments that do not fit are refused by every tool, with the argument named', async () => {
    const { json } = await modern(server.url, 'tools/list', {}, undefined, server.headers);
    const tried = new Map();
    for (const tool of json.result.tools) {
      const { properties = {}, required = [], additionalProperties } = tool.inputSchema;
      const wrong = [];
      for (const [key, { type }] of Object.entries(properties)) {
        for (const value of [{ $: 1 }, [[]], 1.5, true, null, 'x'.repeat(70000)]) {
          const fits = Array.isArray(type) || type === undefined || (type === 'object' && typeof value === 'object') || (type === 'array' && Array.isArray(value))
            || typeof value === type || (type === 'string' && typeof value === 'string');
          if (!fits) wrong.push([key, { [key]: value }]);
        }
      }
      if (additionalProperties === false) wrong.push(['nonsense', { nonsense: 1 }]);
      if (required.length > 0) wrong.push([required[0], {}]);
      for (const [key, args] of wrong) {
        const whole = { ...Object.fromEntries(required.filter((name) => name !== key && properties[name]?.type === 'string').map((name) => [name, 'x'])), ...args };
        const answer = (await modern(server.url, 'tools/call', { name: tool.name, arguments: whole }, undefined, server.headers)).json;
        if ([-32020, -32021].includes(answer.error?.code)) continue;  // wants headers, or runs as a task only
        const said = answer.error?.message ?? textOf(answer.result);
        assert.ok(answer.error || answer.result.isError, `${tool.name} ${JSON.stringify(whole).slice(0, 100)}`);
        assert.ok(said.includes(key), `${tool.name}: ${said} does not name ${key}`);
        tried.set(tool.name, (tried.get(tool.name) ?? 0) + 1);
      }
    }
    const own = server.bundled.flatMap((id) => JSON.parse(readFileSync(join(dirname(program), 'plugins', id, 'plugin.json'), 'utf8')).tools ?? []);
    assert.deepEqual(own.filter(({ name }) => !tried.has(name)), []);
    console.log(`figure: arguments that do not fit: ${[...tried.values()].reduce((sum, count) => sum + count)} refused by ${tried.size} tools, the ${own.length} of the bundled plugins among them`);
  });
});

describe('over a pipe', () => {
  // M32
  test('ids that are none, and one that is in flight: defined errors, nothing crossed', async () => {
    const pipe = startStdio();
    await pipe.request('open', 'initialize', initialize('2025-11-25'));
    let errors = 0;
    pipe.each((message) => {
      if (message.error && message.id === undefined) errors++;
      pipe.messages.push(message);
    });
    for (const id of ['null', '1.5', '9007199254740993', '-9007199254740993', '1e3', 'true', '[]', '{}', `"${'x'.repeat(64 << 10)}"`]) {
      pipe.child.stdin.write(`{"jsonrpc":"2.0","id":${id},"method":"ping"}\n`);
    }
    pipe.send({ id: 1, method: 'tools/call', params: { name: 'query', arguments: { sql: 'select count(*) as first from generate_series(1, 1000000)' } } });
    pipe.send({ id: 1, method: 'tools/call', params: { name: 'query', arguments: { sql: 'select 2 as second' } } });
    const first = await pipe.next((message) => message.id === 1);
    await pipe.request(2, 'ping');
    assert.equal(errors, 10);
    assert.deepEqual(first.result.structuredContent.rows, [[1000000]]);
    assert.equal(pipe.messages.filter((message) => message.id === 1).length, 1);
    assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
  });

  // Section 5: the same bodies as over HTTP.
  test('depth, values, texts and keys are bounded as over HTTP, and the next line is read', async () => {
    const pipe = startStdio();
    await pipe.request('open', 'initialize', initialize('2025-11-25'));
    const refusal = (body) => {
      pipe.messages.length = 0;
      pipe.child.stdin.write(`${body}\n`);
      return pipe.next((message) => message.error);
    };
    assert.equal((await refusal('['.repeat(1000000))).error.code, -32700);
    assert.match((await refusal(`{"a":[${'0,'.repeat(100000)}0]}`)).error.message, /more than 100000 values/);
    assert.match((await refusal(`{"a":"${'x'.repeat((1 << 20) + 1)}"}`)).error.message, /string of more than 1048576 bytes/);
    assert.match((await refusal('{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}')).error.message, /stands twice/);
    assert.match((await refusal('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":{"sql":"a","s\\u0071l":"b"}}}')).error.message, /stands twice/);
    assert.equal((await refusal('{"jsonrpc":"2.0","id":1e400,"method":"ping"}')).error.code, -32700);
    assert.equal((await refusal(`{"jsonrpc":"2.0","id":${'9'.repeat(100000)},"method":"ping"}`)).error.code, -32700);
    assert.equal((await refusal('{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}')).error.code, -32700);
    pipe.child.stdin.write('{"jsonrpc":"2.0","id":-0,"method":"ping"}\n');
    assert.deepEqual((await pipe.next((message) => message.id === 0)).result, {});
    assert.deepEqual((await pipe.request(5, 'ping')).result, {});
    assert.deepEqual(await pipe.stop(), { code: 0, signal: null });
  });
});
