/** @file The unpickler: Python's values in all protocols, what it refuses to load, and hostile input. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FileFormatError } from '../errors.ts';
import { UnsafePickleError, unpickle } from './pickle-reader.ts';
import { FrozenSet, Tuple } from './pickle-values.ts';
import { TensorRecord } from './records.ts';
import { expected } from './testing.ts';
import { torchGlobals } from './torch-globals.ts';

fc.configureGlobal({ seed: 1 });

const globals = torchGlobals(() => {});

/** A pickle from its text, instructions and operands as they lie in the file. */
function read(text: string): unknown {
  return unpickle(Buffer.from(text, 'latin1'), { globals, source: 'x.pkl' });
}

for (const [protocol, pickled] of expected.pickles.entries()) {
  test(`protocol ${protocol} gives the values that Python wrote`, () => {
    const values = unpickle(Buffer.from(pickled, 'hex'), { globals }) as unknown[];
    assert.deepEqual(values.slice(0, 9), [null, true, 7, -300, 70000, 2 ** 40, -(2n ** 80n), 1.5, "text\n'é"]);
    assert.deepEqual(values[9], new Uint8Array([0x72, 0x61, 0x77, 0xff]));
    assert.deepEqual(values[10], [1, [2]]);
    assert.deepEqual(values[11], Tuple.fromItems([1, 2, 3, 4]));
    assert.deepEqual(values[12], { k: 1 });
    assert.deepEqual(values[13], new Map([[1, 'v']]));
    assert.deepEqual(values[14], new Set([4, 5]));
    assert.deepEqual(values[15], new FrozenSet([6]));
    assert.deepEqual(values[16], { z: 1 });
    assert.equal(values[17], 0.5);
    const array = values[18];
    assert.ok(array instanceof TensorRecord);
    assert.deepEqual([array.dtype, array.shape], ['float64', [3]]);
    assert.deepEqual([...new Float64Array(array.storage.bytes.slice().buffer)], [0, 1, 2]);
  });
}

test('code is refused by name, whatever instruction asks for it', () => {
  const attempts: [string, string][] = [
    ["cposix\nsystem\n(S'echo'\ntR.", 'posix.system'],
    ['cos\nsystem\n.', 'os.system'],
    ['\x80\x04\x8c\x08builtins\x8c\x04eval\x93.', 'builtins.eval'],
    ["(S'x'\ni__builtin__\nexec\n.", '__builtin__.exec'],
    ['c__builtin__\ngetattr\n.', '__builtin__.getattr'],
    ['ctorch.hub\nload\n.', 'torch.hub.load'],
    ['cObject.prototype\nconstructor\n.', 'Object.prototype.constructor'],
    ['c__proto__\nconstructor\n.', '__proto__.constructor'],
    ['cnumpy.testing\nrun_string\n.', 'numpy.testing.run_string'],
  ];
  for (const [text, name] of attempts) {
    assert.throws(
      () => read(text),
      (error: unknown) => {
        assert.ok(error instanceof UnsafePickleError);
        assert.equal(error.code, 'UNSAFE_PICKLE');
        assert.equal(error.global, name);
        assert.ok(error.message.startsWith(`x.pkl: refused to load '${name}'`), error.message);
        return true;
      },
    );
  }
});

test('data cannot pass for code: only an allowed global can be called', () => {
  assert.throws(() => read("S'posix.system'\n)R."), /calls a value that is not callable/);
  assert.throws(() => read('ctorch\nfloat32\n)R.'), /not callable/);
  assert.throws(() => read('\x82\x01.'), /unknown instruction 0x82/);
  assert.throws(() => unpickle(Buffer.from('ccollections\nOrderedDict\n.')), UnsafePickleError);
});

test('a key __proto__ changes no prototype', () => {
  const value = read("(dS'__proto__'\n(dS'polluted'\nI01\nss.");
  assert.ok(value instanceof Map);
  assert.deepEqual(value.get('__proto__'), { polluted: true });
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test('what is shared in the pickle is shared in the result', () => {
  const [a, b] = read('](}q\x01X\x01\x00\x00\x00kK\x01sh\x01e.') as [object, object];
  assert.deepEqual(a, { k: 1 });
  assert.equal(a, b);
});

test('a namespace becomes an object; the attributes of a dict are dropped', () => {
  assert.deepEqual(read("cargparse\nNamespace\n)\x81}S'lr'\nF0.5\nsb."), { lr: 0.5 });
  assert.deepEqual(read("ccollections\nOrderedDict\n)R}S'_metadata'\nNsb."), {});
});

test('values that contain themselves, nest without end or multiply are refused', () => {
  assert.throws(() => read(']q\x00h\x00a.'), /contains itself/);
  assert.throws(() => read(`${']'.repeat(600)}${'a'.repeat(599)}.`), /nests deeper than 500 levels/);
  assert.throws(() => read(`]q\x00${'\x85q\x00'.repeat(600)}.`), /nests deeper/);
  // 2 to the power of 40 leaves in 200 bytes.
  assert.throws(() => read(`]q\x00${'0h\x00h\x00\x86q\x00'.repeat(40)}.`), /stands for more than/);
});

test('a few bytes cannot cause unbounded work', () => {
  const list = `](${'K\x01'.repeat(20_000)}e\x85q\x01`;
  const repeated = `(${'c__builtin__\nset\nq\x02h\x01R0'}${'h\x02h\x01R0'.repeat(20_000)}t.`;
  const start = performance.now();
  assert.throws(() => read(list + repeated), /repeats large values/);
  assert.ok(performance.now() - start < 2000);
  // A single instruction that claims 2 GB, and one that claims 2^63 bytes.
  assert.throws(() => read('B\xff\xff\xff\x7fabc'), /truncated/);
  assert.throws(() => read('\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc'), FileFormatError);
});

test('corrupt pickles are errors that name the file', () => {
  const broken = ['', '.', 'K', '(K\x01x', 'h\x05.', '0.', 'e.', 'K\x01K\x02s.', '}(K\x01u.', '}]K\x01s.', ')K\x01a.'];
  const more = ['\x80\x09N.', 'Ix\n.', 'Fx\n.', "S'x\n.", 'X\x01\x00\x00\x00\xff.', 'Q.', 'K\x01Q.', 'K\x01}b.', '((.'];
  for (const text of [...broken, ...more]) {
    assert.throws(
      () => read(text),
      (error) => error instanceof FileFormatError && error.path === 'x.pkl',
      JSON.stringify(text),
    );
  }
});

test('any bytes at all give a value or an error of ours, quickly', () => {
  const valid = expected.pickles.map((pickled) => Buffer.from(pickled, 'hex'));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .tuple(fc.constantFrom(...valid), fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { maxLength: 4 }), fc.nat(1000))
      .map(([original, changes, cut]) => {
        const changed = Uint8Array.from(original);
        for (const [at, byte] of changes) changed[at % changed.length] = byte;
        return changed.subarray(0, cut > 700 ? cut % changed.length : changed.length);
      }),
  );
  fc.assert(
    fc.property(bytes, (input) => {
      try {
        unpickle(input, { globals, persistentLoad: () => null });
      } catch (error) {
        assert.ok(error instanceof FileFormatError || error instanceof UnsafePickleError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
