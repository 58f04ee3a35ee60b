//! Writes what came out of examples into their file, and leaves every other line as its author wrote it,
//! comments and all. So it works on lines: an example whose `out:` is a key on a line of its own.

use std::fmt::Write;

use crate::cli::Hinted;
use crate::filter::examples::Record;

/// The file's text with new records behind `out:`, for the examples at these places (from 0).
///
/// # Errors
/// When an example is not written in lines.
pub fn update(text: &str, updates: &[(usize, Vec<Record>)]) -> anyhow::Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::with_capacity(text.len());
    let mut written = 0;
    let starts = starts(&lines);
    for (place, got) in updates {
        let start = starts.get(*place).copied().unwrap_or(lines.len());
        let end = starts.get(place + 1).copied().unwrap_or(lines.len());
        let key = (start..end).find(|&at| key_of(lines[at]) == Some("out"));
        let Some(key) = key else {
            return Err(Hinted::new(
                format!(
                    "example {} cannot be updated: it has no `out:` on a line of its own",
                    place + 1
                ),
                "write the example with `name:`, `in:` and `out:` on lines of their own",
            )
            .into());
        };
        for line in &lines[written..key] {
            out.push_str(line);
            out.push('\n');
        }
        write_out(&mut out, lines[key], got);
        written = end_of_value(&lines, key, end);
    }
    for line in &lines[written..] {
        out.push_str(line);
        out.push('\n');
    }
    Ok(out)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// `in` of `    in: [...]`, `name` of `  - name: ...`
fn key_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("- ").unwrap_or(line).trim_start();
    let (key, rest) = line.split_once(':')?;
    (rest.is_empty() || rest.starts_with(' ')).then_some(key)
}

/// The lines on which examples begin: the items of the list `examples`.
fn starts(lines: &[&str]) -> Vec<usize> {
    let head = lines.iter().position(|line| line.starts_with("examples:"));
    let Some(head) = head else { return Vec::new() };
    let items = lines.iter().enumerate().skip(head + 1);
    let mut items = items
        .filter(|(_, line)| line.trim_start().starts_with("- "))
        .peekable();
    let depth = items.peek().map_or(0, |(_, line)| indent(line));
    items
        .filter(|(_, line)| indent(line) == depth)
        .map(|(at, _)| at)
        .collect()
}

/// The line behind a key's value: the next that is not further in than the key, and no comment or
/// blank line before it.
fn end_of_value(lines: &[&str], key: usize, end: usize) -> usize {
    let column = |line: &str| {
        indent(line)
            + if line.trim_start().starts_with("- ") {
                2
            } else {
                0
            }
    };
    let own = column(lines[key]);
    let further = |line: &&&str| {
        !line.trim().is_empty() && indent(line) > own
            || (indent(line) == own && line.trim_start().starts_with("- "))
    };
    // Text of a quoted string, or a bracket that closes the list, may stand anywhere further in.
    key + 1 + lines[key + 1..end].iter().take_while(further).count()
}

fn write_out(out: &mut String, line: &str, got: &[Record]) {
    let head = &line[..line.find("out:").unwrap_or(0)];
    let pad = " ".repeat(head.len() + 2);
    if got.is_empty() {
        let _ = writeln!(out, "{head}out: []");
        return;
    }
    let _ = writeln!(out, "{head}out:");
    for record in got {
        // JSON's strings are YAML's.
        let text = serde_json::Value::from(record.text.as_str());
        let _ = match &record.route {
            None => writeln!(out, "{pad}- {text}"),
            Some(route) => writeln!(
                out,
                "{pad}- {{ text: {text}, route: {} }}",
                serde_json::Value::from(route.as_str())
            ),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(texts: &[&str]) -> Vec<Record> {
        let record = |text: &&str| Record {
            text: (*text).to_owned(),
            ..Record::default()
        };
        texts.iter().map(record).collect()
    }

    #[test]
    fn only_what_came_out_is_written_anew() {
        let before = "# mine\nexamples:\n  - name: a # first\n    in: [x]\n    out: [y]\n\n  # second\n  - name: b\n    in:\n      - x\n    out:\n      - z\n      - z\n    settings: { k: 1 }\n";
        let after = "# mine\nexamples:\n  - name: a # first\n    in: [x]\n    out: []\n\n  # second\n  - name: b\n    in:\n      - x\n    out:\n      - \"q \\\"1\\\"\"\n    settings: { k: 1 }\n";
        let updates = [(0, records(&[])), (1, records(&["q \"1\""]))];
        assert_eq!(update(before, &updates).unwrap(), after);
    }

    #[test]
    fn an_example_that_is_not_in_lines_is_refused_by_its_place() {
        let text = "examples:\n  - { name: a, in: [x], out: [y] }\n";
        let error = update(text, &[(0, records(&["z"]))]).unwrap_err();
        assert!(
            error.to_string().contains("example 1 cannot be updated"),
            "{error}"
        );
    }
}
