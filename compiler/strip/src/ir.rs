//! What a strip is: typed lanes, structured control flow, one block of iterations at a time.
//!
//! A strip runs `n` iterations, numbered from 0, in blocks of `N` lanes; lane `l` of the block that starts at `first` is
//! iteration `first + l`. `N` is chosen by each tier (unless [`Strip::lanes`] pins it) and nothing else may depend on it. A block
//! may have fewer iterations than lanes: the last one, and a first one that a tier shortens so that the stores after it are aligned.
//! The lanes beyond are not *active*: they compute whatever they like, but they touch no memory, raise no fault, and keep their
//! carried values.
//!
//! ```text
//! setup
//! first = 0; carried = init
//! while first < n {
//!     count = min(N, n - first) // or less in the first block; lanes 0 .. count are active
//!     body                      // may leave by a fault, before anything was stored
//!     carried = next            // active lanes only
//!     first += count
//! }
//! outputs = combine(carried)
//! return how many iterations are done
//! ```
//!
//! A block in which a [`Inst::Fault`] fires for an active lane stops the strip: its iterations are not done, nothing of it is
//! stored, the carried values are those from before it. The caller goes on with a scalar loop from the iteration whose
//! number the strip returns; that loop finds the exact error, or leaves by its `break`.
//!
//! As machine code a strip is `extern "sysv64" fn(frame: *mut u64, n: u64) -> u64`. The frame holds its arguments as words
//! and receives its outputs.
//!
//! Invariants, checked by `verify`:
//! - S1 each value is defined once, before its uses, in the same region or one around it (a value of `setup` is visible
//!   everywhere; values of a loop's `head` are visible in its `body`).
//! - S2 operand and result types are as written at each operation.
//! - S3 no fault comes after a store (or an update), in the order of the text, and none stands in a loop that also stores.
//! - S4 `setup` has no `Active`, no `First`, no `Any`, no loads (not of an `Int` either: nothing is read if `n` is 0), no stores, no
//!   faults, no control flow.
//! - S5 a strip with lanes of `I16` or `I8` has no other lanes but masks; nothing is carried, only `Line` elements of at most that size
//!   with [`Step::One`] are loaded and stored, without masks, and there are no loops, branches and updates.
//!
//! Which NaN an operation gives (sign and payload) is not said, and differs between tiers.

use cranelift_entity::{PrimaryMap, entity_impl};

/// A value of a strip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(u32);
entity_impl!(Value, "v");

/// A table of constants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(u32);
entity_impl!(TableId, "table");

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ty {
    /// One 64-bit integer for the whole block: addresses, counters, strides.
    Int,
    /// One truth value for the whole block.
    Test,
    /// A double per lane.
    F64,
    /// A single per lane.
    F32,
    /// A 64-bit integer per lane.
    I64,
    /// A 32-bit integer per lane.
    I32,
    /// A 16-bit integer per lane (S5).
    I16,
    /// An 8-bit integer per lane (S5).
    I8,
    /// A truth value per lane.
    Mask,
}

/// The type of an element in memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Elem {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

/// A strip.
#[derive(Clone, PartialEq, Debug)]
pub struct Strip {
    /// For dumps.
    pub name: String,
    /// Words of the frame.
    pub words: u32,
    /// Types of the values.
    pub values: PrimaryMap<Value, Ty>,
    /// Constants for [`Op::Lookup`], as 64-bit words; none is empty.
    pub tables: PrimaryMap<TableId, Vec<u64>>,
    /// What is computed once.
    pub setup: Region,
    /// What goes from block to block.
    pub carried: Vec<Carried>,
    /// One block.
    pub body: Region,
    /// `N`, where the result depends on it (sums that may be regrouped); a power of two from 16 on.
    /// Such a strip's first block is full if `n >= N`. A tier may go through a block in pieces of lanes, each of which counts as a
    /// block where a fault is concerned; lane `i % N` of a carried value still receives iteration `i`.
    pub lanes: Option<u32>,
    /// An iteration may be done again after later ones, up to the last that was done, and changes nothing: nothing that is stored is
    /// read, and carried values are combined by operations that do not mind (`min max and or argmin argmax`). The vectoriser promises
    /// it. Code of such a strip has no masked block: the last block, and one that aligns the stores, overlap with their neighbour;
    /// fewer iterations than the lanes of a register are left undone, and where a fault is met, some iterations
    /// behind those that are returned as done may be done already.
    pub repeatable: bool,
    /// A word of the frame: from so many iterations on, stores should go to memory around the caches, because what is stored is larger than
    /// they are (signed; the largest number for never). Only time depends on it. Such a strip is repeatable;
    /// [`crate::may_stream`] says where the word is read at all.
    pub streams: Option<u32>,
}

/// A value that goes from block to block, lane by lane.
#[derive(Clone, PartialEq, Debug)]
pub struct Carried {
    /// Its value at the start of the block.
    pub param: Value,
    /// Before the first block; defined in `setup`.
    pub init: Value,
    /// After the block; defined at the top level of the body. Of a value that is combined in order: what each lane adds to it.
    pub next: Value,
    /// How the lanes become one value at the end.
    pub combine: Combine,
    /// The word of the frame that receives it (floats as their bits, `f32` and `i32` zero-extended, masks as 0 or 1).
    pub word: u32,
}

/// How the lanes of a carried value become one: a tree that combines lane `k` with lane `k + N/2` (the lower one on the left), then `k` with
/// `k + N/4`, and so on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Combine {
    /// `a + b`.
    Add,
    /// `a * b`.
    Mul,
    /// `b if b < a else a`; integers signed.
    Min,
    /// `b if b > a else a`; integers signed.
    Max,
    /// `a & b`, of integers and masks.
    And,
    /// `a | b`, of integers and masks.
    Or,
    /// `a ^ b`, of integers and masks.
    Xor,
    /// The smaller; its companion, an `I64` carried value of the given number, comes from the same lane; of equal ones (or if neither is smaller)
    /// the lane with the smaller companion wins.
    ArgMin {
        /// Position of the companion in [`Strip::carried`]; its own `combine` is [`Combine::Companion`].
        with: u32,
    },
    /// The same for the larger.
    ArgMax {
        /// Position of the companion.
        with: u32,
    },
    /// Decided by the value that names it.
    Companion,
    /// The value is one number, a float, that starts as lane 0 of `init`: `((s + next[0]) + next[1]) + ...` over the active lanes of each
    /// block. Nothing reads its `param`.
    AddInOrder,
    /// The same with products.
    MulInOrder,
    /// Not at all: lane `k` goes to word `word + k`. Only where [`Strip::lanes`] pins the number of lanes.
    Each,
}

/// Instructions in order.
pub type Region = Vec<Inst>;

/// An instruction.
#[derive(Clone, PartialEq, Debug)]
pub enum Inst {
    /// Defines a value.
    Let {
        /// The value.
        value: Value,
        /// How it is computed.
        op: Op,
    },
    /// Stores a value per active lane (and lane of the mask). Lanes whose steps are 0 or overlap: the highest lane wins.
    Store {
        /// Element type; integers are truncated to it, a mask is stored as `Bool`.
        elem: Elem,
        /// Where to.
        place: Place,
        /// `F64`/`F32` for the same element, `I64` for integers, `I32`, `I16` and `I8` for those of at most that size, `Mask` for `Bool`.
        value: Value,
        /// Which lanes; all active ones if there is none.
        mask: Option<Value>,
    },
    /// `element = element op value`, for one active lane (and lane of the mask) after the other: lanes may meet in an element, and
    /// each finds what the one before has left.
    Update {
        /// Element type, not `Bool`; narrow integers are extended, and what comes out is truncated.
        elem: Elem,
        /// Where the elements are.
        place: Place,
        /// What is done.
        op: UpdateOp,
        /// `F64`/`F32` for the same element, `I64` for integers.
        value: Value,
        /// Which lanes; all active ones if there is none.
        mask: Option<Value>,
    },
    /// Leaves the strip if the mask holds for an active lane.
    Fault {
        /// `Mask`.
        mask: Value,
    },
    /// `params = inits; loop { head; if !cond { break }; body; params = nexts }; results = params`.
    Loop(Box<Loop>),
    /// One of two regions.
    Branch(Box<Branch>),
}

/// What [`Inst::Update`] does with an element `a` and the value `b` of a lane.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UpdateOp {
    /// `a + b`.
    Add,
    /// `a * b`.
    Mul,
    /// `b if b < a else a`; integers signed.
    Min,
    /// `b if b > a else a`; integers signed.
    Max,
    /// `a & b`, of integers.
    And,
    /// `a | b`, of integers.
    Or,
    /// `a ^ b`, of integers.
    Xor,
}

/// A loop inside a block.
#[derive(Clone, PartialEq, Debug)]
pub struct Loop {
    /// What goes from round to round: `(param, init, next, result)`, all of one type (any).
    pub carried: Vec<Phi>,
    /// What the condition needs.
    pub head: Region,
    /// `Test`: go on? Defined in the head or outside.
    pub cond: Value,
    /// The round.
    pub body: Region,
}

/// A value carried by a loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Phi {
    /// In the loop.
    pub param: Value,
    /// On entry.
    pub init: Value,
    /// After a round.
    pub next: Value,
    /// After the loop.
    pub result: Value,
}

/// A branch of the whole block: rare work that is skipped if no lane needs it.
#[derive(Clone, PartialEq, Debug)]
pub struct Branch {
    /// `Test`.
    pub cond: Value,
    /// If true.
    pub then: Region,
    /// If false.
    pub orelse: Region,
    /// `(result, value in then, value in orelse)`, all of one type.
    pub results: Vec<(Value, Value, Value)>,
}

/// Where the elements of a block are: lane `l` at `address + disp + l * step`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// In equal distances.
    Line {
        /// Of lane 0; `Int`.
        address: Value,
        /// Bytes added to it.
        disp: i32,
        /// From lane to lane.
        step: Step,
    },
    /// Anywhere: lane `l` at `base + offset[l] + disp`.
    Scattered {
        /// `Int`.
        base: Value,
        /// Bytes; `I64`.
        offset: Value,
        /// Bytes added.
        disp: i32,
    },
}

/// Distance of the elements of neighbouring lanes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// One element: contiguous.
    One,
    /// None: every lane has the same element.
    Zero,
    /// That many bytes; `Int`.
    Bytes(Value),
}

/// How a value is computed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    // One value for the block.
    /// A word of the frame: `Int`.
    Word(u32),
    /// A constant: `Int`.
    Int(i64),
    /// Wrapping arithmetic of two `Int`s: `Int`.
    IntBinary(IntOp, Value, Value),
    /// Comparison of two `Int`s (signed): `Test`.
    IntCompare(Compare, Value, Value),
    /// An integer element at `address + disp`, extended: `Int`. (A block has at least one active lane.)
    IntLoad {
        /// Its type, not `Bool`.
        elem: Elem,
        /// `Int`.
        address: Value,
        /// Bytes.
        disp: i32,
    },
    /// The iteration number of lane 0: `Int`.
    First,
    /// Does the mask hold for an active lane? `Test`.
    Any(Value),

    // One value per lane.
    /// A constant, as the bits of the value's type (zero-extended; `Mask`: 0 or 1).
    Const(u64),
    /// A word of the frame in every lane: `F64`, `F32` (low half), `I64`, and the low bits for smaller integers.
    WordLanes(u32),
    /// An `Int` in every lane: `I64`, or its low bits as `I16` or `I8`.
    Broadcast(Value),
    /// A `Test` in every lane: `Mask`.
    TestLanes(Value),
    /// The number of the lane: `I64` or `I32`.
    LaneNumber,
    /// Which lanes are active: `Mask`.
    Active,
    /// Elements; lanes that are not active (or not in the mask) read no memory and give 0. The result is `F64`/`F32` for the same element,
    /// `I64` for integers (extended), `I32`, `I16`, `I8` for those of at most that size (extended; the bits of a `U32`), `Mask` for `Bool` (is the byte not 0?).
    Load {
        /// Element type.
        elem: Elem,
        /// Where from.
        place: Place,
        /// Which lanes; all active ones if there is none.
        mask: Option<Value>,
    },
    /// `table[index]`: `F64` or `I64`; the index (`I64`) is in range in every lane, active or not.
    Lookup {
        /// The table.
        table: TableId,
        /// `I64`.
        index: Value,
    },
    /// One operand; result of the same type.
    Unary(Unary, Value),
    /// Two operands and a result of one type.
    Binary(Binary, Value, Value),
    /// An integer shifted by a constant count below its width; same type.
    Shift(Shift, Value, u8),
    /// `a * b + c` in one rounding, with signs: `F64` or `F32`.
    Fma(FmaKind, Value, Value, Value),
    /// Comparison of lanes of one type (integers signed; an unordered pair of floats is only `Ne`): `Mask`.
    Compare(Compare, Value, Value),
    /// `then` where the mask holds, else `orelse`; any lane type, masks too.
    Select {
        /// `Mask`.
        mask: Value,
        /// Where it holds.
        then: Value,
        /// Where not.
        orelse: Value,
    },
    /// Conversion to the value's type.
    Convert(Convert, Value),
}

/// Arithmetic of `Int`s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum IntOp {
    Add,
    Sub,
    Mul,
    /// Signed.
    Min,
    /// Signed.
    Max,
    And,
    Or,
    Xor,
    /// Left, by an operand that is an [`Op::Int`] below 64.
    Shl,
    /// Arithmetic right, by an operand that is an [`Op::Int`] below 64.
    Sar,
}

/// Operations of one operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unary {
    /// Changes the sign bit of a float; negates an integer (wrapping).
    Neg,
    /// Clears the sign bit of a float; absolute value of an integer (wrapping).
    Abs,
    /// Inverts the bits of an integer, or a mask.
    Not,
    /// Square root of a float, correctly rounded.
    Sqrt,
    /// To the nearest whole number, ties to even; floats.
    RoundEven,
    /// Towards minus infinity; floats.
    Floor,
    /// Towards infinity; floats.
    Ceil,
    /// Towards 0; floats.
    Trunc,
}

/// Operations of two operands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Binary {
    /// Floats (one rounding), integers (wrapping).
    Add,
    /// The same.
    Sub,
    /// The same.
    Mul,
    /// Floats, IEEE.
    Div,
    /// `a < b ? a : b`: floats (so `b` if unordered or equal), signed integers.
    Min,
    /// `a > b ? a : b`: likewise.
    Max,
    /// Integers, masks, tests.
    And,
    /// Integers and masks.
    Or,
    /// Integers and masks.
    Xor,
    /// `a & !b`: integers and masks.
    AndNot,
    /// Left by `b` bits; integers; a count outside `0 .. width` gives 0.
    Shl,
    /// Logical right; integers; a count outside `0 .. width` gives 0.
    Shr,
    /// Arithmetic right; integers; a count outside `0 .. width` gives the sign.
    Sar,
    /// The high half of the product of unsigned numbers; `I16`.
    MulHigh,
    /// The smaller one as unsigned numbers; `I16` and `I8`.
    MinUnsigned,
    /// The larger one as unsigned numbers; `I16` and `I8`.
    MaxUnsigned,
    /// `(a + b + 1) >> 1` of unsigned numbers, without overflow; `I16` and `I8`.
    Average,
}

/// Shifts by a constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Shift {
    Shl,
    /// Logical.
    Shr,
    /// Arithmetic.
    Sar,
}

/// Signs of a fused multiply-add.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FmaKind {
    /// `a * b + c`.
    MulAdd,
    /// `a * b - c`.
    MulSub,
    /// `-(a * b) + c`.
    NegMulAdd,
}

/// Comparisons.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Conversions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Convert {
    /// `F32` to `F64`, exact.
    Widen,
    /// `F64` to `F32`, one rounding.
    Narrow,
    /// `I64` or `I32` to `F64` or `F32`, one rounding.
    IntToFloat,
    /// `I64` of magnitude below 2^51 to `F64`, exact; anything for others.
    SmallToFloat,
    /// `F64` or `F32` to `I64`, truncated; NaN and what does not fit give `i64::MIN`.
    FloatToInt,
    /// `F64` of magnitude below 2^51 and whole to `I64`; anything for others.
    WholeToInt,
    /// `I32` to `I64`, by sign.
    SignExtend,
    /// `I32` to `I64`, by zeros.
    ZeroExtend,
    /// `I64` to `I32`, the low half.
    Truncate,
    /// Bits of a float as an integer of its width, and back.
    Bits,
    /// `Mask` to integers: 0 or 1.
    MaskToInt,
}

impl Combine {
    /// Is the value one number, which takes the lanes one after the other?
    #[must_use]
    pub const fn is_in_order(self) -> bool {
        matches!(self, Combine::AddInOrder | Combine::MulInOrder)
    }
}

impl UpdateOp {
    /// The operation, and whether the value stands on its left.
    #[must_use]
    pub const fn binary(self) -> (Binary, bool) {
        match self {
            UpdateOp::Add => (Binary::Add, false),
            UpdateOp::Mul => (Binary::Mul, false),
            UpdateOp::Min => (Binary::Min, true),
            UpdateOp::Max => (Binary::Max, true),
            UpdateOp::And => (Binary::And, false),
            UpdateOp::Or => (Binary::Or, false),
            UpdateOp::Xor => (Binary::Xor, false),
        }
    }
}

impl Elem {
    /// Size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Elem::Bool | Elem::I8 | Elem::U8 => 1,
            Elem::I16 | Elem::U16 => 2,
            Elem::I32 | Elem::U32 | Elem::F32 => 4,
            Elem::I64 | Elem::U64 | Elem::F64 => 8,
        }
    }
}

impl Ty {
    /// Bytes of a lane of 8 or 16 bits; 0 for other types.
    #[must_use]
    pub const fn small_bytes(self) -> u8 {
        match self {
            Ty::I16 => 2,
            Ty::I8 => 1,
            Ty::Int | Ty::Test | Ty::F64 | Ty::F32 | Ty::I64 | Ty::I32 | Ty::Mask => 0,
        }
    }
}

impl Strip {
    /// Bytes of its lanes if those have 8 or 16 bits (S5), else 0.
    #[must_use]
    pub fn small_bytes(&self) -> u8 {
        self.values.values().map(|ty| ty.small_bytes()).max().unwrap_or(0)
    }

    /// An empty strip.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Strip {
        Strip {
            name: name.into(),
            words: 0,
            values: PrimaryMap::new(),
            tables: PrimaryMap::new(),
            setup: Region::new(),
            carried: Vec::new(),
            body: Region::new(),
            lanes: None,
            repeatable: false,
            streams: None,
        }
    }

    /// Appends the definition of a new value to a region.
    pub fn define(&mut self, region: &mut Region, ty: Ty, op: Op) -> Value {
        let value = self.values.push(ty);
        region.push(Inst::Let { value, op });
        value
    }
}
