// A standby of a primary that startCluster made with --tcp: a copy of its files that streams from it.
import { execFile, execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { atExit, freePort } from './support.mjs';

// PostgreSQL's programs refuse to run as root.
const ofServer = (program, args) => {
  const as = process.getuid() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', '--'] : [];
  const [first, ...rest] = [...as, program, ...args];
  return [first, rest, { cwd: '/', stdio: 'ignore', env: { ...process.env, HOME: '/' } }];
};

// The primary rests while its files are copied: of the pinned servers there is no pg_basebackup. `settings` are the standby's own.
export async function makeStandby(primary, name, settings = {}) {
  const { HOWDAH_TEST_DATA: origin, HOWDAH_TEST_PG_BINDIR: bindir, HOWDAH_TEST_TCP: address } = primary.environment;
  const folder = mkdtempSync(join(tmpdir(), 'howdah-standby-'));
  const { uid, gid } = statSync(origin);
  chownSync(folder, uid, gid);
  chmodSync(folder, 0o711);
  const data = join(folder, 'data');
  primary.down();
  execFileSync('cp', ['-a', origin, data]);
  rmSync(join(data, 'pg_replslot'), { recursive: true });
  execFileSync('install', ['-d', '-m', '700', '-o', `${uid}`, '-g', `${gid}`, join(data, 'pg_replslot')]);
  primary.up();
  const port = await freePort();
  const [host, primary_port] = address.split(':');
  const conninfo = `host=${host} port=${primary_port} user=postgres dbname=postgres application_name=${name}`;
  const own = { port, unix_socket_directories: folder, primary_conninfo: conninfo, ...settings };
  appendFileSync(join(data, 'postgresql.conf'), `\n${Object.entries(own).map(([key, value]) => `${key} = '${value}'`).join('\n')}\n`);
  writeFileSync(join(data, 'standby.signal'), '');
  const ctl = (...args) => ofServer(join(bindir, 'pg_ctl'), ['-D', data, '-w', '-t', '60', '-l', join(folder, 'log'), ...args]);
  let running = false;
  const standby = {
    port,
    dsn: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    up() {
      execFileSync(...ctl('start'));
      running = true;
    },
    down(mode = 'fast') {
      if (running) execFileSync(...ctl('stop', '-m', mode));
      running = false;
    },
    promote: () => promisify(execFile)(...ctl('promote')),  // beside calls under way
    remove: atExit(() => {
      try {
        standby.down('immediate');
      } catch {
        // ended by itself
      }
      rmSync(folder, { recursive: true, force: true });
    }),
  };
  standby.up();
  return standby;
}
