/** @file Encoding and decoding: what is written is read back, protobuf's rules hold, damaged bytes are refused. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkModel, type ModelProto, readOnnx, toTensor, writeOnnx } from '../index.ts';
import { inTemporaryFolder } from '../testing.ts';
import { decode } from './decode.ts';
import { concat, encode } from './encode.ts';
import { modelProto, type StringStringEntryProto, type TensorProto, tensorProto } from './onnx.ts';

const tensors = fc.record(
  {
    name: fc.string(),
    dims: fc.array(fc.nat()),
    dataType: fc.nat(16),
    floatData: fc.array(fc.float({ noNaN: true })),
    int32Data: fc.array(fc.integer()),
    int64Data: fc.array(fc.oneof(fc.maxSafeInteger(), fc.constant(2n ** 63n - 1n), fc.constant(-(2n ** 63n)))),
    doubleData: fc.array(fc.double({ noNaN: true })),
    uint64Data: fc.array(fc.oneof(fc.nat(), fc.constant(2n ** 64n - 1n))),
    stringData: fc.array(fc.uint8Array()),
    rawData: fc.uint8Array({ maxLength: 10000 }),
    externalData: fc.array(fc.record({ key: fc.string(), value: fc.string() }, { noNullPrototype: true })),
    metadataProps: fc.constant<StringStringEntryProto[]>([]),
  },
  {
    noNullPrototype: true,
    requiredKeys: [
      'dims',
      'floatData',
      'int32Data',
      'int64Data',
      'doubleData',
      'uint64Data',
      'stringData',
      'externalData',
      'metadataProps',
    ],
  },
);

describe('messages', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(tensors, (tensor) => {
        assert.deepEqual(decode(tensorProto, concat(encode(tensorProto, tensor as TensorProto))), tensor);
      }),
      { numRuns: 200 },
    );
  });

  it('nest to any sensible depth, with large parts passed on uncopied', () => {
    const rawData = new Uint8Array(100_000).fill(7);
    const inner = { node: [], name: 'then', initializer: [{ name: 'w', rawData }] };
    const model: ModelProto = {
      irVersion: 8,
      graph: { name: 'g', node: [{ opType: 'If', attribute: [{ name: 'then_branch', g: inner }] }] },
    };
    const chunks = encode(modelProto, model);
    assert.ok(chunks.parts.includes(rawData));
    const back = decode(modelProto, concat(chunks));
    assert.deepEqual(back.graph?.node?.[0]?.attribute?.[0]?.g?.initializer?.[0]?.rawData, rawData);
  });

  it('are read with packed and unpacked numbers alike, and unknown fields passed over', () => {
    // dims (field 1) packed, then unpacked; field 99 of each wire type.
    const bytes = Uint8Array.from([0x0a, 2, 3, 4, 0x08, 5, 0x98, 0x06, 1, 0x9a, 0x06, 2, 0, 0]);
    assert.deepEqual(decode(tensorProto, bytes).dims, [3, 4, 5]);
  });

  it('that are cut off or something else are refused', () => {
    const whole = concat(
      encode(modelProto, {
        irVersion: 8,
        graph: { name: 'g', initializer: [{ name: 'w', rawData: new Uint8Array(64) }] },
      }),
    );
    for (let length = 3; length < whole.length; length++) {
      assert.throws(() => decode(modelProto, whole.subarray(0, length), 'cut.onnx'), {
        code: 'BAD_FILE',
        message: /^cut\.onnx: is no ModelProto/,
      });
    }
  });
});

describe('readOnnx', () => {
  it('refuses what is no model, and data outside the folder', () =>
    inTemporaryFolder((folder) => {
      const path = join(folder, 'model.onnx');
      assert.throws(() => readOnnx(path), { code: 'BAD_FILE', message: /no such file/ });
      writeFileSync(path, 'hello, this is text');
      assert.throws(() => readOnnx(path), { code: 'BAD_FILE' });
      for (const location of ['../secret', '/etc/passwd', 'a/../../b', '']) {
        const externalData = [{ key: 'location', value: location }];
        writeOnnx(path, {
          irVersion: 8,
          graph: { name: 'g', initializer: [{ name: 'w', dims: [1], dataType: 1, dataLocation: 1, externalData }] },
        });
        assert.throws(() => readOnnx(path), /which is not below the model's folder/);
      }
      const externalData = [
        { key: 'location', value: 'short.bin' },
        { key: 'length', value: '8' },
      ];
      writeOnnx(path, {
        irVersion: 8,
        graph: { name: 'g', initializer: [{ name: 'w', dims: [2], dataType: 1, dataLocation: 1, externalData }] },
      });
      assert.throws(() => readOnnx(path), /short\.bin, which is missing/);
      writeFileSync(join(folder, 'short.bin'), 'four');
      assert.throws(() => readOnnx(path), /short\.bin: is cut off/);
    }));

  it('gives tensors whichever field their elements are in', () => {
    assert.deepEqual(toTensor({ dims: [2], dataType: 1, floatData: [0.5, -2] }).toArray(), [0.5, -2]);
    assert.deepEqual(toTensor({ dims: [1, 2], dataType: 7, int64Data: [3, 4] }).toArray(), [[3, 4]]);
    assert.deepEqual(toTensor({ dims: [2], dataType: 10, int32Data: [0x3c00, 0xc000] }).toArray(), [1, -2]);
    assert.deepEqual(toTensor({ dims: [2], dataType: 9, int32Data: [1, 0] }).toArray(), [true, false]);
  });
});

describe('checkModel', () => {
  const model = (graph: ModelProto['graph']): ModelProto => ({ irVersion: 8, opsetImport: [{ version: 17 }], graph });

  it('finds values that nothing makes, names given twice, and data of the wrong size', () => {
    const add = (name: string, input: string[], output: string[]) => ({ opType: 'Add', name, input, output });
    const good = { name: 'g', input: [{ name: 'x' }], node: [add('a', ['x', 'x'], ['y'])], output: [{ name: 'y' }] };
    assert.deepEqual(checkModel(model(good)), []);
    const bad = {
      name: 'g',
      input: [{ name: 'x' }],
      initializer: [{ name: 'w', dims: [3], dataType: 1, rawData: new Uint8Array(4) }],
      node: [add('a', ['x', 'late'], ['y']), add('a', ['x', 'w'], ['late']), add('b', ['x', 'w'], ['y'])],
      output: [{ name: 'z' }],
    };
    const problems = checkModel(model(bad)).join('\n');
    for (const expected of [
      /'late', which nothing before/,
      /two nodes are called 'a'/,
      /'y', which exists already/,
      /output 'z'/,
      /has 4 bytes, its shape needs 12/,
    ]) {
      assert.match(problems, expected);
    }
    assert.match(checkModel({}).join('\n'), /no IR version.*no graph/s);
  });
});
