// The MPI calls in use, for Swift. MPI's handles and constants are macros, which Swift cannot see,
// and whose types differ between MPI implementations; here each is a function, an enumeration or a
// structure of our own. Every function returns MPI's error code (0 is success) unless it says
// otherwise, and adds nothing else to the call it is named for.
//
// SwiftPM does not see a change in this file: after one, build from a clean folder.

#ifndef CMPI_H
#define CMPI_H

#include <mpi.h>

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
} cmpi_type;

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
  }
  return MPI_DATATYPE_NULL;
}

static inline MPI_Op cmpi_raw_op(cmpi_op op) {
  switch (op) {
  case cmpi_op_sum: return MPI_SUM;
  case cmpi_op_min: return MPI_MIN;
  case cmpi_op_max: return MPI_MAX;
  }
  return MPI_OP_NULL;
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
static inline int cmpi_allreduce(void *values, int count, cmpi_type type, cmpi_op op,
                                 cmpi_comm comm) {
  return MPI_Allreduce(MPI_IN_PLACE, values, count, cmpi_raw_type(type), cmpi_raw_op(op),
                       comm.raw);
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

#endif
