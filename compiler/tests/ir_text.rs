//! Random functions survive the text form: the same text again, and the same results.

use kjit_compiler::backend::interp::{self, Collector, Limits, Memory, Value};
use kjit_compiler::base::{FastMath, PrimaryMap, Span};
use kjit_compiler::ir::text::{parse_program, print_program};
use kjit_compiler::ir::{
    BinaryOp, CompareOp, Const, ExprId, ExprKind, Func, FuncId, Local, LocalId, Loop, LoopInfo, LoopKind,
    LoopOrigin, Operand, Param, Program, Ret, Stmt, UnaryOp, verify,
};
use kjit_compiler::numerics::math::{MathFn1, MathFn2};
use kjit_compiler::types::DType;

/// Types that arithmetic exists for, and some that only casts make.
const TYPES: [DType; 7] =
    [DType::I64, DType::U64, DType::F64, DType::F32, DType::Bool, DType::I8, DType::U32];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.word() % count as u64) as usize
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

struct Maker {
    random: Random,
    func: Func,
    /// One variable of each type of [`TYPES`] and a second one of the same name.
    locals: Vec<LocalId>,
}

impl Maker {
    fn function(seed: u64) -> Program {
        let mut maker = Maker {
            random: Random(seed),
            func: Func {
                name: "f".into(),
                params: Vec::new(),
                rets: Vec::new(),
                locals: PrimaryMap::new(),
                arrays: PrimaryMap::new(),
                exprs: PrimaryMap::new(),
                loops: PrimaryMap::new(),
                body: Vec::new(),
                fastmath: FastMath::default(),
                recursion: None,
                chunk: None,
                is_cold: false,
                is_kernel: false,
                span: Span::default(),
            },
            locals: Vec::new(),
        };
        for dtype in TYPES.into_iter().cycle().take(2 * TYPES.len()) {
            let is_user = maker.random.below(4) > 0;
            let name = maker.random.pick(&["x", "y", "while", "a b", "inf"]).into();
            let local = maker.func.locals.push(Local { name, dtype, span: Span::default(), is_user });
            maker.locals.push(local);
            if maker.random.below(2) == 0 {
                maker.func.params.push(Param::Scalar(local));
            }
        }
        maker.func.body = maker.block(3);
        let results: Vec<LocalId> = maker.locals.clone();
        let values =
            results.iter().map(|&local| Operand::Scalar(maker.func.read(local, Span::default()))).collect();
        maker.func.rets = results.iter().map(|&local| Ret::Scalar(maker.func.locals[local].dtype)).collect();
        maker.func.body.push(Stmt::Return { values });
        let mut funcs = PrimaryMap::new();
        let entry: FuncId = funcs.push(maker.func);
        let (traps, messages) = (PrimaryMap::new(), PrimaryMap::new());
        Program { funcs, entry, traps, messages, paths: Vec::new(), remarks: Vec::new() }
    }

    fn block(&mut self, depth: usize) -> Vec<Stmt> {
        (0..1 + self.random.below(4)).map(|_| self.stmt(depth)).collect()
    }

    fn stmt(&mut self, depth: usize) -> Stmt {
        match self.random.below(if depth == 0 { 1 } else { 4 }) {
            0 | 1 => {
                let locals = self.locals.clone();
                let local = self.random.pick(&locals);
                let value = self.expr(self.func.locals[local].dtype, 4);
                Stmt::Set { local, value }
            }
            2 => {
                let cond = self.expr(DType::Bool, 2);
                let then = self.block(depth - 1);
                let orelse = if self.random.below(2) == 0 { self.block(depth - 1) } else { Vec::new() };
                Stmt::If { cond, then, orelse }
            }
            _ => {
                let var = self.func.temp("i", DType::I64, Span::default());
                let origin = self.random.pick(&[LoopOrigin::For, LoopOrigin::Internal]);
                let id = self.func.loops.push(LoopInfo {
                    span: Span::default(),
                    origin,
                    is_slow_copy: false,
                    is_fallback: false,
                });
                let (lo, hi) = (self.func.int(3, Span::default()), self.func.int(0, Span::default()));
                let (reductions, array_reductions, last_values) = (Vec::new(), Vec::new(), Vec::new());
                let kind = self.random.pick(&[LoopKind::Serial, LoopKind::Vector]);
                let body = self.block(depth - 1);
                Stmt::Loop(Box::new(Loop {
                    id,
                    kind,
                    var,
                    lo,
                    hi,
                    step: -2,
                    reductions,
                    array_reductions,
                    last_values,
                    strip: None,
                    body,
                }))
            }
        }
    }

    fn expr(&mut self, ty: DType, depth: usize) -> ExprId {
        let kind = match self.random.below(if depth == 0 { 2 } else { 8 }) {
            0 => self.constant(ty),
            1 => ExprKind::Local(self.local(ty)),
            2 => ExprKind::Cast { arg: self.operand(depth) },
            3 => {
                let cond = self.expr(DType::Bool, depth - 1);
                let (then, orelse) = (self.expr(ty, depth - 1), self.expr(ty, depth - 1));
                ExprKind::Select { cond, then, orelse }
            }
            _ => self.operator(ty, depth - 1),
        };
        self.func.expr(kind, ty, Span::default())
    }

    fn operand(&mut self, depth: usize) -> ExprId {
        let ty = self.random.pick(&TYPES);
        self.expr(ty, depth - 1)
    }

    fn operator(&mut self, ty: DType, depth: usize) -> ExprKind {
        use BinaryOp::{Add, And, Div, FloorDiv, IntPow, Max, Min, Mod, Mul, Or, Shl, Shr, Sub, Xor};
        let choice = self.random.below(8);
        match ty {
            DType::Bool if choice < 4 => {
                let operands = self.random.pick(&TYPES);
                let op = self.random.pick(&[CompareOp::Lt, CompareOp::Eq, CompareOp::Ge, CompareOp::Ne]);
                let (left, right) = (self.expr(operands, depth), self.expr(operands, depth));
                ExprKind::Compare { op, left, right }
            }
            DType::Bool if choice < 6 => ExprKind::Unary { op: UnaryOp::Not, arg: self.expr(ty, depth) },
            DType::Bool => self.binary(&[And, Or, Xor], ty, depth),
            DType::I64 | DType::U64 if choice == 0 => {
                let op = self.random.pick(&[Shl, Shr]);
                let (left, right) = (self.expr(ty, depth), self.expr(DType::I64, depth));
                ExprKind::Binary { op, left, right }
            }
            DType::I64 | DType::U64 if choice < 3 => {
                let op = self.random.pick(&[UnaryOp::Neg, UnaryOp::Invert]);
                ExprKind::Unary { op, arg: self.expr(ty, depth) }
            }
            DType::I64 | DType::U64 => {
                self.binary(&[Add, Sub, Mul, FloorDiv, Mod, And, Or, Xor, Min, Max, IntPow], ty, depth)
            }
            DType::F64 | DType::F32 if choice < 2 => {
                let op = self.random.pick(&[UnaryOp::Neg, UnaryOp::Abs]);
                ExprKind::Unary { op, arg: self.expr(ty, depth) }
            }
            DType::F64 | DType::F32 if choice == 2 => {
                let function = self.random.pick(&[MathFn1::Sqrt, MathFn1::Exp, MathFn1::Floor]);
                ExprKind::Math1 { function, arg: self.expr(ty, depth) }
            }
            DType::F64 | DType::F32 if choice == 3 => {
                let function = self.random.pick(&[MathFn2::Pow, MathFn2::Hypot]);
                let (left, right) = (self.expr(ty, depth), self.expr(ty, depth));
                ExprKind::Math2 { function, left, right }
            }
            DType::F64 | DType::F32 => self.binary(&[Add, Sub, Mul, Div, FloorDiv, Mod, Min, Max], ty, depth),
            _ => ExprKind::Cast { arg: self.operand(depth + 1) },
        }
    }

    fn binary(&mut self, ops: &[BinaryOp], ty: DType, depth: usize) -> ExprKind {
        let op = self.random.pick(ops);
        let (left, right) = (self.expr(ty, depth), self.expr(ty, depth));
        ExprKind::Binary { op, left, right }
    }

    fn constant(&mut self, ty: DType) -> ExprKind {
        let word = self.random.word();
        let small = (word % 7) as i64 - 3;
        ExprKind::Const(match ty {
            DType::F64 if word.is_multiple_of(5) => Const(word),
            DType::F64 => {
                Const::f64(self.random.pick(&[0.0, -0.0, 1.5, -2.0, 1e300, f64::INFINITY, f64::NAN]))
            }
            DType::F32 if word.is_multiple_of(5) => Const(word & 0xffff_ffff),
            DType::F32 => Const::f32(self.random.pick(&[0.1, -0.0, 3e38, f32::NEG_INFINITY, f32::NAN])),
            DType::Bool => Const(word % 2),
            DType::U64 => Const(self.random.pick(&[word, 0, 1, u64::MAX])),
            DType::U32 => Const(word & 0xffff_ffff),
            DType::I8 => Const::int(small),
            _ => Const::int(self.random.pick(&[small, word as i64, i64::MIN])),
        })
    }

    fn local(&mut self, ty: DType) -> LocalId {
        let position = TYPES.iter().position(|&found| found == ty).unwrap();
        self.locals[position + TYPES.len() * self.random.below(2)]
    }
}

fn results(program: &Program) -> Vec<Value> {
    let func = &program.funcs[program.entry];
    let args: Vec<Value> = func
        .params
        .iter()
        .map(|param| match param {
            Param::Scalar(local) => Value::Scalar(match func.locals[*local].dtype {
                DType::F64 => 2.5_f64.to_bits(),
                DType::F32 => u64::from((-0.75_f32).to_bits()),
                DType::Bool => 1,
                _ => 3,
            }),
            Param::Array(_) => panic!("no arrays here"),
        })
        .collect();
    let outcome =
        interp::run(program, &args, Memory::default(), &mut Collector::default(), &Limits::default());
    outcome.result.unwrap_or_else(|failure| panic!("{failure:?}\n{}", print_program(program)))
}

#[test]
fn random_functions_come_back() {
    for seed in 0..600 {
        let program = Maker::function(seed);
        let text = print_program(&program);
        assert_eq!(verify(&program), Ok(()), "seed {seed}\n{text}");
        let parsed = parse_program(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
        assert_eq!(print_program(&parsed), text, "seed {seed}");
        assert_eq!(results(&parsed), results(&program), "seed {seed}\n{text}");
    }
}
