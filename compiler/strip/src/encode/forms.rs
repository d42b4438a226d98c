//! The vector instructions: one row per form.
//!
//! A row says everything that the encoder and its test need: operand positions, register classes, prefix, opcode map, the W bit of
//! the VEX and of the EVEX encoding (9: there is none), at which vector lengths it exists, and how EVEX scales an 8-bit displacement.

/// Which operand goes into which field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// `reg <- rm`.
    Rm,
    /// `rm <- reg`.
    Mr,
    /// `reg <- vvvv, rm`.
    Rvm,
    /// `vvvv <- rm`, with an opcode digit.
    Vm,
    /// `reg <- vvvv, rm, imm[7:4]`.
    Rvmr,
    /// `rm <- vvvv, reg`: a masked store.
    Mvr,
    /// `reg <- reg, vvvv, rm`: a fused multiply-add.
    Fma,
    /// `reg, rm`: only the flags.
    Flags,
    /// `reg <- rm` with a vector as index, under a mask that is used up.
    Gather,
}

/// Register classes of the fields `reg`, `vvvv`, `rm`. Only the encoder's test asks for them.
#[cfg(test)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Not used.
    N,
    /// General purpose, 64 bits.
    G,
    /// General purpose, 32 bits.
    W,
    /// Vector, of the instruction's length.
    V,
    /// Vector of 128 bits, whatever the length.
    X,
    /// Vector of half the length.
    H,
    /// Vector of a quarter of the length.
    Q,
    /// Vector of an eighth of the length.
    O,
    /// Mask.
    K,
    /// Memory only.
    M,
}

/// Mandatory prefix, as encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pp {
    /// None.
    No = 0,
    /// `66`.
    P66 = 1,
    /// `F3`.
    Pf3 = 2,
    /// `F2`.
    Pf2 = 3,
}

/// What an EVEX displacement of 8 bits is multiplied by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tuple {
    /// The whole vector; elements of 8 bytes may be broadcast.
    F8,
    /// The whole vector; elements of 4 bytes may be broadcast.
    F4,
    /// The whole vector.
    Fm,
    /// Half the vector; elements of 4 bytes may be broadcast.
    H4,
    /// Half the vector.
    Hm,
    /// A quarter.
    Qm,
    /// An eighth.
    Om,
    /// 8 bytes.
    S8,
    /// 4 bytes.
    S4,
    /// 16 bytes.
    T16,
    /// 32 bytes.
    T32,
}

/// A row.
pub(crate) struct Form {
    /// As written in assembly.
    #[cfg(test)]
    pub(crate) text: &'static str,
    pub(crate) shape: Shape,
    #[cfg(test)]
    pub(crate) imm: bool,
    #[cfg(test)]
    pub(crate) classes: [Class; 3],
    pub(crate) pp: Pp,
    pub(crate) map: u8,
    pub(crate) opcode: u8,
    pub(crate) digit: u8,
    pub(crate) vex: u8,
    pub(crate) evex: u8,
    /// Lengths: bit 0 for 128, bit 1 for 256, bit 2 for 512.
    #[cfg(test)]
    pub(crate) lens: u8,
    pub(crate) tuple: Tuple,
}

#[cfg(test)]
use lens::*;

/// What the column `lengths` says.
#[cfg(test)]
mod lens {
    pub(super) const X: u8 = 1;
    pub(super) const Y: u8 = 2;
    pub(super) const Z: u8 = 4;
    pub(super) const XY: u8 = 3;
    pub(super) const YZ: u8 = 6;
    pub(super) const XYZ: u8 = 7;
}

macro_rules! forms {
    ($($name:ident $text:literal $shape:ident $imm:ident $a:ident $b:ident $c:ident $pp:ident $map:literal $opcode:literal $digit:literal
       $vex:literal $evex:literal $lens:ident $tuple:ident;)*) => {
        /// An instruction form.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u16)]
        #[allow(missing_docs)]
        pub(crate) enum F { $($name),* }

        /// All rows, in the order of [`F`].
        pub(crate) static FORMS: &[Form] = &[$(Form {
            #[cfg(test)]
            text: $text,
            shape: Shape::$shape,
            #[cfg(test)]
            imm: forms!(@imm $imm),
            #[cfg(test)]
            classes: [Class::$a, Class::$b, Class::$c],
            pp: Pp::$pp,
            map: $map,
            opcode: $opcode,
            digit: $digit,
            vex: $vex,
            evex: $evex,
            #[cfg(test)]
            lens: $lens,
            tuple: Tuple::$tuple,
        }),*];

        /// All names, in the same order.
        #[cfg(test)]
        pub(crate) static NAMES: &[F] = &[$(F::$name),*];
    };
    (@imm i) => { true };
    (@imm n) => { false };
}

forms! {
// name       text           shape imm classes  pp  map op dig vex evex lengths tuple
// Floats.
Vaddpd       "vaddpd"        Rvm n V V V P66 1 0x58 0 0 1 XYZ F8;
Vaddps       "vaddps"        Rvm n V V V No  1 0x58 0 0 0 XYZ F4;
Vsubpd       "vsubpd"        Rvm n V V V P66 1 0x5C 0 0 1 XYZ F8;
Vsubps       "vsubps"        Rvm n V V V No  1 0x5C 0 0 0 XYZ F4;
Vmulpd       "vmulpd"        Rvm n V V V P66 1 0x59 0 0 1 XYZ F8;
Vmulps       "vmulps"        Rvm n V V V No  1 0x59 0 0 0 XYZ F4;
Vdivpd       "vdivpd"        Rvm n V V V P66 1 0x5E 0 0 1 XYZ F8;
Vdivps       "vdivps"        Rvm n V V V No  1 0x5E 0 0 0 XYZ F4;
Vminpd       "vminpd"        Rvm n V V V P66 1 0x5D 0 0 1 XYZ F8;
Vminps       "vminps"        Rvm n V V V No  1 0x5D 0 0 0 XYZ F4;
Vmaxpd       "vmaxpd"        Rvm n V V V P66 1 0x5F 0 0 1 XYZ F8;
Vmaxps       "vmaxps"        Rvm n V V V No  1 0x5F 0 0 0 XYZ F4;
Vaddsd       "vaddsd"        Rvm n X X X Pf2 1 0x58 0 0 1 X   S8;
Vaddss       "vaddss"        Rvm n X X X Pf3 1 0x58 0 0 0 X   S4;
Vmulsd       "vmulsd"        Rvm n X X X Pf2 1 0x59 0 0 1 X   S8;
Vmulss       "vmulss"        Rvm n X X X Pf3 1 0x59 0 0 0 X   S4;
Vminsd       "vminsd"        Rvm n X X X Pf2 1 0x5D 0 0 1 X   S8;
Vminss       "vminss"        Rvm n X X X Pf3 1 0x5D 0 0 0 X   S4;
Vmaxsd       "vmaxsd"        Rvm n X X X Pf2 1 0x5F 0 0 1 X   S8;
Vmaxss       "vmaxss"        Rvm n X X X Pf3 1 0x5F 0 0 0 X   S4;
Vsqrtpd      "vsqrtpd"       Rm  n V N V P66 1 0x51 0 0 1 XYZ F8;
Vsqrtps      "vsqrtps"       Rm  n V N V No  1 0x51 0 0 0 XYZ F4;
Vandpd       "vandpd"        Rvm n V V V P66 1 0x54 0 0 1 XYZ F8;
Vandps       "vandps"        Rvm n V V V No  1 0x54 0 0 0 XYZ F4;
Vandnpd      "vandnpd"       Rvm n V V V P66 1 0x55 0 0 1 XYZ F8;
Vxorpd       "vxorpd"        Rvm n V V V P66 1 0x57 0 0 1 XYZ F8;
Vxorps       "vxorps"        Rvm n V V V No  1 0x57 0 0 0 XYZ F4;
Vroundpd     "vroundpd"      Rm  i V N V P66 3 0x09 0 0 9 XY  Fm;
Vroundps     "vroundps"      Rm  i V N V P66 3 0x08 0 0 9 XY  Fm;
Vrndscalepd  "vrndscalepd"   Rm  i V N V P66 3 0x09 0 9 1 XYZ F8;
Vrndscaleps  "vrndscaleps"   Rm  i V N V P66 3 0x08 0 9 0 XYZ F4;
Vcmppd       "vcmppd"        Rvm i V V V P66 1 0xC2 0 0 9 XY  Fm;
Vcmpps       "vcmpps"        Rvm i V V V No  1 0xC2 0 0 9 XY  Fm;
VcmppdK      "vcmppd"        Rvm i K V V P66 1 0xC2 0 9 1 XYZ F8;
VcmppsK      "vcmpps"        Rvm i K V V No  1 0xC2 0 9 0 XYZ F4;
Vfmadd132pd  "vfmadd132pd"   Fma n V V V P66 2 0x98 0 1 1 XYZ F8;
Vfmadd132ps  "vfmadd132ps"   Fma n V V V P66 2 0x98 0 0 0 XYZ F4;
Vfmadd213pd  "vfmadd213pd"   Fma n V V V P66 2 0xA8 0 1 1 XYZ F8;
Vfmadd213ps  "vfmadd213ps"   Fma n V V V P66 2 0xA8 0 0 0 XYZ F4;
Vfmadd231pd  "vfmadd231pd"   Fma n V V V P66 2 0xB8 0 1 1 XYZ F8;
Vfmadd231ps  "vfmadd231ps"   Fma n V V V P66 2 0xB8 0 0 0 XYZ F4;
Vfmsub132pd  "vfmsub132pd"   Fma n V V V P66 2 0x9A 0 1 1 XYZ F8;
Vfmsub132ps  "vfmsub132ps"   Fma n V V V P66 2 0x9A 0 0 0 XYZ F4;
Vfmsub213pd  "vfmsub213pd"   Fma n V V V P66 2 0xAA 0 1 1 XYZ F8;
Vfmsub213ps  "vfmsub213ps"   Fma n V V V P66 2 0xAA 0 0 0 XYZ F4;
Vfmsub231pd  "vfmsub231pd"   Fma n V V V P66 2 0xBA 0 1 1 XYZ F8;
Vfmsub231ps  "vfmsub231ps"   Fma n V V V P66 2 0xBA 0 0 0 XYZ F4;
Vfnmadd132pd "vfnmadd132pd"  Fma n V V V P66 2 0x9C 0 1 1 XYZ F8;
Vfnmadd132ps "vfnmadd132ps"  Fma n V V V P66 2 0x9C 0 0 0 XYZ F4;
Vfnmadd213pd "vfnmadd213pd"  Fma n V V V P66 2 0xAC 0 1 1 XYZ F8;
Vfnmadd213ps "vfnmadd213ps"  Fma n V V V P66 2 0xAC 0 0 0 XYZ F4;
Vfnmadd231pd "vfnmadd231pd"  Fma n V V V P66 2 0xBC 0 1 1 XYZ F8;
Vfnmadd231ps "vfnmadd231ps"  Fma n V V V P66 2 0xBC 0 0 0 XYZ F4;
// Integers.
Vpaddq       "vpaddq"        Rvm n V V V P66 1 0xD4 0 0 1 XYZ F8;
Vpaddd       "vpaddd"        Rvm n V V V P66 1 0xFE 0 0 0 XYZ F4;
Vpsubq       "vpsubq"        Rvm n V V V P66 1 0xFB 0 0 1 XYZ F8;
Vpsubd       "vpsubd"        Rvm n V V V P66 1 0xFA 0 0 0 XYZ F4;
Vpmuludq     "vpmuludq"      Rvm n V V V P66 1 0xF4 0 0 1 XYZ F8;
Vpmulld      "vpmulld"       Rvm n V V V P66 2 0x40 0 0 0 XYZ F4;
Vpmullq      "vpmullq"       Rvm n V V V P66 2 0x40 0 9 1 XYZ F8;
Vpminsd      "vpminsd"       Rvm n V V V P66 2 0x39 0 0 0 XYZ F4;
Vpmaxsd      "vpmaxsd"       Rvm n V V V P66 2 0x3D 0 0 0 XYZ F4;
Vpminsq      "vpminsq"       Rvm n V V V P66 2 0x39 0 9 1 XYZ F8;
Vpmaxsq      "vpmaxsq"       Rvm n V V V P66 2 0x3D 0 9 1 XYZ F8;
Vpabsd       "vpabsd"        Rm  n V N V P66 2 0x1E 0 0 0 XYZ F4;
Vpabsq       "vpabsq"        Rm  n V N V P66 2 0x1F 0 9 1 XYZ F8;
Vpand        "vpand"         Rvm n V V V P66 1 0xDB 0 0 9 XY  Fm;
Vpandn       "vpandn"        Rvm n V V V P66 1 0xDF 0 0 9 XY  Fm;
Vpor         "vpor"          Rvm n V V V P66 1 0xEB 0 0 9 XY  Fm;
Vpxor        "vpxor"         Rvm n V V V P66 1 0xEF 0 0 9 XY  Fm;
Vpandq       "vpandq"        Rvm n V V V P66 1 0xDB 0 9 1 XYZ F8;
Vpandd       "vpandd"        Rvm n V V V P66 1 0xDB 0 9 0 XYZ F4;
Vpandnq      "vpandnq"       Rvm n V V V P66 1 0xDF 0 9 1 XYZ F8;
Vpandnd      "vpandnd"       Rvm n V V V P66 1 0xDF 0 9 0 XYZ F4;
Vporq        "vporq"         Rvm n V V V P66 1 0xEB 0 9 1 XYZ F8;
Vpord        "vpord"         Rvm n V V V P66 1 0xEB 0 9 0 XYZ F4;
Vpxorq       "vpxorq"        Rvm n V V V P66 1 0xEF 0 9 1 XYZ F8;
Vpxord       "vpxord"        Rvm n V V V P66 1 0xEF 0 9 0 XYZ F4;
Vpcmpeqq     "vpcmpeqq"      Rvm n V V V P66 2 0x29 0 0 9 XY  Fm;
Vpcmpeqd     "vpcmpeqd"      Rvm n V V V P66 1 0x76 0 0 9 XY  Fm;
Vpcmpgtq     "vpcmpgtq"      Rvm n V V V P66 2 0x37 0 0 9 XY  Fm;
Vpcmpgtd     "vpcmpgtd"      Rvm n V V V P66 1 0x66 0 0 9 XY  Fm;
VpcmpqK      "vpcmpq"        Rvm i K V V P66 3 0x1F 0 9 1 XYZ F8;
VpcmpdK      "vpcmpd"        Rvm i K V V P66 3 0x1F 0 9 0 XYZ F4;
VptestmqK    "vptestmq"      Rvm n K V V P66 2 0x27 0 9 1 XYZ F8;
VptestmdK    "vptestmd"      Rvm n K V V P66 2 0x27 0 9 0 XYZ F4;
Vpsllq       "vpsllq"        Vm  i N V V P66 1 0x73 6 0 1 XYZ F8;
Vpsrlq       "vpsrlq"        Vm  i N V V P66 1 0x73 2 0 1 XYZ F8;
Vpslld       "vpslld"        Vm  i N V V P66 1 0x72 6 0 0 XYZ F4;
Vpsrld       "vpsrld"        Vm  i N V V P66 1 0x72 2 0 0 XYZ F4;
Vpsrad       "vpsrad"        Vm  i N V V P66 1 0x72 4 0 0 XYZ F4;
Vpsraq       "vpsraq"        Vm  i N V V P66 1 0x72 4 9 1 XYZ F8;
Vpsllvq      "vpsllvq"       Rvm n V V V P66 2 0x47 0 1 1 XYZ F8;
Vpsrlvq      "vpsrlvq"       Rvm n V V V P66 2 0x45 0 1 1 XYZ F8;
Vpsravq      "vpsravq"       Rvm n V V V P66 2 0x46 0 9 1 XYZ F8;
Vpsllvd      "vpsllvd"       Rvm n V V V P66 2 0x47 0 0 0 XYZ F4;
Vpsrlvd      "vpsrlvd"       Rvm n V V V P66 2 0x45 0 0 0 XYZ F4;
Vpsravd      "vpsravd"       Rvm n V V V P66 2 0x46 0 0 0 XYZ F4;
// Integers of 8 and 16 bits, in vectors of 256 bits at most.
Vpaddw       "vpaddw"        Rvm n V V V P66 1 0xFD 0 0 9 XY  Fm;
Vpaddb       "vpaddb"        Rvm n V V V P66 1 0xFC 0 0 9 XY  Fm;
Vpsubw       "vpsubw"        Rvm n V V V P66 1 0xF9 0 0 9 XY  Fm;
Vpsubb       "vpsubb"        Rvm n V V V P66 1 0xF8 0 0 9 XY  Fm;
Vpmullw      "vpmullw"       Rvm n V V V P66 1 0xD5 0 0 9 XY  Fm;
Vpmulhuw     "vpmulhuw"      Rvm n V V V P66 1 0xE4 0 0 9 XY  Fm;
Vpminsw      "vpminsw"       Rvm n V V V P66 1 0xEA 0 0 9 XY  Fm;
Vpmaxsw      "vpmaxsw"       Rvm n V V V P66 1 0xEE 0 0 9 XY  Fm;
Vpminub      "vpminub"       Rvm n V V V P66 1 0xDA 0 0 9 XY  Fm;
Vpmaxub      "vpmaxub"       Rvm n V V V P66 1 0xDE 0 0 9 XY  Fm;
Vpminsb      "vpminsb"       Rvm n V V V P66 2 0x38 0 0 9 XY  Fm;
Vpmaxsb      "vpmaxsb"       Rvm n V V V P66 2 0x3C 0 0 9 XY  Fm;
Vpminuw      "vpminuw"       Rvm n V V V P66 2 0x3A 0 0 9 XY  Fm;
Vpmaxuw      "vpmaxuw"       Rvm n V V V P66 2 0x3E 0 0 9 XY  Fm;
Vpavgb       "vpavgb"        Rvm n V V V P66 1 0xE0 0 0 9 XY  Fm;
Vpavgw       "vpavgw"        Rvm n V V V P66 1 0xE3 0 0 9 XY  Fm;
Vpabsw       "vpabsw"        Rm  n V N V P66 2 0x1D 0 0 9 XY  Fm;
Vpabsb       "vpabsb"        Rm  n V N V P66 2 0x1C 0 0 9 XY  Fm;
Vpcmpeqw     "vpcmpeqw"      Rvm n V V V P66 1 0x75 0 0 9 XY  Fm;
Vpcmpeqb     "vpcmpeqb"      Rvm n V V V P66 1 0x74 0 0 9 XY  Fm;
Vpcmpgtw     "vpcmpgtw"      Rvm n V V V P66 1 0x65 0 0 9 XY  Fm;
Vpcmpgtb     "vpcmpgtb"      Rvm n V V V P66 1 0x64 0 0 9 XY  Fm;
Vpsllw       "vpsllw"        Vm  i N V V P66 1 0x71 6 0 9 XY  Fm;
Vpsrlw       "vpsrlw"        Vm  i N V V P66 1 0x71 2 0 9 XY  Fm;
Vpsraw       "vpsraw"        Vm  i N V V P66 1 0x71 4 0 9 XY  Fm;
Vpblendvb    "vpblendvb"     Rvmr n V V V P66 3 0x4C 0 0 9 XY Fm;
Vpackuswb    "vpackuswb"     Rvm n V V V P66 1 0x67 0 0 9 XY  Fm;
Vpbroadcastw "vpbroadcastw"  Rm  n V N X P66 2 0x79 0 0 9 XY  Fm;
Vpbroadcastb "vpbroadcastb"  Rm  n V N X P66 2 0x78 0 0 9 XY  Fm;
Vpmovzxbw    "vpmovzxbw"     Rm  n V N H P66 2 0x30 0 0 9 XY  Hm;
Vpmovsxbw    "vpmovsxbw"     Rm  n V N H P66 2 0x20 0 0 9 XY  Hm;
// Choosing and moving lanes.
Vblendvpd    "vblendvpd"     Rvmr n V V V P66 3 0x4B 0 0 9 XY Fm;
Vblendvps    "vblendvps"     Rvmr n V V V P66 3 0x4A 0 0 9 XY Fm;
Vpblendd     "vpblendd"      Rvm i V V V P66 3 0x02 0 0 9 XY  Fm;
Vblendmpd    "vblendmpd"     Rvm n V V V P66 2 0x65 0 9 1 XYZ F8;
Vblendmps    "vblendmps"     Rvm n V V V P66 2 0x65 0 9 0 XYZ F4;
Vshufps      "vshufps"       Rvm i V V V No  1 0xC6 0 0 0 XYZ F4;
Vpshufd      "vpshufd"       Rm  i V N V P66 1 0x70 0 0 0 XYZ F4;
Vpshufb      "vpshufb"       Rvm n V V V P66 2 0x00 0 0 9 XY  Fm;
Vpermq       "vpermq"        Rm  i V N V P66 3 0x00 0 1 1 YZ  F8;
Vpermd       "vpermd"        Rvm n V V V P66 2 0x36 0 0 9 Y   Fm;
Vpunpckldq   "vpunpckldq"    Rvm n V V V P66 1 0x62 0 0 0 XYZ F4;
Vpunpcklqdq  "vpunpcklqdq"   Rvm n V V V P66 1 0x6C 0 0 1 XYZ F8;
Vextractf128 "vextractf128"  Mr  i V N X P66 3 0x19 0 0 9 Y   T16;
Vinsertf128  "vinsertf128"   Rvm i V V X P66 3 0x18 0 0 9 Y   T16;
Vextractf64x2 "vextractf64x2" Mr i V N X P66 3 0x19 0 9 1 YZ  T16;
Vinsertf64x2 "vinsertf64x2"  Rvm i V V X P66 3 0x18 0 9 1 YZ  T16;
Vextractf64x4 "vextractf64x4" Mr i V N H P66 3 0x1B 0 9 1 Z   T32;
Vinsertf64x4 "vinsertf64x4"  Rvm i V V H P66 3 0x1A 0 9 1 Z   T32;
Vpbroadcastq "vpbroadcastq"  Rm  n V N X P66 2 0x59 0 0 1 XYZ S8;
Vpbroadcastd "vpbroadcastd"  Rm  n V N X P66 2 0x58 0 0 0 XYZ S4;
VpbroadcastqG "vpbroadcastq" Rm  n V N G P66 2 0x7C 0 9 1 XYZ S8;
// Memory.
Vmovups      "vmovups"       Rm  n V N V No  1 0x10 0 0 0 XYZ Fm;
VmovupsSt    "vmovups"       Mr  n V N M No  1 0x11 0 0 0 XYZ Fm;
Vmovupd      "vmovupd"       Rm  n V N V P66 1 0x10 0 0 1 XYZ Fm;
VmovupdSt    "vmovupd"       Mr  n V N M P66 1 0x11 0 0 1 XYZ Fm;
Vmovaps      "vmovaps"       Rm  n V N V No  1 0x28 0 0 0 XYZ Fm;
VmovapsSt    "vmovaps"       Mr  n V N M No  1 0x29 0 0 0 XYZ Fm;
VmovntpsSt   "vmovntps"      Mr  n V N M No  1 0x2B 0 0 0 XYZ Fm;
Vmaskmovpd   "vmaskmovpd"    Rvm n V V M P66 2 0x2D 0 0 9 XY  Fm;
Vmaskmovps   "vmaskmovps"    Rvm n V V M P66 2 0x2C 0 0 9 XY  Fm;
VmaskmovpdSt "vmaskmovpd"    Mvr n V V M P66 2 0x2F 0 0 9 XY  Fm;
VmaskmovpsSt "vmaskmovps"    Mvr n V V M P66 2 0x2E 0 0 9 XY  Fm;
Vmovsd       "vmovsd"        Rm  n X N M Pf2 1 0x10 0 0 1 X   S8;
VmovsdSt     "vmovsd"        Mr  n X N M Pf2 1 0x11 0 0 1 X   S8;
Vmovss       "vmovss"        Rm  n X N M Pf3 1 0x10 0 0 0 X   S4;
VmovssSt     "vmovss"        Mr  n X N M Pf3 1 0x11 0 0 0 X   S4;
Vmovhpd      "vmovhpd"       Rvm n X X M P66 1 0x16 0 0 1 X   S8;
VmovhpdSt    "vmovhpd"       Mr  n X N M P66 1 0x17 0 0 1 X   S8;
VmovqG       "vmovq"         Rm  n X N G P66 1 0x6E 0 1 1 X   S8;
VmovqToG     "vmovq"         Mr  n X N G P66 1 0x7E 0 1 1 X   S8;
VmovdG       "vmovd"         Rm  n X N W P66 1 0x6E 0 0 0 X   S4;
VmovdToG     "vmovd"         Mr  n X N W P66 1 0x7E 0 0 0 X   S4;
Vpinsrq      "vpinsrq"       Rvm i X X G P66 3 0x22 0 1 1 X   S8;
Vpinsrd      "vpinsrd"       Rvm i X X W P66 3 0x22 0 0 0 X   S4;
Vpextrq      "vpextrq"       Mr  i X N G P66 3 0x16 0 1 1 X   S8;
Vpextrd      "vpextrd"       Mr  i X N W P66 3 0x16 0 0 0 X   S4;
Vgatherqpd   "vgatherqpd"    Gather n V N M P66 2 0x93 0 9 1 Z S8;
Vgatherqps   "vgatherqps"    Gather n H N M P66 2 0x93 0 9 0 Z S4;
// Conversions.
Vcvtps2pd    "vcvtps2pd"     Rm  n V N H No  1 0x5A 0 0 0 XYZ H4;
Vcvtpd2ps    "vcvtpd2ps"     Rm  n H N V P66 1 0x5A 0 0 1 XYZ F8;
Vcvtdq2pd    "vcvtdq2pd"     Rm  n V N H Pf3 1 0xE6 0 0 0 XYZ H4;
Vcvtdq2ps    "vcvtdq2ps"     Rm  n V N V No  1 0x5B 0 0 0 XYZ F4;
Vcvtqq2pd    "vcvtqq2pd"     Rm  n V N V Pf3 1 0xE6 0 9 1 XYZ F8;
Vcvtqq2ps    "vcvtqq2ps"     Rm  n H N V No  1 0x5B 0 9 1 XYZ F8;
Vcvttpd2qq   "vcvttpd2qq"    Rm  n V N V P66 1 0x7A 0 9 1 XYZ F8;
Vcvttps2qq   "vcvttps2qq"    Rm  n V N H P66 1 0x7A 0 9 0 XYZ H4;
Vcvtsi2ss    "vcvtsi2ss"     Rvm n X X G Pf3 1 0x2A 0 1 1 X   S8;
Vpmovsxbd    "vpmovsxbd"     Rm  n V N Q P66 2 0x21 0 0 0 XYZ Qm;
Vpmovsxbq    "vpmovsxbq"     Rm  n V N O P66 2 0x22 0 0 0 XYZ Om;
Vpmovsxwd    "vpmovsxwd"     Rm  n V N H P66 2 0x23 0 0 0 XYZ Hm;
Vpmovsxwq    "vpmovsxwq"     Rm  n V N Q P66 2 0x24 0 0 0 XYZ Qm;
Vpmovsxdq    "vpmovsxdq"     Rm  n V N H P66 2 0x25 0 0 0 XYZ Hm;
Vpmovzxbd    "vpmovzxbd"     Rm  n V N Q P66 2 0x31 0 0 0 XYZ Qm;
Vpmovzxbq    "vpmovzxbq"     Rm  n V N O P66 2 0x32 0 0 0 XYZ Om;
Vpmovzxwd    "vpmovzxwd"     Rm  n V N H P66 2 0x33 0 0 0 XYZ Hm;
Vpmovzxwq    "vpmovzxwq"     Rm  n V N Q P66 2 0x34 0 0 0 XYZ Qm;
Vpmovzxdq    "vpmovzxdq"     Rm  n V N H P66 2 0x35 0 0 0 XYZ Hm;
Vpmovqd      "vpmovqd"       Mr  n V N H Pf3 2 0x35 0 9 0 XYZ Hm;
Vpmovqw      "vpmovqw"       Mr  n V N Q Pf3 2 0x34 0 9 0 XYZ Qm;
Vpmovqb      "vpmovqb"       Mr  n V N O Pf3 2 0x32 0 9 0 XYZ Om;
Vpmovdw      "vpmovdw"       Mr  n V N H Pf3 2 0x33 0 9 0 XYZ Hm;
Vpmovdb      "vpmovdb"       Mr  n V N Q Pf3 2 0x31 0 9 0 XYZ Qm;
// Masks and tests.
Vptest       "vptest"        Flags n V N V P66 2 0x17 0 0 9 XY Fm;
Vpmovm2q     "vpmovm2q"      Rm  n V N K Pf3 2 0x38 0 9 1 XYZ Fm;
Vpmovm2d     "vpmovm2d"      Rm  n V N K Pf3 2 0x38 0 9 0 XYZ Fm;
Kandw        "kandw"         Rvm n K K K No  1 0x41 0 0 9 Y   Fm;
Kandnw       "kandnw"        Rvm n K K K No  1 0x42 0 0 9 Y   Fm;
Korw         "korw"          Rvm n K K K No  1 0x45 0 0 9 Y   Fm;
Kxorw        "kxorw"         Rvm n K K K No  1 0x47 0 0 9 Y   Fm;
Knotw        "knotw"         Rm  n K N K No  1 0x44 0 0 9 X   Fm;
Kunpckbw     "kunpckbw"      Rvm n K K K P66 1 0x4B 0 0 9 Y   Fm;
Kshiftrw     "kshiftrw"      Rm  i K N K P66 3 0x30 0 1 9 X   Fm;
Kortestw     "kortestw"      Flags n K N K No 1 0x98 0 0 9 X  Fm;
Kortestb     "kortestb"      Flags n K N K P66 1 0x98 0 0 9 X Fm;
Kmovw        "kmovw"         Rm  n K N K No  1 0x90 0 0 9 X   Fm;
KmovwG       "kmovw"         Rm  n K N W No  1 0x92 0 0 9 X   Fm;
KmovqLd      "kmovq"         Rm  n K N M No  1 0x90 0 1 9 X   Fm;
KmovqSt      "kmovq"         Mr  n K N M No  1 0x91 0 1 9 X   Fm;
// General registers with three operands.
Bzhi         "bzhi"          Rvm n G G G No  2 0xF5 0 1 9 X   Fm;
}

impl F {
    /// Its row.
    pub(crate) fn form(self) -> &'static Form {
        &FORMS[self as usize]
    }
}
