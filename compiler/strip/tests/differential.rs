//! Machine code of every tier does what the interpreter does.
//!
//! Random strips over random arrays, with planted faults. Code of a tier that this host has runs on it, between pages that can't be touched
//! and bytes that must not change; code of every tier runs in the emulator, whose memory knows the very bytes of each array. A failing
//! strip is made small and shown with its text. By hand: `KJIT_STRIP_CASES=20000 KJIT_STRIP_SEED=1000 cargo test -p kjit-strip --test differential`.
#![allow(missing_docs, clippy::print_stderr, clippy::disallowed_methods)]

mod emulator;
mod support;

use emulator::{Machine, Region};
use kjit_strip::emit::{Code, Tier, emit, emit_in_stages};
use kjit_strip::interp::Settings;
use kjit_strip::ir::Strip;
use kjit_strip::text::print_strip;
use std::collections::BTreeMap;
use support::oracle::{Outcome, clean, far_addresses, frame, interpret};
use support::random::{self, Case, Instance};
use support::rng::Rng;
use support::shrink::shrink;

#[cfg(all(target_arch = "x86_64", unix))]
use support::host;

const TIERS: [Tier; 2] = [Tier::Avx2, Tier::Avx512];

/// How many random cases a test has, and from which seed on.
fn cases(usual: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("KJIT_STRIP_SEED").unwrap_or(0);
    first..first + number("KJIT_STRIP_CASES").unwrap_or(usual)
}

/// Where a case ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Emulator,
    Host,
}

/// Runs code in the emulator.
fn emulate(case: &Case, instance: &Instance, code: &Code) -> Result<Outcome, String> {
    let addresses = far_addresses(case, instance);
    let mut memory = emulator::Memory::default();
    for ((bytes, _), &start) in instance.arrays.iter().zip(&addresses) {
        memory.add(Region { start, bytes: bytes.clone(), writable: true });
    }
    let frame_address = 0x1234_5678;
    let words = frame(case, instance, &addresses);
    let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    memory.add(Region { start: frame_address, bytes, writable: true });
    let mut machine = Machine::new(&code.bytes, memory);
    let done = machine.call([frame_address, instance.n], 400_000)?;
    let bytes = |start: u64| machine.memory.region(start).unwrap_or_default().to_vec();
    let frame = bytes(frame_address);
    let mut outcome = Outcome {
        done,
        arrays: addresses.iter().map(|&start| bytes(start)).collect(),
        outputs: case.outputs.iter().map(|&(word, _)| emulator::lane(&frame, 8, word as usize)).collect(),
    };
    clean(case, instance, &mut outcome);
    Ok(outcome)
}

/// Has this host what the tier needs?
fn host_has(tier: Tier) -> bool {
    #[cfg(all(target_arch = "x86_64", unix))]
    {
        let has_avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        has_avx2
            && match tier {
                Tier::Avx2 => true,
                Tier::Avx512 => {
                    is_x86_feature_detected!("avx512f")
                        && is_x86_feature_detected!("avx512dq")
                        && is_x86_feature_detected!("avx512bw")
                        && is_x86_feature_detected!("avx512vl")
                }
            }
    }
    #[cfg(not(all(target_arch = "x86_64", unix)))]
    {
        let _ = tier;
        false
    }
}

/// Runs code on this host, with the arrays at random places between guard pages.
#[cfg(all(target_arch = "x86_64", unix))]
fn run_on_host(
    case: &Case,
    instance: &Instance,
    code: &host::Code,
    slots: &mut host::Slots,
    rng: &mut Rng,
) -> Result<Outcome, String> {
    let places: Vec<host::At> = instance
        .arrays
        .iter()
        .map(|_| match rng.below(4) {
            0 => host::At::Start,
            1 | 2 => host::At::End,
            _ => host::At::Offset(rng.below(64)),
        })
        .collect();
    run_at(case, instance, code, slots, &places)
}

#[cfg(all(target_arch = "x86_64", unix))]
fn run_at(
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
    let canary = 0xc0ff_ee00_c0ff_ee00;
    let mut words = vec![canary];
    words.extend(frame(case, instance, &addresses));
    words.push(canary);
    let pointer = words[1..].as_mut_ptr();
    // SAFETY: The code is a strip that the interpreter has run: it touches its arrays and frame only, if the emitter is right.
    let done = unsafe { code.call(pointer as u64, instance.n) };
    if words[0] != canary || words[words.len() - 1] != canary {
        return Err("words around the frame were written".to_owned());
    }
    let mut arrays = Vec::new();
    for (slot, ((bytes, _), &at)) in instance.arrays.iter().zip(places).enumerate() {
        let after = slots.get(slot, at, bytes.len());
        arrays.push(after.ok_or_else(|| format!("bytes around array {slot} ({at:?}) were written"))?);
    }
    let outputs = case.outputs.iter().map(|&(word, _)| words[word as usize + 1]).collect();
    let mut outcome = Outcome { done, arrays, outputs };
    clean(case, instance, &mut outcome);
    Ok(outcome)
}

/// Is the outcome one that the strip may have with this many lanes?
fn check(case: &Case, instance: &Instance, code: &Code, found: &Outcome) -> Result<(), String> {
    let addresses = far_addresses(case, instance);
    let lanes = |lanes| Settings { lanes, ..Settings::default() };
    let one = interpret(case, instance, &addresses, instance.n, &lanes(1))
        .map_err(|error| format!("interpreter: {error}"))?;
    // With pinned lanes the interpreter too stops before a whole block.
    let slack = u64::from(code.lanes) * if code.remarks.staged { 2 } else { 1 } - 1;
    if case.strip.repeatable && found.done == 0 && instance.n < u64::from(code.lanes) {
        let untouched = interpret(case, instance, &addresses, 0, &lanes(1));
        return match untouched {
            Ok(expected) if expected.arrays == found.arrays && expected.outputs == found.outputs => Ok(()),
            _ => Err("nothing done, but something changed".to_owned()),
        };
    }
    if found.done > one.done + if case.strip.lanes.is_some() { slack } else { 0 }
        || found.done + slack < one.done
    {
        return Err(format!("{} iterations done, fault in {} of {}", found.done, one.done, instance.n));
    }
    let expected = interpret(case, instance, &addresses, found.done, &lanes(code.lanes))
        .map_err(|error| format!("interpreter: {error}"))?;
    if expected.done != found.done {
        return Err(format!("{} iterations done, fault in {}", found.done, expected.done));
    }
    // Without masks for small lanes, the iterations that fill no register are left.
    let is_small = kjit_strip::narrow_most(&case.strip).small_bytes() > 0;
    let left = if is_small && !case.strip.repeatable { u64::from(code.remarks.per_register) } else { 1 };
    if found.done + left <= instance.n && one.done == instance.n {
        return Err(format!("{} iterations done of {}, no fault", found.done, instance.n));
    }
    if case.strip.repeatable && found.done < instance.n {
        // Some more iterations may be done than it says.
        let last = one.done.min(found.done + slack);
        let is_one_of_them = (found.done..=last).any(|done| {
            interpret(case, instance, &addresses, done, &lanes(1))
                .is_ok_and(|expected| found.arrays == expected.arrays && found.outputs == expected.outputs)
        });
        return if is_one_of_them { Ok(()) } else { Err(format!("not what {} to {last} do", found.done)) };
    }
    for (number, (found, expected)) in found.arrays.iter().zip(&expected.arrays).enumerate() {
        if let Some(at) = (0..found.len()).find(|&at| found[at] != expected[at]) {
            let array = case.arrays[number];
            let size = array.elem.bytes() as usize;
            let show = |bytes: &[u8]| format!("{:02x?}", &bytes[at / size * size..(at / size + 1) * size]);
            return Err(format!(
                "word {}: {:?} element {} is {}, not {}",
                array.word,
                array.elem,
                at / size,
                show(found),
                show(expected)
            ));
        }
    }
    for ((found, expected), (word, ty)) in found.outputs.iter().zip(&expected.outputs).zip(&case.outputs) {
        if found != expected {
            return Err(format!("word {word}: {ty} {found:#x}, not {expected:#x}"));
        }
    }
    Ok(())
}

/// The case with another strip.
fn with_strip(case: &Case, strip: &Strip) -> Case {
    let outputs = case
        .outputs
        .iter()
        .copied()
        .filter(|(word, _)| strip.carried.iter().any(|carried| carried.word == *word))
        .collect();
    Case { strip: strip.clone(), arrays: case.arrays.clone(), scalars: case.scalars.clone(), outputs }
}

/// What goes wrong with this case in the emulator.
fn emulated_failure(case: &Case, instance: &Instance, tier: Tier) -> Option<String> {
    let code = emit(&case.strip, tier).ok()?;
    // An edit may have made a strip whose result depends on the lanes.
    let addresses = far_addresses(case, instance);
    let run = |n, lanes| {
        let settings = Settings { lanes, ..Settings::default() };
        interpret(case, instance, &addresses, n, &settings).ok()
    };
    let done = run(instance.n, 1)?.done;
    let expected = run(done, 1)?;
    if run(done, 4)? != expected || run(done, code.lanes)? != expected {
        return None;
    }
    let outcome = emulate(case, instance, &code).and_then(|found| check(case, instance, &code, &found));
    // A loop that lost its end is another failure.
    outcome.err().filter(|error| !error.starts_with("interpreter") && error != "too many instructions")
}

/// Shows the smallest strip that fails.
fn report(seed: u64, case: &Case, instance: &Instance, tier: Tier, place: Place, error: &str) -> ! {
    let emulated = |strip: &Strip| emulated_failure(&with_strip(case, strip), instance, tier);
    if place == Place::Host || emulated(&case.strip).is_none() {
        panic!("seed {seed}, {tier:?}, {place:?}, n {}: {error}\n{}", instance.n, print_strip(&case.strip));
    }
    let small = shrink(&case.strip, &mut |strip| emulated(strip).is_some());
    let small_error = emulated(&small).unwrap_or_default();
    panic!(
        "seed {seed}, {tier:?}, {place:?}, n {}: {error}\nas small as it gets: {small_error}\n{}",
        instance.n,
        print_strip(&small)
    );
}

/// Numbers of iterations that are worth a try.
fn some_n(rng: &mut Rng, lanes: u32) -> u64 {
    let lanes = u64::from(lanes);
    match rng.below(4) {
        0 => rng.below(71) as u64,
        // From eight blocks on a first one aligns the stores.
        3 => lanes * 8 + rng.below(lanes as usize + 20) as u64,
        1 => (lanes * (1 + rng.below(4) as u64) + rng.below(3) as u64).saturating_sub(1),
        _ => rng.below(4 * lanes as usize + 20) as u64,
    }
}

fn some_fault(rng: &mut Rng, n: u64) -> Option<u64> {
    if n > 0 && rng.one_in(2) { Some(rng.below(n as usize) as u64) } else { None }
}

/// The code of a case, and why others have none.
fn code_of(case: &Case, tier: Tier, refused: &mut BTreeMap<String, u32>) -> Option<Code> {
    match emit(&case.strip, tier) {
        Ok(code) => Some(code),
        Err(error) => {
            *refused.entry(format!("{tier:?}: {}", error.reason)).or_default() += 1;
            None
        }
    }
}

#[test]
fn random_strips_in_the_emulator() {
    let mut refused = BTreeMap::new();
    let seeds = cases(120);
    for seed in seeds.clone() {
        let mut rng = Rng::new(seed);
        let case = random::case(&mut rng);
        for tier in TIERS {
            let Some(code) = code_of(&case, tier, &mut refused) else { continue };
            for _ in 0..2 {
                let n = some_n(&mut rng, code.lanes);
                let fault = some_fault(&mut rng, n);
                let instance = case.instance(&mut rng, n, fault);
                let outcome =
                    emulate(&case, &instance, &code).and_then(|found| check(&case, &instance, &code, &found));
                if let Err(error) = outcome {
                    report(seed, &case, &instance, tier, Place::Emulator, &error);
                }
            }
        }
    }
    report_refusals(&refused, seeds.end - seeds.start);
}

/// Strips whose lanes may have 8 or 16 bits.
#[test]
fn small_lanes() {
    #[cfg(all(target_arch = "x86_64", unix))]
    let mut slots = host::Slots::new(64);
    let mut refused = BTreeMap::new();
    let mut small = [0; 3];
    let seeds = cases(1200);
    for seed in seeds.clone() {
        let mut rng = Rng::new(seed);
        let case = random::small::small_case(&mut rng);
        small[usize::from(kjit_strip::narrow_most(&case.strip).small_bytes())] += 1;
        let Some(code) = code_of(&case, Tier::Avx2, &mut refused) else { continue };
        // A tier that this host lacks, and now and then the other one: theirs is the same code.
        if seed % 4 == 0 || !host_has(Tier::Avx2) {
            for tier in TIERS {
                let Some(code) = code_of(&case, tier, &mut refused) else { continue };
                let n = some_n(&mut rng, code.lanes);
                let fault = some_fault(&mut rng, n);
                let instance = case.instance(&mut rng, n, fault);
                let outcome =
                    emulate(&case, &instance, &code).and_then(|found| check(&case, &instance, &code, &found));
                if let Err(error) = outcome {
                    report(seed, &case, &instance, tier, Place::Emulator, &error);
                }
            }
        }
        #[cfg(all(target_arch = "x86_64", unix))]
        if host_has(Tier::Avx2) {
            host::name_current(seed);
            let machine = host::Code::new(&code.bytes);
            for _ in 0..3 {
                let n = some_n(&mut rng, code.lanes);
                let fault = some_fault(&mut rng, n);
                let instance = case.instance(&mut rng, n, fault);
                let outcome = run_on_host(&case, &instance, &machine, &mut slots, &mut rng)
                    .and_then(|found| check(&case, &instance, &code, &found));
                if let Err(error) = outcome {
                    report(seed, &case, &instance, Tier::Avx2, Place::Host, &error);
                }
            }
        }
    }
    let total = seeds.end - seeds.start;
    eprintln!("of {total}: bytes {}, 16 bits {}, others {}", small[1], small[2], small[0]);
    assert!(total < 1000 || small.iter().all(|&count| count > 100), "{small:?}");
    report_refusals(&refused, total);
}

/// Few strips may be refused.
fn report_refusals(refused: &BTreeMap<String, u32>, total: u64) {
    eprintln!("refused of {total}: {refused:?}");
    assert!(
        refused.values().map(|&count| u64::from(count)).sum::<u64>() * 10 <= total,
        "{refused:?} of {total}"
    );
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn random_strips_on_this_host() {
    host::report_crashes();
    let mut slots = host::Slots::new(64);
    let mut refused = BTreeMap::new();
    let seeds = cases(250);
    for tier in TIERS {
        if !host_has(tier) {
            eprintln!(
                "skipped on this host, which lacks it: {tier:?}, {} strips (they run in the emulator)",
                seeds.end - seeds.start
            );
            continue;
        }
        for seed in seeds.clone() {
            let mut rng = Rng::new(seed);
            let case = random::case(&mut rng);
            let Some(code) = code_of(&case, tier, &mut refused) else { continue };
            host::name_current(seed);
            let machine = host::Code::new(&code.bytes);
            for _ in 0..3 {
                let n = some_n(&mut rng, code.lanes);
                let fault = some_fault(&mut rng, n);
                let instance = case.instance(&mut rng, n, fault);
                let outcome = run_on_host(&case, &instance, &machine, &mut slots, &mut rng)
                    .and_then(|found| check(&case, &instance, &code, &found));
                if let Err(error) = outcome {
                    report(seed, &case, &instance, tier, Place::Host, &error);
                }
            }
        }
    }
    report_refusals(&refused, seeds.end - seeds.start);
}

/// Code in two stages, whatever the length of the body.
#[test]
fn random_strips_in_two_stages() {
    #[cfg(all(target_arch = "x86_64", unix))]
    let mut slots = host::Slots::new(64);
    let mut staged = 0;
    let seeds = cases(400);
    for seed in seeds.clone() {
        let mut rng = Rng::new(seed);
        let case = random::case(&mut rng);
        for tier in TIERS {
            let Ok(code) = emit_in_stages(&case.strip, tier) else { continue };
            if !code.remarks.staged {
                continue;
            }
            staged += 1;
            for _ in 0..2 {
                let n = some_n(&mut rng, code.lanes);
                let fault = some_fault(&mut rng, n);
                let instance = case.instance(&mut rng, n, fault);
                let found =
                    emulate(&case, &instance, &code).and_then(|found| check(&case, &instance, &code, &found));
                if let Err(error) = found {
                    panic!("seed {seed}, {tier:?}, n {n}: {error}\n{}", print_strip(&case.strip));
                }
                #[cfg(all(target_arch = "x86_64", unix))]
                if host_has(tier) {
                    host::name_current(seed);
                    let machine = host::Code::new(&code.bytes);
                    let found = run_on_host(&case, &instance, &machine, &mut slots, &mut rng)
                        .and_then(|found| check(&case, &instance, &code, &found));
                    if let Err(error) = found {
                        panic!(
                            "seed {seed}, {tier:?} on this host, n {n}: {error}\n{}",
                            print_strip(&case.strip)
                        );
                    }
                }
            }
        }
    }
    eprintln!("{staged} pieces of code in two stages");
    assert!(staged >= (seeds.end - seeds.start) / 20, "{staged}");
}

/// Strips that move memory, with stores that go around the caches, which want whole lines.
#[test]
fn stores_around_the_caches() {
    #[cfg(all(target_arch = "x86_64", unix))]
    let mut slots = host::Slots::new(64);
    let mut streaming = 0;
    let seeds = cases(400);
    for seed in seeds.clone() {
        let mut rng = Rng::new(seed);
        let case = random::streams::streaming_case(&mut rng);
        for tier in TIERS {
            let code = emit(&case.strip, tier).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            streaming += u64::from(code.remarks.streams);
            for _ in 0..3 {
                let n = some_n(&mut rng, code.lanes);
                let fault = some_fault(&mut rng, n);
                let instance = case.instance(&mut rng, n, fault);
                if rng.one_in(2) || !host_has(tier) {
                    let found = emulate(&case, &instance, &code)
                        .and_then(|found| check(&case, &instance, &code, &found));
                    if let Err(error) = found {
                        report(seed, &case, &instance, tier, Place::Emulator, &error);
                    }
                }
                #[cfg(all(target_arch = "x86_64", unix))]
                if host_has(tier) {
                    host::name_current(seed);
                    let machine = host::Code::new(&code.bytes);
                    let found = run_on_host(&case, &instance, &machine, &mut slots, &mut rng)
                        .and_then(|found| check(&case, &instance, &code, &found));
                    if let Err(error) = found {
                        report(seed, &case, &instance, tier, Place::Host, &error);
                    }
                }
            }
        }
    }
    let total = seeds.end - seeds.start;
    eprintln!("{streaming} pieces of code of {} can store around the caches", 2 * total);
    assert!(streaming >= total * 3 / 2, "{streaming}");
}

/// A fault in every iteration, for strips that have faults.
#[test]
fn faults_in_every_lane() {
    #[cfg(all(target_arch = "x86_64", unix))]
    let mut slots = host::Slots::new(64);
    let mut found = 0;
    for seed in 1000.. {
        let mut rng = Rng::new(seed);
        let case = random::case(&mut rng);
        if !case.arrays.iter().any(|array| array.role == random::Role::Flags) {
            continue;
        }
        for tier in TIERS {
            let Ok(code) = emit(&case.strip, tier) else { continue };
            let n = u64::from(code.lanes) * 2 + 7;
            for fault in 0..=n {
                let instance = case.instance(&mut rng, n, Some(fault));
                if fault % 5 == seed % 5 || !host_has(tier) && fault % 3 == 0 {
                    let outcome = emulate(&case, &instance, &code)
                        .and_then(|found| check(&case, &instance, &code, &found));
                    if let Err(error) = outcome {
                        report(seed, &case, &instance, tier, Place::Emulator, &error);
                    }
                }
                #[cfg(all(target_arch = "x86_64", unix))]
                if host_has(tier) {
                    host::name_current(seed);
                    let machine = host::Code::new(&code.bytes);
                    let outcome = run_on_host(&case, &instance, &machine, &mut slots, &mut rng)
                        .and_then(|found| check(&case, &instance, &code, &found));
                    if let Err(error) = outcome {
                        report(seed, &case, &instance, tier, Place::Host, &error);
                    }
                }
            }
        }
        found += 1;
        if found == 4 {
            break;
        }
    }
}

/// Every element type, every number of iterations up to 70 and around the block, every alignment.
#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn every_alignment_and_length() {
    use kjit_strip::ir::{Elem, Ty};
    host::report_crashes();
    let mut slots = host::Slots::new(2);
    let elems = [
        (Elem::F64, Ty::F64),
        (Elem::F32, Ty::F32),
        (Elem::I64, Ty::I64),
        (Elem::U32, Ty::I32),
        (Elem::I16, Ty::I64),
        (Elem::I32, Ty::F64),
        (Elem::U16, Ty::F64),
        (Elem::U8, Ty::F64),
        (Elem::U16, Ty::I32),
        (Elem::U8, Ty::I64),
        (Elem::I8, Ty::I32),
        (Elem::Bool, Ty::Mask),
    ];
    for tier in TIERS {
        let ways = [(false, false), (true, false), (true, true)];
        let all = elems.into_iter().flat_map(|elem| ways.map(|way| (elem, way)));
        for (number, ((elem, ty), (repeatable, streams))) in all.enumerate() {
            let mut case = random::copies(elem, ty);
            case.strip.repeatable = repeatable;
            if streams {
                if !kjit_strip::may_stream(&case.strip) {
                    continue;
                }
                let word = case.strip.words;
                case.strip.words += 1;
                case.strip.streams = Some(word);
                case.scalars.push((word, 0));
            }
            let Ok(code) = emit(&case.strip, tier) else { panic!("{tier:?} {elem:?}") };
            let mut rng = Rng::new(7);
            let machine = host_has(tier).then(|| host::Code::new(&code.bytes));
            let lanes = u64::from(code.lanes);
            // From eight blocks on a first one aligns the stores.
            let longer = [2 * lanes - 1, 2 * lanes, 2 * lanes + 1, 5 * lanes + 3, 8 * lanes, 9 * lanes + 5];
            for n in (0..=70).chain(longer) {
                host::name_current(number as u64 * 1000 + n);
                let instance = case.instance(&mut rng, n, None);
                if n % 7 == 0 {
                    let found = emulate(&case, &instance, &code)
                        .unwrap_or_else(|error| panic!("{tier:?} {elem:?} {n}: {error}"));
                    check(&case, &instance, &code, &found)
                        .unwrap_or_else(|error| panic!("{tier:?} {elem:?} {n}: {error}"));
                }
                let Some(machine) = &machine else { continue };
                for offset in 0..66 {
                    let places = match offset {
                        64 => [host::At::End, host::At::Start],
                        65 => [host::At::Start, host::At::End],
                        _ => [host::At::Offset((offset * 5 + n as usize) % 64), host::At::Offset(offset)],
                    };
                    let found = run_at(&case, &instance, machine, &mut slots, &places)
                        .and_then(|found| check(&case, &instance, &code, &found));
                    if let Err(error) = found {
                        panic!("{tier:?} {elem:?}, n {n}, {places:?}: {error}");
                    }
                }
            }
        }
    }
}

/// Strips that were once wrong, each with what its frame held and is to hold: `(words before, n, word, content)`.
#[test]
fn strips_that_were_wrong() {
    // A choice between masks of single precision was made in steps of 8 bytes.
    let masks_of_singles = r#"strip "choice of masks" words 2 {
  setup {
    v0: f32 = word 0
    v1: i64 = 1
    v2: f32 = 1.0
    v3: mask = false
  }
  carried {
    v4: mask = v3 next v13 xor word 1
  }
  body {
    v5: int = first
    v6: i64 = broadcast(v5)
    v7: i64 = lane
    v8: i64 = v6 + v7
    v9: mask = v8 < v1
    v10: mask = v2 <= v0
    v11: mask = v10 & v9
    v12: mask = v4 ^ v11
    v13: mask = select(v11, v12, v4)
  }
}
"#;
    let cases: [(&str, &[u64], u64, usize, u64); 1] =
        [(masks_of_singles, &[u64::from(2.0_f32.to_bits()), 0], 20, 1, 1)];
    for (text, words, n, word, content) in cases {
        let strip = kjit_strip::text::parse_strip(text).unwrap_or_else(|error| panic!("{error}"));
        for tier in TIERS {
            let code = emit(&strip, tier).unwrap_or_else(|error| panic!("{error}"));
            let mut memory = emulator::Memory::default();
            let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            memory.add(Region { start: 0x1000, bytes, writable: true });
            let mut machine = Machine::new(&code.bytes, memory);
            assert_eq!(machine.call([0x1000, n], 100_000), Ok(n), "{tier:?}\n{text}");
            let frame = machine.memory.region(0x1000).unwrap_or_default();
            assert_eq!(emulator::lane(frame, 8, word), content, "{tier:?}\n{text}");
        }
    }
}
