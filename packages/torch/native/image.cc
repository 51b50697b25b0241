// Pixel loops that data loading spends its time in. They run in the calling thread alone: next to decoders that keep the
// cores busy, sharing one image among threads costs more than it saves.
#include <ATen/ATen.h>

#include <cstring>
#include <vector>

#include "convert.h"
#include "env.h"
#include "resize.h"

namespace edgeai {
namespace {

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
        resize_rows_3(first, row_bytes, source.data_ptr<uint8_t>() + source.numel(), into, size[1] * 3, height, size[1], horizontal);
      } else {
        resize_rows_any(first, row_bytes, into, height, size[1], channels, horizontal);
      }
      first = into;
      row_bytes = size[1] * channels;
    }
    if (vertical.given) {
      const int64_t length = size[1] * channels;
      for (int64_t y = 0; y < size[0]; ++y) {
        resize_row_down(first + vertical.starts[y] * row_bytes, row_bytes, vertical.weights + y * vertical.stride, vertical.counts[y],
                        target.data_ptr<uint8_t>() + y * length, length);
      }
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
