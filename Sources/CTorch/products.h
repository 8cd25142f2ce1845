// Products of matrices with few columns, for loops that have the matrices at hand.
#pragma once

#include <cstdint>

#include "internal.h"
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

/// Elements of a matrix [rows, columns] that lie so far apart.
struct Matrix {
  const float *data;
  int64_t row_stride, column_stride;
};

/// out = start + a b: a [rows, depth], b [depth, columns] and out [rows, columns] one row after the
/// other. A `start` without data is 0.
struct Product {
  int64_t rows, depth, columns;
  Matrix a;
  const float *b;
  Matrix start;
  float *out;
};

template <int64_t row_count, int64_t octets>
INLINE void multiply_rows(const Product &product, int64_t row, int64_t column) {
  Octet sums[row_count][octets];
  for (int64_t i = 0; i < row_count; i++) {
    const float *start = product.start.data + (row + i) * product.start.row_stride + column;
    for (int64_t j = 0; j < octets; j++) {
      sums[i][j] = product.start.data == nullptr ? Octet{} : Octet(octet(start + j * kLanes));
    }
  }
  const float *factors = product.a.data + row * product.a.row_stride, *line = product.b + column;
  for (int64_t step = 0; step < product.depth; step++) {
    for (int64_t i = 0; i < row_count; i++) {
      const float factor = factors[i * product.a.row_stride];
      for (int64_t j = 0; j < octets; j++) sums[i][j] += factor * octet(line + j * kLanes);
    }
    factors += product.a.column_stride;
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

/// Rows [..., m] times weight [k, m] transposed, plus bias [k]: [..., k] (linear.cpp).
at::Tensor linear(const at::Tensor &input, const at::Tensor &weight,
                  const std::optional<at::Tensor> &bias);

}  // namespace ctorch
