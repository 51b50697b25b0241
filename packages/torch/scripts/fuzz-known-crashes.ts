/** @file Operators that crash inside libtorch on wrong arguments, whoever calls them; the fuzzer leaves them out. */

export const KNOWN_CRASHES: readonly RegExp[] = [];
