//! The disk cache from outside: what misses and what hits, damaged entries, unsafe directories, many processes at once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kjit::{
    Arg, CacheDir, CacheManager, Code, Config, Engine, Error, FastMath, Module, Options, Origin, Value,
};

const SOURCE: &str = "\
SCALE = 3

def helper(x):
    return x * SCALE + 1

def other(x):
    # a comment
    return x - 1

def kernel(x, y):
    s = 0.0
    for i in range(len(x)):
        s += helper(x[i]) / y
    return s
";

fn engine_with(directory: &Path, options: Options) -> Engine {
    let config = Config::new().cache(CacheDir::At(directory.to_owned())).options(options).threads(2);
    Engine::new(config).expect("an engine")
}

fn engine(directory: &Path) -> Engine {
    engine_with(directory, Options::default())
}

/// Where the kernel comes from, and what it gives for `[1, 2, 3]` and 2.
fn run(engine: &Engine, source: &str) -> (Origin, f64) {
    let module = Module::from_source(engine, "test.k", source).expect("a module");
    let mut x = [1.0, 2.0, 3.0];
    let mut args = [Arg::from(kjit::ViewMut::from(&mut x)), Arg::from(2.0)];
    let prepared = module.kernel("kernel").and_then(|kernel| kernel.prepare(&args)).expect("it compiles");
    let value = prepared.call(&mut args).expect("it runs");
    (prepared.info().origin, value.as_f64().expect("a number"))
}

/// (1 * 3 + 1) / 2 + (2 * 3 + 1) / 2 + (3 * 3 + 1) / 2
const RESULT: f64 = 10.5;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).expect("the cache");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files
}

#[test]
fn the_second_engine_hits() {
    let directory = folder();
    assert_eq!(run(&engine(directory.path()), SOURCE), (Origin::Compiled, RESULT));
    assert_eq!(run(&engine(directory.path()), SOURCE), (Origin::Cache, RESULT));
    let (count, bytes) = CacheManager::at(directory.path()).size();
    assert_eq!(count, 2, "an artifact and the link from the source");
    assert!(bytes > 160);
}

#[test]
fn what_changes_the_meaning_misses() {
    let directory = folder();
    run(&engine(directory.path()), SOURCE);
    let edits = [
        ("x * SCALE + 1", "x * SCALE + 2", "a callee", 12.0),
        ("SCALE = 3", "SCALE = 4", "a constant", 13.5),
        ("s = 0.0", "s = 1.0", "the kernel", 11.5),
    ];
    for (old, new, what, result) in edits {
        let edited = SOURCE.replace(old, new);
        assert_eq!(run(&engine(directory.path()), &edited), (Origin::Compiled, result), "{what}");
        assert_eq!(run(&engine(directory.path()), &edited), (Origin::Cache, result), "{what}, again");
    }
    let fast = Options { fastmath: FastMath::TRUE, ..Options::default() };
    assert_eq!(run(&engine_with(directory.path(), fast), SOURCE).0, Origin::Compiled, "an option");
    let decorated = SOURCE.replace("def kernel", "@njit(boundscheck=False)\ndef kernel");
    assert_eq!(run(&engine(directory.path()), &decorated).0, Origin::Compiled, "a decorator");
}

#[test]
fn other_types_miss() {
    let directory = folder();
    let origin = |arg: f32| {
        let engine = engine(directory.path());
        let module = Module::from_source(&engine, "test.k", SOURCE).expect("a module");
        let mut x = [1.0_f32, 2.0];
        let args = [Arg::from(kjit::ViewMut::from(&mut x)), Arg::from(arg)];
        module.kernel("kernel").and_then(|kernel| kernel.prepare(&args)).expect("it compiles").info().origin
    };
    run(&engine(directory.path()), SOURCE);
    assert_eq!(origin(2.0), Origin::Compiled);
    assert_eq!(origin(2.0), Origin::Cache);
}

#[test]
fn edits_that_do_not_touch_the_kernel_hit() {
    let directory = folder();
    run(&engine(directory.path()), SOURCE);
    for (old, new) in [("# a comment", "# another, longer comment\n    # of two lines"), ("x - 1", "x - 2")] {
        let edited = SOURCE.replace(old, new);
        assert_eq!(run(&engine(directory.path()), &edited), (Origin::Cache, RESULT), "{new}");
    }
}

#[test]
fn places_of_errors_follow_edits_above() {
    let source = "def other(x):\n    return x\n\ndef kernel(x):\n    s = 0.0\n    for i in range(9):\n        s += x[i]\n    return s\n";
    let directory = folder();
    let fail = |source: &str| {
        let engine = engine(directory.path());
        let module = Module::from_source(&engine, "test.k", source).expect("a module");
        let mut x = [1.0, 2.0];
        let mut args = [Arg::from(kjit::ViewMut::from(&mut x))];
        let prepared = module.kernel("kernel").and_then(|kernel| kernel.prepare(&args)).expect("it compiles");
        match prepared.call(&mut args) {
            Err(Error::Trap(trap)) => (prepared.info().origin, trap.code, trap.line, trap.column),
            other => panic!("{other:?}"),
        }
    };
    let (origin, code, line, column) = fail(source);
    assert_eq!((origin, code, line), (Origin::Compiled, Code::K701, 7));
    assert_eq!(fail(source), (Origin::Cache, Code::K701, 7, column));
    let longer = source.replace("    return x\n", "    # a comment\n    # and another\n    return x\n");
    assert_eq!(fail(&longer), (Origin::Cache, Code::K701, 9, column));
    // The link of the edited source was written: now without a front end.
    assert_eq!(fail(&longer), (Origin::Cache, Code::K701, 9, column));
    assert_eq!(fail(source), (Origin::Cache, Code::K701, 7, column));
}

#[test]
fn damaged_entries_are_misses_and_are_repaired() {
    let directory = folder();
    run(&engine(directory.path()), SOURCE);
    for path in entries(directory.path()) {
        let good = fs::read(&path).expect("an entry");
        // Every byte of the header, and a spread over the rest: all of them take minutes (`every_byte` below).
        let positions = (0..good.len().min(90)).chain((90..good.len()).step_by(good.len() / 40 + 1));
        for position in positions {
            check_damage(directory.path(), &path, &good, |bytes| bytes[position] ^= 1 << (position % 8));
        }
        for length in (0..good.len()).step_by(good.len() / 40 + 1) {
            check_damage(directory.path(), &path, &good, |bytes| bytes.truncate(length));
        }
        check_damage(directory.path(), &path, &good, |bytes| bytes.push(0));
        check_damage(directory.path(), &path, &good, Vec::clear);
    }
}

#[test]
#[ignore = "takes minutes: every byte and every length of both entries"]
fn every_byte() {
    let directory = folder();
    run(&engine(directory.path()), SOURCE);
    for path in entries(directory.path()) {
        let good = fs::read(&path).expect("an entry");
        for position in 0..good.len() {
            check_damage(directory.path(), &path, &good, |bytes| bytes[position] ^= 1 << (position % 8));
            check_damage(directory.path(), &path, &good, |bytes| bytes.truncate(position));
        }
    }
}

fn check_damage(directory: &Path, path: &Path, good: &[u8], damage: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = good.to_vec();
    damage(&mut bytes);
    fs::write(path, &bytes).expect("a damaged entry");
    let manager = CacheManager::at(directory);
    assert_eq!(manager.verify().len(), 1, "the damage is seen");
    let (_, result) = run(&engine(directory), SOURCE);
    assert_eq!(result, RESULT);
    assert_eq!(fs::read(path).expect("the entry"), good, "repaired");
    assert_eq!(manager.verify().len(), 0);
}

#[test]
fn an_entry_under_another_name_is_a_miss() {
    let directory = folder();
    run(&engine(directory.path()), SOURCE);
    let files = entries(directory.path());
    let (a, b) = (fs::read(&files[0]).expect("an entry"), fs::read(&files[1]).expect("an entry"));
    fs::write(&files[0], b).expect("swapped");
    fs::write(&files[1], a).expect("swapped");
    assert_eq!(run(&engine(directory.path()), SOURCE), (Origin::Compiled, RESULT));
    assert_eq!(run(&engine(directory.path()), SOURCE), (Origin::Cache, RESULT));
}

#[test]
fn links_and_unsafe_files_are_not_followed() {
    let directory = folder();
    run(&engine(directory.path()), SOURCE);
    for path in entries(directory.path()) {
        let elsewhere = directory.path().join("elsewhere");
        fs::rename(&path, &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, &path).expect("a link");
        assert_eq!(run(&engine(directory.path()), SOURCE).1, RESULT);
        assert!(fs::symlink_metadata(&path).expect("an entry").is_file(), "replaced by a file of our own");
        fs::remove_file(elsewhere).expect("gone");
    }
    for path in entries(directory.path()) {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("writable by all");
        assert_eq!(CacheManager::at(directory.path()).verify().len(), 1);
        assert_eq!(run(&engine(directory.path()), SOURCE).1, RESULT);
        let mode = fs::metadata(&path).expect("an entry").permissions().mode();
        assert_eq!(mode & 0o022, 0, "replaced");
    }
}

#[test]
fn directories_of_others_are_refused() {
    let directory = folder();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("writable by all");
    let unsafe_engine = engine(directory.path());
    assert_eq!(unsafe_engine.cache_warning().map(|warning| warning.code), Some(Code::K801));
    assert_eq!(run(&unsafe_engine, SOURCE), (Origin::Compiled, RESULT));
    assert!(entries(directory.path()).is_empty(), "nothing is written either");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).expect("ours again");
    assert!(engine(directory.path()).cache_warning().is_none());
}

#[test]
fn a_directory_of_another_user_is_refused() {
    // SAFETY: no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return; // Only root can give files away.
    }
    let directory = folder();
    run(&engine(directory.path()), SOURCE);
    for path in entries(directory.path()) {
        std::os::unix::fs::chown(&path, Some(65534), None).expect("given away");
    }
    assert_eq!(run(&engine(directory.path()), SOURCE), (Origin::Compiled, RESULT), "foreign entries");
    assert_eq!(run(&engine(directory.path()), SOURCE), (Origin::Cache, RESULT), "replaced");
    std::os::unix::fs::chown(directory.path(), Some(65534), None).expect("given away");
    let foreign = engine(directory.path());
    assert_eq!(foreign.cache_warning().map(|warning| warning.code), Some(Code::K801));
    assert_eq!(run(&foreign, SOURCE), (Origin::Compiled, RESULT));
}

#[test]
fn places_that_cannot_be_directories_are_no_errors() {
    let directory = folder();
    let file = directory.path().join("file");
    fs::write(&file, "text").expect("a file");
    for path in [file.clone(), file.join("below"), PathBuf::from("/proc/nothing/here")] {
        let engine = engine(&path);
        assert_eq!(
            engine.cache_warning().map(|warning| warning.code),
            Some(Code::K802),
            "{}",
            path.display()
        );
        assert_eq!(run(&engine, SOURCE), (Origin::Compiled, RESULT));
    }
    let missing = directory.path().join("a/b/c");
    let made = engine(&missing);
    assert!(made.cache_warning().is_none());
    assert_eq!(run(&made, SOURCE), (Origin::Compiled, RESULT));
    assert_eq!(fs::metadata(&missing).expect("made").permissions().mode() & 0o777, 0o700);
    // It goes while the engine lives.
    fs::remove_dir_all(&missing).expect("removed");
    assert_eq!(run(&made, SOURCE), (Origin::Compiled, RESULT));
}

#[test]
fn the_size_cap_holds() {
    let directory = folder();
    let limit = 20_000;
    for k in 0..20 {
        let config = Config::new().cache(CacheDir::At(directory.path().to_owned())).cache_limit_bytes(limit);
        let engine = Engine::new(config).expect("an engine");
        run(&engine, &SOURCE.replace("SCALE = 3", &format!("SCALE = {k}")));
        let (_, bytes) = CacheManager::at(directory.path()).size();
        assert!(bytes <= limit, "{bytes} bytes after {k}");
    }
    let manager = CacheManager::at(directory.path());
    assert!(manager.size().0 >= 2);
    manager.prune(0);
    assert_eq!(manager.size(), (0, 0));
}

#[test]
fn cleaning_removes_entries_only() {
    let directory = folder();
    run(&engine(directory.path()), SOURCE);
    let stranger = directory.path().join("notes.txt");
    fs::write(&stranger, "keep").expect("a file");
    let manager = CacheManager::at(directory.path());
    assert_eq!(manager.list().len(), 2);
    assert_eq!(manager.clean().expect("cleaned"), 2);
    assert_eq!(entries(directory.path()), [stranger]);
}

// Processes. The test binary runs itself: the ignored test `child` does the work of one.

fn child(directory: &Path, extra: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", "child_process", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("KJIT_TEST_DIRECTORY", directory).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.envs(extra.iter().copied());
    command
}

#[test]
#[ignore = "run by the other tests in processes of its own"]
fn child_process() {
    let Some(directory) = std::env::var_os("KJIT_TEST_DIRECTORY") else { return };
    let rounds: usize =
        std::env::var("KJIT_TEST_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    for round in 0..rounds {
        let source = if rounds == 1 {
            SOURCE.to_owned()
        } else {
            // A new entry each time.
            SOURCE.replace("s = 0.0", &format!("s = 0.0 * {round}"))
        };
        let (_, result) = run(&engine(Path::new(&directory)), &source);
        assert_eq!(result, RESULT);
    }
}

#[test]
fn many_processes_start_cold_at_once() {
    let directory = folder();
    let children: Vec<_> =
        (0..32).map(|_| child(directory.path(), &[]).spawn().expect("a process")).collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let manager = CacheManager::at(directory.path());
    assert_eq!(manager.size().0, 2, "one artifact, one link");
    assert!(manager.verify().is_empty());
    assert_eq!(entries(directory.path()).len(), 2, "no temporary files are left");
    assert_eq!(run(&engine(directory.path()), SOURCE), (Origin::Cache, RESULT));
}

#[test]
fn a_kill_at_any_moment_leaves_no_bad_entry() {
    let directory = folder();
    for attempt in 0..12_u64 {
        let mut process =
            child(directory.path(), &[("KJIT_TEST_ROUNDS", "1000")]).spawn().expect("a process");
        std::thread::sleep(std::time::Duration::from_millis(30 + 17 * attempt));
        process.kill().expect("killed");
        process.wait().expect("ended");
        assert!(CacheManager::at(directory.path()).verify().is_empty(), "attempt {attempt}");
    }
    for round in 0..3 {
        let source = SOURCE.replace("s = 0.0", &format!("s = 0.0 * {round}"));
        assert_eq!(run(&engine(directory.path()), &source).1, RESULT);
    }
}

#[test]
fn a_read_only_directory_is_read() {
    let directory = folder();
    run(&engine(directory.path()), SOURCE);
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).expect("read-only");
    let read_only = engine(directory.path());
    assert_eq!(run(&read_only, SOURCE), (Origin::Cache, RESULT));
    assert_eq!(run(&read_only, &SOURCE.replace("SCALE = 3", "SCALE = 0")).1, 1.5);
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).expect("writable again");
}

#[test]
fn no_cache_writes_nothing() {
    let engine = Engine::new(Config::new().cache(CacheDir::Off)).expect("an engine");
    assert_eq!(run(&engine, SOURCE), (Origin::Compiled, RESULT));
    assert!(engine.cache_warning().is_none());
    let module = Module::from_source(&engine, "test.k", SOURCE).expect("a module");
    assert!(matches!(module.kernel("other").and_then(|k| k.call(&mut [2.0.into()])), Ok(Value::Scalar(_))));
}
