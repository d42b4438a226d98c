//! Random functions that kernels call: plain, recursive, with an array or a tuple as result.

use super::stmt::ALL_TYPES;
use super::{Arr, Elem, Gen, Helper, Node, Returns, Ty, Var};

impl Gen {
    /// A function, which later ones may call.
    pub(super) fn helper(&mut self) -> Node {
        let name = self.fresh("h");
        let roll = self.rng.below(100);
        let recurses = (60..75).contains(&roll);
        let ret = match roll {
            75..88 => Returns::Array([Elem::F64, Elem::F64, Elem::I64, Elem::F32][self.rng.below(4)]),
            88.. => {
                Returns::Tuple((0..2 + self.rng.below(2)).map(|_| ALL_TYPES[self.rng.below(6)]).collect())
            }
            _ => Returns::Scalar(ALL_TYPES[[0, 1, 2, 3, 5][self.rng.below(5)]]),
        };
        let takes_array = self.rng.percent(if matches!(ret, Returns::Array(_)) { 60 } else { 35 });
        let mut params: Vec<Ty> = (0..1 + self.rng.below(3)).map(|_| ALL_TYPES[self.rng.below(6)]).collect();
        if recurses {
            params[0] = Ty::Int;
        }
        let mut names = Vec::new();
        if takes_array {
            names.push("x".to_owned());
            self.arrays.push(Arr { name: "x".into(), elem: Elem::F64, rank: 1, is_writable: false });
        }
        for (at, ty) in params.iter().enumerate() {
            let param = self.fresh("p");
            self.vars.push(Var { name: param.clone(), ty: *ty, is_writable: !(recurses && at == 0) });
            names.push(param);
        }
        let helper = Helper { name: name.clone(), params, takes_array, recurses, ret: ret.clone() };
        self.fuel = 20;
        self.can_break = false;
        let body = match ret {
            Returns::Scalar(ty) if recurses => self.recursive_body(&helper, ty, &names),
            Returns::Scalar(ty) => self.scalar_body(ty),
            Returns::Array(elem) => self.array_body(elem, takes_array),
            Returns::Tuple(types) => {
                self.can_return = false;
                let count = self.rng.below(3);
                let mut body = self.open_block(count);
                let items: Vec<String> = types.iter().map(|ty| self.expr(*ty, 2)).collect();
                body.push(Node::Line(format!("return {}", items.join(", "))));
                body
            }
        };
        self.vars.clear();
        self.arrays.clear();
        self.helpers.push(helper);
        Node::Compound(vec![(format!("def {name}({}):", names.join(", ")), body)])
    }

    fn scalar_body(&mut self, ret: Ty) -> Vec<Node> {
        self.result = "r".into();
        let first = self.expr(ret, 1);
        let mut body = vec![Node::Line(format!("r = {first}"))];
        self.declare("r", ret);
        self.can_return = true;
        let count = 1 + self.rng.below(3);
        body.extend(self.block(count));
        let last = self.expr(ret, 1);
        body.push(Node::Line(format!("return {last}")));
        body
    }

    /// Ends: the first parameter is small and falls.
    fn recursive_body(&mut self, helper: &Helper, ret: Ty, names: &[String]) -> Vec<Node> {
        let first = usize::from(helper.takes_array);
        let depth = &names[first];
        self.result = "r".into();
        self.can_return = false;
        let base = self.expr(ret, 1);
        let stop = Node::Line(format!("return {base}"));
        let mut body = vec![Node::Compound(vec![(format!("if {depth} <= 0:"), vec![stop])])];
        let count = self.rng.below(3);
        body.extend(self.open_block(count));
        let mut calls = Vec::new();
        for _ in 0..1 + usize::from(self.rng.percent(30)) {
            let mut args: Vec<String> = names[..first].to_vec();
            args.push(format!("{depth} - {}", 1 + self.rng.below(2)));
            args.extend(helper.params[1..].iter().map(|ty| self.expr(*ty, 1)));
            calls.push(format!("{}({})", helper.name, args.join(", ")));
        }
        let own = self.expr(ret, 1);
        let last = match ret {
            Ty::Bool => format!("({}) ^ ({own})", calls.join(" or ")),
            Ty::Int | Ty::Float | Ty::Single | Ty::Unsigned | Ty::Complex => {
                format!("{} {} {own}", calls.join(" - "), self.rng.pick(&["+", "-", "*"]))
            }
        };
        body.push(Node::Line(format!("return {last}")));
        body
    }

    fn array_body(&mut self, elem: Elem, takes_array: bool) -> Vec<Node> {
        self.can_return = false;
        if takes_array && elem == Elem::F64 && self.rng.percent(50) {
            let slice = self.slice();
            let condition = self.expr(Ty::Bool, 1);
            let early =
                Node::Compound(vec![(format!("if {condition}:"), vec![Node::Line("return x".into())])]);
            let last = self.rng.pick(&["return x[{}]", "return x[{}].copy()"]).replace("{}", &slice);
            let mut body = if self.rng.percent(40) { vec![early] } else { Vec::new() };
            body.push(Node::Line(last));
            return body;
        }
        let length = self.expr(Ty::Int, 1);
        let mut body = vec![Node::Line(format!("g = np.zeros({length} & 7, dtype={})", elem.name()))];
        self.arrays.push(Arr { name: "g".into(), elem, rank: 1, is_writable: true });
        let value = self.storable(elem);
        let fill = Node::Line(format!("g[i] = {value}"));
        body.push(Node::Compound(vec![("for i in range(len(g)):".into(), vec![fill])]));
        let count = self.rng.below(3);
        body.extend(self.open_block(count));
        body.push(Node::Line("return g".into()));
        body
    }

    /// Statements whose variables may be used after them, as far as they are always assigned.
    fn open_block(&mut self, count: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        self.depth += 1;
        for _ in 0..count {
            self.statement(&mut nodes);
        }
        self.depth -= 1;
        nodes
    }

    /// A statement that calls a helper with an array or a tuple as result.
    pub(super) fn call_statement(&mut self, nodes: &mut Vec<Node>) {
        let fitting: Vec<Helper> =
            self.helpers.iter().filter(|helper| !matches!(helper.ret, Returns::Scalar(_))).cloned().collect();
        if fitting.is_empty() {
            return;
        }
        let helper = fitting[self.rng.below(fitting.len())].clone();
        let Some(call) = self.call_of(&helper, 1) else { return };
        match helper.ret {
            Returns::Scalar(_) => {}
            Returns::Array(elem) => {
                let name = self.fresh("g");
                nodes.push(Node::Line(format!("{name} = {call}")));
                // It may be part of an argument that must not be written here.
                let is_writable = !(helper.takes_array && elem == Elem::F64);
                self.arrays.push(Arr { name, elem, rank: 1, is_writable });
            }
            Returns::Tuple(types) if self.rng.percent(50) => {
                let names: Vec<String> = types.iter().map(|_| self.fresh("v")).collect();
                nodes.push(Node::Line(format!("{} = {call}", names.join(", "))));
                names.iter().zip(types).for_each(|(name, ty)| self.declare(name, ty));
            }
            Returns::Tuple(types) => {
                let name = self.fresh("t");
                nodes.push(Node::Line(format!("{name} = {call}")));
                for (at, ty) in types.into_iter().enumerate() {
                    self.vars.push(Var { name: format!("{name}[{at}]"), ty, is_writable: false });
                }
            }
        }
    }
}
