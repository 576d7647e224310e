"""Which network addresses anybody may be sent to: public ones, by whatever spelling they come."""

import ipaddress

_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # public by its number, and the inside of a cloud
    )
)
_V6_PUBLIC = ipaddress.IPv6Network("2000::/3")
_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),  # Teredo among the first; then examples, 6to4
        *("2620:4f:8000::/48", "2001:500:30::/48"),
    )
)
_WITHIN = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "fc00::/7"),
    )
)
_TUNNEL = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
"""How the second half of an ISATAP address begins, which carries another address inside."""


def public(address: str) -> bool:
    """Whether a numeric address is a public one: not private, local, special, nor one that carries another inside."""
    ip = _read(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not any(ip in network for network in _V4)
    if ip is None or ip not in _V6_PUBLIC or ip.packed[8:12] in _TUNNEL:
        return False
    return ip.is_global and not any(ip in network for network in _V6)


def within(address: str) -> bool:
    """Whether a numeric address is one of a house's own network, or of this machine."""
    ip = _read(address)
    return ip is not None and any(ip in network for network in _WITHIN)


def _read(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, an IPv4 one that is written as IPv6 as what it is; `None` if it is none, or names a zone."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        return None if ip.scope_id else ip.ipv4_mapped or ip
    return ip
