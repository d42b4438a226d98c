//! Emitted CUDA C through the real compiler, for every architecture that the issue names, and what the disassembler shows.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use kjit::DType;
use kjit_compiler::backend::cuda::math::{MathUse, definitions, name1, name2, random};
use kjit_compiler::numerics::math::{MathFn1, MathFn2};
use kjit_tests::gpu::{standin, toolkit, trials};
use libtest_mimic::Arguments;

/// Compute capabilities times ten.
const ARCHITECTURES: [u32; 4] = [75, 80, 90, 100];
const OPTIONS: [&str; 2] = ["--std=c++17", "--fmad=false"];

fn main() {
    let args = Arguments::from_args();
    let tests: &[(&str, fn())] = &[
        ("mathematical functions compile", mathematical_functions),
        ("the disassembler's view", the_disassemblers_view),
        ("the case files compile", the_case_files_compile),
    ];
    libtest_mimic::run(&args, trials(tests, toolkit().err())).exit();
}

/// The types of the prelude.
const TYPES: &str = "typedef int i32;\ntypedef long long i64;\ntypedef unsigned int u32;\ntypedef unsigned long long u64;\n\
                     typedef float f32;\ntypedef double f64;\n\n";

fn mathematical_functions() {
    let toolkit = toolkit().unwrap();
    let mut uses = BTreeSet::new();
    let mut kernels = String::new();
    for ty in [DType::F64, DType::F32] {
        for &function in MathFn1::ALL {
            uses.insert(MathUse::One(function, ty));
            let name = name1(function, ty);
            let _ = writeln!(
                kernels,
                "extern \"C\" __global__ void k_{name}({ty}* x) {{ x[threadIdx.x] = {name}(x[threadIdx.x]); }}"
            );
        }
        for &function in MathFn2::ALL {
            uses.insert(MathUse::Two(function, ty));
            let name = name2(function, ty);
            let _ = writeln!(
                kernels,
                "extern \"C\" __global__ void k_{name}({ty}* x) {{ x[threadIdx.x] = {name}(x[threadIdx.x], x[0]); }}"
            );
        }
    }
    kernels.push_str(
        "extern \"C\" __global__ void k_random(f64* x, i64* n)\n{\n    kj_random s = kj_random_of(1, 2, threadIdx.x, 3, 4);\n    \
         x[threadIdx.x] = kj_random_normal(&s, 0.0, 1.0) + kj_random_uniform(&s, 0.0, 2.0) + kj_random_standard_exponential(&s);\n    \
         n[threadIdx.x] = kj_random_randint(&s, 0, 1000);\n    kj_random_seed(&s, 5);\n    \
         x[threadIdx.x + 1] = kj_random_f64(&s) + (f64)kj_random_lineage(1, 2, 3, 4);\n}\n",
    );
    let text = format!("{TYPES}{}{}{kernels}", definitions(&uses), random());
    // All of them once more for each architecture would take a minute.
    for architecture in [75, 90] {
        let image = toolkit.compile(&text, architecture, &OPTIONS).unwrap();
        assert_eq!(&image[..4], b"\x7fELF");
        if architecture == 90 {
            let sass = toolkit.disassemble(&image).unwrap();
            let of = |name: &str| sass.iter().find(|kernel| kernel.kernel == name).unwrap();
            for name in ["k_kj_exp", "k_kj_log", "k_kj_sin", "k_kj_pow", "k_kj_expf", "k_random"] {
                let kernel = of(name);
                assert_eq!((kernel.count("LDL"), kernel.count("STL")), (0, 0), "{name} spills");
                assert!(kernel.registers < 80, "{name}: {} registers", kernel.registers);
            }
            // Without contraction nothing is fused but what the functions ask for.
            assert!(of("k_kj_exp").count("DFMA") > 5 && of("k_kj_exp").count("DMUL") > 0);
        }
    }
}

/// The texts that the stand-in for NVRTC was given when the case files ran, which is before this. The newest ones: older states
/// of the compiler leave theirs.
fn the_case_files_compile() {
    const MOST: usize = 300;
    let mut texts: Vec<_> = standin()
        .map(|standin| standin.texts())
        .unwrap_or_default()
        .into_iter()
        .filter(|(_, text)| text.contains("index_t"))
        .collect();
    texts.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    texts.truncate(MOST);
    let mut problems = String::new();
    for (number, (_, text)) in texts.iter().enumerate() {
        // One architecture each, in turn: all of them would take minutes.
        let architecture = ARCHITECTURES[number % ARCHITECTURES.len()];
        if let Err(error) = toolkit().unwrap().compile(text, architecture, &OPTIONS) {
            let _ = writeln!(problems, "sm_{architecture}: {error}");
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

fn the_disassemblers_view() {
    let toolkit = toolkit().unwrap();
    let text = "extern \"C\" __global__ void wide(float4* x) { float4 v = x[threadIdx.x]; v.x *= 2.0f; x[threadIdx.x] = v; }\n\
                extern \"C\" __global__ void divides(long long* x) { x[0] /= x[1]; }\n";
    let sass = toolkit.disassemble(&toolkit.compile(text, 90, &OPTIONS).unwrap()).unwrap();
    let of = |name: &str| sass.iter().find(|kernel| kernel.kernel == name).unwrap();
    assert_eq!((of("wide").count("LDG.E.128"), of("wide").count("CALL")), (1, 0));
    assert!(of("wide").registers > 0);
    assert_eq!(of("divides").count("CALL"), 1);
    let error = toolkit.compile("#line 7 \"mine.k\"\nint f() { return x; }", 90, &OPTIONS).unwrap_err();
    assert!(error.contains("mine.k(7)"), "{error}");
    for architecture in ARCHITECTURES {
        assert!(toolkit.architectures().contains(&architecture), "sm_{architecture}");
    }
}
