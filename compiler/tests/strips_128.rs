//! Strips as 128-bit vectors do what the interpreter does: the random strips of `kjit-strip`, on this host.
#![allow(missing_docs, clippy::print_stderr, clippy::disallowed_methods)]
#![cfg(all(target_arch = "x86_64", unix))]

#[path = "../strip/tests/support/mod.rs"]
mod support;

use kjit_compiler::backend::clif::compile_strip_128;
use kjit_compiler::base::target::{Target, Tier};
use kjit_strip::interp::Settings;
use kjit_strip::text::print_strip;
use std::collections::BTreeMap;
use support::host;
use support::oracle::{Outcome, clean, far_addresses, frame, interpret};
use support::random::{self, Case, Instance};
use support::rng::Rng;

fn target() -> Option<Target> {
    let features = [
        ("has_sse3", is_x86_feature_detected!("sse3")),
        ("has_ssse3", is_x86_feature_detected!("ssse3")),
        ("has_sse41", is_x86_feature_detected!("sse4.1")),
        ("has_sse42", is_x86_feature_detected!("sse4.2")),
    ];
    let mut names: Vec<String> =
        features.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| (*name).to_owned()).collect();
    if names.len() < features.len() {
        return None;
    }
    // Without it strips with fused multiply-adds are refused, as they should be.
    if is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx") {
        names.extend(["has_avx".to_owned(), "has_fma".to_owned()]);
    }
    Some(Target { triple: "x86_64-unknown-linux-gnu".to_owned(), features: names, tier: Tier::V128 })
}

fn run(
    case: &Case,
    instance: &Instance,
    code: &host::Code,
    slots: &mut host::Slots,
    places: &[host::At],
) -> Result<Outcome, String> {
    let mut addresses = Vec::new();
    for (slot, ((bytes, _), &at)) in instance.arrays.iter().zip(places).enumerate() {
        addresses.push(slots.put(slot, at, bytes));
    }
    let mut words = frame(case, instance, &addresses);
    // SAFETY: The interpreter has run the strip on such arrays; it touches these and the frame only, if the code is right.
    let done = unsafe { code.call(words.as_mut_ptr() as u64, instance.n) };
    let mut arrays = Vec::new();
    for (slot, ((bytes, _), &at)) in instance.arrays.iter().zip(places).enumerate() {
        let after = slots.get(slot, at, bytes.len());
        arrays.push(after.ok_or_else(|| format!("bytes around array {slot} ({at:?}) were written"))?);
    }
    let outputs = case.outputs.iter().map(|&(word, _)| words[word as usize]).collect();
    let mut outcome = Outcome { done, arrays, outputs };
    clean(case, instance, &mut outcome);
    Ok(outcome)
}

/// Anywhere between the guard pages, often beside one.
fn some_places(instance: &Instance, rng: &mut Rng) -> Vec<host::At> {
    let place = |_| match rng.below(3) {
        0 => host::At::Start,
        1 => host::At::End,
        _ => host::At::Offset(rng.below(64)),
    };
    instance.arrays.iter().map(place).collect()
}

/// What the code has to do: full blocks only, up to the one with the fault.
fn expected(case: &Case, instance: &Instance, lanes: u32) -> Result<Outcome, String> {
    let addresses = far_addresses(case, instance);
    let settings = Settings { lanes, ..Settings::default() };
    let interpret =
        |n| interpret(case, instance, &addresses, n, &settings).map_err(|error| error.to_string());
    let full = instance.n / u64::from(lanes) * u64::from(lanes);
    let outcome = interpret(full)?;
    if outcome.done < full { interpret(outcome.done) } else { Ok(outcome) }
}

/// The code of a case, or nothing for a strip that is refused.
fn code_of(case: &Case, target: &Target) -> Option<(host::Code, u32)> {
    let (code, lanes) = compile_strip_128(&case.strip, target)
        .unwrap_or_else(|error| panic!("{error}\n{}", print_strip(&case.strip)))?;
    Some((host::Code::new(&code), lanes))
}

#[test]
fn random_strips_on_this_host() {
    let Some(target) = target() else {
        eprintln!("skipped: this host has no SSE 4.2");
        return;
    };
    host::report_crashes();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("KJIT_STRIP_SEED").unwrap_or(0);
    let total = number("KJIT_STRIP_CASES").unwrap_or(250);
    let mut slots = host::Slots::new(64);
    let mut refused: BTreeMap<bool, u64> = BTreeMap::new();
    for seed in first..first + total {
        let mut rng = Rng::new(seed);
        let case = random::case(&mut rng);
        let Some((code, lanes)) = code_of(&case, &target) else {
            *refused.entry(case.strip.lanes.is_some()).or_default() += 1;
            continue;
        };
        host::name_current(seed);
        for _ in 0..3 {
            let n = rng.below(5 * lanes as usize + 2) as u64;
            let fault = (n > 0 && rng.one_in(2)).then(|| rng.below(n as usize) as u64);
            let instance = case.instance(&mut rng, n, fault);
            let places = some_places(&instance, &mut rng);
            let found = run(&case, &instance, &code, &mut slots, &places);
            let text = print_strip(&case.strip);
            assert_eq!(
                found,
                expected(&case, &instance, lanes),
                "seed {seed}, n {n}, fault {fault:?}, {lanes} lanes\n{text}"
            );
        }
    }
    eprintln!("refused of {total}: {refused:?}");
    assert!(refused.values().sum::<u64>() * 2 <= total, "{refused:?} of {total}");
}

/// Lanes of 8 and 16 bits.
#[test]
fn small_lanes() {
    let Some(target) = target() else {
        eprintln!("skipped: this host has no SSE 4.2");
        return;
    };
    host::report_crashes();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("KJIT_STRIP_SEED").unwrap_or(0);
    let mut slots = host::Slots::new(64);
    let mut small = 0;
    for seed in first..first + number("KJIT_STRIP_CASES").unwrap_or(400) {
        let mut rng = Rng::new(seed);
        let mut case = random::small::small_case(&mut rng);
        let wide = case.strip.clone();
        case.strip = kjit_strip::narrow_most(&wide);
        small += u32::from(case.strip.small_bytes() > 0);
        let Some((code, lanes)) = code_of(&case, &target) else { continue };
        host::name_current(seed);
        for _ in 0..3 {
            let n = rng.below(5 * lanes as usize + 2) as u64;
            let fault = (n > 0 && rng.one_in(2)).then(|| rng.below(n as usize) as u64);
            let instance = case.instance(&mut rng, n, fault);
            let places = some_places(&instance, &mut rng);
            let found = run(&case, &instance, &code, &mut slots, &places);
            let text = print_strip(&wide);
            // What the strip was before it became narrow.
            let narrow = std::mem::replace(&mut case.strip, wide.clone());
            let expected = expected(&case, &instance, lanes);
            case.strip = narrow;
            assert_eq!(found, expected, "seed {seed}, n {n}, fault {fault:?}, {lanes} lanes\n{text}");
        }
    }
    assert!(small > 100, "only {small} strips have small lanes");
}

/// A fault in every iteration, for strips that have faults.
#[test]
fn faults_in_every_lane() {
    let Some(target) = target() else {
        eprintln!("skipped: this host has no SSE 4.2");
        return;
    };
    host::report_crashes();
    let mut slots = host::Slots::new(64);
    let mut found = 0;
    for seed in 2000.. {
        let mut rng = Rng::new(seed);
        let case = random::case(&mut rng);
        if !case.arrays.iter().any(|array| array.role == random::Role::Flags) {
            continue;
        }
        let Some((code, lanes)) = code_of(&case, &target) else { continue };
        host::name_current(seed);
        let n = u64::from(lanes) * 2 + 7;
        for fault in 0..=n {
            let instance = case.instance(&mut rng, n, Some(fault));
            let places = some_places(&instance, &mut rng);
            let outcome = run(&case, &instance, &code, &mut slots, &places);
            let text = print_strip(&case.strip);
            assert_eq!(outcome, expected(&case, &instance, lanes), "seed {seed}, fault {fault}\n{text}");
        }
        found += 1;
        if found == 12 {
            break;
        }
    }
}

/// Every element type, every number of iterations up to 70, every alignment, and both ends of the pages.
#[test]
fn every_alignment_and_length() {
    use kjit_strip::ir::{Elem, Ty};
    let Some(target) = target() else {
        eprintln!("skipped: this host has no SSE 4.2");
        return;
    };
    host::report_crashes();
    let mut slots = host::Slots::new(2);
    for (elem, ty) in [
        (Elem::F64, Ty::F64),
        (Elem::F32, Ty::F32),
        (Elem::I64, Ty::I64),
        (Elem::U32, Ty::I32),
        (Elem::I16, Ty::I64),
        (Elem::U16, Ty::I32),
        (Elem::U8, Ty::I64),
        (Elem::I8, Ty::I32),
        (Elem::Bool, Ty::Mask),
    ] {
        let case = random::copies(elem, ty);
        let (code, lanes) = code_of(&case, &target).unwrap_or_else(|| panic!("{elem:?} is refused"));
        let mut rng = Rng::new(7);
        for n in 0..=70 {
            host::name_current(n);
            let instance = case.instance(&mut rng, n, None);
            let wanted = expected(&case, &instance, lanes);
            for offset in 0..66 {
                let places = match offset {
                    64 => [host::At::End, host::At::Start],
                    65 => [host::At::Start, host::At::End],
                    _ => [host::At::Offset((offset * 5 + n as usize) % 64), host::At::Offset(offset)],
                };
                let found = run(&case, &instance, &code, &mut slots, &places);
                assert_eq!(found, wanted, "{elem:?}, n {n}, {places:?}");
            }
        }
    }
}
