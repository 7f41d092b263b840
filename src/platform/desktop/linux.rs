//! Linux: over the session's D-Bus, on a thread of its own, for a bus may be slow or not there at all.
//!
//! The notification is of the Desktop Notifications Specification 1.3; the bar is the signal
//! `com.canonical.Unity.LauncherEntry.Update`, which the docks of KDE, Ubuntu and others listen to.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::Value;

use super::Bar;

/// A bus that does not answer so long is left alone.
const PATIENCE: Duration = Duration::from_secs(10);
const NOTIFIER: &str = "org.freedesktop.Notifications";

type Pressed = Box<dyn Fn() + Send>;

enum Order {
    Bar(Bar),
    Tell { title: String, text: String, pressed: Pressed },
    TakeBack,
}

/// The desktop around a window.
#[derive(Debug)]
pub struct Desktop {
    id: String,
    title: String,
    orders: Option<Sender<Order>>,
}

impl Desktop {
    /// The desktop as the program `id` (the name of its menu entry, unless the desktop says which one it was started
    /// by), which people know as `title`, sees it. The bus is not looked for before there is something to say.
    #[must_use]
    pub fn new(id: &str, title: &str) -> Self {
        // glib sets it for what is started from a menu, and programs hand it on.
        let entry = std::env::var_os("GIO_LAUNCHED_DESKTOP_FILE").map(std::path::PathBuf::from);
        let entry = entry.and_then(|entry| entry.file_stem()?.to_str().map(str::to_owned));
        Self { id: entry.unwrap_or_else(|| id.to_owned()), title: title.to_owned(), orders: None }
    }

    /// Shows `bar` at the program's entry.
    pub fn bar(&mut self, bar: Bar) {
        self.say(Order::Bar(bar));
    }

    /// Shows a notification; a press on it calls `pressed`.
    pub fn tell(&mut self, title: &str, text: &str, pressed: Box<dyn Fn() + Send>) {
        self.say(Order::Tell { title: title.to_owned(), text: text.to_owned(), pressed });
    }

    /// Takes the notification back.
    pub fn take_back(&mut self) {
        if self.orders.is_some() {
            self.say(Order::TakeBack);
        }
    }

    fn say(&mut self, order: Order) {
        let orders = self.orders.get_or_insert_with(|| {
            let (orders, inbox) = channel();
            let (id, title) = (self.id.clone(), self.title.clone());
            let work = move || {
                if let Err(why) = work(&inbox, &id, &title) {
                    tracing::debug!("the desktop can't be told anything: {why}");
                }
            };
            // Without the thread nobody hears, which harms nothing.
            std::thread::Builder::new().name("desktop".to_owned()).spawn(work).ok();
            orders
        });
        // Nobody listens where there is no bus.
        orders.send(order).ok();
    }
}

/// The notification in sight.
#[derive(Default)]
struct Shown {
    number: u32,
    pressed: Option<Pressed>,
}

fn work(orders: &Receiver<Order>, id: &str, title: &str) -> zbus::Result<()> {
    let bus = Builder::session()?.method_timeout(PATIENCE).build()?;
    let shown = Arc::new(Mutex::new(Shown::default()));
    let mut notifier = None;
    while let Ok(order) = orders.recv() {
        match order {
            Order::Bar(bar) => show_bar(&bus, id, bar)?,
            Order::Tell { title: head, text, pressed } => {
                if notifier.is_none() {
                    notifier = Some(listen(&bus, &shown)?);
                }
                let Some(notifier) = &notifier else { continue };
                // A press that is heard before the notification's number is waits for that.
                let mut shown = lock(&shown);
                let number = notify(notifier, shown.number, (id, title), &head, &text)?;
                *shown = Shown { number, pressed: Some(pressed) };
            }
            Order::TakeBack => {
                let Shown { number, pressed } = std::mem::take(&mut *lock(&shown));
                if let (Some(notifier), Some(_)) = (&notifier, pressed) {
                    // It may have gone by itself.
                    notifier.call_method("CloseNotification", &number).ok();
                }
            }
        }
    }
    Ok(())
}

fn lock(shown: &Mutex<Shown>) -> std::sync::MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows a notification in the place of the one before; its number.
fn notify(at: &Proxy<'_>, before: u32, who: (&str, &str), head: &str, text: &str) -> zbus::Result<u32> {
    let (id, title) = who;
    // «default» is a press on the notification itself.
    let actions = ["default", ""];
    let hints = HashMap::from([("desktop-entry", Value::from(id)), ("urgency", Value::from(1_u8))]);
    let icon = "software-update-available";
    // -1: as long as the desktop shows such things.
    at.call("Notify", &(title, before, icon, head, without_markup(text), &actions[..], hints, -1_i32))
}

/// The text as it is, where a desktop would read tags and entities in it.
fn without_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The notifier, with a thread that hears what becomes of the notification.
fn listen(bus: &Connection, shown: &Arc<Mutex<Shown>>) -> zbus::Result<Proxy<'static>> {
    let notifier = Proxy::new(bus, NOTIFIER, "/org/freedesktop/Notifications", NOTIFIER)?;
    let signals = notifier.receive_all_signals()?;
    let shown = Arc::clone(shown);
    let hear = move || {
        for signal in signals {
            let (header, body) = (signal.header(), signal.body());
            let is_press = header.member().is_some_and(|name| name.as_str() == "ActionInvoked");
            let is_end = header.member().is_some_and(|name| name.as_str() == "NotificationClosed");
            let number = if is_press {
                body.deserialize::<(u32, &str)>().map(|(number, _action)| number)
            } else {
                body.deserialize::<(u32, u32)>().map(|(number, _reason)| number)
            };
            let mut shown = lock(&shown);
            if number.ok() != Some(shown.number) {
                continue;
            }
            if let (true, Some(pressed)) = (is_press, &shown.pressed) {
                pressed();
            } else if is_end {
                shown.pressed = None;
            }
        }
    };
    std::thread::Builder::new().name("notified".to_owned()).spawn(hear).map_err(zbus::Error::from)?;
    Ok(notifier)
}

fn show_bar(bus: &Connection, id: &str, bar: Bar) -> zbus::Result<()> {
    let (share, urgent) = match bar {
        Bar::None => (None, false),
        Bar::Share(share) | Bar::Held(share) => (Some(share), false),
        Bar::Stopped => (None, true),
    };
    let properties = HashMap::from([
        ("progress", Value::from(f64::from(share.unwrap_or(0)) / 1000.0)),
        ("progress-visible", Value::from(share.is_some())),
        ("urgent", Value::from(urgent)),
    ]);
    let (entry, path) = (format!("application://{id}.desktop"), "/com/canonical/unity/launcherentry/1");
    let (interface, signal) = ("com.canonical.Unity.LauncherEntry", "Update");
    bus.emit_signal(None::<zbus::names::BusName<'_>>, path, interface, signal, &(entry, properties))
}
