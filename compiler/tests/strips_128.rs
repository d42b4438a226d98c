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
    rng: &mut Rng,
) -> Result<Outcome, String> {
    let places: Vec<host::At> = instance
        .arrays
        .iter()
        .map(|_| match rng.below(3) {
            0 => host::At::Start,
            1 => host::At::End,
            _ => host::At::Offset(rng.below(64)),
        })
        .collect();
    let mut addresses = Vec::new();
    for (slot, ((bytes, _), &at)) in instance.arrays.iter().zip(&places).enumerate() {
        addresses.push(slots.put(slot, at, bytes));
    }
    let mut words = frame(case, instance, &addresses);
    // SAFETY: The interpreter has run the strip on such arrays; it touches these and the frame only, if the code is right.
    let done = unsafe { code.call(words.as_mut_ptr() as u64, instance.n) };
    let mut arrays = Vec::new();
    for (slot, ((bytes, _), &at)) in instance.arrays.iter().zip(&places).enumerate() {
        let after = slots.get(slot, at, bytes.len());
        arrays.push(after.ok_or_else(|| format!("bytes around array {slot} ({at:?}) were written"))?);
    }
    let outputs = case.outputs.iter().map(|&(word, _)| words[word as usize]).collect();
    let mut outcome = Outcome { done, arrays, outputs };
    clean(case, instance, &mut outcome);
    Ok(outcome)
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
        let text = || print_strip(&case.strip);
        let code = compile_strip_128(&case.strip, &target)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", text()));
        let Some((code, lanes)) = code else {
            *refused.entry(case.strip.lanes.is_some()).or_default() += 1;
            continue;
        };
        host::name_current(seed);
        let code = host::Code::new(&code);
        for _ in 0..3 {
            let n = rng.below(5 * lanes as usize + 2) as u64;
            let fault = (n > 0 && rng.one_in(2)).then(|| rng.below(n as usize) as u64);
            let instance = case.instance(&mut rng, n, fault);
            let addresses = far_addresses(&case, &instance);
            let settings = Settings { lanes, ..Settings::default() };
            let interpret = |n| {
                interpret(&case, &instance, &addresses, n, &settings)
                    .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", text()))
            };
            // Full blocks only, up to the one with the fault.
            let full = n / u64::from(lanes) * u64::from(lanes);
            let expected = interpret(full);
            let expected = if expected.done < full { interpret(expected.done) } else { expected };
            let found = run(&case, &instance, &code, &mut slots, &mut rng);
            assert_eq!(found, Ok(expected), "seed {seed}, n {n}, fault {fault:?}, {lanes} lanes\n{}", text());
        }
    }
    eprintln!("refused of {total}: {refused:?}");
    assert!(refused.values().sum::<u64>() * 2 <= total, "{refused:?} of {total}");
}
