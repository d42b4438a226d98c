//! Strip to text.

use super::names::{
    BINARIES, COMBINES, COMPARES, CONVERTS, FMAS, INT_OPS, SHIFTS, UNARIES, UPDATES, name_of,
};
use crate::ir::{Branch, Combine, Inst, Loop, Op, Place, Region, Step, Strip, Ty, Unary, Value};
use std::fmt::Write;

/// The text of a strip, with a line feed at the end.
#[must_use]
pub fn print_strip(strip: &Strip) -> String {
    let mut printer = Printer { strip, text: String::new(), depth: 0 };
    printer.strip();
    printer.text
}

struct Printer<'a> {
    strip: &'a Strip,
    text: String,
    depth: usize,
}

impl Printer<'_> {
    fn line(&mut self, line: impl std::fmt::Display) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn open(&mut self, line: impl std::fmt::Display) {
        self.line(line);
        self.depth += 1;
    }

    fn close(&mut self, line: impl std::fmt::Display) {
        self.depth -= 1;
        self.line(line);
    }

    fn strip(&mut self) {
        let strip = self.strip;
        let name = strip.name.replace(|c: char| c == '"' || c.is_control(), "'");
        let lanes = strip.lanes.map_or(String::new(), |lanes| format!(" lanes {lanes}"));
        let repeatable = if strip.repeatable { " repeatable" } else { "" };
        let streams = strip.streams.map_or(String::new(), |word| format!(" streams word {word}"));
        self.open(format_args!("strip \"{name}\" words {}{lanes}{repeatable}{streams} {{", strip.words));
        for (table, words) in &strip.tables {
            let words: Vec<String> = words.iter().map(|word| format!("{word:#x}")).collect();
            self.line(format_args!("{table} = [{}]", words.join(", ")));
        }
        if !strip.setup.is_empty() {
            self.open("setup {");
            self.region(&strip.setup);
            self.close("}");
        }
        if !strip.carried.is_empty() {
            self.open("carried {");
            for carried in &strip.carried {
                let combine = match carried.combine {
                    Combine::ArgMin { with } => format!("argmin {with}"),
                    Combine::ArgMax { with } => format!("argmax {with}"),
                    Combine::Add
                    | Combine::Mul
                    | Combine::Min
                    | Combine::Max
                    | Combine::And
                    | Combine::Or
                    | Combine::Xor
                    | Combine::AddInOrder
                    | Combine::MulInOrder
                    | Combine::Companion
                    | Combine::Each => name_of(COMBINES, carried.combine).to_owned(),
                };
                let param = self.typed(carried.param);
                let (init, next, word) = (carried.init, carried.next, carried.word);
                self.line(format_args!("{param} = {init} next {next} {combine} word {word}"));
            }
            self.close("}");
        }
        self.open("body {");
        self.region(&strip.body);
        self.close("}");
        self.close("}");
    }

    fn ty(&self, value: Value) -> Ty {
        self.strip.values.get(value).copied().unwrap_or(Ty::Int)
    }

    fn typed(&self, value: Value) -> String {
        format!("{value}: {}", self.ty(value))
    }

    fn region(&mut self, region: &Region) {
        for inst in region {
            match inst {
                Inst::Let { value, op } => {
                    let line = format!("{} = {}", self.typed(*value), op_text(op, self.ty(*value)));
                    self.line(line);
                }
                Inst::Store { elem, place, value, mask } => {
                    self.line(format_args!(
                        "store {elem} {} = {value}{}",
                        place_text(place),
                        mask_text(*mask)
                    ));
                }
                Inst::Update { elem, place, op, value, mask } => self.line(format_args!(
                    "update {elem} {} {} {value}{}",
                    place_text(place),
                    name_of(UPDATES, *op),
                    mask_text(*mask)
                )),
                Inst::Fault { mask } => self.line(format_args!("fault {mask}")),
                Inst::Loop(inner) => self.inner_loop(inner),
                Inst::Branch(branch) => self.branch(branch),
            }
        }
    }

    fn inner_loop(&mut self, inner: &Loop) {
        let params: Vec<String> =
            inner.carried.iter().map(|phi| format!("{} = {}", self.typed(phi.param), phi.init)).collect();
        self.open(format_args!("loop ({}) {{", params.join(", ")));
        self.region(&inner.head);
        self.line(format_args!("while {}", inner.cond));
        self.region(&inner.body);
        self.line(format_args!("next ({})", list(inner.carried.iter().map(|phi| phi.next))));
        self.close(format_args!("}} -> ({})", list(inner.carried.iter().map(|phi| phi.result))));
    }

    fn branch(&mut self, branch: &Branch) {
        self.open(format_args!("if {} {{", branch.cond));
        self.region(&branch.then);
        self.line(format_args!("give ({})", list(branch.results.iter().map(|&(_, then, _)| then))));
        self.close("} else {");
        self.depth += 1;
        self.region(&branch.orelse);
        self.line(format_args!("give ({})", list(branch.results.iter().map(|&(_, _, orelse)| orelse))));
        let results: Vec<String> = branch.results.iter().map(|&(result, _, _)| self.typed(result)).collect();
        self.close(format_args!("}} -> ({})", results.join(", ")));
    }
}

fn list(values: impl Iterator<Item = Value>) -> String {
    values.map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}

fn mask_text(mask: Option<Value>) -> String {
    mask.map_or(String::new(), |mask| format!(" if {mask}"))
}

fn disp_text(disp: i32) -> String {
    match disp {
        0 => String::new(),
        1.. => format!(" + {disp}"),
        ..0 => format!(" - {}", disp.unsigned_abs()),
    }
}

fn place_text(place: &Place) -> String {
    match *place {
        Place::Line { address, disp, step } => {
            let step = match step {
                Step::One => String::new(),
                Step::Zero => " step 0".to_owned(),
                Step::Bytes(bytes) => format!(" step {bytes}"),
            };
            format!("[{address}{}{step}]", disp_text(disp))
        }
        Place::Scattered { base, offset, disp } => format!("[{base} + {offset}{}]", disp_text(disp)),
    }
}

/// `a + b`, or `min(a, b)` if the operator is a word.
fn binary_text(name: &str, a: Value, b: Value) -> String {
    if name.starts_with(|c: char| c.is_alphabetic()) {
        format!("{name}({a}, {b})")
    } else {
        format!("{a} {name} {b}")
    }
}

fn op_text(op: &Op, ty: Ty) -> String {
    match *op {
        Op::Word(word) | Op::WordLanes(word) => format!("word {word}"),
        Op::Int(value) => value.to_string(),
        Op::IntBinary(op, a, b) => binary_text(name_of(INT_OPS, op), a, b),
        Op::IntCompare(op, a, b) | Op::Compare(op, a, b) => binary_text(name_of(COMPARES, op), a, b),
        Op::IntLoad { elem, address, disp } => format!("load {elem} [{address}{}]", disp_text(disp)),
        Op::First => "first".to_owned(),
        Op::Any(mask) => format!("any({mask})"),
        Op::Const(bits) => const_text(bits, ty),
        Op::Broadcast(a) | Op::TestLanes(a) => format!("broadcast({a})"),
        Op::LaneNumber => "lane".to_owned(),
        Op::Active => "active".to_owned(),
        Op::Load { elem, ref place, mask } => {
            format!("load {elem} {}{}", place_text(place), mask_text(mask))
        }
        Op::Lookup { table, index } => format!("{table}[{index}]"),
        Op::Unary(op @ (Unary::Neg | Unary::Not), a) => format!("{}{a}", name_of(UNARIES, op)),
        Op::Unary(op, a) => format!("{}({a})", name_of(UNARIES, op)),
        Op::Binary(op, a, b) => binary_text(name_of(BINARIES, op), a, b),
        Op::Shift(op, a, count) => format!("{a} {} {count}", name_of(SHIFTS, op)),
        Op::Fma(kind, a, b, c) => format!("{}({a}, {b}, {c})", name_of(FMAS, kind)),
        Op::Select { mask, then, orelse } => format!("select({mask}, {then}, {orelse})"),
        Op::Convert(convert, a) => format!("{}({a})", name_of(CONVERTS, convert)),
    }
}

/// A literal that the parser turns into the same bits.
fn const_text(bits: u64, ty: Ty) -> String {
    match ty {
        Ty::Mask if bits <= 1 => (bits == 1).to_string(),
        Ty::I64 => (bits as i64).to_string(),
        Ty::I32 if bits <= u64::from(u32::MAX) => (bits as u32 as i32).to_string(),
        Ty::I16 if bits <= u64::from(u16::MAX) => (bits as u16 as i16).to_string(),
        Ty::I8 if bits <= u64::from(u8::MAX) => (bits as u8 as i8).to_string(),
        Ty::F64 if !f64::from_bits(bits).is_nan() => format!("{:?}", f64::from_bits(bits)),
        Ty::F32 if bits <= u64::from(u32::MAX) && !f32::from_bits(bits as u32).is_nan() => {
            format!("{:?}", f32::from_bits(bits as u32))
        }
        Ty::F64 if bits == f64::NAN.to_bits() => "nan".to_owned(),
        Ty::F32 if bits == u64::from(f32::NAN.to_bits()) => "nan".to_owned(),
        Ty::Int | Ty::Test | Ty::Mask | Ty::I32 | Ty::I16 | Ty::I8 | Ty::F64 | Ty::F32 => {
            format!("{bits:#x}")
        }
    }
}
