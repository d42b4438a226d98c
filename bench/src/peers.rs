//! The competition: the same kernels in C, linked into this process, and under Numba, in a process of its own.

use std::ffi::{CString, c_char, c_void};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kjit::DType;
use serde_json::{Value, json};

use crate::arguments::{Argument, Arguments};
use crate::calls::Run;
use crate::definitions::{Sizes, root};

/// Flags of every C variant, as in `bench/peers/check.py`.
const C_FLAGS: &[&str] = &["-std=c11", "-O3", "-march=native", "-ffp-contract=off", "-fPIC"];

/// What is compiled.
const C_SOURCES: [&str; 2] = ["kernels.c", "vector.c"];

/// C variants and what they add.
pub(crate) const C_VARIANTS: &[(&str, &[&str])] = &[
    ("gcc", &[]),
    ("gcc_novec", &["-fno-tree-vectorize", "-fno-tree-slp-vectorize"]),
    ("gcc_fast", &["-ffast-math", "-ffp-contract=fast"]),
    ("gcc_omp", &["-fopenmp"]),
];

/// The C files compiled one way.
pub(crate) struct Library {
    handle: *mut c_void,
}

/// A slot of the uniform entries of `entry.h`.
#[derive(Clone, Copy)]
#[repr(C)]
union Slot {
    int: i64,
    double: f64,
    single: f32,
    pointer: *mut u8,
}

type Entry = unsafe extern "C" fn(*const Slot, *mut Slot);

/// Has this machine a C compiler? Its version.
pub(crate) fn cc_version() -> Option<String> {
    let output = Command::new("cc").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}

impl Library {
    /// Compiles and loads it.
    ///
    /// # Errors
    /// What the compiler or the loader says.
    pub(crate) fn build(folder: &Path, variant: &str) -> Result<Library, String> {
        let flags = C_VARIANTS.iter().find(|(name, _)| *name == variant).map(|(_, flags)| *flags);
        let flags = flags.ok_or("no such variant")?;
        let run = |command: &mut Command| {
            let output = command.output().map_err(|error| format!("cc: {error}"))?;
            if output.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&output.stderr).into_owned())
            }
        };
        let mut objects = Vec::new();
        for source in C_SOURCES {
            let object = folder.join(format!("{variant}-{source}.o"));
            let source = root().join("bench/peers").join(source);
            run(Command::new("cc").args(C_FLAGS).args(flags).arg("-c").arg(source).arg("-o").arg(&object))?;
            objects.push(object);
        }
        // Linked without the flags: with -ffast-math, loading the library would change how this process treats subnormal numbers.
        let shared = folder.join(format!("{variant}.so"));
        let openmp = flags.iter().filter(|flag| **flag == "-fopenmp");
        run(Command::new("cc").arg("-shared").args(&objects).arg("-o").arg(&shared).args(openmp).arg("-lm"))?;
        let path = CString::new(shared.to_string_lossy().as_bytes()).map_err(|error| error.to_string())?;
        // SAFETY: a library that has just been made; it has no constructors that do anything.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            Err(format!("{} does not load", shared.display()))
        } else {
            Ok(Library { handle })
        }
    }

    /// A function on these arguments.
    ///
    /// # Safety
    /// The arguments outlive what is returned, and nothing else uses them while it runs. Never unloaded.
    ///
    /// # Errors
    /// If there is no such function.
    pub(crate) unsafe fn run(
        &self,
        function: &str,
        args: &Arguments,
        returns: Option<&str>,
    ) -> Result<Run, String> {
        let name = CString::new(format!("call_{function}")).map_err(|error| error.to_string())?;
        let name: *const c_char = name.as_ptr();
        // SAFETY: the library stays loaded.
        let address = unsafe { libc::dlsym(self.handle, name) };
        if address.is_null() {
            return Err(format!("the C files have no {function}"));
        }
        // SAFETY: `entry.h` gives every `call_` function this type.
        let entry: Entry = unsafe { std::mem::transmute(address) };
        let mut slots: Vec<Slot> = Vec::new();
        for argument in &args.0 {
            match argument {
                Argument::Scalar(DType::I64, [value, _]) => slots.push(Slot { int: *value as i64 }),
                Argument::Scalar(DType::F32, [value, _]) => slots.push(Slot { single: *value as f32 }),
                Argument::Scalar(DType::C128, [re, im]) => {
                    slots.extend([Slot { double: *re }, Slot { double: *im }]);
                }
                Argument::Scalar(_, [value, _]) => slots.push(Slot { double: *value }),
                Argument::Array(array) => {
                    slots.push(Slot { pointer: array.data });
                    slots.extend(array.shape.iter().map(|&extent| Slot { int: extent as i64 }));
                }
            }
        }
        let is_int = returns == Some("i64");
        let has_result = returns.is_some();
        Ok(Box::new(move |count| {
            let mut result = Slot { int: 0 };
            for _ in 0..count {
                // SAFETY: the slots describe the function's arguments, which the caller keeps.
                unsafe { entry(slots.as_ptr(), &raw mut result) };
            }
            // SAFETY: written by the entry as that type, or the 0 from above.
            unsafe {
                match (has_result, is_int) {
                    (false, _) => 0.0,
                    (true, true) => result.int as f64,
                    (true, false) => result.double,
                }
            }
        }))
    }
}

/// The Numba process, `bench/peers/server.py`.
pub(crate) struct Numba {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next: u64,
    /// Versions of Python, NumPy and Numba.
    pub versions: Value,
    /// The interpreter.
    pub python: PathBuf,
}

/// Something that the Numba process has ready.
pub(crate) struct NumbaCall {
    id: u64,
    /// Seconds of the first call, which compiles.
    pub compile_s: f64,
}

/// The Python that has Numba: `KJIT_BENCH_PYTHON`, else `bench/peers/venv`, made and filled when it is missing.
///
/// # Errors
/// Why there is none.
pub(crate) fn numba_python() -> Result<PathBuf, String> {
    if let Some(python) = std::env::var_os("KJIT_BENCH_PYTHON") {
        return Ok(python.into());
    }
    let venv = root().join("bench/peers/venv");
    let python = venv.join("bin/python");
    if !python.exists() {
        eprintln_line("making bench/peers/venv with Numba (once)");
        let steps: [(&str, Vec<&str>); 2] = [
            ("python3", vec!["-m", "venv", venv.to_str().ok_or("the path is not text")?]),
            (
                python.to_str().ok_or("the path is not text")?,
                vec!["-m", "pip", "install", "--quiet", "numba==0.68.1", "numpy==2.4.6"],
            ),
        ];
        for (program, args) in steps {
            let status = Command::new(program).args(&args).status().map_err(|e| format!("{program}: {e}"))?;
            if !status.success() {
                let _ = std::fs::remove_dir_all(&venv);
                return Err(format!("{program} {} failed", args.join(" ")));
            }
        }
    }
    Ok(python)
}

/// A line on standard error.
pub(crate) fn eprintln_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl Numba {
    /// Starts it.
    ///
    /// # Errors
    /// Why it cannot be used on this machine.
    pub(crate) fn start() -> Result<Numba, String> {
        let python = numba_python()?;
        let mut child = Command::new(&python)
            .arg(root().join("bench/peers/server.py"))
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", python.display()))?;
        let input = child.stdin.take().ok_or("no pipe")?;
        let output = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        let mut numba = Numba { child, input, output, next: 0, versions: Value::Null, python };
        let answer = numba.ask(&json!({"op": "variants"}))?;
        let has_numba = answer["variants"].as_array().is_some_and(|all| all.contains(&json!("numba")));
        numba.versions = answer["versions"].clone();
        if has_numba { Ok(numba) } else { Err(format!("{} has no Numba", numba.python.display())) }
    }

    fn ask(&mut self, request: &Value) -> Result<Value, String> {
        let mut line = String::new();
        writeln!(self.input, "{request}").map_err(|error| error.to_string())?;
        self.output.read_line(&mut line).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    /// Compiles a function and makes its arguments; `variant` is one of the server's.
    ///
    /// # Errors
    /// What Python says.
    pub(crate) fn prepare(
        &mut self,
        variant: &str,
        function: &str,
        sizes: &Sizes,
    ) -> Result<NumbaCall, String> {
        self.next += 1;
        // Whole numbers: Python must not get 4.0 for an extent.
        let sizes: serde_json::Map<String, Value> =
            sizes.iter().map(|(name, value)| (name.clone(), json!(*value as i64))).collect();
        let answer = self.ask(
            &json!({"op": "prepare", "id": self.next, "variant": variant, "function": function, "sizes": sizes}),
        )?;
        Ok(NumbaCall { id: self.next, compile_s: answer["compile_s"].as_f64().unwrap_or(f64::NAN) })
    }

    /// Nanoseconds of one call.
    ///
    /// # Errors
    /// What Python says.
    pub(crate) fn sample(&mut self, call: &NumbaCall) -> Result<f64, String> {
        let answer = self.ask(&json!({"op": "sample", "id": call.id}))?;
        answer["ns"].as_f64().ok_or_else(|| "no time".to_owned())
    }

    /// Frees its arguments.
    pub(crate) fn release(&mut self, call: &NumbaCall) {
        let _ = self.ask(&json!({"op": "release", "id": call.id}));
    }
}

impl Drop for Numba {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
