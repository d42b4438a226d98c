//! The nearest known name to a misspelt one.

/// The candidate with the fewest edits (insert, delete, replace, swap neighbours), if few enough to be a slip.
#[must_use]
pub fn nearest<'s>(name: &str, candidates: impl IntoIterator<Item = &'s str>) -> Option<&'s str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == name || candidate.len().abs_diff(name.len()) > limit {
            continue;
        }
        let distance = if candidate.eq_ignore_ascii_case(name) { 0 } else { edits(name, candidate) };
        // A name of one or two letters that is wholly different is no slip.
        let is_near = distance <= limit && distance < name.chars().count();
        if is_near && best.is_none_or(|(least, text)| (distance, candidate) < (least, text)) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance.
fn edits(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips() {
        assert_eq!(nearest("totl", ["total", "tota1ly", "x"]), Some("total"));
        assert_eq!(nearest("srqt", ["sqrt", "sin"]), Some("sqrt"));
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("N", ["n"]), Some("n"));
        assert_eq!(nearest("quite_different", ["n", "total"]), None);
    }
}
