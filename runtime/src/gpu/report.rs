//! What ran on a GPU, counted.

use std::time::Duration;

/// What an engine did on its GPU so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct GpuReport {
    /// Kernels started.
    pub launches: u64,
    /// Bytes copied from the host to the device.
    pub to_device_bytes: u64,
    /// Bytes copied from the device to the host.
    pub to_host_bytes: u64,
    /// Time of those copies; zero unless it was measured ([`crate::Config::measure_gpu`]).
    pub to_device_time: Duration,
    /// Time of those copies; zero unless it was measured.
    pub to_host_time: Duration,
    /// Each kernel, in the order in which they were first started.
    pub kernels: Vec<KernelUse>,
    /// Parallel loops that ran on the processor, with the reason, in the order in which they were first met.
    pub on_processor: Vec<(String, u64)>,
}

/// What a kernel did so far.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct KernelUse {
    /// Its name and the place of its loop.
    pub name: String,
    /// How often it was started.
    pub launches: u64,
    /// Time on the device; zero unless it was measured.
    pub time: Duration,
}

impl GpuReport {
    /// A kernel was started.
    pub(crate) fn add_launch(&mut self, name: &str, time: Duration) {
        self.launches += 1;
        match self.kernels.iter_mut().find(|kernel| kernel.name == name) {
            Some(kernel) => {
                kernel.launches += 1;
                kernel.time += time;
            }
            None => self.kernels.push(KernelUse { name: name.to_owned(), launches: 1, time }),
        }
    }

    /// A loop ran on the processor.
    pub(crate) fn add_on_processor(&mut self, reason: &str) {
        match self.on_processor.iter_mut().find(|(known, _)| known == reason) {
            Some((_, count)) => *count += 1,
            None => self.on_processor.push((reason.to_owned(), 1)),
        }
    }

    /// Time of all kernels.
    #[must_use]
    pub fn kernel_time(&self) -> Duration {
        self.kernels.iter().map(|kernel| kernel.time).sum()
    }
}
