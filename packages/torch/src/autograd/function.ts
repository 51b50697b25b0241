/** @file Functions whose backward is written in TypeScript, as nodes in libtorch's own graph. */

import { handleOf } from '../core/dispatch.ts';
import { scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { type Handle, native } from '../native.ts';
import { noGrad } from './modes.ts';

/** Carries what forward wants backward to know: tensors by `saveForBackward`, other values as properties of `state`. */
export class FunctionContext<State extends object = Record<string, unknown>> {
  /** Anything that is not a tensor: tensors left here are released when forward returns. */
  state = {} as State;
  /** @internal */
  _saved: Tensor[] = [];
  /** @internal */
  _savedAgain: Tensor[] | undefined;

  /** Keeps inputs or outputs for backward; libtorch checks that they are not changed in between. */
  saveForBackward(...tensors: Tensor[]): void {
    this._saved = tensors;
  }

  /** In backward: what was saved, in the same order. */
  get savedTensors(): readonly Tensor[] {
    if (this._savedAgain === undefined) throw new ArgumentError('ctx', 'savedTensors can only be read in backward');
    return this._savedAgain;
  }
}

/** How a custom function is described. */
export interface CustomFunction<Args extends unknown[], Out extends Tensor | Tensor[], State extends object> {
  /** Shown as the graph node's name. */
  name: string;
  /** Computes the outputs, without recording. */
  forward(ctx: FunctionContext<State>, ...args: Args): Out;
  /**
   * Gradients for the arguments of `forward`, in order: a tensor or `null` for each *tensor* argument. Receives one
   * gradient for each output, `null` where nothing depends on it.
   */
  backward(ctx: FunctionContext<State>, ...gradients: (Tensor | null)[]): (Tensor | null) | (Tensor | null)[];
}

/**
 * Makes a differentiable function from a forward and a backward.
 *
 * ```ts
 * const clampedExp = customFunction({
 *   name: 'ClampedExp',
 *   forward(ctx, x: Tensor) { const y = x.clamp({ max: 10 }).exp(); ctx.saveForBackward(y); return y; },
 *   backward(ctx, g) { const [y] = ctx.savedTensors; return g!.mul(y!); },
 * });
 * ```
 */
export function customFunction<
  Args extends unknown[],
  Out extends Tensor | Tensor[],
  State extends object = Record<string, unknown>,
>(definition: CustomFunction<Args, Out, State>): (...args: Args) => Out {
  return (...args) =>
    scope(() => {
      const inputs = args.filter((arg): arg is Tensor => arg instanceof Tensor);
      const ctx = new FunctionContext<State>();
      const result = noGrad(() => definition.forward(ctx, ...args));
      const list = Array.isArray(result) ? (result as Tensor[]) : [result as Tensor];
      if (!native.isGradEnabled() || !inputs.some((t) => t.requiresGrad)) return result;
      // An input that is returned as it is, or an output that is returned twice, needs a history of its own.
      const outputs = list.map((output, i) =>
        inputs.includes(output) || list.indexOf(output) < i ? noGrad(() => output.viewAs(output)) : output,
      );
      const saved = ctx._saved;
      ctx._saved = [];
      native.attachBackward(
        definition.name,
        outputs.map(handleOf),
        inputs.map(handleOf),
        saved.map(handleOf),
        saved.map((t) => outputs.includes(t)),
        (...handles) => runBackward(definition, ctx, handles, saved.length),
      );
      return (Array.isArray(result) ? outputs : outputs[0]) as Out;
    });
}

function runBackward<Args extends unknown[], Out extends Tensor | Tensor[], State extends object>(
  definition: CustomFunction<Args, Out, State>,
  ctx: FunctionContext<State>,
  handles: readonly (Handle | null)[],
  savedCount: number,
): (Handle | null)[] {
  return scope(() => {
    const tensors = handles.map((handle) => (handle === null ? null : new Tensor(handle, definition.name)));
    ctx._savedAgain = tensors.slice(0, savedCount).filter((t) => t !== null);
    try {
      const result: unknown = definition.backward(ctx, ...tensors.slice(savedCount));
      const gradients = (Array.isArray(result) ? result : [result]).map((gradient: unknown) => {
        if (gradient === null) return null;
        if (gradient instanceof Tensor) return handleOf(gradient);
        throw ArgumentError.expected(`the result of ${definition.name}'s backward`, 'tensors or null', gradient);
      });
      // The engine takes over these aliases; the tensors themselves go with the scope.
      return gradients.map((handle) => (handle === null ? null : native.alias(handle)));
    } finally {
      ctx._savedAgain = undefined;
    }
  });
}
