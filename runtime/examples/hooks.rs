//! What a host hears: printed lines, progress, and a long call that is interrupted.
#![allow(clippy::print_stdout)]

use std::sync::{Arc, Mutex};

use kjit::{Config, Engine, Error, Module};

const SOURCE: &str = "
def hello(n):
    print('hello from a kernel, n =', n)

def forever():
    k = 0
    while True:
        k += 1
    return k
";

fn main() -> Result<(), Error> {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&lines);
    let engine = Engine::new(
        Config::new().print(move |line| sink.lock().expect("not poisoned").push(line.to_owned())),
    )?;
    let module = Module::from_source(&engine, "hooks.k", SOURCE)?;
    module.kernel("hello")?.call(&mut [3_i64.into()])?;
    assert_eq!(*lines.lock().expect("not poisoned"), ["hello from a kernel, n = 3"]);

    let handle = engine.interrupt_handle();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        handle.interrupt();
    });
    let result = module.kernel("forever")?.call(&mut []);
    stopper.join().expect("no panic");
    assert!(matches!(result, Err(Error::Interrupted)));
    println!("printed {:?}, and stopped a loop that never ends", lines.lock().expect("not poisoned"));
    Ok(())
}
