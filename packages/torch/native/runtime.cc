// The machinery around tensors: threads, random generators, autocast, what this build of libtorch can do.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <dlfcn.h>

#include <mutex>

#include "compat.h"
#include "convert.h"
#include "env.h"

namespace edgeai {
namespace {

Napi::Value set_num_threads(const Napi::CallbackInfo& info) {
  at::set_num_threads(info[0].ToNumber().Int32Value());
  return info.Env().Undefined();
}

// setInitialThreads(count): what libtorch starts with; only the first thread that loads the addon has a say.
Napi::Value set_initial_threads(const Napi::CallbackInfo& info) {
  static std::once_flag once;
  const int32_t count = info[0].ToNumber().Int32Value();
  std::call_once(once, [count] { at::set_num_threads(count); });
  return info.Env().Undefined();
}

// setLocalThreads(count): threads that operators called by this thread may use. OpenMP keeps that number thread by thread,
// while at::set_num_threads rebuilds pools that all threads share.
Napi::Value set_local_threads(const Napi::CallbackInfo& info) {
  const int32_t count = info[0].ToNumber().Int32Value();
  // The first question makes libtorch set up this thread, which would otherwise undo what follows.
  at::get_num_threads();
  using Setter = void (*)(int);
  const auto set = reinterpret_cast<Setter>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  if (set != nullptr) set(count);
  if (at::get_num_threads() != count) at::set_num_threads(count);
  return info.Env().Undefined();
}

Napi::Value get_num_threads(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), at::get_num_threads()); }

uint64_t seed_from_js(Napi::Env env, Napi::Value value) {
  if (value.IsBigInt()) {
    bool lossless = false;
    return value.As<Napi::BigInt>().Uint64Value(&lossless);
  }
  // Negative seeds wrap, as in PyTorch.
  return static_cast<uint64_t>(static_cast<int64_t>(value.ToNumber().DoubleValue()));
}

// manualSeed(seed): the default generators of all devices; that of this thread where it has one of its own.
Napi::Value manual_seed(const Napi::CallbackInfo& info) {
  EnvData& data = data_of(info.Env());
  const uint64_t seed = seed_from_js(info.Env(), info[0]);
  if (data.own_generator.defined()) {
    std::lock_guard<std::mutex> lock(data.own_generator.mutex());
    data.own_generator.set_current_seed(seed);
  } else {
    at::manual_seed(seed);
  }
  return info.Env().Undefined();
}

at::Generator& generator(const Napi::CallbackInfo& info) {
  auto& generators = data_of(info.Env()).generators;
  const size_t index = info[0].ToNumber().Uint32Value();
  if (index >= generators.size()) throw std::runtime_error("internal: no such generator");
  return generators[index];
}

// newGenerator(device) -> index; defaultGenerator(device) -> index
Napi::Value new_generator(const Napi::CallbackInfo& info) {
  EnvData& data = data_of(info.Env());
  const c10::Device device = device_from_js(info.Env(), info[0], "device");
  if (device.is_cpu()) {
    data.generators.push_back(at::detail::createCPUGenerator());
  } else {
    at::Generator source = at::globalContext().defaultGenerator(device);
    data.generators.push_back(source.clone());
  }
  return Napi::Number::New(info.Env(), static_cast<double>(data.generators.size() - 1));
}

Napi::Value default_generator(const Napi::CallbackInfo& info) {
  EnvData& data = data_of(info.Env());
  data.generators.push_back(at::globalContext().defaultGenerator(device_from_js(info.Env(), info[0], "device")));
  return Napi::Number::New(info.Env(), static_cast<double>(data.generators.size() - 1));
}

// useGenerator(index): operators of this thread that are given no generator draw from this one from now on; -1 gives them
// libtorch's own again. Returns what was in force before.
Napi::Value use_generator(const Napi::CallbackInfo& info) {
  EnvData& data = data_of(info.Env());
  const int32_t index = info[0].ToNumber().Int32Value();
  const int32_t before = data.own_generator_index;
  data.own_generator = index < 0 ? at::Generator() : generator(info);
  data.own_generator_index = index < 0 ? -1 : index;
  return Napi::Number::New(info.Env(), before);
}

Napi::Value generator_seed(const Napi::CallbackInfo& info) {
  std::lock_guard<std::mutex> lock(generator(info).mutex());
  generator(info).set_current_seed(seed_from_js(info.Env(), info[1]));
  return info.Env().Undefined();
}

Napi::Value generator_initial_seed(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), generator(info).current_seed());
}

Napi::Value generator_get_state(const Napi::CallbackInfo& info) {
  return Napi::Value(info.Env(), new_handle(info.Env(), data_of(info.Env()), generator(info).get_state()));
}

Napi::Value generator_set_state(const Napi::CallbackInfo& info) {
  generator(info).set_state(data_of(info.Env()).tensor(info.Env(), info[1], "state"));
  return info.Env().Undefined();
}

// setAutocast(device, enabled, dtype, cacheEnabled) -> what was in force before, in the same form
Napi::Value set_autocast_state(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const c10::DeviceType device = device_from_js(env, info[0], "device").type();
  const at::ScalarType wanted = dtype_from_js(env, info[2], "dtype");
  Napi::Array before = Napi::Array::New(env, 4);
  before.Set(0u, info[0]);
  before.Set(1u, autocast_enabled(device));
  before.Set(2u, std::string(dtype_name(autocast_dtype(device))));
  before.Set(3u, at::autocast::is_autocast_cache_enabled());
  set_autocast(device, info[1].ToBoolean());
  set_autocast_dtype(device, wanted);
  at::autocast::set_autocast_cache_enabled(info[3].ToBoolean());
  return before;
}

Napi::Value enter_autocast(const Napi::CallbackInfo& info) {
  at::autocast::increment_nesting();
  return info.Env().Undefined();
}

// Casts of weights are cached within one autocast region and dropped when the outermost one ends.
Napi::Value leave_autocast(const Napi::CallbackInfo& info) {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  return info.Env().Undefined();
}

Napi::Value set_deterministic(const Napi::CallbackInfo& info) {
  at::globalContext().setDeterministicAlgorithms(info[0].ToBoolean(), info[1].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value load_library(const Napi::CallbackInfo& info) {
  const std::string path = string_from_js(info.Env(), info[0], "path");
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) throw std::runtime_error(std::string("cannot load ") + path + ": " + dlerror());
  return info.Env().Undefined();
}

Napi::Value build_info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("torchVersion", TORCH_VERSION);
  result.Set("config", at::show_config());
  result.Set("parallel", at::get_parallel_info());
  result.Set("mkldnn", at::hasMKLDNN());
  result.Set("openmp", at::hasOpenMP());
  result.Set("lapack", at::hasLAPACK());
  result.Set("cudaDevices", static_cast<double>(cuda_device_count()));
  Dl_info where;
  if (dladdr(reinterpret_cast<void*>(&at::get_num_threads), &where) != 0 && where.dli_fname != nullptr) {
    result.Set("libraryPath", std::string(where.dli_fname));
  }
  return result;
}

}  // namespace

void register_runtime(Napi::Object exports) {
  add_door<set_num_threads>(exports, "setNumThreads");
  add_door<set_initial_threads>(exports, "setInitialThreads");
  add_door<set_local_threads>(exports, "setLocalThreads");
  add_door<use_generator>(exports, "useGenerator");
  add_door<get_num_threads>(exports, "getNumThreads");
  add_door<manual_seed>(exports, "manualSeed");
  add_door<new_generator>(exports, "newGenerator");
  add_door<default_generator>(exports, "defaultGenerator");
  add_door<generator_seed>(exports, "generatorSeed");
  add_door<generator_initial_seed>(exports, "generatorInitialSeed");
  add_door<generator_get_state>(exports, "generatorGetState");
  add_door<generator_set_state>(exports, "generatorSetState");
  add_door<set_autocast_state>(exports, "setAutocast");
  add_door<enter_autocast>(exports, "enterAutocast");
  add_door<leave_autocast>(exports, "leaveAutocast");
  add_door<set_deterministic>(exports, "setDeterministic");
  add_door<load_library>(exports, "loadLibrary");
  add_door<build_info>(exports, "buildInfo");
}

}  // namespace edgeai
