//! Before and after, for a person: what each container printed, what arrived, and which filter did it.
//! What is shown as sent is what the stand-in stored, nothing else.

use std::io::IsTerminal;
use std::path::Path;

use super::node::Line;
use super::stand_in::Event;

/// Characters of a record that are shown.
const SHOWN: usize = 76;

/// Prints every record with what became of it, and a line that counts.
pub fn compare(lines: &[Line], sent: &[Event]) {
    let colour = Colour(std::io::stdout().is_terminal());
    println!("\nWhat came in, and what CloudWatch Logs got:");
    let mut counts = [0_usize; 4];
    let mut container = "";
    for line in lines {
        if line.container != container {
            container = line.container;
            let at = find_stream(container, sent);
            println!("\n{}  ->  {at}", colour.bold(container));
        }
        let after = arrived(lines, line, sent);
        let what = match after {
            None if line.arrives => 3,
            None => 2,
            Some(after) if *after == line.text => 0,
            Some(_) => 1,
        };
        counts[what] += 1;
        match after {
            None if what == 3 => println!("  {} {}", colour.red("LOST"), short(&line.text)),
            None => {
                println!("  {} {}", colour.red("-"), short(&line.text));
                println!("      {}", colour.red("dropped by `drop`"));
            }
            Some(after) if what == 1 => {
                println!("  {} {}", colour.red("-"), short(&line.text));
                println!(
                    "  {} {}   {}",
                    colour.green("+"),
                    short(after),
                    colour.green("redacted by `redact`")
                );
            }
            Some(after) => println!("    {}", short(after)),
        }
    }
    let [passed, changed, dropped, lost] = counts;
    println!(
        "\n{} records in: {passed} passed as they were, {changed} redacted, {dropped} dropped; {} arrived, {lost} lost",
        lines.len(),
        sent.len(),
    );
}

/// The event that a line became: within a container, order is kept.
fn arrived<'a>(lines: &[Line], line: &Line, sent: &'a [Event]) -> Option<&'a String> {
    if !line.arrives {
        return None;
    }
    let of_container = lines
        .iter()
        .filter(|l| l.container == line.container && l.arrives);
    let place = of_container.take_while(|l| !std::ptr::eq(*l, line)).count();
    let mut events = sent.iter().filter(|e| is_from(e, line.container));
    events.nth(place).map(|e| &e.message)
}

fn is_from(event: &Event, container: &str) -> bool {
    let Some((namespace, stream)) = container.split_once('/') else {
        return false;
    };
    event.group.ends_with(&format!("/{namespace}")) && event.stream == stream
}

fn find_stream(container: &str, sent: &[Event]) -> String {
    let event = sent.iter().find(|e| is_from(e, container));
    event.map_or_else(String::new, |e| format!("{} {}", e.group, e.stream))
}

fn short(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN - 18).collect();
    format!("{start}... ({} bytes)", text.len())
}

/// Says where to go from here.
pub fn next_steps(config: &Path) {
    println!(
        "
Next:
  your own filter    cat guest-sdk/README.md
  its examples       target/debug/logsieve filter test target/filters/redact.wasm -e filters/redact/examples.yaml
  your own logs      target/debug/logsieve check --config {}
  a cluster          cat deploy/README.md",
        config.display()
    );
}

struct Colour(bool);

impl Colour {
    fn paint(&self, code: u8, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(&self, text: &str) -> String {
        self.paint(1, text)
    }

    fn red(&self, text: &str) -> String {
        self.paint(31, text)
    }

    fn green(&self, text: &str) -> String {
        self.paint(32, text)
    }
}
