//! Random loops over arrays as a vectorising compiler meets them: unit stride, neighbours, reductions, masked stores, mixed
//! element types, gathers, and everything that such a compiler has to notice: values carried from one iteration to the next,
//! stores that later iterations read, views that overlap, early exits, errors in the middle of a loop.
//!
//! Arrays of a call have one length, mostly; it is often next to a multiple of a block. Some are parts of others.

use super::program::Param;
use super::stmt::{ALL_TYPES, guarded};
use super::{Arr, Counter, Elem, Focus, Gen, Lane, Node, Program, Ty, Var, kernel_head};

/// The program of a seed.
pub(super) fn program(seed: u64) -> Program {
    let mut g = Gen::new(seed, Focus::Vectors);
    g.draws = g.rng.percent(12);
    let mut functions = Vec::new();
    if g.rng.percent(25) {
        functions.push(g.helper());
    }
    let (kernel, params) = g.vector_kernel();
    functions.push(kernel);
    let mut calls = Vec::new();
    for number in 0..4 {
        let length = g.length();
        g.call(&params, number, Some(length), &mut calls);
    }
    Program { functions, calls }
}

impl Gen {
    /// Of the arrays of a call: any number up to 70, and around multiples of the block.
    fn length(&mut self) -> usize {
        match self.rng.below(20) {
            0..12 => self.rng.below(71),
            12..19 => {
                let block = [4, 8, 16, 32, 64][self.rng.below(5)];
                (block * (1 + self.rng.below(4)) + self.rng.below(3)).saturating_sub(1)
            }
            _ => 71 + self.rng.below(300),
        }
    }

    fn vector_kernel(&mut self) -> (Node, Vec<Param>) {
        let mut params = vec![Param::Scalar("n", Ty::Int)];
        for (name, ty, share) in [
            ("q", Ty::Int, 60),
            ("a", Ty::Float, 70),
            ("b", Ty::Float, 30),
            ("s", Ty::Single, 30),
            ("t", Ty::Bool, 15),
        ] {
            if self.rng.percent(share) {
                params.push(Param::Scalar(name, ty));
            }
        }
        let count = params.len();
        while params.len() == count {
            for (name, elem, rank, share) in [
                ("x", Elem::F64, 1, 65),
                ("y", Elem::F64, 1, 55),
                ("v", Elem::F32, 1, 30),
                ("w", Elem::F32, 1, 30),
                ("k", Elem::I64, 1, 35),
                ("d", Elem::I32, 1, 25),
                ("c", Elem::U8, 1, 25),
                ("h", Elem::I16, 1, 12),
                ("u", Elem::U64, 1, 10),
                ("by", Elem::I8, 1, 8),
                ("wo", Elem::U16, 1, 8),
                ("wd", Elem::U32, 1, 8),
                ("l", Elem::Bool, 1, 12),
                ("z", Elem::C128, 1, 10),
                ("m", Elem::F64, 2, 20),
                ("f", Elem::F32, 2, 8),
                ("kk", Elem::I64, 2, 5),
            ] {
                if self.rng.percent(share) {
                    params.push(Param::Array(name, elem, rank));
                }
            }
        }
        let names = self.declare_params(&params);
        // Loops run over them.
        self.vars.iter_mut().for_each(|v| v.is_writable = !matches!(v.name.as_str(), "n" | "q"));
        let mut body = Vec::new();
        if self.draws {
            body.push(Node::Line("np.random.seed(5)".into()));
        }
        let mut results = Vec::new();
        for ty in ALL_TYPES {
            if self.rng.percent(if ty == Ty::Complex { 10 } else { 60 }) || ty == Ty::Float {
                let name = self.fresh("r");
                let value = match ty {
                    Ty::Int => "0",
                    Ty::Float => "0.0",
                    Ty::Single => "f32(1.0)",
                    Ty::Bool => "False",
                    Ty::Unsigned => "u64(3)",
                    Ty::Complex => "0j",
                };
                body.push(Node::Line(format!("{name} = {value}")));
                self.declare(&name, ty);
                results.push(name);
            }
        }
        self.result = results.join(", ");
        for _ in 0..1 + self.rng.below(3) {
            if self.rng.percent(15) {
                self.part(&mut body);
            }
            self.lane_loop(&mut body);
        }
        body.push(Node::Line(format!("return {}", self.result)));
        (Node::Compound(vec![(kernel_head(self, &names), body)]), params)
    }

    /// A view of an argument, which overlaps it.
    fn part(&mut self, nodes: &mut Vec<Node>) {
        let Some(arr) = self.array(|_| true) else { return };
        let name = self.fresh("g");
        if arr.rank == 2 {
            let (part, rank) = match self.rng.below(4) {
                0 => (format!("[{} % {}.shape[0]]", self.rng.below(4), arr.name), 1),
                1 => (format!("[:, {} % {}.shape[1]]", self.rng.below(9), arr.name), 1),
                2 => (self.rng.pick(&["[:, ::-1]", "[::-1]", "[:, 1:]", "[:, ::2]"]).into(), 2),
                _ => (".T".into(), 2),
            };
            nodes.push(Node::Line(format!("{name} = {}{part}", arr.name)));
            return self.arrays.push(Arr { name, rank, ..arr });
        }
        let slice = self.rng.pick(&[
            "1:", ":-1", "2:", "::-1", "::2", "4:", "q:", ":n", "8:", "::3", "::-2", "-2::-1", "3:-2", "1::2",
        ]);
        let slice = if slice == "q:" && !self.vars.iter().any(|v| v.name == "q") { "1:" } else { slice };
        nodes.push(Node::Line(format!("{name} = {}[{slice}]", arr.name)));
        self.arrays.push(Arr { name, ..arr });
    }

    fn lane_loop(&mut self, nodes: &mut Vec<Node>) {
        let (vars, arrays) = (self.vars.clone(), self.arrays.clone());
        // Numbers drawn one after the other are not for vectors; those of parallel iterations are.
        let is_parallel = self.rng.percent(if self.draws { 70 } else { 18 });
        if self.rng.percent(18) && self.arrays.iter().any(|arr| arr.rank == 2) {
            self.grid_loop(is_parallel, nodes);
        } else if self.rng.percent(30) && self.arrays.iter().any(|arr| arr.rank == 2) {
            self.row_loop(is_parallel, nodes);
        } else {
            self.line_loop(is_parallel, nodes);
        }
        self.lane = None;
        (self.vars, self.arrays) = (vars, arrays);
    }

    fn line_loop(&mut self, is_parallel: bool, nodes: &mut Vec<Node>) {
        let name = self.fresh("i");
        let Some(over) = self.array(|arr| arr.rank == 1) else { return };
        let extent = match self.rng.below(5) {
            0..=2 => "n".to_owned(),
            3 => format!("len({})", over.name),
            _ => match self.array(|arr| arr.rank == 1) {
                Some(other) => format!("min(len({}), len({}))", over.name, other.name),
                None => "n".into(),
            },
        };
        let has_q = self.vars.iter().any(|v| v.name == "q");
        let (range, slack) = match self.rng.below(14) {
            0..=5 => (format!("({extent})"), 0),
            6..=7 => (format!("(1, {extent} - 1)"), 1),
            8 => (format!("(2, {extent} - 2)"), 2),
            9 => (format!("({extent} - 1, -1, -1)"), 0),
            10 => (format!("(0, {extent}, 2)"), 0),
            11 if has_q => (format!("(q, {extent})"), 0),
            12 if has_q && !is_parallel => (format!("(0, {extent}, q)"), 0),
            13 => (format!("({extent} // 2)"), 0),
            _ => (format!("({extent})"), 0),
        };
        let body = self.lane_body(std::slice::from_ref(&name), slack, is_parallel);
        let keyword = if is_parallel { "prange" } else { "range" };
        nodes.push(Node::Compound(vec![(format!("for {name} in {keyword}{range}:"), body)]));
    }

    fn grid_loop(&mut self, is_parallel: bool, nodes: &mut Vec<Node>) {
        let Some(arr) = self.array(|arr| arr.rank == 2) else { return };
        let (i, j) = (self.fresh("i"), self.fresh("i"));
        let slack = usize::from(self.rng.percent(30));
        let range = |axis: usize| match slack {
            0 => format!("({}.shape[{axis}])", arr.name),
            _ => format!("(1, {}.shape[{axis}] - 1)", arr.name),
        };
        let swaps = self.rng.percent(20);
        let body = self.lane_body(&[i.clone(), j.clone()], slack, is_parallel);
        let keyword = if is_parallel { "prange" } else { "range" };
        let ((outer, a), (inner, b)) =
            if swaps && !is_parallel { ((j, 1), (i, 0)) } else { ((i, 0), (j, 1)) };
        let inner = Node::Compound(vec![(format!("for {inner} in range{}:", range(b)), body)]);
        nodes.push(Node::Compound(vec![(format!("for {outer} in {keyword}{}:", range(a)), vec![inner])]));
    }

    /// Rows of a matrix added up, or a row taken from all of them: with a factor per row, over some rows only, in arrays that may be parts of
    /// one another, and at times with something else in between.
    fn row_loop(&mut self, is_parallel: bool, nodes: &mut Vec<Node>) {
        let is_number = |arr: &Arr| !matches!(arr.elem, Elem::Bool | Elem::C128);
        let Some(grid) = self.array(|arr| arr.rank == 2 && is_number(arr)) else { return };
        let (i, j, factor) = (self.fresh("i"), self.fresh("i"), self.fresh("v"));
        let m = &grid.name;
        let is_float = grid.elem.ty() == Ty::Float || grid.elem.ty() == Ty::Single;
        let place = |arr: &Arr, row: &str| match arr.rank {
            1 => format!("{}[{j}]", arr.name),
            _ => format!("{}[{row}, {j}]", arr.name),
        };
        let other = self.array(|arr| arr.elem == grid.elem).unwrap_or_else(|| grid.clone());
        let row = format!("{} % {}.shape[0]", self.rng.below(5), other.name);
        let row = if self.rng.percent(70) { row } else { self.rng.below(3).to_string() };
        let (here, there) = (place(&grid, &i), place(&other, &row));
        // What every iteration changes, and what it reads.
        let is_sum = !is_parallel && self.rng.percent(55);
        let (to, from) = if is_sum { (there, here) } else { (here, there) };
        let mut term = match self.rng.below(4) {
            0 => from,
            1 if is_float => format!("{from} * 0.5"),
            2 => format!("{from} * {from}"),
            _ => format!("{factor} * {from}"),
        };
        if self.rng.percent(15) && other.rank == 1 {
            term = format!("{term} + {m}[{i}, {j}]");
        }
        let line = match self.rng.below(10) {
            0..=4 => format!("{to} {} {term}", self.rng.pick(&["+=", "-="])),
            5 => format!("{to} = {}({to}, {term})", self.rng.pick(&["min", "max"])),
            6 => format!("{to} = {to} * 3 - {term}"),
            7 => format!("{to} = {term}"),
            _ => format!("{to} += {term}"),
        };
        let mut inner = vec![Node::Line(line.clone())];
        if self.rng.percent(20) {
            inner = vec![guarded(&format!("{to} < {term}"), &line)];
        }
        let lane = Lane { names: vec![i.clone(), j.clone()], slack: 0, own: Vec::new() };
        if !is_parallel && self.rng.percent(15) {
            self.lane = Some(lane);
            inner.extend(self.lane_store().map(Node::Line));
        }
        let mut body = vec![Node::Line(match self.rng.below(4) {
            0 => format!("{factor} = {m}[{i}, 0]"),
            1 => format!("{factor} = {m}[{i}, {} % {m}.shape[1]]", self.rng.below(9)),
            2 if is_float => format!("{factor} = 1.0 / ({m}[{i}, 0] + 3.5)"),
            _ => format!("{factor} = {m}[{i}, 0] + {m}[{i}, 0]"),
        })];
        if self.rng.percent(12) {
            body.push(Node::Line(format!("{m}[{i}, 0] = {m}[{i}, 0] * 2")));
        }
        if self.rng.percent(8) {
            body.push(guarded(&format!("{i} == {}", self.rng.below(9)), "raise ValueError(\"row\")"));
        }
        let width = match (other.rank, self.rng.below(4)) {
            (1, 0) => format!("min({m}.shape[1], len({}))", other.name),
            (_, 1) => format!("min({m}.shape[1], {}.shape[{}])", other.name, other.rank - 1),
            _ => format!("{m}.shape[1]"),
        };
        let start = if self.rng.percent(20) { "1, " } else { "" };
        body.push(Node::Compound(vec![(format!("for {j} in range({start}{width}):"), inner)]));
        let has_q = self.vars.iter().any(|v| v.name == "q");
        let rows = match self.rng.below(8) {
            0 => "1, ".to_owned() + m + ".shape[0]",
            1 if has_q => format!("q, {m}.shape[0]"),
            2 => format!("min(n, {m}.shape[0])"),
            3 => format!("-2, {m}.shape[0] - 2"),
            _ => format!("{m}.shape[0]"),
        };
        let keyword = if is_parallel { "prange" } else { "range" };
        nodes.push(Node::Compound(vec![(format!("for {i} in {keyword}({rows}):"), body)]));
    }

    /// The body of an innermost loop.
    fn lane_body(&mut self, names: &[String], slack: usize, is_parallel: bool) -> Vec<Node> {
        let rank = names.len();
        for name in names {
            self.counters.push(Counter { name: name.clone(), over: None });
        }
        let mut own = Vec::new();
        let mut reduced: Vec<Var> =
            self.vars.iter().filter(|v| v.is_writable && v.name.starts_with('r')).cloned().collect();
        if is_parallel {
            // Own elements may be written, everything else only be read, and sums not even that.
            let fits = |arr: &Arr| arr.rank == rank && !arr.name.starts_with('g');
            own.extend((0..1 + self.rng.below(2)).filter_map(|_| self.array(fits)).map(|arr| arr.name));
            let has_views = self.arrays.iter().any(|arr| arr.name.starts_with('g'));
            self.arrays.retain(|arr| !(has_views && arr.name.starts_with('g')));
            self.arrays.iter_mut().for_each(|arr| arr.is_writable = own.contains(&arr.name));
            self.vars.retain(|v| !reduced.iter().any(|r| r.name == v.name));
            self.vars.iter_mut().for_each(|v| v.is_writable = false);
        } else if self.rng.percent(88) {
            self.vars.retain(|v| !reduced.iter().any(|r| r.name == v.name));
        }
        let (in_parallel, can_break) = (self.in_parallel, self.can_break);
        (self.in_parallel, self.can_break, self.can_return) = (is_parallel, !is_parallel, !is_parallel);
        self.lane = Some(Lane { names: names.to_vec(), slack, own });
        self.fuel = 60;
        let mut body = Vec::new();
        for _ in 0..1 + self.rng.below(3) {
            self.lane_statement(&mut reduced, &mut body);
        }
        for _ in names {
            self.counters.pop();
        }
        (self.in_parallel, self.can_break) = (in_parallel, can_break);
        body
    }

    fn lane_statement(&mut self, reduced: &mut Vec<Var>, body: &mut Vec<Node>) {
        match self.rng.below(84) {
            81.. => self.running_value(reduced, body),
            72..=74 => self.lane_exit(body),
            75..=77 => self.last_value(reduced, body),
            78..=80 => self.inner_loop(body),
            40.. | 0..=13 => {
                if let Some(line) = self.lane_store() {
                    body.push(Node::Line(line));
                }
            }
            14..=17 => {
                let condition = self.expr(Ty::Bool, 1);
                let Some(line) = self.lane_store() else { return };
                let mut parts = vec![(format!("if {condition}:"), vec![Node::Line(line)])];
                if self.rng.percent(40)
                    && let Some(line) = self.lane_store()
                {
                    parts.push(("else:".into(), vec![Node::Line(line)]));
                }
                body.push(Node::Compound(parts));
            }
            18..=24 => self.lane_reduction(reduced, body),
            25 => self.position_of_best(reduced, body),
            26..=28 => {
                let ty = ALL_TYPES[[0, 1, 1, 2, 3, 4][self.rng.below(6)]];
                let value = self.expr(ty, 2);
                let name = self.fresh("v");
                body.push(Node::Line(format!("{name} = {value}")));
                self.declare(&name, ty);
            }
            29 => self.lane_exit(body),
            30..=31 => self.short_loop(body),
            32..=33 => self.escape_loop(body),
            34 => {
                let condition = self.expr(Ty::Bool, 1);
                let value = self.expr(Ty::Int, 1);
                let last = self.lane.as_ref().and_then(|lane| lane.names.last().cloned()).unwrap_or_default();
                body.push(match self.rng.below(5) {
                    // In one iteration, wherever that is in its block.
                    2 => guarded(&format!("{last} == {}", self.rng.below(70)), "raise ValueError(\"here\")"),
                    3 => guarded(
                        &format!("{last} >= {} and {condition}", self.rng.below(40)),
                        "raise ValueError(\"at last\")",
                    ),
                    4 => Node::Line(
                        format!("assert {last} != q, \"not this one\"")
                            .replace("!= q", &format!("!= {}", self.rng.below(70))),
                    ),
                    0 => Node::Line(format!("assert {condition} or n < 7, f\"bad {{{value}}}\"")),
                    _ => guarded(&format!("{condition} and n > 5"), "raise ValueError(\"stop\")"),
                });
            }
            35..=36 => {
                // A value that the next iteration reads.
                if self.in_parallel || reduced.is_empty() {
                    return;
                }
                let var = reduced[self.rng.below(reduced.len())].clone();
                let value = self.expr(var.ty, 1);
                if let Some(arr) = self.array(|arr| arr.is_writable && arr.elem.ty() == var.ty) {
                    let place = self.place(&arr);
                    let op = if var.ty == Ty::Bool { "^" } else { "+" };
                    body.push(Node::Line(format!("{place} = {} {op} {value}", var.name)));
                }
                let next = self.expr(var.ty, 1);
                body.push(Node::Line(format!("{} = {next}", var.name)));
            }
            _ => {
                let before = self.focus;
                self.focus = Focus::Scalars;
                self.statement(body);
                self.focus = before;
            }
        }
    }

    /// `y[i] = ...`.
    pub(super) fn lane_store(&mut self) -> Option<String> {
        let rank = self.lane.as_ref().map_or(1, |lane| lane.names.len());
        let exact = self.rng.percent(85);
        let arr = self.array(|arr| arr.is_writable && (arr.rank == rank || arr.rank == 1 && !exact))?;
        let own = self.lane.as_ref().map(|lane| lane.names.join(", "));
        let place = match own {
            Some(own) if exact => format!("{}[{own}]", arr.name),
            _ => self.place(&arr),
        };
        let value = self.storable(arr.elem);
        let op = self.store_op(arr.elem);
        Some(format!("{place} {op} {value}"))
    }

    pub(super) fn lane_exit(&mut self, body: &mut Vec<Node>) {
        if !self.can_break {
            return;
        }
        let mut condition = self.expr(Ty::Bool, 2);
        if let Some(last) = self.lane.as_ref().and_then(|lane| lane.names.last()) {
            // What data decide happens in one of the first iterations, mostly: others, anywhere in a block.
            let at = self.rng.below(70);
            condition = match self.rng.below(5) {
                0 | 1 => format!("{last} == {at}"),
                2 => format!("{last} >= {at} and {condition}"),
                _ => condition,
            };
        }
        let line = match self.rng.below(6) {
            0 if self.can_return => format!("return {}", self.result),
            1..=2 => "continue".into(),
            _ => "break".into(),
        };
        body.push(guarded(&condition, &line));
    }

    fn owns(&self, name: &str) -> bool {
        self.lane.as_ref().is_some_and(|lane| lane.own.iter().any(|own| own == name))
    }

    /// The index of an array in such a loop; `None` outside of one.
    pub(super) fn lane_index(&mut self, arr: &Arr, axis: usize) -> Option<String> {
        let lane = self.lane.clone()?;
        let rank = lane.names.len();
        let name = if rank == arr.rank { lane.names[axis].clone() } else { lane.names[rank - 1].clone() };
        if self.owns(&arr.name) {
            return Some(name);
        }
        let extent = format!("{}.shape[{axis}]", arr.name);
        if rank != arr.rank {
            return Some(format!("{name} % {extent}"));
        }
        let slack = lane.slack;
        Some(match self.rng.below(100) {
            70..=75 if slack > 0 => format!("{name} - {}", 1 + self.rng.below(slack)),
            76..=81 if slack > 0 => format!("{name} + {}", 1 + self.rng.below(slack)),
            82..=84 => format!("{extent} - 1 - {name}"),
            85 => format!("-{name} - 1"),
            86 => format!("{name} - {}", 1 + self.rng.below(4)),
            87 => format!("{name} + {}", 1 + self.rng.below(4)),
            88 => format!("{name} // 2"),
            89 => "0".into(),
            90 => format!("({name} + 1) % {extent}"),
            91 => format!("{name} ^ 1"),
            94..=96 => format!("({}) % {extent}", self.expr(Ty::Int, 1)),
            97 => self.expr(Ty::Int, 1),
            _ => name,
        })
    }
}
