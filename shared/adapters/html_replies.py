"""HTML answers: plain pages without a script, that load nothing and cannot be framed.

Whatever comes from outside is escaped, and characters that would turn a line around, or
not be seen, are made visible.

Source: https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
"""

from __future__ import annotations

import base64
import hashlib
import html
import unicodedata
from collections.abc import Mapping
from http import HTTPStatus

import azure.functions as func

STYLE = """
:root { color-scheme: light dark; --line: #c9ced6; --soft: #f3f5f8; --ink: #1b1f24;
  --quiet: #57606a; --yes: #116329; --no: #a40e26; --note: #0a4b94; --paper: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --soft: #161b22;
  --ink: #e6edf3; --quiet: #9da7b3; --yes: #238636; --no: #c9364a; --note: #79b8ff;
  --paper: #0d1117; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; }
.quiet { color: var(--quiet); }
.badge { display: inline-block; padding: .1rem .6rem; border: 1px solid currentcolor;
  border-radius: 1rem; font-size: .85rem; font-weight: 600; }
.notice { border: 1px solid var(--line); border-left: .35rem solid var(--note);
  background: var(--soft); padding: .6rem 1rem; border-radius: .4rem; margin: 1rem 0; }
.notice.bad { border-left-color: var(--no); }
.notice.good { border-left-color: var(--yes); }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .3rem 1rem;
  margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font-family: ui-monospace, Consolas, monospace; font-size: .9em;
  overflow-wrap: anywhere; unicode-bidi: isolate; }
ol { padding-left: 1.4rem; margin: 0; }
li { padding: .5rem 0; border-bottom: 1px solid var(--line); }
form { margin-top: 2rem; border: 1px solid var(--line); border-radius: .5rem;
  padding: 1rem 1.25rem 1.25rem; }
label { display: block; font-weight: 600; margin-top: .75rem; }
input, textarea { width: 100%; font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--quiet); border-radius: .4rem; padding: .5rem .6rem; }
button, .button { font: inherit; font-weight: 600; min-height: 2.75rem; padding: .5rem 1.4rem;
  border-radius: .4rem; border: 2px solid transparent; margin: 1rem .75rem 0 0;
  cursor: pointer; display: inline-block; text-decoration: none; }
.approve { background: var(--yes); color: #ffffff; }
.reject, .button { background: transparent; color: inherit; border-color: currentcolor; }
:focus-visible { outline: 3px solid var(--note); outline-offset: 2px; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; } button { width: 100%; } }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def page(body: str, status: HTTPStatus = HTTPStatus.OK) -> func.HttpResponse:
    """Answer with HTML that no browser keeps, frames or lets run anything."""
    return func.HttpResponse(
        body, status_code=status, mimetype="text/html", charset="utf-8", headers=dict(HEADERS)
    )


def document(title: str, body: str) -> str:
    """Write a whole document around a body that is HTML already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)} - Nightshift</title><style>{STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )


def text(value: object) -> str:
    """Write a text so that it is only text, in the order in which it is read."""
    plain = "" if value is None else str(value)
    seen = "".join("\ufffd" if unicodedata.category(c) in _UNSEEN else c for c in plain)
    return html.escape(seen, quote=True)
