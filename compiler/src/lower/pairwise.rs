//! The function that sums a range of an array as NumPy does, made directly in the IR.

use crate::base::{FastMath, PrimaryMap, Span, Symbol};
use crate::ir::{
    ArrayId, ArrayVar, BinaryOp, Block, CompareOp, Const, ExprId, ExprKind, Func, FuncId, Local, LocalId,
    Loop, LoopInfo, LoopKind, LoopOrigin, Operand, Ownership, Param, Place, Ret, Stmt, Target,
};
use crate::types::{ArrayTy, DType};

/// `sum(x[lo .. lo + n])` in the order of NumPy's `pairwise_sum`: fewer than 8 elements one by one, up to 128 in eight
/// interleaved sums, more than that as the sum of two halves.
///
/// Complex numbers count as two: each part has four interleaved sums. `at` is the type of the sum, to which elements are cast.
pub(super) fn pairwise_sum(
    ty: ArrayTy,
    lane: u8,
    at: DType,
    id: FuncId,
    fastmath: FastMath,
    span: Span,
) -> Func {
    build(ty, None, (lane, at), id, fastmath, span)
}

/// `sum(x[lo .. lo + n] * y[lo .. lo + n])` in the same order.
pub(super) fn pairwise_dot(x: ArrayTy, y: ArrayTy, id: FuncId, fastmath: FastMath, span: Span) -> Func {
    build(x, Some(y), (0, x.dtype), id, fastmath, span)
}

fn build(
    ty: ArrayTy,
    second: Option<ArrayTy>,
    (lane, at): (u8, DType),
    id: FuncId,
    fastmath: FastMath,
    span: Span,
) -> Func {
    // Running sums; a block has at most sixteen elements for each.
    let width = 8 / ty.dtype.lanes() as i64;
    let func = Func {
        name: Symbol::from(format!("{}.{}", if second.is_some() { "dot" } else { "sum" }, ty.dtype)),
        params: Vec::new(),
        rets: vec![Ret::Scalar(at)],
        locals: PrimaryMap::new(),
        arrays: PrimaryMap::new(),
        exprs: PrimaryMap::new(),
        loops: PrimaryMap::new(),
        body: Vec::new(),
        fastmath,
        recursion: None,
        chunk: None,
        is_cold: false,
        is_kernel: false,
        span,
    };
    let mut h = Helper { func, span, dtype: at, lane, second: None };
    let x = h.func.arrays.push(ArrayVar { name: "x".into(), ty, ownership: Ownership::Borrowed, span });
    h.second = second.map(|ty| {
        h.func.arrays.push(ArrayVar { name: "y".into(), ty, ownership: Ownership::Borrowed, span })
    });
    let (lo, n) = (h.local("lo", DType::I64), h.local("n", DType::I64));
    h.func.params = vec![Param::Array(x)];
    h.func.params.extend(h.second.map(Param::Array));
    h.func.params.extend([Param::Scalar(lo), Param::Scalar(n)]);

    // Few.
    let total = h.local("total", at);
    let start = h.number(-0.0);
    let mut few: Block = vec![Stmt::Set { local: total, value: start }];
    let (first, end) = (h.int(0), h.read(n));
    few.push(h.add_range(x, lo, total, first, end));
    let value = h.read(total);
    few.push(Stmt::Return { values: vec![Operand::Scalar(value)] });

    // A block.
    let mut block: Block = Vec::new();
    let sums: Vec<LocalId> = (0..width).map(|j| h.local(&format!("r{j}"), at)).collect();
    for (j, &sum) in sums.iter().enumerate() {
        let index = h.offset(lo, None, j as i64);
        let value = h.load(x, index);
        block.push(Stmt::Set { local: sum, value });
    }
    let rounded = h.local("m", DType::I64);
    let (a, b, c) = (h.read(n), h.read(n), h.int(width));
    let rest = h.binary(BinaryOp::Mod, b, c, DType::I64);
    let value = h.binary(BinaryOp::Sub, a, rest, DType::I64);
    block.push(Stmt::Set { local: rounded, value });
    let k = h.local("k", DType::I64);
    let mut body = Vec::new();
    for (j, &sum) in sums.iter().enumerate() {
        let index = h.offset(lo, Some(k), j as i64);
        let (old, value) = (h.read(sum), h.load(x, index));
        let value = h.binary(BinaryOp::Add, old, value, at);
        body.push(Stmt::Set { local: sum, value });
    }
    let (from, to) = (h.int(width), h.read(rounded));
    block.push(h.serial_loop(k, from, to, width, body));
    let value = h.tree(&sums);
    block.push(Stmt::Set { local: total, value });
    let (from, to) = (h.read(rounded), h.read(n));
    block.push(h.add_range(x, lo, total, from, to));
    let value = h.read(total);
    block.push(Stmt::Return { values: vec![Operand::Scalar(value)] });

    // Two halves, the first a multiple of the number of running sums.
    let mut halves: Block = Vec::new();
    let half = h.local("half", DType::I64);
    let (a, two) = (h.read(n), h.int(2));
    let value = h.binary(BinaryOp::FloorDiv, a, two, DType::I64);
    halves.push(Stmt::Set { local: half, value });
    let (a, b, divisor) = (h.read(half), h.read(half), h.int(width));
    let rest = h.binary(BinaryOp::Mod, b, divisor, DType::I64);
    let value = h.binary(BinaryOp::Sub, a, rest, DType::I64);
    halves.push(Stmt::Set { local: half, value });
    let (left, right) = (h.local("left", at), h.local("right", at));
    let (start, count) = (h.read(lo), h.read(half));
    let args = h.arguments(x, start, count);
    halves.push(Stmt::Call { callee: id, args, results: vec![Target::Local(left)], span });
    let (a, b) = (h.read(lo), h.read(half));
    let start = h.binary(BinaryOp::Add, a, b, DType::I64);
    let (a, b) = (h.read(n), h.read(half));
    let count = h.binary(BinaryOp::Sub, a, b, DType::I64);
    let args = h.arguments(x, start, count);
    halves.push(Stmt::Call { callee: id, args, results: vec![Target::Local(right)], span });
    let (a, b) = (h.read(left), h.read(right));
    let value = h.binary(BinaryOp::Add, a, b, at);
    halves.push(Stmt::Return { values: vec![Operand::Scalar(value)] });

    let is_few = h.less(n, width);
    let is_block = h.less(n, 16 * width + 1);
    h.func.body = vec![
        Stmt::If { cond: is_few, then: few, orelse: Vec::new() },
        Stmt::If { cond: is_block, then: block, orelse: Vec::new() },
    ];
    h.func.body.extend(halves);
    h.func
}

/// Builds a function outside of any source.
struct Helper {
    func: Func,
    span: Span,
    /// Of the sum.
    dtype: DType,
    /// Which part of complex elements.
    lane: u8,
    /// The other factor.
    second: Option<ArrayId>,
}

impl Helper {
    fn local(&mut self, name: &str, dtype: DType) -> LocalId {
        self.func.locals.push(Local { name: name.into(), dtype, span: self.span, is_user: false })
    }

    fn int(&mut self, value: i64) -> ExprId {
        self.func.int(value, self.span)
    }

    fn number(&mut self, value: f64) -> ExprId {
        let bits = if self.dtype == DType::F32 { Const::f32(value as f32) } else { Const::f64(value) };
        self.func.expr(ExprKind::Const(bits), self.dtype, self.span)
    }

    fn read(&mut self, local: LocalId) -> ExprId {
        self.func.read(local, self.span)
    }

    fn binary(&mut self, op: BinaryOp, left: ExprId, right: ExprId, ty: DType) -> ExprId {
        self.func.expr(ExprKind::Binary { op, left, right }, ty, self.span)
    }

    fn less(&mut self, local: LocalId, than: i64) -> ExprId {
        let (left, right) = (self.read(local), self.int(than));
        self.func.expr(ExprKind::Compare { op: CompareOp::Lt, left, right }, DType::Bool, self.span)
    }

    /// `lo + k + j`.
    fn offset(&mut self, lo: LocalId, k: Option<LocalId>, j: i64) -> ExprId {
        let mut index = self.read(lo);
        if let Some(k) = k {
            let k = self.read(k);
            index = self.binary(BinaryOp::Add, index, k, DType::I64);
        }
        if j > 0 {
            let j = self.int(j);
            index = self.binary(BinaryOp::Add, index, j, DType::I64);
        }
        index
    }

    fn arguments(&self, x: ArrayId, start: ExprId, count: ExprId) -> Vec<Operand> {
        let mut args = vec![Operand::Array(x)];
        args.extend(self.second.map(Operand::Array));
        args.extend([Operand::Scalar(start), Operand::Scalar(count)]);
        args
    }

    /// One term of the sum.
    fn load(&mut self, array: ArrayId, index: ExprId) -> ExprId {
        let Some(second) = self.second else { return self.element(array, index) };
        let copy = self.func.clone_expr(index);
        let (left, right) = (self.element(array, index), self.element(second, copy));
        self.binary(BinaryOp::Mul, left, right, self.dtype)
    }

    fn element(&mut self, array: ArrayId, index: ExprId) -> ExprId {
        let place = Place::Index([index].into_iter().collect());
        let stored = self.func.arrays[array].ty.dtype.part();
        let value = self.func.expr(ExprKind::Load { array, place, lane: self.lane }, stored, self.span);
        if stored == self.dtype {
            return value;
        }
        self.func.expr(ExprKind::Cast { arg: value }, self.dtype, self.span)
    }

    fn serial_loop(&mut self, var: LocalId, lo: ExprId, hi: ExprId, step: i64, body: Block) -> Stmt {
        let id = self.func.loops.push(LoopInfo {
            span: self.span,
            origin: LoopOrigin::Internal,
            is_slow_copy: false,
            is_fallback: false,
        });
        Stmt::Loop(Box::new(Loop::new(id, LoopKind::Serial, var, [lo, hi], step, body)))
    }

    /// `for k in from .. to: total += x[lo + k]`.
    fn add_range(&mut self, x: ArrayId, lo: LocalId, total: LocalId, from: ExprId, to: ExprId) -> Stmt {
        let k = self.local("k", DType::I64);
        let index = self.offset(lo, Some(k), 0);
        let (old, value) = (self.read(total), self.load(x, index));
        let value = self.binary(BinaryOp::Add, old, value, self.dtype);
        self.serial_loop(k, from, to, 1, vec![Stmt::Set { local: total, value }])
    }

    /// `((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))`.
    fn tree(&mut self, sums: &[LocalId]) -> ExprId {
        match sums {
            [one] => self.read(*one),
            _ => {
                let (left, right) = sums.split_at(sums.len() / 2);
                let (left, right) = (self.tree(left), self.tree(right));
                self.binary(BinaryOp::Add, left, right, self.dtype)
            }
        }
    }
}
