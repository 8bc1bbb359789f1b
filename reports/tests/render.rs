//! What a report promises to whoever has a run, valid, empty or hostile.

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use reports::{charts, html, render};
use results::{BackendStatus, Measurement, Metric, Run, RunState, Status};
use sha2::Digest;

/// Whether resvg can read it: well-formed XML that holds an image. (Drawing it too takes seconds in a debug build.)
fn is_a_picture(svg: &str) -> bool {
    resvg::usvg::Tree::from_str(svg, &resvg::usvg::Options::default()).is_ok()
}

#[test]
fn a_complete_run_gives_a_page_and_six_charts_as_svg_and_png() {
    let folder = tempfile::tempdir().unwrap();
    let rendered = render(&support::run(20), folder.path()).unwrap();
    assert!(fs::read_to_string(&rendered.html).unwrap().trim_end().ends_with("</html>"));
    let mut names: Vec<_> = fs::read_dir(folder.path().join("charts"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let stems = ["cpu", "marginal-memory", "memory", "startup-ecdf", "startup-phases", "syscalls"];
    let expected: Vec<_> =
        stems.iter().flat_map(|stem| [format!("{stem}.png"), format!("{stem}.svg")]).collect();
    assert_eq!(names, expected);
    assert_eq!(rendered.charts.len(), 12);
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
    for outside in
        ["<script ", "<link", "<img", "@import", "url(", "src=", "javascript:", "import(", "fetch("]
    {
        assert!(!page.contains(outside), "{outside}");
    }
    // The raw data beside the page is all that it leads to.
    let links: Vec<_> = page.split("href=\"").skip(1).filter_map(|link| link.split('"').next()).collect();
    assert!(links.iter().all(|link| link.starts_with('#') || *link == "run.json"), "{links:?}");
    // The only addresses are XML namespaces.
    assert_eq!(page.matches("http").count(), page.matches("http://www.w3.org/2000/svg").count() + 1);
}

#[test]
fn the_only_script_is_the_one_that_the_policy_names() {
    let page = html(&support::run(2)).unwrap();
    let script = page.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    let policy =
        page.split_once("Content-Security-Policy\" content=\"").unwrap().1.split_once('"').unwrap().0;
    // The template escapes apostrophes.
    let policy = policy.replace("&#39;", "'");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(policy.contains(&format!("script-src 'sha256-{digest}';")), "{policy}");
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
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
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
    assert_eq!(page.matches("Not measured. Not part of this run.").count(), 7);
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
    assert_eq!(names, ["startup-ecdf", "startup-phases", "memory", "marginal-memory", "syscalls"]);
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

/// Gives every measurement so many samples, spread a little.
fn blow_up(measurements: &mut [Measurement], samples: u32) {
    for m in measurements.iter_mut().filter(|m| !m.samples.is_empty()) {
        let first = m.samples[0];
        let spread = |n: u32| first * (1.0 + f64::from(n.wrapping_mul(2_654_435_761) >> 8) / 1e8);
        m.samples = (0..samples).map(spread).collect();
        m.blocks = (0..samples).collect();
        m.flags = None;
    }
}

#[test]
fn a_page_of_the_largest_default_run_is_below_one_and_a_half_megabytes() {
    // More measurements than the catalogue has, and the most blocks that the default takes.
    let mut run = support::run(1);
    let work = |m: &&Measurement| m.experiment >= results::Experiment::Syscalls;
    let work: Vec<_> = run.measurements.iter().filter(work).cloned().collect();
    for copy in 0..2 {
        let copies =
            work.iter().map(|m| Measurement { workload: format!("{}-{copy}", m.workload), ..m.clone() });
        run.measurements.extend(copies);
    }
    blow_up(&mut run.measurements, 250);
    let page = html(&run).unwrap();
    assert!(page.len() < 1_500_000, "{}", page.len());
}

#[test]
fn a_million_samples_are_rendered_in_seconds_and_in_a_page_of_ordinary_size() {
    let mut run = support::run(1);
    run.measurements.retain(|m| m.experiment == results::Experiment::Startup);
    let starts: Vec<_> = run.measurements.iter_mut().filter(|m| m.metric == Metric::StartupTime).collect();
    assert_eq!(starts.len(), 4);
    for start in starts {
        blow_up(std::slice::from_mut(start), 250_000);
    }
    let begun = Instant::now();
    let page = html(&run).unwrap();
    // A debug build on a busy machine takes several times as long as a release build.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(page.len() < 1_500_000, "{}", page.len());
}

#[test]
fn one_sample_per_measurement_is_no_interval_and_no_difference() {
    let page = html(&support::run(1)).unwrap();
    assert!(page.contains("One sample per measurement.") && page.contains("in one pair of trials"));
    assert!(!page.contains("class=\"aside differs\"") && !page.contains("no measurable difference"));
    assert!(!html(&support::run(12)).unwrap().contains("One sample per measurement."));
}

#[test]
fn a_cost_that_may_be_nothing_is_given_as_a_bound_and_nothing_is_a_multiple_of_it() {
    let mut run = support::run(12);
    for m in run.measurements.iter_mut().filter(|m| m.metric == Metric::MarginalMemory) {
        if m.backend == "process" {
            m.samples.iter_mut().zip(0_u8..).for_each(|(sample, n)| *sample = 4096.0 * (f64::from(n) - 6.0));
        }
    }
    let page = html(&run).unwrap();
    assert!(page.contains("<b>≤ ") && page.contains("adds at most "));
    let sentence = page.split_once("An idle ").unwrap().1.split_once("</p>").unwrap().0;
    assert!(!sentence.contains('×'), "{sentence}");
}

#[test]
fn the_history_claims_a_measurement_only_of_what_this_run_measured() {
    let cells = |page: &str, system: &str| -> String {
        let row = page.split_once(&format!("<th scope=\"row\">{system}</th>")).unwrap().1;
        row.split_once("</tr>").unwrap().0.to_owned()
    };
    let mut run = support::run(4);
    let page = html(&run).unwrap();
    assert!(cells(&page, "our own microVMs").contains("microvm starts in "));
    assert!(cells(&page, "FreeBSD Jail").contains("not measured: needs another kernel"));
    assert!(cells(&page, "rkt").contains("not measured: ended project"));
    assert!(cells(&page, "LXC").contains(">not measured<"));
    assert!(cells(&page, "Xen").contains("not below this machine (KVM)"));
    run.host.hypervisor = Some("Xen (type 1)".to_owned());
    run.backends[1].name = "lxc".to_owned();
    run.backends[1].status = BackendStatus::Unavailable;
    run.backends[1].reason = Some("no lxc-start here".to_owned());
    let page = html(&run).unwrap();
    assert!(cells(&page, "LXC").contains("not measured: no lxc-start here"));
    assert!(cells(&page, "Xen").contains("this machine runs under it: Xen (type 1)"));
}

#[test]
fn the_command_to_reproduce_a_run_holds_its_seed() {
    let mut run = support::run(2);
    let command = |run: &Run| {
        let page = html(run).unwrap();
        page.split_once("<pre tabindex=\"0\"><code>").unwrap().1.split_once("</code>").unwrap().0.to_owned()
    };
    assert_eq!(command(&run), "bench all --seed 42");
    run.config.command = ["bench", "all", "--seed", "42"].map(str::to_owned).to_vec();
    assert_eq!(command(&run), "bench all --seed 42");
    run.config.command = ["bench", "exec", "--", "./a b"].map(str::to_owned).to_vec();
    assert_eq!(command(&run), "bench exec --seed 42 -- &#39;./a b&#39;");
}
