//! Kernels for a GPU, as text: every function of the library, and small ones read by eye.
//!
//! `KJIT_SHOW=saxpy cargo test -p kjit-compiler --test cuda library -- --nocapture` prints the text of one kernel.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test reads the kernels and may show what becomes of them"
)]

use std::path::Path;

use kjit_compiler::backend::cuda::{Kernels, Lines};
use kjit_compiler::base::Options;
use kjit_compiler::infer::{ArgTy, NoHost, annotated_signature};
use kjit_compiler::ir::grid::GridLoop;
use kjit_compiler::pipeline::{self, Request};
use kjit_compiler::syntax;

fn kernels(source: &str, function: &str, args: &[ArgTy], options: &Options) -> Kernels {
    let (ast, errors) = syntax::parse::parse(source);
    assert!(errors.is_empty(), "{errors:#?}");
    let request = Request { ast: &ast, source, function, args, options, host: &NoHost };
    let front =
        pipeline::front(&request, &mut |_| {}).unwrap_or_else(|errors| panic!("{function}: {errors:#?}"));
    pipeline::kernels(&front, Lines::Comments { source })
}

/// Of the annotated types.
fn annotated(source: &str, function: &str) -> Kernels {
    let (ast, _) = syntax::parse::parse(source);
    let args = annotated_signature(&ast, function).unwrap_or_else(|e| panic!("{function}: {e:?}"));
    kernels(source, function, &args, &Options::default())
}

#[test]
fn library() {
    let shown = std::env::var("KJIT_SHOW").unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut mapped, mut refused) = (0, Vec::new());
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "k")) {
        let source = std::fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let found = annotated(&source, "main");
        if shown == name || shown == "all" {
            println!("// ================ {name}\n{}", found.source);
        }
        if let Ok(to) = std::env::var("KJIT_CUDA_TO") {
            std::fs::write(Path::new(&to).join(format!("{name}.cu")), &found.source).unwrap();
        }
        for remark in &found.remarks {
            if !shown.is_empty() {
                println!("{name}:{}: {}", remark.span.line_column(&source).0, remark.text);
            }
        }
        for (_, l) in found.loops.values() {
            match l {
                GridLoop::Mapped(_) => mapped += 1,
                GridLoop::Host { reason, .. } => refused.push(format!("{name}: {reason}")),
            }
        }
    }
    println!("{mapped} loops mapped; on the processor:\n{}", refused.join("\n"));
}

/// Read by eye: a fast copy behind one condition, in tiles and what is left of them, a checked copy behind `else`.
#[test]
fn a_loop_with_checks() {
    let source = "import numpy as np\nfrom kjit import f64, prange\n\n\ndef scale(a: f64[:], b: f64[:], s: f64):\n    \
                  for i in prange(a.shape[0]):\n        a[i] = s * b[i]\n";
    let text = annotated(source, "scale").source;
    let kernel = text.split_once("// Line 6: for i in prange(a.shape[0]):\n").expect("a head").1;
    let fast = "// One iteration per thread; many in tiles of 2048, 8 per thread.\n\
                extern \"C\" __global__ void __launch_bounds__(256) scale_loop0(\n    ErrorRecord* error,\n    \
                index_t trip,\n    index_t tiles,\n    f64 s,\n    f64* RESTRICT a,\n";
    assert!(kernel.starts_with(fast), "{kernel}");
    let tiles = "b_dim0 >= trip) {\n        for (index_t tile = (index_t)blockIdx.x; tile < tiles; tile += (index_t)gridDim.x) {\n";
    let rest = "        #pragma unroll 1\n        for (index_t i = tiles * 2048 + first_x(); i < trip; i += step_x()) {\n";
    let checked = "    } else {\n        // 6: for i in prange(a.shape[0]):\n        for (index_t i = first_x(); i < trip; i += step_x()) {\n";
    for part in [tiles, rest, checked] {
        assert!(kernel.contains(part), "{kernel}");
    }
    assert_eq!(kernel.matches("// IndexError\n").count(), 1, "{kernel}");
    assert!(!text.contains("#include"));
}
