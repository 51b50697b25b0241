/** @file The blocks of Inception v3: branches of factorised convolutions, put together along the channels. */

import { adaptiveAvgPool2d, avgPool2d, cat, maxPool2d, nn, type Tensor } from '@edgeai/torch';
import type { LayerFactory } from '../ops/layer-factory.ts';
import { pipe } from '../ops/pipe.ts';
import { BasicConv2d, type ConvBlock } from './inception-common.ts';

/** Averages 3×3 windows and keeps the size. */
const average = (x: Tensor): Tensor => avgPool2d(x, 3, { stride: 1, padding: 1 });
/** Halves the size. */
const shrink = (x: Tensor): Tensor => maxPool2d(x, 3, { stride: 2 });

/** 1×1; 1×1 and 5×5; 1×1 and two of 3×3; pool and 1×1. */
export class InceptionA extends nn.Module {
  readonly branch1x1: nn.Module;
  readonly branch5x5_1: nn.Module;
  readonly branch5x5_2: nn.Module;
  readonly branch3x3dbl_1: nn.Module;
  readonly branch3x3dbl_2: nn.Module;
  readonly branch3x3dbl_3: nn.Module;
  readonly branch_pool: nn.Module;

  constructor(inChannels: number, poolFeatures: number) {
    super();
    this.branch1x1 = new BasicConv2d(inChannels, 64, 1);
    this.branch5x5_1 = new BasicConv2d(inChannels, 48, 1);
    this.branch5x5_2 = new BasicConv2d(48, 64, 5, { padding: 2 });
    this.branch3x3dbl_1 = new BasicConv2d(inChannels, 64, 1);
    this.branch3x3dbl_2 = new BasicConv2d(64, 96, 3, { padding: 1 });
    this.branch3x3dbl_3 = new BasicConv2d(96, 96, 3, { padding: 1 });
    this.branch_pool = new BasicConv2d(inChannels, poolFeatures, 1);
  }

  forward(x: Tensor): Tensor {
    return cat(
      [
        this.branch1x1(x),
        pipe(x, this.branch5x5_1, this.branch5x5_2),
        pipe(x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3),
        pipe(x, average, this.branch_pool),
      ],
      1,
    );
  }
}

/** Halves the size: 3×3; 1×1 and two of 3×3; pool. */
export class InceptionB extends nn.Module {
  readonly branch3x3: nn.Module;
  readonly branch3x3dbl_1: nn.Module;
  readonly branch3x3dbl_2: nn.Module;
  readonly branch3x3dbl_3: nn.Module;

  constructor(inChannels: number) {
    super();
    this.branch3x3 = new BasicConv2d(inChannels, 384, 3, { stride: 2 });
    this.branch3x3dbl_1 = new BasicConv2d(inChannels, 64, 1);
    this.branch3x3dbl_2 = new BasicConv2d(64, 96, 3, { padding: 1 });
    this.branch3x3dbl_3 = new BasicConv2d(96, 96, 3, { stride: 2 });
  }

  forward(x: Tensor): Tensor {
    const single = this.branch3x3(x);
    const double = pipe(x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3);
    return cat([single, double, shrink(x)], 1);
  }
}

const ROW = { padding: [0, 3] } as const;
const COLUMN = { padding: [3, 0] } as const;

/** 1×1; a 7×7 in two steps; two of 7×7 in four steps; pool and 1×1. */
export class InceptionC extends nn.Module {
  readonly branch1x1: nn.Module;
  readonly branch7x7_1: nn.Module;
  readonly branch7x7_2: nn.Module;
  readonly branch7x7_3: nn.Module;
  readonly branch7x7dbl_1: nn.Module;
  readonly branch7x7dbl_2: nn.Module;
  readonly branch7x7dbl_3: nn.Module;
  readonly branch7x7dbl_4: nn.Module;
  readonly branch7x7dbl_5: nn.Module;
  readonly branch_pool: nn.Module;

  constructor(inChannels: number, channels7x7: number) {
    super();
    const width = channels7x7;
    this.branch1x1 = new BasicConv2d(inChannels, 192, 1);
    this.branch7x7_1 = new BasicConv2d(inChannels, width, 1);
    this.branch7x7_2 = new BasicConv2d(width, width, [1, 7], ROW);
    this.branch7x7_3 = new BasicConv2d(width, 192, [7, 1], COLUMN);
    this.branch7x7dbl_1 = new BasicConv2d(inChannels, width, 1);
    this.branch7x7dbl_2 = new BasicConv2d(width, width, [7, 1], COLUMN);
    this.branch7x7dbl_3 = new BasicConv2d(width, width, [1, 7], ROW);
    this.branch7x7dbl_4 = new BasicConv2d(width, width, [7, 1], COLUMN);
    this.branch7x7dbl_5 = new BasicConv2d(width, 192, [1, 7], ROW);
    this.branch_pool = new BasicConv2d(inChannels, 192, 1);
  }

  forward(x: Tensor): Tensor {
    const { branch7x7dbl_1, branch7x7dbl_2, branch7x7dbl_3, branch7x7dbl_4, branch7x7dbl_5 } = this;
    return cat(
      [
        this.branch1x1(x),
        pipe(x, this.branch7x7_1, this.branch7x7_2, this.branch7x7_3),
        pipe(x, branch7x7dbl_1, branch7x7dbl_2, branch7x7dbl_3, branch7x7dbl_4, branch7x7dbl_5),
        pipe(x, average, this.branch_pool),
      ],
      1,
    );
  }
}

/** Halves the size: 1×1 and 3×3; 1×1, a 7×7 in two steps and 3×3; pool. */
export class InceptionD extends nn.Module {
  readonly branch3x3_1: nn.Module;
  readonly branch3x3_2: nn.Module;
  readonly branch7x7x3_1: nn.Module;
  readonly branch7x7x3_2: nn.Module;
  readonly branch7x7x3_3: nn.Module;
  readonly branch7x7x3_4: nn.Module;

  constructor(inChannels: number) {
    super();
    this.branch3x3_1 = new BasicConv2d(inChannels, 192, 1);
    this.branch3x3_2 = new BasicConv2d(192, 320, 3, { stride: 2 });
    this.branch7x7x3_1 = new BasicConv2d(inChannels, 192, 1);
    this.branch7x7x3_2 = new BasicConv2d(192, 192, [1, 7], ROW);
    this.branch7x7x3_3 = new BasicConv2d(192, 192, [7, 1], COLUMN);
    this.branch7x7x3_4 = new BasicConv2d(192, 192, 3, { stride: 2 });
  }

  forward(x: Tensor): Tensor {
    const small = pipe(x, this.branch3x3_1, this.branch3x3_2);
    const large = pipe(x, this.branch7x7x3_1, this.branch7x7x3_2, this.branch7x7x3_3, this.branch7x7x3_4);
    return cat([small, large, shrink(x)], 1);
  }
}

/** 1×1; 1×1, then 1×3 and 3×1 side by side; the same after another 3×3; pool and 1×1. */
export class InceptionE extends nn.Module {
  readonly branch1x1: nn.Module;
  readonly branch3x3_1: nn.Module;
  readonly branch3x3_2a: nn.Module;
  readonly branch3x3_2b: nn.Module;
  readonly branch3x3dbl_1: nn.Module;
  readonly branch3x3dbl_2: nn.Module;
  readonly branch3x3dbl_3a: nn.Module;
  readonly branch3x3dbl_3b: nn.Module;
  readonly branch_pool: nn.Module;

  constructor(inChannels: number) {
    super();
    this.branch1x1 = new BasicConv2d(inChannels, 320, 1);
    this.branch3x3_1 = new BasicConv2d(inChannels, 384, 1);
    this.branch3x3_2a = new BasicConv2d(384, 384, [1, 3], { padding: [0, 1] });
    this.branch3x3_2b = new BasicConv2d(384, 384, [3, 1], { padding: [1, 0] });
    this.branch3x3dbl_1 = new BasicConv2d(inChannels, 448, 1);
    this.branch3x3dbl_2 = new BasicConv2d(448, 384, 3, { padding: 1 });
    this.branch3x3dbl_3a = new BasicConv2d(384, 384, [1, 3], { padding: [0, 1] });
    this.branch3x3dbl_3b = new BasicConv2d(384, 384, [3, 1], { padding: [1, 0] });
    this.branch_pool = new BasicConv2d(inChannels, 192, 1);
  }

  forward(x: Tensor): Tensor {
    const split = (features: Tensor, a: nn.Module, b: nn.Module) => cat([a(features), b(features)], 1);
    const double = (input: Tensor) => pipe(input, this.branch3x3dbl_1, this.branch3x3dbl_2);
    return cat(
      [
        this.branch1x1(x),
        split(this.branch3x3_1(x), this.branch3x3_2a, this.branch3x3_2b),
        split(double(x), this.branch3x3dbl_3a, this.branch3x3dbl_3b),
        pipe(x, average, this.branch_pool),
      ],
      1,
    );
  }
}

/** A classifier halfway through the network, used in training only. */
export class InceptionAux extends nn.Module {
  readonly conv0: nn.Module;
  readonly conv1: nn.Module;
  readonly fc: nn.Linear;

  constructor(inChannels: number, numClasses: number) {
    super();
    this.conv0 = new BasicConv2d(inChannels, 128, 1);
    this.conv1 = new BasicConv2d(128, 768, 5);
    // The network's initialisation goes by it.
    this.fc = Object.assign(new nn.Linear(768, numClasses), { stddev: 0.001 });
  }

  forward(x: Tensor): Tensor {
    const pool = (features: Tensor) => avgPool2d(features, 5, { stride: 3 });
    const poolAll = (features: Tensor) => adaptiveAvgPool2d(features, [1, 1]);
    return pipe(x, pool, this.conv0, this.conv1, poolAll, (pooled) => pooled.flatten(1), this.fc);
  }
}

/** What makes the parts of an Inception v3. */
export interface InceptionBlocks {
  readonly conv: ConvBlock;
  readonly a: LayerFactory<[inChannels: number, poolFeatures: number]>;
  readonly b: LayerFactory<[inChannels: number]>;
  readonly c: LayerFactory<[inChannels: number, channels7x7: number]>;
  readonly d: LayerFactory<[inChannels: number]>;
  readonly e: LayerFactory<[inChannels: number]>;
  readonly aux: LayerFactory<[inChannels: number, numClasses: number]>;
}

export const defaultBlocks: InceptionBlocks = {
  conv: BasicConv2d,
  a: InceptionA,
  b: InceptionB,
  c: InceptionC,
  d: InceptionD,
  e: InceptionE,
  aux: InceptionAux,
};
