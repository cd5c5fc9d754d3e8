"""A handheld written from protocol/WIRE.md alone, against a real server.

    judge.py PATH-OF-TALLYMAN

It shares no code with the Rust crates: where it fails and the Rust devices do not, the document is
wrong or the server is. Needs the packages of requirements.txt beside it.
"""

import base64
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import msgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PATIENCE_S = 60
ZERO = bytes(16)
NUMBERS = {
    "HELLO": 0x01, "CHALLENGE": 0x02, "AUTH": 0x03, "WELCOME": 0x04, "RETRY": 0x05,
    "STALE_STORE": 0x06, "LEASE_OK": 0x07, "GOAWAY": 0x08, "BYE": 0x09, "ERROR": 0x0A,
    "ENROL": 0x10, "ENROL_OK": 0x11, "NOTICE": 0x15, "PUSH": 0x20, "ACK": 0x21, "NACK": 0x22,
    "SUBSCRIBE": 0x30, "SNAP_BEGIN": 0x31, "SNAP_CHUNK": 0x32, "SNAP_RESUME": 0x33,
    "SNAP_END": 0x34, "DELTA": 0x35, "DELTA_ACK": 0x36, "HB": 0x40, "HB_ACK": 0x41,
}
NAMES = {number: name for name, number in NUMBERS.items()}


# --- section 1: frames ---------------------------------------------------------------------------

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(name, body):
    packed = msgpack.packb(body, use_bin_type=True)
    return struct.pack("<BBHI", NUMBERS[name], 0, 0, crc32c(packed)) + packed, packed


def unframe(message):
    number, flags, dictionary, crc = struct.unpack("<BBHI", message[:8])
    body = message[8:]
    assert flags == 0 and dictionary == 0, "compression was not announced"
    assert crc == crc32c(body), "the checksum of the server"
    return NAMES.get(number, hex(number)), msgpack.unpackb(body, raw=False), body


# --- section 3: operations -----------------------------------------------------------------------

class Operation:
    def __init__(self, kind, body, mono, cursor=0, operator="anna", document=None, version=1):
        self.kind, self.version = kind, version
        self.body = msgpack.packb(body, use_bin_type=True)
        self.mono, self.cursor, self.operator, self.document = mono, cursor, operator, document
        self.origin = None

    def content(self, boot, epoch):
        def text(value):
            data = (value or "").encode()
            return struct.pack("<B", len(data)) + data

        document = b"" if self.document is None else msgpack.packb(self.document)
        return b"".join([
            b"\x01", struct.pack("<IQQI", boot, self.mono, self.cursor, epoch),
            text(self.operator), struct.pack("<H", len(document)), document,
            text(self.kind), struct.pack("<H", self.version),
            struct.pack("<I", len(self.body)), self.body,
        ])


def chain(previous, seq, content):
    return hashlib.sha256(previous + struct.pack("<Q", seq) + content).digest()[:16]


def runs(values):
    told = []
    for value in values:
        if told and told[-1][1:] == list(value):
            told[-1][0] += 1
        else:
            told.append([1, *value])
    return told


def steps(values):
    return [value - before for before, value in zip([0, *values], values)]


def goods(item, quantity, raw=None):
    told = {"i": item, "u": "PCS", "f": [1, 0], "q": [quantity, 0], "b": [quantity, 0]}
    return told if raw is None else told | {"r": raw}


def place(bin_code):
    return {"l": "MAIN", "b": bin_code}


# --- section 4: a session ------------------------------------------------------------------------

class Device:
    def __init__(self, url):
        self.url, self.key = url, Ed25519PrivateKey.generate()
        self.began = time.monotonic()
        self.recorder, self.hashes = [], [ZERO]
        self.cursor, self.scope, self.rows, self.outcomes = 0, 0, {}, []
        self.socket = None

    def mono(self):
        return 1_000_000 + int((time.monotonic() - self.began) * 1e6)

    def open(self):
        self.socket = connect(
            self.url + "/sync", subprotocols=["hsp.1"], max_size=1 << 20, compression=None,
            open_timeout=PATIENCE_S, proxy=None,
        )
        assert self.socket.subprotocol == "hsp.1"

    def say(self, name, body):
        message, packed = frame(name, body)
        self.socket.send(message)
        return packed

    def hear(self):
        return unframe(self.socket.recv(timeout=PATIENCE_S))

    def until(self, *wanted):
        while True:
            name, body, _packed = self.hear()
            self.note(name, body)
            if name in wanted:
                return name, body
            assert name != "ERROR" or "ERROR" in wanted, body

    def note(self, name, body):
        if name == "SNAP_BEGIN":
            self.rows, self.scope = {}, body["sv"]
        elif name == "SNAP_CHUNK":
            self.apply(body["r"])
        elif name == "SNAP_END":
            self.cursor = body["l"]
        elif name == "DELTA":
            assert body["f"] == self.cursor, "a delta continues the cursor"
            for group in body.get("g", []):
                self.apply(group.get("r", []))
                self.outcomes += group.get("o", [])
            self.cursor = body["t"]

    def apply(self, records):
        for record in records:
            key = (record["t"], record["k"])
            if record.get("r") is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = msgpack.unpackb(record["r"], raw=False)

    def table(self, number):
        return [row for (table, _key), row in self.rows.items() if table == number]

    def stock(self, bin_code, item):
        found = [row["q"] for row in self.table(7) if row.get("b") == bin_code and row["i"] == item]
        return found[0][0] / 10 ** found[0][1] if found else 0

    def hang_up(self):
        self.say("BYE", {"r": "the judge is done"})
        self.socket.close()

    def enrol(self, code):
        self.open()
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        signature = self.key.sign(b"tallyman hsp.1 enrol\x00" + code)
        self.say("ENROL", {
            "t": code, "g": "ed25519", "k": public, "s": signature, "n": "judge", "m": "python",
        })
        name, body = self.until("ENROL_OK", "ERROR")
        self.socket.close()
        if name == "ENROL_OK":
            self.device, self.incarnation = body["d"], body["i"]
            self.lease, self.epoch = body["le"], body["ep"]
        return name, body

    def hello(self):
        return {
            "pn": 1, "px": 1, "av": "judge", "ca": 6, "d": self.device, "i": self.incarnation,
            "le": self.lease, "ep": self.epoch, "n": len(self.recorder) + 1,
            "h": self.hashes[-1], "c": self.cursor, "sv": self.scope, "tv": 1, "ol": 1, "b": 1,
            "t1": self.mono(),
        }

    def come_in(self, key=None):
        self.open()
        hello = self.say("HELLO", self.hello())
        name, challenge, challenge_body = self.hear()
        assert name == "CHALLENGE", (name, challenge)
        digest = hashlib.sha256(b"tallyman hsp.1 auth\x00" + hello + challenge_body).digest()
        self.say("AUTH", {"s": (key or self.key).sign(digest), "t4": self.mono()})
        name, body = self.until("WELCOME", "STALE_STORE", "ERROR")
        if name == "WELCOME":
            self.lease = body["le"]
            self.say("LEASE_OK", {"n": self.lease["n"]})
        return name, body

    def subscribe(self):
        self.say("SUBSCRIBE", {} if self.cursor == 0 else {"c": self.cursor})
        if self.cursor == 0:
            self.until("SNAP_END")

    def record(self, kind, body, document=None, version=1):
        operation = Operation(kind, body, self.mono(), self.cursor, document=document,
                              version=version)
        self.append(operation)
        return operation

    def append(self, operation):
        seq = len(self.recorder) + 1
        content = operation.content(1, self.epoch)
        self.recorder.append(operation)
        self.hashes.append(chain(self.hashes[-1], seq, content))

    def push(self, base=1):
        operations = self.recorder[base - 1:]
        self.say("PUSH", {
            "i": self.incarnation, "b": base, "h": self.hashes[base - 1], "ep": self.epoch,
            "e": {
                "v": 1,
                "b": runs([(1,) for _ in operations]),
                "m": steps([one.mono for one in operations]),
                "c": steps([one.cursor for one in operations]),
                "o": runs([(one.operator,) for one in operations]),
                "d": runs([(one.document,) for one in operations]),
                "k": runs([(one.kind, one.version) for one in operations]),
            },
            "o": [one.body for one in operations],
            "g": [[at, one.origin] for at, one in enumerate(operations) if one.origin],
        })

    def acknowledged(self):
        while True:
            name, body = self.until("ACK", "NACK", "STALE_STORE")
            if name != "ACK" or body["a"] == len(self.recorder):
                return name, body

    def answered(self, seqs):
        """The latest outcome of each of these numbers, when all are there."""
        while True:
            known = {}
            for outcome in self.outcomes:
                name = outcome["o"]
                if (name["d"], name["i"]) == (self.device, self.incarnation):
                    known[name["s"]] = outcome
            if all(seq in known for seq in seqs):
                return [known[seq] for seq in seqs]
            self.until("DELTA")

    def reincarnate(self, stale):
        """Begins the new incarnation: everything is offered again, with its origin."""
        before, operations, hashes = self.incarnation, self.recorder, self.hashes
        self.incarnation, self.lease, self.epoch = stale["i"], stale["le"], stale["ep"]
        self.recorder, self.hashes = [], [ZERO]
        for seq, operation in enumerate(operations, start=1):
            operation.origin = operation.origin or {"i": before, "s": seq, "h": hashes[seq]}
            self.append(operation)


# --- the company ---------------------------------------------------------------------------------

FILES = {
    "items.csv": "item,description,base_unit,precision,tracking_code\nBOLT,Bolt M8,PCS,1,\n",
    "identifiers.csv": "code,item,variant,unit\n4006381333931,BOLT,,\n",
    "sites.csv": "site\nHALL\n",
    "locations.csv": "location,name,site,time_zone,bin_mandatory\n"
                     "MAIN,Main hall,HALL,Europe/Copenhagen,yes\n",
    "bins.csv": "location,bin,kind\nMAIN,A-01,\nMAIN,A-02,\n",
    "opening_stock.csv": "location,bin,item,quantity\nMAIN,A-01,BOLT,100\n",
    "purchase_orders.csv": "document,partner_name,location,line,item,quantity\n"
                           "PO-1,Acme,MAIN,10,BOLT,50\n",
    "operators.csv": "operator,name,roles,pin,password\nanna,Anna,operator@MAIN,4711,\n",
}


class Server:
    def __init__(self, program, folder):
        self.process = subprocess.Popen(
            [program, "serve", "--data", folder, "--listen", "127.0.0.1:0", "--log-level", "warn"],
            stdout=subprocess.PIPE, text=True,
        )
        self.url = self.process.stdout.readline().split()[-1]
        link = self.process.stdout.readline().split()[-1]
        self.headers = {"content-type": "application/json"}
        person = {"user": "boss", "name": "Boss", "password": "correct horse battery"}
        self.ask("first-administrator", person | {"token": link.rsplit("/", 1)[-1]})
        session = self.ask("session", person | {"bearer": True})
        self.headers["authorization"] = "Bearer " + session["token"]

    def ask(self, path, body):
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}", json.dumps(body).encode(), self.headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read() or b"null")

    def invite(self):
        """What stands in the QR: the address and the ticket."""
        text = self.ask("enrolment-codes", {"site": "HALL"})["text"]
        assert text.startswith("TALLYMAN1:"), text
        url, ticket = text.removeprefix("TALLYMAN1:").rsplit("#", 1)
        padded = ticket + "=" * (-len(ticket) % 4)
        return url.replace("http", "ws", 1), msgpack.unpackb(base64.urlsafe_b64decode(padded))

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE_S) == 0


# --- what is judged ------------------------------------------------------------------------------

def codes(outcome):
    return [reason["c"] for reason in outcome.get("c", [])]


def enrols(world):
    url, ticket = world.server.invite()
    assert ticket["si"] == "HALL" and len(ticket["t"]) == 16 and len(ticket["s"]) == 16
    assert "k" not in ticket, "without TLS there is no certificate"
    device = world.device = Device(url)
    name, body = device.enrol(ticket["t"])
    assert name == "ENROL_OK" and body["si"] == "HALL", (name, body)
    assert device.incarnation == 1
    name, body = Device(url).enrol(ticket["t"])
    assert (name, body["c"]) == ("ERROR", 1105), "a code is good for one device"


def receives_the_snapshot(world):
    device = world.device
    name, welcome = device.come_in()
    assert name == "WELCOME" and welcome["re"] == "snapshot" and welcome["a"] == 0, welcome
    device.subscribe()
    assert [row["d"] for row in device.table(4)] == ["Bolt M8"]
    assert {row["b"] for row in device.table(3)} >= {"A-01", "A-02"}
    assert device.stock("A-01", "BOLT") == 100
    assert device.table(10)[0]["q"] == [50, 0], "the line of the order"
    assert [row["c"] for row in device.table(5)] == ["4006381333931"]


def uploads_and_hears_the_outcomes(world):
    device = world.device
    line = {"k": "purchase_order", "n": "PO-1", "l": 10}
    device.record("sign_in", {"m": "badge_and_pin", "o": False})
    device.record("receive", {"p": place("A-02"), "g": goods("BOLT", 20, "4006381333931")}, line)
    device.record("move", {"p": place("A-01"), "o": place("A-02"), "g": goods("BOLT", 30)})
    device.record("count", {"p": place("A-02"), "g": goods("BOLT", 49)})
    device.push()
    name, ack = device.acknowledged()
    assert name == "ACK" and ack["ah"] == device.hashes[-1], "both made the same chain"
    assert ack["cn"] > 0 and len(ack["ch"]) == 16
    outcomes = device.answered(range(1, 5))
    assert [outcome["d"] for outcome in outcomes[:3]] == ["accepted"] * 3, outcomes
    assert outcomes[3]["d"] in ("accepted", "changed") and outcomes[3]["s"] == "provisional"
    assert (device.stock("A-01", "BOLT"), device.stock("A-02", "BOLT")) == (70, 49)
    lines = [row for row in device.table(10) if row["n"] == "PO-1"]
    assert lines[0]["h"] == [20, 0], "the order knows what came"


def beats(world):
    device = world.device
    sent = device.mono()
    device.say("HB", {"t1": sent, "b": 1, "l": device.cursor, "pe": 0, "w": "anna"})
    _name, body = device.until("HB_ACK")
    assert body["t1"] == sent and body["t2"] <= body["t3"] and body["a"] == 4, body


def the_same_again_is_one(world):
    device = world.device
    before = len(device.outcomes)
    device.push()
    name, ack = device.acknowledged()
    assert name == "ACK" and ack["a"] == 4
    device.record("move", {"p": place("A-02"), "o": place("A-01"), "g": goods("BOLT", 1)})
    device.push(base=5)
    device.acknowledged()
    device.answered([5])
    again = [outcome for outcome in device.outcomes[before:] if outcome["r"] == 1]
    assert [outcome["o"]["s"] for outcome in again] == [5], again
    assert device.stock("A-02", "BOLT") == 48


def a_gap_is_named(world):
    device = world.device
    device.record("sign_out", {})
    device.record("sign_in", {"m": "badge_and_pin", "o": False})
    device.push(base=7)
    name, nack = device.until("NACK")
    assert nack["x"] == 6, nack
    device.push(base=6)
    assert device.acknowledged()[0] == "ACK"


def goes_on_after_a_pause(world):
    device = world.device
    device.answered([6, 7])
    cursor = device.cursor
    device.hang_up()
    name, welcome = device.come_in()
    assert name == "WELCOME" and welcome["re"] in ("delta", "up_to_date"), welcome
    assert welcome["a"] == 7 and welcome["ah"] == device.hashes[-1]
    device.subscribe()
    device.record("weigh", {"z": [1, {"of": "later"}]}, version=3)
    device.push(base=8)
    device.acknowledged()
    outcome = device.answered([8])[0]
    assert outcome["d"] == "parked" and codes(outcome) == ["unsupported_op"], outcome
    assert outcome["m"], "a reader that does not know the code is told in English"
    assert device.cursor > cursor


def a_copy_is_found_and_loses_nothing(world):
    device = world.device
    other = Operation("move", {"p": place("A-01"), "o": place("A-02"), "g": goods("BOLT", 2)},
                      device.mono(), device.cursor)
    device.recorder[-1] = other
    device.hashes[-1] = chain(device.hashes[-2], 8, other.content(1, device.epoch))
    device.push(base=8)
    name, stale = device.until("STALE_STORE", "ACK")
    assert name == "STALE_STORE" and stale["i"] == 2, (name, stale)
    device.reincarnate(stale)
    device.cursor = 0
    name, welcome = device.come_in()
    assert name == "WELCOME" and welcome["a"] == 0, welcome
    device.subscribe()
    device.push()
    name, ack = device.acknowledged()
    assert name == "ACK" and ack["ah"] == device.hashes[-1]
    # What the server knew under its first name stays one; what it did not know is booked.
    while device.stock("A-02", "BOLT") != 50:
        device.until("DELTA")
    assert device.stock("A-01", "BOLT") == 69


def another_key_proves_nothing(world):
    name, error = world.device.come_in(key=Ed25519PrivateKey.generate())
    assert (name, error["c"]) == ("ERROR", 1100), (name, error)


def broken_frames_are_named(world):
    device = world.device
    good, _packed = frame("HELLO", device.hello())
    changed = good[:-1] + bytes([good[-1] ^ 1])
    for message, code in [(changed, 1001), (b"\x01\x02", 1000), ("text", 1000),
                          (good[:1] + b"\x80" + good[2:], 1000)]:
        device.open()
        device.socket.send(message)
        name, error, _packed = device.hear()
        assert (name, error["c"]) == ("ERROR", code), (message, error)
        try:
            device.hear()
            raise AssertionError("the connection goes on")
        except ConnectionClosed:
            pass


CHECKS = [
    enrols, receives_the_snapshot, uploads_and_hears_the_outcomes, beats, the_same_again_is_one,
    a_gap_is_named, goes_on_after_a_pause, a_copy_is_found_and_loses_nothing,
    another_key_proves_nothing, broken_frames_are_named,
]


class World:
    server = device = None


def main():
    world, failed = World(), 0
    with tempfile.TemporaryDirectory() as folder:
        world.server = Server(sys.argv[1], folder)
        done = world.server.ask("import", {"files": FILES, "dry_run": False})
        assert done["done"] and not done["faults"], done
        for check in CHECKS:
            try:
                check(world)
                print(f"ok      {check.__name__}")
            except Exception as error:  # the next check may still tell something
                failed += 1
                print(f"FAILED  {check.__name__}: {type(error).__name__} {error}")
        world.server.stop()
    print(f"judge: {len(CHECKS) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
