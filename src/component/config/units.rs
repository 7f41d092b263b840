//! Sizes and times as people write them.

use std::time::Duration;

/// `64MiB`, `512KiB`, `1GiB`, `4096`.
pub(super) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let factor: usize = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number).ok()?.checked_mul(factor)
}

/// `50ms`, `10s`, `5m`, `2h`.
pub(super) fn time(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(factor).map(Duration::from_millis)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text.get(..digits)?.parse().ok()?;
    Some((number, text.get(digits..)?.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_as_written() {
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(size("64 KiB"), Some(65_536));
        assert_eq!(time("50ms"), Some(Duration::from_millis(50)));
        assert_eq!(time("2h"), Some(Duration::from_secs(7200)));
        for wrong in ["", "MiB", "-1s", "5", "5 days", "1.5s", "99999999999999999999s"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        assert_eq!(size("64MB"), None);
    }
}
