-- What the tests of the server's versions ask about: one of each thing the schema tools show, the same on 13 to 18. The end
-- is what only later versions have. Roles: vessel_reader may read, vessel_writer owns the tables.
create role vessel_reader login;
create role vessel_writer login;
create schema fleet authorization vessel_writer;
set role vessel_writer;
set search_path = fleet;

create type mood as enum ('calm', 'rough', 'storm');
create domain knots as numeric(4,1) check (value >= 0);
create type spot as (lat float8, lon float8);

create table ports (
    id int generated always as identity primary key,
    name text not null,
    code char(3) unique,
    berth int4range,
    constraint ports_name_check check (length(name) > 1),
    constraint ports_berth_excl exclude using gist (berth with &&)
);
comment on table ports is 'Where ships lie.';
comment on column ports.code is 'UN/LOCODE without the country';

create table ships (
    id bigint primary key,
    name text not null,
    home int references ports on delete set null,
    mother bigint references ships deferrable initially deferred,
    speed knots default 9.5,
    moods mood[] not null default '{calm}',
    area int generated always as (length(name) * 2) stored
);
comment on table ships is 'What sails.';
create index ships_lower_name on ships (lower(name)) where home is not null;
alter table ships enable row level security;
create policy seen on ships for select using (name <> 'hidden');
create policy own on ships as restrictive for update to vessel_writer using (true) with check (id > 0);

create function stamp() returns trigger language plpgsql as 'begin return new; end';
create trigger ships_stamp before insert or update of name on ships for each row execute function stamp();
alter table ships disable trigger ships_stamp;

create table log (ship bigint references ships, at timestamptz not null, note text, mood mood, primary key (ship, at)) partition by range (at);
create table log_2024 partition of log for values from ('2024-01-01') to ('2025-01-01');
create table log_2025 partition of log for values from ('2025-01-01') to ('2026-01-01') partition by range (at);
create table log_2025_h1 partition of log_2025 for values from ('2025-01-01') to ('2025-07-01');
create table log_rest partition of log default;
comment on table log is 'What happened.';

create view fast as select s.id, s.name from ships s where s.speed > 12;
create materialized view homes as select home, count(*) as ships from ships group by home;
create unique index homes_home on homes (home);
create table base_notes (id int not null, text text);
create table old_notes (year int) inherits (base_notes);
reset role;

create foreign data wrapper nowhere;
create server harbour foreign data wrapper nowhere;
create foreign table fleet.tides (at timestamptz, height float8) server harbour;
alter foreign table fleet.tides owner to vessel_writer;

set role vessel_writer;
insert into fleet.ports (name, code) select 'port ' || i, 'p' || i from generate_series(1, 5) i;
insert into fleet.ships select i, 'ship ' || i, 1 + i % 5, null, i % 20 from generate_series(1, 50) i;
insert into fleet.ships values (99, 'hidden');
insert into fleet.log select 1, '2024-01-01'::timestamptz + i * interval '5 days', 'note ' || i, 'calm' from generate_series(1, 100) i;
insert into fleet.base_notes values (1, 'one');
insert into fleet.old_notes values (2, 'two', 1999);
refresh materialized view fleet.homes;
grant usage on schema fleet to vessel_reader;
grant select on all tables in schema fleet to vessel_reader;
revoke select on fleet.old_notes from vessel_reader;
reset role;
analyze;

select current_setting('server_version_num')::int / 10000 >= 14 as has_14, current_setting('server_version_num')::int / 10000 >= 15 as has_15,
       current_setting('server_version_num')::int / 10000 >= 17 as has_17, current_setting('server_version_num')::int / 10000 >= 18 as has_18 \gset
\if :has_17
create extension btree_gist;
\endif
create schema newer authorization vessel_writer;
set role vessel_writer;
\if :has_14
create table newer.seasons (id int primary key, months int4multirange, note text compression pglz);
\endif
\if :has_15
create table newer.berths (id int unique nulls not distinct, width int);
create view newer.seen with (security_invoker = true, security_barrier = true) as select id, name from fleet.ships;
\endif
\if :has_17
create table newer.parted (id int generated always as identity, k int, exclude using gist (k with =)) partition by list (k);
\endif
\if :has_18
create table newer.stays (
    port int,
    during daterange,
    nights int generated always as (upper(during) - lower(during)) virtual,
    constraint stays_key primary key (port, during without overlaps)
);
create table newer.visits (
    port int constraint visits_port_present not null,
    during daterange,
    fee int constraint visits_fee_check check (fee > 0) not enforced,
    constraint visits_stay foreign key (port, period during) references newer.stays (port, period during)
);
\endif
grant usage on schema newer to vessel_reader;
grant select on all tables in schema newer to vessel_reader;
