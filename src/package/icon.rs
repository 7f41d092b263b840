//! Icons: what a picture is, and the frame that Windows wants around it.

use std::path::Path;

use crate::fsx;

use super::PackageError;

/// Most bytes of an icon.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A vendor's icon.
#[derive(Debug, Clone)]
pub(super) enum Icon {
    /// A PNG, as wide and high as said.
    Png(Vec<u8>, u32),
    /// An SVG.
    Svg(Vec<u8>),
    /// A Windows icon.
    Ico(Vec<u8>),
}

impl Icon {
    pub(super) fn read(path: &Path) -> Result<Self, PackageError> {
        let bytes = fsx::read(path, MAX_BYTES)?;
        let refused = |rule| PackageError::Value { what: "an icon", text: path.display().to_string(), rule };
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            // The header chunk comes first: length, name, width, height (PNG, third edition, 11.2.1).
            let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
            return match (number(16), number(20)) {
                (Some(width), Some(height)) if width == height && (16..=1024).contains(&width) => {
                    Ok(Self::Png(bytes, width))
                }
                _ => Err(refused("a PNG must be square, 16 to 1024 pixels")),
            };
        }
        if bytes.starts_with(&[0, 0, 1, 0]) {
            return Ok(Self::Ico(bytes));
        }
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).into_owned();
        if text.contains("<svg") {
            Ok(Self::Svg(bytes))
        } else {
            Err(refused("it is neither PNG, SVG nor ICO"))
        }
    }

    /// The icon for Windows: a PNG of at most 256 pixels is put into the frame of one, which Windows Vista and later
    /// read.
    pub(super) fn to_ico(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ico(bytes) => Some(bytes.clone()),
            Self::Png(bytes, width) if *width <= 256 => {
                let length = u32::try_from(bytes.len()).ok()?;
                // 256 is written as 0.
                let side = u8::try_from(*width).unwrap_or(0);
                let mut ico = vec![0, 0, 1, 0, 1, 0, side, side, 0, 0, 1, 0, 32, 0];
                ico.extend_from_slice(&length.to_le_bytes());
                ico.extend_from_slice(&22_u32.to_le_bytes());
                ico.extend_from_slice(bytes);
                Some(ico)
            }
            Self::Png(..) | Self::Svg(_) => None,
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test writes files by itself")]
mod tests {
    use super::*;

    #[test]
    fn a_png_gets_the_frame_of_a_windows_icon() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("icon.png");
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend_from_slice(&[0, 0, 0, 64, 0, 0, 0, 64, 8, 6, 0, 0, 0]);
        std::fs::write(&path, &png).unwrap();
        let ico = Icon::read(&path).unwrap().to_ico().unwrap();
        assert_eq!((ico[6], &ico[22..]), (64, &png[..]));
        std::fs::write(&path, "GIF89a").unwrap();
        assert!(Icon::read(&path).is_err());
    }
}
