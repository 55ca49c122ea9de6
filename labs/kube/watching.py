"""A watch as an HTTP answer: one line of JSON an event, for as long as the client stays.

The text of an object was made when it was written, so an event costs joining two byte strings, for all
watchers alike; tables are made for those who ask for them. While nothing happens a bookmark goes out now and
then: it tells the client the version it has seen everything of, and that the connection lives.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from labs.kube import answer, tables
from labs.kube.kinds import Kind
from labs.kube.objects import Object, Stored, encode
from labs.kube.selectors import Predicate
from labs.kube.status import StatusError, bad_request, expired
from labs.kube.store import Store
from labs.kube.target import flag
from labs.kube.watch import BACKLOG, Watcher

BOOKMARK_INTERVAL = 30.0  # seconds; the real server sends one about every minute
LONGEST = 3600.0  # seconds, then the client comes again; the real server: 30 to 60 minutes
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(slots=True)
class Watching:
    """One watch request."""

    store: Store
    request: web.BaseRequest
    kind: Kind
    selects: Predicate

    async def run(self) -> web.StreamResponse:
        """Send events until the client goes, its time is over, or it falls too far behind."""
        encoder = self._encoder()
        watcher, initial = self._begin()
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache"}
        )
        try:
            await response.prepare(self.request)
            await response.write(b"".join(encoder("ADDED", state) for state in initial) + self._initial_end())
            await self._follow(watcher, response, encoder)
        except ConnectionError:
            pass  # the client has gone, as watchers do
        finally:
            self.store.history.leave(watcher)
        return response

    def _begin(self) -> tuple[Watcher, list[Stored]]:
        """Where the watch starts: now, with all there is as ADDED (no version or 0), or after a version."""
        sent = self.request.query.get("resourceVersion", "")
        history = self.store.history
        if sent in ("", "0") or flag(self.request.query, "sendInitialEvents"):
            present = [state for state in self.store.list(self.kind.kind) if self.selects(state.obj)]
            return history.follow(self.kind.kind, self.store.version, self.selects), present
        if not sent.isdigit():
            raise bad_request(f"resourceVersion: Invalid value: {sent!r}: it must be a whole number")
        if int(sent) > self.store.version:
            # From before a loss of the last moments (power cut): what that client saw is not our past.
            raise expired(f"too new resource version: {sent} ({self.store.version})")
        return history.follow(self.kind.kind, int(sent), self.selects), []

    def _initial_end(self) -> bytes:
        if not flag(self.request.query, "sendInitialEvents"):
            return b""
        return self._bookmark({"annotations": {INITIAL_EVENTS_END: "true"}})

    async def _follow(self, watcher: Watcher, response: web.StreamResponse, encoder: Encoder) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds()
        bookmarks = flag(self.request.query, "allowWatchBookmarks")
        while not watcher.over and (left := end - loop.time()) > 0:
            watcher.wake.clear()
            if watcher.pending:
                lines = [encoder(*watcher.pending.popleft()) for _ in range(len(watcher.pending))]
                await response.write(b"".join(lines))
                continue
            try:
                async with asyncio.timeout(min(left, BOOKMARK_INTERVAL)):
                    await watcher.wake.wait()
            except TimeoutError:
                if bookmarks:
                    await response.write(self._bookmark({}))
        if len(watcher.pending) >= BACKLOG:
            await response.write(_line("ERROR", encode(expired(watcher.over).status)))

    def _seconds(self) -> float:
        sent = self.request.query.get("timeoutSeconds", "")
        if sent and not sent.isdigit():
            raise StatusError(400, "BadRequest", f"timeoutSeconds: {sent!r} is not a whole number of seconds")
        return float(sent) if sent not in ("", "0") else LONGEST * random.uniform(0.5, 1)

    def _bookmark(self, metadata: Object) -> bytes:
        body = {
            "kind": self.kind.kind,
            "apiVersion": self.kind.api_version,
            "metadata": {"resourceVersion": str(self.store.version), **metadata},
        }
        return _line("BOOKMARK", encode(body))

    def _encoder(self) -> Encoder:
        shape, _ = answer.form(self.request)
        if shape == answer.TABLE:
            included = self.request.query.get("includeObject", "Metadata")
            return lambda happened, state: _line(happened, encode(self._table(state, included)))
        if shape:
            return lambda happened, state: _line(happened, encode(tables.partial(state.obj)))
        return lambda happened, state: _line(happened, state.raw)

    def _table(self, state: Stored, included: str) -> Object:
        return tables.table(self.kind, [state.obj], included, {"resourceVersion": str(state.version)})


Encoder = Callable[[str, Stored], bytes]


def _line(happened: str, text: bytes) -> bytes:
    return b'{"type":"' + happened.encode() + b'","object":' + text + b"}\n"
