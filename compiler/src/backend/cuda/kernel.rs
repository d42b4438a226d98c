//! A parallel loop as a kernel, with what the host must know to launch it.

use std::fmt::Write as _;

use super::bands;
use super::bins;
use super::collapse::Nest;
use super::host::Env;
use super::names::Names;
use super::ordered::{self, Ordered};
use super::reduce::{self, Output};
use super::stmt::has_thread_loop;
use super::tiles;
use super::writer::{KernelRole, Lines, Module, Refused, Role, Used, Writer, comment, line_directive};
use crate::ir::abi::{array_words, dtype_code};
use crate::ir::grid::{
    GridArray, GridFinish, GridLaunch, GridParam, GridShape, GridTile, HostExpr, MappedShape,
};
use crate::ir::walk::{self, ArraySet, LocalSet};
use crate::ir::{Combine, ExprKind, Func, LocalId, Operand, ParallelCall, Param, Program, ReduceOp, Stmt};
use crate::types::Layout;

/// Threads of a block.
pub(super) const THREADS: u32 = 256;
/// Threads of a block along x and y where two loops are one.
const TILE: [u32; 2] = [32, 8];
/// Blocks of a loop with partial results, at most: enough for any device, few enough for one block to combine.
const REDUCING_BLOCKS: u32 = 1024;
/// Iterations that a thread of such a loop should have before there are more blocks.
const REDUCING_ITEMS: u32 = 4;
/// The same of a loop whose blocks have copies of an array: clearing and adding them up costs, too.
const COUNTING_ITEMS: u32 = 16;
/// The most blocks that a launch may have along x, and along y.
const MOST_BLOCKS: [u32; 2] = [i32::MAX as u32, 65_535];

/// A kernel with its text.
pub(super) struct Kernel {
    pub(super) launch: GridLaunch,
    pub(super) text: String,
}

/// Output variables of an outlined body, in order.
pub(super) fn output_locals(body: &Func, call: &ParallelCall) -> Vec<LocalId> {
    body.params
        .iter()
        .skip(call.captures.len())
        .take(call.outputs.len())
        .filter_map(|param| match param {
            Param::Scalar(local) => Some(*local),
            Param::Array(_) => None,
        })
        .collect()
}

/// Writes the kernel of a loop.
pub(super) fn kernel<'a>(
    module: &mut Module<'a>,
    program: &'a Program,
    call: &ParallelCall,
    nest: Option<&Nest>,
    ordered: Option<&Ordered>,
) -> Result<Kernel, Refused> {
    let func = &program.funcs[call.body];
    let env = Env::new(func, call).ok_or_else(|| Refused::new(func.span, "its captures do not fit"))?;
    let outputs = output_locals(func, call);
    refuse_early(func, call, &outputs)?;
    let name = module.names.fresh(&func.name);
    let mut small = LocalSet::new();
    small.extend(env.scalars.keys().copied());
    let trip = func.chunk.map(|chunk| chunk.end);
    small.extend(trip);
    let mut wanted: Option<Used> = None;
    // A second attempt leaves out what the first one did not use.
    for _ in 0..6 {
        let mut writer = start(module, program, call, &outputs, (nest, ordered), &small, wanted.clone());
        let body = body(&mut writer, call, &outputs)?;
        if wanted.as_ref() != Some(&writer.used) {
            wanted = Some(writer.used);
            continue;
        }
        return finish(writer, &name, call, &env, &outputs, (nest, ordered), &body)
            .ok_or_else(|| Refused::new(func.span, "its arrays are not captured"));
    }
    Err(Refused::new(func.span, "what it uses cannot be settled"))
}

/// What no kernel is made for.
fn refuse_early(func: &Func, call: &ParallelCall, outputs: &[LocalId]) -> Result<(), Refused> {
    if outputs.len() != call.outputs.len() || !has_thread_loop(&func.body) {
        return Err(Refused::new(func.span, "its body has an unexpected form"));
    }
    if let Some(Stmt::Return { values }) = func.body.last() {
        for (value, local) in values.iter().zip(outputs) {
            let is_own =
                matches!(value, Operand::Scalar(id) if func.exprs[*id].kind == ExprKind::Local(*local));
            if !is_own {
                return Err(Refused::new(func.span, "a result is not the variable that it should be"));
            }
        }
    }
    Ok(())
}

fn start<'a, 'm>(
    module: &'m mut Module<'a>,
    program: &'a Program,
    call: &ParallelCall,
    outputs: &[LocalId],
    (nest, ordered): (Option<&Nest>, Option<&Ordered>),
    small: &LocalSet,
    wanted: Option<Used>,
) -> Writer<'a, 'm> {
    let func = &program.funcs[call.body];
    let mut atomics = ArraySet::new();
    let reductions = if ordered.is_some() { &[] } else { call.array_reductions.as_slice() };
    for &(capture, _) in reductions {
        if let Some(Param::Array(array)) = func.params.get(capture) {
            atomics.insert(*array);
        }
    }
    let copies = if ordered.is_some() { Vec::new() } else { bins::copies(func, call) };
    let has_barriers =
        !copies.is_empty() || call.outputs.iter().any(|(_, combine)| !matches!(combine, Combine::Last));
    let role = KernelRole {
        is_explicit: false,
        collapse: nest.map(|nest| nest.collapse),
        outputs: outputs.iter().zip(&call.outputs).map(|(&local, &(_, combine))| (local, combine)).collect(),
        found_at: Default::default(),
        atomics,
        copies,
        ordered: ordered.map(Ordered::role),
        has_barriers,
    };
    let mut writer = Writer::new(program, func, module, Role::Kernel(role), small, wanted);
    if let Some(chunk) = func.chunk {
        writer.names.set_local(chunk.end, "trip");
    }
    writer.depth = 1;
    writer
}

/// Writes what is between the braces, into `out`; returns the outputs.
fn body(
    writer: &mut Writer<'_, '_>,
    call: &ParallelCall,
    outputs: &[LocalId],
) -> Result<Vec<Output>, Refused> {
    let func = writer.func;
    for &local in outputs {
        // Names that the code around partial results uses itself.
        let name = func.locals[local].name.as_str();
        if ["n", "p", "other", "total", "block", "take", "from"].contains(&name) {
            let name = writer.names.fresh(&format!("{name}_out"));
            writer.names.set_local(local, &name);
        }
    }
    writer.body_top();
    let mut described = Vec::new();
    let mut found_at = std::collections::BTreeMap::new();
    for (k, (&local, &(_, combine))) in outputs.iter().zip(&call.outputs).enumerate() {
        let dtype = func.locals[local].dtype;
        let name = writer.names.local(func, local);
        let has_companions = call.outputs.iter().any(|(_, other)| *other == Combine::With(k as u32));
        let found = match combine {
            Combine::Reduce(ReduceOp::Min | ReduceOp::Max) if dtype.is_float() || has_companions => {
                let found = writer.names.fresh(&format!("{name}_found"));
                found_at.insert(k, found.clone());
                Some(found)
            }
            _ => None,
        };
        let line = match combine {
            Combine::Reduce(op) => format!("{dtype} {name} = {};", reduce::identity(op, dtype).code),
            Combine::With(_) | Combine::Last => format!("{dtype} {name} = 0;"),
        };
        writer.put(&line);
        if let Some(found) = &found {
            writer.put(&format!("u64 {found} = ~0ULL;"));
        }
        described.push(Output { name, dtype, combine, found_at: found });
    }
    if let Role::Kernel(role) = &mut writer.role {
        role.found_at = found_at;
    }
    writer.begin_copies();
    writer.begin_chunk();
    let start = writer.out.len();
    writer.block(&func.body)?;
    if writer.jumps.done {
        let body = writer.out.split_off(start);
        // A label wants a statement behind it.
        let _ = write!(writer.out, "    {{\n{body}    }}\ndone:;\n");
    }
    writer.end_copies();
    Ok(described)
}

/// The parameters of a kernel, as they are made.
pub(super) struct Parameters {
    pub(super) params: Vec<GridParam>,
    /// Their declarations.
    pub(super) declared: Vec<String>,
    /// Numbers that the narrow variant keeps in 32 bits.
    pub(super) narrow: Vec<HostExpr>,
}

impl Parameters {
    pub(super) fn add(&mut self, param: GridParam, text: String) {
        self.params.push(param);
        self.declared.push(text);
    }
}

/// Error record, number of iterations, and what the text uses of the first `captures` parameters of the function.
pub(super) fn parameters(writer: &mut Writer<'_, '_>, captures: usize, env: &Env) -> Parameters {
    let func = writer.func;
    let used = writer.used.clone();
    let mut all = Parameters { params: Vec::new(), declared: Vec::new(), narrow: Vec::new() };
    if used.fails {
        all.add(GridParam::Error, "ErrorRecord* error".to_owned());
    }
    if writer.out.contains("trip") && !writer.is_explicit() {
        all.add(GridParam::Index(HostExpr::Trip), "index_t trip".to_owned());
    }
    if let Some(tile) = &writer.tile {
        all.add(GridParam::Tiles, "index_t tiles".to_owned());
        if tile.order_shows {
            all.add(GridParam::AreTogether, "bool are_together".to_owned());
        }
    }
    for item in func.params.iter().take(captures) {
        let Param::Scalar(local) = *item else { continue };
        if !used.locals.contains(&local) {
            continue;
        }
        let (dtype, text) = (func.locals[local].dtype, writer.names.local(func, local));
        let env_word = env.scalars[&local];
        if writer.sizes.is_index(local) {
            all.narrow.push(HostExpr::Word(env_word));
            all.add(GridParam::Index(HostExpr::Word(env_word)), format!("index_t {text}"));
        } else {
            all.add(GridParam::Scalar { env_word, dtype }, format!("{dtype} {text}"));
        }
    }
    let mut position = 0;
    for item in func.params.iter().take(captures) {
        let Param::Array(array) = *item else { continue };
        let ty = func.arrays[array].ty;
        if used.pointers.contains(&array) {
            let text = format!("{} RESTRICT {}", writer.pointer_type(array), writer.names.array(func, array));
            all.add(GridParam::Array(position), text);
        }
        position += 1;
        for axis in 0..ty.rank {
            if used.dims.contains(&(array, axis))
                && let Some(dim) = env.dim(array, axis)
            {
                all.add(GridParam::Index(dim), format!("index_t {}", writer.piece(array, 'd', axis)));
            }
        }
        for axis in 0..ty.rank {
            if ty.layout == Layout::Strided
                && used.strides.contains(&(array, axis))
                && let Some(stride) = env.stride(func, array, axis)
            {
                all.add(GridParam::Index(stride), format!("index_t {}", writer.piece(array, 's', axis)));
            }
        }
    }
    all
}

/// Pairs of arrays of which one is changed.
pub(super) fn changed_pairs(arrays: &[GridArray]) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    for (a, first) in arrays.iter().enumerate() {
        for (b, second) in arrays.iter().enumerate().skip(a + 1) {
            if first.is_changed() || second.is_changed() {
                pairs.push((a as u32, b as u32));
            }
        }
    }
    pairs
}

/// Puts the kernel together: parameters, text, launch.
fn finish(
    mut writer: Writer<'_, '_>,
    name: &str,
    call: &ParallelCall,
    env: &Env,
    outputs: &[LocalId],
    (nest, ordered): (Option<&Nest>, Option<&Ordered>),
    described: &[Output],
) -> Option<Kernel> {
    let func = writer.func;
    let used = writer.used.clone();
    let partial = format!("{name}_Partial");
    let has_partials = reduce::has_partials(described);
    let mut parameters = parameters(&mut writer, call.captures.len(), env);
    let (arrays, positions) = captured_arrays(func, call.captures.len(), &call.array_reductions, env);
    if used.draws {
        parameters.add(GridParam::RandomSeed, "u64 seed".to_owned());
        parameters.add(GridParam::RandomEpoch, "u64 epoch".to_owned());
    }
    if has_partials {
        parameters.add(GridParam::Partials, format!("{partial}* partials"));
    }
    if used.writes_results {
        parameters.add(GridParam::Results, "u64* results".to_owned());
    }
    let shared_bytes = writer.copied_bytes(env);
    if shared_bytes.is_some() {
        parameters.add(GridParam::SharedBytes, "u32 shared_bytes".to_owned());
    }
    let steps = match ordered {
        Some(ordered) => Some(ordered::make(&writer, ordered, name, env, &positions, &mut parameters)?),
        None => None,
    };
    let Parameters { params, declared, narrow } = parameters;
    let tile = writer.tile.as_ref().map(|tile| GridTile {
        iterations: tile.iterations(),
        least: tiles::LEAST_TILES,
        arrays: tile
            .arrays
            .iter()
            .filter_map(|one| Some((*positions.get(&one.array)?, tile.align(func, one.array))))
            .collect(),
        order_shows: tile.order_shows,
        row: nest.filter(|_| tile.is_flat).map(|nest| nest.inner_trip.clone()),
    });
    let mut mapping = match ordered {
        Some(ordered) => ordered.mapping(),
        None => mapping(nest, has_partials, !call.array_reductions.is_empty()),
    };
    if let Some(tile) = &writer.tile {
        let _ = write!(mapping, "; many in tiles of {}, {} per thread", tile.iterations(), tile.lanes());
    }
    if writer.has_bands {
        let _ = write!(mapping, ", {} rows per thread", bands::BAND_ROWS);
    }
    if let Some(form) = &writer.row_form {
        mapping.push_str(&form.mapping());
    }
    if shared_bytes.is_some() {
        mapping.push_str(", within a block in shared memory where they fit");
    }
    let mut text = String::new();
    let span = func.span;
    head(&mut text, writer.module.lines, span, &func.name, &mapping);
    if has_partials {
        text.push_str(&reduce::partial_struct(&partial, described));
        text.push('\n');
    }
    let shape = match ordered {
        Some(ordered) => ordered_shape(ordered),
        None => match &writer.row_form {
            Some(form) => form.shape(),
            None => {
                let mut shape = shape(nest, has_partials, shared_bytes.is_some(), tile);
                shape.y = shape.y.map(|rows| if writer.has_bands { bands::band_count(rows) } else { rows });
                shape
            }
        },
    };
    let threads = shape.threads[0] * shape.threads[1];
    let _ = write!(
        text,
        "extern \"C\" __global__ void __launch_bounds__({threads}) {name}(\n    {})\n{{\n",
        declared.join(",\n    ")
    );
    if used.draws {
        text.push_str("    kj_random state;\n    kj_random* const stream = &state;\n");
    }
    text.push_str(&writer.out);
    if has_partials {
        let mut lines = format!("    {{\n        {partial} partial;\n");
        for field in described.iter().filter(|output| output.combine != Combine::Last) {
            let _ = writeln!(lines, "        partial.{0} = {0};", field.name);
            if let Some(found) = &field.found_at {
                let _ = writeln!(lines, "        partial.{found} = {found};");
            }
        }
        lines.push_str(
            "        partial = reduce_block(partial);\n        \
             if (threadIdx.x == 0 && threadIdx.y == 0) partials[blockIdx.x + gridDim.x * blockIdx.y] = partial;\n    }\n",
        );
        text.push_str(&lines);
    }
    text.push_str("}\n");
    let finish = has_partials.then(|| {
        text.push('\n');
        text.push_str(&reduce::finish_kernel(name, &partial, described));
        let mut params = vec![GridParam::Partials, GridParam::Blocks];
        for (k, output) in described.iter().enumerate().filter(|(_, output)| output.combine != Combine::Last)
        {
            params.push(GridParam::Initial { output: k as u32, dtype: output.dtype });
        }
        params.push(GridParam::Results);
        GridFinish { kernel: format!("{name}_finish"), params, threads: reduce::FINISH_THREADS }
    });
    if let Some(steps) = &steps {
        text.push_str(&steps.text);
    }
    let pair = |a, b| Some((*positions.get(&a)?, *positions.get(&b)?));
    let apart =
        nest.map(|nest| &nest.disjoint).or(ordered.map(|ordered| &ordered.disjoint)).into_iter().flatten();
    let mut disjoint: Vec<(u32, u32)> = apart.filter_map(|&(a, b)| pair(a, b)).collect();
    disjoint.sort_unstable();
    disjoint.dedup();
    let restrict = changed_pairs(&arrays);
    let launch = GridLaunch {
        kernel: name.to_owned(),
        span,
        mapping,
        params,
        shape: GridShape::Mapped(shape),
        arrays,
        disjoint,
        narrow,
        restrict,
        shared_bytes,
        partial_bytes: if has_partials { reduce::partial_bytes(described) } else { 0 },
        finish,
        ordered: steps.map(|steps| steps.launch),
        outputs: outputs.iter().map(|&local| func.locals[local].dtype).collect(),
        can_fail: used.fails,
    };
    Some(Kernel { launch, text })
}

fn ordered_shape(ordered: &Ordered) -> MappedShape {
    let (x, threads, most) = ordered.shape();
    MappedShape { x, y: None, threads: [threads, 1], items: 1, max_blocks: [most, 1], tile: None }
}

fn shape(nest: Option<&Nest>, has_partials: bool, has_copies: bool, tile: Option<GridTile>) -> MappedShape {
    let Some(nest) = nest else {
        let (items, most) = match (has_copies, has_partials) {
            (true, _) => (COUNTING_ITEMS, REDUCING_BLOCKS),
            (false, true) => (REDUCING_ITEMS, REDUCING_BLOCKS),
            (false, false) => (1, MOST_BLOCKS[0]),
        };
        return MappedShape {
            x: HostExpr::Trip,
            y: None,
            threads: [THREADS, 1],
            items,
            max_blocks: [most, 1],
            tile,
        };
    };
    // Rows without iterations still run what stands beside the inner loop.
    let inner = HostExpr::Max(Box::new(nest.inner_trip.clone()), Box::new(HostExpr::Const(1)));
    let (x, y) = if nest.collapse.inner_is_x { (inner, HostExpr::Trip) } else { (HostExpr::Trip, inner) };
    let max_blocks = if has_partials { [16, 64] } else { MOST_BLOCKS };
    MappedShape { x, y: Some(y), threads: TILE, items: 1, max_blocks, tile }
}

fn mapping(nest: Option<&Nest>, has_partials: bool, has_atomics: bool) -> String {
    let mut text = match nest {
        None => "one iteration per thread".to_owned(),
        Some(nest) if nest.collapse.inner_is_x => "two loops as one, the inner one along x".to_owned(),
        Some(_) => "two loops as one, the outer one along x".to_owned(),
    };
    if has_partials {
        text.push_str(", results combined in fixed order");
    }
    if has_atomics {
        text.push_str(", elements combined by atomic operations");
    }
    text
}

/// Comment lines that say which loop it is.
pub(super) fn head(
    text: &mut String,
    lines: Lines<'_>,
    span: crate::base::Span,
    function: &str,
    mapping: &str,
) {
    match lines {
        Lines::Directives { source, file } => {
            let (line, _) = span.line_column(source);
            let _ = writeln!(text, "// {file}:{line}: {mapping}.");
            text.push_str(&line_directive(line, file));
        }
        Lines::Comments { source } => {
            let (line, _) = span.line_column(source);
            let head = comment(source.lines().nth(line - 1).unwrap_or("").trim());
            let _ = writeln!(text, "// Line {line}: {head}\n// {}.", capital(mapping));
        }
        Lines::Hidden => {
            let _ = writeln!(text, "// {function}: {mapping}.");
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

type Positions = rustc_hash::FxHashMap<crate::ir::ArrayId, u32>;

/// Every captured array with what the body does with it, and where each is in the list.
pub(super) fn captured_arrays(
    func: &Func,
    captures: usize,
    array_reductions: &[(usize, ReduceOp)],
    env: &Env,
) -> (Vec<GridArray>, Positions) {
    let written = super::device::written(func);
    let mut read = ArraySet::new();
    walk::for_each_expr_in(&func.exprs, &func.body, &mut |_, expr| {
        if let ExprKind::Load { array, .. } = expr.kind {
            read.insert(array);
        }
    });
    walk::for_each_stmt(&func.body, &mut |stmt| match stmt {
        Stmt::Accumulate { array, .. } => {
            read.insert(*array);
        }
        Stmt::CopyElements { from, .. } => {
            read.insert(*from);
        }
        Stmt::Call { args, .. } | Stmt::Runtime { args, .. } | Stmt::Device { args, .. } => {
            for arg in args {
                if let Operand::Array(array) = arg {
                    read.insert(*array);
                }
            }
        }
        _ => {}
    });
    super::device::close_over_views(func, &mut read);
    let (mut arrays, mut positions) = (Vec::new(), Positions::default());
    for (capture, item) in func.params.iter().take(captures).enumerate() {
        let Param::Array(array) = *item else { continue };
        let ty = func.arrays[array].ty;
        let accumulates =
            array_reductions.iter().find(|(position, _)| *position == capture).map(|&(_, op)| op);
        positions.insert(array, arrays.len() as u32);
        arrays.push(GridArray {
            env_word: env.arrays[&array],
            code: dtype_code(ty.dtype) | u32::from(ty.rank) << 8,
            is_read: read.contains(array),
            is_written: written.contains(array),
            accumulates,
        });
    }
    (arrays, positions)
}

/// The captured arrays of a loop that stays on the processor.
pub(super) fn host_arrays(func: &Func, call: &ParallelCall) -> Vec<GridArray> {
    Env::new(func, call)
        .map_or(Vec::new(), |env| captured_arrays(func, call.captures.len(), &call.array_reductions, &env).0)
}

/// Words of the captures.
pub(super) fn env_words(func: &Func, call: &ParallelCall) -> u32 {
    func.params
        .iter()
        .take(call.captures.len())
        .map(|param| match param {
            Param::Scalar(_) => 1,
            Param::Array(array) => array_words(func.arrays[*array].ty.rank) as u32,
        })
        .sum()
}

/// The module's names are apart from those of variables.
pub(super) fn module_names() -> Names {
    Names::new()
}
