// A redis-server of one test file, on a Unix socket; stopped and started again at will.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { atExit, until } from './support.mjs';

export async function startRedis(...options) {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-it-redis-'));
  const socket = join(folder, 'redis.sock');
  let child;
  const ask = (...words) => execFileSync('redis-cli', ['-s', socket, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  const up = async () => {
    child = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder, ...options], { stdio: 'ignore' });
    await until('redis answers', () => {
      try {
        return /PONG|NOAUTH/.test(ask('ping'));
      } catch {
        return false;  // not yet
      }
    });
  };
  const down = async () => {
    if (!child) return;
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    child = undefined;
    rmSync(socket, { force: true });
  };
  const remove = atExit(() => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  await up();
  return { socket, ask, up, down, remove };
}
