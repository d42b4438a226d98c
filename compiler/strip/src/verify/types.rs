//! Which types go with which operation.

use crate::ir::{Binary, Convert, Elem, Op, Place, Step, Strip, Ty, Unary, UpdateOp, Value};

pub(super) fn is_float(ty: Ty) -> bool {
    matches!(ty, Ty::F64 | Ty::F32)
}

pub(super) fn is_integer(ty: Ty) -> bool {
    matches!(ty, Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8)
}

/// Integers that convert to floats and back.
fn is_large(ty: Ty) -> bool {
    matches!(ty, Ty::I64 | Ty::I32)
}

pub(super) fn is_number(ty: Ty) -> bool {
    is_float(ty) || is_integer(ty)
}

fn is_lanes(ty: Ty) -> bool {
    match ty {
        Ty::Int | Ty::Test => false,
        Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 | Ty::Mask => true,
    }
}

/// May elements of this type be loaded as, or stored from, lanes of that type?
pub(super) fn elem_suits(elem: Elem, ty: Ty) -> bool {
    match elem {
        Elem::Bool => ty == Ty::Mask,
        Elem::I8 | Elem::U8 => is_integer(ty),
        Elem::I16 | Elem::U16 => is_integer(ty) && ty != Ty::I8,
        Elem::I32 | Elem::U32 => is_large(ty),
        Elem::I64 | Elem::U64 => ty == Ty::I64,
        Elem::F32 => ty == Ty::F32,
        Elem::F64 => ty == Ty::F64,
    }
}

/// May such a value update such an element?
pub(super) fn update_suits(elem: Elem, op: UpdateOp, ty: Ty) -> bool {
    let suits = match op {
        UpdateOp::Add | UpdateOp::Mul | UpdateOp::Min | UpdateOp::Max => is_number(ty),
        UpdateOp::And | UpdateOp::Or | UpdateOp::Xor => is_integer(ty),
    };
    suits && (is_float(ty) || ty == Ty::I64) && elem != Elem::Bool && elem_suits(elem, ty)
}

/// Are the operands of the place as they should be? Values without a type are somebody else's problem.
pub(super) fn check_place(strip: &Strip, place: &Place) -> Result<(), String> {
    match *place {
        Place::Line { address, disp: _, step } => {
            is(strip, address, Ty::Int)?;
            match step {
                Step::One | Step::Zero => Ok(()),
                Step::Bytes(bytes) => is(strip, bytes, Ty::Int),
            }
        }
        Place::Scattered { base, offset, disp: _ } => {
            is(strip, base, Ty::Int)?;
            is(strip, offset, Ty::I64)
        }
    }
}

fn is(strip: &Strip, value: Value, ty: Ty) -> Result<(), String> {
    match strip.values.get(value) {
        Some(&found) if found != ty => Err(format!("{value} is {found:?}, not {ty:?}")),
        Some(_) | None => Ok(()),
    }
}

/// Has the value the type that its operation gives, from operands of the right types?
pub(super) fn check(strip: &Strip, value: Value, op: &Op) -> Result<(), String> {
    let Some(&ty) = strip.values.get(value) else { return Ok(()) };
    let result = |holds: bool| if holds { Ok(()) } else { Err(format!("it can't be {ty:?}")) };
    let outcome = match *op {
        Op::Word(word) => word_exists(strip, word).and(result(ty == Ty::Int)),
        Op::Int(_) | Op::First => result(ty == Ty::Int),
        Op::IntBinary(_, a, b) => is(strip, a, Ty::Int).and(is(strip, b, Ty::Int)).and(result(ty == Ty::Int)),
        Op::IntCompare(_, a, b) => {
            is(strip, a, Ty::Int).and(is(strip, b, Ty::Int)).and(result(ty == Ty::Test))
        }
        Op::IntLoad { elem, address, disp: _ } => {
            if matches!(elem, Elem::Bool | Elem::F32 | Elem::F64) {
                Err(format!("{elem:?} is no integer"))
            } else {
                is(strip, address, Ty::Int).and(result(ty == Ty::Int))
            }
        }
        Op::Any(mask) => is(strip, mask, Ty::Mask).and(result(ty == Ty::Test)),
        Op::Const(bits) => {
            let fits = match ty {
                Ty::Int | Ty::Test => false,
                Ty::F64 | Ty::I64 => true,
                Ty::F32 | Ty::I32 => bits <= u64::from(u32::MAX),
                Ty::I16 => bits <= u64::from(u16::MAX),
                Ty::I8 => bits <= u64::from(u8::MAX),
                Ty::Mask => bits <= 1,
            };
            result(fits)
        }
        Op::WordLanes(word) => word_exists(strip, word).and(result(is_number(ty))),
        Op::Broadcast(a) => is(strip, a, Ty::Int).and(result(ty == Ty::I64 || ty.small_bytes() > 0)),
        Op::TestLanes(a) => is(strip, a, Ty::Test).and(result(ty == Ty::Mask)),
        Op::LaneNumber => result(is_large(ty)),
        Op::Active => result(ty == Ty::Mask),
        Op::Load { elem, ref place, mask } => {
            let mask_holds = mask.map_or(Ok(()), |mask| is(strip, mask, Ty::Mask));
            check_place(strip, place).and(mask_holds).and(result(elem_suits(elem, ty)))
        }
        Op::Lookup { table, index } => {
            let exists = strip.tables.is_valid(table).then_some(()).ok_or(format!("{table} does not exist"));
            exists.and(is(strip, index, Ty::I64)).and(result(matches!(ty, Ty::F64 | Ty::I64)))
        }
        Op::Unary(op, a) => {
            let suits = match op {
                Unary::Neg | Unary::Abs => is_number(ty),
                Unary::Not => is_integer(ty) || ty == Ty::Mask,
                Unary::Sqrt | Unary::RoundEven | Unary::Floor | Unary::Ceil | Unary::Trunc => is_float(ty),
            };
            is(strip, a, ty).and(result(suits))
        }
        Op::Binary(op, a, b) => {
            let suits = match op {
                Binary::Add | Binary::Sub | Binary::Min | Binary::Max => is_number(ty),
                Binary::Mul => is_number(ty) && ty != Ty::I8,
                Binary::Div => is_float(ty),
                Binary::And => is_integer(ty) || matches!(ty, Ty::Mask | Ty::Test),
                Binary::Or | Binary::Xor | Binary::AndNot => is_integer(ty) || ty == Ty::Mask,
                Binary::Shl | Binary::Shr | Binary::Sar => is_large(ty),
                Binary::MulHigh => ty == Ty::I16,
                Binary::MinUnsigned | Binary::MaxUnsigned | Binary::Average => ty.small_bytes() > 0,
            };
            is(strip, a, ty).and(is(strip, b, ty)).and(result(suits))
        }
        Op::Shift(_, a, count) => {
            let width = match ty {
                Ty::I64 => 64,
                Ty::I16 => 16,
                Ty::I8 => 8,
                _ => 32,
            };
            is(strip, a, ty).and(result(is_integer(ty) && count < width))
        }
        Op::Fma(_, a, b, c) => {
            is(strip, a, ty).and(is(strip, b, ty)).and(is(strip, c, ty)).and(result(is_float(ty)))
        }
        Op::Compare(_, a, b) => match strip.values.get(a) {
            Some(&of) => {
                let numbers = if is_number(of) { Ok(()) } else { Err(format!("{a} is {of:?}")) };
                numbers.and(is(strip, b, of)).and(result(ty == Ty::Mask))
            }
            None => Ok(()),
        },
        Op::Select { mask, then, orelse } => is(strip, mask, Ty::Mask)
            .and(is(strip, then, ty))
            .and(is(strip, orelse, ty))
            .and(result(is_lanes(ty))),
        Op::Convert(convert, a) => match strip.values.get(a) {
            Some(&from) if converts(convert, from, ty) => Ok(()),
            Some(&from) => Err(format!("{convert:?} does not go from {a}: {from:?} to {ty:?}")),
            None => Ok(()),
        },
    };
    outcome.map_err(|text| format!("{value} = {op:?}: {text}"))
}

fn word_exists(strip: &Strip, word: u32) -> Result<(), String> {
    if word < strip.words { Ok(()) } else { Err(format!("the frame has {} words", strip.words)) }
}

/// Is there such a conversion?
fn converts(convert: Convert, from: Ty, to: Ty) -> bool {
    match convert {
        Convert::Widen => (from, to) == (Ty::F32, Ty::F64),
        Convert::Narrow => (from, to) == (Ty::F64, Ty::F32),
        Convert::IntToFloat => is_large(from) && is_float(to),
        Convert::SmallToFloat => (from, to) == (Ty::I64, Ty::F64),
        Convert::FloatToInt => is_float(from) && to == Ty::I64,
        Convert::WholeToInt => (from, to) == (Ty::F64, Ty::I64),
        Convert::SignExtend | Convert::ZeroExtend => (from, to) == (Ty::I32, Ty::I64),
        Convert::Truncate => (from, to) == (Ty::I64, Ty::I32),
        Convert::Bits => {
            matches!(
                (from, to),
                (Ty::F64, Ty::I64) | (Ty::I64, Ty::F64) | (Ty::F32, Ty::I32) | (Ty::I32, Ty::F32)
            )
        }
        Convert::MaskToInt => from == Ty::Mask && is_integer(to),
    }
}
