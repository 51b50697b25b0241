// Stacks large tensors into memory that is cheap to get. The allocator hands back blocks of this size to the system, so that each
// batch would begin with thousands of page faults, which take longer than the copying.
#include <ATen/ATen.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>

#include "convert.h"
#include "env.h"

namespace edgeai {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

// Large blocks of memory, from which batches are made over and over: the next batch takes the block that the last but one has
// left, on whichever thread that was released. Of free blocks only a few are kept.
class BlockPool {
 public:
  void* take(size_t bytes) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (auto it = free_.rbegin(); it != free_.rend(); ++it) {
        if (it->bytes != bytes) continue;
        void* memory = it->memory;
        free_.erase(std::next(it).base());
        return memory;
      }
    }
    void* memory = std::aligned_alloc(kHugePage, bytes);
    if (memory == nullptr) throw std::runtime_error("out of memory: " + std::to_string(bytes) + " bytes for a batch");
#ifdef MADV_HUGEPAGE
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
  }

  void give_back(void* memory, size_t bytes) {
    void* oldest = nullptr;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      free_.push_back({memory, bytes});
      if (free_.size() > kMost) {
        oldest = free_.front().memory;
        free_.pop_front();
      }
    }
    std::free(oldest);
  }

 private:
  static constexpr size_t kMost = 4;
  struct Block {
    void* memory;
    size_t bytes;
  };
  std::mutex mutex_;
  std::deque<Block> free_;
};

// Never destroyed: tensors may be released while the process ends.
BlockPool& pool() {
  static auto* instance = new BlockPool();
  return *instance;
}

// A tensor over memory of the pool.
at::Tensor new_block(const std::vector<int64_t>& sizes, at::ScalarType type) {
  size_t bytes = c10::elementSize(type);
  for (const int64_t size : sizes) bytes *= static_cast<size_t>(size);
  bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  return at::from_blob(
      pool().take(bytes), sizes, [bytes](void* block) { pool().give_back(block, bytes); }, at::TensorOptions().dtype(type));
}

// newBlock(sizes) -> float32 tensor of any values, in memory that costs little to get when it is large.
Napi::Value block_door(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::vector<int64_t> sizes = ints_from_js(env, info[0], "sizes");
  return Napi::Value(env, new_handle(env, data_of(env), new_block(sizes, at::kFloat)));
}

// storageUses(tensor): how many tensors there are over its memory, in all threads.
Napi::Value storage_uses(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = data_of(info.Env()).tensor(info.Env(), info[0], "tensor");
  return Napi::Number::New(info.Env(), static_cast<double>(tensor.storage().use_count()));
}

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
  const at::Tensor batch = new_block(sizes, first.scalar_type());
  auto* target = static_cast<uint8_t*>(batch.data_ptr());
  for (const at::Tensor& tensor : tensors) {
    std::memcpy(target, tensor.data_ptr(), bytes);
    target += bytes;
  }
  return Napi::Value(env, new_handle(env, data_of(env), batch));
}

}  // namespace

void register_stack(Napi::Object exports) {
  add_door<stack_large>(exports, "stackLarge");
  add_door<block_door>(exports, "newBlock");
  add_door<storage_uses>(exports, "storageUses");
}

}  // namespace edgeai
