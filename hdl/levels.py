"""From the number of a level to the code of its value."""

from amaranth import Cat, Value

from icepop.compiler.errors import PlanError
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.types import Domain
from icepop.hdl.units.base import adder_cells, parallelisms


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


def has_zero(domain: Domain) -> bool:
    """Whether some level has the code 0, with which lanes that hold no channel pad a beat."""
    return domain.step > 1 or domain.lo <= 0 <= domain.hi


def lane_counts(span: Span) -> list[int]:
    """Numbers of lanes worth considering; only those that divide the channels where no level can pad a beat."""
    channels = span.input.shape[0]
    return [pe for pe in parallelisms(channels) if channels % pe == 0 or has_zero(span.result.integers)]


def check_padding(span: Span, folding: Folding) -> None:
    """Refuse lanes that hold no channel where no level can pad a beat; raises `PlanError`."""
    channels = span.input.shape[0]
    if channels % folding.pe and not has_zero(span.result.integers):
        raise PlanError(
            f"layer '{span.name}' cannot be folded {folding}: its results are never 0, which is what pads a beat; "
            f"use a pe that divides {channels}"
        )
