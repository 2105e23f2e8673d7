// A PostgreSQL of one test file: made, stopped, started again and removed by tests/support/cluster.sh.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { atExit } from './support.mjs';

const script = join(import.meta.dirname, '../support/cluster.sh');

// options are those of cluster.sh; `environment` holds what it prints: PGHOST, HOWDAH_TEST_DSN, ...
export function startCluster(...options) {
  const state = mkdtempSync(join(tmpdir(), 'howdah-it-pg-'));
  const cluster = (...args) => execFileSync(script, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const printed = cluster('start', state, ...options);
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
    remove: atExit(() => {
      cluster('stop', state);
      rmSync(state, { recursive: true, force: true });
    }),
  };
}
