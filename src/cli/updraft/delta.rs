//! `updraft delta`: what an update from one file or folder to another costs, tried on the spot.

mod tree;

use std::fmt;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::delta::{
    Action, ApplyError, Delta, DeltaError, Effort, FileList, MakeError, MakeOptions, NewFiles, OldBytes,
    OldFiles, apply, make,
};
use crate::fsx::{self, FsError, Scratch};
use crate::platform::Mapped;
use crate::release::{Digest, Hasher, RelPath};
use crate::report::{ErrorCode, Failure, Fault};

use super::publish::Bar;
use super::{Outcome, bytes, fail, say};

use tree::Tree;

/// The first bytes of a delta between folders: the new folder's paths follow, then the delta.
const TREE: [u8; 8] = *b"\x89UDTREE\x01";
/// Most bytes of a folder's paths.
const MAX_PATHS: u64 = 64 << 20;

/// `updraft delta`
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Writes what leads from one file or folder to another.
    Make(Make),
    /// Makes the new file or folder from the old one, and checks every byte of it.
    Apply(Apply),
    /// Shows what a delta holds.
    Show(Show),
}

/// `updraft delta make`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft delta make app-1.0 app-1.1 app.delta\n  \
    updraft delta make old.exe new.exe exe.delta --delta fast --memory 512M")]
pub(super) struct Make {
    /// The old file or folder.
    old: PathBuf,
    /// The new file or folder.
    new: PathBuf,
    /// The delta to write; one of that name is replaced.
    out: PathBuf,
    /// Whether time or bytes count.
    #[arg(long, value_name = "HOW", value_enum, default_value = "best")]
    delta: How,
    /// About how much memory it may take, beside the files themselves.
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = size)]
    memory: u64,
    /// How many threads may work [default: one for each processor].
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroU16>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

/// `updraft delta apply`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  updraft delta apply app-1.0 app.delta app-1.1")]
pub(super) struct Apply {
    /// The old file or folder.
    old: PathBuf,
    /// The delta.
    delta: PathBuf,
    /// The new file or folder to make; nothing may be there yet.
    out: PathBuf,
}

/// `updraft delta show`
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The delta.
    delta: PathBuf,
    /// Print it as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Whether time or bytes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// Less time, a few more bytes.
    Fast,
    /// The fewest bytes that are applied at once.
    Best,
    /// The fewest bytes: a tenth less for programs, which take seconds to apply.
    Smallest,
}

impl From<How> for Effort {
    fn from(how: How) -> Self {
        match how {
            How::Fast => Self::Fast,
            How::Best => Self::Best,
            How::Smallest => Self::Smallest,
        }
    }
}

/// Reads a number of bytes: `512M`, `2G`, or bytes.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        _ => return Err("write a number of bytes such as 512M or 2G".to_owned()),
    };
    let number: u64 =
        digits.parse().map_err(|_why| "write a number of bytes such as 512M or 2G".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "that is more than there can be".to_owned())
}

pub(super) fn delta(what: &Command) -> Outcome {
    match what {
        Command::Make(args) => make_one(args),
        Command::Apply(args) => apply_one(args),
        Command::Show(args) => show(args),
    }
}

/// Why a delta command failed.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error("{0} is neither a file nor a folder")]
    Neither(PathBuf),
    #[error("{0} is there already")]
    There(PathBuf),
    #[error("one of {0} and {1} is a file, the other one a folder")]
    Mixed(PathBuf, PathBuf),
    #[error("{folder} can't be walked: {why}")]
    Walk { folder: PathBuf, why: String },
    #[error("no delta was made: {0}")]
    Make(#[from] MakeError),
    #[error("{path}: {why}")]
    Head { path: PathBuf, why: DeltaError },
    #[error("{0} is not what the delta was made from")]
    OtherOld(PathBuf),
    #[error("{path} can't be applied: {why}")]
    Apply { path: PathBuf, why: ApplyError },
    #[error("what {0} makes is not what it was made for")]
    OtherNew(PathBuf),
}

impl Fault for Refused {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Neither(_) | Self::Mixed(..) | Self::Walk { .. } => ErrorCode::Usage,
            Self::There(_) => ErrorCode::InTheWay,
            Self::Head { why: DeltaError::Newer(_), .. } => ErrorCode::NewerFormat,
            Self::Make(_) | Self::Apply { why: ApplyError::New { .. } | ApplyError::Old { .. }, .. } => {
                ErrorCode::Disk
            }
            Self::Head { .. } | Self::Apply { .. } | Self::OtherNew(_) | Self::OtherOld(_) => {
                ErrorCode::Corrupt
            }
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fs(error) => return error.hint(),
            Self::There(_) => "Name a place where nothing is yet.",
            Self::OtherOld(_) => {
                "Give the very file or folder that \u{ab}updraft delta make\u{bb} was given first."
            }
            Self::Head { why: DeltaError::Newer(_), .. } => "Use a later Updraft.",
            Self::Head { .. } | Self::Apply { .. } | Self::OtherNew(_) => "Make or fetch the delta again.",
            Self::Neither(_) | Self::Mixed(..) => "Give two files or two folders.",
            Self::Walk { .. } | Self::Make(_) => return None,
        };
        Some(hint.to_owned())
    }
}

fn make_one(args: &Make) -> Outcome {
    let (old, new) = (Tree::read(&args.old).map_err(fail)?, Tree::read(&args.new).map_err(fail)?);
    if old.is_folder != new.is_folder {
        return Err(fail(Refused::Mixed(args.old.clone(), args.new.clone())));
    }
    let mut options =
        MakeOptions { effort: args.delta.into(), memory: args.memory, ..MakeOptions::default() };
    options.threads = args.threads.map_or(options.threads, |threads| usize::from(threads.get()));
    let bar = Bar::new();
    let started = std::time::Instant::now();
    let mut out = Vec::new();
    if old.is_folder {
        out = paths(&old, &new).map_err(|error| fail(FsError::new("pack the paths of", &args.new, error)))?;
    }
    let named = out.len() as u64;
    let made = make(
        &old.files().map_err(fail)?,
        &new.files().map_err(fail)?,
        &options,
        &mut |so_far| bar.show("Comparing", so_far.done, so_far.total),
        &mut out,
    );
    bar.close();
    let made = made.map_err(|error| fail(Refused::from(error)))?;
    fsx::write_durable(&args.out, &out).map_err(fail)?;
    let whole: u64 = new.files.iter().map(|file| file.size).sum();
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        say(&serde_json::json!({
            "bytes": made.size + named, "paths": named, "new_bytes": whole, "same": made.same,
            "patched": made.patched, "whole": made.whole, "seconds": seconds,
        })
        .to_string());
        return Ok(0);
    }
    say(&format!(
        "{}: {} ({} bytes) for {} of new files",
        args.out.display(),
        bytes(made.size + named),
        made.size + named,
        bytes(whole)
    ));
    say(&format!(
        "{} the same as before, {} patched, {} whole; {seconds:.1} s",
        made.same, made.patched, made.whole
    ));
    Ok(0)
}

/// The new paths, packed against the old ones.
fn paths(old: &Tree, new: &Tree) -> io::Result<Vec<u8>> {
    let (before, after) = (old.lines(), new.lines());
    let mut packer = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), 19, &before)?;
    packer.write_all(&after)?;
    let packed = packer.finish()?;
    let mut out = TREE.to_vec();
    out.extend_from_slice(&(packed.len() as u64).to_le_bytes());
    out.extend_from_slice(&packed);
    Ok(out)
}

/// A delta file: the new paths and modes if it is one between folders, and the delta itself.
struct Opened<'a> {
    packed_paths: Option<&'a [u8]>,
    delta: &'a [u8],
}

impl<'a> Opened<'a> {
    fn read(path: &Path, bytes: &'a [u8]) -> Result<Self, Refused> {
        let Some(rest) = bytes.strip_prefix(&TREE) else {
            return Ok(Self { packed_paths: None, delta: bytes });
        };
        let cut = || Refused::Head { path: path.to_path_buf(), why: DeltaError::Damaged("it is cut off") };
        let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_long| cut())?;
        let (paths, delta) = rest.split_at_checked(length).ok_or_else(cut)?;
        Ok(Self { packed_paths: Some(paths), delta })
    }

    /// The new paths with their modes.
    fn paths(&self, path: &Path, old: &Tree) -> Result<Vec<(RelPath, u32)>, Refused> {
        let wrong =
            || Refused::Head { path: path.to_path_buf(), why: DeltaError::Damaged("its paths are wrong") };
        let before = old.lines();
        let packed = self.packed_paths.unwrap_or_default();
        let decoder =
            zstd::stream::read::Decoder::with_ref_prefix(packed, &before).map_err(|_code| wrong())?;
        let mut lines = String::new();
        decoder.take(MAX_PATHS).read_to_string(&mut lines).map_err(|_text| wrong())?;
        let line = |line: &str| {
            let (mode, path) = line.split_once(' ')?;
            Some((path.parse::<RelPath>().ok()?, u32::from_str_radix(mode, 8).ok()? & 0o777))
        };
        lines.lines().map(|text| line(text).ok_or_else(wrong)).collect()
    }
}

fn apply_one(args: &Apply) -> Outcome {
    if fsx::exists(&args.out).map_err(fail)? {
        return Err(fail(Refused::There(args.out.clone())));
    }
    let old = Tree::read(&args.old).map_err(fail)?;
    let map = map(&args.delta).map_err(fail)?;
    let opened = Opened::read(&args.delta, &map).map_err(fail)?;
    let head = |why| fail(Refused::Head { path: args.delta.clone(), why });
    let delta = Delta::parse(opened.delta).map_err(head)?;
    let place = fsx::sibling(&args.out, ".partial");
    clear(&place).map_err(fail)?;
    let laid = lay_all(args, (&opened, &delta), &old, &place);
    let (count, size) = laid.map_err(|why| {
        // What was made of it is of no use; the error says what matters.
        clear(&place).ok();
        // What comes out is checked, so the old files are read for themselves only to tell why it is wrong.
        let is_other = old.list().is_ok_and(|list| !delta.is_from(list));
        fail(if is_other { Refused::OtherOld(args.old.clone()) } else { why })
    })?;
    fsx::rename(&place, &args.out).map_err(fail)?;
    say(&format!("{}: {count} files, {}, each byte as it should be", args.out.display(), bytes(size)));
    Ok(0)
}

/// Makes all files at a place; their number and bytes.
fn lay_all(
    args: &Apply,
    (opened, delta): (&Opened<'_>, &Delta<'_>),
    old: &Tree,
    place: &Path,
) -> Result<(usize, u64), Refused> {
    let targets = if opened.packed_paths.is_some() {
        let paths = opened.paths(&args.delta, old)?;
        fsx::make_dirs(place)?;
        paths.into_iter().map(|(path, mode)| (path.under(place), path.as_str().to_owned(), mode)).collect()
    } else {
        let mode = old.files.first().map_or(0o644, |file| file.mode);
        vec![(place.to_path_buf(), "file".to_owned(), mode)]
    };
    lay(&args.delta, delta, old, targets)
}

/// Removes what an earlier try left.
fn clear(place: &Path) -> Result<(), FsError> {
    match fsx::stat(place) {
        Err(error) if error.is_absent() => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fsx::remove_tree(place),
        Ok(_) => fsx::remove_file(place),
    }
}

fn map(path: &Path) -> Result<Mapped, FsError> {
    Mapped::new(&fsx::open(path)?).map_err(|error| FsError::new("map", path, error))
}

/// Makes all files and checks that they are the ones the delta was made for; their number and bytes.
fn lay(
    path: &Path,
    delta: &Delta<'_>,
    old: &Tree,
    targets: Vec<(PathBuf, String, u32)>,
) -> Result<(usize, u64), Refused> {
    let failed = |why| Refused::Apply { path: path.to_path_buf(), why };
    if targets.len() != delta.actions().len() {
        return Err(failed(ApplyError::Damaged("it has not as many paths as files")));
    }
    for (target, _, _) in &targets {
        target.parent().map_or(Ok(()), fsx::make_dirs)?;
    }
    let mut laid = Laid { targets, seen: Vec::new(), open: None };
    laid.seen.resize(laid.targets.len(), None);
    let first = laid.targets.first().map_or(path, |target| &target.0);
    let sources = Sources { old, scratch: Scratch::new(fsx::sibling(first, ".unpacked")) };
    apply(delta, &sources, &mut laid, &|| false).map_err(failed)?;
    drop(sources);
    let mut list = FileList::new();
    let mut size = 0;
    for (index, action) in delta.actions().iter().enumerate() {
        match action {
            Action::Old(from) => {
                let from = old.files.get(*from as usize);
                let from = from.ok_or_else(|| Refused::OtherNew(path.to_path_buf()))?;
                fsx::copy(&from.at, &laid.targets[index].0)?;
                laid.seen[index] = Some((from.size, from.digest()?));
            }
            Action::Same(before) => {
                fsx::copy(&laid.targets[*before as usize].0, &laid.targets[index].0)?;
                laid.seen[index] = laid.seen[*before as usize];
            }
            Action::Made { .. } => {}
        }
        let (target, name, mode) = &laid.targets[index];
        fsx::set_mode(target, *mode)?;
        let (bytes, digest) = laid.seen[index].ok_or_else(|| Refused::OtherNew(path.to_path_buf()))?;
        list.add(name, bytes, &digest);
        size += bytes;
    }
    if delta.is_to(list) {
        Ok((laid.targets.len(), size))
    } else {
        Err(Refused::OtherNew(path.to_path_buf()))
    }
}

/// Old files, and a place beside the new ones for what is unpacked of them.
struct Sources<'a> {
    old: &'a Tree,
    scratch: Scratch,
}

impl OldFiles for Sources<'_> {
    fn scratch(&self) -> io::Result<std::fs::File> {
        self.scratch.file().map_err(|error| error.source)
    }

    fn open(&self, index: usize) -> io::Result<OldBytes> {
        let file = self.old.files.get(index).ok_or(io::ErrorKind::NotFound)?;
        map(&file.at).map(OldBytes::Mapped).map_err(io::Error::other)
    }
}

/// New files as they are written.
struct Laid {
    targets: Vec<(PathBuf, String, u32)>,
    seen: Vec<Option<(u64, Digest)>>,
    open: Option<(BufWriter<std::fs::File>, Hasher, u64)>,
}

impl NewFiles for Laid {
    fn begin(&mut self, index: usize, _size: u64) -> io::Result<()> {
        let file = fsx::create(&self.targets[index].0).map_err(io::Error::other)?;
        self.open = Some((BufWriter::new(file), Hasher::new(), 0));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some((file, hasher, size)) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        hasher.update(bytes);
        *size += bytes.len() as u64;
        file.write_all(bytes)
    }

    fn end(&mut self, index: usize) -> io::Result<()> {
        let Some((mut file, hasher, size)) = self.open.take() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.flush()?;
        self.seen[index] = Some((size, hasher.finish()));
        Ok(())
    }
}

fn show(args: &Show) -> Outcome {
    let map = map(&args.delta).map_err(fail)?;
    let opened = Opened::read(&args.delta, &map).map_err(fail)?;
    let parsed =
        Delta::parse(opened.delta).map_err(|why| fail(Refused::Head { path: args.delta.clone(), why }))?;
    let shown = Shown::of(map.len(), &parsed);
    if args.json {
        say(&serde_json::to_string(&shown).map_err(|error| Failure {
            code: ErrorCode::Internal,
            message: error.to_string(),
            hint: None,
        })?);
    } else {
        say(&shown.to_string());
    }
    Ok(0)
}

/// What a delta holds.
#[derive(Debug, serde::Serialize)]
struct Shown {
    bytes: u64,
    old_files: usize,
    new_files: usize,
    same: usize,
    groups: Vec<ShownGroup>,
}

#[derive(Debug, serde::Serialize)]
struct ShownGroup {
    bytes: u64,
    new_files: usize,
    new_bytes: u64,
    old_files: usize,
    predicted: usize,
    archives: usize,
}

impl Shown {
    fn of(bytes: usize, delta: &Delta<'_>) -> Self {
        let made = |action: &&Action| matches!(action, Action::Made { .. });
        let group = |group: &crate::delta::Group| ShownGroup {
            bytes: group.body.len() as u64,
            new_files: group.units.iter().map(|unit| unit.news.len()).sum(),
            new_bytes: group.units.iter().map(crate::delta::Unit::new_bytes).sum(),
            old_files: group.units.iter().map(|unit| unit.bases.len()).sum(),
            predicted: group.units.iter().filter(|unit| unit.code).count(),
            archives: group.units.iter().filter(|unit| unit.archive).count(),
        };
        Self {
            bytes: bytes as u64,
            old_files: delta.old_count(),
            new_files: delta.actions().len(),
            same: delta.actions().iter().filter(|action| !made(action)).count(),
            groups: delta.groups().iter().map(group).collect(),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} old files to {} new ones", bytes(self.bytes), self.old_files, self.new_files)?;
        write!(f, "\n{} of them cost nothing: kept, moved or copied", self.same)?;
        for group in &self.groups {
            let (cost, whole) = (bytes(group.bytes), bytes(group.new_bytes));
            write!(
                f,
                "\n  {cost:>9}  {} files of {whole}, from {} old files",
                group.new_files, group.old_files
            )?;
            if group.predicted > 0 {
                write!(f, ", {} with their code predicted", group.predicted)?;
            }
            if group.archives > 0 {
                write!(f, ", as archives from the inside")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size("2G"), Ok(2 << 30));
        assert_eq!(size("512m"), Ok(512 << 20));
        assert_eq!(size("1000"), Ok(1000));
        assert!(size("2T").is_err() && size("").is_err() && size("G").is_err());
        assert!(size("99999999999999999G").is_err());
    }
}
