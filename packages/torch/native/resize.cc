// The arithmetic of Pillow's resize: rows of bytes across, and several rows down to one. Vectorised where the processor allows,
// with the same results everywhere.
#include "resize.h"

#include <algorithm>
#include <cstring>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
#define EDGEAI_X86
#include <immintrin.h>
#endif

namespace edgeai {
namespace {

void resize_rows_3_portable(const uint8_t* source, int64_t row_bytes, uint8_t* target, int64_t target_bytes, int64_t rows, int64_t width,
                            const Axis& axis) {
  for (int64_t y = 0; y < rows; ++y, source += row_bytes, target += target_bytes) {
    uint8_t* to = target;
    for (int64_t x = 0; x < width; ++x, to += 3) {
      const uint8_t* pixel = source + axis.starts[x] * 3;
      const int32_t* weight = axis.weights + x * axis.stride;
      int32_t sums[3] = {kHalf, kHalf, kHalf};
      for (int32_t k = 0; k < axis.counts[x]; ++k, pixel += 3) {
        for (int c = 0; c < 3; ++c) sums[c] = add_product(sums[c], pixel[c], weight[k]);
      }
      for (int c = 0; c < 3; ++c) to[c] = to_byte(sums[c]);
    }
  }
}

// Sums of rows, for columns from `from` on.
void resize_row_down_portable(const uint8_t* source, int64_t row_bytes, const int32_t* weights, int32_t taps, uint8_t* target,
                              int64_t from, int64_t length) {
  // A stretch of sums that stays in the first cache.
  constexpr int64_t kStretch = 1024;
  int32_t sums[kStretch];
  for (; from < length; from += kStretch) {
    const int64_t size = std::min(kStretch, length - from);
    for (int64_t x = 0; x < size; ++x) sums[x] = kHalf;
    for (int32_t k = 0; k < taps; ++k) {
      const uint8_t* row = source + k * row_bytes + from;
      const int32_t weight = weights[k];
      for (int64_t x = 0; x < size; ++x) sums[x] = add_product(sums[x], row[x], weight);
    }
    for (int64_t x = 0; x < size; ++x) target[from + x] = to_byte(sums[x]);
  }
}

#ifdef EDGEAI_X86
// The three channels of a pixel (and a fourth that is thrown away) side by side. A pixel is read as four bytes, but for those at the
// very end of the image.
__attribute__((target("sse4.1"))) void resize_rows_3_sse(const uint8_t* source, int64_t row_bytes, const uint8_t* end, uint8_t* target,
                                                         int64_t target_bytes, int64_t rows, int64_t width, const Axis& axis) {
  const __m128i half = _mm_set1_epi32(kHalf);
  for (int64_t y = 0; y < rows; ++y, source += row_bytes, target += target_bytes) {
    uint8_t* to = target;
    for (int64_t x = 0; x < width; ++x, to += 3) {
      const uint8_t* pixel = source + axis.starts[x] * 3;
      const int32_t* weight = axis.weights + x * axis.stride;
      const int32_t count = axis.counts[x];
      __m128i sum = half;
      int32_t k = 0;
      for (; k < count && pixel + 4 <= end; ++k, pixel += 3) {
        int32_t bytes;
        std::memcpy(&bytes, pixel, 4);
        sum = _mm_add_epi32(sum, _mm_mullo_epi32(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes)), _mm_set1_epi32(weight[k])));
      }
      for (; k < count; ++k, pixel += 3) {
        const __m128i bytes = _mm_setr_epi32(pixel[0], pixel[1], pixel[2], 0);
        sum = _mm_add_epi32(sum, _mm_mullo_epi32(bytes, _mm_set1_epi32(weight[k])));
      }
      // Saturation does the clamping to 0 ... 255.
      const __m128i words = _mm_packs_epi32(_mm_srai_epi32(sum, kPrecision), _mm_setzero_si128());
      const int32_t packed = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
      std::memcpy(to, &packed, 3);
    }
  }
}

// Weights in the form that the kernel below multiplies by: of each target pixel `pairs` times the upper and the lower parts of the
// weights of two neighbours, w = upper * 2^11 + lower. Both are words of 16 bits, so that one instruction multiplies the two
// neighbours and adds, without any rounding. All pixels have the same number of pairs; what they lack is 0.
constexpr int kLowerBits = 11;

struct PairedWeights {
  std::vector<int32_t> halves;
  int32_t pairs = 0;

  void fill(const Axis& axis, int64_t width) {
    const int32_t most = width > 0 ? *std::max_element(axis.counts, axis.counts + width) : 0;
    pairs = std::max(1, (most + 1) / 2);
    halves.resize(width * pairs * 2);
    int32_t* to = halves.data();
    for (int64_t x = 0; x < width; ++x) {
      const int32_t* weights = axis.weights + x * axis.stride;
      for (int32_t k = 0; k < 2 * pairs; k += 2, to += 2) {
        const int32_t first = k < axis.counts[x] ? weights[k] : 0;
        const int32_t second = k + 1 < axis.counts[x] ? weights[k + 1] : 0;
        const auto side_by_side = [](int32_t low, int32_t high) {
          return static_cast<int32_t>((static_cast<uint32_t>(low) & 0xffff) | static_cast<uint32_t>(high) << 16);
        };
        constexpr int32_t kMask = (1 << kLowerBits) - 1;
        to[0] = side_by_side(first >> kLowerBits, second >> kLowerBits);
        to[1] = side_by_side(first & kMask, second & kMask);
      }
    }
  }
};

// The last row of an image ends where nothing may be read any more; what a read of sixteen bytes may want beyond the first pixel.
int64_t reach_of(const Axis& axis, int64_t width, int32_t pairs) {
  const int32_t last = width > 0 ? *std::max_element(axis.starts, axis.starts + width) : 0;
  return 3 * last + 12 * ((pairs - 1) / 2) + 16;
}

// The sums of four rows for one target pixel: rows 0 and 1 in `upper`, 2 and 3 in `lower`, three channels (and a fourth that is thrown
// away) each. A read of sixteen bytes serves two pairs of neighbours.
template <int kPairs>
__attribute__((target("avx2"), always_inline)) inline void sum_four_rows(const uint8_t* pixel, int64_t row_bytes, const int32_t* halves,
                                                                         int32_t some_pairs, __m256i& upper, __m256i& lower) {
  const int32_t pairs = kPairs > 0 ? kPairs : some_pairs;
  const __m256i near = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1,
                                        -1, -1, -1, -1);
  const __m256i far = _mm256_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11,
                                       -1, -1, -1, -1, -1);
  __m256i high[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  __m256i low[2] = {_mm256_set1_epi32(kHalf), _mm256_set1_epi32(kHalf)};
  for (int32_t j = 0; j < pairs; j += 2, pixel += 12) {
    const auto* at = reinterpret_cast<const __m128i*>(pixel);
    const auto below = [&](int row) { return reinterpret_cast<const __m128i*>(pixel + row * row_bytes); };
    const __m256i rows[2] = {_mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(at)), _mm_loadu_si128(below(1)), 1),
                             _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(below(2))), _mm_loadu_si128(below(3)), 1)};
    const __m256i first_high = _mm256_set1_epi32(halves[2 * j]);
    const __m256i first_low = _mm256_set1_epi32(halves[2 * j + 1]);
    for (int i = 0; i < 2; ++i) {
      const __m256i words = _mm256_shuffle_epi8(rows[i], near);
      high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(words, first_high));
      low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(words, first_low));
    }
    if (j + 1 == pairs) break;
    const __m256i second_high = _mm256_set1_epi32(halves[2 * j + 2]);
    const __m256i second_low = _mm256_set1_epi32(halves[2 * j + 3]);
    for (int i = 0; i < 2; ++i) {
      const __m256i words = _mm256_shuffle_epi8(rows[i], far);
      high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(words, second_high));
      low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(words, second_low));
    }
  }
  upper = _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(high[0], kLowerBits), low[0]), kPrecision);
  lower = _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(high[1], kLowerBits), low[1]), kPrecision);
}

// Two target pixels of four rows at a time. Returns how many rows are done: the last ones of an image are left, because nothing lies
// behind them that could be read.
template <int kPairs>
__attribute__((target("avx2"))) int64_t resize_rows_3_avx2(const uint8_t* source, int64_t row_bytes, const uint8_t* end, uint8_t* target,
                                                           int64_t target_bytes, int64_t rows, int64_t width, const Axis& axis,
                                                           const PairedWeights& weights) {
  const int32_t pairs = weights.pairs;
  const int64_t reach = reach_of(axis, width, pairs);
  // Rows 0 and 2 in one half of a register, 1 and 3 in the other; of each row six bytes side by side.
  const __m256i order = _mm256_setr_epi8(0, 1, 2, 8, 9, 10, -1, -1, 4, 5, 6, 12, 13, 14, -1, -1, 0, 1, 2, 8, 9, 10, -1, -1, 4, 5, 6, 12, 13,
                                         14, -1, -1);
  int64_t y = 0;
  for (; y + 4 <= rows && reach <= end - source - 3 * row_bytes; y += 4, source += 4 * row_bytes, target += 4 * target_bytes) {
    uint8_t* to = target;
    const int32_t* halves = weights.halves.data();
    for (int64_t x = 0; x < width; x += 2, to += 6, halves += 4 * pairs) {
      // An odd width ends with the same pixel twice.
      const bool two = x + 1 < width;
      __m256i upper[2];
      __m256i lower[2];
      sum_four_rows<kPairs>(source + axis.starts[x] * 3, row_bytes, halves, pairs, upper[0], lower[0]);
      sum_four_rows<kPairs>(source + axis.starts[two ? x + 1 : x] * 3, row_bytes, halves + (two ? 2 * pairs : 0), pairs, upper[1], lower[1]);
      // Saturation does the clamping to 0 ... 255.
      const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(upper[0], lower[0]), _mm256_packs_epi32(upper[1], lower[1]));
      const __m256i ordered = _mm256_shuffle_epi8(bytes, order);
      const __m128i even = _mm256_castsi256_si128(ordered);
      const __m128i odd = _mm256_extracti128_si256(ordered, 1);
      const int64_t four[4] = {_mm_cvtsi128_si64(even), _mm_cvtsi128_si64(odd), _mm_extract_epi64(even, 1), _mm_extract_epi64(odd, 1)};
      // Two bytes too many are overwritten by the next pixels, where there are any.
      if (x + 4 <= width) {
        for (int r = 0; r < 4; ++r) std::memcpy(to + r * target_bytes, &four[r], 8);
      } else {
        for (int r = 0; r < 4; ++r) std::memcpy(to + r * target_bytes, &four[r], two ? 6 : 3);
      }
    }
  }
  return y;
}

int64_t resize_rows_3_avx2(const uint8_t* source, int64_t row_bytes, const uint8_t* end, uint8_t* target, int64_t target_bytes, int64_t rows,
                           int64_t width, const Axis& axis) {
  thread_local PairedWeights weights;
  weights.fill(axis, width);
  const auto run = weights.pairs == 1   ? resize_rows_3_avx2<1>
                   : weights.pairs == 2 ? resize_rows_3_avx2<2>
                   : weights.pairs == 3 ? resize_rows_3_avx2<3>
                                        : resize_rows_3_avx2<0>;
  return run(source, row_bytes, end, target, target_bytes, rows, width, axis, weights);
}

// Columns in blocks of 32, whose sums stay in registers. Returns how many columns are done.
__attribute__((target("avx2"))) int64_t resize_row_down_avx2(const uint8_t* source, int64_t row_bytes, const int32_t* weights, int32_t taps,
                                                             uint8_t* target, int64_t length) {
  const __m256i half = _mm256_set1_epi32(kHalf);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  int64_t from = 0;
  for (; from + 32 <= length; from += 32) {
    __m256i sums[4] = {half, half, half, half};
    const uint8_t* row = source + from;
    for (int32_t k = 0; k < taps; ++k, row += row_bytes) {
      const __m256i w = _mm256_set1_epi32(weights[k]);
      for (int i = 0; i < 4; ++i) {
        const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + 8 * i)));
        sums[i] = _mm256_add_epi32(sums[i], _mm256_mullo_epi32(bytes, w));
      }
    }
    for (auto& sum : sums) sum = _mm256_srai_epi32(sum, kPrecision);
    const __m256i words = _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + from), _mm256_permutevar8x32_epi32(words, order));
  }
  return from;
}
#endif

}  // namespace

void resize_rows_3(const uint8_t* source, int64_t row_bytes, const uint8_t* end, uint8_t* target, int64_t target_bytes, int64_t rows,
                   int64_t width, const Axis& axis) {
#ifdef EDGEAI_X86
  if (__builtin_cpu_supports("avx2")) {
    const int64_t done = resize_rows_3_avx2(source, row_bytes, end, target, target_bytes, rows, width, axis);
    source += done * row_bytes;
    target += done * target_bytes;
    rows -= done;
  }
  if (__builtin_cpu_supports("sse4.1")) return resize_rows_3_sse(source, row_bytes, end, target, target_bytes, rows, width, axis);
#endif
  resize_rows_3_portable(source, row_bytes, target, target_bytes, rows, width, axis);
}

void resize_rows_any(const uint8_t* source, int64_t row_bytes, uint8_t* target, int64_t rows, int64_t width, int64_t channels,
                     const Axis& axis) {
  for (int64_t y = 0; y < rows; ++y, source += row_bytes) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < channels; ++c) {
        const uint8_t* pixel = source + axis.starts[x] * channels + c;
        const int32_t* weight = axis.weights + x * axis.stride;
        int32_t sum = kHalf;
        for (int32_t k = 0; k < axis.counts[x]; ++k, pixel += channels) sum = add_product(sum, *pixel, weight[k]);
        *target++ = to_byte(sum);
      }
    }
  }
}

void resize_row_down(const uint8_t* source, int64_t row_bytes, const int32_t* weights, int32_t taps, uint8_t* target, int64_t length) {
  int64_t done = 0;
#ifdef EDGEAI_X86
  if (__builtin_cpu_supports("avx2")) done = resize_row_down_avx2(source, row_bytes, weights, taps, target, length);
#endif
  resize_row_down_portable(source, row_bytes, weights, taps, target, done, length);
}

}  // namespace edgeai
