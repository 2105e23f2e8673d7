-- The roles tests connect as, beside the superuser postgres. Trust authentication: the passwords are not looked at.
create role howdah_reader login;
comment on role howdah_reader is 'what an operator should give Howdah: may read, may not write';
grant usage on schema shop, analytics to howdah_reader;
grant select on all tables in schema shop, analytics to howdah_reader;

create role howdah_writer login;
comment on role howdah_writer is 'for databases with access: read_write';
grant usage on schema shop, analytics to howdah_writer;
grant select, insert, update, delete on all tables in schema shop, analytics to howdah_writer;
