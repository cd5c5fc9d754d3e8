// The keyboard, and a scanner at the desk.
import { isPausable, togglePause } from "./live.js";

// A scanner types faster than people: so much between two characters at most.
const SCAN_GAP_MS = 60;
const SCAN_LENGTH_MIN = 4;
// After G, so long for the letter of the page.
const GO_MS = 1_500;

let goUntil = 0;
let scanned = "";
let scannedAt = 0;

const rows = () => [...document.querySelectorAll("[data-row]")];
const isTyping = (target) =>
  target instanceof HTMLElement
    && (target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName));
const dialogIsOpen = () => document.querySelector("dialog[open]") !== null;

function move(step) {
  const all = rows();
  if (all.length === 0) return;
  const now = all.findIndex((row) => row.classList.contains("at"));
  const next = Math.min(Math.max(now + step, 0), all.length - 1);
  all.forEach((row, n) => row.classList.toggle("at", n === next));
  const link = all[next].querySelector("[data-open]") || all[next].querySelector("a");
  if (link) link.focus({ preventScroll: true });
  all[next].scrollIntoView({ block: "nearest" });
}

function openRow() {
  const link = document.querySelector("[data-row].at [data-open]");
  if (link) link.click();
}

function go(letter) {
  const link = document.querySelector(`[data-go="${letter.toUpperCase()}"]`);
  if (link) link.click();
}

function resolve() {
  const button = document.querySelector("[data-resolve]");
  if (!button) return;
  const field = button.form.querySelector('input[name="remark"]');
  (field || button).focus();
  button.scrollIntoView({ block: "nearest" });
}

function escape() {
  const open = document.querySelector("details.person[open]");
  if (open) open.open = false;
  else if (isTyping(document.activeElement)) document.activeElement.blur();
  else document.querySelectorAll("[data-row].at").forEach((row) => row.classList.remove("at"));
}

function openPalette() {
  document.getElementById("palette")?.showModal();
  document.getElementById("palette-search")?.focus();
}

function onLetter(event) {
  const key = event.key.toLowerCase();
  if (Date.now() < goUntil) { goUntil = 0; return go(key); }
  const acts = {
    g: () => { goUntil = Date.now() + GO_MS; },
    j: () => move(1),
    k: () => move(-1),
    e: resolve,
    "?": () => document.getElementById("help")?.showModal(),
    "/": () => document.getElementById("search")?.focus(),
  };
  if (acts[key]) { acts[key](); return true; }
  return false;
}

// Collects what a scanner types. Gives the whole code at Enter, else nothing.
function scan(event) {
  const now = Date.now();
  if (now - scannedAt > SCAN_GAP_MS) scanned = "";
  scannedAt = now;
  if (event.key === "Enter") {
    const code = scanned;
    scanned = "";
    return code.length >= SCAN_LENGTH_MIN ? code : "";
  }
  if (event.key.length === 1) scanned += event.key;
  return "";
}

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return openPalette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return escape();
  if (isTyping(event.target) || dialogIsOpen()) return;
  const code = scan(event);
  if (code) {
    event.preventDefault();
    location.assign(`/search?q=${encodeURIComponent(code)}`);
    return;
  }
  // In the middle of a scan no letter is a key.
  if (scanned.length > 2) return;
  if (document.body.dataset.keys !== "on") return;
  const isPressed = event.target.closest?.("button, summary");
  if (event.key === " " && isPausable() && !isPressed) {
    event.preventDefault();
    return togglePause();
  }
  if (event.key === "Enter" && event.target === document.body) return openRow();
  if (event.key.length === 1 && onLetter(event)) event.preventDefault();
}

function filterPalette(event) {
  const wanted = event.target.value.toLowerCase();
  for (const item of document.querySelectorAll("#palette li")) {
    item.classList.toggle("is-out", !item.textContent.toLowerCase().includes(wanted));
  }
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
  document.getElementById("palette-search")?.addEventListener("input", filterPalette);
}
