//! One running component in the sandbox.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, Instance as Raw, InstancePre, Lift, Lower, TypedFunc,
};
use wasmtime::{Store, Trap};

use super::host::Host;
use super::{ticks, told};
use crate::component::carrier::{CallError, Instance, Values};
use crate::component::message::{Batch, Fault, Info, Message, Role, State};

const LIFECYCLE: &str = "updraft:component/lifecycle@1.0.0";
/// The interface and the function of each role.
const WORK: [(Role, &str, &str); 3] = [
    (Role::Processor, "updraft:component/processor@1.0.0", "process-batch"),
    (Role::Source, "updraft:component/source@1.0.0", "poll"),
    (Role::Sink, "updraft:component/sink@1.0.0", "deliver"),
];

type Refusal = (Result<(), String>,);
type Config = TypedFunc<(String,), Refusal>;

/// Where the functions of a component are.
pub(super) struct Calls {
    describe: ComponentExportIndex,
    init: ComponentExportIndex,
    reconfigure: ComponentExportIndex,
    probe: ComponentExportIndex,
    busy: ComponentExportIndex,
    snapshot: ComponentExportIndex,
    restore: ComponentExportIndex,
    work: ComponentExportIndex,
}

impl Calls {
    /// Finds every function; says in words what is missing.
    pub(super) fn of(component: &Component) -> Result<(Self, Role), String> {
        let find = |interface: &str, function: &str| {
            let inside = component.get_export_index(None, interface);
            let inside = inside.ok_or_else(|| format!("it does not export {interface}"))?;
            let index = component.get_export_index(Some(&inside), function);
            index.ok_or_else(|| format!("{interface} has no function {function}"))
        };
        let life = |function| find(LIFECYCLE, function);
        let mut roles =
            WORK.iter().filter(|(_, interface, _)| component.get_export_index(None, interface).is_some());
        let (role, interface, function) =
            roles.next().ok_or("it exports none of processor, source and sink")?;
        if let Some((other, ..)) = roles.next() {
            return Err(format!("it is a {} and a {} at once", role.as_str(), other.as_str()));
        }
        let calls = Self {
            describe: life("describe")?,
            init: life("init")?,
            reconfigure: life("reconfigure")?,
            probe: life("probe")?,
            busy: life("busy")?,
            snapshot: life("snapshot")?,
            restore: life("restore")?,
            work: find(interface, function)?,
        };
        Ok((calls, *role))
    }
}

/// The messages a call gives, as the one result of a function.
type Given = (Result<Vec<Message>, Fault>,);

/// What the component does for a living.
enum Work {
    Process(TypedFunc<(Batch,), Given>),
    Poll(TypedFunc<(u32, u64), Given>),
    Deliver(TypedFunc<(Batch, bool), (Result<(), Fault>,)>),
}

/// A component with a memory of its own.
pub(super) struct WasmInstance {
    store: Store<Host>,
    info: Info,
    role: Role,
    deadline: Duration,
    ticks: u64,
    init: Config,
    reconfigure: Config,
    probe: TypedFunc<(), Refusal>,
    busy: TypedFunc<(), (u32,)>,
    snapshot: TypedFunc<(), (State,)>,
    restore: TypedFunc<(Arc<State>,), Refusal>,
    work: Work,
}

impl WasmInstance {
    pub(super) fn start(
        pre: &InstancePre<Host>,
        calls: &Calls,
        role: Role,
        mut store: Store<Host>,
        deadline: Duration,
    ) -> Result<Self, CallError> {
        let ticks = ticks(deadline);
        store.set_epoch_deadline(ticks);
        let raw = pre.instantiate(&mut store).map_err(|error| sort(&error, store.data(), deadline))?;
        let describe = typed::<(), (Info,)>(&raw, &mut store, &calls.describe)?;
        let work = match role {
            Role::Processor => Work::Process(typed(&raw, &mut store, &calls.work)?),
            Role::Source => Work::Poll(typed(&raw, &mut store, &calls.work)?),
            Role::Sink => Work::Deliver(typed(&raw, &mut store, &calls.work)?),
        };
        let mut instance = Self {
            init: typed(&raw, &mut store, &calls.init)?,
            reconfigure: typed(&raw, &mut store, &calls.reconfigure)?,
            probe: typed(&raw, &mut store, &calls.probe)?,
            busy: typed(&raw, &mut store, &calls.busy)?,
            snapshot: typed(&raw, &mut store, &calls.snapshot)?,
            restore: typed(&raw, &mut store, &calls.restore)?,
            work,
            store,
            info: Info::default(),
            role,
            deadline,
            ticks,
        };
        let (info,) = call(&mut instance.store, ticks, deadline, &describe, ())?;
        instance.info = info;
        Ok(instance)
    }

    /// What a batch wrote counts only if the batch went well.
    fn settle<T>(&mut self, result: Result<Result<T, Fault>, CallError>) -> Result<T, CallError> {
        let result = result.and_then(|inner| inner.map_err(CallError::Fault));
        let host = self.store.data_mut();
        if result.is_ok() {
            host.commit();
        } else {
            host.forget();
        }
        result
    }

    /// The answer of a call that may refuse.
    fn said(&mut self, result: Result<Refusal, CallError>) -> Result<(), CallError> {
        let result = result.and_then(|(answer,)| answer.map_err(CallError::Refused));
        let host = self.store.data_mut();
        if result.is_ok() {
            host.commit();
        } else {
            host.forget();
        }
        result
    }
}

fn call<P, R>(
    store: &mut Store<Host>,
    ticks: u64,
    deadline: Duration,
    func: &TypedFunc<P, R>,
    params: P,
) -> Result<R, CallError>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    store.set_epoch_deadline(ticks);
    func.call(&mut *store, params).map_err(|error| sort(&error, store.data(), deadline))
}

/// What an error of the sandbox means.
fn sort(error: &wasmtime::Error, host: &Host, deadline: Duration) -> CallError {
    if host.over {
        return CallError::Memory(host.memory);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => CallError::Deadline(deadline),
        Some(trap) => CallError::Trap(trap.to_string()),
        None => CallError::Trap(told(error)),
    }
}

fn typed<P, R>(
    raw: &Raw,
    store: &mut Store<Host>,
    index: &ComponentExportIndex,
) -> Result<TypedFunc<P, R>, CallError>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    raw.get_typed_func(&mut *store, index).map_err(|error| CallError::Refused(told(&error)))
}

impl Instance for WasmInstance {
    fn info(&self) -> &Info {
        &self.info
    }

    fn role(&self) -> Role {
        self.role
    }

    fn init(&mut self, config: &str) -> Result<(), CallError> {
        let result = call(&mut self.store, self.ticks, self.deadline, &self.init, (config.to_owned(),));
        self.said(result)
    }

    fn reconfigure(&mut self, config: &str) -> Result<(), CallError> {
        let result =
            call(&mut self.store, self.ticks, self.deadline, &self.reconfigure, (config.to_owned(),));
        self.said(result)
    }

    fn probe(&mut self) -> Result<(), CallError> {
        let result = call(&mut self.store, self.ticks, self.deadline, &self.probe, ());
        self.said(result)
    }

    fn busy(&mut self) -> Result<u32, CallError> {
        call(&mut self.store, self.ticks, self.deadline, &self.busy, ()).map(|(count,)| count)
    }

    fn snapshot(&mut self) -> Result<State, CallError> {
        call(&mut self.store, self.ticks, self.deadline, &self.snapshot, ()).map(|(state,)| state)
    }

    fn restore(&mut self, state: &Arc<State>) -> Result<(), CallError> {
        let result = call(&mut self.store, self.ticks, self.deadline, &self.restore, (Arc::clone(state),));
        self.said(result)
    }

    fn values(&self) -> Values {
        self.store.data().values.clone()
    }

    fn set_values(&mut self, values: Values) {
        self.store.data_mut().values = values;
    }

    fn set_quiet(&mut self, quiet: bool) {
        self.store.data_mut().quiet = quiet;
    }

    fn poll(&mut self, max: u32, now: u64) -> Result<Vec<Message>, CallError> {
        let Work::Poll(func) = &self.work else { return Err(CallError::Role(self.role)) };
        let result = call(&mut self.store, self.ticks, self.deadline, func, (max, now));
        self.settle(result.map(|(result,)| result))
    }

    fn process(&mut self, batch: &Batch) -> Result<Vec<Message>, CallError> {
        let Work::Process(func) = &self.work else { return Err(CallError::Role(self.role)) };
        let result = call(&mut self.store, self.ticks, self.deadline, func, (Arc::clone(batch),));
        self.settle(result.map(|(result,)| result))
    }

    fn deliver(&mut self, batch: &Batch, again: bool) -> Result<(), CallError> {
        let Work::Deliver(func) = &self.work else { return Err(CallError::Role(self.role)) };
        let result = call(&mut self.store, self.ticks, self.deadline, func, (Arc::clone(batch), again));
        self.settle(result.map(|(result,)| result))
    }
}
