//! What a call costs besides the work.

use std::hint::black_box;
use std::time::Instant;

use kjit::{Arg, CacheDir, Config, Engine, In, InOut, Module};
use serde::Serialize;

use crate::stats::{Summary, median};
use crate::{Plan, table};

/// Nanoseconds of calls.
#[derive(Serialize)]
pub(crate) struct OverheadReport {
    pub calls: Vec<(String, Summary)>,
    /// Median over the rounds of the typed call over the same work in Rust.
    pub(crate) typed_over_work_ns: f64,
    /// The dynamic call over the same work in Rust.
    pub dynamic_over_work_ns: f64,
}

const SOURCE: &str = "
def add(a: f64, b: f64) -> f64:
    return a + b


def saxpy(a, x, y):
    for i in range(len(x)):
        y[i] = a * x[i] + y[i]
";

const CALLS: u32 = 2000;

#[inline(never)]
fn saxpy(a: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// Calls tiny kernels many times, each way in turn.
pub(crate) fn measure(plan: &Plan) -> OverheadReport {
    let engine = Engine::new(Config::new().cache(CacheDir::Off)).expect("the processor is supported");
    let module = Module::from_source(&engine, "tiny.k", SOURCE).expect("it parses");
    let add = module.kernel("add").expect("it is there");
    let typed_add = add.typed::<(f64, f64), f64>().expect("it compiles");
    let kernel = module.kernel("saxpy").expect("it is there");
    let typed = kernel.typed::<(f64, In<'_, f64, 1>, InOut<'_, f64, 1>), ()>().expect("it compiles");
    let (x, mut y) = (vec![1.0; 4], vec![2.0; 4]);

    let names = [
        "add in kjit, typed",
        "saxpy(4) in Rust",
        "saxpy(4), typed",
        "saxpy(4), dynamic",
        "saxpy(4), prepared",
    ];
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
    let mut prepared = None;
    for _ in 0..plan.rounds * 4 {
        let mut timed = |at: usize, call: &mut dyn FnMut()| {
            let start = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            samples[at].push(start.elapsed().as_nanos() as f64 / f64::from(CALLS));
        };
        timed(0, &mut || {
            let _ = black_box(typed_add.call((black_box(1.0), 2.0)));
        });
        timed(1, &mut || saxpy(black_box(1.0), black_box(&x), black_box(&mut y)));
        timed(2, &mut || {
            let _ = black_box(typed.call((black_box(1.0), (&x).into(), (&mut y).into())));
        });
        timed(3, &mut || {
            let mut args: [Arg<'_>; 3] = [1.0.into(), In::from(&x).into(), InOut::from(&mut y).into()];
            let _ = black_box(kernel.call(&mut args));
        });
        timed(4, &mut || {
            let mut args: [Arg<'_>; 3] = [1.0.into(), In::from(&x).into(), InOut::from(&mut y).into()];
            let prepared = prepared.get_or_insert_with(|| kernel.prepare(&args).expect("it compiles"));
            let _ = black_box(prepared.call(&mut args));
        });
    }
    let over = |at: usize| {
        let rounds: Vec<f64> = samples[at].iter().zip(&samples[1]).map(|(call, work)| call - work).collect();
        median(&rounds)
    };
    OverheadReport {
        typed_over_work_ns: over(2),
        dynamic_over_work_ns: over(3),
        calls: names.iter().zip(&samples).map(|(n, s)| ((*n).to_owned(), Summary::of(s))).collect(),
    }
}

impl OverheadReport {
    /// The table and what the aims say of it.
    pub(crate) fn markdown(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .calls
            .iter()
            .map(|(name, ns)| vec![name.clone(), table::number(ns.median), table::number(ns.min)])
            .collect();
        format!(
            "## Calls\n\nNanoseconds of one call.\n\n{}\nOver the same work in Rust: typed {:.0} ns (aim: 30), dynamic {:.0} ns (aim: \
             300).\n",
            table::markdown(&["call", "ns", "at best"], &rows),
            self.typed_over_work_ns,
            self.dynamic_over_work_ns,
        )
    }
}
