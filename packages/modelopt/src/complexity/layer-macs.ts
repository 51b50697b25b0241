/** @file Multiply-accumulates of layers and operators, from shapes alone. */

import { fx, nn } from '@edgeai/torch';

type Shape = readonly number[];

const product = (shape: Shape): number => shape.reduce((all, size) => all * size, 1);

/** Of a convolution, transposed convolution or linear layer; `null` for any other module. */
export function layerMacs(module: nn.AnyModule, input: Shape, output: Shape): number | null {
  if (module instanceof nn.Linear) return product(output) * module.weight.size(1);
  // A transposed convolution multiplies each input element with its whole kernel, a convolution computes each output
  // element from one: in both cases the weight without its first dimension.
  if (isTransposed(module)) return product(input) * product(module.weight.shape.slice(1));
  if (isConvolution(module)) return product(output) * product(module.weight.shape.slice(1));
  return null;
}

export function isConvolution(module: nn.AnyModule): module is nn.Conv1d | nn.Conv2d | nn.Conv3d {
  return module instanceof nn.Conv1d || module instanceof nn.Conv2d || module instanceof nn.Conv3d;
}

export function isTransposed(
  module: nn.AnyModule,
): module is nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d {
  return (
    module instanceof nn.ConvTranspose1d || module instanceof nn.ConvTranspose2d || module instanceof nn.ConvTranspose3d
  );
}

const shapeOf = (argument: fx.Argument): Shape =>
  (fx.isNode(argument) ? fx.tensorMeta(argument)?.shape : undefined) ?? [];

/** For each operator that multiplies matrices, its multiply-accumulates from its arguments and its result's shape. */
const OPERATORS: Readonly<Record<string, (args: readonly fx.Argument[], output: Shape) => number>> = {
  conv1d: convolution,
  conv2d: convolution,
  conv3d: convolution,
  conv_transpose1d: transposedConvolution,
  conv_transpose2d: transposedConvolution,
  conv_transpose3d: transposedConvolution,
  linear: ([, weight], output) => product(output) * (shapeOf(weight)[1] ?? 1),
  matmul: ([a], output) => product(output) * (shapeOf(a).at(-1) ?? 1),
  mm: ([a], output) => product(output) * (shapeOf(a).at(-1) ?? 1),
  bmm: ([a], output) => product(output) * (shapeOf(a).at(-1) ?? 1),
  addmm: ([, a], output) => product(output) * (shapeOf(a).at(-1) ?? 1),
  baddbmm: ([, a], output) => product(output) * (shapeOf(a).at(-1) ?? 1),
  einsum: ([equation, operands]) => einsum(String(equation), operands),
};

function convolution([, weight]: readonly fx.Argument[], output: Shape): number {
  return product(output) * product(shapeOf(weight).slice(1));
}

function transposedConvolution([input, weight]: readonly fx.Argument[]): number {
  return product(shapeOf(input ?? null)) * product(shapeOf(weight ?? null).slice(1));
}

/** The product of the sizes of all letters. */
function einsum(equation: string, operands: fx.Argument | undefined): number {
  const [inputs = ''] = equation.replaceAll(/\s/g, '').split('->');
  const sizes = new Map<string, number>();
  const shapes = Array.isArray(operands) ? (operands as readonly fx.Argument[]).map(shapeOf) : [];
  for (const [i, letters] of inputs.split(',').entries())
    for (const [at, letter] of [...letters].entries()) sizes.set(letter, shapes[i]?.[at] ?? 1);
  return product([...sizes.values()]);
}

/** Of an operator call; 0 for operators that do not multiply matrices. */
export function operatorMacs(node: fx.CallNode): number {
  const count = OPERATORS[fx.operatorBaseName(node.operator.name)];
  return count === undefined ? 0 : count(node.args, fx.tensorMeta(node)?.shape ?? []);
}
