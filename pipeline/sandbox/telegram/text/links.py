"""Links as Telegram checks them, in texts and in buttons: https://core.telegram.org/bots/api#inlinekeyboardbutton."""

import re
from urllib.parse import SplitResult, urlsplit

_TG = re.compile(r"(?P<scheme>tg|ton|tonsite):(?://)?(?P<rest>[A-Za-z0-9_.-]+.*)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"[0-9A-Za-z.\-_!$,~*'();&+=%\u0080-\U0010ffff]+")


class LinkError(ValueError):
    """What the server says is wrong with a link."""


def checked_link(link: str, *, https_only: bool = False) -> str:
    """The link as Telegram writes it. LinkError for one that Telegram refuses.

    A host needs a dot: nothing can link to http://localhost.
    """
    try:
        return _checked(link, https_only)
    except LinkError as error:
        reason = str(error)
    except ValueError:
        # Python's own words for a port or an IPv6 address that is none.
        reason = "Wrong HTTP URL"
    raise LinkError(f"URL '{link}' is invalid: {reason}")


def _checked(link: str, https_only: bool) -> str:
    tg = _TG.fullmatch(link)
    if tg is not None:
        if https_only:
            raise LinkError("Only HTTPS links are allowed")
        return f"{tg['scheme'].lower()}://{tg['rest']}"
    scheme, separator, _ = link.partition("://")
    if separator and scheme.lower() not in ("http", "https"):
        raise LinkError("Unsupported URL protocol")
    parts = urlsplit(link if separator else f"http://{link}")
    if https_only and parts.scheme != "https":
        raise LinkError("Only HTTPS links are allowed")
    return _written(parts)


def _written(parts: SplitResult) -> str:
    host = parts.hostname
    if not host:
        raise LinkError("URL host is empty")
    is_ipv6 = ":" in host
    if not is_ipv6 and _HOST.fullmatch(host) is None:
        raise LinkError("Disallowed character in URL host")
    if not is_ipv6 and "." not in host:
        raise LinkError("Wrong HTTP URL")
    user, at, _ = parts.netloc.rpartition("@")
    address = f"[{host}]" if is_ipv6 else host
    if parts.port is not None:
        address += f":{parts.port}"
    return parts._replace(netloc=f"{user}{at}{address}", path=parts.path or "/").geturl()
