//! Strips that move memory: their stores may go around the caches.

use super::{Case, Generator, Role};
use crate::support::rng::Rng;
use kjit_strip::build::Builder;
use kjit_strip::ir::{Binary, Combine, Elem, Ty, Value};

const STYLES: [(&[Ty], Elem); 4] =
    [(&[Ty::F64], Elem::F64), (&[Ty::F32], Elem::F32), (&[Ty::I64], Elem::I64), (&[Ty::I32], Elem::U32)];

/// Up to three arrays are read, up to three stored to, all of one type.
pub fn streaming_case(rng: &mut Rng) -> Case {
    let (style, elem) = rng.pick(&STYLES);
    let mut generator = Generator {
        rng,
        b: Builder::new("streaming"),
        words: 0,
        arrays: Vec::new(),
        scalars: Vec::new(),
        outputs: Vec::new(),
        pool: Vec::new(),
        style,
        pinned: false,
        small: false,
        mask: None,
        depth: 0,
        may_fault: true,
        may_store: true,
        updates: false,
    };
    generator.streaming_strip(style[0], elem);
    let Generator { b, arrays, scalars, outputs, words, rng, .. } = generator;
    let mut strip = b.finish();
    strip.words = strip.words.max(words);
    strip.repeatable = true;
    let mut case = Case { strip, arrays, scalars, outputs };
    case.let_stream(rng);
    case
}

impl Generator<'_> {
    fn streaming_strip(&mut self, ty: Ty, elem: Elem) {
        let word = self.new_word();
        self.scalars.push((word, super::element(self.rng, elem)));
        let mut known = vec![self.b.word_lanes(ty, word)];
        let carried = (ty == Ty::F64 && self.rng.one_in(4)).then(|| {
            let (word, init) = (self.new_word(), self.b.f64(f64::INFINITY));
            self.outputs.push((word, ty));
            self.b.carry(init, Combine::Min, word)
        });
        for _ in 0..self.rng.below(4) {
            let base = self.array(elem, Role::Line { before: 0, behind: 0 });
            let place = self.b.element_of_block(elem, base);
            known.push(self.b.load(ty, elem, place));
        }
        if self.rng.one_in(3) {
            self.planted_fault();
        }
        for _ in 0..self.rng.below(4) {
            let (a, b) = (self.rng.pick(&known), self.rng.pick(&known));
            let op = self.rng.pick(&[Binary::Add, Binary::Sub, Binary::Mul, Binary::Add]);
            known.push(self.b.binary(op, a, b));
        }
        if let Some(param) = carried {
            let value = self.rng.pick(&known);
            let next = self.b.binary(Binary::Min, value, param);
            self.b.set_next(param, next);
        }
        let stored = self.rng.pick(&known);
        self.store_line(elem, stored);
        for _ in 0..self.rng.below(3) {
            let value = self.rng.pick(&known);
            self.store_line(elem, value);
        }
    }

    fn store_line(&mut self, elem: Elem, value: Value) {
        let base = self.array(elem, Role::Line { before: 0, behind: 0 });
        let place = self.b.element_of_block(elem, base);
        self.b.store(elem, place, value);
    }
}
