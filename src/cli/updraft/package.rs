//! `updraft package`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::package::{self, Face, Format, Order, Report};
use crate::release::{App, Channel, Platform, RelPath, Stamp, Version};

use super::publish::to_json;
use super::{Outcome, bytes, fail, say};

/// `updraft package`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft package ./build --repo ./www/MyApp --source https://updates.example.com/MyApp --out ./dist --format zip,tar.gz\n  \
    updraft package ./build --repo ./www/MyApp --source 10.0.0.7:4530/MyApp --out ./dist --format deb \\\n    \
        --vendor \"ACME Ltd <support@acme.example>\" --homepage https://acme.example --icon icon.png\n  \
    updraft package ./win --repo ./www/MyApp --platform windows-x86_64 --updater updater.exe \\\n    \
        --source 10.0.0.7:4530/MyApp --out ./dist --format nsis && makensis dist/myapp-setup/setup.nsi\n\n\
    FOLDER must be the release as it was published. Its copies know which release they are, so that their first\n\
    update fetches nothing that is there.")]
pub(super) struct Package {
    /// The folder with the files of the program, as it was published.
    folder: PathBuf,
    /// The repository, or the root.json of one that is elsewhere (then --app and --version are needed, and copies
    /// learn with their first update which release they are).
    #[arg(long, value_name = "REPO|FILE")]
    repo: PathBuf,
    /// Where copies look for releases; may be given several times, best first.
    #[arg(long = "source", value_name = "URL")]
    sources: Vec<String>,
    /// Where the packages go.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What to make; may be given several times.
    #[arg(long = "format", value_name = "FORM", value_enum, required = true, value_delimiter = ',')]
    formats: Vec<Form>,
    /// Settings to begin with, an updater.json [default: that of FOLDER's updater, if it has one].
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The updater for that platform [default: the one in FOLDER, or the one beside this program].
    #[arg(long, value_name = "FILE")]
    updater: Option<PathBuf>,
    /// The name of the updater's folder; NAME.updater for a program NAME that is one file in a shared folder.
    #[arg(long, value_name = "NAME", default_value = "updater")]
    updater_dir: RelPath,
    /// The name of the program, if only a root.json is given.
    #[arg(long, value_name = "NAME")]
    app: Option<App>,
    /// The channel of the release, which copies follow.
    #[arg(long, value_name = "NAME", default_value = "stable")]
    channel: Channel,
    /// What the release runs on [default: this machine's, or any].
    #[arg(long, value_name = "NAME")]
    platform: Option<Platform>,
    /// The version of the release [default: the newest].
    #[arg(long, value_name = "V")]
    version: Option<Version>,
    /// The program to start, if only a root.json is given.
    #[arg(long, value_name = "PATH")]
    start: Option<RelPath>,
    /// The time in archives, if only a root.json is given (YYYY-MM-DDTHH:MM:SSZ).
    #[arg(long, value_name = "TIME")]
    time: Option<Stamp>,
    #[command(flatten)]
    face: FaceArgs,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

/// How the program shows itself.
#[derive(Debug, Args)]
struct FaceArgs {
    /// The name as people read it [default: the program's name].
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// The technical name: of the package, the command, and the folder below /opt [default: made of the name].
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// Who makes it: "ACME Ltd <support@acme.example>"; a deb needs it.
    #[arg(long, value_name = "TEXT")]
    vendor: Option<String>,
    /// What it is, in one line.
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
    /// Its page in the web.
    #[arg(long, value_name = "URL")]
    homepage: Option<String>,
    /// Its name in software catalogues: com.example.MyApp [default: made of the homepage].
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Its licence, as an SPDX expression.
    #[arg(long, value_name = "SPDX")]
    license: Option<String>,
    /// Its icon: a square PNG, an SVG, or an ICO.
    #[arg(long, value_name = "FILE")]
    icon: Option<PathBuf>,
    /// What the deb depends on [default: libc6].
    #[arg(long, value_name = "TEXT")]
    depends: Option<String>,
    /// No menu entry and no shortcut: a program for a terminal, or a service.
    #[arg(long)]
    no_menu: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// As it lies after the install.
    Folder,
    /// A tar archive with gzip.
    #[value(name = "tar.gz")]
    TarGz,
    /// A zip archive for portable use.
    Zip,
    /// A Debian package that installs below /opt.
    Deb,
    /// The script of a Windows installer, for makensis.
    Nsis,
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::Folder => Self::Folder,
            Form::TarGz => Self::TarGz,
            Form::Zip => Self::Zip,
            Form::Deb => Self::Deb,
            Form::Nsis => Self::Nsis,
        }
    }
}

pub(super) fn package(args: Package) -> Outcome {
    let json = args.json;
    let report = package::package(&order(args)).map_err(fail)?;
    if json {
        say(&to_json(&report)?);
    } else {
        tell(&report);
    }
    Ok(0)
}

fn order(args: Package) -> Order {
    let face = args.face;
    Order {
        folder: args.folder,
        repository: args.repo,
        out: args.out,
        formats: args.formats.into_iter().map(Format::from).collect(),
        sources: args.sources,
        settings: args.settings,
        updater: args.updater,
        updater_dir: args.updater_dir,
        app: args.app,
        channel: args.channel,
        platform: args.platform,
        version: args.version,
        start: args.start,
        time: args.time,
        face: Face {
            name: face.name,
            package: face.package,
            vendor: face.vendor,
            summary: face.summary,
            homepage: face.homepage,
            id: face.id,
            license: face.license,
            icon: face.icon,
            depends: face.depends,
            no_menu: face.no_menu,
        },
    }
}

fn tell(report: &Report) {
    let Report { app, version, platform, release, files, left_out, made } = report;
    match release {
        Some(number) => say(&format!("{app} {version} (r{number}, {platform}): {files} files.")),
        None => say(&format!(
            "{app} {version} ({platform}): {files} files. Copies learn with their first update which release they are."
        )),
    }
    if let Some(first) = left_out.first() {
        say(&format!("Left out {} files that are not of the release, such as {first}.", left_out.len()));
    }
    for one in made {
        say(&format!("{:>10}  {}", bytes(one.bytes), one.path.display()));
    }
    for one in made.iter().filter(|one| one.format == Format::Nsis) {
        say(&format!("For the installer: makensis {}", one.path.join("setup.nsi").display()));
    }
}
