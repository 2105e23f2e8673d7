// The official TypeScript clients, 2.4 and legacy 1.32, over stdio, HTTP and WebSocket, in both eras.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as LegacyStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as LegacyHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { WebSocketClientTransport as LegacySocket } from '@modelcontextprotocol/sdk/client/websocket.js';

import { config, inFolder, program, startServer } from './support.mjs';
import { WebSocketTransport as ModernSocket } from './websocket_transport.mjs';

const info = { name: 'integration', version: '1' };
const pinned = { versionNegotiation: { mode: { pin: '2026-07-28' } } };
const socketUrl = (url) => new URL(url.replace('http', 'ws'));
const start = ({ file, launch }) => ({ ...(launch ?? { command: program, args: ['serve', '-c', file] }), stderr: 'ignore' });

// transport({ url, file, launch, fetch }): url of a server that runs; file = configuration for one of its own on stdio, or
// launch = command, args and env that start it; fetch = the client's own unless given. duplex: what the server has to say
// by itself comes unasked, no stream has to be opened for it.
export const clients = [
  { name: 'legacy SDK over stdio', revision: '2025-11-25', stdio: true, duplex: true,
    make: (options) => new LegacyClient(info, options), transport: (place) => new LegacyStdio(start(place)) },
  { name: 'legacy SDK over HTTP', revision: '2025-11-25', stdio: false,
    make: (options) => new LegacyClient(info, options), transport: ({ url, fetch }) => new LegacyHttp(new URL(url), { fetch }) },
  { name: 'client 2.4, legacy era, over stdio', revision: '2025-11-25', stdio: true, duplex: true,
    make: (options) => new ModernClient(info, options), transport: (place) => new ModernStdio(start(place)) },
  { name: 'client 2.4, legacy era, over HTTP', revision: '2025-11-25', stdio: false,
    make: (options) => new ModernClient(info, options), transport: ({ url, fetch }) => new ModernHttp(new URL(url), { fetch }) },
  { name: 'client 2.4, 2026-07-28, over stdio', revision: '2026-07-28', stdio: true, duplex: true,
    make: (options) => new ModernClient(info, { ...pinned, ...options }), transport: (place) => new ModernStdio(start(place)) },
  { name: 'client 2.4, 2026-07-28, over HTTP', revision: '2026-07-28', stdio: false,
    make: (options) => new ModernClient(info, { ...pinned, ...options }), transport: ({ url, fetch }) => new ModernHttp(new URL(url), { fetch }) },
  { name: 'legacy SDK over WebSocket', revision: '2025-11-25', stdio: false, duplex: true,
    make: (options) => new LegacyClient(info, options), transport: ({ url }) => new LegacySocket(socketUrl(url)) },
  { name: 'client 2.4, legacy era, over WebSocket', revision: '2025-11-25', stdio: false, duplex: true,
    make: (options) => new ModernClient(info, options), transport: ({ url }) => new ModernSocket(socketUrl(url)) },
  { name: 'client 2.4, 2026-07-28, over WebSocket', revision: '2026-07-28', stdio: false, duplex: true,
    make: (options) => new ModernClient(info, { ...pinned, ...options }), transport: ({ url }) => new ModernSocket(socketUrl(url)) },
];

export async function connected(entry, place, options) {
  const client = entry.make(options);
  await client.connect(entry.transport(place));
  return client;
}

// The same on a server of its own, configured by `options`: { client, close }. `fetch`: the client's own unless given.
export async function connectedToOwn(entry, options, clientOptions, fetch) {
  if (entry.stdio) {
    const place = inFolder();
    const file = join(place.folder, 'howdah.yaml');
    writeFileSync(file, config({ ...options, http: false, folder: place.folder }));
    const client = await connected(entry, { file }, clientOptions);
    return { client, close: async () => { await client.close(); place.remove(); } };
  }
  const server = await startServer(options);
  const client = await connected(entry, { url: server.url, fetch }, clientOptions);
  return { client, close: async () => { await client.close(); await server.stop(); } };
}

// A fetch that tells when the event stream of a legacy session, which the clients open by themselves, is there.
export function watchedFetch() {
  let opened;
  const streamOpen = new Promise((resolve) => { opened = resolve; });
  const watched = async (url, init) => {
    const answer = await fetch(url, init);
    if (init?.method === 'GET') opened();
    return answer;
  };
  return { fetch: watched, streamOpen };
}

export const overHttp = clients.filter((entry) => !entry.stdio);

// Asks for 6 * 7 as a tool call.
export const fortyTwo = async (client) => {
  const result = await client.callTool({ name: 'query', arguments: { sql: 'select 6 * 7' } });
  assert.ok(!result.isError, JSON.stringify(result));
  assert.match(JSON.stringify(result.content), /42/);
};
