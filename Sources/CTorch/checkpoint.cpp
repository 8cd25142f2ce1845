// Activations that are computed again when the gradient needs them.
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "internal.h"

using namespace ctorch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

/// The caller's closure, released with the last graph that may run it.
struct Body : torch::CustomClassHolder {
  explicit Body(ct_body body) : body(body) {}
  Body(const Body &) = delete;
  Body &operator=(const Body &) = delete;
  ~Body() override { body.release(body.context); }

  at::Tensor run(const variable_list &inputs) const {
    std::vector<ct_tensor> handles;
    for (const at::Tensor &input : inputs) handles.push_back(wrap(input));
    ct_tensor out{nullptr};
    // The closure owns the handles from here on.
    ct_status status =
        body.run(body.context, handles.data(), static_cast<int32_t>(handles.size()), &out);
    if (status == CT_OUT_OF_MEMORY) C10_THROW_ERROR(OutOfMemoryError, ct_last_error());
    TORCH_CHECK(status == CT_OK, ct_last_error());
    at::Tensor result = unwrap(out);
    ct_tensor_release(out);
    return result;
  }

  ct_body body;
};

/// PyTorch's reentrant checkpoint: forward without a graph, and once more with one in backward.
struct Checkpoint : torch::autograd::Function<Checkpoint> {
  /// `anchor` requires a gradient, so that the output does even where no input does: the closure's
  /// own parameters get theirs in backward.
  static at::Tensor forward(AutogradContext *context, const at::Tensor &anchor,
                            at::TensorList inputs, const c10::intrusive_ptr<Body> &body) {
    context->save_for_backward(inputs.vec());
    context->saved_data["body"] = c10::IValue::make_capsule(body);
    return body->run(inputs.vec());
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto body = c10::static_intrusive_pointer_cast<Body>(context->saved_data["body"].toCapsule());
    variable_list inputs;
    for (const at::Tensor &saved : context->get_saved_variables()) {
      inputs.push_back(saved.detach().requires_grad_(saved.requires_grad()));
    }
    c10::AutoGradMode on(true);
    at::Tensor output = body->run(inputs);
    if (output.requires_grad()) torch::autograd::backward({output}, {gradients[0]});
    variable_list result{at::Tensor()};
    for (const at::Tensor &input : inputs) result.push_back(input.grad());
    result.emplace_back();
    return result;
  }
};

}  // namespace

ct_status ct_checkpoint(const ct_tensor *inputs, int32_t count, ct_body body, ct_tensor *out) {
  return guarded([&] {
    auto owner = c10::make_intrusive<Body>(body);
    at::Tensor anchor = at::zeros({});
    anchor.requires_grad_(true);
    variable_list list = unwrap_list(inputs, count);
    *out = wrap(Checkpoint::apply(anchor, at::TensorList(list), owner));
  });
}
