//! A kernel called with types that are known only at run time, and an error that names its place.
#![allow(clippy::print_stdout)]

use kjit::{Arg, ArrayRef, ArrayRefMut, Engine, Error, Module, Value};

const SOURCE: &str = "
def gather(x, index, out):
    for k in range(len(index)):
        out[k] = x[index[k]]
    return len(index)
";

fn main() -> Result<(), Error> {
    let module = Module::from_source(&Engine::default(), "gather.k", SOURCE)?;
    let gather = module.kernel("gather")?;
    let x = [10.0_f32, 20.0, 30.0];
    let index = [2_i32, 0, -1];
    let mut out = [0.0_f64; 3];
    let mut args: [Arg<'_>; 3] = [
        ArrayRef::from_slice(&x, &[3])?.into(),
        ArrayRef::from_slice(&index, &[3])?.into(),
        ArrayRefMut::from_slice(&mut out, &[3])?.into(),
    ];
    let count = gather.call(&mut args)?;
    assert!(matches!(count, Value::Scalar(kjit::Scalar::I64(3))));
    assert_eq!(out, [30.0, 10.0, 30.0]);

    let wrong = [3_i32, 0, 0];
    let mut args: [Arg<'_>; 3] = [
        ArrayRef::from_slice(&x, &[3])?.into(),
        ArrayRef::from_slice(&wrong, &[3])?.into(),
        ArrayRefMut::from_slice(&mut out, &[3])?.into(),
    ];
    match gather.call(&mut args) {
        Err(Error::Trap(trap)) => {
            assert_eq!((trap.exception.as_str(), trap.line), ("IndexError", 4));
            println!("as expected: {}: {}", trap.exception, trap.message);
        }
        other => panic!("an index of 3 into 3 elements is an error, not {other:?}"),
    }
    Ok(())
}
