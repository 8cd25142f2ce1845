// A disk that fails, for tests: loaded before libc with LD_PRELOAD, it lets one change of a folder's
// files fail in one process, and tells of all.
//
//   FAULT_FOLDER   the folder: only what lies below it counts
//   FAULT_RANK     the MPI rank that it happens to; all processes where it is not set
//   FAULT_AT       which change: 1 is the first; none where it is not set
//   FAULT_KIND     kill: kill -9 before it; half: kill -9 when a write has written half;
//                  short: a write writes half and says so; ENOSPC or EIO: it fails with that
//   FAULT_LOG      a file that gets a line for each change, its name and path
//
// Changes are mkdir, open to create, write, pwrite, fsync, close of what was open to be written,
// rename, unlink, rmdir.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define NEXT(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))
#define DESCRIPTOR_COUNT 4096

enum outcome { GOOD, FAILS, HALF_THEN_KILL, HALF };

static atomic_int changes;
// The descriptors of files and folders below the folder.
static atomic_bool watched[DESCRIPTOR_COUNT];

static bool is_this_rank(void) {
  const char *rank = getenv("FAULT_RANK"), *own = getenv("OMPI_COMM_WORLD_RANK");
  return !rank || (own && strcmp(rank, own) == 0);
}

// Whether a path, relative to the folder of a descriptor, is one that counts.
static bool counts(int folder, const char *path) {
  const char *wanted = getenv("FAULT_FOLDER");
  char whole[2 * PATH_MAX] = "";
  if (!wanted || !path || !is_this_rank()) return false;
  if (path[0] != '/') {
    char name[64] = "/proc/self/cwd";
    if (folder != AT_FDCWD) snprintf(name, sizeof name, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(name, whole, PATH_MAX - 1);
    if (length < 0) return false;
    whole[length++] = '/';
    whole[length] = 0;
  }
  strncat(whole, path, PATH_MAX - 1);
  size_t length = strlen(wanted);
  return strncmp(whole, wanted, length) == 0 && (whole[length] == '/' || !whole[length]);
}

static bool is_watched(int descriptor) {
  return descriptor >= 0 && descriptor < DESCRIPTOR_COUNT && watched[descriptor];
}

static void tell(int number, const char *name, const char *path) {
  const char *log = getenv("FAULT_LOG");
  if (!log) return;
  int file = NEXT(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  char line[PATH_MAX + 64];
  int length = snprintf(line, sizeof line, "%d %s %s\n", number, name, path);
  if (NEXT(write)(file, line, (size_t)length) < 0) abort();
  NEXT(close)(file);
}

// Counts a change that is about to be made, and says what has to happen.
static enum outcome change(const char *name, const char *path) {
  int number = atomic_fetch_add(&changes, 1) + 1;
  tell(number, name, path);
  const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");
  if (!at || !kind || atoi(at) != number) return GOOD;
  bool is_write = strstr(name, "write") != NULL;
  if (strcmp(kind, "half") == 0 && is_write) return HALF_THEN_KILL;
  if (strcmp(kind, "kill") == 0 || strcmp(kind, "half") == 0) kill(getpid(), SIGKILL);
  if (strcmp(kind, "short") == 0) return is_write ? HALF : GOOD;
  errno = strcmp(kind, "EIO") == 0 ? EIO : ENOSPC;
  return FAILS;
}

static enum outcome change_of(int descriptor, const char *name) {
  char link[64], path[PATH_MAX] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  if (readlink(link, path, sizeof path - 1) < 0) path[0] = 0;
  return change(name, path);
}

static int watch(int descriptor) {
  if (descriptor >= 0 && descriptor < DESCRIPTOR_COUNT) watched[descriptor] = true;
  return descriptor;
}

static int open_at(int folder, const char *path, int flags, mode_t mode) {
  if (!counts(folder, path)) return NEXT(openat)(folder, path, flags, mode);
  if ((flags & O_CREAT) && change("open", path) == FAILS) return -1;
  int descriptor = NEXT(openat)(folder, path, flags, mode);
  bool is_written = (flags & O_ACCMODE) != O_RDONLY || (flags & O_DIRECTORY);
  return is_written ? watch(descriptor) : descriptor;
}

#define OPEN(name, parameters, folder)                     \
  int name parameters {                                    \
    mode_t mode = 0;                                       \
    if (flags & (O_CREAT | __O_TMPFILE)) {                 \
      va_list rest;                                        \
      va_start(rest, flags);                               \
      mode = va_arg(rest, mode_t);                         \
      va_end(rest);                                        \
    }                                                      \
    return open_at(folder, path, flags, mode);             \
  }

OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN(openat, (int folder, const char *path, int flags, ...), folder)
OPEN(openat64, (int folder, const char *path, int flags, ...), folder)

// A write of `count` bytes by `call`, which takes the number that it really writes.
#define WRITE(name, call)                                   \
  if (!is_watched(descriptor)) return call(count);          \
  switch (change_of(descriptor, name)) {                    \
    case GOOD: return call(count);                          \
    case FAILS: return -1;                                  \
    case HALF: return call((count + 1) / 2);                \
    case HALF_THEN_KILL:                                    \
      if (call((count + 1) / 2) >= 0) kill(getpid(), SIGKILL); \
  }                                                         \
  abort();

ssize_t write(int descriptor, const void *bytes, size_t count) {
#define CALL(length) NEXT(write)(descriptor, bytes, length)
  WRITE("write", CALL)
#undef CALL
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
#define CALL(length) NEXT(pwrite)(descriptor, bytes, length, offset)
  WRITE("pwrite", CALL)
#undef CALL
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
#define CALL(length) NEXT(pwrite64)(descriptor, bytes, length, offset)
  WRITE("pwrite", CALL)
#undef CALL
}

int fsync(int descriptor) {
  if (is_watched(descriptor) && change_of(descriptor, "fsync") == FAILS) return -1;
  return NEXT(fsync)(descriptor);
}

int close(int descriptor) {
  bool fails = is_watched(descriptor) && change_of(descriptor, "close") == FAILS;
  if (is_watched(descriptor)) watched[descriptor] = false;
  int error = errno, status = NEXT(close)(descriptor);
  if (!fails) return status;
  errno = error;
  return -1;
}

int mkdir(const char *path, mode_t mode) {
  if (counts(AT_FDCWD, path) && change("mkdir", path) == FAILS) return -1;
  return NEXT(mkdir)(path, mode);
}

int rename(const char *path, const char *other) {
  if (counts(AT_FDCWD, other) && change("rename", other) == FAILS) return -1;
  return NEXT(rename)(path, other);
}

int unlink(const char *path) {
  if (counts(AT_FDCWD, path) && change("unlink", path) == FAILS) return -1;
  return NEXT(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags) {
  if (counts(folder, path) && change("unlink", path) == FAILS) return -1;
  return NEXT(unlinkat)(folder, path, flags);
}

int rmdir(const char *path) {
  if (counts(AT_FDCWD, path) && change("rmdir", path) == FAILS) return -1;
  return NEXT(rmdir)(path);
}
