//! The image: functions one after the other, calls between them resolved, nothing left to relocate.

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{ExternalName, UserFuncName};
use cranelift_codegen::isa::{TargetFrontendConfig, TargetIsa};
use cranelift_codegen::{CompiledCode, FinalizedRelocTarget};
use rustc_hash::FxHashMap;

use super::isa::Abilities;
use super::jobs::StripSource;
use crate::base::{EntitySet, Span};
use crate::ir::artifact::LaunchSite;
use crate::ir::{FuncId, ParallelBody};

/// What the functions of one artifact share while their code is made.
pub(super) struct Unit {
    pub abilities: Abilities,
    pub frontend_config: TargetFrontendConfig,
    /// Parallel loops in order of their numbers, with the function of the body.
    pub parallels: Vec<(FuncId, ParallelBody)>,
    /// Functions whose code is made when they are first called, by number.
    pub late: Vec<FuncId>,
    /// Launches of kernels, by number.
    pub launches: Vec<LaunchSite>,
    /// Bodies of parallel loops: a call enters them as the runtime does.
    pub bodies: EntitySet<FuncId>,
    /// Which vector code the processor runs.
    pub vectors: Vectors,
    /// Strips of the function that is being written down, with their numbers.
    pub strips: Vec<(u32, StripSource)>,
    /// What became of the loops with strips, by number.
    pub said: Vec<Said>,
    /// Strips that turned out to have no code, and why.
    pub refused: FxHashMap<u32, String>,
    /// Places in the source by number, if asked for.
    pub lines: Option<Vec<Span>>,
}

/// A sentence on a loop with a strip.
pub(super) struct Said {
    pub span: Span,
    /// There is vector code.
    pub is_done: bool,
    pub text: String,
}

/// How strips become code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Vectors {
    /// Not at all.
    None,
    /// By Cranelift, 128 bits; with the names of the instruction sets that are there.
    Narrow(Vec<String>),
    /// By `kjit_strip`.
    Wide(kjit_strip::Tier),
}

/// Name space of functions of the program in Cranelift's names.
const FUNCS: u32 = 0;
/// Name space of strips.
pub(super) const STRIPS: u32 = 1;
/// Code of strips begins at multiples of this.
const STRIP_ALIGNMENT: usize = 64;

/// Code of functions, with the calls between them still open.
#[derive(Default)]
pub(super) struct Image {
    pub code: Vec<u8>,
    /// Start of each function.
    starts: Vec<(FuncId, u32)>,
    /// Start of each strip.
    strip_starts: Vec<(u32, u32)>,
    calls: Vec<Call>,
    /// Offset in the image and number of a place, in order.
    pub lines: Vec<(u32, u32)>,
}

/// What is called.
#[derive(Clone, Copy)]
enum Callee {
    Func(FuncId),
    Strip(u32),
}

/// A call from one function of the image to another.
struct Call {
    offset: u32,
    kind: Reloc,
    callee: Callee,
    addend: i64,
}

impl Image {
    /// Appends a function; its offset. `id` is what calls name it by, if anything calls it.
    pub(super) fn push(
        &mut self,
        id: Option<FuncId>,
        names: &cranelift_codegen::ir::Function,
        compiled: &CompiledCode,
        isa: &dyn TargetIsa,
        keeps_lines: bool,
    ) -> Result<u32, String> {
        let preferred = compiled.buffer.alignment.max(isa.function_alignment().preferred).max(16) as usize;
        let aligned = if has_jumps_of_x64(isa) {
            // Constants stand behind the code and need no more than this.
            let alignment = compiled.buffer.alignment.max(4) as usize;
            let aligned = self.code.len().next_multiple_of(alignment);
            aligned + best_shift(compiled.code_buffer(), aligned, alignment)
        } else {
            self.code.len().next_multiple_of(preferred)
        };
        self.code.resize(aligned, 0);
        let start = u32::try_from(self.code.len()).map_err(|_| "the image is too large")?;
        self.code.extend_from_slice(compiled.code_buffer());
        if has_jumps_of_x64(isa) {
            super::truncation::without_repairs(names, &mut self.code[aligned..])?;
        }
        for reloc in compiled.buffer.relocs() {
            let callee = match &reloc.target {
                FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                    let name = &names.params.user_named_funcs()[*name];
                    if name.namespace == STRIPS {
                        Callee::Strip(name.index)
                    } else {
                        Callee::Func(FuncId::from_u32(name.index))
                    }
                }
                other => return Err(format!("relocation to {other:?} in {}", names.name)),
            };
            match reloc.kind {
                Reloc::X86CallPCRel4 | Reloc::Arm64Call => {}
                other => return Err(format!("relocation {other} in {}", names.name)),
            }
            self.calls.push(Call {
                offset: start + reloc.offset,
                kind: reloc.kind,
                callee,
                addend: reloc.addend,
            });
        }
        if keeps_lines {
            for line in compiled.buffer.get_srclocs_sorted() {
                if !line.loc.is_default() {
                    self.lines.push((start + line.start, line.loc.bits()));
                }
            }
        }
        if let Some(id) = id {
            self.starts.push((id, start));
        }
        Ok(start)
    }

    /// Offset of a function.
    pub(super) fn start_of(&self, id: FuncId) -> Result<u32, String> {
        let found = self.starts.iter().find(|(known, _)| *known == id);
        found.map(|(_, start)| *start).ok_or_else(|| format!("{id} is not in the image"))
    }

    /// Appends the code of a strip.
    pub(super) fn push_strip(&mut self, number: u32, code: &[u8]) -> Result<(), String> {
        self.code.resize(self.code.len().next_multiple_of(STRIP_ALIGNMENT), 0);
        let start = u32::try_from(self.code.len()).map_err(|_| "the image is too large")?;
        self.code.extend_from_slice(code);
        self.strip_starts.push((number, start));
        Ok(())
    }

    /// Resolves the calls.
    pub(super) fn link(&mut self) -> Result<(), String> {
        for call in std::mem::take(&mut self.calls) {
            let target = match call.callee {
                Callee::Func(id) => self.start_of(id)?,
                Callee::Strip(number) => {
                    let found = self.strip_starts.iter().find(|(known, _)| *known == number);
                    found.map(|&(_, start)| start).ok_or("a strip is not in the image")?
                }
            };
            let target = i64::from(target);
            let distance = target + call.addend - i64::from(call.offset);
            let at = call.offset as usize;
            let bytes: &mut [u8] = self.code.get_mut(at..at + 4).ok_or("a call outside the image")?;
            let word = match call.kind {
                Reloc::Arm64Call => {
                    let old = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                    let limit = 1 << 27;
                    if !(-limit..limit).contains(&distance) {
                        return Err("a call too far".to_string());
                    }
                    (old & !0x03ff_ffff) | ((distance >> 2) as u32 & 0x03ff_ffff)
                }
                _ => i32::try_from(distance).map_err(|_| "a call too far")? as u32,
            };
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Ok(())
    }
}

/// Bytes that the processor fetches at once.
const LINE_BYTES: usize = 64;

/// Are jumps backwards found by [`best_shift`]?
fn has_jumps_of_x64(isa: &dyn TargetIsa) -> bool {
    isa.name() == "x64"
}

/// How far to move a function, so that as few as possible of its short loops lie across two lines of the instruction cache:
/// a loop of six instructions takes twice as long if it does (measured on Zen 3).
///
/// Cranelift aligns functions but not loops. A loop is what ends in a conditional jump backwards, `0f 80` to `0f 8f` with
/// a 32-bit distance. Bytes that only look like one do no harm: they are counted, and nothing else.
fn best_shift(code: &[u8], start: usize, alignment: usize) -> usize {
    let is_branch = |at: usize| code[at] == 0x0f && code[at + 1] & 0xf0 == 0x80;
    let all: Vec<(usize, usize)> = (0..code.len().saturating_sub(5))
        .filter(|&at| is_branch(at))
        .filter_map(|at| {
            let end = at + 6;
            let distance = i32::from_le_bytes([code[at + 2], code[at + 3], code[at + 4], code[at + 5]]);
            let length = usize::try_from(-i64::from(distance)).ok()?;
            Some((end.checked_sub(length)?, end))
        })
        .collect();
    // Only short loops without loops. Those without other branches are limited by how fast they are fetched; the copy of a
    // loop with checks is not one of them, and does not run either. Deeper loops run more often.
    let contains =
        |outer: &(usize, usize), l: &(usize, usize)| outer.0 <= l.0 && l.1 <= outer.1 && outer != l;
    let loops: Vec<((usize, usize), f64)> = all
        .iter()
        .filter(|l| {
            (12..=2 * LINE_BYTES).contains(&(l.1 - l.0)) && !all.iter().any(|inner| contains(l, inner))
        })
        .map(|l| {
            let depth = all.iter().filter(|outer| contains(outer, l)).count();
            let branches = (l.0..l.1 - 6).filter(|&at| is_branch(at)).count();
            let weight = 4.0_f64.powi(depth.min(8) as i32) / if branches == 0 { 1.0 } else { 16.0 };
            (*l, weight)
        })
        .collect();
    let cost = |shift: usize| -> f64 {
        let extra_lines = |&((first, end), weight): &((usize, usize), f64)| {
            let touched = (start + shift + end - 1) / LINE_BYTES - (start + shift + first) / LINE_BYTES;
            let length = end - first;
            weight * (touched - (length - 1) / LINE_BYTES) as f64 / (length * length) as f64
        };
        loops.iter().map(extra_lines).sum()
    };
    let step = alignment.min(LINE_BYTES);
    (0..LINE_BYTES).step_by(step).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(0)
}

/// Cranelift's name of a function of the program.
pub(super) fn name_of(id: FuncId) -> UserFuncName {
    UserFuncName::user(FUNCS, id.as_u32())
}
