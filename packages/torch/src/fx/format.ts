/** @file Graphs as text: one line a node, `%layer1_0_add : float32[1, 64, 56, 56] = aten::add.Tensor(%a, %b)`. */

import { type Argument, BatchSize, isNode, type Meta, type Node, type TensorMeta } from './node.ts';

/** @internal */
export function formatGraph(nodes: readonly Node[]): string {
  return nodes.map(formatNode).join('\n');
}

/** A node in one line. */
export function formatNode(node: Node): string {
  if (node.kind === 'output') return `return ${formatArgument(node.args[0])}`;
  const meta = formatMeta(node.meta);
  return `%${node.name}${meta === '' ? '' : ` : ${meta}`} = ${formatAction(node)}`;
}

function formatAction(node: Node): string {
  switch (node.kind) {
    case 'placeholder':
    case 'constant':
      return node.kind;
    case 'parameter':
      return `parameter ${node.key}`;
    case 'item':
      return `${formatArgument(node.args[0])}[${typeof node.key === 'number' ? node.key : JSON.stringify(node.key)}]`;
    case 'module':
      return `module ${node.target}(${node.args.map(formatArgument).join(', ')})`;
    case 'call':
      return `${node.operator.qualifiedName}(${node.args.map(formatArgument).join(', ')})`;
    case 'output':
      return 'output';
  }
}

export function formatArgument(argument: Argument): string {
  if (argument === undefined) return '_';
  if (typeof argument === 'string') return JSON.stringify(argument);
  if (typeof argument === 'bigint') return `${argument}n`;
  if (typeof argument !== 'object' || argument === null) return String(argument);
  if (isNode(argument)) return `%${argument.name}`;
  if (argument instanceof BatchSize) return argument.toString();
  if (Array.isArray(argument)) return `[${argument.map((item) => formatArgument(item as Argument)).join(', ')}]`;
  return `{ ${Object.entries(argument)
    .map(([key, item]) => `${key}: ${formatArgument(item)}`)
    .join(', ')} }`;
}

export function formatTensorMeta(meta: TensorMeta): string {
  return `${meta.dtype}[${(meta.dynamicShape ?? meta.shape).join(', ')}]`;
}

function formatMeta(meta: Meta): string {
  if (meta === null) return '';
  if ('shape' in meta) return formatTensorMeta(meta);
  return `(${meta.map((item) => (item === null ? '-' : formatTensorMeta(item))).join(', ')})`;
}
