//! `kjit emit ptx` and `sass`: what NVRTC makes of the kernels. Neither needs a GPU.

use std::process::Command;

use kjit::gpu::{CodeFor, Gpu, Libraries, Nvrtc, compile_grid, find_nvrtc, find_tool};
use kjit_compiler::backend::cuda::Lines;
use kjit_compiler::ir::grid::{GridLoop, GridProgram};
use kjit_compiler::pipeline::{self, Front};

use super::Session;
use crate::args::EmitKind;
use crate::exit::Failure;

/// Disassemblers of CUDA toolkits, with their options for one file.
const DISASSEMBLERS: [(&str, &[&str]); 2] = [("nvdisasm", &["-c", "-g"]), ("cuobjdump", &["-sass"])];

/// What NVRTC makes of a program's kernels, for that architecture (compute capability times ten).
pub(super) fn compiled(
    session: &Session,
    front: &Front,
    kind: EmitKind,
    wanted: Option<u32>,
) -> Result<String, Failure> {
    let lines = Lines::Directives { source: session.module.source(), file: session.kernel.file() };
    let kernels = pipeline::kernels(front, lines);
    let grid = GridProgram {
        source: kernels.source,
        options: kernels.options,
        tells_host_access: false,
        loops: kernels
            .loops
            .into_values()
            .chain(kernels.kernels.into_values())
            .map(|(_, found)| found)
            .collect(),
    };
    if kind == EmitKind::Ptx { ptx(session, &grid, wanted) } else { sass(session, &grid, wanted) }
}

/// PTX for an architecture (compute capability times ten).
fn ptx(session: &Session, grid: &GridProgram, wanted: Option<u32>) -> Result<String, Failure> {
    let (nvrtc, architecture) = compiler(grid, wanted)?;
    let mut text = compile_grid(&nvrtc, grid, session.kernel.file(), CodeFor::Ptx(architecture), false)?;
    while text.last() == Some(&0) {
        text.pop();
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Machine code of an architecture, as a disassembler prints it.
fn sass(session: &Session, grid: &GridProgram, wanted: Option<u32>) -> Result<String, Failure> {
    let libraries = Libraries::from_environment();
    let mut looked = Vec::new();
    let tool = DISASSEMBLERS.iter().find_map(|(name, options)| match find_tool(&libraries, name) {
        Ok(path) => Some((path, options)),
        Err(folders) => {
            looked = folders;
            None
        }
    });
    let Some((tool, options)) = tool else {
        return Err(Failure::environment(format!(
            "no disassembler for GPU code: neither nvdisasm nor cuobjdump is in {}; they come with a CUDA toolkit, or with \
             `pip install nvidia-cuda-nvdisasm`",
            looked.join(", ")
        )));
    };
    let (nvrtc, architecture) = compiler(grid, wanted)?;
    let image = compile_grid(&nvrtc, grid, session.kernel.file(), CodeFor::Machine(architecture), true)?;
    let file = std::env::temp_dir().join(format!("kjit-{}.cubin", std::process::id()));
    let write = |error: std::io::Error| Failure::environment(format!("{}: {error}", file.display()));
    std::fs::write(&file, image).map_err(write)?;
    let ran = Command::new(&tool).args(*options).arg(&file).output();
    let _ = std::fs::remove_file(&file);
    let ran = ran.map_err(|error| Failure::environment(format!("{}: {error}", tool.display())))?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(Failure::environment(format!("{}: {}", tool.display(), said.trim())));
    }
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

/// NVRTC, and the architecture: the one asked for, else the GPU's, else 9.0 if NVRTC knows that.
fn compiler(grid: &GridProgram, wanted: Option<u32>) -> Result<(Nvrtc, u32), Failure> {
    if !grid.loops.iter().any(|one| matches!(one, GridLoop::Mapped(_))) {
        return Err(Failure::usage(
            "no loop of this function runs on a GPU (the end of `kjit emit cuda` says why)",
        ));
    }
    let libraries = Libraries::from_environment();
    let nvrtc = find_nvrtc(&libraries, None).map_err(|why| Failure::environment(why.to_string()))?;
    let of_device = || Some(Gpu::open(&libraries).ok()?.device(0).ok()?.info().architecture());
    let known = nvrtc.architectures();
    let usual = || if known.contains(&90) { 90 } else { known.last().copied().unwrap_or(75) };
    let architecture = wanted.or_else(of_device).unwrap_or_else(usual);
    if !known.is_empty() && !known.contains(&architecture) {
        let list: Vec<String> = known.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(format!(
            "this NVRTC makes no code for architecture {architecture} (it knows {})",
            list.join(", ")
        )));
    }
    Ok((nvrtc, architecture))
}
