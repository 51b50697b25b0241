// The few places where libtorch 1.13 and the newest 2.x spell the same thing differently.
#pragma once

#include <ATen/autocast_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/version.h>

#define EDGEAI_TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

#if EDGEAI_TORCH_AT_LEAST(2, 4)
#include <optional>
#else
#include <c10/util/Optional.h>
#endif

namespace edgeai {

#if EDGEAI_TORCH_AT_LEAST(2, 4)
template <typename T>
using Optional = std::optional<T>;
inline constexpr auto kNullopt = std::nullopt;
#else
template <typename T>
using Optional = c10::optional<T>;
inline const auto kNullopt = c10::nullopt;
#endif

inline void set_autocast(c10::DeviceType device, bool enabled) {
#if EDGEAI_TORCH_AT_LEAST(2, 4)
  at::autocast::set_autocast_enabled(device, enabled);
#else
  device == c10::kCPU ? at::autocast::set_cpu_enabled(enabled) : at::autocast::set_enabled(enabled);
#endif
}

inline bool autocast_enabled(c10::DeviceType device) {
#if EDGEAI_TORCH_AT_LEAST(2, 4)
  return at::autocast::is_autocast_enabled(device);
#else
  return device == c10::kCPU ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled();
#endif
}

inline void set_autocast_dtype(c10::DeviceType device, at::ScalarType dtype) {
#if EDGEAI_TORCH_AT_LEAST(2, 4)
  at::autocast::set_autocast_dtype(device, dtype);
#else
  device == c10::kCPU ? at::autocast::set_autocast_cpu_dtype(dtype) : at::autocast::set_autocast_gpu_dtype(dtype);
#endif
}

inline at::ScalarType autocast_dtype(c10::DeviceType device) {
#if EDGEAI_TORCH_AT_LEAST(2, 4)
  return at::autocast::get_autocast_dtype(device);
#else
  return device == c10::kCPU ? at::autocast::get_autocast_cpu_dtype() : at::autocast::get_autocast_gpu_dtype();
#endif
}

inline int64_t cuda_device_count() {
  if (!at::detail::getCUDAHooks().hasCUDA()) return 0;
#if EDGEAI_TORCH_AT_LEAST(2, 4)
  return at::detail::getCUDAHooks().deviceCount();
#else
  return at::detail::getCUDAHooks().getNumGPUs();
#endif
}

}  // namespace edgeai
