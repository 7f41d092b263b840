//! The console in a real browser: Debian's chromium, driven through its WebDriver.

use serde_json::json;

use crate::console::Desk;
use crate::serve::ask;
use crate::support::browser::Browser;
use crate::support::world::{wait_for, write};

/// Keys by their names in WebDriver.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// Through the console with mouse and keyboard: log in, scan, publish, halt, withdraw; nothing is refused by the
/// page's own policy, and every page fits a phone.
#[test]
fn a_person_publishes_halts_and_withdraws_in_a_browser() {
    let desk = Desk::new();
    let Some(browser) = Browser::open(&desk.world.path("profile")) else { return };
    let base = format!("http://{}", desk.admin);
    for (address, number) in
        [("192.0.2.1", 2), ("192.0.2.2", 2), ("192.0.2.3", 2), ("192.0.2.4", 1), ("192.0.2.5", 0)]
    {
        let agent = format!("updraft/0.1.0 (stable/any/{number})");
        let headers = [("User-Agent", agent.as_str()), ("X-Forwarded-For", address)];
        ask(desk.server.addr, "GET", "/metadata/timestamp.json", &headers);
    }
    browser.wear(1100, "light", "en-US");
    browser.go(&base);
    browser.picture("console-login");
    // The field has the focus: typing and Enter are enough.
    let element = browser.find("#token:focus");
    browser.send(
        "POST",
        &format!("/element/{element}/value"),
        &json!({"text": format!("{}{ENTER}", desk.token)}),
    );
    wait_for("the first page", || browser.text("h1") == "Projects");
    browser.picture("console-projects");
    browser.click(".card h2 a");
    browser.picture("console-releases");
    write(desk.world.build().join("app.txt"), "three");
    write(desk.world.build().join("更新/说明.txt"), "新的");
    browser.click(".tabs a[href$='/publish']");
    browser.click("form[action$='/scan'] button");
    assert!(browser.text("#scan").contains("1 changed"));
    browser.picture("console-scan");
    browser.fill("#version", "2.0");
    browser.fill("#notes-en", "Ready for everybody.");
    browser.fill("#notes-zh", "面向所有用户。");
    browser.click("form[action$='/publish'] button");
    assert!(browser.text(".flash.good").starts_with("Published 2.0 as r3: 1 changed, 1 added"));
    browser.picture("console-release");
    // By keyboard alone to the button, which shows that it has the focus.
    let focused =
        || browser.run("return document.activeElement.closest('form')?.getAttribute('action') || ''");
    let is_halt = || {
        let button = browser.run("return document.activeElement.tagName") == "BUTTON";
        button && focused().as_str().unwrap().ends_with("/halt")
    };
    for _ in 0..40 {
        if is_halt() {
            break;
        }
        browser.press(TAB);
    }
    assert!(is_halt(), "Tab does not lead to the button");
    let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "the focus can't be seen");
    browser.press(ENTER);
    wait_for("the halt", || browser.text(".flash").contains("2.0 is halted"));
    browser.picture("console-halted");
    browser.click("a.danger");
    assert_eq!(browser.text("h1"), "Withdraw 2.0?");
    browser.picture("console-withdraw");
    browser.click("button.danger");
    wait_for("the withdrawal", || browser.text(".flash").contains("2.0 is withdrawn"));
    assert!(browser.url().ends_with("/r/stable/any/3"));
    look_around(&browser, &base);
}

/// Every page in every colour, width and language: nothing sticks out, and nothing is in it that the policy refuses.
fn look_around(browser: &Browser, base: &str) {
    let (base_project, release) = (format!("{base}/p/-"), format!("{base}/p/-/r/stable/any/2"));
    for (name, width, scheme, language) in [
        ("dark", 1100, "dark", "en-US"),
        ("narrow", 390, "light", "zh-CN"),
        ("narrow-dark", 390, "dark", "en-US"),
        ("zh", 1100, "light", "zh-CN"),
    ] {
        browser.wear(width, scheme, language);
        for (page, url) in [
            ("projects", base.to_owned()),
            ("releases", base_project.clone()),
            ("release", release.clone()),
            ("publish", format!("{base_project}/publish")),
            ("clients", format!("{base_project}/clients")),
        ] {
            browser.go(&url);
            assert_eq!(browser.run("return document.querySelectorAll('script, style, [style]').length"), 0);
            browser.picture(&format!("console-{page}-{name}"));
        }
    }
}
