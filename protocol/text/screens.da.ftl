# Sætningerne på håndterminalens skærme. Koder og numre oversættes ikke: de kommer som argumenter.
# En knap har højst 24 tegn.

# Arbejdsgangene.
flow-receive = Modtag
flow-put-away = Læg på lager
flow-move = Flyt
flow-pick = Pluk
flow-ship = Afsend
flow-count = Tæl vare
flow-count-bin = Tæl lokation
flow-transfer-ship = Overfør ud
flow-transfer-receive = Overfør ind
flow-adjust = Reguler
flow-look-up = Slå op

# Det ene spørgsmål.
ask-document = Scan ordren
ask-from = Scan lokationen, du tager fra
ask-bin = Scan lokationen
ask-go-to = Gå til { $bin } og scan lokationen
ask-item = Scan varen
ask-next-item = Scan den næste vare
ask-anything = Scan hvad som helst
ask-variant = Hvilken variant?
ask-lot = Scan lottet
ask-expiry = Hvornår udløber det?
ask-expiry-again = Tast datoen en gang til
ask-range-first = Scan det første serienummer
ask-range-last = Scan det sidste serienummer
ask-range-step = Hvor langt er der imellem?
ask-serial = Scan serienummeret
ask-package = Scan pakkenummeret
ask-direction = Flere, færre eller præcis?
ask-quantity = Hvor mange?
ask-to = Scan lokationen, du lægger på
ask-plate = Scan pallelabelen
ask-reason = Hvorfor?
ask-emptied = Er lokationen tom nu?
ask-confirm = Er det rigtigt?

# Navne på det indsamlede.
slot-document = Ordre
slot-from = Fra
slot-bin = Lokation
slot-item = Vare
slot-variant = Variant
slot-lot = Lot
slot-expiry = Udløber
slot-step = Trin
slot-serial = Serienr.
slot-package = Pakke
slot-direction = Retning
slot-quantity = Antal
slot-to = Til
slot-plate = Palle
slot-reason = Note
slot-emptied = Tom
filled-text = { $text }
filled-quantity = { $quantity } { $unit }
filled-unidentified = Ukendt: { $code }
filled-range = { $first } til { $last }
filled-serials-more = { $n } mere
filled-usual = som altid

# Dokumenter.
document-purchase-order = Købsordre { $no }
document-purchase-return-order = Retur til leverandør { $no }
document-sales-order = Ordre { $no }
document-sales-return-order = Retur { $no }
document-transfer-order = Overførsel { $no }
document-assembly-order = Montage { $no }
document-count-order = Optælling { $no }

# Valg.
choice-item = Vare { $item }
choice-item-variant = { $item }, { $variant }
choice-item-unit = { $item } { $variant }, en { $unit }
choice-item-lot = { $item }, lot { $lot }
choice-item-serial = { $item }, serienr. { $serial }
choice-bin = Lokation { $bin }
choice-lot = Lot { $lot }
choice-serial = Serienummer { $serial }
choice-package = Pakke { $package }
choice-plate-from = Palle { $plate }
choice-plate-to = På palle { $plate }
choice-plate-closed = Palle { $plate }, lukket
choice-nothing = Intet
choice-variant = { $variant }
choice-unit = { $unit } ({ $factor } { $base })
choice-unordered = Uden ordre
choice-go-on = Fortsæt
choice-back = Tilbage
choice-only = Kun { $quantity } { $unit }
choice-all-with-hold = Tag alt, spær resten
choice-known-expiry = Brug { $expiry }
choice-more = Flere end bogført
choice-less = Færre end bogført
choice-set-to = Præcis så mange
choice-count-instead = Tæl i stedet
choice-count-again = Tæl igen
choice-in-figure = Er med i mit tal
choice-start-again = Start forfra
choice-unidentified = Gem labelen
choice-scan-again = Scan igen
choice-skip = Spring linjen over
choice-range = Numre i række
choice-range-each = Et for et
choice-nothing-here = Ingen af dem her
choice-yes = Ja
choice-no = Nej
choice-rest-is-zero = De er her ikke
choice-not-yet = Jeg tæller videre
choice-only-touched = Kun det, jeg talte
choice-truck-finished = Bilen er færdig
choice-close-truck = Bilen er færdig
choice-leave-open = Lad den stå åben
condition-good = I orden
condition-damaged = Beskadiget
condition-inspect = Skal kontrolleres
reason-bin-empty = Lokationen er tom
reason-damaged = Beskadiget
reason-not-reachable = Kan ikke nå den
reason-wrong-item = Forkert vare
reason-label-unreadable = Ulæselig label
reason-lost = Bortkommet
reason-found = Fundet
reason-expired = Udløbet
reason-sample = Taget som prøve

# Den primære knap.
ok-confirm = OK { $quantity } { $unit }
ok-quantity = OK { $quantity } { $unit }
ok-next-item = Næste vare
ok-bin-empty = Lokationen er tom
ok-bin-finished = Lokation færdig

# Det, der hjælper.
hint-line = Linje { $line } af { $of }
hint-item = { $item }
hint-lot = Kun lot { $lot }
hint-take = Tag { $left } { $unit }
hint-here = { $known } { $unit } her
hint-other-bin = Ikke den foreslåede lokation
hint-expected = { $left } af { $ordered } { $unit } mangler endnu
hint-to-ship = { $left } af { $ordered } { $unit } skal afsted endnu
hint-open-line = { $item }: { $left } { $unit }
hint-order-done = Der er intet tilbage på ordren
hint-lies-in = Ligger på { $bin }
hint-book = Bogen siger { $known } { $unit }
hint-serials-of = { $n } af { $of } scannet
hint-range = { $n } numre, hvis ingen mangler
hint-serials = { $n } scannet
hint-not-expected = Ikke ventet her. Tæl den alligevel.
line-counted = { $item } { $number }: { $quantity } { $unit }
line-order = { $item }: { $done } af { $ordered } { $unit }
line-short = { $no } { $item }: { $quantity } af { $ordered } { $unit } mangler
line-over = { $no } { $item }: { $quantity } { $unit } mere end de bestilte { $ordered }
line-truck-since = Første varer for { $hours } t siden
line-unordered = { $item }: { $quantity } { $unit } uden ordre
line-stock = { $bin } { $plate } { $item } { $number }: { $quantity } { $unit }
line-stock-held = { $bin } { $plate } { $item } { $number }: { $quantity } { $unit }, { $held } spærret
line-stock-withheld = { $bin } { $plate } { $item } { $number }: bliver talt
line-plate = Palle { $plate } på { $bin }
line-no-stock = Intet kendt her

# Stop: hvad der er galt.
stop-unknown = Ingen kender koden { $code }
stop-unknown-label = { $code } er ikke kendt på denne enhed
stop-damaged = Koden kan ikke læses ({ $code })
stop-wrong-kind = Det hører ikke til her
stop-finish-first = Du har { $item } i hånden
stop-bin-in-hand = Du arbejder på { $bin }
stop-other-variant = Du har variant { $variant } i hånden
stop-other-lot = Du har lot { $lot } i hånden
stop-other-expiry = Det udløber { $expiry }, som du læste før
stop-range-length = { $last } er ikke lige så langt som { $first }
stop-range-pattern = Kun tallet til sidst må være et andet
stop-range-order = { $last } kommer ikke efter { $first }
stop-range-too-long = { $n } numre i række er for mange, højst { $max }
stop-range-step = Fra { $first } når man ikke { $last } med det trin
stop-serial-twice = { $serial } er allerede scannet
stop-serial-is-item = Det er varens stregkode
stop-serial-in-stock = { $serial } er på lager på { $bin }
stop-serial-picked = { $serial } er allerede plukket
stop-plate-seen = Palle { $plate } er allerede set
stop-plate-void = Palle { $plate } må ikke bruges mere
stop-plate-loop = { $plate } kan ikke stå på sig selv
stop-unit-unknown = { $item } har ikke enheden { $unit }
stop-too-much = Det er mere, end nogen kan bære
stop-question-open = Der mangler stadig noget
stop-nothing-to-record = Der er intet at gemme
stop-nothing-to-undo = Der er intet at fortryde
stop-malformed = Det kan ikke bruges
stop-zero = Nul er ikke et antal her
stop-not-a-number = Det er ikke et tal
stop-looks-like-barcode = Det ligner en stregkode
stop-too-precise = For mange decimaler
stop-whole-only = Kun hele styk, uden komma og punktum
stop-rounds-to-nothing = Mindre end den mindste mængde
stop-not-a-date = Det er ikke en dato
stop-dates-differ = De to datoer er ikke ens
stop-wrong-destination = { $no } er til { $location }
stop-wrong-item = Det er { $item }, der skal bruges { $needed }
stop-wrong-bin = Det er { $bin }, der skal bruges { $needed }
stop-fixed-lot = Ordren kræver lot { $needed }
stop-bin-blocked = { $bin } er spærret
stop-same-place = Det er allerede på { $bin }
stop-lot-blocked = Lot { $lot } er spærret
stop-expired = Lot { $lot } udløb { $expiry }
stop-expired-serial = Serienummer { $serial } udløb { $expiry }
stop-less-than-nothing = Kun { $known } { $unit } er kendt her

# Advarsler: hvad der er mærkeligt.
warn-ambiguous = Koden kan betyde flere ting
warn-document-cancelled = { $no } er annulleret
warn-document-closed = { $no } er lukket. Varerne er her alligevel.
warn-document-not-released = { $no } er ikke frigivet endnu
warn-not-on-document = { $item } er ikke på { $no }
warn-item-blocked = { $item } er spærret
warn-expiry-differs = Lot { $lot }: labelen siger { $read }, kendt er { $known }
warn-first-expired = { $lot } udløber { $expiry }; { $needed } på lokationen udløber { $earlier }
warn-more-than-known = Jeg kender { $known } { $unit }, du tager { $scanned }
warn-not-shipped = { $no } er ikke set afsendt endnu. Gem ankomsten alligevel?
warn-shipment-unsent = Enheden har ikke sendt afsendelsen af { $no } endnu. Gem ankomsten alligevel?
warn-transfer-over = { $shipped } { $unit } er på vej, du har { $scanned }{ $known ->
    [last] {" (sidst kendt)"}
   *[other] {""}
}
warn-other-bin = Du er på { $bin }, foreslået er { $needed }
warn-over-pick = Der skal bruges { $needed } { $unit }, du tog { $scanned }{ $known ->
    [last] {" (sidst kendt)"}
   *[other] {""}
}
warn-over-ship = { $needed } { $unit } mangler at blive sendt, du har { $scanned }{ $known ->
    [last] {" (sidst kendt)"}
   *[other] {""}
}
warn-over-within = { $over } { $unit } for meget. Tilladt op til { $allowed }{ $known ->
    [last] {" (sidst kendt)"}
   *[other] {""}
}.
warn-over-receipt = Ordren har { $ordered }, { $here } er her, grænsen er { $limit } { $unit }. Du har { $scanned }{ $known ->
    [last] {" (sidst kendt)"}
   *[other] {""}
}.
warn-plate-unknown = Palle { $plate } er ikke kendt her
warn-plate-left = Palle { $plate } har forladt huset, så vidt vides
warn-plate-closed = Palle { $plate } er lukket
warn-plate-elsewhere = Jeg kender palle { $plate } på { $bin }. Er den her?
warn-serial-unknown = { $serial } er ikke kendt. Behold det alligevel?
warn-serial-elsewhere = { $serial } er kendt på { $bin }. Behold det alligevel?
warn-supervisor = Fra { $limit } { $unit } går det først til din leder
warn-moved-meanwhile = Du flyttede varer på { $bin } under optællingen
warn-count-again = Tæl { $item } en gang til
warn-truck = Bilen er ikke som bestilt
warn-untouched = { $n ->
    [one] Ikke talt: { $items }. Er den der ikke, eller mangler den endnu?
   *[other] Ikke talt: { $items }. Er de der ikke, eller mangler de endnu?
}

# Hvad der skal gøres nu.
next-scan-again = Scan bare igen.
next-scan-needed = Scan det, der skal bruges.
next-scan-another = Scan en anden.
next-range-last = Scan det sidste igen, eller fortryd.
next-range-again = Fortryd, og scan det, der er.
next-key-step = Tast et trin, eller fortryd.
next-scan-serial = Scan dens serienummer.
next-finish-first = Gør det i hånden færdigt, eller fortryd det.
next-choose = Vælg nedenfor.
next-truck = Det, der mangler, står åbent på ordren til næste bil. Er denne færdig?
next-go-on = Fortsæt.
next-another-bin = Scan en anden lokation.
next-another-lot = Tag et andet lot.
next-set-aside = Sæt varerne til side, og kald på din leder.
next-ask-supervisor = Spørg din leder.
next-unknown = Scan en anden label, eller gem denne.
next-unknown-elsewhere = Scan en anden etiket på den, eller spørg din leder.
next-count-instead = Tæl det, der er.
next-key-again = Tast det igen.
next-key-date = Tast datoen igen, som 31-12-2027.
next-key-quantity = Tast hvor mange.
word-scanned = Du scannede
word-needed = Skal bruges

# Rammen.
app-name = Tallyman
button-back = Tilbage
button-undo = Fortryd
button-problem = Problem
button-keys = Taster
button-change = Ret
button-ok = OK
button-menu = Menu
button-sign-out = Log af
button-sync = Synk
button-mine = Mine sidste scan
button-try-now = Prøv nu
button-sign-in = Log på
button-enrol = Tilmeld
button-open-book = Vis bogen
button-reopen = Prøv igen
chip-online = Online
chip-offline = { $n ->
    [0] Offline
   *[other] Offline - { $n } venter
}
chip-sending = Sender { $n }
chip-attention = Kræver svar - { $n }
chip-slow = Langsom - { $n } venter
chip-new = Ikke tilmeldt
stock-age = Lager pr. { $time }
field-code = Kode
field-scan = Scan eller tast her
field-pin = PIN
field-quantity = Antal
field-date = Dato
field-enrolment = Tilmeldingskode

# Sider.
page-start = Tryk eller scan kort for at starte
page-enrol = Scan tilmeldingskoden
enrol-explain = Den vises på oversigten under Enheder og begynder med TALLYMAN1:
enrol-encryption = Denne enhed skal kryptere sin disk.
enrol-finding = Leder efter serveren …
enrol-compare = Sammenlign tallet med oversigten: { $number }
enrol-loading = Varer hentes: { $done } af { $total }
enrol-bad = Det er ikke en tilmeldingskode
enrol-refused = Koden er forkert, brugt eller for gammel. Bed om en ny.
page-sign-in = Hvem er du?
sign-in-badge = Scan dit kort, eller vælg dit navn
sign-in-pin = PIN for { $name }
sign-in-nobody = Ingen kan logge på her endnu. Enheden skal have forbindelse en gang.
sign-in-wrong = Kort eller PIN er forkert.
sign-in-locked = For mange forkerte PIN. Forbind enheden til serveren.
sign-in-expired = Serveren skal spørges først. Forbind enheden.
sign-in-unknown = Kortet er ikke kendt her.
sign-in-first = Log på først
page-menu = Hvad skal du?
menu-tasks = Hent arbejde
menu-laid-aside = lagt til side
menu-tasks-none = Intet arbejde venter
task-count = Tæl { $bin } { $item }
task-recount = Tæl igen: { $bin } { $item }
task-verify-plate = Er palle { $plate } på { $bin }?
task-return-to-stock = Tilbage på lager: { $item } { $bin }
task-relocate = Flyt { $item } fra { $bin }
task-look = Led efter { $item } ved { $bin }
task-complete-tracking = Udfyld numre for { $item } på { $bin }
task-yours = Til dig: { $task }
task-done = Gjort
task-yes = Ja, den er her
task-no = Nej, den er her ikke
page-location = Hvor arbejder du?
last-step-recorded = { $n ->
    [one] Gemt før genstarten:
   *[other] Gemt før genstarten, alle { $n }. Den sidste:
}
last-step-not-recorded = Det sidste trin før genstarten er IKKE gemt. Gør det igen.
page-mine = Mine sidste scan
mine-none = Intet er gemt på denne enhed endnu.
mine-by = af { $operator }
mine-recorded = gemt her
mine-acked = sikker på server
mine-accepted = bogført
mine-changed = bogført anderledes
mine-duplicate = var der allerede
mine-parked = hos lederen
mine-refused = afvist
mine-restated = rettet
mine-lost = tabt
change-difference = Difference
change-posting-date = Bogføringsdato
page-sync = Synk
sync-online = Online siden { $time }
sync-offline = Offline
sync-offline-since = Offline siden { $time }
sync-today = Sendt i dag { $sent }, besvaret { $answered }
trouble-unreachable = kan ikke nå { $server }
trouble-no-answer = { $server } svarer ikke
trouble-broken = forbindelsen til { $server } blev afbrudt
trouble-told-to-wait = { $server } beder om at vente
trouble-fault = serveren afviser forbindelsen (fejl { $server })
sync-waiting = { $n ->
    [0] Intet venter
    [one] 1 venter - sikker på enheden
   *[other] { $n } venter - sikre på enheden
}
sync-oldest = Ældste { $time }
sync-next = Næste forsøg om { $seconds } s
sync-parked = Parkeret { $parked }, afvist { $refused }
sync-reason = Årsag: { $reason }
sync-server = Server { $server }
sync-device = Enhed { $device }
standing-update = Denne app er for gammel til serveren. Det, du registrerer, er sikkert her: opdatér appen.
standing-unknown = Serveren kender ikke denne enhed. Tilmeld den igen: det, den har, bevares.
standing-unproven = Serveren godtager ikke enhedens nøgle. Tilmeld den igen: det, den har, bevares.
standing-suspended = Serveren modtager kun det, enheden allerede har registreret. Spørg din leder.
standing-revoked = Denne enhed må ikke længere arbejde med serveren. Spørg din leder.
page-stop = Scanning er stoppet
stop-storage = Det sidste scan er IKKE gemt: { $reason }
stop-storage-next = Fortsæt ikke. Kald på din leder. Det, der blev gemt før, er sikkert.
stop-reason-full = enhedens lager er fuldt
stop-reason-out-of-touch = serveren er ikke nået i { $n } dage
out-of-touch = Forbind enheden: om { $n } timer kan den ikke tage flere scanninger.
storage-low = Enhedens lager er næsten fuldt. Sig det til din leder; scan gemmes stadig.
storage-full = Enhedens lager er fuldt. Der kan ikke gemmes mere.
sync-lost = { $n ->
    [one] Enhedens lager har ødelagt 1 scan. Din leder kan se det.
   *[other] Enhedens lager har ødelagt { $n } scan. Din leder kan se det.
}
sync-clock-fast = Skannerens ur gik { $hours } t { $minutes } min foran. Tiderne for dine registreringer er rettet.
sync-clock-slow = Skannerens ur gik { $hours } t { $minutes } min bagud. Tiderne for dine registreringer er rettet.
restored-scanner = { $n ->
    [0] Denne skanner blev gendannet fra en gammel kopi. Det, den har, er kontrolleret: intet bogføres to gange.
    [one] Denne skanner blev gendannet fra en gammel kopi. 1 registrering kontrolleres: intet bogføres to gange.
   *[other] Denne skanner blev gendannet fra en gammel kopi. { $n } registreringer kontrolleres: intet bogføres to gange.
}
restored-server = { $n ->
    [0] Serveren blev gendannet fra en sikkerhedskopi. Det, den havde mistet, er sendt igen.
    [one] Serveren blev gendannet fra en sikkerhedskopi. 1 registrering sendes igen: intet bogføres to gange.
   *[other] Serveren blev gendannet fra en sikkerhedskopi. { $n } registreringer sendes igen: intet bogføres to gange.
}
page-picture = Foto eller underskrift
picture-photo = Tag et foto
picture-sign = Skriv under her
picture-kept = Gemt her. Det sendes, når intet andet venter.
picture-refused = Det kunne ikke gemmes
button-picture = Foto
button-sign = Gem underskriften
sync-pictures = { $n ->
    [one] 1 billede venter, til intet andet skal sendes
   *[other] { $n } billeder venter, til intet andet skal sendes
}
page-elsewhere = { $item } andre steder
button-elsewhere = Andre steder
elsewhere-offline = Det ved kun serveren, og den kan ikke spørges nu
elsewhere-late = Serveren svarede ikke i tide
elsewhere-none = Ingen andre steder har noget
elsewhere-hidden = vises ikke
elsewhere-cut = Der er mere, end der vises her
page-settings = Indstillinger
settings-language = Sprog
settings-theme = Farver
settings-theme-auto = Som enheden
settings-theme-light = Lyse
settings-theme-dark = Mørke
settings-sounds = Lyde
settings-sounds-normal = Normal
settings-sounds-noisy = Larmende hal
settings-sounds-night = Nat: ingen lyd
settings-volume = Lydstyrke
settings-volume-low = Lav
settings-volume-medium = Mellem
settings-volume-high = Høj
settings-try-good = Godt scan
settings-try-complete = Trin færdigt
settings-try-repeated = Gentaget scan
settings-try-warning = Advarsel
settings-try-stop = Stop
settings-try-attention = Kræver svar
settings-hand = Hovedknap
settings-hand-right = Til højre
settings-hand-left = Til venstre
settings-scan = Prøv scanneren
settings-scan-explain = Scan hvad som helst: intet gemmes.
settings-scan-field = Scannet tekst
settings-scan-button = Se på det
settings-scan-aim = Symbolets slags, som scanneren siger: { $aim }
settings-scan-no-aim = Scanneren siger ikke, hvilken slags symbol det var
settings-scan-ms = { $n } ms pr. tegn
settings-scan-secret = Et skilt eller en tilmeldingskode: den er læst, og teksten vises ikke
settings-scan-ways = Kan læses på { $n } måder: en person bliver spurgt hvilken
settings-code = Prøvekode
settings-code-explain = Udskriv koden og scan den: hvad der kommer frem af den, gemmes for denne enhed
settings-code-print = Udskriv prøvekoden
settings-code-whole = Prøvekoden kom helt frem
settings-code-alias = Prøvekoden kom frem med { $text } som skilletegn: det gælder for et skilletegn fra nu af
settings-code-lost = Prøvekoden kom frem, men dens skilletegn mangler: lad scanneren sende det, som det er
settings-code-unclear = Prøvekoden kom frem med { $text } som skilletegn, og det kan være en del af en kode: lad scanneren sende skilletegnet, som det er
settings-code-not-kept = Prøven er bestået, men kunne ikke gemmes: scan prøvekoden igen
settings-scanner-untested = Denne scanner er ikke prøvet: hvor et skilletegn kan mangle, bliver en person spurgt
settings-scanner-trusted = Denne scanner sender skilletegn, som de er: hvor der intet er, mangler intet
settings-scanner-alias = Denne scanner sender { $text } som skilletegn: hvor der intet er, mangler intet
settings-scanner-doubted = Denne scanner bestod ikke sin prøve: hvor et skilletegn kan mangle, bliver en person spurgt
settings-scanner-when = Prøvet { $time }
page-out = Vagten slut
out-waiting = { $n ->
    [0] Alt er sendt.
    [one] 1 er ikke sendt endnu. Det er sikkert på enheden.
   *[other] { $n } er ikke sendt endnu. De er sikre på enheden.
}
out-answers = Hos lederen { $parked }, afvist { $refused }
unsent-of-others = { $n ->
    [one] 1 scan fra en anden er ikke sendt endnu. Det forbliver vedkommendes.
   *[other] { $n } scan fra andre er ikke sendt endnu. De forbliver deres.
}
unsent-of-one = { $n ->
    [one] 1 scan fra { $operator } er ikke sendt endnu. Det forbliver vedkommendes.
   *[other] { $n } scan fra { $operator } er ikke sendt endnu. De forbliver vedkommendes.
}
undone = Fortrudt
undo-not-here = Det er ikke længere på denne enhed
undo-already = Det er fortrudt allerede
undo-not-own = { $operator } gjorde dette: spørg vedkommende eller din leder
done = Gemt
already = Allerede talt
kind-count = Optælling
kind-count_bin = Lokation talt
kind-receive = Modtaget
kind-pick = Pluk
kind-ship = Afsendt
kind-move = Flyttet
kind-move_plate = Palle flyttet
kind-transfer_ship = Overført ud
kind-transfer_receive = Overført ind
kind-adjust = Reguleret
kind-reclassify = Omdøbt
kind-undo = Fortrudt
kind-unidentified = Ukendt label
kind-answer = Svar
kind-sign_in = Logget på
kind-sign_out = Logget af
kind-attach = Billede
kind-void = Tabt
page-not-found = Den side findes ikke
