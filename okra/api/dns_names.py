"""One spelling for each name and address in DNS, so that the same is seen to be the same."""

from __future__ import annotations

from ipaddress import ip_address


def dns_name(name: str) -> str:
    """As Okra writes names: DNS knows no case, the last dot says nothing, and Route 53 answers `\\052` for a `*`."""
    return name.lower().replace("\\052", "*").removesuffix(".")


def dns_value(value: str) -> str:
    """What a record of an address or of a name holds: one address has many spellings."""
    try:
        return str(ip_address(value))
    except ValueError:
        return dns_name(value)
