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
        assert_eq!(way(0, 2295, 9), Some(Way::Multiply { bias: 0, factor: 1821, shift: 14 }));
        assert_eq!(way(0, 1 << 24, 9), None);
        assert_eq!(way(0, 9, 0), None);
        assert_eq!(way(-9, 9, -3), None);
    }
}
