"""Fixtures that several test layers share: a running Azurite."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from sandbox import azurite as emulator
from sandbox import processes

# No test is judged by a clock: a busy machine is no defect.
settings.register_profile("nightshift", deadline=None)
settings.load_profile("nightshift")


@pytest.fixture(autouse=True)
def _no_cloud_is_left_behind() -> Iterator[None]:
    """Take back what the Azure ML library leaves in the environment of every child.

    A process that inherits the name of a cloud it does not know cannot use the library.
    """
    yield
    os.environ.pop("AZUREML_CURRENT_CLOUD", None)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the connection string of an Azurite of this test session's own.

    One for all tests: isolate by the names of tables, queues and containers.
    """
    folder = tmp_path_factory.mktemp("azurite")
    running = emulator.start(folder / "data", folder / "azurite.log")
    yield running.connection_string
    processes.end([running.process])
