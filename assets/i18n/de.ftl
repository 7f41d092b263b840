# Die deutschen Texte des Updater-Fensters.

language-name = Deutsch

button-back = Zurück
button-cancel = Abbrechen
button-close = Schließen
button-close-app = { $app } schließen
button-copied = Kopiert
button-copy-log = Protokoll kopieren
button-details = Details
button-hide-details = Details ausblenden
button-for-all = Als Administrator aktualisieren
button-defer = Beim nächsten Start
button-go-back = Zurück zu { $version }
button-later = Später
button-pause = Pause
button-quit = Beenden
button-resume = Fortsetzen
button-retry-now = Jetzt versuchen
button-settings = Einstellungen
button-skip = Version überspringen
button-start = { $app } starten
button-start-anyway = Trotzdem starten
button-try-again = Erneut versuchen
button-update = Jetzt aktualisieren

checking-title = Suche nach Updates
checking-below = Einen Moment bitte.

offer-title = Version { $version } ist verfügbar
offer-facts = Installiert ist { $version }. Download: { $size }.
offer-have = Installiert ist { $version }.
offer-size = Download: { $size }.
offer-forced = Dieses Update ist nötig, um { $app } weiter zu verwenden.
offer-notes = Neuigkeiten

progress-title = Aktualisierung auf { $version }
progress-title-plain = { $app } wird aktualisiert
progress-bar = Fortschritt des Updates
progress-planning = Installierte Dateien werden gelesen
progress-scan = { $file } wird geprüft
progress-fetch = { $file } wird geladen ({ $index } von { $count })
progress-fetch-plain = Wird heruntergeladen
progress-stage = { $file } wird entpackt ({ $index } von { $count })
progress-bytes = { $done } von { $total }
progress-speed = { $speed }/s
progress-left = noch { $span }
progress-comma = ,{" "}
progress-paused = Angehalten
progress-cancelling = Wird abgebrochen. Es wird nichts geändert.

lost-band = Verbindung getrennt. Neuer Versuch in { $span }
lost-band-now = Verbindung getrennt. Neuer Versuch läuft
lost-attempt = Versuch { $shown }
lost-spoken = Verbindung getrennt. Es wird von selbst weiter versucht.
lost-continued = Wieder verbunden, es geht weiter

waiting-title = Warten, bis { $app } geschlossen ist
waiting-below = Bitte sichern Sie Ihre Arbeit und schließen Sie { $app }. Das Update geht dann von selbst weiter.
waiting-process = Prozess { $pid }
waiting-own = { $name } (Prozess { $pid })
waiting-other = { $name } (Prozess { $pid }, Benutzer { $user })
waiting-more = und { $shown } weitere

installing-title = { $version } wird installiert
installing-title-plain = Das Update wird installiert
installing-below = Bitte schalten Sie den Computer nicht aus.
installing-files = { $done } von { $total } Dateien
installing-close = Das Fenster schließt sich, sobald alle Dateien an ihrem Platz sind.

done-title = { $app } { $version } ist installiert
done-updated = { $count ->
    [one] { $shown } Datei aktualisiert
   *[other] { $shown } Dateien aktualisiert
}
done-removed = { $shown } entfernt
done-nothing = Es musste keine Datei geändert werden
done-below = { $counts }. Ihre Einstellungen bleiben erhalten.
starts-in = { $app } startet in { $span } von selbst.

current-title = { $app } ist aktuell
current-below = Sie haben die neueste Version, { $version }.
current-none = Für dieses Programm gibt es noch keine Version.

go-back-title = Zurück zu { $version }?
go-back-below = { $app } { $installed } wird dann nicht mehr von selbst angeboten. Ihre eigenen Dateien bleiben.

back-title = { $from } ist nicht gestartet, { $to } ist zurück
back-title-by-hand = { $app } { $to } ist zurück
back-below = { $app } { $to } funktioniert wie zuvor.
back-reason = Was geschah: { $reason }

failed-title = Das Update konnte nicht installiert werden
failed-title-here = { $app } kann hier nicht aktualisiert werden
failed-unchanged = Es wurde nichts geändert.
failed-works = Es wurde nichts geändert: { $app } { $version } funktioniert weiter.
failed-code = Fehlercode: { $code }
failed-log = Protokoll: { $path }
failed-messages = Was getan wurde

ended-title = Wird geschlossen
ended-below = Es wurde nichts geändert.

number-decimal = ,
number-group = .
percent = { $shown }{ "\u00A0" }%
bytes-b = { $shown } B
bytes-kb = { $shown } kB
bytes-mb = { $shown } MB
bytes-gb = { $shown } GB
bytes-tb = { $shown } TB
span-seconds = { $s } s
span-minutes = { $m } min { $s } s
span-hours = { $h } h { $m } min

cause-usage = Der Updater versteht die Angaben nicht, mit denen er gestartet wurde.
cause-config = Die Einstellungen des Updaters fehlen oder sind beschädigt.
cause-cancelled = Das Update wurde abgebrochen.
cause-network-unreachable = Der Update-Server ist nicht erreichbar.
cause-network-answer = Der Update-Server gibt eine Antwort ohne Sinn.
cause-network-missing = Auf dem Server fehlt eine Datei des Updates.
cause-network-insecure = Die Verbindung zum Update-Server ist nicht sicher.
cause-trust-signature = Die Signatur des Updates fehlt oder ist falsch.
cause-trust-expired = Die Angaben zum Update sind veraltet.
cause-trust-rollback = Der Server bietet Älteres an, als schon bekannt war.
cause-trust-mismatch = Die Teile der Angaben zum Update passen nicht zusammen.
cause-trust-malformed = Die Angaben zum Update sind nicht lesbar.
cause-trust-newer-format = Dieses Update braucht einen neueren Updater.
cause-trust-content = Eine geladene Datei ist nicht die, die der Hersteller signiert hat.
cause-trust-no-root = Neben dem Updater fehlt der Schlüssel des Herstellers.
cause-key = Ein Signaturschlüssel ist nicht verwendbar.
cause-disk-space = Auf dem Datenträger ist zu wenig Platz.
cause-disk-permission = Eine Datei oder ein Ordner darf nicht geschrieben werden.
cause-disk-read-only = Der Datenträger kann nur gelesen werden.
cause-disk-other-volume = Ein Ordner von { $app } liegt auf einem anderen Datenträger.
cause-disk-in-the-way = Eine Datei oder ein Link von Ihnen ist im Weg.
cause-disk-passing-place = { $app } läuft aus einem temporären Ordner.
cause-install-damaged = Dateien von { $app } fehlen oder sind verändert.
cause-disk-io = Der Datenträger meldet einen Fehler.
cause-disk-path = Der Name einer Datei des Updates ist auf diesem Computer nicht möglich.
cause-repository = Die Daten des Update-Servers sind beschädigt.
cause-state-journal = Ein unterbrochenes Update hat etwas Unverständliches hinterlassen.
cause-busy-program = { $app } läuft noch.
cause-busy-updater = Ein anderes Update von { $app } läuft gerade.
cause-busy-file = Ein anderes Programm hält eine Datei von { $app } geöffnet.
cause-rolled-back = Die neue Version ist nicht gestartet.
cause-release-updater = Der Updater, den dieses Update mitbringt, läuft auf diesem Computer nicht.
cause-start = { $app } lässt sich nicht starten.
cause-internal = Der Updater hat einen Fehler gemacht.

hint-network = Bitte prüfen Sie die Netzwerkverbindung und versuchen Sie es erneut.
hint-trust = Bitte verwenden Sie dieses Update nicht und informieren Sie den Hersteller von { $app }.
hint-disk-space = Bitte schaffen Sie Platz auf dem Datenträger und versuchen Sie es erneut.
hint-disk-permission = Bitte fragen Sie, wer diesen Computer betreut, oder verschieben Sie { $app } in einen eigenen Ordner.
hint-for-all = Das Programm ist für alle Benutzer dieses Computers installiert. Ein Administrator kann es aktualisieren.
hint-move = Bitte verschieben Sie { $app } in einen anderen Ordner und starten Sie es von dort.
hint-in-the-way = Bitte räumen Sie es aus dem Weg und versuchen Sie es erneut.
remedy-space = Nötig sind { $needed }, frei sind { $free }.
remedy-owner = Der Ordner gehört { $owner }.
remedy-path = Im Weg: { $path }
hint-disk = Bitte prüfen Sie den Datenträger und versuchen Sie es erneut.
hint-busy = Bitte schließen Sie es und versuchen Sie es erneut.
hint-other = Bitte versuchen Sie es später erneut. Bleibt es so, senden Sie das Protokoll an den Hersteller von { $app }.

settings-title = Einstellungen
settings-below = Sie gelten für die Updates von { $app }.
settings-language = Sprache
settings-system = Wie im System
settings-proxy = Proxy
settings-proxy-none = Kein Proxy
settings-proxy-own = Adresse
settings-proxy-sample = http://host:port
settings-proxy-wrong = Das ist keine Adresse eines Proxys.
settings-limit = Tempolimit
settings-limit-none = Ohne Limit
settings-saved = Gespeichert.
settings-run-only = Die Datei der Einstellungen darf nicht geschrieben werden. Dies gilt, bis das Fenster schließt.
settings-later = Der Proxy gilt ab dem nächsten Versuch.
about = Updater: Updraft { $version }, MIT oder Apache-2.0

other-below = Ein anderer Updater ist am Werk. Dieses Fenster zeigt, was er tut.

story-recovered-forward = Ein unterbrochenes Update wurde gefunden und beendet.
story-recovered-back = Ein unterbrochenes Update wurde gefunden und rückgängig gemacht.
story-checking = { $source } wird nach Updates gefragt.
story-current = { $version } ist die neueste Version.
story-offered = Version { $version } ist verfügbar, höchstens { $size } zu laden.
story-planned = { $add } neu, { $update } zu ändern, { $remove } zu entfernen, { $keep } bleiben; { $size } zu laden.
story-downloading = Wird heruntergeladen.
story-lost = Verbindung getrennt: { $reason }. Versuch { $attempt }, der nächste in { $span }.
story-mirror = { $source } wird nicht mehr gefragt: { $reason }.
story-source = { $source } wird verwendet.
story-continued = Wieder verbunden, es geht weiter.
story-paused = Angehalten.
story-unpaused = Es geht weiter.
story-staged = Alles ist geladen und geprüft.
story-waiting = Warten, bis { $app } geschlossen ist.
story-installing = Wird installiert.
story-installed = { $version } ist installiert: { $add } neu, { $update } geändert, { $remove } entfernt.
story-started = { $program } wurde gestartet.
story-confirmed = Die neue Version funktioniert.
story-back = { $to } ist zurück anstelle von { $from }.
story-skipped = Diese Version wurde übersprungen.
story-postponed = Aufgeschoben.
story-deferred = Aufgeschoben: { $version } wird beim nächsten Start installiert.
story-cancelled = Abgebrochen. Es wurde nichts geändert.

reason-name = der Name des Servers ist nicht zu finden
reason-no-answer = der Server antwortet nicht
reason-unreachable = der Server ist nicht erreichbar
reason-silent = der Server ist verstummt
reason-broke = die Verbindung brach ab
reason-proxy-login = der Proxy verlangt Benutzer und Passwort
reason-proxy-refuses = der Proxy verbindet nicht mit dem Server
reason-certificate = sein Zertifikat wird nicht angenommen
reason-status = der Server antwortet { $rest }
reason-ended = sie endete zu früh
reason-no-word = sie meldete nicht rechtzeitig, dass sie funktioniert
