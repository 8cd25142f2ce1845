// The MPI calls in use, for Swift. MPI's handles and constants are macros, which Swift cannot see,
// and whose types differ between MPI implementations; here each is a function, an enumeration or a
// structure of our own. Every function returns MPI's error code (0 is success) unless it says
// otherwise, and adds nothing else to the call it is named for.
//
// SwiftPM does not see a change in this file: after one, build from a clean folder.

#ifndef CMPI_H
#define CMPI_H

#include <mpi.h>
#include <stdint.h>
#include <string.h>

#define CMPI_ENUM enum __attribute__((enum_extensibility(closed)))

/// A communicator. A structure, because a bare pointer to an incomplete type loses its type in
/// Swift.
typedef struct {
  MPI_Comm raw;
} cmpi_comm;

/// An element type.
typedef CMPI_ENUM cmpi_type {
  cmpi_type_int32,
  cmpi_type_int64,
  cmpi_type_uint8,
  cmpi_type_uint64,
  cmpi_type_float,
  cmpi_type_double,
  /// Of 16 bits, which MPI knows nothing of but how to move them.
  cmpi_type_float16,
  cmpi_type_bfloat16,
} cmpi_type;

/// An operation on elements, MPI's own or one of ours.
typedef struct {
  MPI_Op raw;
} cmpi_operation;

/// Something under way.
typedef struct {
  MPI_Request raw;
} cmpi_request;

/// A reduction.
typedef CMPI_ENUM cmpi_op {
  cmpi_op_sum,
  cmpi_op_min,
  cmpi_op_max,
} cmpi_op;

/// How threads may use MPI, in rising order.
typedef CMPI_ENUM cmpi_threads {
  cmpi_threads_single,
  cmpi_threads_funneled,
  cmpi_threads_serialized,
  cmpi_threads_multiple,
} cmpi_threads;

enum {
  /// Room for the text of any error code, its closing zero included.
  cmpi_error_string_capacity = MPI_MAX_ERROR_STRING + 1,
  /// Room for the name of any machine, its closing zero included.
  cmpi_processor_name_capacity = MPI_MAX_PROCESSOR_NAME + 1,
};

static inline MPI_Datatype cmpi_raw_type(cmpi_type type) {
  switch (type) {
  case cmpi_type_int32: return MPI_INT32_T;
  case cmpi_type_int64: return MPI_INT64_T;
  case cmpi_type_uint8: return MPI_UINT8_T;
  case cmpi_type_uint64: return MPI_UINT64_T;
  case cmpi_type_float: return MPI_FLOAT;
  case cmpi_type_double: return MPI_DOUBLE;
  case cmpi_type_float16:
  case cmpi_type_bfloat16: return MPI_UINT16_T;
  }
  return MPI_DATATYPE_NULL;
}

/// MPI's own operation.
static inline cmpi_operation cmpi_builtin(cmpi_op op) {
  cmpi_operation operation = {MPI_OP_NULL};
  switch (op) {
  case cmpi_op_sum: operation.raw = MPI_SUM; break;
  case cmpi_op_min: operation.raw = MPI_MIN; break;
  case cmpi_op_max: operation.raw = MPI_MAX; break;
  }
  return operation;
}

// Numbers of 16 bits: each addition is made in 32 bits and rounded to the nearest, ties to even.

static inline float cmpi_float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t cmpi_bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float cmpi_from_bfloat16(uint16_t value) {
  return cmpi_float_of_bits((uint32_t)value << 16);
}

static inline uint16_t cmpi_to_bfloat16(float value) {
  uint32_t bits = cmpi_bits_of_float(value);
  // What is not a number must not be rounded to infinity.
  if (value != value) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float cmpi_from_float16(uint16_t value) {
  uint32_t sign = (uint32_t)(value & 0x8000) << 16;
  uint32_t exponent = value >> 10 & 0x1f, fraction = value & 0x3ff;
  if (exponent == 0x1f) return cmpi_float_of_bits(sign | 0x7f800000 | fraction << 13);
  // 2^-24 is the least step; the product is exact.
  if (exponent == 0) {
    float small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
  }
  return cmpi_float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static inline uint16_t cmpi_to_float16(float value) {
  uint32_t bits = cmpi_bits_of_float(value), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00);
  // From the middle between the greatest and the next on: infinity.
  if (size >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
  if (size < 0x38800000) {
    // Below 2^-14, in steps of 2^-24: adding 1/2 in float32 leaves just these, rounded.
    float small = cmpi_float_of_bits(size) + 0.5f;
    return (uint16_t)(sign | (cmpi_bits_of_float(small) - 0x3f000000));
  }
  uint32_t rounded = size + 0xfff + (size >> 13 & 1);
  return (uint16_t)(sign | (rounded - 0x38000000) >> 13);
}

#define CMPI_HALF_OPERATION(format, name, expression)                                         \
  static inline void cmpi_##format##_##name(void *in, void *inout, int *count,                \
                                            MPI_Datatype *type) {                             \
    const uint16_t *others = (const uint16_t *)in;                                            \
    uint16_t *values = (uint16_t *)inout;                                                     \
    (void)type;                                                                               \
    for (int i = 0; i < *count; i++) {                                                        \
      float a = cmpi_from_##format(others[i]), b = cmpi_from_##format(values[i]);             \
      values[i] = cmpi_to_##format(expression);                                               \
    }                                                                                         \
  }
CMPI_HALF_OPERATION(float16, sum, a + b)
CMPI_HALF_OPERATION(float16, min, a < b ? a : b)
CMPI_HALF_OPERATION(float16, max, a > b ? a : b)
CMPI_HALF_OPERATION(bfloat16, sum, a + b)
CMPI_HALF_OPERATION(bfloat16, min, a < b ? a : b)
CMPI_HALF_OPERATION(bfloat16, max, a > b ? a : b)
#undef CMPI_HALF_OPERATION

/// An operation of our own on a type of 16 bits.
static inline int cmpi_half_operation(cmpi_type type, cmpi_op op, cmpi_operation *operation) {
  static const int is_commutative = 1;
  if (type == cmpi_type_float16) {
    switch (op) {
    case cmpi_op_sum: return MPI_Op_create(cmpi_float16_sum, is_commutative, &operation->raw);
    case cmpi_op_min: return MPI_Op_create(cmpi_float16_min, is_commutative, &operation->raw);
    case cmpi_op_max: return MPI_Op_create(cmpi_float16_max, is_commutative, &operation->raw);
    }
  }
  switch (op) {
  case cmpi_op_sum: return MPI_Op_create(cmpi_bfloat16_sum, is_commutative, &operation->raw);
  case cmpi_op_min: return MPI_Op_create(cmpi_bfloat16_min, is_commutative, &operation->raw);
  case cmpi_op_max: return MPI_Op_create(cmpi_bfloat16_max, is_commutative, &operation->raw);
  }
  return MPI_ERR_OP;
}

static inline int cmpi_raw_threads(cmpi_threads threads) {
  switch (threads) {
  case cmpi_threads_single: return MPI_THREAD_SINGLE;
  case cmpi_threads_funneled: return MPI_THREAD_FUNNELED;
  case cmpi_threads_serialized: return MPI_THREAD_SERIALIZED;
  case cmpi_threads_multiple: return MPI_THREAD_MULTIPLE;
  }
  return MPI_THREAD_SINGLE;
}

static inline cmpi_threads cmpi_threads_from_raw(int raw) {
  if (raw == MPI_THREAD_MULTIPLE) return cmpi_threads_multiple;
  if (raw == MPI_THREAD_SERIALIZED) return cmpi_threads_serialized;
  if (raw == MPI_THREAD_FUNNELED) return cmpi_threads_funneled;
  return cmpi_threads_single;
}

// The process.

static inline int cmpi_init_thread(cmpi_threads required, cmpi_threads *provided) {
  int raw = MPI_THREAD_SINGLE;
  int code = MPI_Init_thread(NULL, NULL, cmpi_raw_threads(required), &raw);
  *provided = cmpi_threads_from_raw(raw);
  return code;
}

static inline int cmpi_query_thread(cmpi_threads *provided) {
  int raw = MPI_THREAD_SINGLE;
  int code = MPI_Query_thread(&raw);
  *provided = cmpi_threads_from_raw(raw);
  return code;
}

static inline int cmpi_initialized(int *flag) { return MPI_Initialized(flag); }

static inline int cmpi_finalized(int *flag) { return MPI_Finalized(flag); }

static inline int cmpi_finalize(void) { return MPI_Finalize(); }

static inline int cmpi_abort(cmpi_comm comm, int code) { return MPI_Abort(comm.raw, code); }

/// `text` holds cmpi_error_string_capacity bytes.
static inline int cmpi_error_string(int code, char *text, int *length) {
  return MPI_Error_string(code, text, length);
}

/// `name` holds cmpi_processor_name_capacity bytes.
static inline int cmpi_processor_name(char *name, int *length) {
  return MPI_Get_processor_name(name, length);
}

// Communicators.

/// Returns MPI_COMM_WORLD.
static inline cmpi_comm cmpi_comm_world(void) {
  cmpi_comm world = {MPI_COMM_WORLD};
  return world;
}

static inline int cmpi_comm_return_errors(cmpi_comm comm) {
  return MPI_Comm_set_errhandler(comm.raw, MPI_ERRORS_RETURN);
}

static inline int cmpi_comm_rank(cmpi_comm comm, int *rank) {
  return MPI_Comm_rank(comm.raw, rank);
}

static inline int cmpi_comm_size(cmpi_comm comm, int *size) {
  return MPI_Comm_size(comm.raw, size);
}

static inline int cmpi_comm_dup(cmpi_comm comm, cmpi_comm *copy) {
  return MPI_Comm_dup(comm.raw, &copy->raw);
}

static inline int cmpi_comm_split(cmpi_comm comm, int color, int key, cmpi_comm *part) {
  return MPI_Comm_split(comm.raw, color, key, &part->raw);
}

/// Splits into one communicator a machine: ranks that can share memory.
static inline int cmpi_comm_split_shared(cmpi_comm comm, int key, cmpi_comm *part) {
  return MPI_Comm_split_type(comm.raw, MPI_COMM_TYPE_SHARED, key, MPI_INFO_NULL, &part->raw);
}

static inline int cmpi_comm_free(cmpi_comm comm) { return MPI_Comm_free(&comm.raw); }

// Blocking collectives.

static inline int cmpi_barrier(cmpi_comm comm) { return MPI_Barrier(comm.raw); }

/// In place.
static inline int cmpi_allreduce(void *values, int count, cmpi_type type,
                                 cmpi_operation operation, cmpi_comm comm) {
  return MPI_Allreduce(MPI_IN_PLACE, values, count, cmpi_raw_type(type), operation.raw, comm.raw);
}

/// Each rank gets its part of the reduction: `counts` elements, in rank order.
static inline int cmpi_reduce_scatter(const void *values, void *part, const int *counts,
                                      cmpi_type type, cmpi_operation operation, cmpi_comm comm) {
  return MPI_Reduce_scatter(values, part, counts, cmpi_raw_type(type), operation.raw, comm.raw);
}

static inline int cmpi_bcast(void *values, int count, cmpi_type type, int root, cmpi_comm comm) {
  return MPI_Bcast(values, count, cmpi_raw_type(type), root, comm.raw);
}

/// `all`, `counts` and `displacements` are read at the root only.
static inline int cmpi_gatherv(const void *part, int count, void *all, const int *counts,
                               const int *displacements, cmpi_type type, int root,
                               cmpi_comm comm) {
  return MPI_Gatherv(part, count, cmpi_raw_type(type), all, counts, displacements,
                     cmpi_raw_type(type), root, comm.raw);
}

static inline int cmpi_allgatherv(const void *part, int count, void *all, const int *counts,
                                  const int *displacements, cmpi_type type, cmpi_comm comm) {
  return MPI_Allgatherv(part, count, cmpi_raw_type(type), all, counts, displacements,
                        cmpi_raw_type(type), comm.raw);
}

// Point to point.

static inline int cmpi_send(const void *values, int count, cmpi_type type, int to, int tag,
                            cmpi_comm comm) {
  return MPI_Send(values, count, cmpi_raw_type(type), to, tag, comm.raw);
}

/// `received` is how many elements came, at most `count`.
static inline int cmpi_recv(void *values, int count, cmpi_type type, int from, int tag,
                            cmpi_comm comm, int *received) {
  MPI_Status status;
  int code = MPI_Recv(values, count, cmpi_raw_type(type), from, tag, comm.raw, &status);
  if (code != MPI_SUCCESS) return code;
  return MPI_Get_count(&status, cmpi_raw_type(type), received);
}

// Without waiting. The memory stays until cmpi_test or cmpi_wait say that it is done.

static inline int cmpi_isend(const void *values, int count, cmpi_type type, int to, int tag,
                             cmpi_comm comm, cmpi_request *request) {
  return MPI_Isend(values, count, cmpi_raw_type(type), to, tag, comm.raw, &request->raw);
}

static inline int cmpi_irecv(void *values, int count, cmpi_type type, int from, int tag,
                             cmpi_comm comm, cmpi_request *request) {
  return MPI_Irecv(values, count, cmpi_raw_type(type), from, tag, comm.raw, &request->raw);
}

/// In place.
static inline int cmpi_iallreduce(void *values, int count, cmpi_type type,
                                  cmpi_operation operation, cmpi_comm comm,
                                  cmpi_request *request) {
  return MPI_Iallreduce(MPI_IN_PLACE, values, count, cmpi_raw_type(type), operation.raw, comm.raw,
                        &request->raw);
}

static inline int cmpi_ibcast(void *values, int count, cmpi_type type, int root, cmpi_comm comm,
                              cmpi_request *request) {
  return MPI_Ibcast(values, count, cmpi_raw_type(type), root, comm.raw, &request->raw);
}

static inline int cmpi_ibarrier(cmpi_comm comm, cmpi_request *request) {
  return MPI_Ibarrier(comm.raw, &request->raw);
}

static inline cmpi_request cmpi_request_null(void) {
  cmpi_request request = {MPI_REQUEST_NULL};
  return request;
}

/// Waits, and leaves MPI_REQUEST_NULL. `received` is how many elements of the type came, for what
/// receives.
static inline int cmpi_wait(cmpi_request *request, cmpi_type type, int *received) {
  MPI_Status status;
  int code = MPI_Wait(&request->raw, &status);
  if (code != MPI_SUCCESS) return code;
  return MPI_Get_count(&status, cmpi_raw_type(type), received);
}

/// Whether it is done, in which case it is as after cmpi_wait.
static inline int cmpi_test(cmpi_request *request, cmpi_type type, int *done, int *received) {
  MPI_Status status;
  int code = MPI_Test(&request->raw, done, &status);
  if (code != MPI_SUCCESS || !*done) return code;
  return MPI_Get_count(&status, cmpi_raw_type(type), received);
}

#endif
