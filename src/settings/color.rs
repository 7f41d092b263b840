//! A colour as settings write it.

use std::str::FromStr;

/// A colour by red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub [u8; 3]);

/// A text that is no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a colour is written as #2277cc")]
pub struct InvalidColor;

impl FromStr for Color {
    type Err = InvalidColor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('#').ok_or(InvalidColor)?;
        let hex = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = u32::from_str_radix(digits, 16).ok().filter(|_| hex).ok_or(InvalidColor)?;
        let [_, red, green, blue] = value.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_digits_are_a_colour() {
        assert_eq!("#2277cc".parse(), Ok(Color([0x22, 0x77, 0xcc])));
        assert_eq!("#FFFFFF".parse(), Ok(Color([255; 3])));
        for text in ["", "#", "2277cc", "#27c", "#2277cg", "#+277cc", "#2277cc00", "blue"] {
            assert_eq!(text.parse::<Color>(), Err(InvalidColor), "{text}");
        }
    }
}
