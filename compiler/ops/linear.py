"""The ops that multiply by weights, and those whose sums and inputs are tapped."""

from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.lut_vote import LutVote

LINEAR = (Dense, Conv)
SUMMING = (*LINEAR, LutVote)
"""Layers: what they sum are accumulators of products, or votes."""
