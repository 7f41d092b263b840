# Los textos en español de la ventana de actualización.

language-name = Español

button-back = Volver
button-cancel = Cancelar
button-close = Cerrar
button-close-app = Cerrar { $app }
button-copied = Copiado
button-copy-log = Copiar registro
button-details = Detalles
button-hide-details = Ocultar detalles
button-for-all = Actualizar como administrador
button-defer = En el próximo inicio
button-go-back = Volver a { $version }
button-later = Más tarde
button-pause = Pausa
button-quit = Salir
button-resume = Reanudar
button-retry-now = Reintentar ya
button-settings = Ajustes
button-skip = Omitir esta versión
button-start = Iniciar { $app }
button-start-anyway = Iniciar de todos modos
button-try-again = Reintentar
button-update = Actualizar ahora

checking-title = Buscando actualizaciones
checking-below = Un momento, por favor.

offer-title = La versión { $version } está disponible
offer-facts = Tiene la { $version }. Descarga: { $size }.
offer-have = Tiene la { $version }.
offer-size = Descarga: { $size }.
offer-forced = Esta actualización es necesaria para seguir usando { $app }.
offer-notes = Novedades

progress-title = Actualizando a { $version }
progress-title-plain = Actualizando { $app }
progress-bar = Progreso de la actualización
progress-planning = Leyendo los archivos instalados
progress-scan = Comprobando { $file }
progress-fetch = Descargando { $file } ({ $index } de { $count })
progress-fetch-plain = Descargando
progress-stage = Extrayendo { $file } ({ $index } de { $count })
progress-bytes = { $done } de { $total }
progress-speed = { $speed }/s
progress-left = quedan { $span }
progress-comma = ,{" "}
progress-paused = En pausa
progress-cancelling = Cancelando. No se cambiará nada.

lost-band = Conexión perdida. Nuevo intento en { $span }
lost-band-now = Conexión perdida. Intentándolo de nuevo
lost-attempt = Intento { $shown }
lost-spoken = Conexión perdida. Se reintenta automáticamente.
lost-continued = Conectado de nuevo, se continúa

waiting-title = Esperando a que se cierre { $app }
waiting-below = Guarde su trabajo y cierre { $app }. La actualización seguirá por sí sola.
waiting-process = Proceso { $pid }
waiting-own = { $name } (proceso { $pid })
waiting-other = { $name } (proceso { $pid }, usuario { $user })
waiting-more = y { $shown } más

installing-title = Instalando { $version }
installing-title-plain = Instalando la actualización
installing-below = Por favor, no apague el equipo.
installing-files = { $done } de { $total } archivos
installing-close = La ventana se cerrará cuando los archivos estén en su sitio.

done-title = { $app } { $version } está instalado
done-updated = { $count ->
    [one] { $shown } archivo actualizado
   *[other] { $shown } archivos actualizados
}
done-removed = { $count ->
    [one] { $shown } eliminado
   *[other] { $shown } eliminados
}
done-nothing = No hubo que cambiar ningún archivo
done-below = { $counts }. Sus ajustes se han conservado.
starts-in = { $app } se iniciará en { $span }.

current-title = { $app } está actualizado
current-below = Tiene la versión más reciente, { $version }.
current-none = Todavía no hay ninguna versión de este programa.

go-back-title = ¿Volver a { $version }?
go-back-below = { $app } { $installed } ya no se ofrecerá por sí solo. Sus propios archivos se conservan.

back-title = { $from } no se inició, ha vuelto { $to }
back-title-by-hand = Ha vuelto { $app } { $to }
back-below = { $app } { $to } funciona como antes.
back-reason = Qué ocurrió: { $reason }

failed-title = No se pudo instalar la actualización
failed-title-here = { $app } no se puede actualizar aquí
failed-unchanged = No se ha cambiado nada.
failed-works = No se ha cambiado nada: { $app } { $version } sigue funcionando.
failed-code = Código de error: { $code }
failed-log = Registro: { $path }
failed-messages = Qué se hizo

ended-title = Cerrando
ended-below = No se ha cambiado nada.

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

cause-usage = El actualizador no entiende sus argumentos.
cause-config = La configuración del actualizador falta o está dañada.
cause-cancelled = La actualización se canceló.
cause-network-unreachable = No se puede acceder al servidor de actualizaciones.
cause-network-answer = La respuesta del servidor de actualizaciones no tiene sentido.
cause-network-missing = En el servidor falta un archivo de la actualización.
cause-network-insecure = La conexión con el servidor de actualizaciones no es segura.
cause-trust-signature = La firma de la actualización falta o es incorrecta.
cause-trust-expired = La información de la actualización ha caducado.
cause-trust-rollback = El servidor ofrece algo más antiguo que lo ya visto.
cause-trust-mismatch = Las partes de la información de la actualización no concuerdan.
cause-trust-malformed = No se puede leer la información de la actualización.
cause-trust-newer-format = Esta actualización necesita un actualizador más reciente.
cause-trust-content = Un archivo descargado no es el que firmó el editor.
cause-trust-no-root = Falta la clave del editor junto al actualizador.
cause-key = No se puede usar una clave de firma.
cause-disk-space = No hay suficiente espacio en el disco.
cause-disk-permission = No se puede escribir en un archivo o una carpeta.
cause-disk-read-only = El disco es de solo lectura.
cause-disk-other-volume = Una carpeta de { $app } está en otro disco.
cause-disk-in-the-way = Un archivo o enlace suyo estorba.
cause-disk-passing-place = { $app } se ejecuta desde una carpeta temporal.
cause-install-damaged = Faltan archivos de { $app } o han cambiado.
cause-disk-io = El disco informó de un error.
cause-disk-path = Un archivo de la actualización no puede tener su nombre en este equipo.
cause-repository = Los datos del servidor de actualizaciones están dañados.
cause-state-journal = Una actualización interrumpida dejó algo que no se entiende.
cause-busy-program = { $app } sigue abierto.
cause-busy-updater = Hay otra actualización de { $app } en curso.
cause-busy-file = Otro programa tiene abierto un archivo de { $app }.
cause-rolled-back = La nueva versión no se inició.
cause-release-updater = El actualizador que trae esta actualización no funciona en este equipo.
cause-start = No se puede iniciar { $app }.
cause-internal = El actualizador cometió un error.

hint-network = Compruebe la conexión de red y vuelva a intentarlo.
hint-trust = No use esta actualización y avise al editor de { $app }.
hint-disk-space = Libere espacio en el disco y vuelva a intentarlo.
hint-disk-permission = Consulte a quien administra este equipo o mueva { $app } a una carpeta suya.
hint-for-all = Está instalado para todos los usuarios de este equipo. Un administrador puede actualizarlo.
hint-move = Mueva { $app } a otra carpeta e inícielo desde allí.
hint-in-the-way = Quítelo de ahí y vuelva a intentarlo.
remedy-space = Se necesitan { $needed }, hay { $free } libres.
remedy-owner = La carpeta pertenece a { $owner }.
remedy-path = Estorba: { $path }
hint-disk = Compruebe el disco y vuelva a intentarlo.
hint-busy = Ciérrelo y vuelva a intentarlo.
hint-other = Vuelva a intentarlo más tarde. Si continúa, envíe el registro al editor de { $app }.

settings-title = Ajustes
settings-below = Valen para las actualizaciones de { $app }.
settings-language = Idioma
settings-system = Como el sistema
settings-proxy = Proxy
settings-proxy-none = Sin proxy
settings-proxy-own = Dirección
settings-proxy-sample = http://equipo:puerto
settings-proxy-wrong = Esto no es la dirección de un proxy.
settings-limit = Límite de velocidad
settings-limit-none = Sin límite
settings-saved = Guardado.
settings-run-only = No se puede escribir el archivo de ajustes. Esto vale hasta que se cierre la ventana.
settings-later = El proxy se usará en el próximo intento.
about = Actualizador: Updraft { $version }, MIT o Apache-2.0

other-below = Hay otro actualizador en marcha. Esta ventana muestra lo que hace.

story-recovered-forward = Se encontró una actualización interrumpida y se completó.
story-recovered-back = Se encontró una actualización interrumpida y se deshizo.
story-checking = Buscando actualizaciones en { $source }.
story-current = { $version } es la versión más reciente.
story-offered = La versión { $version } está disponible, { $size } como máximo por descargar.
story-planned = { $add } por añadir, { $update } por actualizar, { $remove } por eliminar, { $keep } por conservar; { $size } por descargar.
story-downloading = Descargando.
story-lost = Conexión perdida: { $reason }. Intento { $attempt }, el siguiente en { $span }.
story-mirror = Se dejó { $source }: { $reason }.
story-source = Se usa { $source }.
story-continued = Conectado de nuevo, se continúa.
story-paused = En pausa.
story-unpaused = Se continúa.
story-staged = Todo está descargado y comprobado.
story-waiting = Esperando a que se cierre { $app }.
story-installing = Instalando.
story-installed = { $version } está instalado: { $add } añadidos, { $update } actualizados, { $remove } eliminados.
story-started = Se inició { $program }.
story-confirmed = La nueva versión funciona.
story-back = Ha vuelto { $to } en lugar de { $from }.
story-skipped = Se omitió esta versión.
story-postponed = Aplazado.
story-deferred = Aplazado: { $version } se instalará en el próximo inicio.
story-cancelled = Cancelado. No se ha cambiado nada.

reason-name = no se encuentra el nombre del servidor
reason-no-answer = el servidor no responde
reason-unreachable = no se puede acceder al servidor
reason-silent = el servidor dejó de responder
reason-broke = se cortó la conexión
reason-proxy-login = el proxy pide usuario y contraseña
reason-proxy-refuses = el proxy no conecta con el servidor
reason-certificate = no se acepta su certificado
reason-status = el servidor responde { $rest }
reason-ended = terminó demasiado pronto
reason-no-word = no avisó a tiempo de que funciona
