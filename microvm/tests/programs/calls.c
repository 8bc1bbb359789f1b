// Checks the guest kernel's system calls from inside, by raw calls; prints what is wrong and exits with the number of
// things that are.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int wrong;
#define CHECK(condition) \
    do { if (!(condition)) { wrong++; printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno); } } while (0)
#define FAILS(call, error) CHECK((errno = 0, (call) == -1 && errno == (error)))

static int all_zero(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) if (bytes[i]) return 0;
    return 1;
}

static void memory(void) {
    char *one = mmap(0, 5 * 4096 - 7, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(one != MAP_FAILED && all_zero(one, 5 * 4096));
    memset(one, 1, 5 * 4096);
    CHECK(munmap(one, 5 * 4096) == 0);
    char *two = mmap(0, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(two == one && all_zero(two, 5 * 4096));
    memset(two, 2, 4096);
    CHECK(madvise(two, 4096, MADV_DONTNEED) == 0 && all_zero(two, 4096));
    CHECK(mprotect(two, 4096, PROT_READ) == 0);
    memset(two, 3, 4096);
    CHECK(mmap(two, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == two && all_zero(two, 4096));
    FAILS((long)mmap(two, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), ENOMEM);
    FAILS((long)mmap(0, 4096, PROT_READ, MAP_PRIVATE, 0, 0), ENODEV);
    FAILS((long)mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    FAILS((long)mmap(0, 1ul << 40, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    FAILS((long)mmap(0, ~0ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    FAILS(munmap(two + 1, 4096), EINVAL);
    char *old = sbrk(0), *grown = sbrk(100000);
    CHECK(grown == old && all_zero(old, 100000));
    memset(old, 4, 100000);
    CHECK(sbrk(-100000) == old + 100000 && sbrk(100000) == old);
    CHECK(all_zero((char *)(((unsigned long)old + 4095) & -4096ul), 90000));
    CHECK(sbrk(1l << 40) == (void *)-1);
    for (int i = 0; i < 1000; i++) {
        char *block = malloc(200000);
        CHECK(block != 0);
        memset(block, i, 200000);
        free(block);
    }
}

static void files(void) {
    char buffer[4096];
    struct stat status;
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY);
    CHECK(null == 3 && zero == 4);
    CHECK(write(null, buffer, 4096) == 4096 && read(null, buffer, 4096) == 0);
    memset(buffer, 1, sizeof buffer);
    CHECK(read(zero, buffer, 4096) == 4096 && all_zero(buffer, 4096));
    CHECK(fstat(null, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == 0x103);
    CHECK(syscall(SYS_fstat, 1, &status) == 0 && S_ISFIFO(status.st_mode));
    CHECK(close(zero) == 0);
    FAILS(close(zero), EBADF);
    FAILS(read(99, buffer, 1), EBADF);
    FAILS(write(-1, buffer, 1), EBADF);
    FAILS(write(0, buffer, 1), EBADF);
    FAILS(open("/etc/passwd", O_RDONLY), ENOENT);
    FAILS(isatty(1) - 1, ENOTTY);
    FAILS(lseek(1, 0, SEEK_SET), ESPIPE);
    CHECK(fcntl(1, F_GETFD) == 0);
    struct iovec parts[] = {{"wri", 3}, {0, 0}, {"tev\n", 4}};
    fflush(stdout);
    CHECK(writev(1, parts, 3) == 7);
    struct pollfd list[] = {{1, POLLOUT, 0}, {77, POLLIN, 0}, {-1, POLLIN, 9}};
    CHECK(poll(list, 3, 0) == 2 && list[0].revents == POLLOUT && list[1].revents == POLLNVAL && list[2].revents == 0);
    CHECK(read(0, buffer, sizeof buffer) == 0);
}

static void bad_pointers(void) {
    static const unsigned long bad[] = {0, 8, 0x1000, 0x1ff000, 32 << 20, 0xd0000000, 1ul << 47, -1ul, -4096ul};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS(syscall(SYS_write, 1, bad[i], 100), EFAULT);
        FAILS(syscall(SYS_read, 0, bad[i], 100), EFAULT);
        FAILS(syscall(SYS_fstat, 1, bad[i]), EFAULT);
        FAILS(syscall(SYS_clock_gettime, 0, bad[i]), EFAULT);
        FAILS(syscall(SYS_open, bad[i], 0), EFAULT);
        FAILS(syscall(SYS_uname, bad[i]), EFAULT);
        FAILS(syscall(SYS_writev, 1, bad[i], 2), EFAULT);
        FAILS(syscall(SYS_poll, bad[i], 2, 0), EFAULT);
        FAILS(syscall(SYS_getrandom, bad[i], 9, 0), EFAULT);
    }
    FAILS(syscall(SYS_write, 1, 0x400000, -1ul), EFAULT);
    FAILS(syscall(SYS_arch_prctl, 0x1002, -1ul), EINVAL);
}

static void clocks(void) {
    struct timespec a, b;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &a) == 0);
    for (int i = 0; i < 100000; i++) {
        CHECK(clock_gettime(CLOCK_MONOTONIC, &b) == 0);
        CHECK(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
        a = b;
    }
    CHECK(a.tv_nsec >= 0 && a.tv_nsec < 1000000000);
    CHECK(labs(time(0) - ({ struct timespec r; clock_gettime(CLOCK_REALTIME, &r); r.tv_sec; })) <= 1);
    CHECK(clock_getres(CLOCK_MONOTONIC, &a) == 0 && a.tv_nsec == 1);
    FAILS(syscall(SYS_clock_gettime, 99, &a), EINVAL);
}

static void identity(void) {
    struct utsname names;
    CHECK(getpid() == 1 && getuid() == 0 && syscall(SYS_gettid) == 1);
    CHECK(uname(&names) == 0 && strcmp(names.sysname, "Linux") == 0);
    unsigned char random[33] = {0};
    CHECK(syscall(SYS_getrandom, random, 32, 0) == 32 && !all_zero((char *)random, 32) && random[32] == 0);
    FAILS(syscall(SYS_fork), ENOSYS);
    FAILS(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), ENOSYS);
    FAILS(syscall(SYS_execve, "/x", 0, 0), ENOSYS);
    FAILS(syscall(SYS_kill, 1, SIGUSR1), ENOSYS);
    FAILS(syscall(SYS_tgkill, 1, 1, SIGUSR1), ENOSYS);
    FAILS(syscall(SYS_futex, 0, 0, 0, 0, 0, 0), ENOSYS);
    FAILS(syscall(100000), ENOSYS);
}

int main(void) {
    memory(), files(), bad_pointers(), clocks(), identity();
    printf("%d wrong\n", wrong);
    return wrong > 100 ? 100 : wrong;
}
