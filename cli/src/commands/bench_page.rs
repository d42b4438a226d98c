//! The page that `kjit bench --html` writes: every case with its figures, and a bar for its time.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value as Json;

use super::annotate::escaped;
use crate::summary;

const STYLE: &str = "body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 64em; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { padding: .25em .6em; text-align: right; border-bottom: 1px solid #8884; font-variant-numeric: tabular-nums; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
td.bar { width: 30%; min-width: 8em }
td.bar div { background: #3b7dd8; height: .9em; border-right: 1px solid #1b4d98 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181a1b } }";

/// `report` is what `--json` prints.
pub(super) fn page(report: &Json) -> String {
    let file = escaped(report["file"].as_str().unwrap_or(""));
    let cases = report["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let longest = cases.iter().filter_map(|case| case["median_s"].as_f64()).fold(f64::MIN_POSITIVE, f64::max);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>kjit bench {file}</title>\n<style>{STYLE}</style>\n<h1>{file}</h1>\n<p>kjit {}</p>\n<table>\n<tr>",
        escaped(report["kjit"].as_str().unwrap_or(""))
    );
    for title in
        ["case", "threads", "median", "", "least", "quartiles", "runs", "GB/s", "GFLOP/s", "compile and load"]
    {
        let _ = write!(out, "<th>{title}");
    }
    out.push('\n');
    for case in cases {
        let time = |key: &str| summary::duration(Duration::from_secs_f64(case[key].as_f64().unwrap_or(0.0)));
        let rate = |key: &str| case[key].as_f64().map_or("-".to_owned(), |rate| format!("{rate:.2}"));
        let share = 100.0 * case["median_s"].as_f64().unwrap_or(0.0) / longest;
        let both = case["compile_s"].as_f64().unwrap_or(0.0) + case["load_s"].as_f64().unwrap_or(0.0);
        let _ = writeln!(
            out,
            "<tr><td>{}<td>{}<td>{}<td class=bar><div style=\"width:{share:.1}%\"></div><td>{}<td>{} to {}<td>{}<td>{}<td>{}<td>{}",
            escaped(case["size"].as_str().or_else(|| case["function"].as_str()).unwrap_or("-")),
            case["device"].as_str().map_or_else(|| case["threads"].to_string(), escaped),
            time("median_s"),
            time("min_s"),
            time("p25_s"),
            time("p75_s"),
            case["runs"],
            rate("gb_per_s"),
            rate("gflop_per_s"),
            summary::duration(Duration::from_secs_f64(both)),
        );
    }
    out.push_str("</table>\n");
    out
}
