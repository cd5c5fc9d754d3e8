// Keeps the page live: one stream, named fragments, an honest mark when it is not live.
import { morphChildren } from "./morph.js";
import { labelCells } from "./forms.js";

// Without a sign of the server for so long, what is shown counts as stale.
const STALE_AFTER_MS = 10_000;
const CHECK_MS = 1_000;
const RECONNECT_MS = 2_000;

let source = null;
let heard = 0;
let lastId = "";
let paused = false;
let wantsReconnect = 0;
const kept = new Map();

const chip = () => document.getElementById("live");

function show(state) {
  const element = chip();
  if (!element || element.dataset.state === state) return;
  element.dataset.state = state;
  const word = { live: "live", lost: "lost", stale: "stale", paused: "paused", still: "still" }[state];
  if (word) element.querySelector(".word").textContent = element.dataset[word];
  document.body.classList.toggle("is-stale", state === "stale");
}

function put(name, markup) {
  const element = document.getElementById(`f-${name}`);
  if (!element) return;
  const template = document.createElement("template");
  template.innerHTML = markup;
  morphChildren(element, template.content);
  labelCells(element);
}

function state() {
  if (paused) return "paused";
  return source && source.readyState === EventSource.OPEN ? "live" : "lost";
}

function beat(event) {
  heard = Date.now();
  if (event.lastEventId) lastId = event.lastEventId;
  show(state());
}

function onFragment(event) {
  beat(event);
  const { name, markup } = JSON.parse(event.data);
  if (paused) kept.set(name, markup);
  else put(name, markup);
}

function onTick(event) {
  beat(event);
  const { now, shown } = JSON.parse(event.data);
  const clock = chip()?.querySelector(".clock");
  if (clock && !paused) clock.innerHTML = `<time datetime="${now}">${shown}</time>`;
}

export function connect() {
  const address = document.body.dataset.stream;
  if (source) source.close();
  if (!address) return show("still");
  const url = new URL(address, location.href);
  // The browser sends the last id itself when it reconnects; a stream that is opened anew names it.
  url.searchParams.set("since", lastId || document.body.dataset.head);
  source = new EventSource(url);
  source.addEventListener("fragment", onFragment);
  source.addEventListener("tick", onTick);
  source.addEventListener("reload", () => location.reload());
  source.addEventListener("error", () => {
    show(Date.now() - heard > STALE_AFTER_MS ? "stale" : "lost");
    if (source.readyState === EventSource.CLOSED && !wantsReconnect) {
      wantsReconnect = setTimeout(() => { wantsReconnect = 0; connect(); }, RECONNECT_MS);
    }
  });
}

function check() {
  if (!document.body.dataset.stream) return;
  if (Date.now() - heard > STALE_AFTER_MS) {
    if (!paused) show("stale");
    if (source && source.readyState === EventSource.OPEN) connect();
  } else {
    show(state());
  }
}

export function togglePause() {
  paused = !paused;
  if (!paused) {
    for (const [name, markup] of kept) put(name, markup);
    kept.clear();
  }
  show(state());
}

export function isPausable() {
  return document.getElementById("f-feed") !== null;
}

// Loads the page at `address` into this one: for "load more", which shows the same list, longer.
export async function showAt(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok) return location.assign(address);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const fragment of fresh.querySelectorAll("main > .fragment")) {
    const here = document.getElementById(fragment.id);
    if (here) { morphChildren(here, fragment); labelCells(here); }
  }
  const { stream, head } = fresh.body.dataset;
  if (stream) document.body.dataset.stream = stream;
  document.body.dataset.head = head;
  history.replaceState(null, "", address);
  lastId = "";
  connect();
}

export function startLive() {
  heard = Date.now();
  connect();
  setInterval(check, CHECK_MS);
  // Browsers allow few connections to one server: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      check();
      connect();
    } else if (source) {
      source.close();
    }
  });
}
