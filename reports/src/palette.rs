//! Colours and shapes: who is drawn how, in light and in dark.
//!
//! In a page charts are drawn in the light colours, and a style sheet ([`style_sheet`]) maps each of them to its dark
//! twin through attribute selectors, so one drawing serves both; a picture of its own is drawn in either. Invariant: no
//! two roles share a light colour, else the style sheet could not tell them apart.

use std::collections::HashSet;

use plotters::style::RGBColor;
use results::ladder::is_rung;

use crate::family::Family;

/// What a mark on a chart stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Text and the marks that matter most.
    Strong,
    /// Axis labels and remarks.
    Muted,
    /// Grid lines.
    Grid,
    /// The background.
    Paper,
    /// The backend in this seat, see [`seats`].
    Backend(usize),
}

/// Which of its two colours every role is drawn in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// On white.
    #[default]
    Light,
    /// On near-black.
    Dark,
}

/// Light and dark colour of a role.
type Pair = (RGBColor, RGBColor);

const fn pair(light: (u8, u8, u8), dark: (u8, u8, u8)) -> Pair {
    (RGBColor(light.0, light.1, light.2), RGBColor(dark.0, dark.1, dark.2))
}

const STRONG: Pair = pair((0x1b, 0x1f, 0x24), (0xed, 0xef, 0xf2));
const MUTED: Pair = pair((0x5c, 0x64, 0x70), (0xa3, 0xab, 0xb8));
const GRID: Pair = pair((0xe3, 0xe6, 0xea), (0x2f, 0x35, 0x3f));
const PAPER: Pair = pair((0xff, 0xff, 0xff), (0x17, 0x1a, 0x20));

/// The colour-blind-safe palette of Okabe and Ito (2008), without its black and its yellow, which vanish on a dark or a
/// light page; the dark twins keep the hue and gain lightness.
const BACKENDS: &[Pair] = &[
    pair((0x00, 0x72, 0xb2), (0x4d, 0xa6, 0xe8)),
    pair((0xd5, 0x5e, 0x00), (0xff, 0x8f, 0x4a)),
    pair((0x00, 0x9e, 0x73), (0x2e, 0xc9, 0x9b)),
    pair((0xcc, 0x79, 0xa7), (0xe8, 0xa3, 0xcb)),
    pair((0xe6, 0x9f, 0x00), (0xf5, 0xbd, 0x3d)),
    pair((0x56, 0xb4, 0xe9), (0x9a, 0xd7, 0xf7)),
];

/// The form of a backend's marks, so that nothing depends on colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ◆
    Diamond,
    /// ▼
    Wedge,
    /// ▮
    Bar,
}

const SHAPES: [Shape; 5] = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond, Shape::Wedge];

/// The shape of the backend in this seat.
pub fn shape(seat: usize) -> Shape {
    match seat {
        RUNG => Shape::Bar,
        FIRST_OF_OTHERS..RUNG => SHAPES[place(seat).1 % SHAPES.len()],
        _ => SHAPES[seat % SHAPES.len()],
    }
}

/// Whose seat, hence colour and shape, is always the same, so that charts of two runs can be laid side by side. Ours come first
/// and have colours of their own.
const RESERVED: [&str; 6] =
    ["process", "container", "microvm", "microvm-linux", "chroot", "container-noseccomp"];

/// Two tones of each family's hue, which its members take in turns: five shapes and two tones are ten marks.
const FAMILIES: [[Pair; 2]; Family::ALL.len()] = [
    [pair((0x7a, 0x52, 0x30), (0xd6, 0xa6, 0x7c)), pair((0xa9, 0x7b, 0x50), (0xa8, 0x7f, 0x5c))],
    [pair((0x8a, 0x3f, 0xa0), (0xcc, 0x8c, 0xe0)), pair((0xaf, 0x74, 0xc0), (0xa5, 0x6b, 0xb8))],
    [pair((0x4b, 0x5f, 0xa8), (0x98, 0xa8, 0xee)), pair((0x7d, 0x8c, 0xc9), (0x73, 0x84, 0xcc))],
    [pair((0x3f, 0x7d, 0x2c), (0x8c, 0xc6, 0x7a)), pair((0x6f, 0x96, 0x50), (0x5f, 0x9a, 0x50))],
    [pair((0x3d, 0x7f, 0x8a), (0x7f, 0xc4, 0xcf)), pair((0x5f, 0x94, 0x9d), (0x5a, 0x9a, 0xa5))],
];

/// Seats of others' runtimes begin here; each family has so many, and the last one all that are left.
const FIRST_OF_OTHERS: usize = 10;
const SEATS_OF_FAMILY: usize = 10;

/// The family that a seat of others' is in, and its place there.
fn place(seat: usize) -> (usize, usize) {
    let count = seat.saturating_sub(FIRST_OF_OTHERS);
    let family = (count / SEATS_OF_FAMILY).min(FAMILIES.len() - 1);
    (family, count - family * SEATS_OF_FAMILY)
}

/// The family of the backend in this seat, if it is one of others'.
pub fn family(seat: usize) -> Option<Family> {
    (FIRST_OF_OTHERS..RUNG).contains(&seat).then(|| Family::ALL[place(seat).0])
}

/// Seats from here on are of data that others published: grey, for it was not measured here, and told apart by shape.
pub const PUBLISHED: usize = 1000;

/// The seat of everything that is nothing but a rung of the ladder: grey, and its name tells which.
pub const RUNG: usize = PUBLISHED - 1;

/// Gives each backend a seat of its own: those of [`RESERVED`] and known runtimes of others theirs, names that are not known the
/// next free ones of the last family in their order. Rungs of the ladder share one.
pub fn seats<'n>(names: impl Iterator<Item = &'n str>) -> Vec<usize> {
    let seat_of = |family: Family, place: usize| {
        let number = Family::ALL.iter().position(|of| *of == family).unwrap_or(Family::ALL.len() - 1);
        FIRST_OF_OTHERS + number * SEATS_OF_FAMILY + place
    };
    let mut taken = HashSet::new();
    let mut next = 0;
    let seat = |name: &str| {
        let own = RESERVED.iter().position(|reserved| *reserved == name);
        let known = own.or_else(|| Family::of(name).map(|(family, place)| seat_of(family, place)));
        match known {
            Some(seat) if taken.insert(seat) => seat,
            _ if is_rung(name) => RUNG,
            _ => {
                next += 1;
                (seat_of(Family::Own, next - 1)).min(RUNG - 1)
            }
        }
    };
    names.map(seat).collect()
}

impl Ink {
    fn pair(self) -> Pair {
        match self {
            Ink::Strong => STRONG,
            Ink::Muted => MUTED,
            Ink::Grid => GRID,
            Ink::Paper => PAPER,
            Ink::Backend(seat) if seat >= RUNG => MUTED,
            Ink::Backend(seat @ FIRST_OF_OTHERS..) => {
                let (family, place) = place(seat);
                FAMILIES[family][place % 2]
            }
            Ink::Backend(seat) => BACKENDS[seat % BACKENDS.len()],
        }
    }

    /// The colour it is drawn in.
    pub fn color(self, theme: Theme) -> RGBColor {
        let (light, dark) = self.pair();
        match theme {
            Theme::Light => light,
            Theme::Dark => dark,
        }
    }
}

fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    // Upper case, as plotters writes it: attribute selectors compare letter by letter.
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Every colour that a picture may hold.
fn pairs() -> impl Iterator<Item = Pair> {
    let others = FAMILIES.iter().flatten().copied();
    [STRONG, MUTED, GRID, PAPER].into_iter().chain(BACKENDS.iter().copied()).chain(others)
}

/// The rules that recolour inline charts on a dark page; to be put inside a media query.
pub fn style_sheet() -> String {
    let rules = pairs().map(|(light, dark)| {
        let (light, dark) = (hex(light), hex(dark));
        format!(".chart [fill=\"{light}\"]{{fill:{dark}}}.chart [stroke=\"{light}\"]{{stroke:{dark}}}\n")
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Process, container and the two microVMs.
    const OURS: usize = 4;

    #[test]
    fn no_two_roles_share_a_light_colour() {
        let lights: HashSet<_> = pairs().map(|(light, _)| hex(light)).collect();
        assert_eq!(lights.len(), pairs().count());
    }

    /// WCAG 2.2, relative luminance and contrast ratio.
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let luminance = |RGBColor(red, green, blue)| {
            let linear = |channel: u8| {
                let c = f64::from(channel) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_contrasts_with_the_page_in_both_themes() {
        for text in [STRONG, MUTED] {
            assert!(contrast(text.0, PAPER.0) >= 4.5 && contrast(text.1, PAPER.1) >= 4.5);
        }
    }

    #[test]
    fn the_marks_of_backends_contrast_with_the_page_as_graphics_must() {
        for mark in BACKENDS[..OURS].iter().chain(FAMILIES.iter().flatten()) {
            assert!(contrast(mark.0, PAPER.0) >= 3.0 && contrast(mark.1, PAPER.1) >= 3.0);
        }
    }

    #[test]
    fn our_own_backends_keep_their_seats_whatever_is_left_out() {
        let seated = |names: &[&str]| seats(names.iter().copied());
        assert_eq!(seated(&RESERVED), [0, 1, 2, 3, 4, 5]);
        assert_eq!(seated(&["microvm-linux", "runc", "process", "crun"]), [3, 13, 0, 14]);
        assert_eq!(seated(&["process", "process"]), [0, 50], "a damaged file's twins are told apart");
        assert_eq!(seated(&["chroot", "rung-pid", "rung-net", "mine"]), [4, RUNG, RUNG, 50]);
    }

    #[test]
    fn runtimes_of_others_are_told_apart_by_tone_or_shape_and_share_the_hue_of_their_family() {
        let known = Family::ALL.iter().flat_map(|family| family.members()).copied();
        let seats = seats(RESERVED.into_iter().chain(known).chain(["mine", "yours"]));
        let look = |seat: &usize| (hex(Ink::Backend(*seat).color(Theme::Light)), shape(*seat) as u8);
        let looks: HashSet<_> = seats.iter().map(look).collect();
        assert_eq!(looks.len(), seats.len());
        let families: Vec<_> = seats.iter().map(|seat| family(*seat)).collect();
        assert_eq!(families[..RESERVED.len()], [None; RESERVED.len()]);
        assert_eq!(families[RESERVED.len()], Some(Family::Namespaces));
        assert_eq!(families.last(), Some(&Some(Family::Own)));
    }

    #[test]
    fn a_thousand_names_do_not_leave_their_seats() {
        let names: Vec<String> = (0..2000).map(|number| format!("n{number}")).collect();
        assert!(
            seats(names.iter().map(String::as_str)).iter().all(|seat| family(*seat) == Some(Family::Own))
        );
    }

    /// What the colour-blind see: Machado, Oliveira and Fernandes (2009), table 1, severity 1.0, on linear light.
    const BLINDNESSES: [[[f64; 3]; 3]; 3] = [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ];

    /// Oklab (Ottosson 2020): equal distances look about equally different; black and white are 1 apart.
    fn oklab(linear: [f64; 3]) -> [f64; 3] {
        let times = |matrix: [[f64; 3]; 3], v: [f64; 3]| {
            matrix.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum::<f64>())
        };
        let cones = times(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ],
            linear,
        );
        times(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ],
            cones.map(f64::cbrt),
        )
    }

    #[test]
    fn our_own_backends_are_told_apart_by_the_colour_blind() {
        let linear = |RGBColor(red, green, blue): RGBColor| {
            [red, green, blue].map(|channel| {
                let c = f64::from(channel) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            })
        };
        for blindness in BLINDNESSES {
            let seen = |color| {
                let light = linear(color);
                oklab(
                    blindness
                        .map(|row| row.iter().zip(light).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0)),
                )
            };
            for (place, a) in BACKENDS[..OURS].iter().enumerate() {
                for b in &BACKENDS[..place] {
                    for (a, b) in [(a.0, b.0), (a.1, b.1)] {
                        let apart =
                            seen(a).iter().zip(seen(b)).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
                        assert!(apart > 0.05, "{} and {}: {apart:.3}", hex(a), hex(b));
                    }
                }
            }
        }
    }
}
