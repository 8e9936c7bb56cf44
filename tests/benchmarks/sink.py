"""The other end of uploads and downloads: blocking sockets, a thread for each connection, plain or TLS."""

from __future__ import annotations

import os
import re
import socket
import ssl
import sys
import threading

from tests.benchmarks.server import first_core

PIECE = 256 * 1024

_ANSWER = b'{"status":1,"resourceUrl":"http://x.test/a.mp4","coverUrl":"http://x.test/a.jpg"}'


def _serve(connection: socket.socket) -> None:
    room = bytearray(PIECE)
    with connection:
        while head := _head(connection):
            text, rest = head
            first = text.split(b"\r\n", 1)[0]
            if first.startswith(b"GET"):
                _give(connection, int(first.split(b" ")[1].rsplit(b"/", 1)[1]))
                continue
            length = re.search(rb"content-length: *(\d+)", text, re.IGNORECASE)
            left = int(length[1] if length else 0) - len(rest)
            while left > 0 and (got := connection.recv_into(room, min(left, PIECE))):
                left -= got
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_ANSWER)
                + _ANSWER
            )


def _head(connection: socket.socket) -> tuple[bytes, bytes] | None:
    read = b""
    while b"\r\n\r\n" not in read:
        more = connection.recv(65536)
        if not more:
            return None
        read += more
    text, _, rest = read.partition(b"\r\n\r\n")
    return text, rest


def _give(connection: socket.socket, size: int) -> None:
    piece = bytes(PIECE)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nETag: "1"\r\nContent-Length: %d\r\n\r\n' % size)
    for start in range(0, size, PIECE):
        connection.sendall(piece[: size - start])


def _accept(listening: socket.socket, context: ssl.SSLContext | None) -> None:
    while True:
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def run(connection: socket.socket = connection) -> None:
            try:
                _serve(connection if context is None else context.wrap_socket(connection, server_side=True))
            except OSError:  # the client has gone
                connection.close()

        threading.Thread(target=run, daemon=True).start()


def main() -> None:
    """Serve until stdin ends; a path on the command line is that of a certificate with its key."""
    os.sched_setaffinity(0, first_core())
    context = None
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1])
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=_accept, args=(listening, context), daemon=True).start()
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
