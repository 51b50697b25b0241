// Keeps the memory of large tensors in the process. glibc asks the system for each block above 32 MiB and hands it back when it is
// freed, so that every training step begins with all of its pages missing: a seventh of a segmentation step went into page faults.
#include <cstdlib>
#include <mutex>

#if defined(__linux__)
#include <malloc.h>
#endif

#include "env.h"

namespace edgeai {
namespace {

#if defined(__GLIBC__)
// Blocks up to here come from the heap and return to it. Larger ones are rare enough to be asked for each time.
constexpr int kLargestFromHeap = 1 << 30;
// glibc before 2.35 takes no more than this.
constexpr int kLargestOfOld = 32 << 20;
// So much free memory at the heap's end is kept: as good as all.
constexpr int kKept = 0x7fffffff;
#endif

}  // namespace

void keep_freed_memory() {
#if defined(__GLIBC__)
  static std::once_flag once;
  std::call_once(once, [] {
    // Who sets these knows better.
    for (const char* name : {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"})
      if (std::getenv(name) != nullptr) return;
    if (mallopt(M_MMAP_THRESHOLD, kLargestFromHeap) == 0) mallopt(M_MMAP_THRESHOLD, kLargestOfOld);
    mallopt(M_TRIM_THRESHOLD, kKept);
  });
#endif
}

}  // namespace edgeai
