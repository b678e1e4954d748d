/* Makes the disk fail for a while: preloaded into a process, it lets the next writes or syncs of one file fail.
 *
 * The file that FAULT_CONTROL names holds one line, "<errno> <how many> <w|s> <end of the file's name>", or nothing.
 * Each call that fails counts it down and adds a byte to "<control>.reached". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int ends_with(int fd, const char *end) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t count = readlink(link, path, sizeof path - 1);
  if (count < 0) return 0;
  path[count] = 0;
  size_t length = strlen(end);
  return (size_t)count >= length && strcmp(path + count - length, end) == 0;
}

/* The error that this call is to fail with, or 0. */
static int fault(int fd, char kind) {
  const char *control = getenv("FAULT_CONTROL");
  int code = 0, left = 0, failed = 0;
  char of = 0, end[256];
  if (!control) return 0;
  pthread_mutex_lock(&lock);
  FILE *file = fopen(control, "r");
  if (file) {
    int found = fscanf(file, "%d %d %c %255s", &code, &left, &of, end);
    fclose(file);
    if (found == 4 && left > 0 && of == kind && ends_with(fd, end)) {
      failed = code;
      if ((file = fopen(control, "w"))) {
        fprintf(file, "%d %d %c %s", code, left - 1, of, end);
        fclose(file);
      }
      char reached[4096];
      snprintf(reached, sizeof reached, "%s.reached", control);
      if ((file = fopen(reached, "a"))) {
        fputc('x', file);
        fclose(file);
      }
    }
  }
  pthread_mutex_unlock(&lock);
  return failed;
}

#define FAIL(kind)                     \
  int failed = fault(fd, kind);        \
  if (failed) {                        \
    errno = failed;                    \
    return -1;                         \
  }

ssize_t write(int fd, const void *bytes, size_t count) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "write");
  FAIL('w')
  return real(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  if (!real) real = dlsym(RTLD_NEXT, "pwrite");
  FAIL('w')
  return real(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
  FAIL('w')
  return real(fd, bytes, count, at);
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fsync");
  FAIL('s')
  return real(fd);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
  FAIL('s')
  return real(fd);
}
