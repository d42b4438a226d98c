//! Runs what the Cranelift back end makes, without the rest of the runtime: a hand-made context, programs built by
//! hand, results compared with closed forms.
#![allow(unreachable_pub, clippy::excessive_precision)]

mod support;

use kjit_compiler::ir::*;
use kjit_compiler::types::{ArrayTy, DType, Layout};
use support::{Arg, Build, Kernel, f64s, i64s};

#[test]
fn scalar_arithmetic_returns_in_a_word() {
    // f(a, b) = a * 2.0 + b
    let mut f = Build::new("f");
    let (a, b) = (f.scalar_param(DType::F64), f.scalar_param(DType::F64));
    let two = f.f64(2.0);
    let (ea, eb) = (f.get(a), f.get(b));
    let product = f.bin(BinaryOp::Mul, ea, two);
    let sum = f.bin(BinaryOp::Add, product, eb);
    f.ret_scalar(DType::F64, sum);
    let kernel = Kernel::compile(f.program());
    let (status, ret) = kernel.call(&[Arg::F64(3.0), Arg::F64(0.5)], 1);
    assert_eq!((status, f64::from_bits(ret[0])), (0, 6.5));
}

/// `for i in range(len(x)): y[i] = a * x[i] + y[i]`, with index checks.
fn saxpy(layout: Layout) -> Program {
    let mut f = Build::new("saxpy");
    let a = f.scalar_param(DType::F64);
    let x = f.array_param(ArrayTy { dtype: DType::F64, rank: 1, layout, is_writable: false });
    let y = f.array_param(ArrayTy { dtype: DType::F64, rank: 1, layout, is_writable: true });
    let trap = f.trap();
    let (lo, hi) = (f.int(0), f.dim(x, 0));
    let (i, mut body) = f.start_loop();
    for array in [x, y] {
        let index = f.get(i);
        let args = vec![f.get(i), f.dim(array, 0)];
        body.push(Stmt::Check { check: Check::Index { index, array, axis: 0 }, trap, args });
    }
    let (ix, iy, iz) = (f.get(i), f.get(i), f.get(i));
    let (xi, yi) = (f.load(x, &[ix]), f.load(y, &[iy]));
    let factor = f.get(a);
    let product = f.bin(BinaryOp::Mul, factor, xi);
    let sum = f.bin(BinaryOp::Add, product, yi);
    body.push(f.store(y, &[iz], sum));
    let stmt = f.end_loop(i, lo, hi, 1, body);
    f.push(stmt);
    f.program()
}

#[test]
fn saxpy_on_contiguous_and_strided_arrays() {
    let kernel = Kernel::compile(saxpy(Layout::C));
    let x = [1.0, 2.0, 3.0, 4.0];
    let mut y = [10.0, 20.0, 30.0, 40.0];
    let (status, _) = kernel.call(&[Arg::F64(2.0), f64s(&x, &[4], &[8]), f64s(&y, &[4], &[8])], 0);
    assert_eq!((status, y), (0, [12.0, 24.0, 36.0, 48.0]));

    let kernel = Kernel::compile(saxpy(Layout::Strided));
    y = [0.0; 4];
    // Every other element of x, y backwards.
    let backwards = Arg::Array { data: &raw const y[3] as u64, dims: vec![2], strides: vec![-8] };
    let (status, _) = kernel.call(&[Arg::F64(1.0), f64s(&x, &[2], &[16]), backwards], 0);
    assert_eq!((status, y), (0, [0.0, 0.0, 3.0, 1.0]));
}

#[test]
fn a_failed_check_returns_its_trap_and_arguments() {
    let kernel = Kernel::compile(saxpy(Layout::C));
    let x = [1.0, 2.0, 3.0];
    let y = [10.0, 20.0];
    let (status, _) = kernel.call(&[Arg::F64(2.0), f64s(&x, &[3], &[8]), f64s(&y, &[2], &[8])], 0);
    assert_eq!(status, 1);
    assert_eq!(kernel.trap_args()[..2], [2, 2]);
    assert_eq!(y, [12.0, 24.0]);
}

#[test]
fn the_inner_loop_of_saxpy_is_tight() {
    let kernel = Kernel::compile(saxpy(Layout::C));
    let count = kernel.artifact.code.len();
    // The whole image, prologue and traps included.
    assert!(count <= 200, "{count} bytes");
}

#[test]
fn negative_indices_wrap_and_are_checked() {
    // f(x, i) = x[i]
    let mut f = Build::new("f");
    let x = f.array_param(ArrayTy::new(DType::I64, 1));
    let i = f.scalar_param(DType::I64);
    let trap = f.trap();
    let index = f.get(i);
    let args = vec![f.get(i)];
    f.push(Stmt::Check { check: Check::Index { index, array: x, axis: 0 }, trap, args });
    let (index, extent) = (f.get(i), f.dim(x, 0));
    let wrapped = f.expr(ExprKind::Wrap { index, extent }, DType::I64);
    let value = f.load(x, &[wrapped]);
    f.ret_scalar(DType::I64, value);
    let kernel = Kernel::compile(f.program());
    let x = [10, 20, 30];
    for (i, wanted) in [(0, 10), (2, 30), (-1, 30), (-3, 10)] {
        let (status, ret) = kernel.call(&[i64s(&x, &[3], &[8]), Arg::I64(i)], 1);
        assert_eq!((status, ret[0]), (0, wanted), "x[{i}]");
    }
    for i in [3, -4, i64::MAX, i64::MIN] {
        let (status, _) = kernel.call(&[i64s(&x, &[3], &[8]), Arg::I64(i)], 1);
        assert_eq!((status, kernel.trap_args()[0] as i64), (1, i));
    }
}

fn binary_kernel(op: BinaryOp, ty: DType) -> Kernel {
    let mut f = Build::new("f");
    let (a, b) = (f.scalar_param(ty), f.scalar_param(ty));
    let (a, b) = (f.get(a), f.get(b));
    let value = f.bin(op, a, b);
    f.ret_scalar(ty, value);
    Kernel::compile(f.program())
}

const EDGES: [i64; 12] = [0, 1, -1, 2, -2, 7, -7, 63, 64, i64::MAX, i64::MIN, i64::MIN + 1];

#[test]
fn integer_division_is_pythons_and_never_traps() {
    use kjit_compiler::numerics::int;
    let cases: [(BinaryOp, DType, fn(i64, i64) -> i64); 8] = [
        (BinaryOp::FloorDiv, DType::I64, int::floordiv_i64),
        (BinaryOp::Mod, DType::I64, int::mod_i64),
        (BinaryOp::FloorDiv, DType::U64, |a, b| int::floordiv_u64(a as u64, b as u64) as i64),
        (BinaryOp::Mod, DType::U64, |a, b| int::mod_u64(a as u64, b as u64) as i64),
        (BinaryOp::Shl, DType::I64, int::shl_i64),
        (BinaryOp::Shr, DType::I64, int::shr_i64),
        (BinaryOp::Shr, DType::U64, |a, b| int::shr_u64(a as u64, b) as i64),
        (BinaryOp::IntPow, DType::I64, int::pow_i64),
    ];
    for (op, ty, wanted) in cases {
        let kernel = binary_kernel(op, ty);
        for a in EDGES {
            for b in EDGES {
                let (status, ret) = kernel.call(&[Arg::I64(a), Arg::I64(b)], 1);
                assert_eq!((status, ret[0] as i64), (0, wanted(a, b)), "{op:?} {ty} {a} {b}");
            }
        }
        // The same with a constant on the right.
        for b in EDGES {
            let mut f = Build::new("f");
            let a = f.scalar_param(ty);
            let a = f.get(a);
            let b_expr = f.expr(ExprKind::Const(Const::int(b)), ty);
            let value = f.bin(op, a, b_expr);
            f.ret_scalar(ty, value);
            let kernel = Kernel::compile(f.program());
            for a in EDGES {
                let (status, ret) = kernel.call(&[Arg::I64(a)], 1);
                assert_eq!((status, ret[0] as i64), (0, wanted(a, b)), "{op:?} {ty} {a} {b} constant");
            }
        }
    }
}

#[test]
fn float_minimum_keeps_the_left_unless_the_right_is_less() {
    let (min, max) = (binary_kernel(BinaryOp::Min, DType::F64), binary_kernel(BinaryOp::Max, DType::F64));
    let values = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    for a in values {
        for b in values {
            let (_, ret) = min.call(&[Arg::F64(a), Arg::F64(b)], 1);
            assert_eq!(ret[0], (if b < a { b } else { a }).to_bits(), "min {a} {b}");
            let (_, ret) = max.call(&[Arg::F64(a), Arg::F64(b)], 1);
            assert_eq!(ret[0], (if b > a { b } else { a }).to_bits(), "max {a} {b}");
        }
    }
}

#[test]
fn casts_follow_numerics() {
    use kjit_compiler::numerics::cast;
    let floats = [
        0.0,
        -0.0,
        2.9,
        -2.9,
        1e10,
        -1e10,
        9.3e18,
        1.8446744073709550e19,
        2e19,
        -1e300,
        1e300,
        200.0,
        -129.0,
    ]
    .into_iter()
    .chain([
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9.223372036854775808e18,
        -9.223372036854775808e18,
    ]);
    for to in [DType::I8, DType::U8, DType::I16, DType::U16, DType::I32, DType::U32, DType::I64, DType::U64] {
        let kernel = support::cast_kernel(DType::F64, to);
        let from_int = support::cast_kernel(DType::I64, to);
        let bits = 8 * to.size_bytes() as u32;
        let is_signed = to.kind() == kjit_compiler::types::dtype::Kind::Signed;
        let narrow = |x: i64| {
            if is_signed { cast::wrap_signed(x, bits) as u64 } else { cast::wrap_unsigned(x as u64, bits) }
        };
        for x in floats.clone() {
            let (_, ret) = kernel.call(&[Arg::F64(x)], 1);
            let wanted = if to == DType::U64 { cast::f64_to_u64(x) } else { narrow(cast::f64_to_i64(x)) };
            assert_eq!(ret[0], wanted, "{x} to {to}");
        }
        for x in [0, 1, -1, 127, 128, 255, 256, -128, -129, 1 << 31, 1 << 40, i64::MIN] {
            let (_, ret) = from_int.call(&[Arg::I64(x)], 1);
            assert_eq!(ret[0], narrow(x), "{x} to {to}");
        }
    }
    let kernel = support::cast_kernel(DType::U64, DType::F32);
    for x in [0, 1, 16777217, u64::MAX, 1 << 63, (1 << 63) + (1 << 39) + 1, u64::MAX - (1 << 38)] {
        let (_, ret) = kernel.call(&[Arg::I64(x as i64)], 1);
        assert_eq!(ret[0], u64::from((x as f32).to_bits()), "{x}");
    }
    let kernel = support::cast_kernel(DType::F64, DType::Bool);
    for (x, wanted) in [(0.0, 0), (-0.0, 0), (0.5, 1), (f64::NAN, 1)] {
        let (_, ret) = kernel.call(&[Arg::F64(x)], 1);
        assert_eq!(ret[0], wanted);
    }
}

#[test]
fn narrow_elements_extend_and_cut() {
    for (dtype, bits) in [
        (DType::I8, 8u32),
        (DType::U8, 8),
        (DType::I16, 16),
        (DType::U16, 16),
        (DType::I32, 32),
        (DType::U32, 32),
    ] {
        // x[0] += v; return x[0]
        let mut f = Build::new("f");
        let x = f.array_param(ArrayTy::new(dtype, 1));
        let v = f.scalar_param(DType::I64);
        let (zero, value) = (f.int(0), f.get(v));
        f.push(Stmt::Accumulate {
            array: x,
            place: support::place(&[zero]),
            lane: 0,
            op: ReduceOp::Add,
            value,
        });
        let zero = f.int(0);
        let loaded = f.load(x, &[zero]);
        let wide = f.expr(ExprKind::Cast { arg: loaded }, DType::I64);
        f.ret_scalar(DType::I64, wide);
        let kernel = Kernel::compile(f.program());
        let memory = [250u64];
        let array = Arg::Array { data: memory.as_ptr() as u64, dims: vec![1], strides: vec![1] };
        let (_, ret) = kernel.call(&[array, Arg::I64(1 << 40 | 10)], 1);
        let sum = 250 + 10;
        let wanted = if dtype.kind() == kjit_compiler::types::dtype::Kind::Signed {
            kjit_compiler::numerics::cast::wrap_signed(sum, bits)
        } else {
            kjit_compiler::numerics::cast::wrap_unsigned(sum as u64, bits) as i64
        };
        assert_eq!(ret[0] as i64, wanted, "{dtype}");
    }
}

#[test]
fn loops_count_as_python_does() {
    // The number of iterations and the last value, for many ranges.
    for step in [1, 2, 3, 7, -1, -2, -5, i64::MAX, i64::MIN] {
        let mut f = Build::new("f");
        let (lo, hi) = (f.scalar_param(DType::I64), f.scalar_param(DType::I64));
        let (count, last) = (f.local(DType::I64), f.local(DType::I64));
        let (lo, hi) = (f.get(lo), f.get(hi));
        for local in [count, last] {
            let zero = f.int(0);
            f.push(Stmt::Set { local, value: zero });
        }
        let (i, mut body) = f.start_loop();
        let (one, before) = (f.int(1), f.get(count));
        let value = f.bin(BinaryOp::Add, before, one);
        body.push(Stmt::Set { local: count, value });
        let value = f.get(i);
        body.push(Stmt::Set { local: last, value });
        let stmt = f.end_loop(i, lo, hi, step, body);
        f.push(stmt);
        let (count, last) = (f.get(count), f.get(last));
        f.ret_scalars(&[(DType::I64, count), (DType::I64, last)]);
        let kernel = Kernel::compile(f.program());
        let ends = [0, 1, 2, 5, -3, 10, i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1];
        for lo in ends {
            for hi in ends {
                let distance = i128::from(hi) - i128::from(lo);
                let size = i128::from(step).abs();
                let is_some = distance != 0 && (distance > 0) == (step > 0);
                let wanted = if is_some { (distance.abs() + size - 1) / size } else { 0 };
                if wanted > 1000 {
                    continue;
                }
                let (status, ret) = kernel.call(&[Arg::I64(lo), Arg::I64(hi)], 2);
                let last = if wanted == 0 { 0 } else { i128::from(lo) + (wanted - 1) * i128::from(step) };
                assert_eq!(
                    (status, ret[0] as i128, i128::from(ret[1] as i64)),
                    (0, wanted, last),
                    "{lo} {hi} {step}"
                );
            }
        }
    }
}

#[test]
fn while_with_break_and_continue() {
    // Sum of the odd numbers below n, leaving at 100.
    let mut f = Build::new("f");
    let n = f.scalar_param(DType::I64);
    let (i, sum) = (f.local(DType::I64), f.local(DType::I64));
    let (zero, one) = (f.int(0), f.int(1));
    f.push(Stmt::Set { local: sum, value: zero });
    let minus = f.int(-1);
    f.push(Stmt::Set { local: i, value: minus });
    let before = f.get(i);
    let next = f.bin(BinaryOp::Add, before, one);
    let mut body = vec![Stmt::Set { local: i, value: next }];
    let (ii, two) = (f.get(i), f.int(2));
    let rest = f.bin(BinaryOp::Mod, ii, two);
    let zero = f.int(0);
    let is_even = f.compare(CompareOp::Eq, rest, zero);
    body.push(Stmt::If { cond: is_even, then: vec![Stmt::Continue], orelse: vec![] });
    let (ii, limit) = (f.get(i), f.int(100));
    let is_late = f.compare(CompareOp::Gt, ii, limit);
    body.push(Stmt::If { cond: is_late, then: vec![Stmt::Break], orelse: vec![] });
    let (s, ii) = (f.get(sum), f.get(i));
    let value = f.bin(BinaryOp::Add, s, ii);
    body.push(Stmt::Set { local: sum, value });
    let (ii, nn, one) = (f.get(i), f.get(n), f.int(1));
    let last = f.bin(BinaryOp::Sub, nn, one);
    let cond = f.compare(CompareOp::Lt, ii, last);
    let id = f.loop_id();
    f.push(Stmt::While { id, head: vec![], cond, body });
    let value = f.get(sum);
    f.ret_scalar(DType::I64, value);
    let kernel = Kernel::compile(f.program());
    for (n, wanted) in [(0, 0), (1, 0), (6, 9), (1000, 2500)] {
        let (status, ret) = kernel.call(&[Arg::I64(n)], 1);
        assert_eq!((status, ret[0]), (0, wanted), "{n}");
    }
}
