// A connection that is lost while COMMIT is under way: the transaction is looked up by its id, and what is told is what
// became of it.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { startCluster } from './cluster.mjs';
import { startCommitProxy } from './commit_proxy.mjs';
import { callTool, meta, post, psql, startServer, textOf, until } from './support.mjs';

let cluster;
let proxy;
before(async () => {
  cluster = startCluster();
  proxy = await startCommitProxy(cluster.environment);
  psql('alter system set synchronous_commit = on', cluster.dsn);  // or a crash may take what was acknowledged
  psql('select pg_reload_conf()', cluster.dsn);
  psql('create table written (i int)', cluster.dsn);
});
beforeEach(() => psql('truncate written', cluster.dsn));
after(() => {
  proxy.stop();
  cluster.remove();
});

const written = () => psql('select count(*) from written', cluster.dsn);

for (const [where, pooler] of [['directly', 'none'], ['as behind a transaction pooler', 'transaction']]) {
  describe(where, () => {
    let server;
    before(async () => {
      const { PGUSER, PGDATABASE } = cluster.environment;
      const dsn = `postgresql://${PGUSER}@127.0.0.1:${proxy.port}/${PGDATABASE}?sslmode=disable`;
      server = await startServer({ plugins: [{ pool: { pooler, connections_min: 0 } }, 'guard', 'query'], databases: `  main: { dsn: "${dsn}", access: read_write }` });
    });
    after(async () => { assert.equal((await server.stop()).code, 0); });
    const insert = (sql = 'insert into written values (1) returning i') => callTool(server.url, 'execute', { sql });

    test('lost after the server has committed: the write is answered as done, once', async () => {
      proxy.lose = 'after';
      const result = await insert();
      assert.ok(!result.isError, textOf(result));
      assert.deepEqual(result.structuredContent.rows, [[1]]);
      assert.equal(result.structuredContent.affected_rows, 1);
      assert.equal(written(), '1');
      await server.logs(/the answer to COMMIT of transaction \d+ was lost; it is committed/);
    });

    test('lost before it reached the server: told as rolled back, nothing is there', async () => {
      proxy.lose = 'before';
      const result = await insert();
      assert.ok(result.isError);
      assert.match(textOf(result), /rolled transaction \d+ back: nothing was changed/);
      assert.equal(written(), '0');
    });

    test('the server is still committing: waited for', async () => {
      psql("alter system set synchronous_standby_names = 'nobody'", cluster.dsn);
      psql('select pg_reload_conf()', cluster.dsn);
      try {
        await until('the setting', () => psql('show synchronous_standby_names', cluster.dsn) === 'nobody');
        proxy.lose = 'during';
        const lost = new Promise((resolve) => { proxy.onLost = resolve; });
        const call = insert();
        await lost;
        await until('a commit that waits', () => psql("select count(*) from pg_stat_activity where wait_event = 'SyncRep'", cluster.dsn) === '1');
        psql('alter system reset synchronous_standby_names', cluster.dsn);
        psql('select pg_reload_conf()', cluster.dsn);
        const result = await call;
        assert.ok(!result.isError, textOf(result));
        assert.equal(written(), '1');
      } finally {
        psql('alter system reset synchronous_standby_names', cluster.dsn);
        psql('select pg_reload_conf()', cluster.dsn);
      }
    });

    const meanwhile = async (how) => {
      proxy.lose = 'after';
      proxy.onLost = () => {
        cluster.down(how);
        cluster.up();
      };
      const result = await insert();
      proxy.onLost = () => {};
      return result;
    };

    test('a restart of the server between: the transaction is still known', async () => {
      const result = await meanwhile('fast');
      assert.ok(!result.isError, textOf(result));
      assert.equal(written(), '1');
    });

    test('a crash of the server between: the id may be of another transaction since, so it is not believed', async () => {
      const result = await meanwhile('immediate');
      assert.ok(result.isError, textOf(result));
      assert.match(textOf(result), /whether the change was made is not known[^]*the server has crashed since/);
      assert.equal(written(), '1');
    });

    test('nobody can be asked in time: told as not known, with the id to ask for', async () => {
      proxy.lose = 'after';
      proxy.onLost = () => {
        proxy.open = false;
        proxy.cutAll();  // the guard's connection could be asked too
      };
      try {
        const { json } = await post(server.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'execute',
          arguments: { sql: 'insert into written values (1)' }, _meta: meta({ 'howdah/timeoutMs': 2000 }) } },
        { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'execute' });
        assert.ok(json.result.isError);
        assert.match(textOf(json.result), /whether the change was made is not known[^]*pg_xact_status\('\d+'\)/);
      } finally {
        proxy.onLost = () => {};
        proxy.open = true;
      }
      assert.equal(written(), '1');
    });
  });
}
