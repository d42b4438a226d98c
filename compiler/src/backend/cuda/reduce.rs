//! Reductions: partial results in registers, combined as a tree of fixed shape within a block, then by a second kernel of one
//! block in the order of the blocks. The number of blocks depends on the loop alone, so the bits are the same on every run and
//! on every device.
//!
//! A minimum or maximum of floats, and one with companions (argmin), remembers the iteration that found it: of equal ones the
//! first counts, as in the loop.

use std::fmt::Write as _;

use super::expr::Text;
use super::literal::literal;
use crate::ir::{Combine, Const, ReduceOp};
use crate::types::DType;
use crate::types::dtype::Kind;

/// An output of the loop with its name in the text.
pub(super) struct Output {
    pub(super) name: String,
    pub(super) dtype: DType,
    pub(super) combine: Combine,
    /// The variable that holds the iteration at which an extremum was found.
    pub(super) found_at: Option<String>,
}

/// Threads of the block that combines partial results.
pub(super) const FINISH_THREADS: u32 = 256;

impl Output {
    fn is_partial(&self) -> bool {
        matches!(self.combine, Combine::Reduce(_) | Combine::With(_))
    }
}

/// Are there results to combine?
pub(super) fn has_partials(outputs: &[Output]) -> bool {
    outputs.iter().any(Output::is_partial)
}

/// A value that changes nothing when combined, as C.
pub(super) fn identity(op: ReduceOp, dtype: DType) -> Text {
    literal(dtype, Const(op.identity(dtype)))
}

/// The number as a word of the calling convention.
pub(super) fn as_word(dtype: DType, name: &str) -> String {
    match dtype {
        DType::F64 => format!("(u64)__double_as_longlong({name})"),
        DType::F32 => format!("(u64)(u32)__float_as_int({name})"),
        dtype if dtype.kind() == Kind::Signed => format!("(u64)(i64){name}"),
        _ => format!("(u64){name}"),
    }
}

/// Bytes of the struct of partial results, as C lays it out.
pub(super) fn partial_bytes(outputs: &[Output]) -> u32 {
    let (mut size, mut align) = (0_u32, 1);
    let mut add = |bytes: u32| {
        size = size.next_multiple_of(bytes) + bytes;
        align = align.max(bytes);
    };
    for output in outputs.iter().filter(|output| output.is_partial()) {
        add(output.dtype.size_bytes() as u32);
    }
    for _ in outputs.iter().filter(|output| output.found_at.is_some()) {
        add(8);
    }
    size.next_multiple_of(align)
}

/// The struct of partial results.
pub(super) fn partial_struct(name: &str, outputs: &[Output]) -> String {
    let mut text = format!("struct {name} {{\n");
    let (mut fields, mut from) = (Vec::new(), String::new());
    for output in outputs.iter().filter(|output| output.is_partial()) {
        fields.push(output.name.clone());
        let _ = writeln!(text, "    {} {};", output.dtype, output.name);
    }
    for found in outputs.iter().filter_map(|output| output.found_at.as_ref()) {
        fields.push(found.clone());
        let _ = writeln!(text, "    u64 {found};");
    }
    let mut take = String::new();
    for line in combined(outputs, "", "other.", true) {
        let _ = writeln!(take, "        {line}");
    }
    for field in fields {
        let _ = writeln!(from, "        p.{field} = down({field}, n);");
    }
    let _ = write!(
        text,
        "    __device__ void take(const {name}& other)\n    {{\n{take}    }}\n    \
         __device__ {name} from(u32 n) const\n    {{\n        {name} p;\n{from}        return p;\n    }}\n}};\n"
    );
    text
}

/// Statements that combine `right` into `left`; `with_ties` looks at which of equal extrema was found first.
fn combined(outputs: &[Output], left: &str, right: &str, with_ties: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (k, output) in outputs.iter().enumerate() {
        let Combine::Reduce(op) = output.combine else { continue };
        let (a, b) = (format!("{left}{}", output.name), format!("{right}{}", output.name));
        if matches!(op, ReduceOp::Min | ReduceOp::Max) {
            let sign = if op == ReduceOp::Min { "<" } else { ">" };
            let mut condition = format!("{b} {sign} {a}");
            let mut moves = vec![format!("{a} = {b};")];
            for other in outputs.iter().filter(|other| other.combine == Combine::With(k as u32)) {
                moves.push(format!("{left}{0} = {right}{0};", other.name));
            }
            if let (Some(found), true) = (&output.found_at, with_ties) {
                condition = format!("{condition} || ({b} == {a} && {right}{found} < {left}{found})");
                moves.push(format!("{left}{found} = {right}{found};"));
            }
            lines.push(format!("if ({condition}) {{ {} }}", moves.join(" ")));
            continue;
        }
        lines.push(format!("{a} = {};", combination(op, output.dtype, &a, &b)));
    }
    lines
}

/// Two numbers as one, as C. Of minima and maxima the callers say themselves what goes with them.
pub(super) fn combination(op: ReduceOp, dtype: DType, a: &str, b: &str) -> String {
    let (is_float, is_bool) = (dtype.is_float(), dtype == DType::Bool);
    let value = match op {
        ReduceOp::Add if is_float || dtype == DType::U64 => format!("{a} + {b}"),
        ReduceOp::Mul if is_float || dtype == DType::U64 => format!("{a} * {b}"),
        ReduceOp::Add => format!("wadd({a}, {b})"),
        ReduceOp::Mul => format!("wmul({a}, {b})"),
        ReduceOp::And if is_bool => format!("{a} && {b}"),
        ReduceOp::Or if is_bool => format!("{a} || {b}"),
        ReduceOp::Xor if is_bool => format!("{a} != {b}"),
        ReduceOp::And => format!("{a} & {b}"),
        ReduceOp::Or => format!("{a} | {b}"),
        ReduceOp::Xor => format!("{a} ^ {b}"),
        ReduceOp::Min => format!("{b} < {a} ? {b} : {a}"),
        ReduceOp::Max => format!("{b} > {a} ? {b} : {a}"),
    };
    if dtype != dtype.widened() && !is_bool { format!("({dtype})({value})") } else { value }
}

/// The kernel that combines what the blocks left, with the values before the loop.
pub(super) fn finish_kernel(kernel: &str, partial: &str, outputs: &[Output]) -> String {
    let mut params = vec![format!("const {partial}* partials"), "u32 blocks".to_owned()];
    let (mut identities, mut stores) = (String::new(), String::new());
    for (k, output) in outputs.iter().enumerate().filter(|(_, output)| output.is_partial()) {
        params.push(format!("{} {}", output.dtype, output.name));
        let value = match output.combine {
            Combine::Reduce(op) => identity(op, output.dtype).code,
            Combine::With(_) | Combine::Last => output.name.clone(),
        };
        let _ = writeln!(identities, "    total.{} = {value};", output.name);
        let _ = writeln!(stores, "        results[{k}] = {};", as_word(output.dtype, &output.name));
    }
    for found in outputs.iter().filter_map(|output| output.found_at.as_ref()) {
        let _ = writeln!(identities, "    total.{found} = ~0ULL;");
    }
    params.push("u64* results".to_owned());
    let mut last = String::new();
    for line in combined(outputs, "", "total.", false) {
        let _ = writeln!(last, "        {line}");
    }
    format!(
        "extern \"C\" __global__ void __launch_bounds__({FINISH_THREADS}) {kernel}_finish(\n    {})\n{{\n    \
         {partial} total;\n{identities}    \
         for (u32 block = threadIdx.x; block < blocks; block += {FINISH_THREADS}) total.take(partials[block]);\n    \
         total = reduce_block(total);\n    if (threadIdx.x == 0) {{\n{last}{stores}    }}\n}}\n",
        params.join(", ")
    )
}
