"""Prompt -> the same with what may go along: a screenshot of the failing test.

It supports no answer: what a model says is held against the lines alone, so a name or a number that only a picture
shows is an invention. It is known to the reader by a note.
"""

from __future__ import annotations

from dataclasses import replace

from FailTaleLibrary.hints.ollama import Model
from FailTaleLibrary.hints.prompt import ANSWER_TOKENS, Prompt
from FailTaleLibrary.records import SafeText, our_words
from FailTaleLibrary.screenshots import Picture

_PICTURE_KINDS = ("png", "jpeg")
"""What every version of Ollama reads."""
_PICTURE_TOKENS = 3000
"""Of a picture of 1920 by 1080 pixels, by the models that take the most."""
_WITH_PICTURE = our_words("The model also saw the test's screenshot, which supports nothing here.")


def with_picture(prompt: Prompt, picture: Picture, model: Model) -> Prompt:
    """The prompt with a picture, or with the reason why the model does not get it."""
    if reason := _why_no_picture(prompt, picture, model):
        return replace(prompt, notes=(*prompt.notes, reason))
    return replace(prompt, picture=picture, estimated_tokens=prompt.estimated_tokens + _PICTURE_TOKENS)


def _why_no_picture(prompt: Prompt, picture: Picture, model: Model) -> SafeText | None:
    if not model.takes_pictures:
        return our_words("The screenshot was not sent: the model takes no pictures.")
    if model.is_remote:
        return our_words("The screenshot was not sent: the model runs in a cloud, and nothing redacts a picture.")
    if picture.kind not in _PICTURE_KINDS:
        return our_words("The screenshot was not sent: it is neither PNG nor JPEG.")
    if prompt.estimated_tokens + _PICTURE_TOKENS + ANSWER_TOKENS > model.context_tokens:
        return our_words("The screenshot was not sent: the model's context has no room; see 'analysis: context'.")
    return None


def sentences_of(prompt: Prompt) -> tuple[SafeText, ...]:
    """What goes along with a prompt, for a reader."""
    return (_WITH_PICTURE,) if prompt.picture else ()
