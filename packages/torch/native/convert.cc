// JavaScript values to libtorch's IValues and back, as an operator's schema asks.
#include "convert.h"

#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>
#include <c10/core/ScalarType.h>
#include "compat.h"

#include <array>
#include <cmath>
#include <utility>

namespace edgeai {
namespace {

constexpr std::array<std::pair<const char*, at::ScalarType>, 15> kDTypes{{
    {"float32", at::kFloat},
    {"int64", at::kLong},
    {"uint8", at::kByte},
    {"bool", at::kBool},
    {"float64", at::kDouble},
    {"int32", at::kInt},
    {"int8", at::kChar},
    {"int16", at::kShort},
    {"float16", at::kHalf},
    {"bfloat16", at::kBFloat16},
    {"complex64", at::kComplexFloat},
    {"complex128", at::kComplexDouble},
    {"qint8", at::kQInt8},
    {"quint8", at::kQUInt8},
    {"qint32", at::kQInt32},
}};

constexpr std::array<std::pair<const char*, at::MemoryFormat>, 4> kMemoryFormats{{
    {"contiguous_format", at::MemoryFormat::Contiguous},
    {"preserve_format", at::MemoryFormat::Preserve},
    {"channels_last", at::MemoryFormat::ChannelsLast},
    {"channels_last_3d", at::MemoryFormat::ChannelsLast3d},
}};

constexpr std::array<std::pair<const char*, at::Layout>, 4> kLayouts{{
    {"strided", at::kStrided},
    {"sparse_coo", at::kSparse},
    {"sparse_csr", at::kSparseCsr},
    {"mkldnn", at::kMkldnn},
}};

napi_valuetype type_of(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type;
}

bool is_array(napi_env env, napi_value value) {
  bool result = false;
  napi_is_array(env, value, &result);
  return result;
}

std::string shown(napi_env env, napi_value value) {
  switch (type_of(env, value)) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_object:
      if (is_array(env, value)) {
        uint32_t length = 0;
        napi_get_array_length(env, value, &length);
        return "an array of length " + std::to_string(length);
      }
      return "an object";
    case napi_function:
      return "a function";
    case napi_symbol:
      return "a symbol";
    case napi_string:
      return '"' + Napi::Value(env, value).ToString().Utf8Value() + "\" of type string";
    default:
      return Napi::Value(env, value).ToString().Utf8Value();
  }
}

[[noreturn]] void mismatch(napi_env env, const char* argument, const std::string& expected, napi_value actual) {
  throw_argument_error(env, argument, "Expected " + expected + " for " + argument + " but received " + shown(env, actual));
}

int64_t int_from_js(napi_env env, napi_value value, const char* argument) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    if (number != std::trunc(number) || std::abs(number) > 9007199254740991.0) {
      mismatch(env, argument, "an integer (a bigint beyond 2^53)", value);
    }
    return static_cast<int64_t>(number);
  }
  if (type_of(env, value) == napi_bigint) {
    int64_t result = 0;
    bool lossless = false;
    napi_get_value_bigint_int64(env, value, &result, &lossless);
    if (!lossless) mismatch(env, argument, "an integer of 64 bits", value);
    return result;
  }
  bool flag = false;
  if (napi_get_value_bool(env, value, &flag) == napi_ok) return flag ? 1 : 0;
  mismatch(env, argument, "an integer", value);
}

double float_from_js(napi_env env, napi_value value, const char* argument) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) mismatch(env, argument, "a number", value);
  return number;
}

bool bool_from_js(napi_env env, napi_value value, const char* argument) {
  bool flag = false;
  if (napi_get_value_bool(env, value, &flag) != napi_ok) mismatch(env, argument, "a boolean", value);
  return flag;
}

// Whole numbers become integer scalars and others floating ones, as the literals 2 and 2.5 would in Python. libtorch
// computes with the tensor's own type either way, except where an integer tensor meets a fractional scalar.
at::Scalar scalar_from_js(napi_env env, napi_value value, const char* argument) {
  switch (type_of(env, value)) {
    case napi_number: {
      double number = 0;
      napi_get_value_double(env, value, &number);
      if (number == std::trunc(number) && std::abs(number) <= 9007199254740991.0 && !(number == 0 && std::signbit(number))) {
        return at::Scalar(static_cast<int64_t>(number));
      }
      return at::Scalar(number);
    }
    case napi_boolean:
      return at::Scalar(bool_from_js(env, value, argument));
    case napi_bigint:
      return at::Scalar(int_from_js(env, value, argument));
    case napi_object: {
      Napi::Object object(env, value);
      if (object.Has("real") && object.Has("imag")) {
        return at::Scalar(c10::complex<double>(object.Get("real").ToNumber().DoubleValue(),
                                               object.Get("imag").ToNumber().DoubleValue()));
      }
      [[fallthrough]];
    }
    default:
      mismatch(env, argument, "a number, bigint, boolean or {real, imag}", value);
  }
}

template <typename F>
void each_element(napi_env env, napi_value value, const char* argument, const char* expected, F&& visit) {
  if (!is_array(env, value)) mismatch(env, argument, expected, value);
  uint32_t length = 0;
  napi_get_array_length(env, value, &length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    check(env, napi_get_element(env, value, i, &element));
    visit(element);
  }
}

template <typename T, size_t N>
T name_from_js(napi_env env, napi_value value, const std::array<std::pair<const char*, T>, N>& names,
               const char* argument, const char* what) {
  const std::string name = type_of(env, value) == napi_string ? string_from_js(env, value, argument) : "";
  std::string choices;
  for (const auto& entry : names) {
    if (name == entry.first) return entry.second;
    choices += choices.empty() ? "" : ", ";
    choices += entry.first;
  }
  mismatch(env, argument, std::string(what) + " (" + choices + ")", value);
}

at::Generator generator_from_js(napi_env env, EnvData& data, napi_value value, const char* argument) {
  double index = -1;
  if (napi_get_value_double(env, value, &index) != napi_ok || !(index >= 0 && index < data.generators.size())) {
    mismatch(env, argument, "a Generator", value);
  }
  return data.generators[static_cast<size_t>(index)];
}

// Kernels read as many elements as the schema says, without looking how many there are. `int[1]` means one or more.
void check_length(napi_env env, const ArgumentPlan& plan, size_t length, const char* what, napi_value value) {
  if (plan.fixed_size < 2 || length == static_cast<size_t>(plan.fixed_size) || (length == 0 && plan.may_be_empty)) return;
  mismatch(env, plan.name.c_str(), std::to_string(plan.fixed_size) + ' ' + what, value);
}

Kind list_kind(const c10::Type& element) {
  switch (element.kind()) {
    case c10::TypeKind::TensorType:
      return Kind::TensorList;
    case c10::TypeKind::OptionalType:
      return element.cast<c10::OptionalType>()->getElementType()->kind() == c10::TypeKind::TensorType
                 ? Kind::OptionalTensorList
                 : Kind::Unsupported;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return Kind::IntList;
    case c10::TypeKind::FloatType:
      return Kind::FloatList;
    case c10::TypeKind::NumberType:
      return Kind::ScalarList;
    case c10::TypeKind::BoolType:
      return Kind::BoolList;
    case c10::TypeKind::StringType:
      return Kind::StringList;
    default:
      return Kind::Unsupported;
  }
}

// `real` is the type as written in the schema: for "fake" integers it is ScalarType, Layout or MemoryFormat.
Kind kind_of(const c10::TypePtr& type, const c10::TypePtr& real) {
  switch (real->kind()) {
    case c10::TypeKind::ScalarTypeType:
      return Kind::DType;
    case c10::TypeKind::LayoutType:
      return Kind::Layout;
    case c10::TypeKind::MemoryFormatType:
      return Kind::MemoryFormat;
    default:
      break;
  }
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      return Kind::Tensor;
    case c10::TypeKind::ListType:
      return list_kind(*type->cast<c10::ListType>()->getElementType());
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return Kind::Int;
    case c10::TypeKind::FloatType:
      return Kind::Float;
    case c10::TypeKind::NumberType:
      return Kind::Scalar;
    case c10::TypeKind::BoolType:
      return Kind::Bool;
    case c10::TypeKind::StringType:
      return Kind::String;
    case c10::TypeKind::DeviceObjType:
      return Kind::Device;
    case c10::TypeKind::GeneratorType:
      return Kind::Generator;
    default:
      return Kind::Unsupported;
  }
}

}  // namespace

ArgumentPlan plan_argument(const c10::Argument& argument) {
  ArgumentPlan plan;
  plan.name = argument.name();
  c10::TypePtr type = argument.type();
  c10::TypePtr real = argument.real_type();
  if (auto optional = type->cast<c10::OptionalType>()) {
    plan.optional = true;
    type = optional->getElementType();
    if (auto real_optional = real->cast<c10::OptionalType>()) real = real_optional->getElementType();
  }
  plan.kind = kind_of(type, real);
  plan.fixed_size = argument.N().value_or(0);
  if (argument.default_value().has_value()) {
    plan.has_default = true;
    plan.default_value = *argument.default_value();
    plan.may_be_empty = plan.default_value.isList() && plan.default_value.toListRef().empty();
  }
  return plan;
}

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::Tensor: return "Tensor";
    case Kind::TensorList: return "Tensor[]";
    case Kind::OptionalTensorList: return "Tensor?[]";
    case Kind::Int: return "int";
    case Kind::IntList: return "int[]";
    case Kind::Float: return "float";
    case Kind::FloatList: return "float[]";
    case Kind::Scalar: return "Scalar";
    case Kind::ScalarList: return "Scalar[]";
    case Kind::Bool: return "bool";
    case Kind::BoolList: return "bool[]";
    case Kind::String: return "str";
    case Kind::StringList: return "str[]";
    case Kind::DType: return "dtype";
    case Kind::Layout: return "layout";
    case Kind::Device: return "device";
    case Kind::MemoryFormat: return "memory_format";
    case Kind::Generator: return "Generator";
    case Kind::Unsupported: return "unsupported";
  }
  return "unsupported";
}

c10::IValue to_ivalue(napi_env env, EnvData& data, napi_value value, const ArgumentPlan& plan) {
  const char* name = plan.name.c_str();
  // The common case first: a tensor handle is a number, and nothing else needs to be asked about it.
  if (plan.kind == Kind::Tensor) {
    double handle = 0;
    if (napi_get_value_double(env, value, &handle) == napi_ok) {
      if (at::Tensor* tensor = data.tensors.find(handle)) return *tensor;
      return data.tensor(env, value, name);
    }
  }
  const napi_valuetype type = type_of(env, value);
  if (type == napi_undefined) {
    if (plan.has_default) return plan.default_value;
    if (plan.optional) return c10::IValue();
    mismatch(env, name, kind_name(plan.kind), value);
  }
  if (type == napi_null) {
    if (plan.optional) return c10::IValue();
    // libtorch takes an undefined tensor where a schema says Tensor and means Tensor?.
    mismatch(env, name, kind_name(plan.kind), value);
  }
  switch (plan.kind) {
    case Kind::Tensor:
      mismatch(env, name, "a Tensor", value);
    case Kind::TensorList: {
      c10::List<at::Tensor> list;
      each_element(env, value, name, "an array of Tensors", [&](napi_value e) {
        if (type_of(env, e) != napi_number) mismatch(env, name, "an array of Tensors", e);
        list.push_back(data.tensor(env, e, name));
      });
      return list;
    }
    case Kind::OptionalTensorList: {
      c10::List<Optional<at::Tensor>> list;
      each_element(env, value, name, "an array of Tensors or null", [&](napi_value e) {
        const napi_valuetype element_type = type_of(env, e);
        if (element_type == napi_null || element_type == napi_undefined) {
          list.push_back(Optional<at::Tensor>());
        } else {
          list.push_back(data.tensor(env, e, name));
        }
      });
      return list;
    }
    case Kind::Int:
      return int_from_js(env, value, name);
    case Kind::IntList: {
      c10::List<int64_t> list;
      if (type != napi_object) {
        list.resize(plan.fixed_size > 0 ? plan.fixed_size : 1, int_from_js(env, value, name));
      } else {
        each_element(env, value, name, "an array of integers", [&](napi_value e) { list.push_back(int_from_js(env, e, name)); });
        if (list.size() == 1 && plan.fixed_size > 1) list.resize(plan.fixed_size, list.get(0));
      }
      check_length(env, plan, list.size(), "integers", value);
      return list;
    }
    case Kind::Float:
      return float_from_js(env, value, name);
    case Kind::FloatList: {
      c10::List<double> list;
      each_element(env, value, name, "an array of numbers", [&](napi_value e) { list.push_back(float_from_js(env, e, name)); });
      return list;
    }
    case Kind::Scalar:
      return scalar_from_js(env, value, name);
    case Kind::ScalarList: {
      c10::impl::GenericList list(c10::NumberType::get());
      each_element(env, value, name, "an array of numbers", [&](napi_value e) { list.push_back(scalar_from_js(env, e, name)); });
      return list;
    }
    case Kind::Bool:
      return bool_from_js(env, value, name);
    case Kind::BoolList: {
      c10::List<bool> list;
      each_element(env, value, name, "an array of booleans", [&](napi_value e) { list.push_back(bool_from_js(env, e, name)); });
      check_length(env, plan, list.size(), "booleans", value);
      return list;
    }
    case Kind::String:
      return string_from_js(env, value, name);
    case Kind::StringList: {
      c10::List<std::string> list;
      each_element(env, value, name, "an array of strings", [&](napi_value e) { list.push_back(string_from_js(env, e, name)); });
      return list;
    }
    case Kind::DType:
      return static_cast<int64_t>(dtype_from_js(env, value, name));
    case Kind::Layout:
      return static_cast<int64_t>(name_from_js(env, value, kLayouts, name, "a layout"));
    case Kind::MemoryFormat:
      return static_cast<int64_t>(memory_format_from_js(env, value, name));
    case Kind::Device:
      return device_from_js(env, value, name);
    case Kind::Generator:
      return generator_from_js(env, data, value, name);
    case Kind::Unsupported:
      break;
  }
  throw_argument_error(env, name, std::string("Argument ") + name + " has a type that cannot be given from JavaScript; leave it out");
}

napi_value int_to_js(napi_env env, int64_t value) {
  napi_value result;
  if (value > 9007199254740991 || value < -9007199254740991) {
    napi_create_bigint_int64(env, value, &result);
  } else {
    napi_create_int64(env, value, &result);
  }
  return result;
}

napi_value new_handle(napi_env env, EnvData& data, at::Tensor tensor) {
  napi_value result;
  if (!tensor.defined()) {
    napi_get_null(env, &result);
  } else {
    napi_create_double(env, data.tensors.put(std::move(tensor)), &result);
  }
  return result;
}

napi_value to_js(napi_env env, EnvData& data, const c10::IValue& value) {
  napi_value result;
  if (value.isTensor()) return new_handle(env, data, value.toTensor());
  if (value.isNone()) {
    napi_get_null(env, &result);
  } else if (value.isInt()) {
    return int_to_js(env, value.toInt());
  } else if (value.isDouble()) {
    napi_create_double(env, value.toDouble(), &result);
  } else if (value.isBool()) {
    napi_get_boolean(env, value.toBool(), &result);
  } else if (value.isString()) {
    return Napi::String::New(env, value.toStringRef());
  } else if (value.isDevice()) {
    return Napi::String::New(env, value.toDevice().str());
  } else if (value.isComplexDouble()) {
    const auto number = value.toComplexDouble();
    Napi::Object object = Napi::Object::New(env);
    object.Set("real", number.real());
    object.Set("imag", number.imag());
    return object;
  } else if (value.isSymInt()) {
    return int_to_js(env, value.toSymInt().expect_int());
  } else if (value.isList()) {
    const auto list = value.toListRef();
    Napi::Array array = Napi::Array::New(env, list.size());
    for (size_t i = 0; i < list.size(); ++i) napi_set_element(env, array, i, to_js(env, data, list[i]));
    return array;
  } else if (value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    Napi::Array array = Napi::Array::New(env, elements.size());
    for (size_t i = 0; i < elements.size(); ++i) napi_set_element(env, array, i, to_js(env, data, elements[i]));
    return array;
  } else {
    throw std::runtime_error("internal: a value of type " + value.tagKind() + " has no JavaScript counterpart");
  }
  return result;
}

const char* dtype_name(at::ScalarType type) {
  for (const auto& entry : kDTypes) {
    if (entry.second == type) return entry.first;
  }
  return c10::toString(type);
}

at::ScalarType dtype_from_js(napi_env env, napi_value value, const char* argument) {
  return name_from_js(env, value, kDTypes, argument, "a dtype");
}

at::MemoryFormat memory_format_from_js(napi_env env, napi_value value, const char* argument) {
  return name_from_js(env, value, kMemoryFormats, argument, "a memory format");
}

std::vector<int64_t> ints_from_js(napi_env env, napi_value value, const char* argument) {
  std::vector<int64_t> result;
  each_element(env, value, argument, "an array of integers", [&](napi_value e) { result.push_back(int_from_js(env, e, argument)); });
  return result;
}

std::vector<at::Tensor> tensors_from_js(napi_env env, EnvData& data, napi_value value, const char* argument) {
  std::vector<at::Tensor> result;
  each_element(env, value, argument, "an array of Tensors", [&](napi_value e) {
    const napi_valuetype type = type_of(env, e);
    result.push_back(type == napi_null || type == napi_undefined ? at::Tensor() : data.tensor(env, e, argument));
  });
  return result;
}

std::string string_from_js(napi_env env, napi_value value, const char* argument) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) mismatch(env, argument, "a string", value);
  std::string result(length, '\0');
  napi_get_value_string_utf8(env, value, result.data(), length + 1, &length);
  return result;
}

c10::Device device_from_js(napi_env env, napi_value value, const char* argument) {
  const std::string name = string_from_js(env, value, argument);
  try {
    return c10::Device(name);
  } catch (const std::exception&) {
    mismatch(env, argument, "a device (cpu, cuda, cuda:0, ...)", value);
  }
}

}  // namespace edgeai
