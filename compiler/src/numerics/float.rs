//! Floating-point operations beyond the processor's: Python's floor division and modulo, minimum and maximum in
//! their three flavours, sign, rounding to decimal digits.

macro_rules! float_ops {
    ($floordiv:ident $modulo:ident $divmod:ident $maximum:ident $minimum:ident $fmax:ident $fmin:ident $sign:ident $ty:ty) => {
        /// `(a // b, a % b)` by CPython's algorithm (`float_divmod`), which is NumPy's too: the remainder is
        /// exact and has the sign of `b`. A zero divisor gives `(a / b, nan)`, as in arrays.
        pub fn $divmod(a: $ty, b: $ty) -> ($ty, $ty) {
            let mut rest = a % b;
            if b == 0.0 {
                return (a / b, rest);
            }
            let mut quotient = (a - rest) / b;
            if rest == 0.0 {
                rest = (0.0 as $ty).copysign(b);
            } else if (b < 0.0) != (rest < 0.0) {
                rest += b;
                quotient -= 1.0;
            }
            if quotient == 0.0 {
                return ((0.0 as $ty).copysign(a / b), rest);
            }
            let whole = quotient.floor();
            (if quotient - whole > 0.5 { whole + 1.0 } else { whole }, rest)
        }

        /// `a // b` in Python's sense; `a / 0` is infinite or NaN.
        #[inline]
        pub fn $floordiv(a: $ty, b: $ty) -> $ty {
            $divmod(a, b).0
        }

        /// `a % b` in Python's sense, with the sign of `b`; NaN for a zero divisor.
        #[inline]
        pub fn $modulo(a: $ty, b: $ty) -> $ty {
            $divmod(a, b).1
        }

        /// `np.maximum`: NaN if one argument is NaN.
        #[inline]
        pub fn $maximum(a: $ty, b: $ty) -> $ty {
            if a >= b || a.is_nan() { a } else { b }
        }

        /// `np.minimum`: NaN if one argument is NaN.
        #[inline]
        pub fn $minimum(a: $ty, b: $ty) -> $ty {
            if a <= b || a.is_nan() { a } else { b }
        }

        /// `np.fmax`: the other argument if one is NaN.
        #[inline]
        pub fn $fmax(a: $ty, b: $ty) -> $ty {
            if a >= b || b.is_nan() { a } else { b }
        }

        /// `np.fmin`: the other argument if one is NaN.
        #[inline]
        pub fn $fmin(a: $ty, b: $ty) -> $ty {
            if a <= b || b.is_nan() { a } else { b }
        }

        /// `np.sign`: -1, 0 or 1; NaN stays.
        #[inline]
        pub fn $sign(a: $ty) -> $ty {
            if a > 0.0 {
                1.0
            } else if a < 0.0 {
                -1.0
            } else if a == 0.0 {
                0.0
            } else {
                a
            }
        }
    };
}

float_ops!(floordiv_f64 mod_f64 divmod_f64 maximum_f64 minimum_f64 fmax_f64 fmin_f64 sign_f64 f64);
float_ops!(floordiv_f32 mod_f32 divmod_f32 maximum_f32 minimum_f32 fmax_f32 fmin_f32 sign_f32 f32);

/// Python's `round(x, ndigits)` for floats: the decimal nearest to the exact value of `x`, ties to even, then the
/// `f64` nearest to that. `round(2.675, 2)` is 2.67, since the number lies below the tie.
///
/// Out of range: an overflow gives an infinity (CPython raises `OverflowError`); NaN and infinities stay.
///
/// ```
/// assert_eq!(kjit_compiler::numerics::float::round_half_even_digits(2.675, 2), 2.67);
/// assert_eq!(kjit_compiler::numerics::float::round_half_even_digits(1250.0, -2), 1200.0);
/// ```
pub fn round_half_even_digits(x: f64, ndigits: i64) -> f64 {
    if !x.is_finite() || x == 0.0 || ndigits > 323 {
        return x;
    }
    if ndigits < -308 {
        return 0.0 * x;
    }
    if ndigits == 0 {
        return x.round_ties_even();
    }
    let size = x.abs();
    let text = if ndigits > 0 {
        // The standard library rounds the exact value, ties to even.
        format!("{size:.*}", ndigits as usize)
    } else {
        round_whole_digits(size, -ndigits as usize)
    };
    text.parse::<f64>().unwrap_or(size).copysign(x)
}

/// The whole number near `size` that ends in `zeros` zeros, as text that parses as a float.
fn round_whole_digits(size: f64, zeros: usize) -> String {
    let whole = size.trunc();
    let digits = format!("{:0>width$}", format!("{whole:.0}"), width = zeros + 1);
    let (head, tail) = digits.split_at(digits.len() - zeros);
    let half = format!("5{}", "0".repeat(zeros - 1));
    let is_odd = head.ends_with(['1', '3', '5', '7', '9']);
    let rounds_up = match tail.cmp(&half) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => is_odd || size > whole,
        std::cmp::Ordering::Less => false,
    };
    let head = if rounds_up { add_one(head) } else { head.to_owned() };
    format!("{head}e{zeros}")
}

/// The decimal number plus one.
fn add_one(digits: &str) -> String {
    let nines = digits.len() - digits.trim_end_matches('9').len();
    let (head, _) = digits.split_at(digits.len() - nines);
    let zeros = "0".repeat(nines);
    match head.char_indices().next_back() {
        None => format!("1{zeros}"),
        Some((at, last)) => {
            let next = char::from_digit(last.to_digit(10).unwrap_or(0) + 1, 10).unwrap_or('0');
            format!("{}{next}{zeros}", &head[..at])
        }
    }
}

/// `np.round(x, decimals)`: scaled by a power of ten, `rint`, scaled back. Faster than Python's `round` and not the
/// same: `np.round(2.675, 2)` is 2.68.
pub fn np_round_f64(x: f64, decimals: i64) -> f64 {
    if decimals == 0 {
        return x.round_ties_even();
    }
    let power = power_of_ten(decimals.unsigned_abs());
    if decimals > 0 { (x * power).round_ties_even() / power } else { (x / power).round_ties_even() * power }
}

/// The `f64` nearest to 10^exponent; infinite above 308.
fn power_of_ten(exponent: u64) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a, b, a // b, a % b` by CPython 3.11.
    #[rustfmt::skip]
    const DIVISIONS: &[(f64, f64, f64, f64)] = &[
        (7.0, 2.0, 3.0, 1.0),
        (-7.0, 2.0, -4.0, 1.0),
        (7.0, -2.0, -4.0, -1.0),
        (-7.0, -2.0, 3.0, -1.0),
        (1.0, 0.1, 9.0, 0.09999999999999995),
        (-1.0, 0.1, -10.0, 5.551115123125783e-17),
        (0.3, 0.1, 2.0, 0.09999999999999998),
        (-0.0, 3.0, -0.0, 0.0),
        (0.0, -3.0, -0.0, -0.0),
        (6.0, -3.0, -2.0, -0.0),
        (1e+300, 1e-10, f64::INFINITY, 5.476641984772742e-11),
        (1e-300, 1e+300, 0.0, 1e-300),
        (-1e-300, 1e+300, -1.0, 1e+300),
        (5.5, f64::INFINITY, 0.0, 5.5),
        (-5.5, f64::INFINITY, -1.0, f64::INFINITY),
        (58.66801675233259, 1.931724253918361, 30.0, 0.7162891347817606),
        (-2.9930744138109304, -1.4302711023320525, 2.0, -0.1325322091468255),
        (-99.9096570229858, 0.9769113773026055, -103.0, 0.7122148391825656),
        (-5.949148587110997, 1.5583838105873582, -4.0, 0.28438665523843554),
        (-25.36792558523169, 1.6208390156279409, -16.0, 0.5654986648153653),
        (-45.46038286560585, 1.8114928989756223, -26.0, 1.638432507760328),
        (45.964966524403195, -0.5159613530081799, -90.0, -0.47155524633299706),
        (7.661043911055373, 1.0923104477320704, 7.0, 0.014870776930879792),
        (-61.40302484718252, 0.3216909929897058, -191.0, 0.03995481385129107),
        (61.02480996979466, -1.4068736733689877, -44.0, -0.8776316584407997),
        (60.67306192226266, 1.1141392926026459, 54.0, 0.5095401217197839),
        (68.856464959233, -0.9865078930451139, -70.0, -0.19908755392497746),
        (-81.37308156171355, 1.8016963188325548, -46.0, 1.5049491045839716),
        (60.95630265844861, -0.32872551532294114, -186.0, -0.18664319161844567),
        (-81.24392516081207, -1.8170277312063936, 44.0, -1.29470498773075)
    ];

    /// `x, ndigits, round(x, ndigits)` by CPython 3.11; infinity stands for its OverflowError.
    #[rustfmt::skip]
    const ROUNDED: &[(f64, i64, f64)] = &[
        (2.675, 2, 2.67),
        (0.5, 0, 0.0),
        (1.5, 0, 2.0),
        (2.5, 0, 2.0),
        (0.125, 2, 0.12),
        (0.375, 2, 0.38),
        (2.5, -1, 0.0),
        (5.0, -1, 0.0),
        (15.0, -1, 20.0),
        (25.0, -1, 20.0),
        (25.000001, -1, 30.0),
        (1250.0, -2, 1200.0),
        (1350.0, -2, 1400.0),
        (1e+22, -21, 1e+22),
        (123456789.0, -5, 123500000.0),
        (-1.005, 2, -1.0),
        (-0.4, 0, -0.0),
        (4.0, -1, 0.0),
        (50.0, -2, 0.0),
        (50.5, -2, 100.0),
        (150.0, -2, 200.0),
        (9.5, -1, 10.0),
        (99.0, -3, 0.0),
        (500.0, -3, 0.0),
        (500.1, -3, 1000.0),
        (1e+300, -300, 1e+300),
        (9.99e+307, -308, 1e+308),
        (1.7e+308, -308, f64::INFINITY),
        (1e-320, 321, 1e-320),
        (5e-324, 323, 0.0),
        (0.1, 1, 0.1),
        (0.15, 1, 0.1),
        (0.25, 1, 0.2),
        (0.35, 1, 0.3),
        (0.45, 1, 0.5),
        (1e+16, 2, 1e+16),
        (2.5e-05, 5, 3e-05),
        (3.5e-05, 5, 3e-05),
        (2458.033897794039, 6, 2458.033898),
        (5903.871311313933, 11, 5903.87131131393),
        (-9419.895434327706, 9, -9419.895434328),
        (5519.171348714337, 2, 5519.17),
        (2979.4910627384834, 0, 2979.0),
        (-7735.880706937112, 10, -7735.8807069371),
        (7368.909157301907, 7, 7368.9091573),
        (875.2171847186091, 13, 875.2171847186091),
        (-5013.385711146268, 1, -5013.4),
        (-1836.97890050972, 0, -1837.0),
        (8326.907436171037, 7, 8326.9074362),
        (-6807.915752839235, -3, -7000.0),
        (-7224.651632021936, 14, -7224.651632021936),
        (-1103.2862772495719, -1, -1100.0),
        (-9964.502755949306, -5, -0.0),
        (-5810.872350097642, 1, -5810.9),
        (9202.54200434999, 0, 9203.0),
        (7448.155308736037, 4, 7448.1553),
        (-3726.972645300928, 1, -3727.0),
        (784.4693774162133, 1, 784.5),
        (-6366.626629087926, 1, -6366.6),
        (9331.286246343909, 7, 9331.2862463),
        (-4024.2220429226454, 6, -4024.222043),
        (-1701.8657675450959, -1, -1700.0),
        (-4723.7612210005955, 5, -4723.76122),
        (-3972.8179846107505, 14, -3972.8179846107505),
        (1722.8251700674173, 14, 1722.8251700674173),
        (3558.684990953825, 5, 3558.68499),
        (-8679.550988978457, 6, -8679.550989),
        (6370.361492941416, 10, 6370.3614929414),
        (3928.3961528231357, 0, 3928.0),
        (-375.63227526272203, 0, -376.0),
        (-8859.9814092842, -5, -0.0),
        (8984.409533410522, 6, 8984.409533),
        (6897.617787762592, -5, 0.0),
        (981.3189190236171, 8, 981.31891902),
        (-2676.3104831627898, 13, -2676.3104831627898),
        (6824.681909245013, 9, 6824.681909245),
        (-9065.457626021169, 0, -9065.0),
        (2474.2606215447013, 1, 2474.3),
        (-7619.588858524499, 2, -7619.59),
        (8593.106391950423, 9, 8593.10639195),
        (-3112.363738939761, 6, -3112.363739),
        (7854.221839413316, 3, 7854.222),
        (5512.060293979906, -2, 5500.0),
        (1795.267425238795, 6, 1795.267425),
        (7193.886383751604, -4, 10000.0),
        (-1340.4662987887605, -3, -1000.0),
        (-5830.332139024059, 11, -5830.33213902406),
        (2216.5507618524844, -1, 2220.0),
        (-3200.809467483108, 12, -3200.809467483108),
        (-8158.533079557066, 5, -8158.53308),
        (-3876.578632372951, -3, -4000.0),
        (2536.1153705221477, 4, 2536.1154),
        (9934.536290734079, 0, 9935.0),
        (4402.576394163394, -3, 4000.0),
        (9733.982175685349, 12, 9733.982175685349),
        (8472.136319561007, -4, 10000.0),
        (-5253.267922914253, 14, -5253.267922914253),
        (-3123.341973677947, 3, -3123.342),
        (-43.361328125, 3, -43.361),
        (-694594.0, 7, -694594.0),
        (-7276.3984375, 2, -7276.4),
        (94789.125, -1, 94790.0),
        (1043.771484375, -1, 1040.0),
        (5031.921875, -2, 5000.0),
        (-10093.078125, 2, -10093.08),
        (-687010.0, 10, -687010.0),
        (-7365.125, -1, -7370.0),
        (-97.00390625, 10, -97.00390625),
        (-2519.4296875, 4, -2519.4297),
        (741.96875, 4, 741.9688),
        (-26581.625, 4, -26581.625),
        (-38298.25, -2, -38300.0),
        (-817.86328125, -1, -820.0),
        (2459.6875, 10, 2459.6875),
        (-72539.75, -2, -72500.0),
        (1969.3125, 5, 1969.3125),
        (2500.046875, 10, 2500.046875),
        (1703.09375, -2, 1700.0)
    ];

    #[test]
    fn division_is_cpythons() {
        for &(a, b, quotient, rest) in DIVISIONS {
            let (q, r) = divmod_f64(a, b);
            assert_eq!((q.to_bits(), r.to_bits()), (quotient.to_bits(), rest.to_bits()), "divmod({a}, {b})");
        }
    }

    #[test]
    fn division_by_zero_and_of_infinity() {
        assert_eq!(floordiv_f64(1.0, 0.0), f64::INFINITY);
        assert_eq!(floordiv_f64(-1.0, 0.0), f64::NEG_INFINITY);
        assert!(floordiv_f64(0.0, 0.0).is_nan() && mod_f64(1.0, 0.0).is_nan());
        assert!(floordiv_f64(f64::INFINITY, 1.0).is_nan() && mod_f64(f64::INFINITY, 1.0).is_nan());
        assert_eq!((floordiv_f32(-7.0, 2.0), mod_f32(-7.0, 2.0)), (-4.0, 1.0));
        assert_eq!((floordiv_f32(1.0, 0.1), mod_f32(1.0, 0.1)), (9.0, 0.09999999));
    }

    #[test]
    fn rounding_is_cpythons() {
        for &(x, digits, expected) in ROUNDED {
            let rounded = round_half_even_digits(x, digits);
            assert_eq!(rounded.to_bits(), expected.to_bits(), "round({x}, {digits}) gives {rounded}");
        }
        assert_eq!(round_half_even_digits(1.5, 400), 1.5);
        assert_eq!(round_half_even_digits(1.5, -400), 0.0);
        assert!(round_half_even_digits(f64::NAN, 2).is_nan());
    }

    #[test]
    fn rounding_is_numpys() {
        assert_eq!(
            (np_round_f64(2.675, 2), np_round_f64(1250.0, -2), np_round_f64(0.5, 0)),
            (2.68, 1200.0, 0.0)
        );
    }

    #[test]
    fn nan_in_minimum_and_maximum() {
        assert!(maximum_f64(f64::NAN, 1.0).is_nan() && maximum_f64(1.0, f64::NAN).is_nan());
        assert!(minimum_f64(f64::NAN, 1.0).is_nan() && minimum_f64(1.0, f64::NAN).is_nan());
        assert_eq!((fmax_f64(f64::NAN, 1.0), fmin_f64(1.0, f64::NAN)), (1.0, 1.0));
        assert_eq!((maximum_f64(1.0, 2.0), minimum_f64(1.0, 2.0), sign_f64(-3.0)), (2.0, 1.0, -1.0));
    }
}
