"""The commands that work on a checkout of the manifest repository, with no server."""

from tidegate.cli.beginnings import BEGINNINGS
from tidegate.cli.linting import lint_command
from tidegate.cli.operations import OPERATIONS
from tidegate.cli.status import status_command

MANIFEST_COMMANDS = (*BEGINNINGS, lint_command, status_command, *OPERATIONS)
