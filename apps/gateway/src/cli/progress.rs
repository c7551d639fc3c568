//! What a command shows of how far it is: its rows, how many a second, and the time that is left. On stderr, and only where that
//! is a terminal.

use indicatif::style::TemplateError;
use indicatif::{ProgressBar, ProgressStyle};

/// Of a command that knows how many rows there are.
pub(super) fn of_rows(total: u64) -> Result<ProgressBar, TemplateError> {
    let style =
        ProgressStyle::with_template("{msg:14} {wide_bar} {human_pos}/{human_len} rows  {per_sec}  {eta} left")?;
    Ok(ProgressBar::new(total).with_style(style))
}

/// Of a command that reads a file: how many rows are in it is known at its end, how long it takes from its bytes.
pub(super) fn of_file(bytes: u64) -> Result<ProgressBar, TemplateError> {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} %  {eta} left")?;
    Ok(ProgressBar::new(bytes).with_style(style))
}

/// Has the bar of a file show how many rows were done.
pub(super) fn show_rows(bar: &ProgressBar, rows: u64) {
    let milliseconds = bar.elapsed().as_millis().max(1);
    let rate = u128::from(rows) * 1_000 / milliseconds;
    bar.set_message(format!("{rows} rows  {rate}/s"));
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    /// A terminal that keeps what is written to it.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a bar draws once this was done to it.
    fn drawn(bar: &ProgressBar, work: impl FnOnce(&ProgressBar)) -> String {
        let screen = Screen::default();
        bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        work(bar);
        bar.force_draw();
        screen.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[test]
    fn rows_their_rate_and_what_is_left_are_shown() {
        let text = drawn(&of_rows(5_000).unwrap(), |bar| bar.set_position(2_500));
        assert!(text.contains("2,500/5,000 rows") && text.contains("/s") && text.contains(" left"), "{text}");
        let text = drawn(&of_file(1_000_000).unwrap(), |bar| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            bar.set_position(250_000);
            show_rows(bar, 1_234);
        });
        assert!(text.contains("1234 rows  ") && text.contains("/s ") && text.contains("25 %"), "{text}");
        assert!(text.contains(" left") && !text.contains(" 0/s"), "{text}");
    }
}
