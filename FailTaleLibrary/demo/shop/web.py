"""web: takes customers' requests and passes them to api.

Run as ``python -m FailTaleLibrary.demo.shop.web ROOT API_PORT``; its log is ROOT/var/log/shop/web.log.
"""

from __future__ import annotations

import sys
from pathlib import Path

from FailTaleLibrary.demo.shop.service import Answer, Request, ask, iso_local, open_log, serve


class Web:
    """Passes on, and misses its favicon: an error in every log that means nothing."""

    def __init__(self, root: Path, *, api_port: int) -> None:
        self._favicon = root / "srv/favicon.ico"
        self._api_port = api_port
        self.log = open_log(
            root / "var/log/shop/web.log", style="%(asctime)s %(levelname)-7s %(message)s", time=iso_local
        )

    def handle(self, request: Request) -> Answer:
        try:
            return ask(self._api_port, request)
        except OSError as error:
            self.log.error("req=%s api does not answer: %s", request.id, error)  # noqa: TRY400 - one line is enough
            return Answer(504)

    def keep_house(self) -> None:
        if not self._favicon.exists():
            self.log.error("static file %s not found", self._favicon.name)


if __name__ == "__main__":
    web = Web(Path(sys.argv[1]), api_port=int(sys.argv[2]))
    serve(web.handle, log=web.log, housekeeping=web.keep_house)
