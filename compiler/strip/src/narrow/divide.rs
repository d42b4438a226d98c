//! Floor division of small integers by a constant, in 32-bit lanes.
//!
//! ```text
//! x: 0 .. 2295, divisor 9:   x // 9  ==>  (x * 1821) >> 14
//! ```
//!
//! By a multiplication where one is exact, else by a division of singles.

use crate::Strip;
use crate::ir::{Binary, Convert, Inst, Op, Region, Shift, Ty, Unary, Value};

/// How to divide.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Way {
    /// `((x + divisor * bias) * factor >> shift) - bias`, unsigned; `bias` makes the sum non-negative.
    Multiply {
        /// Times the divisor.
        bias: u32,
        /// Just above `2^shift / divisor`.
        factor: u32,
        /// Right.
        shift: u8,
    },
    /// `floor(x as f32 / divisor as f32)`.
    Single,
}

/// A division by a constant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Quotient {
    pub(super) x: Value,
    pub(super) divisor: i64,
    /// The remainder is wanted.
    pub(super) is_remainder: bool,
}

/// A whole double that is the quotient or remainder of an `I64` by a constant.
pub(super) fn quotient<'a>(
    strip: &Strip,
    op: &dyn Fn(Value) -> Option<&'a Op>,
    whole: Value,
) -> Option<Quotient> {
    let (quotient, remainder_of) = match *op(whole)? {
        Op::Unary(Unary::Floor, _) => (whole, None),
        Op::Binary(Binary::Sub, x, product) => match *op(product)? {
            Op::Binary(Binary::Mul, quotient, divisor) => (quotient, Some((x, divisor))),
            _ => return None,
        },
        _ => return None,
    };
    let &Op::Unary(Unary::Floor, ratio) = op(quotient)? else { return None };
    let &Op::Binary(Binary::Div, real, by) = op(ratio)? else { return None };
    if remainder_of.is_some_and(|known| known != (real, by)) {
        return None;
    }
    let &Op::Convert(Convert::SmallToFloat | Convert::IntToFloat, x) = op(real)? else {
        return None;
    };
    let &Op::Const(bits) = op(by)? else { return None };
    let divisor = f64::from_bits(bits);
    let is_whole = divisor.fract() == 0.0 && (1.0..=16_777_216.0).contains(&divisor);
    if !is_whole || strip.values[x] != Ty::I64 || strip.values[by] != Ty::F64 {
        return None;
    }
    Some(Quotient { x, divisor: divisor as i64, is_remainder: remainder_of.is_some() })
}

/// `(((x + divisor * bias) * factor >> 16) >> shift) - bias` with lanes of 16 bits, whose products keep their high half.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct HalvesWay {
    /// Times the divisor; makes the sum non-negative.
    pub(super) bias: i64,
    /// Just above `2^(16 + shift) / divisor`.
    pub(super) factor: i64,
    /// Right, after the product.
    pub(super) shift: u8,
}

/// How to divide numbers from `lo` to `hi` in lanes of 16 bits, if there is a way.
pub(super) fn way_of_halves(lo: i64, hi: i64, divisor: i64) -> Option<HalvesWay> {
    if divisor < 2 || lo > hi || lo < -(1 << 16) || hi >= 1 << 16 || divisor >= 1 << 16 {
        return None;
    }
    let bias = if lo < 0 { (-lo + divisor - 1) / divisor } else { 0 };
    let most = hi.max(0) + bias * divisor;
    // As in `way`: the error of the factor must stay below the distance to the next whole number.
    (most < 1 << 16).then_some(())?;
    (0..16u8).find_map(|shift| {
        let power = 1i64 << (16 + shift);
        let factor = (power + divisor - 1) / divisor;
        let error = factor * divisor - power;
        (factor < 1 << 16 && most * error < power).then_some(HalvesWay { bias, factor, shift })
    })
}

/// How to divide numbers from `lo` to `hi`, if there is a way.
pub(super) fn way(lo: i64, hi: i64, divisor: i64) -> Option<Way> {
    if divisor < 1 || lo > hi || lo < -(1 << 24) || hi > 1 << 24 || divisor > 1 << 24 {
        return None;
    }
    let bias = if lo < 0 { lo.unsigned_abs().div_ceil(divisor as u64) } else { 0 };
    let most = hi.max(0) as u64 + bias * divisor as u64;
    for shift in 0..32u8 {
        // With factor = (2^shift + error) / divisor: y * factor / 2^shift = y / divisor + y * error / (divisor * 2^shift). The second
        // term must be below 1 / divisor, the distance from the next whole number: y * error < 2^shift.
        let power = 1u64 << shift;
        let factor = power.div_ceil(divisor as u64);
        let error = factor * divisor as u64 - power;
        if most * error < power && most * factor <= u64::from(u32::MAX) {
            return Some(Way::Multiply { bias: bias as u32, factor: factor as u32, shift });
        }
    }
    // Let x / d lie below the whole number m > 0 (m * d <= x + d, both exact as singles): by at least 1 / d. The singles next to m are at
    // most m * 2^-23 away, so the quotient rounds to m only from a distance of m * 2^-24 or less: never if m * d < 2^24.
    // Above a whole number it cannot be rounded past it. For m <= 0 the same with |m| * d <= |x|. The whole quotient must be below
    // 2^22 in size for what follows, its conversion to an integer.
    let fits = lo.unsigned_abs().max(hi.unsigned_abs()) + divisor as u64;
    let most = lo.unsigned_abs().max(hi.unsigned_abs()) / divisor as u64 + 1;
    (fits < 1 << 24 && most < 1 << 22).then_some(Way::Single)
}

/// 1.5 * 2^23: added to a whole number below 2^22, the low bits of the sum are that number.
const SHIFTER: f32 = 12_582_912.0;

/// Writes the division of an `I32` value, as the definition of `result`.
pub(super) fn emit(strip: &mut Strip, out: &mut Region, result: Value, way: Way, x: Value, divisor: i64) {
    match way {
        Way::Multiply { bias, factor, shift } => {
            let (mut y, lanes) = (x, Ty::I32);
            if bias > 0 {
                let offset = constant(strip, lanes, (i64::from(bias) * divisor) as u32);
                y = strip.define(out, lanes, Op::Binary(Binary::Add, y, offset));
            }
            let factor = constant(strip, lanes, factor);
            y = strip.define(out, lanes, Op::Binary(Binary::Mul, y, factor));
            if bias > 0 {
                y = strip.define(out, lanes, Op::Shift(Shift::Shr, y, shift));
                let bias = constant(strip, lanes, bias);
                out.push(Inst::Let { value: result, op: Op::Binary(Binary::Sub, y, bias) });
            } else {
                out.push(Inst::Let { value: result, op: Op::Shift(Shift::Shr, y, shift) });
            }
        }
        Way::Single => {
            let lanes = Ty::F32;
            let x = strip.define(out, lanes, Op::Convert(Convert::IntToFloat, x));
            let divisor = constant(strip, lanes, (divisor as f32).to_bits());
            let quotient = strip.define(out, lanes, Op::Binary(Binary::Div, x, divisor));
            let whole = strip.define(out, lanes, Op::Unary(Unary::Floor, quotient));
            let shifter = constant(strip, lanes, SHIFTER.to_bits());
            let sum = strip.define(out, lanes, Op::Binary(Binary::Add, whole, shifter));
            let bits = strip.define(out, Ty::I32, Op::Convert(Convert::Bits, sum));
            let shifter = constant(strip, Ty::I32, SHIFTER.to_bits());
            out.push(Inst::Let { value: result, op: Op::Binary(Binary::Sub, bits, shifter) });
        }
    }
}

/// A constant in the setup.
pub(super) fn constant(strip: &mut Strip, ty: Ty, bits: u32) -> Value {
    let value = strip.values.push(ty);
    strip.setup.push(Inst::Let { value, op: Op::Const(u64::from(bits)) });
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(way: Way, x: i32, divisor: i32) -> i32 {
        match way {
            Way::Multiply { bias, factor, shift } => {
                let y = x.wrapping_add((bias as i32).wrapping_mul(divisor));
                ((y.wrapping_mul(factor as i32) as u32) >> shift).wrapping_sub(bias) as i32
            }
            Way::Single => {
                let whole = (x as f32 / divisor as f32).floor();
                ((whole + SHIFTER).to_bits() as i32).wrapping_sub(SHIFTER.to_bits() as i32)
            }
        }
    }

    /// All numbers of ranges of many sizes, and of the singles' range all around the multiples, where the quotient is near a whole number.
    #[test]
    fn quotients_are_exact() {
        let divisors = [1, 2, 3, 5, 7, 9, 10, 16, 25, 49, 100, 255, 256, 257, 1000, 4093, 65535, 1_000_003];
        for divisor in divisors {
            for (lo, hi) in [(0, 255), (0, 2295), (-128, 127), (-40_000, 40_000), (0, 65535)] {
                let Some(way) = way(lo, hi, divisor) else { panic!("no way for {lo}..{hi} by {divisor}") };
                for x in lo..=hi {
                    let found = divided(way, x as i32, divisor as i32);
                    assert_eq!(i64::from(found), x.div_euclid(divisor), "{x} // {divisor} by {way:?}");
                }
            }
        }
        let mut singles = 0;
        for divisor in divisors {
            let most = (1 << 24) - divisor - 1;
            let Some(way) = way(-most, most, divisor) else { continue };
            singles += u32::from(way == Way::Single);
            let quotients = most / divisor;
            for multiple in -quotients..=quotients {
                for x in [multiple * divisor - 1, multiple * divisor, multiple * divisor + 1] {
                    if x.abs() <= most {
                        let found = divided(way, x as i32, divisor as i32);
                        assert_eq!(i64::from(found), x.div_euclid(divisor), "{x} // {divisor} by {way:?}");
                    }
                }
            }
        }
        assert!(singles > 5, "singles are not tested");
        for divisor in 2..2000 {
            for (lo, hi) in [(0, 255), (0, 2295), (-128, 127), (-20_000, 20_000), (0, 65535), (-40_000, -100)]
            {
                let Some(HalvesWay { bias, factor, shift }) = way_of_halves(lo, hi, divisor) else {
                    continue;
                };
                for x in (lo..=hi).step_by(if divisor < 20 { 1 } else { 7 }).chain([hi]) {
                    let y = u16::try_from(x + bias * divisor).unwrap();
                    let found = (((i64::from(y) * factor) >> 16) >> shift) - bias;
                    assert_eq!(found, x.div_euclid(divisor), "{x} // {divisor} of {lo}..{hi}");
                }
            }
        }
        assert_eq!(way_of_halves(0, 2295, 9), Some(HalvesWay { bias: 0, factor: 7282, shift: 0 }));
        assert_eq!(way_of_halves(0, 65536, 9), None);
        assert_eq!(way(0, 2295, 9), Some(Way::Multiply { bias: 0, factor: 1821, shift: 14 }));
        assert_eq!(way(0, 1 << 24, 9), None);
        assert_eq!(way(0, 9, 0), None);
        assert_eq!(way(-9, 9, -3), None);
    }
}
