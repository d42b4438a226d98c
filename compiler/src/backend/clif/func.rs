//! The state of one function while its code is made, and its frame: signature, parameters, exits.
//!
//! ```text
//! entry     (ctx, args: *const u64, ret: *mut u64) -> status
//! body      (ctx, env: *const u64, first, end, outputs: *mut u64) -> status
//! late      (ctx, words: *mut u64) -> status       words as in `ir::abi::table::LATE`
//! internal  (ctx, the words of each argument by type...) -> (status, result)     one scalar result
//!           (ctx, the words of each argument by type..., ret: *mut u64) -> status  otherwise
//! ```
//!
//! An internal array argument is data, owner, extents, and strides only if its layout is `Strided`. Results in memory
//! are words as in [`crate::ir::abi`].
//!
//! Scalars: `bool` is a Cranelift `i8` of 0 or 1, every integer an `i64` that holds the value extended, so widening
//! costs nothing and narrowing one instruction.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::instructions::InstructionData;
use cranelift_codegen::ir::{
    AbiParam, AliasRegion, AliasRegionData, Block, ExtFuncData, ExternalName, InstBuilder, MemFlagsData,
    Opcode, SigRef, Signature, SourceLoc, StackSlot, StackSlotData, StackSlotKind, Type, UserExternalName,
    Value, types as clif,
};
use cranelift_codegen::isa::CallConv;
use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;
use cranelift_frontend::{FunctionBuilder, Variable};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::arrays::{ArrayRep, Word};
use super::facts::{Binding, Facts};
use super::image::Unit;
use crate::base::Span;
use crate::ir::abi::{self, context, status, table};
use crate::ir::{ArrayId, ExprId, Func, FuncId, LocalId, Ownership, Param, Program, Ret, TrapId};
use crate::types::{ArrayTy, DType, Layout};

/// How a function is entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// By the host.
    Entry,
    /// By the runtime, for some iterations of a parallel loop.
    Body,
    /// By other functions of the image.
    Internal,
    /// By the runtime, which has made the code because it was asked for it.
    Late,
}

/// What `break` and `continue` mean at some place.
pub(super) struct LoopFrame {
    /// Where `break` goes.
    pub exit: Block,
    /// Where `continue` goes.
    pub latch: Block,
    /// Does anything go there?
    pub is_latch_used: bool,
}

/// An index that a check has wrapped.
pub(super) struct Wrapped {
    /// As in the check.
    pub index: ExprId,
    pub array: ArrayId,
    pub axis: u8,
    /// In `0 .. dim`.
    pub value: Value,
    /// Number of branches around the check.
    pub branch_depth: u32,
}

/// A block that ends the function with an error.
#[derive(Clone, Copy)]
pub(super) struct TrapBlock {
    pub block: Block,
    pub is_new: bool,
}

/// The state of one function while its code is made.
pub(super) struct Emitter<'a> {
    pub program: &'a Program,
    pub unit: &'a mut Unit,
    pub func: &'a Func,
    pub facts: &'a Facts,
    pub is_atomic: bool,
    pub b: FunctionBuilder<'a>,
    pub shape: Shape,
    /// The context pointer.
    pub ctx: Value,
    /// Where results go, unless the one scalar result travels in a register.
    pub ret_area: Option<Value>,
    /// Locals that are one value: loop variables, unassigned parameters, and what `known` lists.
    pub values: SecondaryMap<LocalId, PackedOption<Value>>,
    /// Locals with one assignment whose value is known until the end of the block it stands in.
    pub known: Vec<LocalId>,
    pub arrays: Vec<ArrayRep>,
    /// Parameters whose words are in memory: where.
    pub homes: SecondaryMap<ArrayId, Option<(Value, i32)>>,
    pub loops: Vec<LoopFrame>,
    /// Wrapped indices that are known here: computed in a block that dominates this one, of locals that were not
    /// assigned since.
    pub wraps: Vec<Wrapped>,
    /// Number of branches around the current statement.
    pub branch_depth: u32,
    /// Trap blocks without arguments, by trap.
    pub shared_traps: SmallVec<[(TrapId, Block); 8]>,
    pub fail_block: Option<Block>,
    pub exit_block: Option<Block>,
    /// The register result on its way to the shared exit.
    pub result: Option<Variable>,
    /// Depth of recursion before this call.
    pub depth: Option<Value>,
    /// Two areas for words on their way into or out of calls; their sizes grow until the end.
    pub slots: [Option<(StackSlot, u32)>; 2],
    /// The frame of strips, as large as the largest.
    pub strip_slot: Option<StackSlot>,
    pub entry: Block,
    /// Integers, each in the entry block and only once.
    pub ints: FxHashMap<(Type, i64), Value>,
    sigs: Vec<(SigKey, SigRef)>,
    funcs: Vec<(FuncId, cranelift_codegen::ir::FuncRef)>,
    /// Memory that arrays are in.
    pub elements: MemFlagsData,
    /// The context and words of calls.
    pub words: MemFlagsData,
    /// Words that do not change during the call and are loaded near their use.
    pub readonly: MemFlagsData,
    /// Words that do not change during the call and are loaded where they stand: Cranelift would sink loads that may
    /// move into the loops that use them.
    pub fixed: MemFlagsData,
}

/// Signature of a function behind the table: parameter types as a string of letters, for the cache.
type SigKey = &'static str;

/// The machine type of a scalar.
pub(super) fn machine_type(dtype: DType) -> Type {
    match dtype {
        DType::Bool => clif::I8,
        DType::F32 => clif::F32,
        DType::F64 => clif::F64,
        DType::I8
        | DType::I16
        | DType::I32
        | DType::I64
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::C64
        | DType::C128 => clif::I64,
    }
}

/// Does this function hand its one scalar result back in a register?
pub(super) fn register_result(func: &Func) -> Option<DType> {
    match func.rets.as_slice() {
        [Ret::Scalar(dtype)] => Some(*dtype),
        _ => None,
    }
}

/// Words of an array argument between functions of the image.
pub(super) fn internal_words(ty: ArrayTy) -> usize {
    let rank = ty.rank as usize;
    abi::ARRAY_HEAD_WORDS + if ty.layout == Layout::Strided { 2 * rank } else { rank }
}

/// Signature of a function of the program.
pub(super) fn signature(unit: &Unit, func: &Func, shape: Shape) -> Signature {
    let pointers = |count: usize| {
        let mut sig = Signature::new(unit.abilities.outer);
        sig.params.extend((0..count).map(|_| AbiParam::new(clif::I64)));
        sig.returns.push(AbiParam::new(clif::I32));
        sig
    };
    match shape {
        Shape::Entry => pointers(3),
        Shape::Body => pointers(5),
        Shape::Late => pointers(2),
        Shape::Internal => {
            let mut sig = Signature::new(unit.abilities.inner);
            sig.params.push(AbiParam::new(clif::I64));
            for param in &func.params {
                match param {
                    Param::Scalar(local) => {
                        sig.params.push(AbiParam::new(machine_type(func.locals[*local].dtype)));
                    }
                    Param::Array(array) => {
                        let count = internal_words(func.arrays[*array].ty);
                        sig.params.extend((0..count).map(|_| AbiParam::new(clif::I64)));
                    }
                }
            }
            sig.returns.push(AbiParam::new(clif::I32));
            match register_result(func) {
                Some(dtype) => sig.returns.push(AbiParam::new(machine_type(dtype))),
                None if func.rets.is_empty() => {}
                None => sig.params.push(AbiParam::new(clif::I64)),
            }
            sig
        }
    }
}

impl<'a> Emitter<'a> {
    /// Starts a function: declares variables, unpacks parameters.
    pub(super) fn new(
        program: &'a Program,
        unit: &'a mut Unit,
        func: &'a Func,
        facts: &'a Facts,
        shape: Shape,
        is_atomic: bool,
        mut b: FunctionBuilder<'a>,
    ) -> Emitter<'a> {
        let mut region = |user_id, description: &'static str| -> AliasRegion {
            b.func.dfg.alias_regions.insert(AliasRegionData { user_id, description: description.into() })
        };
        let (elements, words) = (region(0, "elements"), region(1, "words"));
        let notrap = MemFlagsData::new().with_notrap();
        let words = MemFlagsData::trusted().with_alias_region(Some(words));
        for local in func.locals.values() {
            b.declare_var(machine_type(local.dtype));
        }
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        b.seal_block(entry);
        let params: SmallVec<[Value; 16]> = b.block_params(entry).iter().copied().collect();
        let mut emitter = Emitter {
            program,
            unit,
            func,
            facts,
            is_atomic,
            b,
            shape,
            ctx: params[0],
            ret_area: None,
            values: SecondaryMap::new(),
            known: Vec::new(),
            arrays: Vec::with_capacity(func.arrays.len()),
            homes: SecondaryMap::new(),
            loops: Vec::new(),
            wraps: Vec::new(),
            branch_depth: 0,
            shared_traps: SmallVec::new(),
            fail_block: None,
            exit_block: None,
            result: None,
            depth: None,
            slots: [None, None],
            strip_slot: None,
            entry,
            ints: FxHashMap::default(),
            sigs: Vec::new(),
            funcs: Vec::new(),
            elements: notrap.with_alias_region(Some(elements)),
            words,
            readonly: words.with_readonly().with_can_move(),
            fixed: words.with_readonly(),
        };
        emitter.declare_arrays();
        match shape {
            Shape::Entry => emitter.unpack_entry(params[1], params[2]),
            Shape::Body => emitter.unpack_body(&params),
            Shape::Internal => emitter.unpack_internal(&params),
            Shape::Late => emitter.unpack_late(params[1]),
        }
        emitter.enter_recursion();
        emitter
    }

    /// Gives every array variable its words; parameters get theirs when they are unpacked.
    fn declare_arrays(&mut self) {
        for (array, var) in &self.func.arrays {
            let binding = self.facts.bindings[array];
            let is_fixed = binding != Binding::Variable;
            let mut word = |is_fixed: bool| {
                if is_fixed { Word::Const(0) } else { Word::Var(self.b.declare_var(clif::I64)) }
            };
            let data = word(is_fixed);
            let owner = word(is_fixed && (var.ownership == Ownership::Borrowed || binding == Binding::Never));
            let dims = (0..var.ty.rank).map(|_| word(is_fixed)).collect();
            let strides = (0..var.ty.rank).map(|_| word(is_fixed)).collect();
            if let Word::Var(owner) = owner {
                let zero = self.int(clif::I64, 0);
                self.b.def_var(owner, zero);
            }
            let mut rep = ArrayRep { data, owner, dims, strides };
            rep.fix_unit_stride(var.ty);
            self.arrays.push(rep);
        }
    }

    fn unpack_entry(&mut self, args: Value, ret: Value) {
        self.ret_area = Some(ret);
        let func = self.func;
        self.unpack_words(&func.params, args);
    }

    /// Loads parameters from words at `base` that stay as they are.
    fn unpack_words(&mut self, params: &[Param], base: Value) {
        let mut offset = 0;
        for param in params {
            match param {
                Param::Scalar(local) => {
                    let dtype = self.func.locals[*local].dtype;
                    let value = self.load_word(dtype, self.fixed, base, offset);
                    self.set_param(*local, value);
                    offset += 8;
                }
                Param::Array(array) => {
                    self.homes[*array] = Some((base, offset));
                    self.unpack_array(*array, self.fixed, base, offset);
                    offset += 8 * abi::array_words(self.func.arrays[*array].ty.rank) as i32;
                }
            }
        }
    }

    fn unpack_body(&mut self, params: &[Value]) {
        let (env, first, end, outputs) = (params[1], params[2], params[3], params[4]);
        self.ret_area = Some(outputs);
        let func = self.func;
        let captures = func.params.len().saturating_sub(func.rets.len() + 2);
        self.unpack_words(&func.params[..captures], env);
        for (k, param) in func.params[captures..].iter().enumerate() {
            let Param::Scalar(local) = *param else { continue };
            let value = if k < func.rets.len() {
                self.load_word(func.locals[local].dtype, self.words, outputs, 8 * k as i32)
            } else if k == func.rets.len() {
                first
            } else {
                end
            };
            self.set_param(local, value);
        }
    }

    fn unpack_late(&mut self, words: Value) {
        self.ret_area = Some(self.iadd_imm(words, 8));
        let func = self.func;
        let mut offset = 8 * (1 + func.rets.len()) as i32;
        for param in &func.params {
            match *param {
                Param::Scalar(local) => {
                    let value = self.load_word(func.locals[local].dtype, self.fixed, words, offset);
                    self.set_param(local, value);
                }
                Param::Array(array) => {
                    let base = self.b.ins().load(clif::I64, self.fixed, words, offset);
                    self.unpack_array(array, self.fixed, base, 0);
                }
            }
            offset += 8;
        }
    }

    fn unpack_internal(&mut self, params: &[Value]) {
        let func = self.func;
        let mut next = 1;
        for param in &func.params {
            match *param {
                Param::Scalar(local) => {
                    self.set_param(local, params[next]);
                    next += 1;
                }
                Param::Array(array) => {
                    let ty = func.arrays[array].ty;
                    let count = internal_words(ty);
                    self.set_param_array(array, &params[next..next + count]);
                    next += count;
                }
            }
        }
        if next < params.len() {
            self.ret_area = Some(params[next]);
        }
    }

    fn set_param(&mut self, local: LocalId, value: Value) {
        if self.facts.assigned.contains(local) {
            self.b.def_var(Variable::from_u32(local.as_u32()), value);
        } else {
            self.values[local] = value.into();
        }
    }

    fn enter_recursion(&mut self) {
        let Some(trap) = self.func.recursion else { return };
        let depth = self.b.ins().load(clif::I64, self.words, self.ctx, context::DEPTH);
        let too_deep = self.icmp_imm(IntCC::UnsignedGreaterThanOrEqual, depth, abi::MAX_RECURSION as i64);
        self.trap_if(too_deep, trap, &[]);
        let limit = self.b.ins().load(clif::I64, self.readonly, self.ctx, context::STACK_LIMIT);
        let stack = self.b.ins().get_stack_pointer(clif::I64);
        let is_out = self.b.ins().icmp(IntCC::UnsignedLessThan, stack, limit);
        self.fail_if(is_out, status::STACK);
        let deeper = self.iadd_imm(depth, 1);
        self.b.ins().store(self.words, deeper, self.ctx, context::DEPTH);
        self.depth = Some(depth);
    }

    /// Ends the function: shared blocks, sizes of the stack slots.
    pub(super) fn finish(mut self, falls_through: bool) -> Result<(), String> {
        if falls_through {
            if !self.func.rets.is_empty() {
                return Err(format!("`{}` ends without a result", self.func.name));
            }
            self.emit_return(&[]);
        }
        if let Some(block) = self.exit_block {
            self.b.switch_to_block(block);
            self.b.seal_block(block);
            self.release_owned();
            self.leave();
        }
        for (_, block) in std::mem::take(&mut self.shared_traps) {
            self.b.seal_block(block);
        }
        if let Some(block) = self.fail_block {
            self.b.switch_to_block(block);
            self.b.seal_block(block);
            let status = self.b.block_params(block)[0];
            self.return_status(status);
        }
        for (slot, size) in self.slots.into_iter().flatten() {
            self.b.func.sized_stack_slots[slot].size = size;
        }
        self.b.finalize(self.unit.frontend_config);
        Ok(())
    }

    pub(super) fn return_status(&mut self, status: Value) {
        if self.shape == Shape::Internal
            && let Some(dtype) = register_result(self.func)
        {
            let zero = self.zero(machine_type(dtype));
            self.b.ins().return_(&[status, zero]);
        } else {
            self.b.ins().return_(&[status]);
        }
    }

    /// A zero of any scalar type.
    pub(super) fn zero(&mut self, ty: Type) -> Value {
        match ty {
            clif::F32 => self.b.ins().f32const(0.0),
            clif::F64 => self.b.ins().f64const(0.0),
            _ => self.int(ty, 0),
        }
    }

    /// The integer that this value is known to be.
    pub(super) fn known_int(&self, value: Value) -> Option<i64> {
        let dfg = &self.b.func.dfg;
        let inst = dfg.value_def(dfg.resolve_aliases(value)).inst()?;
        match dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
            _ => None,
        }
    }

    /// Is this value the constant 0?
    pub(super) fn is_zero(&self, value: Value) -> bool {
        self.known_int(value) == Some(0)
    }

    // Words in memory.

    /// Loads a scalar from a word.
    pub(super) fn load_word(&mut self, dtype: DType, flags: MemFlagsData, base: Value, offset: i32) -> Value {
        // The word is extended already, so integers need no narrow load.
        self.b.ins().load(machine_type(dtype), flags, base, offset)
    }

    /// Stores a scalar as a word.
    pub(super) fn store_word(&mut self, dtype: DType, value: Value, base: Value, offset: i32) {
        let word = self.word_of(dtype, value);
        self.b.ins().store(self.words, word, base, offset);
    }

    /// The bits of a scalar as a word of 64 bits.
    pub(super) fn word_of(&mut self, dtype: DType, value: Value) -> Value {
        match dtype {
            DType::Bool => self.b.ins().uextend(clif::I64, value),
            DType::F32 => {
                let bits = self.b.ins().bitcast(clif::I32, MemFlagsData::new(), value);
                self.b.ins().uextend(clif::I64, bits)
            }
            _ => value,
        }
    }

    /// One of the two areas for words, at least this long; its address.
    pub(super) fn area(&mut self, which: usize, words: usize) -> Value {
        let size = 8 * words.max(1) as u32;
        let slot = match &mut self.slots[which] {
            Some((slot, largest)) => {
                *largest = size.max(*largest);
                *slot
            }
            empty @ None => {
                let data = StackSlotData::new(StackSlotKind::ExplicitSlot, size, 3);
                let slot = self.b.create_sized_stack_slot(data);
                *empty = Some((slot, size));
                slot
            }
        };
        self.b.ins().stack_addr(clif::I64, slot, 0)
    }

    // Calls.

    /// Calls position `index` of the table. The key spells parameters and result: `i` 64-bit, `w` 32-bit, `d`, `s`
    /// floats; after `>` the result.
    pub(super) fn call_table(&mut self, index: usize, key: SigKey, args: &[Value]) -> Option<Value> {
        self.call_table_as(self.unit.abilities.outer, index, key, args)
    }

    /// The same in a calling convention; all calls of that key have it.
    pub(super) fn call_table_as(
        &mut self,
        convention: CallConv,
        index: usize,
        key: SigKey,
        args: &[Value],
    ) -> Option<Value> {
        let sig = match self.sigs.iter().find(|(known, _)| *known == key) {
            Some((_, sig)) => *sig,
            None => {
                let mut sig = Signature::new(convention);
                let mut is_result = false;
                for letter in key.bytes() {
                    let ty = match letter {
                        b'>' => {
                            is_result = true;
                            continue;
                        }
                        b'w' => clif::I32,
                        b'd' => clif::F64,
                        b's' => clif::F32,
                        _ => clif::I64,
                    };
                    if is_result {
                        sig.returns.push(AbiParam::new(ty));
                    } else {
                        sig.params.push(AbiParam::new(ty));
                    }
                }
                let sig = self.b.import_signature(sig);
                self.sigs.push((key, sig));
                sig
            }
        };
        let functions = self.b.ins().load(clif::I64, self.readonly, self.ctx, context::TABLE);
        let function = self.b.ins().load(clif::I64, self.readonly, functions, 8 * index as i32);
        let inst = self.b.ins().call_indirect(sig, function, args);
        self.b.inst_results(inst).first().copied()
    }

    /// Calls `ALLOC`: the owner word.
    pub(super) fn call_alloc(&mut self, bytes: Value, is_zeroed: bool) -> Value {
        let flag = self.int(clif::I32, i64::from(is_zeroed));
        let result = self.call_table(table::ALLOC, "iiw>i", &[self.ctx, bytes, flag]);
        result.unwrap_or(bytes)
    }

    /// A reference to another function of the image.
    pub(super) fn callee(&mut self, id: FuncId) -> cranelift_codegen::ir::FuncRef {
        if let Some((_, known)) = self.funcs.iter().find(|(known, _)| *known == id) {
            return *known;
        }
        let shape = if self.unit.bodies.contains(id) { Shape::Body } else { Shape::Internal };
        let sig = signature(self.unit, &self.program.funcs[id], shape);
        let signature = self.b.import_signature(sig);
        let name = UserExternalName { namespace: 0, index: id.as_u32() };
        let name = ExternalName::user(self.b.func.declare_imported_user_function(name));
        let data = ExtFuncData { name, signature, colocated: true, patchable: false };
        let callee = self.b.import_function(data);
        self.funcs.push((id, callee));
        callee
    }

    /// Marks what follows as coming from this place, if anybody asked.
    pub(super) fn at(&mut self, span: Span) {
        if let Some(lines) = &mut self.unit.lines {
            self.b.set_srcloc(SourceLoc::new(lines.len() as u32));
            lines.push(span);
        }
    }
}
