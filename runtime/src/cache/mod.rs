//! Compiled kernels on disk: content-addressed, checked before use, written whole or not at all.
//!
//! One file per artifact, named by its key; no index. Two kinds of keys lead to it:
//!
//! ```text
//! source key   hash(build, source text, function, argument types, options, processor)   -> a link with the content key
//! content key  hash(build, IR of the function and of all it calls, types, options, processor)  -> the artifact
//! ```
//!
//! The first needs no compiler stage at all; the second still hits when an edit did not touch what the kernel is made
//! of. A damaged, truncated, foreign or writable entry is a miss and is replaced, never an error and never executed.

mod dir;
mod entry;
mod key;
mod manage;

pub use dir::{CacheWarning, default_dir};
pub use manage::{CacheManager, EntryInfo};

pub(crate) use dir::Cache;
pub(crate) use entry::{Link, Stored};
pub(crate) use key::{Key, content_key, function_starts, image_key, image_link_key, source_key};
