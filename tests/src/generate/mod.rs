//! Random well-typed programs: the same seed, the same program.
//!
//! In: a seed and what to dwell on. Out: a source with calls, as a case file writes them. Programs end: every loop has a
//! small bound. They may fail: index errors, zero divisors, `raise`, `assert` are part of what engines must agree about.
//! Statements are kept as a tree of text, so that a failing program can be made smaller by leaving parts out
//! ([`minimise`]); a part that is needed for the types makes the smaller program fail to compile, and it is kept.

mod expr;
mod functions;
mod helper;
mod inner;
mod parallel;
mod program;
mod rng;
mod running;
mod stmt;
mod vector;

use std::fmt::Write as _;

pub use rng::Rng;

/// A statement with what is indented below it.
#[derive(Clone, PartialEq, Debug)]
pub enum Node {
    /// One line.
    Line(String),
    /// Heads (`if c:`, `else:`) with their blocks.
    Compound(Vec<(String, Vec<Node>)>),
}

/// A program with its calls.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    /// Functions, each a compound statement; the last is called.
    pub functions: Vec<Node>,
    /// Lines of a `call` block without expected values.
    pub calls: Vec<String>,
}

/// What programs dwell on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Focus {
    /// Numbers, branches, loops, calls.
    Scalars,
    /// Arrays, views, copies, reductions.
    Arrays,
    /// `prange`.
    Parallel,
    /// Loops that can be computed several elements at a time, and their near relatives that cannot.
    Vectors,
}

impl Focus {
    /// All of them.
    pub const ALL: [Focus; 4] = [Focus::Scalars, Focus::Arrays, Focus::Parallel, Focus::Vectors];
}

/// Types of scalar expressions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ty {
    Int,
    Float,
    Single,
    Bool,
    Unsigned,
    Complex,
}

/// Element types of arrays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Elem {
    F64,
    I64,
    F32,
    U8,
    I32,
    I16,
    U64,
    I8,
    U16,
    U32,
    Bool,
    C128,
}

impl Elem {
    /// The type of an element in an expression; narrow integers count as integers.
    fn ty(self) -> Ty {
        match self {
            Elem::F64 => Ty::Float,
            Elem::I64 | Elem::U8 | Elem::I32 | Elem::I16 | Elem::I8 | Elem::U16 | Elem::U32 => Ty::Int,
            Elem::F32 => Ty::Single,
            Elem::U64 => Ty::Unsigned,
            Elem::Bool => Ty::Bool,
            Elem::C128 => Ty::Complex,
        }
    }

    /// As `dtype=` and annotations write it.
    fn name(self) -> &'static str {
        match self {
            Elem::F64 => "f64",
            Elem::I64 => "i64",
            Elem::F32 => "f32",
            Elem::U8 => "u8",
            Elem::I32 => "i32",
            Elem::I16 => "i16",
            Elem::U64 => "u64",
            Elem::I8 => "i8",
            Elem::U16 => "u16",
            Elem::U32 => "u32",
            Elem::Bool => "bool",
            Elem::C128 => "c128",
        }
    }
}

#[derive(Clone, Debug)]
struct Var {
    name: String,
    ty: Ty,
    is_writable: bool,
}

#[derive(Clone, Debug)]
struct Arr {
    name: String,
    elem: Elem,
    rank: usize,
    is_writable: bool,
}

/// A loop around the place that is generated.
#[derive(Clone, Debug)]
struct Counter {
    name: String,
    /// Array and axis whose extent bounds it, and how far from the ends it stays.
    over: Option<(String, usize, i64)>,
}

/// A function that may be called.
#[derive(Clone, Debug)]
struct Helper {
    name: String,
    params: Vec<Ty>,
    /// Takes an array of f64 first.
    takes_array: bool,
    /// The first parameter says how deep it may call itself.
    recurses: bool,
    ret: Returns,
}

/// What a helper gives.
#[derive(Clone, Debug)]
enum Returns {
    Scalar(Ty),
    /// A new array or a view of its argument, with one axis.
    Array(Elem),
    Tuple(Vec<Ty>),
}

/// The loop whose counter most indices are.
#[derive(Clone, Debug)]
struct Lane {
    /// Loop variables, the last axis last.
    names: Vec<String>,
    /// How far the loop stays from the ends.
    slack: usize,
    /// Arrays that are only touched at the iteration's own element.
    own: Vec<String>,
}

/// The place that is generated.
struct Gen {
    rng: Rng,
    focus: Focus,
    vars: Vec<Var>,
    arrays: Vec<Arr>,
    counters: Vec<Counter>,
    helpers: Vec<Helper>,
    /// Iterations that may still be multiplied in.
    fuel: usize,
    next_name: usize,
    /// In a parallel loop: what would be carried between iterations is not written.
    in_parallel: bool,
    /// In a loop whose `break` and `continue` are allowed.
    can_break: bool,
    can_return: bool,
    /// What `return` gives.
    result: String,
    depth: usize,
    /// Indices in indices.
    nesting: usize,
    /// May expressions draw from `np.random`?
    draws: bool,
    /// Generators of random numbers that may be drawn from.
    generators: Vec<String>,
    lane: Option<Lane>,
}

impl Gen {
    fn new(seed: u64, focus: Focus) -> Gen {
        Gen {
            rng: Rng::new(seed),
            focus,
            vars: Vec::new(),
            arrays: Vec::new(),
            counters: Vec::new(),
            helpers: Vec::new(),
            fuel: 0,
            next_name: 0,
            in_parallel: false,
            can_break: false,
            can_return: false,
            result: String::new(),
            depth: 0,
            nesting: 0,
            draws: false,
            generators: Vec::new(),
            lane: None,
        }
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.next_name += 1;
        format!("{prefix}{}", self.next_name)
    }
}

/// The head of a kernel, at times with choices that change what floats give.
fn kernel_head(g: &mut Gen, names: &str) -> String {
    let choice = match g.rng.below(36) {
        0..=2 => "fastmath=True",
        3 => "fastmath={\"contract\"}",
        4 => "fastmath={\"reassoc\"}",
        5..=7 => "error_model=\"numpy\"",
        8 => "error_model=\"numpy\", fastmath=True",
        _ => return format!("def kernel({names}):"),
    };
    format!("@njit({choice})\ndef kernel({names}):")
}

/// The program of a seed.
#[must_use]
pub fn generate(seed: u64, focus: Focus) -> Program {
    match focus {
        Focus::Scalars | Focus::Arrays | Focus::Parallel => program::program(seed, focus),
        Focus::Vectors => vector::program(seed),
    }
}

impl Program {
    /// The source text.
    #[must_use]
    pub fn source(&self) -> String {
        let mut text = String::new();
        for (index, function) in self.functions.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            write_node(function, 0, &mut text);
        }
        text
    }

    /// As a test of a case file.
    #[must_use]
    pub fn case_text(&self, title: &str) -> String {
        format!("## {title}\n\n```py\n{}```\n\n```call\n{}\n```\n", self.source(), self.calls.join("\n"))
    }
}

fn write_node(node: &Node, indent: usize, text: &mut String) {
    match node {
        Node::Line(line) => {
            let _ = writeln!(text, "{:indent$}{line}", "");
        }
        Node::Compound(parts) => {
            for (head, body) in parts {
                let _ = writeln!(text, "{:indent$}{head}", "");
                if body.is_empty() {
                    let _ = writeln!(text, "{:indent$}    pass", "");
                }
                body.iter().for_each(|node| write_node(node, indent + 4, text));
            }
        }
    }
}

/// The smallest program found, by leaving parts out, that still `fails`.
pub fn minimise(program: &Program, mut fails: impl FnMut(&Program) -> bool) -> Program {
    let mut best = program.clone();
    let mut budget = 600;
    loop {
        let before = best.clone();
        for call in (0..best.calls.len()).rev() {
            let mut smaller = best.clone();
            smaller.calls.remove(call);
            if !smaller.calls.is_empty() && fails(&smaller) {
                best = smaller;
            }
        }
        let mut position = 0;
        while position < count(&best.functions) && budget > 0 {
            let mut is_smaller = false;
            for edit in [Edit::Remove, Edit::Unwrap, Edit::DropElse, Edit::Undecorate] {
                let mut smaller = best.clone();
                let mut at = position;
                if !edit_at(&mut smaller.functions, &mut at, edit) || smaller == best {
                    continue;
                }
                budget -= 1;
                if fails(&smaller) {
                    best = smaller;
                    is_smaller = true;
                    break;
                }
            }
            if !is_smaller {
                position += 1;
            }
        }
        if best == before || budget <= 0 {
            return best;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edit {
    Remove,
    /// Decorators of a function.
    Undecorate,
    /// The first block of a compound statement takes its place.
    Unwrap,
    DropElse,
}

fn count(nodes: &[Node]) -> usize {
    nodes
        .iter()
        .map(|node| match node {
            Node::Line(_) => 1,
            Node::Compound(parts) => 1 + parts.iter().map(|(_, body)| count(body)).sum::<usize>(),
        })
        .sum()
}

/// Edits the node with that number, in the order of the text.
fn edit_at(nodes: &mut Vec<Node>, at: &mut usize, edit: Edit) -> bool {
    for index in 0..nodes.len() {
        if *at == 0 {
            return apply(nodes, index, edit);
        }
        *at -= 1;
        if let Node::Compound(parts) = &mut nodes[index] {
            for (_, body) in parts {
                let size = count(body);
                if *at < size {
                    return edit_at(body, at, edit);
                }
                *at -= size;
            }
        }
    }
    false
}

fn apply(nodes: &mut Vec<Node>, index: usize, edit: Edit) -> bool {
    match (edit, &mut nodes[index]) {
        (Edit::Remove, _) => {
            nodes.remove(index);
            true
        }
        (Edit::Unwrap, Node::Compound(parts)) if !parts[0].0.contains("def ") => {
            let body = std::mem::take(&mut parts[0].1);
            nodes.splice(index..=index, body);
            true
        }
        (Edit::Undecorate, Node::Compound(parts)) if parts[0].0.starts_with('@') => {
            let at = parts[0].0.find("def ").unwrap_or(0);
            parts[0].0.drain(..at);
            true
        }
        (Edit::DropElse, Node::Compound(parts)) if parts.len() > 1 => {
            parts.pop();
            true
        }
        _ => false,
    }
}
