// Makes the pages faster and louder: scans from a keyboard wedge, signals, parts of pages.
// Everything works without it, too, one page load at a time.

const BURST_MS = 80; // characters of one scan follow each other faster than a person types
const PAUSE_MS = 500; // where nobody types into a field, a scanner may stop for breath: no scan is cut in two
const SCAN_CHARACTERS_MIN = 3;
const SAME_SCAN_MS = 400; // one trigger pull delivered twice
const DIGIT_WAIT_MS = 150; // a lone digit is a choice when nothing follows it
const LINK_SIGNAL_MS = 30000; // the network is heard at most so often
const GROUP_SEPARATOR = "\u001d";

const main = () => document.getElementById("main");

// Signals: sound, vibration and words together, never one alone.

// Frequency in Hz, start and length in milliseconds, and the wave where it is not square.
const TONES = {
  good: [[1760, 0, 70]],
  complete: [[1320, 0, 70], [1760, 90, 90]],
  repeated: [[880, 0, 60], [880, 110, 60]],
  warning: [[660, 0, 300]],
  stop: [[220, 0, 500]],
  attention: [[440, 0, 120], [440, 200, 120], [440, 400, 120]],
  offline: [[660, 0, 90, "sine"], [440, 110, 140, "sine"]],
  online: [[440, 0, 90, "sine"], [660, 110, 140, "sine"]],
};
const VIBRATIONS = {
  good: [40],
  complete: [40, 40, 40],
  repeated: [30, 60, 30],
  warning: [200],
  stop: [400, 100, 400],
  attention: [200, 100, 200],
};
let audio = null;

// The set of sounds: how much longer tones and vibrations are, and whether there is a tone at all.
const SOUNDS = {
  normal: { tones: 1, vibrations: 1 },
  noisy: { tones: 3, vibrations: 1 },
  night: { tones: 0, vibrations: 2 },
};
const GAINS = { low: 0.08, medium: 0.25, high: 0.6 };
const looks = document.documentElement.dataset;
const sounds = SOUNDS[looks.sounds] || SOUNDS.normal;

// Browsers let a page sound only after it was touched.
function unlock() {
  const Context = window.AudioContext || window.webkitAudioContext;
  if (!audio && Context) audio = new Context();
  if (audio && audio.state === "suspended") audio.resume();
}

function tone([frequency, at, length, wave]) {
  const start = audio.currentTime + at * sounds.tones / 1000;
  const end = start + length * sounds.tones / 1000;
  const source = audio.createOscillator();
  const gain = audio.createGain();
  source.type = wave || "square";
  source.frequency.value = frequency;
  gain.gain.setValueAtTime(GAINS[looks.volume] || GAINS.medium, start);
  gain.gain.linearRampToValueAtTime(0, end);
  source.connect(gain).connect(audio.destination);
  source.start(start);
  source.stop(end);
}

function signal(name) {
  if (!TONES[name]) return;
  unlock();
  if (audio && sounds.tones) TONES[name].forEach(tone);
  // Before the first touch a browser refuses, and says so in its log.
  const touched = !navigator.userActivation || navigator.userActivation.hasBeenActive;
  if (touched && navigator.vibrate && VIBRATIONS[name]) {
    navigator.vibrate(VIBRATIONS[name].map((ms) => ms * sounds.vibrations));
  }
  if (name === "offline" || name === "online") return; // the chip says it
  const loud = name === "stop" || name === "warning" || name === "attention";
  const said = document.querySelector("#notice, #stopped, #scanned, #remark, #question");
  document.getElementById(loud ? "alarm" : "heard").textContent = said ? said.textContent : "";
}

// Parts of pages.

let asking = Promise.resolve();

function put(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html").getElementById("main");
  if (parsed) main().replaceWith(document.adoptNode(parsed));
  return Boolean(parsed);
}

function show(html, name) {
  if (!put(html)) return;
  history.replaceState(null, "", "/");
  listen();
  signal(name || main().dataset.signal);
}

// A number field is typed into at once; otherwise the hidden field hears keyboards without keys.
function listen() {
  const field = document.querySelector("#field[data-keep=key]") || document.getElementById("wedge");
  field.focus({ preventScroll: true });
}

// Deeds go one after the other: two quick scans are two scans, in their order.
function perform(deed, text) {
  asking = asking.then(async () => {
    try {
      const answer = await fetch(`/do/${deed}`, {
        method: "POST",
        headers: { "x-part": "1" },
        body: new URLSearchParams({ text }),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.text());
    } catch (error) {
      gone();
    }
  });
  return asking;
}

// On the page of settings a scan is looked at, and nothing is done with it.
const isTested = () => main().dataset.page === "settings";

async function test(text, ms) {
  try {
    const answer = await fetch("/settings/scan", {
      method: "POST",
      headers: { "x-part": "1" },
      body: new URLSearchParams({ text, ms }),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    if (put(await answer.text())) listen();
    signal("good");
  } catch (error) {
    gone();
  }
}

// The app itself does not answer: red, because nothing is being recorded.
function gone() {
  const chip = document.getElementById("chip");
  if (chip) chip.className = "chip attention";
  document.body.classList.add("gone");
  const say = document.createElement("main");
  say.id = "main";
  say.dataset.signal = "stop";
  const sheet = document.createElement("section");
  sheet.id = "stopped";
  sheet.className = "sheet stop whole";
  sheet.setAttribute("role", "alert");
  sheet.textContent = "✕ Start the app again";
  say.append(sheet);
  main().replaceWith(say);
  signal("stop");
}

async function again() {
  const typing = document.activeElement && document.activeElement.matches("input") &&
    document.activeElement.id !== "wedge" && document.activeElement.value !== "";
  if (typing || location.pathname !== "/") return;
  if (main().dataset.page === "flow") return;
  const answer = await fetch("/", { headers: { "x-part": "1" } });
  if (answer.ok) show(await answer.text(), "quiet");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const path = new URL(form.action).pathname;
  if (!path.startsWith("/do/")) return;
  event.preventDefault();
  perform(path.slice(4), String(new FormData(form).get("text") || ""));
});

document.addEventListener("click", (event) => {
  unlock();
  const tried = event.target.closest("[data-try]");
  if (tried) signal(tried.dataset.try);
  if (event.target.closest("[data-print]")) window.print();
  const key = event.target.closest("[data-key]");
  const field = document.getElementById("field");
  if (!key || !field) return;
  if (key.dataset.key === "back") field.value = field.value.slice(0, -1);
  else field.value += key.dataset.key;
  amount(field);
});

// The button that sends an amount says which.
function amount(field) {
  const go = document.querySelector(".bar .go[data-ok]");
  if (!go) return;
  const { ok, usual, unit } = go.dataset;
  go.textContent = [ok, field.value.trim() || usual, unit].filter(Boolean).join(" ");
}

document.addEventListener("input", (event) => {
  if (event.target.id === "field") amount(event.target);
});

// The wedge: a scanner types faster than a person, and ends with Enter or Tab.

const wedge = { text: "", first: 0, last: 0, typed: false, field: null, before: "", alt: null, timer: 0, byKey: false };
let scanned = { text: "", at: 0 };

function forget() {
  wedge.text = "";
  wedge.field = null;
  clearTimeout(wedge.timer);
}

// What began in a field may have been typed by a person; elsewhere only a scanner types.
function pause() {
  return wedge.typed ? BURST_MS : PAUSE_MS;
}

function take(character, now) {
  if (wedge.text && now - wedge.last > pause()) forget();
  if (!wedge.text) {
    wedge.first = now;
    wedge.typed = isTyping();
    const field = document.activeElement;
    wedge.field = field && field.matches("input") ? field : null;
    wedge.before = wedge.field ? wedge.field.value : "";
  }
  wedge.text += character;
  wedge.last = now;
}

// Ends a burst; false when what was typed was no scan.
function finish(now) {
  const text = wedge.text;
  const burst = [...text].length >= SCAN_CHARACTERS_MIN && now - wedge.last <= 2 * pause();
  if (burst && wedge.field) wedge.field.value = wedge.before;
  forget();
  if (!burst) return false;
  if (scanned.text === text && now - scanned.at < SAME_SCAN_MS) return true;
  scanned = { text, at: now };
  if (isTested()) test(text, Math.round((wedge.last - wedge.first) / ([...text].length - 1)));
  else perform("scan", text);
  return true;
}

function press(selector) {
  const found = document.querySelector(selector);
  if (found) found.click();
  return Boolean(found);
}

function toggle(id) {
  const details = document.getElementById(id);
  if (!details) return;
  details.open = !details.open;
  const field = details.open && details.querySelector("input:not([type=hidden]), button");
  if (field) field.focus();
}

const COMMANDS = {
  Escape: () => {
    if (document.querySelector("#problem[open]")) toggle("problem");
    else if (!press(".bar .back")) perform("back", "");
  },
  F1: () => COMMANDS.Escape(),
  F2: () => toggle("problem"),
  F3: () => (document.getElementById("keys") ? toggle("keys") : perform("keypad", "")),
  F4: () => perform("undo", ""),
};

function isTyping() {
  const field = document.activeElement;
  return field && field.matches("input") && field.id !== "wedge";
}

document.addEventListener("keydown", (event) => {
  const now = event.timeStamp;
  wedge.byKey = false;
  if (event.key === "Alt") wedge.alt = "";
  // Some scanners send the separator as Alt+0029 or as Ctrl+].
  if (event.altKey && /^Digit\d$|^Numpad\d$/.test(event.code)) {
    wedge.alt = (wedge.alt || "") + event.code.slice(-1);
    event.preventDefault();
    return;
  }
  if (event.ctrlKey && event.key === "]") {
    take(GROUP_SEPARATOR, now);
    event.preventDefault();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" || event.key === "Tab") {
    if (finish(now)) {
      event.preventDefault();
    } else if (event.key === "Enter" && !isTyping() && !document.activeElement.matches("button, a, summary")) {
      event.preventDefault();
      if (!press(".bar .go") && !isTested()) perform("confirm", "");
    }
    return;
  }
  if (COMMANDS[event.key]) {
    event.preventDefault();
    COMMANDS[event.key]();
    return;
  }
  if ([...event.key].length !== 1) return;
  take(event.key, now);
  wedge.byKey = true;
  if (!isTyping() && /^\d$/.test(event.key) && wedge.text.length === 1) {
    wedge.timer = setTimeout(() => {
      const row = document.querySelector(`[data-digit="${wedge.text}"]`);
      // Where there is nothing to choose, it may be the begin of a slow scan.
      if (!row) return;
      forget();
      row.click();
    }, DIGIT_WAIT_MS);
  }
});

document.addEventListener("keyup", (event) => {
  if (event.key !== "Alt" || wedge.alt === null) return;
  if (Number(wedge.alt) === 29 && wedge.alt !== "") take(GROUP_SEPARATOR, event.timeStamp);
  wedge.alt = null;
});

// Android keyboards name no keys: what they type arrives in the hidden field.
const hidden = document.getElementById("wedge");
hidden.addEventListener("beforeinput", (event) => {
  if (event.inputType === "insertLineBreak") {
    finish(event.timeStamp);
    return;
  }
  if (!wedge.byKey) [...(event.data || "")].forEach((c) => take(c, event.timeStamp));
  wedge.byKey = false;
});
hidden.addEventListener("input", () => {
  hidden.value = "";
});

// What changes by itself.

const events = new EventSource("/events");
let link = null; // what the chip said last
let attended = 0; // how many needed an answer then
let toldLink = 0;

// The network comes and goes without a word from anybody: softly, and not in a row.
function hearLink() {
  const chip = document.getElementById("chip");
  const word = chip && [...chip.classList].find((name) => name !== "chip");
  const before = link;
  const needed = attended;
  const needing = document.getElementById("attention");
  link = word;
  attended = needing ? Number(needing.dataset.n) : 0;
  if (!before || !word) return;
  if (attended > needed) {
    signal("attention");
  } else if ((word === "offline") !== (before === "offline") &&
      performance.now() - toldLink > LINK_SIGNAL_MS) {
    toldLink = performance.now();
    signal(word === "offline" ? "offline" : "online");
  }
}

events.addEventListener("chip", (event) => {
  document.getElementById("top").innerHTML = event.data;
  document.body.classList.remove("stale");
  hearLink();
  stayTrue();
});

// The sync page says how the link is: it is drawn again whenever that may have changed.
async function stayTrue() {
  if (main().dataset.page !== "sync") return;
  const answer = await fetch("/sync", { headers: { "x-part": "1" } });
  if (!answer.ok || main().dataset.page !== "sync") return;
  const drawn = new DOMParser().parseFromString(await answer.text(), "text/html");
  const parsed = drawn.getElementById("main");
  const had = document.activeElement && document.activeElement.closest("#main");
  if (parsed && !had) main().replaceWith(document.adoptNode(parsed));
}
events.addEventListener("page", again);
events.addEventListener("signal", (event) => signal(event.data));
events.addEventListener("error", () => document.body.classList.add("stale"));

document.addEventListener("pointerdown", unlock);
listen();

// Pictures: a photo is made smaller here, a signature is drawn; both are sent as they are.

const PICTURE_SIDE_MAX = 1600;
const PICTURE_QUALITY = 0.8;

async function keepPicture(name, kind, canvas, type) {
  const said = document.getElementById("picture-said");
  const blob = await new Promise((done) => canvas.toBlob(done, type, PICTURE_QUALITY));
  const answer = await fetch(`/picture/${name}/${kind}`, { method: "POST", body: blob });
  said.textContent = answer.ok ? said.dataset.kept : said.dataset.refused;
  signal(answer.ok ? "complete" : "stop");
}

document.addEventListener("change", async (event) => {
  const form = event.target.closest("#photo");
  if (!form || !event.target.files.length) return;
  const image = await createImageBitmap(event.target.files[0]);
  const scale = Math.min(1, PICTURE_SIDE_MAX / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  await keepPicture(form.dataset.picture, "photo", canvas, "image/jpeg");
});

document.addEventListener("pointermove", (event) => {
  const pad = event.target.closest("#pad");
  if (!pad || event.pressure === 0) return;
  event.preventDefault();
  const place = pad.getBoundingClientRect();
  const [x, y] = [(event.clientX - place.left) * pad.width / place.width,
    (event.clientY - place.top) * pad.height / place.height];
  const pen = pad.getContext("2d");
  pen.lineWidth = 4;
  pen.lineCap = "round";
  pen.beginPath();
  pen.moveTo(x - event.movementX * pad.width / place.width,
    y - event.movementY * pad.height / place.height);
  pen.lineTo(x, y);
  pen.stroke();
});

document.addEventListener("click", (event) => {
  const sign = event.target.closest("#sign");
  if (!sign) return;
  const pad = document.getElementById("pad");
  const name = sign.closest("[data-picture]").dataset.picture;
  keepPicture(name, "signature", pad, "image/png");
});
