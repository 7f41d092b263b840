# 更新視窗的繁體中文文字。

language-name = 繁體中文

button-back = 返回
button-cancel = 取消
button-close = 關閉
button-close-app = 關閉 { $app }
button-copied = 已複製
button-copy-log = 複製記錄
button-details = 詳細資訊
button-hide-details = 隱藏詳細資訊
button-for-all = 使用系統管理員權限更新
button-defer = 下次啟動時安裝
button-go-back = 還原到 { $version }
button-later = 稍後提醒
button-pause = 暫停
button-quit = 結束
button-resume = 繼續
button-retry-now = 立即重試
button-settings = 設定
button-skip = 略過此版本
button-start = 啟動 { $app }
button-start-anyway = 仍要啟動
button-try-again = 再試一次
button-update = 立即更新

checking-title = 正在檢查更新
checking-below = 請稍候。

offer-title = 有新版本 { $version }
offer-facts = 目前版本 { $version }，下載大小 { $size }。
offer-have = 目前版本 { $version }。
offer-size = 下載大小 { $size }。
offer-forced = 此更新為必要更新，更新後才能繼續使用 { $app }。
offer-notes = 更新內容

progress-title = 正在更新到 { $version }
progress-title-plain = 正在更新 { $app }
progress-bar = 更新進度
progress-planning = 正在讀取已安裝的檔案
progress-scan = 正在檢查 { $file }
progress-fetch = 正在下載 { $file }（第 { $index } 個，共 { $count } 個）
progress-fetch-plain = 正在下載
progress-stage = 正在解壓縮 { $file }（第 { $index } 個，共 { $count } 個）
progress-bytes = { $done } / { $total }
progress-speed = { $speed }/秒
progress-left = 剩餘 { $span }
progress-comma = ，
progress-paused = 已暫停
progress-cancelling = 正在取消，不會做任何變更。

lost-band = 連線已中斷，{ $span }後重試…
lost-band-now = 連線已中斷，正在重試…
lost-attempt = 第 { $shown } 次嘗試
lost-spoken = 連線已中斷，將自動重試。
lost-continued = 已重新連線，繼續下載

waiting-title = 正在等待 { $app } 關閉
waiting-below = 請儲存您的工作並關閉 { $app }，更新會自動繼續。
waiting-process = 處理程序 { $pid }
waiting-own = { $name }（處理程序 { $pid }）
waiting-other = { $name }（處理程序 { $pid }，使用者 { $user }）
waiting-more = 還有 { $shown } 個

installing-title = 正在安裝 { $version }
installing-title-plain = 正在安裝更新
installing-below = 請稍候，不要關閉電腦。
installing-files = 第 { $done } 個檔案，共 { $total } 個
installing-close = 檔案就位後，此視窗會自動關閉。

done-title = { $app } { $version } 安裝完成
done-updated = 已更新 { $shown } 個檔案
done-removed = 已移除 { $shown } 個
done-nothing = 沒有需要變更的檔案
done-below = { $counts }。您的設定已保留。
starts-in = { $app } 將在 { $span }後自動啟動。

current-title = { $app } 已是最新版本
current-below = 目前版本 { $version } 是最新版本。
current-none = 此程式尚未發布任何版本。

go-back-title = 還原到 { $version }？
go-back-below = { $app } { $installed } 不會再自動提供。您的檔案不會變更。

back-title = { $from } 無法啟動，已還原到 { $to }
back-title-by-hand = { $app } 已還原到 { $to }
back-below = { $app } { $to } 可以照常使用。
back-reason = 原因：{ $reason }

failed-title = 更新失敗
failed-title-here = 無法在此處更新 { $app }
failed-unchanged = 未做任何變更。
failed-works = 未做任何變更，{ $app } { $version } 仍可使用。
failed-code = 錯誤代碼：{ $code }
failed-log = 記錄檔：{ $path }
failed-messages = 執行過程

ended-title = 正在關閉
ended-below = 未做任何變更。

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
span-hours = { $h } 小時 { $m } 分

cause-usage = 無法辨識更新程式的啟動參數。
cause-config = 更新程式的設定檔遺失或已損壞。
cause-cancelled = 更新已取消。
cause-network-unreachable = 無法連線到更新伺服器。
cause-network-answer = 更新伺服器傳回無效的內容。
cause-network-missing = 伺服器上缺少此更新的檔案。
cause-network-insecure = 與更新伺服器的連線不安全。
cause-trust-signature = 更新的簽章遺失或不正確。
cause-trust-expired = 更新資訊已過期。
cause-trust-rollback = 伺服器提供的內容比先前見過的更舊。
cause-trust-mismatch = 更新資訊的各部分互不一致。
cause-trust-malformed = 無法讀取更新資訊。
cause-trust-newer-format = 此更新需要較新的更新程式。
cause-trust-content = 下載的檔案與發行者簽署的內容不符。
cause-trust-no-root = 更新程式旁缺少發行者的金鑰。
cause-key = 無法使用簽署金鑰。
cause-disk-space = 磁碟空間不足。
cause-disk-permission = 沒有寫入檔案或資料夾的權限。
cause-disk-read-only = 磁碟是唯讀的。
cause-disk-other-volume = { $app } 的某個資料夾位於另一個磁碟上。
cause-disk-in-the-way = 您的某個檔案或連結擋住了更新。
cause-disk-passing-place = { $app } 正從暫存資料夾執行。
cause-install-damaged = { $app } 的檔案遺失或已被變更。
cause-disk-io = 磁碟回報錯誤。
cause-disk-path = 此電腦不支援更新中某個檔案的名稱。
cause-repository = 更新伺服器上的資料已損壞。
cause-state-journal = 無法辨識上次中斷的更新留下的內容。
cause-busy-program = { $app } 仍在執行。
cause-busy-updater = { $app } 的另一個更新正在進行。
cause-busy-file = { $app } 的檔案正由其他程式使用。
cause-rolled-back = 新版本無法啟動。
cause-release-updater = 此更新隨附的更新程式無法在這台電腦上執行。
cause-start = 無法啟動 { $app }。
cause-internal = 更新程式發生內部錯誤。

hint-network = 請檢查網路連線，然後再試一次。
hint-trust = 請不要繼續使用此更新，並通知 { $app } 的發行者。
hint-disk-space = 請清出磁碟空間，然後再試一次。
hint-disk-permission = 請聯絡電腦管理員，或將 { $app } 移到您自己的資料夾。
hint-for-all = 此程式是為這台電腦的使用者安裝的，系統管理員可以更新。
hint-move = 請將 { $app } 移到其他資料夾，並從那裡啟動。
hint-in-the-way = 請將其移走，然後再試一次。
remedy-space = 需要 { $needed }，可用 { $free }。
remedy-owner = 該資料夾屬於 { $owner }。
remedy-path = 擋住的位置：{ $path }
hint-disk = 請檢查磁碟，然後再試一次。
hint-busy = 請先將其關閉，然後再試一次。
hint-other = 請稍後再試。如果問題仍然存在，請將記錄傳送給 { $app } 的發行者。

settings-title = 設定
settings-below = 這些設定用於 { $app } 的更新。
settings-language = 語言
settings-system = 依照系統
settings-proxy = Proxy
settings-proxy-none = 不使用 Proxy
settings-proxy-own = 位址
settings-proxy-sample = http://主機:連接埠
settings-proxy-wrong = 這不是有效的 Proxy 位址。
settings-limit = 速度上限
settings-limit-none = 不限制
settings-saved = 已儲存。
settings-run-only = 無法寫入設定檔，這些設定只在此視窗關閉前有效。
settings-later = 下次嘗試連線時使用新的 Proxy。
about = 更新程式：Updraft { $version }，MIT 或 Apache-2.0

other-below = 另一個更新程式正在執行，此視窗顯示其進度。

story-recovered-forward = 發現上次中斷的更新，已完成。
story-recovered-back = 發現上次中斷的更新，已復原。
story-checking = 正在 { $source } 檢查更新。
story-current = { $version } 是最新版本。
story-offered = 有新版本 { $version }，最多下載 { $size }。
story-planned = 新增 { $add } 個，更新 { $update } 個，移除 { $remove } 個，保留 { $keep } 個；下載 { $size }。
story-downloading = 正在下載。
story-lost = 連線已中斷：{ $reason }。第 { $attempt } 次嘗試，{ $span }後重試。
story-mirror = 不再使用 { $source }：{ $reason }。
story-source = 使用 { $source }。
story-continued = 已重新連線，繼續下載。
story-paused = 已暫停。
story-unpaused = 繼續下載。
story-staged = 全部內容已下載並通過驗證。
story-waiting = 正在等待 { $app } 關閉。
story-installing = 正在安裝。
story-installed = { $version } 安裝完成：新增 { $add } 個，更新 { $update } 個，移除 { $remove } 個。
story-started = 已啟動 { $program }。
story-confirmed = 新版本運作正常。
story-back = 已從 { $from } 還原到 { $to }。
story-skipped = 已略過此版本。
story-postponed = 已延後。
story-deferred = 已延後：{ $version } 將在下次啟動時安裝。
story-cancelled = 已取消，未做任何變更。

reason-name = 找不到伺服器的名稱
reason-no-answer = 伺服器沒有回應
reason-unreachable = 無法連線到伺服器
reason-silent = 伺服器不再回應
reason-broke = 連線中斷
reason-proxy-login = Proxy 要求使用者名稱和密碼
reason-proxy-refuses = Proxy 無法連線到伺服器
reason-certificate = 憑證未被接受
reason-status = 伺服器傳回 { $rest }
reason-ended = 程式過早結束
reason-no-word = 程式未及時回報運作正常
