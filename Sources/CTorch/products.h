// What linear layers and convolutions of our own share: products of matrices with few columns, and
// what a backward pass needs.
#pragma once

#include <torch/csrc/autograd/custom_function.h>

#include <cstdint>
#include <optional>

#include "loops.h"

namespace ctorch {

// Half as wide as a Vector: 24 columns are whole octets.
constexpr int64_t kLanes = 8;
typedef float Octet __attribute__((vector_size(kLanes * 4)));
typedef float OctetMemory __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

INLINE const OctetMemory &octet(const float *from) {
  return *reinterpret_cast<const OctetMemory *>(from);
}
INLINE OctetMemory &octet(float *to) { return *reinterpret_cast<OctetMemory *>(to); }

/// out = start + a b: b [depth, columns] and out [rows, columns] one row after the other, a [rows,
/// depth] and start [rows, columns] with strides of their own. A start of nothing is 0.
struct Product {
  int64_t rows, depth, columns;
  const float *a;
  int64_t row_stride, depth_stride;
  const float *b;
  const float *start;
  int64_t start_stride;
  float *out;
};

template <int64_t row_count, int64_t octets>
INLINE void multiply_rows(const Product &product, int64_t row, int64_t column) {
  Octet sums[row_count][octets]{};
  if (product.start != nullptr) {
    for (int64_t i = 0; i < row_count; i++) {
      const float *start = product.start + (row + i) * product.start_stride + column;
      for (int64_t j = 0; j < octets; j++) sums[i][j] = octet(start + j * kLanes);
    }
  }
  const float *factors = product.a + row * product.row_stride, *line = product.b + column;
  for (int64_t step = 0; step < product.depth; step++) {
    for (int64_t i = 0; i < row_count; i++) {
      const float factor = factors[i * product.row_stride];
      for (int64_t j = 0; j < octets; j++) sums[i][j] += factor * octet(line + j * kLanes);
    }
    factors += product.depth_stride;
    line += product.columns;
  }
  for (int64_t i = 0; i < row_count; i++) {
    float *to = product.out + (row + i) * product.columns + column;
    for (int64_t j = 0; j < octets; j++) octet(to + j * kLanes) = sums[i][j];
  }
}

template <int64_t row_count, int64_t octets>
INLINE void multiply_columns(const Product &product, int64_t &column) {
  for (; product.columns - column >= octets * kLanes; column += octets * kLanes) {
    int64_t row = 0;
    for (; product.rows - row >= row_count; row += row_count) {
      multiply_rows<row_count, octets>(product, row, column);
    }
    for (; row < product.rows; row++) multiply_rows<1, octets>(product, row, column);
  }
}

/// Columns must be a multiple of kLanes. A row gives the same bits whatever rows are beside it.
INLINE void multiply(const Product &product) {
  int64_t column = 0;
  multiply_columns<4, 3>(product, column);
  multiply_columns<4, 2>(product, column);
  multiply_columns<8, 1>(product, column);
}

/// Whether a bias of `count` features is as loops want it, or not there.
inline bool is_bias(const std::optional<at::Tensor> &bias, int64_t count) {
  return !bias || (is_cpu_float(*bias) && bias->is_contiguous() &&
                   bias->sizes() == at::IntArrayRef({count}));
}

/// Keeps what a product's backward pass needs: nothing is kept for weights or inputs that are frozen.
inline void save_for_product(torch::autograd::AutogradContext *context, const at::Tensor &input,
                             const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
  context->save_for_backward({weight.requires_grad() ? input : at::Tensor(),
                              input.requires_grad() ? weight : at::Tensor()});
  context->saved_data["bias"] = bias.has_value();
}

/// Whether the third input of a product wants a gradient: one that is not there has no number.
inline bool needs_bias_gradient(torch::autograd::AutogradContext *context) {
  return context->saved_data["bias"].toBool() && context->needs_input_grad(2);
}

/// Rows [..., m] times weight [k, m] transposed, plus bias [k]: [..., k] (linear.cpp).
at::Tensor linear(const at::Tensor &input, const at::Tensor &weight,
                  const std::optional<at::Tensor> &bias);

}  // namespace ctorch
