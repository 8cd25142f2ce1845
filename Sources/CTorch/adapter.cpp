// Low-rank updates of weights.
#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>

#include "internal.h"

using namespace ctorch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A network has hundreds of adapters, and each is made part of its weight in every pass. Made of
// libtorch's operations, with a node of the graph each, that takes some percent of a small network's
// time.

namespace {

/// [n, m k k] of [n, m, k, k].
at::Tensor matrix(const at::Tensor &tensor) { return tensor.flatten(1); }

struct LowRankSum : torch::autograd::Function<LowRankSum> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &weight,
                            const at::Tensor &b, const at::Tensor &a, double scale) {
    context->save_for_backward({b, a});
    context->saved_data["scale"] = scale;
    return at::addmm(matrix(weight), matrix(b), matrix(a), 1, scale).view(weight.sizes());
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    const at::Tensor &b = saved[0], &a = saved[1], gradient = matrix(gradients[0].contiguous());
    double scale = context->saved_data["scale"].toDouble();
    variable_list results(4);
    if (context->needs_input_grad(0)) results[0] = gradients[0];
    if (context->needs_input_grad(1)) {
      results[1] = at::mm(gradient, matrix(a).t()).mul_(scale).view(b.sizes());
    }
    if (context->needs_input_grad(2)) {
      results[2] = at::mm(matrix(b).t(), gradient).mul_(scale).view(a.sizes());
    }
    return results;
  }
};

}  // namespace

ct_status ct_low_rank_sum(ct_tensor weight, ct_tensor b, ct_tensor a, double scale,
                          ct_tensor *out) {
  return produce(out, [&] {
    return LowRankSum::apply(unwrap(weight), unwrap(b), unwrap(a), scale);
  });
}
