//! Arrays in the text: a pointer `x`, extents `x_dim0`, and for layouts that need them strides in elements `x_stride0`.
//!
//! Indices are within their axes (checked, or proven), and the host has seen that distances within an array fit `index_t`, so
//! the arithmetic of places does not overflow.

use super::expr::{Text, level};
use super::writer::{Refused, Writer};
use crate::ir::{ArrayId, ArrayValue, ExprId, Place, Stmt, ViewAxis};
use crate::types::{DType, Layout};

impl Writer<'_, '_> {
    /// The element as an lvalue.
    pub(super) fn element(&mut self, array: ArrayId, place: &Place, lane: u8) -> Result<String, Refused> {
        if let Some((share, lane)) = self.shares.get(&array) {
            return Ok(format!("{share}[{lane}]"));
        }
        if let Some(staged) = self.staged_element(array, place) {
            return Ok(staged);
        }
        let (pointer, offset) = match self.chunk_copy(array) {
            Some((copy, Some(bin))) => (copy, bin),
            Some((copy, None)) => (copy, self.offset_in_copy(array, place)?),
            None => {
                let offset = self.offset(array, place)?;
                (self.pointer(array), offset)
            }
        };
        let part = match (self.func.arrays[array].ty.dtype.is_complex(), lane) {
            (false, _) => "",
            (true, 0) => ".re",
            (true, _) => ".im",
        };
        Ok(format!("{pointer}[{offset}]{part}"))
    }

    /// Which element, counted from the first one in memory.
    pub(super) fn offset(&mut self, array: ArrayId, place: &Place) -> Result<String, Refused> {
        self.offset_as(array, place, self.func.arrays[array].ty.layout)
    }

    /// The same in memory of that layout.
    pub(super) fn offset_as(
        &mut self,
        array: ArrayId,
        place: &Place,
        layout: Layout,
    ) -> Result<String, Refused> {
        let Place::Index(indices) = place else {
            return Err(Refused::new(self.func.span, "it computes addresses"));
        };
        let indices = indices.clone();
        let mut texts = Vec::new();
        for &index in &indices {
            texts.push(self.index(index)?);
        }
        Ok(self.linear(array, texts, layout).code)
    }

    fn linear(&mut self, array: ArrayId, mut indices: Vec<Text>, layout: Layout) -> Text {
        let ty = self.func.arrays[array].ty;
        let mut total: Option<Text> = None;
        let add = |total: Option<Text>, term: Text| match total {
            _ if term.code == "0" => total,
            None => Some(term),
            Some(left) => {
                let code = format!("{} + {}", left.at(level::SUM), term.at(level::SUM));
                Some(Text::new(code, level::SUM))
            }
        };
        if layout == Layout::Strided {
            for (axis, index) in indices.into_iter().enumerate() {
                let term = if index.code == "0" {
                    index
                } else {
                    let stride = self.stride(array, axis as u8);
                    let code = format!("{} * {}", index.at(level::PRODUCT), stride.at(level::PRODUCT + 1));
                    Text::new(code, level::PRODUCT)
                };
                total = add(total, term);
            }
            return total.unwrap_or(Text::atom("0"));
        }
        // From the slowest axis to the fastest: (i * dim1 + j) * dim2 + k.
        let mut axes: Vec<u8> = (0..ty.rank).collect();
        if layout == Layout::F {
            indices.reverse();
            axes.reverse();
        }
        for (axis, index) in axes.into_iter().zip(indices) {
            total = match total {
                None => add(None, index),
                Some(left) => {
                    let dim = self.dim(array, axis).at(level::PRODUCT + 1);
                    let scaled = Text::new(format!("{} * {dim}", left.at(level::PRODUCT)), level::PRODUCT);
                    add(Some(scaled), index)
                }
            };
        }
        total.unwrap_or(Text::atom("0"))
    }

    pub(super) fn pointer(&mut self, array: ArrayId) -> String {
        self.used.pointers.insert(array);
        self.names.array(self.func, array)
    }

    /// An extent, as `index_t`.
    pub(super) fn dim(&mut self, array: ArrayId, axis: u8) -> Text {
        self.used.dims.insert((array, axis));
        Text::atom(self.piece(array, 'd', axis))
    }

    /// The distance of neighbours along an axis, in elements, as `index_t`.
    pub(super) fn stride(&mut self, array: ArrayId, axis: u8) -> Text {
        let ty = self.func.arrays[array].ty;
        let faster: Vec<u8> = match ty.layout {
            Layout::C => (axis + 1..ty.rank).collect(),
            Layout::F => (0..axis).collect(),
            Layout::Strided => {
                self.used.strides.insert((array, axis));
                return Text::atom(self.piece(array, 's', axis));
            }
        };
        let dims: Vec<String> = faster.into_iter().map(|axis| self.dim(array, axis).code).collect();
        match dims.as_slice() {
            [] => Text::atom("1"),
            [one] => Text::atom(one.clone()),
            more => Text::new(more.join(" * "), level::PRODUCT),
        }
    }

    /// The name of an extent or a stride.
    pub(super) fn piece(&mut self, array: ArrayId, kind: char, axis: u8) -> String {
        if let Some(name) = self.pieces.get(&(array, kind, axis)) {
            return name.clone();
        }
        let array_name = self.names.array(self.func, array);
        let what = if kind == 'd' { "dim" } else { "stride" };
        let name = self.names.fresh(&format!("{array_name}_{what}{axis}"));
        self.pieces.insert((array, kind, axis), name.clone());
        name
    }

    /// `const f64*`, by what is done with the array.
    pub(super) fn pointer_type(&self, array: ArrayId) -> String {
        let dtype = self.func.arrays[array].ty.dtype;
        format!("{}{}*", if self.written.contains(array) { "" } else { "const " }, dtype.name())
    }

    /// `SetArray`: the variables that describe the view. They are assigned together; `declares` makes them new.
    pub(super) fn set_array(&mut self, stmt: &Stmt, declares: bool) -> Result<(), Refused> {
        let Stmt::SetArray { array, value } = stmt else { return Ok(()) };
        let array = *array;
        let ty = self.func.arrays[array].ty;
        let base = match value {
            ArrayValue::Same(base)
            | ArrayValue::View { base, .. }
            | ArrayValue::Transpose { base, .. }
            | ArrayValue::Part { base, .. }
            | ArrayValue::Reshape { base, .. } => *base,
            ArrayValue::Alloc { .. } => {
                return Err(self.allocates(array));
            }
        };
        // What describes each axis of the view: its extent and its stride.
        let mut axes: Vec<(Text, Text)> = Vec::new();
        let mut offset: Vec<String> = Vec::new();
        match value {
            ArrayValue::Same(_) => {
                for axis in 0..ty.rank {
                    axes.push((self.dim(base, axis), self.stride(base, axis)));
                }
            }
            ArrayValue::View { axes: view, .. } => {
                let mut axis = 0;
                for item in view {
                    match item {
                        ViewAxis::Index(index) => offset.extend(self.scaled(*index, base, axis)?),
                        ViewAxis::Slice { start, len, step } => {
                            offset.extend(self.scaled(*start, base, axis)?);
                            let len = self.index(*len)?;
                            let stride = self.stride(base, axis);
                            let step = self.index(*step)?;
                            let stride = if step.code == "1" {
                                stride
                            } else {
                                let code = format!(
                                    "{} * {}",
                                    step.at(level::PRODUCT),
                                    stride.at(level::PRODUCT + 1)
                                );
                                Text::new(code, level::PRODUCT)
                            };
                            axes.push((len, stride));
                        }
                        ViewAxis::Whole => axes.push((self.dim(base, axis), self.stride(base, axis))),
                        ViewAxis::New => {
                            axes.push((Text::atom("1"), Text::atom("0")));
                            continue;
                        }
                    }
                    axis += 1;
                }
            }
            ArrayValue::Transpose { order, .. } => {
                for &axis in order {
                    axes.push((self.dim(base, axis), self.stride(base, axis)));
                }
            }
            ArrayValue::Part { lane, .. } => {
                for axis in 0..ty.rank {
                    let stride = self.stride(base, axis).at(level::PRODUCT);
                    axes.push((self.dim(base, axis), Text::new(format!("{stride} * 2"), level::PRODUCT)));
                }
                if *lane == 1 {
                    offset.push("1".to_owned());
                }
            }
            ArrayValue::Reshape { shape, .. } => {
                for &extent in shape {
                    axes.push((self.index(extent)?, Text::atom("1")));
                }
            }
            ArrayValue::Alloc { .. } => {}
        }
        let mut target = self.pointer(base);
        if matches!(value, ArrayValue::Part { .. }) {
            target = format!("({}){target}", self.pointer_type(array));
        }
        for term in offset {
            target = format!("{target} + {term}");
        }
        if self.wants_pointer(array) {
            let name = self.names.array(self.func, array);
            let kind = if declares { format!("{} ", self.pointer_type(array)) } else { String::new() };
            self.put(&format!("{kind}{name} = {target};"));
        }
        let kind = if declares { "const index_t " } else { "" };
        for (axis, (dim, stride)) in axes.into_iter().enumerate() {
            let axis = axis as u8;
            if self.wants_dim(array, axis) {
                let name = self.piece(array, 'd', axis);
                self.put(&format!("{kind}{name} = {};", dim.code));
            }
            if ty.layout == Layout::Strided && self.wants_stride(array, axis) {
                let name = self.piece(array, 's', axis);
                self.put(&format!("{kind}{name} = {};", stride.code));
            }
        }
        Ok(())
    }

    /// `index * stride` of an axis; nothing for index 0.
    fn scaled(&mut self, index: ExprId, base: ArrayId, axis: u8) -> Result<Option<String>, Refused> {
        let index = self.index(index)?;
        if index.code == "0" {
            return Ok(None);
        }
        let stride = self.stride(base, axis);
        if stride.code == "1" {
            return Ok(Some(index.at(level::SUM + 1)));
        }
        Ok(Some(format!("{} * {}", index.at(level::PRODUCT), stride.at(level::PRODUCT + 1))))
    }

    /// Declares the variables that describe an array, without values.
    pub(super) fn declare_array(&mut self, array: ArrayId) {
        let ty = self.func.arrays[array].ty;
        if self.wants_pointer(array) {
            let (kind, name) = (self.pointer_type(array), self.names.array(self.func, array));
            self.put(&format!("{kind} {name};"));
        }
        for axis in 0..ty.rank {
            if self.wants_dim(array, axis) {
                let name = self.piece(array, 'd', axis);
                self.put(&format!("index_t {name};"));
            }
            if ty.layout == Layout::Strided && self.wants_stride(array, axis) {
                let name = self.piece(array, 's', axis);
                self.put(&format!("index_t {name};"));
            }
        }
    }
}

/// Is the type one that device memory can be accumulated into at once?
pub(super) fn has_atomics(dtype: DType) -> bool {
    matches!(dtype, DType::I32 | DType::U32 | DType::I64 | DType::U64)
}
