//! What the tests of several modules share.

use crate::text::parse_strip;
use crate::{Strip, verify};

/// The strip of a text.
///
/// # Panics
/// If the text cannot be read, or the strip is not well-formed.
#[track_caller]
pub(crate) fn well_formed(text: &str) -> Strip {
    let strip = parse_strip(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(verify(&strip), Ok(()), "{text}");
    strip
}
