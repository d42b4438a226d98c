//! Random programs: helpers, a kernel, and calls with the arrays that they change.

use super::stmt::ALL_TYPES;
use super::{Arr, Elem, Focus, Gen, Node, Program, Ty, Var, kernel_head};

/// The program of a seed.
pub(super) fn program(seed: u64, focus: Focus) -> Program {
    let mut g = Gen::new(seed, focus);
    g.draws = g.rng.percent(15);
    let mut functions = Vec::new();
    for _ in 0..g.rng.below(4) {
        functions.push(g.helper());
    }
    let (kernel, params) = g.kernel();
    functions.push(kernel);
    let mut calls = Vec::new();
    for number in 0..2 + g.rng.below(2) {
        g.call(&params, number, None, &mut calls);
    }
    Program { functions, calls }
}

/// A parameter of the kernel.
#[derive(Clone)]
pub(super) enum Param {
    Scalar(&'static str, Ty),
    Array(&'static str, Elem, usize),
}

impl Gen {
    pub(super) fn declare(&mut self, name: &str, ty: Ty) {
        self.vars.push(Var { name: name.into(), ty, is_writable: true });
    }

    pub(super) fn declare_array(&mut self, name: &str, elem: Elem, rank: usize) {
        self.arrays.push(Arr { name: name.into(), elem, rank, is_writable: true });
    }

    fn kernel(&mut self) -> (Node, Vec<Param>) {
        let mut params = Vec::new();
        for (name, ty) in [
            ("n", Ty::Int),
            ("q", Ty::Int),
            ("a", Ty::Float),
            ("b", Ty::Float),
            ("s", Ty::Single),
            ("t", Ty::Bool),
            ("e", Ty::Complex),
        ] {
            if self.rng.percent(if ty == Ty::Complex { 25 } else { 70 }) {
                params.push(Param::Scalar(name, ty));
            }
        }
        let share = if self.focus == Focus::Arrays { 55 } else { 28 };
        for (name, elem, rank) in [
            ("x", Elem::F64, 1),
            ("y", Elem::F64, 1),
            ("k", Elem::I64, 1),
            ("w", Elem::F32, 1),
            ("c", Elem::U8, 1),
            ("d", Elem::I32, 1),
            ("m", Elem::F64, 2),
            ("z", Elem::C128, 1),
            ("l", Elem::Bool, 1),
            ("h", Elem::I16, 1),
            ("u", Elem::U64, 1),
            ("wd", Elem::U32, 1),
            ("by", Elem::I8, 1),
            ("f", Elem::F32, 2),
            ("kk", Elem::I64, 2),
        ] {
            let is_usual = matches!(name, "x" | "y" | "k" | "w" | "c" | "d" | "m");
            let share = if is_usual { share } else { share / 3 };
            if self.rng.percent(share) {
                params.push(Param::Array(name, elem, rank));
            }
        }
        let names = self.declare_params(&params);
        let mut body = Vec::new();
        if self.draws {
            body.push(Node::Line(format!("np.random.seed({})", self.rng.below(1000))));
            if self.rng.percent(50) {
                let seed = self.rng.below(1000);
                self.generator(&seed.to_string(), &mut body);
            }
        }
        let mut results = Vec::new();
        for ty in ALL_TYPES {
            let is_wanted = self.rng.percent(if ty == Ty::Complex { 25 } else { 75 });
            if is_wanted || ty == Ty::Int {
                let name = self.fresh("r");
                let value = self.expr(ty, 2);
                body.push(Node::Line(format!("{name} = {value}")));
                self.declare(&name, ty);
                results.push(name);
            }
        }
        if self.rng.percent(40) {
            let length = 1 + self.rng.below(6);
            let elem = [Elem::F64, Elem::I64, Elem::F32, Elem::C128][self.rng.below(4)];
            body.push(Node::Line(format!("o = np.zeros({length}, dtype={})", elem.name())));
            self.declare_array("o", elem, 1);
            results.push("o".into());
        }
        self.result = if results.len() == 1 { results[0].clone() } else { results.join(", ") };
        self.fuel = 300;
        (self.can_return, self.can_break) = (true, false);
        let count = 3 + self.rng.below(6);
        body.extend(self.block(count));
        body.push(Node::Line(format!("return {}", self.result)));
        (Node::Compound(vec![(kernel_head(self, &names), body)]), params)
    }

    /// A generator of random numbers of its own.
    pub(super) fn generator(&mut self, seed: &str, body: &mut Vec<Node>) {
        let name = self.fresh("rng");
        body.push(Node::Line(format!("{name} = np.random.default_rng({seed})")));
        self.generators.push(name);
    }

    /// The names of the parameters, which may be used from now on.
    pub(super) fn declare_params(&mut self, params: &[Param]) -> String {
        let mut names = Vec::new();
        for param in params {
            match param {
                Param::Scalar(name, ty) => {
                    self.declare(name, *ty);
                    names.push(*name);
                }
                Param::Array(name, elem, rank) => {
                    self.declare_array(name, *elem, *rank);
                    names.push(*name);
                }
            }
        }
        names.join(", ")
    }

    /// Lines that bind the arrays, call the kernel, and show what it made of the arrays. With `length`, arrays have that
    /// length, mostly, and `n` is that, mostly.
    pub(super) fn call(
        &mut self,
        params: &[Param],
        number: usize,
        length: Option<usize>,
        lines: &mut Vec<String>,
    ) {
        let mut args = Vec::new();
        let mut arrays = Vec::new();
        let mut known: Vec<(Elem, String)> = Vec::new();
        for param in params {
            match param {
                Param::Scalar(name, ty) => args.push(self.scalar(name, *ty, length)),
                Param::Array(name, elem, rank) => {
                    let bound = format!("{name}_{number}");
                    args.push(bound.clone());
                    let same = known.iter().find(|(other, ..)| other == elem && *rank == 1).map(|(_, k)| k);
                    if let (Some(base), Some(length)) = (same, length)
                        && self.rng.percent(12)
                    {
                        lines.push(format!("{bound} = {base}[{}]", self.part_of_argument(length)));
                        continue;
                    }
                    lines.push(format!("{bound} = {}", self.items(*elem, *rank, length)));
                    if *rank == 1 {
                        known.push((*elem, bound.clone()));
                    }
                    arrays.push(bound);
                }
            }
        }
        lines.push(format!("kernel({})", args.join(", ")));
        lines.extend(arrays);
    }

    /// Part of another argument, mostly so that the kernel's loops run.
    fn part_of_argument(&mut self, length: usize) -> String {
        match self.rng.below(8) {
            0 => ":".into(),
            1 => "::-1".into(),
            2..=3 => format!("{}:", 1 + self.rng.below(9)),
            4..=5 => format!(":-{}", 1 + self.rng.below(9)),
            6 => format!("::{}", 2 + self.rng.below(2)),
            _ => format!("{}:{}", self.rng.below(length + 1), self.rng.below(length + 1)),
        }
    }

    fn scalar(&mut self, name: &str, ty: Ty, length: Option<usize>) -> String {
        if let Some(length) = length
            && ty == Ty::Int
        {
            // `n` counts elements, the others are steps and offsets.
            return match self.rng.below(20) {
                0 => "0".into(),
                1 if name == "n" => (length + 1).to_string(),
                2..=3 if name == "n" => length.saturating_sub(self.rng.below(5)).to_string(),
                _ if name == "n" => length.to_string(),
                1 => "-1".into(),
                2 => "1000000007".into(),
                _ => self.rng.below(6).to_string(),
            };
        }
        match ty {
            Ty::Int => {
                self.rng.pick(&["0", "1", "5", "-3", "12", "1000000007", "-9223372036854775808"]).into()
            }
            Ty::Float => self.rng.pick(&["0.0", "1.5", "-2.25", "1e10", "nan", "inf", "0.3"]).into(),
            Ty::Single => format!("{}:f32", self.rng.pick(&["0.0", "1.5", "-2.25", "0.3"])),
            Ty::Bool => self.rng.pick(&["True", "False"]).into(),
            Ty::Unsigned => "7:u64".into(),
            Ty::Complex => self.rng.pick(&["1+2j", "0.5-0.25j", "0j", "-3+0j"]).into(),
        }
    }

    fn items(&mut self, elem: Elem, rank: usize, length: Option<usize>) -> String {
        let list = |g: &mut Gen, count: usize| -> String {
            let items: Vec<String> = (0..count).map(|_| g.item(elem)).collect();
            format!("[{}]", items.join(", "))
        };
        let text = if rank == 1 {
            let count = match length {
                Some(length) if self.rng.percent(97) => length,
                Some(length) => (length + self.rng.below(4)).saturating_sub(2),
                None if self.rng.percent(8) => 0,
                None => 1 + self.rng.below(9),
            };
            list(self, count)
        } else {
            let most = if length.is_some() { 20 } else { 4 };
            let most_rows = if length.is_some() { 11 } else { 4 };
            let (rows, columns) = (1 + self.rng.below(most_rows), 1 + self.rng.below(most));
            let rows: Vec<String> = (0..rows).map(|_| list(self, columns)).collect();
            format!("[{}]", rows.join(", "))
        };
        format!("{text}:{}", elem.name())
    }

    fn item(&mut self, elem: Elem) -> String {
        match elem {
            Elem::F64 | Elem::F32 => match self.rng.below(12) {
                0 if self.rng.percent(40) => "nan".into(),
                1 => "-0.0".into(),
                _ => format!("{}", self.rng.below(41) as f64 / 4.0 - 5.0),
            },
            Elem::U8 => self.rng.below(256).to_string(),
            Elem::U16 | Elem::U32 if self.rng.percent(10) => "65535".into(),
            Elem::U16 | Elem::U32 => self.rng.below(31).to_string(),
            Elem::I8 if self.rng.percent(10) => "-128".into(),
            Elem::I32 if self.rng.percent(5) => "-2147483648".into(),
            Elem::I64 if self.rng.percent(3) => "9223372036854775807".into(),
            Elem::I64 | Elem::I32 | Elem::I16 | Elem::I8 => (self.rng.below(31) as i64 - 15).to_string(),
            Elem::U64 => {
                self.rng.pick(&["0", "1", "7", "250", "18446744073709551615", "4611686018427387904"]).into()
            }
            Elem::Bool => self.rng.pick(&["True", "False"]).into(),
            Elem::C128 => {
                format!("{}{:+}j", self.rng.below(9) as f64 / 2.0, self.rng.below(9) as f64 / 2.0 - 2.0)
            }
        }
    }
}
