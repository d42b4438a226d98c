//! Machine code on this host does what the interpreter does, bit for bit.
#![allow(missing_docs, clippy::print_stderr)]
#![cfg(all(target_arch = "x86_64", unix))]

mod support;

use kjit_strip::interp::Settings;
use kjit_strip::text::print_strip;
use kjit_strip::{Tier, emit};
use support::host;
use support::oracle::{Outcome, clean, far_addresses, frame, interpret};
use support::random;
use support::rng::Rng;

/// How many random strips; more by the environment variable `KJIT_STRIPS`, from the seed `KJIT_SEED`.
fn cases() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("KJIT_SEED").unwrap_or(0);
    first..first + number("KJIT_STRIPS").unwrap_or(120)
}

/// Has this host what the tier needs?
fn host_has(tier: Tier) -> bool {
    let avx2 = std::is_x86_feature_detected!("avx2")
        && std::is_x86_feature_detected!("fma")
        && std::is_x86_feature_detected!("bmi2");
    match tier {
        Tier::Avx2 => avx2,
        Tier::Avx512 => {
            avx2 && std::is_x86_feature_detected!("avx512f")
                && std::is_x86_feature_detected!("avx512dq")
                && std::is_x86_feature_detected!("avx512bw")
                && std::is_x86_feature_detected!("avx512vl")
        }
    }
}

#[test]
fn random_strips_do_what_the_interpreter_does() {
    for tier in [Tier::Avx2, Tier::Avx512] {
        if !host_has(tier) {
            eprintln!("skipped: {tier:?} (not on this host)");
            continue;
        }
        for seed in cases() {
            let mut rng = Rng::new(seed);
            let case = random::case(&mut rng);
            let text = print_strip(&case.strip);
            let code = emit(&case.strip, tier).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
            let loaded = host::Code::new(&code.bytes);
            for round in 0..4 {
                let n = if round == 0 { rng.below(600) as u64 } else { rng.below(71) as u64 };
                let fault = rng.one_in(2).then(|| rng.below(80) as u64);
                let instance = case.instance(&mut rng, n, fault);
                // Each array with canaries around it, at any alignment.
                const CANARY: u8 = 0xA5;
                let mut places: Vec<Vec<u8>> = vec![];
                let mut starts = vec![];
                for (bytes, _) in &instance.arrays {
                    let start = 128 + rng.below(64) as usize;
                    let mut place = vec![CANARY; start + bytes.len() + 192];
                    place[start..start + bytes.len()].copy_from_slice(bytes);
                    starts.push(start);
                    places.push(place);
                }
                let addresses: Vec<u64> = places
                    .iter()
                    .zip(&starts)
                    .map(|(place, &start)| place.as_ptr() as u64 + start as u64)
                    .collect();
                let mut words = frame(&case, &instance, &addresses);
                // SAFETY: the generator makes arrays as long as the strip needs; the interpreter has checked that below.
                let one = Settings { lanes: 1, ..Settings::default() };
                let whole = interpret(
                    &case,
                    &instance,
                    &far_addresses(&case, &instance),
                    n,
                    &Settings { lanes: case.strip.lanes.unwrap_or(1), ..one },
                )
                .unwrap_or_else(|error| panic!("seed {seed}, n {n}: {error}\n{text}"));
                let done = unsafe { loaded.call(words.as_mut_ptr() as u64, n) };
                let mut got = Outcome {
                    done,
                    arrays: places
                        .iter()
                        .zip(&starts)
                        .zip(&instance.arrays)
                        .map(|((place, &start), (bytes, _))| place[start..start + bytes.len()].to_vec())
                        .collect(),
                    outputs: case.outputs.iter().map(|&(word, _)| words[word as usize]).collect(),
                };
                clean(&case, &instance, &mut got);
                assert!(
                    done <= whole.done && whole.done < done + u64::from(code.lanes).max(1) + 1,
                    "seed {seed}: done {done}, not {}\n{text}",
                    whole.done
                );
                let settings = match case.strip.lanes {
                    Some(lanes) => Settings { lanes, ..Settings::default() },
                    None => one,
                };
                let expected = interpret(&case, &instance, &far_addresses(&case, &instance), done, &settings)
                    .unwrap_or_else(|error| panic!("seed {seed}, n {n}: {error}\n{text}"));
                assert_eq!(got, expected, "seed {seed}, n {n}, {tier:?}, {:?}\n{text}", code.remarks);
                for ((place, &start), (bytes, _)) in places.iter().zip(&starts).zip(&instance.arrays) {
                    assert!(
                        place[..start]
                            .iter()
                            .chain(&place[start + bytes.len()..])
                            .all(|&byte| byte == CANARY),
                        "seed {seed}: written outside\n{text}"
                    );
                }
            }
        }
    }
}
