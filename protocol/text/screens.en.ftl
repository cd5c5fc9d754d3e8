# The sentences of the handheld's screens. Codes and numbers stay outside of translation: they
# arrive as arguments. A button has at most 24 characters.

# The flows.
flow-receive = Receive
flow-put-away = Put away
flow-move = Move
flow-pick = Pick
flow-ship = Ship
flow-count = Count item
flow-count-bin = Count bin
flow-transfer-ship = Transfer out
flow-transfer-receive = Transfer in
flow-adjust = Adjust
flow-look-up = Look up

# The one question.
ask-document = Scan the order
ask-from = Scan the bin to take from
ask-bin = Scan the bin
ask-go-to = Go to { $bin } and scan the bin
ask-item = Scan the item
ask-next-item = Scan the next item
ask-anything = Scan anything
ask-variant = Which variant?
ask-lot = Scan the lot
ask-expiry = When does it expire?
ask-expiry-again = Type the date once more
ask-range-first = Scan the first serial number
ask-range-last = Scan the last serial number
ask-range-step = How far apart are they?
ask-serial = Scan the serial number
ask-package = Scan the package number
ask-direction = More, less, or exactly?
ask-quantity = How many?
ask-to = Scan the bin to put into
ask-plate = Scan the licence plate
ask-reason = Why?
ask-emptied = Is the bin empty now?
ask-confirm = All right?

# Names of what was collected.
slot-document = Order
slot-from = From
slot-bin = Bin
slot-item = Item
slot-variant = Variant
slot-lot = Lot
slot-expiry = Expires
slot-step = Step
slot-serial = Serial
slot-package = Package
slot-direction = Direction
slot-quantity = Quantity
slot-to = To
slot-plate = Plate
slot-reason = Note
slot-emptied = Empty
filled-text = { $text }
filled-quantity = { $quantity } { $unit }
filled-unidentified = Unknown: { $code }
filled-range = { $first } to { $last }
filled-serials-more = { $n } more
filled-usual = usual

# Documents.
document-purchase-order = Purchase order { $no }
document-purchase-return-order = Return to vendor { $no }
document-sales-order = Order { $no }
document-sales-return-order = Return { $no }
document-transfer-order = Transfer { $no }
document-assembly-order = Assembly { $no }
document-count-order = Count order { $no }

# Choices.
choice-item = Item { $item }
choice-item-variant = { $item }, { $variant }
choice-item-unit = { $item } { $variant }, one { $unit }
choice-item-lot = { $item }, lot { $lot }
choice-item-serial = { $item }, serial { $serial }
choice-bin = Bin { $bin }
choice-lot = Lot { $lot }
choice-serial = Serial number { $serial }
choice-package = Package { $package }
choice-plate-from = Plate { $plate }
choice-plate-to = Onto plate { $plate }
choice-plate-closed = Plate { $plate }, closed
choice-nothing = Nothing
choice-variant = { $variant }
choice-unit = { $unit } ({ $factor } { $base })
choice-unordered = No order
choice-go-on = Go on
choice-back = Back
choice-only = Only { $quantity } { $unit }
choice-all-with-hold = Take all, rest on hold
choice-known-expiry = Use { $expiry }
choice-more = More than booked
choice-less = Less than booked
choice-set-to = Exactly this many
choice-count-instead = Count instead
choice-count-again = Count again
choice-in-figure = Already in my figure
choice-start-again = Start again
choice-unidentified = Record the label
choice-scan-again = Scan again
choice-skip = Skip this line
choice-range = Numbers in a row
choice-range-each = One by one
choice-nothing-here = None of it here
choice-yes = Yes
choice-no = No
choice-rest-is-zero = They are not here
choice-not-yet = I go on counting
choice-only-touched = Only what I counted
choice-truck-finished = Truck finished
choice-close-truck = The truck is finished
choice-leave-open = Leave it open
condition-good = Good
condition-damaged = Damaged
condition-inspect = To be inspected
reason-bin-empty = Bin empty
reason-damaged = Damaged
reason-not-reachable = Cannot reach it
reason-wrong-item = Wrong item in bin
reason-label-unreadable = Label unreadable
reason-lost = Lost
reason-found = Found
reason-expired = Expired
reason-sample = Taken as sample

# The primary button.
ok-confirm = OK { $quantity } { $unit }
ok-quantity = OK { $quantity } { $unit }
ok-next-item = Next item
ok-bin-empty = The bin is empty
ok-bin-finished = Bin finished

# What helps.
hint-line = Line { $line } of { $of }
hint-item = { $item }
hint-lot = Lot { $lot } only
hint-take = Take { $left } { $unit }
hint-here = { $known } { $unit } here
hint-other-bin = Not the bin that was proposed
hint-expected = { $left } of { $ordered } { $unit } still to come
hint-to-ship = { $left } of { $ordered } { $unit } still to go
hint-open-line = { $item }: { $left } { $unit }
hint-order-done = Nothing is left on this order
hint-lies-in = Lies in { $bin }
hint-book = The book says { $known } { $unit }
hint-serials-of = { $n } of { $of } scanned
hint-range = { $n } numbers, if none is left out
hint-serials = { $n } scanned
hint-not-expected = Not expected here. Count it all the same.
line-counted = { $item } { $number }: { $quantity } { $unit }
line-order = { $item }: { $done } of { $ordered } { $unit }
line-short = { $no } { $item }: { $quantity } of { $ordered } { $unit } short
line-over = { $no } { $item }: { $quantity } { $unit } more than the { $ordered } ordered
line-truck-since = First goods { $hours } h ago
line-unordered = { $item }: { $quantity } { $unit } on no order
line-stock = { $bin } { $plate } { $item } { $number }: { $quantity } { $unit }
line-stock-held = { $bin } { $plate } { $item } { $number }: { $quantity } { $unit }, { $held } on hold
line-stock-withheld = { $bin } { $plate } { $item } { $number }: is being counted
line-plate = Plate { $plate } in { $bin }
line-no-stock = Nothing known here

# Stops: what is wrong.
stop-unknown = Nobody knows the code { $code }
stop-unknown-label = { $code } is not known on this device
stop-damaged = The code cannot be read ({ $code })
stop-wrong-kind = This does not belong here
stop-finish-first = { $item } is in your hand
stop-bin-in-hand = You are working in { $bin }
stop-other-variant = Variant { $variant } is in your hand
stop-other-lot = Lot { $lot } is in your hand
stop-other-expiry = It expires { $expiry }, as you read before
stop-range-length = { $last } is not as long as { $first }
stop-range-pattern = Only the number at the end may differ
stop-range-order = { $last } does not come after { $first }
stop-range-too-long = { $n } numbers in a row are too many, at most { $max }
stop-range-step = { $last } is not reached from { $first } by that step
stop-serial-twice = { $serial } is scanned already
stop-serial-is-item = That is the barcode of the item
stop-serial-in-stock = { $serial } is in stock in { $bin }
stop-serial-picked = { $serial } is picked already
stop-plate-seen = Plate { $plate } is seen already
stop-plate-void = Plate { $plate } must not be used any more
stop-plate-loop = { $plate } cannot stand on itself
stop-unit-unknown = { $item } has no unit { $unit }
stop-too-much = That is more than anybody can hold
stop-question-open = Something is still missing
stop-nothing-to-record = There is nothing to record
stop-nothing-to-undo = There is nothing to take back
stop-malformed = That cannot be used
stop-zero = Nothing is no quantity here
stop-not-a-number = That is not a number
stop-looks-like-barcode = That looks like a barcode
stop-too-precise = Too many decimals
stop-whole-only = Whole pieces only, no comma and no point
stop-rounds-to-nothing = Less than the smallest amount
stop-not-a-date = That is not a date
stop-dates-differ = The two dates are not the same
stop-wrong-destination = { $no } is for { $location }
stop-wrong-item = This is { $item }, needed is { $needed }
stop-wrong-bin = This is { $bin }, needed is { $needed }
stop-fixed-lot = The order asks for lot { $needed }
stop-bin-blocked = { $bin } is blocked
stop-same-place = It is in { $bin } already
stop-lot-blocked = Lot { $lot } is blocked
stop-expired = Lot { $lot } expired { $expiry }
stop-expired-serial = Serial { $serial } expired { $expiry }
stop-less-than-nothing = Only { $known } { $unit } are known here

# Warnings: what is odd.
warn-ambiguous = This code can mean several things
warn-document-cancelled = { $no } is cancelled
warn-document-closed = { $no } is closed. The goods are here all the same.
warn-document-not-released = { $no } is not released yet
warn-not-on-document = { $item } is not on { $no }
warn-item-blocked = { $item } is blocked
warn-expiry-differs = Lot { $lot }: the label says { $read }, known is { $known }
warn-first-expired = { $lot } expires { $expiry }; { $needed } in this bin expires { $earlier }
warn-more-than-known = I know of { $known } { $unit }, you take { $scanned }
warn-not-shipped = { $no } is not seen as shipped yet. Record the arrival all the same?
warn-shipment-unsent = This device has not sent the shipment of { $no } yet. Record the arrival all the same?
warn-transfer-over = { $shipped } { $unit } are on the way, you have { $scanned }{ $known ->
    [last] {" (last known)"}
   *[other] {""}
}
warn-other-bin = You are in { $bin }, proposed is { $needed }
warn-over-pick = { $needed } { $unit } are needed, you took { $scanned }{ $known ->
    [last] {" (last known)"}
   *[other] {""}
}
warn-over-ship = { $needed } { $unit } are left to ship, you have { $scanned }{ $known ->
    [last] {" (last known)"}
   *[other] {""}
}
warn-over-within = { $over } { $unit } over. Allowed up to { $allowed }{ $known ->
    [last] {" (last known)"}
   *[other] {""}
}.
warn-over-receipt = Order has { $ordered }, { $here } already here, limit { $limit } { $unit }. You have { $scanned }{ $known ->
    [last] {" (last known)"}
   *[other] {""}
}.
warn-plate-unknown = Plate { $plate } is not known here
warn-plate-left = Plate { $plate } has left the house, as far as is known
warn-plate-closed = Plate { $plate } is closed
warn-plate-elsewhere = I know plate { $plate } in { $bin }. Is it here?
warn-serial-unknown = { $serial } is not known. Keep it all the same?
warn-serial-elsewhere = { $serial } is known in { $bin }. Keep it all the same?
warn-supervisor = From { $limit } { $unit } on it goes to your supervisor first
warn-moved-meanwhile = You moved goods in { $bin } during this count
warn-count-again = Please count { $item } again
warn-truck = This truck is not as ordered
warn-untouched = { $n ->
    [one] Not counted: { $items }. Is it not there, or not yet?
   *[other] Not counted: { $items }. Are they not there, or not yet?
}

# What to do now.
next-scan-again = Just scan again.
next-scan-needed = Scan what is needed.
next-scan-another = Scan another one.
next-range-last = Scan the last one again, or undo.
next-range-again = Undo, and scan what is there.
next-key-step = Type a step, or undo.
next-scan-serial = Scan its serial number.
next-finish-first = Finish or take back what is in your hand.
next-choose = Choose below.
next-truck = What is short stays open on its order for the next truck. Is this one finished?
next-go-on = Go on.
next-another-bin = Scan another bin.
next-another-lot = Take another lot.
next-set-aside = Set the goods aside and call your supervisor.
next-ask-supervisor = Ask your supervisor.
next-unknown = Scan another label of it, or record this one.
next-unknown-elsewhere = Scan another label of it, or ask your supervisor.
next-count-instead = Count what is there.
next-key-again = Type it again.
next-key-date = Type the date again, like 31-12-2027.
next-key-quantity = Type how many.
word-scanned = You scanned
word-needed = Needed

# The frame.
app-name = Tallyman
button-back = Back
button-undo = Undo
button-problem = Problem
button-keys = Keys
button-change = Change
button-ok = OK
button-menu = Menu
button-sign-out = Sign out
button-sync = Sync
button-mine = My last scans
button-try-now = Try now
button-sign-in = Sign in
button-enrol = Enrol
button-open-book = Show the book
button-reopen = Try again
chip-online = Online
chip-offline = { $n ->
    [0] Offline
   *[other] Offline - { $n } waiting
}
chip-sending = Sending { $n }
chip-attention = Needs attention - { $n }
chip-slow = Slow - { $n } waiting
chip-new = Not enrolled
stock-age = Stock as of { $time }
field-code = Code
field-scan = Scan or type here
field-pin = PIN
field-quantity = Quantity
field-date = Date
field-enrolment = Enrolment code

# Pages.
page-start = Tap or scan badge to start
page-enrol = Scan the enrolment code
enrol-explain = It is shown on the dashboard under Devices, and begins with TALLYMAN1:
enrol-encryption = This device must encrypt its disk.
enrol-finding = Looking for the server …
enrol-compare = Compare this number with the dashboard: { $number }
enrol-loading = Items are being loaded: { $done } of { $total }
enrol-bad = That is no enrolment code
enrol-refused = The code is wrong, used, or too old. Ask for a new one.
page-sign-in = Who are you?
sign-in-badge = Scan your badge, or choose your name
sign-in-pin = PIN of { $name }
sign-in-nobody = Nobody may sign in on this device yet. It needs the server once.
sign-in-wrong = Badge or PIN is wrong.
sign-in-locked = Too many wrong PINs. Connect the device to the server.
sign-in-expired = The server has to be asked first. Connect the device.
sign-in-unknown = This badge is not known here.
sign-in-first = Sign in first
page-menu = What do you do?
menu-tasks = Get work
menu-laid-aside = laid aside
menu-tasks-none = No work is waiting
task-count = Count { $bin } { $item }
task-recount = Count again: { $bin } { $item }
task-verify-plate = Is plate { $plate } in { $bin }?
task-return-to-stock = Back to stock: { $item } { $bin }
task-relocate = Move { $item } from { $bin }
task-look = Look for { $item } near { $bin }
task-complete-tracking = Complete the numbers of { $item } in { $bin }
task-yours = For you: { $task }
task-done = Done
task-yes = Yes, it is here
task-no = No, it is not here
page-location = Where do you work?
last-step-recorded = { $n ->
    [one] Recorded before the restart:
   *[other] Recorded before the restart, all { $n }. The last one:
}
last-step-not-recorded = The last step before the restart is NOT recorded. Do it again.
page-mine = My last scans
mine-none = Nothing was recorded on this device yet.
mine-by = by { $operator }
mine-recorded = saved here
mine-acked = safe on server
mine-accepted = booked
mine-changed = booked differently
mine-duplicate = was there already
mine-parked = with supervisor
mine-refused = refused
mine-restated = corrected
mine-lost = lost
change-difference = Difference
change-posting-date = Posting date
page-sync = Sync
sync-online = Online since { $time }
sync-offline = Offline
sync-offline-since = Offline since { $time }
sync-today = Sent today { $sent }, answered { $answered }
trouble-unreachable = cannot reach { $server }
trouble-no-answer = { $server } does not answer
trouble-broken = the connection to { $server } broke
trouble-told-to-wait = { $server } asks to come back later
trouble-fault = the server refuses the connection (fault { $server })
sync-waiting = { $n ->
    [0] Nothing is waiting
    [one] 1 waiting - safe on this device
   *[other] { $n } waiting - safe on this device
}
sync-oldest = Oldest { $time }
sync-next = Next try in { $seconds } s
sync-parked = Parked { $parked }, refused { $refused }
sync-reason = Reason: { $reason }
sync-server = Server { $server }
sync-device = Device { $device }
standing-update = This app is too old for the server. What you record stays safe here: update the app.
standing-unknown = The server does not know this device. Enrol it again: what it holds is kept.
standing-unproven = The server does not accept the key of this device. Enrol it again: what it holds is kept.
standing-suspended = The server only takes what this device has recorded. Ask your supervisor.
standing-revoked = This device may not work with the server any more. Ask your supervisor.
page-stop = Scanning has stopped
stop-storage = The last scan is NOT saved: { $reason }
stop-storage-next = Do not go on. Call your supervisor. What was saved before is safe.
stop-reason-full = the storage of this device is full
stop-reason-out-of-touch = the server was not reached for { $n } days
out-of-touch = Connect this device: in { $n } hours it takes no more scans.
storage-low = The storage of this device is nearly full. Tell your supervisor; scans are still saved.
storage-full = The storage of this device is full. Nothing more can be saved.
sync-lost = { $n ->
    [one] The storage of this device has destroyed 1 scan. Your supervisor sees that.
   *[other] The storage of this device has destroyed { $n } scans. Your supervisor sees that.
}
sync-clock-fast = The clock of this scanner was { $hours } h { $minutes } min fast. The times of your entries are corrected.
sync-clock-slow = The clock of this scanner was { $hours } h { $minutes } min slow. The times of your entries are corrected.
restored-scanner = { $n ->
    [0] This scanner was restored from an old copy. What it holds was checked: nothing is booked twice.
    [one] This scanner was restored from an old copy. 1 entry is being checked: nothing is booked twice.
   *[other] This scanner was restored from an old copy. { $n } entries are being checked: nothing is booked twice.
}
restored-server = { $n ->
    [0] The server was restored from a backup. What it had lost was sent again.
    [one] The server was restored from a backup. 1 entry is sent again: nothing is booked twice.
   *[other] The server was restored from a backup. { $n } entries are sent again: nothing is booked twice.
}
page-picture = Photo or signature
picture-photo = Take a photo
picture-sign = Sign here
picture-kept = Saved here. It is sent when nothing else waits.
picture-refused = That could not be saved
button-picture = Photo
button-sign = Save the signature
sync-pictures = { $n ->
    [one] 1 picture waits until nothing else is to be sent
   *[other] { $n } pictures wait until nothing else is to be sent
}
page-elsewhere = { $item } at other sites
button-elsewhere = Other sites
elsewhere-offline = Only the server knows that, and it cannot be asked now
elsewhere-late = The server did not answer in time
elsewhere-none = No other site has any
elsewhere-hidden = not shown
elsewhere-cut = There is more than is shown here
page-settings = Settings
settings-language = Language
settings-theme = Colours
settings-theme-auto = As the device
settings-theme-light = Light
settings-theme-dark = Dark
settings-sounds = Sounds
settings-sounds-normal = Normal
settings-sounds-noisy = Noisy hall
settings-sounds-night = Night: no sound
settings-volume = Volume
settings-volume-low = Low
settings-volume-medium = Medium
settings-volume-high = High
settings-try-good = Good scan
settings-try-complete = Step complete
settings-try-repeated = Repeated scan
settings-try-warning = Warning
settings-try-stop = Stop
settings-try-attention = Needs attention
settings-hand = Main button
settings-hand-right = On the right
settings-hand-left = On the left
settings-scan = Test the scanner
settings-scan-explain = Scan anything: nothing is recorded.
settings-scan-field = Scanned text
settings-scan-button = Look at it
settings-scan-aim = Kind of symbol, as the scanner says: { $aim }
settings-scan-no-aim = The scanner does not say which kind of symbol it was
settings-scan-ms = { $n } ms per character
settings-scan-secret = A badge or an enrolment code: it was read, and its text is not shown
settings-scan-ways = Can be read in { $n } ways: a person is asked which
settings-code = Test code
settings-code-explain = Print this code and scan it: what arrives of it is kept for this device
settings-code-print = Print the test code
settings-code-whole = The test code arrived whole
settings-code-alias = The test code arrived with { $text } for its separator: this is taken for one from now on
settings-code-lost = The test code arrived, but its separator is missing: let the scanner send it as it is
settings-code-unclear = The test code arrived with { $text } for its separator, which may be part of a code: let the scanner send the separator as it is
settings-code-not-kept = The test was passed, but could not be saved: scan the test code again
settings-scanner-untested = This scanner was not tested: where a separator may be missing, a person is asked
settings-scanner-trusted = This scanner sends separators as they are: where there is none, none is missing
settings-scanner-alias = This scanner sends { $text } for a separator: where there is none, none is missing
settings-scanner-doubted = This scanner failed its test: where a separator may be missing, a person is asked
settings-scanner-when = Tested { $time }
page-out = End of shift
out-waiting = { $n ->
    [0] Everything is sent.
    [one] 1 is not sent yet. It stays safe on this device.
   *[other] { $n } are not sent yet. They stay safe on this device.
}
out-answers = With your supervisor { $parked }, refused { $refused }
unsent-of-others = { $n ->
    [one] 1 scan of another person is not sent yet. It stays theirs.
   *[other] { $n } scans of others are not sent yet. They stay theirs.
}
unsent-of-one = { $n ->
    [one] 1 scan by { $operator } is not sent yet. It stays theirs.
   *[other] { $n } scans by { $operator } are not sent yet. They stay theirs.
}
undone = Taken back
undo-not-here = This is no longer on this device
undo-already = This is taken back already
undo-not-own = { $operator } did this: ask them, or your supervisor
done = Recorded
already = Already counted
kind-count = Count
kind-count_bin = Bin count
kind-receive = Receive
kind-pick = Pick
kind-ship = Ship
kind-move = Move
kind-move_plate = Plate moved
kind-transfer_ship = Transfer out
kind-transfer_receive = Transfer in
kind-adjust = Adjust
kind-reclassify = Renamed
kind-undo = Taken back
kind-unidentified = Unknown label
kind-answer = Answer
kind-sign_in = Signed in
kind-sign_out = Signed out
kind-attach = Picture
kind-void = Lost
page-not-found = There is no such page
