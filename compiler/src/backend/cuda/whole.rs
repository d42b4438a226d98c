//! Whole arrays in a thread: filled, or copied to another one.

use super::expr::level;
use super::writer::{Refused, Role, Writer};
use crate::ir::{ArrayId, ArrayValue, ExprId, Param, Stmt, walk};

impl Writer<'_, '_> {
    /// Sets all elements.
    pub(super) fn fill(&mut self, array: ArrayId, lanes: &[ExprId]) -> Result<(), Refused> {
        let ty = self.func.arrays[array].ty;
        let mut values = Vec::new();
        for &lane in lanes {
            values.push(self.expr(lane)?.code);
        }
        let mut offset = Vec::new();
        for axis in 0..ty.rank {
            let (counter, dim) = (self.names.fresh("at"), self.dim(array, axis).code);
            self.put(&format!("for (index_t {counter} = 0; {counter} < {dim}; {counter}++) {{"));
            self.depth += 1;
            let stride = self.stride(array, axis);
            offset.push(match stride.code.as_str() {
                "1" => counter,
                _ => format!("{counter} * {}", stride.at(level::PRODUCT + 1)),
            });
        }
        let pointer = self.pointer(array);
        let offset = if offset.is_empty() { "0".to_owned() } else { offset.join(" + ") };
        for (lane, value) in values.iter().enumerate() {
            let part = match (ty.dtype.is_complex(), lane) {
                (false, _) => "",
                (true, 0) => ".re",
                (true, _) => ".im",
            };
            self.put(&format!("{pointer}[{offset}]{part} = {value};"));
        }
        for _ in 0..ty.rank {
            self.depth -= 1;
            self.put("}");
        }
        Ok(())
    }

    /// Copies all elements. What is copied from must not be what is copied to, because a copy is made as if all were read first.
    pub(super) fn copy_elements(&mut self, to: ArrayId, from: ArrayId) -> Result<(), Refused> {
        let (first, second) = (self.source_of(to), self.source_of(from));
        if first.is_none() || second.is_none() || first == second || !self.is_mapped() {
            let text = "it copies elements between arrays that may share memory; a loop over the elements would run on the device";
            return Err(Refused::new(self.func.arrays[to].span, text));
        }
        let rank = self.func.arrays[to].ty.rank;
        let (mut to_offset, mut from_offset) = (Vec::new(), Vec::new());
        for axis in 0..rank {
            let (counter, dim) = (self.names.fresh("at"), self.dim(to, axis).code);
            self.put(&format!("for (index_t {counter} = 0; {counter} < {dim}; {counter}++) {{"));
            self.depth += 1;
            for (array, offset) in [(to, &mut to_offset), (from, &mut from_offset)] {
                let stride = self.stride(array, axis);
                offset.push(match stride.code.as_str() {
                    "1" => counter.clone(),
                    _ => format!("{counter} * {}", stride.at(level::PRODUCT + 1)),
                });
            }
        }
        let offset = |terms: Vec<String>| if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") };
        let (target, source) = (self.pointer(to), self.pointer(from));
        self.put(&format!("{target}[{}] = {source}[{}];", offset(to_offset), offset(from_offset)));
        for _ in 0..rank {
            self.depth -= 1;
            self.put("}");
        }
        Ok(())
    }

    /// Is it the body of a parallel loop? Then the host has compared its arrays.
    fn is_mapped(&self) -> bool {
        matches!(&self.role, Role::Kernel(role) if !role.is_explicit)
    }

    /// The parameter that an array is, or is a view of; nothing if it may be of several.
    pub(super) fn source_of(&self, array: ArrayId) -> Option<ArrayId> {
        let mut source = array;
        for _ in 0..64 {
            if self.func.params.contains(&Param::Array(source)) {
                return Some(source);
            }
            let mut bases = Vec::new();
            walk::for_each_stmt(&self.func.body, &mut |stmt| {
                if let Stmt::SetArray { array, value } = stmt
                    && *array == source
                {
                    bases.push(match value {
                        ArrayValue::Same(base)
                        | ArrayValue::View { base, .. }
                        | ArrayValue::Transpose { base, .. }
                        | ArrayValue::Part { base, .. }
                        | ArrayValue::Reshape { base, .. } => Some(*base),
                        ArrayValue::Alloc { .. } => None,
                    });
                }
            });
            let base = (*bases.first()?)?;
            if bases.iter().any(|other| *other != Some(base)) {
                return None;
            }
            source = base;
        }
        None
    }
}
