// What the tests over gRPC share: a server with the plugin, and a client generated at run time from the published .proto.
import { join, dirname } from 'node:path';

import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

import { program, startServer } from './support.mjs';

export { grpc };
export const status = grpc.status;

const proto = join(dirname(program), 'plugins/grpc/mcp.proto');
const { Mcp } = grpc.loadPackageDefinition(loadSync(proto, { defaults: true })).howdah.mcp.v1;

// `howdah serve` with the plugin on a free port; `grpc` is where it listens.
export const pluginsWith = (section = {}, ...more) =>
  ['pool', { guard: { functions_allowed: ['pg_sleep'] } }, 'query', 'schema', { grpc: { listen: '127.0.0.1:0', ...section } }, ...more];
export async function startGrpc({ section, more = [], ...options } = {}) {
  const server = await startServer({ plugins: pluginsWith(section, ...more), ...options });
  const found = await server.logs(/grpc.*listening on (\S+)/);
  return { ...server, grpc: found[1] };
}

// One stream on a connection of its own. request() gives the answer with that id, next() the first message that fits, `ended` how the stream ended.
export function connect(address, { token, metadata = {}, channel = {} } = {}) {
  const client = new Mcp(address, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1, ...channel });
  const given = new grpc.Metadata();
  if (token) given.set('authorization', `Bearer ${token}`);
  for (const [key, value] of Object.entries(metadata)) given.add(key, value);
  const call = client.Connect(given);
  const messages = [];
  let waiting = [];
  let each = (message) => messages.push(message);
  const ended = new Promise((resolve) => {
    call.on('status', ({ code, details }) => resolve({ code, details }));
    call.on('error', () => {});
  });
  call.on('data', ({ json }) => {
    const message = JSON.parse(json.toString('utf8'));
    each(message);
    waiting = waiting.filter(({ fits, resolve }) => !fits(message) || resolve(message));
  });
  const next = (fits) => new Promise((resolve, reject) => {
    const there = messages.find(fits);
    if (there) resolve(there);
    else {
      waiting.push({ fits, resolve });
      ended.then((end) => reject(new Error(`the stream ended: ${JSON.stringify(end)}`)));
    }
  });
  const raw = (bytes) => call.write({ json: Buffer.from(bytes) });
  const send = (message) => raw(JSON.stringify({ jsonrpc: '2.0', ...message }));
  return {
    call, messages, ended, next, send, raw,
    each: (use) => { each = use; },
    request(id, method, params = {}) {
      send({ id, method, params });
      return next((message) => message.id === id && !message.method);
    },
    // The client has said all; waits for the end.
    async finish() {
      call.end();
      const end = await ended;
      client.close();
      return end;
    },
    close() {
      call.cancel();
      client.close();
    },
  };
}
