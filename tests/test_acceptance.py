"""Days, releases and downloads in; the exact files out."""

from __future__ import annotations

import re
from textwrap import dedent

from conftest import Project
from pepy import Pepy

# One package with gaps and two releases, one popular one that lacks the newest day, and one
# that has never been downloaded: two of those with downloads have reached 31 March.
ANSWERS = {
    "demo": {
        "total_downloads": 1_234_567,
        "downloads": {
            # day          1.9    1.10
            "2026-03-31": {"1.9": 7, "1.10": 1000},
            "2026-03-30": {"1.10": 43},
            "2026-03-25": {"1.9": 950},
            "2026-03-02": {"1.9": 99_000},
            "2026-03-01": {"1.8": 5},
        },
    },
    "popular": {
        "total_downloads": 1_395_207_458,
        "downloads": {
            "2026-03-30": {"2.0": 999_950},
            "2026-03-29": {"2.0": 1},
        },
    },
    "new": {"total_downloads": 0, "downloads": {}},
}

FILES = {
    "demo.json": """\
        {
          "schemaVersion": 1,
          "label": "downloads",
          "message": "1.2M",
          "color": "blue",
          "cacheSeconds": 3600
        }
        """,
    "demo/day.json": """\
        {
          "schemaVersion": 1,
          "label": "downloads",
          "message": "1K/day",
          "color": "blue",
          "cacheSeconds": 3600
        }
        """,
    "demo/week.json": """\
        {
          "schemaVersion": 1,
          "label": "downloads",
          "message": "2K/week",
          "color": "blue",
          "cacheSeconds": 3600
        }
        """,
    "demo/month.json": """\
        {
          "schemaVersion": 1,
          "label": "downloads",
          "message": "101K/month",
          "color": "blue",
          "cacheSeconds": 3600
        }
        """,
    "demo/history.csv": """\
        date,downloads
        2026-03-01,5
        2026-03-02,99000
        2026-03-25,950
        2026-03-30,43
        2026-03-31,1007
        """,
    "demo/stats.json": """\
        {
          "package":                          "demo",
          "timestamp":        "YYYY-MM-DDThh:mm:ssZ",
          "total_downloads":                 1234567,
          "last_date":                  "2026-03-31",
          "last_day":                           1007,
          "last_week":                          2000,
          "last_month":                       101000,
          "average_daily":                    3366.7,
          "top_releases": [
            {
              "version":                       "1.9",
              "downloads":                     99957
            },
            {
              "version":                      "1.10",
              "downloads":                      1043
            }
          ],
          "top_versions": [],
          "top_majors": [],
          "top_systems": [],
          "without_mirrors":                    null,
          "answered": []
        }
        """,
    "popular.json": """\
        {
          "schemaVersion": 1,
          "label": "installs – all",
          "message": "1,395,207,458",
          "color": "#fe7d37",
          "namedLogo": "pypi",
          "logoColor": "white",
          "style": "for-the-badge",
          "cacheSeconds": 86400
        }
        """,
    "popular/day.json": """\
        {
          "schemaVersion": 1,
          "label": "installs – all",
          "message": "0/day",
          "color": "#fe7d37",
          "namedLogo": "pypi",
          "logoColor": "white",
          "style": "for-the-badge",
          "cacheSeconds": 86400
        }
        """,
    "popular/week.json": """\
        {
          "schemaVersion": 1,
          "label": "installs – all",
          "message": "999,951/week",
          "color": "#fe7d37",
          "namedLogo": "pypi",
          "logoColor": "white",
          "style": "for-the-badge",
          "cacheSeconds": 86400
        }
        """,
    "popular/month.json": """\
        {
          "schemaVersion": 1,
          "label": "installs – all",
          "message": "999,951/month",
          "color": "#fe7d37",
          "namedLogo": "pypi",
          "logoColor": "white",
          "style": "for-the-badge",
          "cacheSeconds": 86400
        }
        """,
    "popular/history.csv": """\
        date,downloads
        2026-03-29,1
        2026-03-30,999950
        """,
    "popular/stats.json": """\
        {
          "package":                       "popular",
          "timestamp":        "YYYY-MM-DDThh:mm:ssZ",
          "total_downloads":              1395207458,
          "last_date":                  "2026-03-31",
          "last_day":                              0,
          "last_week":                        999951,
          "last_month":                       999951,
          "average_daily":                   33331.7,
          "top_releases": [
            {
              "version":                       "2.0",
              "downloads":                    999951
            }
          ],
          "top_versions": [],
          "top_majors": [],
          "top_systems": [],
          "without_mirrors":                    null,
          "answered": []
        }
        """,
    "new.json": """\
        {
          "schemaVersion": 1,
          "label": "downloads",
          "message": "0",
          "color": "blue",
          "cacheSeconds": 3600
        }
        """,
    "new/day.json": """\
        {
          "schemaVersion": 1,
          "label": "downloads",
          "message": "0/day",
          "color": "blue",
          "cacheSeconds": 3600
        }
        """,
    "new/week.json": """\
        {
          "schemaVersion": 1,
          "label": "downloads",
          "message": "0/week",
          "color": "blue",
          "cacheSeconds": 3600
        }
        """,
    "new/month.json": """\
        {
          "schemaVersion": 1,
          "label": "downloads",
          "message": "0/month",
          "color": "blue",
          "cacheSeconds": 3600
        }
        """,
    "new/history.csv": """\
        date,downloads
        """,
    "new/stats.json": """\
        {
          "package":                           "new",
          "timestamp":        "YYYY-MM-DDThh:mm:ssZ",
          "total_downloads":                       0,
          "last_date":                  "2026-03-31",
          "last_day":                              0,
          "last_week":                             0,
          "last_month":                            0,
          "average_daily":                       0.0,
          "top_releases": [],
          "top_versions": [],
          "top_majors": [],
          "top_systems": [],
          "without_mirrors":                    null,
          "answered": []
        }
        """,
}

LIST = """
[[package]]
name = "Demo"

[[package]]
name = "popular"
label = "installs – all"
color = "#fe7d37"
namedLogo = "pypi"
logoColor = "white"
style = "for-the-badge"
cacheSeconds = 86400
units = "none"

[[package]]
name = "new"
"""


def test_these_answers_give_exactly_these_files(project: Project) -> None:
    project.list(text=LIST)
    with Pepy(projects=dict(ANSWERS)) as pepy:
        assert project.run(pepy).returncode == 0
    files = {path: text.decode() for path, text in project.files().items()}
    for path, text in files.items():
        files[path] = re.sub(r'"20..-..-..T..:..:..Z"', '"YYYY-MM-DDThh:mm:ssZ"', text)
    assert files == {path: dedent(text) for path, text in FILES.items()}
