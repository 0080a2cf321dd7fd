"""What can be wrong with an app before its first invocation.

One family, so that the command line can print one line and exit: each message
names the file, function, binding or setting, and what it may be instead.
"""


class HostError(Exception):
    """The host refuses to start: the app, its host.json or its settings are wrong."""


class AppRefused(HostError):
    """``function_app.py`` cannot be indexed, or asks for what is not supported here."""


class SettingRefused(HostError):
    """An app setting is missing or does not have the form it needs."""


class HostJsonRefused(HostError):
    """``host.json`` is missing, is not JSON or holds a value outside its range."""
