// Checks before kernels that read or divide without looking: what is an exception in others would end the process here.
#pragma once

#include <ATen/core/stack.h>

#include <string>
#include <vector>

#include "convert.h"

namespace edgeai {

// Throws std::runtime_error when a call must not be made. The stack holds one value an argument.
using Guard = void (*)(const std::vector<ArgumentPlan>& arguments, const torch::jit::Stack& stack);

// The check for an operator (`aten::embedding_bag`, without overload), or nullptr: nearly all of them check for themselves.
Guard guard_of(const std::string& operator_name);

}  // namespace edgeai
