// The load of every fault: callers that read and write through real MCP calls, and a ledger of what each write was told,
// compared with the table afterwards. Each call carries a mark ("~w3.17~") that the proxy counts at the wire.
import http from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

import { call, isRefusedAtOnce, outcomeOf, saidBy } from './calls.mjs';

export const kLateAfter_ms = 100;  // beyond a call's own time
const kRows = 300;

export function percentile(values, share) {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
// Not by spreading: a load has more calls than a function may have arguments.
export const largest = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity);
export const smallest = (values) => values.reduce((least, value) => Math.min(least, value), Infinity);
export const ms = (value) => (!Number.isFinite(value) ? 'none' : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);

export class Load {
  calls = [];  // { kind, key, at, ms, outcome, text, at_once }
  wrong = [];  // answers that are not what was asked for
  #callers = [];
  #stopped = false;
  #agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
  #lag = monitorEventLoopDelay({ resolution: 5 });

  // timeout_ms: what each call asks for; every_ms: how often one caller calls; writes: their share; first: the number of the
  // first caller, where several loads write to one table.
  constructor({ url, table, callers, timeout_ms = 2000, every_ms = 50, writes = 0.3, first = 0 }) {
    Object.assign(this, { url, table, callers, timeout_ms, every_ms, writes, first });
  }

  // Of calls that the test makes itself, one after the other, and notes.
  static byHand({ timeout_ms }) {
    const load = new Load({ callers: 1, timeout_ms });
    load.#lag.enable();
    load.began = performance.now();
    return load;
  }
  note(kind, answer) {
    const outcome = outcomeOf(answer);
    this.calls.push({ kind, key: kind, at: this.now() - answer.ms, ms: answer.ms, outcome, text: outcome === 'done' ? '' : saidBy(answer).slice(0, 400) });
    return answer;
  }

  start() {
    this.#lag.enable();
    this.began = performance.now();
    this.#callers = Array.from({ length: this.callers }, (_, number) => this.#caller(this.first + number));
    return this;
  }
  now() {
    return performance.now() - this.began;
  }
  // Calls with which `fits` is true, begun from now on; waits until there are as many.
  async seen(count, fits = ({ outcome }) => outcome === 'done', limit_ms = 60000) {
    const from = this.calls.length;
    const end = performance.now() + limit_ms;
    let at = from;
    for (let left = count; left > 0;) {
      if (at < this.calls.length) left -= fits(this.calls[at++]) ? 1 : 0;
      else if (performance.now() > end) throw new Error(`no ${count} such calls within ${limit_ms} ms`);
      else await pause(5);
    }
    return this.calls[at - 1];
  }
  // How long after `moment` the first call (of this kind) was done; waits for it.
  async firstDone(moment, kind = /./) {
    const done = (each) => each.outcome === 'done' && each.at + each.ms > moment && kind.test(each.kind);
    const first = this.calls.find(done) ?? await this.seen(1, done);
    return first.at + first.ms - moment;
  }
  async stop() {
    this.#stopped = true;
    await Promise.all(this.#callers);
    this.#agent.destroy();
    this.#lag.disable();
    return this;
  }
  // How late this process itself was at worst: latencies include it.
  get ownLag_ms() {
    return this.#lag.max / 1e6;
  }

  async #caller(number) {
    await pause(this.every_ms * Math.random());
    for (let count = 0; !this.#stopped; count++) {
      const began = performance.now();
      const writes = Math.random() < this.writes;
      await (writes ? this.#write(`~w${number}.${count}~`) : this.#read(`~r${number}.${count}~`, count % 8 === 0));
      const left = this.every_ms * (0.5 + Math.random()) - (performance.now() - began);
      await pause(Math.max(1, left));
    }
  }

  async #read(key, large) {
    const sql = large ? `select $1::text as key, i, md5(i::text) from generate_series(1, ${kRows}) i` : 'select $1::text as key';
    const answer = await this.#call('read', key, 'query', { sql, params: [key], database: 'main', timeout_ms: this.timeout_ms });
    if (answer.outcome !== 'done') return;
    const { rows, truncated } = answer.result.structuredContent;
    if (rows[0]?.[0] !== key || rows.length !== (large ? kRows : 1) || truncated) this.wrong.push(`${key}: ${rows.length} rows, the first of ${rows[0]?.[0]}`);
  }
  async #write(key) {
    const args = { sql: `insert into ${this.table} (key) values ($1)`, params: [key], database: 'notes', timeout_ms: this.timeout_ms };
    const answer = await this.#call('write', key, 'execute', args);
    if (answer.outcome === 'done' && answer.result.structuredContent.affected_rows !== 1) this.wrong.push(`${key}: done, and no row written`);
  }
  async #call(kind, key, name, args) {
    const at = this.now();
    const answer = await call(this.url, name, args, { agent: this.#agent });
    const outcome = outcomeOf(answer);
    const text = outcome === 'done' ? '' : saidBy(answer).slice(0, 400);
    this.calls.push({ kind, key, at, ms: answer.ms, outcome, text, at_once: isRefusedAtOnce(answer) });
    return { ...answer, outcome };
  }
}

// Several loads that asked for the same time, as one.
export const together = (loads) => ({
  calls: loads.flatMap(({ calls }) => calls),
  callers: largest(loads.map(({ callers }) => callers)),
  timeout_ms: largest(loads.map(({ timeout_ms }) => timeout_ms)),
  ownLag_ms: largest(loads.map(({ ownLag_ms }) => ownLag_ms)),
});

export const createTable = (session, table) => session.ask(`drop table if exists ${table}; create table ${table} (key text not null)`);

// What the table says of what the writes were told.
export async function settle(calls, session, table) {
  const found = new Map((await session.ask(`select key, count(*) from ${table} group by key`)).split('\n').filter(Boolean)
    .map((line) => line.split('|')).map(([key, count]) => [key, Number(count)]));
  const writes = calls.filter(({ kind }) => kind === 'write');
  const of = (outcome) => writes.filter((write) => write.outcome === outcome);
  const known = new Set(writes.map(({ key }) => key));
  return {
    writes: writes.length,
    acknowledged: of('done').length,
    lost: of('done').filter(({ key }) => !found.has(key)).length,
    twice: [...found.values()].filter((count) => count > 1).length,
    failed: of('failed').length,
    failed_and_there: of('failed').filter(({ key }) => found.has(key)).length,
    unknown: of('unknown').length,
    unknown_and_there: of('unknown').filter(({ key }) => found.has(key)).length,
    broken: of('broken').length,
    broken_and_there: of('broken').filter(({ key }) => found.has(key)).length,
    unasked: [...found.keys()].filter((key) => !known.has(key)).length,
  };
}
