/**
 * @file What quantisers in a graph look like: made by quantisation, understood by every export.
 *
 * A quantiser is one of two things. A node of kind `call` whose operator is `aten::fake_quantize_per_tensor_affine` or
 * `aten::fake_quantize_per_channel_affine` (any overload), its scale and zero point numbers, constants, parameters or buffers.
 * Or a node of kind `module` whose module implements `FakeQuantizer`; its forward is what such an operator computes.
 */

import type { Tensor } from '../core/tensor.ts';
import type { AnyModule } from '../nn/module.ts';

/** How a quantiser rounds: real value = scale · (integer − zero point), the integer clamped to [quantMin, quantMax]. */
export interface FakeQuantInfo {
  /** float32: of no dimensions or one element per tensor, one element a channel per channel. */
  readonly scale: Tensor;
  /** Integers (int32, or float32 with integral values) of the same number as the scales. */
  readonly zeroPoint: Tensor;
  /** Dimension of the channels; `null` per tensor. */
  readonly axis: number | null;
  readonly quantMin: number;
  readonly quantMax: number;
  /** Bits that the integers need as they are stored: 8 also where [quantMin, quantMax] is narrower by choice. */
  readonly bits: number;
  /** The integers are signed. */
  readonly signed: boolean;
}

/** A layer that stands for a quantiser. */
export interface FakeQuantizer {
  /** The values of now. The tensors stay the module's own: nobody writes to them or disposes them. */
  fakeQuantInfo(): FakeQuantInfo;
}

/** True for modules that say of themselves that they are quantisers. */
export function isFakeQuantizer(module: AnyModule): module is AnyModule & FakeQuantizer {
  return 'fakeQuantInfo' in module && typeof module.fakeQuantInfo === 'function';
}
