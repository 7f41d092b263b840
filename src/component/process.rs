//! The carrier `process`: any program that answers framed JSON on its standard output.
//!
//! A frame is its length, four bytes, the lowest first, and then so many bytes of JSON. Every request is answered
//! by one frame, in order. What the program writes to its standard error is its log.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::carrier::{Artifact, CallError, Carrier, Instance, Limits, LoadError, Log, Program};
use super::message::{Batch, Fault, Info, Level, Message, Role, State};
use crate::fsx::{self, FsError};

/// Most bytes of one frame.
const MAX_FRAME: usize = 256 << 20;
/// How often a program that was just written is tried to be started while the system holds its file.
const TRIES: u32 = 50;

/// Runs programs.
pub struct Process {
    folder: PathBuf,
}

impl Process {
    /// Programs are copied below `folder` and run from there, each content by itself, so that a file that is
    /// replaced is never one that runs.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl Carrier for Process {
    fn load(&self, artifact: &Artifact) -> Result<Arc<dyn Program>, LoadError> {
        if artifact.bytes.is_empty() {
            return Err(LoadError::Damaged("the file is empty".to_owned()));
        }
        let folder = self.folder.join(artifact.digest.hex());
        let name = artifact.name.rsplit('/').next().unwrap_or("program");
        let path = folder.join(name);
        let place = |error: FsError| LoadError::Place(error.to_string());
        if !fsx::exists(&path).map_err(place)? {
            fsx::make_dirs(&folder).map_err(place)?;
            fsx::write_durable(&path, &artifact.bytes).map_err(place)?;
            fsx::set_mode(&path, 0o755).map_err(place)?;
        }
        let path = std::path::absolute(&path).map_err(|error| LoadError::Place(error.to_string()))?;
        Ok(Arc::new(Executable { path }))
    }
}

struct Executable {
    path: PathBuf,
}

impl Program for Executable {
    fn start(&self, limits: &Limits, log: &Log) -> Result<Box<dyn Instance>, CallError> {
        Ok(Box::new(Running::start(self, limits, log)?))
    }
}

/// What a program says at first.
#[derive(Deserialize)]
struct Described {
    role: SaidRole,
    #[serde(flatten)]
    info: Info,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum SaidRole {
    Source,
    Processor,
    Sink,
}

/// A message in a frame.
#[derive(Serialize, Deserialize)]
struct Wire {
    id: u64,
    key: u64,
    kind: u32,
    payload: String,
}

impl Wire {
    fn of(message: &Message) -> Self {
        let payload = STANDARD.encode(&message.payload);
        Self { id: message.id, key: message.key, kind: message.kind, payload }
    }

    fn message(self) -> Result<Message, CallError> {
        let payload = STANDARD.decode(&self.payload);
        let payload = payload.map_err(|error| CallError::Trap(format!("a payload is no base64: {error}")))?;
        Ok(Message { id: self.id, key: self.key, kind: self.kind, payload })
    }
}

/// A program at work.
struct Running {
    child: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<io::Result<Vec<u8>>>,
    info: Info,
    role: Role,
    deadline: Duration,
    lost: Option<CallError>,
}

impl Running {
    fn start(program: &Executable, limits: &Limits, log: &Log) -> Result<Self, CallError> {
        let gone = |error: &io::Error| CallError::Gone(format!("it can't be started: {error}"));
        let mut child = spawn(program).map_err(|error| gone(&error))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (sender, answers) = sync_channel(1);
        let read = move || {
            let Some(mut stdout) = stdout else { return };
            loop {
                let frame = read_frame(&mut stdout);
                let end = frame.is_err();
                if sender.send(frame).is_err() || end {
                    return;
                }
            }
        };
        let log = Arc::clone(log);
        let listen = move || {
            let lines = stderr.map(BufReader::new).into_iter().flat_map(|stderr| stderr.lines());
            lines.map_while(Result::ok).for_each(|line| log(Level::Info, &line));
        };
        let mut running = Self {
            child,
            requests: stdin,
            answers,
            info: Info::default(),
            role: Role::Processor,
            deadline: limits.call_deadline,
            lost: None,
        };
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        thread("component-out").spawn(read).map_err(|error| gone(&error))?;
        thread("component-log").spawn(listen).map_err(|error| gone(&error))?;
        let described: Described = running.ask(&json!({"call": "describe"}))?;
        running.info = described.info;
        running.role = match described.role {
            SaidRole::Source => Role::Source,
            SaidRole::Processor => Role::Processor,
            SaidRole::Sink => Role::Sink,
        };
        Ok(running)
    }

    /// Sends a request and waits for its answer.
    fn ask<T: serde::de::DeserializeOwned>(&mut self, request: &Value) -> Result<T, CallError> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        let result = self.converse(request);
        if let Err(error) = &result
            && error.is_fatal()
        {
            self.lost = Some(error.clone());
            self.child.kill().ok();
        }
        serde_json::from_value(result?)
            .map_err(|error| CallError::Trap(format!("its answer is wrong: {error}")))
    }

    fn converse(&mut self, request: &Value) -> Result<Value, CallError> {
        let gone = |error: &io::Error| CallError::Gone(error.to_string());
        let stdin = self.requests.as_mut().ok_or_else(|| CallError::Gone("it has no input".to_owned()))?;
        write_frame(stdin, request).map_err(|error| gone(&error))?;
        let bytes = match self.answers.recv_timeout(self.deadline) {
            Ok(frame) => frame.map_err(|error| gone(&error))?,
            Err(RecvTimeoutError::Timeout) => return Err(CallError::Deadline(self.deadline)),
            Err(RecvTimeoutError::Disconnected) => return Err(CallError::Gone("it ended".to_owned())),
        };
        let mut answer: Value = serde_json::from_slice(&bytes)
            .map_err(|error| CallError::Trap(format!("its answer is no JSON: {error}")))?;
        let said = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for (key, value) in answer.as_object().into_iter().flatten() {
            match key.as_str() {
                "refused" => return Err(CallError::Refused(said(value))),
                "retry" => return Err(Fault::Retry(said(value)).into()),
                "reject" => return Err(Fault::Reject(said(value)).into()),
                "fatal" => return Err(Fault::Fatal(said(value)).into()),
                _ => {}
            }
        }
        Ok(answer.get_mut("ok").map(Value::take).unwrap_or_default())
    }

    fn batch(request: &str, batch: &Batch) -> Value {
        json!({"call": request, "batch": batch.iter().map(Wire::of).collect::<Vec<_>>()})
    }

    fn messages(&mut self, request: &Value) -> Result<Vec<Message>, CallError> {
        let wires: Vec<Wire> = self.ask(request)?;
        wires.into_iter().map(Wire::message).collect()
    }
}

/// Starts the program. A file that was written a moment ago may still be held by a process that is being forked.
fn spawn(program: &Executable) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        let child = Command::new(&program.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match child {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < TRIES => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return other,
        }
    }
}

fn write_frame(to: &mut impl Write, value: &Value) -> io::Result<()> {
    let bytes = serde_json::to_vec(value)?;
    let length = u32::try_from(bytes.len()).map_err(|_long| io::Error::from(io::ErrorKind::FileTooLarge))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

fn read_frame(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::other("it closed its output"),
        _ => error,
    })?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_FRAME {
        return Err(io::Error::other(format!("a frame of {length} bytes; the longest is {MAX_FRAME}")));
    }
    let mut frame = Vec::new();
    from.take(length as u64).read_to_end(&mut frame)?;
    if frame.len() < length {
        return Err(io::Error::other("a frame was cut off"));
    }
    Ok(frame)
}

impl Drop for Running {
    fn drop(&mut self) {
        // The end of its input is how it is asked to end; who does not hear that in time is ended.
        drop(self.requests.take());
        for _ in 0..20 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A state in a frame.
#[derive(Serialize, Deserialize)]
struct WireState {
    schema: u32,
    bytes: String,
}

impl Instance for Running {
    fn info(&self) -> &Info {
        &self.info
    }

    fn role(&self) -> Role {
        self.role
    }

    fn init(&mut self, config: &str) -> Result<(), CallError> {
        self.ask::<Value>(&json!({"call": "init", "config": config})).map(drop)
    }

    fn reconfigure(&mut self, config: &str) -> Result<(), CallError> {
        self.ask::<Value>(&json!({"call": "reconfigure", "config": config})).map(drop)
    }

    fn probe(&mut self) -> Result<(), CallError> {
        self.ask::<Value>(&json!({"call": "probe"})).map(drop)
    }

    fn busy(&mut self) -> Result<u32, CallError> {
        self.ask(&json!({"call": "busy"}))
    }

    fn snapshot(&mut self) -> Result<State, CallError> {
        let state: WireState = self.ask(&json!({"call": "snapshot"}))?;
        let bytes = STANDARD.decode(&state.bytes);
        let bytes = bytes.map_err(|error| CallError::Trap(format!("its state is no base64: {error}")))?;
        Ok(State { schema: state.schema, bytes })
    }

    fn restore(&mut self, state: &Arc<State>) -> Result<(), CallError> {
        let state = WireState { schema: state.schema, bytes: STANDARD.encode(&state.bytes) };
        self.ask::<Value>(&json!({"call": "restore", "state": state})).map(drop)
    }

    fn poll(&mut self, max: u32, now: u64) -> Result<Vec<Message>, CallError> {
        self.messages(&json!({"call": "poll", "max": max, "now": now}))
    }

    fn process(&mut self, batch: &Batch) -> Result<Vec<Message>, CallError> {
        self.messages(&Self::batch("process-batch", batch))
    }

    fn deliver(&mut self, batch: &Batch, again: bool) -> Result<(), CallError> {
        let mut request = Self::batch("deliver", batch);
        request["again"] = json!(again);
        self.ask::<Value>(&request).map(drop)
    }
}
