//! How large whole numbers of a function can get: which fit `index_t`, and which sums and products cannot overflow.
//!
//! The host launches the narrow variant only if extents, iterations and captured numbers that are counted or indexed with are
//! below 2^30 in size ([`NARROW_LIMIT`]), any variant only if they are below 2^48. An expression *fits* if, with the first,
//! it and all its parts are below 2^31; then it is computed in `index_t`. It is *tame* if, with the second, it and all
//! its parts are below 2^63; then it is computed in `i64` with C's own operators. Everything else wraps by helpers.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::grid::NARROW_LIMIT;
use crate::ir::walk::{self, LocalSet};
use crate::ir::{BinaryOp, ExprId, ExprKind, Func, LocalId, Place, Stmt, UnaryOp, ViewAxis};
use crate::types::DType;
use crate::types::device::DeviceFn;

/// Sizes of numbers of one function.
pub(super) struct Sizes {
    narrow: FxHashMap<LocalId, u64>,
    wide: FxHashMap<LocalId, u64>,
    /// Parameters that are counted or indexed with: the host must see that they are small.
    pub(super) counted: Vec<LocalId>,
    /// Variables that are never below 0.
    naturals: FxHashSet<LocalId>,
    /// What the hardware tells: numbers of threads and blocks.
    places: FxHashMap<LocalId, DeviceFn>,
}

const NARROW_ATOM: u64 = NARROW_LIMIT - 1;
const NARROW_MAX: u64 = (1 << 31) - 1;
const WIDE_ATOM: u64 = 1 << 48;
const WIDE_MAX: u64 = i64::MAX as u64;
/// What fits is the sum of at most two large numbers and small ones.
const WIDE_FITTING: u64 = 1 << 50;

impl Sizes {
    /// `small` are parameters that the host makes small (of kernels; functions that kernels call know nothing of theirs).
    pub(super) fn new(func: &Func, small: &LocalSet) -> Sizes {
        let mut sets: FxHashMap<LocalId, Vec<ExprId>> = FxHashMap::default();
        let mut loops: FxHashMap<LocalId, Vec<(ExprId, ExprId, i64)>> = FxHashMap::default();
        let mut others = LocalSet::new();
        let mut threads: FxHashMap<LocalId, DeviceFn> = FxHashMap::default();
        let mut asked_twice = LocalSet::new();
        let mut order = Vec::new();
        walk::for_each_stmt(&func.body, &mut |stmt| match stmt {
            Stmt::Set { local, value } => {
                sets.entry(*local).or_default().push(*value);
                order.push(*local);
            }
            Stmt::Loop(l) => {
                loops.entry(l.var).or_default().push((l.lo, l.hi, l.step));
                order.push(l.var);
            }
            other => match super::explicit::place_of_thread(other) {
                Some((local, function)) => {
                    if threads.insert(local, function).is_some_and(|known| known != function) {
                        asked_twice.insert(local);
                    }
                }
                None => walk::for_each_local_written(other, &mut |local| {
                    others.insert(local);
                }),
            },
        });
        let mut sizes = Sizes {
            narrow: FxHashMap::default(),
            wide: FxHashMap::default(),
            counted: Vec::new(),
            naturals: FxHashSet::default(),
            places: FxHashMap::default(),
        };
        for (local, function) in threads {
            let is_mixed = asked_twice.contains(local) || others.contains(local);
            if is_mixed || sets.contains_key(&local) || loops.contains_key(&local) {
                others.insert(local);
                continue;
            }
            let (narrow, wide) = super::explicit::most(function);
            sizes.narrow.insert(local, narrow);
            sizes.wide.insert(local, wide);
            sizes.naturals.insert(local);
            sizes.places.insert(local, function);
        }
        for local in wanted(func, &sets) {
            if small.contains(local) && !sets.contains_key(&local) && !loops.contains_key(&local) {
                sizes.narrow.insert(local, NARROW_ATOM);
                sizes.wide.insert(local, WIDE_ATOM);
                sizes.counted.push(local);
            }
        }
        let mut params = LocalSet::new();
        for param in &func.params {
            if let crate::ir::Param::Scalar(local) = param {
                params.insert(*local);
            }
        }
        for local in order {
            let is_candidate = func.locals[local].dtype == DType::I64
                && !others.contains(local)
                && !params.contains(local)
                && (!sets.contains_key(&local) || !loops.contains_key(&local));
            if !is_candidate {
                continue;
            }
            let of = |limit: Limit| -> Option<u64> {
                if let Some(values) = sets.get(&local) {
                    // Of one that depends on itself nothing is known.
                    return values
                        .iter()
                        .map(|&value| sizes.size(func, value, limit))
                        .try_fold(0, |most, size| Some(size?.max(most)));
                }
                let mut most = 0;
                for &(lo, hi, step) in loops.get(&local)? {
                    let ends = sizes.size(func, lo, limit)?.max(sizes.size(func, hi, limit)?);
                    // The last addition goes beyond the end.
                    most = most.max(ends.checked_add(step.unsigned_abs()).filter(|&n| n <= limit.most())?);
                }
                Some(most)
            };
            let (narrow, wide) = (of(Limit::Narrow), of(Limit::Wide));
            let natural = |&value: &ExprId| sizes.is_natural(func, value);
            let is_natural = match (sets.get(&local), loops.get(&local)) {
                (Some(values), _) => values.iter().all(natural),
                (None, Some(ranges)) => {
                    ranges.iter().all(|(lo, hi, step)| natural(if *step > 0 { lo } else { hi }))
                }
                (None, None) => false,
            };
            if is_natural && wide.is_some() {
                sizes.naturals.insert(local);
            }
            sizes.narrow.extend(narrow.map(|size| (local, size)));
            sizes.wide.extend(wide.map(|size| (local, size)));
        }
        sizes
    }

    /// Is the variable an `index_t`?
    pub(super) fn is_index(&self, local: LocalId) -> bool {
        self.narrow.contains_key(&local)
    }

    /// May the expression be computed in `index_t`?
    pub(super) fn fits(&self, func: &Func, id: ExprId) -> bool {
        self.size(func, id, Limit::Narrow).is_some()
    }

    /// Is the expression never below 0? That nothing overflows is part of the answer.
    pub(super) fn is_natural(&self, func: &Func, id: ExprId) -> bool {
        let expr = &func.exprs[id];
        let of = |id: ExprId| self.is_natural(func, id);
        match &expr.kind {
            _ if expr.ty != DType::I64 => false,
            ExprKind::Const(value) => value.as_int() >= 0,
            ExprKind::Local(local) => self.naturals.contains(local),
            ExprKind::Dim { .. } => true,
            ExprKind::Binary { op, left, right } => match op {
                BinaryOp::Add | BinaryOp::Mul | BinaryOp::FloorDiv => {
                    of(*left) && of(*right) && self.is_tame(func, id)
                }
                BinaryOp::Min => of(*left) && of(*right),
                BinaryOp::Max => of(*left) || of(*right),
                // Python's remainder has the sign of the divisor; that of a zero divisor is 0.
                BinaryOp::Mod => of(*right),
                _ => false,
            },
            ExprKind::Select { then, orelse, .. } => of(*then) && of(*orelse),
            ExprKind::Cast { arg } => {
                matches!(func.exprs[*arg].ty, DType::Bool | DType::U8 | DType::U16 | DType::U32)
            }
            _ => false,
        }
    }

    /// Is it the number of a block times the threads of a block?
    fn is_first_of_block(&self, func: &Func, left: ExprId, right: ExprId) -> bool {
        let place = |id: ExprId| match func.exprs[id].kind {
            ExprKind::Local(local) => self.places.get(&local).copied(),
            _ => None,
        };
        match (place(left), place(right)) {
            (Some(DeviceFn::BlockIdx(a) | DeviceFn::GridDim(a)), Some(DeviceFn::BlockDim(b)))
            | (Some(DeviceFn::BlockDim(a)), Some(DeviceFn::BlockIdx(b) | DeviceFn::GridDim(b))) => a == b,
            _ => false,
        }
    }

    /// Can nothing overflow in the expression, computed in `i64`?
    pub(super) fn is_tame(&self, func: &Func, id: ExprId) -> bool {
        self.size(func, id, Limit::Wide).is_some()
    }

    fn size(&self, func: &Func, id: ExprId, limit: Limit) -> Option<u64> {
        let expr = &func.exprs[id];
        let of = |id: ExprId| self.size(func, id, limit);
        let size = match &expr.kind {
            ExprKind::Const(value) if expr.ty == DType::I64 => Some(value.as_int().unsigned_abs()),
            ExprKind::Local(local) => match limit {
                Limit::Narrow => self.narrow.get(local).copied(),
                Limit::Wide if self.is_index(*local) => {
                    Some(self.wide.get(local).copied().unwrap_or(WIDE_FITTING).min(WIDE_FITTING))
                }
                Limit::Wide => self.wide.get(local).copied(),
            },
            ExprKind::Dim { .. } => Some(limit.atom()),
            ExprKind::Unary { op: UnaryOp::Neg | UnaryOp::Abs, arg } if expr.ty == DType::I64 => of(*arg),
            ExprKind::Binary { op, left, right } if expr.ty == DType::I64 => match op {
                BinaryOp::Add | BinaryOp::Sub => of(*left)?.checked_add(of(*right)?),
                // The host sees to it that the whole grid can be counted.
                BinaryOp::Mul if limit == Limit::Narrow && self.is_first_of_block(func, *left, *right) => {
                    Some(NARROW_ATOM)
                }
                BinaryOp::Mul => of(*left)?.checked_mul(of(*right)?),
                BinaryOp::Min | BinaryOp::Max => Some(of(*left)?.max(of(*right)?)),
                // In size at most the dividend, but for a rounding up.
                BinaryOp::FloorDiv => {
                    of(*right)?;
                    of(*left)?.checked_add(1)
                }
                BinaryOp::Mod => {
                    of(*left)?;
                    of(*right)
                }
                BinaryOp::Div
                | BinaryOp::MulHigh
                | BinaryOp::IntPow
                | BinaryOp::And
                | BinaryOp::Or
                | BinaryOp::Xor
                | BinaryOp::Shl
                | BinaryOp::Shr => None,
            },
            ExprKind::Select { then, orelse, .. } if expr.ty == DType::I64 => {
                Some(of(*then)?.max(of(*orelse)?))
            }
            ExprKind::Wrap { index, extent } => of(*index)?.checked_add(of(*extent)?),
            ExprKind::Cast { arg } if expr.ty == DType::I64 => match func.exprs[*arg].ty {
                DType::Bool => Some(1),
                DType::I8 | DType::U8 => Some(1 << 8),
                DType::I16 | DType::U16 => Some(1 << 16),
                DType::I32 | DType::U32 if limit == Limit::Wide => Some(1 << 32),
                _ => None,
            },
            _ => None,
        };
        size.filter(|&size| size <= limit.most())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Limit {
    Narrow,
    Wide,
}

impl Limit {
    fn atom(self) -> u64 {
        match self {
            Limit::Narrow => NARROW_ATOM,
            Limit::Wide => WIDE_ATOM,
        }
    }

    fn most(self) -> u64 {
        match self {
            Limit::Narrow => NARROW_MAX,
            Limit::Wide => WIDE_MAX,
        }
    }
}

/// Locals that bounds of loops and indices are made of, in order.
fn wanted(func: &Func, sets: &FxHashMap<LocalId, Vec<ExprId>>) -> Vec<LocalId> {
    let mut roots = Vec::new();
    let place = |place: &Place, roots: &mut Vec<ExprId>| place.for_each_operand(|index| roots.push(index));
    walk::for_each_stmt(&func.body, &mut |stmt| {
        match stmt {
            Stmt::Loop(l) => roots.extend([l.lo, l.hi]),
            Stmt::Store { place: p, .. } | Stmt::Accumulate { place: p, .. } => place(p, &mut roots),
            Stmt::SetArray { value: crate::ir::ArrayValue::View { axes, .. }, .. } => {
                for axis in axes {
                    match axis {
                        ViewAxis::Index(index) => roots.push(*index),
                        ViewAxis::Slice { start, len, step } => roots.extend([start, len, step].map(|&e| e)),
                        ViewAxis::Whole | ViewAxis::New => {}
                    }
                }
            }
            _ => {}
        }
        walk::for_each_expr_root(stmt, &mut |root| {
            walk::for_each_expr(&func.exprs, root, &mut |_, expr| {
                if let ExprKind::Load { place: p, .. } = &expr.kind {
                    place(p, &mut roots);
                }
            });
        });
    });
    let (mut found, mut seen) = (Vec::new(), FxHashSet::default());
    while let Some(root) = roots.pop() {
        // What a load gives is data, whatever its index.
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            match &func.exprs[id].kind {
                ExprKind::Load { .. } => {}
                ExprKind::Local(local) => {
                    if func.locals[*local].dtype == DType::I64 && seen.insert(*local) {
                        found.push(*local);
                        roots.extend(sets.get(local).into_iter().flatten());
                    }
                }
                kind => kind.for_each_operand(|operand| open.push(operand)),
            }
        }
    }
    found.sort_unstable();
    found
}
