//! How fast the compiled kernels are: against C and Numba, with index checks on and off, and on two threads.

use std::path::Path;
use std::time::Instant;

use kjit::{CacheDir, Config, Engine, FastMath, Module, Options};
use serde::Serialize;

use crate::arguments::Arguments;
use crate::calls::{self, Run};
use crate::definitions::{Definition, Sizes, definitions, root, vector_definitions};
use crate::peers::{C_VARIANTS, Library, Numba, NumbaCall, eprintln_line};
use crate::stats::{Summary, geometric_mean, ratio};
use crate::{Plan, table};

/// Nanoseconds that a sample takes at least.
const SAMPLE_NS: f64 = 200_000.0;

/// Samples of one kernel at one size.
#[derive(Serialize)]
pub(crate) struct KernelTimes {
    pub function: String,
    pub size: String,
    pub irregular: bool,
    /// Units of work of a call.
    pub elements: f64,
    /// Nanoseconds of a call, by variant.
    pub ns: Vec<(String, Summary)>,
    /// Median over the rounds of this variant's time over that one's: (this, that, ratio).
    pub ratios: Vec<(String, String, f64)>,
    /// What differs from C, if anything does.
    pub differs: Option<String>,
    /// Ratios that are below what they should be: (ratio, is, aim).
    pub missed: Vec<(String, f64, f64)>,
}

impl KernelTimes {
    /// The ratio of two variants; NaN if one is missing.
    pub(crate) fn ratio(&self, ours: &str, theirs: &str) -> f64 {
        self.ratios.iter().find(|(a, b, _)| a == ours && b == theirs).map_or(f64::NAN, |(_, _, r)| *r)
    }

    fn median(&self, variant: &str) -> f64 {
        self.ns.iter().find(|(name, _)| name == variant).map_or(f64::NAN, |(_, summary)| summary.median)
    }
}

/// What takes samples.
enum Sampler {
    Here { run: Run, calls: u64 },
    There(NumbaCall),
}

/// A kernel with everything it is measured in.
struct Contest<'a> {
    definition: &'a Definition,
    args: &'a Arguments,
    samplers: Vec<(String, Sampler)>,
    samples: Vec<Vec<f64>>,
}

impl Contest<'_> {
    fn sample(&mut self, at: usize, numba: Option<&mut Numba>) -> f64 {
        if self.definition.fresh {
            self.args.restore();
        }
        match (&mut self.samplers[at].1, numba) {
            (Sampler::Here { run, calls }, _) => {
                let start = Instant::now();
                run(*calls);
                start.elapsed().as_nanos() as f64 / *calls as f64
            }
            (Sampler::There(call), Some(numba)) => numba.sample(call).unwrap_or(f64::NAN),
            (Sampler::There(_), None) => f64::NAN,
        }
    }

    fn calibrate(&mut self, at: usize) {
        self.sample(at, None);
        let one = self.sample(at, None).max(1.0);
        if let Sampler::Here { calls, .. } = &mut self.samplers[at].1
            && !self.definition.fresh
        {
            *calls = ((SAMPLE_NS / one) as u64).clamp(1, 1_000_000);
        }
    }
}

/// Which variants take part and how they are paired.
struct Variants<'a> {
    kjit: Vec<(String, Engine, Options)>,
    libraries: &'a [(String, Library)],
    numba: &'a [&'a str],
    pairs: &'a [(&'a str, &'a str)],
}

/// Measures functions at one of their sizes, those that have it.
fn contest(
    plan: &Plan,
    variants: &Variants<'_>,
    numba: &mut Option<Numba>,
    size: &str,
    definitions: &[Definition],
) -> Vec<KernelTimes> {
    let mut all = Vec::new();
    for definition in definitions.iter().filter(|d| plan.wants(&d.function)) {
        let Some(sizes) = definition.sizes.get(size) else { continue };
        match times(plan, variants, numba, definition, size, sizes) {
            Ok(times) => {
                let shown: Vec<String> = times
                    .ratios
                    .iter()
                    .filter(|(_, _, r)| r.is_finite())
                    .map(|(a, b, r)| format!("{a}/{b} {r:.2}"))
                    .collect();
                eprintln_line(&format!("{:24} {size:6} {}", definition.function, shown.join("  ")));
                if let Some(difference) = &times.differs {
                    eprintln_line(&format!("{:24} DIFFERS: {difference}", definition.function));
                }
                all.push(times);
            }
            Err(error) => eprintln_line(&format!("{:24} {size:6} SKIPPED: {error}", definition.function)),
        }
    }
    all
}

fn times(
    plan: &Plan,
    variants: &Variants<'_>,
    numba: &mut Option<Numba>,
    definition: &Definition,
    size: &str,
    sizes: &Sizes,
) -> Result<KernelTimes, String> {
    let args = Arguments::new(definition, sizes);
    let mut samplers = Vec::new();
    for (name, engine, options) in &variants.kjit {
        let module =
            Module::from_file(engine, root().join(&definition.file)).map_err(|error| error.to_string())?;
        let kernel = module
            .kernel_with_options(&definition.function, options.clone())
            .map_err(|error| error.to_string())?;
        // SAFETY: `args` lives to the end of this function, and samples are taken one after the other.
        let run = unsafe { calls::typed(&definition.function, &kernel, &args) }
            .map_err(|error| error.to_string())?;
        samplers.push((name.clone(), Sampler::Here { run, calls: 1 }));
    }
    for (name, library) in variants.libraries {
        // SAFETY: as above.
        let run = unsafe { library.run(&definition.function, &args, definition.returns.as_deref())? };
        samplers.push((name.clone(), Sampler::Here { run, calls: 1 }));
    }
    let differs = difference(definition, &args, &mut samplers);
    for &variant in variants.numba {
        if let Some(numba) = numba.as_mut() {
            match numba.prepare(variant, &definition.function, sizes) {
                Ok(call) => samplers.push((variant.to_owned(), Sampler::There(call))),
                Err(error) => eprintln_line(&format!("{}: {variant}: {error}", definition.function)),
            }
        }
    }
    let samples = vec![Vec::new(); samplers.len()];
    let mut contest = Contest { definition, args: &args, samplers, samples };
    for at in 0..contest.samplers.len() {
        if matches!(contest.samplers[at].1, Sampler::Here { .. }) {
            contest.calibrate(at);
        }
    }
    let start = Instant::now();
    for round in 0..plan.rounds {
        // After the minimum, as many as the time allows.
        if round >= plan.rounds_min && start.elapsed().as_secs_f64() > plan.kernel_s {
            break;
        }
        for turn in 0..contest.samplers.len() {
            let at = (turn + round) % contest.samplers.len();
            let ns = contest.sample(at, numba.as_mut());
            contest.samples[at].push(ns);
        }
    }
    let names: Vec<&String> = contest.samplers.iter().map(|(name, _)| name).collect();
    let of = |name: &str| names.iter().position(|n| *n == name).map(|at| contest.samples[at].as_slice());
    let ratios: Vec<(String, String, f64)> = variants
        .pairs
        .iter()
        .filter_map(|(a, b)| Some(((*a).to_owned(), (*b).to_owned(), ratio(of(a)?, of(b)?))))
        .collect();
    let missed = definition.aims.iter().filter_map(|(pair, &aim)| {
        let (_, _, is) = ratios.iter().find(|(a, b, _)| *pair == format!("{a}/{b}"))?;
        // At the size of the main memory nobody can be faster than the memory.
        let aim = if size == "dram" { aim.min(1.0) } else { aim };
        (*is < aim).then(|| (pair.clone(), *is, aim))
    });
    let missed = missed.collect();
    let ns = names.iter().zip(&contest.samples).map(|(n, s)| ((*n).clone(), Summary::of(s))).collect();
    let times = KernelTimes {
        function: definition.function.clone(),
        size: size.to_owned(),
        irregular: definition.irregular,
        elements: definition.elements.value(sizes),
        ns,
        ratios,
        differs,
        missed,
    };
    for (_, sampler) in &contest.samplers {
        if let (Sampler::There(call), Some(numba)) = (sampler, numba.as_mut()) {
            numba.release(call);
        }
    }
    Ok(times)
}

/// Runs each variant once on the same content and compares with C (the first variant otherwise).
fn difference(
    definition: &Definition,
    args: &Arguments,
    samplers: &mut [(String, Sampler)],
) -> Option<String> {
    let mut results = Vec::new();
    for (name, sampler) in samplers.iter_mut() {
        if let Sampler::Here { run, .. } = sampler {
            args.restore();
            let returned = run(1);
            let mut values = args.written();
            values.push(vec![returned]);
            results.push((name.clone(), values));
        }
    }
    args.restore();
    let reference = results.iter().find(|(name, _)| name == "gcc").or(results.first())?;
    for (name, values) in &results {
        for (ours, theirs) in values.iter().zip(&reference.1) {
            let largest = theirs.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
            let allowed = match &definition.tolerance {
                serde_json::Value::Number(relative) => relative.as_f64().unwrap_or(0.0) * largest,
                serde_json::Value::Object(object) => object["abs"].as_f64().unwrap_or(0.0),
                _ => 0.0,
            };
            let worst = ours
                .iter()
                .zip(theirs)
                .filter(|(a, b)| a.to_bits() != b.to_bits())
                .map(|(a, b)| (a - b).abs())
                .fold(0.0_f64, f64::max);
            if worst > allowed || worst.is_nan() {
                return Some(format!("{name} is off by {worst:.3e} from {}", reference.0));
            }
        }
    }
    None
}

fn engine(threads: usize) -> Engine {
    Engine::new(Config::new().threads(threads).cache(CacheDir::Off)).expect("the processor is supported")
}

/// The C variants that can be built here; says why not otherwise.
pub(crate) fn libraries(folder: &Path, wanted: &[&str]) -> Vec<(String, Library)> {
    let mut built = Vec::new();
    for (variant, _) in C_VARIANTS.iter().filter(|(name, _)| wanted.contains(name)) {
        match Library::build(folder, variant) {
            Ok(library) => built.push(((*variant).to_owned(), library)),
            Err(error) => eprintln_line(&format!("skipped: {variant}: {error}")),
        }
    }
    built
}

/// Results of the serial contest.
#[derive(Serialize)]
pub(crate) struct RunReport {
    pub kernels: Vec<KernelTimes>,
}

/// Serial code: kjit with and without index checks, gcc with and without vector instructions, Numba.
pub(crate) fn serial(plan: &Plan, numba: &mut Option<Numba>) -> RunReport {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let libraries = libraries(folder.path(), &["gcc", "gcc_novec"]);
    let fast = Options { fastmath: FastMath::TRUE, ..Options::default() };
    let unchecked = Options { boundscheck: false, ..Options::default() };
    let variants = Variants {
        kjit: vec![
            ("kjit".into(), engine(1), Options::default()),
            ("kjit_nocheck".into(), engine(1), unchecked),
            ("kjit_fast".into(), engine(1), fast),
        ],
        libraries: &libraries,
        numba: &["numba", "numba_fast"],
        pairs: &[
            ("kjit", "gcc_novec"),
            ("kjit", "gcc"),
            ("kjit", "kjit_nocheck"),
            ("numba", "kjit"),
            ("numba_fast", "kjit_fast"),
            ("gcc", "kjit"),
            ("gcc_novec", "gcc"),
        ],
    };
    let mut kernels = Vec::new();
    for size in plan.sizes() {
        kernels.extend(contest(plan, &variants, numba, size, &definitions()));
    }
    RunReport { kernels }
}

impl RunReport {
    /// The table and what the aims say of it.
    pub(crate) fn markdown(&self) -> String {
        let mut rows = Vec::new();
        for times in &self.kernels {
            let ns = |name: &str| table::number(times.median(name) / times.elements);
            let ratio = |a: &str, b: &str| table::number(times.ratio(a, b));
            rows.push(vec![
                format!("{}{}", times.function, if times.irregular { " (irregular)" } else { "" }),
                times.size.clone(),
                ns("kjit"),
                ns("gcc_novec"),
                ns("gcc"),
                ns("numba"),
                ratio("kjit", "gcc_novec"),
                ratio("kjit", "gcc"),
                ratio("numba", "kjit"),
                ratio("kjit", "kjit_nocheck"),
                times.differs.clone().unwrap_or_default(),
            ]);
        }
        let head = [
            "kernel",
            "size",
            "kjit ns",
            "gcc_novec ns",
            "gcc ns",
            "numba ns",
            "kjit/gcc_novec",
            "kjit/gcc",
            "numba/kjit",
            "checks on/off",
            "differs",
        ];
        let over: Vec<String> = self
            .kernels
            .iter()
            .filter(|t| t.ratio("kjit", "gcc_novec") > 1.3)
            .map(|t| format!("{} {} ({:.2})", t.function, t.size, t.ratio("kjit", "gcc_novec")))
            .collect();
        let slow: Vec<String> = self
            .kernels
            .iter()
            .filter(|t| t.irregular && t.ratio("numba", "kjit") < 1.5)
            .map(|t| format!("{} {} ({:.2})", t.function, t.size, t.ratio("numba", "kjit")))
            .collect();
        let mean = |a: &str, b: &str| geometric_mean(self.kernels.iter().map(|t| t.ratio(a, b)));
        let none = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
        format!(
            "## Run\n\nNanoseconds per element (`elements` in `kernels.json`), medians; ratios are medians over interleaved \
             rounds.\n\n{}\nGeometric means: kjit/gcc_novec {:.2}; gcc/kjit {:.2} (aim: 1.8), numba/kjit {:.2} (2.5), with fastmath {:.2} \
             (2); checks on/off {:.3} (at most 1.03).\n\nSlower than 1.3 times gcc without vector instructions: {}.\n\nIrregular kernels less than 1.5 \
             times as fast as Numba: {}.\n",
            table::markdown(&head, &rows),
            mean("kjit", "gcc_novec"),
            mean("gcc", "kjit"),
            mean("numba", "kjit"),
            mean("numba_fast", "kjit_fast"),
            mean("kjit", "kjit_nocheck"),
            none(&over),
            none(&slow),
        )
    }
}

/// Results of the loops that vector instructions are for.
#[derive(Serialize)]
pub(crate) struct VectorReport {
    pub kernels: Vec<KernelTimes>,
}

/// Serial code with and without `fastmath` against gcc and Numba with the same flags, at the sizes of the levels of the memory.
pub(crate) fn vector(plan: &Plan, numba: &mut Option<Numba>) -> VectorReport {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let libraries = libraries(folder.path(), &["gcc", "gcc_fast"]);
    let fast = Options { fastmath: FastMath::TRUE, ..Options::default() };
    let variants = Variants {
        kjit: vec![("kjit".into(), engine(1), Options::default()), ("kjit_fast".into(), engine(1), fast)],
        libraries: &libraries,
        numba: &["numba", "numba_fast"],
        pairs: &[
            ("numba", "kjit"),
            ("gcc", "kjit"),
            ("numba_fast", "kjit_fast"),
            ("gcc_fast", "kjit_fast"),
            ("gcc_fast", "kjit"),
        ],
    };
    let mut kernels = Vec::new();
    for size in plan.levels() {
        kernels.extend(contest(plan, &variants, numba, size, &vector_definitions()));
    }
    VectorReport { kernels }
}

impl VectorReport {
    /// The table, and the ratios that are below their aims.
    pub(crate) fn markdown(&self) -> String {
        let mut rows = Vec::new();
        let mut missed = Vec::new();
        for times in &self.kernels {
            let ns = |name: &str| table::number(times.median(name) / times.elements);
            let ratio = |a: &str, b: &str| table::number(times.ratio(a, b));
            rows.push(vec![
                times.function.clone(),
                times.size.clone(),
                ns("kjit"),
                ns("kjit_fast"),
                ratio("numba", "kjit"),
                ratio("gcc", "kjit"),
                ratio("numba_fast", "kjit_fast"),
                ratio("gcc_fast", "kjit_fast"),
                times.differs.clone().unwrap_or_default(),
            ]);
            missed.extend(times.missed.iter().map(|(pair, is, aim)| {
                format!("{} {} {pair} {is:.2} (aim {aim})", times.function, times.size)
            }));
        }
        let head = [
            "kernel",
            "size",
            "kjit ns",
            "fast ns",
            "numba/kjit",
            "gcc/kjit",
            "numba/kjit fast",
            "gcc/kjit fast",
            "differs",
        ];
        let mean = |a: &str, b: &str| geometric_mean(self.kernels.iter().map(|t| t.ratio(a, b)));
        format!(
            "## Vector loops\n\nNanoseconds per element, medians; ratios of times, above 1 where kjit is faster; `fast` is with fastmath on both \
             sides.\n\n{}\nGeometric means: numba/kjit {:.2}, gcc/kjit {:.2}; fast: {:.2}, {:.2}.\n\nBelow their aims: {}.\n",
            table::markdown(&head, &rows),
            mean("numba", "kjit"),
            mean("gcc", "kjit"),
            mean("numba_fast", "kjit_fast"),
            mean("gcc_fast", "kjit_fast"),
            if missed.is_empty() { "none".to_owned() } else { missed.join(", ") },
        )
    }
}

/// Kernels that compute more than they move.
const COMPUTE_BOUND: &[&str] = &[
    "mandelbrot",
    "julia",
    "nbody",
    "black_scholes",
    "option_binomial",
    "rk4_lorenz",
    "matmul_blocked",
    "matmul_ikj",
    "pairwise_distance",
    "convolve2d",
    "fir_filter",
    "monte_carlo_pi",
    "assign_labels",
];

/// Results with two threads.
#[derive(Serialize)]
pub(crate) struct ParallelReport {
    pub kernels: Vec<KernelTimes>,
    /// Nanoseconds that a parallel loop of two threads takes longer than half of the serial loop, per loop.
    pub fork_join_ns: Summary,
    /// Iterations of that loop.
    pub fork_join_trip: usize,
}

/// Speed-up on two threads; the cost of starting and ending a parallel loop.
pub(crate) fn parallel(plan: &Plan) -> ParallelReport {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let libraries = libraries(folder.path(), &["gcc", "gcc_omp"]);
    let mut wanted = definitions();
    wanted.retain(|d| COMPUTE_BOUND.contains(&d.function.as_str()));
    // Apart, and first: idle threads of OpenMP spin, and would take the second core away.
    let ours = Variants {
        kjit: vec![
            ("kjit_1".into(), engine(1), Options::default()),
            ("kjit_2".into(), engine(2), Options::default()),
        ],
        libraries: &[],
        numba: &[],
        pairs: &[("kjit_1", "kjit_2")],
    };
    let mut kernels = contest(plan, &ours, &mut None, "large", &wanted);
    let theirs =
        Variants { kjit: Vec::new(), libraries: &libraries, numba: &[], pairs: &[("gcc", "gcc_omp")] };
    for peer in contest(plan, &theirs, &mut None, "large", &wanted) {
        if let Some(times) = kernels.iter_mut().find(|times| times.function == peer.function) {
            let ratio = times.median("kjit_2") / peer.median("gcc_omp");
            times.ratios.push(("kjit_2".into(), "gcc_omp".into(), ratio));
            times.ratios.extend(peer.ratios);
            times.ns.extend(peer.ns);
        }
    }
    let (trip, fork_join) = fork_join(plan);
    ParallelReport { kernels, fork_join_ns: Summary::of(&fork_join), fork_join_trip: trip }
}

/// Many short parallel loops in one call.
fn fork_join(plan: &Plan) -> (usize, Vec<f64>) {
    const LOOPS: i64 = 200;
    const TRIP: usize = 8192;
    let source = "
def loops(x, count):
    for r in range(count):
        for i in prange(len(x)):
            x[i] = x[i] * 0.5 + 1.0 / (x[i] * x[i] + 1.5)
";
    let mut x = vec![1.0_f64; TRIP];
    let mut times = [Vec::new(), Vec::new()];
    let kernels: Vec<_> = [1, 2]
        .into_iter()
        .map(|threads| {
            let module = Module::from_source(&engine(threads), "loops.k", source).expect("it parses");
            let kernel = module.kernel("loops").expect("it is there");
            kernel.typed::<(kjit::InOut<'_, f64, 1>, i64), ()>().expect("it compiles")
        })
        .collect();
    for _ in 0..plan.rounds {
        for (kernel, times) in kernels.iter().zip(&mut times) {
            let start = Instant::now();
            kernel.call(((&mut x).into(), LOOPS)).expect("it runs");
            times.push(start.elapsed().as_nanos() as f64 / LOOPS as f64);
        }
    }
    let costs = times[0].iter().zip(&times[1]).map(|(one, two)| two - one / 2.0).collect();
    (TRIP, costs)
}

impl ParallelReport {
    /// The table and what the aims say of it.
    pub(crate) fn markdown(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .kernels
            .iter()
            .map(|times| {
                vec![
                    times.function.clone(),
                    table::number(times.median("kjit_1") / 1e6),
                    table::number(times.median("kjit_2") / 1e6),
                    table::number(times.ratio("kjit_1", "kjit_2")),
                    table::number(times.ratio("gcc", "gcc_omp")),
                    table::number(times.ratio("kjit_2", "gcc_omp")),
                ]
            })
            .collect();
        let head =
            ["kernel", "1 thread ms", "2 threads ms", "speed-up", "speed-up of gcc -fopenmp", "kjit/gcc_omp"];
        format!(
            "## Parallel loops\n\nLarge sizes, two threads. Aim: speed-up at least 1.8.\n\n{}\nFork and join, a loop of {} \
             iterations: {:.1} us in the median, {:.1} us at best.\n",
            table::markdown(&head, &rows),
            self.fork_join_trip,
            self.fork_join_ns.median / 1e3,
            self.fork_join_ns.min / 1e3,
        )
    }
}
