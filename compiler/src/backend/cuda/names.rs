//! Names of variables in the emitted text: those of the source, made into C identifiers, each once per function.

use rustc_hash::{FxHashMap, FxHashSet};

use super::math::{fast_name1, fast_name2};
use super::prelude::TAKEN;
use crate::ir::{ArrayId, Func, LocalId};
use crate::numerics::math::{MathFn1, MathFn2};
use crate::types::DType;

/// The names of one function's variables.
pub(super) struct Names {
    locals: FxHashMap<LocalId, String>,
    arrays: FxHashMap<ArrayId, String>,
    taken: FxHashSet<String>,
}

impl Names {
    pub(super) fn new() -> Names {
        let mut taken: FxHashSet<String> = TAKEN.iter().map(|&name| name.to_owned()).collect();
        for ty in [DType::F32, DType::F64] {
            taken.extend(MathFn1::ALL.iter().filter_map(|&function| fast_name1(function, ty)));
            taken.extend(MathFn2::ALL.iter().filter_map(|&function| fast_name2(function, ty)));
        }
        Names { locals: FxHashMap::default(), arrays: FxHashMap::default(), taken }
    }

    /// A name of its own that looks like the wanted one.
    pub(super) fn fresh(&mut self, wanted: &str) -> String {
        let base = identifier(wanted);
        let mut name = base.clone();
        let mut number = 2;
        while self.taken.contains(&name) {
            name = format!("{base}_{number}");
            number += 1;
        }
        self.taken.insert(name.clone());
        name
    }

    pub(super) fn local(&mut self, func: &Func, local: LocalId) -> String {
        if let Some(name) = self.locals.get(&local) {
            return name.clone();
        }
        let name = self.fresh(&func.locals[local].name);
        self.locals.insert(local, name.clone());
        name
    }

    /// Gives a variable a name that has been made already.
    pub(super) fn set_local(&mut self, local: LocalId, name: &str) {
        self.locals.insert(local, name.to_owned());
    }

    pub(super) fn array(&mut self, func: &Func, array: ArrayId) -> String {
        if let Some(name) = self.arrays.get(&array) {
            return name.clone();
        }
        let name = self.fresh(&func.arrays[array].name);
        self.arrays.insert(array, name.clone());
        name
    }
}

/// Letters, digits and underscores, not beginning with a digit; other characters by number.
pub(super) fn identifier(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => name.push(c),
            '_' if !name.ends_with('_') => name.push('_'),
            '_' | '.' | '%' => {}
            other => name.push_str(&format!("u{:04x}", u32::from(other))),
        }
    }
    let name = name.trim_matches('_');
    match name.chars().next() {
        None => "v".to_owned(),
        Some('0'..='9') => format!("v{name}"),
        Some(_) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers_and_differ() {
        let mut names = Names::new();
        let mut fresh = |wanted: &str| names.fresh(wanted);
        assert_eq!((fresh("x").as_str(), fresh("x").as_str(), fresh("x.2").as_str()), ("x", "x_2", "x2"));
        assert_eq!((fresh("double").as_str(), fresh("größe").as_str()), ("double_2", "gru00f6u00dfe"));
        assert_eq!((fresh("%t").as_str(), fresh("__x__y").as_str(), fresh("9").as_str()), ("t", "x_y", "v9"));
    }
}
