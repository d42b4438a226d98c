//! Decorators: `@njit(parallel=True, fastmath=True)` and its relatives set options; unknown ones are named.

use super::annotations::TypeText;
use super::device::cuda_path;
use super::{Ctx, suggest};
use crate::base::{Code, Diagnostic, ErrorModel, FastMath, Options};
use crate::syntax::ast::{ExprId, ExprKind, Function, Literal};
use crate::types::Ty;

/// Decorators that compile a function.
const JIT: &[&str] = &["njit", "jit", "kernel"];

/// Decorators of Numba that do more than compile, and what to write instead.
const OTHERS: &[(&str, &str)] = &[
    ("vectorize", "write `@njit` and call it for each element in a loop: `out[i] = f(x[i])`"),
    ("guvectorize", "write `@njit`, take whole arrays, and loop over their rows"),
    ("stencil", "write `@njit` and a loop over the inner elements: `out[i] = x[i - 1] + x[i + 1]`"),
    ("cfunc", "write `@njit`: every function is compiled"),
    ("jitclass", "write functions that take the fields as arguments"),
    ("generated_jit", "write `@njit`: a function is compiled for the types that it is called with"),
    ("overload", "write the function itself and call it by its name"),
    ("intrinsic", "write the function itself and call it by its name"),
];

/// Options that change nothing here.
const IGNORED: &[&str] = &[
    "cache",
    "nogil",
    "nopython",
    "inline",
    "looplift",
    "forceobj",
    "debug",
    "nowrap",
    "target",
    "no_cpython_wrapper",
    "no_cfunc_wrapper",
    "pipeline_class",
    "identity",
    "forceinline",
    "writable_args",
    "_nrt",
    "no_rewrites",
    "target_backend",
    "signature_or_function",
    "signature",
    "device",
    "opt",
    "lineinfo",
    "max_registers",
    "launch_bounds",
];

/// Options that mean something.
const KNOWN: &[&str] =
    &["parallel", "fastmath", "error_model", "boundscheck", "cache", "nogil", "nopython", "inline"];

/// A path as it is written: `cuda.jit` of `numba.cuda.jit`.
fn shown(path: &str) -> &str {
    path.strip_prefix("numba.").unwrap_or(path)
}

impl Ctx<'_> {
    /// The engine's options with those of the decorators on top.
    pub(super) fn function_options(&self, function: &Function, diags: &mut Vec<Diagnostic>) -> Options {
        let mut options = self.options.clone();
        for &decorator in function.decorators.iter().rev() {
            self.decorator(decorator, &mut options, diags);
        }
        options
    }

    fn decorator(&self, id: ExprId, options: &mut Options, diags: &mut Vec<Diagnostic>) {
        let expr = &self.ast.exprs[id];
        let (callee, keywords) = match &expr.kind {
            ExprKind::Call { callee, keywords, .. } => (*callee, keywords.as_slice()),
            ExprKind::Error => return,
            _ => (id, &[][..]),
        };
        let path = self.path(callee).unwrap_or_default();
        let name = path.rsplit('.').next().unwrap_or("");
        match name {
            "unchecked_parallel" => options.unchecked_parallel = true,
            _ if cuda_path(&path) == Some("jit") => {
                // As Numba's kernels: a division by zero gives an infinity. And a `prange` in a thread is a loop.
                options.error_model = ErrorModel::Numpy;
                options.parallel = false;
            }
            _ if path.starts_with("numba.cuda") || path.starts_with("cuda.") => {
                diags.push(
                    Diagnostic::error(Code::K203, expr.span, format!("kernels have no `@{}`", shown(&path)))
                        .primary("code for a GPU")
                        .help("write `@njit(parallel=True)` and the loop over the threads: `for i in prange(n):`"),
                );
                return;
            }
            _ if let Some((_, help)) = OTHERS.iter().find(|(other, _)| *other == name) => {
                let diag = Diagnostic::error(
                    Code::K203,
                    self.ast.exprs[callee].span,
                    format!("kernels have no `@{name}`"),
                );
                diags.push(diag.primary("not supported").help(*help));
                return;
            }
            _ if JIT.contains(&name) => {}
            _ => {
                let near = suggest::nearest(name, JIT.iter().copied().chain(["unchecked_parallel"]));
                let diag = Diagnostic::error(Code::K203, expr.span, "unknown decorator")
                    .primary("kernels know `@njit`, `@jit` and `@unchecked_parallel`");
                diags.push(diag.help(match near {
                    Some(near) => format!("did you mean `@{near}`?"),
                    None => "leave the decorator out: every function is compiled".to_owned(),
                }));
                return;
            }
        }
        for (name, value) in keywords {
            let kind = &self.ast.exprs[*value].kind;
            let truth = match kind {
                ExprKind::Literal(Literal::Bool(value)) => Some(*value),
                _ => None,
            };
            match name.name.as_str() {
                // `parallel=False` is what every decorator means that does not say otherwise; prange is serial then.
                "parallel" => {
                    if truth == Some(false) {
                        options.parallel = false;
                    }
                }
                "fastmath" => match truth {
                    Some(true) => options.fastmath = FastMath::TRUE,
                    Some(false) => options.fastmath = FastMath::default(),
                    None => self.fastmath(*value, options, diags),
                },
                "boundscheck" => {
                    if let Some(truth) = truth {
                        options.boundscheck = truth;
                    }
                }
                "error_model" => match kind {
                    ExprKind::Literal(Literal::Str(text)) if text == "numpy" => {
                        options.error_model = ErrorModel::Numpy;
                    }
                    ExprKind::Literal(Literal::Str(text)) if text == "python" => {
                        options.error_model = ErrorModel::Python;
                    }
                    _ => diags.push(
                        Diagnostic::warning(Code::K203, self.ast.exprs[*value].span, "unknown error model")
                            .help("write \"python\" or \"numpy\""),
                    ),
                },
                "locals" => diags.push(
                    Diagnostic::warning(Code::K203, name.span, "`locals` has no effect")
                        .primary("ignored")
                        .help("annotate a variable where it is assigned: `n: i32 = 0`"),
                ),
                other if IGNORED.contains(&other) => {}
                other => {
                    let near = suggest::nearest(other, KNOWN.iter().copied().chain(IGNORED.iter().copied()));
                    let diag = Diagnostic::warning(
                        Code::K203,
                        name.span,
                        format!("unknown decorator option `{other}`"),
                    )
                    .primary("has no effect");
                    diags.push(diag.help(match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "leave it out".to_owned(),
                    }));
                }
            }
        }
    }

    /// `fastmath={"reassoc", "contract"}` as a tuple, list or one string.
    fn fastmath(&self, id: ExprId, options: &mut Options, diags: &mut Vec<Diagnostic>) {
        let mut math = FastMath::default();
        let items: &[ExprId] = match &self.ast.exprs[id].kind {
            ExprKind::Tuple(items) | ExprKind::List(items) => items,
            ExprKind::Error => return,
            _ => &[id],
        };
        for &item in items {
            let span = self.ast.exprs[item].span;
            let text = match &self.ast.exprs[item].kind {
                ExprKind::Literal(Literal::Str(text)) => text.as_str(),
                _ => "",
            };
            match text {
                "reassoc" => math.reassoc = true,
                "contract" => math.contract = true,
                "arcp" => math.arcp = true,
                "nsz" => math.nsz = true,
                "nnan" => math.nnan = true,
                "ninf" => math.ninf = true,
                "afn" => {}
                "fast" => math = FastMath { nnan: true, ninf: true, ..FastMath::TRUE },
                _ => diags.push(
                    Diagnostic::warning(Code::K203, span, "unknown fastmath flag")
                        .help("flags are \"reassoc\", \"contract\", \"arcp\", \"nsz\", \"nnan\", \"ninf\""),
                ),
            }
        }
        options.fastmath = math;
    }

    /// The argument types of an explicit signature: `@njit("f8(f8[:], i8)")`, `@njit(float64(float64))`.
    pub(super) fn decorator_signature(&self, function: &Function) -> Option<Vec<Ty>> {
        for &decorator in &function.decorators {
            let ExprKind::Call { args, .. } = &self.ast.exprs[decorator].kind else { continue };
            let mut first = *args.first()?;
            if let ExprKind::List(items) = &self.ast.exprs[first].kind {
                first = *items.first()?;
            }
            match &self.ast.exprs[first].kind {
                ExprKind::Literal(Literal::Str(text)) => return TypeText::signature(text),
                ExprKind::Call { args, .. } => {
                    return args.iter().map(|&arg| self.annotation(arg).ok().flatten()).collect();
                }
                ExprKind::Tuple(args) => {
                    return args.iter().map(|&arg| self.annotation(arg).ok().flatten()).collect();
                }
                _ => return None,
            }
        }
        None
    }
}
