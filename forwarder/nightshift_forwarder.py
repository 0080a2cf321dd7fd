#!/usr/bin/env python3
"""Forward a virtual machine's Scheduled Events to Nightshift, from inside the machine.

One file, Python 3.8 or newer, standard library only: it is copied onto machines. Once a
second it reads the machine's own endpoint, and each change becomes one CloudEvent on an
Event Grid topic. It decides nothing: Nightshift does, and says when all the machines that
a notice names are drained; then the notice is approved from here.

Four threads. One polls, starts the hook and writes the spool, and waits for no network
but the machine's own. One sends what is in the spool, oldest first. One asks Nightshift
and approves. One says now and then that all is well, over a connection of its own, so
that no notice waits for it. Whatever the endpoint or the network answers, none ends.

Source: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events,
https://learn.microsoft.com/azure/event-grid/cloud-event-schema,
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import stat
import sys
import threading
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

TYPE_CHECKING = False  # typing itself is not imported: a megabyte for nothing at run time
if TYPE_CHECKING:
    from typing import Any, Callable, Dict

    Json = Dict[str, Any]

VERSION = "1.1"
EVENT_TYPE = "Nightshift.ScheduledEvents.Document"
BEAT_TYPE = "Nightshift.Forwarder.Heartbeat"
EVENTS_PATH = "/metadata/scheduledevents?api-version=2020-07-01"
COMPUTE_PATH = "/metadata/instance/compute?api-version=2021-02-01&format=json"
TOKEN_PATH = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
BATCH_TYPE = "application/cloudevents-batch+json; charset=utf-8"
MOST_ANSWER = 512 * 1024  # bytes of any answer; a notice of 1,000 machines has 70,000
MOST_BATCH = 900_000  # bytes; the topic takes 1 MB, the rest is for what joins the events
MOST_AT_ONCE = 500  # changes read from the spool for one batch
OK = 200
MOST_EVENTS = 200  # of one document
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0  # seconds between tries; a preemption has thirty
LONGEST_IDLE = 30.0  # seconds that a connection is kept unused
LONGEST_TOKEN = 172_800.0  # seconds; one that says more is believed for ten minutes
TOKEN_MARGIN = 300.0  # seconds before a token's end at which the next one is fetched
KNOWN_TYPES = ("Freeze", "Reboot", "Redeploy", "Preempt", "Terminate")
RANKS = {"scheduled": 0, "started": 1}
NOT_STARTED = 127
"""How a hook ended that could not be started, as a shell says it."""
GONE = "Gone"  # ours: the endpoint only stops telling of a notice
LOCAL = ("127.0.0.1", "localhost", "::1")
SPREAD = 60.0  # seconds over which machines that start together first say that they are there


class Trouble(Exception):
    """Something outside answered wrongly or not at all; it may be better later."""

    def __init__(self, text: str, status: int = 0, after: float = 0.0) -> None:
        super().__init__(text)
        self.status = status
        self.after = after


class WrongSetting(Exception):
    """A setting is missing or wrong: nothing begins before a person put it right."""


def log(level: int, text: str) -> None:
    """Write one line for the journal, which reads the level from the number in front."""
    line = "".join(one if one.isprintable() else " " for one in text[:500])
    sys.stderr.write(f"<{level}>{line}\n")
    sys.stderr.flush()


SETTINGS = {
    "TOPIC": ("", "endpoint of the Event Grid topic, https, ending in /api/events"),
    "TOPIC_KEY_FILE": ("", "file with the topic's access key; empty: managed identity"),
    "TOPIC_AUDIENCE": ("https://eventgrid.azure.net/", "token audience of Event Grid"),
    "APP": ("", "address of Nightshift, https; empty: it is not asked, nothing is approved"),
    "APP_KEY_FILE": ("", "file with a function key of Nightshift"),
    "APP_AUDIENCE": ("", "token audience of Nightshift, where Entra guards it"),
    "CLIENT_ID": ("", "client id of a user-assigned managed identity"),
    "IMDS": ("http://169.254.169.254", "address of the machine's own endpoint"),
    "VM_ID": ("", "ARM id of this machine; empty: the endpoint says it"),
    "SCALE_SET_ID": ("", "ARM id of this machine's scale set; empty: the endpoint says it"),
    "JOB": ("", "ARM id of the Azure ML job that runs on this machine"),
    "FORWARD": ("own", "own: notices that name this machine; all: every notice it hears"),
    "STATE": ("/var/lib/nightshift-forwarder", "folder of the spool and of what was seen"),
    "SPOOL_BYTES": ("8388608", "most bytes in the spool"),
    "SPOOL_EVENTS": ("1000", "most events in the spool"),
    "HOOK": ("", "program to run at once when this machine is to be taken"),
    "HOOK_ON": ("Preempt", "event types that run it, with commas"),
    "HOOK_TIMEOUT": ("20", "seconds after which it is ended"),
    "POLL": ("1", "seconds between looks"),
    "TIMEOUT": ("5", "seconds that the endpoint may take"),
    "FIRST_TIMEOUT": ("130", "seconds that its first answer may take"),
    "NETWORK_TIMEOUT": ("10", "seconds that the topic and Nightshift may take"),
    "ASK": ("5", "seconds between questions to Nightshift"),
    "TURN": ("10", "seconds that each machine leaves those named before it to approve"),
    "HEARTBEAT": ("900", "seconds between heartbeats, up to 86400; 0: none"),
}
PREFIX = "FORWARDER_"


class Settings:
    """What the environment, and below it a file of KEY=VALUE lines, say."""

    def __init__(self, given: dict[str, str]) -> None:
        unknown = sorted(set(given) - set(SETTINGS))
        if unknown:
            known = ", ".join(PREFIX + name for name in SETTINGS)
            raise WrongSetting(f"{PREFIX}{unknown[0]} is not known: there are {known}")
        self._given = {name: given.get(name, "").strip() for name in SETTINGS}
        self.topic = self._address("TOPIC", must=True)
        if not urlsplit(self.topic).path.endswith("/api/events"):
            raise self._wrong("TOPIC", "it does not end in /api/events")
        self.app = self._address("APP").rstrip("/")
        self.imds = self.text("IMDS").rstrip("/")
        if urlsplit(self.imds).scheme != "http" or not urlsplit(self.imds).hostname:
            raise self._wrong("IMDS", "it is not an http:// address")
        self.is_own_only = self._one_of("FORWARD", ("own", "all")) == "own"
        self.hook = self.text("HOOK")
        if self.hook and not self.hook.startswith("/"):
            raise self._wrong("HOOK", "it is not a whole path")
        self.hook_on = self._types()
        self.spool_bytes = int(self._number("SPOOL_BYTES", 64 * 1024, 1 << 30))
        self.spool_events = int(self._number("SPOOL_EVENTS", 10, 100_000))
        self.hook_timeout = self._number("HOOK_TIMEOUT", 1, 900)
        self.poll = self._number("POLL", 0.05, 60)
        self.timeout = self._number("TIMEOUT", 0.2, 60)
        self.first_timeout = self._number("FIRST_TIMEOUT", 0.2, 600)
        self.network_timeout = self._number("NETWORK_TIMEOUT", 0.2, 60)
        self.ask = self._number("ASK", 0.1, 300)
        self.turn = self._number("TURN", 0, 300)
        self.heartbeat = self._number("HEARTBEAT", 0, 86_400)

    @classmethod
    def read(cls, environ: dict[str, str], path: str) -> Settings:
        """Read the file, if there is one, and the environment over it."""
        given: dict[str, str] = {}
        if path:
            try:
                with open(path, encoding="utf-8") as lines:
                    for line in lines:
                        name, equals, value = line.strip().partition("=")
                        if equals and not name.startswith("#"):
                            given[name.strip()] = value.strip().strip("\"'")
            except (OSError, UnicodeDecodeError) as error:
                raise WrongSetting(f"{path} cannot be read: {error}") from error
        given.update({name: value for name, value in environ.items() if value})
        ours = [
            name for name in given if name.startswith(PREFIX) and name != PREFIX + "CONFIG"
        ]
        return cls({name[len(PREFIX) :]: given[name] for name in ours})

    def text(self, name: str) -> str:
        """Return a setting's text, or its default."""
        return self._given[name] or SETTINGS[name][0]

    def _wrong(self, name: str, why: str) -> WrongSetting:
        said = (PREFIX + name, self.text(name), why, SETTINGS[name][1])
        return WrongSetting("{} is {!r}: {}; it may be: {}".format(*said))

    def _address(self, name: str, must: bool = False) -> str:
        text = self.text(name)
        parts = urlsplit(text)
        is_here = parts.scheme == "http" and parts.hostname in LOCAL
        if (text or must) and not (parts.hostname and (parts.scheme == "https" or is_here)):
            raise self._wrong(name, "it is not an https:// address")
        return text

    def _one_of(self, name: str, words: tuple[str, ...]) -> str:
        if self.text(name) not in words:
            raise self._wrong(name, "it is none of {}".format(", ".join(words)))
        return self.text(name)

    def _types(self) -> frozenset[str]:
        names = [one.strip().lower() for one in self.text("HOOK_ON").split(",") if one.strip()]
        known = [one.lower() for one in KNOWN_TYPES]
        if not names or set(names) - set(known):
            raise self._wrong(
                "HOOK_ON", "its words are not among {}".format(", ".join(KNOWN_TYPES))
            )
        return frozenset(names)

    def _number(self, name: str, least: float, most: float) -> float:
        try:
            number = float(self.text(name))
        except ValueError:
            number = -1.0
        if not least <= number <= most:
            raise self._wrong(name, f"it is not a number from {least:g} to {most:g}")
        return number


_trust: list[Any] = []


def trust() -> Any:
    """Read the machine's certificate authorities, once: they take time and memory."""
    if not _trust:
        import ssl

        _trust.append(ssl.create_default_context())
    return _trust[0]


class Link:
    """One kept connection to one address; an answer is bounded in size and in time."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port
        self._is_tls = parts.scheme == "https"
        self._connection: http.client.HTTPConnection | None = None
        self._used_at = 0.0

    def ask(
        self, method: str, path: str, headers: Json, body: bytes | None, timeout: float
    ) -> tuple[int, bytes, str]:
        """Ask once; return status, body and Retry-After.

        Raises:
            Trouble: No answer, or none that can be taken.
        """
        if time.monotonic() - self._used_at > LONGEST_IDLE:
            self.close()  # whatever lies between may have forgotten it without a word
        is_kept = self._connection is not None
        try:
            try:
                return self._ask(method, path, headers, body, timeout)
            except (ConnectionError, http.client.RemoteDisconnected):
                self.close()
                if not is_kept:
                    raise
                return self._ask(method, path, headers, body, timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            said = f"{type(error).__name__}: {error}"
            raise Trouble(f"{method} {self._host}: {said}") from error
        except Trouble:
            self.close()
            raise

    def _ask(
        self, method: str, path: str, headers: Json, body: bytes | None, timeout: float
    ) -> tuple[int, bytes, str]:
        connection = self._open(timeout)
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        text = self._read(response, time.monotonic() + timeout)
        if response.will_close:
            self.close()
        self._used_at = time.monotonic()
        return response.status, text, response.headers.get("Retry-After") or ""

    def _read(self, response: http.client.HTTPResponse, until: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            part = response.read1(65536)
            size += len(part)
            if not part:
                response.close()  # read1 does not, and the connection would stay in use
                return b"".join(parts)
            parts.append(part)
            if size > MOST_ANSWER:
                raise Trouble(f"{self._host}: answered more than {MOST_ANSWER} bytes")
            if time.monotonic() > until:
                raise Trouble(f"{self._host}: its answer never ends")

    def _open(self, timeout: float) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = self._connect(timeout)
        self._connection.timeout = timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        return self._connection

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        """Prepare a connection; no proxy is used, which the machine's endpoint forbids."""
        if not self._is_tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=timeout, context=trust()
        )

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def read_json(text: bytes, what: str) -> Json:
    """Read a JSON object.

    Raises:
        Trouble: It is none.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Trouble(f"{what}: answered no JSON") from None
    if not isinstance(value, dict):
        raise Trouble(f"{what}: answered no JSON object")
    return value


class Endpoint:
    """The machine's own endpoint: events, identity and approval."""

    def __init__(self, settings: Settings) -> None:
        self._link = Link(settings.imds)
        self._client_id = settings.text("CLIENT_ID")

    def get(self, path: str, timeout: float) -> bytes:
        """Read one of its documents.

        Raises:
            Trouble: It was not given.
        """
        status, body, _ = self._link.ask("GET", path, {"Metadata": "true"}, None, timeout)
        if status != OK:
            raise Trouble(f"the machine's endpoint answered {status}", status)
        return body

    def start(self, event_id: str, timeout: float) -> None:
        """Approve a notice, for every machine that it names.

        Raises:
            Trouble: It was not taken.
        """
        body = json.dumps({"StartRequests": [{"EventId": event_id}]}).encode()
        headers = {"Metadata": "true", "Content-Type": "application/json"}
        status, _, _ = self._link.ask("POST", EVENTS_PATH, headers, body, timeout)
        if status != OK:
            raise Trouble(f"approving {event_id}: answered {status}", status)

    def token(self, audience: str, timeout: float) -> tuple[str, float]:
        """Fetch a token of the managed identity, and when it ends.

        Raises:
            Trouble: There is none.
        """
        path = TOKEN_PATH + quote(audience, safe="")
        if self._client_id:
            path += "&client_id=" + quote(self._client_id, safe="")
        found = read_json(self.get(path, timeout), "the identity's endpoint")
        token = found.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Trouble("the identity's endpoint gave no token")
        try:
            ends = float(found.get("expires_on") or 0)
        except (TypeError, ValueError):
            ends = 0.0
        is_likely = 0.0 < ends - time.time() < LONGEST_TOKEN
        return token, ends if is_likely else time.time() + 600.0


class Tokens:
    """Tokens by audience, kept until shortly before they end."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self._endpoint, self._timeout = endpoint, timeout
        self._kept: dict[str, tuple[str, float]] = {}

    def header(self, audience: str) -> str:
        """Return the value of an Authorization header.

        Raises:
            Trouble: No token is to be had, and none is left that still counts.
        """
        kept = self._kept.get(audience)
        if kept is None or time.time() > kept[1] - TOKEN_MARGIN:
            try:
                kept = self._kept[audience] = self._endpoint.token(audience, self._timeout)
            except Trouble:
                if kept is None or time.time() > kept[1]:
                    raise
        return "Bearer " + kept[0]

    def forget(self, audience: str) -> None:
        """Drop a token that somebody refused."""
        self._kept.pop(audience, None)


class Machine:
    """Which machine this is: its ids, and the name that notices give it."""

    def __init__(self, vm: str = "", scale_set: str = "") -> None:
        self.vm, self.scale_set = vm, scale_set
        parts = vm.rstrip("/").split("/")
        is_uniform = len(parts) > 10 and parts[-4].lower() == "virtualmachinescalesets"
        self.name = (parts[-3] + "_" + parts[-1]) if is_uniform else parts[-1]

    @classmethod
    def find(cls, settings: Settings, endpoint: Endpoint) -> Machine:
        """Ask the endpoint, unless the settings say it.

        Raises:
            Trouble: It does not say.
        """
        given, scale_set = settings.text("VM_ID"), settings.text("SCALE_SET_ID")
        if given:
            return cls(given, scale_set)
        found = read_json(endpoint.get(COMPUTE_PATH, settings.timeout), "the endpoint")
        vm, name = found.get("resourceId"), found.get("vmScaleSetName")
        if not isinstance(vm, str) or not vm.startswith("/subscriptions/"):
            raise Trouble("the machine's endpoint does not say which machine it is")
        if isinstance(name, str) and name and not scale_set:
            group = vm.split("/providers/")[0]
            scale_set = group + "/providers/Microsoft.Compute/virtualMachineScaleSets/" + name
        return cls(vm, scale_set)

    def is_named(self, notice: Json) -> bool:
        """Tell whether a notice is about this machine, or about nobody in particular."""
        names = notice.get("Resources") or []
        own = (self.name.lower(), self.vm.lower())
        return not self.vm or not names or any(one.lower() in own for one in names)


class Change:
    """One thing to forward, waiting in the spool; ``body`` where the disk would not."""

    __slots__ = ("body", "is_urgent", "path", "seq", "size")

    def __init__(self, seq: int, path: str, size: int, is_urgent: bool, body: Any) -> None:
        self.seq, self.path, self.size = seq, path, size
        self.is_urgent, self.body = is_urgent, body


class Spool:
    """Changes on disk, oldest first, bounded: the oldest preemption is lost last."""

    def __init__(self, folder: str, most_bytes: int, most: int) -> None:
        self._folder, self._most_bytes, self._most = folder, most_bytes, most
        self._lock = threading.Lock()
        self._changes: list[Change] = []
        self.lost = 0
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            for name in sorted(os.listdir(folder)):
                self._take_up(name)
        except OSError as error:
            log(3, f"spool: its folder cannot be used, events stay in memory: {error}")
        self._seq = self._changes[-1].seq if self._changes else 0

    def _take_up(self, name: str) -> None:
        path = os.path.join(self._folder, name)
        number, _, rest = name.partition("-")
        try:
            with open(path, "rb") as file:
                body = file.read()
            change = Change(int(number), path, len(body), rest.startswith("u"), None)
            json.loads(body)["notice"]["EventId"]
            self._changes.append(change)
        except (OSError, ValueError, KeyError, TypeError):
            log(4, f"spool: {name} was not written to its end, dropped")
            _unlink(path)

    def __len__(self) -> int:
        """Count what waits."""
        return len(self._changes)

    def add(self, value: Json, is_urgent: bool) -> bool:
        """Keep a change until it is sent; False if there was no room for it."""
        body = json.dumps(value, separators=(",", ":")).encode()
        with self._lock:
            if not self._make_room(len(body), is_urgent):
                self.lost += 1
                return False
            self._seq += 1
            name = f"{self._seq:012}-{'u' if is_urgent else 'n'}.json"
            path = os.path.join(self._folder, name)
            kept = None
            try:
                write_whole(path, body)
            except OSError as error:
                log(3, f"spool: the disk does not take it, kept in memory: {error}")
                kept = body
            self._changes.append(Change(self._seq, path, len(body), is_urgent, kept))
        return True

    def _make_room(self, size: int, is_urgent: bool) -> bool:
        """Drop the oldest of what is not urgent; never a preemption for a later one."""
        while self._is_full(size):
            victim = next((one for one in self._changes if not one.is_urgent), None)
            if victim is None or (not is_urgent and size > self._most_bytes):
                return False
            log(3, f"spool: full, an older event is lost ({self.lost + 1} so far)")
            self.lost += 1
            self._drop(victim)
        return True

    def _is_full(self, size: int) -> bool:
        used = sum(one.size for one in self._changes)
        return used + size > self._most_bytes or len(self._changes) >= self._most

    def _drop(self, change: Change) -> None:
        self._changes.remove(change)
        _unlink(change.path)

    def oldest(self, most: int) -> list[tuple[Change, Json]]:
        """Read the oldest changes."""
        with self._lock:
            chosen = self._changes[:most]
        found: list[tuple[Change, Json]] = []
        for change in chosen:
            try:
                found.append((change, read_json(change.body or _read(change.path), "spool")))
            except (OSError, Trouble) as error:  # noqa: PERF203 - each file for itself
                log(3, f"spool: an event cannot be read and is lost: {error}")
                self.done([change])
        return found

    def done(self, changes: list[Change]) -> None:
        """Forget changes."""
        with self._lock:
            for change in changes:
                if change in self._changes:  # the bound may have dropped it meanwhile
                    self._drop(change)


def write_whole(path: str, body: bytes) -> None:
    """Write a file so that whoever reads it finds all of it, or none."""
    draft = path + ".new"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        if os.write(handle, body) != len(body):
            raise OSError("the disk is full")
        os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(draft, path)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def read_key(path: str) -> str:
    """Read a key from its file each time, so that it can be changed under us.

    Raises:
        Trouble: There is none.
    """
    try:
        key = _read(path).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"the key's file {path}: {error}") from error
    if not key or not key.isascii() or not key.isprintable():
        raise Trouble(f"the key's file {path} holds no key")
    return key


class Hooks:
    """The local program: started at once, ended when its time is over, never waited for."""

    def __init__(self, settings: Settings) -> None:
        self._path, self._types = settings.hook, settings.hook_on
        self._timeout = settings.hook_timeout
        self._running: dict[int, tuple[str, float]] = {}
        self._ended: list[tuple[str, int]] = []

    def answers(self, notice: Json) -> bool:
        """Tell whether a notice runs it."""
        return bool(self._path) and notice["EventType"].lower() in self._types

    def run(self, notice: Json) -> None:
        """Start it for a notice, in a process group of its own."""
        deadline = moment(notice.get("NotBefore") or "")
        told = {
            "NIGHTSHIFT_EVENT_ID": notice["EventId"],
            "NIGHTSHIFT_EVENT_TYPE": notice["EventType"],
            "NIGHTSHIFT_EVENT_STATUS": notice["EventStatus"],
            "NIGHTSHIFT_DEADLINE": deadline.isoformat() if deadline else "",
        }
        null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        # Whatever log() writes to is the hook's output too; everything else is closed.
        try:
            environ = dict(os.environ, **told)
            argv = [self._path]
            pid = os.posix_spawn(self._path, argv, environ, file_actions=[null], setpgroup=0)
        except (OSError, ValueError) as error:
            log(3, f"hook: {self._path} could not be started: {error}")
            self._ended.append((notice["EventId"], NOT_STARTED))
            return
        self._running[pid] = (notice["EventId"], time.monotonic() + self._timeout)
        log(5, "hook: started for {} {}".format(notice["EventType"], notice["EventId"]))

    def look(self) -> list[tuple[str, int]]:
        """See which have ended and how, by event; end those whose time is over."""
        for pid, (event_id, until) in list(self._running.items()):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, 0
            if ended:
                del self._running[pid]
                how = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
                log(5 if how == 0 else 4, f"hook: for {event_id} ended with {how}")
                self._ended.append((event_id, how))
            elif time.monotonic() > until:
                log(4, f"hook: for {event_id} took too long and is ended")
                try:
                    os.killpg(pid, signal.SIGKILL)
                except OSError:
                    pass
        told, self._ended = self._ended, []
        return told


def moment(text: object) -> datetime | None:
    """Read NotBefore in either form; None for none, or one that cannot be read."""
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        try:
            found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        except ValueError:
            return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def read_notices(text: bytes) -> tuple[Json, bool, int]:
    """Read a document: notices by id, whether all could be read, the incarnation.

    Raises:
        Trouble: It is no such document; then nothing is known to have disappeared.
    """
    document = read_json(text, "the machine's endpoint")
    events = document.get("Events")
    if not isinstance(events, list) or len(events) > MOST_EVENTS:
        raise Trouble("the machine's endpoint answered no list of events")
    incarnation = document.get("DocumentIncarnation")
    good = {str(one["EventId"]).lower(): one for one in events if _is_notice(one)}
    return good, len(good) == len(events), incarnation if type(incarnation) is int else 0


def _is_notice(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    texts = [value.get(name) for name in ("EventId", "EventType", "EventStatus")]
    names = value.get("Resources", [])
    return (
        all(
            isinstance(one, str) and 0 < len(one) <= 100 and one.isprintable() for one in texts
        )
        and isinstance(names, list)
        and all(isinstance(one, str) for one in names)
    )


class Known:
    """What was seen and not yet seen to disappear; on disk, for the next start."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "known.json")
        self.lock = threading.Lock()
        self.notices: dict[str, Json] = {}
        self._boot = _boot_id()
        try:
            kept = read_json(_read(self._path), "what was seen before")
            was_booted = kept.get("boot") != self._boot
            for name, one in kept["notices"].items():
                if _is_notice(one["notice"]):
                    one["rebooted"] = was_booted or one.get("rebooted") is True
                    self.notices[name] = one
        except FileNotFoundError:
            pass
        except (OSError, Trouble, KeyError, TypeError, AttributeError) as error:
            log(4, f"what was seen before cannot be read, beginning anew: {error}")

    def save(self) -> None:
        """Write it down; a disk that does not take it costs a repetition, no more."""
        text = json.dumps({"boot": self._boot, "notices": self.notices}).encode()
        try:
            write_whole(self._path, text)
        except OSError as error:
            log(3, f"what was seen cannot be written: {error}")


def _boot_id() -> str:
    try:
        return _read("/proc/sys/kernel/random/boot_id").decode().strip()
    except OSError:
        return ""


def _rank(notice: Json) -> int:
    return RANKS.get(notice["EventStatus"].lower(), 0)


class Watcher:
    """The thread that polls: from a document to hooks and the spool."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        known: Known,
        machine: Callable[[], Machine],
        news: Callable[[], None],
    ) -> None:
        self._settings, self._spool, self._known = settings, spool, known
        self._machine, self._news = machine, news
        self._endpoint = Endpoint(settings)
        self._hooks = Hooks(settings)
        self._hooked: set[str] = set()
        self._last = b""
        self.failed = 0
        self._has_answered = False

    def run(self) -> None:
        """Look, again and again, until the process ends."""
        due = time.monotonic()
        while True:
            self.turn()
            due = max(due + self._settings.poll, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def turn(self) -> None:
        """Look once; whatever is wrong is told once a minute, and the next look comes."""
        limit = self._settings
        try:
            wait = limit.timeout if self._has_answered else limit.first_timeout
            text = self._endpoint.get(EVENTS_PATH, wait)
            self._has_answered = True
            if text != self._last:
                self._read(text)
            self._last = text
            if self.failed:
                log(5, "the machine's endpoint answers again")
            self.failed = 0
        except Trouble as trouble:
            if self.failed % 60 == 0:
                log(4, f"looking for events failed: {trouble}")
            self.failed += 1
        except Exception as error:  # a defect of ours must not end the watch
            if self.failed % 60 == 0:
                log(3, f"looking for events failed: {type(error).__name__}: {error}")
            self.failed += 1
        for event_id, how in self._hooks.look():
            self._tell_hook(event_id, how)

    def _read(self, text: bytes) -> None:
        notices, is_whole, incarnation = read_notices(text)
        news = {
            name: notice
            for name, notice in notices.items()
            if self._is_ours(notice) and self._is_news(name, notice)
        }
        for name, notice in news.items():
            self._run_hook(name, notice)  # before anything that could take its time
        with self._known.lock:
            gone = [n for n in self._known.notices if n not in notices] if is_whole else []
            for name, notice in news.items():
                self._keep(notice, incarnation)
                self._note(name, notice)
            for name in gone:
                self._keep(self._gone(name), incarnation)
                del self._known.notices[name]
            if news or gone:
                self._known.save()
        if not is_whole:
            log(4, f"a notice of document {incarnation} cannot be read")
        if news or gone:
            self._news()

    def _is_ours(self, notice: Json) -> bool:
        return not self._settings.is_own_only or self._machine().is_named(notice)

    def _is_news(self, name: str, notice: Json) -> bool:
        """Tell whether a notice says something new; its status never goes back."""
        before = self._known.notices.get(name)
        if before is None:
            return True
        old = before["notice"]
        return old != notice and _rank(notice) >= _rank(old)

    def _run_hook(self, name: str, notice: Json) -> None:
        is_first = name not in self._known.notices and name not in self._hooked
        if is_first and self._hooks.answers(notice) and self._machine().is_named(notice):
            self._hooked.add(name)
            self._hooks.run(notice)

    def _tell_hook(self, event_id: str, how: int) -> None:
        """Forward how the hook for a notice ended, if the notice is still known."""
        with self._known.lock:
            kept = self._known.notices.get(event_id.lower())
            if kept is not None:
                self._keep(kept["notice"], 0, hook=how)
        if kept is not None:
            self._news()

    def _note(self, name: str, notice: Json) -> None:
        before = self._known.notices.get(name, {})
        self._known.notices[name] = {
            "notice": notice,
            "not_before": notice.get("NotBefore") or before.get("not_before") or "",
            "requested": bool(before.get("requested")),
            "rebooted": bool(before.get("rebooted")),
        }

    def _gone(self, name: str) -> Json:
        """Say that a notice disappeared, and all that tells whether it came to pass."""
        kept = self._known.notices[name]
        return dict(
            kept["notice"],
            EventStatus=GONE,
            LastStatus=kept["notice"]["EventStatus"],
            NotBefore=kept.get("not_before") or "",
            StartRequested=bool(kept.get("requested")),
            Rebooted=bool(kept.get("rebooted")),
        )

    def _keep(self, notice: Json, incarnation: int, hook: int | None = None) -> None:
        seen = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        value = {"seen": seen, "incarnation": incarnation, "notice": notice}
        if hook is not None:
            value["hook"] = hook
        is_urgent = notice["EventType"].lower() == "preempt" and notice["EventStatus"] != GONE
        if not self._spool.add(value, is_urgent):
            log(3, "spool: full, {} {} is lost".format(notice["EventType"], notice["EventId"]))


class Topic:
    """One way to the Event Grid topic; each thread that sends has its own."""

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self._settings = settings
        self._tokens = Tokens(endpoint, settings.network_timeout)
        self._link = Link(settings.topic)

    def post(self, body: bytes) -> None:
        """Send a batch of events.

        Raises:
            Trouble: It was not taken.
        """
        settings = self._settings
        parts = urlsplit(settings.topic)
        path = f"{parts.path}?{parts.query or 'api-version=2018-01-01'}"
        headers = {"Content-Type": BATCH_TYPE, "User-Agent": f"nightshift-forwarder/{VERSION}"}
        audience = settings.text("TOPIC_AUDIENCE")
        if settings.text("TOPIC_KEY_FILE"):
            headers["aeg-sas-key"] = read_key(settings.text("TOPIC_KEY_FILE"))
        else:
            headers["Authorization"] = self._tokens.header(audience)
        status, text, after = self._link.ask(
            "POST", path, headers, body, settings.network_timeout
        )
        if status in (401, 403):
            self._tokens.forget(audience)
        if status != OK:
            seconds = float(after) if after.isdigit() else 0.0
            said = text[:200].decode("utf-8", "replace")
            raise Trouble(f"the topic answered {status} {said}", status, seconds)

    def close(self) -> None:
        """Close the connection; the next batch opens another."""
        self._link.close()


class Sender:
    """The thread that sends the spool, oldest first."""

    def __init__(self, settings: Settings, spool: Spool) -> None:
        self.wake = threading.Event()
        self.machine = Machine(settings.text("VM_ID"), settings.text("SCALE_SET_ID"))
        self._settings, self._spool = settings, spool
        self._endpoint = Endpoint(settings)
        self._topic = Topic(settings, self._endpoint)
        self._pause, self._send_at = 0.0, 0.0

    def identify(self) -> None:
        """Learn which machine this is.

        Raises:
            Trouble: The endpoint does not say; whoever sends asks again.
        """
        if not self.machine.vm:
            self.machine = Machine.find(self._settings, self._endpoint)

    def run(self) -> None:
        """Send, again and again; sleep while there is nothing to send."""
        while True:
            rest = max(0.0, self._send_at - time.monotonic())
            if self.wake.wait(rest if len(self._spool) else None):
                self.wake.clear()  # news do not wait for what went wrong with older ones
            try:
                self._send()
            except Exception as error:  # a defect of ours must not end the sending
                log(3, f"sending: {type(error).__name__}: {error}")
                self._send_at = time.monotonic() + LONGEST_PAUSE

    def _send(self) -> None:
        """Send one batch; what goes wrong is tried again, later and later."""
        try:
            self.identify()
            chosen = self._batch()
            if chosen:
                self._publish(chosen)
            self._pause = 0.0
        except Trouble as trouble:
            self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            rest = min(max(self._pause, trouble.after), LONGEST_PAUSE)
            self._send_at = time.monotonic() + rest
            log(4, f"{len(self._spool)} events wait: {trouble}; again in {rest:.1f} s")

    def _batch(self) -> list[tuple[Change, bytes]]:
        chosen: list[tuple[Change, bytes]] = []
        size = 2
        for change, value in self._spool.oldest(MOST_AT_ONCE):
            body = self.event(value)
            if chosen and size + len(body) + 1 > MOST_BATCH:
                break
            size += len(body) + 1
            chosen.append((change, body))
        return chosen

    def event(self, value: Json) -> bytes:
        """Write a change as a CloudEvent; the same change has the same id for ever."""
        notice = value["notice"]
        told = [self.machine.vm.lower(), notice, *([value["hook"]] if "hook" in value else [])]
        known = json.dumps(told, sort_keys=True)
        data = {
            "vmId": self.machine.vm,
            "document": {"DocumentIncarnation": value["incarnation"], "Events": [notice]},
        }
        if self.machine.scale_set:
            data["scaleSetId"] = self.machine.scale_set
        if "hook" in value:
            data["hookExitCode"] = value["hook"]
        if self._settings.text("JOB"):
            data["jobId"] = self._settings.text("JOB")
        event = {
            "specversion": "1.0",
            "id": hashlib.sha256(known.encode()).hexdigest()[:32],
            "source": self.machine.vm,
            "subject": notice["EventId"],
            "type": EVENT_TYPE,
            "time": value["seen"],
            "datacontenttype": "application/json",
            "data": data,
        }
        return json.dumps(event, separators=(",", ":")).encode()

    def _publish(self, chosen: list[tuple[Change, bytes]]) -> None:
        """Send events; one that alone is refused is put aside and holds up nobody."""
        try:
            self._topic.post(b"[" + b",".join(body for _, body in chosen) + b"]")
        except Trouble as trouble:
            if trouble.status not in (400, 413):
                raise
            if len(chosen) > 1:
                middle = len(chosen) // 2
                self._publish(chosen[:middle])
                self._publish(chosen[middle:])
                return
            log(3, f"the topic refused an event, it is lost: {trouble}")
        self._spool.done([change for change, _ in chosen])


class Asker:
    """The thread that asks Nightshift whether all are drained, and approves the notice."""

    def __init__(
        self, settings: Settings, known: Known, machine: Callable[[], Machine]
    ) -> None:
        self.wake = threading.Event()
        self._settings, self._known, self._machine = settings, known, machine
        self._endpoint = Endpoint(settings)
        self._tokens = Tokens(self._endpoint, settings.network_timeout)
        self._app = Link(settings.app)
        self._ready_since: dict[str, float] = {}

    def run(self) -> None:
        """Ask, again and again; sleep while there is nothing to ask."""
        while True:
            self.wake.wait()
            self.wake.clear()
            while self._open():
                for name, notice in self._open():
                    self._see_to(name, notice)
                time.sleep(self._settings.ask)
            self._ready_since.clear()

    def _open(self) -> list[tuple[str, Json]]:
        """Name the notices that may be approved: scheduled, ours, not approved yet.

        A kind that is not known may mean nothing by an approval, or too much.
        """
        with self._known.lock:
            return [
                (name, one["notice"])
                for name, one in self._known.notices.items()
                if _rank(one["notice"]) == RANKS["scheduled"]
                and not one.get("requested")
                and one["notice"]["EventType"] in KNOWN_TYPES
                and self._machine().is_named(one["notice"])
            ]

    def _see_to(self, name: str, notice: Json) -> None:
        try:
            if self._is_ready(name) and self._is_our_turn(name, notice):
                self._endpoint.start(notice["EventId"], self._settings.network_timeout)
                self._note_requested(name)
                log(5, f"approved {notice['EventType']} {notice['EventId']}")
        except Trouble as trouble:
            log(4, f"asking about {notice['EventId']}: {trouble}")
        except Exception as error:  # a defect of ours must not end the asking
            log(3, f"asking: {type(error).__name__}: {error}")

    def _is_ready(self, name: str) -> bool:
        settings, headers = self._settings, {"Accept": "application/json"}
        audience = settings.text("APP_AUDIENCE")
        if settings.text("APP_KEY_FILE"):
            headers["x-functions-key"] = read_key(settings.text("APP_KEY_FILE"))
        if audience:
            headers["Authorization"] = self._tokens.header(audience)
        path = f"{urlsplit(settings.app).path}/api/notices/{quote(name, safe='')}"
        status, text, _ = self._app.ask("GET", path, headers, None, settings.network_timeout)
        if status in (401, 403):
            self._tokens.forget(audience)
        if status not in (OK, 404):
            raise Trouble(f"Nightshift answered {status}", status)
        said = read_json(text, "Nightshift") if status == OK else {}
        is_ready = (
            said.get("state") == "ready"
            and said.get("by", "forwarder") == "forwarder"
            and not said.get("acknowledged_at")
        )
        if is_ready:
            self._ready_since.setdefault(name, time.monotonic())
        else:
            self._ready_since.pop(name, None)
        return is_ready

    def _is_our_turn(self, name: str, notice: Json) -> bool:
        """Leave approving to the machines named before this one, for some time each.

        One approval counts for all; if the first machine hangs, the next one does it.
        """
        names = sorted(one.lower() for one in notice.get("Resources") or [])
        own = self._machine().name.lower()
        place = names.index(own) if own in names else len(names)
        return time.monotonic() >= self._ready_since[name] + place * self._settings.turn

    def _note_requested(self, name: str) -> None:
        with self._known.lock:
            if name in self._known.notices:
                self._known.notices[name]["requested"] = True
                self._known.save()


class Heart:
    """The thread that says now and then that this machine is watched.

    By the way that notices take, so that silence means that notices would be lost too.
    What cannot be sent is not kept: a heartbeat of yesterday tells nothing.
    """

    def __init__(
        self,
        settings: Settings,
        machine: Callable[[], Machine],
        state: Callable[[], Json],
    ) -> None:
        self._every, self._machine, self._state = settings.heartbeat, machine, state
        self._topic = Topic(settings, Endpoint(settings))
        self._count = 0

    def run(self) -> None:
        """Say it, again and again; machines that start together say it apart."""
        own = hashlib.sha256(os.uname().nodename.encode()).digest()
        time.sleep(min(SPREAD, self._every) * own[0] / 255)
        while True:
            try:
                if self._machine().vm:
                    self._topic.post(b"[" + self.event() + b"]")
            except Trouble as trouble:
                log(4, f"heartbeat: {trouble}")
            except Exception as error:  # a defect of ours must not end it
                log(3, f"heartbeat: {type(error).__name__}: {error}")
            self._topic.close()
            time.sleep(self._every)

    def event(self) -> bytes:
        """Write a heartbeat as a CloudEvent."""
        self._count += 1
        now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        vm = self._machine().vm
        every = max(60, round(self._every))
        known = f"{vm.lower()} {now} {self._count}"
        event = {
            "specversion": "1.0",
            "id": hashlib.sha256(known.encode()).hexdigest()[:32],
            "source": vm,
            "subject": vm,
            "type": BEAT_TYPE,
            "time": now,
            "datacontenttype": "application/json",
            "data": dict({"vmId": vm, "version": VERSION, "every": every}, **self._state()),
        }
        return json.dumps(event, separators=(",", ":")).encode()


def stop(number: int, frame: object) -> None:  # noqa: ARG001 - as signals call it
    """End at once: everything that must not be lost is on disk."""
    raise SystemExit(0)


def main() -> int:
    """Run until told to end; 2 if a setting is wrong."""
    path = os.environ.get(PREFIX + "CONFIG", "")
    if len(sys.argv) == 3 and sys.argv[1] == "--config":
        path = sys.argv[2]
    elif len(sys.argv) > 1:
        print("usage: nightshift_forwarder.py [--config FILE]; settings:")
        for name, (default, meaning) in SETTINGS.items():
            print(f"  {PREFIX + name:26} {meaning} ({default or 'none'})")
        return 0 if sys.argv[1] in ("-h", "--help") else 2
    try:
        settings = Settings.read(dict(os.environ), path)
    except WrongSetting as error:
        log(3, str(error))
        return 2
    if settings.hook and not _is_program(settings.hook):
        log(4, f"hook: {settings.hook} is no program that can be run")
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    watch(settings)
    return 0


def watch(settings: Settings) -> None:
    """Start the threads and watch; this one polls."""
    folder = settings.text("STATE")
    if "https" in (urlsplit(settings.topic).scheme, urlsplit(settings.app).scheme):
        trust()  # now, and not when thirty seconds are left
    spool = Spool(os.path.join(folder, "spool"), settings.spool_bytes, settings.spool_events)
    known = Known(folder)
    sender = Sender(settings, spool)
    try:
        sender.identify()
    except Trouble as trouble:
        log(4, f"which machine this is, is asked again later: {trouble}")
    log(6, f"watching as {sender.machine.vm or '?'}, {len(spool)} events wait")
    threads = [threading.Thread(target=sender.run, name="sender", daemon=True)]
    wakes = [sender.wake]
    if settings.app:
        asker = Asker(settings, known, lambda: sender.machine)
        asker.wake.set()
        threads.append(threading.Thread(target=asker.run, name="asker", daemon=True))
        wakes.append(asker.wake)

    def news() -> None:
        for one in wakes:
            one.set()

    watcher = Watcher(settings, spool, known, lambda: sender.machine, news)
    if settings.heartbeat:

        def state() -> Json:
            return {"waiting": len(spool), "lost": spool.lost, "failing": watcher.failed}

        heart = Heart(settings, lambda: sender.machine, state)
        threads.append(threading.Thread(target=heart.run, name="heart", daemon=True))
    for thread in threads:
        thread.start()
    watcher.run()


def _is_program(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode) and os.access(path, os.X_OK)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
