//! The words of the race check: facts in, diagnostics out.

use crate::base::{Code, Diagnostic, Span};
use crate::ir::runtime_fn::ServiceTy;
use crate::ir::walk;
use crate::ir::{ArrayId, ArrayReduction, Func, LocalId, Operand, Reduction, Stmt};

use super::scalars::Use;
use super::{Access, AccessKind, Region, Requirement};

const AT_ONCE: &str = "iterations may run at the same time";
const USE_RANGE: &str = "use `range` instead of `prange` to keep the order of evaluation";
const SERIALLY: &str = "this loop runs serially";

pub(super) fn carried(func: &Func, region: &Region<'_>, local: LocalId, use_of: &Use) -> Diagnostic {
    let name = &func.locals[local].name;
    let write = use_of.write_span();
    if let (Some(&(op, update)), Some(&read), true) =
        (use_of.updates.first(), use_of.reads.iter().min(), use_of.writes.is_empty())
        && use_of.updates.iter().all(|&(other, _)| other == op)
    {
        return Diagnostic::error(
            Code::K507,
            read,
            format!("`{name}` is combined by the iterations of a parallel loop and read inside it"),
        )
        .primary("its value here depends on the order of the iterations")
        .label(update, "combined here")
        .label(region.info.span, AT_ONCE)
        .note(format!("inside the loop the variable of a reduction (`{}`) may only be combined", op.symbol()))
        .help(USE_RANGE);
    }
    let read = use_of.reads.iter().copied().min();
    let place = read.unwrap_or(write);
    let is_same = write.start <= place.start && place.end <= write.end;
    let mut diagnostic = Diagnostic::error(
        Code::K501,
        place,
        format!("`{name}` carries a value from one iteration to the next in a parallel loop"),
    )
    .primary(if is_same {
        "read and written here"
    } else {
        "read here, before this iteration has written it"
    });
    if !is_same && write != Span::default() {
        diagnostic = diagnostic.label(write, "written here");
    }
    diagnostic
        .label(region.info.span, AT_ONCE)
        .note("reductions recognised: `+=`, `-=`, `*=`, `min`, `max`, `and`, `or`, `&=`, `|=`, `^=`")
        .help(USE_RANGE)
}

pub(super) fn carried_array(func: &Func, region: &Region<'_>, array: ArrayId) -> Diagnostic {
    let var = &func.arrays[array];
    let message =
        format!("`{}` carries an array from one iteration to the next in a parallel loop", var.name);
    Diagnostic::error(Code::K501, var.span, message)
        .primary("bound anew by the iterations")
        .label(region.info.span, AT_ONCE)
        .help(USE_RANGE)
}

pub(super) fn array_leaves(func: &Func, region: &Region<'_>, array: ArrayId) -> Diagnostic {
    let var = &func.arrays[array];
    let message = format!("`{}` is bound by the iterations of a parallel loop and used after it", var.name);
    Diagnostic::warning(Code::K504, var.span, message)
        .primary("bound in the loop")
        .label(region.info.span, SERIALLY)
        .help("store into an array that was made before the loop")
}

pub(super) fn conditional_last_value(
    func: &Func,
    region: &Region<'_>,
    local: LocalId,
    write: Span,
) -> Diagnostic {
    let name = &func.locals[local].name;
    let span = if write == Span::default() { func.locals[local].span } else { write };
    let message = format!(
        "`{name}` keeps the value of the last iteration that writes it, which is not known in advance"
    );
    Diagnostic::warning(Code::K504, span, message)
        .primary("written by some iterations only")
        .label(region.info.span, SERIALLY)
        .note("the result is exact")
        .help(format!("write `{name}` in every iteration, or make it a reduction: `{name} = max({name}, i)`"))
}

pub(super) fn exit_from_loop(region: &Region<'_>, is_return: bool) -> Diagnostic {
    let word = if is_return { "return" } else { "break" };
    Diagnostic::error(
        Code::K505,
        region.info.span,
        format!("`{word}` leaves a parallel loop before its last iteration"),
    )
    .primary("later iterations may already have run")
    .help("use `range`, or note the result in a variable and go on")
}

pub(super) fn effects_in_order(region: &Region<'_>) -> Diagnostic {
    let message = "the iterations of this parallel loop print, load or save, which has to happen in order";
    Diagnostic::warning(Code::K508, region.info.span, message)
        .primary(SERIALLY)
        .help("print after the loop, from an array that the iterations fill")
}

fn name<'a>(func: &'a Func, access: &Access) -> &'a str {
    &func.arrays[access.via].name
}

fn verb(kind: AccessKind) -> &'static str {
    match kind {
        AccessKind::Read => "read",
        AccessKind::Write => "written",
        AccessKind::Accumulate(_) => "combined",
    }
}

/// Is the array the state of a generator, which this function draws from?
fn is_generator(func: &Func, array: ArrayId) -> bool {
    let mut found = false;
    walk::for_each_stmt(&func.body, &mut |stmt| {
        if let Stmt::Runtime { function, args, .. } = stmt {
            let draws = function.params().contains(&ServiceTy::Generator);
            found |= draws && args.iter().any(|arg| matches!(arg, Operand::Array(a) if *a == array));
        }
    });
    found
}

/// Two iterations certainly touch the same element, the write `behind` iterations after the other access.
pub(super) fn conflict(
    func: &Func,
    region: &Region<'_>,
    write: &Access,
    other: &Access,
    behind: i64,
) -> Diagnostic {
    let array = name(func, write);
    if other.kind == AccessKind::Read {
        let message = match behind {
            // In a loop that keeps its order it is the distance that one wants to know.
            -1 if region.is_lockstep => {
                format!("an iteration reads the element of `{array}` that the one before it writes")
            }
            ..-1 if region.is_lockstep => {
                let distance = behind.unsigned_abs();
                format!(
                    "an iteration reads the element of `{array}` that the one {distance} before it writes"
                )
            }
            _ => format!(
                "an iteration of a parallel loop reads an element of `{array}` that another one writes"
            ),
        };
        return Diagnostic::error(Code::K503, other.span, message)
            .primary("read here")
            .label(write.span, "written here")
            .label(region.info.span, AT_ONCE)
            .help("write to a second array, or use `range` instead of `prange`");
    }
    let message = format!("iterations of a parallel loop write the same element of `{array}`");
    if is_generator(func, write.via) {
        let message = format!("iterations of a parallel loop draw from the same generator `{array}`");
        return Diagnostic::error(Code::K502, write.span, message)
            .primary("every draw changes it")
            .label(region.info.span, AT_ONCE)
            .help("draw with `np.random`, which has a stream per iteration, or make a generator in each: `np.random.default_rng(seed + i)`");
    }
    let mut diagnostic =
        Diagnostic::error(Code::K502, write.span, message).primary(format!("{} here", verb(write.kind)));
    if other.span != write.span {
        diagnostic = diagnostic.label(other.span, format!("{} here", verb(other.kind)));
    }
    diagnostic.label(region.info.span, AT_ONCE).help(format!(
        "accumulate with `{array}[...] += value`, make the array inside the loop, or use `range`"
    ))
}

/// Two iterations may touch the same element.
pub(super) fn not_provable(func: &Func, region: &Region<'_>, write: &Access, other: &Access) -> Diagnostic {
    let array = name(func, write);
    let mut diagnostic = if other.kind == AccessKind::Read {
        let message =
            format!("cannot prove that no iteration reads an element of `{array}` that another one writes");
        Diagnostic::warning(Code::K504, write.span, message)
            .primary("written here")
            .label(other.span, format!("`{}` is read here", name(func, other)))
    } else {
        let message = format!("cannot prove that iterations write different elements of `{array}`");
        let diagnostic = Diagnostic::warning(Code::K504, write.span, message)
            .primary(format!("{} here", verb(write.kind)));
        if other.span == write.span {
            diagnostic
        } else {
            diagnostic.label(other.span, format!("{} here", verb(other.kind)))
        }
    };
    diagnostic = diagnostic.label(region.info.span, SERIALLY);
    diagnostic.note("the result is exact").help(format!(
        "accumulate with `{array}[...] += value`, index with the loop variable, or mark the function `@unchecked_parallel`"
    ))
}

/// The remark on a loop that runs in parallel.
pub(super) fn proven(
    func: &Func,
    reductions: &[Reduction],
    array_reductions: &[ArrayReduction],
    requirements: &[Requirement],
) -> String {
    let mut text = "runs in parallel".to_owned();
    let scalars = reductions.iter().map(|r| format!("`{}` ({})", func.locals[r.local].name, r.op.symbol()));
    let arrays =
        array_reductions.iter().map(|r| format!("`{}` ({})", func.arrays[r.array].name, r.op.symbol()));
    let reduced: Vec<String> = scalars.chain(arrays).collect();
    if !reduced.is_empty() {
        text += &format!("; reductions: {}", reduced.join(", "));
    }
    let pairs = requirements.iter().filter(|r| matches!(r, Requirement::Disjoint(..))).count();
    if pairs > 0 {
        text += &format!("; tested before the loop: {pairs} pairs of arrays do not overlap");
    }
    if requirements.len() > pairs {
        text += "; tested before the loop: index ranges";
    }
    text
}
