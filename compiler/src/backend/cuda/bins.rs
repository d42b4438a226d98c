//! Whole numbers combined into elements of an array: `counts[b] += 1`.
//!
//! ```text
//! if (shared_bytes != 0) {                                   a copy per block, in shared memory
//!     for (k = threadIdx.x; k < counts_size; k += blockDim.x) counts_block[k] = 0;
//!     __syncthreads();
//! }
//! for (i = first_x(); ...) {
//!     if (shared_bytes != 0) shared_add(&counts_block[b], 1);
//!     else atomicAdd(&counts[b], 1);
//! }
//! if (shared_bytes != 0) {
//!     __syncthreads();
//!     for (k = threadIdx.x; ...) if (counts_block[k] != 0) atomicAdd(&counts[k], counts_block[k]);
//! }
//! ```
//!
//! The host gives the memory if all copies together are small enough. Operations on whole numbers may come in any order, so
//! the results are the same either way.

use super::expr::{Text, level};
use super::host::Env;
use super::reduce;
use super::writer::{Refused, Role, Writer};
use crate::ir::grid::HostExpr;
use crate::ir::walk;
use crate::ir::{ArrayId, ExprId, ExprKind, Func, ParallelCall, Param, Place, ReduceOp, Stmt};
use crate::types::dtype::Kind;
use crate::types::{DType, Layout};

/// A copy of an array in shared memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct BlockCopy {
    pub(super) array: ArrayId,
    op: ReduceOp,
    /// Names of the copy and of its number of elements; made when it is declared.
    name: String,
    size: String,
}

/// The arrays of a loop that blocks have copies of: those that can be counted through without division. Larger elements first.
pub(super) fn copies(func: &Func, call: &ParallelCall) -> Vec<BlockCopy> {
    let mut copies: Vec<BlockCopy> = call
        .array_reductions
        .iter()
        .filter_map(|&(capture, op)| {
            let Some(Param::Array(array)) = func.params.get(capture) else { return None };
            let ty = func.arrays[*array].ty;
            let is_fit = super::arrays::has_atomics(ty.dtype)
                && op != ReduceOp::Mul
                && (ty.rank == 1 || ty.layout == Layout::C);
            is_fit.then(|| BlockCopy { array: *array, op, name: String::new(), size: String::new() })
        })
        .collect();
    copies.sort_by_key(|copy| std::cmp::Reverse(func.arrays[copy.array].ty.dtype.size_bytes()));
    copies
}

/// Is there an atomic operation for everything that is combined into the array? Then any order gives the same.
pub(super) fn is_atomic(func: &Func, array: ArrayId, op: ReduceOp) -> bool {
    let part = func.arrays[array].ty.dtype.part();
    let mut is_right = super::arrays::has_atomics(part) && op != ReduceOp::Mul;
    walk::for_each_stmt(&func.body, &mut |stmt| {
        if let Stmt::Accumulate { array: target, value, .. } = stmt
            && *target == array
        {
            is_right &= atomic(op, part, source_type(func, *value)).is_some();
        }
    });
    is_right
}

/// The type of the number before it was widened.
fn source_type(func: &Func, value: ExprId) -> DType {
    match func.exprs[value].kind {
        ExprKind::Cast { arg } => func.exprs[arg].ty,
        _ => func.exprs[value].ty,
    }
}

/// CUDA's function for the operation and the type that it is done in; nothing if there is none.
fn atomic(op: ReduceOp, part: DType, from: DType) -> Option<(&'static str, &'static str)> {
    let is_small = part.size_bytes() == 4;
    let (signed, unsigned) = if is_small { ("i32", "u32") } else { ("i64", "u64") };
    let own = if part.kind() == Kind::Signed { signed } else { unsigned };
    match op {
        ReduceOp::Add => Some(("atomicAdd", unsigned)),
        ReduceOp::And => Some(("atomicAnd", unsigned)),
        ReduceOp::Or => Some(("atomicOr", unsigned)),
        ReduceOp::Xor => Some(("atomicXor", unsigned)),
        // Narrowing does not keep the order of numbers.
        ReduceOp::Min if !is_small || from == part => Some(("atomicMin", own)),
        ReduceOp::Max if !is_small || from == part => Some(("atomicMax", own)),
        ReduceOp::Min | ReduceOp::Max | ReduceOp::Mul => None,
    }
}

impl Writer<'_, '_> {
    fn copies(&self) -> Vec<BlockCopy> {
        match &self.role {
            Role::Kernel(role) => role.copies.clone(),
            Role::Device { .. } => Vec::new(),
        }
    }

    /// Dynamic shared memory for the copies.
    pub(super) fn copied_bytes(&self, env: &Env) -> Option<HostExpr> {
        let bytes = |copy: &BlockCopy| {
            let ty = self.func.arrays[copy.array].ty;
            let element = HostExpr::Const(ty.dtype.size_bytes() as i64);
            (0..ty.rank).try_fold(element, |product, axis| {
                Some(HostExpr::Mul(Box::new(product), Box::new(env.dim(copy.array, axis)?)))
            })
        };
        let mut all = self.copies().iter().map(bytes).collect::<Option<Vec<_>>>()?.into_iter();
        let first = all.next()?;
        Some(all.fold(first, |sum, next| HostExpr::Add(Box::new(sum), Box::new(next))))
    }

    /// Declares the copies and clears them.
    pub(super) fn begin_copies(&mut self) {
        let mut copies = self.copies();
        let Some(last) = copies.len().checked_sub(1) else { return };
        self.put("// Every block has a copy of its own, if it fits.");
        let mut from = "dynamic_memory".to_owned();
        for (k, copy) in copies.iter_mut().enumerate() {
            let ty = self.func.arrays[copy.array].ty;
            let array = self.names.array(self.func, copy.array);
            let dims: Vec<String> = (0..ty.rank).map(|axis| self.dim(copy.array, axis).code).collect();
            copy.name = self.names.fresh(&format!("{array}_block"));
            let (dtype, name) = (ty.dtype, &copy.name);
            self.put(&format!("{dtype}* const {name} = ({dtype}*){from};"));
            copy.size = match dims.as_slice() {
                [one] => one.clone(),
                more => {
                    let size = self.names.fresh(&format!("{array}_size"));
                    self.put(&format!("const index_t {size} = {};", more.join(" * ")));
                    size
                }
            };
            if k < last {
                from = format!("({name} + {})", copy.size);
            }
        }
        self.put("if (shared_bytes != 0) {");
        self.depth += 1;
        for copy in &copies {
            let part = self.func.arrays[copy.array].ty.dtype;
            let (head, counter) = self.through(copy);
            let identity = reduce::identity(copy.op, part.widened()).at(level::UNARY);
            let identity = if part == part.widened() { identity } else { format!("({part}){identity}") };
            self.put(&format!("{head} {}[{counter}] = {identity};", copy.name));
        }
        self.put("__syncthreads();");
        self.depth -= 1;
        self.put("}");
        if let Role::Kernel(role) = &mut self.role {
            role.copies = copies;
        }
    }

    /// Combines the copies into the arrays.
    pub(super) fn end_copies(&mut self) {
        let copies = self.copies();
        if copies.is_empty() {
            return;
        }
        self.put("if (shared_bytes != 0) {");
        self.depth += 1;
        self.put("__syncthreads();");
        for copy in &copies {
            let ty = self.func.arrays[copy.array].ty;
            let Some((function, kind)) = atomic(copy.op, ty.dtype, ty.dtype) else { continue };
            let (head, counter) = self.through(copy);
            let stride = if ty.rank == 1 { self.stride(copy.array, 0).code } else { "1".to_owned() };
            let place = if stride == "1" { counter.clone() } else { format!("{counter} * {stride}") };
            let pointer = self.pointer(copy.array);
            let name = &copy.name;
            let mut line = format!("{function}(({kind}*)&{pointer}[{place}], ({kind}){name}[{counter}]);");
            if matches!(copy.op, ReduceOp::Add | ReduceOp::Or | ReduceOp::Xor) {
                line = format!("if ({name}[{counter}] != 0) {line}");
            }
            self.put(&format!("{head} {{"));
            self.depth += 1;
            self.put(&line);
            self.depth -= 1;
            self.put("}");
        }
        self.depth -= 1;
        self.put("}");
    }

    /// The head of a loop of the block through a copy, and its counter.
    fn through(&mut self, copy: &BlockCopy) -> (String, String) {
        let k = self.names.fresh("k");
        let size = &copy.size;
        let head =
            format!("for (index_t {k} = (index_t)threadIdx.x; {k} < {size}; {k} += (index_t)blockDim.x)");
        (head, k)
    }

    /// An element that other threads combine into, too.
    pub(super) fn accumulate_shared(
        &mut self,
        array: ArrayId,
        place: &Place,
        op: ReduceOp,
        value: ExprId,
    ) -> Result<(), Refused> {
        let part = self.func.arrays[array].ty.dtype.part();
        let span = self.span_of(value);
        if !super::arrays::has_atomics(part) {
            return Err(Refused::new(span, format!("{part} numbers cannot be combined in any order")));
        }
        let Some((function, kind)) = atomic(op, part, source_type(self.func, value)) else {
            return Err(Refused::new(span, "there is no atomic operation for it"));
        };
        let copy = self.copies().into_iter().find(|copy| copy.array == array);
        let Some(copy) = copy else {
            let target = self.element(array, place, 0)?;
            let text = self.expr(value)?;
            self.put(&format!("{function}(({kind}*)&{target}, ({kind}){});", text.at(level::UNARY)));
            return Ok(());
        };
        // Where in the copy, and where in the array.
        let ty = self.func.arrays[array].ty;
        let is_strided = ty.layout == Layout::Strided;
        let at = if is_strided { self.only_index(place)? } else { self.offset(array, place)? };
        let at = if at.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            at
        } else {
            let name = self.names.fresh("bin");
            self.put(&format!("const index_t {name} = {at};"));
            name
        };
        let there = if is_strided {
            let stride = self.stride(array, 0).at(level::PRODUCT + 1);
            format!("{at} * {stride}")
        } else {
            at.clone()
        };
        let text = self.expr(value)?;
        let pointer = self.pointer(array);
        let is_simple = text.level == level::ATOM && !text.code.contains('(') && !text.code.contains('[');
        let number = if is_simple {
            text.code
        } else {
            let name = self.names.fresh("amount");
            self.put(&format!("const {kind} {name} = ({kind}){};", text.at(level::UNARY)));
            name
        };
        let shared = match (op, part.size_bytes()) {
            (ReduceOp::Add, 8) => format!("shared_add((u64*)&{}[{at}], (u64){number});", copy.name),
            _ => format!("{function}(({kind}*)&{}[{at}], ({kind}){number});", copy.name),
        };
        self.put(&format!("if (shared_bytes != 0) {shared}"));
        self.put(&format!("else {function}(({kind}*)&{pointer}[{there}], ({kind}){number});"));
        Ok(())
    }

    /// The index into an array of one axis.
    fn only_index(&mut self, place: &Place) -> Result<String, Refused> {
        let index = match place {
            Place::Index(indices) => indices.first().copied(),
            _ => None,
        };
        let index = index.ok_or_else(|| Refused::new(self.func.span, "it computes addresses"))?;
        self.index(index).map(|text: Text| text.code)
    }
}
