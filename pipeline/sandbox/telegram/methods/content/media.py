"""Methods that send a file: https://core.telegram.org/bots/api#sendphoto and those that follow it there."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.files import FileKind, given_file
from pipeline.sandbox.telegram.content.media import Media, media_of
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.sending import destination, send
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.state import TelegramState


@bot_api_method
def send_photo(state: TelegramState, parameters: Parameters) -> Json:
    """A photo is a picture of at most 10 MB; its width and height are at most 10000 together; it has several sizes."""
    return _send_file(state, "photo", parameters)


@bot_api_method
def send_document(state: TelegramState, parameters: Parameters) -> Json:
    """A document is any file of at most 50 MB, under its own name."""
    return _send_file(state, "document", parameters)


@bot_api_method
def send_video(state: TelegramState, parameters: Parameters) -> Json:
    """A video's width, height and duration are what the bot says, 0 by default: its content isn't read."""
    return _send_file(state, "video", parameters)


@bot_api_method
def send_animation(state: TelegramState, parameters: Parameters) -> Json:
    """An animation's message has the field document as well, for bots from before there were animations."""
    return _send_file(state, "animation", parameters)


@bot_api_method
def send_audio(state: TelegramState, parameters: Parameters) -> Json:
    """An audio file's performer, title and duration are what the bot says."""
    return _send_file(state, "audio", parameters)


@bot_api_method
def send_voice(state: TelegramState, parameters: Parameters) -> Json:
    """A voice message is Ogg, MP3 or M4A, and has no file name."""
    return _send_file(state, "voice", parameters)


@bot_api_method
def send_video_note(state: TelegramState, parameters: Parameters) -> Json:
    """A video note has no caption; its length is 640 at most."""
    return _send_file(state, "video_note", parameters)


@bot_api_method
def send_sticker(state: TelegramState, parameters: Parameters) -> Json:
    """A sticker has no caption; the file's name says whether it is animated (.tgs) or a video (.webm)."""
    return _send_file(state, "sticker", parameters)


def without_keyboard(parameters: Parameters) -> Parameters:
    """The parameters of a method that has no `reply_markup`."""
    return {name: value for name, value in parameters.items() if name != "reply_markup"}


def _send_file(state: TelegramState, kind: FileKind, parameters: Parameters) -> Json:
    if given_file(parameters, kind) is None:
        raise bad_request(f"there is no {kind.replace('_', ' ')} in the request")
    to = destination(state, parameters)
    media: Media = media_of(state.files, kind, parameters, parameters, kind)
    return send(state, to, media.content, media.record)
