#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""main.py: run an installed suite on a target, judge it and keep the results.

The program's glue; it is short because Python compiles it anew each time.
"""
import sys

import glue

if __name__ == "__main__":
    sys.exit(glue.main(sys.argv[1:]))
