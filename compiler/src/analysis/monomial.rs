//! Products of a few atoms: the keys of polynomials. They are copied all the time, so they own no memory.

use std::ops::Deref;

use super::affine::AtomId;

/// Products of more atoms are given up.
pub(super) const MAX_DEGREE: usize = 4;

/// A product of atoms, sorted; empty for the constant term.
#[derive(Clone, Copy, Debug)]
pub struct Monomial {
    atoms: [AtomId; MAX_DEGREE],
    degree: u8,
}

impl Monomial {
    /// The product of nothing.
    #[must_use]
    pub fn one() -> Monomial {
        Monomial { atoms: [AtomId::from_u32(0); MAX_DEGREE], degree: 0 }
    }

    /// One atom.
    #[must_use]
    pub fn atom(atom: AtomId) -> Monomial {
        let mut monomial = Monomial::one();
        monomial.push(atom);
        monomial
    }

    /// The product; `None` if it has too many factors.
    #[must_use]
    pub fn times(&self, other: &Monomial) -> Option<Monomial> {
        let degree = self.len() + other.len();
        if degree > MAX_DEGREE {
            return None;
        }
        let mut product = *self;
        other.iter().for_each(|&atom| product.push(atom));
        product.atoms[..degree].sort_unstable();
        Some(product)
    }

    /// Without an atom.
    #[must_use]
    pub fn without(&self, atom: AtomId) -> Monomial {
        let mut rest = Monomial::one();
        self.iter().filter(|&&a| a != atom).for_each(|&a| rest.push(a));
        rest
    }

    /// The atoms.
    #[must_use]
    pub fn as_slice(&self) -> &[AtomId] {
        &self.atoms[..usize::from(self.degree)]
    }

    fn push(&mut self, atom: AtomId) {
        self.atoms[usize::from(self.degree)] = atom;
        self.degree += 1;
    }
}

impl Deref for Monomial {
    type Target = [AtomId];

    fn deref(&self) -> &[AtomId] {
        self.as_slice()
    }
}

impl<'a> IntoIterator for &'a Monomial {
    type Item = &'a AtomId;
    type IntoIter = std::slice::Iter<'a, AtomId>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Monomial {
    fn eq(&self, other: &Monomial) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Monomial {}

impl PartialOrd for Monomial {
    fn partial_cmp(&self, other: &Monomial) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Monomial {
    fn cmp(&self, other: &Monomial) -> std::cmp::Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl std::hash::Hash for Monomial {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}
