/**
 * @file Operators that crash or never return inside libtorch on wrong arguments, whoever calls them; the fuzzer leaves them
 * out. None has a method or function here: they are libtorch's own halves of public operators, and are reached only as
 * `ops.aten._name`. Public ones that crashed have a guard in native/guards.cc instead.
 */

const NAMES = [
  // Halves that trust the operator in front of them.
  '_batch_norm_no_update',
  '_cholesky_solve_helper',
  '_compute_linear_combination',
  '_convert_indices_from_coo_to_csr',
  '_convert_indices_from_csr_to_coo',
  '_cummax_helper',
  '_cummin_helper',
  '_fft_c2c',
  '_fft_c2r',
  '_fft_r2c',
  '_histogramdd_bin_edges',
  '_histogramdd_from_bin_cts',
  '_histogramdd_from_bin_tensors',
  '_nested_from_padded',
  '_native_batch_norm_legit',
  '_native_batch_norm_legit_functional',
  '_native_batch_norm_legit_no_training',
  '_new_zeros_with_same_feature_meta',
  '_pdist_backward',
  '_pdist_forward',
  '_remove_batch_dim',
  '_reshape_alias',
  '_reshape_alias_copy',
  '_saturate_weight_to_fp16',
  '_slow_conv2d_backward',
  '_slow_conv2d_forward',
  '_sobol_engine_initialize_state_',
  '_stack',
  '_symeig_helper',
  '_thnn_differentiable_gru_cell_backward',
  '_thnn_differentiable_lstm_cell_backward',
  '_transform_bias_rescale_qkv',
  '_weight_norm',
  '_weight_norm_interface',
  '_weight_norm_interface_backward',
  'batch_norm_update_stats',
  'matrix_exp_backward',
  'native_batch_norm',
  'native_batch_norm_backward',
  'quantized_gru_cell',
  'quantized_lstm_cell',
  'slow_conv3d',
  'slow_conv3d_forward',
  'unfold_backward',
  // A tensor without memory, of which even its zeros cannot be read.
  '_efficientzerotensor',
  // Named dimensions, which this library does not offer.
  'align_tensors',
  'align_to',
  // Loops as long as an argument says.
  'adaptive_max_pool3d',
  'binomial',
  'choose_qparams_optimized',
  'special_chebyshev_polynomial_[tuvw]',
  'special_hermite_polynomial_he?',
  'special_laguerre_polynomial_l',
  'special_legendre_polynomial_p',
  'special_shifted_chebyshev_polynomial_[tuvw]',
];

export const KNOWN_CRASHES: readonly RegExp[] = [
  ...NAMES.map((name) => new RegExp(`^aten::${name}(\\.|$)`)),
  /^quantized::embedding_bag_/,
  /^mkldnn::_reorder/,
  /linear_prepack_fp16$/,
  /^prepacked::/,
];
