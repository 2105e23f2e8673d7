// A psql that stays, for questions while a load runs: starting one each time would cost more than the load.
// One whose server is ended on purpose is closed first; the next question opens it again.
import { spawn } from 'node:child_process';

export class Session {
  #child = null;
  #waiting = [];
  #said = '';
  #count = 0;

  constructor(dsn) {
    this.dsn = dsn;
  }

  // The answer's lines; an error of the server, or its end, rejects.
  ask(sql) {
    const mark = `asked ${++this.#count}`;
    const child = this.#child ?? this.#open();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ mark, resolve, reject });
      child.stdin.write(`${sql.trim().replace(/;$/, '')};\n\\echo ${mark}\n`);
    });
  }
  async number(sql) {
    return Number(await this.ask(sql));
  }
  close() {
    this.#child?.stdin.end();
    this.#child = null;
  }

  #open() {
    // One stream for answers and errors, so that an error stands before the mark of its question.
    const child = spawn('sh', ['-c', 'exec psql "$@" 2>&1', 'sh', '-XAtq', '-d', this.dsn],
      { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, PGCONNECT_TIMEOUT: '5', PGOPTIONS: '-c client_min_messages=error' } });
    this.#child = child;
    this.#said = '';
    child.stdin.on('error', () => {});  // told by 'close'
    child.stdout.setEncoding('utf8').on('data', (text) => this.#take(text));
    child.on('close', () => {
      if (this.#child === child) this.#child = null;
      const waiting = this.#waiting.splice(0);
      for (const { reject } of waiting) reject(new Error(`psql ended: ${this.#said.trim()}`));
    });
    return child;
  }

  #take(text) {
    this.#said += text;
    while (this.#waiting.length > 0) {
      const [{ mark, resolve, reject }] = this.#waiting;
      const at = this.#said.indexOf(`${mark}\n`);
      if (at < 0) return;
      const answer = this.#said.slice(0, at).trimEnd();
      this.#said = this.#said.slice(at + mark.length + 1);
      this.#waiting.shift();
      if (/^(ERROR|FATAL):|connection to the server was lost|server closed the connection/im.test(answer)) reject(new Error(answer));
      else resolve(answer);
    }
  }
}
