"""Reed-Solomon codes over bytes: half as many bytes again, of which half may be wrong.

Data is dealt out to as many codewords as are needed for each to fit into 255 bytes. A codeword
of `2 t` parity bytes repairs `t` bytes wherever they are.
"""

from collections.abc import Sequence

_POLYNOMIAL = 0x11D
_ORDER = 255
_MOST_DATA = 170  # with half as many parity bytes a codeword is full
_LEAST_PARITY = 8


def _tables() -> tuple[list[int], list[int]]:
    powers, logs, value = [0] * (2 * _ORDER), [0] * (_ORDER + 1), 1
    for exponent in range(_ORDER):
        powers[exponent] = powers[exponent + _ORDER] = value
        logs[value] = exponent
        value = value << 1 ^ (_POLYNOMIAL if value & 0x80 else 0)
    return powers, logs


_POWERS, _LOGS = _tables()


def protected_length(length: int) -> int:
    """How many bytes `protect` makes of so many."""
    count, parity = _shape(length)
    return length + count * parity


def protect(data: bytes) -> bytes:
    """The data with parity bytes, codeword behind codeword."""
    count, parity = _shape(len(data))
    generator = [1]
    for exponent in range(parity):
        generator = _product(generator, [1, _POWERS[exponent]])
    parts = [data[start::count] for start in range(count)]
    return b"".join(part + _remainder(part, generator) for part in parts)


def repair(coded: bytes, length: int) -> bytes | None:
    """The data, of so many bytes, out of what `protect` made; None where too much is wrong."""
    count, parity = _shape(length)
    data = bytearray(length)
    at = 0
    for start in range(count):
        size = len(range(start, length, count))
        found = _repaired(list(coded[at : at + size + parity]), parity)
        if found is None:
            return None
        data[start::count] = bytes(found[:size])
        at += size + parity
    return bytes(data)


def _shape(length: int) -> tuple[int, int]:
    """How many codewords, and how many parity bytes each."""
    count = -(-length // _MOST_DATA)
    most = -(-length // count)
    return count, max(_LEAST_PARITY, -(-most // 2))


def _times(one: int, other: int) -> int:
    return _POWERS[_LOGS[one] + _LOGS[other]] if one and other else 0


def _over(one: int, other: int) -> int:
    return _POWERS[_LOGS[one] - _LOGS[other] + _ORDER] if one else 0


def _product(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Of two polynomials, highest power first."""
    made = [0] * (len(one) + len(other) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            made[i + j] ^= _times(a, b)
    return made


def _remainder(data: bytes, generator: Sequence[int]) -> bytes:
    rest = list(data) + [0] * (len(generator) - 1)
    for i in range(len(data)):
        if factor := rest[i]:
            for j, coefficient in enumerate(generator):
                rest[i + j] ^= _times(coefficient, factor)
    return bytes(rest[len(data) :])


def _value(polynomial: Sequence[int], x: int) -> int:
    found = 0
    for coefficient in polynomial:
        found = _times(found, x) ^ coefficient
    return found


def _syndromes(word: Sequence[int], parity: int) -> list[int]:
    return [_value(word, _POWERS[exponent]) for exponent in range(parity)]


def _repaired(word: list[int], parity: int) -> list[int] | None:
    syndromes = _syndromes(word, parity)
    if not any(syndromes):
        return word
    locator = _locator(syndromes)
    wrong = len(locator) - 1
    places = [
        place for place in range(len(word)) if not _value(locator, _POWERS[_ORDER - place])
    ]  # counted from the last byte
    if 2 * wrong > parity or len(places) != wrong:
        return None
    evaluator = _product(syndromes[::-1], locator)[-parity:]
    # Every other power of the locator is its derivative, in a field of characteristic two.
    slope = [c if (wrong - i) % 2 else 0 for i, c in enumerate(locator)][:-1]
    for place in places:
        x = _POWERS[_ORDER - place]
        size = _over(_value(evaluator, x), _value(slope, x))
        word[len(word) - 1 - place] ^= _times(_POWERS[place], size)
    return None if any(_syndromes(word, parity)) else word


def _locator(syndromes: Sequence[int]) -> list[int]:
    """The shortest polynomial that explains the syndromes, by Berlekamp and Massey."""
    locator, before = [1], [1]
    for i, syndrome in enumerate(syndromes):
        before.append(0)
        delta = syndrome
        for j in range(1, min(len(locator), i + 1)):
            delta ^= _times(locator[-1 - j], syndromes[i - j])
        if not delta:
            continue
        if len(before) > len(locator):
            locator, before = (
                [_times(c, delta) for c in before],
                [_over(c, delta) for c in locator],
            )
        scaled = [_times(c, delta) for c in before]
        padded = [0] * (len(locator) - len(scaled)) + scaled
        locator = [a ^ b for a, b in zip(locator, padded, strict=True)]
    while len(locator) > 1 and not locator[0]:
        locator.pop(0)
    return locator
