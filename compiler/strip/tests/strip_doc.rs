//! The examples of `docs/strip.md`: each parses, verifies, and prints as it stands; the runs after it do what they say, in the interpreter
//! with several numbers of lanes, and as machine code in the emulator.
#![allow(missing_docs)]

mod emulator;

use emulator::{Machine, Region};
use kjit_strip::interp::{Buffers, Settings, run};
use kjit_strip::text::{parse_strip, print_strip};
use kjit_strip::{Strip, Tier, emit, verify};

const DOC: &str = include_str!("../../../docs/strip.md");

/// Language and text of each fenced block.
fn blocks() -> Vec<(&'static str, &'static str)> {
    DOC.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

#[test]
fn examples_are_what_the_printer_prints() {
    let mut count = 0;
    for (_, text) in blocks().into_iter().filter(|(language, _)| *language == "strip") {
        let strip = parse_strip(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(verify(&strip), Ok(()), "{text}");
        assert_eq!(print_strip(&strip), format!("{text}\n"));
        count += 1;
    }
    assert!(count >= 6, "{count} examples");
}

#[test]
fn runs_do_what_the_page_says() {
    let mut strip = None;
    let mut count = 0;
    for (language, text) in blocks() {
        match language {
            "strip" => strip = Some(parse_strip(text).unwrap()),
            "run" => {
                for line in text.lines() {
                    check_run(strip.as_ref().unwrap(), line);
                    count += 1;
                }
            }
            _ => {}
        }
    }
    assert!(count >= 8, "{count} runs");
}

/// A word of the frame as written: an array's bytes, or a number.
#[derive(Clone, PartialEq, Debug)]
enum Word {
    Array(Vec<u8>),
    Number(u64),
}

/// `f64[1.0, 2.0] u8[3] 4.0 5`
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = match rest.find([' ', '[']) {
            Some(at) if rest[at..].starts_with('[') => rest.find(']').unwrap() + 1,
            Some(at) => at,
            None => rest.len(),
        };
        let (word, after) = rest.split_at(end);
        words.push(match word.split_once('[') {
            Some((ty, items)) => {
                let items = items.trim_end_matches(']').split(", ");
                let bytes = |item: &str| match ty {
                    "f64" => item.parse::<f64>().unwrap().to_le_bytes().to_vec(),
                    "u8" => vec![item.parse::<u8>().unwrap()],
                    "i64" => item.parse::<i64>().unwrap().to_le_bytes().to_vec(),
                    other => panic!("the page has no arrays of {other}"),
                };
                Word::Array(items.flat_map(bytes).collect())
            }
            None if word.contains('.') => Word::Number(word.parse::<f64>().unwrap().to_bits()),
            None => Word::Number(word.parse::<i64>().unwrap() as u64),
        });
        rest = after.trim_start();
    }
    words
}

/// `4 iterations, 2 lanes, of WORDS do 2: WORDS`
fn check_run(strip: &Strip, line: &str) {
    let (before, after) = line.split_once(" do ").unwrap();
    let (how, before) = before.split_once(" of ").unwrap();
    let (done, after) = after.split_once(": ").unwrap();
    let (before, after) = (words(before), words(after));
    let done: u64 = done.parse().unwrap();
    let mut numbers = how.split(' ').filter_map(|word| word.parse::<u32>().ok());
    let n = u64::from(numbers.next().unwrap());
    let address = |number: usize| (number as u64 + 1) << 16;
    let frame = |words: &[Word]| -> Vec<u64> {
        let word = |(number, word): (usize, &Word)| match word {
            Word::Array(_) => address(number),
            Word::Number(number) => *number,
        };
        words.iter().enumerate().map(word).collect()
    };
    let lanes: Vec<u32> = numbers.next().map_or(vec![1, 2, 4, 16], |lanes| vec![lanes]);
    let is_for_all = lanes.len() > 1;
    for lanes in lanes {
        let mut memory = Buffers::new();
        let mut arrays = Vec::new();
        for (number, word) in before.iter().enumerate() {
            if let Word::Array(bytes) = word {
                arrays.push((number, memory.add(address(number), bytes.clone())));
            }
        }
        let mut frame_after = frame(&before);
        let settings = Settings { lanes, ..Settings::default() };
        assert_eq!(run(strip, &mut frame_after, n, &settings, &mut memory), Ok(done), "{line}");
        assert_eq!(frame_after, frame(&after), "{line}");
        for (number, buffer) in arrays {
            assert_eq!(Word::Array(memory.bytes(buffer).to_vec()), after[number], "{line}");
        }
    }
    if !is_for_all {
        return;
    }
    for tier in [Tier::Avx2, Tier::Avx512] {
        let code = emit(strip, tier).unwrap_or_else(|error| panic!("{tier:?}: {error}"));
        let mut memory = emulator::Memory::default();
        for (number, word) in before.iter().enumerate() {
            if let Word::Array(bytes) = word {
                memory.add(Region { start: address(number), bytes: bytes.clone(), writable: true });
            }
        }
        let bytes = frame(&before).iter().flat_map(|word| word.to_le_bytes()).collect();
        memory.add(Region { start: 64, bytes, writable: true });
        let mut machine = Machine::new(&code.bytes, memory);
        assert_eq!(machine.call([64, n], 100_000), Ok(done), "{tier:?}: {line}");
        let expected: Vec<u8> = frame(&after).iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(machine.memory.region(64), Some(&expected[..]), "{tier:?}: {line}");
        for (number, word) in after.iter().enumerate() {
            if let Word::Array(bytes) = word {
                assert_eq!(machine.memory.region(address(number)), Some(&bytes[..]), "{tier:?}: {line}");
            }
        }
    }
}
