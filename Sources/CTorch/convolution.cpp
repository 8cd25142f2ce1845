// Convolutions, those with a kernel of 3 by 3 by loops of our own.
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "internal.h"
#include "products.h"

using namespace ctorch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Winograd's minimal filtering: 4 by 4 outputs come of 36 products for each pair of channels, where
// the definition takes 144. Images are cut into tiles of so many outputs, each made of a patch of 6 by
// 6 inputs. A patch, a tile and a kernel are polynomials in two variables; they are multiplied by
// their values at 6 by 6 points, and at each point the sum over channels is a matrix product.
//
// Shapes: n images of h rows and w columns, c channels in, k channels out; in memory [n, h, w, c] and
// [n, h, w, k]. Tiles are counted over all images, row by row.
//
// Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks". The points are ours: 0,
// +-3/4, +-3/2 and infinity round to 7e-7 of a result where the paper's 0, +-1, +-2 do to 1.5e-6 and
// the definition to 1.4e-7 (LOG.md).

namespace {

constexpr int64_t kTile = 4, kKernel = 3, kPatch = kTile + kKernel - 1, kPoints = kPatch * kPatch;

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
  const Octet &p = m[stride], &minus_p = m[2 * stride], &q = m[3 * stride], &minus_q = m[4 * stride];
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
  const Octet &p = u[stride], &minus_p = u[2 * stride], &q = u[3 * stride], &minus_q = u[4 * stride];
  const Octet even_p = kScaleP * (p + minus_p), even_q = kScaleQ * (q + minus_q);
  w[0] = kScale0 * u[0] + even_p + even_q;
  w[1] = kScaleP * kP * (p - minus_p) + kScaleQ * kQ * (q - minus_q);
  w[2] = kP2 * even_p + kQ2 * even_q + u[5 * stride];
}

/// Applies a map of `from` vectors to `to` along both axes of a square.
template <int64_t from, int64_t to, class Map>
INLINE void along_both_axes(const Octet *square, Octet *out, Map &&map) {
  Octet turned[from * to];
  for (int64_t column = 0; column < from; column++) map(square + column, from, turned + column * to);
  for (int64_t row = 0; row < to; row++) map(turned + row, to, out + row * to);
}

/// Images and the tiles that cover them.
struct Grid {
  int64_t height, width, tile_rows, tile_columns, count;

  explicit Grid(const at::Tensor &images)
      : height(images.size(2)), width(images.size(3)), tile_rows((height + kTile - 1) / kTile),
        tile_columns((width + kTile - 1) / kTile),
        count(images.size(0) * tile_rows * tile_columns) {}

  /// Where a tile lies: its image, and the row and column of its first output.
  struct Place {
    int64_t image, row, column;
  };

  ALWAYS_INLINE Place place(int64_t tile) const {
    int64_t row = tile / tile_columns;
    return {row / tile_rows, row % tile_rows * kTile, tile % tile_columns * kTile};
  }

  ALWAYS_INLINE bool contains(int64_t row, int64_t column) const {
    return row >= 0 && row < height && column >= 0 && column < width;
  }

  /// The number of a pixel of an image.
  ALWAYS_INLINE int64_t pixel(int64_t image, int64_t row, int64_t column) const {
    return (image * height + row) * width + column;
  }
};

/// Memory that nothing is written to yet.
std::unique_ptr<float[]> numbers(int64_t count) {
  return std::unique_ptr<float[]>(new float[count]);
}

/// Values at the points of a block's tiles: [tiles, channels] at each point, `stride` apart.
struct Values {
  float *data;
  int64_t stride;
};

/// Reads squares of `side` pixels, which begin `margin` before a tile, and maps them to the points.
template <int64_t side, int64_t margin, class Map>
INLINE void read_tiles(const Grid &grid, const float *images, int64_t channels, int64_t first,
                       int64_t count, const Values &out, Map &&map) {
  for (int64_t index = 0; index < count; index++) {
    auto place = grid.place(first + index);
    const float *pixels[side * side];
    for (int64_t i = 0; i < side; i++) {
      for (int64_t j = 0; j < side; j++) {
        int64_t row = place.row + i - margin, column = place.column + j - margin;
        pixels[i * side + j] = grid.contains(row, column)
                                   ? images + grid.pixel(place.image, row, column) * channels
                                   : nullptr;
      }
    }
    for (int64_t channel = 0; channel < channels; channel += kLanes) {
      Octet square[side * side], values[kPoints];
      for (int64_t i = 0; i < side * side; i++) {
        square[i] = pixels[i] == nullptr ? Octet{} : Octet(octet(pixels[i] + channel));
      }
      along_both_axes<side, kPatch>(square, values, map);
      float *to = out.data + index * channels + channel;
      for (int64_t point = 0; point < kPoints; point++) octet(to + point * out.stride) = values[point];
    }
  }
}

/// Patches of [n, h, w, c] to their values at the points.
FOR_EACH_PROCESSOR
void read_patches(const Grid &grid, const float *x, int64_t channels, int64_t first, int64_t count,
                  const Values &out) {
  read_tiles<kPatch, 1>(grid, x, channels, first, count, out,
                        [](const Octet *from, int64_t stride, Octet *to)
                            ALWAYS_INLINE { patch_to_points(from, stride, to); });
}

/// Gradients of tiles of [n, h, w, k] to those of their values at the points.
FOR_EACH_PROCESSOR
void read_outputs(const Grid &grid, const float *dy, int64_t channels, int64_t first, int64_t count,
                  const Values &out) {
  read_tiles<kTile, 0>(grid, dy, channels, first, count, out,
                       [](const Octet *from, int64_t stride, Octet *to)
                           ALWAYS_INLINE { tile_to_points(from, stride, to); });
}

/// Values at the points to tiles of [n, h, w, k], plus the bias of each channel.
FOR_EACH_PROCESSOR
void write_tiles(const Grid &grid, const Values &values, const float *bias, int64_t channels,
                 int64_t first, int64_t count, float *y) {
  for (int64_t index = 0; index < count; index++) {
    auto place = grid.place(first + index);
    for (int64_t channel = 0; channel < channels; channel += kLanes) {
      Octet square[kPoints], outputs[kTile * kTile];
      const float *from = values.data + index * channels + channel;
      for (int64_t point = 0; point < kPoints; point++) square[point] = octet(from + point * values.stride);
      along_both_axes<kPatch, kTile>(square, outputs, [](const Octet *from, int64_t stride, Octet *to)
                                                          ALWAYS_INLINE { points_to_tile(from, stride, to); });
      const Octet added = bias == nullptr ? Octet{} : Octet(octet(bias + channel));
      for (int64_t i = 0; i < kTile; i++) {
        for (int64_t j = 0; j < kTile; j++) {
          int64_t row = place.row + i, column = place.column + j;
          if (!grid.contains(row, column)) continue;
          octet(y + grid.pixel(place.image, row, column) * channels + channel) =
              outputs[i * kTile + j] + added;
        }
      }
    }
  }
}

/// An input channel's kernels of [k, c, 3, 3] to their values at the points, [kPoints, c, k]; or, for
/// the gradient of the input, an output channel's to [kPoints, k, c], turned by half a circle.
FOR_EACH_PROCESSOR
void read_kernel_row(const float *weight, int64_t k, int64_t c, bool is_turned, int64_t row,
                     float *out) {
  int64_t rows = is_turned ? k : c, columns = is_turned ? c : k;
  int64_t row_stride = (is_turned ? c : 1) * kKernel * kKernel,
          column_stride = (is_turned ? 1 : c) * kKernel * kKernel;
  for (int64_t column = 0; column < columns; column += kLanes) {
    const float *from = weight + row * row_stride + column * column_stride;
    Octet square[kKernel * kKernel], values[kPoints];
    for (int64_t i = 0; i < kKernel * kKernel; i++) {
      int64_t place = is_turned ? kKernel * kKernel - 1 - i : i;
      for (int64_t lane = 0; lane < kLanes; lane++) {
        square[i][lane] = from[lane * column_stride + place];
      }
    }
    along_both_axes<kKernel, kPatch>(square, values, [](const Octet *from, int64_t stride, Octet *to)
                                                         ALWAYS_INLINE { kernel_to_points(from, stride, to); });
    for (int64_t point = 0; point < kPoints; point++) {
      octet(out + (point * rows + row) * columns + column) = values[point];
    }
  }
}

/// An input channel's part of the gradient of values at the points, [kPoints, c, k], to that of the
/// kernels [k, c, 3, 3].
FOR_EACH_PROCESSOR
void write_kernel_row(const float *values, int64_t k, int64_t c, int64_t row, float *dweight) {
  for (int64_t column = 0; column < k; column += kLanes) {
    Octet square[kPoints], weights[kKernel * kKernel];
    for (int64_t point = 0; point < kPoints; point++) {
      square[point] = octet(values + (point * c + row) * k + column);
    }
    along_both_axes<kPatch, kKernel>(square, weights, [](const Octet *from, int64_t stride, Octet *to)
                                                          ALWAYS_INLINE { points_to_kernel(from, stride, to); });
    for (int64_t i = 0; i < kKernel * kKernel; i++) {
      for (int64_t lane = 0; lane < kLanes; lane++) {
        dweight[((column + lane) * c + row) * kKernel * kKernel + i] = weights[i][lane];
      }
    }
  }
}

/// At each point, out = a b or, where it `adds`, out + a b, of matrices as a ``Product`` has them.
FOR_EACH_PROCESSOR
void multiply_points(int64_t rows, int64_t depth, int64_t columns, const Values &a,
                     int64_t row_stride, int64_t depth_stride, const Values &b, const Values &out,
                     bool adds) {
  for (int64_t point = 0; point < kPoints; point++) {
    float *to = out.data + point * out.stride;
    multiply({rows, depth, columns, {a.data + point * a.stride, row_stride, depth_stride},
              b.data + point * b.stride, {adds ? to : nullptr, columns, 1}, to});
  }
}

/// Tiles that are taken through the points together: their values stay in the second cache where
/// channels are few, and where they are many the kernels' are read for enough tiles at once.
constexpr int64_t kBlock = 64;

/// The memory of a block of patches and of their tiles.
struct Block {
  std::unique_ptr<float[]> memory;
  Values patches, tiles;

  Block(int64_t c, int64_t k) {
    // A cache line more than a power of two: at all points a value would have the same place in the
    // first cache.
    patches.stride = kBlock * c + 2 * kLanes;
    tiles.stride = kBlock * k + 2 * kLanes;
    memory = numbers(kPoints * (patches.stride + tiles.stride));
    patches.data = memory.get();
    tiles.data = patches.data + kPoints * patches.stride;
  }
};

/// [n, c, h, w] to [n, k, h, w] with kernels [k, c, 3, 3]; or, where they are turned by half a circle,
/// the gradient [n, k, h, w] of what became [n, c, h, w] by kernels [c, k, 3, 3].
at::Tensor convolve(const at::Tensor &input, const at::Tensor &weight, bool is_turned,
                    const float *bias) {
  Grid grid(input);
  int64_t c = input.size(1), k = weight.size(is_turned ? 1 : 0);
  auto memory = numbers(kPoints * c * k);
  Values kernels{memory.get(), c * k};
  auto *w = weight.const_data_ptr<float>();
  in_parallel(c, [&](int64_t row) {
    read_kernel_row(w, weight.size(0), weight.size(1), is_turned, row, kernels.data);
  });
  at::Tensor output = at::empty({input.size(0), k, grid.height, grid.width},
                                input.options().memory_format(at::MemoryFormat::ChannelsLast));
  auto *x = input.const_data_ptr<float>();
  auto *y = output.mutable_data_ptr<float>();
  in_parts(grid.count, [&](int64_t, int64_t first, int64_t count) {
    Block block(c, k);
    for (int64_t end = first + count; first < end; first += kBlock) {
      int64_t size = std::min(kBlock, end - first);
      read_patches(grid, x, c, first, size, block.patches);
      multiply_points(size, c, k, block.patches, c, 1, kernels, block.tiles, false);
      write_tiles(grid, block.tiles, bias, k, first, size, y);
    }
  });
  return output;
}

/// The gradient of kernels [k, c, 3, 3].
at::Tensor kernel_gradient(const at::Tensor &input, const at::Tensor &gradient) {
  Grid grid(input);
  int64_t c = input.size(1), k = gradient.size(1), size = kPoints * c * k;
  auto *x = input.const_data_ptr<float>(), *dy = gradient.const_data_ptr<float>();
  std::vector<float> sums(part_count(grid.count) * size);
  in_parts(grid.count, [&](int64_t part, int64_t first, int64_t count) {
    Block block(c, k);
    for (int64_t end = first + count; first < end; first += kBlock) {
      int64_t depth = std::min(kBlock, end - first);
      read_patches(grid, x, c, first, depth, block.patches);
      read_outputs(grid, dy, k, first, depth, block.tiles);
      multiply_points(c, depth, k, block.patches, 1, c, block.tiles,
                      {sums.data() + part * size, c * k}, true);
    }
  });
  for (int64_t i = size; i < int64_t(sums.size()); i++) sums[i % size] += sums[i];
  at::Tensor result = at::empty({k, c, kKernel, kKernel}, input.options().memory_format(at::MemoryFormat::Contiguous));
  auto *dw = result.mutable_data_ptr<float>();
  in_parallel(c, [&](int64_t row) { write_kernel_row(sums.data(), k, c, row, dw); });
  return result;
}

struct Convolution : torch::autograd::Function<Convolution> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &input,
                            const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
    context->save_for_backward({input, weight});
    context->saved_data["bias"] = bias.has_value();
    return convolve(input, weight, false, bias ? bias->const_data_ptr<float>() : nullptr);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    const at::Tensor &input = saved[0], &weight = saved[1];
    at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    variable_list results(3);
    if (context->needs_input_grad(0)) results[0] = convolve(gradient, weight, true, nullptr);
    if (context->needs_input_grad(1)) results[1] = kernel_gradient(input, gradient);
    // A bias that is not there has no number either.
    bool has_bias = context->saved_data["bias"].toBool();
    if (has_bias && context->needs_input_grad(2)) results[2] = gradient.sum({0, 2, 3});
    return results;
  }
};

// Where kernels are many, an image has to have as many tiles for reading them to pay. Nothing here
// depends on the number of images: an image gives the same bits whatever it is computed with.
constexpr int64_t kMostKernelValuesPerTile = 128 << 10;

/// Whether each pixel is mapped by itself, in the order of memory.
bool is_linear(const at::Tensor &input, const at::Tensor &weight, int64_t stride, int64_t padding) {
  return stride == 1 && padding == 0 && input.dim() == 4 && weight.dim() == 4 &&
         weight.size(2) == 1 && weight.size(3) == 1 && input.is_cpu() &&
         input.is_contiguous(at::MemoryFormat::ChannelsLast);
}

/// Whether the loops above compute it, and are faster.
bool suits(const at::Tensor &input, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
           int64_t stride, int64_t padding) {
  auto is_plain = [](const at::Tensor &tensor) {
    return tensor.is_cpu() && tensor.scalar_type() == at::kFloat;
  };
  if (stride != 1 || padding != 1 || input.dim() != 4 || weight.dim() != 4) return false;
  int64_t k = weight.size(0), c = weight.size(1);
  if (!is_plain(input) || !is_plain(weight) || (bias && !is_plain(*bias))) return false;
  if (!input.is_contiguous(at::MemoryFormat::ChannelsLast) || !weight.is_contiguous()) return false;
  if (weight.size(2) != kKernel || weight.size(3) != kKernel || input.size(1) != c) return false;
  if (c % kLanes != 0 || k % kLanes != 0 || input.numel() == 0) return false;
  if (bias && !(bias->is_contiguous() && bias->numel() == k)) return false;
  return kPoints * c * k <= kMostKernelValuesPerTile * (Grid(input).count / input.size(0));
}

}  // namespace

ct_status ct_conv2d(ct_tensor input, ct_tensor weight, ct_tensor bias, int64_t stride,
                    int64_t padding, ct_tensor *out) {
  return produce(out, [&] {
    const at::Tensor &x = unwrap(input), &w = unwrap(weight);
    auto b = unwrap_optional(bias);
    if (suits(x, w, b, stride, padding)) return Convolution::apply(x, w, b);
    if (is_linear(x, w, stride, padding)) {
      return ctorch::linear(x.permute({0, 2, 3, 1}), w.flatten(1), b).permute({0, 3, 1, 2});
    }
    return at::conv2d(x, w, b, stride, padding);
  });
}
