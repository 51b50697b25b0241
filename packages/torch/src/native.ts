/** @file Loads the native addon and gives its functions types; nothing outside `core`, `autograd` and `runtime` uses it. */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DType } from './dtype.ts';
import { ArgumentError, EdgeAIError, TensorDisposedError, TorchError } from './errors.ts';
import { explainLoadFailure } from './runtime/load-failure.ts';

/** A tensor's integer handle in the native table; 0 is never valid. */
export type Handle = number;

/** One argument or return value of an operator, as its schema says. */
export interface SchemaArgument {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly kwargOnly: boolean;
  /** The operator writes to this tensor. */
  readonly written: boolean;
  /** For `int[2]`: a single number stands for this many copies. */
  readonly size?: number;
  readonly default?: unknown;
}

export interface SchemaReturn {
  readonly name: string;
  readonly type: string;
  /** Position of the argument that is returned (in-place and `out=` operators), or -1. */
  readonly argument: number;
}

export interface OperatorSchema {
  readonly id: number;
  readonly name: string;
  readonly arguments: readonly SchemaArgument[];
  readonly returns: readonly SchemaReturn[];
}

/** What this build of libtorch is and can do. */
export interface BuildInfo {
  readonly torchVersion: string;
  readonly config: string;
  readonly parallel: string;
  readonly mkldnn: boolean;
  readonly openmp: boolean;
  readonly lapack: boolean;
  readonly cudaDevices: number;
  readonly libraryPath?: string;
}

/** For one axis of a resize: which source pixels make each target pixel, with weights of 22 fraction bits. */
export interface ResizeTable {
  /** First source pixel of each target pixel. */
  readonly starts: Int32Array;
  /** Number of source pixels of each target pixel. */
  readonly counts: Int32Array;
  /** `stride` weights a target pixel. */
  readonly weights: Int32Array;
  readonly stride: number;
}

/** An image as rows of interleaved bytes. */
export interface DecodedBytes {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export type AutocastState = [device: string, enabled: boolean, dtype: DType, cache: boolean];

export interface NativeAddon {
  initialise(given: {
    TorchError: unknown;
    TensorDisposedError: unknown;
    ArgumentError: unknown;
    scratch: Float64Array;
  }): void;
  findOperator(name: string, overload: string): OperatorSchema | undefined;
  operatorNames(): [name: string, overload: string][];
  call(id: number, ...args: unknown[]): unknown;

  fromBytes(data: ArrayBufferView, dtype: DType, shape: readonly number[], share: boolean): Handle;
  copyTo(handle: Handle, target: ArrayBufferView): void;
  shareBytes(handle: Handle): ArrayBuffer;
  storageBytes(handle: Handle): ArrayBuffer;
  item(handle: Handle): number | bigint | boolean | { real: number; imag: number };
  sizes(handle: Handle): number[];
  strides(handle: Handle): number[];
  dim(handle: Handle): number;
  numel(handle: Handle): number;
  dtype(handle: Handle): DType;
  device(handle: Handle): string;
  storageOffset(handle: Handle): number;
  storageId(handle: Handle): number;
  isContiguous(handle: Handle, memoryFormat?: string): boolean;
  alias(handle: Handle): Handle;
  setData(handle: Handle, source: Handle): void;
  release(handle: Handle): void;
  releaseScratch(count: number): void;
  report(handle: Handle): void;
  memory(): { tensors: number; bytes: number; peakTensors: number; created: number };
  exportTensor(handle: Handle, group?: number): number;
  adoptTensor(ticket: number): Handle;
  dropExports(group: number): number;
  inTransit(): number;

  backward(
    tensors: Handle[],
    gradients: (Handle | null)[] | undefined,
    retainGraph: boolean,
    createGraph: boolean,
    inputs?: Handle[],
  ): void;
  grad(
    outputs: Handle[],
    inputs: Handle[],
    gradOutputs: (Handle | null)[] | undefined,
    retainGraph: boolean,
    createGraph: boolean,
    allowUnused: boolean,
  ): (Handle | null)[];
  requiresGrad(handle: Handle): boolean;
  setRequiresGrad(handle: Handle, value: boolean): void;
  isLeaf(handle: Handle): boolean;
  getGrad(handle: Handle): Handle | null;
  setGrad(handle: Handle, gradient: Handle | null): void;
  retainGrad(handle: Handle): void;
  gradFnName(handle: Handle): string | null;
  version(handle: Handle): number;
  registerHook(handle: Handle, hook: (gradient: Handle) => Handle | undefined): number;
  removeHook(handle: Handle, position: number): void;
  attachBackward(
    name: string,
    outputs: Handle[],
    inputs: Handle[],
    saved: Handle[],
    savedIsOutput: boolean[],
    backward: (...handles: (Handle | null)[]) => (Handle | null)[],
  ): void;
  setGradEnabled(enabled: boolean): boolean;
  isGradEnabled(): boolean;
  pushInferenceMode(enabled: boolean): void;
  popInferenceMode(): void;
  forceEngineThread(on: boolean): void;

  setInitialThreads(count: number): void;
  setLocalThreads(count: number): void;
  setNumThreads(count: number): void;
  getNumThreads(): number;
  manualSeed(seed: number | bigint): void;
  newGenerator(device: string): number;
  defaultGenerator(device: string): number;
  useGenerator(generator: number): number;
  generatorSeed(generator: number, seed: number | bigint): void;
  generatorInitialSeed(generator: number): bigint;
  generatorGetState(generator: number): Handle;
  generatorSetState(generator: number, state: Handle): void;
  setAutocast(device: string, enabled: boolean, dtype: DType, cache: boolean): AutocastState;
  enterAutocast(): void;
  leaveAutocast(): void;
  setDeterministic(enabled: boolean, warnOnly: boolean): void;
  loadLibrary(path: string): void;
  buildInfo(): BuildInfo;

  resizeImage(
    image: Handle,
    region: readonly number[],
    size: readonly number[],
    horizontal: ResizeTable | null,
    vertical: ResizeTable | null,
  ): Handle;
  mirrorImage(image: Handle): Handle;
  imageToFloats(image: Handle, table: Float32Array): Handle;
  readonly decodesJpeg: boolean;
  decodeJpeg(bytes: Uint8Array, rgb: boolean): DecodedBytes | undefined;
  decodeJpegInBackground(bytes: Uint8Array, rgb: boolean): Promise<DecodedBytes | undefined>;
  mapFile(path: string): Handle;
  stackLarge(handles: readonly Handle[]): Handle;
  drawUniform(from: number, to: number): number;
  drawInteger(low: number, high: number): number;
  expFloat(value: number): number;
  newBlock(sizes: readonly number[]): Handle;
  storageUses(tensor: Handle): number;
  inspectJpeg(bytes: Uint8Array): [height: number, width: number] | undefined;
  photoToFloats(image: Handle, plan: Int32Array, table: Float32Array, target: Handle): void;
  jpegToFloats(bytes: Uint8Array, size: readonly number[], plan: Int32Array, table: Float32Array, target: Handle): void;
  crc32c(tensor: Handle, start: number, length: number): number;
}

/** The addon could not be loaded; the message lists likely causes and their cures on this machine. */
export class AddonLoadError extends EdgeAIError {
  constructor(message: string, cause: unknown) {
    super('ADDON_NOT_LOADED', message, { cause });
  }
}

const buildFolder = join(dirname(fileURLToPath(import.meta.url)), '..', 'native', 'build');

/** Where the addon is expected: `EDGEAI_TORCH_ADDON`, or the build folder of this package. */
export function addonPath(): string {
  return process.env.EDGEAI_TORCH_ADDON ?? join(buildFolder, 'edgeai_torch.node');
}

/** Handles written here are released by one native call. */
export const scratch = new Float64Array(4096);

let addon: NativeAddon | undefined;

/** Loads the addon on first use. libtorch starts with one thread in some builds, so it is told the number of cores. */
export function loadAddon(): NativeAddon {
  if (addon !== undefined) return addon;
  const path = addonPath();
  let loaded: NativeAddon;
  try {
    loaded = createRequire(import.meta.url)(path) as NativeAddon;
  } catch (error) {
    throw new AddonLoadError(explainLoadFailure(error, readBuildRecord(path)), error);
  }
  loaded.initialise({ TorchError, TensorDisposedError, ArgumentError, scratch });
  const asked = Number(process.env.OMP_NUM_THREADS);
  loaded.setInitialThreads(Number.isInteger(asked) && asked > 0 ? asked : availableParallelism());
  addon = loaded;
  return loaded;
}

function readBuildRecord(path: string): { path: string; built: boolean; record: unknown } {
  const file = join(dirname(path), 'addon.json');
  return {
    path,
    built: existsSync(path),
    record: existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined,
  };
}

/** The loaded addon. Importing this module loads it, so that the hot path has no check left. */
export const native: NativeAddon = loadAddon();
