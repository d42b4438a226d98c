//! The tokens of a source file: their kinds, recognised by logos, and their words for messages.
//!
//! Layout (`Indent`, `Dedent`, the `Newline` that ends a logical line) is not regular and is added by `lexer`, as
//! are the ends of string literals.

use logos::Logos;

use crate::base::Span;

/// A token: what it is and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Tok,
    /// Its place; empty for `Dedent` and `Eof`.
    pub span: Span,
}

/// The kinds of tokens.
#[derive(Logos, Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[logos(skip r"[ \t\x0C]+")]
#[allow(missing_docs)]
pub enum Tok {
    // Layout. `Newline` comes out of logos for every line end; the lexer keeps those that end a logical line.
    #[regex(r"\r\n|\n|\r")]
    Newline,
    Indent,
    Dedent,
    Eof,
    /// A place whose error the lexer has reported.
    Error,
    #[regex(r"#[^\r\n]*", allow_greedy = true)]
    Comment,
    #[regex(r"\\(\r\n|\n|\r)")]
    Continuation,

    // Names and literals.
    #[regex(r"[A-Za-z_][0-9A-Za-z_]*")]
    Name,
    /// Never leaves the lexer, which makes a `Name` of it and what follows, or reports it.
    #[regex(r"[^\x00-\x7F]")]
    NonAscii,
    #[regex(r"[0-9](_?[0-9])*")]
    #[regex(r"0[xX](_?[0-9a-fA-F])+")]
    #[regex(r"0[oO](_?[0-7])+")]
    #[regex(r"0[bB](_?[01])+")]
    Int,
    #[regex(r"[0-9](_?[0-9])*\.([0-9](_?[0-9])*)?([eE][+-]?[0-9](_?[0-9])*)?")]
    #[regex(r"\.[0-9](_?[0-9])*([eE][+-]?[0-9](_?[0-9])*)?")]
    #[regex(r"[0-9](_?[0-9])*[eE][+-]?[0-9](_?[0-9])*")]
    Float,
    /// A number with the suffix `j`.
    Imaginary,
    /// A whole string literal; logos finds its prefix and first quote.
    #[regex(r#"([rRuU]|[bB][rR]?|[fF][rR]?|[rR][bBfF])?['"]"#)]
    Str,
    FString,
    Bytes,

    // Keywords.
    #[token("and")]
    And,
    #[token("as")]
    As,
    #[token("assert")]
    Assert,
    #[token("async")]
    Async,
    #[token("await")]
    Await,
    #[token("break")]
    Break,
    #[token("class")]
    Class,
    #[token("continue")]
    Continue,
    #[token("def")]
    Def,
    #[token("del")]
    Del,
    #[token("elif")]
    Elif,
    #[token("else")]
    Else,
    #[token("except")]
    Except,
    #[token("False")]
    False,
    #[token("finally")]
    Finally,
    #[token("for")]
    For,
    #[token("from")]
    From,
    #[token("global")]
    Global,
    #[token("if")]
    If,
    #[token("import")]
    Import,
    #[token("in")]
    In,
    #[token("is")]
    Is,
    #[token("lambda")]
    Lambda,
    #[token("None")]
    None,
    #[token("nonlocal")]
    Nonlocal,
    #[token("not")]
    Not,
    #[token("or")]
    Or,
    #[token("pass")]
    Pass,
    #[token("raise")]
    Raise,
    #[token("return")]
    Return,
    #[token("True")]
    True,
    #[token("try")]
    Try,
    #[token("while")]
    While,
    #[token("with")]
    With,
    #[token("yield")]
    Yield,

    // Brackets and separators.
    #[token("(")]
    LParen,
    #[token(")")]
    RParen,
    #[token("[")]
    LBracket,
    #[token("]")]
    RBracket,
    #[token("{")]
    LBrace,
    #[token("}")]
    RBrace,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token(";")]
    Semicolon,
    #[token(".")]
    Dot,
    #[token("...")]
    Ellipsis,
    #[token("->")]
    Arrow,

    // Operators.
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("//")]
    SlashSlash,
    #[token("%")]
    Percent,
    #[token("**")]
    StarStar,
    #[token("@")]
    At,
    #[token("&")]
    Amp,
    #[token("|")]
    Pipe,
    #[token("^")]
    Caret,
    #[token("~")]
    Tilde,
    #[token("<<")]
    Shl,
    #[token(">>")]
    Shr,
    #[token("<")]
    Lt,
    #[token("<=")]
    Le,
    #[token(">")]
    Gt,
    #[token(">=")]
    Ge,
    #[token("==")]
    EqEq,
    #[token("!=")]
    NotEq,
    #[token("=")]
    Assign,
    #[token(":=")]
    ColonAssign,
    #[token("+=")]
    PlusAssign,
    #[token("-=")]
    MinusAssign,
    #[token("*=")]
    StarAssign,
    #[token("/=")]
    SlashAssign,
    #[token("//=")]
    SlashSlashAssign,
    #[token("%=")]
    PercentAssign,
    #[token("**=")]
    StarStarAssign,
    #[token("@=")]
    AtAssign,
    #[token("&=")]
    AmpAssign,
    #[token("|=")]
    PipeAssign,
    #[token("^=")]
    CaretAssign,
    #[token("<<=")]
    ShlAssign,
    #[token(">>=")]
    ShrAssign,

    // Other languages' operators, for good messages.
    #[token("&&")]
    AmpAmp,
    #[token("||")]
    PipePipe,
    #[token("!")]
    Bang,
}

impl Tok {
    /// Is it a reserved word?
    #[must_use]
    pub fn is_keyword(self) -> bool {
        (Tok::And as u8..=Tok::Yield as u8).contains(&(self as u8))
    }

    /// Can an expression begin with it?
    #[must_use]
    pub fn starts_expr(self) -> bool {
        matches!(
            self,
            Tok::Name
                | Tok::Int
                | Tok::Float
                | Tok::Imaginary
                | Tok::Str
                | Tok::FString
                | Tok::Bytes
                | Tok::True
                | Tok::False
                | Tok::None
                | Tok::Ellipsis
                | Tok::LParen
                | Tok::LBracket
                | Tok::LBrace
                | Tok::Plus
                | Tok::Minus
                | Tok::Tilde
                | Tok::Not
                | Tok::Lambda
                | Tok::Await
                | Tok::Yield
        )
    }

    /// May the next expression follow with nothing in between, as in `print x`?
    #[must_use]
    pub fn starts_operand(self) -> bool {
        matches!(
            self,
            Tok::Name
                | Tok::Int
                | Tok::Float
                | Tok::Imaginary
                | Tok::Str
                | Tok::FString
                | Tok::True
                | Tok::False
        )
    }
}

impl Token {
    /// The token in the words of a message: `` `+` ``, ``name `x` ``, `end of line`.
    #[must_use]
    pub fn describe(self, source: &str) -> String {
        let text = self.span.text(source);
        match self.kind {
            Tok::Newline => "the end of the line".to_owned(),
            Tok::Indent | Tok::Dedent => "a change of indentation".to_owned(),
            Tok::Eof => "the end of the file".to_owned(),
            Tok::Str | Tok::FString | Tok::Bytes => "a string".to_owned(),
            Tok::Int | Tok::Float | Tok::Imaginary => format!("number `{}`", shortened(text)),
            Tok::Name => format!("name `{}`", shortened(text)),
            _ => format!("`{}`", shortened(text)),
        }
    }
}

/// At most 40 characters of a text, for messages.
#[must_use]
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text.to_owned(),
    }
}
