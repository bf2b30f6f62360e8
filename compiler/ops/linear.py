"""The ops that multiply by weights: those whose accumulators and inputs are tapped."""

from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense

LINEAR = (Dense, Conv)
