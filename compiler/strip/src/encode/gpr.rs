//! The instructions for general registers: one row per form, with a REX prefix.

/// Which operand goes into which field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GShape {
    /// `reg <- rm`.
    Rm,
    /// `rm <- reg`.
    Mr,
    /// `reg <- reg, rm`.
    Rrm,
    /// `rm <- rm, imm`: one byte with the first opcode if it fits, four with the second.
    MiGrow,
    /// `rm <- rm, imm8`.
    Mi8,
    /// `rm <- imm32`.
    Mi32,
    /// `rm <- rm`, with an opcode digit.
    Digit,
    /// `reg, rm`: only the flags.
    Flags,
    /// `rm, imm`: only the flags.
    FlagsI,
    /// `reg <- rm, imm`.
    RmiGrow,
}

/// A row.
pub(crate) struct GForm {
    #[cfg(test)]
    pub(crate) text: &'static str,
    pub(crate) shape: GShape,
    /// Two-byte opcode (`0F xx`).
    pub(crate) two: bool,
    pub(crate) opcode: u8,
    /// With a 32-bit immediate.
    pub(crate) wide: u8,
    pub(crate) digit: u8,
    /// REX.W.
    pub(crate) w: bool,
    /// Width in bytes of the `rm` operand in memory, or of an 8-bit register.
    pub(crate) bytes: u8,
}

macro_rules! gforms {
    ($($name:ident $text:literal $shape:ident $two:literal $opcode:literal $wide:literal $digit:literal $w:literal $bytes:literal;)*) => {
        /// An instruction for general registers.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u16)]
        #[allow(missing_docs, clippy::enum_variant_names)]
        pub(crate) enum G { $($name),* }

        /// All rows, in the order of [`G`].
        pub(crate) static GFORMS: &[GForm] = &[$(GForm {
            #[cfg(test)]
            text: $text,
            shape: GShape::$shape,
            two: $two == 1,
            opcode: $opcode,
            wide: $wide,
            digit: $digit,
            w: $w == 1,
            bytes: $bytes,
        }),*];

        /// All names, in the same order.
        #[cfg(test)]
        pub(crate) static GNAMES: &[G] = &[$(G::$name),*];
    };
}

gforms! {
// name   text     shape  0F opcode wide digit W bytes
Mov      "mov"     Rm      0 0x8B 0    0 1 8;
MovSt    "mov"     Mr      0 0x89 0    0 1 8;
Mov32    "mov"     Rm      0 0x8B 0    0 0 4;
MovSt32  "mov"     Mr      0 0x89 0    0 0 4;
MovSt16  "mov"     Mr      0 0x89 0    0 0 2;
MovSt8   "mov"     Mr      0 0x88 0    0 0 1;
Movzx8   "movzx"   Rm      1 0xB6 0    0 0 1;
Movzx16  "movzx"   Rm      1 0xB7 0    0 0 2;
Movsx8   "movsx"   Rm      1 0xBE 0    0 1 1;
Movsx16  "movsx"   Rm      1 0xBF 0    0 1 2;
Movsxd   "movsxd"  Rm      0 0x63 0    0 1 4;
MovI     "mov"     Mi32    0 0xC7 0    0 1 8;
MovI32   "mov"     Mi32    0 0xC7 0    0 0 4;
Lea      "lea"     Rm      0 0x8D 0    0 1 8;
Sub      "sub"     Rrm     0 0x2B 0    0 1 8;
And      "and"     Rrm     0 0x23 0    0 1 8;
Or       "or"      Rrm     0 0x0B 0    0 1 8;
Xor      "xor"     Rrm     0 0x33 0    0 1 8;
Imul     "imul"    Rrm     1 0xAF 0    0 1 8;
ImulI    "imul"    RmiGrow 0 0x6B 0x69 0 1 8;
AddI     "add"     MiGrow  0 0x83 0x81 0 1 8;
AddI32   "add"     MiGrow  0 0x83 0x81 0 0 4;
AddSt    "add"     Mr      0 0x01 0    0 1 8;
AddSt32  "add"     Mr      0 0x01 0    0 0 4;
AddSt16  "add"     Mr      0 0x01 0    0 0 2;
AddSt8   "add"     Mr      0 0x00 0    0 0 1;
AndI     "and"     MiGrow  0 0x83 0x81 4 1 8;
SubI     "sub"     MiGrow  0 0x83 0x81 5 1 8;
ShlI     "shl"     Mi8     0 0xC1 0    4 1 8;
ShrI     "shr"     Mi8     0 0xC1 0    5 1 8;
SarI     "sar"     Mi8     0 0xC1 0    7 1 8;
Neg      "neg"     Digit   0 0xF7 0    3 1 8;
Cmp      "cmp"     Flags   0 0x3B 0    0 1 8;
CmpI     "cmp"     FlagsI  0 0x83 0x81 7 1 8;
CmovL    "cmovl"   Rrm     1 0x4C 0    0 1 8;
CmovG    "cmovg"   Rrm     1 0x4F 0    0 1 8;
}

impl G {
    /// Its row.
    pub(crate) fn form(self) -> &'static GForm {
        &GFORMS[self as usize]
    }
}
