//! Python beside kernels: set aside where decorators say what is compiled, and only there.

use super::super::parse;

/// A script as it is written for Numba; line 1 comes from the test.
const SCRIPT: &str = r#"
import matplotlib.pyplot as plt
from helpers import *

TABLE = {"a": 1}
LIMIT = 10
HUGE: int = 123456789012345678901234567890

class Model:
    def __init__(self, *args):
        self.x = [i for i in args]

def plot(values, *, title="a\N{DEGREE SIGN}"):
    import time
    with open("f") as f:
        try:
            print(f"{values!r:>{LIMIT}}", file=f)
        except (OSError, ValueError) as e:
            raise RuntimeError from e
        finally:
            del values

async def load():
    return await other()

def plain(x):
    return x + 1

try:
    import cupy
except ImportError:
    cupy = None

for k in TABLE:
    plot(k)
plt.show()
"#;

fn script(kernel: &str) -> String {
    format!("{kernel}{SCRIPT}")
}

const KERNEL: &str = "from numba import njit\n@njit\ndef twice(x):\n    return 2 * x\n";

fn names<'s>(names: impl Iterator<Item = &'s crate::syntax::ast::Name>) -> Vec<&'s str> {
    names.map(|name| name.name.as_str()).collect()
}

#[test]
fn python_beside_kernels_is_set_aside() {
    let source = script(KERNEL);
    let (ast, diagnostics) = parse(&source);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    assert_eq!(names(ast.functions.iter().map(|function| &function.name)), ["twice", "plain"]);
    assert_eq!(names(ast.constants.iter().map(|constant| &constant.name)), ["LIMIT"]);
    assert_eq!(names(ast.plain.iter().map(|plain| &plain.name)), ["TABLE", "HUGE", "Model", "plot", "load"]);
    assert!(!ast.functions[0].is_beside_kernels && ast.functions[1].is_beside_kernels);
    let why: Vec<&str> = ast.plain.iter().map(|plain| plain.why.message.as_str()).collect();
    assert_eq!(
        why,
        [
            "kernels have no dictionaries and sets",
            "integer that does not fit into 64 bits",
            "kernels have no classes",
            "characters by name in a string",
            "kernels have no `async`"
        ]
    );
}

#[test]
fn every_way_to_name_a_decorator() {
    for decorator in
        ["nb.njit(parallel=True)", "numba.jit", "njit", "cuda.jit(device=True)", "jit()", "kj.anything"]
    {
        let source = script(&format!(
            "import numba as nb, kjit as kj\nfrom numba import cuda\n@{decorator}\ndef twice(x):\n    return 2 * x\n"
        ));
        let (_, diagnostics) = parse(&source);
        assert!(diagnostics.is_empty(), "{decorator}: {diagnostics:#?}");
    }
}

#[test]
fn without_decorators_every_function_is_meant_to_be_compiled() {
    for kernel in
        ["", "def twice(x):\n    return 2 * x\n", "@functools.cache\ndef twice(x):\n    return 2 * x\n"]
    {
        let source = script(kernel);
        let (ast, diagnostics) = parse(&source);
        assert!(ast.plain.is_empty());
        let mut codes: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code.name()).collect();
        codes.dedup();
        for code in ["K005", "K201", "K202", "K204"] {
            assert!(codes.contains(&code), "{code} is not in {codes:?}");
        }
        let lines: Vec<usize> =
            diagnostics.iter().map(|found| found.primary.span.line_column(&source).0).collect();
        assert!(lines.is_sorted(), "{lines:?}");
    }
}

#[test]
fn kernels_and_what_is_no_python_stay_errors() {
    let source = format!(
        "{KERNEL}@njit\ndef f(x):\n    return [i for i in x]\n\ndef g(x):\n    y = lambda: x\n    return x +\n"
    );
    let (ast, diagnostics) = parse(&source);
    let found: Vec<String> = diagnostics
        .iter()
        .map(|found| format!("{} {}", found.primary.span.line_column(&source).0, found.code))
        .collect();
    assert_eq!(found, ["7 K202", "11 K004"]);
    assert_eq!(names(ast.plain.iter().map(|plain| &plain.name)), ["g"]);
}
