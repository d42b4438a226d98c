//! The syntax tree of one source file.
//!
//! Statements own their blocks; expressions live in one arena per file and are named by [`ExprId`], so that later
//! stages hang types and facts on them in side tables. Every node has a span. The parser never fails: after an
//! error it puts [`ExprKind::Error`] or leaves the statement out, and goes on.

use crate::base::{Diagnostic, PrimaryMap, Span, Symbol};

crate::define_id!(
    /// An expression of the file.
    ExprId, "e"
);
crate::define_id!(
    /// A statement of the file: the key of what inference says about it (types where paths join, dead branches).
    StmtId, "s"
);

/// A parsed file.
#[derive(Clone, Debug, Default)]
pub struct Ast {
    /// All expressions.
    pub exprs: PrimaryMap<ExprId, Expr>,
    /// Number of statements; ids run from 0.
    pub stmt_count: u32,
    /// Functions in source order.
    pub functions: Vec<Function>,
    /// `NAME = constant expression`, in source order.
    pub constants: Vec<ModuleConstant>,
    /// Definitions that Python runs and kernels cannot use, in a file whose kernels have decorators.
    pub plain: Vec<Plain>,
    /// What imports have bound: `np` -> `numpy`, `sqrt` -> `math.sqrt`, `prange` -> `numba.prange`.
    pub imports: Vec<Import>,
    /// The file's docstring.
    pub doc: Option<Symbol>,
}

/// A name bound by an import to a dotted path with the module's own name first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The name in this file.
    pub name: Symbol,
    /// `numpy`, `numpy.random`, `math.sqrt`, `numba.prange`, `kjit.f64`.
    pub path: Symbol,
    /// Of the clause.
    pub span: Span,
}

/// `NAME = value` or `NAME: type = value` at module level.
#[derive(Clone, Debug)]
pub struct ModuleConstant {
    /// The name.
    pub name: Name,
    /// The value.
    pub value: ExprId,
}

/// A class, function or constant beside kernels, written in Python that kernels do not have.
#[derive(Clone, Debug)]
pub struct Plain {
    /// Its name.
    pub name: Name,
    /// The first thing in it that kernels do not have.
    pub why: Diagnostic,
}

/// A name where it is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The text.
    pub name: Symbol,
    /// Its place.
    pub span: Span,
}

/// `def name(params) -> returns: body`.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// Decorators, outermost first.
    pub decorators: Vec<ExprId>,
    /// Parameters in order.
    pub params: Vec<Param>,
    /// Return annotation.
    pub returns: Option<ExprId>,
    /// The statements after the docstring.
    pub body: Block,
    /// The docstring, indentation removed.
    pub doc: Option<Symbol>,
    /// From `def` (or the first decorator) to the end of the body.
    pub span: Span,
    /// `def name(...)` up to the colon.
    pub head_span: Span,
    /// No decorator says that it is compiled, though one of another function of the file does: plain Python, unless a kernel calls it.
    pub is_beside_kernels: bool,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// `: annotation`.
    pub annotation: Option<ExprId>,
    /// `= default`.
    pub default: Option<ExprId>,
    /// After a bare `*`: by keyword only.
    pub is_keyword_only: bool,
}

/// Statements in order.
pub type Block = Vec<Stmt>;

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// Its number in the file.
    pub id: StmtId,
    /// What it is.
    pub kind: StmtKind,
    /// Its place: for compound statements, the head up to the colon.
    pub span: Span,
}

/// The kinds of statements.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// An expression for its effect: a call.
    Expr(ExprId),
    /// `a = b = value`: targets left to right. A target is a `Name`, `Index`, `Attribute`, `Tuple` or `List` expression.
    Assign {
        /// At least one.
        targets: Vec<ExprId>,
        /// Evaluated first.
        value: ExprId,
    },
    /// `target: annotation = value`; the value may be missing.
    AnnAssign {
        /// A name.
        target: ExprId,
        /// The type.
        annotation: ExprId,
        /// The value, if given.
        value: Option<ExprId>,
    },
    /// `target op= value`.
    AugAssign {
        /// `Name` or `Index`.
        target: ExprId,
        /// The operator.
        op: BinaryOp,
        /// The right side.
        value: ExprId,
    },
    /// `if`; `elif` is an `If` alone in `orelse`.
    If {
        /// Its condition.
        cond: ExprId,
        /// Then.
        body: Block,
        /// Else.
        orelse: Block,
    },
    /// `while`.
    While {
        /// Tested before each iteration.
        cond: ExprId,
        /// The body.
        body: Block,
        /// `else:`, run when the condition turned false.
        orelse: Block,
    },
    /// `for target in iter`.
    For {
        /// Name or (nested) tuple of names.
        target: ExprId,
        /// `range(...)`, `prange(...)`, an array, `enumerate(...)`, `zip(...)`, a tuple.
        iter: ExprId,
        /// The body.
        body: Block,
        /// `else:`, run when the loop was not left by `break`.
        orelse: Block,
    },
    /// `return value`.
    Return(Option<ExprId>),
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `pass`, `...`, a string alone.
    Pass,
    /// `raise value`.
    Raise(Option<ExprId>),
    /// `assert cond, message`.
    Assert {
        /// Must be true.
        cond: ExprId,
        /// The message.
        message: Option<ExprId>,
    },
    /// `del a, b`.
    Del(Vec<ExprId>),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its place, without surrounding parentheses.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A name.
    Name(Symbol),
    /// A literal.
    Literal(Literal),
    /// `f"..."`.
    FString(Vec<FStringPiece>),
    /// `left op right`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        left: ExprId,
        /// Right operand.
        right: ExprId,
    },
    /// `op operand`.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// The operand.
        operand: ExprId,
    },
    /// `a and b and c`, `a or b`: at least two values.
    Bool {
        /// `and` or `or`.
        op: BoolOp,
        /// The operands.
        values: Vec<ExprId>,
    },
    /// `a < b <= c`: one operator per further operand.
    Compare {
        /// The first operand.
        first: ExprId,
        /// The others, each with the operator before it.
        rest: Vec<(CompareOp, ExprId)>,
    },
    /// `body if cond else orelse`.
    IfElse {
        /// The condition.
        cond: ExprId,
        /// If true.
        body: ExprId,
        /// If false.
        orelse: ExprId,
    },
    /// `callee(args, name=value)`.
    Call {
        /// A `Name` or `Attribute`.
        callee: ExprId,
        /// Positional arguments.
        args: Vec<ExprId>,
        /// Keyword arguments.
        keywords: Vec<(Name, ExprId)>,
    },
    /// `base.name`.
    Attribute {
        /// The base.
        base: ExprId,
        /// The name.
        name: Name,
    },
    /// `base[index, ...]`: one entry per comma-separated index.
    Index {
        /// The base.
        base: ExprId,
        /// The indices; `Slice`, `Ellipsis` and `None` literals may stand here.
        indices: Vec<ExprId>,
    },
    /// `start:stop:step` inside an index.
    Slice {
        /// Start.
        start: Option<ExprId>,
        /// Stop.
        stop: Option<ExprId>,
        /// Step.
        step: Option<ExprId>,
    },
    /// `(a, b)`, `a, b`, `()`.
    Tuple(Vec<ExprId>),
    /// `[a, b]`: parsed so that later stages can say what to write instead; also shapes and unpacking targets.
    List(Vec<ExprId>),
    /// A part that could not be parsed; an error was reported.
    Error,
}

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `None`.
    None,
    /// `True`, `False`.
    Bool(bool),
    /// An integer from 0 to 2^64 - 1 (the sign is a unary operator). Larger ones are K005.
    Int(u64),
    /// A float.
    Float(f64),
    /// `2j`.
    Imaginary(f64),
    /// A string, escapes resolved, adjacent ones joined.
    Str(Symbol),
    /// `...`.
    Ellipsis,
}

/// A piece of an f-string.
#[derive(Clone, Debug)]
pub enum FStringPiece {
    /// Literal text.
    Text(Symbol),
    /// `{value!r:spec}`, `{value=}` (whose text is a `Text` before it).
    Value {
        /// The expression.
        value: ExprId,
        /// `!r`, `!s`, `!a`.
        conversion: Option<char>,
        /// After the colon, verbatim; nested fields are K202.
        spec: Symbol,
    },
}

/// Binary operators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    MatMul,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
}

impl BinaryOp {
    /// As written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::FloorDiv => "//",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "**",
            BinaryOp::MatMul => "@",
            BinaryOp::BitAnd => "&",
            BinaryOp::BitOr => "|",
            BinaryOp::BitXor => "^",
            BinaryOp::Shl => "<<",
            BinaryOp::Shr => ">>",
        }
    }
}

/// Unary operators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum UnaryOp {
    Neg,
    Pos,
    Invert,
    Not,
}

/// `and`, `or`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum BoolOp {
    And,
    Or,
}

/// Comparison operators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Is,
    IsNot,
    In,
    NotIn,
}

impl Ast {
    /// The function of that name; the last definition wins.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().rev().find(|f| f.name.name == name)
    }

    /// The definition of that name which is plain Python.
    #[must_use]
    pub fn plain(&self, name: &str) -> Option<&Plain> {
        self.plain.iter().rev().find(|plain| plain.name.name == name)
    }
}
