// Reads what a client says to PostgreSQL (protocol 3.0, client's side only): which statement each Bind means, and the marks
// load.mjs puts into parameters. TLS ends the reading.
// Source: PostgreSQL manual, "Frontend/Backend Protocol", message formats.
const kSslRequest = 80877103;
const kGssRequest = 80877104;
const kMark = /~[rw]\d+\.\d+~/g;

export class Frontend {
  #rest = Buffer.alloc(0);
  #started = false;
  #unreadable = false;
  #statements = new Map();

  // What these bytes complete: { marks, commits }, the marks of calls and the number of COMMITs.
  read(bytes) {
    const seen = { marks: [], commits: 0 };
    if (this.#unreadable) return seen;
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, bytes]) : bytes;
    while (this.#next(seen));
    return seen;
  }

  #next(seen) {
    const at = this.#started ? 1 : 0;  // the first message has no type
    if (this.#rest.length < at + 4) return false;
    const length = at + this.#rest.readUInt32BE(at);
    if (this.#rest.length < length) return false;
    if (this.#started) this.#take(String.fromCharCode(this.#rest[0]), this.#rest.toString('latin1', 5, length), seen);
    else this.#start(this.#rest.readUInt32BE(4));
    this.#rest = this.#rest.subarray(length);
    return !this.#unreadable;
  }

  #start(code) {
    if (code === kSslRequest) this.#unreadable = true;
    else if (code !== kGssRequest) this.#started = true;
  }

  #take(type, body, seen) {
    if (type === 'P') {
      const [name, text] = body.split('\0', 2);
      this.#statements.set(name, text);
    } else if (type === 'B') {
      const [, statement] = body.split('\0', 2);
      seen.marks.push(...(body.match(kMark) ?? []));
      if (/^commit/i.test(this.#statements.get(statement) ?? '')) seen.commits++;
    }
  }
}
