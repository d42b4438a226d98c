//! Strips as 128-bit vector code, by Cranelift: for x86-64 without AVX2, and for AArch64.
//!
//! In: a verified strip. Out: a Cranelift function with the signature of a strip. It does full blocks only and leaves the rest of the
//! iterations to the scalar loop, so that every lane is active. Loads and stores under a mask go lane by lane, those
//! of other lanes to a place on the stack. What these processors have no way for is refused ([`lanes`]).
//!
//! ```text
//!   setup; limit = n & -N; jump head(0, inits)
//! head(first, carried): brif first < limit, body, exit(first, carried)
//! body: ... fault: brif any, exit(first, carried) ...; jump head(first + N, nexts)
//! exit(done, carried): lanes combined, into the frame; return done
//! ```

mod combine;
mod control;
mod memory;
mod ops;
mod small;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, Function, InstBuilder, MemFlagsData, Signature, StackSlot, StackSlotData,
    StackSlotKind, Type, Value, condcodes::IntCC, types as clif,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig, TargetIsa};
use cranelift_codegen::print_errors::pretty_error;
use cranelift_entity::SecondaryMap;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use kjit_strip::ir::{Inst, Op, Strip, Ty, Value as StripValue};
use kjit_strip::walk::for_each_inst;
use smallvec::SmallVec;

use super::isa::Abilities;

/// The vectors of a value, lane 0 in the first.
type Parts = SmallVec<[Value; 4]>;

/// What a value of a strip is here.
#[derive(Clone)]
enum Rep {
    /// `int`: an `i64`; `test`: an `i8` of 0 or 1.
    One(Value),
    /// Lanes of its type.
    Lanes(Parts),
    /// A mask: lanes of ones or zeros, of that many bytes each.
    Mask(u8, Parts),
}

/// How many lanes the strip gets; nothing if it must stay scalar.
pub(super) fn lanes(strip: &Strip, abilities: &Abilities, features: &[String]) -> Option<u32> {
    if abilities.has_cheap_vector_constants {
        // x86-64 before SSE 4.2 has neither comparisons of 64-bit lanes nor extensions.
        let has = |name: &str| features.iter().any(|feature| feature == name);
        if !["has_ssse3", "has_sse41", "has_sse42"].into_iter().all(has) {
            return None;
        }
    }
    let (mut count, mut is_refused) = (0, false);
    for region in [&strip.setup, &strip.body] {
        for_each_inst(region, &mut |inst| {
            count += 1;
            if let Inst::Let { op, .. } = inst {
                is_refused |= match op {
                    // Without the instruction it is a call per lane.
                    Op::Fma(..) => !abilities.has_fma,
                    // Tables have no address without relocations.
                    Op::Lookup { .. } => true,
                    _ => false,
                };
            }
        });
    }
    let usual = match strip.small_bytes() {
        // A vector of bytes.
        1 | 2 => 16,
        _ if count <= 40 => 8,
        _ => 4,
    };
    let lanes = strip.lanes.unwrap_or(usual);
    (!is_refused && lanes <= 64).then_some(lanes)
}

/// Machine code of a strip with that many lanes, relocated nowhere.
pub(super) fn compile(strip: &Strip, lanes: u32, isa: &dyn TargetIsa) -> Result<Vec<u8>, String> {
    let mut context = cranelift_codegen::Context::new();
    let mut builder = FunctionBuilderContext::new();
    lower(strip, lanes, isa.frontend_config(), &mut context.func, &mut builder)?;
    context
        .compile(isa, &mut ControlPlane::default())
        .map_err(|error| pretty_error(error.func, error.inner))?;
    let compiled = context.compiled_code().ok_or("no code")?;
    if let Some(reloc) = compiled.buffer.relocs().first() {
        return Err(format!("relocation to {:?} in strip `{}`", reloc.target, strip.name));
    }
    Ok(compiled.code_buffer().to_vec())
}

/// The Cranelift function of a strip.
fn lower(
    strip: &Strip,
    lanes: u32,
    config: TargetFrontendConfig,
    func: &mut Function,
    builder: &mut FunctionBuilderContext,
) -> Result<(), String> {
    func.signature = Signature::new(CallConv::SystemV);
    func.signature.params.extend([AbiParam::new(clif::I64), AbiParam::new(clif::I64)]);
    func.signature.returns.push(AbiParam::new(clif::I64));
    let mut b = FunctionBuilder::new(func, builder);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let (frame, n) = (b.block_params(entry)[0], b.block_params(entry)[1]);
    let has_wide = strip.values.values().any(|ty| matches!(ty, Ty::F64 | Ty::I64));
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 16, 4);
    let nowhere = b.create_sized_stack_slot(slot.clone());
    let zeros = b.create_sized_stack_slot(slot);
    let mut lower = Lower {
        strip,
        lanes,
        grain: match strip.small_bytes() {
            0 if has_wide => 8,
            0 => 4,
            small => small,
        },
        frame,
        first: frame,
        exit: entry,
        carried: Vec::new(),
        reps: SecondaryMap::new(),
        nowhere,
        zeros,
        b,
        failed: None,
    };
    lower.function(n);
    let Lower { mut b, failed, .. } = lower;
    b.seal_all_blocks();
    b.finalize(config);
    failed.map_or(Ok(()), Err)
}

struct Lower<'a> {
    strip: &'a Strip,
    lanes: u32,
    /// Bytes per lane of masks that go from block to block.
    grain: u8,
    frame: Value,
    /// The number of the block's first iteration.
    first: Value,
    /// Where faults go.
    exit: Block,
    /// The carried values at the start of the block.
    carried: Vec<Value>,
    reps: SecondaryMap<StripValue, Option<Rep>>,
    /// Stores of lanes that do not store go here.
    nowhere: StackSlot,
    /// Loads of lanes that do not load read here.
    zeros: StackSlot,
    b: FunctionBuilder<'a>,
    /// Something that a verified strip does not have.
    failed: Option<String>,
}

/// Memory that may be anywhere, is not aligned, and does not trap.
fn anywhere() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// For bit casts between vectors of different lanes.
fn little() -> MemFlagsData {
    MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little)
}

/// Bytes per lane; masks have a grain instead.
fn size_of(ty: Ty) -> u8 {
    match ty {
        Ty::F64 | Ty::I64 | Ty::Int => 8,
        Ty::F32 | Ty::I32 => 4,
        Ty::I16 => 2,
        Ty::I8 => 1,
        Ty::Mask | Ty::Test => 0,
    }
}

/// Integers of that many bytes.
fn int_vector(size: u8) -> Type {
    match size {
        8 => clif::I64X2,
        2 => clif::I16X8,
        1 => clif::I8X16,
        _ => clif::I32X4,
    }
}

fn vector(ty: Ty) -> Type {
    match ty {
        Ty::F64 => clif::F64X2,
        Ty::F32 => clif::F32X4,
        Ty::I32 => clif::I32X4,
        Ty::I16 => clif::I16X8,
        Ty::I8 => clif::I8X16,
        Ty::I64 | Ty::Mask | Ty::Int | Ty::Test => clif::I64X2,
    }
}

impl Lower<'_> {
    fn ty(&self, value: StripValue) -> Ty {
        self.strip.values[value]
    }

    fn fail(&mut self, text: &str) -> Value {
        self.failed.get_or_insert_with(|| format!("strip `{}`: {text}", self.strip.name));
        self.frame
    }

    /// Vectors of lanes of that size.
    fn count(&self, size: u8) -> usize {
        (self.lanes as usize * usize::from(size)).div_ceil(16)
    }

    fn one(&mut self, value: StripValue) -> Value {
        match self.reps[value] {
            Some(Rep::One(one)) => one,
            Some(Rep::Lanes(_) | Rep::Mask(..)) | None => self.fail("lanes where there is one value"),
        }
    }

    fn parts(&mut self, value: StripValue) -> Parts {
        match &self.reps[value] {
            Some(Rep::Lanes(parts)) => parts.clone(),
            Some(Rep::One(_) | Rep::Mask(..)) | None => {
                self.fail("no lanes");
                let count = self.count(size_of(self.ty(value)).max(4));
                SmallVec::from_elem(self.frame, count)
            }
        }
    }

    /// A mask with lanes of `grain` bytes.
    fn mask(&mut self, value: StripValue, grain: u8) -> Parts {
        match self.reps[value].clone() {
            Some(Rep::Mask(known, parts)) => self.regrain(&parts, known, grain),
            Some(Rep::One(_) | Rep::Lanes(_)) | None => {
                self.fail("no mask");
                SmallVec::from_elem(self.frame, self.count(grain))
            }
        }
    }

    /// The grain in which a mask is there, without conversion.
    fn grain_of(&self, value: StripValue) -> u8 {
        match self.reps[value] {
            Some(Rep::Mask(grain, _)) => grain,
            Some(Rep::One(_) | Rep::Lanes(_)) | None => self.grain,
        }
    }

    fn regrain(&mut self, parts: &Parts, from: u8, to: u8) -> Parts {
        match (from, to) {
            (4, 8) => {
                let mut wide = Parts::new();
                for &part in parts {
                    wide.push(self.b.ins().swiden_low(part));
                    wide.push(self.b.ins().swiden_high(part));
                }
                wide.truncate(self.count(8));
                wide
            }
            (8, 4) => self.low_halves(parts),
            _ => parts.clone(),
        }
    }

    /// The low halves of 64-bit lanes: pairs of vectors become one.
    fn low_halves(&mut self, parts: &Parts) -> Parts {
        let pick = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
        let pairs: Vec<(Value, Value)> =
            parts.chunks(2).map(|pair| (pair[0], *pair.last().unwrap_or(&pair[0]))).collect();
        pairs.into_iter().map(|(a, b)| self.shuffle(a, b, pick, clif::I32X4)).collect()
    }

    /// Bytes of two vectors.
    fn shuffle(&mut self, a: Value, b: Value, pick: [u8; 16], ty: Type) -> Value {
        let mask = self.b.func.dfg.immediates.push(pick.to_vec().into());
        let (a, b) = (self.cast(a, clif::I8X16), self.cast(b, clif::I8X16));
        let bytes = self.b.ins().shuffle(a, b, mask);
        self.cast(bytes, ty)
    }

    /// The same bits.
    fn cast(&mut self, value: Value, ty: Type) -> Value {
        if self.b.func.dfg.value_type(value) == ty {
            value
        } else {
            self.b.ins().bitcast(ty, little(), value)
        }
    }

    /// A constant vector.
    fn constant(&mut self, ty: Type, lane: u64, size: u8) -> Value {
        let bytes: Vec<u8> =
            lane.to_le_bytes()[..usize::from(size)].iter().copied().cycle().take(16).collect();
        let constant = self.b.func.dfg.constants.insert(bytes.into());
        self.b.ins().vconst(ty, constant)
    }

    /// Every lane as a scalar.
    fn scalars(&mut self, parts: &Parts, size: u8) -> Vec<Value> {
        let per_part = 16 / size;
        (0..self.lanes)
            .map(|lane| {
                let part = parts[lane as usize / usize::from(per_part)];
                self.b.ins().extractlane(part, (lane % u32::from(per_part)) as u8)
            })
            .collect()
    }

    /// Vectors of scalars.
    fn collect(&mut self, ty: Type, scalars: &[Value]) -> Parts {
        let mut parts = Parts::new();
        for chunk in scalars.chunks(ty.lane_count() as usize) {
            let mut part = self.b.ins().splat(ty, chunk[0]);
            for (lane, &scalar) in chunk.iter().enumerate().skip(1) {
                part = self.b.ins().insertlane(part, scalar, lane as u8);
            }
            parts.push(part);
        }
        parts
    }

    fn args(values: &[Value]) -> Vec<BlockArg> {
        values.iter().map(|&value| value.into()).collect()
    }

    fn less(&mut self, a: Value, b: Value) -> Value {
        self.b.ins().icmp(IntCC::SignedLessThan, a, b)
    }
}
