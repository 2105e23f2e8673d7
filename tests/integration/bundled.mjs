// A server with every plugin that comes with it, all of them running, and the headers of a caller who may use every tool.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { startRedis } from './redis_server.mjs';
import { inFolder, program, run, startServer } from './support.mjs';

const kToken = 'operator-of-every-plugin'.padEnd(40, '-');

export async function startBundled({ more = [], ...options } = {}) {
  const place = inFolder();
  const redis = await startRedis();
  writeFileSync(join(place.folder, 'tokens'), `${kToken} name=operator scopes=howdah:admin\n`, { mode: 0o600 });
  // What a plugin wants to be told before it runs, or runs faster with.
  const sections = {
    auth: { token_file: join(place.folder, 'tokens') },
    embedded: { sample: false },
    grpc: { listen: '127.0.0.1:0' },
    multi_tenant: { model: 'shared', operators: ['token:operator'] },
    rate_limit: { tiers: { default: { principal: { calls: { second: 1000000 } } } } },
    redis: { socket: redis.socket },
  };
  const folders = readdirSync(join(dirname(program), 'plugins'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const bundled = folders.map(({ name }) => name).filter((name) => name !== 'CMakeFiles');
  const plugins = [...bundled.map((id) => (sections[id] ? { [id]: sections[id] } : id)), ...more];
  const server = await startServer({ http: '', place, plugins, ...options });
  const listed = JSON.parse(run(['plugin', 'list', '--json', '-c', server.file]).out).plugins;
  assert.deepEqual(listed.filter(({ state }) => state !== 'running'), []);
  assert.deepEqual(bundled.filter((id) => !listed.some((plugin) => plugin.id === id)), []);
  return {
    ...server, bundled, headers: { Authorization: `Bearer ${kToken}` },
    async stop() {
      const ended = await server.stop();
      redis.remove();
      return ended;
    },
  };
}
