// Group normalisation, and the nonlinearity after it in the same passes over the data.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <cmath>
#include <numeric>

#include "internal.h"
#include "loops.h"

using namespace ctorch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// libtorch normalises images in channels-last order group by group, with one number at a time, which
// takes longer than the convolutions of a small network. Here a row holds as many whole pixels as
// fill whole vectors, and all its channels are taken at once.

namespace {

/// A sample's elements as rows of `width` floats, which are vectors of whole pixels.
struct Rows {
  int64_t batch, channels, groups, width, count;

  Rows(const at::Tensor &input, int64_t groups)
      : batch(input.size(0)), channels(input.size(1)), groups(groups),
        width(std::lcm(channels, kWidth)),
        count(input.size(2) * input.size(3) * channels / width) {}

  /// Whether a sample is whole rows, few enough floats wide.
  static bool fit(const at::Tensor &input) {
    if (input.dim() != 4 || input.scalar_type() != at::kFloat || !input.is_cpu()) return false;
    if (!input.is_contiguous(at::MemoryFormat::ChannelsLast) || input.numel() == 0) return false;
    int64_t channels = input.size(1), width = std::lcm(channels, kWidth);
    return input.size(2) * input.size(3) * channels % width == 0 && width <= kLimit;
  }

  int64_t elements() const { return count * width; }
  int64_t group(int64_t lane) const { return lane % channels / (channels / groups); }

  static constexpr int64_t kLimit = 4096;
};

/// Sums over rows are made of sums over so many.
constexpr int64_t kRowsOfSum = 64;

/// The sum over rows of what `add(row, sum)` adds for each.
template <class Add>
INLINE void sum_rows(int64_t count, float *out, Add &&add) {
  Vector total{};
  for (int64_t start = 0; start < count; start += kRowsOfSum) {
    int64_t end = std::min(count, start + kRowsOfSum);
    Vector even{}, odd{};
    int64_t row = start;
    for (; row + 1 < end; row += 2) {
      add(row, even);
      add(row + 1, odd);
    }
    if (row < end) add(row, even);
    total += even + odd;
  }
  vector(out) = total;
}

/// Adds up the lanes of each group, in float64, and divides: [groups].
INLINE void average_groups(const Rows &rows, const float *lanes, double *groups) {
  for (int64_t group = 0; group < rows.groups; group++) groups[group] = 0;
  for (int64_t lane = 0; lane < rows.width; lane++) groups[rows.group(lane)] += lanes[lane];
  double scale = double(rows.groups) / double(rows.elements());
  for (int64_t group = 0; group < rows.groups; group++) groups[group] *= scale;
}

/// One sample forward; writes the groups' means and 1 / deviations.
FOR_EACH_PROCESSOR
void normalize_sample(const Rows &rows, const float *x, const float *weight, const float *bias,
                      double eps, bool silu, float *y, float *means, float *inverses) {
  alignas(64) std::array<float, Rows::kLimit> scales, shifts;
  std::array<double, Rows::kLimit> groups;
  for (int64_t lane = 0; lane < rows.width; lane += kWidth) {
    sum_rows(rows.count, &shifts[lane], [&](int64_t row, Vector &sum) ALWAYS_INLINE {
      sum += vector(x + row * rows.width + lane);
    });
  }
  average_groups(rows, shifts.data(), groups.data());
  for (int64_t group = 0; group < rows.groups; group++) means[group] = float(groups[group]);
  for (int64_t lane = 0; lane < rows.width; lane++) shifts[lane] = means[rows.group(lane)];

  for (int64_t lane = 0; lane < rows.width; lane += kWidth) {
    const Vector mean = vector(&shifts[lane]);
    sum_rows(rows.count, &scales[lane], [&](int64_t row, Vector &sum) ALWAYS_INLINE {
      const Vector difference = vector(x + row * rows.width + lane) - mean;
      sum += difference * difference;
    });
  }
  average_groups(rows, scales.data(), groups.data());
  for (int64_t group = 0; group < rows.groups; group++) {
    inverses[group] = float(1 / std::sqrt(groups[group] + eps));
  }
  for (int64_t lane = 0; lane < rows.width; lane++) {
    int64_t channel = lane % rows.channels;
    scales[lane] = inverses[rows.group(lane)] * weight[channel];
    shifts[lane] = bias[channel] - shifts[lane] * scales[lane];
  }

  for (int64_t row = 0; row < rows.count; row++) {
    const float *from = x + row * rows.width;
    float *to = y + row * rows.width;
    for (int64_t lane = 0; lane < rows.width; lane += kWidth) {
      Vector z = vector(from + lane) * vector(&scales[lane]) + vector(&shifts[lane]);
      if (silu) {
        Vector s;
        set_sigmoid(z, s);
        z *= s;
      }
      vector(to + lane) = z;
    }
  }
}

/// One sample backward: the gradient of x, and this sample's part of those of weight and bias.
FOR_EACH_PROCESSOR
void differentiate_sample(const Rows &rows, const float *dy, const float *x, const float *weight,
                          const float *bias, const float *means, const float *inverses, bool silu,
                          float *dx, float *dweight, float *dbias) {
  alignas(64) std::array<float, Rows::kLimit> scales, shifts, sums, products;
  std::array<double, Rows::kLimit> group_sums, group_products;
  for (int64_t lane = 0; lane < rows.width; lane++) {
    int64_t group = rows.group(lane), channel = lane % rows.channels;
    scales[lane] = inverses[group] * weight[channel];
    shifts[lane] = bias[channel] - means[group] * scales[lane];
  }
  // The gradient of what enters the nonlinearity goes to dx for a while.
  for (int64_t lane = 0; lane < rows.width; lane += kWidth) {
    const Vector scale = vector(&scales[lane]), shift = vector(&shifts[lane]);
    sum_rows(rows.count, &sums[lane], [&](int64_t row, Vector &sum) ALWAYS_INLINE {
      int64_t place = row * rows.width + lane;
      Vector dz = vector(dy + place);
      if (silu) {
        const Vector z = vector(x + place) * scale + shift;
        Vector s;
        set_sigmoid(z, s);
        dz *= s * (1.0f + z * (1.0f - s));
      }
      vector(dx + place) = dz;
      sum += dz;
    });
    // With x less its mean, which rounds less than with x.
    Vector mean{};
    for (int64_t i = 0; i < kWidth; i++) mean[i] = means[rows.group(lane + i)];
    sum_rows(rows.count, &products[lane], [&](int64_t row, Vector &sum) ALWAYS_INLINE {
      int64_t place = row * rows.width + lane;
      sum += vector(dx + place) * (vector(x + place) - mean);
    });
  }
  for (int64_t channel = 0; channel < rows.channels; channel++) dweight[channel] = dbias[channel] = 0;
  for (int64_t lane = 0; lane < rows.width; lane++) {
    int64_t channel = lane % rows.channels;
    products[lane] *= inverses[rows.group(lane)];
    dweight[channel] += products[lane];
    dbias[channel] += sums[lane];
    products[lane] *= weight[channel];
    sums[lane] *= weight[channel];
  }
  average_groups(rows, sums.data(), group_sums.data());
  average_groups(rows, products.data(), group_products.data());
  // dx = (weight dz - mean(weight dz) - xhat mean(weight dz xhat)) / deviation
  for (int64_t lane = 0; lane < rows.width; lane++) {
    int64_t group = rows.group(lane);
    double inverse = inverses[group], product = inverse * inverse * group_products[group];
    products[lane] = float(-product);
    sums[lane] = float(product * means[group] - inverse * group_sums[group]);
  }
  for (int64_t row = 0; row < rows.count; row++) {
    const float *from = x + row * rows.width;
    float *to = dx + row * rows.width;
    for (int64_t lane = 0; lane < rows.width; lane += kWidth) {
      vector(to + lane) = vector(to + lane) * vector(&scales[lane]) +
                          vector(from + lane) * vector(&products[lane]) + vector(&sums[lane]);
    }
  }
}

struct GroupNorm : torch::autograd::Function<GroupNorm> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &input, int64_t group_count,
                            const at::Tensor &weight, const at::Tensor &bias, double eps, bool silu) {
    Rows rows(input, group_count);
    at::Tensor output = at::empty_like(input, at::MemoryFormat::ChannelsLast);
    at::Tensor means = at::empty({rows.batch, group_count}, input.options());
    at::Tensor inverses = at::empty({rows.batch, group_count}, input.options());
    auto *x = input.const_data_ptr<float>(), *w = weight.const_data_ptr<float>(),
         *b = bias.const_data_ptr<float>();
    auto *y = output.mutable_data_ptr<float>(), *m = means.mutable_data_ptr<float>(),
         *i = inverses.mutable_data_ptr<float>();
    in_parallel(rows.batch, [&](int64_t n) {
      int64_t at = n * rows.elements();
      normalize_sample(rows, x + at, w, b, eps, silu, y + at, m + n * group_count,
                       i + n * group_count);
    });
    context->save_for_backward({input, weight, bias, means, inverses});
    context->saved_data["groups"] = group_count;
    context->saved_data["silu"] = silu;
    return output;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    const at::Tensor &input = saved[0];
    int64_t group_count = context->saved_data["groups"].toInt();
    bool silu = context->saved_data["silu"].toBool();
    Rows rows(input, group_count);
    at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor result = at::empty_like(input, at::MemoryFormat::ChannelsLast);
    at::Tensor weights = at::empty({rows.batch, rows.channels}, input.options());
    at::Tensor biases = at::empty({rows.batch, rows.channels}, input.options());
    auto *dy = gradient.const_data_ptr<float>(), *x = input.const_data_ptr<float>(),
         *w = saved[1].const_data_ptr<float>(), *b = saved[2].const_data_ptr<float>(),
         *m = saved[3].const_data_ptr<float>(), *i = saved[4].const_data_ptr<float>();
    auto *dx = result.mutable_data_ptr<float>(), *dw = weights.mutable_data_ptr<float>(),
         *db = biases.mutable_data_ptr<float>();
    in_parallel(rows.batch, [&](int64_t n) {
      int64_t at = n * rows.elements();
      differentiate_sample(rows, dy + at, x + at, w, b, m + n * group_count, i + n * group_count,
                           silu, dx + at, dw + n * rows.channels, db + n * rows.channels);
    });
    return {result, at::Tensor(), weights.sum(0), biases.sum(0), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

ct_status ct_group_norm(ct_tensor input, int64_t group_count, ct_tensor weight, ct_tensor bias,
                        double eps, bool silu, ct_tensor *out) {
  return produce(out, [&] {
    const at::Tensor &x = unwrap(input), &w = unwrap(weight), &b = unwrap(bias);
    bool is_plain = w.scalar_type() == at::kFloat && w.is_contiguous() && b.is_contiguous();
    if (Rows::fit(x) && is_plain && x.size(1) % group_count == 0 && w.numel() == x.size(1)) {
      return GroupNorm::apply(x, group_count, w, b, eps, silu);
    }
    at::Tensor y = at::group_norm(x, group_count, w, b, eps);
    return silu ? at::silu(y) : y;
  });
}
