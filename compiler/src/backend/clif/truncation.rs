//! Conversions of floats to integers as the machine's own instruction.
//!
//! What [`crate::numerics::cast`] asks for is what `cvttsd2si` does: NaN and what does not fit become `i64::MIN`. Cranelift has no
//! operation for that. Its saturating one is that instruction and a repair of those cases, in this form and no other:
//!
//! ```text
//!       cvttsd2si r, x            f2 REX 0f 2c modrm              cvttsd2si r, x
//!       cmp r, 1                  REX 83 f8+r 01           ==>    jmp done
//!       jno done                  0f 81 distance                  nop
//!       ...                                                       ...
//! done:                                                     done:
//! ```
//!
//! So the repair is jumped over; nothing moves. (Where `done` is a jump, Cranelift lets the first jump go there at once.) A conversion in
//! the code whose form is another is an error: then Cranelift has changed (its version is pinned).

use cranelift_codegen::ir::{Function, Opcode, types as clif};

/// Length of the form above.
const FORM_BYTES: usize = 15;
/// Where its comparison begins.
const COMPARISON_AT: usize = 5;
/// Never executed; for those who read the code.
const NOP: [u8; 5] = [0x0f, 0x1f, 0x44, 0, 0];

/// Takes the repairs out of the code of a function.
///
/// # Errors
/// Text of an internal error: the conversions in the code are not those of the function.
pub(super) fn without_repairs(func: &Function, code: &mut [u8]) -> Result<(), String> {
    let wanted = func
        .layout
        .blocks()
        .flat_map(|block| func.layout.block_insts(block))
        .filter(|&inst| {
            func.dfg.insts[inst].opcode() == Opcode::FcvtToSintSat
                && func.dfg.value_type(func.dfg.first_result(inst)) == clif::I64
        })
        .count();
    if wanted == 0 {
        return Ok(());
    }
    let mut found = 0;
    for at in 0..code.len().saturating_sub(FORM_BYTES - 1) {
        let form = &mut code[at..at + FORM_BYTES];
        if !is_conversion(form) {
            continue;
        }
        let Some(distance) = jump_distance(form) else {
            return Err("a conversion to integers in another form".to_owned());
        };
        form[COMPARISON_AT..].copy_from_slice(&jump(distance));
        found += 1;
    }
    // One that nothing uses makes no code.
    if found > wanted {
        return Err(format!("{wanted} conversions to integers, but {found} in the code"));
    }
    Ok(())
}

/// Do they begin with a conversion of a double in a register to 64 bits?
fn is_conversion(bytes: &[u8]) -> bool {
    matches!(bytes, [0xf2, rex, 0x0f, 0x2c, modrm, ..] if rex & 0xfa == 0x48 && modrm >> 6 == 3)
}

/// How far the jump goes that comes behind the conversion and a comparison of its result with 1, if that does not overflow.
fn jump_distance(bytes: &[u8]) -> Option<i32> {
    let [_, rex, _, _, modrm, compare_rex, 0x83, compared, 0x01, 0x0f, 0x81, distance @ ..] = bytes else {
        return None;
    };
    let target = (rex >> 2 & 1) << 3 | (modrm >> 3 & 7);
    let is_of_result = *compare_rex == 0x48 | target >> 3 && *compared == 0xf8 | target & 7;
    is_of_result.then_some(i32::from_le_bytes(distance.try_into().ok()?))
}

/// Instead of comparison and jump over so many bytes.
fn jump(distance: i32) -> [u8; 10] {
    // Counted from the end of the instruction, which is earlier.
    let [p, q, r, s] = distance.wrapping_add(NOP.len() as i32).to_le_bytes();
    let [a, b, c, d, e] = NOP;
    [0xe9, p, q, r, s, a, b, c, d, e]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// cvttsd2si r11, xmm4; cmp r11, 1; jno +0x130
    const FORM: [u8; 15] = [0xf2, 0x4c, 0x0f, 0x2c, 0xdc, 0x49, 0x83, 0xfb, 0x01, 0x0f, 0x81, 0x30, 1, 0, 0];

    #[test]
    fn the_jump_ends_at_the_same_place() {
        assert_eq!(jump_distance(&FORM), Some(0x130));
        assert_eq!(jump(0x130), [0xe9, 0x35, 1, 0, 0, 0x0f, 0x1f, 0x44, 0, 0]);
        assert_eq!(jump(-0x20), [0xe9, 0xe5, 0xff, 0xff, 0xff, 0x0f, 0x1f, 0x44, 0, 0]);
    }

    #[test]
    fn only_the_whole_form() {
        assert!(is_conversion(&FORM));
        // Another register compared, another number, another condition.
        for (at, byte) in [(7, 0xfa), (5, 0x48), (8, 2), (10, 0x80)] {
            let mut other = FORM;
            other[at] = byte;
            assert!(is_conversion(&other) && jump_distance(&other).is_none(), "{at}");
        }
        // 32 bits, from memory, of singles.
        for (at, byte) in [(1, 0x44), (4, 0x1c), (0, 0xf3)] {
            let mut other = FORM;
            other[at] = byte;
            assert!(!is_conversion(&other), "{at}");
        }
    }
}
