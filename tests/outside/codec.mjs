// A second codec: the golden frames, bodies and rows are read, held against protocol/WIRE.md, and written again.
//
//     OUTSIDE=FOLDER-WITH-NODE_MODULES node codec.mjs
//
// It shares no code with the Rust crates. Needs @msgpack/msgpack.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(join(process.env.OUTSIDE, "outside.js"));
const { decode, encode } = require("@msgpack/msgpack");
const protocol = join(dirname(fileURLToPath(import.meta.url)), "../../protocol");
const document = readFileSync(join(protocol, "WIRE.md"), "utf8");

function crc32c(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}

// The rows of the first table of a text: key → type.
function keysOf(text) {
  const keys = new Map();
  for (const line of text.split("\n")) {
    const cells = line.match(/^\| `([^`]+)` \| (?:\S+) \| (.+?) \| /);
    if (cells) keys.set(cells[1], cells[2]);
    else if (keys.size > 0 && !line.startsWith("|")) break;
  }
  return keys;
}

// Every map that the document describes, by its name.
const parts = new Map();
for (const found of document.matchAll(/^\*\*(\w+)\*\*: /gm)) {
  parts.set(found[1], keysOf(document.slice(found.index)));
}
for (const found of document.matchAll(/^(\w+): map (.+?);/gm)) {
  const keys = found[2].matchAll(/`(\w+)` \w+ \((\w+)\)/g);
  parts.set(found[1], new Map([...keys].map(([, key, type]) => [key, type])));
}

const isInt = (value) => typeof value === "bigint" || Number.isInteger(value);
const isMap = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

// What is wrong with `value` as a `type` of the document; nothing where it is right.
function fault(value, type, where) {
  if (type.endsWith(" (may be missing)")) return fault(value, type.slice(0, -17), where);
  if (type.endsWith("?")) return value == null ? null : fault(value, type.slice(0, -1), where);
  if (type.startsWith("[") && type.endsWith("]")) {
    if (!Array.isArray(value)) return `${where} is no array`;
    const inner = type.slice(1, -1);
    return value.map((one, at) => fault(one, inner, `${where}[${at}]`)).find(Boolean) ?? null;
  }
  if (type.startsWith("(") && type.endsWith(")")) {
    const inner = type.slice(1, -1).split(", ");
    if (!Array.isArray(value) || value.length !== inner.length) return `${where} is no ${type}`;
    return value.map((one, at) => fault(one, inner[at], `${where}.${at}`)).find(Boolean) ?? null;
  }
  const sized = type.match(/^bin\((\d+)\)$/);
  if (sized) {
    const fits = value instanceof Uint8Array && value.length === Number(sized[1]);
    return fits ? null : `${where} is no ${type}`;
  }
  switch (type) {
    case "uint": return isInt(value) && value >= 0 ? null : `${where} is no uint`;
    case "int": return isInt(value) ? null : `${where} is no int`;
    case "str": case "date": return typeof value === "string" ? null : `${where} is no str`;
    case "bool": return typeof value === "boolean" ? null : `${where} is no bool`;
    case "bin": return value instanceof Uint8Array ? null : `${where} is no bin`;
    case "quantity": {
      const fits = Array.isArray(value) && value.length === 2 && value.every(isInt);
      return fits && value[1] <= 5 ? null : `${where} is no quantity`;
    }
    default:
      if (parts.has(type)) return mapFault(value, parts.get(type), where);
      // An enumeration is a word; everything else has a table or a line of its own.
      if (type === "Argument") return isMap(value) ? null : `${where} is no ${type}`;
      return typeof value === "string" ? null : `${where} is no ${type}`;
  }
}

function mapFault(value, keys, where) {
  if (!isMap(value)) return `${where} is no map`;
  for (const key of Object.keys(value)) {
    if (!keys.has(key)) return `${where}.${key} is not in the document`;
  }
  for (const [key, type] of keys) {
    const optional = type.endsWith("?") || type.endsWith("(may be missing)");
    if (!(key in value)) {
      if (optional) continue;
      return `${where}.${key} is missing`;
    }
    const wrong = fault(value[key], type, `${where}.${key}`);
    if (wrong) return wrong;
  }
  return null;
}

// The rows of tables that records carry, by number.
const tables = new Map();
for (const found of document.matchAll(/^### Table (\d+): /gm)) {
  tables.set(Number(found[1]), keysOf(document.slice(found.index)));
}
for (const found of document.matchAll(/^(\w+): a row of table (\d+)\.$/gm)) {
  parts.set(found[1], tables.get(Number(found[2])));
}

// The bodies of operations, by kind. Some are empty maps.
const kinds = new Map();
for (const found of document.matchAll(/^#### `(\w+)`\n/gm)) {
  kinds.set(found[1], keysOf(document.slice(found.index + 1).split("\n#")[0]));
}

function rowsOf(body) {
  const records = [...(body.r ?? [])];
  for (const group of body.g ?? []) records.push(...(group.r ?? []));
  return records.filter((record) => isMap(record) && record.r);
}

function check(name, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const body = bytes.subarray(8);
  if (view.getUint8(1) !== 0 || view.getUint16(2, true) !== 0) return "flags";
  if (view.getUint32(4, true) !== crc32c(body)) return "checksum";
  const number = view.getUint8(0).toString(16).toUpperCase().padStart(2, "0");
  const title = `### 0x${number} ${name}\n`;
  const at = document.indexOf(title);
  if (at < 0) return `no section ${title.trim()}`;
  const section = document.slice(at + title.length).split("\n### ")[0];
  const value = decode(body, { useBigInt64: true });
  const wrong = mapFault(value, keysOf(section), name);
  if (wrong) return wrong;
  if (name === "SNAP_CHUNK" || name === "DELTA") {
    for (const record of rowsOf(value)) {
      const row = decode(record.r, { useBigInt64: true });
      const bad = mapFault(row, tables.get(Number(record.t)) ?? new Map(), `table ${record.t}`);
      if (bad) return bad;
    }
  }
  const again = encode(value, { useBigInt64: true });
  return Buffer.compare(Buffer.from(again), Buffer.from(body)) === 0 ? null : "written differently";
}

// A map without a frame around it.
function checkMap(name, keys, bytes) {
  if (!keys) return "not in the document";
  const value = decode(bytes, { useBigInt64: true });
  const wrong = mapFault(value, keys, name);
  if (wrong) return wrong;
  const again = encode(value, { useBigInt64: true });
  return Buffer.compare(Buffer.from(again), Buffer.from(bytes)) === 0 ? null : "written differently";
}

let passed = 0;
let failed = 0;
function checkFile(file, check) {
  for (const line of readFileSync(join(protocol, "golden", file), "utf8").split("\n")) {
    if (!line) continue;
    const [name, hex] = line.split(" ");
    const wrong = check(name, Uint8Array.from(Buffer.from(hex, "hex")));
    if (wrong) {
      failed += 1;
      console.log(`FAILED  ${file}: ${name}: ${wrong}`);
    } else {
      passed += 1;
    }
  }
}
checkFile("frames-1.txt", check);
checkFile("bodies-1.txt", (kind, bytes) => checkMap(kind, kinds.get(kind), bytes));
checkFile("rows-1.txt", (table, bytes) => checkMap(`table ${table}`, tables.get(Number(table)), bytes));
console.log(`codec: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 20 + kinds.size + tables.size ? 0 : 1);
