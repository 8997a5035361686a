"""`python -m outofband.cli` is `oob`: how services start themselves without relying on PATH."""

from outofband.cli.main import main

main()
