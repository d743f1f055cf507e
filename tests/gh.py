"""A stand-in for GitHub's command line, as far as update.yml calls it: `gh.py STATE ARGUMENT…`.

STATE is a folder that plays GitHub's database, with a JSON file for each issue. A token is its
job's `permissions` as JSON, and is refused what they don't grant.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

NEEDS = {
    "auth setup-git": ("contents", "write"),
    "label create": ("issues", "write"),
    "issue list": ("issues", "read"),
    "issue view": ("issues", "read"),
    "issue close": ("issues", "write"),
}
state, command = Path(sys.argv[1]), " ".join(sys.argv[2:4])
words = [word for word in sys.argv[4:] if word != "--force"]
plain = [words.pop(0)] if len(words) % 2 else []
options = dict(zip(words[::2], words[1::2], strict=True))
scope, level = NEEDS[command]
granted = json.loads(os.environ.get("GH_TOKEN") or "{}").get(scope)
if granted not in (level, "write"):
    sys.exit(f"HTTP 403: Resource not accessible by integration ({scope}: {granted})")
if not os.environ.get("GH_REPO") and not Path(".git").exists():
    sys.exit("failed to run git: fatal: not a git repository")
paths = [state / f"issues/{number}.json" for number in plain] or [*state.glob("issues/*.json")]
issues: list[dict[str, Any]] = [json.loads(path.read_bytes()) for path in paths if path.exists()]
shown = [{f: i[f] for f in options.get("--json", "state").split(",")} for i in issues]
if command == "auth setup-git":
    (state / "logged-in").touch()
elif command == "issue list":
    fit = [i["label"] == options["--label"] and i["state"] == "OPEN" for i in issues]
    found = [one for one, fits in zip(shown, fit, strict=True) if fits]
    print(json.dumps(found[: int(options["--limit"])]))
elif command == "issue view":
    print(json.dumps(shown[0]))
elif command == "issue close":
    if issues[0]["locked"]:
        sys.exit("this issue is locked")
    assert 0 < len(options["--comment"]) <= 65_536
    assert options["--reason"] in {"completed", "not planned"}
    told: dict[str, Any] = {"comments": [*issues[0]["comments"], options["--comment"]]}
    told |= {"state": "CLOSED", "reason": options["--reason"]}
    paths[0].write_text(json.dumps(issues[0] | told))
