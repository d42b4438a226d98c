//! How long compiling takes: from the text to something callable, nothing kept from before but the engine.

use std::collections::BTreeMap;
use std::time::Instant;

use kjit::{ArgTy, CacheDir, Config, Engine, Module};
use serde::Serialize;

use crate::definitions::{Sizes, definitions, root};
use crate::generated;
use crate::peers::{Numba, eprintln_line};
use crate::stats::{Summary, geometric_mean, median};
use crate::{Plan, table};

/// One function.
#[derive(Serialize)]
pub(crate) struct CompileTimes {
    pub name: String,
    pub source_lines: usize,
    /// Microseconds from the text to the callable.
    pub total_us: Summary,
    /// Medians of the stages, in order.
    pub stages_us: Vec<(String, f64)>,
    pub code_bytes: usize,
    /// Milliseconds that Numba takes for its first call (median of 3, in a process that has compiled before).
    pub numba_ms: Option<f64>,
}

/// All of them.
#[derive(Serialize)]
pub(crate) struct CompileReport {
    pub functions: Vec<CompileTimes>,
}

/// What is compiled.
struct Target {
    name: String,
    file: String,
    text: String,
    function: String,
    types: Vec<ArgTy>,
    /// Name and sizes for Numba.
    numba: Option<(String, Sizes)>,
}

fn targets() -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    let mut mains: BTreeMap<String, String> = BTreeMap::new();
    for definition in definitions() {
        let text = std::fs::read_to_string(root().join(&definition.file)).expect("the kernel is there");
        mains.insert(definition.file.clone(), text.clone());
        targets.push(Target {
            name: definition.function.clone(),
            types: definition.arg_types(),
            file: definition.file,
            text,
            function: definition.function.clone(),
            numba: Some((definition.function, definition.check)),
        });
    }
    for (file, text) in mains {
        let engine = engine();
        let module = Module::from_source(&engine, &file, &text).expect("the kernel parses");
        let params = module.kernel("main").expect("every kernel has a main").params().len();
        let stem = file.trim_start_matches("kernels/").trim_end_matches(".k");
        targets.push(Target {
            name: format!("{stem}: main"),
            file,
            text,
            function: "main".into(),
            types: vec![ArgTy::Omitted; params],
            numba: None,
        });
    }
    let text = generated::source(500);
    targets.push(Target {
        name: generated::NAME.into(),
        file: "generated.k".into(),
        text,
        function: "big".into(),
        types: generated::types(),
        numba: None,
    });
    targets
}

fn engine() -> Engine {
    Engine::new(Config::new().cache(CacheDir::Off)).expect("the processor is supported")
}

/// Compiles everything in turn, as many times as the plan says.
pub(crate) fn measure(plan: &Plan, numba: &mut Option<Numba>) -> CompileReport {
    let targets: Vec<Target> = targets().into_iter().filter(|t| plan.wants(&t.name)).collect();
    let engine = engine();
    let mut totals = vec![Vec::new(); targets.len()];
    let mut stages: Vec<Vec<(&'static str, Vec<f64>)>> = vec![Vec::new(); targets.len()];
    let mut code_bytes = vec![0; targets.len()];
    let mut failed = vec![false; targets.len()];
    for _ in 0..plan.compile_rounds {
        for (at, target) in targets.iter().enumerate() {
            if failed[at] {
                continue;
            }
            let start = Instant::now();
            let prepared = Module::from_source(&engine, &target.file, &target.text)
                .and_then(|module| module.kernel(&target.function))
                .and_then(|kernel| kernel.prepare_types(&target.types));
            let elapsed = start.elapsed();
            let prepared = match prepared {
                Ok(prepared) => prepared,
                Err(error) => {
                    eprintln_line(&format!("{}: {error}", target.name));
                    failed[at] = true;
                    continue;
                }
            };
            totals[at].push(elapsed.as_secs_f64() * 1e6);
            code_bytes[at] = prepared.code().map_or(0, <[u8]>::len);
            for (name, time) in &prepared.info().stages {
                let us = time.as_secs_f64() * 1e6;
                match stages[at].iter_mut().find(|(known, _)| known == name) {
                    Some((_, all)) => all.push(us),
                    None => stages[at].push((name, vec![us])),
                }
            }
        }
    }
    let mut functions = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        let numba_ms = match (&target.numba, numba.as_mut()) {
            (Some((function, sizes)), Some(numba)) => numba_compile(numba, function, sizes),
            _ => None,
        };
        functions.push(CompileTimes {
            name: target.name.clone(),
            source_lines: target.text.lines().count(),
            total_us: Summary::of(&totals[at]),
            stages_us: stages[at].iter().map(|(name, all)| ((*name).to_owned(), median(all))).collect(),
            code_bytes: code_bytes[at],
            numba_ms,
        });
    }
    CompileReport { functions }
}

fn numba_compile(numba: &mut Numba, function: &str, sizes: &Sizes) -> Option<f64> {
    // The first compilation of a process takes longer; it is thrown away, and so is the first one of every kernel.
    let mut times = Vec::new();
    for _ in 0..4 {
        match numba.prepare("numba", function, sizes) {
            Ok(call) => {
                times.push(call.compile_s * 1e3);
                numba.release(&call);
            }
            Err(error) => {
                eprintln_line(&format!("{function}: numba: {error}"));
                return None;
            }
        }
    }
    Some(median(&times[1..]))
}

impl CompileReport {
    /// The table and what the aims say of it.
    pub(crate) fn markdown(&self) -> String {
        let names: Vec<&str> = self
            .functions
            .iter()
            .max_by_key(|f| f.stages_us.len())
            .map_or(Vec::new(), |f| f.stages_us.iter().map(|(name, _)| name.as_str()).collect());
        let mut head = vec!["function", "us", "at best"];
        head.extend(&names);
        head.extend(["code bytes", "numba ms", "numba/kjit"]);
        let ratio = |f: &CompileTimes| f.numba_ms.map_or(f64::NAN, |ms| ms * 1e3 / f.total_us.median);
        let rows: Vec<Vec<String>> = self
            .functions
            .iter()
            .map(|f| {
                let mut row =
                    vec![f.name.clone(), table::number(f.total_us.median), table::number(f.total_us.min)];
                row.extend(names.iter().map(|name| {
                    let time = f.stages_us.iter().find(|(known, _)| known == name);
                    time.map_or("-".into(), |(_, us)| table::number(*us))
                }));
                row.push(f.code_bytes.to_string());
                row.push(f.numba_ms.map_or("-".into(), table::number));
                row.push(table::number(ratio(f)));
                row
            })
            .collect();
        let of = |is_main: bool| -> Vec<f64> {
            let chosen = self.functions.iter().filter(|f| f.name != generated::NAME);
            chosen.filter(|f| f.name.contains(": main") == is_main).map(|f| f.total_us.median).collect()
        };
        let big =
            self.functions.iter().find(|f| f.name == generated::NAME).map_or(f64::NAN, |f| f.total_us.median);
        format!(
            "## Compile\n\nMicroseconds from the source text to the callable, medians, no cache.\n\n{}\nMedian over the kernels: \
             {:.0} us (aim: 1000), over the `main`s: {:.0} us. A function of 500 lines: {:.1} ms (aim: 15). Numba takes {:.0} times as \
             long (geometric mean; aim: 100).\n",
            table::markdown(&head, &rows),
            median(&of(false)),
            median(&of(true)),
            big / 1e3,
            geometric_mean(self.functions.iter().map(ratio)),
        )
    }
}
