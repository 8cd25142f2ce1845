// Arithmetic: pointwise, products, reductions.
#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/all.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/div.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/square.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <c10/core/GradMode.h>

#include "internal.h"

using namespace ctorch;

ct_status ct_add(ct_tensor a, ct_tensor b, ct_tensor *out) {
  return produce(out, [&] { return at::add(unwrap(a), unwrap(b)); });
}

ct_status ct_sub(ct_tensor a, ct_tensor b, ct_tensor *out) {
  return produce(out, [&] { return at::sub(unwrap(a), unwrap(b)); });
}

ct_status ct_mul(ct_tensor a, ct_tensor b, ct_tensor *out) {
  return produce(out, [&] { return at::mul(unwrap(a), unwrap(b)); });
}

ct_status ct_div(ct_tensor a, ct_tensor b, ct_tensor *out) {
  return produce(out, [&] { return at::div(unwrap(a), unwrap(b)); });
}

ct_status ct_add_scalar(ct_tensor a, double b, ct_tensor *out) {
  return produce(out, [&] { return at::add(unwrap(a), b); });
}

ct_status ct_mul_scalar(ct_tensor a, double b, ct_tensor *out) {
  return produce(out, [&] { return at::mul(unwrap(a), b); });
}

ct_status ct_accumulate(ct_tensor a, ct_tensor b, double scale) {
  return guarded([&] {
    c10::AutoGradMode off(false);
    unwrap(a).add_(unwrap(b), scale);
  });
}

ct_status ct_scale_in_place(ct_tensor a, double scale) {
  return guarded([&] {
    c10::AutoGradMode off(false);
    unwrap(a).mul_(scale);
  });
}

ct_status ct_square(ct_tensor a, ct_tensor *out) {
  return produce(out, [&] { return at::square(unwrap(a)); });
}

ct_status ct_sqrt(ct_tensor a, ct_tensor *out) {
  return produce(out, [&] { return at::sqrt(unwrap(a)); });
}

ct_status ct_abs(ct_tensor a, ct_tensor *out) {
  return produce(out, [&] { return at::abs(unwrap(a)); });
}

ct_status ct_exp(ct_tensor a, ct_tensor *out) {
  return produce(out, [&] { return at::exp(unwrap(a)); });
}

ct_status ct_sin(ct_tensor a, ct_tensor *out) {
  return produce(out, [&] { return at::sin(unwrap(a)); });
}

ct_status ct_cos(ct_tensor a, ct_tensor *out) {
  return produce(out, [&] { return at::cos(unwrap(a)); });
}

ct_status ct_clamp(ct_tensor a, double low, double high, ct_tensor *out) {
  return produce(out, [&] { return at::clamp(unwrap(a), low, high); });
}

ct_status ct_sigmoid(ct_tensor a, ct_tensor *out) {
  return produce(out, [&] { return at::sigmoid(unwrap(a)); });
}

ct_status ct_silu(ct_tensor a, ct_tensor *out) {
  return produce(out, [&] { return at::silu(unwrap(a)); });
}

ct_status ct_gelu(ct_tensor a, ct_tensor *out) {
  return produce(out, [&] { return at::gelu(unwrap(a)); });
}

ct_status ct_matmul(ct_tensor a, ct_tensor b, ct_tensor *out) {
  return produce(out, [&] { return at::matmul(unwrap(a), unwrap(b)); });
}

ct_status ct_sum(ct_tensor a, const int64_t *axes, int32_t count, ct_tensor *out) {
  return produce(out, [&] { return at::sum(unwrap(a), array(axes, count)); });
}

ct_status ct_mean(ct_tensor a, const int64_t *axes, int32_t count, ct_tensor *out) {
  return produce(out, [&] { return at::mean(unwrap(a), array(axes, count)); });
}

ct_status ct_norm(ct_tensor a, ct_tensor *out) {
  return produce(out, [&] { return at::linalg_vector_norm(unwrap(a)); });
}

ct_status ct_all_finite(ct_tensor a, bool *out) {
  return guarded([&] { *out = at::all(at::isfinite(unwrap(a))).item<bool>(); });
}

ct_status ct_item(ct_tensor a, double *out) {
  return guarded([&] { *out = unwrap(a).item().to<double>(); });
}
