"""The Bot API as Telegram documents it: the names of all methods and update kinds, simulated or not.

https://core.telegram.org/bots/api
"""

VERSION = "10.4"

_METHODS = """
addStickerToSet answerCallbackQuery answerChatJoinRequestQuery answerGuestQuery answerInlineQuery
answerPreCheckoutQuery answerShippingQuery answerWebAppQuery answerWidgetQuery approveChatJoinRequest
approveSuggestedPost banChatMember banChatSenderChat close closeForumTopic closeGeneralForumTopic
convertGiftToStars copyMessage copyMessages createChatInviteLink createChatSubscriptionInviteLink
createForumTopic createInvoiceLink createNewStickerSet declineChatJoinRequest declineSuggestedPost
deleteAllMessageReactions deleteBusinessMessages deleteChatPhoto deleteChatStickerSet deleteEphemeralMessage
deleteForumTopic deleteMessage deleteMessageReaction deleteMessages deleteMyCommands deleteStickerFromSet
deleteStickerSet deleteStory deleteWebhook editChatInviteLink editChatSubscriptionInviteLink
editEphemeralMessageCaption editEphemeralMessageMedia editEphemeralMessageReplyMarkup
editEphemeralMessageText editForumTopic editGeneralForumTopic editMessageCaption editMessageChecklist
editMessageLiveLocation editMessageMedia editMessageReplyMarkup editMessageText editMessageWidgetData
editSharedWidgetData editStory editUserStarSubscription exportChatInviteLink forwardMessage forwardMessages
getAvailableGifts getBusinessAccountGifts getBusinessAccountStarBalance getBusinessConnection getChat
getChatAdministrators getChatGifts getChatMember getChatMemberCount getChatMenuButton getCustomEmojiStickers
getFile getForumTopicIconStickers getGameHighScores getManagedBotAccessSettings getManagedBotToken getMe
getMyCommands getMyDefaultAdministratorRights getMyDescription getMyName getMyShortDescription
getMyStarBalance getStarTransactions getStickerSet getUpdates getUserChatBoosts getUserGifts
getUserPersonalChatMessages getUserProfileAudios getUserProfilePhotos getWebhookInfo giftPremiumSubscription
hideGeneralForumTopic leaveChat logOut pinChatMessage postStory promoteChatMember readBusinessMessage
refundStarPayment removeBusinessAccountProfilePhoto removeChatVerification removeMyProfilePhoto
removeUserVerification reopenForumTopic reopenGeneralForumTopic replaceManagedBotToken replaceStickerInSet
repostStory restrictChatMember revokeChatInviteLink savePreparedInlineMessage savePreparedKeyboardButton
sendAnimation sendAudio sendChatAction sendChatJoinRequestWebApp sendChecklist sendContact sendDice
sendDocument sendGame sendGift sendInvoice sendLivePhoto sendLocation sendMediaGroup sendMessage
sendMessageDraft sendPaidMedia sendPhoto sendPoll sendRichMessage sendRichMessageDraft sendSharedWidget
sendSticker sendVenue sendVideo sendVideoNote sendVoice sendWidget setBusinessAccountBio
setBusinessAccountGiftSettings setBusinessAccountName setBusinessAccountProfilePhoto
setBusinessAccountUsername setChatAdministratorCustomTitle setChatDescription setChatMemberTag
setChatMenuButton setChatPermissions setChatPhoto setChatStickerSet setChatTitle
setCustomEmojiStickerSetThumbnail setGameScore setManagedBotAccessSettings setMessageReaction setMyCommands
setMyDefaultAdministratorRights setMyDescription setMyName setMyProfilePhoto setMyShortDescription
setPassportDataErrors setStickerEmojiList setStickerKeywords setStickerMaskPosition setStickerPositionInSet
setStickerSetThumbnail setStickerSetTitle setUserEmojiStatus setWebhook stopMessageLiveLocation stopPoll
transferBusinessAccountStars transferGift unbanChatMember unbanChatSenderChat unhideGeneralForumTopic
unpinAllChatMessages unpinAllForumTopicMessages unpinAllGeneralForumTopicMessages unpinChatMessage
upgradeGift uploadStickerFile verifyChat verifyUser
"""

METHODS = tuple(_METHODS.split())
"""Each method, in alphabetical order, as https://core.telegram.org/bots/api#available-methods writes it."""

UPDATE_KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "guest_message",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
    "subscription",
    "stopped_message_generation",
    "widget_query",
    "shared_widget_query",
)
"""The optional fields of https://core.telegram.org/bots/api#update, of which each update has one."""

_BY_LOWER_NAME = {name.lower(): name for name in METHODS}


def documented_name(method: str) -> str | None:
    """A method's name as Telegram writes it, given in upper or lower case; None where Telegram has no such method."""
    return _BY_LOWER_NAME.get(method.lower())
