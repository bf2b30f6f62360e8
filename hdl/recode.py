"""Integers of one domain, times a factor, in the code of another: ``code = gain * source_code + offset``."""

from icepop.compiler.types import Domain


def gain(source: Domain, factor: int, result: Domain) -> int:
    """How often a code of ``source`` counts in that of the product; exact where the result holds every product."""
    return factor * source.step // result.step if source.size > 1 else 0


def offset(sources: list[Domain], factors: list[int], result: Domain) -> int:
    """What the sum of all sources' codes, times their gains, lacks to the code of the sum of the products."""
    bases = [factor * origin(source) for source, factor in zip(sources, factors, strict=True)]
    return (sum(bases) - (result.lo if result.step > 1 else 0)) // result.step


def origin(domain: Domain) -> int:
    """Value of code 0, or of the only code."""
    return domain.lo if domain.step > 1 or domain.size == 1 else 0
