// Goes behind the text: the module's table, and a line `KJIT_SHIM_KERNEL(name)` per kernel after this one.
#pragma once

extern "C" {
__attribute__((visibility("hidden"))) const kjit_shim::Runtime *kjit_shim_runtime = nullptr;
extern __attribute__((weak, visibility("hidden"))) unsigned char __start_kjit_shared[];
extern __attribute__((weak, visibility("hidden"))) unsigned char __stop_kjit_shared[];
// As much as a block can have on any GPU.
__attribute__((visibility("hidden"), aligned(128))) unsigned char kjit_shim_dynamic[232448] = {};
}

namespace kjit_shim {
static Module module = {nullptr, __start_kjit_shared, __stop_kjit_shared, kjit_shim_dynamic, sizeof(kjit_shim_dynamic)};

template <class... A> struct Entry {};
template <class T> struct Plain {
    using Type = T;
};
template <class T> struct Plain<const T> {
    using Type = T;
};

// The arguments arrive as an array of pointers to them, as `cuLaunchKernel` has it.
template <class F, class... Done> void enter(F kernel, void **, Entry<>, Done... done) { kernel(done...); }
template <class F, class First, class... Rest, class... Done>
void enter(F kernel, void **params, Entry<First, Rest...>, Done... done) {
    typename Plain<First>::Type value;
    __builtin_memcpy(&value, *params, sizeof(value));
    enter(kernel, params + 1, Entry<Rest...>{}, done..., value);
}
template <class... A> void enter_kernel(void (*kernel)(A...), void **params) {
    enter(kernel, params, Entry<A...>{});
}

struct Registered : Kernel {
    template <class... A> Registered(const char *name, void (*enter)(void **), void (*)(A...)) : Kernel{} {
        static const unsigned sizes[] = {static_cast<unsigned>(sizeof(A))..., 0u};
        this->name = name;
        this->enter = enter;
        this->param_count = static_cast<int>(sizeof...(A));
        this->param_sizes = sizes;
        this->next = module.kernels;
        module.kernels = this;
    }
};
} // namespace kjit_shim

extern "C" __attribute__((visibility("default"))) kjit_shim::Module *kjit_shim_bind(const kjit_shim::Runtime *runtime) {
    kjit_shim_runtime = runtime;
    return &kjit_shim::module;
}

#define KJIT_SHIM_KERNEL(kernel)                                                                                       \
    namespace kjit_shim {                                                                                              \
    static void enter_##kernel(void **params) { enter_kernel(&::kernel, params); }                                     \
    static Registered register_##kernel(#kernel, enter_##kernel, &::kernel);                                           \
    }
