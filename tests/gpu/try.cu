extern "C" __global__ void __launch_bounds__(256) saxpy(const double *__restrict__ x, double *__restrict__ y, double a, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) y[i] = __fma_rn(a, x[i], y[i]);
}
extern "C" __global__ void sum(const double *x, double *out, long long n) {
    __shared__ double part[32];
    double s = 0.0;
    for (long long i = threadIdx.x; i < n; i += blockDim.x) s += x[i];
    for (int o = 16; o; o >>= 1) s += __shfl_xor_sync(0xffffffffu, s, o);
    if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = s;
    __syncthreads();
    if (threadIdx.x == 0) { double t = 0; for (int w = 0; w < blockDim.x / 32; w++) t += part[w]; *out = exp(t); }
}
