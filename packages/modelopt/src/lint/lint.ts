/** @file Looks through a network for what a device runs badly or not at all. */

import { ArgumentError, fx, type nn, scope, zeros } from '@edgeai/torch';
import { ops } from '@edgeai/vision';
import { describeOperation, type Operation, operationOf } from './operation.ts';
import { type DeviceProfile, deviceProfiles, type ProfileRule, type Severity } from './profiles.ts';
import { type Place, type RuleKind, ruleKinds, type Verdict } from './rules.ts';

/** Something that a device will not run, or run badly. */
export interface Finding {
  readonly rule: RuleKind;
  readonly severity: Severity;
  /** Name of the node in the graph. */
  readonly node: string;
  /** Path of the module that does it; `''` for the network itself. */
  readonly where: string;
  /** `convolution 11×11 3→64 stride 4`. */
  readonly what: string;
  readonly why: string;
  /** Id of the surgery rule that replaces it; `null` where there is none. */
  readonly mendedBy: string | null;
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, hint: 2 };

/** A profile by its name, in any case. @throws {ArgumentError} with the names that there are */
export function deviceProfile(name: string): DeviceProfile {
  const found = deviceProfiles.find((profile) => profile.name === name.toLowerCase());
  if (found !== undefined) return found;
  throw ArgumentError.expected('target', deviceProfiles.map((profile) => profile.name).join(', '), name);
}

/** Captures a network in evaluation mode, down to its operators, and checks them. The network's mode is put back. */
export function lintModel(model: nn.AnyModule, inputs: readonly unknown[], profile: DeviceProfile): Finding[] {
  const modes = model.modules().map((module) => [module, module.training] as const);
  try {
    model.eval();
    return scope(() => {
      using graph = fx.capture(model, inputs, { isLeaf: () => false });
      return check(graph, profile, (node) => node.name);
    });
  } finally {
    for (const [module, mode] of modes) module.training = mode;
  }
}

/** Checks a graph, looking into its modules. In the order of execution; errors before warnings at one node. */
export function lintGraph(graph: fx.Graph, profile: DeviceProfile): Finding[] {
  if (graph.nodes.every((node) => node.kind !== 'module')) return check(graph, profile, (node) => node.name);
  return scope(() => {
    const module = new fx.GraphModule<unknown[], unknown>(graph).eval();
    try {
      using expanded = fx.capture(module as nn.AnyModule, examples(graph), { isLeaf: () => false });
      const names = new Map(graph.nodes.map((node) => [node.kind === 'module' ? node.target : node.path, node.name]));
      return check(expanded, profile, (node) => names.get(node.modulePath) ?? names.get(node.path) ?? node.name);
    } finally {
      module.graph.dispose();
    }
  });
}

/** Zeros in the shapes of the capture. */
function examples(graph: fx.Graph): unknown[] {
  const build = (argument: fx.Argument): unknown =>
    fx.mapArgument(argument, (leaf) => {
      const meta = fx.isNode(leaf) ? fx.tensorMeta(leaf) : undefined;
      return meta === undefined ? leaf : zeros(meta.shape, { dtype: meta.dtype });
    });
  return graph.signature.map(build);
}

function check(graph: fx.Graph, profile: DeviceProfile, nameOf: (node: fx.Node) => string): Finding[] {
  const found: Finding[] = [];
  const calls = moduleCalls(graph);
  const users = graph.users();
  for (const node of dynamicCalls(graph)) {
    const operation: Operation = operationOf(node);
    const output = fx.tensorMeta(node)?.shape ?? [];
    const place: Place = {
      node,
      operation,
      output,
      moduleCalls: calls.get(node.modulePath) ?? 1,
      mergesPatches: operation.kind === 'slice' && feedsPatches(node, users),
    };
    const gate = insideGate(graph, node.modulePath);
    const here = profile.rules.flatMap((rule): Finding[] => {
      const verdict = apply(rule, place);
      if (verdict === null) return [];
      const { rule: kind, severity } = rule;
      return [
        {
          rule: kind,
          severity,
          node: nameOf(node),
          where: node.modulePath,
          what: describeOperation(operation),
          why: verdict.why,
          mendedBy: gate ? 'squeeze_and_excite_to_identity' : verdict.mendedBy,
        },
      ];
    });
    // Two rules of one kind say the same twice: the graver one counts.
    here.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
    found.push(...here.filter((finding, i) => here.findIndex(({ rule }) => rule === finding.rule) === i));
  }
  return found;
}

/** Whether a slice, perhaps sliced again, is one of four that are put side by side. */
function feedsPatches(node: fx.Node, users: ReadonlyMap<fx.Node, readonly fx.Node[]>): boolean {
  const [user, ...others] = users.get(node) ?? [];
  if (user === undefined || others.length > 0 || user.kind !== 'call') return false;
  const name = fx.operatorBaseName(user.operator.name);
  return name === 'cat' ? fx.inputsOf(user).length === 4 : name === 'slice' && feedsPatches(user, users);
}

/** Whether a module lies in a squeeze and excitation, with which it would go. */
function insideGate(graph: fx.Graph, path: string): boolean {
  for (let at = path.length; at > 0; at = path.lastIndexOf('.', at - 1))
    if (graph.root.getSubmodule(path.slice(0, at)) instanceof ops.SqueezeExcitation) return true;
  return false;
}

function apply(rule: ProfileRule, place: Place): Verdict | null {
  const kind = ruleKinds[rule.rule] as (place: Place, parameters: ProfileRule) => Verdict | null;
  return kind(place, rule);
}

/** Operator calls that depend on the inputs: the rest is computed before the network is deployed. */
function dynamicCalls(graph: fx.Graph): fx.CallNode[] {
  const dynamic = new Set<fx.Node>();
  const calls: fx.CallNode[] = [];
  for (const node of graph.nodes) {
    if (node.kind !== 'placeholder' && !fx.inputsOf(node).some((input) => dynamic.has(input))) continue;
    dynamic.add(node);
    if (node.kind === 'call') calls.push(node);
  }
  return calls;
}

/** How often each layer of `nn` runs: as often as the operator that it runs first. */
function moduleCalls(graph: fx.Graph): Map<string, number> {
  const first = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const node of graph.nodes) {
    if (node.kind !== 'call' || !fx.isLeafModule(graph.root.getSubmodule(node.modulePath))) continue;
    const name = node.operator.qualifiedName;
    if (!first.has(node.modulePath)) first.set(node.modulePath, name);
    if (first.get(node.modulePath) === name) counts.set(node.modulePath, (counts.get(node.modulePath) ?? 0) + 1);
  }
  return counts;
}

/** True when a finding is as grave as `severity` or graver. */
export function hasSeverity(findings: readonly Finding[], severity: Severity): boolean {
  return findings.some((finding) => RANK[finding.severity] <= RANK[severity]);
}
