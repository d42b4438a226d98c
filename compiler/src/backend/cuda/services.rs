//! Services of the runtime in kernels: random numbers and functions of complex numbers. The others only the host has.

use super::expr::level;
use super::math::{ComplexUse, complex_name};
use super::writer::{Refused, Writer};
use crate::ir::walk;
use crate::ir::{ArrayId, ExprKind, Operand, RuntimeFn, Stmt, Target, TrapId};
use crate::numerics::math::MathFn1;

impl Writer<'_, '_> {
    pub(super) fn service(
        &mut self,
        stmt: &Stmt,
        function: RuntimeFn,
        args: &[Operand],
        results: &[Target],
        trap: Option<TrapId>,
    ) -> Result<(), Refused> {
        let mut texts = Vec::new();
        for arg in args {
            match arg {
                Operand::Scalar(id) => texts.push(self.expr(*id)?.at(level::UNARY)),
                Operand::Array(_) => return Err(self.only_on_host(function)),
            }
        }
        let name = match function {
            RuntimeFn::RandomIteration => {
                self.used.draws = true;
                self.module.draws = true;
                let [key, iteration] = texts.as_slice() else { return Ok(()) };
                self.put(&format!("*stream = kj_random_of(seed, {key}, (u64){iteration}, epoch, 0);"));
                return Ok(());
            }
            RuntimeFn::RandomF64 => "kj_random_f64",
            RuntimeFn::RandomUniform => "kj_random_uniform",
            RuntimeFn::RandomNormal => "kj_random_normal",
            RuntimeFn::RandomInt => "kj_random_randint",
            RuntimeFn::ComplexMath | RuntimeFn::ComplexPow => {
                return self.complex(stmt, function, args, texts, results);
            }
            other => return Err(self.only_on_host(other)),
        };
        self.used.draws = true;
        self.module.draws = true;
        let [Target::Local(result)] = results else { return Ok(()) };
        let target = self.names.local(self.func, *result);
        texts.insert(0, "stream".to_owned());
        if function == RuntimeFn::RandomInt {
            let Some(trap) = trap else {
                return Err(Refused::new(self.func.span, "random numbers without a trap"));
            };
            let [_, low, high] = texts.as_slice() else { return Ok(()) };
            let are_right = matches!((low.parse::<i64>(), high.parse::<i64>()), (Ok(a), Ok(b)) if a < b);
            if !are_right {
                let condition = format!("{low} >= {high}");
                self.failure(Some(&condition), trap, &[])?;
            }
        }
        let kind = self.declared_here(*result);
        self.put(&format!("{kind}{target} = {name}({});", texts.join(", ")));
        Ok(())
    }

    /// `f64 ` if the call declares the variable that its result goes to.
    pub(super) fn declared_here(&mut self, local: crate::ir::LocalId) -> String {
        if self.fresh_result.take_if(|fresh| *fresh == local).is_some() {
            format!("const {} ", self.local_type(local))
        } else {
            String::new()
        }
    }

    /// A function of complex numbers: its result as two variables.
    fn complex(
        &mut self,
        stmt: &Stmt,
        function: RuntimeFn,
        args: &[Operand],
        mut texts: Vec<String>,
        results: &[Target],
    ) -> Result<(), Refused> {
        let of = match (function, args.first()) {
            (RuntimeFn::ComplexMath, Some(Operand::Scalar(code))) => {
                let ExprKind::Const(code) = self.func.exprs[*code].kind else {
                    return Err(self.only_on_host(function));
                };
                let function_of = usize::try_from(code.as_int()).ok().and_then(|at| MathFn1::ALL.get(at));
                let Some(&of) = function_of else { return Err(self.only_on_host(function)) };
                texts.remove(0);
                ComplexUse::One(of)
            }
            _ => ComplexUse::Pow,
        };
        let [Target::Local(re), Target::Local(im)] = results else { return Ok(()) };
        for local in [*re, *im] {
            if self.declarations.is_declared_before(stmt, local)
                && self.declarations.is_result_of(stmt, local)
            {
                let (kind, name) = (self.local_type(local), self.names.local(self.func, local));
                self.put(&format!("{kind} {name};"));
            }
        }
        self.fresh_result = None;
        self.module.complex.insert(of);
        let numbers: Vec<String> = texts.chunks(2).map(|pair| format!("{{{}}}", pair.join(", "))).collect();
        let whole = self.names.fresh("whole");
        self.put(&format!("const c128 {whole} = {}({});", complex_name(of), numbers.join(", ")));
        for (local, part) in [(*re, "re"), (*im, "im")] {
            let name = self.names.local(self.func, local);
            self.put(&format!("{name} = {whole}.{part};"));
        }
        Ok(())
    }

    /// Why memory that is made in an iteration is none for kernels: arrays, and generators of random numbers.
    pub(super) fn allocates(&self, array: ArrayId) -> Refused {
        let mut generator = None;
        walk::for_each_stmt(&self.func.body, &mut |stmt| {
            if let Stmt::Runtime { function, args, .. } = stmt
                && args.contains(&Operand::Array(array))
            {
                generator = Some(*function);
            }
        });
        if let Some(function) = generator {
            return self.only_on_host(function);
        }
        let text = "it allocates memory in every iteration; an array that was made before the loop, with a row for every iteration, would do";
        Refused::new(self.func.arrays[array].span, text)
    }

    /// Why a service is none for kernels, and what to write instead.
    fn only_on_host(&self, function: RuntimeFn) -> Refused {
        let text = match function {
            RuntimeFn::RoundDigits => {
                "`round` with a number of digits is exact, which only the host can do; `np.round` runs on the device".to_owned()
            }
            RuntimeFn::RandomSeed => {
                "it calls `np.random.seed`; every iteration has a stream of its own without it".to_owned()
            }
            other if other.name().starts_with("generator") => {
                "it uses a generator of its own; the functions of `np.random` run on the device, with a stream per iteration"
                    .to_owned()
            }
            other => format!("it calls `{}`, which only the host has", other.name()),
        };
        Refused::new(self.func.span, text)
    }
}
