//! Renders a saved run again: `cargo run -p reports --example render -- RUN.json FOLDER`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, folder] = arguments.as_slice() else {
        eprintln!("usage: render RUN.json FOLDER");
        return ExitCode::from(2);
    };
    match render(run, Path::new(folder)) {
        Ok(page) => {
            println!("{}", page.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn render(run: &str, folder: &Path) -> Result<std::path::PathBuf, Box<dyn std::error::Error>> {
    let run: results::Run = serde_json::from_slice(&std::fs::read(run)?)?;
    Ok(reports::render(&run, folder)?.html)
}
