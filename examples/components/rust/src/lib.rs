//! A processor that numbers what passes: it leaves id and key as they are, sets `kind` to its major version and
//! the payload to the count of messages so far, which is its state.

use std::cell::Cell;

wit_bindgen::generate!({ path: "wit", world: "processor-component" });

use exports::updraft::component::lifecycle::{Guest as Lifecycle, Info, State};
use exports::updraft::component::processor::{Fault, Guest as Processor, Message};

/// The version, as the status shows it.
const VERSION: u32 = 1;
/// The schema of the state; give it another number when its bytes mean something else.
const SCHEMA: u32 = 1;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counter;

impl Lifecycle for Counter {
    fn describe() -> Info {
        let version = format!("{VERSION}.0.0");
        Info { name: "counter".to_owned(), version, state_schema: SCHEMA, accepts: Vec::new() }
    }

    fn init(_config: String) -> Result<(), String> {
        Ok(())
    }

    fn reconfigure(_config: String) -> Result<(), String> {
        Ok(())
    }

    fn probe() -> Result<(), String> {
        Ok(())
    }

    fn busy() -> u32 {
        0
    }

    fn snapshot() -> State {
        State { schema: SCHEMA, bytes: COUNT.get().to_le_bytes().to_vec() }
    }

    fn restore(state: State) -> Result<(), String> {
        let bytes = state.bytes.as_slice().try_into().map_err(|_| "the state is not eight bytes".to_owned())?;
        COUNT.set(u64::from_le_bytes(bytes));
        Ok(())
    }
}

impl Processor for Counter {
    fn process_batch(batch: Vec<Message>) -> Result<Vec<Message>, Fault> {
        let number = |mut message: Message| {
            COUNT.set(COUNT.get() + 1);
            message.kind = VERSION;
            message.payload = COUNT.get().to_le_bytes().to_vec();
            message
        };
        Ok(batch.into_iter().map(number).collect())
    }
}

export!(Counter);
