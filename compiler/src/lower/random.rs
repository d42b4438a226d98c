//! Random numbers and files: services of the runtime.

use super::context::{Context, Res};
use super::value::{RNG_TY, Value};
use crate::base::Code;
use crate::ir::abi::dtype_code;
use crate::ir::{ArrayId, Operand, RuntimeFn, Stmt, Target, TrapId};
use crate::numerics::random::PCG64_WORDS;
use crate::types::builtins::Builtin;
use crate::types::{DType, Ty};

impl Context<'_, '_> {
    /// `np.random.*` and the methods of a generator.
    pub(super) fn random(
        &mut self,
        builtin: Builtin,
        values: Vec<Option<Value>>,
        dest: Option<ArrayId>,
    ) -> Res<Value> {
        let mut values = values.into_iter().flatten();
        if builtin == Builtin::DefaultRng {
            return self.default_rng(values.next(), dest);
        }
        // The state comes first.
        let mut args: Vec<Operand> = Vec::new();
        let is_generator = matches!(
            builtin,
            Builtin::GeneratorRandom
                | Builtin::GeneratorUniform
                | Builtin::GeneratorNormal
                | Builtin::GeneratorStandardNormal
                | Builtin::GeneratorIntegers
        );
        if is_generator {
            match values.next() {
                Some(Value::Rng(state)) => args.push(Operand::Array(state)),
                _ => return Err(self.bug("a generator's method without the generator")),
            }
        }
        let (function, result) = match builtin {
            Builtin::RandomSeed => (RuntimeFn::RandomSeed, None),
            Builtin::Random => (RuntimeFn::RandomF64, Some(DType::F64)),
            Builtin::RandomUniform => (RuntimeFn::RandomUniform, Some(DType::F64)),
            Builtin::RandomNormal | Builtin::RandomStandardNormal => {
                (RuntimeFn::RandomNormal, Some(DType::F64))
            }
            Builtin::RandomInt => (RuntimeFn::RandomInt, Some(DType::I64)),
            Builtin::GeneratorRandom => (RuntimeFn::GeneratorF64, Some(DType::F64)),
            Builtin::GeneratorUniform => (RuntimeFn::GeneratorUniform, Some(DType::F64)),
            Builtin::GeneratorNormal | Builtin::GeneratorStandardNormal => {
                (RuntimeFn::GeneratorNormal, Some(DType::F64))
            }
            Builtin::GeneratorIntegers => (RuntimeFn::GeneratorInt, Some(DType::I64)),
            _ => return Err(self.bug("not a random function")),
        };
        let is_int =
            matches!(function, RuntimeFn::RandomSeed | RuntimeFn::RandomInt | RuntimeFn::GeneratorInt);
        let at = if is_int { DType::I64 } else { DType::F64 };
        let count = args.len();
        for value in values {
            let value = self.real(value, at)?;
            args.push(Operand::Scalar(value));
        }
        let given = args.len() - count;
        let wanted = function.params().len() - count;
        if given < wanted {
            let missing = self.defaults(function, given, &mut args)?;
            args.extend(missing);
        }
        let trap = match function {
            RuntimeFn::RandomInt | RuntimeFn::GeneratorInt => {
                Some(self.trap_text(Code::K715, "ValueError", "low >= high"))
            }
            RuntimeFn::RandomSeed => {
                Some(self.trap_text(Code::K715, "ValueError", "Seed must be between 0 and 2**32 - 1"))
            }
            _ => None,
        };
        self.service(function, args, result, trap)
    }

    /// Values of parameters that were not given: 0 and 1, or a lower bound of 0 before the upper one.
    fn defaults(&mut self, function: RuntimeFn, given: usize, args: &mut Vec<Operand>) -> Res<Vec<Operand>> {
        match function {
            RuntimeFn::RandomInt | RuntimeFn::GeneratorInt if given == 1 => {
                let high = args.pop().ok_or_else(|| self.bug("a random integer without a bound"))?;
                Ok(vec![Operand::Scalar(self.int(0)), high])
            }
            RuntimeFn::RandomUniform
            | RuntimeFn::RandomNormal
            | RuntimeFn::GeneratorUniform
            | RuntimeFn::GeneratorNormal => Ok([0.0, 1.0][given..]
                .iter()
                .map(|&value| Operand::Scalar(self.number(value, DType::F64)))
                .collect()),
            _ => Err(self.bug("a random function without its arguments")),
        }
    }

    fn service(
        &mut self,
        function: RuntimeFn,
        args: Vec<Operand>,
        result: Option<DType>,
        trap: Option<TrapId>,
    ) -> Res<Value> {
        let local = result.map(|dtype| self.temp("r", dtype));
        let results = local.map(Target::Local).into_iter().collect();
        self.emit_effect(Stmt::Runtime { function, args, results, trap });
        Ok(match local {
            Some(local) => Value::Real(self.read(local)),
            None => Value::None,
        })
    }

    fn default_rng(&mut self, seed: Option<Value>, dest: Option<ArrayId>) -> Res<Value> {
        let seed = seed.ok_or_else(|| self.bug("a generator without a seed"))?;
        let seed = self.real(seed, DType::I64)?;
        let words = self.int(PCG64_WORDS as i64);
        let state = self.alloc(RNG_TY, vec![words], true, dest);
        let args = vec![Operand::Array(state), Operand::Scalar(seed)];
        let trap = self.trap_text(Code::K715, "ValueError", "expected non-negative integer");
        let function = RuntimeFn::GeneratorSeed;
        self.emit_effect(Stmt::Runtime { function, args, results: Vec::new(), trap: Some(trap) });
        Ok(Value::Rng(state))
    }

    /// `np.load(path)`, `np.save(path, x)`.
    pub(super) fn file(
        &mut self,
        builtin: Builtin,
        values: Vec<Option<Value>>,
        ty: &Ty,
        dest: Option<ArrayId>,
    ) -> Res<Value> {
        let mut values = values.into_iter().flatten();
        let Some(Value::Str(path)) = values.next() else { return Err(self.bug("a file without a path")) };
        let paths = &mut self.shared.program.paths;
        let number = match paths.iter().position(|known| *known == path) {
            Some(number) => number,
            None => {
                paths.push(path.clone());
                paths.len() - 1
            }
        };
        let verb = if builtin == Builtin::Load { "loaded" } else { "saved" };
        let text = format!("`{path}` cannot be {verb}");
        let trap = Some(self.trap_text(Code::K716, "OSError", &text));
        let (array, function) = if builtin == Builtin::Load {
            let Ty::Array(ty) = *ty else { return Err(self.bug("a file that is no array")) };
            (self.new_array(ty, dest), RuntimeFn::Load)
        } else {
            let Some(Value::Array(array)) = values.next() else { return Err(self.bug("nothing to save")) };
            (array, RuntimeFn::Save)
        };
        let ty = self.array_ty(array);
        let head = [number as i64, i64::from(dtype_code(ty.dtype)), i64::from(ty.rank)];
        let mut args: Vec<Operand> = head.iter().map(|&value| Operand::Scalar(self.int(value))).collect();
        if builtin == Builtin::Load {
            let results = vec![Target::Array(array)];
            self.emit_effect(Stmt::Runtime { function, args, results, trap });
            return Ok(Value::Array(array));
        }
        args.push(Operand::Array(array));
        self.emit_effect(Stmt::Runtime { function, args, results: Vec::new(), trap });
        Ok(Value::None)
    }
}
