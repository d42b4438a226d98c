//! What every layer uses: names, places in the source, diagnostics, options, the target.

pub mod codes;
pub mod diag;
pub mod options;
pub mod render;
pub mod span;
pub mod target;

pub use codes::Code;
pub use cranelift_entity::{EntityRef, EntitySet, PrimaryMap, SecondaryMap};
pub use diag::{Diagnostic, Severity};
pub use options::{ErrorModel, FastMath, Options};
pub use span::Span;

/// A name: cheap to clone, compared by content.
pub type Symbol = smol_str::SmolStr;

/// Defines a newtyped `u32` index whose `Display` is the prefix and the number, as in dumps.
#[macro_export]
macro_rules! define_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);
        cranelift_entity::entity_impl!($name, $prefix);
    };
}
