#!/usr/bin/env bash
# `push.sh FOLDER` commits what a run changed, pushes it to $BRANCH, and annotates why it can't.
set -e
fail() { echo "::error title=Nothing was pushed::${1//$'\n'/%0A}"; exit 1; }
[[ -f $1/_packages.json ]] || fail "Nothing was rendered."
git config user.name "github-actions[bot]"
git config user.email "41898282+github-actions[bot]@users.noreply.github.com"
gh auth setup-git
git add "$1"
git add --update
git diff --cached --quiet || git commit --quiet --message "${MESSAGE:-Update badges}"
for attempt in 1 2 3; do
  # A branch that isn't there yet has nothing to pull.
  if git pull --quiet --rebase origin "refs/heads/$BRANCH" \
    || ! git ls-remote --quiet --exit-code origin "refs/heads/$BRANCH" > /dev/null; then
    git push --quiet origin "HEAD:refs/heads/$BRANCH" 2> "$RUNNER_TEMP/push.log" && exit
    cat "$RUNNER_TEMP/push.log" >&2
    why=$(sed -n 's/^remote: *\(.*[^ ]\) *$/\1/p' "$RUNNER_TEMP/push.log")
    [[ $why != *"rotected branch"* || $why == *signature* ]] \
      || why="$BRANCH is protected: let GitHub Actions push to it."$'\n'$why
    ! grep --quiet declined "$RUNNER_TEMP/push.log" || fail "$why"
  elif conflict=$(git diff --name-only --diff-filter=U) && [[ -n $conflict ]]; then
    git rebase --abort
    fail "Somebody edited $conflict meanwhile: the next run starts from that."
  fi
  sleep "$((attempt * 3))"
done
fail "Three attempts failed, as the log has it."
