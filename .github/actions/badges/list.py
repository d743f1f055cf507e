"""Print the packages.toml that the inputs come to, or exit with what to do."""

import json
import os
import sys
import tomllib

names = os.environ["PACKAGES"].replace(",", " ").split()
config = os.environ["CONFIG"]
text = sys.stdin.read()  # the caller's file, where no packages are named
why = ""
if names and config:
    why = "packages and config exclude each other: remove one"
elif config and not text:
    why = f"{config} is not in this repository, or empty"
elif not names and not config:
    names = [tomllib.loads(text).get("project", {}).get("name", "")]
    why = "" if names[0] else "pyproject.toml names no project: name the packages"
if why:
    sys.exit(f"::error title=Nothing was done::{why}")
print(text if config else "".join(f"[[package]]\nname = {json.dumps(n)}\n" for n in names))
