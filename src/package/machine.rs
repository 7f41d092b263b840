//! What a program file runs on, read from its head: ELF, PE (Microsoft's PE/COFF specification) and Mach-O.

use crate::release::Platform;

/// A kind of machine: a system and a processor, as platforms name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) system: &'static str,
    /// Nothing for a file that runs on several.
    pub(super) processor: Option<&'static str>,
}

/// Bytes of a program file that are enough to tell.
pub(super) const HEAD: usize = 4096;

impl Machine {
    /// What the program that begins with `head` runs on; nothing if it is none of these.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let at = |place: usize, count: usize| head.get(place..place.checked_add(count)?);
        let small = |place| Some(u16::from_le_bytes(at(place, 2)?.try_into().ok()?));
        let large = |place| Some(u32::from_le_bytes(at(place, 4)?.try_into().ok()?));
        let (system, processor) = if head.starts_with(b"\x7fELF") {
            ("linux", elf(small(18)?)?)
        } else if head.starts_with(b"MZ") {
            let header = usize::try_from(large(0x3c)?).ok()?;
            at(header, 4).filter(|mark| *mark == b"PE\0\0")?;
            ("windows", pe(small(header + 4)?)?)
        } else if head.starts_with(&[0xcf, 0xfa, 0xed, 0xfe]) {
            ("macos", mach(large(4)?)?)
        } else if head.starts_with(&[0xca, 0xfe, 0xba, 0xbe]) {
            return Some(Self { system: "macos", processor: None });
        } else {
            return None;
        };
        Some(Self { system, processor: Some(processor) })
    }

    /// Whether a program for this machine runs on `platform`.
    pub(super) fn fits(self, platform: &Platform) -> bool {
        let text = platform.as_str();
        let (system, processor) = text.split_once('-').unwrap_or((text, ""));
        text == "any" || (system == self.system && self.processor.is_none_or(|own| own == processor))
    }

    /// Its name as that of a platform.
    pub(super) fn name(self) -> String {
        self.processor
            .map_or_else(|| self.system.to_owned(), |processor| format!("{}-{processor}", self.system))
    }
}

fn elf(machine: u16) -> Option<&'static str> {
    Some(match machine {
        0x03 => "x86",
        0x28 => "arm",
        0x3e => "x86_64",
        0xb7 => "aarch64",
        0xf3 => "riscv64",
        _ => return None,
    })
}

fn pe(machine: u16) -> Option<&'static str> {
    Some(match machine {
        0x14c => "x86",
        0x8664 => "x86_64",
        0xaa64 => "aarch64",
        _ => return None,
    })
}

fn mach(processor: u32) -> Option<&'static str> {
    Some(match processor {
        0x0100_0007 => "x86_64",
        0x0100_000c => "aarch64",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_programs_tell_their_machine() {
        let mut elf = vec![0; 64];
        elf[..4].copy_from_slice(b"\x7fELF");
        elf[18] = 0x3e;
        let mut pe = vec![0; 256];
        pe[..2].copy_from_slice(b"MZ");
        pe[0x3c] = 0x80;
        pe[0x80..0x86].copy_from_slice(b"PE\0\0\x64\x86");
        let mach = [0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1];
        let names = [&elf[..], &pe[..], &mach[..]].map(|head| Machine::of(head).unwrap().name());
        assert_eq!(names, ["linux-x86_64", "windows-x86_64", "macos-aarch64"]);
        let linux = Machine::of(&elf).unwrap();
        for (platform, fits) in
            [("linux-x86_64", true), ("any", true), ("linux-aarch64", false), ("windows-x86_64", false)]
        {
            assert_eq!(linux.fits(&platform.parse().unwrap()), fits, "{platform}");
        }
        for no_program in [&b"#!/bin/sh"[..], b"", b"MZ", b"\x7fELF"] {
            assert_eq!(Machine::of(no_program), None);
        }
    }
}
