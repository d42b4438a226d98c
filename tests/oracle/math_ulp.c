/* How far f64 results are from the true value, in units of the last place, against the 113-bit functions of glibc.

   gcc -O2 tests/oracle/math_ulp.c -lm -o math_ulp
   cargo run --release -p kjit-compiler --example math_points -- exp 10000000 | ./math_ulp exp

   Reads triples of f64 (x, y, result; y counts for functions of two arguments only), prints the largest error, where it is, and
   how many results are not correctly rounded. */

#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef _Float128 q;

#define ONES(F) F(sqrt) F(exp) F(exp2) F(expm1) F(log) F(log2) F(log10) F(log1p) F(sin) F(cos) F(tan) F(asin) F(acos) F(atan) \
    F(sinh) F(cosh) F(tanh) F(asinh) F(acosh) F(atanh) F(cbrt) F(erf) F(erfc) F(tgamma) F(lgamma)
#define TWOS(F) F(pow) F(atan2) F(hypot)

static q value(const char *name, double x, double y) {
#define ONE(f) if (!strcmp(name, #f)) return f##f128(x);
#define TWO(f) if (!strcmp(name, #f)) return f##f128(x, y);
    ONES(ONE)
    TWOS(TWO)
    if (!strcmp(name, "gamma")) return tgammaf128(x);
    fprintf(stderr, "no function %s\n", name);
    return 0;
}

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

int main(int count, char **arguments) {
    if (count != 2) return 2;
    double triple[3], worst = 0, x = 0, y = 0;
    long long total = 0, wrong = 0;
    while (fread(triple, sizeof triple, 1, stdin) == 1) {
        double e = error(value(arguments[1], triple[0], triple[1]), triple[2]);
        total++;
        wrong += e > 0.5;
        if (e > worst) { worst = e; x = triple[0]; y = triple[1]; }
    }
    printf("%-8s %lld results, at most %.4f ULP (at %a, %a), %.3f %% not correctly rounded\n", arguments[1], total, worst, x, y,
           100.0 * wrong / total);
}
