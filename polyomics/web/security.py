"""Who may ask, from where, for how long, and what a browser is told it may do with the answer.

Plain ASGI around the whole application, so that no address can forget it.
"""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyomics.database.limits import time_limit
from polyomics.report.html import element
from polyomics.web.problems import answer

SHORTEST_TOKEN = 16
"""Characters of a token, so that it cannot be guessed."""
COOKIE = "polyomics"
LOGIN = "/login"
ANSWER_S = 20.0
"""How long the database may take for one answer [s]."""
FILE_S = 600.0
"""How long it may take for a file [s]."""
FILES = ("/api/v1/download",)
"""Where the longer limit holds."""
PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""What the page may load: what comes from here, and no script or style that is written in it."""
NOTHING_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""For answers that are no page."""
REPORT_POLICY = "; ".join(
    (
        "sandbox allow-scripts allow-popups allow-downloads",
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    )
)
"""For a report: it was written elsewhere and brings its own scripts, so it gets an origin of its own, which has no
token and can ask nobody anything."""
_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "private, no-cache",
}


class SecureHeaders:
    """Tells browsers to take answers for what they are, to frame none of them, and to load nothing from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add to the answer what it does not say itself."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_data = scope["path"].startswith("/api/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _EVERYWHERE.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", NOTHING_POLICY if is_data else PAGE_POLICY)
                framed = "frame-ancestors 'self'" in headers["Content-Security-Policy"]
                headers.setdefault("X-Frame-Options", "SAMEORIGIN" if framed else "DENY")
            await send(message)

        await self.app(scope, receive, send_with_headers)


class OnlyThisMachine:
    """Refuses requests for another host name than this machine's.

    Else a page elsewhere could give its name our address (DNS rebinding), and read what is for this machine alone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if it is for this machine."""
        if scope["type"] == "http":
            host = Headers(scope=scope).get("host", "")
            if _host_name(host) not in ("localhost", "127.0.0.1", "[::1]") and not _is_loopback_number(host):
                problem = answer(
                    403, "NotAllowed", "without a token only this machine is served, by the name localhost"
                )
                await problem(scope, receive, send)
                return
        await self.app(scope, receive, send)


class NeedsToken:
    """Lets in who has the token: as `Authorization: Bearer TOKEN`, or, for browsers, as the cookie that /login sets.

    Args:
        app: What is behind it.
        token: The token.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self._token = token.encode()
        self._cookie = hmac.new(self._token, b"polyomics explore", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or ask for the token."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == LOGIN:
            await self._login(scope)(scope, receive, send)
        elif self._is_allowed(Headers(scope=scope)):
            await self.app(scope, receive, send)
        else:
            await self._refusal(scope)(scope, receive, send)

    def _is_allowed(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return hmac.compare_digest(given.strip().encode(), self._token)
        return hmac.compare_digest(_cookie(headers).encode(), self._cookie.encode())

    def _login(self, scope: Scope) -> Response:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not given:
            return _form("")
        if not hmac.compare_digest(given.encode(), self._token):
            return _form("This is not the token.", 401)
        response = RedirectResponse("/", 303)
        is_encrypted = scope.get("scheme") == "https"
        response.set_cookie(COOKIE, self._cookie, httponly=True, samesite="strict", secure=is_encrypted)
        return response

    def _refusal(self, scope: Scope) -> Response:
        if scope["path"].startswith("/api/"):
            message = "a token is needed: send it as 'Authorization: Bearer TOKEN', or open /login in a browser"
            return answer(401, "NotAllowed", message, {"WWW-Authenticate": "Bearer"})
        return RedirectResponse(LOGIN, 303) if scope["path"] == "/" else _form("", 401)


class TimeLimit:
    """Lets the database take only so long for one answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with time_limit(FILE_S if scope["path"] in FILES else ANSWER_S):
            await self.app(scope, receive, send)


def _host_name(host: str) -> str:
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0].lower()


def _is_loopback_number(host: str) -> bool:
    name = _host_name(host)
    return name.startswith("127.") and name.replace(".", "").isdigit()


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _form(note: str, status: int = 200) -> Response:
    """Where a person gives the token; without a script, so that it works under the strictest policy."""
    label = element("label", "Token of this server: ", element("input", type="password", name="token", autofocus=True))
    form = element("form", element("p", label), element("button", "Open"), method="get", action=LOGIN)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", "polyomics"),
    )
    said = element("p", note, role="alert") if note else None
    page = element("html", head, element("body", element("h1", "polyomics"), said, form), lang="en")
    return HTMLResponse(f"<!doctype html>\n{page}\n", status)
