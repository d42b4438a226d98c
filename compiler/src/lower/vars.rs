//! Variables of the source: one slot per name and type, and which slot holds the value now.
//!
//! Inference is flow-sensitive, so `x = 1; x = 2.5` makes two slots. Where paths join it says which type the variable has from
//! there on, and [`Context::join`] copies the value into that slot at the end of each path.

use rustc_hash::FxHashMap;

use super::context::{Context, Res};
use super::value::{RNG_TY, Slot, Value};
use crate::base::{Code, Symbol};
use crate::ir::{ArrayId, ArrayValue, LocalId, Ownership, Stmt};
use crate::types::{DType, Ty};

/// Which slot each variable is in, by number of the variable.
pub(super) type Env = Vec<Option<u32>>;

/// The variables of one function.
#[derive(Default)]
pub(super) struct Vars {
    numbers: FxHashMap<Symbol, u32>,
    slots: Vec<(Ty, Slot)>,
    by_type: FxHashMap<(u32, Ty), u32>,
    /// The current slots.
    pub(super) env: Env,
    /// Flags of variables that have a value only if a loop ran.
    pub(super) flags: FxHashMap<Symbol, LocalId>,
    /// Locals that are never negative.
    pub(super) counters: Vec<LocalId>,
}

impl Vars {
    pub(super) fn number(&mut self, name: &Symbol) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.env.len() as u32;
        self.numbers.insert(name.clone(), number);
        self.env.push(None);
        number
    }

    /// Enters variables that only the other environment knows.
    pub(super) fn add_missing(&mut self, other: &Env) {
        for (mine, theirs) in self.env.iter_mut().zip(other) {
            if mine.is_none() {
                *mine = *theirs;
            }
        }
    }

    /// Goes back to an earlier environment; variables numbered since then have no value in it.
    pub(super) fn restore(&mut self, env: &Env) {
        let count = self.env.len();
        self.env.clone_from(env);
        self.env.resize(count, None);
    }
}

impl Context<'_, '_> {
    /// Makes the slot of a name for a type, or finds it.
    pub(super) fn slot(&mut self, name: &Symbol, ty: &Ty) -> u32 {
        let number = self.vars.number(name);
        if let Some(&slot) = self.vars.by_type.get(&(number, ty.clone())) {
            return slot;
        }
        let slot = self.new_slot(name, ty);
        self.enter_slot(number, ty, slot)
    }

    pub(super) fn enter_slot(&mut self, number: u32, ty: &Ty, slot: Slot) -> u32 {
        let id = self.vars.slots.len() as u32;
        self.vars.slots.push((ty.clone(), slot));
        self.vars.by_type.insert((number, ty.clone()), id);
        id
    }

    pub(super) fn new_slot(&mut self, name: &Symbol, ty: &Ty) -> Slot {
        match ty {
            Ty::None | Ty::Str(_) => Slot::Const(ty.clone()),
            Ty::Scalar(dtype) if dtype.is_complex() => {
                let re = self.user_local(&format!("{name}.real"), dtype.part());
                Slot::Complex(re, self.user_local(&format!("{name}.imag"), dtype.part()))
            }
            Ty::Scalar(dtype) => {
                let local = self.user_local(name, *dtype);
                if *dtype == DType::I64 && self.scan.is_counter(self.ast, self.instance, name) {
                    self.vars.counters.push(local);
                }
                Slot::Real(local)
            }
            Ty::Array(array) => {
                let is_borrowed = self.scan.is_borrowable(self.ast, self.instance, name);
                let ownership = if is_borrowed { Ownership::Borrowed } else { Ownership::Owned };
                Slot::Array(self.array_var(name, *array, ownership))
            }
            Ty::Rng => Slot::Rng(self.array_var(name, RNG_TY, Ownership::Owned)),
            Ty::Event => Slot::Real(self.user_local(name, DType::I64)),
            Ty::Tuple(items) => Slot::Tuple(
                items.iter().enumerate().map(|(i, item)| self.new_item_slot(name, i, item)).collect(),
            ),
        }
    }

    /// The slot of an item of a tuple; arrays in tuples always hold a reference.
    fn new_item_slot(&mut self, name: &Symbol, i: usize, ty: &Ty) -> Slot {
        let name = Symbol::from(format!("{name}.{i}"));
        match ty {
            Ty::Array(array) => Slot::Array(self.array_var(&name, *array, Ownership::Owned)),
            Ty::Tuple(items) => Slot::Tuple(
                items.iter().enumerate().map(|(i, item)| self.new_item_slot(&name, i, item)).collect(),
            ),
            Ty::None | Ty::Scalar(_) | Ty::Str(_) | Ty::Rng | Ty::Event => self.new_slot(&name, ty),
        }
    }

    /// Reads a slot.
    pub(super) fn read_slot(&mut self, slot: &Slot) -> Value {
        match slot {
            Slot::Const(Ty::Str(text)) => Value::Str(text.clone()),
            Slot::Const(_) => Value::None,
            Slot::Real(local) => Value::Real(self.read(*local)),
            Slot::Complex(re, im) => {
                let re = self.read(*re);
                Value::Complex(re, self.read(*im))
            }
            Slot::Array(array) => Value::Array(*array),
            Slot::Rng(array) => Value::Rng(*array),
            Slot::Tuple(items) => Value::Tuple(items.iter().map(|item| self.read_slot(item)).collect()),
        }
    }

    /// Writes a value of the slot's own type.
    fn write_slot(&mut self, slot: &Slot, value: Value) -> Res<()> {
        match (slot, value) {
            (Slot::Const(_), _) => {}
            (Slot::Real(local), Value::Real(value)) => self.set(*local, value),
            (Slot::Complex(re, im), Value::Complex(x, y)) => {
                // The new imaginary part may read the old real part.
                let y =
                    if self.is_atom(x) && self.as_const(x).is_some() { y } else { self.pin_reader(y, *re) };
                self.set(*re, x);
                self.set(*im, y);
            }
            (Slot::Array(to), Value::Array(from)) | (Slot::Rng(to), Value::Rng(from)) => {
                if *to != from {
                    self.emit(Stmt::SetArray { array: *to, value: ArrayValue::Same(from) });
                }
            }
            (Slot::Tuple(slots), Value::Tuple(values)) if slots.len() == values.len() => {
                let values = self.hold_readers(slots, values);
                for (slot, value) in slots.iter().zip(values) {
                    self.write_slot(slot, value)?;
                }
            }
            _ => return Err(self.bug("a value does not fit its variable")),
        }
        Ok(())
    }

    /// Copies the expression into a temporary if it reads the local.
    pub(super) fn pin_reader(&mut self, expr: crate::ir::ExprId, local: LocalId) -> crate::ir::ExprId {
        if crate::ir::walk::reads_local(&self.func.exprs, expr, local) { self.hold(expr) } else { expr }
    }

    /// Holds those values that read what is written before them.
    pub(super) fn hold_readers(&mut self, slots: &[Slot], values: Vec<Value>) -> Vec<Value> {
        let mut written = Vec::new();
        let mut arrays = Vec::new();
        let mut held = Vec::with_capacity(values.len());
        for (i, value) in values.into_iter().enumerate() {
            held.push(if i == 0 { value } else { self.hold_if_reading(value, &written, &arrays) });
            if let Some(slot) = slots.get(i) {
                slot.for_each_local(&mut |local| written.push(local));
                slot.for_each_array(&mut |array| arrays.push(array));
            }
        }
        held
    }

    fn hold_if_reading(&mut self, value: Value, written: &[LocalId], arrays: &[ArrayId]) -> Value {
        match value {
            Value::None | Value::Str(_) => value,
            Value::Real(expr) => Value::Real(self.hold_expr_if_reading(expr, written, arrays)),
            Value::Complex(re, im) => {
                let re = self.hold_expr_if_reading(re, written, arrays);
                Value::Complex(re, self.hold_expr_if_reading(im, written, arrays))
            }
            Value::Array(array) if arrays.contains(&array) => Value::Array(self.hold_array(array)),
            Value::Rng(array) if arrays.contains(&array) => Value::Rng(self.hold_array(array)),
            Value::Array(_) | Value::Rng(_) => value,
            Value::Tuple(items) => Value::Tuple(
                items.into_iter().map(|item| self.hold_if_reading(item, written, arrays)).collect(),
            ),
        }
    }

    fn hold_expr_if_reading(
        &mut self,
        expr: crate::ir::ExprId,
        written: &[LocalId],
        arrays: &[ArrayId],
    ) -> crate::ir::ExprId {
        use crate::ir::{ExprKind, walk};
        let reads = walk::any_expr(&self.func.exprs, expr, &mut |node| match &node.kind {
            ExprKind::Local(local) => written.contains(local),
            ExprKind::Load { array, .. } | ExprKind::Dim { array, .. } | ExprKind::Stride { array, .. } => {
                arrays.contains(array)
            }
            _ => false,
        });
        if reads { self.hold(expr) } else { expr }
    }

    /// A temporary that holds a reference to an array.
    pub(super) fn hold_array(&mut self, array: ArrayId) -> ArrayId {
        let ty = self.array_ty(array);
        let temp = self.array_var("t", ty, Ownership::Owned);
        self.emit(Stmt::SetArray { array: temp, value: ArrayValue::Same(array) });
        self.temps.push(temp);
        temp
    }

    /// The slot that a name would be written to.
    pub(super) fn target_slot(&mut self, name: &Symbol, ty: &Ty) -> Slot {
        let slot = self.slot(name, ty);
        self.vars.slots[slot as usize].1.clone()
    }

    /// Binds a name to a value of that type.
    pub(super) fn assign_name(&mut self, name: &Symbol, ty: &Ty, value: Value) -> Res<()> {
        let slot_id = self.slot(name, ty);
        let slot = self.vars.slots[slot_id as usize].1.clone();
        self.write_slot(&slot, value)?;
        self.bound(name, slot_id);
        Ok(())
    }

    /// Notes that a name is bound to the slot for that type (which was written already).
    pub(super) fn mark_bound(&mut self, name: &Symbol, ty: &Ty) {
        let slot_id = self.slot(name, ty);
        self.bound(name, slot_id);
    }

    fn bound(&mut self, name: &Symbol, slot_id: u32) {
        let number = self.vars.number(name) as usize;
        let old = self.vars.env[number].replace(slot_id);
        if let Some(old) = old
            && old != slot_id
        {
            self.release_slot(old);
        }
        if let Some(&flag) = self.vars.flags.get(name) {
            let yes = self.boolean(true);
            self.set(flag, yes);
        }
    }

    fn release_slot(&mut self, slot: u32) {
        let slot = self.vars.slots[slot as usize].1.clone();
        let mut arrays = Vec::new();
        slot.for_each_array(&mut |array| arrays.push(array));
        for array in arrays {
            if self.func.arrays[array].ownership == Ownership::Owned {
                self.emit_effect(Stmt::Release { array });
            }
        }
    }

    /// Does the variable hold references now?
    pub(super) fn owns_array(&self, name: &Symbol) -> bool {
        let slot = self.vars.numbers.get(name).and_then(|&number| self.vars.env[number as usize]);
        let mut owns = false;
        if let Some(slot) = slot {
            self.vars.slots[slot as usize].1.for_each_array(&mut |array| {
                owns |= self.func.arrays[array].ownership == Ownership::Owned;
            });
        }
        owns
    }

    /// Frees the arrays of a variable that is not read before it is bound again.
    pub(super) fn release_name(&mut self, name: &Symbol) {
        let slot = self.vars.numbers.get(name).and_then(|&number| self.vars.env[number as usize]);
        if let Some(slot) = slot {
            self.release_slot(slot);
        }
    }

    /// `del name`.
    pub(super) fn delete_name(&mut self, name: &Symbol) {
        let number = self.vars.number(name) as usize;
        if let Some(slot) = self.vars.env[number].take() {
            self.release_slot(slot);
        }
    }

    /// The type a variable has now.
    pub(super) fn current_ty(&self, name: &Symbol) -> Option<Ty> {
        let number = *self.vars.numbers.get(name)?;
        let slot = self.vars.env[number as usize]?;
        Some(self.vars.slots[slot as usize].0.clone())
    }

    /// The value of a name, with the type that inference expects.
    pub(super) fn read_name(&mut self, name: &Symbol, ty: &Ty) -> Res<Value> {
        let number = self.vars.number(name) as usize;
        let slot_id = match self.vars.env[number] {
            Some(slot) => slot,
            None => self.slot(name, ty),
        };
        let (slot_ty, slot) = self.vars.slots[slot_id as usize].clone();
        let value = self.read_slot(&slot);
        if slot_ty == *ty { Ok(value) } else { self.convert(value, ty) }
    }

    /// Fails unless the variable's flag says that it has a value.
    pub(super) fn check_flag(&mut self, name: &Symbol) {
        let Some(&flag) = self.vars.flags.get(name) else { return };
        let cond = self.read(flag);
        let text = format!("variable `{name}` has no value because the loop that assigns it did not run");
        self.check(cond, Code::K717, "UnboundLocalError", &text);
    }

    /// Declares flags for variables that a loop may leave without a value.
    pub(super) fn declare_flags(&mut self, names: &[Symbol]) {
        for name in names {
            if self.vars.flags.contains_key(name) {
                continue;
            }
            let number = self.vars.number(name) as usize;
            let flag = self.temp(&format!("{name}.assigned"), DType::Bool);
            self.vars.flags.insert(name.clone(), flag);
            // It may have a value already on some paths.
            if self.vars.env[number].is_some() {
                let yes = self.boolean(true);
                self.set(flag, yes);
            }
            if let Some(inits) = self.flag_inits.last_mut() {
                inits.push(flag);
            }
        }
    }

    /// Copies variables into the slots they have where paths join.
    pub(super) fn join(&mut self, joined: &[(Symbol, Ty)]) -> Res<()> {
        for (name, ty) in joined {
            let number = self.vars.number(name) as usize;
            let Some(current) = self.vars.env[number] else { continue };
            let (from_ty, from) = self.vars.slots[current as usize].clone();
            if from_ty == *ty {
                continue;
            }
            let value = self.read_slot(&from);
            let value = self.convert(value, ty)?;
            let to = self.slot(name, ty);
            let slot = self.vars.slots[to as usize].1.clone();
            self.write_slot(&slot, value)?;
            self.vars.env[number] = Some(to);
            self.release_slot(current);
        }
        Ok(())
    }

    /// Notes the types that variables have after a join.
    pub(super) fn set_joined(&mut self, joined: &[(Symbol, Ty)]) {
        for (name, ty) in joined {
            let slot = self.slot(name, ty);
            let number = self.vars.number(name) as usize;
            self.vars.env[number] = Some(slot);
        }
    }

    /// Would joining copy anything now?
    pub(super) fn join_is_needed(&self, joined: &[(Symbol, Ty)]) -> bool {
        joined.iter().any(|(name, ty)| self.current_ty(name).is_some_and(|current| current != *ty))
    }
}
