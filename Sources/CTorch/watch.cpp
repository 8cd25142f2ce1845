// Telling when groups of gradients are complete, while a backward pass is still at work.
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>

#include "internal.h"

using namespace ctorch;

namespace {

/// Counts what is still to come of each group.
struct Countdown {
  Countdown(int32_t group_count, void *context, void (*arrived)(void *, int32_t))
      : remaining(group_count), context(context), arrived(arrived) {}

  std::vector<std::atomic<int32_t>> remaining;
  void *context;
  void (*arrived)(void *, int32_t);
};

struct Hook : torch::autograd::PostAccumulateGradHook {
  Hook(std::shared_ptr<Countdown> countdown, int32_t group)
      : countdown(std::move(countdown)), group(group) {}

  void operator()(const torch::autograd::Variable &) override {
    if (countdown->remaining[group].fetch_sub(1) == 1) countdown->arrived(countdown->context, group);
  }

  std::shared_ptr<Countdown> countdown;
  int32_t group;
};

}  // namespace

ct_status ct_watch_gradients(const ct_tensor *tensors, const int32_t *groups, int32_t count,
                             int32_t group_count, void *context,
                             void (*arrived)(void *context, int32_t group), ct_watch *out) {
  return guarded([&] {
    auto countdown = std::make_shared<Countdown>(group_count, context, arrived);
    auto watched = std::make_unique<std::vector<at::Tensor>>(unwrap_list(tensors, count));
    for (int32_t i = 0; i < count; i++) countdown->remaining[groups[i]]++;
    for (int32_t i = 0; i < count; i++) {
      torch::autograd::impl::set_post_acc_grad_hooks(
          (*watched)[i], std::make_unique<Hook>(countdown, groups[i]));
    }
    *out = {watched.release()};
  });
}

void ct_unwatch_gradients(ct_watch watch) {
  std::unique_ptr<std::vector<at::Tensor>> watched(
      static_cast<std::vector<at::Tensor> *>(watch.impl));
  for (const at::Tensor &tensor : *watched) {
    torch::autograd::impl::set_post_acc_grad_hooks(tensor, nullptr);
  }
}
