//! Elements of arrays: their addresses, loads, stores, views.

use kjit_strip::ir::{Binary, Elem, Inst, Op, Place as Where, Step, Ty, UpdateOp, Value};
use smallvec::SmallVec;

use super::expr::lane_ty;
use super::linear::Linear;
use super::value::{Arg, Builder, Need, Result, Val};
use crate::ir::{ArrayId, ArrayValue, Place, ReduceOp, ViewAxis};
use crate::types::{DType, Layout};

/// An array as the strip knows it.
#[derive(Clone, Debug)]
pub(super) struct ArrayRef {
    /// The variable of the loop's function whose memory it shows.
    root: ArrayId,
    /// Is it that variable as it is in front of the loop? Then its extents are words of the frame.
    is_outer: bool,
    base: Address,
    dims: SmallVec<[Val; 2]>,
    strides: SmallVec<[Stride; 2]>,
}

/// A distance in bytes.
#[derive(Clone, Copy, Debug)]
enum Stride {
    Bytes(i64),
    /// An `Int`; for the innermost axis of an array in front of the loop: that axis.
    Word(Value, Option<(ArrayId, u8)>),
}

/// Where an element is: `linear + lane * steps + offset`.
#[derive(Clone, Debug, Default)]
struct Address {
    linear: Linear,
    /// `Int`s and coefficients.
    steps: SmallVec<[(Value, i64); 1]>,
    /// `I64`.
    offset: Option<Value>,
}

/// A store that waits: errors that come after it in the text must come before it in the strip.
#[derive(Clone, Debug)]
pub(super) struct PendingStore {
    root: ArrayId,
    elem: Elem,
    place: Where,
    /// Lane by lane, if it is an update.
    op: Option<UpdateOp>,
    value: Value,
    mask: Option<Value>,
}

/// The element type in memory.
pub(super) fn elem(dtype: DType) -> Elem {
    match dtype {
        DType::Bool => Elem::Bool,
        DType::I8 => Elem::I8,
        DType::I16 => Elem::I16,
        DType::I32 => Elem::I32,
        DType::I64 => Elem::I64,
        DType::U8 => Elem::U8,
        DType::U16 => Elem::U16,
        DType::U32 => Elem::U32,
        DType::U64 => Elem::U64,
        DType::F32 | DType::C64 => Elem::F32,
        DType::F64 | DType::C128 => Elem::F64,
    }
}

impl Builder<'_> {
    pub(super) fn array(&mut self, array: ArrayId) -> Result<ArrayRef> {
        if let Some(known) = self.frame().arrays.get(&array) {
            return Ok(known.clone());
        }
        if !self.is_root() {
            return self.refuse("an array of a called function");
        }
        let ty = self.func().arrays[array].ty;
        let item = ty.dtype.size_bytes() as i64;
        let base = Address { linear: Linear::int(self.word(Arg::Base(array))), ..Address::default() };
        let rank = ty.rank;
        let mut strides = SmallVec::new();
        for axis in 0..rank {
            let is_unit = match ty.layout {
                Layout::C => axis + 1 == rank,
                Layout::F => axis == 0,
                Layout::Strided => false,
            };
            strides.push(if is_unit {
                Stride::Bytes(item)
            } else {
                let last = (ty.layout == Layout::Strided && axis + 1 == rank).then_some((array, axis));
                Stride::Word(self.word(Arg::Stride(array, axis)), last)
            });
        }
        let known = ArrayRef { root: array, is_outer: true, base, dims: SmallVec::new(), strides };
        self.frame().arrays.insert(array, known.clone());
        Ok(known)
    }

    /// The extent of an axis.
    pub(super) fn dim(&mut self, array: ArrayId, axis: u8) -> Result<Val> {
        let known = self.array(array)?;
        Ok(self.dim_of(&known, axis as usize))
    }

    fn dim_of(&mut self, known: &ArrayRef, axis: usize) -> Val {
        if known.is_outer {
            Val::Int(Linear::int(self.word(Arg::Dim(known.root, axis as u8))))
        } else {
            known.dims[axis].clone()
        }
    }

    fn address(&mut self, array: ArrayId, place: &Place, lane: u8) -> Result<(Address, ArrayId)> {
        let Place::Index(indices) = place else { return self.refuse("an address") };
        let known = self.array(array)?;
        let mut address = known.base;
        for (axis, &index) in indices.iter().enumerate() {
            let index = self.expr(index)?;
            self.add_index(&mut address, &index, known.strides[axis])?;
        }
        let part = self.func().arrays[array].ty.dtype.part().size_bytes() as i64;
        address.linear.constant += i64::from(lane) * part;
        Ok((address, known.root))
    }

    /// `address += index * stride`.
    fn add_index(&mut self, address: &mut Address, index: &Val, stride: Stride) -> Result<()> {
        let settled = self.settled(index);
        let index = settled.as_ref().unwrap_or(index);
        let stride = match (index, stride) {
            // The innermost axis is taken to be contiguous where lanes run along it.
            (Val::Int(linear), Stride::Word(_, Some((array, axis)))) if !linear.is_uniform() => {
                self.need(Need::UnitStride(array, axis));
                Stride::Bytes(self.request.func.arrays[array].ty.dtype.size_bytes() as i64)
            }
            // Where they do, all of its elements are neighbours.
            (Val::Int(_), Stride::Word(_, Some((array, axis))))
                if self.needs.contains(&Need::UnitStride(array, axis)) =>
            {
                Stride::Bytes(self.request.func.arrays[array].ty.dtype.size_bytes() as i64)
            }
            _ => stride,
        };
        match (index, stride) {
            (Val::Int(linear), Stride::Bytes(bytes)) => {
                address.linear = address.linear.add_scaled(linear, bytes);
            }
            (Val::Int(linear), Stride::Word(stride, _)) => {
                address.linear.add_term(stride, linear.constant);
                for &(term, coefficient) in &linear.terms {
                    let product = self.graph.int_binary(kjit_strip::ir::IntOp::Mul, term, stride);
                    address.linear.add_term(product, coefficient);
                }
                if linear.lane != 0 {
                    address.steps.push((stride, linear.lane));
                }
            }
            (Val::Lanes(index), Stride::Bytes(bytes)) => {
                let scaled = self.times(*index, bytes);
                self.add_offset(address, scaled);
            }
            (Val::Lanes(index), Stride::Word(stride, _)) => {
                let stride = Linear::int(stride).lanes(&mut self.graph);
                let scaled = self.graph.binary(Binary::Mul, *index, stride);
                self.add_offset(address, scaled);
            }
            (Val::Test(_), _) => return self.refuse("a truth value as an index"),
        }
        Ok(())
    }

    fn add_offset(&mut self, address: &mut Address, bytes: Value) {
        address.offset = Some(match address.offset {
            Some(offset) => self.graph.binary(Binary::Add, offset, bytes),
            None => bytes,
        });
    }

    /// `value * factor` of lanes.
    fn times(&mut self, value: Value, factor: i64) -> Value {
        if factor > 0 && factor & (factor - 1) == 0 {
            return self.graph.shift(kjit_strip::ir::Shift::Shl, value, factor.trailing_zeros() as u8);
        }
        let factor = self.graph.i64(factor);
        self.graph.binary(Binary::Mul, value, factor)
    }

    fn place(&mut self, address: Address, elem: Elem) -> Where {
        let Address { mut linear, steps, offset } = address;
        let disp = i32::try_from(linear.constant).unwrap_or(0);
        linear.constant -= i64::from(disp);
        let lane = std::mem::take(&mut linear.lane);
        let mut step = Linear::constant(lane);
        for (value, coefficient) in steps {
            step.add_term(value, coefficient);
        }
        if let Some(offset) = offset {
            self.tally.scattered += 1;
            let base = linear.first(&mut self.graph);
            let offset = if step.as_constant() == Some(0) {
                offset
            } else {
                let bytes = match step.as_constant() {
                    Some(bytes) => Linear { lane: bytes, ..Linear::default() }.lanes(&mut self.graph),
                    None => {
                        let number = Linear { lane: 1, ..Linear::default() }.lanes(&mut self.graph);
                        let step = step.lanes(&mut self.graph);
                        self.graph.binary(Binary::Mul, number, step)
                    }
                };
                self.graph.binary(Binary::Add, offset, bytes)
            };
            return Where::Scattered { base, offset, disp };
        }
        let address = linear.first(&mut self.graph);
        // Lanes of these are as large as elements, so that one instruction turns a register of them round.
        let is_large = matches!(elem, Elem::F32 | Elem::F64 | Elem::I64 | Elem::U64);
        let is_reversed = is_large && step.as_constant() == Some(-i64::from(elem.bytes()));
        let step = match step.as_constant() {
            Some(bytes) => self.graph.step(bytes, elem.bytes()),
            None => Step::Bytes(step.first(&mut self.graph)),
        };
        match step {
            Step::One => self.tally.lines += 1,
            Step::Bytes(_) if is_reversed => self.tally.reversed += 1,
            Step::Bytes(_) => self.tally.strided += 1,
            Step::Zero => {}
        }
        Where::Line { address, disp, step }
    }

    /// The value of an element.
    pub(super) fn load(&mut self, array: ArrayId, place: &Place, lane: u8) -> Result<Val> {
        let dtype = self.func().arrays[array].ty.dtype.part();
        let (address, root) = self.address(array, place, lane)?;
        self.settle_stores(root)?;
        self.roots_read.push(root);
        let elem = elem(dtype);
        let place = self.place(address, elem);
        let mask = self.mask;
        Ok(self.load_from(dtype, elem, place, mask))
    }

    fn load_from(&mut self, dtype: DType, elem: Elem, place: Where, mask: Option<Value>) -> Val {
        // One element for all lanes need not be in a lane; but under a mask its address may be none.
        if let Where::Line { address, disp, step: Step::Zero } = place
            && dtype.is_int()
            && mask.is_none()
        {
            return Val::Int(Linear::int(self.graph.load(Ty::Int, Op::IntLoad { elem, address, disp })));
        }
        Val::Lanes(self.graph.load(lane_ty(dtype), Op::Load { elem, place, mask }))
    }

    /// `array[place] = value`.
    pub(super) fn store(&mut self, array: ArrayId, place: &Place, lane: u8, value: &Val) -> Result<()> {
        let dtype = self.func().arrays[array].ty.dtype.part();
        let (address, root) = self.address(array, place, lane)?;
        let elem = elem(dtype);
        let place = self.place(address, elem);
        self.store_to(root, dtype, place, value)
    }

    fn store_to(&mut self, root: ArrayId, dtype: DType, place: Where, value: &Val) -> Result<()> {
        if matches!(place, Where::Line { step: Step::Zero, .. }) {
            return self.refuse("every iteration stores to the same element");
        }
        let elem = elem(dtype);
        let mut value = self.lanes(value);
        let mut mask = self.mask;
        if let Some(lanes) = mask
            && let Some(before) = self.just_read(dtype, elem, place)
        {
            value = self.graph.select(lanes, value, before);
            mask = None;
        }
        self.roots_stored.push(root);
        self.graph.forget_loads();
        self.pending.push(PendingStore { root, elem, place, op: None, value, mask });
        if self.graph.depth() > 0 {
            self.flush_stores()?;
        }
        Ok(())
    }

    /// `array[place] = array[place] op value` where iterations may meet in an element.
    fn update(
        &mut self,
        root: ArrayId,
        address: Address,
        lane: u8,
        dtype: DType,
        op: ReduceOp,
        value: &Val,
    ) -> Result<()> {
        let op = self.update_op(root, lane, dtype, op)?;
        self.settle_stores(root)?;
        let elem = elem(dtype);
        // Counted as what it is.
        let tally = self.tally;
        let place = self.place(address, elem);
        self.tally = tally;
        self.tally.updates += 1;
        let value = self.lanes(value);
        // An address and perhaps a value of each lane come out of a register, and the element is read and written: measured.
        self.tally.update_cost += match self.graph.constant(value) {
            _ if dtype.is_float() => 32,
            Some(_) => 24,
            None => 28,
        };
        let mask = self.mask;
        self.roots_read.push(root);
        self.roots_stored.push(root);
        self.graph.forget_loads();
        self.pending.push(PendingStore { root, elem, place, op: Some(op), value, mask });
        if self.graph.depth() > 0 {
            self.flush_stores()?;
        }
        Ok(())
    }

    /// What every lane has read of the neighbours to be stored to, if nothing was stored since. Then all of them can be stored, some as they were:
    /// many processors take ten times as long for a masked store. Nobody else writes these elements meanwhile, or the loop had not been proven.
    fn just_read(&self, dtype: DType, elem: Elem, place: Where) -> Option<Value> {
        let is_line = matches!(place, Where::Line { step: Step::One, .. });
        if !is_line || dtype == DType::Bool || self.graph.depth() > 0 {
            return None;
        }
        self.graph.loaded(lane_ty(dtype), Op::Load { elem, place, mask: None })
    }

    /// `array[place] = array[place] op value`.
    pub(super) fn accumulate(
        &mut self,
        array: ArrayId,
        place: &Place,
        lane: u8,
        op: ReduceOp,
        value: &Val,
    ) -> Result<()> {
        let dtype = self.func().arrays[array].ty.dtype.part();
        let wide = dtype.widened();
        let (address, root) = self.address(array, place, lane)?;
        if self.is_shared_root(root) {
            return self.update(root, address, lane, dtype, op, value);
        }
        self.settle_stores(root)?;
        self.roots_read.push(root);
        let elem = elem(dtype);
        let place = self.place(address, elem);
        let mask = self.mask;
        let before = self.load_from(dtype, elem, place, mask);
        let before = self.cast(before, dtype, wide)?;
        let op = op.operator();
        let after = self.binary(op, &before, value, wide)?;
        let after = self.cast(after, wide, dtype)?;
        self.store_to(root, dtype, place, &after)
    }

    /// The array of the loop's function whose memory the array shows.
    pub(super) fn root_of(&mut self, array: ArrayId) -> Result<ArrayId> {
        Ok(self.array(array)?.root)
    }

    /// Before memory of `root` is read: what waits to be stored there is.
    fn settle_stores(&mut self, root: ArrayId) -> Result<()> {
        if self.pending.iter().any(|store| self.may_alias(store.root, root)) {
            self.flush_stores()?;
        }
        Ok(())
    }

    /// Everything that waits is stored.
    pub(super) fn flush_stores(&mut self) -> Result<()> {
        for PendingStore { root, elem, place, op, value, mask } in std::mem::take(&mut self.pending) {
            self.has_stored = true;
            if let Some(op) = op {
                self.graph.push(Inst::Update { elem, place, op, value, mask });
                continue;
            }
            if matches!(place, Where::Line { step: Step::One, .. }) {
                self.first_store.get_or_insert(root);
            }
            self.graph.push(Inst::Store { elem, place, value, mask });
        }
        Ok(())
    }

    /// Leaves the strip where the mask holds.
    pub(super) fn fault(&mut self, mask: Value) -> Result<()> {
        if self.has_stored {
            return self.refuse("an error may come after a store of the same iteration");
        }
        let mask = self.masked(mask);
        if self.graph.constant(mask) != Some(0) {
            self.graph.push(Inst::Fault { mask });
        }
        Ok(())
    }

    /// Binds an array variable.
    pub(super) fn set_array(&mut self, array: ArrayId, value: &ArrayValue) -> Result<()> {
        if self.mask.is_some() || self.frames[self.frames.len() - 1].loops > 0 {
            return self.refuse("an array variable is bound under a condition or in an inner loop");
        }
        let known = match value {
            ArrayValue::Same(base) => self.array(*base)?,
            ArrayValue::Transpose { base, order } => {
                let base = self.array(*base)?;
                ArrayRef {
                    is_outer: false,
                    dims: order.iter().map(|&axis| self.dim_of(&base, axis as usize)).collect(),
                    strides: order.iter().map(|&axis| base.strides[axis as usize]).collect(),
                    ..base
                }
            }
            ArrayValue::Part { base, lane } => {
                let part = self.func().arrays[*base].ty.dtype.part().size_bytes() as i64;
                let mut known = self.array(*base)?;
                known.dims = (0..known.strides.len()).map(|axis| self.dim_of(&known, axis)).collect();
                known.is_outer = false;
                known.base.linear.constant += i64::from(*lane) * part;
                known
            }
            ArrayValue::View { base, axes } => self.view(*base, axes)?,
            ArrayValue::Reshape { .. } => return self.refuse("an array is reshaped"),
            ArrayValue::Alloc { .. } => return self.refuse("memory is allocated"),
        };
        self.frame().arrays.insert(array, known);
        Ok(())
    }

    fn view(&mut self, base: ArrayId, axes: &[ViewAxis]) -> Result<ArrayRef> {
        let base = self.array(base)?;
        let mut address = base.base.clone();
        let (mut dims, mut strides) = (SmallVec::new(), SmallVec::new());
        let mut axis = 0;
        for view in axes {
            match view {
                ViewAxis::New => {
                    dims.push(Val::Int(Linear::constant(1)));
                    strides.push(Stride::Bytes(0));
                    continue;
                }
                ViewAxis::Whole => {
                    dims.push(self.dim_of(&base, axis));
                    strides.push(base.strides[axis]);
                }
                ViewAxis::Index(index) => {
                    let index = self.expr(*index)?;
                    self.add_index(&mut address, &index, base.strides[axis])?;
                }
                ViewAxis::Slice { start, len, step } => {
                    let (start, len, step) = (self.expr(*start)?, self.expr(*len)?, self.expr(*step)?);
                    self.add_index(&mut address, &start, base.strides[axis])?;
                    dims.push(len);
                    let Val::Int(step) = step else { return self.refuse("a slice with a step that is data") };
                    let Some(step) = step.as_constant() else {
                        return self.refuse("a slice with a step that is no constant");
                    };
                    strides.push(match base.strides[axis] {
                        Stride::Bytes(bytes) => Stride::Bytes(bytes.wrapping_mul(step)),
                        Stride::Word(stride, last) if step == 1 => Stride::Word(stride, last),
                        Stride::Word(stride, _) => {
                            let stride = Linear::int(stride).scale(step).first(&mut self.graph);
                            Stride::Word(stride, None)
                        }
                    });
                }
            }
            axis += 1;
        }
        Ok(ArrayRef { root: base.root, is_outer: false, base: address, dims, strides })
    }
}
