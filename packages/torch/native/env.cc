// Per-thread state and the translation of C++ exceptions into JavaScript errors.
#include "env.h"

#include <c10/util/Exception.h>

#include <sstream>

#include "convert.h"

namespace edgeai {

JsRef::JsRef(Napi::Value value, std::shared_ptr<Graveyard> graveyard) : graveyard_(std::move(graveyard)) {
  napi_create_reference(value.Env(), value, 1, &ref_);
}

Napi::Value JsRef::value(napi_env env) const {
  napi_value result;
  napi_get_reference_value(env, ref_, &result);
  return Napi::Value(env, result);
}

at::Tensor& EnvData::tensor(napi_env env, napi_value handle, const char* argument) {
  double number = 0;
  at::Tensor* found = napi_get_value_double(env, handle, &number) == napi_ok ? tensors.find(number) : nullptr;
  if (found == nullptr) {
    Napi::Object error = disposed_error.New({Napi::String::New(
        env, std::string("Tensor given as ") + argument + " has been disposed, or belongs to another thread")});
    throw Napi::Error(env, error);
  }
  return *found;
}

std::string first_line(const std::exception& error) {
  const auto* c10_error = dynamic_cast<const c10::Error*>(&error);
  std::string text = c10_error != nullptr ? c10_error->what_without_backtrace() : error.what();
  const size_t end = text.find('\n');
  return end == std::string::npos ? text : text.substr(0, end);
}

std::string describe(const at::Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  std::ostringstream out;
  out << dtype_name(tensor.scalar_type()) << '[';
  for (int64_t d = 0; d < tensor.dim(); ++d) out << (d == 0 ? "" : ", ") << tensor.size(d);
  out << ']';
  if (!tensor.device().is_cpu()) out << " on " << tensor.device();
  return out.str();
}

void throw_argument_error(Napi::Env env, const char* argument, const std::string& message) {
  EnvData& data = data_of(env);
  const std::string text = data.converting_for == nullptr ? message : *data.converting_for + ": " + message;
  throw Napi::Error(env, data.argument_error.New({Napi::String::New(env, argument), Napi::String::New(env, text)}));
}

void throw_torch_error(Napi::Env env, const std::string& message, const std::string& op,
                       const std::vector<std::string>& arguments) {
  Napi::Array list = Napi::Array::New(env, arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) list.Set(static_cast<uint32_t>(i), arguments[i]);
  Napi::Value op_value = op.empty() ? env.Undefined() : Napi::Value(Napi::String::New(env, op));
  const std::string text = op.empty() ? message : op + ": " + message;
  throw Napi::Error(env, data_of(env).torch_error.New({Napi::String::New(env, text), op_value, list}));
}

void rethrow_as_js(Napi::Env env, const std::string& op, const std::vector<std::string>& arguments) {
  EnvData& data = data_of(env);
  std::string message;
  try {
    throw;
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    if (!data.callback_exception.IsEmpty()) {
      const Napi::Value original = data.callback_exception.Value().Get("thrown");
      data.callback_exception.Reset();
      throw Napi::Error(env, original);
    }
    message = first_line(error);
  } catch (...) {
    message = "internal: an exception of unknown type left libtorch";
  }
  throw_torch_error(env, message, op, arguments);
}

}  // namespace edgeai
