//! What a chart alone promises to who puts it into an article: the size and the colours that were asked for, nothing cut off.

#[expect(dead_code, reason = "what is climbed serves several tests")]
mod climbed;
mod dense;
mod support;
mod tried;

use reports::{Error, Picture, Size, Theme, chart, charts, names, png, render_in};
use resvg::usvg::{Group, Node, Options, Tree};

fn sized(width: u32, height: u32) -> Picture {
    Picture { size: Some(Size { width, height }), theme: Theme::Light }
}

fn dark() -> Picture {
    Picture { size: None, theme: Theme::Dark }
}

/// A run with something to show in every chart.
fn everything() -> results::Run {
    climbed::with_program(climbed::with_ladder(tried::with_limits(dense::with_density(support::run(8)))))
}

/// The smallest height of a chart that is so wide.
fn least(name: &str, width: u32) -> Size {
    match chart(&everything(), name, sized(width, 1)) {
        Err(Error::TooSmall { least, .. }) => least,
        other => panic!("{name} at {width}: {other:?}"),
    }
}

/// With the font of the PNGs, so that texts have their size.
fn tree(svg: &str) -> Tree {
    let mut options = Options { font_family: "Inter".to_owned(), ..Options::default() };
    for font in [&include_bytes!("../fonts/Inter-Regular.otf")[..], include_bytes!("../fonts/Inter-Bold.otf")]
    {
        options.fontdb_mut().load_font_data(font.to_vec());
    }
    Tree::from_str(svg, &options).expect("a chart is well-formed")
}

/// Everything drawn, out of the groups that it is in.
fn drawn(group: &Group) -> Vec<&Node> {
    fn parts(node: &Node) -> Vec<&Node> {
        if let Node::Group(group) = node { drawn(group) } else { vec![node] }
    }
    group.children().iter().flat_map(parts).collect()
}

#[test]
fn every_chart_has_exactly_the_size_that_was_asked_for_and_nothing_of_it_is_cut_off() {
    let run = everything();
    for name in names() {
        for width in [360, 500, 640, 1200] {
            for more in [0, 300] {
                let height = least(name, width).height + more;
                let picture = chart(&run, name, sized(width, height)).unwrap();
                let tree = tree(&picture.svg);
                let size = tree.size();
                assert_eq!((size.width(), size.height()), (width as f32, height as f32), "{name}");
                for node in drawn(tree.root()) {
                    let place = node.abs_bounding_box();
                    let inside = place.left() >= 0.0
                        && place.top() >= 0.0
                        && place.right() <= width as f32
                        && place.bottom() <= height as f32;
                    assert!(inside, "{name} {width}x{height}: {place:?}");
                }
            }
        }
    }
}

#[test]
fn no_two_texts_of_a_chart_overlap() {
    let run = everything();
    for name in names() {
        for width in [360, 640, 960] {
            let tree = tree(&chart(&run, name, sized(width, least(name, width).height)).unwrap().svg);
            let texts = drawn(tree.root()).into_iter().filter(|node| matches!(node, Node::Text(_)));
            let boxes: Vec<_> = texts.map(|text| text.abs_bounding_box()).collect();
            assert!(boxes.len() > 8, "{name}: {}", boxes.len());
            for (place, a) in boxes.iter().enumerate() {
                for b in &boxes[..place] {
                    let apart = a.left() >= b.right()
                        || b.left() >= a.right()
                        || a.top() >= b.bottom()
                        || b.top() >= a.bottom();
                    assert!(apart, "{name} at {width}: {a:?} {b:?}");
                }
            }
        }
    }
}

#[test]
fn a_size_that_is_too_small_or_too_large_is_refused_with_what_fits() {
    let run = support::run(8);
    for (width, height) in [(0, 0), (10, 10), (359, 4000), (640, 10), (0, 4096)] {
        let error = chart(&run, "cpu", sized(width, height)).unwrap_err();
        let Error::TooSmall { least, .. } = &error else { panic!("{error}") };
        assert!(error.to_string().contains(&format!("{least} or more")), "{error}");
        assert!(chart(&run, "cpu", sized(least.width, least.height)).is_ok());
    }
    for (width, height) in [(100_000, 100_000), (4097, 600), (600, u32::MAX)] {
        let error = chart(&run, "cpu", sized(width, height)).unwrap_err().to_string();
        assert!(error.contains("too large") && error.contains("4096"), "{error}");
    }
}

#[test]
fn text_keeps_its_size_however_wide_the_picture_is() {
    let sizes = |width| {
        let svg = chart(&support::run(8), "startup-ecdf", sized(width, 600)).unwrap().svg;
        let mut sizes: Vec<_> = svg
            .split("font-size=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect();
        sizes.sort();
        sizes.dedup();
        sizes
    };
    assert_eq!(sizes(360), sizes(1600));
}

#[test]
fn a_dark_picture_holds_no_light_colour_and_the_page_beside_it_is_as_ever() {
    let run = support::run(8);
    for light in charts(&run).unwrap() {
        let dark = chart(&run, &light.name, dark()).unwrap();
        for colour in ["#FFFFFF", "#1B1F24", "#5C6470", "#E3E6EA", "#0072B2", "#D55E00"] {
            assert!(!dark.svg.contains(colour), "{} {colour}", light.name);
        }
        assert!(light.svg.contains("#FFFFFF") && dark.svg.contains("#171A20"), "{}", light.name);
        assert_eq!(light.svg.lines().count(), dark.svg.lines().count(), "the same drawing");
    }
    let folder = tempfile::tempdir().unwrap();
    let rendered = render_in(&run, None, folder.path(), Theme::Dark).unwrap();
    assert_eq!(std::fs::read_to_string(&rendered.html).unwrap(), reports::html(&run).unwrap());
    let written = std::fs::read_to_string(folder.path().join("charts/cpu.svg")).unwrap();
    assert_eq!(written, chart(&run, "cpu", dark()).unwrap().svg);
}

#[test]
fn a_png_has_two_pixels_for_each_of_the_size() {
    let picture = chart(&support::run(4), "startup-ecdf", sized(400, 420)).unwrap();
    let png = png(&picture.svg).unwrap();
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((number(16), number(20)), (800, 840));
}

#[test]
fn a_chart_that_does_not_exist_or_has_nothing_to_show_is_an_error_that_says_what_to_do() {
    let error = chart(&support::run(4), "pie", Picture::default()).unwrap_err().to_string();
    assert!(names().all(|name| error.contains(name)), "{error}");
    let mut run = support::run(4);
    run.measurements.retain(|m| m.experiment != results::Experiment::Cpu);
    let error = chart(&run, "cpu", Picture::default()).unwrap_err().to_string();
    assert!(error.contains("needs the experiment `cpu`"), "{error}");
}

/// What these show, they read from names of workloads and backends, which are spoilt here.
const UNREADABLE: [&str; 4] = ["cpu", "density-size", "ladder-startup", "ladder-costs"];

#[test]
fn hostile_names_are_escaped_and_stay_within_the_smallest_picture() {
    let mut run = everything();
    let evil = format!("\"><script>alert(1)</script>&amp;\u{0}\u{202e}{}", "W".repeat(2_000));
    run.host.cpu_model.push_str(&evil);
    run.host.hypervisor = Some(format!("TCG {evil}"));
    for backend in &mut run.backends {
        backend.name.push_str(&evil);
    }
    for m in &mut run.measurements {
        m.backend.push_str(&evil);
        m.workload.push_str(&evil);
        m.reason = m.reason.as_ref().map(|reason| format!("{reason}{evil}"));
    }
    for name in names().filter(|name| !UNREADABLE.contains(name)) {
        let Err(Error::TooSmall { least, .. }) = chart(&run, name, sized(360, 1)) else { panic!("{name}") };
        let picture = chart(&run, name, sized(least.width, least.height)).unwrap();
        assert!(!picture.svg.contains("<script"), "{name}");
        for node in drawn(tree(&picture.svg).root()) {
            let place = node.abs_bounding_box();
            assert!(place.left() >= 0.0 && place.right() <= 360.0, "{name}: {place:?}");
        }
    }
}
