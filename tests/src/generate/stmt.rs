//! Random statements.

use super::{Arr, Counter, Elem, Focus, Gen, Node, Ty, Var};

/// Types in the order of their weight.
pub(super) const ALL_TYPES: [Ty; 6] = [Ty::Int, Ty::Float, Ty::Single, Ty::Bool, Ty::Unsigned, Ty::Complex];

impl Gen {
    /// Statements; what they declare is forgotten at the end.
    pub(super) fn block(&mut self, count: usize) -> Vec<Node> {
        let (vars, arrays) = (self.vars.len(), self.arrays.len());
        self.depth += 1;
        let mut nodes = Vec::new();
        for _ in 0..count {
            self.statement(&mut nodes);
        }
        self.depth -= 1;
        self.vars.truncate(vars);
        self.arrays.truncate(arrays);
        nodes
    }

    pub(super) fn statement(&mut self, nodes: &mut Vec<Node>) {
        if self.focus == Focus::Parallel
            && !self.in_parallel
            && self.result.contains("r")
            && self.result != "r"
            && self.depth <= 2
            && self.rng.percent(if self.depth == 1 { 35 } else { 10 })
        {
            return self.parallel_loop(nodes);
        }
        let array_share = if self.focus == Focus::Arrays { 45 } else { 25 };
        if self.rng.percent(array_share) && !self.arrays.is_empty() {
            return self.array_statement(nodes);
        }
        match self.rng.below(22) {
            20..=21 => self.call_statement(nodes),
            0..=2 => {
                let ty = ALL_TYPES[self.rng.below(6)];
                let value = self.expr(ty, 3);
                let name = self.fresh("v");
                nodes.push(Node::Line(format!("{name} = {value}")));
                self.declare(&name, ty);
            }
            3..=7 => self.assign(nodes),
            8..=10 => self.branch(nodes),
            11..=14 => self.counted_loop(nodes),
            15 => self.while_loop(nodes),
            16 => {
                if self.can_break {
                    let condition = self.expr(Ty::Bool, 2);
                    let word = self.rng.pick(&["break", "continue"]);
                    nodes.push(guarded(&condition, word));
                }
            }
            17 => {
                if self.can_return && !self.in_parallel && self.rng.percent(40) {
                    let condition = self.expr(Ty::Bool, 2);
                    nodes.push(guarded(&condition, &format!("return {}", self.result)));
                }
            }
            18 => {
                let condition = self.expr(Ty::Bool, 2);
                let value = self.expr(Ty::Int, 1);
                if self.rng.percent(30) {
                    nodes.push(Node::Line(format!("assert {condition} or {condition}, \"bad\"")));
                } else if self.rng.percent(30) {
                    nodes.push(guarded(&condition, &format!("raise ValueError(f\"value {{{value}}}\")")));
                }
            }
            _ => {
                if !self.in_parallel && self.rng.percent(50) {
                    let (a, b) = (self.expr(Ty::Int, 2), self.expr(Ty::Float, 2));
                    let end = self.rng.pick(&["", "", ", end=\" \"", ", sep=\"\"", ", end=\"!\\n\""]);
                    nodes.push(Node::Line(format!("print({a}, {b}{end})")));
                }
            }
        }
    }

    fn writable(&mut self) -> Option<Var> {
        let fitting: Vec<Var> = self.vars.iter().filter(|v| v.is_writable).cloned().collect();
        if fitting.is_empty() { None } else { Some(fitting[self.rng.below(fitting.len())].clone()) }
    }

    fn assign(&mut self, nodes: &mut Vec<Node>) {
        let Some(var) = self.writable() else { return };
        let Var { name, ty, .. } = var;
        let other = self.vars.iter().find(|v| v.is_writable && v.ty == ty && v.name != name).cloned();
        if let Some(other) = other
            && self.rng.percent(15)
        {
            let (a, b) = (self.expr(ty, 1), self.expr(ty, 1));
            return nodes.push(Node::Line(format!("{name}, {} = {a}, {b}", other.name)));
        }
        let value = self.expr(ty, 3);
        let op = match ty {
            Ty::Int => self.rng.pick(&["=", "=", "+=", "-=", "*=", "^=", "|=", "&=", "//=", "%="]),
            Ty::Float => self.rng.pick(&["=", "=", "+=", "-=", "*="]),
            Ty::Single | Ty::Unsigned | Ty::Complex => self.rng.pick(&["=", "+=", "-=", "*="]),
            Ty::Bool => "=",
        };
        nodes.push(Node::Line(format!("{name} {op} {value}")));
    }

    fn branch(&mut self, nodes: &mut Vec<Node>) {
        if self.depth > 5 {
            return;
        }
        let condition = self.expr(Ty::Bool, 2);
        let count = 1 + self.rng.below(3);
        let mut parts = vec![(format!("if {condition}:"), self.block(count))];
        if self.rng.percent(25) {
            let condition = self.expr(Ty::Bool, 2);
            parts.push((format!("elif {condition}:"), self.block(2)));
        }
        if self.rng.percent(50) {
            let count = 1 + self.rng.below(2);
            parts.push(("else:".into(), self.block(count)));
        }
        nodes.push(Node::Compound(parts));
    }

    fn while_loop(&mut self, nodes: &mut Vec<Node>) {
        let trips = 1 + self.rng.below(6);
        if self.depth > 4 || self.fuel < trips {
            return;
        }
        let name = self.fresh("t");
        nodes.push(Node::Line(format!("{name} = 0")));
        let condition = self.expr(Ty::Bool, 2);
        let op = self.rng.pick(&["and", "or"]);
        let head = if op == "and" {
            format!("while {name} < {trips} and {condition}:")
        } else {
            format!("while {name} < {trips}:")
        };
        let mut body = vec![Node::Line(format!("{name} += 1"))];
        body.extend(self.loop_body(trips, Counter { name: name.clone(), over: None }));
        let mut parts = vec![(head, body)];
        self.maybe_else(&mut parts);
        nodes.push(Node::Compound(parts));
        self.vars.push(Var { name, ty: Ty::Int, is_writable: false });
    }

    fn maybe_else(&mut self, parts: &mut Vec<(String, Vec<Node>)>) {
        if self.rng.percent(12) {
            parts.push(("else:".into(), self.block(1)));
        }
    }

    pub(super) fn loop_body(&mut self, trips: usize, counter: Counter) -> Vec<Node> {
        let (fuel, can_break) = (self.fuel, self.can_break);
        self.fuel /= trips.max(1);
        self.can_break = true;
        self.counters.push(counter);
        let count = 1 + self.rng.below(4);
        let body = self.block(count);
        self.counters.pop();
        (self.fuel, self.can_break) = (fuel, can_break);
        body
    }

    pub(super) fn counted_loop(&mut self, nodes: &mut Vec<Node>) {
        let trips = 8;
        if self.depth > 4 || self.fuel < trips {
            return;
        }
        let name = self.fresh("j");
        let small = self.array(|arr| !arr.name.starts_with("big"));
        let mut over = None;
        let roll = self.rng.below(10);
        let head = match small {
            Some(arr) if roll < 6 => {
                let axis = self.rng.below(arr.rank);
                let extent = if axis == 0 {
                    format!("len({})", arr.name)
                } else {
                    format!("{}.shape[{axis}]", arr.name)
                };
                let (head, slack) = match self.rng.below(7) {
                    0..=2 => (format!("range({extent})"), 0),
                    3 => (format!("range(1, {extent} - 1)"), 1),
                    4 => (format!("range({extent} - 1, -1, -1)"), 0),
                    5 => (format!("range(0, {extent}, {})", 1 + self.rng.below(3)), 0),
                    _ => (format!("range({extent} + {})", self.rng.below(2)), 0),
                };
                over = Some((arr.name, axis, slack));
                format!("for {name} in {head}:")
            }
            Some(arr) if roll < 7 && arr.rank == 1 && matches!(arr.elem, Elem::F64 | Elem::F32) => {
                return self.element_loop(&name, &arr, nodes);
            }
            _ => match self.rng.below(4) {
                0 => format!("for {name} in range({}):", self.rng.below(8)),
                1 => format!("for {name} in range({} & 7):", self.expr(Ty::Int, 1)),
                2 => format!(
                    "for {name} in range({} & 7, {} & 15, {}):",
                    self.expr(Ty::Int, 1),
                    self.expr(Ty::Int, 1),
                    1 + self.rng.below(4)
                ),
                _ => format!(
                    "for {name} in range({} & 15, {} & 7, -{}):",
                    self.expr(Ty::Int, 1),
                    self.expr(Ty::Int, 1),
                    1 + self.rng.below(4)
                ),
            },
        };
        let body = self.loop_body(trips, Counter { name: name.clone(), over });
        let mut parts = vec![(head, body)];
        self.maybe_else(&mut parts);
        nodes.push(Node::Compound(parts));
        if self.rng.percent(10) && !self.in_parallel {
            self.vars.push(Var { name, ty: Ty::Int, is_writable: false });
        }
    }

    fn element_loop(&mut self, name: &str, arr: &Arr, nodes: &mut Vec<Node>) {
        let value = self.fresh("e");
        let ty = if arr.elem == Elem::F64 { Ty::Float } else { Ty::Single };
        let head = if self.rng.percent(50) {
            format!("for {name}, {value} in enumerate({}):", arr.name)
        } else {
            format!("for {name}, {value} in zip(range(20), {}):", arr.name)
        };
        self.vars.push(Var { name: value, ty, is_writable: false });
        let counter = Counter { name: name.into(), over: Some((arr.name.clone(), 0, 0)) };
        let body = self.loop_body(10, counter);
        self.vars.pop();
        nodes.push(Node::Compound(vec![(head, body)]));
    }

    /// A value that may be stored into an array.
    pub(super) fn storable(&mut self, elem: Elem) -> String {
        match elem {
            Elem::F64 => self.expr(Ty::Float, 3),
            Elem::I64 | Elem::U8 | Elem::I32 | Elem::I16 | Elem::I8 | Elem::U16 | Elem::U32 => {
                self.expr(Ty::Int, 3)
            }
            Elem::U64 | Elem::Bool => self.expr(elem.ty(), 2),
            Elem::C128 => {
                let ty = if self.rng.percent(80) { Ty::Complex } else { Ty::Float };
                self.expr(ty, 2)
            }
            Elem::F32 => {
                let ty = if self.rng.percent(50) { Ty::Single } else { Ty::Float };
                self.expr(ty, 2)
            }
        }
    }

    fn array_statement(&mut self, nodes: &mut Vec<Node>) {
        let roll = self.rng.below(20);
        if roll < 10 {
            let Some(arr) = self.array(|arr| arr.is_writable) else { return };
            let place = self.place(&arr);
            let value = self.storable(arr.elem);
            let op = self.store_op(arr.elem);
            return nodes.push(Node::Line(format!("{place} {op} {value}")));
        }
        match roll {
            10..=12 => self.bind_view(nodes),
            13 => {
                let name = self.fresh("g");
                let elem = [Elem::F64, Elem::I64, Elem::F32, Elem::C128][self.rng.below(4)];
                let length = self.expr(Ty::Int, 1);
                let make = self.rng.pick(&["zeros", "ones"]);
                nodes.push(Node::Line(format!("{name} = np.{make}({length} & 7, dtype={})", elem.name())));
                self.declare_array(&name, elem, 1);
            }
            14 => {
                let Some(arr) = self.array(|_| true) else { return };
                let name = self.fresh("g");
                let make = self.rng.pick(&["{}.copy()", "np.zeros_like({})"]).replace("{}", &arr.name);
                nodes.push(Node::Line(format!("{name} = {make}")));
                self.declare_array(&name, arr.elem, arr.rank);
            }
            15..=16 => self.reduction(nodes),
            17 => {
                let Some(arr) = self.array(|arr| arr.is_writable && arr.rank == 1) else { return };
                let value = self.storable(arr.elem);
                let slice = self.slice();
                nodes.push(Node::Line(format!("{}[{slice}] = {value}", arr.name)));
            }
            18 if self.rng.percent(50) => self.repeated_copy(nodes),
            _ => {
                let Some(to) = self.array(|arr| arr.is_writable && arr.rank == 1) else { return };
                let Some(from) = self.array(|arr| arr.elem == to.elem && arr.rank == 1) else { return };
                let (a, b) = if self.rng.percent(70) {
                    let k = self.rng.below(3);
                    (format!("{k}:"), format!(":len({}) - {k}", from.name))
                } else {
                    (self.slice(), self.slice())
                };
                let (to, from) = (to.name, from.name);
                let line = if self.rng.percent(50) {
                    format!("{to}[{a}] = {from}[{b}]")
                } else {
                    format!("{to}[{b}] = {from}[{a}]")
                };
                nodes.push(Node::Line(line));
            }
        }
    }

    /// `m[:] = x`, where axes with one element, or missing ones, may be repeated.
    fn repeated_copy(&mut self, nodes: &mut Vec<Node>) {
        let Some(to) = self.array(|arr| arr.is_writable && arr.elem.ty() != Ty::Bool) else { return };
        let fits = |arr: &Arr| {
            arr.rank <= to.rank && (arr.elem == to.elem || to.elem == Elem::F64 && arr.elem == Elem::I64)
        };
        let Some(from) = self.array(fits) else { return };
        let part = match (from.rank, self.rng.below(4)) {
            (1, 0) => "[:1]",
            (1, 1) if to.rank == 2 => "[:, None]",
            (2, 0) => "[:1, :]",
            (2, 1) => "[:, -1:]",
            _ => "[:]",
        };
        let part = if from.rank == 1 && self.rng.percent(30) { "[-1:]" } else { part };
        nodes.push(Node::Line(format!("{}[:] = {}{part}", to.name, from.name)));
    }

    pub(super) fn store_op(&mut self, elem: Elem) -> &'static str {
        match elem {
            Elem::F64 | Elem::F32 | Elem::C128 => self.rng.pick(&["=", "=", "=", "+=", "-=", "*="]),
            Elem::I64 | Elem::U8 | Elem::I32 | Elem::I16 | Elem::I8 | Elem::U16 | Elem::U32 | Elem::U64 => {
                self.rng.pick(&["=", "=", "+=", "-=", "*=", "^=", "|="])
            }
            Elem::Bool => "=",
        }
    }

    pub(super) fn slice(&mut self) -> String {
        match self.rng.below(10) {
            0..=1 => ":".into(),
            2 => format!("{}:", self.rng.below(4)),
            3 => format!(":{}", self.rng.below(5)),
            4 => format!("-{}:", self.rng.below(4) + 1),
            5 => format!(":-{}", self.rng.below(3) + 1),
            6 => "::2".into(),
            7 => "::-1".into(),
            8 => format!("{}:{}:{}", self.rng.below(3), self.rng.below(9), 1 + self.rng.below(3)),
            _ => format!("{}:{}", self.expr(Ty::Int, 1), self.expr(Ty::Int, 1)),
        }
    }

    /// A new name for part of an array, or another part for a name.
    fn bind_view(&mut self, nodes: &mut Vec<Node>) {
        let Some(arr) = self.array(|arr| !arr.name.starts_with("big")) else { return };
        if self.rng.percent(8) {
            // Views of a copy: those of an argument depend on its layout.
            let name = self.fresh("g");
            let (shape, rank) = match self.rng.below(5) {
                0 => ("reshape(-1)", 1),
                1 => ("ravel()", 1),
                2 => ("reshape(1, -1)", 2),
                3 => ("reshape((-1, 2))", 2),
                _ => ("reshape(-1, 1)", 2),
            };
            nodes.push(Node::Line(format!("{name} = {}.copy().{shape}", arr.name)));
            return self.declare_array(&name, arr.elem, rank);
        }
        let (part, rank) = if arr.rank == 1 {
            (format!("{}[{}]", arr.name, self.slice()), 1)
        } else {
            match self.rng.below(4) {
                0 => {
                    let (index, slice) = (self.expr(Ty::Int, 1), self.slice());
                    (format!("{}[({index}) % {}.shape[0], {slice}]", arr.name, arr.name), 1)
                }
                1 => {
                    let (index, slice) = (self.expr(Ty::Int, 1), self.slice());
                    (format!("{}[{slice}, ({index}) % {}.shape[1]]", arr.name, arr.name), 1)
                }
                2 => (format!("{}[{}, {}]", arr.name, self.slice(), self.slice()), 2),
                _ => (format!("{}.T", arr.name), 2),
            }
        };
        let known = self.array(|other| {
            other.elem == arr.elem
                && other.rank == rank
                && other.is_writable == arr.is_writable
                && other.name != "z"
        });
        match known {
            Some(known) if self.rng.percent(25) && !self.in_parallel => {
                nodes.push(Node::Line(format!("{} = {part}", known.name)));
            }
            _ => {
                let name = self.fresh("g");
                nodes.push(Node::Line(format!("{name} = {part}")));
                self.arrays.push(Arr { name, elem: arr.elem, rank, is_writable: arr.is_writable });
            }
        }
    }

    fn reduction(&mut self, nodes: &mut Vec<Node>) {
        let Some(arr) = self.array(|arr| matches!(arr.elem.ty(), Ty::Float | Ty::Int | Ty::Single)) else {
            return;
        };
        // Means and sums of narrow elements have types of their own.
        let (ty, mean) = match arr.elem {
            Elem::F64 => (Ty::Float, Ty::Float),
            Elem::F32 => (Ty::Single, Ty::Single),
            Elem::I64 | Elem::I32 | Elem::I16 | Elem::I8 => (Ty::Int, Ty::Float),
            _ => (Ty::Unsigned, Ty::Float),
        };
        let extreme = if ty == Ty::Unsigned { Ty::Int } else { ty };
        let name = self.fresh("v");
        let (call, ty) = match self.rng.below(12) {
            7 => (format!("np.{}({})", self.rng.pick(&["var", "std"]), arr.name), mean),
            8 => (format!("{}.{}()", arr.name, self.rng.pick(&["any", "all"])), Ty::Bool),
            9 => (format!("np.count_nonzero({})", arr.name), Ty::Int),
            10 if arr.rank == 1 && matches!(arr.elem, Elem::F64 | Elem::F32) => {
                let other = self.array(|other| other.rank == 1 && other.elem == arr.elem);
                let other = other.map_or(arr.name.clone(), |other| other.name);
                (format!("np.dot({}, {other})", arr.name), ty)
            }
            11 if arr.rank == 1 && arr.elem == Elem::F64 => (format!("np.linalg.norm({})", arr.name), ty),
            0..=1 => (format!("{}.sum()", arr.name), ty),
            2 => (format!("{}.max()", arr.name), extreme),
            3 => (format!("np.min({})", arr.name), extreme),
            4 => (format!("{}.prod()", arr.name), ty),
            5 => (format!("{}.mean()", arr.name), mean),
            _ => (format!("np.{}({})", self.rng.pick(&["argmin", "argmax"]), arr.name), Ty::Int),
        };
        nodes.push(Node::Line(format!("{name} = {call}")));
        self.declare(&name, ty);
    }
}

pub(super) fn guarded(condition: &str, line: &str) -> Node {
    Node::Compound(vec![(format!("if {condition}:"), vec![Node::Line(line.into())])])
}
