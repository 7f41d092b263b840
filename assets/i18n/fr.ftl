# Les textes français de la fenêtre de mise à jour.

language-name = Français

button-back = Retour
button-cancel = Annuler
button-close = Fermer
button-close-app = Fermer { $app }
button-copied = Copié
button-copy-log = Copier le journal
button-details = Détails
button-hide-details = Masquer les détails
button-for-all = Mettre à jour en administrateur
button-defer = Au prochain démarrage
button-go-back = Revenir à { $version }
button-later = Plus tard
button-pause = Pause
button-quit = Quitter
button-resume = Reprendre
button-retry-now = Réessayer maintenant
button-settings = Réglages
button-skip = Ignorer cette version
button-start = Démarrer { $app }
button-start-anyway = Démarrer quand même
button-try-again = Réessayer
button-update = Mettre à jour

checking-title = Recherche de mises à jour
checking-below = Un instant, s’il vous plaît.

offer-title = La version { $version } est disponible
offer-facts = Vous avez la { $version }. À télécharger : { $size }.
offer-have = Vous avez la { $version }.
offer-size = À télécharger : { $size }.
offer-forced = Cette mise à jour est nécessaire pour continuer à utiliser { $app }.
offer-notes = Nouveautés

progress-title = Mise à jour vers { $version }
progress-title-plain = Mise à jour de { $app }
progress-bar = Avancement de la mise à jour
progress-planning = Lecture des fichiers installés
progress-scan = Vérification de { $file }
progress-fetch = Téléchargement de { $file } ({ $index } sur { $count })
progress-fetch-plain = Téléchargement
progress-stage = Extraction de { $file } ({ $index } sur { $count })
progress-bytes = { $done } sur { $total }
progress-speed = { $speed }/s
progress-left = reste { $span }
progress-comma = ,{" "}
progress-paused = En pause
progress-cancelling = Annulation. Rien ne sera modifié.

lost-band = Connexion perdue. Nouvel essai dans { $span }
lost-band-now = Connexion perdue. Nouvel essai en cours
lost-attempt = Essai { $shown }
lost-spoken = Connexion perdue. De nouveaux essais suivent automatiquement.
lost-continued = Connexion rétablie, reprise

waiting-title = En attente de la fermeture de { $app }
waiting-below = Enregistrez votre travail et fermez { $app }. La mise à jour continuera d’elle-même.
waiting-process = Processus { $pid }
waiting-own = { $name } (processus { $pid })
waiting-other = { $name } (processus { $pid }, utilisateur { $user })
waiting-more = et { $shown } de plus

installing-title = Installation de { $version }
installing-title-plain = Installation de la mise à jour
installing-below = Merci de ne pas éteindre l’ordinateur.
installing-files = { $done } fichiers sur { $total }
installing-close = La fenêtre se fermera dès que les fichiers seront en place.

done-title = { $app } { $version } est installé
done-updated = { $count ->
    [one] { $shown } fichier mis à jour
   *[other] { $shown } fichiers mis à jour
}
done-removed = { $count ->
    [one] { $shown } supprimé
   *[other] { $shown } supprimés
}
done-nothing = Aucun fichier à modifier
done-below = { $counts }. Vos réglages sont conservés.
starts-in = { $app } démarrera dans { $span }.

current-title = { $app } est à jour
current-below = Vous avez la version la plus récente, { $version }.
current-none = Il n’y a encore aucune version de ce programme.

go-back-title = Revenir à { $version } ?
go-back-below = { $app } { $installed } ne sera plus proposé de lui-même. Vos propres fichiers restent.

back-title = { $from } n’a pas démarré, retour à { $to }
back-title-by-hand = Retour à { $app } { $to }
back-below = { $app } { $to } fonctionne comme avant.
back-reason = Ce qui s’est passé : { $reason }

failed-title = La mise à jour n’a pas pu être installée
failed-title-here = { $app } ne peut pas être mis à jour ici
failed-unchanged = Rien n’a été modifié.
failed-works = Rien n’a été modifié : { $app } { $version } fonctionne toujours.
failed-code = Code d’erreur : { $code }
failed-log = Journal : { $path }
failed-messages = Ce qui a été fait

ended-title = Fermeture
ended-below = Rien n’a été modifié.

number-decimal = ,
number-group = { "\u00A0" }
percent = { $shown }{ "\u00A0" }%
bytes-b = { $shown } o
bytes-kb = { $shown } ko
bytes-mb = { $shown } Mo
bytes-gb = { $shown } Go
bytes-tb = { $shown } To
span-seconds = { $s } s
span-minutes = { $m } min { $s } s
span-hours = { $h } h { $m } min

cause-usage = Le programme de mise à jour ne comprend pas ses arguments.
cause-config = Les réglages du programme de mise à jour manquent ou sont endommagés.
cause-cancelled = La mise à jour a été annulée.
cause-network-unreachable = Le serveur de mise à jour est injoignable.
cause-network-answer = La réponse du serveur de mise à jour n’a pas de sens.
cause-network-missing = Un fichier de la mise à jour manque sur le serveur.
cause-network-insecure = La connexion au serveur de mise à jour n’est pas sûre.
cause-trust-signature = La signature de la mise à jour manque ou est fausse.
cause-trust-expired = Les informations de mise à jour sont périmées.
cause-trust-rollback = Le serveur propose quelque chose de plus ancien que ce qui est connu.
cause-trust-mismatch = Les parties des informations de mise à jour ne concordent pas.
cause-trust-malformed = Les informations de mise à jour sont illisibles.
cause-trust-newer-format = Cette mise à jour demande un programme de mise à jour plus récent.
cause-trust-content = Un fichier téléchargé n’est pas celui que l’éditeur a signé.
cause-trust-no-root = La clé de l’éditeur manque à côté du programme de mise à jour.
cause-key = Une clé de signature est inutilisable.
cause-disk-space = Il n’y a pas assez de place sur le disque.
cause-disk-permission = Un fichier ou un dossier ne peut pas être modifié.
cause-disk-read-only = Le disque est en lecture seule.
cause-disk-other-volume = Un dossier de { $app } se trouve sur un autre disque.
cause-disk-in-the-way = Un de vos fichiers ou liens fait obstacle.
cause-disk-passing-place = { $app } est lancé depuis un dossier temporaire.
cause-install-damaged = Des fichiers de { $app } manquent ou ont été modifiés.
cause-disk-io = Le disque signale une erreur.
cause-disk-path = Le nom d’un fichier est impossible sur cet ordinateur.
cause-repository = Les données du serveur de mise à jour sont endommagées.
cause-state-journal = Une mise à jour interrompue a laissé des traces incompréhensibles.
cause-busy-program = { $app } est encore ouvert.
cause-busy-updater = Une autre mise à jour de { $app } est en cours.
cause-busy-file = Un autre programme utilise un fichier de { $app }.
cause-rolled-back = La nouvelle version n’a pas démarré.
cause-release-updater = Le programme de mise à jour fourni ne fonctionne pas sur cet ordinateur.
cause-start = { $app } ne peut pas être démarré.
cause-internal = Le programme de mise à jour a fait une erreur.

hint-network = Vérifiez la connexion au réseau, puis réessayez.
hint-trust = N’utilisez pas cette mise à jour et prévenez l’éditeur de { $app }.
hint-disk-space = Libérez de la place sur le disque, puis réessayez.
hint-disk-permission = Adressez-vous à la personne qui gère cet ordinateur, ou déplacez { $app } dans un de vos dossiers.
hint-for-all = Le programme est installé pour tous les utilisateurs de cet ordinateur. Un administrateur peut le mettre à jour.
hint-move = Déplacez { $app } dans un autre dossier et démarrez-le de là.
hint-in-the-way = Déplacez-le, puis réessayez.
remedy-space = Il faut { $needed }, { $free } sont libres.
remedy-owner = Le dossier appartient à { $owner }.
remedy-path = Fait obstacle : { $path }
hint-disk = Vérifiez le disque, puis réessayez.
hint-busy = Fermez-le, puis réessayez.
hint-other = Réessayez plus tard. Si cela persiste, envoyez le journal à l’éditeur de { $app }.

settings-title = Réglages
settings-below = Ils valent pour les mises à jour de { $app }.
settings-language = Langue
settings-system = Comme le système
settings-proxy = Proxy
settings-proxy-none = Aucun proxy
settings-proxy-own = Adresse
settings-proxy-sample = http://hôte:port
settings-proxy-wrong = Ce n’est pas l’adresse d’un proxy.
settings-limit = Débit maximal
settings-limit-none = Sans limite
settings-saved = Enregistré.
settings-run-only = Le fichier des réglages ne peut pas être modifié. Ceci vaut jusqu’à la fermeture de la fenêtre.
settings-later = Le proxy servira au prochain essai.
about = Mise à jour : Updraft { $version }, MIT ou Apache-2.0

other-below = Une autre mise à jour est en cours. Cette fenêtre montre ce qu’elle fait.

story-recovered-forward = Une mise à jour interrompue a été trouvée et terminée.
story-recovered-back = Une mise à jour interrompue a été trouvée et défaite.
story-checking = Recherche de mises à jour sur { $source }.
story-current = { $version } est la version la plus récente.
story-offered = La version { $version } est disponible, { $size } au plus à télécharger.
story-planned = { $add } à ajouter, { $update } à modifier, { $remove } à supprimer, { $keep } à garder ; { $size } à télécharger.
story-downloading = Téléchargement.
story-lost = Connexion perdue : { $reason }. Essai { $attempt }, le suivant dans { $span }.
story-mirror = { $source } est abandonné : { $reason }.
story-source = { $source } est utilisé.
story-continued = Connexion rétablie, reprise.
story-paused = En pause.
story-unpaused = Reprise.
story-staged = Tout est téléchargé et vérifié.
story-waiting = En attente de la fermeture de { $app }.
story-installing = Installation.
story-installed = { $version } est installé : { $add } ajoutés, { $update } modifiés, { $remove } supprimés.
story-started = { $program } a été démarré.
story-confirmed = La nouvelle version fonctionne.
story-back = Retour de { $from } à { $to }.
story-skipped = Cette version a été ignorée.
story-postponed = Remis à plus tard.
story-deferred = Remis : { $version } sera installé au prochain démarrage.
story-cancelled = Annulé. Rien n’a été modifié.

reason-name = le nom du serveur est introuvable
reason-no-answer = le serveur ne répond pas
reason-unreachable = le serveur est injoignable
reason-silent = le serveur ne dit plus rien
reason-broke = la connexion s’est interrompue
reason-proxy-login = le proxy demande un nom et un mot de passe
reason-proxy-refuses = le proxy ne se connecte pas au serveur
reason-certificate = son certificat est refusé
reason-status = le serveur répond { $rest }
reason-ended = elle s’est arrêtée trop tôt
reason-no-word = elle n’a pas signalé à temps qu’elle fonctionne
