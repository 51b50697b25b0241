/** @file The header of `.npy` files: a Python dict literal with the type, the order and the shape of an array. */

import { FileFormatError } from '../errors.ts';

/** What the header says. */
export interface NpyHeader {
  /** numpy's type code, such as `<f4`. */
  descr: string;
  fortranOrder: boolean;
  shape: number[];
}

const TOKEN = /\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\d+)[lL]?|(True|False)|([{}()[\],:]))\s*/y;

/**
 * Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
 *
 * @throws FileFormatError for anything else, record types (whose `descr` is a list) included.
 */
export function parseNpyHeader(text: string): NpyHeader {
  const tokens = tokenize(text);
  const fields = new Map<string, unknown>();
  expectToken(tokens, '{');
  while (tokens[0] !== '}') {
    const key = tokens.shift();
    if (!(key instanceof Literal) || typeof key.value !== 'string') throw invalid('a key is not a string');
    expectToken(tokens, ':');
    fields.set(key.value, parseValue(tokens));
    if (tokens[0] !== '}') expectToken(tokens, ',');
  }
  const descr = fields.get('descr');
  const fortranOrder = fields.get('fortran_order');
  const shape = fields.get('shape');
  if (Array.isArray(descr)) throw new FileFormatError('holds an array of records, which is not supported');
  const isShape = Array.isArray(shape) && shape.every((n): n is number => Number.isSafeInteger(n));
  if (typeof descr !== 'string' || typeof fortranOrder !== 'boolean' || !isShape) {
    throw invalid('descr, fortran_order or shape is missing or of the wrong type');
  }
  return { descr, fortranOrder, shape };
}

/** The inverse of {@link parseNpyHeader}, without padding. */
export function formatNpyHeader({ descr, fortranOrder, shape }: NpyHeader): string {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  return `{'descr': '${descr}', 'fortran_order': ${fortranOrder ? 'True' : 'False'}, 'shape': ${tuple}, }`;
}

class Literal {
  readonly value: string | number | boolean;

  constructor(value: string | number | boolean) {
    this.value = value;
  }
}

type Token = Literal | string;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw invalid(`unexpected '${text.slice(at, at + 20)}'`);
    const [, single, double, digits, truth, sign] = match;
    if (sign !== undefined) tokens.push(sign);
    else if (digits !== undefined) tokens.push(new Literal(Number(digits)));
    else if (truth !== undefined) tokens.push(new Literal(truth === 'True'));
    else tokens.push(new Literal(single ?? double ?? ''));
  }
  return tokens;
}

function expectToken(tokens: Token[], expected: string): void {
  const token = tokens.shift();
  if (token !== expected) throw invalid(`expected '${expected}' but found ${describeToken(token)}`);
}

function describeToken(token: Token | undefined): string {
  if (token === undefined) return 'the end';
  return `'${token instanceof Literal ? token.value : token}'`;
}

/** A literal, or a flat tuple or list of them; deeper nesting only occurs in record types, which are not read. */
function parseValue(tokens: Token[]): unknown {
  const token = tokens.shift();
  if (token instanceof Literal) return token.value;
  if (token !== '(' && token !== '[') throw invalid(`expected a value but found ${describeToken(token)}`);
  const close = token === '(' ? ')' : ']';
  const items: unknown[] = [];
  while (tokens[0] !== close) {
    const item = tokens.shift();
    if (token === '[' && item === '(') throw new FileFormatError('holds an array of records, which is not supported');
    if (!(item instanceof Literal)) throw invalid(`expected a value but found ${describeToken(item)}`);
    items.push(item.value);
    if (tokens[0] !== close) expectToken(tokens, ',');
  }
  tokens.shift();
  return items;
}

function invalid(what: string): FileFormatError {
  return new FileFormatError(`corrupt: invalid array header: ${what}`);
}
