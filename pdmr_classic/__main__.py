"""Entry point of `python -m pdmr_classic`, the same program as `pdmr-classic`."""

from pdmr_classic.cli.app import main

if __name__ == "__main__":
    main()
