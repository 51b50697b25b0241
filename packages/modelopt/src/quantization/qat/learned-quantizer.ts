/** @file What quantisers with trained ranges share: parameters that begin with the calibrated range and can be put to rest. */

import { isGradEnabled, noGrad, scope } from '@edgeai/torch';
import { FakeQuantize } from '../fake-quantize.ts';
import type { QuantParameters, Range } from '../parameters.ts';

/**
 * A quantiser whose range is trained. Calibration sets it first; after that `observing` is to be off, or what is observed
 * overwrites what was learned.
 *
 * What is rounded is the same as in a quantiser with this scale and zero point, to the last bit: only gradients differ.
 */
export abstract class LearnedQuantizer extends FakeQuantize {
  /** Parameters get gradients; off, they are as they are. A switch of its own: `train()` and `eval()` do not touch it. */
  learning = true;
  /** The state of the parameters that scale and zero point were derived from. */
  private derivedFrom: string | undefined;

  /** Sets the parameters to what scale and zero point say. */
  protected abstract adopt(): void;

  /** Sets scale and zero point to what the parameters say. */
  protected abstract derive(): void;

  /** Changes whenever a parameter was written to. */
  protected abstract parameterVersion(): string;

  override setRange(range: Range): void {
    super.setRange(range);
    this.adoptNow();
  }

  override setParameters(parameters: QuantParameters): void {
    super.setParameters(parameters);
    this.adoptNow();
  }

  override refresh(): void {
    super.refresh();
    const version = this.parameterVersion();
    if (this.derivedFrom === version) return;
    // Before there is a range, the parameters say nothing.
    if (this.hasRange()) noGrad(() => scope(() => this.derive()));
    this.derivedFrom = this.parameterVersion();
  }

  /** Gradients are wanted, now and here. */
  protected get trains(): boolean {
    return this.learning && isGradEnabled();
  }

  private adoptNow(): void {
    noGrad(() => scope(() => this.adopt()));
    this.derivedFrom = this.parameterVersion();
  }

  private hasRange(): boolean {
    // A step of the optimiser may have made a trained scale negative; zero it never is.
    return Boolean(scope(() => this.scale.detach().ne(0).all().item()));
  }
}
