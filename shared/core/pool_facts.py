"""Instances of scale sets and spot machines, as they were observed at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.resources import Resource


@dataclass(frozen=True, slots=True)
class PoolInstanceFacts:
    """An instance of a scale set, and whether it is in rotation.

    Attributes:
        resource: With the scale set's tags under its own.
        taken_out_by: Plan that took it out of rotation, from its tag; empty if none did.
        is_protected: Whether scaling in leaves it alone.
    """

    resource: Resource
    power: str | None
    taken_out_by: str = ""
    is_protected: bool = False


@dataclass(frozen=True, slots=True)
class SpotFacts:
    """A machine that may have been evicted.

    Attributes:
        power: ``running``, ``deallocated``, ``deallocating``, ... or None if unknown.
        priority: ``spot``, ``low`` or ``regular``, as the machine or its scale set says.
    """

    resource: Resource
    power: str | None
    priority: str


@dataclass(frozen=True, slots=True)
class SpotPoolFacts:
    """The scale set that a machine was lost from.

    Attributes:
        resource: The machine that was lost, with the scale set's tags and size.
        capacity: How many machines the scale set is set to have.
        is_instance_there: Whether the machine is still one of them, if only deallocated.
        managed_by: Who else sets its size (``aks``, ``batch``), or empty.
    """

    resource: Resource
    capacity: int
    priority: str
    is_instance_there: bool
    managed_by: str = ""
