/*
 * Loaded into agents and hypervisors (LD_PRELOAD): disks that fail and clocks that jump when a test says so.
 *
 *   $FAULT_SHIM_DIR/disks    lines "read|write ERRNO FROM PATH": such calls on that file at or behind that offset fail
 *   $FAULT_SHIM_DIR/clocks   pairs of 64 bits: inode of a network namespace, milliseconds its wall clock is off
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CLOCKS 16

static char disks[512];
static const volatile int64_t *clocks;
static uint64_t namespace_inode;

__attribute__((constructor)) static void begin(void) {
  const char *dir = getenv("FAULT_SHIM_DIR");
  struct stat st;
  char path[512];
  if (!dir) return;
  snprintf(disks, sizeof disks, "%s/disks", dir);
  snprintf(path, sizeof path, "%s/clocks", dir);
  if (stat("/proc/self/ns/net", &st) == 0) namespace_inode = st.st_ino;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void *mapped = mmap(NULL, CLOCKS * 16, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped != MAP_FAILED) clocks = mapped;
  close(fd);
}

static int64_t jump_ms(void) {
  for (int i = 0; clocks && i < CLOCKS; i++)
    if ((uint64_t)clocks[2 * i] == namespace_inode) return clocks[2 * i + 1];
  return 0;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, t);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) t->tv_sec += jump_ms() / 1000;
  return result;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
  int result = real(t, zone);
  t->tv_sec += jump_ms() / 1000;
  return result;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

#define BOOTED_LONG_AGO 1000000000
#define LOOK_NS 20000000

/*
 * The kernel wakes by its own clock, which does not jump: waits in pieces, so that a thread that waits for a time of day
 * wakes when the host's clock shows it. Debian's QEMU waits so, and sleeps on for an hour when that is put back. A
 * deadline of the monotonic clock counts from boot.
 */
int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m, const struct timespec *restrict until) {
  static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
  static int (*clock_now)(clockid_t, struct timespec *);
  if (!real) real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  if (!clock_now) clock_now = dlsym(RTLD_NEXT, "clock_gettime");
  if (!clocks || until->tv_sec < BOOTED_LONG_AGO) return real(c, m, until);
  for (;;) {
    struct timespec now, piece;
    clock_now(CLOCK_REALTIME, &now);
    int64_t left = (until->tv_sec - jump_ms() / 1000 - now.tv_sec) * 1000000000 + until->tv_nsec - now.tv_nsec;
    int64_t end = now.tv_nsec + (left < LOOK_NS ? (left > 0 ? left : 0) : LOOK_NS);
    piece.tv_sec = now.tv_sec + end / 1000000000;
    piece.tv_nsec = end % 1000000000;
    int result = real(c, m, &piece);
    if (result != ETIMEDOUT || left <= 0) return result;
  }
}

/* The errno that a call meets, or 0. */
static int meets(const char *what, int fd, off_t offset) {
  struct stat st;
  if (!disks[0] || stat(disks, &st) != 0) return 0;
  int saved = errno, found = 0;
  char link[64], file[512], line[640];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, file, sizeof file - 1);
  FILE *rules = n > 0 ? fopen(disks, "re") : NULL;
  if (rules) {
    file[n] = 0;
    while (!found && fgets(line, sizeof line, rules)) {
      char kind[16], path[512];
      int code;
      long long from;
      if (sscanf(line, "%15s %d %lld %511s", kind, &code, &from, path) != 4) continue;
      if (!strcmp(kind, what) && !strcmp(path, file) && offset >= from) found = code;
    }
    fclose(rules);
  }
  errno = saved;
  return found;
}

#define GUARDED(result, name, what, parameters, arguments)       \
  result name parameters {                                        \
    static result(*real) parameters;                              \
    if (!real) real = (result(*) parameters)dlsym(RTLD_NEXT, #name); \
    int code = meets(what, fd, offset);                           \
    if (!code) return real arguments;                             \
    errno = code;                                                 \
    return -1;                                                    \
  }

GUARDED(ssize_t, pread64, "read", (int fd, void *b, size_t n, off64_t offset), (fd, b, n, offset))
GUARDED(ssize_t, pwrite64, "write", (int fd, const void *b, size_t n, off64_t offset), (fd, b, n, offset))
GUARDED(ssize_t, preadv64, "read", (int fd, const struct iovec *v, int n, off64_t offset), (fd, v, n, offset))
GUARDED(ssize_t, pwritev64, "write", (int fd, const struct iovec *v, int n, off64_t offset), (fd, v, n, offset))
GUARDED(int, fallocate64, "write", (int fd, int mode, off64_t offset, off64_t n), (fd, mode, offset, n))
