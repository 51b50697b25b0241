// What one JavaScript thread owns: its handle tables, the error classes it was given, references that await release.
#pragma once

#include <ATen/core/Generator.h>
#include <c10/core/InferenceMode.h>
#include <napi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "table.h"

namespace edgeai {

// References to JavaScript values may only be dropped on their own thread, while libtorch may drop the last owner of one
// on any thread. Owners put them here; the thread empties it at its next call.
class Graveyard {
 public:
  void bury(napi_ref ref) {
    std::lock_guard<std::mutex> lock(mutex_);
    dead_.push_back(ref);
    pending_ = true;
  }
  // Called when the thread ends: there is nobody left to call, and nothing left to release.
  void close() { closed_ = true; }
  bool closed() const { return closed_; }
  void sweep(napi_env env) {
    if (!pending_) return;
    std::vector<napi_ref> dead;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      dead.swap(dead_);
      pending_ = false;
    }
    for (napi_ref ref : dead) napi_delete_reference(env, ref);
  }

 private:
  std::mutex mutex_;
  std::vector<napi_ref> dead_;
  std::atomic<bool> pending_{false};
  std::atomic<bool> closed_{false};
};

// A strong reference to a JavaScript value that native objects can own and drop anywhere.
class JsRef {
 public:
  JsRef(Napi::Value value, std::shared_ptr<Graveyard> graveyard);
  ~JsRef() { graveyard_->bury(ref_); }
  JsRef(const JsRef&) = delete;
  JsRef& operator=(const JsRef&) = delete;
  Napi::Value value(napi_env env) const;

 private:
  napi_ref ref_;
  std::shared_ptr<Graveyard> graveyard_;
};

class CallbackPump;

struct EnvData {
  TensorTable tensors;
  std::vector<at::Generator> generators;
  // Where operators of this thread draw from when they are given no generator; undefined for libtorch's own, which all share.
  at::Generator own_generator;
  int32_t own_generator_index = -1;
  // InferenceMode guards restore thread state when destroyed, last in first out.
  std::vector<std::unique_ptr<c10::InferenceMode>> inference_guards;
  Napi::FunctionReference torch_error;
  Napi::FunctionReference argument_error;
  Napi::FunctionReference disposed_error;
  // Handles that JavaScript writes here are released by one call (`releaseScratch`).
  Napi::Reference<Napi::Float64Array> scratch;
  // An exception thrown by a JavaScript callback inside backward; rethrown as it was at the door.
  Napi::ObjectReference callback_exception;
  // Set while the autograd engine runs on another thread and this one serves its callbacks.
  CallbackPump* pump = nullptr;
  // The operator whose arguments are being converted, for error messages.
  const std::string* converting_for = nullptr;
  bool has_callbacks = false;
  bool force_engine_thread = false;
  std::shared_ptr<Graveyard> graveyard = std::make_shared<Graveyard>();

  ~EnvData() { graveyard->close(); }
  at::Tensor& tensor(napi_env env, napi_value handle, const char* argument);
};

inline EnvData& data_of(Napi::Env env) { return *env.GetInstanceData<EnvData>(); }

// Throws the JavaScript exception that a failed Node-API call left behind (a getter that threw, a worker that is stopping).
inline void check(napi_env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

// The text of a C++ exception without libtorch's backtrace; its first line.
std::string first_line(const std::exception& error);

// "float32[2, 3] on cpu": how error messages describe a tensor.
std::string describe(const at::Tensor& tensor);

// Throws ArgumentError(argument, message) into JavaScript; the message begins with the operator being called, if there is one.
[[noreturn]] void throw_argument_error(Napi::Env env, const char* argument, const std::string& message);

// Throws TorchError(message, operator, arguments) into JavaScript.
[[noreturn]] void throw_torch_error(Napi::Env env, const std::string& message, const std::string& op,
                                    const std::vector<std::string>& arguments);

// Turns whatever a door's body threw into a JavaScript exception.
[[noreturn]] void rethrow_as_js(Napi::Env env, const std::string& op = {}, const std::vector<std::string>& arguments = {});

// Every function that JavaScript can call goes through this: one try/catch a door.
template <Napi::Value (*Body)(const Napi::CallbackInfo&)>
Napi::Value door(const Napi::CallbackInfo& info) {
  try {
    data_of(info.Env()).graveyard->sweep(info.Env());
    return Body(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    rethrow_as_js(info.Env());
  }
}

template <Napi::Value (*Body)(const Napi::CallbackInfo&)>
void add_door(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<door<Body>>(exports.Env(), name));
}

void register_call(Napi::Object exports);
void register_data(Napi::Object exports);
void register_autograd(Napi::Object exports);
void register_runtime(Napi::Object exports);
void register_image(Napi::Object exports);
void register_jpeg(Napi::Object exports);
void register_file(Napi::Object exports);
void register_stack(Napi::Object exports);
void register_photo(Napi::Object exports);

// Sets the allocator up for tensors, once for the process.
void keep_freed_memory();

}  // namespace edgeai
