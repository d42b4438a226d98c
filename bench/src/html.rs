//! The report as a page for a browser: the same Markdown, with bars in the columns of ratios. Nothing is loaded from elsewhere.
//!
//! In: the Markdown that this crate writes (headings, paragraphs, tables, code in backticks). Out: one HTML file.

use std::fmt::Write as _;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--good:#2a9d5c55;--bad:#d9534f55}\
body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2.5rem;border-bottom:1px solid var(--line)}\
div.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.8rem 0}\
th,td{padding:.15rem .7rem;border-bottom:1px solid var(--line);white-space:nowrap}\
th{position:sticky;top:0;background:Canvas;text-align:right;font-weight:600}\
td{text-align:right}th:first-child,td:first-child{text-align:left}\
tr:hover td{background:var(--soft)}td.good{background:var(--good)}td.bad{background:var(--bad)}\
code{font-family:ui-monospace,monospace;font-size:.92em}nav a{margin-right:1rem}";

/// The page of a report.
pub(crate) fn page(markdown: &str) -> String {
    let title = markdown.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("Benchmarks");
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n",
        escaped(title)
    );
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(cells(row));
            }
            table(&rows, &mut text);
        } else if let Some(heading) = line.strip_prefix("# ") {
            let _ = writeln!(text, "<h1>{}</h1>", inline(heading));
            contents(markdown, &mut text);
        } else if let Some(heading) = line.strip_prefix("## ") {
            let _ = writeln!(text, "<h2 id=\"{}\">{}</h2>", anchor(heading), inline(heading));
        } else if let Some(heading) = line.strip_prefix("### ") {
            let _ = writeln!(text, "<h3>{}</h3>", inline(heading));
        } else if !line.trim().is_empty() {
            let mut paragraph = line.to_owned();
            while let Some(more) =
                lines.next_if(|line| !line.trim().is_empty() && !line.starts_with(['|', '#']))
            {
                let _ = write!(paragraph, " {more}");
            }
            let _ = writeln!(text, "<p>{}</p>", inline(&paragraph));
        }
    }
    text
}

fn contents(markdown: &str, text: &mut String) {
    text.push_str("<nav>");
    for heading in markdown.lines().filter_map(|line| line.strip_prefix("## ")) {
        let _ = write!(text, "<a href=\"#{}\">{}</a>", anchor(heading), inline(heading));
    }
    text.push_str("</nav>\n");
}

fn anchor(heading: &str) -> String {
    heading.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_start_matches('|').trim_end_matches('|').split('|').map(str::trim).collect()
}

/// The first row is the heading, the second the rule.
fn table(rows: &[Vec<&str>], text: &mut String) {
    let [head, _, body @ ..] = rows else { return };
    text.push_str("<div class=\"wide\"><table>\n");
    if head.iter().any(|cell| !cell.is_empty()) {
        let row: String = head.iter().map(|cell| format!("<th>{}</th>", inline(cell))).collect();
        let _ = writeln!(text, "<tr>{row}</tr>");
    }
    for row in body {
        text.push_str("<tr>");
        for (at, cell) in row.iter().enumerate() {
            let class = match judge(head.get(at).copied().unwrap_or_default(), cell) {
                Some(true) => " class=\"good\"",
                Some(false) => " class=\"bad\"",
                None => "",
            };
            let _ = write!(text, "<td{class}>{}</td>", inline(cell));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</table></div>\n");
}

/// Of a ratio: is kjit clearly ahead, or clearly behind? `kjit/c` is kjit's time by the other's.
fn judge(head: &str, cell: &str) -> Option<bool> {
    let value: f64 = cell.parse().ok()?;
    let ahead = match head.split_once('/')? {
        ("kjit", _) => 1.0 / value,
        (_, kjit) if kjit.starts_with("kjit") => value,
        _ => return None,
    };
    if ahead >= 1.1 {
        Some(true)
    } else if ahead <= 1.0 / 1.1 {
        Some(false)
    } else {
        None
    }
}

/// Text with its code marked.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            let _ = write!(out, "<code>{}</code>", escaped(part));
        } else {
            out.push_str(&escaped(part));
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_becomes_a_page() {
        let report = "# Benchmarks, today\n\n| | |\n|---|---|\n| options | `all <1>` |\n\n## Run\n\nTimes of\nloops.\n\n\
                      | kernel | us | kjit/c | numba/kjit |\n|---|---:|---:|---:|\n| dot | 1.5 | 2.00 | 1.05 |\n";
        let page = page(report);
        assert!(page.contains("<title>Benchmarks, today</title>"), "{page}");
        assert!(page.contains("<td><code>all &lt;1&gt;</code></td>"), "{page}");
        assert!(page.contains("<h2 id=\"run\">Run</h2>\n<p>Times of loops.</p>"), "{page}");
        assert!(
            page.contains("<tr><td>dot</td><td>1.5</td><td class=\"bad\">2.00</td><td>1.05</td></tr>"),
            "{page}"
        );
        assert!(!page.contains("http"), "nothing is loaded from elsewhere");
    }

    #[test]
    fn ratios_are_judged_by_who_is_ahead() {
        assert_eq!(judge("kjit/c", "0.5"), Some(true));
        assert_eq!(judge("numba/kjit", "0.5"), Some(false));
        assert_eq!(judge("numba/kjit", "1.0"), None);
        assert_eq!(judge("GB/s", "3.0"), None);
        assert_eq!(judge("us", "3.0"), None);
        assert_eq!(judge("kjit/c", "-"), None);
    }
}
