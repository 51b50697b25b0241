/** @file For the tests of emitters: cases as data, the inputs that they share, and what is checked of each. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectNoLeaks, manualSeed, type nn, ops, randn, scope, type Tensor } from '@edgeai/torch';
import { network, operators, roundTrip } from '../testing.ts';

/** What is exported, on which inputs, and the ONNX operators that must come out where that is promised. */
export interface Case {
  readonly model: () => nn.AnyModule;
  readonly inputs: () => Tensor[];
  readonly emits?: readonly string[];
  /** Default: 13, 17 and 20. */
  readonly opsets?: readonly number[];
  /** Largest relative L2 difference. Default 1e-5. */
  readonly tolerance?: number;
}

/** Cases by family and name. */
export type Families = Readonly<Record<string, Readonly<Record<string, Case>>>>;

export const image =
  (channels = 4, height = 7, width = 9) =>
  () => [randn([2, channels, height, width])];

export const matrix = () => [randn([3, 6])];

/** A network that computes a function of tensors. */
export const fn = (forward: (...args: Tensor[]) => unknown) => () => network(forward) as nn.AnyModule;

/** An operator by its own name, `norm.ScalarOpt_dim`. */
export function aten(name: string, ...args: unknown[]): Tensor {
  const [operator = '', overload] = name.split('.');
  const packet = ops.aten?.[operator];
  return (overload === undefined ? packet?.(...args) : packet?.[overload]?.(...args)) as Tensor;
}

/** Exports each case with each opset, compares it with onnxruntime, and sees that nothing stays alive. */
export function testExports(families: Families): void {
  for (const [family, cases] of Object.entries(families)) {
    describe(`exported ${family}`, () => {
      for (const [name, { model, inputs, emits, opsets = [13, 17, 20], tolerance = 1e-5 }] of Object.entries(cases)) {
        it(name, async () => {
          manualSeed(7);
          const net = model();
          net.eval();
          const sample = scope(inputs);
          await expectNoLeaks(async () => {
            for (const opset of opsets) {
              const { exported } = await roundTrip(net, [sample], { opset, tolerance });
              if (emits !== undefined) assert.deepEqual(operators(exported), emits);
            }
          });
          for (const value of sample) value.dispose();
        });
      }
    });
  }
}
