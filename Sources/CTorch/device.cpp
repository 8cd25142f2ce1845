// Errors, threads, devices and the memory of tensors.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/core/impl/alloc_cpu.h>
#include <dlfcn.h>
#include <malloc.h>
#include <torch/version.h>

#include <atomic>
#include <string>
#include <utility>

#include "internal.h"

using namespace ctorch;

namespace {

thread_local std::string last_error;

std::atomic<int64_t> cpu_live{0};
std::atomic<int64_t> cpu_peak{0};

/// libtorch's CPU allocation, counted.
struct CountingAllocator final : c10::Allocator {
  static void release(void *pointer) {
    if (pointer != nullptr) cpu_live.fetch_sub(malloc_usable_size(pointer));
    c10::free_cpu(pointer);
  }

  c10::DataPtr allocate(size_t byte_count) override {
    void *pointer = c10::alloc_cpu(byte_count);
    if (pointer != nullptr) {
      int64_t live = cpu_live.fetch_add(malloc_usable_size(pointer)) + malloc_usable_size(pointer);
      int64_t peak = cpu_peak.load();
      while (live > peak && !cpu_peak.compare_exchange_weak(peak, live)) {}
    }
    return {pointer, pointer, &release, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void *destination, const void *source, size_t count) const override {
    default_copy_data(destination, source, count);
  }
};

bool tracking = false;

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

ct_status ct_cuda_device_count(int32_t *count) {
  return guarded([&] {
    // libtorch caches whether CUDA is there, so its library comes first. Without it, no device.
    static void *library = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
    *count = 0;
    if (library == nullptr || !at::globalContext().hasCUDA()) return;
    *count = c10::impl::VirtualGuardImpl(c10::kCUDA).deviceCount();
  });
}

void ct_keep_freed_memory(void) {
#if defined(__GLIBC__)
  // The largest that it takes: beyond, every tensor is a mapping of its own, whose pages the system
  // fills with zeros.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

void ct_track_cpu_memory(void) {
  if (tracking) return;
  tracking = true;
  static CountingAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
}

ct_status ct_memory_bytes(ct_device where, int64_t *live, int64_t *peak) {
  return guarded([&] {
    if (where.type == CT_CPU) {
      TORCH_CHECK(tracking, "the CPU's memory is not tracked: call ct_track_cpu_memory first");
      *live = cpu_live.load();
      *peak = cpu_peak.load();
      return;
    }
    auto stats = at::getDeviceAllocator(c10::kCUDA)->getDeviceStats(
        static_cast<c10::DeviceIndex>(where.index));
    *live = stats.allocated_bytes[0].current;
    *peak = stats.allocated_bytes[0].peak;
  });
}

ct_status ct_reset_peak_memory(ct_device where) {
  return guarded([&] {
    if (where.type == CT_CPU) {
      cpu_peak = cpu_live.load();
    } else {
      at::getDeviceAllocator(c10::kCUDA)->resetPeakStats(
          static_cast<c10::DeviceIndex>(where.index));
    }
  });
}

int64_t ct_live_handle_count(void) { return live_handles.load(); }

const char *ct_libtorch_version(void) { return TORCH_VERSION; }
