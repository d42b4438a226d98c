//! A graph as a C function. What is used once stands where it is used, if the line does not become too long.

use std::fmt::Write as _;

use super::graph::{Item, Node, Op, Program, Table, Ty};
use super::sink::{Uses, sink};

/// Longest expression that is put into another one.
const INLINE_CHARS: usize = 90;

/// Tables of the text, each once.
#[derive(Default)]
pub(super) struct Tables(Vec<Table>);

impl Tables {
    fn name(&mut self, table: Table) -> String {
        let number = self.0.iter().position(|&known| known == table).unwrap_or_else(|| {
            self.0.push(table);
            self.0.len() - 1
        });
        format!("kj_table_{number}")
    }

    /// Their definitions.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (number, table) in self.0.iter().enumerate() {
            text.push_str(&array(&format!("kj_table_{number}"), table.0));
        }
        text
    }
}

/// A table in the text.
pub(super) fn array(name: &str, values: &[f64]) -> String {
    let mut text = format!("static __device__ const f64 {name}[{}] = {{\n", values.len());
    for row in values.chunks(4) {
        let row: Vec<String> = row.iter().map(|&value| float(value)).collect();
        let _ = writeln!(text, "    {},", row.join(", "));
    }
    text.push_str("};\n\n");
    text
}

/// A float that reads as exactly this number.
pub(super) fn float(value: f64) -> String {
    if !value.is_finite() {
        return format!("__longlong_as_double(0x{:016x}LL)", value.to_bits() & !(1 << 63)).replace(
            "__longlong",
            if value.is_sign_negative() && !value.is_nan() { "-__longlong" } else { "__longlong" },
        );
    }
    let text = format!("{value:?}");
    if value.is_sign_negative() { format!("({text})") } else { text }
}

/// The function's text. Narrow: its parameters and result are `f32`.
pub(super) fn function(
    name: &str,
    is_narrow: bool,
    params: u32,
    program: Program,
    tables: &mut Tables,
) -> String {
    let program = sink(program);
    let uses = Uses::of(&program);
    let ty = if is_narrow { "f32" } else { "f64" };
    let names = ["x", "y"];
    let list: Vec<String> = (0..params as usize).map(|k| format!("{ty} {}", names[k])).collect();
    let mut text = format!("static __device__ {ty} {name}({})\n{{\n", list.join(", "));
    let mut printer = Printer { program: &program, uses, is_narrow, tables, texts: Vec::new(), names: 0 };
    printer.texts.resize(program.nodes.len(), String::new());
    printer.items(&program.items, 1, &mut text);
    let value = printer.texts[program.value.0 as usize].clone();
    let value = if is_narrow { format!("(f32){value}") } else { value };
    let _ = writeln!(text, "    return {};\n}}\n", bare(&value));
    text
}

struct Printer<'a> {
    program: &'a Program,
    uses: Uses,
    is_narrow: bool,
    tables: &'a mut Tables,
    /// What stands for each value: a name, or all of it.
    texts: Vec<String>,
    names: u32,
}

impl Printer<'_> {
    fn items(&mut self, items: &[Item], depth: usize, out: &mut String) {
        let indent = "    ".repeat(depth);
        for item in items {
            match item {
                Item::Define(node) if self.uses.is_live(*node) => {
                    if let Some(line) = self.define(*node) {
                        let _ = writeln!(out, "{indent}{line}");
                    }
                }
                Item::Define(_) => {}
                Item::Branch { mask, then, orelse, results } => {
                    let live: Vec<_> =
                        results.iter().copied().filter(|(result, ..)| self.uses.is_live(*result)).collect();
                    if live.is_empty() {
                        continue;
                    }
                    let has_else = !orelse.is_empty();
                    for &(result, _, usual) in &live {
                        let name = self.fresh();
                        if has_else {
                            let _ = writeln!(out, "{indent}f64 {name};");
                        } else {
                            let _ = writeln!(out, "{indent}f64 {name} = {};", bare(&self.text(usual)));
                        }
                        self.texts[result.0 as usize] = name;
                    }
                    let _ = writeln!(out, "{indent}if ({}) {{", bare(&self.text(*mask)));
                    self.block(then, &live, |(_, value, _)| value, depth + 1, out);
                    if has_else {
                        let _ = writeln!(out, "{indent}}} else {{");
                        self.block(orelse, &live, |(_, _, value)| value, depth + 1, out);
                    }
                    let _ = writeln!(out, "{indent}}}");
                }
            }
        }
    }

    fn block(
        &mut self,
        items: &[Item],
        results: &[(Node, Node, Node)],
        side: impl Fn((Node, Node, Node)) -> Node,
        depth: usize,
        out: &mut String,
    ) {
        self.items(items, depth, out);
        for &result in results {
            let (name, value) = (self.text(result.0), self.text(side(result)));
            let _ = writeln!(out, "{}{name} = {};", "    ".repeat(depth), bare(&value));
        }
    }

    fn text(&self, node: Node) -> String {
        self.texts[node.0 as usize].clone()
    }

    fn fresh(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    /// A line that defines the value, or nothing if it will stand where it is used.
    fn define(&mut self, node: Node) -> Option<String> {
        let (ty, op) = &self.program.nodes[node.0 as usize];
        let text = self.expression(op);
        let is_short = op.is_leaf() || (text.len() <= INLINE_CHARS && self.uses.is_inline(node));
        if is_short {
            self.texts[node.0 as usize] = text;
            return None;
        }
        let name = self.fresh();
        let ty = match ty {
            Ty::Float => "f64",
            Ty::Bits => "u64",
            Ty::Flag => "bool",
        };
        self.texts[node.0 as usize].clone_from(&name);
        Some(format!("const {ty} {name} = {};", bare(&text)))
    }

    fn expression(&mut self, op: &Op) -> String {
        match op {
            Op::Argument(number) => {
                let name = if *number == 0 { "x" } else { "y" };
                if self.is_narrow { format!("(f64){name}") } else { name.to_owned() }
            }
            Op::Float(bits) => float(f64::from_bits(*bits)),
            Op::Bits(bits) if *bits < 10 => format!("{bits}"),
            Op::Bits(bits) => format!("0x{bits:x}ULL"),
            Op::Apply(pattern, operands) => self.fill(pattern, operands),
            Op::ApplyConst(pattern, constant, operands) => {
                self.fill(pattern, operands).replace('#', &constant.to_string())
            }
            Op::Lookup(table, index) => {
                let name = self.tables.name(*table);
                format!("{name}[{} & {}]", self.text(*index), table.0.len() - 1)
            }
            Op::Result => String::new(),
        }
    }

    fn fill(&self, pattern: &str, operands: &[Node]) -> String {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some(at) = rest.find('$') {
            text.push_str(&rest[..at]);
            let number = usize::from(rest.as_bytes()[at + 1] - b'0');
            text.push_str(&self.texts[operands[number].0 as usize]);
            rest = &rest[at + 2..];
        }
        text + rest
    }
}

/// Without outer parentheses, which are of no use where the expression stands alone.
fn bare(text: &str) -> &str {
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inner.filter(|inner| is_closed(inner)).unwrap_or(text)
}

/// Are all parentheses in it its own?
fn is_closed(text: &str) -> bool {
    let mut depth = 0_i32;
    text.chars().all(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth >= 0
    })
}

#[cfg(test)]
mod tests {
    use super::super::graph::Graph;
    use super::*;
    use crate::numerics::lanes::Lanes;

    fn text_of(build: impl Fn(&Graph, Node, Node) -> Node) -> String {
        let graph = Graph::default();
        let (x, y) = (graph.argument(0), graph.argument(1));
        let value = build(&graph, x, y);
        function("k", false, 2, graph.finish(value), &mut Tables::default())
    }

    #[test]
    fn what_is_used_once_stands_where_it_is_used() {
        let text = text_of(|l, x, y| {
            let product = l.mul(x, y);
            l.add(l.sub(product, l.f(-0.5)), l.fma(x, product, l.f(f64::NEG_INFINITY)))
        });
        assert_eq!(
            text,
            "static __device__ f64 k(f64 x, f64 y)\n{\n    const f64 v1 = __dmul_rn(x, y);\n    \
             return (v1 - (-0.5)) + __fma_rn(x, v1, -__longlong_as_double(0x7ff0000000000000LL));\n}\n\n"
        );
    }

    #[test]
    fn a_long_side_of_a_choice_becomes_a_branch() {
        let text = text_of(|l, x, y| {
            let mut long = x;
            for _ in 0..20 {
                long = l.add(l.mul(long, long), x);
            }
            l.select(l.lt(x, y), long, l.neg(x))
        });
        let (before, branch) = text.split_once("if (x < y) {").expect("a branch");
        assert!(
            before.ends_with("{\n    f64 v1;\n    ") && branch.contains("} else {\n        v1 = -x;\n    }"),
            "{text}"
        );
        assert_eq!(branch.matches("__dmul_rn").count(), 20, "{text}");
    }

    #[test]
    fn floats_read_as_they_are() {
        assert_eq!(float(5e-324), "5e-324");
        assert_eq!(float(-0.0), "(-0.0)");
        assert_eq!(float(1e300), "1e300");
        assert_eq!(float(f64::NAN), "__longlong_as_double(0x7ff8000000000000LL)");
    }
}
