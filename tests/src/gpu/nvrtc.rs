//! The real compiler for GPU code, where it is installed: `.ci/run` puts it below `target/nvrtc`. It needs no GPU.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use kjit::gpu::{CodeFor, Libraries, Nvrtc, find_nvrtc};

/// The compiler, and the disassembler that came with it.
#[derive(Debug)]
pub struct Toolkit {
    nvrtc: Nvrtc,
    programs: PathBuf,
}

/// What the disassembler says about one kernel.
#[derive(Clone, Debug, Default)]
pub struct Sass {
    /// Name of the kernel.
    pub kernel: String,
    /// Its instructions, without addresses.
    pub instructions: Vec<String>,
    /// Registers of a thread.
    pub registers: u32,
}

/// What is installed below `target/nvrtc`.
///
/// # Errors
/// Why there is nothing: the reason to skip a test.
pub fn toolkit() -> Result<&'static Toolkit, String> {
    static FOUND: OnceLock<Result<Toolkit, String>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref().map_err(Clone::clone)
}

fn find() -> Result<Toolkit, String> {
    let root = super::build::target().join("nvrtc/nvidia/cu13");
    let library = root.join("lib");
    if !library.is_dir() {
        return Err("NVRTC is not installed below target/nvrtc (.ci/run does that)".to_owned());
    }
    let nvrtc = find_nvrtc(&Libraries::default().nvrtc(library), None).map_err(|error| error.to_string())?;
    Ok(Toolkit { nvrtc, programs: root.join("bin") })
}

impl Toolkit {
    /// Machine code of a text for a compute capability times ten.
    ///
    /// # Errors
    /// The compiler's messages.
    pub fn compile(&self, text: &str, architecture: u32, options: &[&str]) -> Result<Vec<u8>, String> {
        let compiled = self.nvrtc.compile("test.cu", text, CodeFor::Machine(architecture), options)?;
        Ok(compiled.image)
    }

    /// Compute capabilities that it makes code for.
    #[must_use]
    pub fn architectures(&self) -> &[u32] {
        self.nvrtc.architectures()
    }

    /// The kernels of an image as instructions.
    ///
    /// # Errors
    /// If the disassembler is missing or refuses.
    pub fn disassemble(&self, image: &[u8]) -> Result<Vec<Sass>, String> {
        let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        std::fs::write(file.path(), image).map_err(|error| error.to_string())?;
        let sass = self.ask("nvdisasm", &["-c"], file.path())?;
        let usage = self.ask("cuobjdump", &["-res-usage"], file.path())?;
        let mut kernels = Vec::new();
        for line in sass.lines() {
            if let Some(name) =
                line.trim().strip_prefix(".section").and_then(|rest| rest.trim().strip_prefix(".text."))
            {
                let name = name.split([',', '\t', ' ']).next().unwrap_or_default().to_owned();
                kernels.push(Sass { kernel: name, ..Sass::default() });
            } else if let (Some(kernel), Some((_, rest))) = (kernels.last_mut(), line.split_once("*/"))
                && let Some((instruction, _)) = rest.split_once(';')
            {
                kernel.instructions.push(instruction.trim().to_owned());
            }
        }
        // ` Function NAME:` and then ` REG:32 STACK:0 ...`.
        let mut current = "";
        for line in usage.lines() {
            if let Some(name) = line.trim().strip_prefix("Function ") {
                current = name.trim_end_matches(':');
            } else if let Some(at) = line.find("REG:") {
                let digits: String = line[at + 4..].chars().take_while(char::is_ascii_digit).collect();
                for kernel in kernels.iter_mut().filter(|kernel| kernel.kernel == current) {
                    kernel.registers = digits.parse().unwrap_or(0);
                }
            }
        }
        Ok(kernels)
    }

    fn ask(&self, program: &str, options: &[&str], file: &Path) -> Result<String, String> {
        let output = Command::new(self.programs.join(program))
            .args(options)
            .arg(file)
            .output()
            .map_err(|error| format!("{program}: {error}"))?;
        if !output.status.success() {
            return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Sass {
    /// How many instructions begin like that (behind a predicate): "LDG.E.128", "CALL".
    #[must_use]
    pub fn count(&self, start: &str) -> usize {
        let opcode = |text: &str| -> String {
            let mut words = text.split_whitespace();
            let first = words.next().unwrap_or_default();
            if first.starts_with('@') {
                words.next().unwrap_or_default().to_owned()
            } else {
                first.to_owned()
            }
        };
        self.instructions.iter().filter(|text| opcode(text).starts_with(start)).count()
    }
}
