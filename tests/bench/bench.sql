-- One table as a business might have it: 1,000,000 rows, 9 columns, about 230 bytes of JSON a row.
create schema bench;
create table bench.item as
select n::int as id,
       'item ' || n || ' of the northern warehouse' as name,
       'SKU-' || lpad((n::bigint * 7919 % 1000000)::text, 8, '0') as sku,
       (n % 100000 / 100.0)::numeric(10, 2) as price,
       sqrt(n)::double precision as weight,
       n % 3 = 0 as active,
       timestamptz '2024-01-01 00:00:00+00' + n * interval '1 second' as created,
       case when n % 5 = 0 then null else 'a note with "quotes" and some more ordinary words behind it' end as note,
       (n % 1000)::int as supplier
from generate_series(1, 1000000) as n;
alter table bench.item add primary key (id);
vacuum (analyze, freeze) bench.item;
-- A superuser is refused where a database is restricted, so both servers log in as this one.
create role reader login;
grant usage on schema bench to reader;
grant select on bench.item to reader;
