// Gradients.
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "internal.h"

using namespace ctorch;

bool ct_grad_mode(void) { return c10::GradMode::is_enabled(); }

void ct_set_grad_mode(bool enabled) { c10::GradMode::set_enabled(enabled); }

ct_status ct_set_requires_grad(ct_tensor tensor, bool requires_grad) {
  return guarded([&] { unwrap(tensor).requires_grad_(requires_grad); });
}

bool ct_requires_grad(ct_tensor tensor) { return unwrap(tensor).requires_grad(); }

ct_status ct_detach(ct_tensor tensor, ct_tensor *out) {
  return produce(out, [&] { return unwrap(tensor).detach(); });
}

ct_status ct_backward(ct_tensor root, ct_tensor seed) {
  return guarded([&] { torch::autograd::backward({unwrap(root)}, {unwrap(seed)}); });
}

ct_status ct_gradient(ct_tensor tensor, ct_tensor *out) {
  return guarded([&] {
    const at::Tensor &gradient = unwrap(tensor).grad();
    *out = gradient.defined() ? wrap(gradient) : ct_tensor{nullptr};
  });
}

void ct_clear_gradient(ct_tensor tensor) { unwrap(tensor).mutable_grad() = at::Tensor(); }
