// JavaScript values to libtorch's IValues and back, as an operator's schema asks.
#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <napi.h>

#include <string>
#include <vector>

#include "env.h"

namespace edgeai {

// What a schema type means for conversion. `Optional` is a flag beside it.
enum class Kind : uint8_t {
  Tensor,
  TensorList,
  OptionalTensorList,
  Int,
  IntList,
  Float,
  FloatList,
  Scalar,
  ScalarList,
  Bool,
  BoolList,
  String,
  StringList,
  DType,
  Layout,
  Device,
  MemoryFormat,
  Generator,
  Unsupported,
};

// One argument of an operator, worked out once when the operator is looked up.
struct ArgumentPlan {
  std::string name;
  Kind kind = Kind::Unsupported;
  bool optional = false;
  bool has_default = false;
  // For `int[2]`: a single number stands for that many copies.
  int fixed_size = 0;
  // Whether `[]` is a value that the operator knows (`stride=[]` means as large as the kernel).
  bool may_be_empty = false;
  c10::IValue default_value;
};

ArgumentPlan plan_argument(const c10::Argument& argument);
const char* kind_name(Kind kind);

// Converts one argument. Throws a JavaScript TypeError that names `plan.name` when the value does not fit.
c10::IValue to_ivalue(napi_env env, EnvData& data, napi_value value, const ArgumentPlan& plan);

// Tensors become new handles; an undefined tensor becomes null.
napi_value to_js(napi_env env, EnvData& data, const c10::IValue& value);

napi_value int_to_js(napi_env env, int64_t value);
napi_value new_handle(napi_env env, EnvData& data, at::Tensor tensor);

const char* dtype_name(at::ScalarType type);
at::ScalarType dtype_from_js(napi_env env, napi_value value, const char* argument);
std::vector<int64_t> ints_from_js(napi_env env, napi_value value, const char* argument);
std::vector<at::Tensor> tensors_from_js(napi_env env, EnvData& data, napi_value value, const char* argument);
std::string string_from_js(napi_env env, napi_value value, const char* argument);
at::MemoryFormat memory_format_from_js(napi_env env, napi_value value, const char* argument);
c10::Device device_from_js(napi_env env, napi_value value, const char* argument);

}  // namespace edgeai
