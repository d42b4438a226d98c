//! What an artifact depends on, as one hash.

use kjit_compiler::base::{Options, Span, target::Target};
use kjit_compiler::infer::ArgTy;
use kjit_compiler::ir::func::Program;
use kjit_compiler::ir::text::print_program;
use kjit_compiler::pipeline::Front;

/// Changes with every source file of the compiler and with its dependencies' versions.
const BUILD_ID: &str = env!("KJIT_BUILD_ID");

/// A 256-bit name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key(pub(crate) [u8; 32]);

impl Key {
    /// 64 hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }
}

/// Hashes parts with their lengths, so that no two lists of parts look alike.
struct Parts(blake3::Hasher);

impl Parts {
    fn new(kind: &str) -> Parts {
        let mut parts = Parts(blake3::Hasher::new());
        parts.add(kind.as_bytes()).add(BUILD_ID.as_bytes()).add(env!("CARGO_PKG_VERSION").as_bytes());
        parts
    }

    fn add(&mut self, part: &[u8]) -> &mut Parts {
        self.0.update(&(part.len() as u64).to_le_bytes()).update(part);
        self
    }

    fn add_serialised(&mut self, value: &impl serde::Serialize) -> &mut Parts {
        // Serialising plain data into memory does not fail; if it did, the empty part would only make a miss.
        self.add(&postcard::to_stdvec(value).unwrap_or_default())
    }

    fn key(&self) -> Key {
        Key(*self.0.finalize().as_bytes())
    }
}

/// The key of a kernel by its source text; `None` if its types depend on more than that (`np.load` asks files).
pub(crate) fn source_key(
    source: &str,
    function: &str,
    args: &[ArgTy],
    options: &Options,
    target: &Target,
    wants_grid: bool,
) -> Option<Key> {
    if source.contains("load") {
        return None;
    }
    let mut parts = Parts::new("source");
    parts.add(source.as_bytes()).add(function.as_bytes());
    for arg in args {
        match arg {
            ArgTy::Given(ty) => parts.add_serialised(ty),
            ArgTy::Omitted => parts.add(b"omitted"),
        };
    }
    parts.add_serialised(options).add_serialised(target).add(&[u8::from(wants_grid)]);
    Some(parts.key())
}

/// The key of a kernel by what it is made of: the IR of its functions with every captured constant, and places
/// relative to the functions they are in.
pub(crate) fn content_key(front: &Front, options: &Options, target: &Target, wants_grid: bool) -> Key {
    let mut parts = Parts::new("content");
    parts.add(print_program(&front.program).as_bytes());
    let starts = function_starts(&front.program);
    for trap in front.program.traps.values() {
        let mut trap = trap.clone();
        trap.span = relative(trap.span, &starts);
        parts.add_serialised(&trap);
    }
    for func in front.program.funcs.values() {
        for info in func.loops.values() {
            parts.add_serialised(&relative(info.span, &starts));
        }
    }
    for message in front.program.messages.values() {
        parts.add_serialised(message);
    }
    for path in &front.program.paths {
        parts.add(path.as_bytes());
    }
    parts.add_serialised(&front.signature).add_serialised(options).add_serialised(target);
    parts.add(&[u8::from(wants_grid)]);
    parts.key()
}

/// The key of what GPU code is asked for: known before any compiler is looked for. Leads to an
/// [`crate::gpu::images::ImageLink`].
pub(crate) fn image_link_key(source: &str, options: &[String], architecture: u32) -> Key {
    let mut parts = Parts::new("gpu link");
    parts.add(source.as_bytes()).add_serialised(&options).add(&architecture.to_le_bytes());
    parts.key()
}

/// The key of compiled GPU code: also the compiler's version and the kind of code.
pub(crate) fn image_key(source: &str, options: &[String], code: &str, version: (u32, u32)) -> Key {
    let mut parts = Parts::new("gpu image");
    parts.add(source.as_bytes()).add_serialised(&options).add(code.as_bytes()).add_serialised(&version);
    parts.key()
}

/// Where the functions of a program start in the source, ascending.
pub(crate) fn function_starts(program: &Program) -> Vec<u32> {
    let mut starts: Vec<u32> = program.funcs.values().map(|func| func.span.start).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// A span counted from the start of its function.
fn relative(span: Span, starts: &[u32]) -> Span {
    let base = starts.iter().rev().find(|&&start| start <= span.start).copied().unwrap_or(0);
    Span { start: span.start - base, end: span.end.saturating_sub(base) }
}
