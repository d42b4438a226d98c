//! Licences and duplicated versions of everything the workspace is built from.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Licences that ask for nothing but their text. An expression passes if one of its alternatives is made of these.
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "0BSD",
    "ISC",
    "Zlib",
    "Unlicense",
    "CC0-1.0",
    "Unicode-3.0",
    "BSL-1.0",
];

/// Crates that are built in two versions, each with the reason why that cannot be helped now.
const DUPLICATES: &[(&str, &str)] = &[
    ("embedded-io", "postcard names two versions for embedded use; neither is compiled here"),
    ("hashbrown", "cranelift is one version behind indexmap"),
    ("miniz_oxide", "png and zip follow it at different speeds"),
    ("syn", "procedural macros follow it at different speeds; only build time"),
];

/// What the build for this machine is made of. Crates for other systems need not have been downloaded.
fn metadata() -> Value {
    let version = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn is_allowed(expression: &str) -> bool {
    expression.replace(" / ", " OR ").replace('/', " OR ").split(" OR ").any(|alternative| {
        let alternative = alternative.trim().trim_matches(['(', ')']);
        alternative.split(" AND ").all(|licence| ALLOWED.contains(&licence.trim().trim_matches(['(', ')'])))
    })
}

#[test]
fn every_licence_is_permissive() {
    let metadata = metadata();
    let mut refused = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or("none");
        if !is_allowed(licence) {
            refused.push(format!("{} {}: {licence}", package["name"], package["version"]));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn licence_expressions_are_understood() {
    assert!(is_allowed("MIT OR Apache-2.0") && is_allowed("MIT/Apache-2.0"));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(!is_allowed("GPL-3.0") && !is_allowed("none") && !is_allowed("MIT AND GPL-3.0"));
}

#[test]
fn no_crate_is_built_twice_without_a_reason() {
    let metadata = metadata();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        versions
            .entry(package["name"].as_str().unwrap())
            .or_default()
            .push(package["version"].as_str().unwrap());
    }
    let unexplained: Vec<String> = versions
        .iter()
        .filter(|(name, found)| found.len() > 1 && !DUPLICATES.iter().any(|(known, _)| known == *name))
        .map(|(name, found)| format!("{name}: {}", found.join(", ")))
        .collect();
    assert!(unexplained.is_empty(), "give a reason or get rid of one:\n{}", unexplained.join("\n"));
    for (name, _) in DUPLICATES {
        assert!(versions.get(name).is_some_and(|found| found.len() > 1), "`{name}` needs no reason any more");
    }
}
