"""Methods about files: https://core.telegram.org/bots/api#getfile"""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.files import LARGEST_DOWNLOAD
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.state import TelegramState


@bot_api_method
def get_file(state: TelegramState, parameters: Parameters) -> Json:
    """A file of at most 20 MB has a path, at which `/file/bot<token>/<path>` gives its content."""
    file_id = str(parameters.get("file_id", "")).strip()
    if not file_id:
        raise bad_request("file_id not specified")
    stored = state.files.by_id(file_id)
    if stored is None:
        raise bad_request("invalid file_id")
    if len(stored.content) > LARGEST_DOWNLOAD:
        raise bad_request("file is too big")
    return stored.as_file()
