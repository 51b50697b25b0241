// The operators that need a check, found by scripts/fuzz-operators.ts.
#include "guards.h"

#include <ATen/core/Tensor.h>

#include <cmath>
#include <unordered_map>

#include "env.h"

namespace edgeai {
namespace {

void require(bool condition, const std::string& message) {
  if (!condition) throw std::runtime_error(message);
}

const at::Tensor& tensor_at(const torch::jit::Stack& stack, size_t index) { return stack[index].toTensor(); }

// The noise is read once for each element of the input.
void same_shape(const std::vector<ArgumentPlan>& arguments, const torch::jit::Stack& stack) {
  require(tensor_at(stack, 0).sizes().equals(tensor_at(stack, 1).sizes()),
          arguments[1].name + " must have the shape of " + arguments[0].name);
}

void embedding_bag(const std::vector<ArgumentPlan>& arguments, const torch::jit::Stack& stack) {
  constexpr size_t kRanks[] = {2, 1, 1};
  for (size_t i = 0; i < 3; ++i) {
    require(tensor_at(stack, i).dim() == static_cast<int64_t>(kRanks[i]),
            arguments[i].name + " must have " + std::to_string(kRanks[i]) + (kRanks[i] == 1 ? " dimension" : " dimensions"));
  }
}

// A scale that does not fit the sizes makes the kernels read rows that the input does not have.
void upsample(const std::vector<ArgumentPlan>& arguments, const torch::jit::Stack& stack) {
  if (!stack[1].isIntList()) return;
  const at::Tensor& input = tensor_at(stack, 0);
  const auto output = stack[1].toIntVector();
  const size_t spatial = output.size();
  if (static_cast<size_t>(input.dim()) != spatial + 2) return;
  size_t dimension = 0;
  for (size_t i = 2; i < stack.size(); ++i) {
    if (arguments[i].kind != Kind::Float || dimension == spatial) continue;
    const size_t at = dimension++;
    if (!stack[i].isDouble()) continue;
    const double scale = stack[i].toDouble();
    const double last = static_cast<double>(output[at] - 1) / scale;
    require(scale > 0 && last < static_cast<double>(input.size(static_cast<int64_t>(at) + 2)),
            arguments[i].name + " does not fit the sizes of input and output");
  }
}

// Products with it are computed without a look at their size.
void factor(const std::vector<ArgumentPlan>& arguments, const torch::jit::Stack& stack) {
  for (size_t i = 0; i < stack.size(); ++i) {
    if (arguments[i].kind != Kind::Int || !stack[i].isInt()) continue;
    require(stack[i].toInt() > 0 && stack[i].toInt() <= INT32_MAX, arguments[i].name + " must be a positive number of 31 bits");
  }
}

// Strides and paddings are read for each spatial dimension, however many were given.
void convolution(const std::vector<ArgumentPlan>& arguments, const torch::jit::Stack& stack) {
  factor(arguments, stack);
  const int64_t spatial = tensor_at(stack, 1).dim() - 2;
  for (size_t i = 2; i < stack.size(); ++i) {
    if (arguments[i].kind != Kind::IntList || !stack[i].isIntList()) continue;
    const auto length = static_cast<int64_t>(stack[i].toIntVector().size());
    require(length == 1 || length == spatial, arguments[i].name + " must have one element, or one for each spatial dimension of the weight");
  }
}

// The channels must fall into groups evenly.
void channel_shuffle(const std::vector<ArgumentPlan>& arguments, const torch::jit::Stack& stack) {
  factor(arguments, stack);
  const at::Tensor& input = tensor_at(stack, 0);
  require(input.dim() > 2 && input.numel() > 0 && input.size(1) % stack[1].toInt() == 0, "the channels do not fall into groups evenly");
}

// Recurrent layers take their states and weights from lists without a look at the lengths.
void recurrent(const std::vector<ArgumentPlan>& arguments, const torch::jit::Stack& stack) {
  for (size_t i = 0; i < stack.size(); ++i) {
    if (arguments[i].kind != Kind::TensorList) continue;
    const size_t least = arguments[i].name == "hx" ? 2 : 1;
    require(stack[i].toTensorVector().size() >= least, arguments[i].name + " has too few tensors");
  }
}

// One list of edges, or one count, a column of the input.
void histogramdd(const std::vector<ArgumentPlan>& arguments, const torch::jit::Stack& stack) {
  const at::Tensor& input = tensor_at(stack, 0);
  const size_t length = stack[1].isTensorList() ? stack[1].toTensorVector().size() : stack[1].isIntList() ? stack[1].toIntVector().size() : 1;
  const auto columns = static_cast<size_t>(input.dim() > 0 ? input.size(-1) : 0);
  require(!stack[1].isList() || length == columns, arguments[1].name + " must have one element for each column of self");
}

void one_element(const std::vector<ArgumentPlan>&, const torch::jit::Stack& stack) {
  require(tensor_at(stack, 0).numel() == 1, "takes a tensor with one element");
}

const std::unordered_map<std::string, Guard>& guards() {
  static const std::unordered_map<std::string, Guard> table{
      {"aten::rrelu_with_noise", same_shape},
      {"aten::rrelu_with_noise_", same_shape},
      {"aten::embedding_bag", embedding_bag},
      {"aten::_embedding_bag", embedding_bag},
      {"aten::_embedding_bag_forward_only", embedding_bag},
      {"aten::upsample_nearest1d", upsample},
      {"aten::upsample_nearest2d", upsample},
      {"aten::upsample_nearest3d", upsample},
      {"aten::_upsample_nearest_exact1d", upsample},
      {"aten::_upsample_nearest_exact2d", upsample},
      {"aten::_upsample_nearest_exact3d", upsample},
      {"aten::upsample_linear1d", upsample},
      {"aten::upsample_bilinear2d", upsample},
      {"aten::upsample_bicubic2d", upsample},
      {"aten::upsample_trilinear3d", upsample},
      {"aten::_upsample_bilinear2d_aa", upsample},
      {"aten::_upsample_bicubic2d_aa", upsample},
      {"aten::conv1d", convolution},
      {"aten::conv2d", convolution},
      {"aten::conv3d", convolution},
      {"aten::conv_transpose1d", convolution},
      {"aten::conv_transpose2d", convolution},
      {"aten::conv_transpose3d", convolution},
      {"aten::convolution", convolution},
      {"aten::_convolution", convolution},
      {"aten::histogramdd", histogramdd},
      {"aten::native_channel_shuffle", channel_shuffle},
      {"aten::pixel_shuffle", factor},
      {"aten::pixel_unshuffle", factor},
      {"aten::lstm", recurrent},
      {"aten::gru", recurrent},
      {"aten::rnn_tanh", recurrent},
      {"aten::rnn_relu", recurrent},
      {"aten::_local_scalar_dense", one_element},
  };
  return table;
}

}  // namespace

Guard guard_of(const std::string& operator_name) {
  const auto found = guards().find(operator_name);
  return found == guards().end() ? nullptr : found->second;
}

}  // namespace edgeai
