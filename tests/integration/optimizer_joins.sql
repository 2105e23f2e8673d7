-- A database in the manner of the join order benchmark, made here: films, who made them and what is said of them, with
-- skewed keys. No index but those of the primary keys.
\set QUIET on
select setseed(0.17);
create table kind_type (id int primary key, kind varchar(15));
create table info_type (id int primary key, info varchar(32));
create table company_type (id int primary key, kind varchar(32));
create table role_type (id int primary key, role varchar(32));
create table link_type (id int primary key, link varchar(32));
create table title (id int primary key, title text, kind_id int, production_year int, episode_nr int);
create table company_name (id int primary key, name text, country_code varchar(10));
create table keyword (id int primary key, keyword text);
create table name (id int primary key, name text, gender varchar(1));
create table movie_companies (id int primary key, movie_id int, company_id int, company_type_id int, note text);
create table movie_info (id int primary key, movie_id int, info_type_id int, info text, note text);
create table movie_info_idx (id int primary key, movie_id int, info_type_id int, info text);
create table movie_keyword (id int primary key, movie_id int, keyword_id int);
create table cast_info (id int primary key, person_id int, movie_id int, role_id int, nr_order int, note text);
create table movie_link (id int primary key, movie_id int, linked_movie_id int, link_type_id int);
insert into kind_type values (1, 'movie'), (2, 'tv series'), (3, 'episode'), (4, 'video');
insert into info_type select n, (array['budget','votes','rating','release dates','countries','genres','top 250 rank','bottom 10 rank','languages','runtimes'])[n] from generate_series(1, 10) n;
insert into company_type values (1, 'production companies'), (2, 'distributors');
insert into role_type select n, (array['actor','actress','producer','writer','director'])[n] from generate_series(1, 5) n;
insert into link_type select n, (array['follows','followed by','remake of','features'])[n] from generate_series(1, 4) n;
insert into title select n, 'film ' || md5(n::text), 1 + (random() ^ 2 * 3.99)::int % 4, 1930 + (sqrt(random()) * 90)::int, case when random() < 0.3 then (random() * 100)::int end from generate_series(1, 20000) n;
insert into company_name select n, case when n % 50 = 0 then 'Warner ' else 'Studio ' end || md5(n::text), (array['[us]','[us]','[us]','[de]','[gb]','[fr]','[jp]'])[1 + n % 7] from generate_series(1, 2000) n;
insert into keyword select n, case when n <= 5 then (array['sequel','character-name-in-title','superhero','murder','love'])[n] else 'key-' || n end from generate_series(1, 2000) n;
insert into name select n, (array['Downey','Smith','Bert','Xan','Zora'])[1 + n % 5] || ', ' || md5(n::text), (array['m','f'])[1 + n % 2] from generate_series(1, 30000) n;
insert into movie_companies select n, 1 + (random() * 19999)::int, 1 + (random() ^ 3 * 1999)::int, 1 + (random())::int, case when random() < 0.2 then '(co-production)' when random() < 0.3 then '(USA)' end from generate_series(1, 40000) n;
insert into movie_info select n, 1 + (random() * 19999)::int, 1 + (random() * 9)::int, (array['Horror','Drama','Comedy','Action','German','USA','Bulgaria'])[1 + (random() * 6.99)::int % 7], null from generate_series(1, 80000) n;
insert into movie_info_idx select n, 1 + (random() * 19999)::int, (array[2,3,7,8])[1 + (random() * 3.99)::int % 4], ((random() * 100)::int / 10.0)::text from generate_series(1, 30000) n;
insert into movie_keyword select n, 1 + (random() * 19999)::int, 1 + (random() ^ 4 * 1999)::int from generate_series(1, 60000) n;
insert into cast_info select n, 1 + (random() * 29999)::int, 1 + (random() * 19999)::int, 1 + (random() * 4)::int, (random() * 30)::int, case when random() < 0.1 then '(voice)' when random() < 0.1 then '(producer)' end from generate_series(1, 150000) n;
insert into movie_link select n, 1 + (random() * 19999)::int, 1 + (random() * 19999)::int, 1 + (random() * 3)::int from generate_series(1, 2000) n;
-- ANALYZE then reads every row and no sample of them, so that each run has the same statistics; whoever loads this says
-- whether to VACUUM too.
alter table movie_companies alter id set statistics 500;
alter table movie_info alter id set statistics 500;
alter table movie_keyword alter id set statistics 500;
alter table cast_info alter id set statistics 500;
