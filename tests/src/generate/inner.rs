//! Loops inside the iterations of a random loop, as lanes of vectors run them: windows, bounds that each lane has for itself, ends
//! that depend on the data.

use super::stmt::guarded;
use super::{Counter, Gen, Node, Ty};

impl Gen {
    /// A loop with few iterations inside: a window, a small sum.
    pub(super) fn short_loop(&mut self, body: &mut Vec<Node>) {
        let (sum, j) = (self.fresh("v"), self.fresh("j"));
        let trips = 2 + self.rng.below(4);
        let ty = [Ty::Float, Ty::Int, Ty::Single][self.rng.below(3)];
        let start = match ty {
            Ty::Int => "0",
            Ty::Single => "f32(0.0)",
            _ => "0.0",
        };
        body.push(Node::Line(format!("{sum} = {start}")));
        let value = self.expr(ty, 2);
        let own = self.lane.as_ref().map(|lane| lane.own.clone()).unwrap_or_default();
        let window = self.array(|arr| arr.rank == 1 && arr.elem.ty() == ty && !own.contains(&arr.name));
        let name = self.lane.as_ref().and_then(|lane| lane.names.last().cloned()).unwrap_or_default();
        let line = match window {
            Some(arr) if self.rng.percent(70) => {
                let place = match self.rng.below(3) {
                    0 => format!("{}[({name} + {j}) % len({0})]", arr.name),
                    1 => format!("{}[min({name} + {j}, len({0}) - 1)]", arr.name),
                    _ => format!("{}[{name} - {j}]", arr.name),
                };
                format!("{sum} += {place} * {value}")
            }
            _ => format!("{sum} += {value} * {j}"),
        };
        let mut lines = vec![Node::Line(line)];
        if self.rng.percent(20) {
            let condition = self.expr(Ty::Bool, 1);
            lines.insert(0, guarded(&condition, "break"));
        }
        body.push(Node::Compound(vec![(format!("for {j} in range({trips}):"), lines)]));
        self.declare(&sum, ty);
    }

    /// A loop inside whose bounds each lane has for itself, which stores, and which lanes leave at different times.
    pub(super) fn inner_loop(&mut self, body: &mut Vec<Node>) {
        let Some(name) = self.lane.as_ref().and_then(|lane| lane.names.last().cloned()) else { return };
        let (j, count) = (self.fresh("j"), self.fresh("v"));
        let few = 1 + self.rng.below(6);
        let bound = self.expr(Ty::Int, 1);
        let bounds = match self.rng.below(7) {
            0 => few.to_string(),
            1 => format!("{name} & 7"),
            2 => format!("{name}, {name} + {few}"),
            3 => format!("{name} % 3, {few}"),
            4 => format!("{few}, 0, -1"),
            _ => format!("({bound}) & 15"),
        };
        body.push(Node::Line(format!("{count} = 0")));
        let before = self.vars.len();
        self.counters.push(Counter { name: j.clone(), over: None });
        let mut lines = Vec::new();
        for _ in 0..1 + self.rng.below(3) {
            match self.rng.below(8) {
                0..=3 => lines.extend(self.lane_store().map(Node::Line)),
                4 => {
                    let (condition, store) = (self.expr(Ty::Bool, 1), self.lane_store());
                    lines.extend(store.map(|store| guarded(&condition, &store)));
                }
                5 => {
                    let (condition, at) = (self.expr(Ty::Bool, 1), self.rng.below(8));
                    let (here, many) = (format!("{j} == {at}"), format!("{count} > {at}"));
                    let condition = self.rng.pick(&[condition.as_str(), &here, &many]).to_owned();
                    let word = self.rng.pick(&["break", "break", "continue"]);
                    lines.push(guarded(&condition, word));
                }
                _ => {
                    let value = self.expr(Ty::Int, 1);
                    lines.push(Node::Line(format!("{count} += {value}")));
                }
            }
        }
        if lines.is_empty() {
            lines.push(Node::Line(format!("{count} += {j}")));
        }
        self.counters.pop();
        self.vars.truncate(before);
        body.push(Node::Compound(vec![(format!("for {j} in range({bounds}):"), lines)]));
        self.declare(&count, Ty::Int);
    }

    /// A `while` whose end depends on the data, as in pictures of the Mandelbrot set.
    pub(super) fn escape_loop(&mut self, body: &mut Vec<Node>) {
        let (count, re, im, t) = (self.fresh("v"), self.fresh("v"), self.fresh("v"), self.fresh("v"));
        let (a, b) = (self.expr(Ty::Float, 1), self.expr(Ty::Float, 1));
        let most = 3 + self.rng.below(20);
        body.push(Node::Line(format!("{count} = 0")));
        body.push(Node::Line(format!("{re} = {a}")));
        body.push(Node::Line(format!("{im} = 0.5")));
        let lines = vec![
            Node::Line(format!("{t} = {re} * {re} - {im} * {im} + {b}")),
            Node::Line(format!("{im} = 2.0 * {re} * {im} + 0.1")),
            Node::Line(format!("{re} = {t}")),
            Node::Line(format!("{count} += 1")),
        ];
        let head = match self.rng.below(3) {
            0 => format!("while {count} < {most} and {re} * {re} + {im} * {im} < 4.0:"),
            1 => format!("while {re} * {re} + {im} * {im} < 4.0 and {count} < {most}:"),
            _ => format!("while {count} < {most}:"),
        };
        let is_open = head.ends_with(&format!("< {most}:")) && !head.contains("and");
        let mut lines = lines;
        if is_open {
            lines.push(guarded(&format!("{re} * {re} > 4.0"), "break"));
        }
        body.push(Node::Compound(vec![(head, lines)]));
        self.declare(&count, Ty::Int);
        self.declare(&re, Ty::Float);
    }
}
