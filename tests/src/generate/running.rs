//! What one iteration of a random loop hands to the next, or leaves behind: sums, extremes with companions, flags, last values.

use super::stmt::guarded;
use super::{Gen, Node, Ty, Var};

impl Gen {
    pub(super) fn lane_reduction(&mut self, reduced: &mut Vec<Var>, body: &mut Vec<Node>) {
        if reduced.is_empty() {
            return;
        }
        // In a parallel loop a variable is reduced by one operator.
        let at = self.rng.below(reduced.len());
        let var = if self.in_parallel { reduced.remove(at) } else { reduced[at].clone() };
        let value = self.expr(var.ty, 2);
        let name = &var.name;
        let line = match var.ty {
            Ty::Bool => format!("{name} = {name} {} {value}", self.rng.pick(&["or", "and"])),
            Ty::Complex => format!("{name} += {value}"),
            Ty::Int | Ty::Unsigned => match self.rng.below(9) {
                0 => format!("{name} ^= {value}"),
                1 => format!("{name} |= {value}"),
                2 => format!("{name} = max({name}, {value})"),
                3 => format!("{name} = min({name}, {value})"),
                4 => format!("{name} *= {value}"),
                5 => format!("{name} += 1"),
                _ => format!("{name} += {value}"),
            },
            Ty::Float | Ty::Single => match self.rng.below(9) {
                0 | 5..=6 => format!("{name} = max({name}, {value})"),
                1 => format!("{name} = min({name}, {value})"),
                2 => format!("{name} *= {value}"),
                3 => format!("{name} -= {value}"),
                4 => format!("if {value} > {name}: {name} = {value}"),
                _ => format!("{name} += {value}"),
            },
        };
        if line.starts_with("if ") || self.rng.percent(70) {
            if let Some((head, tail)) = line.split_once(": ") {
                body.push(guarded(head.trim_start_matches("if "), tail));
            } else {
                body.push(Node::Line(line));
            }
        } else {
            let condition = self.expr(Ty::Bool, 1);
            body.push(guarded(&condition, &line));
        }
    }

    /// The least or greatest value and where it was.
    pub(super) fn position_of_best(&mut self, reduced: &mut [Var], body: &mut Vec<Node>) {
        let best = reduced.iter().find(|var| matches!(var.ty, Ty::Float | Ty::Single)).cloned();
        let place = reduced.iter().find(|var| var.ty == Ty::Int).cloned();
        let last = self.lane.as_ref().and_then(|lane| lane.names.last().cloned());
        let (Some(best), Some(place), Some(last)) = (best, place, last) else { return };
        if self.in_parallel {
            return;
        }
        let value = match self.array(|arr| arr.elem.ty() == best.ty && arr.rank == 1) {
            Some(arr) if self.rng.percent(70) => format!("{}[{last} % len({0})]", arr.name),
            _ => self.expr(best.ty, 2),
        };
        let op = self.rng.pick(&["<", ">", "<=", ">="]);
        let mut lines = vec![
            Node::Line(format!("{} = {value}", best.name)),
            Node::Line(format!("{} = {last}", place.name)),
        ];
        if self.rng.percent(20) {
            lines.swap(0, 1);
        }
        body.push(Node::Compound(vec![(format!("if {value} {op} {}:", best.name), lines)]));
    }

    /// A branch that depends on a value so far which it updates, with much else in it: the `elif` of the other extreme, counters,
    /// stores, jumps. Only a loop where nothing of that shows may combine the value part by part.
    pub(super) fn running_value(&mut self, reduced: &mut [Var], body: &mut Vec<Node>) {
        let fits = |var: &&Var| matches!(var.ty, Ty::Int | Ty::Float | Ty::Single | Ty::Bool);
        let Some(var) = reduced.iter().find(fits).cloned() else { return };
        let other = reduced.iter().rev().find(|other| other.ty == var.ty && other.name != var.name).cloned();
        let counter = reduced.iter().find(|other| other.ty == Ty::Int && other.name != var.name).cloned();
        let name = &var.name;
        let place = match self.array(|arr| arr.rank == 1 && arr.elem.ty() == var.ty) {
            Some(arr) if self.rng.percent(70) => self.place(&arr),
            _ => self.expr(var.ty, 1),
        };
        let is_flag = var.ty == Ty::Bool;
        let op = self.rng.pick(&["<", ">", "<=", ">="]);
        let head = match (is_flag, self.rng.percent(50)) {
            (true, true) => format!("if {name}:"),
            (true, false) => format!("if not {name}:"),
            (false, _) => format!("if {place} {op} {name}:"),
        };
        let update = Node::Line(format!("{name} = {place}"));
        let is_new = self.fresh("v");
        let extra = |g: &mut Gen| match g.rng.below(9) {
            0 => g.lane_store().map(Node::Line),
            1 => Some(Node::Line(format!("{is_new} = 1"))),
            2 => counter.as_ref().map(|counter| Node::Line(format!("{} += 1", counter.name))),
            3 if g.can_break => Some(Node::Line(g.rng.pick(&["continue", "break"]).into())),
            4 => {
                let condition = g.expr(Ty::Bool, 1);
                counter.as_ref().map(|counter| guarded(&condition, &format!("{} = 7", counter.name)))
            }
            _ => None,
        };
        let (before, after) = (extra(self), extra(self));
        let mut parts = vec![(head, before.into_iter().chain([update]).chain(after).collect())];
        match (&other, self.rng.below(4)) {
            (Some(other), 0..=1) if !is_flag => {
                let back = self.rng.pick(&["<", ">"]);
                let line = Node::Line(format!("{} = {place}", other.name));
                parts.push((format!("elif {place} {back} {}:", other.name), vec![line]));
            }
            _ => {
                if let Some(line) = extra(self) {
                    parts.push(("else:".into(), vec![line]));
                }
            }
        }
        body.push(Node::Line(format!("{is_new} = 0")));
        body.push(Node::Compound(parts));
        match self.rng.below(3) {
            0 => body.extend(counter.map(|counter| Node::Line(format!("{} += {is_new}", counter.name)))),
            1 => self.declare(&is_new, Ty::Int),
            _ => {}
        }
    }

    /// `r = ...`: what the last iteration that gets there assigns is read after the loop.
    pub(super) fn last_value(&mut self, reduced: &mut Vec<Var>, body: &mut Vec<Node>) {
        if reduced.is_empty() {
            return;
        }
        let at = self.rng.below(reduced.len());
        let var = if self.rng.percent(80) { reduced.remove(at) } else { reduced[at].clone() };
        let value = self.expr(var.ty, 2);
        body.push(Node::Line(format!("{} = {value}", var.name)));
        if self.rng.percent(40) {
            self.lane_exit(body);
        }
    }
}
