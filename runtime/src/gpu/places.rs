//! Where NVRTC may be: every place in the order in which they are tried.

use std::fmt;
use std::path::{Path, PathBuf};

use super::environment::Libraries;

/// Versions by which the library may be called, newest first.
const MAJORS: [u32; 3] = [13, 12, 11];

/// A place that is tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// A library of that name, if this process has it already.
    Loaded(String),
    /// A name that the system's loader looks for.
    Name(String),
    /// A file, with the library beside it that it needs to compile.
    File { library: PathBuf, builtins: Option<PathBuf> },
    /// A folder that holds no such library, or is not there.
    Nothing { place: String, reason: String },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Loaded(name) => write!(f, "{name} in this process"),
            Place::Name(name) => f.write_str(name),
            Place::File { library, .. } => write!(f, "{}", library.display()),
            Place::Nothing { place, .. } => f.write_str(place),
        }
    }
}

/// All places, in order. What `KJIT_NVRTC` or the host names is the only one.
pub(crate) fn candidates(libraries: &Libraries) -> Vec<Place> {
    let mut places = Vec::new();
    if let Some(path) = &libraries.nvrtc {
        add_named(&mut places, path);
        return places;
    }
    let names: Vec<String> = MAJORS
        .iter()
        .map(
            |major| if *major == 11 { "libnvrtc.so.11.2".to_owned() } else { format!("libnvrtc.so.{major}") },
        )
        .chain(["libnvrtc.so".to_owned()])
        .collect();
    places.extend(names.iter().cloned().map(Place::Loaded));
    places.extend(names.into_iter().map(Place::Name));
    for (variable, root) in &libraries.toolkits {
        add_toolkit(&mut places, root, &format!("{variable}={}", root.display()));
    }
    let mut prefixes: Vec<(PathBuf, String)> = Vec::new();
    if let Some(root) = &libraries.python {
        prefixes.push((root.clone(), format!("VIRTUAL_ENV={}", root.display())));
    }
    // `bin/python3` lies in the prefix whose `lib/python3.*` holds the packages; links of virtual environments are not
    // followed, for the packages are beside the link.
    for folder in &libraries.programs {
        if let Some(prefix) = folder.parent()
            && folder.join("python3").exists()
            && !prefixes.iter().any(|(known, _)| known == prefix)
        {
            prefixes.push((
                prefix.to_owned(),
                prefix.join("lib/python3*/site-packages/nvidia").display().to_string(),
            ));
        }
    }
    for (prefix, place) in prefixes {
        add_python(&mut places, &prefix, &place);
    }
    if let Some(root) = &libraries.conda {
        add_folders(&mut places, &[root.join("lib")], &format!("CONDA_PREFIX={}", root.display()));
        add_python(&mut places, root, &format!("packages of CONDA_PREFIX={}", root.display()));
    }
    for root in ["/usr/local/cuda", "/opt/cuda", "/usr/lib/cuda"] {
        add_toolkit(&mut places, Path::new(root), root);
    }
    places
}

/// A program of a CUDA toolkit, such as `nvdisasm`: on `PATH`, in toolkits, in packages of Python environments.
///
/// # Errors
/// Every folder that was looked in.
pub fn find_tool(libraries: &Libraries, name: &str) -> Result<PathBuf, Vec<String>> {
    let mut folders = Vec::new();
    for folder in &libraries.programs {
        if !folders.contains(folder) {
            folders.push(folder.clone());
        }
    }
    // Beside the compiler that somebody named: packages of one toolkit share a folder.
    let named = libraries.nvrtc.iter().flat_map(|path| path.ancestors().take(3));
    folders.extend(named.map(|folder| folder.join("bin")).filter(|folder| folder.is_dir()));
    folders.extend(libraries.toolkits.iter().map(|(_, root)| root.join("bin")));
    let prefixes = libraries
        .python
        .iter()
        .chain(&libraries.conda)
        .cloned()
        .chain(libraries.programs.iter().filter_map(|folder| folder.parent().map(Path::to_owned)));
    for prefix in prefixes {
        for version in children(&prefix.join("lib")) {
            if file_name(&version).starts_with("python3") {
                let packages = children(&version.join("site-packages/nvidia"));
                folders.extend(packages.into_iter().map(|package| package.join("bin")));
            }
        }
    }
    folders.push(PathBuf::from("/usr/local/cuda/bin"));
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| folders.iter().map(|folder| folder.display().to_string()).collect())
}

/// A file or a folder that somebody named.
fn add_named(places: &mut Vec<Place>, path: &Path) {
    if path.is_dir() {
        let folders = [path.to_owned(), path.join("lib64"), path.join("lib")];
        add_folders(places, &folders, &path.display().to_string());
    } else if path.components().count() == 1 {
        places.push(Place::Name(path.display().to_string()));
    } else {
        places.push(file(path.to_owned()));
    }
}

fn add_toolkit(places: &mut Vec<Place>, root: &Path, name: &str) {
    let mut folders = vec![root.join("lib64"), root.join("lib")];
    folders.extend(children(&root.join("targets")).into_iter().map(|target| target.join("lib")));
    add_folders(places, &folders, name);
}

/// The packages of a Python environment: `nvidia/cu13/lib`, `nvidia/cuda_nvrtc/lib`, whatever comes next.
fn add_python(places: &mut Vec<Place>, prefix: &Path, name: &str) {
    let mut folders = Vec::new();
    for lib in ["lib", "lib64"] {
        for version in children(&prefix.join(lib)) {
            if file_name(&version).starts_with("python3") {
                for packages in ["site-packages", "dist-packages"] {
                    let nvidia = version.join(packages).join("nvidia");
                    folders.extend(children(&nvidia).into_iter().map(|package| package.join("lib")));
                }
            }
        }
    }
    add_folders(places, &folders, name);
}

/// The libraries in some folders, newest first; if there are none, the place by its name.
fn add_folders(places: &mut Vec<Place>, folders: &[PathBuf], name: &str) {
    let mut found: Vec<PathBuf> = folders.iter().flat_map(|folder| libraries_in(folder)).collect();
    // A name without version is a link to one of the others, or the only one.
    found.sort_by_key(|path| std::cmp::Reverse(version_in(path)));
    if found.is_empty() {
        let is_there = folders.iter().any(|folder| folder.is_dir());
        let reason = if is_there { "no libnvrtc in it" } else { "no such folder" };
        places.push(Place::Nothing { place: name.to_owned(), reason: reason.to_owned() });
    }
    places.extend(found.into_iter().map(file));
}

fn file(library: PathBuf) -> Place {
    let (major, _) = version_in(&library);
    let beside = library.parent().map_or_else(Vec::new, children);
    let builtins = beside
        .into_iter()
        .filter(|path| {
            let name = file_name(path);
            let version = name.strip_prefix("libnvrtc-builtins.so.").unwrap_or_default();
            version.split('.').next().is_some_and(|first| first.parse() == Ok(major))
        })
        .max();
    Place::File { library, builtins }
}

/// `libnvrtc.so`, `libnvrtc.so.13`, but not `libnvrtc-builtins.so.13.0` or `libnvrtc.alt.so.13`.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = children(folder);
    found.retain(|path| {
        let name = file_name(path);
        name == "libnvrtc.so" || name.starts_with("libnvrtc.so.")
    });
    found
}

/// The version in a file's name, (0, 0) if there is none.
fn version_in(path: &Path) -> (u32, u32) {
    let name = file_name(path);
    let mut numbers =
        name.strip_prefix("libnvrtc.so.").unwrap_or_default().split('.').map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// What is in a folder, by name.
fn children(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }

    fn files(places: &[Place]) -> Vec<PathBuf> {
        let file = |place: &Place| match place {
            Place::File { library, .. } => Some(library.clone()),
            _ => None,
        };
        places.iter().filter_map(file).collect()
    }

    #[test]
    fn packages_of_a_python_environment_come_newest_first_with_their_builtins() {
        let root = tempfile::tempdir().unwrap();
        let nvidia = root.path().join("lib/python3.11/site-packages/nvidia");
        touch(&nvidia.join("cu13/lib/libnvrtc.so.13"));
        touch(&nvidia.join("cu13/lib/libnvrtc.alt.so.13"));
        touch(&nvidia.join("cu13/lib/libnvrtc-builtins.so.13.0"));
        touch(&nvidia.join("cuda_nvrtc/lib/libnvrtc.so.12"));
        touch(&nvidia.join("cuda_nvrtc/lib/libnvrtc-builtins.so.12.9"));
        let libraries = Libraries { python: Some(root.path().to_owned()), ..Libraries::default() };
        let places = candidates(&libraries);
        let expected = [nvidia.join("cu13/lib/libnvrtc.so.13"), nvidia.join("cuda_nvrtc/lib/libnvrtc.so.12")];
        assert_eq!(files(&places)[..2], expected);
        let builtins = Some(nvidia.join("cu13/lib/libnvrtc-builtins.so.13.0"));
        assert!(places.contains(&Place::File { library: expected[0].clone(), builtins }));
    }

    #[test]
    fn a_named_place_is_the_only_one() {
        let root = tempfile::tempdir().unwrap();
        touch(&root.path().join("lib64/libnvrtc.so.12"));
        let named = |path: &Path| candidates(&Libraries::default().nvrtc(path));
        assert_eq!(files(&named(root.path())), [root.path().join("lib64/libnvrtc.so.12")]);
        let file = root.path().join("lib64/libnvrtc.so.12");
        assert_eq!(files(&named(&file)), [file]);
        assert_eq!(named(Path::new("libnvrtc.so.12")), [Place::Name("libnvrtc.so.12".to_owned())]);
        let empty = root.path().join("lib64");
        std::fs::remove_file(empty.join("libnvrtc.so.12")).unwrap();
        assert_eq!(named(&empty)[0].to_string(), empty.display().to_string());
    }

    #[test]
    fn toolkits_come_before_the_usual_folders() {
        let root = tempfile::tempdir().unwrap();
        touch(&root.path().join("targets/x86_64-linux/lib/libnvrtc.so.13"));
        let libraries =
            Libraries { toolkits: vec![("CUDA_PATH", root.path().to_owned())], ..Libraries::default() };
        let places = candidates(&libraries);
        assert_eq!(files(&places)[0], root.path().join("targets/x86_64-linux/lib/libnvrtc.so.13"));
        assert_eq!(places[0], Place::Loaded("libnvrtc.so.13".to_owned()));
    }
}
