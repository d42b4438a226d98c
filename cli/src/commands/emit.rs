//! `kjit emit`: what the compiler's stages hand on.

use std::collections::BTreeMap;
use std::fmt::Write;

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
use kjit::{DeviceKind, Engine, Remark};
use kjit_compiler::backend::clif::{self, CodegenOptions, LineTable};
use kjit_compiler::backend::cuda;
use kjit_compiler::infer::{self, Instance, Resolution};
use kjit_compiler::ir::Artifact;
use kjit_compiler::ir::text::print_program;
use kjit_compiler::passes::PASSES;
use kjit_compiler::pipeline::{self, Front, Request};
use kjit_compiler::syntax::ast::{Ast, ExprKind};
use kjit_compiler::syntax::{self, print};
use kjit_compiler::vector::print_strips;

use super::check::Host;
use super::{Session, emit_gpu, open};
use crate::args::{EmitArgs, EmitKind, Target};
use crate::exit::{ErrorFormat, Exit, Failure, Outcome, show_diagnostics};
use crate::{bind, output, source};

pub(crate) fn emit(args: &EmitArgs, format: ErrorFormat) -> Outcome {
    if let Some(after) = &args.after {
        check_pass(after)?;
    }
    let verb = format!("emit {}", format!("{:?}", args.kind).to_lowercase());
    let text = match args.kind {
        EmitKind::Tokens => print::print_tokens(&source::read(&args.target.file)?.1),
        EmitKind::Ast => tree(args, format)?,
        EmitKind::Types => {
            types(&open(&verb, &args.target, args.target.config()?.device(DeviceKind::Cpu))?, args)?
        }
        EmitKind::Cuda | EmitKind::Ptx | EmitKind::Sass => {
            let session = open(&verb, &args.target, args.target.config()?.device(DeviceKind::Cpu))?;
            let front = front(&session, &args.target, None)?;
            session.show_warnings(&front.warnings, &args.target, format)?;
            match args.kind {
                EmitKind::Cuda => kernels(&session, &front),
                kind => emit_gpu::compiled(&session, &front, kind, args.arch)?,
            }
        }
        EmitKind::Ir | EmitKind::Strip | EmitKind::Clif | EmitKind::Asm | EmitKind::Remarks => {
            let session = open(&verb, &args.target, args.target.config()?.device(DeviceKind::Cpu))?;
            let mut front = front(&session, &args.target, args.after.as_deref())?;
            session.show_warnings(&front.warnings, &args.target, format)?;
            optimize(&mut front, args.after.as_deref());
            match args.kind {
                EmitKind::Ir => print_program(&front.program),
                EmitKind::Strip => print_strips(&front.program),
                EmitKind::Remarks => remarks(&session, &told(&session, front)?),
                EmitKind::Clif => clif::print_clif(&front.program, session.engine.target()),
                _ => assembly(&session, front)?,
            }
        }
    };
    output::write(&text)?;
    if !text.ends_with('\n') && !text.is_empty() {
        output::write("\n")?;
    }
    output::flush()
}

/// Stages before the first pass: what lowering made, and with parallel loops apart.
const STAGES: [&str; 2] = ["lower", "outline"];

fn check_pass(after: &str) -> Outcome {
    let mut known: Vec<String> = STAGES.iter().map(|&name| name.to_owned()).collect();
    for pass in PASSES {
        if !known.iter().any(|name| name == pass.name) {
            known.push(pass.name.to_owned());
        }
    }
    if known.iter().any(|name| name == after) {
        return Ok(());
    }
    let hint = bind::nearest(after, &known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Err(Failure::usage(format!("there is no pass `{after}` (there are {}){hint}", known.join(", "))))
}

fn optimize(front: &mut Front, after: Option<&str>) {
    match after {
        Some(stage) if STAGES.contains(&stage) => {}
        after => {
            pipeline::optimize(front, after);
        }
    }
}

fn tree(args: &EmitArgs, format: ErrorFormat) -> Result<String, Failure> {
    let (name, text) = source::read(&args.target.file)?;
    let (ast, diagnostics) = syntax::parse(&text);
    if !diagnostics.is_empty() {
        show_diagnostics(&diagnostics, &text, &name, format);
    }
    if diagnostics.iter().any(kjit::Diagnostic::is_error) {
        return Err(Failure::silent(Exit::Program));
    }
    Ok(print::print_ast(&ast))
}

/// The program as it goes into the passes, or as lowering made it.
pub(super) fn front(session: &Session, target: &Target, after: Option<&str>) -> Result<Front, Failure> {
    let types = session.arg_types(target)?;
    let options = target.options();
    let request = Request {
        ast: session.module.ast(),
        source: session.module.source(),
        function: session.kernel.name(),
        args: &types,
        options: &options,
        host: &Host,
    };
    if after == Some("lower") {
        return lowered(session, &request);
    }
    pipeline::front(&request, &mut |_| ()).map_err(|diagnostics| session.failure(diagnostics))
}

/// The IR as lowering makes it, before the parallel loops are looked at.
fn lowered(session: &Session, request: &Request<'_>) -> Result<Front, Failure> {
    let Request { ast, source, function, args, options, host } = *request;
    let (inferred, warnings) = infer::infer(ast, function, args, options, host)
        .map_err(|diagnostics| session.failure(diagnostics))?;
    let (program, signature) = kjit_compiler::lower::lower(ast, &inferred, source)
        .map_err(|diagnostic| session.failure(vec![*diagnostic]))?;
    Ok(Front { program, signature, warnings, optimize: false })
}

/// The source of each function with the types of the variables on each line.
fn types(session: &Session, args: &EmitArgs) -> Result<String, Failure> {
    let types = session.arg_types(&args.target)?;
    let (ast, source) = (session.module.ast(), session.module.source());
    let (inferred, _) = infer::infer(ast, session.kernel.name(), &types, &args.target.options(), &Host)
        .map_err(|diagnostics| session.failure(diagnostics))?;
    let mut out = String::new();
    for instance in inferred.instances.values() {
        let function = &ast.functions[instance.function];
        let params: Vec<String> = instance.params.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
        let _ = writeln!(out, "# {}({}) -> {}", function.name.name, params.join(", "), instance.ret);
        let found = types_by_line(instance, ast, source);
        let (first, _) = function.head_span.line_column(source);
        let text = function.span.text(source).trim_end();
        let (top, _) = function.span.line_column(source);
        let width = text.lines().map(|line| line.chars().count()).max().unwrap_or(0).min(80);
        for (offset, line) in text.lines().enumerate() {
            let number = top + offset;
            match found.get(&number) {
                Some(words) if number >= first => {
                    let _ = writeln!(out, "{number:>4}  {line:width$}  # {}", words.join(", "));
                }
                _ => {
                    let _ = writeln!(out, "{number:>4}  {line}");
                }
            }
        }
        out.push('\n');
    }
    Ok(out.trim_end().to_owned())
}

/// `name: type` of the variables that stand on each line of a function, in their order there.
pub(super) fn types_by_line(instance: &Instance, ast: &Ast, source: &str) -> BTreeMap<usize, Vec<String>> {
    let mut found: Vec<(usize, u32, String)> = Vec::new();
    for (&id, info) in &instance.exprs {
        let expr = &ast.exprs[id];
        if let ExprKind::Name(name) = &expr.kind
            && matches!(info.resolution, Resolution::Variable | Resolution::Plain | Resolution::Constant(_))
        {
            let (line, _) = expr.span.line_column(source);
            found.push((line, expr.span.start, format!("{name}: {}", info.ty)));
        }
    }
    found.sort();
    let mut lines: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (line, _, word) in found {
        let words = lines.entry(line).or_default();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    lines
}

/// The text of the kernels, and which loops have none.
fn kernels(session: &Session, front: &Front) -> String {
    let source = session.module.source();
    let found = pipeline::kernels(front, cuda::Lines::Comments { source });
    let mut text = found.source;
    for remark in found.remarks.iter().filter(|remark| !remark.is_done) {
        let (line, _) = remark.span.line_column(source);
        let _ = writeln!(text, "// Line {line} {}.", remark.text);
    }
    text
}

/// One line per remark.
fn remarks(session: &Session, remarks: &[Remark]) -> String {
    let source = session.module.source();
    let mut lines: Vec<(u32, String)> = remarks
        .iter()
        .map(|remark| {
            let (line, column) = remark.span.line_column(source);
            let kind = format!("{:?}", remark.kind).to_lowercase();
            let text =
                format!("{}:{line}:{column}: {kind}: {}", session.kernel.file(), remark.sentence(source));
            (remark.span.start, text)
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

/// The remarks, with what the back end says of its vectors.
pub(super) fn told(session: &Session, front: Front) -> Result<Vec<Remark>, Failure> {
    if !cfg!(target_arch = "x86_64") {
        return Ok(front.program.remarks);
    }
    Ok(compiled(session, front)?.0.remarks)
}

fn compiled(session: &Session, front: Front) -> Result<(Artifact, LineTable), Failure> {
    let engine: &Engine = &session.engine;
    let options = CodegenOptions { lines: true, ..CodegenOptions::default() };
    clif::compile_with(&front.program, front.signature, engine.target(), &mut clif::Scratch::new(), options)
        .map_err(|text| Failure::from(kjit::Error::Internal(text)))
}

/// Machine code with the source lines it comes from.
fn assembly(session: &Session, front: Front) -> Result<String, Failure> {
    if !cfg!(target_arch = "x86_64") {
        return Err(Failure::environment("machine code can be shown on x86-64 only"));
    }
    let (artifact, lines) = compiled(session, front)?;
    Ok(disassemble(&artifact, &lines, session.module.source()))
}

fn disassemble(artifact: &Artifact, lines: &LineTable, source: &str) -> String {
    let texts: Vec<&str> = source.lines().collect();
    let mut decoder = Decoder::with_ip(64, &artifact.code, 0, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    let style = formatter.options_mut();
    style.set_hex_prefix("0x");
    style.set_hex_suffix("");
    style.set_uppercase_hex(false);
    style.set_branch_leading_zeros(false);
    style.set_small_hex_numbers_in_decimal(true);
    style.set_space_after_operand_separator(true);
    let mut out = String::new();
    let mut shown = 0;
    let mut place = 0;
    for instruction in &mut decoder {
        let at = instruction.ip() as u32;
        if at == artifact.entry.offset {
            let _ = writeln!(out, "entry:  ; {}", artifact.signature.name);
            shown = 0;
        }
        for (number, _) in artifact.parallels.iter().enumerate().filter(|(_, body)| body.entry.offset == at) {
            let _ = writeln!(out, "parallel{number}:");
            shown = 0;
        }
        while lines.get(place + 1).is_some_and(|(start, _)| *start <= at) {
            place += 1;
        }
        if let Some((start, span)) = lines.get(place)
            && *start <= at
            && span.end > span.start
        {
            let (line, _) = span.line_column(source);
            if line != shown {
                let text = texts.get(line - 1).map_or("", |text| text.trim());
                let _ = writeln!(out, "                                ; {line}: {text}");
                shown = line;
            }
        }
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        let _ = writeln!(out, "{at:6x}  {text}");
    }
    out
}
