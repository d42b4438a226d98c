//! Arrays: their words as variables, addresses of elements, views, reference counts, allocation.
//!
//! Strides of C and F layouts are products of extents, computed where the array is bound; the innermost one is a
//! constant. So an element's address is `data + outer * stride + (inner << k) + displacement`, which the machine's
//! addressing mode holds from the last sum on.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{AtomicRmwOp, Block, InstBuilder, MemFlagsData, Value, types as clif};
use cranelift_frontend::Variable;
use smallvec::SmallVec;

use super::func::Emitter;
use crate::ir::abi::{self, table};
use crate::ir::{ArrayId, ArrayValue, BinaryOp, ExprId, ExprKind, Ownership, Place, TrapId, ViewAxis};
use crate::types::{ArrayTy, DType, Layout};

/// One word of an array.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// Known when the code is made.
    Const(i64),
    /// One value for as long as the array is used.
    Value(Value),
    /// Changes.
    Var(Variable),
}

/// The words of an array variable.
#[derive(Clone, Debug)]
pub(super) struct ArrayRep {
    /// Address of the element with all indices 0.
    pub data: Word,
    /// Header of the memory, or 0.
    pub owner: Word,
    /// Extents.
    pub dims: SmallVec<[Word; 3]>,
    /// In bytes.
    pub strides: SmallVec<[Word; 3]>,
}

/// The values an array variable is about to be bound to.
struct Bound {
    data: Value,
    owner: Value,
    dims: SmallVec<[Value; 3]>,
    /// Used if the variable's layout is `Strided`, or if they come from memory.
    strides: SmallVec<[Value; 3]>,
    /// Are the strides words of the calling convention, so that they need not be computed from the extents?
    has_strides: bool,
}

impl ArrayRep {
    /// The innermost stride of a contiguous layout is the element size.
    pub(super) fn fix_unit_stride(&mut self, ty: ArrayTy) {
        if let Some(axis) = unit_axis(ty) {
            self.strides[axis] = Word::Const(ty.dtype.size_bytes() as i64);
        }
    }
}

/// The axis whose stride is the element size.
fn unit_axis(ty: ArrayTy) -> Option<usize> {
    let rank = ty.rank as usize;
    match ty.layout {
        Layout::C if rank > 0 => Some(rank - 1),
        Layout::F if rank > 0 => Some(0),
        Layout::C | Layout::F | Layout::Strided => None,
    }
}

impl Emitter<'_> {
    /// The value of a word.
    pub(super) fn word(&mut self, word: Word) -> Value {
        match word {
            Word::Const(value) => self.int(clif::I64, value),
            Word::Value(value) => value,
            Word::Var(var) => self.b.use_var(var),
        }
    }

    pub(super) fn rep(&self, array: ArrayId) -> &ArrayRep {
        &self.arrays[array.as_u32() as usize]
    }

    /// Extent of an axis.
    pub(super) fn dim(&mut self, array: ArrayId, axis: u8) -> Value {
        let word = self.rep(array).dims[axis as usize];
        self.word(word)
    }

    /// Stride of an axis in bytes.
    pub(super) fn stride(&mut self, array: ArrayId, axis: u8) -> Value {
        let word = self.rep(array).strides[axis as usize];
        self.word(word)
    }

    /// Address of the element with all indices 0.
    pub(super) fn data(&mut self, array: ArrayId) -> Value {
        let word = self.rep(array).data;
        self.word(word)
    }

    /// All words as in the calling convention: data, owner, extents, strides.
    pub(super) fn array_words(&mut self, array: ArrayId) -> SmallVec<[Value; 8]> {
        let rep = self.rep(array).clone();
        [rep.data, rep.owner]
            .into_iter()
            .chain(rep.dims)
            .chain(rep.strides)
            .map(|word| self.word(word))
            .collect()
    }

    /// Stores all words of an array.
    pub(super) fn store_array_words(&mut self, array: ArrayId, base: Value, mut offset: i32) {
        for word in self.array_words(array) {
            self.b.ins().store(self.words, word, base, offset);
            offset += 8;
        }
    }

    // Binding.

    /// Binds a parameter to words in memory.
    pub(super) fn unpack_array(&mut self, array: ArrayId, flags: MemFlagsData, base: Value, offset: i32) {
        let bound = self.load_bound(self.func.arrays[array].ty, flags, base, offset);
        self.assign(array, &bound);
    }

    /// Binds a variable that holds a reference to words in memory that bring one along.
    pub(super) fn bind_result(&mut self, array: ArrayId, base: Value, offset: i32) {
        let bound = self.load_bound(self.func.arrays[array].ty, self.words, base, offset);
        self.release(array);
        self.assign(array, &bound);
    }

    fn load_bound(&mut self, ty: ArrayTy, flags: MemFlagsData, base: Value, mut offset: i32) -> Bound {
        // Owners of parameters are mostly unused: such a load may move, so it may go away.
        let owner_flags = if flags.readonly() { flags.with_can_move() } else { flags };
        let owner = self.b.ins().load(clif::I64, owner_flags, base, offset + 8);
        let data = self.b.ins().load(clif::I64, flags, base, offset);
        offset += 8 * abi::ARRAY_HEAD_WORDS as i32;
        let dims = (0..ty.rank)
            .map(|_| {
                let dim = self.b.ins().load(clif::I64, flags, base, offset);
                offset += 8;
                dim
            })
            .collect();
        let strides = (0..ty.rank as usize)
            .map(|axis| {
                let item = ty.dtype.size_bytes() as i64;
                let stride = if unit_axis(ty) == Some(axis) {
                    self.int(clif::I64, item)
                } else {
                    self.b.ins().load(clif::I64, flags, base, offset)
                };
                offset += 8;
                stride
            })
            .collect();
        Bound { data, owner, dims, strides, has_strides: true }
    }

    /// Binds a parameter to the words of an internal call.
    pub(super) fn set_param_array(&mut self, array: ArrayId, words: &[Value]) {
        let rank = self.func.arrays[array].ty.rank as usize;
        let (head, axes) = words.split_at(abi::ARRAY_HEAD_WORDS);
        let (dims, strides) = axes.split_at(rank);
        let bound = Bound {
            data: head[0],
            owner: head[1],
            dims: SmallVec::from_slice(dims),
            strides: SmallVec::from_slice(strides),
            has_strides: false,
        };
        self.assign(array, &bound);
    }

    /// The words of an argument for an internal call to a parameter of this type.
    pub(super) fn internal_argument(&mut self, array: ArrayId, ty: ArrayTy, args: &mut Vec<Value>) {
        let mut words = self.array_words(array);
        if ty.layout != Layout::Strided {
            words.truncate(abi::ARRAY_HEAD_WORDS + ty.rank as usize);
        }
        args.extend(words);
    }

    /// Writes a word, or fixes it if it does not change.
    fn set(&mut self, word: Word, value: Value) -> Word {
        match word {
            Word::Var(var) => {
                self.b.def_var(var, value);
                word
            }
            Word::Const(_) | Word::Value(_) => Word::Value(value),
        }
    }

    /// Makes the variable's words these; no reference counts.
    fn assign(&mut self, array: ArrayId, bound: &Bound) {
        // An index may read an extent, so all of them go.
        self.wraps.clear();
        let ty = self.func.arrays[array].ty;
        let mut rep = self.rep(array).clone();
        rep.data = self.set(rep.data, bound.data);
        rep.owner = self.set(rep.owner, bound.owner);
        for (word, &dim) in rep.dims.iter_mut().zip(&bound.dims) {
            *word = self.set(*word, dim);
        }
        let rank = ty.rank as usize;
        let item = ty.dtype.size_bytes() as i64;
        match ty.layout {
            _ if bound.has_strides || ty.layout == Layout::Strided => {
                for (axis, (word, &stride)) in rep.strides.iter_mut().zip(&bound.strides).enumerate() {
                    if unit_axis(ty) != Some(axis) {
                        *word = self.set(*word, stride);
                    }
                }
            }
            Layout::Strided => {}
            Layout::C | Layout::F => {
                let axes: SmallVec<[usize; 8]> =
                    if ty.layout == Layout::C { (0..rank).rev().collect() } else { (0..rank).collect() };
                let mut stride = None;
                for pair in axes.windows(2) {
                    let dim = bound.dims[pair[0]];
                    let next = match stride {
                        None => self.opaque_product(dim, item),
                        Some(stride) => self.b.ins().imul(stride, dim),
                    };
                    rep.strides[pair[1]] = self.set(rep.strides[pair[1]], next);
                    stride = Some(next);
                }
            }
        }
        self.arrays[array.as_u32() as usize] = rep;
    }

    /// `value * factor` in a form that Cranelift does not look into. It moves an expression with a constant out of one loop
    /// only, and with it everything that uses the expression: all rows of the array.
    fn opaque_product(&mut self, value: Value, factor: i64) -> Value {
        let factor = self.int(clif::I64, factor);
        self.b.ins().smul_overflow(value, factor).0
    }

    /// `value * factor`, as a shift where possible.
    pub(super) fn scale(&mut self, value: Value, factor: i64) -> Value {
        match factor {
            1 => value,
            _ if factor > 0 && factor & (factor - 1) == 0 => {
                self.ishl_imm(value, i64::from(factor.trailing_zeros()))
            }
            _ => self.imul_imm(value, factor),
        }
    }

    /// `SetArray`.
    pub(super) fn set_array(&mut self, array: ArrayId, value: &ArrayValue) {
        let bound = match value {
            ArrayValue::Same(base) => self.bound_to(*base),
            ArrayValue::View { base, axes } => self.view(*base, axes),
            ArrayValue::Transpose { base, order } => {
                let mut bound = self.bound_to(*base);
                bound.dims = order.iter().map(|&axis| bound.dims[axis as usize]).collect();
                bound.strides = order.iter().map(|&axis| bound.strides[axis as usize]).collect();
                bound
            }
            ArrayValue::Part { base, lane } => {
                let part = self.func.arrays[*base].ty.dtype.part().size_bytes() as i64;
                let mut bound = self.bound_to(*base);
                if *lane != 0 {
                    bound.data = self.iadd_imm(bound.data, part);
                }
                bound
            }
            ArrayValue::Reshape { base, shape } => {
                let mut bound = self.bound_to(*base);
                bound.dims = shape.iter().map(|&extent| self.expr(extent)).collect();
                bound.strides.clear();
                bound
            }
            ArrayValue::Alloc { shape, is_zeroed, trap } => {
                let dims: SmallVec<[Value; 3]> = shape.iter().map(|&extent| self.expr(extent)).collect();
                // The old memory goes first, so that a loop that makes a temporary needs it only once.
                self.release(array);
                self.set_owner_zero(array);
                let bound = self.alloc(array, dims, *is_zeroed, *trap);
                self.assign(array, &bound);
                return;
            }
        };
        if self.func.arrays[array].ownership == Ownership::Owned {
            // The new reference first: it may be to the same memory.
            self.retain(bound.owner);
            self.release(array);
        }
        self.assign(array, &bound);
    }

    fn bound_to(&mut self, base: ArrayId) -> Bound {
        let words = self.array_words(base);
        let (head, axes) = words.split_at(abi::ARRAY_HEAD_WORDS);
        let (dims, strides) = axes.split_at(axes.len() / 2);
        Bound {
            data: head[0],
            owner: head[1],
            dims: dims.into(),
            strides: strides.into(),
            has_strides: false,
        }
    }

    fn view(&mut self, base: ArrayId, axes: &[ViewAxis]) -> Bound {
        let rep = self.rep(base).clone();
        let mut bound = Bound {
            data: self.word(rep.data),
            owner: self.word(rep.owner),
            dims: SmallVec::new(),
            strides: SmallVec::new(),
            has_strides: false,
        };
        let mut axis = 0;
        for view in axes {
            let offset = match *view {
                ViewAxis::New => {
                    bound.dims.push(self.int(clif::I64, 1));
                    bound.strides.push(self.int(clif::I64, 0));
                    continue;
                }
                ViewAxis::Whole => {
                    bound.dims.push(self.word(rep.dims[axis]));
                    bound.strides.push(self.word(rep.strides[axis]));
                    None
                }
                ViewAxis::Index(index) => Some(index),
                ViewAxis::Slice { start, len, step } => {
                    bound.dims.push(self.expr(len));
                    let stride = self.times_stride(step, rep.strides[axis]);
                    bound.strides.push(stride);
                    Some(start)
                }
            };
            if let Some(offset) = offset
                && self.const_int(offset) != Some(0)
            {
                let bytes = self.times_stride(offset, rep.strides[axis]);
                bound.data = self.b.ins().iadd(bound.data, bytes);
            }
            axis += 1;
        }
        bound
    }

    /// `index * stride`.
    fn times_stride(&mut self, index: ExprId, stride: Word) -> Value {
        match (self.const_int(index), stride) {
            (Some(index), Word::Const(stride)) => self.int(clif::I64, index.wrapping_mul(stride)),
            (Some(1), stride) => self.word(stride),
            (Some(index), stride) => {
                let stride = self.word(stride);
                self.scale(stride, index)
            }
            (None, Word::Const(stride)) => {
                let index = self.expr(index);
                self.scale(index, stride)
            }
            (None, stride) => {
                let (index, stride) = (self.expr(index), self.word(stride));
                self.b.ins().imul(index, stride)
            }
        }
    }

    /// The value of an integer constant.
    pub(super) fn const_int(&self, expr: ExprId) -> Option<i64> {
        match self.func.exprs[expr].kind {
            ExprKind::Const(value) => Some(value.as_int()),
            _ => None,
        }
    }

    fn alloc(&mut self, array: ArrayId, dims: SmallVec<[Value; 3]>, is_zeroed: bool, trap: TrapId) -> Bound {
        // More than any machine addresses: such a size is a failed allocation, and smaller ones cannot overflow.
        const LIMIT: i64 = 1 << 47;
        let item = self.func.arrays[array].ty.dtype.size_bytes() as i64;
        let bytes = match dims.as_slice() {
            [] => self.int(clif::I64, item),
            [len] => {
                let is_huge = self.icmp_imm(IntCC::UnsignedGreaterThan, *len, LIMIT / item);
                self.trap_if(is_huge, trap, &[]);
                self.scale(*len, item)
            }
            [first, rest @ ..] => {
                let (mut count, mut approximate) = (*first, self.b.ins().fcvt_from_sint(clif::F64, *first));
                let mut any = *first;
                for &dim in rest {
                    any = self.b.ins().bor(any, dim);
                    count = self.b.ins().imul(count, dim);
                    let dim = self.b.ins().fcvt_from_sint(clif::F64, dim);
                    approximate = self.b.ins().fmul(approximate, dim);
                }
                let limit = self.b.ins().f64const((LIMIT / item) as f64);
                let is_huge = self.b.ins().fcmp(FloatCC::GreaterThan, approximate, limit);
                // An array without elements needs no memory, but its extents must be sane all the same.
                let is_wide = self.icmp_imm(IntCC::UnsignedGreaterThanOrEqual, any, abi::MAX_EXTENT);
                let is_refused = self.b.ins().bor(is_huge, is_wide);
                self.trap_if(is_refused, trap, &[]);
                self.scale(count, item)
            }
        };
        let owner = self.call_alloc(bytes, is_zeroed);
        let is_none = self.icmp_imm(IntCC::Equal, owner, 0);
        self.trap_if(is_none, trap, &[]);
        let data = self.iadd_imm(owner, abi::HEADER_BYTES as i64);
        Bound { data, owner, dims, strides: SmallVec::new(), has_strides: false }
    }

    // Reference counts.

    /// Counts one more reference to the memory, if it is ours to count.
    pub(super) fn retain(&mut self, owner: Value) {
        if self.is_zero(owner) {
            return;
        }
        let (count, next) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(owner, count, &[], next, &[]);
        self.b.switch_to_block(count);
        self.b.seal_block(count);
        self.add_to_count(owner, 1);
        self.b.ins().jump(next, &[]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
    }

    /// Adds to the count; the count before.
    fn add_to_count(&mut self, owner: Value, change: i64) -> Value {
        let flags = self.words;
        if self.is_atomic {
            let change = self.int(clif::I64, change);
            return self.b.ins().atomic_rmw(clif::I64, flags, AtomicRmwOp::Add, owner, change);
        }
        let before = self.b.ins().load(clif::I64, flags, owner, 0);
        let after = self.iadd_imm(before, change);
        self.b.ins().store(flags, after, owner, 0);
        before
    }

    /// Drops the variable's reference. The variable keeps its words.
    pub(super) fn release(&mut self, array: ArrayId) {
        if self.func.arrays[array].ownership != Ownership::Owned {
            return;
        }
        let owner = self.word(self.rep(array).owner);
        if self.is_zero(owner) {
            return;
        }
        let (count, free, next) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.ins().brif(owner, count, &[], next, &[]);
        self.b.switch_to_block(count);
        self.b.seal_block(count);
        let before = self.add_to_count(owner, -1);
        let is_last = self.icmp_imm(IntCC::Equal, before, 1);
        self.b.ins().brif(is_last, free, &[], next, &[]);
        self.b.switch_to_block(free);
        self.b.seal_block(free);
        self.call_table(table::FREE, "ii", &[self.ctx, owner]);
        self.b.ins().jump(next, &[]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
    }

    /// The variable holds no reference from here on.
    pub(super) fn set_owner_zero(&mut self, array: ArrayId) {
        if let Word::Var(var) = self.rep(array).owner {
            let zero = self.int(clif::I64, 0);
            self.b.def_var(var, zero);
        }
    }

    /// Drops the references of all variables, at an exit.
    pub(super) fn release_owned(&mut self) {
        for (array, var) in &self.func.arrays {
            if var.ownership == Ownership::Owned {
                self.release(array);
            }
        }
    }

    // Elements.

    /// Address and displacement of an element's part.
    pub(super) fn address(&mut self, array: ArrayId, place: &Place, lane: u8) -> (Value, i32) {
        let ty = self.func.arrays[array].ty;
        let lane_bytes = i64::from(lane) * ty.dtype.part().size_bytes() as i64;
        match place {
            Place::Address { address, disp_bytes } => {
                let address = self.expr(*address);
                self.displaced(address, i64::from(*disp_bytes) + lane_bytes)
            }
            Place::Index(indices) => {
                let rep = self.rep(array).clone();
                let mut address = self.word(rep.data);
                let mut disp = lane_bytes;
                let mut add = |emitter: &mut Self, axis: usize| {
                    let stride = rep.strides[axis];
                    let Word::Const(item) = stride else {
                        if emitter.const_int(indices[axis]) != Some(0) {
                            let bytes = emitter.times_stride(indices[axis], stride);
                            address = emitter.b.ins().iadd(address, bytes);
                        }
                        return;
                    };
                    let (variable, constant) = emitter.split_index(indices[axis]);
                    disp = disp.wrapping_add(constant.wrapping_mul(item));
                    if let Some(variable) = variable {
                        let index = emitter.expr(variable);
                        let bytes = emitter.scale(index, item);
                        address = emitter.b.ins().iadd(address, bytes);
                    }
                };
                // The innermost axis last: what comes before it does not change in the innermost loop.
                if ty.layout == Layout::F {
                    (0..indices.len()).rev().for_each(|axis| add(self, axis));
                } else {
                    (0..indices.len()).for_each(|axis| add(self, axis));
                }
                self.displaced(address, disp)
            }
        }
    }

    fn displaced(&mut self, address: Value, disp: i64) -> (Value, i32) {
        match i32::try_from(disp) {
            Ok(disp) => (address, disp),
            Err(_) => (self.iadd_imm(address, disp), 0),
        }
    }

    /// An index as a variable and a constant part.
    fn split_index(&self, index: ExprId) -> (Option<ExprId>, i64) {
        match self.func.exprs[index].kind {
            ExprKind::Const(value) => (None, value.as_int()),
            ExprKind::Binary { op: BinaryOp::Add, left, right } => {
                match (self.const_int(left), self.const_int(right)) {
                    (_, Some(constant)) => (Some(left), constant),
                    (Some(constant), None) => (Some(right), constant),
                    (None, None) => (Some(index), 0),
                }
            }
            ExprKind::Binary { op: BinaryOp::Sub, left, right } => match self.const_int(right) {
                Some(constant) => (Some(left), constant.wrapping_neg()),
                None => (Some(index), 0),
            },
            _ => (Some(index), 0),
        }
    }

    /// Loads an element's part; narrow integers arrive extended.
    pub(super) fn load_element(&mut self, dtype: DType, address: Value, disp: i32) -> Value {
        let flags = self.elements;
        let ins = self.b.ins();
        match dtype {
            DType::Bool => ins.load(clif::I8, flags, address, disp),
            DType::I8 => ins.sload8(clif::I64, flags, address, disp),
            DType::U8 => ins.uload8(clif::I64, flags, address, disp),
            DType::I16 => ins.sload16(clif::I64, flags, address, disp),
            DType::U16 => ins.uload16(clif::I64, flags, address, disp),
            DType::I32 => ins.sload32(flags, address, disp),
            DType::U32 => ins.uload32(flags, address, disp),
            DType::F32 => ins.load(clif::F32, flags, address, disp),
            DType::F64 => ins.load(clif::F64, flags, address, disp),
            DType::I64 | DType::U64 | DType::C64 | DType::C128 => ins.load(clif::I64, flags, address, disp),
        }
    }

    /// Stores an element's part; integers are cut to the element's width.
    pub(super) fn store_element(&mut self, dtype: DType, value: Value, address: Value, disp: i32) {
        let flags = self.elements;
        let ins = self.b.ins();
        match dtype {
            DType::I8 | DType::U8 => ins.istore8(flags, value, address, disp),
            DType::I16 | DType::U16 => ins.istore16(flags, value, address, disp),
            DType::I32 | DType::U32 => ins.istore32(flags, value, address, disp),
            DType::Bool | DType::F32 | DType::F64 | DType::I64 | DType::U64 | DType::C64 | DType::C128 => {
                ins.store(flags, value, address, disp)
            }
        };
    }

    /// Do the memory ranges of two arrays intersect?
    pub(super) fn overlaps(&mut self, a: ArrayId, b: ArrayId) -> Value {
        let (first_a, end_a, some_a) = self.extent(a);
        let (first_b, end_b, some_b) = self.extent(b);
        let below = self.b.ins().icmp(IntCC::UnsignedLessThan, first_a, end_b);
        let above = self.b.ins().icmp(IntCC::UnsignedLessThan, first_b, end_a);
        let meet = self.b.ins().band(below, above);
        let both = self.b.ins().band(some_a, some_b);
        self.b.ins().band(meet, both)
    }

    /// Branches on whether they do. Arrays mostly lie one behind the other, so the first comparison mostly decides.
    pub(super) fn branch_overlaps(&mut self, [a, b]: [ArrayId; 2], then: Block, orelse: Block) {
        let (first_a, end_a, some_a) = self.extent(a);
        let (first_b, end_b, some_b) = self.extent(b);
        let (half, meet) = (self.b.create_block(), self.b.create_block());
        let below = self.b.ins().icmp(IntCC::UnsignedLessThan, first_a, end_b);
        self.b.ins().brif(below, half, &[], orelse, &[]);
        self.start(half);
        let above = self.b.ins().icmp(IntCC::UnsignedLessThan, first_b, end_a);
        self.b.ins().brif(above, meet, &[], orelse, &[]);
        self.start(meet);
        let both = self.b.ins().band(some_a, some_b);
        self.b.ins().brif(both, then, &[], orelse, &[]);
    }

    /// First byte, one past the last byte, and whether there is any.
    fn extent(&mut self, array: ArrayId) -> (Value, Value, Value) {
        let ty = self.func.arrays[array].ty;
        let item = ty.dtype.size_bytes() as i64;
        let rep = self.rep(array).clone();
        let data = self.word(rep.data);
        let mut count = None;
        for &dim in &rep.dims {
            let dim = self.word(dim);
            count = Some(match count {
                None => dim,
                Some(count) => self.b.ins().imul(count, dim),
            });
        }
        let some = match count {
            None => self.int(clif::I8, 1),
            Some(count) => self.icmp_imm(IntCC::NotEqual, count, 0),
        };
        if ty.layout != Layout::Strided {
            let bytes = match count {
                None => self.int(clif::I64, item),
                Some(count) => self.scale(count, item),
            };
            let end = self.b.ins().iadd(data, bytes);
            return (data, end, some);
        }
        let (mut first, mut last) = (data, data);
        for (&dim, &stride) in rep.dims.iter().zip(&rep.strides) {
            let (dim, stride) = (self.word(dim), self.word(stride));
            let steps = self.iadd_imm(dim, -1);
            let bytes = self.b.ins().imul(steps, stride);
            let zero = self.int(clif::I64, 0);
            let is_down = self.b.ins().icmp(IntCC::SignedLessThan, stride, zero);
            let down = self.b.ins().select(is_down, bytes, zero);
            let up = self.b.ins().select(is_down, zero, bytes);
            first = self.b.ins().iadd(first, down);
            last = self.b.ins().iadd(last, up);
        }
        let end = self.iadd_imm(last, item);
        (first, end, some)
    }
}
