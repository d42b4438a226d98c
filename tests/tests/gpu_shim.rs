//! The stand-ins themselves: hand-written CUDA C with known results, and with planted mistakes that must be found.

use kjit_tests::gpu::{Driver, Failure, standin, trials};
use libtest_mimic::Arguments;

fn main() {
    let args = Arguments::from_args();
    let tests: &[(&str, fn())] = &[
        ("a loop over the grid", a_loop_over_the_grid),
        ("a tree in shared memory and shuffles", a_tree_in_shared_memory_and_shuffles),
        ("warp operations", warp_operations),
        ("atomics and the last block", atomics_and_the_last_block),
        ("a barrier that not all reach is reported", a_barrier_that_not_all_reach_is_reported),
        ("a missing barrier shows", a_missing_barrier_shows),
        ("a race between blocks shows", a_race_between_blocks_shows),
        ("accesses outside are found", accesses_outside_are_found),
        ("an error stays", an_error_stays),
        ("faults by configuration", faults_by_configuration),
        ("wrong text is refused with its line", wrong_text_is_refused_with_its_line),
        ("sanitizers", sanitizers),
    ];
    if let Ok(text) = std::env::var(SANITISED) {
        // A child of the last test: runs one text, and address sanitizer ends the process if it finds something.
        let result =
            run_configured("sanitize = 1\norders = ascending", &text, 1, 30, &doubles(&[1.0; 30]), 30);
        assert!(result.is_ok(), "{result:?}");
        return;
    }
    libtest_mimic::run(&args, trials(tests, standin().err().as_deref())).exit();
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn from_doubles(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(8).map(|word| f64::from_le_bytes(word.try_into().unwrap())).collect()
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn from_words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
}

/// Loads a text and runs its kernel `k` with one array of bytes and a count; gives the array back.
fn run(text: &str, blocks: u32, threads: u32, array: &[u8], count: i32) -> Result<Vec<u8>, Failure> {
    run_configured("", text, blocks, threads, array, count)
}

fn run_configured(
    configuration: &str,
    text: &str,
    blocks: u32,
    threads: u32,
    array: &[u8],
    count: i32,
) -> Result<Vec<u8>, Failure> {
    let pair = standin().unwrap().pair(configuration).unwrap();
    let driver = Driver::start(&pair)?;
    let module = driver.load(text)?;
    let address = driver.upload(array)?;
    let args: [&[u8]; 2] = [&address.to_le_bytes(), &count.to_le_bytes()];
    module.run("k", [blocks, 1, 1], [threads, 1, 1], &args)?;
    let result = driver.download(address, array.len())?;
    driver.free(address)?;
    drop(module);
    assert_eq!((driver.count("live bytes"), driver.count("live modules")), (0, 0));
    Ok(result)
}

fn fails_with(result: Result<Vec<u8>, Failure>, status: i32, words: &[&str]) {
    let failure = result.expect_err("the mistake must be found");
    assert_eq!(failure.status, status, "{failure:?}");
    for word in words {
        assert!(failure.message.contains(word), "`{word}` in {failure:?}");
    }
}

fn a_loop_over_the_grid() {
    let text = r#"
extern "C" __global__ void __launch_bounds__(64) k(double *__restrict__ x, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        x[i] = __fma_rn(2.0, x[i], (double)i);
}
"#;
    for n in [0_usize, 1, 31, 32, 33, 1023, 1024, 1025] {
        let mut values: Vec<f64> = (0..n).map(|i| i as f64 / 8.0).collect();
        values.push(-1.0);
        let want: Vec<f64> = (0..n).map(|i| i as f64 * 1.25).chain([-1.0]).collect();
        assert_eq!(from_doubles(&run(text, 3, 64, &doubles(&values), n as i32).unwrap()), want);
    }
}

fn a_tree_in_shared_memory_and_shuffles() {
    let text = r#"
extern "C" __global__ void k(double *x, int n) {
    __shared__ double part[8];
    extern __shared__ double all[];
    double s = 0.0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) s += x[i];
    all[threadIdx.x] = s;
    for (int o = 16; o; o >>= 1) s += __shfl_xor_sync(0xffffffffu, s, o);
    if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = s;
    __syncthreads();
    for (int half = 128; half; half >>= 1) {
        if (threadIdx.x < half) all[threadIdx.x] += all[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        double t = 0.0;
        for (int w = 0; w < 8; w++) t += part[w];
        x[0] = t;
        x[1] = all[0];
    }
}
"#;
    let standin = standin().unwrap();
    let pair = standin.pair("").unwrap();
    let driver = Driver::start(&pair).unwrap();
    let module = driver.load(text).unwrap();
    let values: Vec<f64> = (1..=1000).map(f64::from).collect();
    let address = driver.upload(&doubles(&values)).unwrap();
    let args: [&[u8]; 2] = [&address.to_le_bytes(), &1000_i32.to_le_bytes()];
    module.run_with("k", [1, 1, 1], [256, 1, 1], 256 * 8, &args).unwrap();
    assert_eq!(from_doubles(&driver.download(address, 16).unwrap()), [500_500.0, 500_500.0]);
    // Without the memory for `all` it writes outside.
    let failure = module.run_with("k", [1, 1, 1], [257, 1, 1], 60_000, &args).unwrap_err();
    assert_eq!(failure.status, 1, "more shared memory than there is: {failure:?}");
}

/// Each lane writes what it got; compared with the same operation done by hand.
fn warp_operations() {
    let text = r#"
extern "C" __global__ void k(unsigned *out, int n) {
    unsigned lane = threadIdx.x & 31u;
    unsigned *o = out + threadIdx.x * 16;
    unsigned v = lane * 10u;
    o[0] = __shfl_sync(0xffffffffu, v, 5);
    o[1] = __shfl_up_sync(0xffffffffu, v, 3);
    o[2] = __shfl_down_sync(0xffffffffu, v, 3);
    o[3] = __shfl_xor_sync(0xffffffffu, v, 1, 8);
    o[4] = __shfl_sync(0xffffffffu, v, 2, 8);
    o[5] = __ballot_sync(0xffffffffu, lane % 3 == 0);
    o[6] = __any_sync(0xffffffffu, lane == 7) + 2 * __all_sync(0xffffffffu, lane < 32);
    o[7] = __match_any_sync(0xffffffffu, lane & 3);
    o[8] = __reduce_add_sync(0xffffffffu, v);
    o[9] = (unsigned)__reduce_min_sync(0xffffffffu, (int)lane - 5);
    o[10] = 77;
    if (lane < 4) o[10] = __shfl_sync(0xfu, v, 3);
    __syncwarp();
    o[11] = __syncthreads_count(threadIdx.x & 1);
    o[12] = __syncthreads_and(threadIdx.x < 64) + 2 * __syncthreads_or(threadIdx.x == 63);
    o[13] = (unsigned)__popc(v) + 100u * __clz(1) + 10000u * __ffs(8);
    o[14] = __brev(1u + lane);
    o[15] = (unsigned)__umul64hi(0x123456789abcdefull, 0xfedcba9876543210ull);
}
"#;
    let got = from_words(&run(text, 1, 64, &words(&[0; 64 * 16]), 0).unwrap());
    for thread in 0..64_u32 {
        let lane = thread % 32;
        let row = &got[thread as usize * 16..][..16];
        let below = lane / 8 * 8;
        let want = [
            50,
            if lane < 3 { lane * 10 } else { (lane - 3) * 10 },
            if lane + 3 > 31 { lane * 10 } else { (lane + 3) * 10 },
            (lane ^ 1) * 10,
            (below + 2) * 10,
            (0..32).filter(|other| other % 3 == 0).fold(0, |mask, other| mask | 1 << other),
            3,
            0x1111_1111 << (lane & 3),
            4960,
            -5_i32 as u32,
            if lane < 4 { 30 } else { 77 },
            32,
            3,
            (lane * 10).count_ones() + 3100 + 40_000,
            (1 + lane).reverse_bits(),
            ((0x0123_4567_89ab_cdef_u128 * 0xfedc_ba98_7654_3210_u128) >> 64) as u32,
        ];
        assert_eq!(row, want, "thread {thread}");
    }
}

fn atomics_and_the_last_block() {
    let text = r#"
extern "C" __global__ void k(unsigned *out, int n) {
    __shared__ unsigned bins[4];
    __shared__ bool is_last;
    if (threadIdx.x < 4) bins[threadIdx.x] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&bins[i & 3], 1u);
    __syncthreads();
    if (threadIdx.x < 4) atomicAdd(&out[threadIdx.x], bins[threadIdx.x]);
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) is_last = atomicAdd(&out[4], 1u) == gridDim.x - 1;
    __syncthreads();
    if (is_last && threadIdx.x == 0) out[5] = out[0] + out[1] + out[2] + out[3];
    // A lock that threads of a block take in turn.
    bool is_done = false;
    while (!is_done) {
        if (atomicCAS(&out[6], 0u, 1u) == 0u) {
            out[7] += 1;
            __threadfence();
            atomicExch(&out[6], 0u);
            is_done = true;
        }
    }
}
"#;
    let got = from_words(&run(text, 4, 64, &words(&[0; 8]), 1001).unwrap());
    assert_eq!(got, [251, 250, 250, 250, 4, 1001, 0, 256]);
}

fn a_barrier_that_not_all_reach_is_reported() {
    let text = r#"extern "C" __global__ void k(double *x, int n) {
    if (threadIdx.x < 64) {
        __syncthreads();
    }
    x[threadIdx.x] = 1.0;
}
"#;
    let result = run(text, 1, 96, &doubles(&[0.0; 96]), 0);
    fails_with(result, 719, &["64 at test.cu:3 (__syncthreads)", "32 have ended", "block (0, 0, 0)"]);
    // A warp operation whose mask names a lane that goes elsewhere.
    let text = r#"extern "C" __global__ void k(double *x, int n) {
    if (threadIdx.x != 9) x[0] = __shfl_sync(0xffffffffu, 1.0, 0);
}
"#;
    fails_with(
        run(text, 1, 32, &doubles(&[0.0]), 0),
        719,
        &["31 at test.cu:2 (__shfl_sync)", "1 have ended"],
    );
}

fn a_missing_barrier_shows() {
    let text = r#"
extern "C" __global__ void k(double *x, int n) {
    __shared__ double s[64];
    s[threadIdx.x] = x[threadIdx.x];
    x[threadIdx.x] = s[63 - threadIdx.x];
}
"#;
    // In one order alone it reads what nobody wrote: not a number.
    let values: Vec<f64> = (0..64).map(f64::from).collect();
    let got = run_configured("orders = ascending", text, 1, 64, &doubles(&values), 0).unwrap();
    assert!(from_doubles(&got).iter().any(|value| value.is_nan()));
    fails_with(run(text, 1, 64, &doubles(&values), 0), 719, &["another order of threads"]);
    let repaired = text.replace("    x[threadIdx.x] = s", "    __syncthreads();\n    x[threadIdx.x] = s");
    let want: Vec<f64> = values.iter().rev().copied().collect();
    assert_eq!(from_doubles(&run(&repaired, 1, 64, &doubles(&values), 0).unwrap()), want);
}

fn a_race_between_blocks_shows() {
    let text = r#"
extern "C" __global__ void k(double *x, int n) {
    if (threadIdx.x == 0) x[0] = blockIdx.x;
}
"#;
    fails_with(run(text, 4, 32, &doubles(&[0.0]), 0), 719, &["another order of threads", "byte"]);
}

fn accesses_outside_are_found() {
    let far = r#"extern "C" __global__ void k(double *x, int n) { x[threadIdx.x * 100000] = 1.0; }"#;
    fails_with(run(far, 1, 32, &doubles(&[0.0; 4]), 0), 700, &["invalid access", "thread (1, 0, 0)"]);
    let behind = r#"extern "C" __global__ void k(double *x, int n) { x[threadIdx.x] = 1.0; }"#;
    fails_with(run(behind, 1, 5, &doubles(&[0.0; 4]), 0), 700, &["behind an array of 32 bytes"]);
    let in_front = r#"extern "C" __global__ void k(double *x, int n) { x[(int)threadIdx.x - 1] = 1.0; }"#;
    fails_with(run(in_front, 1, 5, &doubles(&[0.0; 4]), 0), 700, &["in front of an array of 32 bytes"]);
}

fn an_error_stays() {
    let pair = standin().unwrap().pair("").unwrap();
    let driver = Driver::start(&pair).unwrap();
    let module = driver.load(r#"extern "C" __global__ void k(int n) { if (n) __trap(); }"#).unwrap();
    assert!(module.run("k", [1, 1, 1], [1, 1, 1], &[&0_i32.to_le_bytes()]).is_ok());
    let failure = module.run("k", [1, 1, 1], [1, 1, 1], &[&1_i32.to_le_bytes()]).unwrap_err();
    assert_eq!(failure.status, 710, "{failure:?}");
    assert_eq!(driver.upload(&[1]).unwrap_err().status, 710);
    assert_eq!(driver.synchronize().unwrap_err().status, 710);
}

fn faults_by_configuration() {
    let start = |configuration: &str| {
        let pair = standin().unwrap().pair(configuration).unwrap();
        Driver::start(&pair)
    };
    assert_eq!(start("devices = 0").unwrap_err().status, 100);
    assert_eq!(start("fail = cuInit:999@1").unwrap_err().status, 999);
    let driver = start("memory = 1000\nfail = cuMemcpyHtoD_v2:2@2").unwrap();
    let first = driver.upload(&[0; 600]).unwrap();
    assert_eq!(driver.upload(&[0; 600]).unwrap_err().status, 2, "no memory");
    driver.free(first).unwrap();
    assert_eq!(driver.upload(&[0; 600]).unwrap_err().status, 2, "injected");
    assert_eq!(driver.free(first).unwrap_err().status, 1, "freed twice");
    assert_eq!(driver.count("live allocations"), 1);
}

fn wrong_text_is_refused_with_its_line() {
    let result =
        run("extern \"C\" __global__ void k(double *x, int n) {\n    x[0] = y;\n}\n", 1, 1, &[0; 8], 0);
    fails_with(result, 6, &["test.cu:2", "y"]);
}

/// Names the text that a child process runs.
const SANITISED: &str = "KJIT_TEST_SANITISED";

/// Runs a text in a process of its own, in which address sanitizer is loaded first; what it prints.
fn sanitised(text: &str) -> (bool, String) {
    let library = standin().unwrap().address_sanitizer().unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .env("LD_PRELOAD", library)
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .env("UBSAN_OPTIONS", "print_stacktrace=0")
        .env(SANITISED, text)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn sanitizers() {
    let text = |body: &str| format!("extern \"C\" __global__ void k(double *x, int n) {{\n{body}\n}}\n");
    let good = "__shared__ double s[30]; s[threadIdx.x] = x[threadIdx.x]; __syncthreads(); x[threadIdx.x] = s[29 - threadIdx.x];";
    let (is_good, said) = sanitised(&text(good));
    assert!(is_good, "{said}");
    for (body, words) in [
        ("if (threadIdx.x == 3) x[0] = x[n];", "AddressSanitizer"),
        ("__shared__ double s[30]; s[threadIdx.x + (n >> 4)] = 1.0; x[0] = s[0];", "out of bounds for type"),
        ("x[0] = n + 2147483647;", "signed integer overflow"),
        ("x[0] = (int)(x[0] * 1e30);", "outside the range of representable values"),
        ("x[0] = ((double2 *)(x + 1))->x;", "misaligned address"),
    ] {
        let (is_good, said) = sanitised(&text(body));
        assert!(!is_good && said.contains(words), "{body}: {said}");
        assert!(said.contains("test.cu:2"), "{body}: {said}");
    }
}
