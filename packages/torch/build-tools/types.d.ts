/** @file The shapes that the build tools hand to each other and to the doctor. */

export type LibtorchSource = 'LIBTORCH' | 'system' | 'python' | 'cache';

/** One libtorch that the addon can be built against. */
export interface Libtorch {
  readonly source: LibtorchSource;
  /** `1.13.1`, without a `+cpu` suffix. */
  readonly version: string;
  /** Header folders, in search order. */
  readonly includes: readonly string[];
  /** Folder that holds libtorch.so (libtorch.dylib). */
  readonly libDir: string;
  /** Which std::string its symbols use: 1 is the C++11 one. */
  readonly abi: 0 | 1;
  readonly cxxStandard: 17 | 20;
  /** Built with CUDA. */
  readonly cuda: boolean;
}

/** A place that was looked at. `outcome` is `found`, or why it was passed over. */
export interface Attempt {
  readonly source: LibtorchSource;
  readonly path: string;
  readonly outcome: string;
}

export interface SearchResult {
  readonly found: Libtorch | undefined;
  readonly tried: readonly Attempt[];
}

export interface SearchOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Root of the file system that holds the system folders; another one only in tests. */
  readonly root?: string;
  readonly platform?: string;
  readonly arch?: string;
}

/** build/addon.json: what the addon in that folder was made from. */
export interface BuildRecord {
  readonly libtorch: Libtorch;
  readonly builtAt: string;
  /** Version of the Node that ran the build; the addon itself works with any that has Node-API 8. */
  readonly node: string;
  readonly sourceHash: string;
}

export interface NativeStatus {
  readonly state: 'missing' | 'stale' | 'current';
  /** Why it is not current; empty when it is. */
  readonly reason: string;
  readonly addonPath: string;
  readonly record: BuildRecord | undefined;
}
