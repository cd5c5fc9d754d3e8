// Makes an element like another one and leaves alone what did not change: elements with an id keep
// their place, the field that somebody types in is never touched.

const isField = (node) =>
  node instanceof HTMLInputElement || node instanceof HTMLSelectElement || node instanceof HTMLTextAreaElement;

// A form that somebody has begun to fill: it stays as it is until it is sent or left empty.
export const isTouched = (form) =>
  form.contains(document.activeElement) && isField(document.activeElement)
    || form.dataset.touched === "yes";

function sameKind(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName
    && (one.id || "") === (other.id || "");
}

function copyAttributes(from, to) {
  for (const { name } of [...to.attributes]) {
    // What the page's own modules have set: an open box, the row that the keys are at.
    if (!from.hasAttribute(name) && name !== "open" && name !== "data-touched") to.removeAttribute(name);
  }
  for (const { name, value } of from.attributes) {
    if (name === "class" && to.classList.contains("at")) {
      to.className = `${value} at`.trim();
    } else if (to.getAttribute(name) !== value) {
      to.setAttribute(name, value);
    }
  }
}

function morphNode(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old instanceof HTMLFormElement && isTouched(old)) return;
  if (isField(old) && old === document.activeElement) return;
  if (old.isEqualNode(fresh)) return;
  copyAttributes(fresh, old);
  morphChildren(old, fresh);
}

export function morphChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.children) if (child.id) keyed.set(child.id, child);
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const known = next.id ? keyed.get(next.id) : undefined;
    if (known && known.parentNode === old) {
      if (known !== at) old.insertBefore(known, at);
      at = known.nextSibling;
      morphNode(known, next);
    } else if (at && sameKind(at, next)) {
      const following = at.nextSibling;
      morphNode(at, next);
      at = following;
    } else {
      const added = old.insertBefore(document.importNode(next, true), at);
      if (added.nodeType === Node.ELEMENT_NODE && added.matches("[data-row]")) added.classList.add("fresh");
    }
  }
  while (at) {
    const following = at.nextSibling;
    at.remove();
    at = following;
  }
}
