/** @file The part of the unpickler's allow-list that makes plain Python values: dicts, sets, bytes, namespaces, paths. */

import { FileFormatError } from '../errors.ts';
import { PickleConstant, type PickleFunction, type PickleGlobals } from './pickle-reader.ts';
import { decodeUtf8 } from './pickle-text.ts';
import { FrozenSet, hashable, PyComplex, PyDict, Tuple } from './pickle-values.ts';

/** dict(), dict(mapping) or dict(pairs). */
const makeDict: PickleFunction = ([from]) => {
  const dict = new PyDict();
  if (from === undefined) return dict;
  if (from instanceof PyDict) for (const [key, value] of from) dict.set(key, value);
  else {
    for (const pair of itemsOf(from, 'dict')) {
      if (!Array.isArray(pair) || pair.length !== 2) throw new FileFormatError('corrupt: a dict is made of no pairs');
      dict.set(hashable(pair[0]), pair[1]);
    }
  }
  return dict;
};

/** `pathlib` pickles a path as its parts. */
const makePath =
  (separator: string): PickleFunction =>
  (parts) => {
    const names = parts.map(String);
    const rooted = names[0]?.endsWith(separator) ? (names.shift() ?? '') : '';
    return rooted + names.join(separator);
  };

/** `_codecs.encode(text, 'latin1')`: how protocols below 3 hold bytes. */
const encode: PickleFunction = ([text, encoding]) => {
  if (text instanceof Uint8Array) return text;
  if (typeof text !== 'string' || (encoding !== 'latin1' && encoding !== 'latin-1')) {
    throw new FileFormatError('corrupt: bytes are encoded in another way than Latin-1');
  }
  if (/[^\0-\xff]/.test(text)) throw new FileFormatError('corrupt: bytes are encoded by characters beyond Latin-1');
  return new Uint8Array(Buffer.from(text, 'latin1'));
};

const makeBytes: PickleFunction = (args) => {
  const [from] = args;
  if (from === undefined) return new Uint8Array(0);
  if (from instanceof Uint8Array) return from;
  if (typeof from === 'string') return encode(args);
  return Uint8Array.from(itemsOf(from, 'bytes'), Number);
};

function itemsOf(value: unknown, what: string): unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  if (value instanceof Set) return [...value];
  throw new FileFormatError(`corrupt: a ${what} is made of something that is not a list`);
}

/** See the file's description. None of these does more than copy its arguments. */
export const PLAIN_GLOBALS: PickleGlobals = {
  'collections.OrderedDict': makeDict,
  'collections.Counter': makeDict,
  // The first argument is the default's factory, which only adding keys would call.
  'collections.defaultdict': ([, from]) => makeDict([from]),
  'argparse.Namespace': () => new PyDict([], true),
  'types.SimpleNamespace': () => new PyDict([], true),
  'builtins.dict': makeDict,
  'builtins.list': ([from]) => [...itemsOf(from, 'list')],
  'builtins.tuple': ([from]) => Tuple.fromItems(itemsOf(from, 'tuple')),
  'builtins.set': ([from]) => new Set(itemsOf(from, 'set').map(hashable)),
  'builtins.frozenset': ([from]) => new FrozenSet(itemsOf(from, 'frozenset').map(hashable)),
  'builtins.bytes': makeBytes,
  'builtins.bytearray': makeBytes,
  'builtins.complex': ([real, imag]) => new PyComplex(Number(real ?? 0), Number(imag ?? 0)),
  'builtins.int': ([value]) => (typeof value === 'number' || typeof value === 'bigint' ? value : 0),
  'builtins.float': ([value]) => Number(value ?? 0),
  'builtins.bool': ([value]) => value === true,
  'builtins.str': ([value]) => (value instanceof Uint8Array ? decodeUtf8(value) : String(value ?? '')),
  'builtins.object': new PickleConstant(null),
  'copyreg._reconstructor': () => {
    throw new FileFormatError('corrupt: an object is made of no class');
  },
  '_codecs.encode': encode,
  'pathlib.PosixPath': makePath('/'),
  'pathlib.PurePosixPath': makePath('/'),
  'pathlib.WindowsPath': makePath('\\'),
  'pathlib.PureWindowsPath': makePath('\\'),
};
