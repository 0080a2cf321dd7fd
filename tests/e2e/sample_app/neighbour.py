"""A module beside function_app.py, found because the app's folder is on the path."""

from pathlib import Path

FOLDER = str(Path(__file__).resolve().parent)
