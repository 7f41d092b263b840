//! Amounts as people read them in English: on the terminal, in messages, on the console. The window has its own, in
//! the person's language.

/// A number of bytes in decimal units, cut after a tenth: `1.5 MB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    in_units(count, false)
}

/// The same, never less than the exact number: for what has to be there.
#[must_use]
pub fn bytes_at_least(count: u64) -> String {
    in_units(count, true)
}

fn in_units(count: u64, up: bool) -> String {
    let exact = u128::from(count);
    if exact < 1000 {
        return format!("{exact} B");
    }
    let mut scale = 1;
    let mut shown = (0, "");
    for unit in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        scale *= 1000;
        let tenths = if up { (exact * 10).div_ceil(scale) } else { exact * 10 / scale };
        shown = (tenths, unit);
        if tenths < 10_000 {
            break;
        }
    }
    format!("{}.{} {}", shown.0 / 10, shown.0 % 10, shown.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        for (count, cut, up) in [
            (0, "0 B", "0 B"),
            (999, "999 B", "999 B"),
            (1000, "1.0 kB", "1.0 kB"),
            (1001, "1.0 kB", "1.1 kB"),
            (999_999, "999.9 kB", "1.0 MB"),
            (1_560_000, "1.5 MB", "1.6 MB"),
            (40_000_000_000, "40.0 GB", "40.0 GB"),
            (u64::MAX, "18.4 EB", "18.5 EB"),
        ] {
            assert_eq!((bytes(count).as_str(), bytes_at_least(count).as_str()), (cut, up), "{count}");
        }
    }
}
