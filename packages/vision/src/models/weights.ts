/** @file Weights: entries that describe a published checkpoint, grouped into one enum-like object a model. */

import { ArgumentError, describeValue } from '@edgeai/torch';
import { didYouMean } from '@edgeai/torch/suggest';

/** How images become input for a classifier: resize the shorter side, crop the centre, scale to [0, 1], normalise. */
export interface ClassificationPreset {
  readonly kind: 'classification';
  readonly cropSize: number;
  readonly resizeSize: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly interpolation: 'nearest' | 'bilinear' | 'bicubic';
}

/** How images become input for semantic segmentation: resize the shorter side, scale to [0, 1], normalise. */
export interface SegmentationPreset {
  readonly kind: 'segmentation';
  readonly resizeSize: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly interpolation: 'nearest' | 'bilinear' | 'bicubic';
}

/**
 * How clips `(T, C, H, W)` become input for a classifier of videos: resize each frame, crop the centre, scale to [0, 1],
 * normalise, put channels before time.
 */
export interface VideoPreset {
  readonly kind: 'video';
  /** Height and width. */
  readonly cropSize: readonly [number, number];
  /** Length of the shorter side, or height and width. */
  readonly resizeSize: number | readonly [number, number];
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly interpolation: 'nearest' | 'bilinear' | 'bicubic';
}

/** How a pair of images becomes input for optical flow: scale both to [-1, 1]. */
export interface OpticalFlowPreset {
  readonly kind: 'optical_flow';
}

/** The preprocessing that a checkpoint was evaluated with, as data. */
export type TransformPreset = ClassificationPreset | SegmentationPreset | VideoPreset | OpticalFlowPreset;

export interface WeightsMeta {
  /** Class names by class index; none where the checkpoint was not trained to classify. */
  readonly categories: readonly string[];
  readonly numParams: number;
  /** Smallest input that the network takes, height and width in pixels. */
  readonly minSize: readonly [number, number];
  /** Smallest number of frames, for videos. */
  readonly minTemporalSize?: number;
  /** Address of the training recipe. */
  readonly recipe: string;
  /** Published results by data set: `metrics['ImageNet-1K']['acc@1']` in percent. */
  readonly metrics: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Multiply-accumulates of one image at the preset's size, in units of 10^9. */
  readonly ops: number;
  /** Size of the file in MB (2^20 bytes). */
  readonly fileSize: number;
  /** One sentence on how the weights came about. */
  readonly docs: string;
  /** Address of the licence, where it is another one than this package's. */
  readonly license?: string;
}

/** One published checkpoint. */
export interface Weights {
  /** Full name: `ResNet18_Weights.IMAGENET1K_V1`. */
  readonly name: string;
  readonly url: string;
  readonly transforms: TransformPreset;
  readonly meta: WeightsMeta;
}

/** What a `weights` option may be: an entry, its name with or without the enum's, a checkpoint file, or none. */
export type WeightsOption = Weights | string | null | undefined;

/** The entries of one model. Use {@link defineWeights}, which adds each entry as a property. */
export class WeightsEnum {
  /** For example `ResNet18_Weights`. */
  readonly #name: string;
  readonly #entries: ReadonlyMap<string, Weights>;
  readonly #defaultKey: string;

  constructor(name: string, entries: Readonly<Record<string, Omit<Weights, 'name'>>>, defaultKey: string) {
    this.#name = name;
    this.#entries = new Map(
      Object.entries(entries).map(([key, entry]) => [key, Object.freeze({ name: `${name}.${key}`, ...entry })]),
    );
    this.#defaultKey = defaultKey;
    if (!this.#entries.has(defaultKey)) throw new ArgumentError('defaultKey', `${name} has no entry ${defaultKey}`);
  }

  /** Name of the group: `ResNet18_Weights`. */
  get enumName(): string {
    return this.#name;
  }

  /** The entry that is recommended now. */
  get DEFAULT(): Weights {
    return this.get(this.#defaultKey);
  }

  /** Names of the entries, without `DEFAULT`. */
  keys(): string[] {
    return [...this.#entries.keys()];
  }

  entries(): Weights[] {
    return [...this.#entries.values()];
  }

  /** The entry called `key`, with or without the enum's name in front. @throws {ArgumentError} suggesting the nearest */
  get(key: string): Weights {
    const found = this.#find(key);
    if (found !== undefined) return found;
    const known = [...this.keys(), 'DEFAULT'];
    const message = `Expected one of ${known.join(', ')} of ${this.#name} for weights but received '${key}'`;
    throw new ArgumentError('weights', message + didYouMean(key.replace(/^.*\./, ''), known));
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined;
  }

  /**
   * Checks that `value` belongs here: `null` and `undefined` pass as `null`, strings are looked up.
   *
   * @throws {ArgumentError} for an entry of another model, or a name that does not exist
   */
  verify(value: WeightsOption): Weights | null {
    if (value === null || value === undefined) return null;
    if (typeof value === 'string') return this.get(value);
    const own = this.entries().find(
      (entry) => entry === value || (entry.name === value.name && entry.url === value.url),
    );
    if (own !== undefined) return own;
    const received = typeof value.name === 'string' ? value.name : describeValue(value);
    throw new ArgumentError('weights', `Expected an entry of ${this.#name} for weights but received ${received}`);
  }

  #find(key: string): Weights | undefined {
    const prefix = `${this.#name}.`;
    const short = key.startsWith(prefix) ? key.slice(prefix.length) : key;
    return this.#entries.get(short === 'DEFAULT' ? this.#defaultKey : short);
  }

  toString(): string {
    return `${this.#name}(${this.keys().join(', ')})`;
  }
}

/** A {@link WeightsEnum} whose entries are properties: `ResNet18_Weights.IMAGENET1K_V1`. */
export type WeightsOf<Key extends string> = WeightsEnum & Readonly<Record<Key, Weights>>;

/** Makes the weights of one model from its entries; `defaultKey` says which one `DEFAULT` stands for. */
export function defineWeights<Key extends string>(
  name: string,
  entries: Readonly<Record<Key, Omit<Weights, 'name'>>>,
  defaultKey: NoInfer<Key>,
): WeightsOf<Key> {
  const made = new WeightsEnum(name, entries, defaultKey);
  for (const key of made.keys()) Object.defineProperty(made, key, { value: made.get(key), enumerable: true });
  return made as WeightsOf<Key>;
}
