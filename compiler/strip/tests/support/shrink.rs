//! Makes a failing strip small.

use kjit_strip::ir::{Inst, Op, Region, Strip, Ty, Value};
use kjit_strip::verify;
use kjit_strip::walk::for_each_inst;
use std::collections::BTreeSet;

/// Drops stores, faults, loops' and branches' contents, turns operations into constants, as long as `fails` says that it still fails.
pub fn shrink(strip: &Strip, fails: &mut dyn FnMut(&Strip) -> bool) -> Strip {
    let mut best = strip.clone();
    let mut budget = 3000;
    loop {
        let mut progress = false;
        let count = instructions(&best);
        for at in (0..count).rev() {
            for edit in [Edit::Drop, Edit::Then, Edit::Orelse, Edit::Zero, Edit::One] {
                if budget == 0 {
                    return best;
                }
                let mut smaller = best.clone();
                if !apply(&mut smaller, at, edit) {
                    continue;
                }
                sweep(&mut smaller);
                if smaller == best || verify(&smaller).is_err() {
                    continue;
                }
                budget -= 1;
                if fails(&smaller) {
                    best = smaller;
                    progress = true;
                    break;
                }
            }
        }
        for at in (0..best.carried.len()).rev() {
            let mut smaller = best.clone();
            let carried = smaller.carried.remove(at);
            let init = smaller.body.clone();
            smaller.body = vec![Inst::Let { value: carried.param, op: Op::Const(0) }];
            smaller.body.extend(init);
            sweep(&mut smaller);
            if verify(&smaller).is_ok() && budget > 0 && fails(&smaller) {
                budget -= 1;
                best = smaller;
                progress = true;
            }
        }
        if !progress {
            return best;
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Edit {
    Drop,
    /// The branch is its first region.
    Then,
    Orelse,
    Zero,
    One,
}

fn instructions(strip: &Strip) -> usize {
    let mut count = 0;
    for region in [&strip.setup, &strip.body] {
        for_each_inst(region, &mut |_| count += 1);
    }
    count
}

fn apply(strip: &mut Strip, at: usize, edit: Edit) -> bool {
    let values = strip.values.clone();
    let kept = reductions(strip);
    let mut left = at;
    let mut setup = std::mem::take(&mut strip.setup);
    let mut body = std::mem::take(&mut strip.body);
    let ty = |value: Value| values[value];
    let done = edit_region(&mut setup, &mut left, edit, &ty, &kept)
        .or_else(|| edit_region(&mut body, &mut left, edit, &ty, &kept));
    (strip.setup, strip.body) = (setup, body);
    done == Some(true)
}

/// What is computed from carried values: these stay reductions only as they are.
fn reductions(strip: &Strip) -> BTreeSet<Value> {
    let mut kept: BTreeSet<Value> =
        strip.carried.iter().flat_map(|carried| [carried.param, carried.init]).collect();
    for_each_inst(&strip.body, &mut |inst| {
        if let Inst::Let { value, op } = inst {
            let mut depends = false;
            op.for_each_operand(|operand| depends |= kept.contains(&operand));
            if depends {
                kept.insert(*value);
            }
        }
    });
    kept
}

/// Nothing if the instruction is further on.
fn edit_region(
    region: &mut Region,
    left: &mut usize,
    edit: Edit,
    ty: &dyn Fn(Value) -> Ty,
    kept: &BTreeSet<Value>,
) -> Option<bool> {
    let mut at = 0;
    while at < region.len() {
        if *left == 0 {
            return Some(edit_at(region, at, edit, ty, kept));
        }
        *left -= 1;
        let within = match &mut region[at] {
            Inst::Loop(inner) => edit_region(&mut inner.head, left, edit, ty, kept)
                .or_else(|| edit_region(&mut inner.body, left, edit, ty, kept)),
            Inst::Branch(branch) => edit_region(&mut branch.then, left, edit, ty, kept)
                .or_else(|| edit_region(&mut branch.orelse, left, edit, ty, kept)),
            Inst::Let { .. } | Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } => None,
        };
        if within.is_some() {
            return within;
        }
        at += 1;
    }
    None
}

fn edit_at(
    region: &mut Region,
    at: usize,
    edit: Edit,
    ty: &dyn Fn(Value) -> Ty,
    kept: &BTreeSet<Value>,
) -> bool {
    let replacement: Vec<Inst> = match (&region[at], edit) {
        (Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. }, Edit::Drop) => vec![],
        (Inst::Let { value, op }, Edit::Zero | Edit::One) => {
            if kept.contains(value) || matches!(op, Op::First | Op::LaneNumber) {
                return false;
            }
            let one = u64::from(edit == Edit::One);
            let new = match ty(*value) {
                Ty::Int => Op::Int(one as i64),
                Ty::Test => return false,
                Ty::F64 => Op::Const(one * 1.0_f64.to_bits()),
                Ty::F32 => Op::Const(one * u64::from(1.0_f32.to_bits())),
                Ty::I64 | Ty::I32 | Ty::I16 | Ty::I8 | Ty::Mask => Op::Const(one),
            };
            if *op == new || matches!(op, Op::Const(_) | Op::Int(_) | Op::Word(_)) {
                return false;
            }
            vec![Inst::Let { value: *value, op: new }]
        }
        // As if no round were made.
        (Inst::Loop(inner), Edit::Drop) => {
            let pairs: Vec<(Value, Value)> = inner.carried.iter().map(|phi| (phi.result, phi.init)).collect();
            let mut rest = region.split_off(at + 1);
            region.pop();
            for (from, to) in pairs {
                rename(&mut rest, from, to);
            }
            region.append(&mut rest);
            return true;
        }
        (Inst::Branch(branch), Edit::Then | Edit::Orelse) => {
            let is_then = edit == Edit::Then;
            let mut body = if is_then { branch.then.clone() } else { branch.orelse.clone() };
            let pairs: Vec<(Value, Value)> = branch
                .results
                .iter()
                .map(|&(result, then, orelse)| (result, if is_then { then } else { orelse }))
                .collect();
            let mut rest = region.split_off(at + 1);
            region.pop();
            for (from, to) in pairs {
                rename(&mut rest, from, to);
            }
            region.append(&mut body);
            region.append(&mut rest);
            return true;
        }
        _ => return false,
    };
    region.splice(at..=at, replacement);
    true
}

/// Replaces a value where it is read. (Carried values of the strip and of loops around may still name the old one: `verify` finds that, and
/// the edit is not made.)
fn rename(region: &mut Region, from: Value, to: Value) {
    let swap = |value: &mut Value| {
        if *value == from {
            *value = to;
        }
    };
    for inst in region {
        match inst {
            Inst::Let { op, .. } => op.for_each_operand_mut(swap),
            Inst::Store { place, value, mask, .. } | Inst::Update { place, value, mask, .. } => {
                place.for_each_operand_mut(swap);
                swap(value);
                mask.iter_mut().for_each(swap);
            }
            Inst::Fault { mask } => swap(mask),
            Inst::Loop(inner) => {
                swap(&mut inner.cond);
                for phi in &mut inner.carried {
                    swap(&mut phi.init);
                    swap(&mut phi.next);
                }
                rename(&mut inner.head, from, to);
                rename(&mut inner.body, from, to);
            }
            Inst::Branch(branch) => {
                swap(&mut branch.cond);
                for (_, then, orelse) in &mut branch.results {
                    swap(then);
                    swap(orelse);
                }
                rename(&mut branch.then, from, to);
                rename(&mut branch.orelse, from, to);
            }
        }
    }
}

/// Drops definitions that nothing reads.
fn sweep(strip: &mut Strip) {
    loop {
        let mut used = BTreeSet::new();
        for region in [&strip.setup, &strip.body] {
            for_each_inst(region, &mut |inst| note_uses(inst, &mut used));
        }
        for carried in &strip.carried {
            used.extend([carried.init, carried.next]);
        }
        let before = instructions(strip);
        for region in [&mut strip.setup, &mut strip.body] {
            sweep_region(region, &used);
        }
        if instructions(strip) == before {
            return;
        }
    }
}

fn note_uses(inst: &Inst, used: &mut BTreeSet<Value>) {
    match inst {
        Inst::Let { op, .. } => op.for_each_operand(|value| {
            used.insert(value);
        }),
        Inst::Store { place, value, mask, .. } | Inst::Update { place, value, mask, .. } => {
            place.for_each_operand(|value| {
                used.insert(value);
            });
            used.insert(*value);
            used.extend(*mask);
        }
        Inst::Fault { mask } => {
            used.insert(*mask);
        }
        Inst::Loop(inner) => {
            used.insert(inner.cond);
            used.extend(inner.carried.iter().flat_map(|phi| [phi.init, phi.next]));
        }
        Inst::Branch(branch) => {
            used.insert(branch.cond);
            used.extend(branch.results.iter().flat_map(|&(_, then, orelse)| [then, orelse]));
        }
    }
}

fn has_effects(region: &Region) -> bool {
    let mut found = false;
    for_each_inst(region, &mut |inst| {
        found |= matches!(inst, Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. });
    });
    found
}

fn sweep_region(region: &mut Region, used: &BTreeSet<Value>) {
    for inst in region.iter_mut() {
        match inst {
            Inst::Loop(inner) => {
                sweep_region(&mut inner.head, used);
                sweep_region(&mut inner.body, used);
                // A value that only feeds itself.
                inner.carried.retain(|phi| used.contains(&phi.result) || used.contains(&phi.param));
            }
            Inst::Branch(branch) => {
                sweep_region(&mut branch.then, used);
                sweep_region(&mut branch.orelse, used);
                branch.results.retain(|(result, _, _)| used.contains(result));
            }
            Inst::Let { .. } | Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } => {}
        }
    }
    region.retain(|inst| match inst {
        Inst::Let { value, .. } => used.contains(value),
        Inst::Loop(inner) => {
            has_effects(&inner.head)
                || has_effects(&inner.body)
                || inner.carried.iter().any(|phi| used.contains(&phi.result))
        }
        Inst::Branch(branch) => {
            has_effects(&branch.then) || has_effects(&branch.orelse) || !branch.results.is_empty()
        }
        Inst::Store { .. } | Inst::Update { .. } | Inst::Fault { .. } => true,
    });
}
