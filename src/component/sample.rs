//! A small component made without any compiler for WebAssembly: the processor of the demonstration, and with
//! one of its faults switched on, the bad versions that tests and benches need.

use super::carrier::LoadError;
use super::message::Role;
use super::world;

/// The text of the core module.
const TEMPLATE: &str = include_str!("../../assets/component/counter.wat");
/// Where the state lies in memory.
const REGION: u32 = 4096;

/// What a version does wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    #[default]
    None,
    /// It traps when its count is here or beyond.
    TrapAt(u64),
    /// It never returns when its count is here or beyond.
    LoopAt(u64),
    /// It takes one MiB of memory with each message from here on.
    LeakFrom(u64),
    /// It refuses its config.
    RefuseConfig,
    /// It refuses the state of the version before.
    RefuseState,
    /// It says that it is not well.
    Ill,
    /// It has work that must not be cut off until its count comes here.
    BusyUntil(u64),
}

/// A processor that numbers messages: it sets their kind to its version and their payload to its count, eight
/// bytes, the lowest first.
#[derive(Debug, Clone)]
pub struct Counter {
    /// Its version, and the kind of the messages it gives.
    pub version: u32,
    /// The schema of its state.
    pub schema: u32,
    /// A further schema it can take over.
    pub accepts: Option<u32>,
    /// Bytes of its state; at least eight.
    pub state_bytes: u32,
    /// What it does wrong.
    pub flaw: Flaw,
}

impl Counter {
    /// A good version.
    #[must_use]
    pub fn version(version: u32) -> Self {
        Self { version, schema: 1, accepts: None, state_bytes: 8, flaw: Flaw::None }
    }

    /// The same with a flaw.
    #[must_use]
    pub fn with(self, flaw: Flaw) -> Self {
        Self { flaw, ..self }
    }

    /// The text of its core module.
    #[must_use]
    pub fn text(&self) -> String {
        let state_bytes = self.state_bytes.max(8);
        let heap = (REGION + state_bytes).next_multiple_of(16);
        let version = format!("{}.0.0", self.version);
        let accepts: String = self
            .accepts
            .iter()
            .flat_map(|schema| schema.to_le_bytes())
            .map(|b| format!("\\{b:02x}"))
            .collect();
        let from = |count: u64, then: &str| {
            format!("(if (i64.ge_u (local.get $seen) (i64.const {count})) (then {then}))")
        };
        let work = match self.flaw {
            Flaw::TrapAt(count) => from(count, "(unreachable)"),
            Flaw::LoopAt(count) => from(count, "(loop $ever (br $ever))"),
            Flaw::LeakFrom(count) => format!(
                "(if (i64.ge_u (local.get $seen) (i64.const {count})) (then (drop (memory.grow (i32.const 16)))))"
            ),
            _ => String::new(),
        };
        let busy = match self.flaw {
            Flaw::BusyUntil(count) => {
                format!("(i64.lt_u (i64.load (i32.const {REGION})) (i64.const {count}))")
            }
            _ => "(i32.const 0)".to_owned(),
        };
        let refuses =
            |flaw: Flaw| if self.flaw == flaw { "(call $refuse)" } else { "(call $well)" }.to_owned();
        let pairs = [
            ("pages", (heap / 65_536 + 2).to_string()),
            ("heap", heap.to_string()),
            ("version-length", version.len().to_string()),
            ("version", version),
            ("schema", self.schema.to_string()),
            ("accepts-count", u32::from(self.accepts.is_some()).to_string()),
            ("accepts", accepts),
            ("state-bytes", state_bytes.to_string()),
            ("kind", self.version.to_string()),
            ("init", refuses(Flaw::RefuseConfig)),
            ("reconfigure", refuses(Flaw::RefuseConfig)),
            ("probe", refuses(Flaw::Ill)),
            ("restore", refuses(Flaw::RefuseState)),
            ("busy", busy),
            ("work", work),
        ];
        pairs.iter().fold(TEMPLATE.to_owned(), |text, (word, value)| {
            text.replace(&["{{", word, "}}"].concat(), value)
        })
    }

    /// The component as a file has it.
    ///
    /// # Errors
    /// Only by a defect of the template.
    pub fn build(&self) -> Result<Vec<u8>, LoadError> {
        let core = wat::parse_str(self.text()).map_err(|error| LoadError::Damaged(error.to_string()))?;
        world::encode(&core, Role::Processor)
    }
}
