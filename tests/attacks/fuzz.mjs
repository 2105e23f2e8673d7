// Differential fuzzing of the guard: statements made of everything a catalog offers (every function, operator, type and
// relation, PostgreSQL's own and the fixtures') go through a real server as the least role; whatever the guard lets
// through must leave the canaries as they were, and the server and its sessions alive.
//   fuzz.mjs [STATEMENTS [SEED]]       exit 1 with the statement that changed something; HOWDAH_PROGRAM names the program
import { readSuite, openSuite } from '../integration/suite.mjs';
import { modern, textOf } from '../integration/support.mjs';

// A small generator of known quality (mulberry32), so that a seed repeats a run.
function randomOf(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit) => Math.floor(next() * limit);
  return { below, pick: (list) => list[below(list.length)], chance: (share) => next() < share };
}

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

const kBatch = 20;

// Runs up to `count` statements, or for `time_ms`; gives the counts, and the statement that changed something.
export async function fuzz({ count, seed, time_ms = Infinity, suite }) {
  const opened = await openSuite(suite);
  const random = randomOf(seed);
  const figures = { sent: 0, refused: 0, failed: 0, answered: 0 };
  const end = performance.now() + time_ms;
  try {
    const rows = async (sql) => (await opened.admin.ask([sql])).map((line) => JSON.parse(line));
    const names = {
      functions: await rows("select json_build_object('schema', nspname, 'name', proname) from pg_proc p join pg_namespace n on n.oid = pronamespace group by nspname, proname"),
      relations: await rows("select json_build_object('schema', nspname, 'name', relname) from pg_class c join pg_namespace n on n.oid = relnamespace where relkind in ('r','v','m','p','f','S') and nspname in ('lib','public','pg_catalog')"),
      types: await rows("select json_build_object('schema', nspname, 'name', typname) from pg_type t join pg_namespace n on n.oid = typnamespace where nspname in ('lib','public','pg_catalog')"),
      operators: await rows('select to_json(oprname) from pg_operator group by oprname'),
    };
    // The fixtures are few among PostgreSQL's own: they come up as often.
    for (const kind of ['functions', 'relations', 'types']) {
      const users = names[kind].filter(({ schema }) => schema === 'lib');
      for (let times = Math.floor(names[kind].length / (users.length * 2)); times > 0; times -= 1) names[kind].push(...users);
    }
    const next = generator(names, random);
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
      const passed = [];
      for (let i = 0; i < kBatch; i += 1) {
        const sql = next();
        if (await send(sql)) passed.push(sql);
      }
      const now = await opened.canary();
      if (now !== canary) {
        // Which one: each again alone, on what is there now.
        canary = now;
        for (const sql of passed) {
          await send(sql);
          const then = await opened.canary();
          if (then !== canary) return { ...figures, culprit: sql, change: `${canary} -> ${then}` };
        }
        return { ...figures, culprit: passed.join('\n;\n'), change: 'by one of these, once' };
      }
    }
    return figures;
  } finally {
    await opened.close();
  }
}

if (process.argv[1] === import.meta.filename) {
  const [count = '20000', seed = String(Date.now() % 1e6)] = process.argv.slice(2);
  const suite = readSuite(new URL('own.json', import.meta.url).pathname);
  const figures = await fuzz({ count: Number(count), seed: Number(seed), suite });
  console.log(`seed ${seed}: ${JSON.stringify(figures)}`);
  process.exit(figures.culprit ? 1 : 0);
}
