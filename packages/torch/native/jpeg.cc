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

#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && LIBJPEG_TURBO_VERSION_NUMBER >= 2000000
#define EDGEAI_JPEG_SKIPS
#endif
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

// Where libjpeg's complaints go. They leave by longjmp, so whoever calls libjpeg holds nothing with a destructor.
struct Failure {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  // Pixels are being read: what goes wrong now is the file's fault, and no other decoder's affair.
  bool begun = false;
  char message[JMSG_LENGTH_MAX] = "";
};

// Bytes before a marker that belong to nothing. Some cameras leave a few; where many are left over, data was lost before.
constexpr int kOverlookedBytes = 32;

// libjpeg goes on after these, but not with the picture that was stored. Its other warnings are about oddities.
bool is_damage(const jpeg_error_mgr& error) {
  switch (error.msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
      return true;
    case JWRN_EXTRANEOUS_DATA:
      return error.msg_parm.i[0] > kOverlookedBytes;
    default:
      return false;
  }
}

void give_up(j_common_ptr info) {
  auto* failure = reinterpret_cast<Failure*>(info->err);
  (*info->err->format_message)(info, failure->message);
  std::longjmp(failure->jump, 1);
}

void give_up_on_damage(j_common_ptr info, int level) {
  if (level < 0 && is_damage(*info->err)) give_up(info);
}

jpeg_error_mgr* handlers(Failure& failure) {
  jpeg_error_mgr* base = jpeg_std_error(&failure.base);
  base->error_exit = give_up;
  base->emit_message = give_up_on_damage;
  return base;
}

bool is_plain(const jpeg_decompress_struct& info) {
  const bool colours = (info.num_components == 1 && info.jpeg_color_space == JCS_GRAYSCALE) ||
                       (info.num_components == 3 && (info.jpeg_color_space == JCS_YCbCr || info.jpeg_color_space == JCS_RGB));
  return colours && info.data_precision == 8;
}

// False for what is not a plain grey or colour JPEG, or does not begin like one; and after damage, which is left in `failure`.
bool decode(const uint8_t* bytes, size_t length, bool rgb, Image& image, Failure& failure) {
  jpeg_decompress_struct info;
  info.err = handlers(failure);
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
  failure.begun = true;
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
  info.err = handlers(failure);
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

// Reads what comes after the wanted rows, without making pixels of it where that can be helped: whether a file is damaged must not
// depend on the part.
void read_to_end(jpeg_decompress_struct& info, JSAMPROW scratch) {
#ifdef EDGEAI_JPEG_SKIPS
  // libjpeg would skip the last row by not looking at it.
  const JDIMENSION last = info.output_height - 1;
  if (info.output_scanline < last) jpeg_skip_scanlines(&info, last - info.output_scanline);
#endif
  while (info.output_scanline < info.output_height) jpeg_read_scanlines(&info, &scratch, 1);
  jpeg_finish_decompress(&info);
}

// False after a failure, whose message is left in `failure`.
bool decode_part(const uint8_t* bytes, size_t length, int64_t top, int64_t left, int64_t height, int64_t width,
                 std::vector<uint8_t>& buffer, JpegPart& part, Failure& failure) {
  jpeg_decompress_struct info;
  info.err = handlers(failure);
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
#ifdef EDGEAI_JPEG_SKIPS
  first_column = static_cast<JDIMENSION>(std::max<int64_t>(0, left - kMargin));
  columns = static_cast<JDIMENSION>(std::min<int64_t>(info.output_width, left + width + kMargin)) - first_column;
  if (columns < info.output_width) jpeg_crop_scanline(&info, &first_column, &columns);
  first_row = static_cast<JDIMENSION>(std::max<int64_t>(0, top - kMargin));
  if (first_row > 0) jpeg_skip_scanlines(&info, first_row);
#endif
  const size_t row = static_cast<size_t>(columns) * 3;
  const size_t size = row * (end_row - first_row);
  // And a row that nobody looks at.
  if (buffer.size() < size + row) buffer.resize(size + row);
  while (info.output_scanline < end_row) {
    JSAMPROW rows[8];
    const JDIMENSION wanted = std::min<JDIMENSION>(8, end_row - info.output_scanline);
    for (JDIMENSION i = 0; i < wanted; ++i) rows[i] = buffer.data() + (info.output_scanline - first_row + i) * row;
    jpeg_read_scanlines(&info, rows, wanted);
  }
  read_to_end(info, buffer.data() + size);
  part.row_bytes = static_cast<int64_t>(row);
  part.top = top;
  part.left = left;
  part.first = buffer.data() + (top - first_row) * part.row_bytes + (left - first_column) * 3;
  part.end = buffer.data() + size;
  jpeg_destroy_decompress(&info);
  return true;
}

#else

struct Failure {
  bool begun = false;
  const char* message = "";
};
bool decode(const uint8_t*, size_t, bool, Image&, Failure&) { return false; }
bool inspect(const uint8_t*, size_t, uint32_t&, uint32_t&) { return false; }

#endif

// False for what another decoder may know. Throws std::runtime_error with libjpeg's words for a damaged image.
bool decode_or_throw(const uint8_t* bytes, size_t length, bool rgb, Image& image) {
  Failure failure;
  if (decode(bytes, length, rgb, image, failure)) return true;
  if (failure.begun) throw std::runtime_error(failure.message);
  return false;
}

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
  void Execute() override { decoded_ = decode_or_throw(data_, length_, rgb_, image_); }
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

// decodeJpeg(bytes, rgb) -> image | undefined, in this thread
Napi::Value decode_jpeg(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = bytes_argument(info);
  Image image;
  const bool decoded = decode_or_throw(bytes.Data(), bytes.ByteLength(), info[1].ToBoolean(), image);
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
