// Two workloads, their databases beside this file, and what a greedy search that tries everything finds for them: at each
// step every B-tree over one or two columns is planned with, for every statement that reads its table, and the best stays.
import { join } from 'node:path';

import { startCluster } from './cluster.mjs';
import { psql } from './support.mjs';

const here = (file) => join(import.meta.dirname, file);

// The 22 of TPC-H, with its validation values.
export const tpch = {
  name: 'TPC-H-like',
  file: here('optimizer_tpch.sql'),
  prepare: 'vacuum analyze',
  queries: [
    "select l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), sum(l_extendedprice * (1 - l_discount)), avg(l_quantity), count(*) from lineitem where l_shipdate <= date '1998-12-01' - interval '90 days' group by l_returnflag, l_linestatus order by l_returnflag, l_linestatus",
    "select s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment from part, supplier, partsupp, nation, region where p_partkey = ps_partkey and s_suppkey = ps_suppkey and p_size = 15 and p_type like '%BRASS' and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE' and ps_supplycost = (select min(ps_supplycost) from partsupp, supplier, nation, region where p_partkey = ps_partkey and s_suppkey = ps_suppkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE') order by s_acctbal desc, n_name, s_name, p_partkey limit 100",
    "select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate, o_shippriority from customer, orders, lineitem where c_mktsegment = 'BUILDING' and c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate < date '1995-03-15' and l_shipdate > date '1995-03-15' group by l_orderkey, o_orderdate, o_shippriority order by revenue desc, o_orderdate limit 10",
    "select o_orderpriority, count(*) from orders where o_orderdate >= date '1993-07-01' and o_orderdate < date '1993-10-01' and exists (select 1 from lineitem where l_orderkey = o_orderkey and l_commitdate < l_receiptdate) group by o_orderpriority order by o_orderpriority",
    "select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue from customer, orders, lineitem, supplier, nation, region where c_custkey = o_custkey and l_orderkey = o_orderkey and l_suppkey = s_suppkey and c_nationkey = s_nationkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'ASIA' and o_orderdate >= date '1994-01-01' and o_orderdate < date '1995-01-01' group by n_name order by revenue desc",
    "select sum(l_extendedprice * l_discount) from lineitem where l_shipdate >= date '1994-01-01' and l_shipdate < date '1995-01-01' and l_discount between 0.05 and 0.07 and l_quantity < 24",
    "select supp_nation, cust_nation, l_year, sum(volume) from (select n1.n_name as supp_nation, n2.n_name as cust_nation, extract(year from l_shipdate) as l_year, l_extendedprice * (1 - l_discount) as volume from supplier, lineitem, orders, customer, nation n1, nation n2 where s_suppkey = l_suppkey and o_orderkey = l_orderkey and c_custkey = o_custkey and s_nationkey = n1.n_nationkey and c_nationkey = n2.n_nationkey and ((n1.n_name = 'FRANCE' and n2.n_name = 'GERMANY') or (n1.n_name = 'GERMANY' and n2.n_name = 'FRANCE')) and l_shipdate between date '1995-01-01' and date '1996-12-31') shipping group by supp_nation, cust_nation, l_year order by supp_nation, cust_nation, l_year",
    "select o_year, sum(case when nation = 'BRAZIL' then volume else 0 end) / sum(volume) from (select extract(year from o_orderdate) as o_year, l_extendedprice * (1 - l_discount) as volume, n2.n_name as nation from part, supplier, lineitem, orders, customer, nation n1, nation n2, region where p_partkey = l_partkey and s_suppkey = l_suppkey and l_orderkey = o_orderkey and o_custkey = c_custkey and c_nationkey = n1.n_nationkey and n1.n_regionkey = r_regionkey and r_name = 'AMERICA' and s_nationkey = n2.n_nationkey and o_orderdate between date '1995-01-01' and date '1996-12-31' and p_type = 'ECONOMY ANODIZED STEEL') all_nations group by o_year order by o_year",
    "select nation, o_year, sum(amount) from (select n_name as nation, extract(year from o_orderdate) as o_year, l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity as amount from part, supplier, lineitem, partsupp, orders, nation where s_suppkey = l_suppkey and ps_suppkey = l_suppkey and ps_partkey = l_partkey and p_partkey = l_partkey and o_orderkey = l_orderkey and s_nationkey = n_nationkey and p_name like '%green%') profit group by nation, o_year order by nation, o_year desc",
    "select c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) as revenue, c_acctbal, n_name, c_address, c_phone, c_comment from customer, orders, lineitem, nation where c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate >= date '1993-10-01' and o_orderdate < date '1994-01-01' and l_returnflag = 'R' and c_nationkey = n_nationkey group by c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment order by revenue desc limit 20",
    "select ps_partkey, sum(ps_supplycost * ps_availqty) as value from partsupp, supplier, nation where ps_suppkey = s_suppkey and s_nationkey = n_nationkey and n_name = 'GERMANY' group by ps_partkey having sum(ps_supplycost * ps_availqty) > (select sum(ps_supplycost * ps_availqty) * 0.0001 from partsupp, supplier, nation where ps_suppkey = s_suppkey and s_nationkey = n_nationkey and n_name = 'GERMANY') order by value desc",
    "select l_shipmode, sum(case when o_orderpriority = '1-URGENT' or o_orderpriority = '2-HIGH' then 1 else 0 end) from orders, lineitem where o_orderkey = l_orderkey and l_shipmode in ('MAIL', 'SHIP') and l_commitdate < l_receiptdate and l_shipdate < l_commitdate and l_receiptdate >= date '1994-01-01' and l_receiptdate < date '1995-01-01' group by l_shipmode order by l_shipmode",
    "select c_count, count(*) as custdist from (select c_custkey, count(o_orderkey) as c_count from customer left join orders on c_custkey = o_custkey and o_comment not like '%special%requests%' group by c_custkey) c_orders group by c_count order by custdist desc, c_count desc",
    "select 100.00 * sum(case when p_type like 'PROMO%' then l_extendedprice * (1 - l_discount) else 0 end) / sum(l_extendedprice * (1 - l_discount)) from lineitem, part where l_partkey = p_partkey and l_shipdate >= date '1995-09-01' and l_shipdate < date '1995-10-01'",
    "with revenue as (select l_suppkey as supplier_no, sum(l_extendedprice * (1 - l_discount)) as total_revenue from lineitem where l_shipdate >= date '1996-01-01' and l_shipdate < date '1996-04-01' group by l_suppkey) select s_suppkey, s_name, s_address, s_phone, total_revenue from supplier, revenue where s_suppkey = supplier_no and total_revenue = (select max(total_revenue) from revenue) order by s_suppkey",
    "select p_brand, p_type, p_size, count(distinct ps_suppkey) as supplier_cnt from partsupp, part where p_partkey = ps_partkey and p_brand <> 'Brand#45' and p_type not like 'MEDIUM POLISHED%' and p_size in (49, 14, 23, 45, 19, 3, 36, 9) and ps_suppkey not in (select s_suppkey from supplier where s_comment like '%Customer%Complaints%') group by p_brand, p_type, p_size order by supplier_cnt desc, p_brand, p_type, p_size",
    "select sum(l_extendedprice) / 7.0 from lineitem, part where p_partkey = l_partkey and p_brand = 'Brand#23' and p_container = 'MED BOX' and l_quantity < (select 0.2 * avg(l_quantity) from lineitem where l_partkey = p_partkey)",
    "select c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) from customer, orders, lineitem where o_orderkey in (select l_orderkey from lineitem group by l_orderkey having sum(l_quantity) > 180) and c_custkey = o_custkey and o_orderkey = l_orderkey group by c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice order by o_totalprice desc, o_orderdate limit 100",
    "select sum(l_extendedprice * (1 - l_discount)) from lineitem, part where p_partkey = l_partkey and ((p_brand = 'Brand#12' and p_container in ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG') and l_quantity between 1 and 11 and p_size between 1 and 5) or (p_brand = 'Brand#23' and p_container in ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK') and l_quantity between 10 and 20 and p_size between 1 and 10)) and l_shipmode in ('AIR', 'REG AIR') and l_shipinstruct = 'DELIVER IN PERSON'",
    "select s_name, s_address from supplier, nation where s_suppkey in (select ps_suppkey from partsupp where ps_partkey in (select p_partkey from part where p_name like 'forest%') and ps_availqty > (select 0.5 * sum(l_quantity) from lineitem where l_partkey = ps_partkey and l_suppkey = ps_suppkey and l_shipdate >= date '1994-01-01' and l_shipdate < date '1995-01-01')) and s_nationkey = n_nationkey and n_name = 'CANADA' order by s_name",
    "select s_name, count(*) as numwait from supplier, lineitem l1, orders, nation where s_suppkey = l1.l_suppkey and o_orderkey = l1.l_orderkey and o_orderstatus = 'F' and l1.l_receiptdate > l1.l_commitdate and exists (select 1 from lineitem l2 where l2.l_orderkey = l1.l_orderkey and l2.l_suppkey <> l1.l_suppkey) and not exists (select 1 from lineitem l3 where l3.l_orderkey = l1.l_orderkey and l3.l_suppkey <> l1.l_suppkey and l3.l_receiptdate > l3.l_commitdate) and s_nationkey = n_nationkey and n_name = 'SAUDI ARABIA' group by s_name order by numwait desc, s_name limit 100",
    "select cntrycode, count(*), sum(c_acctbal) from (select substring(c_phone from 1 for 2) as cntrycode, c_acctbal from customer where substring(c_phone from 1 for 2) in ('13', '31', '23', '29', '30', '18', '17') and c_acctbal > (select avg(c_acctbal) from customer where c_acctbal > 0.00) and not exists (select 1 from orders where o_custkey = c_custkey)) custsale group by cntrycode order by cntrycode",
  ],
};

export const joins = {
  name: 'join-order-like',
  file: here('optimizer_joins.sql'),
  prepare: 'vacuum analyze',
  queries: [
    "select min(mc.note), min(t.title), min(t.production_year) from company_type ct, info_type it, movie_companies mc, movie_info_idx mi, title t where ct.kind = 'production companies' and it.info = 'top 250 rank' and mc.note = '(co-production)' and ct.id = mc.company_type_id and t.id = mc.movie_id and t.id = mi.movie_id and mc.movie_id = mi.movie_id and it.id = mi.info_type_id",
    "select min(t.title) from company_name cn, keyword k, movie_companies mc, movie_keyword mk, title t where cn.country_code = '[de]' and k.keyword = 'character-name-in-title' and cn.id = mc.company_id and mc.movie_id = t.id and t.id = mk.movie_id and mk.keyword_id = k.id and mc.movie_id = mk.movie_id",
    "select min(t.title) from keyword k, movie_info mi, movie_keyword mk, title t where k.keyword = 'sequel' and mi.info in ('Drama', 'German', 'Bulgaria') and t.production_year > 2005 and t.id = mi.movie_id and t.id = mk.movie_id and mk.movie_id = mi.movie_id and k.id = mk.keyword_id",
    "select min(mi.info), min(t.title) from info_type it, keyword k, movie_info_idx mi, movie_keyword mk, title t where it.info = 'rating' and k.keyword like '%sequel%' and mi.info > '9.0' and t.production_year > 2010 and t.id = mi.movie_id and t.id = mk.movie_id and mk.movie_id = mi.movie_id and k.id = mk.keyword_id and it.id = mi.info_type_id",
    "select min(k.keyword), min(n.name), min(t.title) from cast_info ci, keyword k, movie_keyword mk, name n, title t where k.keyword in ('superhero', 'sequel') and n.name like 'Downey%' and t.production_year > 2014 and k.id = mk.keyword_id and t.id = mk.movie_id and t.id = ci.movie_id and ci.movie_id = mk.movie_id and n.id = ci.person_id",
    "select min(n.name), min(t.title) from cast_info ci, company_name cn, movie_companies mc, name n, role_type rt, title t where ci.note = '(voice)' and cn.country_code = '[jp]' and mc.note like '%(USA)%' and n.name like '%Bert%' and rt.role = 'actress' and ci.movie_id = mc.movie_id and n.id = ci.person_id and t.id = ci.movie_id and t.id = mc.movie_id and mc.company_id = cn.id and ci.role_id = rt.id",
    "select min(cn.name), min(lt.link), min(t.title) from company_name cn, company_type ct, keyword k, link_type lt, movie_companies mc, movie_keyword mk, movie_link ml, title t where cn.country_code <> '[us]' and ct.kind = 'production companies' and k.keyword = 'sequel' and lt.link like '%follow%' and t.production_year between 1950 and 2000 and lt.id = ml.link_type_id and ml.movie_id = t.id and t.id = mk.movie_id and mk.keyword_id = k.id and t.id = mc.movie_id and mc.company_type_id = ct.id and mc.company_id = cn.id and ml.movie_id = mk.movie_id and ml.movie_id = mc.movie_id and mk.movie_id = mc.movie_id",
    "select min(cn.name), min(mi_idx.info), min(t.title) from company_name cn, company_type ct, info_type it1, info_type it2, movie_companies mc, movie_info mi, movie_info_idx mi_idx, title t where cn.country_code = '[us]' and ct.kind = 'production companies' and it1.info = 'genres' and it2.info = 'rating' and mi.info in ('Drama', 'Horror') and mi_idx.info > '8.0' and t.production_year between 2005 and 2008 and t.id = mi.movie_id and t.id = mi_idx.movie_id and mi.info_type_id = it1.id and mi_idx.info_type_id = it2.id and t.id = mc.movie_id and ct.id = mc.company_type_id and cn.id = mc.company_id and mc.movie_id = mi.movie_id and mc.movie_id = mi_idx.movie_id and mi.movie_id = mi_idx.movie_id",
    "select min(mi.info), min(mi_idx.info), min(t.title) from cast_info ci, info_type it1, info_type it2, movie_info mi, movie_info_idx mi_idx, name n, title t where ci.note in ('(producer)') and it1.info = 'budget' and it2.info = 'votes' and n.gender = 'm' and n.name like '%Xan%' and t.id = mi.movie_id and t.id = mi_idx.movie_id and t.id = ci.movie_id and ci.movie_id = mi.movie_id and ci.movie_id = mi_idx.movie_id and mi.movie_id = mi_idx.movie_id and n.id = ci.person_id and it1.id = mi.info_type_id and it2.id = mi_idx.info_type_id",
    "select min(n.name), count(*) from cast_info ci, name n where n.id = ci.person_id and ci.movie_id in (select ml.linked_movie_id from movie_link ml, link_type lt where lt.id = ml.link_type_id and lt.link = 'remake of') and ci.nr_order = 1",
    "select t.production_year, count(*) from title t where t.kind_id = 2 and t.production_year > 2000 and exists (select 1 from movie_keyword mk, keyword k where mk.movie_id = t.id and k.id = mk.keyword_id and k.keyword = 'love') group by t.production_year order by t.production_year",
    "select t.title, t.production_year from title t, movie_info_idx mi where mi.movie_id = t.id and mi.info_type_id = 7 and t.production_year = 1999 order by mi.info desc limit 10",
  ],
};

// No page is known to be visible to all, so no index-only scan pays and other indexes are the best.
export const joinsNotVacuumed = { ...joins, name: 'join-order-like, not vacuumed', prepare: 'analyze' };

// The same at each run: autovacuum, which would hold VACUUM back or come in between, is off. Returns the cluster.
export function loaded({ file, prepare }) {
  const cluster = startCluster('--database', 'work', '--set', 'autovacuum=off', '--load', file);
  psql(prepare, cluster.dsn);
  psql('create extension hypopg', cluster.dsn);
  return cluster;
}

// In the server, so that it costs one round trip; needs hypopg. Gives the total cost before and after, and the steps.
export function greedyBaseline(dsn, { queries }, { indexes_max = 10, gain_min_percent = 1 } = {}) {
  const text = (sql) => `'${sql.replaceAll("'", "''")}'`;
  psql(`
    create schema if not exists bench;
    drop table if exists bench.query; create table bench.query (n int, sql text, cost float);
    insert into bench.query values ${queries.map((sql, index) => `(${index}, ${text(sql)}, null)`).join(', ')};
    create or replace function bench.cost(sql text) returns float language plpgsql as $$
    declare plan json;
    begin
      execute 'explain (format json) ' || sql into plan;
      return (plan->0->'Plan'->>'Total Cost')::float;
    end $$;
    create or replace function bench.greedy(indexes_max int, gain_min float) returns table (step int, definition text, total float) language plpgsql as $$
    declare candidate record; made oid; gain float; best float; best_definition text; best_table text; now_total float;
    begin
      perform hypopg_reset();
      update bench.query set cost = bench.cost(sql);
      select sum(cost) into now_total from bench.query;
      step := 0; definition := ''; total := now_total; return next;
      for step in 1..indexes_max loop
        best := 0;
        for candidate in
          with used as (select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
            where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
            and exists (select from bench.query q where q.sql ~ ('\\m' || c.relname || '\\M') and q.sql ~ ('\\m' || a.attname || '\\M')))
          select relname, format('create index on %I (%I)', relname, attname) as ddl from used
          union all select a.relname, format('create index on %I (%I, %I)', a.relname, a.attname, b.attname) from used a join used b on a.relname = b.relname and a.attname <> b.attname
        loop
          select indexrelid into made from hypopg_create_index(candidate.ddl);
          select sum(q.cost - bench.cost(q.sql)) into gain from bench.query q where q.sql ~ ('\\m' || candidate.relname || '\\M');
          perform hypopg_drop_index(made);
          if gain > best then best := gain; best_definition := candidate.ddl; best_table := candidate.relname; end if;
        end loop;
        exit when best < now_total * gain_min / 100;
        perform hypopg_create_index(best_definition);
        update bench.query q set cost = bench.cost(q.sql) where q.sql ~ ('\\m' || best_table || '\\M');
        select sum(cost) into now_total from bench.query;
        definition := best_definition; total := now_total; return next;
      end loop;
    end $$;`, dsn);
  const rows = psql(`select definition || '|' || total from bench.greedy(${indexes_max}, ${gain_min_percent})`, dsn).split('\n').map((row) => row.split('|'));
  psql('drop schema bench cascade', dsn);
  return { cost_before: Number(rows[0][1]), cost_after: Number(rows.at(-1)[1]), steps: rows.slice(1).map(([definition, total]) => ({ definition, total: Number(total) })) };
}
