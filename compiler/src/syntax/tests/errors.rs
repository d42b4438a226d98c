//! What the parser says, for each mistake that it knows: code, line and column, message, label, notes, help.

use super::super::parse;

/// One line per diagnostic.
fn compact(source: &str) -> String {
    let (_, diagnostics) = parse(source);
    let line = |diagnostic: &crate::base::Diagnostic| {
        let (line, column) = diagnostic.primary.span.line_column(source);
        let shown = diagnostic.primary.span.text(source);
        let mut text = format!("{} {line}:{column} `{shown}`: {}", diagnostic.code, diagnostic.message);
        if !diagnostic.primary.text.is_empty() {
            text += &format!(" [{}]", diagnostic.primary.text);
        }
        for label in &diagnostic.labels {
            let (line, column) = label.span.line_column(source);
            text += &format!(" ({line}:{column} {})", label.text);
        }
        for note in &diagnostic.notes {
            text += &format!(" / note: {note}");
        }
        if let Some(help) = &diagnostic.help {
            text += &format!(" / help: {help}");
        }
        text
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn check(table: &[(&str, &str)]) {
    for (source, expected) in table {
        assert_eq!(compact(source), *expected, "{source}");
    }
}

#[test]
fn characters() {
    check(&[
        ("def f(x, y):\n    x = 5 $ 3\n", "K001 2:11 `$`: unexpected character `$`"),
        ("def f(x, y):\n    x = a ? b : c\n", "K001 2:11 `?`: unexpected character `?`"),
        ("def f(x, y):\n    x = `a`\n", "K001 2:9 ```: unexpected character ``` / help: write `'`"),
        ("def f(x, y):\n    x = a − b\n", "K001 2:11 `−`: unexpected character `−` / help: write `-`"),
        ("def f(x, y):\n    x = “a”\n", "K001 2:9 `“`: unexpected character `“` / help: write `\"`"),
        (
            "def f(x, y):\n    x =\u{A0}1\n",
            "K001 2:8 `\u{A0}`: unexpected character U+00A0 [looks like a space] / help: replace it by a space, or delete it",
        ),
        (
            "def f(x, y):\n    x = a \\ b\n",
            "K001 2:11 `\\`: unexpected character `\\` / help: nothing may follow `\\` at the end of a line",
        ),
        ("def f(x, y):\n    x = y²\n", "K001 2:10 `²`: unexpected character `²` / help: write `**2`"),
        ("x = 1\\\n", "K004 1:6 `\\`: the file ends after `\\` / help: delete the `\\`"),
        (
            "def f(x, y):\n    x = '\\x4'\n",
            "K001 2:10 `\\x4`: escape that ends too early [`\\x` takes 2 hexadecimal digits] / help: write `\\\\` for a backslash",
        ),
        ("def f(x, y):\n    x = '\\ud800'\n", "K001 2:10 `\\ud800`: escape that names no character"),
        (
            "def f(x, y):\n    x = f'{x # c}'\n",
            "K001 2:14 `#`: `#` inside a replacement field / help: compute the value in a variable before the string",
        ),
    ]);
}

#[test]
fn brackets_and_strings() {
    check(&[
        ("def f(x, y):\n    y = (x + 1\n    return y\n", "K002 2:9 `(`: `(` is never closed [opened here]"),
        (
            "def f(x, y):\n    y = [x, (1, 2]\n    return y\n",
            "K002 2:13 `(`: `(` is never closed [opened here]",
        ),
        (
            "def f(x, y):\n    y = (x]\n    return y\n",
            "K002 2:11 `]`: `]` does not close `(` (2:9 opened here)",
        ),
        (
            "def f(x, y):\n    y = x + 1)\n    return y\n",
            "K004 2:14 `)`: expected the end of the line, found `)` [nothing to close]",
        ),
        ("def f(x,\n      y:\n    return x\n", "K002 1:6 `(`: `(` is never closed [opened here]"),
        (
            "def f(x, y):\n    y = g(x,\n          2\n    z = 3\n",
            "K002 2:10 `(`: `(` is never closed [opened here]",
        ),
        (
            "def f(x, y):\n    y = 'abc\n    return y\n",
            "K002 2:9 `'`: this string is never closed with `'` / help: close it on this line, or use '''",
        ),
        (
            "def f(x, y):\n    y = '''abc\n    return y\n",
            "K002 2:9 `'''`: this string is never closed with `'''` [it takes in the rest of the file]",
        ),
        (
            "def f(x, y):\n    y = f'{x'\n    return y\n",
            "K002 2:11 `{`: `{` is never closed in an f-string [opened here] / help: write `{{` for a brace in the text",
        ),
        (
            "def f(x, y):\n    y = f'{x!z}'\n",
            "K004 2:13 `!`: unknown conversion in a replacement field / help: write `!r`, `!s` or `!a`, or nothing",
        ),
        (
            "def f(x, y):\n    y = f'}'\n",
            "K004 2:11 `}`: `}` without `{` in an f-string / help: write `}}` for a brace in the text",
        ),
        (
            "def f(x, y):\n    y = f'{}'\n",
            "K004 2:12 ``: replacement field without a value / help: write `{{` and `}}` for braces in the text",
        ),
        (
            "def f(x, y):\n    y = f'{x:{y}}'\n",
            "K202 2:14 `{`: replacement field inside a format specification / help: write the width and the precision as numbers",
        ),
        ("def f(x, y):\n    y = f'{(x}'\n", "K002 2:12 `(`: `(` is never closed [opened here]"),
        ("def f(x, y):\n    y = f'{x y}'\n", "K004 2:14 `y`: expected `}`, found name `y`"),
    ]);
}

#[test]
fn indentation() {
    check(&[
        (
            "def f(x, y):\n    if x:\n    pass\n",
            "K003 2:5 `if x`: `if` needs an indented block / help: indent the lines of the block by 4 spaces, or write `pass` for an empty one",
        ),
        (
            "def f(x, y):\n    if x:\n        y = 1\n      z = 1\n",
            "K003 4:1 `      `: this indentation matches no line above [6 columns] / help: indent by 4 columns, or as far as the block above",
        ),
        (
            "def f(x, y):\n    y = 1\n        z = 2\n",
            "K003 3:1 `        `: this line is indented without a reason / help: indent it like the line before",
        ),
        (
            "def f(x):\n        y = 1\n\tz = 2\n",
            "K003 3:1 `\t`: tabs and spaces are mixed in the indentation [how deep this is depends on the width of a tab] / help: indent with spaces only",
        ),
        (
            "def f():\n\ndef g():\n    pass\n",
            "K003 1:1 `def f()`: `def` needs an indented block / help: indent the lines of the block by 4 spaces, or write `pass` for an empty one",
        ),
        (
            "  x = 1\n",
            "K003 1:1 `  `: this line is indented without a reason / help: indent it like the line before",
        ),
        (
            "def f(x, y):\n    for i in x:\n        # nothing\n    return y\n",
            "K003 2:5 `for i in x`: `for` needs an indented block / help: indent the lines of the block by 4 spaces, or write `pass` for an empty one",
        ),
        (
            "def f(x, y):\n    while x:\n    else:\n        pass\n",
            "K003 2:5 `while x`: `while` needs an indented block / help: indent the lines of the block by 4 spaces, or write `pass` for an empty one",
        ),
    ]);
}

#[test]
fn tokens() {
    check(&[
        ("def f(x)\n    return x\n", "K004 1:9 ``: missing `:` after `def` [write `:` here]"),
        (
            "def f(x, y):\n    if x > 0\n        y = 1\n",
            "K004 2:13 ``: missing `:` after `if` [write `:` here]",
        ),
        (
            "def f(x, y):\n    while x\n        y = 1\n",
            "K004 2:12 ``: missing `:` after `while` [write `:` here]",
        ),
        (
            "def f(x, y):\n    for i in x\n        y = 1\n",
            "K004 2:15 ``: missing `:` after `for` [write `:` here]",
        ),
        (
            "def f(x, y):\n    if x:\n        y = 1\n    else\n        y = 2\n",
            "K004 4:9 ``: missing `:` after `else` [write `:` here]",
        ),
        (
            "def f(x, y):\n    if x = 1:\n        y = 2\n",
            "K004 2:10 `=`: `=` in a condition [this assigns] / help: compare with `==`",
        ),
        (
            "def f(x, y):\n    while x = y: pass\n",
            "K004 2:13 `=`: `=` in a condition [this assigns] / help: compare with `==`",
        ),
        (
            "def f(x, y):\n    if x:\n        y = 1\n    else if y:\n        y = 2\n",
            "K004 4:5 `else if`: `else if` is one word / help: write `elif`",
        ),
        (
            "def f(x, y):\n    y = x && y\n",
            "K004 2:11 `&&`: expected the end of the line, found `&&` / help: write `and`",
        ),
        (
            "def f(x, y):\n    y = x || y\n",
            "K004 2:11 `||`: expected the end of the line, found `||` / help: write `or`",
        ),
        (
            "def f(x, y):\n    y = !x\n",
            "K004 2:9 `!`: expected an expression after `=`, found `!` / help: write `not`",
        ),
        (
            "def f(x, y):\n    x++\n",
            "K004 2:8 ``: expected an expression after `+`, found the end of the line / help: write `x += 1` on a line of its own",
        ),
        (
            "def f(x, y):\n    x--\n",
            "K004 2:8 ``: expected an expression after `-`, found the end of the line / help: write `x -= 1` on a line of its own",
        ),
        (
            "def f(x, y):\n    y = x <> y\n",
            "K004 2:12 `>`: expected an expression after `<`, found `>` / help: write `!=`",
        ),
        (
            "def f(x, y):\n    y = x === y\n",
            "K004 2:13 `=`: expected an expression after `==`, found `=` / help: write `==` or `!=`",
        ),
        (
            "def f(x, y):\n    y = x => y\n",
            "K004 2:12 `>`: expected an expression after `=`, found `>` / help: write `>=`",
        ),
        (
            "def f(x, y):\n    y = x =< y\n",
            "K004 2:12 `<`: expected an expression after `=`, found `<` / help: write `<=`",
        ),
        (
            "def f(x, y):\n    print x\n",
            "K004 2:11 `x`: expected the end of the line, found name `x` / help: `print` is a function: write `print(...)`",
        ),
        (
            "def f(x, y):\n    if (x) {\n        y = 1\n    }\n",
            "K004 2:12 `{`: a block in curly braces [write `:` here] / help: end the line with `:` and indent the lines of the block",
        ),
        (
            "def f(x, y):\n    if (x) { y = 1 }\n",
            "K004 2:12 `{`: a block in curly braces [write `:` here] / help: end the line with `:` and indent the lines of the block",
        ),
        (
            "def f(x, y):\n    for (i = 0; i < 3; i += 1):\n        pass\n",
            "K004 2:9 `(`: a loop with a start, a condition and a step / help: write `for i in range(start, stop, step):`",
        ),
        (
            "def f(x, y):\n    for i = 0:\n        pass\n",
            "K004 2:11 `=`: expected `in`, found `=` / help: write `for i in range(n):`",
        ),
        ("def f(x, y):\n    for i to 3:\n        pass\n", "K004 2:11 `to`: expected `in`, found name `to`"),
        (
            "def f(x, y):\n    if x then\n        pass\n",
            "K004 2:10 `then`: expected `:`, found name `then` / help: write `:` instead of `then`",
        ),
        (
            "def f(x, y):\n    x y\n",
            "K004 2:7 `y`: expected the end of the line, found name `y` / note: an operator or a comma is missing between the two",
        ),
        (
            "def f(x, y):\n    y = x 1\n",
            "K004 2:11 `1`: expected the end of the line, found number `1` / note: an operator or a comma is missing between the two",
        ),
        (
            "def f(x, y):\n    y = g(x y)\n",
            "K004 2:13 `y`: expected `,` or `)`, found name `y` (2:10 opened here)",
        ),
        (
            "def f(x, y):\n    y = [1 2]\n",
            "K004 2:12 `2`: expected `,` or `]`, found number `2` (2:9 opened here)",
        ),
        (
            "def f(x, y):\n    y = x[1 2]\n",
            "K004 2:13 `2`: expected `,` or `]`, found number `2` (2:10 opened here)",
        ),
        (
            "def f(x, y):\n    y = x[]\n",
            "K004 2:10 `[]`: index without a value / help: write `x[:]` for all of an array, `x[()]` for its only element",
        ),
        (
            "def f(x, y):\n    y =\n",
            "K004 2:8 ``: expected an expression after `=`, found the end of the line",
        ),
        (
            "def f(x, y):\n    y = 1 +\n",
            "K004 2:12 ``: expected an expression after `+`, found the end of the line",
        ),
        (
            "def f(x, y):\n    y = x if y\n",
            "K004 2:15 ``: expected `else` of the conditional expression, found the end of the line (2:11 for this `if`) / help: write `a if condition else b`",
        ),
        ("def f(x, y):\n    y = x.\n", "K004 2:11 ``: expected a name after `.`, found the end of the line"),
        (
            "def f(x, y):\n    y = x.if\n",
            "K004 2:11 `if`: expected a name after `.`, found `if` / note: `if` is a keyword and cannot be a name",
        ),
        (
            "def f(x, y):\n    y = for\n",
            "K004 2:9 `for`: expected an expression after `=`, found `for` / note: `for` is a keyword and cannot be a name",
        ),
        (
            "def f(x, y):\n    in = 1\n",
            "K004 2:5 `in`: `in` is a keyword and cannot be a name / help: choose another name, such as `in_`",
        ),
        (
            "def f(x, y):\n    else:\n        pass\n",
            "K004 2:5 `else`: `else` without `if`, `for` or `while` / help: indent it like its `if`, which ends right before it",
        ),
        (
            "def f(x, y):\n    elif x:\n        pass\n",
            "K004 2:5 `elif`: `elif` without `if` / help: indent it like its `if`, which ends right before it",
        ),
        (
            "def f(x, y):\n    except:\n        pass\n",
            "K004 2:5 `except`: `except` without `try` / help: kernels have no `try`: test for the condition with `if`",
        ),
        (
            "def f(x, y):\n    y = 1; if x: pass\n",
            "K004 2:12 `if`: `if` must begin a line / help: write it on a line of its own, indented",
        ),
        (
            "def f(x, y):\n    g(x):\n        pass\n",
            "K004 2:9 `:`: expected the end of the line, found `:` / note: a block begins after `if`, `while`, `for`, `def` and `else`",
        ),
        (
            "def f(x, y):\n    y = g(x + 1 = 2)\n",
            "K004 2:11 `x + 1`: a keyword argument that is not a name / help: compare with `==`; a keyword argument is written `name=value`",
        ),
        ("def (x):\n    pass\n", "K004 1:5 `(`: expected the function's name, found `(`"),
        (
            "def f:\n    pass\n",
            "K004 1:6 `:`: expected `(` after the function's name, found `:` / help: write `()` for a function without parameters",
        ),
        ("def f(1):\n    pass\n", "K004 1:7 `1`: expected the name of a parameter, found number `1`"),
        (
            "def f(x y):\n    pass\n",
            "K004 1:9 `y`: expected `,` or `)` in the parameters, found name `y` (1:6 opened here)",
        ),
        ("@njit\nx = 1\n", "K004 2:1 `x`: expected `def` after a decorator, found name `x`"),
        ("@njit def f(): pass\n", "K004 1:7 `def`: expected the end of the line, found `def`"),
        ("import 1\n", "K004 1:8 `1`: expected the name of a module, found number `1`"),
        ("import numpy as\n", "K004 1:16 ``: expected a name after `as`, found the end of the line"),
        ("from numpy sin\n", "K004 1:12 `sin`: expected `import`, found name `sin`"),
        ("from math import (sin, cos\nx = 1\n", "K002 1:18 `(`: `(` is never closed [opened here]"),
        ("def f(a, *): pass\n", "K004 1:10 `*`: `*` without a name after it in the parameters"),
        (
            "def f(x) { return x }\n",
            "K004 1:10 `{`: a block in curly braces [write `:` here] / help: end the line with `:` and indent the lines of the block",
        ),
        (
            "def f(x, y):\n    fro i in x:\n        pass\n",
            "K004 2:9 `i`: expected the end of the line, found name `i` / help: did you mean `for`?",
        ),
        (
            "def f(x, y):\n    esle:\n        pass\n",
            "K004 2:5 `esle`: `:` after a name, without a type / help: did you mean `else`?",
        ),
        (
            "def f(x, y):\n    retrun x\n",
            "K004 2:12 `x`: expected the end of the line, found name `x` / help: did you mean `return`?",
        ),
        (
            "def f(x, y):\n    let y = 1\n",
            "K004 2:9 `y`: expected the end of the line, found name `y` / help: variables need no declaration: write `name = value`",
        ),
        (
            "def f(x, y):\n    double y = 1\n",
            "K004 2:12 `y`: expected the end of the line, found name `y` / help: write the type after the name: `name: f64 = value`",
        ),
        (
            "def f(x, y):\n    switch x:\n        pass\n",
            "K004 2:12 `x`: expected the end of the line, found name `x` / help: write `if`, `elif` and `else`",
        ),
        (
            "def f(x, y):\n    y: \n        pass\n",
            "K004 2:6 `:`: `:` after a name, without a type / note: a block begins after `if`, `while`, `for`, `def` and `else`",
        ),
        (
            "function f(x):\n    return x\n",
            "K004 1:10 `f`: expected the end of the line, found name `f` / help: write `def`",
        ),
        ("def f(x, y):\n    raise A, B\n", "K004 2:12 `,`: expected the end of the line, found `,`"),
        ("def f(x, y):\n    y = 1,, 2\n", "K004 2:11 `,`: expected the end of the line, found `,`"),
        ("def f(x, y):\n    y = (,)\n", "K004 2:10 `,`: expected an expression after `(`, found `,`"),
        (
            "def f(x, y):\n    assert x = 1\n",
            "K004 2:14 `=`: `=` in a condition [this assigns] / help: compare with `==`",
        ),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("def f(x, y):\n    x = 2²\n", "K001 2:10 `²`: unexpected character `²` / help: write `**2`"),
        (
            "def f(x, y):\n    x = 0777\n",
            "K005 2:9 `0777`: `0777` is not a number / help: write `777`, or `0o777` for an octal number",
        ),
        (
            "def f(x, y):\n    x = 1__0\n",
            "K005 2:9 `1__0`: `1__0` is not a number / note: underscores stand between two digits",
        ),
        (
            "def f(x, y):\n    x = 1_\n",
            "K005 2:9 `1_`: `1_` is not a number / note: underscores stand between two digits",
        ),
        (
            "def f(x, y):\n    x = 0xZ\n",
            "K005 2:9 `0xZ`: `0xZ` is not a number / note: after `0x` come hexadecimal digits, after `0o` octal, after `0b` binary ones",
        ),
        (
            "def f(x, y):\n    x = 1.5f\n",
            "K005 2:9 `1.5f`: `1.5f` is not a number / help: numbers have no suffix; write a cast such as `f32(1.5)`",
        ),
        (
            "def f(x, y):\n    x = 2nd\n",
            "K005 2:9 `2nd`: `2nd` is not a number / note: a name cannot begin with a digit",
        ),
        (
            "def f(x, y):\n    x = 1.2.3\n",
            "K005 2:9 `1.2.3`: `1.2.3` is not a number / note: a number has at most one point",
        ),
        (
            "def f(x, y):\n    x = 18446744073709551616\n",
            "K005 2:9 `18446744073709551616`: integer that does not fit into 64 bits / note: the largest integer is 18446744073709551615 / help: write it as a float, with a point or an exponent",
        ),
        (
            "def f(x, y):\n    x = 0b102\n",
            "K005 2:9 `0b102`: `0b102` is not a number / note: after `0x` come hexadecimal digits, after `0o` octal, after `0b` binary ones",
        ),
    ]);
}

#[test]
fn assignment() {
    check(&[
        (
            "def f(x, y):\n    g(x) = 1\n",
            "K006 2:5 `g(x)`: cannot assign to the result of a call / help: elements are written with square brackets: `x[i] = value`",
        ),
        (
            "def f(x, y):\n    1 = x\n",
            "K006 2:5 `1`: cannot assign to a literal / help: the name stands on the left: `name = value`; compare with `==`",
        ),
        (
            "def f(x, y):\n    x + y = 2\n",
            "K006 2:5 `x + y`: cannot assign to the result of an operator / help: the name stands on the left: `name = value`; compare with `==`",
        ),
        (
            "def f(x, y):\n    None = 1\n",
            "K006 2:5 `None`: cannot assign to a literal / help: the name stands on the left: `name = value`; compare with `==`",
        ),
        (
            "def f(x, y):\n    (x, 1) = y\n",
            "K006 2:9 `1`: cannot assign to a literal / help: the name stands on the left: `name = value`; compare with `==`",
        ),
        (
            "def f(x, y):\n    x < y = 1\n",
            "K006 2:5 `x < y`: cannot assign to a comparison / help: the name stands on the left: `name = value`; compare with `==`",
        ),
        ("def f(x, y):\n    x, y += 1\n", "K006 2:5 `x, y`: `+=` changes one variable at a time"),
        (
            "def f(x, y):\n    g() += 1\n",
            "K006 2:5 `g()`: cannot assign to the result of a call / help: elements are written with square brackets: `x[i] = value`",
        ),
        (
            "def f(x, y):\n    f'{x}' = 1\n",
            "K006 2:5 `f'{x}'`: cannot assign to an f-string / help: the name stands on the left: `name = value`; compare with `==`",
        ),
        (
            "def f(x, y):\n    for x[0] in y:\n        pass\n",
            "K006 2:9 `x[0]`: a loop assigns to a name, or to a tuple of names / help: loop over a name, and assign inside: `for i in ...:`, then `x[0] = i`",
        ),
        (
            "def f(x, y):\n    for 1 in y:\n        pass\n",
            "K006 2:9 `1`: a loop assigns to a name, or to a tuple of names / help: loop over a name, and assign inside: `for i in ...:`, then `x[0] = i`",
        ),
        (
            "def f(x, y):\n    del g(x)\n",
            "K006 2:9 `g(x)`: cannot delete the result of a call / help: elements are written with square brackets: `x[i] = value`",
        ),
        ("def f(x, y):\n    del 1\n", "K006 2:9 `1`: cannot delete a literal"),
        (
            "def f(x, y):\n    (x if y else z) = 1\n",
            "K006 2:6 `x if y else z`: cannot assign to a conditional expression / help: the name stands on the left: `name = value`; compare with `==`",
        ),
    ]);
}

#[test]
fn places() {
    check(&[
        ("def f(x, y):\n    break\n", "K007 2:5 `break`: `break` outside a loop"),
        ("def f(x, y):\n    if x:\n        continue\n", "K007 3:9 `continue`: `continue` outside a loop"),
        ("return 1\n", "K007 1:1 `return`: `return` outside a function"),
        (
            "def f(x, y):\n    for i in x:\n        pass\n    else:\n        break\n",
            "K007 5:9 `break`: `break` outside a loop",
        ),
    ]);
}

#[test]
fn parameters_and_arguments() {
    check(&[
        ("def f(a, b, a):\n    pass\n", "K009 1:13 `a`: two parameters are called `a` (1:7 the first one)"),
        ("def f(x, y):\n    g(a=1, a=2)\n", "K009 2:12 `a`: `a` is given twice (2:7 first given here)"),
        (
            "def f(x, y):\n    g(a=1, 2)\n",
            "K010 2:12 `2`: positional argument after a keyword argument (2:7 keyword argument) / help: put the positional arguments first",
        ),
        (
            "def f(a=1, b):\n    pass\n",
            "K010 1:12 `b`: parameter `b` without a default after one with a default (1:7 has a default) / help: give `b` a default, or put it first",
        ),
        (
            "def f(*args):\n    pass\n",
            "K208 1:7 `*args`: kernels have no `*` parameters / help: write each parameter, or pass an array or a tuple",
        ),
        (
            "def f(a, **kwargs):\n    pass\n",
            "K208 1:10 `**kwargs`: kernels have no `**` parameters / help: write each parameter with its default",
        ),
        (
            "def f(a, /, b):\n    pass\n",
            "K208 1:10 `/`: kernels have no positional-only parameters / help: leave out the `/`",
        ),
        (
            "def f(a, *args, b):\n    pass\n",
            "K208 1:10 `*args`: kernels have no `*` parameters / help: write each parameter, or pass an array or a tuple",
        ),
    ]);
}

#[test]
fn statements_that_are_not_there() {
    check(&[
        (
            "def f(x, y):\n    class A:\n        def g(self):\n            return 1\n",
            "K201 2:5 `class`: kernels have no classes / help: use functions, and pass arrays and scalars to them",
        ),
        (
            "def f(x, y):\n    with x:\n        y = 1\n",
            "K201 2:5 `with`: kernels have no `with` / help: write the statements without it; arrays are freed by themselves",
        ),
        (
            "def f(x, y):\n    try:\n        y = 1\n    except ValueError:\n        y = 2\n    finally:\n        y = 3\n",
            "K201 2:5 `try`: kernels have no `try` / help: test for the condition with `if` before the operation that would fail",
        ),
        (
            "def f(x, y):\n    async for i in x:\n        pass\n",
            "K201 2:5 `async`: kernels have no `async` / help: write a plain function; `prange` runs iterations at the same time",
        ),
        (
            "def f(x, y):\n    global y\n",
            "K201 2:5 `global`: kernels have no `global` / help: pass the value as an argument and return the new one",
        ),
        (
            "def f(x, y):\n    nonlocal y\n",
            "K201 2:5 `nonlocal`: kernels have no `nonlocal` / help: pass the value as an argument and return the new one",
        ),
        (
            "def f(x, y):\n    match x:\n        case 1:\n            y = 2\n",
            "K201 2:5 `match`: kernels have no `match` / help: write `if`, `elif` and `else`",
        ),
        (
            "def f(x, y):\n    type X = y\n",
            "K201 2:5 `type`: kernels have no `type` statements / help: write the type where it is used",
        ),
        (
            "def f(x, y):\n    def g(z):\n        return z\n",
            "K201 2:5 `def g`: kernels have no functions inside functions / help: move it to module level, and pass what it needs as arguments",
        ),
        (
            "def f(x, y):\n    @njit\n    def g(z):\n        return z\n",
            "K201 3:5 `def g`: kernels have no functions inside functions / help: move it to module level, and pass what it needs as arguments",
        ),
        (
            "def f(x, y):\n    import math\n",
            "K204 2:5 `import`: import inside a function / help: move it to the top of the file",
        ),
        (
            "def f(x, y):\n    raise ValueError() from x\n",
            "K201 2:24 `from`: kernels have no `raise ... from` / help: leave out `from` and what follows",
        ),
        (
            "def f(x, y):\n    x.y: i64 = 1\n",
            "K201 2:5 `x.y`: kernels have no annotations of anything but a variable / help: leave out the annotation",
        ),
        (
            "print(1)\n",
            "K201 1:1 `print(1)`: statement at module level / note: a file consists of imports, constants and functions / help: move it into a function, such as `def main():`",
        ),
        (
            "if x:\n    y = 1\n",
            "K201 1:1 `if`: statement at module level / note: a file consists of imports, constants and functions / help: move it into a function, such as `def main():`",
        ),
        (
            "for i in range(3):\n    pass\n",
            "K201 1:1 `for`: statement at module level / note: a file consists of imports, constants and functions / help: move it into a function, such as `def main():`",
        ),
        (
            "x += 1\n",
            "K201 1:1 `x += 1`: statement at module level / note: a file consists of imports, constants and functions / help: move it into a function, such as `def main():`",
        ),
        (
            "x[0] = 1\n",
            "K201 1:1 `x[0] = 1`: statement at module level / note: a file consists of imports, constants and functions / help: move it into a function, such as `def main():`",
        ),
        (
            "A, B = f()\n",
            "K201 1:1 `A, B = f()`: statement at module level / note: a file consists of imports, constants and functions / help: move it into a function, such as `def main():`",
        ),
        (
            "class A:\n    pass\n",
            "K201 1:1 `class`: kernels have no classes / help: use functions, and pass arrays and scalars to them",
        ),
        (
            "try:\n    import cupy\nexcept ImportError:\n    pass\n",
            "K201 1:1 `try`: kernels have no `try` / help: test for the condition with `if` before the operation that would fail",
        ),
        (
            "with x:\n    pass\n",
            "K201 1:1 `with`: kernels have no `with` / help: write the statements without it; arrays are freed by themselves",
        ),
    ]);
}

#[test]
fn expressions_that_are_not_there() {
    check(&[
        (
            "def f(x, y):\n    y = lambda z: z\n",
            "K202 2:9 `lambda`: kernels have no `lambda` / help: write a function with `def` at module level and call it by name",
        ),
        (
            "def f(x, y):\n    y = [i for i in x]\n",
            "K202 2:12 `for`: kernels have no comprehensions / help: write a `for` loop that fills an array: `out = np.empty(n)`, then `out[i] = ...`",
        ),
        (
            "def f(x, y):\n    y = (i for i in x)\n",
            "K202 2:12 `for`: kernels have no comprehensions / help: write a `for` loop that fills an array: `out = np.empty(n)`, then `out[i] = ...`",
        ),
        (
            "def f(x, y):\n    y = sum(i for i in x)\n",
            "K202 2:15 `for`: kernels have no comprehensions / help: write a `for` loop that fills an array: `out = np.empty(n)`, then `out[i] = ...`",
        ),
        (
            "def f(x, y):\n    y = {}\n",
            "K202 2:9 `{`: kernels have no dictionaries and sets / help: use an array, indexed by a number, or a tuple of values",
        ),
        (
            "def f(x, y):\n    y = {1: 2}\n",
            "K202 2:9 `{`: kernels have no dictionaries and sets / help: use an array, indexed by a number, or a tuple of values",
        ),
        (
            "def f(x, y):\n    y = {i for i in x}\n",
            "K202 2:9 `{`: kernels have no dictionaries and sets / help: use an array, indexed by a number, or a tuple of values",
        ),
        (
            "def f(x, y):\n    y = (z := 1)\n",
            "K202 2:12 `:=`: kernels have no assignment expressions / help: assign with `=` on a line of its own before",
        ),
        (
            "def f(x, y):\n    if z := x:\n        pass\n",
            "K202 2:10 `:=`: kernels have no assignment expressions / help: assign with `=` on a line of its own before",
        ),
        (
            "def f(x, y):\n    y = yield x\n",
            "K202 2:9 `yield`: kernels have no generators / help: store the values in an array and return it",
        ),
        (
            "def f(x, y):\n    yield\n",
            "K202 2:5 `yield`: kernels have no generators / help: store the values in an array and return it",
        ),
        (
            "def f(x, y):\n    y = await x\n",
            "K202 2:9 `await`: kernels have no `await` / help: write a plain function; `prange` runs iterations at the same time",
        ),
        (
            "def f(x, y):\n    y = g(*x)\n",
            "K202 2:11 `*`: kernels have no `*` and `**` in calls / help: write the arguments one by one: `f(x[0], x[1])`",
        ),
        (
            "def f(x, y):\n    y = g(**x)\n",
            "K202 2:11 `**`: kernels have no `*` and `**` in calls / help: write the arguments one by one: `f(x[0], x[1])`",
        ),
        (
            "def f(x, y):\n    y, *z = x\n",
            "K202 2:8 `*`: kernels have no starred expressions / help: write the elements one by one: `x[0], x[1]`",
        ),
        (
            "def f(x, y):\n    y = [*x]\n",
            "K202 2:10 `*`: kernels have no starred expressions / help: write the elements one by one: `x[0], x[1]`",
        ),
        (
            "def f(x, y):\n    y = x[*z]\n",
            "K202 2:11 `*`: kernels have no starred expressions / help: write the elements one by one: `x[0], x[1]`",
        ),
        (
            "def f(x, y):\n    y = b'abc'\n",
            "K202 2:9 `b'abc'`: bytes literal / note: strings are text, for messages, modes and paths / help: drop the `b`, or use an array of `u8` for data",
        ),
        (
            "def f(x, y):\n    y = '\\N{DASH}'\n",
            "K202 2:10 `\\N`: characters by name in a string / help: write the character itself, or its code as `\\u03b1`",
        ),
    ]);
}

#[test]
fn imports() {
    check(&[
        (
            "from numpy import *\n",
            "K204 1:19 `*`: `from numpy import *` / note: it would not say where a name comes from / help: write `import numpy`, or name what is used: `from numpy import ...`",
        ),
        (
            "from . import x\n",
            "K204 1:1 `from .`: relative import / note: a kernel module is one file / help: copy the functions into this file",
        ),
        (
            "from ..a import x\n",
            "K204 1:1 `from .`: relative import / note: a kernel module is one file / help: copy the functions into this file",
        ),
    ]);
}
