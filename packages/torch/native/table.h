// The table that gives tensors integer handles: JavaScript holds the number, this holds the reference.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace edgeai {

// A handle is `generation * 2^22 + slot`, an integer below 2^31: V8 keeps those unboxed, which a wider handle would cost
// on every call. A released slot gets a new generation before it is used again, so that a stale handle is found out. 0 is
// never a valid handle.
class TensorTable {
 public:
  double put(at::Tensor tensor) {
    uint32_t index;
    if (free_ != kNone) {
      index = free_;
      free_ = slots_[index].next_free;
    } else {
      index = static_cast<uint32_t>(slots_.size());
      if (index >= kMaxSlots) throw std::runtime_error("more than 4 million live tensors");
      slots_.emplace_back();
    }
    Slot& slot = slots_[index];
    slot.tensor = std::move(tensor);
    slot.live = true;
    ++live_;
    ++created_;
    if (live_ > peak_) peak_ = live_;
    return static_cast<double>(slot.generation) * kMaxSlots + index;
  }

  // The tensor behind a handle, or nullptr when there is none.
  at::Tensor* find(double handle) {
    Slot* slot = slot_of(handle);
    return slot == nullptr ? nullptr : &slot->tensor;
  }

  // Drops the reference. Returns the bytes that had been reported to V8 for it, or -1 when the handle is not live.
  int64_t release(double handle) {
    Slot* slot = slot_of(handle);
    if (slot == nullptr) return -1;
    // Moved out first: destroying a tensor may run a deleter that comes back here.
    at::Tensor dying = std::move(slot->tensor);
    const int64_t reported = slot->reported_bytes;
    slot->reported_bytes = 0;
    slot->live = false;
    slot->generation = slot->generation == kMaxGeneration ? 1 : slot->generation + 1;
    slot->next_free = free_;
    free_ = static_cast<uint32_t>(slot - slots_.data());
    --live_;
    return reported;
  }

  // Remembers what V8 is told about a tensor that only the garbage collector will free.
  int64_t report(double handle, int64_t bytes) {
    Slot* slot = slot_of(handle);
    if (slot == nullptr) return 0;
    const int64_t change = bytes - slot->reported_bytes;
    slot->reported_bytes = bytes;
    return change;
  }

  template <typename F>
  void each(F&& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.live) visit(slot.tensor);
    }
  }

  size_t live() const { return live_; }
  size_t peak() const { return peak_; }
  uint64_t created() const { return created_; }
  void reset_peak() { peak_ = live_; }

 private:
  static constexpr uint32_t kMaxSlots = 1u << 22;
  static constexpr uint32_t kMaxGeneration = (1u << 9) - 1;
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Slot {
    at::Tensor tensor;
    int64_t reported_bytes = 0;
    uint32_t generation = 1;
    uint32_t next_free = kNone;
    bool live = false;
  };

  Slot* slot_of(double handle) {
    if (!(handle >= kMaxSlots && handle < 2147483648.0)) return nullptr;
    const uint32_t bits = static_cast<uint32_t>(handle);
    const uint32_t index = bits & (kMaxSlots - 1);
    if (index >= slots_.size()) return nullptr;
    Slot& slot = slots_[index];
    if (!slot.live || slot.generation != bits >> 22) return nullptr;
    return &slot;
  }

  std::vector<Slot> slots_;
  uint32_t free_ = kNone;
  size_t live_ = 0;
  size_t peak_ = 0;
  uint64_t created_ = 0;
};

}  // namespace edgeai
