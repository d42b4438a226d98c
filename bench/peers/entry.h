/* The uniform entry `call_NAME` of each function, so that a harness needs no description of C types:
 *
 *     void call_NAME(const slot *args, slot *result)
 *
 * `args` holds, in the order of the kernel's parameters, one slot per scalar, and for an array its address and then one slot
 * per dimension; a complex scalar takes two slots, real and imaginary part. `result` gets the return value, if there is one.
 */

#include <stdint.h>

typedef union {
    int64_t i;
    double f;
    float s;
    void *p;
} slot;

#define ENTRY(name, call) \
    void call_##name(const slot *a, slot *r) { (void)r; call; }
