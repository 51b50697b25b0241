// Files as memory: mapped read-only in effect (writes stay in this process), and a checksum for what they hold.
#include <ATen/ATen.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "convert.h"
#include "env.h"

namespace edgeai {
namespace {

// mapFile(path) -> uint8 tensor [bytes] over the file's memory. Pages are read when touched and belong to the system's cache,
// so that several threads and processes share them. The file must not be cut short while the tensor lives.
Napi::Value map_file(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string path = string_from_js(env, info[0], "path");
  const auto failed = [&](const char* what) { return std::runtime_error(path + ": " + what + ": " + std::strerror(errno)); };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw failed("cannot be opened");
  struct stat facts {};
  if (fstat(file, &facts) != 0) {
    const auto error = failed("cannot be read");
    close(file);
    throw error;
  }
  const auto size = static_cast<int64_t>(facts.st_size);
  if (size == 0) {
    close(file);
    return Napi::Value(env, new_handle(env, data_of(env), at::empty({0}, at::kByte)));
  }
  void* memory = mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
  const int reason = errno;
  close(file);
  errno = reason;
  if (memory == MAP_FAILED) throw failed("cannot be mapped into memory");
  const at::Tensor tensor = at::from_blob(
      memory, {size}, [size](void* address) { munmap(address, static_cast<size_t>(size)); }, at::TensorOptions().dtype(at::kByte));
  return Napi::Value(env, new_handle(env, data_of(env), tensor));
}

constexpr uint32_t kPolynomial = 0x82f63b78;

struct Table {
  uint32_t rows[8][256];
  Table() {
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
      rows[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; ++i) {
      for (int row = 1; row < 8; ++row) rows[row][i] = (rows[row - 1][i] >> 8) ^ rows[0][rows[row - 1][i] & 255];
    }
  }
};

uint32_t crc32c_portable(uint32_t crc, const uint8_t* data, size_t length) {
  static const Table table;
  const auto& t = table.rows;
  for (; length >= 8; length -= 8, data += 8) {
    const uint32_t low = crc ^ (data[0] | data[1] << 8 | data[2] << 16 | static_cast<uint32_t>(data[3]) << 24);
    crc = t[7][low & 255] ^ t[6][(low >> 8) & 255] ^ t[5][(low >> 16) & 255] ^ t[4][low >> 24] ^ t[3][data[4]] ^ t[2][data[5]] ^
          t[1][data[6]] ^ t[0][data[7]];
  }
  for (; length > 0; --length) crc = (crc >> 8) ^ t[0][(crc ^ *data++) & 255];
  return crc;
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("sse4.2"))) uint32_t crc32c_sse(uint32_t crc, const uint8_t* data, size_t length) {
  uint64_t state = crc;
  for (; length >= 8; length -= 8, data += 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    state = __builtin_ia32_crc32di(state, word);
  }
  auto rest = static_cast<uint32_t>(state);
  for (; length > 0; --length) rest = __builtin_ia32_crc32qi(rest, *data++);
  return rest;
}
#endif

// crc32c(tensor, start, length): the checksum (Castagnoli) of a stretch of a contiguous uint8 tensor.
Napi::Value crc32c(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const at::Tensor& tensor = data_of(env).tensor(env, info[0], "tensor");
  const int64_t start = info[1].ToNumber().Int64Value();
  const int64_t length = info[2].ToNumber().Int64Value();
  if (tensor.scalar_type() != at::kByte || !tensor.device().is_cpu() || !tensor.is_contiguous() || start < 0 || length < 0 ||
      start > tensor.numel() - length) {
    throw std::runtime_error("expected a stretch of a contiguous uint8 tensor on the CPU but received " + describe(tensor));
  }
  const uint8_t* data = tensor.data_ptr<uint8_t>() + start;
  const auto size = static_cast<size_t>(length);
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("sse4.2")) return Napi::Number::New(env, ~crc32c_sse(~0u, data, size));
#endif
  return Napi::Number::New(env, ~crc32c_portable(~0u, data, size));
}

}  // namespace

void register_file(Napi::Object exports) {
  add_door<map_file>(exports, "mapFile");
  add_door<crc32c>(exports, "crc32c");
}

}  // namespace edgeai
