//! Integer constants: each is there once in a function, at the start of its first block.
//!
//! Cranelift makes equal constants into one, for some thousand instructions each, and makes the number where it is needed; so
//! nothing is lost if there is one from the start.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value};

use super::func::Emitter;

impl Emitter<'_> {
    /// An integer.
    pub(super) fn int(&mut self, ty: Type, value: i64) -> Value {
        let value = if ty.bits() < 64 { value & ((1 << ty.bits()) - 1) } else { value };
        if let Some(&known) = self.ints.get(&(ty, value)) {
            return known;
        }
        // The first instruction of all brings the block into the function.
        let made = if self.b.func.layout.is_block_inserted(self.entry) {
            FuncCursor::new(self.b.func).at_first_insertion_point(self.entry).ins().iconst(ty, value)
        } else {
            self.b.ins().iconst(ty, value)
        };
        self.ints.insert((ty, value), made);
        made
    }

    /// An integer of the type of a value.
    fn int_like(&mut self, x: Value, value: i64) -> Value {
        let ty = self.b.func.dfg.value_type(x);
        self.int(ty, value)
    }

    /// `x + y`.
    pub(super) fn iadd_imm(&mut self, x: Value, y: i64) -> Value {
        let y = self.int_like(x, y);
        self.b.ins().iadd(x, y)
    }

    /// `x * y`.
    pub(super) fn imul_imm(&mut self, x: Value, y: i64) -> Value {
        let y = self.int_like(x, y);
        self.b.ins().imul(x, y)
    }

    /// `x << y`.
    pub(super) fn ishl_imm(&mut self, x: Value, y: i64) -> Value {
        let y = self.int_like(x, y);
        self.b.ins().ishl(x, y)
    }

    /// `x >> y`, signed.
    pub(super) fn sshr_imm(&mut self, x: Value, y: i64) -> Value {
        let y = self.int_like(x, y);
        self.b.ins().sshr(x, y)
    }

    /// `x >> y`, unsigned.
    pub(super) fn ushr_imm(&mut self, x: Value, y: i64) -> Value {
        let y = self.int_like(x, y);
        self.b.ins().ushr(x, y)
    }

    /// `x & y`.
    pub(super) fn band_imm(&mut self, x: Value, y: i64) -> Value {
        let y = self.int_like(x, y);
        self.b.ins().band(x, y)
    }

    /// `x ^ y`.
    pub(super) fn bxor_imm(&mut self, x: Value, y: i64) -> Value {
        let y = self.int_like(x, y);
        self.b.ins().bxor(x, y)
    }

    /// A comparison with a constant.
    pub(super) fn icmp_imm(&mut self, code: IntCC, x: Value, y: i64) -> Value {
        let y = self.int_like(x, y);
        self.b.ins().icmp(code, x, y)
    }
}
