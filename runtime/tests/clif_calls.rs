//! Calls, memory, views and parallel loops of the Cranelift back end, run with the hand-made context of `support`.
#![allow(unreachable_pub)]

mod support;

use kjit_compiler::ir::*;
use kjit_compiler::types::{ArrayTy, DType, Layout};
use support::{Arg, Build, Kernel, SPAN, f64s, program};

const F64_1: ArrayTy = ArrayTy { dtype: DType::F64, rank: 1, layout: Layout::C, is_writable: true };
const F64_2: ArrayTy = ArrayTy { dtype: DType::F64, rank: 2, layout: Layout::C, is_writable: true };
const STRIDED_1: ArrayTy = ArrayTy { dtype: DType::F64, rank: 1, layout: Layout::Strided, is_writable: true };

fn id(number: u32) -> FuncId {
    FuncId::from_u32(number)
}

#[test]
fn calls_pass_numbers_and_errors() {
    // g(a: i64, b: f64, c: f32) -> f64: raises if a < 0
    let mut g = Build::new("g");
    let (a, b, c) = (g.scalar_param(DType::I64), g.scalar_param(DType::F64), g.scalar_param(DType::F32));
    let (ea, zero) = (g.get(a), g.int(0));
    let cond = g.compare(CompareOp::Ge, ea, zero);
    let args = vec![g.get(a)];
    g.push(Stmt::Check { check: Check::Cond(cond), trap: TrapId::from_u32(0), args });
    let (ea, ec, eb) = (g.get(a), g.get(c), g.get(b));
    let (wa, wc) =
        (g.expr(ExprKind::Cast { arg: ea }, DType::F64), g.expr(ExprKind::Cast { arg: ec }, DType::F64));
    let sum = g.bin(BinaryOp::Add, wa, eb);
    let sum = g.bin(BinaryOp::Add, sum, wc);
    g.ret_scalar(DType::F64, sum);
    // h(a) -> (a, a + 1)
    let mut h = Build::new("h");
    let a = h.scalar_param(DType::I64);
    let (ea, eb, one) = (h.get(a), h.get(a), h.int(1));
    let next = h.bin(BinaryOp::Add, eb, one);
    h.ret_scalars(&[(DType::I64, ea), (DType::I64, next)]);
    // f(a, b) = g(a, b, 0.5) + (second of h(a))
    let mut f = Build::new("f");
    f.trap();
    let (a, b) = (f.scalar_param(DType::I64), f.scalar_param(DType::F64));
    let result = f.local(DType::F64);
    let (first, second) = (f.local(DType::I64), f.local(DType::I64));
    let (ea, eb) = (f.get(a), f.get(b));
    let half = f.expr(ExprKind::Const(Const::f32(0.5)), DType::F32);
    let args = vec![Operand::Scalar(ea), Operand::Scalar(eb), Operand::Scalar(half)];
    f.push(Stmt::Call { callee: id(1), args, results: vec![Target::Local(result)], span: SPAN });
    let args = vec![Operand::Scalar(f.get(a))];
    let results = vec![Target::Local(first), Target::Local(second)];
    f.push(Stmt::Call { callee: id(2), args, results, span: SPAN });
    let (r, s) = (f.get(result), f.get(second));
    let s = f.expr(ExprKind::Cast { arg: s }, DType::F64);
    let sum = f.bin(BinaryOp::Add, r, s);
    f.ret_scalar(DType::F64, sum);
    let kernel = Kernel::compile(program(vec![f, g, h]));
    let (status, ret) = kernel.call(&[Arg::I64(3), Arg::F64(10.0)], 1);
    assert_eq!((status, f64::from_bits(ret[0])), (0, 17.5));
    let (status, _) = kernel.call(&[Arg::I64(-3), Arg::F64(10.0)], 1);
    assert_eq!((status, kernel.trap_args()[0] as i64), (1, -3));
}

/// `f(n) = 0 if n == 0 else f(n - 1) + 1`.
fn recursive() -> Program {
    let mut f = Build::new("f");
    let trap = f.trap();
    f.func.recursion = Some(trap);
    let n = f.scalar_param(DType::I64);
    let (en, zero) = (f.get(n), f.int(0));
    let cond = f.compare(CompareOp::Eq, en, zero);
    let zero = f.int(0);
    f.push(Stmt::If {
        cond,
        then: vec![Stmt::Return { values: vec![Operand::Scalar(zero)] }],
        orelse: vec![],
    });
    let result = f.local(DType::I64);
    let (en, one) = (f.get(n), f.int(1));
    let less = f.bin(BinaryOp::Sub, en, one);
    let args = vec![Operand::Scalar(less)];
    f.push(Stmt::Call { callee: id(0), args, results: vec![Target::Local(result)], span: SPAN });
    let (r, one) = (f.get(result), f.int(1));
    let sum = f.bin(BinaryOp::Add, r, one);
    f.ret_scalar(DType::I64, sum);
    f.program()
}

#[test]
fn recursion_is_counted() {
    let kernel = Kernel::compile(recursive());
    assert!(kernel.artifact.is_recursive);
    for n in [0, 1, 500, 9_999] {
        let (status, ret) = kernel.call(&[Arg::I64(n)], 1);
        assert_eq!((status, ret[0] as i64), (0, n));
    }
    for n in [10_000, 1_000_000] {
        assert_eq!(kernel.call(&[Arg::I64(n)], 1).0, 1);
    }
}

#[test]
fn temporaries_in_a_loop_are_freed() {
    // def f(n, m): a = zeros(n); for i in range(m): t = empty(n); t[:] = i; a = t  ; return a
    let mut f = Build::new("f");
    let (n, m) = (f.scalar_param(DType::I64), f.scalar_param(DType::I64));
    let trap = f.trap();
    let (a, t) = (f.array(F64_1, Ownership::Owned), f.array(F64_1, Ownership::Owned));
    let shape = vec![f.get(n)];
    f.push(Stmt::SetArray { array: a, value: ArrayValue::Alloc { shape, is_zeroed: true, trap } });
    let (lo, hi) = (f.int(0), f.get(m));
    let (i, mut body) = f.start_loop();
    let shape = vec![f.get(n)];
    body.push(Stmt::SetArray { array: t, value: ArrayValue::Alloc { shape, is_zeroed: false, trap } });
    let ei = f.get(i);
    let value = f.expr(ExprKind::Cast { arg: ei }, DType::F64);
    body.push(Stmt::Fill { array: t, lanes: vec![value] });
    body.push(Stmt::SetArray { array: a, value: ArrayValue::Same(t) });
    let stmt = f.end_loop(i, lo, hi, 1, body);
    f.push(stmt);
    f.func.rets = vec![Ret::Array(F64_1)];
    f.push(Stmt::Return { values: vec![Operand::Array(a)] });
    let kernel = Kernel::compile(f.program());
    for m in [0, 1, 2, 100] {
        let before = kernel.context().allocated;
        let (status, ret) = kernel.call(&[Arg::I64(5), Arg::I64(m)], 4);
        assert_eq!(status, 0);
        assert_eq!(ret[2..], [5, 8]);
        assert_eq!(ret[0] - ret[1], 64);
        // SAFETY: the kernel made five elements there.
        let values = unsafe { std::slice::from_raw_parts(ret[0] as *const f64, 5) };
        assert_eq!(values, [if m == 0 { 0.0 } else { (m - 1) as f64 }; 5]);
        assert_eq!((kernel.context().live, kernel.context().allocated - before), (1, m + 1));
        kernel.free(ret[1]);
    }
    for n in [1 << 31, 1 << 62, i64::MAX] {
        assert_eq!(kernel.call(&[Arg::I64(n), Arg::I64(0)], 4).0, 1, "MemoryError");
    }
}

#[test]
fn an_array_that_is_not_returned_is_freed_at_every_exit() {
    // a = empty(3, 4); if n > 0: return 1; return 2
    let mut f = Build::new("f");
    let n = f.scalar_param(DType::I64);
    let trap = f.trap();
    let a = f.array(F64_2, Ownership::Owned);
    let shape = vec![f.get(n), f.int(4)];
    f.push(Stmt::SetArray { array: a, value: ArrayValue::Alloc { shape, is_zeroed: true, trap } });
    let (en, zero) = (f.get(n), f.int(0));
    let cond = f.compare(CompareOp::Gt, en, zero);
    let (one, two) = (f.int(1), f.int(2));
    f.push(Stmt::If {
        cond,
        then: vec![Stmt::Return { values: vec![Operand::Scalar(one)] }],
        orelse: vec![],
    });
    f.ret_scalar(DType::I64, two);
    let kernel = Kernel::compile(f.program());
    for (n, wanted) in [(0, 2), (5, 1)] {
        let (status, ret) = kernel.call(&[Arg::I64(n)], 1);
        assert_eq!((status, ret[0], kernel.context().live), (0, wanted, 0));
    }
    assert_eq!(kernel.call(&[Arg::I64(1 << 60)], 1).0, 1);
    assert_eq!(kernel.call(&[Arg::I64(i64::MAX)], 1).0, 1);
}

#[test]
fn arrays_travel_through_calls() {
    // g(x: strided, n) -> (n, y): y = empty(n); y[0] = x[n - 1]
    let mut g = Build::new("g");
    let x = g.array_param(STRIDED_1);
    let n = g.scalar_param(DType::I64);
    let y = g.array(F64_1, Ownership::Owned);
    let shape = vec![g.get(n)];
    let value = ArrayValue::Alloc { shape, is_zeroed: true, trap: TrapId::from_u32(0) };
    g.push(Stmt::SetArray { array: y, value });
    let (en, one, zero) = (g.get(n), g.int(1), g.int(0));
    let last = g.bin(BinaryOp::Sub, en, one);
    let value = g.load(x, &[last]);
    let store = g.store(y, &[zero], value);
    g.push(store);
    g.func.rets = vec![Ret::Scalar(DType::I64), Ret::Array(F64_1)];
    let values = vec![Operand::Scalar(g.get(n)), Operand::Array(y)];
    g.push(Stmt::Return { values });
    // f(x: C) -> f64: (n, y) = g(x, len(x)); z = y; return z[0] + n
    let mut f = Build::new("f");
    f.trap();
    let x = f.array_param(F64_1);
    let (y, z) = (f.array(F64_1, Ownership::Owned), f.array(F64_1, Ownership::Owned));
    let n = f.local(DType::I64);
    let args = vec![Operand::Array(x), Operand::Scalar(f.dim(x, 0))];
    f.push(Stmt::Call { callee: id(1), args, results: vec![Target::Local(n), Target::Array(y)], span: SPAN });
    f.push(Stmt::SetArray { array: z, value: ArrayValue::Same(y) });
    f.push(Stmt::Release { array: y });
    let (zero, en) = (f.int(0), f.get(n));
    let first = f.load(z, &[zero]);
    let wide = f.expr(ExprKind::Cast { arg: en }, DType::F64);
    let sum = f.bin(BinaryOp::Add, first, wide);
    f.ret_scalar(DType::F64, sum);
    let kernel = Kernel::compile(program(vec![f, g]));
    let x = [1.0, 2.0, 30.0];
    let (status, ret) = kernel.call(&[f64s(&x, &[3], &[8])], 1);
    assert_eq!((status, f64::from_bits(ret[0])), (0, 33.0));
    assert_eq!((kernel.context().live, kernel.context().allocated), (0, 1));
}

#[test]
fn views_and_transposes() {
    // f(x: f64[:, :]): v = x[i, 1::2]; w = x.T; y = v.copy into; returns v[1], w[1, 0], dims and strides
    let mut f = Build::new("f");
    let x = f.array_param(ArrayTy { layout: Layout::C, ..F64_2 });
    let i = f.scalar_param(DType::I64);
    let v = f.array(STRIDED_1, Ownership::Borrowed);
    let w = f.array(ArrayTy { layout: Layout::F, ..F64_2 }, Ownership::Borrowed);
    let u = f.array(ArrayTy { layout: Layout::Strided, ..F64_2 }, Ownership::Borrowed);
    let index = f.get(i);
    let (start, len, step) = (f.int(1), f.int(2), f.int(2));
    let axes = vec![ViewAxis::Index(index), ViewAxis::Slice { start, len, step }];
    f.push(Stmt::SetArray { array: v, value: ArrayValue::View { base: x, axes } });
    f.push(Stmt::SetArray { array: w, value: ArrayValue::Transpose { base: x, order: vec![1, 0] } });
    let axes = vec![ViewAxis::Whole, ViewAxis::New];
    f.push(Stmt::SetArray { array: u, value: ArrayValue::View { base: v, axes } });
    let (one, zero) = (f.int(1), f.int(0));
    let first = f.load(v, &[one]);
    let (three, index) = (f.int(3), f.get(i));
    let second = f.load(w, &[three, index]);
    let one = f.int(1);
    let third = f.load(u, &[one, zero]);
    let dim = f.dim(w, 0);
    let stride = f.expr(ExprKind::Stride { array: w, axis: 1 }, DType::I64);
    let overlaps = f.expr(ExprKind::Overlaps { a: v, b: x }, DType::Bool);
    f.ret_scalars(&[
        (DType::F64, first),
        (DType::F64, second),
        (DType::F64, third),
        (DType::I64, dim),
        (DType::I64, stride),
        (DType::Bool, overlaps),
    ]);
    let kernel = Kernel::compile(f.program());
    let x: Vec<f64> = (0..12).map(f64::from).collect();
    let (status, ret) = kernel.call(&[f64s(&x, &[3, 4], &[32, 8]), Arg::I64(2)], 6);
    let floats: Vec<f64> = ret[..3].iter().map(|&bits| f64::from_bits(bits)).collect();
    assert_eq!((status, floats), (0, vec![11.0, 11.0, 11.0]));
    assert_eq!(ret[3..], [4, 32, 1]);
}

#[test]
fn overlap_of_ranges() {
    for layout in [Layout::C, Layout::Strided] {
        let mut f = Build::new("f");
        let ty = ArrayTy { layout, ..F64_1 };
        let (a, b) = (f.array_param(ty), f.array_param(ty));
        let value = f.expr(ExprKind::Overlaps { a, b }, DType::Bool);
        f.ret_scalar(DType::Bool, value);
        let kernel = Kernel::compile(f.program());
        let x = [0.0; 8];
        for ((a, n), (b, m), wanted) in [
            ((0, 4), (4, 4), 0),
            ((0, 5), (4, 4), 1),
            ((4, 4), (0, 5), 1),
            ((2, 0), (0, 8), 0),
            ((0, 8), (3, 1), 1),
        ] {
            let args = [f64s(&x[a..], &[n], &[8]), f64s(&x[b..], &[m], &[8])];
            assert_eq!(kernel.call(&args, 1).1[0], wanted, "{a} {n} {b} {m} {layout:?}");
        }
        if layout == Layout::Strided {
            // x[3::-1] against x[4:] and x[3:].
            for (b, wanted) in [(4, 0), (3, 1)] {
                let args = [f64s(&x[3..], &[4], &[-8]), f64s(&x[b..], &[2], &[8])];
                assert_eq!(kernel.call(&args, 1).1[0], wanted);
            }
        }
    }
}

#[test]
fn a_parallel_sum_and_stores() {
    // for i in prange(n): y[i] = 2 * x[i]; s += x[i]
    let mut g = Build::new("f.body");
    let (x, y) = (g.array_param(F64_1), g.array_param(F64_1));
    let s = g.scalar_param(DType::F64);
    let (first, end) = (g.scalar_param(DType::I64), g.scalar_param(DType::I64));
    let (i, mut body) = g.start_loop();
    let (ia, ib, ic) = (g.get(i), g.get(i), g.get(i));
    let (xa, xb, two) = (g.load(x, &[ia]), g.load(x, &[ib]), g.f64(2.0));
    let double = g.bin(BinaryOp::Mul, two, xa);
    body.push(g.store(y, &[ic], double));
    let before = g.get(s);
    let value = g.bin(BinaryOp::Add, before, xb);
    body.push(Stmt::Set { local: s, value });
    let (lo, hi) = (g.get(first), g.get(end));
    let stmt = g.end_loop(i, lo, hi, 1, body);
    g.push(stmt);
    let value = g.get(s);
    g.ret_scalar(DType::F64, value);
    let mut f = Build::new("f");
    let (x, y) = (f.array_param(F64_1), f.array_param(F64_1));
    let s = f.local(DType::F64);
    let start = f.f64(100.0);
    f.push(Stmt::Set { local: s, value: start });
    let call = ParallelCall {
        id: f.loop_id(),
        body: id(1),
        captures: vec![Operand::Array(x), Operand::Array(y)],
        trip: f.dim(x, 0),
        outputs: vec![(s, Combine::Reduce(ReduceOp::Add))],
        array_reductions: vec![(1, ReduceOp::Add)],
        cost_ns: f.f64(1.0),
        disjoint: Vec::new(),
        uses_random: false,
    };
    f.push(Stmt::Parallel(Box::new(call)));
    let value = f.get(s);
    f.ret_scalar(DType::F64, value);
    let kernel = Kernel::compile(program(vec![f, g]));
    let body = &kernel.artifact.parallels[0];
    assert_eq!((body.env_words, body.array_reductions[0].env_word), (8, 4));
    let x: Vec<f64> = (0..10).map(f64::from).collect();
    // Ten iterations of 1 ns: the runtime is asked unless they are below the limit.
    for (chunk, limit_ns, asked) in [(1, 0.0, 1), (3, 10.0, 1), (100, 5.0, 1), (3, 10.5, 0)] {
        (kernel.context().chunk, kernel.context().serial_below_ns, kernel.context().asked) =
            (chunk, limit_ns, 0);
        let y = vec![0.0; 10];
        let (status, ret) = kernel.call(&[f64s(&x, &[10], &[8]), f64s(&y, &[10], &[8])], 1);
        assert_eq!((status, f64::from_bits(ret[0])), (0, 145.0));
        assert_eq!(y, x.iter().map(|x| 2.0 * x).collect::<Vec<_>>());
        assert_eq!(kernel.context().asked, asked, "{limit_ns}");
    }
    kernel.context().serial_below_ns = 1e9;
    let (status, ret) = kernel.call(&[f64s(&[], &[0], &[8]), f64s(&[], &[0], &[8])], 1);
    assert_eq!((status, f64::from_bits(ret[0])), (0, 100.0), "no iteration");
}

#[test]
fn services_printing_and_mathematics() {
    // u = uniform(a, b); print(u); y[:] = x; return exp(u) + floor(u)
    let mut f = Build::new("f");
    let (a, b) = (f.scalar_param(DType::F64), f.scalar_param(DType::F64));
    let (x, y) = (f.array_param(F64_1), f.array_param(F64_1));
    let trap = f.trap();
    let u = f.local(DType::F64);
    let args = vec![Operand::Scalar(f.get(a)), Operand::Scalar(f.get(b))];
    let results = vec![Target::Local(u)];
    f.push(Stmt::Runtime { function: RuntimeFn::RandomUniform, args, results, trap: Some(trap) });
    let args = vec![f.get(u)];
    f.push(Stmt::Print { message: MessageId::from_u32(7), args });
    f.push(Stmt::CopyElements { to: y, from: x });
    let (u1, u2) = (f.get(u), f.get(u));
    use kjit_compiler::numerics::math::{MathFn1, MathFn2};
    let exp = f.expr(ExprKind::Math1 { function: MathFn1::Exp, arg: u1 }, DType::F64);
    let floor = f.expr(ExprKind::Math1 { function: MathFn1::Floor, arg: u2 }, DType::F64);
    let sum = f.bin(BinaryOp::Add, exp, floor);
    let (three, four) = (
        f.expr(ExprKind::Const(Const::f32(3.0)), DType::F32),
        f.expr(ExprKind::Const(Const::f32(4.0)), DType::F32),
    );
    let hypot = f.expr(ExprKind::Math2 { function: MathFn2::Hypot, left: three, right: four }, DType::F32);
    let hypot = f.expr(ExprKind::Cast { arg: hypot }, DType::F64);
    let sum = f.bin(BinaryOp::Add, sum, hypot);
    f.ret_scalar(DType::F64, sum);
    let program = f.program();
    let mut baseline = support::host();
    baseline.features.clear();
    for target in [support::host(), baseline] {
        let kernel = Kernel::compile_for(program.clone(), &target);
        let (x, y) = ([1.0, 2.0, 3.0], [0.0; 3]);
        let args = |a, b| [Arg::F64(a), Arg::F64(b), f64s(&x, &[3], &[8]), f64s(&y, &[3], &[8])];
        let (status, ret) = kernel.call(&args(1.0, 2.0), 1);
        assert_eq!((status, f64::from_bits(ret[0])), (0, MathFn1::Exp.eval_f64(1.5) + 1.0 + 5.0));
        assert_eq!(kernel.context().printed, [(7, 1.5f64.to_bits())]);
        assert_eq!(y, x);
        assert_eq!(kernel.call(&args(2.0, 1.0), 1).0, 1);
    }
}

#[test]
fn the_interrupt_flag_is_read() {
    let mut f = Build::new("f");
    let value = f.expr(ExprKind::Interrupted, DType::Bool);
    f.ret_scalar(DType::Bool, value);
    let mut kernel = Kernel::compile(f.program());
    assert_eq!(kernel.call(&[], 1).1[0], 0);
    kernel.set_interrupt(1);
    assert_eq!(kernel.call(&[], 1).1[0], 1);
}

#[test]
fn fused_multiply_add_with_and_without_the_instruction() {
    let mut f = Build::new("f");
    let (a, b, c) = (f.scalar_param(DType::F64), f.scalar_param(DType::F64), f.scalar_param(DType::F64));
    let (a, b, c) = (f.get(a), f.get(b), f.get(c));
    let value = f.expr(ExprKind::Fma { a, b, c }, DType::F64);
    f.ret_scalar(DType::F64, value);
    let program = f.program();
    let mut baseline = support::host();
    baseline.features.clear();
    let x = 1.0 + f64::EPSILON;
    for target in [support::host(), baseline] {
        let kernel = Kernel::compile_for(program.clone(), &target);
        let (_, ret) = kernel.call(&[Arg::F64(x), Arg::F64(x), Arg::F64(-1.0)], 1);
        assert_eq!(f64::from_bits(ret[0]), x.mul_add(x, -1.0));
    }
}
