"""The command line: commands by noun, exit codes for scripts, never a stack trace."""

import os
import sys
import traceback
from typing import Annotated, Final

import typer
from typer.exceptions import Abort, TyperException
from typer.main import get_command

import firstparty
from firstparty.cli import (
    alerts,
    audit,
    completion,
    doctor,
    domains,
    events,
    library,
    mcp,
    people,
    profiles,
    proxy,
    serving,
    sources,
    tokens,
    workspaces,
)
from firstparty.cli.errors import CommandFailed, ExitCode
from firstparty.config.addresses import ConfigError
from firstparty.errors import FirstpartyError
from firstparty.model.json_text import read_deeper_than_ingest

PROGRAM: Final = "firstparty"
_CLICK_USAGE: Final = 2  # what the parser calls a usage error
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it

app = typer.Typer(
    name=PROGRAM,
    help="A first-party home for Segment-compatible analytics.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serving.serve)
app.command()(serving.demo)
app.add_typer(domains.app, name="domains")
app.add_typer(sources.app, name="sources")
app.add_typer(proxy.app, name="proxy")
app.add_typer(library.app, name="library")
app.add_typer(workspaces.app, name="workspaces")
app.add_typer(events.app, name="events")
app.add_typer(tokens.app, name="tokens")
app.add_typer(people.app, name="people")
app.add_typer(profiles.app, name="profiles")
app.add_typer(alerts.app, name="alerts")
app.command()(audit.audit)
app.command()(completion.completion)
app.command()(doctor.doctor)
app.command()(mcp.mcp)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - the parser calls it
    if asked:
        typer.echo(f"{PROGRAM} {firstparty.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Speak to the product of this profile.", show_default=False
        ),
    ] = None,
) -> None:
    del version
    profiles.choose_profile(profile)


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    read_deeper_than_ingest()  # the events commands show messages
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of these arguments; whatever goes wrong is one sentence on stderr."""
    try:
        code = get_command(app).main(arguments, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        return _fail_usage(error)
    except (CommandFailed, ConfigError, FirstpartyError) as error:
        return _fail(str(error))
    except (Abort, KeyboardInterrupt):
        sys.stderr.write("\n")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; the interpreter's own last flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILING
    except Exception as error:  # noqa: BLE001 - the rim: a bug is one line for a person
        if os.environ.get("FIRSTPARTY_TRACEBACK"):
            traceback.print_exc()
        return _fail(
            f"Something is broken on our side: {type(error).__name__}: {error}. "
            "FIRSTPARTY_TRACEBACK=1 shows where; please report it."
        )
    return code if isinstance(code, int) else ExitCode.GOOD


def _fail(sentence: str) -> int:
    sys.stderr.write(f"{PROGRAM}: {sentence}\n")
    return ExitCode.FAILING


def _fail_usage(error: TyperException) -> int:
    show = getattr(error, "show", None)
    if show is None:
        sys.stderr.write(f"{PROGRAM}: {error.format_message()}\n")
    else:
        show()
    return ExitCode.USAGE if error.exit_code == _CLICK_USAGE else ExitCode.FAILING
