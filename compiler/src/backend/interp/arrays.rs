//! Arrays of the running function: bound, allocated, viewed, filled, copied, and their elements found.

use super::machine::{Machine, trap_without_args};
use super::memory::{Array, BufferId, Memory};
use super::{Stop, internal};
use crate::base::{Code, EntityRef};
use crate::ir::expr::{BinaryOp, ExprId, Place};
use crate::ir::func::{ArrayId, Ownership};
use crate::ir::parallel::ReduceOp;
use crate::ir::stmt::{ArrayValue, ViewAxis};
use crate::ir::{abi, eval};
use crate::types::ty::MAX_RANK;
use crate::types::{ArrayTy, DType, Layout};

impl Machine<'_, '_> {
    pub(super) fn array(&self, array: ArrayId) -> Result<&Array, Stop> {
        match &self.frame.arrays[array.index()] {
            Some(found) => Ok(found),
            None => internal(format!("{array} of `{}` is not bound", self.frame.func.name)),
        }
    }

    pub(super) fn set_array(&mut self, array: ArrayId, value: Array) -> Result<(), Stop> {
        let ty = self.frame.func.arrays[array].ty;
        if !value.fits(ty) {
            return internal(format!(
                "{array} of `{}` is {ty}, but bound to shape {:?} with strides {:?}",
                self.frame.func.name,
                value.shape(),
                value.strides()
            ));
        }
        self.frame.arrays[array.index()] = Some(value);
        Ok(())
    }

    pub(super) fn bind_array(&mut self, array: ArrayId, value: &ArrayValue) -> Result<(), Stop> {
        let (new, has_reference) = match value {
            ArrayValue::Same(base) => (*self.array(*base)?, false),
            ArrayValue::View { base, axes } => (self.view(*base, axes)?, false),
            ArrayValue::Transpose { base, order } => {
                let base = *self.array(*base)?;
                let mut new = base;
                for (axis, &from) in order.iter().enumerate() {
                    new.shape[axis] = base.shape[usize::from(from)];
                    new.strides[axis] = base.strides[usize::from(from)];
                }
                (new, false)
            }
            ArrayValue::Part { base, lane } => {
                let part = self.frame.func.arrays[*base].ty.dtype.part();
                let mut new = *self.array(*base)?;
                new.offset += i64::from(*lane) * part.size_bytes() as i64;
                (new, false)
            }
            ArrayValue::Reshape { base, shape } => (self.reshaped(*base, shape)?, false),
            ArrayValue::Alloc { shape, is_zeroed, trap } => {
                let shape =
                    shape.iter().map(|&n| self.eval(n).map(|n| n as i64)).collect::<Result<Vec<_>, _>>()?;
                let dtype = self.frame.func.arrays[array].ty.dtype;
                match self.allocate(&shape, dtype, *is_zeroed)? {
                    Some(new) => (new, true),
                    None => return Err(trap_without_args(*trap, None)),
                }
            }
        };
        let old = self.frame.arrays[array.index()];
        self.set_array(array, new)?;
        if self.frame.func.arrays[array].ownership == Ownership::Owned {
            if !has_reference {
                self.memory.retain(new.buffer)?;
            }
            if let Some(old) = old {
                self.memory.release(old.buffer)?;
            }
        }
        Ok(())
    }

    fn reshaped(&mut self, base: ArrayId, shape: &[ExprId]) -> Result<Array, Stop> {
        let extents = shape.iter().map(|&n| self.eval(n).map(|n| n as i64)).collect::<Result<Vec<_>, _>>()?;
        let from = *self.array(base)?;
        let ty = self.frame.func.arrays[base].ty;
        let count = |extents: &[i64]| extents.iter().map(|&n| i128::from(n)).product::<i128>();
        let is_whole = from.fits(ArrayTy { layout: Layout::C, ..ty });
        if !is_whole || extents.iter().any(|&n| n < 0) || count(&extents) != count(from.shape()) {
            return internal(format!(
                "shape {:?} with strides {:?} as {extents:?}",
                from.shape(),
                from.strides()
            ));
        }
        let mut strides = vec![0; extents.len()];
        let mut stride = ty.dtype.size_bytes() as i64;
        for (axis, &extent) in extents.iter().enumerate().rev() {
            strides[axis] = stride;
            stride = stride.wrapping_mul(extent);
        }
        match Array::new(from.buffer, from.offset, &extents, &strides) {
            Some(array) => Ok(array),
            None => internal(format!("no array has the shape {extents:?}")),
        }
    }

    /// A new C-contiguous array, or `None` if it does not fit into memory.
    pub(super) fn allocate(
        &mut self,
        shape: &[i64],
        dtype: DType,
        is_zeroed: bool,
    ) -> Result<Option<Array>, Stop> {
        let mut bytes = dtype.size_bytes() as u64;
        let mut fits = true;
        for &extent in shape {
            let Ok(extent) = u64::try_from(extent) else {
                return internal(format!("an allocation with the extents {shape:?}"));
            };
            match bytes.checked_mul(extent) {
                Some(product) => bytes = product,
                None => fits = false,
            }
        }
        if shape.contains(&0) {
            (bytes, fits) = (0, true);
        }
        fits &= shape.iter().all(|&extent| extent < abi::MAX_EXTENT);
        if !fits {
            return Ok(None);
        }
        let Some(buffer) = self.memory.allocate(bytes, is_zeroed, self.limits.memory_bytes) else {
            return Ok(None);
        };
        match Array::contiguous(buffer, shape, dtype.size_bytes()) {
            Some(array) => Ok(Some(array)),
            None => internal("an allocation of too high a rank"),
        }
    }

    fn view(&mut self, base: ArrayId, axes: &[ViewAxis]) -> Result<Array, Stop> {
        let base = *self.array(base)?;
        let (mut shape, mut strides) = ([0; MAX_RANK as usize], [0; MAX_RANK as usize]);
        let (mut offset, mut from, mut rank) = (base.offset, 0, 0);
        for axis in axes {
            if rank == usize::from(MAX_RANK) && !matches!(axis, ViewAxis::Index(_)) {
                return internal("a view of too high a rank");
            }
            match axis {
                ViewAxis::Index(index) => {
                    let index = self.eval(*index)? as i64;
                    if !(0..base.shape[from]).contains(&index) {
                        return internal(format!("view with index {index} of {}", base.shape[from]));
                    }
                    offset += index * base.strides[from];
                    from += 1;
                    continue;
                }
                ViewAxis::Slice { start, len, step } => {
                    let start = self.eval(*start)? as i64;
                    let (len, step) = (self.eval(*len)? as i64, self.eval(*step)? as i64);
                    let extent = i128::from(base.shape[from]);
                    let last = i128::from(start) + (i128::from(len) - 1) * i128::from(step);
                    let is_inside = (0..extent).contains(&i128::from(start)) && (0..extent).contains(&last);
                    if len < 0 || (len > 0 && !is_inside) {
                        return internal(format!(
                            "view of {len} elements from {start} by {step}, of {extent}"
                        ));
                    }
                    if len > 0 {
                        offset += start * base.strides[from];
                    }
                    shape[rank] = len;
                    strides[rank] = base.strides[from].wrapping_mul(step);
                    from += 1;
                }
                ViewAxis::Whole => {
                    shape[rank] = base.shape[from];
                    strides[rank] = base.strides[from];
                    from += 1;
                }
                ViewAxis::New => {
                    shape[rank] = 1;
                    strides[rank] = 0;
                }
            }
            rank += 1;
        }
        Ok(Array { buffer: base.buffer, offset, rank: rank as u8, shape, strides })
    }

    /// The buffer, the byte offset of a part of an element, and the part's type.
    pub(super) fn element(
        &mut self,
        array: ArrayId,
        place: &Place,
        lane: u8,
    ) -> Result<(BufferId, i64, DType), Stop> {
        let part = self.frame.func.arrays[array].ty.dtype.part();
        let lane_bytes = i64::from(lane) * part.size_bytes() as i64;
        let start = match place {
            Place::Index(indices) => {
                let mut offset = self.array(array)?.offset;
                for (axis, &index) in indices.iter().enumerate() {
                    let value = self.eval(index)? as i64;
                    let found = self.array(array)?;
                    let extent = found.shape[axis];
                    if !(0..extent).contains(&value) {
                        let func = &self.frame.func.name;
                        return internal(format!(
                            "index {value} of {extent} in axis {axis} of {array} in `{func}`"
                        ));
                    }
                    offset += value * found.strides[axis];
                }
                offset
            }
            Place::Address { address, disp_bytes } => {
                let address = (self.eval(*address)? as i64).wrapping_add(i64::from(*disp_bytes));
                Memory::offset_of(self.array(array)?, address)?
            }
        };
        Ok((self.array(array)?.buffer, start + lane_bytes, part))
    }

    pub(super) fn accumulate(
        &mut self,
        buffer: BufferId,
        offset: i64,
        part: DType,
        op: ReduceOp,
        word: u64,
        value: ExprId,
    ) -> Result<(), Stop> {
        let (old, is_written) = self.memory.read(buffer, offset, part)?;
        let wide = part.widened();
        if !is_written {
            self.warn(Code::K713, value);
        }
        let arithmetic = match op {
            ReduceOp::Add => Some(BinaryOp::Add),
            ReduceOp::Mul => Some(BinaryOp::Mul),
            ReduceOp::Min | ReduceOp::Max | ReduceOp::And | ReduceOp::Or | ReduceOp::Xor => None,
        };
        if arithmetic.is_some_and(|op| part == DType::I64 && eval::overflows(op, part, old, word)) {
            self.warn(Code::K714, value);
        }
        let (new, _) = op.combine(wide, eval::cast(part, wide, old), word);
        self.memory.write(buffer, offset, part, eval::cast(wide, part, new))?;
        Ok(())
    }

    pub(super) fn fill(&mut self, array: &Array, dtype: DType, lanes: &[u64]) -> Result<(), Stop> {
        let part = dtype.part();
        let memory = &mut self.memory;
        array.for_each_offset(|offset| {
            for (lane, &word) in lanes.iter().enumerate() {
                memory.write(array.buffer, offset + (lane * part.size_bytes()) as i64, part, word)?;
            }
            Ok(())
        })
    }

    pub(super) fn copy_elements(&mut self, to: ArrayId, from: ArrayId) -> Result<(), Stop> {
        let size = self.frame.func.arrays[to].ty.dtype.size_bytes();
        let (to, from) = (*self.array(to)?, *self.array(from)?);
        if to.shape() != from.shape() {
            return internal(format!("a copy from shape {:?} to {:?}", from.shape(), to.shape()));
        }
        let mut content = Vec::new();
        let memory = &mut self.memory;
        from.for_each_offset(|offset| memory.read_raw(from.buffer, offset, size, &mut content))?;
        let mut elements = content.chunks_exact(size);
        to.for_each_offset(|offset| match elements.next() {
            Some(element) => memory.write_raw(to.buffer, offset, element),
            None => Ok(()),
        })?;
        Ok(())
    }

    /// Do the arrays share memory?
    pub(super) fn overlap(&self, a: ArrayId, b: ArrayId) -> Result<bool, Stop> {
        let (x, y) = (self.array(a)?, self.array(b)?);
        let size = |array: ArrayId| self.frame.func.arrays[array].ty.dtype.size_bytes();
        Ok(match (x.extent(size(a)), y.extent(size(b))) {
            (Some((x0, x1)), Some((y0, y1))) => x.buffer == y.buffer && x0 < y1 && y0 < x1,
            _ => false,
        })
    }
}
