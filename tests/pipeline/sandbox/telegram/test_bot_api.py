"""The names of the Bot API's methods and update kinds."""

import aiogram
from aiogram.enums import UpdateType
from aiogram.methods import TelegramMethod

from pipeline.sandbox.telegram import bot_api


def test_it_has_every_method_that_a_client_of_others_knows() -> None:
    """Available methods: compared with aiogram's, which are generated from the documentation."""
    exported = [getattr(aiogram.methods, name) for name in aiogram.methods.__all__]
    known = {
        method.__api_method__
        for method in exported
        if isinstance(method, type) and issubclass(method, TelegramMethod) and method is not TelegramMethod
    }
    assert len(known) > 180
    assert known - set(bot_api.METHODS) == set()


def test_it_has_every_update_kind_that_a_client_of_others_knows() -> None:
    """Update: its optional fields."""
    assert {kind.value for kind in UpdateType} - set(bot_api.UPDATE_KINDS) == set()


def test_names_are_in_order_and_each_is_there_once() -> None:
    assert list(bot_api.METHODS) == sorted(set(bot_api.METHODS))
    assert len(bot_api.UPDATE_KINDS) == len(set(bot_api.UPDATE_KINDS))


def test_a_name_is_found_in_upper_and_lower_case() -> None:
    """Making requests: all methods in the Bot API are case-insensitive."""
    assert bot_api.documented_name("SENDMESSAGE") == "sendMessage"
    assert bot_api.documented_name("sendTelepathy") is None
