/** @file The rule that gives resizes scale factors instead of sizes. */

import { fx, nn } from '@edgeai/torch';
import { exactly, type GraphSite, type SurgeryRule } from '../rule.ts';

const RESIZES = ['upsample_nearest2d', '_upsample_nearest_exact2d', 'upsample_bilinear2d', 'upsample_bicubic2d'];

/** The factors that lead to these sizes, in the operators' own arithmetic; a text where none do. */
function factors(input: readonly number[], output: readonly number[]): number[] | string {
  const scales = output.map((size, i) => size / (input[i] ?? 1));
  const exact = scales.every((scale, i) => Math.floor((input[i] ?? 1) * scale) === output[i]);
  return exact ? scales : `no factor leads from ${input.join('×')} to ${output.join('×')}`;
}

/** The same operator with `scale_factors` in the place of `output_size`. */
function withScales(match: fx.PatternMatch, before: fx.Node, { target }: GraphSite): fx.Node | string | undefined {
  const node = match.output as fx.CallNode;
  const x = match.node('x');
  const named = fx.namedArguments(node);
  const { output_size: size } = named;
  const shape = fx.tensorMeta(x)?.shape;
  if (!Array.isArray(size) || shape === undefined) return undefined;
  if (size.some((each) => typeof each !== 'number')) return 'the size follows another input';
  const scales = factors(shape.slice(2), size as number[]);
  if (typeof scales === 'string') return scales;
  const args = node.operator.schema.arguments.map(({ name }) =>
    name === 'output_size' ? null : name === 'scale_factors' ? scales : named[name],
  );
  const { operator, path, meta, modulePath } = node;
  return target.graph.add({ kind: 'call', operator, path, args: [x, ...args.slice(1)], meta, modulePath }, before);
}

export const resizeRule: SurgeryRule = {
  id: 'convert_resize_params_size_to_scale',
  summary: 'resize to a size → resize by factors',
  preserves: 'exact',
  weights: 'none',
  burden: 'a size from elsewhere in the network cannot be planned for; a factor can',
  modules: {
    matches: (module) =>
      exactly(nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)(module) &&
      (module as nn.Upsample).size !== null,
    replace: (module, { inputShape }) => {
      const { size, mode, alignCorners } = module as nn.Upsample;
      if (inputShape === undefined)
        return 'the size of its input is not known, or not always the same: give example inputs';
      const spatial = inputShape.slice(2);
      const sizes = typeof size === 'number' ? spatial.map(() => size) : [...(size ?? [])];
      const scales = factors(spatial, sizes);
      return typeof scales === 'string' ? scales : new nn.Upsample({ scaleFactor: scales, mode, alignCorners });
    },
  },
  graph: [
    {
      pattern: () =>
        new fx.PatternMatcher(
          fx.call(RESIZES, [fx.input('x')], { where: (node) => Array.isArray(fx.namedArguments(node).output_size) }),
        ),
      replace: withScales,
    },
  ],
};
