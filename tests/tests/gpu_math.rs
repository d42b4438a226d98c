//! The mathematical functions and random streams for GPUs, as C that the stand-in runs, against those of the processor: the
//! same bits on points of all sizes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use kjit::DType;
use kjit_compiler::backend::cuda::math::{
    ComplexUse, MathUse, complex_name, definitions, definitions_with, name1, name2, random,
};
use kjit_compiler::numerics::complex;
use kjit_compiler::numerics::math::{MathFn1, MathFn2};
use kjit_compiler::numerics::random::KernelRandom;
use kjit_tests::gpu::{Driver, standin, trials};
use libtest_mimic::Arguments;

fn main() {
    let args = Arguments::from_args();
    let tests: &[(&str, fn())] = &[
        ("functions of one f64", || functions_of_one(DType::F64)),
        ("functions of one f32", || functions_of_one(DType::F32)),
        ("functions of two f64", || functions_of_two(DType::F64)),
        ("functions of two f32", || functions_of_two(DType::F32)),
        ("functions of complex numbers", functions_of_complex_numbers),
        ("random streams", random_streams),
    ];
    libtest_mimic::run(&args, trials(tests, standin().err().as_deref())).exit();
}

/// The types of the prelude.
const TYPES: &str = "typedef int i32;\ntypedef long long i64;\ntypedef unsigned int u32;\ntypedef unsigned long long u64;\n\
                     typedef float f32;\ntypedef double f64;\n\n";

/// How many points each function is compared on, beside the special ones.
const POINTS: usize = 6000;

/// Numbers of all sizes: special ones, any bits, and ranges in which functions change their method.
fn points(seed: u64) -> Vec<f64> {
    let mut points = vec![
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        f64::MAX,
        f64::MIN,
        0.5,
        0.75,
        0.8,
        1.5,
        709.0,
        710.0,
        -745.2,
        1022.0,
        -1075.0,
        4_294_967_296.0,
        1e22,
        172.0,
        -184.0,
    ];
    for whole in -30..=30 {
        points.extend([
            f64::from(whole),
            f64::from(whole) + 0.5,
            f64::from(whole) * std::f64::consts::FRAC_PI_4,
        ]);
    }
    let near: Vec<f64> =
        points.iter().flat_map(|x| [x * (1.0 + f64::EPSILON), x * (1.0 - f64::EPSILON)]).collect();
    points.extend(near);
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let ranges = [1.0, 2.0, 10.0, 40.0, 800.0, 1e5, 1e10];
    for k in 0..POINTS {
        let word = next();
        let unit = (word >> 11) as f64 / 9_007_199_254_740_992.0;
        points.push(match k % 8 {
            7 => f64::from_bits(word),
            range => (2.0 * unit - 1.0) * ranges[range],
        });
    }
    points
}

fn bytes_of(values: &[f64], ty: DType) -> Vec<u8> {
    match ty {
        DType::F32 => values.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

/// The words of an array; any NaN is the same one.
fn words_of(bytes: &[u8], ty: DType) -> Vec<u64> {
    match ty {
        DType::F32 => bytes
            .chunks_exact(4)
            .map(|word| f32::from_le_bytes(word.try_into().unwrap()))
            .map(|x| if x.is_nan() { u64::MAX } else { u64::from(x.to_bits()) })
            .collect(),
        _ => bytes
            .chunks_exact(8)
            .map(|word| f64::from_le_bytes(word.try_into().unwrap()))
            .map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() })
            .collect(),
    }
}

/// Compiles the functions with a kernel each, and runs each kernel on the points.
fn compare(
    uses: &BTreeSet<MathUse>,
    ty: DType,
    name: impl Fn(MathUse) -> (String, &'static str),
    eval: impl Fn(MathUse, f64, f64) -> f64,
) {
    let mut text = TYPES.to_owned() + &definitions(uses);
    for &one in uses {
        let (name, args) = name(one);
        let _ = writeln!(
            text,
            "extern \"C\" __global__ void k_{name}(const {ty}* x, const {ty}* y, {ty}* out, i32 n)\n{{\n    \
             const i32 i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i < n) out[i] = {name}({args});\n}}\n"
        );
    }
    let pair = standin().unwrap().pair("orders = ascending").unwrap();
    let driver = Driver::start(&pair).unwrap();
    let module = driver.load(&text).unwrap();
    let (x, y) = (points(1), points(2));
    // Not the same special number in both places always.
    let y: Vec<f64> = (0..y.len()).map(|k| y[(k * 7 + k / 200) % y.len()]).collect();
    let (x_bytes, y_bytes) = (bytes_of(&x, ty), bytes_of(&y, ty));
    let (x_at, y_at) = (driver.upload(&x_bytes).unwrap(), driver.upload(&y_bytes).unwrap());
    let out_at = driver.upload(&vec![0; x_bytes.len()]).unwrap();
    let count = x.len() as u32;
    let mut wrong = String::new();
    for &one in uses {
        let (name, _) = name(one);
        let args: [&[u8]; 4] =
            [&x_at.to_le_bytes(), &y_at.to_le_bytes(), &out_at.to_le_bytes(), &count.to_le_bytes()];
        module.run(&format!("k_{name}"), [count.div_ceil(256), 1, 1], [256, 1, 1], &args).unwrap();
        let got = words_of(&driver.download(out_at, x_bytes.len()).unwrap(), ty);
        let want: Vec<f64> = x.iter().zip(&y).map(|(&x, &y)| eval(one, x, y)).collect();
        let want = words_of(&bytes_of(&want, ty), ty);
        let differing: Vec<usize> = (0..got.len()).filter(|&k| got[k] != want[k]).collect();
        if let Some(&first) = differing.first() {
            let _ = writeln!(
                wrong,
                "{name}: {} of {} differ, first at {:?}, {:?}: {:x}, not {:x}",
                differing.len(),
                got.len(),
                x[first],
                y[first],
                got[first],
                want[first]
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn functions_of_one(ty: DType) {
    let uses: BTreeSet<MathUse> = MathFn1::ALL.iter().map(|&function| MathUse::One(function, ty)).collect();
    let of = |one: MathUse| match one {
        MathUse::One(function, _) => function,
        MathUse::Two(..) => unreachable!("one argument"),
    };
    let eval = |one, x: f64, _| match ty {
        DType::F32 => f64::from(of(one).eval_f32(x as f32)),
        _ => of(one).eval_f64(x),
    };
    compare(&uses, ty, |one| (name1(of(one), ty), "x[i]"), eval);
}

fn functions_of_two(ty: DType) {
    let uses: BTreeSet<MathUse> = MathFn2::ALL.iter().map(|&function| MathUse::Two(function, ty)).collect();
    let of = |one: MathUse| match one {
        MathUse::Two(function, _) => function,
        MathUse::One(..) => unreachable!("two arguments"),
    };
    let eval = |one, x: f64, y: f64| match ty {
        DType::F32 => f64::from(of(one).eval_f32(x as f32, y as f32)),
        _ => of(one).eval_f64(x, y),
    };
    compare(&uses, ty, |one| (name2(of(one), ty), "x[i], y[i]"), eval);
}

/// Many draws of each kind from the streams of 64 iterations.
fn random_streams() {
    const DRAWS: usize = 40;
    let text = TYPES.to_owned()
        + &random()
        + r#"
extern "C" __global__ void k(f64* out, i64* whole, u64 seed, u64 epoch)
{
    const u32 i = threadIdx.x;
    kj_random stream = kj_random_of(seed, 77, i, epoch, 0);
    for (u32 k = 0; k < 40; k++) {
        f64* o = out + (i * 40 + k) * 5;
        i64* w = whole + (i * 40 + k) * 3;
        o[0] = kj_random_f64(&stream);
        o[1] = kj_random_uniform(&stream, -2.0, 5.0);
        o[2] = kj_random_normal(&stream, 1.0, 3.0);
        o[3] = kj_random_standard_exponential(&stream);
        w[0] = kj_random_randint(&stream, -3, 10);
        w[1] = kj_random_randint(&stream, (i64)(1ULL << 63), 0x7fffffffffffffffLL);
        w[2] = kj_random_randint(&stream, 4, 5);
        o[4] = kj_random_standard_normal(&stream);
        if (k == 20) kj_random_seed(&stream, 5);
    }
}
"#;
    let pair = standin().unwrap().pair("orders = ascending").unwrap();
    let driver = Driver::start(&pair).unwrap();
    let module = driver.load(&text).unwrap();
    let out = driver.upload(&vec![0; 64 * DRAWS * 5 * 8]).unwrap();
    let whole = driver.upload(&vec![0; 64 * DRAWS * 3 * 8]).unwrap();
    let args: [&[u8]; 4] =
        [&out.to_le_bytes(), &whole.to_le_bytes(), &123_u64.to_le_bytes(), &2_u64.to_le_bytes()];
    module.run("k", [1, 1, 1], [64, 1, 1], &args).unwrap();
    let (mut floats, mut integers) = (Vec::new(), Vec::new());
    let mut main = KernelRandom::new(123);
    main.end_loop(1);
    main.end_loop(1);
    for iteration in 0..64 {
        let mut stream = main.for_chunk();
        stream.begin_iteration(77, iteration);
        for k in 0..DRAWS {
            floats.extend([
                stream.random(),
                stream.uniform(-2.0, 5.0),
                stream.normal(1.0, 3.0),
                stream.standard_exponential(),
            ]);
            integers.extend([
                stream.randint(-3, 10),
                stream.randint(i64::MIN, i64::MAX),
                stream.randint(4, 5),
            ]);
            floats.push(stream.standard_normal());
            if k == 20 {
                stream.seed(5);
            }
        }
    }
    let got = words_of(&driver.download(out, floats.len() * 8).unwrap(), DType::F64);
    assert_eq!(got, words_of(&bytes_of(&floats, DType::F64), DType::F64));
    let got = driver.download(whole, integers.len() * 8).unwrap();
    let want: Vec<u8> = integers.iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(got, want);
}

/// Every function of `cmath`, and powers, on all combinations of sizes.
fn functions_of_complex_numbers() {
    let uses: BTreeSet<ComplexUse> = MathFn1::ALL
        .iter()
        .filter(|&&function| complex::eval_one(function, (0.5, 0.5)).is_some())
        .map(|&function| ComplexUse::One(function))
        .chain([ComplexUse::Pow])
        .collect();
    assert_eq!(uses.len(), 18);
    let types = format!("{TYPES}struct c128 {{ f64 re, im; }};\n\n");
    let mut text = types + &definitions_with(&BTreeSet::new(), &uses);
    for &one in &uses {
        let name = complex_name(one);
        let args = match one {
            ComplexUse::One(_) => "{x[i], y[i]}",
            ComplexUse::Pow => "{x[i], y[i]}, {y[(i + 1) % n], i % 3 == 0 ? 0.0 : x[(i + 5) % n]}",
        };
        let _ = writeln!(
            text,
            "extern \"C\" __global__ void k_{name}(const f64* x, const f64* y, c128* out, i32 n)\n{{\n    \
             const i32 i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i < n) out[i] = {name}({args});\n}}\n"
        );
    }
    let pair = standin().unwrap().pair("orders = ascending").unwrap();
    let driver = Driver::start(&pair).unwrap();
    let module = driver.load(&text).unwrap();
    let (x, y) = (points(3), points(4));
    let n = x.len();
    let y: Vec<f64> = (0..n).map(|k| y[(k * 7 + k / 200) % n]).collect();
    let (x_at, y_at) = (
        driver.upload(&bytes_of(&x, DType::F64)).unwrap(),
        driver.upload(&bytes_of(&y, DType::F64)).unwrap(),
    );
    let out_at = driver.upload(&vec![0; 16 * n]).unwrap();
    let mut wrong = String::new();
    for &one in &uses {
        let name = complex_name(one);
        let args: [&[u8]; 4] =
            [&x_at.to_le_bytes(), &y_at.to_le_bytes(), &out_at.to_le_bytes(), &(n as u32).to_le_bytes()];
        module.run(&format!("k_{name}"), [(n as u32).div_ceil(256), 1, 1], [256, 1, 1], &args).unwrap();
        let got = words_of(&driver.download(out_at, 16 * n).unwrap(), DType::F64);
        let want: Vec<f64> = (0..n)
            .flat_map(|k| {
                let z = (x[k], y[k]);
                let (re, im) = match one {
                    ComplexUse::One(function) => complex::eval_one(function, z).unwrap(),
                    ComplexUse::Pow => {
                        complex::pow(z, (y[(k + 1) % n], if k % 3 == 0 { 0.0 } else { x[(k + 5) % n] }))
                    }
                };
                [re, im]
            })
            .collect();
        let want = words_of(&bytes_of(&want, DType::F64), DType::F64);
        let differing: Vec<usize> = (0..2 * n).filter(|&k| got[k] != want[k]).collect();
        if let Some(&first) = differing.first() {
            let (at, got, want) = (first / 2, f64::from_bits(got[first]), f64::from_bits(want[first]));
            let _ = writeln!(
                wrong,
                "{name}: {} numbers differ, first at ({:?}, {:?}): {got:?} for {want:?}",
                differing.len(),
                x[at],
                y[at]
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
