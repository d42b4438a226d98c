/* The loops of bench/kernels/vector.k in C, as `kernels.c` does it for the kernel library. */

#include <math.h>

#include "entry.h"

void axpy_f32(int64_t n, float a, const float x[restrict n], float y[restrict n]) {
    for (int64_t i = 0; i < n; i++) y[i] = a * x[i] + y[i];
}

void axpy_f64(int64_t n, double a, const double x[restrict n], double y[restrict n]) {
    for (int64_t i = 0; i < n; i++) y[i] = a * x[i] + y[i];
}

void stream_triad(int64_t n, double a[restrict n], const double b[restrict n], const double c[restrict n], double s) {
    for (int64_t i = 0; i < n; i++) a[i] = b[i] + s * c[i];
}

void jacobi_row(int64_t n, const double above[restrict n], const double row[restrict n], const double below[restrict n],
                double out[restrict n]) {
    for (int64_t i = 1; i < n - 1; i++) out[i] = 0.25 * (row[i - 1] + row[i + 1] + above[i] + below[i]);
}

void divide_roots(int64_t n, const double a[restrict n], const double b[restrict n], double out[restrict n]) {
    for (int64_t i = 0; i < n; i++) out[i] = sqrt(a[i]) / b[i];
}

#define MAP(name, function) \
    void name(int64_t n, const double x[restrict n], double out[restrict n]) { \
        for (int64_t i = 0; i < n; i++) out[i] = function(x[i]); \
    }

MAP(exp_array, exp)
MAP(log_array, log)
MAP(sin_array, sin)
MAP(cos_array, cos)
MAP(tanh_array, tanh)
MAP(erf_array, erf)

void pow_array(int64_t n, const double x[restrict n], const double y[restrict n], double out[restrict n]) {
    for (int64_t i = 0; i < n; i++) out[i] = pow(x[i], y[i]);
}

double sum_array(int64_t n, const double x[restrict n]) {
    double total = 0.0;
    for (int64_t i = 0; i < n; i++) total += x[i];
    return total;
}

double dot_array(int64_t n, const double x[restrict n], const double y[restrict n]) {
    double total = 0.0;
    for (int64_t i = 0; i < n; i++) total += x[i] * y[i];
    return total;
}

double min_array(int64_t n, const double x[restrict n]) {
    double best = x[0];
    for (int64_t i = 1; i < n; i++) best = x[i] < best ? x[i] : best;
    return best;
}

double max_array(int64_t n, const double x[restrict n]) {
    double best = x[0];
    for (int64_t i = 1; i < n; i++) best = x[i] > best ? x[i] : best;
    return best;
}

int64_t count_above(int64_t n, const double x[restrict n], double limit) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += x[i] > limit;
    return count;
}

void blur_u8(int64_t rows, int64_t columns, const uint8_t image[restrict rows][columns], uint8_t out[restrict rows][columns]) {
    for (int64_t i = 1; i < rows - 1; i++)
        for (int64_t j = 1; j < columns - 1; j++) {
            int total = 0;
            for (int di = -1; di <= 1; di++)
                for (int dj = -1; dj <= 1; dj++) total += image[i + di][j + dj];
            out[i][j] = (uint8_t)(total / 9);
        }
}

void levenshtein_pairs(int64_t m, int64_t n, int64_t pairs, const uint8_t a[restrict m][pairs], const uint8_t b[restrict n][pairs],
                       int64_t row[restrict n + 1][pairs], int64_t out[restrict pairs]) {
    for (int64_t p = 0; p < pairs; p++) {
        for (int64_t j = 0; j <= n; j++) row[j][p] = j;
        for (int64_t i = 0; i < m; i++) {
            int64_t diagonal = row[0][p];
            row[0][p] = i + 1;
            for (int64_t j = 0; j < n; j++) {
                int64_t cost = diagonal + (a[i][p] != b[j][p]);
                diagonal = row[j + 1][p];
                int64_t other = (diagonal < row[j][p] ? diagonal : row[j][p]) + 1;
                row[j + 1][p] = cost < other ? cost : other;
            }
        }
        out[p] = row[n][p];
    }
}

ENTRY(axpy_f32, axpy_f32(a[2].i, a[0].s, a[1].p, a[3].p))
ENTRY(axpy_f64, axpy_f64(a[2].i, a[0].f, a[1].p, a[3].p))
ENTRY(stream_triad, stream_triad(a[1].i, a[0].p, a[2].p, a[4].p, a[6].f))
ENTRY(jacobi_row, jacobi_row(a[3].i, a[0].p, a[2].p, a[4].p, a[6].p))
ENTRY(divide_roots, divide_roots(a[1].i, a[0].p, a[2].p, a[4].p))
ENTRY(exp_array, exp_array(a[1].i, a[0].p, a[2].p))
ENTRY(log_array, log_array(a[1].i, a[0].p, a[2].p))
ENTRY(sin_array, sin_array(a[1].i, a[0].p, a[2].p))
ENTRY(cos_array, cos_array(a[1].i, a[0].p, a[2].p))
ENTRY(tanh_array, tanh_array(a[1].i, a[0].p, a[2].p))
ENTRY(erf_array, erf_array(a[1].i, a[0].p, a[2].p))
ENTRY(pow_array, pow_array(a[1].i, a[0].p, a[2].p, a[4].p))
ENTRY(sum_array, r->f = sum_array(a[1].i, a[0].p))
ENTRY(dot_array, r->f = dot_array(a[1].i, a[0].p, a[2].p))
ENTRY(min_array, r->f = min_array(a[1].i, a[0].p))
ENTRY(max_array, r->f = max_array(a[1].i, a[0].p))
ENTRY(count_above, r->i = count_above(a[1].i, a[0].p, a[2].f))
ENTRY(blur_u8, blur_u8(a[1].i, a[2].i, a[0].p, a[3].p))
ENTRY(levenshtein_pairs, levenshtein_pairs(a[1].i, a[4].i, a[2].i, a[0].p, a[3].p, a[6].p, a[9].p))
