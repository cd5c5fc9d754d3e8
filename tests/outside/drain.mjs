// A day offline, drained side by side: PouchDB (leveldb) to express-pouchdb (leveldb), then a Tallyman
// handheld to its server, in one run on one machine. Time, CPU seconds, bytes on the socket, and calls
// that sync a file.
//
//     OUTSIDE=FOLDER-WITH-NODE_MODULES node drain.mjs target/release/load [--operations 5000] [--runs 5]
//
// Needs pouchdb, express-pouchdb and express; strace for the syncs, which are counted in a run of
// their own because it slows down what it watches. Each figure is the median of the runs.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, connect } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const own = fileURLToPath(import.meta.url);
const require = createRequire(join(process.env.OUTSIDE ?? ".", "outside.js"));

function option(name, usual) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : Number(process.argv[at + 1]);
}

// What a scan says, as a document: the same words that a Tallyman operation has.
function scan(n) {
  const item = (n * 7919) % 300;
  return {
    _id: `H-0001-${String(n).padStart(8, "0")}`,
    kind: n % 2 ? "receive" : "ship",
    boot: 1,
    mono_us: 3_600_000_000 + n * 4_000_000 + ((n * 7907) % 900_000),
    cursor: 1200,
    operator: "ANA",
    document: { kind: n % 2 ? "purchase_order" : "sales_order", no: `PO000${item}`, line: (item % 5) + 1 },
    place: { location: "MAIN000", bin: `A-${String(item).padStart(5, "0")}` },
    goods: { item: `ITEM${String(item).padStart(5, "0")}`, unit: "PCS", factor: "1", quantity: String(1 + (n % 20)) },
  };
}

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function serve(folder) {
  const PouchDB = require("pouchdb").defaults({ prefix: `${folder}/` });
  const app = require("express")();
  const pouch = require("express-pouchdb")(PouchDB, {
    inMemoryConfig: true,
    mode: "minimumForPouchDB",
    logPath: join(folder, "log.txt"),
  });
  app.use("/", pouch);
  const listener = app.listen(0, "127.0.0.1", () => process.send({ port: listener.address().port }));
  process.on("message", ({ end }) => (end ? process.exit(0) : process.send({ cpu: cpuSeconds() })));
}

// The device: everything is in its own database before the network is there.
async function work(folder, operations) {
  const PouchDB = require("pouchdb").defaults({ prefix: `${folder}/` });
  const local = new PouchDB("queue");
  for (let n = 0; n < operations; n += 500) {
    const docs = Array.from({ length: Math.min(500, operations - n) }, (_, k) => scan(n + k));
    await local.bulkDocs(docs);
  }
  process.send({ ready: true });
  process.on("message", async ({ url, end }) => {
    if (end) process.exit(0);
    const cpu = cpuSeconds();
    const began = process.hrtime.bigint();
    const done = await local.replicate.to(url, { batch_size: 500 });
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    process.send({ seconds, cpu: cpuSeconds() - cpu, written: done.docs_written });
  });
}

// Counts what goes through it.
function relay(port) {
  const counts = { up: 0, down: 0 };
  const listener = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    near.on("data", (bytes) => (counts.up += bytes.length));
    far.on("data", (bytes) => (counts.down += bytes.length));
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
  });
  return new Promise((ready) => listener.listen(0, "127.0.0.1", () => ready({ listener, counts, port: listener.address().port })));
}

const SYNCS = ["-f", "-c", "-e", "trace=fsync,fdatasync,msync,sync_file_range"];

function child(role, args, trace) {
  const node = [own, "--role", role, ...args];
  const command = trace ? ["strace", ...SYNCS, "-o", trace, process.execPath, ...node] : [process.execPath, ...node];
  const process_ = spawn(command[0], command.slice(1), { stdio: ["ignore", "ignore", "inherit", "ipc"], env: process.env });
  const waiting = [];
  const heard = [];
  process_.on("message", (message) => (waiting.length ? waiting.shift()(message) : heard.push(message)));
  return {
    hears: () => new Promise((done) => (heard.length ? done(heard.shift()) : waiting.push(done))),
    told: (message) => process_.send(message),
    // By itself: strace would not hand a signal on, and says what it has counted only at the end.
    end: () => new Promise((done) => { process_.on("exit", done); process_.send({ end: true }); }),
  };
}

function syncsIn(trace) {
  const text = spawnSync("cat", [trace]).stdout.toString();
  const total = text.match(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?total$/m);
  return total ? Number(total[1]) : 0;
}

async function pouch(operations, isTraced) {
  const folder = mkdtempSync(join(tmpdir(), "pouch-"));
  const traces = isTraced ? [join(folder, "server.trace"), join(folder, "device.trace")] : [];
  spawnSync("mkdir", [join(folder, "server"), join(folder, "device")]);
  const server = child("serve", [join(folder, "server")], traces[0]);
  const { port } = await server.hears();
  const wire = await relay(port);
  const device = child("work", [join(folder, "device"), "--operations", String(operations)], traces[1]);
  await device.hears();
  server.told({});
  const before = (await server.hears()).cpu;
  device.told({ url: `http://127.0.0.1:${wire.port}/queue` });
  const done = await device.hears();
  server.told({});
  const after = (await server.hears()).cpu;
  if (done.written !== operations) throw new Error(`${done.written} of ${operations} documents were written`);
  await device.end();
  await server.end();
  wire.listener.close();
  const figures = {
    seconds: done.seconds,
    cpu: done.cpu + after - before,
    up: wire.counts.up,
    down: wire.counts.down,
    syncs: isTraced ? traces.reduce((sum, trace) => sum + syncsIn(trace), 0) : undefined,
  };
  rmSync(folder, { recursive: true });
  return figures;
}

function tallyman(load, operations, isTraced) {
  const folder = mkdtempSync(join(tmpdir(), "tallyman-"));
  const trace = join(folder, "trace");
  const drain = [load, "drain", "--operations", String(operations), "--mbit", "0"];
  const command = isTraced ? ["strace", ...SYNCS, "-o", trace, ...drain] : drain;
  const done = spawnSync(command[0], command.slice(1), { encoding: "utf8" });
  if (done.status !== 0) throw new Error(done.stderr);
  const told = JSON.parse(done.stdout.trim().split("\n").at(-1));
  const figures = {
    seconds: told.answered_s,
    acked: told.acked_s,
    cpu: told.cpu_s,
    up: told.socket_bytes_per_operation * operations,
    down: told.answer_bytes_per_operation * operations,
    syncs: isTraced ? syncsIn(trace) : undefined,
  };
  rmSync(folder, { recursive: true });
  return figures;
}

function median(runs) {
  const of = (name) => {
    const figures = runs.map((run) => run[name]).sort((a, b) => a - b);
    return figures[Math.floor(figures.length / 2)];
  };
  return Object.fromEntries(Object.keys(runs[0]).map((name) => [name, of(name)]));
}

async function main() {
  const load = process.argv[2];
  const operations = option("operations", 5000);
  const runs = { pouch: [], tallyman: [] };
  for (let run = 0; run < option("runs", 5); run += 1) {
    runs.pouch.push(await pouch(operations, false));
    runs.tallyman.push(tallyman(load, operations, false));
  }
  const [theirs, ours] = [median(runs.pouch), median(runs.tallyman)];
  if (spawnSync("strace", ["-V"]).status === 0) {
    theirs.syncs = (await pouch(operations, true)).syncs;
    // Setting the company up and recording the day sync, too: they are what an empty drain costs.
    const rest = tallyman(load, 1, true).syncs;
    ours.syncs_with_recording = tallyman(load, operations, true).syncs - rest;
  }
  const each = (figures) => `${figures.seconds.toFixed(2)} s, ${figures.cpu.toFixed(2)} s of CPU, ${(figures.up / operations).toFixed(1)} B up and ${(figures.down / operations).toFixed(1)} B down an operation`;
  console.log(`PouchDB to express-pouchdb: ${each(theirs)}, ${theirs.syncs} syncs with writing the queue`);
  console.log(`Tallyman, to the outcome:   ${each(ours)}, ${ours.syncs_with_recording} syncs with one for each of ${operations} scans; acknowledged after ${ours.acked.toFixed(2)} s`);
  console.log(JSON.stringify({ operations, pouch: theirs, tallyman: ours }));
}

const role = process.argv.indexOf("--role");
if (role < 0) {
  await main();
  process.exit(0);
}
if (process.argv[role + 1] === "serve") await serve(process.argv[role + 2]);
else await work(process.argv[role + 2], option("operations", 5000));
