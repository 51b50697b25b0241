// Gradients: backward, hooks, and functions whose backward is written in JavaScript.
#include <ATen/ATen.h>
#include <ATen/ThreadLocalState.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/autograd/variable.h>

#include <thread>

#include "compat.h"
#include "convert.h"
#include "env.h"
#include "pump.h"

namespace edgeai {
namespace {

using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

at::Tensor& arg(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return data_of(info.Env()).tensor(info.Env(), info[index], name);
}

// Graph nodes are held by std::shared_ptr in older libtorch and by c10::intrusive_ptr in the newest; the compiler sees which.
template <typename N>
struct NodeOwner {
  static constexpr bool kIntrusive = std::is_base_of_v<c10::intrusive_ptr_target, N>;

  template <typename T, typename... Args>
  static auto make(Args&&... args) {
    if constexpr (kIntrusive) {
      return c10::make_intrusive<T>(std::forward<Args>(args)...);
    } else {
      // deleteNode, found by its argument, unwinds long graphs without recursion.
      return std::shared_ptr<T>(new T(std::forward<Args>(args)...), [](N* node) { deleteNode(node); });
    }
  }
  static auto self(N& node) {
    if constexpr (kIntrusive) {
      return c10::intrusive_ptr<N>::unsafe_reclaim_from_nonowning(&node);
    } else {
      return node.shared_from_this();
    }
  }
};

// A JavaScript function that the autograd engine calls with tensors. The engine runs CPU work on the thread that called
// backward, where JavaScript may be entered; from any other thread the call goes through the pump.
class Callback {
 public:
  Callback(Napi::Env env, Napi::Value function)
      : env_(env),
        data_(&data_of(env)),
        graveyard_(data_->graveyard),
        thread_(std::this_thread::get_id()),
        function_(std::make_shared<JsRef>(function, graveyard_)) {
    data_->has_callbacks = true;
  }

  // Calls the function with one handle a tensor (null where undefined). `read` turns its result into what the engine needs.
  template <typename Read>
  auto operator()(const variable_list& tensors, Read&& read) const {
    // A thread's id may be given out again after it has ended, so that comes first.
    if (graveyard_->closed()) throw std::runtime_error("a gradient hook or custom backward outlived the thread that it runs on");
    if (std::this_thread::get_id() == thread_) return call(tensors, read);
    CallbackPump* pump = data_->pump;
    if (pump == nullptr) throw std::runtime_error("internal: a gradient callback came from a thread that nobody waits for");
    Optional<decltype(call(tensors, read))> result;
    pump->run([&] { result = call(tensors, read); });
    return *std::move(result);
  }

  // JavaScript hands over its reference with the handle that it returns.
  void take_over(Napi::Value handle) const {
    if (handle.IsNumber()) data_->tensors.release(handle.ToNumber().DoubleValue());
  }

  Napi::Env env() const { return Napi::Env(env_); }
  EnvData& data() const { return *data_; }

 private:
  template <typename Read>
  auto call(const variable_list& tensors, Read&& read) const {
    Napi::HandleScope scope(env_);
    std::vector<napi_value> arguments;
    for (const at::Tensor& tensor : tensors) arguments.push_back(new_handle(env_, *data_, tensor));
    try {
      return read(function_->value(env_).As<Napi::Function>().Call(arguments));
    } catch (const Napi::Error& error) {
      // In a box, since anything can be thrown and only objects can be referred to.
      Napi::Object box = Napi::Object::New(env_);
      box.Set("thrown", error.Value());
      data_->callback_exception = Napi::Persistent(box);
      throw std::runtime_error("a JavaScript callback threw");
    }
  }

  napi_env env_;
  EnvData* data_;
  std::shared_ptr<Graveyard> graveyard_;
  std::thread::id thread_;
  std::shared_ptr<JsRef> function_;
};

// The backward half of a custom function: a graph node that calls JavaScript with saved tensors and output gradients.
struct JsNode : Node {
  explicit JsNode(Callback callback) : callback(std::move(callback)) {}

  variable_list apply(variable_list&& gradients) override {
    variable_list handed;
    for (SavedVariable& variable : saved) handed.push_back(variable.unpack(NodeOwner<Node>::self(*this)));
    handed.insert(handed.end(), gradients.begin(), gradients.end());
    return callback(handed, [&](Napi::Value result) {
      variable_list input_gradients = tensors_from_js(callback.env(), callback.data(), result, "the gradients returned by backward");
      Napi::Array handles = result.As<Napi::Array>();
      for (uint32_t i = 0; i < handles.Length(); ++i) callback.take_over(handles.Get(i));
      if (input_gradients.size() != num_outputs()) {
        throw_argument_error(callback.env(), "backward",
                             "Expected backward to return " + std::to_string(num_outputs()) +
                                 " gradients, one for each tensor input, but it returned " + std::to_string(input_gradients.size()));
      }
      return input_gradients;
    });
  }
  std::string name() const override { return function_name; }
  void release_variables() override {
    for (SavedVariable& variable : saved) variable.reset_data();
  }

  Callback callback;
  std::string function_name;
  std::vector<SavedVariable> saved;
};

// Runs the engine. With device threads about and JavaScript callbacks alive, it runs on a thread of its own, and this one
// serves the callbacks that come in: it must not sleep while a device thread waits for JavaScript.
template <typename F>
void run_engine(EnvData& data, F&& body) {
  static const bool has_device_threads = cuda_device_count() > 0;
  if (!data.has_callbacks || !(has_device_threads || data.force_engine_thread)) {
    body();
    return;
  }
  CallbackPump pump;
  CallbackPump* outer = std::exchange(data.pump, &pump);
  std::exception_ptr error;
  at::ThreadLocalState state;
  std::thread engine([&] {
    at::ThreadLocalStateGuard guard(state);
    try {
      body();
    } catch (...) {
      error = std::current_exception();
    }
    pump.finish();
  });
  pump.serve();
  engine.join();
  data.pump = outer;
  if (error) std::rethrow_exception(error);
}

// backward(tensors, gradients | undefined, retainGraph, createGraph, inputs)
Napi::Value backward(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  EnvData& data = data_of(env);
  variable_list tensors = tensors_from_js(env, data, info[0], "tensors");
  variable_list gradients = info[1].IsArray() ? tensors_from_js(env, data, info[1], "gradients") : variable_list();
  variable_list inputs = info[4].IsArray() ? tensors_from_js(env, data, info[4], "inputs") : variable_list();
  const bool retain_graph = info[2].ToBoolean();
  const bool create_graph = info[3].ToBoolean();
  run_engine(data, [&] { torch::autograd::backward(tensors, gradients, retain_graph, create_graph, inputs); });
  return env.Undefined();
}

// grad(outputs, inputs, gradOutputs | undefined, retainGraph, createGraph, allowUnused) -> (handle | null)[]
Napi::Value grad(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  EnvData& data = data_of(env);
  variable_list outputs = tensors_from_js(env, data, info[0], "outputs");
  variable_list inputs = tensors_from_js(env, data, info[1], "inputs");
  variable_list grad_outputs = info[2].IsArray() ? tensors_from_js(env, data, info[2], "gradOutputs") : variable_list();
  const bool retain_graph = info[3].ToBoolean();
  const bool create_graph = info[4].ToBoolean();
  const bool allow_unused = info[5].ToBoolean();
  variable_list result;
  run_engine(data, [&] { result = torch::autograd::grad(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused); });
  Napi::Array array = Napi::Array::New(env, result.size());
  for (size_t i = 0; i < result.size(); ++i) napi_set_element(env, array, i, new_handle(env, data, result[i]));
  return array;
}

Napi::Value requires_grad(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), arg(info, 0, "self").requires_grad());
}

Napi::Value set_requires_grad(const Napi::CallbackInfo& info) {
  at::Tensor& self = arg(info, 0, "self");
  const bool wanted = info[1].ToBoolean();
  if (!wanted && !self.is_leaf()) throw std::runtime_error("only leaf tensors can stop requiring gradients; detach() gives one without history");
  self.set_requires_grad(wanted);
  return info.Env().Undefined();
}

Napi::Value is_leaf(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), arg(info, 0, "self").is_leaf()); }

Napi::Value get_grad(const Napi::CallbackInfo& info) {
  return Napi::Value(info.Env(), new_handle(info.Env(), data_of(info.Env()), arg(info, 0, "self").grad()));
}

// setGrad(handle, handle | null)
Napi::Value set_grad(const Napi::CallbackInfo& info) {
  at::Tensor& self = arg(info, 0, "self");
  if (info[1].IsNull()) {
    self.mutable_grad().reset();
  } else {
    at::Tensor gradient = arg(info, 1, "gradient");
    if (!gradient.sizes().equals(self.sizes())) {
      throw std::runtime_error("a gradient must have its tensor's shape: " + describe(self) + " was given " + describe(gradient));
    }
    self.mutable_grad() = gradient;
  }
  return info.Env().Undefined();
}

Napi::Value retain_grad(const Napi::CallbackInfo& info) {
  arg(info, 0, "self").retain_grad();
  return info.Env().Undefined();
}

Napi::Value grad_fn_name(const Napi::CallbackInfo& info) {
  const auto& node = arg(info, 0, "self").grad_fn();
  if (!node) return info.Env().Null();
  return Napi::String::New(info.Env(), node->name());
}

Napi::Value version(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(arg(info, 0, "self")._version()));
}

// registerHook(handle, (gradient) => handle | null | undefined) -> position for removeHook
Napi::Value register_hook(const Napi::CallbackInfo& info) {
  at::Tensor& self = arg(info, 0, "self");
  Callback callback(info.Env(), info[1]);
  const unsigned position = self.register_hook([callback](at::Tensor gradient) {
    if (!gradient.defined()) return gradient;
    return callback({gradient}, [&](Napi::Value result) {
      if (result.IsUndefined() || result.IsNull()) return gradient;
      at::Tensor replacement = callback.data().tensor(callback.env(), result, "the gradient returned by a hook");
      callback.take_over(result);
      return replacement;
    });
  });
  return Napi::Number::New(info.Env(), position);
}

Napi::Value remove_hook(const Napi::CallbackInfo& info) {
  arg(info, 0, "self").remove_hook(info[1].ToNumber().Uint32Value());
  return info.Env().Undefined();
}

// attachBackward(name, outputs, inputs, saved, savedIsOutput, backward): gives freshly computed outputs a history that
// leads to `inputs` through `backward(...saved, ...outputGradients)`.
Napi::Value attach_backward(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  EnvData& data = data_of(env);
  variable_list outputs = tensors_from_js(env, data, info[1], "outputs");
  variable_list inputs = tensors_from_js(env, data, info[2], "inputs");
  variable_list saved = tensors_from_js(env, data, info[3], "saved");
  Napi::Array saved_is_output = info[4].As<Napi::Array>();
  auto node = NodeOwner<Node>::make<JsNode>(Callback(env, info[5]));
  node->function_name = string_from_js(env, info[0], "name");
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  for (at::Tensor& output : outputs) {
    if (torch::autograd::isDifferentiableType(output.scalar_type())) {
      torch::autograd::set_history(output, node);
    } else {
      // An output of whole numbers has no gradient, but keeps its place among backward's arguments.
      node->add_input_metadata(Node::undefined_input());
    }
  }
  for (size_t i = 0; i < saved.size(); ++i) {
    node->saved.emplace_back(saved[i], saved_is_output.Get(static_cast<uint32_t>(i)).ToBoolean().Value());
  }
  return env.Undefined();
}

// setGradEnabled(enabled) -> the mode before
Napi::Value set_grad_enabled(const Napi::CallbackInfo& info) {
  const bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(info[0].ToBoolean());
  return Napi::Boolean::New(info.Env(), before);
}

Napi::Value is_grad_enabled(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), c10::GradMode::is_enabled()); }

// forceEngineThread(on): for tests, to take the way of a machine with device threads.
Napi::Value force_engine_thread(const Napi::CallbackInfo& info) {
  data_of(info.Env()).force_engine_thread = info[0].ToBoolean();
  return info.Env().Undefined();
}

Napi::Value push_inference_mode(const Napi::CallbackInfo& info) {
  data_of(info.Env()).inference_guards.push_back(std::make_unique<c10::InferenceMode>(info[0].ToBoolean().Value()));
  return info.Env().Undefined();
}

Napi::Value pop_inference_mode(const Napi::CallbackInfo& info) {
  auto& guards = data_of(info.Env()).inference_guards;
  if (!guards.empty()) guards.pop_back();
  return info.Env().Undefined();
}

}  // namespace

void register_autograd(Napi::Object exports) {
  add_door<backward>(exports, "backward");
  add_door<grad>(exports, "grad");
  add_door<requires_grad>(exports, "requiresGrad");
  add_door<set_requires_grad>(exports, "setRequiresGrad");
  add_door<is_leaf>(exports, "isLeaf");
  add_door<get_grad>(exports, "getGrad");
  add_door<set_grad>(exports, "setGrad");
  add_door<retain_grad>(exports, "retainGrad");
  add_door<grad_fn_name>(exports, "gradFnName");
  add_door<version>(exports, "version");
  add_door<register_hook>(exports, "registerHook");
  add_door<remove_hook>(exports, "removeHook");
  add_door<attach_backward>(exports, "attachBackward");
  add_door<set_grad_enabled>(exports, "setGradEnabled");
  add_door<is_grad_enabled>(exports, "isGradEnabled");
  add_door<force_engine_thread>(exports, "forceEngineThread");
  add_door<push_inference_mode>(exports, "pushInferenceMode");
  add_door<pop_inference_mode>(exports, "popInferenceMode");
}

}  // namespace edgeai
