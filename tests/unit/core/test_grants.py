"""Whether a grant covers an operation: wildcards, exclusions, several roles at once."""

from __future__ import annotations

import pytest

from shared.core.grants import Grant, Standing, covers, judge

VM = "Microsoft.Compute/virtualMachines"


@pytest.mark.parametrize(
    ("pattern", "operation", "expected"),
    [
        ("*", f"{VM}/read", True),
        ("*/read", f"{VM}/read", True),
        ("*/read", f"{VM}/deallocate/action", False),
        ("Microsoft.Compute/*", f"{VM}/deallocate/action", True),
        ("microsoft.compute/VIRTUALMACHINES/read", f"{VM}/read", True),
        (f"{VM}/*/action", f"{VM}/deallocate/action", True),
        (f"{VM}/*/action", f"{VM}/read", False),
        (f"{VM}/read", f"{VM}/instanceView/read", False),
        ("Microsoft.Compute.*/read", "Microsoft.ComputeX/read", False),
        ("", f"{VM}/read", False),
    ],
)
def test_a_pattern_names_what_azure_says(pattern: str, operation: str, expected: bool):
    """A star is anything, everything else is itself, and case means nothing."""
    assert expected is covers(pattern, operation)


@pytest.mark.parametrize(
    ("grants", "standing", "by"),
    [
        ((), Standing.MISSING, ""),
        ((Grant(("*/read",)),), Standing.MISSING, ""),
        ((Grant(("*",)),), Standing.GRANTED, ""),
        ((Grant(("*",), (f"{VM}/*/action",)),), Standing.EXCLUDED, f"{VM}/*/action"),
        (
            (Grant(("*",), (f"{VM}/*/action",)), Grant((f"{VM}/deallocate/action",))),
            Standing.GRANTED,
            "",
        ),
        ((Grant(data_actions=("*",)),), Standing.MISSING, ""),
    ],
)
def test_an_exclusion_counts_within_its_own_role_alone(
    grants: tuple[Grant, ...], standing: Standing, by: str
):
    """Grants add up: what one role leaves out another may give."""
    judged = judge(f"{VM}/deallocate/action", grants, is_data=False)
    assert (standing, by) == (judged.standing, judged.by)


def test_data_and_control_plane_are_two_things():
    """``*`` among the actions opens no pod."""
    pods = "Microsoft.ContainerService/managedClusters/pods/read"
    owner = (Grant(actions=("*",)),)
    assert Standing.MISSING is judge(pods, owner, is_data=True).standing
    reader = (Grant(data_actions=("*/read",), not_data_actions=("*/pods/*",)),)
    assert Standing.EXCLUDED is judge(pods, reader, is_data=True).standing
