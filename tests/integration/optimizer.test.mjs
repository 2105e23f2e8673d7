// explain_query, suggest_indexes and optimize_query against a real database, as a role that only reads: plans, advice
// judged with HypoPG that leaves nothing behind, findings, proved rewrites, refusals, reloads under load. Each kind of index,
// finding and rewrite is optimizer_kinds.test.mjs's, a search that is long optimizer_searches.test.mjs's.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { callAs, tokenFile } from './multi_tenant_support.mjs';
import { asking, asReader, ddls, kByCustomer, kPlugins, rules, startShop } from './optimizer_support.mjs';
import { callTool, inFolder, psql, runBeside, startServer, textOf, until } from './support.mjs';

let cluster;
let server;
let bare;
const databases = () => `  main: { dsn: "${asReader(cluster.dsn)}" }
  bare: { dsn: "${asReader(bare)}" }`;
before(async () => {
  cluster = startShop();
  bare = cluster.dsn.replace('/shop?', '/bare?');
  psql('create database bare', cluster.dsn);
  psql('create table public.t as select n as id, n % 10000 as k from generate_series(1, 200000) n; grant select on t to shop_reader', bare);
  psql('vacuum analyze t', bare);
  server = await startServer({ databases: databases(), plugins: kPlugins(), privileged: false });
});
after(async () => {
  if (server) assert.deepEqual(await server.stop(), { code: 0, signal: null });
  cluster?.remove();
});

const there = (sql) => psql(sql, cluster.dsn);
const ask = asking(() => server.url);
const refused = async (tool, args) => {
  const result = await callTool(server.url, tool, args);
  assert.ok(result.isError, textOf(result));
  return textOf(result);
};

test('a plan is told as text, as JSON and as a picture, with what each node took itself', async () => {
  const text = textOf(await callTool(server.url, 'explain_query', { sql: 'select c.name, count(*) from shop.orders o join shop.customers c on c.id = o.customer_id group by 1', analyze: true }));
  assert.match(text, /Seq Scan on shop\.orders o {2}\(self [\d.]+ ms, \d+ %; cost [\d.]+; rows 60000 -> 60000; blocks \d+/);
  assert.match(text, /execution [\d.]+ ms/);
  const plan = await ask('explain_query', { sql: `${kByCustomer};`, params: [7], format: 'json', analyze: true });
  const nodes = [];
  const collect = (node) => { nodes.push(node); (node.children ?? []).forEach(collect); };
  collect(plan.plan);
  const own = nodes.reduce((sum, node) => sum + node.self_ms, 0);
  assert.ok(Math.abs(own - plan.plan.total_ms) <= 0.01 * nodes.length + 0.001, `${own} of ${plan.plan.total_ms} ms`);
  const picture = await callTool(server.url, 'explain_query', { sql: 'select 1', format: 'picture' });
  const image = picture.content.find(({ type }) => type === 'image');
  assert.equal(image.mimeType, 'image/svg+xml');
  assert.match(Buffer.from(image.data, 'base64').toString(), /^<svg [^]*<text [^]*Result[^]*<\/svg>\n$/);
});

test('what is made of a statement passes the guard: nothing that writes, nothing behind a semicolon, no way out of what is put around it', async () => {
  for (const tool of ['explain_query', 'suggest_indexes', 'optimize_query']) {
    for (const sql of ['delete from shop.orders', 'select 1; delete from shop.orders', "select pg_terminate_backend(1)", ') select 1', "select 1) delete from shop.orders --",
      'with x as (delete from shop.orders returning 1) select 1 from x', 'analyze select 1', 'explain select 1', '(analyze) delete from shop.orders', ''])
      await refused(tool, { sql }).catch((late) => assert.match(late.message, /sql/, sql));  // the empty one is no valid argument
  }
  assert.equal(there('select count(*) from shop.orders'), '60000');
});

test('an index is suggested that the server plans with, and its cost is what the real one costs', async () => {
  const advice = await ask('suggest_indexes', { sql: kByCustomer, params: [7] });
  assert.equal(advice.judged_by, 'hypopg');
  assert.equal(advice.complete, true);
  assert.equal(advice.steps.length, 1, JSON.stringify(advice.steps));
  const [ddl] = ddls(advice);
  assert.match(ddl, /^create index concurrently on shop\.orders \(customer_id\)/);
  const [step] = advice.steps;
  assert.ok(step.cost_after < step.cost_before / 10 && step.indexes[0].bytes > 8192);
  assert.equal(step.indexes[0].write_cost.indexes_there, 4);
  there(ddl.replace('create index concurrently', 'create index made'));
  there('vacuum analyze shop.orders');
  const plan = await ask('explain_query', { sql: kByCustomer, params: [7], format: 'json' });
  assert.ok(Math.abs(plan.total_cost - advice.cost_after) <= 0.25 * advice.cost_after + 5, `${plan.total_cost} for ${advice.cost_after}`);
  const again = await ask('suggest_indexes', { sql: kByCustomer, params: [7] });
  assert.deepEqual(again.steps, []);
  there('drop index shop.made');
});

test('the duplicate may go, the keys may not', async () => {
  const { drop } = await ask('suggest_indexes', { sql: kByCustomer, params: [7] });
  assert.deepEqual(drop.map(({ sql }) => sql), ['drop index concurrently shop.orders_total_again']);
});

test('an index is called needless only where another one does all it does', async () => {
  there(`create table shop.ways (id int not null, a text, b int, c text collate "C");
    insert into shop.ways select n, 'a' || n, n, 'c' || n from generate_series(1, 100) n;
    create unique index ways_id on shop.ways (id);
    alter table shop.ways replica identity using index ways_id;
    create index ways_id_again on shop.ways (id);
    create index ways_a on shop.ways (a);
    create index ways_a_b on shop.ways (a, b);
    create index ways_a_b_desc on shop.ways (a, b desc);
    create index ways_a_pattern on shop.ways (a text_pattern_ops);
    create index ways_a_c on shop.ways (a collate "C");
    create index ways_a_desc on shop.ways (a desc nulls last);
    create index ways_a_first on shop.ways (a nulls first);
    create index ways_a_hash on shop.ways using hash (a);
    create index ways_c on shop.ways (c);
    create index ways_c_b on shop.ways (c collate "default", b);
    create index ways_b on shop.ways (b) include (a);
    create index ways_b_c on shop.ways (b) include (c);
    create index ways_b_some on shop.ways (b) where a is not null;
    create index ways_b_some_again on shop.ways (b) where a is not null;
    create index ways_b_others on shop.ways (b) where a is null;
    create index ways_lower on shop.ways (lower(a));
    create index ways_lower_b on shop.ways (lower(a), b);
    create index ways_upper on shop.ways (upper(a));
    create index ways_shown on shop.ways (c, id);
    alter table shop.ways cluster on ways_c;
    create table shop.parts (id int, k int) partition by range (id);
    create table shop.parts_1 partition of shop.parts for values from (0) to (1000);
    create index parts_k on shop.parts (k);
    create index parts_k_again on shop.parts (k);
    create index parts_1_k on shop.parts_1 (k);
    analyze shop.ways;
    grant select on shop.ways, shop.parts, shop.parts_1 to shop_reader`);
  const needless = async (sql) => ((await ask('suggest_indexes', { sql })).drop ?? []).map((drop) => drop.sql.replace('drop index concurrently shop.', '')).sort();
  assert.deepEqual(await needless('select b from shop.ways where id = 1'), ['ways_a', 'ways_b_some_again', 'ways_id_again', 'ways_lower']);
  // Those of a partitioned table are dropped with it; a partition's own is needless beside them.
  assert.deepEqual(await needless('select id from shop.parts_1 where k = 1'), ['parts_1_k']);
  assert.deepEqual(await needless('select id from shop.parts where k = 1'), ['parts_1_k']);
  // What is needless is so: it can be dropped.
  for (const name of ['ways_a', 'ways_b_some_again', 'ways_id_again', 'ways_lower', 'parts_1_k']) there(`drop index concurrently shop.${name}`);
  assert.deepEqual(await needless('select b from shop.ways where id = 1'), []);
  there('drop table shop.ways, shop.parts');
});

test('nobody else ever plans with what was tried', async () => {
  const plans = [];
  const looks = (async () => {
    for (let i = 0; i < 40; i++) plans.push(textOf(await callTool(server.url, 'explain_query', { sql: kByCustomer, params: [7] })));
  })();
  await Promise.all([looks, ask('suggest_indexes', { sql: kByCustomer, params: [7] }), ask('suggest_indexes', { sql: 'select count(*) from shop.orders where closed is null' })]);
  for (const text of plans) assert.doesNotMatch(text, /<\d+>/);
});

test('the connection of a search is closed behind it', async () => {
  there('create role shop_alone login in role shop_reader');
  const alone = await startServer({ databases: `  main: { dsn: "${cluster.dsn.replace('//postgres@', '//shop_alone@')}" }`, plugins: kPlugins({}, { connections_max: 2, connections_min: 0 }), privileged: false });
  try {
    const backends = () => there("select pid from pg_stat_activity where usename = 'shop_alone'").split('\n').filter(Boolean);
    const asked = (tool, args) => callTool(alone.url, tool, args).then((result) => (assert.ok(!result.isError, textOf(result)), result.structuredContent));
    await asked('explain_query', { sql: kByCustomer, params: [7] });
    const idle = backends();  // a search takes one of those
    assert.ok(idle.length > 0);
    assert.equal((await asked('suggest_indexes', { sql: kByCustomer, params: [7] })).judged_by, 'hypopg');
    await until('its backend is gone', () => !idle.every((pid) => backends().includes(pid)));
  } finally {
    await alone.stop();
    there('drop role shop_alone');
  }
});

test('several statements with weights, one of them impossible, within limits', async () => {
  const queries = [{ sql: kByCustomer, params: [7], weight: 100 }, { sql: 'select name from shop.customers where country = $1 and name = $2', params: ['Chile', 'customer 2'] }, { sql: 'select nope from shop.orders' }];
  const advice = await ask('suggest_indexes', { queries });
  assert.equal(advice.statements.length, 2);
  assert.match(advice.left_out[0].why, /nope/);
  assert.ok(ddls(advice)[0].includes('customer_id'));
  assert.deepEqual(advice.steps[0].used_by_statements, [1]);
  assert.equal((await ask('suggest_indexes', { queries, indexes_max: 1 })).steps.flatMap(({ indexes }) => indexes).length, 1);
  const small = await ask('suggest_indexes', { queries, size_max_bytes: 8192 });
  assert.ok(small.bytes <= 8192);
});

test('HypoPG may be in any schema, and one that the role may not use is told', async () => {
  psql('create schema "Hypo Pg"; create extension hypopg schema "Hypo Pg"', bare);
  try {
    const hidden = await ask('suggest_indexes', { sql: 'select id from t where k = 5', database: 'bare' });
    assert.equal(hidden.judged_by, 'estimate');
    assert.match(hidden.note, /ESTIMATED.*permission denied for schema Hypo Pg/);
    psql('grant usage on schema "Hypo Pg" to shop_reader', bare);
    assert.equal((await ask('suggest_indexes', { sql: 'select id from t where k = 5', database: 'bare' })).judged_by, 'hypopg');
    psql(`create schema evil; grant usage on schema evil to shop_reader; alter role shop_reader in database bare set search_path = evil, public;
      create function evil.hypopg_reset() returns void language plpgsql as $$ begin raise 'the namesake was called'; end $$`, bare);
    assert.equal((await ask('suggest_indexes', { sql: 'select id from t where k = 5', database: 'bare' })).judged_by, 'hypopg');
  } finally {
    psql('alter role shop_reader in database bare reset search_path; drop schema if exists evil cascade; drop extension hypopg; drop schema "Hypo Pg"', bare);
  }
});

test("a tenant's search is judged in the tenant's database, whatever it was asked for as", async () => {
  psql('create database t0', cluster.dsn);
  const own = cluster.dsn.replace('/shop?', '/t0?');
  psql(`create extension hypopg; create schema shop; create table shop.orders (id int, customer_id int, total int);
    insert into shop.orders select n, n % 5000, n from generate_series(1, 50000) n; grant usage on schema shop to shop_reader; grant select on shop.orders to shop_reader`, own);
  psql('vacuum analyze shop.orders', own);
  const place = inFolder();
  const reader = (dsn) => dsn.replace('//postgres@', '//shop_reader@');
  const tenants = await startServer({ http: '', privileged: false, databases: `  main: { dsn: "${reader(cluster.dsn)}" }\n  t0: { dsn: "${reader(own)}" }`,
    plugins: ['pool', { auth: { token_file: tokenFile(place.folder) } }, { multi_tenant: { model: 'database', tools: ['suggest_indexes'] } }, 'guard', 'query', { optimizer: {} }] });
  try {
    const result = await callAs(tenants.url, 't0', 'suggest_indexes', { sql: 'select total from shop.orders where customer_id = 7' });
    assert.ok(!result.isError, textOf(result));
    assert.equal(result.structuredContent.judged_by, 'hypopg', result.structuredContent.note);
    assert.match(ddls(result.structuredContent).join(), /on shop\.orders \(customer_id\)/);
  } finally {
    await tenants.stop();
    place.remove();
  }
});

test('where HypoPG is not, or is not asked for, the advice is an estimate and says so', async () => {
  const advice = await ask('suggest_indexes', { sql: 'select id from t where k = 5', database: 'bare' });
  assert.equal(advice.judged_by, 'estimate');
  assert.match(advice.note, /ESTIMATED.*hypopg is not in this database.*create extension hypopg/);
  assert.match(ddls(advice)[0], /on public\.t \(k\)/);
  assert.equal((await ask('suggest_indexes', { sql: kByCustomer, params: [7], estimate_only: true })).judged_by, 'estimate');
});

test('findings come with their evidence', async () => {
  const cast = await ask('optimize_query', { sql: "select * from shop.orders where placed::date = '2021-03-04'" });
  assert.ok(rules(cast).includes('unusable_index') && rules(cast).includes('select_star'), rules(cast).join());
  assert.match(cast.findings.find(({ rule }) => rule === 'unusable_index').text, /index orders_placed on shop\.orders cannot be used/);
  const missing = await ask('optimize_query', { sql: 'select total from shop.orders where customer_id = 5' });
  const finding = missing.findings.find(({ rule }) => rule === 'missing_index');
  assert.match(finding.suggestion, /create index concurrently on shop\.orders \(customer_id\)/);
  assert.equal(finding.evidence.judged_by, 'hypopg');
  const implicit = await ask('optimize_query', { sql: 'select total from shop.orders where id = 42.5' });
  assert.ok(rules(implicit).includes('implicit_cast'), rules(implicit).join());
  const paging = await ask('optimize_query', { sql: 'select id from shop.orders order by id offset $1 limit 10', params: [50000] });
  assert.ok(rules(paging).includes('offset_paging'), rules(paging).join());
  const correlated = await ask('optimize_query', { sql: 'select c.id, (select max(total) from shop.orders o where o.customer_id = c.id) from shop.customers c' });
  assert.ok(rules(correlated).includes('correlated_subquery'), rules(correlated).join());
  const stale = await ask('optimize_query', { sql: 'select id from shop.never_analyzed where id = 5' });
  assert.match(stale.findings.find(({ rule }) => rule === 'stale_statistics').suggestion, /^analyze shop\.never_analyzed$/);
});

test('a rewrite is offered when it gave the same rows and was faster, and not when that cannot be shown', async () => {
  const { rewrites } = await ask('optimize_query', { sql: "select id, total from shop.orders where placed::date = '2021-03-04'" });
  assert.equal(rewrites.length, 1);
  assert.equal(rewrites[0].sql, "select id, total from shop.orders where (placed >= date '2021-03-04' and placed < date '2021-03-04' + 1)");
  assert.equal(rewrites[0].proof.rows, 36);
  assert.ok(rewrites[0].measured.speedup >= 1.2 && rewrites[0].measured.runs === 5);
  const unequal = await ask('optimize_query', { sql: "select doc from shop.orders where placed::date = '2021-03-04'" });
  assert.equal(unequal.rewrites, undefined);
  assert.match(unequal.rewrites_not_offered[0].why, /not proved: .*json/);
  const slower = await ask('optimize_query', { sql: "select id from shop.orders where closed is null and extract(year from closed) = 2023" });
  assert.match(slower.rewrites_not_offered[0].why, /no faster for certain/);
  assert.equal((await ask('optimize_query', { sql: "select id from shop.orders where placed::date = '2021-03-04'", rewrites: false })).rewrites, undefined);
});

test('the same shape asked again and again with other values is N+1', async () => {
  await callTool(server.url, 'query', { sql: 'select id from shop.customers limit 8' });
  for (let id = 1; id <= 8; id++) await callTool(server.url, 'query', { sql: `select name from shop.customers where id = ${id}` });
  const { findings } = await ask('optimize_query', { sql: 'select name from shop.customers where id = 99' });
  const found = findings.find(({ rule }) => rule === 'n_plus_one');
  assert.equal(found.evidence.count, 8);
  assert.equal(found.evidence.asked_before, 'select id from shop.customers limit $1');
});

test('the workload of pg_stat_statements is read, its values filled in, and advised', async () => {
  there('select pg_stat_statements_reset()');
  for (let i = 0; i < 5; i++) there(`select count(*) from shop.orders where customer_id = ${i} and placed >= date '2021-01-01' and status in ('open', 'done')`);
  there("select sum(total) from shop.orders where closed is null and extract(year from placed) = 2022 and placed < timestamp '2022-06-01' + interval '3 days' limit 5");
  const advice = await ask('suggest_indexes', {});
  assert.equal(advice.judged_by, 'hypopg');
  assert.ok((advice.statements?.length ?? 1) >= 1);
  assert.match(ddls(advice).join(), /customer_id/);
  assert.deepEqual((advice.left_out ?? []).filter(({ sql }) => /shop\.orders/.test(sql)), []);
});

test('it is enabled, disabled and reconfigured under load without a failed call', async () => {
  let over = false;
  const failures = [];
  const load = Array.from({ length: 3 }, async () => {
    while (!over) {
      const result = await callTool(server.url, 'suggest_indexes', { sql: kByCustomer, params: [7] }).catch((error) => ({ content: [], isError: !/unknown tool/.test(error.message), text: error.message }));
      if (result.isError) failures.push(result.text ?? textOf(result));
    }
  });
  for (const plugins of [kPlugins({ runs: 1 }), [{ pool: { connections_max: 10 } }, 'guard', 'query'], kPlugins({ recent_max: 0 }), kPlugins()]) {
    server.write({ databases: databases(), plugins });
    const { code, err } = await runBeside(['reload', '-c', server.file]);
    assert.equal(code, 0, err);
  }
  over = true;
  await Promise.all(load);
  assert.deepEqual(failures, []);
  server.write({ databases: databases(), plugins: kPlugins({ width_max: 0 }) });
  assert.notEqual((await runBeside(['reload', '-c', server.file])).code, 0);
  server.write({ databases: databases(), plugins: kPlugins() });
});
