# 更新窗口的简体中文文字。

language-name = 简体中文

button-back = 返回
button-cancel = 取消
button-close = 关闭
button-close-app = 关闭 { $app }
button-copied = 已复制
button-copy-log = 复制日志
button-details = 详细信息
button-hide-details = 隐藏详细信息
button-for-all = 使用管理员权限更新
button-defer = 下次启动时安装
button-go-back = 恢复到 { $version }
button-later = 稍后提醒
button-pause = 暂停
button-quit = 退出
button-resume = 继续
button-retry-now = 立即重试
button-settings = 设置
button-skip = 跳过此版本
button-start = 启动 { $app }
button-start-anyway = 仍要启动
button-try-again = 重试
button-update = 立即更新

checking-title = 正在检查更新
checking-below = 请稍候。

offer-title = 发现新版本 { $version }
offer-facts = 当前版本 { $version }，下载大小 { $size }。
offer-have = 当前版本 { $version }。
offer-size = 下载大小 { $size }。
offer-forced = 此更新为必需更新，更新后才能继续使用 { $app }。
offer-notes = 更新内容

progress-title = 正在更新到 { $version }
progress-title-plain = 正在更新 { $app }
progress-bar = 更新进度
progress-planning = 正在读取已安装的文件
progress-scan = 正在检查 { $file }
progress-fetch = 正在下载 { $file }（第 { $index } 个，共 { $count } 个）
progress-fetch-plain = 正在下载
progress-stage = 正在解压 { $file }（第 { $index } 个，共 { $count } 个）
progress-bytes = { $done } / { $total }
progress-speed = { $speed }/秒
progress-left = 剩余 { $span }
progress-comma = ，
progress-paused = 已暂停
progress-cancelling = 正在取消，不会做任何更改。

lost-band = 连接已断开，{ $span }后重试…
lost-band-now = 连接已断开，正在重试…
lost-attempt = 第 { $shown } 次尝试
lost-spoken = 连接已断开，将自动重试。
lost-continued = 已重新连接，继续下载

waiting-title = 正在等待 { $app } 关闭
waiting-below = 请保存您的工作并关闭 { $app }，更新会自动继续。
waiting-process = 进程 { $pid }
waiting-own = { $name }（进程 { $pid }）
waiting-other = { $name }（进程 { $pid }，用户 { $user }）
waiting-more = 还有 { $shown } 个

installing-title = 正在安装 { $version }
installing-title-plain = 正在安装更新
installing-below = 请稍候，不要关闭计算机。
installing-files = 第 { $done } 个文件，共 { $total } 个
installing-close = 文件就位后，此窗口会自动关闭。

done-title = { $app } { $version } 安装完成
done-updated = 已更新 { $shown } 个文件
done-removed = 已移除 { $shown } 个
done-nothing = 没有需要更改的文件
done-below = { $counts }。您的设置已保留。
starts-in = { $app } 将在 { $span }后自动启动。

current-title = { $app } 已是最新版本
current-below = 当前版本 { $version } 是最新版本。
current-none = 此程序还没有发布任何版本。

go-back-title = 恢复到 { $version }？
go-back-below = { $app } { $installed } 不会再自动提供。您的文件不会更改。

back-title = { $from } 未能启动，已恢复到 { $to }
back-title-by-hand = { $app } 已恢复到 { $to }
back-below = { $app } { $to } 可以照常使用。
back-reason = 原因：{ $reason }

failed-title = 更新失败
failed-title-here = 无法在此处更新 { $app }
failed-unchanged = 未做任何更改。
failed-works = 未做任何更改，{ $app } { $version } 仍可使用。
failed-code = 错误代码：{ $code }
failed-log = 日志：{ $path }
failed-messages = 执行过程

ended-title = 正在关闭
ended-below = 未做任何更改。

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
span-hours = { $h } 小时 { $m } 分

cause-usage = 更新程序的启动参数无法识别。
cause-config = 更新程序的配置文件缺失或已损坏。
cause-cancelled = 更新已取消。
cause-network-unreachable = 无法连接更新服务器。
cause-network-answer = 更新服务器返回了无效的内容。
cause-network-missing = 服务器上缺少此更新的文件。
cause-network-insecure = 与更新服务器的连接不安全。
cause-trust-signature = 更新的签名缺失或不正确。
cause-trust-expired = 更新信息已过期。
cause-trust-rollback = 服务器提供的内容比以前见过的更旧。
cause-trust-mismatch = 更新信息的各部分互不一致。
cause-trust-malformed = 无法读取更新信息。
cause-trust-newer-format = 此更新需要新版的更新程序。
cause-trust-content = 下载的文件与发布者签名的内容不符。
cause-trust-no-root = 更新程序旁缺少发布者的密钥。
cause-key = 签名密钥无法使用。
cause-disk-space = 磁盘空间不足。
cause-disk-permission = 没有写入文件或文件夹的权限。
cause-disk-read-only = 磁盘只能读取。
cause-disk-other-volume = { $app } 的一个文件夹在其他磁盘上。
cause-disk-in-the-way = 您的文件或链接占用了所需的位置。
cause-disk-passing-place = { $app } 正在临时文件夹中运行。
cause-install-damaged = { $app } 的文件缺失或已更改。
cause-disk-io = 磁盘报告了错误。
cause-disk-path = 此计算机不支持更新中某个文件的名称。
cause-repository = 更新服务器上的数据已损坏。
cause-state-journal = 无法识别上次中断的更新留下的内容。
cause-busy-program = { $app } 仍在运行。
cause-busy-updater = { $app } 的另一个更新正在进行。
cause-busy-file = { $app } 的文件正被其他程序占用。
cause-rolled-back = 新版本未能启动。
cause-release-updater = 此更新附带的更新程序在这台电脑上无法运行。
cause-start = 无法启动 { $app }。
cause-internal = 更新程序发生内部错误。

hint-network = 请检查网络连接，然后重试。
hint-trust = 请不要继续使用此更新，并告知 { $app } 的发布者。
hint-disk-space = 请清理磁盘空间，然后重试。
hint-disk-permission = 请联系计算机管理员，或将 { $app } 移到您自己的文件夹中。
hint-for-all = 此程序已为这台电脑的所有用户安装，管理员可以更新。
hint-move = 请将 { $app } 移到其他文件夹，再从那里启动。
hint-in-the-way = 请先将其移开，然后重试。
remedy-space = 需要 { $needed }，可用 { $free }。
remedy-owner = 该文件夹属于用户 { $owner }。
remedy-path = 占用位置：{ $path }
hint-disk = 请检查磁盘，然后重试。
hint-busy = 请先将其关闭，然后重试。
hint-other = 请稍后重试。如果问题仍然存在，请将日志发送给 { $app } 的发布者。

settings-title = 设置
settings-below = 这些设置用于 { $app } 的更新。
settings-language = 语言
settings-system = 跟随系统
settings-proxy = 代理
settings-proxy-none = 不使用代理
settings-proxy-own = 地址
settings-proxy-sample = http://主机:端口
settings-proxy-wrong = 这不是有效的代理地址。
settings-limit = 限速
settings-limit-none = 不限速
settings-saved = 已保存。
settings-run-only = 无法写入设置文件，这些设置只在此窗口关闭前有效。
settings-later = 下次尝试连接时使用新的代理。
about = 更新程序：Updraft { $version }，MIT 或 Apache-2.0

other-below = 另一个更新程序正在运行，此窗口显示其进度。

story-recovered-forward = 发现上次中断的更新，已完成。
story-recovered-back = 发现上次中断的更新，已撤销。
story-checking = 正在 { $source } 检查更新。
story-current = { $version } 是最新版本。
story-offered = 发现新版本 { $version }，最多下载 { $size }。
story-planned = 新增 { $add } 个，更新 { $update } 个，移除 { $remove } 个，保留 { $keep } 个；下载 { $size }。
story-downloading = 正在下载。
story-lost = 连接已断开：{ $reason }。第 { $attempt } 次尝试，{ $span }后重试。
story-mirror = 不再使用 { $source }：{ $reason }。
story-source = 使用 { $source }。
story-continued = 已重新连接，继续下载。
story-paused = 已暂停。
story-unpaused = 继续下载。
story-staged = 全部内容已下载并通过校验。
story-waiting = 正在等待 { $app } 关闭。
story-installing = 正在安装。
story-installed = { $version } 安装完成：新增 { $add } 个，更新 { $update } 个，移除 { $remove } 个。
story-started = 已启动 { $program }。
story-confirmed = 新版本运行正常。
story-back = 已从 { $from } 恢复到 { $to }。
story-skipped = 已跳过此版本。
story-postponed = 已推迟。
story-deferred = 已推迟：{ $version } 将在下次启动时安装。
story-cancelled = 已取消，未做任何更改。

reason-name = 找不到服务器的域名
reason-no-answer = 服务器没有应答
reason-unreachable = 无法连接服务器
reason-silent = 服务器不再响应
reason-broke = 连接中断
reason-proxy-login = 代理要求用户名和密码
reason-proxy-refuses = 代理无法连接到服务器
reason-certificate = 证书未被接受
reason-status = 服务器返回 { $rest }
reason-ended = 程序过早退出
reason-no-word = 程序未及时报告运行正常
