"""A card <-> the two messages that it is in Robot's log: its payload, and the card without it. Pure.

log.html holds the text of a message packed, unless that saves less than a tenth, and a browser unpacks it when its test
opens, by a slow script. A payload is packed as it is: in a message of its own Robot leaves it alone, and the card is
unpacked in about two thirds of the time. Its row in the log is hidden by the card's style sheet.
"""

from __future__ import annotations

import re

_PAYLOAD_START = '<data class="failtale-payload" data-failure-id="'
_PAYLOAD = re.compile(rf'{_PAYLOAD_START}([^"]*)" hidden value="(failtale:[^"<>]*)"></data>')
_CARD = re.compile(r'<div data-failtale="1" data-failure-id="([^"]*)"')
_OWN_PAYLOAD = re.compile(r'<data hidden value="(failtale:[^"<>]*)"></data>(?=</div>\Z)')
_END = "</div>"


def messages_of(card: str) -> tuple[str, ...]:
    """The payload and the card without it, in this order; the card alone where it has none."""
    match, payload = _CARD.match(card), _OWN_PAYLOAD.search(card)
    if match is None or payload is None:
        return (card,)
    return _message(match[1], payload[1]), card[: payload.start()] + _END


def is_payload(message: str) -> bool:
    """Whether a message begins as the payload of the card in the next one."""
    return message.startswith(_PAYLOAD_START)


def with_payload(card: str, payload: str) -> str:
    """The card with the payload of a message in it; as it was where it has one, and where that is another's."""
    mine, theirs = _CARD.match(card), _PAYLOAD.fullmatch(payload)
    if mine is None or theirs is None or mine[1] != theirs[1] or _OWN_PAYLOAD.search(card):
        return card
    return f'{card.removesuffix(_END)}<data hidden value="{theirs[2]}"></data>{_END}'


def with_other_payload(message: str, payload: str) -> str | None:
    """The message of a payload with another one; None where it is not quite such a message."""
    match = _PAYLOAD.fullmatch(message)
    return _message(match[1], payload) if match else None


def _message(failure_id: str, payload: str) -> str:
    """``failure_id`` as it stands in the card, where it is escaped."""
    return f'{_PAYLOAD_START}{failure_id}" hidden value="{payload}"></data>'
