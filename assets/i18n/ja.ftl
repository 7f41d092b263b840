# 更新ウィンドウの日本語テキスト。

language-name = 日本語

button-back = 戻る
button-cancel = キャンセル
button-close = 閉じる
button-close-app = { $app } を閉じる
button-copied = コピーしました
button-copy-log = ログをコピー
button-details = 詳細
button-hide-details = 詳細を隠す
button-for-all = 管理者として更新
button-defer = 次回起動時
button-go-back = { $version } に戻す
button-later = あとで
button-pause = 一時停止
button-quit = 終了
button-resume = 再開
button-retry-now = 今すぐ再試行
button-settings = 設定
button-skip = このバージョンをスキップ
button-start = { $app } を起動
button-start-anyway = このまま起動
button-try-again = 再試行
button-update = 今すぐ更新

checking-title = 更新を確認しています
checking-below = しばらくお待ちください。

offer-title = バージョン { $version } があります
offer-facts = 現在のバージョンは { $version } です。ダウンロードサイズ: { $size }
offer-have = 現在のバージョンは { $version } です。
offer-size = ダウンロードサイズ: { $size }
offer-forced = { $app } を引き続き使用するには、この更新が必要です。
offer-notes = 更新内容

progress-title = { $version } に更新しています
progress-title-plain = { $app } を更新しています
progress-bar = 更新の進行状況
progress-planning = インストール済みのファイルを読み込んでいます
progress-scan = { $file } を確認しています
progress-fetch = { $file } をダウンロード中（{ $index }/{ $count }）
progress-fetch-plain = ダウンロード中
progress-stage = { $file } を展開中（{ $index }/{ $count }）
progress-bytes = { $done } / { $total }
progress-speed = { $speed }/秒
progress-left = 残り { $span }
progress-comma = 、
progress-paused = 一時停止中
progress-cancelling = キャンセルしています。何も変更されません。

lost-band = 接続が切れました。{ $span }後に再試行します
lost-band-now = 接続が切れました。再試行しています
lost-attempt = { $shown } 回目
lost-spoken = 接続が切れました。自動的に再試行します。
lost-continued = 再接続しました。続行します

waiting-title = { $app } の終了を待っています
waiting-below = 作業を保存して { $app } を閉じてください。更新は自動的に続きます。
waiting-process = プロセス { $pid }
waiting-own = { $name }（プロセス { $pid }）
waiting-other = { $name }（プロセス { $pid }、ユーザー { $user }）
waiting-more = ほか { $shown } 件

installing-title = { $version } をインストールしています
installing-title-plain = 更新をインストールしています
installing-below = コンピューターの電源を切らないでください。
installing-files = { $done } / { $total } ファイル
installing-close = ファイルの配置が終わると、このウィンドウは自動的に閉じます。

done-title = { $app } { $version } をインストールしました
done-updated = { $shown } 個のファイルを更新
done-removed = { $shown } 個を削除
done-nothing = 変更が必要なファイルはありませんでした
done-below = { $counts }。設定は保持されています。
starts-in = { $app } は { $span }後に自動的に起動します。

current-title = { $app } は最新です
current-below = 最新バージョン { $version } をお使いです。
current-none = このプログラムにはまだリリースがありません。

go-back-title = { $version } に戻しますか？
go-back-below = { $app } { $installed } は、自動では表示されなくなります。ファイルはそのままです。

back-title = { $from } が起動しなかったため、{ $to } に戻しました
back-title-by-hand = { $app } { $to } に戻しました
back-below = { $app } { $to } はこれまでどおり使えます。
back-reason = 原因: { $reason }

failed-title = 更新をインストールできませんでした
failed-title-here = ここでは { $app } を更新できません
failed-unchanged = 何も変更されていません。
failed-works = 何も変更されていません。{ $app } { $version } は引き続き使えます。
failed-code = エラーコード: { $code }
failed-log = ログ: { $path }
failed-messages = 実行内容

ended-title = 終了しています
ended-below = 何も変更されていません。

number-decimal = .
number-group = ,
percent = { $shown }%
bytes-b = { $shown } B
bytes-kb = { $shown } kB
bytes-mb = { $shown } MB
bytes-gb = { $shown } GB
bytes-tb = { $shown } TB
span-seconds = { $s } 秒
span-minutes = { $m } 分 { $s } 秒
span-hours = { $h } 時間 { $m } 分

cause-usage = 更新プログラムの起動時の指定を解釈できません。
cause-config = 更新プログラムの設定ファイルがないか、壊れています。
cause-cancelled = 更新はキャンセルされました。
cause-network-unreachable = 更新サーバーに接続できません。
cause-network-answer = 更新サーバーの応答が正しくありません。
cause-network-missing = 更新のファイルがサーバーにありません。
cause-network-insecure = 更新サーバーへの接続が安全ではありません。
cause-trust-signature = 更新の署名がないか、正しくありません。
cause-trust-expired = 更新情報の有効期限が切れています。
cause-trust-rollback = サーバーの内容が以前のものより古くなっています。
cause-trust-mismatch = 更新情報の内容が一致していません。
cause-trust-malformed = 更新情報を読み取れません。
cause-trust-newer-format = この更新には新しい更新プログラムが必要です。
cause-trust-content = ダウンロードしたファイルが発行元の署名と一致しません。
cause-trust-no-root = 更新プログラムに発行元の鍵がありません。
cause-key = 署名鍵を使用できません。
cause-disk-space = ディスクの空き容量が足りません。
cause-disk-permission = ファイルまたはフォルダーに書き込む権限がありません。
cause-disk-read-only = ディスクは読み取り専用です。
cause-disk-other-volume = { $app } のフォルダーの一つが別のディスクにあります。
cause-disk-in-the-way = お使いのファイルまたはリンクが妨げになっています。
cause-disk-passing-place = { $app } は一時フォルダーから実行されています。
cause-install-damaged = { $app } のファイルがないか、変更されています。
cause-disk-io = ディスクでエラーが発生しました。
cause-disk-path = このコンピューターでは使えない名前のファイルがあります。
cause-repository = 更新サーバーのデータが壊れています。
cause-state-journal = 中断された更新の状態を解釈できません。
cause-busy-program = { $app } がまだ動作しています。
cause-busy-updater = { $app } の別の更新が実行中です。
cause-busy-file = { $app } のファイルを別のプログラムが使用しています。
cause-rolled-back = 新しいバージョンが起動しませんでした。
cause-release-updater = この更新に含まれる更新プログラムは、このコンピューターでは動作しません。
cause-start = { $app } を起動できません。
cause-internal = 更新プログラムの内部エラーです。

hint-network = ネットワーク接続を確認して、再試行してください。
hint-trust = この更新は使用せず、{ $app } の発行元に連絡してください。
hint-disk-space = ディスクの空き容量を増やして、再試行してください。
hint-disk-permission = コンピューターの管理者に相談するか、{ $app } をご自分のフォルダーに移動してください。
hint-for-all = このコンピューターのすべてのユーザー用にインストールされています。管理者が更新できます。
hint-move = { $app } を別のフォルダーに移動し、そこから起動してください。
hint-in-the-way = それを移動して、再試行してください。
remedy-space = 必要な容量は { $needed }、空き容量は { $free } です。
remedy-owner = フォルダーの所有者: { $owner }
remedy-path = 妨げになっている場所: { $path }
hint-disk = ディスクを確認して、再試行してください。
hint-busy = そのプログラムを閉じて、再試行してください。
hint-other = しばらくしてから再試行してください。解決しない場合は、ログを { $app } の発行元に送ってください。

settings-title = 設定
settings-below = { $app } の更新に使われます。
settings-language = 言語
settings-system = システムに従う
settings-proxy = プロキシ
settings-proxy-none = 使用しない
settings-proxy-own = アドレス
settings-proxy-sample = http://ホスト:ポート
settings-proxy-wrong = プロキシのアドレスではありません。
settings-limit = 速度制限
settings-limit-none = 制限なし
settings-saved = 保存しました。
settings-run-only = 設定ファイルに書き込めません。このウィンドウを閉じるまで有効です。
settings-later = プロキシは次の接続から使われます。
about = 更新プログラム: Updraft { $version }、MIT または Apache-2.0

other-below = 別の更新プログラムが実行中です。その進行状況を表示しています。

story-recovered-forward = 中断された更新が見つかり、完了しました。
story-recovered-back = 中断された更新が見つかり、元に戻しました。
story-checking = { $source } で更新を確認しています。
story-current = { $version } は最新バージョンです。
story-offered = バージョン { $version } があります。ダウンロードは最大 { $size } です。
story-planned = 追加 { $add }、更新 { $update }、削除 { $remove }、保持 { $keep }、ダウンロード { $size }
story-downloading = ダウンロードしています。
story-lost = 接続が切れました: { $reason }。{ $attempt } 回目、{ $span }後に再試行します。
story-mirror = { $source } の使用をやめました: { $reason }。
story-source = { $source } を使用します。
story-continued = 再接続しました。続行します。
story-paused = 一時停止しました。
story-unpaused = 再開しました。
story-staged = すべてダウンロードし、検証しました。
story-waiting = { $app } の終了を待っています。
story-installing = インストールしています。
story-installed = { $version } をインストールしました: 追加 { $add }、更新 { $update }、削除 { $remove }
story-started = { $program } を起動しました。
story-confirmed = 新しいバージョンは正常に動作しています。
story-back = { $from } から { $to } に戻しました。
story-skipped = このバージョンをスキップしました。
story-postponed = 延期しました。
story-deferred = 延期しました。{ $version } は次回起動時にインストールされます。
story-cancelled = キャンセルしました。何も変更されていません。

reason-name = サーバーの名前が見つかりません
reason-no-answer = サーバーが応答しません
reason-unreachable = サーバーに接続できません
reason-silent = サーバーからの応答が止まりました
reason-broke = 接続が切れました
reason-proxy-login = プロキシがユーザー名とパスワードを求めています
reason-proxy-refuses = プロキシがサーバーに接続できません
reason-certificate = 証明書が受け入れられませんでした
reason-status = サーバーの応答: { $rest }
reason-ended = プログラムがすぐに終了しました
reason-no-word = プログラムの正常動作を時間内に確認できませんでした
