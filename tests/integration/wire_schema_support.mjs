// What wire_schema.test.mjs judges by and with: the schemas of MCP, a pipe and HTTP as one.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

import { eventsOf, shared, startServer, startStdio, until } from './support.mjs';

const { file: folder, skip } = shared('mcp/schema');
export { skip };
export const kRevisions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'];

// judge(type, value) fails where the value is no such type of this revision.
export function judgeOf(revision) {
  const path = join(folder, revision, 'schema.json');
  assert.ok(existsSync(path), path);
  const schema = JSON.parse(readFileSync(path, 'utf8'));
  const options = { strict: false, allErrors: true };
  const ajv = schema.$schema.includes('2020') ? new Ajv2020(options) : new Ajv(options);
  formats.default ? formats.default(ajv) : formats(ajv);
  ajv.addSchema(schema, 'mcp');
  const where = schema.$defs ? '$defs' : 'definitions';
  return (type, value) => {
    const validate = ajv.getSchema(`mcp#/${where}/${type}`);
    assert.ok(validate(value), `${revision} ${type}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value).slice(0, 600)}`);
  };
}

// A server over HTTP, used as startStdio's pipe is: what comes by POST, by event streams and by the stream of a session is kept.
async function startHttp(revision, options) {
  const server = await startServer(options);
  const messages = [];
  const next = (fits) => until('the message comes', () => messages.find(fits));
  let session = {};
  async function read(answer) {
    if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) {
      const text = await answer.text();
      if (text) messages.push(JSON.parse(text));
      return;
    }
    for await (const { data } of eventsOf(answer)) if (data) messages.push(JSON.parse(data));
  }
  const streams = [];
  async function send(message) {
    const { method, params } = message;
    const name = params?.name ?? params?.uri ?? params?.taskId;
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': revision,
      ...(method && { 'Mcp-Method': method }), ...(name && { 'Mcp-Name': name }), ...session };
    const answer = await fetch(server.url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
    streams.push(read(answer));
    if (method === 'initialize') {
      session = { 'Mcp-Session-Id': answer.headers.get('mcp-session-id') };
      streams.push(read(await fetch(server.url, { headers: { Accept: 'text/event-stream', 'MCP-Protocol-Version': revision, ...session } })));
    }
  }
  return {
    file: server.file, write: server.write, messages, next, send,
    async request(id, method, params) {
      await send({ id, method, params });
      return next((message) => message.id === id);
    },
    async stop() {
      const ended = await server.stop();
      await Promise.all(streams);
      return ended;
    },
  };
}

export const kWires = { stdio: (revision, options) => startStdio(options), HTTP: startHttp };
