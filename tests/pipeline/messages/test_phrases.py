"""The fixed texts: which language a person gets, and what a translator may not leave out."""

import re

import pytest

from pipeline.messages.phrases import Phrases, Usage, all_phrases, fixed_answer, phrases, read_phrases, usage_answer
from pipeline.messages.utf16 import utf16_length

LANGUAGES = ["en", "de", "es", "fr", "pt", "ru", "ar", "zh", "ja", "hi"]

ENGLISH = """
[en]
start = "Hello, see /help."
help = "Write to me."
new = "Anew."
privacy = "I keep it all."
privacy_contact = "Ask {contact}."
fallback = "Sorry."
unreadable = "Please write."
thanks = "Thanks."
stopped = "(Stopped.)"
cut = "(The end.)"
usage = "{used}."
usage_limit = "{used} of {limit}, {left} left."
usage_chat = "Chat: {used} of {limit}, {left} left."
usage_ends = "Until {when}."
limit_user = "You: {when}."
limit_chat = "Here: {when}."
limit_bot = "All: {when}."
[en.commands]
start = "Hello"
help = "Help"
new = "New"
usage = "Usage"
privacy = "Privacy"
"""


def test_there_are_ten_languages_and_each_has_each_text() -> None:
    assert list(all_phrases()) == LANGUAGES
    for texts in all_phrases().values():
        assert all(text.strip() == text for name, text in texts if name != "commands")


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_no_text_was_left_in_english(language: str) -> None:
    translated, english = phrases(language).model_dump(), phrases("en").model_dump()
    same = {name for name, text in translated.items() if text == english[name]}
    same |= {name for name, text in translated["commands"].items() if text == english["commands"][name]}
    assert same == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_names_the_commands_that_the_english_text_names(language: str) -> None:
    for name, text in phrases("en"):
        if name != "commands":
            assert re.findall(r"/[a-z]+", getattr(phrases(language), name)) == re.findall(r"/[a-z]+", text)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de", "de"), ("pt-BR", "pt"), ("pt-br", "pt"), ("zh-hans", "zh"), ("zh_TW", "zh"), ("PT", "pt"),
        ("fi", "en"), ("deu", "en"), ("", "en"), ("-", "en"), (None, "en"), ("x" * 5000, "en"),
    ],
)  # fmt: skip
def test_a_language_is_chosen_by_the_first_part_of_its_tag_and_english_where_none_fits(
    tag: str | None, language: str
) -> None:
    assert phrases(tag) is all_phrases()[language]


def test_commands_are_answered_in_the_language_of_their_author() -> None:
    assert fixed_answer("start", "es-419") == phrases("es").start
    assert fixed_answer("help", "ja") == phrases("ja").help
    assert fixed_answer("privacy", "hi") == phrases("hi").privacy
    assert fixed_answer("new", "ru") == phrases("ru").new
    assert (fixed_answer("joke", "de"), fixed_answer(None, "de"), fixed_answer("fallback")) == (None, None, None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_whom_to_ask_is_the_last_line_of_privacy_and_is_not_shown_where_nobody_is_named(language: str) -> None:
    told = fixed_answer("privacy", language, "Ada {x} <ada@example.org>")
    assert told is not None
    *before, last = told.splitlines()
    assert "\n".join(before) == phrases(language).privacy
    assert last.endswith("Ada {x} <ada@example.org>")
    assert "Ada" not in str(fixed_answer("help", language, "Ada"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_thanks_for_a_press_fit_into_what_telegram_shows_for_a_moment(language: str) -> None:
    assert utf16_length(phrases(language).thanks) <= 200


# What a user has spent


def test_usage_says_what_was_used_and_when_the_day_ends() -> None:
    assert usage_answer(Usage(12, 0, 40, 0, "NOW")) == "You have used 12 tokens today.\nThe day ends at NOW."


@pytest.mark.parametrize("language", LANGUAGES)
def test_usage_says_what_is_left_of_a_users_and_a_chats_limit(language: str) -> None:
    user, chat, ends = usage_answer(Usage(12, 100, 250, 200, "NOW"), language).splitlines()
    assert [sorted(map(int, re.findall("[0-9]+", line))) for line in (user, chat)] == [[12, 88, 100], [0, 200, 250]]
    assert "NOW" in ends


# The file


def other(text: str, replacement: str) -> str:
    """The English file, and a German part that differs in one place."""
    german = ENGLISH.replace("[en", "[de")
    assert german.count(text) == 1
    return ENGLISH + german.replace(text, replacement)


def test_a_language_is_added_by_its_texts_alone() -> None:
    languages = read_phrases(other("Hello, see /help.", "Hallo, siehe /help."))
    assert isinstance(languages["de"], Phrases)
    assert (languages["de"].start, languages["en"].start) == ("Hallo, siehe /help.", "Hello, see /help.")


@pytest.mark.parametrize(
    ("text", "replacement", "fault"),
    [
        ('fallback = "Sorry."', "", "de.fallback: Field required"),
        ('help = "Help"', "", "de.commands.help: Field required"),
        ('help = "Help"', 'help = "Help"\njoke = "Joke"', "de.commands.joke: Extra inputs are not permitted"),
        ('fallback = "Sorry."', 'fallback = ""', "de.fallback: String should have at least 1 character"),
        ('fallback = "Sorry."', "fallback = 5", "de.fallback: Input should be a valid string"),
        ("(The end.)", r"(The\nend.)", "de.cut: String should match pattern"),
        ("Thanks.", "x" * 201, "de.thanks: String should have at most 200 characters"),
        ('help = "Help"', f'help = "{"x" * 257}"', "de.commands.help: String should have at most 256 characters"),
        ("Ask {contact}.", "Ask.", r"de.privacy_contact: its words in braces must be \['contact'\]"),
        ("Ask {contact}.", "Ask {Kontakt}.", "de.privacy_contact: its words in braces must be"),
        ("Ask {contact}.", "Ask {contact.", "de.privacy_contact: its words in braces must be"),
        (
            '{used} of {limit}, {left} left."\nusage_chat',
            '{used}."\nusage_chat',
            r"de.usage_limit: its words in braces must be",
        ),
        ("Here: {when}.", "Here.", r"de.limit_chat: its words in braces must be \['when'\]"),
        ("Sorry.", "Sorry, {contact}.", r"de.fallback: its words in braces must be \[\]"),
        ("Write to me.", "Write <b>to me</b>.", "de.help: a text has no <, > or &"),
        ('help = "Help"', 'help = "Help & more"', "de.commands.help: a text has no <, > or &"),
    ],
)
def test_a_text_that_is_missing_or_broken_is_named(text: str, replacement: str, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}"):
        read_phrases(other(text, replacement))


@pytest.mark.parametrize(
    ("content", "fault"),
    [(ENGLISH.replace("[en", "[de"), "^en: the language is missing"), (ENGLISH.replace("[en", "[eng"), "^eng")],
)
def test_the_languages_have_two_letters_and_english_is_one_of_them(content: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_phrases(content)
