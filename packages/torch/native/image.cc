// Pixel loops that data loading spends its time in. They run in the calling thread alone: next to decoders that keep the
// cores busy, sharing one image among threads costs more than it saves.
#include <ATen/ATen.h>

#include <cstring>
#include <vector>

#include "convert.h"
#include "env.h"
#include "resize.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define EDGEAI_X86
#include <immintrin.h>
#endif

namespace edgeai {
namespace {

// `rows` rows of RGB pixels; the row starts are `row_bytes` apart.
void resize_rows_3_portable(const uint8_t* source, int64_t row_bytes, uint8_t* target, int64_t rows, int64_t width, const Axis& axis) {
  for (int64_t y = 0; y < rows; ++y, source += row_bytes) {
    for (int64_t x = 0; x < width; ++x, target += 3) {
      const uint8_t* pixel = source + axis.starts[x] * 3;
      const int32_t* weight = axis.weights + x * axis.stride;
      int32_t sums[3] = {kHalf, kHalf, kHalf};
      for (int32_t k = 0; k < axis.counts[x]; ++k, pixel += 3) {
        for (int c = 0; c < 3; ++c) sums[c] = add_product(sums[c], pixel[c], weight[k]);
      }
      for (int c = 0; c < 3; ++c) target[c] = to_byte(sums[c]);
    }
  }
}

#ifdef EDGEAI_X86
// The same with the three channels (and a fourth that is thrown away) side by side. A pixel is read as four bytes, but for those
// at the very end of the image.
__attribute__((target("sse4.1"))) void resize_rows_3_sse(const uint8_t* source, int64_t row_bytes, const uint8_t* end, uint8_t* target,
                                                         int64_t rows, int64_t width, const Axis& axis) {
  const __m128i half = _mm_set1_epi32(kHalf);
  for (int64_t y = 0; y < rows; ++y, source += row_bytes) {
    for (int64_t x = 0; x < width; ++x, target += 3) {
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
      std::memcpy(target, &packed, 3);
    }
  }
}

// Four rows at a time, two to a register: they share their weights, and their sums do not wait for each other. Leaves the last row,
// whose last pixel has no fourth byte, and up to three before it to the function above. Returns how many rows are done.
__attribute__((target("avx2"))) int64_t resize_rows_3_avx2(const uint8_t* source, int64_t row_bytes, uint8_t* target, int64_t rows,
                                                           int64_t width, const Axis& axis) {
  const __m256i half = _mm256_set1_epi32(kHalf);
  const int64_t length = width * 3;
  const auto load = [](const uint8_t* pixel) {
    int32_t bytes;
    std::memcpy(&bytes, pixel, 4);
    return bytes;
  };
  int64_t y = 0;
  for (; y + 4 < rows; y += 4, source += 4 * row_bytes, target += 4 * length) {
    uint8_t* to = target;
    for (int64_t x = 0; x < width; ++x, to += 3) {
      const uint8_t* pixel = source + axis.starts[x] * 3;
      const int32_t* weight = axis.weights + x * axis.stride;
      __m256i upper = half;
      __m256i lower = half;
      for (int32_t k = 0; k < axis.counts[x]; ++k, pixel += 3) {
        const __m256i w = _mm256_set1_epi32(weight[k]);
        const __m128i first = _mm_insert_epi32(_mm_cvtsi32_si128(load(pixel)), load(pixel + row_bytes), 1);
        const __m128i second = _mm_insert_epi32(_mm_cvtsi32_si128(load(pixel + 2 * row_bytes)), load(pixel + 3 * row_bytes), 1);
        upper = _mm256_add_epi32(upper, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(first), w));
        lower = _mm256_add_epi32(lower, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(second), w));
      }
      // Packing works in halves of a register: rows 0 and 2 in one, 1 and 3 in the other. Saturation does the clamping.
      const __m256i words = _mm256_packs_epi32(_mm256_srai_epi32(upper, kPrecision), _mm256_srai_epi32(lower, kPrecision));
      const __m256i packed = _mm256_packus_epi16(words, words);
      const int64_t even = _mm_cvtsi128_si64(_mm256_castsi256_si128(packed));
      const int64_t odd = _mm_cvtsi128_si64(_mm256_extracti128_si256(packed, 1));
      const auto even_low = static_cast<uint64_t>(even);
      const auto odd_low = static_cast<uint64_t>(odd);
      const uint64_t four[4] = {even_low, odd_low, even_low >> 32, odd_low >> 32};
      for (int r = 0; r < 4; ++r) std::memcpy(to + r * length, &four[r], 3);
    }
  }
  return y;
}
#endif

}  // namespace

void resize_rows_3(const uint8_t* source, int64_t row_bytes, const uint8_t* end, uint8_t* target, int64_t rows, int64_t width,
                   const Axis& axis) {
#ifdef EDGEAI_X86
  if (__builtin_cpu_supports("avx2")) {
    const int64_t done = resize_rows_3_avx2(source, row_bytes, target, rows, width, axis);
    source += done * row_bytes;
    target += done * width * 3;
    rows -= done;
  }
  if (__builtin_cpu_supports("sse4.1")) return resize_rows_3_sse(source, row_bytes, end, target, rows, width, axis);
#endif
  resize_rows_3_portable(source, row_bytes, target, rows, width, axis);
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

namespace {

EDGEAI_VECTORISED void resize_columns(const uint8_t* source, int64_t row_bytes, uint8_t* target, int64_t height, int64_t length,
                                      const Axis& axis) {
  // A stretch of sums that stays in the first cache.
  constexpr int64_t kStretch = 1024;
  int32_t sums[kStretch];
  for (int64_t y = 0; y < height; ++y, target += length) {
    const uint8_t* first = source + axis.starts[y] * row_bytes;
    const int32_t* weight = axis.weights + y * axis.stride;
    const int32_t count = axis.counts[y];
    for (int64_t from = 0; from < length; from += kStretch) {
      const int64_t size = std::min(kStretch, length - from);
      for (int64_t x = 0; x < size; ++x) sums[x] = kHalf;
      for (int32_t k = 0; k < count; ++k) {
        const uint8_t* row = first + k * row_bytes + from;
        const int32_t w = weight[k];
        for (int64_t x = 0; x < size; ++x) sums[x] = add_product(sums[x], row[x], w);
      }
      for (int64_t x = 0; x < size; ++x) target[from + x] = to_byte(sums[x]);
    }
  }
}

template <typename T>
Napi::TypedArray view_of(Napi::Env env, Napi::Value value, const char* argument, T** data) {
  if (!value.IsTypedArray()) throw_argument_error(env, argument, std::string("Expected a typed array for ") + argument);
  void* raw = nullptr;
  napi_value buffer;
  napi_typedarray_type type;
  size_t elements = 0;
  size_t offset = 0;
  check(env, napi_get_typedarray_info(env, value, &type, &elements, &raw, &buffer, &offset));
  *data = static_cast<T*>(raw);
  return value.As<Napi::TypedArray>();
}

// A table {starts, counts, weights, stride} or null; every source pixel that it names must lie below `size`.
Axis axis_of(Napi::Env env, Napi::Value value, int64_t targets, int64_t size) {
  Axis axis;
  if (!value.IsObject()) return axis;
  const Napi::Object table = value.As<Napi::Object>();
  int32_t* raw = nullptr;
  const auto starts = view_of(env, table.Get("starts"), "starts", &raw);
  axis.starts = raw;
  const auto counts = view_of(env, table.Get("counts"), "counts", &raw);
  axis.counts = raw;
  const auto weights = view_of(env, table.Get("weights"), "weights", &raw);
  axis.weights = raw;
  axis.stride = table.Get("stride").ToNumber().Int64Value();
  const auto length = [](const Napi::TypedArray& array) { return static_cast<int64_t>(array.ByteLength() / sizeof(int32_t)); };
  bool fits = length(starts) >= targets && length(counts) >= targets && axis.stride >= 0 && length(weights) >= targets * axis.stride;
  for (int64_t i = 0; fits && i < targets; ++i) {
    fits = axis.starts[i] >= 0 && axis.counts[i] >= 0 && axis.counts[i] <= axis.stride &&
           static_cast<int64_t>(axis.starts[i]) + axis.counts[i] <= size;
  }
  if (!fits) throw std::runtime_error("internal: a resize table does not fit its image");
  axis.given = true;
  return axis;
}

// The image [channels, height, width] with its pixels interleaved; copied only where they are not.
at::Tensor interleaved(const at::Tensor& image) {
  if (image.dim() != 3 || image.scalar_type() != at::kByte || !image.device().is_cpu()) {
    throw std::runtime_error("expected a uint8 image [channels, height, width] on the CPU but received " + describe(image));
  }
  return image.detach().permute({1, 2, 0}).contiguous();
}

// resizeImage(image, [top, left, height, width], [height, width], horizontal | null, vertical | null) -> image: a part of it,
// resized in Pillow's arithmetic. A table of null leaves its axis as it is.
Napi::Value resize_image(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  EnvData& data = data_of(env);
  const std::vector<int64_t> region = ints_from_js(env, info[1], "region");
  const std::vector<int64_t> size = ints_from_js(env, info[2], "size");
  if (region.size() != 4 || size.size() != 2 || size[0] < 0 || size[1] < 0) throw std::runtime_error("internal: region and size");
  const Axis horizontal = axis_of(env, info[3], size[1], region[3]);
  const Axis vertical = axis_of(env, info[4], size[0], region[2]);
  const at::Tensor source = interleaved(data.tensor(env, info[0], "image"));
  const auto [top, left, height, width] = std::tie(region[0], region[1], region[2], region[3]);
  const int64_t channels = source.size(2);
  if (top < 0 || left < 0 || height < 0 || width < 0 || top + height > source.size(0) || left + width > source.size(1)) {
    throw std::runtime_error("the region lies outside the image, which is " + describe(source.permute({2, 0, 1})));
  }
  if ((!horizontal.given && size[1] != width) || (!vertical.given && size[0] != height)) {
    throw std::runtime_error("internal: a resize without its table");
  }
  const at::Tensor target = at::empty({size[0], size[1], channels}, at::kByte);
  if (target.numel() > 0 && source.numel() > 0) {
    int64_t row_bytes = source.size(1) * channels;
    const uint8_t* first = source.data_ptr<uint8_t>() + top * row_bytes + left * channels;
    at::Tensor between;
    if (horizontal.given) {
      between = vertical.given ? at::empty({height, size[1], channels}, at::kByte) : target;
      uint8_t* into = between.data_ptr<uint8_t>();
      if (channels == 3) {
        resize_rows_3(first, row_bytes, source.data_ptr<uint8_t>() + source.numel(), into, height, size[1], horizontal);
      } else {
        resize_rows_any(first, row_bytes, into, height, size[1], channels, horizontal);
      }
      first = into;
      row_bytes = size[1] * channels;
    }
    if (vertical.given) {
      resize_columns(first, row_bytes, target.data_ptr<uint8_t>(), size[0], size[1] * channels, vertical);
    } else if (!horizontal.given) {
      for (int64_t y = 0; y < height; ++y) std::memcpy(target.data_ptr<uint8_t>() + y * width * channels, first + y * row_bytes, width * channels);
    }
  }
  return Napi::Value(env, new_handle(env, data, target.permute({2, 0, 1})));
}

// mirrorImage(image) -> image: left to right.
Napi::Value mirror_image(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  EnvData& data = data_of(env);
  const at::Tensor source = interleaved(data.tensor(env, info[0], "image"));
  const at::Tensor target = at::empty(source.sizes(), at::kByte);
  const int64_t width = source.size(1);
  const int64_t channels = source.size(2);
  if (source.numel() > 0) {
    const uint8_t* from = source.data_ptr<uint8_t>();
    uint8_t* to = target.data_ptr<uint8_t>();
    for (int64_t y = 0; y < source.size(0); ++y, from += width * channels, to += width * channels) {
      if (channels == 3) {
        for (int64_t x = 0; x < width; ++x) std::memcpy(to + (width - 1 - x) * 3, from + x * 3, 3);
      } else {
        for (int64_t x = 0; x < width; ++x) std::memcpy(to + (width - 1 - x) * channels, from + x * channels, channels);
      }
    }
  }
  return Napi::Value(env, new_handle(env, data, target.permute({2, 0, 1})));
}

// imageToFloats(image, table) -> float32 [channels, height, width]: each byte looked up in its channel's row of
// `table`, a Float32Array of 256 values a channel.
Napi::Value image_to_floats(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  EnvData& data = data_of(env);
  float* table = nullptr;
  const auto values = view_of(env, info[1], "table", &table);
  const at::Tensor source = interleaved(data.tensor(env, info[0], "image"));
  const int64_t area = source.size(0) * source.size(1);
  const int64_t channels = source.size(2);
  if (static_cast<int64_t>(values.ByteLength() / sizeof(float)) < channels * 256) throw std::runtime_error("internal: a table without a row a channel");
  const at::Tensor target = at::empty({channels, source.size(0), source.size(1)}, at::kFloat);
  if (source.numel() > 0) {
    const uint8_t* from = source.data_ptr<uint8_t>();
    float* to = target.data_ptr<float>();
    if (channels == 3) {
      for (int64_t i = 0; i < area; ++i, from += 3) {
        to[i] = table[from[0]];
        to[area + i] = table[256 + from[1]];
        to[2 * area + i] = table[512 + from[2]];
      }
    } else {
      for (int64_t i = 0; i < area; ++i) {
        for (int64_t c = 0; c < channels; ++c) to[c * area + i] = table[c * 256 + *from++];
      }
    }
  }
  return Napi::Value(env, new_handle(env, data, target));
}

}  // namespace

void register_image(Napi::Object exports) {
  add_door<resize_image>(exports, "resizeImage");
  add_door<mirror_image>(exports, "mirrorImage");
  add_door<image_to_floats>(exports, "imageToFloats");
}

}  // namespace edgeai
