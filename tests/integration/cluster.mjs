// A PostgreSQL of one test file: made, stopped, started again and removed by tests/support/cluster.sh.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { lacking } from '../support/lacking.mjs';
import { atExit } from './support.mjs';

const script = join(import.meta.dirname, '../support/cluster.sh');

const cluster = (...args) => execFileSync(script, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

const newState = () => {
  const state = mkdtempSync(join(tmpdir(), 'howdah-it-pg-'));
  return { state, remove: atExit(() => {
    cluster('stop', state);
    rmSync(state, { recursive: true, force: true });
  }) };
};

// options are those of cluster.sh; `environment` holds what it prints: PGHOST, HOWDAH_TEST_DSN, ...
export function startCluster(...options) {
  const place = newState();
  return started(place, cluster('start', place.state, ...options));
}

// The same, while this process goes on.
export async function startClusterBeside(...options) {
  const place = newState();
  const printed = await new Promise((resolve, reject) => {
    execFile(script, ['start', place.state, ...options], { encoding: 'utf8' }, (error, out, err) => (error ? reject(new Error(err)) : resolve(out)));
  });
  return started(place, printed);
}

// The major versions package.json pins. Optional, so that npm ci ends well where there are none: they are made for Linux on x64
// only, and there they have to be there.
export const majors = [13, 14, 15, 16, 17, 18];
export function pinnedServer(major) {
  if (existsSync(join(import.meta.dirname, `node_modules/postgres-${major}`))) return { skip: false };
  const why = `npm installed no PostgreSQL ${major} for ${process.platform} on ${process.arch}`;
  return { skip: process.platform === 'linux' && process.arch === 'x64' ? lacking(why) : why };
}

function started({ state, remove }, printed) {
  let running = true;
  const environment = Object.fromEntries([...printed.matchAll(/(\w+)='([^']*)'/g)].map(([, name, value]) => [name, value]));
  return {
    environment,
    dsn: environment.HOWDAH_TEST_DSN,
    // A connection string over TCP, with --tcp or --tls.
    tcp: (parameters = '', password = environment.PGPASSWORD ?? '') =>
      `postgresql://postgres:${password}@${environment.HOWDAH_TEST_TCP}/${environment.PGDATABASE}${parameters}`,
    down(mode = 'fast') {
      if (running) cluster('down', state, mode);
      running = false;
    },
    up() {
      if (!running) cluster('up', state);
      running = true;
    },
    remove,
  };
}
