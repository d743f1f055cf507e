"""A stand-in for GitHub's command line, as far as update.yml calls it: `gh.py STATE ARGUMENT…`.

STATE is a folder that plays GitHub's database: a JSON file for each issue, and one for the
labels. A token is its job's `permissions` as JSON, and is refused what they don't grant.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def need(scope: str, *levels: str) -> None:
    """Stop unless the token in the environment grants one of the levels."""
    granted = json.loads(os.environ.get("GH_TOKEN") or "{}").get(scope)
    if granted not in levels:
        sys.exit(f"HTTP 403: Resource not accessible by integration ({scope}: {granted})")


def main(state: Path, command: str, verb: str, *rest: str) -> None:
    if "GH_REPO" not in os.environ and not Path(".git").exists():
        sys.exit("failed to run git: fatal: not a git repository")
    words = [word for word in rest if word != "--force"]
    plain = [words.pop(0)] if len(words) % 2 else []
    options = dict(zip(words[::2], words[1::2], strict=True))
    if (command, verb) == ("auth", "setup-git"):
        need("contents", "write")
        (state / "logged-in").touch()
    elif (command, verb) == ("label", "create"):
        need("issues", "write")
        (state / "labels.json").write_text(json.dumps(plain))
    elif (command, verb) == ("issue", "list"):
        need("issues", "read", "write")
        found = [json.loads(path.read_bytes()) for path in state.glob("issues/*.json")]
        found = [i for i in found if i["label"] == options["--label"] and i["state"] == "OPEN"]
        fields = options["--json"].split(",")
        print(json.dumps([{f: i[f] for f in fields} for i in found][: int(options["--limit"])]))
    else:
        path = state / f"issues/{int(plain[0])}.json"
        issue: dict[str, Any] = json.loads(path.read_bytes())
        if verb == "view":
            need("issues", "read", "write")
            print(json.dumps({field: issue[field] for field in options["--json"].split(",")}))
            return
        need("issues", "write")
        if verb != "close" or issue["locked"]:
            sys.exit(f"{verb} of this issue is refused")
        assert 0 < len(options["--comment"]) <= 65_536
        assert options["--reason"] in {"completed", "not planned"}
        issue["comments"].append(options["--comment"])
        path.write_text(json.dumps(issue | {"state": "CLOSED", "reason": options["--reason"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
