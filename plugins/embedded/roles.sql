-- Who may what in the private database: howdah_reader reads, howdah_writer also writes and may make tables of its own.

create role howdah_reader login nosuperuser nocreatedb nocreaterole;
create role howdah_writer login nosuperuser nocreatedb nocreaterole;
comment on role howdah_reader is 'may read, may not write: for databases with access: restricted';
comment on role howdah_writer is 'may also write: for databases with access: read_write';

revoke all on database howdah, postgres, template1 from public;
revoke create on schema public from public;
grant connect on database howdah to howdah_reader, howdah_writer;
grant create, temporary on database howdah to howdah_writer;
grant create on schema public to howdah_writer;

do $$
declare
    place text;
begin
    for place in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
        execute format('grant usage on schema %I to howdah_reader, howdah_writer', place);
        execute format('grant select on all tables in schema %I to howdah_reader', place);
        execute format('grant select, insert, update, delete on all tables in schema %I to howdah_writer', place);
        execute format('grant usage, select on all sequences in schema %I to howdah_writer', place);
    end loop;
end
$$;
alter default privileges for role howdah_writer grant select on tables to howdah_reader;
alter default privileges for role howdah_writer grant usage on schemas to howdah_reader;
