// Data in and out of tensors: buffers, metadata, handles between threads.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "convert.h"
#include "env.h"

namespace edgeai {
namespace {

struct Bytes {
  uint8_t* data;
  size_t length;
  // The buffer behind the view; whoever shares its memory must keep it alive.
  Napi::Value owner;
};

// Any typed array, DataView or Buffer, over an ArrayBuffer or a SharedArrayBuffer.
Bytes bytes_of(Napi::Env env, Napi::Value value, const char* argument) {
  void* data = nullptr;
  size_t length = 0;
  if (value.IsTypedArray()) {
    napi_value buffer;
    napi_typedarray_type type;
    size_t elements = 0;
    size_t offset = 0;
    napi_get_typedarray_info(env, value, &type, &elements, &data, &buffer, &offset);
    length = value.As<Napi::TypedArray>().ByteLength();
    return {static_cast<uint8_t*>(data), length, value};
  }
  if (value.IsDataView()) {
    napi_value buffer;
    size_t offset = 0;
    check(env, napi_get_dataview_info(env, value, &length, &data, &buffer, &offset));
    return {static_cast<uint8_t*>(data), length, value};
  }
  throw_argument_error(env, argument, std::string("Expected a typed array, Buffer or DataView for ") + argument);
}

// The deleter of tensors that live in a JavaScript array's memory; by it they are also told from others.
void drop_js_memory(void* context) { delete static_cast<JsRef*>(context); }

bool lives_in_js_memory(const at::Tensor& tensor) {
  return tensor.has_storage() && tensor.storage().data_ptr().get_deleter() == &drop_js_memory;
}

at::Tensor& arg(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return data_of(info.Env()).tensor(info.Env(), info[index], name);
}

// fromBytes(typedArray, dtype, sizes, share): copies unless `share`, which makes the tensor live in the array's memory.
Napi::Value from_bytes(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  EnvData& data = data_of(env);
  const at::ScalarType dtype = dtype_from_js(env, info[1], "dtype");
  const std::vector<int64_t> sizes = ints_from_js(env, info[2], "shape");
  const bool share = info[3].ToBoolean();
  // Last, since reading the others may run JavaScript, which could take the array's memory away.
  Bytes bytes = bytes_of(env, info[0], "data");
  size_t expected = c10::elementSize(dtype);
  for (int64_t size : sizes) {
    if (size < 0) throw_argument_error(env, "shape", "Expected sizes of at least 0 for shape");
    if (size != 0 && expected > SIZE_MAX / static_cast<size_t>(size)) throw_argument_error(env, "shape", "shape is too large");
    expected *= static_cast<size_t>(size);
  }
  if (bytes.length != expected) {
    throw_argument_error(env, "data", "Expected " + std::to_string(expected) + " bytes for data of this shape and dtype but received " +
                                          std::to_string(bytes.length));
  }
  const auto options = at::TensorOptions().dtype(dtype);
  if (share && bytes.length > 0) {
    if (reinterpret_cast<uintptr_t>(bytes.data) % c10::elementSize(dtype) != 0) {
      throw_argument_error(env, "data", "data is not aligned to its element size and cannot be shared");
    }
    auto* owner = new JsRef(bytes.owner, data.graveyard);
    const at::Tensor tensor = at::for_blob(bytes.data, sizes).context(owner, drop_js_memory).options(options).make_tensor();
    return Napi::Value(env, new_handle(env, data, tensor));
  }
  at::Tensor tensor = at::empty(sizes, options);
  if (bytes.length > 0) std::memcpy(tensor.data_ptr(), bytes.data, bytes.length);
  return Napi::Value(env, new_handle(env, data, tensor));
}

// copyTo(handle, typedArray): the elements in row-major order, whatever the tensor's strides and device are.
Napi::Value copy_to(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  c10::NoGradGuard no_grad;
  const at::Tensor tensor = arg(info, 0, "self").detach().resolve_conj().resolve_neg().to(at::kCPU).contiguous();
  Bytes bytes = bytes_of(env, info[1], "target");
  if (bytes.length != tensor.nbytes()) {
    throw_argument_error(env, "target", "Expected a target of " + std::to_string(tensor.nbytes()) + " bytes but received one of " +
                                            std::to_string(bytes.length));
  }
  if (bytes.length > 0) std::memcpy(bytes.data, tensor.data_ptr(), bytes.length);
  return env.Undefined();
}

// shareBytes(handle): an ArrayBuffer over the memory of a contiguous CPU tensor, which lives as long as the buffer.
Napi::Value share_bytes(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const at::Tensor& tensor = arg(info, 0, "self");
  if (!tensor.device().is_cpu() || !tensor.is_contiguous()) throw std::runtime_error("only a contiguous CPU tensor can share its memory");
  // Node-API takes a null pointer for an array that has been detached.
  if (tensor.nbytes() == 0) return Napi::ArrayBuffer::New(env, 0);
  auto* keeper = new at::Tensor(tensor.detach());
  return Napi::ArrayBuffer::New(env, keeper->data_ptr(), keeper->nbytes(), [](Napi::Env, void*, at::Tensor* kept) { delete kept; }, keeper);
}

// The whole storage of a tensor as bytes (copied), for serialisation.
Napi::Value storage_bytes(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  c10::NoGradGuard no_grad;
  const at::Tensor& tensor = arg(info, 0, "self");
  const int64_t elements = static_cast<int64_t>(tensor.storage().nbytes() / tensor.itemsize());
  const at::Tensor flat = tensor.detach().as_strided({elements}, {1}, 0).to(at::kCPU).contiguous();
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, flat.nbytes());
  if (flat.nbytes() > 0) std::memcpy(buffer.Data(), flat.data_ptr(), flat.nbytes());
  return buffer;
}

Napi::Value item(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const at::Tensor& tensor = arg(info, 0, "self");
  if (tensor.numel() != 1) throw std::runtime_error("item() takes a tensor with one element; this one is " + describe(tensor));
  const at::Scalar scalar = tensor.item();
  if (scalar.isBoolean()) return Napi::Boolean::New(env, scalar.toBool());
  if (scalar.isIntegral(false)) return Napi::Value(env, int_to_js(env, scalar.toLong()));
  return Napi::Value(env, to_js(env, data_of(env), c10::IValue(scalar)));
}

Napi::Value int_array(Napi::Env env, at::IntArrayRef values) {
  Napi::Array result = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) napi_set_element(env, result, i, int_to_js(env, values[i]));
  return result;
}

Napi::Value sizes(const Napi::CallbackInfo& info) { return int_array(info.Env(), arg(info, 0, "self").sizes()); }
Napi::Value strides(const Napi::CallbackInfo& info) { return int_array(info.Env(), arg(info, 0, "self").strides()); }

Napi::Value dim(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), arg(info, 0, "self").dim()); }
Napi::Value numel(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), arg(info, 0, "self").numel()); }
Napi::Value dtype(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), dtype_name(arg(info, 0, "self").scalar_type())); }
Napi::Value device(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), arg(info, 0, "self").device().str()); }

Napi::Value storage_offset(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), arg(info, 0, "self").storage_offset());
}

// A number that two tensors share exactly when they share memory.
Napi::Value storage_id(const Napi::CallbackInfo& info) {
  const auto address = reinterpret_cast<uintptr_t>(arg(info, 0, "self").storage().unsafeGetStorageImpl());
  return Napi::Number::New(info.Env(), static_cast<double>(address));
}

Napi::Value is_contiguous(const Napi::CallbackInfo& info) {
  const at::MemoryFormat wanted =
      info[1].IsUndefined() ? at::MemoryFormat::Contiguous : memory_format_from_js(info.Env(), info[1], "memoryFormat");
  return Napi::Boolean::New(info.Env(), arg(info, 0, "self").is_contiguous(wanted));
}

// Another handle to the same tensor.
Napi::Value alias(const Napi::CallbackInfo& info) {
  return Napi::Value(info.Env(), new_handle(info.Env(), data_of(info.Env()), arg(info, 0, "self")));
}

// setData(handle, other): the tensor takes over another's type, layout and memory, as PyTorch's `param.data = other`.
Napi::Value set_data(const Napi::CallbackInfo& info) {
  at::Tensor source = arg(info, 1, "other");
  arg(info, 0, "self").set_data(source);
  return info.Env().Undefined();
}

void drop(napi_env env, EnvData& data, double handle) {
  const int64_t reported = data.tensors.release(handle);
  if (reported > 0) {
    int64_t total;
    napi_adjust_external_memory(env, -reported, &total);
  }
}

Napi::Value release(const Napi::CallbackInfo& info) {
  drop(info.Env(), data_of(info.Env()), info[0].ToNumber().DoubleValue());
  return info.Env().Undefined();
}

// releaseScratch(count): releases the first `count` handles of the array given to `initialise`.
Napi::Value release_scratch(const Napi::CallbackInfo& info) {
  EnvData& data = data_of(info.Env());
  Napi::Float64Array scratch = data.scratch.Value();
  const size_t count = std::min<size_t>(info[0].ToNumber().Uint32Value(), scratch.ElementLength());
  const double* handles = scratch.Data();
  for (size_t i = 0; i < count; ++i) drop(info.Env(), data, handles[i]);
  return info.Env().Undefined();
}

// report(handle): tells V8 how much memory the garbage collector would free with this tensor.
Napi::Value report(const Napi::CallbackInfo& info) {
  EnvData& data = data_of(info.Env());
  const at::Tensor& tensor = arg(info, 0, "self");
  const int64_t bytes = tensor.has_storage() ? static_cast<int64_t>(tensor.storage().nbytes()) : 0;
  const int64_t change = data.tensors.report(info[0].ToNumber().DoubleValue(), bytes);
  int64_t total;
  napi_adjust_external_memory(info.Env(), change, &total);
  return info.Env().Undefined();
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  EnvData& data = data_of(env);
  std::unordered_set<const void*> seen;
  double bytes = 0;
  data.tensors.each([&](const at::Tensor& tensor) {
    if (!tensor.defined() || !tensor.has_storage()) return;
    if (seen.insert(tensor.storage().unsafeGetStorageImpl()).second) bytes += static_cast<double>(tensor.storage().nbytes());
  });
  Napi::Object result = Napi::Object::New(env);
  result.Set("tensors", static_cast<double>(data.tensors.live()));
  result.Set("bytes", bytes);
  result.Set("peakTensors", static_cast<double>(data.tensors.peak()));
  result.Set("created", static_cast<double>(data.tensors.created()));
  return result;
}

// Tensors on their way between threads: exportTensor gives a ticket, adoptTensor redeems it once, on any thread.
std::mutex transit_mutex;
struct Exported {
  at::Tensor tensor;
  // Which loader it belongs to; 0 for none.
  uint32_t group;
};
std::unordered_map<uint64_t, Exported> transit;
uint64_t next_ticket = 1;

// exportTensor(handle, group = 0) -> ticket
Napi::Value export_tensor(const Napi::CallbackInfo& info) {
  const uint32_t group = info[1].IsNumber() ? info[1].ToNumber().Uint32Value() : 0;
  at::Tensor tensor = arg(info, 0, "self");
  if (tensor.requires_grad() && !tensor.is_leaf()) {
    throw std::runtime_error("a tensor with a history of operators cannot be handed to another thread; detach() it");
  }
  // A JavaScript array may go away with its thread, so its memory stays here.
  if (lives_in_js_memory(tensor)) tensor = tensor.detach().clone().set_requires_grad(tensor.requires_grad());
  std::lock_guard<std::mutex> lock(transit_mutex);
  transit.emplace(next_ticket, Exported{tensor, group});
  return Napi::Number::New(info.Env(), static_cast<double>(next_ticket++));
}

Napi::Value adopt_tensor(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  at::Tensor tensor;
  {
    std::lock_guard<std::mutex> lock(transit_mutex);
    const double ticket = info[0].ToNumber().DoubleValue();
    auto found = ticket >= 1 && ticket < 9007199254740992.0 ? transit.find(static_cast<uint64_t>(ticket)) : transit.end();
    if (found == transit.end()) throw std::runtime_error("this tensor has been adopted already, or was never exported");
    tensor = std::move(found->second.tensor);
    transit.erase(found);
  }
  return Napi::Value(env, new_handle(env, data_of(env), std::move(tensor)));
}

// dropExports(group): releases what nobody will adopt any more, because its receiver or its message is gone.
Napi::Value drop_exports(const Napi::CallbackInfo& info) {
  const uint32_t group = info[0].ToNumber().Uint32Value();
  // Released when the lock is gone: a tensor's deleter may take its time.
  std::vector<at::Tensor> dropped;
  std::lock_guard<std::mutex> lock(transit_mutex);
  for (auto entry = transit.begin(); entry != transit.end();) {
    if (entry->second.group == group) {
      dropped.push_back(std::move(entry->second.tensor));
      entry = transit.erase(entry);
    } else {
      ++entry;
    }
  }
  return Napi::Number::New(info.Env(), static_cast<double>(dropped.size()));
}

Napi::Value in_transit(const Napi::CallbackInfo& info) {
  std::lock_guard<std::mutex> lock(transit_mutex);
  return Napi::Number::New(info.Env(), static_cast<double>(transit.size()));
}

}  // namespace

void register_data(Napi::Object exports) {
  add_door<from_bytes>(exports, "fromBytes");
  add_door<copy_to>(exports, "copyTo");
  add_door<share_bytes>(exports, "shareBytes");
  add_door<storage_bytes>(exports, "storageBytes");
  add_door<item>(exports, "item");
  add_door<sizes>(exports, "sizes");
  add_door<strides>(exports, "strides");
  add_door<dim>(exports, "dim");
  add_door<numel>(exports, "numel");
  add_door<dtype>(exports, "dtype");
  add_door<device>(exports, "device");
  add_door<storage_offset>(exports, "storageOffset");
  add_door<storage_id>(exports, "storageId");
  add_door<is_contiguous>(exports, "isContiguous");
  add_door<alias>(exports, "alias");
  add_door<set_data>(exports, "setData");
  add_door<release>(exports, "release");
  add_door<release_scratch>(exports, "releaseScratch");
  add_door<report>(exports, "report");
  add_door<memory>(exports, "memory");
  add_door<export_tensor>(exports, "exportTensor");
  add_door<adopt_tensor>(exports, "adoptTensor");
  add_door<drop_exports>(exports, "dropExports");
  add_door<in_transit>(exports, "inTransit");
}

}  // namespace edgeai
