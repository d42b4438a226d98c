//! Loops that stream through arrays, in tiles.
//!
//! ```text
//! for (tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
//!     Share<f32, 4, 4> x_share, y_share;             16 iterations of 4096: four times 16 bytes of every array,
//!     x_share.load(x, tile);                         loaded before anything is computed
//!     y_share.load(y, tile);
//!     for (int k = 0; k < 16; k++) y_share[k] = a * x_share[k] + y_share[k];
//!     y_share.store(y, tile);
//! }
//! for (i = tiles * 4096 + first_x(); ...) ...        what is left, or all of it: one iteration per thread
//! ```
//!
//! For loops of assignments and branches whose arrays are accessed at the loop variable. The host says how many tiles there are:
//! none if there is little to do, or if elements do not lie side by side ([`crate::ir::grid::GridTile`]). Not for loops that
//! compute much for each element, that can fail, that combine elements of arrays, or that call.

use super::expr::Text;
use super::kernel::THREADS;
use super::writer::{KernelRole, LoopShape, Refused, Role, Writer};
use crate::ir::walk::{self, ArraySet};
use crate::ir::{
    ArrayId, BinaryOp, Block, Combine, ExprId, ExprKind, Func, LocalId, Loop, Param, Place, ReduceOp, Stmt,
};
use crate::types::Layout;

/// Bytes that the hardware loads or stores at once.
const PIECE_BYTES: u32 = 16;
/// Bytes that a thread has of all arrays, about: more would take registers from other threads.
const SHARE_BYTES: u32 = 128;
/// Pieces of each array, at most.
const MOST_PIECES: u32 = 4;
/// What one iteration may cost, in operations; more, and memory is not what the loop waits for.
const MOST_WORK: u32 = 40;
/// Operations of a whole share: it is written out.
const MOST_WRITTEN: u32 = 640;
/// Tiles that are worth having.
pub(super) const LEAST_TILES: u32 = 64;

/// How a loop is tiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tile {
    /// Neighbours in a piece.
    pub(super) width: u32,
    /// Pieces of a thread.
    pub(super) pieces: u32,
    pub(super) arrays: Vec<TileArray>,
    /// Does the order of the iterations show in a result?
    pub(super) order_shows: bool,
    /// Does the body ask for the number of the iteration?
    is_counted: bool,
    /// Are the iterations those of two loops?
    pub(super) is_flat: bool,
}

/// An array that is accessed in pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TileArray {
    pub(super) array: ArrayId,
    is_loaded: bool,
    is_stored: bool,
}

impl Tile {
    /// Iterations of a thread in a tile.
    pub(super) fn lanes(&self) -> u32 {
        self.width * self.pieces
    }

    /// What the address of an array must be a multiple of.
    pub(super) fn align(&self, func: &Func, array: ArrayId) -> u32 {
        PIECE_BYTES.min(self.width * func.arrays[array].ty.dtype.size_bytes() as u32)
    }

    /// Iterations of a tile.
    pub(super) fn iterations(&self) -> u32 {
        self.lanes() * THREADS
    }
}

/// What is known of an array in the body.
#[derive(Default)]
struct Access {
    is_loaded: bool,
    is_stored: bool,
    /// Is it accessed in every iteration?
    is_always: bool,
    /// Is it accessed elsewhere than at the loop variable, or stored to in a branch?
    is_odd: bool,
}

/// The tiles of a loop, if it can have some.
fn plan(func: &Func, l: &Loop, role: &KernelRole) -> Option<Tile> {
    let starts_at_zero = matches!(func.exprs[l.lo].kind, ExprKind::Const(value) if value.as_int() == 0);
    if role.collapse.is_some() || role.is_explicit || l.step != 1 || !starts_at_zero {
        return None;
    }
    plan_over(func, &l.body, &[l.var], role)
}

/// The tiles of two loops as one, if nothing is asked of an element but that it comes to its turn.
fn plan_flat(func: &Func, outer: &Loop, inner: &Loop, role: &KernelRole) -> Option<Tile> {
    let starts_at_zero =
        |l: &Loop| matches!(func.exprs[l.lo].kind, ExprKind::Const(value) if value.as_int() == 0);
    if outer.body.len() != 1 || !starts_at_zero(outer) || !starts_at_zero(inner) {
        return None;
    }
    plan_over(func, &inner.body, &[outer.var, inner.var], role)
}

/// `vars` count the axes of the arrays.
fn plan_over(func: &Func, body: &[Stmt], vars: &[LocalId], role: &KernelRole) -> Option<Tile> {
    let is_flat = vars.len() > 1;
    let mut work = 0;
    let mut found: Vec<(ArrayId, Access)> = Vec::new();
    look(func, body, vars, true, &mut work, &mut found)?;
    let changes_arrays = found.iter().any(|(_, access)| access.is_stored);
    let order_shows = role.outputs.iter().any(|&(local, combine)| {
        func.locals[local].dtype.is_float()
            && matches!(combine, Combine::Reduce(ReduceOp::Add | ReduceOp::Mul))
    });
    let mut arrays = Vec::new();
    let (mut smallest, mut bytes) = (PIECE_BYTES, 0);
    for (array, access) in &found {
        let ty = func.arrays[*array].ty;
        let is_fit = access.is_always
            && !access.is_odd
            && usize::from(ty.rank) == vars.len()
            && (!is_flat || ty.layout == Layout::C)
            && !ty.dtype.is_complex()
            && func.params.contains(&Param::Array(*array));
        if is_fit {
            let (is_loaded, is_stored) = (access.is_loaded, access.is_stored);
            arrays.push(TileArray { array: *array, is_loaded, is_stored });
            smallest = smallest.min(ty.dtype.size_bytes() as u32);
            bytes += ty.dtype.size_bytes() as u32;
        }
    }
    if is_flat && arrays.len() < found.len() {
        return None;
    }
    // Shares are loaded before anything is stored, which only the host's look at the arrays makes right.
    if arrays.is_empty() || work > MOST_WORK || (order_shows && changes_arrays) {
        return None;
    }
    let mut width = PIECE_BYTES / smallest;
    while width > 2 && width * bytes > SHARE_BYTES {
        width /= 2;
    }
    let mut pieces = MOST_PIECES;
    while pieces > 1 && (pieces * width * bytes > SHARE_BYTES || pieces * width * work > MOST_WRITTEN) {
        pieces /= 2;
    }
    let mut packed = ArraySet::new();
    packed.extend(arrays.iter().map(|one| one.array));
    let has_tail =
        !role.found_at.is_empty() || role.outputs.iter().any(|(_, combine)| *combine == Combine::Last);
    let is_counted = has_tail || vars.iter().any(|&var| counts(func, body, var, &packed));
    if is_flat && is_counted {
        return None;
    }
    Some(Tile { width, pieces, arrays, order_shows, is_counted, is_flat })
}

/// Does a body only load, store and compute a little for each element?
pub(super) fn waits_for_memory(func: &Func, block: &[Stmt]) -> bool {
    let (mut work, mut found) = (0, Vec::new());
    // Which variables count does not matter here.
    let is_simple = look(func, block, &[], true, &mut work, &mut found).is_some();
    is_simple && work <= MOST_WORK
}

/// Notes accesses and work of the statements; `None` if one of them is not for tiles.
fn look(
    func: &Func,
    block: &[Stmt],
    vars: &[LocalId],
    is_always: bool,
    work: &mut u32,
    found: &mut Vec<(ArrayId, Access)>,
) -> Option<()> {
    let note = |found: &mut Vec<(ArrayId, Access)>, array: ArrayId, place: &Place, is_store, is_load| {
        let is_at_var = matches!(place, Place::Index(indices)
            if indices.len() == vars.len()
                && indices.iter().zip(vars).all(|(&index, &var)| func.exprs[index].kind == ExprKind::Local(var)));
        let at = found.iter().position(|(known, _)| *known == array).unwrap_or_else(|| {
            found.push((array, Access::default()));
            found.len() - 1
        });
        let access = &mut found[at].1;
        access.is_loaded |= is_load;
        access.is_stored |= is_store;
        access.is_always |= is_always;
        access.is_odd |= !is_at_var || (is_store && !is_always);
    };
    for stmt in block {
        match stmt {
            Stmt::Set { .. } | Stmt::If { .. } => {}
            Stmt::Store { array, place, .. } => note(found, *array, place, true, false),
            Stmt::Accumulate { array, place, .. } => note(found, *array, place, true, true),
            _ => return None,
        }
        let mut is_dear = false;
        walk::for_each_expr_root(stmt, &mut |root| {
            walk::for_each_expr(&func.exprs, root, &mut |_, expr| match &expr.kind {
                ExprKind::Load { array, place, .. } => {
                    *work += 1;
                    note(found, *array, place, false, true);
                }
                ExprKind::Math1 { function, .. } => is_dear |= !super::expr::is_in_hardware(*function),
                ExprKind::Math2 { .. } => is_dear = true,
                ExprKind::Binary { op, .. } => {
                    *work += match op {
                        BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::IntPow => 10,
                        _ => 1,
                    };
                }
                ExprKind::Const(_) | ExprKind::Local(_) => {}
                _ => *work += 1,
            });
        });
        if is_dear {
            return None;
        }
        for inner in stmt.blocks() {
            look(func, inner, vars, false, work, found)?;
        }
    }
    Some(())
}

/// Is the variable read for anything but elements of the packed arrays?
fn counts(func: &Func, block: &[Stmt], var: LocalId, packed: &ArraySet) -> bool {
    fn reads(func: &Func, id: ExprId, var: LocalId, packed: &ArraySet) -> bool {
        match &func.exprs[id].kind {
            ExprKind::Local(local) => *local == var,
            ExprKind::Load { array, .. } if packed.contains(*array) => false,
            kind => {
                let mut found = false;
                kind.for_each_operand(|operand| found |= reads(func, operand, var, packed));
                found
            }
        }
    }
    block.iter().any(|stmt| {
        let own = match stmt {
            Stmt::Store { array, value, .. } | Stmt::Accumulate { array, value, .. }
                if packed.contains(*array) =>
            {
                reads(func, *value, var, packed)
            }
            stmt => {
                let mut found = false;
                walk::for_each_expr_root(stmt, &mut |root| found |= reads(func, root, var, packed));
                found
            }
        };
        own || stmt.blocks().iter().any(|inner| counts(func, inner, var, packed))
    })
}

impl Writer<'_, '_> {
    /// Writes the tiles of a loop of threads, if it has any, and returns the first iteration that is left, as C.
    pub(super) fn tiles(&mut self, l: &Loop) -> Result<Option<Text>, Refused> {
        let Role::Kernel(role) = &self.role else { return Ok(None) };
        // The copy of the loop that checks every access is not for many iterations.
        if self.tile.is_some() {
            return Ok(None);
        }
        let Some(tile) = plan(self.func, l, role) else { return Ok(None) };
        self.write_tiles(&tile, &l.body, l.var)?;
        // At most an iteration or two: unrolled it would only be longer, and divide to count rounds.
        self.put("#pragma unroll 1");
        let left = Text::new(format!("tiles * {}", tile.iterations()), super::expr::level::PRODUCT);
        self.tile = Some(tile);
        Ok(Some(left))
    }

    /// Writes two loops as one in tiles up to `else`, if they can have some. What follows is for arrays whose rows do not lie side by side.
    pub(super) fn flat_tiles(&mut self, outer: &Loop, inner: &Loop) -> Result<bool, Refused> {
        let Role::Kernel(role) = &self.role else { return Ok(false) };
        if self.tile.is_some() {
            return Ok(false);
        }
        let Some(tile) = plan_flat(self.func, outer, inner, role) else { return Ok(false) };
        self.put("if (tiles > 0) {");
        self.depth += 1;
        self.write_tiles(&tile, &inner.body, inner.var)?;
        let (rows, row) = (self.expr(outer.hi)?, self.expr(inner.hi)?);
        let end =
            format!("{} * {}", rows.at(super::expr::level::PRODUCT), row.at(super::expr::level::PRODUCT + 1));
        let at = self.names.fresh("at");
        for one in &tile.arrays {
            let pointer = self.pointer(one.array);
            self.shares.insert(one.array, (pointer, at.clone()));
        }
        self.put("#pragma unroll 1");
        let first = format!("tiles * {} + first_x()", tile.iterations());
        self.loops.extend([LoopShape::Threads; 2]);
        let head = format!("for (index_t {at} = {first}; {at} < {end}; {at} += step_x())");
        let done = self.braces(&head, &inner.body);
        self.loops.truncate(self.loops.len() - 2);
        self.shares.clear();
        done?;
        self.depth -= 1;
        self.put("} else {");
        self.depth += 1;
        self.tile = Some(tile);
        Ok(true)
    }

    /// The loop over tiles.
    fn write_tiles(&mut self, tile: &Tile, body: &Block, var: LocalId) -> Result<(), Refused> {
        let lanes = tile.lanes();
        let (at, lane) = (self.names.fresh("tile"), self.names.fresh("k"));
        self.put(&format!(
            "for (index_t {at} = (index_t)blockIdx.x; {at} < tiles; {at} += (index_t)gridDim.x) {{"
        ));
        self.depth += 1;
        let mut declared: Vec<(&str, String)> = Vec::new();
        for one in &tile.arrays {
            let name = format!("{}_share", self.names.array(self.func, one.array));
            let name = self.names.fresh(&name);
            let dtype = self.func.arrays[one.array].ty.dtype.name();
            match declared.iter_mut().find(|(known, _)| *known == dtype) {
                Some((_, names)) => names.push_str(&format!(", {name}")),
                None => declared.push((dtype, name.clone())),
            }
            self.shares.insert(one.array, (name, lane.clone()));
        }
        for (dtype, names) in declared {
            self.put(&format!("Share<{dtype}, {}, {}> {names};", tile.pieces, tile.width));
        }
        for one in tile.arrays.iter().filter(|one| one.is_loaded) {
            let (share, pointer) = (self.shares[&one.array].0.clone(), self.pointer(one.array));
            let apart = if tile.order_shows {
                format!(", {}, are_together", self.stride(one.array, 0).code)
            } else {
                String::new()
            };
            self.put(&format!("{share}.load({pointer}, {at}{apart});"));
        }
        self.put("#pragma unroll");
        self.put(&format!("for (int {lane} = 0; {lane} < {lanes}; {lane}++) {{"));
        self.depth += 1;
        let outer_iteration = std::mem::take(&mut self.iteration);
        if tile.is_counted {
            let var = self.names.local(self.func, var);
            let number = format!("share_index<{}, {}>({at}, {lane})", tile.pieces, tile.width);
            self.put(&format!("const index_t {var} = {number};"));
            self.iteration = var;
        }
        self.loops.push(LoopShape::Threads);
        self.begin_iteration();
        let jumps = self.jumps.next.take();
        let start = self.out.len();
        self.block(body)?;
        self.end_iteration(start);
        self.jumps.next = jumps;
        self.loops.pop();
        self.iteration = outer_iteration;
        self.depth -= 1;
        self.put("}");
        for one in tile.arrays.iter().filter(|one| one.is_stored) {
            let (share, pointer) = (self.shares[&one.array].0.clone(), self.pointer(one.array));
            self.put(&format!("{share}.store({pointer}, {at});"));
        }
        self.shares.clear();
        self.depth -= 1;
        self.put("}");
        Ok(())
    }
}
