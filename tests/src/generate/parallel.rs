//! Random parallel loops that are allowed: own elements, reductions, histograms, private values, last values, errors.

use super::stmt::guarded;
use super::{Arr, Counter, Elem, Gen, Node, Ty, Var};

impl Gen {
    /// A `prange` loop with the arrays that it needs.
    pub(super) fn parallel_loop(&mut self, nodes: &mut Vec<Node>) {
        // Loops in loops are short, so that programs end soon.
        let trips = if self.fuel >= 200 { [7, 200, 500, 1500] } else { [3, 40, 100, 200] };
        let trip = trips[self.rng.below(4)];
        let input = self.large_array(trip, nodes);
        let output = if self.rng.percent(70) { Some(self.large_array(trip, nodes)) } else { None };
        let histogram = if self.rng.percent(40) {
            let (name, elem) = (self.fresh("big"), [Elem::F64, Elem::I64][self.rng.below(2)]);
            nodes.push(Node::Line(format!(
                "{name} = np.zeros({}, dtype={})",
                1 + self.rng.below(9),
                elem.name()
            )));
            Some(Arr { name, elem, rank: 1, is_writable: true })
        } else {
            None
        };
        // Variables that the loop reduces into are not read in it.
        let mut reduced: Vec<Var> = Vec::new();
        let candidates: Vec<Var> = self
            .vars
            .iter()
            .filter(|v| v.is_writable && matches!(v.ty, Ty::Int | Ty::Float))
            .cloned()
            .collect();
        for var in candidates {
            if self.rng.percent(45) {
                reduced.push(var);
            }
        }
        let (vars, arrays) = (self.vars.clone(), self.arrays.clone());
        self.vars.retain(|v| !reduced.iter().any(|r| r.name == v.name));
        self.vars.iter_mut().for_each(|v| v.is_writable = false);
        self.arrays.iter_mut().for_each(|a| a.is_writable = false);
        self.arrays.push(Arr { is_writable: false, ..input.clone() });
        let (fuel, can_break, can_return) = (self.fuel, self.can_break, self.can_return);
        self.fuel = 8;
        (self.in_parallel, self.can_break, self.can_return) = (true, false, false);
        let counter = self.fresh("j");
        self.counters.push(Counter { name: counter.clone(), over: Some((input.name.clone(), 0, 0)) });
        let mut body = Vec::new();
        let generators = std::mem::take(&mut self.generators);
        if self.draws && self.rng.percent(30) {
            let seed = format!("{counter} * 7 + {}", self.rng.below(100));
            self.generator(&seed, &mut body);
        }
        let private = self.fresh("v");
        let value = self.expr(Ty::Float, 2);
        body.push(Node::Line(format!("{private} = {value}")));
        self.vars.push(Var { name: private, ty: Ty::Float, is_writable: true });
        for _ in 0..1 + self.rng.below(4) {
            self.statement(&mut body);
        }
        if let Some(output) = &output {
            let value = self.storable(output.elem);
            body.push(Node::Line(format!("{}[{counter}] = {value}", output.name)));
        }
        for var in &reduced {
            self.reduce(var, &mut body);
        }
        if let Some(histogram) = &histogram {
            let (index, value) = (self.expr(Ty::Int, 1), self.storable(histogram.elem));
            let place = format!("{}[({index}) % {}.shape[0]]", histogram.name, histogram.name);
            body.push(Node::Line(format!("{place} += {value}")));
        }
        if self.rng.percent(12) {
            let at = self.rng.below(trip + 2);
            let error = self.rng.pick(&["raise ValueError(\"stop\")", "assert False, \"no\""]);
            body.push(guarded(&format!("{counter} >= {at}"), error));
        }
        self.counters.pop();
        self.generators = generators;
        self.in_parallel = false;
        (self.fuel, self.can_break, self.can_return) = (fuel, can_break, can_return);
        (self.vars, self.arrays) = (vars, arrays);
        let head = if self.rng.percent(80) {
            format!("for {counter} in prange({trip}):")
        } else {
            format!("for {counter} in prange(len({})):", input.name)
        };
        nodes.push(Node::Compound(vec![(head, body)]));
        for arr in [output, histogram].into_iter().flatten() {
            self.checksum(&arr, nodes);
        }
    }

    /// Makes an array of that length with numbers that are all different.
    fn large_array(&mut self, trip: usize, nodes: &mut Vec<Node>) -> Arr {
        let name = self.fresh("big");
        let elem = [Elem::F64, Elem::F64, Elem::I64][self.rng.below(3)];
        nodes.push(Node::Line(format!("{name} = np.empty({trip}, dtype={})", elem.name())));
        let (factor, modulus) = (1 + self.rng.below(90), 50 + self.rng.below(900));
        let value = match elem {
            Elem::I64 => format!("i * {factor} % {modulus} - 20"),
            _ => format!("(i * {factor} % {modulus}) * 0.37 - 20.0"),
        };
        let fill = Node::Line(format!("{name}[i] = {value}"));
        nodes.push(Node::Compound(vec![(format!("for i in range({trip}):"), vec![fill])]));
        Arr { name, elem, rank: 1, is_writable: true }
    }

    fn reduce(&mut self, var: &Var, body: &mut Vec<Node>) {
        let name = &var.name;
        let value = self.expr(var.ty, 2);
        let line = match (var.ty, self.rng.below(7)) {
            (Ty::Int, 0) => format!("{name} ^= {value}"),
            (Ty::Int, 1) => format!("{name} |= {value}"),
            (_, 2) => format!("{name} = min({name}, {value})"),
            (_, 3) => format!("{name} = max({name}, {value})"),
            (_, 4) => format!("{name} -= {value}"),
            (Ty::Int, 5) => format!("{name} *= {value}"),
            _ => format!("{name} += {value}"),
        };
        if self.rng.percent(30) {
            let condition = self.expr(Ty::Bool, 1);
            body.push(guarded(&condition, &line));
        } else {
            body.push(Node::Line(line));
        }
    }

    /// Lets every element take part in the result.
    fn checksum(&mut self, arr: &Arr, nodes: &mut Vec<Node>) {
        let ty = if arr.elem == Elem::I64 { Ty::Int } else { Ty::Float };
        let Some(var) = self.vars.iter().find(|v| v.is_writable && v.ty == ty).cloned() else { return };
        let weighted = match ty {
            Ty::Int => format!("{0} = {0} * 31 + {1}[i]", var.name, arr.name),
            _ => format!("{0} = {0} * 0.5 + {1}[i]", var.name, arr.name),
        };
        let head = format!("for i in range(len({})):", arr.name);
        nodes.push(Node::Compound(vec![(head, vec![Node::Line(weighted)])]));
    }
}
