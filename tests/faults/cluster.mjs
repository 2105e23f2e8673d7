// A private PostgreSQL of one row, that can crash, restart, stand still or be promoted while a load runs. Unlike the test
// cluster of others it keeps what it has acknowledged when it is ended at once (synchronous_commit).
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

import { atExit } from '../integration/support.mjs';
import { signalTree } from './processes.mjs';

const script = join(import.meta.dirname, '../support/cluster.sh');
const runs = promisify(execFile);
const kReady = 'database system is ready to accept connections';

// When the server that writes this log says that it takes connections (and, after a promotion, writes), while `work` makes it.
export async function readyAfter(log, work) {
  const file = await open(log);
  try {
    let { size } = await file.stat();
    const working = work();
    for (let said = ''; !said.includes(kReady);) {
      const part = await file.read({ position: size });
      size += part.bytesRead;
      said += part.buffer.toString('latin1', 0, part.bytesRead);
      if (part.bytesRead === 0) await Promise.race([pause(2), working.then(() => pause(2))]);
    }
    const at = performance.now();
    await working;
    return at;
  } finally {
    await file.close();
  }
}

// PostgreSQL refuses to run as root.
const asServer = ([program, ...args]) =>
  (process.getuid() === 0 ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--init-groups', '--', program, ...args]] : [program, args]);

const postmasterOf = (data) => Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
// Whoever stands still cannot be ended.
function resume(data) {
  if (existsSync(join(data, 'postmaster.pid'))) signalTree(postmasterOf(data), 'SIGCONT');
}

// options are those of cluster.sh; `inside` is a command that runs another one elsewhere (in a network namespace).
export async function startCluster(options = [], inside = []) {
  const state = mkdtempSync(join(tmpdir(), 'howdah-faults-pg-'));
  const [program, ...first] = [...inside, script];
  const cluster = async (...args) => (await runs(program, [...first, ...args], { encoding: 'utf8', maxBuffer: 1 << 24 })).stdout;
  const printed = await cluster('start', state, '--tcp', '--set', 'synchronous_commit=on', ...options);
  const environment = Object.fromEntries([...printed.matchAll(/(\w+)='([^']*)'/g)].map(([, name, value]) => [name, value]));
  const data = environment.HOWDAH_TEST_DATA;
  const before_down = [];
  return {
    environment,
    data,
    log: join(data, '../log'),
    bindir: environment.HOWDAH_TEST_PG_BINDIR,
    control: environment.HOWDAH_TEST_DSN,  // over the unix socket: no fault of the network is in its way
    host: environment.HOWDAH_TEST_TCP.split(':')[0],
    port: Number(environment.HOWDAH_TEST_TCP.split(':')[1]),
    password: environment.PGPASSWORD ?? '',
    beforeDown: (work) => before_down.push(work),
    down(mode = 'fast') {
      for (const work of before_down) work();
      return cluster('down', state, mode);
    },
    up: () => cluster('up', state),
    ready: (work) => readyAfter(join(data, '../log'), work),
    signal: (name) => signalTree(postmasterOf(data), name),
    asServer: (...command) => runs(...asServer(command), { cwd: '/', encoding: 'utf8' }),
    asServerNow: (...command) => execFileSync(...asServer(command), { cwd: '/', encoding: 'utf8' }),
    stop: atExit(() => {
      resume(data);
      execFileSync(program, [...first, 'stop', state]);
      rmSync(state, { recursive: true, force: true });
    }),
  };
}

export const url = (port, { name, password = '', database = 'postgres', more = '', host = '127.0.0.1' }) =>
  `postgresql://postgres${password ? `:${password}` : ''}@${host}:${port}/${database}?application_name=${name}&sslmode=disable${more}`;
