//! What the page of several runs promises, whatever the runs are.

mod hosts;
mod support;

use std::fs;

use reports::side_by_side::{MOST_RUNS, charts, distinct, html, render};
use reports::{Error, Theme};
use results::{Backend, BackendStatus, Experiment, Metric, Run, Status};

const EVIL: &str = "\"><script>alert(1)</script>'&amp;\u{0}\u{1b}\u{202e}";

fn is_a_picture(svg: &str) -> bool {
    resvg::usvg::Tree::from_str(svg, &resvg::usvg::Options::default()).is_ok()
}

fn chart(runs: &[Run], name: &str) -> String {
    let charts = charts(runs, Theme::Light).expect("made-up runs can be drawn");
    charts.into_iter().find(|chart| chart.name == name).expect("every chart has data").svg
}

/// What stands in the page between two texts.
fn between<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let start = page.find(from).unwrap_or_else(|| panic!("{from} is not in the page"));
    let end = page[start..].find(to).unwrap_or_else(|| panic!("{to} does not follow {from}"));
    &page[start..start + end]
}

#[test]
fn a_page_and_its_charts_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let rendered = render(&hosts::runs(6), folder.path(), Theme::Dark).unwrap();
    assert_eq!(rendered.html, folder.path().join("side-by-side.html"));
    assert!(fs::read_to_string(&rendered.html).unwrap().trim_end().ends_with("</html>"));
    for name in ["startup", "teardown", "marginal-memory", "vmm-overhead", "syscalls", "cpu"] {
        for extension in ["svg", "png"] {
            let file = folder.path().join(format!("side-by-side/{name}.{extension}"));
            assert!(rendered.charts.contains(&file) && file.exists(), "{}", file.display());
        }
    }
    let svg = fs::read_to_string(folder.path().join("side-by-side/startup.svg")).unwrap();
    assert!(
        svg.contains("#171A20") && !svg.contains("#FFFFFF") && svg.contains("aria-label=\"Startup time\"")
    );
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = html(&hosts::runs(6)).unwrap();
    for outside in ["<script", "<link", "<img", "@import", "url(", "src=", "javascript:"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
    assert_eq!(page.matches("http").count(), page.matches("http://www.w3.org/2000/svg").count() + 1);
}

#[test]
fn every_machine_is_there_and_what_is_not_as_in_the_first_run_is_marked() {
    let page = html(&hosts::runs(6)).unwrap();
    assert!(page.contains("3 runs on 3 machines"));
    let kernel = between(&page, "<th scope=\"row\">kernel</th>", "</tr>");
    assert!(kernel.contains("<td>6.18.0</td><td class=\"differs\">6.12.9</td><td>6.18.0</td>"), "{kernel}");
    let preset = between(&page, "<th scope=\"row\">preset</th>", "</tr>");
    assert!(
        preset.contains("<td>default</td><td>default</td><td class=\"differs\">thorough</td>"),
        "{preset}"
    );
    let when = between(&page, "<th scope=\"row\">when</th>", "</tr>");
    assert!(!when.contains("differs"), "every run has its own time: {when}");
}

#[test]
fn differences_in_how_was_measured_are_warned_of_and_differences_of_machines_are_not() {
    let mut runs = hosts::runs(6);
    runs[1].tool.agent_sha256 = "77".repeat(32);
    *runs[1].config.memory_limit_bytes.get_mut(&Experiment::Startup).unwrap() = 64 << 20;
    let page = html(&runs).unwrap();
    let head = between(&page, "<header>", "<div class=\"headline\">");
    for wanted in [
        "Interrupted: B.",
        "Not measured alike: A and B differ in config.memory_limit_bytes.startup (33554432 and 67108864); \
         tool.agent_sha256",
        "A and C differ in config.preset (default and thorough).",
    ] {
        assert!(head.contains(wanted), "{wanted} is not in {head}");
    }
    for machine in ["host.", "pinned_cpu", "kernel_file", "one machine"] {
        assert!(!head.contains(machine), "{machine}: {head}");
    }
}

#[test]
fn runs_of_one_machine_are_sent_to_the_commands_that_judge() {
    let page = html(&[support::run(6), support::seeded(6, 2)]).unwrap();
    assert!(page.contains("2 runs on 1 machine<") && page.contains("All runs are of one machine"));
    assert!(page.contains("have one run id"), "and are two all the same");
}

#[test]
fn a_ratio_is_to_the_bare_process_of_the_same_run() {
    // B is twice as fast in everything, which no ratio may show.
    let mut runs = vec![support::run(12), support::run(12)];
    runs[1].run_id.push('b');
    runs[1].measurements.iter_mut().flat_map(|m| &mut m.samples).for_each(|sample| *sample *= 0.5);
    let page = html(&runs).unwrap();
    let table = between(&page, "<caption><span>Startup time;", "</table>");
    let container = between(table, "</span>container</th>", "</tbody>");
    let cells: Vec<Vec<&str>> = container
        .split("<tr>")
        .skip(1)
        .map(|row| {
            row.split("<td class=\"num\">").skip(1).map(|cell| cell.split('<').next().unwrap()).collect()
        })
        .collect();
    let [a, b] = cells.as_slice() else { panic!("{container}") };
    assert_ne!((a[0], a[1]), (b[0], b[1]), "times differ");
    assert_eq!((a[2], a[3]), (b[2], b[3]), "ratios do not");
}

#[test]
fn what_is_missing_says_why_in_its_place_and_gets_no_mark() {
    let page = html(&hosts::runs(6)).unwrap();
    let table = between(&page, "<caption><span>Startup time;", "</table>");
    let linux = between(table, "</span>microvm-linux</th>", "</tbody>");
    assert!(linux.contains("class=\"why\">unavailable: no kernel found</td>"), "{linux}");
    let cpu = between(&page, "id=\"computation\"", "</section>");
    assert!(
        cpu.contains("<li>B: process, container, microvm, microvm-linux n/a: interrupted before it</li>"),
        "{cpu}"
    );
    assert!(cpu.contains("<li>C: microvm-linux unavailable: no kernel found</li>"), "{cpu}");
    let calls = between(&page, "id=\"system-calls\"", "</section>");
    assert!(calls.contains("<td class=\"why\">n/a: needs fork</td>"));

    let svg = chart(&hosts::runs(6), "startup");
    assert!(svg.contains("unavailable: no kernel found"));
    // Diamonds are the Linux guest: with rim, its name's, two times, two ratios.
    assert_eq!(svg.matches("fill=\"#CC79A7\"").count(), 5);
}

#[test]
fn a_backend_that_only_one_run_asked_for_and_an_experiment_of_only_one_run_are_there() {
    let mut runs = hosts::runs(6);
    runs[0].backends.retain(|backend| backend.name != "microvm");
    runs[0].measurements.retain(|m| m.backend != "microvm" && m.experiment != Experiment::Memory);
    runs[0].evidence.retain(|fact| fact.backend != "microvm");
    runs[0].config.experiments.retain(|experiment| *experiment != Experiment::Memory);
    let page = html(&runs).unwrap();
    assert!(page.contains("n/a: this run did not ask for it"));
    assert!(page.contains("n/a: memory is not part of this run"));
}

#[test]
fn a_backend_has_one_colour_in_all_runs_whatever_its_place_in_each() {
    let mut runs = hosts::runs(4);
    let other = |run: &mut Run, name: &str| {
        run.backends.insert(0, Backend { name: name.to_owned(), ..run.backends[0].clone() });
        let own: Vec<_> = run.measurements.iter().filter(|m| m.backend == "container").cloned().collect();
        run.measurements
            .extend(own.into_iter().map(|m| results::Measurement { backend: name.to_owned(), ..m }));
    };
    other(&mut runs[0], "runc");
    other(&mut runs[1], "crun");
    other(&mut runs[1], "runc");
    let svg = chart(&runs, "startup");
    let marks = |colour: &str| svg.matches(&format!("fill=\"{colour}\"")).count();
    // The legend's, then a time and a ratio for each run that has it.
    assert_eq!((marks("#A97B50"), marks("#7A5230")), (5, 3), "two tones of one family");
}

#[test]
fn emulated_runs_are_named_on_page_and_pictures_and_left_out_of_the_headline() {
    let mut runs = hosts::runs(6);
    let plain = html(&runs).unwrap();
    runs.push(support::seeded(6, 11));
    runs[3].run_id = "lab".to_owned();
    runs[3].host.hypervisor = Some("QEMU TCG".to_owned());
    let slower = |m: &&mut results::Measurement| m.backend == "container";
    runs[3].measurements.iter_mut().filter(slower).flat_map(|m| &mut m.samples).for_each(|s| *s *= 900.0);
    let page = html(&runs).unwrap();
    assert!(page.contains("<title>Emulated") && page.contains("Measured in an emulator: D."));
    let headline = |page: &str| between(page, "<div class=\"headline\">", "</div>").to_owned();
    assert_eq!(headline(&page), headline(&plain));
    for chart in charts(&runs, Theme::Light).unwrap() {
        assert!(chart.svg.contains("D measured in an emulator"), "{}", chart.name);
    }
}

#[test]
fn a_run_given_twice_counts_once_and_one_alone_or_too_many_are_refused() {
    let [a, b, _] = <[Run; 3]>::try_from(hosts::runs(4)).unwrap();
    let (kept, repeated) = distinct(vec![a.clone(), b.clone(), a.clone()]);
    assert_eq!((kept.len(), repeated), (2, vec![a.run_id.clone()]));
    assert!(matches!(html(std::slice::from_ref(&a)), Err(Error::TooFewRuns)));
    assert!(matches!(html(&[]), Err(Error::TooFewRuns)));
    assert!(html(&vec![a.clone(); MOST_RUNS]).is_ok());
    let error = html(&vec![a; MOST_RUNS + 1]).unwrap_err().to_string();
    assert!(error.contains("13") && error.contains("12") && error.contains("bench history"), "{error}");
}

#[test]
fn every_string_of_hostile_runs_is_escaped() {
    let mut runs = hosts::runs(4);
    for run in &mut runs {
        run.run_id.push_str(EVIL);
        run.started_at.push_str(EVIL);
        run.tool.version.push_str(EVIL);
        run.tool.git = Some(EVIL.to_owned());
        run.tool.agent_sha256 = EVIL.to_owned();
        run.config.preset.push_str(EVIL);
        for text in [&mut run.host.cpu_model, &mut run.host.kernel, &mut run.host.cgroups] {
            text.push_str(EVIL);
        }
        run.host.kvm = Some(EVIL.to_owned());
        run.host.os = Some(EVIL.to_owned());
        for backend in &mut run.backends {
            backend.name.push_str(EVIL);
            backend.reason = backend.reason.take().map(|reason| reason + EVIL);
        }
        for m in &mut run.measurements {
            m.backend.push_str(EVIL);
            m.workload.push_str(EVIL);
            m.reason = m.reason.take().map(|reason| reason + EVIL);
        }
    }
    runs[1].host.hypervisor = Some(format!("emulated {EVIL}"));
    runs[2].host.mitigations.insert(EVIL.to_owned(), EVIL.to_owned());
    let page = html(&runs).unwrap();
    assert!(!page.contains("<script"));
    assert!(page.matches("alert(1)").count() > 50);
    for chart in charts(&runs, Theme::Dark).unwrap() {
        assert!(is_a_picture(&chart.svg), "{}", chart.name);
    }
}

#[test]
fn no_value_however_odd_breaks_a_page() {
    for value in [0.0, -1.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN, f64::NAN, f64::INFINITY] {
        let mut runs = hosts::runs(5);
        for run in runs.iter_mut().skip(1) {
            run.measurements.iter_mut().flat_map(|m| &mut m.samples).for_each(|sample| *sample = value);
        }
        html(&runs).unwrap();
        assert!(charts(&runs, Theme::Light).unwrap().iter().all(|chart| is_a_picture(&chart.svg)), "{value}");
    }
    let mut empty = hosts::runs(0);
    empty.iter_mut().for_each(|run| run.measurements.retain(|m| m.status != Status::Ok));
    assert!(html(&empty).unwrap().contains("No run has numbers of this."));
    assert!(charts(&empty, Theme::Light).unwrap().is_empty());
}

#[test]
fn a_full_page_of_many_backends_stays_of_a_size_that_a_browser_shows() {
    let runs: Vec<Run> = (0..MOST_RUNS)
        .map(|number| {
            let mut run = support::seeded(1, number as u64);
            for copy in 0..30 {
                let name = format!("{copy}{}", "x".repeat(400));
                run.backends.push(Backend {
                    name: name.clone(),
                    status: BackendStatus::Ok,
                    ..run.backends[0].clone()
                });
                let wanted = |m: &&results::Measurement| {
                    m.backend == "container" && !matches!(m.metric, Metric::Phase(_))
                };
                let own: Vec<_> = run.measurements.iter().filter(wanted).cloned().collect();
                run.measurements
                    .extend(own.into_iter().map(|m| results::Measurement { backend: name.clone(), ..m }));
            }
            run
        })
        .collect();
    let page = html(&runs).unwrap();
    assert!(page.len() < 8 << 20, "{}", page.len());
    for chart in charts(&runs, Theme::Light).unwrap() {
        assert!(chart.svg.len() < 1 << 20, "{}: {}", chart.name, chart.svg.len());
    }
}
