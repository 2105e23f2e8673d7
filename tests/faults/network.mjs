// Two network namespaces joined by a veth pair: this process's own (row.mjs is started in one by `unshare --net`) and one
// for PostgreSQL. What goes over the pair is lost without a word while its far end is down. Both vanish with the processes.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

import { atExit } from '../integration/support.mjs';

export const kHere = '10.111.0.1';
export const kThere = '10.111.0.2';
const run = (program, ...args) => execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const ip = (text) => run('ip', ...text.split(' '));
const addressOf = (link, inside = []) => JSON.parse(run(...inside, 'ip', '-j', 'link', 'show', link))[0].address;

export async function joinNetwork() {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo there; exec sleep infinity'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = atExit(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  const inside = ['nsenter', `--target=${holder.pid}`, '--net', '--'];
  const there = (text) => run(...inside, 'ip', ...text.split(' '));
  ip('link set lo up');
  there('link set lo up');
  ip(`link add here type veth peer name there netns ${holder.pid}`);
  ip(`addr add ${kHere}/30 dev here`);
  there(`addr add ${kThere}/30 dev there`);
  const down = () => there('link set there down');
  const up = () => {
    there('link set there up');
    // Without it, what is sent meanwhile would fail for want of an ARP answer, and be noticed.
    there(`neigh replace ${kHere} lladdr ${addressOf('here')} dev there nud permanent`);
  };
  ip('link set here up');
  up();
  ip(`neigh replace ${kThere} lladdr ${addressOf('there', inside)} dev here nud permanent`);
  return {
    inside, down, up, stop,
    // Packet loss and latency where the kernel can (netem); else why not.
    disturb(how) {
      try {
        run('tc', ...`qdisc add dev here root netem ${how}`.split(' '));
        return null;
      } catch (error) {
        return error.stderr.trim() || error.message;
      }
    },
  };
}
