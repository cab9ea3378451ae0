"""``python -m reproductions 10`` is ``trueup reproduce 10``."""

import sys

from trueup.cli import main


if __name__ == "__main__":
    sys.argv[1:1] = ["reproduce"]
    main()
