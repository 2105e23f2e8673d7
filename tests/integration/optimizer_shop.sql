-- A shop whose statements can be better: no index but the keys and the one that a cast keeps from use.
\set QUIET on
create extension hypopg;
create extension pg_stat_statements;
select setseed(0.3);
create schema shop;
create table shop.customers (id int primary key, name text, country varchar(20), note text);
create table shop.orders (id bigint primary key, customer_id int, status varchar(10), placed timestamp, total numeric(12,2), tags jsonb, doc json, closed date);
insert into shop.customers select n, 'customer ' || n, (array['Norway','Germany','Chile','Japan'])[1 + n % 4], repeat('x', 100) from generate_series(1, 2000) n;
insert into shop.orders select n, 1 + (random() * 1999)::int, case when n % 50 = 0 then 'open' else 'done' end, timestamp '2020-01-01' + n * interval '40 minutes', (random() * 1000)::numeric(12,2), jsonb_build_object('kind', n % 900), '{}', case when n % 50 <> 0 then date '2024-01-01' end from generate_series(1, 60000) n;
create index orders_placed on shop.orders (placed);
create index orders_total on shop.orders (total);
create index orders_total_again on shop.orders (total);
create table shop.never_analyzed (id int);
insert into shop.never_analyzed select generate_series(1, 1000);
vacuum analyze shop.customers;
vacuum analyze shop.orders;
alter table shop.never_analyzed set (autovacuum_enabled = off);
create role shop_reader login;
grant usage on schema shop to shop_reader;
grant select on all tables in schema shop to shop_reader;
grant pg_read_all_stats to shop_reader;
