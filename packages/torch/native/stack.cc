// Stacks large tensors into memory that is cheap to get. The allocator hands back blocks of this size to the system, so that each
// batch would begin with thousands of page faults, which take longer than the copying.
#include <ATen/ATen.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <cstring>

#include "convert.h"
#include "env.h"

namespace edgeai {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

// stackLarge(handles): contiguous CPU tensors of one type and shape along a new first dimension, copied by this thread alone.
Napi::Value stack_large(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::vector<at::Tensor> tensors = tensors_from_js(env, data_of(env), info[0], "tensors");
  if (tensors.empty()) throw std::runtime_error("internal: nothing to stack");
  const at::Tensor& first = tensors[0];
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.device().is_cpu() || !tensor.is_contiguous() || tensor.scalar_type() != first.scalar_type() || tensor.sizes() != first.sizes()) {
      throw std::runtime_error("internal: stackLarge takes contiguous CPU tensors of one type and shape");
    }
  }
  std::vector<int64_t> sizes = {static_cast<int64_t>(tensors.size())};
  sizes.insert(sizes.end(), first.sizes().begin(), first.sizes().end());
  const size_t bytes = first.nbytes();
  const size_t total = (bytes * tensors.size() + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = std::aligned_alloc(kHugePage, total);
  if (memory == nullptr) throw std::runtime_error("out of memory: " + std::to_string(total) + " bytes for a batch");
#ifdef MADV_HUGEPAGE
  madvise(memory, total, MADV_HUGEPAGE);
#endif
  auto* target = static_cast<uint8_t*>(memory);
  for (const at::Tensor& tensor : tensors) {
    std::memcpy(target, tensor.data_ptr(), bytes);
    target += bytes;
  }
  const at::Tensor batch = at::from_blob(memory, sizes, [](void* block) { std::free(block); }, at::TensorOptions().dtype(first.scalar_type()));
  return Napi::Value(env, new_handle(env, data_of(env), batch));
}

}  // namespace

void register_stack(Napi::Object exports) { add_door<stack_large>(exports, "stackLarge"); }

}  // namespace edgeai
