//! Diagnostics as values: what is said and where, independent of how it is shown.

use serde::{Deserialize, Serialize};

use super::{Code, Span};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// The program cannot be compiled or run.
    Error,
    /// It runs, and what it does is right, but the user should know.
    Warning,
}

/// One place and what is to be seen there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Label {
    /// The narrowest place.
    pub span: Span,
    /// A few words; lower case, no full stop.
    pub text: String,
}

/// One screen: a message, the narrowest place, at most two more places, at most three notes, one help.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Its page.
    pub code: Code,
    /// The situation; lower case, no full stop, names in backticks.
    pub message: String,
    /// The narrowest guilty place.
    pub primary: Label,
    /// Further places.
    pub labels: Vec<Label>,
    /// Facts that help to understand.
    pub notes: Vec<String>,
    /// One concrete edit.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place; add what is to be seen there with [`Diagnostic::primary`].
    #[must_use]
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            primary: Label { span, text: String::new() },
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// Words for the primary place.
    #[must_use]
    pub fn primary(mut self, text: impl Into<String>) -> Diagnostic {
        self.primary.text = text.into();
        self
    }

    /// One more place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// One more fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(text.into());
        self
    }

    /// The way out.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(text.into());
        self
    }

    /// Is it an error?
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
