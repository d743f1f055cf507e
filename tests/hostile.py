"""Bodies of issues that strangers with bad intentions write, and what each may add at most."""

from __future__ import annotations


def form(packages: str, label: str = "", colour: str = "", logo: str = "") -> str:
    """What GitHub makes of the form's fields."""
    fields = {"Packages": packages, "Label": label, "Colour": colour, "Logo": logo}
    return "\n\n".join(f"### {name}\n\n{text or '_No response_'}" for name, text in fields.items())


CANARY = "owned"  # a file that must not come into being
RUN = f"touch {CANARY}"

# What is wrong with it, the body, and the packages that it legally names.
HOSTILE: list[tuple[str, str, set[str]]] = [
    ("shell: substitution", form(f"$({RUN})"), set()),
    ("shell: backticks", form(f"`{RUN}`"), set()),
    ("shell: separators", form(f"flask; {RUN}\nflask && {RUN}\nflask | {RUN}"), set()),
    ("shell: quotes", form(f"flask'; {RUN}; '\nflask\"; {RUN}; \""), set()),
    ("shell: in every field", form("flask", f"$({RUN})", f"`{RUN}`", f"';{RUN};'"), set()),
    ("shell: in a label alone", form("flask", f"$({RUN}) `{RUN}` \"; {RUN}; '"), {"flask"}),
    ("options", form("--help\n--output=/tmp\n-rf"), set()),
    ("end of a here-document", form(f"EOF\n{RUN}\nEOF"), set()),
    ("expression", form("${{ secrets.PEPY_API_KEY }}"), set()),
    ("expression in a label", form("flask", "${{ secrets.PEPY_API_KEY }}"), {"flask"}),
    ("workflow command", form("::set-output name=code::0\n::error::forged"), set()),
    ("workflow command in a label", form("flask", "::stop-commands::x"), {"flask"}),
    ("output", form("flask\ncode=0\nstate=OPEN\ncode<<E\n0\nE"), set()),
    ("TOML: closing quote", form('flask"\n[defaults]\ncolor = "red'), set()),
    ("TOML: in a label", form("flask", 'x"\\n[defaults]\\ncolor = "red'), {"flask"}),
    ("TOML: triple quotes", form("flask", '"""\' \'\'\' """'), {"flask"}),
    ("TOML: a table", form('[[package]]\nname = "flask"'), set()),
    ("TOML: escape in a label", form("flask", "\\u0000 \\x1b \\"), {"flask"}),
    ("Markdown: mention and reference", form("@everyone\n#1\nGH-1@x"), set()),
    ("Markdown: reference by name", form("gh-1"), {"gh-1"}),
    ("Markdown: picture", form("![x](https://example.com/x.png)"), set()),
    ("Markdown: fences", form("```\n~~~\n`` ` ``"), set()),
    (
        "Markdown: in a label",
        form("flask", "](https://example.com) @everyone #1 ``` <b>"),
        {"flask"},
    ),
    ("HTML", form("<script>alert(1)</script>\n<img src=x onerror=alert(1)>"), set()),
    ("HTML in a label", form("flask", "<!-- <script>alert(1)</script> -->"), {"flask"}),
    ("carriage returns", form("flask\rdjango"), set()),
    ("Windows newlines", form("flask\ndjango").replace("\n", "\r\n"), {"flask", "django"}),
    ("other newlines", form("flask\u2028django\nflask\x0bdjango\nflask\x85django"), set()),
    ("a NUL", form("flask\0"), set()),
    ("an escape sequence", form("flask\x1b[2J"), set()),
    ("look-alikes", form("fl\u0430sk\n\uff46lask\nflas\u212a"), set()),
    ("bidi marks in a name", form("\u202eflask\nfl\u200bask\n\u2066flask\u2069"), set()),
    ("bidi marks in a label", form("flask", "\u202edaolnwod"), set()),
    ("invisible label", form("flask", "\u200b\u200b"), set()),
    ("path", form("../../etc/passwd\n..\n.\n/etc/passwd\nflask/../x"), set()),
    ("Windows path", form("..\\..\\x\nC:\\x\nflask:stream"), set()),
    ("hidden name", form(".github\n_packages\n.git"), set()),
    ("device names", form("con\nPRN\naux\nNUL\ncom1\nlpt9"), set()),
    ("names of files here", form("index.html\nCNAME"), {"index-html", "cname"}),
    ("100 KB in one line", form("a" * 100_000), set()),
    ("100 KB of lines", form("flask\n" * 17_000), set()),
    ("100 KB of headings", form("flask") + "\n### " * 25_000, set()),
    ("100 KB label", form("flask", "x" * 100_000), set()),
    ("100 KB colour", form("flask", colour="rgb(" + "1 " * 50_000), set()),
    ("nothing", "", set()),
    ("blank", " \n\t\n", set()),
    ("no headings", "flask", set()),
    ("no Packages", "### Label\n\nflask", set()),
    ("empty Packages", form(""), set()),
    ("text above", "Hello!\n\n" + form("flask"), set()),
    ("unknown heading", form("flask") + "\n\n### Script\n\nx", set()),
    ("heading twice", form("flask") + "\n\n### Packages\n\ndjango", set()),
    ("heading in Packages", form("flask\n\n### Label\n\nowned"), set()),
    ("heading in Label", form("flask", "### Colour\n\nred"), set()),
    ("empty heading in Packages", form("flask\n###\ndjango"), set()),
    ("eleven", form("\n".join(f"flask-{number}" for number in range(11))), set()),
    ("one twice", form("flask\nFLASK\nf-l-a-s-k\nFlask"), {"flask", "f-l-a-s-k"}),
    ("one bad of two", form("flask\n-django"), set()),
    ("unknown colour", form("flask", colour="url(javascript:alert(1))"), set()),
    ("unknown logo", form("flask", logo="../../x.svg"), set()),
    ("a logo as data", form("flask", logo="data:image/svg+xml;base64,AAAA"), set()),
    ("label of two lines", form("flask", "one\ntwo"), set()),
    ("label of 61", form("flask", "x" * 61), set()),
]
