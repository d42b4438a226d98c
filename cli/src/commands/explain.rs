//! `kjit explain`: the page of an error code.

use std::fmt::Write;

use kjit::Code;

use crate::embedded::PAGES;
use crate::exit::{Failure, Outcome};
use crate::output;

pub(crate) fn explain(code: Option<&str>) -> Outcome {
    let Some(text) = code else {
        let mut list = String::new();
        for code in Code::ALL {
            let _ = writeln!(list, "{code}  {}", code.title());
        }
        output::write(&list)?;
        return output::flush();
    };
    let Ok(code) = text.trim_matches(['[', ']']).parse::<Code>() else {
        return Err(Failure::usage(format!(
            "there is no error code `{text}`; `kjit explain` lists all of them"
        )));
    };
    match PAGES.iter().find(|(name, _)| *name == code.name()) {
        Some((_, page)) => output::write(page)?,
        None => output::line(&format!("# {code}: {}", code.title()))?,
    }
    output::flush()
}
