//! Random expressions of a wanted type.

use super::{Arr, Elem, Gen, Helper, Returns, Ty};

impl Gen {
    /// An expression of that type with at most about `depth` levels.
    pub(super) fn expr(&mut self, ty: Ty, depth: usize) -> String {
        if depth == 0 || self.rng.percent(15) {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        if self.rng.percent(8) {
            let (a, c, b) = (self.expr(ty, depth), self.expr(Ty::Bool, depth), self.expr(ty, depth));
            return format!("({a} if {c} else {b})");
        }
        if self.rng.percent(8)
            && let Some(call) = self.helper_call(ty, depth)
        {
            return call;
        }
        if self.rng.percent(14) {
            return self.function(ty, depth);
        }
        match ty {
            Ty::Int => self.int(depth),
            Ty::Float => self.float(depth),
            Ty::Single => self.single(depth),
            Ty::Bool => self.boolean(depth),
            Ty::Unsigned => self.unsigned(depth),
            Ty::Complex => self.complex(depth),
        }
    }

    fn complex(&mut self, depth: usize) -> String {
        let a = self.expr(Ty::Complex, depth);
        match self.rng.below(16) {
            0..=3 => format!("({a} + {})", self.expr(Ty::Complex, depth)),
            4..=5 => format!("({a} - {})", self.expr(Ty::Complex, depth)),
            6..=8 => format!("({a} * {})", self.expr(Ty::Complex, depth)),
            9 => format!("({a} / {})", self.expr(Ty::Complex, depth)),
            10 => format!("({a} / (abs({}) + 0.5))", self.expr(Ty::Complex, depth)),
            11 => format!("({} * {a})", self.expr(Ty::Float, depth)),
            12 => format!("complex({}, {})", self.expr(Ty::Float, depth), self.expr(Ty::Float, depth)),
            13 => format!("({a}).conjugate()"),
            14 => format!("-({a})"),
            _ => format!("({a} + {})", self.expr(Ty::Int, depth)),
        }
    }

    fn int(&mut self, depth: usize) -> String {
        let a = self.expr(Ty::Int, depth);
        match self.rng.below(22) {
            0..=4 => format!("({a} + {})", self.expr(Ty::Int, depth)),
            5..=7 => format!("({a} - {})", self.expr(Ty::Int, depth)),
            8..=9 => format!("({a} * {})", self.expr(Ty::Int, depth)),
            10 => {
                let op = self.rng.pick(&["//", "%"]);
                let b = self.expr(Ty::Int, depth);
                format!("({a} {op} {b})")
            }
            11 => {
                let op = self.rng.pick(&["//", "%"]);
                let b = self.rng.pick(&["2", "3", "-3", "7", "8", "-16", "1", "-1", "10", "1000003"]);
                format!("({a} {op} {b})")
            }
            12 => {
                let op = self.rng.pick(&["//", "%"]);
                format!("({a} {op} (abs({}) + 1))", self.expr(Ty::Int, depth))
            }
            13 => {
                let op = self.rng.pick(&["&", "|", "^"]);
                format!("({a} {op} {})", self.expr(Ty::Int, depth))
            }
            14 => {
                let op = self.rng.pick(&["<<", ">>"]);
                format!("({a} {op} ({} & 63))", self.expr(Ty::Int, depth))
            }
            15 => {
                let op = self.rng.pick(&["<<", ">>"]);
                format!("({a} {op} {})", self.rng.below(9))
            }
            16 => {
                let f = self.rng.pick(&["min", "max"]);
                format!("{f}({a}, {})", self.expr(Ty::Int, depth))
            }
            17 => {
                let op = self.rng.pick(&["-", "~", "abs"]);
                format!("{op}({a})")
            }
            18 => format!("int({})", self.expr(Ty::Float, depth)),
            19 => {
                let op = self.rng.pick(&["and", "or"]);
                format!("({a} {op} {})", self.expr(Ty::Int, depth))
            }
            20 => format!("({a} ** {})", self.rng.below(4)),
            _ => format!("i64({})", self.expr(Ty::Bool, depth)),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        let a = self.expr(Ty::Float, depth);
        match self.rng.below(22) {
            20 => format!("({}).{}", self.expr(Ty::Complex, depth), self.rng.pick(&["real", "imag"])),
            21 => format!("abs({})", self.expr(Ty::Complex, depth)),
            0..=4 => format!("({a} + {})", self.expr(Ty::Float, depth)),
            5..=6 => format!("({a} - {})", self.expr(Ty::Float, depth)),
            7..=9 => format!("({a} * {})", self.expr(Ty::Float, depth)),
            10 => format!("({a} / (abs({}) + 0.5))", self.expr(Ty::Float, depth)),
            11 => {
                let op = self.rng.pick(&["/", "//", "%"]);
                let b = self.expr(Ty::Float, depth);
                format!("({a} {op} {b})")
            }
            12 => format!("({a} + {})", self.expr(Ty::Int, depth)),
            13 => format!("({} * {a})", self.expr(Ty::Int, depth)),
            14 => format!("({} / {})", self.expr(Ty::Int, depth), self.rng.pick(&["2", "3", "-7", "10"])),
            15 => {
                let f =
                    self.rng.pick(&["min", "max", "math.hypot", "math.copysign", "math.fmod", "math.atan2"]);
                let b = self.expr(Ty::Float, depth);
                // The sign of a NaN is not specified.
                let b = if f == "math.copysign" { format!("({b} if {b} == {b} else -0.0)") } else { b };
                format!("{f}({a}, {b})")
            }
            16 => {
                let f = self.rng.pick(&[
                    "abs",
                    "-",
                    "math.sin",
                    "math.atan",
                    "math.tanh",
                    "np.exp",
                    "math.cos",
                    "np.log",
                    "np.floor",
                    "np.ceil",
                    "np.rint",
                    "math.erf",
                    "np.expm1",
                    "np.cbrt",
                    "np.log1p",
                    "np.exp2",
                    "np.sqrt",
                ]);
                format!("{f}({a})")
            }
            17 => format!("math.sqrt(abs({a}))"),
            18 => format!("({a} ** {})", self.rng.pick(&["2", "3", "0.5", "-1", "0"])),
            _ => {
                let from = if self.rng.percent(50) { Ty::Int } else { Ty::Single };
                format!("float({})", self.expr(from, depth))
            }
        }
    }

    fn single(&mut self, depth: usize) -> String {
        let a = self.expr(Ty::Single, depth);
        match self.rng.below(10) {
            8 => {
                let f = self.rng.pick(&["min", "max"]);
                format!("{f}({a}, {})", self.expr(Ty::Single, depth))
            }
            9 => format!(
                "{}({a})",
                self.rng.pick(&["np.sqrt", "np.floor", "abs", "np.exp", "np.sin", "np.tanh"])
            ),
            0..=1 => format!("({a} + {})", self.expr(Ty::Single, depth)),
            2 => format!("({a} - {})", self.expr(Ty::Single, depth)),
            3 => format!("({a} * {})", self.expr(Ty::Single, depth)),
            4 => format!("({a} / (abs({}) + 0.5))", self.expr(Ty::Single, depth)),
            5 => format!("({a} * {})", self.rng.pick(&["2", "0.5", "1.1", "-3"])),
            6 => format!("f32({})", self.expr(Ty::Float, depth)),
            _ => format!("-({a})"),
        }
    }

    fn unsigned(&mut self, depth: usize) -> String {
        let a = self.expr(Ty::Unsigned, depth);
        match self.rng.below(8) {
            0..=1 => format!("({a} + {})", self.expr(Ty::Unsigned, depth)),
            2 => format!("({a} - {})", self.expr(Ty::Unsigned, depth)),
            3 => format!("({a} * {})", self.expr(Ty::Unsigned, depth)),
            4 => {
                let op = self.rng.pick(&["//", "%"]);
                format!("({a} {op} ({} | u64(1)))", self.expr(Ty::Unsigned, depth))
            }
            5 => {
                let op = self.rng.pick(&["<<", ">>"]);
                format!("({a} {op} u64({}))", self.rng.below(64))
            }
            6 => {
                let op = self.rng.pick(&["&", "|", "^"]);
                format!("({a} {op} {})", self.expr(Ty::Unsigned, depth))
            }
            _ => format!("u64({})", self.expr(Ty::Int, depth)),
        }
    }

    fn boolean(&mut self, depth: usize) -> String {
        let op = self.rng.pick(&["<", "<=", ">", ">=", "==", "!="]);
        match self.rng.below(13) {
            12 => {
                let op = self.rng.pick(&["==", "!="]);
                format!("({} {op} {})", self.expr(Ty::Complex, depth), self.expr(Ty::Complex, depth))
            }
            0..=4 => format!("({} {op} {})", self.expr(Ty::Int, depth), self.expr(Ty::Int, depth)),
            5..=7 => format!("({} {op} {})", self.expr(Ty::Float, depth), self.expr(Ty::Float, depth)),
            8 => {
                let (a, b, c) =
                    (self.expr(Ty::Int, depth), self.expr(Ty::Int, depth), self.expr(Ty::Int, depth));
                format!("({a} {op} {b} < {c})")
            }
            9 => format!("(not {})", self.expr(Ty::Bool, depth)),
            10 => {
                let op = self.rng.pick(&["and", "or", "and", "or", "^", "=="]);
                format!("({} {op} {})", self.expr(Ty::Bool, depth), self.expr(Ty::Bool, depth))
            }
            _ => format!("bool({})", self.expr(Ty::Int, depth)),
        }
    }

    fn helper_call(&mut self, ty: Ty, depth: usize) -> Option<String> {
        // Long loops that call functions which call themselves take long.
        let allows_recursion = !self.in_parallel || self.rng.percent(10);
        let fitting: Vec<usize> = (0..self.helpers.len())
            .filter(|&k| matches!(&self.helpers[k].ret, Returns::Scalar(ret) if *ret == ty))
            .filter(|&k| allows_recursion || !self.helpers[k].recurses)
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let helper = self.helpers[fitting[self.rng.below(fitting.len())]].clone();
        self.call_of(&helper, depth)
    }

    /// A call of that helper; `None` if there is no array to pass.
    pub(super) fn call_of(&mut self, helper: &Helper, depth: usize) -> Option<String> {
        let mut args = Vec::new();
        if helper.takes_array {
            args.push(self.array(|arr| arr.elem == Elem::F64 && arr.rank == 1)?.name);
        }
        for (at, param) in helper.params.iter().enumerate() {
            let value = self.expr(*param, depth.min(1));
            args.push(if at == 0 && helper.recurses { format!("({value}) & 3") } else { value });
        }
        Some(format!("{}({})", helper.name, args.join(", ")))
    }

    /// A variable, an element or a constant.
    fn leaf(&mut self, ty: Ty) -> String {
        let roll = self.rng.below(100);
        if roll < 45
            && let Some(name) = self.variable(ty)
        {
            return name;
        }
        if !self.generators.is_empty() && roll >= 96 && matches!(ty, Ty::Float | Ty::Int) {
            let name = self.generators[self.rng.below(self.generators.len())].clone();
            let draw = match ty {
                Ty::Int => {
                    self.rng.pick(&["integers(0, 10)", "integers(-3, 200)", "integers(0, 1000000007)"])
                }
                _ => self.rng.pick(&[
                    "random()",
                    "normal(0.5, 2.0)",
                    "uniform(-1.0, 2.0)",
                    "standard_normal()",
                ]),
            };
            return format!("{name}.{draw}");
        }
        let share = if self.in_parallel && self.lane.is_some() { 15 } else { 3 };
        if self.draws && roll >= 100 - share {
            let draw = match ty {
                Ty::Float => Some(self.rng.pick(&[
                    "np.random.random()",
                    "np.random.uniform(-1.0, 2.0)",
                    "np.random.normal(0.5, 2.0)",
                    "np.random.standard_normal()",
                ])),
                Ty::Int => Some(self.rng.pick(&[
                    "np.random.randint(0, 10)",
                    "np.random.randint(-3, 200)",
                    "np.random.randint(0, 3000000000)",
                ])),
                Ty::Single | Ty::Bool | Ty::Unsigned | Ty::Complex => None,
            };
            if let Some(draw) = draw {
                return draw.into();
            }
        }
        if roll < 75
            && self.nesting < 2
            && let Some(element) = self.element(ty)
        {
            return element;
        }
        if ty == Ty::Int && roll < 80 && !self.counters.is_empty() {
            let at = self.rng.below(self.counters.len());
            return self.counters[at].name.clone();
        }
        if ty == Ty::Int
            && roll < 85
            && let Some(arr) = self.array(|_| true)
        {
            let axis = self.rng.below(arr.rank);
            return if axis == 0 && self.rng.percent(60) {
                format!("len({})", arr.name)
            } else {
                format!("{}.shape[{axis}]", arr.name)
            };
        }
        match ty {
            Ty::Int => match self.rng.below(12) {
                0 => "9223372036854775807".into(),
                1 => "-9223372036854775807".into(),
                2 => "4611686018427387904".into(),
                3 => "-1".into(),
                _ => (self.rng.below(21) as i64 - 6).to_string(),
            },
            Ty::Float => self
                .rng
                .pick(&["0.0", "-0.0", "1.0", "0.1", "-2.5", "1e300", "3.0", "1e-9", "0.5", "7.25", "1e16"])
                .into(),
            Ty::Single => {
                format!("f32({})", self.rng.pick(&["0.0", "1.0", "0.1", "-2.5", "1e20", "3.0", "0.5"]))
            }
            Ty::Bool => self.rng.pick(&["True", "False"]).into(),
            Ty::Complex => self.rng.pick(&["1j", "(0.5-2j)", "(-1+0j)", "complex(3.0, 0.25)", "0j"]).into(),
            Ty::Unsigned => format!("u64({})", self.rng.pick(&["0", "1", "7", "9223372036854775807", "255"])),
        }
    }

    pub(super) fn variable(&mut self, ty: Ty) -> Option<String> {
        let names: Vec<&String> = self.vars.iter().filter(|v| v.ty == ty).map(|v| &v.name).collect();
        if names.is_empty() {
            return None;
        }
        let at = self.rng.below(names.len());
        Some(names[at].clone())
    }

    pub(super) fn array(&mut self, fits: impl Fn(&Arr) -> bool) -> Option<Arr> {
        let fitting: Vec<Arr> = self.arrays.iter().filter(|arr| fits(arr)).cloned().collect();
        if fitting.is_empty() { None } else { Some(fitting[self.rng.below(fitting.len())].clone()) }
    }

    fn element(&mut self, ty: Ty) -> Option<String> {
        let arr = self.array(|arr| arr.elem.ty() == ty)?;
        self.nesting += 1;
        let place = self.place(&arr);
        self.nesting -= 1;
        let is_narrow =
            matches!(arr.elem, Elem::U8 | Elem::I32 | Elem::I16 | Elem::I8 | Elem::U16 | Elem::U32);
        Some(if is_narrow && self.rng.percent(80) { format!("i64({place})") } else { place })
    }

    /// `x[i]`, `m[i, j]`; mostly inside.
    pub(super) fn place(&mut self, arr: &Arr) -> String {
        let indices: Vec<String> = (0..arr.rank).map(|axis| self.index(arr, axis)).collect();
        format!("{}[{}]", arr.name, indices.join(", "))
    }

    fn index(&mut self, arr: &Arr, axis: usize) -> String {
        if let Some(index) = self.lane_index(arr, axis) {
            return index;
        }
        let extent = format!("{}.shape[{axis}]", arr.name);
        let fitting: Vec<(String, i64)> = self
            .counters
            .iter()
            .filter_map(|c| {
                let (name, over_axis, slack) = c.over.as_ref()?;
                (*name == arr.name && *over_axis == axis).then(|| (c.name.clone(), *slack))
            })
            .collect();
        if !fitting.is_empty() && self.rng.percent(75) {
            let (name, slack) = fitting[self.rng.below(fitting.len())].clone();
            return match self.rng.below(8) {
                0 if slack > 0 => format!("{name} - 1"),
                1 if slack > 0 => format!("{name} + 1"),
                2 => format!("{extent} - 1 - {name}"),
                3 => format!("-{name} - 1"),
                4 => format!("{name} - {}", self.rng.below(3)),
                _ => name,
            };
        }
        let is_parallel = self.in_parallel;
        match self.rng.below(if is_parallel { 60 } else { 20 }) {
            0 => (self.rng.below(8) as i64 - 3).to_string(),
            1 => format!("-{}", self.rng.below(3) + 1),
            2 => self.expr(Ty::Int, 1),
            3 if !self.counters.is_empty() => {
                let at = self.rng.below(self.counters.len());
                format!("{} + {}", self.counters[at].name, self.rng.below(3))
            }
            4 => format!("({}) % 4", self.expr(Ty::Int, 1)),
            _ => format!("({}) % {extent}", self.expr(Ty::Int, 1)),
        }
    }
}
