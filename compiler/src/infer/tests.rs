//! Tests of inference, through the parser: a program, a signature, and what is found out.

use super::{ArgTy, Inferred, NoHost, annotated_signature, infer};
use crate::base::{Code, Diagnostic, Options};
use crate::syntax::parse;
use crate::types::{ArrayTy, DType, Ty};

/// Parses and types; the entry's signature comes from its annotations.
fn run(source: &str, function: &str) -> Result<(Inferred, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (ast, errors) = parse(source);
    assert!(errors.is_empty(), "{errors:?}");
    let args = annotated_signature(&ast, function)?;
    infer(&ast, function, &args, &Options::default(), &NoHost)
}

/// The type of the result of `f`.
fn ret(source: &str) -> String {
    match run(source, "f") {
        Ok((inferred, _)) => inferred.instances[inferred.entry].ret.to_string(),
        Err(diags) => panic!("{}", show(source, &diags)),
    }
}

fn show(source: &str, diags: &[Diagnostic]) -> String {
    diags
        .iter()
        .map(|d| {
            let (line, column) = d.primary.span.line_column(source);
            let help = d.help.as_deref().map(|help| format!(" | {help}")).unwrap_or_default();
            format!("{} {line}:{column} {}{help}\n", d.code, d.message)
        })
        .collect()
}

/// The errors and warnings of `f`, one per line: code, place, message, help.
fn errors(source: &str) -> String {
    match run(source, "f") {
        Ok((_, diags)) | Err(diags) => show(source, &diags),
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads files")]
fn every_kernel_has_types() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernels");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the kernel library") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "k") {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("text");
        let (ast, parse_errors) = parse(&source);
        assert!(parse_errors.is_empty(), "{path:?} {parse_errors:?}");
        for function in &ast.functions {
            // Written without annotations on purpose; typed where it is called.
            if function.params.iter().any(|param| param.annotation.is_none()) {
                continue;
            }
            match run(&source, &function.name.name) {
                Ok((_, warnings)) => assert!(warnings.is_empty(), "{path:?} {}", show(&source, &warnings)),
                Err(diags) => panic!("{path:?} {}: {}", function.name.name, show(&source, &diags)),
            }
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn scalars() {
    assert_eq!(ret("def f(x: f64, n: i64):\n    return x * n\n"), "f64");
    assert_eq!(ret("def f(x: f32):\n    return 2.0 * x + 1\n"), "f32");
    assert_eq!(ret("def f(x: i8, y: u8):\n    return x + y\n"), "i64");
    assert_eq!(ret("def f(n: i64):\n    return n / 2\n"), "f64");
    assert_eq!(ret("def f(n: i64):\n    return n > 2 and n < 5\n"), "bool");
    assert_eq!(ret("def f(n: i64):\n    return n, float(n), n > 1\n"), "(i64, f64, bool)");
    assert_eq!(ret("def f(z: c64):\n    return abs(z), z.real, z * 2.0\n"), "(f32, f32, c64)");
    assert_eq!(ret("def f(n: i64):\n    return 2 ** n, n ** -1\n"), "(i64, f64)");
    assert_eq!(ret("def f():\n    pass\n"), "None");
}

#[test]
fn loops_widen() {
    assert_eq!(
        ret("def f(x: f64[:]):\n    s = 0\n    for i in range(len(x)):\n        s += x[i]\n    return s\n"),
        "f64"
    );
    assert_eq!(
        ret(
            "def f(n: i64):\n    a = 0\n    b = 0\n    while n > 0:\n        b = a\n        a = 0.5\n        n -= 1\n    return b\n"
        ),
        "f64"
    );
}

#[test]
fn ty_is_used() {
    let (ast, _) = parse("def f(x):\n    return x\n");
    let args = [ArgTy::Given(Ty::F64)];
    let (inferred, _) = infer(&ast, "f", &args, &Options::default(), &NoHost).expect("types");
    assert_eq!(inferred.instances[inferred.entry].ret, Ty::F64);
    assert_eq!(
        errors("def f(x: f64):\n    return x + totl\n"),
        "K101 2:16 unknown name `totl` | define `totl`, or make it a parameter\n"
    );
}

#[test]
fn deep_programs_end() {
    // A chain of functions that call each other, each from within nested blocks and expressions.
    let mut source = String::new();
    for at in 0..400 {
        source.push_str(&format!("def g{at}(x):\n"));
        let mut indent = "    ".to_owned();
        for _ in 0..at % 7 * 8 {
            source.push_str(&format!("{indent}if x > 0.5:\n"));
            indent.push(' ');
        }
        let open = "(1.0 + ".repeat(at % 5 * 20);
        let close = ")".repeat(at % 5 * 20);
        source.push_str(&format!("{indent}y = {open}g{}(x){close}\n    return x\n", at + 1));
    }
    source.push_str("def g400(x):\n    return x\ndef f(x: f64):\n    return g0(x)\n");
    assert!(errors(&source).starts_with("K008"), "{}", errors(&source));
    // So do plain ones, and forty of them are no problem.
    let chain = |length: usize| {
        let mut source: String =
            (0..length).map(|at| format!("def g{at}(x):\n    return g{}(x)\n", at + 1)).collect();
        source.push_str(&format!("def g{length}(x):\n    return x\ndef f(x: f64):\n    return g0(x)\n"));
        source
    };
    assert_eq!(ret(&chain(40)), "f64");
    assert!(errors(&chain(1000)).starts_with("K008"));
    // The deepest of everything that the parser lets through.
    let mut source = "def f(x: f64):\n".to_owned();
    for depth in 0..199 {
        source.push_str(&format!("{}for i{depth} in range(3):\n", " ".repeat(depth + 1)));
    }
    source.push_str(&format!("{}x = {}x{}\n", " ".repeat(200), "(1.0 + ".repeat(190), ")".repeat(190)));
    let (ast, parse_errors) = parse(&source);
    if parse_errors.is_empty() {
        let _ = infer(&ast, "f", &[ArgTy::Given(Ty::F64)], &Options::default(), &NoHost);
    }
}

#[test]
fn arrays_and_views() {
    let view = |index: &str, ty: &str| ret(&format!("def f(a: {ty}, i: i64):\n    return a[{index}]\n"));
    assert_eq!(view("i, -1", "f64[:, ::1]"), "f64");
    assert_eq!(view("i", "f64[:, ::1]"), "f64[::1]");
    assert_eq!(view(":, i", "f64[:, ::1]"), "f64[:]");
    assert_eq!(view(":, i", "f64[::1, :]"), "f64[::1]");
    assert_eq!(view("i", "f64[::1, :]"), "f64[:]");
    assert_eq!(view("1:3", "f64[:, ::1]"), "f64[:, ::1]");
    assert_eq!(view("1:3, :", "f64[:, ::1]"), "f64[:, ::1]");
    assert_eq!(view(":, 1:3", "f64[:, ::1]"), "f64[:, :]");
    assert_eq!(view(":, 1:3", "f64[::1, :]"), "f64[::1, :]");
    assert_eq!(view("1:3, 1:3", "f64[::1, :]"), "f64[:, :]");
    assert_eq!(view("::2", "f64[::1]"), "f64[:]");
    assert_eq!(view("::-1", "f64[::1]"), "f64[:]");
    assert_eq!(view("::1", "f64[::1]"), "f64[::1]");
    assert_eq!(view("..., i", "f64[:, :, ::1]"), "f64[:, :]");
    assert_eq!(view("i, ...", "f64[:, :, ::1]"), "f64[:, ::1]");
    assert_eq!(view("i, i, i, ...", "f64[:, :, ::1]"), "f64[]");
    assert_eq!(view("i, 1:2, i", "f64[:, :, ::1]"), "f64[:]");
    assert_eq!(view("i, 1:2", "f64[:, :, ::1]"), "f64[:, ::1]");
    assert_eq!(view("None, i", "f64[:, ::1]"), "f64[:, ::1]");
    assert_eq!(view(":, np.newaxis", "f64[::1]"), "f64[:, ::1]");
    assert_eq!(
        ret("def f(a: f64[:, ::1]):\n    return a.T, a.T.T, a.shape, a.ndim\n"),
        "(f64[::1, :], f64[:, ::1], (i64, i64), i64)"
    );
    assert_eq!(
        ret("def f(a: u8[:]):\n    return a.sum(), a.mean(), a.max(), a.argmax(), a.any()\n"),
        "(u64, f64, u8, i64, bool)"
    );
    assert_eq!(
        ret(
            "def f(n: i64):\n    return np.zeros((n, 2), dtype=np.float32), np.full(n, 1), np.arange(0.0, 1.0, 0.1), np.zeros(n, 'i8')\n"
        ),
        "(f32[:, ::1], i64[::1], f64[::1], i64[::1])"
    );
    assert_eq!(
        ret(
            "def f(a: f64[:, ::1]):\n    s = 0.0\n    for row in a:\n        for i, x in enumerate(row):\n            s += x * i\n    return s\n"
        ),
        "f64"
    );
    assert_eq!(
        ret(
            "def f(a: f64[:], b: i32[:]):\n    s = 0\n    for x, (i, y) in zip(a, enumerate(b)):\n        s += y\n    return s\n"
        ),
        "i64"
    );
    assert_eq!(
        ret("def f(a: f64[:], b: f64[::1]):\n    c = a\n    if len(a) > 2:\n        c = b\n    return c\n"),
        "f64[:]"
    );
}

#[test]
fn constants_and_dead_branches() {
    assert_eq!(
        ret("N = 4\nM = N * 2 + 1\nX = (1, 2.5)\ndef f():\n    return N, M, X[1], math.pi, np.uint64(3)\n"),
        "(i64, i64, f64, f64, u64)"
    );
    assert_eq!(ret("G = 9.81\ndef f(x: f32):\n    return G * x, math.pi * x\n"), "(f32, f32)");
    assert_eq!(ret("G = np.float64(9.81)\ndef f(x: f32):\n    return G * x\n"), "f64");
    assert_eq!(
        ret(
            "def g(x, y=None):\n    if y is None:\n        return x\n    return x + y.shape[0]\ndef f(x: f64):\n    return g(x)\n"
        ),
        "f64"
    );
    assert_eq!(
        ret("def f(x: f64[:]):\n    if x.ndim == 2:\n        return x[0, 0]\n    return x[0]\n"),
        "f64"
    );
    assert_eq!(
        ret(
            "def f(x: f64[:], mode: i64 = 1):\n    if x.dtype == np.float32:\n        return x + 1\n    return 2\n"
        ),
        "i64"
    );
    assert_eq!(
        ret(
            "def g(mode):\n    if mode == 'fast':\n        return 1\n    elif mode in ('a', 'b'):\n        return 2.0\n    return mode.x\ndef f():\n    return g('fast'), g('b')\n"
        ),
        "(i64, f64)"
    );
    assert_eq!(
        ret(
            "DEBUG = False\ndef f(x: f64):\n    if DEBUG and unknown(x):\n        x = x + 'a'\n    return 1.0 if DEBUG else x\n"
        ),
        "f64"
    );
    assert_eq!(
        ret(
            "def g(n, dtype):\n    return np.zeros(n, dtype)\ndef f(n: i64, x: f32[:]):\n    return g(n, x.dtype), g(n, np.int32)\n"
        ),
        "(f32[::1], i32[::1])"
    );
}

#[test]
fn calls_of_functions() {
    assert_eq!(
        ret(
            "def g(a, b=2, *, c=3.0):\n    return a * b + c\ndef f(x: f32):\n    return g(1), g(x, c=1, b=x), g(b=1, a=2)\n"
        ),
        "(f64, f64, f64)"
    );
    assert_eq!(ret("def f(n: i64):\n    if n < 2:\n        return 0\n    return f(n - 1) + 0.5\n"), "f64");
    assert_eq!(
        ret(
            "def g(n):\n    return h(n - 1)\ndef h(n):\n    if n < 0:\n        return 1.5\n    return g(n)\ndef f(n: i64):\n    return g(n)\n"
        ),
        "f64"
    );
    assert_eq!(ret("def f(n: i64) -> f32:\n    return f(n - 1)\n"), "f32");
    let (inferred, _) = run("def g(x):\n    return x\ndef h(n):\n    return h(n - 1) if n > 0 else g(n)\ndef f(n: i64):\n    return h(n), g(n), g(1.5)\n", "f").expect("types");
    let shown: Vec<(usize, bool)> =
        inferred.instances.values().map(|i| (i.function, i.is_recursive)).collect();
    assert_eq!(shown, [(0, false), (1, true), (0, false), (2, false)]);
    assert_eq!(
        ret("def f(x: f64):\n    a: f64 = 1\n    a = 2\n    return a, int(x), f32(x), float('inf')\n"),
        "(f64, i64, f32, f64)"
    );
}

#[test]
fn names_errors() {
    assert_eq!(
        errors("def f(total: f64):\n    return totl + totl\n"),
        "K101 2:12 unknown name `totl` | did you mean `total`?\n"
    );
    assert_eq!(
        errors("def f(x: f64):\n    return sqrt(x)\n"),
        "K101 2:12 unknown name `sqrt` | write `math.sqrt`\n"
    );
    assert_eq!(
        errors("def f(x: f64):\n    if x > 0:\n        y = 1\n    return y\n"),
        "K102 4:12 `y` may have no value here | give `y` a value before the `if`, or in its `else`\n"
    );
    assert_eq!(
        errors("def f(x: f64):\n    x += y\n    y = 1\n    return x\n"),
        "K102 2:10 `y` has no value here | assign `y` before it is read\n"
    );
    assert_eq!(
        errors("def f(x: f64):\n    del x\n    return x\n"),
        "K102 3:12 `x` has no value here | use it before `del`, or leave the `del` out\n"
    );
    assert_eq!(
        errors("def f(x: f64[:]):\n    return x.shap\n"),
        "K103 2:14 `x` has no attribute `shap` | did you mean `x.shape`?\n"
    );
    assert_eq!(
        errors("def f(x: f64[:]):\n    return x.sum\n"),
        "K103 2:14 `x` has no attribute `sum` | `sum` is a method; call it: `x.sum(...)`\n"
    );
    assert_eq!(
        errors("def f(x: f64[:]):\n    return x.maen()\n"),
        "K103 2:14 `x` has no method `maen` | did you mean `x.mean`?\n"
    );
    assert_eq!(
        errors("def g():\n    pass\ndef g():\n    pass\ndef f():\n    pass\n"),
        "K105 3:5 `g` is defined twice | give one of the two another name\n"
    );
    assert_eq!(
        errors("N = unknown()\ndef f():\n    return N + N\n"),
        "K106 1:5 the module constant `N` cannot be evaluated | constants are numbers, strings, types, tuples and arithmetic on them; compute others in a function\n"
    );
    assert_eq!(
        errors("def f(n: i64):\n    total = 0\n    totl += n\n    return total\n"),
        "K102 3:5 `totl` has no value here | did you mean `total`?\n"
    );
    assert_eq!(errors("@njt\ndef f():\n    pass\n"), "K203 1:2 unknown decorator | did you mean `@njit`?\n");
    assert_eq!(
        errors(
            "@njit(paralel=True, cache=True, fastmath={'nnan', 'contract'}, locals={'x': f64})\ndef f():\n    pass\n"
        ),
        "K203 1:7 unknown decorator option `paralel` | did you mean `parallel`?\nK203 1:64 `locals` has no effect | annotate a variable where it is assigned: `n: i32 = 0`\n"
    );
    assert_eq!(
        errors("def f(x: f64):\n    return np.sqr(x), math.sinn(x)\n"),
        "K205 2:12 kernels have no `np.sqr` | did you mean `np.sqrt`?\nK205 2:23 kernels have no `math.sinn` | did you mean `math.sin`?\n"
    );
    assert_eq!(
        errors("def f(x: f64[:], y: f64[:]):\n    return np.diff(x)\n"),
        "K205 2:12 kernels have no `np.diff` | write the loop: `out[i] = x[i + 1] - x[i]`\n"
    );
    assert_eq!(
        errors("def f():\n    return np.random.normal(0.0, 1.0, 5)\n"),
        "K207 2:39 `np.random.normal` gives one number | fill an array in a loop: `x[i] = np.random.normal(...)`\n"
    );
    assert_eq!(
        errors("def f(x: f64[:]):\n    return np.sum(x, axis=0)\n"),
        "K207 2:22 `axis` is not supported yet | reduce parts in a loop: `out[j] = x[:, j].sum()`\n"
    );
    assert_eq!(
        errors("def f(x: f64[:]):\n    raise ValueEror('a')\n"),
        "K209 2:11 unknown exception type `ValueEror` | did you mean `ValueError`?\n"
    );
    let e = match run("def f():\n    pass\n", "g") {
        Err(e) => e,
        Ok(_) => panic!(),
    };
    assert_eq!(show("", &e), "K104 1:1 there is no function `g` | the file defines `f`\n");
}

#[test]
fn array_expressions_show_the_loop() {
    assert_eq!(
        errors("def f(a: f64[:], b: f64[:]):\n    total = 2.0 * a + np.sin(b)\n    return total\n"),
        "K206 2:13 element-wise expressions on whole arrays are not supported yet | write the loop:\ntotal = np.empty(a.shape)\nfor i in range(a.shape[0]):\n    total[i] = 2.0 * a[i] + np.sin(b[i])\n"
    );
    assert_eq!(
        errors("def f(a: f64[:, :], b: f64[:]):\n    a *= 2 + b\n"),
        "K206 2:10 element-wise expressions on whole arrays are not supported yet | write the loop:\na = np.empty(b.shape)\nfor i in range(b.shape[0]):\n    a[i] = 2 + b[i]\n"
    );
    assert_eq!(
        errors("def f(a: f64[:, :]):\n    a[1:] *= 2\n    a += a\n"),
        "K206 2:5 `*=` on a part of an array is not supported yet | write the loop:\npart = a[1:]\nfor i in range(part.shape[0]):\n    for j in range(part.shape[1]):\n        part[i, j] *= 2\nK206 3:5 `+=` on the whole array `a` is not supported yet | write the loop:\nfor i in range(a.shape[0]):\n    for j in range(a.shape[1]):\n        a[i, j] += a[i, j]\n"
    );
    assert_eq!(
        errors("def f(a: f64[:]):\n    b = a > 0\n").lines().next(),
        Some("K206 2:9 element-wise expressions on whole arrays are not supported yet | write the loop:")
    );
    assert!(errors("def f(a: f64[:], m: bool[:]):\n    return a[m]\n").starts_with("K206 2:12"));
}

/// The blocks of an error page: text after `## Wrong` and `## Right`.
fn blocks(page: &str) -> Vec<String> {
    page.split("```py\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads files")]
fn error_pages() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors");
    let mut count = 0;
    for code in Code::ALL {
        let number: u32 = code.name()[1..].parse().expect("a number");
        let is_ours = matches!(number, 101..=106 | 203 | 205..=207 | 209 | 301..=314 | 401..=407);
        if !is_ours {
            continue;
        }
        let page = std::fs::read_to_string(format!("{folder}/{code}.md")).expect("a page");
        assert!(page.starts_with(&format!("# {code}: {}\n", code.title())), "{code}");
        let blocks = blocks(&page);
        let [wrong, right] = blocks.as_slice() else { panic!("{code}: two programs") };
        let diags = |source: &str| -> Vec<Diagnostic> {
            let (ast, errors) = parse(source);
            assert!(errors.is_empty(), "{code} {errors:?}");
            let names = ast.functions.iter().map(|f| f.name.name.clone());
            names
                .flat_map(|name| match run(source, &name) {
                    Ok((_, diags)) | Err(diags) => diags,
                })
                .collect()
        };
        let found = diags(right);
        assert!(found.is_empty(), "{code}: {}", show(right, &found));
        let found = match code {
            Code::K104 => run(wrong, "main").err().unwrap_or_default(),
            Code::K405 => {
                let (ast, _) = parse(wrong);
                let array = ArrayTy { is_writable: false, ..ArrayTy::new(DType::F64, 1) };
                let args = [ArgTy::Given(Ty::Array(array))];
                infer(&ast, "clear", &args, &Options::default(), &NoHost).err().unwrap_or_default()
            }
            _ => diags(wrong),
        };
        assert!(found.iter().all(|diag| diag.code == *code), "{code}: {}", show(wrong, &found));
        assert!(!found.is_empty(), "{code}: no error");
        for diag in &found {
            assert!(diag.help.is_some(), "{code}: help");
        }
        count += 1;
    }
    assert!(count > 30, "{count}");
}

/// What is said about the compound statements of `f`, in source order.
fn joins(source: &str) -> String {
    let (inferred, _) = run(source, "f").unwrap_or_else(|diags| panic!("{}", show(source, &diags)));
    let stmts = &inferred.instances[inferred.entry].stmts;
    let mut ids: Vec<_> = stmts.keys().copied().collect();
    ids.sort_unstable();
    let list = |vars: &[(crate::base::Symbol, Ty)]| {
        vars.iter().map(|(name, ty)| format!("{name}: {ty}")).collect::<Vec<_>>().join(", ")
    };
    ids.iter()
        .map(|id| {
            let info = &stmts[id];
            format!(
                "{:?} head({}) joined({}) flags({})\n",
                info.live,
                list(&info.head),
                list(&info.joined),
                info.maybe_unassigned.join(", ")
            )
        })
        .collect()
}

#[test]
fn statements_say_what_joins() {
    // A branch: the type that both values become.
    assert_eq!(
        joins(
            "def f(n: i64):\n    if n > 0:\n        x = 1\n        y = 2\n    else:\n        x = 2.5\n        y = 3\n    return x + y\n"
        ),
        "Both head() joined(x: f64) flags()\n"
    );
    // A loop that widens: converted before the loop and at the end of each iteration.
    assert_eq!(
        joins("def f(x: f64[:]):\n    s = 0\n    for v in x:\n        s = s + v\n    return s\n"),
        "Both head(s: f64) joined(v: f64) flags()\n"
    );
    // A variable of the body that is read after the loop needs a flag, also if a later loop reads it.
    assert_eq!(
        joins(
            "def f(x: f64[:]):\n    for v in x:\n        y = v\n    for i in range(3):\n        y += 1\n    return y\n"
        ),
        "Both head() joined(v: f64, y: f64) flags(y)\nBoth head(y: f64) joined(i: i64) flags()\n"
    );
    // The value of an earlier iteration.
    assert_eq!(
        joins(
            "def f(x: f64[:]):\n    s = 0.0\n    for v in x:\n        if v > 0.0:\n            s += p\n        p = v\n    return s\n"
        ),
        "Both head() joined() flags()\nBoth head(s: f64, p: f64) joined(v: f64, p: f64) flags(p)\n"
    );
    // Left by `break` only, so `r` has a value.
    assert_eq!(
        joins(
            "def f(n: i64):\n    while True:\n        n -= 1\n        if n < 0:\n            r = n\n            break\n    return r\n"
        ),
        "Both head() joined() flags()\nThen head(n: i64) joined() flags()\n"
    );
    // Layouts loosen at the head when arrays are exchanged.
    assert_eq!(
        joins("def f(a: f64[::1], b: f64[:]):\n    for i in range(3):\n        a, b = b, a\n    return a\n"),
        "Both head(a: f64[:], b: f64[:]) joined(i: i64) flags()\n"
    );
    // Types that do not go together are no error if nobody reads them.
    assert_eq!(
        joins(
            "def f(a: f64[:]):\n    for i in range(3):\n        t = 1\n        t = a\n    for i in range(3):\n        t = 2\n    return i\n"
        ),
        "Both head() joined(i: i64, t: f64[:]) flags(i)\nBoth head(i: i64) joined() flags()\n"
    );
}

#[test]
fn errors_of_types() {
    let f = |params: &str, body: &str| {
        errors(&format!("def f({params}):\n    {}\n", body.replace('\n', "\n    ")))
    };
    assert_eq!(
        f("z: c128", "return z < 1"),
        "K301 2:12 `<` does not go with `c128` and `i64` | complex numbers have no order; compare `abs(z)` or `z.real`\n"
    );
    assert_eq!(
        f("n: i64, b: bool", "return n and b"),
        "K301 2:18 `and` gives one of its operands, which are `i64` and `bool` | compare the number, such as `n != 0`, so that both are truth values\n"
    );
    assert_eq!(
        f("n: i64", "return 1 if n > 0 else None"),
        "K302 2:28 this expression is `i64` or `None` | make both the same type\n"
    );
    assert_eq!(
        f("n: i64", "return len(n)"),
        "K303 2:16 `len` needs an array or a tuple, not `i64` | give an array or a tuple\n"
    );
    assert_eq!(
        f("n: i64", "return abs(n, 1)"),
        "K304 2:19 `abs` takes 1 argument, given 2 | give `abs` 1 argument\n"
    );
    assert_eq!(f("n: i64", "return f(m=1)"), "K304 2:14 `f` has no argument `m` | it has `n`\n");
    assert_eq!(f("n: int7", "return n"), "K305 1:10 unknown type `int7` | did you mean `int8`?\n");
    assert_eq!(
        f("n: i64", "x: i64 = n / 2"),
        "K306 2:14 `x` is annotated with `i64`, assigned `f64` | convert it: `i64(...)`\n"
    );
    assert_eq!(
        f("n: i64", "if n > 0:\n    return 1\nreturn (1, 2)"),
        "K307 4:12 returns `(i64, i64)` here and `i64` elsewhere | return the same type on every path\n"
    );
    assert_eq!(
        f("x: f64[:]", "return not x"),
        "K308 2:16 an array is no condition | ask for what you mean: `x.size > 0`, or `x.any()`\n"
    );
    assert_eq!(
        f("x: f64", "return f(f(x))"),
        "K309 1:5 `f` calls itself on every path | return a value without calling `f` on one path, or annotate the result: `-> f64`\n"
    );
    assert_eq!(
        f("n: i64", "return 0 if n > 0 else (f(n - 1), 1)"),
        "K302 2:28 this expression is `i64` or `(i64, i64)` | make both the same type\n"
    );
    assert_eq!(
        f("x: f64", "return x(1)"),
        "K310 2:12 `x` cannot be called | the name of a variable hides a function; rename the variable\n"
    );
    assert_eq!(
        f("z: c64", "return f32(z)"),
        "K311 2:12 a complex number has no value as `f32` | take a part: `z.real`, or the absolute value: `abs(z)`\n"
    );
    assert_eq!(
        f("n: i64", "a, (b, c) = n, (1, 2, 3)\nreturn b"),
        "K312 2:8 2 names for 3 values | give one name per value; `_` for those that are not needed\n"
    );
    assert_eq!(
        f("n: i64, x: f64[:]", "t = (1, x)\nreturn t[n]"),
        "K313 3:14 the items of `t` are not all numbers | index it with a number such as `0`, or put numbers of one type into an array\n"
    );
    assert_eq!(
        f("n: i64", "print(f'{n:.2f} {n:>8} {n:,} {n:.2d}')"),
        "K314 2:35 digits after the point do not fit an integer | write the format of a float: `{x:.3f}`\n"
    );
    assert_eq!(
        f("x: f64[:, :]", "return x[0, 0, 0]"),
        "K401 2:12 3 indices for `x`, which has 2 axes | give at most one index per axis\n"
    );
    assert_eq!(
        f("x: f64[:]", "return x[0.0]"),
        "K402 2:14 an index must be an integer, not `f64` | convert it: `int(0.0)`; for a whole quotient write `//`\n"
    );
    assert_eq!(
        f("x: f64[:], z: c128", "x[:] = z"),
        "K403 2:12 a complex number for an element of type `f64` | store its real part: `z.real`, or make the array complex: `dtype=np.complex128`\n"
    );
    assert_eq!(
        f("x: f64", "return x[0]"),
        "K404 2:12 `x` has no elements | only arrays and tuples can be indexed\n"
    );
    assert_eq!(
        f("x: f64[:]", "return np.zeros((x.size, 1.5))"),
        "K406 2:21 the shape for `np.zeros` is not a tuple of integers | write `(n, m)` with integers\n"
    );
    assert_eq!(
        f("n: i64", "return np.load('x.npy')"),
        "K207 2:12 `np.load` outside `main` | pass the array as an argument\n"
    );
    assert_eq!(
        f("n: i64", "return m[0] + q(m) + n * m"),
        "K101 2:12 unknown name `m` | define `m`, or make it a parameter\nK101 2:19 unknown name `q` | define `q`, or make it a parameter\n"
    );
}
