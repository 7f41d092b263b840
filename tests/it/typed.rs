//! The commands of the documentation, typed as they stand. A page is a folder of its own; marks that no reader sees
//! say what is to be typed: `typed`, `typed: and left running`, `typed: ends with 10`, `not typed: why`, `file: path`,
//! and `before: command` for what a reader has already.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::world::free_port;

/// What a mark asks for.
#[derive(Clone, Debug, PartialEq)]
enum Mark {
    Typed { exit: i32 },
    LeftRunning,
    NotTyped,
    File(String),
}

/// A fenced block of a page.
#[derive(Debug)]
struct Block {
    line: usize,
    kind: String,
    mark: Option<Mark>,
    text: String,
}

fn mark(line: &str) -> Option<Mark> {
    let inside = line.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim();
    if let Some(path) = inside.strip_prefix("file:") {
        return Some(Mark::File(path.trim().to_owned()));
    }
    match inside.split_once(':').map_or((inside, ""), |(word, rest)| (word, rest.trim())) {
        ("typed", "") => Some(Mark::Typed { exit: 0 }),
        ("typed", "and left running") => Some(Mark::LeftRunning),
        ("typed", rest) => {
            let exit = rest.strip_prefix("ends with ").and_then(|code| code.parse().ok());
            Some(Mark::Typed { exit: exit.unwrap_or_else(|| panic!("no such mark: {line}")) })
        }
        ("not typed", why) if !why.is_empty() => Some(Mark::NotTyped),
        ("not typed", _) => panic!("a reason is missing: {line}"),
        _ => None,
    }
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut waiting = None;
    let mut open: Option<Block> = None;
    for (at, line) in page.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some(kind)) => {
                let (kind, text) = (kind.trim().to_owned(), String::new());
                open = Some(Block { line: at + 1, kind, mark: waiting.take(), text });
            }
            (None, None) if line.trim().is_empty() => {}
            (None, None) => {
                waiting = mark(line);
                let text = line.trim().strip_prefix("<!-- before:").and_then(|rest| rest.strip_suffix("-->"));
                found.extend(text.map(|command| Block {
                    line: at + 1,
                    kind: "before".to_owned(),
                    mark: Some(Mark::Typed { exit: 0 }),
                    text: format!("$ {}", command.trim()),
                }));
            }
        }
    }
    found
}

/// The lines after a `$`, a line that ends in `\` together with the next.
fn commands(block: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => found.push(command.to_owned()),
            None if goes_on => {
                let last = found.last_mut().unwrap();
                last.push('\n');
                last.push_str(line);
            }
            None => {}
        }
        goes_on = line.ends_with('\\');
    }
    found
}

/// Every page for readers, with its name from the root of the project.
fn pages() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<PathBuf> =
        ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"].iter().map(|name| root.join(name)).collect();
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    found.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    found.into_iter().map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

/// One page being typed: its folder, what was left running, and its port in the place of the one that is written.
struct Page {
    folder: tempfile::TempDir,
    port: String,
    /// In the place of 8080.
    other_port: String,
    running: Vec<Child>,
}

impl Drop for Page {
    fn drop(&mut self) {
        for child in &mut self.running {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Page {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join(".programs");
        fs::create_dir(&programs).unwrap();
        for program in [env!("CARGO_BIN_EXE_updraft"), env!("CARGO_BIN_EXE_updater")] {
            let name = Path::new(program).file_name().unwrap();
            fs::hard_link(program, programs.join(name))
                .or_else(|_| fs::copy(program, programs.join(name)).map(drop))
                .unwrap();
        }
        let free = || free_port().to_string();
        Self { folder, port: free(), other_port: free(), running: Vec::new() }
    }

    /// A page names the port people use; several pages are typed at once.
    fn here(&self, text: &str) -> String {
        let text = text.replace("8080", "the other port").replace("4530", &self.port);
        text.replace("the other port", &self.other_port)
            .replace("0.0.0.0", "127.0.0.1")
            .replace("10.0.0.7", "127.0.0.1")
    }

    fn shell(&self, command: &str) -> Command {
        let home = self.folder.path().join(".home");
        fs::create_dir_all(&home).unwrap();
        let path = std::env::join_paths(
            std::iter::once(self.folder.path().join(".programs"))
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut shell = Command::new("bash");
        shell.args(["-c", &self.here(command)]).current_dir(self.folder.path()).stdin(Stdio::null());
        shell
            .env("PATH", path.unwrap())
            .env("HOME", &home)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "UPDRAFT_KEYS", "http_proxy", "HTTP_PROXY"] {
            shell.env_remove(name);
        }
        shell
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mode = fs::metadata(&path).ok().map(|now| now.permissions());
        fs::write(&path, self.here(text)).unwrap();
        if let Some(mode) = mode {
            fs::set_permissions(&path, mode).unwrap();
        }
    }

    fn type_in(&self, command: &str, exit: i32) -> Result<(), String> {
        let output = self.shell(command).output().unwrap();
        if output.status.code() == Some(exit) {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(format!("$ {command}\n{}{}", String::from_utf8_lossy(&said), output.status))
    }

    /// Starts what goes on until it is ended, and waits until it has said something.
    fn leave_running(&mut self, command: &str) {
        let mut child = self.shell(&format!("exec {command} 2>&1")).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "$ {command}\nended without a word: {:?}", child.wait());
        // What it says later must not block it.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        self.running.push(child);
    }
}

/// A99, A113: each page of the documentation works as it stands.
#[test]
fn every_command_of_the_documentation_works_as_written() {
    let mut wrong = Vec::new();
    for (name, text) in pages() {
        let blocks = blocks(&text);
        if !blocks.iter().any(|block| matches!(block.mark, Some(Mark::Typed { .. } | Mark::LeftRunning))) {
            continue;
        }
        let mut page = Page::new();
        for block in &blocks {
            let result = match &block.mark {
                Some(Mark::File(path)) => {
                    page.write(path, &block.text);
                    Ok(())
                }
                Some(Mark::Typed { exit }) => {
                    commands(&block.text).iter().try_for_each(|command| page.type_in(command, *exit))
                }
                Some(Mark::LeftRunning) => {
                    commands(&block.text).iter().for_each(|command| page.leave_running(command));
                    Ok(())
                }
                Some(Mark::NotTyped) | None => Ok(()),
            };
            if let Err(why) = result {
                wrong.push(format!("{name}:{}: {why}", block.line));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_block_of_commands_is_typed_or_says_why_not() {
    let mut wrong = Vec::new();
    for (name, text) in pages() {
        for block in blocks(&text).iter().filter(|block| block.kind == "console") {
            if !matches!(block.mark, Some(Mark::Typed { .. } | Mark::LeftRunning | Mark::NotTyped)) {
                wrong.push(format!(
                    "{name}:{}: neither `typed` nor `not typed: why` stands before it",
                    block.line
                ));
            }
            if commands(&block.text).is_empty() {
                wrong.push(format!("{name}:{}: no line begins with `$ `", block.line));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The help of a command, asked once.
fn help(known: &mut BTreeMap<String, Option<String>>, words: &[&str]) -> Option<String> {
    known
        .entry(words.join(" "))
        .or_insert_with(|| {
            let (program, rest) = words.split_first().unwrap();
            let program = match *program {
                "updraft" => env!("CARGO_BIN_EXE_updraft"),
                _ => env!("CARGO_BIN_EXE_updater"),
            };
            let output = Command::new(program).args(rest).arg("--help").output().unwrap();
            output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
        })
        .clone()
}

/// What of a command line that stands in a text does not exist.
fn unknown(known: &mut BTreeMap<String, Option<String>>, line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let program = words[0].rsplit('/').next().unwrap().trim_end_matches(".exe");
    let is_name =
        |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
    let mut path = vec![program];
    let mut page = help(known, &path)?;
    for word in &words[1..] {
        // A command stands in the list of the one above it, at the start of a line.
        let listed = |page: &str| page.lines().any(|line| line.split_whitespace().next() == Some(*word));
        if !is_name(word) {
            break;
        }
        if ["run", "component"].contains(word) && !cfg!(feature = "components") {
            return None;
        }
        if !page.contains("Commands:") || !listed(&page) {
            return (path.len() == 1 && program == "updraft").then(|| format!("{line}: no command {word}"));
        }
        path.push(word);
        page = help(known, &path)?;
    }
    for word in words.iter().take_while(|word| **word != "--") {
        let flag = word.split(['=', ',', ';']).next().unwrap();
        let is_flag = flag.starts_with("--") && flag[2..].chars().all(|c| c.is_ascii_lowercase() || c == '-');
        let there =
            |page: &str| page.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).any(|it| it == flag);
        if is_flag && flag.len() > 2 && !there(&page) {
            return Some(format!("{line}: {} has no {flag}", path.join(" ")));
        }
    }
    None
}

/// The page without its fenced blocks.
fn prose(page: &str) -> String {
    let mut inside = false;
    let lines = page.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Commands in running text and tables are not typed, but each command and flag exists.
#[test]
fn every_command_and_flag_named_in_a_text_exists() {
    let mut known = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, text) in pages() {
        let spans = prose(&text);
        let spans = spans.split('`').skip(1).step_by(2).map(str::to_owned);
        let typed = blocks(&text).into_iter().filter(|block| matches!(block.kind.as_str(), "" | "console"));
        let lines: Vec<String> =
            typed.flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        let lines = lines
            .iter()
            .map(|line| line.trim_start_matches("$ ").split(" #").next().unwrap().trim().to_owned());
        for line in spans.chain(lines) {
            let program = line.split_whitespace().next().unwrap_or_default();
            let is_ours =
                ["updraft", "updater", "updater/updater"].contains(&program.trim_end_matches(".exe"));
            if is_ours && line.contains(' ') && !line.contains('\n') {
                wrong.extend(unknown(&mut known, &line).map(|why| format!("{name}: {why}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
