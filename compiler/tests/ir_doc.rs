//! The examples of `docs/ir.md`: each `ir` block parses, verifies, and prints as it stands; the `call` block after it runs.

use kjit_compiler::backend::interp::{
    self, ArrayArg, BufferId, Collector, Failure, Limits, Memory, Outcome, Value,
};
use kjit_compiler::ir::text::{parse_program, print_program};
use kjit_compiler::ir::{Param, Program, Ret, format_message, verify};
use kjit_compiler::types::DType;

const DOC: &str = include_str!("../../docs/ir.md");

/// Language and text of each fenced block.
fn blocks() -> Vec<(&'static str, &'static str)> {
    DOC.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

#[test]
fn examples_are_what_the_printer_prints() {
    let mut count = 0;
    for (_, text) in blocks().into_iter().filter(|(language, _)| *language == "ir") {
        let program = parse_program(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(verify(&program), Ok(()), "{text}");
        assert_eq!(print_program(&program), format!("{text}\n"));
        count += 1;
    }
    assert!(count >= 5, "{count} examples");
}

#[test]
fn calls_give_what_the_page_says() {
    let mut program = None;
    let mut count = 0;
    for (language, text) in blocks() {
        match language {
            "ir" => program = Some(parse_program(text).unwrap()),
            "call" => {
                for line in text.lines() {
                    check_call(program.as_ref().unwrap(), line);
                    count += 1;
                }
            }
            _ => {}
        }
    }
    assert!(count >= 8, "{count} calls");
}

/// `f(1, [2.0]) == 3.0, [4.0]`, `f() traps K701: message`, `f() prints line`.
fn check_call(program: &Program, line: &str) {
    let (call, expected) = line.split_at(line.find(") ").unwrap() + 1);
    let (outcome, lines) = run(program, call);
    let (word, expected) = expected.trim().split_once(' ').unwrap();
    match word {
        "==" => assert_eq!(results(program, &outcome), expected, "{line}"),
        "prints" => assert_eq!(lines.join("\n"), expected, "{line}"),
        "traps" => {
            let Err(Failure::Trap { trap, args, .. }) = &outcome.result else {
                panic!("{line}: {:?}", outcome.result)
            };
            let trap = &program.traps[*trap];
            assert_eq!(format!("{}: {}", trap.code, format_message(&trap.message, args)), expected, "{line}");
        }
        other => panic!("unknown word `{other}` in {line}"),
    }
}

fn run(program: &Program, call: &str) -> (Outcome, Vec<String>) {
    let func = &program.funcs[program.entry];
    let args = call.split_once('(').unwrap().1.strip_suffix(')').unwrap();
    let (mut values, mut buffers) = (Vec::new(), Vec::new());
    for (param, arg) in func.params.iter().zip(split(args)) {
        values.push(match *param {
            Param::Scalar(local) => Value::Scalar(number(arg, func.locals[local].dtype)),
            Param::Array(array) => {
                let ty = func.arrays[array].ty;
                let list = |text: &str| {
                    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap().to_owned()
                };
                let rows = list(arg);
                let mut shape = vec![split(&rows).len() as i64];
                let items = match ty.rank {
                    1 => rows,
                    _ => split(&rows).into_iter().map(list).collect::<Vec<_>>().join(", "),
                };
                let items = split(&items);
                buffers.push(items.iter().flat_map(|item| number(item, ty.dtype).to_le_bytes()).collect());
                let buffer = BufferId(buffers.len() as u32 - 1);
                let mut strides = vec![8];
                if ty.rank == 2 {
                    shape.push(items.len() as i64 / shape[0]);
                    strides.insert(0, 8 * shape[1]);
                }
                Value::Array(ArrayArg { buffer, offset: 0, shape, strides })
            }
        });
    }
    let mut host = Collector::default();
    let outcome = interp::run(program, &values, Memory::new(buffers), &mut host, &Limits::default());
    (outcome, host.lines)
}

/// Splits at the commas that are not in brackets.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = text.split(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn number(text: &str, dtype: DType) -> u64 {
    match dtype {
        DType::F64 => text.parse::<f64>().unwrap().to_bits(),
        DType::I64 => text.parse::<i64>().unwrap() as u64,
        other => panic!("the page has no arguments of type {other}"),
    }
}

fn show(word: u64, dtype: DType) -> String {
    match dtype {
        DType::F64 => format!("{:?}", f64::from_bits(word)),
        DType::I64 => (word as i64).to_string(),
        other => panic!("the page has no results of type {other}"),
    }
}

fn results(program: &Program, outcome: &Outcome) -> String {
    let values = outcome.result.as_ref().unwrap_or_else(|failure| panic!("{failure:?}"));
    let rets = &program.funcs[program.entry].rets;
    let shown = values.iter().zip(rets).map(|(value, ret)| match (value, ret) {
        (Value::Scalar(word), Ret::Scalar(dtype)) => show(*word, *dtype),
        (Value::Array(array), Ret::Array(ty)) => {
            let words = outcome.memory.bytes(array.buffer).as_chunks::<8>().0;
            let items: Vec<_> = words.iter().map(|&word| show(u64::from_le_bytes(word), ty.dtype)).collect();
            format!("[{}]", items.join(", "))
        }
        other => panic!("{other:?}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}
