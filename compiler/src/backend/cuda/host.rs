//! What the host can work out before a launch: expressions over captures.

use rustc_hash::FxHashMap;

use crate::ir::abi::{ARRAY_HEAD_WORDS, array_words};
use crate::ir::grid::HostExpr;
use crate::ir::stmt::LAUNCH_WORDS;
use crate::ir::{ArrayId, BinaryOp, ExprId, ExprKind, Func, LocalId, Operand, ParallelCall, Param, Stmt};
use crate::types::DType;

/// Where the captures of a loop are in `env`.
pub(super) struct Env {
    /// First word of each array.
    pub(super) arrays: FxHashMap<ArrayId, u32>,
    /// Word of each number.
    pub(super) scalars: FxHashMap<LocalId, u32>,
    /// All words.
    pub(super) words: u32,
}

impl Env {
    /// `body` is the outlined function; its first parameters are the captures.
    pub(super) fn new(body: &Func, call: &ParallelCall) -> Option<Env> {
        let mut env = Env { arrays: FxHashMap::default(), scalars: FxHashMap::default(), words: 0 };
        for (capture, param) in call.captures.iter().zip(&body.params) {
            match (capture, *param) {
                (Operand::Array(_), Param::Array(array)) => {
                    env.arrays.insert(array, env.words);
                    env.words += array_words(body.arrays[array].ty.rank) as u32;
                }
                (Operand::Scalar(_), Param::Scalar(local)) => {
                    env.scalars.insert(local, env.words);
                    env.words += 1;
                }
                _ => return None,
            }
        }
        Some(env)
    }

    /// Of a kernel that the user wrote: its arguments behind the numbers of the launch.
    pub(super) fn of_arguments(kernel: &Func) -> Env {
        let mut env =
            Env { arrays: FxHashMap::default(), scalars: FxHashMap::default(), words: LAUNCH_WORDS as u32 };
        for param in &kernel.params {
            match *param {
                Param::Array(array) => {
                    env.arrays.insert(array, env.words);
                    env.words += array_words(kernel.arrays[array].ty.rank) as u32;
                }
                Param::Scalar(local) => {
                    env.scalars.insert(local, env.words);
                    env.words += 1;
                }
            }
        }
        env
    }

    /// An extent of a captured array.
    pub(super) fn dim(&self, array: ArrayId, axis: u8) -> Option<HostExpr> {
        Some(HostExpr::Word(self.arrays.get(&array)? + ARRAY_HEAD_WORDS as u32 + u32::from(axis)))
    }

    /// A stride of a captured array, in elements.
    pub(super) fn stride(&self, body: &Func, array: ArrayId, axis: u8) -> Option<HostExpr> {
        let ty = body.arrays[array].ty;
        let word = self.arrays.get(&array)? + ARRAY_HEAD_WORDS as u32 + u32::from(ty.rank) + u32::from(axis);
        Some(HostExpr::WordOver(word, ty.dtype.size_bytes() as u32))
    }

    /// A whole number that is the same in every iteration, if the host can work it out. `defs` are variables that are
    /// assigned once, before the loops.
    pub(super) fn number(
        &self,
        body: &Func,
        defs: &FxHashMap<LocalId, ExprId>,
        id: ExprId,
    ) -> Option<HostExpr> {
        let expr = &body.exprs[id];
        if expr.ty != DType::I64 {
            return None;
        }
        let of = |id: ExprId| self.number(body, defs, id);
        match &expr.kind {
            ExprKind::Const(value) => Some(HostExpr::Const(value.as_int())),
            ExprKind::Local(local) => match (self.scalars.get(local), defs.get(local)) {
                (Some(&word), _) => Some(HostExpr::Word(word)),
                (None, Some(&value)) => of(value),
                (None, None) => None,
            },
            ExprKind::Dim { array, axis } => self.dim(*array, *axis),
            ExprKind::Binary { op, left, right } => {
                let (left, right) = (Box::new(of(*left)?), Box::new(of(*right)?));
                match op {
                    BinaryOp::Add => Some(HostExpr::Add(left, right)),
                    BinaryOp::Sub => Some(HostExpr::Sub(left, right)),
                    BinaryOp::Mul => Some(HostExpr::Mul(left, right)),
                    BinaryOp::FloorDiv => Some(HostExpr::FloorDiv(left, right)),
                    BinaryOp::Min => Some(HostExpr::Min(left, right)),
                    BinaryOp::Max => Some(HostExpr::Max(left, right)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// Variables that are assigned once, at the top of the function.
pub(super) fn definitions(body: &Func) -> FxHashMap<LocalId, ExprId> {
    let mut writes: FxHashMap<LocalId, u32> = FxHashMap::default();
    crate::ir::walk::for_each_stmt(&body.body, &mut |stmt| {
        crate::ir::walk::for_each_local_written(stmt, &mut |local| *writes.entry(local).or_default() += 1);
    });
    body.body
        .iter()
        .filter_map(|stmt| match stmt {
            Stmt::Set { local, value } if writes.get(local) == Some(&1) => Some((*local, *value)),
            _ => None,
        })
        .collect()
}
