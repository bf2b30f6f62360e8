"""What a source provides: the beats that a unit's core computes on, in the order in which it wants them."""

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

from amaranth.lib import stream
from amaranth.lib.wiring import In, Member, Out

from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.timing import Inlet
from icepop.compiler.types import Beats
from icepop.hdl.late import LateComponent


class Source(LateComponent):
    """Takes a stream and hands its beats to a unit's core, each as often and in the order that a program says.

    Parameters
    ----------
    beats : Beats
        Layout of the stream.
    members : mapping of str to Member
        Further ports.
    abreast : int
        Beats that are handed out at once.

    Members
    -------
    i : In(stream.Signature(beats.width))
        The stream.
    valid : Out(1)
        The program's next beat can be taken.
    take : In(1)
        Take it; only while ``valid``.
    data : Out(abreast * beats.width)
        The beat taken last, from the cycle after; of several the first one's is least significant.
    inside : Out(abreast)
        Whether each lies on the map; where not, it is padding and its ``data`` may be anything.
    """

    def __init__(self, beats: Beats, members: Mapping[str, Member] = MappingProxyType({}), abreast: int = 1):
        self.beats = beats
        super().__init__(
            lambda: {
                "i": In(stream.Signature(beats.width)),
                "valid": Out(1),
                "take": In(1),
                "data": Out(abreast * beats.width),
                "inside": Out(abreast, init=(1 << abreast) - 1),
                **members,
            }
        )

    @property
    @abstractmethod
    def inlet(self) -> Inlet:
        """How the stream is taken, for the unit's steps."""

    @property
    @abstractmethod
    def cost(self) -> Resources:
        """Estimated resources; EBR exactly."""
