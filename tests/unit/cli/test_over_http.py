"""What commands show a deployment: a key, and who you are where you say so."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli.over_http import call, command


class Shown(BaseHTTPRequestHandler):
    """Answers with the headers that it was shown."""

    def do_GET(self) -> None:
        """Answer."""
        said = json.dumps({name.lower(): text for name, text in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A deployment that repeats what it is shown."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shown)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def shown(url: str, *words: str) -> dict[str, str]:
    """Run a command and return the headers it sent."""
    heard: list[dict[str, str]] = []
    parser = argparse.ArgumentParser()
    command(
        parser.add_subparsers(),
        "look",
        "",
        lambda given: heard.append(call(given, "GET", "/x")),
    )
    arguments = parser.parse_args(["look", "--url", url, "--key", "k", *words])
    assert 0 == arguments.run(arguments)
    [headers] = heard
    return headers


def test_a_token_goes_beside_the_key(url: str, tmp_path: Path):
    """Where the deployment asks for roles, the key alone opens nothing."""
    token = tmp_path / "token"
    token.write_text("a.b.c\n")
    headers = shown(url, "--token-file", str(token))
    assert ("k", "Bearer a.b.c") == (headers["x-functions-key"], headers["authorization"])


def test_without_a_token_none_is_sent(url: str):
    """An empty one would be refused where the key is enough."""
    assert "authorization" not in shown(url)


@pytest.mark.parametrize("text", ["", "two words", "tökén"])
def test_what_is_no_token_is_not_sent(
    url: str, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
):
    """A file with more in it than a token would end up in somebody's log."""
    token = tmp_path / "token"
    token.write_text(text)
    parser = argparse.ArgumentParser()
    command(parser.add_subparsers(), "look", "", lambda given: call(given, "GET", "/x"))
    arguments = parser.parse_args(
        ["look", "--url", url, "--key", "k", "--token-file", str(token)]
    )
    assert 1 == arguments.run(arguments)
    assert "the token is empty, or more than a token" in capsys.readouterr().err
