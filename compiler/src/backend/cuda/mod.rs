//! The CUDA back end: parallel loops as the text of kernels, for NVRTC.
//!
//! In: a program after the passes of the grid form ([`crate::passes`], list `GRID_PASSES`): outlined bodies whose loop is of
//! the kind `Grid`. Out: one text for all kernels, which a person can read and which includes nothing, and for each loop how
//! it is launched ([`crate::ir::grid`]) or why it stays on the processor. Needs neither a GPU nor a toolkit.
//!
//! `kernel` puts kernels together, `collapse` makes two nested loops one, `reduce` combines results, `bins` and `ordered` elements of arrays, `device` writes functions
//! that kernels call; `stmt`, `loops`, `expr`, `arrays`, `whole`, `services`, `literal` print; `sizes` says what fits 32 bits, `declare` where variables
//! are declared, `tiles` which loops stream through arrays, `row_plan` and `rows` which have warps for their inner loops, `bands` which nests have several rows per thread, `host` what the host works out; `prelude` is the beginning of every text, `math` the functions of the language.

mod arrays;
mod bands;
mod bins;
mod collapse;
mod declare;
mod device;
mod explicit;
mod expr;
mod host;
mod kernel;
mod literal;
mod loops;
pub mod math;
mod names;
mod ordered;
mod prelude;
mod reduce;
mod row_plan;
mod rows;
mod services;
mod sizes;
mod stmt;
mod tiles;
mod whole;
mod writer;

use rustc_hash::FxHashMap;

use crate::ir::grid::{GridLaunch, GridLoop};
use crate::ir::{ExprKind, Func, FuncId, LoopKind, ParallelCall, Program, Remark, RemarkKind, Stmt, walk};
use collapse::Nest;
use ordered::Ordered;
pub use writer::Lines;
use writer::{Module, Refused};

/// The kernels of a program.
#[derive(Clone, Debug)]
pub struct Kernels {
    /// The text.
    pub source: String,
    /// What NVRTC must be told.
    pub options: Vec<String>,
    /// By body of the loop, with the number of words of its captures.
    pub loops: FxHashMap<FuncId, (u32, GridLoop)>,
    /// Kernels that the user wrote, likewise: with the number of words of a launch.
    pub kernels: FxHashMap<FuncId, (u32, GridLoop)>,
    /// What became of each loop, for the user.
    pub remarks: Vec<Remark>,
}

/// Writes kernels for all parallel loops that can be ones.
#[must_use]
pub fn emit(mut program: Program, lines: Lines<'_>) -> Kernels {
    let mut calls: Vec<ParallelCall> = Vec::new();
    for func in program.funcs.values() {
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::Parallel(call) = stmt
                && calls.iter().all(|known| known.body != call.body)
            {
                calls.push((**call).clone());
            }
        });
    }
    calls.sort_by_key(|call| call.body);
    let nests: Vec<Option<Nest>> = calls
        .iter()
        .map(|call| {
            let outputs = kernel::output_locals(&program.funcs[call.body], call);
            collapse::collapse(&mut program, call.body, call, &outputs)
        })
        .collect();
    let orders: Vec<Result<Option<Ordered>, Refused>> =
        calls.iter().map(|call| ordered::plan(&mut program, call)).collect();
    write(&program, &calls, &nests, &orders, lines)
}

fn write(
    program: &Program,
    calls: &[ParallelCall],
    nests: &[Option<Nest>],
    orders: &[Result<Option<Ordered>, Refused>],
    lines: Lines<'_>,
) -> Kernels {
    let mut module = Module {
        lines,
        math: Default::default(),
        complex: Default::default(),
        draws: false,
        functions: FxHashMap::default(),
        open: Vec::new(),
        texts: Vec::new(),
        names: kernel::module_names(),
    };
    let mut loops = FxHashMap::default();
    let (mut kernels, mut remarks) = (Vec::new(), Vec::new());
    for ((call, nest), order) in calls.iter().zip(nests).zip(orders) {
        let func = &program.funcs[call.body];
        let words = kernel::env_words(func, call);
        let made = order
            .as_ref()
            .map_err(Refused::clone)
            .and_then(|ordered| kernel::kernel(&mut module, program, call, nest.as_ref(), ordered.as_ref()));
        match made {
            Ok(kernel) => {
                let text = format!("runs on the device: {}", kernel.launch.mapping);
                remarks.push(Remark {
                    span: func.span,
                    kind: RemarkKind::Device,
                    is_done: true,
                    text,
                    at: None,
                });
                kernels.push(kernel.text);
                loops.insert(call.body, (words, GridLoop::Mapped(Box::new(kernel.launch))));
            }
            Err(refused) => {
                module.open.clear();
                let text = format!("runs on the processor: {}", refused.reason);
                remarks.push(Remark {
                    span: func.span,
                    kind: RemarkKind::Device,
                    is_done: false,
                    text,
                    at: None,
                });
                let arrays = kernel::host_arrays(func, call);
                loops.insert(call.body, (words, GridLoop::Host { reason: refused.reason, arrays }));
            }
        }
    }
    let mut explicit_kernels = FxHashMap::default();
    for (id, func) in program.funcs.iter().filter(|(_, func)| func.is_kernel) {
        let made = match explicit::explicit(&mut module, program, id) {
            Ok(kernel) => {
                kernels.push(kernel.text);
                GridLoop::Mapped(Box::new(kernel.launch))
            }
            Err(refused) => {
                module.open.clear();
                let text = format!("the kernel `{}` cannot be made: {}", func.name, refused.reason);
                remarks.push(Remark {
                    span: func.span,
                    at: None,
                    kind: RemarkKind::Device,
                    is_done: false,
                    text,
                });
                GridLoop::Host { reason: refused.reason, arrays: Vec::new() }
            }
        };
        explicit_kernels.insert(id, (explicit::env_words(program, id), made));
    }
    let can_fail = loops
        .values()
        .chain(explicit_kernels.values())
        .any(|(_, l)| matches!(l, GridLoop::Mapped(launch) if launch.can_fail));
    let source = text(&module, &kernels, can_fail);
    Kernels {
        source,
        options: vec!["--std=c++17".to_owned(), "--fmad=false".to_owned()],
        loops,
        kernels: explicit_kernels,
        remarks,
    }
}

/// The whole text: types, what is needed of the rest, functions, kernels.
fn text(module: &Module<'_>, kernels: &[String], can_fail: bool) -> String {
    if kernels.is_empty() {
        return String::new();
    }
    let mut body = module.texts.join("\n");
    if !body.is_empty() {
        body.push('\n');
    }
    body.push_str(&kernels.join("\n"));
    let mut mathematics = math::definitions_with(&module.math, &module.complex);
    if module.draws {
        mathematics.push_str(&only_used(&math::random(), &body));
    }
    // From the last helper to the first, because helpers use those before them.
    let mut helpers: Vec<&str> = Vec::new();
    for helper in prelude::HELPERS.iter().rev() {
        let is_used = body.contains(helper.needle)
            || mathematics.contains(helper.needle)
            || helpers.iter().any(|text| text.contains(helper.needle));
        if is_used {
            helpers.push(helper.text);
        }
    }
    let mut source = prelude::PRELUDE.to_owned();
    if can_fail {
        source.push_str(prelude::ERRORS);
    }
    if !helpers.is_empty() {
        source.push('\n');
        source.extend(helpers.into_iter().rev());
    }
    if !mathematics.is_empty() {
        source.push('\n');
        source.push_str(&mathematics);
    }
    source.push('\n');
    source.push_str(&body);
    source
}

/// The definitions of a text that another one needs. They are apart by empty lines, and use what comes before them.
fn only_used(definitions: &str, by: &str) -> String {
    let all: Vec<&str> = definitions.split_inclusive("\n\n").collect();
    let mut kept: Vec<&str> = Vec::new();
    for definition in all.into_iter().rev() {
        let is_type = definition.lines().any(|line| line.starts_with("struct "));
        let is_needed = |name: &str| by.contains(name) || kept.iter().any(|text| text.contains(name));
        let is_used = definition
            .lines()
            .filter(|line| line.starts_with("static "))
            .filter_map(|line| line.split(['(', '[']).next()?.split([' ', '*']).next_back())
            .any(is_needed);
        if is_type || is_used {
            kept.push(definition);
        }
    }
    kept.into_iter().rev().collect()
}

/// Makes the loops of outlined bodies loops of threads: what the passes of the grid form start from. Iterations are counted from
/// 0 then, so the first one is no parameter any more.
pub fn gridify(program: &mut Program) {
    let mut bodies = Vec::new();
    for func in program.funcs.values() {
        walk::for_each_stmt(&func.body, &mut |stmt| {
            if let Stmt::Parallel(call) = stmt {
                bodies.push(call.body);
            }
        });
    }
    for func in program.funcs.values_mut() {
        name_temporaries(func);
    }
    for body in bodies {
        let func = &mut program.funcs[body];
        let Some(chunk) = func.chunk else { continue };
        for expr in func.exprs.values_mut() {
            if expr.kind == ExprKind::Local(chunk.first) {
                expr.kind = ExprKind::Const(crate::ir::Const::int(0));
            }
        }
        let mut statements = func.body.iter_mut();
        if let Some(l) = statements.find_map(|stmt| match stmt {
            Stmt::Loop(l) => Some(l),
            _ => None,
        }) {
            l.kind = LoopKind::Grid;
        }
    }
}

/// Temporaries that a variable of the user is set to are called like it, since the passes put them in its place; others by
/// what the hardware says there.
fn name_temporaries(func: &mut Func) {
    let mut names = Vec::new();
    walk::for_each_stmt(&func.body, &mut |stmt| {
        if let Some((local, function)) = explicit::place_of_thread(stmt) {
            names.push((local, explicit::name_of_place(function).into()));
        }
    });
    walk::for_each_stmt(&func.body, &mut |stmt| {
        if let Stmt::Set { local, value } = stmt
            && let ExprKind::Local(source) = func.exprs[*value].kind
            && func.locals[*local].is_user
            && !func.locals[source].is_user
        {
            names.push((source, func.locals[*local].name.clone()));
        }
    });
    for (local, name) in names {
        let local = &mut func.locals[local];
        if !local.is_user {
            local.name = name;
        }
    }
}

/// The launch of a loop, if it has one.
#[must_use]
pub fn launch_of(grid_loop: &GridLoop) -> Option<&GridLaunch> {
    match grid_loop {
        GridLoop::Mapped(launch) => Some(launch),
        GridLoop::Host { .. } => None,
    }
}
