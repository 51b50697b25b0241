/** @file FakeData: random images, the same ones at every visit, for trying things out without files. */

import { data, getRngState, manualSeed, randint, randn, scope, setRngState, type Tensor } from '@edgeai/torch';
import { VisionDataset, type VisionDatasetOptions } from './vision-dataset.ts';

export interface FakeDataOptions<T, Y> extends VisionDatasetOptions<Tensor, T, Y> {
  /** Number of images. Default 1000. */
  size?: number;
  /** Channels, height, width. Default [3, 224, 224]. */
  imageSize?: readonly [channels: number, height: number, width: number];
  /** Default 10. */
  numClasses?: number;
  /** Added to the index that seeds an image. Default 0. */
  randomOffset?: number;
}

/** Images of noise with random classes: [uint8 tensor, class]. The default generator is left as it was. */
@data.portable(import.meta.url)
export class FakeData<T = Tensor, Y = number> extends VisionDataset<Tensor, T, Y> {
  readonly length: number;
  readonly imageSize: readonly [number, number, number];
  readonly numClasses: number;
  readonly randomOffset: number;

  constructor(options: FakeDataOptions<T, Y> = {}) {
    super(options);
    this.length = options.size ?? 1000;
    this.imageSize = options.imageSize ?? [3, 224, 224];
    this.numClasses = options.numClasses ?? 10;
    this.randomOffset = options.randomOffset ?? 0;
  }

  get(index: number): [T, Y] {
    data.checkIndex(index, this.length);
    return scope(() => {
      const state = getRngState();
      manualSeed(index + this.randomOffset);
      const noise = randn(this.imageSize);
      const target = randint(0, this.numClasses, [1]).item();
      setRngState(state);
      // By int32, so that values below 0 wrap around as in torchvision.
      return this.pair(() => noise.mul_(255).to('int32').to('uint8'), target);
    });
  }
}
