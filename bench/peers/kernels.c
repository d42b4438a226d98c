/* The hot functions of the library in kernels/ in C: the same loops and the same order of operations, no index checks, `restrict`
 * wherever the kernel's arrays may not overlap.
 *
 * C11, no dependencies but libm. Without -fopenmp everything is serial; with it the loops run in parallel that are `prange`
 * in the kernel (float sums then depend on the number of threads). Keep -ffp-contract=off and leave -ffast-math out where
 * results are compared: kjit neither contracts nor reorders.
 *
 *     cc -std=c11 -O3 -march=native -ffp-contract=off -shared -fPIC kernels.c vector.c -o kernels.so -lm
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"


#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- vectors ---- */

void saxpy(float a, int64_t n, const float x[restrict n], float y[restrict n]) {
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++) y[i] = a * x[i] + y[i];
}

void triad(int64_t n, double a[restrict n], const double b[restrict n], const double c[restrict n], double s) {
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++) a[i] = b[i] + s * c[i];
}

double dot(int64_t n, const double x[restrict n], const double y[restrict n]) {
    double s = 0.0;
#pragma omp parallel for reduction(+ : s)
    for (int64_t i = 0; i < n; i++) s += x[i] * y[i];
    return s;
}

void prefix_sum(int64_t n, const double x[restrict n], double out[restrict n]) {
    double total = 0.0;
    for (int64_t i = 0; i < n; i++) {
        total += x[i];
        out[i] = total;
    }
}

void prefix_sum_blocked(int64_t n, const double x[restrict n], double out[restrict n]) {
    enum { BLOCK = 4096 };
    int64_t blocks = n / BLOCK;
    double *restrict sums = calloc((size_t)MAX(blocks, 1), sizeof(double));
#pragma omp parallel for
    for (int64_t b = 0; b < blocks; b++) {
        double total = 0.0;
        for (int64_t j = 0; j < BLOCK; j++) {
            total += x[b * BLOCK + j];
            out[b * BLOCK + j] = total;
        }
        sums[b] = total;
    }
    double before = 0.0;
    for (int64_t b = 0; b < blocks; b++) {
        double own = sums[b];
        sums[b] = before;
        before += own;
    }
#pragma omp parallel for
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t j = 0; j < BLOCK; j++) out[b * BLOCK + j] += sums[b];
    for (int64_t i = blocks * BLOCK; i < n; i++) {
        before += x[i];
        out[i] = before;
    }
    free(sums);
}

void fir_filter(int64_t n, const double x[restrict n], int64_t taps, const double h[restrict taps], int64_t m,
                double out[restrict m]) {
    (void)n;
#pragma omp parallel for
    for (int64_t i = 0; i < m; i++) {
        double total = 0.0;
        for (int64_t k = 0; k < taps; k++) total += h[k] * x[i + taps - 1 - k];
        out[i] = total;
    }
}

/* ---- matrices ---- */

void matmul_ijk(int64_t m, int64_t p, int64_t n, const double a[restrict m][p], const double b[restrict p][n],
                double c[restrict m][n]) {
#pragma omp parallel for
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double s = 0.0;
            for (int64_t k = 0; k < p; k++) s += a[i][k] * b[k][j];
            c[i][j] = s;
        }
}

void matmul_ikj(int64_t m, int64_t p, int64_t n, const double a[restrict m][p], const double b[restrict p][n],
                double c[restrict m][n]) {
#pragma omp parallel for
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) c[i][j] = 0.0;
        for (int64_t k = 0; k < p; k++) {
            double aik = a[i][k];
            for (int64_t j = 0; j < n; j++) c[i][j] += aik * b[k][j];
        }
    }
}

void matmul_jki(int64_t m, int64_t p, int64_t n, const double a[restrict m][p], const double b[restrict p][n],
                double c[restrict m][n]) {
#pragma omp parallel for
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < m; i++) c[i][j] = 0.0;
        for (int64_t k = 0; k < p; k++) {
            double bkj = b[k][j];
            for (int64_t i = 0; i < m; i++) c[i][j] += a[i][k] * bkj;
        }
    }
}

void matmul_blocked(int64_t m, int64_t p, int64_t n, const double a[restrict m][p], const double b[restrict p][n],
                    double c[restrict m][n]) {
    enum { BLOCK = 32 };
#pragma omp parallel for
    for (int64_t band = 0; band < (m + BLOCK - 1) / BLOCK; band++) {
        int64_t first = band * BLOCK, last = MIN(first + BLOCK, m);
        for (int64_t i = first; i < last; i++)
            for (int64_t j = 0; j < n; j++) c[i][j] = 0.0;
        for (int64_t k0 = 0; k0 < p; k0 += BLOCK)
            for (int64_t i = first; i < last; i++)
                for (int64_t k = k0; k < MIN(k0 + BLOCK, p); k++) {
                    double aik = a[i][k];
                    for (int64_t j = 0; j < n; j++) c[i][j] += aik * b[k][j];
                }
    }
}

void lu(int64_t n, double a[restrict n][n], int64_t pivots[restrict n]) {
    for (int64_t k = 0; k < n; k++) {
        int64_t p = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabs(a[i][k]) > fabs(a[p][k])) p = i;
        pivots[k] = p;
        if (a[p][k] == 0.0) return;
        if (p != k)
            for (int64_t j = 0; j < n; j++) {
                double t = a[k][j];
                a[k][j] = a[p][j];
                a[p][j] = t;
            }
        for (int64_t i = k + 1; i < n; i++) {
            a[i][k] /= a[k][k];
            double factor = a[i][k];
            for (int64_t j = k + 1; j < n; j++) a[i][j] -= factor * a[k][j];
        }
    }
}

void cholesky(int64_t n, const double a[restrict n][n], double l[restrict n][n]) {
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j <= i; j++) {
            double s = a[i][j];
            for (int64_t k = 0; k < j; k++) s -= l[i][k] * l[j][k];
            if (i > j) {
                l[i][j] = s / l[j][j];
            } else {
                if (s <= 0.0) return;
                l[i][i] = sqrt(s);
            }
        }
        for (int64_t j = i + 1; j < n; j++) l[i][j] = 0.0;
    }
}

void floyd_warshall(int64_t n, double d[restrict n][n]) {
    for (int64_t k = 0; k < n; k++)
        for (int64_t i = 0; i < n; i++) {
            double dik = d[i][k];
            for (int64_t j = 0; j < n; j++) {
                double through = dik + d[k][j];
                if (through < d[i][j]) d[i][j] = through;
            }
        }
}

void floyd_warshall_parallel(int64_t n, double d[restrict n][n]) {
    double *restrict row = malloc((size_t)MAX(n, 1) * sizeof(double));
    for (int64_t k = 0; k < n; k++) {
        memcpy(row, d[k], (size_t)n * sizeof(double));
#pragma omp parallel for
        for (int64_t i = 0; i < n; i++) {
            double dik = d[i][k];
            for (int64_t j = 0; j < n; j++) {
                double through = dik + row[j];
                if (through < d[i][j]) d[i][j] = through;
            }
        }
    }
    free(row);
}

void spmv(int64_t n, const int64_t *restrict indptr, const int64_t *restrict indices, const double *restrict data,
          const double *restrict x, double y[restrict n]) {
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++) {
        double s = 0.0;
        for (int64_t k = indptr[i]; k < indptr[i + 1]; k++) s += data[k] * x[indices[k]];
        y[i] = s;
    }
}

void pairwise_distance(int64_t m, int64_t n, int64_t d, const double x[restrict m][d], const double y[restrict n][d],
                       double out[restrict m][n]) {
#pragma omp parallel for
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double total = 0.0;
            for (int64_t k = 0; k < d; k++) {
                double step = x[i][k] - y[j][k];
                total += step * step;
            }
            out[i][j] = sqrt(total);
        }
}

/* ---- grids ---- */

void heat(int64_t m, int64_t n, const double u[restrict m][n], double out[restrict m][n], double k) {
#pragma omp parallel for
    for (int64_t i = 1; i < m - 1; i++)
        for (int64_t j = 1; j < n - 1; j++)
            out[i][j] = u[i][j] + k * (u[i - 1][j] + u[i + 1][j] + u[i][j - 1] + u[i][j + 1] - 4.0 * u[i][j]);
}

double jacobi(int64_t m, int64_t n, const double u[restrict m][n], const double f[restrict m][n],
              double out[restrict m][n], double h) {
    double change = 0.0;
#pragma omp parallel for reduction(max : change)
    for (int64_t i = 1; i < m - 1; i++)
        for (int64_t j = 1; j < n - 1; j++) {
            double new = 0.25 * (u[i - 1][j] + u[i + 1][j] + u[i][j - 1] + u[i][j + 1] + h * h * f[i][j]);
            double by = fabs(new - u[i][j]);
            if (by > change) change = by;
            out[i][j] = new;
        }
    return change;
}

void convolve2d(int64_t h, int64_t w, const double image[restrict h][w], int64_t kh, int64_t kw,
                const double weights[restrict kh][kw], int64_t m, int64_t n, double out[restrict m][n]) {
#pragma omp parallel for
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double total = 0.0;
            for (int64_t p = 0; p < kh; p++)
                for (int64_t q = 0; q < kw; q++) total += weights[p][q] * image[i + kh - 1 - p][j + kw - 1 - q];
            out[i][j] = total;
        }
}

void game_of_life(int64_t m, int64_t n, const uint8_t cells[restrict m][n], uint8_t out[restrict m][n]) {
#pragma omp parallel for
    for (int64_t i = 0; i < m; i++) {
        int64_t up = i == 0 ? m - 1 : i - 1, down = i + 1 == m ? 0 : i + 1;
        for (int64_t j = 0; j < n; j++) {
            int64_t left = j == 0 ? n - 1 : j - 1, right = j + 1 == n ? 0 : j + 1;
            int64_t around = cells[up][left] + cells[up][j] + cells[up][right] + cells[i][left] + cells[i][right] +
                             cells[down][left] + cells[down][j] + cells[down][right];
            out[i][j] = around == 3 || (around == 2 && cells[i][j] == 1);
        }
    }
}

static int64_t escape_time(double cx, double cy, int64_t max_iter) {
    double x = 0.0, y = 0.0;
    for (int64_t step = 0; step < max_iter; step++) {
        double xx = x * x, yy = y * y;
        if (xx + yy > 4.0) return step;
        y = 2.0 * x * y + cy;
        x = xx - yy + cx;
    }
    return max_iter;
}

void mandelbrot(int64_t height, int64_t width, double image[restrict height][width], double x_min, double x_max,
                double y_min, double y_max, int64_t max_iter) {
    double dx = (x_max - x_min) / (double)width, dy = (y_max - y_min) / (double)height;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < height; i++) {
        double cy = y_max - ((double)i + 0.5) * dy;
        for (int64_t j = 0; j < width; j++) {
            double cx = x_min + ((double)j + 0.5) * dx;
            image[i][j] = (double)escape_time(cx, cy, max_iter);
        }
    }
}

static int64_t julia_steps(double x, double y, double cx, double cy, int64_t max_iter) {
    for (int64_t step = 0; step < max_iter; step++) {
        if (x * x + y * y > 4.0) return step;
        double re = x * x - y * y, im = x * y + y * x;
        x = re + cx;
        y = im + cy;
    }
    return max_iter;
}

void julia(int64_t height, int64_t width, double image[restrict height][width], double c_re, double c_im,
           double radius, int64_t max_iter) {
    double pixel = 2.0 * radius / (double)MIN(width, height);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < height; i++) {
        double y = (0.5 * (double)height - (double)i - 0.5) * pixel;
        for (int64_t j = 0; j < width; j++) {
            double x = ((double)j + 0.5 - 0.5 * (double)width) * pixel;
            image[i][j] = (double)julia_steps(x, y, c_re, c_im, max_iter);
        }
    }
}

/* ---- simulation ---- */

void nbody(int64_t n, const double x[restrict n], const double y[restrict n], const double z[restrict n],
           const double m[restrict n], double ax[restrict n], double ay[restrict n], double az[restrict n], double eps) {
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++) {
        double xi = x[i], yi = y[i], zi = z[i], sx = 0.0, sy = 0.0, sz = 0.0;
        for (int64_t j = 0; j < n; j++) {
            double dx = x[j] - xi, dy = y[j] - yi, dz = z[j] - zi;
            double r2 = dx * dx + dy * dy + dz * dz + eps * eps;
            double w = m[j] / (r2 * sqrt(r2));
            sx += w * dx;
            sy += w * dy;
            sz += w * dz;
        }
        ax[i] = sx;
        ay[i] = sy;
        az[i] = sz;
    }
}

void rk4_lorenz(int64_t n, double state[restrict n][3], int64_t steps, double dt, double sigma, double rho,
                double beta) {
    double half = 0.5 * dt, sixth = dt / 6.0;
#define LORENZ(x, y, z, dx, dy, dz)                                                                                    \
    double dx = sigma * ((y) - (x)), dy = (x) * (rho - (z)) - (y), dz = (x) * (y)-beta * (z)
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++) {
        double x = state[i][0], y = state[i][1], z = state[i][2];
        for (int64_t t = 0; t < steps; t++) {
            LORENZ(x, y, z, x1, y1, z1);
            LORENZ(x + half * x1, y + half * y1, z + half * z1, x2, y2, z2);
            LORENZ(x + half * x2, y + half * y2, z + half * z2, x3, y3, z3);
            LORENZ(x + dt * x3, y + dt * y3, z + dt * z3, x4, y4, z4);
            x += (x1 + 2.0 * x2 + 2.0 * x3 + x4) * sixth;
            y += (y1 + 2.0 * y2 + 2.0 * y3 + y4) * sixth;
            z += (z1 + 2.0 * z2 + 2.0 * z3 + z4) * sixth;
        }
        state[i][0] = x;
        state[i][1] = y;
        state[i][2] = z;
    }
}

/* MT19937 as M. Matsumoto and T. Nishimura, ACM TOMACS 8 (1998) 3-30: what np.random uses. */
static uint32_t mt[624];
static int mt_at = 625;

void seed(uint32_t s) {
    mt[0] = s;
    for (uint32_t i = 1; i < 624; i++) mt[i] = 1812433253u * (mt[i - 1] ^ (mt[i - 1] >> 30)) + i;
    mt_at = 624;
}

static uint32_t mt_twist(uint32_t high, uint32_t low) {
    uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return (y >> 1) ^ (-(y & 1u) & 0x9908b0dfu);
}

static uint32_t mt_next(void) {
    if (mt_at >= 624) {
        if (mt_at > 624) seed(5489u);
        for (int i = 0; i < 227; i++) mt[i] = mt[i + 397] ^ mt_twist(mt[i], mt[i + 1]);
        for (int i = 227; i < 623; i++) mt[i] = mt[i - 227] ^ mt_twist(mt[i], mt[i + 1]);
        mt[623] = mt[396] ^ mt_twist(mt[623], mt[0]);
        mt_at = 0;
    }
    uint32_t y = mt[mt_at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static double mt_double(void) {
    uint32_t a = mt_next() >> 5, b = mt_next() >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}

double pi_serial(int64_t n) {
    int64_t inside = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = mt_double(), y = mt_double();
        if (x * x + y * y < 1.0) inside++;
    }
    return 4.0 * (double)inside / (double)n;
}

/* Philox 4x64-10 (J. K. Salmon et al., SC11), a block of four words per iteration: the generator that a kernel's parallel
   loops draw from, so that both do the same work. */
static void philox(uint64_t key0, uint64_t key1, uint64_t iteration, uint64_t word[4]) {
    word[0] = 1, word[1] = iteration, word[2] = 0, word[3] = 0;
    for (int round = 0; round < 10; round++) {
        unsigned __int128 first = (unsigned __int128)0xd2e7470ee14c6c93u * word[0];
        unsigned __int128 second = (unsigned __int128)0xca5a826395121157u * word[2];
        uint64_t a = (uint64_t)(second >> 64) ^ word[1] ^ key0, c = (uint64_t)(first >> 64) ^ word[3] ^ key1;
        word[1] = (uint64_t)second, word[3] = (uint64_t)first;
        word[0] = a, word[2] = c;
        key0 += 0x9e3779b97f4a7c15u, key1 += 0xbb67ae8584caa73bu;
    }
}

double monte_carlo_pi(int64_t n) {
    int64_t inside = 0;
#pragma omp parallel for reduction(+ : inside)
    for (int64_t i = 0; i < n; i++) {
        uint64_t word[4];
        philox(0, 20221, (uint64_t)i, word);
        double x = (double)(word[0] >> 11) * 0x1p-53, y = (double)(word[1] >> 11) * 0x1p-53;
        if (x * x + y * y < 1.0) inside++;
    }
    return 4.0 * (double)inside / (double)n;
}

/* ---- finance ---- */

static double normal_cdf(double d) { return 0.5 * erfc(-d * 0.7071067811865476); }

void black_scholes(int64_t n, const double spot[restrict n], const double strike[restrict n],
                   const double years[restrict n], double rate, double sigma, double call[restrict n],
                   double put[restrict n]) {
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++) {
        double s = spot[i], spread = sigma * sqrt(years[i]);
        double d1 = (log(s / strike[i]) + (rate + 0.5 * sigma * sigma) * years[i]) / spread, d2 = d1 - spread;
        double paid = strike[i] * exp(-rate * years[i]);
        call[i] = s * normal_cdf(d1) - paid * normal_cdf(d2);
        put[i] = paid * normal_cdf(-d2) - s * normal_cdf(-d1);
    }
}

void option_binomial(int64_t n, const double spot[restrict n], const double strike[restrict n],
                     const double years[restrict n], double rate, double sigma, int64_t steps,
                     double price[restrict n]) {
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++) {
        double dt = years[i] / (double)steps, up = exp(sigma * sqrt(dt));
        double p = (exp(rate * dt) - 1.0 / up) / (up - 1.0 / up), discount = exp(-rate * dt);
        double *restrict value = malloc((size_t)(steps + 1) * sizeof(double));
        double s = spot[i] * pow(up, (double)-steps);
        for (int64_t j = 0; j <= steps; j++) {
            value[j] = MAX(strike[i] - s, 0.0);
            s *= up * up;
        }
        for (int64_t level = steps - 1; level >= 0; level--) {
            s = spot[i] * pow(up, (double)-level);
            for (int64_t j = 0; j <= level; j++) {
                double held = discount * (p * value[j + 1] + (1.0 - p) * value[j]), now = strike[i] - s;
                value[j] = MAX(now, held);
                s *= up * up;
            }
        }
        price[i] = value[0];
        free(value);
    }
}

/* ---- data ---- */

void histogram(int64_t n, const double x[restrict n], double lo, double hi, int64_t bins,
               int64_t counts[restrict bins]) {
    double scale = (double)bins / (hi - lo);
#pragma omp parallel for reduction(+ : counts[ : bins])
    for (int64_t i = 0; i < n; i++)
        if (lo <= x[i] && x[i] < hi) counts[(int64_t)((x[i] - lo) * scale)] += 1;
}

void weighted_histogram(int64_t n, const double x[restrict n], const double w[restrict n], double lo, double hi,
                        int64_t bins, double sums[restrict bins]) {
    double scale = (double)bins / (hi - lo);
#pragma omp parallel for reduction(+ : sums[ : bins])
    for (int64_t i = 0; i < n; i++)
        if (lo <= x[i] && x[i] < hi) sums[(int64_t)((x[i] - lo) * scale)] += w[i];
}

int64_t assign_labels(int64_t n, int64_t k, int64_t d, const double points[restrict n][d],
                      const double centres[restrict k][d], int64_t labels[restrict n]) {
    int64_t changed = 0;
#pragma omp parallel for reduction(+ : changed)
    for (int64_t i = 0; i < n; i++) {
        double best = INFINITY;
        int64_t nearest = 0;
        for (int64_t c = 0; c < k; c++) {
            double distance = 0.0;
            for (int64_t j = 0; j < d; j++) {
                double step = points[i][j] - centres[c][j];
                distance += step * step;
            }
            if (distance < best) {
                best = distance;
                nearest = c;
            }
        }
        if (labels[i] != nearest) {
            labels[i] = nearest;
            changed++;
        }
    }
    return changed;
}

static void move_centres(int64_t n, int64_t k, int64_t d, const double points[restrict n][d],
                         const int64_t labels[restrict n], double centres[restrict k][d]) {
    double *restrict sums = calloc((size_t)(k * d), sizeof(double));
    int64_t *restrict counts = calloc((size_t)k, sizeof(int64_t));
#pragma omp parallel for reduction(+ : counts[ : k], sums[ : k * d])
    for (int64_t i = 0; i < n; i++) {
        int64_t c = labels[i];
        counts[c] += 1;
        for (int64_t j = 0; j < d; j++) sums[c * d + j] += points[i][j];
    }
    for (int64_t c = 0; c < k; c++)
        if (counts[c] > 0)
            for (int64_t j = 0; j < d; j++) centres[c][j] = sums[c * d + j] / (double)counts[c];
    free(sums);
    free(counts);
}

int64_t kmeans(int64_t n, int64_t k, int64_t d, const double points[restrict n][d], double centres[restrict k][d],
               int64_t labels[restrict n], int64_t max_rounds) {
    for (int64_t i = 0; i < n; i++) labels[i] = -1;
    int64_t rounds = 0;
    while (rounds < max_rounds) {
        rounds++;
        if (assign_labels(n, k, d, points, centres, labels) == 0) break;
        move_centres(n, k, d, points, labels, centres);
    }
    return rounds;
}

static void levenshtein_row(uint8_t letter, int64_t n, const uint8_t b[restrict n], const int64_t above[restrict n + 1],
                            int64_t row[restrict n + 1]) {
    for (int64_t j = 1; j <= n; j++) {
        int64_t best = above[j - 1];
        if (letter != b[j - 1]) best++;
        best = MIN(best, above[j] + 1);
        best = MIN(best, row[j - 1] + 1);
        row[j] = best;
    }
}

int64_t levenshtein(int64_t m, const uint8_t a[restrict m], int64_t n, const uint8_t b[restrict n]) {
    int64_t *above = malloc((size_t)(n + 1) * sizeof(int64_t)), *row = calloc((size_t)(n + 1), sizeof(int64_t));
    for (int64_t j = 0; j <= n; j++) above[j] = j;
    for (int64_t i = 1; i <= m; i++) {
        row[0] = i;
        levenshtein_row(a[i - 1], n, b, above, row);
        int64_t *t = above;
        above = row;
        row = t;
    }
    int64_t distance = above[n];
    free(above);
    free(row);
    return distance;
}

int64_t sieve(int64_t size, uint8_t is_prime[restrict size]) {
    int64_t limit = size - 1;
    memset(is_prime, 1, (size_t)size);
    memset(is_prime, 0, (size_t)MIN(size, 2));
    for (int64_t p = 2; p * p <= limit; p++)
        if (is_prime[p])
            for (int64_t multiple = p * p; multiple <= limit; multiple += p) is_prime[multiple] = 0;
    int64_t count = 0;
    for (int64_t i = 0; i <= limit; i++)
        if (is_prime[i]) count++;
    return count;
}

/* ---- the uniform entries ---- */


ENTRY(saxpy, saxpy(a[0].s, a[2].i, a[1].p, a[3].p))
ENTRY(triad, triad(a[1].i, a[0].p, a[2].p, a[4].p, a[6].f))
ENTRY(dot, r->f = dot(a[1].i, a[0].p, a[2].p))
ENTRY(prefix_sum, prefix_sum(a[1].i, a[0].p, a[2].p))
ENTRY(prefix_sum_blocked, prefix_sum_blocked(a[1].i, a[0].p, a[2].p))
ENTRY(fir_filter, fir_filter(a[1].i, a[0].p, a[3].i, a[2].p, a[5].i, a[4].p))
ENTRY(matmul_ijk, matmul_ijk(a[1].i, a[2].i, a[5].i, a[0].p, a[3].p, a[6].p))
ENTRY(matmul_ikj, matmul_ikj(a[1].i, a[2].i, a[5].i, a[0].p, a[3].p, a[6].p))
ENTRY(matmul_jki, matmul_jki(a[1].i, a[2].i, a[5].i, a[0].p, a[3].p, a[6].p))
ENTRY(matmul_blocked, matmul_blocked(a[1].i, a[2].i, a[5].i, a[0].p, a[3].p, a[6].p))
ENTRY(lu, lu(a[1].i, a[0].p, a[3].p))
ENTRY(cholesky, cholesky(a[1].i, a[0].p, a[3].p))
ENTRY(floyd_warshall, floyd_warshall(a[1].i, a[0].p))
ENTRY(floyd_warshall_parallel, floyd_warshall_parallel(a[1].i, a[0].p))
ENTRY(spmv, spmv(a[9].i, a[0].p, a[2].p, a[4].p, a[6].p, a[8].p))
ENTRY(pairwise_distance, pairwise_distance(a[1].i, a[4].i, a[2].i, a[0].p, a[3].p, a[6].p))
ENTRY(heat, heat(a[1].i, a[2].i, a[0].p, a[3].p, a[6].f))
ENTRY(jacobi, r->f = jacobi(a[1].i, a[2].i, a[0].p, a[3].p, a[6].p, a[9].f))
ENTRY(convolve2d, convolve2d(a[1].i, a[2].i, a[0].p, a[4].i, a[5].i, a[3].p, a[7].i, a[8].i, a[6].p))
ENTRY(game_of_life, game_of_life(a[1].i, a[2].i, a[0].p, a[3].p))
ENTRY(mandelbrot, mandelbrot(a[1].i, a[2].i, a[0].p, a[3].f, a[4].f, a[5].f, a[6].f, a[7].i))
ENTRY(julia, julia(a[1].i, a[2].i, a[0].p, a[3].f, a[4].f, a[5].f, a[6].i))
ENTRY(nbody, nbody(a[1].i, a[0].p, a[2].p, a[4].p, a[6].p, a[8].p, a[10].p, a[12].p, a[14].f))
ENTRY(rk4_lorenz, rk4_lorenz(a[1].i, a[0].p, a[3].i, a[4].f, a[5].f, a[6].f, a[7].f))
ENTRY(pi_serial, r->f = pi_serial(a[0].i))
ENTRY(monte_carlo_pi, r->f = monte_carlo_pi(a[0].i))
ENTRY(black_scholes, black_scholes(a[1].i, a[0].p, a[2].p, a[4].p, a[6].f, a[7].f, a[8].p, a[10].p))
ENTRY(option_binomial, option_binomial(a[1].i, a[0].p, a[2].p, a[4].p, a[6].f, a[7].f, a[8].i, a[9].p))
ENTRY(histogram, histogram(a[1].i, a[0].p, a[2].f, a[3].f, a[5].i, a[4].p))
ENTRY(weighted_histogram, weighted_histogram(a[1].i, a[0].p, a[2].p, a[4].f, a[5].f, a[7].i, a[6].p))
ENTRY(assign_labels, r->i = assign_labels(a[1].i, a[4].i, a[2].i, a[0].p, a[3].p, a[6].p))
ENTRY(kmeans, r->i = kmeans(a[1].i, a[4].i, a[2].i, a[0].p, a[3].p, a[6].p, a[8].i))
ENTRY(levenshtein, r->i = levenshtein(a[1].i, a[0].p, a[3].i, a[2].p))
ENTRY(sieve, r->i = sieve(a[1].i, a[0].p))

/* Calls an entry `count` times through its address, so that nothing is inlined or moved out of the loop. */
void repeat(void (*entry)(const slot *, slot *), const slot *args, slot *result, int64_t count) {
    for (int64_t i = 0; i < count; i++) entry(args, result);
}
