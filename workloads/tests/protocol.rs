//! What the parser of agent events accepts and what it refuses.

use proptest::prelude::*;
use workloads::protocol::{Event, MAX_FACTS, MAX_LINE, Parser, ProtocolError};

fn parse(output: &str) -> Result<Vec<Event>, ProtocolError> {
    Parser::new().push(output.as_bytes())
}

#[test]
fn a_whole_measurement_is_understood() {
    assert_eq!(
        parse("ready\nbegin 10\nsample 5 6\nsample 18446744073709551615 1\nend 10\ndone\n"),
        Ok(vec![
            Event::Ready,
            Event::Begin { clock_ns: 10 },
            Event::Sample { ops: 5, ns: 6 },
            Event::Sample { ops: u64::MAX, ns: 1 },
            Event::End { clock_ns: 10 },
            Event::Done,
        ])
    );
}

#[test]
fn a_skip_and_an_error_carry_their_text() {
    assert_eq!(
        parse("ready\nskip needs fork\n"),
        Ok(vec![Event::Ready, Event::Skip { reason: "needs fork".into() }])
    );
    assert_eq!(
        parse("ready\nbegin 1\nerror read failed with errno 5\n").map(|events| events.last().cloned()),
        Ok(Some(Event::Error { message: "read failed with errno 5".into() }))
    );
}

#[test]
fn facts_carry_a_key_and_the_rest_of_the_line() {
    assert_eq!(
        parse("ready\nfact kernel-version #1 SMP Debian 6.1\nfact pid 1\ndone\n"),
        Ok(vec![
            Event::Ready,
            Event::Fact { key: "kernel-version".into(), value: "#1 SMP Debian 6.1".into() },
            Event::Fact { key: "pid".into(), value: "1".into() },
            Event::Done,
        ])
    );
}

#[test]
fn facts_come_to_an_end() {
    let facts = |count| format!("ready\n{}done\n", "fact pid 1\n".repeat(count as usize));
    assert!(parse(&facts(MAX_FACTS)).is_ok());
    assert!(matches!(parse(&facts(MAX_FACTS + 1)), Err(ProtocolError::OutOfOrder { .. })));
}

#[test]
fn an_unfinished_line_is_no_event_yet() {
    let mut parser = Parser::new();
    assert_eq!(parser.push(b"rea"), Ok(vec![]));
    assert_eq!(parser.push(b"dy"), Ok(vec![]));
    assert_eq!(parser.push(b"\n"), Ok(vec![Event::Ready]));
}

#[test]
fn foreign_lines_are_errors() {
    for line in [
        "",
        " ",
        "hello",
        "Ready",
        "ready ",
        " ready",
        "ready now",
        "done 1",
        "begin",
        "begin ",
        "begin x",
        "begin +1",
        "begin -1",
        "begin 1 ",
        "begin 0x10",
        "begin 18446744073709551616",
        "sample 1",
        "sample 1 2 3",
        "sample  1 2",
        "sample 0 1",
        "sample 1 0",
        "end 1.5",
        "fact",
        "fact ",
        "fact pid",
        "fact pid ",
        "fact  pid 1",
        "fact Pid 1",
        "fact p_id 1",
        "fact this-key-is-longer-than-32-bytes-are 1",
        "skip",
        "skip ",
        "error",
        "error ",
        "skip a\tb",
        "ready\r",
        "error caf\u{e9}",
        "\u{1b}[2J",
    ] {
        // Whatever the state, such a line is foreign rather than out of order.
        for before in ["", "ready\n", "ready\nbegin 1\n"] {
            let result = parse(&format!("{before}{line}\n"));
            assert!(matches!(result, Err(ProtocolError::Foreign { .. })), "{before:?} {line:?}: {result:?}");
        }
    }
}

#[test]
fn events_out_of_order_are_errors() {
    for output in [
        "begin 1\n",
        "sample 1 1\n",
        "done\n",
        "skip x\n",
        "error x\n",
        "ready\nready\n",
        "ready\nsample 1 1\n",
        "ready\nend 1\n",
        "ready\ndone\n",
        "ready\nbegin 1\nbegin 2\n",
        "ready\nbegin 1\nskip x\n",
        "ready\nbegin 1\ndone\n",
        "ready\nbegin 1\nend 2\nsample 1 1\n",
        "ready\nbegin 1\nend 2\ndone\ndone\n",
        "ready\nskip x\ndone\n",
        "ready\nerror x\nerror x\n",
        "fact pid 1\n",
        "ready\nfact pid 1\nbegin 1\n",
        "ready\nfact pid 1\nskip x\n",
        "ready\nbegin 1\nfact pid 1\n",
        "ready\nfact pid 1\ndone\nfact pid 1\n",
    ] {
        assert!(matches!(parse(output), Err(ProtocolError::OutOfOrder { .. })), "{output:?}");
    }
}

#[test]
fn a_clock_that_goes_backwards_is_an_error() {
    assert_eq!(
        parse("ready\nbegin 10\nend 9\n"),
        Err(ProtocolError::ClockWentBack { begin_ns: 10, end_ns: 9 })
    );
}

#[test]
fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
    let longest = format!("error {}", "x".repeat(MAX_LINE - "error ".len()));
    assert!(parse(&format!("ready\n{longest}\n")).is_ok());
    assert!(matches!(parse(&format!("ready\n{longest}x\n")), Err(ProtocolError::LineTooLong { .. })));
    assert!(matches!(parse(&"x".repeat(1 << 20)), Err(ProtocolError::LineTooLong { .. })));
}

#[test]
fn errors_show_only_printable_text() {
    let error = Parser::new().push(b"\x1b]0;owned\x07\n").unwrap_err();
    assert!(error.to_string().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{error}");
}

prop_compose! {
    /// The output of an agent that measured.
    fn output()(
        samples in prop::collection::vec((1..u64::MAX, 1..u64::MAX), 0..20),
        begin in any::<u64>(),
    ) -> Vec<u8> {
        let samples = samples.iter().map(|(ops, ns)| format!("sample {ops} {ns}\n")).collect::<String>();
        format!("ready\nbegin {begin}\n{samples}end {}\ndone\n", u64::MAX).into_bytes()
    }
}

proptest! {
    #[test]
    fn how_the_output_is_cut_makes_no_difference(
        output in output(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let mut cuts = cuts.iter().map(|cut| cut.index(output.len())).collect::<Vec<_>>();
        cuts.sort_unstable();
        let mut parser = Parser::new();
        let mut events = Vec::new();
        let mut from = 0;
        for to in cuts.into_iter().chain([output.len()]) {
            events.extend(parser.push(&output[from..to]).unwrap());
            from = to;
        }
        prop_assert_eq!(events, Parser::new().push(&output).unwrap());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..8),
    ) {
        let mut parser = Parser::new();
        for chunk in chunks {
            let _ = parser.push(&chunk);
        }
    }

    #[test]
    fn one_damaged_byte_never_panics(
        output in output(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut output = output;
        let at = at.index(output.len());
        output[at] = byte;
        let _ = Parser::new().push(&output);
    }
}
