// What the server's process holds in memory, and bounds on it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

export const residentBytes = ({ child }) => Number(readFileSync(`/proc/${child.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/)[1]) * 1024;

// A sanitizer keeps what was freed and pads what is held: its builds are measured and not judged.
export const withinBound = (bytes, bound) => Boolean(process.env.HOWDAH_SANITIZE) || bytes <= bound;
export const assertBounded = (bytes, bound, what) =>
  assert.ok(withinBound(bytes, bound), `${what} took ${(bytes / 1024).toFixed(0)} KiB, ${(bound / 1024).toFixed(0)} are allowed`);
