// Convolutions: 3 by 3 by Winograd's minimal filtering, 1 by 1 as linear layers.
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "internal.h"
#include "winograd.h"

using namespace ctorch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Shapes: n images of h rows and w columns, c channels in, k channels out; in memory [n, h, w, c]
// and [n, h, w, k]. Tiles are counted over all images, row by row.

namespace {

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
      for (int64_t point = 0; point < kPoints; point++) {
        octet(to + point * out.stride) = values[point];
      }
    }
  }
}

/// Patches of [n, h, w, c] to their values at the points.
FOR_EACH_PROCESSOR
void read_patches(const Grid &grid, const float *x, int64_t channels, int64_t first, int64_t count,
                  const Values &out) {
  read_tiles<kPatch, 1>(grid, x, channels, first, count, out, MAP(patch_to_points));
}

/// Gradients of tiles of [n, h, w, k] to those of their values at the points.
FOR_EACH_PROCESSOR
void read_outputs(const Grid &grid, const float *dy, int64_t channels, int64_t first, int64_t count,
                  const Values &out) {
  read_tiles<kTile, 0>(grid, dy, channels, first, count, out, MAP(tile_to_points));
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
      for (int64_t point = 0; point < kPoints; point++) {
        square[point] = octet(from + point * values.stride);
      }
      along_both_axes<kPatch, kTile>(square, outputs, MAP(points_to_tile));
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
    along_both_axes<kKernel, kPatch>(square, values, MAP(kernel_to_points));
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
    along_both_axes<kPatch, kKernel>(square, weights, MAP(points_to_kernel));
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
    multiply({rows, depth, columns, a.data + point * a.stride, row_stride, depth_stride,
              b.data + point * b.stride, adds ? to : nullptr, columns, to});
  }
}

/// Tiles that are taken through the points together: their values stay in the second cache where
/// channels are few, and where they are many the kernels' are read for enough tiles at once.
constexpr int64_t kBlock = 64;

/// The memory of a block of patches and of their tiles, for each part of the work.
struct Blocks {
  int64_t patch_stride, tile_stride;
  at::Tensor memory;

  Blocks(int64_t parts, int64_t c, int64_t k, const at::TensorOptions &options)
      // A cache line more than a power of two: at all points a value would have the same place in
      // the first cache.
      : patch_stride(kBlock * c + 2 * kLanes), tile_stride(kBlock * k + 2 * kLanes),
        memory(at::empty({parts, kPoints * (patch_stride + tile_stride)}, options)) {}

  Values patches(int64_t part) const {
    return {memory.mutable_data_ptr<float>() + part * memory.size(1), patch_stride};
  }

  Values tiles(int64_t part) const {
    return {patches(part).data + kPoints * patch_stride, tile_stride};
  }
};

/// [n, c, h, w] to [n, k, h, w] with kernels [k, c, 3, 3]; or, where they are turned by half a
/// circle, the gradient [n, k, h, w] of what became [n, c, h, w] by kernels [c, k, 3, 3].
at::Tensor convolve(const at::Tensor &input, const at::Tensor &weight, bool is_turned,
                    const float *bias) {
  Grid grid(input);
  int64_t c = input.size(1), k = weight.size(is_turned ? 1 : 0), parts = part_count(grid.count);
  auto plain = weight.options().memory_format(at::MemoryFormat::Contiguous);
  at::Tensor memory = at::empty({kPoints, c, k}, plain);
  Values kernels{memory.mutable_data_ptr<float>(), c * k};
  auto *weights = weight.const_data_ptr<float>();
  in_parallel(c, [&](int64_t row) {
    read_kernel_row(weights, weight.size(0), weight.size(1), is_turned, row, kernels.data);
  });
  at::Tensor output = at::empty({input.size(0), k, grid.height, grid.width},
                                plain.memory_format(at::MemoryFormat::ChannelsLast));
  Blocks blocks(parts, c, k, plain);
  auto *x = input.const_data_ptr<float>();
  auto *y = output.mutable_data_ptr<float>();
  in_parts(parts, grid.count, [&](int64_t part, int64_t first, int64_t count) {
    Values patches = blocks.patches(part), tiles = blocks.tiles(part);
    for (int64_t end = first + count; first < end; first += kBlock) {
      int64_t size = std::min(kBlock, end - first);
      read_patches(grid, x, c, first, size, patches);
      multiply_points(size, c, k, patches, c, 1, kernels, tiles, false);
      write_tiles(grid, tiles, bias, k, first, size, y);
    }
  });
  return output;
}

/// The gradient of kernels [k, c, 3, 3]. Its bits depend on the number of threads.
at::Tensor kernel_gradient(const at::Tensor &input, const at::Tensor &gradient) {
  Grid grid(input);
  int64_t c = input.size(1), k = gradient.size(1);
  // Each part has a sum of its own, which is to cost less than what is added to it.
  int64_t parts = part_count((grid.count + 4 * kBlock - 1) / (4 * kBlock));
  auto plain = input.options().memory_format(at::MemoryFormat::Contiguous);
  at::Tensor memory = at::zeros({parts, kPoints, c, k}, plain);
  Blocks blocks(parts, c, k, plain);
  auto *x = input.const_data_ptr<float>(), *dy = gradient.const_data_ptr<float>();
  auto *sums = memory.mutable_data_ptr<float>();
  in_parts(parts, grid.count, [&](int64_t part, int64_t first, int64_t count) {
    Values patches = blocks.patches(part), tiles = blocks.tiles(part);
    Values own{sums + part * kPoints * c * k, c * k};
    for (int64_t end = first + count; first < end; first += kBlock) {
      int64_t depth = std::min(kBlock, end - first);
      read_patches(grid, x, c, first, depth, patches);
      read_outputs(grid, dy, k, first, depth, tiles);
      multiply_points(c, depth, k, patches, 1, c, tiles, own, true);
    }
  });
  at::Tensor result = at::empty({k, c, kKernel, kKernel}, plain);
  auto *dw = result.mutable_data_ptr<float>();
  in_parallel(c, [&](int64_t row) {
    for (int64_t point = 0; point < kPoints; point++) {
      float *line = sums + (point * c + row) * k;
      for (int64_t part = 1; part < parts; part++) {
        for (int64_t i = 0; i < k; i++) line[i] += line[part * kPoints * c * k + i];
      }
    }
    write_kernel_row(sums, k, c, row, dw);
  });
  return result;
}

struct Winograd : torch::autograd::Function<Winograd> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &input,
                            const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
    save_for_product(context, input, weight, bias);
    return convolve(input, weight, false, bias ? bias->const_data_ptr<float>() : nullptr);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    const at::Tensor &input = saved[0], &weight = saved[1];
    at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    variable_list results(3);
    if (context->needs_input_grad(0)) results[0] = convolve(gradient, weight, true, nullptr);
    if (context->needs_input_grad(1)) results[1] = kernel_gradient(input, gradient);
    if (needs_bias_gradient(context)) results[2] = gradient.sum({0, 2, 3});
    return results;
  }
};

// Where kernels are many, an image has to have as many tiles for reading them to pay. Nothing here
// depends on the number of images: an image gives the same bits whatever it is computed with.
constexpr int64_t kMostKernelValuesPerTile = 128 << 10;

/// Whether Winograd's filtering computes it, and is faster for all but the smallest images.
bool suits_winograd(const at::Tensor &input, const at::Tensor &weight,
                    const std::optional<at::Tensor> &bias, int64_t stride, int64_t padding) {
  if (stride != 1 || padding != 1 || input.dim() != 4 || weight.dim() != 4) return false;
  int64_t k = weight.size(0), c = weight.size(1);
  if (!is_cpu_float(input) || !is_cpu_float(weight) || !is_bias(bias, k)) return false;
  if (!input.is_contiguous(at::MemoryFormat::ChannelsLast) || !weight.is_contiguous()) return false;
  if (weight.size(2) != kKernel || weight.size(3) != kKernel || input.size(1) != c) return false;
  if (c % kLanes != 0 || k % kLanes != 0 || input.numel() == 0 || weight.numel() == 0) return false;
  return kPoints * c * k <= kMostKernelValuesPerTile * (Grid(input).count / input.size(0));
}

/// Whether each pixel is mapped by itself, by rows in the order of memory.
bool is_pointwise(const at::Tensor &input, const at::Tensor &weight,
                  const std::optional<at::Tensor> &bias, int64_t stride, int64_t padding) {
  if (stride != 1 || padding != 0 || input.dim() != 4 || weight.dim() != 4) return false;
  if (!is_cpu_float(input) || !is_cpu_float(weight) || !is_bias(bias, weight.size(0))) return false;
  return weight.size(2) == 1 && weight.size(3) == 1 && input.size(1) == weight.size(1) &&
         input.is_contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace

ct_status ct_conv2d(ct_tensor input, ct_tensor weight, ct_tensor bias, int64_t stride,
                    int64_t padding, ct_tensor *out) {
  return produce(out, [&] {
    const at::Tensor &x = unwrap(input), &w = unwrap(weight);
    auto b = unwrap_optional(bias);
    if (suits_winograd(x, w, b, stride, padding)) return Winograd::apply(x, w, b);
    if (is_pointwise(x, w, b, stride, padding)) {
      return ctorch::linear(x.permute({0, 2, 3, 1}), w.flatten(1), b).permute({0, 3, 1, 2});
    }
    return at::conv2d(x, w, b, stride, padding);
  });
}
