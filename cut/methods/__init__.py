"""The methods: what one training step computes, by the name that settings carry."""

from cut.methods.cut import Cut

METHODS = {"cut": Cut, "fastcut": Cut}
