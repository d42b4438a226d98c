//! `kjit run`: arguments in, results out. Expected numbers are NumPy's or closed forms.

mod support;

use support::{Place, kernel};

const PROGRAM: &str = "
import numpy as np

def scale(a, x):
    for i in range(len(x)):
        x[i] = a * x[i]

def pair(x, y):
    return x + 1, y * 2

def named(n):
    low = np.zeros(n)
    high = np.ones((n, 2))
    return low, high

def same(x):
    return x

def grow(x):
    s = 0.0
    for i in range(len(x)):
        x[i] += 1.0
        s += x[i]
    return s

def mode(how):
    if how == \"fast\":
        return 1
    return 2

def default(a: i64, b: f64 = 0.5, c=None):
    if c is None:
        return a * b
    return a * b + c

def say(n):
    for i in range(n):
        print(i, i * 0.5)
";

fn place() -> Place {
    let place = Place::new();
    place.file("p.k", PROGRAM);
    place
}

#[test]
fn the_main_job() {
    let place = place();
    let ran = place.kjit(&["run", &kernel("mandelbrot.k"), "-o", "image=m.png"]).code(0);
    assert!(ran.out.starts_with("image: f64[480 x 640]  min 1  max 200"), "{ran:#?}");
    assert_eq!(ran.err, "");
    assert_eq!(std::fs::read(place.path("m.png")).unwrap()[..8], *b"\x89PNG\r\n\x1a\n");
}

#[test]
fn a_file_alone_is_run() {
    let place = place();
    let ran = place.kjit(&["p.k", "--fn", "pair", "x=1", "y=2.5"]).code(0);
    assert_eq!(ran.out, "return0 = 2\nreturn1 = 5.0\n");
}

#[test]
fn results_have_names() {
    let place = place();
    let ran = place.kjit(&["p.k", "--fn", "named", "n=3"]).code(0);
    assert_eq!(
        ran.out,
        "low: f64[3]  min 0  max 0  mean 0  [0.0, 0.0, 0.0]\n\
         high: f64[3 x 2]  min 1  max 1  mean 1  [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]\n"
    );
    place
        .kjit(&["p.k", "--fn", "named", "n=3", "-o", "high=h.npy", "-o", "return0=l.npy", "-o", "a.npz"])
        .code(0);
    let all = place.kjit(&["p.k", "--fn", "pair", "x=@h.npy", "y=1"]);
    assert_eq!(all.code, 1, "no array expressions yet: {all:#?}");
    let read = place.kjit(&["p.k", "--fn", "same", "x=@a.npz#high", "--print"]).code(0);
    assert_eq!(read.out, "x =\n  1.0 1.0\n  1.0 1.0\n  1.0 1.0\n");
    let read = place.kjit(&["p.k", "--fn", "same", "x=@l.npy"]).code(0);
    assert!(read.out.starts_with("x: f64[3]"), "{read:#?}");
}

#[test]
fn written_arguments_are_results() {
    let place = place();
    let ran = place.kjit(&["p.k", "--fn", "scale", "a=2", "x=1,2,3:f32", "-o", "x=x.npy"]).code(0);
    assert_eq!(ran.out, "x: f32[3]  min 2  max 6  mean 4  [2.0, 4.0, 6.0]\n");
    let again = place.kjit(&["p.k", "--fn", "scale", "a=0.5", "x=@x.npy"]).code(0);
    assert_eq!(again.out, "x: f32[3]  min 1  max 3  mean 2  [1.0, 2.0, 3.0]\n");
}

#[test]
fn a_number_in_a_file_is_a_number_again() {
    let place = place();
    place.kjit(&["p.k", "--fn", "same", "x=2.5", "-o", "x=x.npy"]).code(0);
    assert_eq!(place.kjit(&["p.k", "--fn", "same", "x=@x.npy"]).code(0).out, "x = 2.5\n");
}

/// Bytes of `np.save("x.npy", np.array([1.5, -2.0], dtype=np.float32))`, written by NumPy 2.4.6.
#[test]
fn files_of_numpy_are_read_and_written() {
    let place = place();
    let mut bytes =
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".to_vec();
    bytes.resize(127, b' ');
    bytes.push(b'\n');
    bytes.extend(1.5_f32.to_le_bytes());
    bytes.extend((-2.0_f32).to_le_bytes());
    std::fs::write(place.path("x.npy"), &bytes).unwrap();
    let ran = place.kjit(&["p.k", "--fn", "same", "x=@x.npy", "-o", "x=y.npy"]).code(0);
    assert_eq!(ran.out, "x: f32[2]  min -2  max 1.5  mean -0.25  [1.5, -2.0]\n");
    let written = std::fs::read(place.path("y.npy")).unwrap();
    assert!(written.starts_with(b"\x93NUMPY\x01\x00"));
    assert_eq!(written[written.len() - 8..], bytes[bytes.len() - 8..]);
    let header = String::from_utf8_lossy(&written[10..]);
    assert!(header.contains("'<f4'") && header.contains("(2,)"), "{header}");
}

#[test]
fn arguments_take_their_annotated_types_and_defaults() {
    let place = place();
    let out = |args: &[&str]| place.kjit(&[&["p.k", "--fn"], args].concat()).code(0).out;
    assert_eq!(out(&["default", "a=3"]), "return = 1.5\n");
    assert_eq!(out(&["default", "a=1e3", "b=2"]), "return = 2000.0\n");
    assert_eq!(out(&["default", "a=3", "c=1"]), "return = 2.5\n");
    assert_eq!(out(&["default", "a=3", "c=None"]), "return = 1.5\n");
    assert_eq!(out(&["same", "x=3:u32"]), "x = 3\n");
    assert_eq!(out(&["same", "x=1+2j:c128"]), "x = (1+2j)\n");
    assert_eq!(out(&["same", "x=0.1:f32"]), "x = 0.1\n");
    assert_eq!(out(&["same", "x=True"]), "x = True\n");
    assert_eq!(out(&["same", "x=1e300"]), "x = 1e+300\n");
    assert_eq!(out(&["same", "x=np.sqrt(2.0)"]), "x = 1.4142135623730951\n");
    assert_eq!(out(&["same", "x=2/4"]), "x = 0.5\n");
    assert_eq!(out(&["mode", "how=fast"]), "return = 1\n");
    assert_eq!(out(&["mode", "how=slow"]), "return = 2\n");
}

/// `rng = np.random.default_rng(42)`, then `rng.random(3)`, `rng.standard_normal(2)`: NumPy 2.4.6.
#[test]
fn generated_arguments_are_numpys() {
    let place = place();
    place.file("g.k", "def main(a, b):\n    return a, b\n");
    let ran = place.kjit(&["g.k", "--seed", "42", "a=rand:3", "b=randn:2", "--print"]).code(0);
    assert_eq!(
        ran.out,
        "a =\n  0.7739560485559633 0.4388784397520523 0.8585979199113825\n\
         b =\n  0.9405647163912139 -1.9510351886538364\n"
    );
}

#[test]
fn one_json_object() {
    let place = place();
    let args = ["p.k", "--fn", "grow", "x=1,2,3", "--repeat", "3", "--json", "--threads", "2"];
    let cold = place.kjit(&args).code(0);
    let json = cold.json();
    assert_eq!(json["cache"], "miss");
    assert_eq!(json["threads"], 2);
    assert_eq!(json["function"], "grow");
    // Every repetition starts from the given values.
    assert_eq!(json["results"][0]["name"], "s");
    assert_eq!(json["results"][0]["type"], "f64");
    assert_eq!(json["results"][0]["value"], 9.0);
    assert_eq!(json["results"][1]["name"], "x");
    assert_eq!(json["results"][1]["shape"], serde_json::json!([3]));
    assert_eq!(json["results"][1]["summary"]["max"], 4.0);
    assert_eq!(json["time"]["runs_s"].as_array().unwrap().len(), 3);
    for key in ["compile_s", "load_s", "median_s", "min_s"] {
        assert!(json["time"][key].is_f64(), "{key}");
    }
    assert!(json["remarks"].is_array());
    let warm = place.kjit(&args).code(0).json();
    assert_eq!(warm["cache"], "hit");
    assert_eq!(warm["results"], json["results"]);
    let off = place.kjit(&[&args[..], &["--no-cache"]].concat()).code(0).json();
    assert_eq!(off["cache"], "off");
}

#[test]
fn json_has_nothing_else_on_standard_output() {
    let place = place();
    let ran = place.kjit(&["p.k", "--fn", "say", "n=2", "--json"]).code(0);
    assert_eq!(ran.json()["results"], serde_json::json!([]));
    assert_eq!(ran.err, "0 0.0\n1 0.5\n");
}

#[test]
fn printed_lines_come_first_and_times_go_elsewhere() {
    let place = place();
    let ran = place.kjit(&["p.k", "--fn", "say", "n=2", "--time"]).code(0);
    assert_eq!(ran.out, "0 0.0\n1 0.5\n");
    for stage in ["parse", "infer", "codegen", "run"] {
        assert!(ran.err.contains(stage), "{ran:#?}");
    }
}

#[test]
fn engines_agree() {
    let place = place();
    for engine in ["auto", "scalar", "interp"] {
        let ran = place.kjit(&["p.k", "--fn", "grow", "x=linspace:0:1:5", "--engine", engine]).code(0);
        assert_eq!(
            ran.out, "s = 7.5\nx: f64[5]  min 1  max 2  mean 1.5  [1.0, 1.25, 1.5, 1.75, 2.0]\n",
            "{engine}"
        );
    }
}

#[test]
fn standard_input_is_a_file() {
    let place = place();
    assert_eq!(place.kjit_with_input(&["-"], "def main():\n    return 6 * 7\n").code(0).out, "return = 42\n");
    let wrong = place.kjit_with_input(&["run", "-", "n=1"], "def main(n):\n    return m\n").code(1);
    assert!(wrong.err.contains("K101") && wrong.err.contains("<stdin>:2:12"), "{wrong:#?}");
}

#[test]
fn a_pasted_numba_file_runs() {
    let place = place();
    place.file(
        "smooth.py",
        "import numpy as np\nfrom numba import njit, prange\n\n@njit(parallel=True, fastmath=True, cache=True)\n\
         def smooth(x, w):\n    y = np.zeros_like(x)\n    for i in prange(w, len(x) - w):\n        s = 0.0\n        \
         for j in range(-w, w + 1):\n            s += x[i + j]\n        y[i] = s / (2 * w + 1)\n    return y\n",
    );
    let ran = place.kjit(&["smooth.py", "x=arange:0:9:1.0", "w=1"]).code(0);
    assert!(ran.out.starts_with("y: f64[9]  min 0  max 7"), "{ran:#?}");
}
