// AdamW, fused over all parameters.
#include <ATen/ops/_fused_adamw.h>
#include <c10/core/GradMode.h>

#include "internal.h"

using namespace ctorch;

ct_status ct_adamw_step(const ct_tensor *parameters, const ct_tensor *gradients,
                        const ct_tensor *first_moments, const ct_tensor *second_moments,
                        const ct_tensor *steps, int32_t count, ct_adamw_options options) {
  return guarded([&] {
    c10::AutoGradMode off(false);
    auto counters = unwrap_list(steps, count);
    for (at::Tensor &counter : counters) counter.add_(1);
    at::_fused_adamw_(unwrap_list(parameters, count), unwrap_list(gradients, count),
                      unwrap_list(first_moments, count), unwrap_list(second_moments, count), {},
                      counters, options.learning_rate, options.beta1, options.beta2,
                      options.weight_decay, options.eps, /*amsgrad=*/false, /*maximize=*/false);
  });
}
