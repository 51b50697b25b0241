// The way of a photo to the input of a network in one pass: a part of it, resized in Pillow's arithmetic, perhaps mirrored,
// normalised, written where it belongs in the batch. Gives what the steps one by one give (image.cc), without their images.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/DistributionsHelper.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <vector>

#include "convert.h"
#include "env.h"
#include "jpeg.h"
#include "resize.h"

#if defined(__x86_64__)
#define EDGEAI_X86
// Of every processor of this kind.
#include <emmintrin.h>
#endif

namespace edgeai {
namespace {

// A filter of Pillow's: its reach to either side in source pixels, and its height at a distance.
enum Filter : int32_t { kBilinear = 0, kBicubic = 1, kBox = 2 };
constexpr double kSupport[] = {1.0, 2.0, 0.5};

// The expressions are those of the TypeScript twin (pillow-filters.ts), term by term: both must round alike.
double height_at(int32_t filter, double x) {
  switch (filter) {
    case kBilinear:
      return std::max(0.0, 1 - std::abs(x));
    case kBicubic: {
      constexpr double a = -0.5;
      const double d = std::abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    }
    default:
      return x > -0.5 && x <= 0.5 ? 1 : 0;
  }
}

// The table of one axis for `count` targets from `from` on, and the stretch of source pixels that they need. Starts count from
// the beginning of that stretch.
struct Table {
  std::vector<int32_t> starts;
  std::vector<int32_t> counts;
  std::vector<int32_t> weights;
  std::vector<double> row;
  int64_t stride = 0;
  int64_t first = 0;
  int64_t reach = 0;
  bool given = false;

  Axis axis() const { return {starts.data(), counts.data(), weights.data(), stride, given}; }

  void fill(int64_t in_size, int64_t out_size, int32_t filter, int64_t from, int64_t count) {
    given = in_size != out_size;
    if (!given) {
      first = from;
      reach = count;
      return;
    }
    const double scale = static_cast<double>(in_size) / static_cast<double>(out_size);
    const double filter_scale = std::max(scale, 1.0);
    const double inverse = 1 / filter_scale;
    const double radius = kSupport[filter] * filter_scale;
    stride = static_cast<int64_t>(std::ceil(radius)) * 2 + 1;
    starts.resize(count);
    counts.resize(count);
    weights.resize(count * stride);
    row.resize(stride);
    for (int64_t i = 0; i < count; ++i) {
      const double centre = (static_cast<double>(from + i) + 0.5) * scale;
      const int64_t start = std::max<int64_t>(0, static_cast<int64_t>(centre - radius + 0.5));
      const int64_t taps = std::min(in_size, static_cast<int64_t>(centre + radius + 0.5)) - start;
      double sum = 0;
      for (int64_t k = 0; k < taps; ++k) {
        row[k] = height_at(filter, (static_cast<double>(k + start) - centre + 0.5) * inverse);
        sum += row[k];
      }
      starts[i] = static_cast<int32_t>(start);
      counts[i] = static_cast<int32_t>(taps);
      for (int64_t k = 0; k < taps; ++k) {
        const double weight = sum == 0 ? row[k] : row[k] / sum;
        weights[i * stride + k] = static_cast<int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kPrecision));
      }
    }
    first = starts[0];
    reach = starts[count - 1] + counts[count - 1] - first;
    for (int32_t& start : starts) start -= static_cast<int32_t>(first);
  }
};

// What to do: `region` of the image is resized to `size`, and `window` of that is wanted.
struct Plan {
  int32_t region[4];
  int32_t size[2];
  int32_t window[4];
  int32_t filter;
  int32_t mirrored;
};

// Memory that a thread uses for photo after photo.
struct Workplace {
  Table horizontal;
  Table vertical;
  std::vector<uint8_t> decoded;
  std::vector<uint8_t> rows;
  std::vector<uint8_t> row;
};

Workplace& workplace() {
  thread_local Workplace place;
  return place;
}

Plan plan_from_js(Napi::Env env, Napi::Value value) {
  Plan plan;
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().ByteLength() != sizeof(Plan)) throw std::runtime_error("internal: a plan of another length");
  std::memcpy(&plan, value.As<Napi::Int32Array>().Data(), sizeof(Plan));
  const auto inside = [](const int32_t* part, int32_t height, int32_t width) {
    return part[0] >= 0 && part[1] >= 0 && part[2] > 0 && part[3] > 0 && part[0] <= height - part[2] && part[1] <= width - part[3];
  };
  if (!inside(plan.window, plan.size[0], plan.size[1]) || plan.filter < 0 || plan.filter > kBox || plan.region[2] < 1 || plan.region[3] < 1)
    throw std::runtime_error("internal: a plan that does not fit together");
  return plan;
}

// Throws for a region that lies outside the image.
void check_region(const Plan& plan, int64_t height, int64_t width) {
  const auto& r = plan.region;
  if (r[0] < 0 || r[1] < 0 || r[0] > height - r[2] || r[1] > width - r[3]) throw std::runtime_error("internal: the region lies outside the image");
}

void fill_tables(const Plan& plan, Workplace& place) {
  place.horizontal.fill(plan.region[3], plan.size[1], plan.filter, plan.window[1], plan.window[3]);
  place.vertical.fill(plan.region[2], plan.size[0], plan.filter, plan.window[0], plan.window[2]);
}

// A row of interleaved bytes as a row in each channel's plane; planes are `area` apart.
void look_up_row(const uint8_t* from, int64_t width, int64_t channels, bool mirrored, const float* table, float* to, int64_t area) {
  const int64_t step = mirrored ? -channels : channels;
  if (mirrored) from += (width - 1) * channels;
  for (int64_t c = 0; c < channels; ++c) {
    const uint8_t* byte = from + c;
    const float* values = table + c * 256;
    float* plane = to + c * area;
    for (int64_t x = 0; x < width; ++x, byte += step) plane[x] = values[*byte];
  }
}

#ifdef EDGEAI_X86
// The same for three channels, four pixels at a time: a processor writes one register as fast as one float.
void look_up_row_3(const uint8_t* from, int64_t width, bool mirrored, const float* table, float* to, int64_t area) {
  const int64_t step = mirrored ? -3 : 3;
  if (mirrored) from += (width - 1) * 3;
  int64_t x = 0;
  for (; x + 4 <= width; x += 4, from += 4 * step) {
    for (int c = 0; c < 3; ++c) {
      const float* values = table + c * 256;
      const auto value = [&](int i) { return _mm_load_ss(values + from[i * step + c]); };
      const __m128 four = _mm_movelh_ps(_mm_unpacklo_ps(value(0), value(1)), _mm_unpacklo_ps(value(2), value(3)));
      _mm_storeu_ps(to + c * area + x, four);
    }
  }
  for (; x < width; ++x, from += step) {
    for (int c = 0; c < 3; ++c) to[c * area + x] = table[c * 256 + from[c]];
  }
}
#endif

// `source` is the first pixel that the tables ask for.
void run(const Plan& plan, Workplace& place, const uint8_t* source, int64_t row_bytes, const uint8_t* end, int64_t channels,
         const float* table, float* target) {
  const int64_t height = plan.window[2];
  const int64_t width = plan.window[3];
  const int64_t length = width * channels;
  if (place.horizontal.given) {
    const int64_t rows = place.vertical.reach;
    place.rows.resize(rows * length);
    const Axis axis = place.horizontal.axis();
    if (channels == 3) {
      resize_rows_3(source, row_bytes, end, place.rows.data(), length, rows, width, axis);
    } else {
      resize_rows_any(source, row_bytes, place.rows.data(), rows, width, channels, axis);
    }
    source = place.rows.data();
    row_bytes = length;
  }
  const Table& vertical = place.vertical;
  if (vertical.given) place.row.resize(length);
  const int64_t area = height * width;
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* row = source + y * row_bytes;
    if (vertical.given) {
      resize_row_down(source + vertical.starts[y] * row_bytes, row_bytes, vertical.weights.data() + y * vertical.stride, vertical.counts[y],
                      place.row.data(), length);
      row = place.row.data();
    }
    float* to = target + y * width;
#ifdef EDGEAI_X86
    if (channels == 3) {
      look_up_row_3(row, width, plan.mirrored != 0, table, to, area);
      continue;
    }
#endif
    look_up_row(row, width, channels, plan.mirrored != 0, table, to, area);
  }
}

float* target_of(const at::Tensor& tensor, const Plan& plan, int64_t channels) {
  if (!tensor.device().is_cpu() || tensor.scalar_type() != at::kFloat || !tensor.is_contiguous() ||
      tensor.numel() != channels * plan.window[2] * plan.window[3])
    throw std::runtime_error("internal: a target of another size: " + describe(tensor));
  return tensor.data_ptr<float>();
}

const float* table_of(Napi::Value value, int64_t channels) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().ByteLength() < channels * 256 * sizeof(float))
    throw std::runtime_error("internal: a table without a row a channel");
  return value.As<Napi::Float32Array>().Data();
}

// photoToFloats(image, plan, table, target): from a uint8 image [channels, height, width] into float32 of the window's size.
Napi::Value photo_to_floats(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  EnvData& data = data_of(env);
  const Plan plan = plan_from_js(env, info[1]);
  const at::Tensor& given = data.tensor(env, info[0], "image");
  if (given.dim() != 3 || given.scalar_type() != at::kByte || !given.device().is_cpu())
    throw std::runtime_error("expected a uint8 image [channels, height, width] on the CPU but received " + describe(given));
  const at::Tensor image = given.detach().permute({1, 2, 0}).contiguous();
  const int64_t channels = image.size(2);
  check_region(plan, image.size(0), image.size(1));
  Workplace& place = workplace();
  fill_tables(plan, place);
  const int64_t row_bytes = image.size(1) * channels;
  const uint8_t* pixels = image.data_ptr<uint8_t>();
  const uint8_t* first = pixels + (plan.region[0] + place.vertical.first) * row_bytes + (plan.region[1] + place.horizontal.first) * channels;
  run(plan, place, first, row_bytes, pixels + image.numel(), channels, table_of(info[2], channels),
      target_of(data.tensor(env, info[3], "target"), plan, channels));
  return env.Undefined();
}

// jpegToFloats(bytes, [height, width], plan, table, target): the same from the bytes of a JPEG, of which only what the plan needs
// is decoded.
Napi::Value jpeg_to_floats(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsTypedArray()) throw std::runtime_error("internal: no bytes");
  const auto bytes = info[0].As<Napi::Uint8Array>();
  const std::vector<int64_t> size = ints_from_js(env, info[1], "size");
  const Plan plan = plan_from_js(env, info[2]);
  if (size.size() != 2) throw std::runtime_error("internal: size");
  check_region(plan, size[0], size[1]);
  float* target = target_of(data_of(env).tensor(env, info[4], "target"), plan, 3);
  const float* table = table_of(info[3], 3);
  Workplace& place = workplace();
  fill_tables(plan, place);
  const JpegPart part = decode_jpeg_part(bytes.Data(), bytes.ByteLength(), plan.region[0] + place.vertical.first,
                                         plan.region[1] + place.horizontal.first, place.vertical.reach, place.horizontal.reach, place.decoded);
  run(plan, place, part.first, part.row_bytes, part.end, 3, table, target);
  return env.Undefined();
}

c10::optional<at::Generator> generator_of(const EnvData& data) {
  return data.own_generator.defined() ? c10::make_optional(data.own_generator) : c10::nullopt;
}

// Draws one value from this thread's default generator, as libtorch's kernels do for a tensor of one element.
template <typename Distribution>
double draw(const EnvData& data, Distribution distribution) {
  auto* generator = at::get_generator_or_default<at::CPUGeneratorImpl>(generator_of(data), at::detail::getDefaultCPUGenerator());
  std::lock_guard<std::mutex> lock(generator->mutex_);
  return static_cast<double>(distribution(generator));
}

// drawUniform(from, to): torch.empty(1).uniform_(from, to).item()
Napi::Value draw_uniform(const Napi::CallbackInfo& info) {
  const EnvData& data = data_of(info.Env());
  const double from = info[0].ToNumber().DoubleValue();
  const double to = info[1].ToNumber().DoubleValue();
  if (from == 0 && to == 1) return Napi::Number::New(info.Env(), draw(data, at::uniform_real_distribution<float>(0, 1)));
  // Whether libtorch rounds once or twice on the way to another range depends on the processor.
  at::Tensor drawn = at::empty({1}, at::kFloat);
  drawn.uniform_(from, to, generator_of(data));
  return Napi::Number::New(info.Env(), *drawn.data_ptr<float>());
}

// drawInteger(low, high): torch.randint(low, high, (1,)).item()
Napi::Value draw_integer(const Napi::CallbackInfo& info) {
  const int64_t low = info[0].ToNumber().Int64Value();
  const auto range = static_cast<uint64_t>(info[1].ToNumber().Int64Value() - low);
  const at::uniform_int_from_to_distribution<int64_t> integer(range, low);
  return Napi::Number::New(info.Env(), draw(data_of(info.Env()), integer));
}

// expFloat(value): torch.tensor([value]).exp().item()
Napi::Value exp_float(const Napi::CallbackInfo& info) {
  at::Tensor value = at::empty({1}, at::kFloat);
  *value.data_ptr<float>() = info[0].ToNumber().FloatValue();
  return Napi::Number::New(info.Env(), *value.exp_().data_ptr<float>());
}

}  // namespace

void register_photo(Napi::Object exports) {
  add_door<draw_uniform>(exports, "drawUniform");
  add_door<draw_integer>(exports, "drawInteger");
  add_door<exp_float>(exports, "expFloat");
  add_door<photo_to_floats>(exports, "photoToFloats");
  add_door<jpeg_to_floats>(exports, "jpegToFloats");
}

}  // namespace edgeai
