// A foreign schema, Northwind, through every official client, transport and era: listed, described, queried, refused.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { clients, connected } from './sdk_clients.mjs';
import { config, inFolder, madeDatabase, psql, shared, startServer, textOf } from './support.mjs';

const { file: sql, skip } = shared('data/northwind.sql');
const place = inFolder();
const file = join(place.folder, 'howdah.yaml');
let northwind;
let server;
before(async () => {
  if (skip) return;
  northwind = madeDatabase(sql);
  const databases = `  main: { dsn: "${northwind.dsn}" }`;
  writeFileSync(file, config({ http: false, databases, folder: place.folder }));
  server = await startServer({ databases });
});
after(async () => {
  if (server) assert.equal((await server.stop()).code, 0);
  place.remove();
  northwind?.drop();
});
const there = (text) => psql(text, northwind.dsn);

const kJoin = `select c.country, count(*), sum(d.unit_price * d.quantity)::numeric(12,2) from orders o join customers c using (customer_id)
  join order_details d using (order_id) group by 1 order by 3 desc, 1`;
const kParameters = 'select company_name, city from customers where country = $1 and city <> $2 order by company_name';

for (const entry of clients) {
  describe(`Northwind, ${entry.name}`, () => {
    let client;
    before(async () => { if (!skip) client = await connected(entry, { url: server.url, file }); });
    after(() => client?.close());
    const call = async (name, args) => {
      const result = await client.callTool({ name, arguments: args });
      assert.ok(!result.isError, textOf(result));
      return result.structuredContent;
    };

    test('every table is listed, described and counted as psql counts it', { skip }, async () => {
      const { tables } = await call('list_tables', { detail: 'names', limit: 200 });
      const names = tables.map((table) => (typeof table === 'string' ? table : table.name)).sort();
      assert.deepEqual(names.map((name) => name.replace(/^public\./, '')),
        there("select tablename from pg_tables where schemaname = 'public' order by tablename collate \"C\"").split('\n'));
      const counts = there(names.map((name) => `select count(*) from ${name}`).join(' union all ')).split('\n');
      for (const [index, table] of names.entries()) {
        const described = await call('describe_table', { table });
        const columns = there(`select count(*) from pg_attribute where attrelid = '${table}'::regclass and attnum > 0 and not attisdropped`);
        assert.equal(String(described.columns.length), columns, table);
        const counted = await call('query', { sql: `select count(*) from ${table}` });
        assert.equal(String(counted.rows[0][0]), counts[index], table);
      }
    });
    test('a join, and values bound as parameters, are what psql shows', { skip }, async () => {
      const lines = (result) => result.rows.map((row) => row.join('|')).join('\n');
      assert.equal(lines(await call('query', { sql: kJoin })), there(kJoin));
      const bound = await call('query', { sql: kParameters, params: ['Germany', "Ber'lin"] });
      assert.equal(lines(bound), there(kParameters.replace('$1', "'Germany'").replace('$2', "'Ber''lin'")));
      assert.ok(bound.row_count > 5);
    });
    test('a write is refused and changes nothing', { skip }, async () => {
      const count = there('select count(*) from order_details');
      for (const sql of ['delete from order_details', 'with d as (delete from order_details returning 1) select count(*) from d']) {
        const result = await client.callTool({ name: 'query', arguments: { sql } });
        assert.ok(result.isError, sql);
      }
      assert.equal(there('select count(*) from order_details'), count);
    });
  });
}
