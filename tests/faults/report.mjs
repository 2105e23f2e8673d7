// What one row found: figures, what held and what did not, what could not be run here.
import { poolReport } from './control.mjs';
import { gaps } from './gaps.mjs';
import { kLateAfter_ms, largest, ms, percentile } from './load.mjs';

const kTries = 1.1;

export class Report {
  figures = [];
  failed = [];
  gaps = [];
  not_run = [];

  constructor(row, full, known = gaps) {
    Object.assign(this, { row, full, known });
  }

  figure(text) {
    this.figures.push(text);
  }
  // A promise. Where gaps.mjs lists it, the quick set reports it only; the full set never forgives.
  holds(name, held, detail) {
    if (held) return;
    const line = `${name}: ${detail.replaceAll('\n', ' / ')}`;
    const gap = this.known[`${this.row}.${name}`];
    if (gap && !this.full) this.gaps.push(`${line} (known: ${gap})`);
    else this.failed.push(line);
  }
  // A promise about time: judged in the full set only, whose machine is to be quiet.
  holdsInTime(name, held, detail) {
    if (this.full) this.holds(name, held, detail);
  }
  notRun(part, reason) {
    this.not_run.push(`${part}: ${reason}`);
  }

  // What every load must keep, whatever happened meanwhile.
  // `some`: at least one was acknowledged, or nothing was tested.
  judgeWrites(ledger, some = true) {
    const { writes, acknowledged, lost, twice, unknown, unknown_and_there, failed, failed_and_there, broken, unasked } = ledger;
    this.figure(`${writes} writes: ${acknowledged} acknowledged, ${lost} of them lost, ${twice} applied twice; ${failed} failed, ${failed_and_there} of them applied; `
      + `${unknown} unknown (${unknown_and_there} applied)${broken ? `; ${broken} unanswered` : ''}`);
    this.holds('writes.some', !some || acknowledged > 0, 'no write was acknowledged, so nothing was tested');
    this.holds('writes.lost', lost === 0, `${lost} acknowledged writes are not in the table`);
    this.holds('writes.twice', twice === 0, `${twice} writes were applied more than once`);
    this.holds('writes.failed', failed_and_there === 0, `${failed_and_there} writes that were told to have failed are in the table`);
    this.holds('writes.unasked', unasked === 0, `${unasked} rows nobody wrote`);
  }
  judgeAnswers(load) {
    this.holds('answers.right', load.wrong.length === 0, `${load.wrong.length} wrong answers: ${load.wrong.slice(0, 3).join('; ')}`);
    const broken = load.calls.filter(({ outcome }) => outcome === 'broken');
    this.holds('answers.all', broken.length === 0, `${broken.length} calls had no answer: ${broken[0]?.text}`);
  }
  judgeDeadlines(load, calls = load.calls) {
    const over = calls.map((each) => each.ms - load.timeout_ms);
    const late = over.filter((beyond) => beyond > kLateAfter_ms).length;
    const all = calls.map((each) => each.ms);
    this.figure(`${calls.length} calls of ${load.callers} callers, p50 ${ms(percentile(all, 0.5))}, p99 ${ms(percentile(all, 0.99))}, longest ${ms(largest(all))} `
      + `of ${load.timeout_ms} ms allowed, ${late} later than that + ${kLateAfter_ms} ms (this process was up to ${ms(load.ownLag_ms)} late itself)`);
    const latest = calls[over.indexOf(largest(over))];
    this.holdsInTime('deadline', late === 0, `${late} of ${calls.length} calls ended later than their ${load.timeout_ms} ms + ${kLateAfter_ms} ms; the latest, a ${latest?.kind} `
      + `that ${latest?.outcome === 'done' ? 'was done' : `was told "${latest?.text}"`}, by ${ms(largest(over))}`);
  }
  // At the wire, how often the mark of each call was sent, beside what the pool says itself. Where no proxy reads what passes
  // (none there, or TLS) the pool's word alone counts, for the calls of `load` since the server started.
  async judgeTries({ proxy, server }, load) {
    const retries = (await poolReport(server)).databases.map(({ connections }) => connections.retries);
    if (load) return this.judgePoolTries(retries, load.calls.length);
    this.judgeWireTries(proxy, `; the pool counts ${retries.join(' + ')} retries`);
  }
  // The same, where no server is left to say it.
  judgeWireTries(proxy, more = '') {
    const ratio = proxy.triesPerCall();
    this.figure(`${ratio.toFixed(3)} tries a call at the wire (${proxy.tries} of ${proxy.marks.size} calls)${more}`);
    this.holds('tries', proxy.marks.size > 0 && ratio <= kTries, `${ratio.toFixed(3)} tries a call, allowed are ${kTries}`);
  }
  judgePoolTries(retries, calls) {
    const sum = retries.reduce((all, some) => all + some, 0);
    const ratio = 1 + sum / calls;
    this.figure(`${ratio.toFixed(3)} tries a call by the pool's count (${sum} retries, ${calls} calls)`);
    this.holds('tries', Number.isFinite(ratio) && ratio <= kTries, `${ratio.toFixed(3)} tries a call, allowed are ${kTries}: ${sum} retries of ${calls} calls`);
  }

  get outcome() {
    if (this.failed.length > 0) return 'failed';
    return this.figures.length === 0 ? 'not run' : 'passed';
  }
}
