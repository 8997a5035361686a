"""Recipes that build small real guests from Debian packages, for the demo and the tests.

Standard library only, and nothing of `outofband`: a recipe runs before the project is installed. `build.py`
is the entry point, `recipe.py` says what the demo guest consists of, `demo/` holds its own files.
"""
