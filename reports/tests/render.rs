//! What a report promises to whoever has a run, valid, empty or hostile.

mod support;

use std::fs;
use std::path::Path;

use reports::{charts, html, render};
use results::{BackendStatus, Run, RunState, Status};

/// Whether resvg can read it: well-formed XML that holds an image. (Drawing it too takes seconds in a debug build.)
fn is_a_picture(svg: &str) -> bool {
    resvg::usvg::Tree::from_str(svg, &resvg::usvg::Options::default()).is_ok()
}

#[test]
fn a_complete_run_gives_a_page_and_five_charts_as_svg_and_png() {
    let folder = tempfile::tempdir().unwrap();
    let rendered = render(&support::run(20), folder.path()).unwrap();
    assert!(fs::read_to_string(&rendered.html).unwrap().trim_end().ends_with("</html>"));
    let mut names: Vec<_> = fs::read_dir(folder.path().join("charts"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let stems = ["cpu", "memory", "startup-ecdf", "startup-phases", "syscalls"];
    let expected: Vec<_> =
        stems.iter().flat_map(|stem| [format!("{stem}.png"), format!("{stem}.svg")]).collect();
    assert_eq!(names, expected);
    assert_eq!(rendered.charts.len(), 10);
    assert!(fs::read(folder.path().join("charts/cpu.png")).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    // Nothing temporary is left beside them.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn the_saved_runs_of_the_results_crate_are_rendered() {
    for name in ["run.json", "partial.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/tests/data").join(name);
        let run: Run = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let page = html(&run).unwrap();
        assert!(page.contains(&run.run_id) && page.contains("id=\"startup-ecdf\""), "{name}");
    }
}

#[test]
fn rendering_the_same_run_twice_gives_the_same_bytes() {
    let run = support::run(12);
    assert_eq!(html(&run).unwrap(), html(&run).unwrap());
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = html(&support::run(12)).unwrap();
    for outside in ["<script", "<link", "<img", "@import", "url(", "src=", "javascript:"] {
        assert!(!page.contains(outside), "{outside}");
    }
    // The only addresses are XML namespaces.
    assert_eq!(page.matches("http").count(), page.matches("http://www.w3.org/2000/svg").count() + 1);
}

#[test]
fn every_string_of_a_hostile_run_is_escaped() {
    const EVIL: &str = "\"><script>alert(1)</script>'&amp;\u{0}\u{1b}\u{202e}";
    // Every string of the run, except where the format prescribes the value, is replaced through its JSON form.
    fn poison(value: &mut serde_json::Value, key: &str) {
        const PRESCRIBED: [&str; 8] =
            ["state", "status", "metric", "unit", "better", "experiment", "experiments", "schema_version"];
        match value {
            serde_json::Value::String(text) if !PRESCRIBED.contains(&key) => text.push_str(EVIL),
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| poison(item, key)),
            serde_json::Value::Object(map) => map.iter_mut().for_each(|(key, value)| poison(value, key)),
            _ => {}
        }
    }
    let mut json = serde_json::to_value(support::run(8)).unwrap();
    poison(&mut json, "");
    let run: Run = serde_json::from_value(json).unwrap();
    let page = html(&run).unwrap();
    assert!(!page.contains("<script"));
    // What is left of each is text: its markup stands escaped before it.
    assert!(page.matches("alert(1)").count() > 100);
    for (at, _) in page.match_indices("alert(1)") {
        assert!(
            page[..at].ends_with("script&#62;") || page[..at].ends_with("script&gt;"),
            "{}",
            &page[at - 60..at]
        );
    }
    let charts = charts(&run).unwrap();
    assert!(!charts.is_empty());
    for chart in charts {
        assert!(is_a_picture(&chart.svg), "{}", chart.name);
    }
}

#[test]
fn a_run_without_samples_says_so_and_draws_nothing() {
    let mut run = support::run(0);
    run.state = RunState::Interrupted;
    let page = html(&run).unwrap();
    assert!(page.contains("This run holds no samples.") && page.contains("Interrupted run."));
    assert!(!page.contains("<figure id"));
    assert!(charts(&run).unwrap().is_empty());
}

#[test]
fn an_experiment_that_was_not_run_is_named_as_such() {
    let mut run = support::run(8);
    run.measurements.retain(|m| m.experiment == results::Experiment::Startup);
    run.config.experiments.truncate(1);
    let page = html(&run).unwrap();
    assert_eq!(page.matches("Not measured. Not part of this run.").count(), 3);
}

#[test]
fn a_backend_that_could_not_run_keeps_its_place_and_its_reason() {
    let mut run = support::run(8);
    let linux = run.backends.iter_mut().find(|backend| backend.name == "microvm-linux").unwrap();
    linux.status = BackendStatus::Unavailable;
    linux.reason = Some("this KVM emulates ring 0".to_owned());
    run.measurements.retain(|m| m.backend != "microvm-linux");
    assert!(html(&run).unwrap().contains("unavailable: this KVM emulates ring 0"));
}

#[test]
fn a_run_in_an_emulator_says_on_page_and_pictures_that_it_is_no_result() {
    const BANNER: &str = "Measured in an emulator: nothing here is a result.";
    let mut run = support::run(8);
    assert!(!html(&run).unwrap().contains(BANNER));
    for emulator in ["QEMU (TCG) (emulator)", "Emulated by something"] {
        run.host.hypervisor = Some(emulator.to_owned());
        let page = html(&run).unwrap();
        assert!(page.contains(BANNER) && page.contains("<title>Emulated, not a result"), "{emulator}");
        assert!(charts(&run).unwrap().iter().all(|chart| chart.svg.contains("measured in an emulator")));
    }
}

#[test]
fn the_page_says_which_kernel_a_linux_guest_booted_and_whether_it_is_the_hosts() {
    let mut run = support::run(8);
    let page = html(&run).unwrap();
    assert!(page.contains("microvm-linux booted Linux 6.1.0-56-cloud-amd64"));
    assert!(page.contains("not the host’s kernel, which is 6.18.0.") && page.contains("part of its numbers"));
    let linux = run.backends.iter_mut().find(|backend| backend.name == "microvm-linux").unwrap();
    linux.details.insert("kernel_is_hosts".to_owned(), "true".to_owned());
    let page = html(&run).unwrap();
    assert!(page.contains("the host’s own kernel") && !page.contains("part of its numbers"));
    run.backends.iter_mut().for_each(|backend| backend.details.clear());
    assert!(!html(&run).unwrap().contains("booted Linux"));
}

#[test]
fn what_a_backend_cannot_do_is_listed_with_the_reason() {
    let page = html(&support::run(8)).unwrap();
    assert!(page.contains("needs fork"));
    let syscalls =
        charts(&support::run(8)).unwrap().into_iter().find(|chart| chart.name == "syscalls").unwrap();
    assert!(syscalls.svg.contains("microvm: n/a, needs fork"));
}

#[test]
fn a_run_without_the_baseline_is_rendered_without_ratios() {
    let mut run = support::run(8);
    run.measurements.retain(|m| m.backend != "process");
    run.backends[0].status = BackendStatus::Failed;
    let names: Vec<_> = charts(&run).unwrap().into_iter().map(|chart| chart.name).collect();
    assert_eq!(names, ["startup-ecdf", "startup-phases", "memory", "syscalls"]);
    assert!(html(&run).is_ok());
}

#[test]
fn absurd_samples_are_survived() {
    for absurd in [0.0, -1.0, 5e-324, 1e308, f64::NAN, f64::INFINITY] {
        let mut run = support::run(3);
        for m in &mut run.measurements {
            m.samples.iter_mut().skip(1).for_each(|sample| *sample = absurd);
        }
        assert!(charts(&run).unwrap().iter().all(|chart| is_a_picture(&chart.svg)));
        // Damage of another kind: lengths that do not match.
        run.measurements.iter_mut().for_each(|m| m.blocks.truncate(2));
        html(&run).unwrap();
    }
}

#[test]
fn dozens_of_backends_and_endless_names_do_not_break_a_chart() {
    let mut run = support::run(2);
    run.measurements.retain(|m| m.backend == "process" && m.status == Status::Ok);
    let (backend, measurements) = (run.backends[0].clone(), run.measurements.clone());
    for number in 0..60 {
        let name = format!("{number}{}", "x".repeat(5_000));
        run.backends.push(results::Backend { name: name.clone(), ..backend.clone() });
        run.measurements.extend(
            measurements.iter().take(10).map(|m| results::Measurement { backend: name.clone(), ..m.clone() }),
        );
    }
    for chart in charts(&run).unwrap() {
        assert!(chart.svg.len() < 1 << 20, "{}", chart.name);
        assert!(is_a_picture(&chart.svg), "{}", chart.name);
    }
}

#[test]
fn every_claim_stands_on_the_page_with_its_verdict_as_a_word_and_a_sign() {
    let mut run = support::run(24);
    // A virtual machine that is ready before a container refutes C1; the others are as they are.
    let is_it = |m: &&mut results::Measurement| {
        m.backend == "microvm-linux" && m.metric == results::Metric::StartupTime
    };
    let startup = run.measurements.iter_mut().find(is_it).unwrap();
    startup.samples.iter_mut().for_each(|sample| *sample /= 1000.0);
    let page = html(&run).unwrap();
    for number in 1..=10 {
        assert_eq!(page.matches(&format!("id=\"C{number}\"")).count(), 1, "C{number}");
    }
    for look in
        ["✓</span> supported", "✗</span> refuted", "?</span> inconclusive", "–</span> not measured here"]
    {
        assert!(page.contains(look), "{look}");
    }
    assert!(page.contains("<li><a href=\"#claims\">"));
    let claims = page.split("id=\"claims\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(claims.matches("<p class=\"verdict\">").count(), 10);
    assert!(claims.contains("Linux VM against container: <strong>") && claims.contains("24 blocks"));
    // Fewer blocks than an interval takes: numbers without a verdict.
    let few = html(&support::run(4)).unwrap();
    assert!(few.contains("no interval, 4 blocks") && few.contains("too few for a 95 % interval"));
}

#[test]
fn a_run_in_an_emulator_has_no_verdict_about_numbers() {
    let mut run = support::run(24);
    run.host.hypervisor = Some("QEMU (TCG) (emulator)".to_owned());
    let page = html(&run).unwrap();
    let claims = page.split("id=\"claims\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(claims.contains("emulated:") && !claims.contains("blocks</strong>"));
}

#[test]
fn a_folder_that_cannot_be_written_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    let error = render(&support::run(2), &file).unwrap_err().to_string();
    assert!(error.contains("a-file") && error.contains("--out"), "{error}");
}
