#include "fiber.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

// What address sanitizer calls when it is there: a fiber that was left for good leaves its marks on the stack.
extern "C" __attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *, std::size_t);

// Stores the stack pointer at `save`, after the registers that a call keeps, and goes on at `to`.
extern "C" void kjit_shim_switch(void **save, void *to);

#if defined(__x86_64__)
asm(R"(
.text
.hidden kjit_shim_switch
.globl kjit_shim_switch
.type kjit_shim_switch, @function
kjit_shim_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
.size kjit_shim_switch, . - kjit_shim_switch
.section .note.GNU-stack, "", @progbits
.text
)");
constexpr int saved_words = 6;
constexpr int return_word = 6;
#elif defined(__aarch64__)
asm(R"(
.text
.hidden kjit_shim_switch
.globl kjit_shim_switch
.type kjit_shim_switch, %function
kjit_shim_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
.size kjit_shim_switch, . - kjit_shim_switch
.section .note.GNU-stack, "", %progbits
.text
)");
constexpr int saved_words = 20;
constexpr int return_word = 11;
#else
#error "fibers are written for x86-64 and aarch64"
#endif

namespace kjit_shim {

static thread_local Fiber *starting;

static void first() {
    Fiber *fiber = starting;
    fiber->body(fiber->argument);
    std::abort();
}

void Fiber::start(void *stack, std::size_t bytes, void (*body)(void *), void *argument) {
    if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(stack, bytes);
    this->body = body;
    this->argument = argument;
    auto *top = reinterpret_cast<void **>(static_cast<char *>(stack) + bytes);
    // As a call leaves it on x86-64: the return address of `first` is the word above.
    void **frame = top - 4 - saved_words;
    for (void **word = frame; word < top; word++) *word = nullptr;
    frame[return_word] = reinterpret_cast<void *>(&first);
#if defined(__x86_64__)
    // After the `ret` the stack pointer must be 8 off a multiple of 16.
    if ((reinterpret_cast<std::uintptr_t>(frame + saved_words + 1) & 15) != 8) {
        frame -= 1;
        frame[return_word] = reinterpret_cast<void *>(&first);
        frame[return_word + 1] = nullptr;
    }
#endif
    inside = frame;
}

void Fiber::resume() {
    starting = this;
    kjit_shim_switch(&outside, inside);
}

void Fiber::leave() { kjit_shim_switch(&inside, outside); }

constexpr std::size_t guard_bytes = 64 * 1024;

void *Stacks::take() {
    if (!unused.empty()) {
        void *stack = unused.back();
        unused.pop_back();
        return stack;
    }
    void *memory = mmap(nullptr, guard_bytes + bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        std::perror("memory for the stack of a GPU thread");
        std::abort();
    }
    mprotect(memory, guard_bytes, PROT_NONE);
    all.push_back(memory);
    return static_cast<char *>(memory) + guard_bytes;
}

Stacks::~Stacks() {
    for (void *memory : all) munmap(memory, guard_bytes + bytes);
}

} // namespace kjit_shim
