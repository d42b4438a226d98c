//! May two array variables of a function share memory?
//!
//! Facts only. Flow-insensitive: a variable may show everything that it is bound to anywhere. Parameters may be the
//! same memory; what the function allocates is apart from everything that was not derived from it.

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use crate::base::SecondaryMap;
use crate::ir::walk;
use crate::ir::{ArrayId, ArrayValue, Func, Param, Stmt, Target};

/// Where memory may come from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Origin {
    /// Parameters, and results of calls: any of them may be any other.
    Outside,
    /// Allocated for that variable.
    Alloc(ArrayId),
}

/// The origins of every array variable.
#[derive(Clone, Debug, Default)]
pub struct Aliases {
    origins: SecondaryMap<ArrayId, FxHashSet<Origin>>,
}

impl Aliases {
    /// Looks at every binding of the function.
    #[must_use]
    pub fn new(func: &Func) -> Aliases {
        let mut aliases = Aliases::default();
        let mut derived: Vec<(ArrayId, ArrayId)> = Vec::new();
        for param in &func.params {
            if let Param::Array(array) = param {
                aliases.origins[*array].insert(Origin::Outside);
            }
        }
        walk::for_each_stmt(&func.body, &mut |stmt| match stmt {
            Stmt::SetArray { array, value } => match value {
                ArrayValue::Same(base)
                | ArrayValue::View { base, .. }
                | ArrayValue::Transpose { base, .. }
                | ArrayValue::Part { base, .. }
                | ArrayValue::Reshape { base, .. } => derived.push((*array, *base)),
                ArrayValue::Alloc { .. } => {
                    aliases.origins[*array].insert(Origin::Alloc(*array));
                }
            },
            Stmt::Call { results, .. } | Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => {
                for result in results {
                    if let Target::Array(array) = result {
                        // The callee may return any of its arguments, and they anything.
                        aliases.origins[*array].insert(Origin::Outside);
                    }
                }
            }
            _ => {}
        });
        let mut has_changed = true;
        while has_changed {
            has_changed = false;
            for &(array, base) in &derived {
                let more: Vec<Origin> =
                    aliases.origins[base].difference(&aliases.origins[array]).copied().collect();
                has_changed |= !more.is_empty();
                aliases.origins[array].extend(more);
            }
        }
        // An allocation that is passed to a call may come back as its result.
        let mut escaped: Vec<ArrayId> = Vec::new();
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::Call { args, results, .. } = stmt
                && results.iter().any(|result| matches!(result, Target::Array(_)))
            {
                escaped.extend(super::values::Values::operand_arrays(args));
            }
        });
        for array in escaped {
            let shared: Vec<Origin> = aliases.origins[array].iter().copied().collect();
            for other in func.arrays.keys() {
                if aliases.origins[other].iter().any(|origin| shared.contains(origin)) {
                    aliases.origins[other].insert(Origin::Outside);
                }
            }
        }
        aliases
    }

    /// Numbers of the memories that an array may show: 0 for all that came from outside together, one per allocation. Two arrays
    /// may share an element if they have a number in common.
    #[must_use]
    pub fn memories(&self, array: ArrayId) -> SmallVec<[u32; 2]> {
        let mut memories: SmallVec<[u32; 2]> = self.origins[array]
            .iter()
            .map(|origin| match origin {
                Origin::Outside => 0,
                Origin::Alloc(array) => array.as_u32() + 1,
            })
            .collect();
        memories.sort_unstable();
        memories
    }

    /// May they share an element?
    #[must_use]
    pub fn may_alias(&self, a: ArrayId, b: ArrayId) -> bool {
        a == b || !self.origins[a].is_disjoint(&self.origins[b])
    }
}
