// Entry point of the addon. Each JavaScript thread that loads it gets its own state.
#include <napi.h>

#include "env.h"

namespace edgeai {
namespace {

// initialise({TorchError, TensorDisposedError, ArgumentError, scratch}): the error classes to throw, and the array of handles to release.
Napi::Value initialise(const Napi::CallbackInfo& info) {
  EnvData& data = data_of(info.Env());
  Napi::Object given = info[0].As<Napi::Object>();
  data.torch_error = Napi::Persistent(given.Get("TorchError").As<Napi::Function>());
  data.disposed_error = Napi::Persistent(given.Get("TensorDisposedError").As<Napi::Function>());
  data.argument_error = Napi::Persistent(given.Get("ArgumentError").As<Napi::Function>());
  data.scratch = Napi::Reference<Napi::Float64Array>::New(given.Get("scratch").As<Napi::Float64Array>(), 1);
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  keep_freed_memory();
  env.SetInstanceData(new EnvData());
  add_door<initialise>(exports, "initialise");
  register_call(exports);
  register_data(exports);
  register_autograd(exports);
  register_runtime(exports);
  register_image(exports);
  register_jpeg(exports);
  register_file(exports);
  register_stack(exports);
  register_photo(exports);
  return exports;
}

}  // namespace
}  // namespace edgeai

using edgeai::init;
NODE_API_MODULE(edgeai_torch, init)
