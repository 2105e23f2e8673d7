// Differential fuzzing of the guard: statements made of everything a catalog offers (every function, operator, type and
// relation, PostgreSQL's own and the fixtures') go through a real server as the least role; whatever the guard lets
// through must leave the canaries as they were, and the server and its sessions alive. It is then played again without the
// server, whose ROLLBACK and reset would hide a mistake of the guard, and must leave nothing there (bare_session.mjs). Half of
// the statements call functions and operators with arguments of the types they take (pg_proc.proargtypes), so that what passes
// the guard runs; the other half puts every name in every place.
//   fuzz.mjs [STATEMENTS [SEED]]       exit 1 with the statement that changed something; HOWDAH_PROGRAM names the program
import { readSuite, openSuite } from '../integration/suite.mjs';
import { modern, textOf } from '../integration/support.mjs';
import { choicesFrom } from '../support/random.mjs';
import { kQuietCluster, openBareSession } from './bare_session.mjs';

// Statements that PostgreSQL would mostly understand, with every name of the catalog in every place a name may stand.
export function generator(names, random) {
  const { pick, below, chance } = random;
  const spelled = (name) => {
    if (!chance(0.1)) return /^[a-z_][a-z0-9_]*$/.test(name) && chance(0.8) ? name : `"${name.replaceAll('"', '""')}"`;
    return `U&"${[...name].map((c) => (c === '"' ? '""' : chance(0.3) ? `\\${c.codePointAt(0).toString(16).padStart(4, '0')}` : c === '\\' ? '\\\\' : c)).join('')}"`;
  };
  const blank = () => (chance(0.05) ? ' /* ; */ ' : ' ');
  const object = ({ schema, name }) => (schema && chance(0.6) ? `${spelled(schema)}.${spelled(name)}` : spelled(name));
  const literal = () => pick(['1', '0', 'NULL', "'x'", "'1'", "'lib.books'", "'{1,2}'", "'{\"a\":\"x\"}'", 'true', '2.5', "'2025-03-01'", '$$x$$', "E'\\x41'", "'{}'", "'(x,1)'", "'1 day'"]);
  const column = () => pick(['id', 'title', 'b.id', 'b.author', 'part', 'x.a', 'tags', 'b', 'v', '*']);
  const type = () => object(pick(names.types)) + (chance(0.1) ? '[]' : '');
  const call = (depth) => {
    const args = Array.from({ length: below(4) }, () => (chance(0.1) ? `VARIADIC ARRAY[${expr(depth + 1)}]` : expr(depth + 1)));
    const tail = chance(0.06) ? ' OVER ()' : chance(0.05) ? ` FILTER (WHERE ${expr(depth + 1)})` : '';
    return `${object(pick(names.functions))}(${args.join(', ')})${tail}`;
  };
  const expr = (depth) => {
    if (depth > 3) return literal();
    switch (below(12)) {
      case 0: case 1: case 2: return call(depth);
      case 3: return `${literal()}::${type()}`;
      case 4: return `CAST(${expr(depth + 1)} AS ${type()})`;
      case 5: return `${expr(depth + 1)}${blank()}${chance(0.3) ? `OPERATOR(${pick(['pg_catalog', 'lib', 'public'])}.${pick(names.operators)})` : pick(names.operators)} ${expr(depth + 1)}`;
      case 6: return `(${expr(depth + 1)}).${spelled(pick(names.functions).name)}`;
      case 7: return `(SELECT ${expr(depth + 1)}${chance(0.5) ? ` FROM ${source(depth + 1)} ${below(2) ? 'LIMIT 1' : ''}` : ''})`;
      case 8: return `CASE ${expr(depth + 1)} WHEN ${expr(depth + 1)} THEN ${expr(depth + 1)} END`;
      case 9: return column();
      case 10: return `ROW(${expr(depth + 1)}, ${expr(depth + 1)})`;
      default: return literal();
    }
  };
  const source = (depth) => {
    switch (below(7)) {
      case 0: return `${call(depth + 1)} AS v`;
      case 1: return `(${select(depth + 1)}) AS q`;
      case 2: return `LATERAL ${call(depth + 1)} AS v${chance(0.3) ? '(a)' : ''}`;
      case 3: return `json_to_recordset(${literal()}) AS x(a ${type()})`;
      default: return `${object(pick(names.relations))} AS ${pick(['b', 'x', 'v'])}`;
    }
  };
  const select = (depth) => {
    const parts = [`SELECT${blank()}${expr(depth + 1)}${chance(0.3) ? `, ${expr(depth + 1)}` : ''}`];
    if (chance(0.8)) parts.push(`FROM ${source(depth)}${chance(0.25) ? `, ${source(depth)}` : ''}`);
    if (chance(0.2)) parts.push(`WHERE ${expr(depth + 1)} IS NOT NULL`);
    if (chance(0.1)) parts.push(`GROUP BY ${expr(depth + 1)}`);
    if (chance(0.1)) parts.push(`ORDER BY ${expr(depth + 1)}`);
    if (chance(0.05)) parts.push('FOR UPDATE');
    parts.push('LIMIT 3');
    return parts.join(' ');
  };
  return () => {
    switch (below(8)) {
      case 0: return `WITH c AS (${select(0)}) SELECT * FROM c`;
      case 1: return `EXPLAIN (ANALYZE) ${select(0)}`;
      case 2: return `VALUES (${expr(0)})`;
      case 3: return `${select(1).replace(/ LIMIT 3$/, '')} UNION ALL ${select(1)}`;
      default: return select(0);
    }
  };
}

// A value that type's input takes; of what is not here NULL is.
const kSamples = {
  bool: ['true', 'f'], int2: ['1', '0', '-3'], int4: ['1', '0', '7'], int8: ['1', '-9'], float4: ['0.5', 'NaN'], float8: ['2.5', '1'], numeric: ['1.50', '0'],
  oid: ['1259', '1'], text: ['x', 'lib.books', 'a,b', '1', ''], varchar: ['x'], bpchar: ['x'], name: ['x', 'books'], char: ['r'], bytea: ['\\x4142'], date: ['2025-03-01'],
  timestamp: ['2025-03-01 08:00'], timestamptz: ['2025-03-01 08:00+00'], time: ['08:00'], timetz: ['08:00+01'], interval: ['1 day', '1 hour'],
  json: ['{"a":[1,"x"]}', '[1]', '"s"'], jsonb: ['{"a":[1,"x"]}', '[1]'], jsonpath: ['$.a[*]'], uuid: ['6f0e0d70-0000-4000-8000-000000000001'], xml: ['<a>1</a>'],
  inet: ['10.1.0.1/8'], cidr: ['10.0.0.0/8'], macaddr: ['08:00:2b:01:02:03'], macaddr8: ['08:00:2b:01:02:03:04:05'], bit: ['1'], varbit: ['101'], money: ['1.5'],
  point: ['(1,2)'], line: ['{1,2,3}'], lseg: ['[(0,0),(1,1)]'], box: ['(1,1),(0,0)'], path: ['((0,0),(1,1))'], polygon: ['((0,0),(1,1),(1,0))'], circle: ['<(0,0),1>'],
  tsvector: ["a:1 b"], tsquery: ['a & b'], int4range: ['[1,5)'], int8range: ['[1,5)'], numrange: ['[1,5)'], daterange: ['[2025-01-01,2025-02-01)'], tsrange: ['[2025-01-01,2025-02-01)'],
  tstzrange: ['[2025-01-01,2025-02-01)'], int4multirange: ['{[1,5)}'], int8multirange: ['{[1,5)}'], nummultirange: ['{[1,5)}'], regclass: ['pg_class', 'lib.books', 'lib.card_no'],
  regtype: ['int4'], regproc: ['now'], regprocedure: ['lower(text)'], regnamespace: ['lib'], regrole: ['fx_least'], regconfig: ['english'], regdictionary: ['simple'],
  regoperator: ['+(int4,int4)'], pg_lsn: ['0/1A'], xid: ['3'], xid8: ['3'], cid: ['1'], tid: ['(0,1)'], txid_snapshot: ['10:20:'], pg_snapshot: ['10:20:'], aclitem: ['fx_least=r/postgres'],
  int2vector: ['1 2'], oidvector: ['1 2'], refcursor: ['c'],
};
// What stands for a polymorphic type.
const kAny = { any: 'int4', anyelement: 'int4', anynonarray: 'int4', anycompatible: 'int4', anycompatiblenonarray: 'int4', anyarray: '_int4', anycompatiblearray: '_int4',
  anyrange: 'int4range', anycompatiblerange: 'int4range', anymultirange: 'int4multirange', anycompatiblemultirange: 'int4multirange', anyenum: 'mood', record: null };

// Statements whose calls have arguments of the types they take. `types` by oid: { name, written, kind, element, base, label };
// `procs`: { schema, name, kind, set, returns, args, variadic }; `operators`: { name, left, right }.
export function typedGenerator({ types, procs, operators, relations }, random) {
  const { pick, below, chance } = random;
  const byName = new Map(Object.values(types).map((type) => [type.name, type]));
  const known = (oid) => {
    const type = types[oid];
    return type?.kind === 'p' ? byName.get(kAny[type.name]) : type;
  };
  const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
  const value = (type) => {
    if (type.element && byName.get(type.name.slice(1)) && type.name.startsWith('_')) return chance(0.1) ? `'{}'::${type.written}` : `ARRAY[${value(byName.get(type.name.slice(1)))}]::${type.written}`;
    if (type.label) return `${quoted(type.label)}::${type.written}`;
    const samples = kSamples[type.name] ?? kSamples[types[type.base]?.name];
    return samples && !chance(0.03) ? `${quoted(pick(samples))}::${type.written}` : `NULL::${type.written}`;
  };
  const callable = procs.filter(({ kind, args }) => kind !== 'p' && args.every(known));
  const giving = new Map();
  for (const proc of callable.filter(({ kind, set }) => kind === 'f' && !set)) giving.set(proc.returns, [...(giving.get(proc.returns) ?? []), proc]);
  const paired = operators.filter(({ left, right }) => (left === '0' || known(left)) && known(right));
  const argument = (oid, depth) => {
    const type = known(oid);
    const makers = depth < 2 && types[oid].kind !== 'p' && chance(0.15) ? giving.get(oid) : undefined;
    return makers ? call(pick(makers), depth + 1) : value(type);
  };
  const call = ({ schema, name, args, variadic }, depth) => {
    const given = args.map((oid) => argument(oid, depth));
    if (variadic && given.at(-1).includes('[]')) given.push(`VARIADIC ${given.pop()}`);
    return `${chance(0.5) || schema !== 'pg_catalog' ? `${schema}.` : ''}"${name.replaceAll('"', '""')}"(${given.join(', ')})`;
  };
  const compare = () => {
    const { name, left, right } = pick(paired);
    return `${left === '0' ? '' : `${argument(left, 0)} `}OPERATOR(pg_catalog.${name}) ${argument(right, 0)}`;
  };
  const source = () => {
    const { schema, name } = pick(relations);
    return `${schema}."${name.replaceAll('"', '""')}"`;
  };
  return () => {
    if (chance(0.15)) return `SELECT ${compare()}`;
    const proc = pick(callable);
    const text = call(proc, 0);
    if (proc.kind === 'w') return `SELECT ${text} OVER (ORDER BY i) FROM generate_series(1, 3) i`;
    if (proc.kind === 'a') return `SELECT ${text}${chance(0.3) ? ' FILTER (WHERE true)' : ''} FROM ${chance(0.3) ? source() : 'generate_series(1, 3) i'}`;
    if (proc.set) return `SELECT * FROM ${text} AS v LIMIT 3`;
    switch (below(6)) {
      case 0: return `SELECT * FROM ${text} AS v LIMIT 3`;
      case 1: return `SELECT ${text} FROM ${source()} LIMIT 3`;
      case 2: return `SELECT 1 WHERE ${text} IS NOT NULL`;
      case 3: return `EXPLAIN (ANALYZE) SELECT ${text}`;
      default: return `SELECT ${text}`;
    }
  };
}

const kBatch = 20;

// The suite's cluster and server, in which the least role may draw from a sequence: only the guard and READ ONLY forbid it.
export async function openFuzzed(suite) {
  const opened = await openSuite({ ...suite, harness: { profiles: { least: suite.harness.profiles.least } } }, { cluster_options: kQuietCluster });
  await opened.admin.ask(['grant usage on sequence lib.card_no to fx_least']);
  return opened;
}

// Runs up to `count` statements, or for `time_ms`; gives the counts, and the statement that changed something.
export async function fuzz({ count, seed, time_ms = Infinity, opened }) {
  const random = choicesFrom(seed);
  const figures = { sent: 0, refused: 0, failed: 0, answered: 0, played: 0, ran: 0 };
  const end = performance.now() + time_ms;
  const bare = await openBareSession(opened.dsnOf('least'));
  try {
    const rows = async (sql) => (await opened.admin.ask([sql])).map((line) => JSON.parse(line));
    const names = {
      functions: await rows("select json_build_object('schema', nspname, 'name', proname) from pg_proc p join pg_namespace n on n.oid = pronamespace group by nspname, proname"),
      relations: await rows("select json_build_object('schema', nspname, 'name', relname) from pg_class c join pg_namespace n on n.oid = relnamespace where relkind in ('r','v','m','p','f','S') and nspname in ('lib','public','pg_catalog')"),
      types: await rows("select json_build_object('schema', nspname, 'name', typname) from pg_type t join pg_namespace n on n.oid = typnamespace where nspname in ('lib','public','pg_catalog')"),
      operators: await rows('select to_json(oprname) from pg_operator group by oprname'),
    };
    const catalog = {
      types: Object.fromEntries((await rows(`select json_build_object('oid', oid::text, 'name', typname, 'written', format_type(oid, null), 'kind', typtype, 'element', typelem <> 0,
        'base', typbasetype::text, 'label', (select enumlabel from pg_enum where enumtypid = t.oid order by enumsortorder limit 1)) from pg_type t`)).map((type) => [type.oid, type])),
      procs: await rows(`select json_build_object('schema', nspname, 'name', proname, 'kind', prokind, 'set', proretset, 'returns', prorettype::text, 'args', proargtypes::oid[]::text[],
        'variadic', provariadic <> 0) from pg_proc p join pg_namespace n on n.oid = pronamespace`),
      operators: await rows("select json_build_object('name', oprname, 'left', oprleft::text, 'right', oprright::text) from pg_operator where oprnamespace = 'pg_catalog'::regnamespace"),
      relations: names.relations,
    };
    catalog.procs.push(...Array.from({ length: 8 }, () => catalog.procs.filter(({ schema }) => !['pg_catalog', 'information_schema'].includes(schema))).flat());
    // The fixtures are few among PostgreSQL's own: they come up as often.
    for (const kind of ['functions', 'relations', 'types']) {
      const users = names[kind].filter(({ schema }) => schema === 'lib');
      for (let times = Math.floor(names[kind].length / (users.length * 2)); times > 0; times -= 1) names[kind].push(...users);
    }
    const [wild, typed] = [generator(names, random), typedGenerator(catalog, random)];
    const next = () => (random.chance(0.5) ? typed() : wild());
    const send = async (sql) => {
      const { json } = await modern(opened.servers.least.url, 'tools/call', { name: 'query', arguments: { sql } });
      const text = json.error?.message ?? textOf(json.result);
      const refused = Boolean(json.error) || (json.result.isError && text.startsWith('refused'));
      figures.sent += 1;
      figures[refused ? 'refused' : json.result.isError ? 'failed' : 'answered'] += 1;
      return !refused;
    };
    let canary = await opened.canary();
    while (figures.sent < count && performance.now() < end) {
      const batch = Array.from({ length: kBatch }, next);
      const let_through = await Promise.all(batch.map(send));
      const passed = batch.filter((_, index) => let_through[index]);
      const { ran, finding } = await bare.play(passed);
      figures.played += passed.length;
      figures.ran += ran;
      if (finding) return { ...figures, ...finding };
      const now = await opened.canary();
      if (now !== canary) {
        // Which one: each again alone, on what is there now.
        canary = now;
        for (const sql of passed) {
          await send(sql);
          await bare.play([sql]);
          const then = await opened.canary();
          if (then !== canary) return { ...figures, culprit: sql, change: `${canary} -> ${then}` };
        }
        return { ...figures, culprit: passed.join('\n;\n'), change: 'by one of these, once' };
      }
    }
    return figures;
  } finally {
    bare.close();
  }
}

if (process.argv[1] === import.meta.filename) {
  const [count = '20000', seed = String(Date.now() % 1e6)] = process.argv.slice(2);
  const opened = await openFuzzed(readSuite(new URL('own.json', import.meta.url).pathname));
  const figures = await fuzz({ count: Number(count), seed: Number(seed), opened }).finally(opened.close);
  console.log(`seed ${seed}: ${JSON.stringify(figures)}`);
  process.exit(figures.culprit ? 1 : 0);
}
