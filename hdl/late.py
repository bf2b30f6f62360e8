"""`LateComponent`: a component that is described long before it is built, and mostly never built."""

from collections.abc import Callable, Mapping
from typing import Any

from amaranth.lib import wiring
from amaranth.lib.wiring import Member


class LateComponent(wiring.Component):
    """A component whose ports are made when one of them is first looked at.

    The search for a plan asks thousands of units for their timing and cost, and builds a few: ports made at once took
    most of its time.

    Parameters
    ----------
    members : callable () -> mapping of str to Member
        The signature's members.
    """

    def __init__(self, members: Callable[[], Mapping[str, Member]]):
        self._members: Callable[[], Mapping[str, Member]] | None = members

    def __getattr__(self, name: str) -> Any:
        members = self.__dict__.get("_members")
        if members is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        self._members = None
        super().__init__(dict(members()))
        return getattr(self, name)
