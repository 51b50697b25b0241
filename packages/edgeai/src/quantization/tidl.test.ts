/** @file The files for TI's compiler name the tensors of the ONNX file and say their ranges. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { quantization } from '@edgeai/modelopt';
import { exportOnnx } from '@edgeai/onnx';
import { manualSeed, nn, rand, type Tensor } from '@edgeai/torch';

import { writeTidlFiles } from './tidl.ts';

async function network(target: string, overrides: readonly quantization.QuantizationOverride[] = []) {
  manualSeed(0);
  const net = new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU(), new nn.Flatten(), new nn.Linear(144, 2)).eval();
  const data: Tensor[] = [rand([2, 3, 8, 8])];
  const { model } = await quantization.quantizePTQ(net as nn.Module<[Tensor], Tensor>, data, {
    config: { target, overrides },
    adaRound: false,
    biasCorrection: false,
  });
  return { model, data };
}

test('ranges by the names of tensors in the file, and the options of the import', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgeai-tidl-'));
  try {
    const { model, data } = await network('tidl-pow2');
    const { model: proto } = exportOnnx(model as unknown as nn.AnyModule, data, { path: join(folder, 'model.onnx') });
    writeTidlFiles(model, { file: 'model.onnx', format: 'qdq' }, folder);
    const text = readFileSync(join(folder, 'tidl_quant_params.prototxt'), 'utf8');
    const names = Array.from(text.matchAll(/name: "([^"]*)"/g), ([, name]) => name);
    const tensors = new Set(['input', ...(proto.graph?.node ?? []).flatMap(({ output = [] }) => output)]);
    assert.equal(names.length, 3);
    assert.deepEqual(
      names.filter((name) => !tensors.has(name ?? '')),
      [],
    );
    const scales = Array.from(text.matchAll(/scale: (\S+)/g), ([, scale]) => Number(scale));
    assert.ok(scales.every((scale) => Number.isInteger(Math.log2(scale))));
    const options: unknown = JSON.parse(readFileSync(join(folder, 'tidl_import.json'), 'utf8'));
    assert.deepEqual(options, {
      tensor_bits: 8,
      accuracy_level: 0,
      'advanced_options:quantization_scale_type': 1,
      'advanced_options:prequantized_model': 1,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('layers of 16 bits are named where there is no file with integers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgeai-tidl-'));
  try {
    const wide = { layers: '3', weight: { bits: 16 }, activation: { bits: 16 } };
    const { model } = await network('tidl', [wide]);
    writeTidlFiles(model, null, folder);
    const options = JSON.parse(readFileSync(join(folder, 'tidl_import.json'), 'utf8')) as Record<string, unknown>;
    assert.equal(options['advanced_options:params_16bit_names_list'], '3');
    assert.equal(options['advanced_options:output_feature_16bit_names_list'], '3');
    assert.equal(options['advanced_options:quant_params_proto_path'], 'tidl_quant_params.prototxt');
    assert.equal(options['advanced_options:quantization_scale_type'], 4);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
