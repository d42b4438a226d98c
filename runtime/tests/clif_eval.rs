//! Random expressions: native code gives the bits of `ir::eval`, the definition that folding and the interpreter use.
#![allow(unreachable_pub)]

mod support;

use kjit_compiler::ir::*;
use kjit_compiler::numerics::math::{MathFn1, MathFn2};
use kjit_compiler::types::DType;
use support::{Arg, Build, Kernel};

/// xorshift64*: the same programs on every run.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.word() >> 33) as usize % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const PARAMS: [DType; 7] =
    [DType::I64, DType::I64, DType::U64, DType::F64, DType::F64, DType::F32, DType::Bool];
const ALL: [DType; 11] = [
    DType::Bool,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::F32,
    DType::F64,
];
const COMPARES: [CompareOp; 6] =
    [CompareOp::Eq, CompareOp::Ne, CompareOp::Lt, CompareOp::Le, CompareOp::Gt, CompareOp::Ge];

fn bits(random: &mut Random, ty: DType) -> u64 {
    let ints =
        [0, 1, -1, 2, -2, 3, 7, -7, 10, 63, 64, 65, 127, 128, 255, 1 << 31, i64::MAX, i64::MIN, i64::MIN + 1];
    let floats = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        1.5,
        2.5,
        -2.5,
        3.7,
        1e10,
        -1e10,
        1e19,
        9.3e18,
        -9.3e18,
        1e300,
        5e-324,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9_223_372_036_854_775_808.0,
    ];
    match ty {
        DType::F64 => random.pick(&floats).to_bits(),
        DType::F32 => u64::from((random.pick(&floats) as f32).to_bits()),
        _ if random.below(4) == 0 => eval::narrow(ty, random.word()),
        _ => eval::narrow(ty, random.pick(&ints) as u64),
    }
}

/// A random expression of the type.
fn grow(f: &mut Build, random: &mut Random, params: &[LocalId], ty: DType, depth: u32) -> ExprId {
    if depth == 0 || random.below(8) == 0 {
        let of_type: Vec<LocalId> =
            params.iter().copied().filter(|&p| f.func.locals[p].dtype == ty).collect();
        if !of_type.is_empty() && random.below(3) != 0 {
            let param = random.pick(&of_type);
            return f.get(param);
        }
        let value = Const(bits(random, ty));
        return f.expr(ExprKind::Const(value), ty);
    }
    let depth = depth - 1;
    let is_wide = matches!(ty, DType::I64 | DType::U64);
    let choice = random.below(10);
    let sub = |f: &mut Build, random: &mut Random, ty| grow(f, random, params, ty, depth);
    if choice < 2 {
        let from = random.pick(&ALL);
        let arg = sub(f, random, from);
        return f.expr(ExprKind::Cast { arg }, ty);
    }
    if choice == 2 {
        let cond = sub(f, random, DType::Bool);
        let (then, orelse) = (sub(f, random, ty), sub(f, random, ty));
        return f.expr(ExprKind::Select { cond, then, orelse }, ty);
    }
    if ty == DType::Bool {
        if choice < 7 {
            let of = random.pick(&ALL);
            let (left, right) = (sub(f, random, of), sub(f, random, of));
            let op = random.pick(&COMPARES);
            return f.expr(ExprKind::Compare { op, left, right }, ty);
        }
        if choice == 7 {
            let arg = sub(f, random, ty);
            return f.expr(ExprKind::Unary { op: UnaryOp::Not, arg }, ty);
        }
        let op = random.pick(&[BinaryOp::And, BinaryOp::Or, BinaryOp::Xor]);
        let (left, right) = (sub(f, random, ty), sub(f, random, ty));
        return f.expr(ExprKind::Binary { op, left, right }, ty);
    }
    if is_wide {
        if choice == 3 {
            let op = random.pick(if ty == DType::I64 {
                &[UnaryOp::Neg, UnaryOp::Invert, UnaryOp::Abs]
            } else {
                &[UnaryOp::Neg, UnaryOp::Invert, UnaryOp::Invert]
            });
            let arg = sub(f, random, ty);
            return f.expr(ExprKind::Unary { op, arg }, ty);
        }
        if choice == 4 && ty == DType::I64 {
            let (index, extent) = (sub(f, random, ty), sub(f, random, ty));
            return f.expr(ExprKind::Wrap { index, extent }, ty);
        }
        let op = random.pick(&[
            BinaryOp::Add,
            BinaryOp::Sub,
            BinaryOp::Mul,
            BinaryOp::FloorDiv,
            BinaryOp::FloorDiv,
            BinaryOp::Mod,
            BinaryOp::Mod,
            BinaryOp::And,
            BinaryOp::Or,
            BinaryOp::Xor,
            BinaryOp::Shl,
            BinaryOp::Shr,
            BinaryOp::Min,
            BinaryOp::Max,
        ]);
        let right_ty = if matches!(op, BinaryOp::Shl | BinaryOp::Shr) { DType::I64 } else { ty };
        let (left, right) = (sub(f, random, ty), sub(f, random, right_ty));
        return f.expr(ExprKind::Binary { op, left, right }, ty);
    }
    if ty.is_float() {
        let unary =
            [MathFn1::Sqrt, MathFn1::Floor, MathFn1::Ceil, MathFn1::Trunc, MathFn1::Rint, MathFn1::Fabs];
        let more = [MathFn1::Degrees, MathFn1::Radians];
        return match choice {
            3 => {
                let op = random.pick(&[UnaryOp::Neg, UnaryOp::Abs]);
                let arg = sub(f, random, ty);
                f.expr(ExprKind::Unary { op, arg }, ty)
            }
            4 => {
                let function = if random.below(4) == 0 { random.pick(&more) } else { random.pick(&unary) };
                let arg = sub(f, random, ty);
                f.expr(ExprKind::Math1 { function, arg }, ty)
            }
            5 => {
                let (left, right) = (sub(f, random, ty), sub(f, random, ty));
                f.expr(ExprKind::Math2 { function: MathFn2::Copysign, left, right }, ty)
            }
            _ => {
                let ops = [
                    BinaryOp::Add,
                    BinaryOp::Sub,
                    BinaryOp::Mul,
                    BinaryOp::Div,
                    BinaryOp::Min,
                    BinaryOp::Max,
                ];
                let op = random.pick(&ops);
                let (left, right) = (sub(f, random, ty), sub(f, random, ty));
                f.expr(ExprKind::Binary { op, left, right }, ty)
            }
        };
    }
    // Narrow integers exist as casts only.
    let arg = sub(f, random, DType::I64);
    f.expr(ExprKind::Cast { arg }, ty)
}

fn evaluate(func: &Func, params: &[(LocalId, u64)], id: ExprId) -> u64 {
    let expr = &func.exprs[id];
    let go = |id: ExprId| evaluate(func, params, id);
    let of = |id: ExprId| func.exprs[id].ty;
    match &expr.kind {
        ExprKind::Const(value) => value.0,
        ExprKind::Local(local) => params.iter().find(|(param, _)| param == local).expect("a parameter").1,
        ExprKind::Unary { op, arg } => eval::unary(*op, expr.ty, go(*arg)),
        ExprKind::Binary { op, left, right } => eval::binary(*op, expr.ty, go(*left), go(*right)),
        ExprKind::Compare { op, left, right } => {
            u64::from(eval::compare(*op, of(*left), go(*left), go(*right)))
        }
        ExprKind::Select { cond, then, orelse } => {
            if go(*cond) == 1 {
                go(*then)
            } else {
                go(*orelse)
            }
        }
        ExprKind::Cast { arg } => eval::cast(of(*arg), expr.ty, go(*arg)),
        ExprKind::Wrap { index, extent } => eval::wrap(go(*index), go(*extent)),
        ExprKind::Math1 { function, arg } => eval::math1(*function, expr.ty, go(*arg)),
        ExprKind::Math2 { function, left, right } => eval::math2(*function, expr.ty, go(*left), go(*right)),
        other => panic!("not generated: {other:?}"),
    }
}

/// NaNs compare equal: their sign and payload are not specified.
fn canonical(ty: DType, bits: u64) -> u64 {
    match ty {
        DType::F64 if f64::from_bits(bits).is_nan() => f64::NAN.to_bits(),
        DType::F32 if f32::from_bits(bits as u32).is_nan() => u64::from(f32::NAN.to_bits()),
        _ => bits,
    }
}

#[test]
fn random_expressions_agree_with_eval() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..120 {
        let mut f = Build::new("f");
        let params: Vec<LocalId> = PARAMS.iter().map(|&ty| f.scalar_param(ty)).collect();
        let roots: Vec<(DType, ExprId)> = (0..8)
            .map(|_| {
                let ty = random.pick(&ALL);
                (ty, grow(&mut f, &mut random, &params, ty, 4))
            })
            .collect();
        f.ret_scalars(&roots);
        let func = f.func.clone();
        let kernel = Kernel::compile(f.program());
        for _ in 0..20 {
            let values: Vec<(LocalId, u64)> =
                params.iter().zip(PARAMS).map(|(&param, ty)| (param, bits(&mut random, ty))).collect();
            let args: Vec<Arg> = values.iter().map(|&(_, bits)| Arg::I64(bits as i64)).collect();
            let (status, ret) = kernel.call(&args, roots.len());
            assert_eq!(status, 0);
            for (k, &(ty, root)) in roots.iter().enumerate() {
                let wanted = evaluate(&func, &values, root);
                assert_eq!(
                    canonical(ty, ret[k]),
                    canonical(ty, wanted),
                    "round {round}, result {k}: {ty}, {values:x?}\n{}",
                    text::print_func(&func)
                );
            }
        }
    }
}
