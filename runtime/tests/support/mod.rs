//! A context as in `ir/abi.rs` and a builder of programs, for the tests of the native back end alone.
#![allow(dead_code, clippy::needless_pass_by_value)]

use std::cell::UnsafeCell;

use kjit_compiler::backend::clif;
use kjit_compiler::base::target::{Target, Tier};
use kjit_compiler::base::{Code, FastMath, PrimaryMap, Span};
use kjit_compiler::ir::abi::{context, table};
use kjit_compiler::ir::*;
use kjit_compiler::numerics::math::{MathFn1, MathFn2};
use kjit_compiler::numerics::{float, int};
use kjit_compiler::types::{ArrayTy, DType, Ty};

/// The machine the test runs on.
pub fn host() -> Target {
    let builder = cranelift_native::builder().expect("a supported machine");
    let flags = cranelift_codegen::settings::Flags::new(cranelift_codegen::settings::builder());
    let isa = builder.finish(flags).expect("a supported machine");
    let mut features: Vec<String> = isa
        .isa_flags()
        .into_iter()
        .filter(|flag| flag.as_bool() == Some(true) && flag.name.starts_with("has_"))
        .map(|flag| flag.name.to_string())
        .collect();
    features.sort();
    let tier = Tier::of_features(&features);
    Target { triple: isa.triple().to_string(), features, tier }
}

/// The context of one call.
#[repr(C)]
pub struct Context {
    table: *const usize,
    interrupt: *const u32,
    stack_limit: usize,
    depth: u64,
    trap_args: [u64; 8],
    /// Parallel loops that are estimated to take less do not ask.
    pub serial_below_ns: f64,
    stream_bytes: u64,
    // Below: not read by generated code.
    pub live: i64,
    pub allocated: i64,
    pub printed: Vec<(u32, u64)>,
    pub lines: Vec<String>,
    artifact: *const Artifact,
    code: *const u8,
    /// Iterations per call of a parallel body.
    pub chunk: u64,
    /// Parallel loops that asked.
    pub asked: u64,
}

/// Compiled and mapped code.
pub struct Kernel {
    pub artifact: Artifact,
    code: memmap2::Mmap,
    table: Vec<usize>,
    interrupt: Box<u32>,
    context: Box<UnsafeCell<Context>>,
}

/// An argument.
pub enum Arg {
    F64(f64),
    F32(f32),
    I64(i64),
    Array { data: u64, dims: Vec<u64>, strides: Vec<i64> },
}

pub fn f64s(data: &[f64], dims: &[u64], strides: &[i64]) -> Arg {
    Arg::Array { data: data.as_ptr() as u64, dims: dims.to_vec(), strides: strides.to_vec() }
}

pub fn i64s(data: &[i64], dims: &[u64], strides: &[i64]) -> Arg {
    Arg::Array { data: data.as_ptr() as u64, dims: dims.to_vec(), strides: strides.to_vec() }
}

impl Kernel {
    pub fn compile(program: Program) -> Kernel {
        Kernel::compile_for(program, &host())
    }

    pub fn compile_for(program: Program, target: &Target) -> Kernel {
        let func = &program.funcs[program.entry];
        let signature = Signature {
            name: func.name.clone(),
            params: Vec::new(),
            ret: Ty::None,
            writes: Vec::new(),
            ret_names: Vec::new(),
        };
        let artifact = clif::compile(&program, signature, target, &mut clif::Scratch::new())
            .unwrap_or_else(|error| panic!("{error}\n{}", clif::print_clif(&program, target)));
        let mut code = memmap2::MmapMut::map_anon(artifact.code.len().max(1)).expect("memory");
        code[..artifact.code.len()].copy_from_slice(&artifact.code);
        let code = code.make_exec().expect("executable memory");
        let table = functions();
        let interrupt = Box::new(0);
        let context = Context {
            table: table.as_ptr(),
            interrupt: &*interrupt,
            stack_limit: 0,
            depth: 0,
            trap_args: [0; 8],
            serial_below_ns: 0.0,
            stream_bytes: u64::MAX,
            live: 0,
            allocated: 0,
            printed: Vec::new(),
            lines: Vec::new(),
            artifact: std::ptr::null(),
            code: code.as_ptr(),
            chunk: u64::MAX,
            asked: 0,
        };
        assert_eq!(std::mem::offset_of!(Context, interrupt), context::INTERRUPT as usize);
        assert_eq!(std::mem::offset_of!(Context, stack_limit), context::STACK_LIMIT as usize);
        assert_eq!(std::mem::offset_of!(Context, depth), context::DEPTH as usize);
        assert_eq!(std::mem::offset_of!(Context, trap_args), context::TRAP_ARGS as usize);
        assert_eq!(std::mem::offset_of!(Context, serial_below_ns), context::SERIAL_BELOW_NS as usize);
        assert_eq!(std::mem::offset_of!(Context, stream_bytes), context::STREAM_BYTES as usize);
        Kernel { artifact, code, table, interrupt, context: Box::new(UnsafeCell::new(context)) }
    }

    /// Calls the kernel: status and the words of the result.
    pub fn call(&self, args: &[Arg], ret_words: usize) -> (i32, Vec<u64>) {
        let mut words = Vec::new();
        for arg in args {
            match arg {
                Arg::F64(x) => words.push(x.to_bits()),
                Arg::F32(x) => words.push(u64::from(x.to_bits())),
                Arg::I64(x) => words.push(*x as u64),
                Arg::Array { data, dims, strides } => {
                    words.extend([*data, 0]);
                    words.extend(dims);
                    words.extend(strides.iter().map(|&stride| stride as u64));
                }
            }
        }
        let mut ret = vec![0xdead_beef; ret_words];
        // SAFETY: the image was made for this signature, and the context outlives the call.
        let status = unsafe {
            let entry = self.code.as_ptr().add(self.artifact.entry.offset as usize);
            let entry: extern "C" fn(*mut Context, *const u64, *mut u64) -> i32 = std::mem::transmute(entry);
            (*self.context.get()).artifact = &self.artifact;
            (*self.context.get()).depth = 0;
            entry(self.context.get(), words.as_ptr(), ret.as_mut_ptr())
        };
        (status, ret)
    }

    pub fn trap_args(&self) -> [u64; 8] {
        self.context().trap_args
    }

    #[expect(clippy::mut_from_ref, reason = "tests are single-threaded and hold it briefly")]
    pub fn context(&self) -> &mut Context {
        // SAFETY: no other reference is alive between calls.
        unsafe { &mut *self.context.get() }
    }

    pub fn set_interrupt(&mut self, value: u32) {
        *self.interrupt = value;
    }

    /// Frees a returned array.
    pub fn free(&self, owner: u64) {
        // SAFETY: `owner` came from `alloc`.
        unsafe { free(self.context.get(), owner) }
    }
}

// The functions behind the table.

const SIZE_BYTES: usize = 8;

unsafe extern "C" fn alloc(ctx: *mut Context, bytes: u64, is_zeroed: u32) -> u64 {
    if bytes > 1 << 30 {
        return 0;
    }
    let layout =
        std::alloc::Layout::from_size_align(bytes as usize + abi::HEADER_BYTES, 64).expect("a layout");
    // SAFETY: the layout is not empty.
    unsafe {
        let memory = std::alloc::alloc(layout);
        memory.write_bytes(if is_zeroed == 0 { 0xff } else { 0 }, layout.size());
        memory.cast::<u64>().write(1);
        memory.add(SIZE_BYTES).cast::<u64>().write(bytes);
        (*ctx).live += 1;
        (*ctx).allocated += 1;
        memory as u64
    }
}

unsafe extern "C" fn free(ctx: *mut Context, owner: u64) {
    // SAFETY: made by `alloc`.
    unsafe {
        let memory = owner as *mut u8;
        let bytes = memory.add(SIZE_BYTES).cast::<u64>().read();
        let layout =
            std::alloc::Layout::from_size_align(bytes as usize + abi::HEADER_BYTES, 64).expect("a layout");
        std::alloc::dealloc(memory, layout);
        (*ctx).live -= 1;
    }
}

/// Runs the chunks one after the other; outputs of later chunks start from the identity, as the plan says.
unsafe extern "C" fn parallel(
    ctx: *mut Context,
    number: u32,
    env: *const u64,
    trip: u64,
    _cost_ns: f64,
    outputs: *mut u64,
) -> i32 {
    type Body = extern "C" fn(*mut Context, *const u64, u64, u64, *mut u64) -> i32;
    // SAFETY: called by generated code with the words it promises.
    unsafe {
        (*ctx).asked += 1;
        let artifact = &*(*ctx).artifact;
        let body = &artifact.parallels[number as usize];
        let entry: Body = std::mem::transmute((*ctx).code.add(body.entry.offset as usize));
        let chunk = (*ctx).chunk;
        let mut first = 0;
        while first < trip {
            let end = trip.min(first.saturating_add(chunk));
            let total = std::slice::from_raw_parts_mut(outputs, body.outputs.len());
            let mut part: Vec<u64> = body
                .outputs
                .iter()
                .zip(total.iter())
                .map(|(&(dtype, combine), &initial)| match combine {
                    Combine::Reduce(op) if first > 0 => op.identity(dtype),
                    _ => initial,
                })
                .collect();
            let status = entry(ctx, env, first, end, part.as_mut_ptr());
            if status != 0 {
                return status;
            }
            for (k, &(dtype, combine)) in body.outputs.iter().enumerate() {
                total[k] = match combine {
                    Combine::Reduce(op) if first > 0 => op.combine(dtype, total[k], part[k]).0,
                    _ => part[k],
                };
            }
            first = end;
        }
    }
    0
}

unsafe extern "C" fn print(ctx: *mut Context, message: u32, args: *const u64) {
    // SAFETY: generated code passes as many words as the message has values.
    unsafe {
        let artifact = &*(*ctx).artifact;
        if let Some(message) = artifact.messages.get(message as usize) {
            let words = message
                .pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(_) => 0,
                    Piece::Value { dtype, .. } => dtype.lanes(),
                })
                .sum();
            let line = trap::format_message(message, std::slice::from_raw_parts(args, words));
            (*ctx).lines.push(line);
        } else {
            (*ctx).printed.push((message, *args));
        }
    }
}

/// Addresses of all elements in C order.
unsafe fn addresses(array: *const u64, rank: usize) -> Vec<u64> {
    // SAFETY: the caller passes the words of an array.
    unsafe {
        let mut all = vec![*array];
        for axis in 0..rank {
            let (dim, stride) = (*array.add(2 + axis), *array.add(2 + rank + axis));
            all = all
                .into_iter()
                .flat_map(|at| (0..dim).map(move |k| at.wrapping_add(k.wrapping_mul(stride))))
                .collect();
        }
        all
    }
}

unsafe extern "C" fn fill(_: *mut Context, array: *const u64, code: u32, lanes: *const u64) {
    let dtype = abi::dtype_from_code(code & 0xff).expect("an element type");
    let size = dtype.part().size_bytes();
    // SAFETY: as the code says.
    unsafe {
        for at in addresses(array, (code >> 8) as usize) {
            for lane in 0..dtype.lanes() {
                let target = (at as *mut u8).add(lane * size);
                std::ptr::copy_nonoverlapping(lanes.add(lane).cast::<u8>(), target, size);
            }
        }
    }
}

unsafe extern "C" fn copy(_: *mut Context, to: *const u64, from: *const u64, code: u32) -> i32 {
    let size = abi::dtype_from_code(code & 0xff).expect("an element type").size_bytes();
    let rank = (code >> 8) as usize;
    // SAFETY: as the code says.
    unsafe {
        let read = |at: u64| std::slice::from_raw_parts(at as *const u8, size).to_vec();
        let values: Vec<Vec<u8>> = addresses(from, rank).into_iter().map(read).collect();
        for (at, value) in addresses(to, rank).into_iter().zip(values) {
            std::ptr::copy_nonoverlapping(value.as_ptr(), at as *mut u8, size);
        }
    }
    0
}

extern "C" fn int_pow(base: i64, exponent: i64) -> i64 {
    int::pow_i64(base, exponent)
}

extern "C" fn uint_pow(base: u64, exponent: u64) -> u64 {
    int::pow_u64(base, exponent)
}

macro_rules! two {
    ($name:ident, $ty:ty, $function:path) => {
        extern "C" fn $name(a: $ty, b: $ty) -> $ty {
            $function(a, b)
        }
    };
}

two!(floordiv, f64, float::floordiv_f64);
two!(floordiv_f32, f32, float::floordiv_f32);
two!(modulo, f64, float::mod_f64);
two!(modulo_f32, f32, float::mod_f32);

extern "C" fn fma(a: f64, b: f64, c: f64) -> f64 {
    a.mul_add(b, c)
}

extern "C" fn one<const F: usize>(x: f64) -> f64 {
    MathFn1::ALL[F].eval_f64(x)
}

extern "C" fn one_f32<const F: usize>(x: f32) -> f32 {
    MathFn1::ALL[F].eval_f32(x)
}

extern "C" fn pair<const F: usize>(x: f64, y: f64) -> f64 {
    MathFn2::ALL[F].eval_f64(x, y)
}

extern "C" fn pair_f32<const F: usize>(x: f32, y: f32) -> f32 {
    MathFn2::ALL[F].eval_f32(x, y)
}

macro_rules! mathematics {
    ($functions:ident, $table:path, $all:expr, $f64:ident, $f32:ident, $($n:literal)*) => {$(
        if let Some(&function) = $all.get($n) {
            $functions[$table(function, DType::F64)] = $f64::<$n> as *const () as usize;
            $functions[$table(function, DType::F32)] = $f32::<$n> as *const () as usize;
        }
    )*};
}

/// `uniform(low, high)` here: the middle; fails for an empty range.
unsafe extern "C" fn uniform(_: *mut Context, args: *const u64, results: *mut u64) -> i32 {
    // SAFETY: two operands, one result.
    unsafe {
        let (low, high) = (f64::from_bits(*args), f64::from_bits(*args.add(1)));
        results.write((0.5 * (low + high)).to_bits());
        if low < high { 0 } else { abi::status::SERVICE }
    }
}

/// A function that these tests do not have.
extern "C" fn missing() {
    std::process::abort();
}

fn functions() -> Vec<usize> {
    let mut functions = vec![missing as *const () as usize; table::len()];
    let entries = [
        (table::ALLOC, alloc as *const () as usize),
        (table::FREE, free as *const () as usize),
        (table::PARALLEL, parallel as *const () as usize),
        (table::PRINT, print as *const () as usize),
        (table::FILL, fill as *const () as usize),
        (table::COPY, copy as *const () as usize),
        (table::INT_POW, int_pow as *const () as usize),
        (table::FLOORDIV_F64, floordiv as *const () as usize),
        (table::FMA_F64, fma as *const () as usize),
        (table::service(RuntimeFn::RandomUniform), uniform as *const () as usize),
        (table::UINT_POW, uint_pow as *const () as usize),
        (table::FLOORDIV_F32, floordiv_f32 as *const () as usize),
        (table::MOD_F64, modulo as *const () as usize),
        (table::MOD_F32, modulo_f32 as *const () as usize),
    ];
    for (index, function) in entries {
        functions[index] = function;
    }
    mathematics!(functions, table::math1, MathFn1::ALL, one, one_f32, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
    mathematics!(functions, table::math1, MathFn1::ALL, one, one_f32, 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35);
    mathematics!(functions, table::math2, MathFn2::ALL, pair, pair_f32, 0 1 2 3 4 5 6 7 8 9 10 11 12 13);
    functions
}

// Building programs.

pub const SPAN: Span = Span { start: 0, end: 0 };

/// One function under construction.
pub struct Build {
    pub func: Func,
    pub traps: PrimaryMap<TrapId, Trap>,
}

pub fn place(indices: &[ExprId]) -> Place {
    Place::Index(indices.iter().copied().collect())
}

impl Build {
    pub fn new(name: &str) -> Build {
        let func = Func {
            name: name.into(),
            params: Vec::new(),
            rets: Vec::new(),
            locals: PrimaryMap::new(),
            arrays: PrimaryMap::new(),
            exprs: PrimaryMap::new(),
            loops: PrimaryMap::new(),
            body: Vec::new(),
            fastmath: FastMath::default(),
            recursion: None,
            chunk: None,
            is_cold: false,
            is_kernel: false,
            span: SPAN,
        };
        Build { func, traps: PrimaryMap::new() }
    }

    pub fn local(&mut self, dtype: DType) -> LocalId {
        self.func.temp("t", dtype, SPAN)
    }

    pub fn scalar_param(&mut self, dtype: DType) -> LocalId {
        let local = self.local(dtype);
        self.func.params.push(Param::Scalar(local));
        local
    }

    pub fn array(&mut self, ty: ArrayTy, ownership: Ownership) -> ArrayId {
        self.func.arrays.push(ArrayVar { name: "a".into(), ty, ownership, span: SPAN })
    }

    pub fn array_param(&mut self, ty: ArrayTy) -> ArrayId {
        let array = self.array(ty, Ownership::Borrowed);
        self.func.params.push(Param::Array(array));
        array
    }

    pub fn expr(&mut self, kind: ExprKind, ty: DType) -> ExprId {
        self.func.expr(kind, ty, SPAN)
    }

    pub fn int(&mut self, value: i64) -> ExprId {
        self.func.int(value, SPAN)
    }

    pub fn f64(&mut self, value: f64) -> ExprId {
        self.expr(ExprKind::Const(Const::f64(value)), DType::F64)
    }

    pub fn get(&mut self, local: LocalId) -> ExprId {
        self.func.read(local, SPAN)
    }

    pub fn dim(&mut self, array: ArrayId, axis: u8) -> ExprId {
        self.expr(ExprKind::Dim { array, axis }, DType::I64)
    }

    pub fn bin(&mut self, op: BinaryOp, left: ExprId, right: ExprId) -> ExprId {
        let ty = self.func.exprs[left].ty;
        self.expr(ExprKind::Binary { op, left, right }, ty)
    }

    pub fn compare(&mut self, op: CompareOp, left: ExprId, right: ExprId) -> ExprId {
        self.expr(ExprKind::Compare { op, left, right }, DType::Bool)
    }

    pub fn load(&mut self, array: ArrayId, indices: &[ExprId]) -> ExprId {
        let ty = self.func.arrays[array].ty.dtype.part();
        self.expr(ExprKind::Load { array, place: place(indices), lane: 0 }, ty)
    }

    pub fn store(&mut self, array: ArrayId, indices: &[ExprId], value: ExprId) -> Stmt {
        Stmt::Store { array, place: place(indices), lane: 0, value }
    }

    pub fn trap(&mut self) -> TrapId {
        self.traps.push(Trap {
            code: Code::K701,
            span: SPAN,
            exception: "IndexError".into(),
            message: Message::default(),
        })
    }

    pub fn loop_id(&mut self) -> LoopId {
        self.func.loops.push(LoopInfo {
            span: SPAN,
            origin: LoopOrigin::For,
            is_slow_copy: false,
            is_fallback: false,
        })
    }

    pub fn start_loop(&mut self) -> (LocalId, Block) {
        (self.local(DType::I64), Vec::new())
    }

    pub fn end_loop(&mut self, var: LocalId, lo: ExprId, hi: ExprId, step: i64, body: Block) -> Stmt {
        let id = self.loop_id();
        Stmt::Loop(Box::new(Loop {
            id,
            kind: LoopKind::Serial,
            var,
            lo,
            hi,
            step,
            reductions: Vec::new(),
            array_reductions: Vec::new(),
            last_values: Vec::new(),
            strip: None,
            body,
        }))
    }

    pub fn push(&mut self, stmt: Stmt) {
        self.func.body.push(stmt);
    }

    pub fn ret_scalar(&mut self, dtype: DType, value: ExprId) {
        self.ret_scalars(&[(dtype, value)]);
    }

    pub fn ret_scalars(&mut self, values: &[(DType, ExprId)]) {
        self.func.rets = values.iter().map(|&(dtype, _)| Ret::Scalar(dtype)).collect();
        let values = values.iter().map(|&(_, value)| Operand::Scalar(value)).collect();
        self.push(Stmt::Return { values });
    }

    pub fn program(self) -> Program {
        program(vec![self])
    }
}

/// A program of several functions; the first is the entry. Traps are those of all functions in order.
pub fn program(functions: Vec<Build>) -> Program {
    let mut program = Program {
        funcs: PrimaryMap::new(),
        entry: FuncId::from_u32(0),
        traps: PrimaryMap::new(),
        messages: PrimaryMap::new(),
        paths: Vec::new(),
        remarks: Vec::new(),
    };
    for function in functions {
        program.funcs.push(function.func);
        for trap in function.traps.into_iter().map(|(_, trap)| trap) {
            program.traps.push(trap);
        }
    }
    program
}

/// `f(x) = to(x)`.
pub fn cast_kernel(from: DType, to: DType) -> Kernel {
    let mut f = Build::new("cast");
    let x = f.scalar_param(from);
    let arg = f.get(x);
    let value = f.expr(ExprKind::Cast { arg }, to);
    f.ret_scalar(to, value);
    Kernel::compile(f.program())
}
