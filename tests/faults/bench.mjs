// The set-up of most rows: a PostgreSQL (the run's or one of its own), the proxy in front of it, a server that only knows the
// proxy, and a table for writes. Everything is taken down again in reverse, also after a failure.
import { startServer } from '../integration/support.mjs';
import { startCluster, url } from './cluster.mjs';
import { createTable, Load, settle } from './load.mjs';
import { Proxy } from './proxy.mjs';
import { Session } from './session.mjs';

export class Bench {
  #endings = [];
  name = `faults_${process.pid}`;
  table = `public.faults_${process.pid}`;

  static async open(work) {
    const bench = new Bench();
    const errors = [];
    const tried = async (step) => {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    };
    await tried(() => work(bench));
    for (const end of bench.#endings.reverse()) await tried(end);
    if (errors.length > 0) throw errors[0];  // what follows comes of it
  }
  finally(end) {
    this.#endings.push(end);
  }

  // A cluster of its own, or with `shared` the run's (HOWDAH_TEST_DSN).
  async withDatabase({ shared = false, options = [], inside, proxied = true } = {}) {
    if (shared) {
      const { PGHOST, PGPORT, PGDATABASE } = process.env;
      this.control = process.env.HOWDAH_TEST_DSN;
      this.upstream = { path: `${PGHOST}/.s.PGSQL.${PGPORT}` };
      this.database = PGDATABASE;
    } else {
      this.cluster = await startCluster(options, inside);
      this.finally(() => this.cluster.stop());
      this.control = this.cluster.control;
      this.upstream = { host: this.cluster.host, port: this.cluster.port };
    }
    this.session = new Session(this.control);
    this.finally(() => this.session.close());
    this.cluster?.beforeDown(() => this.session.close());
    await createTable(this.session, this.table);
    this.finally(async () => shared && await this.session.ask(`drop table ${this.table}`));
    if (proxied) this.proxy = await this.newProxy(this.upstream);
    return this;
  }
  async newProxy(upstream) {
    const proxy = await Proxy.start(upstream);
    this.finally(() => proxy.stop());
    return proxy;
  }
  dsn(more = '', port = this.proxy.port) {
    return url(port, { name: this.name, password: this.cluster?.password, database: this.database, more });
  }
  databases(dsn = this.dsn()) {
    return `  main: { dsn: "${dsn}" }\n  notes: { dsn: "${dsn}", access: read_write }`;
  }
  async withServer(options = {}) {
    this.server = await startServer({ ...options, databases: options.databases ?? this.databases() });
    this.finally(async () => {
      if (this.server.child.exitCode === null && this.server.child.signalCode === null) await this.server.stop();
    });
    return this.server;
  }
  load(options) {
    const load = new Load({ url: this.server.url, table: this.table, ...options }).start();
    this.finally(() => load.stop());
    return load;
  }
  ledgerOf(...loads) {
    return settle(loads.flatMap(({ calls }) => calls), this.session, this.table);
  }
  // Backends of the server's, busy with `mark` in their statement.
  busy(mark) {
    return this.session.number(`select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${mark}%'`);
  }
}
