//! Servers that say nothing, or as good as nothing. Each costs the idle limit of 20 s, so all are tried at once.

use std::time::Duration;

use super::{Site, object_bytes, side_by_side};
use crate::support::fault_server::Fault;

/// What takes its time, side by side.
///
/// A41, A42: cuts at random places in one update lose no more than 64 KiB each.
/// A43, A44: a server that is dead is waited for, visibly on screen, in JSON and in the log; the updater goes on by itself.
/// A43, A44, A49: a cable that is pulled under a running transfer and plugged in again, where the user may make network namespaces.
/// A46, A49: a connection that is open and silent - before the answer, in its headers, in its body - is cut after the idle limit and asked again.
/// A52: a mirror that drips is left for one that flows.
#[test]
fn what_takes_its_time_is_outlived() {
    std::thread::scope(|scope| {
        #[cfg(target_os = "linux")]
        scope.spawn(super::link::a_cable_pulled_and_plugged_in_again);
        scope.spawn(super::cuts::many_cuts_lose_nearly_nothing);
        scope.spawn(super::cuts::a_dead_server_is_waited_for);
        scope.spawn(silence_is_cut_and_asked_again);
    });
}

fn silence_is_cut_and_asked_again() {
    let site = Site::new(&[("big.bin", 3_000_000)]);
    let total: u64 = site.objects().iter().map(|(_, size)| size).sum();
    let big = site.objects()[0].0.clone();
    let silences = [
        (Fault::Silent, "nothing came for 20 s"),
        (Fault::StallAfter(1_500_000), "nothing came for 20 s"),
        (Fault::StallAfter(0), "nothing came for 20 s"),
        (Fault::SlowHead, "nothing came for 20 s"),
        (Fault::Trickle(1), ""),
    ];
    side_by_side(silences.len(), &silences, |at, (silence, reason)| {
        let (first, second, told) = (site.serve(), site.serve(), silence.clone());
        let path = big.clone();
        first.rescript(move |asked| (asked.path == path && asked.again == 0).then(|| told.clone()));
        let (first_url, second_url) = (first.url(), second.url());
        let alone = [first_url.as_str()];
        let both = [first_url.as_str(), second_url.as_str()];
        let drips = matches!(silence, Fault::Trickle(_));
        let copy = site.copy(&format!("silent-{at}"), if drips { &both } else { &alone });
        let ended = copy.start(&["--json"]).end(Duration::from_secs(180));
        assert_eq!(ended.code, Some(0), "{silence:?}: {}", ended.said);
        site.assert_new(&copy);
        // A drip may be left for its own sake or because the other mirror was measured to be faster.
        let told = if drips { object_bytes(&second) > 2_000_000 } else { ended.said.contains(reason) };
        assert!(told, "{silence:?}: {}", ended.said);
        let fetched = object_bytes(&first) + object_bytes(&second);
        assert!(fetched <= total + 65_536, "{silence:?}: {fetched} bytes for {total}");
    });
}
