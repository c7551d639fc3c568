//! What a process takes of the machine, as Linux tells.

use std::fs;
use std::time::Duration;

/// The resident memory of a process in bytes.
pub(crate) fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

/// How many files and sockets it has open.
pub(crate) fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// How memory and descriptors went, from samples at equal intervals.
#[derive(Debug, Default)]
pub(crate) struct Course {
    samples: Vec<(Duration, u64, usize)>,
}

impl Course {
    pub(crate) fn sample(&mut self, at: Duration, process: u32) {
        self.samples.push((at, memory(process), descriptors(process)));
    }

    /// Bytes a second that memory grows by in the second half, when everything is warm (the slope of the line of least
    /// squares).
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^53")]
    pub(crate) fn slope(&self) -> f64 {
        let warm = &self.samples[self.samples.len() / 2..];
        let points: Vec<(f64, f64)> = warm.iter().map(|(at, bytes, _)| (at.as_secs_f64(), *bytes as f64)).collect();
        let count = points.len() as f64;
        let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
        let over: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
        let under: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
        if under > 0.0 { over / under } else { 0.0 }
    }

    /// `RSS 20 to 31 MiB, +0.1 MiB in 10 min; 40 descriptors at most`
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^53")]
    pub(crate) fn summary(&self) -> String {
        let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
        let memory = self.samples.iter().map(|(_, bytes, _)| *bytes);
        let (least, most) = (memory.clone().min().unwrap_or(0), memory.max().unwrap_or(0));
        format!(
            "RSS {:.0} to {:.0} MiB, {:+.1} MiB in 10 min; {} descriptors at most",
            mebibytes(least),
            mebibytes(most),
            self.slope() * 600.0 / 1_048_576.0,
            self.most_descriptors(),
        )
    }

    pub(crate) fn most_memory(&self) -> u64 {
        self.samples.iter().map(|(_, bytes, _)| *bytes).max().unwrap_or(0)
    }

    pub(crate) fn most_descriptors(&self) -> usize {
        self.samples.iter().map(|(_, _, count)| *count).max().unwrap_or(0)
    }
}
