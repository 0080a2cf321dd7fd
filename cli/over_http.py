"""Commands that speak to a deployment over HTTP: their options, the call, its answer."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]
TIMEOUT_S = 30
TOKEN_LIMIT_S = 60
LOCAL = ("127.0.0.1", "localhost")


class Refused(Exception):
    """The app, or the way to it, said no."""


def command(subparsers: Any, name: str, purpose: str, run: Any) -> Any:
    """Add a command with the options that say which app, and with which key."""
    parser = keyless(subparsers, name, purpose, run)
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", help="a function key")
    key.add_argument(
        "--key-file", type=Path, help="file that holds one; other users see --key"
    )
    token_options(parser, required=False)
    return parser


def keyless(subparsers: Any, name: str, purpose: str, run: Any) -> Any:
    """Add a command that says which app, and proves in another way who asks."""
    parser = subparsers.add_parser(name, help=purpose)
    parser.add_argument(
        "--url", required=True, help="the app, as in https://NAME.azurewebsites.net"
    )
    parser.set_defaults(run=lambda arguments: _reported(name, run, arguments))
    return parser


def _reported(name: str, run: Any, arguments: argparse.Namespace) -> int:
    try:
        run(arguments)
    except (Refused, OSError) as error:
        print(f"nightshift {name}: {error}", file=sys.stderr)
        return 1
    return 0


def token_options(parser: Any, *, required: bool) -> None:
    """Add the options that prove who you are, beside or instead of a key."""
    token = parser.add_mutually_exclusive_group(required=required)
    token.add_argument("--token-file", type=Path, help="file that holds an access token")
    token.add_argument(
        "--resource",
        metavar="api://CLIENT-ID",
        help="the app's own address in Entra: `az` then gets the token",
    )


def token_header(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the header that says who you are; none where no token was given.

    Raises:
        Refused: There is no token, or what is there is none.
    """
    if not (arguments.token_file or arguments.resource):
        return {}
    token = _token(arguments)
    if not token or not token.isascii() or any(letter.isspace() for letter in token):
        raise Refused("the token is empty, or more than a token: see --token-file")
    return {"authorization": f"Bearer {token}"}


def _token(arguments: argparse.Namespace) -> str:
    """Read an access token, or have ``az`` get one for whoever is signed in there.

    Raises:
        Refused: There is none.

    Source: https://learn.microsoft.com/cli/azure/account#az-account-get-access-token
    """
    if arguments.token_file:
        return str(arguments.token_file.read_text("utf-8").strip())
    asked = ["az", "account", "get-access-token", "--resource", arguments.resource]
    asked += ["--query", "accessToken", "--output", "tsv"]
    try:
        ran = subprocess.run(
            asked, capture_output=True, text=True, check=False, timeout=TOKEN_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"asking az for a token: {error}") from error
    if ran.returncode or not ran.stdout.strip():
        last = (ran.stderr.strip().splitlines() or ["it gave none"])[-1]
        raise Refused(f"asking az for a token: {last}")
    return ran.stdout.strip()


def call(
    arguments: argparse.Namespace, method: str, path: str, body: Json | None = None
) -> Json:
    """Send one request and return its JSON answer.

    Raises:
        Refused: The app answered with a problem, or could not be reached.
    """
    key = arguments.key or arguments.key_file.read_text("utf-8").strip()
    headers = {"x-functions-key": key, **token_header(arguments)}
    if method == "POST":
        headers["Idempotency-Key"] = str(uuid.uuid4())
    return send(arguments.url, method, path, headers, body)


def send(
    url: str, method: str, path: str, headers: Mapping[str, str], body: Json | None = None
) -> Json:
    """Send one request with what proves who asks, and return its JSON answer.

    Raises:
        Refused: The app answered with a problem, or could not be reached.
    """
    url = url.rstrip("/")
    parts = urlsplit(url)
    is_local = parts.scheme == "http" and parts.hostname in LOCAL
    if parts.scheme != "https" and not is_local:
        raise Refused(f"--url {url!r} is not https: the key would be readable on the way")
    headers = {**headers, "content-type": "application/json", "accept": "application/json"}
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", sent, headers, method=method)  # noqa: S310 - the scheme is checked above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            said: Json = json.loads(answer.read())
            return said
    except urllib.error.HTTPError as error:
        raise Refused(_why(error)) from error
    except (urllib.error.URLError, ValueError) as error:
        raise Refused(f"asking {url}: {error}") from error


def _why(error: urllib.error.HTTPError) -> str:
    try:
        return f"{error.code}: {json.loads(error.read())['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
