/* Loaded before the C library (LD_PRELOAD): counts what a program writes, and fails or kills at a chosen call.

   FAULTS_PATTERN  calls on files whose path contains this text are counted
   FAULTS_CONTROL  a file of struct control, mapped by disk.py as well, which may change it at any moment
*/

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(long) == 8, "the calls are made as on 64-bit systems");

enum kind { WRITE = 1, TRUNCATE = 2, SYNC = 4 };

struct control {
    _Atomic int64_t kinds;      /* the kinds that are counted, as bits */
    _Atomic int64_t count;      /* counted calls so far, of all processes */
    _Atomic int64_t first;      /* the first call to hit, from 1; 0 for none */
    _Atomic int64_t last;       /* the last call to hit */
    _Atomic int64_t error;      /* an errno, or 0 for SIGKILL */
    _Atomic int64_t hits;       /* calls that failed */
};

static struct control *control;
static const char *pattern;

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("FAULTS_CONTROL");
    pattern = getenv("FAULTS_PATTERN");
    int fd = file && pattern ? open(file, O_RDWR | O_CLOEXEC) : -1;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        static const char message[] = "disk_shim: FAULTS_PATTERN or FAULTS_CONTROL is missing or wrong\n";
        syscall(SYS_write, 2, message, sizeof message - 1);
        _exit(127);
    }
    syscall(SYS_close, fd);
    control = mapped;
}

/* Whether this call fails, with errno set. */
static int fails(int fd, enum kind kind)
{
    char name[64], path[PATH_MAX];
    int before = errno;
    if (!control || !(control->kinds & kind))
        return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, sizeof path - 1);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = 0;
    if (!strstr(path, pattern))
        return 0;
    int64_t number = atomic_fetch_add(&control->count, 1) + 1;
    int64_t first = control->first;
    if (!first || number < first || number > control->last)
        return 0;
    if (!control->error)
        for (;;)
            kill(getpid(), SIGKILL);
    atomic_fetch_add(&control->hits, 1);
    errno = (int)control->error;
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    return fails(fd, WRITE) ? -1 : syscall(SYS_write, fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
    return fails(fd, WRITE) ? -1 : syscall(SYS_pwrite64, fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset)
{
    return fails(fd, WRITE) ? -1 : syscall(SYS_pwrite64, fd, bytes, count, offset);
}

int ftruncate(int fd, off_t length)
{
    return fails(fd, TRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate64(int fd, off64_t length)
{
    return fails(fd, TRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

int fsync(int fd)
{
    return fails(fd, SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fails(fd, SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}
