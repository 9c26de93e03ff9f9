# SPDX-License-Identifier: GPL-2.0-only
"""python -m ksonde."""

import sys

from ksonde.cli import main

sys.exit(main())
