/** @file What TI's compiler (TIDL) takes beside a quantised model: the ranges of its tensors, and options for the import. */

import { join } from 'node:path';
import type { quantization } from '@edgeai/modelopt';
import { readOnnx } from '@edgeai/onnx';
import { scope, writeFileAtomic } from '@edgeai/torch';

/** One rounded tensor. */
export interface TensorRange {
  /** Name of the tensor in the ONNX file; of the place in the network where there is no file. */
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly scale: number;
  readonly zeroPoint: number;
  readonly bits: number;
}

/** Options of the import, by the compiler's names. */
export type TidlOptions = Readonly<Record<string, string | number>>;

const SCALES = { affine: 0, powerOfTwo: 1, perChannel: 4 } as const;

/** The range of every rounded result, in the network's order. */
export function tensorRanges(
  model: Pick<quantization.QuantizedModel, 'quantizers'>,
  names: ReadonlyMap<string, string>,
): TensorRange[] {
  return Array.from(model.quantizers('activation'), ([path, quantizer]) =>
    scope(() => {
      const { scale, zeroPoint, quantMin, quantMax, bits } = quantizer.fakeQuantInfo();
      const [step, zero] = [scale.item(), zeroPoint.item()];
      const end = (integer: number) => (integer - zero) * step;
      const name = names.get(path) ?? quantizer.layer;
      return { name, min: end(quantMin), max: end(quantMax), scale: step, zeroPoint: zero, bits };
    }),
  );
}

/** Options with which the compiler takes the numbers of the model as they are. 16-bit layers are named. */
export function tidlOptions(
  model: Pick<quantization.QuantizedModel, 'quantizers' | 'quantizedLayers'>,
  ranges: readonly TensorRange[],
  { prequantized }: { prequantized: boolean },
): TidlOptions {
  const weights = Array.from(model.quantizers('weight').values(), ({ scheme }) => scheme);
  const wide = ranges.filter(({ bits }) => bits > 8).map(({ name }) => name);
  const wideWeights = Array.from(model.quantizedLayers())
    .filter(([, { weight_fake_quant: quantizer }]) => quantizer !== null && quantizer.scheme.bits > 8)
    .map(([path]) => path);
  const scaleType = weights.some(({ powerOfTwo }) => powerOfTwo)
    ? SCALES.powerOfTwo
    : weights.some(({ granularity }) => granularity === 'channel')
      ? SCALES.perChannel
      : SCALES.affine;
  return {
    tensor_bits: 8,
    accuracy_level: 0,
    'advanced_options:quantization_scale_type': scaleType,
    ...(prequantized
      ? { 'advanced_options:prequantized_model': 1 }
      : { 'advanced_options:quant_params_proto_path': 'tidl_quant_params.prototxt' }),
    ...(wide.length === 0 ? {} : { 'advanced_options:output_feature_16bit_names_list': wide.join(',') }),
    ...(wideWeights.length === 0 ? {} : { 'advanced_options:params_16bit_names_list': wideWeights.join(',') }),
  };
}

/** Writes `tidl_quant_params.prototxt` and `tidl_import.json`; returns their names. @param onnx the exported file, where there is one */
export function writeTidlFiles(
  model: Pick<quantization.QuantizedModel, 'quantizers' | 'quantizedLayers'>,
  onnx: { file: string; format: 'qdq' | 'clip' } | null,
  outputDir: string,
): string[] {
  const ranges = tensorRanges(model, onnx === null ? new Map() : tensorNames(join(outputDir, onnx.file)));
  const prequantized = onnx?.format === 'qdq';
  const entries = ranges.map(({ name, min, max, scale, zeroPoint, bits }) =>
    [
      'tensor {',
      `  name: ${JSON.stringify(name)}`,
      `  min: ${min}`,
      `  max: ${max}`,
      `  scale: ${scale}`,
      `  zero_point: ${zeroPoint}`,
      `  bits: ${bits}`,
      '}',
    ].join('\n'),
  );
  writeFileAtomic(join(outputDir, 'tidl_quant_params.prototxt'), `${entries.join('\n')}\n`);
  const options = tidlOptions(model, ranges, { prequantized });
  writeFileAtomic(join(outputDir, 'tidl_import.json'), `${JSON.stringify(options, null, 2)}\n`);
  return ['tidl_quant_params.prototxt', 'tidl_import.json'];
}

/** By quantiser: the tensor of the file that it rounds. */
function tensorNames(path: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const { name = '', opType = '', input = [] } of readOnnx(path).graph?.node ?? []) {
    const [tensor] = input;
    if (tensor === undefined || (opType !== 'QuantizeLinear' && opType !== 'Clip')) continue;
    const quantizer = name.slice(0, name.lastIndexOf('/')).replaceAll('/', '.');
    // A clip before the rounding is the nearer to what the network computes.
    if (!names.has(quantizer)) names.set(quantizer, tensor);
  }
  return names;
}
