/** @file Surgery on the module tree: replaces layers where they are, so that classes, training behaviour and keys stay. */

import { fx, type nn } from '@edgeai/torch';
import { inputShapes } from './calibration.ts';
import { isWholeModule, surgeryLeaf } from './leaves.ts';
import { type ActiveRule, resolveSurgery, type SurgeryOptions } from './options.ts';
import { captureCopy, inEvaluation, type SurgeryReport, summariseNetwork } from './report.ts';
import { Work } from './work.ts';

export interface ConvertOptions extends SurgeryOptions {
  /** Arguments of forward. With them rules know the sizes that layers get, and the report counts multiply-accumulates. */
  exampleInputs?: readonly unknown[];
}

/**
 * Makes a network lite in place: every layer that a rule is meant for gives way to another one under the same name. Layers made
 * during forward and functional calls stay; `applySurgery` reaches them.
 *
 * ```ts
 * const model = getModel('mobilenet_v2');
 * const report = convertToLiteModel(model, { preset: 'v1' });
 * ```
 *
 * Tensors of the layers that are gone are released.
 *
 * @throws {ArgumentError} for unknown rules and settings, suggesting the nearest
 */
export function convertToLiteModel(model: nn.AnyModule, options: ConvertOptions = {}): SurgeryReport {
  const { exampleInputs, ...rest } = options;
  const work = new Work(resolveSurgery(rest));
  const before = summariseNetwork(model, exampleInputs);
  changeTree(model, work, exampleInputs);
  const after = summariseNetwork(model, exampleInputs);
  return { level: 'modules', rules: work.rules(), before, after, notes: treeNotes(model, work, exampleInputs) };
}

/** @internal Replaces modules below `model`, each object once, and releases the tensors that are gone. */
export function changeTree(model: nn.AnyModule, work: Work, exampleInputs?: readonly unknown[]): void {
  prepareRules(model, work, exampleInputs);
  const shapes =
    exampleInputs === undefined ? new Map<nn.AnyModule, readonly number[]>() : inputShapes(model, exampleInputs);
  const before = [...model.parameters(), ...model.buffers()];
  const replaced = new Map<nn.AnyModule, nn.AnyModule>();
  const visit = (parent: nn.AnyModule, prefix: string) => {
    for (const [name, child] of parent.namedChildren()) {
      const path = prefix === '' ? name : `${prefix}.${name}`;
      const known = replaced.get(child);
      const made = known ?? work.replacementOf(child, path, shapes.get(child));
      if (made === undefined) {
        // A module under two names is visited once.
        if (!visited.has(child)) visit(child, path);
        visited.add(child);
      } else {
        replaced.set(child, made);
        (parent as unknown as Record<string, unknown>)[name] = made;
      }
    }
  };
  const visited = new Set<nn.AnyModule>();
  work.seeded(() => visit(model, ''));
  const kept = new Set([...model.parameters(), ...model.buffers()]);
  for (const tensor of before) if (!kept.has(tensor)) tensor.dispose();
  work.settle(model);
}

/** @internal Lets the rules look at the whole network first. */
export function prepareRules(model: nn.AnyModule, work: Work, exampleInputs?: readonly unknown[]): void {
  const { active, calibration } = work.plan;
  const inputs = exampleInputs ?? calibration[0] ?? [];
  const capture = () => inEvaluation(model, () => captureCopy(model, inputs, surgeryLeaf(active)));
  for (const { rule, settings } of active) rule.prepare?.({ model, settings, calibration, capture });
}

/** What the rules would still find in forward's own code. */
function treeNotes(model: nn.AnyModule, work: Work, exampleInputs?: readonly unknown[]): string[] {
  if (exampleInputs === undefined) return [];
  const notes: string[] = [];
  inEvaluation(model, () => {
    try {
      using graph = captureCopy(model, exampleInputs, isWholeModule);
      for (const active of work.plan.active) {
        const places = functionalPlaces(graph, active);
        if (places.length > 0)
          notes.push(
            `${active.rule.id}: stays in the module tree at ${places.join(', ')}; surgery of the graph changes it`,
          );
      }
    } catch (error) {
      if (!(error instanceof fx.CaptureError)) throw error;
    }
  });
  return notes;
}

function functionalPlaces(graph: fx.Graph, { rule, settings }: ActiveRule): string[] {
  return (rule.graph ?? []).flatMap(({ pattern }) =>
    pattern(settings)
      .findMatches(graph)
      .filter(({ output }) => output.kind === 'call')
      .map(({ output }) => output.path),
  );
}
