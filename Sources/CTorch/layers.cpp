// The layers of the networks.
#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/upsample_nearest2d.h>

#include <array>

#include "internal.h"

using namespace ctorch;

ct_status ct_layer_norm(ct_tensor input, ct_tensor weight, ct_tensor bias, double eps,
                        ct_tensor *out) {
  return produce(out, [&] {
    return at::layer_norm(unwrap(input), unwrap(weight).sizes(), unwrap(weight), unwrap(bias), eps);
  });
}

ct_status ct_embedding(ct_tensor weight, ct_tensor indices, ct_tensor *out) {
  return produce(out, [&] { return at::embedding(unwrap(weight), unwrap(indices)); });
}

ct_status ct_upsample_nearest2x(ct_tensor input, ct_tensor *out) {
  return produce(out, [&] {
    std::array<double, 2> scale{2.0, 2.0};
    return at::upsample_nearest2d(unwrap(input), at::OptionalIntArrayRef(), scale);
  });
}

ct_status ct_resize_bicubic(ct_tensor input, int64_t height, int64_t width, ct_tensor *out) {
  return produce(out, [&] {
    std::array<int64_t, 2> size{height, width};
    return at::_upsample_bicubic2d_aa(unwrap(input), size, /*align_corners=*/false);
  });
}
