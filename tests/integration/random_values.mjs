// Random values of every kind of type as PostgreSQL's input text, extremes included; the same for the same seed.
import { randomBits } from '../support/random.mjs';

export function generator(seed) {
  const next = randomBits(seed);
  const below = (n) => Math.floor((next() / 4294967296) * n);
  const bits64 = () => (BigInt(next()) << 32n) | BigInt(next());
  const chance = (n) => below(n) === 0;
  const pick = (list) => list[below(list.length)];
  const many = (most, make) => Array.from({ length: below(most + 1) }, make);
  return { next, below, bits64, chance, pick, many };
}

// What the types below need besides PostgreSQL's own.
export const typesSql = `create type mood as enum ('calm', 'with blank', 'quo"te', 'com,ma', 'NULL', 'ä');
  create domain percentage as numeric(5,2) check (value between 0 and 100);
  create domain label as text;
  create type pair as (n int, t text, list int[]);
  create type textrange as range (subtype = text);`;

export function randomValues(seed) {
  const { next, below, bits64, chance, pick, many } = generator(seed);
  const two = (n) => String(n).padStart(2, '0');
  // Now and then an extreme, else one that was made.
  const or = (extremes, make) => () => (chance(6) ? pick(extremes) : make());

  const digits = (most) => Array.from({ length: 1 + below(most) }, () => below(10)).join('');
  const int = (size) => () => String(BigInt.asIntN(size, bits64() >> BigInt(below(64))));
  const float64 = () => {
    const view = new DataView(new ArrayBuffer(8));
    do view.setBigUint64(0, bits64()); while (!Number.isFinite(view.getFloat64(0)));
    return chance(3) ? String((below(2e9) - 1e9) / 1000) : String(view.getFloat64(0));
  };
  const float32 = () => {
    const view = new DataView(new ArrayBuffer(4));
    do view.setUint32(0, next()); while (!Number.isFinite(view.getFloat32(0)));
    return String(view.getFloat32(0));
  };
  const characters = ['a', 'Z', '7', ' ', '"', "'", '\\', '{', '}', ',', ';', '(', ')', '[', ']', '\n', '\r', '\t', '\u0001', '\u007f', 'ä', 'ß', '\u0301',
    '\u2028', '\u202e', '\ufeff', '€', '漢', '🐘', '𝒳', '\ufffd', '/', '<', '&', '%', '$', '\u0085', 'NULL', 'null'];
  const text = or(['', ' ', 'NULL', 'null', '\\N', '{}', '{1,2}', '"', '\\', '\\x00', '[0:1]={1,2}', 'true', '1e400', ' BC'],
    () => many(12, () => pick(characters)).join(''));
  const words = () => many(4, () => pick(['elephant', 'Reiter', "o'clock", 'häuser', 'x1', 'back\\slash', 'co:lon'])).join(' ');
  const hex = (bytes) => Array.from({ length: bytes * 2 }, () => below(16).toString(16)).join('');

  const year = () => pick([below(9999) + 1, 1900 + below(150), below(4700) + 1, 10000 + below(200000)]);
  const era = (y) => (y < 4700 && chance(5) ? ' BC' : '');
  const day = () => `-${two(1 + below(12))}-${two(1 + below(28))}`;
  const clock = () => `${two(below(24))}:${two(below(60))}:${two(below(60))}${pick(['', `.${digits(6)}`, '.000001', '.999999'])}`;
  const zone = () => pick(['+00', '-08', '+05:30', '+13:45', '-00:44:30', '+14', '-15:59:59']);
  const date = or(['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '0001-01-01', '0001-12-31 BC'], () => { const y = year(); return `${String(y).padStart(4, '0')}${day()}${era(y)}`; });
  const timestamp = or(['infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999', 'epoch'],
    () => { const y = year(); return `${String(y).padStart(4, '0')}${day()} ${clock()}${era(y)}`; });
  const timestamptz = or(['infinity', '-infinity', '4713-01-02 00:00:00+00 BC', '294276-12-30 23:59:59.999999+00', '1883-11-18 12:00:00+00', '1850-06-01 00:00:00+00'],
    () => { const y = year(); return `${String(y).padStart(4, '0')}${day()} ${clock()}${zone()}${era(y)}`; });
  const interval = or(['0', '178000000 years', '-178000000 years', '1 microsecond', '-00:00:00.000001', '1 year -1 month 1 day -1 hour'],
    () => `${below(200) - 100} years ${below(40) - 20} months ${below(90) - 45} days ${pick(['', '-'])}${below(100)}:${two(below(60))}:${two(below(60))}.${digits(6)}`);
  const numeric = or(['NaN', 'Infinity', '-Infinity', '0', '0.000', '-0.0', '1e130', `0.${'0'.repeat(60)}1`, `${'9'.repeat(80)}.${'9'.repeat(40)}`, '9007199254740993'],
    () => `${pick(['', '-'])}${digits(30)}${pick(['', `.${digits(20)}`, '.50'])}`);

  const jsonNumber = () => pick(['0', '-0', '1.10', '1e5', '-2.5e-7', '9007199254740991', '9007199254740993', '1e400', '0.1', '123456789012345678901234567890',
    '0.1000000000000000055511151231257827', '3.0', String(below(1e6)), float64()]);
  const jsonText = (depth) => {
    const kind = below(depth > 3 ? 5 : 8);
    if (kind < 1) return jsonNumber();
    if (kind < 2) return pick(['true', 'false', 'null']);
    if (kind < 5) return JSON.stringify(text().replaceAll('\u0000', ''));
    if (kind < 6) return `[${many(4, () => jsonText(depth + 1)).join(', ')}]`;
    return `{${many(4, (_, i) => `${JSON.stringify(pick(['a', 'b', '', 'ä', 'long key']) + i)}: ${jsonText(depth + 1)}`).join(',')}}`;
  };
  // Most columns of json must be ones that can be spliced, or no page ever is.
  const tameJson = () => JSON.stringify({ id: below(1e9), tags: many(3, words), nested: { x: below(1000) / 8, ok: chance(2), none: null, text: text() } });

  const coordinate = () => pick([String(below(2000) - 1000), float64(), '0', '1e300', '-1.5', 'Infinity', 'NaN']);
  const finite = () => pick([String(below(2000) - 1000), '0', '-1.5', '0.1', '1e10']);
  const point = (c = coordinate) => `(${c()},${c()})`;
  const bit = () => below(2);
  const range = (make, sort) => () => {
    if (chance(8)) return 'empty';
    const [lower, upper] = sort([make(), make()]);
    return `${pick(['[', '('])}${chance(6) ? '' : lower},${chance(6) ? '' : upper}${pick([']', ')'])}`;
  };
  const byNumber = (pair) => pair.sort((a, b) => Number(a) - Number(b));
  const byText = (pair) => pair.sort((a, b) => (a.replaceAll('"', '') < b.replaceAll('"', '') ? -1 : 1));
  const plainDay = () => `20${two(below(100))}${day()}`;
  const plainTime = () => `"${plainDay()} ${clock()}"`;
  const small = () => String(below(2000) - 1000);
  const multi = (make) => () => `{${many(3, make).filter((each) => each !== 'empty').join(',')}}`;

  const quote = (one) => (one === null ? 'NULL' : `"${one.replace(/["\\]/g, '\\$&')}"`);
  const list = (make, delimiter) => () => {
    const one = () => (chance(7) ? null : make());
    const shape = below(6);
    const joined = (elements) => `{${elements.join(delimiter ?? ',')}}`;
    if (shape === 0) return '{}';
    if (shape === 1) {
      const width = 1 + below(3);
      return joined(Array.from({ length: 1 + below(3) }, () => joined(Array.from({ length: width }, () => quote(one())))));
    }
    if (shape === 2) {
      const elements = Array.from({ length: 1 + below(4) }, () => quote(one()));
      const lower = below(9) - 4;
      return `[${lower}:${lower + elements.length - 1}]=${joined(elements)}`;
    }
    return joined(Array.from({ length: 1 + below(5) }, () => quote(one())));
  };
  // Of one dimension and usual bounds: what the comparison of spliced json can take apart.
  const row = (make, delimiter) => () => `{${Array.from({ length: 1 + below(4) }, () => quote(chance(7) ? null : make())).join(delimiter ?? ',')}}`;
  const field = (value) => (value === null ? '' : `"${value.replace(/["\\]/g, '$&$&')}"`);
  const composite = () => `(${field(chance(5) ? null : int(32)())},${field(chance(5) ? null : text())},${field(chance(5) ? null : row(int(32))())})`;
  const mood = () => pick(['calm', 'with blank', 'quo"te', 'com,ma', 'NULL', 'ä']);
  const inet = () => pick([`${below(256)}.${below(256)}.${below(256)}.${below(256)}`, `10.${below(256)}.0.0/16`, '::1', `2001:db8::${below(65536).toString(16)}/64`, '::ffff:1.2.3.4']);
  const lexemes = () => many(4, () => `'${pick(['a', "it''s", 'back\\\\slash', 'ä', 'with blank'])}'${pick(['', `:${1 + below(99)}`, ':3A,7B'])}`).join(' ');

  // Type and a maker of its texts.
  const columns = [
    ['int2', int(16)], ['int4', or(['-2147483648', '2147483647'], int(32))], ['int8', or(['-9223372036854775808', '9223372036854775807', '9007199254740991', '9007199254740992', '-9007199254740992'], int(64))],
    ['oid', () => String(next())], ['xid', () => String(next())], ['cid', () => String(next())], ['xid8', () => String(bits64())], ['tid', () => `(${next()},${below(65536)})`],
    ['float4', or(['NaN', 'Infinity', '-Infinity', '-0', '1e-45', '3.4028235e38', '1e6', '999999', '0.0001', '0.00001'], float32)],
    ['float8', or(['NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1.7976931348623157e308', '2.2250738585072014e-308', '1e15', '1e14', '123456789012345.6', '0.0001', '0.00001', '9007199254740993'], float64)],
    ['numeric', numeric], ['numeric(20,5)', () => `${below(1e9)}.${digits(7)}`], ['bool', () => pick(['t', 'f'])],
    ['text', text], ['varchar(30)', () => [...text()].slice(0, 30).join('')], ['char(7)', () => [...text()].slice(0, 7).join('')], ['name', () => words().slice(0, 20)], ['"char"', () => pick(['a', ' ', '"', '', '7', ','])],
    ['uuid', () => hex(16)], ['xml', () => `<a b="${below(99)}">${words().replace(/[<&]/g, '')}<!-- ${below(9)} --></a>`],
    ['date', date], ['timestamp', timestamp], ['timestamptz', timestamptz], ['timestamp(3)', () => `${plainDay()} ${clock()}`],
    ['time', or(['00:00', '24:00', '23:59:59.999999'], clock)], ['timetz', or(['00:00+15:59:59', '24:00-15:59:59'], () => clock() + zone())], ['interval', interval],
    ['bytea', or(['\\x', '\\x00', '\\xff'], () => `\\x${hex(below(40))}`)],
    ['jsonb', tameJson], ['jsonb', () => jsonText(0)], ['json', () => jsonText(0)], ['json', tameJson], ['jsonpath', () => pick(['$', '$.a[*]', '$."ä b" ? (@.x > 1.50)', 'strict $.**{2 to last}'])],
    ['money', or(['-92233720368547758.08', '92233720368547758.07', '0'], () => `${pick(['', '-'])}${below(1e9)}.${two(below(100))}`)],
    ['bit(9)', () => Array.from({ length: 9 }, bit).join('')], ['varbit', () => many(20, bit).join('')],
    ['inet', inet], ['cidr', () => pick(['10.0.0.0/8', '192.168.7.0/24', '::/0', '2001:db8::/32', '1.2.3.4/32'])],
    ['macaddr', () => hex(6)], ['macaddr8', () => hex(8)],
    ['point', () => point()], ['lseg', () => `[${point()},${point()}]`], ['path', () => (chance(2) ? `[${point()},${point()}]` : `(${point()},${point()})`)],
    ['box', () => `${point(finite)},${point(finite)}`], ['polygon', () => `(${point()},${point()},${point()})`], ['line', () => `{${1 + below(9)},${finite()},${finite()}}`], ['circle', () => `<${point(finite)},${below(100)}>`],
    ['tsvector', lexemes], ['tsquery', () => pick(["'a' & 'b'", "'a':AB | !'it''s'", "'x':* <2> 'y'", ''])],
    ['pg_lsn', () => `${next().toString(16).toUpperCase()}/${next().toString(16).toUpperCase()}`], ['pg_snapshot', () => '10:20:10,14,15'],
    ['regclass', () => pick(['pg_class', 'pg_catalog.pg_type', '0'])], ['regtype', () => pick(['integer', 'text[]', 'timestamp with time zone', '"char"'])], ['regproc', () => pick(['now', 'sha256'])],
    ['int2vector', () => many(4, int(16)).join(' ')], ['oidvector', () => many(4, () => String(next())).join(' ')],
    ['int4range', range(small, byNumber)], ['int8range', range(small, byNumber)], ['numrange', range(small, byNumber)], ['daterange', range(plainDay, byText)],
    ['tsrange', range(plainTime, byText)], ['tstzrange', range(plainTime, byText)],
    ['int4multirange', multi(range(small, byNumber))], ['nummultirange', multi(range(small, byNumber))], ['datemultirange', multi(range(plainDay, byText))], ['tstzmultirange', multi(range(plainTime, byText))],
    ['mood', mood], ['percentage', () => String(below(1000) / 10)], ['label', text], ['pair', composite], ['textrange', range(() => pick(['a', 'b', 'm', '"x, y"', 'z']), byText)],
    ['int4[]', list(int(32))], ['int8[]', list(or(['9007199254740993', '-9223372036854775808'], int(64)))], ['float8[]', list(or(['NaN', '-Infinity', '-0', '1e300'], float64))], ['float4[]', list(float32)], ['numeric[]', list(numeric)],
    ['text[]', list(text)], ['bpchar[]', list(() => pick(['a  ', ' ', '']))], ['bool[]', list(() => pick(['t', 'f']))], ['bytea[]', list(() => `\\x${hex(below(9))}`)], ['uuid[]', list(() => hex(16))],
    ['date[]', list(date)], ['timestamp[]', list(timestamp)], ['timestamptz[]', list(timestamptz)], ['interval[]', list(interval)],
    ['box[]', list(() => `${point(finite)},${point(finite)}`, ';')], ['jsonb[]', row(tameJson)], ['json[]', row(() => jsonText(2))], ['int4range[]', list(range(small, byNumber))], ['inet[]', list(inet)], ['money[]', list(() => `${below(1e7)}.${two(below(100))}`)],
    ['mood[]', list(mood)], ['pair[]', list(composite)], ['percentage[]', list(() => String(below(1000) / 10))],
  ];
  return { columns: columns.map(([type, make], i) => ({ name: `c${i}`, type, make: () => (chance(12) ? null : make()) })) };
}

// A line of COPY's text format.
export const copyLine = (values) => `${values.map((value) => (value === null ? '\\N'
  : value.replace(/[\\\n\r\t]/g, (c) => ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' })[c]))).join('\t')}\n`;
