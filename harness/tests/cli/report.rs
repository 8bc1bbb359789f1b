//! `bench report`: one chart alone, and several runs side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use results::stats::Rng;
use results::{Experiment, Metric, Run, write_run};
use serde_json::Value;

use crate::common::Bench;
use crate::simulate;

const EVIL: &str = "\"><script>alert(1)</script>";

/// A run below the temporary folder, changed as wanted.
fn saved(bench: &Bench, name: &str, seed: u64, change: impl FnOnce(&mut Run)) -> PathBuf {
    let mut run = simulate::run(simulate::QUIET, 8, &mut Rng::new(seed));
    run.run_id = name.to_owned();
    change(&mut run);
    let folder = bench.temp.path().join(name);
    fs::create_dir_all(&folder).unwrap();
    write_run(&folder, &run).unwrap();
    folder
}

fn report(bench: &Bench, runs: &[&Path], args: &[&str]) -> Output {
    bench.command(&["report"]).args(runs).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output, wanted: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for part in wanted {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

/// Width and height of a PNG.
fn pixels(png: &[u8]) -> (u32, u32) {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn a_chart_goes_to_the_standard_output_or_into_a_file_of_the_wanted_size_and_colours() {
    let bench = Bench::new();
    let run = saved(&bench, "a", 1, |_| ());
    let svg = text(&report(&bench, &[&run], &["--chart", "startup-ecdf"]));
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
    assert!(svg.contains("width=\"960\"") && svg.contains("#FFFFFF"));

    let style = ["--chart", "startup-ecdf", "--size", "480x400", "--theme", "dark"];
    let said = text(&report(&bench, &[&run], &[&style[..], &["--out", "dark.PNG"]].concat()));
    assert_eq!(said, "Chart: dark.PNG\n");
    assert_eq!(pixels(&fs::read(bench.temp.path().join("dark.PNG")).unwrap()), (960, 800));
    text(&report(&bench, &[&run], &[&style[..], &["--out", "dark.svg"]].concat()));
    let svg = fs::read_to_string(bench.temp.path().join("dark.svg")).unwrap();
    assert!(svg.contains("width=\"480\" height=\"400\"") && svg.contains("#171A20"));
    assert_eq!(fs::read_dir(&run).unwrap().count(), 1, "the run's folder stays as it is");
}

#[test]
fn an_unknown_chart_or_none_gets_the_names_and_one_without_data_what_it_needs() {
    let bench = Bench::new();
    let run = saved(&bench, "a", 1, |run| run.measurements.retain(|m| m.experiment != Experiment::Cpu));
    let names: Vec<&str> = reports::names().collect();
    refused(&report(&bench, &[&run], &["--chart", "pie"]), &names);
    refused(&report(&bench, &[&run], &["--chart"]), &names);
    refused(&report(&bench, &[&run], &["--chart", "cpu"]), &["nothing to show in `cpu`", "experiment `cpu`"]);
}

#[test]
fn senseless_sizes_and_combinations_are_refused_and_nothing_is_written() {
    let bench = Bench::new();
    let (a, b) = (saved(&bench, "a", 1, |_| ()), saved(&bench, "b", 2, |_| ()));
    let sized =
        |size: &str| report(&bench, &[&a], &["--chart", "startup-ecdf", "--out", "x.svg", "--size", size]);
    for size in ["0x0", "10x10", "360x1"] {
        refused(&sized(size), &[size, "too small", "needs 360x"]);
    }
    refused(&sized("100000x100000"), &["100000x100000", "too large", "4096"]);
    for size in ["axb", "640", "640x", "-1x400", "9999999999x1"] {
        refused(&sized(size), &["--size", "640x400"]);
    }
    let chart = ["--chart", "startup-ecdf"];
    refused(&report(&bench, &[&a, &b], &chart), &["--chart", "single run"]);
    refused(&report(&bench, &[&a, &b], &[&chart[..], &["--each"]].concat()), &["--each"]);
    refused(&report(&bench, &[&a], &[&chart[..], &["--json"]].concat()), &["--json"]);
    refused(&report(&bench, &[&a], &[&chart[..], &["--out", "x.gif"]].concat()), &["x.gif", ".svg or .png"]);
    refused(&report(&bench, &[&a], &[&chart[..], &["--out", "no/x.svg"]].concat()), &["no/x.svg", "--out"]);
    refused(&report(&bench, &[&a], &["--size", "640x400"]), &["--chart"]);
    refused(&report(&bench, &[&a], &["--theme", "pink"]), &["light", "dark"]);
    assert!(!bench.temp.path().join("x.svg").exists());
}

#[test]
fn the_theme_of_a_report_is_that_of_its_pictures_and_leaves_the_page_alone() {
    let bench = Bench::new();
    let run = saved(&bench, "a", 1, |_| ());
    let rendered = |theme: &[&str]| {
        text(&report(&bench, &[&run], theme));
        let read = |file: &str| fs::read_to_string(run.join(file)).unwrap();
        (read("report.html"), read("charts/startup-ecdf.svg"))
    };
    let (light, dark) = (rendered(&[]), rendered(&["--theme", "dark"]));
    assert_eq!(light.0, dark.0);
    assert!(light.1.contains("#FFFFFF") && !dark.1.contains("#FFFFFF") && dark.1.contains("#171A20"));
}

#[test]
fn several_runs_are_put_on_one_page_in_the_order_given() {
    let bench = Bench::new();
    let a = saved(&bench, "a", 1, |_| ());
    let b = saved(&bench, "b", 2, |run| {
        run.host.kernel = "7.0.0".to_owned();
        run.measurements.retain(|m| m.metric != Metric::MarginalMemory);
    });
    let out = text(&report(&bench, &[&b, &a], &[]));
    assert_eq!(out, "Side by side: bench-results/side-by-side.html\n");
    let page = fs::read_to_string(bench.temp.path().join("bench-results/side-by-side.html")).unwrap();
    assert!(page.contains("2 runs on 2 machines"));
    assert!(page.contains("<th scope=\"row\">run</th><td>b</td><td>a</td>"));

    let args = ["--theme", "dark", "--out", "page", "--json"];
    let json: Value = serde_json::from_str(&text(&report(&bench, &[&a, &b], &args))).unwrap();
    assert_eq!(json["html"], "page/side-by-side.html");
    for chart in json["charts"].as_array().unwrap() {
        let path = bench.temp.path().join(chart.as_str().unwrap());
        match path.extension().unwrap().to_str() {
            Some("png") => assert_eq!(pixels(&fs::read(path).unwrap()).0, 1920),
            _ => assert!(fs::read_to_string(path).unwrap().contains("#171A20")),
        }
    }
    assert!(!a.join("report.html").exists(), "no report of its own");
}

#[test]
fn with_each_every_run_gets_its_own_report_and_an_out_folder_is_refused_with_the_way_out() {
    let bench = Bench::new();
    let (a, b) = (saved(&bench, "a", 1, |_| ()), saved(&bench, "b", 2, |_| ()));
    refused(&report(&bench, &[&a, &b], &["--each", "--out", "page"]), &["--out", "--each"]);
    text(&report(&bench, &[&a, &b], &["--each"]));
    assert!(a.join("report.html").exists() && b.join("report.html").exists());
}

#[test]
fn a_run_given_twice_counts_once_and_too_few_or_too_many_are_refused() {
    let bench = Bench::new();
    let (a, b) = (saved(&bench, "a", 1, |_| ()), saved(&bench, "b", 2, |_| ()));
    let file = a.join("run.json");
    let output = report(&bench, &[&a, &b, &file], &[]);
    assert!(text(&output).starts_with("Side by side"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("shown once: a"));
    fs::remove_dir_all(bench.temp.path().join("bench-results")).unwrap();

    refused(&report(&bench, &[&a, &file], &[]), &["two different runs"]);
    refused(&report(&bench, &[&a, Path::new("nowhere")], &[]), &["nowhere"]);
    let many: Vec<PathBuf> = (0..13).map(|n| saved(&bench, &format!("r{n}"), n, |_| ())).collect();
    let many: Vec<&Path> = many.iter().map(PathBuf::as_path).collect();
    refused(&report(&bench, &many, &[]), &["13", "12", "bench history"]);
    assert!(!bench.temp.path().join("bench-results").exists());
}

#[test]
fn names_with_markup_are_text_on_the_page_and_in_the_chart() {
    let bench = Bench::new();
    let poison = |run: &mut Run| {
        run.host.cpu_model.push_str(EVIL);
        run.host.kernel.push_str(EVIL);
        run.config.preset.push_str(EVIL);
        run.backends.iter_mut().for_each(|backend| backend.name.push_str(EVIL));
        for m in &mut run.measurements {
            m.backend.push_str(EVIL);
            m.workload.push_str(EVIL);
        }
        run.evidence.clear();
    };
    let (a, b) = (saved(&bench, "a", 1, poison), saved(&bench, "b", 2, poison));
    text(&report(&bench, &[&a, &b], &["--out", "page"]));
    let page = fs::read_to_string(bench.temp.path().join("page/side-by-side.html")).unwrap();
    let svg = text(&report(&bench, &[&a], &["--chart", "startup-ecdf"]));
    for made in [&page, &svg] {
        assert!(made.contains("alert(1)") && !made.contains("<script"));
    }
}
