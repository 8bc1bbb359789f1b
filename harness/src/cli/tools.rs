//! Runtimes of others on the command line.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::JsonArg;
use crate::backend::adapter::{Accelerator, Custom, ToolOptions};
use crate::backend::{Options, names};
use crate::select;

/// Where runtimes are found, and which there are.
#[derive(Clone, Debug, Default, Args)]
pub struct ToolArgs {
    /// Use this program for the backend NAME instead of the one on PATH; may be given more than once.
    #[arg(long = "tool", value_name = "NAME=PATH", value_parser = parse_tool)]
    pub tools: Vec<(String, PathBuf)>,

    /// A runtime of your own as one more backend, described in a TOML file (docs/method.md, "Other runtimes").
    #[arg(long = "runtime", value_name = "FILE")]
    pub runtimes: Vec<PathBuf>,

    /// How gVisor intercepts system calls: `systrap`, `ptrace` or `kvm` [default: its own].
    #[arg(long, value_name = "PLATFORM")]
    pub gvisor_platform: Option<String>,

    /// What runs the instructions of QEMU's guests; software (`tcg`) marks every sample.
    #[arg(long, value_name = "ACCEL", default_value = "kvm")]
    pub qemu_accel: Accelerator,
}

impl ToolArgs {
    /// What the backends make of them.
    pub fn options(&self) -> Result<ToolOptions> {
        let runtimes = self.runtimes.iter().map(|path| Custom::read(path)).collect::<Result<Vec<_>>>()?;
        let tools = self.tools.clone();
        let mut known = names();
        for runtime in &runtimes {
            if known.contains(&runtime.name()) || select::PRESETS.contains(&runtime.name()) {
                anyhow::bail!(
                    "there is a backend `{}` already: give the runtime another name",
                    runtime.name()
                );
            }
            known.push(runtime.name());
        }
        let named: Vec<String> = tools.iter().map(|(name, _)| name.clone()).collect();
        select::check("backend", &named, &known)?;
        let gvisor_platform = self.gvisor_platform.clone();
        Ok(ToolOptions { tools, gvisor_platform, qemu_accel: self.qemu_accel, runtimes })
    }

    /// The same, for commands that take no kernel.
    pub fn backends(&self) -> Result<Options> {
        Ok(Options { tools: self.options()?, ..Options::default() })
    }
}

/// How to list.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// Output.
    #[command(flatten)]
    pub json: JsonArg,

    /// Runtimes of others.
    #[command(flatten)]
    pub tools: ToolArgs,
}

fn parse_tool(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err("expected NAME=PATH, such as `runc=/opt/bin/runc`".to_owned()),
    }
}
