//! K206: array expressions, which come later, and the loops to write until then, with the user's own names.

use super::function::FnCtx;
use crate::base::{Code, Diagnostic, Span, Symbol};
use crate::syntax::ast::{BinaryOp, ExprId};
use crate::types::{ArrayTy, DType, Ty};

const LATER: &str = "array expressions come in a later version";

/// The loop over all elements: heads, the index, the depth of the body.
fn loop_heads(array: &str, rank: u8) -> (String, String, String) {
    let names = ["i", "j", "k", "l", "m", "n", "o", "p"];
    let names = &names[..usize::from(rank).min(names.len())];
    let mut heads = String::new();
    for (axis, name) in names.iter().enumerate() {
        heads.push_str(&format!("{}for {name} in range({array}.shape[{axis}]):\n", "    ".repeat(axis)));
    }
    (heads, names.join(", "), "    ".repeat(names.len()))
}

/// K206 for the outermost array expression that is being typed.
pub(super) fn array_expr(f: &FnCtx<'_, '_>, span: Span) -> Diagnostic {
    let root = f.array_root;
    let place = root.map_or(span, |root| f.span(root));
    let mut largest: Option<(u8, String)> = None;
    if let Some(root) = root {
        largest_array(f, root, &mut largest);
    }
    let diag = Diagnostic::error(
        Code::K206,
        place,
        "element-wise expressions on whole arrays are not supported yet",
    )
    .primary("an array expression")
    .note(LATER);
    let (Some(root), Some((rank, array))) = (root, largest) else {
        return diag.help("write a loop over the elements");
    };
    let (heads, names, indent) = loop_heads(&array, rank);
    let target = f.target_name.as_ref().map_or("out", Symbol::as_str);
    let (before, element) = hoisted(f, root, f.render_with(root, Some((&names, rank))));
    let is_compare = matches!(f.ast.exprs[root].kind, crate::syntax::ast::ExprKind::Compare { .. });
    let dtype = if is_compare { ", dtype=np.bool_" } else { "" };
    diag.help(format!(
        "write the loop:\n{before}{target} = np.empty({array}.shape{dtype})\n{heads}{indent}{target}[{names}] = {element}"
    ))
}

/// Reductions in an element's text become variables before the loop: they are of the array as it was.
fn hoisted(f: &FnCtx<'_, '_>, root: ExprId, mut element: String) -> (String, String) {
    let mut calls = Vec::new();
    reductions(f, root, &mut calls);
    let mut before = String::new();
    for call in calls {
        let text = f.render(call);
        let name = text.split('(').next().and_then(|callee| callee.rsplit('.').next()).unwrap_or("value");
        // `x_mean`, which hides no built-in name.
        let array = reduced_array(f, call).filter(|array| array.chars().all(char::is_alphanumeric));
        let name = format!("{}_{name}", array.as_deref().unwrap_or("all"));
        if element.contains(&text) {
            element = element.replace(&text, &name);
            before.push_str(&format!("{name} = {text}\n"));
        }
    }
    (before, element)
}

/// The first array that a call takes, or whose method it is, as text.
fn reduced_array(f: &FnCtx<'_, '_>, call: ExprId) -> Option<String> {
    use crate::syntax::ast::ExprKind;
    let ExprKind::Call { callee, args, .. } = &f.ast.exprs[call].kind else { return None };
    let receiver = match &f.ast.exprs[*callee].kind {
        ExprKind::Attribute { base, .. } => Some(*base),
        _ => None,
    };
    let is_array = |id: &ExprId| matches!(f.exprs.get(id).map(|info| &info.ty), Some(Ty::Array(_)));
    receiver.into_iter().chain(args.iter().copied()).find(|id| is_array(id)).map(|id| f.render(id))
}

/// The calls in an expression that make a number of an array.
fn reductions(f: &FnCtx<'_, '_>, id: ExprId, found: &mut Vec<ExprId>) {
    use crate::syntax::ast::ExprKind;
    let is_array = |id: ExprId| matches!(f.exprs.get(&id).map(|info| &info.ty), Some(Ty::Array(_)));
    match &f.ast.exprs[id].kind {
        ExprKind::Binary { left, right, .. } => {
            reductions(f, *left, found);
            reductions(f, *right, found);
        }
        ExprKind::Unary { operand, .. } => reductions(f, *operand, found),
        ExprKind::Call { callee, args, .. } => {
            let receiver = match &f.ast.exprs[*callee].kind {
                ExprKind::Attribute { base, .. } => Some(*base),
                _ => None,
            };
            let is_number = matches!(f.exprs.get(&id).map(|info| &info.ty), Some(Ty::Scalar(_)));
            if is_number && args.iter().copied().chain(receiver).any(is_array) {
                found.push(id);
                return;
            }
            for &arg in args {
                reductions(f, arg, found);
            }
        }
        _ => {}
    }
}

/// The array with the most axes in an expression, as text.
fn largest_array(f: &FnCtx<'_, '_>, id: ExprId, largest: &mut Option<(u8, String)>) {
    use crate::syntax::ast::ExprKind;
    if let Some(info) = f.exprs.get(&id)
        && let Ty::Array(array) = &info.ty
        && largest.as_ref().is_none_or(|(rank, _)| array.rank > *rank)
        && array.rank > 0
    {
        *largest = Some((array.rank, f.render(id)));
    }
    match &f.ast.exprs[id].kind {
        ExprKind::Binary { left, right, .. } => {
            largest_array(f, *left, largest);
            largest_array(f, *right, largest);
        }
        ExprKind::Unary { operand, .. } => largest_array(f, *operand, largest),
        ExprKind::Compare { first, rest } => {
            largest_array(f, *first, largest);
            for (_, right) in rest {
                largest_array(f, *right, largest);
            }
        }
        ExprKind::Call { args, .. } => {
            for &arg in args {
                largest_array(f, arg, largest);
            }
        }
        _ => {}
    }
}

/// K206 for `a += ...` on a whole array.
pub(super) fn array_update(
    f: &FnCtx<'_, '_>,
    span: Span,
    name: &str,
    rank: u8,
    op: BinaryOp,
    value: ExprId,
) -> Diagnostic {
    let (heads, names, indent) = loop_heads(name, rank);
    let (before, element) = hoisted(f, value, f.render_with(value, Some((&names, rank))));
    Diagnostic::error(
        Code::K206,
        span,
        format!("`{}=` on the whole array `{name}` is not supported yet", op.symbol()),
    )
    .primary("an array expression")
    .note(LATER)
    .help(format!("write the loop:\n{before}{heads}{indent}{name}[{names}] {}= {element}", op.symbol()))
}

/// K206 for `a[1:] += ...`.
pub(super) fn array_view_update(
    f: &FnCtx<'_, '_>,
    span: Span,
    target: ExprId,
    rank: u8,
    op: BinaryOp,
    value: ExprId,
) -> Diagnostic {
    let text = f.render(target);
    let (heads, names, indent) = loop_heads("part", rank);
    let (before, element) = hoisted(f, value, f.render_with(value, Some((&names, rank))));
    Diagnostic::error(
        Code::K206,
        span,
        format!("`{}=` on a part of an array is not supported yet", op.symbol()),
    )
    .primary("an array expression")
    .note(LATER)
    .help(format!(
        "write the loop:\n{before}part = {text}\n{heads}{indent}part[{names}] {}= {element}",
        op.symbol()
    ))
}

/// `a @ b`.
pub(super) fn matmul(f: &FnCtx<'_, '_>, span: Span, left: ExprId, right: ExprId) -> Diagnostic {
    let (a, b) = (f.render(left), f.render(right));
    Diagnostic::error(Code::K206, span, "`@` on arrays is not supported yet")
        .primary("an array expression")
        .note(LATER)
        .help(format!("write the loops: `c[i, j] += {a}[i, k] * {b}[k, j]` for `i`, `k`, `j`"))
}

/// `x[mask]`, `x[indices]`.
pub(super) fn index_by_array(
    f: &FnCtx<'_, '_>,
    id: ExprId,
    base: ExprId,
    by: ExprId,
    array: ArrayTy,
) -> Diagnostic {
    let (base, by_text) = (f.render(base), f.render(by));
    let diag = Diagnostic::error(Code::K206, f.span(id), "an array as an index is not supported yet")
        .primary("an array expression")
        .label(f.span(by), format!("this is `{}`", Ty::Array(array)))
        .note(LATER);
    diag.help(if array.dtype == DType::Bool {
        format!("write the loop:\nfor i in range({by_text}.shape[0]):\n    if {by_text}[i]:\n        ... {base}[i] ...")
    } else {
        format!("write the loop:\nfor i in range({by_text}.shape[0]):\n    ... {base}[{by_text}[i]] ...")
    })
}

/// K206 for `s += x` where `s` is a number.
pub(super) fn array_into_number(
    f: &FnCtx<'_, '_>,
    (target, number): (ExprId, DType),
    op: BinaryOp,
    (value, array): (ExprId, ArrayTy),
) -> Diagnostic {
    let (name, text) = (f.render(target), f.render(value));
    let symbol = op.symbol();
    let (_, names, _) = loop_heads(&text, array.rank);
    let element = match text.strip_suffix(']') {
        // `x[i]` is a row: its elements are `x[i, j]`.
        Some(start) if !text.contains(':') => {
            format!("{start}, {}]", if array.rank == 1 { "j" } else { "j, k" })
        }
        _ => format!("{text}[{names}]"),
    };
    let sum = if op == BinaryOp::Add {
        format!("; for the sum of all write `{name} += {text}.sum()`")
    } else {
        String::new()
    };
    Diagnostic::error(
        Code::K206,
        f.span(value),
        format!("`{symbol}=` of the number `{name}` with a whole array is not supported yet"),
    )
    .primary(format!("this is `{array}`"))
    .label(f.span(target), format!("this is `{number}`"))
    .note(LATER)
    .help(format!("take one element: `{name} {symbol}= {element}`{sum}"))
}

/// K308 for `if x > 0:` of an array.
pub(super) fn array_condition(f: &FnCtx<'_, '_>, id: ExprId) -> Diagnostic {
    let mut largest: Option<(u8, String)> = None;
    largest_array(f, id, &mut largest);
    let diag = Diagnostic::error(Code::K308, f.span(id), "a whole array is no condition")
        .primary("has a truth value for each element");
    match largest {
        Some((rank, array)) => {
            let (_, names, _) = loop_heads(&array, rank);
            diag.help(format!("test one element, in a loop: `{}`", f.render_with(id, Some((&names, rank)))))
        }
        None => diag.help("test one element, in a loop"),
    }
}

/// K206 for `x[x > 0]`.
pub(super) fn index_by_condition(f: &FnCtx<'_, '_>, id: ExprId, base: ExprId, by: ExprId) -> Diagnostic {
    let mut largest: Option<(u8, String)> = None;
    largest_array(f, by, &mut largest);
    let diag = Diagnostic::error(Code::K206, f.span(id), "an array as an index is not supported yet")
        .primary("an array expression")
        .note(LATER);
    let (1, Some(array)) = (largest.as_ref().map_or(1, |found| found.0), largest.map(|found| found.1)) else {
        return diag.help("write a loop over the elements, with an `if`");
    };
    let (condition, base) = (f.render_with(by, Some(("i", 1))), f.render(base));
    diag.help(format!(
        "write the loop:\nfor i in range({array}.shape[0]):\n    if {condition}:\n        ... {base}[i] ..."
    ))
}
