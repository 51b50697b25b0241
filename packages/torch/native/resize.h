// Pillow's resize of rows of bytes: what the kernels that resize have in common. The functions are in resize.cc.
#pragma once

#include <cstdint>

namespace edgeai {

// One axis of a resize: for each target pixel the first source pixel, how many, and their fixed-point weights.
struct Axis {
  const int32_t* starts = nullptr;
  const int32_t* counts = nullptr;
  const int32_t* weights = nullptr;
  int64_t stride = 0;
  bool given = false;
};

// Pillow's fixed point: bytes times weights of 22 fraction bits fit 32 bits with room for overshoot.
constexpr int kPrecision = 32 - 8 - 2;
constexpr int32_t kHalf = 1 << (kPrecision - 1);

inline uint8_t to_byte(int32_t sum) {
  const int32_t value = sum >> kPrecision;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// Sums wrap as in the reference; unsigned arithmetic makes that well defined.
inline int32_t add_product(int32_t sum, uint8_t value, int32_t weight) {
  return static_cast<int32_t>(static_cast<uint32_t>(sum) + static_cast<uint32_t>(value) * static_cast<uint32_t>(weight));
}

// `rows` rows of RGB pixels across. The starts of rows are `row_bytes` apart, those of the results `target_bytes`; nothing is read
// from `end` on.
void resize_rows_3(const uint8_t* source, int64_t row_bytes, const uint8_t* end, uint8_t* target, int64_t target_bytes, int64_t rows,
                   int64_t width, const Axis& axis);

// The same for any number of channels; rows of results lie one after the other.
void resize_rows_any(const uint8_t* source, int64_t row_bytes, uint8_t* target, int64_t rows, int64_t width, int64_t channels,
                     const Axis& axis);

// `taps` rows from `source` on down to one row of `length` bytes.
void resize_row_down(const uint8_t* source, int64_t row_bytes, const int32_t* weights, int32_t taps, uint8_t* target, int64_t length);

}  // namespace edgeai
