//! `updraft key`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::fsx;
use crate::publish::{self, KeyChange, KeyOrder};
use crate::release::Stamp;
use crate::report::{ErrorCode, Failure};
use crate::trust::sign::{self, Kept, KeyRole};

use super::publish::to_json;
use super::signing::{DaysArg, KeyArgs, NewKeyArgs, RepoArg};
use super::{Outcome, fail, say};

/// `updraft key`
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Shows which keys count, and where they are. Opens none.
    List(ListArgs),
    /// Puts a new key in the place of one, which counts no more.
    Rotate(RotateArgs),
    /// Adds a root key.
    Add(AddArgs),
    /// Takes a root key away; for another key it is the same as rotate.
    Revoke(RevokeArgs),
}

/// `updraft key list`
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    keys: KeyArgs,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

/// What every change of keys has.
#[derive(Debug, Args)]
struct ChangeArgs {
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    new: NewKeyArgs,
    /// How many root keys must sign a change of keys from now on [default: as before].
    #[arg(long, value_name = "N")]
    threshold: Option<u64>,
    #[command(flatten)]
    days: DaysArg,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

/// A new key that is made elsewhere.
#[derive(Debug, Args)]
struct OutsideArgs {
    /// The public half of a key that is kept elsewhere, as openssl pkey -pubout writes it, or as 64 hex digits. It
    /// signs by the command in --signer.
    #[arg(long, value_name = "FILE", requires = "signer")]
    public: Option<PathBuf>,
}

/// `updraft key rotate`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft key rotate ./repo release\n  \
    updraft key rotate ./repo root --id 3f2a\n  \
    updraft key rotate ./repo release --public token.pem --signer \"sign-with-token --slot 1\"")]
pub(super) struct RotateArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// Which key.
    #[arg(value_name = "ROLE", value_enum)]
    role: RoleArg,
    /// The root key to replace, by the beginning of its name [default: the only one that is not at hand].
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// `updraft key add`
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    repo: RepoArg,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// `updraft key revoke`
#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// The root key, by the beginning of its name (updraft key list), or release or online.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    change: ChangeArgs,
}

/// What a key signs.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    /// The list of all keys.
    Root,
    /// Releases.
    Release,
    /// The timestamp.
    Online,
}

pub(super) fn key(command: KeyCommand) -> Outcome {
    match command {
        KeyCommand::List(args) => list(&args),
        KeyCommand::Rotate(args) => {
            let change = match args.role {
                RoleArg::Root => KeyChange::ReplaceRoot(args.id),
                RoleArg::Release => KeyChange::Rotate(KeyRole::Release),
                RoleArg::Online => KeyChange::Rotate(KeyRole::Online),
            };
            apply(&args.repo, change, Some(&args.outside), &args.change)
        }
        KeyCommand::Add(args) => apply(&args.repo, KeyChange::AddRoot, Some(&args.outside), &args.change),
        KeyCommand::Revoke(args) => {
            let change = match KeyRole::parse(&args.id) {
                Some(role @ (KeyRole::Release | KeyRole::Online)) => KeyChange::Rotate(role),
                _ => KeyChange::RevokeRoot(args.id),
            };
            apply(&args.repo, change, None, &args.change)
        }
    }
}

fn apply(repo: &RepoArg, change: KeyChange, outside: Option<&OutsideArgs>, args: &ChangeArgs) -> Outcome {
    let mut signing = args.keys.signing(repo.place())?;
    signing.unlock.wants_root = true;
    let public = outside.and_then(|outside| outside.public.as_deref());
    let outside = public.map(|file| outside_key(file, &signing.unlock.signer)).transpose()?;
    let makes_key = outside.is_none() && !matches!(change, KeyChange::RevokeRoot(_));
    let passphrase = if makes_key { args.new.passphrase(&args.keys)? } else { None };
    let now = Stamp::now();
    let lifetimes = args.days.lifetimes();
    let order = KeyOrder { signing, change, outside, passphrase, threshold: args.threshold, now, lifetimes };
    let changed = publish::change_keys(&order).map_err(fail)?;
    if args.json {
        say(&to_json(&changed)?);
        return Ok(0);
    }
    if let (Some(id), Some(file)) = (&changed.new, &changed.file) {
        say(&format!("The new key is {}: {}", short(id), file.display()));
    }
    if let Some(id) = &changed.revoked {
        say(&format!("The key {} counts no more.", short(id)));
    }
    if let Some(aside) = &changed.retired {
        say(&format!("Its file was moved to {}.", aside.display()));
    }
    say(&format!("Installs follow at their next check (root {}).", changed.root));
    Ok(0)
}

fn outside_key(
    file: &std::path::Path,
    signer: &Option<Vec<String>>,
) -> Result<([u8; 32], Vec<String>), Failure> {
    let bytes = fsx::read(file, 16 * 1024).map_err(fail)?;
    let public = sign::read_public(&String::from_utf8_lossy(&bytes)).ok_or_else(|| Failure {
        code: ErrorCode::Key,
        message: format!("{} is not the public half of an Ed25519 key", file.display()),
        hint: Some("Give what openssl pkey -pubout writes, or 64 hex digits.".to_owned()),
    })?;
    Ok((public, signer.clone().unwrap_or_default()))
}

fn list(args: &ListArgs) -> Outcome {
    let signing = args.keys.signing(args.repo.place())?;
    let list = publish::keys(&signing).map_err(fail)?;
    if args.json {
        say(&to_json(&list)?);
        return Ok(0);
    }
    for key in &list.keys {
        let place = match (&key.file, key.kept) {
            (None, _) => "not here".to_owned(),
            (Some(file), Some(Kept::Locked)) => format!("{}, under a passphrase", file.display()),
            (Some(file), Some(Kept::Elsewhere)) => format!("{}, signs by a command", file.display()),
            (Some(file), _) => format!("{}, without a passphrase", file.display()),
        };
        let counts = if key.counts { "" } else { " (counts no more)" };
        say(&format!("{:<8}{}  {place}{counts}", key.role.as_str(), short(&key.id)));
    }
    say(&format!("A change of keys needs {} of the root keys.", list.threshold));
    Ok(0)
}

fn short(id: &str) -> String {
    id.chars().take(16).collect()
}
