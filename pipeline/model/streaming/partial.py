"""The answer in a completion's content while that is still coming, in each form that is read at the end.

Only for what is shown meanwhile, and for an answer that is stopped: a whole content is read by `outcome.read_answer`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from string import ascii_letters

from pipeline.messages.text import storable

_FENCE = "```"
_KEY = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:', re.DOTALL)
_LONGEST_KEY = 200
"""Characters, with the blanks after it."""
_PLAIN = re.compile(r'[^"\\]+')
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_BEGUN_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def paired(text: str) -> str:
    """The text with each pair of surrogates as the character that it is: a server may cut between them."""
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


class PartialAnswer:
    """Reads `{"answer": "…"}` as it comes, alone or in a code fence, or a plain text.

    For one thread; `text` is for any thread. What can't be an answer shows nothing, and never raises. Each character is
    looked at once, however small the pieces are.
    """

    def __init__(self) -> None:
        self.begun = False
        """Whether a word of the answer has come."""
        self._words: list[str] = []
        self._rest = ""
        """What has come and can't be read yet: it is short."""
        self._read: Callable[[], bool] = self._read_beginning
        """Reads on in `_rest`; false where more must come first."""
        self._fenced = False
        self._key = ""
        self._depth = 0
        self._in_string = self._escaped = False
        """Where a value that is passed over stands."""

    def add(self, piece: str) -> None:
        """The next piece of the content has come."""
        self._rest += piece
        while self._rest and self._read():
            pass

    @property
    def text(self) -> str:
        """What has come of the answer, as it can be stored."""
        text = storable(paired("".join(self._words))).strip()
        # The end of a fence may be among it.
        return text.rstrip("`").rstrip() if self._fenced else text

    def _say(self, words: str) -> None:
        self._words.append(words)
        self.begun = self.begun or not words.isspace()

    def _read_beginning(self) -> bool:
        self._rest = self._rest.lstrip()
        if not self._rest:
            return False
        if not self._fenced and _FENCE.startswith(self._rest):
            # A fence, or the beginning of one.
            if self._rest == _FENCE:
                self._rest, self._read = "", self._read_fence
            return False
        if not self._fenced and self._rest.startswith(_FENCE):
            self._rest, self._read = self._rest[len(_FENCE) :], self._read_fence
        elif self._rest[0] == "{":
            self._rest, self._read = self._rest[1:], self._read_object
        elif self._rest[0] == "[":
            # It may be JSON, and then it is no answer: that is known at the end only.
            self._read = self._ignore
        else:
            self._read = self._read_plain
        return True

    def _read_fence(self) -> bool:
        self._fenced = True
        self._rest = self._rest.lstrip(ascii_letters)
        if self._rest:
            self._read = self._read_beginning
        return bool(self._rest)

    def _read_plain(self) -> bool:
        self._say(self._rest)
        self._rest = ""
        return False

    def _ignore(self) -> bool:
        self._rest = ""
        return False

    def _read_object(self) -> bool:
        """Between two members of the object."""
        self._rest = self._rest.lstrip(" \t\r\n,")
        key = _KEY.match(self._rest)
        if key is not None:
            try:
                self._key = json.loads(f'"{key[1]}"', strict=False)
            except ValueError:
                self._read = self._ignore
            else:
                self._rest, self._read = self._rest[key.end() :], self._read_value
            return True
        if self._rest and (self._rest[0] != '"' or len(self._rest) > _LONGEST_KEY):
            self._read = self._ignore
            return True
        return False

    def _read_value(self) -> bool:
        self._rest = self._rest.lstrip()
        if not self._rest:
            return False
        if self._key == "answer":
            # The last one counts.
            self._words = []
        if self._key == "answer" and self._rest[0] == '"':
            self._rest, self._read = self._rest[1:], self._read_answer
        else:
            self._depth, self._in_string, self._escaped = 0, False, False
            self._read = self._pass_over
        return True

    def _pass_over(self) -> bool:
        """The value of another member."""
        for at, character in enumerate(self._rest):
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif character == "\\":
                    self._escaped = True
                elif character == '"':
                    self._in_string = False
            elif character == '"':
                self._in_string = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]," and (self._depth == 0 or character != ","):
                if self._depth == 0:
                    self._rest, self._read = self._rest[at:], self._read_object
                    return True
                self._depth -= 1
        self._rest = ""
        return False

    def _read_answer(self) -> bool:
        rest, at = self._rest, 0
        while at < len(rest):
            plain = _PLAIN.match(rest, at)
            if plain is not None:
                self._say(plain[0])
                at = plain.end()
            elif rest[at] == '"':
                self._rest, self._read = rest[at + 1 :], self._read_object
                return True
            else:
                escape = _ESCAPE.match(rest, at)
                if escape is None:
                    break
                # A character may have two escapes; `text` makes one of them.
                self._say(chr(int(escape[2], 16)) if escape[2] else _CONTROLS.get(escape[1], escape[1]))
                at = escape.end()
        self._rest = rest[at:]
        if self._rest and _BEGUN_ESCAPE.fullmatch(self._rest) is None:
            self._read = self._ignore
            return True
        return False
