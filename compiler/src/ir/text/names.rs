//! Names of variables in the text form: those of the source, with a number where two would look the same.
//!
//! In: a function. Out: one distinct name per variable that is mentioned, and where it is declared. A function of the
//! order of mentions only, not of ids, so that parsing and printing again gives the same names.

use rustc_hash::{FxHashMap, FxHashSet};

use super::RESERVED;
use crate::ir::expr::ExprKind;
use crate::ir::func::{ArrayId, Func, FuncId, LocalId, Param, Program};
use crate::ir::stmt::{Stmt, Target};
use crate::ir::walk;

/// A variable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Var {
    Local(LocalId),
    Array(ArrayId),
}

/// The names of one function.
#[derive(Default)]
pub(super) struct Names {
    names: FxHashMap<Var, String>,
    /// Variables whose first mention does not give them a value: declared at the top.
    pub(super) declared_first: Vec<Var>,
    counts: FxHashMap<String, u32>,
    params: FxHashSet<Var>,
}

impl Names {
    pub(super) fn of(func: &Func) -> Names {
        let mut names = Names::default();
        for &param in &func.params {
            let var = match param {
                Param::Scalar(local) => Var::Local(local),
                Param::Array(array) => Var::Array(array),
            };
            names.add(func, var);
            names.params.insert(var);
        }
        names.add_block(func, &func.body);
        names
    }

    /// The name, or the id with a question mark for a variable that does not exist.
    pub(super) fn get(&self, var: Var) -> String {
        match (self.names.get(&var), var) {
            (Some(name), _) => name.clone(),
            (None, Var::Local(local)) => format!("?{local}"),
            (None, Var::Array(array)) => format!("?{array}"),
        }
    }

    fn add_block(&mut self, func: &Func, block: &[Stmt]) {
        for stmt in block {
            // The head of a `while` stands before its condition.
            if let Stmt::While { head, body, .. } = stmt {
                self.add_block(func, head);
                self.add_stmt(func, stmt);
                self.add_block(func, body);
                continue;
            }
            self.add_stmt(func, stmt);
            for inner in stmt.blocks() {
                self.add_block(func, inner);
            }
        }
    }

    fn add_stmt(&mut self, func: &Func, stmt: &Stmt) {
        // Variables that a statement sets are declared by it, unless something mentioned them before.
        match stmt {
            Stmt::Set { local, .. } => self.add(func, Var::Local(*local)),
            Stmt::SetArray { array, .. } => self.add(func, Var::Array(*array)),
            Stmt::Loop(l) => self.add(func, Var::Local(l.var)),
            Stmt::Call { results, .. } | Stmt::Runtime { results, .. } | Stmt::Device { results, .. } => {
                for result in results {
                    match *result {
                        Target::Local(local) => self.add(func, Var::Local(local)),
                        Target::Array(array) => self.add(func, Var::Array(array)),
                    };
                }
                false
            }
            _ => false,
        };
        let mut mentioned = Vec::new();
        let mut head = walk::head_of(stmt);
        walk::for_each_local_mut(&mut head, &mut |local| mentioned.push(Var::Local(*local)));
        walk::for_each_array_mut(&mut head, &mut |array| mentioned.push(Var::Array(*array)));
        walk::for_each_expr_root(&head, &mut |root| {
            if !func.exprs.is_valid(root) {
                return;
            }
            walk::for_each_expr(&func.exprs, root, &mut |_, expr| {
                if let ExprKind::Local(local) = expr.kind {
                    mentioned.push(Var::Local(local));
                }
                walk::for_each_array_of_expr(&expr.kind, &mut |array| mentioned.push(Var::Array(array)));
            });
        });
        for var in mentioned {
            if self.add(func, var) {
                self.declared_first.push(var);
            }
        }
    }

    /// Names it unless it has a name; is the name new?
    fn add(&mut self, func: &Func, var: Var) -> bool {
        if self.names.contains_key(&var) {
            return false;
        }
        let base = match var {
            Var::Local(local) => match func.locals.get(local) {
                Some(info) if info.is_user => identifier(&info.name),
                Some(info) => format!("%{}", identifier(&info.name)),
                None => return false,
            },
            Var::Array(array) => match func.arrays.get(array) {
                Some(info) => identifier(&info.name),
                None => return false,
            },
        };
        let name = numbered(&mut self.counts, base);
        self.names.insert(var, name);
        true
    }
}

/// The names of all functions.
pub(super) fn function_names(program: &Program) -> FxHashMap<FuncId, String> {
    let mut counts = FxHashMap::default();
    program.funcs.iter().map(|(id, func)| (id, numbered(&mut counts, identifier(&func.name)))).collect()
}

/// `x`, then `x.2`, `x.3`; reserved words start with `.1`.
fn numbered(counts: &mut FxHashMap<String, u32>, base: String) -> String {
    let is_reserved = RESERVED.contains(&base.as_str());
    let count = counts.entry(base.clone()).or_insert(0);
    *count += 1;
    if *count == 1 && !is_reserved { base } else { format!("{base}.{count}") }
}

/// The name with everything that the text form cannot read replaced.
fn identifier(name: &str) -> String {
    let mut text: String =
        name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if text.chars().next().is_none_or(|c| !c.is_alphabetic() && c != '_') {
        text.insert(0, '_');
    }
    text
}
