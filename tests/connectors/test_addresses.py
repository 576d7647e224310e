"""Which addresses are public, whatever carries or spells them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.addresses import public, within

PUBLIC = ("93.184.216.34", "1.1.1.1", "::ffff:93.184.216.34", "2606:4700::1111", "2a00:1450:4001:82a::200e")

SPECIAL = {
    "this machine": ("127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "::ffff:0.0.0.0"),
    "private": ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1", "::ffff:10.0.0.1"),
    "link-local": ("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254"),
    "shared by carriers": ("100.64.0.1", "100.127.255.255"),
    "many at once": ("224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1", "255.255.255.255"),
    "reserved": ("240.0.0.1", "192.0.0.9", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1"),
    "the inside of a cloud": ("168.63.129.16", "fd00:ec2::254", "100.100.100.200"),
    "NAT64": ("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1"),
    "6to4": ("2002:7f00:1::", "2002:a00:1::1"),
    "Teredo": ("2001:0:7f00:1::1", "2001::1"),
    "ISATAP": ("2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1"),
    "site-local": ("fec0::1", "feff::1"),
    "compatible and translated": ("::127.0.0.1", "::10.0.0.1", "::ffff:0:127.0.0.1"),
    "for examples": ("2001:db8::1", "3fff::1"),
    "others": ("100::1", "5f00::1", "4000::1", "2001:20::1", "2620:4f:8000::1", "2606:4700::1111%eth0"),
    "no address": ("", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3.4.5", "[::1]"),
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    assert public(address)
    assert not within(address)


@pytest.mark.parametrize(("kind", "address"), [(kind, each) for kind, some in SPECIAL.items() for each in some])
def test_special_addresses_are_not(kind: str, address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        *((each, True) for each in ("10.1.2.3", "172.20.0.1", "192.168.0.1", "127.0.0.1", "::1", "fd00::1")),
        *((each, True) for each in ("100.64.0.1", "::ffff:10.0.0.1")),
        *(
            (each, False)
            for each in ("169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "240.0.0.1")
        ),
        *((each, False) for each in ("64:ff9b::a00:1", "2002:a00:1::1", "fec0::1", "fd00::1%eth0", "")),
    ],
)
def test_a_house_s_network_is_told_from_what_no_name_opens(address: str, inside: bool) -> None:
    assert within(address) is inside


def _spellings(number: int) -> list[str]:
    ip = ipaddress.IPv6Address(number)
    return [str(ip), ip.exploded, ip.exploded.upper()]


@given(st.integers(0, 2**32 - 1))
def test_an_address_is_public_in_no_spelling_or_in_all(number: int) -> None:
    plain = str(ipaddress.IPv4Address(number))
    spelled = [plain, f"::ffff:{plain}", *_spellings(0xFFFF << 32 | number)]
    assert len({public(each) for each in spelled}) == len({within(each) for each in spelled}) == 1
    assert not (public(plain) and within(plain))


@given(
    st.sampled_from(["::", "64:ff9b::", "64:ff9b:1::", "2002::", "2001::", "fec0::", "fe80::", "ff00::", "fc00::"]),
    st.data(),
)
def test_nothing_below_a_special_prefix_is_public(prefix: str, data: st.DataObject) -> None:
    bits = {"::": 80, "64:ff9b::": 32, "64:ff9b:1::": 80, "2002::": 112, "2001::": 105, "ff00::": 120, "fc00::": 121}
    below = data.draw(st.integers(0, 2 ** bits.get(prefix, 118) - 1))
    number = int(ipaddress.IPv6Address(prefix)) + below
    mapped = ipaddress.IPv6Address(number).ipv4_mapped is not None
    assert mapped or not any(public(each) for each in _spellings(number))


@given(st.integers(0, 2**128 - 1))
def test_what_the_standard_library_calls_special_is_never_public(number: int) -> None:
    ip = ipaddress.IPv6Address((number & (2**125 - 1)) | (1 << 125))
    special = (
        ip.is_private or ip.is_reserved or ip.is_multicast or ip.is_link_local or ip.is_loopback or not ip.is_global
    )
    assert not (special and public(str(ip)))
