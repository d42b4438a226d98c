//! Events of one call: moments in the work of the device, or of the processor where there is none.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use crate::error::Error;
use crate::gpu::Event;

/// One event.
#[derive(Debug)]
pub(crate) enum Mark {
    /// Not recorded yet.
    Empty,
    /// When the host came there.
    Host(Instant),
    /// When the device comes there.
    Device(Event),
}

/// The events of a call, by number. Made when first used: few calls have any.
#[derive(Debug, Default)]
pub(crate) struct Events {
    marks: OnceLock<Box<Mutex<Vec<Mark>>>>,
}

impl Events {
    fn marks(&self) -> MutexGuard<'_, Vec<Mark>> {
        self.marks.get_or_init(Box::default).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Are there none?
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.marks.get().is_none()
    }

    /// Makes one; its number.
    pub(crate) fn add(&self) -> u64 {
        let mut marks = self.marks();
        marks.push(Mark::Empty);
        marks.len() as u64 - 1
    }

    /// Records one: what it was before is forgotten.
    pub(crate) fn record(&self, number: u64, mark: Mark) {
        let mut marks = self.marks();
        if let Some(place) = marks.get_mut(number as usize) {
            *place = mark;
        }
    }

    /// Milliseconds between two, after waiting for both; `None` if one was not recorded.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn elapsed(&self, start: u64, end: u64) -> Result<Option<f64>, Error> {
        let marks = self.marks();
        Ok(match (marks.get(start as usize), marks.get(end as usize)) {
            (Some(Mark::Host(start)), Some(Mark::Host(end))) => {
                let seconds = match end.checked_duration_since(*start) {
                    Some(time) => time.as_secs_f64(),
                    None => -start.duration_since(*end).as_secs_f64(),
                };
                Some(1e3 * seconds)
            }
            (Some(Mark::Device(start)), Some(Mark::Device(end))) => {
                start.synchronize()?;
                end.synchronize()?;
                Some(f64::from(end.elapsed_ms(start)?))
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_both_ways_and_need_two_events() {
        let events = Events::default();
        let (start, end, never) = (events.add(), events.add(), events.add());
        let now = Instant::now();
        events.record(start, Mark::Host(now));
        events.record(end, Mark::Host(now + std::time::Duration::from_millis(250)));
        assert_eq!(events.elapsed(start, end).unwrap(), Some(250.0));
        assert_eq!(events.elapsed(end, start).unwrap(), Some(-250.0));
        assert_eq!(events.elapsed(start, start).unwrap(), Some(0.0));
        assert_eq!(events.elapsed(start, never).unwrap(), None);
        assert_eq!(events.elapsed(7, start).unwrap(), None);
    }
}
