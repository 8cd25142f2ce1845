// Linear layers, those of few features by loops of our own.
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "internal.h"
#include "products.h"

using namespace ctorch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Shapes: n rows, m features in, k features out.
//
// Where a product has thousands of rows and some dozens of columns, libtorch's copies both matrices into
// blocks first. Here the smaller one stays in the nearest cache as it is.

namespace {

/// Rows [n, last], one after the other in memory.
at::Tensor rows(const at::Tensor &tensor, int64_t last) {
  return tensor.reshape({-1, last}).contiguous();
}

/// Rows that are taken at once.
constexpr int64_t kBlock = 64;

FOR_EACH_PROCESSOR
void multiply_block(const Product &product) { multiply(product); }

/// out [n, k] = x [n, m] b [m, k], plus the bias.
void multiply_rows(const at::Tensor &x, const at::Tensor &b, const float *bias, const at::Tensor &out) {
  int64_t n = x.size(0), m = x.size(1), k = b.size(1);
  auto *from = x.const_data_ptr<float>(), *factors = b.const_data_ptr<float>();
  auto *to = out.mutable_data_ptr<float>();
  in_parts(n, [&](int64_t, int64_t first, int64_t count) {
    for (int64_t end = first + count; first < end; first += kBlock) {
      multiply_block({std::min(kBlock, end - first), m, k, {from + first * m, m, 1}, factors,
                      {bias, 0, 1}, to + first * k});
    }
  });
}

/// dy [n, k] transposed times x [n, m]: [k, m].
at::Tensor weight_gradient(const at::Tensor &dy, const at::Tensor &x) {
  int64_t n = x.size(0), m = x.size(1), k = dy.size(1);
  at::Tensor sums = at::zeros({part_count(n), k, m}, x.options());
  auto *left = dy.const_data_ptr<float>(), *right = x.const_data_ptr<float>();
  auto *to = sums.mutable_data_ptr<float>();
  in_parts(n, [&](int64_t part, int64_t first, int64_t count) {
    float *own = to + part * k * m;
    for (int64_t end = first + count; first < end; first += kBlock) {
      multiply_block({k, std::min(kBlock, end - first), m, {left + first * k, 1, k},
                      right + first * m, {own, m, 1}, own});
    }
  });
  return sums.size(0) == 1 ? sums[0] : sums.sum(0);
}

struct Linear : torch::autograd::Function<Linear> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &input,
                            const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
    int64_t m = weight.size(1), k = weight.size(0);
    auto shape = input.sizes().vec();
    shape.back() = k;
    at::Tensor x = rows(input, m), y = at::empty({x.size(0), k}, input.options());
    multiply_rows(x, weight.t().contiguous(), bias ? bias->const_data_ptr<float>() : nullptr, y);
    context->save_for_backward({x, weight});
    context->saved_data["bias"] = bias.has_value();
    context->saved_data["shape"] = input.sizes();
    return y.view(shape);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    at::Tensor dy = rows(gradients[0], weight.size(0));
    variable_list results(3);
    if (context->needs_input_grad(0)) {
      at::Tensor dx = at::empty({dy.size(0), weight.size(1)}, dy.options());
      multiply_rows(dy, weight, nullptr, dx);
      results[0] = dx.view(context->saved_data["shape"].toIntVector());
    }
    if (context->needs_input_grad(1)) results[1] = weight_gradient(dy, x);
    // A bias that is not there has no number either.
    bool has_bias = context->saved_data["bias"].toBool();
    if (has_bias && context->needs_input_grad(2)) results[2] = dy.sum(0);
    return results;
  }
};

// Of more, libtorch's blocks pay.
constexpr int64_t kMostWeights = 32 << 10;

/// Whether the loops above compute it, and are faster.
bool suits(const at::Tensor &input, const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
  auto is_plain = [](const at::Tensor &tensor) {
    return tensor.is_cpu() && tensor.scalar_type() == at::kFloat;
  };
  if (weight.dim() != 2 || input.dim() < 1 || input.size(-1) != weight.size(1)) return false;
  if (!is_plain(input) || !is_plain(weight) || !weight.is_contiguous()) return false;
  int64_t k = weight.size(0), m = weight.size(1);
  if (bias && !(is_plain(*bias) && bias->is_contiguous() && bias->numel() == k)) return false;
  return m % kLanes == 0 && k % kLanes == 0 && m * k <= kMostWeights && input.numel() > 0;
}

}  // namespace

namespace ctorch {

at::Tensor linear(const at::Tensor &input, const at::Tensor &weight,
                  const std::optional<at::Tensor> &bias) {
  return suits(input, weight, bias) ? Linear::apply(input, weight, bias)
                                    : at::linear(input, weight, bias);
}

}  // namespace ctorch

ct_status ct_linear(ct_tensor input, ct_tensor weight, ct_tensor bias, ct_tensor *out) {
  return produce(out, [&] { return ctorch::linear(unwrap(input), unwrap(weight), unwrap_optional(bias)); });
}
