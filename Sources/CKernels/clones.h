// Compiles a function once for each generation of the processor and picks one when the program is loaded.
#pragma once
#if defined(__x86_64__) && defined(__linux__)
#define CLONED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONED
#endif
#define INLINE static inline __attribute__((always_inline))

// Sixteen floats that need not be aligned; the compiler splits them where registers are narrower.
typedef float lanes16 __attribute__((vector_size(64), aligned(4), may_alias));
