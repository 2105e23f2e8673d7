-- What carries a write further than its own table.
create schema c;
create table c.item (id int primary key, n int not null, name text not null);
insert into c.item select i, i % 7, 'item ' || i from generate_series(1, 40) i;

-- by a foreign key
create table c.owner (id int primary key, name text not null);
create table c.pet (id int primary key, owner int references c.owner on delete cascade on update cascade, name text not null);
insert into c.owner select i, 'owner ' || i from generate_series(1, 20) i;
insert into c.pet select i, (i % 20) + 1, 'pet ' || i from generate_series(1, 60) i;

-- by a trigger
create table c.account (id int primary key, cents int not null);
create table c.ledger (id int generated always as identity primary key, account int not null, cents int not null);
create function c.note() returns trigger language plpgsql as
  $$begin insert into c.ledger(account, cents) values (new.id, new.cents); return new; end$$;
create function c.note_item() returns trigger language plpgsql as
  $$begin insert into c.ledger(account, cents) values (new.id, new.n); return new; end$$;
create trigger noted after update on c.account for each row execute function c.note();
insert into c.account select i, 0 from generate_series(1, 10) i;

-- by a rule
create table c.source (id int primary key, n int not null);
create table c.copy (id int, n int);
create rule copied as on insert to c.source do also insert into c.copy values (new.id, new.n);

-- into partitions and children
create table c.event (id int not null, day int not null, n int not null) partition by list (day);
create table c.event_1 partition of c.event for values in (1);
create table c.event_2 partition of c.event for values in (2);
create table c.parent (id int, n int);
create table c.child () inherits (c.parent);
insert into c.event select i, i % 2 + 1, 0 from generate_series(1, 20) i;
insert into c.parent select i, 0 from generate_series(1, 5) i;
insert into c.child select i, 0 from generate_series(6, 10) i;

-- read through a view
create view c.busy as select o.id, o.name, count(p.id) as pets from c.owner o left join c.pet p on p.owner = o.id group by o.id, o.name;
create table c.dated (id int primary key, at timestamptz not null);
insert into c.dated values (1, '2020-01-01 00:00:00+00');
