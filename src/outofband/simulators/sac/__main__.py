"""Entry point of `python -m outofband.simulators.sac`."""

import sys

from outofband.simulators.sac.program import main

sys.exit(main(sys.argv[1:]))
