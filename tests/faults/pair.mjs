// A second PostgreSQL that streams from the first (pg_basebackup), and the switch of their parts: the primary is stopped
// (which sends the standby all it has), the standby promoted, and what was the primary follows it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { atExit, until } from '../integration/support.mjs';
import { readyAfter } from './cluster.mjs';
import { Session } from './session.mjs';

class Node {
  constructor(name, cluster, data, port, log) {
    Object.assign(this, { name, cluster, data, port, log });
    this.session = new Session(`host=${dirname(cluster.data)} port=${port} user=postgres dbname=postgres`);
  }
  pg(program, ...args) {
    return this.cluster.asServer(join(this.cluster.bindir, program), ...args);
  }
  start() {
    return this.pg('pg_ctl', 'start', '-D', this.data, '-l', this.log, '-o', `-p ${this.port}`, '-w', '-t', '60');
  }
  stop(mode = 'fast') {
    this.session.close();
    return this.pg('pg_ctl', 'stop', '-D', this.data, '-m', mode, '-w', '-t', '60');
  }
  promote() {
    return this.pg('pg_ctl', 'promote', '-D', this.data, '-w', '-t', '60');
  }
  async follow(primary) {
    await this.cluster.asServer('sh', '-c', `touch ${this.data}/standby.signal && printf "primary_conninfo = 'host=127.0.0.1 port=${primary.port} user=postgres application_name=${this.name}'\\n" >>${this.data}/postgresql.auto.conf`);
    await this.start();
    // Only one that follows in step may take over without a loss.
    await until(`${this.name} streams`, async () => await primary.session.number(`select count(*) from pg_stat_replication where application_name = '${this.name}' and state = 'streaming'`) === 1, 60000);
  }
}

// `cluster` is the first primary, of startCluster(); `port` is free for the other.
export async function makePair(cluster, port, atEnd) {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-pg-standby-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  if (process.getuid() === 0) execFileSync('chown', ['postgres:', folder]);
  const first = new Node('first', cluster, cluster.data, cluster.port, cluster.log);
  const second = new Node('second', cluster, join(folder, 'data'), port, join(folder, 'log'));
  atEnd(() => [first, second].forEach(({ session }) => session.close()));
  await second.pg('pg_basebackup', '-D', second.data, '-h', dirname(cluster.data), '-p', String(cluster.port), '-U', 'postgres', '-X', 'stream', '-c', 'fast');
  atEnd(atExit(() => {
    if (existsSync(join(second.data, 'postmaster.pid'))) second.cluster.asServerNow(join(cluster.bindir, 'pg_ctl'), 'stop', '-D', second.data, '-m', 'immediate', '-w');
  }));
  await second.follow(first);
  return {
    primary: first,
    standby: second,
    // Calls back with the time at which the standby has become the primary; what was the primary follows it at the end.
    async switch(promoted) {
      const [old, next] = [this.primary, this.standby];
      await old.stop();
      await promoted(await readyAfter(next.log, () => next.promote()));
      await old.follow(next);
      [this.primary, this.standby] = [next, old];
    },
  };
}
