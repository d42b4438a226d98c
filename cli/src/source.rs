//! Source files from disk or standard input.

use std::io::Read;
use std::path::Path;

use crate::exit::Failure;

/// Name for messages and text of a source; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<(String, String), Failure> {
    let name =
        if path == Path::new("-") { "<stdin>".to_owned() } else { path.to_string_lossy().into_owned() };
    let bytes = if name == "<stdin>" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|error| Failure::data(format!("{name}: {error}")))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok((name, text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            Err(Failure::data(format!("{name}: not UTF-8 text (byte {at}); save the file as UTF-8")))
        }
    }
}
