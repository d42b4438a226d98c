/* Kernels of the tests in src/gpu/loops_tests.rs, with the parameters that their `GridLaunch`es say. */

struct record { unsigned lock, code; unsigned long long iteration; unsigned block, thread; unsigned long long args[8]; };

/* k_scale(int n, double *y, long stride, double a) */
static int k_scale(void **arguments, const unsigned *blocks, const unsigned *threads) {
    int n = AT(int, 0);
    (void)blocks, (void)threads;
    for (int i = 0; i < n; i++) AT(double *, 1)[i * AT(long, 2)] *= AT(double, 3);
    return 0;
}
/* k_partial(int n, const double *y, double *partials, unsigned blocks), k_finish(partials, blocks, results, initial) */
static int k_partial(void **arguments, const unsigned *blocks, const unsigned *threads) {
    int n = AT(int, 0), total = (int)(blocks[0] * threads[0]);
    if (AT(unsigned, 3) != blocks[0]) return 719;
    for (unsigned block = 0; block < blocks[0]; block++) {
        double sum = 0.0;
        for (int i = (int)(block * threads[0]); i < n; i += total)
            for (int k = i; k < n && k < i + (int)threads[0]; k++) sum += AT(double *, 1)[k];
        AT(double *, 2)[block] = sum;
    }
    return 0;
}
static int k_finish(void **arguments, const unsigned *blocks, const unsigned *threads) {
    (void)blocks, (void)threads;
    double sum = AT(double, 3);
    for (unsigned k = 0; k < AT(unsigned, 1); k++) sum += AT(double *, 0)[k];
    *AT(double *, 2) = sum;
    return 0;
}
/* k_fail(record *, int n) */
static int k_fail(void **arguments, const unsigned *blocks, const unsigned *threads) {
    struct record *record = AT(struct record *, 0);
    (void)blocks, (void)threads;
    if (record->lock || record->code) return 719;
    record->lock = 1, record->code = 1, record->iteration = 5, record->block = 3, record->thread = 231;
    record->args[0] = (unsigned long long)AT(int, 1);
    return 0;
}
/* k_wild(): an illegal address */
#define MORE {"k_scale", k_scale}, {"k_partial", k_partial}, {"k_finish", k_finish}, {"k_fail", k_fail}, {"k_wild", wild}
