//! Mathematical functions in vectors: the strips that `vectorize` makes of them give the same bits in the interpreter, as code of every tier
//! in the emulator, and in `numerics::math`, which the scalar code calls.
#![allow(missing_docs, clippy::print_stderr)]

#[path = "../strip/tests/emulator/mod.rs"]
mod emulator;
#[path = "../strip/tests/support/mod.rs"]
mod support;

use emulator::{Machine, Region};
use kjit_compiler::base::Options;
use kjit_compiler::infer::{NoHost, annotated_signature};
use kjit_compiler::ir::{Stmt, walk};
use kjit_compiler::numerics::math::{MathFn1, MathFn2};
use kjit_compiler::pipeline::{Request, front, optimize};
use kjit_compiler::syntax;
use kjit_strip::interp::{Buffers, Settings, run};
use kjit_strip::text::print_strip;
use kjit_strip::{Strip, Tier, emit};
use support::rng::Rng;

/// `y[i] = f(x[i])` or `y[i] = f(x[i], z[i])` for that element type; nothing if it has no strip, or the module has no such function.
fn strip_of(module: &str, function: &str, operands: usize, ty: &str) -> Option<Strip> {
    let params: String = ["x", "z"][..operands].iter().map(|name| format!("{name}: {ty}[:], ")).collect();
    let args = ["x[i]", "z[i]"][..operands].join(", ");
    let source = format!(
        "import math\nimport numpy as np\nfrom kjit import f32, f64\n\ndef f({params}y: {ty}[:]):\n    for i in range(len(x)):\n        y[i] = {module}.{function}({args})\n"
    );
    let (ast, errors) = syntax::parse::parse(&source);
    assert!(errors.is_empty(), "{source}");
    let args = annotated_signature(&ast, "f").unwrap_or_else(|errors| panic!("{errors:#?}"));
    let options = Options::default();
    let request =
        Request { ast: &ast, source: &source, function: "f", args: &args, options: &options, host: &NoHost };
    let mut front = front(&request, &mut |_| {}).ok()?;
    optimize(&mut front, None);
    let mut found = None;
    for func in front.program.funcs.values() {
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::Loop(inner) = stmt
                && let Some(plan) = &inner.strip
            {
                found.get_or_insert_with(|| plan.strip.clone());
            }
        });
    }
    found
}

/// Numbers of all sizes, and those at which functions change their ways.
fn numbers(rng: &mut Rng, count: usize) -> Vec<f64> {
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        -3e-310,
        1e-8,
        709.782_712_893_384,
        -745.133_219_101_941_1,
        88.722_84,
        -103.97,
        std::f64::consts::PI,
        std::f64::consts::FRAC_PI_2,
        1e22,
        1.0 + f64::EPSILON,
        1.0 - f64::EPSILON / 2.0,
        170.6,
        -1.5,
        2.5,
        27.3,
    ];
    let random = |rng: &mut Rng| match rng.below(4) {
        0 => f64::from_bits(rng.word()),
        1 => (rng.word() >> 11) as f64 / 2.0_f64.powi(53),
        2 => ((rng.word() >> 11) as f64 / 2.0_f64.powi(53) - 0.5) * 40.0,
        _ => ((rng.word() >> 11) as f64 / 2.0_f64.powi(53) - 0.5) * 2000.0,
    };
    (0..count).map(|at| special.get(at).copied().unwrap_or_else(|| random(rng))).collect()
}

fn bytes(numbers: &[f64], is_single: bool) -> Vec<u8> {
    let of = |number: &f64| match is_single {
        true => (*number as f32).to_le_bytes().to_vec(),
        false => number.to_le_bytes().to_vec(),
    };
    numbers.iter().flat_map(of).collect()
}

/// Elements as bits; NaNs are one.
fn elements(bytes: &[u8], is_single: bool) -> Vec<u64> {
    if is_single {
        let singles = bytes.as_chunks().0.iter().map(|item| f32::from_le_bytes(*item));
        singles.map(|x| if x.is_nan() { u64::MAX } else { u64::from(x.to_bits()) }).collect()
    } else {
        let doubles = bytes.as_chunks().0.iter().map(|item| f64::from_le_bytes(*item));
        doubles.map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).collect()
    }
}

#[test]
fn every_tier_gives_the_same_bits() {
    let (mut tested, mut scalar) = (0, Vec::new());
    let functions = MathFn1::ALL.iter().map(|&function| Function::One(function));
    for function in functions.chain(MathFn2::ALL.iter().map(|&function| Function::Two(function))) {
        let (name, operands) = match function {
            Function::One(function) => (function.name(), 1),
            Function::Two(function) => (function.name(), 2),
        };
        for ty in ["f64", "f32"] {
            let strip = strip_of("np", name, operands, ty).or_else(|| strip_of("math", name, operands, ty));
            let Some(strip) = strip else {
                scalar.push(format!("{name} {ty}"));
                continue;
            };
            check(&strip, function, ty == "f32", &format!("{name} {ty}"));
            tested += 1;
        }
    }
    eprintln!("{tested} tested; scalar: {scalar:?}");
    assert!(tested >= 40, "{tested} tested; scalar: {scalar:?}");
}

#[derive(Clone, Copy)]
enum Function {
    One(MathFn1),
    Two(MathFn2),
}

impl Function {
    /// What the scalar code computes from bits, as bits; NaNs of results are one.
    fn of(self, inputs: &[u64], is_single: bool) -> u64 {
        let double = |operand: usize| f64::from_bits(inputs[operand]);
        let single = |operand: usize| f32::from_bits(inputs[operand] as u32);
        if is_single {
            let y = match self {
                Function::One(function) => function.eval_f32(single(0)),
                Function::Two(function) => function.eval_f32(single(0), single(1)),
            };
            if y.is_nan() { u64::MAX } else { u64::from(y.to_bits()) }
        } else {
            let y = match self {
                Function::One(function) => function.eval_f64(double(0)),
                Function::Two(function) => function.eval_f64(double(0), double(1)),
            };
            if y.is_nan() { u64::MAX } else { y.to_bits() }
        }
    }
}

/// Addresses and steps of the arrays in turn, as the vectoriser gives them to such a loop.
fn check(strip: &Strip, function: Function, is_single: bool, name: &str) {
    let operands = match function {
        Function::One(_) => 1,
        Function::Two(_) => 2,
    };
    let count = 300;
    let size: u64 = if is_single { 4 } else { 8 };
    let mut rng = Rng::new(count as u64 + size);
    let inputs: Vec<Vec<u8>> = (0..operands)
        .map(|operand| {
            let mut items = numbers(&mut rng, count);
            // Special values meet each other.
            items[..26].rotate_left(operand * 5);
            bytes(&items, is_single)
        })
        .collect();
    let address = |number: usize| (number as u64 + 1) << 20;
    let mut frame: Vec<u64> = (0..=operands).flat_map(|number| [address(number), size]).collect();
    if let Some(word) = strip.streams {
        // From how many iterations on stores go around the caches: never.
        assert_eq!(word as usize, frame.len(), "{name}");
        frame.push(u64::MAX);
    }
    assert_eq!(strip.words as usize, frame.len(), "{name}\n{}", print_strip(strip));
    let output = vec![0_u8; count * size as usize];

    let mut memory = Buffers::new();
    for (number, input) in inputs.iter().enumerate() {
        memory.add(address(number), input.clone());
    }
    let into = memory.add(address(operands), output.clone());
    let settings = Settings { lanes: 16, ..Settings::default() };
    let done = run(strip, &mut frame.clone(), count as u64, &settings, &mut memory)
        .unwrap_or_else(|error| panic!("{name}: {error}\n{}", print_strip(strip)));
    let expected = elements(memory.bytes(into), is_single);
    for (at, &found) in expected.iter().enumerate().take(done as usize) {
        let inputs: Vec<u64> = inputs.iter().map(|input| emulator::lane(input, size as usize, at)).collect();
        let scalar = function.of(&inputs, is_single);
        assert_eq!(found, scalar, "{name}: element {at} of {inputs:x?}: {found:#x}, not {scalar:#x}");
    }
    for tier in [Tier::Avx2, Tier::Avx512] {
        let code = emit(strip, tier).unwrap_or_else(|error| panic!("{name}, {tier:?}: {error}"));
        let mut memory = emulator::Memory::default();
        for (number, input) in inputs.iter().enumerate() {
            memory.add(Region { start: address(number), bytes: input.clone(), writable: false });
        }
        memory.add(Region { start: address(operands), bytes: output.clone(), writable: true });
        let words = frame.iter().flat_map(|word| word.to_le_bytes()).collect();
        memory.add(Region { start: 64, bytes: words, writable: true });
        let mut machine = Machine::new(&code.bytes, memory);
        let found = machine
            .call([64, count as u64], 1_000_000)
            .unwrap_or_else(|error| panic!("{name}, {tier:?}: {error}"));
        let bits = elements(machine.memory.region(address(operands)).unwrap_or_default(), is_single);
        // Fewer may be done if a lane faults: the blocks differ.
        let common = found.min(done) as usize;
        for at in 0..common {
            let inputs: Vec<u64> =
                inputs.iter().map(|input| emulator::lane(input, size as usize, at)).collect();
            assert_eq!(
                bits[at], expected[at],
                "{name}, {tier:?}: element {at} of {inputs:x?}: {:#x}, not {:#x}",
                bits[at], expected[at]
            );
        }
        if done == count as u64 {
            assert_eq!(found, done, "{name}, {tier:?}");
        }
    }
}
