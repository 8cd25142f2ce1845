// AdamW, fused over all parameters.
#include <ATen/ops/_fused_adamw.h>
#include <c10/core/GradMode.h>

#include "internal.h"

using namespace ctorch;

// libtorch's kernel trusts the sizes, and finds other mismatches after the counters moved.
static void check_like_parameters(const ct_tensor *parameters, const ct_tensor *tensors,
                                  int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    const at::Tensor &parameter = unwrap(parameters[i]), &tensor = unwrap(tensors[i]);
    TORCH_CHECK(tensor.sizes() == parameter.sizes() && tensor.dtype() == parameter.dtype() &&
                    tensor.device() == parameter.device(),
                "tensor ", i, " must be like its parameter, ", parameter.dtype(), " ",
                parameter.sizes(), " on ", parameter.device(), "; it is ", tensor.dtype(), " ",
                tensor.sizes(), " on ", tensor.device());
  }
}

ct_status ct_adamw_step(const ct_tensor *parameters, const ct_tensor *gradients,
                        const ct_tensor *first_moments, const ct_tensor *second_moments,
                        const ct_tensor *steps, int32_t count, ct_adamw_options options) {
  return guarded([&] {
    c10::AutoGradMode off(false);
    for (auto tensors : {gradients, first_moments, second_moments}) {
      check_like_parameters(parameters, tensors, count);
    }
    auto counters = unwrap_list(steps, count);
    for (at::Tensor &counter : counters) counter.add_(1);
    at::_fused_adamw_(unwrap_list(parameters, count), unwrap_list(gradients, count),
                      unwrap_list(first_moments, count), unwrap_list(second_moments, count), {},
                      counters, options.learning_rate, options.beta1, options.beta2,
                      options.weight_decay, options.eps, /*amsgrad=*/false, /*maximize=*/false);
  });
}
