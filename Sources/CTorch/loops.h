// What loops of our own over a tensor's elements share: vectors of 16 floats, and threads.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <ATen/ops/arange.h>

#include <algorithm>
#include <cstdint>

// The loops are compiled for each of these processors, and the best is chosen at run time.
#if defined(__x86_64__)
#define FOR_EACH_PROCESSOR \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#define ALWAYS_INLINE __attribute__((always_inline))
#define INLINE static inline ALWAYS_INLINE

namespace ctorch {

constexpr int64_t kWidth = 16;
typedef float Vector __attribute__((vector_size(kWidth * 4)));
typedef int32_t Integers __attribute__((vector_size(kWidth * 4)));
// What memory holds need not be aligned.
typedef float Memory __attribute__((vector_size(kWidth * 4), aligned(4), may_alias));

// Vectors are passed by reference: by value, functions for different processors could not call.

INLINE const Memory &vector(const float *from) { return *reinterpret_cast<const Memory *>(from); }
INLINE Memory &vector(float *to) { return *reinterpret_cast<Memory *>(to); }

/// x becomes e^x, right to a unit in the last place or two, after it is moved into the range where that
/// is a finite normal number.
/// Source: S. L. Moshier, Cephes, expf.
INLINE void exponentiate(Vector &x) {
  const Vector low = Vector{} - 87.0f, high = Vector{} + 88.0f;
  x = x < low ? low : x;
  x = x > high ? high : x;
  // To the nearest integer: such a sum has no digits after the point.
  const Vector magic = Vector{} + 12582912.0f;
  const Vector sum = x * 1.44269504088896341f + magic;
  const Vector n = sum - magic;
  Vector r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // Times 2^n.
  x = (Vector)((Integers)p + ((Integers)sum << 23));
}

/// 1 / (1 + e^-x).
INLINE void set_sigmoid(const Vector &x, Vector &out) {
  out = -x;
  exponentiate(out);
  out = 1.0f / (1.0f + out);
}

/// Runs `body` for 0 to `count` on libtorch's threads. Its own parallel_for is a template, which runs
/// on one thread where it is compiled without OpenMP, as here.
template <class Body>
void in_parallel(int64_t count, Body &&body) {
  if (count == 1 || at::get_num_threads() == 1) {
    for (int64_t i = 0; i < count; i++) body(i);
    return;
  }
  at::Tensor indices = at::arange(count, at::kLong);
  auto iterator = at::TensorIteratorConfig()
                      .add_output(indices)
                      .resize_outputs(false)
                      .check_all_same_dtype(false)
                      .declare_static_dtype_and_device(at::kLong, at::kCPU)
                      .build();
  iterator.for_each(
      [&](char **data, const int64_t *strides, int64_t length) {
        for (int64_t i = 0; i < length; i++) {
          body(*reinterpret_cast<const int64_t *>(data[0] + i * strides[0]));
        }
      },
      /*grain_size=*/1);
}

/// Parts of the work, one for each thread.
inline int64_t part_count(int64_t count) { return std::min<int64_t>(count, at::get_num_threads()); }

/// Runs `body(part, first, count)` for equal parts of `count` things, of which the last may be empty.
template <class Body>
void in_parts(int64_t parts, int64_t count, Body &&body) {
  int64_t size = (count + parts - 1) / parts;
  in_parallel(parts, [&](int64_t part) {
    int64_t first = std::min(part * size, count);
    body(part, first, std::min(size, count - first));
  });
}

/// Whether loops can read a tensor's numbers.
inline bool is_cpu_float(const at::Tensor &tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == at::kFloat;
}

}  // namespace ctorch
