//! Loops with an inner loop along an array, a few iterations to a warp, so that neighbouring threads read neighbouring elements.
//!
//! ```text
//! for (first = first_row<8>(); first < trip; first += step_rows<8>()) {
//!     i = row_of<8>(first, trip);                            8 rows of a warp, each with 4 threads that do the same
//!     is_own = owns_row<8>(first, trip);                     the first of them stores
//!     f64 s = 0.0;
//!     Rows<f64, 8, 128> x_rows(memory, x, i * x_dim1, m);    128 elements of each row at a time, through shared memory:
//!     for (j_first = 0; j_first < m; j_first += 128) {       the warp has loaded the next ones before it computes
//!         x_rows.next(j_first);
//!         j_end = smaller<index_t>(j_first + 128, m);
//!         for (j = j_first; j < j_end; j++) { s = s + x_rows[j - j_first]; }
//!     }
//!     if (is_own) { y[i] = s; }
//! }
//! ```
//!
//! Every row is done in its order, by one thread as without this form, so the bits are the same. Sums that `fastmath` lets the compiler
//! regroup need no shared memory: a thread is one of the 32 (or 16) partial sums that all engines have, and shuffles combine them.
//!
//! For bodies of assignments, stores and inner loops that only assign, whose ranges are the same for all rows. A loop whose arrays share
//! memory, or with short rows, runs one iteration per thread: the text has both.

use super::expr::{Text, level};
use super::reduce;
use super::row_plan::early_dim;
use super::writer::{LoopShape, Refused, Writer};
use crate::ir::grid::{HostExpr, MappedShape};
use crate::ir::walk::{self, ArraySet, LocalSet};
use crate::ir::{ArrayId, ExprId, Loop, Place, ReduceOp, Stmt};

/// Threads of a block.
pub(super) const ROW_THREADS: u32 = 128;
/// Numbers of threads stay below 2^30 with as many.
const MOST_BLOCKS: u32 = 1 << 22;
/// Warps of a block.
const WARPS: u32 = ROW_THREADS / 32;
/// Rows that are enough threads for a device, where each reads what lies side by side anyway.
pub(super) const MOST_ROWS: u32 = 1 << 16;

/// How the rows of a kernel are done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RowForm {
    /// Rows of a warp.
    pub(super) per_warp: u32,
    /// Are sums regrouped, a thread for each part?
    pub(super) is_regrouped: bool,
    /// Is it of use only for few rows?
    pub(super) is_for_few: bool,
}

/// The rows that are being written.
#[derive(Clone, Debug)]
pub(super) struct RowText {
    form: RowForm,
    /// Does this thread store what its row gives?
    is_own: String,
    /// Shared memory of the warp, as C.
    memory: String,
    /// Bytes of it that are used.
    memory_bytes: u32,
    /// In an inner loop: elements that come through shared memory.
    staged: Vec<Staged>,
    /// Variables and arrays that differ from row to row.
    own: (LocalSet, ArraySet),
    inner: Vec<Inner>,
}

/// Elements that come through shared memory.
#[derive(Clone, Debug)]
struct Staged {
    array: ArrayId,
    place: Place,
    /// An element, as C.
    element: String,
}

/// A load in an inner loop.
pub(super) struct Along {
    pub(super) array: ArrayId,
    /// The parameter that the array is, or is a view of.
    pub(super) source: ArrayId,
    pub(super) place: Place,
    /// The axis along which the inner loop runs.
    pub(super) axis: u8,
    /// Is it the one whose neighbours lie side by side?
    pub(super) is_fastest: bool,
}

/// An inner loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inner {
    pub(super) id: crate::ir::LoopId,
    pub(super) lo: ExprId,
    pub(super) hi: ExprId,
    /// Elements of each row that come together, or partial sums.
    pub(super) width: u32,
    pub(super) least: u32,
    pub(super) is_cheap: bool,
}

impl RowForm {
    /// Threads of an iteration.
    pub(super) fn lanes(&self) -> u32 {
        32 / self.per_warp
    }

    /// Blocks and threads: enough for all rows. One iteration per thread needs fewer, so what is left over has nothing to do.
    pub(super) fn shape(&self) -> MappedShape {
        let times = |number: HostExpr, by: u32| {
            HostExpr::Mul(Box::new(number), Box::new(HostExpr::Const(i64::from(by))))
        };
        let lanes = self.lanes();
        let x = if self.is_for_few {
            let few = times(
                HostExpr::Min(Box::new(HostExpr::Trip), Box::new(HostExpr::Const(i64::from(MOST_ROWS)))),
                lanes,
            );
            HostExpr::Max(Box::new(HostExpr::Trip), Box::new(few))
        } else {
            times(HostExpr::Trip, lanes)
        };
        MappedShape {
            x,
            y: None,
            threads: [ROW_THREADS, 1],
            items: 1,
            max_blocks: [MOST_BLOCKS, 1],
            tile: None,
        }
    }

    /// For people.
    pub(super) fn mapping(&self) -> String {
        let (rows, few) = (self.per_warp, if self.is_for_few { ", if they are few" } else { "" });
        match (self.is_regrouped, rows) {
            (true, 1) => "; rows by whole warps".to_owned(),
            (true, rows) => format!("; {rows} rows per warp"),
            (false, rows) => format!("; {rows} rows per warp through shared memory{few}"),
        }
    }
}

impl Writer<'_, '_> {
    /// Writes the rows of a loop of threads up to `else`, if it has this form. What follows is one iteration per thread.
    pub(super) fn rows(&mut self, l: &Loop, end: &str) -> Result<bool, Refused> {
        if self.row_form.is_some() {
            return Ok(false);
        }
        let mut own = walk::assigned_locals(&l.body);
        own.insert(l.var);
        let own = (own, walk::assigned_arrays(&l.body));
        let Some((form, inner)) = self.plan_rows(l, &own) else { return Ok(false) };
        let mut conditions = vec!["ARE_APART".to_owned()];
        for one in &inner {
            let (lo, hi) = (self.expr(one.lo)?, self.early_text(one.hi, &l.body)?);
            let count = match lo.code.as_str() {
                "0" => hi.at(level::COMPARE + 1),
                _ => format!("{} - {}", hi.at(level::SUM), lo.at(level::SUM + 1)),
            };
            let text = format!("{count} >= {}", one.least);
            if !conditions.contains(&text) {
                conditions.push(text);
            }
        }
        if form.is_for_few {
            conditions.push(format!("trip <= {MOST_ROWS}"));
        }
        self.put(&format!("if ({}) {{", conditions.join(" && ")));
        self.depth += 1;
        let var = self.names.local(self.func, l.var);
        let (first, is_own) = (self.names.fresh("warp_first"), self.names.fresh("owns"));
        let memory = self.names.fresh("row_memory");
        let rows = form.per_warp;
        let from = match self.expr(l.lo)? {
            lo if lo.code == "0" => format!("first_row<{rows}>()"),
            lo => format!("{} + first_row<{rows}>()", lo.at(level::SUM)),
        };
        let start = self.out.len();
        self.put(&format!(
            "for (index_t {first} = {from}; {first} < {end}; {first} += step_rows<{rows}>()) {{"
        ));
        self.depth += 1;
        let kind = if form.is_regrouped { "part_" } else { "" };
        self.put(&format!("const index_t {var} = {kind}row_of<{rows}>({first}, {end});"));
        self.put(&format!("const bool {is_own} = owns_{kind}row<{rows}>({first}, {end});"));
        self.row_form = Some(form);
        self.row_text = Some(RowText {
            form,
            is_own,
            memory: format!("{memory}[threadIdx.x / 32]"),
            memory_bytes: 0,
            staged: Vec::new(),
            own,
            inner,
        });
        let iteration = match self.expr(l.lo)? {
            lo if lo.code == "0" => var,
            lo => format!("({var} - {})", lo.at(level::PRODUCT)),
        };
        let outer = std::mem::replace(&mut self.iteration, iteration);
        self.loops.push(LoopShape::Threads);
        self.block(&l.body)?;
        self.loops.pop();
        self.iteration = outer;
        self.depth -= 1;
        self.put("}");
        let bytes = self.row_text.take().map_or(0, |text| text.memory_bytes);
        if bytes > 0 {
            let rest = self.out.split_off(start);
            self.put(&format!("__shared__ __align__(16) unsigned char {memory}[{WARPS}][{bytes}];"));
            self.out.push_str(&rest);
        }
        self.depth -= 1;
        self.put("} else {");
        self.depth += 1;
        Ok(true)
    }

    /// The end of an inner loop, as C in front of the rows.
    fn early_text(&mut self, hi: ExprId, block: &[Stmt]) -> Result<Text, Refused> {
        match early_dim(self.func, hi, block, 0) {
            Some((array, axis)) => Ok(self.dim(array, axis)),
            None => self.expr(hi),
        }
    }

    /// Is an inner loop to be written for rows?
    pub(super) fn is_row_loop(&self) -> bool {
        self.row_text.is_some() && self.loops.last() == Some(&LoopShape::Threads)
    }

    /// The condition under which a thread may store: only one of those that do the same row.
    pub(super) fn row_owner(&self) -> Option<String> {
        self.row_text.as_ref().map(|text| text.is_own.clone())
    }

    /// An inner loop, along a row.
    pub(super) fn row_loop(&mut self, l: &Loop) -> Result<(), Refused> {
        let found = self
            .row_text
            .as_ref()
            .and_then(|text| Some((text.form, text.inner.iter().find(|inner| inner.id == l.id).copied()?)));
        let Some((form, inner)) = found else {
            return Err(Refused::new(self.func.loops[l.id].span, "a loop of a row was not planned"));
        };
        if form.is_regrouped { self.parts_loop(l, inner) } else { self.staged_loop(l, inner, form) }
    }

    /// A loop whose elements come through shared memory.
    fn staged_loop(&mut self, l: &Loop, inner: Inner, form: RowForm) -> Result<(), Refused> {
        let var = self.names.local(self.func, l.var);
        let (lo, hi) = (self.expr(l.lo)?, self.expr(l.hi)?);
        let (rows, width) = (form.per_warp, inner.width);
        let (j_first, j_end) =
            (self.names.fresh(&format!("{var}_first")), self.names.fresh(&format!("{var}_end")));
        let low = match lo.code.as_str() {
            "0" => None,
            _ => Some(lo.clone().at(level::ATOM)),
        };
        let count = match &low {
            None => hi.code.clone(),
            Some(low) => format!("{} - {low}", hi.clone().at(level::SUM)),
        };
        let origin = low.clone().unwrap_or_else(|| "0".to_owned());
        let (mut staged, mut offset): (Vec<Staged>, u32) = (Vec::new(), 0);
        let mut nexts = Vec::new();
        let (own, own_arrays) = self.row_text.as_ref().map(|text| text.own.clone()).unwrap_or_default();
        for load in self.loads_along(l, &own, &own_arrays) {
            let begin = self.begin_of(l, &origin, load.array, &load.place)?;
            let dtype = self.func.arrays[load.array].ty.dtype;
            let size = dtype.size_bytes() as u32;
            let array = self.names.array(self.func, load.array);
            let pointer = self.pointer(load.source);
            let begin = match (load.source == load.array, begin.as_str()) {
                (true, _) => begin,
                (false, "0") => format!("(index_t)({} - {pointer})", self.pointer(load.array)),
                (false, _) => format!("(index_t)({} - {pointer}) + {begin}", self.pointer(load.array)),
            };
            let memory = match (self.row_text.as_ref().map(|text| text.memory.clone()), offset) {
                (None, _) => String::new(),
                (Some(memory), 0) => memory,
                (Some(memory), offset) => format!("{memory} + {offset}"),
            };
            let name =
                self.names.fresh(&format!("{array}_{}", if load.is_fastest { "rows" } else { "steps" }));
            if load.is_fastest {
                self.put(&format!(
                    "Rows<{dtype}, {rows}, {width}> {name}({memory}, {pointer}, {begin}, {count});"
                ));
                offset += rows * (width * size + 16);
            } else {
                let stride = self.stride(load.array, load.axis).code;
                self.put(&format!(
                    "Steps<{dtype}, {rows}, {width}> {name}({memory}, {pointer}, {begin}, {stride}, {count});"
                ));
                offset += rows * width * size;
            }
            nexts.push(match &low {
                None => format!("{name}.next({j_first});"),
                Some(low) => format!("{name}.next({j_first} - {low});"),
            });
            let element = format!("{name}[{var} - {j_first}]");
            staged.push(Staged { array: load.array, place: load.place, element });
        }
        let limit = hi.clone().at(level::COMPARE + 1);
        self.put(&format!(
            "for (index_t {j_first} = {}; {j_first} < {limit}; {j_first} += {width}) {{",
            lo.code
        ));
        self.depth += 1;
        for next in nexts {
            self.put(&next);
        }
        self.put(&format!("const index_t {j_end} = smaller<index_t>({j_first} + {width}, {});", hi.code));
        if let Some(text) = &mut self.row_text {
            text.memory_bytes = text.memory_bytes.max(offset);
            text.staged = staged;
        }
        self.put(if inner.is_cheap { "#pragma unroll 8" } else { "#pragma unroll 1" });
        self.loops.push(LoopShape::Serial);
        let head = format!("for (index_t {var} = {j_first}; {var} < {j_end}; {var}++)");
        self.braces(&head, &l.body)?;
        self.loops.pop();
        if let Some(text) = &mut self.row_text {
            text.staged = Vec::new();
        }
        self.depth -= 1;
        self.put("}");
        Ok(())
    }

    /// A loop with regrouped sums, a thread for each part.
    fn parts_loop(&mut self, l: &Loop, inner: Inner) -> Result<(), Refused> {
        let parts = inner.width;
        let var = self.names.local(self.func, l.var);
        let (lo, hi) = (self.expr(l.lo)?, self.expr(l.hi)?);
        let sums: Vec<(crate::ir::LocalId, ReduceOp, String, String)> = l
            .reductions
            .iter()
            .map(|reduction| {
                let name = self.names.local(self.func, reduction.local);
                let own = self.names.fresh(&format!("{name}_part"));
                (reduction.local, reduction.op, name, own)
            })
            .collect();
        self.put("{");
        self.depth += 1;
        for (local, op, _, own) in &sums {
            let dtype = self.func.locals[*local].dtype;
            self.put(&format!("{dtype} {own} = {};", reduce::identity(*op, dtype).code));
            self.names.set_local(*local, own);
        }
        let from = match lo.code.as_str() {
            "0" => format!("part_number<{parts}>()"),
            _ => format!("{} + part_number<{parts}>()", lo.at(level::SUM)),
        };
        self.put("#pragma unroll 8");
        self.loops.push(LoopShape::Serial);
        let head =
            format!("for (index_t {var} = {from}; {var} < {}; {var} += {parts})", hi.at(level::COMPARE + 1));
        let done = self.braces(&head, &l.body);
        self.loops.pop();
        for (local, _, name, _) in &sums {
            self.names.set_local(*local, name);
        }
        done?;
        for (local, op, name, own) in &sums {
            self.used.locals.insert(*local);
            let dtype = self.func.locals[*local].dtype;
            let combine = if *op == ReduceOp::Mul { "multiply_lanes" } else { "add_lanes" };
            let total = format!("{combine}<{parts}>({own})");
            self.put(&format!("{name} = {};", reduce::combination(*op, dtype, name, &total)));
        }
        self.depth -= 1;
        self.put("}");
        Ok(())
    }

    /// The element as it comes through shared memory, if it does.
    pub(super) fn staged_element(&self, array: ArrayId, place: &Place) -> Option<String> {
        let staged = &self.row_text.as_ref()?.staged;
        let found = staged.iter().find(|one| one.array == array && self.is_same_place(&one.place, place))?;
        Some(found.element.clone())
    }

    pub(super) fn is_same_place(&self, a: &Place, b: &Place) -> bool {
        let (Place::Index(a), Place::Index(b)) = (a, b) else { return false };
        a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| walk::same_expr(&self.func.exprs, a, b))
    }

    /// The place of an element in the first iteration of the inner loop.
    fn begin_of(&mut self, l: &Loop, origin: &str, array: ArrayId, place: &Place) -> Result<String, Refused> {
        let name = self.names.local(self.func, l.var);
        self.names.set_local(l.var, origin);
        let begin = self.offset(array, place);
        self.names.set_local(l.var, &name);
        begin
    }
}
