//! What names and dotted paths stand for: a variable, a module constant, a function, or something of Python and NumPy.

use super::function::{FnCtx, Val};
use super::{ConstValue, Ctx, Resolution, messages};
use crate::base::{Code, Diagnostic, Symbol};
use crate::syntax::ast::{ExprId, ExprKind};
use crate::types::builtins::{self, Builtin};

impl Ctx<'_> {
    /// The dotted path of an expression that starts at an import or a name of Python: `np.random.rand` is
    /// `numpy.random.rand`. Does not look at local variables.
    pub(super) fn path(&self, id: ExprId) -> Option<Symbol> {
        match &self.ast.exprs[id].kind {
            ExprKind::Name(name) => {
                if let Some(path) = self.imports.get(name) {
                    return Some(path.clone());
                }
                if self.constants.contains_key(name) || self.functions.contains_key(name) {
                    return None;
                }
                // Files need no imports for these.
                Some(match name.as_str() {
                    "np" => Symbol::new_static("numpy"),
                    "nb" => Symbol::new_static("numba"),
                    "f32" | "f64" | "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "c64"
                    | "c128" => Symbol::from(format!("kjit.{name}")),
                    _ => name.clone(),
                })
            }
            ExprKind::Attribute { base, name } => {
                let base = self.path(*base)?;
                Some(Symbol::from(format!("{base}.{}", name.name)))
            }
            _ => None,
        }
    }

    /// A number or `None` that a path names: `math.pi`, `np.newaxis`.
    pub(super) fn path_constant(path: &str) -> Option<(ConstValue, bool)> {
        if path == "numpy.newaxis" {
            return Some((ConstValue::None, false));
        }
        if let Some(value) = builtins::constant(path) {
            return Some((ConstValue::Float(value, crate::types::DType::F64), true));
        }
        match builtins::lookup(path)? {
            Builtin::Type(dtype) => Some((ConstValue::DType(dtype), false)),
            _ => None,
        }
    }
}

impl FnCtx<'_, '_> {
    /// The dotted path of an expression, if its root is no variable of this function.
    pub(super) fn path(&self, id: ExprId) -> Option<Symbol> {
        let mut root = id;
        while let ExprKind::Attribute { base, .. } = &self.ast.exprs[root].kind {
            root = *base;
        }
        match &self.ast.exprs[root].kind {
            ExprKind::Name(name) if !self.var_ids.contains_key(name) => self.ctx.path(id),
            _ => None,
        }
    }

    /// A name that is read.
    pub(super) fn name(&mut self, id: ExprId, name: &Symbol) -> Val {
        if let Some(&var) = self.var_ids.get(name) {
            return self.read(id, var);
        }
        let span = self.span(id);
        if let Some(constant) = self.ctx.constants.get(name) {
            match constant {
                Ok(constant) => {
                    let is_weak = constant.is_weak;
                    let value = constant.value.clone();
                    let val = Val { is_weak, ..Val::constant(value.clone()) };
                    return self.done(id, val, Resolution::Constant(value));
                }
                Err(diag) => {
                    let diag = diag.clone().label(span, "used here");
                    return self.report(diag);
                }
            }
        }
        if let Some(&function) = self.ctx.functions.get(name) {
            let help = match self.ctx.role(function) {
                super::device::Role::Kernel => {
                    format!(
                        "launch it here: `{name}[blocks, threads](...)`; a launch cannot be stored for later"
                    )
                }
                _ => format!("call it: `{name}(...)`; functions cannot be stored or passed on"),
            };
            return self.report(
                Diagnostic::error(Code::K202, span, format!("the function `{name}` is used as a value"))
                    .primary("not called")
                    .help(help),
            );
        }
        let Some(path) = self.ctx.path(id) else { return Val::ERROR };
        if let Some((value, is_weak)) = Ctx::path_constant(&path) {
            let val = Val { is_weak, ..Val::constant(value.clone()) };
            return self.done(id, val, Resolution::Constant(value));
        }
        if builtins::lookup(&path).is_some() {
            return self.report(
                Diagnostic::error(Code::K202, span, format!("the function `{name}` is used as a value"))
                    .primary("not called")
                    .help(format!("call it: `{name}(...)`")),
            );
        }
        if MODULES.contains(&path.as_str()) {
            return self.report(
                Diagnostic::error(Code::K202, span, format!("the module `{name}` is used as a value"))
                    .help(format!("name something in it: `{name}.sqrt`")),
            );
        }
        if self.ctx.imports.contains_key(name) {
            return self.report(messages::unknown_path(span, &path));
        }
        let diag = self.unknown_name(id, name);
        self.report(diag)
    }

    /// K101 with the nearest name that could have been meant.
    pub(super) fn unknown_name(&self, id: ExprId, name: &Symbol) -> Diagnostic {
        let span = self.span(id);
        if let Some(plain) = self.ctx.ast.plain(name) {
            return messages::plain_python(span, plain);
        }
        // Names of the function first: they are what is misspelt most often.
        let local = super::suggest::nearest(name, self.var_names.iter().map(Symbol::as_str));
        let near = local.or_else(|| {
            let ctx = &self.ctx;
            let globals = ctx.constants.keys().chain(ctx.functions.keys()).chain(ctx.imports.keys());
            super::suggest::nearest(
                name,
                globals.map(Symbol::as_str).chain(builtins::names("").map(|name| name as &str)),
            )
        });
        messages::unknown_name(span, name, near)
    }
}

/// Modules whose names can be written.
pub(super) const MODULES: &[&str] =
    &["numpy", "numpy.random", "numpy.linalg", "math", "cmath", "numba", "kjit", "numba.types"];
