// What the tests of the cache share: a database of their own, a server that remembers, a session beside it to compare with.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { callTool, madeDatabase, modern, startServer, textOf, until } from './support.mjs';

// Tables with all that carries a write further: foreign keys, triggers, rules, partitions, children, views.
export const cachedDatabase = () => madeDatabase(join(import.meta.dirname, 'cache.sql'));

export const databasesOf = (dsn) => `  main: { dsn: "${dsn}" }\n  writable: { dsn: "${dsn}", access: read_write }`;

// A server whose databases have told who they are, which they do at the first read: before that nothing is remembered.
export async function startCached(dsn, cache = {}, more = {}) {
  const server = await startServer({
    databases: databasesOf(dsn), plugins: ['pool', 'guard', 'query', 'schema', { cache }], extra: 'tools: { profile: all }', ...more,
  });
  if (!more.headers) await untilReady(server.url);
  return server;
}
export const untilReady = (url, headers) => until('the databases are known', async () => {
  for (const database of ['main', 'writable']) await read(url, 'select 1', { database, headers });
  const { databases, levels } = await statsOf(url, headers);
  return Object.values(databases).every((state) => state === 'ready') && (levels.l3?.state ?? 'ready') === 'ready';
});

export async function call(url, name, args, headers) {
  const { status, json } = await modern(url, 'tools/call', { name, arguments: args }, undefined, headers);
  assert.equal(status, 200, JSON.stringify(json));
  return json.result;
}
export const statsOf = async (url, headers) => {
  const result = await call(url, 'cache_stats', {}, headers);
  assert.ok(!result.isError, textOf(result));
  return result.structuredContent;
};

// Rows as psql -At prints them.
const cell = (value) => (value === null ? '' : value === true ? 't' : value === false ? 'f' : String(value));
export const asText = ({ rows }) => rows.map((row) => row.map(cell).join('|')).join('\n');
export async function read(url, sql, { params, database, headers } = {}) {
  const result = await call(url, 'query', { sql, ...(params && { params }), ...(database && { database }) }, headers);
  assert.ok(!result.isError, `${sql}: ${textOf(result)}`);
  return asText(result.structuredContent);
}
export async function write(url, sql, params) {
  const result = await callTool(url, 'execute', { sql, database: 'writable', ...(params && { params }) });
  assert.ok(!result.isError, `${sql}: ${textOf(result)}`);
  return result;
}

// A psql that stays: asked one statement after the other.
export function session(dsn) {
  const child = spawn('psql', ['-XAtq', '-d', dsn], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = [];
  let lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line !== '--end--') return void lines.push(line);
    waiting.shift()(lines.join('\n'));
    lines = [];
  });
  return {
    ask: (sql) => new Promise((resolve) => {
      waiting.push(resolve);
      child.stdin.write(`${sql};\n\\echo --end--\n`);
    }),
    end: () => child.stdin.end(),
  };
}
