// The memory of tensors: it is counted, and on the CPU what large ones leave is kept for the next.
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

/// Tensors from here on have mappings of their own, which wait for the next tensor when they are freed:
/// the system would fill their pages with zeros again.
constexpr size_t kLarge = 1 << 20;

/// What may wait beyond the most that was in use, so that a step's tensors of many sizes find theirs.
constexpr int64_t kSlack = 64 << 20;

/// More than any system has.
constexpr size_t kImpossible = size_t{1} << 47;

/// libtorch's CPU allocation, counted; what a large tensor leaves goes to the next of about its size.
///
/// Blocks of large tensors that wait and those in use together take hardly more than the most that was
/// in use so far: the oldest of those for which there is no room go back to the system. So a process
/// holds what its large tensors need at their peak, and nothing for holes between them.
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
    void *pointer = nullptr;
    size_t byte_count = 0;
    /// What its tensor asked for.
    size_t used = 0;
  };

  std::mutex mutex_;
  /// What tensors asked for, small ones too.
  int64_t live_ = 0, peak_ = 0;
  /// Of the blocks of large tensors: in use, the most that ever were, waiting.
  int64_t in_use_ = 0, most_in_use_ = 0, waiting_ = 0;
  std::unordered_map<void *, Block> blocks_in_use_;
  /// From the one freed first to the one freed last.
  std::deque<Block> waiting_blocks_;

  static void release(void *pointer);

  void *take_small(size_t byte_count) {
    void *pointer = c10::alloc_cpu(byte_count);
    if (pointer == nullptr) return nullptr;
    std::lock_guard lock(mutex_);
    count(malloc_usable_size(pointer));
    return pointer;
  }

  void *take_large(size_t byte_count) {
    TORCH_CHECK_WITH(
        OutOfMemoryError, byte_count < kImpossible, "no system has ", byte_count,
        " bytes for a tensor");
    std::lock_guard lock(mutex_);
    Block block = take_waiting(byte_count);
    if (block.pointer == nullptr) {
      block.byte_count = (byte_count + 4095) / 4096 * 4096;
      // Before the new block: its pages come with their first use.
      int64_t needed = in_use_ + static_cast<int64_t>(block.byte_count);
      give_back(waiting_ + needed - std::max(most_in_use_, needed) - kSlack);
      block.pointer = new_mapping(block.byte_count);
    }
    block.used = byte_count;
    blocks_in_use_.emplace(block.pointer, block);
    in_use_ += block.byte_count;
    most_in_use_ = std::max(most_in_use_, in_use_);
    count(byte_count);
    return block.pointer;
  }

  void count(int64_t byte_count) {
    live_ += byte_count;
    peak_ = std::max(peak_, live_);
  }

  /// The smallest block with room for so many bytes and no more than an eighth of them beside; of
  /// several the one freed last.
  Block take_waiting(size_t byte_count) {
    auto best = waiting_blocks_.end();
    for (auto it = waiting_blocks_.begin(); it != waiting_blocks_.end(); ++it) {
      bool fits = it->byte_count >= byte_count && it->byte_count <= byte_count + byte_count / 8;
      if (fits && (best == waiting_blocks_.end() || it->byte_count <= best->byte_count)) best = it;
    }
    if (best == waiting_blocks_.end()) return {};
    Block block = *best;
    waiting_ -= block.byte_count;
    waiting_blocks_.erase(best);
    return block;
  }

  void give_back(int64_t byte_count) {
    for (; byte_count > 0 && !waiting_blocks_.empty(); waiting_blocks_.pop_front()) {
      const Block &block = waiting_blocks_.front();
      munmap(block.pointer, block.byte_count);
      waiting_ -= block.byte_count;
      byte_count -= block.byte_count;
    }
  }

  void *new_mapping(size_t byte_count) {
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

  void free(void *pointer) {
    {
      std::lock_guard lock(mutex_);
      auto found = blocks_in_use_.find(pointer);
      if (found != blocks_in_use_.end()) {
        const Block &block = found->second;
        live_ -= block.used;
        in_use_ -= block.byte_count;
        waiting_ += block.byte_count;
        waiting_blocks_.push_back(block);
        blocks_in_use_.erase(found);
        return;
      }
      live_ -= malloc_usable_size(pointer);
    }
    c10::free_cpu(pointer);
  }
};

CPUAllocator *cpu_allocator = nullptr;

void CPUAllocator::release(void *pointer) {
  if (pointer != nullptr) cpu_allocator->free(pointer);
}

void check_cpu_memory_is_managed() {
  TORCH_CHECK(
      cpu_allocator != nullptr, "the CPU's memory is not counted: call ct_manage_cpu_memory first");
}

}  // namespace

void ct_manage_cpu_memory(void) {
  static std::once_flag once;
  std::call_once(once, [] {
#if defined(__GLIBC__)
    // What small tensors and libraries leave stays with the process, too. The first is the largest
    // that glibc takes.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 128 << 20);
#endif
    // Never destroyed: tensors may be freed until the process has ended.
    cpu_allocator = new CPUAllocator;
    c10::SetCPUAllocator(cpu_allocator, /*priority=*/1);
  });
}

ct_status ct_memory_bytes(ct_device where, int64_t *live, int64_t *peak) {
  return guarded([&] {
    if (where.type == CT_CPU) {
      check_cpu_memory_is_managed();
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
      check_cpu_memory_is_managed();
      cpu_allocator->reset_peak();
    } else {
      at::getDeviceAllocator(c10::kCUDA)->resetPeakStats(
          static_cast<c10::DeviceIndex>(where.index));
    }
  });
}
