// Winograd's minimal filtering: 4 by 4 outputs of a convolution with a kernel of 3 by 3 come of 36
// products for each pair of channels, where the definition takes 144.
//
// Images are cut into tiles of so many outputs, each made of a patch of 6 by 6 inputs. A patch, a
// tile and a kernel are polynomials in two variables; they are multiplied by their values at 6 by 6
// points, and at each point the sum over channels is a matrix product.
//
// Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks". The points are ours:
// 0, +-3/4, +-3/2 and infinity round to 8e-7 of a result where the paper's 0, +-1, +-2 do to 1.6e-6
// and the definition to 1.4e-7 (LOG.md).
#pragma once

#include <cstdint>

#include "products.h"

namespace ctorch {

constexpr int64_t kTile = 4, kKernel = 3, kPatch = kTile + kKernel - 1;
constexpr int64_t kPoints = kPatch * kPatch;

// The points other than 0 and infinity are +-kP and +-kQ.
constexpr float kP = 0.75f, kQ = 1.5f, kP2 = kP * kP, kQ2 = kQ * kQ;
// The products of a point's distances from the others.
constexpr float kScale0 = 1 / (kP2 * kQ2), kScaleP = 1 / (2 * kP2 * (kP2 - kQ2)),
                kScaleQ = 1 / (2 * kQ2 * (kQ2 - kP2));

// In one dimension, each from vectors `stride` apart to adjacent ones.

/// A patch's 6 inputs to their values at the points.
INLINE void patch_to_points(const Octet *x, int64_t stride, Octet *v) {
  const Octet &x0 = x[0], &x1 = x[stride], &x2 = x[2 * stride], &x3 = x[3 * stride],
              &x4 = x[4 * stride], &x5 = x[5 * stride];
  const Octet even_p = x4 - kQ2 * x2, odd_p = x3 - kQ2 * x1;
  const Octet even_q = x4 - kP2 * x2, odd_q = x3 - kP2 * x1;
  v[0] = x4 - (kP2 + kQ2) * x2 + kP2 * kQ2 * x0;
  v[1] = even_p + kP * odd_p;
  v[2] = even_p - kP * odd_p;
  v[3] = even_q + kQ * odd_q;
  v[4] = even_q - kQ * odd_q;
  v[5] = x5 - (kP2 + kQ2) * x3 + kP2 * kQ2 * x1;
}

/// Products at the points to a tile's 4 outputs.
INLINE void points_to_tile(const Octet *m, int64_t stride, Octet *y) {
  const Octet &p = m[stride], &minus_p = m[2 * stride], &q = m[3 * stride],
              &minus_q = m[4 * stride];
  const Octet even_p = p + minus_p, odd_p = p - minus_p, even_q = q + minus_q, odd_q = q - minus_q;
  y[0] = m[0] + even_p + even_q;
  y[1] = kP * odd_p + kQ * odd_q;
  y[2] = kP2 * even_p + kQ2 * even_q;
  y[3] = kP2 * kP * odd_p + kQ2 * kQ * odd_q + m[5 * stride];
}

/// The adjoint of `points_to_tile`.
INLINE void tile_to_points(const Octet *y, int64_t stride, Octet *m) {
  const Octet &y0 = y[0], &y1 = y[stride], &y2 = y[2 * stride], &y3 = y[3 * stride];
  const Octet even_p = y0 + kP2 * y2, odd_p = kP * y1 + kP2 * kP * y3;
  const Octet even_q = y0 + kQ2 * y2, odd_q = kQ * y1 + kQ2 * kQ * y3;
  m[0] = y0;
  m[1] = even_p + odd_p;
  m[2] = even_p - odd_p;
  m[3] = even_q + odd_q;
  m[4] = even_q - odd_q;
  m[5] = y3;
}

/// A kernel's 3 weights to their values at the points.
INLINE void kernel_to_points(const Octet *w, int64_t stride, Octet *u) {
  const Octet &w0 = w[0], &w1 = w[stride], &w2 = w[2 * stride];
  const Octet even_p = w0 + kP2 * w2, even_q = w0 + kQ2 * w2;
  u[0] = kScale0 * w0;
  u[1] = kScaleP * (even_p + kP * w1);
  u[2] = kScaleP * (even_p - kP * w1);
  u[3] = kScaleQ * (even_q + kQ * w1);
  u[4] = kScaleQ * (even_q - kQ * w1);
  u[5] = w2;
}

/// The adjoint of `kernel_to_points`.
INLINE void points_to_kernel(const Octet *u, int64_t stride, Octet *w) {
  const Octet &p = u[stride], &minus_p = u[2 * stride], &q = u[3 * stride],
              &minus_q = u[4 * stride];
  const Octet even_p = kScaleP * (p + minus_p), even_q = kScaleQ * (q + minus_q);
  w[0] = kScale0 * u[0] + even_p + even_q;
  w[1] = kScaleP * kP * (p - minus_p) + kScaleQ * kQ * (q - minus_q);
  w[2] = kP2 * even_p + kQ2 * even_q + u[5 * stride];
}

/// One of the maps above, to hand over: a function could not be part of its caller's loop.
#define MAP(name) \
  [](const Octet *from, int64_t stride, Octet *to) ALWAYS_INLINE { name(from, stride, to); }

/// Applies a map of `from` vectors to `to` along both axes of a square.
template <int64_t from, int64_t to, class Map>
INLINE void along_both_axes(const Octet *square, Octet *out, Map &&map) {
  Octet turned[from * to];
  for (int64_t column = 0; column < from; column++) {
    map(square + column, from, turned + column * to);
  }
  for (int64_t row = 0; row < to; row++) map(turned + row, to, out + row * to);
}

}  // namespace ctorch
