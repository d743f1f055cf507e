"""A stand-in for GitHub's command line, as far as update.yml calls it: `gh.py FOLDER ARGUMENT…`.

FOLDER plays GitHub's database, with a JSON file for each issue. A token is its job's `permissions`
as JSON, and is refused what they don't grant. Any other command, flag or field fails.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

FIELDS = {"number", "body", "state"}  # of an issue, as GitHub calls them


def main() -> None:
    """Do what the command line says. Exits with a message where GitHub refuses that."""
    options = read_arguments()
    permissions = json.loads(os.environ.get("GH_TOKEN") or "{}")
    granted = permissions.get(options.scope)
    if granted not in (options.level, "write"):
        sys.exit(f"HTTP 403: Resource not accessible by integration ({options.scope}: {granted})")
    if not os.environ.get("GH_REPO") and not Path(".git").exists():
        sys.exit("failed to run git: fatal: not a git repository")
    options.run(options)


def read_arguments() -> Namespace:
    """The command line: its values, the function `run`, and the scope and level that this needs."""
    parser = ArgumentParser(prog="gh", allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    groups = parser.add_subparsers(required=True)

    auth = groups.add_parser("auth").add_subparsers(required=True)
    add_command(auth, "setup-git", set_up_git, "contents", "write")

    label = groups.add_parser("label").add_subparsers(required=True)
    command = add_command(label, "create", create_label, "issues", "write")
    command.add_argument("name")
    command.add_argument("--force", action="store_true")
    command.add_argument("--description", required=True)
    command.add_argument("--color", required=True)

    issue = groups.add_parser("issue").add_subparsers(required=True)
    command = add_command(issue, "list", list_issues, "issues", "read")
    command.add_argument("--state", required=True, choices=["open"])
    command.add_argument("--label", required=True)
    command.add_argument("--limit", required=True, type=int)
    command.add_argument("--json", required=True, type=read_fields, dest="fields")

    command = add_command(issue, "view", view_issue, "issues", "read")
    command.add_argument("number", type=int)
    command.add_argument("--json", required=True, type=read_fields, dest="fields")

    command = add_command(issue, "close", close_issue, "issues", "write")
    command.add_argument("number", type=int)
    command.add_argument("--comment", required=True, type=read_comment)
    command.add_argument("--reason", required=True, choices=["completed", "not planned"])
    return parser.parse_args()


def add_command(
    group: Any, name: str, run: Callable[[Namespace], None], scope: str, level: str
) -> ArgumentParser:
    """Add a command that `run` does, where a token has at least this level in the scope."""
    command: ArgumentParser = group.add_parser(name, allow_abbrev=False)
    command.set_defaults(run=run, scope=scope, level=level)
    return command


def read_fields(text: str) -> list[str]:
    """The names of fields, with commas between them."""
    fields = text.split(",")
    for field in fields:
        if field not in FIELDS:
            raise ArgumentTypeError(f"unknown JSON field: {field!r}")
    return fields


def read_comment(text: str) -> str:
    """A comment that GitHub takes."""
    if not 0 < len(text) <= 65_536:
        raise ArgumentTypeError(f"a body of {len(text)} characters")
    return text


def set_up_git(options: Namespace) -> None:
    (options.folder / "logged-in").touch()


def create_label(options: Namespace) -> None:
    path = options.folder / f"label-{options.name}"
    if path.exists() and not options.force:
        sys.exit(f"label with name {options.name!r} already exists; use `--force` to update it")
    path.touch()


def list_issues(options: Namespace) -> None:
    found = []
    for path in options.folder.glob("issues/*.json"):
        issue = json.loads(path.read_bytes())
        if issue["state"] == "OPEN" and issue["label"] == options.label:
            found.append(shown(issue, options.fields))
    print(json.dumps(found[: options.limit]))


def view_issue(options: Namespace) -> None:
    issue = json.loads(path_of(options).read_bytes())
    print(json.dumps(shown(issue, options.fields)))


def close_issue(options: Namespace) -> None:
    path = path_of(options)
    issue = json.loads(path.read_bytes())
    if issue["locked"]:
        sys.exit("this issue is locked")
    issue["comments"].append(options.comment)
    issue["state"] = "CLOSED"
    issue["reason"] = options.reason
    path.write_text(json.dumps(issue))


def path_of(options: Namespace) -> Path:
    """The file of the issue that is named."""
    path: Path = options.folder / f"issues/{options.number}.json"
    if not path.exists():
        sys.exit(f"Could not resolve to an issue with the number of {options.number}.")
    return path


def shown(issue: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """The fields of an issue that are asked for."""
    return {field: issue[field] for field in fields}


if __name__ == "__main__":
    main()
