//! What is measured: `bench/peers/kernels.json` and `vector.json`, described in `bench/peers/README.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kjit::{ArgTy, ArrayTy, DType, Layout, Ty};
use serde::Deserialize;

/// Values of the names that formulas use.
pub(crate) type Sizes = BTreeMap<String, f64>;

/// A function of the kernel library with the arguments to call it with.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Definition {
    pub function: String,
    pub file: String,
    #[serde(default)]
    pub irregular: bool,
    pub args: Vec<ArgDefinition>,
    pub returns: Option<String>,
    /// `cache` and `large`; `l1`, `l2` and sometimes `dram` in `vector.json`.
    pub sizes: BTreeMap<String, Sizes>,
    pub check: Sizes,
    pub elements: Formula,
    /// A second call would do something else: arguments are restored before every call.
    #[serde(default)]
    pub fresh: bool,
    pub tolerance: serde_json::Value,
    /// What ratios should be at least: `"numba/kjit"` to a number.
    #[serde(default)]
    pub aims: BTreeMap<String, f64>,
}

/// One argument.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ArgDefinition {
    #[serde(rename = "type")]
    pub ty: String,
    pub value: Option<ScalarValue>,
    pub shape: Option<Vec<Formula>>,
    pub fill: Option<String>,
    #[serde(default)]
    pub written: bool,
    pub lo: Option<Formula>,
    pub hi: Option<Formula>,
    pub step: Option<Formula>,
    pub add: Option<f64>,
}

/// A scalar: a formula, or the two parts of a complex number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum ScalarValue {
    Real(Formula),
    Complex([f64; 2]),
}

/// A number, or `+ - * /`, parentheses and names: `"2 * n"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Formula {
    Number(f64),
    Text(String),
}

impl Definition {
    /// The types of its arguments, arrays C-contiguous.
    pub(crate) fn arg_types(&self) -> Vec<ArgTy> {
        self.args.iter().map(|arg| ArgTy::Given(arg.ty())).collect()
    }
}

impl ArgDefinition {
    /// Element type, and rank if it is an array.
    pub(crate) fn element(&self) -> (DType, Option<usize>) {
        let (name, axes) = self.ty.split_once('[').map_or((self.ty.as_str(), None), |(n, a)| (n, Some(a)));
        let dtype = match name {
            "bool" => DType::Bool,
            "u8" => DType::U8,
            "i64" => DType::I64,
            "f32" => DType::F32,
            "f64" => DType::F64,
            "c128" => DType::C128,
            other => panic!("kernels.json: unknown type {other}"),
        };
        (dtype, axes.map(|axes| axes.matches(':').count()))
    }

    fn ty(&self) -> Ty {
        match self.element() {
            (dtype, None) => Ty::Scalar(dtype),
            (dtype, Some(rank)) => {
                Ty::Array(ArrayTy { dtype, rank: rank as u8, layout: Layout::C, is_writable: self.written })
            }
        }
    }
}

/// Root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("bench/ is in the repository").to_owned()
}

/// The functions of the kernel library, in `kernels.json`.
pub(crate) fn definitions() -> Vec<Definition> {
    read("kernels.json")
}

/// Loops that vector instructions are for, in `vector.json`.
pub(crate) fn vector_definitions() -> Vec<Definition> {
    read("vector.json")
}

fn read(file: &str) -> Vec<Definition> {
    let path = root().join("bench/peers").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Formula {
    /// Its value.
    ///
    /// # Panics
    /// If the text is no formula over these names.
    pub(crate) fn value(&self, sizes: &Sizes) -> f64 {
        match self {
            Formula::Number(number) => *number,
            Formula::Text(text) => {
                let tokens: Vec<String> = tokens(text);
                let mut reader = Reader { tokens: &tokens, at: 0, sizes };
                let value = reader.sum();
                assert_eq!(reader.at, tokens.len(), "kernels.json: {text}");
                value
            }
        }
    }

    /// Its value as an extent.
    pub(crate) fn extent(&self, sizes: &Sizes) -> usize {
        self.value(sizes) as usize
    }
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut in_word = false;
    for c in text.chars() {
        let is_word = c.is_alphanumeric() || c == '_' || c == '.';
        match tokens.last_mut() {
            Some(last) if is_word && in_word => last.push(c),
            _ if c.is_whitespace() => {}
            _ => tokens.push(c.to_string()),
        }
        in_word = is_word;
    }
    tokens
}

struct Reader<'a> {
    tokens: &'a [String],
    at: usize,
    sizes: &'a Sizes,
}

impl Reader<'_> {
    fn take(&mut self, one_of: &str) -> Option<char> {
        let token = self.tokens.get(self.at)?;
        let c = token.chars().next().filter(|&c| token.len() == 1 && one_of.contains(c))?;
        self.at += 1;
        Some(c)
    }

    fn sum(&mut self) -> f64 {
        let mut value = self.product();
        while let Some(op) = self.take("+-") {
            let right = self.product();
            value = if op == '+' { value + right } else { value - right };
        }
        value
    }

    fn product(&mut self) -> f64 {
        let mut value = self.atom();
        while let Some(op) = self.take("*/") {
            let right = self.atom();
            value = if op == '*' { value * right } else { value / right };
        }
        value
    }

    fn atom(&mut self) -> f64 {
        if self.take("(").is_some() {
            let value = self.sum();
            assert!(self.take(")").is_some(), "kernels.json: a bracket is open");
            return value;
        }
        let token = self.tokens.get(self.at).expect("kernels.json: a formula ends early");
        self.at += 1;
        token.parse().unwrap_or_else(|_| {
            *self.sizes.get(token).unwrap_or_else(|| panic!("kernels.json: unknown size {token}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_arithmetic() {
        let sizes = Sizes::from([("n".into(), 6.0), ("per_row".into(), 4.0)]);
        let value = |text: &str| Formula::Text(text.into()).value(&sizes);
        assert_eq!(value("16 * n * per_row + 24 * n"), 528.0);
        assert_eq!(value("n * n * n / 3"), 72.0);
        assert_eq!(value("2 * (n - 1) - 1"), 9.0);
        assert_eq!(value("0"), 0.0);
    }

    #[test]
    fn every_definition_is_read() {
        let all = definitions();
        assert!(all.len() > 25);
        for definition in &all {
            assert!(definition.sizes.contains_key("cache") && definition.sizes.contains_key("large"));
            assert_eq!(definition.arg_types().len(), definition.args.len());
        }
        for definition in vector_definitions() {
            assert!(definition.sizes.contains_key("l1") && definition.sizes.contains_key("l2"));
            assert!(!definition.aims.is_empty());
        }
    }
}
