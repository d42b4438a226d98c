//! Text: `print`, `raise`, messages of assertions, f-strings.

use super::context::{Context, Res, hole};
use super::value::Value;
use crate::base::{Code, Symbol};
use crate::infer::table::{ArgSource, CallPlan};
use crate::ir::trap::MAX_TRAP_ARGS;
use crate::ir::{ExprId, Message, Piece, Stmt};
use crate::numerics::format::FormatSpec;
use crate::syntax::ast::{ExprId as AstId, ExprKind as AstKind, FStringPiece, Literal};
use crate::types::{DType, Ty};

/// A text under construction: neighbouring fixed parts are one piece.
#[derive(Default)]
struct Text {
    pieces: Vec<Piece>,
    pending: String,
    args: Vec<ExprId>,
}

impl Text {
    fn push_str(&mut self, text: &str) {
        self.pending.push_str(text);
    }

    fn push_value(&mut self, piece: Piece, args: impl IntoIterator<Item = ExprId>) {
        self.flush();
        self.pieces.push(piece);
        self.args.extend(args);
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.pieces.push(Piece::Text(std::mem::take(&mut self.pending).into()));
        }
    }

    fn finish(mut self) -> (Vec<Piece>, Vec<ExprId>) {
        self.flush();
        (self.pieces, self.args)
    }
}

impl Context<'_, '_> {
    /// `print(a, b, ..., sep=" ", end="\n")`.
    pub(super) fn print(&mut self, expr: AstId, plan: &CallPlan) -> Res<Value> {
        let (mut separator, mut end): (Symbol, Symbol) = (" ".into(), "\n".into());
        if let AstKind::Call { keywords, .. } = &self.node(expr).kind {
            for (name, value) in keywords {
                let target = match name.name.as_str() {
                    "sep" => &mut separator,
                    "end" => &mut end,
                    _ => continue,
                };
                if let Value::Str(text) = self.value(*value)? {
                    *target = text;
                }
            }
        }
        let mut text = Text::default();
        for (i, arg) in plan.args.iter().enumerate() {
            if i > 0 {
                text.push_str(&separator);
            }
            match arg {
                ArgSource::Expr(expr) => self.show(*expr, &mut text)?,
                ArgSource::Const(value) => {
                    let value = self.constant(value)?;
                    self.show_value(value, "", false, &mut text)?;
                }
                ArgSource::Absent => {}
            }
        }
        // Lines reach the host whole, without the last newline.
        let is_open = !end.ends_with('\n');
        text.push_str(end.strip_suffix('\n').unwrap_or(&end));
        let (pieces, args) = text.finish();
        let message = self.shared.program.messages.push(Message { pieces, is_open });
        self.emit(Stmt::Print { message, args });
        Ok(Value::None)
    }

    /// `raise ValueError("...")`.
    pub(super) fn raise(&mut self, value: Option<AstId>) -> Res<()> {
        let Some(value) = value else { return Err(self.bug("`raise` of nothing")) };
        let (name, args): (AstId, &[AstId]) = match &self.node(value).kind {
            AstKind::Call { callee, args, .. } => (*callee, args),
            _ => (value, &[]),
        };
        let exception: Symbol = match &self.node(name).kind {
            AstKind::Name(name) => name.clone(),
            AstKind::Attribute { name, .. } => name.name.clone(),
            _ => return Err(self.bug("`raise` of something without a name")),
        };
        let mut text = Text::default();
        match args {
            [] => {}
            [only] => self.show(*only, &mut text)?,
            // Several arguments show as the tuple that they are.
            many => {
                text.push_str("(");
                for (i, &arg) in many.iter().enumerate() {
                    if i > 0 {
                        text.push_str(", ");
                    }
                    self.show_repr(arg, &mut text)?;
                }
                text.push_str(")");
            }
        }
        let (pieces, args) = self.fitting(text);
        let trap = self.trap(Code::K707, &exception, pieces);
        self.emit(Stmt::Raise { trap, args });
        Ok(())
    }

    /// A message and its values.
    pub(super) fn message_pieces(&mut self, message: AstId) -> Res<(Vec<Piece>, Vec<ExprId>)> {
        let mut text = Text::default();
        self.show(message, &mut text)?;
        Ok(self.fitting(text))
    }

    /// Is the message known at compile time?
    pub(super) fn is_plain_text(&self, message: AstId) -> bool {
        match &self.node(message).kind {
            AstKind::Literal(Literal::Str(_)) => true,
            AstKind::FString(pieces) => pieces.iter().all(|piece| matches!(piece, FStringPiece::Text(_))),
            _ => false,
        }
    }

    /// Errors carry a limited number of values: what comes after is left out.
    fn fitting(&self, text: Text) -> (Vec<Piece>, Vec<ExprId>) {
        let (pieces, mut args) = text.finish();
        let mut used = 0;
        let mut kept = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let needs = match &piece {
                Piece::Text(_) => 0,
                Piece::Value { dtype, .. } => dtype.lanes(),
            };
            if used + needs > MAX_TRAP_ARGS {
                kept.push(Piece::Text("...".into()));
                break;
            }
            used += needs;
            kept.push(piece);
        }
        args.truncate(used);
        (kept, args)
    }

    /// An expression as `str()` shows it.
    fn show(&mut self, expr: AstId, text: &mut Text) -> Res<()> {
        match &self.node(expr).kind {
            AstKind::FString(pieces) => {
                for piece in pieces {
                    match piece {
                        FStringPiece::Text(piece) => text.push_str(piece),
                        FStringPiece::Value { value, conversion, spec } => {
                            if conversion.is_some() && !spec.is_empty() {
                                self.show_padded(*value, *conversion != Some('s'), spec, text)?;
                                continue;
                            }
                            if conversion.is_some() && *conversion != Some('s') {
                                self.show_repr(*value, text)?;
                                continue;
                            }
                            let mark = self.mark();
                            let value = self.value(*value)?;
                            // Formatting goes through Python's own numbers, which are double.
                            let value = match (value, conversion) {
                                (Value::Real(expr), None) if self.ty(expr) == DType::F32 => {
                                    Value::Real(self.cast(expr, DType::F64))
                                }
                                (value @ Value::Complex(..), None) => self.with_dtype(value, DType::C128)?,
                                (value, _) => value,
                            };
                            self.hold_shown(text, mark);
                            self.show_value(value, spec, false, text)?;
                        }
                    }
                }
                Ok(())
            }
            _ => {
                let mark = self.mark();
                let value = self.value(expr)?;
                self.hold_shown(text, mark);
                self.show_value(value, "", false, text)
            }
        }
    }

    /// Values shown before are computed before what follows has effects.
    fn hold_shown(&mut self, text: &mut Text, mark: (usize, u32)) {
        if self.effects == mark.1 {
            return;
        }
        let args = std::mem::take(&mut text.args);
        for arg in args {
            let value = self.order(mark, Value::Real(arg));
            if let Value::Real(expr) = value {
                text.args.push(expr);
            }
        }
    }

    /// An expression as `repr()` shows it.
    fn show_repr(&mut self, expr: AstId, text: &mut Text) -> Res<()> {
        if let AstKind::FString(_) = &self.node(expr).kind {
            text.push_str("'");
            self.show(expr, text)?;
            text.push_str("'");
            return Ok(());
        }
        let mark = self.mark();
        let value = self.value(expr)?;
        self.hold_shown(text, mark);
        self.show_value(value, "", true, text)
    }

    /// The text of a value, formatted as a string: `{x!r:>8}`.
    fn show_padded(&mut self, expr: AstId, is_repr: bool, spec: &str, text: &mut Text) -> Res<()> {
        let mark = self.mark();
        let value = self.value(expr)?;
        self.hold_shown(text, mark);
        let known = match &value {
            Value::None => Some("None".to_owned()),
            Value::Str(piece) if is_repr => Some(format!("'{piece}'")),
            Value::Str(piece) => Some(piece.to_string()),
            Value::Real(_) | Value::Complex(..) | Value::Tuple(_) | Value::Array(_) | Value::Rng(_) => None,
        };
        match known {
            Some(known) => self.show_value(Value::Str(known.into()), spec, false, text),
            None => {
                let spec = if spec.ends_with('s') { spec.to_owned() } else { format!("{spec}s") };
                self.show_value(value, &spec, is_repr, text)
            }
        }
    }

    fn show_value(&mut self, value: Value, spec: &str, is_repr: bool, text: &mut Text) -> Res<()> {
        match value {
            Value::None => text.push_str("None"),
            Value::Str(piece) if !spec.is_empty() => {
                let padded = FormatSpec::parse(spec).and_then(|spec| spec.format_str(&piece));
                text.push_str(&padded.map_err(|error| self.bug(error))?);
            }
            Value::Str(piece) if is_repr => text.push_str(&format!("'{piece}'")),
            Value::Str(piece) => text.push_str(&piece),
            Value::Real(expr) => {
                let piece = Piece::Value { dtype: self.ty(expr), spec: spec.into() };
                text.push_value(piece, [expr]);
            }
            Value::Complex(re, im) => {
                let dtype = match self.value_ty(&Value::Complex(re, im)) {
                    Ty::Scalar(dtype) => dtype,
                    _ => DType::C128,
                };
                let piece =
                    if spec.is_empty() { hole(dtype) } else { Piece::Value { dtype, spec: spec.into() } };
                text.push_value(piece, [re, im]);
            }
            Value::Tuple(items) => {
                let is_single = items.len() == 1;
                text.push_str("(");
                for (i, item) in items.into_iter().enumerate() {
                    if i > 0 {
                        text.push_str(", ");
                    }
                    self.show_value(item, "", true, text)?;
                }
                text.push_str(if is_single { ",)" } else { ")" });
            }
            Value::Array(array) if self.array_ty(array).rank == 0 => {
                let element = self.only_element(array);
                self.show_value(element, spec, is_repr, text)?;
            }
            Value::Array(_) | Value::Rng(_) => return Err(self.bug("a value that cannot be shown")),
        }
        Ok(())
    }
}
