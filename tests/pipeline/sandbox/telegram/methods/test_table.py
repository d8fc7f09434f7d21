"""How a method is found."""

from pkgutil import iter_modules

from pipeline.sandbox.telegram import methods
from pipeline.sandbox.telegram.methods.messages import send_message
from pipeline.sandbox.telegram.methods.table import find_method
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused


def test_method_names_are_case_insensitive(telegram: Telegram) -> None:
    """Making requests: all methods in the Bot API are case-insensitive."""
    assert telegram.call("GETME", {}) == telegram.call("getMe", {})


def test_a_method_that_telegram_does_not_have_is_not_found(telegram: Telegram) -> None:
    """Making requests: the server's answer to an unknown name."""
    assert refused(lambda: telegram.call("getNothing", {}))[:2] == (404, "Not Found: method not found")


def test_a_method_that_is_not_simulated_says_so_in_one_line(telegram: Telegram) -> None:
    """No rule of the Bot API: a bot's author must see that the gap is the sandbox's, not the bot's."""
    code, description, _ = refused(lambda: telegram.call("getstartransactions", {}))
    assert code == 400
    assert description.startswith("Bad Request: the sandbox does not simulate getStarTransactions:")
    assert "\n" not in description


def test_a_function_serves_the_method_of_its_name() -> None:
    """Making requests: https://api.telegram.org/bot<token>/METHOD_NAME."""
    assert find_method("sendMessage") is send_message


def test_the_methods_of_every_module_are_in_the_table() -> None:
    """No rule of the Bot API: a module that the package doesn't import would leave its methods unknown."""
    modules = {module.name for module in iter_modules(methods.__path__)} - {"table", "sending", "replies"}
    assert modules == set(methods.__all__)
