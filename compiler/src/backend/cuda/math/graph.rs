//! Lanes that remember what is done to them: one function as a graph of operations.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};

use rustc_hash::FxHashMap;

use crate::numerics::lanes::Lanes;

/// A value of the graph, by number in order of creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Node(pub(super) u32);

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Ty {
    Float,
    Bits,
    Flag,
}

/// A table of constants; another one only if it lies elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table(pub(super) &'static [f64]);

impl PartialEq for Table {
    fn eq(&self, other: &Table) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Table {}

impl Hash for Table {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ptr().hash(state);
    }
}

/// What makes a value. Bits are unsigned words: they wrap, and shift in zeros.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Op {
    Argument(u32),
    Float(u64),
    Bits(u64),
    /// C with `$0`, `$1`, ... for the operands.
    Apply(&'static str, Vec<Node>),
    /// The same with a constant, `#`.
    ApplyConst(&'static str, u32, Vec<Node>),
    Lookup(Table, Node),
    /// What a statement leaves.
    Result,
}

/// A statement.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Define(Node),
    /// `if (mask)`: each result is the first value, else the second.
    Branch {
        mask: Node,
        then: Vec<Item>,
        orelse: Vec<Item>,
        results: Vec<(Node, Node, Node)>,
    },
}

impl Op {
    /// The values that it is made of.
    pub(super) fn operands(&self) -> &[Node] {
        match self {
            Op::Apply(_, operands) | Op::ApplyConst(_, _, operands) => operands,
            Op::Lookup(_, index) => std::slice::from_ref(index),
            Op::Argument(_) | Op::Float(_) | Op::Bits(_) | Op::Result => &[],
        }
    }

    /// Is it as short written out as its name?
    pub(super) fn is_leaf(&self) -> bool {
        matches!(self, Op::Argument(_) | Op::Float(_) | Op::Bits(_))
    }
}

/// A finished function.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) nodes: Vec<(Ty, Op)>,
    pub(super) items: Vec<Item>,
    pub(super) value: Node,
}

#[derive(Default)]
struct State {
    nodes: Vec<(Ty, Op)>,
    /// The statements of each open block, innermost last, and what they define.
    open: Vec<(Vec<Item>, FxHashMap<Op, Node>)>,
}

/// A function under construction.
pub(super) struct Graph(RefCell<State>);

impl Default for Graph {
    fn default() -> Graph {
        Graph(RefCell::new(State { nodes: Vec::new(), open: vec![Default::default()] }))
    }
}

impl State {
    fn push(&mut self, ty: Ty, op: Op) -> Node {
        let node = Node(self.nodes.len() as u32);
        self.nodes.push((ty, op));
        node
    }
}

impl Graph {
    pub(super) fn argument(&self, number: u32) -> Node {
        self.define(Ty::Float, Op::Argument(number))
    }

    pub(super) fn finish(self, value: Node) -> Program {
        let mut state = self.0.into_inner();
        let items = state.open.pop().map(|(items, _)| items).unwrap_or_default();
        Program { nodes: state.nodes, items, value }
    }

    /// A value; the one that is there already if it was asked for before.
    fn define(&self, ty: Ty, op: Op) -> Node {
        let state = &mut *self.0.borrow_mut();
        if let Some(&known) = state.open.iter().find_map(|(_, known)| known.get(&op)) {
            return known;
        }
        let node = state.push(ty, op.clone());
        if let Some((items, known)) = state.open.last_mut() {
            items.push(Item::Define(node));
            known.insert(op, node);
        }
        node
    }

    fn float(&self, pattern: &'static str, operands: &[Node]) -> Node {
        self.define(Ty::Float, Op::Apply(pattern, operands.to_vec()))
    }

    fn word(&self, pattern: &'static str, operands: &[Node]) -> Node {
        self.define(Ty::Bits, Op::Apply(pattern, operands.to_vec()))
    }

    fn flag(&self, pattern: &'static str, operands: &[Node]) -> Node {
        self.define(Ty::Flag, Op::Apply(pattern, operands.to_vec()))
    }
}

impl Lanes for Graph {
    type F = Node;
    type I = Node;
    type M = Node;

    fn f(&self, value: f64) -> Node {
        self.define(Ty::Float, Op::Float(value.to_bits()))
    }
    fn i(&self, value: i64) -> Node {
        self.define(Ty::Bits, Op::Bits(value as u64))
    }
    fn add(&self, a: Node, b: Node) -> Node {
        self.float("($0 + $1)", &[a, b])
    }
    fn sub(&self, a: Node, b: Node) -> Node {
        self.float("($0 - $1)", &[a, b])
    }
    fn mul(&self, a: Node, b: Node) -> Node {
        self.float("__dmul_rn($0, $1)", &[a, b])
    }
    fn div(&self, a: Node, b: Node) -> Node {
        self.float("__ddiv_rn($0, $1)", &[a, b])
    }
    fn sqrt(&self, a: Node) -> Node {
        self.float("__dsqrt_rn($0)", &[a])
    }
    fn fma(&self, a: Node, b: Node, c: Node) -> Node {
        self.float("__fma_rn($0, $1, $2)", &[a, b, c])
    }
    fn fms(&self, a: Node, b: Node, c: Node) -> Node {
        self.float("__fma_rn($0, $1, -$2)", &[a, b, c])
    }
    fn fnma(&self, a: Node, b: Node, c: Node) -> Node {
        self.float("__fma_rn(-$0, $1, $2)", &[a, b, c])
    }
    fn min(&self, a: Node, b: Node) -> Node {
        self.float("($0 < $1 ? $0 : $1)", &[a, b])
    }
    fn max(&self, a: Node, b: Node) -> Node {
        self.float("($0 > $1 ? $0 : $1)", &[a, b])
    }
    fn round(&self, a: Node) -> Node {
        self.float("rint($0)", &[a])
    }
    fn floor(&self, a: Node) -> Node {
        self.float("floor($0)", &[a])
    }
    fn ceil(&self, a: Node) -> Node {
        self.float("ceil($0)", &[a])
    }
    fn trunc(&self, a: Node) -> Node {
        self.float("trunc($0)", &[a])
    }
    fn neg(&self, a: Node) -> Node {
        self.float("(-$0)", &[a])
    }
    fn abs(&self, a: Node) -> Node {
        self.float("fabs($0)", &[a])
    }
    fn with_sign(&self, a: Node, sign: Node) -> Node {
        self.float("copysign($0, $1)", &[a, sign])
    }
    fn lt(&self, a: Node, b: Node) -> Node {
        self.flag("($0 < $1)", &[a, b])
    }
    fn le(&self, a: Node, b: Node) -> Node {
        self.flag("($0 <= $1)", &[a, b])
    }
    fn eq(&self, a: Node, b: Node) -> Node {
        self.flag("($0 == $1)", &[a, b])
    }
    fn both(&self, a: Node, b: Node) -> Node {
        self.flag("($0 && $1)", &[a, b])
    }
    fn any_of(&self, a: Node, b: Node) -> Node {
        self.flag("($0 || $1)", &[a, b])
    }
    fn not(&self, a: Node) -> Node {
        self.flag("!$0", &[a])
    }
    fn select(&self, mask: Node, a: Node, b: Node) -> Node {
        self.float(SELECT, &[mask, a, b])
    }
    fn bits(&self, a: Node) -> Node {
        self.word("(u64)__double_as_longlong($0)", &[a])
    }
    fn from_bits(&self, a: Node) -> Node {
        self.float("__longlong_as_double((i64)$0)", &[a])
    }
    fn iadd(&self, a: Node, b: Node) -> Node {
        self.word("($0 + $1)", &[a, b])
    }
    fn isub(&self, a: Node, b: Node) -> Node {
        self.word("($0 - $1)", &[a, b])
    }
    fn and(&self, a: Node, b: Node) -> Node {
        self.word("($0 & $1)", &[a, b])
    }
    fn or(&self, a: Node, b: Node) -> Node {
        self.word("($0 | $1)", &[a, b])
    }
    fn xor(&self, a: Node, b: Node) -> Node {
        self.word("($0 ^ $1)", &[a, b])
    }
    fn shl(&self, a: Node, by: u32) -> Node {
        self.define(Ty::Bits, Op::ApplyConst("($0 << #)", by, vec![a]))
    }
    fn shr(&self, a: Node, by: u32) -> Node {
        self.define(Ty::Bits, Op::ApplyConst("($0 >> #)", by, vec![a]))
    }
    fn test_bit(&self, a: Node, bit: u32) -> Node {
        self.define(Ty::Flag, Op::ApplyConst("((($0 >> #) & 1) != 0)", bit, vec![a]))
    }
    fn lookup(&self, table: &'static [f64], index: Node) -> Node {
        self.define(Ty::Float, Op::Lookup(Table(table), index))
    }

    fn rare<const N: usize>(
        &self,
        mask: Node,
        usual: [Node; N],
        slow: impl FnOnce() -> [Node; N],
    ) -> [Node; N] {
        self.0.borrow_mut().open.push(Default::default());
        let slow = slow();
        let state = &mut *self.0.borrow_mut();
        let then = state.open.pop().map(|(items, _)| items).unwrap_or_default();
        let mut merged = usual;
        let mut results = Vec::with_capacity(N);
        for (result, &slow) in merged.iter_mut().zip(&slow) {
            let fresh = state.push(Ty::Float, Op::Result);
            results.push((fresh, slow, *result));
            *result = fresh;
        }
        if let Some((items, _)) = state.open.last_mut() {
            items.push(Item::Branch { mask, then, orelse: Vec::new(), results });
        }
        merged
    }
}

/// The pattern of a choice, which `sink.rs` looks for.
pub(super) const SELECT: &str = "($0 ? $1 : $2)";
