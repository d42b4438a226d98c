//! Elements of arrays that are combined in the order of the processor: sums of floats, and what no atomic operation does.
//!
//! ```text
//! for (i = chunk_begin; i < chunk_end; i++) {            a row of blocks has a chunk, with copies of its own
//!     const index_t j = first_x();                       the iterations of the inner loop are shared out:
//!     if (j < s_dim0) s_chunk[j] += x[i * x_dim1 + j];   no other thread combines elements at that index
//! }
//!
//! for (i = chunk_begin; i < chunk_end; i++) {            without such a loop every thread does every iteration,
//!     const index_t bin = ...;                           for elements that are its own
//!     if (is_own(bin)) h_chunk[bin] += w[i];
//! }
//! ```
//!
//! The chunks are those of the processor ([`crate::ir::ordered`]), so that each element is made by the same operations in the same
//! order. Two more kernels fill the copies and combine them. Stores to other arrays are made by the first thread of a chunk;
//! nothing may be read from those.

use std::fmt::Write as _;

use rustc_hash::FxHashSet;

use super::collapse::{fits, inner_loops};
use super::expr::level;
use super::host::{Env, definitions};
use super::kernel::Parameters;
use super::names::Names;
use super::reduce;
use super::writer::{LoopShape, Refused, Role, Writer};
use crate::analysis::race::lockstep::independent;
use crate::ir::grid::{GridParam, HostExpr};
use crate::ir::ordered::{GridOrdered, GridStep};
use crate::ir::walk::{self, ArraySet};
use crate::ir::{
    ArrayId, ArrayValue, ExprId, ExprKind, Func, Loop, LoopId, LoopKind, Operand, ParallelCall, Param, Place,
    Program, ReduceOp, Stmt,
};
use crate::types::Layout;

/// Threads of a block: few, so that the chunks spread over the device.
const THREADS: u32 = 64;
/// The same where every thread does every iteration, and the blocks of a chunk. Together a power of two, as `is_own` wants it.
const OWNING_THREADS: u32 = 32;
const OWNING_BLOCKS: u32 = 8;
/// Threads of the kernels that fill and combine copies.
const STEP_THREADS: u32 = 256;

/// How the elements are shared out.
pub(super) struct Ordered {
    pub(super) arrays: Vec<OrderedArray>,
    /// Number of iterations of the inner loop that are shared out; if nothing, elements are.
    pub(super) inner_trip: Option<HostExpr>,
    /// Arrays that must share no memory.
    pub(super) disjoint: Vec<(ArrayId, ArrayId)>,
}

/// An array whose elements are combined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OrderedArray {
    pub(super) array: ArrayId,
    pub(super) op: ReduceOp,
    /// Is it combined into in front of the inner loop? Then by the first thread.
    is_beside: bool,
    /// Names of the copy of this chunk, of all copies, and of its number of elements; made when they are declared.
    chunk: String,
    copies: String,
    size: String,
}

/// What the writer must know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OrderedRole {
    pub(super) arrays: Vec<OrderedArray>,
    /// Are iterations of inner loops shared out?
    is_shared_out: bool,
    /// The element that a statement is about, worked out before.
    bin: Option<(ArrayId, String)>,
}

/// Looks at a parallel loop, and marks the inner loops whose iterations are shared out. Nothing if atomic operations do.
pub(super) fn plan(program: &mut Program, call: &ParallelCall) -> Result<Option<Ordered>, Refused> {
    let func = &program.funcs[call.body];
    let reductions: Vec<(ArrayId, ReduceOp)> = call
        .array_reductions
        .iter()
        .filter_map(|&(capture, op)| match func.params.get(capture) {
            Some(Param::Array(array)) => Some((*array, op)),
            _ => None,
        })
        .collect();
    let is_shown = |&&(array, op): &&(ArrayId, ReduceOp)| !super::bins::is_atomic(func, array, op);
    let Some(&(shown, _)) = reductions.iter().find(is_shown) else { return Ok(None) };
    let name = &func.arrays[shown].name;
    let refuse = |why: &str| {
        let text = format!("elements of `{name}` are combined in an order that shows, and {why}");
        Err(Refused::new(func.span, text))
    };
    if !call.outputs.is_empty() {
        return refuse(
            "a number is combined or kept as well; in a loop of its own that would run on the device",
        );
    }
    if reductions.iter().any(|&(array, _)| func.arrays[array].ty.dtype.is_complex()) {
        return refuse("they are complex");
    }
    let Some(env) = Env::new(func, call) else { return refuse("its captures do not fit") };
    let mut targets = ArraySet::new();
    targets.extend(reductions.iter().map(|&(array, _)| array));
    let mut is_viewed = false;
    walk::for_each_stmt(&func.body, &mut |stmt| {
        if let Stmt::SetArray { value, .. } = stmt {
            is_viewed |= match value {
                ArrayValue::Same(base)
                | ArrayValue::View { base, .. }
                | ArrayValue::Transpose { base, .. }
                | ArrayValue::Part { base, .. }
                | ArrayValue::Reshape { base, .. } => targets.contains(*base),
                ArrayValue::Alloc { .. } => false,
            };
        }
    });
    if is_viewed {
        return refuse("through a view");
    }
    let arrays = |beside: &ArraySet| {
        let array = |&(array, op): &(ArrayId, ReduceOp)| OrderedArray {
            array,
            op,
            is_beside: beside.contains(array),
            chunk: String::new(),
            copies: String::new(),
            size: String::new(),
        };
        reductions.iter().map(array).collect()
    };
    if let Some(shared) = share_out(program, call, &env, &targets) {
        let SharedOut { trip, beside, disjoint, marked } = shared;
        let ordered = Ordered { arrays: arrays(&beside), inner_trip: Some(trip), disjoint };
        walk::for_each_stmt_mut(&mut program.funcs[call.body].body, &mut |stmt| {
            if let Stmt::Loop(l) = stmt
                && marked.contains(&l.id)
            {
                l.kind = LoopKind::Grid;
            }
        });
        return Ok(Some(ordered));
    }
    if let Some(why) = cannot_be_repeated(program, func, &targets) {
        return refuse(why);
    }
    Ok(Some(Ordered { arrays: arrays(&ArraySet::new()), inner_trip: None, disjoint: Vec::new() }))
}

/// Inner loops whose iterations are shared out.
struct SharedOut {
    trip: HostExpr,
    /// Arrays that are combined into in front of them.
    beside: ArraySet,
    disjoint: Vec<(ArrayId, ArrayId)>,
    marked: Vec<LoopId>,
}

/// Has every copy of the loop an inner loop whose variable is an index of what it combines into?
fn share_out(program: &Program, call: &ParallelCall, env: &Env, targets: &ArraySet) -> Option<SharedOut> {
    let func = &program.funcs[call.body];
    let defs = definitions(func);
    let outer_loops = outer_loops(func);
    let candidates: Vec<Vec<&Loop>> =
        outer_loops.iter().map(|outer| inner_loops(func, outer, targets)).collect::<Option<_>>()?;
    let wanted: FxHashSet<_> = candidates.iter().flatten().map(|l| (call.body, l.id)).collect();
    if candidates.iter().any(Vec::is_empty) {
        return None;
    }
    let found = independent(program, wanted);
    let mut shared: Option<(HostExpr, SharedOut)> = None;
    let mut axes: Vec<(ArrayId, usize)> = Vec::new();
    let mut beside = ArraySet::new();
    for (outer, inner) in outer_loops.iter().zip(&candidates) {
        accumulated_beside(&outer.body, &mut beside);
        for l in inner {
            let lockstep = found.get(&(call.body, l.id))?;
            note_axes(func, l, targets, &mut axes)?;
            // Elements that are combined belong to one iteration each, since its variable is one of their indices.
            let are_apart = walk::stored_arrays(func, &l.body).iter().all(|array| targets.contains(array));
            let (trip, disjoint) = fits(func, env, &defs, call, &[], outer, l, lockstep, are_apart)?;
            let first = env.number(func, &defs, l.lo)?;
            let (known, all) = shared.get_or_insert_with(|| {
                let all = SharedOut {
                    trip: trip.clone(),
                    beside: ArraySet::new(),
                    disjoint: Vec::new(),
                    marked: Vec::new(),
                };
                (first.clone(), all)
            });
            if *known != first || all.trip != trip {
                return None;
            }
            all.disjoint.extend(disjoint);
            all.marked.push(l.id);
        }
    }
    let (_, mut all) = shared?;
    // Elements belong to the first thread, or to those of the inner loop.
    if axes.iter().any(|(array, _)| beside.contains(*array)) {
        return None;
    }
    all.beside = beside;
    Some(all)
}

fn outer_loops(func: &Func) -> Vec<&Loop> {
    let mut found = Vec::new();
    walk::for_each_stmt(&func.body, &mut |stmt| {
        if let Stmt::Loop(l) = stmt
            && l.kind == LoopKind::Grid
        {
            found.push(&**l);
        }
    });
    found
}

/// Arrays that statements in front of inner loops combine into.
fn accumulated_beside(block: &[Stmt], found: &mut ArraySet) {
    for stmt in block {
        match stmt {
            Stmt::Accumulate { array, .. } => {
                found.insert(*array);
            }
            Stmt::Loop(_) => {}
            stmt => stmt.blocks().iter().for_each(|inner| accumulated_beside(inner, found)),
        }
    }
}

/// Notes which index of every array is the loop's variable, the same in all statements; nothing if there is none.
fn note_axes(func: &Func, l: &Loop, targets: &ArraySet, axes: &mut Vec<(ArrayId, usize)>) -> Option<()> {
    let mut are_right = true;
    walk::for_each_stmt(&l.body, &mut |stmt| {
        let Stmt::Accumulate { array, place: Place::Index(indices), .. } = stmt else { return };
        if !targets.contains(*array) {
            return;
        }
        let is_var = |axis: usize| {
            indices.get(axis).is_some_and(|&index| func.exprs[index].kind == ExprKind::Local(l.var))
        };
        match axes.iter().find(|(known, _)| known == array) {
            Some(&(_, axis)) => are_right &= is_var(axis),
            None => match (0..indices.len()).rev().find(|&axis| is_var(axis)) {
                Some(axis) => axes.push((*array, axis)),
                None => are_right = false,
            },
        }
    });
    are_right.then_some(())
}

/// Why not every thread may do every iteration, if so: that takes long, or threads would see what others do.
fn cannot_be_repeated(program: &Program, func: &Func, targets: &ArraySet) -> Option<&'static str> {
    let mut loaded = ArraySet::new();
    walk::for_each_expr_in(&func.exprs, &func.body, &mut |_, expr| {
        if let ExprKind::Load { array, .. } = expr.kind {
            loaded.insert(array);
        }
    });
    super::device::close_over_views(func, &mut loaded);
    let mut why = None;
    walk::for_each_stmt(&func.body, &mut |stmt| match stmt {
        Stmt::Loop(l) if l.kind == LoopKind::Grid => {}
        Stmt::Loop(_) | Stmt::While { .. } => {
            why = Some(
                "not by an inner loop whose variable is an index of them, the same range in every iteration",
            );
        }
        Stmt::Store { array, .. } | Stmt::Accumulate { array, .. } if !targets.contains(*array) => {
            let is_param = func.params.contains(&Param::Array(*array));
            if !is_param || loaded.contains(*array) {
                why = Some("elements of other arrays are read and written");
            }
        }
        Stmt::Call { args, .. } if args.iter().any(|arg| matches!(arg, Operand::Array(_))) => {
            why = Some("a function is called with an array");
        }
        Stmt::Call { callee, .. } if super::device::can_fail(program, *callee, 0) => {
            why = Some("a function is called that can fail");
        }
        Stmt::Fill { .. } | Stmt::CopyElements { .. } => why = Some("whole arrays are written"),
        _ => {}
    });
    why
}

/// What the host does for them.
pub(super) struct Made {
    pub(super) launch: GridOrdered,
    /// The two kernels.
    pub(super) text: String,
}

impl Ordered {
    /// What the writer must know.
    pub(super) fn role(&self) -> OrderedRole {
        OrderedRole { arrays: self.arrays.clone(), is_shared_out: self.inner_trip.is_some(), bin: None }
    }

    /// Iterations along x that the launch has, threads of a block, blocks at most.
    pub(super) fn shape(&self) -> (HostExpr, u32, u32) {
        match &self.inner_trip {
            Some(trip) => {
                // Without iterations of the inner loop there is still what stands in front of it.
                let count = HostExpr::Max(Box::new(trip.clone()), Box::new(HostExpr::Const(1)));
                (count, THREADS, i32::MAX as u32)
            }
            None => {
                let count = HostExpr::Const(i64::from(OWNING_THREADS * OWNING_BLOCKS));
                (count, OWNING_THREADS, OWNING_BLOCKS)
            }
        }
    }

    /// One sentence.
    pub(super) fn mapping(&self) -> String {
        match self.inner_trip {
            Some(_) => "iterations of the inner loop shared out, a chunk of the outer one per row of blocks, in the processor's order",
            None => "elements shared out, a chunk of iterations per row of blocks, in the processor's order",
        }
        .to_owned()
    }
}

/// Adds the parameters of the main kernel, and makes the two others.
pub(super) fn make(
    writer: &Writer<'_, '_>,
    ordered: &Ordered,
    name: &str,
    env: &Env,
    positions: &rustc_hash::FxHashMap<ArrayId, u32>,
    parameters: &mut Parameters,
) -> Option<Made> {
    let func = writer.func;
    let Role::Kernel(role) = &writer.role else { return None };
    let role = role.ordered.as_ref()?;
    let mut elements: Option<HostExpr> = None;
    let (mut numbers, mut begin, mut finish) = (Vec::new(), Step::new(), Step::new());
    for (k, one) in role.arrays.iter().enumerate() {
        let ty = func.arrays[one.array].ty;
        let size = (0..ty.rank).try_fold(HostExpr::Const(1), |product, axis| {
            let dim = env.dim(one.array, axis)?;
            Some(if product == HostExpr::Const(1) {
                dim
            } else {
                HostExpr::Mul(Box::new(product), Box::new(dim))
            })
        })?;
        let position = *positions.get(&one.array)?;
        let (copies, size_name) = (&one.copies, &one.size);
        parameters.add(GridParam::Copies(k as u32), format!("{}* RESTRICT {copies}", ty.dtype));
        parameters.add(GridParam::Index(size.clone()), format!("index_t {size_name}"));
        parameters.narrow.push(size.clone());
        begin.array(func, env, one, position, k as u32, &size, true)?;
        finish.array(func, env, one, position, k as u32, &size, false)?;
        numbers.push(position);
        elements = Some(match elements {
            None => size,
            Some(most) => HostExpr::Max(Box::new(most), Box::new(size)),
        });
    }
    parameters.add(GridParam::ChunkSize, "index_t chunk_size".to_owned());
    parameters.add(GridParam::ChunkRest, "u32 chunk_rest".to_owned());
    finish.params.push(GridParam::Chunks);
    finish.declared.push(format!("u32 {}", finish.chunks));
    let elements = elements?;
    let (begin_name, finish_name) = (format!("{name}_begin"), format!("{name}_finish"));
    let text = format!(
        "\n// Copies for the chunks: the first one goes on from what the array has.\n{}\n// The copies as one, in order.\n{}",
        begin.text(&begin_name),
        finish.text(&finish_name)
    );
    let step = |kernel: String, step: Step| GridStep {
        kernel,
        params: step.params,
        threads: STEP_THREADS,
        elements: elements.clone(),
    };
    let launch = GridOrdered {
        arrays: numbers,
        begin: step(begin_name, begin),
        finish: step(finish_name, finish),
        busy: ordered.inner_trip.clone().unwrap_or(HostExpr::Const(0)),
    };
    Some(Made { launch, text })
}

/// A kernel over elements, as it is written.
struct Step {
    names: Names,
    element: String,
    total: String,
    chunk: String,
    chunks: String,
    params: Vec<GridParam>,
    declared: Vec<String>,
    body: String,
}

impl Step {
    fn new() -> Step {
        let mut names = Names::new();
        let [element, total, chunk, chunks] =
            ["element", "total", "chunk", "chunks"].map(|name| names.fresh(name));
        let (params, declared, body) = (Vec::new(), Vec::new(), String::new());
        Step { names, element, total, chunk, chunks, params, declared, body }
    }

    fn add(&mut self, param: GridParam, text: String) {
        self.params.push(param);
        self.declared.push(text);
    }

    /// The loop through one array: to copies, or back.
    #[allow(clippy::too_many_arguments, reason = "what describes the array")]
    fn array(
        &mut self,
        func: &Func,
        env: &Env,
        one: &OrderedArray,
        position: u32,
        number: u32,
        size: &HostExpr,
        is_begin: bool,
    ) -> Option<()> {
        let ty = func.arrays[one.array].ty;
        let (dtype, element) = (ty.dtype, self.element.clone());
        let array = self.names.fresh(&func.arrays[one.array].name);
        let copies = self.names.fresh(&format!("{array}_copies"));
        let count = self.names.fresh(&format!("{array}_size"));
        let (of_array, of_copies) = if is_begin { ("const ", "") } else { ("", "const ") };
        self.add(GridParam::Array(position), format!("{of_array}{dtype}* {array}"));
        self.add(GridParam::Copies(number), format!("{of_copies}{dtype}* {copies}"));
        self.add(GridParam::Index(size.clone()), format!("index_t {count}"));
        let _ = writeln!(
            self.body,
            "    for (index_t {element} = first_x(); {element} < {count}; {element} += step_x()) {{"
        );
        // Copies lie as the array does where it has no gaps, else in C order.
        let place = if ty.layout == Layout::Strided {
            let mut left = element.clone();
            let mut terms = Vec::new();
            for axis in (0..ty.rank).rev() {
                let stride = self.names.fresh(&format!("{array}_stride{axis}"));
                self.add(GridParam::Index(env.stride(func, one.array, axis)?), format!("index_t {stride}"));
                if axis == 0 {
                    terms.push(format!("{left} * {stride}"));
                    continue;
                }
                let dim = self.names.fresh(&format!("{array}_dim{axis}"));
                self.add(GridParam::Index(env.dim(one.array, axis)?), format!("index_t {dim}"));
                let next = self.names.fresh("row");
                let _ = writeln!(self.body, "        const index_t {next} = {left} / {dim};");
                terms.push(format!("({left} - {next} * {dim}) * {stride}"));
                left = next;
            }
            terms.reverse();
            terms.join(" + ")
        } else {
            element.clone()
        };
        if is_begin {
            let part = dtype.widened();
            let identity = reduce::identity(one.op, part).at(level::UNARY);
            let identity = if part == dtype { identity } else { format!("({dtype}){identity}") };
            let _ = writeln!(
                self.body,
                "        {copies}[(u64)blockIdx.y * (u64){count} + (u64){element}] = blockIdx.y == 0 ? {array}[{place}] : {identity};"
            );
        } else {
            let (total, chunk, chunks) = (&self.total, &self.chunk, &self.chunks);
            let next = format!("{copies}[(u64){chunk} * (u64){count} + (u64){element}]");
            let combined = reduce::combination(one.op, dtype, total, &next);
            let _ = write!(
                self.body,
                "        {dtype} {total} = {copies}[{element}];\n        \
                 for (u32 {chunk} = 1; {chunk} < {chunks}; {chunk}++) {total} = {combined};\n        \
                 {array}[{place}] = {total};\n"
            );
        }
        self.body.push_str("    }\n");
        Some(())
    }

    fn text(&self, name: &str) -> String {
        format!(
            "extern \"C\" __global__ void __launch_bounds__({STEP_THREADS}) {name}(\n    {})\n{{\n{}}}\n",
            self.declared.join(", "),
            self.body
        )
    }
}

impl Writer<'_, '_> {
    fn ordered(&self) -> Option<&OrderedRole> {
        match &self.role {
            Role::Kernel(role) => role.ordered.as_ref(),
            Role::Device { .. } => None,
        }
    }

    /// The copy of an array that belongs to this chunk, and the element that a statement is about if it is known.
    pub(super) fn chunk_copy(&self, array: ArrayId) -> Option<(String, Option<String>)> {
        let role = self.ordered()?;
        let one = role.arrays.iter().find(|one| one.array == array)?;
        let bin = role.bin.as_ref().filter(|(of, _)| *of == array).map(|(_, bin)| bin.clone());
        Some((one.chunk.clone(), bin))
    }

    /// Declares the chunk's range and its copies.
    pub(super) fn begin_chunk(&mut self) {
        let Some(mut role) = self.ordered().cloned() else { return };
        self.put("// The iterations of this chunk, and its copies.");
        self.put("const index_t chunk_begin = chunk_first(chunk_size, chunk_rest, blockIdx.y);");
        self.put("const index_t chunk_end = chunk_first(chunk_size, chunk_rest, blockIdx.y + 1);");
        for one in &mut role.arrays {
            let name = self.names.array(self.func, one.array);
            [one.chunk, one.copies, one.size] =
                ["chunk", "copies", "size"].map(|what| self.names.fresh(&format!("{name}_{what}")));
            let dtype = self.func.arrays[one.array].ty.dtype;
            let (chunk, copies, size) = (&one.chunk, &one.copies, &one.size);
            self.put(&format!("{dtype}* const {chunk} = {copies} + (u64)blockIdx.y * (u64){size};"));
        }
        if !role.is_shared_out {
            let beyond: Vec<String> =
                role.arrays.iter().map(|one| format!("first_x() >= {}", one.size)).collect();
            self.put(&format!("if (first_x() > 0 && {}) return;", beyond.join(" && ")));
        }
        if let Role::Kernel(kernel) = &mut self.role {
            kernel.ordered = Some(role);
        }
    }

    /// A loop of threads where elements are combined in order.
    pub(super) fn chunk_loop(&mut self, l: &Loop) -> Result<(), Refused> {
        let is_shared_out = self.ordered().is_some_and(|role| role.is_shared_out);
        let is_outer = self.loops.is_empty();
        let span = self.func.loops[l.id].span;
        self.at(span);
        let var = self.names.local(self.func, l.var);
        if l.step != 1 || self.local_type(l.var) != "index_t" {
            return Err(Refused::new(span, "its loop has an unexpected form"));
        }
        let lo = self.expr(l.lo)?;
        let starts_at_zero = lo.code == "0";
        let from = |first: &str| match starts_at_zero {
            true => first.to_owned(),
            false => format!("{} + {first}", lo.clone().at(level::SUM)),
        };
        let number = match starts_at_zero {
            true => var.clone(),
            false => format!("{var} - {}", lo.clone().at(level::PRODUCT)),
        };
        let before = (self.iteration.clone(), self.outer.clone());
        if is_outer {
            let (first, end) = (from("chunk_begin"), from("chunk_end"));
            self.put(&format!("for (index_t {var} = {first}; {var} < {end}; {var}++) {{"));
            self.iteration = if starts_at_zero { number.clone() } else { format!("({number})") };
            if is_shared_out {
                self.outer = number;
                self.iteration = format!("order({}, 0)", self.outer);
            }
        } else {
            let hi = self.expr(l.hi)?.at(level::COMPARE + 1);
            self.put(&format!("const index_t {var} = {};", from("first_x()")));
            self.put(&format!("if ({var} < {hi}) {{"));
            self.iteration = format!("order({}, {number})", self.outer);
        }
        self.depth += 1;
        self.loops.push(LoopShape::Threads);
        self.block(&l.body)?;
        self.loops.pop();
        self.depth -= 1;
        self.put("}");
        (self.iteration, self.outer) = before;
        Ok(())
    }

    /// Opens what only one thread of the chunk may do; `close_guard` ends it.
    pub(super) fn open_guard(&mut self, array: ArrayId, place: &Place) -> Result<bool, Refused> {
        if let Some(is_own) = self.row_owner() {
            self.put(&format!("if ({is_own}) {{"));
            self.depth += 1;
            return Ok(true);
        }
        let Some(role) = self.ordered() else { return Ok(false) };
        let found = role.arrays.iter().find(|one| one.array == array);
        let is_in_inner = self.loops.iter().filter(|shape| **shape == LoopShape::Threads).count() > 1;
        let condition = match (role.is_shared_out, found) {
            (true, _) if is_in_inner => return Ok(false),
            (true, Some(one)) if !one.is_beside => return Ok(false),
            (true, _) | (false, None) => "first_x() == 0".to_owned(),
            (false, Some(_)) => {
                let at = self.offset_in_copy(array, place)?;
                let bin = self.names.fresh("bin");
                self.put(&format!("const index_t {bin} = {at};"));
                self.set_bin(Some((array, bin.clone())));
                format!("is_own({bin})")
            }
        };
        self.put(&format!("if ({condition}) {{"));
        self.depth += 1;
        Ok(true)
    }

    pub(super) fn close_guard(&mut self, is_open: bool) {
        if is_open {
            self.set_bin(None);
            self.depth -= 1;
            self.put("}");
        }
    }

    fn set_bin(&mut self, bin: Option<(ArrayId, String)>) {
        if let Role::Kernel(role) = &mut self.role
            && let Some(role) = &mut role.ordered
        {
            role.bin = bin;
        }
    }

    /// Where an element of an array is in its copies.
    pub(super) fn offset_in_copy(&mut self, array: ArrayId, place: &Place) -> Result<String, Refused> {
        let layout = match self.func.arrays[array].ty.layout {
            Layout::Strided => Layout::C,
            layout => layout,
        };
        self.offset_as(array, place, layout)
    }

    /// Combines into an element of a copy.
    pub(super) fn accumulate_in_order(
        &mut self,
        array: ArrayId,
        place: &Place,
        lane: u8,
        op: ReduceOp,
        value: ExprId,
    ) -> Result<(), Refused> {
        let is_open = self.open_guard(array, place)?;
        self.accumulate_here(array, place, lane, op, value)?;
        self.close_guard(is_open);
        Ok(())
    }
}
