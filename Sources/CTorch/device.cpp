// Errors, threads and devices.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <string>
#include <utility>

#include "internal.h"

using namespace ctorch;

namespace {

thread_local std::string last_error;

}  // namespace

void ctorch::set_last_error(std::string text) { last_error = std::move(text); }

const char *ct_last_error(void) { return last_error.c_str(); }

void ct_set_last_error(const char *text) { last_error = text; }

ct_status ct_set_thread_count(int32_t count) {
  return guarded([&] { at::set_num_threads(count); });
}

int32_t ct_thread_count(void) { return at::get_num_threads(); }

ct_status ct_set_deterministic(bool deterministic) {
  return guarded([&] {
    at::globalContext().setDeterministicAlgorithms(deterministic, /*warn_only=*/true);
    at::globalContext().setBenchmarkCuDNN(!deterministic);
    // libtorch would fill all new memory, so that whoever reads what was never written reads the
    // same; for a TorchScript reward that does so, scores may then differ.
    at::globalContext().setDeterministicFillUninitializedMemory(false);
  });
}

ct_status ct_set_allows_tf32(bool allows) {
  return guarded([&] {
    at::globalContext().setAllowTF32CuDNN(allows);
    at::globalContext().setAllowTF32CuBLAS(allows);
  });
}

ct_status ct_allows_tf32(bool *allows) {
  return guarded([&] {
    *allows = at::globalContext().allowTF32CuDNN() || at::globalContext().allowTF32CuBLAS();
  });
}

ct_status ct_cuda_device_count(int32_t *count) {
  return guarded([&] {
    // libtorch caches whether CUDA is there, so its library comes first. Without it, no device.
    static void *library = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
    *count = 0;
    if (library == nullptr || !at::globalContext().hasCUDA()) return;
    *count = c10::impl::VirtualGuardImpl(c10::kCUDA).deviceCount();
  });
}

int64_t ct_live_handle_count(void) { return live_handles.load(); }

const char *ct_libtorch_version(void) { return TORCH_VERSION; }
