"""`python -m ringquet` is the command `ringquet`."""

import sys

from ringquet._cli import main

# Documents and pages show the command as one would type it, not the path of this file.
sys.argv[0] = "ringquet"
sys.exit(main())
