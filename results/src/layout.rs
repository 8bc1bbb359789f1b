//! How `run.json` is laid out: one line per measurement, backend and host fact, so that it can be searched with grep and
//! compared with diff, and an error's line number means something.

use std::io;

use serde_json::ser::Formatter;

/// Containers down to this depth have one item per line; deeper ones stand on one line.
const OPEN_DEPTH: usize = 2;

/// Formatter of `run.json`.
#[derive(Default)]
pub(crate) struct LinePerItem {
    depth: usize,
    /// Whether the container that was closed or continued last has an item.
    has_items: bool,
}

impl LinePerItem {
    fn begin<W: io::Write + ?Sized>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_items = false;
        writer.write_all(bracket)
    }

    fn end<W: io::Write + ?Sized>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        let open = self.depth <= OPEN_DEPTH;
        self.depth = self.depth.saturating_sub(1);
        if open && self.has_items {
            self.new_line(writer)?;
        }
        writer.write_all(bracket)
    }

    fn item<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        if self.depth <= OPEN_DEPTH { self.new_line(writer) } else { Ok(()) }
    }

    fn new_line<W: io::Write + ?Sized>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }
}

impl Formatter for LinePerItem {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"]")
    }

    fn begin_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.item(writer, first)
    }

    fn end_array_value<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_items = true;
        Ok(())
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"}")
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.item(writer, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(if self.depth <= OPEN_DEPTH { b": " } else { b":" })
    }

    fn end_object_value<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_items = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[test]
    fn items_stand_on_lines_of_their_own_down_to_the_second_level() {
        let value = json!({ "a": 1, "b": [{ "c": [1, 2] }, {}], "d": {}, "e": [[], [3]] });
        let mut text = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, LinePerItem::default());
        value.serialize(&mut serializer).unwrap();
        let expected = r#"{
  "a": 1,
  "b": [
    {"c":[1,2]},
    {}
  ],
  "d": {},
  "e": [
    [],
    [3]
  ]
}"#;
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
