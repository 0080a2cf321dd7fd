"""A local stand-in for the Azure Functions host: one process, one instance.

It loads any Python v2 function app and drives its triggers as the real host
documents them. All its state is in the app's storage account, so a process
that is killed loses nothing. It is a test double: it never ships.
"""
