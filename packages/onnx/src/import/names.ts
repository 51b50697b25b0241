/** @file Names of ONNX nodes and initialisers as places in a module tree: `/layer1/layer1.0/conv1/Conv` is `layer1.0.conv1`. */

import { fx, nn } from '@edgeai/torch';
import type { NodeProto } from '../proto/onnx.ts';

/** Names that modules have methods or fields for. */
const RESERVED = new Set([
  ...Object.getOwnPropertyNames(nn.Module.prototype),
  ...Object.getOwnPropertyNames(fx.GraphModule.prototype),
  ...Object.getOwnPropertyNames(Function.prototype),
  ...Object.getOwnPropertyNames(Object.prototype),
  'training',
  'graph',
  'interpreter',
  'then',
]);

/** Path of the layer that a node becomes: that of its weight where this is named like a state-dict key, else its own. */
export function layerPath(node: NodeProto, weight: string | undefined): string {
  const [, owner] = /^([A-Za-z_][\w./]*)\.weight$/.exec(weight ?? '') ?? [];
  if (owner !== undefined) return validPath(owner);
  const { name = '', opType = '', output = [] } = node;
  return name === '' ? validPath(`${opType}_${output[0] ?? ''}`) : validPath(withoutOperator(name, opType));
}

/** A state-dict key from any name. */
export function validPath(name: string): string {
  const parts = scopes(name).flatMap((part) => part.split('.'));
  const valid = parts.filter((part) => part !== '').map(validPart);
  return valid.length === 0 ? 'unnamed' : valid.join('.');
}

function validPart(part: string): string {
  const cleaned = part.replace(/[^A-Za-z0-9_]/g, '_');
  return RESERVED.has(cleaned) ? `${cleaned}_` : cleaned;
}

/** PyTorch writes the whole path of a list's element below the list: `/layer1/layer1.0/conv1`. */
function scopes(name: string): string[] {
  const result: string[] = [];
  for (const part of name.split('/').filter((item) => item !== '')) {
    const before = result.at(-1);
    if (before !== undefined && part.startsWith(`${before}.`)) result.pop();
    result.push(part);
  }
  return result;
}

/** `conv1/Conv` and `conv1/Conv_3` without what only repeats the operator. */
function withoutOperator(name: string, opType: string): string {
  const shorter = name.replace(new RegExp(`/${opType}(_\\d+)?$`), '');
  return shorter.replace(/\//g, '') === '' ? name : shorter;
}
