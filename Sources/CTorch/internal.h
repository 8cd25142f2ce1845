// Shared by the shim's files: handles in and out, and exceptions turned into statuses.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ctorch.h"

namespace ctorch {

inline std::atomic<int64_t> live_handles{0};

void set_last_error(std::string text);

inline at::Tensor &unwrap(ct_tensor tensor) { return *static_cast<at::Tensor *>(tensor.impl); }

inline ct_tensor wrap(at::Tensor tensor) {
  auto *owner = new at::Tensor(std::move(tensor));
  live_handles.fetch_add(1, std::memory_order_relaxed);
  return {owner};
}

/// A tensor that may be absent.
inline std::optional<at::Tensor> unwrap_optional(ct_tensor tensor) {
  if (tensor.impl == nullptr) return std::nullopt;
  return unwrap(tensor);
}

inline std::vector<at::Tensor> unwrap_list(const ct_tensor *tensors, int32_t count) {
  std::vector<at::Tensor> list;
  list.reserve(count);
  for (int32_t i = 0; i < count; i++) list.push_back(unwrap(tensors[i]));
  return list;
}

inline c10::IntArrayRef array(const int64_t *values, int32_t count) {
  return {values, static_cast<size_t>(count)};
}

inline c10::Device device(ct_device device) {
  if (device.type == CT_CPU) return c10::Device(c10::kCPU);
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(device.index));
}

inline c10::ScalarType scalar_type(ct_dtype dtype) {
  switch (dtype) {
    case CT_UINT8: return c10::kByte;
    case CT_INT32: return c10::kInt;
    case CT_INT64: return c10::kLong;
    case CT_FLOAT16: return c10::kHalf;
    case CT_BFLOAT16: return c10::kBFloat16;
    case CT_FLOAT32: return c10::kFloat;
    case CT_FLOAT64: return c10::kDouble;
    case CT_BOOL: return c10::kBool;
  }
  TORCH_CHECK(false, "unknown dtype ", static_cast<int>(dtype));
}

/// Runs `body`; no exception leaves it.
template <class Body>
ct_status guarded(Body &&body) noexcept {
  try {
    body();
    return CT_OK;
  } catch (const c10::OutOfMemoryError &error) {
    set_last_error(error.what_without_backtrace());
    return CT_OUT_OF_MEMORY;
  } catch (const c10::Error &error) {
    set_last_error(error.what_without_backtrace());
    // libtorch's own CPU allocation has no error type of its own.
    bool cpu_memory = std::string(error.what_without_backtrace()).find("can't allocate memory") !=
                      std::string::npos;
    return cpu_memory ? CT_OUT_OF_MEMORY : CT_ERROR;
  } catch (const std::bad_alloc &) {
    set_last_error("the host is out of memory");
    return CT_OUT_OF_MEMORY;
  } catch (const std::exception &error) {
    set_last_error(error.what());
    return CT_ERROR;
  } catch (...) {
    set_last_error("an exception of unknown type");
    return CT_ERROR;
  }
}

/// Runs an operation that returns one tensor.
template <class Operation>
ct_status produce(ct_tensor *out, Operation &&operation) noexcept {
  return guarded([&] { *out = wrap(operation()); });
}

}  // namespace ctorch
