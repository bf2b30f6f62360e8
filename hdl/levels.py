"""From the number of a level to the code of its value."""

from amaranth import Cat, Value

from icepop.compiler.plan import Resources
from icepop.compiler.types import Domain
from icepop.hdl.units.base import adder_cells


def level_bits(domain: Domain) -> int:
    """Bits of a level's number."""
    return max(1, (domain.size - 1).bit_length())


def needs_sum(domain: Domain) -> bool:
    """Whether the code is a sum; else it is the number, perhaps with its highest bit turned."""
    return domain.step == 1 and domain.lo not in (0, -(1 << (level_bits(domain) - 1)))


def code_of(level: Value, domain: Domain) -> Value:
    """Code of the value ``lo + step * level``; level has `level_bits` bits."""
    if needs_sum(domain):
        return (level + domain.lo)[: domain.bits]
    return Cat(level[:-1], ~level[-1]) if domain.signed else level


def code_cost(domain: Domain) -> Resources:
    """Cells of `code_of`."""
    return adder_cells(domain.bits) if needs_sum(domain) else Resources()
