"""Where a console is, and under which names it may be asked.

A page from elsewhere could give its own name the address of the loopback (DNS rebinding) and read from a browser what a
console tells there. Its requests carry that name, so a console on the loopback answers to names of the loopback only.
"""

import socket
from collections.abc import Callable
from ipaddress import ip_address

Allows = Callable[[str], bool]
"""Whether a request may be answered, by its header Host."""


def names_allowed(listens_on: str, more: str) -> Allows:
    """Return who is answered where a console listens on a host; `more`: names that a proxy may pass, with commas.

    A console that listens elsewhere has a proxy in front, which decides; it answers to any name unless `more` has some.
    """
    named = {_without_port(name.strip()).lower() for name in more.split(",") if name.strip()}
    anybody = not named and not _listens_on_loopback(listens_on)

    def allows(header: str) -> bool:
        name = _without_port(header).lower()
        return anybody or name in named or _is_loopback(name)

    return allows


def url_of(host: str, port: int) -> str:
    """Return where a console is to be found that listens there."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _without_port(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    if header.count(":") > 1:  # an address of IPv6, as people set it
        return header
    return header.partition(":")[0]


def _listens_on_loopback(host: str) -> bool:
    """Whether a host is the loopback and nothing else, however it is written: as 127.1, or as /etc/hosts names it."""
    try:
        found = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return True  # nobody can listen there
    return all(_is_loopback(str(address[0])) for *_, address in found)


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
