//! Deltas: what they cost, that they lead to the very bytes, and that a wrong one does no harm.
#![expect(clippy::unwrap_used, reason = "a test")]

mod archives;
mod command;
mod hostile;
mod program;
mod real;
mod signed;
mod trees;

use std::io;

use updraft::delta::{
    ApplyError, Delta, Effort, FileBytes, Made, MakeOptions, NewFiles, OldBytes, OldFile, OldFiles, apply,
    make,
};
use updraft::release::Digest;

use program::{Machine, Program};

/// Files by path, sorted.
type Files = Vec<(String, Vec<u8>)>;

/// The forms in which programs are linked.
const FORMS: [fn(&Program) -> Vec<u8>; 8] = [
    Program::elf,
    Program::pe,
    Program::arm_elf,
    Program::arm_pe,
    |program| program.macho(Machine::Arm, false),
    |program| program.macho(Machine::Arm, true),
    |program| program.macho(Machine::X86, false),
    |program| program.macho(Machine::X86, true),
];

struct Memory<'a>(&'a Files);

impl OldFiles for Memory<'_> {
    fn open(&self, index: usize) -> io::Result<OldBytes> {
        Ok(OldBytes::Held(self.0[index].1.clone()))
    }
}

/// New files as they come, never more than was announced.
#[derive(Default)]
struct Collected {
    files: Vec<(usize, Vec<u8>)>,
    announced: u64,
    limit: Option<u64>,
    /// What the manifest says, if anybody asks.
    manifest: Vec<(String, u64, Digest)>,
}

impl NewFiles for Collected {
    fn told(&self, index: usize) -> Option<(&str, u64, Digest)> {
        self.manifest.get(index).map(|(path, size, digest)| (path.as_str(), *size, *digest))
    }

    fn begin(&mut self, index: usize, size: u64) -> io::Result<()> {
        self.announced = size;
        self.files.push((index, Vec::new()));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (_, file) = self.files.last_mut().unwrap();
        file.extend_from_slice(bytes);
        assert!(file.len() as u64 <= self.announced);
        if self.limit.is_some_and(|limit| file.len() as u64 > limit) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(())
    }

    fn end(&mut self, index: usize) -> io::Result<()> {
        let (at, file) = self.files.last().unwrap();
        assert_eq!((*at, file.len() as u64), (index, self.announced));
        Ok(())
    }
}

fn list(files: &Files) -> Vec<OldFile<'_>> {
    let file = |(path, bytes): &'_ (String, Vec<u8>)| (Digest::of(bytes), bytes.len() as u64, path.len());
    files
        .iter()
        .map(|entry| {
            let (digest, size, _) = file(entry);
            OldFile { path: &entry.0, digest, size, bytes: FileBytes::Held(&entry.1) }
        })
        .collect()
}

fn delta_of(old: &Files, new: &Files, effort: Effort, threads: usize) -> (Vec<u8>, Made) {
    let mut out = Vec::new();
    let options = MakeOptions { effort, memory: 1 << 30, threads, manifest: false };
    let made = make(&list(old), &list(new), &options, &mut |_| {}, &mut out).unwrap();
    assert_eq!(made.size, out.len() as u64);
    (out, made)
}

fn applied(delta: &[u8], old: &Files) -> Result<Vec<(usize, Vec<u8>)>, ApplyError> {
    let delta = Delta::parse(delta).unwrap();
    let mut new = Collected::default();
    apply(&delta, &Memory(old), &mut new, &|| false)?;
    Ok(new.files)
}

/// Checks that a delta leads from one list of files to the other, and returns its bytes.
fn round_trip(old: &Files, new: &Files, effort: Effort) -> (Vec<u8>, Made) {
    use updraft::delta::Action;
    let (bytes, made) = delta_of(old, new, effort, 2);
    let delta = Delta::parse(&bytes).unwrap();
    let mut found: Vec<Option<Vec<u8>>> = vec![None; new.len()];
    for (index, file) in applied(&bytes, old).unwrap() {
        assert!(found[index].replace(file).is_none());
    }
    for (index, action) in delta.actions().iter().enumerate() {
        match action {
            Action::Old(from) => found[index] = Some(old[*from as usize].1.clone()),
            Action::Same(before) => found[index] = found[*before as usize].clone(),
            Action::Made { .. } => {}
        }
        assert!(found[index].as_ref() == Some(&new[index].1), "{} differs", new[index].0);
    }
    (bytes, made)
}

fn one(bytes: Vec<u8>) -> Files {
    vec![("program".to_owned(), bytes)]
}
