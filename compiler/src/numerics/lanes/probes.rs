//! The contract of [`Lanes`] as a test that every implementation runs: small programs, arguments with all kinds of
//! numbers, and the results that they must have.

use super::Lanes;

/// A program of one operation on two arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    Add,
    Sub,
    Mul,
    Div,
    Sqrt,
    Fma,
    Fms,
    Fnma,
    Min,
    Max,
    Round,
    Floor,
    Ceil,
    Trunc,
    Lt,
    Le,
    Eq,
    Both,
    AnyOf,
    Not,
    Iadd,
    Isub,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    TestBit,
    Lookup,
    Rare,
    Either,
    Neg,
    Abs,
    WithSign,
    FlipSign,
    ToInt,
    ToFloat,
    Whole,
    WholeBits,
    PowerOfTwo,
    Scale,
    SplitM,
    SplitN,
}

static TABLE: [f64; 8] = [1.5, -2.0, 0.0, f64::INFINITY, 5e-324, 7.0, -0.0, 1e300];

impl Probe {
    pub(crate) const ALL: [Probe; 43] = {
        use Probe::*;
        [
            Add, Sub, Mul, Div, Sqrt, Fma, Fms, Fnma, Min, Max, Round, Floor, Ceil, Trunc, Lt, Le, Eq, Both,
            AnyOf, Not, Iadd, Isub, And, Or, Xor, Shl, Shr, TestBit, Lookup, Rare, Either, Neg, Abs,
            WithSign, FlipSign, ToInt, ToFloat, Whole, WholeBits, PowerOfTwo, Scale, SplitM, SplitN,
        ]
    };

    /// The program on lanes.
    pub(crate) fn build<L: Lanes>(self, l: &L, x: L::F, y: L::F) -> L::F {
        let flag = |mask: L::M| l.select(mask, l.f(1.0), l.f(0.0));
        let int = |op: fn(&L, L::I, L::I) -> L::I| l.from_bits(op(l, l.bits(x), l.bits(y)));
        match self {
            Probe::Add => l.add(x, y),
            Probe::Sub => l.sub(x, y),
            Probe::Mul => l.mul(x, y),
            Probe::Div => l.div(x, y),
            Probe::Sqrt => l.sqrt(x),
            Probe::Fma => l.fma(x, y, x),
            Probe::Fms => l.fms(x, y, x),
            Probe::Fnma => l.fnma(x, y, x),
            Probe::Min => l.min(x, y),
            Probe::Max => l.max(x, y),
            Probe::Round => l.round(x),
            Probe::Floor => l.floor(x),
            Probe::Ceil => l.ceil(x),
            Probe::Trunc => l.trunc(x),
            Probe::Lt => flag(l.lt(x, y)),
            Probe::Le => flag(l.le(x, y)),
            Probe::Eq => flag(l.eq(x, y)),
            Probe::Both => flag(l.both(l.lt(x, y), l.lt(l.f(0.0), x))),
            Probe::AnyOf => flag(l.any_of(l.lt(x, y), l.lt(l.f(0.0), x))),
            Probe::Not => flag(l.not(l.lt(x, y))),
            Probe::Iadd => int(L::iadd),
            Probe::Isub => int(L::isub),
            Probe::And => int(L::and),
            Probe::Or => int(L::or),
            Probe::Xor => int(L::xor),
            Probe::Shl => l.from_bits(l.shl(l.bits(x), 9)),
            Probe::Shr => l.from_bits(l.shr(l.bits(x), 11)),
            Probe::TestBit => flag(l.test_bit(l.bits(x), 52)),
            Probe::Lookup => l.lookup(&TABLE, l.shr(l.bits(x), 52)),
            Probe::Rare => l.rare(l.lt(l.f(1e9), l.abs(x)), [x, y], || [l.sqrt(y), x])[0],
            Probe::Either => super::either!(l, l.lt(x, y), x, l.add(y, y)),
            Probe::Neg => l.neg(x),
            Probe::Abs => l.abs(x),
            Probe::WithSign => l.with_sign(l.abs(x), y),
            Probe::FlipSign => l.flip_sign(x, y),
            // The others have an argument of a certain kind, made of any.
            Probe::ToInt => l.from_bits(l.to_int(small(l, x))),
            Probe::ToFloat => l.to_float(l.and(l.bits(x), l.i(0xff_ffff_ffff))),
            Probe::Whole => l.whole(l.add(small(l, x), l.f(0.375)), 2.75).0,
            Probe::WholeBits => {
                l.from_bits(l.and(l.whole(l.add(small(l, x), l.f(0.375)), 2.75).1, l.i(0xffff_ffff)))
            }
            Probe::PowerOfTwo => l.power_of_two(l.max(l.f(-1023.0), l.min(l.f(1023.0), small(l, x)))),
            Probe::Scale => l.scale(mantissa(l, x), l.max(l.f(-1900.0), l.min(l.f(1900.0), small(l, y)))),
            Probe::SplitM => l.split(l.abs(x)).0,
            Probe::SplitN => l.split(l.abs(x)).1,
        }
    }

    /// What the program gives, from other means than the implementation.
    fn expected(self, x: f64, y: f64) -> Option<f64> {
        let flag = |mask: bool| f64::from(u8::from(mask));
        let (a, b) = (x.to_bits(), y.to_bits());
        let whole = small(&super::Scalar, x);
        Some(match self {
            Probe::Add => x + y,
            Probe::Sub => x - y,
            Probe::Mul => x * y,
            Probe::Div => x / y,
            Probe::Sqrt => libm::sqrt(x),
            Probe::Fma => libm::fma(x, y, x),
            Probe::Fms => libm::fma(x, y, -x),
            Probe::Fnma => libm::fma(-x, y, x),
            Probe::Min => match x.partial_cmp(&y) {
                Some(std::cmp::Ordering::Less) => x,
                _ => y,
            },
            Probe::Max => match x.partial_cmp(&y) {
                Some(std::cmp::Ordering::Greater) => x,
                _ => y,
            },
            Probe::Round => libm::rint(x),
            Probe::Floor => libm::floor(x),
            Probe::Ceil => libm::ceil(x),
            Probe::Trunc => libm::trunc(x),
            Probe::Lt => flag(x < y),
            Probe::Le => flag(x <= y),
            Probe::Eq => flag(x == y),
            Probe::Both => flag(x < y && x > 0.0),
            Probe::AnyOf => flag(x < y || x > 0.0),
            Probe::Not => {
                let is_less = x < y;
                flag(!is_less)
            }
            Probe::Iadd => f64::from_bits(a.wrapping_add(b)),
            Probe::Isub => f64::from_bits(a.wrapping_sub(b)),
            Probe::And => f64::from_bits(a & b),
            Probe::Or => f64::from_bits(a | b),
            Probe::Xor => f64::from_bits(a ^ b),
            Probe::Shl => f64::from_bits(a << 9),
            Probe::Shr => f64::from_bits(a >> 11),
            Probe::TestBit => flag(a >> 52 & 1 == 1),
            Probe::Lookup => TABLE[(a >> 52) as usize % 8],
            Probe::Rare if x.abs() > 1e9 => libm::sqrt(y),
            Probe::Rare => x,
            Probe::Either if x < y => x,
            Probe::Either => 2.0 * y,
            Probe::Neg => -x,
            Probe::Abs => x.abs(),
            Probe::WithSign => x.copysign(y),
            Probe::FlipSign if y.is_sign_negative() => -x,
            Probe::FlipSign => x,
            Probe::ToInt => f64::from_bits(whole as i64 as u64),
            Probe::ToFloat => (a & 0xff_ffff_ffff) as f64,
            Probe::Whole => libm::rint((whole + 0.375) * 2.75),
            Probe::WholeBits => {
                f64::from_bits(libm::rint((whole + 0.375) * 2.75) as i64 as u64 & 0xffff_ffff)
            }
            Probe::PowerOfTwo if whole <= -1023.0 => 0.0,
            Probe::PowerOfTwo => libm::scalbn(1.0, whole.min(1023.0) as i32),
            Probe::Scale => {
                let n = small(&super::Scalar, y).clamp(-1900.0, 1900.0);
                libm::scalbn(mantissa(&super::Scalar, x), n as i32)
            }
            Probe::SplitM | Probe::SplitN if x == 0.0 || !x.is_finite() => return None,
            Probe::SplitM | Probe::SplitN => {
                let (m, n) = libm::frexp(x.abs());
                let (m, n) = if m < 0.75 { (2.0 * m, n - 1) } else { (m, n) };
                if self == Probe::SplitM { m } else { f64::from(n) }
            }
        })
    }
}

/// A whole number below 2^21 in size, made of any number.
fn small<L: Lanes>(l: &L, x: L::F) -> L::F {
    l.sub(l.to_float(l.and(l.bits(x), l.i(0x3f_ffff))), l.f(2_097_152.0))
}

/// A number from 1 to 2 made of any number.
fn mantissa<L: Lanes>(l: &L, x: L::F) -> L::F {
    l.from_bits(l.or(l.and(l.bits(x), l.i(0xf_ffff_ffff_ffff)), l.bits(l.f(1.0))))
}

/// Pairs of all kinds of numbers.
pub(crate) fn arguments() -> Vec<(f64, f64)> {
    let mut numbers = vec![f64::NAN, f64::INFINITY, 0.0, 5e-324, 1e-310, f64::MIN_POSITIVE, f64::MAX];
    numbers.extend([0.5, 0.75, 1.0, 1.4999999999999998, 1.5, 2.5, 3.0, 1e5 + 0.5, 1e10, 4503599627370497.0]);
    let mut state = 0x1234_5678_9abc_def1_u64;
    for _ in 0..24 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        numbers.push(f64::from_bits(state ^ state >> 29));
    }
    let numbers: Vec<f64> = numbers.iter().flat_map(|&x| [x, -x]).collect();
    numbers.iter().flat_map(|&x| numbers.iter().map(move |&y| (x, y))).collect()
}

/// Checks an implementation, given as a way to run a program on many arguments.
pub(crate) fn check(run: impl Fn(Probe, &[(f64, f64)]) -> Vec<f64>) {
    let arguments = arguments();
    for probe in Probe::ALL {
        let results = run(probe, &arguments);
        assert_eq!(results.len(), arguments.len(), "{probe:?}");
        for (&(x, y), result) in arguments.iter().zip(results) {
            let Some(expected) = probe.expected(x, y) else { continue };
            let is_same = result.to_bits() == expected.to_bits() || result.is_nan() && expected.is_nan();
            assert!(is_same, "{probe:?}({x:e}, {y:e}) = {result:e}, not {expected:e}");
        }
    }
}

#[test]
fn one_lane() {
    check(|probe, arguments| arguments.iter().map(|&(x, y)| probe.build(&super::Scalar, x, y)).collect());
}

/// The provided methods that one lane replaces give the same bits.
#[test]
fn provided_methods() {
    let l = &super::Scalar;
    for (x, y) in arguments() {
        let n = small(l, y).clamp(-1900.0, 1900.0);
        let a = mantissa(l, x);
        assert_eq!(super::scale(l, a, n).to_bits(), l.scale(a, n).to_bits(), "{a:e} * 2^{n}");
        if x > 0.0 && x.is_finite() {
            assert_eq!(super::split(l, x), l.split(x), "{x:e}");
        }
    }
}
