//! Two loops as one, four rows to a thread: four times the loads on their way, and what neighbouring rows share is loaded once.
//!
//! ```text
//! for (i_first = 1 + 4 * first_y(); i_first < trip + 1; i_first += 4 * step_y()) {
//!     for (j = 1 + first_x(); j < n - 1; j += step_x()) {
//!         if (i_first + 3 < trip + 1) {
//!             for (int k = 0; k < 4; k++) { i = i_first + k; v[i, j] = ...; }         written out
//!         } else {
//!             for (i = i_first; i < trip + 1; i++) { v[i, j] = ...; }
//!         }
//!     }
//! }
//! ```
//!
//! For bodies that wait for memory: assignments, stores and branches, without checks, results or calls.

use super::expr::level;
use super::tiles;
use super::writer::{LoopShape, Refused, Role, Writer};
use crate::ir::grid::HostExpr;
use crate::ir::{Loop, LoopKind, Stmt};

/// Rows of a thread.
pub(super) const BAND_ROWS: u32 = 4;

/// How many threads are needed for that many rows.
pub(super) fn band_count(rows: HostExpr) -> HostExpr {
    let number = |number: u32| Box::new(HostExpr::Const(i64::from(number)));
    let rounded = HostExpr::Add(Box::new(rows), number(BAND_ROWS - 1));
    HostExpr::FloorDiv(Box::new(rounded), number(BAND_ROWS))
}

impl Writer<'_, '_> {
    /// Writes a nest in bands, if it is one for them.
    pub(super) fn bands(&mut self, l: &Loop) -> Result<bool, Refused> {
        let Some(inner) = self.band_loop(l) else { return Ok(false) };
        let (before, body) = (&l.body[..l.body.len() - 1], &inner.body);
        let (i, j) = (self.names.local(self.func, l.var), self.names.local(self.func, inner.var));
        let (from, end) = (self.expr(l.lo)?, self.expr(l.hi)?.at(level::COMPARE + 1));
        let (left, right) = (self.expr(inner.lo)?, self.expr(inner.hi)?.at(level::COMPARE + 1));
        let plus = |from: super::expr::Text, first: &str| match from.code.as_str() {
            "0" => first.to_owned(),
            _ => format!("{} + {first}", from.at(level::SUM)),
        };
        let (i_first, k) = (self.names.fresh(&format!("{i}_first")), self.names.fresh("k"));
        self.has_bands = true;
        let has_tiles = self.flat_tiles(l, inner)?;
        self.put(&format!(
            "for (index_t {i_first} = {}; {i_first} < {end}; {i_first} += {BAND_ROWS} * step_y()) {{",
            plus(from, &format!("{BAND_ROWS} * first_y()"))
        ));
        self.depth += 1;
        self.at(self.func.loops[inner.id].span);
        self.put(&format!(
            "for (index_t {j} = {}; {j} < {right}; {j} += step_x()) {{",
            plus(left, "first_x()")
        ));
        self.depth += 1;
        self.loops.extend([LoopShape::Threads; 2]);
        self.put(&format!("if ({i_first} + {} < {end}) {{", BAND_ROWS - 1));
        self.depth += 1;
        self.put("#pragma unroll");
        self.put(&format!("for (int {k} = 0; {k} < {BAND_ROWS}; {k}++) {{"));
        self.depth += 1;
        self.put(&format!("const index_t {i} = {i_first} + {k};"));
        self.statements(before)?;
        self.block(body)?;
        self.depth -= 1;
        self.put("}");
        self.depth -= 1;
        self.put("} else {");
        self.depth += 1;
        self.put("#pragma unroll 1");
        self.put(&format!("for (index_t {i} = {i_first}; {i} < {end}; {i}++) {{"));
        self.depth += 1;
        self.statements(before)?;
        self.block(body)?;
        for _ in 0..if has_tiles { 5 } else { 4 } {
            self.depth -= 1;
            self.put("}");
        }
        self.loops.truncate(self.loops.len() - 2);
        Ok(true)
    }

    /// The inner loop of a nest for bands.
    fn band_loop<'l>(&self, l: &'l Loop) -> Option<&'l Loop> {
        let Role::Kernel(role) = &self.role else { return None };
        let is_plain = self.loops.is_empty()
            && role.collapse.is_some_and(|collapse| collapse.inner_is_x)
            && role.outputs.is_empty()
            && role.ordered.is_none()
            && !role.has_barriers
            && role.atomics.iter().next().is_none()
            && l.step == 1
            && self.sizes.is_index(l.var);
        let (Stmt::Loop(inner), before) = l.body.split_last()? else { return None };
        let is_fit = is_plain
            && inner.kind == LoopKind::Grid
            && inner.step == 1
            && self.sizes.is_index(inner.var)
            && before.iter().all(|stmt| matches!(stmt, Stmt::Set { .. }))
            && tiles::waits_for_memory(self.func, before)
            && tiles::waits_for_memory(self.func, &inner.body);
        is_fit.then_some(&**inner)
    }
}
