// Forms and lists: what was typed is kept, longer lists come without leaving the page.
import { showAt } from "./live.js";

// On narrow screens each cell says its column.
export function labelCells(root) {
  for (const table of root.querySelectorAll("table.list")) {
    const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.children].forEach((cell, n) => {
        if (heads[n] && cell.dataset.label !== heads[n]) cell.dataset.label = heads[n];
      });
    }
  }
}

function countDown() {
  for (const element of document.querySelectorAll("[data-expires]")) {
    const left = Math.round((Date.parse(element.dataset.expires) - Date.now()) / 1000);
    const minutes = Math.floor(left / 60);
    element.querySelector(".left").textContent =
      left > 0 ? `${minutes}:${String(left % 60).padStart(2, "0")}` : element.dataset.over;
  }
}

function onClick(event) {
  const more = event.target.closest?.("a[data-more]");
  if (!more || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  showAt(more.href);
}

export function startForms() {
  document.addEventListener("click", onClick);
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form) form.dataset.touched = "yes";
  });
  document.addEventListener("reset", (event) => { delete event.target.dataset.touched; });
  // Preferences take effect when they are chosen.
  document.querySelector("form.preferences")?.addEventListener("change", (event) => {
    event.currentTarget.requestSubmit();
  });
  if (document.querySelector("[data-expires]")) {
    countDown();
    setInterval(countDown, 1000);
  }
}
