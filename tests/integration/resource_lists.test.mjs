// Resources that a plugin lists itself and that come and go (tests/plugins/shelf), seen by the official clients in both
// eras over every transport; and lists that a plugin must not give.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ResourceListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

import { clients, connectedToOwn, watchedFetch } from './sdk_clients.mjs';
import { callTool, modern, program, startServer } from './support.mjs';

const library = join(dirname(program), 'tests/test_plugins/shelf');
const options = (section = {}) => ({ plugins: [{ shelf: { library, ...section } }] });
const kRules = 'shelf://rules';
const kPages = ['page://1', 'page://2'];

async function everyPage(list) {
  const pages = [];
  let cursor;
  do {
    const page = await list(cursor);
    pages.push(page.resources.map(({ uri }) => uri));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages;
}

for (const entry of clients) {
  describe(entry.name, () => {
    let own;
    let client;
    const { fetch, streamOpen } = watchedFetch();
    before(async () => {
      own = await connectedToOwn(entry, options(), undefined, fetch);
      client = own.client;
    });
    after(() => own.close());
    const put = (name, text) => client.callTool({ name: 'put_note', arguments: { name, text } });

    test('sees what is there now, page by page, and is told when it changes', async () => {
      let heard;
      const told = new Promise((resolve) => { heard = resolve; });
      client.setNotificationHandler(client.listen ? 'notifications/resources/list_changed' : ResourceListChangedNotificationSchema, () => heard());
      if (entry.revision === '2026-07-28') await client.listen({ resourcesListChanged: true });
      else if (!entry.duplex) await streamOpen;

      for (const name of ['d', 'a', 'c', 'e', 'b']) await put(name, `text of ${name}`);
      await told;
      const pages = await everyPage((cursor) => client.listResources({ cursor }, { cacheMode: 'refresh' }));
      const whole = pages.flat();
      assert.deepEqual(whole, [kRules, 'note://a', 'note://b', 'note://c', 'note://d', 'note://e', ...kPages]);
      assert.equal((await client.readResource({ uri: 'note://c' })).contents[0].text, 'text of c');
    });
  });
}

describe('on the wire', () => {
  let server;
  before(async () => { server = await startServer(options()); });
  after(() => server.stop());
  const list = async (cursor) => (await modern(server.url, 'resources/list', cursor === undefined ? {} : { cursor })).json;

  test('each page holds what one list gives; the static ones come first', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await callTool(server.url, 'put_note', { name, text: name });
    const pages = await everyPage(async (cursor) => (await list(cursor)).result);
    assert.deepEqual(pages, [[kRules, 'note://a', 'note://b', 'note://c'], ['note://d'], kPages]);
    const { result } = await list();
    assert.equal(result.resources[1].size, 1);
    assert.equal(result.cacheScope, 'private');
  });
  test('a cursor of a list that is not there, or none of ours, is refused', async () => {
    const encoded = (text) => Buffer.from(text).toString('base64url');
    for (const cursor of ['x', encoded('after:\nnote://{nme}\nb'), encoded('after:\n'), encoded('after:\n\n'), encoded('after:\nnote://{name}'), encoded('after:\nshelf://rules\n')]) {
      const { error } = await list(cursor);
      assert.equal(error.code, -32602, cursor);
      assert.match(error.message, /unknown cursor/);
    }
    // A place that the plugin finds nothing at is the plugin's to judge.
    assert.deepEqual((await list(encoded('after:\nnote://{name}\nzzz'))).result.resources, []);
  });
  test('a resource says how long it may be kept, and by whom', async () => {
    const hints = async (uri) => {
      const { result } = (await modern(server.url, 'resources/read', { uri }, undefined, { 'Mcp-Name': uri })).json;
      return [result.ttlMs, result.cacheScope];
    };
    assert.deepEqual(await hints(kRules), [3600000, 'public']);
    assert.deepEqual(await hints('note://a'), [2000, 'private']);
    assert.deepEqual(await hints('page://7'), [0, 'private']);
    for (const { ttlMs, cacheScope } of (await list()).result.resources) assert.deepEqual([ttlMs, cacheScope], [undefined, undefined]);
  });
});

for (const [lie, said] of [['foreign', /"file:\/\/\/etc\/passwd", which is none of it/], ['nameless', /without uri or name/], ['no_json', /is no JSON/],
  ['too_many', /501 entries in one page, 500/], ['cursor', /goes on at no cursor/], ['fails', /the shelf is locked/]]) {
  test(`a plugin's list that must not be (${lie}) becomes an error, and the server goes on`, async () => {
    const server = await startServer(options({ lie }));
    const { error } = (await modern(server.url, 'resources/list')).json;
    assert.equal(error.code, -32603);
    assert.match(error.message, said);
    assert.equal((await modern(server.url, 'resources/templates/list')).json.result.resourceTemplates.length, 2);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });
}
