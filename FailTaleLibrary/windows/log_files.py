"""A file collector and its window -> the shell text that reads each file's window.

The scripts (`on_host/plan_files.sh`, `on_host/read_files.sh`) decide for every byte by the best that is known: a mark
proves, the log's own times infer between two marks, and what neither tells is shown and said to be unsure.
"""

from __future__ import annotations

from collections.abc import Iterator

from FailTaleLibrary.config import Collector
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.windows.awk_formats import time_functions
from FailTaleLibrary.windows.look_back import LOOK_BACK_BYTES
from FailTaleLibrary.windows.model import MOST_FILES, FileMark, HostMark, ResolvedWindow
from FailTaleLibrary.windows.pipeline import (
    assignments,
    grep,
    is_pattern,
    kept_lines,
    narrowing,
    shell_quote,
    shell_quote_pattern,
    sifting,
)

SCAN_BYTES = 8 * 1024 * 1024
"""Newest bytes of one file in which a window is sought by times; more would make a slow host slower."""
_GRACE_S = 120
"""A file that was last written so long before the window has nothing in it; file servers have clocks of their own."""
_SCRIPTS = ("frames.sh", "file_identity.sh", "file_content.sh", "plan_files.sh", "look_back.sh", "read_files.sh")


def file_producer(collector: Collector, window: ResolvedWindow, *, max_bytes: int) -> tuple[str, ...]:
    """Reads each file from its mark, else by its lines' times, else its newest lines; filters each by itself.

    So a noisy file does not drown the others, and each keeps its heading. In pieces, of which all but the first are the
    same for other collectors.
    """
    early, late = _marks(collector, window)
    first = early or late
    since = None if window.kind == "none" else window.since_epoch
    sure = since if window.sure_epoch is None else window.sure_epoch
    settings = [
        ("how", "mark" if first else "time" if since is not None else "tail"),
        ("low_at", "" if since is None else f"{since:.6f}"),
        ("high_at", "" if since is None or sure is None else f"{sure:.6f}"),
        ("stale", "" if since is None else int(since) - _GRACE_S),
        ("marked_at", int(first.epoch) if first and first.epoch is not None else 0),
        ("early", "yes" if early else ""),
        ("late", "yes" if late else ""),
        ("marks", "\n".join(_table_of_files(collector, early, late))),
        ("zone", "" if window.utc_offset_s is None else window.utc_offset_s),
        ("before", collector.before),
        ("several", "yes" if len(collector.file) > 1 or is_pattern(collector.file[0]) else ""),
        ("max", max_bytes),
        ("scan", SCAN_BYTES),
        ("reach", LOOK_BACK_BYTES),
        ("most", MOST_FILES),
    ]
    functions = [
        _patterns_function(collector, first),
        _archives_function(collector),
        _unmarked_function(collector, first),
        f"narrow() {{ {narrowing(collector, '$1')}; }}\n",
        f"sift() {{ {sifting(collector)}; }}\n",
    ]
    programs = [
        ("digesting", host_script("digest.awk")),
        ("changed", host_script("changed_files.awk")),
        ("look_back", host_script("look_back.awk") if first or since is not None else ""),
        ("times", host_script("times.awk") + time_functions(collector.time_format)),
    ]
    own = "".join([assignments(settings), *functions])
    return (own, *(assignments([program]) for program in programs), *map(host_script, _SCRIPTS))


def shown_files(collector: Collector, window: ResolvedWindow) -> str:
    """What a person would type for about the same lines."""
    early, late = _marks(collector, window)
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


def _marks(collector: Collector, window: ResolvedWindow) -> tuple[HostMark | None, HostMark | None]:
    """The marks from before and from after the window's start that know these files; None where there is none."""
    if window.kind == "none":
        return None, None
    early, late = (mark if _covers(mark, collector) else None for mark in (window.mark, window.late_mark))
    if late and None not in (late.epoch, window.until_epoch) and late.epoch > window.until_epoch:  # type: ignore[operator]
        late = None  # from after the failure: nothing of the window stands behind it
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
        yield f"{inode} {_size(then)} {_size(later)} {(later or file).written} {name}"


def _by_inode(collector: Collector, mark: HostMark | None) -> dict[int, FileMark]:
    return {file.inode: file for file in (mark.files if mark else ()) if file.pattern in collector.file}


def _size(file: FileMark | None) -> str:
    return f"{file.size} {file.digest}" if file else "- -"


def _path_of_one_line(path: str) -> str | None:
    return path if "\n" not in path else None


def _patterns_function(collector: Collector, mark: HostMark | None) -> str:
    marked = {file.pattern for file in mark.files} if mark else set()
    lines = [
        f"pattern {_yes_or_empty(path in marked)} {shell_quote(path)} {shell_quote_pattern(path)} || bad=1\n"
        for path in collector.file
    ]
    return "patterns() {\nbad=0\n" + "".join(lines) + 'return "$bad"\n}\n'


def _yes_or_empty(is_so: bool) -> str:
    return "yes" if is_so else "''"


def _archives_function(collector: Collector) -> str:
    loops = "".join(
        f'for each in {shell_quote_pattern(path)}; do if [ -f "$each" ]; then printf \'%s\\n\' "$each"; fi; done\n'
        for path in collector.archive
    )
    return f"archives() {{\n:\n{loops}}}\n"


def _unmarked_function(collector: Collector, mark: HostMark | None) -> str:
    """Says of a path whether the mark could not see it: then it may be old although no mark knows it."""
    if mark is None:
        return "unmarked() { return 1; }\n"
    unseen = [shell_quote_pattern(path) for path in collector.file if path not in mark.patterns]
    cases = "|".join(unseen + [shell_quote(path) for path in mark.unreadable])
    known = f"{cases}) ;;\n" if cases else ""
    return f"unmarked() {{\ncase $1 in\n{known}*) return 1 ;;\nesac\n}}\n"
