//! The other commands: `check`, `emit`, `annotate`, `bench`, `explain`, `cache`, `doctor`, `examples`, `completions`.

mod support;

use support::{Place, kernel};

#[test]
fn check_reports_all_errors_of_all_files() {
    let place = Place::new();
    place.file("good.k", "def f(x: f64) -> f64:\n    return x\n");
    place.file("two.k", "def f(x: f64):\n    return y\n\ndef g(x: i64):\n    return z\n");
    place.file("race.k", "def f(x: f64[:]):\n    t = 0.0\n    for i in prange(len(x)):\n        t = t * 0.5 + x[i]\n    return t\n");
    let good = place.kjit(&["check", "good.k"]).code(0);
    assert_eq!((good.out.as_str(), good.err.as_str()), ("", ""));
    let bad = place.kjit(&["check", "two.k", "good.k", "race.k"]).code(1);
    for place in ["two.k:2:12", "two.k:5:12", "race.k:4:"] {
        assert!(bad.err.contains(place), "{bad:#?}");
    }
    assert!(bad.err.contains("error[K501]"), "{bad:#?}");
    place.kjit(&["check", "good.k", "missing.k"]).code(3).says("missing.k");
    let json = place.kjit(&["check", "two.k", "--error-format", "json"]).code(1);
    assert_eq!(json.err.lines().count(), 2, "{json:#?}");
    for line in json.err.lines() {
        assert_eq!(serde_json::from_str::<serde_json::Value>(line).unwrap()["code"], "K101");
    }
}

#[test]
fn unsupported_python_does_not_hide_other_errors() {
    let place = Place::new();
    place.file(
        "f.k",
        "def f(x: f64):\n    with x:\n        pass\n    return y\n\ndef g(x: i64):\n    f(1.0)\n    return z\n",
    );
    let ran = place.kjit(&["check", "f.k"]).code(1).says("f.k:2:5").says("f.k:8:12");
    assert_eq!(ran.err.matches("error[").count(), 2, "{ran:#?}");
}

#[test]
fn check_says_what_it_could_not_check() {
    let place = Place::new();
    place.file(
        "f.k",
        "def f(x):\n    return x\n\ndef helper(x):\n    return x\n\ndef main():\n    return helper(1)\n",
    );
    place.kjit(&["check", "f.k"]).code(0).says("types of `f` are known only when called");
}

#[test]
fn python_beside_kernels_is_left_out() {
    let place = Place::new();
    place.file(
        "f.py",
        "from numba import njit\n@njit\ndef twice(x: float):\n    return 2 * x\n\ndef plot(x):\n    show([v for v in x])\n\n\
         def test_twice():\n    assert twice(2) == plot\n\nplot(twice(1.0))\n",
    );
    let checked = place.kjit(&["check", "f.py"]).code(0).says("left out: `plot`");
    assert!(!checked.err.contains("test_twice"), "{checked:#?}");
    place.kjit(&["f.py", "--fn", "twice", "x=4"]).code(0);
    place.kjit(&["f.py", "--fn", "plot", "x=4"]).code(1).says("f.py:7:13").says("comprehensions");
    place.kjit(&["f.py", "--fn", "nothing"]).code(2).says("has no function `nothing`");
}

#[test]
fn check_denies_warnings() {
    let place = Place::new();
    // An option that Numba does not have.
    place.file("w.k", "from numba import njit\n@njit(frobnicate=True)\ndef f(x: f64):\n    return x\n");
    place.kjit(&["check", "w.k"]).code(0).says("warning");
    place.kjit(&["check", "w.k", "--deny", "warnings"]).code(1).says("frobnicate");
    place.kjit(&["w.k", "x=1", "--deny", "warnings"]).code(1).says("frobnicate");
    place.kjit(&["w.k", "x=1"]).code(0).says("frobnicate");
}

#[test]
fn the_library_passes_the_check() {
    let directory = kernel("");
    let files: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_string_lossy().into_owned())
        .filter(|path| path.ends_with(".k"))
        .collect();
    let args: Vec<&str> = std::iter::once("check").chain(files.iter().map(String::as_str)).collect();
    Place::new().kjit(&args).code(0);
}

#[test]
fn every_stage_is_printed() {
    let place = Place::new();
    let heat = kernel("heat.k");
    let emit = |kind: &str, more: &[&str]| {
        let args = [&["emit", kind, &heat, "--fn", "heat"], more].concat();
        place.kjit(&args).code(0).out
    };
    assert!(emit("tokens", &[]).contains("Name \"heat\""));
    assert!(emit("ast", &[]).contains("(def heat"));
    assert!(emit("types", &[]).starts_with("# heat(u: f64[:, :], out: f64[:, :], k: f64) -> None\n"));
    assert!(emit("ir", &[]).contains("entry func heat"));
    assert!(emit("clif", &[]).contains("block0"));
    assert!(emit("asm", &[]).starts_with("entry:  ; heat\n"));
    assert!(emit("asm", &[]).contains("; 19: out[i, j] = u[i, j]"));
    assert!(emit("remarks", &[]).contains("parallel"));
    assert!(emit("cuda", &[]).contains("extern \"C\" __global__ void __launch_bounds__(256) heat_loop0(\n"));
    // Types of values win over annotations: contiguous here.
    let types = emit("types", &["u=zeros:5x5", "out=zeros:5x5", "k=1.0"]);
    assert!(types.starts_with("# heat(u: f64[:, ::1], out: f64[:, ::1], k: f64)"), "{types}");
}

#[test]
fn the_ir_after_each_pass() {
    let place = Place::new();
    let saxpy = kernel("saxpy.k");
    let mut texts = Vec::new();
    for pass in ["lower", "outline", "simplify", "inline", "propagate", "guard", "dead"] {
        let args =
            ["emit", "ir", &saxpy, "--fn", "saxpy", "--after", pass, "a=2.0", "x=zeros:3", "y=zeros:3"];
        let text = place.kjit(&args).code(0).out;
        assert!(text.contains("func saxpy"), "{pass}: {text}");
        texts.push(text);
    }
    texts.dedup();
    assert!(texts.len() > 3, "passes change something");
    place.kjit(&["emit", "ir", &saxpy, "--fn", "saxpy"]).code(2).says("for example: kjit emit ir ");
}

#[test]
fn a_page_shows_what_became_of_each_line() {
    let place = Place::new();
    let page = |args: &[&str]| place.kjit(&[&["annotate", "-o", "-"], args].concat()).code(0).out;
    place.file(
        "p.k",
        "def main(n: i64 = 3):\n    s = 0.0\n    for i in prange(n):\n        s += 1.0 / (i + 1)  # <&>\n    return s\n",
    );
    let text = page(&["p.k"]);
    let line = |number: usize| {
        let gutter = format!("<span class=\"n\">{number}</span>");
        text.lines().find(|line| line.contains(&gutter)).unwrap_or_else(|| panic!("no line {number}: {text}"))
    };
    // The loop and its body have the class of parallel lines, what surrounds them has not.
    let is_parallel = |number| line(number).split('"').nth(1).unwrap().split(' ').any(|class| class == "p");
    assert_eq!([2, 3, 4, 5].map(is_parallel), [false, true, true, false]);
    assert!(line(4).contains("# &lt;&amp;&gt;") && line(4).contains("i: i64"), "{}", line(4));
    assert!(line(3).contains("runs in parallel"));
    // To a file named after the source, and for every kernel of the library.
    place.kjit(&["annotate", "p.k"]).code(0).says("wrote p.html");
    assert!(std::fs::read_to_string(place.path("p.html")).unwrap().starts_with("<!doctype html>"));
    for entry in std::fs::read_dir(kernel("")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "k") {
            let source = std::fs::read_to_string(&path).unwrap();
            let text = page(&[path.to_str().unwrap()]);
            assert_eq!(
                text.matches("<span class=\"n\">").count(),
                source.lines().count(),
                "{}",
                path.display()
            );
            assert!(text.ends_with("</html>\n"));
        }
    }
    place.kjit(&["annotate", "p.k", "-o", "no/such/folder.html"]).code(3).says("no/such/folder.html");
}

#[test]
fn code_is_made_for_the_processor_that_is_named() {
    let place = Place::new();
    let nbody = kernel("nbody.k");
    let run = |cpu: &str| place.kjit(&["run", &nbody, "n=50", "--print", "--target-cpu", cpu]);
    place.kjit(&["run", &nbody, "--target-cpu", "pentium"]).code(2).says("x86-64-v2");
    if cfg!(target_arch = "x86_64") {
        let native = run("native").code(0).out;
        assert_eq!(run("x86-64-v2").code(0).out, native, "the same digits");
        // Code for more than the machine has can be looked at.
        let text = place.kjit(&["emit", "asm", &nbody, "--target-cpu", "x86-64-v4"]).code(0).out;
        assert!(text.contains("entry:"), "{text}");
        let wants_v4 = run("x86-64-v4");
        assert!(wants_v4.code == 0 || wants_v4.err.contains("cannot run on this one"), "{wants_v4:#?}");
        let by_name = place.command(&["run", &nbody]).env("KJIT_TARGET_CPU", "pentium").output().unwrap();
        assert_eq!(by_name.status.code(), Some(4));
        assert!(String::from_utf8_lossy(&by_name.stderr).contains("KJIT_TARGET_CPU: `pentium`"));
    }
}

#[test]
fn bench_measures_saves_and_compares() {
    let place = Place::new();
    place.file(
        "s.k",
        "def total(x):\n    s = 0.0\n    for i in range(len(x)):\n        s += x[i]\n    return s\n",
    );
    let args = ["bench", "s.k", "--sizes", "x=rand:100,rand:1000", "--seconds", "0.01", "--runs", "3"];
    let saved = place.kjit(&[&args[..], &["--save", "b.json", "--json"]].concat()).code(0).json();
    let cases = saved["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    assert_eq!(cases[0]["bytes"], 800);
    assert_eq!(cases[0]["flops"], 100);
    assert_eq!(cases[1]["flops"], 1000);
    assert_eq!(cases[1]["size"], "x=rand:1000");
    for case in cases {
        assert!(case["median_s"].as_f64().unwrap() >= case["min_s"].as_f64().unwrap());
        assert!(case["runs"].as_u64().unwrap() >= 3);
    }
    let table = place.kjit(&[&args[..], &["--compare", "b.json", "--threads", "1"]].concat()).code(0);
    assert_eq!(table.out.lines().count(), 3, "{table:#?}");
    let table = place.kjit(&[&args[..], &["--compare", "b.json"]].concat()).code(0);
    assert!(table.out.contains(" x the time saved"), "{table:#?}");
    place.file("not.json", "{}");
    place.kjit(&[&args[..], &["--compare", "not.json"]].concat()).code(3).says("not.json");
}

#[test]
fn bench_counts_operations() {
    let place = Place::new();
    // 3 for each of the n iterations; 2 more for each third one, in a function; a square root and a product at the end.
    place.file(
        "c.k",
        "def extra(x: f64):\n    return 2.0 * x - 1.0\n\n\
         def f(n: i64):\n    s = 0.0\n    for i in prange(n):\n        y = i * 0.5 + 1.0\n        s += y\n\
         \x20       if i % 3 == 0:\n            extra(y)\n    return math.sqrt(s) * 2.0\n\n\
         def none(n: i64):\n    return n * n\n",
    );
    for more in [&["--threads", "2"][..], &["--engine", "interp"], &["--fastmath"], &["--serial"]] {
        let args = ["bench", "c.k", "--fn", "f", "n=300", "--seconds", "0.01", "--runs", "3", "--json"];
        let report = place.kjit(&[&args[..], more].concat()).code(0).json();
        assert_eq!(report["cases"][0]["flops"], 300 * 3 + 100 * 2 + 2, "{more:?}");
        assert!(report["cases"][0]["gflop_per_s"].as_f64().unwrap() > 0.0);
    }
    let args = ["bench", "c.k", "--fn", "none", "n=300", "--seconds", "0.01", "--html", "page.html"];
    let table = place.kjit(&args).code(0).says("wrote page.html");
    assert!(table.out.lines().nth(1).unwrap().split_whitespace().any(|field| field == "-"), "{table:#?}");
    let page = std::fs::read_to_string(place.path("page.html")).unwrap();
    assert!(page.contains("<td>none") && page.contains("GFLOP/s"), "{page}");
}

#[test]
fn bench_gives_fresh_arguments_to_kernels_that_write() {
    let place = Place::new();
    // An element that is not 1 is an error.
    place.file("w.k", "def once(x):\n    assert x[0] == 1.0\n    x[0] = 2.0\n");
    place.kjit(&["bench", "w.k", "x=ones:4", "--seconds", "0.01"]).code(0);
}

#[test]
fn every_code_is_explained() {
    let place = Place::new();
    let list = place.kjit(&["explain"]).code(0).out;
    assert!(list.lines().count() > 50, "{list}");
    for line in list.lines() {
        let code = line.split(' ').next().unwrap();
        let page = place.kjit(&["explain", &code.to_lowercase()]).code(0).out;
        assert!(page.starts_with(&format!("# {code}: ")), "{code}: {page}");
    }
}

#[test]
fn the_cache_is_looked_after() {
    let place = Place::new();
    place.file("f.k", "def f(x):\n    return x + 1\n");
    let dir = place.kjit(&["cache", "dir"]).code(0).out;
    assert_eq!(dir.trim_end(), place.path("cache").to_string_lossy());
    assert_eq!(place.kjit(&["cache", "list"]).code(0).out, "");
    place.kjit(&["f.k", "x=1"]).code(0);
    let list = place.kjit(&["cache", "list"]).code(0).out;
    assert!(list.contains("f.k: f(i64) -> i64"), "{list}");
    let json = place.kjit(&["cache", "list", "--json"]).code(0).json();
    assert_eq!(json.as_array().unwrap().len(), 2, "the kernel and the link from its source");
    let key = list.split(' ').next().unwrap();
    let show = place.kjit(&["cache", "show", key]).code(0).out;
    assert!(show.contains("compiled kernel") && show.contains("machine code"), "{show}");
    assert!(show.contains("source  f.k"), "{show}");
    place.kjit(&["cache", "show", "zz"]).code(2);
    place.kjit(&["cache", "verify"]).code(0);
    let path = json[0]["path"].as_str().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(path, bytes).unwrap();
    assert!(place.kjit(&["cache", "verify"]).code(3).out.contains("damaged"));
    assert_eq!(place.kjit(&["f.k", "x=1"]).code(0).out, "return = 2\n");
    place.kjit(&["cache", "verify"]).code(0);
    place.kjit(&["cache", "prune", "--limit", "lots"]).code(2);
    place.kjit(&["cache", "prune", "--limit", "0"]).code(0);
    assert_eq!(place.kjit(&["cache", "size"]).code(0).out, "0 entries, 0 B\n");
    place.kjit(&["f.k", "x=1"]).code(0);
    place.kjit(&["cache", "clean"]).code(0);
    assert_eq!(place.kjit(&["cache", "size"]).code(0).out, "0 entries, 0 B\n");
}

#[cfg(unix)]
#[test]
fn a_cache_that_others_may_write_is_refused_with_one_warning() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.file("f.k", "def f(x):\n    return x + 1\n");
    std::fs::create_dir(place.path("cache")).unwrap();
    std::fs::set_permissions(place.path("cache"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let ran = place.kjit(&["f.k", "x=1"]).code(0);
    assert_eq!(ran.out, "return = 2\n");
    assert_eq!(ran.err.matches("warning[K80").count(), 1, "{ran:#?}");
}

#[test]
fn doctor_knows_the_machine() {
    let place = Place::new();
    let text = place.kjit(&["doctor"]).code(0).out;
    for word in ["kjit", "processor", "threads", "limits", "cache", "native code works"] {
        assert!(text.contains(word), "{text}");
    }
    let json = place.kjit(&["doctor", "--json"]).code(0).json();
    assert_eq!(json["native_code"]["works"], true);
    assert!(json["threads"]["used"].as_u64().unwrap() >= 1);
    let forced = place.command(&["doctor", "--json"]).env("KJIT_NUM_THREADS", "3").output().unwrap();
    assert_eq!(support::ran(&forced).json()["threads"]["used"], 3);
}

#[test]
fn examples_are_listed_shown_and_written() {
    let place = Place::new();
    let list = place.kjit(&["examples"]).code(0).out;
    assert!(list.contains("mandelbrot"), "{list}");
    let text = place.kjit(&["examples", "saxpy"]).code(0).out;
    assert_eq!(text, std::fs::read_to_string(kernel("saxpy.k")).unwrap());
    place.kjit(&["examples", "--write", "all"]).code(0);
    place.kjit(&["examples", "--write", "all"]).code(0);
    place.kjit(&["all/dot.k"]).code(0);
    std::fs::write(place.path("all/dot.k"), "mine").unwrap();
    place.kjit(&["examples", "--write", "all"]).code(3).says("dot.k is there already");
}

#[test]
fn help_and_completions() {
    let place = Place::new();
    let help = place.kjit(&["--help"]).code(0).out;
    for command in ["run", "check", "emit", "bench", "explain", "cache", "doctor", "examples", "completions"]
    {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
    assert!(place.kjit(&["run", "--help"]).code(0).out.contains("randint:0:256:1e6:u8"));
    assert_eq!(place.kjit(&["--version"]).code(0).out, format!("kjit {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.kjit(&["completions", shell]).code(0).out.contains("kjit"), "{shell}");
    }
}
