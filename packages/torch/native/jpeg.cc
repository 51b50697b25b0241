// Decodes plain JPEGs with the system's libjpeg-turbo, where it was there at build time: the library that Pillow uses, without
// a pipeline around it. Anything unusual is left to the caller's other decoder.
#include <napi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

#include "env.h"
#include "jpeg.h"

#ifdef EDGEAI_HAS_JPEG
#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>
// After jpeglib.h.
#include <jerror.h>
#endif

namespace edgeai {
namespace {

struct Image {
  uint8_t* data = nullptr;
  uint32_t height = 0;
  uint32_t width = 0;
  uint32_t channels = 0;

  Image() = default;
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  ~Image() { std::free(data); }
};

#ifdef EDGEAI_HAS_JPEG

struct Failure {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void give_up(j_common_ptr info) { std::longjmp(reinterpret_cast<Failure*>(info->err)->jump, 1); }
// Any warning means a damaged file: the other decoder judges it.
void give_up_on_warning(j_common_ptr info, int level) {
  if (level < 0) give_up(info);
}

void give_up_with_message(j_common_ptr info) {
  (*info->err->format_message)(info, reinterpret_cast<Failure*>(info->err)->message);
  give_up(info);
}
// An image that ends too early is damaged; the other warnings are about oddities.
void give_up_at_early_end(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) give_up_with_message(info);
}

bool is_plain(const jpeg_decompress_struct& info) {
  const bool colours = (info.num_components == 1 && info.jpeg_color_space == JCS_GRAYSCALE) ||
                       (info.num_components == 3 && (info.jpeg_color_space == JCS_YCbCr || info.jpeg_color_space == JCS_RGB));
  return colours && info.data_precision == 8;
}

// False for what is not a plain grey or colour JPEG without a flaw. Holds nothing with a destructor: longjmp leaves it.
bool decode(const uint8_t* bytes, size_t length, bool rgb, bool tolerant, Image& image) {
  jpeg_decompress_struct info;
  Failure failure;
  info.err = jpeg_std_error(&failure.base);
  failure.base.error_exit = give_up;
  failure.base.emit_message = tolerant ? give_up_at_early_end : give_up_on_warning;
  if (setjmp(failure.jump) != 0) {
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, const_cast<uint8_t*>(bytes), static_cast<unsigned long>(length));
  jpeg_read_header(&info, TRUE);
  if (!is_plain(info)) {
    jpeg_destroy_decompress(&info);
    return false;
  }
  info.out_color_space = rgb || info.num_components == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_start_decompress(&info);
  image.height = info.output_height;
  image.width = info.output_width;
  image.channels = static_cast<uint32_t>(info.output_components);
  const size_t row = static_cast<size_t>(image.width) * image.channels;
  image.data = static_cast<uint8_t*>(std::malloc(row * image.height));
  if (image.data == nullptr) {
    jpeg_destroy_decompress(&info);
    return false;
  }
  while (info.output_scanline < info.output_height) {
    JSAMPROW rows[8];
    const JDIMENSION wanted = std::min<JDIMENSION>(8, info.output_height - info.output_scanline);
    for (JDIMENSION i = 0; i < wanted; ++i) rows[i] = image.data + (info.output_scanline + i) * row;
    jpeg_read_scanlines(&info, rows, wanted);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return true;
}

// Height and width of a plain image that can be decoded in parts: one whose rows come one after the other, to its end.
bool inspect(const uint8_t* bytes, size_t length, uint32_t& height, uint32_t& width) {
  if (length < 4 || bytes[length - 2] != 0xff || bytes[length - 1] != JPEG_EOI) return false;
  jpeg_decompress_struct info;
  Failure failure;
  info.err = jpeg_std_error(&failure.base);
  failure.base.error_exit = give_up;
  failure.base.emit_message = give_up_on_warning;
  if (setjmp(failure.jump) != 0) {
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, const_cast<uint8_t*>(bytes), static_cast<unsigned long>(length));
  jpeg_read_header(&info, TRUE);
  height = info.image_height;
  width = info.image_width;
  const bool fits = is_plain(info) && !jpeg_has_multiple_scans(&info);
  jpeg_destroy_decompress(&info);
  return fits;
}

// Colours are interpolated from their neighbours, so what lies at the border of a part needs more than the part.
constexpr int64_t kMargin = 32;

// False after a failure, whose message is left in `failure`. Holds nothing with a destructor: longjmp leaves it.
bool decode_part(const uint8_t* bytes, size_t length, int64_t top, int64_t left, int64_t height, int64_t width,
                 std::vector<uint8_t>& buffer, JpegPart& part, Failure& failure) {
  jpeg_decompress_struct info;
  info.err = jpeg_std_error(&failure.base);
  failure.base.error_exit = give_up_with_message;
  failure.base.emit_message = give_up_at_early_end;
  if (setjmp(failure.jump) != 0) {
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, const_cast<uint8_t*>(bytes), static_cast<unsigned long>(length));
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  if (top + height > info.output_height || left + width > info.output_width) ERREXIT(&info, JERR_BAD_LENGTH);
  JDIMENSION first_column = 0;
  JDIMENSION columns = info.output_width;
  JDIMENSION first_row = 0;
  const auto end_row = static_cast<JDIMENSION>(top + height);
#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && LIBJPEG_TURBO_VERSION_NUMBER >= 2000000
  first_column = static_cast<JDIMENSION>(std::max<int64_t>(0, left - kMargin));
  columns = static_cast<JDIMENSION>(std::min<int64_t>(info.output_width, left + width + kMargin)) - first_column;
  if (columns < info.output_width) jpeg_crop_scanline(&info, &first_column, &columns);
  first_row = static_cast<JDIMENSION>(std::max<int64_t>(0, top - kMargin));
  if (first_row > 0) jpeg_skip_scanlines(&info, first_row);
#endif
  const size_t row = static_cast<size_t>(columns) * 3;
  const size_t size = row * (end_row - first_row);
  if (buffer.size() < size) buffer.resize(size);
  while (info.output_scanline < end_row) {
    JSAMPROW rows[8];
    const JDIMENSION wanted = std::min<JDIMENSION>(8, end_row - info.output_scanline);
    for (JDIMENSION i = 0; i < wanted; ++i) rows[i] = buffer.data() + (info.output_scanline - first_row + i) * row;
    jpeg_read_scanlines(&info, rows, wanted);
  }
  part.row_bytes = static_cast<int64_t>(row);
  part.top = top;
  part.left = left;
  part.first = buffer.data() + (top - first_row) * part.row_bytes + (left - first_column) * 3;
  part.end = buffer.data() + size;
  jpeg_destroy_decompress(&info);
  return true;
}

#else

bool decode(const uint8_t*, size_t, bool, bool, Image&) { return false; }
bool inspect(const uint8_t*, size_t, uint32_t&, uint32_t&) { return false; }

#endif

// {data, height, width, channels}, or undefined where there is none.
Napi::Value to_js_image(Napi::Env env, Image& image, bool decoded) {
  if (!decoded) return env.Undefined();
  const size_t size = static_cast<size_t>(image.height) * image.width * image.channels;
  uint8_t* data = image.data;
  image.data = nullptr;
  const auto buffer = Napi::ArrayBuffer::New(env, data, size, [](Napi::Env, void* memory) { std::free(memory); });
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", Napi::Uint8Array::New(env, size, buffer, 0));
  result.Set("height", image.height);
  result.Set("width", image.width);
  result.Set("channels", image.channels);
  return result;
}

Napi::Uint8Array bytes_argument(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw_argument_error(info.Env(), "bytes", "Expected a Uint8Array for bytes");
  }
  return info[0].As<Napi::Uint8Array>();
}

class Decoding : public Napi::AsyncWorker {
 public:
  Decoding(Napi::Env env, Napi::Uint8Array bytes, bool rgb)
      : AsyncWorker(env, "decodeJpeg"), deferred_(env), bytes_(Napi::Persistent(bytes)), data_(bytes.Data()), length_(bytes.ByteLength()), rgb_(rgb) {}
  Napi::Promise promise() { return deferred_.Promise(); }

 protected:
  void Execute() override { decoded_ = decode(data_, length_, rgb_, false, image_); }
  void OnOK() override { deferred_.Resolve(to_js_image(Env(), image_, decoded_)); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Napi::Reference<Napi::Uint8Array> bytes_;
  const uint8_t* data_;
  size_t length_;
  bool rgb_;
  bool decoded_ = false;
  Image image_;
};

// decodeJpeg(bytes, rgb, tolerant) -> image | undefined, in this thread
Napi::Value decode_jpeg(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = bytes_argument(info);
  Image image;
  const bool decoded = decode(bytes.Data(), bytes.ByteLength(), info[1].ToBoolean(), info[2].ToBoolean(), image);
  return to_js_image(info.Env(), image, decoded);
}

// decodeJpegInBackground(bytes, rgb) -> Promise of the same, in a thread of Node's pool
Napi::Value decode_jpeg_in_background(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = bytes_argument(info);
  auto* decoding = new Decoding(info.Env(), bytes, info[1].ToBoolean());
  const Napi::Promise promise = decoding->promise();
  decoding->Queue();
  return promise;
}

// inspectJpeg(bytes) -> [height, width] of an image that can be decoded in parts | undefined
Napi::Value inspect_jpeg(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = bytes_argument(info);
  uint32_t height = 0;
  uint32_t width = 0;
  if (!inspect(bytes.Data(), bytes.ByteLength(), height, width)) return info.Env().Undefined();
  Napi::Array size = Napi::Array::New(info.Env(), 2);
  size.Set(0u, height);
  size.Set(1u, width);
  return size;
}

}  // namespace

JpegPart decode_jpeg_part(const uint8_t* bytes, size_t length, int64_t top, int64_t left, int64_t height, int64_t width,
                          std::vector<uint8_t>& buffer) {
#ifdef EDGEAI_HAS_JPEG
  Failure failure;
  failure.message[0] = 0;
  JpegPart part;
  if (!decode_part(bytes, length, top, left, height, width, buffer, part, failure)) throw std::runtime_error(failure.message);
  return part;
#else
  throw std::runtime_error("internal: this build decodes no JPEGs");
#endif
}

void register_jpeg(Napi::Object exports) {
#ifdef EDGEAI_HAS_JPEG
  exports.Set("decodesJpeg", true);
#else
  exports.Set("decodesJpeg", false);
#endif
  add_door<decode_jpeg>(exports, "decodeJpeg");
  add_door<inspect_jpeg>(exports, "inspectJpeg");
  add_door<decode_jpeg_in_background>(exports, "decodeJpegInBackground");
}

}  // namespace edgeai
