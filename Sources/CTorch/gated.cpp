// The gated nonlinearity of transformers' feed-forward layers.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mul.h>
#include <torch/csrc/autograd/custom_function.h>

#include "internal.h"
#include "loops.h"

using namespace ctorch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Made of libtorch's operations it reads and writes everything several times, and its backward pass
// fills, copies and adds up halves of the gradient.

namespace {

/// The standard normal distribution up to x, right to 1e-7, and its density times x.
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26, as in libtorch.
INLINE void normal(const Vector &x, Vector &distribution, Vector &density_times_x) {
  const Vector size = x < 0.0f ? -x : x;
  Vector bell = x * x * -0.5f;
  exponentiate(bell);
  const Vector t = 1.0f / (1.0f + 0.23164190f * size);
  Vector p = t * 0.53070271f - 0.72657601f;
  p = p * t + 0.71070687f;
  p = p * t - 0.14224837f;
  p = p * t + 0.12741480f;
  const Vector above = p * t * bell;
  distribution = x < 0.0f ? above : 1.0f - above;
  density_times_x = x * bell * 0.39894228f;
}

/// Rows [count, 2 width] of values and gates to [count, width].
FOR_EACH_PROCESSOR
void gate(int64_t count, int64_t width, const float *x, float *y) {
  for (int64_t row = 0; row < count; row++) {
    const float *values = x + row * 2 * width, *gates = values + width;
    for (int64_t lane = 0; lane < width; lane += kWidth) {
      const Vector opening = vector(gates + lane);
      Vector distribution, rest;
      normal(opening, distribution, rest);
      vector(y + row * width + lane) = vector(values + lane) * opening * distribution;
    }
  }
}

/// The gradient of the rows.
FOR_EACH_PROCESSOR
void gate_backward(int64_t count, int64_t width, const float *x, const float *dy, float *dx) {
  for (int64_t row = 0; row < count; row++) {
    const float *values = x + row * 2 * width, *gates = values + width;
    float *to_values = dx + row * 2 * width, *to_gates = to_values + width;
    for (int64_t lane = 0; lane < width; lane += kWidth) {
      const Vector opening = vector(gates + lane), slope = vector(dy + row * width + lane);
      Vector distribution, rest;
      normal(opening, distribution, rest);
      vector(to_gates + lane) = slope * vector(values + lane) * (distribution + rest);
      vector(to_values + lane) = slope * opening * distribution;
    }
  }
}

/// Rows that a thread takes at a time.
constexpr int64_t kBlock = 64;

/// Runs `body(first, count)` for blocks of `count` rows.
template <class Body>
void in_blocks(int64_t count, Body &&body) {
  in_parallel((count + kBlock - 1) / kBlock, [&](int64_t block) {
    int64_t first = block * kBlock;
    body(first, std::min(kBlock, count - first));
  });
}

struct GatedGELU : torch::autograd::Function<GatedGELU> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &input) {
    auto shape = input.sizes().vec();
    int64_t width = shape.back() /= 2;
    at::Tensor output = at::empty(shape, input.options());
    auto *x = input.const_data_ptr<float>();
    auto *y = output.mutable_data_ptr<float>();
    in_blocks(output.numel() / width, [&](int64_t first, int64_t count) {
      gate(count, width, x + first * 2 * width, y + first * width);
    });
    context->save_for_backward({input});
    return output;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    at::Tensor input = context->get_saved_variables()[0], gradient = gradients[0].contiguous();
    at::Tensor result = at::empty_like(input);
    int64_t width = input.size(-1) / 2;
    auto *x = input.const_data_ptr<float>(), *dy = gradient.const_data_ptr<float>();
    auto *dx = result.mutable_data_ptr<float>();
    in_blocks(gradient.numel() / width, [&](int64_t first, int64_t count) {
      gate_backward(count, width, x + first * 2 * width, dy + first * width,
                    dx + first * 2 * width);
    });
    return {result};
  }
};

}  // namespace

ct_status ct_gated_gelu(ct_tensor input, ct_tensor *out) {
  return produce(out, [&] {
    const at::Tensor &x = unwrap(input);
    TORCH_CHECK(x.dim() > 0 && x.size(-1) % 2 == 0, "the last axis has no two halves");
    bool is_plain = x.scalar_type() == at::kFloat && x.is_cpu() && x.is_contiguous();
    if (is_plain && x.size(-1) % (2 * kWidth) == 0 && x.numel() > 0) return GatedGELU::apply(x);
    auto halves = x.chunk(2, -1);
    return at::mul(halves[0], at::gelu(halves[1]));
  });
}
