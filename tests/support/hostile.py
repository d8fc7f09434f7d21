"""Responses of servers that never come to an end: a byte now and then, or as many as the client reads."""

from __future__ import annotations

from tests.support.wire import dripping, endless

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

DRIPS = {
    "status line": dripping(b"H", first=b""),
    "header": dripping(b"x", first=HEAD + b"X-Slow: "),
    "headers": dripping(b"X-Slow: 1\r\n", first=HEAD),
    "interim responses": dripping(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": dripping(b" ", first=HEAD + b"Content-Length: 100000\r\n\r\n"),
    "body without a length": dripping(b" ", first=HEAD + b"\r\n"),
    "chunks": dripping(b"1\r\n \r\n", first=CHUNKED),
    "size of a chunk": dripping(b"0", first=CHUNKED),
    "trailers": dripping(b"X-Slow: 1\r\n", first=CHUNKED + b"0\r\n"),
}

FLOODS = {
    "body": endless(HEAD + b"Content-Length: 3221225472\r\n\r\n", b" " * 65536),
    "body without a length": endless(HEAD + b"\r\n", b" " * 65536),
    "chunks": endless(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "small chunks": endless(CHUNKED, b"1;" + b"x" * 1000 + b"\r\n \r\n"),
    "headers": endless(HEAD, b"X-Much: " + b"x" * 60000 + b"\r\n"),
    "interim responses": endless(b"", b"HTTP/1.1 100 Continue\r\nX-Much: " + b"x" * 60000 + b"\r\n\r\n"),
    "an error's body": endless(b"HTTP/1.1 400 Bad Request\r\n\r\n", b" " * 65536),
}
