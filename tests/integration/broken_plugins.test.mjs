// Plugins that are missing, broken or made for a newer server: at the start they are named and blocked, a reload that
// meets one is refused, and what ran before serves on.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';

import { callTool, config, inFolder, program, run, startServer, textOf } from './support.mjs';

const source = join(import.meta.dirname, '../..');
const built = join(dirname(program), 'plugins');
const place = inFolder();
after(() => place.remove());

// A plugin in plain C whose library needs minor `needs` of the ABI.
function compiledPlugin(id, needs) {
  const folder = join(place.folder, 'made', id);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const example = join(source, 'sdk/examples/hello_c');
  const manifest = JSON.parse(readFileSync(join(example, 'plugin.json'), 'utf8'));
  Object.assign(manifest, { id, abi: { needs } });
  manifest.tools[0].name = 'hello_c';
  writeFileSync(join(folder, 'plugin.json'), JSON.stringify(manifest));
  execFileSync(process.env.CC || 'cc', ['-std=c11', '-shared', '-fPIC', '-fvisibility=hidden', '-I', join(source, 'sdk/include'),
    `-DHOWDAH_PLUGIN_ID="${id}"`, `-DHOWDAH_PLUGIN_VERSION="${manifest.version}"`, `-DHOWDAH_ABI_NEEDS=${needs}`,
    '-o', join(folder, `${id}.so`), join(example, 'hello_c.c')]);
  return folder;
}

// A copy of a built plugin, changed. The folder keeps the plugin's own name, so that `library:` is all that differs.
function changedCopy(id, change) {
  const folder = join(place.folder, `copy-${Math.random().toString(36).slice(2)}`, id);
  cpSync(join(built, id), folder, { recursive: true });
  change(folder);
  return folder;
}
const truncated = (size) => (folder) => truncateSync(join(folder, 'schema.so'), size);
const manifest = (change) => (folder) => {
  const file = join(folder, 'plugin.json');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
};
// Where the loadable parts of a library end: what is cut off before that cannot work.
function loadedBytes(library) {
  const lines = execFileSync('readelf', ['-lW', library], { encoding: 'utf8' }).matchAll(/^\s+LOAD\s+(0x\w+)\s+0x\w+\s+0x\w+\s+(0x\w+)/gm);
  return Math.max(...[...lines].map(([, offset, size]) => Number(offset) + Number(size)));
}

const library = join(built, 'schema/schema.so');
// inManifest: what `config check`, which loads no code, can see.
const cases = {
  'a plugin that is not installed': { inManifest: true, entry: () => 'no_such_plugin', id: 'no_such_plugin', expected: /is not installed; looked in .*check the id/s },
  'a library that is missing': { change: (folder) => rmSync(join(folder, 'schema.so')), expected: /schema\.so cannot be opened: No such file/ },
  'an empty library': { change: truncated(0), expected: /schema\.so cannot be loaded: it is cut off: 0 of at least 64 bytes; copy it again/ },
  'a library cut inside its head': { change: truncated(100), expected: /schema\.so cannot be loaded: it is cut off: 100 of at least \d+ bytes/ },
  'a library cut to a page': { change: truncated(4096), expected: /schema\.so cannot be loaded: it is cut off: 4096 of \d+ bytes/ },
  'a library cut in the middle': { change: truncated(Math.floor(loadedBytes(library) / 2)), expected: /schema\.so cannot be loaded: it is cut off/ },
  'a library without its last bytes': { change: truncated(loadedBytes(library) - 64), expected: /schema\.so cannot be loaded: it is cut off/ },
  'a library that is text': { change: (folder) => writeFileSync(join(folder, 'schema.so'), 'not a library\n'.repeat(400)), expected: /schema\.so cannot be loaded: .*ELF/ },
  'a library of another plugin': { change: (folder) => copyFileSync(join(built, 'query/query.so'), join(folder, 'schema.so')),
    expected: /metadata mismatch: the library says query .* plugin\.json says schema .* install both from one build/ },
  'a manifest that is not JSON': { inManifest: true, change: manifest((text) => text.slice(0, 60)), expected: /plugin\.json: / },
  'a manifest with an unknown key': { inManifest: true, change: manifest((text) => text.replace('"license"', '"licence"')), expected: /plugin\.json: .*licence/ },
  'a manifest of another version': { change: manifest((text) => text.replace(/"version": "[^"]*"/, '"version": "0.0.1"')), expected: /metadata mismatch/ },
  'a manifest of another plugin': { inManifest: true, change: manifest((text) => text.replace('"id": "schema"', '"id": "scheme"')), expected: /is of plugin "scheme", configured is "schema"/ },
  'a plugin made for a newer server': { inManifest: true, entry: () => ({ newer: { library: compiledPlugin('newer', 99) } }), id: 'newer',
    expected: /needs SDK ABI 1\.99, this server has 1\.\d+; upgrade the server or install an older version of newer/ },
};
const entryOf = ({ entry, change }) => (entry ? entry() : { schema: { library: changedCopy('schema', change) } });
const sound = ['pool', 'guard', 'query'];

const withServer = async (plugins, use) => {
  const server = await startServer({ plugins });
  try {
    await use(server);
  } finally {
    assert.deepEqual(await server.stop(), { code: 0, signal: null }, server.log());
  }
};
const generation = (server) => run(['plugin', 'list', '-c', server.file]).out;

for (const [name, broken] of Object.entries(cases)) {
  test(`reload refuses ${name}; the generation from before serves on`, () => withServer(sound, async (server) => {
    const before = generation(server);
    server.write({ plugins: [...sound, entryOf(broken)] });
    const done = run(['reload', '-c', server.file]);
    assert.match(done.err, broken.expected);
    assert.match(done.err, /the configuration from before serves on/);
    assert.notEqual(done.code, 0);
    assert.equal(generation(server), before);
    const result = await callTool(server.url, 'query', { sql: 'select 1' });
    assert.ok(!result.isError, textOf(result));
  }));

  test(`at the start ${name} is named and does not run`, () => withServer([...sound, entryOf(broken)], async (server) => {
    const listed = JSON.parse(run(['plugin', 'list', '--json', '-c', server.file]).out);
    const states = Object.fromEntries(listed.plugins.map((plugin) => [plugin.id, plugin]));
    const id = broken.id ?? 'schema';
    assert.equal(states[id].state, 'blocked');
    assert.match(states[id].reason, broken.expected);
    await server.logs(broken.expected);
    for (const other of sound) assert.equal(states[other].state, 'running');
    // Without a manifest nobody knows whether it was a guard: then queries are refused, with its name.
    const result = await callTool(server.url, 'query', { sql: 'select 1' });
    assert.equal(Boolean(result.isError), Boolean(listed.closed), textOf(result));
    if (listed.closed) assert.match(textOf(result), new RegExp(`plugin "${id}" is configured and does not run`));
  }));

  test(`doctor names ${name} and ends with the code of a configuration`, () => {
    const file = join(place.folder, 'howdah.yaml');
    writeFileSync(file, config({ plugins: [...sound, entryOf(broken)], folder: place.folder }));
    const doctor = run(['doctor', '-c', file]);
    assert.equal(doctor.code, 3, doctor.out + doctor.err);
    assert.match(doctor.out, broken.expected);
    if (!broken.inManifest) return;
    const checked = run(['config', 'check', '-c', file]);
    assert.equal(checked.code, 3, checked.out);
    assert.match(checked.err, broken.expected);
  });
}

for (const name of ['a plugin that is not installed', 'an empty library', 'a library of another plugin']) {
  test(`a reload refused for ${name} does not end with 4, which says that no server answers`, () => withServer(sound, (server) => {
    server.write({ plugins: [...sound, entryOf(cases[name])] });
    const { code } = run(['reload', '-c', server.file]);
    assert.equal(code, 1);
  }));
}

test('a broken guard closes the database, at the start; a reload keeps the guard that runs', () => {
  const guard = () => ({ guard: { library: changedCopy('guard', (folder) => truncateSync(join(folder, 'guard.so'), 0)) } });
  return withServer(['pool', guard(), 'query'], async (server) => {
    const result = await callTool(server.url, 'query', { sql: 'select 1' });
    assert.ok(result.isError);
    assert.match(textOf(result), /queries are refused: plugin "guard" is configured and does not run/);
    server.write({ plugins: sound });  // mended: a reload is enough
    assert.equal(run(['reload', '-c', server.file]).code, 0);
    assert.ok(!(await callTool(server.url, 'query', { sql: 'select 1' })).isError);
    server.write({ plugins: ['pool', guard(), 'query'] });
    assert.notEqual(run(['reload', '-c', server.file]).code, 0);
    assert.ok((await callTool(server.url, 'query', { sql: 'delete from shop.orders' })).isError);
    assert.ok(!(await callTool(server.url, 'query', { sql: 'select 1' })).isError);
  });
});
