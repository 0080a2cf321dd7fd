"""Find the app's settings: the environment, with a settings file beneath it.

The environment always wins, as with `func start`. Messages name a setting and
never show its value, since most of them are secrets.
"""

import json
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from sandbox.functions_host.errors import SettingRefused

STORAGE = "AzureWebJobsStorage"
_REFERENCE = re.compile(r"%([^%]+)%")


def load_settings_file(path: Path, environment: MutableMapping[str, str]) -> None:
    """Put the file's ``Values`` into the environment where nothing stands yet.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-develop-local
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        values = dict(document["Values"])
    except FileNotFoundError as exc:
        raise SettingRefused(f"{path} does not exist: give a local.settings.json") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise SettingRefused(f'{path} is not a JSON object with "Values": {exc}') from exc
    for name, value in values.items():
        if not isinstance(value, str):
            raise SettingRefused(f"{path}: {name} must be a string, as every app setting is")
        environment.setdefault(name, value)


def resolve(text: str, settings: Mapping[str, str]) -> str:
    """Replace each ``%NAME%`` of a binding property by that app setting.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns
    """

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in settings:
            raise SettingRefused(f"%{name}% refers to an app setting that is not set")
        return settings[name]

    return _REFERENCE.sub(value_of, text)


def storage_connection(name: str | None, settings: Mapping[str, str]) -> str:
    """Find the connection string that a binding's ``connection`` names.

    As in Azure the name is tried with the prefix ``AzureWebJobs`` first; an
    empty one means ``AzureWebJobsStorage``.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#connections
    """
    wanted = name or STORAGE
    if "AccountName=" in wanted or wanted.startswith("UseDevelopmentStorage="):
        return wanted
    for candidate in (f"AzureWebJobs{wanted}", wanted):
        if settings.get(candidate):
            return settings[candidate]
    if any(setting.startswith(f"{wanted}__") for setting in settings):
        raise SettingRefused(
            f"{wanted}__* asks for an identity-based connection; the local host needs"
            f" a connection string in the setting {wanted}"
        )
    raise SettingRefused(f"the connection {wanted} is not set: give a connection string")
