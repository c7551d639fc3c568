//! The log: a line for each record on stderr, written by a thread of its own, so that nobody waits for whoever reads it
//! or does not. What does not fit into the queue is dropped and counted.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;

/// How many lines wait at the most. Most have 200 bytes.
const MOST_LINES: usize = 8192;
/// How long a line may be, in bytes; the rest is cut off. Longer ones come of errors only.
const LONGEST_LINE: usize = 4096;
/// How much is written at once.
const MOST_AT_ONCE: usize = 64 * 1024;
/// How long the end of the process waits for a reader.
const LAST_WORDS: Duration = Duration::from_secs(1);

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// How many lines were dropped since the start.
#[must_use]
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// The way to the thread that writes. When this is dropped, what is queued is written first, unless nobody reads it.
pub struct Log(SyncSender<Entry>);

enum Entry {
    Line(Vec<u8>),
    /// Everything before it is written when the sender is dropped.
    Mark(SyncSender<()>),
}

/// Starts the log: of this process's records that the filter lets pass, and of its panics.
///
/// # Errors
/// When the thread cannot be started, or there is a log.
pub fn start(filter: &str) -> anyhow::Result<Log> {
    let (queue, entries) = sync_channel(MOST_LINES);
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_all(&entries, io::stderr()))
        .context("the thread of the log cannot be started")?;
    env_logger::Builder::new()
        // What it tells of each message the access log tells too; in more words it tells what stands in them.
        .filter_module("rmcp", log::LevelFilter::Warn)
        .filter_module("tracing", log::LevelFilter::Off)
        .parse_filters(filter)
        .format_timestamp_millis()
        .format_indent(None)
        .target(env_logger::Target::Pipe(Box::new(Lines(queue.clone()))))
        .try_init()?;
    // The hook of the standard library writes to stderr itself, and would wait for its reader.
    panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        log::error!("the thread {} {}", thread.name().unwrap_or("-"), panic.to_string().trim_end());
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            backtrace.to_string().lines().for_each(|frame| log::error!("{frame}"));
        }
    }));
    Ok(Log(queue))
}

impl Log {
    /// Writes a line that is no record, after those that are queued.
    pub fn line(&self, text: &str) {
        let _ = Lines(self.0.clone()).write(text.as_bytes());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (mark, written) = sync_channel(0);
        // Where the queue is full, nobody reads.
        if self.0.try_send(Entry::Mark(mark)).is_ok() {
            let _ = written.recv_timeout(LAST_WORDS);
        }
    }
}

/// Takes each record as it was formatted, in one piece.
struct Lines(SyncSender<Entry>);

impl Write for Lines {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        if self.0.try_send(Entry::Line(line(record))).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line, whatever stands in it: what a client chose cannot look like a line of ours, nor move a terminal's cursor.
fn line(record: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(record.trim_ascii_end());
    let mut line = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if line.len() + character.len_utf8() > LONGEST_LINE {
            line.push('…');
            break;
        }
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            // A `String` takes everything.
            let _ = write!(line, "{}", character.escape_default());
        } else {
            line.push(character);
        }
    }
    line.push('\n');
    line.into_bytes()
}

/// Writes what comes, as much as there is at once, until nobody can send any more.
fn write_all(entries: &Receiver<Entry>, mut out: impl Write) {
    let mut bytes = Vec::with_capacity(MOST_AT_ONCE + LONGEST_LINE);
    while let Ok(first) = entries.recv() {
        let mut mark = None;
        let mut next = Some(first);
        while let Some(entry) = next.take() {
            match entry {
                Entry::Line(line) => bytes.extend_from_slice(&line),
                Entry::Mark(sender) => mark = Some(sender),
            }
            if bytes.len() < MOST_AT_ONCE && mark.is_none() {
                next = entries.try_recv().ok();
            }
        }
        // Where stderr is closed there is nobody to tell.
        let _ = out.write_all(&bytes).and_then(|()| out.flush());
        bytes.clear();
        drop(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(record: &[u8]) -> String {
        String::from_utf8(line(record)).unwrap()
    }

    #[test]
    fn a_record_is_one_line_whatever_stands_in_it() {
        assert_eq!(text(b"plain \xc3\xa9\n"), "plain é\n");
        assert_eq!(text(b"a\nb\r\tc\x1b[2J\x7f\n"), "a\\nb\\r\\tc\\u{1b}[2J\\u{7f}\n");
        assert_eq!(text("a\u{85}b\u{2028}c".as_bytes()), "a\\u{85}b\\u{2028}c\n");
        assert_eq!(text(b"\xff\n"), "\u{fffd}\n");
    }

    #[test]
    fn a_long_record_is_cut() {
        assert_eq!(text("a".repeat(LONGEST_LINE).as_bytes()), format!("{}\n", "a".repeat(LONGEST_LINE)));
        assert_eq!(text("a".repeat(LONGEST_LINE + 1).as_bytes()), format!("{}…\n", "a".repeat(LONGEST_LINE)));
        assert!(line("\n".repeat(LONGEST_LINE).as_bytes()).len() <= LONGEST_LINE + 16);
        let wide = text("é".repeat(LONGEST_LINE).as_bytes());
        assert_eq!(wide.trim_end().chars().filter(|c| *c == 'é').count(), LONGEST_LINE / 2);
    }

    /// A reader that sleeps, as a pipe does whose other end nobody reads.
    struct Asleep(Receiver<()>, SyncSender<Vec<u8>>);

    impl Write for Asleep {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_finds_no_place_is_dropped_and_counted_and_nobody_waits() {
        let (queue, entries) = sync_channel(MOST_LINES);
        let (wake, sleeps) = sync_channel(0);
        let (out, written) = sync_channel(1024);
        let writer = thread::spawn(move || write_all(&entries, Asleep(sleeps, out)));
        let before = dropped();
        let mut lines = Lines(queue.clone());
        for number in 0..3 * MOST_LINES {
            lines.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        let lost = dropped() - before;
        assert!(lost > 0, "the queue has an end");
        let log = Log(queue);
        let began = std::time::Instant::now();
        drop((lines, log));
        assert!(began.elapsed() < LAST_WORDS * 2, "nor does the end of the process: {:?}", began.elapsed());
        drop(wake);
        writer.join().unwrap();
        let written: Vec<u8> = written.iter().flatten().collect();
        let kept = written.split(|byte| *byte == b'\n').count() as u64 - 1;
        assert_eq!(kept + lost, 3 * MOST_LINES as u64);
        assert!(written.starts_with(b"line 0\nline 1\n"), "in their order");
    }

    #[test]
    fn the_end_of_the_process_waits_for_what_is_queued() {
        let (queue, entries) = sync_channel(MOST_LINES);
        let (out, written) = sync_channel(1024);
        let (wake, sleeps) = sync_channel::<()>(0);
        drop(wake);
        thread::spawn(move || write_all(&entries, Asleep(sleeps, out)));
        let log = Log(queue);
        for number in 0..1000 {
            log.line(&format!("line {number}"));
        }
        log.line("error: the last words");
        drop(log);
        let written: Vec<u8> = written.try_iter().flatten().collect();
        assert!(written.ends_with(b"error: the last words\n"));
    }
}
