//! The services of the runtime: random numbers, files, functions of complex numbers.

use super::machine::{Machine, Word, trap_without_args};
use super::memory::Array;
use super::{HostArray, Stop, internal};
use crate::ir::abi;
use crate::ir::runtime_fn::RuntimeFn;
use crate::ir::trap::TrapId;
use crate::numerics::math::MathFn1;
use crate::numerics::random::{BitSource, PCG64_WORDS, Pcg64, generator};
use crate::numerics::{complex, float};
use crate::types::DType;

impl Machine<'_, '_> {
    pub(super) fn service(
        &mut self,
        function: RuntimeFn,
        args: &[Word],
        trap: Option<TrapId>,
    ) -> Result<Vec<Word>, Stop> {
        let fail = |detail: String| match trap {
            Some(trap) => trap_without_args(trap, Some(detail)),
            None => super::Internal(format!("{} failed: {detail}", function.name())).into(),
        };
        let number = |x: f64| vec![Word::Scalar(x.to_bits())];
        let random = &mut self.random;
        Ok(match function {
            RuntimeFn::RandomSeed => {
                random.seed(int(args, 0)?);
                Vec::new()
            }
            RuntimeFn::RandomF64 => number(random.random()),
            RuntimeFn::RandomUniform => number(random.uniform(real(args, 0)?, real(args, 1)?)),
            RuntimeFn::RandomNormal => number(random.normal(real(args, 0)?, real(args, 1)?)),
            RuntimeFn::RandomInt => {
                let (low, high) = (int(args, 0)?, int(args, 1)?);
                if low >= high {
                    return Err(fail(format!("{low} >= {high}")));
                }
                vec![Word::Scalar(random.randint(low, high) as u64)]
            }
            RuntimeFn::RandomIteration => {
                random.begin_iteration(word(args, 0)?, int(args, 1)?);
                Vec::new()
            }
            RuntimeFn::RandomStream => random.stream(word(args, 0)?).into_iter().map(Word::Scalar).collect(),
            RuntimeFn::RandomLoopEnd => {
                random.end_loop(word(args, 0)?);
                Vec::new()
            }
            RuntimeFn::GeneratorSeed => {
                let words = Pcg64::new(word(args, 1)?).to_words();
                self.store_generator(&array(args, 0)?, &words)?;
                Vec::new()
            }
            RuntimeFn::GeneratorF64 => number(self.draw(args, BitSource::next_f64)?),
            RuntimeFn::GeneratorUniform => {
                let (low, high) = (real(args, 1)?, real(args, 2)?);
                number(self.draw(args, |source| generator::uniform(source, low, high))?)
            }
            RuntimeFn::GeneratorNormal => {
                let (mean, deviation) = (real(args, 1)?, real(args, 2)?);
                number(self.draw(args, |source| generator::normal(source, mean, deviation))?)
            }
            RuntimeFn::GeneratorInt => {
                let (low, high) = (int(args, 1)?, int(args, 2)?);
                if low >= high {
                    return Err(fail(format!("{low} >= {high}")));
                }
                vec![Word::Scalar(self.draw(args, |source| generator::integers(source, low, high))? as u64)]
            }
            RuntimeFn::CountOperations => {
                self.host.count_operations(word(args, 0)?);
                Vec::new()
            }
            // There is no device.
            RuntimeFn::HostAccess => Vec::new(),
            RuntimeFn::EventNew => {
                self.events.push(None);
                vec![Word::Scalar(self.events.len() as u64 - 1)]
            }
            RuntimeFn::EventRecord => {
                let now = self.host.clock_ns();
                if let Some(event) = self.events.get_mut(word(args, 0)? as usize) {
                    *event = Some(now);
                }
                Vec::new()
            }
            RuntimeFn::EventElapsed => {
                let time = |number: u64| self.events.get(number as usize).copied().flatten();
                let (Some(start), Some(end)) = (time(word(args, 0)?), time(word(args, 1)?)) else {
                    return Err(fail("an event was not recorded".to_string()));
                };
                number((end as f64 - start as f64) / 1e6)
            }
            RuntimeFn::Load => {
                let (path, dtype, rank) = self.file(args)?;
                let loaded = self.host.load(&path, dtype, rank).map_err(fail)?;
                match self.place(&loaded, dtype, rank)? {
                    Some(array) => vec![Word::Array(array)],
                    None => return Err(fail(format!("`{path}` does not fit into memory"))),
                }
            }
            RuntimeFn::Save => {
                let (path, dtype, _) = self.file(args)?;
                let content = self.take(&array(args, 3)?, dtype)?;
                self.host.save(&path, content).map_err(fail)?;
                Vec::new()
            }
            RuntimeFn::ComplexMath => {
                let function = usize::try_from(int(args, 0)?).ok().and_then(|at| MathFn1::ALL.get(at));
                let z = (real(args, 1)?, real(args, 2)?);
                match function.and_then(|&function| complex::eval_one(function, z)) {
                    Some((re, im)) => vec![Word::Scalar(re.to_bits()), Word::Scalar(im.to_bits())],
                    None => return internal("a function that complex numbers do not have"),
                }
            }
            RuntimeFn::ComplexPow => {
                let (a, b) = ((real(args, 0)?, real(args, 1)?), (real(args, 2)?, real(args, 3)?));
                let (re, im) = complex::pow(a, b);
                vec![Word::Scalar(re.to_bits()), Word::Scalar(im.to_bits())]
            }
            RuntimeFn::RoundDigits => number(float::round_half_even_digits(real(args, 0)?, int(args, 1)?)),
        })
    }

    // Generators are arrays of words.

    fn draw<T>(&mut self, args: &[Word], draw: impl FnOnce(&mut Pcg64) -> T) -> Result<T, Stop> {
        let state = array(args, 0)?;
        let mut words = [0; PCG64_WORDS];
        for (position, word) in words.iter_mut().enumerate() {
            *word = self.memory.read(state.buffer, state.offset + 8 * position as i64, DType::U64)?.0;
        }
        let mut source = Pcg64::from_words(&words);
        let value = draw(&mut source);
        self.store_generator(&state, &source.to_words())?;
        Ok(value)
    }

    fn store_generator(&mut self, state: &Array, words: &[u64; PCG64_WORDS]) -> Result<(), Stop> {
        if state.shape() != [PCG64_WORDS as i64] {
            return internal(format!("a generator of shape {:?}", state.shape()));
        }
        for (position, &word) in words.iter().enumerate() {
            self.memory.write(state.buffer, state.offset + 8 * position as i64, DType::U64, word)?;
        }
        Ok(())
    }

    // Files.

    fn file(&self, args: &[Word]) -> Result<(String, DType, u8), Stop> {
        let path = usize::try_from(int(args, 0)?).ok().and_then(|number| self.program.paths.get(number));
        let dtype = u32::try_from(int(args, 1)?).ok().and_then(abi::dtype_from_code);
        let rank = u8::try_from(int(args, 2)?).ok();
        match (path, dtype, rank) {
            (Some(path), Some(dtype), Some(rank)) => Ok((path.to_string(), dtype, rank)),
            _ => internal("a file without path, element type or rank"),
        }
    }

    fn place(&mut self, loaded: &HostArray, dtype: DType, rank: u8) -> Result<Option<Array>, Stop> {
        let count =
            loaded.shape.iter().try_fold(1_i64, |product, &extent| product.checked_mul(extent.max(0)));
        let bytes = count.and_then(|count| count.checked_mul(dtype.size_bytes() as i64));
        let fits = loaded.dtype == dtype && loaded.shape.len() == usize::from(rank);
        if !fits || bytes != Some(loaded.bytes.len() as i64) {
            return internal("the host loaded another array than was asked for");
        }
        let Some(array) = self.allocate(&loaded.shape, dtype, true)? else { return Ok(None) };
        let content: Vec<(u8, bool)> = loaded.bytes.iter().map(|&byte| (byte, true)).collect();
        self.memory.write_raw(array.buffer, 0, &content)?;
        Ok(Some(array))
    }

    fn take(&self, array: &Array, dtype: DType) -> Result<HostArray, Stop> {
        let mut content = Vec::new();
        array.for_each_offset(|offset| {
            self.memory.read_raw(array.buffer, offset, dtype.size_bytes(), &mut content)
        })?;
        let bytes = content.into_iter().map(|(byte, _)| byte).collect();
        Ok(HostArray { dtype, shape: array.shape().to_vec(), bytes })
    }
}

fn word(args: &[Word], position: usize) -> Result<u64, Stop> {
    match args.get(position) {
        Some(Word::Scalar(word)) => Ok(*word),
        Some(Word::Array(_)) | None => internal("a service without its number"),
    }
}

fn int(args: &[Word], position: usize) -> Result<i64, Stop> {
    word(args, position).map(|word| word as i64)
}

fn real(args: &[Word], position: usize) -> Result<f64, Stop> {
    word(args, position).map(f64::from_bits)
}

fn array(args: &[Word], position: usize) -> Result<Array, Stop> {
    match args.get(position) {
        Some(Word::Array(array)) => Ok(*array),
        Some(Word::Scalar(_)) | None => internal("a service without its array"),
    }
}
