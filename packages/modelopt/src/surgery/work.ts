/** @file Surgery in progress: what both engines share — sites, new norms, seeded weights, the record of what was done. */

import { getRngState, manualSeed, type nn, setRngState } from '@edgeai/torch';
import { settleNorms } from './calibration.ts';
import type { ActiveRule, ResolvedSurgery } from './options.ts';
import type { AppliedRule, Refusal } from './report.ts';
import type { NormRole, Site } from './rule.ts';

/** @internal */
export class Work {
  readonly plan: ResolvedSurgery;
  readonly norms = new Map<nn.BatchNorm, NormRole>();
  readonly #places = new Map<ActiveRule, string[]>();
  /** What rules put in is not changed again. */
  readonly #made = new Set<nn.AnyModule>();
  readonly #refused = new Map<ActiveRule, Refusal[]>();

  constructor(plan: ResolvedSurgery) {
    this.plan = plan;
  }

  site({ settings }: ActiveRule, path: string, inputShape: readonly number[] | undefined): Site {
    return { path, settings, inputShape, addNorm: (norm, role) => void this.norms.set(norm, role) };
  }

  applied(rule: ActiveRule, path: string): void {
    this.#places.set(rule, [...(this.#places.get(rule) ?? []), path]);
  }

  refused(rule: ActiveRule, path: string, reason: string): void {
    this.#refused.set(rule, [...(this.#refused.get(rule) ?? []), { path, reason }]);
  }

  /** The new module that the first willing rule makes of `module`, in its mode and with its say on gradients. */
  replacementOf(
    module: nn.AnyModule,
    path: string,
    inputShape: readonly number[] | undefined,
    rules: readonly ActiveRule[] = this.plan.active,
  ): nn.AnyModule | undefined {
    if (this.#made.has(module)) return undefined;
    for (const active of rules) {
      const { rule, settings } = active;
      if (rule.modules?.matches(module, settings) !== true) continue;
      const made = rule.modules.replace(module, this.site(active, path, inputShape));
      if (typeof made === 'string') {
        this.refused(active, path, made);
        continue;
      }
      this.applied(active, path);
      adopt(made, module);
      for (const part of made.modules()) this.#made.add(part);
      return made;
    }
    return undefined;
  }

  /** Runs `fn` with the generator seeded, and puts its state back. */
  seeded<T>(fn: () => T): T {
    using state = getRngState();
    manualSeed(this.plan.seed);
    try {
      return fn();
    } finally {
      setRngState(state);
    }
  }

  settle(model: nn.AnyModule): void {
    settleNorms(model, this.norms, this.plan.calibration);
  }

  rules(): AppliedRule[] {
    return this.plan.active.map((active) => {
      const { id, summary, preserves, weights } = active.rule;
      return {
        id,
        summary,
        preserves,
        weights,
        places: this.#places.get(active) ?? [],
        refused: this.#refused.get(active) ?? [],
      };
    });
  }
}

/** Mode and gradients as the old module had them. */
function adopt(made: nn.AnyModule, old: nn.AnyModule): void {
  made.train(old.training);
  const before = old.parameters();
  if (before.length === 0) return;
  const trained = before.some((parameter) => parameter.requiresGrad);
  for (const parameter of made.parameters()) parameter.requiresGrad = trained;
}
