# Русские тексты окна обновления.

language-name = Русский

button-back = Назад
button-cancel = Отмена
button-close = Закрыть
button-close-app = Закрыть { $app }
button-copied = Скопировано
button-copy-log = Копировать журнал
button-details = Подробнее
button-hide-details = Скрыть подробности
button-for-all = Обновить от администратора
button-defer = При следующем запуске
button-go-back = Вернуть { $version }
button-later = Позже
button-pause = Пауза
button-quit = Выйти
button-resume = Продолжить
button-retry-now = Повторить сейчас
button-settings = Настройки
button-skip = Пропустить версию
button-start = Запустить { $app }
button-start-anyway = Всё равно запустить
button-try-again = Повторить
button-update = Обновить сейчас

checking-title = Проверка обновлений
checking-below = Подождите немного.

offer-title = Доступна версия { $version }
offer-facts = Установлена { $version }. Размер загрузки: { $size }.
offer-have = Установлена { $version }.
offer-size = Размер загрузки: { $size }.
offer-forced = Это обновление необходимо для дальнейшей работы с { $app }.
offer-notes = Что нового

progress-title = Обновление до { $version }
progress-title-plain = Обновление { $app }
progress-bar = Ход обновления
progress-planning = Чтение установленных файлов
progress-scan = Проверка { $file }
progress-fetch = Загрузка { $file } ({ $index } из { $count })
progress-fetch-plain = Загрузка
progress-stage = Распаковка { $file } ({ $index } из { $count })
progress-bytes = { $done } из { $total }
progress-speed = { $speed }/с
progress-left = осталось { $span }
progress-comma = ,{" "}
progress-paused = Приостановлено
progress-cancelling = Отмена. Ничего не будет изменено.

lost-band = Связь потеряна. Повтор через { $span }
lost-band-now = Связь потеряна. Повторная попытка
lost-attempt = Попытка { $shown }
lost-spoken = Связь потеряна. Попытки продолжаются автоматически.
lost-continued = Связь восстановлена, продолжаем

waiting-title = Ожидание закрытия { $app }
waiting-below = Сохраните работу и закройте { $app }. Обновление продолжится само.
waiting-process = Процесс { $pid }
waiting-own = { $name } (процесс { $pid })
waiting-other = { $name } (процесс { $pid }, пользователь { $user })
waiting-more = и ещё { $shown }

installing-title = Установка { $version }
installing-title-plain = Установка обновления
installing-below = Пожалуйста, не выключайте компьютер.
installing-files = Файлы: { $done } из { $total }
installing-close = Окно закроется само, когда файлы будут на месте.

done-title = { $app } { $version } — установлено
done-updated = { $count ->
    [one] Обновлён { $shown } файл
    [few] Обновлено { $shown } файла
   *[many] Обновлено { $shown } файлов
}
done-removed = { $count ->
    [one] удалён { $shown }
   *[many] удалено { $shown }
}
done-nothing = Менять файлы не пришлось
done-below = { $counts }. Ваши настройки сохранены.
starts-in = { $app } запустится через { $span }.

current-title = Обновлять { $app } не нужно
current-below = У вас самая новая версия, { $version }.
current-none = Для этой программы ещё нет выпусков.

go-back-title = Вернуть { $version }?
go-back-below = { $app } { $installed } больше не будет предлагаться без запроса. Ваши файлы останутся.

back-title = { $from } не работает, возвращена { $to }
back-title-by-hand = Снова установлена { $app } { $to }
back-below = { $app } { $to } работает как прежде.
back-reason = Что произошло: { $reason }

failed-title = Не удалось установить обновление
failed-title-here = Здесь нельзя обновить { $app }
failed-unchanged = Ничего не изменено.
failed-works = Ничего не изменено: { $app } { $version } работает.
failed-code = Код ошибки: { $code }
failed-log = Журнал: { $path }
failed-messages = Что было сделано

ended-title = Закрытие
ended-below = Ничего не изменено.

number-decimal = ,
number-group = { "\u00A0" }
percent = { $shown }{ "\u00A0" }%
bytes-b = { $shown } Б
bytes-kb = { $shown } кБ
bytes-mb = { $shown } МБ
bytes-gb = { $shown } ГБ
bytes-tb = { $shown } ТБ
span-seconds = { $s } с
span-minutes = { $m } мин { $s } с
span-hours = { $h } ч { $m } мин

cause-usage = Программа обновления не понимает параметры запуска.
cause-config = Настройки программы обновления отсутствуют или повреждены.
cause-cancelled = Обновление отменено.
cause-network-unreachable = Сервер обновлений недоступен.
cause-network-answer = Ответ сервера обновлений не имеет смысла.
cause-network-missing = На сервере нет файла этого обновления.
cause-network-insecure = Соединение с сервером обновлений небезопасно.
cause-trust-signature = Подпись обновления отсутствует или неверна.
cause-trust-expired = Сведения об обновлении устарели.
cause-trust-rollback = Сервер предлагает более старое, чем было известно раньше.
cause-trust-mismatch = Части сведений об обновлении не подходят друг к другу.
cause-trust-malformed = Не удаётся прочитать сведения об обновлении.
cause-trust-newer-format = Для этого обновления нужна более новая программа обновления.
cause-trust-content = Загруженный файл не тот, что подписал издатель.
cause-trust-no-root = Рядом с программой обновления нет ключа издателя.
cause-key = Ключ подписи нельзя использовать.
cause-disk-space = На диске недостаточно места.
cause-disk-permission = Нет прав на запись файла или папки.
cause-disk-read-only = Диск доступен только для чтения.
cause-disk-other-volume = Папка { $app } находится на другом диске.
cause-disk-in-the-way = Мешает ваш файл или ссылка.
cause-disk-passing-place = { $app } запущено из временной папки.
cause-install-damaged = Файлы { $app } отсутствуют или изменены.
cause-disk-io = Диск сообщил об ошибке.
cause-disk-path = Имя одного из файлов недопустимо на этом компьютере.
cause-repository = Данные сервера обновлений повреждены.
cause-state-journal = Прерванное обновление оставило непонятное состояние.
cause-busy-program = { $app } ещё работает.
cause-busy-updater = Уже идёт другое обновление { $app }.
cause-busy-file = Другая программа держит открытым файл { $app }.
cause-rolled-back = Новая версия не запустилась.
cause-release-updater = Новая программа обновления из этого выпуска не работает на этом компьютере.
cause-start = Не удаётся запустить { $app }.
cause-internal = Ошибка программы обновления.

hint-network = Проверьте подключение к сети и повторите.
hint-trust = Не используйте это обновление и сообщите издателю { $app }.
hint-disk-space = Освободите место на диске и повторите.
hint-disk-permission = Обратитесь к тому, кто обслуживает компьютер, или переместите { $app } в свою папку.
hint-for-all = Программа установлена для всех пользователей этого компьютера. Её может обновить администратор.
hint-move = Переместите { $app } в другую папку и запустите оттуда.
hint-in-the-way = Уберите это и повторите.
remedy-space = Нужно { $needed }, свободно { $free }.
remedy-owner = Папка принадлежит { $owner }.
remedy-path = Мешает: { $path }
hint-disk = Проверьте диск и повторите.
hint-busy = Закройте её и повторите.
hint-other = Повторите позже. Если не поможет, отправьте журнал издателю { $app }.

settings-title = Настройки
settings-below = Действуют для обновлений { $app }.
settings-language = Язык
settings-system = Как в системе
settings-proxy = Прокси
settings-proxy-none = Без прокси
settings-proxy-own = Адрес
settings-proxy-sample = http://узел:порт
settings-proxy-wrong = Это не адрес прокси.
settings-limit = Предел скорости
settings-limit-none = Без предела
settings-saved = Сохранено.
settings-run-only = Файл настроек нельзя изменить. Настройки действуют, пока окно открыто.
settings-later = Прокси вступит в силу при следующей попытке.
about = Обновление: Updraft { $version }, MIT или Apache-2.0

other-below = Уже идёт другое обновление. Это окно показывает его ход.

story-recovered-forward = Найдено и завершено прерванное обновление.
story-recovered-back = Найдено и отменено прерванное обновление.
story-checking = Проверка обновлений на { $source }.
story-current = { $version } — самая новая версия.
story-offered = Доступна версия { $version }, загрузить не более { $size }.
story-planned = Добавить: { $add }, обновить: { $update }, удалить: { $remove }, оставить: { $keep }; загрузить { $size }.
story-downloading = Загрузка.
story-lost = Связь потеряна: { $reason }. Попытка { $attempt }, следующая через { $span }.
story-mirror = { $source } больше не используется: { $reason }.
story-source = Используется { $source }.
story-continued = Связь восстановлена, продолжаем.
story-paused = Приостановлено.
story-unpaused = Продолжаем.
story-staged = Всё загружено и проверено.
story-waiting = Ожидание закрытия { $app }.
story-installing = Установка.
story-installed = { $version } — установлено. Добавлено: { $add }, обновлено: { $update }, удалено: { $remove }.
story-started = Запущено: { $program }.
story-confirmed = Новая версия работает.
story-back = Вместо { $from } возвращена { $to }.
story-skipped = Эта версия пропущена.
story-postponed = Отложено.
story-deferred = Отложено: { $version } установится при следующем запуске.
story-cancelled = Отменено. Ничего не изменено.

reason-name = имя сервера не найдено
reason-no-answer = сервер не отвечает
reason-unreachable = сервер недоступен
reason-silent = сервер замолчал
reason-broke = соединение прервалось
reason-proxy-login = прокси требует имя и пароль
reason-proxy-refuses = прокси не соединяет с сервером
reason-certificate = его сертификат не принят
reason-status = ответ сервера: { $rest }
reason-ended = она завершилась слишком рано
reason-no-word = она вовремя не сообщила, что работает
