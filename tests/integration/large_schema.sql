-- 5,000 relations in 20 schemas, as a large application has them: 4,300 tables with 6 to 40 columns, keys and comments, 100
-- partitioned tables with 8 partitions each, 300 views, 150 materialized views, 150 foreign tables. The partitions come on top.
-- The last table has one of each thing that describe_table shows. Role howdah_reader (tests/support/roles.sql) may read all.
create foreign data wrapper nowhere;
create server archive foreign data wrapper nowhere;
do $$
declare
    subjects constant text[] := '{customer,order,invoice,payment,shipment,product,supplier,contract,ticket,message,account,ledger,asset,campaign,employee,booking,claim,device,event,permit}';
    aspects constant text[] := '{history,line,detail,audit,status,link,note,batch,price,rule,limit,export,import,address,contact,draft,review,quota,label,schedule}';
    place text;
    title text;
    target text;
begin
    for s in 1..20 loop
        execute format('create schema %I', 'area_' || subjects[s]);
        execute format('grant usage on schema %I to howdah_reader', 'area_' || subjects[s]);
    end loop;
    commit;
    for i in 0..4999 loop
        place := 'area_' || subjects[1 + i % 20];
        title := format('%I.%I', place, subjects[1 + i / 20 % 20] || '_' || aspects[1 + i / 400 % 20] || '_' || lpad(i::text, 4, '0'));
        if i < 4300 then
            execute format('create table %s (id bigint generated always as identity primary key, created_at timestamptz not null default now(), '
                           'parent_id bigint%s, state text check (state <> ''''), amount numeric(12,2) not null default 0%s)', title,
                           case when i >= 20 then ' references ' || target end,
                           (select string_agg(format(', attribute_%s text', n), '') from generate_series(1, i % 36) n));
            if i % 2 = 0 then
                execute format('comment on table %s is %L', title,
                               format('Holds each %s of the %s department since 2019, one row a change. Source: nightly load %s.',
                                      aspects[1 + i / 400 % 20], subjects[1 + i % 20], i));
                execute format('comment on column %s.amount is %L', title, 'euros including VAT');
            end if;
            if i % 20 = 0 then target := title; end if;
        elsif i < 4400 then
            execute format('create table %s (at date not null, value int, note text, primary key (at)) partition by range (at)', title);
            execute format('comment on table %s is %L', title, 'Measured daily.');
            for p in 0..7 loop
                execute format('create table %s partition of %s for values from (%L) to (%L)',
                               title || '_p' || p, title,
                               date '2020-01-01' + 100 * p, date '2020-01-01' + 100 * (p + 1));
            end loop;
        elsif i < 4700 then
            execute format('create view %s as select id, amount from %s where state = %L', title, target, 'open');
        elsif i < 4850 then
            execute format('create materialized view %s as select state, count(*) as n from %s group by state', title, target);
        else
            execute format('create foreign table %s (id int, body text) server archive', title);
        end if;
        if i % 50 = 0 then commit; end if;
    end loop;
    for s in 1..20 loop
        execute format('comment on schema %I is %L', 'area_' || subjects[s], 'What the ' || subjects[s] || ' department keeps.');
        execute format('grant select on all tables in schema %I to howdah_reader', 'area_' || subjects[s]);
    end loop;
end $$;
analyze;
