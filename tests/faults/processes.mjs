// What a process holds, and signals to a process with all its children; read from /proc.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const read = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return '';  // it has ended meanwhile
    throw error;
  }
};

export const childrenOf = (pid) => read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);

// The process first: it can then start no others.
export function signalTree(pid, signal) {
  const signalled = [pid, ...childrenOf(pid)];
  process.kill(pid, signal);
  for (const each of [...signalled.slice(1), ...childrenOf(pid)]) {
    try {
      process.kill(each, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
}

export function held(pid) {
  const status = read(`/proc/${pid}/status`);
  const of = (key) => Number(status.match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))[1]);
  return { rss_kib: of('VmRSS'), threads: of('Threads'), descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

// How many TCP connections it has to this port of a peer.
export function connectionsTo(pid, port) {
  const own = new Set();
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const [, inode] = readlinkSync(`/proc/${pid}/fd/${name}`).match(/^socket:\[(\d+)\]$/) ?? [];
      if (inode) own.add(inode);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;  // closed meanwhile
    }
  }
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return read(`/proc/${pid}/net/tcp`).split('\n').slice(1).map((line) => line.trim().split(/\s+/))
    .filter(([, , peer, state, , , , , , inode]) => peer?.endsWith(`:${hex}`) && state === '01' && own.has(inode)).length;
}
