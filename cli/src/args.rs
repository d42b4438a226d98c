//! The command line as data.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kjit::{CacheDir, Config, DeviceKind, EngineKind, FastMath, Options, TargetCpu};

use crate::exit::{ErrorFormat, Failure, note};
use crate::files::NpyFiles;
use crate::output;

const VALUES: &str = "\
Values: 2.5  3:u32  1+2j  1,2,3:f32  1,2;3,4  @data.npy  @data.npz#x  like:x  None  np.sqrt(2)
        zeros:100x100:f32  ones:10  full:10:0.5  arange:0:10:0.5  linspace:0:1:101
        rand:1e6  randn:1e3  randint:0:256:1e6:u8  (numpy.random.default_rng(seed), in this order)";
const EXAMPLES: &str = "\
Examples:
  kjit run kernels/mandelbrot.k -o image=mandelbrot.png
  kjit run kernels/heat.k n=1000 steps=500 -o u=u.npy
  kjit run saxpy.k --fn saxpy a=2 x=@x.npy y=@y.npy -o y=y.npy
  kjit run kernel.k x=rand:1e6 y=like:x k=3:u32
  kjit check broken.k
  kjit explain K501
  kjit emit asm kernels/heat.k

The forms of values are shown by `kjit run --help`.
Exit codes: 0 ok, 1 the program is at fault, 2 usage, 3 data, 4 environment, 101 internal, 130 interrupted";

/// Compiles and runs numeric kernels written in a subset of Python.
#[derive(Debug, Parser)]
#[command(name = "kjit", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    /// How errors are printed.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) error_format: ErrorFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compile a file and call `main`, or another function with `--fn`. `kjit FILE` is the same.
    #[command(after_help = VALUES)]
    Run(RunArgs),
    /// Parse, infer types and check parallel loops; make no code.
    Check(CheckArgs),
    /// Print a stage of the compiler.
    #[command(after_help = VALUES)]
    Emit(EmitArgs),
    /// Write the source as an HTML page: what became of each line, and why.
    #[command(after_help = VALUES)]
    Annotate(AnnotateArgs),
    /// Measure a function: warm-up, repeats, median and spread.
    #[command(after_help = VALUES)]
    Bench(BenchArgs),
    /// Explain an error code.
    Explain {
        /// Such as K501; without it, all codes with their titles.
        code: Option<String>,
    },
    /// Look after the cache of compiled kernels.
    Cache {
        #[command(subcommand)]
        action: CacheAction,
    },
    /// Show processor, threads, cache and versions.
    Doctor {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// List the example kernels, print one, or write them to a directory.
    Examples {
        /// Name of an example.
        name: Option<String>,
        /// Write all of them here.
        #[arg(long, value_name = "DIR", conflicts_with = "name")]
        write: Option<PathBuf>,
    },
    /// Print completions for a shell.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

/// Which function, for which arguments, compiled how.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Source file; `-` is standard input.
    pub(crate) file: PathBuf,
    /// Arguments by name, in any of the forms below.
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) values: Vec<String>,
    /// Function to call.
    #[arg(long = "fn", value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// Threads of parallel loops (`bench` takes a list: `1,2,4`).
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Vec<u16>,
    /// How it is executed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) engine: EngineArg,
    /// On what parallel loops run: `cpu`, `cuda`, `cuda:NUMBER`, or `auto`: a GPU where there is one and the loop is worth it.
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<DeviceKind>,
    /// Processor that code is made for, this machine's by default; results do not depend on it.
    #[arg(long, value_name = "CPU", value_parser = parse_cpu)]
    pub(crate) target_cpu: Option<TargetCpu>,
    /// Seed of generated arguments and of `np.random` in the kernel.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Allow regrouping, contraction and reciprocals in floating point.
    #[arg(long)]
    pub(crate) fastmath: bool,
    /// Do not check indices. A wrong index is then undefined behaviour.
    #[arg(long)]
    pub(crate) no_bounds_checks: bool,
    /// Run `prange` as `range`.
    #[arg(long)]
    pub(crate) serial: bool,
    /// Neither read nor write the cache.
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Treat these as errors.
    #[arg(long, value_name = "warnings")]
    pub(crate) deny: Vec<Deny>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Deny {
    Warnings,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum EngineArg {
    /// The fastest that works here.
    #[default]
    Auto,
    /// Native scalar code.
    Scalar,
    /// The interpreter, with every check on.
    Interp,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Write a result: an argument, a variable that is returned, `return`, `return0`; to .npy, .png, or all to one .npz.
    #[arg(short, long = "output", value_name = "NAME=PATH")]
    pub(crate) output: Vec<String>,
    /// Print arrays in full.
    #[arg(long)]
    pub(crate) print: bool,
    /// Print one JSON object instead of summaries.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print times of compiling and running to standard error.
    #[arg(long, alias = "timings")]
    pub(crate) time: bool,
    /// Run that often, each time with fresh copies of the arguments.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// Statements after which the interpreter gives up.
    #[arg(long, value_name = "N")]
    pub(crate) step_limit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Source files; `-` is standard input.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Treat these as errors.
    #[arg(long, value_name = "warnings")]
    pub(crate) deny: Vec<Deny>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum EmitKind {
    Tokens,
    Ast,
    Types,
    Ir,
    Strip,
    Clif,
    Asm,
    /// Kernels for an NVIDIA GPU; needs none.
    Cuda,
    /// What NVRTC makes of them, as text for the driver; needs NVRTC, no GPU.
    Ptx,
    /// As machine code; needs NVRTC and a disassembler, no GPU.
    Sass,
    Remarks,
}

#[derive(Debug, Args)]
pub(crate) struct EmitArgs {
    /// What to print.
    #[arg(value_enum)]
    pub(crate) kind: EmitKind,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Stop after that pass (`ir`); `lower` and `outline` name the stages before the first.
    #[arg(long, value_name = "PASS")]
    pub(crate) after: Option<String>,
    /// Compute capability times ten that `ptx` and `sass` are for, such as 90; the GPU's by default, without one 90.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) arch: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct AnnotateArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The page; `-` is standard output. Without it: the file's name with `.html`, in the current directory.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Timed runs at least.
    #[arg(long, default_value_t = 10)]
    pub(crate) runs: u32,
    /// Seconds of timed runs at least.
    #[arg(long, default_value_t = 0.5)]
    pub(crate) seconds: f64,
    /// Measure for several values of one argument: `n=100,1000,10000`.
    #[arg(long, value_name = "NAME=V1,V2,...")]
    pub(crate) sizes: Option<String>,
    /// Compare with results that `--save` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    /// Write the results.
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// Write a page to read in a browser.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Compile in this process even if the cache has the kernel.
    #[arg(long)]
    pub(crate) cold: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheAction {
    /// Print the directory.
    Dir,
    /// Print the number of entries and their size.
    Size,
    /// List entries, the most recently used first.
    List {
        /// Print a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Show one entry.
    Show {
        /// Its key or the beginning of it.
        key: String,
    },
    /// Remove the least recently used entries beyond a size.
    Prune {
        /// In bytes, or with K, M, G.
        #[arg(long, default_value = "512M")]
        limit: String,
    },
    /// Remove all entries.
    Clean,
    /// Look for damaged or untrusted entries; exit code 3 if there are any.
    Verify,
}

impl Cli {
    /// Is there a command of that name?
    pub(crate) fn has_command(name: &str) -> bool {
        const NAMES: [&str; 11] = [
            "run",
            "check",
            "emit",
            "annotate",
            "bench",
            "explain",
            "cache",
            "doctor",
            "examples",
            "completions",
            "help",
        ];
        NAMES.contains(&name)
    }
}

fn parse_cpu(text: &str) -> Result<TargetCpu, String> {
    text.parse()
}

impl Target {
    /// The engine that was asked for.
    ///
    /// # Errors
    /// If several numbers of threads are given.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        match self.threads.as_slice() {
            [] => Ok(self.config_with(None)),
            [threads] => Ok(self.config_with(Some(*threads))),
            _ => Err(Failure::usage("only `bench` takes several numbers of threads")),
        }
    }

    /// The engine that was asked for, with that many threads.
    pub(crate) fn config_with(&self, threads: Option<u16>) -> Config {
        let kind = match self.engine {
            EngineArg::Auto => EngineKind::Auto,
            EngineArg::Scalar => EngineKind::Scalar,
            EngineArg::Interp => EngineKind::Interp,
        };
        let config = Config::new()
            .engine(kind)
            .seed(self.seed)
            .options(self.options())
            .files(NpyFiles)
            .cache(if self.no_cache { CacheDir::Off } else { CacheDir::Default })
            .print(output::kernel_line);
        let config = match self.device {
            Some(device) => config.device(device),
            None => config,
        };
        let config = match self.target_cpu {
            Some(cpu) => config.target_cpu(cpu),
            None => config,
        };
        match threads {
            Some(threads) => config.threads(usize::from(threads)),
            None => config,
        }
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            fastmath: if self.fastmath { FastMath::TRUE } else { FastMath::default() },
            boundscheck: !self.no_bounds_checks,
            parallel: !self.serial,
            ..Options::default()
        }
    }

    /// Are warnings errors?
    pub(crate) fn denies_warnings(&self) -> bool {
        self.deny.contains(&Deny::Warnings)
    }

    /// Says once why loops run on the processor though a GPU would have been taken.
    pub(crate) fn tell_device(&self, engine: &kjit::Engine) {
        if let Some(why) = engine.gpu_note() {
            note(&format!("note: loops run on the processor: {why}"));
        }
    }

    /// Says once that the cache is not used.
    pub(crate) fn warn_about_cache(&self, engine: &kjit::Engine) {
        if let Some(warning) = engine.cache_warning() {
            note(&format!("warning[{}]: {}", warning.code, warning.message));
        }
    }
}
