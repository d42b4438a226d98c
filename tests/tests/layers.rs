//! The layer table of `docs/architecture.md` holds: no file of the compiler imports a layer above its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Layer name to the names it may import.
fn layer_table() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(repository().join("docs/architecture.md")).unwrap();
    let table = text.split("<!-- layers -->").nth(1).unwrap().split("<!-- /layers -->").next().unwrap();
    table
        .lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|---") && !line.contains("may import"))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let name = cells.next().unwrap().to_owned();
            let allowed = cells.next().unwrap_or("").split_whitespace().map(str::to_owned).collect();
            (name, allowed)
        })
        .collect()
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The layers named after `crate::` in a file, outside comments: `use crate::ir::...`, `use crate::{base, ir}`, paths.
fn imported_layers(text: &str) -> Vec<(usize, String)> {
    let mut layers = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap();
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let names = group.split('}').next().unwrap().split(',');
                layers.extend(
                    names.map(|name| (number + 1, name.split("::").next().unwrap().trim().to_owned())),
                );
            } else {
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                layers.push((number + 1, name));
            }
        }
    }
    layers
}

#[test]
fn no_file_imports_a_layer_above_its_own() {
    let table = layer_table();
    assert!(table.len() >= 10, "the table was found");
    let root = repository().join("compiler/src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let mut violations = Vec::new();
    for file in &files {
        let relative = file.strip_prefix(&root).unwrap();
        let own = relative.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        if own == "lib" {
            continue;
        }
        let Some(allowed) = table.get(&own) else {
            violations.push(format!("{}: no layer `{own}` in docs/architecture.md", relative.display()));
            continue;
        };
        let text = std::fs::read_to_string(file).unwrap();
        // Tests inside a module may look further: they drive whole programs.
        let is_test = relative.to_string_lossy().contains("tests");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (line, layer) in imported_layers(code) {
            if table.contains_key(&layer) && layer != own && !allowed.contains(&layer) && !is_test {
                violations.push(format!("{}:{line}: `{own}` may not import `{layer}`", relative.display()));
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn every_layer_of_the_table_exists() {
    for layer in layer_table().keys() {
        let path = repository().join("compiler/src").join(layer);
        assert!(path.is_dir(), "{} is missing", path.display());
    }
}

#[test]
fn back_ends_do_not_import_each_other() {
    let root = repository().join("compiler/src/backend");
    for (own, other) in [("interp", "clif"), ("clif", "interp")] {
        let mut files = Vec::new();
        rust_files(&root.join(own), &mut files);
        assert!(!files.is_empty());
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            assert!(!code.contains(&format!("backend::{other}")), "{} imports {other}", file.display());
        }
    }
}
