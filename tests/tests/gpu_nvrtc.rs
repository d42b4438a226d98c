//! Emitted CUDA C through the real compiler, for every architecture that the issue names, and what the disassembler shows.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use kjit::{ArgTy, DType, Options};
use kjit_compiler::backend::cuda::Lines;
use kjit_compiler::backend::cuda::math::{MathUse, definitions, name1, name2, random};
use kjit_compiler::infer::{NoHost, annotated_signature};
use kjit_compiler::ir::grid::GridVariant;
use kjit_compiler::numerics::math::{MathFn1, MathFn2};
use kjit_compiler::pipeline::{self, Request};
use kjit_compiler::syntax;
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
        ("the kernel library compiles", the_kernel_library_compiles),
        ("the case files compile", the_case_files_compile),
        ("code shapes", code_shapes),
        ("loops that stream through arrays", streams),
        ("counting into arrays", bins),
        ("sums in the processor's order", ordered),
        ("rows and columns", rows),
    ];
    libtest_mimic::run(&args, trials(tests, toolkit().err().as_deref())).exit();
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

/// The text that a function with these arguments becomes; nothing if no loop of it does.
fn emitted(source: &str, function: &str, args: &[ArgTy]) -> Option<(String, Vec<String>)> {
    let (ast, _) = syntax::parse(source);
    let options = Options::default();
    let request = Request { ast: &ast, source, function, args, options: &options, host: &NoHost };
    let front = pipeline::front(&request, &mut |_| {}).ok()?;
    let kernels = pipeline::kernels(&front, Lines::Directives { source, file: "case.k" });
    (!kernels.source.is_empty()).then_some((kernels.source, kernels.options))
}

fn compile(
    text: &str,
    options: &[String],
    architecture: u32,
    variant: GridVariant,
) -> Result<Vec<u8>, String> {
    let mut defines: String = variant.defines().iter().map(|name| format!("#define {name} 1\n")).collect();
    defines.push_str(text);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    toolkit()?.compile(&defines, architecture, &options)
}

/// The text of every kernel with a loop for the GPU, as `main` compiles it without arguments.
fn library() -> Vec<(String, String, Vec<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "k") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let (ast, _) = syntax::parse(&source);
        let Ok(args) = annotated_signature(&ast, "main") else { continue };
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some((text, options)) = emitted(&source, "main", &args) {
            found.push((name, text, options));
        }
    }
    found.sort();
    found
}

fn the_kernel_library_compiles() {
    let library = library();
    assert!(library.len() > 10, "only {} kernels have loops for the GPU", library.len());
    let mut problems = String::new();
    for (name, text, options) in &library {
        for architecture in ARCHITECTURES {
            if let Err(error) = compile(text, options, architecture, GridVariant::default()) {
                let _ = writeln!(problems, "{name}, sm_{architecture}: {error}");
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

/// The texts that the stand-in for NVRTC was given when the case files ran, which is before this. The newest ones: older states
/// of the compiler leave theirs.
fn the_case_files_compile() {
    const MOST: usize = 300;
    let mut texts: Vec<_> = standin()
        .map(kjit_tests::gpu::Standin::texts)
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

/// What the emitter promises about its code: no local memory, no call in index arithmetic, few registers.
fn code_shapes() {
    let source = "def saxpy(a: f32, x: f32[::1], y: f32[::1]):\n    for i in prange(len(x)):\n        y[i] = a * x[i] + y[i]\n\n\
                  def total(x: f64[::1]) -> f64:\n    s = 0.0\n    for i in prange(len(x)):\n        s += x[i]\n    return s\n\n\
                  def blur(u: f64[:, ::1], v: f64[:, ::1]):\n    for i in prange(1, u.shape[0] - 1):\n        \
                  for j in prange(1, u.shape[1] - 1):\n            \
                  v[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])\n";
    let (ast, _) = syntax::parse(source);
    for (function, most_registers) in [("saxpy", 48), ("total", 64), ("blur", 64)] {
        let args = annotated_signature(&ast, function).unwrap();
        let (text, options) = emitted(source, function, &args).unwrap();
        let image = compile(&text, &options, 90, GridVariant::default()).unwrap();
        for kernel in toolkit().unwrap().disassemble(&image).unwrap() {
            let name = &kernel.kernel;
            assert_eq!(
                (kernel.count("LDL"), kernel.count("STL")),
                (0, 0),
                "{name} has local memory:\n{text}"
            );
            assert!(kernel.registers <= most_registers, "{name}: {} registers\n{text}", kernel.registers);
            // The error record is written by a function of its own, which a call is fine for.
            if !text.contains("fail(") {
                assert_eq!(kernel.count("CALL"), 0, "{name} calls:\n{text}");
            }
        }
    }
}

/// Loops that wait for memory: pieces of 16 bytes, several of them loaded before the first store, few registers, no calls.
fn streams() {
    let source = "@njit(boundscheck=False)\ndef saxpy(a: f32, x: f32[::1], y: f32[::1]):\n    for i in prange(len(x)):\n        \
                  y[i] = a * x[i] + y[i]\n\n\
                  @njit(boundscheck=False)\ndef triad(s: f64, a: f64[::1], b: f64[::1], c: f64[::1]):\n    for i in prange(len(a)):\n        \
                  a[i] = b[i] + s * c[i]\n\n\
                  @njit(boundscheck=False)\ndef fused(x: f64[:], y: f64[:], z: f64[:]):\n    for i in prange(len(x)):\n        \
                  t = x[i] - y[i]\n        z[i] = t * t + 2.0 * x[i] * y[i] - y[i] + abs(t)\n\n\
                  @njit(boundscheck=False)\ndef copy(x: u8[::1], y: u8[::1]):\n    for i in prange(len(x)):\n        y[i] = x[i]\n\n\
                  @njit(boundscheck=False)\ndef total(x: f64[::1]) -> f64:\n    s = 0.0\n    for i in prange(len(x)):\n        s += x[i]\n    return s\n\n\
                  @njit(boundscheck=False)\ndef largest(x: f32[::1]) -> f32:\n    s = x[0]\n    for i in prange(len(x)):\n        s = max(s, x[i])\n    return s\n\n\
                  @njit(boundscheck=False)\ndef dot(x: f64[:], y: f64[:]) -> f64:\n    s = 0.0\n    for i in prange(len(x)):\n        s += x[i] * y[i]\n    return s\n";
    let (ast, _) = syntax::parse(source);
    // Name, least wide loads and stores, most registers.
    let wanted: [(&str, usize, usize, u32); 7] = [
        ("saxpy", 8, 4, 64),
        ("triad", 4, 2, 48),
        ("fused", 4, 2, 48),
        ("copy", 4, 4, 64),
        ("total", 4, 0, 64),
        ("largest", 4, 0, 64),
        ("dot", 8, 0, 80),
    ];
    let mut table = String::new();
    for (function, loads, stores, most_registers) in wanted {
        let args = annotated_signature(&ast, function).unwrap();
        let (text, options) = emitted(source, function, &args).unwrap();
        for architecture in ARCHITECTURES {
            for variant in GridVariant::ALL {
                let image = compile(&text, &options, architecture, variant).unwrap();
                if architecture != 90 {
                    continue;
                }
                let sass = toolkit().unwrap().disassemble(&image).unwrap();
                let kernel = sass.iter().find(|kernel| !kernel.kernel.ends_with("_finish")).unwrap();
                let (wide_loads, wide_stores) = (kernel.count("LDG.E.128"), kernel.count("STG.E.128"));
                let _ = writeln!(
                    table,
                    "{function} {variant:?}: {wide_loads} wide loads, {wide_stores} wide stores, {} registers",
                    kernel.registers
                );
                assert!(wide_loads >= loads && wide_stores >= stores, "{table}\n{text}");
                assert!(kernel.registers <= most_registers, "{table}\n{text}");
                let bad = kernel.count("CALL") + kernel.count("LDL") + kernel.count("STL");
                assert_eq!(bad, 0, "{function} calls, or has local memory:\n{text}");
            }
        }
    }
    let _ = std::io::Write::write_all(&mut std::io::stdout(), table.as_bytes());
}

/// Histograms: 32-bit additions in shared memory, one addition per bin and block in the end.
fn bins() {
    let source = "@njit(boundscheck=False)\ndef count(x: u8[::1], h: i64[::1]):\n    for i in prange(len(x)):\n        h[x[i]] += 1\n\n\
                  @njit(boundscheck=False)\ndef small(x: u8[::1], h: i32[::1]):\n    for i in prange(len(x)):\n        h[x[i]] += 1\n";
    let (ast, _) = syntax::parse(source);
    for function in ["count", "small"] {
        let args = annotated_signature(&ast, function).unwrap();
        let (text, options) = emitted(source, function, &args).unwrap();
        for architecture in ARCHITECTURES {
            let image = compile(&text, &options, architecture, GridVariant::default()).unwrap();
            if architecture != 90 {
                continue;
            }
            for kernel in toolkit().unwrap().disassemble(&image).unwrap() {
                assert!(kernel.count("ATOMS") > 0, "{function} has no additions in shared memory:\n{text}");
                assert_eq!(kernel.count("ATOMS.CAS"), 0, "{function} adds by a loop of exchanges:\n{text}");
                assert!(kernel.count("RED") + kernel.count("ATOMG") > 0, "{text}");
                assert_eq!(kernel.count("LDL") + kernel.count("STL") + kernel.count("CALL"), 0, "{text}");
            }
        }
    }
}

/// Elements that are combined in order stay in registers where threads own them, and so do regrouped sums.
fn ordered() {
    let source = "@njit(boundscheck=False)\ndef columns(x: f64[:, ::1], s: f64[::1]):\n    for i in prange(x.shape[0]):\n        \
                  for j in range(x.shape[1]):\n            s[j] += x[i, j]\n\n\
                  @njit(boundscheck=False)\ndef weighted(x: i64[::1], w: f64[::1], h: f64[::1]):\n    for i in prange(len(x)):\n        \
                  h[x[i]] += w[i]\n\n\
                  @njit(boundscheck=False, fastmath={'reassoc'})\ndef distances(a: f64[:, ::1], b: f64[::1], out: f64[::1]):\n    \
                  for i in prange(a.shape[0]):\n        s = 0.0\n        for j in range(a.shape[1]):\n            \
                  d = a[i, j] - b[j]\n            s += d * d\n        out[i] = s\n";
    let (ast, _) = syntax::parse(source);
    let mut table = String::new();
    for (function, most_registers) in [("columns", 64), ("weighted", 64), ("distances", 200)] {
        let args = annotated_signature(&ast, function).unwrap();
        let (text, options) = emitted(source, function, &args).unwrap();
        for architecture in ARCHITECTURES {
            for variant in GridVariant::ALL {
                let image = compile(&text, &options, architecture, variant).unwrap();
                if architecture != 90 || variant.is_wide {
                    continue;
                }
                for kernel in toolkit().unwrap().disassemble(&image).unwrap() {
                    let name = &kernel.kernel;
                    let (loads, stores) = (kernel.count("LDG"), kernel.count("STG"));
                    let _ = writeln!(
                        table,
                        "{name} {variant:?}: {loads} loads, {stores} stores, {} registers",
                        kernel.registers
                    );
                    let bad = kernel.count("CALL") + kernel.count("LDL") + kernel.count("STL");
                    assert_eq!(bad, 0, "{name} calls, or has local memory:\n{table}{text}");
                    assert!(kernel.registers <= most_registers, "{table}\n{text}");
                }
            }
        }
    }
    let _ = std::io::Write::write_all(&mut std::io::stdout(), table.as_bytes());
}

/// Rows come through shared memory in pieces of 16 bytes, many asked for before the first is used, and regrouped ones by whole warps; a
/// map in two dimensions loads for four rows at once.
fn rows() {
    let source = "@njit(boundscheck=False)\ndef doubles(x: f64[:, ::1], y: f64[::1]):\n    for i in prange(x.shape[0]):\n        s = 0.0\n        \
                  for j in range(x.shape[1]):\n            s += x[i, j]\n        y[i] = s\n\n\
                  @njit(boundscheck=False)\ndef singles(x: f32[:, ::1], y: f64[::1]):\n    for i in prange(x.shape[0]):\n        s = 0.0\n        \
                  for j in range(x.shape[1]):\n            s += x[i, j]\n        y[i] = s\n\n\
                  @njit(boundscheck=False)\ndef product(a: f64[:, ::1], x: f64[::1], y: f64[::1]):\n    for i in prange(a.shape[0]):\n        s = 0.0\n        \
                  for j in range(a.shape[1]):\n            s += a[i, j] * x[j]\n        y[i] = s\n\n\
                  @njit(boundscheck=False)\ndef softmax(x: f64[:, ::1], y: f64[::1]):\n    for i in prange(x.shape[0]):\n        top = -1e300\n        \
                  for j in range(x.shape[1]):\n            top = max(top, x[i, j])\n        s = 0.0\n        \
                  for j in range(x.shape[1]):\n            s += math.exp(x[i, j] - top)\n        y[i] = top + math.log(s)\n\n\
                  @njit(boundscheck=False)\ndef columns(x: f64[:, ::1], y: f64[::1]):\n    for j in prange(x.shape[1]):\n        s = 0.0\n        \
                  for i in range(x.shape[0]):\n            s += x[i, j]\n        y[j] = s\n\n\
                  @njit(boundscheck=False, fastmath={'reassoc'})\ndef regrouped(x: f64[:, ::1], y: f64[::1]):\n    for i in prange(x.shape[0]):\n        \
                  s = 0.0\n        for j in range(x.shape[1]):\n            s += x[i, j]\n        y[i] = s\n\n\
                  @njit(boundscheck=False)\ndef stencil(u: f64[:, ::1], v: f64[:, ::1]):\n    for i in prange(1, u.shape[0] - 1):\n        \
                  for j in prange(1, u.shape[1] - 1):\n            \
                  v[i, j] = 0.5 * u[i, j] + 0.125 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])\n\n\
                  @njit(boundscheck=False)\ndef bytes(u: u8[:, ::1], v: u8[:, ::1]):\n    for i in prange(u.shape[0]):\n        \
                  for j in prange(u.shape[1]):\n            v[i, j] = u[i, j] // 2 + v[i, j]\n";
    let (ast, _) = syntax::parse(source);
    // Name, what loads begin like and how many are in flight, most registers.
    let wanted = [
        ("doubles", "LDG.E.128", 32, 128),
        ("singles", "LDG.E.128", 32, 128),
        ("product", "LDG.E.128", 32, 128),
        ("softmax", "LDG.E.128", 64, 208),
        ("columns", "LDG.E.64", 64, 128),
        ("regrouped", "LDG.E.64", 8, 80),
        ("stencil", "LDG.E.64", 14, 64),
        ("bytes", "LDG.E.128", 4, 64),
    ];
    let mut table = String::new();
    for (function, load, least, most_registers) in wanted {
        let args = annotated_signature(&ast, function).unwrap();
        let (text, options) = emitted(source, function, &args).unwrap();
        for architecture in ARCHITECTURES {
            for variant in GridVariant::ALL {
                // All of them everywhere would take minutes.
                if variant.may_alias || (architecture != 90 && variant.is_wide) {
                    continue;
                }
                let image = compile(&text, &options, architecture, variant).unwrap();
                if architecture != 90 {
                    continue;
                }
                for kernel in toolkit().unwrap().disassemble(&image).unwrap() {
                    let loads = kernel.count(load);
                    let _ = writeln!(
                        table,
                        "{function} {variant:?}: {loads} {load}, {} registers",
                        kernel.registers
                    );
                    assert!(loads >= least && kernel.registers <= most_registers, "{table}\n{text}");
                    let bad = kernel.count("LDL") + kernel.count("STL");
                    assert_eq!(bad, 0, "{function} has local memory:\n{table}{text}");
                    if function == "stencil" || function == "bytes" {
                        let divides = kernel.count("MUFU.RCP") + kernel.count("I2F");
                        assert_eq!(divides, 0, "{function} divides to count its iterations:\n{text}");
                    }
                    if !variant.is_wide && !text.contains("fail(") && function != "softmax" {
                        assert_eq!(kernel.count("CALL"), 0, "{function} calls:\n{table}{text}");
                    }
                }
            }
        }
    }
    let _ = std::io::Write::write_all(&mut std::io::stdout(), table.as_bytes());
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
