// The memory of tensors: what they take is counted, and on the CPU large blocks are kept for the next.
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "internal.h"

using namespace ctorch;

namespace {

/// Blocks from here on are mappings of their own, which wait for the next tensor when they are freed:
/// the system would fill their pages with zeros again.
constexpr size_t kLarge = 1 << 20;

/// What may wait beyond the most that was in use, so that a step's tensors of many sizes find theirs.
constexpr int64_t kSlack = 64 << 20;

/// libtorch's CPU allocation, counted; large blocks go to the next tensor of about their size.
///
/// Blocks that wait and those in use together take hardly more than the most that was in use so far:
/// the oldest of those for which there is no room go back to the system. So a process holds what its
/// tensors need at their peak, and nothing for holes between blocks.
class CPUAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t byte_count) override {
    void *pointer = byte_count < kLarge ? take_small(byte_count) : take_large(byte_count);
    return {pointer, pointer, &release, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void *destination, const void *source, size_t count) const override {
    default_copy_data(destination, source, count);
  }

  std::pair<int64_t, int64_t> live_and_peak() {
    std::lock_guard lock(mutex_);
    return {live_, peak_};
  }

  void reset_peak() {
    std::lock_guard lock(mutex_);
    peak_ = live_;
  }

 private:
  struct Block {
    void *pointer;
    size_t byte_count;
  };

  std::mutex mutex_;
  int64_t live_ = 0, peak_ = 0, highest_ = 0, waiting_ = 0;
  std::unordered_map<void *, size_t> large_;
  /// From the one freed first to the one freed last.
  std::deque<Block> blocks_;

  static void release(void *pointer);

  void *take_small(size_t byte_count) {
    void *pointer = c10::alloc_cpu(byte_count);
    std::lock_guard lock(mutex_);
    if (pointer != nullptr) count(malloc_usable_size(pointer));
    return pointer;
  }

  void *take_large(size_t byte_count) {
    byte_count = (byte_count + 4095) / 4096 * 4096;
    std::lock_guard lock(mutex_);
    Block block = take_waiting(byte_count);
    if (block.pointer == nullptr) {
      // Before the new block: its pages come with their first use.
      give_back(waiting_ + live_ + static_cast<int64_t>(byte_count) - highest_ - kSlack);
      block = {map(byte_count), byte_count};
    }
    large_.emplace(block.pointer, block.byte_count);
    count(block.byte_count);
    return block.pointer;
  }

  void count(int64_t byte_count) {
    live_ += byte_count;
    peak_ = std::max(peak_, live_);
    highest_ = std::max(highest_, live_);
  }

  /// The block freed last that has room for so many bytes, and no more than an eighth of them beside.
  Block take_waiting(size_t byte_count) {
    for (auto waiting = blocks_.rbegin(); waiting != blocks_.rend(); ++waiting) {
      Block block = *waiting;
      if (block.byte_count < byte_count || block.byte_count > byte_count + byte_count / 8) continue;
      waiting_ -= block.byte_count;
      blocks_.erase(std::next(waiting).base());
      return block;
    }
    return {};
  }

  void give_back(int64_t byte_count) {
    for (; byte_count > 0 && !blocks_.empty(); blocks_.pop_front()) {
      auto [pointer, size] = blocks_.front();
      munmap(pointer, size);
      waiting_ -= size;
      byte_count -= size;
    }
  }

  void *map(size_t byte_count) {
    auto map = [&] {
      return mmap(nullptr, byte_count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    };
    void *pointer = map();
    if (pointer == MAP_FAILED) {
      give_back(waiting_);
      pointer = map();
    }
    TORCH_CHECK_WITH(
        OutOfMemoryError, pointer != MAP_FAILED, "the system has no ", byte_count,
        " bytes for a tensor: ", std::strerror(errno));
    // Pages of 2 MiB, where the system has them: to touch 512 small ones takes longer than most loops.
    if (byte_count >= 2 << 20) madvise(pointer, byte_count, MADV_HUGEPAGE);
    return pointer;
  }

  void keep(void *pointer) {
    std::lock_guard lock(mutex_);
    auto found = large_.find(pointer);
    if (found == large_.end()) {
      live_ -= malloc_usable_size(pointer);
      c10::free_cpu(pointer);
      return;
    }
    blocks_.push_back({pointer, found->second});
    live_ -= found->second;
    waiting_ += found->second;
    large_.erase(found);
  }
};

CPUAllocator *cpu_allocator = nullptr;

void CPUAllocator::release(void *pointer) {
  if (pointer != nullptr) cpu_allocator->keep(pointer);
}

}  // namespace

void ct_manage_cpu_memory(void) {
  if (cpu_allocator != nullptr) return;
#if defined(__GLIBC__)
  // What others take for a moment stays with the process too.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
  // Never destroyed: tensors may be freed until the process has ended.
  cpu_allocator = new CPUAllocator;
  c10::SetCPUAllocator(cpu_allocator, /*priority=*/1);
}

ct_status ct_memory_bytes(ct_device where, int64_t *live, int64_t *peak) {
  return guarded([&] {
    if (where.type == CT_CPU) {
      TORCH_CHECK(
          cpu_allocator != nullptr,
          "the CPU's memory is not counted: call ct_manage_cpu_memory first");
      std::tie(*live, *peak) = cpu_allocator->live_and_peak();
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
      if (cpu_allocator != nullptr) cpu_allocator->reset_peak();
    } else {
      at::getDeviceAllocator(c10::kCUDA)->resetPeakStats(
          static_cast<c10::DeviceIndex>(where.index));
    }
  });
}
