//! The mathematical functions of the language, and its random streams, as device functions in CUDA C.
//!
//! ```text
//! MathUse::One(Exp, F64)   ->   static __device__ f64 kj_exp(f64 x) { ... }    the same bits as on the processor
//! MathUse::One(Exp, F32)   ->   static __device__ f32 kj_expf(f32 x) { ... }   computed in f64, rounded once
//! ```
//!
//! What `numerics` writes over abstract lanes is written here by an implementation of lanes that prints
//! (`graph.rs`, `print.rs`); the rest is written by hand (`by_hand.rs`) after the functions of `numerics` that it must equal.
//! Out: text that needs the types `i64 u64 i32 u32 f32 f64` of the prelude and nothing else. Products are
//! `__dmul_rn`, which the compiler never fuses with a sum. Under `fastmath` a kernel calls CUDA's own functions
//! ([`fast_name1`]) and nothing of this is needed.

mod by_hand;
mod complex;
mod graph;
mod print;
mod random;
mod sink;

use std::collections::BTreeSet;

pub use complex::{ComplexUse, complex_name};
pub use random::random;

use crate::numerics::math::{
    MathFn1, MathFn2, one_narrow_on_lanes, one_on_lanes, two_narrow_on_lanes, two_on_lanes,
};
use crate::types::DType;

/// A function at a width, `F32` or `F64`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MathUse {
    /// Of one argument.
    One(MathFn1, DType),
    /// Of two.
    Two(MathFn2, DType),
}

/// What the function is called in the text.
#[must_use]
pub fn name1(function: MathFn1, ty: DType) -> String {
    name(function.name(), ty)
}

/// The same for two arguments.
#[must_use]
pub fn name2(function: MathFn2, ty: DType) -> String {
    name(function.name(), ty)
}

fn name(function: &str, ty: DType) -> String {
    let suffix = if ty == DType::F32 { "f" } else { "" };
    format!("kj_{function}{suffix}")
}

/// CUDA's own function of that meaning, for `fastmath`; nothing if it has none.
#[must_use]
pub fn fast_name1(function: MathFn1, ty: DType) -> Option<String> {
    let name = match function {
        MathFn1::Gamma => "tgamma",
        MathFn1::Degrees | MathFn1::Radians => return None,
        _ => function.name(),
    };
    Some(if ty == DType::F32 { format!("{name}f") } else { name.to_owned() })
}

/// The same for two arguments.
#[must_use]
pub fn fast_name2(function: MathFn2, ty: DType) -> Option<String> {
    let name = match function {
        MathFn2::Ldexp | MathFn2::Logaddexp | MathFn2::Logaddexp2 => return None,
        _ => function.name(),
    };
    Some(if ty == DType::F32 { format!("{name}f") } else { name.to_owned() })
}

/// The definitions of these functions with all that they need, callees first.
#[must_use]
pub fn definitions(uses: &BTreeSet<MathUse>) -> String {
    definitions_with(uses, &BTreeSet::new())
}

/// The same with functions of complex numbers; the type `c128` of the prelude comes before them.
#[must_use]
pub fn definitions_with(uses: &BTreeSet<MathUse>, complex: &BTreeSet<ComplexUse>) -> String {
    let mut tables = print::Tables::default();
    let mut functions = String::new();
    let of_complex = complex::text(complex);
    let (needed, mut parts) = complex::needed(&of_complex);
    let uses: BTreeSet<MathUse> = uses.union(&needed).copied().collect();
    for one in uses {
        functions.push_str(&definition(one, &mut tables, &mut parts));
    }
    format!("{}{}{functions}{of_complex}", tables.text(), by_hand::parts(&parts))
}

/// One function; tables and parts that it needs are noted.
fn definition(of: MathUse, tables: &mut print::Tables, parts: &mut BTreeSet<by_hand::Part>) -> String {
    let graph = graph::Graph::default();
    let (x, y) = (graph.argument(0), graph.argument(1));
    let (name, ty, value) = match of {
        MathUse::One(function, ty) => {
            let value = match ty {
                DType::F32 => one_narrow_on_lanes(&graph, function, x),
                _ => one_on_lanes(&graph, function, x),
            };
            (name1(function, ty), ty, value)
        }
        MathUse::Two(function, ty) => {
            let value = match ty {
                DType::F32 => two_narrow_on_lanes(&graph, function, x, y),
                _ => two_on_lanes(&graph, function, x, y),
            };
            (name2(function, ty), ty, value)
        }
    };
    let Some(value) = value else { return by_hand::function(of, parts) };
    let count = if matches!(of, MathUse::One(..)) { 1 } else { 2 };
    print::function(&name, ty == DType::F32, count, graph.finish(value), tables)
}
