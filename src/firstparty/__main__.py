"""``python -m firstparty`` is the command line: the supervisor starts its roles this way."""

from firstparty.cli.main import main

if __name__ == "__main__":
    main()
