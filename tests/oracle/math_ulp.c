/* How far f64 results are from the true value, in units of the last place.

   gcc -O2 tests/oracle/math_ulp.c -lm -o math_ulp
   cargo run --release -p kjit-compiler --example math_points -- exp 100000000 | ./math_ulp exp

   Reads triples of f64 (x, y, result; y counts for functions of two arguments only), prints the largest error, where it is, and
   how many results are not correctly rounded.

   The true value comes from glibc's 64-bit functions (long double of x86), which are off by a few units of their own last place,
   that is by a few thousandths of one of f64. Wherever a hundredth could change what is printed, and for special values, glibc's
   113-bit functions decide: the largest error, and the hard points, whose true value lies that close to the middle of two f64. */

#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef _Float128 q;

/* More than the 64-bit functions are off, in units of the last place of f64. */
static const double UNSURE = 0.01;

struct function {
    const char *name;
    long double (*near)(long double, long double);
    q (*exact)(q, q);
};

#define ONES(F) F(sqrt) F(exp) F(exp2) F(expm1) F(log) F(log2) F(log10) F(log1p) F(sin) F(cos) F(tan) F(asin) F(acos) F(atan) \
    F(sinh) F(cosh) F(tanh) F(asinh) F(acosh) F(atanh) F(cbrt) F(erf) F(erfc) F(tgamma) F(lgamma)
#define TWOS(F) F(pow) F(atan2) F(hypot)

#define ONE(f) \
    static long double f##_near(long double x, long double y) { (void)y; return f##l(x); } \
    static q f##_exact(q x, q y) { (void)y; return f##f128(x); }
#define TWO(f) \
    static long double f##_near(long double x, long double y) { return f##l(x, y); } \
    static q f##_exact(q x, q y) { return f##f128(x, y); }
ONES(ONE)
TWOS(TWO)

#define ENTRY(f) {#f, f##_near, f##_exact},
static const struct function functions[] = {ONES(ENTRY) TWOS(ENTRY){"gamma", tgamma_near, tgamma_exact}};

/* Anything from 1e9 on is a wrong special value. */
static double error(q true_value, double got) {
    double rounded = (double)true_value;
    if (isnan(rounded) || isnan(got)) return isnan(rounded) && isnan(got) ? 0 : 1e9;
    if (rounded == 0 && got == 0) return !signbit(got) == !signbit(true_value) ? 0 : 2e9;
    if (isinf(rounded) && rounded == got) return 0;
    if (isinf(true_value)) return 3e9;
    int exponent;
    frexpf128(true_value, &exponent);
    if (exponent < -1021) exponent = -1021;
    if (exponent > 1024) exponent = 1024;
    q there = isinf(got) ? copysignf128(ldexpf128(1, 1024), got) : (q)got;
    return (double)ldexpf128(fabsf128(there - true_value), 53 - exponent);
}

/* The same by the 64-bit function, for results in the middle of the range; below zero elsewhere. */
static double error_near(long double true_value, double got) {
    long double size = fabsl(true_value);
    if (!(size > 0x1p-1000L && size < 0x1p1000L) || !isfinite(got)) return -1;
    union { long double value; struct { unsigned long long mantissa; unsigned short exponent; } bits; } unit = {.value = size};
    unit.bits.mantissa = 1ULL << 63;
    unit.bits.exponent -= 52;
    return (double)(fabsl(got - true_value) / unit.value);
}

int main(int count, char **arguments) {
    const struct function *f = functions, *end = functions + sizeof functions / sizeof *functions;
    while (count == 2 && f < end && strcmp(f->name, arguments[1])) f++;
    if (count != 2 || f == end) return fprintf(stderr, "usage: math_ulp FUNCTION < triples\n"), 2;
    static double triples[4096][3];
    double worst = 0, x = 0, y = 0;
    long long total = 0, wrong = 0, hard = 0;
    for (size_t got; (got = fread(triples, sizeof *triples, 4096, stdin)) > 0; total += got) {
        for (size_t at = 0; at < got; at++) {
            double *t = triples[at], e = error_near(f->near(t[0], t[1]), t[2]);
            int is_hard = fabs(e - 0.5) < UNSURE;
            if (e < 0 || e > worst - UNSURE || is_hard) e = error(f->exact(t[0], t[1]), t[2]);
            hard += is_hard;
            wrong += e > 0.5;
            if (e > worst) { worst = e; x = t[0]; y = t[1]; }
        }
    }
    printf("%-8s %lld results (%lld hard ones), at most %.4f ULP (at %a, %a), %.3f %% not correctly rounded\n", f->name, total, hard,
           worst, x, y, 100.0 * wrong / total);
}
