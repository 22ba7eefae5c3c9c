"""Which network addresses callbacks may go to: public ones, and those that an operator allows."""

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from penstock.domain.errors import InvalidArgumentError

EVERYTHING = "*"

_NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        # IANA's special-purpose registry, also where versions of Python disagree.
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Of IPv6 only 2000::/3 is global unicast; these parts of it are not.
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64: the last four bytes are an IPv4 address


@dataclass(frozen=True, slots=True)
class AllowedTargets:
    """What an operator allows beyond public addresses.

    Attributes:
        networks: Networks whose addresses are allowed.
        hosts: Host names, in lower case, that may resolve to any address.
        is_everything: Whether nothing is refused.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    is_everything: bool = False

    def allows(self, host: str, address: str) -> bool:
        """Whether a host may be called at one of the addresses that it resolves to.

        Args:
            host: Its name, or an address, as the URL has it.
            address: An IPv4 or IPv6 address; an IPv6 address may have a zone.
        """
        if self.is_everything or host.lower().rstrip(".") in self.hosts:
            return True
        given = ip_address(address)
        forms = (given, _unmapped(given))
        return is_public(address) or any(
            form in network for form in forms for network in self.networks
        )


def parse_allowed(text: str) -> AllowedTargets:
    """Read what an operator allows: networks, addresses and host names, separated by commas.

    Args:
        text: Such as `10.0.0.0/8, hooks.internal`; `*` allows everything.

    Raises:
        InvalidArgumentError: An entry is neither; names all of them.
    """
    networks: list[IPv4Network | IPv6Network] = []
    hosts: set[str] = set()
    faults = []
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        try:
            networks.append(ip_network(word))
        except ValueError as error:
            if "/" in word or ":" in word or word.replace(".", "").isdigit():
                faults.append(f"{word!r}: {error}")
            elif word != EVERYTHING:
                hosts.add(word.lower().rstrip("."))
    if faults:
        raise InvalidArgumentError(*faults)
    return AllowedTargets(tuple(networks), frozenset(hosts), EVERYTHING in words)


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet, by itself and by what it stands for.

    Private, loopback, link-local, shared (CGNAT), multicast, reserved, documentation and
    unspecified addresses are not, nor are IPv6 forms that carry such an IPv4 address. Tunnels
    that carry IPv4 (6to4, Teredo) are refused altogether.
    """
    given = _unmapped(ip_address(address))
    if isinstance(given, IPv6Address) and given in _TRANSLATED:
        given = IPv4Address(int(given) & 0xFFFFFFFF)
    if any(given in network for network in _NOT_PUBLIC if network.version == given.version):
        return False
    if isinstance(given, IPv6Address):
        return given in _GLOBAL_UNICAST and given.is_global
    return given.is_global and not given.is_multicast


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address of the form `::ffff:a.b.c.d` stands for."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
