// `howdah demo`: a private PostgreSQL is made, filled, served, called and gone again, unless it is to be kept.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { clients, connected } from './sdk_clients.mjs';
import { atExit, callTool, reader, inFolder, program, run, textOf } from './support.mjs';

// A folder for everything a demo writes.
function demoPlace() {
  const { folder, remove } = inFolder();
  chmodSync(folder, 0o711);  // as root, PostgreSQL runs as another user
  const env = { HOME: folder, TMPDIR: folder, XDG_STATE_HOME: join(folder, 'state'), XDG_RUNTIME_DIR: join(folder, 'run') };
  return {
    folder, remove, env,
    clusters: () => readdirSync(folder).filter((name) => name.startsWith('howdah-embedded-')),
  };
}
const urlIn = (out) => out.match(/serving (http:\/\/127\.0\.0\.1:\d+\/mcp)/)[1];

// A demo that goes on; resolves when it serves.
async function serving(place, args, { command = program, ...options } = {}) {
  const child = spawn(command, ['demo', '--port', '0', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], cwd: place.folder, env: { ...process.env, ...place.env }, ...options });
  const forget = atExit(() => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stderr.on('data', (bytes) => { err += bytes; });
  const exited = new Promise((resolve) => child.on('exit', (code, signal) => {
    forget();
    resolve({ code, signal });
  }));
  await new Promise((resolve, reject) => {
    exited.then(() => reject(new Error(`the demo ended: ${out}${err}`)));
    child.stdout.on('data', (bytes) => {
      out += bytes;
      if (/\nserving until Ctrl-C\n/.test(out)) resolve();
    });
  });
  return {
    out, url: urlIn(out),
    stop() {
      child.kill('SIGINT');
      return exited;
    },
  };
}

// What to paste, by client: [the file it belongs into, the text].
function toPaste(out) {
  const [, text] = out.split('Connect a client');
  const found = [...text.matchAll(/\n(Claude Desktop|Claude Code|Cursor|VS Code|Windsurf) \(([^;)]*).*\)\n([^]*?)\n(?=\n|$)/g)];
  return Object.fromEntries(found.map(([, client, place, pasted]) => [client, [place, pasted]]));
}

// Keys as each client documents them.
function checkToPaste(out) {
  const url = urlIn(out);
  assert.notEqual(new URL(url).port, '0');
  const found = toPaste(out);
  assert.deepEqual(Object.keys(found), ['Claude Desktop', 'Claude Code', 'Cursor', 'VS Code', 'Windsurf']);
  const expected = {
    'Claude Desktop': ['claude_desktop_config.json', { mcpServers: { howdah: {
      command: realpathSync(program), args: ['serve'], env: { DATABASE_URL: 'postgresql://user:password@host/database' } } } }],
    Cursor: ['.cursor/mcp.json', { mcpServers: { howdah: { url } } }],
    'VS Code': ['.vscode/mcp.json', { servers: { howdah: { type: 'http', url } } }],
    Windsurf: ['~/.codeium/windsurf/mcp_config.json', { mcpServers: { howdah: { serverUrl: url } } }],
  };
  for (const [client, [place, configuration]] of Object.entries(expected)) {
    assert.equal(found[client][0], place);
    assert.deepEqual(JSON.parse(found[client][1]), configuration);
  }
  assert.equal(found['Claude Code'][1], `claude mcp add --transport http howdah ${url}`);
}

test('demo --check shows the sample business, a refused write and what clients paste, and leaves nothing behind', () => {
  const place = demoPlace();
  const done = run(['demo', '--check', '--port', '0'], { env: place.env, cwd: place.folder, timeout: 120000 });
  assert.equal(done.code, 0, done.err + done.out);
  assert.match(done.out, /shop\.orders/);
  assert.match(done.out, /\|\s*revenue\s*\|/);
  assert.match(done.out, /data-modification/);
  checkToPaste(done.out);
  assert.deepEqual(place.clusters(), []);
  place.remove();
});

describe('while a demo runs, what it printed connects', () => {
  const place = demoPlace();
  let demo;
  let pasted;
  before(async () => {
    demo = await serving(place, []);
    pasted = toPaste(demo.out);
  });
  after(async () => {
    assert.deepEqual(await demo?.stop(), { code: 0, signal: null });
    assert.deepEqual(place.clusters(), []);
    place.remove();
  });
  const json = (client) => JSON.parse(pasted[client][1]);

  test('it prints what --check prints', () => checkToPaste(demo.out));

  const urls = {
    'Claude Code': () => pasted['Claude Code'][1].split(' ').at(-1),
    Cursor: () => json('Cursor').mcpServers.howdah.url,
    'VS Code': () => json('VS Code').servers.howdah.url,
    Windsurf: () => json('Windsurf').mcpServers.howdah.serverUrl,
  };
  // Claude Desktop starts the server: with the user's database in place of the example's.
  const launch = () => {
    const { command, args, env } = json('Claude Desktop').mcpServers.howdah;
    return { command, args, env: { ...env, ...place.env, DATABASE_URL: reader }, cwd: place.folder };
  };
  const asks = async (entry, where) => {
    const client = await connected(entry, where);
    try {
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map((tool) => tool.name), ['describe_table', 'list_tables', 'query', 'query_more']);
      const result = await client.callTool({ name: 'query', arguments: { sql: 'select count(*) from shop.orders' } });
      assert.deepEqual(result.structuredContent?.rows, [[60000]], textOf(result));
    } finally {
      await client.close();
    }
  };
  for (const entry of clients.filter(({ stdio }) => !stdio)) {
    for (const [name, url] of Object.entries(urls)) {
      test(`${entry.name}, by the URL for ${name}`, () => asks(entry, { url: url() }));
    }
  }
  for (const entry of clients.filter(({ stdio }) => stdio)) {
    test(`${entry.name}, by the command for Claude Desktop`, () => asks(entry, { launch: launch() }));
  }
});

describe('demo --keep', () => {
  // As root a kept cluster lies under /var/lib, so the demo runs as somebody who has only XDG_STATE_HOME.
  const place = demoPlace();
  after(() => place.remove());
  const user = {};
  let command = program;
  let skip = false;
  if (process.getuid() === 0) {
    try {
      for (const id of ['uid', 'gid']) user[id] = Number(execFileSync('id', [`-${id[0]}`, 'nobody'], { encoding: 'utf8' }));
      assert.equal(Number(execFileSync('/usr/bin/id', ['-u'], { ...user, encoding: 'utf8' })), user.uid);
    } catch (error) {
      skip = `this process cannot become user nobody: ${error.message.split('\n')[0]}`;
    }
    // Who nobody is may not enter the folder the program was built in.
    command = join(place.folder, 'program/howdah');
    cpSync(program, command);
    cpSync(join(dirname(program), 'plugins'), join(place.folder, 'program/plugins'), { recursive: true });
    if (!skip) chownSync(place.folder, user.uid, user.gid);
  }

  const demo = (args) => serving(place, args, { command, ...user });
  // In the running demo's database, as its owner.
  const psql = (sql) => execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', join(place.folder, place.clusters()[0]), '-p', '5432',
    '-U', 'howdah', '-d', 'howdah', '-c', sql], { encoding: 'utf8' }).trimEnd();
  const seen = async ({ url }, slug) => {
    const result = await callTool(url, 'query', { sql: 'select name from shop.categories where slug = $1', params: [slug] });
    assert.ok(!result.isError, textOf(result));
    return result.structuredContent.rows;
  };
  const write = (id, slug) => psql(`insert into shop.categories values (${id}, null, 'By hand', '${slug}')`);
  // Folders with the data of a cluster, below `folder`.
  const kept = (folder) => (existsSync(folder) ? readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('/data/PG_VERSION')) : []);
  const ended = { code: 0, signal: null };

  test('what was written in one demo is there in the next, under XDG_STATE_HOME and nowhere else', { skip }, async () => {
    let running = await demo(['--keep']);
    assert.deepEqual(await seen(running, 'kept'), []);
    write(9001, 'kept');
    assert.deepEqual(await running.stop(), ended);
    assert.deepEqual(place.clusters(), []);
    assert.equal(kept(place.env.XDG_STATE_HOME).length, 1);
    assert.equal(kept(place.folder).length, 1);

    running = await demo(['--keep']);
    assert.deepEqual(await seen(running, 'kept'), [['By hand']]);
    assert.deepEqual(await running.stop(), ended);
  });

  test('without --keep a demo starts afresh, and what was written in it is gone with it', { skip }, async () => {
    mkdirSync(place.env.XDG_STATE_HOME, { recursive: true });
    const before = kept(place.folder);
    const running = await demo([]);
    assert.deepEqual(await seen(running, 'kept'), []);
    write(9002, 'gone');
    assert.deepEqual(await seen(running, 'gone'), [['By hand']]);
    assert.equal(kept(place.folder).length, before.length + 1);
    assert.deepEqual(await running.stop(), ended);
    assert.deepEqual(place.clusters(), []);
    assert.deepEqual(kept(place.folder), before);

    const again = await demo([]);
    assert.deepEqual(await seen(again, 'gone'), []);
    assert.deepEqual(await again.stop(), ended);
  });
});
