// The libtorch calls in use, as C functions: `status ct_op(inputs..., out *)`.
//
// A ct_tensor owns one reference to a libtorch tensor; ct_tensor_release gives it up. Every function
// returns a ct_status and never lets a C++ exception cross; the text of the last failure on this
// thread is ct_last_error(). Outputs are written only on CT_OK. Shapes are int64_t arrays with a count.
#ifndef CTORCH_H
#define CTORCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct { void *impl; } ct_tensor;

typedef enum { CT_OK = 0, CT_ERROR = 1, CT_OUT_OF_MEMORY = 2 } ct_status;

typedef enum {
  CT_UINT8 = 0, CT_INT32 = 1, CT_INT64 = 2, CT_FLOAT16 = 3, CT_BFLOAT16 = 4, CT_FLOAT32 = 5,
  CT_FLOAT64 = 6, CT_BOOL = 7
} ct_dtype;

typedef enum { CT_CPU = 0, CT_CUDA = 1 } ct_device_type;

typedef struct { ct_device_type type; int32_t index; } ct_device;

// --- Errors, process, devices (device.cpp) ---
const char *ct_last_error(void);
void ct_set_last_error(const char *text);
ct_status ct_set_thread_count(int32_t count);
int32_t ct_thread_count(void);
ct_status ct_set_deterministic(bool deterministic);
/// Whether convolutions or products of float32 may round their operands to TF32 on a GPU.
ct_status ct_set_allows_tf32(bool allows);
ct_status ct_allows_tf32(bool *allows);
/// Loads libtorch's CUDA libraries when they are beside libtorch; *count is the number of devices.
ct_status ct_cuda_device_count(int32_t *count);
int64_t ct_live_handle_count(void);
const char *ct_libtorch_version(void);

// --- Memory (memory.cpp) ---
/// From now on tensors' memory on the CPU is counted, and what large ones leave waits for the next;
/// call before the first tensor.
void ct_manage_cpu_memory(void);
ct_status ct_memory_bytes(ct_device device, int64_t *live, int64_t *peak);
ct_status ct_reset_peak_memory(ct_device device);

// --- Creation, data, shape (tensor.cpp) ---
void ct_tensor_release(ct_tensor tensor);
/// A second handle of the same tensor.
ct_tensor ct_tensor_retain(ct_tensor tensor);
/// Copies `data` (contiguous, row-major) into a new CPU tensor.
ct_status ct_from_data(const void *data, ct_dtype dtype, const int64_t *shape, int32_t rank,
                       ct_tensor *out);
/// A CPU tensor on `data` itself, which `release(owner)` gives back with the last reference; on
/// failure it is not called.
ct_status ct_from_memory(void *data, ct_dtype dtype, const int64_t *shape, int32_t rank, void *owner,
                         void (*release)(void *owner), ct_tensor *out);
ct_status ct_full(double value, ct_dtype dtype, ct_device device, const int64_t *shape,
                  int32_t rank, ct_tensor *out);
/// Standard normal (or uniform in [0, 1)) float32 values on the CPU from a generator seeded with `seed`.
ct_status ct_randn(uint64_t seed, const int64_t *shape, int32_t rank, ct_tensor *out);
ct_status ct_rand(uint64_t seed, const int64_t *shape, int32_t rank, ct_tensor *out);
/// Copies the values, contiguous and row-major, to `destination` on the host; the count must match.
ct_status ct_copy_to_host(ct_tensor tensor, void *destination, int64_t byte_count);
/// Overwrites `tensor` in place with the values of `source`, without recording it for autograd.
ct_status ct_assign(ct_tensor tensor, ct_tensor source);
int32_t ct_rank(ct_tensor tensor);
void ct_shape(ct_tensor tensor, int64_t *shape);
ct_status ct_get_dtype(ct_tensor tensor, ct_dtype *dtype);
ct_device ct_get_device(ct_tensor tensor);
ct_status ct_to(ct_tensor tensor, ct_device device, ct_dtype dtype, ct_tensor *out);
ct_status ct_clone(ct_tensor tensor, ct_tensor *out);
ct_status ct_reshape(ct_tensor tensor, const int64_t *shape, int32_t rank, ct_tensor *out);
ct_status ct_permute(ct_tensor tensor, const int64_t *axes, int32_t count, ct_tensor *out);
ct_status ct_expand(ct_tensor tensor, const int64_t *shape, int32_t rank, ct_tensor *out);
/// The same elements, those of a pixel of [B, C, H, W] side by side in memory.
ct_status ct_channels_last(ct_tensor tensor, ct_tensor *out);
ct_status ct_narrow(ct_tensor tensor, int64_t axis, int64_t start, int64_t length, ct_tensor *out);
ct_status ct_index_select(ct_tensor tensor, int64_t axis, ct_tensor indices, ct_tensor *out);
ct_status ct_cat(const ct_tensor *tensors, int32_t count, int64_t axis, ct_tensor *out);
ct_status ct_pad(ct_tensor tensor, const int64_t *padding, int32_t count, ct_tensor *out);

// --- Arithmetic (math.cpp) ---
ct_status ct_add(ct_tensor a, ct_tensor b, ct_tensor *out);
ct_status ct_sub(ct_tensor a, ct_tensor b, ct_tensor *out);
ct_status ct_mul(ct_tensor a, ct_tensor b, ct_tensor *out);
ct_status ct_div(ct_tensor a, ct_tensor b, ct_tensor *out);
ct_status ct_add_scalar(ct_tensor a, double b, ct_tensor *out);
ct_status ct_mul_scalar(ct_tensor a, double b, ct_tensor *out);
/// a += scale * b, in place, without recording it for autograd.
ct_status ct_accumulate(ct_tensor a, ct_tensor b, double scale);
/// a *= scale, in place, without recording it for autograd.
ct_status ct_scale_in_place(ct_tensor a, double scale);
ct_status ct_square(ct_tensor a, ct_tensor *out);
ct_status ct_sqrt(ct_tensor a, ct_tensor *out);
ct_status ct_abs(ct_tensor a, ct_tensor *out);
ct_status ct_exp(ct_tensor a, ct_tensor *out);
ct_status ct_sin(ct_tensor a, ct_tensor *out);
ct_status ct_cos(ct_tensor a, ct_tensor *out);
ct_status ct_clamp(ct_tensor a, double low, double high, ct_tensor *out);
ct_status ct_sigmoid(ct_tensor a, ct_tensor *out);
ct_status ct_silu(ct_tensor a, ct_tensor *out);
ct_status ct_gelu(ct_tensor a, ct_tensor *out);
ct_status ct_matmul(ct_tensor a, ct_tensor b, ct_tensor *out);
ct_status ct_sum(ct_tensor a, const int64_t *axes, int32_t count, ct_tensor *out);
ct_status ct_mean(ct_tensor a, const int64_t *axes, int32_t count, ct_tensor *out);
ct_status ct_norm(ct_tensor a, ct_tensor *out);
ct_status ct_all_finite(ct_tensor a, bool *out);
ct_status ct_item(ct_tensor a, double *out);

// --- Layers (layers.cpp); `mask` may be {NULL} ---
ct_status ct_layer_norm(ct_tensor input, ct_tensor weight, ct_tensor bias, double eps,
                        ct_tensor *out);
ct_status ct_embedding(ct_tensor weight, ct_tensor indices, ct_tensor *out);
ct_status ct_upsample_nearest2x(ct_tensor input, ct_tensor *out);
/// An image [B, C, H, W] by bicubic interpolation, over more pixels where it becomes smaller.
ct_status ct_resize_bicubic(ct_tensor input, int64_t height, int64_t width, ct_tensor *out);

// --- Products (linear.cpp, convolution.cpp); `bias` may be {NULL} ---
ct_status ct_linear(ct_tensor input, ct_tensor weight, ct_tensor bias, ct_tensor *out);
ct_status ct_conv2d(ct_tensor input, ct_tensor weight, ct_tensor bias, int64_t stride,
                    int64_t padding, ct_tensor *out);

// --- Adapters (adapter.cpp) ---
/// A weight [n, m, ...] plus `scale` times the product of b [n, r, ...] and a [r, m, ...].
ct_status ct_low_rank_sum(ct_tensor weight, ct_tensor b, ct_tensor a, double scale, ct_tensor *out);

// --- Attention (attention.cpp) ---
ct_status ct_attention(ct_tensor query, ct_tensor key, ct_tensor value, bool causal, ct_tensor *out);

// --- Normalisation (normalization.cpp) ---
/// Followed by SiLU where `silu` says so.
ct_status ct_group_norm(ct_tensor input, int64_t group_count, ct_tensor weight, ct_tensor bias,
                        double eps, bool silu, ct_tensor *out);

// --- Gated linear units (gated.cpp) ---
/// The first half of the last axis times GELU of the second.
ct_status ct_gated_gelu(ct_tensor input, ct_tensor *out);

// --- Autograd (autograd.cpp) ---
bool ct_grad_mode(void);
void ct_set_grad_mode(bool enabled);
ct_status ct_set_requires_grad(ct_tensor tensor, bool requires_grad);
bool ct_requires_grad(ct_tensor tensor);
ct_status ct_detach(ct_tensor tensor, ct_tensor *out);
/// Adds d(sum of root * seed)/d(leaf) to the gradient of every leaf that requires one.
ct_status ct_backward(ct_tensor root, ct_tensor seed);
/// The accumulated gradient; {NULL} where there is none.
ct_status ct_gradient(ct_tensor tensor, ct_tensor *out);
void ct_clear_gradient(ct_tensor tensor);

// --- Gradients as they come (watch.cpp) ---
typedef struct { void *impl; } ct_watch;
/// From now on backward passes call `arrived` with the number of a group as soon as each of its
/// tensors, which are leaves, was given a gradient; once a group, on the thread that computes them.
/// `groups` says which of `group_count` groups each tensor is in.
ct_status ct_watch_gradients(const ct_tensor *tensors, const int32_t *groups, int32_t count,
                             int32_t group_count, void *context,
                             void (*arrived)(void *context, int32_t group), ct_watch *out);
/// Ends it.
void ct_unwatch_gradients(ct_watch watch);

// --- Gradient checkpointing (checkpoint.cpp) ---
/// A closure. `run` owns the handles of its inputs; on failure it has called ct_set_last_error().
typedef struct {
  void *context;
  ct_status (*run)(void *context, const ct_tensor *inputs, int32_t count, ct_tensor *out);
  void (*release)(void *context);
} ct_body;
/// The closure's output for the inputs. Its activations are not kept: backward runs it again, on any
/// thread. Takes ownership of `body`, also on failure.
ct_status ct_checkpoint(const ct_tensor *inputs, int32_t count, ct_body body, ct_tensor *out);

// --- TorchScript (script.cpp) ---
typedef struct { void *impl; } ct_script;
/// Reads a module that torch.jit.save wrote, for evaluation. Its forward must take a tensor, or a
/// tensor and a list of texts, which *takes_texts says; what has a default does not count.
ct_status ct_script_load(const char *path, ct_device device, bool *takes_texts, ct_script *out);
/// Its forward's result, which must be a tensor; `texts` are passed where it takes them.
ct_status ct_script_forward(ct_script script, ct_tensor input, const char *const *texts,
                            int32_t count, ct_tensor *out);
void ct_script_release(ct_script script);

// --- Optimizer (optimizer.cpp) ---
typedef struct {
  double learning_rate, beta1, beta2, eps, weight_decay;
} ct_adamw_options;
/// One AdamW step in place over lists of equal length; `steps` are float32 scalars that it advances.
ct_status ct_adamw_step(const ct_tensor *parameters, const ct_tensor *gradients,
                        const ct_tensor *first_moments, const ct_tensor *second_moments,
                        const ct_tensor *steps, int32_t count, ct_adamw_options options);

#ifdef __cplusplus
}
#endif
#endif
