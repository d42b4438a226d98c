//! Room on the stack for the words of a call.

use std::mem::MaybeUninit;

/// Most words that the room holds: more than any typed kernel takes or returns.
pub(crate) const MAX_WORDS: usize = 96;

/// The room, of which only as many words are zeroed as are used: clearing all costs as much as the call.
pub(crate) struct Words([MaybeUninit<u64>; MAX_WORDS]);

impl Words {
    #[inline]
    pub(crate) fn new() -> Words {
        Words([MaybeUninit::uninit(); MAX_WORDS])
    }

    /// # Panics
    /// If it is more than the room holds.
    #[inline]
    pub(crate) fn zeroed(&mut self, count: usize) -> &mut [u64] {
        let used = &mut self.0[..count];
        for word in &mut *used {
            word.write(0);
        }
        // SAFETY: all of them were just written.
        unsafe { used.assume_init_mut() }
    }

    /// The same where the number is only known at run time: there may be more than the room holds.
    #[inline]
    pub(crate) fn zeroed_or<'a>(&'a mut self, more: &'a mut Vec<u64>, count: usize) -> &'a mut [u64] {
        if count > MAX_WORDS {
            more.resize(count, 0);
            return more;
        }
        self.zeroed(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_zeroed_wherever_they_are() {
        let (mut words, mut more) = (Words::new(), Vec::new());
        assert_eq!(words.zeroed(3), [0; 3]);
        words.zeroed(MAX_WORDS).fill(7);
        assert_eq!(words.zeroed_or(&mut more, 5), [0; 5]);
        assert_eq!(words.zeroed_or(&mut more, MAX_WORDS), [0; MAX_WORDS]);
        assert_eq!(words.zeroed_or(&mut more, MAX_WORDS + 1).len(), MAX_WORDS + 1);
    }
}
