"""Members of a chat: https://core.telegram.org/bots/api#chatmember."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.sandbox.json_types import Json

MemberStatus = Literal["creator", "administrator", "member", "restricted", "left", "kicked"]

ADMINISTRATOR_RIGHTS = (
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_send_welcome_messages",
)
_RIGHTS_IN_GROUPS = ("can_pin_messages", "can_manage_topics", "can_manage_tags")
_RIGHTS_IN_CHANNELS = ("can_post_messages", "can_edit_messages", "can_manage_direct_messages")
PERMISSIONS = (
    "can_send_messages",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_react_to_messages",
    "can_edit_tag",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
)


@dataclass(frozen=True)
class Member:
    """What somebody is in a chat."""

    status: MemberStatus = "member"
    rights: Mapping[str, bool] = field(default_factory=dict)
    """What an administrator may do, or a restricted member: by default all, and nothing."""
    custom_title: str | None = None
    until_date: int = 0
    """When a ban or a restriction ends, in seconds since the epoch; 0: never."""
    is_member: bool = True
    """Whether a restricted person is in the chat."""

    @property
    def is_present(self) -> bool:
        return self.status in ("creator", "administrator", "member") or (self.status == "restricted" and self.is_member)

    @property
    def is_administrator(self) -> bool:
        return self.status in ("creator", "administrator")

    def may(self, right: str) -> bool:
        """Whether an administrator has this right; others never."""
        return self.status == "creator" or (self.status == "administrator" and self.rights.get(right, True))

    def as_json(self, user: Json, chat_type: str) -> Json:
        """The ChatMember object, with every field that its status requires."""
        member: Json = {"user": user, "status": self.status}
        if self.status == "creator":
            member["is_anonymous"] = False
        elif self.status == "administrator":
            of_chat = _RIGHTS_IN_CHANNELS if chat_type == "channel" else _RIGHTS_IN_GROUPS
            rights = {name: self.rights.get(name, True) for name in (*ADMINISTRATOR_RIGHTS, *of_chat)}
            member |= {"can_be_edited": False, "is_anonymous": False, **rights}
        elif self.status == "restricted":
            permissions = {name: self.rights.get(name, False) for name in PERMISSIONS}
            member |= {"is_member": self.is_member, **permissions, "until_date": self.until_date}
        elif self.status == "kicked":
            member["until_date"] = self.until_date
        if self.custom_title is not None and self.is_administrator:
            member["custom_title"] = self.custom_title
        return member
