"""A file collector and its window -> the shell text that reads each file's window.

The scripts (`on_host/plan_files.sh`, `on_host/read_files.sh`) decide for every byte by the best that is known: a mark
proves, the log's own times infer between two marks, and what neither tells is shown and said to be unsure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from FailTaleLibrary.config import Collector
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.windows.awk_formats import common_time_functions, time_functions
from FailTaleLibrary.windows.look_back import LOOK_BACK_BYTES, glance_words
from FailTaleLibrary.windows.model import (
    MOST_FILES,
    NO_GLANCE,
    CollectorText,
    FileMark,
    Glance,
    HostMark,
    ResolvedWindow,
    WindowValues,
)
from FailTaleLibrary.windows.pipeline import (
    assignments,
    grep,
    is_pattern,
    kept_lines,
    matching,
    narrowing,
    shell_quote,
    shell_quote_pattern,
    sifting,
)
from FailTaleLibrary.windows.resolve import came_after_failure

SCAN_BYTES = 8 * 1024 * 1024
"""Newest bytes of one file in which a window is sought by times; more would make a slow host slower."""
_WIDEST_BYTES, _WIDEST_BYTES_WITH_GREP = 256 * 1024 * 1024, 1024 * 1024 * 1024
"""Newest bytes of one file's window that are read. A filter may let through any of its lines, else the newest count."""
_GRACE_S = 120
"""A file that was last written so long before the window has nothing in it; file servers have clocks of their own."""
_SCRIPTS = ("frames.sh", "file_identity.sh", "file_content.sh", "plan_files.sh", "look_back.sh", "read_files.sh")


def file_text(collector: Collector) -> CollectorText:
    """What of a file collector's command line is the same whatever its window is."""
    constants = [
        ("before", collector.before),
        ("several", "yes" if len(collector.file) > 1 or is_pattern(collector.file[0]) else ""),
        ("scan", SCAN_BYTES),
        ("widest", _WIDEST_BYTES if collector.grep is None else _WIDEST_BYTES_WITH_GREP),
        ("reach", LOOK_BACK_BYTES),
        ("most", MOST_FILES),
        ("kept", kept_lines(collector)),
        ("greps", "yes" if collector.grep is not None else ""),
    ]
    functions = [
        _patterns_function(collector),
        _archives_function(collector),
        _unmarked_function(collector),
        f"narrow() {{ {narrowing(collector, '$1')}; }}\n",
        f"matching() {{ {matching(collector)}; }}\n",
        f"sift() {{ {sifting(collector)}; }}\n",
    ]
    programs = [
        ("digesting", host_script("digest.awk")),
        ("changed", host_script("changed_files.awk")),
        ("look_back", host_script("look_back.awk")),
        ("times", host_script("times.awk")),
        ("all_formats", time_functions(collector.time_format)),
        ("common_formats", common_time_functions() if collector.time_format is None else ""),
    ]
    shared = (*(assignments([program]) for program in programs), *map(host_script, _SCRIPTS))
    return CollectorText(assignments(constants) + "".join(functions), shared)


def file_values(
    collector: Collector, window: ResolvedWindow, *, max_bytes: int, glance: Glance = NO_GLANCE
) -> WindowValues:
    """What the window decides of it.

    Each file is read from its mark, else by its lines' times, else its newest lines, and filtered by itself: so a noisy
    file does not drown the others, and each keeps its heading.
    """
    early, late = marks_of_log(collector, window)
    first = early or late
    since = None if window.kind == "none" else window.since_epoch
    sure = since if window.sure_epoch is None else window.sure_epoch
    files = {file.pattern for file in first.files} if first else set()
    seen = set(first.patterns) if first else set(collector.file)
    words = (
        ("how", "mark" if first else "time" if since is not None else "tail"),
        ("low_at", "" if since is None else f"{since:.6f}"),
        ("high_at", "" if since is None or sure is None else f"{sure:.6f}"),
        ("stale", "" if since is None else str(int(since) - _GRACE_S)),
        ("marked_at", str(int(first.epoch)) if first and first.epoch is not None else "0"),
        ("early", "yes" if early else ""),
        ("late", "yes" if late else ""),
        ("zone", "" if window.utc_offset_s is None else str(window.utc_offset_s)),
        ("marked", _numbers_of(path in files for path in collector.file)),
        ("unseen", _numbers_of(path not in seen for path in collector.file)),
        *glance_words(glance),
        ("max", str(max_bytes)),
    )
    unreadable = [path for path in map(_path_of_one_line, first.unreadable if first else ()) if path is not None]
    return WindowValues(words, marks=tuple(_table_of_files(collector, early, late)), unreadable=tuple(unreadable))


def _numbers_of(flags: Iterable[bool]) -> str:
    """Which of them are so, counted from 1."""
    return ",".join(str(number) for number, is_so in enumerate(flags, 1) if is_so)


def shown_files(collector: Collector, window: ResolvedWindow) -> str:
    """What a person would type for about the same lines."""
    early, late = marks_of_log(collector, window)
    paths = " ".join(map(shell_quote_pattern, collector.file))
    newest = f"tail -n {kept_lines(collector)}"
    marked = [each for each in (early or late or HostMark()).files if each.pattern in collector.file]
    if len(collector.file) == 1 == len(marked):
        read = f"tail -c +{marked[0].size + 1} {paths}"
    elif collector.grep is None:
        return f"{newest} {paths}"
    else:
        return f"{grep(collector)} {paths} | {newest}"
    return " | ".join([read, *([grep(collector)] if collector.grep is not None else []), newest])


def marks_of_log(collector: Collector, window: ResolvedWindow) -> tuple[HostMark | None, HostMark | None]:
    """The marks from before and from after the window's start that know these files; None where there is none."""
    if window.kind == "none":
        return None, None
    early, late = (mark if _covers(mark, collector) else None for mark in (window.mark, window.late_mark))
    if late and came_after_failure(late, window):
        late = None  # nothing of the window stands behind it
    return early, late


def _covers(mark: HostMark | None, collector: Collector) -> bool:
    return mark is not None and not set(collector.file).isdisjoint(
        [*mark.patterns, *(marked.pattern for marked in mark.files)]
    )


def _table_of_files(collector: Collector, early: HostMark | None, late: HostMark | None) -> Iterator[str]:
    """The lines that `changed_files.awk` reads; a folder is named once, so that a thousand files stay few bytes."""
    files = _by_inode(collector, early), _by_inode(collector, late)
    # of two files that had one name the earlier one comes last: it is the one that may have been rotated
    known = dict(sorted((files[1] | files[0]).items(), key=lambda each: (each[1].path, each[0] in files[0])))
    folder = ""
    for inode, file in known.items():
        path = _path_of_one_line(file.path)
        if path is None:
            continue
        mine, _, name = path.rpartition("/")
        if mine + "/" != folder:
            folder = mine + "/"
            yield folder
        then, later = files[0].get(inode), files[1].get(inode)
        written = (later or file).written
        before = "-" if then is None or then.written == written else str(then.written)
        yield f"{inode} {_size(then)} {_size(later)} {before} {written} {name}"


def _by_inode(collector: Collector, mark: HostMark | None) -> dict[int, FileMark]:
    return {file.inode: file for file in (mark.files if mark else ()) if file.pattern in collector.file}


def _size(file: FileMark | None) -> str:
    return f"{file.size} {file.digest}" if file else "- -"


def _path_of_one_line(path: str) -> str | None:
    return path if "\n" not in path else None


def _patterns_function(collector: Collector) -> str:
    lines = [
        f"pattern {number} {shell_quote(path)} {shell_quote_pattern(path)} || bad=1\n"
        for number, path in enumerate(collector.file, 1)
    ]
    return "patterns() {\nbad=0\n" + "".join(lines) + 'return "$bad"\n}\n'


def _archives_function(collector: Collector) -> str:
    loops = "".join(
        f'for each in {shell_quote_pattern(path)}; do if [ -f "$each" ]; then copies="$copies$each$newline"; fi; done\n'
        for path in collector.archive
    )
    return f"archives() {{\n:\n{loops}}}\n"


def _unmarked_function(collector: Collector) -> str:
    """Says of a path whether the mark could not see it: then it may be old although no mark knows it."""
    cases = "".join(
        f'case $1 in {shell_quote_pattern(path)}) if is_listed {number} "$unseen"; then return 0; fi ;; esac\n'
        for number, path in enumerate(collector.file, 1)
    )
    return f'unmarked() {{\n{cases}was_unreadable "$1"\n}}\n'
