//! The pages of the syntax errors: the wrong program fails with the page's code, the right one parses.

use super::super::parse;
use crate::base::Code;

macro_rules! pages {
    ($($code:ident)*) => {
        [$((Code::$code, include_str!(concat!("../../../../docs/errors/", stringify!($code), ".md")))),*]
    };
}

fn program<'a>(page: &'a str, section: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(section)?;
    let (_, rest) = rest.split_once("```py\n")?;
    Some(rest.split_once("```")?.0)
}

#[test]
fn examples() {
    for (code, page) in pages!(K001 K002 K003 K004 K005 K006 K007 K008 K009 K010 K011 K201 K202 K204 K208) {
        assert!(page.starts_with(&format!("# {code}: {}\n", code.title())), "{code}");
        let right = program(page, "## Right").expect("a right program");
        assert!(parse(right).1.is_empty(), "{code}: {:?}", parse(right).1);
        // The wrong program of K011 would be 16 MiB long.
        if code != Code::K011 {
            let wrong = program(page, "## Wrong").expect("a wrong program");
            let codes: Vec<Code> = parse(wrong).1.iter().map(|diagnostic| diagnostic.code).collect();
            assert_eq!(codes, [code]);
        }
    }
}
