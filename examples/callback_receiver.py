"""Receives callbacks: checks the signature, drops repeats, prints one line for each event.

Run it with

    PENSTOCK_CALLBACK_SECRET=change-this python examples/callback_receiver.py --port 9000
"""

import argparse
import hmac
import json
import os
import sys
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = os.environ.get("PENSTOCK_CALLBACK_SECRET", "")
OLDEST_SECONDS = 300
MOST_BYTES = 8 << 20


def is_genuine(header: str, body: bytes) -> bool:
    """Whether a body was signed with the secret, not long ago."""
    fields = dict(field.partition("=")[::2] for field in header.split(","))
    seconds, digest = fields.get("t", ""), fields.get("v1", "")
    if not seconds.isdecimal() or abs(time.time() - int(seconds)) > OLDEST_SECONDS:  # noqa: TID251  # a program of its own
        return False
    expected = hmac.new(SECRET.encode(), seconds.encode() + b"." + body, sha256).hexdigest()
    return hmac.compare_digest(digest, expected)


class Receiver(BaseHTTPRequestHandler):
    """Answers callbacks."""

    seen: set[str] = set()  # noqa: RUF012  # shared by all requests; a real receiver keeps it in its database

    def do_POST(self) -> None:
        """Take one callback: 200 when it is done with, 401 when it is not genuine."""
        size = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(min(size, MOST_BYTES))
        if SECRET and not is_genuine(self.headers.get("x-penstock-signature", ""), body):
            self.answer(401)
            return
        event_id = self.headers.get("x-penstock-event-id", "")
        if event_id not in self.seen:  # it may come twice: act once
            self.show(event_id, body)
            self.seen.add(event_id)
        self.answer(200)

    def show(self, event_id: str, body: bytes) -> None:
        """Print what has happened."""
        if self.headers.get("Content-Type") == "application/json":
            event: dict[str, Any] = json.loads(body)
            sys.stdout.write(f"{event_id} {event['EventName']}\n")
        else:
            sys.stdout.write(f"{event_id} {body.decode()}\n")
        sys.stdout.flush()

    def answer(self, status: int) -> None:
        """Answer without a body."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""


def main() -> None:
    """Receive until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9000)
    port = parser.parse_args().port
    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    sys.stderr.write(f"receiving on http://127.0.0.1:{server.server_address[1]}\n")
    sys.stderr.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
