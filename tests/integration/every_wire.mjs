// The transports of the network as one: a client that asks in revision 2026-07-28, whatever carries it. What
// docs/security.md promises of all of them is asked over each.
import http from 'node:http';

import { connect, pluginsWith, startGrpc, status } from './grpc_client.mjs';
import { initialize, meta, openSocket, post, startStdio, upgrade } from './support.mjs';

// A server all wires lead to; `url` for HTTP and WebSocket, `grpc` for gRPC, `options` for a pipe of the same configuration.
export const startEveryWire = async (options) => ({ ...await startGrpc(options), options });

// What a request needs beside its params: names in _meta over all wires, mirrored in headers over HTTP.
const named = (params) => params.name ?? params.uri ?? params.taskId;

// open(server, token): a client that was let in, or throws Refused. ask() gives the whole message, error or result.
// refusedWith: statuses of HTTP and of gRPC, UNAVAILABLE where the connection was cut off.
export class Refused extends Error {
  constructor(told, code) {
    super(told);
    this.code = code;
  }
}

const overHttp = async ({ url }, token) => {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  let last = 0;
  const ask = async (method, params = {}, extra = {}) => {
    const answer = await post(url, { jsonrpc: '2.0', id: ++last, method, params: { ...params, _meta: meta(extra) } },
      { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, ...(named(params) && { 'Mcp-Name': named(params) }), ...headers });
    const challenge = answer.headers.get('www-authenticate');
    if ([400, 401].includes(answer.status) && challenge) throw new Refused(challenge, answer.status);
    if (answer.status === 431) throw new Refused('431', 431);
    // With something to say before, the answer is the last event of a stream.
    return typeof answer.json === 'string' ? JSON.parse(answer.json.trimEnd().split('\n').at(-1).replace(/^data: /, '')) : answer.json;
  };
  await ask('server/discover');
  // As a client of 2025-11-25, after hello().
  let session;
  const inSession = async (method, params = {}) => (await post(url, { jsonrpc: '2.0', id: `in session ${++last}`, method, params }, { ...session, ...headers })).json;
  const hello = async (capabilities = {}) => {
    const { headers: told, json } = await post(url, { jsonrpc: '2.0', id: 'hello', method: 'initialize', params: { ...initialize('2025-11-25'), capabilities } }, headers);
    session = { 'Mcp-Session-Id': told.get('mcp-session-id'), 'MCP-Protocol-Version': '2025-11-25' };
    return json;
  };
  return { ask, hello, inSession, close: async () => {} };
};

// One request on a connection that is gone when this returns.
export const askedAndLeft = async (wire, server, token, method, params, extra = {}) => {
  if (wire.duplex) {
    const client = await wire.open(server, token);
    const answer = await client.ask(method, params, extra);
    await client.close();
    return answer;
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta(extra) } });
  return new Promise((resolve, reject) => {
    const request = http.request(server.url, { agent: false, method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, 'Mcp-Name': named(params), Authorization: `Bearer ${token}` } }, async (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => { text += part; });
      answer.socket.on('close', () => resolve(JSON.parse(text)));
    });
    request.on('error', reject);
    request.end(body);
  });
};

// A pipe of the client's own: openSocket's or the stream of grpc_client.mjs.
const duplex = (channel, close) => {
  let last = 0;
  return {
    channel,
    ask: (method, params = {}, extra = {}) => channel.request(`ask ${++last}`, method, { ...params, _meta: meta(extra) }),
    // A legacy client says hello first, and what it can do.
    hello: (capabilities = {}) => channel.request('hello', 'initialize', { ...initialize('2025-11-25'), capabilities }),
    inSession: (method, params = {}) => channel.request(`in session ${++last}`, method, params),
    close,
  };
};

const overSocket = async ({ url }, token) => {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  // The client itself does not show why it was refused; the same upgrade again does.
  const channel = await openSocket(url, { protocols: 'mcp', headers }).catch(async () => {
    const { status: code, headers: told } = await upgrade(url, headers);
    throw new Refused(told['www-authenticate'] ?? String(code), code);
  });
  return duplex(channel, () => {
    channel.socket.close();
    return channel.closed;
  });
};

const overGrpc = async (server, token) => {
  const channel = connect(server.grpc, { token });
  const client = duplex(channel, () => channel.finish());
  await client.ask('server/discover').catch(async () => {
    const { code, details } = await channel.ended;
    throw new Refused(details, code);
  });
  return client;
};

// A pipe leads to a server of its own, for which the client is whoever started it.
const overPipe = async ({ options: { section, more = [], ...options } }) => {
  const pipe = startStdio({ plugins: pluginsWith(section, ...more).filter((plugin) => !plugin.grpc), ...options });
  return duplex(pipe, () => pipe.stop());
};

export const kPipe = { name: 'stdio', open: overPipe, duplex: true };
export const kWires = [
  { name: 'HTTP', open: overHttp, refusedWith: [400, 401, 431] },
  { name: 'WebSocket', open: overSocket, refusedWith: [400, 401, 431], duplex: true },
  { name: 'gRPC', open: overGrpc, refusedWith: [status.UNAUTHENTICATED, status.UNAVAILABLE], duplex: true },
];
