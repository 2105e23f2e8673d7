-- The sample database: Halden & Fjord Outfitters, a made-up outdoor shop with five stores and a web shop.
--
-- Orders run from 2023-07-01 to 2026-06-30; sales grow, December and early summer are strong, weekends are better than
-- Mondays. Everything is computed from hashes of fixed labels: the same rows on every machine, no clock, no random().
-- All people are invented; mail addresses use the reserved domain example.com. Plain SQL: psql or one PQexec runs it.
-- Large tables are filled first and get their keys and indexes afterwards, which keeps the load to a few seconds.

create schema shop;
comment on schema shop is 'The business: who buys what from whom. Amounts are euros including VAT.';
create schema analytics;
comment on schema analytics is 'What happened on the web shop, and figures derived from shop.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Dice. A whole number in 0..sides-1, a fraction in [0, 1) and a choice, each decided by a label and a number.
-- PostgreSQL keeps these hash functions as they are, because hash partitions depend on them; md5 takes five times as long.

create function pg_temp.dice(label text, n bigint, sides int) returns int language sql immutable
    as 'select (hashint8extended(n, hashtextextended(label, 0)) & 2147483647)::int % sides';
create function pg_temp.fraction(label text, n bigint) returns double precision language sql immutable
    as 'select (hashint8extended(n, hashtextextended(label, 0)) & 2147483647) / 2147483648.0::double precision';
create function pg_temp.pick(label text, n bigint, choices text[]) returns text language sql immutable
    as 'select choices[1 + pg_temp.dice(label, n, cardinality(choices))]';

-- Where customers live and what people are called there. A city named twice has twice the customers.
create temporary table region (country text, dial int, cities text[], first_names text[], last_names text[]);
insert into region values
    ('Norway', 47, '{Oslo,Oslo,Oslo,Bergen,Bergen,Trondheim,Stavanger,Tromsø}',
     '{Ingrid,Nora,Sigrid,Astrid,Solveig,Kari,Liv,Ida,Emil,Lars,Henrik,Magnus,Ole,Sindre,Jonas,Eirik,Håkon,Bjørn}',
     '{Hansen,Johansen,Olsen,Larsen,Andersen,Pedersen,Nilsen,Kristiansen,Berg,Haugen,Hagen,Solberg,Moen,Lund,Bakken}'),
    ('Germany', 49, '{Berlin,Berlin,München,München,Hamburg,Freiburg,Leipzig,Köln}',
     '{Anna,Lea,Marie,Katharina,Johanna,Greta,Frieda,Sabine,Jonas,Felix,Maximilian,Paul,Moritz,Stefan,Jürgen,Tobias}',
     '{Müller,Schmidt,Schneider,Fischer,Weber,Meyer,Wagner,Becker,Schulz,Hoffmann,Koch,Richter,Klein,Wolf,Neumann}'),
    ('Sweden', 46, '{Stockholm,Stockholm,Göteborg,Malmö,Uppsala,Umeå}',
     '{Alice,Maja,Elsa,Ebba,Linnea,Astrid,Karin,Oscar,Axel,Erik,Gustav,Viktor,Nils,Anders,Johan}',
     '{Andersson,Johansson,Karlsson,Nilsson,Eriksson,Larsson,Olsson,Persson,Svensson,Lindberg,Lindqvist,Sjöberg}'),
    ('Netherlands', 31, '{Amsterdam,Amsterdam,Utrecht,Rotterdam,Groningen}',
     '{Emma,Sanne,Lotte,Fleur,Anouk,Femke,Daan,Sem,Bram,Thijs,Jeroen,Pieter,Ruben}',
     '{de Jong,Jansen,de Vries,van den Berg,Bakker,Visser,Smit,Meijer,Mulder,Bos,Vos,Dekker,van Dijk}'),
    ('Switzerland', 41, '{Zürich,Zürich,Bern,Genève,Chur}',
     '{Laura,Selina,Céline,Nina,Elena,Chiara,Luca,Noah,Reto,Urs,Matteo,Beat,Fabian}',
     '{Meier,Keller,Frei,Brunner,Baumann,Zimmermann,Gerber,Favre,Rochat,Bianchi,Caduff,Steiner}'),
    ('United Kingdom', 44, '{London,London,Edinburgh,Manchester,Sheffield}',
     '{Olivia,Amelia,Charlotte,Grace,Harriet,Eleanor,Priya,George,Oliver,Harry,Callum,Owen,Aidan,Imran}',
     '{Smith,Jones,Taylor,Brown,Davies,Evans,Wilson,Walker,Hughes,Campbell,MacLeod,O''Brien,Patel,Khan,Fraser}');

create temporary table place as
select row_number() over (order by country, position) as id, country, dial, city, first_names, last_names
from region, unnest(cities) with ordinality as spread (city, position);

-- ---------------------------------------------------------------------------------------------------------------------
-- One row a day, with how much of the three years' business has been done by then.

create temporary table calendar as
with weighted as (
    select day::date as day,
           (1 + 0.9 * (day::date - date '2023-07-01') / 1096.0)                                             -- growth
           * (array[0.80, 0.75, 0.90, 0.95, 1.15, 1.25, 1.05, 0.90, 0.90, 0.95, 1.30, 1.55])[extract(month from day)::int]
           * (array[0.85, 0.90, 0.95, 1.00, 1.10, 1.25, 1.15])[extract(isodow from day)::int]
           * case when day::date between date '2023-11-24' and date '2023-11-27'
                    or day::date between date '2024-11-29' and date '2024-12-02'
                    or day::date between date '2025-11-28' and date '2025-12-01' then 2.4 else 1 end        -- Black Week
           * case when extract(month from day) = 12 and extract(day from day) > 24 then 0.45 else 1 end as weight
    from generate_series(timestamp '2023-07-01', timestamp '2026-06-30', interval '1 day') as day
)
select day, coalesce(sum(weight) over earlier / sum(weight) over (), 0) as share_before,
       sum(weight) over (order by day) / sum(weight) over () as share
from weighted
window earlier as (order by day rows between unbounded preceding and 1 preceding);

-- ---------------------------------------------------------------------------------------------------------------------
-- People of the house, suppliers, the range.

create type shop.order_status as enum ('pending', 'paid', 'packed', 'shipped', 'delivered', 'returned', 'cancelled');
create type shop.loyalty_tier as enum ('none', 'bronze', 'silver', 'gold');

create table shop.employees (
    id         int primary key,
    full_name  text not null,
    email      text not null,
    job_title  text not null,
    store      text,
    manager_id int,
    hired_on   date not null,
    salary     numeric(10, 2) not null
);
insert into shop.employees
select n,
       name,
       'e' || lpad(n::text, 3, '0') || '@halden-fjord.example.com',
       case when n = 1 then 'Managing Director'
            when n <= 6 then (array['Head of Stores', 'Head of Web Shop', 'Head of Purchasing', 'Head of Finance', 'Head of Service'])[n - 1]
            when n <= 11 then 'Store Manager'
            else pg_temp.pick('job', n, '{Sales Associate,Sales Associate,Sales Associate,Warehouse Clerk,Service Agent,Buyer,Ski Technician}') end,
       case when n > 6 then (array['Oslo', 'Bergen', 'Stockholm', 'Hamburg', 'München'])[1 + (n - 7) % 5] end,
       case when n = 1 then null when n <= 6 then 1 when n <= 11 then 2 else 7 + (n - 7) % 5 end,
       date '2009-03-01' + n * 55 + pg_temp.dice('hired', n, 400),
       case when n = 1 then 118000 when n <= 6 then 84000 + 500 * pg_temp.dice('salary', n, 20)
            when n <= 11 then 61000 + 250 * pg_temp.dice('salary', n, 20)
            else 34000 + 100 * pg_temp.dice('salary', n, 120) end
from generate_series(1, 64) as n
cross join lateral (
    select pg_temp.pick('employee first', n, first_names) || ' ' || pg_temp.pick('employee last', n, last_names) as name
    from place where id = 1 + pg_temp.dice('employee home', n, 22)
) as person;

create table shop.suppliers (
    id             int primary key,
    name           text not null,
    country        text not null,
    lead_time      interval not null,
    minimum_order  numeric(10, 2),
    rating         numeric(2, 1),
    contract_until date
);
insert into shop.suppliers
select n,
       (array['Nordvind', 'Alpstein', 'Tindra', 'Gletscher', 'Karst', 'Moorland', 'Rimfrost', 'Silva', 'Kestrel', 'Fjellvant'])[1 + n % 10]
       || ' ' || (array['Textiles', 'Works', 'Equipment', 'Mountain Goods', 'Outdoor', 'Trading', 'Technik', 'Supply'])[1 + (n / 10) % 8],
       pg_temp.pick('supplier country', n, '{Norway,Germany,Germany,Italy,Portugal,Vietnam,Vietnam,China,Taiwan,Switzerland,Czechia,Sweden}'),
       make_interval(days => 5 + pg_temp.dice('lead', n, 70)),
       case when pg_temp.dice('minimum', n, 4) > 0 then 250.00 * (1 + pg_temp.dice('minimum amount', n, 20)) end,
       case when n % 7 <> 0 then 2.5 + pg_temp.dice('supplier rating', n, 26) / 10.0 end,
       case when pg_temp.dice('contract', n, 5) > 0 then date '2026-12-31' + 90 * pg_temp.dice('contract end', n, 12) end
from generate_series(1, 80) as n;

create table shop.categories (
    id        int primary key,
    parent_id int,
    name      text not null,
    slug      text not null
);

-- The leaves of the range: what things are called, what they cost and weigh, and when people want them.
create temporary table leaf (id int, parent text, name text, season text, low int, high int, weight_from int, weight_to int, nouns text[]);
insert into leaf values
    (11, 'Clothing', 'Jackets', 'winter', 89, 549, 280, 950, '{Shell Jacket,Down Jacket,Rain Jacket,Softshell,Insulated Parka,Wind Jacket}'),
    (12, 'Clothing', 'Base Layers', 'winter', 29, 109, 120, 260, '{Merino Tee,Merino Long Sleeve,Thermal Tights,Base Layer Set}'),
    (13, 'Clothing', 'Trousers', 'all', 49, 249, 260, 620, '{Trekking Trousers,Zip-off Trousers,Hiking Shorts,Shell Trousers,Climbing Trousers}'),
    (14, 'Clothing', 'Hats and Gloves', 'winter', 15, 119, 40, 220, '{Wool Beanie,Touring Gloves,Mittens,Sun Cap,Neck Gaiter}'),
    (15, 'Clothing', 'Socks', 'all', 9, 34, 40, 110, '{Hiking Socks,Trail Socks,Ski Socks,Liner Socks}'),
    (16, 'Footwear', 'Hiking Boots', 'summer', 109, 339, 700, 1700, '{Hiking Boot,Trekking Boot,Approach Shoe,Mountain Boot GTX}'),
    (17, 'Footwear', 'Trail Running', 'summer', 89, 189, 420, 720, '{Trail Runner,Mountain Runner,Ultra Runner}'),
    (18, 'Footwear', 'Sandals', 'summer', 45, 129, 380, 640, '{Trekking Sandal,River Sandal}'),
    (19, 'Camping', 'Tents', 'summer', 129, 899, 950, 4800, '{1P Tent,2P Tent,3P Tent,Tunnel Tent,Geodesic Tent,Tarp}'),
    (20, 'Camping', 'Sleeping Bags', 'summer', 69, 579, 450, 1900, '{Down Sleeping Bag,Synthetic Sleeping Bag,Quilt,Liner}'),
    (21, 'Camping', 'Mats', 'summer', 24, 229, 320, 1200, '{Air Mat,Foam Mat,Self-inflating Mat}'),
    (22, 'Camping', 'Stoves and Cookware', 'summer', 19, 189, 90, 900, '{Gas Stove,Multifuel Stove,Pot Set,Kettle,Coffee Maker}'),
    (23, 'Camping', 'Lighting', 'winter', 19, 179, 50, 380, '{Headlamp,Camp Lantern,String Light}'),
    (24, 'Packs', 'Daypacks', 'all', 39, 179, 380, 1100, '{Daypack 18,Daypack 22,Daypack 28,Running Vest}'),
    (25, 'Packs', 'Trekking Packs', 'summer', 129, 389, 1100, 2600, '{Pack 45,Pack 55+10,Pack 65+10}'),
    (26, 'Packs', 'Travel Bags', 'all', 49, 269, 500, 3200, '{Duffel 40,Duffel 70,Duffel 90,Rolling Bag,Packing Cube Set}'),
    (27, 'Climbing', 'Ropes and Hardware', 'summer', 59, 279, 500, 4200, '{Single Rope 60 m,Half Rope 50 m,Quickdraw Set,Ice Axe,Crampons}'),
    (28, 'Climbing', 'Harnesses and Helmets', 'summer', 49, 149, 220, 520, '{Sport Harness,Alpine Harness,Climbing Helmet,Via Ferrata Set}'),
    (29, 'Winter', 'Ski Touring', 'winter', 79, 949, 350, 3200, '{Touring Ski 84,Touring Ski 95,Touring Binding,Climbing Skins,Touring Boot}'),
    (30, 'Winter', 'Avalanche Safety', 'winter', 35, 449, 200, 2400, '{Transceiver,Probe 240,Snow Shovel,Airbag Pack}'),
    (31, 'Winter', 'Snowshoes and Sledges', 'winter', 29, 259, 900, 3800, '{Snowshoe,Touring Sledge,Toboggan}'),
    (32, 'Travel and Navigation', 'Bottles and Filters', 'all', 11, 119, 60, 420, '{Steel Bottle 1.0 l,Insulated Bottle 0.5 l,Water Filter,Soft Flask}'),
    (33, 'Travel and Navigation', 'Navigation', 'all', 149, 599, 60, 320, '{GPS Watch,Handheld GPS,Altimeter Watch,Satellite Messenger}'),
    (34, 'Travel and Navigation', 'First Aid and Repair', 'all', 7, 79, 30, 600, '{First Aid Kit,Repair Kit,Bivvy Bag,Seam Sealer,Multi-tool}');

insert into shop.categories
select position, null, name, lower(replace(name, ' ', '-'))
from unnest('{Clothing,Footwear,Camping,Packs,Climbing,Winter,Travel and Navigation}'::text[]) with ordinality as top (name, position);
insert into shop.categories
select leaf.id, top.id, leaf.name, top.slug || '/' || lower(replace(leaf.name, ' ', '-'))
from leaf join shop.categories as top on top.name = leaf.parent;

create table shop.products (
    id              int primary key,
    sku             text not null,
    name            text not null,
    category_id     int not null,
    supplier_id     int not null,
    list_price      numeric(10, 2) not null,
    purchase_price  numeric(10, 2) not null,
    weight_grams    int,
    tags            text[] not null,
    attributes      jsonb not null,
    stock           int not null,
    introduced_on   date not null,
    discontinued_on date
);
-- Low ids are the classics that sell best; from 1201 on the range grows with the years.
insert into shop.products
select n,
       upper(substr(leaf.name, 1, 2)) || '-' || lpad(n::text, 5, '0'),
       line || ' ' || noun || case when leaf.parent in ('Clothing', 'Footwear') then ' ' || audience else '' end
           || case when n > 1200 then ' ' || (2023 + (n - 1200) / 267) else '' end,
       leaf.id,
       1 + pg_temp.dice('supplier', n, 80),
       price,
       round(price * (0.42 + 0.2 * pg_temp.fraction('margin', n))::numeric, 2),
       case when pg_temp.dice('weighed', n, 25) > 0 then leaf.weight_from + pg_temp.dice('weight', n, leaf.weight_to - leaf.weight_from) end,
       array_remove(array[leaf.season, case when pg_temp.dice('recycled', n, 3) = 0 then 'recycled' end,
                          case when n <= 150 then 'bestseller' end, case when pg_temp.dice('vegan', n, 5) = 0 then 'vegan' end], null),
       jsonb_build_object('color', pg_temp.pick('color', n, '{moss,slate,rust,ocean,sand,black,glacier,ember,pine}'),
                          'warranty_years', (array[2, 2, 3, 5, 10])[1 + pg_temp.dice('warranty', n, 5)])
           || case when leaf.parent in ('Clothing', 'Footwear')
                   then jsonb_build_object('audience', audience, 'sizes', case leaf.parent when 'Clothing' then jsonb '["XS","S","M","L","XL"]'
                                                                                       else jsonb '[37,38,39,40,41,42,43,44,45]' end)
                   else '{}' end,
       pg_temp.dice('stock', n, 240) * (pg_temp.dice('in stock', n, 12) > 0)::int,
       introduced_on,
       case when n > 150 and pg_temp.dice('discontinued', n, 9) = 0 then introduced_on + 500 + pg_temp.dice('discontinued after', n, 400) end
from generate_series(1, 2000) as n
join leaf on leaf.id = 11 + (n * 7) % 24
cross join lateral (
    select pg_temp.pick('line', n, '{Storlien,Tindra,Jotun,Lofot,Eiger,Säntis,Rondane,Kebne,Sarek,Glarus,Hardanger,Skagen,Torne,Bernina,Vättern,Dovre}') as line,
           pg_temp.pick('noun', n, leaf.nouns) as noun,
           pg_temp.pick('audience', n, '{Women,Men,Unisex,Kids}') as audience,
           -- cheap things are more common than dear ones; prices end in .95 or .00
           (leaf.low + floor((leaf.high - leaf.low) * power(pg_temp.fraction('price', n), 1.7)))::numeric(10, 2)
               + (array[0.95, 0.00, 0.95, 0.90])[1 + pg_temp.dice('cents', n, 4)] as price,
           case when n <= 1200 then date '2015-02-01' + pg_temp.dice('introduced', n, 2900)
                else (select day from calendar where share * 800 >= n - 1200 order by day limit 1) end as introduced_on
) as product;

update shop.products set discontinued_on = null where discontinued_on > date '2026-06-30';

create table shop.promotions (
    id               int primary key,
    name             text not null,
    valid_during     daterange not null,
    discount_percent numeric(4, 1) not null,
    category_ids     int[],
    code             text
);
insert into shop.promotions
select row_number() over (order by begins), name || ' ' || extract(year from begins), daterange(begins, ends, '[]'), percent, category_ids, code
from (values ('Black Week', 11, 24, 7, 20.0, null::int[], null), ('Winter Clearance', 2, 1, 27, 30.0, '{11,12,14,29,30,31}', null),
             ('Hut Season', 6, 1, 20, 10.0, '{16,19,20,25}', 'HUT'), ('Members'' Weekend', 9, 12, 2, 15.0, null, 'TRAIL')) as offer (name, month, day, days, percent, category_ids, code),
     generate_series(2023, 2026) as year,
     lateral (select make_date(year, month, day) as begins, make_date(year, month, day) + days as ends) as dates
where begins between date '2023-07-01' and date '2026-06-30';

-- ---------------------------------------------------------------------------------------------------------------------
-- Customers: 8,000 from before July 2023, then 12,000 more along with the business.

create table shop.customers (
    id               int primary key,
    full_name        text not null,
    email            text not null,
    phone            text,
    city             text not null,
    country          text not null,
    birth_year       smallint,
    tier             shop.loyalty_tier not null,
    newsletter       boolean not null,
    interests        text[],
    created_at       timestamptz not null
);
with joining as (
    select n, timestamptz '2016-04-01 08:00+00' + make_interval(days => n * 2647 / 8000, secs => pg_temp.dice('joined', n, 50000)) as joined_at
    from generate_series(1, 8000) as n
    union all
    select n, (day + time '06:00' + make_interval(secs => pg_temp.dice('joined', n, 60000))) at time zone 'UTC'
    from calendar
    cross join lateral generate_series(8001 + floor(12000 * share_before)::int, 8000 + floor(12000 * share)::int) as n
)
insert into shop.customers
select n,
       person.first_name || ' ' || person.last_name,
       translate(lower(person.first_name || '.' || replace(person.last_name, ' ', '')), 'åäöøüéèçô''', 'aaooueeco') || n || '@example.com',
       case when pg_temp.dice('phone', n, 3) > 0 then '+' || home.dial || ' 555 ' || lpad(pg_temp.dice('number', n, 1000000)::text, 6, '0') end,
       home.city, home.country,
       case when pg_temp.dice('age known', n, 10) > 2 then 1950 + pg_temp.dice('born', n, 38) + pg_temp.dice('born again', n, 20) end,
       (case when n % 41 = 0 then 'gold' when n % 13 = 0 then 'silver' when n % 4 = 0 then 'bronze' else 'none' end)::shop.loyalty_tier,
       pg_temp.dice('newsletter', n, 100) < 38,
       case pg_temp.dice('interests', n, 5)
            when 0 then null when 1 then '{}'::text[]
            when 2 then array['hiking'] when 3 then array['hiking', pg_temp.pick('interest', n, '{camping,climbing,travel}')]
            else array[pg_temp.pick('interest', n, '{skiing,ski touring,snowshoeing}'), pg_temp.pick('other interest', n, '{trail running,paddling,cycling}')] end,
       joined_at
from joining
join place as home on home.id = 1 + pg_temp.dice('home', n, (select count(*)::int from place))
cross join lateral (select pg_temp.pick('first', n, home.first_names) as first_name, pg_temp.pick('last', n, home.last_names) as last_name) as person;

-- ---------------------------------------------------------------------------------------------------------------------
-- Orders: 60,000, numbered in the order they were placed. Who orders was a customer by then; early customers order more.

create temporary table purchase as
select n as id, day, share_before, discount_percent, category_ids, customers.id as customer_id, customers.city, customers.country,
       day + make_interval(secs => 21600 + pg_temp.dice('time', n, 32400) + pg_temp.dice('later', n, 28800)) as local_time,
       pg_temp.pick('channel', n, '{web,web,web,web,web,app,app,app,store,phone}') as channel,
       pg_temp.dice('fate', n, 100) as fate,
       -- days until it left the house and until it arrived
       pg_temp.dice('packing', n, 3) + (extract(isodow from day) > 5)::int as packing_days,
       1 + pg_temp.dice('travel', n, 5) as travel_days
from calendar
left join shop.promotions on valid_during @> day
cross join lateral generate_series(floor(60000 * share_before)::int + 1, floor(60000 * share)::int) as n
join shop.customers
  on customers.id = 1 + floor(floor(8000 + 12000 * share_before) * power(pg_temp.fraction('customer', n), 1.5))::int;

-- One to five lines; two candidates are drawn and the second wins where it suits the season better.
create temporary table line as
with drawn as materialized (
    select purchase.id as order_id, line_no, day, discount_percent, category_ids, purchase.id * 8 + line_no as seed,
           case when extract(month from day) in (10, 11, 12, 1, 2, 3) then 'winter' else 'summer' end as season,
           1 + floor(floor(1200 + 800 * share_before) * power(pg_temp.fraction('product', purchase.id * 8 + line_no), 1.8))::int as one_id,
           1 + floor(floor(1200 + 800 * share_before) * power(pg_temp.fraction('other product', purchase.id * 8 + line_no), 1.8))::int as two_id
    from purchase
    cross join lateral generate_series(1, (array[1,1,1,1,1,1,1,1,1,1,1,1, 2,2,2,2, 3,3, 4, 5])[1 + pg_temp.dice('lines', purchase.id, 20)]) as line_no
), chosen as (
    select order_id, line_no, discount_percent, category_ids, seed,
           case when 2 * (two.tags[1] = season)::int + (two.discontinued_on is null or two.discontinued_on > day)::int
                   > 2 * (one.tags[1] = season)::int + (one.discontinued_on is null or one.discontinued_on > day)::int
                then two_id else one_id end as product_id
    from drawn
    join shop.products as one on one.id = one_id
    join shop.products as two on two.id = two_id
)
select order_id, line_no, product_id, list_price as unit_price,
       case when list_price < 40 then 1 + pg_temp.dice('quantity', seed, 4) * (line_no % 2)
            else 1 + (pg_temp.dice('quantity', seed, 14) = 0)::int end as quantity,
       case when category_ids is null or category_id = any (category_ids) then coalesce(discount_percent, 0) else 0 end as discount_percent
from chosen join shop.products on products.id = product_id;

create table shop.orders (
    id            int not null,
    customer_id   int not null,
    placed_at     timestamptz not null,
    status        shop.order_status not null,
    channel       text not null,
    employee_id   int,
    ship_to_city  text not null,
    ship_to_country text not null,
    goods_amount  numeric(12, 2) not null,
    shipping_fee  numeric(8, 2) not null,
    total_amount  numeric(12, 2) not null,
    shipped_at    timestamptz,
    delivered_at  timestamptz,
    note          text
);
insert into shop.orders
select purchase.id, customer_id, placed_at, status::shop.order_status, channel,
       case channel when 'store' then 12 + pg_temp.dice('seller', purchase.id, 53) when 'phone' then 12 + pg_temp.dice('agent', purchase.id, 53) end,
       city, country, goods, fee, goods + fee,
       case when status in ('shipped', 'delivered', 'returned') then shipped_at end,
       case when status in ('delivered', 'returned') then delivered_at end,
       case when pg_temp.dice('note', purchase.id, 30) = 0
            then pg_temp.pick('note text', purchase.id, array['Please leave with the neighbour', 'Gift, no invoice in the box', 'Call before delivery',
                              'Needs to arrive before Friday', 'Size exchange for an earlier order', 'Deliver to the back door, beware of the dog']) end
from purchase
join (select order_id, sum(round(quantity * unit_price * (100 - discount_percent) / 100, 2)) as goods from line group by order_id) as sums
  on sums.order_id = purchase.id
cross join lateral (
    select local_time at time zone 'Europe/Oslo' as placed_at,
           (day + packing_days + time '17:30') at time zone 'Europe/Oslo' + interval '1 day' * (channel <> 'store')::int as shipped_at,
           (day + packing_days + travel_days + 1 + time '09:00' + make_interval(mins => pg_temp.dice('doorbell', purchase.id, 540))) at time zone 'Europe/Oslo' as delivered_at,
           case when channel = 'store' or goods >= 99 then 0 when country in ('Norway', 'Sweden') then 4.90 else 8.90 end as fee,
           -- the newest orders are still on their way
           case when fate < 4 then 'cancelled'
                when channel = 'store' then case when fate < 7 then 'returned' else 'delivered' end
                when day + packing_days + travel_days + 1 < date '2026-06-30' then case when fate < 12 then 'returned' else 'delivered' end
                when day + packing_days + 1 < date '2026-06-30' then 'shipped'
                when fate < 40 then 'packed' when fate < 90 then 'paid' else 'pending' end as status
) as course
order by purchase.id;
-- In a store the goods leave with the customer.
update shop.orders set shipped_at = placed_at, delivered_at = placed_at where channel = 'store' and status in ('delivered', 'returned');

create table shop.order_items (
    order_id         int not null,
    line_no          smallint not null,
    product_id       int not null,
    quantity         int not null,
    unit_price       numeric(10, 2) not null,
    discount_percent numeric(4, 1) not null,
    line_amount      numeric(12, 2) not null
);
insert into shop.order_items
select order_id, line_no, product_id, quantity, unit_price, discount_percent, round(quantity * unit_price * (100 - discount_percent) / 100, 2)
from line order by order_id, line_no;

create table shop.reviews (
    id          int not null,
    product_id  int not null,
    customer_id int not null,
    rating      smallint not null,
    title       text not null,
    body        text,
    written_at  timestamptz not null
);
insert into shop.reviews
select row_number() over (order by delivered_at, orders.id), product_id, customer_id, rating,
       pg_temp.pick('title', orders.id, case when rating >= 4 then array['Worth every euro', 'Exactly what I hoped for', 'Light and solid', 'Third season, no complaints', 'Great on the Hardangervidda']
                                             when rating = 3 then array['Decent', 'Good, but runs small', 'Fine for day trips']
                                             else array['Disappointed', 'Zip broke after a week', 'Not waterproof', 'Sent it back'] end),
       case when pg_temp.dice('has body', orders.id, 3) > 0
            then pg_temp.pick('opening', orders.id, array['Used it on a week-long hut tour.', 'Bought it for our trip to Lofoten.', 'My second one from this maker.', 'Took it through a wet October.'])
                 || ' ' || pg_temp.pick('verdict', orders.id, case when rating >= 4 then array['Would buy again.', 'No blisters, no leaks.', 'The colour is even nicer in real life.']
                                                                   else array['The seams gave up early.', 'Too heavy for what it does.', 'Service was friendly, though.'] end) end,
       delivered_at + make_interval(days => 3 + pg_temp.dice('review after', orders.id, 40), mins => pg_temp.dice('review minute', orders.id, 1200))
from shop.orders
join shop.order_items on order_items.order_id = orders.id and line_no = 1
cross join lateral (select case when status = 'returned' then 1 + pg_temp.dice('rating', orders.id, 3)
                                else (array[5,5,5,5,5,4,4,4,4,3,3,2,1])[1 + pg_temp.dice('rating', orders.id, 13)] end as rating) as opinion
where delivered_at < timestamptz '2026-05-15 00:00+00' and pg_temp.dice('writes review', orders.id, 9) = 0;

-- ---------------------------------------------------------------------------------------------------------------------
-- Web events of the last quarter: 30,000, two thirds of them anonymous.

create table analytics.events (
    id          bigint not null,
    occurred_at timestamptz not null,
    session_id  uuid not null,
    customer_id int,
    kind        text not null,
    payload     jsonb not null
);
insert into analytics.events
select n, timestamptz '2026-04-01 00:00+00' + make_interval(secs => floor(7862400.0 * (n - 1 + pg_temp.fraction('gap', n)) / 30000)),
       md5('session' || n / 6)::uuid,
       case when pg_temp.dice('known', n / 6, 3) = 0 then 1 + pg_temp.dice('visitor', n / 6, 20000) end,
       kind,
       jsonb_build_object('path', case kind when 'search' then '/search' when 'checkout_started' then '/checkout' when 'support_ticket' then '/help'
                                            else '/products/' || product_id end,
                          'device', pg_temp.pick('device', n / 6, '{phone,phone,phone,desktop,desktop,tablet}'),
                          'referrer', pg_temp.pick('referrer', n / 6, '{search,search,newsletter,direct,direct,social,NULL}'),
                          'ab_test', jsonb_build_object('name', 'checkout_v3', 'variant', pg_temp.pick('variant', n / 6, '{A,B}')))
       || case kind
              when 'search' then jsonb_build_object('query', pg_temp.pick('query', n, '{down jacket,2p tent,hiking boots women,merino,touring ski 95,gas stove,regenjacke,vandrarkänga,headlamp}'),
                                                    'results', pg_temp.dice('results', n, 140))
              when 'add_to_cart' then jsonb_build_object('product_id', product_id, 'quantity', 1 + pg_temp.dice('cart', n, 3))
              when 'checkout_started' then jsonb_build_object('items', jsonb_build_array(jsonb_build_object('product_id', product_id, 'quantity', 1)),
                                                              'voucher', case when pg_temp.dice('voucher', n, 4) = 0 then 'HUT' end)
              when 'support_ticket' then jsonb_build_object('topic', pg_temp.pick('topic', n, '{return,delivery,warranty,sizing,invoice}'), 'priority', 1 + pg_temp.dice('priority', n, 3))
              else jsonb_build_object('product_id', product_id, 'seconds', 3 + pg_temp.dice('seconds', n, 180)) end
from generate_series(1, 30000) as n
cross join lateral (select pg_temp.pick('kind', n, '{product_view,product_view,product_view,product_view,product_view,search,search,add_to_cart,add_to_cart,checkout_started,support_ticket}') as kind,
                           1 + floor(2000 * power(pg_temp.fraction('viewed', n), 1.8))::int as product_id) as event;

-- ---------------------------------------------------------------------------------------------------------------------
-- Keys, references, indexes.

alter table shop.employees add unique (email);
alter table shop.suppliers add check (rating between 1 and 5);
alter table shop.categories add unique (slug);
alter table shop.products add unique (sku), add check (list_price > 0), add check (stock >= 0);
alter table shop.customers add unique (email);
alter table shop.orders add primary key (id), add check (channel in ('web', 'app', 'store', 'phone')), add check (total_amount = goods_amount + shipping_fee);
alter table shop.order_items add primary key (order_id, line_no), add check (quantity > 0);
alter table shop.reviews add primary key (id), add check (rating between 1 and 5);
alter table analytics.events add primary key (id);

alter table shop.employees add foreign key (manager_id) references shop.employees;
alter table shop.categories add foreign key (parent_id) references shop.categories;
alter table shop.products add foreign key (category_id) references shop.categories, add foreign key (supplier_id) references shop.suppliers;
alter table shop.orders add foreign key (customer_id) references shop.customers, add foreign key (employee_id) references shop.employees;
alter table shop.order_items add foreign key (order_id) references shop.orders on delete cascade, add foreign key (product_id) references shop.products;
alter table shop.reviews add foreign key (product_id) references shop.products, add foreign key (customer_id) references shop.customers;
alter table analytics.events add foreign key (customer_id) references shop.customers on delete set null;

create index orders_customer_id_placed_at on shop.orders (customer_id, placed_at);
create index orders_placed_at on shop.orders (placed_at);
create index orders_open on shop.orders (status) where status in ('pending', 'paid', 'packed', 'shipped');
create index order_items_product_id on shop.order_items (product_id);
create index products_category_id on shop.products (category_id);
create index products_tags on shop.products using gin (tags);
create index customers_lower_email on shop.customers (lower(email));
create index customers_country_city on shop.customers (country, city);
create index reviews_product_id on shop.reviews (product_id);
create index events_occurred_at on analytics.events (occurred_at);
create index events_payload on analytics.events using gin (payload jsonb_path_ops);

-- ---------------------------------------------------------------------------------------------------------------------
-- Views.

create view shop.customer_summary as
select customers.id, customers.full_name, customers.country, customers.tier, count(orders.id) as order_count,
       coalesce(sum(orders.total_amount), 0) as spent, max(orders.placed_at) as last_order_at
from shop.customers
left join shop.orders on orders.customer_id = customers.id and orders.status not in ('cancelled', 'returned')
group by customers.id;

create view shop.products_to_reorder as
select products.id, products.sku, products.name, products.stock, suppliers.name as supplier, suppliers.lead_time
from shop.products join shop.suppliers on suppliers.id = products.supplier_id
where products.stock < 10 and products.discontinued_on is null;

create view analytics.monthly_revenue as
select date_trunc('month', placed_at at time zone 'Europe/Oslo')::date as month, channel, count(*) as orders, sum(total_amount) as revenue,
       round(avg(total_amount), 2) as average_order
from shop.orders
where status not in ('cancelled', 'returned')
group by 1, 2;

create materialized view analytics.best_sellers as
select top.name as department, products.id as product_id, products.name as product, sum(items.quantity) as units, sum(items.line_amount) as revenue,
       rank() over (partition by top.name order by sum(items.line_amount) desc) as rank_in_department
from shop.order_items as items
join shop.products on products.id = items.product_id
join shop.categories as leaf on leaf.id = products.category_id
join shop.categories as top on top.id = leaf.parent_id
group by top.name, products.id;
create unique index best_sellers_product_id on analytics.best_sellers (product_id);

-- ---------------------------------------------------------------------------------------------------------------------
-- What everything means, for people and for models.

comment on type shop.order_status is 'The life of an order, in this order; returned and cancelled end it without revenue.';
comment on table shop.employees is 'Everybody who works here. The managing director has no manager, the office no store.';
comment on column shop.employees.id is 'Number of the employee.';
comment on column shop.employees.full_name is 'First and last name.';
comment on column shop.employees.email is 'Address inside the house.';
comment on column shop.employees.job_title is 'What the person does.';
comment on column shop.employees.store is 'City of the store the person works in; null in the head office.';
comment on column shop.employees.manager_id is 'Whom the person reports to.';
comment on column shop.employees.hired_on is 'First day of work.';
comment on column shop.employees.salary is 'Gross euros a year. Confidential.';
comment on table shop.suppliers is 'Who makes what we sell.';
comment on column shop.suppliers.id is 'Number of the supplier.';
comment on column shop.suppliers.name is 'Name of the company.';
comment on column shop.suppliers.country is 'Where the goods come from.';
comment on column shop.suppliers.lead_time is 'From order to arrival in our warehouse.';
comment on column shop.suppliers.minimum_order is 'Smallest order in euros; null if any amount is welcome.';
comment on column shop.suppliers.rating is 'Our own grade, 1.0 to 5.0; null if not yet graded.';
comment on column shop.suppliers.contract_until is 'Last day of the frame contract; null without one.';
comment on table shop.categories is 'The range in two levels: departments (no parent) and what is in them.';
comment on column shop.categories.id is 'Number of the category, 1 to 7 for departments.';
comment on column shop.categories.parent_id is 'Department; null for a department itself.';
comment on column shop.categories.name is 'Name as customers see it.';
comment on column shop.categories.slug is 'Path in the web shop.';
comment on table shop.products is 'What we sell or sold. Discontinued products stay, old orders point to them.';
comment on column shop.products.id is 'Number of the product; low numbers are the classics.';
comment on column shop.products.sku is 'Stock keeping unit, printed on the label.';
comment on column shop.products.name is 'Line and kind, with the audience for clothing and the model year for newer ones.';
comment on column shop.products.category_id is 'Second-level category.';
comment on column shop.products.supplier_id is 'Who makes it.';
comment on column shop.products.list_price is 'Today''s price in euros including VAT.';
comment on column shop.products.purchase_price is 'What the supplier gets, euros.';
comment on column shop.products.weight_grams is 'Weight; null where nobody has weighed it.';
comment on column shop.products.tags is 'Season first (winter, summer, all), then recycled, bestseller, vegan where true.';
comment on column shop.products.attributes is 'color, warranty_years; for clothing and footwear also audience and sizes.';
comment on column shop.products.stock is 'Pieces in the central warehouse.';
comment on column shop.products.introduced_on is 'First day in the range.';
comment on column shop.products.discontinued_on is 'Last day in the range; null while we sell it.';
comment on table shop.promotions is 'Discounts that ran for some days, on everything or on some categories.';
comment on column shop.promotions.id is 'Number of the promotion.';
comment on column shop.promotions.name is 'Name and year.';
comment on column shop.promotions.valid_during is 'Days on which it applies, the last one exclusive.';
comment on column shop.promotions.discount_percent is 'Off the list price.';
comment on column shop.promotions.category_ids is 'Categories it applies to; null for all.';
comment on column shop.promotions.code is 'Voucher code, if one was printed.';
comment on table shop.customers is 'Everybody who ever made an account; a quarter never ordered. People are invented.';
comment on column shop.customers.id is 'Customer number, in the order of joining.';
comment on column shop.customers.full_name is 'First and last name.';
comment on column shop.customers.email is 'Login and address for mail.';
comment on column shop.customers.phone is 'Null if not given.';
comment on column shop.customers.city is 'Home town.';
comment on column shop.customers.country is 'Home country.';
comment on column shop.customers.birth_year is 'Null if not given.';
comment on column shop.customers.tier is 'Level in the members'' programme.';
comment on column shop.customers.newsletter is 'Whether the newsletter may be sent.';
comment on column shop.customers.interests is 'What the person ticked; null if never asked, empty if nothing was ticked.';
comment on column shop.customers.created_at is 'When the account was made.';
comment on table shop.orders is 'One purchase. Leave out cancelled and returned when you count revenue.';
comment on column shop.orders.id is 'Order number, in the order of placing.';
comment on column shop.orders.customer_id is 'Who ordered.';
comment on column shop.orders.placed_at is 'When it was placed.';
comment on column shop.orders.status is 'How far it has come.';
comment on column shop.orders.channel is 'web, app, store or phone.';
comment on column shop.orders.employee_id is 'Who served the customer in the store or on the phone; null online.';
comment on column shop.orders.ship_to_city is 'Where it goes.';
comment on column shop.orders.ship_to_country is 'Where it goes.';
comment on column shop.orders.goods_amount is 'Sum of the line amounts, euros.';
comment on column shop.orders.shipping_fee is 'Euros; free from 99 euros and in stores.';
comment on column shop.orders.total_amount is 'goods_amount plus shipping_fee.';
comment on column shop.orders.shipped_at is 'When it left the warehouse; null before that.';
comment on column shop.orders.delivered_at is 'When it arrived; null before that.';
comment on column shop.orders.note is 'What the customer wrote; mostly null. Free text from outside.';
comment on table shop.order_items is 'The lines of an order, with price and discount of that day.';
comment on column shop.order_items.order_id is 'The order.';
comment on column shop.order_items.line_no is 'Position on the order, from 1.';
comment on column shop.order_items.product_id is 'What was bought.';
comment on column shop.order_items.quantity is 'Pieces.';
comment on column shop.order_items.unit_price is 'Price of one piece before the discount, euros.';
comment on column shop.order_items.discount_percent is 'Discount of the promotion that ran; 0 without one.';
comment on column shop.order_items.line_amount is 'quantity times unit_price less the discount, rounded to cents.';
comment on table shop.reviews is 'What customers wrote about products they received.';
comment on column shop.reviews.id is 'Number of the review.';
comment on column shop.reviews.product_id is 'The product.';
comment on column shop.reviews.customer_id is 'Who wrote it.';
comment on column shop.reviews.rating is '1 (bad) to 5 (good).';
comment on column shop.reviews.title is 'Headline.';
comment on column shop.reviews.body is 'Text; null if only stars were given.';
comment on column shop.reviews.written_at is 'When it was written.';
comment on table analytics.events is 'Clicks in the web shop, April to June 2026. Six events make a session.';
comment on column analytics.events.id is 'Number of the event, in time order.';
comment on column analytics.events.occurred_at is 'When it happened.';
comment on column analytics.events.session_id is 'One visit of one browser.';
comment on column analytics.events.customer_id is 'Who it was; null if not logged in.';
comment on column analytics.events.kind is 'product_view, search, add_to_cart, checkout_started or support_ticket.';
comment on column analytics.events.payload is 'path, device, referrer, ab_test, and what the kind adds (query, product_id, items, topic ...).';
comment on view shop.customer_summary is 'Orders and euros per customer, cancelled and returned orders left out.';
comment on view shop.products_to_reorder is 'Products in the range with fewer than ten pieces in stock.';
comment on view analytics.monthly_revenue is 'Revenue per month (of Oslo) and channel, cancelled and returned orders left out.';
comment on materialized view analytics.best_sellers is 'Units and revenue per product, ranked within its department. Refreshed at night.';

-- Fresh statistics, so that the first question already gets a good plan.
analyze shop.employees, shop.suppliers, shop.categories, shop.products, shop.promotions, shop.customers, shop.orders,
        shop.order_items, shop.reviews, analytics.events, analytics.best_sellers;
