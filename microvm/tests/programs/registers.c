// Checks that a system call leaves alone what it must: vector registers, the red zone, and all other registers but RAX, RCX
// and R11. Prints what is wrong; exits with 0 if nothing is.
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static int wrong;

// One call with every vector register filled; they must be the same afterwards.
#define VECTORS(WIDTH, REGISTER, MOVE)                                                                             \
    __attribute__((noinline)) static void check_##REGISTER(long number, long a, long b, long c) {                  \
        static unsigned char before[16][WIDTH], after[16][WIDTH];                                                  \
        for (int i = 0; i < 16; i++) memset(before[i], 17 * i + 3, WIDTH);                                         \
        unsigned char *from = &before[0][0], *to = &after[0][0];                                                   \
        asm volatile(FILL(MOVE, REGISTER, WIDTH) "syscall\n" STORE(MOVE, REGISTER, WIDTH)                          \
                     : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(from), "r"(to)                                   \
                     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",      \
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");                      \
        if (memcmp(before, after, sizeof before)) { wrong++; puts("a call changes " #REGISTER); }                  \
    }
#define EACH(F, M, R, W)                                                                                           \
    F(M, R, W, 0) F(M, R, W, 1) F(M, R, W, 2) F(M, R, W, 3) F(M, R, W, 4) F(M, R, W, 5) F(M, R, W, 6) F(M, R, W, 7) \
    F(M, R, W, 8) F(M, R, W, 9) F(M, R, W, 10) F(M, R, W, 11) F(M, R, W, 12) F(M, R, W, 13) F(M, R, W, 14) F(M, R, W, 15)
#define FILL1(M, R, W, N) M " " #N "*" #W "(%4), %%" #R #N "\n"
#define STORE1(M, R, W, N) M " %%" #R #N ", " #N "*" #W "(%5)\n"
#define FILL(M, R, W) EACH(FILL1, M, R, W)
#define STORE(M, R, W) EACH(STORE1, M, R, W)
VECTORS(16, xmm, "movdqu")
VECTORS(32, ymm, "vmovdqu")
VECTORS(64, zmm, "vmovdqu64")

static void check_vectors(long number, long a, long b, long c) {
    check_xmm(number, a, b, c);
    if (__builtin_cpu_supports("avx")) check_ymm(number, a, b, c);
    if (__builtin_cpu_supports("avx512f")) check_zmm(number, a, b, c);
}

static void check_general(void) {
    long red_zone, sum;
    // 128 bytes below RSP belong to the program; the compiler is told by -mno-red-zone to leave them to us.
    asm volatile("movq $77, -8(%%rsp)\n movq $78, -128(%%rsp)\n"
                 "mov $101, %%rbx\n mov $102, %%rsi\n mov $103, %%rdi\n mov $104, %%rdx\n mov $105, %%r8\n"
                 "mov $106, %%r9\n mov $107, %%r10\n mov $108, %%r12\n mov $109, %%r13\n mov $110, %%r14\n mov $111, %%r15\n"
                 "mov $39, %%eax\n syscall\n"
                 "add %%rsi, %%rbx\n add %%rdi, %%rbx\n add %%rdx, %%rbx\n add %%r8, %%rbx\n add %%r9, %%rbx\n"
                 "add %%r10, %%rbx\n add %%r12, %%rbx\n add %%r13, %%rbx\n add %%r14, %%rbx\n add %%r15, %%rbx\n"
                 "mov -8(%%rsp), %%rcx\n add -128(%%rsp), %%rcx\n"
                 : "=b"(sum), "=c"(red_zone)
                 :: "rax", "rsi", "rdi", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
    if (sum != 1166) { wrong++; puts("a call changes a general register"); }
    if (red_zone != 155) { wrong++; puts("a call changes the red zone"); }
    // The flags: carry, and direction, which a kernel must not take over.
    unsigned long flags;
    asm volatile("stc\n std\n mov $39, %%eax\n syscall\n pushfq\n pop %0\n cld\n" : "=r"(flags) :: "rax", "rcx", "r11", "cc", "memory");
    if ((flags & 0x401) != 0x401) { wrong++; puts("a call changes the flags"); }
}

int main(void) {
    static char buffer[100000];
    static long now[2];
    check_vectors(SYS_getpid, 0, 0, 0);
    check_vectors(SYS_clock_gettime, 1, (long)now, 0);
    check_vectors(SYS_uname, (long)buffer, 0, 0);
    check_vectors(SYS_write, 1, (long)"written\n", 8);
    check_vectors(SYS_read, 0, (long)buffer, sizeof buffer);
    check_vectors(SYS_open, (long)"/dev/zero", 0, 0);
    check_vectors(SYS_read, 3, (long)buffer, sizeof buffer);
    check_vectors(SYS_fstat, 1, (long)buffer, 0);
    check_vectors(12345, 0, 0, 0);
    check_general();
    puts(wrong ? "wrong" : "right");
    return wrong;
}
