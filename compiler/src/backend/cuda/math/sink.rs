//! Moves work that only one side of a choice needs into a branch.
//!
//! ```text
//! a = long(x)                     f64 r;
//! b = longer(x)            ==>    if (m) { r = long(x); } else { r = longer(x); }
//! r = m ? a : b
//! ```
//!
//! Lanes compute both sides of a choice; a GPU's threads need not, where those of a warp agree. Every operation is pure, so
//! nothing else changes. Conservative: a value that anything outside of the side uses stays where it is.

use super::graph::{Item, Node, Op, Program, SELECT};

/// Least number of operations on one side that is worth a branch.
const LEAST: usize = 12;

/// Who uses each value.
pub(super) struct Uses {
    /// How often, in live code, and whether one of these writes the operand more than once.
    counts: Vec<(u32, bool)>,
}

impl Uses {
    pub(super) fn of(program: &Program) -> Uses {
        let mut uses = Uses { counts: vec![(0, false); program.nodes.len()] };
        uses.add(program.value, false);
        uses.walk(program, &program.items);
        uses
    }

    /// Backwards, so that every user of a value has been seen before the value.
    fn walk(&mut self, program: &Program, items: &[Item]) {
        for item in items.iter().rev() {
            match item {
                Item::Define(node) if self.is_live(*node) => {
                    let op = &program.nodes[node.0 as usize].1;
                    for (number, &operand) in op.operands().iter().enumerate() {
                        let is_repeated = match op {
                            Op::Apply(pattern, _) => pattern.matches(&format!("${number}")).count() > 1,
                            _ => false,
                        };
                        self.add(operand, is_repeated);
                    }
                }
                Item::Define(_) => {}
                Item::Branch { mask, then, orelse, results } => {
                    let live: Vec<_> = results.iter().filter(|(result, ..)| self.is_live(*result)).collect();
                    if live.is_empty() {
                        continue;
                    }
                    for (_, first, second) in live {
                        self.add(*first, false);
                        self.add(*second, false);
                    }
                    self.walk(program, then);
                    self.walk(program, orelse);
                    self.add(*mask, false);
                }
            }
        }
    }

    fn add(&mut self, node: Node, is_repeated: bool) {
        let (count, repeated) = &mut self.counts[node.0 as usize];
        *count += 1;
        *repeated |= is_repeated;
    }

    pub(super) fn is_live(&self, node: Node) -> bool {
        self.counts[node.0 as usize].0 > 0
    }

    /// May it stand where it is used?
    pub(super) fn is_inline(&self, node: Node) -> bool {
        self.counts[node.0 as usize] == (1, false)
    }
}

/// The program with branches where they are worth it.
pub(super) fn sink(mut program: Program) -> Program {
    // What nobody uses would keep its operands where they are.
    let uses = Uses::of(&program);
    let items = live(std::mem::take(&mut program.items), &uses);
    let outside = vec![program.value];
    program.items = sink_items(&program, items, &outside);
    program
}

fn live(items: Vec<Item>, uses: &Uses) -> Vec<Item> {
    let keep = |item: &Item| match item {
        Item::Define(node) => uses.is_live(*node),
        Item::Branch { results, .. } => results.iter().any(|(result, ..)| uses.is_live(*result)),
    };
    let inner = |item| match item {
        Item::Branch { mask, then, orelse, results } => {
            Item::Branch { mask, then: live(then, uses), orelse: live(orelse, uses), results }
        }
        item @ Item::Define(_) => item,
    };
    items.into_iter().filter(keep).map(inner).collect()
}

/// `outside`: values that are used after these statements.
fn sink_items(program: &Program, mut items: Vec<Item>, outside: &[Node]) -> Vec<Item> {
    let mut at = items.len();
    while at > 0 {
        at -= 1;
        let Item::Define(node) = items[at] else { continue };
        let Op::Apply(SELECT, operands) = &program.nodes[node.0 as usize].1 else { continue };
        let &[mask, first, second] = operands.as_slice() else { continue };
        let only_first = exclusive(program, &items, at, node, first, [mask, second], outside);
        let only_second = exclusive(program, &items, at, node, second, [mask, first], outside);
        if only_first.len().max(only_second.len()) < LEAST {
            continue;
        }
        let take = |side: &[usize]| -> Vec<Item> { side.iter().rev().map(|&k| items[k].clone()).collect() };
        let then = sink_items(program, take(&only_first), &[first]);
        let orelse = sink_items(program, take(&only_second), &[second]);
        let results = vec![(node, first, second)];
        // With nothing to do on the second side its value is there before; on the first side there must be something.
        if then.is_empty() {
            continue;
        }
        items[at] = Item::Branch { mask, then, orelse, results };
        let mut keep = 0..items.len();
        items.retain(|_| {
            let k = keep.next().unwrap_or(0);
            !only_first.contains(&k) && !only_second.contains(&k)
        });
        at -= only_first.len() + only_second.len();
    }
    items
}

/// Positions, descending, of the statements before `at` that only that side of the choice needs.
fn exclusive(
    program: &Program,
    items: &[Item],
    at: usize,
    choice: Node,
    side: Node,
    others: [Node; 2],
    outside: &[Node],
) -> Vec<usize> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut positions = Vec::new();
    if others.contains(&side) {
        return positions;
    }
    for position in (0..at).rev() {
        let Item::Define(node) = items[position] else { continue };
        if program.nodes[node.0 as usize].1.is_leaf() || outside.contains(&node) {
            continue;
        }
        let mut is_used = false;
        let is_ours = items[position + 1..].iter().all(|item| {
            users_of(program, item, node, &mut |user| {
                is_used = true;
                user == Some(choice) && node == side || user.is_some_and(|user| nodes.contains(&user))
            })
        });
        if is_used && is_ours {
            nodes.push(node);
            positions.push(position);
        }
    }
    positions
}

/// Asks about each use of the value in a statement: by that value, or by none that could move.
fn users_of(program: &Program, item: &Item, node: Node, ask: &mut impl FnMut(Option<Node>) -> bool) -> bool {
    match item {
        Item::Define(user) => {
            !program.nodes[user.0 as usize].1.operands().contains(&node) || ask(Some(*user))
        }
        Item::Branch { mask, then, orelse, results } => {
            let is_here = *mask == node || results.iter().any(|&(_, a, b)| a == node || b == node);
            (!is_here || ask(None))
                && then.iter().chain(orelse).all(|item| {
                    let mut inner = |_: Option<Node>| ask(None);
                    users_inside(program, item, node, &mut inner)
                })
        }
    }
}

/// The same within a branch; apart, so that the closures do not nest without end.
fn users_inside(
    program: &Program,
    item: &Item,
    node: Node,
    ask: &mut dyn FnMut(Option<Node>) -> bool,
) -> bool {
    match item {
        Item::Define(user) => {
            !program.nodes[user.0 as usize].1.operands().contains(&node) || ask(Some(*user))
        }
        Item::Branch { mask, then, orelse, results } => {
            let is_here = *mask == node || results.iter().any(|&(_, a, b)| a == node || b == node);
            (!is_here || ask(None))
                && then.iter().chain(orelse).all(|item| users_inside(program, item, node, ask))
        }
    }
}
