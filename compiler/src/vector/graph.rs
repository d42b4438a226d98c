//! Writes instructions: each operation once, and what does not change from block to block into the setup.

use kjit_strip::ir::{
    Binary, Compare, Convert, Inst, IntOp, Op, Region, Shift, Step, Strip, Ty, Unary, Value,
};
use rustc_hash::FxHashMap;

use crate::base::SecondaryMap;

/// A strip on its way. The innermost open region gets what comes.
#[derive(Clone)]
pub(super) struct Graph {
    pub strip: Strip,
    /// Open regions, the body first.
    regions: Vec<Region>,
    /// What is computed already: in the setup, then in each open region.
    known: Vec<FxHashMap<(Ty, Op), Value>>,
    /// Loads that still hold, by open region.
    loads: Vec<FxHashMap<(Ty, Op), Value>>,
    /// Results of branches, by what they were made of, by open region.
    branches: Vec<FxHashMap<Vec<Value>, Vec<Value>>>,
    /// Definitions of values that are not carried.
    ops: SecondaryMap<Value, Option<Op>>,
    /// Values of the setup.
    in_setup: SecondaryMap<Value, bool>,
}

impl Graph {
    pub(super) fn new(name: String) -> Graph {
        Graph {
            strip: Strip::new(name),
            regions: vec![Region::new()],
            known: vec![FxHashMap::default(), FxHashMap::default()],
            loads: vec![FxHashMap::default()],
            branches: vec![FxHashMap::default()],
            ops: SecondaryMap::new(),
            in_setup: SecondaryMap::new(),
        }
    }

    pub(super) fn ty(&self, value: Value) -> Ty {
        self.strip.values[value]
    }

    /// How many regions are open inside the body?
    pub(super) fn depth(&self) -> usize {
        self.regions.len() - 1
    }

    /// The value of an operation without effect, computed now unless it is known.
    pub(super) fn define(&mut self, ty: Ty, op: Op) -> Value {
        if let Some(value) = self.simplified(&op) {
            return value;
        }
        let key = (ty, op);
        if let Some(&value) = self.known.iter().rev().find_map(|scope| scope.get(&key)) {
            return value;
        }
        let (ty, op) = key;
        if let Op::Binary(symmetric @ (Binary::Add | Binary::Mul), a, b) = op
            && a != b
            && let Some(value) = self.known(ty, &Op::Binary(symmetric, b, a))
        {
            return value;
        }
        let is_fixed = match op {
            Op::First | Op::Active | Op::Any(_) | Op::Load { .. } | Op::IntLoad { .. } => false,
            _ => {
                let mut is_fixed = true;
                op.for_each_operand(|operand| is_fixed &= self.in_setup[operand]);
                is_fixed
            }
        };
        let value = self.strip.values.push(ty);
        self.ops[value] = Some(op.clone());
        self.in_setup[value] = is_fixed;
        let scope = if is_fixed { 0 } else { self.known.len() - 1 };
        self.known[scope].insert((ty, op.clone()), value);
        let inst = Inst::Let { value, op };
        if is_fixed {
            self.strip.setup.push(inst);
        } else {
            self.push(inst);
        }
        value
    }

    /// The value of an operation that has been computed.
    pub(super) fn known(&self, ty: Ty, op: &Op) -> Option<Value> {
        let key = (ty, op.clone());
        self.known.iter().rev().find_map(|scope| scope.get(&key)).copied()
    }

    /// Elements; the same place is read once as long as nothing is stored.
    pub(super) fn load(&mut self, ty: Ty, op: Op) -> Value {
        if let Op::Load { elem, place, mask: Some(_) } = &op {
            // Loaded for every lane: so it is for these.
            let whole = Op::Load { elem: *elem, place: *place, mask: None };
            if let Some(&value) = self.loads.iter().rev().find_map(|scope| scope.get(&(ty, whole.clone()))) {
                return value;
            }
        }
        let key = (ty, op);
        if let Some(&value) = self.loads.iter().rev().find_map(|scope| scope.get(&key)) {
            return value;
        }
        let value = self.strip.values.push(ty);
        self.ops[value] = Some(key.1.clone());
        let inst = Inst::Let { value, op: key.1.clone() };
        if let Some(scope) = self.loads.last_mut() {
            scope.insert(key, value);
        }
        self.push(inst);
        value
    }

    /// What was loaded and still holds.
    pub(super) fn loaded(&self, ty: Ty, op: Op) -> Option<Value> {
        let key = (ty, op);
        self.loads.iter().rev().find_map(|scope| scope.get(&key)).copied()
    }

    /// Memory changes: what was loaded has to be loaded again.
    pub(super) fn forget_loads(&mut self) {
        self.loads.iter_mut().for_each(FxHashMap::clear);
    }

    /// The results of an earlier branch that was made of the same.
    pub(super) fn known_branch(&self, made_of: &[Value]) -> Option<&Vec<Value>> {
        self.branches.iter().rev().find_map(|scope| scope.get(made_of))
    }

    /// Remembers a branch that has just been written.
    pub(super) fn remember_branch(&mut self, made_of: Vec<Value>, results: Vec<Value>) {
        if let Some(scope) = self.branches.last_mut() {
            scope.insert(made_of, results);
        }
    }

    pub(super) fn push(&mut self, inst: Inst) {
        if let Some(region) = self.regions.last_mut() {
            region.push(inst);
        }
    }

    /// A value that an instruction other than `Let` defines.
    pub(super) fn fresh(&mut self, ty: Ty) -> Value {
        self.strip.values.push(ty)
    }

    /// May the strip end before its last iteration? Asked when all regions but the body are closed.
    pub(super) fn has_faults(&self) -> bool {
        let mut found = false;
        for region in &self.regions {
            kjit_strip::walk::for_each_inst(region, &mut |inst| found |= matches!(inst, Inst::Fault { .. }));
        }
        found
    }

    /// Opens a region in the current one.
    pub(super) fn open(&mut self) {
        self.regions.push(Region::new());
        self.known.push(FxHashMap::default());
        self.loads.push(FxHashMap::default());
        self.branches.push(FxHashMap::default());
    }

    /// Ends the current region; what it computed may be used in a region that belongs to it if `stays`.
    pub(super) fn close(&mut self) -> Region {
        self.known.pop();
        self.loads.pop();
        self.branches.pop();
        self.regions.pop().unwrap_or_default()
    }

    /// The strip; the body is what is left.
    pub(super) fn finish(mut self) -> Strip {
        self.strip.body = self.regions.pop().unwrap_or_default();
        self.strip
    }

    /// The bits of a constant of lanes.
    pub(super) fn constant(&self, value: Value) -> Option<u64> {
        match self.ops[value] {
            Some(Op::Const(bits)) => Some(bits),
            _ => None,
        }
    }

    /// The operation that computes the value, unless it is carried.
    pub(super) fn op(&self, value: Value) -> Option<&Op> {
        self.ops[value].as_ref()
    }

    /// The same for all blocks?
    pub(super) fn is_fixed(&self, value: Value) -> bool {
        self.in_setup[value]
    }

    fn simplified(&self, op: &Op) -> Option<Value> {
        match *op {
            Op::Select { mask, then, orelse } => {
                if then == orelse {
                    return Some(then);
                }
                match self.constant(mask) {
                    Some(0) => Some(orelse),
                    Some(_) => Some(then),
                    None => None,
                }
            }
            Op::Binary(Binary::And, a, b) if a == b => Some(a),
            Op::Binary(Binary::Or, a, b) if a == b => Some(a),
            Op::Binary(Binary::And, a, b) if self.ty(a) == Ty::Mask => {
                match (self.constant(a), self.constant(b)) {
                    (Some(0), _) | (_, Some(1)) => Some(a),
                    (_, Some(0)) | (Some(1), _) => Some(b),
                    _ => None,
                }
            }
            Op::Binary(Binary::Or, a, b) if self.ty(a) == Ty::Mask => {
                match (self.constant(a), self.constant(b)) {
                    (Some(0), _) | (_, Some(1)) => Some(b),
                    (_, Some(0)) | (Some(1), _) => Some(a),
                    _ => None,
                }
            }
            Op::Unary(Unary::Not, a) => match self.ops[a] {
                Some(Op::Unary(Unary::Not, inner)) => Some(inner),
                _ => None,
            },
            _ => None,
        }
    }

    // Short forms.

    pub(super) fn int(&mut self, value: i64) -> Value {
        self.define(Ty::Int, Op::Int(value))
    }

    pub(super) fn int_binary(&mut self, op: IntOp, a: Value, b: Value) -> Value {
        self.define(Ty::Int, Op::IntBinary(op, a, b))
    }

    pub(super) fn bits(&mut self, ty: Ty, bits: u64) -> Value {
        self.define(ty, Op::Const(bits))
    }

    pub(super) fn i64(&mut self, value: i64) -> Value {
        self.bits(Ty::I64, value as u64)
    }

    pub(super) fn mask(&mut self, value: bool) -> Value {
        self.bits(Ty::Mask, u64::from(value))
    }

    pub(super) fn unary(&mut self, op: Unary, a: Value) -> Value {
        match (op, self.negated(a)) {
            (Unary::Neg, Some(inner)) => inner,
            // So `f(-x)` shares what it has in common with `f(x)`.
            (Unary::Abs, Some(inner)) => self.define(self.ty(a), Op::Unary(op, inner)),
            _ => self.define(self.ty(a), Op::Unary(op, a)),
        }
    }

    /// Signs of factors go to the product, exactly: `-a * b` is `-(a * b)`.
    pub(super) fn binary(&mut self, op: Binary, a: Value, b: Value) -> Value {
        let ty = self.ty(a);
        if matches!(op, Binary::Mul | Binary::Div) {
            let (inner_a, inner_b) = (self.negated(a), self.negated(b));
            if inner_a.is_some() || inner_b.is_some() {
                let value = self.define(ty, Op::Binary(op, inner_a.unwrap_or(a), inner_b.unwrap_or(b)));
                return if inner_a.is_some() && inner_b.is_some() {
                    value
                } else {
                    self.unary(Unary::Neg, value)
                };
            }
        }
        self.define(ty, Op::Binary(op, a, b))
    }

    /// `b` if `a` is `-b`, of floats.
    fn negated(&self, a: Value) -> Option<Value> {
        match self.ops[a] {
            Some(Op::Unary(Unary::Neg, inner)) if matches!(self.ty(a), Ty::F64 | Ty::F32) => Some(inner),
            _ => None,
        }
    }

    pub(super) fn shift(&mut self, op: Shift, a: Value, count: u8) -> Value {
        if count == 0 { a } else { self.define(self.ty(a), Op::Shift(op, a, count)) }
    }

    pub(super) fn compare(&mut self, op: Compare, a: Value, b: Value) -> Value {
        self.define(Ty::Mask, Op::Compare(op, a, b))
    }

    pub(super) fn select(&mut self, mask: Value, then: Value, orelse: Value) -> Value {
        // `select(!m, a, b)` is `select(m, b, a)`.
        if let Some(&Op::Unary(Unary::Not, inner)) = self.op(mask) {
            return self.select(inner, orelse, then);
        }
        // What the same mask has chosen already.
        let then = match self.op(then) {
            Some(&Op::Select { mask: same, then, .. }) if same == mask => then,
            _ => then,
        };
        let orelse = match self.op(orelse) {
            Some(&Op::Select { mask: same, orelse, .. }) if same == mask => orelse,
            _ => orelse,
        };
        self.define(self.ty(then), Op::Select { mask, then, orelse })
    }

    pub(super) fn convert(&mut self, convert: Convert, a: Value, to: Ty) -> Value {
        self.define(to, Op::Convert(convert, a))
    }

    pub(super) fn any(&mut self, mask: Value) -> Value {
        self.define(Ty::Test, Op::Any(mask))
    }

    /// `a` and not `b`, of masks.
    pub(super) fn and_not(&mut self, a: Value, b: Value) -> Value {
        match self.constant(b) {
            Some(0) => a,
            Some(_) => self.mask(false),
            None if self.constant(a) == Some(1) => self.unary(Unary::Not, b),
            None => self.binary(Binary::AndNot, a, b),
        }
    }

    /// One element for every lane, or one each.
    pub(super) fn step(&mut self, bytes: i64, elem_bytes: u32) -> Step {
        match bytes {
            0 => Step::Zero,
            _ if bytes == i64::from(elem_bytes) => Step::One,
            _ => Step::Bytes(self.int(bytes)),
        }
    }
}
