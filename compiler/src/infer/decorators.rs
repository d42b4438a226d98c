//! Decorators: `@njit(parallel=True, fastmath=True)` and its relatives set options; unknown ones are named.

use super::annotations::TypeText;
use super::{Ctx, suggest};
use crate::base::{Code, Diagnostic, ErrorModel, FastMath, Options};
use crate::syntax::ast::{ExprId, ExprKind, Function, Literal};
use crate::types::Ty;

/// Decorators that compile a function.
const JIT: &[&str] = &["njit", "jit", "kernel", "vectorize", "generated_jit"];

/// Options that change nothing here.
const IGNORED: &[&str] = &[
    "cache",
    "nogil",
    "nopython",
    "inline",
    "looplift",
    "forceobj",
    "locals",
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
];

/// Options that mean something.
const KNOWN: &[&str] =
    &["parallel", "fastmath", "error_model", "boundscheck", "cache", "nogil", "nopython", "inline"];

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
