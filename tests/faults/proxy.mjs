// A toy TCP proxy that breaks what passes through it: delay, trickle, hold (a peer that has gone silent), cut (FIN), reset
// (RST), refusal. Between server and PostgreSQL it also counts, at the wire, how often each call of the load was tried, and
// can lose COMMITs.
//
// What is held is not lost: it is delivered once the path heals, as TCP would by sending it again. The peers of a proxy
// acknowledge meanwhile, so timers of unacknowledged data (tcp_user_timeout) need a real link: network.mjs.
import { createConnection, createServer } from 'node:net';

import { Frontend } from './frontend.mjs';

const kMarksMax = 2_000_000;

// A Unix socket has no RST.
const end = (socket, how) => (how === 'reset' && socket.remoteFamily ? socket.resetAndDestroy() : socket.destroy());

// One direction of one connection.
class Pipe {
  #queue = [];  // { due, bytes }
  #timer = null;
  #ended = false;

  constructor(proxy, from, to) {
    Object.assign(this, { proxy, from, to });
    to.on('drain', () => this.#flow());
  }

  push(bytes) {
    this.#queue.push({ due: performance.now() + this.proxy.latency_ms, bytes });
    this.#flow();
  }
  end() {
    this.#ended = true;
    this.#flow();
  }
  #flow() {
    clearTimeout(this.#timer);
    const { proxy, to } = this;
    if (proxy.held || this.from.destroyed || to.destroyed) return;
    while (this.#queue.length > 0) {
      const [first] = this.#queue;
      const wait = first.due - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#flow(), wait);
        return;
      }
      if (to.writableLength > 1 << 20) break;  // the peer is slow: on its 'drain'
      const part = proxy.trickled?.bytes ?? first.bytes.length;
      to.write(first.bytes.subarray(0, part));
      first.bytes = first.bytes.subarray(part);
      if (first.bytes.length === 0) this.#queue.shift();
      if (proxy.trickled) {
        this.#timer = setTimeout(() => this.#flow(), proxy.trickled.every_ms);
        return;
      }
    }
    if (this.#queue.length > 64) this.from.pause();
    else if (this.from.isPaused()) this.from.resume();
    if (this.#ended && this.#queue.length === 0) to.end();
  }
  wake() {
    this.#flow();
  }
}

export class Proxy {
  latency_ms = 0;  // each way
  held = false;
  trickled = null;  // { bytes, every_ms }
  silent = false;  // new connections are taken and never passed on
  reset_after = null;  // bytes of the next answer, then RST; once
  hole = null;  // { after, bytes }: of the next answer so many bytes are left out, as no network does; once
  commits_to_lose = [];  // 'before' it is passed on or 'after' it was answered, with what to call then: { when, done }
  accepted = 0;
  tries = 0;
  commits = 0;
  marks = new Set();
  #links = new Set();

  // upstream: what net.createConnection takes ({ host, port } or { path }).
  static async start(upstream, port = 0) {
    const proxy = new Proxy();
    proxy.upstream = upstream;
    proxy.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => proxy.#take(socket));
    proxy.server.listen(port, '127.0.0.1');
    await new Promise((resolve, reject) => proxy.server.once('listening', resolve).once('error', reject));
    proxy.port = proxy.server.address().port;
    return proxy;
  }

  get open() {
    return this.#links.size;
  }
  hold() {
    this.held = true;
  }
  heal() {
    Object.assign(this, { held: false, latency_ms: 0, trickled: null, silent: false, reset_after: null, hole: null });
    for (const link of this.#links) link.wake();
  }
  cut() {
    for (const link of this.#links) link.close('cut');
  }
  reset() {
    for (const link of this.#links) link.close('reset');
  }
  // What follows is about calls made from now on.
  forget() {
    this.tries = 0;
    this.marks.clear();
  }
  triesPerCall() {
    return this.marks.size === 0 ? 1 : this.tries / this.marks.size;
  }
  async stop() {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #take(client) {
    this.accepted++;
    if (this.silent) {
      const link = { wake() {}, close: (how) => end(client, how) };
      this.#links.add(link);
      client.on('error', () => {}).on('close', () => this.#links.delete(link)).on('end', () => client.end()).resume();
      return;
    }
    const database = createConnection({ ...this.upstream, allowHalfOpen: true, noDelay: true });
    const [up, down] = [new Pipe(this, client, database), new Pipe(this, database, client)];
    const frontend = new Frontend();
    const link = {
      deaf: null,
      over: false,
      wake: () => [up, down].forEach((pipe) => pipe.wake()),
      close: (how) => [client, database].forEach((socket) => end(socket, how)),
    };
    this.#links.add(link);
    client.on('data', (bytes) => this.#forwards(link, up, frontend.read(bytes), bytes));
    database.on('data', (bytes) => this.#answers(link, down, bytes));
    for (const [socket, other, pipe] of [[client, database, up], [database, client, down]]) {
      socket.on('end', () => pipe.end());
      socket.on('error', () => end(other, 'reset'));
      socket.on('close', () => {
        if (client.destroyed && database.destroyed) this.#links.delete(link);
        else if (socket.errored) other.destroy();
      });
    }
  }

  #forwards(link, up, { marks, commits }, bytes) {
    this.tries += marks.length;
    this.commits += commits;
    if (this.marks.size < kMarksMax) for (const mark of marks) this.marks.add(mark);
    const loss = commits > 0 && this.commits_to_lose.shift();
    if (loss && loss.when === 'before') {
      link.close('reset');
      loss.done();
      return;
    }
    if (loss) link.deaf = loss;
    up.push(bytes);
  }

  #answers(link, down, bytes) {
    if (link.deaf) {
      link.close('reset');
      link.deaf.done();
      link.deaf = null;
      return;
    }
    if (link.over) return;  // more of it may have come before its end is made
    if (this.hole) bytes = this.#without(this.hole, bytes);
    if (this.reset_after !== null) {
      this.reset_after -= bytes.length;
      if (this.reset_after < 0) {
        const part = bytes.length + this.reset_after;
        this.reset_after = null;
        link.over = true;
        if (part > 0) down.push(bytes.subarray(0, part));
        setImmediate(() => link.close('reset'));
        return;
      }
    }
    down.push(bytes);
  }
  #without(hole, bytes) {
    const before = bytes.subarray(0, hole.after);
    const left_out = Math.min(bytes.length - before.length, hole.bytes);
    hole.after -= before.length;
    hole.bytes -= left_out;
    if (hole.bytes === 0) this.hole = null;
    return Buffer.concat([before, bytes.subarray(before.length + left_out)]);
  }
}
