/** @file Interpolation: `Resize` with constant scales, or with sizes where scales would not give the size exactly. */

import { type Attributes, Float } from '../attributes.ts';
import type { Value } from '../builder.ts';
import { dimensionsOf, type Emitter, type EmitterTable, type Lowering } from '../lowering.ts';

interface Mode {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly rank: number;
  /** The centre of a pixel counts, not its corner. Always so for the smooth modes. */
  readonly exact?: boolean;
}

function resize({ mode, rank, exact = false }: Mode): Emitter {
  return (call) => {
    const name = call.has('self') ? 'self' : 'input';
    const input = call.meta(name);
    const output = call.result;
    if (input.shape.length !== rank + 2) throw call.unsupported('the input must have batch and channels');
    const attributes = { mode, ...coordinates(mode, exact, call.bool('align_corners')) };
    const scales = scalesOf(call, rank, input.shape.slice(2), output.shape.slice(2));
    const data = call.tensor(name);
    const exactly = scales.every((scale, i) => reaches(input.shape[2 + i] ?? 0, scale, output.shape[2 + i] ?? 0));
    if (exactly)
      return call.op('Resize', [data, '', call.constant([1, 1, ...scales], 'float32', [rank + 2])], attributes);
    return call.op('Resize', [data, '', '', call.shapeValue(dimensionsOf(output))], attributes);
  };
}

function coordinates(mode: Mode['mode'], exact: boolean, alignCorners: boolean): Attributes {
  if (mode === 'nearest') {
    return exact
      ? { coordinate_transformation_mode: 'half_pixel', nearest_mode: 'round_prefer_ceil' }
      : { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  }
  const cubic: Attributes = mode === 'cubic' ? { cubic_coeff_a: new Float(-0.75) } : {};
  return { coordinate_transformation_mode: alignCorners ? 'align_corners' : 'half_pixel', ...cubic };
}

/** The factors that the caller gave, or those between the sizes. */
function scalesOf(call: Lowering, rank: number, input: readonly number[], output: readonly number[]): number[] {
  const letters = ['scales_d', 'scales_h', 'scales_w'].slice(3 - rank);
  const given = call.has('scale_factors')
    ? call.argument('scale_factors')
    : letters.map((name) => call.argument(rank === 1 ? 'scales' : name));
  const list = Array.isArray(given) ? (given as readonly unknown[]) : [];
  return input.map((size, i) => {
    const scale = list[i];
    return typeof scale === 'number' ? scale : (output[i] ?? 0) / size;
  });
}

/** Whether everyone who computes the size from the scale gets there: runtimes in float32, checkers in float64. */
function reaches(size: number, scale: number, output: number): boolean {
  const stored = Math.fround(scale);
  return Math.floor(Math.fround(size * stored)) === output && Math.floor(size * stored) === output;
}

/** Samples at given positions. */
function gridSample(call: Lowering): Value {
  if (call.opset < 16) throw call.unsupported('it needs opset 16');
  const modes = call.opset >= 20 ? ['linear', 'nearest', 'cubic'] : ['bilinear', 'nearest', 'bicubic'];
  const paddings = ['zeros', 'border', 'reflection'];
  return call.op('GridSample', [call.tensor('input'), call.tensor('grid')], {
    align_corners: call.bool('align_corners'),
    mode: modes[call.number('interpolation_mode')],
    padding_mode: paddings[call.number('padding_mode')],
  });
}

export const resizing: EmitterTable = {
  upsample_nearest1d: resize({ mode: 'nearest', rank: 1 }),
  upsample_nearest2d: resize({ mode: 'nearest', rank: 2 }),
  upsample_nearest3d: resize({ mode: 'nearest', rank: 3 }),
  _upsample_nearest_exact1d: resize({ mode: 'nearest', rank: 1, exact: true }),
  _upsample_nearest_exact2d: resize({ mode: 'nearest', rank: 2, exact: true }),
  _upsample_nearest_exact3d: resize({ mode: 'nearest', rank: 3, exact: true }),
  upsample_linear1d: resize({ mode: 'linear', rank: 1 }),
  upsample_bilinear2d: resize({ mode: 'linear', rank: 2 }),
  upsample_trilinear3d: resize({ mode: 'linear', rank: 3 }),
  upsample_bicubic2d: resize({ mode: 'cubic', rank: 2 }),
  grid_sampler: gridSample,
  grid_sampler_2d: gridSample,
};
