//! Mathematical functions: the operations that `numerics` makes them of, as instructions of the strip.

use std::cell::RefCell;

use kjit_strip::ir::{Binary, Branch, Compare, Convert, FmaKind, Inst, Op, Shift, Ty, Unary, Value};

use super::graph::Graph;
use super::value::Builder;
use crate::numerics::lanes::Lanes;
use crate::numerics::math::{
    MathFn1, MathFn2, fmod_of_near, one_narrow_on_lanes, one_on_lanes, two_narrow_on_lanes, two_on_lanes,
};

/// A function of one argument; nothing if it has no form for lanes. Narrow: of `f32` numbers in `f64` lanes, whose result
/// is to be rounded to `f32`.
pub(super) fn one(builder: &mut Builder<'_>, function: MathFn1, x: Value, is_narrow: bool) -> Option<Value> {
    let lanes = &Instructions::of(builder);
    if is_narrow { one_narrow_on_lanes(lanes, function, x) } else { one_on_lanes(lanes, function, x) }
}

/// A function of two arguments.
pub(super) fn two(
    builder: &mut Builder<'_>,
    function: MathFn2,
    x: Value,
    y: Value,
    is_narrow: bool,
) -> Option<Value> {
    let lanes = &Instructions::of(builder);
    if is_narrow { two_narrow_on_lanes(lanes, function, x, y) } else { two_on_lanes(lanes, function, x, y) }
}

/// `fmod` of doubles, and where it has to be left to the scalar code.
pub(super) fn fmod(builder: &mut Builder<'_>, x: Value, y: Value) -> (Value, Value) {
    let lanes = &Instructions::of(builder);
    let (value, is_near) = fmod_of_near(lanes, x, y);
    (value, lanes.not(is_near))
}

struct Instructions<'g> {
    graph: RefCell<&'g mut Graph>,
    /// The lanes that are here; those that are not may hold anything.
    here: Option<Value>,
}

impl<'g> Instructions<'g> {
    fn of(builder: &'g mut Builder<'_>) -> Instructions<'g> {
        Instructions { here: builder.mask, graph: RefCell::new(&mut builder.graph) }
    }

    fn unary(&self, op: Unary, a: Value) -> Value {
        self.graph.borrow_mut().unary(op, a)
    }

    fn binary(&self, op: Binary, a: Value, b: Value) -> Value {
        self.graph.borrow_mut().binary(op, a, b)
    }

    fn compare(&self, op: Compare, a: Value, b: Value) -> Value {
        self.graph.borrow_mut().compare(op, a, b)
    }

    fn fused(&self, kind: FmaKind, a: Value, b: Value, c: Value) -> Value {
        self.graph.borrow_mut().define(Ty::F64, Op::Fma(kind, a, b, c))
    }
}

impl Lanes for Instructions<'_> {
    type F = Value;
    type I = Value;
    type M = Value;

    fn f(&self, value: f64) -> Value {
        self.graph.borrow_mut().bits(Ty::F64, value.to_bits())
    }

    fn i(&self, value: i64) -> Value {
        self.graph.borrow_mut().i64(value)
    }

    fn add(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Add, a, b)
    }

    fn sub(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Sub, a, b)
    }

    fn mul(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Mul, a, b)
    }

    fn div(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Div, a, b)
    }

    fn sqrt(&self, a: Value) -> Value {
        self.unary(Unary::Sqrt, a)
    }

    fn fma(&self, a: Value, b: Value, c: Value) -> Value {
        self.fused(FmaKind::MulAdd, a, b, c)
    }

    fn fms(&self, a: Value, b: Value, c: Value) -> Value {
        self.fused(FmaKind::MulSub, a, b, c)
    }

    fn fnma(&self, a: Value, b: Value, c: Value) -> Value {
        self.fused(FmaKind::NegMulAdd, a, b, c)
    }

    fn min(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Min, a, b)
    }

    fn max(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Max, a, b)
    }

    fn round(&self, a: Value) -> Value {
        self.unary(Unary::RoundEven, a)
    }

    fn floor(&self, a: Value) -> Value {
        self.unary(Unary::Floor, a)
    }

    fn ceil(&self, a: Value) -> Value {
        self.unary(Unary::Ceil, a)
    }

    fn trunc(&self, a: Value) -> Value {
        self.unary(Unary::Trunc, a)
    }

    fn neg(&self, a: Value) -> Value {
        self.unary(Unary::Neg, a)
    }

    fn abs(&self, a: Value) -> Value {
        self.unary(Unary::Abs, a)
    }

    fn lt(&self, a: Value, b: Value) -> Value {
        self.compare(Compare::Lt, a, b)
    }

    fn le(&self, a: Value, b: Value) -> Value {
        self.compare(Compare::Le, a, b)
    }

    fn eq(&self, a: Value, b: Value) -> Value {
        self.compare(Compare::Eq, a, b)
    }

    fn both(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::And, a, b)
    }

    fn any_of(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Or, a, b)
    }

    fn not(&self, a: Value) -> Value {
        self.unary(Unary::Not, a)
    }

    fn select(&self, mask: Value, a: Value, b: Value) -> Value {
        self.graph.borrow_mut().select(mask, a, b)
    }

    fn bits(&self, a: Value) -> Value {
        self.graph.borrow_mut().convert(Convert::Bits, a, Ty::I64)
    }

    fn from_bits(&self, a: Value) -> Value {
        self.graph.borrow_mut().convert(Convert::Bits, a, Ty::F64)
    }

    fn iadd(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Add, a, b)
    }

    fn isub(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Sub, a, b)
    }

    fn and(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::And, a, b)
    }

    fn or(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Or, a, b)
    }

    fn xor(&self, a: Value, b: Value) -> Value {
        self.binary(Binary::Xor, a, b)
    }

    fn shl(&self, a: Value, by: u32) -> Value {
        self.graph.borrow_mut().shift(Shift::Shl, a, by as u8)
    }

    fn shr(&self, a: Value, by: u32) -> Value {
        self.graph.borrow_mut().shift(Shift::Shr, a, by as u8)
    }

    fn test_bit(&self, a: Value, bit: u32) -> Value {
        let top = self.shl(a, 63 - bit);
        self.compare(Compare::Lt, top, self.i(0))
    }

    fn lookup(&self, table: &'static [f64], index: Value) -> Value {
        let index = self.and(index, self.i(table.len() as i64 - 1));
        let words: Vec<u64> = table.iter().map(|x| x.to_bits()).collect();
        let graph = &mut self.graph.borrow_mut();
        let known = graph.strip.tables.iter().find(|(_, known)| **known == words).map(|(table, _)| table);
        let table = known.unwrap_or_else(|| graph.strip.tables.push(words));
        graph.define(Ty::F64, Op::Lookup { table, index })
    }

    fn rare<const N: usize>(
        &self,
        mask: Value,
        usual: [Value; N],
        slow: impl FnOnce() -> [Value; N],
    ) -> [Value; N] {
        let mut made_of = vec![mask];
        made_of.extend(usual);
        {
            let graph = &mut self.graph.borrow_mut();
            let here = self.here.map_or(mask, |here| graph.binary(Binary::And, here, mask));
            made_of.push(graph.any(here));
            if let Some(known) = graph.known_branch(&made_of) {
                return std::array::from_fn(|at| known[at]);
            }
            graph.open();
        }
        let cond = made_of[made_of.len() - 1];
        let slow = slow();
        let graph = &mut self.graph.borrow_mut();
        let chosen: Vec<Value> =
            slow.iter().zip(&usual).map(|(&slow, &usual)| graph.select(mask, slow, usual)).collect();
        let then = graph.close();
        let mut results = usual;
        let mut merged = Vec::new();
        for (result, &chosen) in results.iter_mut().zip(&chosen) {
            let ty = graph.ty(chosen);
            let value = graph.fresh(ty);
            merged.push((value, chosen, *result));
            *result = value;
        }
        graph.push(Inst::Branch(Box::new(Branch { cond, then, orelse: Vec::new(), results: merged })));
        graph.remember_branch(made_of, results.to_vec());
        results
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use kjit_strip::interp::{Buffers, Settings, run};
    use kjit_strip::ir::{Elem, Inst, IntOp, Op, Place, Step, Strip, Ty};

    use super::{Graph, Instructions};
    use crate::numerics::lanes::probes::{self, Probe};

    /// `z[i] = probe(x[i], y[i])`, the arrays in words 0 to 2.
    fn strip_of(probe: Probe) -> Strip {
        let mut graph = Graph::new(format!("{probe:?}"));
        graph.strip.words = 3;
        let (first, three) = (graph.define(Ty::Int, Op::First), graph.int(3));
        let offset = graph.int_binary(IntOp::Shl, first, three);
        let [x, y, z] = [0, 1, 2].map(|word| {
            let base = graph.define(Ty::Int, Op::Word(word));
            let address = graph.int_binary(IntOp::Add, base, offset);
            Place::Line { address, disp: 0, step: Step::One }
        });
        let [x, y] = [x, y].map(|place| graph.load(Ty::F64, Op::Load { elem: Elem::F64, place, mask: None }));
        let value = probe.build(&Instructions { graph: RefCell::new(&mut graph), here: None }, x, y);
        graph.push(Inst::Store { elem: Elem::F64, place: z, value, mask: None });
        graph.finish()
    }

    #[test]
    fn lanes_of_strips_keep_the_contract() {
        probes::check(|probe, arguments| {
            let strip = strip_of(probe);
            kjit_strip::verify(&strip).unwrap_or_else(|error| panic!("{probe:?}: {error:?}"));
            let bytes = |of: fn(&(f64, f64)) -> f64| {
                arguments.iter().flat_map(|pair| of(pair).to_le_bytes()).collect()
            };
            let mut memory = Buffers::new();
            let (x, y): (Vec<u8>, Vec<u8>) = (bytes(|pair| pair.0), bytes(|pair| pair.1));
            let size = x.len();
            memory.add(1 << 20, x);
            memory.add(2 << 20, y);
            let results = memory.add(3 << 20, vec![0; size]);
            let settings = Settings { lanes: 8, ..Settings::default() };
            run(&strip, &mut [1 << 20, 2 << 20, 3 << 20], arguments.len() as u64, &settings, &mut memory)
                .unwrap_or_else(|error| panic!("{probe:?}: {error}"));
            memory.bytes(results).as_chunks().0.iter().map(|item| f64::from_le_bytes(*item)).collect()
        });
    }
}
