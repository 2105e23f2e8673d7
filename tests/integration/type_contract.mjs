// The type contract of docs/types.md read backwards: a value of an answer, parsed by JSON.parse, and its column give the text
// PostgreSQL sent. Written from that page alone, as a client would.
import assert from 'node:assert/strict';

// PostgreSQL's layout of a float from its shortest digits: plain from 1e-4 up to 15 digits before the point (6 for float4).
function floatText(value, integer_digits) {
  if (typeof value === 'string') return value;
  if (Object.is(value, -0)) return '-0';
  const [mantissa, power] = value.toExponential().split('e');
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= integer_digits)) {
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.padEnd(exponent + 1, '0');
  return sign + whole.slice(0, exponent + 1) + (whole.length > exponent + 1 ? `.${whole.slice(exponent + 1)}` : '');
}

const timestampText = (value) => value.replace(/(\d)T(\d)/, '$1 $2');
const scalar = {
  number(value, type) {
    if (type === 'float8') return floatText(value, 15);
    if (type === 'float4') return floatText(value, 6);
    return typeof value === 'string' ? value : BigInt(value).toString();
  },
  boolean: (value) => (value ? 't' : 'f'),
  base64: (value) => `\\x${Buffer.from(value, 'base64').toString('hex')}`,
  hex: (value) => value,
  text: (value) => value,
  string(value, type) {
    if (type === 'timestamp') return timestampText(value);
    if (type === 'timestamptz') return timestampText(value).replace(/([+-]\d\d):00( BC)?$/, '$1$2');
    return value;
  },
};

// An element as array_out writes it.
const quoted = (text, delimiter) => (text === '' || /^null$/i.test(text) || /["\\{} \t\n\v\f\r]/.test(text) || text.includes(delimiter)
  ? `"${text.replace(/["\\]/g, '\\$&')}"` : text);

function arrayText(value, each, delimiter) {
  if (!Array.isArray(value)) {
    let level = value.values;
    const bounds = value.lower_bounds.map((lower) => {
      const text = `[${lower}:${lower + level.length - 1}]`;
      [level] = level;
      return text;
    });
    return `${bounds.join('')}=${arrayText(value.values, each, delimiter)}`;
  }
  return `{${value.map((element) => {
    if (element === null) return 'NULL';
    return Array.isArray(element) ? arrayText(element, each, delimiter) : quoted(each(element), delimiter);
  }).join(delimiter)}}`;
}

// The text PostgreSQL sent for `value`; null for NULL. For json that is spliced see sameJson.
export function backToText(value, { type = '', encoding }) {
  if (value === null) return null;
  if (!encoding.endsWith('[]')) return scalar[encoding](value, type);
  const element = type.slice(0, -2);
  return arrayText(value, (one) => scalar[encoding.slice(0, -2)](one, element), element === 'box' ? ';' : ',');
}

// A decimal number as digits and the power of its last one, so that 1.10, 1.1 and 11e-1 are the same.
function decimal(text) {
  const [, sign, whole, fraction = '', power = '0'] = text.match(/^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/);
  const digits = (whole + fraction).replace(/^0+(?=\d)/, '');
  const kept = digits.replace(/0+$/, '');
  return kept === '' ? '0' : `${sign}${kept}e${Number(power) - fraction.length + digits.length - kept.length}`;
}

// json that was spliced is what its text says, and no number in it has lost a digit.
export function sameJson(value, text) {
  assert.deepEqual(value, JSON.parse(text), text);
  for (const [, , number] of text.matchAll(/"(?:[^"\\]|\\.)*"|((-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?))/g)) {
    if (number !== undefined) assert.equal(decimal(String(Number(number))), decimal(number), text);
  }
}

export const isSpliced = ({ encoding }) => encoding === 'json' || encoding === 'json[]';

// The elements of an array of one dimension and usual bounds, from PostgreSQL's text.
export function elementsOf(text) {
  const elements = [];
  for (const [, raw, plain] of text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g)) {
    elements.push(raw === undefined ? (plain === 'NULL' ? null : plain) : raw.replace(/\\(.)/gs, '$1'));
  }
  return elements;
}

// Where two shortest forms read back as the same double, JavaScript prints another one than PostgreSQL.
const sameFloats = (text, type) => text.replace(/-?\d[\d.]*(e[+-]\d+)?/g, (number) => floatText(Number(number), type.startsWith('float8') ? 15 : 6));

// A value of any column against psql's text.
export function assertSame(value, column, text, what) {
  if (text !== null && value !== null && /^float[48](\[\])?$/.test(column.type)) {
    const [bounds] = text.match(/^(\[[-\d:\][]*\]=)?/);
    assert.equal(backToText(value, column), bounds + sameFloats(text.slice(bounds.length), column.type), what);
  } else if (text === null || value === null || !isSpliced(column)) {
    assert.equal(backToText(value, column), text, what);
  } else if (column.encoding === 'json') {
    sameJson(value, text);
  } else {
    const elements = elementsOf(text);
    assert.equal(value.length, elements.length, what);
    value.forEach((element, i) => (elements[i] === null ? assert.equal(element, null, what) : sameJson(element, elements[i])));
  }
}
