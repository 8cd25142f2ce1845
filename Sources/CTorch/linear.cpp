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
// Where a product has thousands of rows and some dozens of columns, libtorch's copies both matrices
// into blocks first. Here the columns of the smaller one that are at work stay in the first cache.

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
void map_rows(const at::Tensor &x, const at::Tensor &b, const float *bias, const at::Tensor &out) {
  int64_t n = x.size(0), m = x.size(1), k = b.size(1);
  auto *from = x.const_data_ptr<float>(), *factors = b.const_data_ptr<float>();
  auto *to = out.mutable_data_ptr<float>();
  in_parts(part_count(n), n, [&](int64_t, int64_t first, int64_t count) {
    for (int64_t end = first + count; first < end; first += kBlock) {
      multiply_block({std::min(kBlock, end - first), m, k, from + first * m, m, 1, factors, bias, 0,
                      to + first * k});
    }
  });
}

/// dy [n, k] transposed times x [n, m]: [k, m]. Its bits depend on the number of threads.
at::Tensor weight_gradient(const at::Tensor &dy, const at::Tensor &x) {
  int64_t n = x.size(0), m = x.size(1), k = dy.size(1), parts = part_count(n);
  at::Tensor sums = at::zeros({parts, k, m}, x.options());
  auto *left = dy.const_data_ptr<float>(), *right = x.const_data_ptr<float>();
  auto *to = sums.mutable_data_ptr<float>();
  in_parts(parts, n, [&](int64_t part, int64_t first, int64_t count) {
    float *own = to + part * k * m;
    for (int64_t end = first + count; first < end; first += kBlock) {
      multiply_block({k, std::min(kBlock, end - first), m, left + first * k, 1, k,
                      right + first * m, own, m, own});
    }
  });
  return parts == 1 ? sums[0] : sums.sum(0);
}

struct Linear : torch::autograd::Function<Linear> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &input,
                            const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
    int64_t m = weight.size(1), k = weight.size(0);
    auto shape = input.sizes().vec();
    shape.back() = k;
    at::Tensor x = rows(input, m), y = at::empty({x.size(0), k}, input.options());
    map_rows(x, weight.t().contiguous(), bias ? bias->const_data_ptr<float>() : nullptr, y);
    save_for_product(context, input, weight, bias);
    context->saved_data["shape"] = input.sizes();
    return y.view(shape);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    const at::Tensor &input = saved[0], &weight = saved[1];
    at::Tensor dy = rows(gradients[0], gradients[0].size(-1));
    variable_list results(3);
    if (context->needs_input_grad(0)) {
      at::Tensor dx = at::empty({dy.size(0), weight.size(1)}, dy.options());
      map_rows(dy, weight, nullptr, dx);
      results[0] = dx.view(context->saved_data["shape"].toIntVector());
    }
    if (context->needs_input_grad(1)) {
      results[1] = weight_gradient(dy, rows(input, input.size(-1)));
    }
    if (needs_bias_gradient(context)) results[2] = dy.sum(0);
    return results;
  }
};

// Of more, libtorch's blocks pay.
constexpr int64_t kMostWeights = 32 << 10;

/// Whether the loops above compute it, and are faster where rows are many. How many there are does
/// not count: a row gives the same bits whatever it is computed with.
bool has_few_features(const at::Tensor &input, const at::Tensor &weight,
                      const std::optional<at::Tensor> &bias) {
  if (weight.dim() != 2 || input.dim() < 1 || input.size(-1) != weight.size(1)) return false;
  int64_t k = weight.size(0), m = weight.size(1);
  if (!is_cpu_float(input) || !is_cpu_float(weight) || !is_bias(bias, k)) return false;
  if (!weight.is_contiguous() || input.numel() == 0 || weight.numel() == 0) return false;
  return m % kLanes == 0 && k % kLanes == 0 && m * k <= kMostWeights;
}

}  // namespace

namespace ctorch {

at::Tensor linear(const at::Tensor &input, const at::Tensor &weight,
                  const std::optional<at::Tensor> &bias) {
  return has_few_features(input, weight, bias) ? Linear::apply(input, weight, bias)
                                               : at::linear(input, weight, bias);
}

}  // namespace ctorch

ct_status ct_linear(ct_tensor input, ct_tensor weight, ct_tensor bias, ct_tensor *out) {
  return produce(out, [&] {
    return ctorch::linear(unwrap(input), unwrap(weight), unwrap_optional(bias));
  });
}
