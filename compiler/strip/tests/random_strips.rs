//! Random strips are well-formed, are what their text says, and give the same result whatever the lanes.
#![allow(missing_docs, clippy::disallowed_methods)]

mod support;

use kjit_strip::interp::Settings;
use kjit_strip::ir::{Inst, Op, Ty};
use kjit_strip::text::{parse_strip, print_strip};
use kjit_strip::{narrow, narrow_most, verify, walk};
use std::collections::BTreeSet;
use support::oracle::{far_addresses, interpret};
use support::random;
use support::rng::Rng;

const CASES: u64 = 300;

#[test]
fn text_is_the_strip() {
    for seed in 0..CASES {
        let case = random::case(&mut Rng::new(seed));
        let text = print_strip(&case.strip);
        assert_eq!(verify(&case.strip), Ok(()), "seed {seed}\n{text}");
        let parsed = parse_strip(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
        assert_eq!(parsed, case.strip, "seed {seed}\n{text}");
    }
}

#[test]
fn results_do_not_depend_on_the_lanes() {
    for seed in 0..CASES {
        let mut rng = Rng::new(seed);
        let case = random::case(&mut rng);
        let text = print_strip(&case.strip);
        let n = rng.below(71) as u64;
        let fault = rng.one_in(2).then(|| rng.below(80) as u64);
        let instance = case.instance(&mut rng, n, fault);
        let addresses = far_addresses(&case, &instance);
        let interpret = |n, settings: &Settings| {
            interpret(&case, &instance, &addresses, n, settings)
                .unwrap_or_else(|error| panic!("seed {seed}, n {n}: {error}\n{text}"))
        };
        let lanes = |lanes| Settings { lanes, ..Settings::default() };
        let one = interpret(n, &lanes(1));
        for settings in [lanes(4), lanes(16), lanes(64), Settings { head: Some(3), ..lanes(8) }] {
            if case.strip.lanes.is_some() {
                continue;
            }
            let many = interpret(n, &settings);
            assert!(
                many.done <= one.done && one.done < many.done + u64::from(settings.lanes),
                "seed {seed}\n{text}"
            );
            if case.strip.repeatable && many.done < n {
                // Some more iterations may be done than it says.
                let last = one.done.min(many.done + u64::from(settings.lanes) - 1);
                let is_one_of_them = (many.done..=last).any(|done| {
                    let some = interpret(done, &lanes(1));
                    (&some.arrays, &some.outputs) == (&many.arrays, &many.outputs)
                });
                assert!(is_one_of_them, "seed {seed}, {settings:?}\n{text}");
                continue;
            }
            let again = interpret(many.done, &lanes(1));
            assert_eq!(again.done, many.done, "seed {seed}");
            assert_eq!(many, again, "seed {seed}, {settings:?}\n{text}");
        }
    }
}

/// Narrower lanes change no bit, and there are some.
#[test]
fn narrowed_strips_do_the_same() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("KJIT_STRIP_SEED").unwrap_or(0);
    let mut changed = 0;
    for seed in first..first + number("KJIT_STRIP_CASES").unwrap_or(4 * CASES) {
        let mut rng = Rng::new(seed);
        let mut case = random::case(&mut rng);
        let before = print_strip(&case.strip);
        let narrowed = narrow(&case.strip);
        let after = print_strip(&narrowed);
        assert_eq!(verify(&narrowed), Ok(()), "seed {seed}\n{before}\n{after}");
        let count = |strip: &kjit_strip::Strip| strip.values.values().filter(|&&ty| ty == Ty::I32).count();
        changed += u32::from(count(&narrowed) > count(&case.strip));
        let n = rng.below(71) as u64;
        let fault = rng.one_in(2).then(|| rng.below(80) as u64);
        let instance = case.instance(&mut rng, n, fault);
        let addresses = far_addresses(&case, &instance);
        let settings = Settings { lanes: rng.pick(&[1, 8, 16]), ..Settings::default() };
        let expected = interpret(&case, &instance, &addresses, n, &settings);
        case.strip = narrowed;
        let found = interpret(&case, &instance, &addresses, n, &settings);
        assert_eq!(found, expected, "seed {seed}\n{before}\n{after}");
    }
    assert!(changed > 50, "only {changed} strips have narrower lanes");
}

/// So do strips with lanes of 8 and 16 bits, and their text is what they are.
#[test]
fn small_strips_do_the_same() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("KJIT_STRIP_SEED").unwrap_or(0);
    let mut sizes = [0; 3];
    for seed in first..first + number("KJIT_STRIP_CASES").unwrap_or(6 * CASES) {
        let mut rng = Rng::new(seed);
        let mut case = random::small::small_case(&mut rng);
        let before = print_strip(&case.strip);
        assert_eq!(verify(&case.strip), Ok(()), "seed {seed}\n{before}");
        let narrowed = narrow_most(&case.strip);
        let after = print_strip(&narrowed);
        assert_eq!(verify(&narrowed), Ok(()), "seed {seed}\n{before}\n{after}");
        let parsed = parse_strip(&after).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{after}"));
        assert_eq!(print_strip(&parsed), after, "seed {seed}");
        sizes[usize::from(narrowed.small_bytes())] += 1;
        let n = rng.below(71) as u64;
        let fault = rng.one_in(2).then(|| rng.below(80) as u64);
        let instance = case.instance(&mut rng, n, fault);
        let addresses = far_addresses(&case, &instance);
        let settings = Settings { lanes: rng.pick(&[1, 8, 16]), ..Settings::default() };
        let expected = interpret(&case, &instance, &addresses, n, &settings);
        case.strip = narrowed;
        let found = interpret(&case, &instance, &addresses, n, &settings);
        assert_eq!(found, expected, "seed {seed}\n{before}\n{after}");
    }
    assert!(sizes.iter().all(|&count| count > 100), "{sizes:?} strips with lanes of other, 8 and 16 bits");
}

/// Every operation occurs.
#[test]
fn every_operation_occurs() {
    let mut seen = BTreeSet::new();
    for seed in 0..CASES {
        let case = random::case(&mut Rng::new(seed));
        for region in [&case.strip.setup, &case.strip.body] {
            walk::for_each_inst(region, &mut |inst| {
                let text = match inst {
                    Inst::Let { op: Op::Unary(op, _), .. } => format!("{op:?}"),
                    Inst::Let { op: Op::Binary(op, ..), .. } => format!("{op:?}"),
                    Inst::Let { op: Op::Convert(op, _), .. } => format!("{op:?}"),
                    Inst::Let { op: Op::Shift(op, ..), .. } => format!("Shift{op:?}"),
                    Inst::Let { op: Op::Fma(op, ..), .. } => format!("{op:?}"),
                    Inst::Let { op: Op::Compare(op, ..), .. } => format!("{op:?}"),
                    Inst::Let { op: Op::IntBinary(op, ..), .. } => format!("Int{op:?}"),
                    Inst::Let { op: Op::Load { elem, .. }, .. } => format!("Load{elem:?}"),
                    Inst::Store { elem, .. } => format!("Store{elem:?}"),
                    Inst::Update { op, .. } => format!("Update{op:?}"),
                    Inst::Let { op, .. } => format!("{op:?}"),
                    Inst::Fault { .. } => "Fault".to_owned(),
                    Inst::Loop(_) => "Loop".to_owned(),
                    Inst::Branch(_) => "Branch".to_owned(),
                };
                seen.insert(text.split([' ', '(']).next().unwrap_or("").to_owned());
            });
        }
    }
    for name in "Neg Abs Not Sqrt RoundEven Floor Ceil Trunc Add Sub Mul Div Min Max And Or Xor AndNot Shl Shr Sar \
        ShiftShl ShiftShr ShiftSar MulAdd MulSub NegMulAdd Eq Ne Lt Le Gt Ge Widen Narrow IntToFloat SmallToFloat FloatToInt \
        WholeToInt SignExtend ZeroExtend Truncate Bits MaskToInt IntAdd IntSub IntMul IntMin IntMax IntAnd IntOr IntXor IntShl \
        IntSar LoadBool LoadI8 LoadU8 LoadI16 LoadU16 LoadI32 LoadU32 LoadI64 LoadU64 LoadF32 LoadF64 StoreBool StoreI8 StoreU8 \
        StoreI16 StoreU16 StoreI32 StoreU32 StoreI64 StoreU64 StoreF32 StoreF64 Fault Loop Branch Select Lookup Any Active Broadcast \
        UpdateAdd UpdateMul UpdateMin UpdateMax UpdateAnd UpdateOr UpdateXor TestLanes IntCompare IntLoad First LaneNumber Word WordLanes"
        .split_whitespace()
    {
        assert!(seen.contains(name), "{name} never occurs, only {seen:?}");
    }
}
