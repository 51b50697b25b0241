// The door to every operator: look one up by name, then call it boxed with JavaScript arguments.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <array>
#include <mutex>
#include <unordered_map>

#include "convert.h"
#include "env.h"
#include "guards.h"

namespace edgeai {
namespace {

constexpr size_t kMaxArguments = 64;

struct Operator {
  explicit Operator(const c10::OperatorHandle& handle) : handle(handle) {}
  c10::OperatorHandle handle;
  std::string name;
  std::vector<ArgumentPlan> arguments;
  // Per return value: the argument that it *is* (in-place and out= operators), or -1 for a new tensor or value.
  std::vector<int> returned_argument;
  Guard guard = nullptr;
  // Where a thread's own generator goes: the argument for it, or the overload that has one (`rand` and `rand.generator`),
  // with the argument that each of its arguments comes from (-1 for the generator).
  int generator_argument = -1;
  bool draws = false;
  std::unique_ptr<c10::OperatorHandle> with_generator;
  std::vector<int> sources;
};

void find_generator(Operator& op, const std::string& name, const std::string& overload) {
  for (size_t i = 0; i < op.arguments.size(); ++i) {
    if (op.arguments[i].kind == Kind::Generator) op.generator_argument = static_cast<int>(i);
  }
  op.draws = op.handle.hasTag(at::Tag::nondeterministic_seeded);
  if (op.generator_argument >= 0 || !op.draws) return;
  const auto variant = c10::Dispatcher::singleton().findSchema({name, overload.empty() ? "generator" : overload + "_generator"});
  if (!variant.has_value()) return;
  std::vector<int> sources;
  for (const c10::Argument& wanted : variant->schema().arguments()) {
    int source = -1;
    for (size_t i = 0; i < op.arguments.size(); ++i) {
      if (op.arguments[i].name == wanted.name()) source = static_cast<int>(i);
    }
    if (source < 0 && wanted.name() != "generator") return;
    sources.push_back(source);
  }
  op.sources = std::move(sources);
  op.with_generator = std::make_unique<c10::OperatorHandle>(*variant);
}

// Runs an operator with the thread's own generator in place of libtorch's, which other threads draw from at the same time.
void call_with_generator(const Operator& op, const at::Generator& generator, c10::Stack& stack) {
  if (op.generator_argument >= 0) {
    c10::IValue& given = stack[op.generator_argument];
    if (given.isNone()) given = c10::IValue(generator);
    op.handle.callBoxed(stack);
  } else if (op.with_generator != nullptr) {
    c10::Stack complete;
    for (int source : op.sources) complete.push_back(source < 0 ? c10::IValue(generator) : std::move(stack[source]));
    stack = std::move(complete);
    op.with_generator->callBoxed(stack);
  } else if (op.draws) {
    throw std::runtime_error(
        "takes no generator and draws from the one that all threads share, so that its numbers would differ from run to run here; "
        "use an operator that takes one (rand, randn, bernoulli, ...)");
  } else {
    op.handle.callBoxed(stack);
  }
}

// Operators never change once looked up, so all threads share one list. Guarded while it grows; entries stay put.
std::mutex operators_mutex;
std::unordered_map<std::string, uint32_t> operator_ids;
std::vector<std::unique_ptr<Operator>> operators_storage;
std::atomic<Operator**> operators_view{nullptr};
std::atomic<uint32_t> operators_count{0};

Operator* operator_at(uint32_t id) {
  return id < operators_count.load(std::memory_order_acquire) ? operators_view.load(std::memory_order_acquire)[id] : nullptr;
}

uint32_t add_operator(std::unique_ptr<Operator> op) {
  // Readers index `operators_view` without a lock: a full array is replaced, never grown in place, and the old one is
  // left alive (a few kilobytes over the life of the process).
  static size_t capacity = 0;
  const size_t count = operators_storage.size();
  if (count == capacity) {
    capacity = capacity == 0 ? 512 : capacity * 2;
    auto** grown = new Operator*[capacity];
    for (size_t i = 0; i < count; ++i) grown[i] = operators_storage[i].get();
    operators_view.store(grown, std::memory_order_release);
  }
  operators_view.load()[count] = op.get();
  operators_storage.push_back(std::move(op));
  operators_count.store(static_cast<uint32_t>(count + 1), std::memory_order_release);
  return static_cast<uint32_t>(count);
}

std::vector<int> find_returned_arguments(const c10::FunctionSchema& schema) {
  std::vector<int> result;
  for (const c10::Argument& returned : schema.returns()) {
    int index = -1;
    const auto* alias = returned.alias_info();
    if (alias != nullptr && alias->isWrite()) {
      for (size_t i = 0; i < schema.arguments().size(); ++i) {
        const auto* source = schema.arguments()[i].alias_info();
        if (source != nullptr && source->isWrite() && source->beforeSets() == alias->beforeSets()) index = static_cast<int>(i);
      }
    }
    result.push_back(index);
  }
  return result;
}

Napi::Object describe_operator(Napi::Env env, EnvData& data, uint32_t id, const Operator& op) {
  const c10::FunctionSchema& schema = op.handle.schema();
  Napi::Object result = Napi::Object::New(env);
  result.Set("id", id);
  result.Set("name", op.name);
  Napi::Array arguments = Napi::Array::New(env, op.arguments.size());
  for (size_t i = 0; i < op.arguments.size(); ++i) {
    const ArgumentPlan& plan = op.arguments[i];
    const c10::Argument& source = schema.arguments()[i];
    Napi::Object argument = Napi::Object::New(env);
    argument.Set("name", plan.name);
    argument.Set("type", kind_name(plan.kind));
    argument.Set("optional", plan.optional);
    argument.Set("kwargOnly", source.kwarg_only());
    argument.Set("written", source.alias_info() != nullptr && source.alias_info()->isWrite());
    if (plan.fixed_size > 0) argument.Set("size", plan.fixed_size);
    if (plan.has_default) argument.Set("default", Napi::Value(env, to_js(env, data, plan.default_value)));
    arguments.Set(static_cast<uint32_t>(i), argument);
  }
  result.Set("arguments", arguments);
  Napi::Array returns = Napi::Array::New(env, schema.returns().size());
  for (size_t i = 0; i < schema.returns().size(); ++i) {
    const ArgumentPlan plan = plan_argument(schema.returns()[i]);
    Napi::Object returned = Napi::Object::New(env);
    returned.Set("name", plan.name);
    returned.Set("type", kind_name(plan.kind));
    returned.Set("argument", op.returned_argument[i]);
    returns.Set(static_cast<uint32_t>(i), returned);
  }
  result.Set("returns", returns);
  return result;
}

// findOperator(name, overload) -> {id, name, arguments, returns} | undefined
Napi::Value find_operator(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  EnvData& data = data_of(env);
  const std::string name = string_from_js(env, info[0], "name");
  const std::string overload = string_from_js(env, info[1], "overload");
  const std::string key = overload.empty() ? name : name + '.' + overload;
  std::lock_guard<std::mutex> lock(operators_mutex);
  auto known = operator_ids.find(key);
  if (known == operator_ids.end()) {
    auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!handle.has_value()) return env.Undefined();
    auto op = std::make_unique<Operator>(*handle);
    op->name = key;
    const c10::FunctionSchema& schema = handle->schema();
    if (schema.arguments().size() > kMaxArguments) throw std::runtime_error("internal: " + key + " has too many arguments");
    for (const c10::Argument& argument : schema.arguments()) op->arguments.push_back(plan_argument(argument));
    op->returned_argument = find_returned_arguments(schema);
    op->guard = guard_of(name);
    find_generator(*op, name, overload);
    known = operator_ids.emplace(key, add_operator(std::move(op))).first;
  }
  return describe_operator(env, data, known->second, *operators_storage[known->second]);
}

// operatorNames() -> [name, overload][]: every operator with a schema that the loaded libraries registered.
Napi::Value operator_names(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array result = Napi::Array::New(env);
  uint32_t count = 0;
  for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames()) {
    if (!c10::Dispatcher::singleton().findSchema(name).has_value()) continue;
    Napi::Array pair = Napi::Array::New(env, 2);
    pair.Set(0u, name.name);
    pair.Set(1u, name.overload_name);
    result.Set(count++, pair);
  }
  return result;
}

constexpr size_t kMostShown = 8;

void describe_argument(const std::string& name, const c10::IValue& value, std::vector<std::string>& into) {
  if (value.isTensor()) {
    into.push_back(name + ": " + describe(value.toTensor()));
  } else if (value.isTensorList()) {
    const auto tensors = value.toTensorVector();
    for (size_t t = 0; t < tensors.size() && t < kMostShown; ++t) {
      into.push_back(name + '[' + std::to_string(t) + "]: " + describe(tensors[t]));
    }
  } else if (value.isIntList()) {
    std::string text = name + ": [";
    const auto numbers = value.toIntVector();
    for (size_t n = 0; n < numbers.size() && n < kMostShown; ++n) text += (n == 0 ? "" : ", ") + std::to_string(numbers[n]);
    into.push_back(text + (numbers.size() > kMostShown ? ", ...]" : "]"));
  } else if (value.isInt() || value.isDouble() || value.isBool()) {
    std::ostringstream text;
    text << name << ": " << value;
    into.push_back(text.str());
  }
}

// What went into a call that failed. The kernel may have consumed the stack, so the arguments are converted again. This
// runs while an exception is handled, so that nothing may leave it but its result.
std::vector<std::string> describe_arguments(napi_env env, EnvData& data, const Operator& op, const napi_value* arguments, size_t count) {
  std::vector<std::string> result;
  try {
    for (size_t i = 0; i < op.arguments.size() && i < count; ++i) {
      describe_argument(op.arguments[i].name, to_ivalue(env, data, arguments[i], op.arguments[i]), result);
    }
  } catch (...) {
    // Some tensors (nested ones) cannot be described; the message then says less.
  }
  return result;
}

napi_value convert_return(napi_env env, EnvData& data, const Operator& op, size_t index, const c10::IValue& value) {
  if (index < op.returned_argument.size() && op.returned_argument[index] >= 0) {
    napi_value nothing;
    napi_get_undefined(env, &nothing);
    return nothing;
  }
  return to_js(env, data, value);
}

void convert_arguments(napi_env env, EnvData& data, const Operator& op, const napi_value* given, size_t count, c10::Stack& stack) {
  struct Converting {
    EnvData& data;
    ~Converting() { data.converting_for = nullptr; }
  } converting{data};
  data.converting_for = &op.name;
  const size_t expected = op.arguments.size();
  if (count > expected) {
    throw_argument_error(env, "arguments", "takes " + std::to_string(expected) + " arguments but received " + std::to_string(count));
  }
  stack.reserve(expected);
  napi_value undefined = nullptr;
  if (count < expected) napi_get_undefined(env, &undefined);
  for (size_t i = 0; i < expected; ++i) stack.push_back(to_ivalue(env, data, i < count ? given[i] : undefined, op.arguments[i]));
}

// call(id, ...arguments): raw Node-API, since this is the path that every operator takes. Arguments that are left out or
// undefined take the schema's default. A return value that is one of the arguments comes back as undefined.
napi_value call(napi_env env, napi_callback_info info) {
  std::array<napi_value, kMaxArguments + 1> arguments;
  size_t count = arguments.size();
  EnvData* data = nullptr;
  napi_get_cb_info(env, info, &count, arguments.data(), nullptr, reinterpret_cast<void**>(&data));
  Operator* op = nullptr;
  c10::Stack stack;
  try {
    try {
      data->graveyard->sweep(env);
      uint32_t id = UINT32_MAX;
      if (count > 0) napi_get_value_uint32(env, arguments[0], &id);
      op = operator_at(id);
      if (op == nullptr) throw std::runtime_error("internal: call() without a valid operator id");
      convert_arguments(env, *data, *op, arguments.data() + 1, count - 1, stack);
      if (op->guard != nullptr) op->guard(op->arguments, stack);
      if (data->own_generator.defined()) {
        call_with_generator(*op, data->own_generator, stack);
      } else {
        op->handle.callBoxed(stack);
      }
      if (stack.size() == 1) return convert_return(env, *data, *op, 0, stack[0]);
      if (stack.empty()) return nullptr;
      napi_value result;
      napi_create_array_with_length(env, stack.size(), &result);
      for (size_t i = 0; i < stack.size(); ++i) napi_set_element(env, result, i, convert_return(env, *data, *op, i, stack[i]));
      return result;
    } catch (const Napi::Error&) {
      throw;
    } catch (...) {
      const std::vector<std::string> described =
          op == nullptr ? std::vector<std::string>{} : describe_arguments(env, *data, *op, arguments.data() + 1, count - 1);
      rethrow_as_js(env, op == nullptr ? "" : op->name, described);
    }
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  }
  return nullptr;
}

}  // namespace

void register_call(Napi::Object exports) {
  add_door<find_operator>(exports, "findOperator");
  add_door<operator_names>(exports, "operatorNames");
  napi_value function;
  napi_create_function(exports.Env(), "call", NAPI_AUTO_LENGTH, call, &data_of(exports.Env()), &function);
  exports.Set("call", Napi::Value(exports.Env(), function));
}

}  // namespace edgeai
