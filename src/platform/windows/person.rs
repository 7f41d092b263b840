//! Starting a program with the rights of the person's desktop, also from an updater that was given more.
#![expect(unsafe_code, reason = "calls of the Windows API")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString, c_void};
use std::io;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::time::Duration;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::{
    DuplicateTokenEx, SecurityImpersonation, TOKEN_ADJUST_DEFAULT, TOKEN_ADJUST_SESSIONID,
    TOKEN_ASSIGN_PRIMARY, TOKEN_DUPLICATE, TOKEN_QUERY, TokenPrimary,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_UNICODE_ENVIRONMENT, CreateProcessAsUserW, CreateProcessWithTokenW,
    GetExitCodeProcess, PROCESS_INFORMATION, STARTUPINFOW,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{GetShellWindow, GetWindowThreadProcessId};

use super::path::{startable, usable_folder, wide_text};
use super::process::{Handle, find, has_ended, let_in_front, open, spawn_detached};
use super::user::{is_elevated, is_ours, is_token_elevated, token};
use crate::platform::{ProcessId, Spawned};

// The bindings have it behind a part of the system that nothing else here needs.
#[link(name = "userenv")]
unsafe extern "system" {
    fn CreateEnvironmentBlock(block: *mut *mut c_void, token: HANDLE, inherit: i32) -> i32;
    fn DestroyEnvironmentBlock(block: *const c_void) -> i32;
}

/// Starts a program for the person before the screen: not with the rights of an administrator, though the updater may
/// have been started with them. Where there is no desktop to take the rights from, or the program asks for more
/// itself, it is started as any other.
///
/// # Errors
/// What the system says.
pub fn spawn_for_person(
    program: &Path,
    args: &[OsString],
    folder: Option<&Path>,
    variables: &[(OsString, Option<OsString>)],
) -> io::Result<Spawned> {
    if let Some(desktop) = Desktop::with_less_rights()
        && let Ok(started) = desktop.spawn(program, args, folder, variables)
    {
        return Ok(started);
    }
    spawn_detached(program, args, folder, variables)
}

/// The desktop of the person, if it has fewer rights than this process.
struct Desktop {
    token: Handle,
    is_ours: bool,
}

impl Desktop {
    fn with_less_rights() -> Option<Self> {
        if !is_elevated() {
            return None;
        }
        let mut pid = 0;
        // SAFETY: `pid` lives over the call; of no window it stays 0.
        unsafe { GetWindowThreadProcessId(GetShellWindow(), &raw mut pid) };
        let shell = open(pid).filter(|_shell| pid != 0)?;
        let of_shell = token(shell.0, TOKEN_QUERY | TOKEN_DUPLICATE)?;
        if is_token_elevated(&of_shell) {
            return None;
        }
        let rights = TOKEN_QUERY
            | TOKEN_DUPLICATE
            | TOKEN_ASSIGN_PRIMARY
            | TOKEN_ADJUST_DEFAULT
            | TOKEN_ADJUST_SESSIONID;
        let mut own = std::ptr::null_mut();
        // SAFETY: the token is open, `own` lives over the call, and null is allowed for its attributes.
        let done = unsafe {
            DuplicateTokenEx(
                of_shell.0,
                rights,
                std::ptr::null(),
                SecurityImpersonation,
                TokenPrimary,
                &raw mut own,
            )
        };
        (done != 0).then(|| Self { token: Handle(own), is_ours: is_ours(pid) })
    }

    fn spawn(
        &self,
        program: &Path,
        args: &[OsString],
        folder: Option<&Path>,
        variables: &[(OsString, Option<OsString>)],
    ) -> io::Result<Spawned> {
        let program = wide_text(startable(program).as_os_str());
        let mut line = command_line(&program[..program.len() - 1], args);
        let mut environment = self.environment();
        for (name, value) in variables {
            set(&mut environment, name, value.as_deref());
        }
        let environment = block(&environment);
        let folder = folder.and_then(usable_folder).map(|folder| wide_text(folder.as_os_str()));
        let startup = STARTUPINFOW { cb: size_of::<STARTUPINFOW>() as u32, ..STARTUPINFOW::default() };
        let mut made = PROCESS_INFORMATION::default();
        let folder = folder.as_ref().map_or(std::ptr::null(), |folder| folder.as_ptr());
        let (environment, line) = (environment.as_ptr().cast(), line.as_mut_ptr());
        let flags = CREATE_UNICODE_ENVIRONMENT | CREATE_NEW_PROCESS_GROUP;
        let (startup, made_at) = (&raw const startup, &raw mut made);
        // SAFETY: every pointer is to a value that lives over both calls; the strings end in zero, the environment in
        // two. The command line is ours to be written to.
        let done = unsafe {
            let (token, program) = (self.token.0, program.as_ptr());
            let none = std::ptr::null();
            // The system's own services may do the first, administrators the second.
            match CreateProcessAsUserW(
                token,
                program,
                line,
                none,
                none,
                0,
                flags,
                environment,
                folder,
                startup,
                made_at,
            ) {
                0 => CreateProcessWithTokenW(
                    token,
                    0,
                    program,
                    line,
                    flags,
                    environment,
                    folder,
                    startup,
                    made_at,
                ),
                done => done,
            }
        };
        if done == 0 {
            return Err(io::Error::last_os_error());
        }
        let (process, pid) = (Handle(made.hProcess), made.dwProcessId);
        drop(Handle(made.hThread));
        let_in_front(pid);
        let id = find(pid).unwrap_or(ProcessId { pid, started: 0 });
        Spawned::watched(id, move || ended_well(&process))
    }

    /// What a program of this desktop has as its environment: ours, if it is the same person's.
    fn environment(&self) -> Environment {
        let own = || std::env::vars_os().map(|(name, value)| (folded(&name), (name, value))).collect();
        if self.is_ours {
            return own();
        }
        let mut made = std::ptr::null_mut();
        // SAFETY: `made` lives over the call, and the token is open.
        if unsafe { CreateEnvironmentBlock(&raw mut made, self.token.0, 0) } == 0 {
            return own();
        }
        // SAFETY: the system made a block of strings that ends with an empty one; it is freed once, after it was read.
        unsafe {
            let read = read_block(made.cast());
            DestroyEnvironmentBlock(made);
            read
        }
    }
}

fn ended_well(process: &Handle) -> bool {
    while !has_ended(process, Duration::from_secs(3600)) {}
    let mut code = 1;
    // SAFETY: the handle is open and `code` lives over the call.
    unsafe { GetExitCodeProcess(process.0, &raw mut code) != 0 && code == 0 }
}

/// Variables by their name in upper case, in whose order the system wants them.
type Environment = BTreeMap<String, (OsString, OsString)>;

fn folded(name: &OsStr) -> String {
    name.to_string_lossy().to_uppercase()
}

fn set(environment: &mut Environment, name: &OsStr, value: Option<&OsStr>) {
    match value {
        Some(value) => environment.insert(folded(name), (name.to_os_string(), value.to_os_string())),
        None => environment.remove(&folded(name)),
    };
}

fn block(environment: &Environment) -> Vec<u16> {
    let mut block = Vec::new();
    for (name, value) in environment.values() {
        block.extend(name.encode_wide().chain([u16::from(b'=')]).chain(value.encode_wide()).chain([0]));
    }
    block.extend([0, 0]);
    block
}

/// # Safety
/// `block` leads to strings that end in zero, the last of them empty.
unsafe fn read_block(mut block: *const u16) -> Environment {
    let mut environment = Environment::new();
    loop {
        let mut length = 0;
        // SAFETY: the caller says that there is a zero.
        while unsafe { *block.add(length) } != 0 {
            length += 1;
        }
        if length == 0 {
            return environment;
        }
        // SAFETY: so many units were just read.
        let text = unsafe { std::slice::from_raw_parts(block, length) };
        // A name may begin with `=`, as those of the folders of drives do.
        if let Some(at) = text.iter().skip(1).position(|unit| *unit == u16::from(b'=')) {
            let (name, value) = (OsString::from_wide(&text[..=at]), OsString::from_wide(&text[at + 2..]));
            environment.insert(folded(&name), (name, value));
        }
        // SAFETY: behind the zero the next string begins.
        block = unsafe { block.add(length + 1) };
    }
}

/// A command line that the C library's rules take apart into these words again; it ends in zero.
fn command_line(program: &[u16], args: &[OsString]) -> Vec<u16> {
    let mut line = vec![u16::from(b'"')];
    line.extend(program);
    line.push(u16::from(b'"'));
    for arg in args {
        line.push(u16::from(b' '));
        push_word(&mut line, arg);
    }
    line.push(0);
    line
}

/// Backslashes mean themselves, but before a quotation mark they are doubled.
fn push_word(line: &mut Vec<u16>, word: &OsStr) {
    let (quote, backslash) = (u16::from(b'"'), u16::from(b'\\'));
    let units: Vec<u16> = word.encode_wide().collect();
    let is_quoted = units.is_empty() || units.iter().any(|unit| [0x20, 0x09, 0x0a, 0x0b].contains(unit));
    if is_quoted {
        line.push(quote);
    }
    let mut backslashes = 0;
    for unit in units {
        if unit == quote {
            line.extend(std::iter::repeat_n(backslash, backslashes + 1));
        }
        backslashes = if unit == backslash { backslashes + 1 } else { 0 };
        line.push(unit);
    }
    if is_quoted {
        line.extend(std::iter::repeat_n(backslash, backslashes));
        line.push(quote);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_through_a_command_line_as_they_were() {
        let program: Vec<u16> = r"C:\My App\a.exe".encode_utf16().collect();
        let args = [
            "",
            "plain",
            "two words",
            r"C:\end\",
            r"C:\my end\",
            "a\"b",
            r#"a\"b"#,
            "中文 😀",
            "--x=\"y z\"",
        ];
        let line = command_line(&program, &args.map(OsString::from));
        let line = String::from_utf16(&line[..line.len() - 1]).unwrap();
        let wanted = r#""C:\My App\a.exe" "" plain "two words" C:\end\ "C:\my end\\" a\"b a\\\"b "中文 😀" "--x=\"y z\"""#;
        assert_eq!(line, wanted);
    }

    #[test]
    fn an_environment_is_read_as_it_was_written() {
        let mut environment = Environment::new();
        for (name, value) in [("b", "2"), ("A", "x=y"), ("=C:", r"C:\x"), ("Path", "p"), ("空", "")] {
            set(&mut environment, name.as_ref(), Some(value.as_ref()));
        }
        set(&mut environment, "PATH".as_ref(), Some("q".as_ref()));
        set(&mut environment, "B".as_ref(), None);
        let block = block(&environment);
        // SAFETY: it was just made with its end.
        let read = unsafe { read_block(block.as_ptr()) };
        assert_eq!(read, environment);
        assert_eq!(read.len(), 4);
    }
}
