//! The mode of floating-point arithmetic while kernels run: round to nearest even, subnormal numbers kept, exceptions masked.
//!
//! A process may have changed it: loading a library that was linked with `-ffast-math` makes the thread flush subnormal
//! numbers to zero, and threads inherit that. Results of kernels must not depend on it.

/// Puts the mode in force until it is dropped; then the thread has its own back.
#[derive(Debug)]
pub(crate) struct FloatMode {
    /// What to go back to, if it was another one.
    before: Option<register::Bits>,
}

impl FloatMode {
    /// Enters the mode. Costs the reading of a register unless something has changed the mode.
    #[inline]
    pub(crate) fn enter() -> FloatMode {
        let bits = register::read();
        if register::is_default(bits) {
            return FloatMode { before: None };
        }
        register::write(register::DEFAULT);
        FloatMode { before: Some(bits) }
    }
}

impl Drop for FloatMode {
    #[inline]
    fn drop(&mut self) {
        if let Some(bits) = self.before {
            register::write(bits);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod register {
    use std::arch::asm;

    /// The register MXCSR.
    pub(super) type Bits = u32;

    /// All exceptions masked, nearest even, no flush to zero, subnormal operands kept.
    pub(super) const DEFAULT: Bits = 0x1F80;

    /// The low bits say which exceptions have happened; they do not matter.
    #[inline]
    pub(super) fn is_default(bits: Bits) -> bool {
        bits & !0x3F == DEFAULT
    }

    #[inline]
    pub(super) fn read() -> Bits {
        let mut bits: Bits = 0;
        // SAFETY: stores four bytes to `bits`; every x86-64 processor has the instruction.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut bits, options(nostack, preserves_flags)) };
        bits
    }

    #[inline]
    pub(super) fn write(bits: Bits) {
        // SAFETY: `bits` is the default or was read from the register, so no reserved bit is set; whoever changes the mode
        // goes back to the old one before other code runs on this thread.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const bits, options(nostack, readonly, preserves_flags)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod register {
    use std::arch::asm;

    /// The register FPCR.
    pub(super) type Bits = u64;

    /// Nearest even, no flush to zero, no default NaN, no traps.
    pub(super) const DEFAULT: Bits = 0;

    pub(super) fn is_default(bits: Bits) -> bool {
        bits == DEFAULT
    }

    #[inline]
    pub(super) fn read() -> Bits {
        let bits: Bits;
        // SAFETY: reads a register that every AArch64 processor has.
        unsafe { asm!("mrs {}, fpcr", out(reg) bits, options(nomem, nostack, preserves_flags)) };
        bits
    }

    #[inline]
    pub(super) fn write(bits: Bits) {
        // SAFETY: the default or what was read from the register; whoever changes the mode goes back to the old one before
        // other code runs on this thread.
        unsafe { asm!("msr fpcr, {}", in(reg) bits, options(nomem, nostack, preserves_flags)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod register {
    /// Nothing is known of the mode of other processors.
    pub(super) type Bits = ();

    pub(super) const DEFAULT: Bits = ();

    pub(super) fn is_default((): Bits) -> bool {
        true
    }

    pub(super) fn read() -> Bits {}

    pub(super) fn write((): Bits) {}
}
