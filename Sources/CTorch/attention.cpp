// Attention, with loops of our own for many small heads.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <cmath>
#include <vector>

#include "internal.h"
#include "loops.h"

using namespace ctorch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Shapes: b batch, h heads, S queries, L keys, d features of a head.
//
// libtorch hands blocks of each head to a matrix product, whose overhead is most of the time where a
// head has a few features. Here all of one head's keys and values stay in the nearest cache, and four
// queries meet 32 keys at a time.

namespace {

/// A head's features, and what fills them up to a vector, 0.
constexpr int64_t kFeatures = kWidth;

/// [b, h, length, d] whatever its strides, but for the last, which is 1.
struct Heads {
  const float *data;
  int64_t batch_stride, head_stride, row_stride;

  explicit Heads(const at::Tensor &tensor)
      : data(tensor.const_data_ptr<float>()), batch_stride(tensor.stride(0)),
        head_stride(tensor.stride(1)), row_stride(tensor.stride(2)) {}

  const float *head(int64_t batch, int64_t head) const {
    return data + batch * batch_stride + head * head_stride;
  }
};

struct Sizes {
  int64_t batch, heads, queries, keys, features;

  Sizes(const at::Tensor &query, const at::Tensor &key)
      : batch(query.size(0)), heads(query.size(1)), queries(query.size(2)), keys(key.size(2)),
        features(query.size(3)) {}

  /// Keys in whole pairs of vectors.
  int64_t lanes() const { return (keys + 2 * kWidth - 1) / (2 * kWidth) * (2 * kWidth); }
  float scale() const { return 1 / std::sqrt(float(features)); }
};

/// Scores of lanes that have no key: so low that their weight vanishes.
constexpr float kNowhere = -1e30f;

/// Keys or values of a head: a row for each feature, and a padded row for each key.
struct Columns {
  std::vector<float> by_feature, by_key;

  explicit Columns(const Sizes &sizes)
      : by_feature(kFeatures * sizes.lanes()), by_key(sizes.lanes() * kFeatures) {}

  ALWAYS_INLINE void read(const Sizes &sizes, const float *head, int64_t row_stride) {
    for (int64_t key = 0; key < sizes.keys; key++) {
      for (int64_t i = 0; i < sizes.features; i++) {
        float value = head[key * row_stride + i];
        by_feature[i * sizes.lanes() + key] = value;
        by_key[key * kFeatures + i] = value;
      }
    }
  }
};

/// Queries that are taken at once: each key that is read meets all of them.
constexpr int64_t kRows = 4;

/// Some rows of features; those that are not there are 0.
typedef float Tile[kRows][kFeatures];

template <int64_t features>
INLINE void read(Tile &tile, const float *rows, int64_t stride, int64_t count, float scale) {
  for (int64_t row = 0; row < kRows; row++) {
    if (row < count) {
      for (int64_t i = 0; i < features; i++) tile[row][i] = rows[row * stride + i] * scale;
    } else {
      for (int64_t i = 0; i < features; i++) tile[row][i] = 0;
    }
  }
}

/// Products of a tile's rows with each lane's features: [kRows][lanes].
template <int64_t features>
INLINE void multiply(const Sizes &sizes, const Tile &tile, const float *by_feature, float *out) {
  int64_t lanes = sizes.lanes();
  for (int64_t lane = 0; lane < lanes; lane += 2 * kWidth) {
    Vector sums[kRows][2]{};
    for (int64_t i = 0; i < features; i++) {
      const Vector one = vector(by_feature + i * lanes + lane),
                   other = vector(by_feature + i * lanes + lane + kWidth);
      for (int64_t row = 0; row < kRows; row++) {
        sums[row][0] += tile[row][i] * one;
        sums[row][1] += tile[row][i] * other;
      }
    }
    for (int64_t row = 0; row < kRows; row++) {
      vector(out + row * lanes + lane) = sums[row][0];
      vector(out + row * lanes + lane + kWidth) = sums[row][1];
    }
  }
}

/// For each of kRows rows of weights, the sum of the keys' rows times their weights.
INLINE void combine(const Sizes &sizes, const float *weights, const float *by_key, Vector *out) {
  int64_t lanes = sizes.lanes();
  Vector sums[kRows][2]{};
  for (int64_t key = 0; key < lanes; key += 2) {
    const Vector one = vector(by_key + key * kFeatures), other = vector(by_key + (key + 1) * kFeatures);
    for (int64_t row = 0; row < kRows; row++) {
      sums[row][0] += weights[row * lanes + key] * one;
      sums[row][1] += weights[row * lanes + key + 1] * other;
    }
  }
  for (int64_t row = 0; row < kRows; row++) out[row] = sums[row][0] + sums[row][1];
}

/// Each lane's neighbour at a distance of 1, 2, 4 or 8.
#define SHUFFLED(value, distance)                                                                  \
  __builtin_shufflevector(value, value, 0 ^ distance, 1 ^ distance, 2 ^ distance, 3 ^ distance,    \
                          4 ^ distance, 5 ^ distance, 6 ^ distance, 7 ^ distance, 8 ^ distance,    \
                          9 ^ distance, 10 ^ distance, 11 ^ distance, 12 ^ distance, 13 ^ distance, \
                          14 ^ distance, 15 ^ distance)

INLINE void raise(Vector &value, const Vector &other) { value = value < other ? other : value; }

INLINE float highest_lane(Vector &value) {
  raise(value, SHUFFLED(value, 8));
  raise(value, SHUFFLED(value, 4));
  raise(value, SHUFFLED(value, 2));
  raise(value, SHUFFLED(value, 1));
  return value[0];
}

INLINE float sum_of_lanes(Vector &value) {
  value += SHUFFLED(value, 8);
  value += SHUFFLED(value, 4);
  value += SHUFFLED(value, 2);
  value += SHUFFLED(value, 1);
  return value[0];
}

/// A head forward. Of each row it keeps the highest score and 1 over the sum of the exponentials of
/// the others less it.
template <int64_t features>
INLINE void attend_with(const Sizes &sizes, const float *query, int64_t query_stride, const float *keys,
            const float *values, float *scores, float *output, int64_t output_stride, float *tops,
            float *inverses) {
  int64_t lanes = sizes.lanes();
  Tile tile;
  for (int64_t start = 0; start < sizes.queries; start += kRows) {
    int64_t count = std::min(kRows, sizes.queries - start);
    read<features>(tile, query + start * query_stride, query_stride, count, sizes.scale());
    multiply<features>(sizes, tile, keys, scores);
    float inverse[kRows];
    for (int64_t row = 0; row < kRows; row++) {
      float *own = scores + row * lanes;
      for (int64_t lane = sizes.keys; lane < lanes; lane++) own[lane] = kNowhere;
      Vector highest = vector(own);
      for (int64_t lane = kWidth; lane < lanes; lane += kWidth) {
        const Vector next = vector(own + lane);
        raise(highest, next);
      }
      float top = highest_lane(highest);
      Vector sums{};
      for (int64_t lane = 0; lane < lanes; lane += kWidth) {
        Vector weight = vector(own + lane) - top;
        exponentiate(weight);
        vector(own + lane) = weight;
        sums += weight;
      }
      inverse[row] = 1 / sum_of_lanes(sums);
      if (row < count) {
        tops[start + row] = top;
        inverses[start + row] = inverse[row];
      }
    }
    Vector results[kRows];
    combine(sizes, scores, values, results);
    for (int64_t row = 0; row < count; row++) {
      float *to = output + (start + row) * output_stride;
      for (int64_t i = 0; i < features; i++) to[i] = results[row][i] * inverse[row];
    }
  }
}

/// What a head's backward pass reads.
struct HeadGradient {
  const float *query, *output, *gradient;
  int64_t query_stride, output_stride, gradient_stride;
  const float *tops, *inverses;
  const Columns &keys, &values;
};

/// A head backward: rows of the queries' gradient, and those of keys and values by feature.
template <int64_t features>
INLINE void attend_backward_with(const Sizes &sizes, const HeadGradient &head, float *weights, float *slopes,
                     float *query_gradient, int64_t query_gradient_stride, float *key_gradient,
                     float *value_gradient) {
  int64_t lanes = sizes.lanes();
  for (int64_t start = 0; start < sizes.queries; start += kRows) {
    int64_t count = std::min(kRows, sizes.queries - start);
    // Rows that are not there have no slopes: their gradient is 0.
    Tile query, gradient;
    read<features>(query, head.query + start * head.query_stride, head.query_stride, count,
               sizes.scale());
    read<features>(gradient, head.gradient + start * head.gradient_stride, head.gradient_stride, count, 1);
    multiply<features>(sizes, query, head.keys.by_feature.data(), weights);
    multiply<features>(sizes, gradient, head.values.by_feature.data(), slopes);
    for (int64_t row = 0; row < kRows; row++) {
      float *own = weights + row * lanes, *slope = slopes + row * lanes;
      for (int64_t lane = sizes.keys; lane < lanes; lane++) own[lane] = kNowhere;
      float mean = 0, top = 0, inverse = 0;
      if (row < count) {
        const float *output = head.output + (start + row) * head.output_stride;
        for (int64_t i = 0; i < features; i++) mean += gradient[row][i] * output[i];
        top = head.tops[start + row];
        inverse = head.inverses[start + row];
      }
      for (int64_t lane = 0; lane < lanes; lane += kWidth) {
        Vector weight = vector(own + lane) - top;
        exponentiate(weight);
        weight *= inverse;
        vector(own + lane) = weight;
        vector(slope + lane) = weight * (vector(slope + lane) - mean);
      }
    }
    for (int64_t i = 0; i < features; i++) {
      for (int64_t lane = 0; lane < lanes; lane += kWidth) {
        Vector of_key = vector(key_gradient + i * lanes + lane),
               of_value = vector(value_gradient + i * lanes + lane);
        for (int64_t row = 0; row < kRows; row++) {
          of_key += query[row][i] * vector(slopes + row * lanes + lane);
          of_value += gradient[row][i] * vector(weights + row * lanes + lane);
        }
        vector(key_gradient + i * lanes + lane) = of_key;
        vector(value_gradient + i * lanes + lane) = of_value;
      }
    }
    Vector results[kRows];
    combine(sizes, slopes, head.keys.by_key.data(), results);
    for (int64_t row = 0; row < count; row++) {
      float *to = query_gradient + (start + row) * query_gradient_stride;
      for (int64_t i = 0; i < features; i++) to[i] = results[row][i] * sizes.scale();
    }
  }
}

/// Runs a function that is made for each number of features that heads may have.
#define FOR_FEATURES(function, ...)                       \
  switch (sizes.features) {                               \
    case 4: return function<4>(sizes, __VA_ARGS__);       \
    case 8: return function<8>(sizes, __VA_ARGS__);       \
    case 12: return function<12>(sizes, __VA_ARGS__);     \
    default: return function<16>(sizes, __VA_ARGS__);     \
  }

FOR_EACH_PROCESSOR
void attend(const Sizes &sizes, const float *query, int64_t query_stride, const float *keys,
            const float *values, float *scores, float *output, int64_t output_stride, float *tops,
            float *inverses) {
  FOR_FEATURES(attend_with, query, query_stride, keys, values, scores, output, output_stride, tops,
               inverses)
}

FOR_EACH_PROCESSOR
void attend_backward(const Sizes &sizes, const HeadGradient &head, float *weights, float *slopes,
                     float *query_gradient, int64_t query_gradient_stride, float *key_gradient,
                     float *value_gradient) {
  FOR_FEATURES(attend_backward_with, head, weights, slopes, query_gradient, query_gradient_stride,
               key_gradient, value_gradient)
}

/// [b, h, length, d] whose heads lie side by side in memory, as the layer after attention wants them.
at::Tensor empty_heads(const at::Tensor &like, int64_t length) {
  return at::empty({like.size(0), length, like.size(1), like.size(3)}, like.options())
      .permute({0, 2, 1, 3});
}

at::Tensor with_whole_rows(const at::Tensor &tensor) {
  return tensor.stride(3) == 1 ? tensor : tensor.contiguous();
}

struct SmallHeads : torch::autograd::Function<SmallHeads> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &query_, const at::Tensor &key_,
                            const at::Tensor &value_) {
    at::Tensor query = with_whole_rows(query_), key = with_whole_rows(key_),
               value = with_whole_rows(value_);
    Sizes sizes(query, key);
    at::Tensor output = empty_heads(query, sizes.queries);
    at::Tensor tops = at::empty({sizes.batch, sizes.heads, sizes.queries}, query.options());
    at::Tensor inverses = at::empty_like(tops);
    Heads queries(query), keys(key), values(value), outputs(output);
    float *to = output.mutable_data_ptr<float>(), *top = tops.mutable_data_ptr<float>(),
          *inverse = inverses.mutable_data_ptr<float>();
    in_parallel(sizes.batch, [&](int64_t batch) {
      Columns key_columns(sizes), value_columns(sizes);
      std::vector<float> scores(kRows * sizes.lanes());
      for (int64_t head = 0; head < sizes.heads; head++) {
        key_columns.read(sizes, keys.head(batch, head), keys.row_stride);
        value_columns.read(sizes, values.head(batch, head), values.row_stride);
        attend(sizes, queries.head(batch, head), queries.row_stride, key_columns.by_feature.data(),
               value_columns.by_key.data(), scores.data(),
               to + batch * outputs.batch_stride + head * outputs.head_stride, outputs.row_stride,
               top + (batch * sizes.heads + head) * sizes.queries,
               inverse + (batch * sizes.heads + head) * sizes.queries);
      }
    });
    context->save_for_backward({query, key, value, output, tops, inverses});
    return output;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    const at::Tensor &query = saved[0], &key = saved[1], &value = saved[2];
    at::Tensor gradient = with_whole_rows(gradients[0]);
    Sizes sizes(query, key);
    at::Tensor query_gradient = empty_heads(query, sizes.queries),
               key_gradient = empty_heads(key, sizes.keys),
               value_gradient = empty_heads(value, sizes.keys);
    Heads queries(query), keys(key), values(value), outputs(saved[3]), given(gradient),
        query_places(query_gradient), key_places(key_gradient);
    const float *tops = saved[4].const_data_ptr<float>(),
                *inverses = saved[5].const_data_ptr<float>();
    float *to_query = query_gradient.mutable_data_ptr<float>(),
          *to_key = key_gradient.mutable_data_ptr<float>(),
          *to_value = value_gradient.mutable_data_ptr<float>();
    in_parallel(sizes.batch, [&](int64_t batch) {
      int64_t lanes = sizes.lanes();
      Columns key_columns(sizes), value_columns(sizes);
      std::vector<float> weights(kRows * lanes), slopes(kRows * lanes), of_keys, of_values;
      for (int64_t head = 0; head < sizes.heads; head++) {
        key_columns.read(sizes, keys.head(batch, head), keys.row_stride);
        value_columns.read(sizes, values.head(batch, head), values.row_stride);
        of_keys.assign(sizes.features * lanes, 0);
        of_values.assign(sizes.features * lanes, 0);
        HeadGradient parts{queries.head(batch, head), outputs.head(batch, head),
                           given.head(batch, head), queries.row_stride, outputs.row_stride,
                           given.row_stride, tops + (batch * sizes.heads + head) * sizes.queries,
                           inverses + (batch * sizes.heads + head) * sizes.queries, key_columns,
                           value_columns};
        attend_backward(sizes, parts, weights.data(), slopes.data(),
                        to_query + batch * query_places.batch_stride + head * query_places.head_stride,
                        query_places.row_stride, of_keys.data(), of_values.data());
        int64_t start = batch * key_places.batch_stride + head * key_places.head_stride;
        for (int64_t row = 0; row < sizes.keys; row++) {
          for (int64_t i = 0; i < sizes.features; i++) {
            to_key[start + row * key_places.row_stride + i] = of_keys[i * lanes + row];
            to_value[start + row * key_places.row_stride + i] = of_values[i * lanes + row];
          }
        }
      }
    });
    return {query_gradient, key_gradient, value_gradient};
  }
};

/// Whether one head's keys and values fit in the nearest cache, and 1 to 4 quarters of a vector hold
/// its features.
bool has_small_heads(const at::Tensor &query, const at::Tensor &key, const at::Tensor &value) {
  for (const at::Tensor *tensor : {&query, &key, &value}) {
    if (tensor->dim() != 4 || tensor->scalar_type() != at::kFloat || !tensor->is_cpu()) return false;
  }
  bool is_small = query.size(3) % 4 == 0 && query.size(3) <= kFeatures;
  return is_small && key.size(2) <= 256 && key.numel() > 0 && query.numel() > 0 &&
         key.size(0) == query.size(0) && key.size(1) == query.size(1) &&
         key.size(3) == query.size(3) && value.sizes() == key.sizes();
}

}  // namespace

ct_status ct_attention(ct_tensor query, ct_tensor key, ct_tensor value, bool causal,
                       ct_tensor *out) {
  return produce(out, [&] {
    const at::Tensor &q = unwrap(query), &k = unwrap(key), &v = unwrap(value);
    if (!causal && has_small_heads(q, k, v)) return SmallHeads::apply(q, k, v);
    return at::scaled_dot_product_attention(q, k, v, {}, 0.0, causal);
  });
}
