"""What a bot wants of the preview of a link: https://core.telegram.org/bots/api#linkpreviewoptions."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.fields import FieldError, optional_boolean, optional_string, refused
from pipeline.sandbox.telegram.parameters import boolean, decoded


def link_preview_options(parameters: Parameters) -> Json:
    """The field of a Message, which says only what differs from the default. MethodError 400 in the server's words."""
    given = decoded(parameters, "link_preview_options")
    if given is None:
        options: Json = {"is_disabled": True} if boolean(parameters, "disable_web_page_preview") else {}
    elif not isinstance(given, dict):
        raise refused("Object expected as link preview options")
    else:
        options = _options(given)
    return {"link_preview_options": options} if options else {}


def _options(given: Json) -> Json:
    try:
        values = {
            "is_disabled": optional_boolean(given, "is_disabled"),
            "url": optional_string(given, "url"),
            "prefer_small_media": optional_boolean(given, "prefer_small_media"),
            "prefer_large_media": optional_boolean(given, "prefer_large_media"),
            "show_above_text": optional_boolean(given, "show_above_text"),
        }
    except FieldError as error:
        raise refused(error) from None
    return {name: value for name, value in values.items() if value}
