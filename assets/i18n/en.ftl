# The words of the updater's window, in English: the language every other falls back to.
# $app is the program's name, $version a version, $shown a number as text, $count the same number for plurals.

language-name = English

button-back = Back
button-cancel = Cancel
button-close = Close
button-close-app = Close { $app }
button-copied = Copied
button-copy-log = Copy log
button-details = Details
button-hide-details = Hide details
button-for-all = Update as administrator
button-defer = At next start
button-go-back = Go back to { $version }
button-later = Later
button-pause = Pause
button-quit = Quit
button-resume = Resume
button-retry-now = Retry now
button-settings = Settings
button-skip = Skip this version
button-start = Start { $app }
button-start-anyway = Start anyway
button-try-again = Try again
button-update = Update now

checking-title = Checking for updates
checking-below = This takes a moment.

offer-title = Version { $version } is available
offer-facts = You have { $version }. Download size: { $size }.
offer-have = You have { $version }.
offer-size = Download size: { $size }.
offer-forced = This update is required to keep using { $app }.
offer-notes = What is new

progress-title = Updating to { $version }
progress-title-plain = Updating { $app }
progress-bar = Progress of the update
progress-planning = Reading the installed files
progress-scan = Checking { $file }
progress-fetch = Downloading { $file } ({ $index } of { $count })
progress-fetch-plain = Downloading
progress-stage = Unpacking { $file } ({ $index } of { $count })
progress-bytes = { $done } of { $total }
progress-speed = { $speed }/s
progress-left = { $span } left
progress-comma = ,{" "}
progress-paused = Paused
progress-cancelling = Cancelling. Nothing will be changed.

lost-band = Connection lost. Retrying in { $span }
lost-band-now = Connection lost. Retrying now
lost-attempt = Attempt { $shown }
lost-spoken = Connection lost. It is tried again by itself.
lost-continued = Connected again, continuing

waiting-title = Waiting for { $app } to close
waiting-below = Save your work and close { $app }. The update goes on by itself.
waiting-process = Process { $pid }
waiting-own = { $name } (process { $pid })
waiting-other = { $name } (process { $pid }, run by { $user })
waiting-more = and { $shown } more

installing-title = Installing { $version }
installing-title-plain = Installing the update
installing-below = Please do not turn off the computer.
installing-files = { $done } of { $total } files
installing-close = The window closes by itself when the files are in place.

done-title = { $app } { $version } is installed
done-updated = { $count ->
    [one] { $shown } file updated
   *[other] { $shown } files updated
}
done-removed = { $shown } removed
done-nothing = No files had to change
done-below = { $counts }. Your settings were kept.
starts-in = { $app } starts by itself in { $span }.

current-title = { $app } is up to date
current-below = You have the newest version, { $version }.
current-none = There is no release for this program yet.

go-back-title = Go back to { $version }?
go-back-below = { $app } { $installed } is then no longer offered by itself. Your own files stay.

back-title = { $from } did not start, { $to } is back
back-title-by-hand = { $app } { $to } is back
back-below = { $app } { $to } works as before.
back-reason = What happened: { $reason }

failed-title = The update could not be installed
failed-title-here = { $app } can’t be updated here
failed-unchanged = Nothing was changed.
failed-works = Nothing was changed: { $app } { $version } still works.
failed-code = Error code: { $code }
failed-log = Log: { $path }
failed-messages = What was done

ended-title = Closing
ended-below = Nothing was changed.

number-decimal = .
number-group = ,
percent = { $shown }%
bytes-b = { $shown } B
bytes-kb = { $shown } kB
bytes-mb = { $shown } MB
bytes-gb = { $shown } GB
bytes-tb = { $shown } TB
span-seconds = { $s } s
span-minutes = { $m } min { $s } s
span-hours = { $h } h { $m } min

cause-usage = The updater was started with settings it does not understand.
cause-config = The updater’s configuration is missing or damaged.
cause-cancelled = The update was cancelled.
cause-network-unreachable = The update server can’t be reached.
cause-network-answer = The update server gave an answer that makes no sense.
cause-network-missing = A file of the update is missing on the server.
cause-network-insecure = The connection to the update server is not safe.
cause-trust-signature = The update’s signature is missing or wrong.
cause-trust-expired = The update information is out of date.
cause-trust-rollback = The server offers something older than was seen before.
cause-trust-mismatch = The parts of the update information do not belong together.
cause-trust-malformed = The update information can’t be read.
cause-trust-newer-format = This update needs a newer updater.
cause-trust-content = A downloaded file is not what the publisher signed.
cause-trust-no-root = The publisher’s key is missing beside the updater.
cause-key = A signing key can’t be used.
cause-disk-space = There is not enough room on the disk.
cause-disk-permission = A file or folder may not be written.
cause-disk-read-only = The disk can only be read.
cause-disk-other-volume = A folder of { $app } is on another disk.
cause-disk-in-the-way = A file or link of yours is in the way.
cause-disk-passing-place = { $app } runs from a temporary folder.
cause-install-damaged = Files of { $app } are missing or changed.
cause-disk-io = The disk reported an error.
cause-disk-path = A file of the update can’t have its name on this computer.
cause-repository = The update server’s data is damaged.
cause-state-journal = An interrupted update left something that can’t be understood.
cause-busy-program = { $app } is still running.
cause-busy-updater = Another update of { $app } is at work.
cause-busy-file = Another program holds a file of { $app } open.
cause-rolled-back = The new version did not start.
cause-release-updater = The update brings an updater that does not work here.
cause-start = { $app } can’t be started.
cause-internal = The updater made a mistake.

hint-network = Check the network connection, then try again.
hint-trust = Do not go on with this copy. Tell the publisher of { $app }.
hint-disk-space = Free some room on the disk, then try again.
hint-disk-permission = Ask the person who looks after this computer, or move { $app } to a folder of yours.
hint-for-all = It is installed for all users of this computer. An administrator can update it.
hint-move = Move { $app } to another folder and start it from there.
hint-in-the-way = Move it away, then try again.
remedy-space = { $needed } are needed, { $free } are free.
remedy-owner = The folder belongs to { $owner }.
remedy-path = In the way: { $path }
hint-disk = Check the disk, then try again.
hint-busy = Close it, then try again.
hint-other = Try again later. If it stays like this, send the log to the publisher of { $app }.

settings-title = Settings
settings-below = They hold for the updates of { $app }.
settings-language = Language
settings-system = As the system
settings-proxy = Proxy
settings-proxy-none = No proxy
settings-proxy-own = Address
settings-proxy-sample = http://host:port
settings-proxy-wrong = This is not the address of a proxy.
settings-limit = Speed limit
settings-limit-none = No limit
settings-saved = Saved.
settings-run-only = The settings file can’t be written. This holds until the window closes.
settings-later = The proxy is used from the next try on.
about = Updater: Updraft { $version }, MIT or Apache-2.0

other-below = Another updater is at work. This window shows what it does.

story-recovered-forward = An interrupted update was found and completed.
story-recovered-back = An interrupted update was found and undone.
story-checking = Checking { $source } for updates.
story-current = { $version } is the newest version.
story-offered = Version { $version } is available, { $size } at most to download.
story-planned = { $add } to add, { $update } to update, { $remove } to remove, { $keep } to keep; { $size } to download.
story-downloading = Downloading.
story-lost = Connection lost: { $reason }. Attempt { $attempt }, next try in { $span }.
story-mirror = { $source } was left: { $reason }.
story-source = { $source } is used.
story-continued = Connected again, continuing.
story-paused = Paused.
story-unpaused = Continuing.
story-staged = Everything is downloaded and verified.
story-waiting = Waiting for { $app } to close.
story-installing = Installing.
story-installed = { $version } is installed: { $add } added, { $update } updated, { $remove } removed.
story-started = { $program } was started.
story-confirmed = The new version works.
story-back = { $to } is back instead of { $from }.
story-skipped = This version was skipped.
story-postponed = Postponed.
story-deferred = Put off: { $version } is installed at the next start.
story-cancelled = Cancelled. Nothing was changed.

reason-name = the name of the server can’t be found
reason-no-answer = the server does not answer
reason-unreachable = the server can’t be reached
reason-silent = the server went silent
reason-broke = the connection broke
reason-proxy-login = the proxy asks for a user and a password
reason-proxy-refuses = the proxy does not connect to the server
reason-certificate = its certificate is refused
reason-status = the server answers { $rest }
reason-ended = it ended too early
reason-no-word = it did not say in time that it works
