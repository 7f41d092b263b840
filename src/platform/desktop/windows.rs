//! Windows: the bar of the task bar's button, and a notification of the tray. Both belong to the window of this thread.
#![expect(unsafe_code, reason = "the system's interface is C and COM")]

use std::cell::RefCell;

use windows::Win32::Foundation::HWND as Handle;
use windows::Win32::System::Com::{CLSCTX_INPROC_SERVER, CoCreateInstance};
use windows::Win32::UI::Shell::{
    ITaskbarList3, TBPF_ERROR, TBPF_NOPROGRESS, TBPF_NORMAL, TBPF_PAUSED, TaskbarList,
};
use windows_sys::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows_sys::Win32::System::Threading::GetCurrentThreadId;
use windows_sys::Win32::UI::Shell::{
    DefSubclassProc, NIF_ICON, NIF_INFO, NIF_MESSAGE, NIF_TIP, NIIF_INFO, NIM_ADD, NIM_DELETE,
    NIN_BALLOONUSERCLICK, NOTIFYICONDATAW, RemoveWindowSubclass, SetWindowSubclass, Shell_NotifyIconW,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    EnumThreadWindows, GCLP_HICON, GetClassLongPtrW, HICON, ICON_SMALL, IDI_APPLICATION, IsWindowVisible,
    LoadIconW, SendMessageW, WM_APP, WM_GETICON, WM_LBUTTONUP,
};

use super::Bar;

/// The number of our icon in the tray, and the message that tells of it.
const ICON: u32 = 1;
const TOLD: u32 = WM_APP + 0x155;

thread_local! {
    /// What a press on the notification calls.
    static PRESSED: RefCell<Option<Box<dyn Fn() + Send>>> = const { RefCell::new(None) };
}

/// The desktop around the window of this thread. Used on that thread alone.
#[derive(Debug)]
pub struct Desktop {
    title: String,
    list: Option<ITaskbarList3>,
    tried: bool,
    told: Option<HWND>,
}

impl Desktop {
    /// The desktop as the program, which people know as `title`, sees it.
    #[must_use]
    pub fn new(_id: &str, title: &str) -> Self {
        Self { title: title.to_owned(), list: None, tried: false, told: None }
    }

    /// Shows `bar` at the program's entry.
    pub fn bar(&mut self, bar: Bar) {
        let Some(window) = window() else { return };
        if !std::mem::replace(&mut self.tried, true) {
            // SAFETY: the window's thread has entered COM when the window was made; a desktop without a task bar refuses.
            let made = unsafe { CoCreateInstance(&TaskbarList, None, CLSCTX_INPROC_SERVER) };
            self.list = made.inspect_err(|why| tracing::debug!("no bar in the task bar: {why}")).ok();
        }
        let Some(list) = &self.list else { return };
        let (flags, share) = match bar {
            Bar::None => (TBPF_NOPROGRESS, None),
            Bar::Share(share) => (TBPF_NORMAL, Some(share)),
            Bar::Held(share) => (TBPF_PAUSED, Some(share)),
            Bar::Stopped => (TBPF_ERROR, Some(1000)),
        };
        let window = Handle(window);
        // SAFETY: the interface lives as long as `list`, and the window is one of this thread. A window that has just gone
        // is refused.
        unsafe {
            list.SetProgressState(window, flags).ok();
            share.map(|share| list.SetProgressValue(window, share.into(), 1000).ok());
        }
    }

    /// Shows a notification; a press on it calls `pressed`.
    pub fn tell(&mut self, title: &str, text: &str, pressed: Box<dyn Fn() + Send>) {
        self.take_back();
        let Some(window) = window() else { return };
        let mut data = icon_of(window);
        data.uFlags = NIF_ICON | NIF_MESSAGE | NIF_TIP | NIF_INFO;
        data.uCallbackMessage = TOLD;
        data.hIcon = picture(window);
        data.dwInfoFlags = NIIF_INFO;
        fill(&mut data.szTip, &self.title);
        fill(&mut data.szInfoTitle, title);
        fill(&mut data.szInfo, text);
        PRESSED.set(Some(pressed));
        // SAFETY: `data` is whole and lives over the call; `heard` is a function for ever. Where there is no tray it fails.
        let is_shown = unsafe {
            SetWindowSubclass(window, Some(heard), ICON as usize, 0) != 0
                && Shell_NotifyIconW(NIM_ADD, &raw const data) != 0
        };
        if is_shown {
            self.told = Some(window);
        }
    }

    /// Takes the notification back.
    pub fn take_back(&mut self) {
        let Some(window) = self.told.take() else { return };
        let data = icon_of(window);
        // SAFETY: `data` names our icon. If the window has gone, so has the icon.
        unsafe {
            Shell_NotifyIconW(NIM_DELETE, &raw const data);
            RemoveWindowSubclass(window, Some(heard), ICON as usize);
        }
        PRESSED.set(None);
    }
}

impl Drop for Desktop {
    /// An icon of a program that has ended would stay until somebody points at it.
    fn drop(&mut self) {
        self.take_back();
    }
}

fn icon_of(window: HWND) -> NOTIFYICONDATAW {
    NOTIFYICONDATAW {
        cbSize: size_of::<NOTIFYICONDATAW>() as u32,
        hWnd: window,
        uID: ICON,
        ..NOTIFYICONDATAW::default()
    }
}

/// Puts as much of `text` into `place` as fits before its closing zero.
fn fill(place: &mut [u16], text: &str) {
    let room = place.len() - 1;
    let mut at = 0;
    for c in text.chars().take_while(|c| *c != '\0') {
        let mut units = [0; 2];
        let units = c.encode_utf16(&mut units);
        if at + units.len() > room {
            break;
        }
        place[at..at + units.len()].copy_from_slice(units);
        at += units.len();
    }
}

/// The icon of the window: its own, its class's, or the system's for any program.
fn picture(window: HWND) -> HICON {
    // SAFETY: numbers go in, and a handle that belongs to the window or the system comes out.
    unsafe {
        let own = SendMessageW(window, WM_GETICON, ICON_SMALL as usize, 0) as HICON;
        let class = GetClassLongPtrW(window, GCLP_HICON) as HICON;
        let found = [own, class].into_iter().find(|icon| !icon.is_null());
        found.unwrap_or_else(|| LoadIconW(std::ptr::null_mut(), IDI_APPLICATION))
    }
}

/// The visible window of this thread.
fn window() -> Option<HWND> {
    unsafe extern "system" fn look(window: HWND, found: LPARAM) -> i32 {
        // SAFETY: `found` is the place below, which lives until `EnumThreadWindows` returns.
        unsafe {
            if IsWindowVisible(window) == 0 {
                return 1;
            }
            *(found as *mut HWND) = window;
        }
        0
    }
    let mut found: HWND = std::ptr::null_mut();
    // SAFETY: `look` writes into `found` only, and only during this call.
    unsafe { EnumThreadWindows(GetCurrentThreadId(), Some(look), (&raw mut found) as LPARAM) };
    (!found.is_null()).then_some(found)
}

/// Hears of presses on the notification and its icon; all else goes on to the window.
unsafe extern "system" fn heard(
    window: HWND,
    message: u32,
    first: WPARAM,
    second: LPARAM,
    _which: usize,
    _unused: usize,
) -> LRESULT {
    if message == TOLD {
        let what = u32::try_from(second & 0xffff).unwrap_or(0);
        if matches!(what, NIN_BALLOONUSERCLICK | WM_LBUTTONUP) {
            PRESSED.with_borrow(|pressed| pressed.iter().for_each(|pressed| pressed()));
        }
        return 0;
    }
    // SAFETY: the call is handed on as it came.
    unsafe { DefSubclassProc(window, message, first, second) }
}
