from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.addresses import AllowedTargets, is_public, parse_allowed
from penstock.domain.errors import InvalidArgumentError

HOST = "hooks.example"
EVERY_ADDRESS = st.ip_addresses(v=4) | st.ip_addresses(v=6)


def is_carrier(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is judged by the IPv4 address that it carries."""
    return isinstance(address, IPv6Address) and (
        address in IPv6Network("64:ff9b::/96") or address.ipv4_mapped is not None
    )


@given(address=EVERY_ADDRESS)
def test_addresses_that_python_calls_special_are_not_public(
    address: IPv4Address | IPv6Address,
) -> None:
    """Nothing that the standard library knows as private, local, multicast or reserved passes."""
    is_special = (
        not address.is_global
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )

    if not is_carrier(address):
        assert not (is_special and is_public(str(address)))


@given(address=st.ip_addresses(v=4))
def test_addresses_mean_what_they_carry(address: IPv4Address) -> None:
    """IPv6 forms of an IPv4 address are public no more than the address itself."""
    mapped = f"::ffff:{address}"
    translated = str(IPv6Address(int(IPv6Address("64:ff9b::")) + int(address)))

    assert is_public(mapped) == is_public(str(address))
    assert is_public(translated) == is_public(str(address))
    assert not is_public(str(IPv6Address((0x2002 << 112) | (int(address) << 80))))
    assert not is_public(f"::{address}")


@given(address=st.ip_addresses(v=6))
def test_addresses_of_ipv6_outside_of_global_unicast_are_not_public(address: IPv6Address) -> None:
    """Only 2000::/3 is public."""
    if address not in IPv6Network("2000::/3") and not is_carrier(address):
        assert not is_public(str(address))


@pytest.mark.parametrize(
    "network",
    [
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/128", "::1/128", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001::/32"),
        *("2001:db8::/32", "2002::/16", "64:ff9b:1::/48", "100::/64", "3fff::/20"),
    ],
)
def test_addresses_of_special_networks_are_not_public(network: str) -> None:
    """The first and the last address of each special network are refused."""
    first, last = ip_network(network)[0], ip_network(network)[-1]

    assert not is_public(str(first))
    assert not is_public(str(last))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "2a00::1"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """Ordinary addresses pass without any setting."""
    assert is_public(address)
    assert AllowedTargets().allows(HOST, address)


def test_addresses_with_a_zone_are_refused() -> None:
    """A link-local address with its zone is read, and refused."""
    assert not AllowedTargets().allows(HOST, "fe80::1%eth0")


def test_allowed_targets_take_networks_addresses_and_hosts() -> None:
    """Each kind of entry lets through what it names, and nothing else."""
    allowed = parse_allowed(" 10.1.0.0/16, 192.168.3.4 ,fd00::/8, Hooks.Internal. ")

    assert allowed.allows(HOST, "10.1.2.3")
    assert allowed.allows(HOST, "::ffff:10.1.2.3")
    assert allowed.allows(HOST, "192.168.3.4")
    assert allowed.allows(HOST, "fd00::1")
    assert allowed.allows("hooks.internal", "127.0.0.1")
    assert allowed.allows("HOOKS.internal.", "127.0.0.1")
    assert not allowed.allows(HOST, "10.2.0.1")
    assert not allowed.allows(HOST, "192.168.3.5")
    assert not allowed.allows("other.hooks.internal", "127.0.0.1")


def test_allowed_targets_can_be_everything() -> None:
    """A star lets everything through, also beside other entries."""
    allowed = parse_allowed("10.0.0.0/8,*")

    assert allowed.allows(HOST, "127.0.0.1")


@pytest.mark.parametrize("text", ["", " , "])
def test_allowed_targets_are_none_by_default(text: str) -> None:
    """Without entries only public addresses pass."""
    assert parse_allowed(text) == AllowedTargets()
    assert not parse_allowed(text).allows(HOST, "127.0.0.1")


def test_allowed_targets_name_every_faulty_entry() -> None:
    """Entries that look like networks or addresses and are none are refused together."""
    with pytest.raises(InvalidArgumentError) as caught:
        parse_allowed("10.0.0.1/8,300.1.1.1,fe80::/200,fine.example")

    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "'10.0.0.1/8'",
        "'300.1.1.1'",
        "'fe80",
    ]


@given(address=EVERY_ADDRESS)
def test_allowed_network_lets_its_addresses_through(
    address: IPv4Address | IPv6Address,
) -> None:
    """An address that is allowed by itself passes, whatever it is."""
    allowed = parse_allowed(str(address))

    assert allowed.allows(HOST, str(ip_address(str(address))))
