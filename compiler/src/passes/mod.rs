//! The passes: IR in, IR out, one idea per file. They never speak to the user except by remarks, and never change what
//! a program computes, raises or prints, bit for bit.
//!
//! `parallelize`, `outline`, `regroup` and `contract` come first and apart from the list: they carry out what the race check decided and
//! what `fastmath` allows, for every engine. The list is
//! data: `kjit emit ir --after NAME` stops after the pass of that name.

pub mod addresses;
pub mod branchless;
mod build;
pub mod carry;
pub mod cold;
pub mod contract;
pub mod count;
pub mod counted;
pub mod cse;
pub mod dead;
pub mod draws;
pub mod eager;
pub mod guard;
pub mod inline;
pub mod jam;
pub mod licm;
mod linear;
mod numbering;
pub mod outline;
pub mod parallelize;
pub mod peel;
pub mod polls;
pub mod propagate;
pub mod regroup;
pub mod repeated;
pub mod residency;
pub mod simplify;
pub mod strength;
pub mod unroll;
pub mod vectorize;
pub mod wraparound;

use crate::ir::{Program, verify};

/// One row of the list.
pub struct Pass {
    /// For `--after` and reports.
    pub name: &'static str,
    /// What it does, in one line.
    pub line: &'static str,
    /// Does it.
    pub run: fn(&mut Program, &mut PassReport),
}

/// What the passes did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PassReport {
    /// Pass and number of changes, in order.
    pub counts: Vec<(&'static str, usize)>,
    /// The first invariant that a pass broke, with the pass's name.
    pub violation: Option<(&'static str, String)>,
    changes: usize,
}

impl PassReport {
    /// A pass made that many changes.
    pub fn add(&mut self, changes: usize) {
        self.changes += changes;
    }

    /// Changes of all runs of a pass.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.counts.iter().filter(|(pass, _)| *pass == name).map(|(_, count)| count).sum()
    }
}

const ADDRESSES: Pass = Pass {
    name: "addresses",
    line: "rows are found before the loops along them, columns step by step",
    run: addresses::addresses,
};
const BRANCHLESS: Pass = Pass {
    name: "branchless",
    line: "the better of two values is kept without a branch",
    run: branchless::branchless,
};
const CARRY: Pass = Pass {
    name: "carry",
    line: "what an iteration stores for the next one stays in a variable",
    run: carry::carry,
};
const COLD: Pass = Pass { name: "cold", line: "slow copies of loops become functions", run: cold::cold };
const COUNTED: Pass =
    Pass { name: "counted", line: "`while` loops that count become counted loops", run: counted::counted };
const CSE: Pass = Pass { name: "cse", line: "expensive expressions are computed once", run: cse::cse };
const DEAD: Pass = Pass { name: "dead", line: "what nothing uses is removed", run: dead::dead };
const DRAWS: Pass = Pass {
    name: "draws",
    line: "random numbers of a parallel loop are computed where they are drawn",
    run: draws::draws,
};
const EAGER: Pass =
    Pass { name: "eager", line: "cheap conditions are computed without a branch", run: eager::eager };
const GUARD: Pass =
    Pass { name: "guard", line: "index checks of a loop become one test before it", run: guard::guard };
const INLINE: Pass =
    Pass { name: "inline", line: "small functions disappear into their callers", run: inline::inline };
const JAM: Pass = Pass { name: "jam", line: "iterations of an outer loop share an inner one", run: jam::jam };
const LICM: Pass =
    Pass { name: "licm", line: "what does not change in a loop is computed before it", run: licm::licm };
const PEEL: Pass =
    Pass { name: "peel", line: "on a ring, the first and the last element are apart", run: peel::peel };
const POLLS: Pass = Pass { name: "polls", line: "long loops can be interrupted", run: polls::polls };
const PROPAGATE: Pass =
    Pass { name: "propagate", line: "copies are read at their source", run: propagate::propagate };
const REPEATED: Pass = Pass {
    name: "repeated",
    line: "checks that were made before are not made again",
    run: repeated::repeated,
};
const SIMPLIFY: Pass =
    Pass { name: "simplify", line: "constants are folded, algebraic rules applied", run: simplify::simplify };
const STRENGTH: Pass = Pass {
    name: "strength",
    line: "a product with a loop's variable becomes a sum that goes on",
    run: strength::strength,
};
const UNROLL: Pass =
    Pass { name: "unroll", line: "small loops of constant length are written out", run: unroll::unroll };
const VECTORIZE: Pass =
    Pass { name: "vectorize", line: "independent iterations run many at a time", run: vectorize::vectorize };
const WRAPAROUND: Pass =
    Pass { name: "wraparound", line: "neighbours on a ring need no division", run: wraparound::wraparound };

/// Every pass, in order.
pub const PASSES: &[Pass] = &[
    SIMPLIFY, INLINE, UNROLL, PROPAGATE, COUNTED, SIMPLIFY, DRAWS, PEEL, GUARD, REPEATED, JAM, EAGER,
    WRAPAROUND, CSE, LICM, VECTORIZE, COLD, BRANCHLESS, DEAD, CARRY, STRENGTH, ADDRESSES, POLLS,
];

/// The passes before kernels are written for a device: what threads do is to be read by people, and its compiler does the rest.
pub const GRID_PASSES: &[Pass] =
    &[SIMPLIFY, INLINE, PROPAGATE, SIMPLIFY, GUARD, REPEATED, WRAPAROUND, SIMPLIFY, DEAD];

/// Runs the list, up to and including the pass named `after` (its last occurrence). With `verify_each` the verifier runs after every pass, and the
/// first violation ends the run.
pub fn run_passes(program: &mut Program, after: Option<&str>, verify_each: bool) -> PassReport {
    let mut report = PassReport::default();
    let last = after.and_then(|name| PASSES.iter().rposition(|pass| pass.name == name));
    let count = last.map_or(PASSES.len(), |position| position + 1);
    run_list(program, &PASSES[..count], verify_each, &mut report);
    report
}

/// Runs [`GRID_PASSES`].
pub fn run_grid_passes(program: &mut Program, verify_each: bool) -> PassReport {
    let mut report = PassReport::default();
    run_list(program, GRID_PASSES, verify_each, &mut report);
    report
}

fn run_list(program: &mut Program, list: &[Pass], verify_each: bool, report: &mut PassReport) {
    for pass in list {
        report.changes = 0;
        (pass.run)(program, report);
        report.counts.push((pass.name, report.changes));
        if verify_each && let Err(violations) = verify(program) {
            report.violation = violations.first().map(|v| (pass.name, v.to_string()));
            break;
        }
    }
}
