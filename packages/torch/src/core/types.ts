/** @file Small types that operator signatures share. */

/** A number where an operator takes a scalar: whole numbers are integer scalars, as literals are in Python. */
export type Scalar = number | bigint | boolean | Complex;

export interface Complex {
  readonly real: number;
  readonly imag: number;
}

/** `cpu`, `cuda` or `cuda:<index>`. */
export type Device = 'cpu' | 'cuda' | `cuda:${number}` | (string & {});

export type MemoryFormat = 'contiguous_format' | 'preserve_format' | 'channels_last' | 'channels_last_3d';

export type Layout = 'strided' | 'sparse_coo' | 'sparse_csr' | 'mkldnn';

export type Shape = readonly number[];
