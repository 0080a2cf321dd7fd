"""Azure ML compute instances: their power, and which cloud a client is for."""

from __future__ import annotations

import pytest

from shared.adapters.ml_clients import cloud_of
from shared.adapters.ml_instances import power_of


@pytest.mark.parametrize(
    ("state", "power"),
    [
        ("Running", "running"),
        ("Stopped", "deallocated"),
        ("Stopping", "deallocating"),
        ("JobRunning", "jobrunning"),
        ("Creating", "creating"),
        ("", None),
        (None, None),
    ],
)
def test_a_state_is_spelled_as_power(state: str | None, power: str | None) -> None:
    """A stopped compute instance is not billed; one that runs a job is not idle."""
    assert power == power_of(state)


@pytest.mark.parametrize(
    ("endpoint", "cloud"),
    [
        ("https://management.azure.com", "AzureCloud"),
        ("https://management.usgovcloudapi.net/", "AzureUSGovernment"),
        ("https://management.chinacloudapi.cn", "AzureChinaCloud"),
    ],
)
def test_the_public_clouds_go_by_their_names(endpoint: str, cloud: str) -> None:
    """The library knows their other endpoints itself."""
    assert {"cloud": cloud} == cloud_of(endpoint)


def test_any_other_cloud_goes_by_its_resource_manager() -> None:
    """The name holds the host, since the library refuses to redefine a cloud."""
    told = cloud_of("https://arm.local:8443")
    assert "Nightshift-arm.local:8443" == told["cloud"]
    assert "https://arm.local:8443/" == told["cloud_metadata"]["resource_manager"]
