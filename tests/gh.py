"""A stand-in for GitHub's command line, https://cli.github.com/manual, and its push hook.

Called as `gh.py STATE ARGUMENT...`. STATE is a folder that plays GitHub's database: issues,
labels, what was called and what workflows were started. A token is refused what its job's
`permissions` don't grant. Only the commands that the workflows use are known.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import jq


def make_token(job: str, permissions: dict[str, str]) -> str:
    """A job's token, that grants what its `permissions` say."""
    return "ghs_" + base64.urlsafe_b64encode(json.dumps([job, permissions]).encode()).decode()


def need(scope: str, level: str) -> str:
    """The job whose token is in the environment; stops unless it grants the level."""
    token = os.environ.get("GH_TOKEN", "")
    if not token.startswith("ghs_"):
        sys.exit("gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN variable")
    job, permissions = json.loads(base64.urlsafe_b64decode(token[4:]))
    if permissions.get(scope) not in ("write", level):
        sys.exit(f"HTTP 403: Resource not accessible by integration ({scope}: {level})")
    return str(job)


def append(path: Path, record: Any) -> None:
    """Add a line to a file, whoever else does the same."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def take_one(path: Path) -> bool:
    """Whether a counter was above zero; it is one less afterwards."""
    count = int(path.read_text()) if path.exists() else 0
    path.write_text(str(max(count - 1, 0)))
    return count > 0


def main(state: Path, argv: list[str]) -> None:
    if argv == ["pre-receive"]:  # called by git in the repository that plays the remote
        if os.environ.get("PERSON"):
            return
        if not (state / "logins" / need("contents", "write")).exists():
            sys.exit("fatal: could not read Username for 'https://github.com'")
        if take_one(state / "pushes-to-refuse"):
            sys.exit("GitHub is having a bad moment")
        return

    append(state / "calls.jsonl", argv)
    if "GH_REPO" not in os.environ and not Path(".git").exists():
        sys.exit("failed to run git: fatal: not a git repository")
    words: list[str] = []
    options: dict[str, str] = {}
    rest = iter(argv)
    for word in rest:
        if word == "--force":
            options[word] = ""
        elif word.startswith("--"):
            options[word] = next(rest)
        else:
            words.append(word)
    issues = state / "issues"

    def show(data: Any) -> None:
        for result in jq.compile(options["--jq"]).input_value(data).all():
            print(result if isinstance(result, str) else json.dumps(result))

    match words:
        case ["auth", "setup-git"]:
            (state / "logins" / need("contents", "write")).touch()
        case ["label", "create", name]:
            need("issues", "write")
            if (state / "labels" / name).exists() and "--force" not in options:
                sys.exit(f"label with name {name!r} already exists; use `--force` to update it")
            (state / "labels" / name).touch()
        case ["issue", "list"]:
            need("issues", "read")
            found = [json.loads(path.read_text()) for path in sorted(issues.glob("*.json"))]
            label = options["--label"]
            waiting = [i for i in found if i["state"] == "OPEN" and label in i["labels"]]
            waiting.sort(key=lambda issue: -issue["number"])  # newest first
            show(waiting[: int(options["--limit"])])
        case ["issue", verb, number]:
            path = issues / f"{int(number)}.json"
            issue = json.loads(path.read_text())
            if verb == "view":
                need("issues", "read")
                show({field: issue[field] for field in options["--json"].split(",")})
                return
            need("issues", "write")
            if verb == "comment":
                body = Path(options["--body-file"]).read_text(encoding="utf-8")
                assert 0 < len(body.strip()) <= 65_536
                issue["comments"].append(body)
            elif verb == "close":
                assert options["--reason"] in {"completed", "not planned"}
                issue |= {"state": "CLOSED", "stateReason": options["--reason"]}
            path.write_text(json.dumps(issue))
        case ["workflow", "run", workflow]:
            need("actions", "write")
            field = options.get("--raw-field", "")
            inputs = dict([field.split("=", 1)]) if field else {}
            append(state / "started.jsonl", {"workflow": workflow, "inputs": inputs})
            (state / "polls").write_text("1")
            print("https://github.com/someone/badges/actions/runs/1")
        case ["run", "list"]:
            need("actions", "read")
            busy = take_one(state / "polls")
            show([{"status": "in_progress" if busy else "completed"}])
        case _:
            sys.exit(f"unknown command {argv!r}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
