// Creation, data in and out, and shape.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <c10/core/GradMode.h>

#include <cstring>

#include "internal.h"

using namespace ctorch;

void ct_tensor_release(ct_tensor tensor) {
  if (tensor.impl == nullptr) return;
  delete static_cast<at::Tensor *>(tensor.impl);
  live_handles.fetch_sub(1, std::memory_order_relaxed);
}

ct_tensor ct_tensor_retain(ct_tensor tensor) { return wrap(unwrap(tensor)); }

ct_status ct_from_data(const void *data, ct_dtype dtype, const int64_t *shape, int32_t rank,
                       ct_tensor *out) {
  return produce(out, [&] {
    at::Tensor tensor = at::empty(array(shape, rank), scalar_type(dtype));
    if (tensor.numel() > 0) std::memcpy(tensor.mutable_data_ptr(), data, tensor.nbytes());
    return tensor;
  });
}

ct_status ct_from_memory(void *data, ct_dtype dtype, const int64_t *shape, int32_t rank, void *owner,
                         void (*release)(void *owner), ct_tensor *out) {
  return produce(out, [&] {
    // The deleter is bound last: nothing after it fails.
    c10::ScalarType type = scalar_type(dtype);
    return at::from_blob(data, array(shape, rank), [=](void *) { release(owner); }, type);
  });
}

ct_status ct_full(double value, ct_dtype dtype, ct_device where, const int64_t *shape,
                  int32_t rank, ct_tensor *out) {
  return produce(out, [&] {
    auto options = at::TensorOptions().dtype(scalar_type(dtype)).device(device(where));
    return at::full(array(shape, rank), value, options);
  });
}

ct_status ct_randn(uint64_t seed, const int64_t *shape, int32_t rank, ct_tensor *out) {
  return produce(out, [&] {
    return at::randn(array(shape, rank), at::detail::createCPUGenerator(seed), at::kFloat);
  });
}

ct_status ct_rand(uint64_t seed, const int64_t *shape, int32_t rank, ct_tensor *out) {
  return produce(out, [&] {
    return at::rand(array(shape, rank), at::detail::createCPUGenerator(seed), at::kFloat);
  });
}

ct_status ct_copy_to_host(ct_tensor tensor, void *destination, int64_t byte_count) {
  return guarded([&] {
    at::Tensor host = unwrap(tensor).detach().contiguous();
    if (!host.is_cpu()) {
      // Memory that the device writes to by itself: several times as fast as pageable memory, and
      // libtorch keeps it for the next time.
      at::Tensor staged = at::empty(host.sizes(), host.options().device(at::kCPU).pinned_memory(true));
      host = staged.copy_(host);
    }
    TORCH_CHECK(static_cast<int64_t>(host.nbytes()) == byte_count, "the tensor holds ",
                host.nbytes(), " bytes, the destination ", byte_count);
    if (byte_count > 0) std::memcpy(destination, host.const_data_ptr(), byte_count);
  });
}

ct_status ct_assign(ct_tensor tensor, ct_tensor source) {
  return guarded([&] {
    c10::AutoGradMode off(false);
    TORCH_CHECK(unwrap(tensor).sizes() == unwrap(source).sizes(), "assigning shape ",
                unwrap(source).sizes(), " to shape ", unwrap(tensor).sizes());
    unwrap(tensor).copy_(unwrap(source));
  });
}

int32_t ct_rank(ct_tensor tensor) { return static_cast<int32_t>(unwrap(tensor).dim()); }

void ct_shape(ct_tensor tensor, int64_t *shape) {
  for (int64_t size : unwrap(tensor).sizes()) *shape++ = size;
}

ct_status ct_get_dtype(ct_tensor tensor, ct_dtype *dtype) {
  return guarded([&] {
    for (ct_dtype candidate : {CT_UINT8, CT_INT32, CT_INT64, CT_FLOAT16, CT_BFLOAT16, CT_FLOAT32,
                               CT_FLOAT64, CT_BOOL}) {
      if (scalar_type(candidate) == unwrap(tensor).scalar_type()) {
        *dtype = candidate;
        return;
      }
    }
    TORCH_CHECK(false, "no name for dtype ", unwrap(tensor).scalar_type());
  });
}

ct_device ct_get_device(ct_tensor tensor) {
  c10::Device where = unwrap(tensor).device();
  return {where.is_cuda() ? CT_CUDA : CT_CPU, where.is_cuda() ? where.index() : 0};
}

ct_status ct_to(ct_tensor tensor, ct_device where, ct_dtype dtype, ct_tensor *out) {
  return produce(out, [&] { return unwrap(tensor).to(device(where), scalar_type(dtype)); });
}

ct_status ct_clone(ct_tensor tensor, ct_tensor *out) {
  return produce(out, [&] { return unwrap(tensor).clone(at::MemoryFormat::Contiguous); });
}

ct_status ct_reshape(ct_tensor tensor, const int64_t *shape, int32_t rank, ct_tensor *out) {
  return produce(out, [&] { return unwrap(tensor).reshape(array(shape, rank)); });
}

ct_status ct_permute(ct_tensor tensor, const int64_t *axes, int32_t count, ct_tensor *out) {
  return produce(out, [&] { return unwrap(tensor).permute(array(axes, count)); });
}

ct_status ct_expand(ct_tensor tensor, const int64_t *shape, int32_t rank, ct_tensor *out) {
  return produce(out, [&] { return unwrap(tensor).expand(array(shape, rank)); });
}

ct_status ct_channels_last(ct_tensor tensor, ct_tensor *out) {
  return produce(out, [&] { return unwrap(tensor).contiguous(at::MemoryFormat::ChannelsLast); });
}

ct_status ct_narrow(ct_tensor tensor, int64_t axis, int64_t start, int64_t length, ct_tensor *out) {
  return produce(out, [&] { return unwrap(tensor).narrow(axis, start, length); });
}

ct_status ct_index_select(ct_tensor tensor, int64_t axis, ct_tensor indices, ct_tensor *out) {
  return produce(out, [&] { return at::index_select(unwrap(tensor), axis, unwrap(indices)); });
}

ct_status ct_cat(const ct_tensor *tensors, int32_t count, int64_t axis, ct_tensor *out) {
  return produce(out, [&] { return at::cat(unwrap_list(tensors, count), axis); });
}

ct_status ct_pad(ct_tensor tensor, const int64_t *padding, int32_t count, ct_tensor *out) {
  return produce(out, [&] { return at::constant_pad_nd(unwrap(tensor), array(padding, count), 0); });
}
