//! Everything that can be wrong on the outside: exit code and one clear line each.

mod support;

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{Place, ran};

const PROGRAM: &str = "
def at(x: f64[:], i: i64) -> f64:
    return x[i]

def untyped(a, grid, n):
    for i in range(n):
        a += grid[i, 0]
    return a

def forever(n):
    while True:
        n = (n * 7 + 1) % 1000
    return n

def count(n):
    s = 0.0
    for i in range(n):
        s += 1.0 / (i + 1.0)
    return s

def busy(x):
    for i in prange(len(x)):
        for j in range(1000000):
            x[i] += 1.0 / (i + j + 1.0)

def say(n):
    for i in range(n):
        print(i)

def unused(n):
    return n
";

fn place() -> Place {
    let place = Place::new();
    place.file("p.k", PROGRAM);
    place
}

#[test]
fn program_errors_are_1() {
    let place = place();
    place.kjit(&["p.k", "--fn", "at", "x=1,2,3", "i=5"]).code(1).says("IndexError: index 5 is out of range");
    place.file("broken.k", "def main(:\n    return 1\n");
    place.kjit(&["broken.k"]).code(1).says("broken.k:1:");
    place
        .kjit(&["p.k", "--fn", "count", "n=100000", "--engine", "interp", "--step-limit", "100"])
        .code(1)
        .says("step limit");
}

#[test]
fn usage_errors_are_2() {
    let place = place();
    place.kjit(&["p.k"]).code(2).says("say which function with `--fn`: `at`, ");
    place.kjit(&["p.k", "--fn", "cuont"]).code(2).says("did you mean `count`?");
    place.kjit(&["p.k", "--fn", "count", "m=3"]).code(2).says("has no parameter `m`");
    place.kjit(&["p.k", "--fn", "count", "n=3", "n=4"]).code(2).says("given twice");
    place.kjit(&["p.k", "--fn", "count", "3"]).code(2).says("not of the form NAME=VALUE");
    place.kjit(&["p.k", "--fn", "count", "n=3", "-o", "t=t.npy"]).code(2).says("there are `s`, `return`");
    place.kjit(&["p.k", "--fn", "count", "n=3", "-o", "s=s.txt"]).code(2).says(".npy, .npz or .png");
    place.kjit(&["p.k", "--threads", "0"]).code(2);
    place.kjit(&["frobnicate"]).code(2);
    place.kjit(&["explain", "K999"]).code(2).says("no error code");
    place.kjit(&["examples", "heta"]).code(2).says("did you mean `heat`?");
    place
        .kjit(&["emit", "ir", "p.k", "--fn", "count", "--after", "gaurd", "n=1"])
        .code(2)
        .says("did you mean `guard`?");
    place.kjit(&[]).code(2).says("Usage");
}

#[test]
fn a_missing_argument_shows_a_command_that_works() {
    let place = place();
    for (function, first) in
        [("untyped", "def untyped(a, grid, n)"), ("at", "def at(x: f64[:], i: i64) -> f64")]
    {
        let ran = place.kjit(&["p.k", "--fn", function]).code(2).says(first);
        let line = ran.err.lines().find_map(|line| line.trim().strip_prefix("for example: kjit ")).unwrap();
        let args: Vec<&str> = line.split(' ').collect();
        place.kjit(&args).code(0);
    }
}

#[test]
fn data_errors_are_3() {
    let place = place();
    place.kjit(&["nofile.k"]).code(3).says("nofile.k: No such file");
    place.kjit(&["run", "."]).code(3).says("directory");
    let at = |x: &str, i: &str| place.kjit(&["p.k", "--fn", "at", x, i]).code(3);
    at("x=@no.npy", "i=0").says("x: no.npy: No such file");
    at("x=@p.k", "i=0").says("not a .npy file");
    at("x=5", "i=0").says("the parameter is an array");
    at("x=1,2;3,4", "i=0").says("it has 2 axes");
    at("x=1,2:i32", "i=0").says("its elements are i32");
    at("x=banana", "i=0").says("not a number");
    at("x=1,2", "i=1.5").says("does not fit in i64");
    at("x=zeros:1e14", "i=0").says("cannot be made");
    at("x=zeros:9999999999x9999999999", "i=0").says("cannot be made");
    at("x=zeros:ten", "i=0").says("such as `zeros:1000x1000:f32`");
    place.kjit(&["p.k", "--fn", "count", "n=3", "-o", "s=no/s.npy"]).code(3).says("there is no directory no");
    place.file("load.k", "import numpy as np\ndef main():\n    return np.load(\"no.npy\").sum()\n");
    place.kjit(&["load.k"]).code(3).says("no.npy");
    place.file("save.k", "import numpy as np\ndef main():\n    np.save(\"no/x.npy\", np.zeros(3))\n");
    place.kjit(&["save.k"]).code(3).says("no/x.npy: No such file");
    std::fs::write(place.path("latin1.k"), b"def main():\n    return 1 # \xe9\n").unwrap();
    place.kjit(&["latin1.k"]).code(3).says("not UTF-8");
}

#[test]
fn a_full_disk_is_4() {
    let place = place();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = place.command(&["p.k", "--fn", "count", "n=3"]).stdout(full).output().unwrap();
    ran(&output).code(4).says("No space left");
}

#[test]
fn errors_as_json() {
    let place = place();
    let json = |args: &[&str]| {
        let ran = place.kjit(args);
        let line = ran.err.lines().next().unwrap_or_default().to_owned();
        (ran.code, serde_json::from_str::<serde_json::Value>(&line).unwrap_or_else(|_| panic!("{ran:#?}")))
    };
    let (code, trap) = json(&["--error-format", "json", "p.k", "--fn", "at", "x=1,2", "i=9"]);
    assert_eq!((code, &trap["code"], &trap["line"]), (1, &"K701".into(), &3.into()), "{trap}");
    let (code, usage) = json(&["p.k", "--fn", "nope", "--error-format", "json"]);
    assert_eq!((code, &usage["severity"]), (2, &"error".into()));
    let (code, _) = json(&["run", "p.k", "--frobnicate", "--error-format=json"]);
    assert_eq!(code, 2);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = place();
    let mut command = place.command(&["p.k", "--fn", "say", "n=10000000"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut start = [0; 4];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    assert_eq!(&start, b"0\n1\n");
    // The pipe is closed now.
    let ran = ran(&child.wait_with_output().unwrap()).code(0);
    assert_eq!(ran.err, "");
}

#[test]
fn files_are_written_although_nobody_reads() {
    let place = place();
    place.file("q.k", "def main(n):\n    for i in range(n):\n        print(i)\n    return n\n");
    let mut command = place.command(&["q.k", "n=100000", "-o", "return=n.npy"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(ran(&child.wait_with_output().unwrap()).err, "");
    assert!(place.path("n.npy").exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_130() {
    let place = place();
    let cases: [&[&str]; 4] = [
        &["p.k", "--fn", "forever", "n=3"],
        // A plain counted loop does not look; the process ends all the same.
        &["p.k", "--fn", "count", "n=1000000000000"],
        &["p.k", "--fn", "busy", "x=zeros:1000000"],
        &["p.k", "--fn", "forever", "n=3", "--engine", "interp"],
    ];
    for args in cases {
        let mut command = place.command(args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(700));
        let asked = Instant::now();
        let kill =
            std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let ran = ran(&child.wait_with_output().unwrap()).code(130).says("interrupted");
        assert!(asked.elapsed() < Duration::from_secs(10), "{args:?}: {ran:?}");
        assert_eq!(ran.out, "");
    }
}

#[test]
fn no_colour_where_nobody_sees_it() {
    let place = place();
    let output = place.command(&["p.k", "--fn", "at", "x=1", "i=5"]).env_remove("NO_COLOR").output().unwrap();
    assert!(!ran(&output).err.contains('\x1b'));
}

#[test]
fn a_gpu_that_is_not_there_is_one_clear_line() {
    let place = Place::new();
    place
        .file("a.k", "def main(n=10):\n    s = 0.0\n    for i in prange(n):\n        s += i\n    return s\n");
    let run = |args: &[&str], device: &str| {
        let output = place
            .command(args)
            .env("KJIT_CUDA_DRIVER", "/nowhere/libcuda.so.1")
            .env("KJIT_DEVICE", device)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let missing = "no GPU to run on: no NVIDIA driver: libcuda was not found (tried /nowhere/libcuda.so.1); install it, or name it with KJIT_CUDA_DRIVER\n";
    let (code, out, err) = run(&["run", "a.k", "--device", "cuda"], "");
    assert_eq!((code, out.as_str(), err), (Some(4), "", format!("error: {missing}")));
    assert_eq!(run(&["bench", "a.k"], "cuda").0, Some(4));
    let (code, out, err) = run(&["a.k", "--device", "auto"], "cuda");
    assert_eq!(
        (code, out.as_str(), err),
        (Some(0), "s = 45.0\n", format!("note: loops run on the processor: {missing}"))
    );
    // What asks for no result needs no GPU.
    assert_eq!(run(&["emit", "remarks", "a.k"], "cuda").0, Some(0));
    let (code, out, _) = run(&["doctor"], "cuda");
    assert_eq!(code, Some(0));
    assert!(
        out.contains("GPU driver  not there; looked at:\n              /nowhere/libcuda.so.1: "),
        "{out}"
    );
    let (code, _, err) = run(&["a.k"], "gpu");
    assert_eq!(code, Some(4));
    assert!(err.starts_with("error: KJIT_DEVICE: there is no device `gpu`"), "{err}");
    let (code, _, err) = run(&["a.k", "--device", "cuda", "--engine", "interp"], "");
    assert_eq!(
        (code, err.as_str()),
        (Some(4), "error: no GPU to run on: the interpreter does not run on a GPU\n")
    );
    assert_eq!(run(&["a.k", "--device", "tpu"], "").0, Some(2));
}

#[test]
fn gpu_code_needs_a_compiler_for_it() {
    let place = Place::new();
    place.file("a.k", "def main(n=10):\n    s = 0\n    for i in prange(n):\n        s += i\n    return s\n");
    place.file("b.k", "def main(n=10):\n    return n\n");
    let run = |args: &[&str]| {
        let output = place
            .command(args)
            .env("KJIT_CUDA_DRIVER", "/nowhere/libcuda.so.1")
            .env("KJIT_NVRTC", "/nowhere/libnvrtc.so.13")
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, err) = run(&["emit", "ptx", "a.k"]);
    assert_eq!(code, Some(4), "{err}");
    let missing = "error: no compiler for GPU code: libnvrtc was not found (tried /nowhere/libnvrtc.so.13); ";
    assert!(err.starts_with(missing), "{err}");
    let (code, err) = run(&["emit", "ptx", "b.k"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.starts_with("error: no loop of this function runs on a GPU"), "{err}");
    assert_eq!(run(&["emit", "cuda", "a.k"]).0, Some(0));
}
