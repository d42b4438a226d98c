//! Random numbers of a parallel loop are computed where they are drawn.
//!
//! ```text
//!                                        %seed, %epoch, %lineage = runtime random_stream(key)
//! for i in 0 .. n {                      for i in 0 .. n {
//!   runtime random_iteration(key, i)       %word = ... the first word of block 1 of (%seed, key), (i, %epoch, %lineage)
//!   x = runtime random_f64()      ==>      x = f64(i64(%word >> 11)) * 2^-53
//!   y = runtime random_f64()               y = the second word likewise
//! }                                      }
//! ```
//!
//! A draw is then arithmetic like any other: no calls, no state, and iterations can run many at a time. What only depends on the
//! stream (all of the first two rounds of the generator but one product) is computed before the loop. Words are `numerics/random/philox`'s.
//!
//! Conservative: every draw of the iteration is uniform and stands in the loop's own block, so that it is known which word it
//! gets; callees and inner blocks draw nothing; at most `MAX_DRAWS`.

use super::PassReport;
use crate::analysis::cost::uses_random;
use crate::base::{EntitySet, Span};
use crate::ir::walk;
use crate::ir::{
    BinaryOp, Block, Const, ExprId, ExprKind, Func, LocalId, LoopId, Operand, Program, RuntimeFn, Stmt,
    Target,
};
use crate::numerics::random::philox::{BLOCK, MULTIPLIERS, ROUNDS, WEYL};
use crate::types::DType;

type LoopSet = EntitySet<LoopId>;

/// More would be much code: one block is about 60 operations, and makes 4.
const MAX_DRAWS: usize = 8;

/// Rewrites the loops that draw, in every function.
pub fn draws(program: &mut Program, report: &mut PassReport) {
    let ids: Vec<_> = program.funcs.keys().collect();
    for id in ids {
        let mut has_streams = false;
        walk::for_each_stmt(&program.funcs[id].body, &mut |stmt| has_streams |= iteration(stmt).is_some());
        if has_streams {
            let mut body = std::mem::take(&mut program.funcs[id].body);
            let can_draw = |stmt: &Stmt| {
                let is_random =
                    |stmt: &Stmt| matches!(stmt, Stmt::Runtime { function, .. } if is_of_stream(*function));
                let mut found = uses_random(program, std::slice::from_ref(stmt));
                walk::for_each_stmt(std::slice::from_ref(stmt), &mut |inner| found |= is_random(inner));
                found
            };
            let suited = suited_loops(&body, &can_draw);
            report.add(suited.iter().count());
            rewrite(&mut program.funcs[id], &mut body, &suited);
            program.funcs[id].body = body;
        }
    }
}

/// The key and the number, if the statement starts an iteration's stream.
fn iteration(stmt: &Stmt) -> Option<(ExprId, ExprId)> {
    match stmt {
        Stmt::Runtime { function: RuntimeFn::RandomIteration, args, .. } => match args.as_slice() {
            [Operand::Scalar(key), Operand::Scalar(number)] => Some((*key, *number)),
            _ => None,
        },
        _ => None,
    }
}

/// Does the service use `np.random`'s state?
fn is_of_stream(function: RuntimeFn) -> bool {
    match function {
        RuntimeFn::RandomSeed
        | RuntimeFn::RandomF64
        | RuntimeFn::RandomUniform
        | RuntimeFn::RandomNormal
        | RuntimeFn::RandomInt
        | RuntimeFn::RandomIteration
        | RuntimeFn::RandomStream
        | RuntimeFn::RandomLoopEnd => true,
        RuntimeFn::GeneratorSeed
        | RuntimeFn::GeneratorF64
        | RuntimeFn::GeneratorUniform
        | RuntimeFn::GeneratorNormal
        | RuntimeFn::GeneratorInt
        | RuntimeFn::HostAccess
        | RuntimeFn::EventNew
        | RuntimeFn::EventRecord
        | RuntimeFn::EventElapsed
        | RuntimeFn::Load
        | RuntimeFn::Save
        | RuntimeFn::ComplexMath
        | RuntimeFn::ComplexPow
        | RuntimeFn::CountOperations
        | RuntimeFn::RoundDigits => false,
    }
}

/// The loops to rewrite.
fn suited_loops(block: &[Stmt], can_draw: &dyn Fn(&Stmt) -> bool) -> LoopSet {
    let mut found = LoopSet::default();
    walk::for_each_stmt(block, &mut |stmt| {
        if let Stmt::Loop(l) = stmt
            && let Some((first, rest)) = l.body.split_first()
            && iteration(first).is_some()
        {
            let mut draws = 0;
            let is_suited = rest.iter().all(|stmt| {
                let is_draw = matches!(
                    stmt,
                    Stmt::Runtime { function: RuntimeFn::RandomF64 | RuntimeFn::RandomUniform, .. }
                );
                draws += usize::from(is_draw);
                is_draw || !can_draw(stmt)
            });
            if is_suited && (1..=MAX_DRAWS).contains(&draws) {
                found.insert(l.id);
            }
        }
    });
    found
}

fn rewrite(func: &mut Func, block: &mut Block, suited: &LoopSet) {
    let mut position = 0;
    while position < block.len() {
        for inner in block[position].blocks_mut() {
            rewrite(func, inner, suited);
        }
        let mut before = Block::new();
        if let Stmt::Loop(l) = &mut block[position]
            && suited.contains(l.id)
        {
            let span = func.loops[l.id].span;
            before = rewrite_loop(func, &mut l.body, span);
        }
        let added = before.len();
        block.splice(position..position, before);
        position += added + 1;
    }
}

/// Rewrites the body; what comes before the loop.
fn rewrite_loop(func: &mut Func, body: &mut Block, span: Span) -> Block {
    let Some((key, number)) = body.first().and_then(iteration) else { return Block::new() };
    let stream: [LocalId; 3] = ["seed", "epoch", "lineage"].map(|name| func.temp(name, DType::U64, span));
    let loop_key = func.clone_expr(key);
    let mut before = vec![Stmt::Runtime {
        function: RuntimeFn::RandomStream,
        args: vec![Operand::Scalar(loop_key)],
        results: stream.into_iter().map(Target::Local).collect(),
        trap: None,
    }];
    let draws = body.iter().filter(|stmt| is_draw(stmt)).count();
    let rest = body.split_off(1);
    body.clear();
    let mut writer = Writer { func, span, before: &mut before, inside: body };
    let key = writer.value(key, DType::U64, false);
    let number = writer.value(number, DType::U64, true);
    let [seed, epoch, lineage] = stream.map(|local| Word { kind: Kind::Local(local), changes: false });
    let mut words = Vec::with_capacity(draws);
    for block in 0..draws.div_ceil(BLOCK) {
        let counter = [Word::constant(block as u64 + 1), number, epoch, lineage];
        words.extend(writer.block([seed, key], counter, (draws - block * BLOCK).min(BLOCK)));
    }
    let mut words = words.into_iter();
    for stmt in rest {
        match &stmt {
            Stmt::Runtime { function, args, results, .. } if is_draw(&stmt) => {
                let ([Target::Local(result)], Some(word)) = (results.as_slice(), words.next()) else {
                    continue;
                };
                let uniform = writer.uniform(word);
                let value = match (function, args.as_slice()) {
                    (RuntimeFn::RandomUniform, &[Operand::Scalar(low), Operand::Scalar(high)]) => {
                        writer.between(low, high, uniform)
                    }
                    _ => uniform,
                };
                writer.inside.push(Stmt::Set { local: *result, value });
            }
            _ => writer.inside.push(stmt),
        }
    }
    before
}

fn is_draw(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Runtime { function: RuntimeFn::RandomF64 | RuntimeFn::RandomUniform, .. })
}

/// A word of 64 bits: a number, or a variable.
#[derive(Clone, Copy)]
struct Word {
    kind: Kind,
    /// From iteration to iteration.
    changes: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Const(u64),
    Local(LocalId),
}

impl Word {
    fn constant(value: u64) -> Word {
        Word { kind: Kind::Const(value), changes: false }
    }
}

struct Writer<'a> {
    func: &'a mut Func,
    span: Span,
    before: &'a mut Block,
    inside: &'a mut Block,
}

impl Writer<'_> {
    /// A block of the generator: its first words.
    fn block(&mut self, key: [Word; 2], counter: [Word; BLOCK], wanted: usize) -> Vec<Word> {
        // Words of the state after each round that something uses.
        let mut used = [[false; BLOCK]; ROUNDS + 1];
        used[ROUNDS][..wanted].fill(true);
        for round in (0..ROUNDS).rev() {
            let [a, b, c, d] = used[round + 1];
            used[round] = [c || d, a, a || b, c];
        }
        let [mut a, mut b, mut c, mut d] = counter;
        let zero = Word::constant(0);
        for (round, used) in used[1..].iter().enumerate() {
            let key = [0, 1].map(|k| {
                let grown = Word::constant(WEYL[k].wrapping_mul(round as u64));
                self.combine(BinaryOp::Add, key[k], grown)
            });
            let mut next = [zero; BLOCK];
            // The halves of one product stand together, the high one first.
            for (first, factor, word, others) in [(0, 1, c, [b, key[0]]), (2, 0, a, [d, key[1]])] {
                let factor = Word::constant(MULTIPLIERS[factor]);
                if used[first] {
                    let high = self.combine(BinaryOp::MulHigh, word, factor);
                    next[first] = self.exclusive_or([high, others[0], others[1]]);
                }
                if used[first + 1] {
                    next[first + 1] = self.combine(BinaryOp::Mul, word, factor);
                }
            }
            [a, b, c, d] = next;
        }
        [a, b, c, d][..wanted].to_vec()
    }

    /// What does not change is combined first, so that it is done before the loop.
    fn exclusive_or(&mut self, mut words: [Word; 3]) -> Word {
        words.sort_by_key(|word| (word.changes, matches!(word.kind, Kind::Local(_))));
        let both = self.combine(BinaryOp::Xor, words[0], words[1]);
        self.combine(BinaryOp::Xor, both, words[2])
    }

    fn combine(&mut self, op: BinaryOp, x: Word, y: Word) -> Word {
        match (x.kind, y.kind) {
            (Kind::Const(a), Kind::Const(b)) => {
                return Word::constant(crate::ir::eval::binary(op, DType::U64, a, b));
            }
            (Kind::Const(0), _) if matches!(op, BinaryOp::Add | BinaryOp::Xor) => return y,
            (_, Kind::Const(0)) if matches!(op, BinaryOp::Add | BinaryOp::Xor) => return x,
            _ => {}
        }
        let (left, right) = (self.read(x), self.read(y));
        let value = self.func.expr(ExprKind::Binary { op, left, right }, DType::U64, self.span);
        self.set(value, x.changes || y.changes)
    }

    fn read(&mut self, word: Word) -> ExprId {
        match word.kind {
            Kind::Const(value) => self.func.expr(ExprKind::Const(Const(value)), DType::U64, self.span),
            Kind::Local(local) => self.func.read(local, self.span),
        }
    }

    fn set(&mut self, value: ExprId, changes: bool) -> Word {
        let local = self.func.temp("word", DType::U64, self.span);
        let block = if changes { &mut *self.inside } else { &mut *self.before };
        block.push(Stmt::Set { local, value });
        Word { kind: Kind::Local(local), changes }
    }

    /// A number of the program as a word.
    fn value(&mut self, id: ExprId, ty: DType, changes: bool) -> Word {
        if let ExprKind::Const(value) = self.func.exprs[id].kind {
            return Word::constant(value.0);
        }
        let value = if self.func.exprs[id].ty == ty {
            id
        } else {
            self.func.expr(ExprKind::Cast { arg: id }, ty, self.span)
        };
        self.set(value, changes)
    }

    /// `BitSource::next_f64`.
    fn uniform(&mut self, word: Word) -> ExprId {
        let (left, right) = (self.read(word), self.func.int(11, self.span));
        let bits = ExprKind::Binary { op: BinaryOp::Shr, left, right };
        let arg = self.func.expr(bits, DType::U64, self.span);
        // Below 2^53, so the same as a signed number, which machines convert faster.
        let arg = self.func.expr(ExprKind::Cast { arg }, DType::I64, self.span);
        let left = self.func.expr(ExprKind::Cast { arg }, DType::F64, self.span);
        let unit = Const::f64(1.0 / 9_007_199_254_740_992.0);
        let right = self.func.expr(ExprKind::Const(unit), DType::F64, self.span);
        self.func.expr(ExprKind::Binary { op: BinaryOp::Mul, left, right }, DType::F64, self.span)
    }

    /// `low + (high - low) * uniform`, as `numerics::random::legacy::uniform`.
    fn between(&mut self, low: ExprId, high: ExprId, uniform: ExprId) -> ExprId {
        let start = self.func.temp("low", DType::F64, self.span);
        self.inside.push(Stmt::Set { local: start, value: low });
        let low = self.func.read(start, self.span);
        let range = ExprKind::Binary { op: BinaryOp::Sub, left: high, right: low };
        let left = self.func.expr(range, DType::F64, self.span);
        let scaled = ExprKind::Binary { op: BinaryOp::Mul, left, right: uniform };
        let right = self.func.expr(scaled, DType::F64, self.span);
        let left = self.func.read(start, self.span);
        self.func.expr(ExprKind::Binary { op: BinaryOp::Add, left, right }, DType::F64, self.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::{parse_program, print_program};
    use crate::ir::verify;

    fn after(body: &str) -> String {
        let text = format!(
            "func f(n: i64) -> f64 {{\n  var x: f64\n  x = 0.0\n{body}  return x\n}}\n\nentry func g() -> f64 {{\n  y: f64 = call f(3)\n  return y\n}}\n"
        );
        let mut program = parse_program(&text).unwrap_or_else(|error| panic!("{error}"));
        draws(&mut program, &mut PassReport::default());
        assert_eq!(verify(&program), Ok(()));
        print_program(&program)
    }

    #[test]
    fn draws_become_arithmetic() {
        let text = after(
            "  for i in 0 .. n {\n    runtime random_iteration(5_u64, i)\n    x = runtime random_f64()\n    x = runtime random_uniform(2.0, 3.0)\n  }\n",
        );
        assert!(text.contains("runtime random_stream(5_u64)"), "{text}");
        assert!(!text.contains("random_iteration") && !text.contains("random_f64"), "{text}");
        // Of the twenty products of a block, the first word of the last state needs 17, 3 of them the same for all iterations.
        let (before, inside) = text.split_once("for i in").unwrap();
        assert_eq!(
            (before.matches("mul_high").count(), inside.matches("mul_high").count()),
            (3, 14),
            "{text}"
        );
    }

    #[test]
    fn what_is_not_known_to_be_drawn_stays() {
        for inner in [
            "    if n > 3 {\n      x = runtime random_f64()\n    }\n",
            "    x = runtime random_f64()\n    x = runtime random_normal(0.0, 1.0)\n",
            "    x = runtime random_f64()\n    runtime random_seed(3)\n",
            "    x = x + 1.0\n",
        ] {
            let text = after(&format!(
                "  for i in 0 .. n {{\n    runtime random_iteration(5_u64, i)\n{inner}  }}\n"
            ));
            assert!(text.contains("random_iteration") && !text.contains("random_stream"), "{text}");
        }
    }
}
