/* `kjit run kernels/saxpy.k` with the code linked in: what a process costs that compiles and loads nothing.
 * With -DEMPTY an empty program: what a process costs.
 *
 *     cc -std=c11 -O3 -march=native start.c -o start            cc -std=c11 -O3 -DEMPTY start.c -o empty
 */

#ifdef EMPTY
int main(void) { return 0; }
#else
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void saxpy(float a, int64_t n, const float x[restrict n], float y[restrict n]) {
    for (int64_t i = 0; i < n; i++) y[i] = a * x[i] + y[i];
}

int main(void) {
    int64_t n = 1000000;
    float *x = malloc((size_t)n * sizeof(float)), *y = malloc((size_t)n * sizeof(float));
    if (!x || !y) return 1;
    for (int64_t i = 0; i < n; i++) {
        x[i] = (float)(i % 1024);
        y[i] = (float)(0.5 * (double)(i % 7));
    }
    saxpy(2.0f, n, x, y);
    float min = y[0], max = y[0];
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        min = y[i] < min ? y[i] : min;
        max = y[i] > max ? y[i] : max;
        sum += y[i];
    }
    printf("y f32 (%lld) %g %g %g %g %g %g %g\n", (long long)n, min, max, sum / (double)n, y[0], y[1], y[2], y[3]);
    free(x);
    free(y);
    return 0;
}
#endif
