/** @file Networks cut off after some of their layers, whose feature maps they return: the backbones of dense prediction. */

import { ArgumentError, nn, releaseIfOwned, type Tensor } from '@edgeai/torch';

/** Feature maps by name. */
export type Features = Record<string, Tensor>;

/**
 * Runs the direct children of a network one after another, up to the last one asked for, and returns what those named in
 * `returnLayers` compute. For networks whose children are declared in the order in which they are used, each once.
 *
 * The network's children are shared, not copied, and keep their names, so state-dict keys stay the same.
 */
export class IntermediateLayerGetter extends nn.Module<[Tensor], Features> {
  readonly returnLayers: Readonly<Record<string, string>>;

  /**
   * @param returnLayers the name of each layer to the name of its feature map in the result
   * @throws {ArgumentError} for a layer that the network does not have
   */
  constructor(model: nn.AnyModule, returnLayers: Readonly<Record<string, string>>) {
    super();
    const children = Array.from(model.namedChildren());
    const names = children.map(([name]) => name);
    for (const name of Object.keys(returnLayers)) {
      if (!names.includes(name)) throw ArgumentError.expected('returnLayers', `layers among ${names.join(', ')}`, name);
    }
    this.returnLayers = { ...returnLayers };
    const last = Math.max(...Object.keys(returnLayers).map((name) => names.indexOf(name)));
    for (const [name, child] of children.slice(0, last + 1)) Object.assign(this, { [name]: child });
  }

  forward(x: Tensor): Features {
    const found: Features = {};
    const returned = new Set<Tensor>();
    let current = x;
    for (const [name, child] of this.namedChildren()) {
      const next: Tensor = child(current);
      if (next !== current && !returned.has(current)) releaseIfOwned(current);
      current = next;
      const output = this.returnLayers[name];
      if (output === undefined) continue;
      found[output] = current;
      returned.add(current);
    }
    return found;
  }
}

/** An {@link IntermediateLayerGetter} over a network that nobody else uses: what lies behind the last layer is released. */
export function cutAfter(model: nn.AnyModule, returnLayers: Readonly<Record<string, string>>): IntermediateLayerGetter {
  const layers = new IntermediateLayerGetter(model, returnLayers);
  const taken = new Set(layers.children());
  for (const child of model.children()) if (!taken.has(child)) child.dispose();
  return layers;
}
